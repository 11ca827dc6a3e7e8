//! What a model is trained on.

mod achievable;
mod catalogue;
mod search;

pub use achievable::{AttentionKernels, Network, Rate, achievable, attention, network};
pub use catalogue::{ACCELERATORS, OWN};

use crate::units::{Bytes, BytesPerSecond, FlopPerSecond};

/// An accelerator: a row of the [catalogue](ACCELERATORS), or the reader's [own](OWN).
///
/// Peaks are dense, with FP32 accumulation. Datasheets often print twice as much: the sparse figure, or for GeForce the
/// one with FP16 accumulation. Training uses neither, and [`Accelerator::sparse_confusion`] recognises both.
///
/// Of their own hardware a reader can say the dense peak of each arithmetic ([`with_peak`](Self::with_peak)), usable
/// memory ([`with_usable`](Self::with_usable)), its bandwidth ([`with_bandwidth`](Self::with_bandwidth)), power
/// ([`with_tdp_watts`](Self::with_tdp_watts)) and price ([`with_price`](Self::with_price)).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accelerator {
    /// What links call it; never changed, never reused.
    pub id: &'static str,
    /// As its maker writes it, with its memory.
    pub name: &'static str,
    /// The short form used in sentences.
    pub short: &'static str,
    /// Its maker.
    pub vendor: &'static str,
    /// Its maker's name for the design, e.g. "Hopper".
    pub architecture: &'static str,
    /// The year it was presented.
    pub year: u16,
    /// Dense peaks in TFLOP/s in the order of [`Arithmetic`]; 0 where none is published.
    tflops: [f64; 5],
    /// What the 16-bit peak is a peak of.
    pub sixteen_bit: Formats,
    /// Bytes a program can use: what the driver reports as total, not the figure on the box.
    pub usable: Bytes,
    /// Whether `usable` was reported by a driver; if not, it is the figure on the box, of which less may be usable.
    pub usable_is_measured: bool,
    /// Memory bandwidth in GB/s.
    bandwidth_gb_s: f64,
    /// Link in GB/s, one direction; 0 where none is published or there is none.
    link_gb_s: f64,
    /// How many accelerators reach each other over [`link`](Self::link) in its maker's usual system: over NVLink,
    /// xGMI or ICI, or else over the PCIe of a server. 1 where it stands alone.
    pub scale_up: u32,
    /// Power in W; 0 where none is published.
    tdp_watts: f64,
    /// What clouds ask for it.
    pub price: Option<Price>,
    /// Where its figures were published; a measured `usable` is what `nvidia-smi` reports as total.
    pub source: &'static str,
    /// Whether peaks and bandwidth were read in the source.
    pub confidence: Confidence,
}

/// The arithmetic a peak is a peak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// FP32 on vector units.
    Fp32,
    /// FP32 inputs rounded to TF32, on matrix units.
    Tf32,
    /// BF16 or FP16 on matrix units, accumulated in FP32.
    SixteenBit,
    /// FP8 on matrix units, accumulated in FP32.
    Fp8,
    /// FP4 (MXFP4, NVFP4) on matrix units, accumulated in FP32.
    Fp4,
}

/// What a 16-bit peak is a peak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formats {
    /// Both formats.
    Both,
    /// FP16; BF16 is missing or slower.
    Fp16,
    /// BF16; FP16 is missing or slower.
    Bf16,
    /// None was published: this one is assumed, for the reason that its row in the catalogue states.
    Assumed,
}

/// US dollars for one accelerator and hour, cheapest and dearest cloud. A range, not a quote.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    /// The cheapest.
    pub low: f64,
    /// The dearest.
    pub high: f64,
    /// When; prices fall.
    pub year: u16,
}

/// How sure a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confidence {
    /// Read in the source.
    Verified,
    /// A datasheet's figure, from memory.
    Recalled,
}

impl Arithmetic {
    /// Every arithmetic, from wide to narrow.
    pub const ALL: [Self; 5] = [
        Self::Fp32,
        Self::Tf32,
        Self::SixteenBit,
        Self::Fp8,
        Self::Fp4,
    ];
}

impl Accelerator {
    /// The dense peak published for this arithmetic.
    pub fn published_peak(&self, arithmetic: Arithmetic) -> Option<FlopPerSecond> {
        let assumed = arithmetic == Arithmetic::SixteenBit && self.sixteen_bit == Formats::Assumed;
        let tflops = published(self.tflops[arithmetic as usize])?;
        (!assumed).then_some(FlopPerSecond::from_tflops(tflops))
    }

