//! Lists of tensors: what a segment of a chart is made of, to the byte.

use crate::estimate::gigabytes;
use crate::html::{Table, aside, escaped};
use crate::memory::detailed::Entry;
use crate::memory::ranks::Line;
use crate::memory::ranks::tensor::Dtype;
use crate::units::{Bytes, decimal, grouped, hundredths};

/// Equal tensors, or a sum that has no tensors of its own.
pub(super) struct Row {
    name: String,
    shape: String,
    dtype: &'static str,
    count: Option<u64>,
    bytes: i128,
    source: &'static str,
}

impl Row {
    /// Bytes that are no tensor's.
    pub(super) fn sum(name: &str, bytes: Bytes, source: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            shape: "–".to_owned(),
            dtype: "–",
            count: None,
            bytes: bytes.0 as i128,
            source,
        }
    }
}

impl From<&Entry> for Row {
    fn from(entry: &Entry) -> Self {
        Self {
            name: entry.name.to_string(),
            shape: entry.shape.to_string(),
            dtype: entry.dtype.label(),
            count: Some(entry.count),
            bytes: entry.bytes.0 as i128,
            source: "",
        }
    }
}

impl From<&Line> for Row {
    fn from(line: &Line) -> Self {
        let tensor = &line.tensor;
        let name = match (line.of, tensor.name) {
            ("", name) | (name, "") => name.to_owned(),
            (of, name) => format!("{of}: {name}"),
        };
        // A line that is one number has its bytes for a shape.
        let number = tensor.dtype == Dtype::Bool && line.bytes.0 == tensor.elements();
        if number || line.negative {
            return Self {
                bytes: line.signed(),
                ..Self::sum(&name, line.bytes, line.source)
            };
        }
        let used = tensor.shape.iter().rposition(|side| *side != 1);
        let sides = tensor.shape.iter().take(used.map_or(1, |last| last + 1));
        let sides: Vec<_> = sides.map(|side| grouped(u128::from(*side))).collect();
        Self {
            name,
            shape: sides.join(" × "),
            dtype: tensor.dtype.name(),
            count: Some(tensor.count),
            bytes: line.signed(),
            source: line.source,
        }
    }
}

/// A part of the memory that opens to its tensors. It stands there even when it is empty, hidden, so that those after it
/// keep their places.
pub(super) fn part(key: &str, label: &str, rows: &[Row], bytes: Bytes, of: Bytes) -> String {
    let hidden = if bytes.0 == 0 && rows.is_empty() {
        " hidden"
    } else {
        ""
    };
    format!(
        "<details class=\"part-list\" data-part=\"{key}\"{hidden}><summary><span class=\"swatch\"></span>{label} \
         <strong>{} GB</strong> <small>{} GiB, {}%</small></summary>{}</details>",
        gigabytes(bytes),
        hundredths(bytes.gib()),
        decimal(100.0 * bytes.0 as f64 / of.0.max(1) as f64, 0),
        if rows.is_empty() {
            String::new()
        } else {
            table(label, rows)
        }
    )
}

/// Tensors, the largest first, and their sum.
pub(super) fn table(label: &str, rows: &[Row]) -> String {
    let mut sorted: Vec<&Row> = rows.iter().collect();
    sorted.sort_by_key(|row| std::cmp::Reverse(row.bytes));
    // One source for all stands below them.
    let source = rows.first().map_or("", |row| row.source);
    let sourced = rows.iter().any(|row| row.source != source);
    let columns = ["Tensor", "Shape", "Dtype", "Count", "Bytes", "Source"];
    let shown = if sourced { 6 } else { 5 };
    let mut table = Table::new(
        &format!("Tensors of {}", label.to_lowercase()),
        &columns[..shown],
        &[5],
    );
    let mut sum = 0;
    for row in sorted {
        sum += row.bytes;
        let count = row
            .count
            .map_or_else(|| "–".to_owned(), |count| grouped(count.into()));
        let cells = [
            escaped(&row.name),
            row.shape.clone(),
            row.dtype.to_owned(),
            count,
            signed(row.bytes),
            escaped(row.source),
        ];
        table.row("", &cells[..shown]);
    }
    let blank = String::new;
    let cells = [
        "Sum".to_owned(),
        blank(),
        blank(),
        blank(),
        signed(sum),
        blank(),
    ];
    table.row("total", &cells[..shown]);
    if sourced || source.is_empty() {
        table.end()
    } else {
        table.end() + &aside(&format!("Source: {}.", escaped(source)))
    }
}

fn signed(bytes: i128) -> String {
    let sign = if bytes < 0 { "−" } else { "" };
    format!("{sign}{}", grouped(bytes.unsigned_abs()))
}
