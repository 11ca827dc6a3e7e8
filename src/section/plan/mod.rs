//! The plan: every layout that fits, ranked by the time of a step, searched in slices.

mod apply;
mod question;
mod table;
mod time;

pub use question::{mfu_percent, question, unplanned};
pub use table::{Column, Filter};

pub(super) use apply::{recomputed, setting};
pub(super) use question::measured;
pub(super) use time::seconds_of;

use crate::field::Choice;
use crate::html::{aside, escaped, paragraph, setter};
use crate::layout::Misfit;
use crate::memory::counted;
use crate::plan::{
    Candidate, Comparison, Costs, Difference, Place, Progress, Question, Remedy, Search, Shape,
    StepTime, Task, fullest_rank, remedies,
};
use crate::scenario::{Detail, Estimator, Field, Scenario};
use crate::units::{decimal, grouped, significant};

/// A search under way for a scenario, and what it says so far. Cancelled by dropping it.
pub struct Planner {
    scenario: Scenario,
    asked: Result<Asked, String>,
}

struct Asked {
    question: Question,
    search: Search,
    progress: Progress,
    remedies: Option<Vec<(Remedy, Candidate)>>,
}

impl Planner {
    /// Prepares the search.
    pub fn new(scenario: &Scenario) -> Self {
        let asked = question(scenario).map(|question| Asked {
            question,
            search: Search::new(question.task(), question.space()),
            progress: Progress::Searching { done: 0, of: 0 },
            remedies: None,
        });
        Self {
            scenario: *scenario,
            asked,
        }
    }

    /// Counts on for about so many layouts; whether all is counted.
    pub fn step(&mut self, layouts: u64) -> bool {
        match &mut self.asked {
            Ok(asked) if asked.progress != Progress::Done => {
                asked.progress = asked.search.step(layouts);
                asked.progress == Progress::Done
            }
            Ok(_) | Err(_) => true,
        }
    }

    /// Counts all that is left.
    pub fn finish(&mut self) {
        self.step(u64::MAX);
    }

    /// Looks for what would make a layout fit, where none does: several searches as long as the first, done at once.
    pub fn remedy(&mut self) {
        if let Ok(asked) = &mut self.asked
            && asked.progress == Progress::Done
            && asked.search.fitting() == 0
            && asked.remedies.is_none()
        {
            asked.remedies = Some(remedies(&asked.question));
        }
    }

    /// The layouts found, the fastest first; empty while the search is under way.
    pub fn best(&self) -> &[Candidate] {
        match &self.asked {
            Ok(asked) if asked.progress == Progress::Done => asked.search.best(),
            Ok(_) | Err(_) => &[],
        }
    }

    /// What it says: `sort` is a [`Column`]'s key, `filters` are [`Filter`]s' keys, separated by commas; what is neither
    /// is passed over.
    pub fn html(&self, sort: &str, filters: &str) -> String {
        let scenario = &self.scenario;
        let asked = match &self.asked {
            Ok(asked) => asked,
            Err(why) => return refused(scenario, why),
        };
        let mut html = paragraph(&premise(scenario, &asked.question));
        for sentence in unplanned(scenario) {
            html.push_str(&aside(sentence));
        }
        match asked.progress {
            Progress::Searching { done, of } => {
                let percent = 100 * done / of.max(1);
                html + &paragraph(&format!(
                    "Searching: {percent}%, {} layouts counted.",
                    grouped(asked.search.counted().into())
                ))
            }
            Progress::Done if asked.search.fitting() == 0 => {
                html + &nothing(scenario, asked) + &rejections(&asked.search)
            }
            Progress::Done => {
                html.push_str(&found(scenario, asked, sort, filters));
                html + &rejections(&asked.search)
            }
        }
    }
}

/// Layouts that a section counts at once before it leaves the rest to slices.
const AT_ONCE: u64 = 50_000;

/// The plan as it stands after a slice.
pub(super) fn html(scenario: &Scenario) -> String {
    let mut planner = Planner::new(scenario);
    planner.step(AT_ONCE);
    planner.html("", "")
}

/// A sentence, and what offers the estimator that knows an architecture where this one does not.
pub(super) fn refused(scenario: &Scenario, why: &str) -> String {
    paragraph(&[&escaped(why), "."].concat()) + &detail(scenario)
}

