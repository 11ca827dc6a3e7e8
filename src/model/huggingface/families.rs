//! What each family's code makes of its configuration, beyond what all have in common.
//!
//! Read from the configuration and model classes of transformers 5.23; fields are named as there.

use super::ImportError;
use super::error::{Warning, quoted};
use super::reader::Reader;
use crate::field::LayerSet;
use crate::model::{
    Activation, Architecture, Dropout, Experts, Family, Latent, ModelField, NormPlaces, QkNorm,
    Window,
};

/// What reads a family's own fields into what [`Family::base`] and [`common`] left.
pub(super) type Read = fn(&mut Reader, &mut Architecture) -> Result<(), ImportError>;

/// The types that are read as their classes do: `model_type`, whose defaults hold, whose code it is, and its reader.
pub(super) const TYPES: &[(&str, &str, Family, Read)] = &[
    ("llama", "llama", Family::Llama, llama),
    ("mistral", "mistral", Family::Mistral, mistral),
    ("ministral", "ministral", Family::Mistral, ministral),
    ("ministral3", "ministral3", Family::Mistral, mistral),
    ("mistral3", "mistral", Family::Mistral, mistral),
    ("mixtral", "mixtral", Family::Mixtral, mixtral),
    ("qwen2", "qwen2", Family::Qwen2, qwen2),
    ("qwen2_moe", "qwen2_moe", Family::Qwen2Moe, qwen2_moe),
    ("qwen3", "qwen3", Family::Qwen3, qwen3),
    ("qwen3_moe", "qwen3_moe", Family::Qwen3Moe, qwen3_moe),
    ("gemma", "gemma", Family::Gemma, both_biases),
    ("gemma2", "gemma2", Family::Gemma2, gemma2),
    ("gemma3", "gemma3_text", Family::Gemma3, gemma3),
    ("gemma3_text", "gemma3_text", Family::Gemma3, gemma3),
    ("phi", "phi", Family::Phi, phi),
    ("phi3", "phi3", Family::Phi3, phi3),
    ("gpt2", "gpt2", Family::Gpt2, gpt2),
    ("gpt_bigcode", "gpt_bigcode", Family::Gpt2, gpt_bigcode),
    ("gptj", "gptj", Family::GptJ, gptj),
    ("gpt_neox", "gpt_neox", Family::GptNeoX, gpt_neox),
    ("gpt_neo", "gpt_neo", Family::GptNeo, gpt_neo),
    ("opt", "opt", Family::Opt, opt),
    ("bloom", "bloom", Family::Bloom, bloom),
    ("falcon", "falcon", Family::Falcon, falcon),
    ("RefinedWeb", "falcon", Family::Falcon, falcon),
    ("RefinedWebModel", "falcon", Family::Falcon, falcon),
    ("starcoder2", "starcoder2", Family::StarCoder2, starcoder2),
    ("olmo", "olmo", Family::Olmo, olmo),
    ("olmo2", "olmo2", Family::Olmo2, both_biases),
    ("olmo3", "olmo3", Family::Olmo3, olmo3),
    (
        "deepseek_v2",
        "deepseek_v2",
        Family::DeepSeekV2,
        deepseek_v2,
    ),
    (
        "deepseek_v3",
        "deepseek_v3",
        Family::DeepSeekV3,
        deepseek_v3,
    ),
    ("kimi_k2", "deepseek_v3", Family::DeepSeekV3, deepseek_v3),
    ("glm", "glm", Family::Glm4, glm),
    ("glm4", "glm4", Family::Glm4, glm4),
    ("glm4_moe", "glm4_moe", Family::Glm4Moe, glm4_moe),
    ("gpt_oss", "gpt_oss", Family::GptOss, gpt_oss),
    ("stablelm", "stablelm", Family::StableLm, stablelm),
    ("stablelm_epoch", "stablelm", Family::StableLm, stablelm),
    ("granite", "granite", Family::Granite, llama),
    ("cohere", "cohere", Family::Cohere, cohere),
    ("mpt", "mpt", Family::Mpt, mpt),
    ("llama4", "llama4_text", Family::Llama4, llama4),
    ("llama4_text", "llama4_text", Family::Llama4, llama4),
    ("smollm3", "smollm3", Family::SmolLm3, smollm3),
    ("nemotron", "nemotron", Family::Nemotron, nemotron),
    ("dbrx", "dbrx", Family::Dbrx, dbrx),
];

