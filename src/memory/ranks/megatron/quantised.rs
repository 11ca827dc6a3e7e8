//! What transformer-engine's linear layers quantise: copies of weights that stay, inputs that are kept in a byte an
//! element, gradients quantised for the two products of the backward pass.
//!
//! Read from transformer-engine 2.11: pytorch/module/linear.py, layernorm_linear.py, grouped_linear.py and base.py
//! (`get_weight_workspace`), pytorch/tensor/float8_tensor.py and mxfp8_tensor.py (`make_empty`). No measured row stands
//! behind these figures. Attention's kernel stays in 16 bits (`fp8_dpa` off), weights are kept in 16 bits too
//! (`--fp8-param-gather` absent), and delayed scaling's histories, a granule or two a layer, are left out.

use super::run::LinearFormat;
use super::slice::Slice;
use crate::memory::ranks::tensor::{Dtype, Sink, Sum, Tensor, rounded};

/// Elements that share a scale in MXFP8.
const BLOCK: u64 = 32;

impl Slice<'_> {
    /// What linear layers multiply in: Megatron-core's own quantise nothing.
    pub fn format(&self) -> LinearFormat {
        if self.transformer_engine() {
            self.run.linear
        } else {
            LinearFormat::Bf16
        }
    }

    /// What a linear layer keeps of its input, `rows` × `columns`: itself, or its quantised columns.
    pub fn hold_input<S: Sink>(&self, name: &'static str, rows: u64, columns: u64, sink: &mut S) {
        let of = |dtype| Tensor::new(name, [rows, columns, 1, 1], dtype);
        match self.format() {
            LinearFormat::Bf16 => sink.hold(of(Dtype::Bf16)),
            LinearFormat::Fp8 | LinearFormat::Fp8Current => {
                sink.hold(of(Dtype::Fp8));
                sink.hold(scale());
            }
            LinearFormat::MxFp8 => {
                sink.hold(of(Dtype::Fp8));
                sink.hold(column_scales(rows, columns));
            }
        }
    }

    /// Bytes of it.
    pub fn input(&self, rows: u64, columns: u64) -> u128 {
        let mut sum = Sum::default();
        self.hold_input("", rows, columns, &mut sum);
        sum.0
    }

    /// What a linear layer keeps of an input that others keep in 16 bits anyway: nothing, but under delayed scaling a
    /// quantised copy (Megatron-core, `set_save_original_input`).
    pub fn hold_shared_input<S: Sink>(
        &self,
        name: &'static str,
        rows: u64,
        columns: u64,
        sink: &mut S,
    ) {
        if self.format() == LinearFormat::Fp8 {
            self.hold_input(name, rows, columns, sink);
        }
    }

    /// Bytes of it.
    pub fn shared_input(&self, rows: u64, columns: u64) -> u128 {
        let mut sum = Sum::default();
        self.hold_shared_input("", rows, columns, &mut sum);
        sum.0
    }

    /// Bytes of a tensor of `bytes` in 16 bits when it is gathered for a product.
    pub fn gathered_for_product(&self, bytes: u128) -> u128 {
        match self.format() {
            LinearFormat::Bf16 => bytes,
            // Rows are gathered, then transposed.
            LinearFormat::Fp8 | LinearFormat::Fp8Current => 2 * rounded(bytes / 2),
            LinearFormat::MxFp8 => one_way(bytes),
        }
    }

    /// Bytes of the quantised copies of a gradient of `bytes` in 16 bits, along rows and along columns.
    pub fn quantised(&self, bytes: u128) -> u128 {
        match self.format() {
            LinearFormat::Bf16 => 0,
            LinearFormat::Fp8 | LinearFormat::Fp8Current => 2 * rounded(bytes / 2),
            LinearFormat::MxFp8 => 2 * one_way(bytes),
        }
    }
}

fn scale() -> Tensor {
    Tensor::new("scale", [1; 4], Dtype::Fp32)
}

/// Of a tensor of `bytes` in 16 bits: a byte an element, and one for each block's scale.
fn one_way(bytes: u128) -> u128 {
    rounded(bytes / 2) + rounded(bytes / 2 / u128::from(BLOCK))
}

/// Scales of blocks along rows, padded to 128 × 4.
fn row_scales(rows: u64, columns: u64) -> Tensor {
    let blocks = columns.div_ceil(BLOCK).next_multiple_of(4);
    let sides = [rows.next_multiple_of(128), blocks, 1, 1];
    Tensor::new("scales along rows", sides, Dtype::Byte)
}

/// Scales of blocks along columns.
fn column_scales(rows: u64, columns: u64) -> Tensor {
    let blocks = rows.div_ceil(BLOCK).next_multiple_of(4);
    let sides = [blocks, columns.next_multiple_of(128), 1, 1];
    Tensor::new("scales along columns", sides, Dtype::Byte)
}

/// A sink of a layer's weights that hands on their quantised copies, made once and kept from step to step.
pub struct Casts<'a, S> {
    /// Who takes them.
    pub sink: &'a mut S,
    /// In which format.
    pub format: LinearFormat,
}

impl<S: Sink> Sink for Casts<'_, S> {
    fn hold(&mut self, tensor: Tensor) {
        let [rows, columns, ..] = tensor.shape;
        // Norms and biases are no products' operands; router and gate stay in 16 bits.
        let linear = columns > 1 && !["router", "shared experts’ gate"].contains(&tensor.name);
        if !linear {
            return;
        }
        let mut take = |name, tensor_of: Tensor| {
            self.sink.hold(Tensor {
                name,
                count: tensor.count * tensor_of.count,
                ..tensor_of
            });
        };
        let copies = |count| Tensor {
            count,
            ..Tensor::new("", [rows, columns, 1, 1], Dtype::Fp8)
        };
        match self.format {
            LinearFormat::Bf16 => {}
            LinearFormat::Fp8 | LinearFormat::Fp8Current => {
                take("FP8 copies of weights, and transposed", copies(2));
                take("scales of weights", scale());
            }
            LinearFormat::MxFp8 => {
                take("FP8 copies of weights, by rows and by columns", copies(2));
                take("scales of weights along rows", row_scales(rows, columns));
                take(
                    "scales of weights along columns",
                    column_scales(rows, columns),
                );
            }
        }
    }
}
