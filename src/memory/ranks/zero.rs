//! DeepSpeed's ZeRO on one rank: flat partitions, buckets that gradients are reduced in, and weights gathered module by
//! module, around a step whose activations are those of one GPU.
//!
//! Read from DeepSpeed 0.18.2: runtime/zero/stage_1_and_2.py, stage3.py, partitioned_param_coordinator.py, config.py,
//! runtime/bf16_optimizer.py. Partitions as in ZeRO (arXiv:1910.02054, §5). Not recorded: no measured row stands behind
//! these figures. Parameter groups count as one, and nothing is offloaded.

use super::footprint::{Line, Lines, Moment, Part as Place, StageFootprint};
use super::fsdp::Element;
use super::pipeline::Work;
use super::shards::{Sharing, Unit, Units, visit};
use super::standing::{KEPT, Lasting, Names, Standing, Worst};
use super::tensor::rounded;
use super::walk::{Costs, Walk};
use crate::field::choice;
use crate::memory::detailed::{Blocks, Step, optimizer_of};
use crate::model::parameters::{Shape, Tensor};
use crate::training::Precision;

choice!(
    /// What ranks share.
    Stage {
        /// Optimizer states.
        One "1" "ZeRO 1",
        /// Gradients too.
        Two "2" "ZeRO 2",
        /// Weights too.
        Three "3" "ZeRO 3",
    }
);

/// DeepSpeed's `zero_optimization`; sizes in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeepSpeed {
    /// Elements that are reduced at once (`reduce_bucket_size`).
    pub reduce_bucket: u64,
    /// Whether reductions overlap with the backward pass (`overlap_comm`): stages 1 and 2 then have two buckets.
    /// Where it is not set, it is off in them and on in stage 3.
    pub overlap: Option<bool>,
    /// Whether gradients are copied into a bucket as they come (`contiguous_gradients`).
    pub contiguous: bool,
    /// Elements that are gathered ahead (`stage3_prefetch_bucket_size`).
    pub prefetch: u64,
    /// Elements within which a weight that is used again is not given up (`stage3_max_reuse_distance`).
    pub reuse_distance: u64,
    /// Elements below which a tensor is not divided (`stage3_param_persistence_threshold`).
    pub persistence: u64,
    /// Elements of a rank's partition that stage 3 steps at once (`sub_group_size`).
    pub sub_group: u64,
    /// Dtype that gradients are summed in (`data_types.grad_accum_dtype`); the weights' where none is given. FP32 under
    /// stage 1 makes it DeepSpeed's BF16_Optimizer, which keeps all gradients in FP32.
    pub accumulated: Element,
}

impl DeepSpeed {
    /// Its defaults (runtime/zero/config.py).
    pub const DEFAULT: Self = Self {
        reduce_bucket: 500_000_000,
        overlap: None,
        contiguous: true,
        prefetch: 50_000_000,
        reuse_distance: 1_000_000_000,
        persistence: 100_000,
        sub_group: 1_000_000_000,
        accumulated: Element::Sixteen,
    };

    /// What Hugging Face's "auto" makes of a model's hidden size h: buckets of h² and 0.9·h², persistence 10·h
    /// (accelerate, accelerator.py, `_prepare_deepspeed`).
    pub const fn auto(hidden: u64) -> Self {
        let square = hidden * hidden;
        Self {
            reduce_bucket: square,
            prefetch: square / 10 * 9 + square % 10 * 9 / 10,
            persistence: 10 * hidden,
            ..Self::DEFAULT
        }
    }
}

/// Where the lists' lines were read.
const PARTITIONS: &str = "DeepSpeed 0.18.2, runtime/zero/stage_1_and_2.py";
const SHARDS: &str = "DeepSpeed 0.18.2, runtime/zero/partition_parameters.py";
const THIRD: &str = "DeepSpeed 0.18.2, runtime/zero/stage3.py";
const FETCHES: &str = "DeepSpeed 0.18.2, runtime/zero/partitioned_param_coordinator.py";

/// A run under ZeRO, summed up: [`Zero::footprint`] is then a walk over the blocks.
pub struct Zero<'a> {
    walk: Walk<'a>,
    config: DeepSpeed,
    stage: Stage,
    rank: u64,
    ranks: u128,
    /// Bytes of a weight.
    width: u128,
    units: Units,
    all: Unit,
    /// Elements of a rank's partition.
    own: u128,
    /// Whether gradients of earlier micro-batches stand.
    accumulates: bool,
}

