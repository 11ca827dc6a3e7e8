//! How Megatron-core is run, beside the model and the layout.

use crate::field::choice;

choice!(
    /// Whose layers Megatron-core builds its blocks of (`--transformer-impl`).
    Kernels {
        /// transformer-engine's, Megatron-LM's default: norms inside the linear layers, weight gradients through one
        /// shared dummy per shape (`get_dummy_wgrad`), gathers into fresh memory.
        TransformerEngine "transformer_engine" "Transformer Engine",
        /// Megatron-core's own with apex's norms: gathers into one persistent buffer.
        Local "local" "Local",
    }
);

choice!(
    /// How attention's core is computed.
    CoreAttention {
        /// FlashAttention or cuDNN's: nothing of s².
        Flash "flash" "Flash",
        /// Scores, softmax and their product one by one, the softmax in a fused kernel where its shapes allow.
        Unfused "unfused" "Unfused",
    }
);

/// Activation recomputation (`--recompute-granularity`, `--recompute-method`, `--recompute-num-layers`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recompute {
    /// Every activation is kept.
    None,
    /// Attention's core is recomputed (`selective`).
    Selective,
    /// Every `layers` layers together, from the first one's input (`full`, `uniform`).
    Uniform {
        /// Layers of one stretch, at least 1.
        layers: u64,
    },
    /// Each of the first `layers` layers of every stage from its own input, the others not at all (`full`, `block`).
    Block {
        /// Layers of a stage that are recomputed.
        layers: u64,
    },
}

choice!(
    /// How the cross-entropy over a divided vocabulary is computed (`--cross-entropy-loss-fusion`,
    /// `--cross-entropy-fusion-impl`).
    CrossEntropy {
        /// Megatron-core's: the logits again in FP32, the softmax and its gradient in place there.
        Unfused "unfused" "Unfused",
        /// transformer-engine's: the gradient overwrites the 16-bit logits.
        TransformerEngine "te" "Transformer Engine",
    }
);

choice!(
    /// Number format of the linear layers' products, as transformer-engine quantises for them.
    LinearFormat {
        /// 16 bits throughout.
        Bf16 "bf16" "BF16",
        /// FP8 with one scale a tensor from its history (delayed scaling, Megatron-LM's default), on Hopper: inputs kept
        /// in a byte an element, weights copied into FP8 with their transpose.
        Fp8 "fp8" "FP8",
        /// The same with the scale of the tensor itself (`tensorwise`): what others keep in 16 bits is not kept again.
        Fp8Current "fp8-current" "FP8, current scaling",
        /// MXFP8 (Blackwell): blocks of 32 with a scale of a byte, quantised along rows and along columns.
        MxFp8 "mxfp8" "MXFP8",
    }
);

choice!(
    /// Dtype of the contiguous buffer that gradients accumulate in.
    MainGradients {
        /// 4 bytes (`--accumulate-allreduce-grads-in-fp32`).
        Fp32 "fp32" "FP32",
        /// 2 bytes; the optimizer's step then makes an FP32 copy of its share.
        Bf16 "bf16" "BF16",
    }
);

choice!(
    /// Whose Adam takes the step.
    Adam {
        /// apex's or transformer-engine's: no tensors beside the two moments.
        Fused "fused" "Fused, apex or TE",
        /// The first with moments in 16 bits, reading 16-bit gradients as they are (`--use-precision-aware-optimizer`,
        /// `--exp-avg-dtype bf16`, `--exp-avg-sq-dtype bf16`).
        PrecisionAware "precision_aware" "Fused, 16-bit moments",
        /// torch.optim.AdamW with `fused=True`: also a step counter on the device for each tensor.
        TorchFused "torch_fused" "torch, fused",
        /// torch.optim.AdamW one tensor after the other: two temporaries of the largest.
        TorchLoop "torch_loop" "torch, loop",
    }
);

choice!(
    /// How context-parallel ranks exchange keys and values (`--cp-comm-type`).
    ContextExchange {
        /// Around a ring, from rank to rank (Megatron-LM's default).
        Ring "p2p" "Ring",
        /// All-to-all: every rank has the whole sequence of some heads (DeepSpeed-Ulysses, arXiv:2309.14509). The
        /// output is kept as it is exchanged and as it is handed on.
        AllToAll "a2a" "All-to-all",
    }
);

