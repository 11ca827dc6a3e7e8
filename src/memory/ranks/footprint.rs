//! What one GPU of a pipeline stage holds.

use crate::units::Bytes;

/// A moment of a training step at which memory can be at its largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Head and loss, the end of the forward pass and the start of the backward.
    Head,
    /// The backward pass of a layer.
    Layers,
    /// The embedding's backward pass.
    Embedding,
    /// The optimizer's step.
    Optimizer,
}

impl Moment {
    /// What the page calls it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Head => "head and loss",
            Self::Layers => "a layer’s backward pass",
            Self::Embedding => "the embedding’s backward pass",
            Self::Optimizer => "the optimizer’s step",
        }
    }
}

/// The largest moment so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peak {
    /// Its bytes.
    pub bytes: i128,
    /// Which it is.
    pub moment: Moment,
}

impl Peak {
    /// Takes a moment that is larger.
    #[inline]
    pub fn raise(&mut self, bytes: i128, moment: Moment) {
        if bytes > self.bytes {
            *self = Self { bytes, moment };
        }
    }
}

/// What one GPU of a pipeline stage holds, in bytes as `torch.cuda.max_memory_allocated` counts them: rounded up tensor
/// by tensor, without the CUDA context, kernels' workspaces and NCCL's buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageFootprint {
    /// The pipeline rank, counted from 0.
    pub stage: u64,
    /// Parameters.
    pub parameters: Bytes,
    /// Gradients that live from step to step, or to the end of a backward pass.
    pub gradients: Bytes,
    /// Optimizer states, a master copy of the parameters included.
    pub optimizer: Bytes,
    /// Buffers that live for ever.
    pub buffers: Bytes,
    /// Activations of all micro-batches in flight.
    pub activations: Bytes,
    /// What the largest moment holds above all these. Below 0 where activations have gone by then.
    pub temporaries: i128,
    /// The largest moment's bytes.
    pub peak: Bytes,
    /// Which moment that is.
    pub moment: Moment,
}

impl StageFootprint {
    /// States: parameters, gradients and the optimizer's.
    pub const fn states(&self) -> Bytes {
        Bytes(self.parameters.0 + self.gradients.0 + self.optimizer.0)
    }
}
