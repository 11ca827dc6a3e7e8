//! Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, §2.1): queries, keys and values through compressions.
//!
//! q is a concatenation, k a tensor filled by two copies, v a view of the expanded keys and values.

use super::backward::Backward;
use super::implementation::Rotary;
use super::norm::Rows;
use super::run::Block;
use super::saved::{Kept, Linear, Site, Tape};
use super::tally::Live;
use super::tensor::{Dtype, Name};
use crate::model::Latent;
use crate::training::AttentionKernel;

/// A compression: the projection into it, its norm, the projection out of it, and what they keep.
struct Compression {
    site: Site,
    up: Linear,
    /// The compressing projection's whole output, that the norm's input is a part of.
    compressed: Kept,
    /// The norm's output.
    latent: Kept,
}

const QUERIES: Compression = Compression {
    site: Site::QueryLatent,
    up: Linear::QueryUp,
    compressed: Kept::QueryCompressed,
    latent: Kept::QueryLatent,
};
const KEYS_AND_VALUES: Compression = Compression {
    site: Site::KeyValueLatent,
    up: Linear::KeyValueUp,
    compressed: Kept::KeyValueCompressed,
    latent: Kept::KeyValueLatent,
};

impl Block<'_> {
    /// The projections that read the block's normalised input.
    pub fn latent_projections(latent: &Latent) -> [Linear; 2] {
        let query = match latent.query_rank {
            Some(_) => Linear::QueryDown,
            None => Linear::Query,
        };
        [query, Linear::KeyValueDown]
    }

    /// What the compressions keep, and the attention between them.
    pub fn keep_latent_attention(&self, tape: &mut Tape, latent: &Latent) {
        if let Some(rank) = latent.query_rank {
            self.keep_compression(tape, &QUERIES, rank, rank);
        }
        let rank = latent.kv_rank;
        self.keep_compression(tape, &KEYS_AND_VALUES, rank, rank + latent.rope_dim);

        let x = self.heads();
        let [b, a, s, _] = x.query();
        let expanded = [b, s, a, latent.nope_dim + latent.value_dim];
        let values = [b, a, s, latent.value_dim];
        tape.keep(Kept::Query, x.query(), x.dtype);
        tape.keep(Kept::Key, x.query(), x.dtype);
        if matches!(
            self.kernel(),
            AttentionKernel::Eager | AttentionKernel::Math
        ) {
            // A product of more than one sequence copies the strided view.
            if b > 1 {
                tape.keep(Kept::Value, values, x.dtype);
            } else {
                tape.keep(Kept::KeyValue, expanded, x.dtype);
            }
            tape.mark_scores();
            if self.run.scores_again() {
                return;
            }
            tape.keep(Kept::Softmax, x.scores(), Dtype::Fp32);
            if x.dtype == Dtype::Sixteen {
                tape.keep(Kept::Probabilities, x.scores(), Dtype::Sixteen);
            }
        } else {
            tape.keep(Kept::KeyValue, expanded, x.dtype);
            tape.keep(Kept::Attended, values, x.dtype);
            self.keep_statistics(tape);
        }
    }

    fn keep_compression(&self, tape: &mut Tape, of: &Compression, rank: u64, whole: u64) {
        let (run, tokens) = (self.run, self.run.tokens);
        if run.matmul == Dtype::Fp32 {
            tape.keep(of.compressed, [tokens, whole], Dtype::Fp32);
        }
        let rows = Rows::new(tokens, rank);
        self.keep_norm(tape, of.site, rows, run.matmul, of.compressed);
        self.keep_inputs(tape, of.latent, rank, run.parameter, &[of.up]);
    }
}

