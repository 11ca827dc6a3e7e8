//! Recorded training steps on one GPU: `tests/reference/groundtruth` says what they are.
//!
//! The peak is held against `peak_total`. No row is left out but for a value that this reader does not know.

use super::{Comparison, Outcome, Table};
use petaday::memory::detailed::{AdapterDtype, Adapters, Base, Step, Targets, footprint};
use petaday::model::Architecture;
use petaday::model::huggingface::import_class;
use petaday::training::{AttentionKernel, Optimizer, OptimizerStep, Precision, Recomputation};
use serde_json::Value;

/// Rows with a recorded peak and the configuration of the model that ran on one GPU.
pub const TABLE: Table = Table { holds, outcome };

fn holds(row: &Value) -> bool {
    let inputs = &row["inputs"];
    row["peak_total"].is_u64()
        && inputs["hf_config_class"].is_string()
        && inputs["optimizer"].is_string()
        && inputs["strategy"].is_null()
        && inputs["world"].as_u64().unwrap_or(1) == 1
}

fn outcome(row: &Value) -> Outcome {
    let inputs = &row["inputs"];
    let Some(theirs) = row["peak_total"].as_u64() else {
        return Outcome::LeftOut("no recorded peak");
    };
    let architecture = match architecture(inputs) {
        Ok(architecture) => architecture,
        Err(rule) => return Outcome::LeftOut(rule),
    };
    match step(inputs, &architecture) {
        Ok(step) => {
            let ours = footprint(&step).peak().total().0;
            Outcome::Compared(Comparison::of_integers("peak, bytes", ours, theirs.into()))
        }
        Err(rule) => Outcome::LeftOut(rule),
    }
}

/// The model of a recorded step.
///
/// # Errors
/// The rule by which the row is left out.
pub fn architecture(inputs: &Value) -> Result<Architecture, &'static str> {
    let class = inputs["hf_config_class"]
        .as_str()
        .ok_or("no configuration class")?;
    import_class(class, &inputs["hf_config"])
        .map(|imported| imported.architecture)
        .map_err(|_| "a configuration that cannot be read")
}

/// The recorded step itself.
///
/// # Errors
/// The rule by which the row is left out.
pub fn step<'a>(inputs: &Value, architecture: &'a Architecture) -> Result<Step<'a>, &'static str> {
    let text = |key: &str| inputs[key].as_str().unwrap_or_default();
    let count = |key: &str| inputs[key].as_u64().filter(|count| *count > 0);
    let (optimizer, optimizer_step) = optimizer(text("optimizer")).ok_or("unknown optimizer")?;
    Ok(Step {
        precision: precision(text("precision"), text("optimizer"))
            .or_else(|| (!inputs["strategy"].is_null()).then_some(Precision::SixteenBit))
            .ok_or("unknown precision")?,
        optimizer,
        optimizer_step,
        micro_batch: count("batch").ok_or("no batch")?,
        accumulation: count("grad_accum").unwrap_or(1),
        recomputation: match text("checkpoint") {
            "" | "none" => Recomputation::None,
            "full" => Recomputation::Full,
            _ => return Err("unknown checkpointing"),
        },
        attention: kernel(text("attn"), text("sdpa_backend")).ok_or("unknown attention")?,
        dropout: inputs["dropout"].as_f64() != Some(0.0),
        adapters: adapters(&inputs["lora"])?,
        keep_outputs: inputs["keep_outputs"] == true,
        recorded: true,
        ..Step::of(architecture, count("seq").ok_or("no sequence")?)
    })
}

fn precision(precision: &str, optimizer: &str) -> Option<Precision> {
    Some(match (precision, optimizer) {
        ("bf16", "adamw_master_apex") => Precision::Master,
        ("bf16", "adamw_master_megatron") => Precision::MainGradients,
        ("fp32", _) => Precision::Fp32,
        ("bf16" | "fp16", _) => Precision::SixteenBit,
        ("amp_bf16" | "amp_fp16", _) => Precision::Mixed,
        _ => return None,
    })
}

/// How recorded steps name optimizers, and how each is carried out.
pub const OPTIMIZERS: &[(&str, Optimizer, OptimizerStep)] = &[
    ("adamw_foreach", Optimizer::AdamW, OptimizerStep::Foreach),
    (
        "adamw_master_apex",
        Optimizer::AdamW,
        OptimizerStep::Foreach,
    ),
    (
        "adamw_master_megatron",
        Optimizer::AdamW,
        OptimizerStep::Foreach,
    ),
    ("adamw_loop", Optimizer::AdamW, OptimizerStep::Loop),
    ("adamw_fused", Optimizer::AdamW, OptimizerStep::Fused),
    ("adamw8bit", Optimizer::AdamW8Bit, OptimizerStep::Foreach),
    ("sgd", Optimizer::PlainSgd, OptimizerStep::Foreach),
    ("sgd_momentum", Optimizer::Sgd, OptimizerStep::Foreach),
    ("adafactor", Optimizer::Adafactor, OptimizerStep::Loop),
];

fn optimizer(name: &str) -> Option<(Optimizer, OptimizerStep)> {
    let named = OPTIMIZERS.iter().find(|(own, ..)| *own == name);
    named.map(|(_, optimizer, step)| (*optimizer, *step))
}

/// The kernel; of several, such as `flash+efficient`, the first runs where it can.
fn kernel(attention: &str, backends: &str) -> Option<AttentionKernel> {
    Some(match (attention, backends.split('+').next()?) {
        ("eager", _) => AttentionKernel::Eager,
        ("sdpa", "flash") => AttentionKernel::Flash,
        ("sdpa", "efficient") => AttentionKernel::Efficient,
        ("sdpa", "cudnn") => AttentionKernel::Cudnn,
        ("sdpa", "math") => AttentionKernel::Math,
        _ => return None,
    })
}

fn adapters(lora: &Value) -> Result<Option<Adapters>, &'static str> {
    if lora.is_null() {
        return Ok(None);
    }
    let targets = match &lora["targets"] {
        Value::String(all) if all == "all-linear" => Targets::ALL,
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .try_fold(Targets::NONE, |targets, name| {
                Some(targets.and(Targets::of_module(name)?))
            })
            .ok_or("unknown module to adapt")?,
        _ => return Err("unknown modules to adapt"),
    };
    Ok(Some(Adapters {
        rank: lora["r"].as_u64().ok_or("no rank")?,
        targets,
        dtype: AdapterDtype::Fp32,
        base: Base::AsTrained,
        dropout: false,
    }))
}
