//! A scenario's memory, counted tensor by tensor: what the detailed estimator makes of what a reader chose.

use super::detailed::{AdapterDtype, Adapters, Overheads, Step, Targets, model_of};
use super::ranks::cluster::{Cluster, NotCounted, Settings, cluster, tensors};
use super::ranks::device::{OnRank, on_device};
use super::ranks::{Line, Part as Held};
use super::{Memory, Part};
use crate::field::Choice;
use crate::layout::Batch;
use crate::model::Architecture;
use crate::scenario::{Detail, Scenario};
use crate::units::Bytes;

/// The model as the scenario's training code writes it.
pub fn model(scenario: &Scenario) -> Architecture {
    model_of(
        scenario.details().choice(Detail::Stack),
        scenario.architecture(),
    )
}

/// One rank's step of a scenario, on [`model`].
pub fn step<'a>(scenario: &Scenario, model: &'a Architecture) -> Step<'a> {
    let details = scenario.details();
    let rank = details.count(Detail::Adapters);
    let adapters = (rank > 0).then(|| Adapters {
        rank,
        targets: Targets::ALL,
        dtype: AdapterDtype::Fp32,
        base: details.choice(Detail::Base),
        dropout: false,
    });
    Step {
        precision: scenario.precision(),
        optimizer: scenario.optimizer(),
        optimizer_step: details.choice(Detail::OptimizerStep),
        micro_batch: scenario.micro_batch(),
        accumulation: details.count(Detail::Accumulation),
        recomputation: scenario.recomputation(),
        recompute_every: details.count(Detail::RecomputeEvery),
        attention: details.choice(Detail::Attention),
        dropout: details.is(Detail::Dropout),
        adapters,
        frozen_layers: details.count(Detail::Frozen),
        loss: details.choice(Detail::Loss),
        stack: details.choice(Detail::Stack),
        compiled: details.is(Detail::Compiled),
        offload: details.is(Detail::Offload),
        ..Step::of(model, scenario.sequence())
    }
}

/// What the layout divides beside the model.
pub fn batch(scenario: &Scenario) -> Batch {
    let layout = scenario.layout();
    Batch {
        sequence: scenario.sequence(),
        micro_batch: scenario.micro_batch(),
        global_batch: scenario.micro_batch()
            * scenario.details().count(Detail::Accumulation)
            * layout.data,
        gpus: Some(scenario.gpus()),
    }
}

/// What a GPU of every pipeline stage holds.
///
/// # Errors
/// Where the training code is not counted with something that was chosen.
pub fn counted(scenario: &Scenario) -> Result<Cluster, NotCounted> {
    let model = model(scenario);
    cluster(
        &step(scenario, &model),
        &scenario.layout(),
        &Settings::DEFAULT,
    )
}

/// Every tensor of one GPU of a pipeline stage at its largest moment.
///
/// # Errors
/// As [`counted`].
pub fn lines(scenario: &Scenario, stage: u64) -> Result<Vec<Line>, NotCounted> {
    let model = model(scenario);
    tensors(
        &step(scenario, &model),
        &scenario.layout(),
        &Settings::DEFAULT,
        stage,
    )
}

/// What the fullest GPU takes beside what is allocated.
pub fn on_gpu(scenario: &Scenario, cluster: &Cluster) -> OnRank {
    let overheads = match scenario.gpu().architecture {
        "Hopper" | "Blackwell" | "Blackwell Ultra" | "Rubin" => Overheads::HOPPER,
        _ => Overheads::DEFAULT,
    };
    on_device(
        &cluster.worst,
        cluster.framework,
        &scenario.layout(),
        &overheads,
    )
}

impl Part {
    /// The part that a line of a rank's list belongs to.
    pub const fn of(held: Held) -> Self {
        match held {
            Held::Parameters => Self::Weights,
            Held::Gradients => Self::Gradients,
            Held::Optimizer => Self::Optimizer,
            Held::Activations => Self::Activations,
            Held::Buffers => Self::Buffers,
            Held::Temporaries => Self::Temporaries,
        }
    }
}

/// The fullest GPU's memory by part, as nvidia-smi would show it.
pub fn memory(scenario: &Scenario, cluster: &Cluster) -> Memory {
    let mut memory = Memory {
        parts: Part::ALL.map(|_| Bytes(0)),
    };
    for &held in Held::ALL {
        memory.parts[Part::of(held) as usize] = cluster.worst.of(held);
    }
    let used = on_gpu(scenario, cluster).used;
    memory.parts[Part::Overhead as usize] = Bytes(used.0.saturating_sub(cluster.worst.peak.0));
    memory
}
