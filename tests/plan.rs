//! The search against nested loops that try everything, one by one.

mod support;

use petaday::hardware::{Accelerator, Arithmetic, AttentionKernels};
use petaday::layout::{Schedule, Sharding};
use petaday::memory::ranks::megatron::{CoreAttention, Megatron, Recompute, Run};
use petaday::memory::ranks::pipeline::Split;
use petaday::model::{Architecture, Family, Model};
use petaday::plan::{
    AttentionForm, Candidate, Constants, Machine, Place, Progress, Reason, Recomputed, Search,
    Shape, Software, Space, StateBytes, Task, fullest_rank,
};
use proptest::prelude::*;

const SHARDINGS: &[Sharding] = &[
    Sharding::None,
    Sharding::Distributed,
    Sharding::Zero2,
    Sharding::Fsdp2,
];

fn question(fields: &str, family: Family, gpus: u64, batch: u64, gb: f64) -> (Task, Space) {
    let accelerator = Accelerator::find("h100-sxm").expect("an H100");
    let architecture = Architecture::described(family, fields).expect("valid fields");
    let task = Task {
        architecture,
        sequence: 4_096,
        machine: Machine::of(
            accelerator,
            Arithmetic::SixteenBit,
            Arithmetic::SixteenBit,
            AttentionKernels::Current,
        ),
        software: Software::megatron(),
        constants: Constants::FITTED,
        operand_bytes: 2.0,
        element_bytes: 2.0,
        gradient_bytes: 4.0,
        adapters_only: false,
        imbalance: 1.0,
        optimizer_bytes: 40.0,
    };
    let space = Space {
        gpus,
        global_batch: batch,
        capacity: gb * 1e9,
        states: StateBytes::MAIN_GRADIENTS,
        run: Run {
            sequence: task.sequence,
            ..Run::DEFAULT
        },
        shardings: SHARDINGS,
        sharded_pipelines: gpus.is_multiple_of(4),
        schedule: Schedule::OneForwardOneBackward,
        most_chunks: 4,
        most_tensor: 16,
        most_context: gpus,
        sequence_parallel: true,
        recompute_all: false,
        micro_batch: None,
    };
    (task, space)
}

fn searched(task: Task, space: Space) -> Search {
    let mut search = Search::new(task, space);
    search.finish();
    search
}

/// What nested loops find.
struct Naive {
    fitting: Vec<Candidate>,
    counted: u64,
    rejected: [u64; 8],
    least_missing: f64,
}

/// Every combination by itself, with everything computed anew: all degrees up to the number of accelerators, recomputed
/// layers from none to all.
fn naive(task: &Task, space: &Space) -> Naive {
    let architecture = &task.architecture;
    let mut found = Naive {
        fitting: Vec::new(),
        counted: 0,
        rejected: [0; 8],
        least_missing: f64::INFINITY,
    };
    let divides = |divisor: u64, count: u64| count.is_multiple_of(divisor);
    for tensor in (1..=space.gpus.min(space.most_tensor)).filter(|t| divides(*t, space.gpus)) {
        let contexts =
            (1..=space.gpus.min(space.most_context)).filter(|c| divides(tensor * c, space.gpus));
        for context in contexts {
            for stages in (1..=space.gpus).filter(|p| divides(tensor * context * p, space.gpus)) {
                let data = space.gpus / tensor / context / stages;
                let reason = if !divides(tensor, architecture.attention.heads) {
                    Some(Reason::Heads)
                } else if context > 1 && !divides(2 * context, task.sequence) {
                    Some(Reason::Sequence)
                } else if stages > architecture.layers {
                    Some(Reason::Layers)
                } else if !divides(data, space.global_batch) {
                    Some(Reason::Batch)
                } else {
                    None
                };
                if let Some(reason) = reason {
                    found.rejected[reason as usize] += 1;
                    continue;
                }
                let experts = architecture.experts.map_or(1, |experts| experts.count);
                for expert in (1..=experts).filter(|expert| divides(*expert, experts)) {
                    if !divides(expert, tensor * context * data) {
                        found.rejected[Reason::Experts as usize] += 1;
                        continue;
                    }
                    let share = space.global_batch / data;
                    for micro_batch in (1..=share).filter(|b| divides(*b, share)) {
                        if space.micro_batch.is_some_and(|only| only != micro_batch) {
                            continue;
                        }
                        for sequence_parallel in [false, true] {
                            if sequence_parallel && (tensor == 1 || !space.sequence_parallel) {
                                continue;
                            }
                            let shape = Shape {
                                micro_batch,
                                tensor,
                                sequence_parallel,
                                context,
                                expert,
                                expert_tensor: 1,
                            };
                            pipelines(
                                task,
                                space,
                                shape,
                                (stages, data, share / micro_batch),
                                &mut found,
                            );
                        }
                    }
                }
            }
        }
    }
    found
}

