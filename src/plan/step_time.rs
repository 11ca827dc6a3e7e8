//! How long a training step takes, by cause.

use super::formulas::{bubble, optimizer};
use super::stages::{Stages, suited};
use super::traffic::Group;
use super::{Constants, Layer, Machine, Recomputed, Shape, Software};
use crate::layout::{Layout, Schedule, Sharding};
use crate::model::Architecture;

/// What layouts are judged on: a model, its data, a machine and its software. Times are seconds, sizes bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Task {
    /// The model.
    pub architecture: Architecture,
    /// Tokens of a sequence, s.
    pub sequence: u64,
    /// The machine.
    pub machine: Machine,
    /// The software.
    pub software: Software,
    /// The model's constants.
    pub constants: Constants,
    /// Bytes of an element of the linear layers' operands: 4, 2, 1 (FP8) or 0.5 (FP4).
    pub operand_bytes: f64,
    /// Bytes of an activation: 4 or 2.
    pub element_bytes: f64,
    /// Bytes of a gradient where ranks sum it: 4 or 2.
    pub gradient_bytes: f64,
    /// Whether only adapters train: no weight has a gradient, none is exchanged or stepped.
    pub adapters_only: bool,
    /// Tokens of the busiest rank's experts over the mean: 1 where routing is balanced.
    pub imbalance: f64,
    /// Bytes that the optimizer's step moves for each parameter.
    pub optimizer_bytes: f64,
}

/// What of a step's time depends on the [`Shape`] alone: computed once for all pipelines and data-parallel degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// The shape.
    pub shape: Shape,
    /// A layer on average, with nothing recomputed, with attention's core, with all of it.
    pub layer: [Layer; 3],
    /// Head and loss, in seconds for one micro-batch.
    pub head: f64,
    /// Bytes that one stage hands to the next for one micro-batch.
    pub boundary: f64,
    /// Parameters of one tensor-parallel rank, all stages together, routed experts left out.
    pub dense_parameters: f64,
    /// Parameters of routed experts of one rank of their group, all stages together.
    pub expert_parameters: f64,
}

/// Where a shape is put: pipeline, data-parallel ranks, what they share, and how much is recomputed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Data-parallel degree, n.
    pub data: u64,
    /// Stages, p.
    pub pipeline: u64,
    /// Chunks of layers that each pipeline rank holds, v.
    pub chunks: u64,
    /// The order of the stages' work.
    pub schedule: Schedule,
    /// Micro-batches of each data-parallel rank in a step, m.
    pub micro_batches: u64,
    /// What data-parallel ranks share.
    pub sharding: Sharding,
    /// Ranks that share one set of shards.
    pub shard_group: u64,
    /// Layers of the last chunk, where it has others than an even split gives it.
    pub last: Option<u64>,
    /// What is recomputed in recomputed layers.
    pub recomputed: Recomputed,
    /// Layers of each rank in which it is recomputed; more than a rank has mean all.
    pub recomputed_layers: u64,
}

/// Seconds of a step on the rank that all wait for, by cause; traffic only as far as nothing hides it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepTime {
    /// Kernels of the mean stage, with what is recomputed.
    pub compute: f64,
    /// Waiting for kernels to be launched.
    pub launch: f64,
    /// Tensor-parallel collectives.
    pub tensor: f64,
    /// Context-parallel rings.
    pub context: f64,
    /// All-to-alls of experts.
    pub expert: f64,
    /// Activations handed from stage to stage.
    pub pipeline: f64,
    /// Gradients reduced and parameters gathered over data-parallel ranks.
    pub data: f64,
    /// Waiting for the slowest stage: that with the head, or with more layers than others.
    pub imbalance: f64,
    /// Waiting while the pipeline fills and drains.
    pub bubble: f64,
    /// The optimizer's step.
    pub optimizer: f64,
    /// Waiting for stragglers among many servers.
    pub stragglers: f64,
}

