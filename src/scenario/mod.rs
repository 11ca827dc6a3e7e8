//! Everything a reader chose. A [`Scenario`] that exists is valid, so no formula checks anything.

mod detail;
mod field;
mod invalid;
mod preset;

pub use detail::{Detail, Details};
pub(crate) use field::model_at;
pub use field::{Estimator, Field, Unknown};
pub use invalid::Invalid;
pub(crate) use invalid::shortened;
pub use preset::{OPENING, PRESETS, Preset};

use crate::field::{self as values, Choice, Value};
use crate::flop::Convention;
use crate::hardware::{ACCELERATORS, Accelerator};
use crate::layout::Layout;
use crate::model::{Architecture, Model, ModelField};
use crate::training::{GradientDtype, Optimizer, Precision, Recomputation};
use crate::units::{self, Bytes, FlopPerSecond};

/// How fast each GPU computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Achieved TFLOP/s, whatever the GPU.
    Tflops(f64),
    /// Model FLOP utilization: percent of the chosen GPU's dense peak for the chosen precision.
    MfuPercent(f64),
}

/// What stays as it is when a quantity of the converter is edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Compute, in whatever unit: parameters and tokens trade against each other.
    pub compute: bool,
    /// Training tokens.
    pub tokens: bool,
    /// Wall-clock days.
    pub days: bool,
    /// Number of GPUs.
    pub gpus: bool,
    /// Achieved rate of each GPU.
    pub rate: bool,
}

impl Held {
    /// What is held until the reader says otherwise: the cluster.
    pub const CLUSTER: Self = Self {
        compute: false,
        tokens: false,
        days: false,
        gpus: true,
        rate: true,
    };
}

/// What a reader says of a GPU beside its row in the catalogue; nothing means the catalogue's figure.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct OwnHardware {
    memory_gb: Option<f64>,
    peak_tflops: Option<f64>,
    power_watts: Option<f64>,
    price_per_hour: Option<f64>,
}

/// A training run. Valid by construction: every value is in the range its [`Field`] states. Under the rule of thumb,
/// heads divide the hidden size and tensor-parallel ranks divide heads; under the detailed estimator, the architecture's
/// parts go together and the parameters are counted from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scenario {
    preset: &'static str,
    estimator: Estimator,
    /// The catalogue's row that the architecture started from.
    model: Option<&'static Model>,
    architecture: Architecture,
    convention: Convention,
    parameters: u64,
    tokens: u64,
    gpus: u64,
    gpu: &'static Accelerator,
    own: OwnHardware,
    rate: Rate,
    precision: Precision,
    gradients: GradientDtype,
    optimizer: Optimizer,
    recomputation: Recomputation,
    sequence: u64,
    micro_batch: u64,
    tensor_parallel: u64,
    details: Details,
    pue: f64,
    grid_grams_per_kwh: f64,
    deadline_days: Option<f64>,
    budget_dollars: Option<f64>,
    unknown: Unknown,
    held: Held,
}

impl Default for Scenario {
    fn default() -> Self {
        PRESETS[0].scenario()
    }
}

