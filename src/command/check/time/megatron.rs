//! megatron_measured.jsonl: cut-down models on 8 B200.

use super::hardware::machine;
use super::{Kind, Timed, count, order};
use petaday::field::LayerSet;
use petaday::hardware::{Arithmetic, AttentionKernels};
use petaday::layout::{Layout, Sharding};
use petaday::model::{Architecture, Attention, Experts, Family, FeedForward, Latent};
use petaday::plan::{Constants, Machine, Place, Shape, Software, Task};
use serde_json::Value;

/// TFLOP/s that 16-bit matrix products reached on the machine of SimuMax's runs, as its makers measured it for their own
/// simulator: 0.488 of 2,250.
const SIMUMAX_B200: f64 = 1_098.0;

pub fn holds(row: &Value) -> bool {
    row["measured"]["step_ms"].is_number() && row["world"].is_object()
}

pub fn read(row: &Value) -> Result<Timed, &'static str> {
    read_row(row).ok_or("its model or layout is not stated in full")
}

fn read_row(row: &Value) -> Option<Timed> {
    let (model, world) = (&row["model"], &row["world"]);
    let heads = count(model, "heads")?;
    let experts = count(model, "experts");
    let family = if experts.is_some() {
        Family::DeepSeekV3
    } else {
        Family::Llama
    };
    let base = family.base();
    let latent = count(model, "kv_lora").and_then(|kv_rank| {
        Some(Latent {
            query_rank: count(model, "q_lora"),
            kv_rank,
            nope_dim: count(model, "qk_nope")?,
            rope_dim: count(model, "qk_rope")?,
            value_dim: count(model, "v_head")?,
        })
    });
    let head_dim = match &latent {
        Some(latent) => latent.nope_dim + latent.rope_dim,
        None => count(model, "head_dim")?,
    };
    let experts = match experts {
        None => None,
        Some(routed) => Some(Experts {
            layers: LayerSet::from(model["dense_layers"].as_u64()?),
            count: routed,
            active: count(model, "topk")?,
            size: count(model, "moe_ffn")?,
            shared_size: count(model, "shared_ffn")?,
            ..base.experts?
        }),
    };
    let architecture = Architecture {
        layers: count(model, "layers")?,
        hidden: count(model, "hidden")?,
        vocabulary: count(model, "vocab")?,
        tied_embeddings: false,
        attention: Attention {
            heads,
            kv_heads: count(model, "kv_heads").unwrap_or(heads),
            head_dim,
            latent,
            ..base.attention
        },
        feed_forward: FeedForward {
            size: count(model, "ffn")?,
            ..base.feed_forward
        },
        experts,
        ..base
    };
    let tensor = count(world, "tp")?;
    let layout = Layout {
        data: count(world, "dp")?,
        tensor,
        sequence_parallel: tensor > 1 && world["sequence_parallel"].as_bool()?,
        pipeline: count(world, "pp")?,
        context: count(world, "cp")?,
        expert: count(world, "ep")?,
        sharding: Sharding::Distributed,
        shard_group: count(world, "dp")?,
        ..Layout::ONE_GPU
    };
    let machine = Machine {
        matrix: SIMUMAX_B200 * 1e12,
        matrix_wide: SIMUMAX_B200 * 1e12,
        ..machine(
            row["gpu"].as_str()?,
            Arithmetic::SixteenBit,
            AttentionKernels::Current,
        )?
    };
    let gradients = if row["main_gradients"] == "fp32" {
        4.0
    } else {
        2.0
    };
    Some(Timed {
        kind: if experts.is_some() {
            Kind::Experts
        } else {
            Kind::Dense
        },
        task: Task {
            architecture,
            sequence: count(row, "seq")?,
            machine,
            software: Software::megatron(),
            constants: Constants::FITTED,
            operand_bytes: 2.0,
            element_bytes: 2.0,
            gradient_bytes: gradients,
            adapters_only: false,
            imbalance: 1.0,
            optimizer_bytes: 40.0,
        },
        shape: Shape::of(&layout, count(row, "micro_batch")?),
        place: Place::of(&layout, count(row, "micro_batches_per_step")?),
        tokens: None,
        published: false,
        order: order(row),
        seconds: row["measured"]["step_ms"].as_f64()? / 1e3,
    })
}
