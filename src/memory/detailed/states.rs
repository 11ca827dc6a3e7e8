//! Weights, gradients, and what the optimizer keeps. In TENSORS.md, 5; formulas per parameter in ZeRO
//! (arXiv:1910.02054, §3.1).

use super::adapters::Base;
use super::optimizer::{Chain, Rule};
use super::run::{Block, Run};
use super::saved::Linear;
use super::tally::Tally;
use super::tensor::{Dtype, Name, Place, Segment, Shape};
use crate::model::parameters::{self, BlockKind, Group, Part, Role};
use crate::training::{Precision, Stack};

/// Weights, gradients and optimizer states of a step, and the optimizer's scratch.
#[derive(Debug)]
pub(super) struct States {
    /// All weights, frozen ones included.
    pub weights: Tally,
    /// One gradient for each trained parameter, in the parameter's dtype.
    pub gradients: Tally,
    /// The FP32 gradients that 16-bit ones are added to, where there are any.
    pub main_gradients: Tally,
    /// What the optimizer keeps between steps, the master copy included.
    pub optimizer: Tally,
    /// What its step allocates beyond that.
    pub scratch: Tally,
}

/// Whether gradients are accumulated in lasting FP32 tensors beside 16-bit weights.
pub const fn has_main_gradients(precision: Precision) -> bool {
    matches!(
        precision,
        Precision::MainGradients | Precision::Fp16MainGradients
    )
}

/// Whether the optimizer steps an FP32 copy of 16-bit weights.
pub const fn has_master(precision: Precision) -> bool {
    matches!(precision, Precision::Master) || has_main_gradients(precision)
}

/// A trained tensor, as an optimizer sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trained {
    pub name: Name,
    pub place: Place,
    pub shape: Shape,
    /// Whether it is a matrix of a block: what Muon takes.
    pub hidden_matrix: bool,
    pub dtype: Dtype,
}

