//! A `model_type` whose code is not known: what its fields say is read, what they do not say is assumed, aloud.

use super::error::{ImportError, Warning};
use super::families::{dropouts, latent, layer_types, partly_rotated, set_window, window};
use super::reader::Reader;
use crate::field::LayerSet;
use crate::model::{
    Activation, Architecture, Experts, ModelField, NormKind, NormPlaces, QkNorm, Router,
};

/// Reads the fields by which configurations commonly describe a decoder.
pub(super) fn unknown(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    attention(r, a)?;
    feed_forward(r, a)?;
    positions(r, a)?;
    norms(r, a)?;
    experts(r, a)?;
    r.assumes("tie_word_embeddings", "a head of its own is");
    dropouts(r, a, "resid_pdrop", "embd_pdrop")
}

/// Whether one of several flags holds.
fn any(r: &Reader, keys: &[&'static str]) -> Result<bool, ImportError> {
    for key in keys {
        if r.flag(key)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn attention(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    if r.has("kv_lora_rank") {
        latent(r, a)?;
    } else {
        r.assumes("head_dim", "hidden size over heads is");
        if r.flag("multi_query")? {
            a.attention.kv_heads = 1;
        } else {
            r.assumes("num_key_value_heads", "one for each head is");
        }
    }
    let bias = any(r, &["attention_bias", "use_bias", "bias"])?;
    a.attention.output_bias = bias;
    a.attention.qkv_bias = bias || any(r, &["qkv_bias", "use_qkv_bias"])?;
    if !r.has_any(&[
        "attention_bias",
        "use_bias",
        "bias",
        "qkv_bias",
        "use_qkv_bias",
    ]) {
        r.warnings.push(Warning::Unsaid {
            assumed: "no biases in attention",
        });
    }
    if any(r, &["use_qk_norm", "qk_layernorm", "qk_norm"])? {
        a.attention.qk_norm = QkNorm::Head;
    }
    a.attention.soft_cap = r.number("attn_logit_softcapping")?.is_some();
    a.attention.clip_qkv = r.number("clip_qkv")?.is_some();
    Ok(())
}

fn feed_forward(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    r.assumes("intermediate_size", "four times the hidden size is");
    r.assumes("hidden_act", "SiLU is");
    a.feed_forward.gated = a.feed_forward.activation == Activation::Silu;
    r.warnings.push(Warning::Unsaid {
        assumed: if a.feed_forward.gated {
            "a gated feed-forward network, as is usual with SiLU"
        } else {
            "a feed-forward network without a gate, as is usual without SiLU"
        },
    });
    a.feed_forward.bias = any(r, &["mlp_bias", "use_bias", "bias"])?;
    Ok(())
}

fn positions(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    let learned = matches!(
        r.text("position_embedding_type")?,
        Some("learned" | "absolute" | "learned_absolute")
    );
    if learned {
        a.learned_positions = a.max_positions;
    }
    if learned || any(r, &["alibi", "use_alibi"])? {
        a.attention.rotary_dim = 0;
    } else {
        if ![
            "rope_theta",
            "rope_parameters",
            "rope_scaling",
            "rotary_pct",
        ]
        .iter()
        .any(|key| r.has(key))
        {
            r.warnings.push(Warning::Unsaid {
                assumed: "rotary positions",
            });
        }
        if a.attention.latent.is_none() {
            partly_rotated(r, a)?;
        }
    }
    let wanted = !r.has("use_sliding_window") || r.flag("use_sliding_window")?;
    if wanted && r.has("sliding_window") {
        let layers = if r.has("sliding_window_pattern") {
            let period = r.step("sliding_window_pattern")?;
            LayerSet::every(period, period - 1).complement()
        } else {
            r.assumes("layer_types", "the window in every layer is");
            LayerSet::ALL
        };
        window(r, a, layers)?;
    } else if let Some(chunked) = layer_types(r, a, "chunked_attention")? {
        let size = r.count(ModelField::Window, "attention_chunk_size")?;
        set_window(a, size.unwrap_or(0), chunked, true);
    }
    Ok(())
}

fn norms(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    let rms = r.has_any(&["rms_norm_eps", "norm_eps"]);
    if !rms && r.has_any(&["layer_norm_eps", "layer_norm_epsilon", "norm_epsilon"]) {
        a.norms.kind = NormKind::Layer;
        a.norms.bias = true;
        r.warnings.push(Warning::Unsaid {
            assumed: "biases on LayerNorm",
        });
    } else if !rms {
        r.warnings.push(Warning::Unsaid { assumed: "RMSNorm" });
    }
    if any(r, &["use_parallel_residual", "parallel_attn"])? {
        a.norms.places = NormPlaces::ParallelShared;
    }
    Ok(())
}

fn experts(r: &mut Reader, a: &mut Architecture) -> Result<(), ImportError> {
    let count = r.count(ModelField::Experts, "num_experts")?.unwrap_or(0);
    if count < 2 {
        return Ok(());
    }
    let active = r.count(ModelField::ActiveExperts, "num_experts_per_tok")?;
    if active.is_none() {
        r.assumes("num_experts_per_tok", "two experts for each token are");
    }
    let size = r.count(ModelField::ExpertSize, "moe_intermediate_size")?;
    if size.is_none() {
        r.assumes("moe_intermediate_size", "`intermediate_size` is");
    }
    let size = size.unwrap_or(a.feed_forward.size);
    let shared = r
        .count(ModelField::SharedSize, "shared_expert_intermediate_size")?
        .unwrap_or(0);
    let more = r.whole("n_shared_experts")?.unwrap_or(0);
    let step = r.step("decoder_sparse_step")?;
    let first = r.whole("first_k_dense_replace")?.unwrap_or(0);
    let dense = r.layers_named("mlp_only_layers", a.layers)?;
    let layers = LayerSet::every(step, step - 1)
        .intersection(&LayerSet::from(first))
        .intersection(&dense.unwrap_or(LayerSet::NONE).complement());
    a.experts = (layers.count_below(a.layers) > 0).then_some(Experts {
        layers,
        count,
        active: active.unwrap_or(2),
        size,
        shared_size: shared.max(size.saturating_mul(more)),
        router: match r.text("scoring_func")? {
            Some("sigmoid") => Router::Sigmoid,
            _ => Router::Softmax,
        },
        renormalised: !r.has("norm_topk_prob") || r.flag("norm_topk_prob")?,
        ..Experts::DEFAULT
    });
    Ok(())
}
