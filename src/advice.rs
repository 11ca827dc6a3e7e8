//! What a reader should know beside the figures: where the rule of thumb misleads, and what would help.

use crate::estimate::{Figure, estimate};
use crate::field::{Choice, Value};
use crate::memory::{Part, rule_of_thumb};
use crate::scenario::{Field, Preset, Scenario};
use crate::training::{Optimizer, Precision, Recomputation};
use crate::units::{self, Bytes};

/// A warning, shown at the figure it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// One sentence.
    pub text: String,
    /// The reason, for who wants more.
    pub why: String,
}

/// Where the rule of thumb misleads, and when to say so.
pub struct Rule {
    /// Which one it is.
    pub key: &'static str,
    /// The figure that it is about.
    pub at: Figure,
    /// What to tell the reader of a scenario that it applies to.
    pub note: fn(&Scenario) -> Option<Note>,
}

/// Every rule, in the order in which notes are shown.
pub const RULES: [Rule; 5] = [
    Rule {
        key: "impossible-rate",
        at: Figure::Days,
        note: impossible_rate,
    },
    Rule {
        key: "printed-figure",
        at: Figure::Memory(Part::Activations),
        note: printed_figure,
    },
    Rule {
        key: "copy-twice",
        at: Figure::Memory(Part::Optimizer),
        note: copy_twice,
    },
    Rule {
        key: "sixteen-bit-activations",
        at: Figure::Memory(Part::Activations),
        note: sixteen_bit_activations,
    },
    Rule {
        key: "other-shape",
        at: Figure::Memory(Part::Weights),
        note: other_shape,
    },
];

/// The notes that apply to a scenario, one place for each of [`RULES`].
pub fn notes(scenario: &Scenario) -> [Option<Note>; RULES.len()] {
    // What is counted needs no warning of the rule of thumb.
    RULES.map(|rule| match rule.at {
        Figure::Memory(_) if scenario.is_detailed() => None,
        _ => (rule.note)(scenario),
    })
}

fn impossible_rate(scenario: &Scenario) -> Option<Note> {
    let (peak, arithmetic) = (scenario.peak(), scenario.precision().arithmetic());
    (scenario.mfu_percent() > 100.0).then(|| Note {
        text: format!(
            "{} TFLOP/s is impossible: the {}’s {} peak is {} TFLOP/s.",
            units::editable(scenario.achieved().tflops(), 4),
            scenario.gpu().short,
            scenario.gpu().peak_name(arithmetic),
            units::editable(peak.tflops(), 5),
        ),
        why: "A GPU never computes faster than its dense peak. Datasheets often print the peak with sparsity, \
              twice as much, which training does not use; and FP32 without tensor cores is far below 16-bit."
            .to_owned(),
    })
}

/// The article's own arithmetic, where the page shows the article's case.
fn printed_figure(scenario: &Scenario) -> Option<Note> {
    let article = Preset::find("article")?.scenario();
    let is_case_study = rule_of_thumb::memory(scenario) == rule_of_thumb::memory(&article);
    is_case_study.then(|| Note {
        text: "The article prints 67.51 GB of activations here. Its own formula gives 235.15 GB.".to_owned(),
        why: "The article’s worked product leaves out s = 128; as printed it comes to 1.84 GB, and with s to \
              235,149,459,456 bytes, which is 219 GiB. Neither is 67.51, and its total of 207.51 GB is 375.15 GB."
            .to_owned(),
    })
}

