//! What all blocks of a step have in common, and what tells one kind of block from another.

use super::adapters::Adapters;
use super::implementation::{Implementation, Rotary};
use super::saved::{Kept, Linear, OfLinear, Saved};
use super::step::Step;
use super::tensor::Dtype;
use crate::field::LayerSet;
use crate::model::{Architecture, Dropout, Experts};
use crate::training::{AttentionKernel, Precision, Recomputation, Stack};

/// What all blocks of a step have in common.
///
/// Element types as in the tables of TENSORS.md: `parameter` (r there) is the dtype of weights, gradients and the
/// residual stream, `matmul` (e there) that of matrix products' inputs and outputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run<'a> {
    pub step: &'a Step<'a>,
    pub architecture: &'a Architecture,
    pub how: Implementation,
    pub parameter: Dtype,
    pub matmul: Dtype,
    /// FP32 weights, cast to 16 bit where a product needs them.
    pub autocast: bool,
    pub dropout: Dropout,
    /// Tokens of a micro-batch, N = b·s.
    pub tokens: u64,
    /// Whether a gradient is added to one that stands already, or is stepped at once, so that it does not stay.
    pub gradients_leave: bool,
    /// Whether all layers are of one kind.
    pub uniform: bool,
    /// Whether some layers are windowed and some are not.
    pub two_windows: bool,
    /// Below this layer there are both, windowed layers and others; 0 where not both are.
    pub windows_meet: u64,
    /// Norms and gates run as one kernel each, compiled or written by hand, and compute again what they can.
    pub fused: bool,
    pub listing: bool,
}

impl<'a> Run<'a> {
    pub fn of(step: &'a Step<'a>, listing: bool) -> Self {
        let autocast = step.precision == Precision::Mixed;
        let parameter = match step.precision {
            Precision::Fp32 | Precision::Mixed => Dtype::Fp32,
            _ => Dtype::Sixteen,
        };
        let architecture = step.architecture;
        let attention = &architecture.attention;
        let meet = attention.window.as_ref().map_or(0, |window| {
            let windowed = window.layers.first().unwrap_or(u64::MAX);
            let other = window.layers.complement().first().unwrap_or(u64::MAX);
            windowed.max(other).saturating_add(1)
        });
        let two_windows = (1..=architecture.layers).contains(&meet);
        Self {
            step,
            architecture,
            how: super::stack::implementation(step.stack, architecture),
            parameter,
            matmul: if autocast { Dtype::Sixteen } else { parameter },
            autocast,
            dropout: if step.dropout {
                architecture.dropout
            } else {
                Dropout::NONE
            },
            tokens: step.micro_batch * step.sequence,
            gradients_leave: step.accumulation > 1
                || step.optimizer_in_backward
                || super::states::has_main_gradients(step.precision),
            uniform: attention.window.is_none()
                && attention.unrotated.is_empty()
                && architecture.experts.is_none()
                && step.adapters.is_none()
                && step.frozen_layers == 0
                && step.recompute_every <= 1,
            two_windows,
            windows_meet: if two_windows { meet } else { 0 },
            fused: step.compiled || step.stack == Stack::Liger,
            listing,
        }
    }

    /// Whether attention's scores are computed again in the backward pass.
    pub fn scores_again(&self) -> bool {
        self.step.recomputation == Recomputation::Selective && !self.selects_operations()
    }

    /// Whether blocks are computed again from their inputs, all of them or all but some operations.
    pub fn recomputes_blocks(&self) -> bool {
        self.step.recomputation == Recomputation::Full || self.selects_operations()
    }

    /// Whether everything is in 16 bit.
    pub fn pure_sixteen(&self) -> bool {
        self.parameter == Dtype::Sixteen
    }

    pub fn adapters(&self) -> Option<&Adapters> {
        self.step.adapters.as_ref()
    }

    /// What kind of block a layer is.
    pub fn kind(&self, layer: u64) -> Kind {
        let attention = &self.architecture.attention;
        let windowed = attention.window.is_some_and(|window| {
            self.step.sequence >= window.size && window.layers.contains(layer)
        });
        let experts = &self.architecture.experts;
        let frozen = self.step.frozen_layers;
        Kind {
            windowed,
            masked: windowed || self.how.always_masked,
            experts: experts.is_some_and(|experts| experts.layers.contains(layer)),
            rotary: attention.rotary_dim > 0 && !attention.unrotated.contains(layer),
            untrained: layer < frozen,
            first_trained: layer == frozen && (frozen > 0 || self.adapters().is_some()),
            recomputed: self.recomputes_blocks()
                && layer.is_multiple_of(self.step.recompute_every.max(1)),
        }
    }

