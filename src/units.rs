//! Quantities with their units, and how they are printed.
//!
//! Exact counts are integers; rates and times are floats. Everything printed here is finite.

use serde::Serialize;

/// Seconds in an hour.
pub const SECONDS_PER_HOUR: f64 = 3_600.0;
/// Seconds in a day.
pub const SECONDS_PER_DAY: f64 = 86_400.0;
/// FLOP in one PetaFLOP-day: 1e15 FLOP/s for 86,400 s (Brown et al. 2020, arXiv:2005.14165, Table D.1).
pub const FLOP_PER_PF_DAY: f64 = 8.64e19;
/// FLOP/s in one TFLOP/s.
pub const FLOP_PER_TFLOP: f64 = 1e12;

/// An exact number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Bytes(pub u128);

impl Bytes {
    /// Decimal gigabytes, 1 GB = 1e9 bytes.
    pub fn gb(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Binary gibibytes, 1 GiB = 2^30 bytes.
    pub fn gib(self) -> f64 {
        self.0 as f64 / f64::from(1u32 << 30)
    }
}

impl std::iter::Sum for Bytes {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        Bytes(parts.map(|part| part.0).sum())
    }
}

/// An exact number of floating-point operations; a multiply-accumulate counts as two.
/// 128 bits, because GPT-3's 3.14e23 does not fit in 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Flop(pub u128);

/// A rate of computation in FLOP per second.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
pub struct FlopPerSecond(pub f64);

impl FlopPerSecond {
    /// From TFLOP/s (1e12 FLOP/s).
    pub fn from_tflops(tflops: f64) -> Self {
        FlopPerSecond(tflops * FLOP_PER_TFLOP)
    }

    /// In TFLOP/s (1e12 FLOP/s).
    pub fn tflops(self) -> f64 {
        self.0 / FLOP_PER_TFLOP
    }
}

/// A rate of moving data in bytes per second.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
pub struct BytesPerSecond(pub f64);

impl BytesPerSecond {
    /// From GB/s (1e9 bytes per second).
    pub fn from_gb_s(gb_s: f64) -> Self {
        BytesPerSecond(gb_s * 1e9)
    }

    /// In GB/s (1e9 bytes per second).
    pub fn gb_s(self) -> f64 {
        self.0 / 1e9
    }
}

/// A duration in seconds.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
pub struct Seconds(pub f64);

impl Seconds {
    /// In hours.
    pub fn hours(self) -> f64 {
        self.0 / SECONDS_PER_HOUR
    }

    /// In days of 24 hours.
    pub fn days(self) -> f64 {
        self.0 / SECONDS_PER_DAY
    }
}

/// Groups digits by three: `4096` → `4,096`.
pub fn grouped(count: u128) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count as a reader would write it, losing nothing: `7 B`, `140 B`, `1.5 T`, `4,096`;
/// digits in full, `6,738,415,616`, where rounding to a suffix would change the value.
pub fn count(value: u64) -> String {
    const SUFFIXES: [(u64, &str); 3] = [
        (1_000_000_000_000, "T"),
        (1_000_000_000, "B"),
        (1_000_000, "M"),
    ];
    for (unit, suffix) in SUFFIXES {
        if value >= unit && value.is_multiple_of(unit / 1_000) {
            let thousandths = value / (unit / 1_000);
            let fraction = format!("{:03}", thousandths % 1_000);
            let fraction = fraction.trim_end_matches('0');
            let whole = grouped(u128::from(thousandths / 1_000));
            return if fraction.is_empty() {
                format!("{whole} {suffix}")
            } else {
                format!("{whole}.{fraction} {suffix}")
            };
        }
    }
    grouped(u128::from(value))
}

/// A real number with `digits` significant digits at least for its fraction: `68.1`, `40,833`, `0.0123`,
/// and `5.88e21` from 1e9 on or below 1e-4. The result never says NaN or infinity: those print as `–`.
pub fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let places = digits.clamp(1, DIGITS) - 1;
    let (mantissa, last) = digits_of(value.abs(), places + 1);
    let exponent = last + places as i32;
    let sign = if value < 0.0 { "−" } else { "" };
    if !(-4..9).contains(&exponent) {
        let mantissa = with_point(mantissa.into(), places);
        return format!("{sign}{}e{exponent}", trim_fraction(&mantissa));
    }
    match usize::try_from(-last) {
        Ok(decimals) => format!("{sign}{}", with_point(mantissa.into(), decimals)),
        Err(_) => decimal(value, 0),
    }
}

/// Significant digits that an `f64` always keeps, so that they are printed and read back unchanged.
pub(crate) const DIGITS: usize = 15;