impl Run<'_> {
    /// Weights, gradients and optimizer states.
    pub fn states(&self) -> States {
        let mut states = States {
            weights: Tally::new(self.listing),
            gradients: Tally::new(self.listing),
            main_gradients: Tally::new(self.listing),
            optimizer: Tally::new(self.listing),
            scratch: Tally::new(self.listing),
        };
        let rule = Rule::of(self.step);
        let weights = &mut states.weights;
        let mut train = |tensor: &Trained, count| {
            let Trained {
                place,
                name,
                shape,
                dtype,
                ..
            } = *tensor;
            let segment = Segment::Gradients;
            let gradients = &mut states.gradients;
            gradients.add(segment, place, name, shape, dtype, count);
            if has_main_gradients(self.step.precision) {
                let main = &mut states.main_gradients;
                main.add(segment, place, name, shape, Dtype::Fp32, count);
            }
            rule.keep(tensor, count, &mut states.optimizer);
            rule.scratch(tensor, count, &mut states.scratch);
        };
        let adapters = self.adapters();
        let base = adapters.map_or(Base::AsTrained, |adapters| adapters.base);
        self.for_weights(&mut |tensor, place, count, frozen| {
            let trained = self.trained(tensor, place);
            let Trained { name, shape, .. } = trained;
            if base == Base::AsTrained || !self.is_quantised(tensor) {
                let segment = Segment::Weights;
                weights.add(segment, place, name, shape, self.parameter, count);
            } else {
                quantised(weights, name, place, shape, base, count);
            }
            if adapters.is_none() && count > frozen {
                train(&trained, count - frozen);
            }
        });
        self.for_adapters(&mut |tensor, count| {
            let Trained {
                place,
                name,
                shape,
                dtype,
                ..
            } = *tensor;
            weights.add(Segment::Weights, place, name, shape, dtype, count);
            train(tensor, count);
        });
        rule.keep_once(&mut states.optimizer);
        if rule.walks() {
            let chain = self.chain(&rule);
            rule.scratch_of_chain(&chain, &mut states.scratch);
        }
        states
    }

    /// Calls `see` with each tensor of the model, where it stands, how many layers have one of it, and in how many of
    /// these it is frozen; in the order of registration, the blocks of one kind as one.
    fn for_weights(&self, see: &mut dyn FnMut(&parameters::Tensor, Place, u64, u64)) {
        let architecture = self.architecture;
        let frozen = self.step.frozen_layers.min(architecture.layers);
        let without = u64::from(frozen > 0);
        let with_experts =
            (architecture.experts.as_ref()).map_or(0, |experts| experts.layers.count_below(frozen));
        architecture.visit_tensors_by_kind(&mut |tensor, kind, count| {
            let (place, frozen) = match (kind, tensor.part) {
                (Some(BlockKind::Dense), _) => (Place::Blocks, frozen - with_experts),
                (Some(BlockKind::Experts), _) => (Place::ExpertBlocks, with_experts),
                (None, Part::Embedding) => (Place::Embedding, without),
                (None, _) => (Place::Head, 0),
            };
            see(tensor, place, count, frozen);
        });
    }

    /// Calls `see` with each trained tensor and how many layers have one of it.
    fn for_trained(&self, see: &mut dyn FnMut(&Trained, u64)) {
        if self.adapters().is_some() {
            return self.for_adapters(see);
        }
        self.for_weights(&mut |tensor, place, count, frozen| {
            if count > frozen {
                see(&self.trained(tensor, place), count - frozen);
            }
        });
    }

    fn trained(&self, tensor: &parameters::Tensor, place: Place) -> Trained {
        Trained {
            name: name_of(tensor),
            place,
            shape: shape_of(&tensor.shape),
            hidden_matrix: tensor.part == Part::Block && tensor.role == Role::Matrix,
            dtype: self.parameter,
        }
    }

    /// Calls `see` with each adapter's tensors.
    fn for_adapters(&self, see: &mut dyn FnMut(&Trained, u64)) {
        let Some(adapters) = self.adapters() else {
            return;
        };
        let dtype = adapters.dtype(self.parameter);
        let mut see_one = |block: &Block, linear: Linear, place, count| {
            let sides = block.adapter_sides(adapters, linear);
            for (what, sides) in [("adapter, A", sides.a), ("adapter, B", sides.b)] {
                let tensor = Trained {
                    name: Name(linear.label(), what),
                    place,
                    shape: sides.into(),
                    hidden_matrix: true,
                    dtype,
                };
                see(&tensor, count);
            }
        };
        for (kind, count) in self.architecture.block_kinds() {
            if count == 0 {
                continue;
            }
            let block = self.block_with(kind);
            let place = block.place();
            for linear in block.linears() {
                if !adapters.on(linear) {
                    continue;
                }
                see_one(&block, linear, place, count);
            }
        }
        if adapters.on(Linear::Head) {
            see_one(&self.end(), Linear::Head, Place::Head, 1);
        }
    }

    fn block_with(&self, kind: BlockKind) -> Block<'_> {
        let mut block = self.end();
        block.kind.experts = kind == BlockKind::Experts;
        block
    }

    /// The trained tensors in the order in which the optimizer walks them.
    fn chain(&self, rule: &Rule) -> Chain {
        let (mut before, mut after) = (Chain::default(), Chain::default());
        let (mut dense, mut experts) = (Chain::default(), Chain::default());
        let mut see = |tensor: &Trained| {
            let chain = match tensor.place {
                Place::Embedding => &mut before,
                Place::ExpertBlocks => &mut experts,
                Place::Head => &mut after,
                Place::Blocks | Place::Step => &mut dense,
            };
            chain.push(rule.walked(tensor));
        };
        self.for_trained(&mut |tensor, _| see(tensor));
        let mut all = before;
        for layer in self.step.frozen_layers..self.architecture.layers {
            all.extend(match self.architecture.block_kind(layer) {
                BlockKind::Dense => &dense,
                BlockKind::Experts => &experts,
            });
        }
        all.extend(&after);
        all
    }
}