/// Bytes of one cuBLAS workspace on Hopper and newer (transformer-engine 2.11, pytorch/cpp_extensions/gemm.py; as many
/// by PyTorch itself, `CUBLAS_WORKSPACE_CONFIG`).
pub const CUBLAS_WORKSPACE: u64 = 32 * 1024 * 1024 + 1024;

/// Streams on which transformer-engine multiplies experts' matrices, each with a workspace (`num_cublas_streams`).
pub const GROUPED_STREAMS: u64 = 4;

/// Everything that moves a rank's memory and is neither the model's nor the layout's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// Sequences of one micro-batch on one rank, b.
    pub micro_batch: u64,
    /// Tokens of a sequence, s; context parallelism divides it.
    pub sequence: u64,
    /// Micro-batches a step, m.
    pub micro_batches: u64,
    /// Whether hidden states are dropped out (`--hidden-dropout` above 0).
    pub hidden_dropout: bool,
    /// Whether attention probabilities are (`--attention-dropout` above 0).
    pub attention_dropout: bool,
    /// Whose layers.
    pub kernels: Kernels,
    /// How attention's core is computed.
    pub core_attention: CoreAttention,
    /// What is recomputed.
    pub recompute: Recompute,
    /// Whether the activation function of routed experts is computed again (`--recompute-modules moe_act`): the input of
    /// their down projections is not kept.
    pub recompute_expert_activation: bool,
    /// How the loss is.
    pub cross_entropy: CrossEntropy,
    /// Number format of the linear layers' products.
    pub linear: LinearFormat,
    /// Dtype of the gradients' buffer.
    pub main_gradients: MainGradients,
    /// Whether the optimizer's states are divided over the data-parallel ranks (`--use-distributed-optimizer`).
    pub distributed_optimizer: bool,
    /// Whose Adam.
    pub adam: Adam,
    /// Whether functions marked for a compiler (GeLU, SwiGLU and their derivatives) are compiled: one kernel each.
    /// Run eagerly, their temporaries are 2·s·b·f bytes each.
    pub compiled: bool,
    /// Whether rotary positions are applied by a fused kernel (`--no-rope-fusion` absent): no tables are kept.
    pub rope_fusion: bool,
    /// The vocabulary is padded to a multiple of this times the tensor-parallel degree
    /// (`--make-vocab-size-divisible-by`, 128 by default).
    pub vocabulary_multiple: u64,
    /// Tokens the fullest rank's experts receive, as a share of the balanced number; 1.0 is balanced, and what a
    /// capacity factor of 1 with padding makes it.
    pub imbalance: f64,
    /// How context-parallel ranks exchange keys and values.
    pub context_exchange: ContextExchange,
    /// Bytes of one cuBLAS workspace; 0 leaves them out.
    pub workspace: u64,
    /// Whether a stage runs alone, as recorded on one process: then nothing of the exchange with its neighbours is
    /// still held. A real schedule holds the gradient it last sent until it has the next.
    pub alone: bool,
    /// Whether expert probabilities multiply the activations inside the experts, as since Megatron-core 0.12.
    pub probabilities_in_experts: bool,
}

impl Run {
    /// Megatron-LM's defaults for one micro-batch of one sequence of 4,096 tokens, without dropout.
    pub const DEFAULT: Self = Self {
        micro_batch: 1,
        sequence: 4_096,
        micro_batches: 1,
        hidden_dropout: false,
        attention_dropout: false,
        kernels: Kernels::TransformerEngine,
        core_attention: CoreAttention::Flash,
        recompute: Recompute::None,
        recompute_expert_activation: false,
        cross_entropy: CrossEntropy::Unfused,
        linear: LinearFormat::Bf16,
        main_gradients: MainGradients::Fp32,
        distributed_optimizer: true,
        adam: Adam::Fused,
        compiled: true,
        rope_fusion: true,
        vocabulary_multiple: 128,
        imbalance: 1.0,
        context_exchange: ContextExchange::Ring,
        workspace: CUBLAS_WORKSPACE,
        alone: false,
        probabilities_in_experts: true,
    };
}
