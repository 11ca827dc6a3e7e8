//! Tables of published training runs and benchmarks.
//!
//! Compared is the first of these that a row has the fields for:
//!
//! 1. MFU, from `architecture` and `iteration_time_s`: Korthikanti et al. 2022 (arXiv:2205.05198), eq. 7.
//! 2. Days, from `training_estimate`: at the rate that was reached, of the FLOP that the rate counts, which are Narayanan
//!    et al. 2021 (arXiv:2104.04473), eq. 3 with recomputation or eq. 7 above without; of a model whose shape is not
//!    known 8 or 6 a parameter and token (its eq. 4).
//! 3. Parameters, from `architecture`: Narayanan et al. 2021, eq. 2.
//! 4. FLOP or PF-days, from a reported total: 6·P·D, P the active parameters where there are some; where both differ by
//!    over 5%, with the reason as far as the row's fields tell it.

use super::{Comparison, Outcome, Table, architectures, positive};
use petaday::compute::flop_to_pf_days;
use petaday::cost::utilisation;
use petaday::flop::Convention;
use petaday::model::Architecture;
use petaday::units::{FlopPerSecond, SECONDS_PER_DAY, Seconds};
use serde_json::Value as Json;

/// Rows with the size of a run.
pub const TABLE: Table = Table { holds, outcome };

fn holds(row: &Json) -> bool {
    ["params_total", "train_flops_reported", "pf_days_reported"]
        .iter()
        .any(|field| row.get(field).is_some())
}

fn outcome(row: &Json) -> Outcome {
    let compared = mfu(row)
        .or_else(|| days(row))
        .or_else(|| parameters(row))
        .or_else(|| total(row));
    match compared {
        Some(compared) => Outcome::Compared(compared),
        None if total_reported(row).is_some() => {
            Outcome::LeftOut("a total, but no parameters or tokens to make it of")
        }
        None => Outcome::LeftOut("no architecture, estimate or total reported"),
    }
}

fn shape(row: &Json) -> Option<(Architecture, f64)> {
    let sequence = positive(row, "seq_len")?;
    Some((
        architectures::gpt(&row["architecture"], sequence)?,
        sequence,
    ))
}

fn mfu(row: &Json) -> Option<Comparison> {
    let (model, sequence) = shape(row)?;
    let time = Seconds(positive(row, "iteration_time_s")?);
    let printed = positive(row, "mfu_pct")?;
    let tokens = positive(row, "global_batch_seqs")? * sequence;
    let flop = tokens * Convention::Korthikanti.flop_per_token(&model, sequence as u64);
    let peak = FlopPerSecond(positive(row, "peak_flops_per_device")?);
    let ours = 100.0 * utilisation(flop, positive(row, "devices")?, peak, time);
    Some(Comparison::of_reals("MFU, %", ours, printed))
}

fn days(row: &Json) -> Option<Comparison> {
    let estimate = &row["training_estimate"];
    let (printed, tokens) = (positive(estimate, "days")?, positive(estimate, "tokens")?);
    let rate = positive(row, "devices")? * positive(row, "tflops_per_device")? * 1e12;
    let kind = row["tflops_kind"].as_str().unwrap_or_default();
    let hardware = kind.starts_with("hardware");
    let flop_per_token = match shape(row) {
        Some((model, sequence)) => {
            let convention = if hardware {
                Convention::Sc21
            } else {
                Convention::Korthikanti
            };
            convention.flop_per_token(&model, sequence as u64)
        }
        None => positive(row, "params_total")? * if hardware { 8.0 } else { 6.0 },
    };
    let ours = tokens * flop_per_token / rate / SECONDS_PER_DAY;
    Some(Comparison::of_reals("days", ours, printed))
}

/// P = 12·l·h²·(1 + 13/12h + (V + s)/12lh), multiplied out.
fn parameters(row: &Json) -> Option<Comparison> {
    let (model, _) = shape(row)?;
    let printed = positive(row, "params_total")?;
    let (layers, hidden) = (u128::from(model.layers), u128::from(model.hidden));
    let rows = u128::from(model.vocabulary + model.learned_positions);
    let ours = 12 * layers * hidden * hidden + 13 * layers * hidden + rows * hidden;
    Some(Comparison::of_reals("parameters", ours as f64, printed))
}

fn total_reported(row: &Json) -> Option<f64> {
    positive(row, "train_flops_reported").or_else(|| positive(row, "pf_days_reported"))
}

fn total(row: &Json) -> Option<Comparison> {
    let parameters = positive(row, "params_active").or_else(|| positive(row, "params_total"))?;
    let tokens = positive(row, "tokens")?;
    let flop = 6.0 * parameters * tokens;
    let (compared, reported) = match positive(row, "train_flops_reported") {
        Some(reported) => (Comparison::of_reals("FLOP", flop, reported), reported),
        None => {
            let printed = positive(row, "pf_days_reported")?;
            let pf_days = flop_to_pf_days(flop);
            let compared = Comparison::of_reals("PF-days", pf_days, printed);
            (compared, printed * flop / pf_days)
        }
    };
    Some(if compared.error().abs() > NEAR {
        compared.because(reason(row, tokens, parameters, reported))
    } else {
        compared
    })
}

/// What counts as the same total.
const NEAR: f64 = 0.05;

/// Why a reported total is not 6·P·D, by what would be.
fn reason(row: &Json, tokens: f64, parameters: f64, reported: f64) -> &'static str {
    let is = |flop: f64| (flop / reported - 1.0).abs() <= NEAR;
    let flop = 6.0 * parameters * tokens;
    let model = row["model"].as_str().and_then(architectures::named);
    let attention = |(model, sequence): (Architecture, f64)| {
        let per_token = |convention: Convention| convention.flop_per_token(&model, sequence as u64);
        tokens * (per_token(Convention::Palm) - per_token(Convention::SixP))
    };
    let counted = model.zip(positive(row, "seq_len")).map(attention);
    let recomputes = row["recompute"]
        .as_str()
        .is_some_and(|which| which.starts_with("full"));
    if positive(row, "params_total").is_some_and(|all| all > parameters && is(6.0 * all * tokens)) {
        "theirs counts all experts, ours those that work on a token"
    } else if model.is_some_and(|model| {
        let active = model.active_parameters() as f64;
        active < parameters && is(6.0 * active * tokens)
    }) {
        "theirs counts active parameters"
    } else if reported < flop {
        "theirs counts fewer parameters or tokens"
    } else if counted.is_some_and(|scores| is(flop + scores)) {
        "theirs counts attention scores"
    } else if is(flop * 4.0 / 3.0) || recomputes {
        "theirs counts recomputation, 8·P·D"
    } else if reported < flop * 4.0 / 3.0 {
        "theirs counts attention scores, or recomputation in part"
    } else {
        "theirs counts attention scores, embeddings and more, which weigh in a small model"
    }
}