/// Offers the estimator that knows an architecture.
fn detail(scenario: &Scenario) -> String {
    if scenario.is_detailed() {
        return String::new();
    }
    let set = [Field::Estimator.key(), "=", Estimator::Detailed.key()].concat();
    paragraph(&setter(&set, "quiet", "Estimate in detail"))
}

/// What is searched.
fn premise(scenario: &Scenario, question: &Question) -> String {
    let accumulation = scenario.details().count(Detail::Accumulation);
    format!(
        "Layouts of {} on {} × {}, Megatron-core: {} sequences of {} tokens a step (micro-batch {} × accumulation {} × data \
         parallel {}), whatever the layout.",
        escaped(&scenario.model_name()),
        grouped(question.gpus.into()),
        escaped(scenario.gpu().name),
        grouped(question.global_batch.into()),
        grouped(question.sequence.into()),
        grouped(scenario.micro_batch().into()),
        grouped(accumulation.into()),
        grouped(scenario.layout().data.into()),
    )
}

/// What a measured utilization makes of predicted seconds: the factor by which it is slower; 1 where none was given.
pub(super) fn scale_of(scenario: &Scenario, question: &Question, fastest: f64) -> f64 {
    measured(scenario).map_or(1.0, |measured| {
        mfu_percent(scenario, question, fastest) / measured
    })
}

fn found(scenario: &Scenario, asked: &Asked, sort: &str, filters: &str) -> String {
    let (question, search) = (&asked.question, &asked.search);
    let Some(best) = search.best().first() else {
        return String::new();
    };
    let scale = scale_of(scenario, question, best.seconds);
    let mut html = paragraph(&["<strong>", &search.sentence(), "</strong>"].concat());
    html.push_str(&paragraph(&utilization(scenario, question, best, scale)));
    if let Some(comparison) = search.comparison() {
        let sentence = scaled(comparison, scale).sentence();
        html.push_str(&paragraph(&escaped(&sentence)));
    }
    html.push_str(&own(scenario, asked, best, scale));
    html.push_str(&time::html(&search.step_time(best), scale));
    html.push_str(&front(search, scale));
    let shown = table::Shown {
        scenario,
        question,
        search,
        scale,
    };
    html + &table::html(&shown, sort, filters)
}

/// How fast the fastest is: predicted, or as measured.
fn utilization(scenario: &Scenario, question: &Question, best: &Candidate, scale: f64) -> String {
    let predicted = mfu_percent(scenario, question, best.seconds);
    let step = seconds_of(scale * best.seconds);
    let convention = scenario.convention().label();
    match measured(scenario) {
        Some(measured) => format!(
            "The fastest takes {step} a step at the MFU of {}% that you gave, by which all times are scaled; predicted are {}% \
             ({}).",
            significant(measured, 3),
            significant(predicted, 3),
            escaped(convention)
        ),
        None => {
            let set = [Field::Mfu.key(), "=", &significant(predicted, 4)].concat();
            format!(
                "The fastest takes {step} a step, a predicted MFU of {}% ({}). {}",
                significant(predicted, 3),
                escaped(convention),
                setter(&set, "quiet", "Take this MFU")
            )
        }
    }
}

/// A comparison with other seconds.
fn scaled(comparison: Comparison, scale: f64) -> Comparison {
    let candidate = |one: Candidate| Candidate {
        seconds: scale * one.seconds,
        ..one
    };
    Comparison {
        best: candidate(comparison.best),
        next: candidate(comparison.next),
        causes: comparison.causes.map(|cause| Difference {
            seconds: scale * cause.seconds,
            ..cause
        }),
    }
}

/// The scenario's own layout beside the fastest; nothing where it is the fastest or cannot be.
fn own(scenario: &Scenario, asked: &Asked, best: &Candidate, scale: f64) -> String {
    if apply::is_own(scenario, best) {
        return aside("The layout in the fields is this one.");
    }
    let Some((time, bytes)) = timed(scenario, &asked.question) else {
        return aside("The layout in the fields cannot be run so.");
    };
    let seconds = time.total();
    let more = 100.0 * (seconds / best.seconds - 1.0);
    let memory = format!("{} GB", decimal(bytes / 1e9, 1));
    let fits = if bytes <= asked.search.space().capacity {
        "in"
    } else {
        "and does not fit: it needs"
    };
    let compared = if more < 0.0 {
        format!("{}% less", significant(-more, 2))
    } else {
        format!("{}% more", significant(more, 2))
    };
    aside(&format!(
        "The layout in the fields would take {}, {compared}, {fits} {memory}.",
        seconds_of(scale * seconds)
    ))
}

