//! What the fullest rank of a pipeline holds, as fast as a search needs it.
//!
//! The same tensors as [`memory::ranks::megatron`](crate::memory::ranks::megatron) counts one by one, summed once for a
//! [`Shape`](super::Shape): a rank is then a few multiplications. It leaves out what is small: alignment of buffers, and
//! that chunks of a rank differ by a layer. Sharded gradients and weights are held as FSDP2 holds them.

use super::Recomputed;
use super::stages::rank_layers;
use crate::layout::{Schedule, Sharding};
use crate::memory::ranks::megatron::{LayerShape, RankShape};
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
}

/// What of a place memory depends on beside the rank.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub stages: u64,
    pub chunks: u64,
    pub schedule: Schedule,
    pub micro_batches: u64,
    /// Bytes of a dense and of a routed parameter's states, sharded; beside them the same of the optimizer's step.
    pub dense: f64,
    pub routed: f64,
    pub dense_step: f64,
    pub routed_step: f64,
    /// Bytes that gathered weights and gradients not yet reduced take, for each parameter of one layer and of the ends.
    pub layer_gathered: f64,
    pub ends_gathered: f64,
}

impl Held {
    /// Of states shared over `ranks` and routed ones over `expert_ranks`, or over `group` of them.
    pub fn states(
        &mut self,
        states: &StateBytes,
        sharding: Sharding,
        ranks: f64,
        expert_ranks: f64,
        group: f64,
    ) {
        let StateBytes {
            weight,
            gradient,
            optimizer,
            step,
        } = *states;
        let sum = |ranks: f64| {
            let n = ranks.min(group).max(1.0);
            match sharding {
                Sharding::None => (weight + gradient + optimizer, step),
                Sharding::Zero1 | Sharding::Distributed => {
                    (weight + gradient + optimizer / n, step / n)
                }
                Sharding::Zero2 => (weight + (gradient + optimizer) / n, step / n),
                Sharding::Zero3 | Sharding::Fsdp1 | Sharding::Fsdp2 => {
                    ((weight + gradient + optimizer) / n, step / n)
                }
            }
        };
        (self.dense, self.dense_step) = sum(ranks);
        (self.routed, self.routed_step) = sum(expert_ranks);
        (self.layer_gathered, self.ends_gathered) = match sharding {
            Sharding::None | Sharding::Zero1 | Sharding::Distributed => (0.0, 0.0),
            Sharding::Zero2 => (gradient, gradient),
            // A block gathered twice over while the next is fetched, its gradient and the reduction's input; the root
            // stays gathered with its gradient to the end of the backward pass.
            Sharding::Zero3 | Sharding::Fsdp1 | Sharding::Fsdp2 => {
                (3.0 * weight + gradient, 2.0 * weight + gradient)
            }
        };
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
    let layers = architecture.layers;
    let with_experts = |from: u64, count: u64| match &architecture.experts {
        Some(experts) => {
            experts.layers.count_below(from + count) - experts.layers.count_below(from)
        }
        None => 0,
    };
    let mut kept: Vec<Rank> = Vec::new();
    for index in 0..stages {
        let split = crate::memory::ranks::pipeline::Split { first: None, last };
        let experts = (0..chunks)
            .map(|chunk| {
                let (start, count) = crate::memory::ranks::pipeline::layers_of(
                    layers,
                    stages * chunks,
                    split,
                    index + chunk * stages,
                );
                with_experts(start, count)
            })
            .sum();
        let rank = Rank {
            index,
            layers: rank_layers(layers, stages, chunks, last, index),
            experts,
            first: index == 0,
            last: index + 1 == stages,
        };
        let plain = |rank: &Rank| rank.layers - rank.experts;
        let covers = |other: &Rank| other.experts >= rank.experts && plain(other) >= plain(&rank);
        let dominated = !rank.last && kept.iter().any(covers);
        if !dominated {
            kept.push(rank);
        }
    }
    kept
}

/// Bytes of a rank's largest moment, with `recomputed` layers of it recomputed whole, or all of its attention's cores.
pub(super) fn peak(
    shape: &RankShape,
    rank: &Rank,
    held: &Held,
    recomputed: Recomputed,
    recomputed_layers: u64,
) -> f64 {
    let on = Load::new(shape, rank, held, recomputed == Recomputed::Attention);
    let again = match recomputed {
        Recomputed::Layer => recomputed_layers.min(rank.layers),
        Recomputed::Nothing | Recomputed::Attention => 0,
    };
    on.peak(again as f64)
}

/// Layers of each rank that have to be recomputed whole for this rank to fit into `capacity`, in steps of one for each
/// chunk; none where it does not fit even so.
///
/// What stands between the passes falls by the same with each layer recomputed, so the least number follows by a
/// division; but the moment in which a layer is recomputed holds it whole, so that it may take a few more.
pub(super) fn least_recomputed(
    shape: &RankShape,
    rank: &Rank,
    held: &Held,
    capacity: f64,
) -> Option<u64> {
    let on = Load::new(shape, rank, held, false);
    let none = on.peak(0.0);
    if none <= capacity {
        return Some(0);
    }
    let saves = on.in_flight * (on.saved - shape.residual);
    let chunks = held.chunks;
    let all = rank.layers.div_ceil(chunks) * chunks;
    let least = ((none - capacity) / saves).ceil().max(1.0);
    // Where a layer saves nothing, `least` is infinite or no number.
    if !least.is_finite() || least > all as f64 {
        return None;
    }
    let mut layers = (least as u64).div_ceil(chunks) * chunks;
    while layers <= all {
        if on.peak((layers as f64).min(on.layers)) <= capacity {
            return Some(layers);
        }
        layers += chunks;
    }
    None
}

/// A rank's bytes, as far as they do not depend on what is recomputed.
struct Load<'a> {
    shape: &'a RankShape,
    rank: &'a Rank,
    layers: f64,
    /// Bytes that a mean layer keeps.
    saved: f64,
    /// Micro-batches of the whole rank in flight; a chunk counts its share.
    in_flight: f64,
    /// States, buffers, gathered weights.
    constant: f64,
    /// What the optimizer's step adds.
    step: f64,
    /// Micro-batches of its first chunk in flight keep the embedding's output.
    ends: f64,
    per_chunk: f64,
    backward: f64,
    forward: f64,
}

