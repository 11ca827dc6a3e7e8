//! Rows of Megatron-core with its layout.

use super::{count, text};
use petaday::layout::{Layout, Sharding};
use petaday::memory::ranks::megatron::{
    Adam, CoreAttention, CrossEntropy, MainGradients, Megatron, Recompute, Run,
};
use petaday::memory::ranks::pipeline::Split;
use petaday::model::huggingface::import_class;
use petaday::units::Bytes;
use serde_json::Value;

/// The allocated peak of the worst stage.
///
/// # Errors
/// The rule by which the row is left out.
pub fn predicted(row: &Value) -> Result<Bytes, &'static str> {
    if text(&row["measured"], "metric") != "allocated_peak" {
        return Err("of Megatron-core only what is allocated is read");
    }
    let model = &row["model"];
    let imported = import_class(text(model, "hf_config_class"), &model["hf_config"])
        .map_err(|_| "a configuration that cannot be read")?;
    let layout = layout(&row["world"]);
    let run = run(row)?;
    let megatron = Megatron::new(&imported.architecture, &layout, &run, Split::default());
    let stages = (0..layout.pipeline).map(|stage| megatron.stage(stage).peak);
    stages.max().ok_or("no stage")
}

fn layout(world: &Value) -> Layout {
    let degree = |key: &str| count(world, key);
    Layout {
        data: degree("dp"),
        tensor: degree("tp"),
        sequence_parallel: world["sequence_parallel"] == true,
        pipeline: degree("pp"),
        chunks: degree("vpp"),
        context: degree("cp"),
        expert: degree("ep"),
        expert_tensor: degree("expert_tp"),
        sharding: Sharding::Distributed,
        ..Layout::ONE_GPU
    }
}

fn run(row: &Value) -> Result<Run, &'static str> {
    let (recompute, recompute_expert_activation) =
        match (text(row, "recompute"), text(row, "recompute_detail")) {
            ("none", _) => (Recompute::None, false),
            ("selective_attention", _) => (Recompute::Selective, false),
            ("full", _) => (Recompute::Uniform { layers: 1 }, false),
            ("selective_ops", "moe_act") => (Recompute::None, true),
            _ => return Err("recomputation of modules that are not read yet"),
        };
    if !matches!(text(row, "precision"), "bf16" | "bf16_master_fp32") {
        return Err("unknown precision");
    }
    let optimizer = text(row, "optimizer_impl");
    Ok(Run {
        micro_batch: count(row, "micro_batch"),
        sequence: count(row, "seq"),
        micro_batches: count(row, "grad_accum"),
        core_attention: if text(row, "attention") == "unfused" {
            CoreAttention::Unfused
        } else {
            CoreAttention::Flash
        },
        recompute,
        recompute_expert_activation,
        cross_entropy: if loss_by_transformer_engine(row) {
            CrossEntropy::TransformerEngine
        } else {
            CrossEntropy::Unfused
        },
        main_gradients: if optimizer.contains("bf16 gradients") {
            MainGradients::Bf16
        } else {
            MainGradients::Fp32
        },
        adam: if optimizer.contains("precision-aware") && optimizer.contains("bf16 exp_avg") {
            Adam::PrecisionAware
        } else {
            Adam::Fused
        },
        distributed_optimizer: text(&row["world"], "sharding").contains("distributed"),
        ..Run::DEFAULT
    })
}

/// Whether the table found the loss to be Transformer Engine's.
fn loss_by_transformer_engine(row: &Value) -> bool {
    let assumed = row["assumed"].as_array().into_iter().flatten();
    let mut of_loss = assumed.filter(|one| text(one, "field") == "loss");
    of_loss.any(|one| text(one, "why").starts_with("TE "))
}