impl Scenario {
    /// Id of the preset it started from.
    pub fn preset(&self) -> &'static str {
        self.preset
    }
    /// How it is estimated.
    pub fn estimator(&self) -> Estimator {
        self.estimator
    }
    /// Whether it is counted from the architecture.
    pub fn is_detailed(&self) -> bool {
        self.estimator == Estimator::Detailed
    }
    /// The catalogue's row that the architecture started from; none for an own or imported one.
    pub fn model(&self) -> Option<&'static Model> {
        self.model
    }
    /// What to call the model: its name in the catalogue, and whether it was changed since; or whose code and how large.
    pub fn model_name(&self) -> String {
        match self.model {
            Some(model) if model.architecture() == self.architecture => model.name.to_owned(),
            Some(model) => format!("{}, changed", model.name),
            None => format!(
                "own {} with {} B parameters",
                self.architecture.family.label(),
                units::significant(self.architecture.parameters() as f64 / 1e9, 3)
            ),
        }
    }

    /// The architecture. The rule of thumb reads its hidden size, layers and heads alone.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }
    /// How the detailed estimator counts FLOP.
    pub fn convention(&self) -> Convention {
        self.convention
    }
    /// Parameters P: as chosen under the rule of thumb, counted from the architecture under the detailed estimator.
    pub fn parameters(&self) -> u64 {
        self.parameters
    }
    /// Training tokens D.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }
    /// Number of GPUs n.
    pub fn gpus(&self) -> u64 {
        self.gpus
    }
    /// The GPU's row in the catalogue.
    pub fn gpu(&self) -> &'static Accelerator {
        self.gpu
    }
    /// Achieved rate as it was given.
    pub fn rate(&self) -> Rate {
        self.rate
    }
    /// Training precision.
    pub fn precision(&self) -> Precision {
        self.precision
    }
    /// Gradient dtype as chosen; see [`GradientDtype::bytes`] for what it comes to.
    pub fn gradients(&self) -> GradientDtype {
        self.gradients
    }
    /// Optimizer.
    pub fn optimizer(&self) -> Optimizer {
        self.optimizer
    }
    /// Activation recomputation.
    pub fn recomputation(&self) -> Recomputation {
        self.recomputation
    }
    /// Sequence length s, in tokens.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }
    /// Micro-batch b, in sequences per GPU.
    pub fn micro_batch(&self) -> u64 {
        self.micro_batch
    }
    /// Hidden size h.
    pub fn hidden(&self) -> u64 {
        self.architecture.hidden
    }
    /// Layers L.
    pub fn layers(&self) -> u64 {
        self.architecture.layers
    }
    /// Attention heads a.
    pub fn heads(&self) -> u64 {
        self.architecture.attention.heads
    }
    /// Tensor-parallel degree t.
    pub fn tensor_parallel(&self) -> u64 {
        self.tensor_parallel
    }
    /// Software, kernels, adapters and the layout.
    pub fn details(&self) -> &Details {
        &self.details
    }
    /// The layout over its GPUs.
    pub fn layout(&self) -> Layout {
        self.details.layout(self.gpus, self.tensor_parallel)
    }
    /// Dollars for one GPU-hour, where the reader gave a price.
    pub fn price_per_gpu_hour(&self) -> Option<f64> {
        self.own.price_per_hour
    }
    /// Rated power of one GPU in watts: the reader's, else the catalogue's where it is known.
    pub fn power_watts(&self) -> Option<f64> {
        self.own.power_watts.or(self.gpu.tdp_watts())
    }
    /// Power usage effectiveness of the data centre, from 1.
    pub fn pue(&self) -> f64 {
        self.pue
    }
    /// Grams of CO₂ a kWh.
    pub fn grid_grams_per_kwh(&self) -> f64 {
        self.grid_grams_per_kwh
    }
    /// Days in which training must be done.
    pub fn deadline_days(&self) -> Option<f64> {
        self.deadline_days
    }
    /// Dollars that training may cost.
    pub fn budget_dollars(&self) -> Option<f64> {
        self.budget_dollars
    }
    /// What is solved for.
    pub fn unknown(&self) -> Unknown {
        self.unknown
    }
    /// What the converter holds.
    pub fn held(&self) -> Held {
        self.held
    }

    /// The dense peak that a rate is a share of: the chosen GPU's, for the chosen precision, or the reader's own.
    pub fn peak(&self) -> FlopPerSecond {
        match self.own.peak_tflops {
            Some(tflops) => FlopPerSecond::from_tflops(tflops),
            None => self.gpu.peak(self.precision.arithmetic()),
        }
    }

    /// Bytes a program can use on one GPU: the catalogue's, or the reader's own.
    pub fn usable(&self) -> Bytes {
        match self.own.memory_gb {
            Some(gb) => Bytes((gb * 1e9).round() as u128),
            None => self.gpu.usable,
        }
    }

    /// Achieved rate of one GPU.
    pub fn achieved(&self) -> FlopPerSecond {
        match self.rate {
            Rate::Tflops(tflops) => FlopPerSecond::from_tflops(tflops),
            Rate::MfuPercent(percent) => FlopPerSecond(self.peak().0 * percent / 100.0),
        }
    }

    /// Model FLOP utilization, in percent of [`Scenario::peak`]. Over 100 where the rate is impossible.
    pub fn mfu_percent(&self) -> f64 {
        match self.rate {
            Rate::MfuPercent(percent) => percent,
            Rate::Tflops(_) => 100.0 * self.achieved().0 / self.peak().0,
        }
    }

    /// Reads a real number as the fields do, with its unit or without.
    pub(crate) fn read_real(text: &str, unit: &str) -> Option<f64> {
        values::real(text, unit).ok()
    }

    /// This scenario, holding other things.
    pub fn holding(self, held: Held) -> Self {
        Self { held, ..self }
    }

    /// This scenario with an architecture that is in no catalogue, estimated in detail.
    ///
    /// # Errors
    /// Where the architecture's parts do not go together.
    pub fn with_architecture(&self, architecture: Architecture) -> Result<Self, Invalid> {
        Self {
            estimator: Estimator::Detailed,
            model: None,
            architecture,
            ..*self
        }
        .checked()
    }

    /// What should change with a field that a reader changes: under the detailed estimator, relations of the architecture
    /// that held go on holding ([`Architecture::followers`]); on the way there from the rule of thumb, which knows only
    /// hidden size, layers and heads, the rest of the model's shape follows these.
    pub fn followers(&self, field: Field, value: Value) -> Vec<(Field, Value)> {
        let own = |followers: Vec<(ModelField, Value)>| {
            let own = |(field, value)| (Field::Architecture(field), value);
            followers.into_iter().map(own).collect()
        };
        match field {
            Field::Architecture(field) if self.is_detailed() => {
                own(self.architecture.followers(field, value))
            }
            Field::Estimator if value == Field::option(Estimator::Detailed) => {
                let mut shaped = self.started_from();
                let mut all = Vec::new();
                for field in [ModelField::Hidden, ModelField::Heads] {
                    let value = field.get(&self.architecture);
                    let followers = shaped.followers(field, value);
                    field.set(&mut shaped, value);
                    for (field, value) in followers {
                        field.set(&mut shaped, value);
                        all.push((field, value));
                    }
                }
                own(all)
            }
            _ => Vec::new(),
        }
    }

    /// The architecture that the reader started from: the catalogue's, else the preset's.
    fn started_from(&self) -> Architecture {
        match (self.model, Preset::find(self.preset)) {
            (Some(model), _) => model.architecture(),
            (None, Some(preset)) => preset.scenario().architecture,
            (None, None) => self.architecture,
        }
    }

    /// The value of a field.
    pub fn value(&self, field: Field) -> Value {
        let real = |value: Option<f64>| value.map_or(Value::Unset, Value::Real);
        match field {
            Field::Estimator => Field::option(self.estimator),
            Field::Model => field::model_value(self.model),
            Field::Architecture(field) => field.get(&self.architecture),
            Field::Convention => Field::option(self.convention),
            Field::Parameters => Value::Count(self.parameters),
            Field::Tokens => Value::Count(self.tokens),
            Field::Gpus => Value::Count(self.gpus),
            Field::Gpu => Value::Choice(position(ACCELERATORS, self.gpu)),
            Field::Memory => real(self.own.memory_gb),
            Field::Peak => real(self.own.peak_tflops),
            Field::Power => real(self.own.power_watts),
            Field::Tflops => Value::Real(match self.rate {
                // As given: a detour by FLOP/s would change the last digit.
                Rate::Tflops(tflops) => tflops,
                Rate::MfuPercent(_) => self.achieved().tflops(),
            }),
            Field::Mfu => Value::Real(self.mfu_percent()),
            Field::Precision => Field::option(self.precision),
            Field::Gradients => Field::option(self.gradients),
            Field::Optimizer => Field::option(self.optimizer),
            Field::Recomputation => Field::option(self.recomputation),
            Field::Sequence => Value::Count(self.sequence),
            Field::MicroBatch => Value::Count(self.micro_batch),
            Field::TensorParallel => Value::Count(self.tensor_parallel),
            Field::Detail(detail) if detail.is_choice() => {
                Value::Choice(self.details.count(detail) as usize)
            }
            Field::Detail(detail) => Value::Count(self.details.count(detail)),
            Field::Price => real(self.own.price_per_hour),
            Field::Pue => Value::Real(self.pue),
            Field::Grid => Value::Real(self.grid_grams_per_kwh),
            Field::Deadline => real(self.deadline_days),
            Field::Budget => real(self.budget_dollars),
            Field::Unknown => Field::option(self.unknown),
        }
    }

    /// Whether a field means something here: a dense model has no expert size, the rule of thumb counts nothing.
    pub fn has(&self, field: Field) -> bool {
        match field {
            Field::Architecture(field) => field.applies(&self.architecture),
            Field::Parameters => !self.is_detailed(),
            Field::Convention | Field::Detail(_) => self.is_detailed(),
            _ => true,
        }
    }

    /// This scenario with one field changed.
    ///
    /// # Errors
    /// Where the value is out of the field's range or does not go with the others.
    pub fn with(&self, field: Field, value: Value) -> Result<Self, Invalid> {
        self.with_all(&[(field, value)])
    }

    /// This scenario with several fields changed, in this order: some values are valid only together.
    ///
    /// # Errors
    /// Where a value is out of its field's range, describes what the model lacks, or the set does not go together.
    pub fn with_all(&self, changes: &[(Field, Value)]) -> Result<Self, Invalid> {
        self.with_all_from(&self.architecture, changes)
    }

    /// The same, the architecture's fields changed from `base`.
    ///
    /// # Errors
    /// As for [`Scenario::with_all`].
    pub(crate) fn with_all_from(
        &self,
        base: &Architecture,
        changes: &[(Field, Value)],
    ) -> Result<Self, Invalid> {
        let mut changed = Self {
            architecture: *base,
            ..*self
        };
        for &(field, value) in changes {
            let value = field.admit(value)?;
            if !changed.has(field) {
                return Err(Invalid::Absent(field));
            }
            changed.assign(field, value);
        }
        changed.checked()
    }

    /// Whether a value of the field's range goes with the rest.
    pub(super) fn goes_with(&self, field: Field, value: Value) -> bool {
        let mut changed = *self;
        changed.assign(field, value);
        changed.conflict().is_none()
    }

    fn assign(&mut self, field: Field, value: Value) {
        match (field, value) {
            (Field::Architecture(field), value) => field.set(&mut self.architecture, value),
            (Field::Detail(detail), Value::Count(count)) => {
                self.details.0[detail as usize] = count as u32;
            }
            (Field::Detail(detail), Value::Choice(index)) => {
                self.details.0[detail as usize] = index as u32;
            }
            (field, Value::Count(count)) => self.assign_count(field, count),
            (field, Value::Choice(index)) => self.assign_choice(field, index),
            (field, Value::Real(real)) => self.assign_real(field, Some(real)),
            (field, Value::Unset) => self.assign_real(field, None),
            // `Field::admit` returns the kind of value that the field takes.
            (_, Value::Layers(_)) => {}
        }
    }

    fn assign_count(&mut self, field: Field, count: u64) {
        match field {
            Field::Parameters => self.parameters = count,
            Field::Tokens => self.tokens = count,
            Field::Gpus => self.gpus = count,
            Field::Sequence => self.sequence = count,
            Field::MicroBatch => self.micro_batch = count,
            Field::TensorParallel => self.tensor_parallel = count,
            _ => {}
        }
    }

    fn assign_choice(&mut self, field: Field, index: usize) {
        match field {
            Field::Estimator => self.estimator = Estimator::ALL[index],
            Field::Model => {
                self.model = field::model_at(index);
                if let Some(model) = self.model {
                    self.architecture = model.architecture();
                }
            }
            Field::Convention => self.convention = Convention::ALL[index],
            Field::Gpu => self.gpu = &ACCELERATORS[index],
            Field::Precision => self.precision = Precision::ALL[index],
            Field::Gradients => self.gradients = GradientDtype::ALL[index],
            Field::Optimizer => self.optimizer = Optimizer::ALL[index],
            Field::Recomputation => self.recomputation = Recomputation::ALL[index],
            Field::Unknown => self.unknown = Unknown::ALL[index],
            _ => {}
        }
    }

    fn assign_real(&mut self, field: Field, value: Option<f64>) {
        match (field, value) {
            (Field::Memory, value) => self.own.memory_gb = value,
            (Field::Peak, value) => self.own.peak_tflops = value,
            (Field::Power, value) => self.own.power_watts = value,
            (Field::Price, value) => self.own.price_per_hour = value,
            (Field::Deadline, value) => self.deadline_days = value,
            (Field::Budget, value) => self.budget_dollars = value,
            (Field::Tflops, Some(tflops)) => self.rate = Rate::Tflops(tflops),
            (Field::Mfu, Some(percent)) => self.rate = Rate::MfuPercent(percent),
            (Field::Pue, Some(pue)) => self.pue = pue,
            (Field::Grid, Some(grams)) => self.grid_grams_per_kwh = grams,
            _ => {}
        }
    }

    /// What is valid only together, checked, and what is counted, counted.
    fn checked(mut self) -> Result<Self, Invalid> {
        if let Some(invalid) = self.conflict() {
            return Err(invalid);
        }
        if self.is_detailed() {
            self.parameters = self.architecture.parameters();
        }
        Ok(self)
    }

    fn conflict(&self) -> Option<Invalid> {
        if self.is_detailed() {
            self.architecture_conflict()
        } else {
            // The rule of thumb divides h by a and both by t; its bytes are whole only then.
            divides(Field::HEADS, self.heads(), Field::HIDDEN, self.hidden()).or_else(|| {
                divides(
                    Field::TensorParallel,
                    self.tensor_parallel,
                    Field::HEADS,
                    self.heads(),
                )
            })
        }
    }

    fn architecture_conflict(&self) -> Option<Invalid> {
        let attention = &self.architecture.attention;
        let field = Field::Architecture;
        let kv = divides(
            field(ModelField::KvHeads),
            attention.kv_heads,
            Field::HEADS,
            attention.heads,
        );
        let rotary = exceeds(
            field(ModelField::RotaryDim),
            attention.rotary_dim,
            field(ModelField::HeadDim),
            attention.head_dim,
        );
        let active = self.architecture.experts.and_then(|experts| {
            exceeds(
                field(ModelField::ActiveExperts),
                experts.active,
                field(ModelField::Experts),
                experts.count,
            )
        });
        kv.or(rotary).or(active)
    }
}

fn divides(divisor: Field, value: u64, of: Field, whole: u64) -> Option<Invalid> {
    (!whole.is_multiple_of(value)).then_some(Invalid::DoesNotDivide {
        divisor,
        value,
        of,
        whole,
    })
}

fn exceeds(field: Field, value: u64, limit: Field, most: u64) -> Option<Invalid> {
    (value > most).then_some(Invalid::Exceeds {
        field,
        value,
        limit,
        most,
    })
}

fn position<T: PartialEq>(all: &[T], one: &T) -> usize {
    all.iter().position(|other| other == one).unwrap_or(0)
}
