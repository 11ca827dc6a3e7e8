//! An estimate as plain data for other programs.

use crate::advice;
use crate::estimate::Estimate;
use crate::field::Value;
use crate::memory::Part;
use crate::scenario::{Field, Scenario};
use serde::Serialize;
use std::collections::BTreeMap;

/// The largest integer that every JSON reader keeps exactly: 2^53.
const LARGEST_EXACT: u128 = 1 << 53;

/// An exact integer: a JSON number up to 2^53, a decimal string beyond.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exact(pub u128);

impl Serialize for Exact {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match u64::try_from(self.0) {
            Ok(small) if self.0 <= LARGEST_EXACT => serializer.serialize_u64(small),
            _ => serializer.collect_str(&self.0),
        }
    }
}

/// A value of a field.
#[derive(Serialize)]
#[serde(untagged)]
enum FieldValue {
    Count(Exact),
    Real(f64),
    Option(String),
    Empty,
}

/// An estimate with what it is an estimate of.
#[derive(Serialize)]
pub struct Report {
    question: String,
    query: String,
    scenario: BTreeMap<&'static str, FieldValue>,
    compute: ComputeReport,
    memory: MemoryReport,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct ComputeReport {
    flop: Exact,
    pf_days: f64,
    gpu_hours: f64,
    days: f64,
    flop_per_second: f64,
    mfu_percent: f64,
}

#[derive(Serialize)]
struct MemoryReport {
    #[serde(flatten)]
    parts: BTreeMap<String, Exact>,
    total_bytes: Exact,
    usable_bytes: Exact,
    fits: bool,
}

impl Report {
    /// Reports an estimate of a scenario.
    pub fn of(scenario: &Scenario, estimate: &Estimate) -> Self {
        let value = |field: Field| match scenario.value(field) {
            Value::Count(count) => FieldValue::Count(Exact(u128::from(count))),
            Value::Real(real) => FieldValue::Real(real),
            Value::Unset => FieldValue::Empty,
            text @ (Value::Choice(_) | Value::Layers(_)) => FieldValue::Option(field.key_of(text)),
        };
        let compute = &estimate.compute;
        let bytes = |part: Part| {
            (
                format!("{}_bytes", part.key()),
                Exact(estimate.memory.of(part).0),
            )
        };
        Self {
            question: Estimate::question(scenario),
            query: crate::link::query(scenario),
            scenario: Field::ALL
                .into_iter()
                .map(|field| (field.key(), value(field)))
                .collect(),
            compute: ComputeReport {
                flop: Exact(compute.flop.0),
                pf_days: compute.pf_days,
                gpu_hours: compute.gpu_hours,
                days: compute.time.days(),
                flop_per_second: compute.throughput.0,
                mfu_percent: compute.mfu_percent,
            },
            memory: MemoryReport {
                parts: Part::ALL.into_iter().map(bytes).collect(),
                total_bytes: Exact(estimate.memory.total().0),
                usable_bytes: Exact(estimate.capacity.0),
                fits: estimate.fits(),
            },
            notes: advice::notes(scenario)
                .into_iter()
                .flatten()
                .map(|note| note.text)
                .collect(),
        }
    }
}
