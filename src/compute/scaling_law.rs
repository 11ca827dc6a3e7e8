//! Compute-optimal models: how many parameters and tokens make the best of a compute budget, and the loss to expect.
//!
//! Every fit counts C = 6·N·D, N with its embeddings, and was made on models below 20 billion parameters.

use crate::field::choice;
use crate::formula::{Real, Source, Symbol};

choice!(
    /// A published fit of compute-optimal training.
    Fit {
        /// The least loss over training curves.
        Envelope "hoffmann1" "Chinchilla, approach 1: training curves",
        /// The least loss at equal compute.
        IsoFlop "hoffmann2" "Chinchilla, approach 2: IsoFLOP profiles",
        /// A formula of the loss, as the paper prints it.
        Parametric "hoffmann3" "Chinchilla, approach 3: loss formula as printed",
        /// The same formula fitted anew to the paper's data.
        Replication "besiroglu" "Chinchilla, approach 3 replicated in 2024",
    }
);

/// Hoffmann et al. 2022, whose three approaches disagree.
static HOFFMANN_1: Source = Source {
    citation: "Hoffmann et al. 2022 (Chinchilla), Table 2, approach 1; anchored in Table 3’s 10 billion parameters at 1.23e22 FLOP",
    url: "https://arxiv.org/abs/2203.15556",
};
static HOFFMANN_2: Source = Source {
    citation: "Hoffmann et al. 2022 (Chinchilla), Table 2, approach 2; anchored in Table A3’s 10 billion parameters at 1.32e22 FLOP",
    url: "https://arxiv.org/abs/2203.15556",
};
static HOFFMANN_3: Source = Source {
    citation: "Hoffmann et al. 2022 (Chinchilla), eq. 4 and 10 with the printed constants",
    url: "https://arxiv.org/abs/2203.15556",
};
static BESIROGLU: Source = Source {
    citation: "Besiroglu et al. 2024, Chinchilla Scaling: A replication attempt, eq. 4",
    url: "https://arxiv.org/abs/2404.10102",
};

static N: Symbol = symbol("N", "parameters");
static D: Symbol = symbol("D", "training tokens");
static C: Symbol = symbol("C", "compute, in FLOP");
static E: Symbol = symbol("E", "loss that no model goes below");
static A: Symbol = symbol("A", "fitted weight of the parameters");
static B: Symbol = symbol("B", "fitted weight of the tokens");
static ALPHA: Symbol = symbol("α", "fitted exponent of the parameters");
static BETA: Symbol = symbol("β", "fitted exponent of the tokens");
static SHARE: Symbol = symbol("a", "how fast the best size grows with compute");
static N_0: Symbol = symbol("N_0", "the best size at C_0");
static C_0: Symbol = symbol("C_0", "a compute budget of the paper’s table");

const fn symbol(sign: &'static str, meaning: &'static str) -> Symbol {
    Symbol {
        sign,
        meaning,
        unit: "",
    }
}

/// The constants of L(N, D) = E + A/N^α + B/D^β; the loss in nats a token of the MassiveText mix.
#[derive(Clone, Copy, Debug, PartialEq)]
struct LossFit {
    e: f64,
    a: f64,
    b: f64,
    alpha: f64,
    beta: f64,
}

/// The constants of N = N_0·(C/C_0)^a.
#[derive(Clone, Copy, Debug, PartialEq)]
struct PowerFit {
    parameters: f64,
    flop: f64,
    exponent: f64,
}

enum Constants {
    Loss(LossFit),
    Power(PowerFit),
}

/// The best use of a compute budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Optimum {
    /// Parameters, N.
    pub parameters: f64,
    /// Training tokens, D = C/(6·N).
    pub tokens: f64,
}

impl Optimum {
    /// Training tokens for each parameter, D/N.
    pub fn tokens_per_parameter(self) -> f64 {
        self.tokens / self.parameters
    }
}

