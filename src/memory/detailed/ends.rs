//! What is kept before the first block and after the last: embedding, rotary tables, masks; final norm, logits, loss.
//! In TENSORS.md, 4.9, 4.10 and 4.12.

use super::backward::{Backward, BackwardPass};
use super::implementation::{Buffers, PositionIds, Rotary};
use super::norm::Rows;
use super::run::{Block, Kind, Run};
use super::saved::{Kept, Linear, Site, Tape};
use super::stack::Slices;
use super::step::Step;
use super::tally::{Live, Tally};
use super::tensor::{Dtype, Name, Place, Segment};
use crate::model::RouterBias;
use crate::training::{AttentionKernel, Loss};

impl<'a> Run<'a> {
    /// A block that stands for an end of the model: its norm and its linear layer.
    pub fn end(&'a self) -> Block<'a> {
        Block {
            run: self,
            kind: Kind {
                windowed: false,
                masked: false,
                experts: false,
                rotary: false,
                untrained: false,
                first_trained: false,
                recomputed: false,
            },
        }
    }

    /// Sets of rotary tables.
    pub fn rotary_sets(&self) -> u64 {
        if self.how.rotary_tables_by_window && self.two_windows {
            2
        } else {
            1
        }
    }

    /// What is kept before the first block; the residual stream that leaves the embedding is the first block's.
    /// `recomputed`: whether blocks are, whose inputs are then all that they keep.
    fn keep_before(&self, tape: &mut Tape, recomputed: bool, sets: u64) {
        tape.start(Place::Embedding, Segment::Activations);
        let architecture = self.architecture;
        let (b, s, h) = (
            self.step.micro_batch,
            self.step.sequence,
            architecture.hidden,
        );
        if self.step.frozen_layers == 0 {
            match self.how.position_ids {
                PositionIds::None => {}
                PositionIds::Row => tape.keep(Kept::PositionIds, [s], Dtype::Int64),
                PositionIds::Batch => tape.keep(Kept::PositionIds, [b, s], Dtype::Int64),
            }
            if self.dropout.embedding {
                tape.keep(Kept::EmbeddingMask, [b, s, h], Dtype::Bool);
            }
            if architecture.norms.embedding {
                let rows = Rows::new(self.tokens, h);
                let site = Site::Embedding;
                (self.end()).keep_norm(tape, site, rows, self.parameter, Kept::Embedding);
            }
        }
        self.keep_rotary(tape, recomputed, sets);
        if self.how.causal_mask_saved {
            tape.keep(Kept::CausalMask, [b, s, s], Dtype::Bool);
        }
        if self.how.alibi_table && recomputed {
            let sides = [architecture.attention.heads, architecture.max_positions];
            tape.keep(Kept::Alibi, sides, Dtype::Fp32);
        }
    }

    fn keep_rotary(&self, tape: &mut Tape, recomputed: bool, sets: u64) {
        let attention = &self.architecture.attention;
        let (s, width) = (self.step.sequence, attention.rotary_dim);
        if width == 0 {
            return;
        }
        let dtype = if self.how.rotary_tables_in_fp32 {
            Dtype::Fp32
        } else {
            self.parameter
        };
        let width = match self.how.rotary {
            Rotary::Complex => {
                tape.keep(Kept::Frequencies, [s, width / 2], Dtype::Complex);
                return;
            }
            Rotary::Interleaved => return,
            Rotary::Halves => width / 2,
            Rotary::Whole | Rotary::Concatenated => width,
        };
        if self.how.rotary_tables_in_blocks && !recomputed {
            return;
        }
        for kept in [Kept::Cosine, Kept::Sine] {
            tape.keep_all(kept, [s, width], dtype, sets);
        }
    }

    /// Whether the layers below `layer` are of both kinds, windowed and not; without windows, whether there are any.
    pub fn both_windows_below(&self, layer: u64) -> bool {
        layer >= self.windows_meet
    }

    /// What stands before the blocks while they run: what autograd keeps, and what recomputed blocks are given again.
    /// With `all`, the tables and masks of windowed layers and of the others; else of one of them.
    pub fn before(&self, tape: &mut Tape, recomputed: bool, all: bool) -> Tally {
        let sets = if all { self.rotary_sets() } else { 1 };
        self.keep_before(tape, recomputed, sets);
        let mut tally = Tally::of_tape(tape);
        if recomputed {
            self.add_masks(&mut tally, all);
            if !self.how.alibi_table {
                let name = Name("", Kept::PositionIds.label());
                let (segment, place) = (Segment::Activations, Place::Embedding);
                tally.add(segment, place, name, [self.step.sequence], Dtype::Int64, 1);
            }
        }
        tally
    }

    /// Masks that the model makes for its blocks: alive during the forward pass, and until no block needs them where
    /// blocks are recomputed.
    pub fn add_masks(&self, tally: &mut Tally, all: bool) {
        let (b, s) = (self.step.micro_batch, self.step.sequence);
        let name = Name("", "attention mask");
        let (segment, place) = (Segment::Activations, Place::Embedding);
        let windowed = || {
            (self.architecture.attention.window.as_ref()).is_some_and(|window| {
                let first = window.layers.first();
                s >= window.size && first.is_some_and(|first| first < self.architecture.layers)
            })
        };
        if self.how.causal_mask_saved {
            // It is among what is saved.
        } else if self.step.attention == AttentionKernel::Eager {
            let count = 1 + u64::from(all && self.two_windows);
            tally.add(segment, place, name, [b, s, s], self.parameter, count);
        } else if self.how.always_masked || windowed() {
            let b = if self.how.mask_per_sequence { b } else { 1 };
            tally.add(segment, place, name, [b, s, s], Dtype::Bool, 1);
        }
    }

    /// Adds token ids and labels, and the buffers that the model registers.
    pub fn add_inputs(&self, tally: &mut Tally) {
        let architecture = self.architecture;
        let sides = [self.step.micro_batch, self.step.sequence];
        let mut add = |what, shape: super::tensor::Shape, dtype, count| {
            let name = Name("", what);
            tally.add(Segment::Inputs, Place::Step, name, shape, dtype, count);
        };
        add("token ids, and labels", sides.into(), Dtype::Int64, 2);
        let rotary = architecture.attention.rotary_dim;
        let frequencies = [rotary / 2];
        let positions = architecture.max_positions;
        let sets = 2 * self.rotary_sets();
        match self.how.buffers {
            Buffers::None => {}
            Buffers::Frequencies | Buffers::FrequenciesAndScale if rotary > 0 => {
                let what = "rotary frequencies";
                add(what, frequencies.into(), Dtype::Fp32, sets);
            }
            Buffers::Tables => {
                let sides = [positions, rotary];
                let count = architecture.layers;
                add("sine and cosine", sides.into(), Dtype::Fp32, count);
            }
            Buffers::Masks => {
                let sides = [positions, positions];
                add(
                    "causal mask",
                    sides.into(),
                    Dtype::Bool,
                    architecture.layers,
                );
            }
            Buffers::Frequencies | Buffers::FrequenciesAndScale => {}
        }
        if self.how.buffers == Buffers::FrequenciesAndScale {
            add("embedding’s scale", [1].into(), Dtype::Fp32, 1);
        }
        if let Some(experts) = &architecture.experts
            && experts.router_bias == RouterBias::Buffer
        {
            let count = experts.layers.count_below(architecture.layers);
            let what = "routers’ correction biases";
            add(what, [experts.count].into(), Dtype::Fp32, count);
        }
    }

    /// What the final norm, the head and the loss keep.
    pub fn keep_head(&self, tape: &mut Tape) {
        tape.start(Place::Head, Segment::Head);
        let architecture = self.architecture;
        let block = self.end();
        let (b, s) = (self.step.micro_batch, self.step.sequence);
        let h = architecture.hidden;
        let logits = self.logit_sides();
        if architecture.norms.last {
            let rows = block.stream_rows();
            let (site, input) = (Site::Last, Kept::ResidualOut);
            block.keep_norm(tape, site, rows, self.parameter, input);
        }
        if self.step.loss == Loss::Fused {
            // Liger-Kernel's fused_linear_cross_entropy.py: the forward pass computes the gradients and keeps them.
            let sides = [self.tokens, h];
            tape.keep(Kept::FusedInputGradient, sides, self.parameter);
            if block.trained() {
                let sides = [architecture.vocabulary, h];
                tape.keep(Kept::FusedWeightGradient, sides, self.parameter);
            }
            tape.keep(Kept::Labels, [b, s + 1], Dtype::Int64);
            return;
        }
        block.keep_inputs(tape, Kept::HeadInput, h, self.parameter, &[Linear::Head]);
        if self.caps_logits() {
            let capped = match self.slices() {
                Some(Slices::SixteenBit) => self.all_logits(),
                _ => logits,
            };
            tape.keep(Kept::CappedLogits, capped, self.matmul);
        }
        tape.keep(Kept::Labels, [b, s + 1], Dtype::Int64);
        match self.slices() {
            Some(Slices::SixteenBit) if self.step.compiled => {
                tape.keep(Kept::LogitSlices, self.all_logits(), self.matmul);
            }
            Some(Slices::SixteenBit | Slices::Fp32) => {
                tape.keep(Kept::LogSoftmax, self.all_logits(), Dtype::Fp32);
            }
            _ if self.step.loss_compiled => {
                tape.keep(Kept::LogitSlices, logits, self.matmul);
            }
            _ => tape.keep(Kept::LogSoftmax, logits, Dtype::Fp32),
        }
        tape.keep_all(Kept::Loss, [1], Dtype::Fp32, 2);
    }

    /// Adds the logits at the loss: in the dtype of products, and in FP32. Of slices the last's FP32 copy.
    pub fn add_logits(&self, tally: &mut Tally) {
        match self.slices() {
            Some(Slices::Fp32) => return self.add_kept_logits(tally),
            Some(Slices::SixteenBit) if self.step.compiled => return,
            None if self.step.loss_compiled => return,
            _ => {}
        }
        self.add_kept_logits(tally);
        if self.matmul == Dtype::Sixteen && self.step.loss != Loss::Fused {
            let name = Name("logits", "FP32 copy");
            let (sides, segment) = (self.logit_sides(), Segment::Head);
            tally.add(segment, Place::Head, name, sides, Dtype::Fp32, 1);
        }
    }

    /// Adds the logits that the caller may keep.
    pub fn add_kept_logits(&self, tally: &mut Tally) {
        let (sides, dtype) = match self.slices() {
            Some(Slices::Fp32) => (self.all_logits(), Dtype::Fp32),
            Some(Slices::SixteenBit) => (self.all_logits(), self.matmul),
            _ => (self.logit_sides(), self.matmul),
        };
        let name = Name("", "logits");
        tally.add(Segment::Head, Place::Head, name, sides, dtype, 1);
    }

    /// Whether the logits pass through a soft cap. LitGPT's do not where the head runs in slices (`lora.py`, until
    /// 17a58dfa of 2024-12-31).
    fn caps_logits(&self) -> bool {
        self.how.logits_capped && self.slices() != Some(Slices::Fp32)
    }

    /// Whether the logits outlive the loss.
    pub fn keeps_logits(&self) -> bool {
        self.step.keep_outputs || self.slices() == Some(Slices::Fp32)
    }

    /// Sides of all logits.
    fn all_logits(&self) -> [u64; 3] {
        let Step {
            micro_batch,
            sequence,
            ..
        } = *self.step;
        [micro_batch, sequence, self.architecture.vocabulary]
    }

    /// Sides of the logits that stand at once: all, or a slice's. Liger's fused loss takes so many tokens at a time that
    /// their logits are about as large as the head's input (Liger-Kernel 0.8.5, `fused_linear_cross_entropy.py`).
    fn logit_sides(&self) -> [u64; 3] {
        let vocabulary = self.architecture.vocabulary;
        match self.step.loss {
            Loss::Full => self.all_logits(),
            Loss::Chunked => {
                let tokens = self.tokens.div_ceil(self.step.loss_chunks.max(1));
                [1, tokens, vocabulary]
            }
            Loss::Fused => {
                let slices = vocabulary.div_ceil(self.architecture.hidden.max(1));
                let tokens = self.tokens.div_ceil(slices.max(1)).next_power_of_two();
                [1, tokens.min(self.tokens), vocabulary]
            }
        }
    }

    /// Adds the last hidden state, that the model's output holds while the loss is computed.
    pub fn add_last_hidden(&self, tally: &mut Tally) {
        let sides = [self.tokens, self.architecture.hidden];
        let name = Name("", "last hidden state");
        tally.add(Segment::Head, Place::Head, name, sides, self.parameter, 1);
    }

    /// The backward pass from the loss to the residual stream.
    pub fn head_backward(&self, tape: &mut Tape) -> BackwardPass {
        let block = self.end();
        let mut pass = Backward::starting(&block, tape, Place::Head);
        if self.step.loss == Loss::Fused {
            let full = [self.tokens, self.architecture.hidden];
            let dx = pass.temporary(Name("head input", "gradient"), full, self.parameter);
            pass.heap.release(Kept::FusedInputGradient.into());
            pass.heap.release(Kept::Labels.into());
            if block.trained() {
                pass.heap.release(Kept::FusedWeightGradient.into());
                let sides = [self.architecture.vocabulary, self.architecture.hidden];
                let name = Name(Linear::Head.label(), "gradient of the weight");
                let leaves = self.gradients_leave && !self.architecture.tied_embeddings;
                let leaves = std::mem::replace(&mut pass.leaves, leaves);
                pass.gradient(name, sides, self.parameter);
                pass.leaves = leaves;
            }
            self.final_norm(&mut pass, dx);
            return pass.finish();
        }
        let name = |what| Name("logits", what);
        if matches!(self.slices(), Some(Slices::SixteenBit | Slices::Fp32)) {
            let logits = self.slices_backward(&mut pass);
            self.head_linear(&mut pass, logits);
            return pass.finish();
        }
        let sides = self.logit_sides();
        let mut logits = if self.step.loss_compiled {
            // One kernel from the logits and the rows' sums to the gradient.
            pass.temporary(name("gradient"), sides, self.matmul)
        } else {
            let nll = pass.temporary(name("gradient of the log-likelihood"), sides, Dtype::Fp32);
            let logits = pass.temporary(name("gradient, FP32"), sides, Dtype::Fp32);
            pass.heap.free(nll);
            logits
        };
        pass.release_all([
            Kept::LogSoftmax,
            Kept::LogitSlices,
            Kept::Labels,
            Kept::Loss,
        ]);
        if self.matmul != logits.dtype {
            logits = pass.recast(logits, self.matmul);
        }
        if self.caps_logits() {
            logits = pass.again(logits);
            logits = pass.again(logits);
            pass.heap.release(Kept::CappedLogits.into());
            logits = pass.again(logits);
        }
        if self.how.logits_scaled {
            logits = pass.again(logits);
        }
        self.head_linear(&mut pass, logits);
        pass.finish()
    }

    /// The losses of all slices run backward before the head's products do: autograd takes what was made last first.
    /// Returns the gradients of all logits.
    fn slices_backward(&self, pass: &mut Backward) -> Live {
        let name = |what| Name("logits", what);
        let slice = self.logit_sides();
        let compiled = self.step.compiled && self.slices() == Some(Slices::SixteenBit);
        if !compiled {
            let nll = pass.temporary(name("gradient of the log-likelihood"), slice, Dtype::Fp32);
            pass.scratch(name("gradient of a slice, FP32"), slice, Dtype::Fp32);
            pass.heap.free(nll);
        }
        // Each slice's gradient takes the place of what its loss kept.
        pass.release_all([Kept::LogSoftmax, Kept::LogitSlices]);
        pass.release_all([Kept::Labels, Kept::Loss]);
        if self.slices() == Some(Slices::Fp32) {
            let logits = pass.temporary(name("gradient, FP32"), self.all_logits(), Dtype::Fp32);
            let narrow = pass.temporary(name("gradient of a slice"), slice, self.matmul);
            pass.heap.free(logits);
            pass.heap.free(narrow);
            let gradient = pass.temporary(name("gradient"), self.all_logits(), self.matmul);
            return gradient;
        }
        pass.heap.release(Kept::CappedLogits.into());
        let gradient = pass.temporary(name("gradient"), self.all_logits(), self.matmul);
        pass.scratch(name("gradient of a slice"), slice, self.matmul);
        if !pass.block.trained() {
            return gradient;
        }
        // The weight's gradient of each slice is added to those before.
        let [_, tokens, vocabulary] = slice;
        let weight = [vocabulary, self.architecture.hidden];
        let rest = self.tokens.saturating_sub(tokens);
        pass.heap.free(gradient);
        let gradient = pass.temporary(name("gradient"), [1, rest, vocabulary], self.matmul);
        let sum = Name(
            Linear::Head.label(),
            "gradient of the weight, of slices before",
        );
        let sum = pass.temporary(sum, weight, self.parameter);
        let of_slice = Name(Linear::Head.label(), "gradient of the weight, of a slice");
        pass.scratch(of_slice, weight, self.parameter);
        pass.heap.free(sum);
        gradient
    }

    /// The head's product, from the gradient of the logits, and the final norm.
    fn head_linear(&self, pass: &mut Backward, logits: Live) {
        // A tied head's gradient waits for the embedding's.
        let leaves = std::mem::replace(
            &mut pass.leaves,
            self.gradients_leave && !self.architecture.tied_embeddings,
        );
        let dx = pass.linear(Linear::Head, Kept::HeadInput, self.parameter, logits, None);
        pass.leaves = leaves;
        self.final_norm(pass, dx);
    }

    /// The final norm's backward pass, the last of the head's.
    fn final_norm(&self, pass: &mut Backward, dx: Live) {
        let dx = if self.architecture.norms.last {
            let rows = pass.block.stream_rows();
            let (site, input) = (Site::Last, Kept::ResidualOut);
            pass.norm(site, rows, self.parameter, input, dx, None)
        } else {
            dx
        };
        pass.stream = Some(dx);
    }
}
