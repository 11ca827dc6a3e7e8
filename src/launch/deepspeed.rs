//! DeepSpeed 0.19.5's JSON configuration (docs/_pages/config-json.md).

use super::text::Text;
use super::{Launch, Recomputation};
use crate::layout::Sharding;
use crate::training::{Optimizer, Precision};

/// A configuration for `deepspeed --deepspeed_config`, comments before it: DeepSpeed reads its file as Hjson and skips
/// them (deepspeed/runtime/config.py); other readers of JSON take it from its first brace on.
pub fn deepspeed(launch: &Launch) -> String {
    let layout = &launch.layout;
    let mut text =
        Text::new("DeepSpeed 0.19.5, a JSON configuration; DeepSpeed skips these lines.");
    text.note("Yours to add: learning rate and its schedule. The model and its sequence length are set in code.");
    let mut object = Object::default();
    object.count("train_batch_size", launch.global_batch);
    object.count("train_micro_batch_size_per_gpu", launch.micro_batch);
    object.count("gradient_accumulation_steps", launch.micro_batches());
    precision(&mut text, &mut object, launch);
    optimizer(&mut text, &mut object, launch);
    zero(&mut text, &mut object, launch);
    if layout.tensor > 1 {
        let mut tensor = Object::default();
        tensor.count("autotp_size", layout.tensor);
        object.member("tensor_parallel", &tensor.text(2));
        if layout.sequence_parallel {
            text.missing("sequence parallelism beside AutoTP: norms and residuals are not divided");
        }
    }
    if layout.context > 1 {
        object.count("sequence_parallel_size", layout.context);
        text.note("Context parallelism is Ulysses': its all-to-alls stand for the ring's traffic.");
    }
    if layout.expert > 1 {
        let mut expert = Object::default();
        expert.word("enabled", "true");
        expert.count("autoep_size", layout.expert);
        object.member("expert_parallel", &expert.text(2));
    }
    if layout.expert_tensor > 1 {
        text.missing("tensor parallelism inside experts: AutoEP takes 1 alone");
    }
    if layout.pipeline > 1 {
        let stages = layout.pipeline.to_string();
        text.missing(
            &[
                "pipeline stages: give PipelineModule(num_stages=",
                &stages,
                ") in code",
            ]
            .concat(),
        );
        if launch.schedule() != "1F1B" {
            text.missing(&["the schedule ", launch.schedule(), ": it runs 1F1B"].concat());
        }
    }
    match launch.recomputation() {
        Recomputation::None => {}
        Recomputation::All => {
            text.missing("recomputation: the model's code checkpoints every layer");
        }
        Recomputation::Some(layers) => text.missing(
            &[
                "recomputation: the model's code checkpoints ",
                &layers.to_string(),
                " layers of each rank",
            ]
            .concat(),
        ),
        Recomputation::Attention => {
            text.missing("recomputation: the model's code checkpoints attention's core");
        }
    }
    text.line(&[&object.text(0)]);
    text.finish()
}

fn precision(text: &mut Text, object: &mut Object, launch: &Launch) {
    let mut enabled = Object::default();
    enabled.word("enabled", "true");
    let four = launch.gradients.bytes(launch.precision) == 4;
    let mut types = Object::default();
    types.quoted("grad_accum_dtype", if four { "fp32" } else { "bf16" });
    match launch.precision {
        Precision::Fp32 => {}
        Precision::Mixed => {
            enabled.quoted("dtype", "bfloat16");
            object.member("torch_autocast", &enabled.text(2));
        }
        Precision::SixteenBit => {
            if launch.layout.sharding == Sharding::None {
                text.missing("BF16 states without ZeRO: it takes a stage from 1 to 3");
            } else {
                enabled.word("bf16_master_weights_and_grads", "true");
                enabled.word("bf16_optimizer_states", "true");
            }
            object.member("bf16", &enabled.text(2));
        }
        Precision::Master | Precision::MainGradients => {
            object.member("bf16", &enabled.text(2));
            if launch.layout.sharding != Sharding::None {
                object.member("data_types", &types.text(2));
            } else if four {
                text.missing("FP32 gradients of BF16 weights without ZeRO");
            }
        }
        Precision::Fp16MainGradients => {
            object.member("fp16", &enabled.text(2));
            text.missing("FP16 gradients accumulated in FP32 in every ZeRO stage");
        }
    }
    if launch.fp8() || launch.fp4() {
        text.missing("products narrower than 16 bits: the model's code multiplies so");
    }
}

fn optimizer(text: &mut Text, object: &mut Object, launch: &Launch) {
    let optimizer = launch.optimizer;
    let name = match optimizer {
        Optimizer::AdamW => "AdamW",
        Optimizer::AdamW8Bit => {
            text.missing("8-bit AdamW: hand bitsandbytes' to deepspeed.initialize");
            return;
        }
        Optimizer::Sgd | Optimizer::PlainSgd => "SGD",
        Optimizer::Adafactor => "Adafactor",
        Optimizer::Lion => "Lion",
        Optimizer::Muon => "Muon",
    };
    let mut own = Object::default();
    own.quoted("type", name);
    if optimizer == Optimizer::Sgd {
        let mut parameters = Object::default();
        parameters.word("momentum", "0.9");
        own.member("params", &parameters.text(4));
    }
    object.member("optimizer", &own.text(2));
    let untested = matches!(name, "SGD" | "Adafactor");
    if untested && launch.layout.sharding != Sharding::None {
        object.word("zero_allow_untested_optimizer", "true");
    }
}

fn zero(text: &mut Text, object: &mut Object, launch: &Launch) {
    let (stage, whose) = match launch.layout.sharding {
        Sharding::None => (0, ""),
        Sharding::Zero1 => (1, ""),
        Sharding::Zero2 => (2, ""),
        Sharding::Zero3 => (3, ""),
        Sharding::Distributed => (1, "Megatron-LM's distributed optimizer"),
        Sharding::Fsdp1 | Sharding::Fsdp2 => (3, "PyTorch's FSDP"),
    };
    if !whose.is_empty() {
        let stage = u64::to_string(&stage);
        text.missing(&[whose, ": ZeRO stage ", &stage, " shares the same"].concat());
    }
    let mut zero = Object::default();
    zero.count("stage", stage);
    if stage > 1 {
        zero.word("overlap_comm", "true");
    }
    object.member("zero_optimization", &zero.text(2));
    if launch.copies() > 1 {
        text.missing("shards among a part of the ranks: all data-parallel ranks share one set");
    }
}

/// A JSON object under way.
#[derive(Default)]
struct Object {
    members: Vec<String>,
}

impl Object {
    /// A member, its value as it is written.
    fn member(&mut self, key: &str, value: &str) {
        self.members.push(["\"", key, "\": ", value].concat());
    }

    fn word(&mut self, key: &str, value: &str) {
        self.member(key, value);
    }

    fn count(&mut self, key: &str, value: u64) {
        self.member(key, &value.to_string());
    }

    fn quoted(&mut self, key: &str, value: &str) {
        self.member(key, &["\"", value, "\""].concat());
    }

    /// All of it, its closing brace so far from the margin.
    fn text(&self, margin: usize) -> String {
        let inner = " ".repeat(margin + 2);
        let members: Vec<String> = self
            .members
            .iter()
            .map(|member| [&inner, member.as_str()].concat())
            .collect();
        let outer = " ".repeat(margin);
        ["{\n", &members.join(",\n"), "\n", &outer, "}"].concat()
    }
}
