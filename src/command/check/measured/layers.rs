//! Rows of a single layer: Liger-Kernel's benchmarks.

use super::{count, text};
use petaday::memory::detailed::{Dtype, Layer, LayerRun, layer_tensors};
use petaday::units::Bytes;
use serde_json::Value;

/// Whether Liger's kernels ran: the loss, or the layer's name, says so.
fn liger(row: &Value) -> bool {
    let of_loss = matches!(text(row, "loss"), "fused_linear" | "liger_ce");
    let name = text(&row["model"], "name").to_lowercase();
    of_loss || name.contains("liger")
}

/// Threads that multiply matrices: none where there is no product.
pub fn handles(row: &Value) -> u64 {
    match text(&row["model"], "layer") {
        "ce" => 0,
        _ => 2,
    }
}

/// Bytes of the tensors at the layer's highest point.
///
/// # Errors
/// The rule by which the row is left out.
pub fn peak(row: &Value) -> Result<Bytes, &'static str> {
    if text(row, "stack") != "liger_bench" {
        return Err("a layer that is not read");
    }
    let model = &row["model"];
    let size = |key: &str| model[key].as_u64().ok_or("a size is missing");
    let layer = match text(model, "layer") {
        "lm_head_ce" => Layer::HeadAndLoss {
            hidden: size("hidden_size")?,
            vocabulary: size("vocab_size")?,
        },
        "ce" => Layer::CrossEntropy {
            vocabulary: size("vocab_size")?,
        },
        "swiglu_mlp" | "geglu_mlp" => Layer::FeedForward {
            hidden: size("hidden_size")?,
            size: size("intermediate_size")?,
        },
        _ => return Err("a layer that is not read"),
    };
    let run = LayerRun {
        layer,
        tokens: count(row, "seq") * count(row, "micro_batch"),
        dtype: match text(row, "precision") {
            "fp32" => Dtype::Fp32,
            "bf16" | "fp16" => Dtype::Sixteen,
            _ => return Err("unknown precision"),
        },
        liger: liger(row),
    };
    Ok(layer_tensors(&run).iter().map(|entry| entry.bytes).sum())
}
