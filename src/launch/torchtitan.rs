//! torchtitan v0.2.2's TOML file (torchtitan/config/job_config.py), the last release with one.

use super::text::Text;
use super::{Launch, Recomputation};
use crate::layout::{Schedule, Sharding};
use crate::model::{Architecture, Family};
use crate::training::{Optimizer, OptimizerStep, Precision};

/// A file for `--job.config_file`.
pub fn torchtitan(launch: &Launch) -> String {
    let mut text = Text::new("torchtitan v0.2.2: a file for --job.config_file");
    text.note("Yours to add: data, tokenizer, learning rate, steps.");
    model(&mut text, launch);
    training(&mut text, launch);
    parallelism(&mut text, launch);
    recomputation(&mut text, launch);
    text.finish()
}

fn section(text: &mut Text, name: &str) {
    text.line(&["\n[", name, "]"]);
}

fn count(text: &mut Text, key: &str, value: u64) {
    text.line(&[key, " = ", &value.to_string()]);
}

fn quoted(text: &mut Text, key: &str, value: &str) {
    text.line(&[key, " = \"", value, "\""]);
}

fn model(text: &mut Text, launch: &Launch) {
    section(text, "model");
    match flavor(&launch.architecture) {
        Some((name, flavor)) => {
            quoted(text, "name", name);
            quoted(text, "flavor", flavor);
        }
        None => text.missing(
            "sizes of a model: name and flavor choose one whose sizes stand in torchtitan/models",
        ),
    }
    if launch.fp8() {
        text.line(&["converters = [\"quantize.linear.float8\"]"]);
    }
    if launch.fp4() {
        text.missing("FP4 products");
    }
}

/// The model of torchtitan/models and its flavor with as many layers, as wide and with as many experts.
fn flavor(architecture: &Architecture) -> Option<(&'static str, &'static str)> {
    let experts = architecture.experts.map_or(0, |experts| experts.count);
    let sizes = (architecture.layers, architecture.hidden, experts);
    Some(match (architecture.family, sizes) {
        (Family::Llama, (32, 4_096, 0)) if architecture.attention.kv_heads == 8 => ("llama3", "8B"),
        (Family::Llama, (80, 8_192, 0)) if architecture.vocabulary > 100_000 => ("llama3", "70B"),
        (Family::Llama, (126, 16_384, 0)) => ("llama3", "405B"),
        (Family::Llama4, (48, 5_120, 16)) => ("llama4", "17bx16e"),
        (Family::Llama4, (48, 5_120, 128)) => ("llama4", "17bx128e"),
        (Family::DeepSeekV2, (27, 2_048, 64)) => ("deepseek_v3", "16B"),
        (Family::DeepSeekV2, (60, 5_120, 160)) => ("deepseek_v3", "236B"),
        (Family::DeepSeekV3, (61, 7_168, 256)) => ("deepseek_v3", "671B"),
        (Family::Qwen3, (28, 1_024, 0)) => ("qwen3", "0.6B"),
        (Family::Qwen3, (28, 2_048, 0)) => ("qwen3", "1.7B"),
        (Family::Qwen3, (36, 2_560, 0)) => ("qwen3", "4B"),
        (Family::Qwen3, (36, 4_096, 0)) => ("qwen3", "8B"),
        (Family::Qwen3, (40, 5_120, 0)) => ("qwen3", "14B"),
        (Family::Qwen3, (64, 5_120, 0)) => ("qwen3", "32B"),
        (Family::Qwen3Moe, (48, 2_048, 128)) => ("qwen3", "30B-A3B"),
        (Family::Qwen3Moe, (94, 4_096, 128)) => ("qwen3", "235B-A22B"),
        (Family::GptOss, (24, 2_880, 32)) => ("gpt_oss", "20b"),
        (Family::GptOss, (36, 2_880, 128)) => ("gpt_oss", "120b"),
        _ => return None,
    })
}

fn training(text: &mut Text, launch: &Launch) {
    let layout = &launch.layout;
    section(text, "training");
    count(text, "seq_len", launch.sequence);
    // A pipeline divides the local batch into micro-batches; without one a step accumulates over local batches.
    let local = if layout.pipeline > 1 {
        launch.micro_batch * launch.micro_batches()
    } else {
        launch.micro_batch
    };
    count(text, "local_batch_size", local);
    count(text, "global_batch_size", launch.global_batch);
    let (dtype, computes) = match launch.precision {
        Precision::Fp32 => ("float32", "float32"),
        Precision::SixteenBit => ("bfloat16", "bfloat16"),
        Precision::Mixed | Precision::Master | Precision::MainGradients => ("float32", "bfloat16"),
        Precision::Fp16MainGradients => {
            text.missing("FP16: BF16 stands for it");
            ("float32", "bfloat16")
        }
    };
    quoted(text, "dtype", dtype);
    quoted(text, "mixed_precision_param", computes);
    quoted(text, "mixed_precision_reduce", "float32");
    match launch.precision {
        Precision::Master | Precision::MainGradients => text.note(
            "Weights are FP32, sharded, and cast to BF16 as they are gathered: the same as a master copy.",
        ),
        _ => {}
    }
    if launch.gradients.bytes(launch.precision) == 2 && computes == "bfloat16" {
        text.missing("gradients reduced in 16 bits: it reduces FP32");
    }
    let alone = layout.sharding == Sharding::None && layout.context == 1;
    if dtype != computes && alone && layout.gpus() > layout.data {
        text.missing("mixed precision beside tensor or pipeline parallelism without FSDP");
    }
    section(text, "optimizer");
    match launch.optimizer {
        Optimizer::AdamW => {}
        Optimizer::AdamW8Bit
        | Optimizer::Sgd
        | Optimizer::PlainSgd
        | Optimizer::Adafactor
        | Optimizer::Lion
        | Optimizer::Muon => text.missing("this optimizer: AdamW stands for it"),
    }
    quoted(text, "name", "AdamW");
    let step = match launch.optimizer_step {
        OptimizerStep::Foreach => "foreach",
        OptimizerStep::Fused => "fused",
        OptimizerStep::Loop => "for-loop",
    };
    quoted(text, "implementation", step);
}

