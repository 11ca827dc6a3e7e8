//! Tensor parallelism of DTensors by torchtitan's plan for Llama: sequence-parallel norms, projections divided by
//! columns and by rows, the head by its vocabulary, the loss over that or over gathered logits
//! (torchtitan, models/llama3/infra/parallelize.py).
//!
//! Unlike Megatron-core's, the gathered inputs of q, k, v and of gate and up are kept whole: a layer keeps
//! (one GPU's − 4·s·b·h)/t + 4·s·b·h. Norms are Hugging Face's, with FP32 copies.

use super::footprint::{Lines, Part as Place};
use super::tensor::{Dtype, Level, Sink, Sum, Tensor, Times, rounded};
use super::walk::Walk;
use crate::memory::detailed::{BlockCost, Ends, Step};
use crate::model::Architecture;
use crate::model::parameters::{Part, Shape, Tensor as Weight};
use crate::training::Recomputation;
use crate::units::Bytes;

/// Tensor parallelism of a rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorParallel {
    /// Ranks over which tensors are divided, t.
    pub ranks: u64,
    /// Whether the loss is computed over the divided vocabulary (`loss_parallel`).
    pub loss_parallel: bool,
}

impl TensorParallel {
    /// A weight's sides on one rank: projections into a branch by rows of the matrix, out of it by columns, embedding
    /// and head by vocabulary; norms are whole.
    pub fn cut(self, tensor: &Weight) -> Shape {
        let part = |side: u64| side.div_ceil(self.ranks);
        match (tensor.shape, tensor.part, tensor.name) {
            (Shape::Two(rows, columns), Part::Block, "o" | "down") => {
                Shape::Two(rows, part(columns))
            }
            (Shape::Two(rows, columns), Part::Block | Part::Embedding | Part::Head, _) => {
                Shape::Two(part(rows), columns)
            }
            (Shape::Three(count, rows, columns), ..) => Shape::Three(count, part(rows), columns),
            (shape, ..) => shape,
        }
    }
}

/// Sides of one rank's slices of a step.
#[derive(Clone, Copy, Debug)]
struct Slice<'a> {
    step: &'a Step<'a>,
    model: &'a Architecture,
    plan: TensorParallel,
    /// Tokens of a micro-batch, N.
    tokens: u128,
    /// Those of one rank's part of the sequence, N/t.
    sharded: u128,
    /// The same.
    rows: u64,
    /// Query heads × width, a·d/t.
    queries: u128,
    /// Key heads × width, g·d/t.
    keys: u128,
    /// Inner columns, f/t.
    columns: u128,
}

/// What one block comes to on a rank.
pub(super) fn block(step: &Step, plan: TensorParallel) -> BlockCost {
    Slice::new(step, plan).block()
}

/// What stands outside the blocks on a rank.
pub(super) fn ends(step: &Step, plan: TensorParallel) -> Ends {
    Slice::new(step, plan).ends()
}

/// Lists what blocks of a rank keep, and its head.
pub(super) fn list(step: &Step, plan: TensorParallel, walk: &Walk, lines: &mut Lines) {
    let slice = Slice::new(step, plan);
    let mut kept = Vec::new();
    let mut all = Times {
        sink: &mut kept,
        times: walk.in_flight(),
    };
    if step.recomputation == Recomputation::Full {
        let sides = [slice.rows, slice.model.hidden, 1, 1];
        all.hold(Tensor::new("block’s input", sides, Dtype::Bf16));
    } else {
        slice.hold_saved(&mut all);
    }
    lines.take(Place::Activations, PLAN, kept);
    let before = Bytes(walk.ends.before * u128::from(walk.micro_batches()));
    lines.one(Place::Activations, "rotary tables, positions", before, PLAN);
    let head = Bytes(walk.ends.head_saved);
    lines.one(
        Place::Activations,
        "kept by norm, head and loss",
        head,
        PLAN,
    );
}

/// Where it was read.
const PLAN: &str = "torchtitan, models/llama3/infra/parallelize.py";

/// Bytes of the embedding's gradient, which DTensor makes whole on every rank, with the gathered gradient of its
/// output; and of the part that is cut out of it before it is reduced.
pub(super) fn embedding_gradient(step: &Step, plan: TensorParallel) -> (u128, u128, u128) {
    let slice = Slice::new(step, plan);
    let vocabulary = u128::from(slice.model.vocabulary);
    let hidden = u128::from(slice.model.hidden);
    let part = vocabulary.div_ceil(u128::from(plan.ranks));
    (
        rounded(2 * vocabulary * hidden),
        slice.gathered(),
        rounded(2 * part * hidden),
    )
}

