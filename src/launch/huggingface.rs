//! `TrainingArguments` of transformers 5.23.0 (transformers/training_args.py) and accelerate 1.14.0's configuration file
//! (accelerate/commands/config/config_args.py).

use super::text::Text;
use super::{Launch, Recomputation};
use crate::layout::Sharding;
use crate::training::{AttentionKernel, Optimizer, OptimizerStep, Precision, Stack};

/// A call in Python. Degrees of parallelism stand in [`accelerate`]'s file, ZeRO's stages in
/// [`deepspeed`](super::deepspeed()).
pub fn training_arguments(launch: &Launch) -> String {
    let layout = &launch.layout;
    let mut text = Text::new("transformers 5.23.0");
    text.note(
        "Yours to add: learning rate, steps. Data and its collator set the sequence's length.",
    );
    text.line(&["TrainingArguments("]);
    argument(
        &mut text,
        "per_device_train_batch_size",
        &launch.micro_batch.to_string(),
    );
    let accumulated = launch.micro_batches().to_string();
    argument(&mut text, "gradient_accumulation_steps", &accumulated);
    precision(&mut text, launch);
    optimizer(&mut text, launch);
    let recomputation = launch.recomputation();
    let all = recomputation == Recomputation::All;
    let sharing = sharing(launch);
    let fsdp = matches!(sharing, Sharing::Fsdp { .. });
    match sharing {
        Sharing::Fsdp { reshard } => {
            argument(&mut text, "fsdp", "True");
            text.line(&["    fsdp_config={"]);
            text.line(&["        \"version\": 2,"]);
            text.line(&["        \"reshard_after_forward\": ", python(reshard), ","]);
            // FSDP's own gathers once less than the argument outside it.
            text.line(&["        \"activation_checkpointing\": ", python(all), ","]);
            text.line(&["    },"]);
        }
        Sharing::DeepSpeed => {
            text.note("deepspeed.json is DeepSpeed's configuration without its comments.");
            argument(&mut text, "deepspeed", "\"deepspeed.json\"");
        }
        Sharing::Nothing => {}
    }
    match recomputation {
        Recomputation::None => {}
        Recomputation::All if fsdp => {}
        Recomputation::All => argument(&mut text, "activation_checkpointing", "True"),
        Recomputation::Some(layers) => {
            if fsdp {
                text.note("Outside fsdp_config recomputed layers are gathered once more.");
            }
            every(&mut text, launch.fullest(), layers);
        }
        Recomputation::Attention => text.missing("recomputing attention's core alone"),
    }
    if launch.stack == Stack::Liger {
        argument(&mut text, "use_liger_kernel", "True");
    }
    let kernel = match launch.attention {
        AttentionKernel::Flash => "flash_attention_2, or sdpa",
        AttentionKernel::Cudnn | AttentionKernel::Efficient | AttentionKernel::Math => "sdpa",
        AttentionKernel::Eager => "eager",
    };
    text.note(
        &[
            "The model takes the attention kernel where it is loaded: attn_implementation is ",
            kernel,
            ".",
        ]
        .concat(),
    );
    if layout.pipeline > 1 {
        text.missing("pipeline parallelism in training");
    }
    if layout.expert > 1 {
        text.missing("expert parallelism: it is set where the model is loaded");
    }
    if layout.sequence_parallel && layout.tensor > 1 {
        text.missing(
            "sequence parallelism: a model's own plan for tensor parallelism has it or not",
        );
    }
    if launch.fp8() || launch.fp4() {
        text.missing("products narrower than 16 bits: accelerate's fp8_config has them");
    }
    text.line(&[")"]);
    text.finish()
}

/// Recomputes every n-th of a model's layers from the first on, of which at least so many are needed.
fn every(text: &mut Text, all: u64, layers: u64) {
    let step = match layers {
        0 | 1 => all,
        _ => all.saturating_sub(1) / (layers - 1),
    };
    let step = step.max(1);
    argument(text, "activation_checkpointing", "True");
    let kwargs = ["{\"every_n_layers\": ", &step.to_string(), "}"].concat();
    argument(text, "activation_checkpointing_kwargs", &kwargs);
    let count = all.div_ceil(step);
    if count != layers {
        text.missing(
            &[
                "recomputing ",
                &layers.to_string(),
                " of ",
                &all.to_string(),
                " layers: it recomputes ",
                &count.to_string(),
            ]
            .concat(),
        );
    }
}

/// What shares states among data-parallel ranks.
enum Sharing {
    /// Nothing, or DDP.
    Nothing,
    /// FSDP2, weights resharded after the forward pass or not.
    Fsdp { reshard: bool },
    /// DeepSpeed's ZeRO.
    DeepSpeed,
}

fn sharing(launch: &Launch) -> Sharing {
    let layout = &launch.layout;
    match layout.sharding {
        Sharding::Fsdp1 | Sharding::Fsdp2 => Sharing::Fsdp { reshard: true },
        Sharding::Zero1 | Sharding::Zero2 | Sharding::Zero3 | Sharding::Distributed => {
            Sharing::DeepSpeed
        }
        // Tensor and context parallelism stand in accelerate's mesh, which is FSDP2's.
        Sharding::None if layout.tensor * layout.context > 1 => Sharing::Fsdp { reshard: false },
        Sharding::None => Sharing::Nothing,
    }
}

fn argument(text: &mut Text, key: &str, value: &str) {
    text.line(&["    ", key, "=", value, ","]);
}

