//! A block's forward pass: what stands at its highest point, and what autocast keeps for itself.

use super::run::Block;
use super::saved::{Linear, OfLinear, Saved, Tape};
use super::tally::Tally;
use super::tensor::{Dtype, Name, Segment};
use crate::training::AttentionKernel;

impl Block<'_> {
    /// The highest point of the forward pass, relative to its start.
    pub fn forward(&self, tape: &Tape) -> Tally {
        let run = self.run;
        let mut tally = Tally::new(run.listing);
        let _ = tape;
        if self.kernel() == AttentionKernel::Eager {
            let x = self.heads();
            let segment = Segment::Temporaries;
            let place = self.place();
            let wide = run.how.softmax_in_fp32 || run.autocast;
            let softmax = if wide { Dtype::Fp32 } else { x.dtype };
            let mut add = |what, sides: [u64; 4], dtype, count| {
                tally.add(segment, place, Name("attention", what), sides, dtype, count);
            };
            add("scores", x.scores(), x.dtype, 1);
            add("softmax", x.scores(), softmax, 1);
            if softmax != x.dtype {
                add("scores, FP32", x.scores(), softmax, 1);
            }
            let [b, _, s, _] = x.query();
            add(
                "block input",
                [b, s, run.architecture.hidden, 1],
                x.dtype,
                1,
            );
            add("q, k and v", x.query(), x.dtype, 3);
        }
        tally
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
            let matrix = self.matrix(linear);
            let mut add = |what: OfLinear, sides: [u64; 2]| {
                let saved = Saved::Linear(linear, what);
                if tape.held(saved) > 0 && self.kind.recomputed {
                    let (segment, place) = (Segment::Casts, self.place());
                    tally.add(segment, place, saved.name(), sides, Dtype::Sixteen, 1);
                }
            };
            if let Some(adapters) = self.adapted(linear) {
                add(OfLinear::AdapterCastA, [adapters.rank, matrix.inputs]);
                add(OfLinear::AdapterCastB, [matrix.outputs, adapters.rank]);
            }
            if trained {
                add(OfLinear::Cast, [matrix.outputs, matrix.inputs]);
                let used = tape.held(Saved::Linear(linear, OfLinear::Cast)) > 0;
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
