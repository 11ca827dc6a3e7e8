//! The one list of what can be chosen: name, unit, range, scale and help of every field.

use super::number::{self, Malformed};
use super::{Choice, GradientDtype, Invalid, Optimizer, Precision, Recomputation, Scenario};
use crate::hardware::ACCELERATORS;
use crate::units;

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

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// An exact count.
    Count(u64),
    /// A real number, finite.
    Real(f64),
    /// The place of an option among [`Field::options`].
    Choice(usize),
}

/// Where a slider stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Twenty round values in each decade.
    Decades,
    /// Powers of two and the halfway points between them.
    Doublings,
    /// Every divisor of something: every whole number, those that do not fit left out.
    Whole,
    /// Even steps of one.
    Even,
}

/// A field that is a number.
#[derive(Debug)]
pub struct NumberField {
    /// Unit as printed after the number; empty for a plain count.
    pub unit: &'static str,
    /// Smallest valid value.
    pub min: f64,
    /// Largest valid value.
    pub max: f64,
    /// Whether only whole numbers are valid.
    pub whole: bool,
    /// What `k` stands for when typed.
    pub kilo: u64,
    /// Where its slider stops.
    pub scale: Scale,
}

/// What kind of value a field takes.
#[derive(Debug)]
pub enum Kind {
    /// A number.
    Number(NumberField),
    /// One of a few options: (key in links, label).
    Choice(Vec<(&'static str, &'static str)>),
}

const fn count(unit: &'static str, min: f64, max: f64, scale: Scale) -> Kind {
    Kind::Number(NumberField {
        unit,
        min,
        max,
        whole: true,
        kilo: 1_000,
        scale,
    })
}

/// A length usually a power of two, where `4k` means 4,096.
const fn length(unit: &'static str, min: f64, max: f64) -> Kind {
    Kind::Number(NumberField {
        unit,
        min,
        max,
        whole: true,
        kilo: 1_024,
        scale: Scale::Doublings,
    })
}

const fn real(unit: &'static str, min: f64, max: f64, scale: Scale) -> Kind {
    Kind::Number(NumberField {
        unit,
        min,
        max,
        whole: false,
        kilo: 1_000,
        scale,
    })
}

