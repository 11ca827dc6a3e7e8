//! One pipeline rank of a Megatron-core run: its states, what is in flight, its peak.

use super::head;
use super::layer::{Group, Layer, LayerKind};
use super::linear::Dummy;
use super::run::{GROUPED_STREAMS, Recompute, Run};
use super::slice::Slice;
use super::states::{self, Parameters, Reversed, Share, States};
use crate::layout::Layout;
use crate::memory::ranks::footprint::{Moment, Peak, StageFootprint};
use crate::memory::ranks::pipeline::{self, Chunk, Split, Work};
use crate::memory::ranks::tensor::{GRANULE, Level, Sum, rounded};
use crate::model::Architecture;
use crate::units::Bytes;

/// The most shapes that dummy gradients of one rank have.
const DUMMIES: usize = 24;

/// What a layer of one kind costs.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    /// Bytes it keeps, its output included.
    saved: u128,
    /// The most its backward pass adds, above a level with everything it keeps but its output, and the gradient of it.
    backward: i128,
    /// The same where that gradient came from another stage.
    received: i128,
    /// The most its forward pass adds, above its input.
    forward: i128,
    dense: Parameters,
    experts: Parameters,
}

/// Everything about a Megatron-core run that all its stages share: layers' costs, computed once.
///
/// A stage is then a few multiplications ([`Megatron::stage`]); nothing here allocates.
#[derive(Clone, Copy, Debug)]
pub struct Megatron<'a> {
    slice: Slice<'a>,
    layout: &'a Layout,
    split: Split,
    kinds: [Option<Cost>; LayerKind::ALL.len()],
    embedding: Parameters,
    head: Parameters,
    tied_head: Parameters,
    embedding_saved: u128,
    head_levels: Level,
    embedding_level: i128,
    inputs: u128,
    table: u128,
    scores_buffer: u128,
}

impl<'a> Megatron<'a> {
    /// Of `model` under `layout`, run as `run` says.
    pub fn new(model: &'a Architecture, layout: &'a Layout, run: &'a Run, split: Split) -> Self {
        let slice = Slice::new(model, layout, run);
        let mut kinds = [None; LayerKind::ALL.len()];
        for kind in LayerKind::ALL {
            if has_kind(model, kind) {
                if let Some(cost) = kinds.get_mut(kind.index()) {
                    *cost = Some(Cost::of(&Layer::new(slice, kind)));
                }
            }
        }
        let parameters = |of: &dyn Fn(&mut Parameters)| {
            let mut sum = Parameters::default();
            of(&mut sum);
            sum
        };
        let bytes = |of: &dyn Fn(&mut Sum)| {
            let mut sum = Sum::default();
            of(&mut sum);
            sum.0
        };
        let scores = match model.attention.latent {
            Some(_) => 0,
            None => super::attention::Attention::new(slice, false).scores_buffer(),
        };
        Self {
            slice,
            layout,
            split,
            kinds,
            embedding: parameters(&|sum| head::embedding_parameters(&slice, sum)),
            head: parameters(&|sum| head::head_parameters(&slice, false, sum)),
            tied_head: parameters(&|sum| head::head_parameters(&slice, true, sum)),
            embedding_saved: bytes(&|sum| head::embedding_saved(&slice, sum)),
            head_levels: head::forward_and_backward(&slice),
            embedding_level: head::embedding_backward(&slice).most(),
            inputs: bytes(&|sum| head::inputs(&slice, sum)),
            table: bytes(&|sum| head::rotary_table(&slice, sum)),
            scores_buffer: scores,
        }
    }

