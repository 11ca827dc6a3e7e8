//! Reads the fields of a configuration: from the file, else from the defaults of its class.
//!
//! The first thing that is wrong is kept, and reading goes on with a harmless value: whoever reads a family's fields says
//! only what they mean.

use super::error::{ImportError, Warning, quoted, shown};
use super::json::{Fields, Json};
use crate::field::{LayerSet, MAX_LAYERS, Value};
use crate::model::{Activation, ModelField};

/// Fields of the same meaning under the names that classes give them, the usual name first.
const NAMES: &[&[&str]] = &[
    &["hidden_size", "n_embd", "n_embed", "d_model"],
    &["num_hidden_layers", "n_layer", "n_layers", "num_layers"],
    &["num_attention_heads", "n_head", "n_heads", "num_heads"],
    &["num_key_value_heads", "num_kv_heads", "n_head_kv"],
    &["intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size"],
    &[
        "max_position_embeddings",
        "n_positions",
        "max_seq_len",
        "seq_length",
    ],
    &["hidden_act", "hidden_activation", "activation_function"],
    &[
        "num_experts",
        "num_local_experts",
        "n_routed_experts",
        "moe_num_experts",
    ],
    &[
        "num_experts_per_tok",
        "moe_top_k",
        "moe_topk",
        "num_experts_per_token",
    ],
    &["attention_dropout", "attn_pdrop"],
];

/// A configuration, the defaults of its class, and what was noticed while reading it.
pub(super) struct Reader<'a> {
    /// The file's fields, before the class's.
    sources: [&'a Fields; 2],
    /// The object that the fields stand in, with a point; empty at the top.
    inside: String,
    /// The `model_type`, quoted; empty where there is none.
    model_type: String,
    /// What was noticed so far.
    pub(super) warnings: Vec<Warning>,
    /// The first thing that is wrong.
    pub(super) error: Option<ImportError>,
}

impl<'a> Reader<'a> {
    /// A reader of `fields`, which stand in the object `inside`, and else of `defaults`.
    pub(super) fn new(
        fields: &'a Fields,
        defaults: &'a Fields,
        inside: Option<&str>,
        model_type: String,
    ) -> Self {
        Self {
            sources: [fields, defaults],
            inside: inside.map_or_else(String::new, |key| format!("{key}.")),
            model_type,
            warnings: Vec::new(),
            error: None,
        }
    }

    /// The value of a field, under any of its names, and the name it was found under: of the file, where that names it
    /// at all, else of the class. Null is no value.
    fn find(&self, key: &'static str) -> Option<(&'static str, &'a Json)> {
        let one = [key];
        let names = other_names(key).unwrap_or(&one);
        for fields in self.sources {
            let mut named = false;
            for &name in names {
                match within(fields, name) {
                    Some(Json::Null) => named = true,
                    Some(value) => return Some((name, value)),
                    None => {}
                }
            }
            if named {
                return None;
            }
        }
        None
    }

