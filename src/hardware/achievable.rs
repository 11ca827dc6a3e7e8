//! What accelerators reach in practice, for the step-time model: rates of matrix products and of attention kernels, and
//! the network between servers. Tables keyed by the catalogue's ids.
//!
//! All are defaults to be overridden: the matrix rate differs 1.6 times between two machines with the same accelerator.

use super::{Accelerator, Arithmetic, published};
use crate::units::{BytesPerSecond, FlopPerSecond};

/// A rate that real kernels reach, never above the dense peak.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// FLOP/s of one accelerator.
    pub flop_per_second: FlopPerSecond,
    /// Whether somebody measured it on this accelerator and published it. If not, it is the same fraction of the peak
    /// as the nearest sibling's.
    pub measured: bool,
}

/// The network between servers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    /// Bytes per second of one accelerator, one direction.
    pub bytes_per_second: BytesPerSecond,
    /// Whether it is that of a system with this accelerator; if not, it is assumed.
    pub published: bool,
}

/// Which fused attention kernels run, as a class of speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionKernels {
    /// FlashAttention 1 and Triton's, as of 2022 and 2023.
    First,
    /// FlashAttention 2 on Ampere, 3 on Hopper, cuDNN's from Hopper on.
    Current,
}

/// The largest rates found over many shapes of matrix products, TFLOP/s in BF16 and in FP8: S. Bekman, Machine Learning
/// Engineering (commit 744d01e), "Maximum Achievable Matmul FLOPS". The H200's in BF16 is the H100's, says a note.
#[rustfmt::skip]
const MATRIX: [(&str, f64, f64); 14] = [
    ("a100-80",       271.2,    0.0),
    ("a100-40",       271.2,    0.0),
    ("a100-pcie-80",  252.9,    0.0),
    ("h100-sxm",      794.5, 1402.6),
    ("h200-sxm",      794.5, 1453.4),
    ("gh200-144",     828.6, 1535.0),
    ("b200",         1745.0, 3432.5),
    ("b300",         1769.0, 3353.3),
    ("gb200",        1822.0, 3615.6),
    ("mi300x",        668.4,    0.0),
    ("mi325x",        784.9,    0.0),
    ("mi355x",       1565.0,    0.0),
    ("gaudi-2",       418.7,  826.5),
    ("gaudi-3",      1243.0, 1289.5),
];

/// The fraction of its peak that an accelerator without siblings reaches: the median of [`MATRIX`] in BF16.
const TYPICAL: f64 = 0.78;

/// TFLOP/s of causal attention in 16 bit, forward and backward together, by the first and by the current kernels, and
/// whether published: rounded from the plots of FlashAttention 2 (Dao 2023, arXiv:2307.08691: A100, and H100 with the
/// first) and 3 (Shah et al. 2024, arXiv:2407.08608: H100). Blackwell's are estimates of the same class.
#[rustfmt::skip]
const ATTENTION: [(&str, f64, f64, bool); 7] = [
    ("a100-80",  110.0,  180.0, true),
    ("a100-40",  110.0,  180.0, true),
    ("h100-sxm", 190.0,  500.0, true),
    ("b200",     500.0, 1000.0, false),
    ("gb200",    500.0, 1000.0, false),
    ("b300",     500.0, 1250.0, false),
    ("gb300",    500.0, 1250.0, false),
];

/// GB/s of one accelerator, one direction, on the network of the usual system: NVIDIA's DGX-1 (4 × 100 Gbit/s),
/// DGX A100 (8 × 200), DGX H100, H200, B200 (8 × 400), DGX B300 (8 × 800), GB200 and GB300 NVL72 (a ConnectX-7 or 8
/// each), Rubin (ConnectX-9); DeepSeek-V3's H800 (arXiv:2412.19437); AMD's platforms of 8 × 400, the MI250X in Frontier;
/// Gaudi's 3 ports that leave the server; AWS Trn1n and Trn2; Google's v5e and v6e hosts of 8 chips.
#[rustfmt::skip]
const NETWORK: [(&str, f64); 25] = [
    ("p100-16",      6.25),
    ("v100-16",      6.25),
    ("v100-32",      6.25),
    ("a100-40",     25.0),
    ("a100-80",     25.0),
    ("h100-sxm",    50.0),
    ("h200-sxm",    50.0),
    ("h800",        50.0),
    ("b200",        50.0),
    ("gb200",       50.0),
    ("b300",       100.0),
    ("gb300",      100.0),
    ("rubin",      200.0),
    ("mi250x",      25.0),
    ("mi300x",      50.0),
    ("mi325x",      50.0),
    ("mi350x",      50.0),
    ("mi355x",      50.0),
    ("gaudi",       37.5),
    ("gaudi-2",     37.5),
    ("gaudi-3",     75.0),
    ("trainium-1",  12.5),
    ("trainium-2",  25.0),
    ("tpu-v5e",      3.125),
    ("tpu-v6e",     12.5),
];

/// Where nothing is known: a card of 100 Gbit/s each.
const ASSUMED_NETWORK_GB_S: f64 = 12.5;

