//! What to change: the scenario with one thing otherwise, counted again; the cheapest changes first.

use crate::estimate::gigabytes;
use crate::field::{Choice, Kind, Value};
use crate::flop::{self, Counting};
use crate::html::{Table, aside, paragraph, setter};
use crate::layout::Sharding;
use crate::memory::counted;
use crate::memory::detailed::Change;
use crate::scenario::{Detail, Field, Scenario};
use crate::training::{
    AttentionKernel, Loss, Optimizer, OptimizerStep, Precision, Recomputation, Stack,
};
use crate::units::{Bytes, decimal, grouped};

/// Something to change, cheapest in compute first.
#[derive(Clone, Copy, PartialEq)]
enum Fix {
    /// A change of the step.
    Step(Change),
    /// Logits in slices.
    ChunkedLoss,
    /// States shared by data-parallel ranks.
    Share,
    /// So many tensor-parallel ranks.
    Tensor(u64),
    /// Twice the pipeline stages.
    Pipeline,
    /// Saved activations on the host.
    Offload,
}

const FIXES: [Fix; 16] = [
    Fix::Step(Change::FusedStep),
    Fix::Step(Change::Flash),
    Fix::Step(Change::FusedLoss),
    Fix::ChunkedLoss,
    Fix::Step(Change::FusedKernels),
    Fix::Share,
    Fix::Step(Change::EightBit),
    Fix::Step(Change::HalfBatch),
    Fix::Tensor(2),
    Fix::Tensor(4),
    Fix::Tensor(8),
    Fix::Pipeline,
    Fix::Step(Change::Selective),
    Fix::Offload,
    Fix::Step(Change::Full),
    Fix::Step(Change::SixteenBit),
];

type Set = Vec<(Field, Value)>;

fn option<C: Choice>(field: Field, choice: C) -> (Field, Value) {
    (field, Value::Choice(choice.index()))
}

fn detail<C: Choice>(detail: Detail, choice: C) -> (Field, Value) {
    option(Field::Detail(detail), choice)
}

fn count(field: Field, count: u64) -> (Field, Value) {
    (field, Value::Count(count))
}

/// The option of a yes or no.
const YES: Value = Value::Choice(1);

impl Fix {
    fn label(self) -> String {
        match self {
            Self::Step(change) => change.label().to_owned(),
            Self::ChunkedLoss => "Chunked loss".to_owned(),
            Self::Share => "States shared by data-parallel ranks".to_owned(),
            Self::Tensor(ranks) => format!("Tensor parallel over {ranks}"),
            Self::Pipeline => "Twice the pipeline stages".to_owned(),
            Self::Offload => "Activations offloaded to the host".to_owned(),
        }
    }

    /// What it changes beside memory and FLOP.
    const fn caution(self) -> &'static str {
        match self {
            Self::Step(change) => change.caution(),
            Self::ChunkedLoss => "",
            Self::Share => "Weights or states are gathered by every rank.",
            Self::Tensor(_) => "Two gathers and two reductions in every layer: fast within a node.",
            Self::Pipeline => "Stages wait for each other at both ends of a step.",
            Self::Offload => "Activations cross PCIe twice.",
        }
    }

    /// The fields that it sets; nothing where it changes nothing or does not go with the rest.
    fn set(self, scenario: &Scenario) -> Option<Set> {
        let layout = scenario.layout();
        let details = scenario.details();
        let accumulation = details.count(Detail::Accumulation);
        let megatron = details.choice::<Stack>(Detail::Stack) == Stack::Megatron
            || layout.sharding == Sharding::Distributed;
        // As many sequences a step as before, where fewer ranks share them.
        let slower = |times: u64| {
            count(
                Field::Detail(Detail::Accumulation),
                accumulation.saturating_mul(times),
            )
        };
        let set = match self {
            Self::Step(change) => return step(change, scenario),
            Self::ChunkedLoss if details.choice::<Loss>(Detail::Loss) == Loss::Full => {
                vec![detail(Detail::Loss, Loss::Chunked)]
            }
            Self::Share if layout.data > 1 => {
                let sharding = if megatron {
                    Sharding::Distributed
                } else {
                    Sharding::Fsdp2
                };
                vec![
                    detail(Detail::Sharding, sharding),
                    count(Field::Detail(Detail::ShardGroup), 0),
                ]
            }
            Self::Tensor(ranks) if ranks > layout.tensor && ranks.is_multiple_of(layout.tensor) => {
                let times = ranks / layout.tensor;
                if !layout.data.is_multiple_of(times) {
                    return None;
                }
                let mut set = vec![
                    count(Field::TensorParallel, ranks),
                    (Field::Detail(Detail::SequenceParallel), YES),
                    slower(times),
                ];
                if !megatron {
                    set.push(detail(Detail::Sharding, Sharding::Fsdp2));
                }
                set
            }
            Self::Pipeline if layout.data.is_multiple_of(2) => {
                let mut set = vec![
                    count(Field::Detail(Detail::Pipeline), 2 * layout.pipeline),
                    slower(2),
                ];
                if !megatron && layout.sharding != Sharding::Zero1 {
                    set.push(detail(Detail::Sharding, Sharding::Fsdp2));
                }
                set
            }
            Self::Offload => vec![(Field::Detail(Detail::Offload), YES)],
            _ => return None,
        };
        Some(set)
    }
}

