//! The formulas of a step's time that a reader is shown, each once: read in `f64` it is the time, read as an expression
//! its explanation.

use crate::formula::Number;

/// Seconds of a product of an M×K and a K×N matrix: its FLOP at the rate that matrix products reach, and its operands and
/// result, `bytes` together, so many `passes` over the memory's bus. Adding both is a roofline without a corner, out of
/// which small and sliced shapes come slower by themselves (Williams et al. 2009 draw the corner).
pub(super) fn product<N: Number>(flop: N, rate: N, passes: N, bytes: N, memory: N) -> N {
    flop / rate + passes * bytes / memory
}

/// Seconds in which a ring of N ranks gathers or reduce-scatters `bytes`, their size before or after (Patarasuk and Yuan
/// 2009): each rank sends all but its own N-th. An all-reduce is twice this.
pub(super) fn ring<N: Number>(bytes: N, ranks: N, bandwidth: N) -> N {
    bytes * (ranks.clone() - N::constant(1)) / (ranks * bandwidth)
}

/// Seconds that a stage of 1F1B waits in a step while the pipeline fills and drains: (p − 1)/v of a micro-batch's time
/// (Narayanan et al. 2021, arXiv:2104.04473, §2.2).
pub(super) fn bubble<N: Number>(stages: N, chunks: N, micro_batch: N) -> N {
    (stages - N::constant(1)) / chunks * micro_batch
}

/// Seconds of the optimizer's step: bytes moved per parameter that a rank updates.
pub(super) fn optimizer<N: Number>(bytes: N, parameters: N, memory: N) -> N {
    bytes * parameters / memory
}
