//! What one GPU of a pipeline stage holds.

use super::shards::Unit;
use super::tensor::{Dtype, Tensor, Top};
use crate::field::choice;
use crate::memory::detailed::Entry;
use crate::units::Bytes;

/// A moment of a training step at which memory can be at its largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Head and loss, the end of the forward pass and the start of the backward.
    Head,
    /// The forward or backward pass of a layer.
    Layers,
    /// The embedding's backward pass, and what ends with it.
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
    /// Bytes of activations in flight that had been given back by then.
    pub released: u128,
}

impl Peak {
    /// Takes a moment that is larger: the highest point `top` above `level`.
    #[inline]
    pub fn raise(&mut self, level: i128, top: Top, moment: Moment) {
        let bytes = level + top.above;
        if bytes > self.bytes {
            *self = Self {
                bytes,
                moment,
                released: top.released,
            };
        }
    }
}

/// What one GPU of a pipeline stage holds at its largest moment, in bytes as `torch.cuda.max_memory_allocated` counts
/// them: rounded up tensor by tensor, without the CUDA context and NCCL's buffers.
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
    /// Buffers: those that live for ever, and gathers and reductions at the largest moment.
    pub buffers: Bytes,
    /// Activations of all micro-batches in flight when there are most.
    pub in_flight: Bytes,
    /// What is left of them at the largest moment.
    pub activations: Bytes,
    /// What the largest moment holds beside all these.
    pub temporaries: Bytes,
    /// The largest moment's bytes: the sum of the parts.
    pub peak: Bytes,
    /// Which moment that is.
    pub moment: Moment,
}

impl StageFootprint {
    /// Bytes of one part at the largest moment; the parts sum to the peak.
    pub const fn of(&self, part: Part) -> Bytes {
        match part {
            Part::Parameters => self.parameters,
            Part::Gradients => self.gradients,
            Part::Optimizer => self.optimizer,
            Part::Buffers => self.buffers,
            Part::Activations => self.activations,
            Part::Temporaries => self.temporaries,
        }
    }

    /// States: parameters, gradients and the optimizer's.
    pub const fn states(&self) -> Bytes {
        Bytes(self.parameters.0 + self.gradients.0 + self.optimizer.0)
    }
}

choice!(
    /// What a byte of a rank is for, in the order of the chart.
    Part {
        /// Parameters.
        Parameters "parameters" "Weights",
        /// Gradients.
        Gradients "gradients" "Gradients",
        /// Optimizer states.
        Optimizer "optimizer" "Optimizer",
        /// Buffers that live for ever, gathers and reductions.
        Buffers "buffers" "Buffers",
        /// Activations kept for the backward pass.
        Activations "activations" "Activations",
        /// Gradients of activations, and what an operation holds for itself.
        Temporaries "temporaries" "Temporaries",
    }
);

/// A line of a rank's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is for.
    pub part: Part,
    /// Whose they are, such as `head`; empty where the tensors' name says it.
    pub of: &'static str,
    /// The tensors, all alike.
    pub tensor: Tensor,
    /// Their bytes. Tensors of one contiguous buffer are not rounded up one by one.
    pub bytes: Bytes,
    /// Whether the line takes away from those before it: what has gone by the largest moment.
    pub negative: bool,
    /// Where it was read.
    pub source: &'static str,
}

impl Line {
    /// Its bytes, below zero where it takes away.
    pub const fn signed(&self) -> i128 {
        let bytes = self.bytes.0 as i128;
        if self.negative { -bytes } else { bytes }
    }
}

/// A list under construction.
#[derive(Default)]
pub struct Lines(pub Vec<Line>);

impl Lines {
    /// Adds tensors.
    pub fn take(&mut self, part: Part, source: &'static str, tensors: Vec<Tensor>) {
        self.0.extend(tensors.into_iter().map(|tensor| Line {
            part,
            of: "",
            tensor,
            bytes: tensor.bytes(),
            negative: false,
            source,
        }));
    }

    /// Adds entries of one GPU's list, so many times as often.
    pub fn entry(&mut self, part: Part, source: &'static str, entry: &Entry, times: u64) {
        let mut sides = [1; 4];
        for (side, of_entry) in sides.iter_mut().zip(entry.shape.sides()) {
            *side = *of_entry;
        }
        let bytes = Bytes(entry.bytes.0 * u128::from(times));
        if bytes.0 > 0 {
            self.0.push(Line {
                part,
                of: entry.name.0,
                tensor: Tensor {
                    count: entry.count * times,
                    ..Tensor::new(entry.name.1, sides, entry.dtype.into())
                },
                bytes,
                negative: false,
                source,
            });
        }
    }

    /// Bytes of one part so far.
    fn sum(&self, part: Part) -> i128 {
        let lines = self.0.iter().filter(|line| line.part == part);
        lines.map(Line::signed).sum()
    }

    /// Adds a rank's shares of so many tensors alike, each of `unit`.
    pub fn shard(
        &mut self,
        source: &'static str,
        name: &'static str,
        dtype: Dtype,
        unit: &Unit,
        count: u64,
    ) {
        if count > 0 && unit.shard > 0 {
            let elements = u64::try_from(unit.own).unwrap_or(u64::MAX);
            self.0.push(Line {
                part: Part::Parameters,
                of: "",
                tensor: Tensor {
                    count,
                    ..Tensor::new(name, [elements, 1, 1, 1], dtype)
                },
                bytes: Bytes(unit.shard * u128::from(count)),
                negative: false,
                source,
            });
        }
    }

    /// Makes a part sum to `bytes`: a line for what is missing, or for what has gone by then.
    pub fn settle(&mut self, part: Part, bytes: u128, source: &'static str) {
        let missing = bytes as i128 - self.sum(part);
        let (name, negative) = if missing < 0 {
            ("given back by then", true)
        } else if part == Part::Parameters {
            ("padding", false)
        } else {
            ("others", false)
        };
        self.line(part, name, missing.unsigned_abs(), negative, source);
    }

    /// Adds tensors that are views of one buffer of `whole` bytes with `width` an element; what is left of it is its
    /// padding.
    pub fn views(
        &mut self,
        part: Part,
        source: &'static str,
        tensors: &[Tensor],
        width: u128,
        whole: Bytes,
    ) {
        let mut rest = whole.0;
        for &tensor in tensors {
            let bytes = tensor.elements() * u128::from(tensor.count) * width;
            rest = rest.saturating_sub(bytes);
            self.0.push(Line {
                part,
                of: "",
                tensor,
                bytes: Bytes(bytes),
                negative: false,
                source,
            });
        }
        self.one(part, "padding", Bytes(rest), source);
    }

    /// Adds a line that is one number.
    pub fn one(&mut self, part: Part, name: &'static str, bytes: Bytes, source: &'static str) {
        self.line(part, name, bytes.0, false, source);
    }

    fn line(
        &mut self,
        part: Part,
        name: &'static str,
        bytes: u128,
        negative: bool,
        source: &'static str,
    ) {
        if bytes > 0 {
            let sides = [u64::try_from(bytes).unwrap_or(u64::MAX), 1, 1, 1];
            self.0.push(Line {
                part,
                of: "",
                tensor: Tensor::new(name, sides, Dtype::Bool),
                bytes: Bytes(bytes),
                negative,
                source,
            });
        }
    }
}
