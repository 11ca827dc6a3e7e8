//! An estimate as plain data for other programs.

use crate::advice;
use crate::compute::solve::{Binding, Impossible, Problem, solve};
use crate::compute::{training_flop, training_flop_source};
use crate::cost::{self, Power};
use crate::estimate::Estimate;
use crate::field::{Choice, Value};
use crate::flop::{self, Convention, Counting, Forward};
use crate::formula::Fraction;
use crate::link;
use crate::memory::detailed::{Footprint, Segment};
use crate::memory::ranks::StageFootprint;
use crate::memory::{Memory, Part};
use crate::model::parameters::Group;
use crate::scenario::{Field, Preset, Rate, Scenario};
use crate::units::{Bytes, FLOP_PER_PF_DAY};
use serde::{Serialize, Serializer};

/// The largest integer that every JSON reader keeps exactly: 2^53.
const LARGEST_EXACT: u128 = 1 << 53;

/// An exact integer: a JSON number up to 2^53, a decimal string beyond.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exact(pub u128);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match u64::try_from(self.0) {
            Ok(small) if self.0 <= LARGEST_EXACT => serializer.serialize_u64(small),
            _ => serializer.collect_str(&self.0),
        }
    }
}

impl From<Bytes> for Exact {
    fn from(bytes: Bytes) -> Self {
        Self(bytes.0)
    }
}

/// A value of a field.
#[derive(Serialize)]
#[serde(untagged)]
enum FieldValue {
    Count(Exact),
    Real(f64),
    Text(String),
    Empty,
}

/// An object whose keys stand in the order given.
struct Object<V>(Vec<(String, V)>);

impl<V: Serialize> Serialize for Object<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// An estimate with what it is an estimate of. Integers are exact ([`Exact`]); a unit stands at the end of its key.
#[derive(Serialize)]
pub struct Report {
    question: String,
    query: String,
    scenario: Object<FieldValue>,
    parameters: ParametersReport,
    flop: FlopReport,
    compute: ComputeReport,
    cost: CostReport,
    energy: Option<EnergyReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    solution: Option<SolutionReport>,
    memory: MemoryReport,
    notes: Vec<String>,
}

/// All parameters, and those that work on one token.
#[derive(Serialize)]
struct Counts {
    total: Exact,
    active: Exact,
}

#[derive(Serialize)]
struct ParametersReport {
    #[serde(flatten)]
    counts: Counts,
    /// By tensor group; under the rule of thumb there is no architecture to count them in.
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Object<Counts>>,
}

#[derive(Serialize)]
struct FlopReport {
    convention: &'static str,
    source: &'static str,
    per_token: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    exact: Option<ExactFlop>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conventions: Vec<Counted>,
}

/// FLOP by part, as petaday counts them.
#[derive(Serialize)]
struct ExactFlop {
    sequence: u64,
    counting: &'static str,
    /// Of one sequence.
    parts: Object<Passes>,
    sequence_model_flop: Exact,
    sequence_recomputed_flop: Exact,
    sequence_hardware_flop: Exact,
    training_model_flop: Exact,
    training_hardware_flop: Exact,
}

#[derive(Serialize)]
struct Passes {
    forward_flop: Exact,
    backward_flop: Exact,
}

