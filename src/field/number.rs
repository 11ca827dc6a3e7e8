//! Numbers as people type them: `7B`, `1.4e12`, `6_738_415_616`, `4k`, `1,000`.

use super::Malformed;
use crate::units::{self, DIGITS};

/// A decimal number taken apart: `digits` × 10^`exponent` × `multiplier`.
struct Parts {
    negative: bool,
    /// Digits without leading zeros.
    digits: String,
    exponent: i64,
    multiplier: u64,
}

/// An exact whole number. `kilo` is what `k` stands for: 1,000, or 1,024 for lengths of 2^n.
pub(super) fn whole(text: &str, kilo: u64, unit: &str) -> Result<u64, Malformed> {
    let Parts {
        negative,
        mut digits,
        mut exponent,
        multiplier,
    } = take_apart(text, kilo, unit)?;
    while digits.ends_with('0') {
        digits.pop();
        exponent += 1;
    }
    if digits.is_empty() {
        return Ok(0);
    }
    if negative {
        return Err(Malformed::OutOfRange);
    }
    if digits.len() as i64 + exponent > 25 {
        return Err(Malformed::OutOfRange);
    }
    if digits.len() > 25 || exponent < -25 {
        return Err(Malformed::NotWhole);
    }
    let mantissa: u128 = digits.parse().map_err(|_| Malformed::NotANumber)?;
    let scaled = mantissa
        .checked_mul(u128::from(multiplier))
        .ok_or(Malformed::OutOfRange)?;
    let power = 10u128.pow(exponent.unsigned_abs() as u32);
    let value = if exponent >= 0 {
        scaled.checked_mul(power).ok_or(Malformed::OutOfRange)?
    } else if scaled.is_multiple_of(power) {
        scaled / power
    } else {
        return Err(Malformed::NotWhole);
    };
    u64::try_from(value).map_err(|_| Malformed::OutOfRange)
}

/// A real number, finite.
pub(crate) fn real(text: &str, unit: &str) -> Result<f64, Malformed> {
    let Parts {
        negative,
        digits,
        exponent,
        multiplier,
    } = take_apart(text, 1_000, unit)?;
    let value = scaled(&digits, exponent + i64::from(multiplier.ilog10()));
    match (value.is_finite(), negative && value != 0.0) {
        (false, _) => Err(Malformed::OutOfRange),
        (true, true) => Err(Malformed::OutOfRange),
        (true, false) => Ok(value),
    }
}

/// A real number to [`DIGITS`] digits, which is what fields keep: it is printed and read back unchanged.
pub(crate) fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let (mantissa, last) = units::digits_of(value.abs(), DIGITS);
    units::scaled(mantissa as f64, last).copysign(value)
}

/// `digits` × 10^`exponent`, the digits rounded to [`DIGITS`].
fn scaled(digits: &str, exponent: i64) -> f64 {
    let kept = digits.len().min(DIGITS);
    let mut mantissa: u64 = digits.get(..kept).unwrap_or_default().parse().unwrap_or(0);
    if digits
        .as_bytes()
        .get(kept)
        .is_some_and(|next| *next >= b'5')
    {
        mantissa += 1;
    }
    let exponent = exponent + (digits.len() - kept) as i64;
    units::scaled(mantissa as f64, exponent.clamp(-400, 400) as i32)
}

fn take_apart(text: &str, kilo: u64, unit: &str) -> Result<Parts, Malformed> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Malformed::Empty);
    }
    let text = strip_unit(text, unit);
    let (text, multiplier) = strip_suffix(text, kilo);
    let (negative, text) = match text.strip_prefix(['-', '−']) {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
        None => (text, 0),
    };
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let integer = ungrouped(integer)?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit())
        || (integer.is_empty() && fraction.is_empty())
    {
        return Err(Malformed::NotANumber);
    }
    let digits = format!("{integer}{fraction}")
        .trim_start_matches('0')
        .to_owned();
    let exponent = exponent - fraction.len() as i64;
    Ok(Parts {
        negative,
        digits,
        exponent,
        multiplier,
    })
}

