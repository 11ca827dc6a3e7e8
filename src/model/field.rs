//! The one list of an architecture's fields: name, range and help of each, and where it stands.
//!
//! Links, the catalogue's rows, inline architectures and the page's inputs are all read and written through it.

use super::{
    Activation, Architecture, Experts, Family, Latent, NormKind, NormPlaces, QkNorm, Router,
    RouterBias, Window,
};
use crate::field::{Choice, Kind, Malformed, Scale, Value, count, length, options, yes_or_no};
use crate::unshown;

/// Something an architecture has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // Each says of itself what it is: `label`, `kind` and `help`.
pub enum ModelField {
    Family,
    Layers,
    Hidden,
    Vocabulary,
    TiedEmbeddings,
    EmbeddingSize,
    LearnedPositions,
    MaxPositions,
    HeadBias,
    Heads,
    KvHeads,
    HeadDim,
    KvRank,
    QueryRank,
    NopeDim,
    RopeDim,
    ValueDim,
    QkvBias,
    OutputBias,
    QkNorm,
    Sinks,
    RotaryDim,
    Unrotated,
    Window,
    WindowLayers,
    WindowChunked,
    SoftCap,
    ClipQkv,
    FeedForward,
    Gated,
    FeedForwardBias,
    Activation,
    Experts,
    ActiveExperts,
    ExpertSize,
    ExpertLayers,
    SharedSize,
    SharedGate,
    ExpertBias,
    RouterBias,
    Router,
    Renormalised,
    GroupLimited,
    Norm,
    NormWeight,
    NormBias,
    NormPlaces,
    EmbeddingNorm,
    LastNorm,
    AttentionDropout,
    ResidualDropout,
    EmbeddingDropout,
}

/// Which part of an architecture a field describes; a part may be absent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    Latent,
    Window,
    Experts,
}

impl ModelField {
    /// Every field, in the order of links. The field that adds a part (ranks of the latents, a window's size, experts)
    /// stands before the part's own.
    pub const ALL: [Self; 52] = [
        Self::Family,
        Self::Layers,
        Self::Hidden,
        Self::Vocabulary,
        Self::TiedEmbeddings,
        Self::EmbeddingSize,
        Self::LearnedPositions,
        Self::MaxPositions,
        Self::HeadBias,
        Self::Heads,
        Self::KvHeads,
        Self::HeadDim,
        Self::KvRank,
        Self::QueryRank,
        Self::NopeDim,
        Self::RopeDim,
        Self::ValueDim,
        Self::QkvBias,
        Self::OutputBias,
        Self::QkNorm,
        Self::Sinks,
        Self::RotaryDim,
        Self::Unrotated,
        Self::Window,
        Self::WindowLayers,
        Self::WindowChunked,
        Self::SoftCap,
        Self::ClipQkv,
        Self::FeedForward,
        Self::Gated,
        Self::FeedForwardBias,
        Self::Activation,
        Self::Experts,
        Self::ActiveExperts,
        Self::ExpertSize,
        Self::ExpertLayers,
        Self::SharedSize,
        Self::SharedGate,
        Self::ExpertBias,
        Self::RouterBias,
        Self::Router,
        Self::Renormalised,
        Self::GroupLimited,
        Self::Norm,
        Self::NormWeight,
        Self::NormBias,
        Self::NormPlaces,
        Self::EmbeddingNorm,
        Self::LastNorm,
        Self::AttentionDropout,
        Self::ResidualDropout,
        Self::EmbeddingDropout,
    ];