/// The same run as others count it.
#[derive(Serialize)]
struct Counted {
    convention: &'static str,
    flop_per_token: f64,
    pf_days: f64,
    /// Model FLOP over what the peak would have done, or hardware FLOP where the convention counts these.
    utilisation_percent: f64,
    hardware: bool,
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
struct Range {
    low: f64,
    high: f64,
}

#[derive(Serialize)]
struct CostReport {
    /// `given`, `catalogue`, or `unknown`.
    price: &'static str,
    /// The catalogue's prices are of this year.
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<u16>,
    dollars_per_gpu_hour: Option<Range>,
    dollars: Option<Range>,
}

#[derive(Serialize)]
struct EnergyReport {
    watts_per_gpu: f64,
    load: f64,
    pue: f64,
    kwh: f64,
    grid_grams_per_kwh: f64,
    co2_kg: f64,
}

#[derive(Serialize)]
struct SolutionReport {
    unknown: &'static str,
    #[serde(flatten)]
    found: Found,
    sentence: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Found {
    Solved {
        value: f64,
        binding: Option<&'static str>,
        days: f64,
        gpu_hours: f64,
        dollars: Option<f64>,
    },
    Impossible {
        impossible: bool,
    },
}

#[derive(Serialize)]
struct MemoryReport {
    /// `rule`: the rule of thumb; `step`: a step on one GPU; `rank`: one rank of several.
    by: &'static str,
    #[serde(flatten)]
    parts: Object<Exact>,
    /// What stands at the largest moment, by what it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_peak: Option<Object<Exact>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moment: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_bytes: Option<Exact>,
    total_bytes: Exact,
    usable_bytes: Exact,
    fits: bool,
}

impl Report {
    /// Reports an estimate of a scenario.
    pub fn of(scenario: &Scenario, estimate: &Estimate) -> Self {
        let flop = training(scenario);
        let compute = &estimate.compute;
        Self {
            question: Estimate::question(scenario),
            query: link::query(scenario),
            scenario: values(scenario),
            parameters: parameters(scenario),
            flop: flop_report(scenario, compute.mfu_percent),
            compute: ComputeReport {
                flop: Exact(flop),
                pf_days: compute.pf_days,
                gpu_hours: compute.gpu_hours,
                days: compute.time.days(),
                flop_per_second: compute.throughput.0,
                mfu_percent: compute.mfu_percent,
            },
            cost: cost_report(scenario, compute.gpu_hours),
            energy: energy(scenario, compute.gpu_hours),
            solution: solution(scenario),
            memory: rule_of_thumb(&estimate.memory, estimate.capacity),
            notes: advice::notes(scenario)
                .into_iter()
                .flatten()
                .map(|note| note.text)
                .collect(),
        }
    }

    /// This report with the memory of a step on one GPU, counted tensor by tensor.
    pub fn with_step(mut self, step: &Footprint) -> Self {
        let peak = step.peak();
        let at_peak = Segment::ALL.iter().map(|segment| {
            let key = format!("{}_bytes", segment.key());
            (key, Exact::from(peak.of(*segment)))
        });
        self.memory = MemoryReport {
            by: "step",
            parts: named(&[
                ("weights_bytes", step.weights),
                ("gradients_bytes", step.gradients),
                ("optimizer_bytes", step.optimizer),
                ("block_bytes", step.block),
            ]),
            at_peak: Some(Object(at_peak.collect())),
            moment: Some(step.peak_moment().label()),
            ..self.memory.holding(peak.total())
        };
        self.notes.clear();
        self
    }

