//! Megatron-core on one rank, tensor by tensor: what its layers keep, in which order its backward passes allocate, its
//! contiguous buffers.
//!
//! Read from Megatron-core 0.14 to 0.16 and transformer-engine 2.11, and held against recorded steps of Megatron-core
//! 0.16.1. Korthikanti et al. 2022 (arXiv:2205.05198, Table 2) is the special case of a GPT block with dropout, unfused
//! attention and f = 4h, but for the norms' statistics, which it leaves out.

mod attention;
mod buffers;
mod chunk;
mod experts;
mod feed_forward;
mod head;
mod latent;
mod layer;
mod linear;
mod list;
mod quantised;
mod run;
mod shape;
mod slice;
mod stage;
mod states;

pub use layer::{Group, Layer, LayerKind};
pub use run::{
    Adam, CUBLAS_WORKSPACE, ContextExchange, CoreAttention, CrossEntropy, Kernels, LinearFormat,
    MainGradients, Recompute, Run,
};
pub use shape::{LayerShape, RankShape};
pub use slice::Slice;
pub use stage::Megatron;
