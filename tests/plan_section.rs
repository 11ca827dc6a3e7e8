//! The plan, sweeps and launch settings as text: what they offer is what they found, however they were searched.

mod support;

use petaday::field::{Choice, Value};
use petaday::link;
use petaday::plan::Swept;
use petaday::scenario::{Detail, Estimator, Field, Scenario};
use petaday::section::Section;
use petaday::section::launch::launch_html;
use petaday::section::plan::{Column, Filter, Planner, mfu_percent, question, unplanned};
use petaday::section::sweep::{Input, Sweeper, sweep_html};
use proptest::prelude::*;

const LLAMA: &str = "preset=llama2-7b&est=detailed&model=llama-2-7b&gpus=64&accum=2";
const LLAMA_70B: &str = "preset=llama2-7b&est=detailed&model=llama-2-70b&precision=main-grads&gpus=128&tp=8&pp=4&accum=64&batch=1";
const MIXTRAL: &str =
    "preset=llama2-7b&est=detailed&model=mixtral-8x7b&precision=main-grads&gpus=64&accum=4";

fn open(query: &str) -> Scenario {
    let opened = link::open(query);
    assert!(opened.notices.is_empty(), "{:?}", opened.notices);
    opened.scenario
}

fn finished(scenario: &Scenario) -> Planner {
    let mut planner = Planner::new(scenario);
    planner.finish();
    planner
}

/// Every value of an attribute, unescaped.
fn all_of(html: &str, attribute: &str) -> Vec<String> {
    let start = format!(" {attribute}=\"");
    html.split(&start)
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(|value| value.replace("&amp;", "&").replace("&gt;", ">"))
        .collect()
}

/// The table of layouts, the last thing of its name.
fn layouts(html: &str) -> &str {
    html.rsplit("The best layouts").next().unwrap_or_default()
}

/// What a click sets, the way of a link: every key is a field's, and every text reads.
fn clicked(scenario: &Scenario, set: &str) -> Scenario {
    let changes: Vec<(Field, Value)> = set
        .split('&')
        .map(|pair| {
            let (key, text) = pair.split_once('=').expect("a pair");
            let field = Field::ALL.into_iter().find(|field| field.key() == key);
            let field = field.unwrap_or_else(|| panic!("{key} is no field"));
            (field, field.parse(text).expect("a value"))
        })
        .collect();
    scenario.with_all(&changes).expect("a scenario")
}

