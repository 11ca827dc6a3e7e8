//! What the fullest rank of a pipeline holds, as fast as a search needs it.
//!
//! The same tensors as [`memory::ranks::megatron`](crate::memory::ranks::megatron) counts one by one, summed once for a
//! [`Shape`](super::Shape): a rank is then a few multiplications. It leaves out what is small: alignment of buffers, and
//! that chunks of a rank differ by a layer. Sharded gradients and weights are held as FSDP2 holds them.

use super::{Place, Recomputed, Shape};
use crate::layout::{Layout, Schedule, Sharding};
use crate::memory::ranks::megatron::{RankShape, Run};
use crate::memory::ranks::pipeline::{Chunk, Split, layers_of, work};
use crate::model::Architecture;

/// Bytes of the states of one parameter on the ranks that hold it, before any sharding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StateBytes {
    /// The weight that computes: 2, or 4 in FP32.
    pub weight: f64,
    /// Its gradient as it is accumulated.
    pub gradient: f64,
    /// What the optimizer keeps, a master copy included: 12 for AdamW.
    pub optimizer: f64,
    /// What the optimizer's step adds: 4 where it casts 16-bit gradients.
    pub step: f64,
}

impl StateBytes {
    /// BF16 weights, gradients accumulated in FP32, AdamW with an FP32 master copy.
    pub const MAIN_GRADIENTS: Self = Self {
        weight: 2.0,
        gradient: 4.0,
        optimizer: 12.0,
        step: 0.0,
    };

    /// All of a parameter, where one rank holds everything.
    pub const fn all(&self) -> f64 {
        self.weight + self.gradient + self.optimizer
    }
}

/// Bytes of the largest moment of the fullest rank of a place, a model being run as `run` says.
pub fn fullest_rank(
    architecture: &Architecture,
    run: &Run,
    states: &StateBytes,
    shape: &Shape,
    place: &Place,
) -> f64 {
    let rank_shape = rank_shape(architecture, run, shape);
    let flow = Flow {
        stages: place.pipeline,
        chunks: place.chunks,
        schedule: place.schedule,
        micro_batches: place.micro_batches,
    };
    let shares = Shares::of(states, place.sharding, shape, place.data);
    ranks(architecture, place.pipeline, place.chunks, place.last)
        .map(|rank| {
            let load = Load::new(&rank_shape, &rank, &flow);
            let loaded = load.with(&shares);
            loaded.peak(&rank_shape, place.recomputed, place.recomputed_layers)
        })
        .fold(0.0, f64::max)
}

/// What all places of a shape share.
pub(super) fn rank_shape(architecture: &Architecture, run: &Run, shape: &Shape) -> RankShape {
    let layout = Layout {
        tensor: shape.tensor,
        sequence_parallel: shape.sequence_parallel,
        context: shape.context,
        expert: shape.expert,
        expert_tensor: shape.expert_tensor,
        ..Layout::ONE_GPU
    };
    let run = Run {
        micro_batch: shape.micro_batch,
        ..*run
    };
    RankShape::new(architecture, &layout, &run)
}

/// A pipeline rank as its memory depends on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rank {
    /// Its number, from 0.
    pub index: u64,
    /// Its layers, all chunks together.
    pub layers: u64,
    /// Those of them with experts.
    pub experts: u64,
    /// Whether it has the embedding.
    pub first: bool,
    /// Whether it has the head.
    pub last: bool,
    /// What is in flight where it has several chunks: with as many micro-batches as stages, and with more.
    pub flights: [Flight; 2],
}

/// Micro-batches in flight, each chunk's counted by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Flight {
    /// Of all layers together, and of those with experts.
    layers: f64,
    experts: f64,
    /// Of all chunks together, of the first and of the last.
    chunks: f64,
    first: f64,
    last: f64,
}

impl Flight {
    /// Of a rank of one chunk with so many micro-batches in flight.
    #[inline]
    fn whole(rank: &Rank, micro_batches: f64) -> Self {
        Self {
            layers: rank.layers as f64 * micro_batches,
            experts: rank.experts as f64 * micro_batches,
            chunks: micro_batches,
            first: micro_batches,
            last: micro_batches,
        }
    }

