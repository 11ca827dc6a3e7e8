//! Published measurements of other people's training: `tests/reference/measured.jsonl`.
//!
//! The row's own metric is held against ours: `allocated_peak` against what PyTorch would say is allocated, workspaces
//! included; `reserved_peak` against what its allocator took; `nvidia_smi` against what the driver shows. One rule for all
//! rows, no constant for any. Left out are rows that the table itself calls unusable, encoders, and values that this
//! reader does not know.

mod layers;
mod megatron;
mod ranks;

use super::{Comparison, Outcome, Table};
use petaday::memory::detailed::{
    AdapterDtype, Adapters, Base, OnDevice, Overheads, Step, Targets, footprint, model_of,
};
use petaday::model::Architecture;
use petaday::model::huggingface::import_class;
use petaday::training::{
    AttentionKernel, Loss, Optimizer, OptimizerStep, Precision, Recomputation, Stack,
};
use petaday::units::Bytes;
use serde_json::Value;

/// Rows with measured bytes and the stack that ran.
pub const TABLE: Table = Table { holds, outcome };

fn holds(row: &Value) -> bool {
    row["measured"]["bytes"].is_u64() && row["stack"].is_string() && row["usable"].is_boolean()
}

fn outcome(row: &Value) -> Outcome {
    match predicted(row) {
        Ok(ours) => {
            let theirs = row["measured"]["bytes"].as_u64().unwrap_or_default();
            let what = "memory, bytes";
            Outcome::Compared(Comparison::of_integers(what, ours.0, theirs.into()))
        }
        Err(rule) => Outcome::LeftOut(rule),
    }
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

fn count(row: &Value, key: &str) -> u64 {
    row[key].as_u64().unwrap_or(1).max(1)
}

/// Ours in the row's metric.
///
/// # Errors
/// The rule by which the row is left out.
pub fn predicted(row: &Value) -> Result<Bytes, &'static str> {
    if row["usable"] != true {
        return Err("the table calls it unusable");
    }
    match text(row, "scope") {
        "full_training" => {}
        "layer" => {
            let overheads = Overheads {
                handles: layers::handles(row),
                ..overheads(row)
            };
            return in_metric(row, &overheads.on(layers::peak(row)?));
        }
        _ => return Err("neither a step nor a layer"),
    }
    if text(row, "stack") == "megatron" {
        return megatron::predicted(row);
    }
    let model = architecture(row)?;
    let step = step(row, &model)?;
    if count(&row["world"], "gpus") > 1 {
        return ranks::predicted(row, &step);
    }
    in_metric(row, &overheads(row).on(footprint(&step).peak().total()))
}

fn in_metric(row: &Value, device: &OnDevice) -> Result<Bytes, &'static str> {
    Ok(match text(&row["measured"], "metric") {
        "allocated_peak" => device.allocated,
        "reserved_peak" => device.reserved,
        "nvidia_smi" => device.used,
        _ => return Err("unknown metric"),
    })
}

/// Overheads of the row's GPU: cuBLAS takes larger workspaces from Hopper on.
fn overheads(row: &Value) -> Overheads {
    let gpu = text(row, "gpu");
    if ["H100", "H200", "Blackwell", "B200"]
        .iter()
        .any(|name| gpu.contains(name))
    {
        Overheads::HOPPER
    } else {
        Overheads::DEFAULT
    }
}

/// The row's model, as its stack builds it.
///
/// # Errors
/// The rule by which the row is left out.
pub fn architecture(row: &Value) -> Result<Architecture, &'static str> {
    let model = &row["model"];
    let class = text(model, "hf_config_class");
    if class.contains("Bert") {
        return Err("an encoder");
    }
    let imported = import_class(class, &model["hf_config"])
        .map_err(|_| "a configuration that cannot be read")?;
    Ok(model_of(stack(row)?, &imported.architecture))
}

/// The step that one rank takes.
///
/// # Errors
/// The rule by which the row is left out.
pub fn step<'a>(row: &Value, model: &'a Architecture) -> Result<Step<'a>, &'static str> {
    let stack = stack(row)?;
    let (optimizer, optimizer_step) = optimizer(row)?;
    let (loss, loss_chunks) = loss(row, stack)?;
    Ok(Step {
        precision: match text(row, "precision") {
            "fp32" => Precision::Fp32,
            "amp_bf16" | "amp_fp16" => Precision::Mixed,
            "bf16" | "fp16" | "nf4" | "nf4_double_quant" => Precision::SixteenBit,
            "bf16_master_fp32" | "fp16_master_fp32" => Precision::Master,
            // Of ranks: what is computed with.
            other if other.ends_with("fsdp_mixed") => Precision::SixteenBit,
            _ => return Err("unknown precision"),
        },
        optimizer,
        optimizer_step,
        optimizer_in_backward: row["optimizer_in_backward"] == true,
        micro_batch: count(row, "micro_batch"),
        accumulation: count(row, "grad_accum"),
        recomputation: match text(row, "recompute") {
            "" | "none" => Recomputation::None,
            "selective_ops" if stack == Stack::TorchTitan => Recomputation::Selective,
            "full" => Recomputation::Full,
            _ => return Err("unknown recomputation"),
        },
        attention: match text(row, "attention") {
            "eager" => AttentionKernel::Eager,
            "efficient" => AttentionKernel::Efficient,
            "flash" | "flex" | "sdpa" | "varlen / flex" => AttentionKernel::Flash,
            _ => return Err("unknown attention"),
        },
        adapters: adapters(row, stack)?,
        loss,
        loss_chunks,
        loss_compiled: loss_compiled(row),
        stack,
        compiled: row["compile"] == true,
        offload: text(row, "offload") == "activations",
        ..Step::of(model, count(row, "seq"))
    })
}

