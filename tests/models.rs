//! Parameter counts against published ones, and against each other.

mod support;

use petaday::field::{Choice, LayerSet};
use petaday::formula::Expression;
use petaday::model::parameters::BlockKind;
use petaday::model::{
    Architecture, Family, MODELS, Model, ModelField, NormPlaces, QkNorm, RouterBias,
};
use proptest::prelude::*;
use serde_json::Value as Json;
use support::{architecture, cases};

/// The rows of `reference/models.json`: architectures with their published counts, collected from the models'
/// repositories and papers; each row says its source.
fn rows() -> Vec<Json> {
    let text = include_str!("reference/models.json");
    let table: Json = serde_json::from_str(text).unwrap();
    table["models"].as_array().unwrap().clone()
}

/// The rows of a table of tab-separated values.
fn tsv(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    rows.map(|line| line.split('\t').collect())
}

/// The catalogue's model that a row of `models.json` is of.
#[track_caller]
fn model(row: &Json) -> &'static Model {
    let name = row["hf_id"].as_str().or(row["name"].as_str()).unwrap();
    Model::named(name).unwrap_or_else(|| panic!("{name} is not in the catalogue"))
}

/// A count as its source prints it: `published` has as many digits as were printed, then zeros.
fn to_printed_digits(count: u64, published: u64) -> u64 {
    let mut unit = 1;
    while published.is_multiple_of(10 * unit) {
        unit *= 10;
    }
    (count + unit / 2) / unit * unit
}

#[test]
fn published_counts() {
    let mut compared = 0;
    for row in rows() {
        let (model, ours) = (model(&row), model(&row).architecture());
        // Published totals and `computed` count the routers' correction biases where a model has them.
        let (total, active) = (
            ours.parameters() + ours.buffer_parameters(),
            ours.active_parameters() + ours.buffer_parameters(),
        );
        if let Some(published) = row["published_params"].as_u64() {
            match row["published_kind"].as_str() {
                Some("rounded") => assert_eq!(
                    to_printed_digits(total, published),
                    published,
                    "{}",
                    model.id
                ),
                _ => assert_eq!(total, published, "{}", model.id),
            }
            compared += 1;
        }
        assert_eq!(
            Some(total),
            row["computed"]["total"].as_u64(),
            "{}",
            model.id
        );
        assert_eq!(
            Some(active),
            row["computed"]["active"].as_u64(),
            "{}",
            model.id
        );
        // The Python package's own count, made from the same fields.
        assert_eq!(
            Some(ours.parameters()),
            row["hf_meta_params"].as_u64(),
            "{}",
            model.id
        );
    }
    assert_eq!(compared, 85);
}

/// The models that the catalogue has beyond `models.json`.
#[test]
fn further_published_counts() {
    let mut known: Vec<&str> = rows().iter().map(|row| model(row).id).collect();
    for row in tsv(include_str!("reference/published_counts.tsv")) {
        let [id, published, kind, _source] = row[..] else {
            panic!("{row:?}");
        };
        let published = published.parse().unwrap();
        let count = Model::find(id).unwrap().architecture().parameters();
        let count = match kind {
            "rounded" => to_printed_digits(count, published),
            _ => count,
        };
        assert_eq!(count, published, "{id}");
        known.push(id);
    }
    known.sort_unstable();
    let mut all: Vec<&str> = MODELS.iter().map(|model| model.id).collect();
    all.sort_unstable();
    assert_eq!(known, all, "every model has a published count");
}

/// Parameters, the number of tensors and the second block's parameters as the implementations have them.
#[test]
fn tensors_of_the_implementations() {
    for row in tsv(include_str!("reference/tensors.tsv")) {
        let [family, fields, parameters, tensors, block] = row[..] else {
            panic!("{row:?}");
        };
        let model = Architecture::described(Family::find(family).unwrap(), fields).unwrap();
        let mut count = 0;
        model.visit_tensors(&mut |_, layers| count += layers);
        let mut second = 0;
        model.visit_tensors_of_block(model.block_kind(1), &mut |tensor| {
            second += tensor.shape.elements()
        });
        let recorded = [parameters, tensors, block].map(|text| text.parse::<u64>().unwrap());
        assert_eq!(
            [model.parameters(), count, second],
            recorded,
            "{family} {fields}"
        );
    }
}

