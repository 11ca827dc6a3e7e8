//! The backward pass of a block: what stands at every moment of it.
//!
//! Written as allocations and releases in the order in which autograd runs, last operation first. The gradient of the
//! block's output is alive on entry, that of its input on exit; a saved tensor leaves when the last operation that
//! kept it has run.

use super::run::Block;
use super::saved::{Kept, Tape};
use super::tally::{Heap, Live, Tally};
use super::tensor::{Dtype, Name, Place, Segment, Shape};

/// What a backward pass comes to.
#[derive(Debug)]
pub(super) struct BackwardPass {
    /// What is alive at its highest point: saved tensors of this part, gradients, temporaries.
    pub peak: Tally,
    /// The gradients that stay.
    pub gradients: Tally,
    /// Bytes of saved tensors that no operation gave back: none, or a schedule is wrong.
    pub left: u128,
}

/// A backward pass under way.
pub(super) struct Backward<'a> {
    pub block: &'a Block<'a>,
    pub heap: Heap<'a>,
    /// Whether weights' gradients do not stay.
    pub leaves: bool,
    /// The gradient of the residual stream.
    pub stream: Option<Live>,
}

/// The words that schedules are written in.
impl<'a> Backward<'a> {
    /// Starts with a tape's tensors alive.
    pub fn starting(block: &'a Block<'a>, tape: &'a mut Tape, place: Place) -> Self {
        Self {
            block,
            heap: Heap::starting_with(tape, place),
            leaves: block.run.gradients_leave,
            stream: None,
        }
    }

    /// A tensor that does not outlive the pass.
    #[inline]
    pub fn temporary(&mut self, name: Name, shape: impl Into<Shape>, dtype: Dtype) -> Live {
        self.heap.alloc(Segment::Temporaries, name, shape, dtype)
    }

    /// A tensor that an operation needs for itself only.
    #[inline]
    pub fn scratch(&mut self, name: Name, shape: impl Into<Shape>, dtype: Dtype) {
        self.heap.touch(Segment::Temporaries, name, shape, dtype);
    }

    /// A parameter's gradient. It stays until the optimizer's step, unless it is added to one that stands already or
    /// stepped at once.
    #[inline]
    pub fn gradient(&mut self, name: Name, shape: impl Into<Shape>, dtype: Dtype) {
        if self.leaves {
            self.scratch(name, shape, dtype);
        } else {
            // Nobody frees it: it stays in the tally.
            let _stays = self.heap.alloc(Segment::Gradients, name, shape, dtype);
        }
    }

    /// Operations on several saved tensors are done.
    #[inline]
    pub fn release_all<const N: usize>(&mut self, kept: [Kept; N]) {
        for kept in kept {
            self.heap.release(kept.into());
        }
    }

    /// A tensor in another dtype; the old one goes.
    #[inline]
    pub fn recast(&mut self, tensor: Live, dtype: Dtype) -> Live {
        let cast = self.temporary(tensor.name, tensor.shape, dtype);
        self.heap.free(tensor);
        cast
    }

    /// Two gradients of the same tensor meet. A real run mostly adds in place; under a dispatch mode autograd adds out
    /// of place, and the sum is a third tensor for a moment.
    #[inline]
    pub fn sum(&mut self, one: Live, other: Live) -> Live {
        if self.block.run.step.recorded {
            let sum = self.temporary(one.name, one.shape, one.dtype);
            self.heap.free(one);
            self.heap.free(other);
            sum
        } else {
            self.heap.free(other);
            one
        }
    }

    /// A gradient, added to the one that waits where there is one.
    #[inline]
    pub fn join(&mut self, gradient: Live, waiting: Option<Live>) -> Live {
        match waiting {
            Some(waiting) => self.sum(gradient, waiting),
            None => gradient,
        }
    }
}

impl Backward<'_> {
    /// The residual stream's gradient, alive before the pass.
    pub fn start_stream(&mut self) {
        let run = self.block.run;
        let sides = [run.tokens, run.architecture.hidden];
        let name = Name("residual stream", "gradient");
        self.stream = Some(self.temporary(name, sides, run.parameter));
    }

    /// Ends the pass.
    pub fn finish(self) -> BackwardPass {
        let mut gradients = self.heap.now();
        let left = gradients.of(Segment::Activations)
            + gradients.of(Segment::Head)
            + gradients.of(Segment::Casts);
        gradients.only(Segment::Gradients);
        BackwardPass {
            gradients,
            left,
            peak: self.heap.peak(),
        }
    }
}
