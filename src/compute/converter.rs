//! The converter: one quantity is edited, what is held stays, the rest follows.
//!
//! Everything hangs on two equations, C = 6·P·D (or, counted, FLOP for a token times D) and C = n·r·T. What follows an edit is the first of a
//! fixed order that is not held: tokens follow compute, days follow GPUs.

use super::{flop_of, flop_to_pf_days, gpu_hours_of, pf_days_to_flop, time_of, training_flop};
use crate::field::Value;
use crate::scenario::{Field, Invalid, Scenario, shortened};
use crate::units::{FlopPerSecond, SECONDS_PER_DAY, SECONDS_PER_HOUR, Seconds, editable};
use std::fmt;

/// A derived quantity that the converter lets a reader edit. GPUs and the rate are [`Field`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // Each says of itself what it is: `label`.
pub enum Quantity {
    Flop,
    PfDays,
    GpuHours,
    Days,
}

impl Quantity {
    /// Every quantity, in the order shown.
    pub const ALL: [Self; 4] = [Self::Flop, Self::PfDays, Self::GpuHours, Self::Days];

    /// Its id on the page.
    pub fn key(self) -> &'static str {
        match self {
            Self::Flop => "flop",
            Self::PfDays => "pf-days",
            Self::GpuHours => "gpu-hours",
            Self::Days => "days",
        }
    }

    /// What the page calls it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Flop => "FLOP",
            Self::PfDays => "PF-days",
            Self::GpuHours => "GPU-hours",
            Self::Days => "Days",
        }
    }

    /// Its value in a scenario, in its own unit.
    pub fn of(self, scenario: &Scenario) -> f64 {
        let flop = training_flop::<f64>(scenario);
        let time = time_of(flop, throughput(scenario));
        match self {
            Self::Flop => flop,
            Self::PfDays => flop_to_pf_days(flop),
            Self::GpuHours => gpu_hours_of(scenario.gpus() as f64, time),
            Self::Days => time.days(),
        }
    }

    /// Reads what was typed: a positive, finite number.
    ///
    /// # Errors
    /// Where it is not.
    pub fn parse(self, text: &str) -> Result<f64, Unconvertible> {
        match Scenario::read_real(text, self.label()) {
            Some(value) if value > 0.0 => Ok(value),
            _ => Err(Unconvertible::NotPositive(self, text.trim().to_owned())),
        }
    }

    /// This scenario with the quantity set to `value`, the held quantities unchanged.
    ///
    /// # Errors
    /// Where everything that could follow is held, or would leave its range.
    pub fn set(self, scenario: &Scenario, value: f64) -> Result<Scenario, Unconvertible> {
        self.followed(scenario, value).map_err(|why| match why {
            Unconvertible::Follows(invalid) => Unconvertible::OutOfReach(self, value, invalid),
            other => other,
        })
    }

    fn followed(self, scenario: &Scenario, value: f64) -> Result<Scenario, Unconvertible> {
        let held = scenario.held();
        let (gpus, rate) = (scenario.gpus() as f64, scenario.achieved());
        let time = Seconds(Self::Days.of(scenario) * SECONDS_PER_DAY);
        match self {
            Self::Flop => {
                set_compute(scenario, value).and_then(|set| keep_time(&set, time, Edited::Compute))
            }
            Self::PfDays => Self::Flop.followed(scenario, pf_days_to_flop(value)),
            Self::Days => {
                let time = Seconds(value * SECONDS_PER_DAY);
                let flop = flop_of(throughput(scenario), time);
                if !held.compute && !held.tokens {
                    set_compute(scenario, flop)
                } else if !held.gpus {
                    set_gpus(scenario, training_flop::<f64>(scenario) / (rate.0 * time.0))
                } else if !held.rate {
                    set_rate(
                        scenario,
                        FlopPerSecond(training_flop::<f64>(scenario) / (gpus * time.0)),
                    )
                } else if !held.compute {
                    set_compute(scenario, flop)
                } else {
                    Err(Unconvertible::AllHeld("compute, GPUs or TFLOP/s"))
                }
            }
            Self::GpuHours => {
                let gpu_seconds = value * SECONDS_PER_HOUR;
                // Compute is what these GPU-hours do at the held rate, or the rate is what the held compute asks for.
                let set = if !held.compute && (held.rate || !held.tokens) {
                    set_compute(scenario, gpu_seconds * rate.0)?
                } else if !held.rate {
                    set_rate(
                        scenario,
                        FlopPerSecond(training_flop::<f64>(scenario) / gpu_seconds),
                    )?
                } else {
                    return Err(Unconvertible::AllHeld("compute or TFLOP/s"));
                };
                match (held.days, held.gpus) {
                    (false, _) => Ok(set),
                    (true, false) => set_gpus(&set, gpu_seconds / time.0),
                    (true, true) => Err(Unconvertible::AllHeld("days or GPUs")),
                }
            }
        }
    }
}

