//! What stands on the GPU beside tensors: the CUDA context, workspaces, and what the allocator holds but nobody uses.
//!
//! Three figures are told apart. *Allocated* is what `torch.cuda.max_memory_allocated` says: tensors and cuBLAS
//! workspaces. *Reserved* (`max_memory_reserved`) adds what the caching allocator took from the driver and does not use.
//! *Used* is what nvidia-smi shows: reserved and the CUDA context.

use crate::units::Bytes;

/// Overheads of a GPU and its software; stated, so that they can be changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overheads {
    /// CUDA context: driver, kernels, libraries. 0.3 to 1.3 GB are seen, by GPU, driver and libraries.
    pub context: Bytes,
    /// cuBLAS workspace of a handle and stream: 8.125 MiB by default, 32 MiB on Hopper (PyTorch's documentation of
    /// `CUBLAS_WORKSPACE_CONFIG`, under CUDA semantics).
    pub workspace: Bytes,
    /// What the allocator holds and does not use, as a share of what is allocated. An assumption: it depends on the order
    /// of sizes. One stream loses little; recorded ranks with several streams, whose pools do not lend to each other,
    /// lose 1% to 37%.
    pub fragmentation: f64,
}

/// The allocator takes memory for large blocks in multiples of this (`kRoundLarge`, CUDACachingAllocator).
const SEGMENT: u128 = 2 << 20;

impl Overheads {
    /// Before Hopper.
    pub const DEFAULT: Self = Self {
        context: Bytes(512 << 20),
        workspace: Bytes((8 << 20) + (128 << 10)),
        fragmentation: 0.03,
    };
    /// Hopper.
    pub const HOPPER: Self = Self {
        workspace: Bytes(32 << 20),
        ..Self::DEFAULT
    };

    /// What a step with this peak of tensors takes of a GPU.
    pub fn on(&self, peak: Bytes) -> OnDevice {
        let allocated = peak.0 + self.workspace.0;
        let unused = (allocated as f64 * self.fragmentation.max(0.0)) as u128;
        let reserved = (allocated + unused).next_multiple_of(SEGMENT);
        OnDevice {
            allocated: Bytes(allocated),
            reserved: Bytes(reserved),
            used: Bytes(reserved + self.context.0),
        }
    }
}

/// Three readings of the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnDevice {
    /// Tensors and workspaces.
    pub allocated: Bytes,
    /// What the allocator took from the driver.
    pub reserved: Bytes,
    /// What nvidia-smi shows.
    pub used: Bytes,
}
