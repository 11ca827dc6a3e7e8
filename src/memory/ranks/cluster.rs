//! A whole cluster: what a GPU of every pipeline stage holds, whichever framework runs it.
//!
//! Ranks of one stage hold the same but for padding, so that a stage stands for all of them.

use super::ddp;
use super::dtensor::TensorParallel;
use super::footprint::{Line, StageFootprint};
use super::fsdp::{Element, Fsdp, Generation, Policy, Reshard, Sharded, Wrap};
use super::megatron::{CoreAttention, CrossEntropy, MainGradients, Megatron, Recompute, Run};
use super::pipeline::{self, Split};
use super::zero::{self, DeepSpeed, Zero};
use crate::field::{Choice, choice};
use crate::layout::{Layout, Sharding};
use crate::memory::detailed::Step;
use crate::training::{AttentionKernel, Loss, Optimizer, Precision, Recomputation, Stack};
use std::fmt;

choice!(
    /// Whose code divides a run over ranks.
    Framework {
        /// None: one GPU.
        OneGpu "one" "One GPU",
        /// PyTorch's DistributedDataParallel.
        Ddp "ddp" "DDP",
        /// PyTorch's FullyShardedDataParallel.
        Fsdp1 "fsdp1" "FSDP1",
        /// PyTorch's fully_shard.
        Fsdp2 "fsdp2" "FSDP2",
        /// DeepSpeed's ZeRO.
        DeepSpeed "deepspeed" "DeepSpeed ZeRO",
        /// Megatron-core.
        Megatron "megatron" "Megatron-core",
    }
);

impl Framework {
    /// Of a step whose layers are of `stack`.
    pub fn of(stack: Stack, layout: &Layout) -> Self {
        match (stack, layout.sharding) {
            (Stack::Megatron, _) | (_, Sharding::Distributed) => Self::Megatron,
            _ if layout.gpus() <= 1 => Self::OneGpu,
            (_, Sharding::None) => Self::Ddp,
            (_, Sharding::Fsdp1) => Self::Fsdp1,
            (_, Sharding::Fsdp2) => Self::Fsdp2,
            (_, Sharding::Zero1 | Sharding::Zero2 | Sharding::Zero3) => Self::DeepSpeed,
        }
    }
}

/// What frameworks let one choose beside step and layout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Megatron-core's; what step and layout say goes before what stands here.
    pub megatron: Run,
    /// Layers of the first and last pipeline stage.
    pub split: Split,
    /// Which modules FSDP gathers together; torchtitan's own stack always as it does.
    pub wrap: Wrap,
    /// What becomes of FSDP's gathered weights after the forward pass; under a pipeline they are kept.
    pub reshard: Reshard,
    /// Whether FSDP sums gradients of micro-batches unsharded, as under a pipeline it always does.
    pub unsynchronised: bool,
    /// Whether the loss is computed over a divided vocabulary (torchtitan's loss parallel).
    pub loss_parallel: bool,
    /// DDP's `gradient_as_bucket_view`.
    pub bucket_view: bool,
    /// DeepSpeed's `zero_optimization`.
    pub deepspeed: DeepSpeed,
}

impl Settings {
    /// Each framework's defaults.
    pub const DEFAULT: Self = Self {
        megatron: Run::DEFAULT,
        split: Split {
            first: None,
            last: None,
        },
        wrap: Wrap::Blocks,
        reshard: Reshard::Blocks,
        unsynchronised: false,
        loss_parallel: true,
        bucket_view: false,
        deepspeed: DeepSpeed::DEFAULT,
    };
}

/// A combination that is not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotCounted {
    /// Whose code it would be.
    pub framework: Framework,
    /// With what.
    pub with: &'static str,
    /// What is.
    pub instead: &'static str,
}

impl fmt::Display for NotCounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            framework,
            with,
            instead,
        } = self;
        f.write_str(framework.label())?;
        f.write_str(" is not counted with ")?;
        f.write_str(with)?;
        f.write_str("; ")?;
        f.write_str(instead)
    }
}

