//! Multi-head latent attention on one rank (DeepSeek-V2, arXiv:2405.04434, §2.1; Megatron-core,
//! transformer/multi_latent_attention.py): the projections down are whole on every rank and work on its part of the
//! sequence; those up are divided by heads.

use super::linear::{self, Dummy};
use super::run::{CoreAttention, LinearFormat, Recompute};
use super::slice::{Slice, halves};
use crate::memory::ranks::tensor::{Dtype, Level, Sink, Sum, Tensor, rounded};
use crate::model::Latent;

/// Sides and bytes of latent attention's tensors on one rank.
#[derive(Clone, Copy, Debug)]
pub struct LatentAttention<'a> {
    slice: Slice<'a>,
    latent: Latent,
    /// Bytes of queries, and of keys with the shared rotary part repeated to all heads.
    query: u128,
    /// Bytes of values, and of attention's output.
    value: u128,
    /// Bytes of the projection up of keys and values.
    up: u128,
    /// Bytes of attention's scores, 16 bits each.
    scores: u128,
}

impl<'a> LatentAttention<'a> {
    /// Of this slice.
    pub fn new(slice: Slice<'a>, latent: Latent) -> Self {
        let key_width = latent.nope_dim + latent.rope_dim;
        let elements = u128::from(slice.run.micro_batch)
            * u128::from(slice.heads)
            * u128::from(slice.sequence)
            * u128::from(slice.sequence);
        Self {
            slice,
            latent,
            query: halves(slice.tokens, slice.heads * key_width),
            value: halves(slice.tokens, slice.heads * latent.value_dim),
            up: halves(
                slice.tokens,
                slice.heads * (latent.nope_dim + latent.value_dim),
            ),
            scores: rounded(2 * elements),
        }
    }

    fn unfused(&self) -> bool {
        self.slice.run.core_attention == CoreAttention::Unfused
    }

    fn holds_scores(&self) -> bool {
        self.unfused() && self.slice.run.recompute != Recompute::Selective
    }