/// The rate that large matrix products reach. For an arithmetic that the accelerator lacks, that of what
/// [runs in its place](Accelerator::runs_as).
///
/// Where no measurement is published, the peak times the fraction of it reached in FP8 or 16 bit by the same
/// accelerator, else by its nearest sibling, else typically. FP4 was measured nowhere: take it for an upper bound.
pub fn achievable(accelerator: &Accelerator, arithmetic: Arithmetic) -> Rate {
    let arithmetic = accelerator.runs_as(arithmetic);
    if let Some(flop_per_second) = measured(accelerator, arithmetic) {
        return Rate {
            flop_per_second,
            measured: true,
        };
    }
    let fraction = fraction(accelerator, arithmetic)
        .or_else(|| fraction(sibling(accelerator)?, arithmetic))
        .unwrap_or(TYPICAL);
    Rate {
        flop_per_second: FlopPerSecond(accelerator.peak(arithmetic).0 * fraction),
        measured: false,
    }
}

/// The rate of fused causal attention in 16 bit, its FLOP counted as causal, forward and backward together.
///
/// Where none is listed, as much of [`achievable`] as the kernels reach on the H100 for Hopper, on the B200 for
/// Blackwell and on the A100 for everything else.
pub fn attention(accelerator: &Accelerator, kernels: AttentionKernels) -> Rate {
    let listed = |id: &str| {
        let &(_, first, current, published) = ATTENTION.iter().find(|row| row.0 == id)?;
        let tflops = match kernels {
            AttentionKernels::First => first,
            AttentionKernels::Current => current,
        };
        Some((FlopPerSecond::from_tflops(tflops), published))
    };
    if let Some((flop_per_second, measured)) = listed(accelerator.id) {
        return Rate {
            flop_per_second,
            measured,
        };
    }
    let like = match accelerator.architecture {
        "Hopper" => "h100-sxm",
        "Blackwell" | "Blackwell Ultra" | "Rubin" => "b200",
        _ => "a100-80",
    };
    let matrix = |of: &Accelerator| achievable(of, Arithmetic::SixteenBit).flop_per_second.0;
    let share = Accelerator::find(like)
        .zip(listed(like))
        .map_or(TYPICAL, |(sibling, (rate, _))| rate.0 / matrix(sibling));
    Rate {
        flop_per_second: FlopPerSecond(matrix(accelerator) * share),
        measured: false,
    }
}

/// The network of one accelerator, between systems of [`scale_up`](Accelerator::scale_up).
pub fn network(accelerator: &Accelerator) -> Network {
    let listed = NETWORK.iter().find(|row| row.0 == accelerator.id);
    Network {
        bytes_per_second: BytesPerSecond::from_gb_s(
            listed.map_or(ASSUMED_NETWORK_GB_S, |&(_, gb_s)| gb_s),
        ),
        published: listed.is_some(),
    }
}

fn measured(accelerator: &Accelerator, arithmetic: Arithmetic) -> Option<FlopPerSecond> {
    let &(_, sixteen_bit, fp8) = MATRIX.iter().find(|row| row.0 == accelerator.id)?;
    let tflops = match arithmetic {
        Arithmetic::SixteenBit => sixteen_bit,
        Arithmetic::Fp8 => fp8,
        Arithmetic::Fp32 | Arithmetic::Tf32 | Arithmetic::Fp4 => return None,
    };
    published(tflops).map(FlopPerSecond::from_tflops)
}

/// The fraction of its peak that this accelerator reached in the measured arithmetic nearest to this one.
fn fraction(accelerator: &Accelerator, arithmetic: Arithmetic) -> Option<f64> {
    let reached = |arithmetic| {
        let dense = accelerator.published_peak(arithmetic)?;
        Some(measured(accelerator, arithmetic)?.0 / dense.0)
    };
    let narrow = match arithmetic {
        Arithmetic::Fp8 | Arithmetic::Fp4 => reached(Arithmetic::Fp8),
        Arithmetic::Fp32 | Arithmetic::Tf32 | Arithmetic::SixteenBit => None,
    };
    narrow.or_else(|| reached(Arithmetic::SixteenBit))
}

/// The accelerator of [`MATRIX`] most like this one.
fn sibling(accelerator: &Accelerator) -> Option<&'static Accelerator> {
    Accelerator::find(match (accelerator.id, accelerator.architecture) {
        ("a100-pcie-40", _) => "a100-pcie-80",
        ("gh200-96", _) => "gh200-144",
        ("gb300", _) => "gb200",
        (_, "Pascal" | "Volta" | "Turing" | "Ampere") => "a100-80",
        (_, "Hopper") => "h100-sxm",
        (_, "Blackwell" | "Rubin") => "b200",
        (_, "CDNA" | "CDNA 2" | "CDNA 3") => "mi300x",
        (_, "CDNA 4" | "CDNA 5") => "mi355x",
        (_, "Gaudi") => "gaudi-2",
        _ => return None,
    })
}
