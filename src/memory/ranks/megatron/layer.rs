//! One transformer layer on one rank.

use super::attention::Attention;
use super::experts::MixtureOfExperts;
use super::feed_forward::FeedForward;
use super::latent::LatentAttention;
use super::linear::Dummy;
use super::quantised::Casts;
use super::run::LinearFormat;
use super::slice::Slice;
use crate::memory::ranks::tensor::{Level, Sink, Sum};

/// What kinds of layers a model has: they keep different tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerKind {
    /// Whether it has experts in place of the dense feed-forward network.
    pub experts: bool,
    /// Whether its queries and keys are rotated.
    pub rotated: bool,
}

impl LayerKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self {
            experts: false,
            rotated: false,
        },
        Self {
            experts: false,
            rotated: true,
        },
        Self {
            experts: true,
            rotated: false,
        },
        Self {
            experts: true,
            rotated: true,
        },
    ];

    /// Its place in [`LayerKind::ALL`].
    pub const fn index(self) -> usize {
        self.rotated as usize + 2 * self.experts as usize
    }

    /// The kind of a model's layer, counted from 0.
    pub fn of(slice: &Slice, layer: u64) -> Self {
        Self {
            experts: slice
                .model
                .experts
                .is_some_and(|experts| experts.layers.contains(layer)),
            rotated: !slice.model.attention.unrotated.contains(layer),
        }
    }
}

/// Which of a rank's two groups of states a parameter is in: they are divided over different ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Everything but experts.
    Dense,
    /// Routed experts, divided over expert-parallel ranks.
    Experts,
}

