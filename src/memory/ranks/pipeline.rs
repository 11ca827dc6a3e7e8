//! Pipeline schedules: which layers a rank has, and how many micro-batches of them are in flight at its worst moment.

use crate::layout::{Layout, Schedule};

/// The most chunks a rank may hold.
pub const MAX_CHUNKS: usize = 16;

/// Layers of the first and last stage where they are not as even as can be (Megatron-LM's
/// `--decoder-first-pipeline-num-layers`, `--decoder-last-pipeline-num-layers`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Layers of the first stage.
    pub first: Option<u64>,
    /// Layers of the last stage.
    pub last: Option<u64>,
}

/// Layers that follow each other on one rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// The first of them, counted from 0.
    pub start: u64,
    /// How many.
    pub layers: u64,
    /// Whether the embedding is before them.
    pub first: bool,
    /// Whether head and loss are after them.
    pub last: bool,
    /// Micro-batches of them whose activations are alive at the worst moment.
    pub in_flight: u64,
}

/// What one pipeline rank has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    chunks: [Chunk; MAX_CHUNKS],
    count: usize,
}

impl Work {
    /// A whole model of so many layers, one micro-batch at a time.
    pub fn whole(layers: u64) -> Self {
        work(layers, &Layout::ONE_GPU, Split::default(), 1, 0)
    }

    /// Its chunks.
    pub fn chunks(&self) -> &[Chunk] {
        self.chunks.get(..self.count).unwrap_or(&[])
    }
}

/// The same layout with as many chunks as a rank may hold.
fn clamped(layout: &Layout) -> Layout {
    Layout {
        chunks: layout.chunks.clamp(1, MAX_CHUNKS as u64),
        ..*layout
    }
}

/// First layer and number of layers of a virtual stage.
///
/// As even as can be; layers left over go to stages in the middle, since embedding and head make the ends heavier:
/// 126 layers over 16 stages are 7, 14 × 8, 7, as Llama 3 405B was trained (arXiv:2407.21783, §3.3.2).
pub fn layers_of(layers: u64, stages: u64, split: Split, stage: u64) -> (u64, u64) {
    if stages <= 1 {
        return (0, layers);
    }
    let first = split.first.map_or(0, |first| first.min(layers));
    let last = split.last.map_or(0, |last| last.min(layers - first));
    let (ends, between) = (
        u64::from(split.first.is_some()) + u64::from(split.last.is_some()),
        layers - first - last,
    );
    if split.first.is_some() && stage == 0 {
        return (0, first);
    }
    if split.last.is_some() && stage + 1 == stages {
        return (layers - last, last);
    }
    let count = (stages - ends).max(1);
    let place = stage - u64::from(split.first.is_some());
    let (each, rest) = (between / count, between % count);
    let from = (count - rest) / 2;
    let before = each * place + place.saturating_sub(from).min(rest);
    let more = u64::from(place >= from && place < from + rest);
    (first + before, each + more)
}

