//! runs_throughput.json: tokens a second of llm-foundry's, Megatron-LM's and Megatron-Bridge's benchmark tables.

use super::hardware::machine;
use super::{Kind, Timed, count, order};
use petaday::hardware::{Arithmetic, AttentionKernels};
use petaday::layout::{Layout, Sharding};

use petaday::model::{Architecture, Attention, Family, FeedForward, Model};
use petaday::plan::{
    AttentionForm, Constants, Graphs, Place, Recomputed, Shape, Software, Task, operand_bytes,
};
use serde_json::Value;

pub fn holds(row: &Value) -> bool {
    row["source_table"].is_string() && row["model_tflops_per_gpu"].is_number()
}

pub fn read(row: &Value) -> Result<Timed, &'static str> {
    if !row["tokens_per_s_per_gpu"].is_number() {
        return Err("prints no tokens per second");
    }
    match row["source_table"].as_str() {
        Some("llm-foundry") => foundry(row).ok_or("its model or layout is not stated in full"),
        Some(source) if source.contains("Megatron") => {
            let model = row["model"].as_str().and_then(Model::named);
            let model = model.ok_or("its architecture is not in the catalogue")?;
            megatron(row, model.architecture()).ok_or("its layout is not stated in full")
        }
        _ => Err("its layout is not stated"),
    }
}

/// Tokens of a step for each accelerator.
fn tokens(row: &Value) -> Option<f64> {
    let tokens = count(row, "global_batch_seqs")? * count(row, "seq_len")?;
    Some(tokens as f64 / count(row, "gpus")? as f64)
}

/// Seconds of a step.
fn seconds(row: &Value) -> Option<f64> {
    Some(tokens(row)? / row["tokens_per_s_per_gpu"].as_f64()?)
}

/// MPT models under FSDP. `PURE` mixed precision reduces gradients in 16 bit, `DEFAULT` in FP32.
fn foundry(row: &Value) -> Option<Timed> {
    let hidden = count(row, "hidden")?;
    let heads = count(row, "heads")?;
    let base = Family::Mpt.base();
    let architecture = Architecture {
        layers: count(row, "layers")?,
        hidden,
        vocabulary: count(row, "vocab")?,
        learned_positions: count(row, "seq_len")?,
        attention: Attention {
            heads,
            kv_heads: heads,
            head_dim: hidden.checked_div(heads)?,
            ..base.attention
        },
        feed_forward: FeedForward {
            size: 4 * hidden,
            ..base.feed_forward
        },
        ..base
    };
    let gpus = count(row, "gpus")?;
    let narrow = if row["precision"].as_str()?.contains("fp8") {
        Arithmetic::Fp8
    } else {
        Arithmetic::SixteenBit
    };
    let layout = Layout {
        data: gpus,
        sharding: match row["sharding"].as_str()? {
            "FULL_SHARD" => Sharding::Fsdp1,
            "SHARD_GRAD_OP" => Sharding::Zero2,
            _ => return None,
        },
        shard_group: gpus,
        ..Layout::ONE_GPU
    };
    let micro_batch = count(row, "micro_batch")?;
    let micro_batches = count(row, "global_batch_seqs")?.div_ceil(gpus * micro_batch);
    let checkpointed = row["activation_checkpointing"].as_bool()?;
    Some(Timed {
        kind: Kind::Dense,
        task: Task {
            architecture,
            sequence: count(row, "seq_len")?,
            machine: machine(row["gpu"].as_str()?, narrow, AttentionKernels::First)?,
            software: Software::eager(),
            constants: Constants::FITTED,
            operand_bytes: operand_bytes(narrow),
            element_bytes: 2.0,
            gradient_bytes: if row["fsdp_mp_mode"] == "PURE" {
                2.0
            } else {
                4.0
            },
            adapters_only: false,
            imbalance: 1.0,
            optimizer_bytes: 40.0,
        },
        shape: Shape::of(&layout, micro_batch),
        place: Place {
            recomputed: if checkpointed {
                Recomputed::Layer
            } else {
                Recomputed::Nothing
            },
            recomputed_layers: u64::MAX,
            ..Place::of(&layout, micro_batches)
        },
        tokens: Some(tokens(row)?),
        published: true,
        order: order(row),
        seconds: seconds(row)?,
    })
}

