//! Why something that was typed, linked or chosen is not valid, as a sentence that says what would be.

use super::Field;
use std::fmt;

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
    /// Not layers of a model.
    NotLayers(Field, String),
    /// Two values that are valid only together: one has to divide the other.
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
    /// Two values that are valid only together: one may not exceed the other.
    Exceeds {
        /// The field that is too large.
        field: Field,
        /// Its value.
        value: u64,
        /// The field it may not exceed.
        limit: Field,
        /// The other's value.
        most: u64,
    },
    /// A field of a part that this model does not have.
    Absent(Field),
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
            | Self::NotLayers(field, _)
            | Self::Absent(field)
            | Self::Exceeds { field, .. }
            | Self::DoesNotDivide { divisor: field, .. } => *field,
        }
    }

    /// The fields it can be mended at.
    pub fn fields(&self) -> Vec<Field> {
        match self {
            Self::DoesNotDivide { divisor, of, .. } => vec![*divisor, *of],
            Self::Exceeds { field, limit, .. } => vec![*field, *limit],
            other => vec![other.field()],
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.field();
        let label = field.label();
        let (shown, why) = match self {
            Self::Empty(_) => {
                return write!(f, "{label} is empty; valid: {}", field.valid());
            }
            Self::Absent(_) => {
                return write!(f, "{label} does not apply: this model has no such part");
            }
            Self::DoesNotDivide {
                value, of, whole, ..
            } => return does_not_divide(f, label, *value, *of, *whole),
            Self::Exceeds {
                value, limit, most, ..
            } => {
                let limit = limit.label().to_ascii_lowercase();
                return write!(
                    f,
                    "{label} = {value} exceeds {limit} = {most}; valid: 1 to {most}"
                );
            }
            Self::NotANumber(_, text) => (format!("“{}”", shortened(text)), "is not a number"),
            Self::NotWhole(_, text) => (shortened(text), "is not a whole number"),
            Self::OutOfRange(_, text) => (shortened(text), "is out of range"),
            Self::UnknownChoice(_, text) => (format!("“{}”", shortened(text)), "is unknown"),
            Self::NotLayers(_, text) => (format!("“{}”", shortened(text)), "is no set of layers"),
        };
        write!(f, "{label} = {shown} {why}; valid: {}", field.valid())
    }
}

fn does_not_divide(
    f: &mut fmt::Formatter<'_>,
    divisor: &str,
    value: u64,
    of: Field,
    whole: u64,
) -> fmt::Result {
    let [below, above] = nearest_divisors(value, whole);
    let of = of.label().to_ascii_lowercase();
    write!(
        f,
        "{divisor} = {value} does not divide {of} = {whole}; nearest that do: {below}"
    )?;
    if below != above {
        write!(f, ", {above}")?;
    }
    let multiple = whole - whole % value;
    write!(f, "; or {of} = {}", multiple.max(value))?;
    if multiple > 0 {
        write!(f, ", {}", multiple + value)?;
    }
    Ok(())
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