impl std::error::Error for NotCounted {}

/// What the GPUs of a cluster hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Whose code divides the run.
    pub framework: Framework,
    /// One GPU of each pipeline stage, the first stage first; one where there is no pipeline.
    pub stages: Vec<StageFootprint>,
    /// The stage that holds most; the first of equals.
    pub worst: StageFootprint,
}

/// What a GPU of every pipeline stage holds in `step`, laid out as `layout` says.
///
/// `step` is one rank's: its micro-batch, the whole sequence (context parallelism divides it here), and in
/// `accumulation` the micro-batches of a step, m. Its stack and the layout's sharding say whose code runs
/// ([`Framework::of`]). On one GPU, whatever the sharding, it is the one-GPU estimate; Megatron-core's own where the
/// stack is Megatron's.
///
/// # Errors
/// A sentence where the framework is not counted with something that step or layout have.
pub fn cluster(step: &Step, layout: &Layout, settings: &Settings) -> Result<Cluster, NotCounted> {
    let mut stages = Vec::with_capacity(layout.pipeline.clamp(1, 1024) as usize);
    let framework = for_stages(step, layout, settings, &mut |stage| stages.push(stage))?;
    let worst = stages.iter().copied().reduce(|worst, stage| {
        if stage.peak > worst.peak {
            stage
        } else {
            worst
        }
    });
    match worst {
        Some(worst) => Ok(Cluster {
            framework,
            stages,
            worst,
        }),
        None => Err(NotCounted {
            framework,
            with: "no pipeline stage",
            instead: "there is at least one",
        }),
    }
}

/// Calls `each` with every pipeline stage's footprint, the first stage first. With Megatron-core nothing is allocated.
///
/// # Errors
/// As [`cluster`].
pub fn for_stages(
    step: &Step,
    layout: &Layout,
    settings: &Settings,
    each: &mut dyn FnMut(StageFootprint),
) -> Result<Framework, NotCounted> {
    let framework = counted(step, layout)?;
    visit(step, layout, settings, framework, None, &mut |rank| {
        each(rank.footprint());
    });
    Ok(framework)
}

/// Every tensor of one GPU of a pipeline stage at its largest moment; their bytes, those of negative lines taken away,
/// sum to its peak.
///
/// # Errors
/// As [`cluster`].
pub fn tensors(
    step: &Step,
    layout: &Layout,
    settings: &Settings,
    stage: u64,
) -> Result<Vec<Line>, NotCounted> {
    let framework = counted(step, layout)?;
    let mut lines = Vec::new();
    visit(
        step,
        layout,
        settings,
        framework,
        Some(stage),
        &mut |rank| {
            lines = rank.tensors();
        },
    );
    Ok(lines)
}

/// A rank, ready to be summed up or listed.
enum Rank<'r, 'a> {
    Whole(&'r Step<'a>),
    Copied(&'r Step<'a>, bool),
    Sharded(&'r Sharded<'a>),
    Zero(&'r Zero<'a>),
    Megatron(&'r Megatron<'a>, u64),
}

impl Rank<'_, '_> {
    fn footprint(&self) -> StageFootprint {
        match self {
            Self::Whole(step) => ddp::one_gpu(step),
            Self::Copied(step, view) => ddp::distributed_data_parallel(step, *view),
            Self::Sharded(sharded) => sharded.footprint(),
            Self::Zero(zero) => zero.footprint(),
            Self::Megatron(megatron, rank) => megatron.stage(*rank),
        }
    }

    fn tensors(&self) -> Vec<Line> {
        match self {
            Self::Whole(step) => ddp::tensors_of_one_gpu(step),
            Self::Copied(step, view) => ddp::tensors(step, *view),
            Self::Sharded(sharded) => sharded.tensors(),
            Self::Zero(zero) => zero.tensors(),
            Self::Megatron(megatron, rank) => megatron.tensors(*rank),
        }
    }
}

