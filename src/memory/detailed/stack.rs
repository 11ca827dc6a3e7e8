//! What a stack's own model code does otherwise than transformers'. Whose code runs decides which tensors autograd keeps.
//!
//! Read from litgpt 0.4.2 (`model.py`, `lora.py`, `utils.py`) and lit-gpt at 8641822, torchtune 0.4.0
//! (`modules/attention.py`, `rms_norm.py`, `position_embeddings.py`, `transformer.py`, `peft/lora.py`,
//! `training/_activation_offloading.py`), torchtitan at 9dec370 (`models/llama/model.py`,
//! `parallelisms/parallelize_llama.py`), bitsandbytes 0.42.0 (`autograd/_functions.py`) and torchao 0.6.1
//! (`dtypes/nf4tensor.py`).

use super::adapters::{Adapters, Base};
use super::implementation::{Buffers, Implementation, LLAMA, Rotary};
use super::run::{Block, Run};
use super::saved::{Kept, Linear};
use super::tally::Tally;
use super::tensor::{Dtype, Name, Segment, Shape};
use crate::model::{Activation, Architecture, NormKind};
use crate::training::{AttentionKernel, Loss, Recomputation, Stack};

/// The architecture as a stack's own model code builds it, to be given to a [`Step`](super::Step) of that stack.
///
/// LitGPT never ties head and embedding and runs activations as one kernel; it, torchtune and torchtitan have one
/// RMSNorm for all families, which scales in the model's dtype. Other stacks run the family's own code.
pub fn model_of(stack: Stack, architecture: &Architecture) -> Architecture {
    let mut model = *architecture;
    if !has_own_model(stack) {
        return model;
    }
    if matches!(model.norms.kind, NormKind::RmsInFp32 | NormKind::RmsPlusOne) {
        model.norms.kind = NormKind::Rms;
    }
    if stack == Stack::LitGpt {
        model.tied_embeddings = false;
        let activation = &mut model.feed_forward.activation;
        if matches!(
            *activation,
            Activation::GeluNew
                | Activation::GeluFast
                | Activation::GeluPython
                | Activation::BloomGelu
        ) {
            *activation = Activation::Gelu;
        }
    }
    model
}

const fn has_own_model(stack: Stack) -> bool {
    matches!(stack, Stack::LitGpt | Stack::TorchTune | Stack::TorchTitan)
}

/// What the code that runs does: the family's, or the stack's own, which is Llama's for every family but for a cap on the
/// logits and for experts.
pub(super) const fn implementation(stack: Stack, architecture: &Architecture) -> Implementation {
    let family = Implementation::of(architecture);
    let own = Implementation {
        recorded: false,
        logits_capped: family.logits_capped,
        expert_weights_in_fp32: family.expert_weights_in_fp32,
        router_in_fp32: family.router_in_fp32,
        shared_first: family.shared_first,
        buffers: Buffers::None,
        ..LLAMA
    };
    match stack {
        // Turned halves are concatenated, grouped keys and values repeated before that.
        Stack::LitGpt => Implementation {
            rotary: Rotary::Concatenated,
            kv_expanded: true,
            qk_norm_after_transpose: true,
            ..own
        },
        // Turned in FP32; grouped keys and values repeated after that.
        Stack::TorchTune | Stack::TorchTitan => Implementation {
            rotated_in_fp32: true,
            kv_repeated: true,
            ..own
        },
        Stack::HuggingFace | Stack::Liger | Stack::Megatron => family,
    }
}

/// Tensors that are on their way to the host at once when activations are offloaded: the last five that were kept
/// (`max_fwd_stash_size` of torchtune's `OffloadActivations`).
pub(super) const LEAVING: u64 = 5;

/// How the slices of a loss in slices follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slices {
    /// Each is given up, its backward pass run, before the next is made (torchtitan's `ChunkedLossWrapper`).
    OneByOne,
    /// The head makes all slices' logits first, in 16 bit; the loss runs over one at a time
    /// (torchtune's `CEWithChunkedOutputLoss`).
    SixteenBit,
    /// The same, but Fabric turns all logits into FP32, and the training loop holds them until the next step
    /// (`chunked_cross_entropy` in LitGPT's `utils.py`).
    Fp32,
}

