//! The description of a decoder transformer, dense or mixture-of-experts, that everything is counted from.
//!
//! Sizes are plain counts. An [`Architecture`] is `Copy` and owns no memory: it is evaluated millions of times.

use super::LayerSet;

/// Whose code the model is. Two models of the same mathematics may keep different tensors: memory depends on the
/// implementation, parameters and FLOP do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // Each is the `model_type` of a Hugging Face configuration: `key`.
pub enum Family {
    /// No known implementation: estimated as Llama's, and said so.
    Generic,
    Gpt2,
    GptNeo,
    GptNeoX,
    GptJ,
    Opt,
    Bloom,
    Falcon,
    Mpt,
    Llama,
    Llama4,
    Mistral,
    Mixtral,
    Qwen2,
    Qwen2Moe,
    Qwen3,
    Qwen3Moe,
    Gemma,
    Gemma2,
    Gemma3,
    Phi,
    Phi3,
    StarCoder2,
    StableLm,
    Olmo,
    Olmo2,
    Olmo3,
    DeepSeekV2,
    DeepSeekV3,
    Glm4,
    Glm4Moe,
    GptOss,
    Granite,
    Cohere,
}

/// A decoder-only transformer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Architecture {
    /// Whose code.
    pub family: Family,
    /// Transformer blocks, L; 1 to [`super::MAX_LAYERS`].
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

/// Normalisation of queries and keys before their product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QkNorm {
    /// None.
    None,
    /// One weight of d, shared by all heads, for q and one for k: 2·d parameters.
    Head,
    /// A weight of d for every head: (a + g)·d parameters.
    EachHead,
    /// Over the whole row of heads: (a + g)·d parameters.
    Row,
    /// Without weights, after the rotation (Llama 4).
    Unweighted,
}

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

/// Activation function, by the implementation: the same mathematics may keep one tensor or five.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// x·sigmoid(x), one kernel.
    Silu,
    /// Exact GELU or its tanh form, one kernel.
    Gelu,
    /// GELU's tanh form written in Python (`gelu_new`, `gelu_accurate`).
    GeluNew,
    /// GELU's tanh form in eight Python operations (`gelu_fast`).
    GeluFast,
    /// Exact GELU written in Python.
    GeluPython,
    /// x·sigmoid(1.702·x).
    QuickGelu,
    /// BLOOM's own autograd function.
    BloomGelu,
    /// max(0, x).
    Relu,
    /// max(0, x)².
    Relu2,
    /// Hyperbolic tangent, or the sigmoid: only the output is kept.
    Tanh,
    /// Laplace's cumulative distribution (MEGA).
    Laplace,
}

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

/// A router's bias of E values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouterBias {
    /// None.
    None,
    /// Trained: counts as parameters.
    Parameter,
    /// A correction that training moves without gradients (DeepSeek-V3): a buffer in today's code, counted by some
    /// published totals.
    Buffer,
}

/// How a router scores experts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Router {
    /// Softmax over all experts, then the best k (Mixtral, Qwen).
    Softmax,
    /// Softmax in FP32, then the best k (DeepSeek-V2).
    Greedy,
    /// Sigmoid in FP32, then the best k (DeepSeek-V3, GLM-4.5).
    Sigmoid,
    /// The best k, then the softmax over these (gpt-oss).
    TopK,
    /// Every expert sees every token, with zeros where it is not chosen (Llama 4).
    Dense,
}

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

/// A kind of norm, by the implementation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// LayerNorm.
    Layer,
    /// LayerNorm written in Python, without bias (Cohere).
    LayerInFp32,
    /// RMSNorm, its weight applied in the input's dtype (Llama).
    Rms,
    /// RMSNorm, its weight applied in FP32 before the result is cast (OLMo-2, gpt-oss).
    RmsInFp32,
    /// RMSNorm with weight 1 + w, in FP32 (Gemma).
    RmsPlusOne,
}

/// Where a layer's norms stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormPlaces {
    /// Before attention and before the feed-forward network: 2.
    Before,
    /// After each, before the residual sum: 2 (OLMo-2).
    After,
    /// After each residual sum: 2, the original transformer's (OPT-350m).
    AfterSum,
    /// Before and after each: 4 (Gemma-2, GLM-4).
    Around,
    /// One before both, which run in parallel: 1 (GPT-J, Phi).
    ParallelShared,
    /// Two before both, which run in parallel: 2 (GPT-NeoX, Falcon-40B).
    ParallelTwo,
}

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

impl Family {
    /// Every family with an implementation of its own.
    pub const ALL: [Self; 33] = [
        Self::Gpt2,
        Self::GptNeo,
        Self::GptNeoX,
        Self::GptJ,
        Self::Opt,
        Self::Bloom,
        Self::Falcon,
        Self::Mpt,
        Self::Llama,
        Self::Llama4,
        Self::Mistral,
        Self::Mixtral,
        Self::Qwen2,
        Self::Qwen2Moe,
        Self::Qwen3,
        Self::Qwen3Moe,
        Self::Gemma,
        Self::Gemma2,
        Self::Gemma3,
        Self::Phi,
        Self::Phi3,
        Self::StarCoder2,
        Self::StableLm,
        Self::Olmo,
        Self::Olmo2,
        Self::Olmo3,
        Self::DeepSeekV2,
        Self::DeepSeekV3,
        Self::Glm4,
        Self::Glm4Moe,
        Self::GptOss,
        Self::Granite,
        Self::Cohere,
    ];

    /// The `model_type` of its Hugging Face configuration; links name it.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Gpt2 => "gpt2",
            Self::GptNeo => "gpt_neo",
            Self::GptNeoX => "gpt_neox",
            Self::GptJ => "gptj",
            Self::Opt => "opt",
            Self::Bloom => "bloom",
            Self::Falcon => "falcon",
            Self::Mpt => "mpt",
            Self::Llama => "llama",
            Self::Llama4 => "llama4",
            Self::Mistral => "mistral",
            Self::Mixtral => "mixtral",
            Self::Qwen2 => "qwen2",
            Self::Qwen2Moe => "qwen2_moe",
            Self::Qwen3 => "qwen3",
            Self::Qwen3Moe => "qwen3_moe",
            Self::Gemma => "gemma",
            Self::Gemma2 => "gemma2",
            Self::Gemma3 => "gemma3",
            Self::Phi => "phi",
            Self::Phi3 => "phi3",
            Self::StarCoder2 => "starcoder2",
            Self::StableLm => "stablelm",
            Self::Olmo => "olmo",
            Self::Olmo2 => "olmo2",
            Self::Olmo3 => "olmo3",
            Self::DeepSeekV2 => "deepseek_v2",
            Self::DeepSeekV3 => "deepseek_v3",
            Self::Glm4 => "glm4",
            Self::Glm4Moe => "glm4_moe",
            Self::GptOss => "gpt_oss",
            Self::Granite => "granite",
            Self::Cohere => "cohere",
        }
    }
}
