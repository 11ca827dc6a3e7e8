//! The tensors of one part of memory, on the fullest GPU.

use crate::html::{Table, aside, escaped, paragraph};
use crate::memory::Part;
use crate::memory::counted::{counted, lines, memory};
use crate::scenario::Scenario;
use crate::units::{Bytes, grouped, hundredths};

/// Bytes of each part of the fullest GPU in the order of [`Part::ALL`], then in what moment it is fullest; or, after an
/// empty line, why it is not counted.
pub fn figures(scenario: &Scenario) -> String {
    match counted(scenario) {
        Ok(cluster) => {
            let parts = memory(scenario, &cluster)
                .parts
                .map(|bytes| bytes.0.to_string());
            format!("{}\n{}", parts.join(" "), cluster.worst.moment.label())
        }
        Err(why) => format!("\n{why}."),
    }
}

/// The tensors of a part at the largest moment; they sum to the part.
pub fn html(key: &str, scenario: &Scenario) -> String {
    let Some(part) = Part::ALL.into_iter().find(|part| part.key() == key) else {
        return String::new();
    };
    let (cluster, list) = match counted(scenario)
        .and_then(|cluster| Ok((lines(scenario, cluster.worst.stage)?, cluster)))
    {
        Ok((list, cluster)) => (cluster, list),
        Err(why) => return paragraph(&escaped(&why.to_string())),
    };
    if part == Part::Overhead {
        return paragraph(
            "Workspaces, what the allocator holds unused, communicators and the CUDA context.",
        );
    }
    let mut table = Table::new(
        part.label(),
        &["Tensor", "Shape", "Dtype", "Count", "GB", "GiB"],
        &[1, 2],
    );
    let (mut sum, mut sources) = (0, Vec::new());
    for line in list.iter().filter(|line| Part::of(line.part) == part) {
        let name = match line.of {
            "" => line.tensor.name.to_owned(),
            of => format!("{of}: {}", line.tensor.name),
        };
        let sign = if line.negative { "−" } else { "" };
        let shape: Vec<_> = line
            .tensor
            .shape
            .iter()
            .filter(|side| **side != 1)
            .map(|side| grouped(u128::from(*side)))
            .collect();
        table.row(
            "",
            &[
                escaped(&name),
                shape.join(" × "),
                line.tensor.dtype.name().to_owned(),
                grouped(u128::from(line.tensor.count)),
                format!("{sign}{}", hundredths(line.bytes.gb())),
                format!("{sign}{}", hundredths(line.bytes.gib())),
            ],
        );
        sum += line.signed();
        if !line.source.is_empty() && !sources.contains(&line.source) {
            sources.push(line.source);
        }
    }
    let total = Bytes(u128::try_from(sum).unwrap_or(0));
    let dash = String::new;
    table.row(
        "total",
        &[
            "Sum".to_owned(),
            dash(),
            dash(),
            dash(),
            hundredths(total.gb()),
            hundredths(total.gib()),
        ],
    );
    let sources: Vec<_> = sources.into_iter().map(escaped).collect();
    paragraph(&format!(
        "{} at {}, rounded up to the allocator’s 512 bytes.",
        part.label(),
        cluster.worst.moment.label()
    )) + &table.end()
        + &aside(&format!("Source: {}", sources.join("; ")))
}
