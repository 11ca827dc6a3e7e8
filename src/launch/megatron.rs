//! Flags of Megatron-LM core_v0.14.0 (megatron/training/arguments.py: what there is and what goes with what).

use super::text::Text;
use super::{Launch, Recomputation};
use crate::field::LayerSet;
use crate::layout::{Schedule, Sharding};
use crate::model::{
    Activation, Architecture, Experts, Family, NormKind, NormPlaces, QkNorm, Router, RouterBias,
};
use crate::training::{AttentionKernel, Optimizer, Precision};

/// A bash array with the flags of `pretrain_gpt.py`, one a line.
pub fn megatron(launch: &Launch) -> String {
    let mut flags = Flags {
        text: Text::new("Megatron-LM core_v0.14.0: torchrun … pretrain_gpt.py \"${ARGUMENTS[@]}\""),
    };
    flags.text.note(
        "Yours to add: data, tokenizer, learning rate, iterations, rotary base, initialisation.",
    );
    flags.text.line(&["ARGUMENTS=("]);
    model(&mut flags, &launch.architecture, launch.sequence);
    experts(&mut flags, launch);
    layout(&mut flags, launch);
    sharing(&mut flags, launch);
    training(&mut flags, launch);
    recomputation(&mut flags, launch);
    flags.text.line(&[")"]);
    flags.text.finish()
}

/// Flags under way.
struct Flags {
    text: Text,
}

impl Flags {
    fn switch(&mut self, flag: &str) {
        self.text.line(&["    ", flag]);
    }

    fn word(&mut self, flag: &str, value: &str) {
        self.text.line(&["    ", flag, " ", value]);
    }

    fn count(&mut self, flag: &str, value: u64) {
        self.word(flag, &value.to_string());
    }

    fn missing(&mut self, what: &str) {
        self.text.missing(what);
    }
}

/// Sizes and parts of the model that every layer has.
fn model(flags: &mut Flags, architecture: &Architecture, sequence: u64) {
    let Architecture {
        attention,
        feed_forward,
        norms,
        dropout,
        ..
    } = architecture;
    flags.count("--num-layers", architecture.layers);
    flags.count("--hidden-size", architecture.hidden);
    flags.count("--ffn-hidden-size", feed_forward.size);
    flags.count("--num-attention-heads", attention.heads);
    flags.count("--vocab-size", architecture.vocabulary);
    flags.count("--seq-length", sequence);
    let positions = match architecture.learned_positions {
        0 => architecture.max_positions,
        rows => rows,
    };
    flags.count("--max-position-embeddings", positions.max(sequence));
    if !architecture.tied_embeddings {
        flags.switch("--untie-embeddings-and-output-weights");
    }
    match &attention.latent {
        Some(latent) => {
            flags.switch("--multi-latent-attention");
            flags.count("--kv-lora-rank", latent.kv_rank);
            if let Some(rank) = latent.query_rank {
                flags.count("--q-lora-rank", rank);
            }
            flags.count("--qk-head-dim", latent.nope_dim);
            flags.count("--qk-pos-emb-head-dim", latent.rope_dim);
            flags.count("--v-head-dim", latent.value_dim);
            // The norms of the compressed queries, keys and values.
            flags.switch("--qk-layernorm");
        }
        None => {
            flags.count("--kv-channels", attention.head_dim);
            if attention.kv_heads != attention.heads {
                flags.switch("--group-query-attention");
                flags.count("--num-query-groups", attention.kv_heads);
            }
        }
    }
    if attention.rotary_dim > 0 || attention.latent.is_some() {
        flags.word("--position-embedding-type", "rope");
        if attention.latent.is_none() && attention.rotary_dim < attention.head_dim {
            let share = attention.rotary_dim as f64 / attention.head_dim as f64;
            flags.word(
                "--rotary-percent",
                &crate::units::significant(share, 6).replace(',', ""),
            );
        }
        if let Some(layers) = pattern(&attention.unrotated, architecture.layers) {
            flags.word("--no-rope-freq", &layers);
        }
    } else if architecture.learned_positions > 0 {
        flags.word("--position-embedding-type", "learned_absolute");
    } else {
        flags.word("--position-embedding-type", "none");
        flags.missing("positions that are neither rotary nor learned, such as ALiBi's");
    }
    flags.word(
        "--normalization",
        match norms.kind {
            NormKind::Layer | NormKind::LayerInFp32 => "LayerNorm",
            NormKind::Rms | NormKind::RmsInFp32 | NormKind::RmsPlusOne => "RMSNorm",
        },
    );
    if norms.kind == NormKind::RmsPlusOne {
        flags.switch("--apply-layernorm-1p");
    }
    match attention.qk_norm {
        QkNorm::None => {}
        QkNorm::Head if attention.latent.is_none() => flags.switch("--qk-layernorm"),
        QkNorm::Head => {}
        QkNorm::Unweighted => flags.switch("--qk-l2-norm"),
        QkNorm::EachHead | QkNorm::Row => {
            flags.missing("a norm of queries and keys with other weights than one a head's width");
        }
    }
    match (feed_forward.gated, feed_forward.activation) {
        (true, Activation::Silu) => flags.switch("--swiglu"),
        (false, Activation::Relu2) => flags.switch("--squared-relu"),
        (
            false,
            Activation::Gelu
            | Activation::GeluNew
            | Activation::GeluFast
            | Activation::GeluPython
            | Activation::BloomGelu,
        ) => {}
        _ => flags.missing("the feed-forward network's activation: GELU stands for it"),
    }
    let biases = [attention.qkv_bias, attention.output_bias, feed_forward.bias];
    if biases != [true; 3] {
        flags.switch("--disable-bias-linear");
        if attention.qkv_bias {
            flags.switch("--add-qkv-bias");
        }
        if attention.output_bias || feed_forward.bias {
            flags.missing(
                "biases on some linear layers other than queries', keys' and values': none has one",
            );
        }
    }
    if !dropout.attention {
        flags.word("--attention-dropout", "0.0");
    }
    if !dropout.residual {
        flags.word("--hidden-dropout", "0.0");
    }
    for (has, what) in [
        (
            norms.places != NormPlaces::Before,
            "norms elsewhere than before attention and before the feed-forward network",
        ),
        (norms.embedding, "a norm of the embedding"),
        (!norms.last, "leaving out the last norm"),
        (!norms.weight, "norms without weights"),
        (attention.window.is_some(), "windowed or chunked attention"),
        (attention.soft_cap, "a soft cap on attention scores"),
        (attention.sinks, "attention sinks"),
        (attention.clip_qkv, "clamped queries, keys and values"),
        (
            architecture.embedding_size.is_some(),
            "an embedding of another width than the residual stream",
        ),
        (architecture.head_bias, "a bias on the head"),
    ] {
        if has {
            flags.missing(what);
        }
    }
}

