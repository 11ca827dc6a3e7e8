//! What a rank takes of its GPU beside what is allocated: stated figures, seen by others, each with its source.
//!
//! PyTorch's allocator keeps a pool for each stream, and pools do not lend to each other; NCCL takes its buffers from the
//! driver, past the allocator.

use super::cluster::Framework;
use super::footprint::StageFootprint;
use crate::layout::Layout;
use crate::memory::detailed::Overheads;
use crate::units::Bytes;

/// Reserved above allocated, as shares: the least, the median and the most of 127 recorded FSDP2 ranks, whose gathers,
/// reductions and compute allocate on streams of their own.
const POOLS: [f64; 3] = [0.009, 0.13, 0.37];

/// A communicator between two GPUs, and between more: 544 and 688 MiB on four A100 with NVLink (NVIDIA/nccl#964).
/// NCCL's buffers grow with its channels; between nodes they are fewer.
const COMMUNICATOR: [u128; 2] = [544 << 20, 688 << 20];

/// What all-to-all's connections add: 4.34 GB less 1.06 GB on eight H100 (NVIDIA/nccl#1685).
const ALL_TO_ALL: u128 = 3_280_000_000;

/// Where these figures were read.
pub const SOURCES: [&str; 3] = [
    "recorded FSDP2 ranks: sums of the pools’ own peaks",
    "NVIDIA/nccl, issue 964",
    "NVIDIA/nccl, issue 1685",
];

/// Readings of a rank's largest moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnRank {
    /// Tensors and workspaces: `max_memory_allocated`.
    pub allocated: Bytes,
    /// What the allocator took from the driver, `max_memory_reserved`: at least, as a rule, at most.
    pub reserved: [Bytes; 3],
    /// Communicators that the rank is in.
    pub communicators: u64,
    /// NCCL's buffers of them: an upper figure.
    pub nccl: Bytes,
    /// What nvidia-smi shows as a rule: reserved, NCCL's buffers and the CUDA context.
    pub used: Bytes,
}

/// What a rank takes of its GPU.
pub fn on_device(
    rank: &StageFootprint,
    framework: Framework,
    layout: &Layout,
    overheads: &Overheads,
) -> OnRank {
    // Megatron-core's buffers have its workspaces already.
    let workspace = match framework {
        Framework::Megatron => 0,
        _ => overheads.workspace.0,
    };
    let allocated = rank.peak.0 + workspace;
    let above = match framework {
        Framework::Fsdp1 | Framework::Fsdp2 | Framework::DeepSpeed => POOLS,
        Framework::OneGpu | Framework::Ddp | Framework::Megatron => {
            [overheads.fragmentation.max(0.0); 3]
        }
    };
    let reserved = above.map(|share| Bytes(allocated + (allocated as f64 * share) as u128));
    let (communicators, nccl) = communicators(layout);
    let [_, usual, _] = reserved;
    OnRank {
        allocated: Bytes(allocated),
        reserved,
        communicators,
        nccl: Bytes(nccl),
        used: Bytes(usual.0 + nccl + overheads.context.0),
    }
}

/// How many communicators a rank is in, and their bytes: one for each kind of parallelism, and one more between the
/// groups of hybrid sharding.
fn communicators(layout: &Layout) -> (u64, u128) {
    let group = layout.shard_group.clamp(1, layout.data.max(1));
    let groups = [
        group * layout.context,
        layout.data / group,
        layout.tensor,
        layout.pipeline,
        layout.context,
        layout.expert,
    ];
    let [two, more] = COMMUNICATOR;
    let mut sum = (0, 0);
    for ranks in groups {
        sum.0 += u64::from(ranks > 1);
        sum.1 += match ranks {
            0 | 1 => 0,
            2 => two,
            _ => more,
        };
    }
    if layout.expert > 1 {
        sum.1 += ALL_TO_ALL;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn communicators_are_counted() {
        let of = |layout: Layout| communicators(&layout);
        assert_eq!(of(Layout::ONE_GPU), (0, 0));
        let [two, more] = COMMUNICATOR;
        let all = Layout {
            data: 8,
            shard_group: 8,
            tensor: 2,
            pipeline: 4,
            ..Layout::ONE_GPU
        };
        assert_eq!(of(all), (3, two + 2 * more));
        // Two groups of four.
        let hybrid = Layout {
            data: 8,
            shard_group: 4,
            ..Layout::ONE_GPU
        };
        assert_eq!(of(hybrid), (2, two + more));
    }
}