fn stack(row: &Value) -> Result<Stack, &'static str> {
    Ok(match text(row, "stack") {
        "hf" | "lomo" | "deepspeed" => Stack::HuggingFace,
        "liger" => Stack::Liger,
        "torchtune" => Stack::TorchTune,
        "litgpt" => Stack::LitGpt,
        "torchtitan" => Stack::TorchTitan,
        _ => return Err("unknown stack"),
    })
}

/// Paged states are in managed memory, which none of the metrics sees.
fn optimizer(row: &Value) -> Result<(Optimizer, OptimizerStep), &'static str> {
    let step = match text(row, "optimizer_impl") {
        "fused" => OptimizerStep::Fused,
        "hf_for_loop" => OptimizerStep::Loop,
        _ => OptimizerStep::Foreach,
    };
    Ok(match text(row, "optimizer") {
        "adamw" => (Optimizer::AdamW, step),
        "paged_adamw" | "lomo" | "sgd" => (Optimizer::PlainSgd, step),
        "adafactor" => (Optimizer::Adafactor, step),
        "adam8bit" | "adamw8bit" => (Optimizer::AdamW8Bit, step),
        _ => return Err("unknown optimizer"),
    })
}

/// `chunked:128` in LitGPT is slices of so many tokens of each sequence, `chunked:8` so many slices.
fn loss(row: &Value, stack: Stack) -> Result<(Loss, u64), &'static str> {
    let loss = text(row, "loss");
    if let Some(slices) = loss.strip_prefix("chunked:") {
        let number: u64 = slices.parse().map_err(|_| "unknown loss")?;
        let chunks = match stack {
            Stack::LitGpt => count(row, "seq").div_ceil(number.max(1)),
            _ => number,
        };
        return Ok((Loss::Chunked, chunks));
    }
    match loss {
        "fused_linear" => Ok((Loss::Fused, 1)),
        full if full.starts_with("full") || full == "vocab_parallel" => Ok((Loss::Full, 1)),
        _ => Err("unknown loss"),
    }
}

/// Whether the table found the loss compiled with the upcast of the logits.
fn loss_compiled(row: &Value) -> bool {
    let assumed = row["assumed"].as_array().into_iter().flatten();
    let mut of_loss = assumed.filter(|one| text(one, "field") == "loss");
    of_loss.any(|one| text(one, "value").ends_with(", compiled"))
}

fn adapters(row: &Value, stack: Stack) -> Result<Option<Adapters>, &'static str> {
    let lora = &row["lora"];
    if lora.is_null() {
        return Ok(None);
    }
    let names = lora["targets"]
        .as_array()
        .ok_or("unknown modules to adapt")?;
    let targets = names
        .iter()
        .map(|name| match name.as_str().unwrap_or_default() {
            "query" => Some(Targets::QUERY),
            "key" => Some(Targets::KEY),
            "value" => Some(Targets::VALUE),
            "projection" | "output_proj" => Some(Targets::OUTPUT),
            "mlp" => Some(Targets::GATE.and(Targets::UP).and(Targets::DOWN)),
            name => Targets::of_module(name),
        })
        .try_fold(Targets::NONE, |all, one| Some(all.and(one?)))
        .ok_or("unknown module to adapt")?;
    Ok(Some(Adapters {
        rank: lora["rank"].as_u64().ok_or("no rank")?,
        targets,
        dtype: match text(lora, "adapter_dtype") {
            "bf16" | "fp16" => AdapterDtype::AsModel,
            _ => AdapterDtype::Fp32,
        },
        base: match text(row, "precision") {
            // torchao's NF4Tensor always quantises its constants too.
            "nf4" if stack == Stack::TorchTune => Base::Nf4DoubleQuantised,
            "nf4" => Base::Nf4,
            "nf4_double_quant" => Base::Nf4DoubleQuantised,
            _ => Base::AsTrained,
        },
        dropout: lora["dropout"].as_f64().unwrap_or(0.0) > 0.0,
    }))
}
