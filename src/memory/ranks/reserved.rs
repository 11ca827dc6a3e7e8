//! What PyTorch's allocator reserves on a rank of `fully_shard` above what is allocated: memory that one stream has
//! taken is not lent to another (c10/cuda/CUDACachingAllocator.cpp, `BlockComparatorSize` and `get_free_block` look in
//! the pool of a stream only).
//!
//! Three streams allocate: the one that computes; the all-gathers', with their outputs; the reduce-scatters', with their
//! outputs, which are the shards of gradients. Each keeps its own largest moment. Held against `stream_peaks` and
//! `reserved_at_least` of recorded ranks (tests/measured.rs).

use super::dtensor::TensorParallel;
use super::footprint::{Moment, StageFootprint};
use super::fsdp::{Fsdp, Wrap};
use super::shards::{Sharing, Unit, Units};
use super::tensor::rounded;
use crate::memory::detailed::Step;
use crate::model::parameters::Tensor;
use crate::training::Loss;
use crate::units::Bytes;

/// Bytes that stay reserved in each stream's pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pools {
    /// The stream that computes: all that is in no other pool.
    pub compute: Bytes,
    /// Outputs of reduce-scatters.
    pub gradients: Bytes,
    /// Outputs of all-gathers, and what goes into them.
    pub gathers: Bytes,
    /// What the stream that computes has reserved and cannot use at its largest moment.
    pub unused: Bytes,
}

impl Pools {
    /// All of them: what is reserved at least.
    pub fn total(&self) -> Bytes {
        Bytes(self.compute.0 + self.gradients.0 + self.gathers.0 + self.unused.0)
    }
}

/// The pools of a rank with this footprint. Where its largest moment lies within the blocks, the shares of gradients
/// that exist by then are taken to be those of the blocks whose activations are gone.
///
/// `plan` is how tensors are divided before they are shared, if they are.
pub fn pools(step: &Step, run: Fsdp, plan: Option<TensorParallel>, rank: &StageFootprint) -> Pools {
    let sharing = Sharing {
        ranks: run.ranks,
        stored: run.policy.stored.bytes(),
        computed: run.policy.computed.bytes(),
    };
    let units = Units::new(step, sharing, &|tensor: &Tensor| {
        plan.map_or(tensor.shape, |plan| plan.cut(tensor))
    });
    let gathers = gathers(step, run, &units);
    // A share of gradients is as large as the same share of weights.
    let gradients = rank.parameters.0;
    let block = gathered(&units.block(step.architecture.block_kind(0)), run);
    // Of the two, at the largest moment: shares of gradients, and gathers' outputs.
    let (reduced, arriving) = match rank.moment {
        Moment::Optimizer => (gradients, 0),
        Moment::Embedding => (gradients, 0),
        Moment::Head => (
            0,
            if run.wrap == Wrap::TorchTitan {
                0
            } else {
                block
            },
        ),
        Moment::Layers => {
            let gone = rank.in_flight.0.saturating_sub(rank.activations.0);
            (gradients * gone / rank.in_flight.0.max(1), block)
        }
    };
    let compute = rank.peak.0.saturating_sub(reduced + arriving);
    Pools {
        compute: Bytes(compute),
        gradients: Bytes(gradients),
        gathers: Bytes(gathers),
        unused: Bytes(unused_logits(step, plan, rank.moment)),
    }
}

/// The flat buffer that a unit is gathered into.
fn gathered(unit: &Unit, run: Fsdp) -> u128 {
    rounded(unit.padded * run.policy.computed.bytes())
}

/// The most that gathers hold: a unit's output while the next is gathered, and the copy of the rank's share that goes
/// into that where shares are stored in another dtype.
fn gathers(step: &Step, run: Fsdp, units: &Units) -> u128 {
    let layers = step.architecture.layers;
    let block = |layer: u64| units.block(step.architecture.block_kind(layer));
    let copied = run.policy.stored != run.policy.computed;
    let after = |unit: &Unit, next: &Unit| {
        let next = gathered(next, run);
        let copy = if copied {
            rounded(next / u128::from(run.ranks.max(1)))
        } else {
            0
        };
        gathered(unit, run) + next + copy
    };
    let Some(last) = layers.checked_sub(1) else {
        return 0;
    };
    let (first, end) = match run.wrap {
        Wrap::Blocks => (units.outside(), Unit::default()),
        Wrap::TorchTitan => (units.embedding, units.norm.and(units.head)),
    };
    let middle = if last > 0 {
        after(&block(0), &block(last))
    } else {
        0
    };
    after(&first, &block(0))
        .max(middle)
        .max(after(&block(last), &end))
}

/// At the loss: the 16-bit logits are gone, and in their place no FP32 tensor of the same elements fits, so that the
/// second of the loss's two FP32 gradients takes new memory.
fn unused_logits(step: &Step, plan: Option<TensorParallel>, moment: Moment) -> u128 {
    let eager = step.loss == Loss::Full && !step.loss_compiled && !step.keep_outputs;
    if moment != Moment::Head || !eager {
        return 0;
    }
    let tokens = u128::from(step.micro_batch) * u128::from(step.sequence);
    let ranks = match plan {
        Some(plan) if plan.loss_parallel => plan.ranks.max(1),
        _ => 1,
    };
    rounded(2 * tokens * u128::from(step.architecture.vocabulary.div_ceil(ranks)))
}