/// Parameters by the closed formulas of the papers, written without tensors: Vaswani et al. 2017 (arXiv:1706.03762),
/// DeepSeek-V2 §2.1 (arXiv:2405.04434) for latent attention; `k` experts are counted.
fn closed_form(model: &Architecture, k: u64) -> u64 {
    let (h, layers, vocabulary) = (model.hidden, model.layers, model.vocabulary);
    let attention = &model.attention;
    let (a, g, d) = (attention.heads, attention.kv_heads, attention.head_dim);
    let when = |there: bool, parameters: u64| if there { parameters } else { 0 };
    let norm = when(model.norms.weight, h) + when(model.norms.bias, h);
    let embedding = model.embedding_size.unwrap_or(h);

    let ends = vocabulary * embedding * when(!model.tied_embeddings, 1)
        + vocabulary * embedding
        + when(model.head_bias, vocabulary)
        + model.learned_positions * h
        + when(model.embedding_size.is_some(), 2 * h * embedding)
        + when(model.norms.embedding, norm)
        + when(model.norms.last, norm);

    let projections = match attention.latent {
        Some(latent) => {
            let (nope, rope, value) = (latent.nope_dim, latent.rope_dim, latent.value_dim);
            let queries = match latent.query_rank {
                Some(r) => h * r + r + r * a * (nope + rope) + when(attention.qkv_bias, r),
                None => h * a * (nope + rope),
            };
            let r = latent.kv_rank;
            let bias = when(attention.qkv_bias, r + rope);
            queries + h * (r + rope) + r + r * a * (nope + value) + a * value * h + bias
        }
        None => {
            let norms = match attention.qk_norm {
                QkNorm::None | QkNorm::Unweighted => 0,
                QkNorm::Head if model.family == Family::Phi => 4 * d,
                QkNorm::Head => 2 * d,
                QkNorm::EachHead | QkNorm::Row => (a + g) * d,
            };
            let bias = when(attention.qkv_bias, (a + 2 * g) * d);
            2 * h * a * d + 2 * h * g * d + bias + norms + when(attention.sinks, a)
        }
    };
    let places = match model.norms.places {
        NormPlaces::ParallelShared => 1,
        NormPlaces::Around => 4,
        _ => 2,
    };
    let block = projections + when(attention.output_bias, h) + places * norm;

    let matrices = if model.feed_forward.gated { 3 } else { 2 };
    let f = model.feed_forward.size;
    let dense = matrices * h * f + when(model.feed_forward.bias, (matrices - 1) * f + h);

    let (sparse_layers, sparse) = model.experts.map_or((0, 0), |experts| {
        let f = experts.size;
        let bias = when(experts.expert_bias, (matrices - 1) * f + h);
        let gate = experts.shared_gate && experts.shared_size > 0;
        let sparse = h * experts.count
            + when(experts.router_bias == RouterBias::Parameter, experts.count)
            + k * (matrices * h * f + bias)
            + matrices * h * experts.shared_size
            + when(gate, h);
        (experts.layers.count_below(layers), sparse)
    });
    ends + layers * block + (layers - sparse_layers) * dense + sparse_layers * sparse
}

/// What an expression comes to.
fn value(expression: &Expression) -> u128 {
    match expression {
        Expression::Constant(value, _) => u128::from(*value),
        Expression::Symbol(_, value) => *value as u128,
        Expression::Sum(left, right) => value(left) + value(right),
        Expression::Product(left, right) => value(left) * value(right),
        Expression::Difference(left, right) => value(left) - value(right),
        Expression::Quotient(left, right) => value(left) / value(right),
        Expression::Power(..) => unreachable!("counts have no powers"),
    }
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn tensors_make_the_closed_form(model in architecture()) {
        let (count, active) = model.experts.map_or((0, 0), |experts| (experts.count, experts.active));
        prop_assert_eq!(model.parameters(), closed_form(&model, count));
        prop_assert_eq!(model.active_parameters(), closed_form(&model, active));
        prop_assert!(model.active_parameters() <= model.parameters());
        let tied = model.vocabulary * model.embedding_size.unwrap_or(model.hidden);
        prop_assert!(model.matmul_parameters() <= model.active_parameters() + tied);
    }

    #[test]
    fn the_list_makes_the_total(model in architecture()) {
        let list = model.parameter_list();
        let (total, active) = list.iter().fold((0, 0), |(total, active), group| {
            (total + group.total.parameters, active + group.active.parameters)
        });
        prop_assert_eq!(total, model.parameters());
        prop_assert_eq!(active, model.active_parameters());
        for group in &list {
            for count in [&group.total, &group.active] {
                prop_assert_eq!(value(&count.formula), u128::from(count.parameters));
            }
        }
    }

    #[test]
    fn kinds_of_block_count_every_layer(model in architecture()) {
        let [(_, dense), (_, sparse)] = model.block_kinds();
        let one_by_one = (0..model.layers).filter(|layer| model.block_kind(*layer) == BlockKind::Experts);
        prop_assert_eq!(one_by_one.count() as u64, sparse);
        prop_assert_eq!(dense + sparse, model.layers);
    }

    #[test]
    fn more_of_anything_is_more(mut model in architecture(), more in 1..64u64) {
        if let Some(experts) = &mut model.experts {
            experts.layers = LayerSet::ALL;
        }
        for field in [ModelField::Layers, ModelField::Hidden, ModelField::Vocabulary, ModelField::Experts] {
            let mut grown = model;
            match field {
                ModelField::Layers => grown.layers += more,
                ModelField::Hidden => grown.hidden += more,
                ModelField::Vocabulary => grown.vocabulary += more,
                _ => match &mut grown.experts {
                    Some(experts) => experts.count += more,
                    None => continue,
                },
            }
            prop_assert!(grown.parameters() > model.parameters(), "{}", field.key());
            prop_assert!(grown.active_parameters() > model.active_parameters(), "{}", field.key());
            prop_assert!(grown.matmul_parameters() > model.matmul_parameters(), "{}", field.key());
        }
    }
}