impl Block<'_> {
    /// The block's linear layers that adapters may be added to, in the order of registration.
    pub fn linears(&self) -> impl Iterator<Item = Linear> + use<> {
        let attention = &self.run.architecture.attention;
        let mut all = [None; 8];
        let mut next = all.iter_mut();
        let mut push = |linear| {
            if let Some(place) = next.next() {
                *place = Some(linear);
            }
        };
        match &attention.latent {
            Some(latent) => {
                if latent.query_rank.is_some() {
                    push(Linear::QueryDown);
                    push(Linear::QueryUp);
                } else {
                    push(Linear::Query);
                }
                push(Linear::KeyValueDown);
                push(Linear::KeyValueUp);
            }
            None if self.fused_qkv() => push(Linear::QueryKeyValue),
            None => {
                push(Linear::Query);
                push(Linear::Key);
                push(Linear::Value);
            }
        }
        push(Linear::Output);
        match self.experts() {
            Some(experts) if experts.shared_size > 0 => {
                push(Linear::SharedGate);
                push(Linear::SharedUp);
                push(Linear::SharedDown);
            }
            Some(_) => {}
            None => {
                for linear in self.first_projections() {
                    push(*linear);
                }
                push(Linear::Down);
            }
        }
        all.into_iter().flatten()
    }
}

/// A tensor's shape.
fn shape_of(shape: &parameters::Shape) -> Shape {
    match *shape {
        parameters::Shape::One(n) => [n].into(),
        parameters::Shape::Two(rows, columns) => [rows, columns].into(),
        parameters::Shape::Three(count, rows, columns) => [count, rows, columns].into(),
    }
}

fn name_of(tensor: &parameters::Tensor) -> Name {
    let what = match tensor.role {
        Role::Matrix | Role::Table | Role::Vector => "weight",
        Role::Bias => "bias",
    };
    Name(tensor.name, what)
}

impl Run<'_> {
    /// Whether a frozen base keeps a tensor in four bits: linear layers of the blocks (QLoRA, §3), not routed experts,
    /// which are no linear layers in transformers 5.
    fn is_quantised(&self, tensor: &parameters::Tensor) -> bool {
        (tensor.part == Part::Block || tensor.part == Part::Head && self.quantises(Linear::Head))
            && tensor.role == Role::Matrix
            && matches!(tensor.shape, parameters::Shape::Two(..))
            && tensor.group != Group::Router
    }

    /// Whether a linear layer of a four-bit base is in four bits. Fabric's plugin takes every linear layer, the head too.
    pub fn quantises(&self, linear: Linear) -> bool {
        match linear {
            Linear::Head => self.step.stack == Stack::LitGpt,
            Linear::Router | Linear::ExpertsGateUp | Linear::ExpertsDown => false,
            _ => true,
        }
    }
}

/// Weights in NF4: half a byte each, and the constants of blocks of 64 (QLoRA, arXiv:2305.14314, §3).
fn quantised(weights: &mut Tally, name: Name, place: Place, shape: Shape, base: Base, count: u64) {
    let elements = shape.elements();
    let mut add = |what, elements: u128, dtype| {
        // A weight tensor's elements fit 64 bits: architectures are bounded.
        let sides = [u64::try_from(elements).unwrap_or(u64::MAX)];
        weights.add(
            Segment::Weights,
            place,
            Name(name.0, what),
            sides,
            dtype,
            count,
        );
    };
    add("weight, NF4 pairs", elements.div_ceil(2), Dtype::Byte);
    let blocks = elements.div_ceil(64);
    if base == Base::Nf4DoubleQuantised {
        add("block constants, 8 bit", blocks, Dtype::Byte);
        add(
            "constants of 256 block constants",
            blocks.div_ceil(256),
            Dtype::Fp32,
        );
    } else {
        add("block constants", blocks, Dtype::Fp32);
    }
}
