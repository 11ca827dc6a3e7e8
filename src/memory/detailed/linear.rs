//! Linear layers: what they keep of their input, and what their backward pass holds.

use super::adapters::Base;
use super::backward::Backward;
use super::run::Block;
use super::saved::{Kept, Linear, OfLinear, Saved, Tape};
use super::tally::Live;
use super::tensor::{Dtype, Name, Segment};

impl Block<'_> {
    /// What linear layers keep that read the same input `x`, `width` wide, and their weights' casts.
    pub fn keep_inputs(
        &self,
        tape: &mut Tape,
        input: Kept,
        width: u64,
        x: Dtype,
        readers: &[Linear],
    ) {
        for &linear in readers {
            if let Some((saved, dtype)) = self.kept_input(linear, input, x) {
                tape.keep(saved, [self.run.tokens, width], dtype);
            }
            if let Some(saved) = self.kept_by_base(linear, input) {
                tape.keep(saved, [self.run.tokens, width], x);
            }
            self.keep_casts(tape, linear);
        }
    }

    /// The 16-bit copies of a linear layer's weights that autocast makes and autograd keeps. The bias's copy is only in
    /// autocast's cache, see [`Block::biases_cast`].
    fn keep_casts(&self, tape: &mut Tape, linear: Linear) {
        let run = self.run;
        let matrix = self.matrix(linear);
        if let Some(adapters) = self.adapted(linear) {
            let dtype = if run.autocast {
                Dtype::Sixteen
            } else {
                adapters.dtype(run.parameter)
            };
            let sides = self.adapter_sides(adapters, linear);
            let hidden = Saved::Linear(linear, OfLinear::AdapterHidden);
            tape.keep(hidden, [run.tokens, sides.hidden], dtype);
            let idle = self.kind.first_trained && linear.reads_block_input();
            if adapters.dropout && !idle {
                let mask = Saved::Linear(linear, OfLinear::AdapterMask);
                tape.keep(mask, [run.tokens, matrix.inputs], Dtype::Bool);
            }
            if let Some(width) = sides.padded {
                let output = Saved::Linear(linear, OfLinear::AdapterOutput);
                tape.keep(output, [run.tokens, width], dtype);
            }
            if run.autocast {
                let a = Saved::Linear(linear, OfLinear::AdapterCastA);
                let b = Saved::Linear(linear, OfLinear::AdapterCastB);
                tape.keep(a, sides.a, Dtype::Sixteen);
                tape.keep(b, sides.b, Dtype::Sixteen);
            }
        }
        // A frozen layer whose input needs no gradient does not need its weight again.
        let used_again = self.trained() || !(self.kind.first_trained && linear.reads_block_input());
        if run.autocast && used_again {
            let cast = Saved::Linear(linear, OfLinear::Cast);
            tape.keep(cast, [matrix.outputs, matrix.inputs], Dtype::Sixteen);
        }
    }
}

impl Linear {
    /// Whether it reads what the block is given, but for a norm.
    pub const fn reads_block_input(self) -> bool {
        matches!(
            self,
            Self::QueryKeyValue
                | Self::Query
                | Self::Key
                | Self::Value
                | Self::QueryDown
                | Self::KeyValueDown
        )
    }
}

