//! A mixture of experts on one rank: router, routed experts on the token copies it receives, shared experts
//! (Megatron-core, transformer/moe/: router.py, token_dispatcher.py's all-to-all, experts.py's TEGroupedMLP).

use super::feed_forward::{FeedForward, activation_backward};
use super::linear::Dummy;
use super::slice::{Slice, halves};
use crate::memory::ranks::tensor::{Dtype, Level, Sink, Sum, Tensor, rounded};
use crate::model::{Experts, RouterBias};

/// Sides and bytes of a mixture's tensors on one rank.
#[derive(Clone, Copy, Debug)]
pub struct MixtureOfExperts<'a> {
    slice: Slice<'a>,
    experts: Experts,
    /// Experts on this rank, E/e.
    local: u64,
    /// Inner columns of one expert on this rank.
    columns: u64,
    /// Inner columns with the gate's.
    inner: u64,
    /// Token copies this rank sends.
    sent: u64,
    /// Token copies its experts receive.
    received: u64,
}

impl<'a> MixtureOfExperts<'a> {
    /// Of this slice.
    pub fn new(slice: Slice<'a>, experts: Experts) -> Self {
        let columns = experts.size.div_ceil(slice.expert_tensor);
        let sent = slice.sharded * experts.active;
        let balanced = sent * slice.expert_tensor;
        // Token copies stay whole: an imbalance of 1.05 on 24,576 makes 25,805.
        let received = if slice.run.imbalance == 1.0 {
            balanced
        } else {
            (balanced as f64 * slice.run.imbalance).ceil() as u64
        };
        Self {
            slice,
            experts,
            local: experts.count.div_ceil(slice.expert),
            columns,
            inner: columns * (1 + u64::from(slice.model.feed_forward.gated)),
            sent,
            received,
        }
    }

