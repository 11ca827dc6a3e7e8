//! Attention on one rank: parameters, what its forward pass keeps, its backward pass.

use super::linear::{self, Dummy};
use super::run::{CoreAttention, Recompute};
use super::slice::{Slice, halves};
use crate::memory::ranks::tensor::{Dtype, Level, Sink, Sum, Tensor, rounded};

/// Sides and bytes of attention's tensors on one rank.
#[derive(Clone, Copy, Debug)]
pub struct Attention<'a> {
    slice: Slice<'a>,
    /// Whether this layer's queries and keys are rotated.
    rotated: bool,
    /// Bytes of the queries of this rank's heads.
    query: u128,
    /// Bytes of its keys; as many of its values.
    key: u128,
    /// Bytes of keys repeated to as many heads as the queries have.
    repeated: u128,
    /// Bytes of attention's scores, 16 bits each; 0 where they are never held.
    scores: u128,
    /// Bytes of a mask over them, 1 each.
    scores_mask: u128,
}

impl<'a> Attention<'a> {
    /// Of this slice, in a layer whose positions are `rotated` or not.
    pub fn new(slice: Slice<'a>, rotated: bool) -> Self {
        let dim = slice.model.attention.head_dim;
        let elements = u128::from(slice.run.micro_batch)
            * u128::from(slice.heads)
            * u128::from(slice.sequence)
            * u128::from(slice.sequence);
        Self {
            slice,
            rotated: rotated && slice.model.attention.rotary_dim > 0,
            query: halves(slice.tokens, slice.heads * dim),
            key: halves(slice.tokens, slice.kv_heads * dim),
            repeated: halves(slice.tokens, slice.heads * dim),
            scores: rounded(2 * elements),
            scores_mask: rounded(elements),
        }
    }

    fn grouped(&self) -> bool {
        self.slice.kv_heads < self.slice.heads
    }

    fn unfused(&self) -> bool {
        self.slice.run.core_attention == CoreAttention::Unfused
    }

    fn selective(&self) -> bool {
        self.slice.run.recompute == Recompute::Selective
    }

    /// Whether the fused softmax takes these shapes: at most 4,096 tokens, heads × micro-batch a multiple of 4
    /// (Megatron-core, fusions/fused_softmax.py, `is_kernel_available`). Else a mask of s² is filled in.
    fn fused_softmax(&self) -> bool {
        self.slice.sequence <= 4_096
            && (self.slice.heads * self.slice.run.micro_batch).is_multiple_of(4)
    }

    /// Bytes of the mask that the softmax fills in where its fused kernel does not run.
    fn causal_mask(&self) -> u128 {
        if self.unfused() && !self.fused_softmax() {
            rounded(u128::from(self.slice.sequence) * u128::from(self.slice.sequence))
        } else {
            0
        }
    }

    /// Bytes of the buffer that scores are multiplied into, kept for ever ("mpu" of Megatron-core's global memory
    /// buffer, transformer/dot_product_attention.py).
    pub fn scores_buffer(&self) -> u128 {
        if self.unfused() { self.scores } else { 0 }
    }

    /// Parameters, in the order they are registered.
    pub fn parameters<S: Sink>(&self, sink: &mut S) {
        let slice = &self.slice;
        let attention = &slice.model.attention;
        let hidden = slice.model.hidden;
        let width = slice.heads * attention.head_dim;
        let rows = (slice.heads + 2 * slice.kv_heads) * attention.head_dim;
        sink.hold(Tensor::new(
            "output projection",
            [hidden, width, 1, 1],
            Dtype::Bf16,
        ));
        if attention.output_bias {
            sink.hold(Tensor::new(
                "output projection’s bias",
                [hidden, 1, 1, 1],
                Dtype::Bf16,
            ));
        }
        sink.hold(Tensor::new(
            "q, k and v projection",
            [rows, hidden, 1, 1],
            Dtype::Bf16,
        ));
        if attention.qkv_bias {
            sink.hold(Tensor::new(
                "q, k and v projection’s bias",
                [rows, 1, 1, 1],
                Dtype::Bf16,
            ));
        }
        if slice.head_norms() {
            slice.norm_parameters("query norm", attention.head_dim, sink);
            slice.norm_parameters("key norm", attention.head_dim, sink);
        }
    }