/// Megatron-core as its makers tune it. What the rows leave out is what the recipes of Megatron-Bridge set
/// (scripts/performance/configs at 0426418): gradients reduced in 16 bit; user buffers overlap tensor-parallel traffic,
/// but not in NVFP4; Megatron-FSDP where there is neither tensor nor pipeline parallelism and no experts; on GB200 and
/// GB300 attention and router of layers with experts from CUDA graphs, and from release 26.06 on in MXFP8 the whole step,
/// with overlapped all-to-alls, which H100 recipes with interleaving overlap too. No kernel of these releases fuses
/// attention with sinks, but for that FP8 attention.
fn megatron(row: &Value, architecture: Architecture) -> Option<Timed> {
    let degree = |field| count(row, field).unwrap_or(1);
    let (tensor, pipeline, context) = (degree("tp"), degree("pp"), degree("cp"));
    let gpus = count(row, "gpus")?;
    let model_parallel = tensor.checked_mul(pipeline)?.checked_mul(context)?;
    let data = gpus.checked_div(model_parallel).filter(|data| *data > 0)?;
    let precision = row["precision"].as_str()?.to_ascii_uppercase();
    let narrow = if precision.contains("FP4") {
        Arithmetic::Fp4
    } else if precision.contains("FP8") {
        Arithmetic::Fp8
    } else {
        Arithmetic::SixteenBit
    };
    let section = row["section"].as_str().unwrap_or_default();
    let release: f64 = section
        .get(..5)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.0);
    let gpu = row["gpu"].as_str()?;
    let rack = gpu.contains("GB200") || gpu.contains("GB300");
    let whole_step = rack && release >= 26.06 && narrow != Arithmetic::SixteenBit;
    let adapters_only = section.contains("LoRA");
    let with_experts = architecture.experts.is_some();
    let sharded = tensor == 1 && pipeline == 1 && !adapters_only && !with_experts;
    let layout = Layout {
        data,
        tensor,
        sequence_parallel: tensor > 1,
        pipeline,
        chunks: degree("vp"),
        context,
        expert: degree("ep"),
        sharding: if sharded {
            Sharding::Fsdp2
        } else {
            Sharding::Distributed
        },
        shard_group: data,
        ..Layout::ONE_GPU
    };
    let tuned = Software::megatron_tuned();
    let software = Software {
        attention: if architecture.attention.sinks && !whole_step {
            AttentionForm::Written
        } else {
            tuned.attention
        },
        tensor_overlap: narrow != Arithmetic::Fp4,
        graphs: match (whole_step, rack) {
            (true, _) => Graphs::Full,
            (false, true) => Graphs::Partial,
            (false, false) => Graphs::None,
        },
        expert_overlap: whole_step || (gpu.contains("H100") && layout.chunks > 1),
        ..tuned
    };
    let micro_batch = count(row, "micro_batch")?;
    let micro_batches = count(row, "global_batch_seqs")?.div_ceil(data * micro_batch);
    Some(Timed {
        kind: if with_experts {
            Kind::Experts
        } else {
            Kind::Dense
        },
        task: Task {
            architecture,
            sequence: count(row, "seq_len")?,
            machine: machine(gpu, narrow, AttentionKernels::Current)?,
            software,
            constants: Constants::FITTED,
            operand_bytes: operand_bytes(narrow),
            element_bytes: 2.0,
            gradient_bytes: 2.0,
            adapters_only,
            imbalance: 1.0,
            optimizer_bytes: 40.0,
        },
        shape: Shape::of(&layout, micro_batch),
        place: Place::of(&layout, micro_batches.max(1)),
        tokens: Some(tokens(row)?),
        published: true,
        order: order(row),
        seconds: seconds(row)?,
    })
}