    fn shared(&self) -> Option<FeedForward<'a>> {
        let columns = self.experts.shared_size.div_ceil(self.slice.tensor);
        (columns > 0).then(|| FeedForward::new(self.slice, columns))
    }

    /// Parameters but for the routed experts', in the order they are registered.
    pub fn dense_parameters<S: Sink>(&self, sink: &mut S) {
        let hidden = self.slice.model.hidden;
        sink.hold(Tensor::new(
            "router",
            [self.experts.count, hidden, 1, 1],
            Dtype::Bf16,
        ));
        if self.experts.router_bias == RouterBias::Parameter {
            sink.hold(Tensor::new(
                "router’s bias",
                [self.experts.count, 1, 1, 1],
                Dtype::Bf16,
            ));
        }
        if let Some(shared) = self.shared() {
            shared.parameters(sink);
            if self.experts.shared_gate {
                sink.hold(Tensor::new(
                    "shared experts’ gate",
                    [1, hidden, 1, 1],
                    Dtype::Bf16,
                ));
            }
        }
    }

    /// Parameters of the routed experts.
    pub fn routed_parameters<S: Sink>(&self, sink: &mut S) {
        let hidden = self.slice.model.hidden;
        let mut each = |name, rows, columns| {
            sink.hold(Tensor {
                count: self.local,
                ..Tensor::new(name, [rows, columns, 1, 1], Dtype::Bf16)
            });
        };
        each("experts’ gate and up projections", self.inner, hidden);
        if self.experts.expert_bias {
            each("experts’ biases of gate and up", self.inner, 1);
        }
        each("experts’ down projections", hidden, self.columns);
        if self.experts.expert_bias {
            each("experts’ biases of down", hidden, 1);
        }
    }

    /// Shapes of weights whose shared dummy gradients stay: one for all experts.
    pub fn dummies(&self, each: &mut impl FnMut(Dummy)) {
        let hidden = self.slice.model.hidden;
        each(Dummy::new(self.inner, hidden));
        each(Dummy::new(hidden, self.columns));
        if let Some(shared) = self.shared() {
            shared.dummies().into_iter().for_each(each);
        }
    }

    /// What the forward pass keeps after the norm's output, which router, permutation and shared experts read.
    pub fn saved<S: Sink>(&self, sink: &mut S) {
        let (tokens, count) = (self.slice.sharded, self.experts.count);
        let hidden = self.slice.model.hidden;
        let routing = |name, dtype| Tensor::new(name, [tokens, count, 1, 1], dtype);
        sink.hold(routing("router’s scores", Dtype::Fp32));
        sink.hold(routing("probabilities by expert", Dtype::Fp32));
        sink.hold(routing("routing map", Dtype::Bool));
        sink.hold(routing("scores of the balancing loss", Dtype::Fp32));
        sink.hold(Tensor::new(
            "rows of token copies",
            [tokens, 2 * count + 1, 1, 1],
            Dtype::Int32,
        ));
        if let Some(shared) = self.shared() {
            let name = "shared experts’ input";
            self.slice.hold_shared_input(name, tokens, hidden, sink);
            shared.saved(sink);
        }
        let copies = |name, width, dtype| Tensor::new(name, [self.received, width, 1, 1], dtype);
        sink.hold(copies("probabilities of copies received", 1, Dtype::Fp32));
        let received = self.received;
        self.slice
            .hold_input("experts’ input", received, hidden, sink);
        sink.hold(copies(
            "experts’ activation’s input",
            self.inner,
            Dtype::Bf16,
        ));
        if !self.slice.run.recompute_expert_activation {
            let name = "experts’ down projections’ input";
            self.slice.hold_input(name, received, self.columns, sink);
        }
        if !self.slice.run.probabilities_in_experts {
            sink.hold(Tensor::new(
                "experts’ output before it is weighted",
                [self.sent, hidden, 1, 1],
                Dtype::Bf16,
            ));
        }
    }

    /// The forward pass: ends with what it keeps.
    pub fn forward(&self, level: &mut Level) {
        let mut kept = Sum::default();
        self.saved(&mut kept);
        level.take(kept.0);
        // Copies as sent and as received stay referenced to the end of the layer (transformer/moe/moe_layer.py,
        // `custom_forward`), beside the experts' output, sorted by its senders, and then as it came back.
        let residual = self.slice.residual();
        let received = halves(self.received, self.slice.model.hidden);
        let sent = halves(self.sent, self.slice.model.hidden);
        let shared = u128::from(self.shared().is_some()) * residual;
        let arrived = u128::from(self.local > 1) * received;
        let exchanged = u128::from(self.exchanges());
        level.take(shared + exchanged * sent + arrived + received);
        level.take(arrived);
        level.give(arrived);
        level.take(exchanged * sent);
        // The sum over a token's experts, and with the shared ones.
        level.take(residual);
        level.give(exchanged * sent);
        level.take(shared);
        level.give(2 * shared + exchanged * sent + arrived + received + residual);
    }

    /// Whether token copies go to other ranks.
    fn exchanges(&self) -> bool {
        self.slice.expert > 1 || self.slice.expert_tensor > 1
    }

    fn routing_bytes(&self) -> u128 {
        let cells = u128::from(self.slice.sharded) * u128::from(self.experts.count);
        let rows = u128::from(self.slice.sharded) * (2 * u128::from(self.experts.count) + 1);
        3 * rounded(4 * cells) + rounded(cells) + rounded(4 * rows)
    }

    /// The backward pass: from the gradient of the layer's output to that of the norm's output.
    ///
    /// Combination, experts, shared experts, dispatch, router: the reverse of the forward pass.
    pub fn backward(&self, level: &mut Level) {
        let slice = &self.slice;
        let hidden = slice.model.hidden;
        let sent = halves(self.sent, hidden);
        let received = halves(self.received, hidden);
        let columns = halves(self.received, self.columns);
        let inner = halves(self.received, self.inner);
        // The gradient behind the dropout, which routed and shared experts read.
        let masked = if slice.run.hidden_dropout {
            level.take(slice.residual());
            level.release(slice.mask());
            slice.residual()
        } else {
            0
        };
        // Token copies of the output's gradient, sent to the experts' ranks, sorted by expert.
        level.take(sent);
        if !slice.run.probabilities_in_experts {
            level.release(sent);
        }
        if self.exchanges() {
            level.take(received);
            level.give(sent);
        }
        if self.local > 1 {
            level.take(received);
            level.give(received);
        }
        // Down projections, activation, gate and up projections.
        let again = self.slice.run.recompute_expert_activation;
        if again {
            level.take(columns);
        }
        let quantised = slice.quantised(received);
        level.take(quantised);
        level.take(columns);
        level.give(quantised);
        level.give(received);
        if again {
            level.give(columns);
        } else {
            level.release(slice.input(self.received, self.columns));
        }
        activation_backward(slice, columns, inner, level);
        level.release(inner + rounded(4 * u128::from(self.received)));
        let quantised = slice.quantised(inner);
        level.take(quantised);
        level.take(received);
        level.give(quantised);
        level.give(inner);
        level.release(slice.input(self.received, hidden));
        if self.local > 1 {
            level.take(received);
            level.give(received);
        }
        if let Some(shared) = self.shared() {
            shared.backward(level);
            // The norm's output is read by others yet, and the branch has one mask: neither is released twice.
            level.keep(slice.input(slice.sharded, hidden));
            level.release(slice.shared_input(slice.sharded, hidden));
            if slice.run.hidden_dropout {
                level.keep(slice.mask());
            }
        }
        // Back to the tokens' own ranks, and summed.
        if self.exchanges() {
            level.take(sent);
            level.give(received);
        }
        level.take(slice.residual());
        level.give(sent);
        if self.shared().is_some() {
            level.take(slice.residual());
            level.give(2 * slice.residual());
        }
        // The router's own share of the gradient, and its sum with the rest.
        level.take(slice.residual());
        level.take(slice.residual());
        level.give(2 * slice.residual());
        level.release(self.routing_bytes());
        level.release(slice.residual());
        level.give(masked);
    }
}