    /// The key in links, and in ids on the page. Never changed, never reused.
    pub fn key(self) -> &'static str {
        self.names().0
    }

    /// What the page calls it.
    pub fn label(self) -> &'static str {
        self.names().1
    }

    /// One sentence for a reader who does not know the word.
    pub fn help(self) -> &'static str {
        self.names().2
    }

    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Family => (
                "family",
                "Family",
                unshown("Whose code the model is: it decides which tensors stay in memory."),
            ),
            Self::Layers => ("layers", "Layers", unshown("Transformer blocks, L.")),
            Self::Hidden => (
                "hidden",
                "Hidden size",
                unshown("Width of the residual stream, h. 4k is 4,096."),
            ),
            Self::Vocabulary => (
                "vocab",
                "Vocabulary",
                unshown("Rows of the token embedding, V."),
            ),
            Self::TiedEmbeddings => (
                "tied",
                "Tied embeddings",
                unshown("Whether the head is the token embedding's own matrix."),
            ),
            Self::EmbeddingSize => (
                "embedding",
                "Embedding size",
                unshown(
                    "Width of the token embedding where it is not the hidden size; 0 where it is.",
                ),
            ),
            Self::LearnedPositions => (
                "positions",
                "Learned positions",
                unshown("Rows of a trained position table; 0 for rotary positions or ALiBi."),
            ),
            Self::MaxPositions => (
                "context",
                "Longest sequence",
                unshown("Longest sequence the configuration allows; 0 where it says nothing."),
            ),
            Self::HeadBias => (
                "head-bias",
                "Head bias",
                unshown("A bias of V on the head."),
            ),
            Self::Heads => ("heads", "Heads", unshown("Attention (query) heads, a.")),
            Self::KvHeads => (
                "kv",
                "KV heads",
                unshown(
                    "Key and value heads, g: as many as heads, fewer in grouped-query attention. They divide the heads.",
                ),
            ),
            Self::HeadDim => (
                "head-dim",
                "Head dimension",
                unshown("Width of a head, d; not always hidden size over heads."),
            ),
            Self::KvRank => (
                "kv-rank",
                "KV rank",
                unshown(
                    "Rank of the compressed keys and values of multi-head latent attention; 0 without it.",
                ),
            ),
            Self::QueryRank => (
                "q-rank",
                "Query rank",
                unshown("Rank of the compressed queries; 0 where queries are projected directly."),
            ),
            Self::NopeDim => (
                "nope",
                "Head part without positions",
                unshown("Width of a head's part that is not rotated."),
            ),
            Self::RopeDim => (
                "rope",
                "Rotary head part",
                unshown("Width of a head's rotated part, its key shared by all heads."),
            ),
            Self::ValueDim => (
                "v-dim",
                "Value dimension",
                unshown("Width of a head's values."),
            ),
            Self::QkvBias => (
                "qkv-bias",
                "QKV bias",
                unshown("Biases on the q, k and v projections."),
            ),
            Self::OutputBias => (
                "o-bias",
                "Output bias",
                unshown("A bias on attention's output projection."),
            ),
            Self::QkNorm => (
                "qk-norm",
                "QK-norm",
                unshown("Normalisation of queries and keys."),
            ),
            Self::Sinks => (
                "sinks",
                "Attention sinks",
                unshown("A trained scalar a head in the softmax's denominator."),
            ),
            Self::RotaryDim => (
                "rotary",
                "Rotary dimensions",
                unshown(
                    "Dimensions of each head that positions rotate; 0 without rotary positions.",
                ),
            ),
            Self::Unrotated => (
                "unrotated",
                "Layers without rotation",
                unshown("Layers whose queries and keys are not rotated."),
            ),
            Self::Window => (
                "window",
                "Sliding window",
                unshown(
                    "Tokens that windowed layers attend to; 0 where every layer attends to all.",
                ),
            ),
            Self::WindowLayers => (
                "window-layers",
                "Windowed layers",
                unshown("The layers with the window."),
            ),
            Self::WindowChunked => (
                "chunked",
                "Chunked attention",
                unshown("Whether the sequence is cut into chunks that see only themselves."),
            ),
            Self::SoftCap => (
                "soft-cap",
                "Soft cap",
                unshown("Whether attention scores pass through cap·tanh(x/cap)."),
            ),
            Self::ClipQkv => (
                "clip",
                "Clipped QKV",
                unshown("Whether q, k and v are clamped."),
            ),
            Self::FeedForward => (
                "ffn",
                "FFN size",
                unshown("Inner size of the feed-forward network of dense layers, f."),
            ),
            Self::Gated => (
                "gated",
                "Gated FFN",
                unshown(
                    "Whether a gate multiplies the inner activations: three matrices, not two.",
                ),
            ),
            Self::FeedForwardBias => (
                "ffn-bias",
                "FFN bias",
                unshown("Biases on the feed-forward projections."),
            ),
            Self::Activation => (
                "act",
                "Activation",
                unshown("Activation function, by its implementation."),
            ),
            Self::Experts => (
                "experts",
                "Experts",
                unshown("Routed experts of a mixture-of-experts layer, E; 0 for a dense model."),
            ),
            Self::ActiveExperts => (
                "active",
                "Active experts",
                unshown("Experts each token is sent to, k."),
            ),
            Self::ExpertSize => (
                "expert-ffn",
                "Expert size",
                unshown("Inner size of one expert."),
            ),
            Self::ExpertLayers => (
                "moe-layers",
                "MoE layers",
                unshown("The layers that have experts; the others are dense."),
            ),
            Self::SharedSize => (
                "shared-ffn",
                "Shared experts’ size",
                unshown("Inner size of all shared experts together; 0 without."),
            ),
            Self::SharedGate => (
                "shared-gate",
                "Shared gate",
                unshown("Whether a gate scales the shared experts' output."),
            ),
            Self::ExpertBias => (
                "expert-bias",
                "Expert bias",
                unshown("Biases on the experts' projections."),
            ),
            Self::RouterBias => (
                "router-bias",
                "Router bias",
                unshown("A bias of E beside the router's matrix."),
            ),
            Self::Router => (
                "router",
                "Router",
                unshown("How the router scores experts."),
            ),
            Self::Renormalised => (
                "renorm",
                "Renormalised",
                unshown("Whether the chosen experts' weights are divided by their sum."),
            ),
            Self::GroupLimited => (
                "grouped",
                "Group-limited",
                unshown("Whether experts are chosen from a limited number of groups."),
            ),
            Self::Norm => (
                "norm",
                "Norm",
                unshown("Kind of norm, by its implementation."),
            ),
            Self::NormWeight => (
                "norm-weight",
                "Norm weight",
                unshown("Whether norms have a weight of h."),
            ),
            Self::NormBias => (
                "norm-bias",
                "Norm bias",
                unshown("Whether norms have a bias of h."),
            ),
            Self::NormPlaces => (
                "norm-at",
                "Norm places",
                unshown("Where a layer's norms stand."),
            ),
            Self::EmbeddingNorm => (
                "embed-norm",
                "Embedding norm",
                unshown("Whether the embedding is normalised."),
            ),
            Self::LastNorm => (
                "last-norm",
                "Last norm",
                unshown("Whether the last layer's output is normalised."),
            ),
            Self::AttentionDropout => (
                "attn-drop",
                "Attention dropout",
                unshown("Dropout on the attention probabilities."),
            ),
            Self::ResidualDropout => (
                "resid-drop",
                "Residual dropout",
                unshown("Dropout on each branch before its residual sum."),
            ),
            Self::EmbeddingDropout => (
                "embed-drop",
                "Embedding dropout",
                unshown("Dropout on the embeddings."),
            ),
        }
    }

    /// What kind of value it takes, with range or options.
    pub fn kind(self) -> Kind {
        match self {
            Self::Family => options::<Family>(),
            Self::Layers => count("", 1.0, 1_000.0, Scale::Doublings),
            Self::Hidden => length("", 1.0, 131_072.0),
            Self::Vocabulary => count("", 1.0, 10_000_000.0, Scale::Doublings),
            Self::EmbeddingSize => length("", 0.0, 131_072.0),
            Self::LearnedPositions | Self::MaxPositions | Self::Window => {
                length("", 0.0, 16_777_216.0)
            }
            Self::Heads | Self::KvHeads => count("", 1.0, 1_024.0, Scale::Whole),
            Self::HeadDim | Self::NopeDim | Self::RopeDim | Self::ValueDim => {
                count("", 1.0, 4_096.0, Scale::Doublings)
            }
            Self::RotaryDim => count("", 0.0, 4_096.0, Scale::Doublings),
            Self::KvRank | Self::QueryRank => count("", 0.0, 65_536.0, Scale::Doublings),
            Self::FeedForward => length("", 1.0, 1_048_576.0),
            Self::ExpertSize => length("", 1.0, 1_048_576.0),
            Self::SharedSize => length("", 0.0, 1_048_576.0),
            Self::Experts => count("", 0.0, 4_096.0, Scale::Doublings),
            Self::ActiveExperts => count("", 1.0, 4_096.0, Scale::Doublings),
            Self::Unrotated | Self::WindowLayers | Self::ExpertLayers => Kind::Layers,
            Self::QkNorm => options::<QkNorm>(),
            Self::Activation => options::<Activation>(),
            Self::RouterBias => options::<RouterBias>(),
            Self::Router => options::<Router>(),
            Self::Norm => options::<NormKind>(),
            Self::NormPlaces => options::<NormPlaces>(),
            Self::TiedEmbeddings
            | Self::HeadBias
            | Self::QkvBias
            | Self::OutputBias
            | Self::Sinks
            | Self::WindowChunked
            | Self::SoftCap
            | Self::ClipQkv
            | Self::Gated
            | Self::FeedForwardBias
            | Self::SharedGate
            | Self::ExpertBias
            | Self::Renormalised
            | Self::GroupLimited
            | Self::NormWeight
            | Self::NormBias
            | Self::EmbeddingNorm
            | Self::LastNorm
            | Self::AttentionDropout
            | Self::ResidualDropout
            | Self::EmbeddingDropout => yes_or_no(),
        }
    }

    fn part(self) -> Part {
        match self {
            Self::QueryRank | Self::NopeDim | Self::RopeDim | Self::ValueDim => Part::Latent,
            Self::WindowLayers | Self::WindowChunked => Part::Window,
            Self::ActiveExperts
            | Self::ExpertSize
            | Self::ExpertLayers
            | Self::SharedSize
            | Self::SharedGate
            | Self::ExpertBias
            | Self::RouterBias
            | Self::Router
            | Self::Renormalised
            | Self::GroupLimited => Part::Experts,
            _ => Part::Whole,
        }
    }

    /// Whether this architecture has the part that the field describes: a dense model has no expert size.
    pub fn applies(self, architecture: &Architecture) -> bool {
        match self.part() {
            Part::Whole => true,
            Part::Latent => architecture.attention.latent.is_some(),
            Part::Window => architecture.attention.window.is_some(),
            Part::Experts => architecture.experts.is_some(),
        }
    }

    /// Its value; of an absent part, the value it would have when added.
    pub fn get(self, architecture: &Architecture) -> Value {
        let (attention, norms) = (&architecture.attention, &architecture.norms);
        let latent = attention.latent.unwrap_or(Latent::DEFAULT);
        let window = attention.window.unwrap_or(Window::DEFAULT);
        let experts = architecture.experts.unwrap_or(Experts::DEFAULT);
        let number = Value::Count;
        let flag = |holds: bool| Value::Choice(usize::from(holds));
        match self {
            Self::Family => Value::Choice(architecture.family.index()),
            Self::Layers => number(architecture.layers),
            Self::Hidden => number(architecture.hidden),
            Self::Vocabulary => number(architecture.vocabulary),
            Self::TiedEmbeddings => flag(architecture.tied_embeddings),
            Self::EmbeddingSize => number(architecture.embedding_size.unwrap_or(0)),
            Self::LearnedPositions => number(architecture.learned_positions),
            Self::MaxPositions => number(architecture.max_positions),
            Self::HeadBias => flag(architecture.head_bias),
            Self::Heads => number(attention.heads),
            Self::KvHeads => number(attention.kv_heads),
            Self::HeadDim => number(attention.head_dim),
            Self::KvRank => number(attention.latent.map_or(0, |latent| latent.kv_rank)),
            Self::QueryRank => number(latent.query_rank.unwrap_or(0)),
            Self::NopeDim => number(latent.nope_dim),
            Self::RopeDim => number(latent.rope_dim),
            Self::ValueDim => number(latent.value_dim),
            Self::QkvBias => flag(attention.qkv_bias),
            Self::OutputBias => flag(attention.output_bias),
            Self::QkNorm => Value::Choice(attention.qk_norm.index()),
            Self::Sinks => flag(attention.sinks),
            Self::RotaryDim => number(attention.rotary_dim),
            Self::Unrotated => Value::Layers(attention.unrotated),
            Self::Window => number(attention.window.map_or(0, |window| window.size)),
            Self::WindowLayers => Value::Layers(window.layers),
            Self::WindowChunked => flag(window.chunked),
            Self::SoftCap => flag(attention.soft_cap),
            Self::ClipQkv => flag(attention.clip_qkv),
            Self::FeedForward => number(architecture.feed_forward.size),
            Self::Gated => flag(architecture.feed_forward.gated),
            Self::FeedForwardBias => flag(architecture.feed_forward.bias),
            Self::Activation => Value::Choice(architecture.feed_forward.activation.index()),
            Self::Experts => number(architecture.experts.map_or(0, |experts| experts.count)),
            Self::ActiveExperts => number(experts.active),
            Self::ExpertSize => number(experts.size),
            Self::ExpertLayers => Value::Layers(experts.layers),
            Self::SharedSize => number(experts.shared_size),
            Self::SharedGate => flag(experts.shared_gate),
            Self::ExpertBias => flag(experts.expert_bias),
            Self::RouterBias => Value::Choice(experts.router_bias.index()),
            Self::Router => Value::Choice(experts.router.index()),
            Self::Renormalised => flag(experts.renormalised),
            Self::GroupLimited => flag(experts.group_limited),
            Self::Norm => Value::Choice(norms.kind.index()),
            Self::NormWeight => flag(norms.weight),
            Self::NormBias => flag(norms.bias),
            Self::NormPlaces => Value::Choice(norms.places.index()),
            Self::EmbeddingNorm => flag(norms.embedding),
            Self::LastNorm => flag(norms.last),
            Self::AttentionDropout => flag(architecture.dropout.attention),
            Self::ResidualDropout => flag(architecture.dropout.residual),
            Self::EmbeddingDropout => flag(architecture.dropout.embedding),
        }
    }

    /// Sets it to a value that [`ModelField::kind`] admits. A field of an absent part changes nothing.
    pub fn set(self, architecture: &mut Architecture, value: Value) {
        match value {
            Value::Count(count) => self.set_count(architecture, count),
            Value::Choice(index) => self.set_choice(architecture, index),
            Value::Layers(layers) => match self {
                Self::Unrotated => architecture.attention.unrotated = layers,
                Self::WindowLayers => {
                    if let Some(window) = &mut architecture.attention.window {
                        window.layers = layers;
                    }
                }
                Self::ExpertLayers => {
                    if let Some(experts) = &mut architecture.experts {
                        experts.layers = layers;
                    }
                }
                _ => {}
            },
            Value::Real(_) | Value::Unset => {}
        }
    }

    fn set_count(self, architecture: &mut Architecture, count: u64) {
        let attention = &mut architecture.attention;
        let some = (count > 0).then_some(count);
        match self {
            Self::Layers => architecture.layers = count,
            Self::Hidden => architecture.hidden = count,
            Self::Vocabulary => architecture.vocabulary = count,
            Self::EmbeddingSize => architecture.embedding_size = some,
            Self::LearnedPositions => architecture.learned_positions = count,
            Self::MaxPositions => architecture.max_positions = count,
            Self::Heads => attention.heads = count,
            Self::KvHeads => attention.kv_heads = count,
            Self::HeadDim => attention.head_dim = count,
            Self::RotaryDim => attention.rotary_dim = count,
            Self::FeedForward => architecture.feed_forward.size = count,
            Self::KvRank => {
                attention.latent = some.map(|kv_rank| Latent {
                    kv_rank,
                    ..attention.latent.unwrap_or(Latent::DEFAULT)
                });
            }
            Self::Window => {
                attention.window = some.map(|size| Window {
                    size,
                    ..attention.window.unwrap_or(Window::DEFAULT)
                });
            }
            Self::Experts => {
                architecture.experts = some.map(|count| Experts {
                    count,
                    ..architecture.experts.unwrap_or(Experts::DEFAULT)
                });
            }
            _ => {}
        }
        if let Some(latent) = &mut architecture.attention.latent {
            match self {
                Self::QueryRank => latent.query_rank = some,
                Self::NopeDim => latent.nope_dim = count,
                Self::RopeDim => latent.rope_dim = count,
                Self::ValueDim => latent.value_dim = count,
                _ => {}
            }
        }
        if let Some(experts) = &mut architecture.experts {
            match self {
                Self::ActiveExperts => experts.active = count,
                Self::ExpertSize => experts.size = count,
                Self::SharedSize => experts.shared_size = count,
                _ => {}
            }
        }
    }

    fn set_choice(self, architecture: &mut Architecture, index: usize) {
        let flag = index == 1;
        let (attention, norms) = (&mut architecture.attention, &mut architecture.norms);
        match self {
            Self::Family => architecture.family = Family::ALL[index],
            Self::TiedEmbeddings => architecture.tied_embeddings = flag,
            Self::HeadBias => architecture.head_bias = flag,
            Self::QkvBias => attention.qkv_bias = flag,
            Self::OutputBias => attention.output_bias = flag,
            Self::QkNorm => attention.qk_norm = QkNorm::ALL[index],
            Self::Sinks => attention.sinks = flag,
            Self::SoftCap => attention.soft_cap = flag,
            Self::ClipQkv => attention.clip_qkv = flag,
            Self::Gated => architecture.feed_forward.gated = flag,
            Self::FeedForwardBias => architecture.feed_forward.bias = flag,
            Self::Activation => architecture.feed_forward.activation = Activation::ALL[index],
            Self::Norm => norms.kind = NormKind::ALL[index],
            Self::NormWeight => norms.weight = flag,
            Self::NormBias => norms.bias = flag,
            Self::NormPlaces => norms.places = NormPlaces::ALL[index],
            Self::EmbeddingNorm => norms.embedding = flag,
            Self::LastNorm => norms.last = flag,
            Self::AttentionDropout => architecture.dropout.attention = flag,
            Self::ResidualDropout => architecture.dropout.residual = flag,
            Self::EmbeddingDropout => architecture.dropout.embedding = flag,
            Self::WindowChunked => {
                if let Some(window) = &mut attention.window {
                    window.chunked = flag;
                }
            }
            _ => {}
        }
        if let Some(experts) = &mut architecture.experts {
            match self {
                Self::SharedGate => experts.shared_gate = flag,
                Self::ExpertBias => experts.expert_bias = flag,
                Self::RouterBias => experts.router_bias = RouterBias::ALL[index],
                Self::Router => experts.router = Router::ALL[index],
                Self::Renormalised => experts.renormalised = flag,
                Self::GroupLimited => experts.group_limited = flag,
                _ => {}
            }
        }
    }
}

