//! Backward passes of linear layers whose weight is divided over tensor-parallel ranks.
//!
//! A weight's gradient goes straight into the main gradients; autograd is handed an empty tensor of the weight's shape,
//! so that its hooks run (Megatron-core, tensor_parallel/layers.py). Megatron-core's own layers make a new one each
//! time, transformer-engine keeps one for each shape for ever (pytorch/module/base.py, `get_dummy_wgrad`).

use super::slice::{Slice, halves};
use crate::memory::ranks::tensor::Level;

/// The empty gradient of a weight of this shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dummy {
    /// Its sides.
    pub shape: [u64; 2],
}

impl Dummy {
    /// Of a weight with these sides.
    pub const fn new(rows: u64, columns: u64) -> Self {
        Self {
            shape: [rows, columns],
        }
    }

    /// Bytes of it, 2 an element.
    pub fn bytes(self) -> u128 {
        halves(self.shape[0], self.shape[1])
    }

    /// Bytes of it where it is made for the moment only.
    fn transient(self, slice: &Slice) -> u128 {
        if slice.transformer_engine() {
            0
        } else {
            self.bytes()
        }
    }
}

/// Backward pass of a layer divided by its input's columns (row-parallel): in, the gradient of the residual stream,
/// which is gathered first; out, `input_gradient` bytes. The saved input is the caller's to give back.
pub fn row_backward(
    slice: &Slice,
    _columns: u64,
    input_gradient: u128,
    dummy: Dummy,
    level: &mut Level,
) {
    let dropped = if slice.run.hidden_dropout {
        level.take(slice.residual());
        level.release(slice.mask());
        slice.residual()
    } else {
        0
    };
    // Quantised for both products, in place of the gathered gradient or beside the whole one.
    let quantised = slice.quantised(slice.gathered());
    let gathered = match (slice.sequence_parallel, quantised) {
        (true, 0) => slice.gathered(),
        (_, quantised) => quantised,
    };
    level.take(gathered);
    if slice.sequence_parallel {
        level.give(dropped);
    }
    level.take(input_gradient);
    level.take(dummy.transient(slice));
    level.give(gathered);
    if !slice.sequence_parallel {
        level.give(dropped);
    }
    level.give(dummy.transient(slice));
}

/// Backward pass of a layer divided by its output's columns (column-parallel): in, `output_gradient` bytes; out, the
/// gradient of the residual stream, scattered again. Gives back the saved input.
pub fn column_backward(slice: &Slice, output_gradient: u128, dummy: Dummy, level: &mut Level) {
    let gathers = slice.sequence_parallel && slice.transformer_engine();
    let quantised = slice.quantised(output_gradient);
    level.take(quantised);
    if gathers {
        level.take(slice.gathered_for_product(slice.gathered()));
    }
    level.take(slice.gathered());
    if slice.sequence_parallel {
        level.take(slice.residual());
    }
    level.take(dummy.transient(slice));
    if slice.sequence_parallel {
        level.give(slice.gathered());
    }
    if gathers {
        level.give(slice.gathered_for_product(slice.gathered()));
    }
    level.give(quantised);
    level.give(output_gradient);
    level.release(slice.input(slice.sharded, slice.model.hidden));
    level.give(dummy.transient(slice));
}
