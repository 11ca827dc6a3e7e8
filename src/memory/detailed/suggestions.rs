//! What to change where a step does not fit, and what fits at most.

use super::{Step, footprint};
use crate::field::choice;
use crate::flop::{self, Counting};
use crate::training::{AttentionKernel, Loss, Optimizer, OptimizerStep, Precision, Recomputation};
use crate::units::Bytes;

choice!(
    /// A change that saves memory and trains the same model on the same batch; cheapest in compute first.
    Change {
        /// The optimizer's step in one kernel.
        FusedStep "fused-step" "Fused optimizer step",
        /// A kernel that keeps no attention matrices.
        Flash "flash" "Flash attention",
        /// Head and loss in one kernel that never holds all logits.
        FusedLoss "fused-loss" "Fused linear cross-entropy",
        /// Norms and gates as one kernel each.
        FusedKernels "fused-kernels" "Compiled blocks",
        /// Each parameter stepped, its gradient freed, as the backward pass has it.
        StepInBackward "step-in-backward" "Optimizer in the backward pass",
        /// Optimizer states in 8 bits.
        EightBit "8-bit" "8-bit AdamW",
        /// Half the micro-batch, twice the accumulation.
        HalfBatch "half-batch" "Half the micro-batch, twice the accumulation",
        /// Attention matrices computed again.
        Selective "selective" "Selective recomputation",
        /// Every block computed again.
        Full "full" "Full recomputation",
        /// Weights, gradients and states in 16 bits.
        SixteenBit "16-bit" "16-bit weights and states",
    }
);

impl Change {
    /// The step with this change; none where it changes nothing or does not go with the rest.
    pub fn apply<'a>(self, step: &Step<'a>) -> Option<Step<'a>> {
        let mut changed = *step;
        match self {
            Self::FusedStep if step.optimizer == Optimizer::AdamW => {
                changed.optimizer_step = OptimizerStep::Fused;
            }
            Self::Flash => changed.attention = AttentionKernel::Flash,
            Self::FusedLoss => changed.loss = Loss::Fused,
            Self::FusedKernels => changed.compiled = true,
            Self::StepInBackward if step.accumulation == 1 => changed.optimizer_in_backward = true,
            Self::EightBit if step.optimizer == Optimizer::AdamW => {
                changed.optimizer = Optimizer::AdamW8Bit;
            }
            Self::HalfBatch if step.micro_batch.is_multiple_of(2) => {
                changed.micro_batch /= 2;
                changed.accumulation = step.accumulation.saturating_mul(2);
            }
            Self::Selective if step.recomputation == Recomputation::None => {
                changed.recomputation = Recomputation::Selective;
            }
            Self::Full => {
                changed.recomputation = Recomputation::Full;
                changed.recompute_every = 1;
            }
            Self::SixteenBit => changed.precision = Precision::SixteenBit,
            _ => return None,
        }
        (changed != *step).then_some(changed)
    }

    /// FLOP that it adds to a step, as a share of the step's model FLOP: one more forward pass of what is recomputed
    /// (Korthikanti et al. 2022, arXiv:2205.05198, §5).
    pub fn cost(self, step: &Step) -> f64 {
        let recomputation = match self {
            Self::Full => Recomputation::Full,
            Self::Selective => Recomputation::Selective,
            _ => return 0.0,
        };
        let flop = flop::forward(step.architecture, step.sequence, Counting::Full);
        flop.recomputed(recomputation) as f64 / flop.model() as f64
    }

    /// What it changes beside memory and time; empty where nothing.
    pub const fn caution(self) -> &'static str {
        match self {
            Self::EightBit => "The optimizer’s states are quantised.",
            Self::SixteenBit => "Small updates are lost to rounding.",
            Self::StepInBackward => "Gradients cannot be clipped by their norm.",
            _ => "",
        }
    }
}

/// A change, what it saves and costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Suggestion<'a> {
    /// What to change.
    pub change: Change,
    /// The step with it.
    pub step: Step<'a>,
    /// Its peak.
    pub peak: Bytes,
    /// What that saves.
    pub saving: Bytes,
    /// Whether it fits then.
    pub fits: bool,
}

/// Single changes that save memory: those that make the step fit `capacity` first, cheapest in compute first.
pub fn suggestions<'a>(step: &Step<'a>, capacity: Bytes) -> Vec<Suggestion<'a>> {
    use crate::field::Choice;
    let peak = footprint(step).peak().total();
    let mut all: Vec<_> = Change::ALL
        .iter()
        .filter_map(|&change| {
            let step = change.apply(step)?;
            let after = footprint(&step).peak().total();
            let saving = peak.0.checked_sub(after.0).filter(|saving| *saving > 0)?;
            Some(Suggestion {
                change,
                step,
                peak: after,
                saving: Bytes(saving),
                fits: after <= capacity,
            })
        })
        .collect();
    // Stable: among equals the order of `Change::ALL` stands.
    all.sort_by(|one, other| {
        let key = |one: &Suggestion| (!one.fits, one.change.cost(&one.step));
        let (a, b) = (key(one), key(other));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    all
}

/// Changes taken one after the other, cheapest in compute first, until the step fits; all that help where none do.
pub fn until_it_fits<'a>(step: &Step<'a>, capacity: Bytes) -> Vec<Suggestion<'a>> {
    use crate::field::Choice;
    let mut taken: Vec<Suggestion<'a>> = Vec::new();
    let (mut step, mut peak) = (*step, footprint(step).peak().total());
    for &change in Change::ALL {
        if peak <= capacity {
            break;
        }
        while let Some(changed) = change.apply(&step) {
            let after = footprint(&changed).peak().total();
            if after >= peak {
                break;
            }
            taken.push(Suggestion {
                change,
                step: changed,
                peak: after,
                saving: Bytes(peak.0 - after.0),
                fits: after <= capacity,
            });
            (step, peak) = (changed, after);
            if peak <= capacity {
                break;
            }
        }
    }
    taken
}

/// The largest micro-batch, up to 65,536, that fits, all else as it is; none where not even one sequence does.
pub fn largest_micro_batch(step: &Step, capacity: Bytes) -> Option<u64> {
    largest(65_536, |micro_batch| {
        let step = Step {
            micro_batch,
            ..*step
        };
        footprint(&step).peak().total() <= capacity
    })
}

/// The longest sequence, up to 16,777,216 tokens, that fits, all else as it is; none where not even one token does.
pub fn longest_sequence(step: &Step, capacity: Bytes) -> Option<u64> {
    largest(16_777_216, |sequence| {
        let step = Step { sequence, ..*step };
        footprint(&step).peak().total() <= capacity
    })
}

/// The largest number up to `most` that holds: memory never falls as it grows.
fn largest(most: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    if !holds(1) {
        return None;
    }
    let (mut low, mut high) = (1, most + 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(low)
}
