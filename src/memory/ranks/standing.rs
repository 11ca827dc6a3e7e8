//! What stands on a data-parallel rank at one moment, kept apart by what it is: the total and the list come from it.

use super::footprint::{Lines, Moment, Part, StageFootprint};
use crate::units::Bytes;

/// Where activations of one GPU were read.
pub(super) const KEPT: &str = "what one GPU keeps: activations are not sharded";
/// What a step starts from.
const INPUTS: &str = "one GPU’s step";
/// And their temporaries.
const PASSES: &str = "order of the backward pass on one GPU";

/// What stands throughout a step, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lasting {
    pub parameters: u128,
    pub optimizer: u128,
    /// Ids, labels, the model's buffers.
    pub inputs: u128,
    /// What the framework keeps for ever: two kinds of buffers, as [`Names::kept`] names them.
    pub kept: [u128; 2],
    /// What both passes hold throughout beside their moments' own, but the optimizer's step does not: gradients of
    /// earlier micro-batches, activations of others in flight.
    pub passes: Standing,
}

/// What stands at one moment beside that, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    /// Weights, whole.
    pub gathered: u128,
    /// What a gather writes into, or reads from.
    pub arriving: u128,
    /// What a reduction reads from.
    pub reducing: u128,
    /// Gradients that stay until the step.
    pub gradients: u128,
    /// Gradients that do not: whole ones, before they are reduced.
    pub whole: u128,
    /// Activations of the micro-batch that runs.
    pub activations: u128,
    /// Gradients of activations, what operations hold for themselves.
    pub temporaries: u128,
}

impl Standing {
    const fn total(&self) -> u128 {
        self.gathered
            + self.arriving
            + self.reducing
            + self.gradients
            + self.whole
            + self.activations
            + self.temporaries
    }

    const fn and(self, other: &Self) -> Self {
        Self {
            gathered: self.gathered + other.gathered,
            arriving: self.arriving + other.arriving,
            reducing: self.reducing + other.reducing,
            gradients: self.gradients + other.gradients,
            whole: self.whole + other.whole,
            activations: self.activations + other.activations,
            temporaries: self.temporaries + other.temporaries,
        }
    }
}

/// The largest moment so far.
pub(super) struct Worst {
    lasting: Lasting,
    standing: Standing,
    moment: Moment,
}

/// What a framework calls what stands, and where that was read.
pub(super) struct Names {
    pub optimizer: (&'static str, &'static str),
    pub kept: [(&'static str, &'static str); 2],
    pub gathered: (&'static str, &'static str),
    pub arriving: (&'static str, &'static str),
    pub reducing: (&'static str, &'static str),
    pub gradients: (&'static str, &'static str),
    pub whole: (&'static str, &'static str),
}

impl Worst {
    pub fn new(lasting: Lasting) -> Self {
        Self {
            lasting,
            standing: Standing::default(),
            moment: Moment::Layers,
        }
    }

    /// Takes a moment of the passes where it is larger.
    pub fn raise(&mut self, moment: Moment, standing: Standing) {
        self.take(moment, standing.and(&self.lasting.passes));
    }

    /// Takes the optimizer's step where it is larger.
    pub fn raise_step(&mut self, standing: Standing) {
        self.take(Moment::Optimizer, standing);
    }

    fn take(&mut self, moment: Moment, standing: Standing) {
        if standing.total() > self.standing.total() {
            self.standing = standing;
            self.moment = moment;
        }
    }

    pub fn footprint(&self, stage: u64, in_flight: u128) -> StageFootprint {
        let Self {
            lasting, standing, ..
        } = self;
        let buffers = lasting.inputs + lasting.kept.iter().sum::<u128>();
        let held = lasting.parameters + lasting.optimizer + buffers;
        StageFootprint {
            stage,
            parameters: Bytes(lasting.parameters),
            gradients: Bytes(standing.gradients + standing.whole),
            optimizer: Bytes(lasting.optimizer),
            buffers: Bytes(buffers + standing.gathered + standing.arriving + standing.reducing),
            in_flight: Bytes(in_flight),
            activations: Bytes(standing.activations),
            temporaries: Bytes(standing.temporaries),
            peak: Bytes(held + standing.total()),
            moment: self.moment,
        }
    }

    /// Lists all but parameters and activations.
    pub fn list(&self, names: &Names, lines: &mut Lines) {
        let Self {
            lasting, standing, ..
        } = self;
        let mut one = |part, (name, source), bytes| lines.one(part, name, Bytes(bytes), source);
        one(Part::Gradients, names.gradients, standing.gradients);
        one(Part::Gradients, names.whole, standing.whole);
        one(Part::Optimizer, names.optimizer, lasting.optimizer);
        one(
            Part::Buffers,
            ("ids, labels, the model’s buffers", INPUTS),
            lasting.inputs,
        );
        for (name, bytes) in names.kept.into_iter().zip(lasting.kept) {
            one(Part::Buffers, name, bytes);
        }
        one(Part::Buffers, names.gathered, standing.gathered);
        one(Part::Buffers, names.arriving, standing.arriving);
        one(Part::Buffers, names.reducing, standing.reducing);
        let temporaries = ("gradients of activations and temporaries", PASSES);
        one(Part::Temporaries, temporaries, standing.temporaries);
    }
}
