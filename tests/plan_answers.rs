//! What a plan answers beside its ranking: why, what is missing, what would help, and how it changes with one input.

use petaday::hardware::Accelerator;
use petaday::model::Model;
use petaday::plan::{
    Question, Reason, Remedy, Search, Swept, crossing, least_gpus, remedies, sweep,
};
use petaday::training::{Optimizer, Precision, Stack};

fn question(model: &str, gpus: u64) -> Question {
    let accelerator = Accelerator::find("h100-sxm").expect("an H100");
    let architecture = Model::find(model).expect("a model").architecture();
    Question::of(architecture, 8_192, 512, accelerator, gpus)
}

fn searched(question: &Question) -> Search {
    let mut search = Search::new(question.task(), question.space());
    search.finish();
    search
}

/// The causes of a comparison add up to what is saved, and the sentence says the largest and both layouts' difference.
#[test]
fn the_best_is_compared_with_the_runner_up() {
    let mut said = 0;
    for (model, gpus) in [
        ("llama-3-8b", 8),
        ("llama-3-70b", 64),
        ("mixtral-8x7b", 32),
        ("llama-3.1-405b", 1_024),
    ] {
        let search = searched(&question(model, gpus));
        let comparison = search.comparison().expect("two layouts that fit");
        assert_eq!(Some(&comparison.best), search.best().first());
        let next = comparison.next;
        let place = search.best().iter().position(|one| *one == next);
        assert!(place.is_some_and(|place| place > 0));
        let layout = |one: &petaday::plan::Candidate| {
            (
                one.shape.tensor,
                one.place.pipeline,
                one.shape.context,
                one.shape.micro_batch,
                one.shape.expert,
            )
        };
        assert_ne!(layout(&next), layout(&comparison.best));
        for between in search.best().iter().take(place.unwrap_or(0)) {
            assert_eq!(layout(between), layout(&comparison.best));
        }
        let sum: f64 = comparison.causes.iter().map(|one| one.seconds).sum();
        assert!((sum - comparison.saved()).abs() <= 1e-9 * comparison.best.seconds);
        let sentence = comparison.sentence();
        println!("{model}: {sentence}");
        assert!(sentence.ends_with('.') && !sentence.contains('\n'));
        if sentence.contains(" beats ") {
            let largest = comparison
                .causes
                .iter()
                .max_by(|one, other| one.seconds.total_cmp(&other.seconds))
                .expect("causes");
            let cause = largest.cause.to_ascii_lowercase();
            assert!(
                sentence.contains(&format!(" less for {cause}")),
                "{sentence}"
            );
            said += 1;
        }
        let front = search.front_sentence().expect("a front");
        println!("  {front}");
        println!("  {}", search.sentence());
    }
    assert!(said > 0);
}

/// Every combination that cannot be is in one sentence with its reason.
#[test]
fn rejections_are_sentences() {
    let search = searched(&question("llama-3-70b", 96));
    let rejections = search.rejections();
    let total: u64 = rejections.iter().map(|one| one.count).sum();
    assert_eq!(
        total,
        search.rejected().map(|(_, count)| count).sum::<u64>()
    );
    assert!(
        rejections
            .windows(2)
            .all(|pair| pair[0].count >= pair[1].count)
    );
    // 96 = 2⁵·3 accelerators: a third of the batch of 512 cannot be had, nor a tensor degree of 3 of 64 heads.
    for reason in [Reason::Batch, Reason::Heads] {
        let one = rejections
            .iter()
            .find(|one| one.reason == reason)
            .expect("a reason");
        assert!(one.sentence().contains(reason.sentence()));
        println!("{}", one.sentence());
    }
}

/// Where nothing fits: the nearest layout, and remedies that are so.
#[test]
fn a_miss_has_remedies() {
    let question = question("llama-3-70b", 8);
    let search = searched(&question);
    assert_eq!(search.fitting(), 0);
    let miss = search.miss().expect("a miss");
    assert!(miss.short() > 0.0);
    println!("{} {}", search.sentence(), miss.sentence());
    assert!(miss.sentence().contains("more than"));
    let found = remedies(&question);
    assert!(!found.is_empty());
    for (remedy, fits) in &found {
        println!("{}", remedy.sentence(fits));
        let changed = match *remedy {
            Remedy::Gpus(gpus) => Question { gpus, ..question },
            Remedy::Sequence(sequence) => Question {
                sequence,
                ..question
            },
            Remedy::EightBitOptimizer => Question {
                optimizer: Optimizer::AdamW8Bit,
                ..question
            },
            Remedy::SixteenBitGradients => Question {
                gradients: petaday::training::GradientDtype::SixteenBit,
                ..question
            },
            Remedy::SharedWeights => Question {
                stack: Stack::TorchTitan,
                ..question
            },
            Remedy::TensorBeyondLinks => Question {
                tensor_beyond_links: true,
                ..question
            },
        };
        assert_eq!(searched(&changed).best().first(), Some(fits));
    }
    // 70.6e9 parameters of 18 bytes are 1,270 GB: no eight accelerators of 80 GB hold them.
    assert!(
        found
            .iter()
            .all(|(remedy, _)| !matches!(remedy, Remedy::Sequence(_)))
    );
    assert!(searched(&self::question("llama-3-8b", 8)).miss().is_none());
}

