//! Attention: what it keeps, and what its backward pass holds. In the tables of TENSORS.md, 4.4, 4.5 and 7.
//!
//! Latent attention has a file of its own, [`latent`](super::latent).

use super::implementation::Rotary;
use super::run::Block;
use super::saved::{Kept, Linear, OfNorm, Saved, Site, Tape};
use super::tensor::Dtype;
use crate::model::QkNorm;
use crate::training::{AttentionKernel, Stack};

/// Sizes of a block's attention, and the element types its kernel sees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heads {
    /// Sequences, b.
    pub batch: u64,
    /// Tokens of each, s.
    pub sequence: u64,
    /// Query heads, a.
    pub queries: u64,
    /// Key and value heads that reach the scores: g, or a where they are expanded before the rotation.
    pub keys: u64,
    /// Key and value heads of the projections, g.
    pub projected: u64,
    /// Width of a head, d.
    pub dim: u64,
    /// Element type of q, k, v and the output.
    pub dtype: Dtype,
}

impl Heads {
    pub const fn query(&self) -> [u64; 4] {
        [self.batch, self.queries, self.sequence, self.dim]
    }

    pub const fn key(&self) -> [u64; 4] {
        [self.batch, self.keys, self.sequence, self.dim]
    }

    /// Scores of every query with every key.
    pub const fn scores(&self) -> [u64; 4] {
        [self.batch, self.queries, self.sequence, self.sequence]
    }

    /// The fused projection's output.
    pub const fn fused(&self) -> [u64; 3] {
        let width = (self.queries + 2 * self.projected) * self.dim;
        [self.batch, self.sequence, width]
    }

    /// Whether keys and values have to be repeated for the queries of their group.
    pub const fn grouped(&self) -> bool {
        self.queries > self.keys
    }
}

/// Which of q, k and v need a gradient: all, but in the first block with adapters.
#[derive(Clone, Copy, Debug)]
struct Needs {
    query: bool,
    key: bool,
    value: bool,
}