impl Fit {
    fn constants(self) -> Constants {
        match self {
            Self::Envelope => Constants::Power(PowerFit {
                parameters: 10e9,
                flop: 1.23e22,
                exponent: 0.50,
            }),
            Self::IsoFlop => Constants::Power(PowerFit {
                parameters: 10e9,
                flop: 1.32e22,
                exponent: 0.49,
            }),
            Self::Parametric => Constants::Loss(LossFit {
                e: 1.69,
                a: 406.4,
                b: 410.7,
                alpha: 0.34,
                beta: 0.28,
            }),
            Self::Replication => Constants::Loss(LossFit {
                e: 1.8172,
                a: 482.01,
                b: 2085.43,
                alpha: 0.3478,
                beta: 0.3658,
            }),
        }
    }

    /// Where it was published.
    pub fn source(self) -> &'static Source {
        match self {
            Self::Envelope => &HOFFMANN_1,
            Self::IsoFlop => &HOFFMANN_2,
            Self::Parametric => &HOFFMANN_3,
            Self::Replication => &BESIROGLU,
        }
    }

    /// What to know of it before using it, in a sentence.
    pub fn caution(self) -> &'static str {
        match self {
            Self::Envelope | Self::IsoFlop => {
                "About 20 tokens per parameter come from this fit; it predicts no loss."
            }
            Self::Parametric => {
                "Its printed constants are rounded and ask for 93 tokens per parameter at Chinchilla’s compute: 20 do not follow from it."
            }
            Self::Replication => {
                "It agrees with approaches 1 and 2: 18 tokens per parameter at Chinchilla’s compute."
            }
        }
    }

    /// The loss that the fit predicts, in nats a token of its own text; none for a fit that has no formula of it.
    /// `parameters` and `tokens` from 1 on.
    pub fn loss(self, parameters: f64, tokens: f64) -> Option<f64> {
        self.loss_formula(parameters, tokens)
    }

    /// [`Fit::loss`] as a number or as its formula, E + A/N^α + B/D^β.
    pub fn loss_formula<T: Real>(self, parameters: f64, tokens: f64) -> Option<T> {
        let Constants::Loss(fit) = self.constants() else {
            return None;
        };
        let n = T::symbol(&N, parameters).power(T::symbol(&ALPHA, fit.alpha));
        let d = T::symbol(&D, tokens).power(T::symbol(&BETA, fit.beta));
        Some(T::symbol(&E, fit.e) + T::symbol(&A, fit.a) / n + T::symbol(&B, fit.b) / d)
    }

    /// The parameters and tokens that make the best of `flop`, C = 6·N·D; `flop` above 0.
    pub fn optimum(self, flop: f64) -> Optimum {
        let parameters = self.best_parameters::<f64>(flop);
        Optimum {
            parameters,
            tokens: flop / (6.0 * parameters),
        }
    }

    /// The best number of parameters, as a number or as its formula: N_0·(C/C_0)^a, or the least of the loss formula in
    /// closed form, (α·A/(β·B))^(1/(α+β))·(C/6)^(β/(α+β)) (Hoffmann et al. 2022, arXiv:2203.15556, eq. 4).
    pub fn best_parameters<T: Real>(self, flop: f64) -> T {
        let c = T::symbol(&C, flop);
        match self.constants() {
            Constants::Power(fit) => {
                let grown = c / T::symbol(&C_0, fit.flop);
                T::symbol(&N_0, fit.parameters) * grown.power(T::symbol(&SHARE, fit.exponent))
            }
            Constants::Loss(fit) => {
                let (alpha, beta) = (T::symbol(&ALPHA, fit.alpha), T::symbol(&BETA, fit.beta));
                let both = alpha.clone() + beta.clone();
                let balance = alpha * T::symbol(&A, fit.a) / (beta.clone() * T::symbol(&B, fit.b));
                balance.power(T::constant(1) / both.clone())
                    * (c / T::constant(6)).power(beta / both)
            }
        }
    }
}