/// A mixture of experts.
fn experts(flags: &mut Flags, launch: &Launch) {
    let Some(experts) = &launch.architecture.experts else {
        return;
    };
    let Experts {
        count,
        active,
        size,
        shared_size,
        ..
    } = *experts;
    flags.count("--num-experts", count);
    flags.count("--moe-router-topk", active);
    flags.count("--moe-ffn-hidden-size", size);
    let layers = launch.architecture.layers;
    if let Some(sparse) = pattern(&experts.layers, layers)
        && experts.layers.count_below(layers) < layers
    {
        flags.word("--moe-layer-freq", &sparse);
    }
    if shared_size > 0 {
        flags.count("--moe-shared-expert-intermediate-size", shared_size);
    }
    match experts.router {
        Router::Sigmoid => flags.word("--moe-router-score-function", "sigmoid"),
        // The softmax over the chosen ones alone is that over all, divided by the chosen ones' sum.
        Router::Softmax | Router::TopK if experts.renormalised => {}
        Router::TopK => {}
        Router::Softmax => flags.switch("--moe-router-pre-softmax"),
        Router::Greedy => {
            flags.word("--moe-router-dtype", "fp32");
            if !experts.renormalised {
                flags.switch("--moe-router-pre-softmax");
            }
        }
        Router::Dense => flags.missing("sending every token to every expert"),
    }
    match experts.router_bias {
        RouterBias::None => {}
        RouterBias::Buffer => flags.switch("--moe-router-enable-expert-bias"),
        RouterBias::Parameter => flags.missing("a trained bias of the router"),
    }
    let family = launch.architecture.family;
    if experts.group_limited || matches!(family, Family::DeepSeekV3) {
        flags.text.note(
            "Where experts are chosen from groups (n_group, topk_group) add --moe-router-num-groups, --moe-router-group-topk.",
        );
    }
    if experts.shared_gate {
        flags.missing("a gate on the shared experts' output");
    }
    if experts.expert_bias {
        flags.missing("biases on the experts' projections");
    }
    flags.word("--moe-token-dispatcher-type", "alltoall");
    if sixteen_bit(launch) == Some("--bf16") {
        flags.switch("--moe-grouped-gemm");
    }
    let layout = &launch.layout;
    flags.count("--expert-model-parallel-size", layout.expert);
    flags.count("--expert-tensor-parallel-size", layout.expert_tensor);
}

