//! Rows of several GPUs.

use super::{count, overheads, text};
use petaday::memory::detailed::Step;
use petaday::memory::ranks::frozen::adapters_shared;
use petaday::memory::ranks::fsdp::{Fsdp, Policy, Sharded, Wrap};
use petaday::memory::ranks::reserved::pools;
use petaday::training::Stack;
use petaday::units::Bytes;
use serde_json::Value;

/// Ours in the row's metric, on the rank that holds most.
///
/// # Errors
/// The rule by which the row is left out.
pub fn predicted(row: &Value, step: &Step) -> Result<Bytes, &'static str> {
    let world = &row["world"];
    let sharding = text(world, "sharding");
    let only_data = ["tp", "pp", "ep"].iter().all(|key| count(world, key) == 1);
    if !only_data {
        return Err("a layout that is not read yet");
    }
    if step.stack == Stack::LitGpt && sharding == "fsdp1" && step.adapters.is_some() {
        let peak = adapters_shared(step, count(world, "shard_group"));
        return super::in_metric(row, &overheads(row).on(peak));
    }
    if sharding != "fsdp2" {
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
    Ok(match text(&row["measured"], "metric") {
        "allocated_peak" => overheads(row).on(rank.peak).allocated,
        "reserved_peak" => overheads(row).on(pools(&step, run, &rank).total()).reserved,
        _ => return Err("unknown metric"),
    })
}
