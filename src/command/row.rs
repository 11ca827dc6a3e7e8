//! A recorded training step, a row with `inputs`, as a scenario: what ran is what is estimated, and what it holds is what
//! the memory core says.
//!
//! Tables of such rows are in `tests/reference/groundtruth` and `tests/reference/ranks`, whose README files say what the
//! inputs mean. They are read by the same code that `petaday check` reads them with; here, each is checked first.

use crate::check::{groundtruth, megatron, ranks};
use crate::scenario::{Held, Question, Wrong, kind_of, of_config, shown, with_architecture};
use petaday::field::Choice;
use petaday::memory::detailed::footprint;
use petaday::model::Architecture;
use petaday::model::huggingface::import_class;
use petaday::scenario::{Field, Scenario};
use petaday::training::{Optimizer, Precision};
use serde_json::{Map, Value as Json};

/// Names of the inputs' dtypes, kernels and strategies.
const PRECISIONS: &[&str] = &["fp32", "bf16", "fp16", "amp_bf16", "amp_fp16"];
const DTYPES: &[&str] = &["fp32", "bf16", "fp16"];
const KERNELS: &[&str] = &["flash", "efficient", "cudnn", "math"];
const STRATEGIES: &[&str] = &["fsdp2", "ddp", "megatron"];
/// What a row asks for.
///
/// # Errors
/// Everything that is wrong with its inputs that could be told, at least one.
pub fn read(row: &Map<String, Json>, inputs: &Json) -> Result<Question, Vec<Wrong>> {
    if !inputs.is_object() {
        let message = format!(
            "inputs is {}; valid: an object of what a step ran with",
            kind_of(inputs)
        );
        return Err(vec![Wrong::new("inputs", message)]);
    }
    let mut reader = Reader {
        inputs,
        wrong: Vec::new(),
    };
    reader.optional("strategy", STRATEGIES);
    let is_megatron = inputs["strategy"] == "megatron";
    if is_megatron {
        reader.megatron();
    } else {
        reader.hugging_face();
    }
    if !reader.wrong.is_empty() {
        return Err(reader.wrong);
    }
    let mut question = if is_megatron {
        megatron_rank(inputs)?
    } else {
        hugging_face_step(inputs)?
    };
    question.id = row.get("id").filter(|id| !id.is_null()).cloned();
    Ok(question)
}

/// Checks inputs, and notes what is wrong.
struct Reader<'a> {
    inputs: &'a Json,
    wrong: Vec<Wrong>,
}

