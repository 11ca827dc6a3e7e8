//! `petaday plan`: a scenario in, its layouts out as JSON lines, the fastest first, and a last line that sums up.

use petaday::field::{Choice, MAX_LAYERS, options};
use petaday::flop::{Counting, forward};
use petaday::hardware::{Accelerator, Arithmetic};
use petaday::launch::{Launch, accelerate, deepspeed, megatron, torchtitan, training_arguments};
use petaday::model::{Architecture, Family, Model, ModelField};
use petaday::plan::{
    Candidate, Point, Question, Recomputed, Search, Swept, crossing, remedies, sweep,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// A tool whose launch settings can be printed.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum Tool {
    /// Flags of Megatron-LM.
    Megatron,
    /// DeepSpeed's JSON configuration.
    Deepspeed,
    /// torchtitan's TOML file.
    Torchtitan,
    /// Hugging Face's TrainingArguments.
    Transformers,
    /// accelerate's YAML file.
    Accelerate,
}

/// What a plan prints beside its layouts, or instead of them.
#[derive(clap::Args)]
pub struct Choices {
    /// Prints launch settings of the fastest layout for this tool instead.
    #[arg(long, value_name = "TOOL", conflicts_with = "sweep")]
    launch: Option<Tool>,
    /// Prints the fastest layout at each value of one input instead, such as `gpus=8,16,32`: gpus, sequence, micro_batch,
    /// global_batch or layers.
    #[arg(long, value_name = "INPUT=VALUES", value_parser = swept)]
    sweep: Option<(Swept, Vec<u64>)>,
}

/// An input and its values.
fn swept(text: &str) -> Result<(Swept, Vec<u64>), String> {
    let (key, values) = text.split_once('=').unwrap_or((text, ""));
    let swept = SWEPT.iter().find(|(own, _)| *own == key);
    let Some((_, swept)) = swept else {
        let keys: Vec<&str> = SWEPT.iter().map(|(own, _)| *own).collect();
        return Err(format!("`{key}` is none of {}", keys.join(", ")));
    };
    let most = match swept {
        Swept::Layers => MAX_LAYERS - 1,
        _ => 1 << 24,
    };
    let one = |text: &str| match text.trim().parse() {
        Ok(value) if (1..=most).contains(&value) => Ok(value),
        _ => Err(format!("`{text}` is no whole number from 1 to {most}")),
    };
    let values: Result<Vec<u64>, String> = values.split(',').map(one).collect();
    Ok((*swept, values?))
}

/// Inputs that can be swept, as files call them.
const SWEPT: [(&str, Swept); 5] = [
    ("gpus", Swept::Gpus),
    ("sequence", Swept::Sequence),
    ("micro_batch", Swept::MicroBatch),
    ("global_batch", Swept::GlobalBatch),
    ("layers", Swept::Layers),
];

/// Prints the plan of a scenario; says whether it could be read.
pub fn plan(text: &str, choices: &Choices) -> bool {
    let (question, lines) = match read(text) {
        Ok(read) => read,
        Err(errors) => {
            let errors: Vec<Value> = errors
                .iter()
                .map(|(field, message)| super::error(field, message))
                .collect();
            println!("{}", json!({ "error": errors[0], "errors": errors }));
            return false;
        }
    };
    if let Some((swept, values)) = &choices.sweep {
        print_sweep(&question, *swept, values);
        return true;
    }
    let mut search = Search::new(question.task(), question.space());
    search.finish();
    if let Some(tool) = choices.launch {
        return launch(&question, &search, tool);
    }
    for (index, found) in search.best().iter().take(lines).enumerate() {
        let mut line = layout(&question, &search, found);
        line.insert("rank".to_owned(), json!(index + 1));
        println!("{}", Value::Object(line));
    }
    println!("{}", summary(&question, &search, lines));
    true
}

/// Prints a line for each value, and one with the capacity crossing between two of them, to the values' common divisor.
fn print_sweep(question: &Question, swept: Swept, values: &[u64]) {
    let key = SWEPT.iter().find(|(_, own)| *own == swept);
    let key = key.map_or("value", |(key, _)| *key);
    let mut first: Option<Point> = None;
    let mut crossed = None;
    let mut before: Option<Point> = None;
    for point in sweep(question, swept, values) {
        first = first.or(Some(point).filter(|point| point.best.is_some()));
        if let Some(before) = before.filter(|before| before.best.is_some() != point.best.is_some())
        {
            let (fits, fails) = match point.best {
                Some(_) => (point.value, before.value),
                None => (before.value, point.value),
            };
            crossed = crossed.or(Some((fits, fails)));
        }
        before = Some(point);
        println!("{}", swept_line(question, key, swept, &point, &first));
    }
    let step = values.iter().copied().fold(0, divisor);
    let crossing = crossed.and_then(|(fits, fails)| crossing(question, swept, fits, fails, step));
    let crossing = crossing.map(|found| {
        json!({ "input": key, "fits": found.fits.value, "does_not_fit": found.fails.value })
    });
    println!("{}", json!({ "crossing": crossing }));
}

