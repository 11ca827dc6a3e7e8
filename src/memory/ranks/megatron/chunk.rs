//! A pipeline rank's layers: what micro-batches in flight keep, and the moments of one of them.

use super::head;
use super::layer::{Group, Layer, LayerKind};
use super::run::Recompute;
use super::stage::Megatron;
use super::states::Parameters;
use crate::memory::ranks::footprint::{Moment, Peak};
use crate::memory::ranks::pipeline::{Chunk, Work};
use crate::memory::ranks::tensor::{GRANULE, Top};

/// What a layer of one kind costs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// Bytes it keeps, its output included.
    pub saved: u128,
    /// The most its backward pass adds, above a level with everything it keeps but its output, and the gradient of it.
    backward: Top,
    /// The same where that gradient came from another stage.
    received: Top,
    /// The most its forward pass adds, above its input.
    forward: i128,
    pub dense: Parameters,
    pub experts: Parameters,
}

impl Cost {
    /// Of no layer.
    pub const NONE: Self = Self {
        saved: 0,
        backward: Top::NONE,
        received: Top::NONE,
        forward: 0,
        dense: Parameters::NONE,
        experts: Parameters::NONE,
    };

    pub fn of(layer: &Layer) -> Self {
        let (mut dense, mut experts) = (Parameters::default(), Parameters::default());
        layer.parameters(Group::Dense, &mut dense);
        layer.parameters(Group::Experts, &mut experts);
        Self {
            saved: layer.saved_bytes(),
            backward: layer.backward(false).top(),
            received: layer.backward(true).top(),
            forward: layer.forward().top().above,
            dense,
            experts,
        }
    }
}

/// Which layers of a chunk are recomputed whole: its first ones, some together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recomputed {
    /// How many layers.
    pub layers: u64,
    /// How many together, from one kept input.
    pub stretch: u64,
    /// How many such stretches.
    pub steps: u64,
}

/// One step of a chunk's backward pass: a layer, or layers recomputed together.
struct Step {
    kind: LayerKind,
    /// Bytes kept for it between the passes.
    saved: u128,
    /// The most its forward pass adds, above its input.
    forward: i128,
    /// The most its backward pass adds, above everything kept but its output, and the gradient of it.
    backward: Top,
    /// The same where that gradient came from another stage.
    received: Top,
}

