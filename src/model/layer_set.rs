//! A set of layers, for patterns such as "every second layer" or "all but the first three".

use std::fmt;
use std::str::FromStr;

/// The most layers an architecture may have.
pub const MAX_LAYERS: u64 = 1_024;
const WORDS: usize = (MAX_LAYERS / 64) as usize;

/// Layers of a model, counted from 0.
///
/// As text, runs with an optional step, joined by `+`: `3-60`, `1-47:2`, `0+5-9`; `none` is empty.
///
/// ```
/// use petaday::model::LayerSet;
/// let sparse: LayerSet = "3-60".parse().unwrap();
/// assert_eq!(sparse.count(), 58);
/// assert_eq!(LayerSet::every(2, 1, 6).to_string(), "1-5:2");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LayerSet([u64; WORDS]);

impl LayerSet {
    /// No layer.
    pub const NONE: Self = Self([0; WORDS]);

    /// Layers `first`, `first + step`, … below `layers`. A step of 0 is read as 1.
    pub const fn every(step: u64, first: u64, layers: u64) -> Self {
        let mut words = [0; WORDS];
        let mut layer = first;
        while layer < layers && layer < MAX_LAYERS {
            words[(layer / 64) as usize] |= 1 << (layer % 64);
            layer += if step == 0 { 1 } else { step };
        }
        Self(words)
    }

    /// All layers from `first` up to, not including, `layers`.
    pub const fn from(first: u64, layers: u64) -> Self {
        Self::every(1, first, layers)
    }

    /// This set and `layer`, where that is below [`MAX_LAYERS`].
    #[must_use]
    pub const fn with(mut self, layer: u64) -> Self {
        if layer < MAX_LAYERS {
            self.0[(layer / 64) as usize] |= 1 << (layer % 64);
        }
        self
    }

    /// The layers below `layers` that are not in this set.
    #[must_use]
    pub const fn complement(self, layers: u64) -> Self {
        let mut words = Self::from(0, layers).0;
        let mut index = 0;
        while index < WORDS {
            words[index] &= !self.0[index];
            index += 1;
        }
        Self(words)
    }

    /// The layers in both sets.
    #[must_use]
    pub const fn intersection(mut self, other: &Self) -> Self {
        let mut index = 0;
        while index < WORDS {
            self.0[index] &= other.0[index];
            index += 1;
        }
        self
    }

    /// Whether `layer` is in it.
    pub const fn contains(&self, layer: u64) -> bool {
        layer < MAX_LAYERS && self.0[(layer / 64) as usize] >> (layer % 64) & 1 == 1
    }

    /// How many layers are in it.
    pub const fn count(&self) -> u64 {
        let (mut count, mut index) = (0, 0);
        while index < WORDS {
            count += self.0[index].count_ones() as u64;
            index += 1;
        }
        count
    }

    /// Whether it is empty.
    pub const fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// The layers, in order.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        (0..MAX_LAYERS).filter(|layer| self.contains(*layer))
    }
}

impl fmt::Display for LayerSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layers: Vec<u64> = self.iter().collect();
        if layers.is_empty() {
            return f.write_str("none");
        }
        let mut start = 0;
        while start < layers.len() {
            // The longest run of even steps from here; a run of two is two layers.
            let step = layers.get(start + 1).map_or(1, |next| next - layers[start]);
            let mut end = start;
            while layers.get(end + 1) == Some(&(layers[end] + step)) {
                end += 1;
            }
            if end - start < 2 && step > 1 {
                end = start;
            }
            if start > 0 {
                f.write_str("+")?;
            }
            match (end - start, step) {
                (0, _) => write!(f, "{}", layers[start])?,
                (_, 1) => write!(f, "{}-{}", layers[start], layers[end])?,
                _ => write!(f, "{}-{}:{step}", layers[start], layers[end])?,
            }
            start = end + 1;
        }
        Ok(())
    }
}

impl fmt::Debug for LayerSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LayerSet({self})")
    }
}

/// Text that is no set of layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidLayerSet(String);

impl fmt::Display for InvalidLayerSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "“{}” is no set of layers; valid: none, or runs below {MAX_LAYERS} such as 3-60, 1-47:2, 0+5-9",
            self.0.chars().take(32).collect::<String>()
        )
    }
}

impl std::error::Error for InvalidLayerSet {}

impl FromStr for LayerSet {
    type Err = InvalidLayerSet;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self::NONE);
        }
        let invalid = || InvalidLayerSet(text.to_owned());
        let number = |digits: &str| match digits.parse::<u64>() {
            Ok(layer) if layer < MAX_LAYERS => Ok(layer),
            _ => Err(invalid()),
        };
        let mut set = Self::NONE;
        for run in text.split('+') {
            let (range, step) = run.split_once(':').unwrap_or((run, "1"));
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last, step) = (number(first)?, number(last)?, number(step)?);
            if first > last || step == 0 {
                return Err(invalid());
            }
            let mut layer = first;
            while layer <= last {
                set = set.with(layer);
                layer += step;
            }
        }
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for text in [
            "none",
            "0",
            "3-60",
            "1-47:2",
            "0+5-9",
            "0-1",
            "0+2",
            "1023",
            "0-3+5-9:2",
        ] {
            let set: LayerSet = text.parse().unwrap();
            assert_eq!(set.to_string(), text);
        }
        for text in ["", "x", "5-3", "0-9:0", "1024", "-1", "1-", "0++1"] {
            assert!(text.parse::<LayerSet>().is_err(), "{text}");
        }
    }

    #[test]
    fn sets() {
        let every_third = LayerSet::every(3, 2, 12);
        assert_eq!(every_third.iter().collect::<Vec<_>>(), [2, 5, 8, 11]);
        assert_eq!(every_third.complement(12).count(), 8);
        assert!(
            every_third
                .intersection(&every_third.complement(12))
                .is_empty()
        );
    }
}
