//! The one list of what can be chosen: name, unit, range, scale and help of every field.

use super::detail::{DETAILS, SOFTWARE};
use super::{Detail, Invalid, Scenario};
use crate::field::{
    Choice, Kind, Malformed, Scale, Slider, Value, choice, count, decimal, length, optional,
    options,
};
use crate::flop::Convention;
use crate::hardware::ACCELERATORS;
use crate::model::{MODELS, Model, ModelField};
use crate::training::{GradientDtype, Optimizer, Precision, Recomputation};

choice!(
    /// How a scenario is estimated.
    Estimator {
        /// The textbook formulas, from a handful of numbers.
        RuleOfThumb "rule" "Rule of thumb",
        /// Counted from the architecture.
        Detailed "detailed" "Detailed",
    }
);

choice!(
    /// What is solved for when an outcome is fixed.
    Unknown {
        /// Training tokens.
        Tokens "tokens" "Tokens",
        /// Parameters of the model.
        Parameters "params" "Parameters",
        /// Number of GPUs.
        Gpus "gpus" "GPUs",
        /// Wall-clock days.
        Days "days" "Days",
        /// Model FLOP utilization.
        Mfu "mfu" "MFU",
        /// Money.
        Budget "budget" "Budget",
    }
);

/// Something a reader chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // Each says of itself what it is: `label`, `kind` and `help`.
pub enum Field {
    Estimator,
    Model,
    Architecture(ModelField),
    Convention,
    Parameters,
    Tokens,
    Gpus,
    Gpu,
    Memory,
    Peak,
    Power,
    Tflops,
    Mfu,
    Precision,
    Gradients,
    Optimizer,
    Recomputation,
    Sequence,
    MicroBatch,
    TensorParallel,
    Detail(Detail),
    Price,
    Pue,
    Grid,
    Deadline,
    Budget,
    Unknown,
}

/// The fields that are not the architecture's, before and after those that are.
const BEFORE: [Field; 2] = [Field::Estimator, Field::Model];
const AFTER: [Field; 23] = [
    Field::Convention,
    Field::Parameters,
    Field::Tokens,
    Field::Gpus,
    Field::Gpu,
    Field::Memory,
    Field::Peak,
    Field::Power,
    Field::Tflops,
    Field::Mfu,
    Field::Precision,
    Field::Gradients,
    Field::Optimizer,
    Field::Recomputation,
    Field::Sequence,
    Field::MicroBatch,
    Field::TensorParallel,
    Field::Price,
    Field::Pue,
    Field::Grid,
    Field::Deadline,
    Field::Budget,
    Field::Unknown,
];
const MODEL: usize = ModelField::ALL.len();
static FIELDS: [Field; Field::ALL.len()] = Field::ALL;

/// What links call a model that is in no catalogue.
pub(super) const OWN_MODEL: &str = "own";

/// The model that an option of [`Field::Model`] is; the first option is none of the catalogue's.
pub(crate) fn model_at(index: usize) -> Option<&'static Model> {
    MODELS.get(index.checked_sub(1)?)
}

/// The option that a model is.
pub(super) fn model_value(model: Option<&'static Model>) -> Value {
    let row = |model| MODELS.iter().position(|other| other == model);
    Value::Choice(model.and_then(row).map_or(0, |row| row + 1))
}

/// The three options that the rule of thumb knows; the others are the detailed estimator's.
fn of_the_rule<C: Choice>() -> Kind {
    let known = C::ALL.iter().take(3);
    Kind::Choice(known.map(|option| (option.key(), option.label())).collect())
}

impl Field {
    /// Hidden size, of both estimators.
    pub const HIDDEN: Self = Self::Architecture(ModelField::Hidden);
    /// Layers, of both estimators.
    pub const LAYERS: Self = Self::Architecture(ModelField::Layers);
    /// Attention heads, of both estimators.
    pub const HEADS: Self = Self::Architecture(ModelField::Heads);