/// Every optimizer of the rule counts an FP32 copy; FP32 and mixed weights hold one already.
fn copy_twice(scenario: &Scenario) -> Option<Note> {
    let (name, counted, right) = match scenario.optimizer() {
        Optimizer::AdamW => ("AdamW’s", 12, 8),
        Optimizer::AdamW8Bit => ("8-bit AdamW’s", 6, 2),
        Optimizer::Sgd => ("SGD’s", 8, 4),
        Optimizer::PlainSgd => ("SGD’s", 4, 0),
        Optimizer::Adafactor => ("Adafactor’s", 4, 0),
        Optimizer::Lion => ("Lion’s", 8, 4),
        Optimizer::Muon => ("Muon’s", 8, 4),
    };
    let twice = Bytes(u128::from(scenario.parameters()) * 4);
    let too_much = crate::estimate::gigabytes(twice);
    match scenario.precision() {
        Precision::SixteenBit => None,
        Precision::Fp32 => Some(Note {
            text: format!(
                "In pure FP32 the weights are the FP32 copy: {name} {counted} bytes count 4 twice, {right} is right."
            ),
            why: format!(
                "That is {too_much} GB too much. A separate FP32 copy exists only beside 16-bit weights."
            ),
        }),
        Precision::Mixed
        | Precision::Master
        | Precision::MainGradients
        | Precision::Fp16MainGradients => Some(Note {
            text: format!(
                "Mixed precision as 2 + 4 plus {name} {counted} bytes counts the FP32 copy twice."
            ),
            why: format!(
                "The copy stands once in memory: 2 bytes of weights and {counted} of optimizer, or 6 and {right}. \
                 The rule of thumb has {too_much} GB too much."
            ),
        }),
    }
}

fn sixteen_bit_activations(scenario: &Scenario) -> Option<Note> {
    (scenario.precision() == Precision::Fp32).then(|| Note {
        text: "The activation formula assumes 16-bit activations; FP32 ones take up to twice as much.".to_owned(),
        why: "Korthikanti et al. 2022 count 2 bytes an element and 1 byte for a dropout mask. In FP32 each \
              element takes 4 bytes; the masks stay at 1."
            .to_owned(),
    })
}

/// Parameters and shape are entered apart; they should belong to one model.
fn other_shape(scenario: &Scenario) -> Option<Note> {
    let blocks = rule_of_thumb::block_parameters(scenario);
    let ratio = blocks as f64 / scenario.parameters() as f64;
    (!(0.8..1.25).contains(&ratio)).then(|| Note {
        text: format!(
            "h = {}, L = {} has {} block parameters, not {}.",
            units::count(scenario.hidden()),
            units::count(scenario.layers()),
            units::significant(blocks as f64 / 1e9, 3) + " B",
            units::count(scenario.parameters()),
        ),
        why: "12·L·h² counts the matrices of L blocks with a feed-forward of 4h; embeddings come on top. Weights \
              and compute here follow P, activations follow h and L."
            .to_owned(),
    })
}

/// A change of one choice that saves memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What would be chosen, in words.
    pub label: String,
    /// The field.
    pub field: Field,
    /// Its value.
    pub value: Value,
    /// Bytes saved on each GPU.
    pub saves: Bytes,
    /// Compute added, as a share of C.
    pub adds_compute: f64,
}

/// Changes of one choice that save memory, the largest saving first.
pub fn changes(scenario: &Scenario) -> Vec<Change> {
    let total = estimate(scenario).memory.total();
    let recomputations = Recomputation::ALL.iter().map(|option| {
        (
            Field::Recomputation,
            option.index(),
            format!("{} recompute", option.label()),
        )
    });
    let optimizers = [(Optimizer::AdamW8Bit, "8-bit AdamW")]
        .map(|(option, label)| (Field::Optimizer, option.index(), label.to_owned()));
    let precisions = [(Precision::SixteenBit, "16-bit weights")]
        .map(|(option, label)| (Field::Precision, option.index(), label.to_owned()));
    let found = recomputations
        .chain(optimizers)
        .chain(precisions)
        .filter_map(|(field, index, label)| {
            let value = Value::Choice(index);
            let changed = scenario.with(field, value).ok()?;
            let saves = total
                .0
                .checked_sub(estimate(&changed).memory.total().0)
                .filter(|saved| *saved > 0)?;
            let overhead = rule_of_thumb::recomputation_overhead;
            let adds_compute = overhead(&changed) - overhead(scenario);
            Some(Change {
                label,
                field,
                value,
                saves: Bytes(saves),
                adds_compute,
            })
        });
    let mut changes: Vec<Change> = Vec::new();
    for change in found {
        // A handful: sorting as they come spares the page a general sort's code.
        let place = changes.partition_point(|before| before.saves >= change.saves);
        changes.insert(place, change);
    }
    changes
}