impl Architecture {
    /// The architecture that `text` describes, `key=value` pairs joined by `&`, on top of a family's: what the
    /// catalogue's rows are written in.
    ///
    /// # Errors
    /// The first pair that is no field or no value of it, or that describes a part this architecture lacks.
    pub fn described(family: Family, text: &str) -> Result<Self, (&str, Malformed)> {
        let mut architecture = family.base();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let field = ModelField::ALL
                .into_iter()
                .find(|field| field.key() == key)
                .ok_or((pair, Malformed::Unknown))?;
            let value = field.kind().parse(value).map_err(|why| (pair, why))?;
            if !field.applies(&architecture) {
                return Err((pair, Malformed::Unknown));
            }
            field.set(&mut architecture, value);
        }
        Ok(architecture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique() {
        let mut keys: Vec<_> = ModelField::ALL.iter().map(|field| field.key()).collect();
        keys.sort_unstable();
        let all = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), all);
    }

    /// Each field sets what it gets, on every family, where the part is there.
    #[test]
    fn every_field_reads_back() {
        for family in Family::ALL {
            for field in ModelField::ALL {
                let base = family.base();
                let mut changed = base;
                field.set(&mut changed, field.get(&base));
                assert_eq!(changed, base, "{} of {}", field.key(), family.key());
                let value = match field.kind() {
                    Kind::Number(number) => Value::Count(number.max as u64),
                    Kind::Choice(options) => Value::Choice(options.len() - 1),
                    Kind::Layers => Value::Layers(crate::field::LayerSet::every(3, 1)),
                };
                field.set(&mut changed, value);
                assert_eq!(
                    field.get(&changed) == value,
                    field.applies(&base) || field.get(&base) == value,
                    "{} of {}",
                    field.key(),
                    family.key()
                );
            }
        }
    }

    #[test]
    fn described_by_pairs() {
        let read = |text| Architecture::described(Family::Llama, text);
        let model = read("layers=80&hidden=8k&heads=64&kv=8&ffn=28672&vocab=128256").unwrap();
        assert_eq!(
            (model.layers, model.hidden, model.attention.kv_heads),
            (80, 8_192, 8)
        );
        assert_eq!(
            read("experts=0&active=2"),
            Err(("active=2", Malformed::Unknown))
        );
        assert_eq!(read("layers=x"), Err(("layers=x", Malformed::NotANumber)));
        assert_eq!(read("wheels=4"), Err(("wheels=4", Malformed::Unknown)));
    }
}
