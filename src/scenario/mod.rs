//! Everything a reader chose. A [`Scenario`] that exists is valid, so no formula checks anything.

mod field;
mod preset;

pub use field::Field;
pub use preset::{PRESETS, Preset};

use crate::field::{self as values, Choice, Value};
use crate::hardware::{ACCELERATORS, Accelerator};
use crate::training::{GradientDtype, Optimizer, Precision, Recomputation};
use crate::units::FlopPerSecond;
use std::fmt;

/// How fast each GPU computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Achieved TFLOP/s, whatever the GPU.
    Tflops(f64),
    /// Model FLOP utilization: percent of the chosen GPU's dense peak for the chosen precision.
    MfuPercent(f64),
}

/// What stays as it is when a quantity of the converter is edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Compute, in whatever unit: parameters and tokens trade against each other.
    pub compute: bool,
    /// Training tokens.
    pub tokens: bool,
    /// Wall-clock days.
    pub days: bool,
    /// Number of GPUs.
    pub gpus: bool,
    /// Achieved rate of each GPU.
    pub rate: bool,
}

impl Held {
    /// What is held until the reader says otherwise: the cluster.
    pub const CLUSTER: Self = Self {
        compute: false,
        tokens: false,
        days: false,
        gpus: true,
        rate: true,
    };
}

/// A training run, as far as the rule of thumb knows it. Valid by construction: every value is in the
/// range its [`Field`] states, heads divide the hidden size, and tensor-parallel ranks divide heads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scenario {
    preset: &'static str,
    parameters: u64,
    tokens: u64,
    gpus: u64,
    gpu: &'static Accelerator,
    rate: Rate,
    precision: Precision,
    gradients: GradientDtype,
    optimizer: Optimizer,
    recomputation: Recomputation,
    sequence: u64,
    micro_batch: u64,
    hidden: u64,
    layers: u64,
    heads: u64,
    tensor_parallel: u64,
    held: Held,
}

impl Default for Scenario {
    fn default() -> Self {
        PRESETS[0].scenario
    }
}

