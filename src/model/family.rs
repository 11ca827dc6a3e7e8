//! Whose code a model is, and what that code implies where a configuration says nothing.

use super::{
    Activation, Architecture, Attention, Dropout, Experts, FeedForward, Latent, NormKind,
    NormPlaces, Norms, QkNorm, Router, RouterBias, Window,
};
use crate::field::{Choice, LayerSet, choice};

choice!(
    /// Whose code the model is; its key is the `model_type` of the Hugging Face configuration. Two models of the same
    /// mathematics may keep different tensors: memory depends on the implementation, parameters and FLOP do not.
    Family {
        /// No known implementation: estimated as Llama's, and said so.
        Generic "generic" "Generic",
        /// OpenAI's GPT-2; GPT-3's shapes run on it.
        Gpt2 "gpt2" "GPT-2",
        /// EleutherAI's GPT-Neo.
        GptNeo "gpt_neo" "GPT-Neo",
        /// EleutherAI's GPT-NeoX and Pythia.
        GptNeoX "gpt_neox" "GPT-NeoX",
        /// EleutherAI's GPT-J.
        GptJ "gptj" "GPT-J",
        /// Meta's OPT.
        Opt "opt" "OPT",
        /// BigScience's BLOOM.
        Bloom "bloom" "BLOOM",
        /// TII's Falcon.
        Falcon "falcon" "Falcon",
        /// MosaicML's MPT.
        Mpt "mpt" "MPT",
        /// Databricks' DBRX.
        Dbrx "dbrx" "DBRX",
        /// Meta's Llama 1 to 3, and the many models that run on its code.
        Llama "llama" "Llama",
        /// Meta's Llama 4, its text model.
        Llama4 "llama4" "Llama 4",
        /// Mistral AI's dense models.
        Mistral "mistral" "Mistral",
        /// Mistral AI's mixtures of experts.
        Mixtral "mixtral" "Mixtral",
        /// Alibaba's Qwen 1.5, 2 and 2.5.
        Qwen2 "qwen2" "Qwen2",
        /// Alibaba's Qwen 1.5 and 2 mixtures of experts.
        Qwen2Moe "qwen2_moe" "Qwen2-MoE",
        /// Alibaba's Qwen 3.
        Qwen3 "qwen3" "Qwen3",
        /// Alibaba's Qwen 3 mixtures of experts.
        Qwen3Moe "qwen3_moe" "Qwen3-MoE",
        /// Google's Gemma 1.
        Gemma "gemma" "Gemma",
        /// Google's Gemma 2.
        Gemma2 "gemma2" "Gemma 2",
        /// Google's Gemma 3, its text model.
        Gemma3 "gemma3" "Gemma 3",
        /// Microsoft's Phi-1, 1.5 and 2.
        Phi "phi" "Phi",
        /// Microsoft's Phi-3 and 4.
        Phi3 "phi3" "Phi-3",
        /// BigCode's StarCoder2.
        StarCoder2 "starcoder2" "StarCoder2",
        /// Stability AI's StableLM.
        StableLm "stablelm" "StableLM",
        /// AI2's OLMo 1.
        Olmo "olmo" "OLMo",
        /// AI2's OLMo 2.
        Olmo2 "olmo2" "OLMo 2",
        /// AI2's OLMo 3.
        Olmo3 "olmo3" "OLMo 3",
        /// DeepSeek-V2.
        DeepSeekV2 "deepseek_v2" "DeepSeek-V2",
        /// DeepSeek-V3, and Kimi K2.
        DeepSeekV3 "deepseek_v3" "DeepSeek-V3",
        /// Zhipu's GLM-4.
        Glm4 "glm4" "GLM-4",
        /// Zhipu's GLM-4.5.
        Glm4Moe "glm4_moe" "GLM-4.5",
        /// OpenAI's gpt-oss.
        GptOss "gpt_oss" "gpt-oss",
        /// IBM's Granite 3.
        Granite "granite" "Granite",
        /// Cohere's Command R.
        Cohere "cohere" "Command R",
        /// Hugging Face's SmolLM3.
        SmolLm3 "smollm3" "SmolLM3",
        /// NVIDIA's Nemotron-4.
        Nemotron "nemotron" "Nemotron",
    }
);