/// A positive finite number as `digits` decimal digits, at most [`DIGITS`], and the power of ten of the last one.
///
/// Ours, because the standard formatter's big numbers and tables, exact to the last of 767 digits, are a twentieth of
/// the page's bytes.
pub(crate) fn digits_of(value: f64, digits: usize) -> (u64, i32) {
    let most = 10f64.powi(digits as i32);
    let mut last = value.log10().floor() as i32 + 1 - digits as i32;
    let mut mantissa = scaled(value, -last).round();
    // The logarithm is rounded, and so is what it scaled: 999.96 has one digit more to three digits.
    if mantissa >= most {
        last += 1;
        mantissa = scaled(value, -last).round();
    } else if mantissa * 10.0 < most {
        last -= 1;
        mantissa = scaled(value, -last).round();
    }
    (mantissa as u64, last)
}

/// `value` × 10^`exponent`. Exact to half a unit in the last place while the power is, within 10^±22 (Clinger 1990).
pub(crate) fn scaled(value: f64, exponent: i32) -> f64 {
    // In two steps where the power itself would be infinite.
    let near = exponent.clamp(-300, 300);
    let times = |value: f64, exponent: i32| match exponent {
        ..0 => value / 10f64.powi(-exponent),
        _ => value * 10f64.powi(exponent),
    };
    times(times(value, near), exponent - near)
}

/// Digits with a point before the last `decimals` of them, those before it grouped: (23515, 2) → `235.15`.
fn with_point(digits: u128, decimals: usize) -> String {
    let unit = 10u128.pow(decimals as u32);
    let whole = grouped(digits / unit);
    if decimals == 0 {
        whole
    } else {
        format!("{whole}.{:0decimals$}", digits % unit)
    }
}

/// As [`significant`], but without trailing zeros of the fraction: for text that is edited.
pub fn editable(value: f64, digits: usize) -> String {
    let text = significant(value, digits);
    if text.contains('e') {
        text
    } else {
        trim_fraction(&text).to_owned()
    }
}

/// A value of a formula: whole ones exactly, others to six digits.
pub fn number(value: f64) -> String {
    if value.fract() == 0.0 && (0.0..9e15).contains(&value) {
        count(value as u64)
    } else {
        editable(value, 6)
    }
}

/// A real number with a fixed number of decimals and grouped digits: `235.15`, `40,833`.
pub fn decimal(value: f64, decimals: usize) -> String {
    let sign = if value < 0.0 { "−" } else { "" };
    let digits = scaled(value.abs(), decimals as i32).round() as u128;
    format!("{sign}{}", with_point(digits, decimals))
}

/// A table's number: to hundredths, from a million on to five digits, so that a column's width is known.
pub fn hundredths(value: f64) -> String {
    if value < 1e6 {
        decimal(value, 2)
    } else {
        significant(value, 5)
    }
}

fn trim_fraction(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_a_reader_would_write() {
        for (value, text) in [
            (7_000_000_000, "7 B"),
            (140_000_000_000, "140 B"),
            (1_500_000_000_000, "1.5 T"),
            (6_738_415_616, "6,738,415,616"),
            (124_439_808, "124,439,808"),
            (4_096, "4,096"),
            (0, "0"),
        ] {
            assert_eq!(count(value), text);
        }
    }

    #[test]
    fn significant_digits() {
        for (value, text) in [
            (68.0555, "68.1"),
            (40_833.3, "40,833"),
            (5.88e21, "5.88e21"),
            (0.5, "0.500"),
            (0.0, "0"),
            (999.96, "1,000"),
            (f64::NAN, "–"),
            (f64::INFINITY, "–"),
            (1e-7, "1e-7"),
        ] {
            assert_eq!(significant(value, 3), text);
        }
        assert_eq!(editable(40.0, 6), "40");
        assert_eq!(decimal(235.149_459, 2), "235.15");
    }

    proptest::proptest! {
        /// As the standard library rounds, which is exact, but for ties.
        #[test]
        fn digits_are_the_standard_librarys(log in -30f64..40.0, digits in 1..=DIGITS) {
            let value = 10f64.powf(log);
            let (mantissa, last) = digits_of(value, digits);
            let standard = format!("{value:.*e}", digits - 1);
            let (standard, exponent) = standard.split_once('e').unwrap();
            let standard: u64 = standard.replace('.', "").parse().unwrap();
            let exponent = exponent.parse::<i32>().unwrap() + 1 - digits as i32;
            let distance = mantissa.abs_diff(standard);
            proptest::prop_assert!(
                exponent == last && (distance == 0 || distance == 1 && digits >= 14),
                "{}: {}e{}", value, mantissa, last
            );
        }
    }

    #[test]
    fn gb_and_gib() {
        assert_eq!(Bytes(235_149_459_456).gib(), 219.0);
        assert_eq!(Bytes(28_000_000_000).gb(), 28.0);
    }
}
