//! PyTorch's `fully_shard` (FSDP2) on one rank: what is gathered and reduced when, around a step whose activations are
//! those of one GPU.
//!
//! Read from torch/distributed/fsdp/_fully_shard (2.15): units are gathered into one flat buffer and copied out of it,
//! the next one while this one runs backward; a reduction's input is kept until the next one's.

use super::dtensor::{self, TensorParallel};
use super::footprint::{Moment, Peak, StageFootprint};
use super::shards::{Sharing, Unit, Units};
use super::tensor::{Top, rounded};
use crate::field::choice;
use crate::memory::detailed::{BlockCost, Blocks, Ends, Step};
use crate::model::parameters::Tensor;
use crate::training::Precision;
use crate::units::Bytes;

choice!(
    /// An element of weights or gradients.
    Element {
        /// 4 bytes.
        Fp32 "fp32" "FP32",
        /// 2 bytes.
        Sixteen "bf16" "BF16",
    }
);

impl Element {
    /// Bytes of one.
    pub const fn bytes(self) -> u128 {
        match self {
            Self::Fp32 => 4,
            Self::Sixteen => 2,
        }
    }
}

/// In which dtypes weights are stored, computed with, and gradients reduced (`MixedPrecisionPolicy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Of stored weights, their gradients' shards and the optimizer's states: S bytes.
    pub stored: Element,
    /// Of gathered weights and their gradients: C bytes.
    pub computed: Element,
    /// Of the reduction: R bytes.
    pub reduced: Element,
}

impl Policy {
    /// FP32 shards, BF16 compute, FP32 reduction: the usual one.
    pub const MIXED: Self = Self {
        stored: Element::Fp32,
        computed: Element::Sixteen,
        reduced: Element::Fp32,
    };
}

choice!(
    /// Which modules are gathered together.
    Wrap {
        /// Each block, and the rest with the root.
        Blocks "blocks" "Blocks and the root",
        /// As torchtitan: the embedding; each block; final norm and head, not given up after the forward pass.
        TorchTitan "titan" "As torchtitan",
    }
);

/// What becomes of gathered weights after the forward pass (`reshard_after_forward`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reshard {
    /// Given up, and gathered again for the backward pass; but not the root's, whose backward pass comes at once
    /// (the default).
    Blocks,
    /// Given up, the root's too.
    All,
    /// Kept.
    Never,
    /// Given up but for a share over so many ranks.
    Over(u64),
}

/// A sharded run, beside the step on one GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fsdp {
    /// Ranks that share each tensor, W: data × context ranks, or within a group in hybrid sharding (HSDP), whose
    /// all-reduce between groups is in place.
    pub ranks: u64,
    /// Dtypes.
    pub policy: Policy,
    /// Which modules are gathered together.
    pub wrap: Wrap,
    /// What becomes of them after the forward pass.
    pub reshard: Reshard,
    /// Micro-batches whose gradients are summed before a step.
    pub accumulation: u64,
    /// Whether they are summed unsharded (`set_requires_gradient_sync(False)` but for the last).
    pub unsynchronised: bool,
}

impl Fsdp {
    /// The usual run over so many ranks.
    pub const fn over(ranks: u64) -> Self {
        Self {
            ranks,
            policy: Policy::MIXED,
            wrap: Wrap::Blocks,
            reshard: Reshard::Blocks,
            accumulation: 1,
            unsynchronised: false,
        }
    }

    fn sharing(&self) -> Sharing {
        Sharing {
            ranks: self.ranks,
            stored: self.policy.stored.bytes(),
            computed: self.policy.computed.bytes(),
        }
    }

    /// The step that one GPU takes, in the dtype that is computed in.
    pub const fn precision(&self) -> Precision {
        match self.policy.computed {
            Element::Fp32 => Precision::Fp32,
            Element::Sixteen => Precision::SixteenBit,
        }
    }
}

/// What the blocks of a step come to on a rank.
#[expect(clippy::large_enum_variant)] // On the stack, because a total allocates nothing.
enum Costs<'a> {
    /// As on one GPU.
    Whole(Blocks<'a>),
    /// Divided over tensor-parallel ranks, all alike.
    Divided(BlockCost),
}