/// What every decoder has: sizes, activation, tied embeddings, dropout on attention.
pub(super) fn common(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    a.hidden = r.required(ModelField::Hidden, "hidden_size")?;
    a.layers = r.required(ModelField::Layers, "num_hidden_layers")?;
    a.vocabulary = r.required(ModelField::Vocabulary, "vocab_size")?;
    a.max_positions = r
        .count(ModelField::MaxPositions, "max_position_embeddings")?
        .unwrap_or(0);
    a.tied_embeddings = r.flag("tie_word_embeddings")?;
    let attention = &mut a.attention;
    attention.heads = r.required(ModelField::Heads, "num_attention_heads")?;
    attention.kv_heads = r
        .count(ModelField::KvHeads, "num_key_value_heads")?
        .unwrap_or(attention.heads);
    // Latent attention computes it of its own fields.
    if !r.has("kv_lora_rank") {
        attention.head_dim = match r.count(ModelField::HeadDim, "head_dim")? {
            Some(size) => size,
            None if a.hidden.is_multiple_of(attention.heads) => a.hidden / attention.heads,
            None => {
                return Err(ImportError::Indivisible {
                    divisor: ("num_attention_heads".to_owned(), attention.heads),
                    of: ("hidden_size".to_owned(), a.hidden),
                });
            }
        };
        if attention.rotary_dim > 0 {
            attention.rotary_dim = attention.head_dim;
        }
    }
    a.feed_forward.size = r
        .count(ModelField::FeedForward, "intermediate_size")?
        .unwrap_or(4 * a.hidden);
    if let Some(activation) = r.activation("hidden_act")? {
        a.feed_forward.activation = activation;
    }
    a.dropout = Dropout {
        attention: r.dropout("attention_dropout")?,
        ..Dropout::NONE
    };
    Ok(())
}

// Pieces that several families share.

/// `attention_bias` on q, k, v and the output projection.
fn both_biases(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    a.attention.qkv_bias = r.flag("attention_bias")?;
    a.attention.output_bias = a.attention.qkv_bias;
    Ok(())
}

/// Dropout beside that on attention.
pub(super) fn dropouts(
    r: &mut Reader,
    a: &mut Architecture,
    residual: &'static str,
    embedding: &'static str,
) -> Result<(), ImportError> {
    a.dropout.residual = r.dropout(residual)?;
    a.dropout.embedding = r.dropout(embedding)?;
    Ok(())
}

/// Part of each head is rotated: `partial_rotary_factor` of the rotary parameters, else of the file, else of the class.
pub(super) fn partly_rotated(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    for key in [
        "rope_scaling.partial_rotary_factor",
        "rope_parameters.partial_rotary_factor",
        "rotary_pct",
        "partial_rotary_factor",
    ] {
        if let Some(share) = r.share(key)? {
            a.attention.rotary_dim = (a.attention.head_dim as f64 * share) as u64;
            break;
        }
    }
    Ok(())
}

/// A window of `sliding_window` in every layer.
fn window_everywhere(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    let size = r.count(ModelField::Window, "sliding_window")?.unwrap_or(0);
    set_window(a, size, LayerSet::ALL, false);
    Ok(())
}

/// A window of `sliding_window` in the layers that `layer_types` says, else in `layers`.
pub(super) fn window(
    r: &mut Reader,
    a: &mut Architecture,
    layers: LayerSet,
) -> Result<(), ImportError> {
    let size = r.count(ModelField::Window, "sliding_window")?.unwrap_or(0);
    let named = layer_types(r, a, "sliding_attention")?;
    set_window(a, size, named.unwrap_or(layers), false);
    Ok(())
}

pub(super) fn set_window(a: &mut Architecture, size: u64, layers: LayerSet, chunked: bool) {
    a.attention.window = (size > 0 && layers.count_below(a.layers) > 0).then_some(Window {
        size,
        layers,
        chunked,
    });
}