static BASES: [Architecture; <Family as Choice>::ALL.len()] = {
    let mut bases = [LLAMA_7B; <Family as Choice>::ALL.len()];
    let mut index = 0;
    while index < bases.len() {
        bases[index] = <Family as Choice>::ALL[index].built();
        index += 1;
    }
    bases
};

impl Family {
    /// A model of this family with Llama-2-7B's sizes: what its code implies, to change sizes in. Read from the model
    /// and configuration classes of the Python package transformers 5.23.
    pub fn base(self) -> Architecture {
        BASES[self as usize]
    }

    /// [`Family::base`], computed while compiling: as a table it is a tenth of the code.
    pub(crate) const fn built(self) -> Architecture {
        let llama = LLAMA_7B;
        let gpt = GPT_7B;
        match self {
            Self::Generic | Self::Llama => Architecture {
                family: self,
                ..llama
            },
            Self::Gpt2 => Architecture {
                family: self,
                tied_embeddings: true,
                learned_positions: 1_024,
                max_positions: 1_024,
                dropout: Dropout {
                    attention: true,
                    residual: true,
                    embedding: true,
                },
                ..gpt
            },
            Self::GptNeo => Architecture {
                family: self,
                tied_embeddings: true,
                learned_positions: 2_048,
                attention: Attention {
                    qkv_bias: false,
                    window: Some(Window {
                        size: 256,
                        layers: LayerSet::every(2, 1),
                        chunked: false,
                    }),
                    ..gpt.attention
                },
                ..gpt
            },
            Self::GptNeoX => Architecture {
                family: self,
                attention: Attention {
                    rotary_dim: 32,
                    ..gpt.attention
                },
                feed_forward: FeedForward {
                    activation: Activation::Gelu,
                    ..gpt.feed_forward
                },
                norms: Norms {
                    places: NormPlaces::ParallelTwo,
                    ..gpt.norms
                },
                ..gpt
            },
            Self::GptJ => Architecture {
                family: self,
                head_bias: true,
                attention: Attention {
                    qkv_bias: false,
                    output_bias: false,
                    rotary_dim: 64,
                    ..gpt.attention
                },
                norms: Norms {
                    places: NormPlaces::ParallelShared,
                    ..gpt.norms
                },
                ..gpt
            },
            Self::Opt => Architecture {
                family: self,
                tied_embeddings: true,
                learned_positions: 2_050,
                feed_forward: FeedForward {
                    activation: Activation::Relu,
                    ..gpt.feed_forward
                },
                dropout: Dropout {
                    residual: true,
                    ..Dropout::NONE
                },
                ..gpt
            },
            Self::Bloom => Architecture {
                family: self,
                tied_embeddings: true,
                feed_forward: FeedForward {
                    activation: Activation::BloomGelu,
                    ..gpt.feed_forward
                },
                norms: Norms {
                    embedding: true,
                    ..gpt.norms
                },
                ..gpt
            },
            Self::Falcon => Architecture {
                family: self,
                tied_embeddings: true,
                attention: Attention {
                    kv_heads: 1,
                    qkv_bias: false,
                    output_bias: false,
                    rotary_dim: 128,
                    ..gpt.attention
                },
                feed_forward: FeedForward {
                    activation: Activation::Gelu,
                    bias: false,
                    ..gpt.feed_forward
                },
                norms: Norms {
                    places: NormPlaces::ParallelShared,
                    ..gpt.norms
                },
                ..gpt
            },
            Self::Mpt => Architecture {
                family: self,
                tied_embeddings: true,
                attention: Attention {
                    qkv_bias: false,
                    output_bias: false,
                    ..gpt.attention
                },
                feed_forward: FeedForward {
                    activation: Activation::Gelu,
                    bias: false,
                    ..gpt.feed_forward
                },
                norms: Norms {
                    bias: false,
                    ..gpt.norms
                },
                ..gpt
            },
            Self::Dbrx => Architecture {
                family: self,
                attention: Attention {
                    clip_qkv: true,
                    ..llama.attention
                },
                experts: Some(Experts {
                    count: 16,
                    active: 4,
                    ..Experts::DEFAULT
                }),
                norms: Norms {
                    kind: NormKind::Layer,
                    ..llama.norms
                },
                ..llama
            },
            Self::Llama4 => Architecture {
                family: self,
                attention: Attention {
                    qk_norm: QkNorm::Unweighted,
                    unrotated: LayerSet::every(4, 3),
                    window: Some(Window {
                        size: 8_192,
                        layers: LayerSet::every(4, 3).complement(),
                        chunked: true,
                    }),
                    ..llama.attention
                },
                experts: Some(Experts {
                    count: 16,
                    active: 1,
                    size: 8_192,
                    shared_size: 8_192,
                    router: Router::Dense,
                    ..Experts::DEFAULT
                }),
                ..llama
            },
            Self::Mistral => Architecture {
                family: self,
                ..llama
            },
            Self::Mixtral => Architecture {
                family: self,
                experts: Some(Experts::DEFAULT),
                ..llama
            },
            Self::Qwen2 => Architecture {
                family: self,
                attention: Attention {
                    qkv_bias: true,
                    ..llama.attention
                },
                ..llama
            },
            Self::Qwen2Moe => Architecture {
                family: self,
                attention: Attention {
                    qkv_bias: true,
                    ..llama.attention
                },
                experts: Some(Experts {
                    count: 60,
                    active: 4,
                    size: 1_408,
                    shared_size: 5_632,
                    shared_gate: true,
                    renormalised: false,
                    ..Experts::DEFAULT
                }),
                ..llama
            },
            Self::Qwen3 => Architecture {
                family: self,
                attention: Attention {
                    qk_norm: QkNorm::Head,
                    ..llama.attention
                },
                ..llama
            },
            Self::Qwen3Moe => Architecture {
                family: self,
                attention: Attention {
                    qk_norm: QkNorm::Head,
                    ..llama.attention
                },
                experts: Some(Experts {
                    count: 128,
                    active: 8,
                    size: 768,
                    ..Experts::DEFAULT
                }),
                ..llama
            },
            Self::Gemma => Architecture {
                family: self,
                tied_embeddings: true,
                attention: Attention {
                    head_dim: 256,
                    rotary_dim: 256,
                    ..llama.attention
                },
                feed_forward: FeedForward {
                    activation: Activation::Gelu,
                    ..llama.feed_forward
                },
                norms: Norms {
                    kind: NormKind::RmsPlusOne,
                    ..llama.norms
                },
                ..llama
            },
            Self::Gemma2 => Architecture {
                family: self,
                tied_embeddings: true,
                attention: Attention {
                    head_dim: 256,
                    rotary_dim: 256,
                    window: Some(Window {
                        size: 4_096,
                        layers: LayerSet::every(2, 0),
                        chunked: false,
                    }),
                    soft_cap: true,
                    ..llama.attention
                },
                feed_forward: FeedForward {
                    activation: Activation::Gelu,
                    ..llama.feed_forward
                },
                norms: Norms {
                    kind: NormKind::RmsPlusOne,
                    places: NormPlaces::Around,
                    ..llama.norms
                },
                ..llama
            },
            Self::Gemma3 => Architecture {
                family: self,
                tied_embeddings: true,
                attention: Attention {
                    head_dim: 256,
                    rotary_dim: 256,
                    qk_norm: QkNorm::Head,
                    window: Some(Window {
                        size: 4_096,
                        layers: LayerSet::every(6, 5).complement(),
                        chunked: false,
                    }),
                    ..llama.attention
                },
                feed_forward: FeedForward {
                    activation: Activation::Gelu,
                    ..llama.feed_forward
                },
                norms: Norms {
                    kind: NormKind::RmsPlusOne,
                    places: NormPlaces::Around,
                    ..llama.norms
                },
                ..llama
            },
            Self::Phi => Architecture {
                family: self,
                head_bias: true,
                attention: Attention {
                    rotary_dim: 64,
                    ..gpt.attention
                },
                norms: Norms {
                    places: NormPlaces::ParallelShared,
                    ..gpt.norms
                },
                ..gpt
            },
            Self::Phi3 => Architecture {
                family: self,
                ..llama
            },
            Self::StarCoder2 => Architecture {
                family: self,
                tied_embeddings: true,
                attention: Attention {
                    rotary_dim: 128,
                    ..gpt.attention
                },
                feed_forward: FeedForward {
                    activation: Activation::Gelu,
                    ..gpt.feed_forward
                },
                ..gpt
            },
            Self::StableLm => Architecture {
                family: self,
                attention: Attention {
                    rotary_dim: 32,
                    ..llama.attention
                },
                norms: Norms {
                    kind: NormKind::Layer,
                    bias: true,
                    ..llama.norms
                },
                ..llama
            },
            Self::Olmo => Architecture {
                family: self,
                norms: Norms {
                    kind: NormKind::Layer,
                    weight: false,
                    ..llama.norms
                },
                ..llama
            },
            Self::Olmo2 => Architecture {
                family: self,
                attention: Attention {
                    qk_norm: QkNorm::Row,
                    ..llama.attention
                },
                norms: Norms {
                    kind: NormKind::RmsInFp32,
                    places: NormPlaces::After,
                    ..llama.norms
                },
                ..llama
            },
            Self::Olmo3 => Architecture {
                family: self,
                attention: Attention {
                    qk_norm: QkNorm::Row,
                    window: Some(Window {
                        size: 4_096,
                        layers: LayerSet::every(4, 3).complement(),
                        chunked: false,
                    }),
                    ..llama.attention
                },
                norms: Norms {
                    kind: NormKind::RmsInFp32,
                    places: NormPlaces::After,
                    ..llama.norms
                },
                ..llama
            },
            Self::DeepSeekV2 => Architecture {
                family: self,
                attention: LATENT,
                experts: Some(Experts {
                    count: 64,
                    active: 6,
                    size: 1_408,
                    shared_size: 2_816,
                    router: Router::Greedy,
                    renormalised: false,
                    ..Experts::DEFAULT
                }),
                ..llama
            },
            Self::DeepSeekV3 => Architecture {
                family: self,
                attention: LATENT,
                experts: Some(Experts {
                    layers: LayerSet::from(3),
                    count: 256,
                    active: 8,
                    size: 2_048,
                    shared_size: 2_048,
                    router: Router::Sigmoid,
                    router_bias: RouterBias::Buffer,
                    ..Experts::DEFAULT
                }),
                ..llama
            },
            Self::Glm4 => Architecture {
                family: self,
                attention: Attention {
                    qkv_bias: true,
                    rotary_dim: 64,
                    ..llama.attention
                },
                norms: Norms {
                    places: NormPlaces::Around,
                    ..llama.norms
                },
                ..llama
            },
            Self::Glm4Moe => Architecture {
                family: self,
                attention: Attention {
                    rotary_dim: 64,
                    ..llama.attention
                },
                experts: Some(Experts {
                    layers: LayerSet::from(1),
                    count: 128,
                    active: 8,
                    size: 1_408,
                    shared_size: 1_408,
                    router: Router::Sigmoid,
                    router_bias: RouterBias::Buffer,
                    ..Experts::DEFAULT
                }),
                ..llama
            },
            Self::GptOss => Architecture {
                family: self,
                attention: Attention {
                    qkv_bias: true,
                    output_bias: true,
                    sinks: true,
                    window: Some(Window {
                        size: 128,
                        layers: LayerSet::every(2, 0),
                        chunked: false,
                    }),
                    ..llama.attention
                },
                experts: Some(Experts {
                    count: 128,
                    active: 4,
                    size: 2_880,
                    expert_bias: true,
                    router_bias: RouterBias::Parameter,
                    router: Router::TopK,
                    ..Experts::DEFAULT
                }),
                norms: Norms {
                    kind: NormKind::RmsInFp32,
                    ..llama.norms
                },
                ..llama
            },
            Self::Granite => Architecture {
                family: self,
                ..llama
            },
            Self::Cohere => Architecture {
                family: self,
                tied_embeddings: true,
                norms: Norms {
                    kind: NormKind::LayerInFp32,
                    places: NormPlaces::ParallelShared,
                    ..llama.norms
                },
                ..llama
            },
            Self::SmolLm3 => Architecture {
                family: self,
                tied_embeddings: true,
                attention: Attention {
                    unrotated: LayerSet::every(4, 3),
                    ..llama.attention
                },
                ..llama
            },
            Self::Nemotron => Architecture {
                family: self,
                attention: Attention {
                    rotary_dim: 64,
                    ..llama.attention
                },
                feed_forward: FeedForward {
                    size: 16_384,
                    gated: false,
                    activation: Activation::Relu2,
                    ..llama.feed_forward
                },
                norms: Norms {
                    kind: NormKind::Layer,
                    bias: true,
                    ..llama.norms
                },
                ..llama
            },
        }
    }
}