impl<'a> Slice<'a> {
    fn new(step: &'a Step<'a>, plan: TensorParallel) -> Self {
        let model = step.architecture;
        let ranks = plan.ranks.max(1);
        let tokens = step.micro_batch * step.sequence;
        let attention = &model.attention;
        let wide = |heads: u64| u128::from(heads.div_ceil(ranks) * attention.head_dim);
        Self {
            step,
            model,
            plan,
            tokens: tokens.into(),
            sharded: tokens.div_ceil(ranks).into(),
            rows: tokens.div_ceil(ranks),
            queries: wide(attention.heads),
            keys: wide(attention.kv_heads),
            columns: model.feed_forward.size.div_ceil(ranks).into(),
        }
    }

    fn hidden(&self) -> u128 {
        self.model.hidden.into()
    }

    /// The residual stream on one rank.
    fn stream(&self) -> u128 {
        rounded(2 * self.sharded * self.hidden())
    }

    /// The residual stream, gathered.
    fn gathered(&self) -> u128 {
        rounded(2 * self.tokens * self.hidden())
    }

    /// What a norm keeps: its input in FP32, the reciprocal deviation, the normalised values.
    fn norm(&self) -> u128 {
        let mut sum = Sum::default();
        self.hold_norm(&mut sum);
        sum.0
    }

    fn hold_norm<S: Sink>(&self, sink: &mut S) {
        let (rows, hidden) = (self.rows, self.model.hidden);
        sink.hold(Tensor::new(
            "norm’s input, FP32",
            [rows, hidden, 1, 1],
            Dtype::Fp32,
        ));
        sink.hold(Tensor::new(
            "norm’s reciprocal deviation",
            [rows, 1, 1, 1],
            Dtype::Fp32,
        ));
        sink.hold(Tensor::new(
            "norm’s normalised values",
            [rows, hidden, 1, 1],
            Dtype::Bf16,
        ));
    }

    fn query(&self) -> u128 {
        rounded(2 * self.tokens * self.queries)
    }

    fn key(&self) -> u128 {
        rounded(2 * self.tokens * self.keys)
    }

    fn inner(&self) -> u128 {
        rounded(2 * self.tokens * self.columns)
    }

    /// Log-sum-exp of attention's softmax, and its two random numbers.
    fn statistics(&self) -> u128 {
        let heads = u128::from(self.model.attention.heads.div_ceil(self.plan.ranks));
        rounded(4 * self.tokens * heads) + 2 * rounded(8)
    }

    /// A matrix's gradient, of one rank's part.
    fn matrix(&self, rows: u128, columns: u128) -> u128 {
        rounded(2 * rows * columns)
    }

    /// What a block keeps: two norms with their gathered outputs, attention, the feed-forward network.
    fn saved(&self) -> u128 {
        let mut sum = Sum::default();
        self.hold_saved(&mut sum);
        sum.0
    }

    fn hold_saved<S: Sink>(&self, sink: &mut S) {
        let tokens = self.step.micro_batch * self.step.sequence;
        let of = |name, columns: u128, count| {
            let columns = u64::try_from(columns).unwrap_or(u64::MAX);
            Tensor {
                count,
                ..Tensor::new(name, [tokens, columns, 1, 1], Dtype::Bf16)
            }
        };
        for gathered in [
            "input of q, k and v, gathered",
            "input of gate and up, gathered",
        ] {
            self.hold_norm(sink);
            sink.hold(of(gathered, self.hidden(), 1));
        }
        sink.hold(of("q, and attention’s output", self.queries, 2));
        sink.hold(of("k and v", self.keys, 2));
        let heads = self.model.attention.heads.div_ceil(self.plan.ranks);
        sink.hold(Tensor::new(
            "log-sum-exp",
            [tokens, heads, 1, 1],
            Dtype::Fp32,
        ));
        sink.hold(Tensor {
            count: 2,
            ..Tensor::new("attention’s random state", [1; 4], Dtype::Int64)
        });
        let wide = if self.model.feed_forward.gated { 4 } else { 2 };
        sink.hold(of(
            "feed-forward network’s inner values",
            self.columns,
            wide,
        ));
    }

    fn block(&self) -> BlockCost {
        let recomputed = self.step.recomputation == Recomputation::Full;
        let saved = self.saved();
        let (level, gradients) = self.backward();
        let kept = if recomputed { self.stream() } else { saved };
        // Recomputed, a block's input stands beside all that it would have kept.
        let again = if recomputed {
            saved + self.stream()
        } else {
            saved
        };
        BlockCost {
            saved: kept,
            forward: 0,
            peak: again + level.top().above.max(0) as u128,
            gradients_at_peak: 0,
            gradients,
            recomputed,
        }
    }

