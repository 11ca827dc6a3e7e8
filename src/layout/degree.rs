//! The degrees of a layout, and what launchers call each.

use super::{Layout, Sharding};
use crate::field::choice;

choice!(
    /// A number of a layout.
    Degree {
        /// Data-parallel degree, n.
        Data "dp" "Data parallel",
        /// Tensor-parallel degree, t.
        Tensor "tp" "Tensor parallel",
        /// Pipeline-parallel degree, p.
        Pipeline "pp" "Pipeline parallel",
        /// Chunks of layers on each pipeline rank, v.
        Chunks "vpp" "Chunks per pipeline rank",
        /// Context-parallel degree, c.
        Context "cp" "Context parallel",
        /// Expert-parallel degree, e.
        Expert "ep" "Expert parallel",
        /// Tensor-parallel degree of experts.
        ExpertTensor "etp" "Expert tensor parallel",
        /// Ranks that share one set of shards.
        ShardGroup "shard" "Sharding group",
    }
);

choice!(
    /// A program that starts training runs.
    Launcher {
        /// NVIDIA's Megatron-LM.
        Megatron "megatron" "Megatron-LM",
        /// DeepSpeed.
        DeepSpeed "deepspeed" "DeepSpeed",
        /// torchtitan.
        TorchTitan "torchtitan" "torchtitan",
        /// Hugging Face's accelerate, under transformers' Trainer too.
        HuggingFace "hf" "Hugging Face",
    }
);

impl Layout {
    /// The value of a degree.
    pub const fn degree(&self, degree: Degree) -> u64 {
        match degree {
            Degree::Data => self.data,
            Degree::Tensor => self.tensor,
            Degree::Pipeline => self.pipeline,
            Degree::Chunks => self.chunks,
            Degree::Context => self.context,
            Degree::Expert => self.expert,
            Degree::ExpertTensor => self.expert_tensor,
            Degree::ShardGroup => self.shard_group,
        }
    }

    /// The same with another value of a degree.
    #[must_use]
    pub const fn with(mut self, degree: Degree, value: u64) -> Self {
        match degree {
            Degree::Data => self.data = value,
            Degree::Tensor => self.tensor = value,
            Degree::Pipeline => self.pipeline = value,
            Degree::Chunks => self.chunks = value,
            Degree::Context => self.context = value,
            Degree::Expert => self.expert = value,
            Degree::ExpertTensor => self.expert_tensor = value,
            Degree::ShardGroup => self.shard_group = value,
        }
        self
    }
}

impl Degree {
    /// What a launcher calls it; none where the launcher works it out, or has no such thing.
    pub const fn named_by(self, launcher: Launcher) -> Option<&'static str> {
        let name = match launcher {
            Launcher::Megatron => match self {
                // What the other degrees leave of the world size.
                Self::Data => "",
                Self::Tensor => "--tensor-model-parallel-size",
                Self::Pipeline => "--pipeline-model-parallel-size",
                Self::Chunks => "--num-virtual-stages-per-pipeline-rank",
                Self::Context => "--context-parallel-size",
                Self::Expert => "--expert-model-parallel-size",
                Self::ExpertTensor => "--expert-tensor-parallel-size",
                // It takes the number of groups, not their size.
                Self::ShardGroup => "--num-distributed-optimizer-instances",
            },
            Launcher::DeepSpeed => match self {
                Self::Data | Self::Chunks | Self::ExpertTensor => "",
                Self::Tensor => "tensor_parallel.autotp_size",
                Self::Pipeline => "PipelineModule(num_stages)",
                Self::Context => "sequence_parallel_size",
                Self::Expert => "MoE(ep_size)",
                Self::ShardGroup => "zero_optimization.mics_shard_size",
            },
            Launcher::TorchTitan => match self {
                // Copies of the sharding group.
                Self::Data => "parallelism.data_parallel_replicate_degree",
                Self::Tensor => "parallelism.tensor_parallel_degree",
                Self::Pipeline => "parallelism.pipeline_parallel_degree",
                Self::Context => "parallelism.context_parallel_degree",
                Self::Expert => "parallelism.expert_parallel_degree",
                Self::ShardGroup => "parallelism.data_parallel_shard_degree",
                // Follows from the schedule and the layers per stage.
                Self::Chunks | Self::ExpertTensor => "",
            },
            Launcher::HuggingFace => match self {
                Self::Data => "ParallelismConfig.dp_replicate_size",
                Self::Tensor => "ParallelismConfig.tp_size",
                Self::Context => "ParallelismConfig.cp_size",
                Self::ShardGroup => "ParallelismConfig.dp_shard_size",
                Self::Pipeline | Self::Chunks | Self::Expert | Self::ExpertTensor => "",
            },
        };
        if name.is_empty() { None } else { Some(name) }
    }
}

impl Launcher {
    /// Where the names were read.
    pub const fn source(self) -> &'static str {
        match self {
            Self::Megatron => "NVIDIA/Megatron-LM@d98e8a6, megatron/training/arguments.py",
            Self::DeepSpeed => {
                "DeepSpeed 0.18.2, runtime/config.py, runtime/zero/config.py, runtime/pipe/module.py, moe/layer.py"
            }
            Self::TorchTitan => "pytorch/torchtitan@b5bcd76, torchtitan/config/configs.py",
            Self::HuggingFace => {
                "huggingface/accelerate@16cb6eb, src/accelerate/parallelism_config.py"
            }
        }
    }

    /// What a launcher is told of a degree; none where it is told nothing.
    ///
    /// torchtitan and Hugging Face take the copies of a sharding group in place of the data-parallel degree, and
    /// Megatron-LM the number of groups.
    pub fn value(self, degree: Degree, layout: &Layout) -> Option<u64> {
        degree.named_by(self)?;
        let groups = layout.data / layout.shard_group.max(1);
        let shares = layout.sharding != Sharding::None;
        Some(match (self, degree) {
            (Self::TorchTitan | Self::HuggingFace, Degree::Data) if shares => groups,
            (Self::TorchTitan | Self::HuggingFace, Degree::ShardGroup) if !shares => 1,
            (Self::Megatron, Degree::ShardGroup) => groups,
            _ => layout.degree(degree),
        })
    }
}