    /// Its slices.
    pub fn slice(&self) -> &Slice<'a> {
        &self.slice
    }

    /// What pipeline rank `rank` works on.
    pub fn work(&self, rank: u64) -> Work {
        pipeline::work(
            self.slice.model.layers,
            self.layout,
            self.split,
            self.slice.run.micro_batches,
            rank,
        )
    }

    fn cost(&self, layer: u64) -> Cost {
        self.kinds
            .get(LayerKind::of(&self.slice, layer).index())
            .copied()
            .flatten()
            .unwrap_or_default()
    }

    /// The footprint of one GPU of pipeline rank `rank`, counted from 0.
    pub fn stage(&self, rank: u64) -> StageFootprint {
        let work = self.work(rank);
        let states = self.states(&work);
        let buffers = self.buffers(&work);
        let activations = self.in_flight(&work);
        let held =
            (states.parameters.0 + states.gradients.0 + states.optimizer.0 + buffers) as i128;
        let mut peak = Peak {
            bytes: held + states.step.0 as i128,
            moment: Moment::Optimizer,
        };
        for chunk in work.chunks() {
            self.chunk_peak(chunk, held + activations as i128, &mut peak);
        }
        let temporaries = match peak.moment {
            Moment::Optimizer => states.step.0 as i128,
            _ => peak.bytes - held - activations as i128,
        };
        StageFootprint {
            stage: rank,
            parameters: states.parameters,
            gradients: states.gradients,
            optimizer: states.optimizer,
            buffers: Bytes(buffers),
            activations: Bytes(activations),
            temporaries,
            peak: Bytes(peak.bytes.max(0) as u128),
            moment: peak.moment,
        }
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
        let stretch = match self.slice.run.recompute {
            Recompute::Uniform { layers } => layers.max(1),
            _ => 1,
        };
        let recomputed = match self.slice.run.recompute {
            Recompute::Uniform { .. } => chunk.layers,
            Recompute::Block { layers } => layers.min(chunk.layers),
            Recompute::None | Recompute::Selective => 0,
        };
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
            let again = inside as i128 - last.saved as i128 + last.forward;
            let step = Step {
                kind: LayerKind::of(&self.slice, layer - 1),
                saved: residual,
                forward: last.forward.max(residual as i128),
                backward: again.max(inside as i128 + last.backward),
                received: again.max(inside as i128 + last.received),
            };
            layer = start;
            if !each(&step) {
                return;
            }
        }
    }

    /// Bytes of all micro-batches in flight on a rank.
    fn in_flight(&self, work: &Work) -> u128 {
        work.chunks()
            .iter()
            .map(|chunk| u128::from(chunk.in_flight) * self.chunk_saved(chunk))
            .sum()
    }

    /// Raises `peak` to the largest moment of a micro-batch of this chunk, above `total` with everything in flight.
    fn chunk_peak(&self, chunk: &Chunk, total: i128, peak: &mut Peak) {
        let residual = self.slice.residual() as i128;
        let mut level = total;
        let mut waiting = 0;
        if chunk.last {
            peak.raise(level + self.head_levels.most(), Moment::Head);
            // The gradient of the last layer's output in its place.
            level += self.head_levels.now();
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
                peak.raise(above + step.forward - step.saved as i128, Moment::Layers);
            }
            if let Some(seen) = seen.get_mut(step.kind.index()) {
                *seen = true;
            }
            let backward = if first && !chunk.last {
                step.received
            } else {
                step.backward
            };
            peak.raise(level + backward, Moment::Layers);
            level -= step.saved as i128;
            every || seen.iter().filter(|seen| **seen).count() < kinds
        });
        if chunk.first {
            // All layers are done; the gradient of the embedding's output stands in place of that output.
            let kept = self.chunk_saved(chunk) as i128 - self.embedding_saved as i128;
            peak.raise(
                total - kept + waiting + self.embedding_level,
                Moment::Embedding,
            );
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

    /// Bytes that live for ever beside the states: inputs of a micro-batch, rotary angles, buffers that Megatron-core
    /// and transformer-engine share between layers.
    fn buffers(&self, work: &Work) -> u128 {
        self.inputs
            + self.table
            + self.memory_buffer(work)
            + self.dummies(work)
            + self.workspaces(work)
            + self.held_gradient(work)
    }

    /// cuBLAS's workspaces: PyTorch's and transformer-engine's, and one for each stream of grouped products.
    fn workspaces(&self, work: &Work) -> u128 {
        let grouped = work.chunks().iter().any(|chunk| {
            (chunk.start..chunk.start + chunk.layers)
                .any(|layer| LayerKind::of(&self.slice, layer).experts)
        });
        let own = u64::from(self.slice.transformer_engine());
        let count = 1 + own + if grouped { GROUPED_STREAMS } else { 0 };
        u128::from(count) * rounded(self.slice.run.workspace.into())
    }

    /// The gradient that a stage last sent to the one before it (pipeline_parallel/schedules.py: `input_tensor_grad`
    /// until the next backward pass has returned).
    fn held_gradient(&self, work: &Work) -> u128 {
        let receives = work.chunks().iter().any(|chunk| !chunk.first);
        if receives && !self.slice.run.alone && self.layout.pipeline > 1 {
            self.slice.residual()
        } else {
            0
        }
    }

    /// Megatron-core's global memory buffer, "mpu": the largest of what its users ask for, the gathered input of a
    /// sequence-parallel layer and the scores of unfused attention (utils.py, `GlobalMemoryBuffer`). With
    /// transformer-engine's layers only the head uses it.
    fn memory_buffer(&self, work: &Work) -> u128 {
        let has_head = work.chunks().iter().any(|chunk| chunk.last);
        let gathers =
            self.slice.sequence_parallel && (!self.slice.transformer_engine() || has_head);
        let gathered = if gathers { self.slice.gathered() } else { 0 };
        gathered.max(self.scores_buffer)
    }

    /// transformer-engine's empty weight gradients, one for each shape.
    fn dummies(&self, work: &Work) -> u128 {
        if !self.slice.transformer_engine() {
            return 0;
        }
        let mut shapes = [Dummy::new(0, 0); DUMMIES];
        let mut count = 0;
        let mut note = |dummy: Dummy| {
            let known = shapes
                .get(..count)
                .is_some_and(|known| known.contains(&dummy));
            if let (false, Some(place)) = (known, shapes.get_mut(count)) {
                *place = dummy;
                count += 1;
            }
        };
        let mut seen = [false; LayerKind::ALL.len()];
        for chunk in work.chunks() {
            for layer in chunk.start..chunk.start + chunk.layers {
                let kind = LayerKind::of(&self.slice, layer);
                if let Some(seen) = seen.get_mut(kind.index()) {
                    if !*seen {
                        Layer::new(self.slice, kind).dummies(&mut note);
                    }
                    *seen = true;
                }
            }
            if chunk.last {
                note(head::dummy(&self.slice));
            }
        }
        shapes.iter().take(count).map(|dummy| dummy.bytes()).sum()
    }

    /// Parameters of one group on a rank.
    fn parameters(&self, work: &Work, group: Group) -> Parameters {
        let mut sum = Parameters::default();
        for chunk in work.chunks() {
            for layer in chunk.start..chunk.start + chunk.layers {
                let cost = self.cost(layer);
                sum = sum.and(match group {
                    Group::Dense => cost.dense,
                    Group::Experts => cost.experts,
                });
            }
            if group == Group::Dense {
                if chunk.first {
                    sum = sum.and(self.embedding);
                }
                if chunk.last {
                    sum = sum.and(self.head_of(work));
                }
            }
        }
        sum
    }

    /// The head's parameters: none of its own where it is tied to an embedding on the same rank.
    fn head_of(&self, work: &Work) -> Parameters {
        if work.chunks().iter().any(|chunk| chunk.first) {
            self.tied_head
        } else {
            self.head
        }
    }

    /// States of a rank.
    fn states(&self, work: &Work) -> States {
        let mut sum = States::default();
        for group in [Group::Dense, Group::Experts] {
            let data = states::shards(group, self.layout);
            let parameters = self.parameters(work, group);
            let share = self.share(work, group, &parameters, data);
            let one = states::states(&parameters, &share, self.slice.run, data);
            sum.parameters.0 += one.parameters.0;
            sum.gradients.0 += one.gradients.0;
            sum.optimizer.0 += one.optimizer.0;
            sum.step.0 += one.step.0;
        }
        // The optimizer's scalars: the loss scale; norm, scale and flag of the gradients during the step.
        sum.optimizer.0 += rounded(1);
        sum.step.0 += 3 * rounded(1);
        sum
    }

    /// Walks the tensors of a group, last registered first, until the first data-parallel rank's share is full.
    fn share(&self, work: &Work, group: Group, parameters: &Parameters, data: u64) -> Share {
        let mut share = Share::new(parameters, self.slice.run, data);
        let with_embedding = work.chunks().iter().any(|chunk| chunk.first);
        for chunk in work.chunks().iter().rev() {
            if group == Group::Dense && chunk.last {
                Reversed::walk(&mut share, |sink| {
                    head::head_parameters(&self.slice, with_embedding, sink);
                });
            }
            for layer in (chunk.start..chunk.start + chunk.layers).rev() {
                if share.full() {
                    return share;
                }
                let cost = self.cost(layer);
                let whole = match group {
                    Group::Dense => cost.dense,
                    Group::Experts => cost.experts,
                };
                if !share.over(&whole) {
                    let kind = LayerKind::of(&self.slice, layer);
                    Reversed::walk(&mut share, |sink| {
                        Layer::new(self.slice, kind).parameters(group, sink);
                    });
                }
            }
            if group == Group::Dense && chunk.first {
                Reversed::walk(&mut share, |sink| {
                    head::embedding_parameters(&self.slice, sink);
                });
            }
        }
        share
    }
}