impl Reader<'_> {
    fn refuse(&mut self, key: &str, valid: &str) {
        let value = &self.inputs[key];
        let (field, message) = (
            format!("inputs.{key}"),
            if value.is_null() {
                format!("{key} is missing; valid: {valid}")
            } else {
                format!("{key} is {}; valid: {valid}", kind_of(value))
            },
        );
        self.wrong.push(Wrong::new(&field, message));
    }

    /// A whole number in a range.
    fn count(&mut self, key: &str, least: u64, most: u64) {
        let count = self.inputs[key].as_u64();
        if !count.is_some_and(|count| (least..=most).contains(&count)) {
            self.refuse(key, &format!("{least} to {most}"));
        }
    }

    /// The same, where it is there.
    fn optional_count(&mut self, key: &str, least: u64, most: u64) {
        if !self.inputs[key].is_null() {
            self.count(key, least, most);
        }
    }

    /// One of these words.
    fn word(&mut self, key: &str, valid: &[&str]) {
        let word = self.inputs[key].as_str();
        if !word.is_some_and(|word| valid.contains(&word)) {
            self.refuse(key, &valid.join(", "));
        }
    }

    /// The same, where it is there.
    fn optional(&mut self, key: &str, valid: &[&str]) {
        if !self.inputs[key].is_null() {
            self.word(key, valid);
        }
    }

    fn flag(&mut self, key: &str) {
        if !matches!(self.inputs[key], Json::Null | Json::Bool(_)) {
            self.refuse(key, "true or false");
        }
    }

    fn share(&mut self, key: &str) {
        let value = &self.inputs[key];
        let share = value.as_f64();
        if !value.is_null() && !share.is_some_and(|share| (0.0..1.0).contains(&share)) {
            self.refuse(key, "0 to 1");
        }
    }

    fn hugging_face(&mut self) {
        let is_sharded = !self.inputs["strategy"].is_null();
        if !self.inputs["hf_config_class"].is_string() {
            self.refuse("hf_config_class", "a class such as LlamaConfig");
        }
        if !self.inputs["hf_config"].is_object() {
            self.refuse("hf_config", "an object of the class’s fields");
        }
        self.sizes();
        self.word("optimizer", &names_of_optimizers());
        self.optional("checkpoint", &["none", "full"]);
        self.optional("attn", &["eager", "sdpa"]);
        if self.inputs["attn"] == "sdpa" {
            let backends = self.inputs["sdpa_backend"].as_str().unwrap_or_default();
            if !backends.split('+').all(|one| KERNELS.contains(&one)) {
                self.refuse("sdpa_backend", &KERNELS.join(", "));
            }
        } else if self.inputs["attn"].is_null() {
            self.refuse("attn", "eager, sdpa");
        }
        self.share("dropout");
        self.flag("keep_outputs");
        self.optional_count("grad_accum", 1, 1_000_000);
        self.optional_count("accum", 1, 1_000_000);
        if is_sharded {
            self.policy();
            self.count("dp", 1, 1_000_000);
            self.optional_count("tp", 1, 1_024);
            self.optional("wrap", &["simple", "titan"]);
            if self.inputs["reshard"].is_number() {
                self.count("reshard", 1, 1_000_000);
            } else {
                self.flag("reshard");
            }
            for key in ["loss_parallel", "no_sync", "amp", "bucket_view"] {
                self.flag(key);
            }
        } else {
            self.word("precision", PRECISIONS);
        }
        let rank = &self.inputs["lora"]["r"];
        let is_rank = |rank: u64| (1..=65_536).contains(&rank);
        if !self.inputs["lora"].is_null() && !rank.as_u64().is_some_and(is_rank) {
            self.refuse(
                "lora",
                "an object with a rank `r` of 1 to 65536, and targets",
            );
        }
    }

    /// Stored, computed and reduced dtype; one word where all are alike.
    fn policy(&mut self) {
        let policy = self.inputs["policy"].as_str().unwrap_or_default();
        let words: Vec<_> = policy.split('-').collect();
        let is_dtype = |word: &&str| DTYPES.contains(word);
        let is_valid = match words[..] {
            [all, "reduce", reduced] => is_dtype(&all) && is_dtype(&reduced),
            [_] | [_, _, _] => words.iter().all(is_dtype),
            _ => false,
        };
        if !is_valid {
            self.refuse(
                "policy",
                "fp32, bf16, fp16, or stored-computed-reduced dtypes such as fp32-bf16-fp32",
            );
        }
    }

    fn megatron(&mut self) {
        self.sizes();
        for key in ["hidden", "layers", "heads", "kv_groups", "ffn", "vocab"] {
            self.count(key, 1, u64::from(u32::MAX));
        }
        if !self.inputs["style"].is_string() {
            self.refuse(
                "style",
                "gpt, llama, or what differs, such as gqa-swiglu-layernorm",
            );
        }
        self.count("dp", 1, 1_000_000);
        self.count("tp", 1, 1_024);
        self.count("pp", 1, 1_024);
        let stages = self.inputs["pp"].as_u64().unwrap_or(1);
        self.count("stage", 0, stages.saturating_sub(1));
        self.optional_count("extra_microbatches", 0, 1_000_000);
        self.optional("recompute", &["none", "selective", "full"]);
        self.optional("core_attention", &["unfused", "flash"]);
        self.optional("grad_dtype", &["fp32", "bf16"]);
        self.optional("optimizer", &["distributed", "float16"]);
        self.optional("adam", &["fused", "foreach"]);
        self.share("dropout");
        self.flag("sp");
        self.flag("tied");
    }

    /// What every row has.
    fn sizes(&mut self) {
        self.optional_count("world", 1, 1_000_000);
        for (key, field) in [("seq", Field::Sequence), ("batch", Field::MicroBatch)] {
            let text = self.inputs[key].as_u64().map(|count| count.to_string());
            if text.is_none_or(|text| field.parse(&text).is_err()) {
                self.refuse(key, &field.valid());
            }
        }
    }
}