/// Tags that are opened are closed, in order, and nothing printed is no number.
fn is_sound(html: &str) {
    const VOID: [&str; 5] = ["rect", "path", "circle", "br", "input"];
    let mut open: Vec<String> = Vec::new();
    for part in html.split('<').skip(1) {
        let (tag, text) = part.split_once('>').expect("a tag ends");
        assert!(!text.contains('>'), "{text}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "{html}");
        } else {
            let name = tag.split([' ', '/']).next().expect("a name");
            if !VOID.contains(&name) {
                open.push(name.to_owned());
            }
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for word in ["NaN", "inf ", "infinity", "-0"] {
        let found = html
            .split(['<', '>'])
            .skip(2)
            .step_by(2)
            .any(|text| text.split_whitespace().any(|own| own == word.trim()));
        assert!(!found, "{word}: {html}");
    }
}

/// Every row's button makes the scenario's layout the row's; the batch of a step stays.
#[test]
fn a_row_is_applied() {
    for query in [LLAMA, LLAMA_70B, MIXTRAL] {
        let scenario = open(query);
        let planner = finished(&scenario);
        let asked = question(&scenario).expect("a question");
        for sort in Column::ALL {
            let html = planner.html(sort.key(), "variants");
            is_sound(&html);
            let table = layouts(&html);
            let sets = all_of(table, "data-set");
            assert_eq!(sets.len(), planner.best().len().min(20), "{query}");
            for set in sets {
                let applied = clicked(&scenario, &set);
                let row = planner.best().iter().find(|one| {
                    one.layout() == applied.layout()
                        && one.shape.micro_batch == applied.micro_batch()
                });
                let row = row.unwrap_or_else(|| panic!("{set}"));
                let again = question(&applied).expect("a question");
                assert_eq!(again.global_batch, asked.global_batch);
                assert_eq!(
                    applied.details().count(Detail::Accumulation),
                    row.place.micro_batches
                );
                // The link keeps it.
                assert_eq!(link::open(&link::query(&applied)).scenario, applied);
            }
            if *sort == Column::Rank {
                let first = all_of(table, "data-set").remove(0);
                let applied = clicked(&scenario, &first);
                assert_eq!(applied.layout(), planner.best()[0].layout());
                // The plan of the applied layout is the same plan, and finds it in the fields.
                let same = finished(&applied);
                assert_eq!(same.best(), planner.best());
                assert!(
                    same.html("", "")
                        .contains("The layout in the fields is this one.")
                );
            }
        }
    }
}

/// Slices of any size give what one search gives.
#[test]
fn slices_add_up() {
    for query in [LLAMA, MIXTRAL] {
        let scenario = open(query);
        let whole = finished(&scenario).html("", "");
        for slice in [1, 97, 4_096] {
            let mut planner = Planner::new(&scenario);
            let mut steps = 0;
            while !planner.step(slice) {
                is_sound(&planner.html("", ""));
                assert!(planner.best().is_empty());
                steps += 1;
                assert!(steps < 10_000_000);
            }
            assert_eq!(planner.html("", ""), whole);
        }
        let mut sweeper = Sweeper::new(&scenario, Input::Gpus);
        while !sweeper.step(512) {
            is_sound(&sweeper.html());
        }
        assert_eq!(sweeper.html(), sweep_html(&scenario, Input::Gpus));
    }
}

/// Sorting orders the rows, filters leave those that pass.
#[test]
fn rows_are_sorted_and_filtered() {
    let scenario = open(LLAMA_70B);
    let planner = finished(&scenario);
    let rows = |sort: &str, filters: &str| -> Vec<Scenario> {
        let html = planner.html(sort, filters);
        let table = layouts(&html);
        all_of(table, "data-set")
            .iter()
            .map(|set| clicked(&scenario, set))
            .collect()
    };
    let tensors: Vec<u64> = rows("tp", "")
        .iter()
        .map(|one| one.layout().tensor)
        .collect();
    assert!(tensors.is_sorted() && !tensors.is_empty(), "{tensors:?}");
    let batches: Vec<u64> = rows("batch", "")
        .iter()
        .map(Scenario::micro_batch)
        .collect();
    assert!(batches.is_sorted());
    for (filter, passes) in [
        (
            "no-pp",
            (|one: &Scenario| one.layout().pipeline == 1) as fn(&Scenario) -> bool,
        ),
        ("no-tp", |one| one.layout().tensor == 1),
        ("no-cp", |one| one.layout().context == 1),
        ("no-recompute", |one| {
            one.recomputation() == petaday::training::Recomputation::None
        }),
    ] {
        let rows = rows("", filter);
        assert!(!rows.is_empty() && rows.iter().all(passes), "{filter}");
    }
    // Variants of the same degrees are one row, the fastest of them.
    let folded = rows("", "");
    let alike = |one: &Scenario| {
        let layout = one.layout();
        let degrees = (layout.tensor, layout.context, layout.pipeline, layout.data);
        (degrees, one.micro_batch())
    };
    for (index, one) in folded.iter().enumerate() {
        assert!(
            folded[..index]
                .iter()
                .all(|other| alike(other) != alike(one))
        );
        let first = planner.best().iter().find(|found| {
            let layout = found.layout();
            let degrees = (layout.tensor, layout.context, layout.pipeline, layout.data);
            (degrees, found.shape.micro_batch) == alike(one)
        });
        assert_eq!(
            first.map(petaday::plan::Candidate::layout),
            Some(one.layout())
        );
    }
    let html = planner.html("memory", "no-pp,no-cp,nonsense");
    assert_eq!(all_of(&html, "data-filter").len(), Filter::ALL.len());
    let pressed = html.matches("aria-pressed=\"true\"").count();
    assert_eq!(pressed, 3, "two filters and a column");
    assert_eq!(all_of(&html, "data-sort").len(), Column::ALL.len() - 1);
}

/// A utilization that was given scales all times, and changes no ranking.
#[test]
fn a_measured_utilization_wins() {
    let scenario = open(LLAMA);
    let predicted = finished(&scenario);
    let best = predicted.best()[0];
    let asked = question(&scenario).expect("a question");
    let mfu = mfu_percent(&scenario, &asked, best.seconds);
    assert!((20.0..70.0).contains(&mfu), "{mfu}");
    let html = predicted.html("", "");
    let offered = all_of(&html, "data-set");
    let offered = offered.iter().find(|set| set.starts_with("mfu="));
    let taken = clicked(&scenario, offered.expect("the prediction is offered"));
    assert!((taken.mfu_percent() / mfu - 1.0).abs() < 1e-3);
    let slow = open(&format!("{LLAMA}&mfu=20"));
    let measured = finished(&slow);
    assert_eq!(measured.best(), predicted.best());
    assert!(measured.html("", "").contains("MFU of 20.0% that you gave"));
}

/// What a plan does not know is said.
#[test]
fn what_is_not_planned_is_said() {
    let rule = open("preset=article");
    assert!(question(&rule).is_err());
    let html = Planner::new(&rule).html("", "");
    let set = all_of(&html, "data-set").remove(0);
    assert!(clicked(&rule, &set).is_detailed());
    let adapters = open(&format!("{LLAMA}&lora=16"));
    assert!(question(&adapters).is_err());
    assert!(question(&open(&format!("{LLAMA}&frozen=4"))).is_err());
    let own = open(&format!("{LLAMA}&stack=hf&offload=yes&compile=yes"));
    assert!(unplanned(&own).len() >= 2);
    for sentence in unplanned(&own) {
        assert!(Planner::new(&own).html("", "").contains(sentence));
    }
    // The reader's own memory and peak count.
    let small = question(&open(&format!("{LLAMA}&memory=40"))).expect("a question");
    assert_eq!(small.accelerator.usable.0, 40_000_000_000);
    let slow = question(&open(&format!("{LLAMA}&peak=494.5"))).expect("a question");
    let plain = question(&open(LLAMA)).expect("a question");
    let (slow, plain) = (slow.task().machine.matrix, plain.task().machine.matrix);
    assert!((slow / plain - 0.5).abs() < 1e-3, "{slow} {plain}");
}

/// Where nothing fits, remedies are looked for when they are asked for, and what they set makes a layout fit.
#[test]
fn remedies_help() {
    let scenario = open(
        "preset=llama2-7b&est=detailed&model=llama-2-70b&precision=main-grads&gpus=8&tp=8&accum=64",
    );
    let mut planner = finished(&scenario);
    assert!(planner.best().is_empty());
    assert!(planner.html("", "").contains("data-remedy"));
    planner.remedy();
    let html = planner.html("", "");
    is_sound(&html);
    let sets = all_of(&html, "data-set");
    assert!(sets.iter().any(|set| set.starts_with("gpus=")), "{html}");
    for set in sets {
        let helped = clicked(&scenario, &set);
        assert!(!finished(&helped).best().is_empty(), "{set}");
    }
}

/// Every value of a sweep is the best layout of a plan at that value, and its button sets both.
#[test]
fn sweeps_are_plans() {
    let scenario = open(LLAMA_70B);
    for input in Input::ALL {
        let mut sweeper = Sweeper::new(&scenario, *input);
        sweeper.finish();
        let html = sweeper.html();
        is_sound(&html);
        assert_eq!(html.matches("<figure>").count(), 4);
        let fitting = sweeper.points().iter().filter(|point| point.best.is_some());
        let sets = all_of(html.split("<table").nth(1).expect("a table"), "data-set");
        assert_eq!(sets.len(), fitting.clone().count());
        for (set, point) in sets.iter().zip(fitting) {
            let applied = clicked(&scenario, set);
            let best = point.best.expect("it fits");
            assert_eq!(applied.layout(), best.layout(), "{set}");
            if matches!(input, Input::Gpus | Input::Sequence) {
                assert_eq!(finished(&applied).best().first(), Some(&best));
            }
        }
    }
    let mut sweeper = Sweeper::new(&scenario, Input::Gpus);
    sweeper.finish();
    let asked = question(&scenario).expect("a question");
    let by_core: Vec<_> = petaday::plan::sweep(&asked, Swept::Gpus, &[16, 32, 64, 128]).collect();
    assert_eq!(sweeper.points()[..4], by_core);
    assert!(
        sweep_html(&scenario, Input::Gpus).contains("the capacity is crossed between them"),
        "70B does not fit on 16 GPUs"
    );
}

/// The settings are those of the layout in the fields, escaped.
#[test]
fn the_layout_in_the_fields_is_launched() {
    let scenario = open(LLAMA_70B);
    let html = launch_html(&scenario);
    is_sound(&html);
    assert_eq!(html.matches("<pre").count(), 5);
    for words in [
        "--tensor-model-parallel-size 8",
        "--pipeline-model-parallel-size 4",
        "--global-batch-size 256",
        "tensor_parallel_degree = 8",
        "&quot;train_batch_size&quot;: 256",
        "transformers 5.23.0",
        "torchtitan v0.2.2",
    ] {
        assert!(html.contains(words), "{words}: {html}");
    }
    let html = launch_html(&open(&LLAMA_70B.replace("tp=8", "tp=7")));
    is_sound(&html);
    assert!(!html.contains("<pre"), "{html}");
    // A plan's best launches as found.
    let planner = finished(&scenario);
    let html = planner.html("", "");
    let table = layouts(&html);
    for set in all_of(table, "data-set") {
        let html = launch_html(&clicked(&scenario, &set));
        assert_eq!(html.matches("<pre").count(), 5, "{set}: {html}");
    }
}

proptest! {
    #![proptest_config(support::cases(64))]

    /// Whatever the scenario, each section is sound, however little is searched.
    #[test]
    fn any_scenario_is_answered(scenario in support::scenario(), detailed in any::<bool>()) {
        let estimator = if detailed { Estimator::Detailed } else { scenario.estimator() };
        let scenario = scenario
            .with(Field::Estimator, Value::Choice(estimator.index()))
            .unwrap_or(scenario);
        let mut planner = Planner::new(&scenario);
        planner.step(2_000);
        is_sound(&planner.html("mfu", "front"));
        let mut sweeper = Sweeper::new(&scenario, Input::MicroBatch);
        sweeper.step(1_000);
        is_sound(&sweeper.html());
        is_sound(&launch_html(&scenario));
        for section in [Section::Plan, Section::Sweep] {
            is_sound(&section.html(&scenario));
        }
    }
}

/// How long the two searches take, printed: the figures of the report.
#[test]
#[ignore = "a timing, not a test"]
fn timing() {
    for query in [
        LLAMA,
        "preset=llama2-7b&est=detailed&model=llama-3.1-405b&precision=main-grads&seq=8192&gpus=16384&tp=8&pp=16&accum=16",
    ] {
        let scenario = open(query);
        let start = std::time::Instant::now();
        let planner = finished(&scenario);
        let searched = start.elapsed();
        let html = planner.html("", "");
        println!(
            "{query}: searched in {searched:?}, written in {:?}, {} bytes",
            start.elapsed() - searched,
            html.len()
        );
    }
}
