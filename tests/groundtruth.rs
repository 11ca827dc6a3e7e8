//! Held against recorded training steps of Hugging Face models: see `tests/reference/groundtruth/README.md`.

#[allow(dead_code)]
#[path = "../src/command/check/mod.rs"]
mod check;

use check::groundtruth::{architecture, step};
use petaday::field::Choice;
use petaday::memory::detailed::{Footprint, Moment, Segment, Step, footprint, tensors};
use petaday::units::Bytes;
use serde_json::Value;

const CASES: &str = include_str!("reference/groundtruth/cases.jsonl");
const FAMILIES: &str = include_str!("reference/groundtruth/families.jsonl");

fn each(table: &str, mut see: impl FnMut(&Value, &Step, &Footprint)) {
    for row in check::rows(table).unwrap() {
        let inputs = &row["inputs"];
        let model = architecture(inputs).unwrap_or_else(|rule| panic!("{}: {rule}", row["id"]));
        let step = step(inputs, &model).unwrap_or_else(|rule| panic!("{}: {rule}", row["id"]));
        see(&row, &step, &footprint(&step));
    }
}

#[track_caller]
fn bytes(row: &Value, key: &str) -> u128 {
    let value = row[key].as_u64();
    value
        .unwrap_or_else(|| panic!("{}: no {key}", row["id"]))
        .into()
}

fn share(ours: u128, theirs: f64) -> f64 {
    (ours as f64 / theirs - 1.0).abs()
}

#[test]
fn states_are_exact() {
    for table in [CASES, FAMILIES] {
        each(table, |row, step, ours| {
            let id = &row["id"];
            if step.adapters.is_none() {
                let parameters = step.architecture.parameters();
                assert_eq!(u128::from(parameters), bytes(row, "params_numel"), "{id}");
            }
            assert_eq!(
                ours.weights.0,
                bytes(row, "param_bytes"),
                "{id}: parameters"
            );
            let gradients = match &row["main_grad_bytes"] {
                Value::Null => bytes(row, "grad_bytes"),
                _ => bytes(row, "main_grad_bytes"),
            };
            assert_eq!(ours.gradients.0, gradients, "{id}: gradients");
            assert_eq!(
                ours.optimizer.0,
                bytes(row, "opt_bytes"),
                "{id}: optimizer states"
            );
            let inputs = bytes(row, "input_bytes") + bytes(row, "buffer_bytes");
            let held = ours.peak().of(Segment::Inputs).0;
            assert_eq!(held, inputs, "{id}: inputs and buffers");
        });
    }
}

#[test]
fn a_blocks_activations() {
    for table in [CASES, FAMILIES] {
        each(table, |row, _, ours| {
            let theirs = row["layer_act_mean"].as_f64().unwrap();
            let error = share(ours.block.0, theirs);
            assert!(
                error <= 0.001,
                "{}: {:?} for {theirs}",
                row["id"],
                ours.block
            );
        });
    }
}

/// Median, 95th percentile and worst of the peaks' errors.
fn peaks(table: &str) -> [f64; 3] {
    let mut errors = Vec::new();
    each(table, |row, _, ours| {
        let theirs = row["peak_total"].as_f64().unwrap();
        errors.push(share(ours.peak().total().0, theirs));
    });
    errors.sort_by(f64::total_cmp);
    [0.5, 0.95, 1.0].map(|at| errors[(errors.len() as f64 * at).ceil() as usize - 1])
}

#[test]
fn peaks_of_the_first_families() {
    let [median, p95, worst] = peaks(CASES);
    assert!(
        median <= 1e-6 && p95 <= 1e-5 && worst <= 1e-5,
        "{median} {p95} {worst}"
    );
}

#[test]
fn peaks_of_fifteen_more_families() {
    let [median, p95, worst] = peaks(FAMILIES);
    assert!(
        median <= 2e-6 && p95 <= 1e-4 && worst <= 5e-4,
        "{median} {p95} {worst}"
    );
}

/// Wherever the row's two largest phases are more than 1% apart.
#[test]
fn the_moment_of_the_peak() {
    for table in [CASES, FAMILIES] {
        each(table, |row, _, ours| {
            let mut largest = [("fwd", 0), ("bwd", 0), ("opt", 0)];
            for (name, total) in row["phase_peaks"].as_object().unwrap() {
                for (phase, most) in &mut largest {
                    if name.ends_with(*phase) {
                        *most = total.as_u64().unwrap().max(*most);
                    }
                }
            }
            largest.sort_by_key(|(_, total)| std::cmp::Reverse(*total));
            let [first, second, _] = largest;
            if second.1 as f64 > 0.99 * first.1 as f64 {
                return;
            }
            assert_eq!(ours.peak_moment().phase(), first.0, "{}", row["id"]);
        });
    }
}

/// Each phase's own peak, whichever phase has the step's.
#[test]
fn every_phase() {
    for table in [CASES, FAMILIES] {
        each(table, |row, _, ours| {
            let most = |of: &str| {
                let moments = Moment::ALL.iter().filter(|moment| moment.phase() == of);
                let totals = moments
                    .filter_map(|moment| ours.at(*moment))
                    .map(|held| held.total().0);
                totals.max().unwrap_or(0)
            };
            let recorded = |key: &str| row["phase_peaks"][key].as_f64().unwrap_or(0.0);
            let optimizer = recorded("step1.opt").max(recorded("step2.opt"));
            for (of, theirs, most_error) in [
                ("fwd", recorded("step2.fwd"), 0.03),
                ("bwd", recorded("step2.bwd"), 0.015),
                ("opt", optimizer, 1e-4),
            ] {
                let error = share(most(of), theirs);
                assert!(error <= most_error, "{}: {of} {error}", row["id"]);
            }
        });
    }
}

/// The list of every moment sums to what the total without it says, segment by segment.
#[test]
fn lists_sum_to_the_byte() {
    for table in [CASES, FAMILIES] {
        each(table, |row, step, ours| {
            for &moment in Moment::ALL {
                let Some(held) = ours.at(moment) else {
                    continue;
                };
                let list = tensors(step, moment);
                for &segment in Segment::ALL {
                    let lines = list.iter().filter(|entry| entry.segment == segment);
                    let sum: Bytes = lines.map(|entry| entry.bytes).sum();
                    let id = &row["id"];
                    assert_eq!(sum, held.of(segment), "{id}: {moment:?}, {segment:?}");
                }
                for entry in &list {
                    let one = entry.shape.bytes(entry.dtype);
                    assert_eq!(entry.bytes.0, one * u128::from(entry.count), "{entry:?}");
                }
            }
        });
    }
}