    /// The model's layers of a kind.
    pub fn layers_of(&self, kind: &Kind) -> LayerSet {
        let layers = self.architecture.layers;
        let frozen = self.step.frozen_layers;
        let all = LayerSet::below(layers);
        if self.uniform {
            return all;
        }
        if kind.untrained {
            return all.intersection(&LayerSet::below(frozen));
        }
        if kind.first_trained {
            return all.intersection(&LayerSet::NONE.with(frozen));
        }
        let first = frozen.saturating_add(u64::from(frozen > 0 || self.adapters().is_some()));
        let mut alike = all.intersection(&LayerSet::below(first).complement());
        let mut only = |set: &LayerSet, within: bool| {
            alike = if within {
                alike.intersection(set)
            } else {
                alike.intersection(&set.complement())
            };
        };
        let attention = &self.architecture.attention;
        if let Some(window) = &attention.window
            && self.step.sequence >= window.size
        {
            only(&window.layers, kind.windowed);
        }
        if attention.rotary_dim > 0 {
            only(&attention.unrotated, !kind.rotary);
        }
        if let Some(experts) = &self.architecture.experts {
            only(&experts.layers, kind.experts);
        }
        let every = self.step.recompute_every;
        if every > 1 && self.recomputes_blocks() {
            let recomputed = (0..layers).filter(|layer| layer.is_multiple_of(every));
            let recomputed = recomputed.fold(LayerSet::NONE, LayerSet::with);
            only(&recomputed, kind.recomputed);
        }
        alike
    }
}

/// What tells one block from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// Its attention is within a window that the sequence is longer than.
    pub windowed: bool,
    /// Its kernel is handed a mask.
    pub masked: bool,
    /// It has experts in place of the feed-forward network.
    pub experts: bool,
    /// It has rotary positions.
    pub rotary: bool,
    /// Neither it nor anything before it is trained: no graph, nothing kept.
    pub untrained: bool,
    /// Nothing before it is trained: its input needs no gradient.
    pub first_trained: bool,
    /// Only its input is kept, the rest computed again.
    pub recomputed: bool,
}

impl Kind {
    /// How many codes there are.
    pub const COUNT: usize = 18;

    /// A number below [`Kind::COUNT`], its own for each kind that a model may have.
    pub const fn code(self) -> usize {
        if self.untrained {
            16
        } else if self.first_trained {
            17
        } else {
            self.windowed as usize
                + 2 * self.experts as usize
                + 4 * self.rotary as usize
                + 8 * self.recomputed as usize
        }
    }
}

/// A block of one kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    pub run: &'a Run<'a>,
    pub kind: Kind,
}

/// A linear layer's sides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matrix {
    pub inputs: u64,
    pub outputs: u64,
    pub bias: bool,
}