impl<'a> Zero<'a> {
    /// The step that one GPU takes for the walk: stages 2 and 3 move each gradient into a bucket as it comes.
    pub fn step<'b>(step: &Step<'b>, stage: Stage) -> Step<'b> {
        Step {
            precision: match step.precision {
                Precision::Fp32 => Precision::Fp32,
                _ => Precision::SixteenBit,
            },
            accumulation: if stage == Stage::One {
                step.accumulation
            } else {
                step.accumulation.max(2)
            },
            ..*step
        }
    }

    /// Of pipeline rank `rank`, which has `work` of a model; states are divided over `ranks`. `step` is what
    /// [`Zero::step`] makes of the run's, of which `accumulates` says whether it has several micro-batches.
    pub fn of_stage(
        step: &'a Step<'a>,
        stage: Stage,
        config: DeepSpeed,
        ranks: u64,
        accumulates: bool,
        work: Work,
        rank: u64,
    ) -> Self {
        let blocks = Blocks::of(step);
        let ends = blocks.ends;
        let walk = Walk::new(step, Costs::Whole(blocks), ends, work);
        let width = if step.precision == Precision::Fp32 {
            4
        } else {
            2
        };
        let units = Units::new(step, sharing(ranks, width), &flat).of_rank(
            step.architecture.tied_embeddings,
            walk.has_embedding(),
            walk.has_head(),
        );
        let all = units.all(walk.kinds());
        let ranks = u128::from(ranks.max(1));
        let own = match stage {
            // One flat buffer, aligned to two elements a rank (`nccl_start_alignment_factor`).
            Stage::One | Stage::Two => all.elements.div_ceil(2 * ranks) * 2,
            Stage::Three => all.own,
        };
        Self {
            walk,
            config,
            stage,
            rank,
            ranks,
            width,
            units,
            all,
            own,
            accumulates,
        }
    }

    fn unit(&self, position: u64) -> Unit {
        self.units.block(self.walk.kind(position))
    }

    /// All gradients in FP32, throughout.
    fn keeps_main_gradients(&self) -> bool {
        self.stage == Stage::One && self.width == 2 && self.config.accumulated == Element::Fp32
    }

    /// Whether whole gradients stand until the backward pass ends.
    fn whole_to_the_end(&self) -> bool {
        let overlaps = self.config.overlap == Some(true) && !self.accumulates;
        self.stage == Stage::One && (!overlaps || self.keeps_main_gradients())
    }

    /// Bytes of all whole gradients of the rank's part of the model.
    fn whole(&self) -> u128 {
        self.all.elements * self.width
    }

    /// Bytes of the partition's gradients, as they are summed.
    fn accumulated(&self) -> u128 {
        let width = match self.config.accumulated {
            Element::Fp32 => 4,
            Element::Sixteen => self.width,
        };
        rounded(self.own * width)
    }

    /// Buckets that gradients are copied into, alive from the first gradient to the last.
    fn buckets(&self) -> u128 {
        if !self.config.contiguous || self.keeps_main_gradients() {
            return 0;
        }
        let one = rounded(u128::from(self.config.reduce_bucket) * self.width);
        match (self.stage, self.config.overlap.unwrap_or(false)) {
            (Stage::Three, _) | (_, false) => one,
            (_, true) => 2 * one,
        }
    }

    /// A reduction's interleaved copy of a bucket of several tensors (stage 3, `reduce_scatter_coalesced`).
    fn interleaved(&self) -> u128 {
        rounded(u128::from(self.config.reduce_bucket).min(self.all.elements) * self.width)
    }

    fn lasting(&self) -> Lasting {
        let (moments, _) = self.optimizer(self.own);
        let master = if self.stage == Stage::Three && self.width == 4 {
            0
        } else {
            rounded(4 * self.own)
        };
        let third = self.stage == Stage::Three;
        Lasting {
            parameters: if third {
                rounded(self.own * self.width)
            } else {
                rounded(self.own * self.ranks * self.width)
            },
            optimizer: moments + master,
            inputs: self.walk.ends.inputs,
            kept: if third {
                [self.buckets(), self.persistent()]
            } else {
                [0, 0]
            },
            passes: Standing {
                activations: self.walk.waiting(),
                gradients: match self.stage {
                    Stage::Three => self.accumulated(),
                    Stage::Two if self.accumulates => self.accumulated(),
                    _ if self.keeps_main_gradients() => rounded(4 * self.own * self.ranks),
                    _ => 0,
                },
                whole: if self.accumulates && self.whole_to_the_end() {
                    self.whole()
                } else {
                    0
                },
                ..Standing::default()
            },
        }
    }

    /// States of a flat partition of so many elements, and what its step allocates.
    fn optimizer(&self, elements: u128) -> (u128, u128) {
        let own = u64::try_from(elements).unwrap_or(u64::MAX);
        optimizer_of(self.walk.step, [own, 1], false, true)
    }

    /// Weights too small to be divided.
    fn persistent(&self) -> u128 {
        let mut sum = 0;
        let sharing = sharing(self.ranks as u64, self.width);
        visit(self.walk.step, sharing, &flat, &mut |tensor, kind, unit| {
            if unit.elements < u128::from(self.config.persistence) {
                let count = self.walk.count_of(kind, tensor.part);
                sum += u128::from(count) * rounded(unit.elements * self.width);
            }
        });
        sum
    }

    /// Whether a block's weights, used in the forward pass, stay for the backward pass: what comes between is less than
    /// the reuse distance.
    fn stays(&self, position: u64) -> bool {
        let after = self
            .walk
            .sum(position + 1, self.walk.layers(), &|position| {
                self.unit(position).elements
            });
        let between = 2 * (after + self.units.head.elements);
        self.walk.has_head() && between < u128::from(self.config.reuse_distance)
    }

    /// Weights of blocks below `position` that stay.
    fn stay_gathered(&self, position: u64) -> u128 {
        if self.stage != Stage::Three {
            return 0;
        }
        (0..position)
            .rev()
            .take_while(|position| self.stays(*position))
            .map(|position| self.unit(position).elements * self.width)
            .sum()
    }

    /// While a block runs backward: weights gathered, and what a gather of the next ones writes into before it is copied
    /// out. Modules are gathered one by one, the next ones up to the prefetch bucket and the tensor that fills it.
    fn gathered(&self, position: u64) -> (u128, u128) {
        if self.stage != Stage::Three {
            return (0, 0);
        }
        let unit = self.unit(position);
        let below = self.stay_gathered(position);
        if self.stays(position) {
            return (below + unit.elements * self.width, 0);
        }
        let rest = self
            .walk
            .sum(0, position + 1, &|one| self.unit(one).elements);
        let ahead = match u128::from(self.config.prefetch) {
            0 => 0,
            bucket => bucket.div_ceil(unit.largest.max(1)) * unit.largest,
        };
        let ahead = ahead.min(rest.saturating_sub(unit.largest)) * self.width;
        (unit.largest * self.width + ahead, ahead)
    }

    fn worst(&self) -> Worst {
        let mut worst = Worst::new(self.lasting());
        worst.raise_step(self.step_moment());
        if self.walk.layers() > 0 {
            self.head_moments(&mut worst);
            self.block_moments(&mut worst);
            self.embedding_moment(&mut worst);
        }
        worst
    }

    /// The optimizer's step: a partition's gradients, flattened, and their FP32 copy, which the step then reads.
    fn step_moment(&self) -> Standing {
        let at_once = match self.stage {
            Stage::Three => self.own.min(u128::from(self.config.sub_group)),
            Stage::One | Stage::Two => self.own,
        };
        let (_, scratch) = self.optimizer(at_once);
        if self.keeps_main_gradients() {
            return Standing {
                gradients: rounded(4 * self.own * self.ranks),
                whole: self.whole(),
                temporaries: scratch,
                ..Standing::default()
            };
        }
        let gradients = self.accumulated();
        let flat = rounded(gradients / self.own.max(1) * at_once);
        let single = rounded(4 * at_once);
        // Stages 1 and 2 give the partition's gradients back before the step, stage 3 keeps their buffer.
        let left = if self.stage == Stage::Three {
            gradients
        } else {
            0
        };
        let copying = gradients + flat + single;
        let stepping = left + single + scratch;
        Standing {
            gradients,
            temporaries: copying.max(stepping) - gradients,
            ..Standing::default()
        }
    }

    fn head_moments(&self, worst: &mut Worst) {
        if !self.walk.has_head() {
            return;
        }
        let ends = self.walk.ends;
        let activations = self.walk.kept() + ends.head_saved;
        let head = if self.stage == Stage::Three {
            self.units.head.elements * self.width
        } else {
            0
        };
        let gathered = head + self.stay_gathered(self.walk.layers());
        worst.raise(
            Moment::Head,
            Standing {
                gathered,
                // Gradients of the last step are only given up when the next backward pass begins.
                whole: if self.keeps_main_gradients() && !self.accumulates {
                    self.whole()
                } else {
                    0
                },
                activations,
                temporaries: ends.loss,
                ..Standing::default()
            },
        );
        let left = ends.head_peak.min(ends.head_saved);
        worst.raise(
            Moment::Head,
            Standing {
                gathered,
                activations: activations - ends.head_saved + left,
                temporaries: ends.head_peak - left,
                ..Standing::default()
            },
        );
    }

    /// A partition's gradients, where they are copied out of the buckets as these are reduced.
    fn partition(&self) -> u128 {
        match self.stage {
            Stage::Three => 0,
            Stage::One if self.whole_to_the_end() => 0,
            Stage::One | Stage::Two => rounded(self.own * self.width),
        }
    }

    /// What reductions hold during the backward pass.
    fn reducing(&self) -> u128 {
        match self.stage {
            // Its bucket is there for ever.
            Stage::Three => self.interleaved(),
            Stage::One | Stage::Two => self.buckets(),
        }
    }

    fn block_moments(&self, worst: &mut Worst) {
        let ends = self.walk.ends;
        let layers = self.walk.layers();
        let stand = self.whole_to_the_end() && !self.accumulates;
        for position in (0..layers).rev().filter(|one| self.walk.candidate(*one)) {
            let block = self.walk.block(position);
            let last = position + 1 == layers;
            let kept = block.saved.min(block.peak);
            let own = block.gradients_at_peak.min(block.peak - kept);
            let above = self.walk.sum(position + 1, layers, &|position| {
                self.walk.block(position).gradients
            });
            let (gathered, arriving) = self.gathered(position);
            let received = if last && !self.walk.has_head() {
                ends.stream
            } else {
                0
            };
            worst.raise(
                Moment::Layers,
                Standing {
                    gathered,
                    arriving,
                    reducing: self.reducing(),
                    gradients: self.partition(),
                    whole: own
                        + if stand {
                            above + ends.head_gradients
                        } else {
                            0
                        },
                    activations: ends.before + self.walk.saved_below(position) + kept,
                    temporaries: received + block.peak - kept - own,
                },
            );
        }
    }

    /// The backward pass's end: the embedding's gradient, and under stage 1 all of them, from which the partition's are
    /// copied out.
    fn embedding_moment(&self, worst: &mut Worst) {
        let embedding = self.units.embedding.elements * self.width;
        let to_the_end = self.whole_to_the_end();
        worst.raise(
            Moment::Embedding,
            Standing {
                reducing: self.reducing(),
                gradients: if to_the_end && !self.keeps_main_gradients() {
                    rounded(self.own * self.width)
                } else {
                    self.partition()
                },
                whole: match (to_the_end, self.accumulates) {
                    (true, false) => self.whole(),
                    (true, true) | (false, _) => embedding,
                },
                temporaries: self.walk.ends.stream,
                ..Standing::default()
            },
        );
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
        let third = self.stage == Stage::Three;
        let source = if third { SHARDS } else { PARTITIONS };
        let element = match self.width {
            4 => Element::Fp32,
            _ => Element::Sixteen,
        };
        let ranks = if third { self.ranks as u64 } else { 1 };
        let sharing = sharing(ranks, self.width);
        visit(self.walk.step, sharing, &flat, &mut |tensor, kind, unit| {
            let count = self.walk.count_of(kind, tensor.part);
            // A flat buffer's parts are not rounded up.
            let unit = Unit {
                shard: unit.own * self.width,
                ..unit
            };
            lines.shard(source, tensor.name, element.dtype(), &unit, count);
        });
        lines.settle(Place::Parameters, footprint.parameters.0, source);
        worst.list(
            &Names {
                optimizer: ("FP32 partition and its optimizer states", source),
                kept: [
                    ("bucket that gradients are reduced in", THIRD),
                    ("weights too small to be divided", SHARDS),
                ],
                gathered: ("weights gathered for computing", FETCHES),
                arriving: ("all-gather’s output of the next modules", SHARDS),
                reducing: if third {
                    (
                        "reduce-scatter’s input",
                        "DeepSpeed 0.18.2, runtime/comm/coalesced_collectives.py",
                    )
                } else {
                    ("buckets that gradients are reduced in", PARTITIONS)
                },
                gradients: (
                    "gradients of the partition",
                    if third { THIRD } else { PARTITIONS },
                ),
                whole: ("gradients not yet reduced", PARTITIONS),
            },
            &mut lines,
        );
        if footprint.activations.0 > 0 {
            self.walk.list(KEPT, &mut lines);
            lines.settle(Place::Activations, footprint.activations.0, KEPT);
        }
        lines.into()
    }
}

/// DeepSpeed divides a tensor's elements, not its rows.
fn flat(tensor: &Tensor) -> Shape {
    Shape::One(tensor.shape.elements())
}

const fn sharing(ranks: u64, width: u128) -> Sharing {
    Sharing {
        ranks,
        stored: width,
        computed: width,
    }
}
