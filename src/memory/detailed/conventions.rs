//! Why others say something else: the habits of other calculators, recomputed for the same step.

use super::{Footprint, Moment, Segment, Step, footprint};
use crate::training::{AttentionKernel, Loss, OptimizerStep};
use crate::units::Bytes;

/// A habit, and the figure it gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convention {
    /// What is done.
    pub habit: &'static str,
    /// What it leaves out or adds.
    pub effect: &'static str,
    /// The figure.
    pub bytes: Bytes,
}

/// Bytes of a GPT block's activations for each token and channel, Korthikanti et al. 2022 (arXiv:2205.05198), eq. 2.
const PER_CHANNEL: u128 = 34;
/// And for each score.
const PER_SCORE: u128 = 5;

/// The figures that common habits give for a step, the count tensor by tensor first.
pub fn conventions(step: &Step) -> Vec<Convention> {
    let architecture = step.architecture;
    let own = footprint(step);
    let parameters = u128::from(architecture.parameters());
    let tokens = u128::from(step.micro_batch) * u128::from(step.sequence);
    let (h, layers) = (
        u128::from(architecture.hidden),
        u128::from(architecture.layers),
    );
    let heads = u128::from(architecture.attention.heads);
    let channels = layers * PER_CHANNEL * tokens * h;
    let scores = layers * PER_SCORE * heads * tokens * u128::from(step.sequence);
    let states = own.weights.0 + own.gradients.0 + own.optimizer.0;
    let peak_of = |step: Step| footprint(&step).peak().total();
    let entry = |habit, effect, bytes| Convention {
        habit,
        effect,
        bytes,
    };
    let other_step = |optimizer_step| Step {
        optimizer_step,
        ..*step
    };
    vec![
        entry(
            "The peak, tensor by tensor",
            "The largest moment of the step, with what PyTorch really keeps.",
            own.peak().total(),
        ),
        entry(
            "The same with the foreach optimizer",
            "PyTorch’s default step makes one more copy of the parameters.",
            peak_of(other_step(OptimizerStep::Foreach)),
        ),
        entry(
            "The same with the fused optimizer",
            "One kernel, no copy.",
            peak_of(other_step(OptimizerStep::Fused)),
        ),
        entry(
            "Attention matrices kept",
            "Eager attention keeps softmax and probabilities, s² for every head.",
            peak_of(Step {
                attention: AttentionKernel::Eager,
                ..*step
            }),
        ),
        entry(
            "No logits",
            "The loss is counted as if it held no logits.",
            peak_of(Step {
                loss: Loss::Fused,
                ..*step
            }),
        ),
        entry(
            "A plain sum",
            "Weights, gradients, optimizer and all activations added, though they never stand at once.",
            Bytes(states + kept(&own)),
        ),
        entry(
            "16 bytes a parameter and 34·s·b·h a layer",
            "Mixed precision with Adam (ZeRO, §3.1), a GPT block without attention matrices, no logits.",
            Bytes(16 * parameters + channels),
        ),
        entry(
            "16 bytes a parameter and 34·s·b·h + 5·a·s²·b a layer",
            "The same with attention matrices kept.",
            Bytes(16 * parameters + channels + scores),
        ),
        entry(
            "18 bytes a parameter and 34·s·b·h a layer",
            "Gradients accumulated in FP32 beside 16-bit weights (Megatron-LM).",
            Bytes(18 * parameters + channels),
        ),
        entry("States only", "No activations at all.", Bytes(states)),
    ]
}

/// What the forward pass keeps of blocks and head.
fn kept(own: &Footprint) -> u128 {
    own.at(Moment::Loss).map_or(0, |held| {
        held.of(Segment::Activations).0 + held.of(Segment::Head).0
    })
}