    /// Of an interleaved rank.
    fn interleaved(
        architecture: &Architecture,
        layout: &Layout,
        split: Split,
        micro_batches: u64,
        rank: u64,
    ) -> Self {
        let work = work(architecture.layers, layout, split, micro_batches, rank);
        let mut flight = Self::default();
        for chunk in work.chunks() {
            let count = chunk.in_flight as f64;
            let experts = experts_among(architecture, chunk.start, chunk.layers);
            flight.layers += count * chunk.layers as f64;
            flight.experts += count * experts as f64;
            flight.chunks += count;
        }
        let count = |chunk: Option<&Chunk>| chunk.map_or(0.0, |chunk| chunk.in_flight as f64);
        flight.first = count(work.chunks().first());
        flight.last = count(work.chunks().last());
        flight
    }
}

/// What of a pipeline memory depends on beside the rank.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    pub stages: u64,
    pub chunks: u64,
    pub schedule: Schedule,
    pub micro_batches: u64,
}

/// Bytes of one parameter's states on one rank, shared as a place shares them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares {
    /// Of a dense and of a routed parameter; then what the optimizer's step adds.
    dense: f64,
    routed: f64,
    dense_step: f64,
    routed_step: f64,
    /// What gathered weights and gradients not yet reduced take, for each parameter of one layer and of the ends.
    layer_gathered: f64,
    ends_gathered: f64,
}

impl Shares {
    /// Of a shape on `data` data-parallel ranks: all that hold the same weights share, context-parallel ones too, and of
    /// routed experts there are fewer.
    #[inline]
    pub fn of(states: &StateBytes, sharding: Sharding, shape: &Shape, data: u64) -> Self {
        let ranks = data * shape.context;
        let experts = (ranks * shape.tensor / (shape.expert * shape.expert_tensor)).max(1);
        let (ranks, expert_ranks) = (ranks as f64, experts as f64);
        let StateBytes {
            weight,
            gradient,
            optimizer,
            step,
        } = *states;
        let sum = |n: f64| match sharding {
            Sharding::None => (weight + gradient + optimizer, step),
            Sharding::Zero1 | Sharding::Distributed => {
                (weight + gradient + optimizer / n, step / n)
            }
            Sharding::Zero2 => (weight + (gradient + optimizer) / n, step / n),
            Sharding::Zero3 | Sharding::Fsdp1 | Sharding::Fsdp2 => {
                ((weight + gradient + optimizer) / n, step / n)
            }
        };
        let (dense, dense_step) = sum(ranks);
        let (routed, routed_step) = sum(expert_ranks);
        let (layer_gathered, ends_gathered) = match sharding {
            Sharding::None | Sharding::Zero1 | Sharding::Distributed => (0.0, 0.0),
            Sharding::Zero2 => (gradient, gradient),
            // A block gathered twice over while the next is fetched, its gradient and the reduction's input; the root
            // stays gathered with its gradient to the end of the backward pass.
            Sharding::Zero3 | Sharding::Fsdp1 | Sharding::Fsdp2 => {
                (3.0 * weight + gradient, 2.0 * weight + gradient)
            }
        };
        Self {
            dense,
            routed,
            dense_step,
            routed_step,
            layer_gathered,
            ends_gathered,
        }
    }
}

/// The ranks of a pipeline of which one is the fullest whatever else: no other has at least as many layers of each kind
/// and is at least as early.
pub(super) fn candidates(
    architecture: &Architecture,
    stages: u64,
    chunks: u64,
    last: Option<u64>,
) -> Vec<Rank> {
    let mut kept: Vec<Rank> = Vec::new();
    for rank in ranks(architecture, stages, chunks, last) {
        let plain = |rank: &Rank| rank.layers - rank.experts;
        let covers = |other: &Rank| other.experts >= rank.experts && plain(other) >= plain(&rank);
        let dominated = !rank.last && kept.iter().any(covers);
        if !dominated {
            kept.push(rank);
        }
    }
    kept
}