/// Llama-2-7B (Touvron et al. 2023, arXiv:2307.09288): RMSNorm before each branch, gated SiLU, rotary positions, no biases.
const LLAMA_7B: Architecture = Architecture {
    family: Family::Llama,
    layers: 32,
    hidden: 4_096,
    vocabulary: 32_000,
    tied_embeddings: false,
    embedding_size: None,
    learned_positions: 0,
    max_positions: 4_096,
    head_bias: false,
    attention: Attention {
        heads: 32,
        kv_heads: 32,
        head_dim: 128,
        latent: None,
        qkv_bias: false,
        output_bias: false,
        qk_norm: QkNorm::None,
        sinks: false,
        rotary_dim: 128,
        unrotated: LayerSet::NONE,
        window: None,
        soft_cap: false,
        clip_qkv: false,
    },
    feed_forward: FeedForward {
        size: 11_008,
        gated: true,
        bias: false,
        activation: Activation::Silu,
    },
    experts: None,
    norms: Norms {
        kind: NormKind::Rms,
        weight: true,
        bias: false,
        places: NormPlaces::Before,
        embedding: false,
        last: true,
    },
    dropout: Dropout::NONE,
};

/// The same width built as GPT models are: LayerNorm, a plain feed-forward network of 4h, biases everywhere.
const GPT_7B: Architecture = Architecture {
    family: Family::Gpt2,
    max_positions: 2_048,
    attention: Attention {
        qkv_bias: true,
        output_bias: true,
        rotary_dim: 0,
        ..LLAMA_7B.attention
    },
    feed_forward: FeedForward {
        size: 16_384,
        gated: false,
        bias: true,
        activation: Activation::GeluNew,
    },
    norms: Norms {
        kind: NormKind::Layer,
        bias: true,
        ..LLAMA_7B.norms
    },
    ..LLAMA_7B
};

/// Attention through latents: each head's queries and keys are nope + rope wide.
const LATENT: Attention = Attention {
    head_dim: 192,
    rotary_dim: 64,
    latent: Some(Latent::DEFAULT),
    ..LLAMA_7B.attention
};
