//! What a reader can choose, whatever it is of: kinds of values, how they are typed, linked and shown.
//!
//! [`crate::model::ModelField`] and [`crate::scenario::Field`] are the two lists of fields made of it.

mod choice;
mod layer_set;
mod number;
mod slider;

pub(crate) use choice::choice;
pub use choice::{Choice, options};
pub use layer_set::{InvalidLayerSet, LayerSet, MAX_LAYERS};
pub(crate) use number::{real, rounded};
pub use slider::Slider;

use crate::units;

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// An exact count.
    Count(u64),
    /// A real number, finite.
    Real(f64),
    /// The place of an option among those of [`Kind::Choice`].
    Choice(usize),
    /// Layers of a model.
    Layers(LayerSet),
    /// Nothing chosen, where the field may stay empty.
    Unset,
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
    /// Whether it may stay empty.
    pub optional: bool,
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
    /// A set of layers.
    Layers,
}

/// A count, such as heads.
pub(crate) const fn count(unit: &'static str, min: f64, max: f64, scale: Scale) -> Kind {
    Kind::Number(NumberField {
        unit,
        min,
        max,
        whole: true,
        kilo: 1_000,
        optional: false,
        scale,
    })
}

/// A length usually a power of two, where `4k` means 4,096.
pub(crate) const fn length(unit: &'static str, min: f64, max: f64) -> Kind {
    Kind::Number(NumberField {
        unit,
        min,
        max,
        whole: true,
        kilo: 1_024,
        optional: false,
        scale: Scale::Doublings,
    })
}

/// A real number.
pub(crate) const fn decimal(unit: &'static str, min: f64, max: f64, scale: Scale) -> Kind {
    Kind::Number(NumberField {
        unit,
        min,
        max,
        whole: false,
        kilo: 1_000,
        optional: false,
        scale,
    })
}

/// A real number that may stay empty.
pub(crate) const fn optional(unit: &'static str, min: f64, max: f64) -> Kind {
    Kind::Number(NumberField {
        unit,
        min,
        max,
        whole: false,
        kilo: 1_000,
        optional: true,
        scale: Scale::Decades,
    })
}

/// Yes or no.
pub(crate) fn yes_or_no() -> Kind {
    Kind::Choice(vec![("no", "No"), ("yes", "Yes")])
}

/// What can be wrong with a text, whatever the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Nothing there.
    Empty,
    /// Not a number at all.
    NotANumber,
    /// A number, but not a whole one.
    NotWhole,
    /// Outside the field's range.
    OutOfRange,
    /// None of the field's options.
    Unknown,
    /// No set of layers.
    NotLayers,
}

impl Kind {
    /// Reads what was typed or linked.
    ///
    /// # Errors
    /// Where it is no value of this kind, or out of range.
    pub fn parse(&self, text: &str) -> Result<Value, Malformed> {
        let value = match self {
            Self::Choice(options) => options
                .iter()
                .position(|(key, _)| *key == text)
                .map(Value::Choice)
                .ok_or(Malformed::Unknown)?,
            Self::Number(field) if field.optional && text.trim().is_empty() => Value::Unset,
            Self::Number(field) if field.whole => {
                Value::Count(number::whole(text, field.kilo, field.unit)?)
            }
            Self::Number(field) => Value::Real(number::real(text, field.unit)?),
            Self::Layers => Value::Layers(text.parse().map_err(|_| Malformed::NotLayers)?),
        };
        self.admit(value).ok_or(Malformed::OutOfRange)
    }

    /// Lets a value pass that is of this kind and in its range; real numbers to the digits that links keep.
    pub fn admit(&self, value: Value) -> Option<Value> {
        match (self, value) {
            (Self::Number(field), Value::Count(count)) => {
                (field.whole && (field.min..=field.max).contains(&(count as f64))).then_some(value)
            }
            (Self::Number(field), Value::Real(real)) => (!field.whole
                && (field.min..=field.max).contains(&real))
            .then(|| Value::Real(rounded(real))),
            (Self::Choice(options), Value::Choice(index)) => {
                (index < options.len()).then_some(value)
            }
            (Self::Layers, Value::Layers(_)) => Some(value),
            (Self::Number(field), Value::Unset) => field.optional.then_some(value),
            _ => None,
        }
    }

    /// What would be valid, in words: `1 M to 10 T`, or the options' keys, of a catalogue the first few.
    pub fn valid(&self) -> String {
        match self {
            Self::Number(NumberField {
                unit,
                min,
                max,
                whole,
                optional,
                ..
            }) => {
                let empty = if *optional { ", or empty" } else { "" };
                let print = |value: f64| {
                    if *whole {
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
                format!("{} to {}{unit}{empty}", print(*min), print(*max))
            }
            Self::Choice(options) => {
                const SHOWN: usize = 20;
                let keys: Vec<_> = options.iter().take(SHOWN).map(|(key, _)| *key).collect();
                let keys = keys.join(", ");
                if options.len() > SHOWN {
                    format!("{keys}, … ({} in all)", options.len())
                } else {
                    keys
                }
            }
            Self::Layers => "none, or layers from 0 such as 3-60, 1-47:2, 0+5-".to_owned(),
        }
    }

    /// A value as links write it: short text that reads back as exactly this value.
    pub fn key_of(&self, value: Value) -> String {
        match (self, value) {
            (_, Value::Count(count)) => units::count(count).replace([' ', ','], ""),
            (_, Value::Real(real)) => units::editable(real, units::DIGITS).replace(',', ""),
            (Self::Choice(options), Value::Choice(index)) => options
                .get(index)
                .map_or_else(String::new, |(key, _)| (*key).to_owned()),
            (_, Value::Layers(layers)) => layers.to_string(),
            (_, Value::Choice(_) | Value::Unset) => String::new(),
        }
    }

    /// A value as its text field shows it: counts exactly, reals to six digits.
    pub fn display(&self, value: Value) -> String {
        match value {
            Value::Count(count) => units::count(count),
            Value::Real(real) => units::editable(real, 6),
            Value::Choice(_) | Value::Layers(_) | Value::Unset => self.key_of(value),
        }
    }
}