fn pipelines(task: &Task, space: &Space, shape: Shape, at: (u64, u64, u64), found: &mut Naive) {
    let (stages, data, micro_batches) = at;
    let layers = task.architecture.layers;
    for chunks in 1..=(layers / stages).min(space.most_chunks).max(1) {
        if stages == 1 && chunks > 1 {
            continue;
        }
        if chunks > 1 && !micro_batches.is_multiple_of(stages) {
            found.rejected[Reason::Interleaving as usize] += 1;
            continue;
        }
        for &sharding in space.shardings {
            if data * shape.context == 1 && sharding != space.shardings[0] {
                continue;
            }
            let shares_more = [Sharding::Zero2, Sharding::Fsdp2].contains(&sharding);
            if shares_more && stages > 1 && !space.sharded_pipelines {
                found.rejected[Reason::Sharding as usize] += 1;
                continue;
            }
            let costs = task.costs(shape);
            let place = task.suited(
                &costs,
                Place {
                    data,
                    pipeline: stages,
                    chunks,
                    schedule: space.schedule,
                    micro_batches,
                    sharding,
                    shard_group: data,
                    last: None,
                    recomputed: Recomputed::Nothing,
                    recomputed_layers: 0,
                },
            );
            found.counted += 1;
            let whole = (1..=layers).map(|layers| (Recomputed::Layer, layers * chunks));
            let mut tried = vec![(Recomputed::Nothing, 0)];
            if task.software.attention != AttentionForm::Fused {
                tried.push((Recomputed::Attention, u64::MAX));
            }
            tried.extend(whole);
            if space.recompute_all {
                tried = vec![(Recomputed::Layer, u64::MAX)];
            }
            let mut best: Option<Candidate> = None;
            for (recomputed, recomputed_layers) in tried {
                let place = Place {
                    recomputed,
                    recomputed_layers,
                    ..place
                };
                let bytes = fullest_rank(
                    &task.architecture,
                    &space.run,
                    &space.states,
                    &shape,
                    &place,
                );
                let seconds = task.step_time(&costs, &place).total();
                if bytes > space.capacity {
                    found.least_missing = found.least_missing.min(bytes);
                } else if best.is_none_or(|best| seconds < best.seconds) {
                    best = Some(Candidate {
                        shape,
                        place,
                        seconds,
                        bytes,
                    });
                }
            }
            match best {
                Some(best) => found.fitting.push(best),
                None => found.rejected[Reason::Memory as usize] += 1,
            }
        }
    }
}

