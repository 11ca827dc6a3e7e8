//! What one layer takes, forward and backward, for one micro-batch on one rank.

use super::formulas::product;
use super::traffic::{Group, all_to_all};
use super::{AttentionForm, Graphs, Launches, Task};
use crate::model::parameters::BlockKind;
use crate::model::{Attention, Experts};

/// How one micro-batch is cut among ranks: what the time of a layer depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Sequences of a micro-batch, b.
    pub micro_batch: u64,
    /// Tensor-parallel degree, t.
    pub tensor: u64,
    /// Whether norms and residuals are divided along the sequence over the tensor-parallel ranks.
    pub sequence_parallel: bool,
    /// Context-parallel degree, c.
    pub context: u64,
    /// Expert-parallel degree, e.
    pub expert: u64,
    /// Tensor-parallel degree of experts.
    pub expert_tensor: u64,
}

/// Which forward computation is repeated in the backward pass of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recomputed {
    /// None of it.
    Nothing,
    /// The core of attention: scores, softmax and their product with the values.
    Attention,
    /// All of it.
    Layer,
}

/// Seconds of a layer for one micro-batch, forward and backward, by cause; traffic only as far as it is exposed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Layer {
    /// Kernels: matrix products, attention, elementwise passes, quantisation; with what is recomputed.
    pub compute: f64,
    /// Waiting for kernels to be launched.
    pub launch: f64,
    /// Tensor-parallel collectives.
    pub tensor: f64,
    /// The ring of keys and values under context parallelism.
    pub context: f64,
    /// All-to-alls of experts.
    pub expert: f64,
    /// Of `compute`, the forward pass, once.
    pub forward: f64,
    /// Of `compute`, the gradients of weights, which zero-bubble schedules delay.
    pub weight: f64,
}

impl Layer {
    /// All of it, in seconds.
    #[inline]
    pub fn total(&self) -> f64 {
        self.compute + self.launch + self.tensor + self.context + self.expert
    }

    /// The sum of `times` of this and of the other.
    #[inline]
    pub(super) fn plus(self, times: f64, other: &Self) -> Self {
        Self {
            compute: self.compute + times * other.compute,
            launch: self.launch + times * other.launch,
            tensor: self.tensor + times * other.tensor,
            context: self.context + times * other.context,
            expert: self.expert + times * other.expert,
            forward: self.forward + times * other.forward,
            weight: self.weight + times * other.weight,
        }
    }
}

/// Seconds of kernels: forward, gradients of inputs, gradients of weights.
#[derive(Clone, Copy, Default)]
struct Kernels {
    forward: f64,
    input: f64,
    weight: f64,
}

/// A product's place in a layer: `count` matrices of `outputs` × `inputs`, each multiplied with `rows` tokens.
#[derive(Clone, Copy)]
struct Projection {
    count: f64,
    rows: f64,
    outputs: f64,
    inputs: f64,
}

impl Task {
    /// Tokens of a micro-batch on one context-parallel rank.
    pub(super) fn tokens(&self, shape: &Shape) -> f64 {
        shape.micro_batch as f64 * self.sequence as f64 / shape.context as f64
    }

    /// Seconds of a product of `rows` × `inner` and `inner` × `columns`, at the linear layers' rate or the wide one.
    fn product(&self, rows: f64, columns: f64, inner: f64, wide: bool) -> f64 {
        let (rate, operand) = if wide {
            (self.machine.matrix_wide, self.element_bytes)
        } else {
            (self.machine.matrix, self.operand_bytes)
        };
        let bytes = operand * (rows + columns) * inner + self.element_bytes * rows * columns;
        product(
            2.0 * rows * columns * inner,
            self.constants.matrix * rate,
            self.constants.operand_passes,
            bytes,
            self.machine.memory,
        )
    }

    /// Adds a projection's three products, and its operands' quantisation where they are narrow.
    fn project(&self, kernels: &mut Kernels, at: Projection, wide: bool) {
        let Projection {
            count,
            rows,
            outputs,
            inputs,
        } = at;
        kernels.forward += count * self.product(rows, outputs, inputs, wide);
        kernels.input += count * self.product(rows, inputs, outputs, wide);
        if !self.adapters_only || wide {
            kernels.weight += count * self.product(outputs, inputs, rows, wide);
        }
        if self.operand_bytes < self.element_bytes && !wide {
            // Read for the largest value, read, written in both orders: 2 + 2 + 1 + 1 bytes of each element.
            let cast = 6.0 * count * rows;
            kernels.forward += self.elementwise(cast * inputs);
            kernels.input += self.elementwise(cast * outputs);
        }
    }

    /// Seconds of elementwise kernels that move so many bytes.
    fn elementwise(&self, bytes: f64) -> f64 {
        self.constants.elementwise * bytes / self.machine.memory
    }

