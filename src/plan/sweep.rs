//! Time, memory and cost against one input, with the best layout at each of its values.

use super::{Candidate, Question, Search};
use crate::cost::dollars;
use crate::units::{SECONDS_PER_HOUR, Seconds};

/// The input that is varied, all else as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swept {
    /// Accelerators.
    Gpus,
    /// Tokens of a sequence.
    Sequence,
    /// Sequences of a micro-batch; in a question it is searched unless it is given.
    MicroBatch,
    /// Sequences of a step.
    GlobalBatch,
    /// Layers of the model, and with them its parameters.
    Layers,
}

impl Swept {
    /// The question with this input so large.
    pub const fn at(self, question: &Question, value: u64) -> Question {
        let mut changed = *question;
        match self {
            Self::Gpus => changed.gpus = value,
            Self::Sequence => changed.sequence = value,
            Self::MicroBatch => changed.micro_batch = Some(value),
            Self::GlobalBatch => changed.global_batch = value,
            Self::Layers => changed.architecture.layers = value,
        }
        changed
    }

    /// Whether more of it makes a layout fit, not less.
    pub const fn relieves(self) -> bool {
        matches!(self, Self::Gpus)
    }
}

/// One value of a sweep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The input's value.
    pub value: u64,
    /// Accelerators.
    pub gpus: u64,
    /// Parameters of the model.
    pub parameters: u64,
    /// Tokens of a step.
    pub tokens: u128,
    /// The fastest layout that fits.
    pub best: Option<Candidate>,
    /// The layout of least memory: of those that fit and nothing beats in both time and memory, or the nearest miss.
    pub smallest: Option<Candidate>,
    /// Bytes that there are on one accelerator.
    pub capacity: f64,
}

impl Point {
    /// The answer to one question.
    pub fn of(question: &Question, value: u64) -> Self {
        let mut search = Search::new(question.task(), question.space());
        search.finish();
        Self::found(question, value, &search)
    }

    /// The answer of a finished search of this question.
    pub fn found(question: &Question, value: u64, search: &Search) -> Self {
        Self {
            value,
            gpus: question.gpus,
            parameters: question.architecture.parameters(),
            tokens: u128::from(question.global_batch) * u128::from(question.sequence),
            best: search.best().first().copied(),
            smallest: search.front().last().or(search.nearest_miss()).copied(),
            capacity: search.space().capacity,
        }
    }

    /// How long a step takes on the fastest layout.
    pub fn step(&self) -> Option<Seconds> {
        self.best.map(|best| Seconds(best.seconds))
    }

    /// Tokens per second over all accelerators.
    pub fn tokens_per_second(&self) -> Option<f64> {
        self.best.map(|best| self.tokens as f64 / best.seconds)
    }

    /// Accelerator-hours that so many tokens take.
    pub fn gpu_hours(&self, tokens: f64) -> Option<f64> {
        let seconds = tokens / self.tokens_per_second()?;
        Some(seconds * self.gpus as f64 / SECONDS_PER_HOUR)
    }

    /// US dollars for so many tokens, an accelerator and hour costing `price`.
    pub fn dollars(&self, tokens: f64, price: f64) -> Option<f64> {
        self.gpu_hours(tokens).map(|hours| dollars(hours, price))
    }

    /// Tokens of an accelerator and second over those of another point. Where accelerators alone are varied this is the
    /// efficiency of strong scaling, t₀·n₀ / (t·n), 1 where twice the accelerators take half the time.
    pub fn efficiency(&self, from: &Self) -> Option<f64> {
        let each = |point: &Self| {
            let rate = point.tokens_per_second()?;
            Some(rate / point.gpus as f64)
        };
        Some(each(self)? / each(from)?)
    }
}

/// The best layout at each value: a search for each, done as the iterator is asked, so that a caller may stop between
/// two or hand over in between.
pub fn sweep<'a>(
    question: &'a Question,
    swept: Swept,
    values: &'a [u64],
) -> impl Iterator<Item = Point> + 'a {
    let point = move |value: &u64| Point::of(&swept.at(question, *value), *value);
    values.iter().map(point)
}

/// Where an input's values stop fitting, or start to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crossing {
    /// The outermost value found that fits.
    pub fits: Point,
    /// The next value, which does not.
    pub fails: Point,
}

/// The capacity crossing between a value that fits and one that does not, by bisection over multiples of `step`; none
/// where they are not such values. Between divisors of other counts fitting may come and go; then it is one crossing of
/// several.
pub fn crossing(
    question: &Question,
    swept: Swept,
    fits: u64,
    fails: u64,
    step: u64,
) -> Option<Crossing> {
    let step = step.max(1);
    let at = |value: u64| Point::of(&swept.at(question, value), value);
    let mut found = Crossing {
        fits: at(fits),
        fails: at(fails),
    };
    if found.fits.best.is_none() || found.fails.best.is_some() {
        return None;
    }
    loop {
        let (low, high) = (
            found.fits.value.min(found.fails.value),
            found.fits.value.max(found.fails.value),
        );
        let middle = (low + (high - low) / 2) / step * step;
        let middle = if middle > low { middle } else { middle + step };
        if middle <= low || middle >= high {
            return Some(found);
        }
        let point = at(middle);
        if point.best.is_some() {
            found.fits = point;
        } else {
            found.fails = point;
        }
    }
}
