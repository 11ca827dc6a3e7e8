//! A formula as a tree, printed for readers.

use super::{Number, Real, Symbol};
use crate::units;
use std::fmt::Write;
use std::ops::{Add, Div, Mul, Sub};

/// A formula with the values of its symbols.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// A number that stands in the formula, with its unit.
    Constant(u32, &'static str),
    /// A letter and its value.
    Symbol(&'static Symbol, f64),
    /// A sum of two.
    Sum(Box<Self>, Box<Self>),
    /// A difference of two.
    Difference(Box<Self>, Box<Self>),
    /// A product of two.
    Product(Box<Self>, Box<Self>),
    /// A fraction.
    Quotient(Box<Self>, Box<Self>),
    /// A base and its exponent.
    Power(Box<Self>, Box<Self>),
}

impl Number for Expression {
    fn constant(value: u32) -> Self {
        Self::Constant(value, "")
    }
    fn constant_in(value: u32, unit: &'static str) -> Self {
        Self::Constant(value, unit)
    }
    fn symbol(symbol: &'static Symbol, value: f64) -> Self {
        Self::Symbol(symbol, value)
    }
}

impl Add for Expression {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::Sum(Box::new(self), Box::new(other))
    }
}

impl Sub for Expression {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::Difference(Box::new(self), Box::new(other))
    }
}

impl Mul for Expression {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self::Product(Box::new(self), Box::new(other))
    }
}

impl Div for Expression {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        Self::Quotient(Box::new(self), Box::new(other))
    }
}

impl Real for Expression {
    fn power(self, exponent: Self) -> Self {
        Self::Power(Box::new(self), Box::new(exponent))
    }
}

/// What stands in a symbol's place.
#[derive(Clone, Copy, PartialEq)]
enum Reading {
    Letters,
    Values,
}

impl Expression {
    /// The formula in letters: `6·P·D`.
    pub fn in_letters(&self) -> String {
        self.text(Reading::Letters)
    }

    /// The formula with the values put in: `6 × 7 B × 140 B`.
    pub fn in_values(&self) -> String {
        self.text(Reading::Values)
    }

    /// The formula in letters, then with the values, as one MathML element.
    pub fn mathml(&self) -> String {
        let (letters, values) = (self.markup(Reading::Letters), self.markup(Reading::Values));
        format!("<math><mrow>{letters}<mo>=</mo>{values}</mrow></math>")
    }