/// A sharded run, summed up: [`Sharded::footprint`] is then a walk over the blocks.
pub struct Sharded<'a> {
    step: &'a Step<'a>,
    run: Fsdp,
    units: Units,
    costs: Costs<'a>,
    ends: Ends,
    /// The embedding's gradient, what its backward pass holds beside it, and what is cut out of it to be reduced.
    embedding: (u128, u128, u128),
    /// Whether the loss is part of the root's forward pass: the last block is then gathered before the loss's backward
    /// pass.
    loss_in_root: bool,
}

impl<'a> Sharded<'a> {
    /// Of a step as one rank takes it, in [`Fsdp::precision`].
    pub fn new(step: &'a Step<'a>, run: Fsdp) -> Self {
        let sharing = run.sharing();
        let blocks = Blocks::of(step);
        Self {
            step,
            run,
            units: Units::new(step, sharing, &|tensor: &Tensor| tensor.shape),
            ends: blocks.ends,
            embedding: (0, blocks.ends.stream, 0),
            costs: Costs::Whole(blocks),
            loss_in_root: run.wrap == Wrap::Blocks,
        }
    }

    /// The same, each rank's tensors divided over tensor-parallel ranks first.
    pub fn divided(step: &'a Step<'a>, run: Fsdp, plan: TensorParallel) -> Self {
        let sharing = run.sharing();
        Self {
            step,
            run,
            units: Units::new(step, sharing, &|tensor: &Tensor| plan.cut(tensor)),
            costs: Costs::Divided(dtensor::block(step, plan)),
            ends: dtensor::ends(step, plan),
            embedding: dtensor::embedding_gradient(step, plan),
            loss_in_root: false,
        }
    }

    fn block(&self, layer: u64) -> BlockCost {
        match &self.costs {
            Costs::Whole(blocks) => blocks.block(layer),
            Costs::Divided(block) => *block,
        }
    }

    fn uniform(&self) -> bool {
        match &self.costs {
            Costs::Whole(blocks) => blocks.uniform(),
            Costs::Divided(_) => true,
        }
    }

    fn layers(&self) -> u64 {
        self.step.architecture.layers
    }

    fn unit(&self, layer: u64) -> Unit {
        self.units.block(self.step.architecture.block_kind(layer))
    }

    /// The flat buffer that a unit is gathered into.
    fn gathered(&self, unit: &Unit) -> u128 {
        rounded(unit.padded * self.run.policy.computed.bytes())
    }

    /// What a unit's gradients are reduced from.
    fn reduced(&self, unit: &Unit) -> u128 {
        rounded(unit.padded * self.run.policy.reduced.bytes())
    }

    /// A rank's share of a unit's gradients: one tensor.
    fn gradient(&self, unit: &Unit) -> u128 {
        let ranks = u128::from(self.run.ranks.max(1));
        rounded(unit.padded / ranks * self.run.policy.stored.bytes())
    }

    /// A rank's share of all gradients.
    fn gradients(&self) -> u128 {
        let blocks: u128 = self
            .step
            .architecture
            .block_kinds()
            .into_iter()
            .filter(|(_, layers)| *layers > 0)
            .map(|(kind, layers)| u128::from(layers) * self.gradient(&self.units.block(kind)))
            .sum();
        blocks
            + self
                .outer_units()
                .iter()
                .map(|unit| self.gradient(unit))
                .sum::<u128>()
    }

    /// Units outside the blocks: the root; or embedding, and norm with head.
    fn outer_units(&self) -> [Unit; 2] {
        match self.run.wrap {
            Wrap::Blocks => [Unit::default(), self.units.outside()],
            Wrap::TorchTitan => [self.units.embedding, self.units.norm.and(self.units.head)],
        }
    }

