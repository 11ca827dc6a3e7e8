//! The one list of what can be chosen: name, unit, range, scale and help of every field.

use super::{Invalid, Scenario};
use crate::field::{
    Choice, Kind, Malformed, Scale, Slider, Value, count, decimal, length, options,
};
use crate::hardware::ACCELERATORS;
use crate::training::{GradientDtype, Optimizer, Precision, Recomputation};

/// Something a reader chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // Each says of itself what it is: `label`, `kind` and `help`.
pub enum Field {
    Parameters,
    Tokens,
    Gpus,
    Gpu,
    Tflops,
    Mfu,
    Precision,
    Gradients,
    Optimizer,
    Recomputation,
    Sequence,
    MicroBatch,
    Hidden,
    Layers,
    Heads,
    TensorParallel,
}

/// The three options that the rule of thumb knows; the others are the detailed estimator's.
fn of_the_rule<C: Choice>() -> Kind {
    let known = C::ALL.iter().take(3);
    Kind::Choice(known.map(|option| (option.key(), option.label())).collect())
}

impl Field {
    /// Every field, in the order of links.
    pub const ALL: [Self; 16] = [
        Self::Parameters,
        Self::Tokens,
        Self::Gpus,
        Self::Gpu,
        Self::Tflops,
        Self::Mfu,
        Self::Precision,
        Self::Gradients,
        Self::Optimizer,
        Self::Recomputation,
        Self::Sequence,
        Self::MicroBatch,
        Self::Hidden,
        Self::Layers,
        Self::Heads,
        Self::TensorParallel,
    ];

    /// The key in links, and in ids on the page. Never changed, never reused.
    pub fn key(self) -> &'static str {
        self.names().0
    }

    /// What the page calls it.
    pub fn label(self) -> &'static str {
        self.names().1
    }

    /// One sentence for a reader who does not know the word.
    pub fn help(self) -> &'static str {
        self.names().2
    }

    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Parameters => ("params", "Parameters", "Trainable numbers of the model, P."),
            Self::Tokens => (
                "tokens",
                "Tokens",
                "Tokens seen in training, repeats counted, D.",
            ),
            Self::Gpus => ("gpus", "GPUs", "GPUs that share the work, n."),
            Self::Gpu => (
                "gpu",
                "GPU",
                "The accelerator, for its memory and its dense peak.",
            ),
            Self::Tflops => (
                "tflops",
                "TFLOP/s each",
                "Model FLOP/s that one GPU really achieves, not its peak.",
            ),
            Self::Mfu => (
                "mfu",
                "MFU",
                "Model FLOP utilization: achieved rate over the GPU's dense peak.",
            ),
            Self::Precision => (
                "precision",
                "Precision",
                "Dtype of the weights during training.",
            ),
            Self::Gradients => ("grads", "Gradients", "Dtype of the gradients."),
            Self::Optimizer => (
                "optimizer",
                "Optimizer",
                "What turns gradients into updates, and what it remembers.",
            ),
            Self::Recomputation => (
                "recompute",
                "Recompute",
                "Activations dropped and computed again in the backward pass.",
            ),
            Self::Sequence => (
                "seq",
                "Sequence",
                "Sequence length s, in tokens. 4k is 4,096.",
            ),
            Self::MicroBatch => ("batch", "Micro-batch", "Sequences on one GPU at a time, b."),
            Self::Hidden => (
                "hidden",
                "Hidden size",
                "Width of the residual stream, h. 4k is 4,096.",
            ),
            Self::Layers => ("layers", "Layers", "Transformer blocks, L."),
            Self::Heads => (
                "heads",
                "Heads",
                "Attention heads, a. They divide the hidden size.",
            ),
            Self::TensorParallel => (
                "tp",
                "Tensor parallel",
                "GPUs that share one layer's matrices, t. They divide the heads.",
            ),
        }
    }

    /// What kind of value it takes, with range or options.
    pub fn kind(self) -> Kind {
        match self {
            Self::Parameters => count("", 1e6, 1e13, Scale::Decades),
            Self::Tokens => count("", 1e6, 1e15, Scale::Decades),
            Self::Gpus => count("", 1.0, 1e6, Scale::Doublings),
            Self::Tflops => decimal("TFLOP/s", 0.001, 100_000.0, Scale::Decades),
            Self::Mfu => decimal("%", 0.001, 100.0, Scale::Even),
            Self::Sequence => length("", 1.0, 16_777_216.0),
            Self::MicroBatch => count("", 1.0, 65_536.0, Scale::Doublings),
            Self::Hidden => length("", 1.0, 131_072.0),
            Self::Layers => count("", 1.0, 1_000.0, Scale::Doublings),
            Self::Heads => count("", 1.0, 1_024.0, Scale::Whole),
            Self::TensorParallel => count("", 1.0, 1_024.0, Scale::Whole),
            Self::Gpu => Kind::Choice(ACCELERATORS.iter().map(|gpu| (gpu.id, gpu.name)).collect()),
            Self::Precision => of_the_rule::<Precision>(),
            Self::Gradients => options::<GradientDtype>(),
            Self::Optimizer => of_the_rule::<Optimizer>(),
            Self::Recomputation => options::<Recomputation>(),
        }
    }

    /// What would be valid, in words: `1 M to 10 T`, or the options' keys.
    pub fn valid(self) -> String {
        self.kind().valid()
    }

    /// Reads what was typed or linked.
    ///
    /// # Errors
    /// Where it is no number or option, or out of range; the error says what would be valid.
    pub fn parse(self, text: &str) -> Result<Value, Invalid> {
        let typed = || text.trim().to_owned();
        self.kind().parse(text).map_err(|why| match why {
            Malformed::Empty => Invalid::Empty(self),
            Malformed::NotANumber | Malformed::NotLayers => Invalid::NotANumber(self, typed()),
            Malformed::NotWhole => Invalid::NotWhole(self, typed()),
            Malformed::OutOfRange => Invalid::OutOfRange(self, typed()),
            Malformed::Unknown => Invalid::UnknownChoice(self, typed()),
        })
    }

    /// Lets a value pass that is of the field's kind and in its range.
    pub(super) fn admit(self, value: Value) -> Result<Value, Invalid> {
        self.kind()
            .admit(value)
            .ok_or_else(|| Invalid::OutOfRange(self, self.key_of(value)))
    }

    /// A value as links write it: short text that reads back as exactly this value.
    pub fn key_of(self, value: Value) -> String {
        self.kind().key_of(value)
    }

    /// A value as its text field shows it: counts exactly, reals to six digits.
    pub fn display(self, value: Value) -> String {
        self.kind().display(value)
    }

    /// The values its slider stops at, those left out that do not go with the rest of the scenario.
    pub fn stops(self, scenario: &Scenario) -> Vec<Value> {
        let Kind::Number(field) = self.kind() else {
            return Vec::new();
        };
        let mut stops = field.stops();
        if matches!(self, Self::Hidden | Self::Heads | Self::TensorParallel) {
            stops.retain(|stop| scenario.goes_with(self, *stop));
        }
        stops
    }

    /// Its slider in a scenario.
    pub fn slider(self, scenario: &Scenario) -> Slider {
        Slider::at(&self.stops(scenario), scenario.value(self))
    }
}
