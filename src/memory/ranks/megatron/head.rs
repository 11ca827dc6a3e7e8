//! The ends of the model on one rank: embedding, final norm, head and loss.

use super::linear::Dummy;
use super::run::CrossEntropy;
use super::slice::{Slice, halves};
use crate::memory::ranks::tensor::{Dtype, GRANULE, Level, Sink, Sum, Tensor, rounded};

/// Bytes a token of the cross-entropy that stay for its backward pass: a mask and an index
/// (Megatron-core, tensor_parallel/cross_entropy.py).
const KEPT_OF_TARGETS: [Dtype; 2] = [Dtype::Bool, Dtype::Int64];
/// Bytes a token of vectors that live during the loss beside them: maxima, sums, the target's logit, losses.
const LOSS_VECTORS: u128 = 20;

/// Parameters of the first stage, in the order they are registered.
pub fn embedding_parameters<S: Sink>(slice: &Slice, sink: &mut S) {
    let hidden = slice.model.hidden;
    sink.hold(Tensor::new(
        "token embedding",
        [slice.vocabulary, hidden, 1, 1],
        Dtype::Bf16,
    ));
    if slice.model.learned_positions > 0 {
        sink.hold(Tensor::new(
            "position embedding",
            [slice.model.learned_positions, hidden, 1, 1],
            Dtype::Bf16,
        ));
    }
}

/// Parameters of the last stage. A tied head is the embedding's own matrix where both are on one stage, a copy
/// elsewhere.
pub fn head_parameters<S: Sink>(slice: &Slice, with_embedding: bool, sink: &mut S) {
    let hidden = slice.model.hidden;
    if slice.model.norms.last {
        slice.norm_parameters("final norm", hidden, sink);
    }
    if !(slice.model.tied_embeddings && with_embedding) {
        sink.hold(Tensor::new(
            "head",
            [slice.vocabulary, hidden, 1, 1],
            Dtype::Bf16,
        ));
    }
}

/// The head's weight, whose dummy gradient stays under transformer-engine.
pub fn dummy(slice: &Slice) -> Dummy {
    Dummy::new(slice.vocabulary, slice.model.hidden)
}

/// What the embedding keeps: its output, which is the first layer's input, and what it looked up by.
pub fn embedding_saved<S: Sink>(slice: &Slice, sink: &mut S) {
    sink.hold(slice.stream("embedding’s output"));
    slice.hold_mask("embedding’s dropout mask", sink);
    if slice.tensor > 1 {
        let tokens = [slice.tokens, 1, 1, 1];
        sink.hold(Tensor::new("ids within this part", tokens, Dtype::Int64));
        sink.hold(Tensor::new("ids outside it", tokens, Dtype::Bool));
    }
}

/// Ids, labels and positions of a micro-batch.
pub fn inputs<S: Sink>(slice: &Slice, sink: &mut S) {
    sink.hold(Tensor {
        count: 3,
        ..Tensor::new(
            "ids, labels and positions",
            [slice.run.micro_batch, slice.sequence, 1, 1],
            Dtype::Int64,
        )
    });
}

/// Angles of rotary positions in FP32: one table, kept for ever.
pub fn rotary_table<S: Sink>(slice: &Slice, sink: &mut S) {
    if slice.model.attention.rotary_dim > 0 {
        sink.hold(Tensor::new(
            "rotary angles",
            [slice.sequence, slice.model.attention.rotary_dim, 1, 1],
            Dtype::Fp32,
        ));
        sink.hold(Tensor::new(
            "rotary frequencies",
            [slice.model.attention.rotary_dim / 2, 1, 1, 1],
            Dtype::Fp32,
        ));
    }
}

/// What final norm, head and loss keep until the backward pass begins.
pub fn saved<S: Sink>(slice: &Slice, sink: &mut S) {
    if slice.model.norms.last {
        slice.hold_statistics(slice.sharded, sink);
        sink.hold(slice.stream("final norm’s output, head’s input"));
    }
    match slice.run.cross_entropy {
        CrossEntropy::Unfused => {
            sink.hold(Tensor::new(
                "softmax of the logits",
                [slice.tokens, slice.vocabulary, 1, 1],
                Dtype::Fp32,
            ));
            for dtype in KEPT_OF_TARGETS {
                sink.hold(Tensor::new(
                    "targets within this part",
                    [slice.tokens, 1, 1, 1],
                    dtype,
                ));
            }
        }
        CrossEntropy::TransformerEngine => {
            sink.hold(Tensor::new(
                "logits, overwritten by their gradient",
                [slice.tokens, slice.vocabulary, 1, 1],
                Dtype::Bf16,
            ));
        }
    }
}

/// The head's part of a micro-batch, from the last layer's output on: above a level that includes everything the
/// layers keep, that output included. It ends with the gradient of the last layer's output alone, in place of that
/// output.
pub fn forward_and_backward(slice: &Slice) -> Level {
    let mut level = Level::default();
    let (residual, gathered) = (slice.residual(), slice.gathered());
    let logits = halves(slice.tokens, slice.vocabulary);
    let singles = rounded(4 * u128::from(slice.tokens) * u128::from(slice.vocabulary));
    let statistics = slice.statistics(slice.sharded);
    let with_norm = slice.model.norms.last;
    let vectors = rounded(LOSS_VECTORS * u128::from(slice.tokens));
    let mut sum = Sum::default();
    saved(slice, &mut sum);
    let dummy = if slice.transformer_engine() {
        0
    } else {
        dummy(slice).bytes()
    };
    if with_norm {
        level.take(residual + statistics);
    }
    // The head is Megatron-core's own under transformer-engine too: its input is gathered into the memory buffer.
    level.take(logits);
    match slice.run.cross_entropy {
        CrossEntropy::Unfused => {
            // The logits again in FP32, where softmax and gradient are computed in place; back to 16 bits.
            let targets = rounded(u128::from(slice.tokens)) + rounded(8 * u128::from(slice.tokens));
            // Labels come by sequences, logits by positions: several sequences are copied.
            let labels = if slice.run.micro_batch > 1 {
                rounded(8 * u128::from(slice.tokens))
            } else {
                0
            };
            level.take(singles + targets + vectors + labels);
            level.give(logits + vectors + labels);
            // The loss and the sum it is part of are held until the step ends.
            level.take(2 * GRANULE);
            level.take(logits);
            level.give(singles + targets);
        }
        CrossEntropy::TransformerEngine => {
            level.take(vectors);
            level.give(vectors);
        }
    }
    // The head's backward pass; the final norm's.
    level.take(gathered);
    if slice.sequence_parallel {
        level.take(residual);
    }
    level.take(dummy);
    if slice.sequence_parallel {
        level.give(gathered);
    }
    level.give(logits + dummy);
    if with_norm {
        // What the head reads: the norm's output.
        level.give(residual);
        let weights = slice.norm_gradients(slice.model.hidden);
        level.take(residual + weights);
        level.give(residual + weights + statistics);
    }
    level.release(residual);
    level
}

/// The embedding's backward pass, after the first layer's: a dense gradient of its matrix, whole before it is added to
/// the main gradients. Above a level with nothing kept but the gradient of its output.
pub fn embedding_backward(slice: &Slice) -> Level {
    let mut level = Level::default();
    if slice.sequence_parallel {
        level.take(slice.gathered());
    }
    if slice.run.hidden_dropout {
        level.take(slice.residual());
    }
    level.take(halves(slice.vocabulary, slice.model.hidden));
    level
}
