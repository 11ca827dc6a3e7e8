//! `petaday fit`: finds the constants of the step-time model that are fitted, and prints them with the errors they leave.
//!
//! A constant is fitted on every third row of its kind in the tables given, in the order of the tables, and held to the
//! others. The error of a row is the logarithm of predicted over measured; rows far out count by their distance, not its
//! square, so that a few runs at the edge of memory do not bend the constants.

use crate::check::time::{self, Kind, Timed};
use petaday::plan::Constants;
use serde_json::Value;

/// A constant that is fitted: its name, how to reach it, the rows it is fitted on.
///
/// `expected` is what counts and publications say by themselves; a constant is held near it, so that rows that can hardly
/// tell two constants apart do not drive both far out.
struct Fitted {
    name: &'static str,
    reach: fn(&mut Constants) -> &mut f64,
    kind: Kind,
    expected: Option<f64>,
}

const FITTED: [Fitted; 7] = [
    fitted("matrix", |c| &mut c.matrix, Kind::Dense, Some(1.0)),
    fitted("attention", |c| &mut c.attention, Kind::Dense, Some(1.0)),
    fitted(
        "attention_half",
        |c| &mut c.attention_half,
        Kind::Dense,
        Some(500.0),
    ),
    fitted(
        "elementwise",
        |c| &mut c.elementwise,
        Kind::Dense,
        Some(1.0),
    ),
    fitted("expert_wait", |c| &mut c.expert_wait, Kind::Experts, None),
    fitted(
        "expert_wait_graphs",
        |c| &mut c.expert_wait_graphs,
        Kind::Experts,
        None,
    ),
    fitted("launch_2022", |c| &mut c.launch_2022, Kind::Layouts, None),
];

const fn fitted(
    name: &'static str,
    reach: fn(&mut Constants) -> &mut f64,
    kind: Kind,
    expected: Option<f64>,
) -> Fitted {
    Fitted {
        name,
        reach,
        kind,
        expected,
    }
}

/// Fits on these rows, prints constants and errors.
pub fn fit(rows: &[Value]) {
    let mut timed: Vec<Timed> = rows.iter().filter_map(|row| time::read(row).ok()).collect();
    // Tables list models one after the other: by accelerator and line, a third of the rows has all kinds of them.
    timed.sort_by(|a, b| a.order.cmp(&b.order));
    let of = |kind: Kind, fitted: bool| -> Vec<&Timed> {
        timed
            .iter()
            .filter(|row| row.kind == kind && row.published)
            .enumerate()
            .filter(|(index, _)| (index % 3 == 0) == fitted)
            .map(|(_, row)| row)
            .collect()
    };
    let mut constants = Constants::FITTED;
    for kind in [Kind::Dense, Kind::Experts, Kind::Layouts] {
        let reach: Vec<_> = FITTED.iter().filter(|one| one.kind == kind).collect();
        descend(&mut constants, &reach, &of(kind, true));
    }
    for Fitted { name, reach, .. } in FITTED {
        println!("{name}: {:.4e}", reach(&mut constants));
    }
    for (kind, name) in [
        (Kind::Dense, "dense"),
        (Kind::Experts, "experts"),
        (Kind::Layouts, "layouts"),
    ] {
        for (fitted, part) in [(true, "fitted"), (false, "not fitted")] {
            report(&format!("{name}, {part}"), &constants, &of(kind, fitted));
        }
    }
    let others: Vec<&Timed> = timed.iter().filter(|row| !row.published).collect();
    report("on a machine of its own rate", &constants, &others);
}

fn error(constants: &Constants, row: &Timed) -> f64 {
    let task = petaday::plan::Task {
        constants: *constants,
        ..row.task
    };
    row.predicted_by(&task).total() / row.seconds
}

fn loss(constants: &Constants, rows: &[&Timed]) -> f64 {
    let far = |row: &&Timed| error(constants, row).ln().hypot(0.03);
    rows.iter().map(far).sum::<f64>() / rows.len().max(1) as f64
}

/// Steps along one constant after the other, longer where a step helped, shorter where none did.
fn descend(constants: &mut Constants, reach: &[&Fitted], rows: &[&Timed]) {
    let mut steps = vec![0.2; reach.len()];
    let loss = |constants: &Constants| {
        let strayed = |one: &&&Fitted| {
            let value = *(one.reach)(&mut constants.clone());
            one.expected.map(|expected| (value / expected).ln().powi(2))
        };
        let strayed: f64 = reach.iter().filter_map(|one| strayed(&one)).sum();
        loss(constants, rows) + STRAYING * strayed
    };
    let mut best = loss(constants);
    for _ in 0..60 {
        for (Fitted { reach, .. }, step) in reach.iter().zip(&mut steps) {
            let tried = [1.0, -1.0].map(|sign| {
                let mut next = *constants;
                *reach(&mut next) *= 1.0 + sign * *step;
                (loss(&next), next)
            });
            match tried.into_iter().find(|(loss, _)| *loss < best - 1e-9) {
                Some((loss, next)) => {
                    (best, *constants) = (loss, next);
                    *step *= 1.3;
                }
                None => *step *= 0.6,
            }
        }
    }
}

/// What a constant e times its expected value weighs, as an error.
const STRAYING: f64 = 0.03;

fn report(name: &str, constants: &Constants, rows: &[&Timed]) {
    let mut errors: Vec<f64> = rows
        .iter()
        .map(|row| (error(constants, row) - 1.0).abs())
        .collect();
    if errors.is_empty() {
        return;
    }
    errors.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let rank = (errors.len() as f64 * share).ceil() as usize;
        100.0 * errors.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
    };
    println!(
        "{name}: {} rows, median {:.1}%, 90th percentile {:.1}%",
        errors.len(),
        at(0.5),
        at(0.9)
    );
}
