//! `petaday plan`: a scenario in, its layouts out as JSON lines, the fastest first, and a last line that sums up.

use crate::scenario::{self, Object, Wrong};
use petaday::field::{Choice, MAX_LAYERS};
use petaday::flop::{Counting, forward};
use petaday::hardware::Arithmetic;
use petaday::launch::{Launch, accelerate, deepspeed, megatron, torchtitan, training_arguments};
use petaday::plan::{
    Candidate, Point, Question, Recomputed, Search, Swept, crossing, remedies, sweep,
};
use petaday::scenario::Detail;
use petaday::section::plan;
use petaday::training::Precision;
use serde_json::{Map, Value, json};

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
                .map(|one| super::error(&one.field, &one.message))
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
///
/// A scenario is what `petaday estimate` reads, and beside it stand the plan's own fields. Trained is in BF16 with FP32
/// master weights and gradients unless the scenario says otherwise.
fn read(text: &str) -> Result<(Question, usize), Vec<Wrong>> {
    let object: Object = serde_json::from_str(text).map_err(|why| {
        let message = format!("this is no scenario in JSON: {why}");
        vec![Wrong::new("", message)]
    })?;
    let mut object = object.renamed(&ALIASES);
    let mut own = Own::default();
    let mut wrong = own.take(&mut object);
    let has = |key: &str| object.has(key);
    let is_whole = has("preset") || has("inputs");
    let missing = |key: &str, given: bool| {
        (!is_whole && !given).then(|| Wrong::new(key, format!("{key} has to be given")))
    };
    let batch = own.global_batch.is_some() || has("batch") || has("accum");
    let asked = wrong.iter().any(|one| one.field == "global_batch");
    wrong.extend(missing("global_batch", batch || asked));
    wrong.extend(missing("gpus", has("gpus")));
    wrong.extend(missing("seq", has("seq")));
    let described = ["model", "architecture", "config", "model_type", "est"];
    if !is_whole && !described.into_iter().any(has) {
        let message = "model has to be given, or an architecture, or a config";
        wrong.push(Wrong::new("model", message));
    }
    let stack = has("stack");
    if !is_whole && !has("precision") {
        object.set("precision", Precision::MainGradients.key());
    }
    let scenario = match scenario::read(object) {
        Ok(read) if read.held.is_some() => {
            wrong.push(Wrong::new(
                "inputs",
                "a recorded step is no scenario to plan",
            ));
            None
        }
        Ok(read) => Some(read.scenario),
        Err(more) => {
            wrong.extend(more);
            None
        }
    };
    let question = scenario.map(|scenario| {
        let question = plan::question(&scenario)?;
        let stack = if stack {
            scenario.details().choice(Detail::Stack)
        } else {
            question.stack
        };
        Ok::<Question, String>(Question { stack, ..question })
    });
    match question {
        Some(Ok(question)) if wrong.is_empty() => {
            let lines = own.layouts.map_or(Search::KEPT, |lines| lines as usize);
            Ok((own.into_question(question), lines))
        }
        Some(Err(why)) => {
            wrong.push(Wrong::new("", why));
            Err(wrong)
        }
        _ => Err(wrong),
    }
    .map_err(|wrong| wrong.into_iter().map(by_its_alias(text)).collect())
}

/// Longer names of a scenario's fields, which plans have had before.
const ALIASES: [(&str, &str); 3] = [
    ("sequence", "seq"),
    ("gradients", "grads"),
    ("attention", "attn"),
];

/// An error named as the file names its field.
fn by_its_alias(text: &str) -> impl Fn(Wrong) -> Wrong + '_ {
    |wrong| {
        let alias = ALIASES.iter().find(|(alias, key)| {
            let quoted = |key: &str| text.contains(&format!("\"{key}\""));
            wrong.field == *key && (quoted(alias) || !quoted(key))
        });
        match alias {
            Some((alias, _)) => Wrong::new(alias, wrong.message),
            None => wrong,
        }
    }
}

/// What a plan is told beside the scenario.
#[derive(Default)]
struct Own {
    global_batch: Option<u64>,
    micro_batch: Option<u64>,
    narrow: Option<Arithmetic>,
    matrix_tflops: Option<f64>,
    reserve_gb: Option<f64>,
    most_chunks: Option<u64>,
    tensor_beyond_links: Option<bool>,
    layouts: Option<u64>,
}

impl Own {
    /// Takes the plan's own fields out of an object; what is wrong with them.
    fn take(&mut self, object: &mut Object) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let mut count = |key: &str, least: u64, most: u64| {
            let value = object.take(key)?;
            let count = value
                .as_u64()
                .filter(|count| (least..=most).contains(count));
            if count.is_none() {
                let message = format!("{value} is no whole number from {least} to {most}");
                wrong.push(Wrong::new(key, message));
            }
            count
        };
        self.global_batch = count("global_batch", 1, 1 << 24);
        self.micro_batch = count("micro_batch", 1, 1 << 24);
        self.most_chunks = count("most_chunks", 1, 16);
        self.layouts = count("layouts", 0, Search::KEPT as u64);
        let mut real = |key: &str, least: f64, most: f64| {
            let value = object.take(key)?;
            let real = value.as_f64().filter(|real| (least..=most).contains(real));
            if real.is_none() {
                let message = format!("{value} is no number from {least} to {most}");
                wrong.push(Wrong::new(key, message));
            }
            real
        };
        self.matrix_tflops = real("matrix_tflops", 1e-3, 1e6);
        self.reserve_gb = real("reserve_gb", 0.0, 1e6);
        if let Some(value) = object.take("tensor_beyond_links") {
            self.tensor_beyond_links = value.as_bool();
            if !value.is_boolean() {
                let message = format!("{value} is neither true nor false");
                wrong.push(Wrong::new("tensor_beyond_links", message));
            }
        }
        if let Some(value) = object.take("products") {
            self.narrow = match value.as_str() {
                Some("16bit") => None,
                Some("fp8") => Some(Arithmetic::Fp8),
                Some("fp4") => Some(Arithmetic::Fp4),
                _ => {
                    let message = format!("{value} is none of 16bit, fp8, fp4");
                    wrong.push(Wrong::new("products", message));
                    None
                }
            };
        }
        wrong
    }

    fn into_question(self, of: Question) -> Question {
        Question {
            global_batch: self.global_batch.unwrap_or(of.global_batch),
            micro_batch: self.micro_batch,
            narrow: self.narrow,
            matrix_tflops: self.matrix_tflops.or(of.matrix_tflops),
            reserve: self.reserve_gb.map_or(of.reserve, |gb| gb * 1e9),
            most_chunks: self.most_chunks.unwrap_or(of.most_chunks),
            tensor_beyond_links: self.tensor_beyond_links.unwrap_or(of.tensor_beyond_links),
            ..of
        }
    }
}
