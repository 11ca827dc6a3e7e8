//! What the step-time model asks of a machine.

use crate::hardware::{Accelerator, Arithmetic, AttentionKernels, achievable, attention, network};

/// Rates of one accelerator and of what joins it to others. All defaults of a catalogue are to be overridden: the same
/// accelerator reaches 1.6 times as much in one machine as in another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Machine {
    /// FLOP/s that large matrix products of the linear layers reach, in their arithmetic.
    pub matrix: f64,
    /// FLOP/s that large 16-bit (or, in FP32 training, FP32) matrix products reach: head, router, attention scores.
    pub matrix_wide: f64,
    /// FLOP/s of causal attention kernels, forward and backward together.
    pub attention: f64,
    /// Dense peak in FLOP/s that MFU is a share of.
    pub peak: f64,
    /// Bytes per second of memory.
    pub memory: f64,
    /// Bytes per second of scale-up links, one direction.
    pub link: f64,
    /// Accelerators that reach each other over these links.
    pub domain: u64,
    /// Bytes per second of the network, one direction, for each accelerator.
    pub network: f64,
}

impl Machine {
    /// Of a row of the catalogue: `linear` is the arithmetic of the linear layers, `wide` that of the rest.
    pub fn of(
        accelerator: &Accelerator,
        linear: Arithmetic,
        wide: Arithmetic,
        kernels: AttentionKernels,
    ) -> Self {
        let rate = |arithmetic| {
            let reached = achievable(accelerator, arithmetic).flop_per_second.0;
            let more = POWER.iter().find(|(id, _)| *id == accelerator.id);
            more.map_or(reached, |(_, more)| reached * more)
        };
        Self {
            matrix: rate(linear),
            matrix_wide: rate(wide),
            attention: attention(accelerator, kernels).flop_per_second.0,
            peak: accelerator.peak(linear).0,
            memory: accelerator.bandwidth().0,
            link: accelerator.link().map_or(0.0, |link| link.0),
            domain: accelerator.scale_up.into(),
            network: network(accelerator).bytes_per_second.0,
        }
    }

    /// With the rate that large matrix products reach on the reader's own machine, in FLOP/s; that of wide products in
    /// proportion.
    pub fn with_matrix(self, matrix: f64) -> Self {
        Self {
            matrix,
            matrix_wide: self.matrix_wide * matrix / self.matrix,
            ..self
        }
    }
}

/// Accelerators on which nobody published a rate, that are a measured one's chip under another limit of power, which is
/// what bounds both: GB300's 1,400 W beside GB200's 1,200 W.
const POWER: [(&str, f64); 1] = [("gb300", 1_400.0 / 1_200.0)];

/// Bytes of an operand of this arithmetic.
pub const fn operand_bytes(arithmetic: Arithmetic) -> f64 {
    match arithmetic {
        Arithmetic::Fp32 | Arithmetic::Tf32 => 4.0,
        Arithmetic::SixteenBit => 2.0,
        Arithmetic::Fp8 => 1.0,
        Arithmetic::Fp4 => 0.5,
    }
}
