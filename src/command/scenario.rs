//! A scenario as JSON: the keys of links, a model of the catalogue, an inline architecture, or a whole config.json.
//!
//! What a link can say goes the way of a link, so that both mean the same and have the same messages.

use crate::row;
use petaday::field::{Choice, Kind, Value};
use petaday::link;
use petaday::memory::detailed::Footprint;
use petaday::memory::ranks::StageFootprint;
use petaday::model::huggingface::{self, ImportError, Imported};
use petaday::model::{Architecture, Family, Model, ModelField};
use petaday::scenario::{Field, Scenario};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value as Json};
use std::fmt;

/// Something wrong with a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Wrong {
    /// The key it is about; empty where it is about the whole.
    pub field: String,
    /// What is wrong, and what would be valid.
    pub message: String,
}

impl Wrong {
    /// What is wrong with a field.
    pub fn new(field: &str, message: impl ToString) -> Self {
        const LONGEST: usize = 80;
        Self {
            field: field.chars().take(LONGEST).collect(),
            message: message.to_string().replace(moves_a_cursor, " "),
        }
    }
}

/// What is asked for.
#[derive(Debug)]
pub struct Question {
    /// The caller's name for it, to find the answer by.
    pub id: Option<Json>,
    /// The scenario.
    pub scenario: Scenario,
    /// What had to be assumed, a sentence each.
    pub warnings: Vec<String>,
    /// What a recorded step holds, where the question is one.
    pub held: Option<Held>,
}

/// What the memory core says of a recorded step.
#[derive(Debug)]
pub enum Held {
    /// On one GPU.
    Step(Box<Footprint>),
    /// On one rank of several.
    Rank(Box<StageFootprint>),
}

