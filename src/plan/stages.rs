//! How layers are put on the ranks of a pipeline.

use crate::memory::ranks::pipeline::{Split, layers_of};

/// Layers of a pipeline's ranks, as far as time depends on them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stages {
    /// Of the fullest rank.
    pub fullest: f64,
    /// Of the rank with the head.
    pub last: f64,
}

impl Stages {
    /// Of `layers` over `stages` × `chunks`, the last chunk with `last` of them where it is said, the others as even as
    /// can be.
    pub fn of(layers: u64, stages: u64, chunks: u64, last: Option<u64>) -> Self {
        let of = |rank| rank_layers(layers, stages, chunks, last, rank);
        Self {
            fullest: (0..stages).map(of).max().unwrap_or(layers) as f64,
            last: of(stages - 1) as f64,
        }
    }

    /// Seconds of the slowest rank for one micro-batch: `layer` a layer, `again` more for each of `recomputed`, `head`
    /// on the last.
    #[inline]
    pub fn slowest(&self, layer: f64, again: f64, recomputed: f64, head: f64) -> f64 {
        let of = |layers: f64| layers * layer + layers.min(recomputed) * again;
        of(self.fullest).max(of(self.last) + head)
    }
}

/// Layers of a pipeline rank, all its chunks together.
pub(super) fn rank_layers(
    layers: u64,
    stages: u64,
    chunks: u64,
    last: Option<u64>,
    rank: u64,
) -> u64 {
    let split = Split { first: None, last };
    (0..chunks)
        .map(|chunk| layers_of(layers, stages * chunks, split, rank + chunk * stages).1)
        .sum()
}

/// Layers that the last chunk may have less than an even split gives it, to make up for the head.
pub(super) const SPARED: u64 = 3;

/// Layers of the last chunk with which the slowest rank is fastest, if others than an even split's: a few less, so that
/// the head is made up for.
pub(super) fn suited(layers: u64, stages: u64, chunks: u64, layer: f64, head: f64) -> Option<u64> {
    if stages <= 1 {
        return None;
    }
    let even = last_chunk(layers, stages, chunks);
    let slowest = |last| Stages::of(layers, stages, chunks, last).slowest(layer, 0.0, 0.0, head);
    let mut best = (slowest(None), None);
    for spared in 1..=SPARED.min(even) {
        let last = Some(even - spared);
        let time = slowest(last);
        if time < best.0 {
            best = (time, last);
        }
    }
    best.1
}

/// Layers of the last chunk in an even split.
pub(super) fn last_chunk(layers: u64, stages: u64, chunks: u64) -> u64 {
    layers_of(
        layers,
        stages * chunks,
        Split::default(),
        stages * chunks - 1,
    )
    .1
}