    /// Shapes of weights whose shared dummy gradients stay.
    pub fn dummies(&self) -> [Dummy; 2] {
        let slice = &self.slice;
        let dim = slice.model.attention.head_dim;
        [
            Dummy::new(slice.model.hidden, slice.heads * dim),
            Dummy::new((slice.heads + 2 * slice.kv_heads) * dim, slice.model.hidden),
        ]
    }

    fn heads_tensor(&self, name: &'static str, heads: u64) -> Tensor {
        Tensor::new(
            name,
            [
                self.slice.sequence,
                self.slice.run.micro_batch,
                heads,
                self.slice.model.attention.head_dim,
            ],
            Dtype::Bf16,
        )
    }

    fn scores_tensor(&self, name: &'static str, dtype: Dtype) -> Tensor {
        let slice = &self.slice;
        Tensor::new(
            name,
            [
                slice.run.micro_batch,
                slice.heads,
                slice.sequence,
                slice.sequence,
            ],
            dtype,
        )
    }

    /// What the forward pass keeps between the projections' input and the output projection's input, that one
    /// included.
    pub fn saved<S: Sink>(&self, sink: &mut S) {
        let slice = &self.slice;
        let whole = self
            .heads_tensor("q, k and v projection’s output", slice.heads)
            .with_heads(slice.heads + 2 * slice.kv_heads);
        let queries = self.heads_tensor("queries", slice.heads);
        let keys = self.heads_tensor("keys", slice.kv_heads);
        let values = self.heads_tensor("values", slice.kv_heads);
        self.saved_by_head_norms(sink);
        self.saved_tables(sink);
        if self.selective() {
            // The inputs of attention's core: v, and without rotation q and k, are views of the projection's output.
            sink.hold(whole);
            if self.rotated {
                sink.hold(queries);
                sink.hold(keys);
            } else if self.grouped() {
                sink.hold(queries);
            }
        } else if self.unfused() {
            if self.grouped() {
                sink.hold(queries);
                sink.hold(self.heads_tensor("keys, repeated to all heads", slice.heads));
                sink.hold(self.heads_tensor("values, repeated to all heads", slice.heads));
            } else {
                sink.hold(whole);
                if self.rotated {
                    sink.hold(queries);
                    sink.hold(keys);
                }
            }
            sink.hold(self.scores_tensor("softmax", Dtype::Bf16));
            if slice.run.attention_dropout {
                sink.hold(self.scores_tensor("attention’s dropout mask", Dtype::Bool));
                sink.hold(self.scores_tensor("probabilities after dropout", Dtype::Bf16));
            }
            self.hold_causal_mask(sink);
        } else {
            sink.hold(queries);
            sink.hold(keys);
            sink.hold(values);
            sink.hold(Tensor::new(
                "log-sum-exp",
                [slice.run.micro_batch, slice.heads, slice.sequence, 1],
                Dtype::Fp32,
            ));
        }
        sink.hold(self.heads_tensor("attention’s output", slice.heads));
        let width = slice.heads * slice.model.attention.head_dim;
        slice.hold_shared_input("output projection’s input", slice.tokens, width, sink);
        if self.exchanged() > 0 {
            sink.hold(self.heads_tensor("attention’s output before the exchange", slice.heads));
        }
    }

    /// Bytes of the output kept a second time, as all-to-all exchanges it between context-parallel ranks.
    fn exchanged(&self) -> u128 {
        if self.slice.exchanges_heads() && !self.unfused() {
            self.query
        } else {
            0
        }
    }

