//! A scenario as a URL's query, and back.
//!
//! A link names its version, its preset and what differs from the preset, in readable keys:
//! `v=1&preset=article&params=70B`. Links of every released version open for ever.

use crate::field::{Choice, Value};
use crate::model::{Architecture, Family, Model, ModelField};
use crate::scenario::{
    Field, Held, Invalid, OPENING, PRESETS, Preset, Rate, Scenario, model_at, shortened,
};
use std::fmt;

/// The version that links are written in.
pub const VERSION: u32 = 1;

const FAMILY: Field = Field::Architecture(ModelField::Family);

/// Keys that are the page's, not the scenario's: read elsewhere, passed over here.
const PAGE_KEYS: [&str; 1] = ["embed"];

/// What a link held, and what of it could not be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// The scenario; each field that could not be used is as in the preset.
    pub scenario: Scenario,
    /// One for each field that could not be used.
    pub notices: Vec<Notice>,
}

/// A part of a link that could not be used.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// A key that no version knows.
    UnknownKey(String),
    /// A version that this page does not know.
    Version(String),
    /// A preset that this page does not know.
    Preset(String),
    /// A held quantity that there is not.
    Hold(String),
    /// The same key twice; the first counts.
    Twice(&'static str),
    /// A field whose value is not valid.
    Field(Invalid),
    /// A field that does not go with another one of the link.
    Together(Field, Invalid),
}

impl Notice {
    /// The key in the link.
    pub fn key(&self) -> &str {
        match self {
            Self::UnknownKey(key) => key,
            Self::Version(_) => "v",
            Self::Preset(_) => "preset",
            Self::Hold(_) => "hold",
            Self::Twice(key) => key,
            Self::Field(invalid) => invalid.field().key(),
            Self::Together(field, _) => field.key(),
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey(key) => {
                write!(f, "“{}” is not a field this version knows", shortened(key))
            }
            Self::Version(version) => {
                let version = shortened(version);
                write!(
                    f,
                    "v = “{version}” is not a version this one knows; valid: {VERSION}"
                )
            }
            Self::Preset(preset) => {
                let valid: Vec<_> = PRESETS.iter().map(|preset| preset.id).collect();
                let (preset, valid) = (shortened(preset), valid.join(", "));
                write!(
                    f,
                    "preset = “{preset}” is unknown; valid: {valid}; opened as {}",
                    PRESETS[0].id
                )
            }
            Self::Hold(name) => {
                let valid = HOLDS.map(|(name, _)| name).join(", ");
                write!(
                    f,
                    "hold = “{}” is unknown; valid: none or {valid}",
                    shortened(name)
                )
            }
            Self::Twice(key) => write!(f, "{key} stands twice; the first one counts"),
            Self::Field(invalid) => write!(f, "{invalid}"),
            Self::Together(field, invalid) => {
                write!(
                    f,
                    "{invalid}; for {} the preset’s value is used",
                    field.label().to_ascii_lowercase()
                )
            }
        }
    }
}

type Hold = fn(&mut Held) -> &mut bool;

/// What can be held, by the names that links use.
pub const HOLDS: [(&str, Hold); 5] = [
    ("compute", |held| &mut held.compute),
    ("tokens", |held| &mut held.tokens),
    ("days", |held| &mut held.days),
    ("gpus", |held| &mut held.gpus),
    ("tflops", |held| &mut held.rate),
];

/// The query of a scenario, without a question mark.
pub fn query(scenario: &Scenario) -> String {
    let preset = Preset::find(scenario.preset())
        .unwrap_or(&PRESETS[0])
        .scenario();
    let implied = implied_family(&preset, scenario.model());
    let base = base_of(&preset, scenario.model(), scenario.architecture().family);
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    pairs.append_pair("v", &VERSION.to_string());
    pairs.append_pair("preset", scenario.preset());
    for field in Field::ALL {
        let value = scenario.value(field);
        let differs = match field {
            // One rate, given one way: the other is derived.
            Field::Tflops => {
                matches!(scenario.rate(), Rate::Tflops(_)) && scenario.rate() != preset.rate()
            }
            Field::Mfu => {
                matches!(scenario.rate(), Rate::MfuPercent(_)) && scenario.rate() != preset.rate()
            }
            FAMILY => scenario.architecture().family != implied,
            Field::Architecture(field) => value != field.get(&base),
            _ => value != preset.value(field),
        };
        if differs && scenario.has(field) {
            pairs.append_pair(field.key(), &field.key_of(value));
        }
    }
    if scenario.held() != preset.held() {
        let held = HOLDS
            .iter()
            .filter(|(_, hold)| *hold(&mut scenario.held()))
            .map(|(name, _)| *name);
        let names = held.collect::<Vec<_>>().join(".");
        pairs.append_pair("hold", if names.is_empty() { "none" } else { &names });
    }
    pairs.finish()
}

/// Whose code an architecture is where the link does not say.
fn implied_family(preset: &Scenario, model: Option<&Model>) -> Family {
    model.map_or(preset.architecture().family, |model| model.family)
}

/// The architecture that a link's fields change: the preset's where it is the same model, else the catalogue's, else
/// the family's.
fn base_of(preset: &Scenario, model: Option<&'static Model>, family: Family) -> Architecture {
    match model {
        same if same == preset.model()
            && (same.is_some() || family == preset.architecture().family) =>
        {
            *preset.architecture()
        }
        Some(model) => model.architecture(),
        None => family.base(),
    }
}