enum Mixer<'a> {
    Heads(Attention<'a>),
    Latent(LatentAttention<'a>),
}

enum Network<'a> {
    Dense(FeedForward<'a>),
    Experts(MixtureOfExperts<'a>),
}

/// A layer of one kind.
pub struct Layer<'a> {
    slice: Slice<'a>,
    mixer: Mixer<'a>,
    network: Network<'a>,
}

impl<'a> Layer<'a> {
    /// A layer of this kind.
    pub fn new(slice: Slice<'a>, kind: LayerKind) -> Self {
        let mixer = match slice.model.attention.latent {
            Some(latent) => Mixer::Latent(LatentAttention::new(slice, latent)),
            None => Mixer::Heads(Attention::new(slice, kind.rotated)),
        };
        let network = match slice.model.experts {
            Some(experts) if kind.experts => {
                Network::Experts(MixtureOfExperts::new(slice, experts))
            }
            _ => Network::Dense(FeedForward::new(slice, slice.feed_forward)),
        };
        Self {
            slice,
            mixer,
            network,
        }
    }

    /// Parameters of one group, in the order they are registered.
    pub fn parameters<S: Sink>(&self, group: Group, sink: &mut S) {
        let hidden = self.slice.model.hidden;
        if group == Group::Experts {
            if let Network::Experts(experts) = &self.network {
                experts.routed_parameters(sink);
            }
            return;
        }
        self.slice.norm_parameters("attention’s norm", hidden, sink);
        match &self.mixer {
            Mixer::Heads(heads) => heads.parameters(sink),
            Mixer::Latent(latent) => latent.parameters(sink),
        }
        self.slice
            .norm_parameters("feed-forward network’s norm", hidden, sink);
        match &self.network {
            Network::Dense(dense) => dense.parameters(sink),
            Network::Experts(experts) => experts.dense_parameters(sink),
        }
    }

    /// Shapes of weights whose shared dummy gradients stay under transformer-engine's layers.
    pub fn dummies(&self, each: &mut impl FnMut(Dummy)) {
        match &self.mixer {
            Mixer::Heads(heads) => heads.dummies().into_iter().for_each(&mut *each),
            Mixer::Latent(latent) => latent.dummies(each),
        }
        match &self.network {
            Network::Dense(dense) => dense.dummies().into_iter().for_each(each),
            Network::Experts(experts) => experts.dummies(each),
        }
    }

    /// What its forward pass keeps: from the first norm's statistics to its output, which is the next layer's input.
    pub fn saved<S: Sink>(&self, sink: &mut S) {
        self.saved_inside(sink);
        sink.hold(self.slice.stream("output"));
    }

    fn saved_inside<S: Sink>(&self, sink: &mut S) {
        let slice = &self.slice;
        slice.hold_statistics(slice.sharded, sink);
        let (rows, hidden) = (slice.sharded, slice.model.hidden);
        for name in self.attention_inputs() {
            slice.hold_input(name, rows, hidden, sink);
        }
        match &self.mixer {
            Mixer::Heads(heads) => heads.saved(sink),
            Mixer::Latent(latent) => latent.saved(sink),
        }
        slice.hold_mask("attention branch’s dropout mask", sink);
        sink.hold(slice.stream("residual after attention"));
        slice.hold_statistics(slice.sharded, sink);
        let input = "norm’s output, feed-forward network’s input";
        match self.network {
            Network::Dense(_) => slice.hold_input(input, rows, hidden, sink),
            // The router keeps it in 16 bits.
            Network::Experts(_) => sink.hold(slice.stream(input)),
        }
        match &self.network {
            Network::Dense(dense) => dense.saved(sink),
            Network::Experts(experts) => experts.saved(sink),
        }
        slice.hold_mask("feed-forward branch’s dropout mask", sink);
    }

    /// What the first projections keep of the norm's output: those of latent attention share it in 16 bits, and have a
    /// quantised copy each.
    fn attention_inputs(&self) -> &'static [&'static str] {
        match self.mixer {
            Mixer::Latent(_) if self.slice.format() != LinearFormat::Bf16 => &[
                "input of queries’ projection",
                "input of keys’ and values’ projection",
            ],
            _ => &["norm’s output, attention’s input"],
        }
    }

    /// Quantised copies of its weights.
    pub fn casts<S: Sink>(&self, sink: &mut S) {
        let mut casts = Casts {
            format: self.slice.format(),
            sink,
        };
        self.parameters(Group::Dense, &mut casts);
        self.parameters(Group::Experts, &mut casts);
    }

    /// Bytes that [`Layer::saved`] lists.
    pub fn saved_bytes(&self) -> u128 {
        let mut sum = Sum::default();
        self.saved(&mut sum);
        sum.0
    }

    /// The forward pass, above a level with its input: ends with everything it keeps.
    pub fn forward(&self) -> Level {
        let slice = &self.slice;
        let statistics = slice.statistics(slice.sharded);
        let quantised = slice.input(slice.sharded, slice.model.hidden);
        let copies = self.attention_inputs().len() as u128;
        let mut level = Level::default();
        level.take(copies * quantised + statistics);
        match &self.mixer {
            Mixer::Heads(heads) => heads.forward(&mut level),
            Mixer::Latent(latent) => latent.forward(&mut level),
        }
        self.sum_forward(&mut level);
        level.take(statistics);
        level.take(match self.network {
            Network::Dense(_) => quantised,
            Network::Experts(_) => slice.residual(),
        });
        match &self.network {
            Network::Dense(dense) => dense.forward(&mut level),
            Network::Experts(experts) => experts.forward(&mut level),
        }
        self.sum_forward(&mut level);
        level
    }

    /// A branch's output, its bias and dropout, and the sum with the residual stream, which stays with the mask.
    fn sum_forward(&self, level: &mut Level) {
        let slice = &self.slice;
        let residual = slice.residual();
        if slice.sequence_parallel {
            level.take(slice.gathered());
            level.take(residual);
            level.give(slice.gathered());
        } else {
            level.take(residual);
        }
        let dropped = slice.run.hidden_dropout && !slice.run.compiled;
        let beside = if dropped { 2 * residual } else { 0 };
        level.take(slice.mask() + residual + beside);
        level.give(residual + beside);
    }

    /// The backward pass, above a level that includes everything the layer keeps but its output, and the gradient of
    /// that output. It ends with everything kept given back, the layer's input included.
    ///
    /// Where the gradient came from another stage, `received`, the schedule holds it to the end.
    pub fn backward(&self, received: bool) -> Level {
        let mut level = Level::default();
        match &self.network {
            Network::Dense(dense) => dense.backward(&mut level),
            Network::Experts(experts) => experts.backward(&mut level),
        }
        self.norm_backward(&mut level);
        if received {
            level.take(self.slice.residual());
        }
        match &self.mixer {
            Mixer::Heads(heads) => heads.backward(&mut level),
            Mixer::Latent(latent) => latent.backward(&mut level),
        }
        self.norm_backward(&mut level);
        if received {
            level.give(self.slice.residual());
        }
        level
    }

    /// A norm's backward pass and the sum with the gradient that went past it. Gives back the norm's input.
    fn norm_backward(&self, level: &mut Level) {
        let slice = &self.slice;
        let residual = slice.residual();
        let weights = slice.norm_gradients(slice.model.hidden);
        level.take(residual + weights);
        // The incoming gradient, the weights' gradients; then what the norm kept.
        level.give(residual + weights);
        level.release(residual + slice.statistics(slice.sharded));
        level.take(residual);
        // The norm's gradient and the one that went past it.
        level.give(2 * residual);
    }
}
