//! One definition of a formula, two readings.
//!
//! A formula is a function generic over [`Number`]. Read with a plain number (an integer or a [`Fraction`] where
//! it must be exact, `f64` for rates) it is the figure; read with an [`Expression`] it is the formula itself,
//! which prints with its symbols, with the reader's values put in, and as MathML.

mod expression;
mod fraction;

pub use expression::Expression;
pub use fraction::Fraction;
use std::ops::{Add, Div, Mul, Sub};

/// A letter of a formula.
#[derive(Debug, PartialEq)]
pub struct Symbol {
    /// How it is written, e.g. `s`.
    pub sign: &'static str,
    /// What it means, e.g. "sequence length".
    pub meaning: &'static str,
    /// Its unit, e.g. "tokens"; empty for a plain count.
    pub unit: &'static str,
}

/// Where a formula or a fact was published.
#[derive(Debug, PartialEq)]
pub struct Source {
    /// Authors, year, section or table.
    pub citation: &'static str,
    /// A permanent address; empty where there is none.
    pub url: &'static str,
}

/// What a formula is computed in: a plain number, or the formula itself.
pub trait Number:
    Clone + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// A number that stands in the formula.
    fn constant(value: u32) -> Self;
    /// A constant with its unit, e.g. "4 bytes".
    fn constant_in(value: u32, unit: &'static str) -> Self;
    /// A symbol and the value it has; inputs are below 2^53, so an integer passes through exactly.
    fn symbol(symbol: &'static Symbol, value: f64) -> Self;
}

impl Number for u64 {
    fn constant(value: u32) -> Self {
        Self::from(value)
    }
    fn constant_in(value: u32, _: &'static str) -> Self {
        Self::from(value)
    }
    fn symbol(_: &'static Symbol, value: f64) -> Self {
        value as u64
    }
}

impl Number for u128 {
    fn constant(value: u32) -> Self {
        Self::from(value)
    }
    fn constant_in(value: u32, _: &'static str) -> Self {
        Self::from(value)
    }
    fn symbol(_: &'static Symbol, value: f64) -> Self {
        value as u128
    }
}

impl Number for f64 {
    fn constant(value: u32) -> Self {
        Self::from(value)
    }
    fn constant_in(value: u32, _: &'static str) -> Self {
        Self::from(value)
    }
    fn symbol(_: &'static Symbol, value: f64) -> Self {
        value
    }
}

/// A number that can be raised to a power that is no integer, as scaling laws need.
pub trait Real: Number {
    /// The base to this exponent.
    fn power(self, exponent: Self) -> Self;
}

impl Real for f64 {
    fn power(self, exponent: Self) -> Self {
        self.powf(exponent)
    }
}
