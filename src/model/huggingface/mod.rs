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
mod json;
mod reader;
mod unknown;

pub use error::{ImportError, Warning};

use super::{Architecture, Family, ModelField};
use defaults::{DEFAULTS, TRANSFORMERS};
use error::{quoted, shown};
use families::{Read, TYPES};
use json::{Fields, Json, Malformed};
use reader::Reader;

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
    let value = parse(text)?;
    let fields = fields(&value)?;
    let model_type = match fields.get("model_type") {
        Some(Json::Text(name)) => name,
        None | Some(Json::Null) => class_of(fields),
        Some(other) => {
            return Err(ImportError::WrongType {
                key: "model_type".to_owned(),
                value: shown(other),
                valid: "a text such as “llama”",
            });
        }
    };
    read(model_type, fields)
}

/// Reads the text of a configuration of this class, `LlamaConfig`, or of this `model_type`, `llama`: an object that need
/// not name its type.
///
/// # Errors
/// As [`import`]'s.
pub fn import_as(class: &str, text: &str) -> Result<Imported, ImportError> {
    read(class, fields(&parse(text)?)?)
}

/// [`import`] of an object that was read already.
///
/// # Errors
/// As [`import`]'s.
#[cfg(feature = "command")]
pub fn import_value(value: &serde_json::Value) -> Result<Imported, ImportError> {
    import(&value.to_string())
}

/// [`import_as`] of an object that was read already.
///
/// # Errors
/// As [`import`]'s.
#[cfg(feature = "command")]
pub fn import_class(class: &str, value: &serde_json::Value) -> Result<Imported, ImportError> {
    import_as(class, &value.to_string())
}

fn parse(text: &str) -> Result<Json, ImportError> {
    if text.len() > MAX_BYTES {
        return Err(ImportError::TooLong { bytes: text.len() });
    }
    let text = text.trim_start_matches('\u{feff}');
    json::parse(text).map_err(|Malformed { at, why }| {
        let before = text.get(..at).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or("");
        ImportError::NotJson {
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            why,
        }
    })
}

fn fields(value: &Json) -> Result<&Fields, ImportError> {
    value.fields().ok_or_else(|| ImportError::NotAnObject {
        value: shown(value),
    })
}

/// The first of `architectures`, such as `LlamaForCausalLM`; empty where there is none.
fn class_of(fields: &Fields) -> &str {
    let names = fields.get("architectures").and_then(Json::items);
    names.and_then(|names| names.first()?.text()).unwrap_or("")
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
fn read(class: &str, fields: &Fields) -> Result<Imported, ImportError> {
    let nested = NESTED
        .iter()
        .find_map(|key| Some((*key, fields.get(key)?)))
        .filter(|(_, value)| **value != Json::Null);
    let Some((key, value)) = nested else {
        return decoder(class, fields, None);
    };
    let Some(inner) = value.fields() else {
        return Err(ImportError::WrongType {
            key: key.to_owned(),
            value: shown(value),
            valid: "an object of fields",
        });
    };
    let inner_type = match inner.get("model_type").and_then(Json::text) {
        Some(name) => name,
        None if !class_of(inner).is_empty() => class_of(inner),
        None => INNER
            .iter()
            .find(|(outer, _)| same(outer, class))
            .map_or(class, |(_, inner)| inner),
    };
    let mut imported = decoder(inner_type, inner, Some(key))?;
    if let Some(tied) = fields.get("tie_word_embeddings").and_then(Json::flag) {
        imported.architecture.tied_embeddings = tied;
    }
    imported.warnings.insert(0, Warning::TextModelOnly { key });
    Ok(imported)
}

/// Reads a decoder's fields, which stand in the object `inside`.
fn decoder(class: &str, fields: &Fields, inside: Option<&str>) -> Result<Imported, ImportError> {
    let quoted_type = if class.is_empty() {
        String::new()
    } else {
        quoted(class)
    };
    if fields.get("is_encoder_decoder") == Some(&Json::Bool(true)) {
        return Err(ImportError::EncoderDecoder {
            model_type: quoted_type,
        });
    }
    let known = TYPES.iter().find(|(name, ..)| same(name, class));
    let (family, defaults, family_reads) = match known {
        Some((_, defaults, family, reads)) => (*family, defaults_of(defaults), *reads),
        None => (Family::Generic, Fields::default(), unknown::unknown as Read),
    };
    let mut r = Reader::new(fields, &defaults, inside, quoted_type.clone());
    if known.is_none() {
        r.warnings.push(Warning::UnknownType {
            model_type: quoted_type,
        });
    }
    let mut architecture = family.base();
    families::common(&mut r, &mut architecture);
    family_reads(&mut r, &mut architecture);
    let (warnings, error) = (r.warnings, r.error);
    if let Some(error) = error.or_else(|| invalid(&architecture)) {
        return Err(error);
    }
    Ok(Imported {
        architecture,
        warnings,
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
    letters(model_type).eq(letters(stem))
}

fn letters(name: &str) -> impl Iterator<Item = u8> {
    let letters = name.bytes().filter(|letter| *letter != b'_');
    letters.map(|letter| letter.to_ascii_lowercase())
}

/// The defaults of a class.
fn defaults_of(model_type: &str) -> Fields {
    let row = DEFAULTS.iter().find(|(name, _)| *name == model_type);
    match row.map(|(_, defaults)| json::parse(defaults)) {
        Some(Ok(Json::Object(fields))) => fields,
        _ => Fields::default(),
    }
}

/// What is wrong with numbers that were computed of several fields, or that are valid only together.
fn invalid(architecture: &Architecture) -> Option<ImportError> {
    for field in ModelField::ALL {
        let (kind, value) = (field.kind(), field.get(architecture));
        if field.applies(architecture) && kind.admit(value).is_none() {
            return Some(ImportError::OutOfRange {
                key: field.label().to_owned(),
                value: kind.display(value),
                valid: kind.valid(),
            });
        }
    }
    let attention = &architecture.attention;
    if !attention.heads.is_multiple_of(attention.kv_heads) {
        return Some(ImportError::Indivisible {
            divisor: ("num_key_value_heads", attention.kv_heads),
            of: ("num_attention_heads", attention.heads),
        });
    }
    let at_most = |value: (&'static str, u64), most: (&'static str, u64)| {
        (value.1 > most.1).then_some(ImportError::TooMany { value, most })
    };
    let rotated = at_most(
        ("rotary_dim", attention.rotary_dim),
        ("head_dim", attention.head_dim),
    );
    rotated.or_else(|| {
        let experts = architecture.experts.as_ref()?;
        at_most(
            ("num_experts_per_tok", experts.active),
            ("num_experts", experts.count),
        )
    })
}