impl Block<'_> {
    pub fn heads(&self) -> Heads {
        let run = self.run;
        let attention = &run.architecture.attention;
        let keys = if run.how.kv_expanded {
            attention.heads
        } else {
            attention.kv_heads
        };
        Heads {
            batch: run.step.micro_batch,
            sequence: run.step.sequence,
            queries: attention.heads,
            keys,
            projected: attention.kv_heads,
            dim: attention.head_dim,
            dtype: run.matmul,
        }
    }

    pub fn fused_qkv(&self) -> bool {
        self.run.architecture.family.fused_qkv() || self.run.step.stack == Stack::LitGpt
    }

    /// Whether queries and keys are tensors of their own and not views of a fused projection: the rotation makes them, or
    /// a norm.
    pub fn owns_queries(&self) -> bool {
        self.rotary().is_some() || !self.fused_qkv() || self.weighted_qk_norm()
    }

    fn needs(&self) -> Needs {
        let all = self.trained() || !self.kind.first_trained;
        let fused = self.adapted(Linear::QueryKeyValue).is_some();
        let one = |linear| all || self.adapted(linear).is_some() || self.fused_qkv() && fused;
        Needs {
            query: one(Linear::Query),
            key: one(Linear::Key),
            value: one(Linear::Value),
        }
    }

    /// Dtype of q and k where the scores are computed eagerly.
    pub fn score_dtype(&self) -> Dtype {
        if self.run.how.scores_in_fp32 && !self.run.autocast {
            Dtype::Fp32
        } else {
            self.run.matmul
        }
    }

    /// What attention keeps between its projections.
    pub fn keep_attention(&self, tape: &mut Tape) {
        self.keep_around_scores(tape);
        let needs = self.needs();
        if !(needs.query || needs.key || needs.value) {
            return;
        }
        match self.kernel() {
            AttentionKernel::Eager => self.keep_eager(tape, needs),
            AttentionKernel::Math => self.keep_math(tape),
            _ => self.keep_kernel(tape),
        }
    }

    /// The tensor that the output projection reads: a fused kernel's output, or a contiguous copy of the heads. Flash's
    /// and cuDNN's output has q's layout, which is not that of the projection where q was concatenated.
    pub fn attended(&self) -> Kept {
        let concatenated = self.rotary() == Some(Rotary::Concatenated);
        match self.kernel() {
            AttentionKernel::Eager | AttentionKernel::Math => Kept::AttendedCopy,
            AttentionKernel::Flash | AttentionKernel::Cudnn if concatenated => Kept::AttendedCopy,
            _ => Kept::Attended,
        }
    }

    /// What is kept between the projections and the scores.
    fn keep_around_scores(&self, tape: &mut Tape) {
        let (run, x) = (self.run, self.heads());
        let attention = &run.architecture.attention;
        let sides = [x.sequence, attention.rotary_dim];
        if run.how.kv_indexed {
            tape.keep_all(Kept::KeyValueIndex, [1], Dtype::Int64, 2);
        }
        if run.how.rotary_tables_in_blocks && self.rotary().is_some() {
            tape.keep_all(Kept::RotaryTables, sides, run.parameter, 2);
        }
        if self.rotary() == Some(Rotary::Interleaved) {
            tape.keep_all(Kept::RotaryTables, sides, x.dtype, 4);
        }
        if attention.clip_qkv {
            let projected = [x.batch, x.sequence, x.projected * x.dim];
            let queries = [x.batch, x.sequence, x.queries * x.dim];
            tape.keep(Kept::QueryBeforeClamp, queries, x.dtype);
            tape.keep(Kept::KeyBeforeClamp, projected, x.dtype);
            tape.keep(Kept::ValueBeforeClamp, projected, x.dtype);
        }
        if run.how.unrotated_queries_scaled && self.rotary().is_none() {
            tape.keep(Kept::QueryScale, [x.sequence], Dtype::Fp32);
        }
        if self.unweighted_qk_norm() {
            for (site, sides) in [(Site::Query, x.query()), (Site::Key, x.key())] {
                let [b, heads, s, _] = sides;
                let input = if x.dtype == Dtype::Sixteen {
                    OfNorm::InputFp32
                } else {
                    OfNorm::Input
                };
                tape.keep(Saved::Norm(site, input), sides, Dtype::Fp32);
                let rows = [b, heads, s];
                tape.keep(Saved::Norm(site, OfNorm::Deviation), rows, Dtype::Fp32);
            }
        }
    }

    /// Llama 4's norm of rotated queries and keys, without weights.
    pub fn unweighted_qk_norm(&self) -> bool {
        self.run.architecture.attention.qk_norm == QkNorm::Unweighted && self.rotary().is_some()
    }

    /// Whether q and k are normalised with weights.
    pub fn weighted_qk_norm(&self) -> bool {
        let norm = self.run.architecture.attention.qk_norm;
        !matches!(norm, QkNorm::None | QkNorm::Unweighted)
    }

    /// Scores, softmax and their product, one by one.
    fn keep_eager(&self, tape: &mut Tape, needs: Needs) {
        let (run, x) = (self.run, self.heads());
        let attention = &run.architecture.attention;
        let several = x.keys > 1 || x.batch > 1;
        let repeated = |dense: bool| {
            if x.grouped() && dense {
                x.query()
            } else {
                x.key()
            }
        };
        let copied_all = run.how.alibi_table && x.batch > 1;
        if self.owns_queries() && !copied_all {
            if needs.key {
                tape.keep(Kept::Query, x.query(), self.score_dtype());
            }
            if needs.query {
                // One key head and one sequence: the repeated keys are a view.
                let copied = several || run.autocast && !run.how.kv_unrepeated;
                tape.keep(Kept::Key, repeated(copied), self.score_dtype());
            }
        }
        let scores = needs.query || needs.key;
        if copied_all {
            for kept in [Kept::Query, Kept::Key, Kept::Value] {
                tape.keep(kept, x.query(), x.dtype);
            }
        } else if !scores {
            // The values' gradient needs the probabilities only.
        } else if run.how.kv_indexed {
            tape.keep(Kept::Value, repeated(x.batch > 1), x.dtype);
        } else if self.fused_qkv()
            && !(self.owns_queries()
                && (x.batch > 1 || x.grouped() && x.keys > 1 || self.copies_values()))
        {
            // A product of more than one sequence copies strided views; here v stays one.
            self.keep_fused(tape, &x);
        } else {
            tape.keep(Kept::Value, repeated(several), x.dtype);
        }
        tape.mark_scores();
        if run.scores_again() {
            return;
        }
        let full = x.scores();
        let sixteen = x.dtype == Dtype::Sixteen;
        let wide = run.how.softmax_in_fp32 || run.autocast;
        let softmax = if wide { Dtype::Fp32 } else { x.dtype };
        if attention.sinks {
            let [b, a, s, _] = full;
            if scores {
                tape.keep(Kept::RowMaximum, [b, a, s], Dtype::Int64);
                tape.keep(Kept::Softmax, [b, a, s, s + 1], softmax);
            }
            if run.autocast && needs.value {
                tape.keep(Kept::Probabilities, full, Dtype::Sixteen);
            }
            return;
        }
        if scores && attention.soft_cap {
            tape.keep(Kept::Capped, full, x.dtype);
        }
        let converted = wide && sixteen && !run.dropout.attention;
        if scores || needs.value && !converted && !run.dropout.attention {
            tape.keep(Kept::Softmax, full, softmax);
        }
        if converted && needs.value {
            tape.keep(Kept::Probabilities, full, Dtype::Sixteen);
        }
        if run.dropout.attention {
            if needs.value {
                tape.keep(Kept::Dropped, full, x.dtype);
            }
            if scores {
                tape.keep(Kept::ProbabilityMask, full, Dtype::Bool);
            }
        }
    }

    /// PyTorch's composite kernel: always in FP32 inside, the scale divided between q and k.
    fn keep_math(&self, tape: &mut Tape) {
        let x = self.heads();
        tape.keep(Kept::Query, x.query(), Dtype::Fp32);
        tape.keep(Kept::Key, x.query(), Dtype::Fp32);
        if x.dtype == Dtype::Sixteen {
            tape.keep(Kept::ValueFp32, x.query(), Dtype::Fp32);
        } else if self.fused_qkv() && x.batch == 1 {
            self.keep_fused(tape, &x);
        } else {
            tape.keep(Kept::Value, x.query(), x.dtype);
        }
        tape.keep(Kept::Softmax, x.scores(), Dtype::Fp32);
    }

    /// A kernel that keeps no scores: flash, efficient or cuDNN.
    fn keep_kernel(&self, tape: &mut Tape) {
        let (run, x) = (self.run, self.heads());
        let (repeats_keys, repeats_values) = self.repeats(&x);
        let repeated = |repeats| if repeats { x.query() } else { x.key() };
        if self.owns_queries() {
            tape.keep(Kept::Query, x.query(), x.dtype);
            tape.keep(Kept::Key, repeated(repeats_keys), x.dtype);
        }
        if self.fused_qkv() && !(run.how.kv_indexed || self.copies_values()) {
            self.keep_fused(tape, &x);
        } else {
            tape.keep(Kept::Value, repeated(repeats_values), x.dtype);
        }
        if self.kind.masked {
            let row = x.sequence.next_multiple_of(8);
            tape.keep(Kept::Bias, [x.batch, x.sequence, row], x.dtype);
        }
        tape.keep(Kept::Attended, x.query(), x.dtype);
        self.keep_statistics(tape);
    }

    /// Whether grouped values of a fused projection are repeated, so that no view of it is left. A single head's are a
    /// view.
    fn copies_values(&self) -> bool {
        let x = self.heads();
        self.run.step.stack == Stack::LitGpt && x.queries > x.projected && x.projected > 1
    }

    /// What a fused kernel keeps beside its operands: the rows' log-sum-exp, and its random state also without dropout.
    pub fn keep_statistics(&self, tape: &mut Tape) {
        let x = self.heads();
        let rows = match self.kernel() {
            AttentionKernel::Efficient => x.sequence.next_multiple_of(32),
            _ => x.sequence,
        };
        tape.keep(Kept::LogSumExp, [x.batch, x.queries, rows], Dtype::Fp32);
        tape.keep_all(Kept::Seed, [1], Dtype::Int64, 2);
    }

    /// Whether grouped keys, and values, are repeated for a kernel: in transformers with a mask only. A single head's are a view, but
    /// for keys under autocast, whose cast makes them a tensor.
    pub fn repeats(&self, x: &Heads) -> (bool, bool) {
        let run = self.run;
        let repeats =
            x.grouped() && (self.kind.masked && !run.how.kv_unrepeated || run.how.kv_repeated);
        (
            repeats && (x.keys > 1 || run.autocast),
            repeats && x.keys > 1,
        )
    }

    /// The fused projection's output, kept whole by every view of it.
    fn keep_fused(&self, tape: &mut Tape, x: &Heads) {
        tape.keep(Kept::QueryKeyValue, x.fused(), x.dtype);
        if !self.owns_queries() {
            tape.keep(Kept::QueryKeyValue, x.fused(), x.dtype);
        }
    }
}
