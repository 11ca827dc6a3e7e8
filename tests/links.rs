//! Share links: every scenario comes back exactly, nothing panics, and what cannot be used is named.

mod support;

use petaday::link::{self, Notice};
use petaday::scenario::{Field, PRESETS, Scenario};
use proptest::prelude::*;

#[track_caller]
fn opens(link: &str) -> Scenario {
    let opened = link::open(link);
    assert_eq!(opened.notices, [], "{link}");
    opened.scenario
}

/// Links of every released version open for ever: a line is added here when a key is, and none is ever changed.
#[test]
fn frozen_links() {
    for line in include_str!("links/v1.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let (link, expected) = line.split_once('\t').unwrap();
        let scenario = opens(link);
        for pair in expected.split(' ') {
            let (key, value) = pair.split_once('=').unwrap();
            let field = Field::ALL.into_iter().find(|field| field.key() == key);
            let found = field.map(|field| field.key_of(scenario.value(field)));
            assert_eq!(found.as_deref(), Some(value), "{link}: {key}");
        }
    }
}

#[test]
fn default_link_is_short() {
    for preset in PRESETS {
        let link = link::query(&preset.scenario());
        assert_eq!(link, format!("v=1&preset={}", preset.id));
        assert_eq!(opens(&link), preset.scenario());
    }
}

#[test]
fn accepted_in_every_form() {
    let expected = opens("v=1&preset=article&params=70B");
    assert_eq!(expected.parameters(), 70_000_000_000);
    for link in [
        "?v=1&preset=article&params=70B",
        "#v=1&preset=article&params=70B",
        "#?v=1&preset=article&params=70B",
        "https://example.org/petaday/?v=1&preset=article&params=70B",
        "https://example.org/petaday/#v=1&preset=article&params=70B",
        "file:///home/reader/petaday.html?embed=1&v=1&preset=article&params=70B",
        "params=7e10",
    ] {
        assert_eq!(opens(link), expected, "{link}");
    }
}

/// What cannot be used falls back field by field and is named with its value and what would be valid.
#[test]
fn notices_name_the_field() {
    for (link, key, words) in [
        (
            "params=0",
            "params",
            "Parameters = 0 is out of range; valid: 1 M to 10 T",
        ),
        ("params=-7B", "params", "out of range"),
        ("params=1e400", "params", "out of range"),
        ("params=NaN", "params", "is not a number"),
        ("params=", "params", "Parameters is empty"),
        ("layers=1.5", "layers", "is not a whole number"),
        ("gpu=h300", "gpu", "“h300” is unknown"),
        (
            "precision=fp3",
            "precision",
            "“fp3” is unknown; valid: fp32, 16bit, mixed",
        ),
        (
            "heads=30",
            "heads",
            "Heads = 30 does not divide hidden size = 4096; nearest that do: 16, 32",
        ),
        ("preset=gpt9", "preset", "“gpt9” is unknown"),
        ("v=99", "v", "“99” is not a version"),
        ("hold=moon", "hold", "“moon” is unknown"),
        ("colour=red", "colour", "“colour” is not a field"),
        ("params=7B&params=8B", "params", "stands twice"),
    ] {
        let opened = link::open(link);
        let [notice] = opened.notices.as_slice() else {
            panic!("{link}: {:?}", opened.notices);
        };
        assert_eq!(notice.key(), key, "{link}");
        assert!(notice.to_string().contains(words), "{link}: {notice}");
    }
}

#[test]
fn the_rest_of_a_damaged_link_still_counts() {
    let opened = link::open("v=1&preset=llama2-7b&params=oops&layers=40&seq=8k");
    assert!(matches!(opened.notices.as_slice(), [Notice::Field(_)]));
    assert_eq!(opened.scenario.parameters(), 6_738_415_616);
    assert_eq!(opened.scenario.layers(), 40);
    assert_eq!(opened.scenario.sequence(), 8_192);
}

proptest! {
    #![proptest_config(support::cases(4_000))]

    #[test]
    fn every_scenario_round_trips(scenario in support::scenario()) {
        let link = link::query(&scenario);
        let opened = link::open(&link);
        prop_assert_eq!(&opened.notices, &[]);
        prop_assert_eq!(opened.scenario, scenario, "{}", link);
        prop_assert!(link.len() < 2_000, "{} is {} characters", link, link.len());
    }
}

/// Whatever a link holds, opening it gives a valid scenario whose own link opens cleanly.
fn survives(text: &str) -> Result<(), TestCaseError> {
    let opened = link::open(text);
    let again = link::open(&link::query(&opened.scenario));
    prop_assert_eq!(again.notices, []);
    prop_assert_eq!(again.scenario, opened.scenario);
    for notice in opened.notices {
        prop_assert!(notice.to_string().chars().count() < 400);
    }
    Ok(())
}

proptest! {
    // Together 100,000.
    #![proptest_config(support::cases(25_000))]

    #[test]
    fn random_text_never_panics(text in any::<String>()) {
        survives(&text)?;
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn what_looks_like_a_link_never_panics(text in support::link_like()) {
        survives(&text)?;
    }

    #[test]
    fn mutated_links_never_panic(text in support::mutated_link()) {
        survives(&text)?;
    }
}