/// An exponent, held to where the result is surely too large or too small.
fn exponent_of(text: &str) -> Result<i64, Malformed> {
    let digits = text.strip_prefix(['+', '-', '−']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed::NotANumber);
    }
    let magnitude = digits.parse().unwrap_or(i64::MAX).min(1_000_000);
    Ok(if text.starts_with(['-', '−']) {
        -magnitude
    } else {
        magnitude
    })
}

/// Takes out separators: `_` and spaces anywhere between digits, commas only before groups of three,
/// so that a decimal comma is refused and not read as a thousand times too much.
fn ungrouped(integer: &str) -> Result<String, Malformed> {
    let is_separator = |c: char| c == '_' || c == '\'' || c.is_whitespace();
    let groups: Vec<&str> = integer.split(',').collect();
    let digits_of = |group: &str| {
        group
            .chars()
            .filter(|c| !is_separator(*c))
            .collect::<String>()
    };
    let well_grouped = groups.len() == 1
        || (!digits_of(groups[0]).is_empty()
            && groups[1..].iter().all(|group| digits_of(group).len() == 3));
    let digits: String = groups.iter().map(|group| digits_of(group)).collect();
    let starts_well = !integer.starts_with(is_separator) && !integer.ends_with(is_separator);
    if well_grouped && starts_well && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(digits)
    } else {
        Err(Malformed::NotANumber)
    }
}

/// Takes off the field's own unit, so that `64 GPUs` and `40 TFLOP/s` are read.
fn strip_unit<'a>(text: &'a str, unit: &str) -> &'a str {
    match text.split_at_checked(text.len().saturating_sub(unit.len())) {
        Some((start, end)) if !unit.is_empty() && end.eq_ignore_ascii_case(unit) => {
            start.trim_end()
        }
        _ => text,
    }
}

/// Takes off `k`, `M`, `B` or `G`, `T`, `P`, in either case, and says what it multiplies by.
fn strip_suffix(text: &str, kilo: u64) -> (&str, u64) {
    let multiplier = match text.chars().last().map(|last| last.to_ascii_lowercase()) {
        Some('k') => kilo,
        Some('m') => 1_000_000,
        Some('b' | 'g') => 1_000_000_000,
        Some('t') => 1_000_000_000_000,
        Some('p') => 1_000_000_000_000_000,
        _ => return (text, 1),
    };
    (text[..text.len() - 1].trim_end(), multiplier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_type() {
        for (text, value) in [
            ("7B", 7_000_000_000),
            ("7 B", 7_000_000_000),
            ("15T", 15_000_000_000_000),
            ("1.4e12", 1_400_000_000_000),
            ("6_738_415_616", 6_738_415_616),
            ("6,738,415,616", 6_738_415_616),
            ("4k", 4_096),
            ("1.5k", 1_536),
            ("64 gpus", 64),
            ("+5", 5),
            ("1e3", 1_000),
            ("1500e-2", 15),
            ("0.007e3B", 7_000_000_000),
            ("-0", 0),
        ] {
            assert_eq!(whole(text, 1_024, "GPUs"), Ok(value), "{text}");
        }
        assert_eq!(whole("4k", 1_000, ""), Ok(4_000));
        assert_eq!(real("40", "TFLOP/s"), Ok(40.0));
        assert_eq!(real("39.5 TFLOP/s", "TFLOP/s"), Ok(39.5));
    }

    #[test]
    fn refuses_what_is_no_number() {
        for (text, why) in [
            ("", Malformed::Empty),
            ("  ", Malformed::Empty),
            ("seven", Malformed::NotANumber),
            ("NaN", Malformed::NotANumber),
            ("inf", Malformed::NotANumber),
            ("1,5", Malformed::NotANumber),
            ("1.2.3", Malformed::NotANumber),
            ("e5", Malformed::NotANumber),
            (".", Malformed::NotANumber),
            ("B", Malformed::NotANumber),
            ("-3", Malformed::OutOfRange),
            ("1.5", Malformed::NotWhole),
            ("1e-400", Malformed::NotWhole),
            ("1e400", Malformed::OutOfRange),
            ("1e99999999999999999999", Malformed::OutOfRange),
        ] {
            assert_eq!(whole(text, 1_000, "x"), Err(why), "{text}");
        }
        assert_eq!(real("1e400", ""), Err(Malformed::OutOfRange));
        assert_eq!(real("NaN", ""), Err(Malformed::NotANumber));
    }
}
