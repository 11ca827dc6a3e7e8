//! Exact quotients, so that a formula can be written as its paper prints it and still give whole bytes.

use super::{Number, Symbol};
use std::ops::{Add, Div, Mul, Sub};

/// A fraction of whole numbers, not reduced: a formula's few operations on inputs below 2^40 stay far inside
/// 128 bits, and saturate beyond.
#[derive(Clone, Copy, Debug)]
pub struct Fraction {
    over: u128,
    under: u128,
}

impl Fraction {
    /// The whole number it is, rounded down where it is none.
    pub fn whole(self) -> u128 {
        self.over / self.under.max(1)
    }
}

impl From<u128> for Fraction {
    fn from(over: u128) -> Self {
        Self { over, under: 1 }
    }
}

impl Number for Fraction {
    fn constant(value: u32) -> Self {
        u128::from(value).into()
    }
    fn constant_in(value: u32, _: &'static str) -> Self {
        u128::from(value).into()
    }
    fn symbol(_: &'static Symbol, value: f64) -> Self {
        (value as u128).into()
    }
}

impl Add for Fraction {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        if self.under == other.under {
            return Self {
                over: self.over.saturating_add(other.over),
                under: self.under,
            };
        }
        let left = self.over.saturating_mul(other.under);
        let right = other.over.saturating_mul(self.under);
        Self {
            over: left.saturating_add(right),
            under: self.under.saturating_mul(other.under),
        }
    }
}

impl Sub for Fraction {
    type Output = Self;
    /// 0 where it would be below.
    fn sub(self, other: Self) -> Self {
        let left = self.over.saturating_mul(other.under);
        let right = other.over.saturating_mul(self.under);
        Self {
            over: left.saturating_sub(right),
            under: self.under.saturating_mul(other.under),
        }
    }
}

impl Mul for Fraction {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self {
            over: self.over.saturating_mul(other.over),
            under: self.under.saturating_mul(other.under),
        }
    }
}

impl Div for Fraction {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        Self {
            over: self.over.saturating_mul(other.under),
            under: self.under.saturating_mul(other.over),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirds_make_a_whole() {
        let third = || Fraction::constant(1) / Fraction::constant(3);
        let sum = third() + third() + third();
        assert_eq!((sum * Fraction::constant(7)).whole(), 7);
    }
}