    /// Sides of each weight in registration order: output, q (down and up, or one), kv down, kv up.
    fn weights(&self) -> [Option<(&'static str, Dummy)>; 5] {
        let latent = &self.latent;
        let hidden = self.slice.model.hidden;
        let heads = self.slice.heads;
        let key_width = latent.nope_dim + latent.rope_dim;
        let (down, up) = match latent.query_rank {
            Some(rank) => (
                Some(("queries’ projection down", Dummy::new(rank, hidden))),
                Some((
                    "queries’ projection up",
                    Dummy::new(heads * key_width, rank),
                )),
            ),
            None => (
                None,
                Some(("query projection", Dummy::new(heads * key_width, hidden))),
            ),
        };
        [
            Some((
                "output projection",
                Dummy::new(hidden, heads * latent.value_dim),
            )),
            down,
            up,
            Some((
                "keys’ and values’ projection down",
                Dummy::new(latent.kv_rank + latent.rope_dim, hidden),
            )),
            Some((
                "keys’ and values’ projection up",
                Dummy::new(heads * (latent.nope_dim + latent.value_dim), latent.kv_rank),
            )),
        ]
    }

    /// Parameters, in the order they are registered.
    pub fn parameters<S: Sink>(&self, sink: &mut S) {
        for (
            name,
            Dummy {
                shape: [rows, columns],
            },
        ) in self.weights().into_iter().flatten()
        {
            sink.hold(Tensor::new(name, [rows, columns, 1, 1], Dtype::Bf16));
        }
        if let Some(rank) = self.latent.query_rank {
            self.slice.norm_parameters("queries’ norm", rank, sink);
        }
        self.slice
            .norm_parameters("keys’ and values’ norm", self.latent.kv_rank, sink);
    }

    /// Shapes of weights whose shared dummy gradients stay.
    pub fn dummies(&self, each: &mut impl FnMut(Dummy)) {
        for (_, dummy) in self.weights().into_iter().flatten() {
            each(dummy);
        }
    }

    fn heads_tensor(&self, name: &'static str, width: u64) -> Tensor {
        let slice = &self.slice;
        Tensor::new(
            name,
            [slice.sequence, slice.run.micro_batch, slice.heads, width],
            Dtype::Bf16,
        )
    }

    /// What the forward pass keeps between the projections' input and the output projection's input, that one
    /// included.
    pub fn saved<S: Sink>(&self, sink: &mut S) {
        let slice = &self.slice;
        let latent = &self.latent;
        let sharded = slice.sharded;
        if let Some(rank) = latent.query_rank {
            sink.hold(compressed("compressed queries", sharded, rank));
            slice.hold_statistics(sharded, sink);
            slice.hold_input("compressed queries, normalised", sharded, rank, sink);
        }
        // A contiguous copy: the projection's output holds the rotary key too, and goes.
        sink.hold(compressed(
            "compressed keys and values",
            sharded,
            latent.kv_rank,
        ));
        slice.hold_statistics(sharded, sink);
        let normalised = "compressed keys and values, normalised";
        slice.hold_input(normalised, sharded, latent.kv_rank, sink);
        let key_width = latent.nope_dim + latent.rope_dim;
        sink.hold(self.heads_tensor("queries", key_width));
        sink.hold(self.heads_tensor("keys", key_width));
        sink.hold(self.heads_tensor("values", latent.value_dim));
        if self.holds_scores() {
            let sides = [
                slice.run.micro_batch,
                slice.heads,
                slice.sequence,
                slice.sequence,
            ];
            sink.hold(Tensor::new("softmax", sides, Dtype::Bf16));
            if slice.run.attention_dropout {
                sink.hold(Tensor::new("attention’s dropout mask", sides, Dtype::Bool));
                sink.hold(Tensor::new(
                    "probabilities after dropout",
                    sides,
                    Dtype::Bf16,
                ));
            }
        } else if !self.unfused() {
            sink.hold(Tensor::new(
                "log-sum-exp",
                [slice.run.micro_batch, slice.heads, slice.sequence, 1],
                Dtype::Fp32,
            ));
        }
        sink.hold(self.heads_tensor("attention’s output", latent.value_dim));
        let width = slice.heads * latent.value_dim;
        slice.hold_shared_input("output projection’s input", slice.tokens, width, sink);
        if self.exchanged() > 0 {
            sink.hold(
                self.heads_tensor("attention’s output before the exchange", latent.value_dim),
            );
        }
    }

    /// Bytes of the output kept a second time, as all-to-all exchanges it between context-parallel ranks.
    fn exchanged(&self) -> u128 {
        if self.slice.exchanges_heads() && !self.unfused() {
            self.value
        } else {
            0
        }
    }

    /// The forward pass up to the output projection's input.
    pub fn forward(&self, level: &mut Level) {
        let mut kept = Sum::default();
        self.saved(&mut kept);
        let beside = if self.unfused() {
            self.scores + self.value
        } else {
            0
        };
        // The projection up of keys and values, of which they are made.
        level.take(kept.0 + beside.max(self.up));
        level.give(beside.max(self.up));
    }

    /// The backward pass: from the gradient of the output projection's output, still divided, to that of the
    /// projections' input, added to `level`.
    pub fn backward(&self, level: &mut Level) {
        let slice = &self.slice;
        let latent = &self.latent;
        let [output, _, up, _, _] = self.weights();
        let dummy = |weight: Option<(&'static str, Dummy)>| {
            weight.map_or(Dummy::new(0, 0), |(_, dummy)| dummy)
        };
        linear::row_backward(
            slice,
            slice.heads * latent.value_dim,
            self.value,
            dummy(output),
            level,
        );
        level.release(slice.shared_input(slice.tokens, slice.heads * latent.value_dim));
        self.core_backward(level);
        // Keys and values: rotation joins their gradients into one of the projection up's output.
        level.take(self.up);
        level.give(self.query + self.value);
        let kv = halves(slice.sharded, latent.kv_rank);
        self.up_backward(self.up, latent.kv_rank, level);
        let joined = halves(slice.sharded, latent.kv_rank + latent.rope_dim);
        level.take(joined);
        level.give(kv);
        level.take(slice.residual());
        level.give(joined);
        // Queries.
        match latent.query_rank {
            Some(rank) => {
                let compressed = halves(slice.sharded, rank);
                self.up_backward(self.query, rank, level);
                level.take(slice.residual());
                level.give(compressed);
                level.release(self.second_input());
            }
            None => {
                linear::column_backward(slice, self.query, dummy(up), level);
                // The projections share their input, released once below, or have a copy each.
                let input = slice.input(slice.sharded, slice.model.hidden);
                level.keep(input - self.second_input());
            }
        }
        // The sum of the two, and the projections' input.
        level.take(slice.residual());
        level.give(2 * slice.residual());
        level.release(slice.input(slice.sharded, slice.model.hidden));
    }

    /// What the queries' projection keeps of its input beside what that of keys and values keeps.
    fn second_input(&self) -> u128 {
        match self.slice.format() {
            LinearFormat::Bf16 => 0,
            _ => self
                .slice
                .input(self.slice.sharded, self.slice.model.hidden),
        }
    }

    /// A norm and a projection up: in, `output` bytes of gradient; out, as many as their input of `rank` channels has.
    /// Gives back what both keep.
    fn up_backward(&self, output: u128, rank: u64, level: &mut Level) {
        let slice = &self.slice;
        let input = halves(slice.sharded, rank);
        let quantised = slice.quantised(output);
        level.take(quantised);
        if slice.sequence_parallel {
            level.take(2 * input * u128::from(slice.tensor));
            level.give(2 * input * u128::from(slice.tensor));
        }
        level.give(quantised);
        level.take(input);
        level.give(output);
        level.take(input);
        level.give(input);
        level.release(input + slice.input(slice.sharded, rank) + slice.statistics(slice.sharded));
    }

    fn core_backward(&self, level: &mut Level) {
        let slice = &self.slice;
        if self.unfused() {
            let masked = if slice.run.attention_dropout {
                self.scores + self.scores.div_ceil(2)
            } else {
                0
            };
            if self.holds_scores() {
                level.take(2 * self.scores + self.value);
                level.release(self.scores + masked);
            } else {
                level.take(2 * self.scores + masked);
                level.give(self.scores);
                level.take(2 * self.scores + self.value);
                level.give(self.scores + masked);
            }
            level.give(2 * self.scores);
            level.take(2 * self.query);
        } else {
            level.take(2 * self.query + self.value);
            let statistics = rounded(4 * u128::from(slice.tokens) * u128::from(slice.heads));
            level.release(statistics + self.exchanged());
        }
        // The gradient of the output, then the output, queries, keys and values.
        level.give(self.value);
        level.release(self.value + 2 * self.query + self.value);
    }
}

fn compressed(name: &'static str, tokens: u64, rank: u64) -> Tensor {
    Tensor::new(name, [tokens, rank, 1, 1], Dtype::Bf16)
}
