//! A feed-forward network on one rank: the dense one, or the shared experts'.

use super::linear::{self, Dummy};
use super::run::LinearFormat;
use super::slice::{Slice, halves};
use crate::memory::ranks::tensor::{Dtype, Level, Sink, Tensor};

/// Sides and bytes of a feed-forward network's tensors on one rank.
#[derive(Clone, Copy, Debug)]
pub struct FeedForward<'a> {
    slice: Slice<'a>,
    /// Inner columns on this rank, f/t.
    columns: u64,
    /// Inner columns with the gate's: 2·f/t where gated.
    inner: u64,
}

impl<'a> FeedForward<'a> {
    /// Of `columns` inner columns on this rank.
    pub fn new(slice: Slice<'a>, columns: u64) -> Self {
        let gated = slice.model.feed_forward.gated;
        Self {
            slice,
            columns,
            inner: columns * (1 + u64::from(gated)),
        }
    }

    /// Parameters, in the order they are registered.
    pub fn parameters<S: Sink>(&self, sink: &mut S) {
        let hidden = self.slice.model.hidden;
        let bias = self.slice.model.feed_forward.bias;
        let name = if self.slice.model.feed_forward.gated {
            "gate and up projection"
        } else {
            "up projection"
        };
        sink.hold(Tensor::new(name, [self.inner, hidden, 1, 1], Dtype::Bf16));
        if bias {
            sink.hold(Tensor::new(
                "up projection’s bias",
                [self.inner, 1, 1, 1],
                Dtype::Bf16,
            ));
        }
        sink.hold(Tensor::new(
            "down projection",
            [hidden, self.columns, 1, 1],
            Dtype::Bf16,
        ));
        if bias {
            sink.hold(Tensor::new(
                "down projection’s bias",
                [hidden, 1, 1, 1],
                Dtype::Bf16,
            ));
        }
    }

    /// Shapes of weights whose shared dummy gradients stay.
    pub fn dummies(&self) -> [Dummy; 2] {
        let hidden = self.slice.model.hidden;
        [
            Dummy::new(self.inner, hidden),
            Dummy::new(hidden, self.columns),
        ]
    }

    /// What the forward pass keeps after the up projection's input.
    pub fn saved<S: Sink>(&self, sink: &mut S) {
        let tokens = self.slice.tokens;
        sink.hold(Tensor::new(
            "activation’s input",
            [tokens, self.inner, 1, 1],
            Dtype::Bf16,
        ));
        let name = "down projection’s input";
        self.slice.hold_input(name, tokens, self.columns, sink);
    }

    /// The forward pass up to the down projection's input.
    pub fn forward(&self, level: &mut Level) {
        let slice = &self.slice;
        let columns = halves(slice.tokens, self.columns);
        let inner = halves(slice.tokens, self.inner);
        if slice.sequence_parallel && slice.transformer_engine() {
            let gathered = slice.gathered_for_product(slice.gathered());
            level.take(gathered);
            level.take(inner);
            level.give(gathered);
        } else {
            level.take(inner);
        }
        activation_forward(slice, columns, level);
        // Of the activation's output, the part that is quantised stays.
        if slice.format() != LinearFormat::Bf16 {
            level.take(slice.input(slice.tokens, self.columns));
            level.give(columns);
        }
    }

    /// The backward pass: from the gradient of the down projection's output, still divided, to that of the up
    /// projection's input.
    pub fn backward(&self, level: &mut Level) {
        let slice = &self.slice;
        let [up, down] = self.dummies();
        let columns = halves(slice.tokens, self.columns);
        let inner = halves(slice.tokens, self.inner);
        linear::row_backward(slice, self.columns, columns, down, level);
        level.release(slice.input(slice.tokens, self.columns));
        activation_backward(slice, columns, inner, level);
        level.release(inner);
        linear::column_backward(slice, inner, up, level);
    }
}

/// The activation's backward pass: in, a gradient of `columns` bytes; out, one of `inner` bytes.
///
/// Compiled it is one kernel. Run eagerly, GeLU's derivative holds six temporaries beside the gradient at its worst,
/// SwiGLU's two beside the result (Megatron-core, fusions/fused_bias_gelu.py and fused_bias_swiglu.py).
pub fn activation_backward(slice: &Slice, columns: u128, inner: u128, level: &mut Level) {
    let gated = slice.model.feed_forward.gated;
    let beside = match (slice.run.compiled, gated) {
        (true, _) => inner,
        (false, true) => 2 * columns + inner,
        (false, false) => 6 * columns,
    };
    level.take(beside);
    level.give(beside - inner);
    level.give(columns);
}

/// The activation: out, `columns` bytes. Run eagerly, GeLU's tanh form holds four temporaries beside them at its worst,
/// SwiGLU one.
pub fn activation_forward(slice: &Slice, columns: u128, level: &mut Level) {
    let beside = match (slice.run.compiled, slice.model.feed_forward.gated) {
        (true, _) => 0,
        (false, true) => columns,
        (false, false) => 4 * columns,
    };
    level.take(columns + beside);
    level.give(beside);
}
