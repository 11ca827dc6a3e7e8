//! PyTorch's DistributedDataParallel: every rank holds everything, and buckets that gradients are reduced in.

use super::footprint::{Moment, StageFootprint};
use super::tensor::rounded;
use crate::memory::detailed::{self, Segment, Step, footprint};
use crate::training::Precision;
use crate::units::Bytes;

/// The footprint of a rank whose step on one GPU is `step`.
///
/// Buckets are a second copy of the gradients, allocated when the model is wrapped and alive for ever
/// (torch/csrc/distributed/c10d/reducer.cpp), whatever their size. With `bucket_view` (`gradient_as_bucket_view`)
/// gradients are views of them, and stay through every pass.
pub fn distributed_data_parallel(step: &Step, bucket_view: bool) -> StageFootprint {
    let on_one = Step {
        accumulation: if bucket_view {
            step.accumulation.max(2)
        } else {
            step.accumulation
        },
        ..*step
    };
    let one = footprint(&on_one);
    let width = match step.precision {
        Precision::Fp32 | Precision::Mixed => 4,
        _ => 2,
    };
    let buckets = if bucket_view {
        0
    } else {
        rounded(u128::from(step.architecture.parameters()) * width)
    };
    let peak = one.peak();
    let of = |segment| peak.of(segment).0;
    let activations = of(Segment::Activations) + of(Segment::Head) + of(Segment::Casts);
    let loss = one.at(detailed::Moment::Loss).unwrap_or_default();
    StageFootprint {
        stage: 0,
        parameters: one.weights,
        gradients: peak.of(Segment::Gradients),
        optimizer: one.optimizer,
        buffers: Bytes(of(Segment::Inputs) + buckets),
        in_flight: Bytes(
            loss.of(Segment::Activations).0 + loss.of(Segment::Head).0 + loss.of(Segment::Casts).0,
        ),
        activations: Bytes(activations),
        temporaries: peak.of(Segment::Temporaries),
        peak: Bytes(peak.total().0 + buckets),
        moment: moment(one.peak_moment()),
    }
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
