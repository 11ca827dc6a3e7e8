//! What a finished search says, as sentences and as the figures behind them.

use super::{Candidate, Reason, Recomputed, Search};
use crate::field::Choice;
use crate::layout::Sharding;
use crate::units::{grouped, significant};

/// Why the fastest layout beats the runner-up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// The fastest.
    pub best: Candidate,
    /// The runner-up.
    pub next: Candidate,
    /// What the fastest saves by each cause, seconds of a step; negative where it spends more.
    pub causes: [Difference; 11],
}

/// One cause's share of a difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The cause, as [`StepTime::causes`](super::StepTime::causes) names it.
    pub cause: &'static str,
    /// Seconds of a step that it saves.
    pub seconds: f64,
}

/// The layout that comes nearest where none fits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Miss {
    /// The layout, with every layer recomputed.
    pub nearest: Candidate,
    /// Bytes that there are.
    pub capacity: f64,
}

/// Combinations that cannot be, for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Why.
    pub reason: Reason,
    /// How many.
    pub count: u64,
}

impl Search {
    /// The fastest layout against the runner-up: the next that differs in a degree or the micro-batch, for one that has
    /// a chunk less teaches nothing; else the next of all. None where fewer than two fit.
    pub fn comparison(&self) -> Option<Comparison> {
        let (best, others) = self.best().split_first()?;
        let differs = |other: &&Candidate| degrees(other) != degrees(best);
        let next = others.iter().find(differs).or(others.first())?;
        let ours = self.step_time(best).causes();
        let theirs = self.step_time(next).causes();
        Some(Comparison {
            best: *best,
            next: *next,
            causes: std::array::from_fn(|index| Difference {
                cause: ours[index].0,
                seconds: theirs[index].1 - ours[index].1,
            }),
        })
    }

    /// By how much the nearest layout misses; none where some fit, or where none could be.
    pub fn miss(&self) -> Option<Miss> {
        if self.fitting() > 0 {
            return None;
        }
        self.nearest_miss().map(|nearest| Miss {
            nearest: *nearest,
            capacity: self.space().capacity,
        })
    }

    /// What cannot be and why, the most frequent reason first; reasons that did not come up are left out.
    pub fn rejections(&self) -> Vec<Rejection> {
        let mut all: Vec<Rejection> = self
            .rejected()
            .filter(|(_, count)| *count > 0)
            .map(|(reason, count)| Rejection { reason, count })
            .collect();
        all.sort_by_key(|one| std::cmp::Reverse(one.count));
        all
    }

    /// How many layouts were weighed and how many fit.
    pub fn sentence(&self) -> String {
        let gpus = match self.space().gpus {
            1 => String::from("1 GPU"),
            gpus => [&grouped(gpus.into()), " GPUs"].concat(),
        };
        match (self.counted(), self.fitting()) {
            (0, _) => ["There is no layout on ", &gpus, "."].concat(),
            (1, 0) => ["The one layout on ", &gpus, " does not fit."].concat(),
            (1, _) => ["The one layout on ", &gpus, " fits."].concat(),
            (counted, fitting) => {
                let counted = grouped(counted.into());
                let (fit, verb) = match fitting {
                    0 => (String::from("None"), "fits"),
                    1 => (String::from("1"), "fits"),
                    _ => (grouped(fitting.into()), "fit"),
                };
                [
                    &fit,
                    " of ",
                    &counted,
                    " layouts on ",
                    &gpus,
                    " ",
                    verb,
                    ".",
                ]
                .concat()
            }
        }
    }

    /// What the front of time against memory offers; none where it has one layout or none.
    pub fn front_sentence(&self) -> Option<String> {
        let (fastest, smallest) = (self.front().first()?, self.front().last()?);
        if self.front().len() < 2 {
            return None;
        }
        Some(
            [
                &grouped(self.front().len() as u128),
                " layouts are beaten by none in both time and memory, from ",
                &seconds(fastest.seconds),
                " a step in ",
                &gb(fastest.bytes),
                " to ",
                &seconds(smallest.seconds),
                " in ",
                &gb(smallest.bytes),
                ".",
            ]
            .concat(),
        )
    }
}

impl Comparison {
    /// Seconds of a step that the fastest saves.
    pub fn saved(&self) -> f64 {
        self.next.seconds - self.best.seconds
    }

    /// In one sentence: what differs, and what most of the difference is.
    pub fn sentence(&self) -> String {
        let (ours, theirs) = differing(&self.best, &self.next);
        let saved = self.saved();
        // Less than this nobody would measure.
        if saved <= NOTHING * self.best.seconds {
            let less = self.next.bytes - self.best.bytes;
            let smaller = if less > 0.0 {
                [" and takes ", &gb(less), " less memory"].concat()
            } else {
                String::new()
            };
            return [&ours, " is as fast as ", &theirs, &smaller, "."].concat();
        }
        let mut sentence = [
            &ours,
            " beats ",
            &theirs,
            " by ",
            &seconds(saved),
            " a step (",
            &significant(100.0 * saved / self.best.seconds, 2),
            "%): ",
        ]
        .concat();
        let extreme = |sign: f64| {
            let all = self.causes.iter().map(|one| Difference {
                seconds: sign * one.seconds,
                ..*one
            });
            all.max_by(|one, other| one.seconds.total_cmp(&other.seconds))
        };
        if let Some(most) = extreme(1.0) {
            sentence.push_str(&seconds(most.seconds));
            sentence.push_str(" less for ");
            sentence.push_str(&lower(most.cause));
        }
        if let Some(least) = extreme(-1.0).filter(|least| least.seconds > SHOWN * saved) {
            sentence.push_str(", though ");
            sentence.push_str(&seconds(least.seconds));
            sentence.push_str(" more for ");
            sentence.push_str(&lower(least.cause));
        }
        sentence.push('.');
        sentence
    }
}