/// The fields of a change of the step.
fn step(change: Change, scenario: &Scenario) -> Option<Set> {
    let model = counted::model(scenario);
    // Whether it changes anything is the step's to say.
    let changed = change.apply(&counted::step(scenario, &model))?;
    Some(match change {
        Change::FusedStep => vec![detail(Detail::OptimizerStep, OptimizerStep::Fused)],
        Change::Flash => vec![detail(Detail::Attention, AttentionKernel::Flash)],
        Change::FusedLoss => vec![detail(Detail::Loss, Loss::Fused)],
        Change::FusedKernels => vec![(Field::Detail(Detail::Compiled), YES)],
        Change::EightBit => vec![option(Field::Optimizer, Optimizer::AdamW8Bit)],
        Change::HalfBatch => vec![
            count(Field::MicroBatch, changed.micro_batch),
            count(Field::Detail(Detail::Accumulation), changed.accumulation),
        ],
        Change::Selective => vec![option(Field::Recomputation, Recomputation::Selective)],
        Change::Full => vec![
            option(Field::Recomputation, Recomputation::Full),
            count(Field::Detail(Detail::RecomputeEvery), 1),
        ],
        Change::SixteenBit => vec![option(Field::Precision, Precision::SixteenBit)],
        // The page has no field for it.
        Change::StepInBackward => return None,
    })
}

/// Bytes that nvidia-smi would show on the fullest GPU as a rule; none where it is not counted.
fn used(scenario: &Scenario) -> Option<Bytes> {
    let cluster = counted::counted(scenario).ok()?;
    Some(counted::on_gpu(scenario, &cluster).used)
}

fn fits(scenario: &Scenario) -> bool {
    used(scenario).is_some_and(|used| used <= scenario.usable())
}

/// What of a layout launchers refuse.
pub(in crate::section) fn refused(scenario: &Scenario) -> usize {
    let misfits = scenario
        .layout()
        .misfits(scenario.architecture(), &counted::batch(scenario));
    misfits.iter().filter(|misfit| misfit.stops()).count()
}

/// FLOP of a step beyond the model's, as a share of these: what is computed again.
fn again(scenario: &Scenario) -> f64 {
    let recomputation = scenario.recomputation();
    let flop = flop::forward(
        scenario.architecture(),
        scenario.sequence(),
        Counting::Causal,
    );
    let every = match recomputation {
        Recomputation::Full => scenario.details().count(Detail::RecomputeEvery).max(1),
        Recomputation::None | Recomputation::Selective => 1,
    };
    flop.recomputed(recomputation) as f64 / flop.model().max(1) as f64 / every as f64
}

/// A change, taken.
struct Taken {
    fix: Fix,
    set: Set,
    scenario: Scenario,
    used: Bytes,
    saving: Bytes,
}

/// Takes a change where it is valid, counted, refused no more than before, and saves memory.
fn take(fix: Fix, scenario: &Scenario, before: Bytes) -> Option<Taken> {
    let set = fix.set(scenario)?;
    let changed = scenario.with_all(&set).ok()?;
    if refused(&changed) > refused(scenario) {
        return None;
    }
    let after = used(&changed)?;
    let saving = before.0.checked_sub(after.0).filter(|saving| *saving > 0)?;
    Some(Taken {
        fix,
        set,
        scenario: changed,
        used: after,
        saving: Bytes(saving),
    })
}

/// What sets these fields of this scenario, as a link would; those that are so already left out.
fn link(scenario: &Scenario, set: &[(Field, Value)]) -> String {
    let mut text = String::new();
    for (index, &(field, value)) in set.iter().enumerate() {
        let later = set.iter().skip(index + 1).any(|(other, _)| *other == field);
        if later || scenario.value(field) == value {
            continue;
        }
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(field.key());
        text.push('=');
        text.push_str(&field.key_of(value));
    }
    text
}

/// A button that sets fields, where the reader's scenario may still be the rule of thumb's.
pub(in crate::section) fn button(
    scenario: &Scenario,
    set: &[(Field, Value)],
    label: &str,
) -> String {
    let (field, value) = (Field::Estimator, scenario.value(Field::Estimator));
    let estimator = format!("{}={}&", field.key(), field.key_of(value));
    setter(&(estimator + &link(scenario, set)), "quiet", label)
}

