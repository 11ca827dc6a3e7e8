//! PyTorch's `fully_shard` (FSDP2), and `FullyShardedDataParallel` (FSDP1), on one rank: what is gathered and reduced when, around a step whose activations are
//! those of one GPU.
//!
//! Read from torch/distributed/fsdp/_fully_shard (2.15): units are gathered into one flat buffer and copied out of it,
//! the next one while this one runs backward; a reduction's input is kept until the next one's. FSDP1, from
//! torch/distributed/fsdp/_flat_param.py and _runtime_utils.py with its defaults (FULL_SHARD or SHARD_GRAD_OP,
//! BACKWARD_PRE, `limit_all_gathers`), is not held against recorded rows.

use super::dtensor::{self, TensorParallel};
use super::footprint::{Line, Lines, Moment, Part as Place, StageFootprint};
use super::pipeline::Work;
use super::shards::{Sharing, Unit, Units, visit};
use super::standing::{KEPT, Lasting, Names, Standing, Worst};
use super::tensor::{Dtype, rounded};
use super::walk::{Costs, Walk};
use crate::field::choice;
use crate::memory::detailed::{Blocks, Step};
use crate::model::parameters::{Shape, Tensor};
use crate::training::Precision;

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

    /// As a tensor has it.
    pub const fn dtype(self) -> Dtype {
        match self {
            Self::Fp32 => Dtype::Fp32,
            Self::Sixteen => Dtype::Bf16,
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

choice!(
    /// Which of PyTorch's two.
    Generation {
        /// `FullyShardedDataParallel`: a unit's tensors are views of one flat tensor, gathered in place, whose gradient
        /// is put together when the unit's backward pass ends.
        One "1" "FSDP1",
        /// `fully_shard`: each tensor is cut along its first dimension.
        Two "2" "FSDP2",
    }
);

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

/// Where the lists' lines were read.
const SHARDS: &str = "torch 2.15, distributed/fsdp/_fully_shard/_fsdp_param.py";
const GATHERS: &str =
    "torch 2.15, distributed/fsdp/_fully_shard/_fsdp_collectives.py, foreach_all_gather";
const REDUCES: &str =
    "torch 2.15, distributed/fsdp/_fully_shard/_fsdp_collectives.py, foreach_reduce";

const FLAT: &str = "torch, distributed/fsdp/_flat_param.py";
const FLAT_PASSES: &str = "torch, distributed/fsdp/_runtime_utils.py";

/// A sharded run, summed up: [`Sharded::footprint`] is then a walk over the blocks.
pub struct Sharded<'a> {
    walk: Walk<'a>,
    run: Fsdp,
    generation: Generation,
    plan: Option<TensorParallel>,
    units: Units,
    all: Unit,
    rank: u64,
    /// The embedding's gradient, what its backward pass holds beside it, and what is cut out of it to be reduced.
    embedding: (u128, u128, u128),
    /// Whether the loss is part of the root's forward pass: the last block is then gathered before the loss's backward
    /// pass.
    loss_in_root: bool,
}

impl<'a> Sharded<'a> {
    /// Of a step as one rank takes it, in [`Fsdp::precision`].
    pub fn new(step: &'a Step<'a>, run: Fsdp) -> Self {
        let whole = Work::whole(step.architecture.layers);
        Self::of_stage(step, run, Generation::Two, None, whole, 0)
    }

    /// The same, each rank's tensors divided over tensor-parallel ranks first.
    pub fn divided(step: &'a Step<'a>, run: Fsdp, plan: TensorParallel) -> Self {
        let whole = Work::whole(step.architecture.layers);
        Self::of_stage(step, run, Generation::Two, Some(plan), whole, 0)
    }

    /// Pipeline rank `rank`, which has `work` of the model.
    ///
    /// torch's pipeline gathers a stage's weights once and keeps them, and sums gradients unsharded, in the dtype of
    /// the reduction (torch 2.15, distributed/pipelining/stage.py, `backward_maybe_with_nosync`); torchtitan turns
    /// resharding off under it (distributed/fsdp.py, `get_fsdp_reshard_after_forward_policy`).
    pub fn of_stage(
        step: &'a Step<'a>,
        run: Fsdp,
        generation: Generation,
        plan: Option<TensorParallel>,
        work: Work,
        rank: u64,
    ) -> Self {
        let (costs, ends, embedding) = match plan {
            None => {
                let blocks = Blocks::of(step);
                let ends = blocks.ends;
                (Costs::Whole(blocks), ends, (0, ends.stream, 0))
            }
            Some(plan) => (
                Costs::Divided(dtensor::block(step, plan)),
                dtensor::ends(step, plan),
                dtensor::embedding_gradient(step, plan),
            ),
        };
        let walk = Walk::new(step, costs, ends, work);
        let units = Units::new(step, run.sharing(), &|tensor| cut(plan, tensor)).of_rank(
            step.architecture.tied_embeddings,
            walk.has_embedding(),
            walk.has_head(),
        );
        let units = match generation {
            Generation::One => units.flat(step, run.sharing()),
            Generation::Two => units,
        };
        Self {
            all: units.all(walk.kinds()),
            units,
            run,
            generation,
            plan,
            rank,
            embedding: if walk.has_embedding() {
                embedding
            } else {
                (0, ends.stream, 0)
            },
            loss_in_root: plan.is_none() && run.wrap == Wrap::Blocks,
            walk,
        }
    }

    fn layers(&self) -> u64 {
        self.walk.layers()
    }

    fn unit(&self, position: u64) -> Unit {
        self.units.block(self.walk.kind(position))
    }

    /// The flat buffer that a unit is gathered into; FSDP1's with the shard in the dtype it is computed in.
    fn gathered(&self, unit: &Unit) -> u128 {
        let computed = self.run.policy.computed;
        let cast = match self.generation {
            Generation::One if computed != self.run.policy.stored => {
                rounded(unit.own * computed.bytes())
            }
            _ => 0,
        };
        rounded(unit.padded * computed.bytes()) + cast
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
        let kinds = self.walk.kinds();
        let blocks = kinds
            .iter()
            .map(|(kind, layers)| u128::from(*layers) * self.gradient(&self.units.block(*kind)));
        let outer = self.outer_units();
        blocks.sum::<u128>() + outer.iter().map(|unit| self.gradient(unit)).sum::<u128>()
    }

    /// Units outside the blocks: the root; or embedding, and norm with head.
    fn outer_units(&self) -> [Unit; 2] {
        match self.run.wrap {
            Wrap::Blocks => [Unit::default(), self.units.outside()],
            Wrap::TorchTitan => [self.units.embedding, self.units.norm.and(self.units.head)],
        }
    }

    /// What stands on the rank throughout, and the largest moment.
    fn worst(&self) -> Worst {
        let ends = self.walk.ends;
        let mut worst = Worst::new(Lasting {
            parameters: self.all.shard,
            optimizer: self.all.optimizer,
            inputs: ends.inputs,
            kept: [0; 2],
            passes: Standing {
                activations: self.walk.waiting(),
                ..self.accumulated()
            },
        });
        worst.raise_step(Standing {
            gradients: self.gradients(),
            temporaries: self.all.step,
            ..Standing::default()
        });
        self.ends_moments(&mut worst);
        self.block_moments(&mut worst);
        worst
    }

    /// The footprint of a rank.
    pub fn footprint(&self) -> StageFootprint {
        let in_flight = self.walk.kept() + self.walk.ends.head_saved + self.walk.waiting();
        self.worst().footprint(self.rank, in_flight)
    }

    /// Every tensor of the rank at its largest moment; their bytes sum to the peak.
    pub fn tensors(&self) -> Vec<Line> {
        let worst = self.worst();
        let footprint = self.footprint();
        let mut lines = Lines::default();
        let (shards, gathers, reduces) = match self.generation {
            Generation::One => (FLAT, FLAT, FLAT_PASSES),
            Generation::Two => (SHARDS, GATHERS, REDUCES),
        };
        let stored = self.run.policy.stored;
        let plan = self.plan;
        visit(
            self.walk.step,
            self.run.sharing(),
            &|tensor| cut(plan, tensor),
            &mut |tensor, kind, unit| {
                let count = self.walk.count_of(kind, tensor.part);
                lines.shard(shards, tensor.name, stored.dtype(), &unit, count);
            },
        );
        lines.settle(Place::Parameters, footprint.parameters.0, shards);
        worst.list(
            &Names {
                optimizer: ("optimizer states of the shards", "torch 2.15, optim"),
                kept: [("", ""); 2],
                gathered: ("weights gathered for computing", gathers),
                arriving: ("all-gather’s output, the next unit’s prefetched", gathers),
                reducing: ("reduce-scatter’s input", reduces),
                gradients: ("shards of gradients", reduces),
                whole: ("gradients not yet reduced", reduces),
            },
            &mut lines,
        );
        if footprint.activations.0 > 0 {
            match plan {
                None => self.walk.list(KEPT, &mut lines),
                Some(plan) => dtensor::list(self.walk.step, plan, &self.walk, &mut lines),
            }
            lines.settle(Place::Activations, footprint.activations.0, KEPT);
        }
        lines.into()
    }

    /// What gradients of earlier micro-batches hold through a pass.
    fn accumulated(&self) -> Standing {
        let (gradients, whole) = match (self.run.accumulation > 1, self.run.unsynchronised) {
            (false, _) => (0, 0),
            (true, false) => (self.gradients(), 0),
            (true, true) => (0, self.all.elements * self.run.policy.reduced.bytes()),
        };
        Standing {
            gradients,
            whole,
            ..Standing::default()
        }
    }

    /// Weights of blocks that stay gathered between the passes, up to and without `position`.
    fn stay_gathered(&self, position: u64) -> u128 {
        let share = match self.run.reshard {
            Reshard::Blocks | Reshard::All => return 0,
            Reshard::Never => 1,
            Reshard::Over(ranks) => u128::from(ranks.max(1)),
        };
        self.walk.sum(0, position, &|position| {
            self.unit(position).computed / share
        })
    }

    /// Loss, head, embedding, and the last reduction.
    fn ends_moments(&self, worst: &mut Worst) {
        let ends = self.walk.ends;
        let Some(last) = self.layers().checked_sub(1) else {
            return;
        };
        let [embedding, outer] = self.outer_units();
        let of_last = self.gathered(&self.unit(last));
        let activations = self.walk.kept() + ends.head_saved;
        if self.walk.has_head() {
            self.head_moments(activations, of_last, worst);
        }
        // Block 0's reduction is still held; the embedding's gradient is whole.
        let blocks = self.block_gradients(0);
        let (gathered, head, others) = match self.run.wrap {
            Wrap::Blocks => (outer.computed, ends.head_gradients, 0),
            Wrap::TorchTitan => (embedding.computed, 0, self.gradient(&outer)),
        };
        let vocabulary = match self.run.wrap {
            Wrap::Blocks => self.units.embedding,
            Wrap::TorchTitan => embedding,
        };
        let (whole, beside, cut) = self.embedding;
        let gradient = if whole > 0 {
            whole
        } else {
            vocabulary.computed
        };
        worst.raise(
            Moment::Embedding,
            Standing {
                gathered,
                reducing: self.reduced(&self.unit(0)),
                gradients: blocks + others,
                whole: head + gradient,
                temporaries: beside.max(cut),
                ..Standing::default()
            },
        );
        let all_of_it = match self.run.wrap {
            Wrap::Blocks => outer,
            Wrap::TorchTitan => embedding,
        };
        self.flat_gradient(&all_of_it, blocks + others, worst);
        // Gradients are copied into the reduction's input, and go; then its output is allocated.
        worst.raise(
            Moment::Embedding,
            Standing {
                reducing: self.reduced(&all_of_it),
                gradients: blocks + others,
                whole: all_of_it.computed.max(self.gradient(&all_of_it)),
                ..Standing::default()
            },
        );
    }

    /// Under FSDP1, the end of a unit's backward pass: its tensors' gradients beside the flat one they are joined to.
    fn flat_gradient(&self, unit: &Unit, gradients: u128, worst: &mut Worst) {
        if self.generation == Generation::One {
            worst.raise(
                Moment::Embedding,
                Standing {
                    gradients,
                    whole: 2 * unit.computed,
                    ..Standing::default()
                },
            );
        }
    }

    /// The loss, and the head's backward pass.
    fn head_moments(&self, activations: u128, of_last: u128, worst: &mut Worst) {
        let ends = self.walk.ends;
        let [_, outer] = self.outer_units();
        let stay = self.stay_gathered(self.layers());
        // Its own gather's output stays until the next one's: in torchtitan's wrapping the head's.
        let forward = match (self.generation, self.run.wrap) {
            (Generation::One, _) => 0,
            (Generation::Two, Wrap::Blocks) => of_last,
            (Generation::Two, Wrap::TorchTitan) => self.gathered(&outer),
        };
        // The last block is gathered when the outer unit's backward pass begins: with the root before the loss's, in
        // torchtitan's wrapping after it, with the head's.
        let at_head = ends.head_peak > ends.head_saved + self.gradients_of_loss();
        let backward = match self.run.reshard {
            Reshard::Never => 0,
            _ if !self.loss_in_root && !at_head => 0,
            _ => of_last,
        };
        let with_head = Standing {
            gathered: outer.computed + stay,
            activations,
            ..Standing::default()
        };
        worst.raise(
            Moment::Head,
            Standing {
                arriving: forward,
                temporaries: ends.loss,
                ..with_head
            },
        );
        let left = ends.head_peak.min(ends.head_saved);
        worst.raise(
            Moment::Head,
            Standing {
                arriving: backward,
                activations: activations - ends.head_saved + left,
                temporaries: ends.head_peak - left,
                ..with_head
            },
        );
        match (self.run.reshard, self.run.wrap) {
            (Reshard::All | Reshard::Over(_), Wrap::Blocks) => {
                // The root is gathered once more; its own share stays till then.
                let share = match self.run.reshard {
                    Reshard::Over(ranks) => outer.computed / u128::from(ranks.max(1)),
                    _ => 0,
                };
                worst.raise(
                    Moment::Head,
                    Standing {
                        gathered: with_head.gathered + share,
                        arriving: self.gathered(&outer),
                        ..with_head
                    },
                );
            }
            (_, Wrap::TorchTitan) => worst.raise(
                Moment::Head,
                Standing {
                    gathered: 0,
                    arriving: of_last,
                    reducing: self.reduced(&outer),
                    whole: outer.computed,
                    activations: activations - ends.head_saved,
                    temporaries: ends.stream,
                    ..with_head
                },
            ),
            _ => {}
        }
    }

    /// The two FP32 gradients at the start of the loss's backward pass, 8·V bytes a token.
    fn gradients_of_loss(&self) -> u128 {
        let step = self.walk.step;
        let tokens = u128::from(step.micro_batch) * u128::from(step.sequence);
        2 * rounded(4 * tokens * u128::from(step.architecture.vocabulary))
    }

    /// Shares of the gradients of blocks from `position` on.
    fn block_gradients(&self, position: u64) -> u128 {
        if self.run.accumulation > 1 {
            return 0;
        }
        self.walk.sum(position, self.layers(), &|position| {
            self.gradient(&self.unit(position))
        })
    }

    /// Each block's backward pass; of blocks alike the last, the one before it, and the first.
    fn block_moments(&self, worst: &mut Worst) {
        let ends = self.walk.ends;
        let layers = self.layers();
        let [embedding, outer] = self.outer_units();
        for position in (0..layers).rev().filter(|one| self.walk.candidate(*one)) {
            let block = self.walk.block(position);
            let unit = self.unit(position);
            let last = position + 1 == layers;
            let (root, head, shards, first_reduction) = match self.run.wrap {
                Wrap::Blocks => (outer.computed, ends.head_gradients, 0, 0),
                Wrap::TorchTitan => (0, 0, self.gradient(&outer), self.reduced(&outer)),
            };
            let stay = self.stay_gathered(position);
            let next = match (self.run.reshard, position.checked_sub(1), self.run.wrap) {
                (Reshard::Never, _, _) => 0,
                (_, Some(next), _) => self.gathered(&self.unit(next)),
                (_, None, Wrap::TorchTitan) => self.gathered(&embedding),
                (_, None, Wrap::Blocks) => 0,
            };
            let kept = block.saved.min(block.peak);
            let own = block.gradients_at_peak.min(block.peak - kept);
            // The next stage's gradient of the output.
            let received = if last && !self.walk.has_head() {
                ends.stream
            } else {
                0
            };
            let below = ends.before + self.walk.saved_below(position);
            let standing = Standing {
                gathered: root + unit.computed + stay,
                arriving: next,
                reducing: if last {
                    first_reduction
                } else {
                    self.reduced(&self.unit(position + 1))
                },
                gradients: shards + self.block_gradients(position + 1),
                whole: head + own,
                activations: below + kept,
                temporaries: received + block.peak - kept - own,
            };
            worst.raise(Moment::Layers, standing);
            if self.generation == Generation::One {
                // All its gradients, and the flat one they are joined to; then that, and what it is reduced from.
                let ended = Standing {
                    activations: below,
                    temporaries: received + ends.stream,
                    ..standing
                };
                worst.raise(
                    Moment::Layers,
                    Standing {
                        whole: head + block.gradients + unit.computed,
                        ..ended
                    },
                );
                worst.raise(
                    Moment::Layers,
                    Standing {
                        gathered: root + stay,
                        reducing: self.reduced(&unit),
                        whole: head + unit.computed,
                        ..ended
                    },
                );
            }
        }
    }
}

/// A tensor's sides on a tensor-parallel rank.
fn cut(plan: Option<TensorParallel>, tensor: &Tensor) -> Shape {
    plan.map_or(tensor.shape, |plan| plan.cut(tensor))
}
