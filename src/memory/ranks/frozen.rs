//! Adapters on a frozen 16-bit model whose blocks ranks share.
//!
//! By PyTorch's FullyShardedDataParallel (FSDP1), as LitGPT runs it (litgpt 0.4.2, `finetune/lora.py`: `FSDPStrategy` of
//! blocks, `no_backward_sync` while it accumulates), a block's weights are one flat tensor, frozen and trained ones
//! together, and so is their gradient: whole, zeros where weights are frozen. Under `no_sync` these gradients are summed
//! unshared (torch 2.1, distributed/fsdp/_runtime_utils.py, `_post_backward_hook` returns before the reduction). The root
//! holds embedding, final norm and head, whole from its forward pass to the end of the backward one, and nothing of it is
//! trained.

use super::shards::{Sharing, Units};
use crate::memory::detailed::{Blocks, Step, footprint};
use crate::model::parameters::Tensor;
use crate::units::Bytes;

/// Bytes of a computed and stored element: 16-bit throughout.
const ELEMENT: u128 = 2;

/// The most that a rank of `ranks` allocates in a step with adapters. Gradients of the blocks grow while the backward
/// pass runs; with accumulation those of the micro-batches before stand throughout.
pub fn adapters_shared(step: &Step, ranks: u64) -> Bytes {
    most(step, ranks, true)
}

/// The same by `fully_shard` (FSDP2), as torchtune runs it (torchtune 0.4.0, `recipes/lora_finetune_distributed.py`):
/// every weight is shared on its own, and a frozen one has no gradient.
pub fn adapters_fully_sharded(step: &Step, ranks: u64) -> Bytes {
    most(step, ranks, false)
}

fn most(step: &Step, ranks: u64, flat_gradients: bool) -> Bytes {
    let sharing = Sharing {
        ranks,
        stored: ELEMENT,
        computed: ELEMENT,
    };
    let units = Units::new(step, sharing, &|tensor: &Tensor| tensor.shape);
    let architecture = step.architecture;
    let blocks = Blocks::of(step);
    let ends = blocks.ends;
    let one = footprint(step);
    let layers = architecture.layers;
    let Some(last) = layers.checked_sub(1) else {
        return Bytes(0);
    };
    // Adapters, spread over the blocks.
    let base = units.outside().computed
        + (0..layers)
            .map(|layer| units.block(architecture.block_kind(layer)).computed)
            .sum::<u128>();
    let adapters = one.weights.0.saturating_sub(base) / u128::from(layers);
    let flat = |layer: u64| units.block(architecture.block_kind(layer)).computed + adapters;
    let all: u128 = (0..layers).map(flat).sum();
    let root = units.outside();
    let shared = (all + root.computed + one.optimizer.0).div_ceil(u128::from(ranks.max(1)));
    let accumulates = step.accumulation > 1;
    let held = shared + ends.inputs + root.computed;
    let gradient = |layer: u64| if flat_gradients { flat(layer) } else { 0 };
    let mut gradients: u128 = if accumulates {
        (0..layers).map(gradient).sum()
    } else {
        0
    };
    let kept: u128 = (0..layers).map(|layer| blocks.block(layer).saved).sum();
    let mut most =
        held + gradients + flat(last) + ends.before + kept + ends.head_peak + blocks.kept_logits();
    let mut below = kept;
    for layer in (0..layers).rev() {
        let block = blocks.block(layer);
        below -= block.saved;
        // This block's and the next one's weights, and its gradient.
        let next = layer.checked_sub(1).map_or(0, flat);
        let around = flat(layer) + next + gradient(layer) + gradients;
        let trained = if flat_gradients {
            block.gradients_at_peak
        } else {
            0
        };
        most = most
            .max(held + around + ends.before + below + block.peak - trained + blocks.kept_logits());
        if !accumulates {
            gradients += gradient(layer);
        }
    }
    Bytes(most)
}