    fn hold_causal_mask<S: Sink>(&self, sink: &mut S) {
        if self.causal_mask() > 0 {
            let sequence = self.slice.sequence;
            sink.hold(Tensor::new(
                "causal mask",
                [sequence, sequence, 1, 1],
                Dtype::Bool,
            ));
        }
    }

    /// Inputs and statistics of norms over heads: the projection's output stays, and its normalised queries and keys
    /// are what rotation reads.
    fn saved_by_head_norms<S: Sink>(&self, sink: &mut S) {
        let slice = &self.slice;
        if slice.head_norms() {
            sink.hold(self.heads_tensor("queries before their norm", slice.heads));
            sink.hold(self.heads_tensor("keys before their norm", slice.kv_heads));
            slice.hold_statistics(slice.tokens * slice.heads, sink);
            slice.hold_statistics(slice.tokens * slice.kv_heads, sink);
        }
    }

    /// cos and sin for q and for k, in 16 bits, where a kernel does not apply them.
    fn saved_tables<S: Sink>(&self, sink: &mut S) {
        if self.rotated && !self.slice.run.rope_fusion {
            sink.hold(Tensor {
                count: 4,
                ..Tensor::new(
                    "cos and sin",
                    [
                        self.slice.sequence,
                        self.slice.model.attention.rotary_dim,
                        1,
                        1,
                    ],
                    Dtype::Bf16,
                )
            });
        }
    }

    /// Bytes of the four tables.
    fn tables(&self) -> u128 {
        if self.rotated && !self.slice.run.rope_fusion {
            4 * halves(self.slice.sequence, self.slice.model.attention.rotary_dim)
        } else {
            0
        }
    }

    /// The forward pass up to the output projection's input.
    pub fn forward(&self, level: &mut Level) {
        let mut kept = Sum::default();
        self.saved(&mut kept);
        let beside = if self.unfused() {
            self.scores + self.query
        } else {
            0
        };
        level.take(kept.0 + beside);
        level.give(beside);
    }

    /// The backward pass: from the gradient of the output projection's output, still divided, to that of the
    /// projections' input, added to `level`.
    pub fn backward(&self, level: &mut Level) {
        let slice = &self.slice;
        let dim = slice.model.attention.head_dim;
        let [output, projection] = self.dummies();
        linear::row_backward(slice, slice.heads * dim, self.query, output, level);
        level.release(slice.shared_input(slice.tokens, slice.heads * dim));
        if self.unfused() {
            // The output projection's input; a fused kernel's own output is its input too.
            level.release(self.query);
        }
        if self.selective() {
            self.recompute_core(level);
        }
        if self.unfused() {
            self.unfused_backward(level);
        } else {
            level.take(self.query + 2 * self.key);
            level.give(self.query);
            level.release(self.inputs() + self.query + self.exchanged());
            if self.selective() {
                level.give(self.log_sum_exp());
            } else {
                level.release(self.log_sum_exp());
            }
        }
        if self.rotated {
            self.rotation_backward(level);
        }
        if slice.head_norms() {
            self.head_norms_backward(level);
        }
        // Gradients of q, k and v side by side.
        let whole = halves(slice.tokens, (slice.heads + 2 * slice.kv_heads) * dim);
        level.take(whole);
        level.give(self.query + 2 * self.key);
        linear::column_backward(slice, whole, projection, level);
    }

    fn log_sum_exp(&self) -> u128 {
        rounded(4 * u128::from(self.slice.tokens) * u128::from(self.slice.heads))
    }

    /// Bytes of what attention's core reads, as kept.
    fn inputs(&self) -> u128 {
        let whole = halves(
            self.slice.tokens,
            (self.slice.heads + 2 * self.slice.kv_heads) * self.slice.model.attention.head_dim,
        );
        if self.selective() {
            let copies = match (self.rotated, self.grouped()) {
                (true, _) => self.query + self.key,
                (false, true) => self.query,
                (false, false) => 0,
            };
            return whole + copies;
        }
        if !self.unfused() {
            return self.query + 2 * self.key;
        }
        match (self.grouped(), self.rotated) {
            (true, _) => self.query + 2 * self.repeated,
            (false, true) => whole + self.query + self.key,
            (false, false) => whole,
        }
    }