#[track_caller]
fn same(task: Task, space: Space) {
    let search = searched(task, space);
    let naive = naive(&task, &space);
    assert_eq!(search.counted(), naive.counted);
    assert_eq!(search.fitting(), naive.fitting.len() as u64);
    let rejected: Vec<u64> = search.rejected().map(|(_, count)| count).collect();
    assert_eq!(rejected, naive.rejected);
    let mut times: Vec<f64> = naive.fitting.iter().map(|one| one.seconds).collect();
    times.sort_by(f64::total_cmp);
    times.truncate(Search::KEPT);
    let found: Vec<f64> = search.best().iter().map(|one| one.seconds).collect();
    assert_eq!(found.len(), times.len());
    for (ours, theirs) in found.iter().zip(&times) {
        assert!((ours / theirs - 1.0).abs() < 1e-12, "{ours} {theirs}");
    }
    for one in search.best() {
        let costs = task.costs(one.shape);
        assert_eq!(one.seconds, task.step_time(&costs, &one.place).total());
        let bytes = fullest_rank(
            &task.architecture,
            &space.run,
            &space.states,
            &one.shape,
            &one.place,
        );
        assert!((one.bytes / bytes - 1.0).abs() < 1e-12, "{one:?} {bytes}");
        assert_eq!(one.layout().gpus(), space.gpus);
    }
    // The front: what nothing beats in both.
    let beaten = |one: &Candidate| {
        naive.fitting.iter().any(|other| {
            other.seconds < one.seconds * (1.0 - 1e-12) && other.bytes < one.bytes * (1.0 - 1e-12)
        })
    };
    assert!(search.front().iter().all(|one| !beaten(one)));
    for one in naive.fitting.iter().filter(|one| !beaten(one)) {
        let covers = |other: &Candidate| {
            other.seconds <= one.seconds * (1.0 + 1e-12) && other.bytes <= one.bytes * (1.0 + 1e-12)
        };
        assert!(search.front().iter().any(covers), "{one:?}");
    }
    if search.fitting() == 0 {
        let miss = search.nearest_miss().map(|miss| miss.bytes);
        assert_eq!(miss.is_some(), naive.counted > 0);
        assert!(miss.unwrap_or(f64::INFINITY) >= naive.least_missing);
    }
}

const LLAMA: &str = "layers=10&hidden=2048&heads=16&kv=4&head-dim=128&ffn=5632&vocab=32000";
const MOE: &str =
    "layers=6&hidden=1024&heads=8&kv=8&head-dim=128&experts=4&expert-ffn=2048&vocab=32000";

#[test]
fn finds_what_nested_loops_find() {
    for (gpus, batch, gb) in [
        (1, 8, 80.0),
        (8, 16, 20.0),
        (12, 24, 6.0),
        (16, 32, 3.0),
        (4, 6, 0.5),
    ] {
        let (task, space) = question(LLAMA, Family::Llama, gpus, batch, gb);
        same(task, space);
        let (task, space) = question(MOE, Family::Mixtral, gpus, batch, gb / 2.0);
        same(task, space);
    }
    // Scores written out: there is selective recomputation to weigh against whole layers.
    let (task, space) = question(LLAMA, Family::Llama, 8, 16, 12.0);
    let task = Task {
        software: Software::megatron_2022(),
        ..task
    };
    let run = Run {
        core_attention: CoreAttention::Unfused,
        ..space.run
    };
    same(task, Space { run, ..space });
    // What older software lacks, and what a reader has settled.
    let old = Space {
        run,
        most_context: 1,
        sequence_parallel: false,
        recompute_all: true,
        ..space
    };
    same(task, old);
    let settled = Space {
        micro_batch: Some(2),
        most_context: 2,
        ..space
    };
    same(task, settled);
}

proptest! {
    #![proptest_config(support::cases(24))]

    #[test]
    fn finds_what_nested_loops_find_at_random(
        layers in 1..14u64, heads in 1..5u32, gpus in 1..17u64, batch in 1..25u64, gb in 0.5..40.0f64,
    ) {
        let heads = 1 << heads;
        let fields = format!("layers={layers}&hidden={}&heads={heads}&kv={heads}&head-dim=64&ffn=4096&vocab=50000", 64 * heads);
        let (task, space) = question(&fields, Family::Llama, gpus, batch, gb);
        same(task, space);
    }
}

/// Slices give what one go gives, and none counts much more than it was asked for.
#[test]
fn slices_add_up() {
    let (task, space) = question(LLAMA, Family::Llama, 16, 64, 8.0);
    let whole = searched(task, space);
    let mut sliced = Search::new(task, space);
    let mut slices = 0;
    while let Progress::Searching { done, of } = sliced.step(50) {
        assert!(done < of);
        slices += 1;
    }
    assert!(slices > 5);
    assert_eq!(sliced.best(), whole.best());
    assert_eq!(sliced.front(), whole.front());
    assert_eq!(sliced.counted(), whole.counted());
}