impl StepTime {
    /// Each cause with its name, in the order of a chart.
    #[inline]
    pub const fn causes(&self) -> [(&'static str, f64); 11] {
        [
            ("Compute", self.compute),
            ("Kernel launches", self.launch),
            ("Tensor-parallel traffic", self.tensor),
            ("Context-parallel traffic", self.context),
            ("Expert-parallel traffic", self.expert),
            ("Pipeline traffic", self.pipeline),
            ("Data-parallel traffic", self.data),
            ("Slowest stage", self.imbalance),
            ("Pipeline bubble", self.bubble),
            ("Optimizer", self.optimizer),
            ("Stragglers", self.stragglers),
        ]
    }

    /// Seconds of the whole step.
    #[inline]
    pub fn total(&self) -> f64 {
        self.causes().iter().map(|(_, seconds)| seconds).sum()
    }
}

impl Task {
    /// What depends on the shape alone.
    pub fn costs(&self, shape: Shape) -> Costs {
        self.costs_of(shape, &Parameters::of(&self.architecture))
    }

    /// The same, with the model's parameters at hand.
    pub(super) fn costs_of(&self, shape: Shape, parameters: &Parameters) -> Costs {
        let architecture = &self.architecture;
        let layers = architecture.layers as f64;
        let mut layer = [Layer::default(); 3];
        for (kind, count) in architecture.block_kinds() {
            if count > 0 {
                let of = self.layers(&shape, kind);
                for (sum, one) in layer.iter_mut().zip(of) {
                    *sum = sum.plus(count as f64 / layers, &one);
                }
            }
        }
        let hidden = architecture.hidden as f64;
        let sent = if shape.sequence_parallel || self.software.pipeline_scatter {
            shape.tensor
        } else {
            1
        };
        Costs {
            shape,
            layer,
            head: self.head(&shape),
            boundary: 2.0 * self.element_bytes * self.tokens(&shape) * hidden / sent as f64,
            dense_parameters: parameters.dense / shape.tensor as f64,
            expert_parameters: parameters.routed / (shape.expert * shape.expert_tensor) as f64,
        }
    }

    /// Seconds of a step, by cause.
    pub fn step_time(&self, costs: &Costs, place: &Place) -> StepTime {
        let layers = self.architecture.layers;
        let stages = Stages::of(layers, place.pipeline, place.chunks, place.last);
        self.step_time_on(costs, place, &stages, &self.roads(costs, place))
    }

    /// The same, with the layers of the pipeline's ranks and its roads at hand.
    #[inline]
    pub(super) fn step_time_on(
        &self,
        costs: &Costs,
        place: &Place,
        stages: &Stages,
        roads: &Roads,
    ) -> StepTime {
        let (p, v, m) = (
            place.pipeline as f64,
            place.chunks as f64,
            place.micro_batches as f64,
        );
        // Layers of the mean rank, and how many of them are recomputed.
        let each = self.architecture.layers as f64 / p;
        let plain = &costs.layer[0];
        let (mean, more) = if place.recomputed_layers == 0 {
            (*plain, 0.0)
        } else {
            let again = &costs.layer[place.recomputed as usize];
            let share = (place.recomputed_layers as f64).min(each) / each;
            let mean = Layer::default().plus(1.0 - share, plain).plus(share, again);
            (mean, again.total() - plain.total())
        };
        // One micro-batch on the mean rank and on the slowest.
        let stage = each * mean.total() + costs.head / p;
        let slowest = stages.slowest(
            plain.total(),
            more,
            place.recomputed_layers as f64,
            costs.head,
        );
        let handing = if place.chunks > 1 && self.software.pipeline_overlap {
            // With several chunks a rank works on another meanwhile.
            0.0
        } else {
            v * roads.handing
        };
        let per_stage = m * each;
        let mut time = StepTime {
            compute: per_stage * mean.compute + m * costs.head / p,
            launch: per_stage * mean.launch,
            tensor: per_stage * mean.tensor,
            context: per_stage * mean.context,
            expert: per_stage * mean.expert,
            imbalance: m * (slowest - stage),
            pipeline: m * handing,
            bubble: self.waiting(place, stage, &mean, each),
            ..StepTime::default()
        };
        if !self.adapters_only {
            time.data = self.data_traffic(place, roads, slowest + handing);
            time.optimizer = roads.optimizer[usize::from(place.sharding != Sharding::None)];
        }
        time.stragglers = time.total() * roads.stragglers;
        time
    }

