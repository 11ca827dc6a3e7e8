//! Rows of ranks_megatron.jsonl (recorded Megatron-core steps) and megatron_measured.jsonl (runs on GPUs).

use super::{Comparison, Outcome, Table};
use petaday::field::LayerSet;
use petaday::layout::{Layout, Sharding};
use petaday::memory::ranks::megatron::{
    Adam, ContextExchange, CoreAttention, CrossEntropy, Kernels, MainGradients, Megatron,
    Recompute, Run,
};
use petaday::memory::ranks::pipeline::Split;
use petaday::model::{Architecture, Experts, Family, FeedForward, Latent, NormKind};
use serde_json::Value;

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

/// A recorded step's model: `style` is gpt (LayerNorm, biases, learned positions) or llama, or says what differs.
pub fn recorded_model(inputs: &Value) -> Architecture {
    let style = text(&inputs["style"]);
    let llama = style == "llama";
    let base = if llama {
        Family::Llama.base()
    } else {
        Family::Gpt2.base()
    };
    let (hidden, heads) = (count(&inputs["hidden"]), count(&inputs["heads"]).max(1));
    let gated = llama || style.contains("swiglu");
    let biased = !gated;
    let rms = llama || style.contains("rms");
    let mut norms = base.norms;
    norms.bias = !rms;
    norms.kind = if rms { NormKind::Rms } else { NormKind::Layer };
    Architecture {
        layers: count(&inputs["layers"]),
        hidden,
        vocabulary: count(&inputs["vocab"]),
        tied_embeddings: inputs["tied"].as_bool().unwrap_or(false),
        learned_positions: if llama { 0 } else { count(&inputs["seq"]) },
        attention: petaday::model::Attention {
            heads,
            kv_heads: count(&inputs["kv_groups"]).max(1),
            head_dim: hidden / heads,
            rotary_dim: if llama { hidden / heads } else { 0 },
            qkv_bias: biased,
            output_bias: biased,
            ..base.attention
        },
        feed_forward: FeedForward {
            size: count(&inputs["ffn"]),
            gated,
            bias: biased,
            ..base.feed_forward
        },
        norms,
        ..base
    }
}

/// What a recorded step's inputs say of layout and run.
fn recorded(inputs: &Value) -> (Layout, Run) {
    let layout = Layout {
        data: count(&inputs["dp"]),
        tensor: count(&inputs["tp"]),
        sequence_parallel: inputs["sp"].as_bool().unwrap_or(false),
        pipeline: count(&inputs["pp"]),
        ..Layout::ONE_GPU
    };
    let dropout = inputs["dropout"].as_f64().unwrap_or(0.0) > 0.0;
    let run = Run {
        micro_batch: count(&inputs["batch"]),
        sequence: count(&inputs["seq"]),
        // The recording runs at least as many as the pipeline holds.
        micro_batches: layout.pipeline + count(&inputs["extra_microbatches"]),
        hidden_dropout: dropout,
        attention_dropout: dropout,
        kernels: Kernels::Local,
        core_attention: if text(&inputs["core_attention"]) == "flash" {
            CoreAttention::Flash
        } else {
            CoreAttention::Unfused
        },
        recompute: match text(&inputs["recompute"]) {
            "selective" => Recompute::Selective,
            "full" => Recompute::Uniform { layers: 1 },
            _ => Recompute::None,
        },
        cross_entropy: CrossEntropy::Unfused,
        main_gradients: if text(&inputs["grad_dtype"]) == "bf16" {
            MainGradients::Bf16
        } else {
            MainGradients::Fp32
        },
        distributed_optimizer: text(&inputs["optimizer"]) == "distributed",
        adam: if text(&inputs["adam"]) == "fused" {
            Adam::TorchFused
        } else {
            Adam::TorchLoop
        },
        compiled: false,
        rope_fusion: false,
        vocabulary_multiple: 1,
        // Recorded on fake tensors, one stage at a time.
        workspace: 0,
        alone: true,
        ..Run::DEFAULT
    };
    (layout, run)
}

/// ranks_megatron.jsonl: recorded steps of Megatron-core.
pub const RECORDED: Table = Table {
    holds: holds_recorded,
    outcome: outcome_recorded,
};

/// megatron_measured.jsonl: Megatron-LM on GPUs.
pub const MEASURED: Table = Table {
    holds: holds_measured,
    outcome: outcome_measured,
};

/// Whether a row is a recorded Megatron-core step.
fn holds_recorded(row: &Value) -> bool {
    text(&row["inputs"]["strategy"]) == "megatron" && row["peak_total"].is_u64()
}

/// Calls `see` with the run of a recorded row, and its stage.
pub fn with_recorded<T>(row: &Value, see: impl FnOnce(&Megatron, u64) -> T) -> T {
    let inputs = &row["inputs"];
    let model = recorded_model(inputs);
    let (layout, run) = recorded(inputs);
    let megatron = Megatron::new(&model, &layout, &run, Split::default());
    see(&megatron, count(&inputs["stage"]))
}

/// Its peak.
fn outcome_recorded(row: &Value) -> Outcome {
    let peak = with_recorded(row, |megatron, stage| megatron.stage(stage).peak);
    let theirs = u128::from(count(&row["peak_total"]));
    Outcome::Compared(Comparison::of_integers("peak, bytes", peak.0, theirs))
}

