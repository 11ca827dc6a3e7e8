//! FLOP by part, and the same run as others count it.

use crate::compute::Compute;
use crate::field::Choice;
use crate::flop::{Convention, Counting, Part, forward, per_token};
use crate::formula::Expression;
use crate::html::{Table, aside, explained, paragraph, setter, source};
use crate::scenario::{Field, Scenario};
use crate::training::Recomputation;
use crate::units::{FLOP_PER_PF_DAY, decimal, significant};

pub fn html(scenario: &Scenario) -> String {
    parts(scenario) + &conventions(scenario)
}

fn parts(scenario: &Scenario) -> String {
    let (architecture, sequence) = (scenario.architecture(), scenario.sequence());
    let flop = forward(architecture, sequence, Counting::Causal);
    let each = |flop_of_sequence: u128| significant(flop.per_token(flop_of_sequence), 4);
    let mut table = Table::new(
        "FLOP for one token by part",
        &["Part", "Forward", "Backward", "%"],
        &[],
    );
    for &part in Part::ALL {
        let forward = flop.of(part);
        if forward == 0 {
            continue;
        }
        let formula: Expression = per_token(architecture, sequence, Counting::Causal, part);
        table.row(
            "",
            &[
                part.label().to_owned(),
                explained(&each(forward), &formula, part.source(architecture)),
                each(2 * forward),
                decimal(100.0 * forward as f64 / flop.total().max(1) as f64, 1),
            ],
        );
    }
    table.row(
        "total",
        &[
            "Total".to_owned(),
            each(flop.total()),
            each(flop.backward()),
            "100".to_owned(),
        ],
    );
    let recomputation = scenario.recomputation();
    let again = match recomputation {
        Recomputation::None => "nothing is recomputed, so hardware FLOP are the same".to_owned(),
        _ => format!(
            "with {} recomputation the hardware does {} (+{}%)",
            recomputation.label().to_lowercase(),
            each(flop.hardware(recomputation)),
            decimal(
                100.0 * flop.recomputed(recomputation) as f64 / flop.model().max(1) as f64,
                1
            )
        ),
    };
    paragraph(&format!(
        "Model FLOP for one token of a sequence of {sequence}, forward and backward: <strong>{}</strong>; {again}. \
         Attention scores count below the diagonal only, windows as long as they are.",
        each(flop.model())
    )) + &table.end()
}

/// The same run under every convention: its FLOP, and the MFU that its GPU-hours are.
fn conventions(scenario: &Scenario) -> String {
    let (architecture, tokens) = (scenario.architecture(), scenario.tokens() as f64);
    let found = Compute::of(scenario);
    let mut table = Table::new(
        "FLOP as others count them",
        &["Convention", "FLOP a token", "PF-days", "MFU", "Source"],
        &[4],
    );
    for &convention in Convention::ALL {
        let flop = convention.flop_per_token(architecture, scenario.sequence());
        let total = flop * tokens;
        let chosen = scenario.is_detailed() && convention == scenario.convention();
        let name = if chosen {
            format!("{} ✓", convention.label())
        } else {
            setter(
                &format!(
                    "{}=detailed&{}={}",
                    Field::Estimator.key(),
                    Field::Convention.key(),
                    convention.key()
                ),
                "quiet",
                convention.label(),
            )
        };
        let utilisation = found.mfu_percent * total / found.flop.0.max(1) as f64;
        let kind = if convention.is_hardware() { " HFU" } else { "" };
        table.row(
            if chosen { "chosen" } else { "" },
            &[
                name,
                significant(flop, 4),
                significant(total / FLOP_PER_PF_DAY, 4),
                format!("{}%{kind}", significant(utilisation, 3)),
                source(convention.source()),
            ],
        );
    }
    aside(
        "The same run, the same GPU-hours, as others count: a printed MFU means little without its convention.",
    ) + &table.end()
}
