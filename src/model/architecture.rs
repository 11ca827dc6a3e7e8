//! The description of a decoder transformer, dense or mixture-of-experts, that everything is counted from.
//!
//! Sizes are plain counts. An [`Architecture`] is `Copy` and owns no memory: it is evaluated millions of times.

use super::Family;
use crate::field::{LayerSet, choice};

/// A decoder-only transformer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Architecture {
    /// Whose code.
    pub family: Family,
    /// Transformer blocks, L; 1 to 1,000.
    pub layers: u64,
    /// Width of the residual stream, h.
    pub hidden: u64,
    /// Rows of the token embedding, V.
    pub vocabulary: u64,
    /// Whether the head is the token embedding's own matrix.
    pub tied_embeddings: bool,
    /// Width of the token embedding where it differs from `hidden`: two projections without bias join them (OPT-350m).
    pub embedding_size: Option<u64>,
    /// Rows of a learned position table; 0 for rotary or ALiBi positions.
    pub learned_positions: u64,
    /// Longest sequence the configuration allows; 0 where it says nothing. Some implementations hold tables of it.
    pub max_positions: u64,
    /// Whether the head has a bias, V parameters.
    pub head_bias: bool,
    /// Attention.
    pub attention: Attention,
    /// The feed-forward network of dense layers.
    pub feed_forward: FeedForward,
    /// Mixture of experts, in the layers it names.
    pub experts: Option<Experts>,
    /// Normalisation.
    pub norms: Norms,
    /// Where dropout is applied in training.
    pub dropout: Dropout,
}

/// Attention of every layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attention {
    /// Query heads, a.
    pub heads: u64,
    /// Key and value heads, g; as many as `heads` for multi-head, 1 for multi-query attention.
    pub kv_heads: u64,
    /// Width of a head, d; not always h/a. Under latent attention that of queries and keys, nope + rope.
    pub head_dim: u64,
    /// Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, §2.1).
    pub latent: Option<Latent>,
    /// Bias on the q, k and v projections.
    pub qkv_bias: bool,
    /// Bias on the output projection.
    pub output_bias: bool,
    /// Normalisation of queries and keys.
    pub qk_norm: QkNorm,
    /// A learned scalar per head in the softmax's denominator (gpt-oss): a parameters a layer.
    pub sinks: bool,
    /// Dimensions of each head that rotary positions turn; 0 without rotary positions.
    pub rotary_dim: u64,
    /// Layers without rotary positions.
    pub unrotated: LayerSet,
    /// A window that some layers attend within.
    pub window: Option<Window>,
    /// Whether scores pass through a soft cap, cap·tanh(x/cap) (Gemma-2).
    pub soft_cap: bool,
    /// Whether q, k and v are clamped (OLMo, MPT).
    pub clip_qkv: bool,
}

/// Ranks and widths of multi-head latent attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latent {
    /// Rank of the queries' compression; none where queries are projected directly.
    pub query_rank: Option<u64>,
    /// Rank of the joint compression of keys and values.
    pub kv_rank: u64,
    /// Width of a head's part without positions.
    pub nope_dim: u64,
    /// Width of a head's rotary part, its key shared by all heads.
    pub rope_dim: u64,
    /// Width of a head's values.
    pub value_dim: u64,
}

impl Latent {
    /// DeepSeek-V2's and -V3's widths (arXiv:2405.04434, §3.1.2); queries are not compressed.
    pub const DEFAULT: Self = Self {
        query_rank: None,
        kv_rank: 512,
        nope_dim: 128,
        rope_dim: 64,
        value_dim: 128,
    };
}

/// Layers that attend to the last `size` tokens only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Tokens, the present one counted.
    pub size: u64,
    /// The layers it holds for.
    pub layers: LayerSet,
    /// Whether the sequence is cut into chunks of `size` that see only themselves (Llama 4), not a sliding window.
    pub chunked: bool,
}

choice!(
    /// Normalisation of queries and keys before their product.
    QkNorm {
        /// None.
        None "none" "None",
        /// One weight of d, shared by all heads, for q and one for k: 2·d parameters.
        Head "head" "Per head, shared weight",
        /// A weight of d for every head: (a + g)·d parameters.
        EachHead "each" "Per head, own weights",
        /// Over the whole row of heads: (a + g)·d parameters.
        Row "row" "Whole row",
        /// Without weights, after the rotation (Llama 4).
        Unweighted "plain" "Without weights",
    }
);

/// A feed-forward network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeedForward {
    /// Inner size, f.
    pub size: u64,
    /// Whether a gate multiplies the inner activations: three matrices instead of two.
    pub gated: bool,
    /// Bias on its projections.
    pub bias: bool,
    /// Activation function.
    pub activation: Activation,
}

choice!(
    /// Activation function, by the implementation: the same mathematics may keep one tensor or five.
    Activation {
        /// x·sigmoid(x), one kernel.
        Silu "silu" "SiLU",
        /// Exact GELU or its tanh form, one kernel.
        Gelu "gelu" "GELU",
        /// GELU's tanh form written in Python (`gelu_new`, `gelu_accurate`).
        GeluNew "gelu_new" "GELU, tanh form in Python",
        /// GELU's tanh form in eight Python operations (`gelu_fast`).
        GeluFast "gelu_fast" "GELU, fast form in Python",
        /// Exact GELU written in Python.
        GeluPython "gelu_python" "GELU, exact in Python",
        /// x·sigmoid(1.702·x).
        QuickGelu "quick_gelu" "Quick GELU",
        /// BLOOM's own autograd function.
        BloomGelu "bloom_gelu" "BLOOM’s GELU",
        /// max(0, x).
        Relu "relu" "ReLU",
        /// max(0, x)².
        Relu2 "relu2" "ReLU²",
        /// Hyperbolic tangent, or the sigmoid: only the output is kept.
        Tanh "tanh" "tanh",
        /// Laplace's cumulative distribution (MEGA).
        Laplace "laplace" "Laplace",
    }
);

