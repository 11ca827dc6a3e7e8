//! FLOP of one sequence, by part, from the architecture. A multiply-accumulate is two.
//!
//! Only matrix products are counted; norms, activations, softmax and the embedding look-up are not. Forward FLOP of a
//! whole sequence are exact integers; divided by its length they are FLOP per token. Nothing here allocates when read
//! as a number.

mod convention;

pub use convention::Convention;

use crate::field::choice;
use crate::formula::{Fraction, Number, Source, Symbol};
use crate::model::parameters::{Group, Role};
use crate::model::{Architecture, Window, symbols};
use crate::training::Recomputation;

choice!(
    /// How attention scores above the diagonal count, which a causal model does not need.
    Counting {
        /// They do not: half of a full sequence's scores.
        Causal "causal" "Causal: the lower half",
        /// They do, as in many papers and by kernels that do not skip them.
        Full "full" "Full: the whole square",
    }
);

choice!(
    /// What FLOP are listed under.
    Part {
        /// Projections to queries, keys and values, and the output projection.
        Projections "projections" "Attention projections",
        /// Queries times keys, and probabilities times values.
        Scores "scores" "Attention scores",
        /// Feed-forward networks of layers without experts.
        FeedForward "feed_forward" "Feed-forward",
        /// The routed experts of each token, and shared experts.
        Experts "experts" "Experts",
        /// Routers.
        Router "router" "Router",
        /// The head, tied or not, with projections to and from another embedding size.
        Logits "logits" "Logits",
    }
);

const PARTS: usize = 6;

/// Two FLOP for each weight of a matrix product.
static MATRIX_PRODUCT: Source = Source {
    citation: "Kaplan et al. 2020, §2.1, Table 1: 2 FLOP a weight and token forward, twice that backward",
    url: "https://arxiv.org/abs/2001.08361",
};
/// The scores of full attention.
static SCORES: Source = Source {
    citation: "Chowdhery et al. 2022 (PaLM), App. B: 4·L·a·d·s a token forward; half where causal",
    url: "https://arxiv.org/abs/2204.02311",
};
/// The scores of latent attention.
static LATENT_SCORES: Source = Source {
    citation: "DeepSeek-AI 2024 (DeepSeek-V2), §2.1: queries and keys of d_nope + d_rope, values of d_v",
    url: "https://arxiv.org/abs/2405.04434",
};

static S: Symbol = symbol("s", "sequence length, in tokens");
static WEIGHTS: Symbol = symbol("W", "weights that one token is multiplied by in this part");
static WINDOW: Symbol = symbol("w", "window, in tokens");
static CHUNKS: Symbol = symbol("n_c", "whole chunks in a sequence");
static REST: Symbol = symbol("r", "tokens of the last, shorter chunk");
static L_WINDOW: Symbol = symbol("L_w", "layers with a window");
static L_FULL: Symbol = symbol("L_f", "layers that attend to the whole sequence");

const fn symbol(sign: &'static str, meaning: &'static str) -> Symbol {
    Symbol {
        sign,
        meaning,
        unit: "",
    }
}

fn letter<N: Number>(symbol: &'static Symbol, value: u64) -> N {
    N::symbol(symbol, value as f64)
}

impl Part {
    fn of_group(group: Group) -> Option<Self> {
        match group {
            Group::Attention => Some(Self::Projections),
            Group::FeedForward => Some(Self::FeedForward),
            Group::Experts => Some(Self::Experts),
            Group::Router => Some(Self::Router),
            Group::Head | Group::Embedding => Some(Self::Logits),
            Group::Norms => None,
        }
    }

    /// Where its formula was published.
    pub fn source(self, architecture: &Architecture) -> &'static Source {
        match self {
            Self::Scores if architecture.attention.latent.is_some() => &LATENT_SCORES,
            Self::Scores => &SCORES,
            _ => &MATRIX_PRODUCT,
        }
    }
}

/// FLOP of one sequence's forward pass, by part, exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// FLOP of each part, in the order of [`Part`].
    pub parts: [u128; PARTS],
    /// Tokens in the sequence.
    pub sequence: u64,
}

impl Forward {
    /// FLOP of one part, forward.
    pub fn of(&self, part: Part) -> u128 {
        self.parts[part as usize]
    }

    /// FLOP of the forward pass.
    pub fn total(&self) -> u128 {
        self.parts.iter().sum()
    }

    /// FLOP of the backward pass: twice the forward pass, gradients of inputs and of weights.
    pub fn backward(&self) -> u128 {
        2 * self.total()
    }

    /// Model FLOP of training: forward and backward, whatever is recomputed. MFU counts these.
    pub fn model(&self) -> u128 {
        3 * self.total()
    }

    /// FLOP that recomputation adds: one more forward pass of what is recomputed, which are the attention scores
    /// (selective) or all layers but not the head (full) (Korthikanti et al. 2022, arXiv:2205.05198, §5).
    pub fn recomputed(&self, recomputation: Recomputation) -> u128 {
        match recomputation {
            Recomputation::None => 0,
            Recomputation::Selective => self.of(Part::Scores),
            Recomputation::Full => self.total() - self.of(Part::Logits),
        }
    }

    /// Hardware FLOP of training: model FLOP and what is recomputed. HFU counts these.
    pub fn hardware(&self, recomputation: Recomputation) -> u128 {
        self.model() + self.recomputed(recomputation)
    }