    /// Selective recomputation: attention's core once more, from its kept inputs.
    fn recompute_core(&self, level: &mut Level) {
        if !self.unfused() {
            level.take(self.query + 2 * self.key + self.query + self.log_sum_exp());
            // The log-sum-exp was not kept: it stays from here until the kernel's backward pass.
            level.give(self.query + 2 * self.key + self.query);
            return;
        }
        if self.grouped() {
            level.take(2 * self.repeated);
        }
        self.unfused_forward(level);
    }

    /// Scores, softmax, dropout and the product with the values; what stays is what the backward pass reads, and the
    /// output that selective recomputation computes again.
    fn unfused_forward(&self, level: &mut Level) {
        level.take(self.scores);
        level.take(self.causal_mask());
        if self.causal_mask() > 0 {
            // The masked scores beside the scores.
            level.take(self.scores);
        }
        level.take(self.scores);
        if self.slice.run.attention_dropout {
            level.take(self.scores_mask + self.scores);
        }
        level.take(2 * self.query);
        level.give(self.query);
        level.give(self.scores);
        if self.causal_mask() > 0 {
            level.give(self.scores);
        }
    }

    /// The backward pass of scores, softmax and product: the softmax's gradient overwrites its incoming one.
    fn unfused_backward(&self, level: &mut Level) {
        let values = if self.grouped() {
            self.repeated
        } else {
            self.key
        };
        // What selective recomputation computed again was taken in this pass, the rest kept from the forward pass.
        let again = self.selective();
        let done = |level: &mut Level, bytes| {
            if again {
                level.give(bytes);
            } else {
                level.release(bytes);
            }
        };
        // Of the values, and of the probabilities.
        level.take(values);
        level.take(self.scores);
        if self.slice.run.attention_dropout {
            done(level, self.scores);
            level.take(self.scores);
            level.give(self.scores);
            done(level, self.scores_mask);
        }
        if self.causal_mask() > 0 {
            level.take(self.scores);
            level.give(self.scores);
            done(level, self.causal_mask());
        }
        // The softmax.
        done(level, self.scores);
        // Of the queries and keys, each scaled into a second tensor.
        level.take(2 * self.query);
        level.give(self.query);
        level.take(2 * values);
        level.give(values);
        level.give(self.scores);
        level.release(self.inputs());
        if again {
            level.give(self.query);
            if self.grouped() {
                level.give(2 * self.repeated);
            }
        }
        // The gradient of the output, and the sums over each group's repetitions.
        level.give(self.query);
        if self.grouped() {
            level.take(self.key);
            level.give(values);
            level.take(self.key);
            level.give(values);
        }
    }

    /// Norms over heads, backward: gradients of both, then what they kept goes.
    fn head_norms_backward(&self, level: &mut Level) {
        let slice = &self.slice;
        level.take(self.query + self.key);
        level.give(self.query + self.key);
        level.release(
            self.query
                + self.key
                + slice.statistics(slice.tokens * slice.heads)
                + slice.statistics(slice.tokens * slice.kv_heads),
        );
    }

    /// Rotation's backward pass, k then q: half of it negated, the two halves joined, the sum.
    fn rotation_backward(&self, level: &mut Level) {
        if self.slice.run.rope_fusion {
            level.take(self.query);
            level.give(self.query);
            return;
        }
        for bytes in [self.key, self.query] {
            level.take(bytes);
            level.take(bytes / 2 + bytes);
            level.give(bytes + bytes / 2);
            level.take(bytes + bytes);
            level.give(3 * bytes);
        }
        level.release(self.tables());
    }
}

impl Tensor {
    fn with_heads(mut self, heads: u64) -> Self {
        self.shape[2] = heads;
        self
    }
}