/// Share of a step below which two layouts are as fast.
const NOTHING: f64 = 1e-6;

/// Share of a difference from which on what speaks against it is said.
const SHOWN: f64 = 0.1;

impl Miss {
    /// Bytes that are missing.
    pub fn short(&self) -> f64 {
        self.nearest.bytes - self.capacity
    }

    /// In one sentence.
    pub fn sentence(&self) -> String {
        [
            "The nearest, ",
            &words(&self.nearest),
            ", needs ",
            &gb(self.nearest.bytes),
            " with every layer recomputed, ",
            &gb(self.short()),
            " more than the ",
            &gb(self.capacity),
            " that there are.",
        ]
        .concat()
    }
}

impl Rejection {
    /// In one sentence.
    pub fn sentence(&self) -> String {
        let (count, verb) = match self.count {
            1 => (String::from("1 combination"), "was"),
            count => ([&grouped(count.into()), " combinations"].concat(), "were"),
        };
        [
            &count,
            " ",
            verb,
            " left out: ",
            self.reason.sentence(),
            ".",
        ]
        .concat()
    }
}

/// What makes a layout another one.
const fn degrees(candidate: &Candidate) -> [u64; 6] {
    let (shape, place) = (&candidate.shape, &candidate.place);
    [
        shape.tensor,
        shape.context,
        shape.expert,
        place.pipeline,
        place.data,
        shape.micro_batch,
    ]
}

/// A layout in words: what is not 1.
pub(super) fn words(candidate: &Candidate) -> String {
    let parts = parts(candidate);
    let all: Vec<&str> = parts
        .iter()
        .filter(|(_, plain)| !plain)
        .map(|(part, _)| part.as_str())
        .collect();
    all.join(", ")
}

/// Two layouts in words: what differs between them.
fn differing(one: &Candidate, other: &Candidate) -> (String, String) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for ((our, _), (their, _)) in parts(one).into_iter().zip(parts(other)) {
        if our != their {
            ours.push(our);
            theirs.push(their);
        }
    }
    let text = |parts: Vec<String>| {
        if parts.is_empty() {
            words(one)
        } else {
            parts.join(", ")
        }
    };
    (capital(&text(ours)), text(theirs))
}

/// What a layout consists of, each in words, and whether it goes without saying.
fn parts(candidate: &Candidate) -> [(String, bool); 9] {
    let (shape, place) = (&candidate.shape, &candidate.place);
    let degree = |name: &str, degree: u64| (with(name, degree), degree == 1);
    let recomputed = match (place.recomputed, place.recomputed_layers) {
        (Recomputed::Nothing, _) | (_, 0) => (String::from("nothing recomputed"), true),
        (Recomputed::Attention, _) => (String::from("attention recomputed"), false),
        (Recomputed::Layer, 1) => (String::from("1 layer a rank recomputed"), false),
        (Recomputed::Layer, u64::MAX) => (String::from("every layer recomputed"), true),
        (Recomputed::Layer, layers) => {
            let text = [&grouped(layers.into()), " layers a rank recomputed"];
            (text.concat(), false)
        }
    };
    let sharding = match place.sharding {
        Sharding::None => String::from("nothing shared"),
        Sharding::Distributed => String::from("distributed optimizer"),
        sharding => sharding.label().to_owned(),
    };
    [
        degree("tensor", shape.tensor),
        (
            String::from(if shape.sequence_parallel {
                "with sequence parallelism"
            } else {
                "without sequence parallelism"
            }),
            shape.tensor == 1,
        ),
        degree("context", shape.context),
        degree("expert", shape.expert),
        match place.chunks {
            1 => degree("pipeline", place.pipeline),
            chunks => (
                [
                    &with("pipeline", place.pipeline),
                    " in ",
                    &chunks.to_string(),
                    " chunks",
                ]
                .concat(),
                false,
            ),
        },
        degree("data", place.data),
        (sharding, place.data * shape.context == 1),
        (with("micro-batch", shape.micro_batch), false),
        recomputed,
    ]
}

fn with(name: &str, degree: u64) -> String {
    [name, " ", &grouped(degree.into())].concat()
}

fn capital(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// A cause inside a sentence.
fn lower(cause: &str) -> String {
    cause.to_ascii_lowercase()
}

/// A duration with its unit.
pub(super) fn seconds(value: f64) -> String {
    let (value, unit) = match value {
        value if value >= 1.0 => (value, " s"),
        value if value >= 1e-3 => (1e3 * value, " ms"),
        value => (1e6 * value, " µs"),
    };
    [&significant(value, 3), unit].concat()
}

/// Bytes in decimal gigabytes.
pub(super) fn gb(bytes: f64) -> String {
    [&significant(bytes / 1e9, 3), " GB"].concat()
}
