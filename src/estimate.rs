//! A scenario in, an estimate out: the whole core in one call.

use crate::compute::{self, Compute};
use crate::formula::{Expression, Source};
use crate::memory::{Memory, Part, rule_of_thumb};
use crate::scenario::Scenario;
use crate::units::{self, Bytes};

/// What a training run takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Compute and time.
    pub compute: Compute,
    /// Memory on each GPU.
    pub memory: Memory,
    /// What each GPU has.
    pub capacity: Bytes,
}

/// Estimates by the rule of thumb. Allocates nothing.
pub fn estimate(scenario: &Scenario) -> Estimate {
    Estimate {
        compute: Compute::of(scenario),
        memory: rule_of_thumb::memory(scenario),
        capacity: scenario.usable(),
    }
}

impl Estimate {
    /// Whether it fits on each GPU.
    pub fn fits(&self) -> bool {
        self.memory.total() <= self.capacity
    }

    /// Bytes used over bytes there are.
    pub fn filled(&self) -> f64 {
        self.memory.total().0 as f64 / self.capacity.0 as f64
    }

    /// The verdict after "Fits." or "Does not fit.": "375.1 of 85.5 GB on each H100: 4.4 times too much."
    pub fn reason(&self, scenario: &Scenario) -> String {
        let (total, capacity, gpu) = (self.memory.total(), self.capacity, scenario.gpu().short);
        let used = format!(
            "{} of {} GB on each {gpu}",
            gigabytes(total),
            gigabytes(capacity)
        );
        let filled = self.filled();
        if self.fits() {
            let free = Bytes(capacity.0 - total.0);
            format!("{used}: {} GB free.", gigabytes(free))
        } else if filled < 1.1 {
            format!(
                "{used}: {} GB too much.",
                gigabytes(Bytes(total.0 - capacity.0))
            )
        } else {
            format!("{used}: {} times too much.", units::significant(filled, 2))
        }
    }

    /// The scenario in one sentence, the title of the page and of every export.
    pub fn question(scenario: &Scenario) -> String {
        let what = if scenario.is_detailed() {
            scenario.model_name()
        } else {
            format!("{} parameters", units::count(scenario.parameters()))
        };
        format!(
            "Train {what} on {} tokens with {} × {} at {} TFLOP/s each.",
            units::count(scenario.tokens()),
            units::count(scenario.gpus()),
            scenario.gpu().name,
            units::editable(scenario.achieved().tflops(), 4),
        )
    }
}

/// Gigabytes as the answer prints them: to a tenth, less precisely where they are many.
pub fn gigabytes(bytes: Bytes) -> String {
    let gb = bytes.gb();
    match gb {
        _ if gb >= 1e9 => units::significant(gb, 4),
        _ if gb >= 10_000.0 => units::decimal(gb, 0),
        _ if gb >= 0.1 => units::decimal(gb, 1),
        _ => units::significant(gb, 2),
    }
}

/// A figure of the answer that explains itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// PetaFLOP-days.
    PfDays,
    /// GPU-hours.
    GpuHours,
    /// Days on the wall.
    Days,
    /// A part of memory.
    Memory(Part),
}

/// Where a figure comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The formula with its values.
    pub formula: Expression,
    /// What it comes to, with its unit.
    pub result: String,
    /// What the coefficients are; empty where the formula says it.
    pub detail: &'static str,
    /// Where it was published.
    pub source: &'static Source,
}

/// Explains a figure: the same definition that computed it, read as a formula.
pub fn explain(scenario: &Scenario, figure: Figure) -> Explanation {
    let explanation = |formula, result, source| Explanation {
        formula,
        result,
        detail: "",
        source,
    };
    let found = Compute::of(scenario);
    match figure {
        Figure::PfDays => explanation(
            compute::pf_days(scenario),
            format!(
                "{} PF-days = {} FLOP",
                units::significant(found.pf_days, 4),
                units::significant(found.flop.0 as f64, 4)
            ),
            compute::training_flop_source(scenario),
        ),
        Figure::GpuHours => explanation(
            compute::gpu_hours(scenario),
            format!("{} GPU-hours", units::significant(found.gpu_hours, 4)),
            &compute::THROUGHPUT_TIME,
        ),
        Figure::Days => explanation(
            compute::days(scenario),
            format!("{} days", units::significant(found.time.days(), 4)),
            &compute::THROUGHPUT_TIME,
        ),
        Figure::Memory(part) => {
            let bytes = rule_of_thumb::memory(scenario).of(part);
            let term = rule_of_thumb::term(scenario, part);
            Explanation {
                formula: term.bytes,
                result: format!("{} bytes", units::grouped(bytes.0)),
                detail: term.detail,
                source: term.source,
            }
        }
    }
}
