//! How long a step's memory takes without its list: every moment of a dense model, of one with windows, and of a mixture
//! of experts. `cargo bench --bench memory`.

use criterion::Criterion;
use petaday::memory::detailed::{Step, footprint};
use petaday::model::{Architecture, Family};
use petaday::training::{Precision, Recomputation};
use std::hint::black_box;

/// Published shapes: Llama-2-7B, Gemma-3-1B and DeepSeek-V3.
fn models() -> [(&'static str, Architecture); 3] {
    [
        ("Llama-2-7B", Family::Llama, ""),
        (
            "Gemma-3-1B",
            Family::Gemma3,
            "layers=26&hidden=1152&vocab=262144&heads=4&kv=1&ffn=6912",
        ),
        (
            "DeepSeek-V3",
            Family::DeepSeekV3,
            "layers=61&hidden=7168&vocab=129280&heads=128&kv=128&q-rank=1536&ffn=18432",
        ),
    ]
    .map(|(name, family, fields)| {
        let described = Architecture::described(family, fields);
        (name, described.expect("the shapes are valid"))
    })
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for (name, model) in models() {
        for (how, precision, recomputation) in [
            ("16-bit", Precision::SixteenBit, Recomputation::None),
            (
                "autocast, recomputed",
                Precision::Mixed,
                Recomputation::Full,
            ),
        ] {
            criterion.bench_function(&format!("{name}: {how}"), |bench| {
                let step = Step {
                    precision,
                    recomputation,
                    ..Step::of(&model, 4_096)
                };
                bench.iter(|| footprint(black_box(&step)));
            });
        }
    }
    criterion.final_summary();
}