    /// The footprint of a rank.
    pub fn footprint(&self) -> StageFootprint {
        let all = self.units.all(self.step.architecture);
        let ends = self.ends;
        let accumulated = self.accumulated(&all);
        let held = all.shard + all.optimizer + ends.inputs + accumulated;
        let mut peak = Peak {
            bytes: (all.shard + all.optimizer + ends.inputs + self.gradients() + all.step) as i128,
            moment: Moment::Optimizer,
            released: 0,
        };
        let kept = ends.before + self.kept();
        let mut raise = |above: u128, activations: u128, moment| {
            let top = Top {
                above: (above + activations) as i128,
                released: kept + ends.head_saved - activations,
            };
            peak.raise(held as i128, top, moment);
        };
        self.ends_moments(kept, &mut raise);
        self.block_moments(&mut raise);
        let activations = match peak.moment {
            Moment::Optimizer => 0,
            _ => kept + ends.head_saved - peak.released,
        };
        let gradients = match peak.moment {
            Moment::Optimizer => self.gradients(),
            _ => accumulated,
        };
        let states = all.shard + all.optimizer + gradients + ends.inputs + activations;
        StageFootprint {
            stage: 0,
            parameters: Bytes(all.shard),
            gradients: Bytes(gradients),
            optimizer: Bytes(all.optimizer),
            buffers: Bytes(ends.inputs),
            in_flight: Bytes(kept + ends.head_saved),
            activations: Bytes(activations),
            temporaries: Bytes((peak.bytes.max(0) as u128).saturating_sub(states)),
            peak: Bytes(peak.bytes.max(0) as u128),
            moment: peak.moment,
        }
    }

    /// What gradients of earlier micro-batches hold through a pass.
    fn accumulated(&self, all: &Unit) -> u128 {
        match (self.run.accumulation > 1, self.run.unsynchronised) {
            (false, _) => 0,
            (true, false) => self.gradients(),
            (true, true) => all.elements * self.run.policy.reduced.bytes(),
        }
    }

    fn kept(&self) -> u128 {
        self.sum_of_blocks(self.layers(), &|layer| self.block(layer).saved)
    }

    fn sum_of_blocks(&self, layers: u64, of: &dyn Fn(u64) -> u128) -> u128 {
        if self.uniform() {
            return u128::from(layers) * if layers > 0 { of(0) } else { 0 };
        }
        (0..layers).map(of).sum()
    }

    /// Weights of blocks that stay gathered between the passes, up to and without `layer`.
    fn stay_gathered(&self, layers: u64) -> u128 {
        match self.run.reshard {
            Reshard::Blocks | Reshard::All => 0,
            Reshard::Never => self.sum_of_blocks(layers, &|layer| self.unit(layer).computed),
            Reshard::Over(ranks) => self.sum_of_blocks(layers, &|layer| {
                self.unit(layer).computed / u128::from(ranks.max(1))
            }),
        }
    }