/// The layers of one kind in `layer_types`; kinds that are neither full attention nor this are noted.
pub(super) fn layer_types(
    r: &mut Reader,
    a: &Architecture,
    kind: &str,
) -> Result<Option<LayerSet>, ImportError> {
    let other = std::cell::Cell::new(None::<String>);
    let named = r.layers_where("layer_types", a.layers, "a kind of layer", |item| {
        let name = item.as_str()?;
        if name != kind && name != "full_attention" {
            other.set(Some(quoted(name)));
        }
        Some(name == kind)
    })?;
    if let Some(value) = other.take() {
        r.warnings.push(Warning::CountedAs {
            key: "layer_types",
            value,
            as_if: "full attention",
        });
    }
    Ok(named)
}

/// A window in the layers from `max_window_layers` on, where `use_sliding_window` says so.
fn late_window(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    let first = r.whole("max_window_layers")?.unwrap_or(0);
    if r.flag("use_sliding_window")? {
        window(r, a, LayerSet::from(first))?;
    }
    Ok(())
}

/// Rotary positions in all but every `no_rope_layer_interval`-th layer, or where `no_rope_layers` has a 1.
fn unrotated(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    let rotated = r.layers_where("no_rope_layers", a.layers, "0 or 1", |item| {
        item.as_u64()
            .map(|rotated| rotated != 0)
            .or_else(|| item.as_bool())
    })?;
    let interval = r.step("no_rope_layer_interval")?;
    a.attention.unrotated = rotated.map_or_else(
        || LayerSet::every(interval, interval - 1),
        LayerSet::complement,
    );
    Ok(())
}

/// Experts on top of the family's: how many, how many active, of which size, in which layers. A model without any is
/// dense.
fn experts(
    r: &mut Reader,
    a: &mut Architecture,
    size: &'static str,
    layers: LayerSet,
) -> Result<(), ImportError> {
    let base = a.experts.take().unwrap_or(Experts::DEFAULT);
    let count = r.count(ModelField::Experts, "num_experts")?.unwrap_or(0);
    if count > 0 && layers.count_below(a.layers) > 0 {
        a.experts = Some(Experts {
            layers,
            count,
            active: r.required(ModelField::ActiveExperts, "num_experts_per_tok")?,
            size: r.required(ModelField::ExpertSize, size)?,
            ..base
        });
    }
    Ok(())
}

/// Experts in every `decoder_sparse_step`-th layer that is not in `mlp_only_layers` (Qwen).
fn sparse(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    let step = r.step("decoder_sparse_step")?;
    let dense = r.layers_named("mlp_only_layers", a.layers)?;
    let layers = LayerSet::every(step, step - 1);
    let layers = dense.map_or(layers, |dense| layers.intersection(&dense.complement()));
    experts(r, a, "moe_intermediate_size", layers)?;
    if let Some(experts) = &mut a.experts {
        experts.renormalised = r.flag("norm_topk_prob")?;
    }
    Ok(())
}

/// Experts after `first_k_dense_replace` dense layers, `n_shared_experts` more for every token (DeepSeek, GLM).
fn after_dense(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    let first = r.whole("first_k_dense_replace")?.unwrap_or(0);
    experts(r, a, "moe_intermediate_size", LayerSet::from(first))?;
    if let Some(experts) = &mut a.experts {
        let shared = r.whole("n_shared_experts")?.unwrap_or(0);
        experts.shared_size = experts.size.saturating_mul(shared);
    }
    let every = r.whole("moe_layer_freq")?;
    r.ignores(
        every.is_some_and(|every| every != 1),
        "moe_layer_freq",
        "every layer after the first dense ones has experts",
    );
    Ok(())
}