/// Whether all of it is counted.
fn counted(step: &Step, layout: &Layout) -> Result<Framework, NotCounted> {
    let framework = Framework::of(step.stack, layout);
    let not = |with, instead| {
        Err(NotCounted {
            framework,
            with,
            instead,
        })
    };
    const PIPELINES: &str = "FSDP2, ZeRO 1 and Megatron-core are";
    const TENSORS: &str = "FSDP2 and Megatron-core are";
    let model = step.architecture;
    let frozen = step.adapters.is_some() || step.frozen_layers > 0;
    let sharding = layout.sharding;
    if frozen && !matches!(framework, Framework::OneGpu | Framework::Ddp) {
        return not("frozen weights", "one GPU and DDP are");
    }
    match framework {
        Framework::OneGpu => Ok(framework),
        Framework::Megatron if step.precision == Precision::Fp32 => {
            not("FP32", "its 16-bit precisions are")
        }
        Framework::Megatron if step.optimizer != Optimizer::AdamW => {
            not("this optimizer", "AdamW is")
        }
        Framework::Megatron if !matches!(sharding, Sharding::None | Sharding::Distributed) => {
            not("this sharding", "its distributed optimizer is")
        }
        Framework::Megatron => Ok(framework),
        _ if layout.expert > 1 || layout.expert_tensor > 1 => {
            not("expert parallelism", "Megatron-core is")
        }
        Framework::Fsdp2 => {
            let divided = layout.tensor > 1;
            let plain = model.experts.is_none() && model.attention.latent.is_none();
            if divided && !plain {
                return not(
                    "tensor parallelism of this architecture",
                    "Megatron-core is",
                );
            }
            if divided && step.precision == Precision::Fp32 {
                return not("tensor parallelism in FP32", "16 bit is");
            }
            Ok(framework)
        }
        _ if layout.tensor > 1 => not("tensor parallelism", TENSORS),
        Framework::DeepSpeed if sharding == Sharding::Zero1 => Ok(framework),
        _ if layout.pipeline > 1 => not("pipeline stages", PIPELINES),
        Framework::Ddp if layout.context > 1 => not("context parallelism", TENSORS),
        _ => Ok(framework),
    }
}

/// Calls `see` with every rank of a pipeline, or with one.
fn visit(
    step: &Step,
    layout: &Layout,
    settings: &Settings,
    framework: Framework,
    only: Option<u64>,
    see: &mut dyn FnMut(Rank),
) {
    let stages = layout.pipeline.max(1);
    let ranks = match only {
        Some(rank) => rank.min(stages - 1)..rank.min(stages - 1) + 1,
        None => 0..stages,
    };
    // Ranks of a context-parallel group share a sequence; attention's kernel keeps nothing of its square.
    let sliced = Step {
        sequence: step.sequence.div_ceil(layout.context.max(1)),
        ..*step
    };
    let layers = step.architecture.layers;
    let work = |rank| pipeline::work(layers, layout, settings.split, step.accumulation, rank);
    let shared = layout.shard_group.clamp(1, layout.data.max(1)) * layout.context.max(1);
    match framework {
        Framework::OneGpu => see(Rank::Whole(step)),
        Framework::Ddp => see(Rank::Copied(step, settings.bucket_view)),
        Framework::Fsdp1 | Framework::Fsdp2 => {
            let run = sharded_run(step, layout, settings, shared);
            let one = Step {
                precision: run.precision(),
                accumulation: 1,
                ..sliced
            };
            let plan = (layout.tensor > 1).then_some(TensorParallel {
                ranks: layout.tensor,
                loss_parallel: settings.loss_parallel,
            });
            let generation = match framework {
                Framework::Fsdp1 => Generation::One,
                _ => Generation::Two,
            };
            for rank in ranks {
                let sharded = Sharded::of_stage(&one, run, generation, plan, work(rank), rank);
                see(Rank::Sharded(&sharded));
            }
        }
        Framework::DeepSpeed => {
            let stage = match layout.sharding {
                Sharding::Zero3 => zero::Stage::Three,
                Sharding::Zero2 => zero::Stage::Two,
                _ => zero::Stage::One,
            };
            let one = Zero::step(&sliced, stage);
            let several = step.accumulation > 1;
            let accumulated = match step.precision {
                Precision::MainGradients | Precision::Fp16MainGradients => Element::Fp32,
                _ => settings.deepspeed.accumulated,
            };
            let config = DeepSpeed {
                accumulated,
                ..settings.deepspeed
            };
            for rank in ranks {
                let zero = Zero::of_stage(&one, stage, config, shared, several, work(rank), rank);
                see(Rank::Zero(&zero));
            }
        }
        Framework::Megatron => {
            let run = megatron_run(step, layout, settings);
            let megatron = Megatron::new(step.architecture, layout, &run, settings.split);
            for rank in ranks {
                see(Rank::Megatron(&megatron, rank));
            }
        }
    }
}

