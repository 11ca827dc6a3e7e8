//! What several test files share.
#![allow(dead_code)] // Each file uses its part of it.

use petaday::field::{Choice, Kind, LayerSet, Value};
use petaday::link::{self, HOLDS};
use petaday::model::{Architecture, Family, ModelField};
use petaday::scenario::{Field, PRESETS, Scenario};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

/// This many cases, the same ones in every run, so that a failure stays; another seed finds others, and so do more cases:
/// PROPTEST_RNG_SEED and PROPTEST_CASES.
pub fn cases(cases: u32) -> ProptestConfig {
    let wanted = std::env::var("PROPTEST_CASES").ok();
    ProptestConfig {
        cases: wanted
            .and_then(|wanted| wanted.parse().ok())
            .unwrap_or(cases),
        failure_persistence: None,
        rng_seed: std::env::var("PROPTEST_RNG_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok())
            .unwrap_or(RngSeed::Fixed(1)),
        ..ProptestConfig::default()
    }
}

/// A field's valid value: round ones, odd ones, and both ends of its range.
pub fn value(field: Field) -> BoxedStrategy<Value> {
    value_of(field.kind())
}

/// Any architecture: a family's, and of every field its own value or another valid one.
pub fn architecture() -> impl Strategy<Value = Architecture> {
    let values =
        ModelField::ALL.map(|field| proptest::option::weighted(0.3, value_of(field.kind())));
    (select(Family::ALL.to_vec()), values).prop_map(|(family, values)| {
        let mut architecture = family.base();
        for (field, value) in ModelField::ALL.into_iter().zip(values) {
            if let Some(value) = value.filter(|_| field != ModelField::Family) {
                field.set(&mut architecture, value);
            }
        }
        if let Some(experts) = &mut architecture.experts {
            experts.active = experts.active.min(experts.count);
        }
        architecture
    })
}

fn value_of(kind: Kind) -> BoxedStrategy<Value> {
    match kind {
        Kind::Choice(options) => (0..options.len()).prop_map(Value::Choice).boxed(),
        Kind::Layers => (1..6u64, 0..8u64)
            .prop_map(|(step, first)| Value::Layers(LayerSet::every(step, first)))
            .boxed(),
        Kind::Number(number) => {
            let (min, max, whole) = (number.min, number.max, number.whole);
            // Evenly over magnitudes, which have no zero.
            let least = if min > 0.0 { min } else { 1.0 };
            let spread = (least.ln()..=max.ln()).prop_map(|log: f64| log.exp());
            prop_oneof![1 => Just(min), 1 => Just(max), 8 => spread]
                .prop_map(move |value| {
                    let value = value.clamp(min, max);
                    if whole {
                        Value::Count(value as u64)
                    } else {
                        Value::Real(value)
                    }
                })
                .boxed()
        }
    }
}

/// Any scenario: a preset, and of every field its own value or another one that goes with the rest.
pub fn scenario() -> impl Strategy<Value = Scenario> {
    let changes: Vec<_> = Field::ALL
        .into_iter()
        .map(|field| proptest::option::weighted(0.4, value(field)))
        .collect();
    // Hidden size, heads and tensor-parallel degree are valid only together: built up as products.
    let shape = (0..5u32, 1..=32u64, 1..=64u64, 1..=64u64);
    let held = prop::array::uniform5(any::<bool>());
    (0..PRESETS.len(), changes, shape, held).prop_map(
        |(preset, changes, (power, degree, heads, width), held)| {
            let degree = degree.min(1 << power);
            let heads = (degree * heads).min(1_024 / degree * degree);
            let hidden = heads * width.min(131_072 / heads);
            let changes = Field::ALL
                .into_iter()
                .zip(changes)
                .filter_map(|(field, value)| Some((field, value?)));
            let scenario = changes.fold(PRESETS[preset].scenario(), |scenario, (field, value)| {
                scenario.with(field, value).unwrap_or(scenario)
            });
            let shape = [
                (Field::HIDDEN, Value::Count(hidden)),
                (Field::HEADS, Value::Count(heads)),
                (Field::TensorParallel, Value::Count(degree)),
            ];
            let scenario = scenario.with_all(&shape).unwrap_or(scenario);
            let mut holding = scenario.held();
            for ((_, hold), held) in HOLDS.iter().zip(held) {
                *hold(&mut holding) = held;
            }
            scenario.holding(holding)
        },
    )
}

/// Text that a link may be made of: anything, and what looks like a link.
pub fn link_like() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        select(Field::ALL.to_vec()).prop_map(|field| field.key().to_owned()),
        select(vec!["v", "preset", "hold", "embed", "", "params "]).prop_map(str::to_owned),
        any::<String>(),
    ];
    let text = prop_oneof![
        select(vec![
            "",
            "0",
            "-1",
            "NaN",
            "inf",
            "1e400",
            "-1e-400",
            "7B",
            "1e99999999999999999999",
            "1e-9",
            "k",
            "1,5",
            "99999999999999999999999999999999999999999",
            "%",
            "%zz",
            "%00",
            "%f0%28",
            "+",
            "🦀",
            "fp32",
            "none",
            "1e",
            "_",
            ".",
            "16_",
            "−3",
            "0x10",
            "article",
            "compute.days",
            "1e25",
            "18446744073709551616",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
        any::<f64>().prop_map(|number| number.to_string()),
        any::<u128>().prop_map(|number| number.to_string()),
    ];
    let pairs = prop::collection::vec((key, text), 0..8).prop_map(|pairs| {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(key, text)| format!("{key}={text}"))
            .collect();
        pairs.join("&")
    });
    let lead = select(vec![
        "",
        "?",
        "#",
        "#?",
        "https://example.org/a/?",
        "file:///x.html#",
        "??",
        "&",
    ]);
    (lead, pairs).prop_map(|(lead, pairs)| format!("{lead}{pairs}"))
}

/// A valid link with some of its bytes changed, lost or doubled.
pub fn mutated_link() -> impl Strategy<Value = String> {
    let cut = (any::<prop::sample::Index>(), any::<u8>(), 0..3u8);
    (scenario(), prop::collection::vec(cut, 1..6)).prop_map(|(scenario, cuts)| {
        let mut bytes = link::query(&scenario).into_bytes();
        for (index, byte, kind) in cuts {
            if bytes.is_empty() {
                break;
            }
            let at = index.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