impl<'a> Load<'a> {
    fn new(shape: &'a RankShape, rank: &'a Rank, held: &Held, selective: bool) -> Self {
        let (layers, experts) = (rank.layers as f64, rank.experts as f64);
        let plain = layers - experts;
        let mean = |of: fn(&LayerShape) -> f64| {
            if layers > 0.0 {
                (plain * of(&shape.plain) + experts * of(&shape.experts)) / layers
            } else {
                0.0
            }
        };
        let saved = mean(if selective {
            |layer| layer.saved_selective
        } else {
            |layer| layer.saved
        });
        let head = if rank.last {
            shape.head[usize::from(rank.first)]
        } else {
            0.0
        };
        let ends = if rank.first { shape.embedding } else { 0.0 } + head;
        let dense = plain * shape.plain.dense + experts * shape.experts.dense + ends;
        let routed = experts * shape.experts.routed;
        let chunks = held.chunks as f64;
        let in_flight = in_flight(held, rank.index);
        let largest = if experts > 0.0 {
            &shape.experts
        } else {
            &shape.plain
        };
        let block = largest.dense + largest.routed;
        let mut buffers = shape.buffers;
        if plain > 0.0 {
            buffers += shape.plain.dummies;
        }
        if experts > 0.0 {
            buffers += shape.expert_buffers + shape.experts.dummies;
        }
        if rank.last {
            buffers += shape.head_buffers;
        }
        if held.stages > 1 && (!rank.first || chunks > 1.0) {
            // The gradient last sent is held until the next has come.
            buffers += shape.residual;
        }
        Self {
            shape,
            rank,
            layers,
            saved,
            in_flight,
            constant: dense * held.dense
                + routed * held.routed
                + buffers
                + block * held.layer_gathered
                + ends * held.ends_gathered,
            step: dense * held.dense_step + routed * held.routed_step,
            ends: if rank.first {
                in_flight * shape.embedding_saved
            } else {
                in_flight * shape.residual
            },
            per_chunk: layers / chunks,
            backward: shape.plain.backward.max(shape.experts.backward),
            forward: shape.plain.forward.max(shape.experts.forward),
        }
    }

    /// The largest moment with so many of its layers recomputed.
    fn peak(&self, recomputed: f64) -> f64 {
        let shape = self.shape;
        let kept = self.layers - recomputed;
        // A chunk's input and what its layers keep; its output goes once it is sent, and stays for the final norm.
        let layers = kept * self.saved + recomputed * shape.residual;
        let sent = if self.rank.last { 0.0 } else { shape.residual };
        let activations = self.in_flight * (layers - sent).max(0.0) + self.ends;
        let total = self.constant + activations;
        let (mut level, mut most) = (total, self.constant + self.step);
        if self.rank.last {
            most = most.max(level + shape.head_most);
            level += shape.head_now;
        } else {
            level += shape.residual;
        }
        let recomputed_here = self.per_chunk * recomputed / self.layers.max(1.0);
        let kept_here = self.per_chunk - recomputed_here;
        if kept_here > 0.0 {
            most = most.max(level + self.backward);
        }
        if recomputed > 0.0 {
            let below = level - kept_here * self.saved;
            most = most
                .max(below + self.saved + self.backward)
                .max(below + self.forward);
        }
        if self.rank.first {
            let one = kept_here * self.saved + recomputed_here * shape.residual;
            most = most.max(total - one + shape.embedding_backward);
        }
        most
    }
}

/// Micro-batches of a rank's layers in flight at its worst moment, counted as
/// [`pipeline::work`](crate::memory::ranks::pipeline::work) does; of interleaved chunks, their share of the rank.
fn in_flight(held: &Held, index: u64) -> f64 {
    let (p, v, m) = (held.stages, held.chunks, held.micro_batches);
    let behind = p - index;
    match held.schedule {
        Schedule::OneForwardOneBackward if v == 1 => behind.min(m) as f64,
        Schedule::OneForwardOneBackward => {
            ((v - 1) * p + 2 * (behind - 1) + 1).min(m * v) as f64 / v as f64
        }
        Schedule::GPipe => m as f64,
        Schedule::ZeroBubble1p => behind.min(m) as f64,
        Schedule::ZeroBubble2p => (2 * behind).min(m) as f64,
        Schedule::ZeroBubbleV => p.min(m) as f64,
        Schedule::DualPipe => (p + 1).min(2 * m) as f64 / 2.0,
        Schedule::DualPipeV => (2 * p + 1).min(2 * m) as f64 / 2.0,
    }
}