/// Changes fields as the page does: what the reader holds stays, and something else follows.
///
/// # Errors
/// Where a value is not valid, or what would have to follow cannot.
pub fn change(scenario: &Scenario, changes: &[(Field, Value)]) -> Result<Scenario, Unconvertible> {
    let before = Seconds(Quantity::Days.of(scenario) * SECONDS_PER_DAY);
    let held = scenario.held();
    let mut set = scenario.with_all(changes)?;
    let edits = |field| changes.iter().any(|(changed, _)| *changed == field);
    let compute = training_flop::<f64>(&set) != training_flop::<f64>(scenario);
    if held.compute && compute {
        set = match (edits(Field::Tokens), held.tokens) {
            (true, _) => set_parameters(&set, training_flop::<f64>(scenario))?,
            (false, false) => set_tokens(&set, training_flop::<f64>(scenario))?,
            (false, true) => return Err(Unconvertible::AllHeld("compute or tokens")),
        };
        return Ok(set);
    }
    if edits(Field::Gpus) {
        keep_time(&set, before, Edited::Gpus)
    } else if edits(Field::Tflops) || edits(Field::Mfu) {
        keep_time(&set, before, Edited::Rate)
    } else if compute {
        keep_time(&set, before, Edited::Compute)
    } else {
        Ok(set)
    }
}

/// What the reader has just set, and what therefore must not follow.
#[derive(Clone, Copy, PartialEq)]
enum Edited {
    Compute,
    Gpus,
    Rate,
}

/// Where days are held, lets something else follow so that the time is what it was.
fn keep_time(
    scenario: &Scenario,
    time: Seconds,
    edited: Edited,
) -> Result<Scenario, Unconvertible> {
    let held = scenario.held();
    let (gpus, rate, flop) = (
        scenario.gpus() as f64,
        scenario.achieved(),
        training_flop::<f64>(scenario),
    );
    if !held.days {
        Ok(*scenario)
    } else if edited != Edited::Compute && !held.compute && !held.tokens {
        set_compute(scenario, flop_of(throughput(scenario), time))
    } else if edited != Edited::Gpus && !held.gpus {
        set_gpus(scenario, flop / (rate.0 * time.0))
    } else if edited != Edited::Rate && !held.rate {
        set_rate(scenario, FlopPerSecond(flop / (gpus * time.0)))
    } else {
        Err(Unconvertible::AllHeld("days, GPUs or TFLOP/s"))
    }
}

fn throughput(scenario: &Scenario) -> FlopPerSecond {
    FlopPerSecond(scenario.gpus() as f64 * scenario.achieved().0)
}

/// Tokens follow compute; parameters where the reader holds tokens.
fn set_compute(scenario: &Scenario, flop: f64) -> Result<Scenario, Unconvertible> {
    if scenario.held().tokens {
        set_parameters(scenario, flop)
    } else {
        set_tokens(scenario, flop)
    }
}

fn set_tokens(scenario: &Scenario, flop: f64) -> Result<Scenario, Unconvertible> {
    let each = training_flop::<f64>(scenario) / scenario.tokens() as f64;
    follow(scenario, Field::Tokens, flop / each)
}

fn set_parameters(scenario: &Scenario, flop: f64) -> Result<Scenario, Unconvertible> {
    if scenario.is_detailed() {
        // Parameters are counted from the architecture: they cannot follow.
        return Err(Unconvertible::AllHeld("tokens or compute"));
    }
    follow(
        scenario,
        Field::Parameters,
        flop / (6.0 * scenario.tokens() as f64),
    )
}

/// GPUs are whole: rounded up, so that the time asked for is kept.
fn set_gpus(scenario: &Scenario, gpus: f64) -> Result<Scenario, Unconvertible> {
    // What rounding errors add to a whole number is not another GPU.
    follow(scenario, Field::Gpus, (gpus * (1.0 - 1e-9)).ceil())
}

fn set_rate(scenario: &Scenario, rate: FlopPerSecond) -> Result<Scenario, Unconvertible> {
    follow(scenario, Field::Tflops, rate.tflops())
}

fn follow(scenario: &Scenario, field: Field, value: f64) -> Result<Scenario, Unconvertible> {
    let value = match scenario.value(field) {
        Value::Count(_) => Value::Count(value.round() as u64),
        _ => Value::Real(value),
    };
    scenario.with(field, value).map_err(Unconvertible::Follows)
}

/// Why an edit cannot be followed.
#[derive(Clone, Debug, PartialEq)]
pub enum Unconvertible {
    /// Not a number above zero.
    NotPositive(Quantity, String),
    /// Everything that could follow is held; one of these must be released.
    AllHeld(&'static str),
    /// A field is not valid in itself, or would follow out of its range.
    Follows(Invalid),
    /// The quantity was set to this value, and what follows would not be valid.
    OutOfReach(Quantity, f64, Invalid),
}

impl From<Invalid> for Unconvertible {
    fn from(invalid: Invalid) -> Self {
        Self::Follows(invalid)
    }
}

impl fmt::Display for Unconvertible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPositive(quantity, text) => {
                let label = quantity.label();
                write!(
                    f,
                    "{label} = “{}” is not a number above 0; valid: 1234, 1e21, 5 k",
                    shortened(text)
                )
            }
            Self::AllHeld(release) => write!(f, "Nothing is free to follow: release {release}"),
            Self::Follows(invalid) => write!(f, "{invalid}"),
            Self::OutOfReach(quantity, value, invalid) => {
                let (label, value) = (quantity.label(), editable(*value, 6));
                write!(f, "{label} = {value} is out of reach: ")?;
                match invalid {
                    Invalid::OutOfRange(field, _) => {
                        let (label, valid) = (field.label(), field.valid());
                        write!(f, "{label} would leave what is valid, {valid}")
                    }
                    other => write!(f, "{other}"),
                }
            }
        }
    }
}

impl std::error::Error for Unconvertible {}
