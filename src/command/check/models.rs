//! Tables of architectures with published parameter counts.
//!
//! The architecture is read from the row's own fields. Its total is held against `published_params`; where that is the
//! same integer but the active count is not `computed.active`, the row's outcome is the active count. Both counts have
//! in them what the row counts too: routers' correction biases that today's code keeps as buffers, and `extra_params`,
//! which the row's fields do not describe.
//!
//! Left out are rows without a published count, rows whose count is rounded, and rows that lack a size or have one that
//! no model can have.

use super::{Comparison, Outcome, Table};
use petaday::field::{Choice, LayerSet, Value};
use petaday::model::{Architecture, Family, Latent, ModelField, NormPlaces, QkNorm, RouterBias};
use serde_json::Value as Json;

/// Rows with an architecture and a published count.
pub const TABLE: Table = Table { holds, outcome };

fn holds(row: &Json) -> bool {
    ["published_params", "hidden", "layers", "vocab"]
        .iter()
        .all(|field| row.get(field).is_some())
}

fn outcome(row: &Json) -> Outcome {
    let Some(published) = row["published_params"].as_u64() else {
        return Outcome::LeftOut("no published count");
    };
    if row["published_kind"] == "rounded" {
        return Outcome::LeftOut("published count is rounded");
    }
    let Some(model) = architecture(row) else {
        return Outcome::LeftOut("a size is missing or impossible");
    };
    let beside = model.buffer_parameters() + row["extra_params"].as_u64().unwrap_or(0);
    let compare = |what, ours: u64, theirs: u64| {
        Comparison::of_integers(what, (ours + beside).into(), theirs.into())
    };
    let total = compare("parameters", model.parameters(), published);
    let active = row["computed"]["active"]
        .as_u64()
        .map(|theirs| compare("active parameters", model.active_parameters(), theirs))
        .filter(|active| total.exact && !active.exact);
    Outcome::Compared(active.unwrap_or(total))
}

/// A row's architecture: a family's code where `arch` names one, and what the row says.
fn architecture(row: &Json) -> Option<Architecture> {
    let mut reader = Reader {
        model: family(row["arch"].as_str().unwrap_or_default()).base(),
    };
    for (field, key) in [
        (ModelField::Hidden, "hidden"),
        (ModelField::Layers, "layers"),
        (ModelField::Heads, "heads"),
        (ModelField::FeedForward, "ffn"),
        (ModelField::Vocabulary, "vocab"),
    ] {
        reader.size(field, &row[key])?;
    }
    let attention = &mut reader.model.attention;
    attention.kv_heads = attention.heads;
    attention.head_dim = reader.model.hidden / attention.heads;
    for (field, key) in [
        (ModelField::KvHeads, "kv_heads"),
        (ModelField::HeadDim, "head_dim"),
        (ModelField::LearnedPositions, "learned_positions"),
        (ModelField::EmbeddingSize, "embed_proj_dim"),
    ] {
        reader.count(field, &row[key])?;
    }
    for (field, key) in [
        (ModelField::TiedEmbeddings, "tied_embeddings"),
        (ModelField::HeadBias, "bias_lm_head"),
        (ModelField::QkvBias, "bias_qkv"),
        (ModelField::OutputBias, "bias_attn_out"),
        (ModelField::FeedForwardBias, "bias_mlp"),
        (ModelField::Gated, "gated_ffn"),
        (ModelField::Sinks, "attn_sinks"),
        (ModelField::NormBias, "norm_has_bias"),
        (ModelField::EmbeddingNorm, "embedding_norm"),
        (ModelField::LastNorm, "final_norm"),
    ] {
        reader.flag(field, &row[key]);
    }
    reader.norms(row)?;
    reader.latent(&row["mla"])?;
    reader.experts(&row["moe"])?;
    Some(reader.model)
}

/// The family whose key is `arch` but for case, underscores and the `Text` that marks a part of a larger model.
fn family(arch: &str) -> Family {
    let arch = arch.to_lowercase();
    let arch = arch.strip_suffix("text").unwrap_or(&arch);
    Family::ALL
        .iter()
        .copied()
        .find(|family| family.key().replace('_', "") == arch)
        .unwrap_or(Family::Generic)
}

/// An architecture on its way from a row.
struct Reader {
    model: Architecture,
}

impl Reader {
    /// Takes a count. None where it is no count that the field can have.
    fn size(&mut self, field: ModelField, value: &Json) -> Option<()> {
        let count = field.kind().admit(Value::Count(value.as_u64()?))?;
        field.set(&mut self.model, count);
        Some(())
    }

    /// Takes a count; what is null stays as it is.
    fn count(&mut self, field: ModelField, value: &Json) -> Option<()> {
        if value.is_null() {
            return Some(());
        }
        self.size(field, value)
    }

    /// Takes a yes or no; anything else stays as it is.
    fn flag(&mut self, field: ModelField, value: &Json) {
        if let Some(flag) = value.as_bool() {
            field.set(&mut self.model, Value::Choice(flag.into()));
        }
    }

    fn norms(&mut self, row: &Json) -> Option<()> {
        let norms = &mut self.model.norms;
        if row["norm_no_params"] == true {
            (norms.weight, norms.bias) = (false, false);
        }
        norms.places = match row["norms_per_layer"].as_u64() {
            None => norms.places,
            Some(1) => NormPlaces::ParallelShared,
            Some(2) if norms.places.count() == 2 => norms.places,
            Some(2) => NormPlaces::Before,
            Some(4) => NormPlaces::Around,
            Some(_) => return None,
        };
        let attention = &mut self.model.attention;
        attention.qk_norm = match row["qk_norm"].as_str() {
            Some("head_dim") => QkNorm::Head,
            Some("full") => QkNorm::Row,
            Some(_) => return None,
            None => QkNorm::None,
        };
        Some(())
    }

    fn latent(&mut self, mla: &Json) -> Option<()> {
        self.model.attention.latent = mla.is_object().then_some(Latent::DEFAULT);
        for (field, key) in [
            (ModelField::KvRank, "kv_lora_rank"),
            (ModelField::QueryRank, "q_lora_rank"),
            (ModelField::NopeDim, "qk_nope_head_dim"),
            (ModelField::RopeDim, "qk_rope_head_dim"),
            (ModelField::ValueDim, "v_head_dim"),
        ] {
            self.count(field, &mla[key])?;
        }
        Some(())
    }

    fn experts(&mut self, moe: &Json) -> Option<()> {
        if !moe.is_object() {
            self.model.experts = None;
            return Some(());
        }
        for (field, key) in [
            (ModelField::Experts, "experts"),
            (ModelField::ActiveExperts, "active"),
            (ModelField::ExpertSize, "expert_ffn"),
        ] {
            self.size(field, &moe[key])?;
        }
        self.count(ModelField::SharedSize, &moe["shared_ffn"])?;
        let experts = self.model.experts.as_mut()?;
        let flag = |key: &str| moe[key] == true;
        (experts.shared_gate, experts.expert_bias) = (flag("shared_gate"), flag("expert_bias"));
        experts.router_bias = match (flag("router_bias"), flag("router_bias_is_param")) {
            (true, true) => RouterBias::Parameter,
            (true, false) => RouterBias::Buffer,
            (false, _) => RouterBias::None,
        };
        // Layer l is sparse if l ≥ first_dense and (l + 1) mod moe_every = 0.
        let every = moe["moe_every"].as_u64().unwrap_or(1).max(1);
        let first = moe["first_dense"].as_u64().unwrap_or(0);
        experts.layers = LayerSet::every(every, every - 1).intersection(&LayerSet::from(first));
        Some(())
    }
}