/// What pipeline rank `rank` has, with `micro_batches` a step of a model of `layers`.
///
/// In flight: 1F1B min(m, p − i) (Narayanan et al. 2021, arXiv:2104.04473, §2.2.1); interleaved
/// min(m·v, (v − 1)·p + 2·(p − i − 1) + 1) chunks, as Megatron-LM warms up; GPipe m (arXiv:1811.06965);
/// zero-bubble ZB-1p as 1F1B's first rank and ZB-2p twice that (arXiv:2401.10241, §2 and 3), on every rank: where 1F1B
/// would be done with a micro-batch, it waits for its weights' pass with 32·s·b·h of its 34·s·b·h; ZB-V p micro-batches
/// on every rank, V-Half (p + 2)/2 and V-Min (p + 4)/3 (arXiv:2405.15362, and the table with its authors' code);
/// DualPipe p + 1, on a rank that holds two stages (arXiv:2412.19437, Table 2); its V form the same over twice as many
/// stages as ranks.
pub fn work(layers: u64, layout: &Layout, split: Split, micro_batches: u64, rank: u64) -> Work {
    let layout = clamped(layout);
    let stages = layout.pipeline.max(1);
    let rank = rank.min(stages - 1);
    let (all, each) = (layout.virtual_stages(), layout.chunks_per_rank());
    let micro_batches = micro_batches.max(1);
    let behind = stages - rank;
    let mut work = Work {
        chunks: [Chunk::default(); MAX_CHUNKS],
        count: each as usize,
    };
    for (index, chunk) in work.chunks.iter_mut().take(each as usize).enumerate() {
        let index = index as u64;
        let stage = match layout.schedule {
            Schedule::ZeroBubbleV
            | Schedule::VHalf
            | Schedule::VMin
            | Schedule::DualPipeV
            | Schedule::DualPipe
                if index == 1 =>
            {
                all - 1 - rank
            }
            _ => rank + index * stages,
        };
        let (start, count) = layers_of(layers, all, split, stage);
        let in_flight = match layout.schedule {
            // Without a pipeline, micro-batches follow each other.
            _ if stages == 1 => 1,
            Schedule::OneForwardOneBackward if each == 1 => behind.min(micro_batches),
            Schedule::OneForwardOneBackward => {
                let chunks = ((each - 1) * stages + 2 * (behind - 1) + 1).min(micro_batches * each);
                interleaved(chunks, stages.min(micro_batches), each, index)
            }
            Schedule::GPipe => micro_batches,
            Schedule::ZeroBubble1p | Schedule::ZeroBubbleV => stages.min(micro_batches),
            Schedule::ZeroBubble2p => (2 * stages).min(micro_batches),
            Schedule::VHalf => ((stages + 2) / 2).min(micro_batches),
            Schedule::VMin => ((stages + 4) / 3).min(micro_batches),
            // Two directions share the micro-batches; the odd one is the first chunk's.
            Schedule::DualPipe => half(stages + 1, index).min(micro_batches),
            Schedule::DualPipeV => half(2 * stages + 1, index).min(micro_batches),
        };
        *chunk = Chunk {
            start,
            layers: count,
            first: stage == 0,
            last: stage + 1 == all,
            in_flight,
        };
    }
    work
}

/// Of `count` chunks' forward passes in Megatron's order (p micro-batches of chunk 0, p of chunk 1, …, again; fewer where
/// there are fewer), those of chunk `index`.
fn interleaved(count: u64, stages: u64, chunks: u64, index: u64) -> u64 {
    let round = stages * chunks;
    let rest = count % round;
    count / round * stages + rest.saturating_sub(index * stages).min(stages)
}

