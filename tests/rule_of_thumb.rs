//! The rule of thumb against the article's and the papers' printed figures.

mod support;

use petaday::compute::{Quantity, flop_to_pf_days, training_flop};
use petaday::estimate::{Figure, estimate, explain};
use petaday::field::{Choice, Value};
use petaday::formula::Fraction;
use petaday::memory::Part;
use petaday::scenario::{Field, Preset, Scenario};
use petaday::training::{GradientDtype, Optimizer, Precision, Recomputation};
use proptest::prelude::*;
use serde_json::Value as Json;

fn article() -> Scenario {
    Preset::find("article").unwrap().scenario()
}

fn choosing<C: Choice>(scenario: Scenario, field: Field, option: C) -> Scenario {
    scenario.with(field, Value::Choice(option.index())).unwrap()
}

#[track_caller]
fn bytes(scenario: &Scenario, part: Part, expected: u128) {
    assert_eq!(estimate(scenario).memory.of(part).0, expected, "{part:?}");
}

/// The article's case study: 7e9 parameters, FP32, AdamW, s 128, b 512, h 4096, L 24, a 16, t 1.
#[test]
fn case_study() {
    let article = article();
    bytes(&article, Part::Weights, 28_000_000_000);
    bytes(&article, Part::Optimizer, 84_000_000_000);
    bytes(&article, Part::Gradients, 28_000_000_000);
    // The article prints 67.51 GB; its formula gives 219 GiB.
    bytes(&article, Part::Activations, 235_149_459_456);
    assert_eq!(219u128 << 30, 235_149_459_456);
    assert_eq!(estimate(&article).memory.total().0, 375_149_459_456);

    let selective = choosing(article, Field::Recomputation, Recomputation::Selective);
    bytes(&selective, Part::Activations, 219_043_332_096);
    let full = choosing(article, Field::Recomputation, Recomputation::Full);
    bytes(&full, Part::Activations, 12_884_901_888);
}

/// The article's bytes per parameter, for every precision, optimizer and gradient dtype.
#[test]
fn bytes_per_parameter() {
    let parameters = u128::from(article().parameters());
    for (precision, weights, gradients) in [
        (Precision::Fp32, 4, 4),
        (Precision::SixteenBit, 2, 2),
        (Precision::Mixed, 2 + 4, 2),
    ] {
        let scenario = choosing(article(), Field::Precision, precision);
        bytes(&scenario, Part::Weights, parameters * weights);
        bytes(&scenario, Part::Gradients, parameters * gradients);
        for (dtype, gradients) in [(GradientDtype::Fp32, 4), (GradientDtype::SixteenBit, 2)] {
            let set = choosing(scenario, Field::Gradients, dtype);
            bytes(&set, Part::Gradients, parameters * gradients);
        }
    }
    for (optimizer, states) in [
        (Optimizer::AdamW, 12),
        (Optimizer::AdamW8Bit, 6),
        (Optimizer::Sgd, 8),
    ] {
        let scenario = choosing(article(), Field::Optimizer, optimizer);
        bytes(&scenario, Part::Optimizer, parameters * states);
    }
}

/// Brown et al. 2020 (arXiv:2005.14165), Table D.1: PF-days to the three digits printed.
#[test]
fn gpt3_table_d1() {
    let runs: Json = serde_json::from_str(include_str!("reference/runs.json")).unwrap();
    let mut rows = 0;
    for run in runs["runs"].as_array().unwrap() {
        let Some(printed) = run["pf_days_reported"].as_f64() else {
            continue;
        };
        let count = |key: &str| Value::Count(run[key].as_f64().unwrap() as u64);
        let scenario = article()
            .with_all(&[
                (Field::Parameters, count("params_total")),
                (Field::Tokens, count("tokens")),
            ])
            .unwrap();
        let pf_days = estimate(&scenario).compute.pf_days;
        let unit = 10f64.powf(printed.log10().floor() - 2.0);
        assert!(
            (pf_days - printed).abs() <= 0.5 * unit * (1.0 + 1e-9),
            "{}: {pf_days} is not {printed}",
            run["model"]
        );
        rows += 1;
    }
    assert_eq!(rows, 7);
}

/// GPT-3's 3.14e23 FLOP (Table D.1) do not fit in 64 bits.
#[test]
fn flop_are_exact() {
    let gpt3 = Preset::find("gpt3-175b").unwrap().scenario();
    assert_eq!(
        estimate(&gpt3).compute.flop.0,
        6 * 174_600_000_000 * 300_000_000_000
    );
}