    /// What FlashAttention's backward pass does beyond twice the forward pass: the scores once more, half of its forward
    /// pass (Dao 2023, arXiv:2307.08691, §4.1). Neither MFU nor published HFU count it.
    pub fn flash_backward(&self) -> u128 {
        self.of(Part::Scores) / 2
    }

    /// FLOP of one sequence as FLOP per token, rounded to an `f64`.
    pub fn per_token(&self, flop: u128) -> f64 {
        flop as f64 / self.sequence as f64
    }
}

/// FLOP of the forward pass of one sequence of `sequence` tokens, 1 to 2^24.
pub fn forward(architecture: &Architecture, sequence: u64, counting: Counting) -> Forward {
    let tokens = u128::from(sequence);
    let mut parts = weights(architecture).map(|weights| 2 * u128::from(weights) * tokens);
    let scores = scores::<Fraction>(architecture, sequence, counting) * Fraction::from(tokens);
    parts[Part::Scores as usize] = scores.whole();
    Forward { parts, sequence }
}

/// FLOP of one part of the forward pass for one token: as a number, or as its formula. The same definition, times the
/// sequence's length, gives [`forward`]'s integers.
pub fn per_token<N: Number>(
    architecture: &Architecture,
    sequence: u64,
    counting: Counting,
    part: Part,
) -> N {
    match part {
        Part::Scores => scores(architecture, sequence, counting),
        _ => {
            let weights = weights(architecture)[part as usize];
            N::constant(2) * letter(&WEIGHTS, weights)
        }
    }
}

/// Weights that one token is multiplied by, in the order of [`Part`]; none for the scores. They sum to
/// [`Architecture::matmul_parameters`].
pub fn weights(architecture: &Architecture) -> [u64; PARTS] {
    let mut weights = [0; PARTS];
    architecture.visit_active_tensors(&mut |tensor, layers| {
        if tensor.role == Role::Matrix
            && let Some(part) = Part::of_group(tensor.group)
        {
            weights[part as usize] += layers * tensor.shape.elements();
        }
    });
    if architecture.tied_embeddings {
        weights[Part::Logits as usize] += head_weights(architecture);
    }
    weights
}

/// Weights of the head, as many as the token embedding has.
pub(super) fn head_weights(architecture: &Architecture) -> u64 {
    let width = architecture.embedding_size.unwrap_or(architecture.hidden);
    architecture.vocabulary * width
}

/// Scores of one token, forward: 2·a·(widths of a query and a value) times the keys it sees, over all layers. Exact in
/// [`Fraction`], as half the sequence may be no whole number.
pub(super) fn scores<N: Number>(
    architecture: &Architecture,
    sequence: u64,
    counting: Counting,
) -> N {
    let layers = architecture.layers;
    let keys = match &architecture.attention.window {
        None => letter::<N>(&symbols::L, layers) * keys(sequence, counting),
        Some(window) => {
            let within = window.layers.count_below(layers);
            let seen = || letter::<N>(&L_WINDOW, within) * keys_within(window, sequence, counting);
            let all = || letter::<N>(&L_FULL, layers - within) * keys(sequence, counting);
            match (within, layers - within) {
                (0, _) => all(),
                (_, 0) => seen(),
                _ => all() + seen(),
            }
        }
    };
    score_widths::<N>(architecture, 2) * keys
}

/// `factor`·a·(d_q + d_v), the width of a query and key and that of a value: 2·d but under latent attention.
pub(super) fn score_widths<N: Number>(architecture: &Architecture, factor: u32) -> N {
    let attention = &architecture.attention;
    let heads: N = letter(&symbols::A, attention.heads);
    match &attention.latent {
        None => N::constant(2 * factor) * heads * letter(&symbols::D, attention.head_dim),
        Some(latent) => {
            let key = letter::<N>(&symbols::D_NOPE, latent.nope_dim)
                + letter(&symbols::D_ROPE, latent.rope_dim);
            N::constant(factor) * heads * (key + letter(&symbols::D_V, latent.value_dim))
        }
    }
}

/// Keys that a token sees on average in a layer without a window.
fn keys<N: Number>(sequence: u64, counting: Counting) -> N {
    let s = letter(&S, sequence);
    match counting {
        Counting::Causal => s / N::constant(2),
        Counting::Full => s,
    }
}

/// Keys that a token sees on average in a layer with a window: w − w²/(2s) causally, as the first w tokens see fewer,
/// and w when the square is counted. Of chunks, each half of itself or all of it, and the last may be shorter.
fn keys_within<N: Number>(window: &Window, sequence: u64, counting: Counting) -> N {
    let size = window.size.clamp(1, sequence.max(1));
    let (w, s) = (letter::<N>(&WINDOW, size), letter::<N>(&S, sequence));
    if !window.chunked {
        return match counting {
            Counting::Causal => w.clone() - w.clone() * w / (N::constant(2) * s),
            Counting::Full => w,
        };
    }
    let whole = letter::<N>(&CHUNKS, sequence / size) * w.clone() * w;
    let pairs = match sequence % size {
        0 => whole,
        rest => whole + letter::<N>(&REST, rest) * letter(&REST, rest),
    };
    match counting {
        Counting::Causal => pairs / (N::constant(2) * s),
        Counting::Full => pairs / s,
    }
}