    /// The backward pass, above all that the block keeps; and its gradients at the end.
    fn backward(&self) -> (Level, u128) {
        let mut level = Level::default();
        let hidden = self.hidden();
        let mut gradients = 0;
        level.take(self.stream());
        let mut weight = |level: &mut Level, rows, columns| {
            let bytes = self.matrix(rows, columns);
            level.take(bytes);
            gradients += bytes;
        };
        let inner = self.inner();
        // Down: the gradient is gathered first.
        level.take(self.gathered());
        level.take(inner);
        weight(&mut level, hidden, self.columns);
        level.give(self.gathered());
        level.release(inner);
        if self.model.feed_forward.gated {
            level.take(2 * inner);
            level.give(inner);
            level.release(2 * inner);
            // Up; the activation; gate.
            level.take(self.gathered());
            weight(&mut level, self.columns, hidden);
            level.give(inner);
            level.take(inner);
            level.give(inner);
            level.release(inner);
            level.take(self.gathered());
            weight(&mut level, self.columns, hidden);
            level.give(inner);
            self.sum_of_inputs(&mut level);
        } else {
            level.take(inner);
            level.give(inner);
            level.release(inner);
            level.take(self.gathered());
            weight(&mut level, self.columns, hidden);
            level.give(inner);
        }
        self.scatter(&mut level);
        self.norm_backward(&mut level);
        // The output projection, and attention's kernel.
        level.take(self.gathered());
        level.take(self.query());
        weight(&mut level, hidden, self.queries);
        level.give(self.gathered());
        level.take(self.query() + 2 * self.key());
        level.give(self.query());
        level.release(2 * self.query() + 2 * self.key() + self.statistics());
        // Rotation, k and then q: a product, a negated half, the two halves joined.
        for bytes in [self.key(), self.query()] {
            level.take(bytes * 5 / 2);
            level.give(bytes * 5 / 2);
        }
        // v, k and q.
        for (bytes, rows) in [
            (self.key(), self.keys),
            (self.key(), self.keys),
            (self.query(), self.queries),
        ] {
            level.take(self.gathered());
            weight(&mut level, rows, hidden);
            level.give(bytes);
        }
        self.sum_of_inputs(&mut level);
        level.give(self.gathered());
        self.scatter(&mut level);
        self.norm_backward(&mut level);
        (level, gradients)
    }

    /// Two gradients of one input meet in a third tensor.
    fn sum_of_inputs(&self, level: &mut Level) {
        level.take(self.gathered());
        level.give(2 * self.gathered());
    }

    /// Partial sums are scattered over the sequence; what was gathered in the forward pass goes.
    fn scatter(&self, level: &mut Level) {
        level.take(self.stream());
        level.give(self.gathered());
        level.release(self.gathered());
    }

    /// A norm's backward pass: 20 bytes a value of FP32 products in Hugging Face's norm, beside what it keeps.
    fn norm_backward(&self, level: &mut Level) {
        let values = self.sharded * self.hidden();
        level.release(rounded(2 * values));
        level.take(rounded(16 * values));
        level.give(rounded(16 * values));
        level.release(self.norm() - rounded(2 * values));
        level.take(self.stream());
        level.give(2 * self.stream());
    }

    fn ends(&self) -> Ends {
        let step = self.step;
        let vocabulary = u128::from(self.model.vocabulary);
        let part = if self.plan.loss_parallel {
            vocabulary.div_ceil(u128::from(self.plan.ranks))
        } else {
            vocabulary
        };
        let singles = rounded(4 * self.tokens * part);
        let halves = rounded(2 * self.tokens * part);
        let sequence = u128::from(step.sequence);
        // Ids, labels and positions; rotary frequencies.
        let inputs = 2 * rounded(8 * self.tokens) + rounded(8 * sequence) + 2 * rounded(256);
        let tables = 2 * rounded(2 * sequence * u128::from(self.model.attention.rotary_dim));
        let labels = rounded(8 * self.tokens);
        let saved = self.norm() + self.gathered() + singles;
        // Of the log-likelihood and of the log-softmax; over a divided vocabulary a third, and vectors of indices.
        let temporaries = if self.plan.loss_parallel {
            3 * singles + labels
        } else {
            2 * singles
        };
        let head = self.matrix(
            vocabulary.div_ceil(u128::from(self.plan.ranks)),
            self.hidden(),
        );
        let halved = rounded(2 * self.tokens * vocabulary.div_ceil(u128::from(self.plan.ranks)));
        // The head's own backward pass: its gradient, and that of its input, gathered.
        let linear = saved - singles + halved + head + self.gathered();
        let recomputed = step.recomputation == Recomputation::Full;
        Ends {
            inputs,
            before: tables + if recomputed { rounded(8 * sequence) } else { 0 },
            head_saved: saved,
            loss: halves + singles,
            head_peak: (saved + temporaries).max(linear),
            head_gradients: head + rounded(2 * self.hidden()),
            stream: self.stream(),
        }
    }
}
