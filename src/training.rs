//! How a model is trained, on each GPU: precision, optimizer, what is recomputed, and whose code runs.

use crate::field::choice;
use crate::hardware::Arithmetic;

choice!(
    /// Training precision: the dtype of the weights, and what stands beside them.
    Precision {
        /// FP32 throughout.
        Fp32 "fp32" "FP32",
        /// BF16 or FP16 throughout.
        SixteenBit "16bit" "16-bit",
        /// The rule of thumb's: 16-bit weights with an FP32 copy. The detailed estimator's: FP32 weights under autocast.
        Mixed "mixed" "Mixed",
        /// BF16 weights and gradients with an FP32 master copy that the optimizer steps.
        Master "master" "BF16 + FP32 master",
        /// As `Master`, gradients accumulated in FP32 (Megatron-LM's default).
        MainGradients "main-grads" "BF16 + FP32 master and gradients",
        /// The same in FP16: Megatron-LM keeps both gradients.
        Fp16MainGradients "fp16-main-grads" "FP16 + FP32 master and gradients",
    }
);

choice!(
    /// Dtype of the gradients.
    GradientDtype {
        /// As the training precision implies: FP32 4 bytes; 16-bit and mixed 2.
        Follow "follow" "As precision",
        /// 4 bytes a parameter.
        Fp32 "fp32" "FP32",
        /// 2 bytes a parameter.
        SixteenBit "16bit" "16-bit",
    }
);

choice!(
    /// Optimizer.
    Optimizer {
        /// AdamW: momentum and variance.
        AdamW "adamw" "AdamW",
        /// AdamW with both moments in 8 bits (bitsandbytes).
        AdamW8Bit "adamw8bit" "8-bit",
        /// SGD with momentum.
        Sgd "sgd" "SGD",
        /// SGD without momentum: no state.
        PlainSgd "sgd-plain" "SGD without momentum",
        /// Adafactor: row and column factors of the variance.
        Adafactor "adafactor" "Adafactor",
        /// Lion: momentum only.
        Lion "lion" "Lion",
        /// Muon: momentum of matrices, AdamW for the rest.
        Muon "muon" "Muon",
    }
);

choice!(
    /// How PyTorch carries out the optimizer's step.
    OptimizerStep {
        /// All tensors at once, operation by operation: PyTorch's default on a GPU.
        Foreach "foreach" "foreach",
        /// One kernel.
        Fused "fused" "Fused",
        /// One tensor after the other.
        Loop "loop" "Loop",
    }
);

choice!(
    /// Activation recomputation.
    Recomputation {
        /// Every activation is kept.
        None "none" "None",
        /// The attention matrices are recomputed.
        Selective "selective" "Selective",
        /// Only each layer's input is kept.
        Full "full" "Full",
    }
);

choice!(
    /// The kernel that attention runs on.
    AttentionKernel {
        /// FlashAttention through PyTorch's scaled_dot_product_attention.
        Flash "flash" "Flash",
        /// cuDNN's, through the same.
        Cudnn "cudnn" "cuDNN",
        /// The memory-efficient kernel, through the same.
        Efficient "efficient" "Efficient",
        /// The composite of matrix products, through the same.
        Math "math" "Math",
        /// Scores, softmax and their product one by one.
        Eager "eager" "Eager",
    }
);

choice!(
    /// Whose training code runs.
    Stack {
        /// The model classes of Hugging Face's transformers.
        HuggingFace "hf" "Hugging Face",
        /// The same with Liger's fused kernels: norm, SwiGLU, rotary, linear-cross-entropy.
        Liger "liger" "Hugging Face + Liger",
        /// torchtune's recipes.
        TorchTune "torchtune" "torchtune",
        /// LitGPT.
        LitGpt "litgpt" "LitGPT",
        /// torchtitan.
        TorchTitan "torchtitan" "torchtitan",
        /// Megatron-core.
        Megatron "megatron" "Megatron",
    }
);

choice!(
    /// How the loss is computed from the last hidden state.
    Loss {
        /// All logits at once, in FP32.
        Full "full" "Full",
        /// In slices of the sequence, each freed before the next.
        Chunked "chunked" "Chunked",
        /// Head and cross-entropy in one kernel that never holds all logits.
        Fused "fused" "Fused",
    }
);

impl Precision {
    /// The arithmetic whose peak a rate is compared with.
    pub fn arithmetic(self) -> Arithmetic {
        match self {
            Self::Fp32 => Arithmetic::Fp32,
            Self::SixteenBit
            | Self::Mixed
            | Self::Master
            | Self::MainGradients
            | Self::Fp16MainGradients => Arithmetic::SixteenBit,
        }
    }
}

impl GradientDtype {
    /// Bytes of one gradient under this training precision: 4 or 2.
    pub fn bytes(self, precision: Precision) -> u32 {
        match (self, precision) {
            (Self::Fp32, _)
            | (
                Self::Follow,
                Precision::Fp32 | Precision::MainGradients | Precision::Fp16MainGradients,
            ) => 4,
            (Self::SixteenBit | Self::Follow, _) => 2,
        }
    }
}

choice!(
    /// Dtype of the frozen base under adapters.
    Base {
        /// As the training precision has it.
        AsTrained "full" "As precision",
        /// NF4: 4 bits a weight and an FP32 scale for each block of 64 (QLoRA, §3).
        Nf4 "nf4" "NF4",
        /// The same, its scales in 8 bits with an FP32 scale for each block of 256 scales (QLoRA, §3).
        Nf4DoubleQuantised "nf4-double" "NF4, double quantisation",
    }
);
