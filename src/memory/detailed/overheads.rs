//! What stands on the GPU beside tensors: workspaces, what the allocator holds but nobody uses, and the CUDA context.
//!
//! Three figures are told apart. *Allocated* is what `torch.cuda.max_memory_allocated` says: tensors and cuBLAS
//! workspaces. *Reserved* (`max_memory_reserved`) adds what the caching allocator took from the driver and does not use.
//! *Used* is what nvidia-smi shows: reserved and the CUDA context.

use crate::units::Bytes;

/// Overheads of a GPU and its software; stated, so that they can be changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overheads {
    /// CUDA context: driver, kernels, libraries.
    ///
    /// 426 MiB before the first tensor with PyTorch 2.10 and CUDA 13.0 on an RTX 6000 Ada (unslothai/unsloth-zoo, pull
    /// request 1053); "around 400 MB" by PyTorch's maintainers since kernels load lazily, from CUDA 11.7 on
    /// (pytorch/pytorch, issue 109888). Before that 1,343 MiB on a V100 (transformers' documentation of 2022,
    /// "Performance and scalability", and its row in `tests/reference/measured.jsonl`).
    pub context: Bytes,
    /// cuBLAS workspace of a handle: 8.125 MiB by default, 32 MiB on Hopper (PyTorch's documentation of
    /// `CUBLAS_WORKSPACE_CONFIG`, under CUDA semantics).
    pub workspace: Bytes,
    /// Handles that have one: the thread that runs forward and the one that autograd runs backward in (PyTorch's
    /// `CuBLASHandlePool.cpp` has a handle for each thread; Liger-Kernel's benchmarks of a head's product show two
    /// workspaces to the byte).
    pub handles: u64,
    /// What the allocator holds and does not use beside whole segments, as a share of what is allocated. It depends on the
    /// order of sizes, so that no share is right for all runs: none is assumed, and reserved is "at least". What pools
    /// of several streams do not lend to each other is [`crate::memory::ranks::reserved`]'s.
    pub fragmentation: f64,
}

/// The allocator takes memory for large blocks in multiples of this (`kRoundLarge`, CUDACachingAllocator).
const SEGMENT: u128 = 2 << 20;

impl Overheads {
    /// Before Hopper.
    pub const DEFAULT: Self = Self {
        context: Bytes(426 << 20),
        workspace: Bytes((8 << 20) + (128 << 10)),
        handles: 2,
        fragmentation: 0.0,
    };
    /// Hopper and newer.
    pub const HOPPER: Self = Self {
        workspace: Bytes(32 << 20),
        ..Self::DEFAULT
    };

    /// What a step with this peak of tensors takes of a GPU.
    pub fn on(&self, peak: Bytes) -> OnDevice {
        let allocated = peak.0 + u128::from(self.handles) * self.workspace.0;
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
