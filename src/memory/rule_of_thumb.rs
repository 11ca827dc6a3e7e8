//! The textbook formulas, to the letter: bytes per parameter, and Korthikanti et al. 2022 for activations.
//!
//! Exact: heads divide the hidden size and tensor-parallel ranks divide heads, so every part is whole.

use super::{Memory, Part, Term};
use crate::formula::{Fraction, Number, Source, Symbol};
use crate::scenario::Scenario;
use crate::training::{Optimizer, Precision, Recomputation};
use crate::units::Bytes;

static P: Symbol = Symbol {
    sign: "P",
    meaning: "parameters",
    unit: "",
};
static S: Symbol = Symbol {
    sign: "s",
    meaning: "sequence length",
    unit: "tokens",
};
static B: Symbol = Symbol {
    sign: "b",
    meaning: "micro-batch",
    unit: "sequences",
};
static H: Symbol = Symbol {
    sign: "h",
    meaning: "hidden size",
    unit: "",
};
static L: Symbol = Symbol {
    sign: "L",
    meaning: "layers",
    unit: "",
};
static A: Symbol = Symbol {
    sign: "a",
    meaning: "attention heads",
    unit: "",
};
static T: Symbol = Symbol {
    sign: "t",
    meaning: "tensor-parallel degree",
    unit: "",
};

/// Bytes per parameter of weights, gradients and optimizer.
static BYTES_PER_PARAMETER: Source = Source {
    citation: "Anthony, Biderman and Schoelkopf 2023, Transformer Math 101; Rajbhandari et al. 2020 (ZeRO), §3.1",
    url: "https://arxiv.org/abs/1910.02054",
};
/// Activations of a transformer layer.
static KORTHIKANTI: Source = Source {
    citation: "Korthikanti et al. 2022, Reducing Activation Recomputation, Table 2",
    url: "https://arxiv.org/abs/2205.05198",
};

/// The symbols of the formulas, with their values in `scenario`.
struct Symbols<N> {
    parameters: N,
    s: N,
    b: N,
    h: N,
    layers: N,
    a: N,
    t: N,
}

impl<N: Number> Symbols<N> {
    fn of(scenario: &Scenario) -> Self {
        Self {
            parameters: N::symbol(&P, scenario.parameters() as f64),
            s: N::symbol(&S, scenario.sequence() as f64),
            b: N::symbol(&B, scenario.micro_batch() as f64),
            h: N::symbol(&H, scenario.hidden() as f64),
            layers: N::symbol(&L, scenario.layers() as f64),
            a: N::symbol(&A, scenario.heads() as f64),
            t: N::symbol(&T, scenario.tensor_parallel() as f64),
        }
    }
}

/// Bytes on one GPU, part by part.
pub fn memory(scenario: &Scenario) -> Memory {
    Memory {
        parts: Part::ALL.map(|part| Bytes(term::<Fraction>(scenario, part).bytes.whole())),
    }
}

/// One part: as bytes with [`Fraction`], as the formula with [`crate::formula::Expression`].
pub fn term<N: Number>(scenario: &Scenario, part: Part) -> Term<N> {
    let x = Symbols::of(scenario);
    let (bytes, detail, source) = match part {
        Part::Weights => {
            let (bytes, detail) = weight_bytes(scenario.precision());
            (per_parameter(x, bytes), detail, &BYTES_PER_PARAMETER)
        }
        Part::Gradients => {
            let bytes = scenario.gradients().bytes(scenario.precision());
            (per_parameter(x, bytes), "", &BYTES_PER_PARAMETER)
        }
        Part::Optimizer => {
            let (bytes, detail) = optimizer_bytes(scenario.optimizer());
            (per_parameter(x, bytes), detail, &BYTES_PER_PARAMETER)
        }
        Part::Activations => (activations(x, scenario.recomputation()), "", &KORTHIKANTI),
        // It knows of no more.
        Part::Buffers | Part::Temporaries | Part::Overhead => {
            (N::constant(0), "", &BYTES_PER_PARAMETER)
        }
    };
    Term {
        part,
        bytes,
        detail,
        source,
    }
}

fn per_parameter<N: Number>(x: Symbols<N>, bytes: u32) -> N {
    x.parameters * N::constant_in(bytes, "bytes")
}

/// Weights: FP32 4; FP16 or BF16 2; mixed 2 and an FP32 copy of 4.
fn weight_bytes(precision: Precision) -> (u32, &'static str) {
    match precision {
        Precision::Fp32 => (4, ""),
        Precision::SixteenBit => (2, ""),
        Precision::Mixed
        | Precision::Master
        | Precision::MainGradients
        | Precision::Fp16MainGradients => (2 + 4, "16-bit 2, FP32 copy 4"),
    }
}

/// Optimizer states: AdamW 12; 8-bit AdamW 6; SGD with momentum 8; each with an FP32 copy of the weights. The other
/// optimizers by the same count.
fn optimizer_bytes(optimizer: Optimizer) -> (u32, &'static str) {
    match optimizer {
        Optimizer::AdamW => (4 + 4 + 4, "FP32 copy 4, momentum 4, variance 4"),
        Optimizer::AdamW8Bit => (4 + 1 + 1, "FP32 copy 4, momentum 1, variance 1"),
        Optimizer::Sgd | Optimizer::Lion | Optimizer::Muon => (4 + 4, "FP32 copy 4, momentum 4"),
        Optimizer::PlainSgd => (4, "FP32 copy 4"),
        Optimizer::Adafactor => (4, "FP32 copy 4; factors neglected"),
    }
}

/// Activations: Korthikanti et al. 2022, Table 2, rows "tensor parallelism", with selective and with full
/// recomputation. 16-bit activations, 1-byte dropout masks, feed-forward of 4h.
fn activations<N: Number>(x: Symbols<N>, recomputation: Recomputation) -> N {
    let n = N::constant;
    let tokens = x.s.clone() * x.b * x.h.clone() * x.layers;
    match recomputation {
        Recomputation::None => {
            tokens * (n(10) + n(24) / x.t.clone() + n(5) * x.a * x.s / (x.h * x.t))
        }
        Recomputation::Selective => tokens * (n(10) + n(24) / x.t),
        Recomputation::Full => n(2) * tokens,
    }
}

/// Parameters that the shape itself accounts for: 12·L·h², the matrices of L blocks with a feed-forward
/// of 4h (Kaplan et al. 2020, arXiv:2001.08361, Table 1; embeddings, biases and norms left out).
pub fn block_parameters(scenario: &Scenario) -> u128 {
    let hidden = u128::from(scenario.hidden());
    12 * u128::from(scenario.layers()) * hidden * hidden
}

/// The share of C = 6·P·D that recomputation adds: one more forward pass (2·P·D, a third) of everything,
/// or of the attention scores, 4·L·s·h FLOP a token (Korthikanti et al. 2022, arXiv:2205.05198, §5).
pub fn recomputation_overhead(scenario: &Scenario) -> f64 {
    let scores =
        4.0 * scenario.layers() as f64 * scenario.sequence() as f64 * scenario.hidden() as f64;
    match scenario.recomputation() {
        Recomputation::None => 0.0,
        Recomputation::Selective => scores / (6.0 * scenario.parameters() as f64),
        Recomputation::Full => 2.0 / 6.0,
    }
}
