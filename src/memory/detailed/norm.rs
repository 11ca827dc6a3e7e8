//! Norms: what they keep, and what their backward pass holds. In the tables of TENSORS.md, 4.2 and 7.

use super::backward::Backward;
use super::run::Block;
use super::saved::{OfNorm, Saved, Site, Tape};
use super::tally::Live;
use super::tensor::{Dtype, Name};
use crate::model::{NormKind, Norms};

/// How a norm is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// PyTorch's layer norm, one kernel.
    Kernel,
    /// The same without weight or bias, on an FP32 copy.
    KernelInFp32,
    /// LayerNorm in Python.
    Centred,
    /// RMSNorm in Python, its weight applied in the input's dtype.
    Scaled,
    /// RMSNorm in Python, its weight applied in FP32.
    ScaledInFp32,
    /// RMSNorm in Python, 1 + weight applied in FP32.
    PlusOne,
}

const fn way(norms: &Norms) -> Way {
    match norms.kind {
        NormKind::Layer if norms.weight => Way::Kernel,
        NormKind::Layer => Way::KernelInFp32,
        NormKind::LayerInFp32 => Way::Centred,
        NormKind::Rms => Way::Scaled,
        NormKind::RmsInFp32 => Way::ScaledInFp32,
        NormKind::RmsPlusOne => Way::PlusOne,
    }
}

/// The rows a norm runs over, and the elements of its weight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    pub count: u64,
    pub width: u64,
    pub weight: u64,
}

impl Rows {
    /// `count` rows of `width`, with one weight for all.
    pub const fn new(count: u64, width: u64) -> Self {
        Self {
            count,
            width,
            weight: width,
        }
    }
}

impl Block<'_> {
    /// What a norm keeps of its input `x`. Norms in Python compute in FP32: an FP32 input is kept as it stands, under
    /// the name `input`; a 16-bit one as a copy. Returns the dtype of its output.
    pub fn keep_norm(
        &self,
        tape: &mut Tape,
        site: Site,
        rows: Rows,
        x: Dtype,
        input: impl Into<Saved>,
    ) -> Dtype {
        let way = way(&self.run.architecture.norms);
        let trained = self.trained();
        let needs_input = !(self.kind.first_trained && site == Site::First);
        let of = |what| Saved::Norm(site, what);
        let full = [rows.count, rows.width];
        let each = [rows.count];
        let sixteen = x == Dtype::Sixteen;
        let keep_input = |tape: &mut Tape| {
            if sixteen && way != Way::Kernel {
                tape.keep(of(OfNorm::InputFp32), full, Dtype::Fp32);
            } else {
                tape.keep(input, full, x);
            }
        };
        match way {
            Way::Kernel => {
                if needs_input || trained {
                    keep_input(tape);
                    tape.keep(of(OfNorm::Mean), each, Dtype::Fp32);
                    tape.keep(of(OfNorm::Deviation), each, Dtype::Fp32);
                }
                return self.run.parameter;
            }
            Way::KernelInFp32 => {
                if needs_input {
                    keep_input(tape);
                    tape.keep(of(OfNorm::Mean), each, Dtype::Fp32);
                    tape.keep(of(OfNorm::Deviation), each, Dtype::Fp32);
                }
                return x;
            }
            Way::Centred if needs_input => {
                tape.keep(of(OfNorm::Centred), full, Dtype::Fp32);
                tape.keep(of(OfNorm::CentredAgain), full, Dtype::Fp32);
                tape.keep(of(OfNorm::Deviation), each, Dtype::Fp32);
            }
            _ if needs_input => {
                keep_input(tape);
                tape.keep(of(OfNorm::Deviation), each, Dtype::Fp32);
            }
            _ => {}
        }
        if trained {
            let dtype = if way == Way::Scaled { x } else { Dtype::Fp32 };
            tape.keep(of(OfNorm::Normalised), full, dtype);
        }
        match way {
            Way::PlusOne if needs_input => {
                tape.keep(of(OfNorm::OnePlusWeight), [rows.weight], Dtype::Fp32);
            }
            Way::Centred if self.run.pure_sixteen() => {
                tape.keep(of(OfNorm::Weight), [rows.weight], Dtype::Fp32);
            }
            _ => {}
        }
        x
    }
}