    /// The arithmetic that runs where this one is asked for: itself if the accelerator has a peak for it. Else FP4 in
    /// FP8, FP8 in 16 bit, TF32 in FP32, and FP32 in 16 bit, on matrix machines that publish no FP32 peak (by default
    /// XLA computes so on TPUs).
    pub fn runs_as(&self, arithmetic: Arithmetic) -> Arithmetic {
        use Arithmetic::{Fp4, Fp8, Fp32, SixteenBit, Tf32};
        let tried: &[Arithmetic] = match arithmetic {
            Fp32 => &[Fp32],
            Tf32 => &[Tf32, Fp32],
            SixteenBit => &[],
            Fp8 => &[Fp8],
            Fp4 => &[Fp4, Fp8],
        };
        let has_peak = |tried: &&Arithmetic| self.tflops[**tried as usize] > 0.0;
        tried.iter().find(has_peak).copied().unwrap_or(SixteenBit)
    }

    /// The dense peak for this arithmetic, or for what [runs in its place](Self::runs_as);
    /// [`peak_name`](Self::peak_name) says which.
    pub fn peak(&self, arithmetic: Arithmetic) -> FlopPerSecond {
        FlopPerSecond::from_tflops(self.tflops[self.runs_as(arithmetic) as usize])
    }

    /// What the peak is called, e.g. "dense BF16".
    pub fn peak_name(&self, arithmetic: Arithmetic) -> &'static str {
        match self.runs_as(arithmetic) {
            Arithmetic::Fp32 => "dense FP32",
            Arithmetic::Tf32 => "dense TF32",
            Arithmetic::Fp8 => "dense FP8",
            Arithmetic::Fp4 => "dense FP4",
            Arithmetic::SixteenBit => match self.sixteen_bit {
                Formats::Both | Formats::Bf16 => "dense BF16",
                Formats::Fp16 => "dense FP16",
                Formats::Assumed => "assumed dense BF16",
            },
        }
    }

    /// Whether a peak that was typed is, within 2 %, twice the dense one: the datasheet's sparse figure or, for
    /// GeForce, the one with FP16 accumulation.
    pub fn sparse_confusion(&self, arithmetic: Arithmetic, typed: FlopPerSecond) -> bool {
        self.published_peak(arithmetic)
            .is_some_and(|dense| (typed.0 / (2.0 * dense.0) - 1.0).abs() <= 0.02)
    }

    /// Memory bandwidth.
    pub fn bandwidth(&self) -> BytesPerSecond {
        BytesPerSecond::from_gb_s(self.bandwidth_gb_s)
    }

    /// The link to the [`scale_up`](Self::scale_up) nearest others, one direction, all lanes together. Makers often
    /// print both directions together, twice as much.
    pub fn link(&self) -> Option<BytesPerSecond> {
        published(self.link_gb_s).map(BytesPerSecond::from_gb_s)
    }

    /// The power its maker designs for, in W: TDP, TGP or board power.
    pub fn tdp_watts(&self) -> Option<f64> {
        published(self.tdp_watts)
    }

    /// The same with another dense peak, above 0, for this arithmetic.
    pub fn with_peak(mut self, arithmetic: Arithmetic, dense: FlopPerSecond) -> Self {
        self.tflops[arithmetic as usize] = dense.tflops();
        if arithmetic == Arithmetic::SixteenBit && self.sixteen_bit == Formats::Assumed {
            self.sixteen_bit = Formats::Both;
        }
        self
    }

    /// The same with other usable memory.
    pub fn with_usable(self, usable: Bytes) -> Self {
        Accelerator {
            usable,
            usable_is_measured: true,
            ..self
        }
    }

    /// The same with another memory bandwidth, above 0.
    pub fn with_bandwidth(self, bandwidth: BytesPerSecond) -> Self {
        Accelerator {
            bandwidth_gb_s: bandwidth.gb_s(),
            ..self
        }
    }

    /// The same with another power, in W, above 0.
    pub fn with_tdp_watts(self, tdp_watts: f64) -> Self {
        Accelerator { tdp_watts, ..self }
    }

    /// The same at another price.
    pub fn with_price(self, price: Price) -> Self {
        Accelerator {
            price: Some(price),
            ..self
        }
    }
}

/// A figure of the table, in which 0 stands for none.
fn published(figure: f64) -> Option<f64> {
    (figure > 0.0).then_some(figure)
}
