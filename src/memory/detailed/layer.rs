//! A single layer on its own, run forward and backward again and again without clearing gradients, as Liger-Kernel's
//! benchmarks measure it (benchmark/scripts at ead96b6; kernels of 0.2.1 and 0.4.2): what stands at its highest point.

use super::tally::Tally;
use super::tensor::{Dtype, Entry, Name, Place, Segment, Shape};

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// A head and the cross-entropy of its logits. The benchmark builds a second, unused head.
    HeadAndLoss {
        /// Width of its input, h.
        hidden: u64,
        /// Logits of a token, V.
        vocabulary: u64,
    },
    /// The cross-entropy of given logits.
    CrossEntropy {
        /// Logits of a token, V.
        vocabulary: u64,
    },
    /// A feed-forward network with a gate, its graph kept after the backward pass.
    FeedForward {
        /// Width of its input, h.
        hidden: u64,
        /// Width inside, f.
        size: u64,
    },
}

/// A layer's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerRun {
    /// What is run.
    pub layer: Layer,
    /// Tokens, N.
    pub tokens: u64,
    /// Element type of weights and activations.
    pub dtype: Dtype,
    /// Whether Liger's kernels run, or PyTorch's.
    pub liger: bool,
}

/// Every tensor that stands at the highest point; workspaces are not among them.
pub fn layer_tensors(run: &LayerRun) -> Vec<Entry> {
    let moments = match run.layer {
        Layer::HeadAndLoss { hidden, vocabulary } => head(run, hidden, vocabulary),
        Layer::CrossEntropy { vocabulary } => cross_entropy(run, vocabulary),
        Layer::FeedForward { hidden, size } => feed_forward(run, hidden, size),
    };
    let largest = moments.into_iter().reduce(Tally::larger);
    largest.and_then(|tally| tally.entries).unwrap_or_default()
}

/// What stands at a moment, under construction.
struct Standing(Tally);

impl Standing {
    fn new() -> Self {
        Self(Tally::new(true))
    }

    fn with(
        mut self,
        what: &'static str,
        shape: impl Into<Shape>,
        dtype: Dtype,
        count: u64,
    ) -> Self {
        let (segment, name) = (Segment::Activations, Name("", what));
        self.0.add(segment, Place::Step, name, shape, dtype, count);
        self
    }
}

fn head(run: &LayerRun, hidden: u64, vocabulary: u64) -> Vec<Tally> {
    let LayerRun { tokens, dtype, .. } = *run;
    let (input, weight) = ([tokens, hidden], [vocabulary, hidden]);
    let start = || {
        Standing::new()
            .with("weights of both heads", weight, dtype, 2)
            .with("gradient of the weight, summed", weight, dtype, 1)
            .with("input", input, dtype, 1)
            .with("gradient of the input, summed", input, dtype, 1)
            .with("targets", [tokens], Dtype::Int64, 1)
    };
    if run.liger {
        // fused_linear_cross_entropy.py: a slice of the logits is cast up while the last one's gradient has a name yet.
        let slices = vocabulary.div_ceil(hidden.max(1));
        let slice = tokens.div_ceil(slices.max(1)).next_power_of_two();
        let logits = [slice, vocabulary];
        return vec![
            start()
                .with("gradient of the weight", weight, dtype, 1)
                .with("gradient of the input", input, dtype, 1)
                .with("loss of each token", [tokens], Dtype::Fp32, 1)
                .with(
                    "logits of a slice, and gradient of the last",
                    logits,
                    dtype,
                    2,
                )
                .with("logits of a slice, FP32", logits, Dtype::Fp32, 1)
                .0,
        ];
    }
    let logits = [tokens, vocabulary];
    vec![
        start()
            .with("log-softmax", logits, dtype, 1)
            .with("gradients of log-softmax and logits", logits, dtype, 2)
            .0,
        start()
            .with("gradient of the logits", logits, dtype, 1)
            .with("gradient of the weight", weight, dtype, 1)
            .with("gradient of the input", input, dtype, 1)
            .0,
    ]
}

fn cross_entropy(run: &LayerRun, vocabulary: u64) -> Vec<Tally> {
    let LayerRun { tokens, dtype, .. } = *run;
    let logits = [tokens, vocabulary];
    let start =
        Standing::new()
            .with("logits", logits, dtype, 1)
            .with("targets", [tokens], Dtype::Int64, 1);
    if run.liger {
        // cross_entropy.py: the gradient is written over the logits.
        return vec![start.with("loss of each token", [tokens], dtype, 1).0];
    }
    vec![
        start
            .with("gradient of the logits, summed", logits, dtype, 1)
            .with("log-softmax", logits, dtype, 1)
            .with("gradients of log-softmax and logits", logits, dtype, 2)
            .0,
    ]
}

fn feed_forward(run: &LayerRun, hidden: u64, size: u64) -> Vec<Tally> {
    let LayerRun { tokens, dtype, .. } = *run;
    let (outer, inner, weight) = ([tokens, hidden], [tokens, size], [size, hidden]);
    // The activation of the gate is not kept where the kernel computes it again.
    let kept = if run.liger { 3 } else { 4 };
    let start = || {
        Standing::new()
            .with("weights", weight, dtype, 3)
            .with("gradients of the weights, summed", weight, dtype, 3)
            .with("input, output", outer, dtype, 2)
            .with(
                "gradients of the input, summed, and of the output",
                outer,
                dtype,
                2,
            )
            .with(
                "gate, up, their product and the activation",
                inner,
                dtype,
                kept,
            )
    };
    let down = start()
        .with("gradient of the product", inner, dtype, 1)
        .with("gradient of down’s weight", weight, dtype, 1);
    // swiglu.py: the gradients of gate and up are written over them.
    let gradients = if run.liger { 0 } else { 2 };
    let product = start()
        .with("gradient of the product", inner, dtype, 1)
        .with(
            "gradients of the activation and up",
            inner,
            dtype,
            gradients,
        );
    let up = start()
        .with(
            "gradients of the activation and up",
            inner,
            dtype,
            gradients,
        )
        .with("gradient of up’s weight", weight, dtype, 1)
        .with("gradient of the input", outer, dtype, 1);
    // Last, the gradients of the input that come through gate and up are added into a third tensor.
    let sum = start()
        .with("gradient of the gate", inner, dtype, gradients / 2)
        .with("gradient of the gate’s weight", weight, dtype, 1)
        .with("gradients of the input, and their sum", outer, dtype, 3);
    vec![down.0, product.0, up.0, sum.0]
}