/// Multi-head latent attention (DeepSeek).
pub(super) fn latent(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    let latent = Latent {
        query_rank: r
            .count(ModelField::QueryRank, "q_lora_rank")?
            .filter(|rank| *rank > 0),
        kv_rank: r.required(ModelField::KvRank, "kv_lora_rank")?,
        nope_dim: r.required(ModelField::NopeDim, "qk_nope_head_dim")?,
        rope_dim: r.required(ModelField::RopeDim, "qk_rope_head_dim")?,
        value_dim: r.required(ModelField::ValueDim, "v_head_dim")?,
    };
    a.attention.kv_heads = a.attention.heads;
    a.attention.head_dim = latent.nope_dim + latent.rope_dim;
    a.attention.rotary_dim = latent.rope_dim;
    a.attention.latent = Some(latent);
    Ok(())
}

// One function a family.

fn llama(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    both_biases(r, a)?;
    a.feed_forward.bias = r.flag("mlp_bias")?;
    Ok(())
}

fn mistral(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    window_everywhere(r, a)
}

fn ministral(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    window(r, a, LayerSet::ALL)
}

fn mixtral(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    window_everywhere(r, a)?;
    experts(r, a, "intermediate_size", LayerSet::ALL)
}

fn qwen2(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    late_window(r, a)
}

fn qwen2_moe(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    a.attention.qkv_bias = r.flag("qkv_bias")?;
    if r.flag("use_sliding_window")? {
        let last = r.whole("max_window_layers")?.unwrap_or(0);
        let early = LayerSet::from(last).complement();
        window(r, a, LayerSet::every(2, 0).intersection(&early))?;
    }
    sparse(r, a)?;
    if let Some(experts) = &mut a.experts {
        experts.shared_size = r
            .count(ModelField::SharedSize, "shared_expert_intermediate_size")?
            .unwrap_or(0);
    }
    Ok(())
}

fn qwen3(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    both_biases(r, a)?;
    late_window(r, a)
}

fn qwen3_moe(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    both_biases(r, a)?;
    if r.flag("use_sliding_window")? {
        window_everywhere(r, a)?;
    }
    sparse(r, a)
}

fn gemma2(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    both_biases(r, a)?;
    a.attention.soft_cap = r.number("attn_logit_softcapping")?.is_some();
    window(r, a, LayerSet::every(2, 0))
}

fn gemma3(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    both_biases(r, a)?;
    a.attention.soft_cap = r.number("attn_logit_softcapping")?.is_some();
    let period = r.step("sliding_window_pattern")?;
    let full = LayerSet::every(period, period - 1);
    window(r, a, full.complement())
}

fn phi(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    partly_rotated(r, a)?;
    if r.flag("qk_layernorm")? {
        a.attention.qk_norm = QkNorm::Head;
    }
    dropouts(r, a, "resid_pdrop", "embd_pdrop")
}

fn phi3(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    partly_rotated(r, a)?;
    a.dropout.residual = r.dropout("resid_pdrop")?;
    window_everywhere(r, a)
}

fn gpt2(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    a.learned_positions = a.max_positions;
    dropouts(r, a, "resid_pdrop", "embd_pdrop")
}

fn gpt_bigcode(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    if r.flag("multi_query")? {
        a.attention.kv_heads = 1;
    }
    r.counts_as("GPT-2’s code");
    gpt2(r, a)
}

fn gptj(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    a.attention.rotary_dim = r
        .count(ModelField::RotaryDim, "rotary_dim")?
        .filter(|size| *size > 0)
        .unwrap_or(a.attention.head_dim);
    dropouts(r, a, "resid_pdrop", "embd_pdrop")
}

fn gpt_neox(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    both_biases(r, a)?;
    partly_rotated(r, a)?;
    if !r.flag("use_parallel_residual")? {
        a.norms.places = NormPlaces::Before;
    }
    dropouts(r, a, "hidden_dropout", "hidden_dropout")
}

fn gpt_neo(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    a.learned_positions = a.max_positions;
    let size = r.count(ModelField::Window, "window_size")?.unwrap_or(0);
    let local = r.local_layers(a.layers)?;
    set_window(a, size, local.unwrap_or(LayerSet::every(2, 1)), false);
    dropouts(r, a, "resid_dropout", "embed_dropout")
}

