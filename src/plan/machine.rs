//! What the step-time model asks of a machine.

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
