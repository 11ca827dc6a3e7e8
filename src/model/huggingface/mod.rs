//! Reads a Hugging Face `config.json` into an [`Architecture`](super::Architecture).
//!
//! What a file leaves out is what the configuration class of its `model_type` says in the Python package transformers
//! 5.23: `defaults.rs` holds the classes' values, `families.rs` what each family's code makes of its fields. A type that
//! is not known is read by its fields, with a warning for each assumption (`unknown.rs`).
//!
//! ```
//! let imported = petaday::model::huggingface::import(r#"{"model_type": "llama", "num_key_value_heads": 8}"#).unwrap();
//! assert_eq!(imported.architecture.attention.kv_heads, 8);
//! assert_eq!(imported.architecture.hidden, 4_096); // LlamaConfig's default
//! ```

mod defaults;
mod error;
mod families;
mod reader;
mod unknown;

pub use error::{ImportError, Warning};

use super::{Architecture, Family, ModelField};
use defaults::{DEFAULTS, TRANSFORMERS};
use error::{quoted, shown};
use families::{Read, TYPES};
use reader::Reader;
use serde_json::error::Category;
use serde_json::{Map, Value};

/// The longest text that is read, in bytes: a config.json is some kilobytes.
pub const MAX_BYTES: usize = 1 << 20;

/// An architecture, and what had to be assumed of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The architecture: every field in its range, and valid together.
    pub architecture: Architecture,
    /// What the file leaves open, or says without effect, a sentence each.
    pub warnings: Vec<Warning>,
}

/// Reads the text of a config.json.
///
/// # Errors
/// Where it is longer than [`MAX_BYTES`], no JSON, or no configuration of a decoder; each error says what is wrong, and
/// where.
pub fn import(text: &str) -> Result<Imported, ImportError> {
    if text.len() > MAX_BYTES {
        return Err(ImportError::TooLong { bytes: text.len() });
    }
    let text = text.trim_start_matches('\u{feff}');
    let value = serde_json::from_str(text).map_err(|error| not_json(text, &error))?;
    import_value(&value)
}

/// Reads the object of a config.json.
///
/// # Errors
/// Where it is no configuration of a decoder.
pub fn import_value(value: &Value) -> Result<Imported, ImportError> {
    let fields = object(value)?;
    let model_type = match fields.get("model_type") {
        Some(Value::String(name)) => name.as_str(),
        None | Some(Value::Null) => class_of(fields),
        Some(other) => {
            return Err(ImportError::WrongType {
                key: "model_type".to_owned(),
                value: shown(other),
                valid: "a text such as “llama”",
            });
        }
    };
    import_class(model_type, value)
}

/// Reads the fields of a configuration of this class, `LlamaConfig`, or of this `model_type`, `llama`.
///
/// # Errors
/// Where it is no configuration of a decoder.
pub fn import_class(class: &str, value: &Value) -> Result<Imported, ImportError> {
    read(class, object(value)?)
}

fn object(value: &Value) -> Result<&Map<String, Value>, ImportError> {
    value.as_object().ok_or_else(|| ImportError::NotAnObject {
        value: shown(value),
    })
}

/// The first of `architectures`, such as `LlamaForCausalLM`; empty where there is none.
fn class_of(fields: &Map<String, Value>) -> &str {
    fields
        .get("architectures")
        .and_then(|names| names.get(0)?.as_str())
        .unwrap_or("")
}

/// Objects in which models of text and images keep the text model's configuration.
const NESTED: &[&str] = &["text_config", "llm_config", "language_config"];

/// The text model inside a larger one where a file does not name it: `LlavaConfig`'s and `Mistral3Config`'s default.
const INNER: &[(&str, &str)] = &[
    ("mistral3", "mistral"),
    ("llava", "llama"),
    ("llava_next", "llama"),
];

/// Reads a configuration of this class, or of the text model inside it.
fn read(class: &str, fields: &Map<String, Value>) -> Result<Imported, ImportError> {
    let nested = NESTED
        .iter()
        .find_map(|key| Some((*key, fields.get(*key)?)))
        .filter(|(_, value)| !value.is_null());
    let Some((key, value)) = nested else {
        return decoder(class, fields, None);
    };
    let Some(inner) = value.as_object() else {
        return Err(ImportError::WrongType {
            key: key.to_owned(),
            value: shown(value),
            valid: "an object of fields",
        });
    };
    let inner_type = match inner.get("model_type").and_then(Value::as_str) {
        Some(name) => name,
        None if !class_of(inner).is_empty() => class_of(inner),
        None => INNER
            .iter()
            .find(|(outer, _)| same(outer, class))
            .map_or(class, |(_, inner)| inner),
    };
    let mut imported = decoder(inner_type, inner, Some(key))?;
    if let Some(tied) = fields.get("tie_word_embeddings").and_then(Value::as_bool) {
        imported.architecture.tied_embeddings = tied;
    }
    imported.warnings.insert(0, Warning::TextModelOnly { key });
    Ok(imported)
}