impl Scenario {
    /// Id of the preset it started from.
    pub fn preset(&self) -> &'static str {
        self.preset
    }
    /// Parameters P.
    pub fn parameters(&self) -> u64 {
        self.parameters
    }
    /// Training tokens D.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }
    /// Number of GPUs n.
    pub fn gpus(&self) -> u64 {
        self.gpus
    }
    /// The GPU.
    pub fn gpu(&self) -> &'static Accelerator {
        self.gpu
    }
    /// Achieved rate as it was given.
    pub fn rate(&self) -> Rate {
        self.rate
    }
    /// Training precision.
    pub fn precision(&self) -> Precision {
        self.precision
    }
    /// Gradient dtype as chosen; see [`GradientDtype::bytes`] for what it comes to.
    pub fn gradients(&self) -> GradientDtype {
        self.gradients
    }
    /// Optimizer.
    pub fn optimizer(&self) -> Optimizer {
        self.optimizer
    }
    /// Activation recomputation.
    pub fn recomputation(&self) -> Recomputation {
        self.recomputation
    }
    /// Sequence length s, in tokens.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }
    /// Micro-batch b, in sequences per GPU.
    pub fn micro_batch(&self) -> u64 {
        self.micro_batch
    }
    /// Hidden size h.
    pub fn hidden(&self) -> u64 {
        self.hidden
    }
    /// Layers L.
    pub fn layers(&self) -> u64 {
        self.layers
    }
    /// Attention heads a.
    pub fn heads(&self) -> u64 {
        self.heads
    }
    /// Tensor-parallel degree t.
    pub fn tensor_parallel(&self) -> u64 {
        self.tensor_parallel
    }
    /// What the converter holds.
    pub fn held(&self) -> Held {
        self.held
    }

    /// The dense peak that a rate is a share of: the chosen GPU's, for the chosen precision.
    pub fn peak(&self) -> FlopPerSecond {
        self.gpu.peak(self.precision.arithmetic())
    }

    /// Achieved rate of one GPU.
    pub fn achieved(&self) -> FlopPerSecond {
        match self.rate {
            Rate::Tflops(tflops) => FlopPerSecond::from_tflops(tflops),
            Rate::MfuPercent(percent) => FlopPerSecond(self.peak().0 * percent / 100.0),
        }
    }

    /// Model FLOP utilization, in percent of [`Scenario::peak`]. Over 100 where the rate is impossible.
    pub fn mfu_percent(&self) -> f64 {
        match self.rate {
            Rate::MfuPercent(percent) => percent,
            Rate::Tflops(_) => 100.0 * self.achieved().0 / self.peak().0,
        }
    }

    /// Reads a real number as the fields do, with its unit or without.
    pub(crate) fn read_real(text: &str, unit: &str) -> Option<f64> {
        values::real(text, unit).ok()
    }

    /// This scenario, holding other things.
    pub fn holding(self, held: Held) -> Self {
        Self { held, ..self }
    }

    /// The value of a field.
    pub fn value(&self, field: Field) -> Value {
        match field {
            Field::Parameters => Value::Count(self.parameters),
            Field::Tokens => Value::Count(self.tokens),
            Field::Gpus => Value::Count(self.gpus),
            Field::Gpu => Value::Choice(position(ACCELERATORS, self.gpu)),
            Field::Tflops => Value::Real(match self.rate {
                // As given: a detour by FLOP/s would change the last digit.
                Rate::Tflops(tflops) => tflops,
                Rate::MfuPercent(_) => self.achieved().tflops(),
            }),
            Field::Mfu => Value::Real(self.mfu_percent()),
            Field::Precision => Value::Choice(self.precision.index()),
            Field::Gradients => Value::Choice(self.gradients.index()),
            Field::Optimizer => Value::Choice(self.optimizer.index()),
            Field::Recomputation => Value::Choice(self.recomputation.index()),
            Field::Sequence => Value::Count(self.sequence),
            Field::MicroBatch => Value::Count(self.micro_batch),
            Field::Hidden => Value::Count(self.hidden),
            Field::Layers => Value::Count(self.layers),
            Field::Heads => Value::Count(self.heads),
            Field::TensorParallel => Value::Count(self.tensor_parallel),
        }
    }

    /// This scenario with one field changed.
    ///
    /// # Errors
    /// Where the value is out of the field's range or does not go with the others.
    pub fn with(&self, field: Field, value: Value) -> Result<Self, Invalid> {
        self.with_all(&[(field, value)])
    }

    /// This scenario with several fields changed at once: some values are valid only together.
    ///
    /// # Errors
    /// Where a value is out of its field's range or the set does not go together.
    pub fn with_all(&self, changes: &[(Field, Value)]) -> Result<Self, Invalid> {
        let mut changed = *self;
        for &(field, value) in changes {
            changed.assign(field, field.admit(value)?);
        }
        changed.check_divisors()?;
        Ok(changed)
    }

    /// Whether a value of the field's range goes with the rest.
    pub(super) fn goes_with(&self, field: Field, value: Value) -> bool {
        let mut changed = *self;
        changed.assign(field, value);
        changed.check_divisors().is_ok()
    }

    fn assign(&mut self, field: Field, value: Value) {
        match (field, value) {
            (Field::Parameters, Value::Count(count)) => self.parameters = count,
            (Field::Tokens, Value::Count(count)) => self.tokens = count,
            (Field::Gpus, Value::Count(count)) => self.gpus = count,
            (Field::Sequence, Value::Count(count)) => self.sequence = count,
            (Field::MicroBatch, Value::Count(count)) => self.micro_batch = count,
            (Field::Hidden, Value::Count(count)) => self.hidden = count,
            (Field::Layers, Value::Count(count)) => self.layers = count,
            (Field::Heads, Value::Count(count)) => self.heads = count,
            (Field::TensorParallel, Value::Count(count)) => self.tensor_parallel = count,
            (Field::Tflops, Value::Real(tflops)) => self.rate = Rate::Tflops(tflops),
            (Field::Mfu, Value::Real(percent)) => self.rate = Rate::MfuPercent(percent),
            (Field::Gpu, Value::Choice(index)) => self.gpu = &ACCELERATORS[index],
            (Field::Precision, Value::Choice(index)) => self.precision = Precision::ALL[index],
            (Field::Gradients, Value::Choice(index)) => self.gradients = GradientDtype::ALL[index],
            (Field::Optimizer, Value::Choice(index)) => self.optimizer = Optimizer::ALL[index],
            (Field::Recomputation, Value::Choice(index)) => {
                self.recomputation = Recomputation::ALL[index]
            }
            // `Field::admit` returns the kind of value that the field takes.
            _ => {}
        }
    }

    /// The rule of thumb divides h by a and both by t; its bytes are whole only then.
    fn check_divisors(&self) -> Result<(), Invalid> {
        let pairs = [
            (Field::Heads, self.heads, Field::Hidden, self.hidden),
            (
                Field::TensorParallel,
                self.tensor_parallel,
                Field::Heads,
                self.heads,
            ),
        ];
        for (divisor, value, of, whole) in pairs {
            if !whole.is_multiple_of(value) {
                return Err(Invalid::DoesNotDivide {
                    divisor,
                    value,
                    of,
                    whole,
                });
            }
        }
        Ok(())
    }
}