/// One step of a chunk's backward pass: a layer, or layers recomputed together.
struct Step {
    kind: LayerKind,
    /// Bytes kept for it between the passes.
    saved: u128,
    /// The most its forward pass adds, above its input.
    forward: i128,
    /// The most its backward pass adds, above everything kept but its output, and the gradient of it.
    backward: i128,
    /// The same where that gradient came from another stage.
    received: i128,
}

impl Cost {
    fn of(layer: &Layer) -> Self {
        let (mut dense, mut experts) = (Parameters::default(), Parameters::default());
        layer.parameters(Group::Dense, &mut dense);
        layer.parameters(Group::Experts, &mut experts);
        Self {
            saved: layer.saved_bytes(),
            backward: layer.backward(false).most(),
            received: layer.backward(true).most(),
            forward: layer.forward().most(),
            dense,
            experts,
        }
    }
}

/// Whether a model has layers of this kind.
fn has_kind(model: &Architecture, kind: LayerKind) -> bool {
    let all = model.layers;
    let sparse = model
        .experts
        .map_or(0, |experts| experts.layers.count_below(all));
    let unrotated = model.attention.unrotated.count_below(all);
    let some = |count: u64, wanted: bool| if wanted { count > 0 } else { count < all };
    some(sparse, kind.experts) && some(unrotated, !kind.rotated)
}
