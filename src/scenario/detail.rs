//! What the detailed estimator asks beside the architecture: software, kernels, adapters, the layout over GPUs. One
//! table, because each is a choice or a count and nothing else.

use crate::field::{Choice, Kind, Scale, count, options, yes_or_no};
use crate::layout::{Layout, Schedule, Sharding};
use crate::training::{AttentionKernel, Base, Loss, OptimizerStep, Stack};
use crate::unshown;

/// A detail of training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // Each says of itself what it is: its row of `ROWS`.
pub enum Detail {
    Stack,
    Attention,
    OptimizerStep,
    Loss,
    Compiled,
    Dropout,
    Accumulation,
    RecomputeEvery,
    Offload,
    Adapters,
    Base,
    Frozen,
    Sharding,
    SequenceParallel,
    Pipeline,
    Schedule,
    Chunks,
    Context,
    Expert,
    ExpertTensor,
    ShardGroup,
}

/// How many there are, and how many of them, the first, are of software and not of the layout.
pub(super) const DETAILS: usize = 21;
pub(super) const SOFTWARE: usize = 12;

/// A detail's name, and what is valid.
pub(super) struct Row {
    pub key: &'static str,
    pub label: &'static str,
    pub help: &'static str,
    pub kind: fn() -> Kind,
}

const fn row(
    key: &'static str,
    label: &'static str,
    help: &'static str,
    kind: fn() -> Kind,
) -> Row {
    Row {
        key,
        label,
        help: unshown(help),
        kind,
    }
}

fn degree() -> Kind {
    count("", 1.0, 4_096.0, Scale::Doublings)
}

fn many() -> Kind {
    count("", 1.0, 65_536.0, Scale::Doublings)
}

fn layers() -> Kind {
    count("", 0.0, 10_000.0, Scale::Whole)
}

/// In the order of [`Detail`].
static ROWS: [Row; DETAILS] = [
    row(
        "stack",
        "Training code",
        "Whose code runs: it decides what stays in memory.",
        options::<Stack>,
    ),
    row(
        "attn",
        "Attention kernel",
        "The kernel that attention runs on.",
        options::<AttentionKernel>,
    ),
    row(
        "opt-step",
        "Optimizer step",
        "How the optimizer’s step is carried out; foreach copies.",
        options::<OptimizerStep>,
    ),
    row(
        "loss",
        "Loss",
        "Whether the logits stand whole, in chunks, or never.",
        options::<Loss>,
    ),
    row(
        "compile",
        "Compiled blocks",
        "Whether blocks run through torch.compile.",
        yes_or_no,
    ),
    row(
        "dropout",
        "Dropout",
        "Whether it is applied where the model has it.",
        yes_or_no,
    ),
    row(
        "accum",
        "Accumulation",
        "Micro-batches whose gradients are summed before a step.",
        many,
    ),
    row(
        "every",
        "Recompute every",
        "Under full recomputation, one block in so many.",
        many,
    ),
    row(
        "offload",
        "Offload",
        "Whether saved activations wait on the host.",
        yes_or_no,
    ),
    row(
        "lora",
        "LoRA rank",
        "Rank of the adapters on a frozen model; 0 trains all of it.",
        layers,
    ),
    row(
        "lora-base",
        "LoRA base",
        "Dtype of the frozen model under adapters.",
        options::<Base>,
    ),
    row(
        "frozen",
        "Frozen layers",
        "Leading blocks that are frozen, the embedding with them.",
        layers,
    ),
    row(
        "sharding",
        "Data parallel",
        "What data-parallel ranks share.",
        options::<Sharding>,
    ),
    row(
        "sp",
        "Sequence parallel",
        "Whether norms are divided over the tensor-parallel ranks.",
        yes_or_no,
    ),
    row(
        "pp",
        "Pipeline",
        "Pipeline-parallel degree, p: stages.",
        degree,
    ),
    row(
        "schedule",
        "Schedule",
        "The order of the stages’ work.",
        options::<Schedule>,
    ),
    row(
        "chunks",
        "Chunks",
        "Chunks of layers that a pipeline rank holds, v; interleaved from 2 on.",
        degree,
    ),
    row(
        "cp",
        "Context parallel",
        "Ranks that share a sequence, c.",
        degree,
    ),
    row(
        "ep",
        "Expert parallel",
        "Ranks that share a layer’s experts, e.",
        degree,
    ),
    row(
        "etp",
        "Expert tensor",
        "Tensor-parallel degree of experts.",
        degree,
    ),
    row(
        "hsdp",
        "Shard group",
        "Ranks that share one set of shards (HSDP); 0 for all.",
        layers,
    ),
];

