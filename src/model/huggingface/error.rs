//! What can be wrong with a configuration, and what had to be assumed of one.

use super::TRANSFORMERS;
use crate::units;
use serde_json::Value;
use std::fmt;

/// Why a text or an object is no configuration of a decoder.
#[derive(Clone, Debug, PartialEq)]
pub enum ImportError {
    /// Longer than any configuration.
    TooLong {
        /// Its bytes.
        bytes: usize,
    },
    /// Not JSON.
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The byte of that line where reading stopped, from 1; 0 at its end.
        column: usize,
        /// What is wrong there.
        why: String,
    },
    /// JSON, but no object of fields.
    NotAnObject {
        /// What it is.
        value: String,
    },
    /// A field of another type than its class declares.
    WrongType {
        /// The field, with the objects around it.
        key: String,
        /// Its value.
        value: String,
        /// What would be valid.
        valid: &'static str,
    },
    /// A number that no model has.
    OutOfRange {
        /// The field, or what was computed of several.
        key: String,
        /// Its value.
        value: String,
        /// What would be valid.
        valid: String,
    },
    /// A field that has no default.
    Missing {
        /// Its name, or its names.
        key: String,
        /// The `model_type`.
        model_type: String,
    },
    /// Two numbers of which one has to divide the other.
    Indivisible {
        /// The field that divides, with its value.
        divisor: (String, u64),
        /// The field that is divided, with its value.
        of: (String, u64),
    },
    /// Two numbers of which one must not exceed the other.
    TooMany {
        /// The field that is too large, with its value.
        value: (String, u64),
        /// The field that limits it, with its value.
        most: (String, u64),
    },
    /// A list that has to have an item for each layer.
    WrongLength {
        /// The field.
        key: String,
        /// Its items.
        items: usize,
        /// The layers.
        layers: u64,
    },
    /// A model that is not a decoder alone.
    EncoderDecoder {
        /// The `model_type`.
        model_type: String,
    },
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => write!(
                f,
                "{} bytes are too long for a configuration, which is a config.json of under 1 MiB",
                units::grouped(*bytes as u128)
            ),
            Self::NotJson { line, column, why } => {
                write!(f, "not JSON: {why} (line {line}, column {column})")
            }
            Self::NotAnObject { value } => write!(
                f,
                "{value} is no configuration; valid: an object of fields such as {{\"model_type\": \"llama\", …}}"
            ),
            Self::WrongType { key, value, valid } => {
                write!(f, "`{key}` is {value}; valid: {valid}")
            }
            Self::OutOfRange { key, value, valid } => {
                write!(f, "`{key}` = {value} is out of range; valid: {valid}")
            }
            Self::Missing { key, model_type } if model_type.is_empty() => {
                write!(f, "{key} is missing, and so is a known `model_type`")
            }
            Self::Missing { key, model_type } => write!(
                f,
                "{key} is missing, and `model_type` {model_type} has no default for it"
            ),
            Self::Indivisible { divisor, of } => write!(
                f,
                "`{}` = {} does not divide `{}` = {}",
                divisor.0,
                units::grouped(divisor.1.into()),
                of.0,
                units::grouped(of.1.into())
            ),
            Self::TooMany { value, most } => write!(
                f,
                "`{}` = {} is more than `{}` = {}",
                value.0,
                units::grouped(value.1.into()),
                most.0,
                units::grouped(most.1.into())
            ),
            Self::WrongLength { key, items, layers } => write!(
                f,
                "`{key}` names {} layers, but the model has {}",
                units::grouped(*items as u128),
                units::grouped((*layers).into())
            ),
            Self::EncoderDecoder { model_type } => write!(
                f,
                "{model_type} has an encoder beside its decoder; only decoder-only models can be described"
            ),
        }
    }
}

impl std::error::Error for ImportError {}

/// What a configuration leaves open, says without effect, or has beyond a decoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A `model_type` whose code is not known.
    UnknownType {
        /// It, quoted; empty where there is none.
        model_type: String,
    },
    /// A field of an unknown type that the file lacks.
    Assumed {
        /// The field.
        key: &'static str,
        /// What is assumed instead.
        assumed: &'static str,
    },
    /// Something of an unknown type that configurations seldom say.
    Unsaid {
        /// What is assumed, and why.
        assumed: &'static str,
    },
    /// A field that the family's code does not use.
    Ignored {
        /// The field.
        key: &'static str,
        /// What the code does whatever it says.
        instead: &'static str,
    },
    /// An activation function or a kind of layer that is counted as another.
    CountedAs {
        /// The field.
        key: &'static str,
        /// Its value, quoted.
        value: String,
        /// What it is counted as.
        as_if: &'static str,
    },
    /// Only the text model of a larger model is described.
    TextModelOnly {
        /// The object that describes it.
        key: &'static str,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownType { model_type } if model_type.is_empty() => f.write_str(
                "The file names no `model_type`: its fields are read as a Llama-like decoder’s.",
            ),
            Self::UnknownType { model_type } => write!(
                f,
                "`model_type` {model_type} is not known: its fields are read as a Llama-like decoder’s."
            ),
            Self::Assumed { key, assumed } => write!(f, "`{key}` is missing: {assumed} assumed."),
            Self::Unsaid { assumed } => {
                write!(f, "Not said by the file, so assumed: {assumed}.")
            }
            Self::Ignored { key, instead } => write!(
                f,
                "`{key}` is ignored, as {TRANSFORMERS} ignores it: {instead}."
            ),
            Self::CountedAs { key, value, as_if } => {
                write!(f, "`{key}` {value} is counted as {as_if}.")
            }
            Self::TextModelOnly { key } => write!(
                f,
                "Only the text model, `{key}`, is described; a vision tower or other parts are left out."
            ),
        }
    }
}

/// The longest text of a value that a message repeats, in characters.
const SHOWN: usize = 40;

/// A value as messages show it: short, on one line, nothing in it but text.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(holds) => holds.to_string(),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(count), ..) => units::grouped(count.into()),
            (_, Some(count), _) => format!("−{}", units::grouped(count.unsigned_abs().into())),
            (.., Some(real)) => units::editable(real, 6),
            _ => "a number".to_owned(),
        },
        Value::String(text) => quoted(text),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// A text in quotes, its control characters as spaces, its end cut off where it is long.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("“");
    for (index, character) in text.chars().enumerate() {
        if index == SHOWN {
            quoted.push('…');
            break;
        }
        // Direction marks and other invisible ones could rearrange the sentence around them.
        let harmless = !character.is_control()
            && !matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
        quoted.push(if harmless { character } else { ' ' });
    }
    quoted.push('”');
    quoted
}