/// Degrees of parallelism and the pipeline.
fn layout(flags: &mut Flags, launch: &Launch) {
    let layout = &launch.layout;
    flags.count("--tensor-model-parallel-size", layout.tensor);
    if layout.sequence_parallel && layout.tensor > 1 {
        flags.switch("--sequence-parallel");
    }
    flags.count("--context-parallel-size", layout.context);
    flags.count("--pipeline-model-parallel-size", layout.pipeline);
    if layout.pipeline > 1 {
        if layout.schedule != Schedule::OneForwardOneBackward {
            flags
                .text
                .missing(&["the schedule ", launch.schedule(), ": it runs 1F1B"].concat());
        } else if launch.even_chunks().is_none() {
            flags.word("--pipeline-model-parallel-layout", &stages(launch));
        } else if layout.chunks > 1 {
            flags.count("--num-virtual-stages-per-pipeline-rank", layout.chunks);
        }
    }
    flags.count("--micro-batch-size", launch.micro_batch);
    flags.count("--global-batch-size", launch.global_batch);
    if layout.tensor > 1 || layout.context > 1 {
        flags.text.note(
            "Before Blackwell set CUDA_DEVICE_MAX_CONNECTIONS=1 in the environment; not with FSDP.",
        );
    }
}

/// What data-parallel ranks share.
fn sharing(flags: &mut Flags, launch: &Launch) {
    let layout = &launch.layout;
    if layout.data * layout.context == 1 {
        return;
    }
    let fp16 = sixteen_bit(launch) == Some("--fp16");
    // What --use-torch-fsdp2 refuses.
    let refused = layout.pipeline > 1
        || layout.expert > 1
        || fp16
        || launch.architecture.tied_embeddings
        || launch.copies() > 1;
    match layout.sharding {
        Sharding::None => flags.switch("--overlap-grad-reduce"),
        Sharding::Zero1 | Sharding::Distributed => {
            flags.switch("--use-distributed-optimizer");
            flags.switch("--overlap-grad-reduce");
            flags.switch("--overlap-param-gather");
        }
        Sharding::Fsdp2 if !refused => {
            flags.switch("--use-torch-fsdp2");
            flags.switch("--no-gradient-accumulation-fusion");
            flags.word("--ckpt-format", "torch_dist");
        }
        Sharding::Zero2 | Sharding::Zero3 | Sharding::Fsdp1 | Sharding::Fsdp2 => {
            flags.text.note(
                "Gradients or weights are shared by Megatron's own FSDP, whose memory petaday counts as FSDP2's.",
            );
            flags.switch("--use-megatron-fsdp");
            flags.word(
                "--data-parallel-sharding-strategy",
                if layout.sharding == Sharding::Zero2 {
                    "optim_grads"
                } else {
                    "optim_grads_params"
                },
            );
            flags.switch("--overlap-grad-reduce");
            flags.switch("--overlap-param-gather");
            flags.word("--ckpt-format", "fsdp_dtensor");
        }
    }
    if launch.copies() > 1 {
        flags.count("--num-distributed-optimizer-instances", launch.copies());
    }
}

