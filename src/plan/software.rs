//! What the step-time model asks of the software: which kernels run, and what overlaps.

use super::Constants;

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
    /// Seconds of kernel launches of a layer, forward and backward: it does not get faster than about this.
    pub launch: f64,
    /// Seconds that launching a tensor-parallel collective adds to it.
    pub launch_collective: f64,
    /// How kernels of layers with experts are launched.
    pub graphs: Graphs,
    /// Share of tensor-parallel traffic hidden behind matrix products.
    pub tensor_overlap: f64,
    /// Share of a micro-batch's compute under which data-parallel traffic hides.
    pub data_overlap: f64,
    /// Whether all-to-alls of experts run beside the compute of another micro-batch.
    pub expert_overlap: bool,
    /// Whether pipeline traffic runs beside compute; where a rank holds several chunks it does.
    pub pipeline_overlap: bool,
    /// Bytes moved for each logit by cross-entropy, forward and backward, beside the head's own matrix products.
    pub loss_bytes: f64,
}

impl Software {
    /// Megatron-LM of 2022, as in Narayanan et al. 2021 and Korthikanti et al. 2022: scores written out, nothing
    /// overlapped. Its cross-entropy casts the logits to FP32 (6 bytes each), then finds the maximum (4), subtracts (8),
    /// takes exponentials (8), sums (4), divides (8), scales the gradient (8) and casts it back (6).
    pub const fn megatron_2022(constants: &Constants) -> Self {
        Self {
            attention: AttentionForm::WrittenWithDropout,
            exponential_bound: false,
            launch: constants.launch_2022,
            launch_collective: constants.launch_collective,
            graphs: Graphs::None,
            tensor_overlap: 0.0,
            data_overlap: 0.0,
            expert_overlap: false,
            pipeline_overlap: false,
            loss_bytes: 52.0,
        }
    }

    /// Megatron-core with Transformer Engine, its defaults: fused kernels, gradients reduced and parameters gathered
    /// beside compute, tensor-parallel traffic not (`--tp-comm-overlap` is off). The fused cross-entropy reads 16-bit
    /// logits twice, writes FP32 probabilities and turns them into gradients in place: 24 bytes.
    pub const fn megatron(constants: &Constants) -> Self {
        Self {
            attention: AttentionForm::Fused,
            exponential_bound: true,
            launch: 0.3e-3,
            launch_collective: 0.0,
            graphs: Graphs::None,
            tensor_overlap: 0.0,
            data_overlap: constants.data_overlap,
            expert_overlap: false,
            pipeline_overlap: true,
            loss_bytes: 24.0,
        }
    }

    /// The same as tuned by its makers (Megatron-Bridge's performance recipes): user buffers overlap tensor-parallel
    /// traffic.
    pub const fn megatron_tuned(constants: &Constants) -> Self {
        Self {
            tensor_overlap: constants.tensor_overlap,
            graphs: Graphs::Partial,
            ..Self::megatron(constants)
        }
    }

    /// PyTorch's eager kernels with fused attention, under FSDP: llm-foundry of 2023, Hugging Face, torchtitan without
    /// `compile`. Cross-entropy in FP32: cast (6), log-softmax (12), its gradient (12) and the cast back (6), and a copy
    /// of the shifted logits.
    pub const fn eager(constants: &Constants) -> Self {
        Self {
            attention: AttentionForm::Fused,
            exponential_bound: false,
            launch: 1e-3,
            launch_collective: 0.0,
            graphs: Graphs::None,
            tensor_overlap: 0.0,
            data_overlap: constants.data_overlap,
            expert_overlap: false,
            pipeline_overlap: false,
            loss_bytes: 40.0,
        }
    }
}
