//! How long all stages of Llama 3 405B on 16,384 GPUs take: states, activations and peak of each of 16 pipeline stages,
//! nothing known before. `cargo bench --bench ranks`.
//!
//! Layout and batch as in arXiv:2407.21783, Table 4: 8 × 1 × 16 × 128 over sequences of 8,192 tokens, 16 micro-batches.

use criterion::Criterion;
use petaday::layout::{Layout, Sharding};
use petaday::memory::detailed::Step;
use petaday::memory::ranks::cluster::{Settings, for_stages};
use petaday::memory::ranks::megatron::{Megatron, RankShape, Run};
use petaday::memory::ranks::pipeline::Split;
use petaday::model::{Architecture, Family};
use petaday::training::{Precision, Stack};
use std::hint::black_box;

fn main() {
    let model = Architecture::described(
        Family::Llama,
        "layers=126&hidden=16384&heads=128&kv=8&ffn=53248&vocab=128256",
    )
    .expect("the shape is valid");
    let step = Step {
        precision: Precision::MainGradients,
        stack: Stack::Megatron,
        accumulation: 16,
        ..Step::of(&model, 8_192)
    };
    let layout = Layout {
        data: 128,
        tensor: 8,
        sequence_parallel: true,
        pipeline: 16,
        sharding: Sharding::Distributed,
        shard_group: 128,
        ..Layout::ONE_GPU
    };
    let run = Run {
        sequence: 8_192,
        micro_batches: 16,
        ..Run::DEFAULT
    };
    let mut criterion = Criterion::default().configure_from_args();
    criterion.bench_function(
        "405B, 16 stages on 16,384 GPUs, through the entry",
        |bench| {
            bench.iter(|| {
                let mut most = 0;
                let counted = for_stages(
                    black_box(&step),
                    black_box(&layout),
                    &Settings::DEFAULT,
                    &mut |stage| most = stage.peak.0.max(most),
                );
                (counted.is_ok(), most)
            });
        },
    );
    criterion.bench_function("405B, 16 stages on 16,384 GPUs", |bench| {
        bench.iter(|| {
            let all = Megatron::new(&model, black_box(&layout), &run, Split::default());
            (0..16).map(|rank| all.stage(rank).peak.0).max()
        });
    });
    let all = Megatron::new(&model, &layout, &run, Split::default());
    criterion.bench_function("of these, the 16 stages alone", |bench| {
        bench.iter(|| (0..16).map(|rank| black_box(&all).stage(rank).peak.0).max());
    });
    criterion.bench_function("a planner's summary of the shape", |bench| {
        bench.iter(|| RankShape::new(&model, black_box(&layout), &run));
    });
    criterion.final_summary();
}