/// C both ways: 6·P·D over the throughput is the time, and the throughput for that time is C again.
#[test]
fn compute_both_ways() {
    let found = estimate(&article()).compute;
    // 5.88e21 FLOP on 64 GPUs of 40 TFLOP/s: 68.06 PF-days, 40,833 GPU-hours, 26.6 days.
    assert_eq!(found.flop.0, 5_880_000_000_000_000_000_000);
    assert!((found.pf_days - 68.0556).abs() < 1e-4);
    assert!((found.gpu_hours - 40_833.33).abs() < 0.01);
    assert!((found.time.days() - 26.584).abs() < 1e-3);
    let again = petaday::compute::flop_of(found.throughput, found.time);
    assert!((again / 5.88e21 - 1.0).abs() < 1e-12);
    assert_eq!(flop_to_pf_days(8.64e19), 1.0);
}

/// The figure and its explanation come from one definition.
#[test]
fn explanations_show_the_article() {
    let text = |figure| explain(&article(), figure).formula.in_values();
    assert_eq!(text(Figure::Memory(Part::Optimizer)), "7 B × 12 bytes");
    let activations = explain(&article(), Figure::Memory(Part::Activations));
    assert_eq!(
        activations.formula.in_letters(),
        "s·b·h·L·(10 + 24/t + 5·a·s/(h·t))"
    );
    assert_eq!(activations.result, "235,149,459,456 bytes");
    assert!(activations.source.citation.contains("Korthikanti"));
    let days = explain(&article(), Figure::Days);
    assert!(
        days.formula.in_letters().starts_with("C/"),
        "{}",
        days.formula.in_letters()
    );
}

#[track_caller]
fn near(left: f64, right: f64) {
    assert!((left / right - 1.0).abs() <= 1e-12, "{left} is not {right}");
}

proptest! {
    #![proptest_config(support::cases(1_000))]

    /// FLOP → PF-days → GPU-hours → days and back, to a relative 1e-12.
    #[test]
    fn units_round_trip(log_flop in 13f64..29.0, gpus in 1u64..1_000_000, log_rate in 9f64..17.0) {
        use petaday::compute::{gpu_hours_of, pf_days_to_flop, flop_of, time_of};
        use petaday::units::{FlopPerSecond, Seconds, SECONDS_PER_DAY, SECONDS_PER_HOUR};
        let (flop, rate) = (10f64.powf(log_flop), 10f64.powf(log_rate));
        let throughput = FlopPerSecond(gpus as f64 * rate);
        near(pf_days_to_flop(flop_to_pf_days(flop)), flop);
        let time = time_of(flop, throughput);
        near(flop_of(throughput, time), flop);
        let hours = gpu_hours_of(gpus as f64, time);
        near(hours * SECONDS_PER_HOUR * rate, flop);
        near(flop_of(throughput, Seconds(time.days() * SECONDS_PER_DAY)), flop);
    }

    /// Every figure of an estimate is finite and positive, and the parts make the total.
    #[test]
    fn estimates_are_sound(scenario in support::scenario()) {
        let found = estimate(&scenario);
        let figures = [
            found.compute.pf_days, found.compute.gpu_hours, found.compute.time.0,
            found.compute.throughput.0, found.compute.mfu_percent, found.filled(),
        ];
        prop_assert!(figures.iter().all(|figure| figure.is_finite() && *figure > 0.0), "{figures:?}");
        let sum: u128 = Part::ALL.map(|part| found.memory.of(part).0).iter().sum();
        prop_assert_eq!(sum, found.memory.total().0);
        near(training_flop::<f64>(&scenario), found.compute.flop.0 as f64);
        for text in [found.reason(&scenario), petaday::estimate::Estimate::question(&scenario)] {
            prop_assert!(!text.contains("NaN") && !text.contains("inf"), "{}", text);
        }
    }

    /// Exact bytes are what the formula gives in floating point.
    #[test]
    fn exact_bytes_match_the_formula(scenario in support::scenario()) {
        // The formula divides by heads and by ranks, which only there divide.
        prop_assume!(!scenario.is_detailed());
        for part in Part::OF_THE_RULE {
            let exact = petaday::memory::rule_of_thumb::term::<Fraction>(&scenario, part).bytes.whole();
            let float = petaday::memory::rule_of_thumb::term::<f64>(&scenario, part).bytes;
            near(exact as f64, float);
        }
    }

    /// Setting a converter's quantity and reading it again gives it back, or an error says why not.
    #[test]
    fn converter_keeps_what_was_set(scenario in support::scenario(), which in 0..4usize, log in -3f64..3.0) {
        let quantity = Quantity::ALL[which];
        let wanted = quantity.of(&scenario) * 10f64.powf(log);
        if let Ok(set) = quantity.set(&scenario, wanted) {
            let got = quantity.of(&set);
            // What follows may have to be whole: tokens and parameters by one part in a million, GPUs by one.
            let slack = 1.0 / set.gpus() as f64 + 1e-6;
            prop_assert!((got / wanted - 1.0).abs() <= slack, "{:?} {} {}", quantity, got, wanted);
        }
    }
}