    /// The letters in it with their values, each once, in alphabetical order.
    pub fn symbols(&self) -> Vec<(&'static Symbol, f64)> {
        let mut found: Vec<(&'static Symbol, f64)> = Vec::new();
        self.visit(&mut |symbol, value| {
            if let Err(place) = found.binary_search_by_key(&symbol.sign, |(known, _)| known.sign) {
                found.insert(place, (symbol, value));
            }
        });
        found
    }

    fn visit(&self, see: &mut impl FnMut(&'static Symbol, f64)) {
        match self {
            Self::Constant(..) => {}
            Self::Symbol(symbol, value) => see(symbol, *value),
            Self::Sum(left, right)
            | Self::Difference(left, right)
            | Self::Product(left, right)
            | Self::Quotient(left, right)
            | Self::Power(left, right) => {
                left.visit(see);
                right.visit(see);
            }
        }
    }

    fn text(&self, reading: Reading) -> String {
        let dot = if reading == Reading::Letters {
            "·"
        } else {
            " × "
        };
        match self {
            Self::Constant(value, "") => units::count(u64::from(*value)),
            Self::Constant(value, unit) => format!("{value} {unit}"),
            Self::Symbol(symbol, value) => match reading {
                Reading::Letters => symbol.sign.to_owned(),
                Reading::Values => units::number(*value),
            },
            Self::Sum(left, right) => format!("{} + {}", left.text(reading), right.text(reading)),
            Self::Difference(left, right) => {
                format!("{} − {}", left.text(reading), right.factor(reading))
            }
            Self::Product(left, right) => {
                format!("{}{dot}{}", left.factor(reading), right.factor(reading))
            }
            Self::Quotient(top, bottom) => {
                let divisor = match **bottom {
                    Self::Product(..) => format!("({})", bottom.text(reading)),
                    _ => bottom.factor(reading),
                };
                format!("{}/{divisor}", top.factor(reading))
            }
            Self::Power(base, exponent) => {
                format!("{}^{}", base.atom(reading), exponent.atom(reading))
            }
        }
    }

    /// As text inside a product or after a minus: a sum needs brackets there.
    fn factor(&self, reading: Reading) -> String {
        self.bracketed(
            reading,
            matches!(self, Self::Sum(..) | Self::Difference(..)),
        )
    }

    /// As text in a power: all but a number or a letter needs brackets there.
    fn atom(&self, reading: Reading) -> String {
        self.bracketed(
            reading,
            !matches!(self, Self::Constant(..) | Self::Symbol(..)),
        )
    }

    fn bracketed(&self, reading: Reading, brackets: bool) -> String {
        let text = self.text(reading);
        if brackets { format!("({text})") } else { text }
    }

    fn markup(&self, reading: Reading) -> String {
        match self {
            Self::Constant(value, unit) => {
                let mut text = format!("<mn>{}</mn>", units::count(u64::from(*value)));
                if !unit.is_empty() {
                    let _ = write!(text, "<mtext>&#xa0;{unit}</mtext>");
                }
                text
            }
            Self::Symbol(symbol, value) => match reading {
                Reading::Letters => match symbol.sign.split_once('_') {
                    Some((letter, index)) => {
                        format!("<msub><mi>{letter}</mi><mi>{index}</mi></msub>")
                    }
                    None => format!("<mi>{}</mi>", symbol.sign),
                },
                Reading::Values => format!("<mn>{}</mn>", units::number(*value)),
            },
            Self::Sum(left, right) => {
                format!(
                    "{}<mo>+</mo>{}",
                    left.markup(reading),
                    right.markup(reading)
                )
            }
            Self::Difference(left, right) => format!(
                "{}<mo>−</mo>{}",
                left.markup(reading),
                right.fenced(reading)
            ),
            Self::Product(left, right) => {
                let times = if reading == Reading::Letters {
                    "⋅"
                } else {
                    "×"
                };
                format!(
                    "{}<mo>{times}</mo>{}",
                    left.fenced(reading),
                    right.fenced(reading)
                )
            }
            Self::Quotient(top, bottom) => format!(
                "<mfrac><mrow>{}</mrow><mrow>{}</mrow></mfrac>",
                top.markup(reading),
                bottom.markup(reading)
            ),
            Self::Power(base, exponent) => {
                let brackets = !matches!(**base, Self::Constant(..) | Self::Symbol(..));
                format!(
                    "<msup>{}<mrow>{}</mrow></msup>",
                    base.in_fence(reading, brackets),
                    exponent.markup(reading)
                )
            }
        }
    }

    fn fenced(&self, reading: Reading) -> String {
        self.in_fence(
            reading,
            matches!(self, Self::Sum(..) | Self::Difference(..)),
        )
    }

    fn in_fence(&self, reading: Reading, brackets: bool) -> String {
        let markup = self.markup(reading);
        if brackets {
            format!("<mrow><mo>(</mo>{markup}<mo>)</mo></mrow>")
        } else {
            markup
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static A: Symbol = Symbol {
        sign: "a",
        meaning: "heads",
        unit: "",
    };
    static S: Symbol = Symbol {
        sign: "s",
        meaning: "sequence length",
        unit: "tokens",
    };

    fn formula<N: Number>() -> N {
        let (a, s) = (N::symbol(&A, 16.0), N::symbol(&S, 4096.0));
        N::constant(2)
            * s.clone()
            * (N::constant(10) + N::constant(5) * a.clone() * s / (a * N::constant(2)))
    }

    #[test]
    fn one_definition_two_readings() {
        assert_eq!(formula::<u128>(), 2 * 4096 * (10 + 5 * 16 * 4096 / 32));
        let expression = formula::<Expression>();
        assert_eq!(expression.in_letters(), "2·s·(10 + 5·a·s/(a·2))");
        assert_eq!(
            expression.in_values(),
            "2 × 4,096 × (10 + 5 × 16 × 4,096/(16 × 2))"
        );
        let symbols: Vec<_> = expression
            .symbols()
            .iter()
            .map(|(s, v)| (s.sign, *v))
            .collect();
        assert_eq!(symbols, [("a", 16.0), ("s", 4096.0)]);
        assert!(
            expression
                .mathml()
                .starts_with("<math><mrow><mn>2</mn><mo>⋅</mo><mi>s</mi>")
        );
    }

    #[test]
    fn differences_and_powers() {
        let (a, s) = (
            || Expression::symbol(&A, 16.0),
            || Expression::symbol(&S, 4096.0),
        );
        let n = Expression::constant;
        let text = |formula: Expression| formula.in_letters();
        assert_eq!(text(s() - (a() - n(1))), "s − (a − 1)");
        assert_eq!(text(n(6) * (s() - a() * n(2))), "6·(s − a·2)");
        assert_eq!(text((s() / n(6)).power(a())), "(s/6)^a");
        assert_eq!(text(n(1) / s().power(a())), "1/s^a");
        assert_eq!(
            s().power(a()).mathml(),
            "<math><mrow><msup><mi>s</mi><mrow><mi>a</mi></mrow></msup><mo>=</mo>\
             <msup><mn>4,096</mn><mrow><mn>16</mn></mrow></msup></mrow></math>"
        );
    }
}
