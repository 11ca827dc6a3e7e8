//! `petaday plan`: a scenario in, its layouts out as JSON lines, the fastest first, and a last line that sums up.

use petaday::compute::flop::{Counting, forward};
use petaday::field::{Choice, options};
use petaday::hardware::{Accelerator, Arithmetic};
use petaday::launch::{Launch, accelerate, deepspeed, megatron, torchtitan, training_arguments};
use petaday::model::{Architecture, Family, Model, ModelField};
use petaday::plan::{Candidate, Question, Recomputed, Search, remedies};
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

/// Prints the plan of a scenario; says whether it could be read.
pub fn plan(text: &str, tool: Option<Tool>) -> bool {
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
    let mut search = Search::new(question.task(), question.space());
    search.finish();
    if let Some(tool) = tool {
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
