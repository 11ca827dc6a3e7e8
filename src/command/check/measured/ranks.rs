//! Rows of several GPUs.

use super::{count, overheads, text};
use petaday::memory::detailed::Step;
use petaday::memory::ranks::dtensor::TensorParallel;
use petaday::memory::ranks::frozen::{adapters_fully_sharded, adapters_shared};
use petaday::memory::ranks::fsdp::{Element, Fsdp, Policy, Sharded, Wrap};
use petaday::memory::ranks::reserved::pools;
use petaday::training::{Recomputation, Stack};
use petaday::units::Bytes;
use serde_json::Value;

/// Ours in the row's metric, on the rank that holds most.
///
/// # Errors
/// The rule by which the row is left out.
pub fn predicted(row: &Value, step: &Step) -> Result<Bytes, &'static str> {
    let world = &row["world"];
    let sharding = text(world, "sharding");
    let only_data = ["pp", "ep"].iter().all(|key| count(world, key) == 1);
    if !only_data {
        return Err("a layout that is not read yet");
    }
    if step.stack == Stack::LitGpt && sharding == "fsdp1" && step.adapters.is_some() {
        // The first micro-batch alone is made of the longest sample (`get_batch(…, longest_seq_ix)` in finetune/lora.py):
        // the others, which run beside summed gradients, are shorter by no known length, and count as one token.
        let first = Step {
            accumulation: 1,
            ..*step
        };
        let others = Step {
            micro_batch: 1,
            sequence: 1,
            ..*step
        };
        let ranks = count(world, "shard_group");
        let peak = adapters_shared(&first, ranks).max(adapters_shared(&others, ranks));
        return super::in_metric(row, &overheads(row).on(peak));
    }
    if step.adapters.is_some() && sharding == "fsdp2" && count(world, "tp") == 1 {
        let peak = adapters_fully_sharded(step, count(world, "shard_group"));
        return super::in_metric(row, &overheads(row).on(peak));
    }
    if sharding != "fsdp2" || step.adapters.is_some() {
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
        policy: policy(text(row, "precision")).ok_or("unknown precision")?,
        wrap: if step.stack == Stack::TorchTitan {
            Wrap::TorchTitan
        } else {
            Wrap::Blocks
        },
        ..Fsdp::over(1)
    };
    let tensor = count(world, "tp");
    let plan = (tensor > 1).then(|| TensorParallel {
        ranks: tensor,
        loss_parallel: text(row, "loss") == "vocab_parallel",
    });
    let rank = match plan {
        None => Sharded::new(&step, run),
        Some(_) if step.recomputation == Recomputation::Selective => {
            return Err("selective recomputation under tensor parallelism is not read yet");
        }
        Some(plan) => Sharded::divided(&step, run, plan),
    }
    .footprint();
    Ok(match text(&row["measured"], "metric") {
        "allocated_peak" => overheads(row).on(rank.peak).allocated,
        "reserved_peak" => {
            overheads(row)
                .on(pools(&step, run, plan, &rank).total())
                .reserved
        }
        _ => return Err("unknown metric"),
    })
}

/// Dtypes of what is shared: one for all, or torchtitan's mixture.
fn policy(precision: &str) -> Option<Policy> {
    let all = |element| Policy {
        stored: element,
        computed: element,
        reduced: element,
    };
    Some(match precision {
        mixed if mixed.ends_with("fsdp_mixed") => Policy::MIXED,
        "bf16" | "fp16" => all(Element::Sixteen),
        "fp32" => all(Element::Fp32),
        _ => return None,
    })
}