/// The ranks of a pipeline.
pub(super) fn ranks(
    architecture: &Architecture,
    stages: u64,
    chunks: u64,
    last: Option<u64>,
) -> impl Iterator<Item = Rank> + '_ {
    let layers = architecture.layers;
    let split = Split { first: None, last };
    let layout = Layout {
        pipeline: stages,
        chunks,
        ..Layout::ONE_GPU
    };
    (0..stages).map(move |index| {
        let (mut own, mut experts) = (0, 0);
        for chunk in 0..chunks {
            let place = index + chunk * stages;
            let (start, count) = layers_of(layers, stages * chunks, split, place);
            own += count;
            experts += experts_among(architecture, start, count);
        }
        Rank {
            index,
            layers: own,
            experts,
            first: index == 0,
            last: index + 1 == stages,
            flights: [stages, u64::MAX / chunks].map(|micro_batches| {
                if chunks > 1 {
                    Flight::interleaved(architecture, &layout, split, micro_batches, index)
                } else {
                    Flight::default()
                }
            }),
        }
    })
}

/// Of so many layers from one on, those with experts.
fn experts_among(architecture: &Architecture, start: u64, count: u64) -> u64 {
    architecture.experts.map_or(0, |experts| {
        experts.layers.count_below(start + count) - experts.layers.count_below(start)
    })
}

/// A rank's bytes, as far as they depend neither on what is shared nor on what is recomputed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    first: bool,
    last: bool,
    layers: f64,
    chunks: u64,
    per_chunk: f64,
    /// Micro-batches in flight of all its layers.
    in_flight: f64,
    /// Bytes that a mean layer keeps; that it keeps where attention's core is recomputed.
    saved: f64,
    saved_selective: f64,
    /// Bytes of inputs of micro-batches in flight, less those of outputs, which go once they are sent.
    inputs: f64,
    /// Parameters: dense ones, routed ones, of the largest layer, of the ends.
    dense: f64,
    routed: f64,
    block: f64,
    ends: f64,
    /// Bytes that live for ever beside states.
    buffers: f64,
}

impl Load {
    #[inline]
    pub fn new(shape: &RankShape, rank: &Rank, flow: &Flow) -> Self {
        let (layers, experts) = (rank.layers as f64, rank.experts as f64);
        let plain = layers - experts;
        let flight = match flow.schedule {
            Schedule::OneForwardOneBackward if flow.chunks > 1 => {
                rank.flights[usize::from(flow.micro_batches > flow.stages)]
            }
            _ => Flight::whole(rank, in_flight(flow, rank.index)),
        };
        let over = if flight.layers > 0.0 {
            1.0 / flight.layers
        } else {
            0.0
        };
        let mean = |plainly: f64, with_experts: f64| {
            ((flight.layers - flight.experts) * plainly + flight.experts * with_experts) * over
        };
        let first = if rank.first { flight.first } else { 0.0 };
        let stays = if rank.last { flight.last } else { 0.0 };
        let head = if rank.last {
            shape.head[usize::from(rank.first)]
        } else {
            0.0
        };
        let ends = if rank.first { shape.embedding } else { 0.0 } + head;
        let largest = if rank.experts > 0 {
            &shape.experts
        } else {
            &shape.plain
        };
        let mut buffers = shape.buffers;
        if rank.layers > rank.experts {
            buffers += shape.plain.dummies;
        }
        if rank.experts > 0 {
            buffers += shape.expert_buffers + shape.experts.dummies;
        }
        if rank.last {
            buffers += shape.head_buffers;
        }
        if flow.stages > 1 && (!rank.first || flow.chunks > 1) {
            // The gradient last sent is held until the next has come.
            buffers += shape.residual;
        }
        Self {
            first: rank.first,
            last: rank.last,
            layers,
            chunks: flow.chunks,
            per_chunk: layers / flow.chunks as f64,
            in_flight: flight.layers,
            saved: mean(shape.plain.saved, shape.experts.saved),
            saved_selective: mean(shape.plain.saved_selective, shape.experts.saved_selective),
            inputs: first * shape.embedding_saved + (flight.chunks - first) * shape.residual
                - (flight.chunks - stays) * shape.residual,
            dense: plain * shape.plain.dense + experts * shape.experts.dense + ends,
            routed: experts * shape.experts.routed,
            block: largest.dense + largest.routed,
            ends,
            buffers,
        }
    }

    /// With its states shared.
    #[inline]
    pub fn with(&self, shares: &Shares) -> Loaded<'_> {
        Loaded {
            load: self,
            constant: self.dense * shares.dense
                + self.routed * shares.routed
                + self.block * shares.layer_gathered
                + self.ends * shares.ends_gathered
                + self.buffers,
            step: self.dense * shares.dense_step + self.routed * shares.routed_step,
        }
    }
}

