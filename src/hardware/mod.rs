//! What a model is trained on.

mod catalogue;

pub use catalogue::ACCELERATORS;

use crate::units::{Bytes, FlopPerSecond};

/// An accelerator. Peaks are dense: datasheets often print the sparse figure, twice as large.
#[derive(Debug, PartialEq)]
pub struct Accelerator {
    /// What links call it; never changed, never reused.
    pub id: &'static str,
    /// As its maker writes it, with its memory.
    pub name: &'static str,
    /// The short form used in sentences.
    pub short: &'static str,
    /// Dense peak of FP32 vector arithmetic (no tensor cores, no TF32), in TFLOP/s.
    pub fp32_tflops: f64,
    /// Dense peak of 16-bit matrix products with FP32 accumulation, in TFLOP/s.
    pub sixteen_bit_tflops: f64,
    /// Whether the 16-bit peak is of BF16 as well as of FP16.
    pub bf16: bool,
    /// Bytes a program can use: what the driver reports as total, not the figure on the box.
    pub usable: Bytes,
    /// Where peaks and memory were published.
    pub source: &'static str,
}

/// The arithmetic a peak is a peak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// FP32 on vector units.
    Fp32,
    /// BF16 or FP16 on matrix units, accumulated in FP32.
    SixteenBit,
}

impl Accelerator {
    /// The dense peak for this arithmetic.
    pub fn peak(&self, arithmetic: Arithmetic) -> FlopPerSecond {
        FlopPerSecond::from_tflops(match arithmetic {
            Arithmetic::Fp32 => self.fp32_tflops,
            Arithmetic::SixteenBit => self.sixteen_bit_tflops,
        })
    }

    /// What the peak is called, e.g. "dense BF16".
    pub fn peak_name(&self, arithmetic: Arithmetic) -> &'static str {
        match arithmetic {
            Arithmetic::Fp32 => "dense FP32",
            Arithmetic::SixteenBit if self.bf16 => "dense BF16",
            Arithmetic::SixteenBit => "dense FP16",
        }
    }
}