fn names_of_optimizers() -> Vec<&'static str> {
    let names = groundtruth::OPTIMIZERS.iter();
    names.map(|(name, ..)| *name).collect()
}

/// A step of a Hugging Face model, on one GPU or on one of many.
fn hugging_face_step(inputs: &Json) -> Result<Question, Vec<Wrong>> {
    let class = inputs["hf_config_class"].as_str().unwrap_or_default();
    let imported = import_class(class, &inputs["hf_config"])
        .map_err(|why| vec![of_config(&why, "inputs.hf_config")])?;
    let rule = |rule: &str| {
        vec![Wrong::new(
            "inputs",
            format!("{rule}; valid: as in the tables"),
        )]
    };
    let step = groundtruth::step(inputs, &imported.architecture).map_err(rule)?;
    let is_single = inputs["strategy"].is_null();
    let precision = if is_single {
        step.precision
    } else {
        ranks::precision(inputs).map_err(rule)?
    };
    let mut warnings: Vec<_> = imported.warnings.iter().map(ToString::to_string).collect();
    let scenario = scenario(
        inputs,
        &imported.architecture,
        &Run {
            precision,
            optimizer: step.optimizer,
            recomputation: inputs["checkpoint"].as_str(),
        },
        &mut warnings,
    )?;
    if step.adapters.is_some() {
        warnings.push(
            "Adapters are in the memory alone: FLOP are those of training every parameter."
                .to_owned(),
        );
    }
    let held = if is_single {
        Held::Step(Box::new(footprint(&step)))
    } else {
        let row = serde_json::json!({ "inputs": inputs });
        Held::Rank(Box::new(ranks::footprint(&row).map_err(rule)?))
    };
    Ok(Question {
        id: None,
        scenario,
        warnings,
        held: Some(held),
    })
}

/// A stage of Megatron-core's.
fn megatron_rank(inputs: &Json) -> Result<Question, Vec<Wrong>> {
    let mut warnings = Vec::new();
    let precision = match inputs["grad_dtype"].as_str() {
        Some("bf16") => Precision::Master,
        _ => Precision::MainGradients,
    };
    let scenario = scenario(
        inputs,
        &megatron::recorded_model(inputs),
        &Run {
            precision,
            optimizer: Optimizer::AdamW,
            recomputation: inputs["recompute"].as_str(),
        },
        &mut warnings,
    )?;
    let row = serde_json::json!({ "inputs": inputs });
    let held = megatron::with_recorded(&row, |megatron, stage| megatron.stage(stage));
    Ok(Question {
        id: None,
        scenario,
        warnings,
        held: Some(Held::Rank(Box::new(held))),
    })
}

/// How a step ran.
struct Run<'a> {
    precision: Precision,
    optimizer: Optimizer,
    recomputation: Option<&'a str>,
}

/// The scenario of a step; the rest is as in the first preset.
fn scenario(
    inputs: &Json,
    architecture: &Architecture,
    run: &Run,
    warnings: &mut Vec<String>,
) -> Result<Scenario, Vec<Wrong>> {
    let count = |key: &str| inputs[key].as_u64().unwrap_or(1).to_string();
    let mut scenario = with_architecture(&Scenario::default(), *architecture, "inputs")?;
    for (field, key, text) in [
        (Field::Sequence, "seq", count("seq")),
        (Field::MicroBatch, "batch", count("batch")),
        (Field::Gpus, "world", count("world")),
        (Field::TensorParallel, "tp", count("tp")),
        (
            Field::Precision,
            "precision",
            run.precision.key().to_owned(),
        ),
        (
            Field::Recomputation,
            "checkpoint",
            run.recomputation.unwrap_or("none").to_owned(),
        ),
    ] {
        let changed = field
            .parse(&text)
            .and_then(|value| scenario.with(field, value));
        scenario = changed.map_err(|why| vec![Wrong::new(&format!("inputs.{key}"), why)])?;
    }
    let optimizer = Field::Optimizer.parse(run.optimizer.key());
    match optimizer.and_then(|value| scenario.with(Field::Optimizer, value)) {
        Ok(with) => scenario = with,
        Err(_) => warnings.push(format!(
            "The scenario cannot name the optimizer {}: it says AdamW, and only the memory is {}’s.",
            shown(run.optimizer.key()),
            run.optimizer.label()
        )),
    }
    Ok(scenario)
}