impl<'a> Block<'a> {
    pub fn experts(&self) -> Option<&'a Experts> {
        if self.kind.experts {
            self.run.architecture.experts.as_ref()
        } else {
            None
        }
    }

    /// How this block's queries and keys are rotated.
    pub fn rotary(&self) -> Option<Rotary> {
        self.kind.rotary.then_some(self.run.how.rotary)
    }

    /// The kernel that attention runs on here. Flash and cuDNN take 16 bit only, no mask, and heads of one size.
    pub fn kernel(&self) -> AttentionKernel {
        let fits = !self.kind.masked
            && self.run.matmul == Dtype::Sixteen
            && self.run.architecture.attention.latent.is_none();
        match self.run.step.attention {
            AttentionKernel::Flash | AttentionKernel::Cudnn if !fits => AttentionKernel::Efficient,
            kernel => kernel,
        }
    }

    /// Width of a head's values.
    pub fn value_dim(&self) -> u64 {
        let attention = &self.run.architecture.attention;
        attention
            .latent
            .map_or(attention.head_dim, |latent| latent.value_dim)
    }

    /// A linear layer's sides. Experts' are those of one expert.
    pub fn matrix(&self, linear: Linear) -> Matrix {
        let architecture = self.run.architecture;
        let attention = &architecture.attention;
        let network = &architecture.feed_forward;
        let latent = attention.latent.unwrap_or(crate::model::Latent::DEFAULT);
        let experts = architecture.experts.as_ref().unwrap_or(&Experts::DEFAULT);
        let h = architecture.hidden;
        let (a, g, d) = (attention.heads, attention.kv_heads, attention.head_dim);
        let (inputs, outputs, bias) = match linear {
            Linear::QueryKeyValue => (h, (a + 2 * g) * d, attention.qkv_bias),
            Linear::Query => (h, a * d, attention.qkv_bias && attention.latent.is_none()),
            Linear::Key | Linear::Value => (h, g * d, attention.qkv_bias),
            Linear::QueryDown => (h, latent.query_rank.unwrap_or(0), attention.qkv_bias),
            Linear::QueryUp => (latent.query_rank.unwrap_or(0), a * d, false),
            Linear::KeyValueDown => (h, latent.kv_rank + latent.rope_dim, attention.qkv_bias),
            Linear::KeyValueUp => {
                let outputs = a * (latent.nope_dim + latent.value_dim);
                (latent.kv_rank, outputs, false)
            }
            Linear::Output => (a * self.value_dim(), h, attention.output_bias),
            Linear::GateUp => (h, 2 * network.size, network.bias),
            Linear::Gate | Linear::Up => (h, network.size, network.bias),
            Linear::Down => (network.size, h, network.bias),
            Linear::SharedGate | Linear::SharedUp => (h, experts.shared_size, false),
            Linear::SharedDown => (experts.shared_size, h, false),
            Linear::SharedScale => (h, 1, false),
            Linear::Router => {
                let bias = experts.router_bias == crate::model::RouterBias::Parameter;
                (h, experts.count, bias)
            }
            Linear::ExpertsGateUp => (h, 2 * experts.size, experts.expert_bias),
            Linear::ExpertsDown => (experts.size, h, experts.expert_bias),
            Linear::Head => (h, architecture.vocabulary, architecture.head_bias),
        };
        Matrix {
            inputs,
            outputs,
            bias,
        }
    }

    /// Whether norms' weights and the base's matrices are trained here.
    pub fn trained(&self) -> bool {
        self.run.adapters().is_none() && !self.kind.untrained
    }

    /// Whether a linear layer has an adapter.
    pub fn adapted(&self, linear: Linear) -> Option<&'a Adapters> {
        self.run
            .step
            .adapters
            .as_ref()
            .filter(|adapters| adapters.on(linear))
    }

    /// Which tensor a linear layer keeps of its input `x`, called `input`: the input itself, or a copy in the dtype it
    /// computes in. A frozen one without adapter keeps none.
    ///
    /// Autocast casts activations anew for every layer: only casts of weights are cached.
    pub fn kept_input(&self, linear: Linear, input: Kept, x: Dtype) -> Option<(Saved, Dtype)> {
        let copy = Saved::Linear(linear, OfLinear::InputCopy);
        if self.trained() {
            return Some(if self.run.autocast && x == Dtype::Fp32 {
                (copy, Dtype::Sixteen)
            } else {
                (input.into(), x)
            });
        }
        let adapters = self.adapted(linear)?;
        let adapter = adapters.dtype(self.run.parameter);
        Some(if adapters.dropout && !self.run.autocast {
            // Dropout's output.
            (copy, adapter)
        } else if self.run.autocast {
            // The input is cast to the adapter's FP32 first, and back by autocast.
            (copy, Dtype::Sixteen)
        } else if adapter != x {
            (copy, adapter)
        } else {
            (input.into(), x)
        })
    }

    /// Which tensor a product with a frozen four-bit weight keeps of its input beside what an adapter keeps.
    pub fn kept_by_base(&self, linear: Linear, input: Kept) -> Option<Saved> {
        let run = self.run;
        let quantised = run.four_bit_keeps_inputs() && run.quantises(linear) && !self.trained();
        let idle = self.kind.first_trained && linear.reads_block_input();
        (quantised && !idle).then(|| input.into())
    }
}
