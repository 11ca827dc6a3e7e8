//! A set of layers, for patterns such as "every second layer" or "all but the first three".

use std::fmt;
use std::str::FromStr;

/// The most layers an architecture may have.
pub const MAX_LAYERS: u64 = 1_024;
const WORDS: usize = (MAX_LAYERS / 64) as usize;

/// Layers of a model, counted from 0.
///
/// A pattern without an end, such as "all from the third on", holds for a model of any depth: it is counted below the
/// model's number of layers.
///
/// As text, runs with an optional step, joined by `+`: `3-60`, `1-47:2`, `0+5-9`; `3-` has no end, `none` is empty, and
/// `but5-:6` is all but these.
///
/// ```
/// use petaday::field::LayerSet;
/// let sparse: LayerSet = "3-60".parse().unwrap();
/// assert_eq!(sparse.count_below(80), 58);
/// assert_eq!(LayerSet::every(2, 1).to_string(), "1-:2");
/// assert_eq!(LayerSet::every(2, 1).count_below(6), 3);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LayerSet([u64; WORDS]);

/// The bits of a word that stand for the first `layers` layers.
const fn mask(layers: u64, word: usize) -> u64 {
    match layers.saturating_sub(word as u64 * 64) {
        rest @ 0..64 => (1 << rest) - 1,
        _ => u64::MAX,
    }
}

impl LayerSet {
    /// No layer.
    pub const NONE: Self = Self([0; WORDS]);

    /// Every layer.
    pub const ALL: Self = Self([u64::MAX; WORDS]);

    /// Layers `first`, `first + step`, … without end. A step of 0 is read as 1.
    pub const fn every(step: u64, first: u64) -> Self {
        let mut words = [0; WORDS];
        let mut layer = first;
        while layer < MAX_LAYERS {
            words[(layer / 64) as usize] |= 1 << (layer % 64);
            layer += if step == 0 { 1 } else { step };
        }
        Self(words)
    }

    /// All layers from `first` on.
    pub const fn from(first: u64) -> Self {
        Self::every(1, first)
    }

    /// The first `layers` layers.
    pub const fn below(layers: u64) -> Self {
        let (mut words, mut index) = ([0; WORDS], 0);
        while index < WORDS {
            words[index] = mask(layers, index);
            index += 1;
        }
        Self(words)
    }

    /// The layers for which `flags` say so; where they follow a pattern, without end: a first layer and a step, or a
    /// period.
    pub fn of_flags(flags: &[bool]) -> Self {
        let count = (flags.len() as u64).min(MAX_LAYERS);
        let mut exact = Self::NONE;
        for layer in 0..count {
            if flags[layer as usize] {
                exact = exact.with(layer);
            }
        }
        let matches = |pattern: &Self| {
            (0..count).all(|layer| pattern.contains(layer) == exact.contains(layer))
        };
        let from = (0..count).map(Self::from);
        let steps =
            (2..=count / 2).flat_map(|step| (0..count).map(move |first| Self::every(step, first)));
        let gaps = (2..=count / 2)
            .flat_map(|step| (0..step).map(move |first| Self::every(step, first).complement()));
        from.chain(steps)
            .chain(gaps)
            .find(|pattern| matches(pattern))
            .unwrap_or(exact)
    }

    /// This set and `layer`, where that is below [`MAX_LAYERS`].
    #[must_use]
    pub const fn with(mut self, layer: u64) -> Self {
        if layer < MAX_LAYERS {
            self.0[(layer / 64) as usize] |= 1 << (layer % 64);
        }
        self
    }