    /// Whether the file or the class gives the field a value.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.find(key).is_some()
    }

    /// Whether one of several fields has a value.
    pub(super) fn has_any(&self, keys: &[&'static str]) -> bool {
        keys.iter().any(|key| self.has(key))
    }

    /// Keeps what is wrong, if nothing was before.
    pub(super) fn refuse(&mut self, error: ImportError) {
        if self.error.is_none() {
            self.error = Some(error);
        }
    }

    /// A field's name with the object that it stands in.
    fn place(&self, key: &str) -> String {
        format!("{}{key}", self.inside)
    }

    fn wrong(&mut self, key: &str, value: &Json, valid: &'static str) {
        self.refuse(ImportError::WrongType {
            key: self.place(key),
            value: shown(value),
            valid,
        });
    }

    /// What `read` makes of a field's value; wrong where it makes nothing of it.
    fn value<T>(
        &mut self,
        key: &'static str,
        valid: &'static str,
        read: impl Fn(&'a Json) -> Option<T>,
    ) -> Option<T> {
        let (name, value) = self.find(key)?;
        let read = read(value);
        if read.is_none() {
            self.wrong(name, value, valid);
        }
        read
    }

    /// A whole number, at least 0.
    pub(super) fn whole(&mut self, key: &'static str) -> Option<u64> {
        self.value(key, "a whole number", Json::whole)
    }

    /// A whole number in the range of an architecture's field.
    pub(super) fn count(&mut self, field: ModelField, key: &'static str) -> Option<u64> {
        let number = self.whole(key)?;
        let kind = field.kind();
        if kind.admit(Value::Count(number)).is_some() {
            return Some(number);
        }
        let (name, value) = self.find(key)?;
        self.refuse(ImportError::OutOfRange {
            key: self.place(name),
            value: shown(value),
            valid: kind.valid(),
        });
        None
    }

    /// A whole number that has to be there.
    pub(super) fn required(&mut self, field: ModelField, key: &'static str) -> u64 {
        let count = self.count(field, key);
        if count.is_none() {
            let keys = other_names(key).unwrap_or(&[]).iter().skip(1);
            let key = keys.fold(format!("`{}`", self.place(key)), |keys, other| {
                format!("{keys} or `{}`", self.place(other))
            });
            self.refuse(ImportError::Missing {
                key,
                model_type: self.model_type.clone(),
            });
        }
        count.unwrap_or(1)
    }

    /// A step between layers, at least 1 and at most one that leaves out every layer there may be; 1 where there is none.
    pub(super) fn step(&mut self, key: &'static str) -> u64 {
        let step = self.whole(key).unwrap_or(1);
        if step == 0 {
            self.refuse(ImportError::OutOfRange {
                key: self.place(key),
                value: "0".to_owned(),
                valid: "1 or more".to_owned(),
            });
        }
        step.clamp(1, MAX_LAYERS)
    }

    /// True or false; null and nothing are false.
    pub(super) fn flag(&mut self, key: &'static str) -> bool {
        self.value(key, "true or false", Json::flag) == Some(true)
    }

    /// Whether one of several flags holds.
    pub(super) fn any_flag(&mut self, keys: &[&'static str]) -> bool {
        keys.iter().any(|key| self.flag(key))
    }

    /// Whether a text is this one.
    pub(super) fn says(&mut self, key: &'static str, text: &str) -> bool {
        self.value(key, "a text", Json::text) == Some(text)
    }

    /// Checks that a field is an object where it is there; its own fields are read as `outer.inner`.
    pub(super) fn object(&mut self, key: &'static str) {
        self.value(key, "an object", Json::fields);
    }

    /// A number.
    pub(super) fn number(&mut self, key: &'static str) -> Option<f64> {
        self.value(key, "a number", Json::real)
    }

    /// A share from 0 to 1.
    pub(super) fn share(&mut self, key: &'static str) -> Option<f64> {
        self.value(key, "a number from 0 to 1", |value| {
            value.real().filter(|share| (0.0..=1.0).contains(share))
        })
    }

    /// Whether a probability of dropout is above 0.
    pub(super) fn dropout(&mut self, key: &'static str) -> bool {
        self.share(key).is_some_and(|share| share > 0.0)
    }

    /// A list.
    fn list(&mut self, key: &'static str) -> Option<&'a [Json]> {
        self.value(key, "a list", Json::items)
    }

    /// The layers that `flags` hold for, one for each.
    fn layers(&mut self, key: &str, flags: &[bool], layers: u64) -> Option<LayerSet> {
        if flags.len() as u64 == layers {
            return Some(LayerSet::of_flags(flags));
        }
        self.refuse(ImportError::WrongLength {
            key: self.place(key),
            items: flags.len(),
            layers,
        });
        None
    }

    /// A list with an item for each layer: those layers whose item `holds` says yes to. None where there is no list, or
    /// an empty one.
    pub(super) fn layers_where(
        &mut self,
        key: &'static str,
        layers: u64,
        valid: &'static str,
        holds: &dyn Fn(&Json) -> Option<bool>,
    ) -> Option<LayerSet> {
        let items = self.list(key).filter(|items| !items.is_empty())?;
        let mut flags = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let flag = holds(item);
            if flag.is_none() {
                self.wrong(&format!("{key}[{index}]"), item, valid);
            }
            flags.push(flag == Some(true));
        }
        self.layers(key, &flags, layers)
    }

    /// A list of layers; those that the model does not have are left out.
    pub(super) fn layers_named(&mut self, key: &'static str, layers: u64) -> Option<LayerSet> {
        let items = self.list(key)?;
        let mut flags = vec![false; layers as usize];
        for (index, item) in items.iter().enumerate() {
            match item.whole() {
                Some(layer) if layer < layers => flags[layer as usize] = true,
                Some(_) => {}
                None => self.wrong(&format!("{key}[{index}]"), item, "a layer’s number"),
            }
        }
        self.layers(key, &flags, layers)
    }

    /// GPT-Neo's `attention_types`, such as `[[["global", "local"], 12]]`: the kinds of layers, and how often they
    /// come again. The layers of kind `local`.
    pub(super) fn local_layers(&mut self, layers: u64) -> Option<LayerSet> {
        let key = "attention_types";
        let mut flags = Vec::new();
        for item in self.list(key)? {
            let (kinds, times) = match item.items() {
                Some([kinds, times]) => (kinds.items(), times.whole()),
                _ => (None, None),
            };
            let (Some(kinds), Some(times)) = (kinds, times) else {
                self.wrong(key, item, "a list such as [[[\"global\", \"local\"], 12]]");
                return None;
            };
            // One layer more than the model has is enough to see that they do not fit.
            for _ in 0..times.min(layers + 1) {
                if flags.len() as u64 <= layers {
                    flags.extend(kinds.iter().map(|kind| kind.text() == Some("local")));
                }
            }
        }
        self.layers(key, &flags, layers)
    }

    /// An activation function by the name that the package gives it.
    pub(super) fn activation(&mut self, key: &'static str) -> Option<Activation> {
        let name = self.value(key, "a text", Json::text)?;
        let known = activation(name);
        if known.is_none() {
            self.warnings.push(Warning::CountedAs {
                key,
                value: quoted(name),
                as_if: "SiLU",
            });
        }
        Some(known.unwrap_or(Activation::Silu))
    }

    /// Notes that the family's code does not use a field that says something else than the code does.
    pub(super) fn ignores(&mut self, differs: bool, key: &'static str, instead: &'static str) {
        if differs {
            self.warnings.push(Warning::Ignored { key, instead });
        }
    }

    /// Notes that a type's own code is not described, but another that holds the same parameters.
    pub(super) fn counts_as(&mut self, as_if: &'static str) {
        self.warnings.push(Warning::CountedAs {
            key: "model_type",
            value: self.model_type.clone(),
            as_if,
        });
    }

    /// Notes what is assumed where the file lacks a field.
    pub(super) fn assumes(&mut self, key: &'static str, assumed: &'static str) {
        if !self.has(key) {
            self.warnings.push(Warning::Assumed { key, assumed });
        }
    }

    /// Notes what is assumed where the file lacks all of these fields, or where configurations never say it.
    pub(super) fn supposes(&mut self, unless: &[&'static str], assumed: &'static str) {
        if !self.has_any(unless) {
            self.warnings.push(Warning::Unsaid { assumed });
        }
    }
}

/// All names of a field that has several.
fn other_names(key: &str) -> Option<&'static [&'static str]> {
    NAMES.iter().find(|names| names[0] == key).copied()
}

/// The value of a field, `outer.inner` of an object in the object.
fn within<'v>(fields: &'v Fields, name: &str) -> Option<&'v Json> {
    match name.split_once('.') {
        None => fields.get(name),
        Some((outer, inner)) => within(fields.get(outer)?.fields()?, inner),
    }
}

/// Functions that keep the same tensors share a name: mish keeps its input and its output, as SiLU does.
fn activation(name: &str) -> Option<Activation> {
    Some(match name {
        "silu" | "swish" | "mish" | "hardswish" => Activation::Silu,
        "gelu" | "gelu_pytorch_tanh" => Activation::Gelu,
        "gelu_new" | "gelu_accurate" | "gelu_python_tanh" => Activation::GeluNew,
        "gelu_fast" => Activation::GeluFast,
        "gelu_python" => Activation::GeluPython,
        "quick_gelu" => Activation::QuickGelu,
        "relu" => Activation::Relu,
        "relu2" => Activation::Relu2,
        "tanh" | "sigmoid" => Activation::Tanh,
        "laplace" => Activation::Laplace,
        _ => return None,
    })
}
