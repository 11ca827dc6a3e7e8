//! Step times: rows of any table that state a layout and how long its step took, or how many tokens passed a second.

mod benchmarks;
mod hardware;
mod layouts;
mod megatron;

use petaday::plan::{Place, Shape, StepTime, Task, step_time};
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
    /// The predicted step.
    pub fn predicted(&self) -> StepTime {
        step_time(&self.task, self.shape, &self.place)
    }

    /// predicted / measured − 1.
    pub fn error(&self) -> f64 {
        self.predicted().total() / self.seconds - 1.0
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
fn count(row: &Value, field: &str) -> Option<u64> {
    row[field].as_u64()
}

fn order(row: &Value) -> (String, String, u64) {
    let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
    (
        text("source_table"),
        text("gpu"),
        count(row, "line").unwrap_or(0),
    )
}
