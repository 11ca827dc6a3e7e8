//! `petaday schema`: the JSON Schema (draft 2020-12) of what `petaday estimate` reads, written from the list of fields.

use crate::scenario::is_yes_or_no;
use petaday::field::{Kind, NumberField};
use petaday::link::{HOLDS, VERSION};
use petaday::model::{MODELS, ModelField};
use petaday::scenario::{Field, PRESETS};
use serde_json::{Map, Value, json};

/// Prints it; says whether that could be done.
pub fn print() -> bool {
    use std::io::Write;
    writeln!(std::io::stdout(), "{:#}", schema()).is_ok()
}

/// What a file or a line may hold.
fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What `petaday estimate` reads, a whole file or a line",
        "anyOf": [
            { "$ref": "#/$defs/scenario" },
            { "$ref": "#/$defs/config" },
            { "$ref": "#/$defs/row" },
        ],
        "$defs": {
            "scenario": scenario(),
            "architecture": architecture(),
            "config": config(),
            "row": row(),
        },
    })
}

fn scenario() -> Value {
    let mut properties = Map::new();
    let mut add = |key: &str, of: Value| drop(properties.insert(key.to_owned(), of));
    add(
        "id",
        json!({
            "type": ["string", "number", "null"],
            "description": "A name to find the answer by, which repeats it.",
        }),
    );
    add(
        "v",
        json!({
            "enum": [VERSION, VERSION.to_string(), null],
            "description": "The version of links whose keys these are.",
        }),
    );
    let presets: Vec<_> = PRESETS.iter().map(|preset| json!(preset.id)).collect();
    add(
        "preset",
        json!({
            "enum": with_null(presets),
            "description": format!("What every field is that is not given; {} by default.", PRESETS[0].id),
        }),
    );
    add(
        "architecture",
        json!({
            "anyOf": [{ "$ref": "#/$defs/architecture" }, { "type": "null" }],
            "description": "An architecture of one's own, counted in detail.",
        }),
    );
    add(
        "config",
        json!({
            "anyOf": [{ "type": "object" }, { "type": "null" }],
            "description": "A whole config.json of Hugging Face's transformers, counted in detail.",
        }),
    );
    let holds = HOLDS.map(|(name, _)| name).join(", ");
    add(
        "hold",
        json!({
            "type": ["string", "null"],
            "description": format!("What the page's converter holds: none, or of {holds}, joined by points."),
        }),
    );
    for field in Field::ALL {
        let of = match field {
            // The inline architecture's fields, changed one by one.
            Field::Architecture(field) => {
                json!({ "$ref": format!("#/$defs/architecture/properties/{}", field.key()) })
            }
            field => property(field),
        };
        add(field.key(), of);
    }
    let not_both = |one: &str, other: &str| json!({ "not": { "required": [one, other] } });
    json!({
        "title": "A scenario",
        "description": "Keys are those of the page's links. Numbers may be texts as people type them: 7B, 15T, 4k.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "allOf": [
            not_both("architecture", "config"),
            not_both("architecture", "model"),
            not_both("config", "model"),
            not_both(Field::Tflops.key(), Field::Mfu.key()),
        ],
    })
}

fn architecture() -> Value {
    let properties: Map<_, _> = ModelField::ALL
        .into_iter()
        .map(|field| (field.key().to_owned(), property(Field::Architecture(field))))
        .collect();
    json!({
        "title": "An architecture",
        "description": "What is not given is as in the family, sizes as they follow from the given ones.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

/// A field of the one list.
fn property(field: Field) -> Value {
    let mut of = match field.kind() {
        Kind::Number(number) => of_number(&number),
        Kind::Layers => json!({
            "type": "string",
            "examples": ["none", "3-", "1-:2", "0+5-9"],
        }),
        // Any of a model's names will do, so the ids are examples.
        Kind::Choice(_) if field == Field::Model => json!({
            "type": ["string", "null"],
            "examples": MODELS.iter().map(|model| model.id).collect::<Vec<_>>(),
        }),
        Kind::Choice(options) => {
            let mut keys: Vec<_> = options.iter().map(|(key, _)| json!(key)).collect();
            if is_yes_or_no(&options) {
                keys.extend([json!(false), json!(true)]);
            }
            json!({ "enum": keys })
        }
    };
    of["title"] = json!(field.label());
    of["description"] = json!(field.help());
    of
}

fn of_number(number: &NumberField) -> Value {
    let plain = if number.whole { "integer" } else { "number" };
    let mut types = vec![plain, "string"];
    if number.optional {
        types.push("null");
    }
    let mut of = json!({
        "type": types,
        "minimum": limit(number.min),
        "maximum": limit(number.max),
    });
    if !number.unit.is_empty() {
        of["$comment"] = json!(format!("in {}", number.unit));
    }
    of
}

/// A limit, without a fraction where it has none.
fn limit(value: f64) -> Value {
    if value.fract() == 0.0 {
        json!(value as u64)
    } else {
        json!(value)
    }
}

fn with_null(mut values: Vec<Value>) -> Vec<Value> {
    values.push(Value::Null);
    values
}

fn config() -> Value {
    let has = |key: &str| json!({ "required": [key] });
    json!({
        "title": "A config.json of Hugging Face's transformers",
        "description": "The architecture is imported, the rest is the first preset's.",
        "type": "object",
        "anyOf": [has("model_type"), has("architectures"), has("text_config")],
    })
}

fn row() -> Value {
    json!({
        "title": "A recorded training step",
        "description": "A row of tests/reference/groundtruth or tests/reference/ranks: what ran is the scenario, and the \
                        answer's memory is that of the step or rank, counted tensor by tensor.",
        "type": "object",
        "properties": { "inputs": { "type": "object" } },
        "required": ["inputs"],
    })
}
