//! What is typed into the page's fields: nothing panics, nothing typed is lost, and every text shown is a number.

mod support;

use petaday::compute::Quantity;
use petaday::estimate::estimate;
use petaday::form::{Entry, Form};
use petaday::scenario::{Field, PRESETS};
use proptest::prelude::*;
use proptest::sample::select;

fn entry() -> impl Strategy<Value = Entry> {
    let entries = Field::ALL.map(Entry::Field).into_iter();
    let entries = entries.chain(Quantity::ALL.map(Entry::Quantity));
    select(entries.collect::<Vec<_>>())
}

fn typed() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "",
            "0",
            "-5",
            "NaN",
            "1e400",
            "letters",
            "7B",
            "15T",
            "1.4e12",
            "4k",
            "6_738_415_616",
            "30",
            "1e-9",
            "64 GPUs",
            "1",
            "2",
            "12",
            "4096",
            "1e21",
            "100",
            "0.5",
            "1e13",
            "1e15",
            "１２",
            "٣",
        ])
        .prop_map(str::to_owned),
        any::<f64>().prop_map(|number| number.to_string()),
        (0u64..100_000).prop_map(|number| number.to_string()),
        any::<String>(),
    ]
}

#[derive(Clone, Debug)]
enum Act {
    Type(Entry, String),
    Leave(Entry),
    Set(Field, petaday::field::Value),
}

fn act() -> impl Strategy<Value = Act> {
    let set = select(Field::ALL.to_vec())
        .prop_flat_map(|field| support::value(field).prop_map(move |value| Act::Set(field, value)));
    prop_oneof![
        4 => (entry(), typed()).prop_map(|(entry, text)| Act::Type(entry, text)),
        1 => entry().prop_map(Act::Leave),
        2 => set,
    ]
}

proptest! {
    #![proptest_config(support::cases(3_000))]

    #[test]
    fn any_typing_is_survived(
        preset in 0..PRESETS.len(),
        held in prop::array::uniform5(any::<bool>()),
        acts in prop::collection::vec(act(), 1..12),
    ) {
        let scenario = PRESETS[preset].scenario();
        let mut holding = scenario.held();
        for ((_, hold), held) in petaday::link::HOLDS.iter().zip(held) {
            *hold(&mut holding) = held;
        }
        let mut form = Form::new(scenario.holding(holding));
        for act in acts {
            match act {
                Act::Type(entry, text) => {
                    let before = *form.scenario();
                    form.edit(entry, &text);
                    prop_assert_eq!(&form.text(entry), &text);
                    if let Some(error) = form.error(entry) {
                        prop_assert!(!error.is_empty() && !error.contains("NaN =") && form.is_stale());
                        form.settle(entry);
                        prop_assert_eq!(&form.text(entry), &text);
                        prop_assert_eq!(*form.scenario(), before);
                    }
                }
                Act::Leave(entry) => form.settle(entry),
                Act::Set(field, value) => form.set(field, value),
            }
            let scenario = form.scenario();
            prop_assert!(estimate(scenario).compute.time.0.is_finite());
            for quantity in Quantity::ALL {
                let shown = Entry::Quantity(quantity).display(scenario);
                prop_assert!(shown.bytes().any(|byte| byte.is_ascii_digit()), "{:?}: {}", quantity, shown);
            }
        }
    }
}