const fn python(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

fn precision(text: &mut Text, launch: &Launch) {
    match launch.precision {
        Precision::Fp32 => text.note("Load the model with dtype=torch.float32."),
        Precision::Mixed => {
            text.note("Load the model with dtype=torch.float32.");
            argument(text, "bf16", "True");
        }
        Precision::SixteenBit => {
            text.note("Load the model with dtype=torch.bfloat16: nothing is cast then.");
        }
        Precision::Master | Precision::MainGradients => {
            match sharing(launch) {
                Sharing::Nothing => {
                    text.missing(
                        "BF16 weights with an FP32 master copy: FP32 weights under autocast stand for it",
                    );
                }
                Sharing::Fsdp { .. } => text.note(
                    "Load the model with dtype=torch.float32: FSDP casts to BF16 as it gathers.",
                ),
                Sharing::DeepSpeed => {
                    text.note("DeepSpeed keeps the FP32 master copy of BF16 weights.");
                }
            }
            argument(text, "bf16", "True");
        }
        Precision::Fp16MainGradients => {
            text.missing("FP16 gradients accumulated in FP32: autocast to FP16 stands for it");
            argument(text, "fp16", "True");
        }
    }
}

fn optimizer(text: &mut Text, launch: &Launch) {
    let name = match (launch.optimizer, launch.optimizer_step) {
        (Optimizer::AdamW, OptimizerStep::Fused) => "adamw_torch_fused",
        (Optimizer::AdamW, OptimizerStep::Foreach) => "adamw_torch",
        (Optimizer::AdamW, OptimizerStep::Loop) => {
            text.missing("AdamW one tensor after the other: PyTorch's default stands for it");
            "adamw_torch"
        }
        (Optimizer::AdamW8Bit, _) => "adamw_bnb_8bit",
        (Optimizer::Sgd | Optimizer::PlainSgd, _) => "sgd",
        (Optimizer::Adafactor, _) => "adafactor",
        (Optimizer::Lion, _) => "lion_32bit",
        (Optimizer::Muon, _) => {
            text.missing("Muon: AdamW stands for it");
            "adamw_torch_fused"
        }
    };
    argument(text, "optim", &["\"", name, "\""].concat());
    if launch.optimizer == Optimizer::Sgd {
        argument(text, "optim_args", "\"momentum=0.9\"");
    }
}

/// A configuration file in YAML for `accelerate launch --config_file`.
pub fn accelerate(launch: &Launch) -> String {
    let layout = &launch.layout;
    let mut text = Text::new("accelerate 1.14.0: a file for accelerate launch --config_file");
    text.note("Yours to add: main_process_ip and machine_rank of each server.");
    let gpus = layout.gpus();
    pair(&mut text, "compute_environment", "LOCAL_MACHINE");
    let sharing = sharing(launch);
    let kind = match sharing {
        Sharing::Nothing if gpus == 1 => "NO",
        Sharing::Nothing => "MULTI_GPU",
        Sharing::Fsdp { .. } => "FSDP",
        Sharing::DeepSpeed => "DEEPSPEED",
    };
    pair(&mut text, "distributed_type", kind);
    let precision = match launch.precision {
        Precision::Fp32 | Precision::SixteenBit => "no",
        Precision::Mixed | Precision::Master | Precision::MainGradients => "bf16",
        Precision::Fp16MainGradients => "fp16",
    };
    pair(&mut text, "mixed_precision", precision);
    pair(&mut text, "num_machines", &launch.servers().to_string());
    pair(&mut text, "num_processes", &gpus.to_string());
    match sharing {
        Sharing::Nothing => {}
        Sharing::Fsdp { reshard } => fsdp(&mut text, launch, reshard),
        Sharing::DeepSpeed => {
            text.line(&["deepspeed_config:"]);
            text.line(&["  deepspeed_config_file: deepspeed.json"]);
            let three = launch.layout.sharding == Sharding::Zero3;
            text.line(&["  zero3_init_flag: ", if three { "true" } else { "false" }]);
        }
    }
    if layout.pipeline > 1 {
        text.missing("pipeline parallelism, but in its Megatron-LM configuration");
    }
    if layout.expert > 1 {
        text.missing("expert parallelism, but in its Megatron-LM configuration");
    }
    text.finish()
}

fn fsdp(text: &mut Text, launch: &Launch, reshard: bool) {
    let layout = &launch.layout;
    let word = |value: bool| if value { "true" } else { "false" };
    let all = launch.recomputation() == Recomputation::All;
    text.line(&["fsdp_config:"]);
    text.line(&["  fsdp_version: 2"]);
    text.line(&["  fsdp_reshard_after_forward: ", word(reshard)]);
    text.line(&["  fsdp_auto_wrap_policy: TRANSFORMER_BASED_WRAP"]);
    text.line(&["  fsdp_activation_checkpointing: ", word(all)]);
    let (copies, shards) = match layout.sharding {
        Sharding::None => (layout.data, 1),
        _ => (launch.copies(), layout.data / launch.copies()),
    };
    if copies == 1 && layout.tensor * layout.context == 1 {
        return;
    }
    if copies > 1 && shards == 1 {
        text.missing("copies of weights that are not shared beside tensor or context parallelism");
    }
    text.line(&["parallelism_config:"]);
    for (key, degree) in [
        ("dp_replicate_size", copies),
        ("dp_shard_size", shards),
        ("tp_size", layout.tensor),
        ("cp_size", layout.context),
    ] {
        text.line(&["  parallelism_config_", key, ": ", &degree.to_string()]);
    }
}

fn pair(text: &mut Text, key: &str, value: &str) {
    text.line(&[key, ": ", value]);
}