/// The greatest common divisor.
const fn divisor(one: u64, other: u64) -> u64 {
    let (mut one, mut other) = (one, other);
    while other > 0 {
        (one, other) = (other, one % other);
    }
    one
}

/// One value: its fastest layout, least memory, cost, and tokens of an accelerator and second over the first that fits.
fn swept_line(
    question: &Question,
    key: &str,
    swept: Swept,
    point: &Point,
    first: &Option<Point>,
) -> Value {
    let changed = swept.at(question, point.value);
    let mut line = Map::new();
    if let Some(best) = &point.best {
        let search = Search::new(changed.task(), changed.space());
        line = layout(&changed, &search, best);
    }
    let hours = point.gpu_hours(TOKENS);
    let dollars = changed.accelerator.price.and_then(|price| {
        let of = |price| point.dollars(TOKENS, price);
        Some(json!([of(price.low)?, of(price.high)?]))
    });
    let efficiency = first.and_then(|first| point.efficiency(&first));
    let least = point.smallest.map(|one| one.bytes.ceil() as u64);
    for (name, value) in [
        (key, json!(point.value)),
        ("gpus", json!(point.gpus)),
        ("parameters", json!(point.parameters)),
        ("fits", json!(point.best.is_some())),
        ("efficiency", json!(efficiency)),
        ("least_bytes", json!(least)),
        ("capacity_bytes", json!(point.capacity.floor() as u64)),
        ("gpu_hours_per_billion_tokens", json!(hours)),
        ("dollars_per_billion_tokens", json!(dollars)),
    ] {
        line.insert(name.to_owned(), value);
    }
    Value::Object(line)
}

/// Tokens that costs are told for.
const TOKENS: f64 = 1e9;

/// Prints the settings of the fastest layout; says whether there is one.
fn launch(question: &Question, search: &Search, tool: Tool) -> bool {
    let Some(best) = search.best().first() else {
        let mut message = search.sentence();
        if let Some(miss) = search.miss() {
            message.push(' ');
            message.push_str(&miss.sentence());
        }
        println!("{}", json!({ "error": super::error("gpus", &message) }));
        return false;
    };
    let launch = Launch::of(question, best);
    let text = match tool {
        Tool::Megatron => megatron(&launch),
        Tool::Deepspeed => deepspeed(&launch),
        Tool::Torchtitan => torchtitan(&launch),
        Tool::Transformers => training_arguments(&launch),
        Tool::Accelerate => accelerate(&launch),
    };
    print!("{text}");
    true
}

fn layout(question: &Question, search: &Search, found: &Candidate) -> Map<String, Value> {
    let (shape, place) = (&found.shape, &found.place);
    let tokens = question.global_batch as f64 * question.sequence as f64;
    let sequence = forward(&question.architecture, question.sequence, Counting::Full);
    let flop = sequence.model() as f64 * question.global_batch as f64;
    let peak = question
        .accelerator
        .peak(question.narrow.unwrap_or(question.precision.arithmetic()))
        .0;
    let causes: Map<String, Value> = search
        .step_time(found)
        .causes()
        .iter()
        .map(|(cause, seconds)| (cause.to_ascii_lowercase(), json!(seconds)))
        .collect();
    let recomputed = match place.recomputed {
        Recomputed::Nothing => "nothing",
        Recomputed::Attention => "attention",
        Recomputed::Layer => "layers",
    };
    let layers = place.recomputed_layers.min(question.architecture.layers);
    let line = json!({
        "step_seconds": found.seconds,
        "tokens_per_second": tokens / found.seconds,
        "mfu": flop / (found.seconds * question.gpus as f64 * peak),
        "bytes": found.bytes.ceil() as u64,
        "margin_bytes": (search.space().capacity - found.bytes).floor() as i64,
        "tensor": shape.tensor,
        "sequence_parallel": shape.sequence_parallel,
        "context": shape.context,
        "pipeline": place.pipeline,
        "schedule": place.schedule.key(),
        "chunks": place.chunks,
        "last_chunk_layers": place.last,
        "data": place.data,
        "expert": shape.expert,
        "expert_tensor": shape.expert_tensor,
        "sharding": place.sharding.key(),
        "micro_batch": shape.micro_batch,
        "micro_batches": place.micro_batches,
        "recomputed": recomputed,
        "recomputed_layers": layers,
        "seconds": causes,
    });
    match line {
        Value::Object(line) => line,
        _ => Map::new(),
    }
}