fn opt(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    a.learned_positions = a.max_positions + 2;
    let bias = r.flag("enable_bias")?;
    a.attention.qkv_bias = bias;
    a.attention.output_bias = bias;
    a.feed_forward.bias = bias;
    a.norms.weight = r.flag("layer_norm_elementwise_affine")?;
    a.norms.bias = a.norms.weight;
    let before = r.flag("do_layer_norm_before")?;
    if !before {
        a.norms.places = NormPlaces::AfterSum;
    }
    a.norms.last = before && !r.flag("_remove_final_layer_norm")?;
    a.embedding_size = r
        .count(ModelField::EmbeddingSize, "word_embed_proj_dim")?
        .filter(|size| *size > 0 && *size != a.hidden);
    a.dropout.residual = r.dropout("dropout")?;
    Ok(())
}

fn bloom(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    a.feed_forward.size = 4 * a.hidden;
    a.feed_forward.activation = Activation::BloomGelu;
    a.dropout.residual = r.dropout("hidden_dropout")?;
    Ok(())
}

fn falcon(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    let new = r.flag("new_decoder_architecture")?;
    let attention = &mut a.attention;
    if !new {
        attention.kv_heads = if r.flag("multi_query")? {
            1
        } else {
            attention.heads
        };
    }
    let bias = r.flag("bias")?;
    attention.qkv_bias = bias;
    attention.output_bias = bias;
    if r.flag("alibi")? {
        attention.rotary_dim = 0;
    }
    a.feed_forward.bias = bias;
    if let Some(activation) = r.activation("activation")? {
        a.feed_forward.activation = activation;
    }
    let two = r
        .whole("num_ln_in_parallel_attn")?
        .map_or(new, |norms| norms == 2);
    a.norms.places = match (r.flag("parallel_attn")?, two) {
        (false, _) => NormPlaces::Before,
        (true, false) => NormPlaces::ParallelShared,
        (true, true) => NormPlaces::ParallelTwo,
    };
    a.dropout.residual = r.dropout("hidden_dropout")?;
    Ok(())
}

fn starcoder2(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    let bias = r.flag("use_bias")?;
    a.attention.qkv_bias = bias;
    a.attention.output_bias = bias;
    a.feed_forward.bias = bias;
    dropouts(r, a, "residual_dropout", "embedding_dropout")?;
    window_everywhere(r, a)
}

fn olmo(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    a.attention.clip_qkv = r.number("clip_qkv")?.is_some();
    both_biases(r, a)
}

fn olmo3(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    both_biases(r, a)?;
    window(r, a, LayerSet::every(4, 3).complement())
}

fn deepseek_v2(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    both_biases(r, a)?;
    latent(r, a)?;
    a.feed_forward.bias = r.flag("mlp_bias")?;
    after_dense(r, a)?;
    if let Some(experts) = &mut a.experts {
        experts.group_limited = r.text("topk_method")? == Some("group_limited_greedy");
    }
    Ok(())
}

fn deepseek_v3(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    both_biases(r, a)?;
    latent(r, a)?;
    sigmoid_experts(r, a)
}

fn sigmoid_experts(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    after_dense(r, a)?;
    if let Some(experts) = &mut a.experts {
        experts.renormalised = r.flag("norm_topk_prob")?;
    }
    Ok(())
}

fn glm(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    a.norms.places = NormPlaces::Before;
    r.counts_as("GLM-4’s code without norms after the branches");
    glm4(r, a)
}

fn glm4(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    a.attention.qkv_bias = r.flag("attention_bias")?;
    partly_rotated(r, a)
}

fn glm4_moe(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    glm4(r, a)?;
    if r.flag("use_qk_norm")? {
        a.attention.qk_norm = QkNorm::Head;
    }
    sigmoid_experts(r, a)
}

fn gpt_oss(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    both_biases(r, a)?;
    window(r, a, LayerSet::every(2, 0))?;
    experts(r, a, "intermediate_size", LayerSet::ALL)
}

fn stablelm(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    a.attention.qkv_bias = r.flag("use_qkv_bias")?;
    partly_rotated(r, a)?;
    if r.flag("qk_layernorm")? {
        a.attention.qk_norm = QkNorm::EachHead;
    }
    if r.flag("use_parallel_residual")? {
        a.norms.places = NormPlaces::ParallelShared;
    }
    a.dropout.residual = r.dropout("hidden_dropout")?;
    Ok(())
}