/// A mixture of experts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Experts {
    /// The layers that have it; the others have the dense feed-forward network.
    pub layers: LayerSet,
    /// Routed experts, E.
    pub count: u64,
    /// Experts each token is sent to, k.
    pub active: u64,
    /// Inner size of one expert.
    pub size: u64,
    /// Inner size of all shared experts together; 0 without.
    pub shared_size: u64,
    /// Whether a gate of h parameters scales the shared experts' output (Qwen2-MoE).
    pub shared_gate: bool,
    /// Whether experts' projections have biases (gpt-oss).
    pub expert_bias: bool,
    /// A bias of E beside the router's matrix.
    pub router_bias: RouterBias,
    /// How the router scores.
    pub router: Router,
    /// Whether the weights of the chosen experts are divided by their sum.
    pub renormalised: bool,
    /// Whether experts are chosen from a limited number of groups (DeepSeek-V2).
    pub group_limited: bool,
}

impl Window {
    /// Mistral-7B's window, in every layer.
    pub const DEFAULT: Self = Self {
        size: 4_096,
        layers: LayerSet::ALL,
        chunked: false,
    };
}

impl Experts {
    /// Mixtral-8x7B's experts, in every layer.
    pub const DEFAULT: Self = Self {
        layers: LayerSet::ALL,
        count: 8,
        active: 2,
        size: 14_336,
        shared_size: 0,
        shared_gate: false,
        expert_bias: false,
        router_bias: RouterBias::None,
        router: Router::Softmax,
        renormalised: true,
        group_limited: false,
    };
}

choice!(
    /// A router's bias of E values.
    RouterBias {
        /// None.
        None "none" "None",
        /// Trained: counts as parameters.
        Parameter "trained" "Trained",
        /// A correction that training moves without gradients (DeepSeek-V3): a buffer in today's code, counted by some
        /// published totals.
        Buffer "buffer" "Correction, a buffer",
    }
);

choice!(
    /// How a router scores experts.
    Router {
        /// Softmax over all experts, then the best k (Mixtral, Qwen).
        Softmax "softmax" "Softmax, then top k",
        /// Softmax in FP32, then the best k (DeepSeek-V2).
        Greedy "greedy" "FP32 softmax, then top k",
        /// Sigmoid in FP32, then the best k (DeepSeek-V3, GLM-4.5).
        Sigmoid "sigmoid" "FP32 sigmoid, then top k",
        /// The best k, then the softmax over these (gpt-oss).
        TopK "topk" "Top k, then softmax",
        /// Every expert sees every token, with zeros where it is not chosen (Llama 4).
        Dense "dense" "All experts, zeros but for top k",
    }
);

/// Normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norms {
    /// Which.
    pub kind: NormKind,
    /// Whether it has a weight of h (OLMo-1's has none).
    pub weight: bool,
    /// Whether it has a bias of h.
    pub bias: bool,
    /// Where it stands in a layer.
    pub places: NormPlaces,
    /// Whether the embedding is normalised (BLOOM).
    pub embedding: bool,
    /// Whether the last layer's output is.
    pub last: bool,
}

choice!(
    /// A kind of norm, by the implementation.
    NormKind {
        /// LayerNorm.
        Layer "layer" "LayerNorm",
        /// LayerNorm written in Python, without bias (Cohere).
        LayerInFp32 "layer_fp32" "LayerNorm in Python, FP32",
        /// RMSNorm, its weight applied in the input's dtype (Llama).
        Rms "rms" "RMSNorm",
        /// RMSNorm, its weight applied in FP32 before the result is cast (OLMo-2, gpt-oss).
        RmsInFp32 "rms_fp32" "RMSNorm, scaled in FP32",
        /// RMSNorm with weight 1 + w, in FP32 (Gemma).
        RmsPlusOne "rms_plus_one" "RMSNorm, 1 + weight",
    }
);

choice!(
    /// Where a layer's norms stand.
    NormPlaces {
        /// Before attention and before the feed-forward network: 2.
        Before "before" "Before each branch",
        /// After each, before the residual sum: 2 (OLMo-2).
        After "after" "After each branch",
        /// After each residual sum: 2, the original transformer's (OPT-350m).
        AfterSum "after_sum" "After each sum",
        /// Before and after each: 4 (Gemma-2, GLM-4).
        Around "around" "Before and after",
        /// One before both, which run in parallel: 1 (GPT-J, Phi).
        ParallelShared "parallel1" "One, parallel branches",
        /// Two before both, which run in parallel: 2 (GPT-NeoX, Falcon-40B).
        ParallelTwo "parallel2" "Two, parallel branches",
    }
);

/// Where dropout is applied, as the configuration has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropout {
    /// On the attention probabilities.
    pub attention: bool,
    /// On each branch before its residual sum.
    pub residual: bool,
    /// On the embeddings.
    pub embedding: bool,
}

impl Dropout {
    /// No dropout anywhere.
    pub const NONE: Self = Self {
        attention: false,
        residual: false,
        embedding: false,
    };
}

impl NormPlaces {
    /// Norms in a layer: 1, 2 or 4.
    pub const fn count(self) -> u64 {
        match self {
            Self::ParallelShared => 1,
            Self::Before | Self::After | Self::AfterSum | Self::ParallelTwo => 2,
            Self::Around => 4,
        }
    }
}