/// The least number of accelerators against trying every one.
#[test]
fn the_least_number_is_the_least() {
    for (model, stack, precision) in [
        ("llama-3-8b", Stack::Megatron, Precision::MainGradients),
        ("llama-3-70b", Stack::Megatron, Precision::MainGradients),
        ("llama-3-70b", Stack::TorchTitan, Precision::Master),
        ("mixtral-8x7b", Stack::Megatron, Precision::SixteenBit),
    ] {
        let question = Question {
            stack,
            precision,
            ..question(model, 8)
        };
        let fits = |gpus: &u64| {
            searched(&Question {
                gpus: *gpus,
                ..question
            })
            .fitting()
                > 0
        };
        let numbers = [1, 2, 4]
            .into_iter()
            .chain((1..64).map(|servers| 8 * servers));
        let naive = numbers.into_iter().find(fits);
        let found = least_gpus(&question, 8, 4_096);
        assert_eq!(found.map(|(gpus, _)| gpus), naive, "{model}");
        println!("{model}: {naive:?}");
    }
    // A server too small for any answer.
    assert_eq!(least_gpus(&question("llama-3.1-405b", 8), 8, 64), None);
}

/// Points of a sweep are the plans of their questions; efficiency and cost follow from their steps.
#[test]
fn sweeps_are_plans_point_by_point() {
    let base = question("llama-3-8b", 8);
    let gpus = [8, 16, 32, 64, 128, 256];
    let points: Vec<_> = sweep(&base, Swept::Gpus, &gpus).collect();
    let first = points[0];
    for (point, gpus) in points.iter().zip(gpus) {
        let best = searched(&Question { gpus, ..base }).best().first().copied();
        assert_eq!(point.best, best);
        let best = best.expect("a layout that fits");
        // Strong scaling: (t₀·n₀) / (t·n).
        let expected = first.best.expect("it fits").seconds * 8.0 / (best.seconds * gpus as f64);
        let efficiency = point.efficiency(&first).expect("it fits");
        assert!((efficiency / expected - 1.0).abs() < 1e-12);
        assert!(efficiency <= 1.02, "{gpus}: {efficiency}");
        // A step of 512 sequences of 8,192 tokens, by hours of all accelerators, at 2 dollars.
        let step = 512.0 * 8_192.0;
        let dollars = point.dollars(step, 2.0).expect("it fits");
        assert!((dollars / (best.seconds / 3_600.0 * gpus as f64 * 2.0) - 1.0).abs() < 1e-12);
        println!("{gpus}: {:.3} s, {:.1}%", best.seconds, 100.0 * efficiency);
    }
    let micro = [1, 2, 4, 8];
    for (point, micro_batch) in sweep(&base, Swept::MicroBatch, &micro).zip(micro) {
        if let Some(best) = point.best {
            assert_eq!(best.shape.micro_batch, micro_batch);
        }
    }
    // With any micro-batch allowed the best is the best of all.
    let best = first.best.expect("it fits").seconds;
    let each = sweep(&base, Swept::MicroBatch, &micro).filter_map(|point| point.best);
    let least = each.map(|one| one.seconds).fold(f64::INFINITY, f64::min);
    assert!(best <= least * (1.0 + 1e-12));
    let layers = [8, 16, 32, 64];
    let points: Vec<_> = sweep(&base, Swept::Layers, &layers).collect();
    assert!(
        points
            .windows(2)
            .all(|pair| pair[0].parameters < pair[1].parameters)
    );
    assert_eq!(points[2].parameters, base.architecture.parameters());
}

/// On one side of a crossing a layout fits, on the other none does, and there is no step between.
#[test]
fn crossings_are_where_fitting_ends() {
    let base = question("llama-3-8b", 1);
    let fits = |swept: Swept, value: u64| searched(&swept.at(&base, value)).fitting() > 0;
    for (swept, low, high, step) in [
        (Swept::Layers, 1, 200, 1),
        (Swept::Sequence, 1_024, 1_048_576, 1_024),
        (Swept::Gpus, 64, 1, 1),
    ] {
        let base = match swept {
            Swept::Sequence => Question {
                architecture: question("qwen3-0.6b", 1).architecture,
                ..base
            },
            _ => base,
        };
        let Some(found) = crossing(&base, swept, low, high, step) else {
            panic!("{swept:?} does not cross");
        };
        let (inside, outside) = (found.fits.value, found.fails.value);
        println!("{swept:?}: {inside} fits, {outside} does not");
        assert_eq!(inside.abs_diff(outside), step);
        assert!(found.fits.best.is_some() && found.fails.best.is_none());
        assert_eq!(swept.relieves(), inside > outside);
        if swept == Swept::Layers {
            assert!(fits(swept, inside) && !fits(swept, outside));
        }
        let smallest = found.fails.smallest.expect("a miss");
        assert!(smallest.bytes > found.fails.capacity);
        assert!(
            found
                .fits
                .smallest
                .is_some_and(|one| one.bytes <= found.fits.capacity)
        );
    }
    assert!(crossing(&base, Swept::Layers, 200, 1, 1).is_none());
}
