//! What the step-time model asks of the software: which kernels run, and what overlaps.

/// The form of attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionForm {
    /// One kernel that skips what causality masks.
    Fused,
    /// Scores written to memory and read back: all of them, the causal half of the softmax skipped.
    Written,
    /// As `Written`, with dropout on the probabilities.
    WrittenWithDropout,
}

/// How fast a layer's kernels are launched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Launches {
    /// As by Megatron-LM of 2022, unfused: [`Constants::launch_2022`](super::Constants::launch_2022).
    Unfused,
    /// As by PyTorch's eager mode on a current host: [`Constants::launch_eager`](super::Constants::launch_eager).
    Eager,
    /// Fused and few: [`Constants::launch_fused`](super::Constants::launch_fused).
    Fused,
}

/// How kernels of layers with experts are launched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Graphs {
    /// One by one.
    None,
    /// Attention and router from CUDA graphs, experts one by one.
    Partial,
    /// The whole step from one CUDA graph; all-to-alls run beside the experts of another micro-batch or half.
    Full,
}

/// Kernels and overlaps of a training stack, as of a date: software moves, and the same layout gained 6 to 47% between
/// Megatron-Bridge's releases of February and June 2026.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Software {
    /// The form of attention.
    pub attention: AttentionForm,
    /// Whether narrow heads wait for exponentials: the kernels are fast enough for it to show (FlashAttention 2 and later).
    pub exponential_bound: bool,
    /// How fast kernels of layers are launched.
    pub launches: Launches,
    /// How kernels of layers with experts are launched.
    pub graphs: Graphs,
    /// Whether tensor-parallel traffic overlaps the matrix products that it feeds.
    pub tensor_overlap: bool,
    /// Whether data-parallel traffic overlaps a micro-batch's compute.
    pub data_overlap: bool,
    /// Whether all-to-alls of experts run beside the compute of another micro-batch.
    pub expert_overlap: bool,
    /// Whether pipeline traffic runs beside compute; where a rank holds several chunks it does.
    pub pipeline_overlap: bool,
    /// Whether stages of tensor-parallel ranks hand on a share each and gather it there, without sequence parallelism too
    /// (Narayanan et al. 2021, arXiv:2104.04473, §4.1).
    pub pipeline_scatter: bool,
    /// Bytes moved for each logit by cross-entropy, forward and backward, beside the head's own matrix products.
    pub loss_bytes: f64,
}

impl Software {
    /// Megatron-LM of 2022, as in Narayanan et al. 2021 and Korthikanti et al. 2022: scores written out, nothing
    /// overlapped. Its cross-entropy casts the logits to FP32 (6 bytes each), then finds the maximum (4), subtracts (8),
    /// takes exponentials (8), sums (4), divides (8), scales the gradient (8) and casts it back (6).
    pub const fn megatron_2022() -> Self {
        Self {
            attention: AttentionForm::WrittenWithDropout,
            exponential_bound: false,
            launches: Launches::Unfused,
            graphs: Graphs::None,
            tensor_overlap: false,
            data_overlap: false,
            expert_overlap: false,
            pipeline_overlap: false,
            pipeline_scatter: true,
            loss_bytes: 52.0,
        }
    }

    /// Megatron-core with Transformer Engine, its defaults: fused kernels, gradients reduced and parameters gathered
    /// beside compute, tensor-parallel traffic not (`--tp-comm-overlap` is off). The fused cross-entropy reads 16-bit
    /// logits twice, writes FP32 probabilities and turns them into gradients in place: 24 bytes.
    pub const fn megatron() -> Self {
        Self {
            attention: AttentionForm::Fused,
            exponential_bound: true,
            launches: Launches::Fused,
            graphs: Graphs::None,
            tensor_overlap: false,
            data_overlap: true,
            expert_overlap: false,
            pipeline_overlap: true,
            pipeline_scatter: false,
            loss_bytes: 24.0,
        }
    }

    /// The same as tuned by its makers (Megatron-Bridge's performance recipes): user buffers overlap tensor-parallel
    /// traffic.
    pub const fn megatron_tuned() -> Self {
        Self {
            tensor_overlap: true,
            graphs: Graphs::Partial,
            ..Self::megatron()
        }
    }

    /// PyTorch's eager kernels with fused attention, under FSDP: llm-foundry of 2023, Hugging Face, torchtitan without
    /// `compile`. Cross-entropy in FP32: cast (6), log-softmax (12), its gradient (12) and the cast back (6), and a copy
    /// of the shifted logits.
    pub const fn eager() -> Self {
        Self {
            attention: AttentionForm::Fused,
            exponential_bound: false,
            launches: Launches::Eager,
            graphs: Graphs::None,
            tensor_overlap: false,
            data_overlap: true,
            expert_overlap: false,
            pipeline_overlap: false,
            pipeline_scatter: false,
            loss_bytes: 40.0,
        }
    }
}