    /// Loss, head, embedding, and the last reduction.
    fn ends_moments(&self, kept: u128, raise: &mut dyn FnMut(u128, u128, Moment)) {
        let ends = self.ends;
        let Some(last) = self.layers().checked_sub(1) else {
            return;
        };
        let [embedding, outer] = self.outer_units();
        let stay = self.stay_gathered(self.layers());
        let of_last = self.gathered(&self.unit(last));
        // Its own gather's output stays until the next one's: in torchtitan's wrapping the head's.
        let forward = match self.run.wrap {
            Wrap::Blocks => of_last,
            Wrap::TorchTitan => self.gathered(&outer),
        };
        // The last block is gathered when the outer unit's backward pass begins: with the root before the loss's, in
        // torchtitan's wrapping after it, with the head's.
        let at_head = ends.head_peak > ends.head_saved + self.gradients_of_loss();
        let backward = match self.run.reshard {
            Reshard::Never => 0,
            _ if !self.loss_in_root && !at_head => 0,
            _ => of_last,
        };
        raise(
            outer.computed + stay + forward + ends.loss,
            kept + ends.head_saved,
            Moment::Head,
        );
        raise(
            outer.computed + stay + backward + ends.head_peak,
            kept,
            Moment::Head,
        );
        match (self.run.reshard, self.run.wrap) {
            (Reshard::All | Reshard::Over(_), Wrap::Blocks) => {
                // The root is gathered once more; its own share stays till then.
                let share = match self.run.reshard {
                    Reshard::Over(ranks) => outer.computed / u128::from(ranks.max(1)),
                    _ => 0,
                };
                raise(
                    outer.computed + self.gathered(&outer) + stay + share,
                    kept + ends.head_saved,
                    Moment::Head,
                );
            }
            (_, Wrap::TorchTitan) => raise(
                outer.computed + self.reduced(&outer) + of_last + ends.stream,
                kept,
                Moment::Head,
            ),
            _ => {}
        }
        // Block 0's reduction is still held; the embedding's gradient is whole.
        let blocks = self.block_gradients(0);
        let vocabulary = match self.run.wrap {
            Wrap::Blocks => self.units.embedding,
            Wrap::TorchTitan => embedding,
        };
        let before_root = self.reduced(&self.unit(0));
        let head = match self.run.wrap {
            Wrap::Blocks => outer.computed + ends.head_gradients,
            Wrap::TorchTitan => embedding.computed + self.gradient(&outer),
        };
        let (whole, beside, cut) = self.embedding;
        let gradient = if whole > 0 {
            whole
        } else {
            vocabulary.computed
        };
        raise(
            blocks + head + before_root + gradient + beside.max(cut),
            0,
            Moment::Embedding,
        );
        let (all_of_it, others) = match self.run.wrap {
            Wrap::Blocks => (outer, 0),
            Wrap::TorchTitan => (embedding, self.gradient(&outer)),
        };
        // Gradients are copied into the reduction's input, and go; then its output is allocated.
        let input = self.reduced(&all_of_it);
        let output = self.gradient(&all_of_it);
        raise(
            blocks + others + input + all_of_it.computed.max(output),
            0,
            Moment::Embedding,
        );
    }

    /// The two FP32 gradients at the start of the loss's backward pass, 8·V bytes a token.
    fn gradients_of_loss(&self) -> u128 {
        let tokens = u128::from(self.step.micro_batch) * u128::from(self.step.sequence);
        2 * rounded(4 * tokens * u128::from(self.step.architecture.vocabulary))
    }

    /// Shares of the gradients of blocks from `layer` on.
    fn block_gradients(&self, layer: u64) -> u128 {
        if self.run.accumulation > 1 {
            return 0;
        }
        let below = self.sum_of_blocks(layer, &|layer| self.gradient(&self.unit(layer)));
        let all = self.sum_of_blocks(self.layers(), &|layer| self.gradient(&self.unit(layer)));
        all - below
    }

    /// Each block's backward pass; of blocks alike the last, the one before it, and the first.
    fn block_moments(&self, raise: &mut dyn FnMut(u128, u128, Moment)) {
        let ends = self.ends;
        let layers = self.layers();
        let [embedding, outer] = self.outer_units();
        let candidates = |layer: u64| !self.uniform() || layer + 2 >= layers || layer <= 1;
        for layer in (0..layers).rev().filter(|layer| candidates(*layer)) {
            let block = self.block(layer);
            let unit = self.unit(layer);
            let below = self.sum_of_blocks(layer, &|layer| self.block(layer).saved);
            let (root, first_reduction) = match self.run.wrap {
                Wrap::Blocks => (outer.computed + ends.head_gradients, 0),
                Wrap::TorchTitan => (self.gradient(&outer), self.reduced(&outer)),
            };
            let next = match (self.run.reshard, layer.checked_sub(1), self.run.wrap) {
                (Reshard::Never, _, _) => self.stay_gathered(layer),
                (_, Some(next), _) => self.gathered(&self.unit(next)) + self.stay_gathered(layer),
                (_, None, Wrap::TorchTitan) => self.gathered(&embedding),
                (_, None, Wrap::Blocks) => 0,
            };
            let reduction = if layer + 1 == layers {
                first_reduction
            } else {
                self.reduced(&self.unit(layer + 1))
            };
            let around = root + unit.computed + next + reduction;
            raise(
                around + self.block_gradients(layer + 1) + block.peak - block.saved,
                ends.before + below + block.saved,
                Moment::Layers,
            );
        }
    }
}
