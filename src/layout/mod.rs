//! How a training run is laid out over GPUs. Degrees are named as in the papers; 1 is none.

mod check;
mod degree;

pub use check::{Batch, Divided, Misfit, Product};
pub use degree::{Degree, Launcher};

use crate::field::choice;

choice!(
    /// What data-parallel ranks share instead of each holding a copy.
    Sharding {
        /// Nothing: each rank holds everything (PyTorch's DDP).
        None "ddp" "DDP",
        /// Optimizer states (DeepSpeed ZeRO 1).
        Zero1 "zero1" "ZeRO 1",
        /// Optimizer states and gradients (DeepSpeed ZeRO 2).
        Zero2 "zero2" "ZeRO 2",
        /// Optimizer states, gradients and weights (DeepSpeed ZeRO 3).
        Zero3 "zero3" "ZeRO 3",
        /// The same by PyTorch's FullyShardedDataParallel.
        Fsdp1 "fsdp1" "FSDP1",
        /// The same by PyTorch's fully_shard.
        Fsdp2 "fsdp2" "FSDP2",
        /// Optimizer states and master weights (Megatron-LM's distributed optimizer).
        Distributed "distributed" "Distributed optimizer",
    }
);

choice!(
    /// The order in which a pipeline's stages work.
    Schedule {
        /// One forward, one backward (Narayanan et al. 2021, arXiv:2104.04473, §2.2). Interleaved where a rank holds
        /// several chunks of layers.
        OneForwardOneBackward "1f1b" "1F1B",
        /// All forward passes, then all backward passes (Huang et al. 2019, arXiv:1811.06965).
        GPipe "gpipe" "GPipe",
        /// Zero-bubble with 1F1B's memory (Qi et al. 2023, arXiv:2401.10241).
        ZeroBubble1p "zb1p" "ZB-1p",
        /// Zero-bubble with twice its memory (the same).
        ZeroBubble2p "zb2p" "ZB-2p",
        /// Zero-bubble in a V: two chunks a rank, 1F1B's memory (Qi et al. 2024, arXiv:2405.15362).
        ZeroBubbleV "zbv" "ZB-V",
        /// The same with half its memory and some bubble (the same).
        VHalf "vhalf" "V-Half",
        /// The same with a third of its memory and more bubble (the same).
        VMin "vmin" "V-Min",
        /// DualPipe (DeepSeek-AI 2024, arXiv:2412.19437, §3.2.1): two directions, twice the parameters.
        DualPipe "dualpipe" "DualPipe",
        /// DualPipe's V form: half the ranks, the same.
        DualPipeV "dualpipev" "DualPipe-V",
    }
);

/// Degrees of parallelism and how states are shared. GPUs = data × tensor × pipeline × context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Data-parallel degree, n.
    pub data: u64,
    /// Tensor-parallel degree, t.
    pub tensor: u64,
    /// Whether norms and residuals are divided along the sequence over the tensor-parallel ranks.
    pub sequence_parallel: bool,
    /// Pipeline-parallel degree, p: stages.
    pub pipeline: u64,
    /// The order of the stages' work.
    pub schedule: Schedule,
    /// Chunks of layers each pipeline rank holds, v: interleaving where more than 1.
    pub chunks: u64,
    /// Context-parallel degree, c: ranks that share a sequence.
    pub context: u64,
    /// Expert-parallel degree, e: ranks that share a layer's experts.
    pub expert: u64,
    /// Tensor-parallel degree of experts.
    pub expert_tensor: u64,
    /// What data-parallel ranks share.
    pub sharding: Sharding,
    /// Ranks that share one set of shards; the data-parallel degree, or less in hybrid sharding (HSDP).
    pub shard_group: u64,
}

impl Layout {
    /// One GPU.
    pub const ONE_GPU: Self = Self {
        data: 1,
        tensor: 1,
        sequence_parallel: false,
        pipeline: 1,
        schedule: Schedule::OneForwardOneBackward,
        chunks: 1,
        context: 1,
        expert: 1,
        expert_tensor: 1,
        sharding: Sharding::None,
        shard_group: 1,
    };

    /// GPUs it takes.
    pub const fn gpus(&self) -> u64 {
        self.data * self.tensor * self.pipeline * self.context
    }

    /// Chunks of layers that each pipeline rank holds, as its schedule has them; 1 without a pipeline.
    pub const fn chunks_per_rank(&self) -> u64 {
        if self.pipeline <= 1 {
            return 1;
        }
        match self.schedule {
            Schedule::OneForwardOneBackward => {
                if self.chunks > 1 {
                    self.chunks
                } else {
                    1
                }
            }
            Schedule::ZeroBubbleV
            | Schedule::VHalf
            | Schedule::VMin
            | Schedule::DualPipe
            | Schedule::DualPipeV => 2,
            Schedule::GPipe | Schedule::ZeroBubble1p | Schedule::ZeroBubble2p => 1,
        }
    }

    /// Stages that a micro-batch passes: chunks over all ranks. Under DualPipe each is on two ranks.
    pub const fn virtual_stages(&self) -> u64 {
        let stages = if self.pipeline > 1 { self.pipeline } else { 1 };
        match self.schedule {
            Schedule::DualPipe => stages,
            _ => stages * self.chunks_per_rank(),
        }
    }
}
