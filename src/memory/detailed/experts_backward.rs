//! A mixture of experts' backward pass. In TENSORS.md, 7 and 12.

use super::backward::Backward;
use super::experts::Routed;
use super::saved::{Kept, Linear, OfLinear, Saved};
use super::tally::Live;
use super::tensor::{Dtype, Name, Segment};
use crate::model::{Experts, Router};

const SLOTS: Name = Name("experts’ output", "gradient by slot");
const INNER: Name = Name("experts’ inner", "gradient");
const GATE_UP: Name = Name("experts’ gate and up", "gradient");
const INPUT: Name = Name("experts’ input", "gradient");
const SHARED: Name = Name("shared experts", "gradient");

impl Backward<'_> {
    /// From the gradient of the branch's output, a view of the residual stream's, to that of its input, `source`.
    pub fn experts(&mut self, experts: &Experts, source: Kept, dy: Live) -> Live {
        let run = self.block.run;
        let x = self.block.routed(experts);
        if experts.router == Router::Dense {
            return self.every_token(experts, &x, source, &dy);
        }
        let full = [x.tokens, x.hidden];
        // sigmoid(gate(x)) · shared(x) was added last.
        let mut scaled = None;
        let mut waiting = None;
        if experts.shared_gate {
            let narrow = run
                .autocast
                .then(|| self.temporary(SHARED, full, Dtype::Sixteen));
            scaled = Some(self.temporary(SHARED, full, run.matmul));
            self.scratch(Name("shared experts’ scale", "product"), full, run.matmul);
            if let Some(narrow) = narrow {
                self.heap.free(narrow);
            }
            self.heap.release(Kept::SharedOut.into());
            self.heap.release(Kept::SharedSigmoid.into());
            let scale = dy.view();
            let scale = self.linear(Linear::SharedScale, source, run.parameter, scale, None);
            waiting = Some(scale);
        } else if experts.shared_size > 0 {
            let start = self.narrowed(&dy, full);
            waiting = Some(self.shared_experts(experts, source, start, None));
        }
        let slots = self.combine(&x, dy);
        let gradient = if experts.expert_bias {
            self.slots_with_bias(&x, slots)
        } else {
            self.slots(&x, slots)
        };
        let gathered = self.gather(&x, gradient);
        let dx = self.join(gathered, waiting);
        self.release_all([
            Kept::SortOrder,
            Kept::SlotToken,
            Kept::TopIndex,
            Kept::TopSum,
            Kept::TopWeight,
            Kept::RouterScores,
            Kept::GroupMask,
            Kept::SortedIds,
        ]);
        let dx = self.router(&x, source, dx);
        match scaled {
            Some(scaled) => self.shared_experts(experts, source, scaled, Some(dx)),
            None => dx,
        }
    }

    /// The gradient a branch in 16 bit starts from: autocast's copy, or a view.
    fn narrowed(&mut self, dy: &Live, full: [u64; 2]) -> Live {
        if self.block.run.autocast {
            self.temporary(SHARED, full, Dtype::Sixteen)
        } else {
            dy.view()
        }
    }

    /// The shared experts, a gated network.
    fn shared_experts(
        &mut self,
        experts: &Experts,
        source: Kept,
        dy: Live,
        waiting: Option<Live>,
    ) -> Live {
        let run = self.block.run;
        let sides = [run.tokens, experts.shared_size];
        let name = |what| Name("shared experts", what);
        let hidden = self.linear(Linear::SharedDown, Kept::SharedHidden, run.matmul, dy, None);
        let gate = self.temporary(name("gradient of the gate"), sides, run.matmul);
        let up = self.temporary(name("gradient of up"), sides, run.matmul);
        self.heap.free(hidden);
        self.heap.release(Kept::SharedActivated.into());
        self.heap.release(Kept::SharedUp.into());
        let dx = self.linear(Linear::SharedUp, source, run.parameter, up, waiting);
        let gate = self.again(gate);
        self.heap.release(Kept::SharedGate.into());
        self.linear(Linear::SharedGate, source, run.parameter, gate, Some(dx))
    }

    /// The sum over each token's experts: from the tokens' gradient to the slots'.
    fn combine(&mut self, x: &Routed, dy: Live) -> Live {
        let run = self.block.run;
        let full = [x.tokens, x.hidden];
        let slots = [x.slots, x.hidden];
        let casts = x.weighed != x.dtype;
        let dy = if casts {
            let wide = self.temporary(INPUT, full, x.weighed);
            self.heap.free(dy);
            wide
        } else {
            dy
        };
        let repeated = self.temporary(SLOTS, slots, x.weighed);
        self.heap.free(dy);
        let sorted = self.temporary(SLOTS, slots, x.weighed);
        if run.step.recorded {
            self.scratch(SLOTS, slots, x.weighed);
        }
        self.heap.free(repeated);
        let weighted = self.temporary(SLOTS, slots, x.weighed);
        let product = self.temporary(Name("slots’ weights", "product"), slots, x.weighed);
        let early = casts && self.block.kind.recomputed;
        if early {
            // A recomputed tensor goes when its operation ends, and the cast comes after.
            self.heap.release(Kept::ExpertOut.into());
        }
        let weighted = if casts {
            self.recast(weighted, x.dtype)
        } else {
            weighted
        };
        self.heap.free(product);
        self.heap.free(sorted);
        self.release_all([Kept::ExpertOut, Kept::InverseOrder, Kept::GatheredWeight]);
        weighted
    }

    /// A gradient of all experts' weights, one tensor.
    fn expert_gradient(&mut self, linear: Linear, shape: [u64; 3], dy: Live, dx: [u64; 2]) -> Live {
        let name = Name(linear.label(), "gradient of the weight");
        let x = dy.dtype;
        let stays = if self.leaves {
            Segment::Temporaries
        } else {
            Segment::Gradients
        };
        let gradient = (self.heap).alloc(stays, name, shape, self.block.run.parameter);
        let dx = self.temporary(Name(linear.label(), "gradient of the input"), dx, x);
        if self.leaves {
            self.heap.free(gradient);
        }
        self.heap.free(dy);
        dx
    }

    /// The experts' products, from the slots' output to the gradient of their inputs.
    fn slots(&mut self, x: &Routed, dy: Live) -> Live {
        let inner = [x.slots, x.inner];
        let down = [x.experts, x.hidden, x.inner];
        let hidden = self.expert_gradient(Linear::ExpertsDown, down, dy, inner);
        self.heap.release(Kept::ExpertHidden.into());
        let gate = self.temporary(INNER, inner, x.dtype);
        let up = self.temporary(INNER, inner, x.dtype);
        self.heap.free(hidden);
        self.heap.release(Kept::ExpertActivated.into());
        let gate = self.again(gate);
        self.heap.release(Kept::ExpertGateUp.into());
        let both = self.temporary(GATE_UP, [x.slots, 2 * x.inner], x.dtype);
        self.heap.free(gate);
        self.heap.free(up);
        self.first_product(x, both)
    }

    fn first_product(&mut self, x: &Routed, both: Live) -> Live {
        let shape = [x.experts, 2 * x.inner, x.hidden];
        let slots = [x.slots, x.hidden];
        let dx = self.expert_gradient(Linear::ExpertsGateUp, shape, both, slots);
        self.heap.release(Kept::Gathered.into());
        self.heap.release(Kept::Offsets.into());
        dx
    }

    /// The same with biases, and gpt-oss's activation: (up + 1) · gate · sigmoid(α·gate), both clamped, gate and up in
    /// turns along the width.
    fn slots_with_bias(&mut self, x: &Routed, dy: Live) -> Live {
        let run = self.block.run;
        let inner = [x.slots, x.inner];
        let bias = Name("experts’ down", "gradient of the bias");
        self.gradient(bias, [x.experts, x.hidden], run.parameter);
        let down = [x.experts, x.hidden, x.inner];
        let hidden = self.expert_gradient(Linear::ExpertsDown, down, dy, inner);
        self.heap.release(Kept::ExpertHidden.into());
        let up = self.temporary(INNER, inner, x.dtype);
        let glu = self.temporary(INNER, inner, x.dtype);
        self.heap.free(hidden);
        self.heap.release(Kept::Glu.into());
        self.heap.release(Kept::UpPlusOne.into());
        let sigmoid = self.temporary(INNER, inner, x.dtype);
        let gate = self.temporary(INNER, inner, x.dtype);
        self.heap.free(glu);
        self.heap.release(Kept::ClampedGate.into());
        let sigmoid = self.again(sigmoid);
        self.heap.release(Kept::GateSigmoid.into());
        let sigmoid = self.again(sigmoid);
        let gate = self.sum(gate, sigmoid);
        let mask = Name("clamp", "mask");
        let clamp = |this: &mut Self, gradient: Live, masks: usize| {
            let first = this.temporary(mask, inner, Dtype::Bool);
            if masks > 1 {
                let second = this.temporary(mask, inner, Dtype::Bool);
                let clamped = this.temporary(INNER, inner, x.dtype);
                this.heap.free(second);
                this.heap.free(first);
                this.heap.free(gradient);
                clamped
            } else {
                let clamped = this.temporary(INNER, inner, x.dtype);
                this.heap.free(first);
                this.heap.free(gradient);
                clamped
            }
        };
        let up = clamp(self, up, 2);
        let gate = clamp(self, gate, 1);
        self.heap.release(Kept::ExpertGateUp.into());
        let width = [x.slots, 2 * x.inner];
        let ups = self.temporary(GATE_UP, width, x.dtype);
        self.heap.free(up);
        let gates = self.temporary(GATE_UP, width, x.dtype);
        self.heap.free(gate);
        let both = self.sum(ups, gates);
        let bias = Name("experts’ gate and up", "gradient of the bias");
        self.gradient(bias, [x.experts, 2 * x.inner], run.parameter);
        self.first_product(x, both)
    }

    /// From the slots' inputs back to tokens, each the sum over its slots.
    fn gather(&mut self, x: &Routed, slots: Live) -> Live {
        let full = [x.tokens, x.hidden];
        let dx = self.temporary(INPUT, full, x.dtype);
        if self.block.run.step.recorded {
            self.scratch(INPUT, full, x.dtype);
        }
        self.heap.free(slots);
        dx
    }

    fn router(&mut self, x: &Routed, source: Kept, waiting: Live) -> Live {
        let run = self.block.run;
        if !self.block.router_in_fp32() {
            let dy = waiting.view();
            return self.linear(Linear::Router, source, run.parameter, dy, Some(waiting));
        }
        let weight = [x.experts, x.hidden];
        let name = Name("router", "gradient of the weight");
        let wide = self.temporary(name, weight, Dtype::Fp32);
        let full = [x.tokens, x.hidden];
        let dx = self.temporary(Name("router", "gradient of the input"), full, Dtype::Fp32);
        for what in [OfLinear::InputCopy, OfLinear::Cast] {
            self.heap.release(Saved::Linear(Linear::Router, what));
        }
        let dx = self.recast(dx, Dtype::Sixteen);
        self.gradient(name, weight, run.parameter);
        self.heap.free(wide);
        self.sum(dx, waiting)
    }

    /// Experts that each see every token.
    fn every_token(&mut self, experts: &Experts, x: &Routed, source: Kept, dy: &Live) -> Live {
        let run = self.block.run;
        let full = [x.tokens, x.hidden];
        let slots = [x.slots, x.hidden];
        let inner = [x.slots, x.inner];
        let narrow = self.narrowed(dy, full);
        let wide = run
            .autocast
            .then(|| self.temporary(INPUT, full, Dtype::Fp32));
        let outputs = self.temporary(SLOTS, slots, x.dtype);
        if let Some(wide) = wide {
            self.heap.free(wide);
        }
        let waiting = self.shared_experts(experts, source, narrow, None);

        let down = [x.experts, x.inner, x.hidden];
        let hidden = self.batched_product(Linear::ExpertsDown, down, outputs, inner);
        self.heap.release(Kept::ExpertHidden.into());
        let gate = self.temporary(INNER, inner, x.dtype);
        let up = self.temporary(INNER, inner, x.dtype);
        self.heap.free(hidden);
        self.heap.release(Kept::ExpertActivated.into());
        let gate = self.again(gate);
        self.heap.release(Kept::ExpertGateUp.into());
        let both = self.temporary(GATE_UP, [x.slots, 2 * x.inner], x.dtype);
        self.heap.free(gate);
        self.heap.free(up);

        let shape = [x.experts, x.hidden, 2 * x.inner];
        let first = self.batched_product(Linear::ExpertsGateUp, shape, both, slots);
        self.heap.release(Kept::RepeatedScaled.into());

        // Times the scores.
        let product = self.temporary(Name("scores", "product"), slots, run.parameter);
        let repeated = self.temporary(INPUT, slots, run.parameter);
        self.heap.free(product);
        self.heap.free(first);
        self.heap.release(Kept::Repeated.into());
        self.heap.release(Kept::Scores.into());
        let summed = self.temporary(INPUT, full, run.parameter);
        self.heap.free(repeated);
        let dx = self.sum(summed, waiting);
        self.heap.release(Kept::TopIndex.into());
        self.heap.release(Kept::RouterScores.into());
        self.router(x, source, dx)
    }

    /// A batched product, one matrix an expert. Under autocast the input's gradient is cast before the weights'.
    fn batched_product(&mut self, linear: Linear, shape: [u64; 3], dy: Live, dx: [u64; 2]) -> Live {
        let run = self.block.run;
        let name = Name(linear.label(), "gradient of the weight");
        let stays = if run.autocast || self.leaves {
            Segment::Temporaries
        } else {
            Segment::Gradients
        };
        let weight = self.heap.alloc(stays, name, shape, run.matmul);
        let mut dx = self.temporary(
            Name(linear.label(), "gradient of the input"),
            dx,
            run.matmul,
        );
        self.heap.free(dy);
        self.heap.release(Saved::Linear(linear, OfLinear::Cast));
        if run.autocast {
            if linear == Linear::ExpertsGateUp {
                dx = self.recast(dx, Dtype::Fp32);
            }
            self.gradient(name, shape, Dtype::Fp32);
            self.heap.free(weight);
        } else if self.leaves {
            self.heap.free(weight);
        }
        dx
    }
}
