//! What a training step is estimated from.

use super::adapters::Adapters;
use crate::model::Architecture;
use crate::training::{
    AttentionKernel, Loss, Optimizer, OptimizerStep, Precision, Recomputation, Stack,
};

/// A training step on one GPU. Plain data: every combination is estimated, and those that no stack runs by their
/// nearest that one does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step<'a> {
    /// What is trained.
    pub architecture: &'a Architecture,
    /// Dtype of the weights and what stands beside them. [`Precision::Mixed`] is FP32 weights under autocast.
    pub precision: Precision,
    /// Optimizer.
    pub optimizer: Optimizer,
    /// How its step is carried out.
    pub optimizer_step: OptimizerStep,
    /// Whether each parameter is stepped, and its gradient freed, as soon as the backward pass has it.
    pub optimizer_in_backward: bool,
    /// Sequences in a micro-batch, b; at least 1.
    pub micro_batch: u64,
    /// Tokens in a sequence, s; at least 1.
    pub sequence: u64,
    /// Micro-batches whose gradients are summed before a step; at least 1.
    pub accumulation: u64,
    /// What the backward pass computes again.
    pub recomputation: Recomputation,
    /// Under full recomputation, one block in so many is recomputed; 1 is every block.
    pub recompute_every: u64,
    /// The kernel that attention runs on. Where it cannot (a mask, FP32, unequal head sizes) the efficient one does.
    pub attention: AttentionKernel,
    /// Whether dropout is applied where the architecture has it.
    pub dropout: bool,
    /// Adapters on a frozen model.
    pub adapters: Option<Adapters>,
    /// Leading blocks that are frozen, the embedding with them; 0 trains all.
    pub frozen_layers: u64,
    /// How the loss is computed.
    pub loss: Loss,
    /// Slices of a chunked loss; at least 1.
    pub loss_chunks: u64,
    /// Whose training code runs.
    pub stack: Stack,
    /// Whether the loss is compiled with the upcast of the logits, so that neither they nor their softmax stand in FP32.
    pub loss_compiled: bool,
    /// Whether blocks are compiled.
    pub compiled: bool,
    /// Whether saved activations are moved to the host until the backward pass.
    pub offload: bool,
    /// Whether the caller keeps the logits through the backward pass.
    pub keep_outputs: bool,
    /// As recorded under a dispatch mode (fake tensors, trackers): gradients that meet are added out of place, and what
    /// kernels allocate inside is not seen. Off for a real run.
    pub recorded: bool,
}

impl<'a> Step<'a> {
    /// Hugging Face's defaults on this architecture: 16-bit, foreach AdamW, flash attention, one sequence of `sequence`.
    pub const fn of(architecture: &'a Architecture, sequence: u64) -> Self {
        Self {
            architecture,
            precision: Precision::SixteenBit,
            optimizer: Optimizer::AdamW,
            optimizer_step: OptimizerStep::Foreach,
            optimizer_in_backward: false,
            micro_batch: 1,
            sequence,
            accumulation: 1,
            recomputation: Recomputation::None,
            recompute_every: 1,
            attention: AttentionKernel::Flash,
            dropout: true,
            adapters: None,
            frozen_layers: 0,
            loss: Loss::Full,
            loss_chunks: 8,
            stack: Stack::HuggingFace,
            loss_compiled: false,
            compiled: false,
            offload: false,
            keep_outputs: false,
            recorded: false,
        }
    }
}
