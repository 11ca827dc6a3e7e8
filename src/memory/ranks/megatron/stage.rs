//! One pipeline rank of a Megatron-core run: its states, what is in flight, its peak.

use super::chunk::Cost;
use super::head;
use super::layer::{Group, Layer, LayerKind};
use super::run::Run;
use super::slice::Slice;
use super::states::{self, Parameters, Reversed, Share, States};
use crate::layout::Layout;
use crate::memory::ranks::footprint::{Moment, Peak, StageFootprint};
use crate::memory::ranks::pipeline::{self, Split, Work};
use crate::memory::ranks::tensor::{Level, Sum, rounded};
use crate::model::Architecture;
use crate::units::Bytes;

/// Everything about a Megatron-core run that all its stages share: layers' costs, computed once.
///
/// A stage is then a few multiplications ([`Megatron::stage`]); nothing here allocates.
#[derive(Clone, Copy, Debug)]
pub struct Megatron<'a> {
    pub(super) slice: Slice<'a>,
    pub(super) layout: &'a Layout,
    split: Split,
    pub(super) kinds: [Option<Cost>; LayerKind::ALL.len()],
    embedding: Parameters,
    head: Parameters,
    tied_head: Parameters,
    pub(super) embedding_saved: u128,
    pub(super) head_levels: Level,
    pub(super) embedding_level: i128,
    pub(super) scores_buffer: u128,
}

impl<'a> Megatron<'a> {
    /// Of `model` under `layout`, run as `run` says.
    pub fn new(model: &'a Architecture, layout: &'a Layout, run: &'a Run, split: Split) -> Self {
        let slice = Slice::new(model, layout, run);
        let mut kinds = [None; LayerKind::ALL.len()];
        for kind in LayerKind::ALL {
            if has_kind(model, kind)
                && let Some(cost) = kinds.get_mut(kind.index())
            {
                *cost = Some(Cost::of(&Layer::new(slice, kind)));
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
            embedding_level: head::embedding_backward(&slice).top().above,
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

    pub(super) fn cost(&self, layer: u64) -> &Cost {
        let kind = LayerKind::of(&self.slice, layer);
        self.kinds
            .get(kind.index())
            .and_then(Option::as_ref)
            .unwrap_or(const { &Cost::NONE })
    }

    /// The footprint of one GPU of pipeline rank `rank`, counted from 0.
    pub fn stage(&self, rank: u64) -> StageFootprint {
        let work = self.work(rank);
        let states = self.states(&work);
        let buffers = self.buffer_bytes(&work);
        let activations = self.in_flight(&work);
        let held =
            (states.parameters.0 + states.gradients.0 + states.optimizer.0 + buffers) as i128;
        let mut peak = Peak {
            bytes: held + states.step.0 as i128,
            moment: Moment::Optimizer,
            // The step is taken with no micro-batch in flight.
            released: activations,
        };
        for chunk in work.chunks() {
            self.chunk_peak(chunk, held + activations as i128, &mut peak);
        }
        let left = activations.saturating_sub(peak.released);
        let temporaries = peak.bytes - held - left as i128;
        StageFootprint {
            stage: rank,
            parameters: states.parameters,
            gradients: states.gradients,
            optimizer: states.optimizer,
            buffers: Bytes(buffers),
            in_flight: Bytes(activations),
            activations: Bytes(left),
            temporaries: Bytes(temporaries.max(0) as u128),
            peak: Bytes(peak.bytes.max(0) as u128),
            moment: peak.moment,
        }
    }

    /// Parameters of one group on a rank.
    fn parameters(&self, work: &Work, group: Group) -> Parameters {
        let mut sum = Parameters::default();
        if group == Group::Experts && self.slice.model.experts.is_none() {
            return sum;
        }
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
            if parameters.tensors == 0 {
                continue;
            }
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
                    Group::Dense => &cost.dense,
                    Group::Experts => &cost.experts,
                };
                if !share.over(whole) {
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
