//! How long an estimate takes without explanations: a whole one by either estimator, and the parameters and FLOP of a
//! dense model and of a mixture of experts.

use criterion::Criterion;
use petaday::estimate::estimate;
use petaday::flop::Convention;
use petaday::flop::{Counting, forward};
use petaday::link;
use petaday::model::{Architecture, Family};
use petaday::training::Recomputation;
use std::hint::black_box;

/// Two published shapes: Llama-3-8B and DeepSeek-V3.
fn models() -> [(&'static str, Architecture); 2] {
    [
        ("Llama-3-8B", Family::Llama, "vocab=128256&kv=8&ffn=14336"),
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

fn totals(criterion: &mut Criterion) {
    for (name, model) in models() {
        criterion.bench_function(&format!("{name}: parameters, total and active"), |bench| {
            bench.iter(|| {
                let model = black_box(&model);
                (model.parameters(), model.active_parameters())
            });
        });
        criterion.bench_function(
            &format!("{name}: FLOP by part, model and hardware"),
            |bench| {
                bench.iter(|| {
                    let flop = forward(black_box(&model), black_box(8_192), Counting::Causal);
                    (flop.model(), flop.hardware(Recomputation::Full))
                });
            },
        );
        criterion.bench_function(&format!("{name}: Megatron-LM's convention"), |bench| {
            bench.iter(|| {
                Convention::MegatronLm.flop_per_token(black_box(&model), black_box(8_192))
            });
        });
    }
}

fn whole(criterion: &mut Criterion) {
    for (name, link) in [
        ("rule of thumb", "v=1&preset=article"),
        ("Llama-2-7B, detailed", "v=1&preset=llama2-7b-fsdp"),
        (
            "DeepSeek-V3, detailed",
            "v=1&preset=llama2-7b-fsdp&model=deepseek-v3",
        ),
    ] {
        let scenario = link::open(link).scenario;
        criterion.bench_function(&format!("a whole estimate: {name}"), |bench| {
            bench.iter(|| estimate(black_box(&scenario)));
        });
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    whole(&mut criterion);
    totals(&mut criterion);
    criterion.final_summary();
}
