//! A step block by block, for what divides it over ranks: activations of a rank are those of one GPU.

use super::moments::{Kinds, Outline};
use super::optimizer::Rule;
use super::run::{Kind, Run};
use super::states::Trained;
use super::step::Step;
use super::tally::Tally;
use super::tensor::{Dtype, Name, Place, Shape};

/// What one block comes to, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::memory) struct BlockCost {
    /// Kept from the forward pass to its backward pass.
    pub saved: u128,
    /// The highest point of its forward pass, above its start.
    pub forward: u128,
    /// The highest point of its backward pass: all that it kept, temporaries, and its weights' gradients so far.
    pub peak: u128,
    /// Of these, its weights' gradients.
    pub gradients_at_peak: u128,
    /// Gradients of its weights when its backward pass has ended.
    pub gradients: u128,
    /// Whether it is recomputed from its input.
    pub recomputed: bool,
}

/// What stands outside the blocks, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::memory) struct Ends {
    /// Ids, labels and the model's buffers.
    pub inputs: u128,
    /// Kept before the first block: embeddings, rotary tables, masks.
    pub before: u128,
    /// Kept by final norm, head and loss.
    pub head_saved: u128,
    /// Beside these while the loss is computed: the logits.
    pub loss: u128,
    /// The highest point of the head's backward pass, what the head kept and gradients included.
    pub head_peak: u128,
    /// Gradients of final norm and head.
    pub head_gradients: u128,
    /// The residual stream's gradient.
    pub stream: u128,
}

/// A step, block by block.
pub(in crate::memory) struct Blocks<'a> {
    run: Run<'a>,
    costs: [BlockCost; Kind::COUNT],
    /// What stands outside the blocks.
    pub ends: Ends,
}

impl<'a> Blocks<'a> {
    /// Of a step on one GPU.
    pub fn of(step: &'a Step<'a>) -> Self {
        let mut kinds = Kinds::none();
        let outline = Outline::of(step, false, &mut kinds);
        Self {
            run: Run::of(step, false),
            costs: outline.costs(),
            ends: outline.ends(),
        }
    }

    /// One block, counted from 0.
    pub fn block(&self, layer: u64) -> BlockCost {
        let kind = self.run.kind(layer);
        BlockCost {
            recomputed: kind.recomputed,
            ..self.costs[kind.code()]
        }
    }

    /// Bytes of the logits that outlive the loss.
    pub fn kept_logits(&self) -> u128 {
        let run = &self.run;
        if run.keeps_logits() {
            let mut logits = Tally::new(false);
            run.add_kept_logits(&mut logits);
            logits.total()
        } else {
            0
        }
    }

    /// Whether all blocks are alike.
    pub fn uniform(&self) -> bool {
        self.run.uniform
    }
}

/// Bytes that the step's optimizer keeps for a tensor of these sides, and bytes that its step allocates for all
/// tensors at once or, where it walks them, for this one.
pub(in crate::memory) fn optimizer(
    step: &Step,
    sides: [u64; 2],
    is_matrix: bool,
    fp32: bool,
) -> (u128, u128) {
    let tensor = Trained {
        name: Name("", ""),
        place: Place::Blocks,
        shape: Shape::from(sides),
        hidden_matrix: is_matrix,
        dtype: if fp32 { Dtype::Fp32 } else { Dtype::Sixteen },
    };
    let rule = Rule::of(step);
    let (mut states, mut scratch) = (Tally::new(false), Tally::new(false));
    rule.keep(&tensor, 1, &mut states);
    rule.scratch(&tensor, 1, &mut scratch);
    (states.total(), scratch.total())
}
