//! Rows of several GPUs.

use super::{count, overheads, text};
use petaday::memory::detailed::Step;
use petaday::memory::ranks::fsdp::{Fsdp, Policy, Sharded, Wrap};
use petaday::units::Bytes;
use serde_json::Value;

/// Ours in the row's metric, on the rank that holds most.
///
/// # Errors
/// The rule by which the row is left out.
pub fn predicted(row: &Value, step: &Step) -> Result<Bytes, &'static str> {
    let world = &row["world"];
    let only_data = ["tp", "pp", "ep"].iter().all(|key| count(world, key) == 1);
    if !only_data || text(world, "sharding") != "fsdp2" {
        return Err("a layout that is not read yet");
    }
    let context = count(world, "cp");
    if !step.sequence.is_multiple_of(context) {
        return Err("a sequence that does not divide over the context ranks");
    }
    let step = Step {
        sequence: step.sequence / context,
        ..*step
    };
    let run = Fsdp {
        ranks: count(world, "shard_group"),
        policy: Policy::MIXED,
        wrap: Wrap::TorchTitan,
        ..Fsdp::over(1)
    };
    let rank = Sharded::new(&step, run).footprint();
    eprintln!("{rank:#?}");
    let device = overheads(row).on(rank.peak);
    Ok(match text(&row["measured"], "metric") {
        "allocated_peak" => device.allocated,
        "reserved_peak" => device.reserved,
        _ => return Err("unknown metric"),
    })
}