/// Counts, sentences, the front of time against memory; what is nearest and what would help where nothing fits.
fn summary(question: &Question, search: &Search, lines: usize) -> Value {
    let rejections = search.rejections();
    let rejected: Map<String, Value> = rejections
        .iter()
        .map(|one| (one.reason.key().to_owned(), json!(one.count)))
        .collect();
    let front: Vec<Value> = search
        .front()
        .iter()
        .map(|found| Value::Object(layout(question, search, found)))
        .collect();
    let mut sentences = vec![search.sentence()];
    sentences.extend(search.comparison().map(|comparison| comparison.sentence()));
    sentences.extend(search.front_sentence());
    let mut nearest = Value::Null;
    let mut helps = Vec::new();
    if let Some(miss) = search.miss() {
        sentences.push(miss.sentence());
        nearest = Value::Object(layout(question, search, &miss.nearest));
    }
    if search.fitting() == 0 {
        for (remedy, fits) in remedies(question) {
            sentences.push(remedy.sentence(&fits));
            helps.push(json!({ "remedy": remedy.phrase(), "step_seconds": fits.seconds }));
        }
    }
    sentences.extend(rejections.iter().map(|one| one.sentence()));
    json!({
        "counted": search.counted(),
        "fitting": search.fitting(),
        "printed": search.best().len().min(lines),
        "rejected": rejected,
        "sentences": sentences,
        "front": front,
        "nearest_miss": nearest,
        "remedies": helps,
    })
}

/// The question of a scenario and how many layouts are asked for; else every field that is wrong, with a sentence.
fn read(text: &str) -> Result<(Question, usize), Vec<(String, String)>> {
    let value: Value = serde_json::from_str(text).map_err(|why| {
        let message = format!("this is no JSON: {why}");
        vec![(String::new(), message)]
    })?;
    let Value::Object(object) = value else {
        let message = "a scenario is a JSON object".to_owned();
        return Err(vec![(String::new(), message)]);
    };
    let mut fields = Fields::of(&object);
    let architecture = architecture(&mut fields);
    let gpu = fields.text("gpu").unwrap_or("h100-sxm");
    let accelerator = Accelerator::find(gpu);
    if accelerator.is_none() {
        let ids: Vec<&str> = Accelerator::search(gpu).map(|one| one.id).take(5).collect();
        let near = match ids.is_empty() {
            true => "such as h100-sxm".to_owned(),
            false => format!("perhaps {}", ids.join(", ")),
        };
        fields.wrong("gpu", &format!("`{gpu}` is not in the catalogue; {near}"));
    }
    let sequence = fields.count("sequence", 1, 1 << 24);
    let global_batch = fields.count("global_batch", 1, 1 << 24);
    let gpus = fields.count("gpus", 1, 1 << 20);
    let missing = |fields: &mut Fields, key: &str, value: Option<u64>| {
        if value.is_none() && !fields.object.contains_key(key) {
            fields.wrong(key, "has to be given");
        }
        value.unwrap_or(1)
    };
    let sequence = missing(&mut fields, "sequence", sequence);
    let global_batch = missing(&mut fields, "global_batch", global_batch);
    let gpus = missing(&mut fields, "gpus", gpus);
    let accelerator = accelerator.unwrap_or(&petaday::hardware::ACCELERATORS[0]);
    let base = architecture.unwrap_or(Family::Generic.base());
    let plain = Question::of(base, sequence, global_batch, accelerator, gpus);
    let narrow = match fields.text("products") {
        None | Some("16bit") => None,
        Some("fp8") => Some(Arithmetic::Fp8),
        Some("fp4") => Some(Arithmetic::Fp4),
        Some(other) => {
            let message = format!("`{other}` is none of 16bit, fp8, fp4");
            fields.wrong("products", &message);
            None
        }
    };
    let question = Question {
        stack: fields.choice("stack").unwrap_or(plain.stack),
        precision: fields.choice("precision").unwrap_or(plain.precision),
        narrow,
        gradients: fields.choice("gradients").unwrap_or(plain.gradients),
        optimizer: fields.choice("optimizer").unwrap_or(plain.optimizer),
        attention: fields.choice("attention").unwrap_or(plain.attention),
        matrix_tflops: fields.real("matrix_tflops", 1e-3, 1e6),
        reserve: fields
            .real("reserve_gb", 0.0, 1e6)
            .map_or(plain.reserve, |gb| gb * 1e9),
        most_chunks: fields
            .count("most_chunks", 1, 16)
            .unwrap_or(plain.most_chunks),
        tensor_beyond_links: fields.flag("tensor_beyond_links").unwrap_or(false),
        micro_batch: fields.count("micro_batch", 1, 1 << 24),
        ..plain
    };
    let lines = fields.count("layouts", 0, Search::KEPT as u64);
    let lines = lines.map_or(Search::KEPT, |lines| lines as usize);
    fields.end();
    if fields.errors.is_empty() {
        Ok((question, lines))
    } else {
        Err(fields.errors)
    }
}

