//! Reads the fields of a configuration: from the file, else from the defaults of its class.

use super::ImportError;
use super::error::{Warning, quoted, shown};
use crate::field::{LayerSet, Value as FieldValue};
use crate::model::{Activation, ModelField};
use serde_json::{Map, Value};

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

/// A configuration, and the defaults of its class.
pub(super) struct Reader<'a> {
    fields: &'a Map<String, Value>,
    defaults: Map<String, Value>,
    /// The object that the fields stand in, with a point; empty at the top.
    inside: String,
    /// The `model_type`, quoted; empty where there is none.
    pub(super) model_type: String,
    /// What was noticed so far.
    pub(super) warnings: Vec<Warning>,
}

impl<'a> Reader<'a> {
    /// A reader of `fields`, which stand in the object `inside`.
    pub(super) fn new(
        fields: &'a Map<String, Value>,
        defaults: &str,
        inside: Option<&str>,
        model_type: &str,
    ) -> Self {
        Self {
            fields,
            // Read as any value, as files are: another type would be the deserializer once more for each reader.
            defaults: match serde_json::from_str(defaults) {
                Ok(Value::Object(fields)) => fields,
                _ => Map::new(),
            },
            inside: inside.map_or_else(String::new, |key| format!("{key}.")),
            model_type: if model_type.is_empty() {
                String::new()
            } else {
                quoted(model_type)
            },
            warnings: Vec::new(),
        }
    }

