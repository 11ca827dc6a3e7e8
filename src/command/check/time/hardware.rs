//! Machines of the tables' rows.

use petaday::hardware::{Accelerator, Arithmetic, AttentionKernels};
use petaday::plan::Machine;

/// The machine with the accelerator that a row names in the manner of its table: `a100_40gb`, `DGX-GB200`.
pub fn machine(gpu: &str, linear: Arithmetic, kernels: AttentionKernels) -> Option<Machine> {
    let text = gpu.replace("DGX-", "").replace('_', " ");
    let accelerator = Accelerator::search(&text).next()?;
    Some(Machine::of(
        accelerator,
        linear,
        Arithmetic::SixteenBit,
        kernels,
    ))
}