    /// What joins the ranks of one place: all of a step's time that neither chunks nor recomputation nor sharding move.
    pub(super) fn roads(&self, costs: &Costs, place: &Place) -> Roads {
        let (machine, constants, shape) = (&self.machine, &self.constants, &costs.shape);
        let p = place.pipeline as f64;
        let handing = if place.pipeline > 1 {
            let stride = shape.tensor * shape.context * place.data;
            let neighbours = Group { ranks: 2, stride };
            costs.boundary / neighbours.bandwidth(machine, constants)
        } else {
            0.0
        };
        // All ranks that hold the same weights, context-parallel ones too; of routed experts there are fewer.
        let ranks = place.data * shape.context;
        let all = ranks.saturating_mul(shape.tensor);
        let inside = shape.expert * shape.expert_tensor;
        let groups = [
            (costs.dense_parameters / p, ranks, shape.tensor),
            (costs.expert_parameters / p, (all / inside).max(1), inside),
        ];
        let mut roads = Roads {
            handing,
            stragglers: {
                let gpus = all.saturating_mul(place.pipeline);
                let servers = (gpus as f64 / ACCELERATORS_IN_SERVER).max(1.0);
                constants.stragglers * servers.log2()
            },
            exchange: 0.0,
            shared: 0.0,
            copied: 0.0,
            optimizer: [OPTIMIZER_START; 2],
        };
        for (parameters, ranks, stride) in groups {
            if parameters == 0.0 {
                continue;
            }
            let group = Group { ranks, stride };
            let exchange = group.exchange(parameters, machine, constants);
            roads.exchange += exchange;
            let own =
                |shared: f64| optimizer(self.optimizer_bytes, parameters / shared, machine.memory);
            roads.optimizer[0] += own(1.0);
            // Hybrid sharding shares among a part of the ranks and sums gradients over the copies.
            let sharing = ranks.min(place.shard_group.max(1) * shape.context).max(1);
            roads.optimizer[1] += own(sharing as f64);
            if sharing == ranks {
                roads.shared += exchange;
                continue;
            }
            let shards = Group {
                ranks: sharing,
                stride,
            };
            roads.shared += shards.exchange(parameters, machine, constants);
            let copies = Group {
                ranks: (ranks / sharing).max(1),
                stride: stride.saturating_mul(sharing),
            };
            roads.copied += copies.exchange(parameters / sharing as f64, machine, constants);
        }
        roads
    }

    /// The place with its last chunk as suits the head: where layers do not divide evenly, launchers are told.
    pub fn suited(&self, costs: &Costs, place: Place) -> Place {
        let (layer, head) = (costs.layer[0].total(), costs.head);
        let layers = self.architecture.layers;
        Place {
            last: suited(layers, place.pipeline, place.chunks, layer, head),
            ..place
        }
    }

    /// Seconds of the pipeline's bubble, `stage` being the mean rank's for one micro-batch.
    #[inline]
    fn waiting(&self, place: &Place, stage: f64, layer: &Layer, layers: f64) -> f64 {
        let (p, v) = (place.pipeline as f64, place.chunks as f64);
        if place.pipeline <= 1 {
            return 0.0;
        }
        let (forward, weight) = (layers * layer.forward, layers * layer.weight);
        match place.schedule {
            Schedule::OneForwardOneBackward | Schedule::GPipe => bubble(p, v, stage),
            // Qi et al. 2023, arXiv:2401.10241, table 2: (p − 1)(F + B − W), B without W; and less W once more.
            Schedule::ZeroBubble1p => bubble(p, 1.0, (stage - 2.0 * weight).max(0.0)),
            Schedule::ZeroBubble2p => bubble(p, 1.0, (stage - 3.0 * weight).max(0.0)),
            // Qi et al. 2024, arXiv:2405.15362, table 1: none where F, B and W take as long; else their differences.
            Schedule::ZeroBubbleV => bubble(p, 1.0, (stage - 3.0 * weight.min(forward)).max(0.0)),
            // The same, its authors' table: p/2m and 2p/3m of the step where F, B and W take as long.
            Schedule::VHalf => bubble(p, 2.0, stage),
            Schedule::VMin => bubble(p, 1.5, stage),
            // DeepSeek-AI 2024, arXiv:2412.19437, table 2: (p/2 − 1)(F&B + B − 3W), F&B both at once, B with W.
            Schedule::DualPipe | Schedule::DualPipeV => {
                let both = stage + (stage - forward) - 3.0 * weight;
                (p / 2.0 - 1.0).max(0.0) * both.max(0.0)
            }
        }
    }

