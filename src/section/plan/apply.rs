//! A layout that was found, as the fields of a scenario.

use crate::field::{Choice, Value};
use crate::layout::{Layout, Schedule, Sharding};
use crate::plan::{Candidate, Recomputed, Remedy};
use crate::scenario::{Detail, Field, Invalid, Scenario};
use crate::training::{GradientDtype, Loss, Optimizer, OptimizerStep, Recomputation, Stack};

/// What a link says of a layout, for `data-set`; none where the fields cannot express it, as more micro-batches than
/// they take.
///
/// The code is the one that was searched, so that the memory section counts the same: Megatron-core's, torchtitan's where
/// weights are shared. The fields recompute one block in so many, so at least as many as the plan does.
pub(super) fn settings(scenario: &Scenario, found: &Candidate) -> Option<String> {
    setting(scenario, found, Vec::new())
}

/// The same with what a remedy changes; none too where no field says it.
pub(super) fn remedied(scenario: &Scenario, remedy: Remedy, found: &Candidate) -> Option<String> {
    let change = match remedy {
        Remedy::Gpus(gpus) => (Field::Gpus, gpus.to_string()),
        Remedy::Sequence(tokens) => (Field::Sequence, tokens.to_string()),
        Remedy::EightBitOptimizer => (Field::Optimizer, key(Optimizer::AdamW8Bit)),
        Remedy::SixteenBitGradients => (Field::Gradients, key(GradientDtype::SixteenBit)),
        Remedy::SharedWeights | Remedy::TensorBeyondLinks => return None,
    };
    setting(scenario, found, vec![change])
}

fn key(choice: impl Choice) -> String {
    choice.key().to_owned()
}

/// The same after other changes.
pub(in crate::section) fn setting(
    scenario: &Scenario,
    found: &Candidate,
    mut pairs: Vec<(Field, String)>,
) -> Option<String> {
    let layers = scenario.architecture().layers;
    let (layout, place) = (found.layout(), &found.place);
    let shares_weights = layout.sharding == Sharding::Fsdp2;
    let (recomputation, every) = match (place.recomputed, place.recomputed_layers) {
        (Recomputed::Nothing, _) | (_, 0) => (Recomputation::None, 1),
        (Recomputed::Attention, _) => (Recomputation::Selective, 1),
        (Recomputed::Layer, recomputed) => {
            let chunk = layers.div_ceil(layout.virtual_stages());
            (
                Recomputation::Full,
                one_in(chunk, recomputed.div_ceil(layout.chunks_per_rank())),
            )
        }
    };
    let stack = if shares_weights {
        Stack::TorchTitan
    } else {
        Stack::Megatron
    };
    let yes_or_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    pairs.extend([
        (Field::Detail(Detail::Stack), key(stack)),
        (
            Field::Detail(Detail::OptimizerStep),
            key(OptimizerStep::Fused),
        ),
        (Field::Detail(Detail::Loss), key(Loss::Fused)),
        (Field::TensorParallel, layout.tensor.to_string()),
        (
            Field::Detail(Detail::SequenceParallel),
            yes_or_no(layout.sequence_parallel),
        ),
        (Field::Detail(Detail::Pipeline), layout.pipeline.to_string()),
        (Field::Detail(Detail::Schedule), key(layout.schedule)),
        (Field::Detail(Detail::Chunks), layout.chunks.to_string()),
        (Field::Detail(Detail::Context), layout.context.to_string()),
        (Field::Detail(Detail::Expert), layout.expert.to_string()),
        (
            Field::Detail(Detail::ExpertTensor),
            layout.expert_tensor.to_string(),
        ),
        (Field::Detail(Detail::Sharding), key(layout.sharding)),
        (Field::Detail(Detail::ShardGroup), "0".to_owned()),
        (Field::MicroBatch, found.shape.micro_batch.to_string()),
        (
            Field::Detail(Detail::Accumulation),
            place.micro_batches.to_string(),
        ),
        (Field::Recomputation, key(recomputation)),
        (Field::Detail(Detail::RecomputeEvery), every.to_string()),
    ]);
    let read: Result<Vec<(Field, Value)>, _> = pairs
        .iter()
        .map(|(field, text)| Ok((*field, field.parse(text)?)))
        .collect::<Result<_, Invalid>>();
    let set = scenario.with_all(&read.ok()?).ok()?;
    if set.layout() != layout {
        return None;
    }
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(field, text)| [field.key(), "=", text].concat())
        .collect();
    Some(pairs.join("&"))
}

/// The largest k for which one block in k, the first included, is at least `recomputed` of a chunk's.
fn one_in(chunk: u64, recomputed: u64) -> u64 {
    let k = match recomputed {
        0 | 1 => chunk,
        recomputed => chunk.saturating_sub(1) / (recomputed - 1),
    };
    k.max(1)
}

/// The scenario's layout as the step-time model takes it: what is recomputed, and in how many layers of a rank.
pub(in crate::section) fn recomputed(scenario: &Scenario) -> (Recomputed, u64) {
    match scenario.recomputation() {
        Recomputation::None => (Recomputed::Nothing, 0),
        Recomputation::Selective => (Recomputed::Attention, u64::MAX),
        Recomputation::Full => {
            let every = scenario.details().count(Detail::RecomputeEvery);
            if every <= 1 {
                return (Recomputed::Layer, u64::MAX);
            }
            let layout = scenario.layout();
            let chunk = scenario
                .architecture()
                .layers
                .div_ceil(layout.virtual_stages());
            let layers = layout.chunks_per_rank() * chunk.div_ceil(every);
            (Recomputed::Layer, layers)
        }
    }
}

/// Whether a layout and micro-batch are the scenario's own.
pub(super) fn is_own(scenario: &Scenario, found: &Candidate) -> bool {
    let schedule = |mut layout: Layout| {
        if layout.pipeline <= 1 {
            layout.schedule = Schedule::OneForwardOneBackward;
            layout.chunks = 1;
        }
        layout
    };
    schedule(scenario.layout()) == schedule(found.layout())
        && scenario.micro_batch() == found.shape.micro_batch
        && scenario.details().count(Detail::Accumulation) == found.place.micro_batches
}

#[cfg(test)]
mod tests {
    use super::one_in;

    #[test]
    fn at_least_as_many_are_recomputed_and_no_sparser_choice_is() {
        for chunk in 1..40u64 {
            for recomputed in 1..=chunk {
                let k = one_in(chunk, recomputed);
                assert!(chunk.div_ceil(k) >= recomputed, "{chunk} {recomputed}");
                assert!(
                    k >= chunk || chunk.div_ceil(k + 1) < recomputed,
                    "{chunk} {recomputed}: {k}"
                );
            }
        }
    }
}