impl Run<'_> {
    /// How a loss in slices runs here; none where the loss is not in slices.
    pub fn slices(&self) -> Option<Slices> {
        match (self.step.loss, self.step.stack) {
            (Loss::Chunked, Stack::LitGpt) => Some(Slices::Fp32),
            (Loss::Chunked, Stack::TorchTune) => Some(Slices::SixteenBit),
            (Loss::Chunked, _) => Some(Slices::OneByOne),
            _ => None,
        }
    }

    /// Whether blocks are recomputed but for what selective checkpointing by operation keeps: torchtitan's list saves
    /// attention's outputs and those of every second matrix product.
    pub fn selects_operations(&self) -> bool {
        self.step.recomputation == Recomputation::Selective && self.step.stack == Stack::TorchTitan
    }

    /// Copies of a four-bit weight that stand at once while a product needs it in the model's dtype: bitsandbytes
    /// unpacks to the dtype it was quantised from, FP16 under Fabric, and casts that.
    pub fn unpacked_copies(&self) -> u64 {
        match self.step.stack {
            Stack::LitGpt => 2,
            _ => 1,
        }
    }

    /// Whether a product with a four-bit weight keeps its input though the weight is frozen: bitsandbytes' `MatMul4Bit`
    /// does, torchao's `LinearNF4` does not.
    pub fn four_bit_keeps_inputs(&self) -> bool {
        self.adapters()
            .is_some_and(|adapters| adapters.base != Base::AsTrained)
            && self.step.stack != Stack::TorchTune
    }
}

/// Sides of an adapter's two matrices.
#[derive(Clone, Copy, Debug)]
pub(super) struct AdapterSides {
    /// A: rank × inputs.
    pub a: [u64; 2],
    /// B: outputs × rank.
    pub b: [u64; 2],
    /// Width of A's output.
    pub hidden: u64,
    /// Width of B's output where it is then spread over a wider projection: LitGPT's index copy keeps it.
    pub padded: Option<u64>,
}

impl Block<'_> {
    /// Sides of an adapter on a linear layer. LitGPT's adapter on the fused projection has a part of the rank for each of
    /// q, k and v that is adapted (`LoRAQKVLinear`).
    pub fn adapter_sides(&self, adapters: &Adapters, linear: Linear) -> AdapterSides {
        let matrix = self.matrix(linear);
        let rank = adapters.rank;
        if linear == Linear::QueryKeyValue && self.run.step.stack == Stack::LitGpt {
            let parts = [Linear::Query, Linear::Key, Linear::Value];
            let adapted = parts.into_iter().filter(|part| adapters.on(*part));
            let (count, outputs) = adapted.fold((0, 0), |(count, outputs), part| {
                (count + 1, outputs + self.matrix(part).outputs)
            });
            return AdapterSides {
                a: [rank * count, matrix.inputs],
                b: [outputs, rank],
                hidden: rank * count,
                padded: (count < 3).then_some(outputs),
            };
        }
        AdapterSides {
            a: [rank, matrix.inputs],
            b: [matrix.outputs, rank],
            hidden: rank,
            padded: None,
        }
    }

    /// Adds what selective checkpointing keeps of a recomputed block beside its input: attention's outputs, and those of
    /// the first, third, fifth and seventh product (`_apply_ac_to_transformer_block`).
    pub fn add_selected(&self, tally: &mut Tally) {
        let run = self.run;
        if !run.selects_operations() {
            return;
        }
        let mut add = |name, shape: Shape, dtype, count| {
            tally.add(
                Segment::Activations,
                self.place(),
                name,
                shape,
                dtype,
                count,
            );
        };
        for linear in self.linears().step_by(2) {
            let sides = [run.tokens, self.matrix(linear).outputs];
            add(Name(linear.label(), "output"), sides.into(), run.matmul, 1);
        }
        let x = self.heads();
        let named = |kept: Kept| Name("", kept.label());
        if matches!(
            self.kernel(),
            AttentionKernel::Eager | AttentionKernel::Math
        ) {
            // Products of scores are batched, and none of those that are kept.
            return;
        }
        let [b, a, s, _] = x.query();
        add(named(Kept::Attended), x.query().into(), x.dtype, 1);
        add(named(Kept::LogSumExp), [b, a, s].into(), Dtype::Fp32, 1);
        add(named(Kept::Seed), [1].into(), Dtype::Int64, 2);
    }

    /// Adds a tensor on its way to the host when activations are offloaded, counted as large as the block's largest.
    pub fn add_leaving(&self, tally: &mut Tally, largest: u128) {
        let name = Name("", "activation on its way to the host");
        let bytes = [u64::try_from(largest).unwrap_or(u64::MAX)];
        let (segment, place) = (Segment::Activations, self.place());
        tally.add(segment, place, name, bytes, Dtype::Byte, 1);
    }
}