/// A rank's bytes with its states.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loaded<'a> {
    load: &'a Load,
    /// States, buffers, gathered weights.
    constant: f64,
    /// What the optimizer's step adds.
    step: f64,
}

impl Loaded<'_> {
    /// Bytes that stay through a step, whatever is recomputed: states, buffers, gathered weights.
    #[inline]
    pub const fn constant(&self) -> f64 {
        self.constant
    }

    /// Bytes of its largest moment, with `layers` of it recomputed whole, or all of its attention's cores.
    #[inline]
    pub fn peak(&self, shape: &RankShape, recomputed: Recomputed, layers: u64) -> f64 {
        let saved = if recomputed == Recomputed::Attention {
            self.load.saved_selective
        } else {
            self.load.saved
        };
        let again = match recomputed {
            Recomputed::Layer => (layers as f64).min(self.load.layers),
            Recomputed::Nothing | Recomputed::Attention => 0.0,
        };
        self.largest(shape, saved, again)
    }

    /// Layers of each rank that have to be recomputed whole for this rank to fit into `capacity`, in steps of one for
    /// each chunk; none where it does not fit even so.
    ///
    /// What stands between the passes falls by the same with each layer recomputed, so the least number follows by a
    /// division; but the moment in which a layer is recomputed holds it whole, so that it may take a few more.
    #[inline]
    pub fn least_recomputed(&self, shape: &RankShape, capacity: f64) -> Option<u64> {
        let load = self.load;
        let none = self.largest(shape, load.saved, 0.0);
        if none <= capacity {
            return Some(0);
        }
        let saves = load.in_flight / load.layers * (load.saved - shape.residual);
        let chunks = load.chunks as f64;
        let least = ((none - capacity) / (saves * chunks)).ceil().max(1.0);
        // Where a layer saves nothing, `least` is infinite or no number.
        if !least.is_finite() {
            return None;
        }
        let mut layers = least * chunks;
        while layers < load.layers + chunks {
            if self.largest(shape, load.saved, layers.min(load.layers)) <= capacity {
                return Some(layers as u64);
            }
            layers += chunks;
        }
        None
    }

    #[inline]
    fn largest(&self, shape: &RankShape, saved: f64, recomputed: f64) -> f64 {
        let load = self.load;
        let share = if recomputed > 0.0 {
            recomputed / load.layers
        } else {
            0.0
        };
        // What layers keep, a recomputed one its input alone.
        let layer = saved + share * (shape.residual - saved);
        let activations = load.in_flight * layer + load.inputs;
        let total = self.constant + activations;
        let (mut level, mut most) = (total, self.constant + self.step);
        if load.last {
            most = most.max(level + shape.head_most);
            level += shape.head_now;
        } else {
            level += shape.residual;
        }
        let backward = shape.backward;
        let (mut kept_here, mut again_here) = (load.per_chunk, 0.0);
        if recomputed > 0.0 {
            again_here = load.per_chunk * share;
            kept_here -= again_here;
            let below = level - kept_here * saved;
            most = most.max(below + (saved + backward).max(shape.forward));
        }
        if share < 1.0 {
            most = most.max(level + backward);
        }
        if load.first {
            let one = kept_here * saved + again_here * shape.residual;
            most = most.max(total - one + shape.embedding_backward);
        }
        most
    }
}

/// Micro-batches of a rank's layers in flight at its worst moment, counted as
/// [`pipeline::work`](crate::memory::ranks::pipeline::work) does where a rank has one chunk, or two of which one is
/// another stage's.
#[inline]
fn in_flight(flow: &Flow, index: u64) -> f64 {
    let (p, m) = (flow.stages, flow.micro_batches);
    let behind = p - index;
    match flow.schedule {
        Schedule::OneForwardOneBackward => behind.min(m) as f64,
        Schedule::GPipe => m as f64,
        Schedule::ZeroBubble1p | Schedule::ZeroBubbleV => p.min(m) as f64,
        Schedule::ZeroBubble2p => (2 * p).min(m) as f64,
        Schedule::VHalf => ((p + 2) / 2).min(m) as f64,
        Schedule::VMin => ((p + 4) / 3).min(m) as f64,
        Schedule::DualPipe => (p + 1).min(2 * m) as f64 / 2.0,
        Schedule::DualPipeV => (2 * p + 1).min(2 * m) as f64 / 2.0,
    }
}
