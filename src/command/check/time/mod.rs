//! Step times: rows of any table that state a layout and how long its step took, or how many tokens passed a second.

mod benchmarks;
mod figures;
mod hardware;
mod layouts;
mod megatron;

pub use figures::figures;

use super::{Comparison, Outcome, Table};
use petaday::plan::{Place, Shape, StepTime, Task};
use serde_json::Value;

/// A row's run, and how long its step took.
pub struct Timed {
    /// What was run.
    pub task: Task,
    /// How a micro-batch was cut among ranks.
    pub shape: Shape,
    /// Where it was put.
    pub place: Place,
    /// Seconds of a step, as measured.
    pub seconds: f64,
    /// Tokens of a step for each accelerator, where the row states tokens a second and not the step's time.
    pub tokens: Option<f64>,
    /// What kind of row it is, for figures apart.
    pub kind: Kind,
    /// Whether it ran on a machine whose rates are those of its accelerator's row.
    pub published: bool,
    /// Where it comes when rows are ordered by table, accelerator and line.
    pub order: (String, String, u64),
}

/// Kinds of timed rows that are reported apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Layouts of small models on an older stack.
    Layouts,
    /// A model without experts.
    Dense,
    /// A mixture of experts.
    Experts,
}

impl Timed {
    /// The predicted step. Where layers divide evenly among stages launchers put them so; where they do not, their users
    /// say where: as suits the head.
    pub fn predicted(&self) -> StepTime {
        self.predicted_by(&self.task)
    }

    /// The same with other constants in the task.
    pub fn predicted_by(&self, task: &Task) -> StepTime {
        let costs = task.costs(self.shape);
        let layers = task.architecture.layers;
        let even = layers.is_multiple_of(self.place.pipeline * self.place.chunks);
        let place = if even {
            self.place
        } else {
            task.suited(&costs, self.place)
        };
        task.step_time(&costs, &place)
    }

    /// Ours and theirs, as the row states it.
    pub fn compared(&self) -> Comparison {
        let (ours, theirs) = (self.predicted().total(), self.seconds);
        match self.tokens {
            None => Comparison::of_reals("step time, ms", 1e3 * ours, 1e3 * theirs),
            Some(tokens) => Comparison::of_reals("tokens/s/GPU", tokens / ours, tokens / theirs),
        }
    }

    /// ours / theirs − 1.
    pub fn error(&self) -> f64 {
        self.compared().error()
    }
}

/// Reads a row of any table with step times; says by which rule it is left out.
pub fn read(row: &Value) -> Result<Timed, &'static str> {
    if layouts::holds(row) {
        layouts::read(row)
    } else if megatron::holds(row) {
        megatron::read(row)
    } else if benchmarks::holds(row) {
        benchmarks::read(row)
    } else {
        Err("states no step time")
    }
}

/// A count among a row's fields.
/// A count from 1 on, small enough that products of two stay exact.
fn count(row: &Value, field: &str) -> Option<u64> {
    row[field]
        .as_u64()
        .filter(|count| (1..1 << 31).contains(count))
}

fn order(row: &Value) -> (String, String, u64) {
    let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
    (
        text("source_table"),
        text("gpu"),
        count(row, "line").unwrap_or(0),
    )
}

/// Tables that state nothing but step times; of others the step time is compared beside what they are checked for.
pub const TABLE: Table = Table {
    holds: layouts::holds,
    outcome,
};

fn outcome(row: &Value) -> Outcome {
    match read(row) {
        Ok(timed) => Outcome::Compared(timed.compared()),
        Err(rule) => Outcome::LeftOut(rule),
    }
}

/// What a line says of a row's step time beside its outcome: nothing where it states none.
pub fn beside(row: &Value) -> Option<Outcome> {
    (!layouts::holds(row) && (megatron::holds(row) || benchmarks::holds(row))).then(|| outcome(row))
}