/// Why the scenario's own layout cannot be; uneven stages can.
pub(super) fn cannot_be(scenario: &Scenario) -> Vec<Misfit> {
    let layout = scenario.layout();
    let mut misfits = layout.misfits(scenario.architecture(), &counted::batch(scenario));
    misfits.retain(|misfit| !matches!(misfit, Misfit::Uneven { .. }));
    misfits
}

/// Where the scenario's own layout is put, its last stage as suits the head.
pub(super) fn place(scenario: &Scenario, task: &Task) -> (Costs, Place) {
    let layout = scenario.layout();
    let accumulation = scenario.details().count(Detail::Accumulation);
    let (recomputed, recomputed_layers) = recomputed(scenario);
    let costs = task.costs(Shape::of(&layout, scenario.micro_batch()));
    let place = Place {
        recomputed,
        recomputed_layers,
        ..Place::of(&layout, accumulation)
    };
    (costs, task.suited(&costs, place))
}

/// Time and memory of the scenario's own layout; none where it cannot be.
fn timed(scenario: &Scenario, question: &Question) -> Option<(StepTime, f64)> {
    if !cannot_be(scenario).is_empty() {
        return None;
    }
    let task = question.task();
    let (costs, place) = place(scenario, &task);
    let space = question.space();
    let bytes = fullest_rank(
        &question.architecture,
        &space.run,
        &space.states,
        &costs.shape,
        &place,
    );
    let time = task.step_time(&costs, &place);
    (time.total().is_finite() && bytes.is_finite()).then_some((time, bytes))
}

/// What the front of time against memory offers.
fn front(search: &Search, scale: f64) -> String {
    let (Some(fastest), Some(smallest)) = (search.front().first(), search.front().last()) else {
        return String::new();
    };
    if search.front().len() < 2 {
        return String::new();
    }
    let each = |one: &Candidate| {
        [
            &seconds_of(scale * one.seconds),
            " in ",
            &decimal(one.bytes / 1e9, 1),
            " GB",
        ]
        .concat()
    };
    paragraph(&format!(
        "{} layouts are beaten by none in both time and memory, from {} to {}.",
        grouped(search.front().len() as u128),
        each(fastest),
        each(smallest)
    ))
}

/// Why nothing fits, and what would help.
fn nothing(scenario: &Scenario, asked: &Asked) -> String {
    let search = &asked.search;
    let mut html = paragraph(&["<strong>", &search.sentence(), "</strong>"].concat());
    if let Some(miss) = search.miss() {
        html.push_str(&paragraph(&escaped(&miss.sentence())));
    }
    match &asked.remedies {
        None => {
            html.push_str(&paragraph(
                "<button type=\"button\" class=\"quiet\" data-remedy=\"\">What would make it fit?</button>",
            ));
        }
        Some(all) if all.is_empty() => {
            html.push_str(&paragraph("No single change makes it fit."));
        }
        Some(all) => {
            html.push_str("<ul class=\"remedies\">");
            for (remedy, fits) in all {
                let set = apply::remedied(scenario, *remedy, fits);
                let button = set.map_or_else(String::new, |set| setter(&set, "quiet", "Do it"));
                html.push_str("<li>");
                html.push_str(&escaped(&remedy.sentence(fits)));
                html.push(' ');
                html.push_str(&button);
                html.push_str("</li>");
            }
            html.push_str("</ul>");
        }
    }
    html
}

/// What cannot be and why.
fn rejections(search: &Search) -> String {
    let all = search.rejections();
    if all.is_empty() {
        return String::new();
    }
    let count: u64 = all.iter().map(|one| one.count).sum();
    let mut html = format!(
        "<details class=\"left-out\"><summary>{} combinations are left out</summary><ul>",
        grouped(count.into())
    );
    for one in all {
        html.push_str("<li>");
        html.push_str(&escaped(&one.sentence()));
        html.push_str("</li>");
    }
    html + "</ul></details>"
}