impl Backward<'_> {
    /// From the gradient of the heads' outputs to that of the block's normalised input.
    pub fn latent_attention(
        &mut self,
        latent: &Latent,
        d_out: Live,
        waiting: Option<Live>,
    ) -> Live {
        let run = self.block.run;
        let x = self.block.heads();
        let [b, a, s, _] = x.query();
        let name = Name;
        let (query, key, value) = if matches!(
            self.block.kernel(),
            AttentionKernel::Eager | AttentionKernel::Math
        ) {
            self.eager_latent(latent, d_out)
        } else {
            let query = self.temporary(name("q", "gradient"), x.query(), x.dtype);
            let key = self.temporary(name("k", "gradient"), x.query(), x.dtype);
            let values = [b, a, s, latent.value_dim];
            let value = self.temporary(name("v", "gradient"), values, x.dtype);
            self.heap.free(d_out);
            self.release_kernel();
            (query, key, value)
        };

        // Under autocast the rotation by cosine and sine made q in FP32, and the kernel's cast is undone first.
        let wide = run.autocast && run.how.rotary == Rotary::Concatenated;
        let query = if wide {
            self.recast(query, Dtype::Fp32)
        } else {
            query
        };

        // k: the two copies that filled it, the rotated part shared by all heads.
        let rotated = [b, a, s, latent.rope_dim];
        let copied = self.temporary(name("k", "gradient, copied"), x.query(), x.dtype);
        let mut rope = self.temporary(name("k, rotated part", "gradient"), rotated, x.dtype);
        self.scratch(name("k, rotated part", "gradient"), rotated, x.dtype);
        if wide {
            rope = self.recast(rope, Dtype::Fp32);
        }
        self.heap.free(copied);
        let copied = self.temporary(name("k", "gradient, copied"), x.query(), x.dtype);
        let unrotated = [b, a, s, latent.nope_dim];
        let nope = self.temporary(name("k, unrotated part", "gradient"), unrotated, x.dtype);
        self.heap.free(copied);
        self.heap.free(key);
        let shared = [b, s, latent.rope_dim];
        let shared = self.temporary(
            name("k, rotated part", "sum over heads"),
            shared,
            rope.dtype,
        );
        self.heap.free(rope);

        // Keys and values side by side, then their expansion.
        let sides = [b, s, a, latent.nope_dim + latent.value_dim];
        let expanded = self.temporary(name("k and v", "gradient"), sides, x.dtype);
        self.heap.free(nope);
        self.heap.free(value);
        self.scratch(name("k and v", "gradient"), sides, x.dtype);
        let up = Linear::KeyValueUp;
        let compressed = self.linear(up, Kept::KeyValueLatent, run.parameter, expanded, None);

        let (query, rope) = self.rotate_latent_queries(latent, wide, query);
        let compressed = self.latent_norm(&KEYS_AND_VALUES, latent.kv_rank, compressed);
        let sides = [run.tokens, latent.kv_rank + latent.rope_dim];
        let whole = self.temporary(name("kv compression", "gradient"), sides, x.dtype);
        self.heap.free(compressed);
        self.heap.free(shared);
        let (source, dtype) = (self.block.attention_source(), run.parameter);
        let dx = self.linear(Linear::KeyValueDown, source, dtype, whole, waiting);

        let joined = self.temporary(name("q", "gradient"), x.query(), x.dtype);
        self.heap.free(query);
        self.heap.free(rope);
        self.scratch(name("q", "gradient"), x.query(), x.dtype);
        let Some(rank) = latent.query_rank else {
            return self.linear(Linear::Query, source, dtype, joined, Some(dx));
        };
        let compressed = self.linear(Linear::QueryUp, Kept::QueryLatent, dtype, joined, None);
        let compressed = self.latent_norm(&QUERIES, rank, compressed);
        self.linear(Linear::QueryDown, source, dtype, compressed, Some(dx))
    }

    fn eager_latent(&mut self, latent: &Latent, d_out: Live) -> (Live, Live, Live) {
        let x = self.block.heads();
        let [b, a, s, _] = x.query();
        let sixteen = x.dtype == Dtype::Sixteen;
        let again = self.scores_again();
        let values = [b, a, s, latent.value_dim];
        let value = self.temporary(Name("v", "gradient"), values, x.dtype);
        let name = Name("probabilities", "gradient");
        let mut gradient = self.temporary(name, x.scores(), x.dtype);
        self.heap.free(d_out);
        self.release_all([Kept::Value, Kept::KeyValue, Kept::Probabilities]);
        if sixteen {
            gradient = self.recast(gradient, Dtype::Fp32);
        }
        let mut scores = self.temporary(Name("scores", "gradient"), x.scores(), Dtype::Fp32);
        self.heap.free(gradient);
        self.heap.release(Kept::Softmax.into());
        if sixteen {
            scores = self.recast(scores, Dtype::Sixteen);
        }
        let scores = self.again(scores);
        let query = self.temporary(Name("q", "gradient"), x.query(), x.dtype);
        let key = self.temporary(Name("k", "gradient"), x.query(), x.dtype);
        self.heap.free(scores);
        self.free_scores(again);
        self.heap.release(Kept::Query.into());
        self.heap.release(Kept::Key.into());
        (query, key, value)
    }

    /// The gradients of the queries' unrotated and rotated parts.
    fn rotate_latent_queries(&mut self, latent: &Latent, wide: bool, query: Live) -> (Live, Live) {
        let x = self.block.heads();
        let [b, a, s, _] = x.query();
        let rope = [b, a, s, latent.rope_dim];
        let name = Name("q, rotated part", "gradient");
        if !wide {
            let first = self.temporary(name, rope, x.dtype);
            let second = self.temporary(name, rope, x.dtype);
            let sum = self.temporary(name, rope, x.dtype);
            self.heap.free(first);
            self.heap.free(second);
            return (query, sum);
        }
        let unrotated = [b, a, s, latent.nope_dim];
        let nope = self.temporary(Name("q, unrotated part", "gradient"), unrotated, x.dtype);
        let products = [5, b * s, a, latent.rope_dim / 4];
        self.scratch(Name("rotation", "products"), products, Dtype::Fp32);
        self.heap.free(query);
        let first = self.temporary(name, rope, x.dtype);
        let second = self.temporary(name, rope, x.dtype);
        let sum = self.temporary(name, rope, x.dtype);
        self.heap.free(first);
        self.heap.free(second);
        (nope, sum)
    }

    fn latent_norm(&mut self, of: &Compression, rank: u64, dy: Live) -> Live {
        let run = self.block.run;
        let rows = Rows::new(run.tokens, rank);
        let dx = self.norm(of.site, rows, run.matmul, of.compressed, dy, None);
        self.heap.release(of.compressed.into());
        dx
    }
}