fn decoder(
    class: &str,
    fields: &Map<String, Value>,
    inside: Option<&str>,
) -> Result<Imported, ImportError> {
    if fields.get("is_encoder_decoder") == Some(&Value::Bool(true)) {
        return Err(ImportError::EncoderDecoder {
            model_type: quoted(class),
        });
    }
    let known = TYPES.iter().find(|(name, ..)| same(name, class));
    let (family, defaults, family_reads) = match known {
        Some((_, defaults, family, reads)) => (*family, defaults_of(defaults), *reads),
        None => (Family::Generic, "{}", unknown::unknown as Read),
    };
    let mut r = Reader::new(fields, defaults, inside, class);
    if known.is_none() {
        r.warnings.push(Warning::UnknownType {
            model_type: r.model_type.clone(),
        });
    }
    let mut architecture = family.base();
    families::common(&mut r, &mut architecture)?;
    family_reads(&mut r, &mut architecture)?;
    check(&architecture)?;
    Ok(Imported {
        architecture,
        warnings: r.warnings,
    })
}

/// Whether a class's name means this `model_type`: `DeepseekV3ForCausalLM`, `DeepseekV3Config` and `deepseek_v3` are one.
fn same(model_type: &str, class: &str) -> bool {
    let end = class
        .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .unwrap_or(class.len());
    let mut stem = &class[..end];
    for suffix in [
        "Config",
        "ForCausalLM",
        "LMHeadModel",
        "Model",
        "ForConditionalGeneration",
    ] {
        if let Some(rest) = stem.strip_suffix(suffix).filter(|rest| !rest.is_empty()) {
            stem = rest;
            break;
        }
    }
    let letters = |name: &str| {
        name.bytes()
            .filter(|letter| *letter != b'_')
            .map(|letter| letter.to_ascii_lowercase())
            .collect::<Vec<_>>()
    };
    letters(model_type) == letters(stem)
}

fn defaults_of(model_type: &str) -> &'static str {
    DEFAULTS
        .iter()
        .find(|(name, _)| *name == model_type)
        .map_or("{}", |(_, defaults)| defaults)
}

/// Checks what was computed of several fields, and what is valid only together.
fn check(architecture: &Architecture) -> Result<(), ImportError> {
    for field in ModelField::ALL {
        let (kind, value) = (field.kind(), field.get(architecture));
        if field.applies(architecture) && kind.admit(value).is_none() {
            return Err(ImportError::OutOfRange {
                key: field.label().to_owned(),
                value: kind.display(value),
                valid: kind.valid(),
            });
        }
    }
    let attention = &architecture.attention;
    let named = |key: &str, value: u64| (key.to_owned(), value);
    if !attention.heads.is_multiple_of(attention.kv_heads) {
        return Err(ImportError::Indivisible {
            divisor: named("num_key_value_heads", attention.kv_heads),
            of: named("num_attention_heads", attention.heads),
        });
    }
    if attention.rotary_dim > attention.head_dim {
        return Err(ImportError::TooMany {
            value: named("rotary_dim", attention.rotary_dim),
            most: named("head_dim", attention.head_dim),
        });
    }
    match &architecture.experts {
        Some(experts) if experts.active > experts.count => Err(ImportError::TooMany {
            value: named("num_experts_per_tok", experts.active),
            most: named("num_experts", experts.count),
        }),
        _ => Ok(()),
    }
}

fn not_json(text: &str, error: &serde_json::Error) -> ImportError {
    let (line, column) = (error.line(), error.column());
    let why = if nan_at(text, line, column) {
        "NaN and Infinity are no JSON, though Python writes them".to_owned()
    } else if error.classify() == Category::Eof {
        "the text ends inside a value".to_owned()
    } else {
        // "recursion limit exceeded at line 1 column 128": the place is told apart.
        let text = error.to_string();
        match text.split_once(" at line ") {
            Some(("recursion limit exceeded", _)) => {
                "objects and lists are nested more than 127 deep".to_owned()
            }
            Some((why, _)) => why.to_owned(),
            None => text,
        }
    };
    ImportError::NotJson { line, column, why }
}

/// Whether the text has Python's NaN or Infinity where reading stopped: at its first letter, or before it.
fn nan_at(text: &str, line: usize, column: usize) -> bool {
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or("");
    let stopped = line
        .as_bytes()
        .get(column.saturating_sub(2)..)
        .unwrap_or(&[]);
    [&b"NaN"[..], b"Infinity"].iter().any(|name| {
        stopped.starts_with(name) || stopped.get(1..).is_some_and(|rest| rest.starts_with(name))
    })
}