/// Precision, optimizer, kernels.
fn training(flags: &mut Flags, launch: &Launch) {
    if let Some(dtype) = sixteen_bit(launch) {
        flags.switch(dtype);
    }
    let four = launch.gradients.bytes(launch.precision) == 4;
    match launch.precision {
        Precision::Fp32 => {}
        Precision::SixteenBit => {
            flags.missing("16-bit training without an FP32 master copy: it keeps one");
        }
        Precision::Mixed => {
            flags.missing("FP32 weights under autocast: it keeps BF16 weights and an FP32 master");
        }
        Precision::Fp16MainGradients if launch.layout.expert > 1 => {
            flags.missing("FP16 beside expert parallelism: BF16 stands for it");
        }
        Precision::Master | Precision::MainGradients | Precision::Fp16MainGradients => {}
    }
    match launch.precision {
        Precision::Fp32 => {}
        _ if four => flags.switch("--accumulate-allreduce-grads-in-fp32"),
        Precision::Fp16MainGradients => {}
        _ => flags.switch("--grad-reduce-in-bf16"),
    }
    if launch.fp8() {
        flags.word("--fp8-format", "hybrid");
    }
    if launch.fp4() {
        flags.missing("FP4 products");
    }
    match launch.optimizer {
        Optimizer::AdamW => flags.word("--optimizer", "adam"),
        Optimizer::Sgd => flags.word("--optimizer", "sgd"),
        Optimizer::PlainSgd => {
            flags.word("--optimizer", "sgd");
            flags.word("--sgd-momentum", "0.0");
        }
        Optimizer::AdamW8Bit | Optimizer::Adafactor | Optimizer::Lion | Optimizer::Muon => {
            flags.missing("this optimizer: AdamW stands for it");
            flags.word("--optimizer", "adam");
        }
    }
    match launch.attention {
        AttentionKernel::Flash => flags.word("--attention-backend", "flash"),
        AttentionKernel::Cudnn => flags.word("--attention-backend", "fused"),
        AttentionKernel::Math | AttentionKernel::Eager => {
            flags.word("--attention-backend", "unfused");
        }
        AttentionKernel::Efficient => {
            flags.missing("the memory-efficient attention kernel: it chooses one");
            flags.word("--attention-backend", "auto");
        }
    }
    flags.switch("--cross-entropy-loss-fusion");
    flags.word("--cross-entropy-fusion-impl", "te");
}

fn recomputation(flags: &mut Flags, launch: &Launch) {
    match launch.recomputation() {
        Recomputation::None => {}
        Recomputation::Attention => {
            flags.word("--recompute-granularity", "selective");
            flags.word("--recompute-modules", "core_attn");
        }
        Recomputation::All => {
            flags.word("--recompute-granularity", "full");
            flags.word("--recompute-method", "uniform");
            flags.count("--recompute-num-layers", 1);
        }
        Recomputation::Some(layers) => {
            flags.word("--recompute-granularity", "full");
            flags.word("--recompute-method", "block");
            // It counts the layers of one chunk.
            let chunks = launch.layout.chunks.max(1);
            flags.count("--recompute-num-layers", layers.div_ceil(chunks));
        }
    }
}

/// The flag of a 16-bit dtype; none for FP32. Expert parallelism refuses FP16.
fn sixteen_bit(launch: &Launch) -> Option<&'static str> {
    match launch.precision {
        Precision::Fp32 => None,
        Precision::Fp16MainGradients if launch.layout.expert == 1 => Some("--fp16"),
        Precision::Fp16MainGradients => Some("--bf16"),
        Precision::SixteenBit | Precision::Mixed | Precision::Master | Precision::MainGradients => {
            Some("--bf16")
        }
    }
}

/// The layers of a model that are in a set, as a list in Python: `"([0]*3+[1]*58)"`; none where no layer is.
fn pattern(set: &LayerSet, layers: u64) -> Option<String> {
    if set.count_below(layers) == 0 {
        return None;
    }
    let mut text = String::from("\"(");
    let mut layer = 0;
    while layer < layers {
        let inside = set.contains(layer);
        let start = layer;
        while layer < layers && set.contains(layer) == inside {
            layer += 1;
        }
        if start > 0 {
            text.push('+');
        }
        text.push_str(if inside { "[1]*" } else { "[0]*" });
        text.push_str(&(layer - start).to_string());
    }
    text.push_str(")\"");
    Some(text)
}

/// Every chunk's layers between embedding and loss: `"Et*7|(t*8|)*14t*7L"`.
fn stages(launch: &Launch) -> String {
    let chunks: Vec<u64> = launch.chunks().map(|(_, layers)| layers).collect();
    let mut text = String::from("\"E");
    let mut index = 0;
    while let Some(&layers) = chunks.get(index) {
        let alike = chunks.iter().skip(index).take_while(|own| **own == layers);
        let mut alike = alike.count();
        let last = index + alike == chunks.len();
        // First and last have embedding or loss beside their layers.
        if index == 0 && alike > 1 {
            alike = 1;
        } else if last && alike > 1 {
            alike -= 1;
        }
        let one = layers_text(layers);
        if index + alike == chunks.len() {
            text.push_str(&one);
            text.push('L');
        } else if alike > 1 {
            text.push('(');
            text.push_str(&one);
            text.push_str("|)*");
            text.push_str(&alike.to_string());
        } else {
            text.push_str(&one);
            text.push('|');
        }
        index += alike;
    }
    text.push('"');
    text
}

fn layers_text(layers: u64) -> String {
    match layers {
        0 => String::new(),
        1 => String::from("t"),
        _ => ["t*", &layers.to_string()].concat(),
    }
}
