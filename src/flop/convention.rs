//! How papers and tools count the FLOP of training on one token. The same run has another MFU under each.

use super::{self as flop, Counting};
use crate::field::choice;
use crate::formula::{Number, Source, Symbol};
use crate::model::parameters::Group;
use crate::model::{Architecture, symbols};

choice!(
    /// A published way of counting, forward and backward.
    Convention {
        /// 3 × petaday's forward pass, scores counted causally.
        ExactCausal "exact" "Exact, causal attention",
        /// 3 × petaday's forward pass, all scores counted.
        ExactFull "exact-full" "Exact, full attention",
        /// Six for each parameter.
        SixP "6p" "6P (Chinchilla)",
        /// Six for each parameter outside embedding and head.
        SixPWithoutEmbedding "6p-kaplan" "6P without embeddings (Kaplan)",
        /// PaLM's Appendix B.
        Palm "palm" "PaLM",
        /// MosaicML's llm-foundry.
        LlmFoundry "llm-foundry" "llm-foundry",
        /// Megatron-LM's training log.
        MegatronLm "megatron-lm" "Megatron-LM",
        /// Megatron-Bridge's training log, and MaxText's.
        MegatronBridge "megatron-bridge" "Megatron-Bridge and MaxText",
        /// Eq. 3 of Megatron's SC21 paper without its recomputation, which is eq. 7 of Korthikanti et al.
        Korthikanti "korthikanti" "Megatron papers: model FLOP",
        /// Eq. 3 of Megatron's SC21 paper: everything is recomputed.
        Sc21 "sc21" "Megatron SC21: hardware FLOP, full recomputation",
        /// Eq. 8 of Korthikanti et al.: attention scores are recomputed.
        KorthikantiSelective "korthikanti-selective" "Korthikanti: hardware FLOP, selective recomputation",
    }
);

static PETADAY: Source = Source {
    citation: "Chowdhery et al. 2022 (PaLM), App. B: 3 × the forward pass’s matrix products and attention scores",
    url: "https://arxiv.org/abs/2204.02311",
};
static HOFFMANN: Source = Source {
    citation: "Hoffmann et al. 2022 (Chinchilla), App. F: C ≈ 6·N·D, embeddings in N",
    url: "https://arxiv.org/abs/2203.15556",
};
static KAPLAN: Source = Source {
    citation: "Kaplan et al. 2020, §2.1: C ≈ 6·N·D, embeddings not in N",
    url: "https://arxiv.org/abs/2001.08361",
};
static PALM: Source = Source {
    citation: "Chowdhery et al. 2022 (PaLM), App. B: 6·N + 12·L·H·Q·T",
    url: "https://arxiv.org/abs/2204.02311",
};
static LLM_FOUNDRY: Source = Source {
    citation: "MosaicML llm-foundry, scripts/train/benchmarking/README.md: 6·N + 12·L·d·s",
    url: "https://github.com/mosaicml/llm-foundry",
};
static MEGATRON_LM: Source = Source {
    citation: "NVIDIA Megatron-LM, megatron/training/training.py, num_floating_point_operations before causal counting",
    url: "https://github.com/NVIDIA/Megatron-LM",
};
static MEGATRON_BRIDGE: Source = Source {
    citation: "NVIDIA Megatron-Bridge, training/utils/flop_utils.py; MaxText since July 2025",
    url: "https://github.com/NVIDIA-NeMo/Megatron-Bridge",
};
static KORTHIKANTI_7: Source = Source {
    citation: "Korthikanti et al. 2022, eq. 7; Narayanan et al. 2021 (SC21, arXiv:2104.04473), eq. 3 without recomputation",
    url: "https://arxiv.org/abs/2205.05198",
};
static SC21_3: Source = Source {
    citation: "Narayanan et al. 2021 (SC21), eq. 3",
    url: "https://arxiv.org/abs/2104.04473",
};
static KORTHIKANTI_8: Source = Source {
    citation: "Korthikanti et al. 2022, eq. 8 as printed (its text’s own count gives s/4.5h for s/3h)",
    url: "https://arxiv.org/abs/2205.05198",
};

static P: Symbol = symbol("P", "parameters that work on one token");
static WITHOUT_EMBEDDING: Symbol = symbol("N", "parameters outside embeddings and head");
static S: Symbol = symbol("s", "sequence length, in tokens");
static PRODUCTS: Symbol = symbol(
    "M",
    "weights of the matrix products that one token goes through",
);
static PRODUCTS_BUT_ROUTER: Symbol = symbol(
    "M",
    "weights of the matrix products that one token goes through, routers left out",
);
static SCORES: Symbol = symbol(
    "F_s",
    "FLOP of a token’s attention scores, forward, in all layers",
);

const fn symbol(sign: &'static str, meaning: &'static str) -> Symbol {
    Symbol {
        sign,
        meaning,
        unit: "",
    }
}

impl Convention {
    /// FLOP of training on one token of a sequence of `sequence` tokens (1 to 2^24), forward and backward, as an `f64`.
    pub fn flop_per_token(self, architecture: &Architecture, sequence: u64) -> f64 {
        self.formula(architecture, sequence)
    }

    /// Whether recomputed FLOP are in it: with them a utilisation is the HFU, without the MFU.
    pub fn is_hardware(self) -> bool {
        matches!(self, Self::Sc21 | Self::KorthikantiSelective)
    }

