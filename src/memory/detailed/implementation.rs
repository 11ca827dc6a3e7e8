//! Families as flags: what a family's code does that its architecture does not tell, and that decides which tensors
//! autograd keeps.
//!
//! Read from the model classes of transformers 5.23 and held against recorded steps (tests/reference/groundtruth).

use crate::model::{Architecture, Family, NormPlaces};

/// How rotary positions are applied to queries and keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotary {
    /// x·cos + rotated(x)·sin: a new contiguous tensor each.
    Whole,
    /// The turned part and the rest are concatenated, or the halves are: the layout of the result makes the flash
    /// kernel's output need a copy.
    Concatenated,
    /// Even and odd positions interleaved, sine and cosine repeated for each (GPT-J).
    Interleaved,
    /// As complex numbers (Llama 4, DeepSeek-V2).
    Complex,
    /// The two halves turned apart, then concatenated (gpt-oss).
    Halves,
}

/// How eager scores become probabilities: what stands at once while they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scores {
    /// Scaled, masked, softmax, cast: each takes the place of the last.
    Plain,
    /// The raw scores stand until the end (BLOOM).
    Held,
    /// Scaled in place and masked inside the softmax's call (Falcon).
    SumInline,
    /// An FP32 position bias is added first, and the mask filled in (MPT).
    Biased,
    /// A column of sinks is appended and each row's maximum subtracted (gpt-oss).
    Sinks,
}

/// In which order a parallel block adds its branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Both branches first, then the residual stream: autocast adds the branches in 16 bit.
    Branches,
    /// Attention to the residual stream, then the feed-forward network to that.
    Residual,
}

/// What a family's code does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Implementation {
    /// Whether steps of this code were recorded; else its flags are those of the nearest that was.
    pub recorded: bool,
    /// How rotary positions are applied, in layers that have them.
    pub rotary: Rotary,
    /// Cosine and sine stay in FP32 in a 16-bit model, and queries and keys are cast back.
    pub rotary_tables_in_fp32: bool,
    /// Queries and keys are cast to FP32 for the rotation.
    pub rotated_in_fp32: bool,
    /// Every block makes its own cosine and sine.
    pub rotary_tables_in_blocks: bool,
    /// Windowed layers have a cosine and sine of their own.
    pub rotary_tables_by_window: bool,
    /// Queries and keys are normalised as (b, heads, s, d), after the transpose.
    pub qk_norm_after_transpose: bool,
    /// The eager softmax asks for FP32.
    pub softmax_in_fp32: bool,
    /// The eager scores are computed in FP32.
    pub scores_in_fp32: bool,
    /// The branches' outputs are scaled before the residual sum.
    pub residual_scaled: bool,
    /// The logits are scaled.
    pub logits_scaled: bool,
    /// The logits pass through a soft cap.
    pub logits_capped: bool,
    /// Every block is handed a mask, so that no fused kernel without masks runs.
    pub always_masked: bool,
    /// Keys and values reach a masked kernel without being repeated for grouped heads.
    pub kv_unrepeated: bool,
    /// Grouped keys and values are repeated for every kernel, mask or not.
    pub kv_repeated: bool,
    /// Keys and values are gathered out of the fused projection by an index.
    pub kv_indexed: bool,
    /// Keys and values are repeated for grouped heads before the rotation.
    pub kv_expanded: bool,
    /// Linear layers multiply by a transposed view, whose cast autocast does not cache.
    pub casts_uncached: bool,
    /// How the eager scores become probabilities.
    pub scores: Scores,
    /// The eager probabilities are returned from the block: the last block's live on while the next runs.
    pub probabilities_returned: bool,
    /// Both norms of a parallel block run before attention.
    pub norms_first: bool,
    /// How a parallel block joins its branches.
    pub join: Join,
    /// Queries of unrotated layers are scaled by position.
    pub unrotated_queries_scaled: bool,
    /// The mask of windowed layers is made for every sequence of the batch.
    pub mask_per_sequence: bool,
    /// A boolean s × s mask for every sequence is saved with the activations (MPT).
    pub causal_mask_saved: bool,
    /// An FP32 ALiBi table of heads × longest sequence is an input of every block (MPT).
    pub alibi_table: bool,
    /// Position ids kept by the position embedding: none, one row, or one for every sequence.
    pub position_ids: PositionIds,
    /// The weights of the chosen experts are in FP32 in a 16-bit model.
    pub expert_weights_in_fp32: bool,
    /// The router multiplies in FP32, outside autocast.
    pub router_in_fp32: bool,
    /// The shared experts run before the router.
    pub shared_first: bool,
    /// Buffers that the model registers.
    pub buffers: Buffers,
}

/// Position ids that the embedding of learned positions keeps for its gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PositionIds {
    /// None are kept.
    None,
    /// One row of s.
    Row,
    /// One row for every sequence.
    Batch,
}

/// Buffers that a model registers; all are small but GPT-J's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffers {
    /// None.
    None,
    /// The inverse frequencies of each kind of rotary layer, twice.
    Frequencies,
    /// The same and the embedding's scale.
    FrequenciesAndScale,
    /// A sine and cosine table of every position in each layer.
    Tables,
    /// A causal mask of every position in each layer (GPT-Neo).
    Masks,
}

