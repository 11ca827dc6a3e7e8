//! What each GPU holds during training.

pub mod counted;
pub mod detailed;
pub mod ranks;
pub mod rule_of_thumb;

use crate::formula::Source;
use crate::units::Bytes;

/// A part of training memory, in the order of the chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The model's parameters.
    Weights,
    /// One gradient for each parameter.
    Gradients,
    /// What the optimizer remembers of each parameter.
    Optimizer,
    /// What the forward pass keeps for the backward pass.
    Activations,
    /// Gathers, reductions and buckets that frameworks hold. Counted alone, as the next two are.
    Buffers,
    /// What the largest moment holds beside all these.
    Temporaries,
    /// What stands beside tensors: workspaces, what the allocator holds unused, communicators, the CUDA context.
    Overhead,
}

impl Part {
    /// Every part, in the order of the chart.
    pub const ALL: [Self; 7] = [
        Self::Weights,
        Self::Gradients,
        Self::Optimizer,
        Self::Activations,
        Self::Buffers,
        Self::Temporaries,
        Self::Overhead,
    ];
    /// The parts that the rule of thumb knows.
    pub const OF_THE_RULE: [Self; 4] = [
        Self::Weights,
        Self::Gradients,
        Self::Optimizer,
        Self::Activations,
    ];

    /// Its name in ids and in JSON.
    pub fn key(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Gradients => "gradients",
            Self::Optimizer => "optimizer",
            Self::Activations => "activations",
            Self::Buffers => "buffers",
            Self::Temporaries => "temporaries",
            Self::Overhead => "overhead",
        }
    }

    /// What the page calls it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Weights => "Weights",
            Self::Gradients => "Gradients",
            Self::Optimizer => "Optimizer",
            Self::Activations => "Activations",
            Self::Buffers => "Buffers",
            Self::Temporaries => "Temporaries",
            Self::Overhead => "Overhead",
        }
    }
}

/// A part with its bytes, in whatever the formula is read as, and where the formula comes from.
pub struct Term<N> {
    /// Which part.
    pub part: Part,
    /// Its bytes: a number, or the formula.
    pub bytes: N,
    /// What the coefficients are, in words; empty where the formula says it.
    pub detail: &'static str,
    /// Where the formula was published.
    pub source: &'static Source,
}

/// Bytes on one GPU, part by part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    /// Bytes of each part, in the order of [`Part::ALL`].
    pub parts: [Bytes; Part::ALL.len()],
}

impl Memory {
    /// Bytes of one part.
    pub fn of(&self, part: Part) -> Bytes {
        self.parts[part as usize]
    }

    /// The sum of the parts.
    pub fn total(&self) -> Bytes {
        self.parts.into_iter().sum()
    }
}