/// `petaday check`, which reads architectures from the rows' own fields.
#[cfg(feature = "command")]
mod check {
    use super::Json;
    use serde_json::json;
    use std::path::Path;
    use std::process::Command;

    /// What `petaday check` prints of a table: a line a row, and the summary.
    #[track_caller]
    fn check(file: &Path) -> (Vec<String>, Json) {
        let output = Command::new(env!("CARGO_BIN_EXE_petaday"))
            .arg("check")
            .arg(file)
            .output()
            .unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let summary = serde_json::from_str(&lines.pop().unwrap()).unwrap();
        (lines, summary)
    }

    #[test]
    fn every_published_count() {
        let (lines, summary) = check(Path::new("tests/reference/models.json"));
        let figures =
            ["rows", "compared", "exact", "left_out"].map(|key| summary[key].as_u64().unwrap());
        // Three rows have no published count, eight a rounded one.
        assert_eq!(figures, [88, 77, 77, 11], "{lines:#?}");
        assert_eq!(summary["worst_error"], 0.0);
    }

    /// DBRX, whose counts close (Databricks 2024), with fields changed.
    #[test]
    fn rules() {
        let left_out = "left out: a size is missing or impossible";
        let cases = [
            (json!({}), "parameters: ours 131596523520"),
            (
                json!({ "arch": "Databricks" }),
                "parameters: ours 131596523520",
            ),
            (
                json!({ "extra_params": 5 }),
                "parameters: ours 131596523525",
            ),
            // The active count is reported where the total is exact.
            (
                json!({ "computed": { "active": 1 } }),
                "active parameters: ours 36469708800",
            ),
            (
                json!({ "computed": { "active": 1 }, "extra_params": 5 }),
                "parameters: ours 131596523525",
            ),
            (
                json!({ "published_params": null }),
                "left out: no published count",
            ),
            (
                json!({ "published_kind": "rounded" }),
                "left out: published count is rounded",
            ),
            (json!({ "hidden": 0 }), left_out),
            (json!({ "hidden": "wide" }), left_out),
            (json!({ "heads": null }), left_out),
            (json!({ "layers": u64::MAX }), left_out),
            (json!({ "moe": { "experts": 16 } }), left_out),
        ];
        let rows: Vec<Json> = cases
            .iter()
            .map(|(changes, _)| {
                let mut row = json!({
                    "arch": "Dbrx", "hidden": 6144, "layers": 40, "heads": 48, "kv_heads": 8, "head_dim": 128,
                    "ffn": 10752, "gated_ffn": true, "vocab": 100352, "norm_has_bias": false, "norms_per_layer": 2,
                    "moe": { "experts": 16, "active": 4, "expert_ffn": 10752, "first_dense": 0, "moe_every": 1 },
                    "published_params": 131596523520u64, "published_kind": "exact",
                    "computed": { "active": 36469708800u64 },
                });
                for (field, value) in changes.as_object().unwrap() {
                    row[field] = value.clone();
                }
                row
            })
            .collect();
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("models.json");
        std::fs::write(&file, json!(rows).to_string()).unwrap();
        let (lines, _) = check(&file);
        for (line, (changes, expected)) in lines.iter().zip(&cases) {
            assert!(
                line.starts_with(&format!("row: {expected}")),
                "{changes}: {line}"
            );
        }
        assert_eq!(lines.len(), cases.len());
    }
}
