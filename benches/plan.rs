//! How long the search over layouts takes, and how many it counts a second: 405B on 16,384 accelerators, 671B with
//! experts on 2,048, and how the cost grows with their number.
//!
//! For scale: Calculon evaluates 229 layouts a second and llm-analysis 4,000, in Python.

use criterion::{Criterion, Throughput};
use petaday::hardware::Accelerator;
use petaday::layout::Layout;
use petaday::memory::ranks::megatron::RankShape;
use petaday::model::Model;
use petaday::plan::{Question, Search, Shape, Space, Task};
use std::hint::black_box;

fn question(model: &str, gpus: u64, global_batch: u64, sequence: u64) -> (Task, Space) {
    let accelerator = Accelerator::find("h100-sxm").expect("an H100");
    let architecture = Model::find(model).expect("a model").architecture();
    let question = Question {
        tensor_beyond_links: true,
        ..Question::of(architecture, sequence, global_batch, accelerator, gpus)
    };
    (question.task(), question.space())
}

fn searched(question: &(Task, Space)) -> Search {
    let mut search = Search::new(question.0, question.1);
    search.finish();
    search
}

fn searches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan");
    group.sample_size(10);
    for (name, model, gpus, batch, sequence) in [
        ("405B on 16,384", "llama-3.1-405b", 16_384, 2_048, 8_192),
        ("671B on 2,048", "deepseek-v3", 2_048, 15_360, 4_096),
        ("8B on 8", "llama-3-8b", 8, 1_024, 8_192),
        ("70B on 1,024", "llama-3-70b", 1_024, 1_024, 8_192),
        ("405B on 98,304", "llama-3.1-405b", 98_304, 12_288, 8_192),
    ] {
        let question = question(model, gpus, batch, sequence);
        let search = searched(&question);
        println!(
            "{name}: {} layouts, {} fit, best {:?}",
            search.counted(),
            search.fitting(),
            search.best().first().map(|best| (
                best.layout(),
                best.shape.micro_batch,
                best.seconds,
                best.bytes / 1e9
            ))
        );
        group.throughput(Throughput::Elements(search.counted()));
        group.bench_function(name, |bench| bench.iter(|| searched(black_box(&question))));
    }
    group.finish();
    parts(criterion);
}

/// What a search does once for a shape of micro-batch.
fn parts(criterion: &mut Criterion) {
    for (name, model) in [("405B", "llama-3.1-405b"), ("671B", "deepseek-v3")] {
        let (task, space) = question(model, 2_048, 2_048, 4_096);
        let shape = Shape {
            micro_batch: 1,
            tensor: 8,
            sequence_parallel: true,
            context: 1,
            expert: 1,
            expert_tensor: 1,
        };
        criterion.bench_function(&format!("{name}: times of a shape"), |bench| {
            bench.iter(|| task.costs(black_box(shape)));
        });
        let layout = Layout {
            tensor: 8,
            sequence_parallel: true,
            ..Layout::ONE_GPU
        };
        criterion.bench_function(&format!("{name}: bytes of a shape"), |bench| {
            bench.iter(|| RankShape::new(&task.architecture, black_box(&layout), &space.run));
        });
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    searches(&mut criterion);
    criterion.final_summary();
}
