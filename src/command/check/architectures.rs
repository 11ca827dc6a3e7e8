//! Architectures of tables that print only a GPT's sizes, or only a name.

use super::positive;
use petaday::field::Value;
use petaday::model::{Architecture, Family, MODELS, ModelField};
use serde_json::Value as Json;

/// A GPT of the sizes in `fields`: biases and LayerNorms everywhere, a feed-forward network of 4h, a tied head, learned
/// positions for `sequence` tokens. None where a size is missing or one that no model can have.
pub fn gpt(fields: &Json, sequence: f64) -> Option<Architecture> {
    let hidden = positive(fields, "hidden")?;
    // Heads as wide as the hidden size together, where their number is not printed.
    let heads = positive(fields, "heads").unwrap_or(1.0);
    let mut model = Family::Gpt2.base();
    for (field, size) in [
        (ModelField::Hidden, hidden),
        (ModelField::Layers, positive(fields, "layers")?),
        (ModelField::Vocabulary, positive(fields, "vocab")?),
        (ModelField::Heads, heads),
        (ModelField::KvHeads, heads),
        (ModelField::LearnedPositions, sequence),
        (ModelField::FeedForward, 4.0 * hidden),
    ] {
        let count = field.kind().admit(Value::Count(size as u64))?;
        field.set(&mut model, count);
    }
    model.attention.head_dim = model.hidden / model.attention.heads;
    Some(model)
}

/// The model of the catalogue that `name` means: whatever its case and punctuation, without what stands in brackets; and
/// where there is none of the name, without its minor version (Llama 3 405B is Llama 3.1's), if all such models do the
/// same work.
pub fn named(name: &str) -> Option<Architecture> {
    let name = without_brackets(name);
    let same = |edit: fn(&str) -> String| {
        MODELS
            .iter()
            .filter(|model| edit(&without_brackets(model.name)) == edit(&name))
            .map(|model| model.architecture())
            .collect::<Vec<_>>()
    };
    let exact = same(bare);
    let found = if exact.is_empty() {
        same(|name| bare(&without_minor_version(name)))
    } else {
        exact
    };
    let first = *found.first()?;
    let work = |model: &Architecture| (model.matmul_parameters(), model.attention.head_dim);
    found
        .iter()
        .all(|model| work(model) == work(&first))
        .then_some(first)
}

/// Letters, digits and points, in lower case.
fn bare(name: &str) -> String {
    name.chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || *letter == '.')
        .map(|letter| letter.to_ascii_lowercase())
        .collect()
}

/// `DeepSeekV3 (w/o MTP)` → `DeepSeekV3 `.
fn without_brackets(name: &str) -> String {
    let mut depth = 0;
    name.chars()
        .filter(|letter| {
            depth += i32::from(*letter == '(');
            let kept = depth == 0;
            depth -= i32::from(*letter == ')');
            kept
        })
        .collect()
}

/// `Llama-3.1-405B` → `Llama-3-405B`; the point of `1.5B` is no version's.
fn without_minor_version(name: &str) -> String {
    let mut rest = name;
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once('.') {
        text.push_str(before);
        let digits = after
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(after.len());
        let ends = |letter: char| !letter.is_ascii_alphanumeric();
        if digits > 0 && after[digits..].starts_with(ends) {
            rest = &after[digits..];
        } else {
            text.push('.');
            rest = after;
        }
    }
    text + rest
}
