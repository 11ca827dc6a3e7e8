//! layouts_measured.jsonl: GPT models on A100, trained by Megatron-LM of 2022.

use super::hardware::machine;
use super::{Kind, Timed, count, order};
use petaday::hardware::{Arithmetic, AttentionKernels};
use petaday::layout::{Layout, Sharding};
use petaday::model::{Architecture, Family, FeedForward};
use petaday::plan::{Constants, Place, Recomputed, Shape, Software, Task};
use serde_json::Value;

pub fn holds(row: &Value) -> bool {
    row["step_ms"].is_number() && row["group"].is_string()
}

/// Full recomputation, FP16 with gradients in FP16, no sequence parallelism, no sharded optimizer: what its `stack` says.
pub fn read(row: &Value) -> Result<Timed, &'static str> {
    let read = || {
        let hidden = count(row, "hidden")?;
        let heads = count(row, "heads")?;
        let base = Family::Gpt2.base();
        let architecture = Architecture {
            layers: count(row, "layers")?,
            hidden,
            vocabulary: count(row, "vocab")?,
            learned_positions: count(row, "seq")?,
            attention: petaday::model::Attention {
                heads,
                kv_heads: heads,
                head_dim: hidden.checked_div(heads)?,
                ..base.attention
            },
            feed_forward: FeedForward {
                size: count(row, "ffn")?,
                ..base.feed_forward
            },
            ..base
        };
        let layout = Layout {
            data: count(row, "dp")?,
            tensor: count(row, "tp")?,
            pipeline: count(row, "pp")?,
            sharding: Sharding::None,
            shard_group: 1,
            ..Layout::ONE_GPU
        };
        let micro_batch = count(row, "micro_batch")?;
        let micro_batches = count(row, "global_batch")?.checked_div(layout.data * micro_batch)?;
        Some(Timed {
            task: Task {
                architecture,
                sequence: count(row, "seq")?,
                machine: machine(
                    row["gpu"].as_str()?,
                    Arithmetic::SixteenBit,
                    AttentionKernels::First,
                )?,
                software: Software::megatron_2022(),
                constants: Constants::FITTED,
                operand_bytes: 2.0,
                element_bytes: 2.0,
                gradient_bytes: 2.0,
                adapters_only: false,
                imbalance: 1.0,
                optimizer_bytes: 40.0,
            },
            shape: Shape::of(&layout, micro_batch),
            place: Place {
                recomputed: Recomputed::Layer,
                recomputed_layers: u64::MAX,
                ..Place::of(&layout, micro_batches)
            },
            tokens: None,
            published: true,
            order: order(row),
            seconds: row["step_ms"].as_f64()? / 1e3,
            kind: Kind::Layouts,
        })
    };
    read().ok_or("its model or layout is not stated in full")
}