/// Twice the accelerators are never slower where the batch allows every layout twice over.
#[test]
fn more_accelerators_are_never_slower() {
    let mut before = f64::INFINITY;
    for gpus in [1, 2, 4, 8, 16, 32, 64] {
        let (task, space) = question(LLAMA, Family::Llama, gpus, 1_024, 60.0);
        let search = searched(task, space);
        let best = search.best().first().expect("something fits").seconds;
        assert!(best <= before, "{gpus}: {best} after {before}");
        before = best;
    }
}

/// The fast count of the fullest rank against the count of every tensor on every rank.
#[test]
fn memory_is_the_ranks_own() {
    let model = |id: &str| Model::find(id).expect("a model").architecture();
    let mut worst: (f64, String) = (0.0, String::new());
    let mut errors = Vec::new();
    for id in [
        "llama-3-70b",
        "llama-3.1-405b",
        "deepseek-v3",
        "qwen3-30b-a3b",
        "gpt-3-175b",
    ] {
        let Some(architecture) = Model::find(id).map(|_| model(id)) else {
            continue;
        };
        let (_, space) = question(LLAMA, Family::Llama, 8, 8, 80.0);
        for (tensor, context, stages, chunks, data, micro_batch, micro_batches) in [
            (1, 1, 1, 1, 64, 1, 1),
            (8, 1, 4, 1, 8, 1, 16),
            (4, 2, 8, 1, 4, 2, 32),
            (8, 1, 4, 2, 2, 1, 8),
            (2, 1, 16, 3, 8, 1, 32),
            (8, 1, 3, 1, 16, 4, 2),
        ] {
            for (recomputed, layers) in [
                (Recomputed::Nothing, 0),
                (Recomputed::Layer, 2 * chunks),
                (Recomputed::Layer, u64::MAX),
            ] {
                for sharding in [Sharding::None, Sharding::Distributed] {
                    let expert = if architecture.experts.is_some() {
                        8.min(data * tensor * context)
                    } else {
                        1
                    };
                    let shape = Shape {
                        micro_batch,
                        tensor,
                        sequence_parallel: tensor > 1,
                        context,
                        expert,
                        expert_tensor: 1,
                    };
                    let place = Place {
                        data,
                        pipeline: stages,
                        chunks,
                        schedule: Schedule::OneForwardOneBackward,
                        micro_batches,
                        sharding,
                        shard_group: data,
                        last: None,
                        recomputed,
                        recomputed_layers: layers,
                    };
                    let fast =
                        fullest_rank(&architecture, &space.run, &space.states, &shape, &place);
                    let candidate = Candidate {
                        shape,
                        place,
                        seconds: 0.0,
                        bytes: 0.0,
                    };
                    let layout = candidate.layout();
                    let run = Run {
                        micro_batch,
                        micro_batches,
                        distributed_optimizer: sharding == Sharding::Distributed,
                        recompute: match (recomputed, layers) {
                            (Recomputed::Nothing, _) => Recompute::None,
                            (_, u64::MAX) => Recompute::Uniform { layers: 1 },
                            (_, layers) => Recompute::Block {
                                layers: layers / chunks,
                            },
                        },
                        ..space.run
                    };
                    let exact = Megatron::new(&architecture, &layout, &run, Split::default());
                    let exact = (0..stages)
                        .map(|rank| exact.stage(rank).peak.0)
                        .max()
                        .expect("a rank") as f64;
                    let error = (fast / exact - 1.0).abs();
                    errors.push(error);
                    if error > worst.0 {
                        worst = (error, format!("{id} {shape:?} {place:?}: {fast} {exact}"));
                    }
                }
            }
        }
    }
    errors.sort_by(f64::total_cmp);
    assert!(errors.len() > 100);
    println!(
        "median {} p90 {} worst {worst:?}",
        errors[errors.len() / 2],
        errors[errors.len() * 9 / 10]
    );
    assert!(
        errors[errors.len() / 2] < 0.005 && worst.0 < 0.05,
        "{worst:?}"
    );
}