/// Llama's code, which most others differ from in a few lines.
pub(super) const LLAMA: Implementation = Implementation {
    recorded: true,
    rotary: Rotary::Whole,
    rotary_tables_in_fp32: false,
    rotated_in_fp32: false,
    rotary_tables_in_blocks: false,
    rotary_tables_by_window: false,
    qk_norm_after_transpose: false,
    softmax_in_fp32: true,
    scores_in_fp32: false,
    residual_scaled: false,
    logits_scaled: false,
    logits_capped: false,
    always_masked: false,
    kv_unrepeated: false,
    kv_repeated: false,
    kv_indexed: false,
    kv_expanded: false,
    casts_uncached: false,
    scores: Scores::Plain,
    probabilities_returned: false,
    norms_first: false,
    join: Join::Branches,
    unrotated_queries_scaled: false,
    mask_per_sequence: false,
    causal_mask_saved: false,
    alibi_table: false,
    position_ids: PositionIds::None,
    expert_weights_in_fp32: false,
    router_in_fp32: false,
    shared_first: false,
    buffers: Buffers::Frequencies,
};

impl Implementation {
    /// What the code of an architecture's family does.
    pub const fn of(architecture: &Architecture) -> Self {
        match architecture.family {
            Family::Llama
            | Family::Mistral
            | Family::Qwen2
            | Family::Qwen3
            | Family::Qwen3Moe
            | Family::StarCoder2 => LLAMA,
            Family::Generic | Family::SmolLm3 => Self {
                recorded: false,
                ..LLAMA
            },
            Family::Gpt2 => Self {
                softmax_in_fp32: false,
                position_ids: PositionIds::Row,
                buffers: Buffers::None,
                ..LLAMA
            },
            Family::GptNeo => Self {
                recorded: false,
                softmax_in_fp32: false,
                scores_in_fp32: true,
                probabilities_returned: true,
                position_ids: PositionIds::Row,
                buffers: Buffers::Masks,
                ..LLAMA
            },
            Family::GptNeoX => Self {
                rotary: Rotary::Concatenated,
                ..LLAMA
            },
            Family::GptJ => Self {
                rotary: Rotary::Interleaved,
                scores_in_fp32: true,
                probabilities_returned: true,
                buffers: Buffers::Tables,
                ..LLAMA
            },
            Family::Opt => Self {
                position_ids: PositionIds::Batch,
                buffers: Buffers::None,
                ..LLAMA
            },
            Family::Bloom => Self {
                scores: Scores::Held,
                probabilities_returned: true,
                buffers: Buffers::None,
                ..LLAMA
            },
            Family::Falcon => falcon(architecture),
            Family::Mpt => Self {
                scores: Scores::Biased,
                probabilities_returned: true,
                causal_mask_saved: true,
                alibi_table: true,
                buffers: Buffers::None,
                ..LLAMA
            },
            Family::Dbrx => Self {
                recorded: false,
                ..LLAMA
            },
            Family::Llama4 => Self {
                rotary: Rotary::Complex,
                softmax_in_fp32: false,
                unrotated_queries_scaled: true,
                mask_per_sequence: true,
                ..LLAMA
            },
            Family::Mixtral => Self {
                expert_weights_in_fp32: true,
                ..LLAMA
            },
            Family::Qwen2Moe => Self {
                shared_first: true,
                ..LLAMA
            },
            Family::Gemma => Self {
                buffers: Buffers::FrequenciesAndScale,
                ..LLAMA
            },
            Family::Gemma2 => Self {
                logits_capped: true,
                buffers: Buffers::FrequenciesAndScale,
                ..LLAMA
            },
            Family::Gemma3 => Self {
                rotary_tables_by_window: true,
                qk_norm_after_transpose: true,
                buffers: Buffers::FrequenciesAndScale,
                ..LLAMA
            },
            Family::Phi | Family::StableLm => Self {
                rotary: Rotary::Concatenated,
                ..LLAMA
            },
            Family::Nemotron => Self {
                recorded: false,
                rotary: Rotary::Concatenated,
                ..LLAMA
            },
            Family::Phi3 => Self {
                rotary: Rotary::Concatenated,
                ..LLAMA
            },
            Family::Olmo | Family::Olmo2 => Self {
                rotary_tables_in_fp32: true,
                ..LLAMA
            },
            Family::Olmo3 => Self {
                rotary_tables_in_fp32: true,
                rotary_tables_by_window: true,
                ..LLAMA
            },
            Family::DeepSeekV2 => Self {
                rotary: Rotary::Complex,
                expert_weights_in_fp32: true,
                router_in_fp32: true,
                ..LLAMA
            },
            Family::DeepSeekV3 | Family::Glm4Moe => Self {
                rotary: Rotary::Concatenated,
                expert_weights_in_fp32: true,
                router_in_fp32: true,
                ..LLAMA
            },
            Family::Glm4 => Self {
                rotary: Rotary::Concatenated,
                rotary_tables_in_blocks: true,
                ..LLAMA
            },
            Family::GptOss => Self {
                rotary: Rotary::Halves,
                scores: Scores::Sinks,
                softmax_in_fp32: false,
                ..LLAMA
            },
            Family::Granite => Self {
                residual_scaled: true,
                logits_scaled: true,
                ..LLAMA
            },
            Family::Cohere => Self {
                rotated_in_fp32: true,
                logits_scaled: true,
                join: Join::Residual,
                ..LLAMA
            },
        }
    }
}

/// Falcon's two codes: the first with one key and value head or as many as queries, the second
/// (`new_decoder_architecture`) with groups.
const fn falcon(architecture: &Architecture) -> Implementation {
    let heads = architecture.attention.heads;
    let kv_heads = architecture.attention.kv_heads;
    let two_norms = matches!(architecture.norms.places, NormPlaces::ParallelTwo);
    let groups = two_norms || kv_heads > 1 && kv_heads < heads;
    Implementation {
        softmax_in_fp32: false,
        always_masked: true,
        kv_unrepeated: true,
        kv_indexed: groups || kv_heads == 1,
        kv_expanded: groups,
        casts_uncached: true,
        scores: Scores::SumInline,
        probabilities_returned: true,
        norms_first: two_norms,
        ..LLAMA
    }
}
