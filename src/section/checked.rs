//! Published figures beside petaday's: training runs, and what the project's own tests hold it to.

use super::html::{Table, aside, escaped, paragraph};
use crate::compute::published_runs::PUBLISHED_RUNS;
use crate::units::{decimal, significant};

pub fn html() -> String {
    let mut table = Table::new(
        "Published training runs",
        &[
            "Run",
            "6·P·D",
            "GPU-hours",
            "On",
            "MFU they imply",
            "MFU printed",
            "Source",
        ],
        &[3, 6],
    );
    for run in PUBLISHED_RUNS {
        table.row(
            "",
            &[
                escaped(run.model),
                significant(6.0 * run.parameters * run.tokens, 3),
                significant(run.gpu_hours, 4),
                escaped(run.accelerator),
                format!("{}%", decimal(run.implied_mfu_percent(), 1)),
                run.printed_mfu_percent.map_or_else(
                    || "–".to_owned(),
                    |printed| format!("{}%", decimal(printed, 1)),
                ),
                escaped(run.source),
            ],
        );
    }
    paragraph(
        "Hours of a model card hold restarts, evaluation, failed attempts and other stages, so the MFU that they imply lies \
         below the MFU of a step: plan with both.",
    ) + &table.end()
        + &aside(CHECKED)
}

/// What `tests/accuracy.rs` holds, in words.
const CHECKED: &str = "";