/// With more pipeline stages or layers than these, each of a hundred evaluations takes so long that a reader would wait.
const MOST_STAGES: u64 = 128;
const MOST_LAYERS: u64 = 256;

pub(super) fn html(scenario: &Scenario) -> String {
    if scenario.layout().pipeline > MOST_STAGES || scenario.layers() > MOST_LAYERS {
        return aside(&format!(
            "What to change is worked out for up to {MOST_LAYERS} layers and {MOST_STAGES} pipeline stages."
        ));
    }
    let Some(before) = used(scenario) else {
        return String::new();
    };
    let capacity = scenario.usable();
    let mut taken: Vec<Taken> = FIXES
        .iter()
        .filter_map(|&fix| take(fix, scenario, before))
        .collect();
    // Those that make it fit first, then by cost; the rest keeps its order.
    let costs = again(scenario);
    taken.sort_by(|one, other| {
        let key = |taken: &Taken| (taken.used > capacity, again(&taken.scenario));
        let (a, b) = (key(one), key(other));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    format!("<h3>What to change</h3>{}", until_it_fits(scenario, before))
        + &single(scenario, &taken, costs)
        + &most(scenario)
}

fn single(scenario: &Scenario, taken: &[Taken], costs: f64) -> String {
    if taken.is_empty() {
        return aside("No single change saves memory here.");
    }
    let mut table = Table::new(
        "Changes that save memory",
        &["Change", "Saves", "Then", "FLOP", "Beside that"],
        &[4],
    );
    for change in taken {
        let (class, mark) = if change.used <= scenario.usable() {
            ("chosen", " ✓")
        } else {
            ("", "")
        };
        let label = change.fix.label();
        table.row(
            class,
            &[
                button(scenario, &change.set, &label),
                format!("{} GB", gigabytes(change.saving)),
                format!("{} GB{mark}", gigabytes(change.used)),
                compute(again(&change.scenario) - costs),
                change.fix.caution().to_owned(),
            ],
        );
    }
    table.end()
        + &aside(
            "✓ fits. Savings are of what nvidia-smi shows as a rule; FLOP are those that a step computes again.",
        )
}

fn compute(more: f64) -> String {
    match 100.0 * more {
        percent if percent >= 0.05 => format!("+{}%", decimal(percent, 1)),
        percent if percent <= -0.05 => format!("{}%", decimal(percent, 1)),
        _ => "+0%".to_owned(),
    }
}

/// Changes taken one after the other, the cheapest first, until it fits.
fn until_it_fits(scenario: &Scenario, before: Bytes) -> String {
    let capacity = scenario.usable();
    if before <= capacity {
        return String::new();
    }
    let (mut now, mut bytes) = (*scenario, before);
    let (mut set, mut names): (Set, Vec<String>) = (Vec::new(), Vec::new());
    for fix in FIXES {
        while bytes > capacity
            && let Some(taken) = take(fix, &now, bytes)
        {
            (now, bytes) = (taken.scenario, taken.used);
            set.extend(taken.set);
            let name = fix.label();
            if names.last() != Some(&name) {
                names.push(name);
            }
        }
    }
    if bytes > capacity {
        return paragraph(&format!(
            "Not even all of these changes together make it fit: {} GB would be left of {} GB.",
            gigabytes(bytes),
            gigabytes(capacity)
        ));
    }
    paragraph(&format!(
        "Together these make it fit, at {} GB and {} FLOP: {}. {}",
        gigabytes(bytes),
        compute(again(&now) - again(scenario)),
        names.join("; "),
        button(scenario, &set, "Take them all")
    ))
}

/// The largest micro-batch and the longest sequence that fit, all else as it is.
fn most(scenario: &Scenario) -> String {
    let of = |field: Field, unit: &str, name: &str| match largest(scenario, field) {
        Some(value) => format!(
            "{name} that fits: {}.",
            button(
                scenario,
                &[count(field, value)],
                &format!("{} {unit}", grouped(value.into()))
            )
        ),
        None => format!("{name}: not even one fits, all else as it is."),
    };
    paragraph(&of(Field::MicroBatch, "sequences", "Largest micro-batch"))
        + &paragraph(&of(Field::Sequence, "tokens", "Longest sequence"))
}

/// The largest value of a field that fits: memory never falls as it grows.
fn largest(scenario: &Scenario, field: Field) -> Option<u64> {
    let Kind::Number(number) = field.kind() else {
        return None;
    };
    let holds = |value| {
        let changed = scenario.with(field, Value::Count(value));
        changed.is_ok_and(|changed| fits(&changed))
    };
    let (mut low, mut high) = (number.min as u64, number.max as u64 + 1);
    if !holds(low) {
        return None;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(low)
}
