//! A mixture of experts: what it keeps. In TENSORS.md, 4.8 and 12.
//!
//! Experts run as one grouped product over token copies sorted by expert. Autocast does not touch it: under autocast
//! the experts compute and keep FP32. Llama 4's are a batched product in which every expert sees every token.

use super::run::Block;
use super::saved::{Kept, Linear, OfLinear, Saved, Tape};
use super::tensor::Dtype;
use crate::model::{Experts, Router};

/// Sizes of a block's experts, and the element types they see.
#[derive(Clone, Copy, Debug)]
pub(super) struct Routed {
    /// Tokens, N.
    pub tokens: u64,
    /// Width, h.
    pub hidden: u64,
    /// Copies of tokens that experts work on: N·k, or N for every expert.
    pub slots: u64,
    /// Inner size of one expert, f.
    pub inner: u64,
    /// Experts, E.
    pub experts: u64,
    /// Element type of experts' inputs and outputs.
    pub dtype: Dtype,
    /// Element type in which their outputs are weighed.
    pub weighed: Dtype,
}

impl Block<'_> {
    pub fn routed(&self, experts: &Experts) -> Routed {
        let run = self.run;
        let every = experts.router == Router::Dense;
        let dtype = if every { run.matmul } else { run.parameter };
        Routed {
            tokens: run.tokens,
            hidden: run.architecture.hidden,
            slots: run.tokens * if every { experts.count } else { experts.active },
            inner: experts.size,
            experts: experts.count,
            dtype,
            weighed: if run.how.expert_weights_in_fp32 {
                Dtype::Fp32
            } else {
                dtype
            },
        }
    }

    /// Whether the router multiplies in FP32. Autocast overrules it.
    pub fn router_in_fp32(&self) -> bool {
        self.run.how.router_in_fp32 && self.run.pure_sixteen()
    }

    /// What the experts keep of their input, called `input`, and after it.
    pub fn keep_experts(&self, tape: &mut Tape, experts: &Experts, input: Kept) {
        let run = self.run;
        let x = self.routed(experts);
        let (tokens, h) = (x.tokens, x.hidden);
        let stream = run.parameter;
        if self.router_in_fp32() {
            let copy = Saved::Linear(Linear::Router, OfLinear::InputCopy);
            let cast = Saved::Linear(Linear::Router, OfLinear::Cast);
            tape.keep(copy, [tokens, h], Dtype::Fp32);
            tape.keep(cast, [x.experts, h], Dtype::Fp32);
        } else {
            self.keep_inputs(tape, input, h, stream, &[Linear::Router]);
        }
        if experts.shared_size > 0 {
            let readers = [Linear::SharedGate, Linear::SharedUp];
            self.keep_inputs(tape, input, h, stream, &readers);
            let sides = [tokens, experts.shared_size];
            for kept in [Kept::SharedGate, Kept::SharedUp, Kept::SharedActivated] {
                tape.keep(kept, sides, run.matmul);
            }
            let (hidden, width) = (Kept::SharedHidden, experts.shared_size);
            self.keep_inputs(tape, hidden, width, run.matmul, &[Linear::SharedDown]);
        }
        // Experts that see every token have no gate beside them.
        if experts.shared_gate && experts.router != Router::Dense {
            self.keep_inputs(tape, input, h, stream, &[Linear::SharedScale]);
            tape.keep(Kept::SharedOut, [tokens, h], run.matmul);
            tape.keep(Kept::SharedSigmoid, [tokens], run.matmul);
        }
        self.keep_routing(tape, experts, &x);
        if experts.router == Router::Dense {
            self.keep_every_token(tape, &x);
        } else {
            self.keep_slots(tape, experts, &x);
        }
    }

    /// The router's scores and choice.
    fn keep_routing(&self, tape: &mut Tape, experts: &Experts, x: &Routed) {
        let run = self.run;
        let scores = [x.tokens, x.experts];
        let chosen = [x.tokens, experts.active];
        let low = if run.autocast {
            Dtype::Sixteen
        } else {
            Dtype::Fp32
        };
        tape.keep(Kept::TopIndex, chosen, Dtype::Int64);
        match experts.router {
            Router::Softmax => {
                tape.keep(Kept::RouterScores, scores, Dtype::Fp32);
                if experts.renormalised {
                    tape.keep(Kept::TopSum, [x.tokens], Dtype::Fp32);
                    tape.keep(Kept::TopWeight, chosen, Dtype::Fp32);
                }
            }
            Router::Sigmoid => {
                tape.keep(Kept::RouterScores, scores, low);
                if experts.renormalised {
                    tape.keep(Kept::TopSum, [x.tokens], Dtype::Fp32);
                    tape.keep(Kept::TopWeight, chosen, low);
                }
            }
            Router::Greedy => {
                tape.keep(Kept::RouterScores, scores, Dtype::Fp32);
                if experts.group_limited {
                    tape.keep(Kept::GroupMask, scores, Dtype::Bool);
                }
            }
            Router::TopK => {
                tape.keep(Kept::RouterScores, chosen, run.matmul);
                tape.keep(Kept::SortedIds, chosen, Dtype::Int64);
            }
            Router::Dense => tape.keep(Kept::RouterScores, scores, Dtype::Fp32),
        }
    }

    /// Experts that see the tokens sent to them, sorted by expert.
    fn keep_slots(&self, tape: &mut Tape, experts: &Experts, x: &Routed) {
        let run = self.run;
        let slots = x.slots;
        let weight = match (run.how.expert_weights_in_fp32, experts.router) {
            (true, Router::Sigmoid) if run.autocast => run.matmul,
            (true, _) => Dtype::Fp32,
            (false, _) => run.matmul,
        };
        for kept in [Kept::SortOrder, Kept::SlotToken, Kept::InverseOrder] {
            tape.keep(kept, [slots], Dtype::Int64);
        }
        tape.keep(Kept::Offsets, [x.experts], Dtype::Int32);
        tape.keep(Kept::Gathered, [slots, x.hidden], x.dtype);
        tape.keep(Kept::GatheredWeight, [slots], weight);
        tape.keep(Kept::ExpertGateUp, [slots, 2 * x.inner], x.dtype);
        let inner = [slots, x.inner];
        if experts.expert_bias {
            // (up + 1) · gate · sigmoid(α·gate), both clamped (gpt-oss).
            for kept in [
                Kept::ClampedGate,
                Kept::GateSigmoid,
                Kept::Glu,
                Kept::UpPlusOne,
            ] {
                tape.keep(kept, inner, x.dtype);
            }
        } else {
            tape.keep(Kept::ExpertActivated, inner, x.dtype);
        }
        tape.keep(Kept::ExpertHidden, inner, x.dtype);
        tape.keep(Kept::ExpertOut, [slots, x.hidden], x.dtype);
    }

    /// Experts that each see every token, scaled by its score: zeros but for the chosen.
    fn keep_every_token(&self, tape: &mut Tape, x: &Routed) {
        let run = self.run;
        let slots = x.slots;
        tape.keep(Kept::Repeated, [slots, x.hidden], run.parameter);
        tape.keep(Kept::Scores, [x.experts, x.tokens], run.matmul);
        tape.keep(Kept::RepeatedScaled, [slots, x.hidden], x.dtype);
        tape.keep(Kept::ExpertGateUp, [slots, 2 * x.inner], x.dtype);
        tape.keep(Kept::ExpertActivated, [slots, x.inner], x.dtype);
        tape.keep(Kept::ExpertHidden, [slots, x.inner], x.dtype);
        if run.autocast {
            let both = Saved::Linear(Linear::ExpertsGateUp, OfLinear::Cast);
            let down = Saved::Linear(Linear::ExpertsDown, OfLinear::Cast);
            let sides = [x.experts, x.hidden, 2 * x.inner];
            tape.keep(both, sides, Dtype::Sixteen);
            let sides = [x.experts, x.inner, x.hidden];
            tape.keep(down, sides, Dtype::Sixteen);
        }
    }
}
