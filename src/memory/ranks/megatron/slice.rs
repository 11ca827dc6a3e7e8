//! What one rank of a tensor-, context- and expert-parallel group works on: sides of its slices.

use super::run::{ContextExchange, Kernels, Run};
use crate::layout::Layout;
use crate::memory::ranks::tensor::{Dtype, Sink, Tensor, rounded};
use crate::model::{Architecture, NormKind, QkNorm};

/// Sides of one rank's slices, for one micro-batch. Bytes of it come rounded as the allocator rounds.
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a> {
    /// The model.
    pub model: &'a Architecture,
    /// How it is run.
    pub run: &'a Run,
    /// Tensor-parallel degree, t.
    pub tensor: u64,
    /// Expert-parallel degree, e.
    pub expert: u64,
    /// Tensor-parallel degree of experts.
    pub expert_tensor: u64,
    /// Context-parallel degree, c.
    pub context: u64,
    /// Whether sequence parallelism is on: the flag, with t > 1.
    pub sequence_parallel: bool,
    /// Tokens of a sequence that this rank has, s/c.
    pub sequence: u64,
    /// Tokens of a micro-batch that this rank has, b·s/c.
    pub tokens: u64,
    /// Of these, what it holds between tensor-parallel regions: a t-th with sequence parallelism.
    pub sharded: u64,
    /// Query heads on this rank, a/t.
    pub heads: u64,
    /// Key and value heads on this rank, g/t, at least 1.
    pub kv_heads: u64,
    /// Columns of the dense feed-forward network on this rank, f/t.
    pub feed_forward: u64,
    /// Rows of the vocabulary on this rank, padding included.
    pub vocabulary: u64,
}

impl<'a> Slice<'a> {
    /// The slices of `model` under `layout`.
    pub fn new(model: &'a Architecture, layout: &Layout, run: &'a Run) -> Self {
        let tensor = layout.tensor.max(1);
        let context = layout.context.max(1);
        let sequence_parallel = layout.sequence_parallel && tensor > 1;
        let sequence = run.sequence.div_ceil(context);
        let tokens = sequence * run.micro_batch;
        let sharded = if sequence_parallel {
            tokens.div_ceil(tensor)
        } else {
            tokens
        };
        let rows = model
            .vocabulary
            .div_ceil(run.vocabulary_multiple.max(1) * tensor)
            * run.vocabulary_multiple.max(1);
        Self {
            model,
            run,
            tensor,
            expert: layout.expert.max(1),
            expert_tensor: layout.expert_tensor.max(1),
            context,
            sequence_parallel,
            sequence,
            tokens,
            sharded,
            heads: model.attention.heads.div_ceil(tensor),
            kv_heads: model.attention.kv_heads.div_ceil(tensor).max(1),
            feed_forward: model.feed_forward.size.div_ceil(tensor),
            vocabulary: rows,
        }
    }

    /// Bytes of this rank's part of the residual stream, 2·s·b·h/u.
    pub fn residual(&self) -> u128 {
        halves(self.sharded, self.model.hidden)
    }

    /// Bytes of the residual stream gathered over the sequence, 2·s·b·h; the same without sequence parallelism.
    pub fn gathered(&self) -> u128 {
        halves(self.tokens, self.model.hidden)
    }

    /// Bytes of a dropout mask over the residual stream, a byte an element.
    pub fn mask(&self) -> u128 {
        if self.run.hidden_dropout {
            rounded(u128::from(self.sharded) * u128::from(self.model.hidden))
        } else {
            0
        }
    }

    /// Whether layers are transformer-engine's.
    pub fn transformer_engine(&self) -> bool {
        self.run.kernels == Kernels::TransformerEngine
    }

    /// Whether context-parallel ranks exchange heads for tokens, all to all.
    pub fn exchanges_heads(&self) -> bool {
        self.context > 1 && self.run.context_exchange == ContextExchange::AllToAll
    }

    /// Whether norms keep a mean beside the reciprocal deviation.
    fn has_mean(&self) -> bool {
        matches!(
            self.model.norms.kind,
            NormKind::Layer | NormKind::LayerInFp32
        )
    }

    /// Statistics of a norm over `rows`: FP32 values of each row.
    pub fn statistics(&self, rows: u64) -> u128 {
        let one = rounded(4 * u128::from(rows));
        if self.has_mean() { 2 * one } else { one }
    }

    /// The same, as tensors.
    pub fn hold_statistics<S: Sink>(&self, rows: u64, sink: &mut S) {
        sink.hold(Tensor {
            count: 1 + u64::from(self.has_mean()),
            ..Tensor::new("norm’s statistics", [rows, 1, 1, 1], Dtype::Fp32)
        });
    }

    /// Parameters of a norm over `width` channels.
    pub fn norm_parameters<S: Sink>(&self, name: &'static str, width: u64, sink: &mut S) {
        if self.model.norms.weight {
            sink.hold(Tensor::new(name, [width, 1, 1, 1], Dtype::Bf16));
        }
        if self.has_mean() && self.model.norms.bias {
            sink.hold(Tensor::new("norm’s bias", [width, 1, 1, 1], Dtype::Bf16));
        }
    }

    /// Bytes of the gradients of a norm's parameters, alive until they are added to the main gradients.
    pub fn norm_gradients(&self, width: u64) -> u128 {
        let one = halves(width, 1);
        let bias = self.has_mean() && self.model.norms.bias;
        one * (u128::from(self.model.norms.weight) + u128::from(bias))
    }

    /// The part of the residual stream that a norm or a sum hands on, as a tensor.
    pub fn stream(&self, name: &'static str) -> Tensor {
        Tensor::new(name, [self.sharded, self.model.hidden, 1, 1], Dtype::Bf16)
    }

    /// A dropout mask over the residual stream, where there is dropout.
    pub fn hold_mask<S: Sink>(&self, name: &'static str, sink: &mut S) {
        if self.run.hidden_dropout {
            sink.hold(Tensor::new(
                name,
                [self.sharded, self.model.hidden, 1, 1],
                Dtype::Bool,
            ));
        }
    }

    /// Whether queries and keys are normalised by heads.
    pub fn head_norms(&self) -> bool {
        self.model.attention.qk_norm != QkNorm::None
    }
}

/// Bytes of `rows` × `columns` values of 16 bits.
pub fn halves(rows: u64, columns: u64) -> u128 {
    rounded(2 * u128::from(rows) * u128::from(columns))
}