/// The model: of the catalogue, or described.
fn architecture(fields: &mut Fields) -> Option<Architecture> {
    let family = fields.choice("family");
    match (fields.text("model"), fields.text("architecture")) {
        (Some(name), None) => {
            let found = Model::named(name);
            if found.is_none() {
                let near: Vec<&str> = Model::search(name).map(|one| one.id).take(5).collect();
                let near = match near.is_empty() {
                    true => String::new(),
                    false => format!("; perhaps {}", near.join(", ")),
                };
                fields.wrong("model", &format!("`{name}` is not in the catalogue{near}"));
            }
            if family.is_some() {
                fields.wrong("family", "goes with `architecture`, not with `model`");
            }
            found.map(Model::architecture)
        }
        (None, Some(text)) => {
            let described = Architecture::described(family.unwrap_or(Family::Generic), text);
            match described {
                Ok(architecture) if heads_fit(&architecture) => Some(architecture),
                Ok(_) => {
                    fields.wrong("architecture", "`kv` has to divide `heads`");
                    None
                }
                Err((pair, _)) => {
                    fields.wrong("architecture", &not_described(pair));
                    None
                }
            }
        }
        (Some(_), Some(_)) => {
            fields.wrong("architecture", "give `model` or `architecture`, not both");
            None
        }
        (None, None) => {
            if !fields.object.contains_key("model") && !fields.object.contains_key("architecture") {
                fields.wrong("model", "has to be given, or `architecture`");
            }
            None
        }
    }
}

/// What is wrong with a pair of an architecture's description.
fn not_described(pair: &str) -> String {
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    let field = ModelField::ALL.into_iter().find(|field| field.key() == key);
    match field.map(ModelField::kind) {
        None => format!("`{key}` is nothing that an architecture has"),
        Some(kind) if kind.parse(value).is_err() => {
            format!("`{key}` takes {}, not `{value}`", kind.valid())
        }
        Some(_) => format!("`{key}` describes a part that this architecture does not have"),
    }
}

const fn heads_fit(architecture: &Architecture) -> bool {
    let attention = &architecture.attention;
    attention.kv_heads > 0 && attention.heads.is_multiple_of(attention.kv_heads)
}

/// A JSON object's fields, each read once, and what is wrong with them.
struct Fields<'a> {
    object: &'a Map<String, Value>,
    read: BTreeSet<&'static str>,
    errors: Vec<(String, String)>,
}

impl<'a> Fields<'a> {
    fn of(object: &'a Map<String, Value>) -> Self {
        Self {
            object,
            read: BTreeSet::new(),
            errors: Vec::new(),
        }
    }

    fn wrong(&mut self, field: &str, message: &str) {
        self.errors.push((field.to_owned(), message.to_owned()));
    }

    /// The field, unless it is absent or null.
    fn value(&mut self, key: &'static str) -> Option<&'a Value> {
        self.read.insert(key);
        self.object.get(key).filter(|value| !value.is_null())
    }

    fn text(&mut self, key: &'static str) -> Option<&'a str> {
        let value = self.value(key)?;
        if !value.is_string() {
            self.wrong(key, &format!("{value} is no text"));
        }
        value.as_str()
    }

    fn flag(&mut self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        if !value.is_boolean() {
            self.wrong(key, &format!("{value} is neither true nor false"));
        }
        value.as_bool()
    }

    fn count(&mut self, key: &'static str, least: u64, most: u64) -> Option<u64> {
        let value = self.value(key)?;
        let count = value
            .as_u64()
            .filter(|count| (least..=most).contains(count));
        if count.is_none() {
            self.wrong(
                key,
                &format!("{value} is no whole number from {least} to {most}"),
            );
        }
        count
    }

    fn real(&mut self, key: &'static str, least: f64, most: f64) -> Option<f64> {
        let value = self.value(key)?;
        let real = value.as_f64().filter(|real| (least..=most).contains(real));
        if real.is_none() {
            self.wrong(key, &format!("{value} is no number from {least} to {most}"));
        }
        real
    }

    fn choice<C: Choice>(&mut self, key: &'static str) -> Option<C> {
        let text = self.text(key)?;
        let found = C::find(text);
        if found.is_none() {
            let valid = options::<C>().valid();
            self.wrong(key, &format!("`{text}` is none of {valid}"));
        }
        found
    }

    /// Finds fault with fields that nobody read.
    fn end(&mut self) {
        let unknown: Vec<&String> = self
            .object
            .keys()
            .filter(|key| !self.read.contains(key.as_str()))
            .collect();
        let known: Vec<&str> = self.read.iter().copied().collect();
        let known = known.join(", ");
        for key in unknown {
            self.wrong(key, &format!("is no field of a plan; there are {known}"));
        }
    }
}
