//! Rows of ranks_fsdp.jsonl and ranks_tp.jsonl: recorded steps of Hugging Face models, sharded or copied over ranks.

use super::{Comparison, Outcome, Table, groundtruth};
use petaday::memory::detailed::Step;
use petaday::memory::ranks::StageFootprint;
use petaday::memory::ranks::ddp::distributed_data_parallel;
use petaday::memory::ranks::dtensor::TensorParallel;
use petaday::memory::ranks::fsdp::{Element, Fsdp, Policy, Reshard, Sharded, Wrap};
use petaday::training::Precision;
use serde_json::Value;

/// Recorded steps with a strategy: `fsdp2` or `ddp`.
pub const TABLE: Table = Table { holds, outcome };

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn holds(row: &Value) -> bool {
    let inputs = &row["inputs"];
    row["peak_total"].is_u64()
        && inputs["hf_config_class"].is_string()
        && matches!(text(&inputs["strategy"]), "fsdp2" | "ddp")
}

/// Stored, computed and reduced dtype: `fp32-bf16-fp32`; one word where all are alike; `bf16-reduce-fp32`.
fn policy(words: &str) -> Option<Policy> {
    let element = |word: &str| match word {
        "fp32" => Some(Element::Fp32),
        "bf16" | "fp16" => Some(Element::Sixteen),
        _ => None,
    };
    let parts: Vec<&str> = words.split('-').collect();
    let (stored, computed, reduced) = match parts[..] {
        [all] => (all, all, all),
        [all, "reduce", reduced] => (all, all, reduced),
        [stored, computed, reduced] => (stored, computed, reduced),
        _ => return None,
    };
    Some(Policy {
        stored: element(stored)?,
        computed: element(computed)?,
        reduced: element(reduced)?,
    })
}

/// A recorded FSDP2 run; none where a field is unknown.
pub fn fsdp(inputs: &Value) -> Option<Fsdp> {
    let count = |key: &str| inputs[key].as_u64().filter(|count| *count > 0);
    Some(Fsdp {
        ranks: count("dp")?,
        policy: policy(text(&inputs["policy"]))?,
        wrap: match text(&inputs["wrap"]) {
            "titan" => Wrap::TorchTitan,
            _ => Wrap::Blocks,
        },
        reshard: match &inputs["reshard"] {
            Value::Bool(false) => Reshard::Never,
            Value::Bool(true) => Reshard::All,
            Value::Number(ranks) => Reshard::Over(ranks.as_u64()?),
            _ => Reshard::Blocks,
        },
        accumulation: count("accum").unwrap_or(1),
        unsynchronised: inputs["no_sync"] == true,
    })
}

const UNKNOWN_RUN: &str = "unknown dtypes or ranks";

/// The precision that a rank computes in.
///
/// # Errors
/// The rule by which the row is left out.
pub fn precision(inputs: &Value) -> Result<Precision, &'static str> {
    if text(&inputs["strategy"]) != "ddp" {
        return Ok(fsdp(inputs).ok_or(UNKNOWN_RUN)?.precision());
    }
    // `policy` is the weights' dtype, `amp` autocast over FP32 weights.
    Ok(match (text(&inputs["policy"]), inputs["amp"] == true) {
        ("fp32", true) => Precision::Mixed,
        ("fp32", false) => Precision::Fp32,
        _ => Precision::SixteenBit,
    })
}

fn outcome(row: &Value) -> Outcome {
    let Some(theirs) = row["peak_total"].as_u64() else {
        return Outcome::LeftOut("no recorded peak");
    };
    match footprint(row) {
        Ok(ours) => {
            let peak = ours.peak.0;
            Outcome::Compared(Comparison::of_integers("peak, bytes", peak, theirs.into()))
        }
        Err(rule) => Outcome::LeftOut(rule),
    }
}

/// What a rank of a recorded step holds.
///
/// # Errors
/// The rule by which the row is left out.
pub fn footprint(row: &Value) -> Result<StageFootprint, &'static str> {
    let inputs = &row["inputs"];
    let architecture = groundtruth::architecture(inputs)?;
    let step = groundtruth::step(inputs, &architecture)?;
    let precision = precision(inputs)?;
    if text(&inputs["strategy"]) == "ddp" {
        let step = Step { precision, ..step };
        return Ok(distributed_data_parallel(
            &step,
            inputs["bucket_view"] == true,
        ));
    }
    let run = fsdp(inputs).ok_or(UNKNOWN_RUN)?;
    let step = Step {
        precision,
        accumulation: 1,
        ..step
    };
    let tensor = inputs["tp"].as_u64().unwrap_or(1);
    if tensor == 1 {
        return Ok(Sharded::new(&step, run).footprint());
    }
    let plan = TensorParallel {
        ranks: tensor,
        loss_parallel: inputs["loss_parallel"] == true,
    };
    Ok(Sharded::divided(&step, run, plan).footprint())
}