    /// Exposed seconds of data-parallel traffic: what compute does not hide, of a micro-batch at either end of the step
    /// or, where every micro-batch gathers, of each. `busy` is a micro-batch's time on the slowest rank.
    #[inline]
    fn data_traffic(&self, place: &Place, roads: &Roads, busy: f64) -> f64 {
        let hidden = if self.software.data_overlap {
            self.constants.data_overlap * busy
        } else {
            0.0
        };
        let m = place.micro_batches as f64;
        let (gradients, weights) = (self.gradient_bytes, self.element_bytes);
        let once = |seconds: f64| (seconds - hidden).max(0.0);
        // Of traffic in every micro-batch a part is never hidden: the first gather and the last reduction.
        let each = |seconds: f64| m * once(seconds).max(AT_THE_ENDS * seconds);
        match place.sharding {
            Sharding::None => once(2.0 * gradients * roads.exchange),
            Sharding::Zero1 | Sharding::Distributed => once((gradients + weights) * roads.exchange),
            Sharding::Zero2 => each((gradients + weights) * roads.exchange),
            Sharding::Zero3 | Sharding::Fsdp1 | Sharding::Fsdp2 => {
                each((gradients + 2.0 * weights) * roads.shared)
                    + once(2.0 * gradients * roads.copied)
            }
        }
    }
}

/// Seconds that neither a pipeline's chunks nor what is recomputed or shared change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Roads {
    /// One micro-batch's activations handed on and their gradients back, by one chunk.
    handing: f64,
    /// Slow-down by stragglers, as a share.
    stragglers: f64,
    /// Gathering or reducing a byte of every parameter, over all ranks that hold it.
    exchange: f64,
    /// The same over the ranks that share one set of shards.
    shared: f64,
    /// The same over the copies of one shard.
    copied: f64,
    /// The optimizer's step on all of a rank's parameters, and on its share.
    optimizer: [f64; 2],
}

/// Accelerators of a server, as stragglers are counted.
const ACCELERATORS_IN_SERVER: f64 = 8.0;

/// Share of what every micro-batch exchanges that nothing hides: its first and last blocks'.
const AT_THE_ENDS: f64 = 0.125;

/// Seconds of an optimizer's step that do not depend on its size: launches, the norm of all gradients.
const OPTIMIZER_START: f64 = 2e-3;

/// A model's parameters, as ranks divide them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Parameters {
    /// All but routed experts.
    dense: f64,
    /// Of routed experts.
    routed: f64,
}

impl Parameters {
    pub fn of(architecture: &Architecture) -> Self {
        let routed = architecture.experts.map_or(0, |experts| {
            let matrices = if architecture.feed_forward.gated {
                3
            } else {
                2
            };
            let layers = experts.layers.count_below(architecture.layers);
            layers * experts.count * matrices * architecture.hidden * experts.size
        });
        Self {
            dense: architecture.parameters().saturating_sub(routed) as f64,
            routed: routed as f64,
        }
    }
}

impl Place {
    /// Where a layout puts its shape, `micro_batches` a step, nothing recomputed.
    pub const fn of(layout: &Layout, micro_batches: u64) -> Self {
        Self {
            data: layout.data,
            pipeline: layout.pipeline,
            chunks: layout.chunks,
            schedule: layout.schedule,
            micro_batches,
            sharding: layout.sharding,
            shard_group: layout.shard_group,
            last: None,
            recomputed: Recomputed::Nothing,
            recomputed_layers: 0,
        }
    }
}

impl Shape {
    /// The shape of a layout's micro-batches.
    pub const fn of(layout: &Layout, micro_batch: u64) -> Self {
        Self {
            micro_batch,
            tensor: layout.tensor,
            sequence_parallel: layout.sequence_parallel,
            context: layout.context,
            expert: layout.expert,
            expert_tensor: layout.expert_tensor,
        }
    }
}

/// How long a step of this layout takes.
pub fn step_time(task: &Task, shape: Shape, place: &Place) -> StepTime {
    task.step_time(&task.costs(shape), place)
}
