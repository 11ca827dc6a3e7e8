//! A block's forward pass: what stands at its highest point, and what autocast keeps for itself. In TENSORS.md, 6.
//!
//! Fused kernels hold little that is not kept; scores computed one by one, and experts that see every token, hold more
//! while they run than they keep. It is a step's peak only where blocks are recomputed.

use super::experts::Routed;
use super::implementation::{Rotary, Scores};
use super::run::Block;
use super::saved::{Kept, Linear, OfLinear, Saved, Tape};
use super::tally::Tally;
use super::tensor::{Dtype, Name, Segment, Shape};
use crate::model::Router;
use crate::training::AttentionKernel;

impl Block<'_> {
    /// The highest point of the forward pass.
    pub fn forward(&self, tape: &Tape) -> Tally {
        let kept = !self.kind.recomputed;
        self.highest(tape, kept, |_| {})
    }

    /// The highest point of a block's second forward pass, in the middle of the backward pass: what it keeps is kept
    /// now, and the gradients that need no saved tensor have run.
    pub fn recomputation(&self, tape: &Tape) -> Option<Tally> {
        if !self.kind.recomputed || self.kind.untrained {
            return None;
        }
        let run = self.run;
        let rows = self.stream_rows();
        let stream = [rows.count, rows.width];
        Some(self.highest(tape, true, |tally| {
            self.add(tally, "residual stream’s gradient", stream, run.parameter);
            let experts = self.experts();
            let shared = experts.is_none_or(|experts| experts.shared_size > 0);
            if shared && run.autocast {
                self.add(tally, "branch’s gradient", stream, run.matmul);
            }
            if let Some(experts) = experts
                && (experts.router == Router::Dense || !shared)
            {
                let x = self.routed(experts);
                self.add(tally, "gradient by slot", [x.slots, x.hidden], x.weighed);
            }
        }))
    }

    /// The highest point of a forward pass, with what stands around it. With `kept`, what the tape keeps is kept.
    fn highest(&self, tape: &Tape, kept: bool, around: impl Fn(&mut Tally)) -> Tally {
        let mut largest = Tally::new(self.run.listing);
        let start = |mut tally: Tally| {
            if !kept {
                tally.only(Segment::Casts);
            }
            around(&mut tally);
            tally
        };
        if self.kernel() == AttentionKernel::Eager {
            let mut scores = start(Tally::before_scores(tape));
            self.add_locals(&mut scores, tape, kept);
            self.add_scores(&mut scores, kept);
            largest = largest.larger(scores);
        }
        if let Some(every) = self.experts().filter(|one| one.router == Router::Dense) {
            let mut experts = start(Tally::of_tape(tape));
            self.add_every_token(&mut experts, tape, kept, &self.routed(every));
            largest = largest.larger(experts);
        }
        largest
    }

    /// Adds what stands beside what is kept while the second product of experts runs that see every token.
    fn add_every_token(&self, tally: &mut Tally, tape: &Tape, kept: bool, x: &Routed) {
        let run = self.run;
        let rows = self.stream_rows();
        let stream = [rows.count, rows.width];
        let slots = [x.slots, x.hidden];
        let held = |saved: Kept| kept && tape.held(saved.into()) > 0;
        self.add(tally, "attention branch", stream, run.matmul);
        if !held(Kept::ResidualIn) {
            self.add(tally, "block input", stream, run.parameter);
        }
        if !held(Kept::ResidualMid) {
            self.add(tally, "residual stream", stream, run.parameter);
        }
        if !held(Kept::FeedForwardInput) {
            self.add(tally, "norm’s output", stream, run.parameter);
        }
        if !kept && self.kernel() == AttentionKernel::Eager {
            // Returned beside the branch's output.
            self.add(tally, "probabilities", self.heads().scores(), x.dtype);
        }
        if !kept || x.dtype != run.parameter {
            self.add(tally, "experts’ input", slots, run.parameter);
        }
        if !kept {
            self.add(tally, "gate and up", [x.slots, 2 * x.inner], x.dtype);
            self.add(tally, "down’s input", [x.slots, x.inner], x.dtype);
        }
        self.add(tally, "experts’ output", slots, x.dtype);
    }

    /// Adds a tensor that only the forward pass holds.
    fn add(&self, tally: &mut Tally, what: &'static str, shape: impl Into<Shape>, dtype: Dtype) {
        let name = Name("forward pass", what);
        tally.add(Segment::Temporaries, self.place(), name, shape, dtype, 1);
    }

    /// Adds what the code's variables hold while the scores are computed. With `kept`, tensors that autograd keeps are
    /// counted already.
    fn add_locals(&self, tally: &mut Tally, tape: &Tape, kept: bool) {
        let run = self.run;
        let x = self.heads();
        let rows = self.stream_rows();
        let stream = [rows.count, rows.width];
        let held = |saved: Kept| kept && tape.held(saved.into()) > 0;
        // Rotation by FP32 tables makes FP32 queries and keys, whose 16-bit casts are kept.
        let by_tables = matches!(
            self.rotary(),
            Some(Rotary::Whole | Rotary::Concatenated | Rotary::Halves)
        );
        let cast_back = run.how.rotary_tables_in_fp32 || run.how.rotated_in_fp32;
        let wide = run.autocast && by_tables && !cast_back;
        let rotated = if wide { Dtype::Fp32 } else { x.dtype };
        let mut add = |what, shape: Shape, dtype| self.add(tally, what, shape, dtype);
        if !held(Kept::ResidualIn) {
            add("block input", stream.into(), run.parameter);
        }
        if !held(self.attention_source()) {
            add("norm’s output", stream.into(), run.parameter);
        }
        if run.how.norms_first {
            add("second norm’s output", stream.into(), run.parameter);
        }
        if self.fused_qkv() && !held(Kept::QueryKeyValue) {
            add("q, k and v in one", x.fused().into(), x.dtype);
        }
        if self.owns_queries() {
            let repeated = x.grouped() && x.keys > 1;
            if wide || !held(Kept::Query) {
                add("q", x.query().into(), rotated);
            }
            if wide || repeated || !held(Kept::Key) {
                add("k", x.key().into(), rotated);
            }
            if repeated && (wide || !held(Kept::Key)) {
                add("k repeated", x.query().into(), rotated);
            }
            if run.how.scores_in_fp32 {
                let copies = kept && self.score_dtype() == Dtype::Fp32;
                if !copies && x.dtype != Dtype::Fp32 {
                    add("q, FP32", x.query().into(), Dtype::Fp32);
                    add("k, FP32", x.key().into(), Dtype::Fp32);
                }
            }
            if wide && !kept {
                add("q, cast", x.query().into(), x.dtype);
                add("k, cast", x.query().into(), x.dtype);
            }
            let own = !self.fused_qkv() || run.how.kv_indexed;
            if own && (repeated || !held(Kept::Value)) {
                add("v", x.key().into(), x.dtype);
            }
            if repeated && !held(Kept::Value) {
                add("v repeated", x.query().into(), x.dtype);
            }
        }
    }

    /// Adds the scores and what is made of them at once. With `kept`, autograd keeps some of these.
    fn add_scores(&self, tally: &mut Tally, kept: bool) {
        let run = self.run;
        let x = self.heads();
        let full = x.scores();
        let scores = self.score_dtype().bytes();
        // Masks have the model's dtype: added, they make 16-bit scores FP32 under autocast.
        let masked = scores.max(run.parameter.bytes());
        let softmax = if run.how.softmax_in_fp32 || run.autocast {
            4
        } else {
            masked
        };
        let converted = if softmax > masked { softmax } else { 0 };
        let cast_back = run.how.rotary_tables_in_fp32 || run.how.rotated_in_fp32;
        let rotated = run.autocast && self.rotary().is_some() && !cast_back;
        let probabilities = if rotated { 4 } else { x.dtype.bytes() };
        let cast = if probabilities < softmax {
            probabilities
        } else {
            0
        };
        let mut candidates = [0; 4];
        match run.how.scores {
            Scores::Plain => {
                candidates[0] = scores + masked;
                candidates[1] = masked + converted + softmax;
                candidates[2] = masked + softmax + cast;
                if run.dropout.attention {
                    // Softmax, its cast, the dropped probabilities, and the mask of a byte each.
                    let product = if rotated { x.dtype.bytes() } else { 0 };
                    let lasting = if kept { product } else { 0 };
                    candidates[3] = softmax + cast + probabilities + 1 + lasting;
                }
            }
            Scores::Held => {
                candidates[0] = scores + masked + converted + softmax;
                candidates[1] = scores + masked + softmax + cast;
            }
            Scores::SumInline => candidates[0] = scores + masked + softmax,
            Scores::Biased => {
                candidates[0] = scores + 4;
                candidates[1] = 4 + 4;
                candidates[2] = 4 + 4 + if x.dtype == Dtype::Sixteen { 2 } else { 0 };
            }
            Scores::Sinks => {
                let copy = if run.autocast { 2 } else { 0 };
                candidates[0] = 3 * masked + copy;
            }
        }
        let mut bytes = candidates.into_iter().max().unwrap_or(0);
        if run.how.probabilities_returned && !kept {
            // Those of the block before.
            bytes += match run.how.scores {
                Scores::SumInline => softmax,
                _ => x.dtype.bytes(),
            };
        }
        let [b, a, s, _] = full;
        let name = Name("forward pass", "scores and what is made of them");
        let sides = [b, a, s, s * bytes];
        tally.add(
            Segment::Temporaries,
            self.place(),
            name,
            sides,
            Dtype::Byte,
            1,
        );
    }

    /// Weight casts that stand until the loss is computed, beside those that the tape keeps: autocast's cache holds one
    /// of every trained weight that a linear layer used, blocks recomputed or not, and of its bias.
    pub fn cached(&self, tape: &Tape) -> Tally {
        let run = self.run;
        let mut tally = Tally::new(run.listing);
        if !run.autocast || self.kind.untrained {
            return tally;
        }
        let trained = self.trained();
        if self.kind.recomputed && run.how.casts_uncached {
            return tally;
        }
        for &linear in Linear::ALL {
            let used = tape.held(Saved::Linear(linear, OfLinear::Cast)) > 0;
            let adapters = self.adapted(linear);
            if !used && adapters.is_none() {
                continue;
            }
            let matrix = self.matrix(linear);
            let count = match (linear, self.experts()) {
                (Linear::ExpertsGateUp | Linear::ExpertsDown, Some(experts)) => experts.count,
                _ => 1,
            };
            let mut add = |what: OfLinear, sides: [u64; 2]| {
                let saved = Saved::Linear(linear, what);
                if tape.held(saved) > 0 && self.kind.recomputed {
                    let sides = [count, sides[0], sides[1]];
                    let (segment, place) = (Segment::Casts, self.place());
                    tally.add(segment, place, saved.name(), sides, Dtype::Sixteen, 1);
                }
            };
            if let Some(adapters) = adapters {
                let sides = self.adapter_sides(adapters, linear);
                add(OfLinear::AdapterCastA, sides.a);
                add(OfLinear::AdapterCastB, sides.b);
            }
            if trained {
                add(OfLinear::Cast, [matrix.outputs, matrix.inputs]);
                if used && matrix.bias {
                    let name = Name(linear.label(), "bias cast");
                    let (segment, place) = (Segment::Casts, self.place());
                    tally.add(segment, place, name, [matrix.outputs], Dtype::Sixteen, 1);
                }
            }
        }
        tally
    }
}
