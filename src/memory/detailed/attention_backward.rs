//! Attention's backward pass. In TENSORS.md, 7.

use super::attention::Heads;
use super::backward::Backward;
use super::norm::Rows;
use super::saved::{Kept, Linear, OfNorm, Saved, Site};
use super::tally::Live;
use super::tensor::{Dtype, Name};
use crate::model::QkNorm;
use crate::training::AttentionKernel;

/// Gradients of what attention reads.
pub(super) struct Gradients {
    pub query: Live,
    pub key: Live,
    pub value: Live,
}

const OUTPUT: Name = Name("attention", "gradient of the output, FP32");
const QUERY: Name = Name("q", "gradient");
const KEY: Name = Name("k", "gradient");
const VALUE: Name = Name("v", "gradient");
const PROBABILITIES: Name = Name("probabilities", "gradient");
const SCORES: Name = Name("scores", "gradient");

impl Backward<'_> {
    /// From the gradient of the branch's output to that of its input, added to the one that waits, `waiting`.
    pub fn attention(&mut self, dy: Live, waiting: Option<Live>) -> Live {
        let block = self.block;
        let attended = block.attended();
        let d_out = self.linear(Linear::Output, attended, block.run.matmul, dy, None);
        if let Some(latent) = &block.run.architecture.attention.latent {
            return self.latent_attention(latent, d_out, waiting);
        }
        let gradients = match block.kernel() {
            AttentionKernel::Eager => self.eager(d_out),
            AttentionKernel::Math => self.math(d_out),
            _ => self.kernel(d_out),
        };
        let gradients = self.rotation(gradients);
        self.projections(gradients, waiting)
    }

    fn eager(&mut self, d_out: Live) -> Gradients {
        let block = self.block;
        let x = block.heads();
        let full = x.scores();
        let repeated = if x.grouped() { x.query() } else { x.key() };
        let again = self.scores_again();
        let value = self.temporary(VALUE, repeated, x.dtype);
        let probabilities = self.temporary(PROBABILITIES, full, x.dtype);
        self.heap.free(d_out);
        self.release_all([
            Kept::Value,
            Kept::Probabilities,
            Kept::Dropped,
            Kept::QueryKeyValue,
        ]);
        // Broadcast values are summed at once: their expansion was made last. Repeated ones were made first.
        let value = if block.run.how.kv_unrepeated {
            self.over_groups(&x, value)
        } else {
            value
        };
        let scores = self.softmax(probabilities);
        let dtype = block.score_dtype();
        let mut query = self.temporary(QUERY, x.query(), dtype);
        let keys = if dtype == x.dtype {
            repeated
        } else {
            x.query()
        };
        let mut key = self.temporary(KEY, keys, dtype);
        self.heap.free(scores);
        self.free_scores(again);
        self.release_all([Kept::Query, Kept::Key, Kept::QueryKeyValue]);
        if dtype != x.dtype {
            query = self.recast(query, x.dtype);
            key = self.recast(key, x.dtype);
        }
        let key = self.over_groups(&x, key);
        let value = self.over_groups(&x, value);
        Gradients { query, key, value }
    }

    /// What selective recomputation brings back: softmax and probabilities.
    pub fn scores_again(&mut self) -> Option<[Live; 2]> {
        let run = self.block.run;
        if !run.scores_again() {
            return None;
        }
        let x = self.block.heads();
        let wide = run.how.softmax_in_fp32 || run.autocast;
        let softmax = if wide { Dtype::Fp32 } else { x.dtype };
        let name = |what| Name("recomputed", what);
        Some([
            self.temporary(name("softmax"), x.scores(), softmax),
            self.temporary(name("probabilities"), x.scores(), x.dtype),
        ])
    }

    /// Gives them back.
    pub fn free_scores(&mut self, again: Option<[Live; 2]>) {
        for scores in again.into_iter().flatten() {
            self.heap.free(scores);
        }
    }

    /// From the gradient of the probabilities to that of the scores.
    fn softmax(&mut self, probabilities: Live) -> Live {
        let run = self.block.run;
        let attention = &run.architecture.attention;
        let x = self.block.heads();
        let sixteen = x.dtype == Dtype::Sixteen;
        let wide = sixteen && (run.how.softmax_in_fp32 || run.autocast);
        // Under autocast rotated queries are FP32, and so are the probabilities that dropout sees.
        let late = run.autocast && self.block.kind.rotary;
        let dropout = |this: &mut Self, probabilities: Live| {
            let before = this.temporary(PROBABILITIES, x.scores(), probabilities.dtype);
            this.heap.free(probabilities);
            this.heap.release(Kept::ProbabilityMask.into());
            before
        };
        let mut gradient = probabilities;
        if run.dropout.attention && !late {
            gradient = dropout(self, gradient);
        }
        if wide {
            gradient = self.recast(gradient, Dtype::Fp32);
        }
        if run.dropout.attention && late {
            gradient = dropout(self, gradient);
        }
        let mut scores = if attention.sinks {
            self.softmax_with_sinks(gradient)
        } else {
            let scores = self.temporary(SCORES, x.scores(), gradient.dtype);
            self.heap.free(gradient);
            self.heap.release(Kept::Softmax.into());
            scores
        };
        if wide {
            scores = self.recast(scores, Dtype::Sixteen);
        }
        if attention.soft_cap {
            // cap·tanh(scores / cap), last operation first.
            scores = self.again(scores);
            scores = self.again(scores);
            self.heap.release(Kept::Capped.into());
            scores = self.again(scores);
        }
        // The scores' scale.
        self.again(scores)
    }

    /// A softmax over the scores and one column more, shifted by each row's maximum (gpt-oss).
    fn softmax_with_sinks(&mut self, gradient: Live) -> Live {
        let x = self.block.heads();
        let dtype = gradient.dtype;
        let [b, a, s, _] = x.scores();
        let wider = [b, a, s, s + 1];
        let sliced = self.temporary(PROBABILITIES, wider, dtype);
        self.heap.free(gradient);
        let scores = self.temporary(SCORES, wider, dtype);
        self.heap.free(sliced);
        self.heap.release(Kept::Softmax.into());
        let negated = self.temporary(SCORES, wider, dtype);
        self.heap.free(negated);
        let zeros = self.temporary(Name("maximum", "gradient"), wider, dtype);
        let scattered = self.temporary(Name("maximum", "gradient, scattered"), wider, dtype);
        self.heap.free(zeros);
        let sum = self.temporary(SCORES, wider, dtype);
        self.heap.free(scattered);
        self.heap.free(scores);
        self.heap.release(Kept::RowMaximum.into());
        let scores = self.temporary(SCORES, x.scores(), dtype);
        self.heap.free(sum);
        scores
    }

    /// An elementwise operation's gradient takes the place of another.
    pub fn again(&mut self, gradient: Live) -> Live {
        let dtype = gradient.dtype;
        self.recast(gradient, dtype)
    }

    fn math(&mut self, d_out: Live) -> Gradients {
        let x = self.block.heads();
        let (full, heads) = (x.scores(), x.query());
        let d_out = if x.dtype == Dtype::Sixteen {
            let wide = self.temporary(OUTPUT, heads, Dtype::Fp32);
            self.heap.free(d_out);
            wide
        } else {
            d_out
        };
        let value = self.temporary(VALUE, heads, Dtype::Fp32);
        let probabilities = self.temporary(PROBABILITIES, full, Dtype::Fp32);
        self.heap.free(d_out);
        self.release_all([Kept::ValueFp32, Kept::Value, Kept::QueryKeyValue]);
        let scores = self.temporary(SCORES, full, Dtype::Fp32);
        self.heap.free(probabilities);
        self.heap.release(Kept::Softmax.into());
        let query = self.temporary(QUERY, heads, Dtype::Fp32);
        let key = self.temporary(KEY, heads, Dtype::Fp32);
        self.heap.free(scores);
        self.release_all([Kept::Query, Kept::Key, Kept::QueryKeyValue]);
        let [query, key, value] =
            [(query, heads), (key, x.key()), (value, x.key())].map(|(gradient, sides)| {
                let narrow = self.temporary(gradient.name, sides, x.dtype);
                self.heap.free(gradient);
                narrow
            });
        Gradients { query, key, value }
    }

    /// Of a fused kernel.
    fn kernel(&mut self, d_out: Live) -> Gradients {
        let block = self.block;
        let x = block.heads();
        let (repeats_keys, repeats_values) = block.repeats(&x);
        let sides = |repeats| if repeats { x.query() } else { x.key() };
        let query = self.temporary(QUERY, x.query(), x.dtype);
        let key = self.temporary(KEY, sides(repeats_keys), x.dtype);
        let value = self.temporary(VALUE, sides(repeats_values), x.dtype);
        self.kernel_buffers(&x);
        self.heap.free(d_out);
        self.release_kernel();
        let key = self.over_groups(&x, key);
        let value = self.over_groups(&x, value);
        Gradients { query, key, value }
    }

    /// A fused kernel is done with what it kept.
    pub fn release_kernel(&mut self) {
        self.release_all([
            Kept::Attended,
            Kept::Query,
            Kept::Key,
            Kept::Value,
            Kept::QueryKeyValue,
            Kept::QueryKeyValue,
            Kept::KeyValue,
            Kept::Bias,
            Kept::LogSumExp,
            Kept::Seed,
        ]);
    }

    /// What flash attention's backward pass allocates inside: an FP32 accumulator of the queries' gradient, row sums, and
    /// keys' and values' gradients of every query head (mha_varlen_bwd and mha_bwd in PyTorch's flash_api.cpp).
    fn kernel_buffers(&mut self, x: &Heads) {
        let flash = self.block.kernel() == AttentionKernel::Flash;
        if self.block.run.step.recorded || !flash {
            return;
        }
        let rows = x.sequence.next_multiple_of(128);
        let dim = x.dim.next_multiple_of(32);
        let name = |what| Name("flash attention", what);
        let sides = [x.batch, x.queries, rows, dim];
        let accumulator = self.temporary(name("accumulated gradient of q"), sides, Dtype::Fp32);
        let sums = [x.batch, x.queries, rows];
        let sums = self.temporary(name("row sums"), sums, Dtype::Fp32);
        if x.grouped() {
            let key = self.temporary(name("gradient of k by query head"), x.query(), x.dtype);
            self.scratch(name("gradient of v by query head"), x.query(), x.dtype);
            self.heap.free(key);
        }
        self.heap.free(accumulator);
        self.heap.free(sums);
    }

    /// The gradient of repeated keys or values, summed over each group.
    fn over_groups(&mut self, x: &Heads, gradient: Live) -> Live {
        if gradient.shape.elements() == super::tensor::Shape::from(x.key()).elements() {
            return gradient;
        }
        let summed = self.temporary(gradient.name, x.key(), gradient.dtype);
        self.heap.free(gradient);
        summed
    }

    /// Rotary positions, and the norm that Llama 4 runs after them.
    fn rotation(&mut self, gradients: Gradients) -> Gradients {
        let block = self.block;
        let run = block.run;
        let x = block.heads();
        let Gradients {
            mut query,
            mut key,
            value,
        } = gradients;
        if block.rotary().is_some() {
            use super::implementation::Rotary::{Concatenated, Whole};
            let by_tables = matches!(run.how.rotary, Whole | Concatenated);
            let sixteen = x.dtype == Dtype::Sixteen;
            let wide = run.autocast && by_tables
                || sixteen && (run.how.rotary_tables_in_fp32 || run.how.rotated_in_fp32);
            let dtype = if wide { Dtype::Fp32 } else { x.dtype };
            if wide {
                query = self.recast(query, Dtype::Fp32);
            }
            // Products with cosine and sine and their halves: 2.5 times the queries.
            let halves = [5, x.batch * x.sequence, x.queries, x.dim / 2];
            self.scratch(Name("rotation", "products"), halves, dtype);
            if wide {
                query = self.recast(query, x.dtype);
            }
            self.heap.release(Kept::RotaryTables.into());
        }
        if block.unweighted_qk_norm() {
            key = self.unweighted_norm(Site::Key, key);
            query = self.unweighted_norm(Site::Query, query);
        }
        Gradients { query, key, value }
    }

    /// An RMSNorm without weight.
    fn unweighted_norm(&mut self, site: Site, dy: Live) -> Live {
        let name = |what| Name(site.label(), what);
        let sixteen = dy.dtype == Dtype::Sixteen;
        let full = dy.shape;
        let dy = if sixteen {
            self.recast(dy, Dtype::Fp32)
        } else {
            dy
        };
        let direct = self.temporary(name("gradient, direct part"), full, Dtype::Fp32);
        self.scratch(name("gradient of 1/σ"), full, Dtype::Fp32);
        self.heap.free(dy);
        let power = [(); 4]
            .map(|()| self.temporary(name("gradient through the squares"), full, Dtype::Fp32));
        for part in power {
            self.heap.free(part);
        }
        for what in [OfNorm::Input, OfNorm::InputFp32, OfNorm::Deviation] {
            self.heap.release(Saved::Norm(site, what));
        }
        if sixteen {
            self.recast(direct, Dtype::Sixteen)
        } else {
            direct
        }
    }

    /// The norms of queries and keys and the projections, to the gradient of their input.
    fn projections(&mut self, gradients: Gradients, waiting: Option<Live>) -> Live {
        let block = self.block;
        let run = block.run;
        let x = block.heads();
        let Gradients {
            mut query,
            mut key,
            mut value,
        } = gradients;
        let source = block.attention_source();
        let normed = block.weighted_qk_norm();
        if normed && (run.how.qk_norm_after_transpose || block.fused_qkv()) {
            key = self.qk_norm(Site::Key, key);
            query = self.qk_norm(Site::Query, query);
        }
        if block.fused_qkv() {
            if run.how.kv_expanded {
                let sides = [x.batch, x.projected, x.sequence, x.dim];
                for gradient in [&mut key, &mut value] {
                    let narrow = self.temporary(gradient.name, sides, x.dtype);
                    self.heap.free(std::mem::replace(gradient, narrow));
                }
            }
            self.heap.release(Kept::KeyValueIndex.into());
            let fused = self.temporary(Name("q, k and v", "gradient"), x.fused(), x.dtype);
            self.heap.free(query);
            self.heap.free(key);
            self.heap.free(value);
            let fused = self.clamp(Kept::QueryBeforeClamp, fused);
            self.heap.release(Kept::KeyBeforeClamp.into());
            self.heap.release(Kept::ValueBeforeClamp.into());
            return self.linear(Linear::QueryKeyValue, source, run.parameter, fused, waiting);
        }
        let value = self.clamp(Kept::ValueBeforeClamp, value);
        let dx = self.linear(Linear::Value, source, run.parameter, value, waiting);
        let key = self.clamp(Kept::KeyBeforeClamp, key);
        let key = if normed && !run.how.qk_norm_after_transpose {
            self.qk_norm(Site::Key, key)
        } else {
            key
        };
        let dx = self.linear(Linear::Key, source, run.parameter, key, Some(dx));
        let query = self.clamp(Kept::QueryBeforeClamp, query);
        let query = if normed && !run.how.qk_norm_after_transpose {
            self.qk_norm(Site::Query, query)
        } else {
            query
        };
        self.heap.release(Kept::QueryScale.into());
        self.linear(Linear::Query, source, run.parameter, query, Some(dx))
    }

    /// The gradient of a clamp in place, which kept a copy of its input.
    fn clamp(&mut self, before: Kept, gradient: Live) -> Live {
        if !self.block.run.architecture.attention.clip_qkv {
            return gradient;
        }
        let gradient = self.again(gradient);
        self.heap.release(before.into());
        gradient
    }

    fn qk_norm(&mut self, site: Site, gradient: Live) -> Live {
        let rows = self.block.qk_rows(site);
        let dtype = self.block.run.matmul;
        let input = Saved::Norm(site, OfNorm::Input);
        self.norm(site, rows, dtype, input, gradient, None)
    }
}

impl super::run::Block<'_> {
    /// The rows that the norm of queries or of keys runs over.
    pub fn qk_rows(&self, site: Site) -> Rows {
        let x = self.heads();
        let tokens = self.run.tokens;
        let heads = if site == Site::Query {
            x.queries
        } else {
            x.projected
        };
        match self.run.architecture.attention.qk_norm {
            QkNorm::Row => Rows::new(tokens, heads * x.dim),
            QkNorm::EachHead => Rows {
                count: tokens * heads,
                width: x.dim,
                weight: heads * x.dim,
            },
            _ => Rows::new(tokens * heads, x.dim),
        }
    }
}
