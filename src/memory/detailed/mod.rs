//! Memory of a training step on one GPU, counted tensor by tensor, as PyTorch allocates it.

mod adapters;
mod attention;
mod attention_backward;
mod backward;
mod block;
mod blocks;
mod conventions;
mod ends;
mod experts;
mod experts_backward;
mod feed_forward;
mod forward;
mod implementation;
mod latent;
mod layer;
mod linear;
mod moments;
mod norm;
mod optimizer;
mod overheads;
mod run;
mod saved;
mod stack;
mod states;
mod step;
mod suggestions;
mod tally;
mod tensor;

pub(super) use blocks::{BlockCost, Blocks, Ends, optimizer as optimizer_of};

pub use adapters::{AdapterDtype, Adapters, Base, Targets};
pub use conventions::{Convention, conventions};
pub use implementation::{Buffers, Implementation, Join, PositionIds, Rotary, Scores};
pub use layer::{Layer, LayerRun, layer_tensors};
pub use moments::Moment;
pub use overheads::{OnDevice, Overheads};
pub use stack::model_of;
pub use step::Step;
pub use suggestions::{
    Change, Suggestion, largest_micro_batch, longest_sequence, suggestions, until_it_fits,
};
pub use tensor::{Dtype, Entry, GRANULE, Name, Place, Segment, Shape, rounded};

use crate::field::Choice;
use crate::units::Bytes;
use moments::{Kinds, MOMENTS, Outline};
use tally::Tally;
use tensor::SEGMENTS;

impl Moment {
    /// The phase of the step in which it lies: `fwd`, `bwd` or `opt`.
    pub const fn phase(self) -> &'static str {
        match self {
            Self::Forward | Self::Loss => "fwd",
            Self::Head
            | Self::LastBlock
            | Self::InnerBlock
            | Self::FirstBlock
            | Self::Embedding => "bwd",
            Self::Optimizer => "opt",
        }
    }
}

/// Bytes of each segment at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    segments: [u128; SEGMENTS],
}

impl Held {
    /// Bytes of one segment.
    pub fn of(&self, segment: Segment) -> Bytes {
        Bytes(self.segments[segment as usize])
    }

    /// Bytes of all segments.
    pub fn total(&self) -> Bytes {
        Bytes(self.segments.iter().sum())
    }
}

/// What a step comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    moments: [Option<Held>; MOMENTS],
    peak: Moment,
    /// Bytes of all weights.
    pub weights: Bytes,
    /// Bytes of the trained parameters' gradients, the lasting FP32 ones where there are.
    pub gradients: Bytes,
    /// Bytes that the optimizer keeps between steps.
    pub optimizer: Bytes,
    /// Bytes that one block keeps for its backward pass, weight casts aside: the mean over blocks, without the first
    /// and the last where there are more than three.
    pub block: Bytes,
    /// Whether steps of this family's code were recorded; else it is estimated as its nearest relative's.
    pub recorded: bool,
}

impl Footprint {
    /// What stands at a moment; none where the step has no such moment.
    pub fn at(&self, moment: Moment) -> Option<Held> {
        self.moments[moment as usize]
    }

    /// The moment that holds most.
    pub fn peak_moment(&self) -> Moment {
        self.peak
    }

    /// What stands at that moment: as PyTorch's `max_memory_allocated` counts it, without kernels' workspaces.
    pub fn peak(&self) -> Held {
        self.at(self.peak).unwrap_or_default()
    }
}

/// What a step holds at each of its moments.
pub fn footprint(step: &Step) -> Footprint {
    let mut kinds = Kinds::none();
    let outline = Outline::of(step, false, &mut kinds);
    let mut moments = [None; MOMENTS];
    let mut peak = (0, Moment::Loss);
    let mut tally = Tally::new(false);
    for &moment in Moment::ALL {
        if outline.moment(moment, &mut tally) {
            let total = tally.total();
            if total > peak.0 {
                peak = (total, moment);
            }
            moments[moment as usize] = Some(Held {
                segments: tally.bytes,
            });
        }
    }
    let states = &outline.states;
    let (block, blocks) = outline.block_bytes();
    let main = states.main_gradients.total();
    Footprint {
        moments,
        peak: peak.1,
        weights: Bytes(states.weights.total()),
        gradients: Bytes(if main > 0 {
            main
        } else {
            states.gradients.total()
        }),
        optimizer: Bytes(states.optimizer.total()),
        block: Bytes(block / u128::from(blocks.max(1))),
        recorded: outline.run.how.recorded,
    }
}

/// Every tensor that stands at a moment; its bytes sum to what [`footprint`] says, segment by segment.
pub fn tensors(step: &Step, moment: Moment) -> Vec<Entry> {
    let mut kinds = Kinds::none();
    let mut tally = Tally::new(true);
    let there = Outline::of(step, true, &mut kinds).moment(moment, &mut tally);
    tally.entries.filter(|_| there).unwrap_or_default()
}