    /// This report with the memory of one rank.
    pub fn with_rank(mut self, rank: &StageFootprint) -> Self {
        self.memory = MemoryReport {
            by: "rank",
            parts: named(&[
                ("weights_bytes", rank.parameters),
                ("gradients_bytes", rank.gradients),
                ("optimizer_bytes", rank.optimizer),
            ]),
            at_peak: Some(named(&[
                ("buffers_bytes", rank.buffers),
                ("activations_bytes", rank.activations),
                ("temporaries_bytes", rank.temporaries),
            ])),
            moment: Some(rank.moment.label()),
            ..self.memory.holding(rank.peak)
        };
        self.notes.clear();
        self
    }
}

impl MemoryReport {
    /// The same GPU, holding `peak` at its largest moment.
    fn holding(&self, peak: Bytes) -> Self {
        Self {
            by: self.by,
            parts: Object(Vec::new()),
            at_peak: None,
            moment: None,
            peak_bytes: Some(peak.into()),
            total_bytes: peak.into(),
            usable_bytes: self.usable_bytes,
            fits: peak.0 <= self.usable_bytes.0,
        }
    }
}

fn named(parts: &[(&str, Bytes)]) -> Object<Exact> {
    let own = |(key, bytes): &(&str, Bytes)| ((*key).to_owned(), Exact::from(*bytes));
    Object(parts.iter().map(own).collect())
}

fn rule_of_thumb(memory: &Memory, capacity: Bytes) -> MemoryReport {
    let bytes = |part: Part| {
        let key = format!("{}_bytes", part.key());
        (key, Exact::from(memory.of(part)))
    };
    let total = memory.total();
    MemoryReport {
        by: "rule",
        parts: Object(Part::OF_THE_RULE.into_iter().map(bytes).collect()),
        at_peak: None,
        moment: None,
        peak_bytes: None,
        total_bytes: total.into(),
        usable_bytes: capacity.into(),
        fits: total <= capacity,
    }
}

/// Every field that means something in the scenario, by its key in links; of the two rates, the one that was given. It
/// reads back as the same scenario.
fn values(scenario: &Scenario) -> Object<FieldValue> {
    let text = |key: &str, text: String| (key.to_owned(), FieldValue::Text(text));
    let given = |field: &Field| match field {
        Field::Tflops => matches!(scenario.rate(), Rate::Tflops(_)),
        Field::Mfu => matches!(scenario.rate(), Rate::MfuPercent(_)),
        field => scenario.has(*field),
    };
    let value = |field: Field| {
        let value = match scenario.value(field) {
            Value::Count(count) => FieldValue::Count(Exact(u128::from(count))),
            Value::Real(real) => FieldValue::Real(real),
            Value::Unset => FieldValue::Empty,
            text @ (Value::Choice(_) | Value::Layers(_)) => FieldValue::Text(field.key_of(text)),
        };
        (field.key().to_owned(), value)
    };
    let mut values = vec![text("preset", scenario.preset().to_owned())];
    values.extend(Field::ALL.into_iter().filter(given).map(value));
    let preset = Preset::find(scenario.preset()).map(|preset| preset.scenario().held());
    if preset != Some(scenario.held()) {
        let mut held = scenario.held();
        let names = link::HOLDS.iter().filter(|(_, hold)| *hold(&mut held));
        let names: Vec<_> = names.map(|(name, _)| *name).collect();
        let none = names.is_empty();
        values.push(text(
            "hold",
            if none {
                "none".to_owned()
            } else {
                names.join(".")
            },
        ));
    }
    Object(values)
}

fn parameters(scenario: &Scenario) -> ParametersReport {
    let counts = |total: u64, active: u64| Counts {
        total: Exact(total.into()),
        active: Exact(active.into()),
    };
    let architecture = scenario.architecture();
    if !scenario.is_detailed() {
        return ParametersReport {
            counts: counts(scenario.parameters(), scenario.parameters()),
            groups: None,
        };
    }
    let groups = architecture.parameter_list().into_iter().map(|group| {
        let counts = counts(group.total.parameters, group.active.parameters);
        (group_key(group.group).to_owned(), counts)
    });
    ParametersReport {
        counts: counts(architecture.parameters(), architecture.active_parameters()),
        groups: Some(Object(groups.collect())),
    }
}

fn group_key(group: Group) -> &'static str {
    match group {
        Group::Embedding => "embedding",
        Group::Attention => "attention",
        Group::FeedForward => "feed_forward",
        Group::Experts => "experts",
        Group::Router => "router",
        Group::Norms => "norms",
        Group::Head => "head",
    }
}

/// How the scenario's own count takes attention scores.
fn counting(scenario: &Scenario) -> Counting {
    match scenario.convention() {
        Convention::ExactFull => Counting::Full,
        _ => Counting::Causal,
    }
}

/// FLOP of so many of one sequence, of all tokens: rounded down where the last sequence is not whole.
fn of_training(scenario: &Scenario, sequence_flop: u128) -> u128 {
    let (tokens, sequence) = (scenario.tokens(), scenario.sequence());
    match sequence_flop.checked_mul(tokens.into()) {
        Some(product) => product / u128::from(sequence),
        None => (sequence_flop as f64 / sequence as f64 * tokens as f64) as u128,
    }
}

/// FLOP of training, exact and rounded down to a whole one; where a convention's formula leaves 128 bits, to fifteen
/// digits.
fn training(scenario: &Scenario) -> u128 {
    let counted = scenario.is_detailed()
        && matches!(
            scenario.convention(),
            Convention::ExactCausal | Convention::ExactFull
        );
    let exact = if counted {
        let architecture = scenario.architecture();
        let forward = flop::forward(architecture, scenario.sequence(), counting(scenario));
        of_training(scenario, forward.model())
    } else {
        training_flop::<Fraction>(scenario).whole()
    };
    let real: f64 = training_flop(scenario);
    if (exact as f64 - real).abs() <= 1e-9 * real {
        exact
    } else {
        real as u128
    }
}

fn flop_report(scenario: &Scenario, mfu_percent: f64) -> FlopReport {
    let total: f64 = training_flop(scenario);
    let tokens = scenario.tokens() as f64;
    let detailed = scenario.is_detailed();
    let counted = |convention: &Convention| {
        let per_token = convention.flop_per_token(scenario.architecture(), scenario.sequence());
        Counted {
            convention: convention.key(),
            flop_per_token: per_token,
            pf_days: per_token * tokens / FLOP_PER_PF_DAY,
            utilisation_percent: mfu_percent * per_token * tokens / total,
            hardware: convention.is_hardware(),
        }
    };
    FlopReport {
        convention: match detailed {
            true => scenario.convention().key(),
            false => Convention::SixP.key(),
        },
        source: training_flop_source(scenario).citation,
        per_token: total / tokens,
        exact: detailed.then(|| exact_flop(scenario)),
        conventions: match detailed {
            true => Convention::ALL.iter().map(counted).collect(),
            false => Vec::new(),
        },
    }
}

fn exact_flop(scenario: &Scenario) -> ExactFlop {
    let (recomputation, counting) = (scenario.recomputation(), counting(scenario));
    let flop: Forward = flop::forward(scenario.architecture(), scenario.sequence(), counting);
    let passes = |part: &flop::Part| {
        let forward = flop.of(*part);
        let passes = Passes {
            forward_flop: Exact(forward),
            backward_flop: Exact(2 * forward),
        };
        (part.key().to_owned(), passes)
    };
    let hardware = flop.hardware(recomputation);
    ExactFlop {
        sequence: scenario.sequence(),
        counting: counting.key(),
        parts: Object(flop::Part::ALL.iter().map(passes).collect()),
        sequence_model_flop: Exact(flop.model()),
        sequence_recomputed_flop: Exact(flop.recomputed(recomputation)),
        sequence_hardware_flop: Exact(hardware),
        training_model_flop: Exact(of_training(scenario, flop.model())),
        training_hardware_flop: Exact(of_training(scenario, hardware)),
    }
}

fn cost_report(scenario: &Scenario, gpu_hours: f64) -> CostReport {
    let (price, year, range) = match (scenario.price_per_gpu_hour(), scenario.gpu().price) {
        (Some(price), _) => ("given", None, Some((price, price))),
        (None, Some(price)) => ("catalogue", Some(price.year), Some((price.low, price.high))),
        (None, None) => ("unknown", None, None),
    };
    CostReport {
        price,
        year,
        dollars_per_gpu_hour: range.map(|(low, high)| Range { low, high }),
        dollars: range.map(|(low, high)| Range {
            low: cost::dollars(gpu_hours, low),
            high: cost::dollars(gpu_hours, high),
        }),
    }
}

/// Energy and CO₂, where the GPU's power is known.
fn energy(scenario: &Scenario, gpu_hours: f64) -> Option<EnergyReport> {
    let power = Power {
        rated_w: scenario.power_watts()?,
        load: cost::DEFAULT_LOAD,
        pue: scenario.pue(),
    };
    let grid = scenario.grid_grams_per_kwh();
    Some(EnergyReport {
        watts_per_gpu: power.rated_w,
        load: power.load,
        pue: power.pue,
        kwh: cost::energy_kwh(gpu_hours, power),
        grid_grams_per_kwh: grid,
        co2_kg: cost::co2_kg(gpu_hours, power, grid),
    })
}

/// The unknown's value; nothing where nothing limits it.
fn solution(scenario: &Scenario) -> Option<SolutionReport> {
    let (found, sentence) = match solve(&Problem::of(scenario)) {
        Ok(solution) => {
            let sentence = solution.to_string();
            let found = Found::Solved {
                value: solution.value,
                binding: match solution.binding {
                    Binding::Deadline => Some("deadline"),
                    Binding::Budget => Some("budget"),
                    Binding::Nothing => None,
                },
                days: solution.days,
                gpu_hours: solution.gpu_hours,
                dollars: solution.cost,
            };
            (found, sentence)
        }
        Err(Impossible::Unlimited(_)) => return None,
        Err(why) => (Found::Impossible { impossible: true }, why.to_string()),
    };
    Some(SolutionReport {
        unknown: scenario.unknown().key(),
        found,
        sentence,
    })
}
