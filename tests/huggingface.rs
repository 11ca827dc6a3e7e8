//! The reader of Hugging Face configurations, against the models that the Python package transformers 5.23 builds of
//! them and against published counts.

use petaday::model::huggingface::{ImportError, Imported, import, import_class, import_value};
use petaday::model::{Architecture, Family};
use serde_json::{Value, json};

/// The rows of a table of JSON lines; its first line says where they are from.
fn rows(table: &'static str) -> impl Iterator<Item = Value> {
    table
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str(line).unwrap())
}

#[track_caller]
fn imported(class: &Value, config: &Value) -> Architecture {
    let read = import_class(class.as_str().unwrap(), config);
    read.unwrap_or_else(|why| panic!("{class} {config}: {why}"))
        .architecture
}

/// Every configuration of the recorded training steps: parameters of the model and of its second block, number of
/// tensors, and their bytes (as recorded: without the allocator's rounding).
#[test]
fn recorded_configurations() {
    for row in rows(include_str!("reference/configs.jsonl")) {
        let model = imported(&row["class"], &row["config"]);
        assert_eq!(model.parameters(), row["params_numel"], "{row}");
        let mut block = 0;
        model.visit_tensors_of_block(model.block_kind(1), &mut |tensor| {
            block += tensor.shape.elements();
        });
        if !row["layer_numel"].is_null() {
            assert_eq!(block, row["layer_numel"], "{row}");
        }
        let (mut tensors, mut elements) = (0, 0);
        model.visit_tensors(&mut |tensor, layers| {
            tensors += layers;
            elements += layers * tensor.shape.elements();
        });
        for (key, ours) in [
            ("param_tensors", tensors),
            ("param_bytes_4", 4 * elements),
            ("param_bytes_2", 2 * elements),
        ] {
            if !row[key].is_null() {
                assert_eq!(ours, row[key], "{key} of {row}");
            }
        }
    }
}

/// Random configurations of every class, and what the models built of them hold.
#[test]
fn as_transformers_builds_them() {
    for row in rows(include_str!("reference/huggingface.jsonl")) {
        let model = imported(&row["class"], &row["config"]);
        assert_eq!(model, imported(&row["model_type"], &row["config"]));
        assert_eq!(model.parameters(), row["parameters"], "{row}");
        assert_eq!(model.buffer_parameters(), row["buffers"], "{row}");
        let mut tensors = 0;
        model.visit_tensors(&mut |_, layers| tensors += layers);
        assert_eq!(tensors, row["tensors"], "{row}");
        if let Some(turned) = row["rotary_dim"].as_u64() {
            let alibi = row["config"]["alibi"] == true;
            let expected = if alibi { 0 } else { turned };
            assert_eq!(model.attention.rotary_dim, expected, "{row}");
        }
        for layer in 0..model.layers {
            let window = model
                .attention
                .window
                .filter(|window| window.layers.contains(layer))
                .map_or(0, |window| window.size);
            assert_eq!(window, row["windows"][layer as usize], "{row}");
            let experts = model
                .experts
                .is_some_and(|experts| experts.layers.contains(layer));
            assert_eq!(experts, row["experts"][layer as usize], "{row}");
        }
    }
}