impl Detail {
    /// Every detail, in the order of links.
    pub const ALL: [Self; DETAILS] = [
        Self::Stack,
        Self::Attention,
        Self::OptimizerStep,
        Self::Loss,
        Self::Compiled,
        Self::Dropout,
        Self::Accumulation,
        Self::RecomputeEvery,
        Self::Offload,
        Self::Adapters,
        Self::Base,
        Self::Frozen,
        Self::Sharding,
        Self::SequenceParallel,
        Self::Pipeline,
        Self::Schedule,
        Self::Chunks,
        Self::Context,
        Self::Expert,
        Self::ExpertTensor,
        Self::ShardGroup,
    ];

    pub(super) fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// Whether it is chosen among options; else it is a count.
    pub fn is_choice(self) -> bool {
        !matches!(
            self,
            Self::Accumulation
                | Self::RecomputeEvery
                | Self::Adapters
                | Self::Frozen
                | Self::Pipeline
                | Self::Chunks
                | Self::Context
                | Self::Expert
                | Self::ExpertTensor
                | Self::ShardGroup
        )
    }
}

/// A value for each detail: a count, or an option's place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Details(pub(super) [u32; DETAILS]);

impl Details {
    /// PyTorch's and Hugging Face's defaults, on one GPU, with flash attention.
    pub const DEFAULT: Self = {
        let mut values = [0; DETAILS];
        values[Detail::Accumulation as usize] = 1;
        values[Detail::RecomputeEvery as usize] = 1;
        values[Detail::Dropout as usize] = 1;
        values[Detail::Pipeline as usize] = 1;
        values[Detail::Chunks as usize] = 1;
        values[Detail::Context as usize] = 1;
        values[Detail::Expert as usize] = 1;
        values[Detail::ExpertTensor as usize] = 1;
        Self(values)
    };

    /// A count.
    pub fn count(&self, detail: Detail) -> u64 {
        u64::from(self.0[detail as usize])
    }

    /// Yes or no.
    pub fn is(&self, detail: Detail) -> bool {
        self.0[detail as usize] == 1
    }

    /// What was chosen.
    pub fn choice<C: Choice>(&self, detail: Detail) -> C {
        C::ALL[(self.0[detail as usize] as usize).min(C::ALL.len() - 1)]
    }

    /// The layout of so many GPUs with this tensor-parallel degree: data parallelism takes what the other degrees leave,
    /// rounded down, at least 1.
    pub fn layout(&self, gpus: u64, tensor: u64) -> Layout {
        let (pipeline, context) = (self.count(Detail::Pipeline), self.count(Detail::Context));
        let data = (gpus / (tensor * pipeline * context)).max(1);
        let group = self.count(Detail::ShardGroup);
        Layout {
            data,
            tensor,
            sequence_parallel: self.is(Detail::SequenceParallel),
            pipeline,
            schedule: self.choice(Detail::Schedule),
            chunks: self.count(Detail::Chunks),
            context,
            expert: self.count(Detail::Expert),
            expert_tensor: self.count(Detail::ExpertTensor),
            sharding: self.choice(Detail::Sharding),
            shard_group: if group == 0 { data } else { group.min(data) },
        }
    }
}