    /// The head and the loss of one micro-batch: seconds of the last stage beside its layers.
    pub(super) fn head(&self, shape: &Shape) -> f64 {
        let (rows, t) = (self.tokens(shape), shape.tensor as f64);
        let vocabulary = self.architecture.vocabulary as f64 / t;
        let mut kernels = Kernels::default();
        let at = Projection {
            count: 1.0,
            rows,
            outputs: vocabulary,
            inputs: self.architecture.hidden as f64,
        };
        self.project(&mut kernels, at, true);
        if self.adapters_only {
            kernels.weight = 0.0;
        }
        let loss = self.software.loss_bytes * rows * vocabulary / self.machine.memory;
        softly_at_least(kernels.sum() + loss, self.launches(0.0))
    }

    /// One layer of this kind with nothing recomputed, with attention's core, with all of it, in the order of
    /// [`Recomputed`].
    pub(super) fn layers(&self, shape: &Shape, kind: BlockKind) -> [Layer; 3] {
        let rows = self.tokens(shape);
        let t = shape.tensor as f64;
        let whole = if shape.sequence_parallel {
            rows / t
        } else {
            rows
        };
        let mut kernels = Kernels::default();
        self.attention_projections(&mut kernels, rows, t);
        let core = self.attention_core(shape, rows, t);
        self.norms_and_rotation(&mut kernels, rows, whole, t);
        let mut all_to_alls = 0.0;
        let mut expert_gather = 0.0;
        match (kind, &self.architecture.experts) {
            (BlockKind::Experts, Some(experts)) => {
                self.experts(&mut kernels, experts, shape, rows, whole);
                let sent = self.element_bytes * whole * self.architecture.hidden as f64;
                let copies = experts.active as f64;
                all_to_alls =
                    4.0 * all_to_all(sent, copies, shape.expert, &self.machine, &self.constants);
                let group = Group {
                    ranks: shape.expert_tensor,
                    stride: 1,
                };
                let gathered = sent * copies * shape.expert_tensor as f64;
                expert_gather = 4.0 * group.exchange(gathered, &self.machine, &self.constants);
            }
            _ => self.feed_forward(
                &mut kernels,
                rows,
                self.architecture.feed_forward.size as f64 / t,
                1.0,
            ),
        }
        let forward = kernels.forward + core.0;
        let once = forward + kernels.input + kernels.weight + core.1;
        let context = self.context_traffic(shape, rows, t, core.0 + core.1);
        let (tensor, collectives) = self.tensor_traffic(shape, kind, rows);
        let wait = match (kind, self.software.graphs) {
            (BlockKind::Dense, _) | (_, Graphs::Full) => 0.0,
            (BlockKind::Experts, Graphs::Partial) => self.constants.expert_wait_graphs,
            (BlockKind::Experts, Graphs::None) => self.constants.expert_wait,
        };
        // A repeated forward pass repeats its half of the collectives and all-to-alls, and its third of the launches.
        [(0.0, 0.0), (core.0, 0.0), (forward, 1.0)].map(|(again, repeats)| {
            let compute = once + again;
            let more = 1.0 + 0.5 * repeats;
            let (tensor, all_to_alls) = (more * tensor, more * all_to_alls);
            let exposed = if self.software.expert_overlap {
                (all_to_alls - compute).max(0.0)
            } else {
                all_to_alls
            };
            let expert = more * expert_gather + exposed;
            let work = compute + tensor + context + expert;
            let floor = self.launches(more * collectives) + self.launches(0.0) * repeats / 3.0;
            Layer {
                compute,
                launch: softly_at_least(work, floor) - work + wait,
                tensor,
                context,
                expert,
                forward,
                weight: kernels.weight,
            }
        })
    }

    /// Seconds of launching a layer's kernels and so many collectives.
    fn launches(&self, collectives: f64) -> f64 {
        match self.software.launches {
            Launches::Unfused => {
                self.constants.launch_2022 + collectives * self.constants.launch_collective
            }
            Launches::Eager => self.constants.launch_eager,
            Launches::Fused => self.constants.launch_fused,
        }
    }