fn cohere(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    if r.flag("use_qk_norm")? {
        a.attention.qk_norm = QkNorm::EachHead;
    }
    both_biases(r, a)
}

/// The class has fields that its model ignores: only MPT-7B's and -30B's form is built.
fn mpt(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    r.object("attn_config")?;
    let clip = r.number("attn_config.clip_qkv")?;
    a.attention.clip_qkv = clip.is_some_and(|clip| clip != 0.0);
    a.dropout.attention = r.dropout("attn_config.attn_pdrop")?;
    a.dropout.residual = a.dropout.attention;
    a.attention.kv_heads = a.attention.heads;
    a.feed_forward.size = 4 * a.hidden;
    let ratio = r.whole("expansion_ratio")?;
    r.ignores(
        ratio.is_some_and(|ratio| ratio != 4),
        "expansion_ratio",
        "feed-forward networks are four times as wide as the hidden size",
    );
    let groups = r.whole("attn_config.kv_n_heads")?;
    r.ignores(
        groups.is_some_and(|groups| groups != a.attention.heads),
        "attn_config.kv_n_heads",
        "there are as many key and value heads as heads",
    );
    let biases = r.has("no_bias") && !r.flag("no_bias")?;
    r.ignores(biases, "no_bias", "there are no biases");
    let alibi = !r.has("attn_config.alibi") || r.flag("attn_config.alibi")?;
    r.ignores(!alibi, "attn_config.alibi", "positions are ALiBi’s");
    Ok(())
}

fn llama4(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    both_biases(r, a)?;
    unrotated(r, a)?;
    if !r.flag("use_qk_norm")? {
        a.attention.qk_norm = QkNorm::None;
    }
    let size = r
        .count(ModelField::Window, "attention_chunk_size")?
        .unwrap_or(0);
    let chunked = layer_types(r, a, "chunked_attention")?;
    let chunked = chunked.unwrap_or_else(|| a.attention.unrotated.complement());
    set_window(a, size, chunked, true);

    let step = r.step("interleave_moe_layer_step")?;
    let named = r.layers_named("moe_layers", a.layers)?;
    let layers = named.unwrap_or_else(|| LayerSet::every(step, step - 1));
    experts(r, a, "intermediate_size", layers)?;
    if let Some(experts) = &mut a.experts {
        experts.shared_size = experts.size;
    }
    a.feed_forward.size = r.required(ModelField::FeedForward, "intermediate_size_mlp")?;
    Ok(())
}

fn smollm3(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    llama(r, a)?;
    unrotated(r, a)?;
    if r.flag("use_sliding_window")? {
        window(r, a, a.attention.unrotated)?;
    }
    Ok(())
}

fn nemotron(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    partly_rotated(r, a)?;
    llama(r, a)
}

fn dbrx(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    r.object("attn_config")?;
    r.object("ffn_config")?;
    a.attention.kv_heads = r.required(ModelField::KvHeads, "attn_config.kv_n_heads")?;
    a.attention.clip_qkv = r.number("attn_config.clip_qkv")?.is_some();
    a.dropout.attention = r.dropout("attn_config.attn_pdrop")?;
    a.dropout.residual = r.dropout("resid_pdrop")?;
    if let Some(activation) = r.activation("ffn_config.ffn_act_fn.name")? {
        a.feed_forward.activation = activation;
    }
    let size = r.required(ModelField::ExpertSize, "ffn_config.ffn_hidden_size")?;
    a.feed_forward.size = size;
    a.experts = Some(Experts {
        count: r.required(ModelField::Experts, "ffn_config.moe_num_experts")?,
        active: r.required(ModelField::ActiveExperts, "ffn_config.moe_top_k")?,
        size,
        renormalised: r
            .number("ffn_config.moe_normalize_expert_weights")?
            .is_some(),
        ..a.experts.unwrap_or(Experts::DEFAULT)
    });
    Ok(())
}
