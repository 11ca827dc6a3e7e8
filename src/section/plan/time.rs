//! Where a step's time goes: a bar and its table.

use crate::html::{Table, aside};
use crate::plan::StepTime;
use crate::units::{decimal, significant};

/// What each cause is, in the order of [`StepTime::causes`].
const MEANING: [&str; 11] = [
    "Matrix products, attention and elementwise passes of the mean stage, and what is recomputed.",
    "Kernels that end before the next one is launched.",
    "Activations summed or gathered over tensor-parallel ranks, twice forward and twice backward in each layer.",
    "Keys and values passed around the ring of context-parallel ranks, as far as attention does not hide it.",
    "Tokens sent to their experts and back.",
    "Activations handed from stage to stage, as far as nothing hides it.",
    "Gradients reduced and weights gathered, as far as compute does not hide it.",
    "Waiting for the slowest stage: that with the head, or with a layer more than others.",
    "Waiting while the pipeline fills and drains: (p − 1)/v micro-batches (Narayanan et al. 2021, §2.2).",
    "Weights, gradients and states read and written once.",
    "Waiting for the slowest of many servers.",
];

/// The bar's width, in its own units.
const WIDTH: f64 = 1_000.0;

/// The bar and its table; times are multiplied by `scale`.
pub(super) fn html(time: &StepTime, scale: f64) -> String {
    let total = time.total();
    let causes = time.causes();
    let share = |seconds: f64| {
        if total > 0.0 { seconds / total } else { 0.0 }
    };
    let mut bar = String::from(
        "<svg class=\"causes\" viewBox=\"0 0 1000 40\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
    );
    let mut table = Table::new(
        "Where the time of a step goes",
        &["Cause", "Time", "%", "What it is"],
        &[3],
    );
    let mut left = 0.0;
    for (index, ((cause, seconds), meaning)) in causes.iter().zip(MEANING).enumerate() {
        if *seconds <= 0.0 {
            continue;
        }
        let width = WIDTH * share(*seconds);
        bar.push_str(&format!(
            "<rect class=\"cause-{index}\" x=\"{}\" y=\"0\" width=\"{}\" height=\"40\"/>",
            decimal(left, 2).replace(',', ""),
            decimal(width, 2).replace(',', "")
        ));
        left += width;
        table.row(
            "",
            &[
                format!("<span class=\"swatch cause-{index}\"></span>{cause}"),
                seconds_of(scale * seconds),
                decimal(100.0 * share(*seconds), 1),
                meaning.to_owned(),
            ],
        );
    }
    table.row(
        "total",
        &[
            "Step".to_owned(),
            seconds_of(scale * total),
            "100".to_owned(),
            String::new(),
        ],
    );
    bar + "</svg>" + &table.end() + &aside("Traffic counts only as far as nothing runs beside it.")
}

/// A duration with its unit.
pub(in crate::section) fn seconds_of(seconds: f64) -> String {
    let (value, unit) = match seconds {
        seconds if seconds >= 1.0 => (seconds, " s"),
        seconds if seconds >= 1e-3 => (1e3 * seconds, " ms"),
        seconds => (1e6 * seconds, " µs"),
    };
    significant(value, 3) + unit
}