    /// Projections of attention on one tensor-parallel rank. Compressions of latent attention are not divided.
    fn attention_projections(&self, kernels: &mut Kernels, rows: f64, t: f64) {
        let attention = &self.architecture.attention;
        let (h, a) = (self.architecture.hidden as f64, attention.heads as f64);
        let mut project = |outputs: f64, inputs: f64| {
            let at = Projection {
                count: 1.0,
                rows,
                outputs,
                inputs,
            };
            self.project(kernels, at, false);
        };
        match &attention.latent {
            None => {
                let (g, d) = (attention.kv_heads as f64, attention.head_dim as f64);
                project((a / t + 2.0 * (g / t).max(1.0)) * d, h);
                project(h, a * d / t);
            }
            Some(latent) => {
                let (nope, rope) = (latent.nope_dim as f64, latent.rope_dim as f64);
                let (kv, v) = (latent.kv_rank as f64, latent.value_dim as f64);
                match latent.query_rank {
                    Some(rank) => {
                        project(rank as f64, h);
                        project(a * (nope + rope) / t, rank as f64);
                    }
                    None => project(a * (nope + rope) / t, h),
                }
                project(kv + rope, h);
                project(a * (nope + v) / t, kv);
                project(h, a * v / t);
            }
        }
    }

    /// Seconds of attention's core, forward and backward. FlashAttention's backward pass computes the scores again: 2.5
    /// times its forward pass (Dao 2023, arXiv:2307.08691, §4.1); with scores kept there are two products for each of the
    /// forward pass's.
    fn attention_core(&self, shape: &Shape, rows: f64, t: f64) -> (f64, f64) {
        let attention = &self.architecture.attention;
        let (key, value) = widths(attention);
        let s = self.sequence as f64;
        let heads = attention.heads as f64 / t;
        let (forward, backward) = match self.software.attention {
            AttentionForm::Fused => {
                let narrow = if self.software.exponential_bound {
                    let x = self.constants.exponential;
                    (1.0 + 2.0 * x / (key + value)) / (1.0 + x / PUBLISHED_WIDTH)
                } else {
                    1.0
                };
                // Context-parallel ranks have a kernel for each piece of the sequence that comes round.
                let piece = s / shape.context as f64;
                let rate = self.constants.attention * self.machine.attention
                    / (narrow * (1.0 + self.constants.attention_half / piece));
                let core = 2.0 * (key + value) * rows * self.mean_keys() * heads / rate;
                return (core, 2.5 * core);
            }
            // Passes over all scores, of which the softmax takes half. Forward: written by the first product, read and
            // written by the softmax, read by the second product. Backward: the gradient written, probabilities and
            // gradient read and a gradient written by the softmax, this read twice and the probabilities once.
            AttentionForm::Written => (3.0, 5.5),
            // Dropout reads, writes and keeps a byte; backward it reads both and writes.
            AttentionForm::WrittenWithDropout => (5.5, 8.0),
        };
        let scores = rows * s * heads;
        let products =
            2.0 * (key + value) * scores / (self.constants.matrix * self.machine.matrix_wide);
        let pass = self.element_bytes * scores / self.machine.memory;
        (products + forward * pass, 2.0 * products + backward * pass)
    }

    /// Keys that a query attends to, averaged over positions and layers, what is masked or out of the window left out.
    pub(super) fn mean_keys(&self) -> f64 {
        let s = self.sequence as f64;
        let full = s / 2.0;
        let Some(window) = &self.architecture.attention.window else {
            return full;
        };
        let w = (window.size as f64).min(s);
        let inside = if window.chunked {
            w / 2.0
        } else {
            w - w * w / (2.0 * s)
        };
        let layers = self.architecture.layers;
        let windowed = window.layers.count_below(layers) as f64 / layers as f64;
        windowed * inside + (1.0 - windowed) * full
    }

    /// Norms, residual sums, rotation: bytes counted kernel by kernel.
    fn norms_and_rotation(&self, kernels: &mut Kernels, rows: f64, whole: f64, t: f64) {
        let attention = &self.architecture.attention;
        let (h, norms) = (
            self.architecture.hidden as f64,
            self.architecture.norms.places.count() as f64,
        );
        let heads = (attention.heads + attention.kv_heads) as f64 * attention.head_dim as f64 / t;
        // A norm reads and writes; backward it reads input and gradient and writes. A residual sum reads two and writes,
        // and so does the sum of its gradients.
        let mut forward = (2.0 * norms + 6.0) * whole * h;
        let mut backward = (3.0 * norms + 6.0) * whole * h;
        if attention.rotary_dim > 0 {
            forward += 2.0 * rows * heads;
            backward += 2.0 * rows * heads;
        }
        if attention.qk_norm != crate::model::QkNorm::None {
            forward += 2.0 * rows * heads;
            backward += 3.0 * rows * heads;
        }
        kernels.forward += self.elementwise(self.element_bytes * forward);
        kernels.input += self.elementwise(self.element_bytes * backward);
    }