/// Opens a link: a whole URL, or what stands after its `?` or `#`. Whatever it holds, there is a scenario.
pub fn open(link: &str) -> Opened {
    let mut notices = Vec::new();
    let pairs = pairs_of(link, &mut notices);
    let find = |name: &str| {
        pairs
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };

    if let Some(version) = find("v").filter(|version| *version != VERSION.to_string()) {
        notices.push(Notice::Version(version.to_owned()));
    }
    let preset = find("preset").and_then(|id| {
        let found = Preset::find(id);
        if found.is_none() {
            notices.push(Notice::Preset(id.to_owned()));
        }
        found
    });
    // An address that says nothing opens on today's default; a link without a preset, on what it changed when links began.
    let silent = || {
        pairs
            .iter()
            .all(|(key, _)| PAGE_KEYS.contains(&key.as_str()))
    };
    let preset = preset
        .or_else(|| silent().then(|| Preset::find(OPENING)).flatten())
        .unwrap_or(&PRESETS[0])
        .scenario();

    let mut changes = Vec::new();
    for field in Field::ALL {
        match find(field.key()).map(|text| field.parse(text)) {
            None => {}
            Some(Ok(value)) => changes.push((field, value)),
            Some(Err(invalid)) => notices.push(Notice::Field(invalid)),
        }
    }
    let mut scenario = apply(&preset, changes, &mut notices);

    if let Some(names) = find("hold") {
        scenario = scenario.holding(held_of(names, scenario.held(), &mut notices));
    }
    Opened { scenario, notices }
}

/// Applies what goes together; what does not, falls back field by field.
fn apply(
    preset: &Scenario,
    mut changes: Vec<(Field, Value)>,
    notices: &mut Vec<Notice>,
) -> Scenario {
    loop {
        let base = changed_base(preset, &changes);
        let invalid = match preset.with_all_from(&base, &changes) {
            Ok(scenario) => return scenario,
            Err(invalid) => invalid,
        };
        // Heads stand after hidden size in `Field::ALL`, tensor parallel after heads: the last one falls back; where
        // the link changes none of them, the model or the estimator does.
        let guilty = invalid.fields();
        let is_whole = |field: &Field| matches!(field, Field::Model | Field::Estimator);
        let last = changes
            .iter()
            .rposition(|(field, _)| guilty.contains(field))
            .or_else(|| changes.iter().rposition(|(field, _)| is_whole(field)));
        let Some(index) = last else {
            return *preset;
        };
        let (field, _) = changes.remove(index);
        notices.push(match invalid {
            Invalid::Absent(_) => Notice::Field(invalid),
            invalid => Notice::Together(field, invalid),
        });
    }
}

/// The architecture that these changes change.
fn changed_base(preset: &Scenario, changes: &[(Field, Value)]) -> Architecture {
    let changed = |field| {
        let change = changes.iter().find(|(changed, _)| *changed == field);
        change.map(|(_, value)| *value)
    };
    let model = match changed(Field::Model) {
        Some(Value::Choice(index)) => model_at(index),
        _ => preset.model(),
    };
    let family = match changed(FAMILY) {
        Some(Value::Choice(index)) => Family::ALL[index],
        _ => implied_family(preset, model),
    };
    base_of(preset, model, family)
}

/// What a link holds; what the preset holds, where a name is unknown.
fn held_of(names: &str, preset: Held, notices: &mut Vec<Notice>) -> Held {
    let mut held = Held {
        compute: false,
        tokens: false,
        days: false,
        gpus: false,
        rate: false,
    };
    let mut all_known = true;
    for name in names.split(['.', ',']).filter(|name| *name != "none") {
        match HOLDS.iter().find(|(known, _)| *known == name) {
            Some((_, hold)) => *hold(&mut held) = true,
            None => {
                all_known = false;
                notices.push(Notice::Hold(name.to_owned()));
            }
        }
    }
    if all_known { held } else { preset }
}

/// The pairs of a link's query and, where it looks like one, of its fragment.
fn pairs_of(link: &str, notices: &mut Vec<Notice>) -> Vec<(String, String)> {
    let (before, fragment) = link.split_once('#').unwrap_or((link, ""));
    let query = match before.split_once('?') {
        Some((_, query)) => query,
        None if before.contains("://") => "",
        None => before,
    };
    let fragment = fragment.strip_prefix('?').unwrap_or(fragment);
    let fragment = if fragment.contains('=') { fragment } else { "" };
    let mut pairs: Vec<(String, String)> = Vec::new();
    for part in [query, fragment] {
        for (key, value) in form_urlencoded::parse(part.as_bytes()) {
            let known = known_key(&key);
            let repeated = pairs.iter().any(|(other, _)| *other == key);
            match known {
                _ if PAGE_KEYS.contains(&key.as_ref()) => {}
                None => notices.push(Notice::UnknownKey(key.into_owned())),
                Some(known) if repeated => notices.push(Notice::Twice(known)),
                Some(_) => pairs.push((key.into_owned(), value.into_owned())),
            }
        }
    }
    pairs
}

fn known_key(key: &str) -> Option<&'static str> {
    let fields = Field::ALL.into_iter().map(Field::key);
    fields
        .chain(["v", "preset", "hold"])
        .find(|known| *known == key)
}

/// Whether a link asks for the embedded layout.
pub fn asks_for_embed(link: &str) -> bool {
    let after = link.split_once(['?', '#']).map_or("", |(_, after)| after);
    after
        .split(['&', '#', '?'])
        .any(|pair| pair == "embed" || pair == "embed=1")
}