fn options<C: Choice>() -> Kind {
    Kind::Choice(
        C::ALL
            .iter()
            .map(|option| (option.key(), option.label()))
            .collect(),
    )
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
            Self::Tflops => real("TFLOP/s", 0.001, 100_000.0, Scale::Decades),
            Self::Mfu => real("%", 0.001, 100.0, Scale::Even),
            Self::Sequence => length("", 1.0, 16_777_216.0),
            Self::MicroBatch => count("", 1.0, 65_536.0, Scale::Doublings),
            Self::Hidden => length("", 1.0, 131_072.0),
            Self::Layers => count("", 1.0, 1_000.0, Scale::Doublings),
            Self::Heads => count("", 1.0, 1_024.0, Scale::Whole),
            Self::TensorParallel => count("", 1.0, 1_024.0, Scale::Whole),
            Self::Gpu => Kind::Choice(ACCELERATORS.iter().map(|gpu| (gpu.id, gpu.name)).collect()),
            Self::Precision => options::<Precision>(),
            Self::Gradients => options::<GradientDtype>(),
            Self::Optimizer => options::<Optimizer>(),
            Self::Recomputation => options::<Recomputation>(),
        }
    }

    /// What would be valid, in words: `1 M to 10 T`, or the options' keys.
    pub fn valid(self) -> String {
        match self.kind() {
            Kind::Number(NumberField {
                unit,
                min,
                max,
                whole,
                ..
            }) => {
                let print = |value: f64| {
                    if whole {
                        units::count(value as u64)
                    } else {
                        units::editable(value, 6)
                    }
                };
                let unit = if unit.is_empty() {
                    String::new()
                } else {
                    format!(" {unit}")
                };
                format!("{} to {}{unit}", print(min), print(max))
            }
            Kind::Choice(options) => options
                .iter()
                .map(|(key, _)| *key)
                .collect::<Vec<_>>()
                .join(", "),
        }
    }

    /// Reads what was typed or linked.
    ///
    /// # Errors
    /// Where it is no number or option, or out of range; the error says what would be valid.
    pub fn parse(self, text: &str) -> Result<Value, Invalid> {
        let typed = || text.trim().to_owned();
        let value = match self.kind() {
            Kind::Choice(options) => options
                .iter()
                .position(|(key, _)| *key == text)
                .map(Value::Choice)
                .ok_or_else(|| Invalid::UnknownChoice(self, typed()))?,
            Kind::Number(field) => {
                let read = if field.whole {
                    number::whole(text, field.kilo, field.unit).map(Value::Count)
                } else {
                    number::real(text, field.unit).map(Value::Real)
                };
                read.map_err(|why| match why {
                    Malformed::Empty => Invalid::Empty(self),
                    Malformed::NotANumber => Invalid::NotANumber(self, typed()),
                    Malformed::NotWhole => Invalid::NotWhole(self, typed()),
                    Malformed::TooLarge | Malformed::Negative => Invalid::OutOfRange(self, typed()),
                })?
            }
        };
        self.admit(value).map_err(|why| match why {
            Invalid::OutOfRange(field, _) => Invalid::OutOfRange(field, typed()),
            other => other,
        })
    }

    /// Lets a value pass that is of the field's kind and in its range.
    pub(super) fn admit(self, value: Value) -> Result<Value, Invalid> {
        let admitted = match (self.kind(), value) {
            (Kind::Number(field), Value::Count(count)) => {
                field.whole && (field.min..=field.max).contains(&(count as f64))
            }
            (Kind::Number(field), Value::Real(real)) => {
                !field.whole && (field.min..=field.max).contains(&real)
            }
            (Kind::Choice(options), Value::Choice(index)) => index < options.len(),
            _ => false,
        };
        if admitted {
            Ok(match value {
                Value::Real(real) => Value::Real(number::rounded(real)),
                other => other,
            })
        } else {
            Err(Invalid::OutOfRange(self, self.key_of(value)))
        }
    }

    /// A value as links write it: short text that reads back as exactly this value.
    pub fn key_of(self, value: Value) -> String {
        match value {
            Value::Count(count) => units::count(count).replace([' ', ','], ""),
            Value::Real(real) => units::editable(real, units::DIGITS).replace(',', ""),
            Value::Choice(index) => match self.kind() {
                Kind::Choice(options) => options
                    .get(index)
                    .map_or_else(String::new, |(key, _)| (*key).to_owned()),
                Kind::Number(_) => String::new(),
            },
        }
    }

    /// A value as its text field shows it: counts exactly, reals to six digits.
    pub fn display(self, value: Value) -> String {
        match value {
            Value::Count(count) => units::count(count),
            Value::Real(real) => units::editable(real, 6),
            Value::Choice(_) => self.key_of(value),
        }
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
        let stops = self.stops(scenario);
        Slider {
            position: Self::nearest_stop(&stops, scenario.value(self)),
            last: stops.len().saturating_sub(1),
        }
    }

    /// The stop nearest to a value, for the slider's thumb; its text field shows the value itself.
    fn nearest_stop(stops: &[Value], value: Value) -> usize {
        let size = |value: &Value| match *value {
            Value::Count(count) => count as f64,
            Value::Real(real) => real,
            Value::Choice(index) => index as f64,
        };
        let target = size(&value);
        let above = stops
            .partition_point(|stop| size(stop) < target)
            .min(stops.len().saturating_sub(1));
        match above.checked_sub(1) {
            // Nearer by ratio: most sliders are logarithmic.
            Some(below) if target * target < size(&stops[below]) * size(&stops[above]) => below,
            _ => above,
        }
    }
}

/// Where a slider stands: at stop `position` of 0 to `last`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slider {
    /// The stop nearest to the value.
    pub position: usize,
    /// The last stop.
    pub last: usize,
}

impl Slider {
    /// The part of the track before the thumb, in percent.
    pub fn filled_percent(self) -> f64 {
        100.0 * self.position as f64 / self.last.max(1) as f64
    }
}

impl NumberField {
    /// Every stop of the slider, in order.
    fn stops(&self) -> Vec<Value> {
        let values: Vec<f64> = match self.scale {
            Scale::Decades => decades(self.min, self.max),
            Scale::Doublings => (0..=40)
                .flat_map(|power| halves(2f64.powi(power)))
                .collect(),
            Scale::Whole | Scale::Even => (1..=self.max as u32).map(f64::from).collect(),
        };
        let within = values
            .into_iter()
            .filter(|value| (self.min..=self.max).contains(value));
        if self.whole {
            within.map(|value| Value::Count(value as u64)).collect()
        } else {
            within.map(Value::Real).collect()
        }
    }
}

/// A power of two and the point halfway to the next, where that is whole.
fn halves(power: f64) -> impl Iterator<Item = f64> {
    [Some(power), (power > 1.0).then_some(power * 1.5)]
        .into_iter()
        .flatten()
}

/// Twenty round values in each decade, nearly even on a log scale.
fn decades(min: f64, max: f64) -> Vec<f64> {
    const TENTHS: [u32; 20] = [
        10, 11, 12, 14, 16, 18, 20, 22, 25, 28, 30, 35, 40, 45, 50, 55, 60, 70, 80, 90,
    ];
    let (from, to) = (min.log10().floor() as i32, max.log10().ceil() as i32);
    (from..=to)
        .flat_map(|decade| {
            TENTHS.map(|tenths| {
                // Divided where the decade is below one: 4.5 / 100 is the nearest float to 0.045.
                let power = 10f64.powi((decade - 1).abs());
                if decade >= 1 {
                    f64::from(tenths) * power
                } else {
                    f64::from(tenths) / power
                }
            })
        })
        .collect()
}