    /// A feed-forward network of inner size `inner` on this rank, or `count` of them with so many rows each.
    fn feed_forward(&self, kernels: &mut Kernels, rows: f64, inner: f64, count: f64) {
        let h = self.architecture.hidden as f64;
        let gated = self.architecture.feed_forward.gated;
        let up = if gated { 2.0 } else { 1.0 };
        for (outputs, inputs) in [(up * inner, h), (h, inner)] {
            let at = Projection {
                count,
                rows,
                outputs,
                inputs,
            };
            self.project(kernels, at, false);
        }
        // The activation reads its inputs and writes; backward it reads these and the gradient and writes theirs.
        let width = self.element_bytes * count * rows * inner;
        kernels.forward += self.elementwise((up + 1.0) * width);
        kernels.input += self.elementwise((2.0 * up + 1.0) * width);
    }

    /// Router, routed and shared experts, and the sorting of tokens.
    fn experts(
        &self,
        kernels: &mut Kernels,
        experts: &Experts,
        shape: &Shape,
        rows: f64,
        whole: f64,
    ) {
        let h = self.architecture.hidden as f64;
        let (t, expert_tensor) = (shape.tensor as f64, shape.expert_tensor as f64);
        let at = Projection {
            count: 1.0,
            rows: whole,
            outputs: experts.count as f64,
            inputs: h,
        };
        self.project(kernels, at, true);
        let local = (experts.count as f64 / shape.expert as f64).max(1.0);
        let copies = whole * experts.active as f64 * self.imbalance;
        let inner = experts.size as f64 / expert_tensor;
        self.feed_forward(kernels, copies * expert_tensor / local, inner, local);
        if experts.shared_size > 0 {
            self.feed_forward(kernels, rows, experts.shared_size as f64 / t, 1.0);
        }
        // Copies are sorted by rank, then by expert, and both undone, each reading and writing them; backward the same.
        let sorting = self.elementwise(8.0 * self.element_bytes * copies * h);
        kernels.forward += sorting;
        kernels.input += sorting;
    }

    /// Exposed seconds of tensor-parallel collectives, and how many there are: an all-reduce after attention and after
    /// the feed-forward network, forward and backward (Shoeybi et al. 2019, §3). Under sequence parallelism each is a
    /// reduce-scatter and a gather, and the backward pass gathers both inputs once more (Korthikanti et al. 2022,
    /// §4.2.2). Experts' all-to-alls take the place of the second.
    fn tensor_traffic(&self, shape: &Shape, kind: BlockKind, rows: f64) -> (f64, f64) {
        if shape.tensor <= 1 {
            return (0.0, 0.0);
        }
        let group = Group {
            ranks: shape.tensor,
            stride: 1,
        };
        let all_reduces = match kind {
            BlockKind::Dense => 4.0,
            BlockKind::Experts => 2.0,
        };
        let halves = if shape.sequence_parallel {
            2.5 * all_reduces
        } else {
            2.0 * all_reduces
        };
        let bytes = self.element_bytes * rows * self.architecture.hidden as f64;
        let time = halves * group.exchange(bytes, &self.machine, &self.constants);
        let hidden = if self.software.tensor_overlap {
            self.constants.tensor_overlap
        } else {
            0.0
        };
        (time * (1.0 - hidden), all_reduces)
    }

    /// Exposed seconds of the ring in which context-parallel ranks pass keys and values round, forward, and them and
    /// their gradients, backward, beside the attention that needs them.
    fn context_traffic(&self, shape: &Shape, rows: f64, t: f64, beside: f64) -> f64 {
        if shape.context <= 1 {
            return 0.0;
        }
        let attention = &self.architecture.attention;
        let (key, value) = widths(attention);
        let heads = (attention.kv_heads as f64 / t).max(1.0);
        let bytes = self.element_bytes * rows * heads * (key + value);
        let group = Group {
            ranks: shape.context,
            stride: shape.tensor,
        };
        let all = 3.0 * bytes * (shape.context - 1) as f64
            / group.bandwidth(&self.machine, &self.constants);
        (all - beside).max(0.0)
    }
}

impl Kernels {
    fn sum(&self) -> f64 {
        self.forward + self.input + self.weight
    }
}

/// The width of heads at which attention kernels' rates are published.
const PUBLISHED_WIDTH: f64 = 128.0;

/// Widths of a head's keys and values.
fn widths(attention: &Attention) -> (f64, f64) {
    match &attention.latent {
        Some(latent) => (
            (latent.nope_dim + latent.rope_dim) as f64,
            latent.value_dim as f64,
        ),
        None => (attention.head_dim as f64, attention.head_dim as f64),
    }
}

/// Work that also waits for its launches: as long as the longer of both where they differ, a little longer where they are
/// alike, for then sometimes the one and sometimes the other is ahead.
fn softly_at_least(work: f64, floor: f64) -> f64 {
    let (work, floor) = (work * work, floor * floor);
    (work * work + floor * floor).sqrt().sqrt()
}
