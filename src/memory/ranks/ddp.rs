//! One GPU alone, and PyTorch's DistributedDataParallel: every rank holds everything, and buckets that gradients are
//! reduced in.

use super::footprint::{Line, Lines, Moment, Part, StageFootprint};
use super::tensor::rounded;
use crate::memory::detailed::{self, Footprint, Segment, Step, footprint};
use crate::training::Precision;
use crate::units::Bytes;

const ONE_GPU: &str = "one GPU’s step";
const BUCKETS: &str = "torch, csrc/distributed/c10d/reducer.cpp";

/// A step on one GPU, with buckets beside it where it is wrapped.
struct Replica<'a> {
    step: Step<'a>,
    one: Footprint,
    buckets: u128,
}

impl<'a> Replica<'a> {
    fn of(step: Step<'a>, buckets: u128) -> Self {
        Self {
            one: footprint(&step),
            step,
            buckets,
        }
    }

    /// Wrapped.
    fn wrapped(step: &Step<'a>, bucket_view: bool) -> Self {
        let width = match step.precision {
            Precision::Fp32 | Precision::Mixed => 4,
            _ => 2,
        };
        if bucket_view {
            let stays = Step {
                accumulation: step.accumulation.max(2),
                ..*step
            };
            return Self::of(stays, 0);
        }
        let all = u128::from(step.architecture.parameters());
        Self::of(*step, rounded(all * width))
    }

    fn footprint(&self) -> StageFootprint {
        let one = &self.one;
        let peak = one.peak();
        let of = |segment| peak.of(segment).0;
        let activations = of(Segment::Activations) + of(Segment::Head) + of(Segment::Casts);
        let loss = one.at(detailed::Moment::Loss).unwrap_or_default();
        StageFootprint {
            stage: 0,
            parameters: one.weights,
            gradients: peak.of(Segment::Gradients),
            optimizer: one.optimizer,
            buffers: Bytes(of(Segment::Inputs) + self.buckets),
            in_flight: Bytes(
                loss.of(Segment::Activations).0
                    + loss.of(Segment::Head).0
                    + loss.of(Segment::Casts).0,
            ),
            activations: Bytes(activations),
            temporaries: peak.of(Segment::Temporaries),
            peak: Bytes(peak.total().0 + self.buckets),
            moment: moment(one.peak_moment()),
        }
    }

    fn tensors(&self) -> Vec<Line> {
        let mut lines = Lines::default();
        for entry in detailed::tensors(&self.step, self.one.peak_moment()) {
            let part = match entry.segment {
                Segment::Weights => Part::Parameters,
                Segment::Gradients => Part::Gradients,
                Segment::Optimizer => Part::Optimizer,
                Segment::Activations | Segment::Head | Segment::Casts => Part::Activations,
                Segment::Temporaries => Part::Temporaries,
                Segment::Inputs => Part::Buffers,
            };
            lines.entry(part, ONE_GPU, &entry, 1);
        }
        let buckets = Bytes(self.buckets);
        lines.one(Part::Buffers, "buckets of gradients", buckets, BUCKETS);
        lines.into()
    }
}

/// The footprint of one GPU that shares nothing.
pub fn one_gpu(step: &Step) -> StageFootprint {
    Replica::of(*step, 0).footprint()
}

/// Its tensors; their bytes sum to its peak.
pub fn tensors_of_one_gpu(step: &Step) -> Vec<Line> {
    Replica::of(*step, 0).tensors()
}

/// The footprint of a rank whose step on one GPU is `step`.
///
/// Buckets are a second copy of the gradients, allocated when the model is wrapped and alive for ever
/// (torch/csrc/distributed/c10d/reducer.cpp), whatever their size. With `bucket_view` (`gradient_as_bucket_view`)
/// gradients are views of them, and stay through every pass.
pub fn distributed_data_parallel(step: &Step, bucket_view: bool) -> StageFootprint {
    Replica::wrapped(step, bucket_view).footprint()
}

/// Its tensors; their bytes sum to its peak.
pub fn tensors(step: &Step, bucket_view: bool) -> Vec<Line> {
    Replica::wrapped(step, bucket_view).tensors()
}

/// One GPU's moment among a rank's.
pub const fn moment(moment: detailed::Moment) -> Moment {
    match moment {
        detailed::Moment::Loss | detailed::Moment::Head => Moment::Head,
        detailed::Moment::Forward
        | detailed::Moment::LastBlock
        | detailed::Moment::InnerBlock
        | detailed::Moment::FirstBlock => Moment::Layers,
        detailed::Moment::Embedding => Moment::Embedding,
        detailed::Moment::Optimizer => Moment::Optimizer,
    }
}