    /// The value of a field, under any of its names, and the name it was found under: of the file, where that names it
    /// at all, else of the class. Null is no value.
    fn find(&self, key: &'static str) -> Option<(&'static str, &Value)> {
        let one = [key];
        let names = NAMES
            .iter()
            .find(|names| names[0] == key)
            .map_or(&one[..], |names| names);
        for fields in [self.fields, &self.defaults] {
            let mut named = false;
            for &name in names {
                match within(fields, name) {
                    Some(Value::Null) => named = true,
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

    fn wrong<T>(
        &self,
        key: &str,
        value: &Value,
        valid: &'static str,
    ) -> Result<Option<T>, ImportError> {
        Err(ImportError::WrongType {
            key: format!("{}{key}", self.inside),
            value: shown(value),
            valid,
        })
    }

    /// A whole number, at least 0.
    pub(super) fn whole(&self, key: &'static str) -> Result<Option<u64>, ImportError> {
        let Some((name, value)) = self.find(key) else {
            return Ok(None);
        };
        match whole(value) {
            Some(number) => Ok(Some(number)),
            None => self.wrong(name, value, "a whole number"),
        }
    }

    /// A whole number in the range of an architecture's field.
    pub(super) fn count(
        &self,
        field: ModelField,
        key: &'static str,
    ) -> Result<Option<u64>, ImportError> {
        let Some(number) = self.whole(key)? else {
            return Ok(None);
        };
        let kind = field.kind();
        if kind.admit(FieldValue::Count(number)).is_some() {
            return Ok(Some(number));
        }
        let (name, value) = self.find(key).unwrap_or((key, &Value::Null));
        Err(ImportError::OutOfRange {
            key: format!("{}{name}", self.inside),
            value: shown(value),
            valid: kind.valid(),
        })
    }

    /// A whole number that has to be there.
    pub(super) fn required(
        &self,
        field: ModelField,
        key: &'static str,
    ) -> Result<u64, ImportError> {
        self.count(field, key)?.ok_or_else(|| {
            let inside = &self.inside;
            let names = NAMES.iter().find(|names| names[0] == key);
            let others = names.map_or(&[][..], |names| &names[1..]);
            let mut keys = format!("`{inside}{key}`");
            for other in others {
                keys += &format!(" or `{inside}{other}`");
            }
            ImportError::Missing {
                key: keys,
                model_type: self.model_type.clone(),
            }
        })
    }

    /// A step between layers, at least 1 and at most one that leaves out every layer there may be.
    pub(super) fn step(&self, key: &'static str) -> Result<u64, ImportError> {
        match self.whole(key)? {
            Some(0) => Err(ImportError::OutOfRange {
                key: format!("{}{key}", self.inside),
                value: "0".to_owned(),
                valid: "1 or more".to_owned(),
            }),
            step => Ok(step.unwrap_or(1).min(crate::field::MAX_LAYERS)),
        }
    }

    /// True or false; null and nothing are false.
    pub(super) fn flag(&self, key: &'static str) -> Result<bool, ImportError> {
        match self.find(key) {
            None => Ok(false),
            Some((_, Value::Bool(holds))) => Ok(*holds),
            Some((name, value)) => Ok(self.wrong(name, value, "true or false")?.unwrap_or(false)),
        }
    }

    /// A text.
    pub(super) fn text(&self, key: &'static str) -> Result<Option<&str>, ImportError> {
        match self.find(key) {
            None => Ok(None),
            Some((_, Value::String(text))) => Ok(Some(text)),
            Some((name, value)) => self.wrong(name, value, "a text"),
        }
    }

    /// Checks that a field is an object where it is there; its own fields are read as `outer.inner`.
    pub(super) fn object(&self, key: &'static str) -> Result<(), ImportError> {
        match self.find(key) {
            None | Some((_, Value::Object(_))) => Ok(()),
            Some((name, value)) => self.wrong::<()>(name, value, "an object").map(|_| ()),
        }
    }

    /// A number.
    pub(super) fn number(&self, key: &'static str) -> Result<Option<f64>, ImportError> {
        match self.find(key) {
            None => Ok(None),
            Some((_, Value::Number(number))) => Ok(number.as_f64()),
            Some((name, value)) => self.wrong(name, value, "a number"),
        }
    }

    /// A share from 0 to 1.
    pub(super) fn share(&self, key: &'static str) -> Result<Option<f64>, ImportError> {
        let Some((name, value)) = self.find(key) else {
            return Ok(None);
        };
        match value.as_f64() {
            Some(share) if (0.0..=1.0).contains(&share) => Ok(Some(share)),
            _ => self.wrong(name, value, "a number from 0 to 1"),
        }
    }

    /// Whether a probability of dropout is above 0.
    pub(super) fn dropout(&self, key: &'static str) -> Result<bool, ImportError> {
        Ok(self.share(key)?.unwrap_or(0.0) > 0.0)
    }

    /// A list.
    fn list(&self, key: &'static str) -> Result<Option<&Vec<Value>>, ImportError> {
        match self.find(key) {
            None => Ok(None),
            Some((_, Value::Array(items))) => Ok(Some(items)),
            Some((name, value)) => self.wrong(name, value, "a list"),
        }
    }

    /// A list with an item for each layer: those layers whose item `holds` says yes to. None where there is no list, or
    /// an empty one.
    pub(super) fn layers_where(
        &self,
        key: &'static str,
        layers: u64,
        valid: &'static str,
        holds: impl Fn(&Value) -> Option<bool>,
    ) -> Result<Option<LayerSet>, ImportError> {
        let Some(items) = self.list(key)?.filter(|items| !items.is_empty()) else {
            return Ok(None);
        };
        if items.len() as u64 != layers {
            return Err(ImportError::WrongLength {
                key: format!("{}{key}", self.inside),
                items: items.len(),
                layers,
            });
        }
        let mut flags = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match holds(item) {
                Some(flag) => flags.push(flag),
                None => {
                    self.wrong::<bool>(&format!("{key}[{index}]"), item, valid)?;
                }
            }
        }
        Ok(Some(LayerSet::of_flags(&flags)))
    }

    /// A list of layers; those that the model does not have are left out.
    pub(super) fn layers_named(
        &self,
        key: &'static str,
        layers: u64,
    ) -> Result<Option<LayerSet>, ImportError> {
        let Some(items) = self.list(key)? else {
            return Ok(None);
        };
        let mut flags = vec![false; layers as usize];
        for (index, item) in items.iter().enumerate() {
            match whole(item) {
                Some(layer) => {
                    if let Some(flag) = flags.get_mut(layer as usize) {
                        *flag = true;
                    }
                }
                None => {
                    self.wrong::<u64>(&format!("{key}[{index}]"), item, "a layer’s number")?;
                }
            }
        }
        Ok(Some(LayerSet::of_flags(&flags)))
    }

    /// GPT-Neo's `attention_types`, such as `[[["global", "local"], 12]]`: the kinds of layers, and how often they
    /// come again. The layers of kind `local`.
    pub(super) fn local_layers(&self, layers: u64) -> Result<Option<LayerSet>, ImportError> {
        let key = "attention_types";
        let valid = "a list such as [[[\"global\", \"local\"], 12]]";
        let Some(items) = self.list(key)? else {
            return Ok(None);
        };
        let mut flags = Vec::new();
        for item in items {
            let kinds = item.get(0).and_then(Value::as_array);
            let times = item.get(1).and_then(whole);
            let (Some(kinds), Some(times)) = (kinds, times) else {
                return self.wrong(key, item, valid);
            };
            // One layer more than the model has is enough to see that they do not fit.
            for _ in 0..times.min(layers + 1) {
                if flags.len() as u64 <= layers {
                    flags.extend(kinds.iter().map(|kind| kind.as_str() == Some("local")));
                }
            }
        }
        if flags.len() as u64 != layers {
            return Err(ImportError::WrongLength {
                key: format!("{}{key}", self.inside),
                items: flags.len(),
                layers,
            });
        }
        Ok(Some(LayerSet::of_flags(&flags)))
    }

    /// An activation function by the name that the package gives it.
    pub(super) fn activation(
        &mut self,
        key: &'static str,
    ) -> Result<Option<Activation>, ImportError> {
        let Some(name) = self.text(key)? else {
            return Ok(None);
        };
        let known = activation(name);
        if known.is_none() {
            let value = quoted(name);
            self.warnings.push(Warning::CountedAs {
                key,
                value,
                as_if: "SiLU",
            });
        }
        Ok(Some(known.unwrap_or(Activation::Silu)))
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

    /// Notes what is assumed where the file lacks a field; true where it does.
    pub(super) fn assumes(&mut self, key: &'static str, assumed: &'static str) -> bool {
        let missing = !self.has(key);
        if missing {
            self.warnings.push(Warning::Assumed { key, assumed });
        }
        missing
    }
}

/// The value of a field, `outer.inner` of an object in the object.
fn within<'v>(fields: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    match name.split_once('.') {
        None => fields.get(name),
        Some((outer, inner)) => within(fields.get(outer)?.as_object()?, inner),
    }
}

/// A number without fraction, at least 0; 4096.0 is one, as in files that passed through other languages.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let real = value.as_f64()?;
        (real >= 0.0 && real.fract() == 0.0).then_some(real as u64)
    })
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
