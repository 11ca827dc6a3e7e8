//! Launch settings: a layout and how a model is trained on it, as the options of the tools that launch such runs.
//!
//! Only options that these tools have are named, of a version that is said; a test holds each to a list taken from the
//! tool itself. What a tool cannot express is said in a comment of what is written, never left out. Settings of a few
//! thousand plans were also read by what the tools check them with: Megatron-LM's `validate_args`, `DeepSpeedConfig`,
//! torchtitan's dataclasses, `TrainingArguments`, accelerate's `load_config_from_file`.

mod deepspeed;
mod huggingface;
mod megatron;
mod text;
mod torchtitan;

pub use deepspeed::deepspeed;
pub use huggingface::{accelerate, training_arguments};
pub use megatron::megatron;
pub use torchtitan::torchtitan;

use crate::hardware::Arithmetic;
use crate::layout::{Layout, Schedule, Sharding};
use crate::memory::ranks::pipeline::{Split, layers_of};
use crate::model::Architecture;
use crate::plan::{Candidate, Question, Recomputed};
use crate::training::{AttentionKernel, GradientDtype, Optimizer, OptimizerStep, Precision, Stack};

/// What is launched: a model, how it is trained, and on which layout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Launch {
    /// The model.
    pub architecture: Architecture,
    /// Over which accelerators.
    pub layout: Layout,
    /// Layers of the last pipeline chunk, where it has others than an even split gives it.
    pub last: Option<u64>,
    /// Accelerators of one server.
    pub server: u64,
    /// Tokens of a sequence.
    pub sequence: u64,
    /// Sequences of one micro-batch on one data-parallel rank.
    pub micro_batch: u64,
    /// Sequences of a step, over all ranks.
    pub global_batch: u64,
    /// Whose code runs.
    pub stack: Stack,
    /// Training precision.
    pub precision: Precision,
    /// Dtype of gradients.
    pub gradients: GradientDtype,
    /// Arithmetic of the linear layers' products, if narrower than the precision's.
    pub narrow: Option<Arithmetic>,
    /// Optimizer.
    pub optimizer: Optimizer,
    /// How PyTorch carries out its step.
    pub optimizer_step: OptimizerStep,
    /// The attention kernel.
    pub attention: AttentionKernel,
    /// What is recomputed in recomputed layers.
    pub recomputed: Recomputed,
    /// Layers of each pipeline rank in which it is recomputed; more than a rank has mean all.
    pub recomputed_layers: u64,
}

impl Launch {
    /// Of a layout that a plan found.
    pub const fn of(question: &Question, found: &Candidate) -> Self {
        Self {
            architecture: question.architecture,
            layout: found.layout(),
            last: found.place.last,
            server: SERVER,
            sequence: question.sequence,
            micro_batch: found.shape.micro_batch,
            global_batch: question.global_batch,
            stack: question.stack,
            precision: question.precision,
            gradients: question.gradients,
            narrow: question.narrow,
            optimizer: question.optimizer,
            optimizer_step: OptimizerStep::Fused,
            attention: question.attention,
            recomputed: found.place.recomputed,
            recomputed_layers: found.place.recomputed_layers,
        }
    }

    /// Micro-batches of each data-parallel rank in a step.
    fn micro_batches(&self) -> u64 {
        (self.global_batch / (self.layout.data * self.micro_batch).max(1)).max(1)
    }

    /// Servers that the accelerators fill.
    fn servers(&self) -> u64 {
        self.layout.gpus().div_ceil(self.server.max(1))
    }

    /// First layer and number of layers of every pipeline chunk, in the order in which a micro-batch passes them.
    fn chunks(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let all = self.layout.virtual_stages();
        let split = Split {
            first: None,
            last: self.last,
        };
        (0..all).map(move |chunk| layers_of(self.architecture.layers, all, split, chunk))
    }

    /// Layers of every chunk, where all have as many.
    fn even_chunks(&self) -> Option<u64> {
        let mut chunks = self.chunks().map(|(_, layers)| layers);
        let first = chunks.next()?;
        chunks.all(|layers| layers == first).then_some(first)
    }

    /// Layers of the fullest pipeline rank.
    fn fullest(&self) -> u64 {
        let stages = self.layout.pipeline.max(1);
        let mut most = 0;
        for rank in 0..stages {
            let own = self.chunks().enumerate();
            let own = own.filter(|(chunk, _)| *chunk as u64 % stages == rank);
            most = most.max(own.map(|(_, (_, layers))| layers).sum());
        }
        most
    }

    /// How much is recomputed.
    fn recomputation(&self) -> Recomputation {
        match self.recomputed {
            Recomputed::Attention if self.recomputed_layers > 0 => Recomputation::Attention,
            Recomputed::Layer if self.recomputed_layers >= self.fullest() => Recomputation::All,
            Recomputed::Layer if self.recomputed_layers > 0 => {
                Recomputation::Some(self.recomputed_layers)
            }
            Recomputed::Nothing | Recomputed::Attention | Recomputed::Layer => Recomputation::None,
        }
    }

    /// Copies of each shard under hybrid sharding; 1 without.
    fn copies(&self) -> u64 {
        match self.layout.sharding {
            Sharding::None => 1,
            _ => (self.layout.data / self.layout.shard_group.max(1)).max(1),
        }
    }

    /// Whether the linear layers multiply in FP8.
    fn fp8(&self) -> bool {
        self.narrow == Some(Arithmetic::Fp8)
    }

    /// Whether they multiply in FP4, which no version here has an option for.
    fn fp4(&self) -> bool {
        self.narrow == Some(Arithmetic::Fp4)
    }

    /// What a rank does before and after others, in words.
    fn schedule(&self) -> &'static str {
        match self.layout.schedule {
            Schedule::OneForwardOneBackward if self.layout.chunks > 1 => "interleaved 1F1B",
            Schedule::OneForwardOneBackward => "1F1B",
            Schedule::GPipe => "GPipe",
            Schedule::ZeroBubble1p => "ZB-1p",
            Schedule::ZeroBubble2p => "ZB-2p",
            Schedule::ZeroBubbleV => "ZB-V",
            Schedule::VHalf => "V-Half",
            Schedule::VMin => "V-Min",
            Schedule::DualPipe => "DualPipe",
            Schedule::DualPipeV => "DualPipe-V",
        }
    }
}

/// Accelerators of a server unless said otherwise, as in DGX and HGX servers.
const SERVER: u64 = 8;

/// How much of a rank is recomputed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recomputation {
    /// Nothing.
    None,
    /// The core of attention in every layer.
    Attention,
    /// So many layers of each rank, whole.
    Some(u64),
    /// Every layer, whole.
    All,
}