impl Backward<'_> {
    /// A norm's backward pass: from `dy` the gradient of its input, added to the one that waits, `into`.
    pub fn norm(
        &mut self,
        site: Site,
        rows: Rows,
        x: Dtype,
        input: impl Into<Saved>,
        dy: Live,
        into: Option<Live>,
    ) -> Live {
        let run = self.block.run;
        let norms = &run.architecture.norms;
        let way = way(norms);
        let full = [rows.count, rows.width];
        let name = |what| Name(site.label(), what);
        let of = |what| Saved::Norm(site, what);
        let weight = name("gradient of the weight");
        let sixteen = x == Dtype::Sixteen;
        let dtype = run.parameter;
        let trained = self.block.trained();
        if matches!(way, Way::Kernel | Way::KernelInFp32) {
            let upcast = way == Way::KernelInFp32 && sixteen;
            let dy = if upcast {
                self.recast(dy, Dtype::Fp32)
            } else {
                dy
            };
            let inner = if upcast { Dtype::Fp32 } else { x };
            let mut dx = self.temporary(name("gradient of the input"), full, inner);
            if trained && way == Way::Kernel {
                self.gradient(weight, [rows.weight], dtype);
                if norms.bias {
                    self.gradient(name("gradient of the bias"), [rows.weight], dtype);
                }
            }
            self.heap.free(dy);
            self.heap.release(of(OfNorm::Mean));
            self.heap.release(of(OfNorm::Deviation));
            self.heap.release(of(OfNorm::InputFp32));
            self.heap.release(input.into());
            if upcast {
                dx = self.recast(dx, Dtype::Sixteen);
            }
            return self.join(dx, into);
        }

        // The weight: its own gradient, and that of what it scales.
        let scaled = if way == Way::Scaled {
            dy
        } else if dy.dtype == Dtype::Sixteen {
            self.recast(dy, Dtype::Fp32)
        } else {
            dy
        };
        let mut normalised = self.temporary(name("gradient of the normalised"), full, scaled.dtype);
        if trained {
            self.scratch(name("gradient × normalised"), full, scaled.dtype);
            self.gradient(weight, [rows.weight], dtype);
        }
        self.heap.free(scaled);
        for what in [OfNorm::Normalised, OfNorm::Weight, OfNorm::OnePlusWeight] {
            self.heap.release(of(what));
        }
        if normalised.dtype == Dtype::Sixteen {
            normalised = self.recast(normalised, Dtype::Fp32);
        }

        // x·(mean(x²) + ε)^(−½): the direct part, and the part through the mean of squares.
        let direct = self.temporary(name("gradient, direct part"), full, Dtype::Fp32);
        self.scratch(name("gradient of 1/σ"), full, Dtype::Fp32);
        self.heap.free(normalised);
        if way == Way::Centred {
            self.heap.release(of(OfNorm::CentredAgain));
            self.scratch(name("gradient of the mean"), full, Dtype::Fp32);
        }
        let (early, late) = if sixteen { (None, into) } else { (into, None) };
        let direct = self.join(direct, early);
        let spread = self.temporary(name("gradient of the mean of squares"), full, Dtype::Fp32);
        let power = self.temporary(name("x in the power’s gradient"), full, Dtype::Fp32);
        let twice = self.temporary(name("2·x"), full, Dtype::Fp32);
        let product = self.temporary(name("gradient through the squares"), full, Dtype::Fp32);
        self.heap.free(spread);
        self.heap.free(power);
        self.heap.free(twice);
        self.heap.release(of(OfNorm::InputFp32));
        self.heap.release(of(OfNorm::Centred));
        self.heap.release(of(OfNorm::Deviation));
        self.heap.release(input.into());
        if way == Way::Centred {
            self.scratch(name("gradient of the mean"), full, Dtype::Fp32);
        }
        let mut dx = self.sum(product, direct);
        if way == Way::Centred {
            let mean = self.temporary(name("gradient of the mean"), full, Dtype::Fp32);
            dx = self.sum(mean, dx);
        }
        if sixteen {
            dx = self.recast(dx, Dtype::Sixteen);
        }
        self.join(dx, late)
    }
}