fn half(count: u64, index: u64) -> u64 {
    if index == 0 {
        count.div_ceil(2)
    } else {
        count / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_flight(layout: &Layout, micro_batches: u64, rank: u64) -> Vec<u64> {
        work(64, layout, Split::default(), micro_batches, rank)
            .chunks()
            .iter()
            .map(|chunk| chunk.in_flight)
            .collect()
    }

    #[test]
    fn layers_are_split_evenly_the_ends_lightest() {
        let of = |layers, stages, split| -> Vec<u64> {
            (0..stages)
                .map(|stage| layers_of(layers, stages, split, stage).1)
                .collect()
        };
        // Llama 3 405B (arXiv:2407.21783, §3.3.2).
        assert_eq!(
            of(126, 16, Split::default()),
            [7, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 7]
        );
        assert_eq!(of(10, 4, Split::default()), [2, 3, 3, 2]);
        let split = Split {
            first: Some(3),
            last: Some(2),
        };
        assert_eq!(of(61, 16, split)[..3], [3, 4, 4]);
        assert_eq!(of(61, 16, split).iter().sum::<u64>(), 61);
    }

    fn with(schedule: Schedule, pipeline: u64, chunks: u64) -> Layout {
        Layout {
            pipeline,
            schedule,
            chunks,
            ..Layout::ONE_GPU
        }
    }

    #[test]
    fn schedules_keep_what_their_papers_say() {
        let plain = with(Schedule::OneForwardOneBackward, 8, 1);
        assert_eq!(in_flight(&plain, 64, 0), [8]);
        assert_eq!(in_flight(&plain, 64, 7), [1]);
        assert_eq!(in_flight(&plain, 4, 0), [4]);
        // p = 8, v = 2: the last stage holds 9 chunks, 4.5 micro-batches' worth.
        let twice = with(Schedule::OneForwardOneBackward, 8, 2);
        assert_eq!(in_flight(&twice, 64, 7), [8, 1]);
        assert_eq!(in_flight(&twice, 64, 0), [15, 8]);
        assert_eq!(in_flight(&with(Schedule::GPipe, 8, 1), 64, 3), [64]);
        assert_eq!(in_flight(&with(Schedule::DualPipe, 8, 1), 64, 3), [5, 4]);
    }

    /// Korthikanti et al. 2022 (arXiv:2205.05198), §4.2.3: with v chunks a rank the first stage keeps the activations of
    /// L·(1 + (p − 1)/(p·v)) layers; of L without chunks.
    #[test]
    fn interleaving_keeps_what_korthikanti_says() {
        for p in [2, 4, 8, 16] {
            for v in [1, 2, 4, 8] {
                let layout = with(Schedule::OneForwardOneBackward, p, v);
                let layers: u64 = work(8 * p * v, &layout, Split::default(), 64 * p, 0)
                    .chunks()
                    .iter()
                    .map(|chunk| chunk.in_flight * chunk.layers)
                    .sum();
                let whole = 8 * p * v;
                let more = if v > 1 { 8 * (p - 1) } else { 0 };
                assert_eq!(layers, whole + more, "{p} {v}");
            }
        }
    }

    /// Tables with the authors' code: sail-sg's zero-bubble schedules (huggingface.co/spaces/sail, activations in
    /// micro-batches: 1F1B p, ZB1P 1x, ZB2P 2x, ZBV 1x, V-Half (p + 2)//2, V-Min (p + 4)//3), deepseek-ai/DualPipe's
    /// README (for the same number of pipeline stages: PP + 1 of a stage for DualPipe on PP and DualPipeV on PP/2
    /// devices).
    #[test]
    fn zero_bubble_and_dual_schedules_keep_what_their_tables_say() {
        let stages_worth = |schedule, p: u64, rank: u64| {
            let layout = with(schedule, p, 1);
            let chunks = in_flight(&layout, 64, rank);
            let worth: u64 = chunks.iter().sum();
            (worth, chunks.len() as u64)
        };
        for p in [4, 6, 8, 16] {
            for rank in [0, p / 2, p - 1] {
                let per_rank = |schedule| {
                    let (worth, chunks) = stages_worth(schedule, p, rank);
                    assert_eq!(worth % chunks, 0);
                    worth / chunks
                };
                assert_eq!(per_rank(Schedule::ZeroBubble1p), p);
                assert_eq!(per_rank(Schedule::ZeroBubble2p), 2 * p);
                assert_eq!(per_rank(Schedule::ZeroBubbleV), p);
                assert_eq!(per_rank(Schedule::VHalf), (p + 2) / 2);
                assert_eq!(per_rank(Schedule::VMin), (p + 4) / 3);
                assert_eq!(stages_worth(Schedule::DualPipe, p, rank).0, p + 1);
                assert_eq!(stages_worth(Schedule::DualPipeV, p / 2, 0).0, p + 1);
            }
        }
    }

    /// Every layer is on one rank, under DualPipe on two.
    #[test]
    fn every_layer_is_somewhere() {
        use crate::field::Choice;
        for schedule in Schedule::ALL {
            for p in [1, 2, 4, 8] {
                let layout = with(*schedule, p, 2);
                let mut times = [0; 61];
                for rank in 0..p {
                    for chunk in work(61, &layout, Split::default(), 16, rank).chunks() {
                        for layer in chunk.start..chunk.start + chunk.layers {
                            times[layer as usize] += 1;
                        }
                    }
                }
                let twice = *schedule == Schedule::DualPipe && p > 1;
                let each = if twice { 2 } else { 1 };
                assert_eq!(times, [each; 61], "{schedule:?} {p}");
            }
        }
    }
}