impl Megatron<'_> {
    /// Bytes of all micro-batches in flight on a rank.
    pub(super) fn in_flight(&self, work: &Work) -> u128 {
        work.chunks()
            .iter()
            .map(|chunk| u128::from(chunk.in_flight) * self.chunk_saved(chunk))
            .sum()
    }

    /// Bytes that one micro-batch of a chunk keeps between its passes. The last layer's output goes once it is sent,
    /// or stays as the final norm's input.
    fn chunk_saved(&self, chunk: &Chunk) -> u128 {
        let input = if chunk.first {
            self.embedding_saved
        } else {
            self.slice.residual()
        };
        // Freeing an output that was sent leaves a tensor of one element (pipeline_parallel/schedules.py).
        let output = if chunk.last {
            0
        } else {
            self.slice.residual() - GRANULE
        };
        let mut kept = 0;
        self.fold_layers(chunk, &mut |step| {
            kept += step.saved;
            true
        });
        (input + kept).saturating_sub(output)
    }

    /// Walks a chunk's layers, the last first. Layers that are recomputed together are one step. Stops when `each` says
    /// so.
    fn fold_layers(&self, chunk: &Chunk, each: &mut dyn FnMut(&Step) -> bool) {
        let residual = self.slice.residual();
        let end = chunk.start + chunk.layers;
        let Recomputed {
            layers: recomputed,
            stretch,
            ..
        } = self.recomputed(chunk);
        let mut layer = end;
        while layer > chunk.start {
            let place = layer - chunk.start;
            if place > recomputed {
                layer -= 1;
                let cost = self.cost(layer);
                let step = Step {
                    kind: LayerKind::of(&self.slice, layer),
                    saved: cost.saved,
                    forward: cost.forward,
                    backward: cost.backward,
                    received: cost.received,
                };
                if !each(&step) {
                    return;
                }
                continue;
            }
            // A stretch ends at `place`; stretches start at multiples of their length.
            let start = chunk.start + (place - 1) / stretch * stretch;
            let mut inside = 0;
            for one in start..layer {
                inside += self.cost(one).saved;
            }
            let last = self.cost(layer - 1);
            // The recomputed output is held while its backward pass runs; computing it may hold more.
            let again = Top {
                above: inside as i128 - last.saved as i128 + last.forward,
                released: 0,
            };
            // What the recomputed layers gave back was recomputed too.
            let after = |top: Top| Top {
                above: inside as i128 + top.above,
                released: 0,
            };
            let step = Step {
                kind: LayerKind::of(&self.slice, layer - 1),
                saved: residual,
                forward: last.forward.max(residual as i128),
                backward: again.or(after(last.backward)),
                received: again.or(after(last.received)),
            };
            layer = start;
            if !each(&step) {
                return;
            }
        }
    }

    /// Raises `peak` to the largest moment of a micro-batch of this chunk, above `total` with everything in flight.
    pub(super) fn chunk_peak(&self, chunk: &Chunk, total: i128, peak: &mut Peak) {
        let residual = self.slice.residual() as i128;
        let mut level = total;
        let mut waiting = 0;
        // What is kept and has gone by then.
        let mut gone = 0;
        if chunk.last {
            peak.raise(level, self.head_levels.top(), Moment::Head);
            // The gradient of the last layer's output in its place.
            level += self.head_levels.now();
            gone += self.head_levels.released();
            if chunk.first && self.slice.model.tied_embeddings && !self.slice.transformer_engine() {
                // The head's part of a tied matrix's gradient waits for the embedding's.
                waiting = head::dummy(&self.slice).bytes() as i128;
                level += waiting;
            }
        } else {
            level += residual;
        }
        let mut seen = [false; LayerKind::ALL.len()];
        let kinds = self.kinds.iter().flatten().count();
        let every = self.recomputes_some(chunk);
        self.fold_layers(chunk, &mut |step| {
            // The last layer's forward pass ends with its output, which then is sent or goes to the head.
            let first = !seen.contains(&true);
            if first {
                let above = if chunk.last { total } else { level };
                let forward = Top {
                    above: step.forward - step.saved as i128,
                    released: step.saved,
                };
                peak.raise(above, forward, Moment::Layers);
            }
            if let Some(seen) = seen.get_mut(step.kind.index()) {
                *seen = true;
            }
            let backward = if first && !chunk.last {
                step.received
            } else {
                step.backward
            };
            let backward = Top {
                released: gone + backward.released,
                ..backward
            };
            peak.raise(level, backward, Moment::Layers);
            level -= step.saved as i128;
            gone += step.saved;
            every || seen.iter().filter(|seen| **seen).count() < kinds
        });
        if chunk.first {
            // All layers are done; the gradient of the embedding's output stands in place of that output.
            let gone = self.chunk_saved(chunk).saturating_sub(self.embedding_saved);
            let last = Top {
                above: waiting + self.embedding_level - gone as i128,
                released: gone + self.slice.residual(),
            };
            peak.raise(total, last, Moment::Embedding);
        }
    }

    /// Which of a chunk's layers are recomputed whole.
    pub(super) fn recomputed(&self, chunk: &Chunk) -> Recomputed {
        let (layers, stretch) = match self.slice.run.recompute {
            Recompute::Uniform { layers } => (chunk.layers, layers.max(1)),
            Recompute::Block { layers } => (layers.min(chunk.layers), 1),
            Recompute::None | Recompute::Selective => (0, 1),
        };
        Recomputed {
            layers,
            stretch,
            steps: layers.div_ceil(stretch),
        }
    }

    /// Whether some layers of a chunk are recomputed whole: then not only the last of each kind can be the peak.
    fn recomputes_some(&self, chunk: &Chunk) -> bool {
        chunk.layers > 0
            && matches!(
                self.slice.run.recompute,
                Recompute::Uniform { .. } | Recompute::Block { .. }
            )
    }
}