/// How FSDP runs a step.
fn sharded_run(step: &Step, layout: &Layout, settings: &Settings, ranks: u64) -> Fsdp {
    let all = |element| Policy {
        stored: element,
        computed: element,
        reduced: element,
    };
    let policy = match step.precision {
        Precision::Fp32 => all(Element::Fp32),
        Precision::SixteenBit => all(Element::Sixteen),
        // Shards in FP32 are the master copy.
        Precision::Master => Policy {
            reduced: Element::Sixteen,
            ..Policy::MIXED
        },
        Precision::Mixed | Precision::MainGradients | Precision::Fp16MainGradients => Policy::MIXED,
    };
    let pipelined = layout.pipeline > 1;
    Fsdp {
        ranks,
        policy,
        wrap: match step.stack {
            Stack::TorchTitan => Wrap::TorchTitan,
            _ => settings.wrap,
        },
        reshard: if pipelined {
            Reshard::Never
        } else {
            settings.reshard
        },
        accumulation: step.accumulation.max(1),
        unsynchronised: settings.unsynchronised || pipelined,
    }
}

/// How Megatron-core runs a step; what it has not, by its nearest.
fn megatron_run(step: &Step, layout: &Layout, settings: &Settings) -> Run {
    let dropout = step.architecture.dropout;
    Run {
        micro_batch: step.micro_batch,
        sequence: step.sequence,
        micro_batches: step.accumulation.max(1),
        hidden_dropout: step.dropout && dropout.residual,
        attention_dropout: step.dropout && dropout.attention,
        core_attention: match step.attention {
            AttentionKernel::Eager | AttentionKernel::Math => CoreAttention::Unfused,
            AttentionKernel::Flash | AttentionKernel::Cudnn | AttentionKernel::Efficient => {
                CoreAttention::Flash
            }
        },
        recompute: match step.recomputation {
            Recomputation::None => Recompute::None,
            Recomputation::Selective => Recompute::Selective,
            Recomputation::Full if step.recompute_every <= 1 => match settings.megatron.recompute {
                given @ (Recompute::Uniform { .. } | Recompute::Block { .. }) => given,
                _ => Recompute::Uniform { layers: 1 },
            },
            Recomputation::Full => Recompute::Block {
                layers: step
                    .architecture
                    .layers
                    .div_ceil(layout.virtual_stages())
                    .div_ceil(step.recompute_every),
            },
        },
        cross_entropy: match step.loss {
            Loss::Full => settings.megatron.cross_entropy,
            Loss::Chunked | Loss::Fused => CrossEntropy::TransformerEngine,
        },
        main_gradients: match step.precision {
            Precision::Master | Precision::SixteenBit => MainGradients::Bf16,
            _ => MainGradients::Fp32,
        },
        distributed_optimizer: layout.sharding == Sharding::Distributed,
        ..settings.megatron
    }
}