fn parallelism(text: &mut Text, launch: &Launch) {
    let layout = &launch.layout;
    section(text, "parallelism");
    let (mut replicas, mut shards) = match layout.sharding {
        Sharding::None => (layout.data, 1),
        _ => (launch.copies(), layout.data / launch.copies()),
    };
    // Ranks of experts are taken from those that share weights (torchtitan/distributed/parallel_dims.py).
    let from = shards * layout.context * layout.tensor;
    let alone = layout.expert > 1 && !from.is_multiple_of(layout.expert);
    if alone {
        (replicas, shards) = (1, layout.data);
        text.missing("expert parallelism over ranks that share no weights: FSDP shares them");
    }
    count(text, "data_parallel_replicate_degree", replicas);
    count(text, "data_parallel_shard_degree", shards);
    match layout.sharding {
        Sharding::None if alone => quoted(text, "fsdp_reshard_after_forward", "never"),
        Sharding::None => {}
        Sharding::Zero3 | Sharding::Fsdp1 | Sharding::Fsdp2 => {
            quoted(text, "fsdp_reshard_after_forward", "always");
        }
        Sharding::Zero1 | Sharding::Zero2 | Sharding::Distributed => {
            quoted(text, "fsdp_reshard_after_forward", "never");
            text.missing(
                "sharing states without weights: FSDP gathers them once a step and keeps them to its end",
            );
        }
    }
    count(text, "tensor_parallel_degree", layout.tensor);
    if layout.tensor > 1 && !layout.sequence_parallel {
        text.missing("tensor parallelism without sequence parallelism");
    }
    count(text, "context_parallel_degree", layout.context);
    count(text, "pipeline_parallel_degree", layout.pipeline);
    if layout.pipeline > 1 {
        pipeline(text, launch);
    }
    if launch.architecture.experts.is_some() {
        count(text, "expert_parallel_degree", layout.expert);
        count(text, "expert_tensor_parallel_degree", layout.expert_tensor);
        if layout.expert > 1 && ![1, layout.tensor].contains(&layout.expert_tensor) {
            text.missing("a tensor-parallel degree of experts that is neither 1 nor the dense one");
        }
    }
}

fn pipeline(text: &mut Text, launch: &Launch) {
    let layout = &launch.layout;
    let schedule = match layout.schedule {
        Schedule::OneForwardOneBackward if layout.chunks > 1 => "Interleaved1F1B",
        Schedule::OneForwardOneBackward => "1F1B",
        Schedule::GPipe => "GPipe",
        Schedule::ZeroBubbleV => "ZBVZeroBubble",
        Schedule::DualPipeV => "DualPipeV",
        Schedule::ZeroBubble1p
        | Schedule::ZeroBubble2p
        | Schedule::VHalf
        | Schedule::VMin
        | Schedule::DualPipe => {
            text.missing(
                &[
                    "the schedule ",
                    launch.schedule(),
                    ", which it does not have: 1F1B stands for it",
                ]
                .concat(),
            );
            "1F1B"
        }
    };
    quoted(text, "pipeline_parallel_schedule", schedule);
    count(
        text,
        "pipeline_parallel_microbatch_size",
        launch.micro_batch,
    );
    match launch.even_chunks() {
        Some(layers) => {
            count(text, "pipeline_parallel_first_stage_less_layers", 0);
            count(text, "pipeline_parallel_last_stage_less_layers", 0);
            count(text, "pipeline_parallel_layers_per_stage", layers);
        }
        None => parts(text, launch),
    }
}

/// The modules of every chunk, by the names that torchtitan's models give them.
fn parts(text: &mut Text, launch: &Launch) {
    text.line(&["module_fqns_per_model_part = ["]);
    let mut chunks = launch.chunks().peekable();
    let mut first = true;
    while let Some((start, layers)) = chunks.next() {
        let mut names = Vec::new();
        if first {
            names.push(String::from("\"tok_embeddings\""));
        }
        first = false;
        for layer in start..start + layers {
            names.push(["\"layers.", &layer.to_string(), "\""].concat());
        }
        if chunks.peek().is_none() {
            names.push(String::from("\"norm\""));
            names.push(String::from("\"output\""));
        }
        text.line(&["    [", &names.join(", "), "],"]);
    }
    text.line(&["]"]);
}

fn recomputation(text: &mut Text, launch: &Launch) {
    section(text, "activation_checkpoint");
    match launch.recomputation() {
        Recomputation::None => quoted(text, "mode", "none"),
        Recomputation::All => quoted(text, "mode", "full"),
        Recomputation::Attention => {
            quoted(text, "mode", "none");
            text.missing("recomputing attention's core alone");
        }
        Recomputation::Some(layers) => {
            let own = launch.fullest();
            // Every n-th layer: at least as many as are needed.
            let every = (own / layers.max(1)).max(1);
            if every == 1 {
                quoted(text, "mode", "full");
            } else {
                quoted(text, "mode", "selective");
                quoted(text, "selective_ac_option", &every.to_string());
            }
            if own / every != layers {
                text.missing(
                    &[
                        "recomputing ",
                        &layers.to_string(),
                        " of ",
                        &own.to_string(),
                        " layers: it recomputes ",
                        &(own / every).to_string(),
                    ]
                    .concat(),
                );
            }
        }
    }
}
