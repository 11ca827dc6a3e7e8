//! What all pipelines and data-parallel degrees of one shape share: a planner computes it once for a shape and then a
//! stage in a few multiplications.
//!
//! In `f64`: exact up to 2^53 bytes, 9 PB, and beyond that to a part in 10^16.

use super::head;
use super::layer::{Group, Layer, LayerKind};
use super::linear::Dummy;
use super::run::{CoreAttention, GROUPED_STREAMS, Recompute, Run};
use super::slice::Slice;
use super::states::Parameters;
use crate::layout::Layout;
use crate::memory::ranks::tensor::{Sum, rounded};
use crate::model::Architecture;

/// A layer of a kind, in bytes and parameters of one rank.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LayerShape {
    /// What it keeps for its backward pass, its output included.
    pub saved: f64,
    /// The same where attention's core is recomputed.
    pub saved_selective: f64,
    /// The most its backward pass adds to a level with everything it keeps.
    pub backward: f64,
    /// The most its forward pass adds above its input.
    pub forward: f64,
    /// Parameters but for routed experts.
    pub dense: f64,
    /// Parameters of routed experts.
    pub routed: f64,
    /// transformer-engine's empty weight gradients, one for each shape of weight; layers of a kind share them.
    pub dummies: f64,
}

/// Bytes of one micro-batch, parameters of one rank, for layers without and with experts and for the ends of the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankShape {
    /// A layer without experts.
    pub plain: LayerShape,
    /// A layer with experts.
    pub experts: LayerShape,
    /// The larger of what their backward passes, and of what their forward passes add.
    pub backward: f64,
    /// The same forward.
    pub forward: f64,
    /// The residual stream: what a recomputed layer keeps, what stages send each other.
    pub residual: f64,
    /// Parameters of the embedding.
    pub embedding: f64,
    /// Parameters of final norm and head; the second where the embedding is on the same rank.
    pub head: [f64; 2],
    /// What the embedding keeps.
    pub embedding_saved: f64,
    /// The most that the embedding's backward pass adds.
    pub embedding_backward: f64,
    /// The most that head and loss add.
    pub head_most: f64,
    /// What they leave when the last layer's backward pass begins.
    pub head_now: f64,
    /// Buffers and workspaces that live for ever on every rank.
    pub buffers: f64,
    /// Those beside them where there are experts.
    pub expert_buffers: f64,
    /// Those beside them on the rank with the head.
    pub head_buffers: f64,
}

impl RankShape {
    /// Of `model` cut as `layout` does, its pipeline and data-parallel degrees apart, run as `run` says, what it
    /// recomputes apart.
    pub fn new(model: &Architecture, layout: &Layout, run: &Run) -> Self {
        let none = Run {
            recompute: Recompute::None,
            ..*run
        };
        let selective = Run {
            recompute: Recompute::Selective,
            ..*run
        };
        let slice = Slice::new(model, layout, &none);
        let again = Slice::new(model, layout, &selective);
        let layer = |experts: bool| {
            let turned = model.layers - model.attention.unrotated.count_below(model.layers);
            let share = turned as f64 / model.layers as f64;
            let of = |rotated: bool| of_kind(slice, again, LayerKind { experts, rotated });
            match (share > 0.0, share < 1.0) {
                (true, false) => of(true),
                (false, _) => of(false),
                (true, true) => of(true).mixed(share, &of(false)),
            }
        };
        let bytes = |list: &dyn Fn(&mut Sum)| {
            let mut sum = Sum::default();
            list(&mut sum);
            sum.0 as f64
        };
        let count = |list: &dyn Fn(&mut Parameters)| {
            let mut sum = Parameters::default();
            list(&mut sum);
            sum.elements as f64
        };
        let scores = match model.attention.latent {
            Some(_) => 0,
            None => super::attention::Attention::new(slice, false).scores_buffer(),
        };
        let gathered = if slice.sequence_parallel {
            slice.gathered().max(scores)
        } else {
            scores
        };
        let everywhere = if slice.transformer_engine() {
            scores
        } else {
            gathered
        };
        let workspace = rounded(run.workspace.into()) as f64;
        let own = 1.0 + f64::from(u8::from(slice.transformer_engine()));
        let levels = head::forward_and_backward(&slice);
        let experts = model
            .experts
            .is_some_and(|experts| experts.layers.count_below(model.layers) > 0);
        let plain = layer(false);
        let experts = if experts {
            layer(true)
        } else {
            LayerShape::default()
        };
        Self {
            plain,
            experts,
            backward: plain.backward.max(experts.backward),
            forward: plain.forward.max(experts.forward),
            residual: slice.residual() as f64,
            embedding: count(&|sum| head::embedding_parameters(&slice, sum)),
            head: [false, true].map(|tied| count(&|sum| head::head_parameters(&slice, tied, sum))),
            embedding_saved: bytes(&|sum| head::embedding_saved(&slice, sum)),
            embedding_backward: head::embedding_backward(&slice).top().above as f64,
            head_most: levels.top().above as f64,
            head_now: levels.now() as f64,
            buffers: bytes(&|sum| head::inputs(&slice, sum))
                + bytes(&|sum| head::rotary_table(&slice, sum))
                + everywhere as f64
                + own * workspace,
            expert_buffers: GROUPED_STREAMS as f64 * workspace,
            head_buffers: (gathered - everywhere) as f64
                + if slice.transformer_engine() {
                    head::dummy(&slice).bytes() as f64
                } else {
                    0.0
                },
        }
    }
}

fn of_kind(slice: Slice, selective: Slice, kind: LayerKind) -> LayerShape {
    let layer = Layer::new(slice, kind);
    let count = |group| {
        let mut sum = Parameters::default();
        layer.parameters(group, &mut sum);
        sum.elements as f64
    };
    let saved = layer.saved_bytes() as f64;
    LayerShape {
        saved,
        // Where attention is fused, recomputing its core saves nothing that a planner wants.
        saved_selective: match slice.run.core_attention {
            CoreAttention::Flash => saved,
            CoreAttention::Unfused => Layer::new(selective, kind).saved_bytes() as f64,
        },
        backward: layer.backward(false).top().above as f64,
        forward: layer.forward().top().above as f64,
        dense: count(Group::Dense),
        routed: count(Group::Experts),
        dummies: dummies(&slice, &layer),
    }
}

fn dummies(slice: &Slice, layer: &Layer) -> f64 {
    if !slice.transformer_engine() {
        return 0.0;
    }
    let mut shapes = [Dummy::new(0, 0); DUMMIES];
    let mut count = 0;
    layer.dummies(&mut |dummy| {
        let known = shapes
            .get(..count)
            .is_some_and(|known| known.contains(&dummy));
        if let (false, Some(place)) = (known, shapes.get_mut(count)) {
            *place = dummy;
            count += 1;
        }
    });
    shapes.iter().map(|dummy| dummy.bytes() as f64).sum()
}

/// The most shapes of weights that a layer has.
const DUMMIES: usize = 16;

impl LayerShape {
    /// The mean of a share of these and the rest of others; the larger of what is a maximum.
    fn mixed(self, share: f64, other: &Self) -> Self {
        let mean = |one: f64, other: f64| share * one + (1.0 - share) * other;
        Self {
            saved: mean(self.saved, other.saved),
            saved_selective: mean(self.saved_selective, other.saved_selective),
            backward: self.backward.max(other.backward),
            forward: self.forward.max(other.forward),
            ..self
        }
    }
}
