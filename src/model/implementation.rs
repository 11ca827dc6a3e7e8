//! How each family's implementation lays its weights out: fused or split, and in which order they are registered.
//!
//! Read from the model classes of the Python package transformers 5.23. The layout changes no count; it decides which
//! tensors memory holds whole, and the order in which an optimizer walks them.

use super::Family;

/// A part of a block, in the order in which a block registers its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The norms of the attention branch.
    AttentionNorms,
    /// The attention.
    Attention,
    /// The norms of the feed-forward branch.
    FeedForwardNorms,
    /// The feed-forward network, or the experts.
    FeedForward,
}

impl Family {
    /// Whether queries, keys and values are one projection.
    pub const fn fused_qkv(self) -> bool {
        matches!(
            self,
            Self::Gpt2
                | Self::GptNeoX
                | Self::Bloom
                | Self::Falcon
                | Self::Mpt
                | Self::Dbrx
                | Self::Phi3
        )
    }

    /// Whether the gate and the up projection of a dense feed-forward network are one.
    pub const fn fused_gate_up(self) -> bool {
        matches!(self, Self::Phi3 | Self::Glm4)
    }

    /// Whether the gate and the up projection of all routed experts are one tensor.
    pub const fn fused_experts(self) -> bool {
        !matches!(self, Self::Dbrx)
    }

    /// The order in which a block registers its parts.
    pub const fn registration(self) -> [Piece; 4] {
        use Piece::{Attention, AttentionNorms, FeedForward, FeedForwardNorms};
        match self {
            Self::Gpt2 | Self::GptNeo | Self::Bloom | Self::Mpt | Self::Dbrx => {
                [AttentionNorms, Attention, FeedForwardNorms, FeedForward]
            }
            Self::GptNeoX | Self::GptJ => {
                [AttentionNorms, FeedForwardNorms, Attention, FeedForward]
            }
            Self::Opt => [Attention, AttentionNorms, FeedForward, FeedForwardNorms],
            _ => [Attention, FeedForward, AttentionNorms, FeedForwardNorms],
        }
    }

    /// Whether attention registers its output projection before the others.
    pub const fn output_first(self) -> bool {
        matches!(self, Self::Phi3)
    }

    /// Whether the router is registered before the experts.
    pub const fn router_first(self) -> bool {
        matches!(
            self,
            Self::Mixtral | Self::Qwen2Moe | Self::GptOss | Self::Dbrx
        )
    }

    /// Whether per-head norms of queries and keys are a tensor for each head.
    pub const fn norm_for_each_head(self) -> bool {
        matches!(self, Self::StableLm)
    }

    /// Whether norms of queries and keys have a bias.
    pub const fn qk_norm_bias(self) -> bool {
        matches!(self, Self::Phi)
    }
}