impl Backward<'_> {
    /// A linear layer's backward pass: from `dy`, the gradient of its output, the gradient of its input `x`, added to
    /// the one that waits where another reader of that input has run.
    pub fn linear(
        &mut self,
        linear: Linear,
        input: Kept,
        x: Dtype,
        dy: Live,
        waiting: Option<Live>,
    ) -> Live {
        if self.block.trained() {
            self.trained_linear(linear, input, x, dy, waiting)
        } else {
            self.frozen_linear(linear, input, x, dy, waiting)
        }
    }

    fn trained_linear(
        &mut self,
        linear: Linear,
        input: Kept,
        x: Dtype,
        dy: Live,
        waiting: Option<Live>,
    ) -> Live {
        let run = self.block.run;
        let matrix = self.block.matrix(linear);
        let weight = [matrix.outputs, matrix.inputs];
        let bias = [matrix.outputs];
        let dw_name = Name(linear.label(), "gradient of the weight");
        let db_name = Name(linear.label(), "gradient of the bias");
        let dx_name = Name(linear.label(), "gradient of the input");
        let stays = if run.autocast || self.leaves {
            Segment::Temporaries
        } else {
            Segment::Gradients
        };
        let dw = self.heap.alloc(stays, dw_name, weight, run.matmul);
        let mut dx = self.temporary(dx_name, [run.tokens, matrix.inputs], run.matmul);
        let db = matrix
            .bias
            .then(|| self.heap.alloc(stays, db_name, bias, run.matmul));
        self.heap.free(dy);
        if let Some((kept, _)) = self.block.kept_input(linear, input, x) {
            self.heap.release(kept);
        }
        self.heap.release(Saved::Linear(linear, OfLinear::Cast));
        if run.autocast {
            if let Some(db) = db {
                self.gradient(db_name, bias, Dtype::Fp32);
                self.heap.free(db);
            }
        } else if self.leaves {
            self.heap.free(dw);
            if let Some(db) = db {
                self.heap.free(db);
            }
            return self.join(dx, waiting);
        } else {
            return self.join(dx, waiting);
        }
        if x == Dtype::Fp32 {
            dx = self.recast(dx, Dtype::Fp32);
        }
        let dx = self.join(dx, waiting);
        // Autograd casts the weight's gradient last: the cast is the oldest node.
        self.gradient(dw_name, weight, Dtype::Fp32);
        self.heap.free(dw);
        dx
    }

    /// Of a frozen layer, with an adapter or without. The adapter was added last, so its backward pass is first: B, A,
    /// then the frozen weight.
    fn frozen_linear(
        &mut self,
        linear: Linear,
        input: Kept,
        x: Dtype,
        dy: Live,
        waiting: Option<Live>,
    ) -> Live {
        let run = self.block.run;
        let matrix = self.block.matrix(linear);
        let sides = [run.tokens, matrix.inputs];
        let dx_name = Name(linear.label(), "gradient of the input");
        let mut of_adapter = None;
        if let Some(adapters) = self.block.adapted(linear) {
            let weight = adapters.dtype(run.parameter);
            let dtype = if run.autocast { run.matmul } else { weight };
            let of = self.block.adapter_sides(adapters, linear);
            let name = Name(linear.label(), "adapter, gradient of its output");
            let cast = (dtype != run.matmul)
                .then(|| self.temporary(name, [run.tokens, matrix.outputs], dtype));
            let name = Name(linear.label(), "adapter, gradient of B");
            self.gradient(name, of.b, weight);
            let name = Name(linear.label(), "adapter, gradient of A’s output");
            let hidden = self.temporary(name, [run.tokens, of.hidden], dtype);
            if let Some(cast) = cast {
                self.heap.free(cast);
            }
            self.heap
                .release(Saved::Linear(linear, OfLinear::AdapterHidden));
            self.heap
                .release(Saved::Linear(linear, OfLinear::AdapterCastB));
            self.heap
                .release(Saved::Linear(linear, OfLinear::AdapterOutput));
            let name = Name(linear.label(), "adapter, gradient of A");
            self.gradient(name, of.a, weight);
            let name = Name(linear.label(), "adapter, gradient of its input");
            let mut dx = self.temporary(name, sides, dtype);
            self.heap.free(hidden);
            if let Some((kept, _)) = self.block.kept_input(linear, input, x) {
                self.heap.release(kept);
            }
            self.heap
                .release(Saved::Linear(linear, OfLinear::AdapterCastA));
            self.heap
                .release(Saved::Linear(linear, OfLinear::AdapterMask));
            if dx.dtype != x {
                dx = self.recast(dx, x);
            }
            of_adapter = Some(dx);
        }
        let unpacked = self.unpacked(linear);
        let mut dx = self.temporary(dx_name, sides, run.matmul);
        self.heap.free(dy);
        if let Some(weight) = unpacked {
            self.heap.free(weight);
        }
        self.heap.release(Saved::Linear(linear, OfLinear::Cast));
        if let Some(kept) = self.block.kept_by_base(linear, input) {
            self.heap.release(kept);
        }
        if run.autocast && x == Dtype::Fp32 {
            dx = self.recast(dx, Dtype::Fp32);
        }
        let dx = self.join(dx, of_adapter);
        self.join(dx, waiting)
    }

    /// A four-bit weight, unpacked for a product.
    fn unpacked(&mut self, linear: Linear) -> Option<Live> {
        let run = self.block.run;
        let base = run
            .adapters()
            .map_or(Base::AsTrained, |adapters| adapters.base);
        let quantised = base != Base::AsTrained && run.quantises(linear);
        if !quantised || self.block.trained() {
            return None;
        }
        let matrix = self.block.matrix(linear);
        let (name, sides) = (
            Name(linear.label(), "weight, unpacked"),
            [matrix.outputs, matrix.inputs],
        );
        let mut weight = self.temporary(name, sides, Dtype::Sixteen);
        for _ in 1..run.unpacked_copies() {
            weight = self.recast(weight, Dtype::Sixteen);
        }
        Some(weight)
    }
}