    /// Every field, in the order of links: a model stands before the fields that change it.
    pub const ALL: [Self; BEFORE.len() + MODEL + AFTER.len() + DETAILS] = {
        let mut all = [Self::Estimator; BEFORE.len() + MODEL + AFTER.len() + DETAILS];
        let mut index = 0;
        while index < all.len() {
            all[index] = if index < BEFORE.len() {
                BEFORE[index]
            } else if index < BEFORE.len() + MODEL {
                Self::Architecture(ModelField::ALL[index - BEFORE.len()])
            } else if index < BEFORE.len() + MODEL + AFTER.len() {
                AFTER[index - BEFORE.len() - MODEL]
            } else {
                Self::Detail(Detail::ALL[index - BEFORE.len() - MODEL - AFTER.len()])
            };
            index += 1;
        }
        all
    };

    /// The architecture's fields.
    pub fn architecture() -> &'static [Self] {
        &FIELDS[BEFORE.len()..BEFORE.len() + MODEL]
    }

    /// The details that decide which tensors one GPU keeps.
    pub fn software() -> &'static [Self] {
        &FIELDS[FIELDS.len() - DETAILS..FIELDS.len() - DETAILS + SOFTWARE]
    }

    /// The details that decide how GPUs share the work, beside the tensor-parallel degree.
    pub fn layout() -> &'static [Self] {
        &FIELDS[FIELDS.len() - DETAILS + SOFTWARE..]
    }

    /// The fields that have a slider on the page.
    pub const SLIDERS: [Self; 20] = [
        Self::Parameters,
        Self::Tokens,
        Self::Gpus,
        Self::Tflops,
        Self::Mfu,
        Self::Sequence,
        Self::MicroBatch,
        Self::TensorParallel,
        Self::HIDDEN,
        Self::LAYERS,
        Self::HEADS,
        Self::Architecture(ModelField::KvHeads),
        Self::Architecture(ModelField::HeadDim),
        Self::Architecture(ModelField::FeedForward),
        Self::Architecture(ModelField::Vocabulary),
        Self::Architecture(ModelField::Experts),
        Self::Architecture(ModelField::ActiveExperts),
        Self::Architecture(ModelField::ExpertSize),
        Self::Architecture(ModelField::SharedSize),
        Self::Architecture(ModelField::Window),
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
            Self::Architecture(field) => (field.key(), field.label(), field.help()),
            Self::Detail(detail) => {
                let row = detail.row();
                (row.key, row.label, row.help)
            }
            Self::Estimator => (
                "est",
                "Estimator",
                "Textbook formulas, or counted from the architecture.",
            ),
            Self::Model => (
                "model",
                "Model",
                "A model of the catalogue, to change as you like, or your own.",
            ),
            Self::Convention => (
                "flop",
                "FLOP counted",
                "How training FLOP are counted. Under each convention the same run has another MFU.",
            ),
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
            Self::Memory => (
                "memory",
                "Usable memory",
                "Memory a program can use on your GPU, in GB; empty for the catalogue’s.",
            ),
            Self::Peak => (
                "peak",
                "Dense peak",
                "Your GPU’s dense peak at this precision, without sparsity; empty for the catalogue’s.",
            ),
            Self::Power => (
                "power",
                "Power",
                "Power of one GPU under load; empty for the catalogue’s TDP.",
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
            Self::TensorParallel => (
                "tp",
                "Tensor parallel",
                "GPUs that share one layer's matrices, t. They divide the heads.",
            ),
            Self::Price => (
                "price",
                "Price",
                "Dollars for one GPU for one hour; empty for the catalogue’s range.",
            ),
            Self::Pue => (
                "pue",
                "PUE",
                "Power usage effectiveness: the data centre’s power over its computers’.",
            ),
            Self::Grid => (
                "grid",
                "Grid intensity",
                "Grams of CO₂ the grid emits for one kWh.",
            ),
            Self::Deadline => (
                "deadline",
                "Deadline",
                "Days in which training must be done; empty for none.",
            ),
            Self::Budget => (
                "budget",
                "Budget",
                "Dollars that training may cost; empty for none.",
            ),
            Self::Unknown => ("solve", "Solve for", "What follows from the rest."),
        }
    }

    /// What kind of value it takes, with range or options.
    pub fn kind(self) -> Kind {
        match self {
            Self::Architecture(field) => field.kind(),
            Self::Detail(detail) => (detail.row().kind)(),
            Self::Estimator => options::<Estimator>(),
            Self::Model => {
                let own = std::iter::once((OWN_MODEL, "Own architecture"));
                let models = MODELS.iter().map(|model| (model.id, model.name));
                Kind::Choice(own.chain(models).collect())
            }
            Self::Convention => options::<Convention>(),
            Self::Parameters => count("", 1e6, 1e13, Scale::Decades),
            Self::Tokens => count("", 1e6, 1e15, Scale::Decades),
            Self::Gpus => count("", 1.0, 1e6, Scale::Doublings),
            Self::Gpu => Kind::Choice(ACCELERATORS.iter().map(|gpu| (gpu.id, gpu.name)).collect()),
            Self::Memory => optional("GB", 0.1, 1e5),
            Self::Peak => optional("TFLOP/s", 0.001, 1e6),
            Self::Power => optional("W", 1.0, 1e5),
            Self::Tflops => decimal("TFLOP/s", 0.001, 100_000.0, Scale::Decades),
            Self::Mfu => decimal("%", 0.001, 100.0, Scale::Even),
            Self::Precision => options::<Precision>(),
            Self::Gradients => options::<GradientDtype>(),
            Self::Optimizer => of_the_rule::<Optimizer>(),
            Self::Recomputation => options::<Recomputation>(),
            Self::Sequence => length("", 1.0, 16_777_216.0),
            Self::MicroBatch => count("", 1.0, 65_536.0, Scale::Doublings),
            Self::TensorParallel => count("", 1.0, 1_024.0, Scale::Whole),
            Self::Price => optional("$/h", 0.001, 1_000.0),
            Self::Pue => decimal("", 1.0, 3.0, Scale::Even),
            Self::Grid => decimal("g/kWh", 0.0, 2_000.0, Scale::Decades),
            Self::Deadline => optional("days", 0.01, 1e5),
            Self::Budget => optional("$", 1.0, 1e12),
            Self::Unknown => options::<Unknown>(),
        }
    }

    /// What would be valid, in words: `1 M to 10 T`, or the options' keys.
    pub fn valid(self) -> String {
        match self.kind() {
            Kind::Choice(options) if options.len() > 12 => {
                let keys: Vec<_> = options
                    .iter()
                    .filter(|(key, _)| *key != OWN_MODEL)
                    .take(3)
                    .map(|(key, _)| *key)
                    .collect();
                format!("one of {}, such as {}", options.len(), keys.join(", "))
            }
            kind => kind.valid(),
        }
    }

    /// Reads what was typed or linked.
    ///
    /// # Errors
    /// Where it is no value of this field, or out of range; the error says what would be valid.
    pub fn parse(self, text: &str) -> Result<Value, Invalid> {
        let typed = || text.trim().to_owned();
        self.kind().parse(text).map_err(|why| match why {
            Malformed::Empty => Invalid::Empty(self),
            Malformed::NotANumber => Invalid::NotANumber(self, typed()),
            Malformed::NotWhole => Invalid::NotWhole(self, typed()),
            Malformed::OutOfRange => Invalid::OutOfRange(self, typed()),
            Malformed::Unknown => Invalid::UnknownChoice(self, typed()),
            Malformed::NotLayers => Invalid::NotLayers(self, typed()),
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
        if matches!(
            self,
            Self::HIDDEN
                | Self::HEADS
                | Self::TensorParallel
                | Self::Architecture(ModelField::KvHeads)
        ) {
            stops.retain(|stop| scenario.goes_with(self, *stop));
        }
        stops
    }

    /// Its slider in a scenario.
    pub fn slider(self, scenario: &Scenario) -> Slider {
        Slider::at(&self.stops(scenario), scenario.value(self))
    }

    /// The place of one of its options.
    pub(super) fn option<C: Choice>(choice: C) -> Value {
        Value::Choice(choice.index())
    }
}
