//! The step as a chart: a bar for each moment, stacked by what memory is held for, the peak marked.

use super::Whole;
use crate::field::Choice;
use crate::html::{Table, aside};
use crate::memory::detailed::{Moment, Segment};
use crate::memory::ranks::device::OnRank;
use crate::scenario::Scenario;
use crate::section::bars::{self, Bar};
use crate::units::{Bytes, hundredths};

/// What stands beside tensors throughout.
const BESIDE: (&str, &str) = ("beside", "Workspace, context, NCCL");
const BUCKETS: (&str, &str) = ("buffers", "DDP’s buckets");

pub(super) fn html(scenario: &Scenario, whole: &Whole, on_gpu: &OnRank) -> String {
    let footprint = &whole.footprint;
    let peak = footprint.peak().total().0 + whole.buckets.0;
    let beside = Bytes(on_gpu.used.0.saturating_sub(peak));
    let bar = |&moment: &Moment| {
        let held = footprint.at(moment)?;
        let mut pieces: Vec<_> = Segment::ALL
            .iter()
            .map(|&segment| (segment.key(), held.of(segment)))
            .collect();
        pieces.push((BUCKETS.0, whole.buckets));
        pieces.push((BESIDE.0, beside));
        Some(Bar {
            name: moment.label().to_owned(),
            pieces,
            mark: if moment == footprint.peak_moment() {
                "the peak"
            } else {
                ""
            },
        })
    };
    let all: Vec<Bar> = Moment::ALL.iter().filter_map(bar).collect();
    let mut legend: Vec<_> = Segment::ALL
        .iter()
        .map(|segment| (segment.key(), segment.label()))
        .chain([BUCKETS, BESIDE])
        .collect();
    // Only what is there at some moment.
    legend.retain(|(key, _)| {
        let mut pieces = all.iter().flat_map(|bar| &bar.pieces);
        pieces.any(|(of, bytes)| of == key && bytes.0 > 0)
    });
    format!(
        "<h3>The step, moment by moment</h3>{}{}<details class=\"twin\"><summary>The same as a table, in GB</summary>{}</details>{}",
        bars::html(
            "Memory at each moment of a step",
            "the table below has the same figures",
            &all,
            scenario
        ),
        bars::legend(&legend),
        table(&all, &legend),
        aside(
            "Each bar is what nvidia-smi would show if the allocator gave back what it does not use."
        ),
    )
}

/// The chart's figures, in GB.
fn table(all: &[Bar], legend: &[(&str, &str)]) -> String {
    let mut columns = vec!["Moment"];
    columns.extend(legend.iter().map(|(_, label)| *label));
    columns.push("Sum, GB");
    columns.push("Sum, GiB");
    let mut table = Table::new("Memory at each moment of a step, in GB", &columns, &[]);
    for bar in all {
        let of = |key: &str| {
            let piece = bar.pieces.iter().find(|(of, _)| *of == key);
            hundredths(piece.map_or(0.0, |(_, bytes)| bytes.gb()))
        };
        let mut cells = vec![if bar.mark.is_empty() {
            bar.name.clone()
        } else {
            format!("{}: {}", bar.name, bar.mark)
        }];
        cells.extend(legend.iter().map(|(key, _)| of(key)));
        cells.push(hundredths(bar.total().gb()));
        cells.push(hundredths(bar.total().gib()));
        table.row(if bar.mark.is_empty() { "" } else { "chosen" }, &cells);
    }
    table.end()
}
