//! Rows of ranks_megatron.jsonl (recorded Megatron-core steps) and megatron_measured.jsonl (runs on GPUs).

use super::{Comparison, Outcome};
use petaday::layout::Layout;
use petaday::memory::ranks::megatron::{
    Adam, CoreAttention, CrossEntropy, Kernels, MainGradients, Megatron, Recompute, Run,
};
use petaday::memory::ranks::pipeline::Split;
use petaday::model::{Architecture, Family, FeedForward, NormKind};
use serde_json::Value;

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

/// A recorded step's model: `style` is gpt (LayerNorm, biases, learned positions) or llama, or says what differs.
fn recorded_model(inputs: &Value) -> Architecture {
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
        ..Run::DEFAULT
    };
    (layout, run)
}

/// Whether a row is a recorded Megatron-core step.
pub fn holds_recorded(row: &Value) -> bool {
    text(&row["inputs"]["strategy"]) == "megatron" && row["peak_total"].is_u64()
}

/// Its peak.
pub fn outcome_recorded(row: &Value) -> Outcome {
    let inputs = &row["inputs"];
    let model = recorded_model(inputs);
    let (layout, run) = recorded(inputs);
    let megatron = Megatron::new(&model, &layout, &run, Split::default());
    let stage = megatron.stage(count(&inputs["stage"]));
    if std::env::var("RANKS_DEBUG").is_ok() {
        let theirs = |key: &str| row["at_peak"][key].as_i64().unwrap_or(0);
        println!(
            "   param {} grad {} opt {} buf {} act {} moment {:?} theirs {}",
            stage.parameters.0 as i64 - theirs("param"),
            stage.gradients.0 as i64 - theirs("main_grad"),
            stage.optimizer.0 as i64 - row["opt_bytes_rank"].as_i64().unwrap_or(0),
            stage.buffers.0 as i64 - theirs("global_buf") - theirs("input"),
            stage.activations.0 as i64 - row["act_in_flight"].as_i64().unwrap_or(0),
            stage.moment,
            row["peak_phase"]
        );
    }
    Outcome::Compared(Comparison::of_integers(
        "peak, bytes",
        stage.peak.0,
        u128::from(count(&row["peak_total"])),
    ))
}
