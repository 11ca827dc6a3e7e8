//! Published figures beside petaday's: training runs, and what the project's own tests hold it to.

use crate::compute::published_runs::PUBLISHED_RUNS;
use crate::html::{Table, escaped, paragraph};
use crate::units::{decimal, significant};

/// What `petaday check` finds on the tables of tests/reference: a line each of file, what it holds, rows, rows compared,
/// and the median, 95th percentile and largest of the errors' sizes, in percent. A test holds it to the command.
const ACCURACY: &str = include_str!("accuracy.tsv");

pub fn html() -> String {
    paragraph(
        "petaday is held to tables that others made or measured, row by row, by the command <code>petaday check</code>, \
         whenever it is built. The errors are in percent; rows are left out by rules on their fields, never one by one.",
    ) + &accuracy()
        + &paragraph(
            "Hours of a model card hold restarts, evaluation, failed attempts and other stages, so the MFU that they imply \
             lies below the MFU of a step: plan with both.",
        )
        + &runs()
}

fn accuracy() -> String {
    let mut table = Table::new(
        "petaday against tables from elsewhere",
        &["Table", "Rows", "Compared", "Median", "95%", "Worst"],
        &[],
    );
    for line in ACCURACY.lines() {
        let mut cells = line.split('\t').skip(1).map(escaped);
        let what = cells.next().unwrap_or_default();
        let cells: Vec<_> = std::iter::once(what).chain(cells).collect();
        table.row("", &cells);
    }
    table.end()
}

fn runs() -> String {
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
        let printed = run.printed_mfu_percent;
        table.row(
            "",
            &[
                escaped(run.model),
                significant(6.0 * run.parameters * run.tokens, 3),
                significant(run.gpu_hours, 4),
                escaped(run.accelerator),
                format!("{}%", decimal(run.implied_mfu_percent(), 1)),
                printed.map_or_else(
                    || "–".to_owned(),
                    |printed| format!("{}%", decimal(printed, 1)),
                ),
                escaped(run.source),
            ],
        );
    }
    table.end()
}