/// An object as it stands in the text, keys that stand twice included.
pub struct Object(Vec<(String, Json)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Object;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object, a scenario such as {\"model\": \"Llama 3.1 8B\"}")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Object, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Object(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

impl Object {
    /// Whether it says something of a field.
    pub fn has(&self, key: &str) -> bool {
        self.0
            .iter()
            .any(|(own, value)| own == key && !value.is_null())
    }

    /// Takes a field out of it; one that stands twice stays twice, to be found fault with.
    pub fn take(&mut self, key: &str) -> Option<Json> {
        let mut of_key = self.0.iter().enumerate().filter(|(_, (own, _))| own == key);
        let (index, _) = of_key.next()?;
        if of_key.next().is_some() {
            return None;
        }
        let (_, value) = self.0.remove(index);
        Some(value).filter(|value| !value.is_null())
    }

    /// Sets a field that it says nothing of.
    pub fn set(&mut self, key: &str, text: &str) {
        self.0.retain(|(own, _)| own != key);
        self.0.push((key.to_owned(), Json::String(text.to_owned())));
    }

    /// With fields of these names under those.
    pub fn renamed(mut self, names: &[(&str, &str)]) -> Self {
        for (own, _) in &mut self.0 {
            if let Some((_, name)) = names.iter().find(|(alias, _)| alias == own) {
                *own = (*name).to_owned();
            }
        }
        self
    }

    /// The caller's name for it.
    pub fn id(&self) -> Option<&Json> {
        let id = self.0.iter().find(|(key, _)| key == "id");
        id.map(|(_, id)| id)
            .filter(|id| matches!(id, Json::String(_) | Json::Number(_)))
    }
}

/// Keys of an object that is a config.json.
const OF_CONFIGS: [&str; 3] = ["model_type", "architectures", "text_config"];

/// What an object asks for.
///
/// # Errors
/// Everything that is wrong with it, at least one.
pub fn read(object: Object) -> Result<Question, Vec<Wrong>> {
    let mut fields = Map::new();
    let mut wrong = Vec::new();
    for (key, value) in object.0 {
        if fields.contains_key(&key) {
            wrong.push(Wrong::new(&key, format!("{} stands twice", shown(&key))));
        }
        fields.insert(key, value);
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    if OF_CONFIGS.iter().any(|key| fields.contains_key(*key)) {
        let imported = huggingface::import_value(&Json::Object(fields))
            .map_err(|why| vec![of_config(&why, "")])?;
        return imported_into(&Scenario::default(), imported, None, "");
    }
    if let Some(inputs) = fields.get("inputs") {
        return row::read(&fields, inputs);
    }
    described(fields)
}

/// A scenario in the keys of links.
fn described(mut fields: Map<String, Json>) -> Result<Question, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let id = fields.remove("id").filter(|id| !id.is_null());
    if !matches!(id, None | Some(Json::String(_) | Json::Number(_))) {
        wrong.push(Wrong::new("id", "id is no name; valid: a text or a number"));
    }
    let config = fields.remove("config").filter(|config| !config.is_null());
    let inline = fields.remove("architecture").filter(|own| !own.is_null());
    let is_own = config.is_some() || inline.is_some();
    if is_own {
        wrong.extend(beside(&fields, config.is_some() && inline.is_some()));
    }

    let mut pairs = form_urlencoded::Serializer::new(String::new());
    for (key, value) in &fields {
        match text_of(key, value) {
            Ok(Some(text)) => drop(pairs.append_pair(key, &text)),
            Ok(None) => {}
            Err(why) => wrong.push(why),
        }
    }
    if fields.contains_key("tflops") && fields.contains_key("mfu") {
        wrong.push(Wrong::new(
            "mfu",
            "mfu stands beside tflops; valid: one of the two",
        ));
    }
    // A named model is meant to be counted.
    let name = fields.get("model").and_then(Json::as_str);
    let named = name.is_some_and(|name| name != "own");
    if (is_own || named) && !fields.contains_key(Field::Estimator.key()) {
        pairs.append_pair(Field::Estimator.key(), "detailed");
    }
    let opened = link::open(&pairs.finish());
    let notices = opened.notices.iter();
    wrong.extend(notices.map(|notice| Wrong::new(notice.key(), notice)));

    let scenario = match (config, inline) {
        (Some(config), _) => huggingface::import_value(&config)
            .map_err(|why| vec![of_config(&why, "config")])
            .and_then(|imported| imported_into(&opened.scenario, imported, id.clone(), "config")),
        (None, Some(inline)) => inline_architecture(&inline)
            .and_then(|own| with_architecture(&opened.scenario, own, "architecture"))
            .map(|scenario| Question {
                id,
                scenario,
                warnings: Vec::new(),
                held: None,
            }),
        (None, None) => Ok(Question {
            id,
            scenario: opened.scenario,
            warnings: Vec::new(),
            held: None,
        }),
    };
    match scenario {
        Ok(question) if wrong.is_empty() => Ok(question),
        Ok(_) => Err(wrong),
        Err(more) => Err(wrong.into_iter().chain(more).collect()),
    }
}

/// What may not stand beside an architecture of one's own.
fn beside(fields: &Map<String, Json>, both: bool) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    if both {
        wrong.push(Wrong::new(
            "config",
            "config stands beside architecture; valid: one of the two",
        ));
    }
    for key in fields.keys() {
        if key == "model" || ModelField::ALL.iter().any(|field| field.key() == key) {
            wrong.push(Wrong::new(
                key,
                format!("{key} stands beside an architecture; valid: inside it, or alone"),
            ));
        }
    }
    if fields.get("est").is_some_and(|est| *est != "detailed") {
        wrong.push(Wrong::new(
            "est",
            "an architecture is counted in detail; valid beside it: detailed",
        ));
    }
    wrong
}

/// A value as links write it; nothing where a link would leave it out.
fn text_of(key: &str, value: &Json) -> Result<Option<String>, Wrong> {
    let field = Field::ALL.into_iter().find(|field| field.key() == key);
    let Some(field) = field else {
        return match (key, value) {
            ("v", Json::Number(version)) => Ok(Some(version.to_string())),
            ("v" | "preset" | "hold", Json::String(text)) => Ok(Some(text.clone())),
            ("v" | "preset" | "hold", Json::Null) => Ok(None),
            ("v" | "preset" | "hold", other) => Err(Wrong::new(
                key,
                format!("{key} is {}; valid: a text", kind_of(other)),
            )),
            _ => Err(unknown(key)),
        };
    };
    if field == Field::Model {
        return model(value).map(Some);
    }
    text(&field.kind(), value)
        .map(Some)
        .ok_or_else(|| mistyped(field.label(), key, value, &field.valid()))
}

/// A value of a kind as links write it. None where the JSON is of another type.
fn text(kind: &Kind, value: &Json) -> Option<String> {
    Some(match (kind, value) {
        (_, Json::String(text)) => text.clone(),
        (_, Json::Null) => String::new(),
        (Kind::Number(_), Json::Number(number)) => number.to_string(),
        (Kind::Choice(options), Json::Bool(flag)) if is_yes_or_no(options) => {
            if *flag { "yes" } else { "no" }.to_owned()
        }
        _ => return None,
    })
}

/// Whether a choice is between no and yes, which JSON has words for.
pub fn is_yes_or_no(options: &[(&str, &str)]) -> bool {
    matches!(options, [("no", _), ("yes", _)])
}

fn mistyped(label: &str, key: &str, value: &Json, valid: &str) -> Wrong {
    let message = format!("{label} is {}; valid: {valid}", kind_of(value));
    Wrong::new(key, message)
}

/// A catalogue's model by any of its names.
fn model(value: &Json) -> Result<String, Wrong> {
    let key = Field::Model.key();
    match value {
        Json::Null => Ok("own".to_owned()),
        Json::String(name) if name == "own" => Ok(name.clone()),
        Json::String(name) => match Model::named(name) {
            Some(model) => Ok(model.id.to_owned()),
            None => {
                let near: Vec<_> = Model::search(name).take(3).map(|model| model.id).collect();
                let valid = if near.is_empty() {
                    Field::Model.valid()
                } else {
                    format!("perhaps {}", near.join(", "))
                };
                let message = format!("Model = {} is unknown; valid: {valid}", shown(name));
                Err(Wrong::new(key, message))
            }
        },
        other => Err(mistyped("Model", key, other, &Field::Model.valid())),
    }
}

/// An architecture by its fields, on top of its family's. Sizes that are left out follow the given ones as they do in
/// the family.
fn inline_architecture(inline: &Json) -> Result<Architecture, Vec<Wrong>> {
    let whole = "architecture";
    let Json::Object(fields) = inline else {
        let valid = "an object of fields such as {\"family\": \"llama\", \"layers\": 32}";
        return Err(vec![mistyped("Architecture", whole, inline, valid)]);
    };
    let mut wrong = Vec::new();
    let path = |key: &str| format!("{whole}.{key}");
    for key in fields.keys() {
        if !ModelField::ALL.iter().any(|field| field.key() == key) {
            let message = unknown_among(
                key,
                &ModelField::ALL.map(|field| names(Field::Architecture(field))),
            );
            wrong.push(Wrong::new(&path(key), message));
        }
    }
    let mut read = |field: ModelField| {
        let value = fields.get(field.key())?;
        let own = Field::Architecture(field);
        let parsed = match text(&own.kind(), value) {
            Some(text) => own
                .parse(&text)
                .map_err(|why| Wrong::new(&path(field.key()), why)),
            None => Err(mistyped(
                own.label(),
                &path(field.key()),
                value,
                &own.valid(),
            )),
        };
        parsed.map_err(|why| wrong.push(why)).ok()
    };
    let family = match read(ModelField::Family) {
        Some(Value::Choice(index)) => Family::ALL.get(index).copied().unwrap_or(Family::Generic),
        _ => Family::Generic,
    };
    let given: Vec<(ModelField, Value)> = ModelField::ALL
        .into_iter()
        .filter(|field| *field != ModelField::Family)
        .filter_map(|field| Some((field, read(field)?)))
        .collect();
    let mut architecture = family.base();
    for (field, value) in &given {
        if field.applies(&architecture) {
            field.set(&mut architecture, *value);
        } else {
            let absent = petaday::scenario::Invalid::Absent(Field::Architecture(*field));
            wrong.push(Wrong::new(&path(field.key()), absent));
        }
    }
    let is_given = |field| given.iter().any(|(other, _)| *other == field);
    follow(&family.base(), &mut architecture, is_given);
    if wrong.is_empty() {
        Ok(architecture)
    } else {
        Err(wrong)
    }
}

/// Lets sizes that were not given keep the relations of `base`: as many KV heads as heads, heads that span the hidden
/// size, rotated as wholly, a feed-forward network of 4h.
fn follow(base: &Architecture, own: &mut Architecture, is_given: impl Fn(ModelField) -> bool) {
    let (of, attention) = (&base.attention, &mut own.attention);
    if !is_given(ModelField::KvHeads) && of.kv_heads == of.heads {
        attention.kv_heads = attention.heads;
    }
    let spans = of.latent.is_none() && of.heads * of.head_dim == base.hidden;
    if !is_given(ModelField::HeadDim) && spans && own.hidden.is_multiple_of(attention.heads) {
        attention.head_dim = own.hidden / attention.heads;
    }
    if !is_given(ModelField::RotaryDim) && of.rotary_dim == of.head_dim {
        attention.rotary_dim = attention.head_dim;
    }
    if !is_given(ModelField::FeedForward) && base.feed_forward.size == 4 * base.hidden {
        own.feed_forward.size = 4 * own.hidden;
    }
}

/// A scenario with an imported architecture.
fn imported_into(
    scenario: &Scenario,
    imported: Imported,
    id: Option<Json>,
    path: &str,
) -> Result<Question, Vec<Wrong>> {
    let scenario = with_architecture(scenario, imported.architecture, path)?;
    let warnings = imported.warnings.iter().map(ToString::to_string).collect();
    Ok(Question {
        id,
        scenario,
        warnings,
        held: None,
    })
}

/// A scenario with an architecture of one's own, every field of which is in its range.
///
/// # Errors
/// What is out of range, or does not go together.
pub fn with_architecture(
    scenario: &Scenario,
    architecture: Architecture,
    path: &str,
) -> Result<Scenario, Vec<Wrong>> {
    let inside = |field: Field| {
        if path.is_empty() {
            field.key().to_owned()
        } else {
            format!("{path}.{}", field.key())
        }
    };
    for field in ModelField::ALL {
        let value = field.get(&architecture);
        let own = Field::Architecture(field);
        if field.applies(&architecture) && own.kind().admit(value).is_none() {
            let shown = own.display(value);
            let message = format!(
                "{} = {shown} is out of range; valid: {}",
                own.label(),
                own.valid()
            );
            return Err(vec![Wrong::new(&inside(own), message)]);
        }
    }
    scenario
        .with_architecture(architecture)
        .map_err(|why| vec![Wrong::new(&inside(why.field()), why)])
}

/// What is wrong with a config.json, which stands at `path`.
pub fn of_config(why: &ImportError, path: &str) -> Wrong {
    let key = match why {
        ImportError::WrongType { key, .. }
        | ImportError::OutOfRange { key, .. }
        | ImportError::Missing { key, .. }
        | ImportError::WrongLength { key, .. } => key.replace('`', ""),
        ImportError::Indivisible { divisor, .. } => divisor.0.to_owned(),
        ImportError::TooMany { value, .. } => value.0.to_owned(),
        ImportError::EncoderDecoder { .. } => "is_encoder_decoder".to_owned(),
        ImportError::TooLong { .. }
        | ImportError::NotJson { .. }
        | ImportError::NotAnObject { .. } => String::new(),
    };
    let field = match (path, key.as_str()) {
        ("", key) | (key, "") => key.to_owned(),
        (path, key) => format!("{path}.{key}"),
    };
    Wrong::new(&field, why)
}

/// A key that no scenario has.
fn unknown(key: &str) -> Wrong {
    let known: Vec<_> = Field::ALL.into_iter().map(names).collect();
    Wrong::new(key, unknown_among(key, &known))
}

/// What a key might have been meant as: a field's key or its label.
fn unknown_among(key: &str, known: &[(&'static str, &'static str)]) -> String {
    let bare = |text: &str| -> String {
        let kept = text.chars().filter(|letter| letter.is_ascii_alphanumeric());
        kept.map(|letter| letter.to_ascii_lowercase()).collect()
    };
    let near = known.iter().find(|(own, label)| {
        let (key, own, label) = (bare(key), bare(own), bare(label));
        key == own || key == label || (own.len() > 2 && key.starts_with(&own))
    });
    let shown = shown(key);
    match near {
        Some((near, _)) => format!("{shown} is not a field; valid: perhaps {near}"),
        None => format!("{shown} is not a field; valid: see `petaday schema`"),
    }
}

fn names(field: Field) -> (&'static str, &'static str) {
    (field.key(), field.label())
}

/// What a value is, for a message.
pub fn kind_of(value: &Json) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::Bool(flag) => flag.to_string(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => shown(text),
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an object".to_owned(),
    }
}

/// Whether a character could rearrange the sentence that it stands in: control characters and marks of direction.
fn moves_a_cursor(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

/// A text in quotes, at a length that fits a message.
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 32;
    let mut shown: String = text.chars().take(LONGEST).collect();
    if text.chars().count() > LONGEST {
        shown.push('…');
    }
    format!("“{shown}”")
}