    /// The layers that are not in this set.
    #[must_use]
    pub const fn complement(self) -> Self {
        let mut words = [0; WORDS];
        let mut index = 0;
        while index < WORDS {
            words[index] = !self.0[index];
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

    /// How many of a model's layers are in it.
    pub const fn count_below(&self, layers: u64) -> u64 {
        let (mut count, mut index) = (0, 0);
        while index < WORDS && (index as u64) * 64 < layers {
            count += (self.0[index] & mask(layers, index)).count_ones() as u64;
            index += 1;
        }
        count
    }

    /// The first layer in it.
    pub const fn first(&self) -> Option<u64> {
        let mut index = 0;
        while index < WORDS {
            if self.0[index] != 0 {
                return Some(index as u64 * 64 + self.0[index].trailing_zeros() as u64);
            }
            index += 1;
        }
        None
    }

    /// The last of a model's layers that is in it.
    pub const fn last_below(&self, layers: u64) -> Option<u64> {
        let mut index = if layers < MAX_LAYERS {
            layers.div_ceil(64) as usize
        } else {
            WORDS
        };
        while index > 0 {
            index -= 1;
            let word = self.0[index] & mask(layers, index);
            if word != 0 {
                return Some(index as u64 * 64 + 63 - word.leading_zeros() as u64);
            }
        }
        None
    }

    /// Whether it is empty.
    pub const fn is_empty(&self) -> bool {
        self.first().is_none()
    }

    /// The layers, in order.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        (0..MAX_LAYERS).filter(|layer| self.contains(*layer))
    }
}

impl LayerSet {
    /// The longest runs of even steps, in order; a run of two uneven layers is two runs.
    fn runs(&self) -> Vec<String> {
        let layers: Vec<u64> = self.iter().collect();
        let mut runs = Vec::new();
        let mut start = 0;
        while start < layers.len() {
            let step = layers.get(start + 1).map_or(1, |next| next - layers[start]);
            let mut end = start;
            while layers.get(end + 1) == Some(&(layers[end] + step)) {
                end += 1;
            }
            if end - start < 2 && step > 1 {
                end = start;
            }
            let (first, last) = (layers[start], layers[end]);
            let endless = end > start && last + step >= MAX_LAYERS;
            runs.push(match (end - start, step) {
                (0, _) => format!("{first}"),
                (_, 1) if endless => format!("{first}-"),
                (_, 1) => format!("{first}-{last}"),
                _ if endless => format!("{first}-:{step}"),
                _ => format!("{first}-{last}:{step}"),
            });
            start = end + 1;
        }
        runs
    }
}

impl fmt::Display for LayerSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.runs();
        match runs.len() {
            0 => f.write_str("none"),
            1..=4 => f.write_str(&runs.join("+")),
            many => {
                let left_out = self.complement().runs();
                if left_out.len() < many {
                    write!(f, "but{}", left_out.join("+"))
                } else {
                    f.write_str(&runs.join("+"))
                }
            }
        }
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
            "“{}” is no set of layers; valid: none, or runs below {MAX_LAYERS} such as 3-60, 1-47:2, 0+5-",
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
        if let Some(left_out) = text.strip_prefix("but") {
            return left_out.parse::<Self>().map(Self::complement);
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
            let last = if last.is_empty() {
                MAX_LAYERS - 1
            } else {
                number(last)?
            };
            let (first, step) = (number(first)?, number(step)?);
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
            "3-",
            "0-",
            "1-:2",
            "0-2+5-:6",
            "but5-:6",
        ] {
            let set: LayerSet = text.parse().unwrap();
            assert_eq!(set.to_string(), text);
        }
        for text in ["", "x", "5-3", "0-9:0", "1024", "-1", "-", "1--", "0++1"] {
            assert!(text.parse::<LayerSet>().is_err(), "{text}");
        }
    }

    #[test]
    fn sets() {
        let every_third = LayerSet::every(3, 2);
        assert_eq!(
            every_third.iter().take(4).collect::<Vec<_>>(),
            [2, 5, 8, 11]
        );
        assert_eq!(every_third.complement().count_below(12), 8);
        assert_eq!(every_third.first(), Some(2));
        assert_eq!(LayerSet::from(1_000).first(), Some(1_000));
        for (layers, last) in [(0, None), (2, None), (3, Some(2)), (70, Some(68))] {
            assert_eq!(every_third.last_below(layers), last);
            assert_eq!(LayerSet::below(layers).iter().count() as u64, layers);
        }
        assert_eq!(every_third.last_below(5_000), Some(1_022));
        assert_eq!(LayerSet::below(5_000), LayerSet::ALL);
        assert_eq!(
            (LayerSet::NONE.first(), LayerSet::NONE.last_below(64)),
            (None, None)
        );
        assert!(
            every_third
                .intersection(&every_third.complement())
                .is_empty()
        );
    }

    #[test]
    fn patterns_have_no_end() {
        let pattern = |flags: &str| {
            let flags: Vec<_> = flags.chars().map(|flag| flag == '1').collect();
            LayerSet::of_flags(&flags).to_string()
        };
        assert_eq!(pattern("000111"), "3-");
        assert_eq!(pattern("111111"), "0-");
        assert_eq!(pattern("010101"), "1-:2");
        assert_eq!(pattern("100000"), "0");
        assert_eq!(pattern("000000"), "none");
        assert_eq!(
            LayerSet::of_flags(&[true, true, false, true, true, false]).count_below(9),
            6
        );
    }
}