    /// Where it was published.
    pub fn source(self) -> &'static Source {
        match self {
            Self::ExactCausal | Self::ExactFull => &PETADAY,
            Self::SixP => &HOFFMANN,
            Self::SixPWithoutEmbedding => &KAPLAN,
            Self::Palm => &PALM,
            Self::LlmFoundry => &LLM_FOUNDRY,
            Self::MegatronLm => &MEGATRON_LM,
            Self::MegatronBridge => &MEGATRON_BRIDGE,
            Self::Korthikanti => &KORTHIKANTI_7,
            Self::Sc21 => &SC21_3,
            Self::KorthikantiSelective => &KORTHIKANTI_8,
        }
    }

    /// [`Convention::flop_per_token`], as a number or as its formula.
    ///
    /// The Megatron papers' formulas know the hidden size, layers and vocabulary of a GPT and nothing else of a model.
    pub fn formula<N: Number>(self, architecture: &Architecture, sequence: u64) -> N {
        let n = N::constant;
        match self {
            Self::ExactCausal => products_and_scores(architecture, sequence, Counting::Causal),
            Self::ExactFull => products_and_scores(architecture, sequence, Counting::Full),
            Self::SixP => n(6) * active(architecture),
            Self::SixPWithoutEmbedding => {
                let mut parameters = 0;
                architecture.visit_active_tensors(&mut |tensor, layers| {
                    if !matches!(tensor.group, Group::Embedding | Group::Head) {
                        parameters += layers * tensor.shape.elements();
                    }
                });
                n(6) * letter(&WITHOUT_EMBEDDING, parameters)
            }
            Self::Palm => {
                n(6) * active::<N>(architecture)
                    + flop::score_widths::<N>(architecture, 6)
                        * layers_and_tokens(architecture, sequence)
            }
            Self::LlmFoundry => n(6) * active::<N>(architecture) + by_width(architecture, sequence),
            Self::MegatronLm => {
                n(6) * without_look_up::<N>(architecture) + by_width(architecture, sequence)
            }
            Self::MegatronBridge => {
                let weights = flop::weights(architecture);
                let routers = weights[flop::Part::Router as usize];
                let products = weights.iter().sum::<u64>() - routers;
                let symbol = if routers > 0 {
                    &PRODUCTS_BUT_ROUTER
                } else {
                    &PRODUCTS
                };
                n(6) * letter::<N>(symbol, products)
                    + n(3) * scores::<N>(architecture, sequence, Counting::Causal)
            }
            Self::Korthikanti => megatron(architecture, sequence, 72, 6, 12),
            Self::Sc21 => megatron(architecture, sequence, 96, 6, 16),
            Self::KorthikantiSelective => megatron(architecture, sequence, 72, 3, 12),
        }
    }
}

fn letter<N: Number>(symbol: &'static Symbol, value: u64) -> N {
    N::symbol(symbol, value as f64)
}

fn active<N: Number>(architecture: &Architecture) -> N {
    letter(&P, architecture.active_parameters())
}

fn layers_and_tokens<N: Number>(architecture: &Architecture, sequence: u64) -> N {
    letter::<N>(&symbols::L, architecture.layers) * letter(&S, sequence)
}

/// 12·L·h·s, the scores of heads that are together as wide as the hidden size.
fn by_width<N: Number>(architecture: &Architecture, sequence: u64) -> N {
    N::constant(12)
        * letter::<N>(&symbols::L, architecture.layers)
        * letter(&symbols::H, architecture.hidden)
        * letter(&S, sequence)
}

/// P − V·h: a table that is only looked up takes no FLOP, nor do learned positions. A tied one is the head too, and
/// stays.
fn without_look_up<N: Number>(architecture: &Architecture) -> N {
    let mut left = active::<N>(architecture);
    let h = || letter::<N>(&symbols::H, architecture.hidden);
    if !architecture.tied_embeddings {
        let width = match architecture.embedding_size {
            Some(size) => letter(&symbols::EMBEDDING, size),
            None => h(),
        };
        left = left - letter::<N>(&symbols::V, architecture.vocabulary) * width;
    }
    if architecture.learned_positions > 0 {
        left = left - letter::<N>(&symbols::POSITIONS, architecture.learned_positions) * h();
    }
    left
}

fn products_and_scores<N: Number>(
    architecture: &Architecture,
    sequence: u64,
    counting: Counting,
) -> N {
    let products = architecture.matmul_parameters();
    N::constant(6) * letter::<N>(&PRODUCTS, products)
        + N::constant(3) * scores::<N>(architecture, sequence, counting)
}

fn scores<N: Number>(architecture: &Architecture, sequence: u64, counting: Counting) -> N {
    N::symbol(&SCORES, flop::scores(architecture, sequence, counting))
}

/// `factor`·L·h²·(1 + s/(`by_s`·h) + V/(`by_v`·L·h)), of one token.
fn megatron<N: Number>(
    architecture: &Architecture,
    sequence: u64,
    factor: u32,
    by_s: u32,
    by_v: u32,
) -> N {
    let n = N::constant;
    let h = || letter::<N>(&symbols::H, architecture.hidden);
    let layers = || letter::<N>(&symbols::L, architecture.layers);
    let scores = letter::<N>(&S, sequence) / (n(by_s) * h());
    let logits = letter::<N>(&symbols::V, architecture.vocabulary) / (n(by_v) * layers() * h());
    n(factor) * layers() * h() * h() * (n(1) + scores + logits)
}