fn position<T: PartialEq>(all: &[T], one: &T) -> usize {
    all.iter().position(|other| other == one).unwrap_or(0)
}

/// The divisors of `whole` on either side of `value`.
fn nearest_divisors(value: u64, whole: u64) -> [u64; 2] {
    let below = (1..=value.min(whole))
        .rev()
        .find(|d| whole.is_multiple_of(*d))
        .unwrap_or(1);
    let above = (value..=whole)
        .find(|d| whole.is_multiple_of(*d))
        .unwrap_or(whole);
    [below, above]
}

/// Why something that was typed, linked or chosen is not valid.
#[derive(Clone, Debug, PartialEq)]
pub enum Invalid {
    /// Nothing was typed.
    Empty(Field),
    /// Not a number at all.
    NotANumber(Field, String),
    /// A number, but not a whole one.
    NotWhole(Field, String),
    /// Outside the range the field states.
    OutOfRange(Field, String),
    /// Not among the field's options.
    UnknownChoice(Field, String),
    /// Two values that are valid only together.
    DoesNotDivide {
        /// The field that must divide the other.
        divisor: Field,
        /// Its value.
        value: u64,
        /// The field it must divide.
        of: Field,
        /// The other's value.
        whole: u64,
    },
}

impl Invalid {
    /// The field it is about.
    pub fn field(&self) -> Field {
        match self {
            Self::Empty(field)
            | Self::NotANumber(field, _)
            | Self::NotWhole(field, _)
            | Self::OutOfRange(field, _)
            | Self::UnknownChoice(field, _)
            | Self::DoesNotDivide { divisor: field, .. } => *field,
        }
    }

    /// The fields it can be mended at.
    pub fn fields(&self) -> Vec<Field> {
        match self {
            Self::DoesNotDivide { divisor, of, .. } => vec![*divisor, *of],
            other => vec![other.field()],
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty(field) => write!(f, "{} is empty; valid: {}", field.label(), field.valid()),
            Self::NotANumber(field, text) => {
                let (label, valid) = (field.label(), field.valid());
                write!(
                    f,
                    "{label} = “{}” is not a number; valid: {valid}",
                    shortened(text)
                )
            }
            Self::NotWhole(field, text) => {
                let (label, valid) = (field.label(), field.valid());
                write!(
                    f,
                    "{label} = {} is not a whole number; valid: {valid}",
                    shortened(text)
                )
            }
            Self::OutOfRange(field, text) => {
                let (label, valid) = (field.label(), field.valid());
                write!(
                    f,
                    "{label} = {} is out of range; valid: {valid}",
                    shortened(text)
                )
            }
            Self::UnknownChoice(field, text) => {
                let (label, valid) = (field.label(), field.valid());
                write!(
                    f,
                    "{label} = “{}” is unknown; valid: {valid}",
                    shortened(text)
                )
            }
            Self::DoesNotDivide {
                divisor,
                value,
                of,
                whole,
            } => {
                let [below, above] = nearest_divisors(*value, *whole);
                let (divisor, of) = (divisor.label(), of.label().to_ascii_lowercase());
                write!(
                    f,
                    "{divisor} = {value} does not divide {of} = {whole}; nearest that do: {below}"
                )?;
                if below != above {
                    write!(f, ", {above}")?;
                }
                let multiple = whole - whole % value;
                write!(f, "; or {of} = {}", multiple.max(*value))?;
                if multiple > 0 {
                    write!(f, ", {}", multiple + value)?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for Invalid {}

/// What was typed, at a length that fits a message.
pub(crate) fn shortened(text: &str) -> String {
    const LONGEST: usize = 32;
    if text.chars().count() <= LONGEST {
        text.to_owned()
    } else {
        text.chars().take(LONGEST).chain(['…']).collect()
    }
}