/// A measured run's model, by its sizes: Llama's block, or latent attention and experts where the row has them.
fn measured_model(model: &Value) -> Architecture {
    let latent = model["kv_lora"].as_u64().map(|kv_rank| Latent {
        query_rank: model["q_lora"].as_u64(),
        kv_rank,
        nope_dim: count(&model["qk_nope"]),
        rope_dim: count(&model["qk_rope"]),
        value_dim: count(&model["v_head"]),
    });
    let family = match (latent, model["experts"].as_u64()) {
        (Some(_), _) => Family::DeepSeekV2,
        (None, Some(_)) => Family::Mixtral,
        (None, None) => Family::Llama,
    };
    let base = family.base();
    let (hidden, heads) = (count(&model["hidden"]), count(&model["heads"]).max(1));
    let head_dim = match latent {
        Some(latent) => latent.nope_dim + latent.rope_dim,
        None => model["head_dim"].as_u64().unwrap_or(hidden / heads),
    };
    let experts = model["experts"].as_u64().map(|all| Experts {
        layers: LayerSet::from(count(&model["dense_layers"])),
        count: all,
        active: count(&model["topk"]),
        size: count(&model["moe_ffn"]),
        shared_size: count(&model["shared_ffn"]),
        ..base.experts.unwrap_or(Experts::DEFAULT)
    });
    Architecture {
        layers: count(&model["layers"]),
        hidden,
        vocabulary: count(&model["vocab"]),
        attention: petaday::model::Attention {
            heads,
            kv_heads: model["kv_heads"].as_u64().unwrap_or(heads),
            head_dim,
            latent,
            rotary_dim: latent.map_or(head_dim, |latent| latent.rope_dim),
            ..base.attention
        },
        feed_forward: FeedForward {
            size: count(&model["ffn"]),
            ..base.feed_forward
        },
        experts,
        ..base
    }
}

/// What a measured run's row says of layout and run.
fn measured(row: &Value) -> (Layout, Run) {
    let world = &row["world"];
    let degree = |key: &str| world[key].as_u64().unwrap_or(1);
    let layout = Layout {
        data: degree("dp"),
        tensor: degree("tp"),
        sequence_parallel: world["sequence_parallel"].as_bool().unwrap_or(false),
        pipeline: degree("pp"),
        chunks: degree("vpp"),
        context: degree("cp"),
        expert: degree("ep"),
        expert_tensor: degree("etp"),
        sharding: Sharding::Distributed,
        ..Layout::ONE_GPU
    };
    let dropout = row["dropout"].as_f64().unwrap_or(0.0) > 0.0;
    let run = Run {
        micro_batch: count(&row["micro_batch"]),
        sequence: count(&row["seq"]),
        micro_batches: count(&row["micro_batches_per_step"]),
        hidden_dropout: dropout,
        attention_dropout: dropout,
        core_attention: if text(&row["attention"]) == "unfused" {
            CoreAttention::Unfused
        } else {
            CoreAttention::Flash
        },
        recompute: match text(&row["recompute"]) {
            "selective" => Recompute::Selective,
            "full" => Recompute::Uniform { layers: 1 },
            _ => Recompute::None,
        },
        cross_entropy: if text(&row["loss"]).contains("fused") {
            CrossEntropy::TransformerEngine
        } else {
            CrossEntropy::Unfused
        },
        main_gradients: if text(&row["main_gradients"]) == "bf16" {
            MainGradients::Bf16
        } else {
            MainGradients::Fp32
        },
        distributed_optimizer: text(&world["sharding"]).contains("distributed"),
        // Rows do not say how context-parallel ranks exchange; their source's scripts do (`CP_COMM_TYPE`, a2a).
        context_exchange: match text(&world["cp_comm_type"]) {
            "p2p" => ContextExchange::Ring,
            _ => ContextExchange::AllToAll,
        },
        ..Run::DEFAULT
    };
    (layout, run)
}

/// Whether a row is a measured Megatron-LM run with its layout.
fn holds_measured(row: &Value) -> bool {
    text(&row["stack"]) == "megatron"
        && row["world"]["sharding"].is_string()
        && row["model"]["hidden"].is_u64()
        && row["measured"]["bytes"].is_number()
}

/// Calls `see` with the run of a measured row, and its worst stage: the row's figure is the largest over ranks.
pub fn with_measured<T>(row: &Value, see: impl FnOnce(&Megatron, u64) -> T) -> T {
    let model = measured_model(&row["model"]);
    let (layout, run) = measured(row);
    let megatron = Megatron::new(&model, &layout, &run, Split::default());
    let worst = (0..layout.pipeline).max_by_key(|rank| megatron.stage(*rank).peak);
    see(&megatron, worst.unwrap_or(0))
}

/// The peak of its worst stage.
fn outcome_measured(row: &Value) -> Outcome {
    let peak = with_measured(row, |megatron, stage| megatron.stage(stage).peak);
    Outcome::Compared(Comparison::of_reals(
        "allocated peak of the worst stage, bytes",
        peak.0 as f64,
        row["measured"]["bytes"].as_f64().unwrap_or(f64::NAN),
    ))
}
