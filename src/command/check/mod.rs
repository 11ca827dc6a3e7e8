//! `petaday check`: holds petaday to tables of outside facts, row by row.
//!
//! A table tells its kind by its rows' fields. A row is left out only by a stated rule on its fields, never by its id.

mod architectures;
pub mod groundtruth;
pub mod measured;
pub mod megatron;
mod models;
pub mod ranks;
mod runs;
mod throughput;
pub mod time;

use serde_json::{Value, json};
use std::fmt;

/// What came of one row.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Ours was held against theirs.
    Compared(Comparison),
    /// The row was left out, by this rule.
    LeftOut(&'static str),
}

/// One figure, ours and theirs.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What was compared, with its unit: "parameters", "peak, bytes".
    pub what: &'static str,
    /// Our figure.
    pub ours: f64,
    /// The row's.
    pub theirs: f64,
    /// Whether both are the same integer.
    pub exact: bool,
    /// Why they differ, where a rule on the row's fields tells.
    pub reason: Option<&'static str>,
}

impl Comparison {
    /// Two exact integers.
    pub fn of_integers(what: &'static str, ours: u128, theirs: u128) -> Self {
        Self {
            what,
            ours: ours as f64,
            theirs: theirs as f64,
            exact: ours == theirs,
            reason: None,
        }
    }

    /// Two real numbers.
    pub fn of_reals(what: &'static str, ours: f64, theirs: f64) -> Self {
        Self {
            what,
            ours,
            theirs,
            exact: false,
            reason: None,
        }
    }

    /// The same, with why ours is not theirs.
    pub fn because(self, reason: &'static str) -> Self {
        Self {
            reason: Some(reason),
            ..self
        }
    }

    /// ours / theirs − 1.
    pub fn error(&self) -> f64 {
        self.ours / self.theirs - 1.0
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeftOut(rule) => write!(f, "left out: {rule}"),
            Self::Compared(compared) => {
                let (what, ours, theirs) = (compared.what, compared.ours, compared.theirs);
                let percent = 100.0 * compared.error();
                write!(f, "{what}: ours {ours}, theirs {theirs}, {percent:+.4}%")?;
                match compared.reason {
                    Some(reason) => write!(f, " ({reason})"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// A kind of table: how its rows are told, and what is compared.
pub struct Table {
    /// Whether a row is of this kind, by its fields.
    pub holds: fn(&Value) -> bool,
    /// What comes of a row.
    pub outcome: fn(&Value) -> Outcome,
}

/// Every kind of table; the first that holds a row takes it.
const TABLES: &[Table] = &[
    models::TABLE,
    megatron::RECORDED,
    megatron::MEASURED,
    measured::TABLE,
    ranks::TABLE,
    groundtruth::TABLE,
    throughput::TABLE,
    runs::TABLE,
    time::TABLE,
];

/// What comes of a row of any table.
pub fn outcome(row: &Value) -> Outcome {
    TABLES
        .iter()
        .find(|table| (table.holds)(row))
        .map_or(Outcome::LeftOut("no known kind of table"), |table| {
            (table.outcome)(row)
        })
}

/// The rows of a file: JSON lines, or one JSON document, itself a list or with a list among its values.
///
/// # Errors
/// Where it is no JSON; says where.
pub fn rows(text: &str) -> Result<Vec<Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Array(rows)) => Ok(rows),
        // A file of one row, whose own lists are no rows.
        Ok(Value::Object(fields)) if fields.contains_key("id") => Ok(vec![Value::Object(fields)]),
        Ok(Value::Object(fields)) => {
            let list = fields.values().find_map(|value| match value {
                Value::Array(rows) if rows.iter().all(Value::is_object) => Some(rows.clone()),
                _ => None,
            });
            Ok(list.unwrap_or_else(|| vec![Value::Object(fields)]))
        }
        Ok(other) => Ok(vec![other]),
        Err(_) => text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(index, line)| {
                serde_json::from_str(line).map_err(|why| format!("line {}: {why}", index + 1))
            })
            .collect(),
    }
}

/// One file's figures over its rows.
pub fn summary(file: &str, rows: &[Value], outcomes: &[Outcome]) -> Value {
    let compared: Vec<&Comparison> = outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Outcome::Compared(compared) => Some(compared),
            Outcome::LeftOut(_) => None,
        })
        .collect();
    let mut errors: Vec<f64> = compared.iter().map(|one| one.error().abs()).collect();
    errors.sort_by(f64::total_cmp);
    let mut summary = json!({
        "file": file,
        "rows": outcomes.len(),
        "compared": compared.len(),
        "left_out": outcomes.len() - compared.len(),
        "exact": compared.iter().filter(|one| one.exact).count(),
        "median_error": quantile(&errors, 0.5),
        "p95_error": quantile(&errors, 0.95),
        "worst_error": errors.last(),
    });
    if let Value::Object(fields) = &mut summary {
        fields.extend(time::figures(rows));
    }
    summary
}

/// The value that at least this share of sorted values do not exceed.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

/// A number above zero; what is missing, null, or anything else is none.
fn positive(fields: &Value, key: &str) -> Option<f64> {
    fields[key]
        .as_f64()
        .filter(|value| *value > 0.0 && value.is_finite())
}
