//! The reader of Hugging Face configurations, against the models that the Python package transformers 5.23 builds of
//! them and against published counts.

mod support;

use petaday::model::huggingface::{Imported, MAX_BYTES, import, import_class, import_value};
use petaday::model::{Architecture, Family, ModelField};
use proptest::prelude::*;
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

/// A model of models.json as the config.json that its repository would have: sizes under the family's own names, and
/// what its class does not imply.
fn config_of(row: &Value) -> Value {
    let moe = &row["moe"];
    let names = |hidden: &str, layers: &str, heads: &str| {
        json!({
            hidden: row["hidden"],
            layers: row["layers"],
            heads: row["heads"],
            "vocab_size": row["vocab"],
        })
    };
    let gpt = names("n_embd", "n_layer", "n_head");
    let usual = || {
        let sizes = names("hidden_size", "num_hidden_layers", "num_attention_heads");
        let more = json!({
            "intermediate_size": row["ffn"],
            "num_key_value_heads": row["kv_heads"],
            "max_position_embeddings": row["max_positions"],
            "tie_word_embeddings": row["tied_embeddings"],
        });
        with(sizes, more)
    };
    let head_dim = json!({ "head_dim": row["head_dim"] });
    let deepseek = || {
        let experts = json!({
            "n_routed_experts": moe["experts"],
            "num_experts_per_tok": moe["active"],
            "n_shared_experts": moe["shared"],
            "moe_intermediate_size": moe["expert_ffn"],
            "first_k_dense_replace": moe["first_dense"],
            "moe_layer_freq": 1,
        });
        with(with(usual(), row["mla"].clone()), experts)
    };
    let (model_type, fields) = match row["arch"].as_str().unwrap() {
        "GPT2" => {
            let more = json!({ "n_positions": row["max_positions"], "n_ctx": row["max_positions"], "n_inner": null });
            ("gpt2", with(gpt, more))
        }
        "GPTNeoX" => ("gpt_neox", usual()),
        "OPT" => {
            let projected = row["embed_proj_dim"].as_u64();
            let more = json!({
                "ffn_dim": row["ffn"],
                "max_position_embeddings": row["max_positions"],
                "word_embed_proj_dim": projected.or(row["hidden"].as_u64()),
                "do_layer_norm_before": row["final_norm"],
            });
            let sizes = names("hidden_size", "num_hidden_layers", "num_attention_heads");
            ("opt", with(sizes, more))
        }
        "Bloom" => {
            let sizes = names("n_embed", "n_layer", "num_attention_heads");
            let more = json!({ "seq_length": row["max_positions"] });
            ("bloom", with(sizes, more))
        }
        "Llama" => ("llama", usual()),
        "Llama4Text" => {
            let more = json!({
                "num_local_experts": moe["experts"],
                "num_experts_per_tok": moe["active"],
                "interleave_moe_layer_step": moe["moe_every"],
                "no_rope_layers": [],
            });
            let text = with(with(usual(), head_dim), more);
            (
                "llama4",
                json!({ "text_config": text, "vision_config": { "hidden_size": 1408 } }),
            )
        }
        "Mistral" => {
            let window = json!({ "sliding_window": row["sliding_window"] });
            ("mistral", with(with(usual(), head_dim), window))
        }
        "Mixtral" => {
            let more = json!({ "num_local_experts": moe["experts"], "num_experts_per_tok": moe["active"] });
            ("mixtral", with(usual(), more))
        }
        "Qwen2" => ("qwen2", usual()),
        "Qwen2Moe" => {
            let more = json!({
                "num_experts": moe["experts"],
                "num_experts_per_tok": moe["active"],
                "moe_intermediate_size": moe["expert_ffn"],
                "shared_expert_intermediate_size": moe["shared_ffn"],
            });
            ("qwen2_moe", with(usual(), more))
        }
        "Qwen3" => ("qwen3", with(usual(), head_dim)),
        "Qwen3Moe" => {
            let more = json!({
                "num_experts": moe["experts"],
                "num_experts_per_tok": moe["active"],
                "moe_intermediate_size": moe["expert_ffn"],
                "norm_topk_prob": true,
            });
            ("qwen3_moe", with(with(usual(), head_dim), more))
        }
        "Gemma" => ("gemma", with(usual(), head_dim)),
        "Gemma2" => ("gemma2", with(usual(), head_dim)),
        "Phi" => ("phi", usual()),
        "Phi3" => {
            let window = json!({ "sliding_window": row["sliding_window"] });
            ("phi3", with(usual(), window))
        }
        "DeepseekV2" => ("deepseek_v2", deepseek()),
        "DeepseekV3" => ("deepseek_v3", deepseek()),
        "GptOss" => {
            let more = json!({ "num_local_experts": moe["experts"], "num_experts_per_tok": moe["active"] });
            ("gpt_oss", with(with(usual(), head_dim), more))
        }
        "MPT" => {
            let more = json!({ "expansion_ratio": 4, "max_seq_len": row["max_positions"], "no_bias": true, "attn_config": { "alibi": true, "clip_qkv": null } });
            ("mpt", with(names("d_model", "n_layers", "n_heads"), more))
        }
        "Falcon" => {
            let new = row["kv_heads"] != 1;
            let more = json!({
                "num_kv_heads": row["kv_heads"],
                "new_decoder_architecture": new,
                "multi_query": true,
                "parallel_attn": true,
                "bias": false,
                "alibi": false,
                "tie_word_embeddings": row["tied_embeddings"],
                "max_position_embeddings": row["max_positions"],
            });
            let sizes = names("hidden_size", "num_hidden_layers", "num_attention_heads");
            ("falcon", with(sizes, more))
        }
        "SmolLM3" => ("smollm3", usual()),
        "Nemotron" => ("nemotron", usual()),
        "Dbrx" => {
            let more = json!({
                "max_seq_len": row["max_positions"],
                "attn_config": { "kv_n_heads": row["kv_heads"], "clip_qkv": 8, "rope_theta": 500000 },
                "ffn_config": {
                    "ffn_hidden_size": moe["expert_ffn"],
                    "moe_num_experts": moe["experts"],
                    "moe_top_k": moe["active"],
                },
            });
            ("dbrx", with(names("d_model", "n_layers", "n_heads"), more))
        }
        other => panic!("no configuration of {other} is written here"),
    };
    with(fields, json!({ "model_type": model_type }))
}

/// An object with the fields of another in it.
fn with(mut object: Value, more: Value) -> Value {
    let fields = object.as_object_mut().unwrap();
    if let Value::Object(more) = more {
        fields.extend(more);
    }
    object
}

/// models.json's published counts, from files that say no more than such files do.
#[test]
fn published_counts() {
    let table: Value = serde_json::from_str(include_str!("reference/models.json")).unwrap();
    let mut exact = 0;
    for row in table["models"].as_array().unwrap() {
        let config = config_of(row).to_string();
        let Imported { architecture, .. } = import(&config).unwrap();
        let (name, computed) = (&row["name"], &row["computed"]);
        // Hubs count correction biases, which transformers keeps as buffers.
        let total = architecture.parameters() + architecture.buffer_parameters();
        let Some(published) = row["published_params"].as_u64() else {
            assert_eq!(total, computed["total"], "{name}");
            continue;
        };
        if row["published_kind"] == "rounded" {
            let digits = published.to_string().trim_end_matches('0').len() as u32;
            let unit = 10u64.pow(total.ilog10() + 1 - digits);
            assert_eq!((total + unit / 2) / unit * unit, published, "{name}");
        } else {
            assert_eq!(total, published, "{name}");
            exact += 1;
        }
        let active = architecture.active_parameters() + architecture.buffer_parameters();
        assert_eq!(active, computed["active"], "{name}");
        assert_eq!(architecture.max_positions, row["max_positions"], "{name}");
    }
    assert_eq!(exact, 77);
}

/// Files as they lie in well-known repositories, and the totals those print.
#[test]
fn hub_files() {
    for row in rows(include_str!("reference/hub_configs.jsonl")) {
        let name = &row["name"];
        let read = import_value(&row["config"]).unwrap_or_else(|why| panic!("{name}: {why}"));
        let model = read.architecture;
        let total = model.parameters() + model.buffer_parameters();
        assert_eq!(total, row["parameters"], "{name}");
        // Pretty-printed, as Python writes them, they are read as well.
        let text = serde_json::to_string_pretty(&row["config"]).unwrap();
        assert_eq!(import(&text).unwrap(), read, "{name}");
        // Where `architectures` names the class of a known type, `model_type` is not needed.
        let mut config = row["config"].clone();
        config.as_object_mut().unwrap().remove("model_type");
        let known =
            model.family != Family::Generic && config["architectures"][0] != "RWForCausalLM";
        if known {
            let read = import_value(&config).unwrap();
            assert_eq!(read.architecture, model, "{name}");
        }
    }
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    match import(text) {
        Ok(read) => panic!("read as {read:?}"),
        Err(why) => assert_eq!(why.to_string(), expected),
    }
}

/// A llama's file with one field as given.
#[track_caller]
fn refused_field(field: &str, expected: &str) {
    refused(&format!("{{\"model_type\": \"llama\", {field}}}"), expected);
}

#[test]
fn texts_that_are_no_json() {
    refused(
        "",
        "not JSON: the text ends inside a value (line 1, column 0)",
    );
    refused(
        "{\n  \"hidden_size\": 4096,\n}",
        "not JSON: trailing comma (line 3, column 1)",
    );
    refused(
        "{\"model_type\": llama}",
        "not JSON: expected value (line 1, column 16)",
    );
    for number in ["NaN", "Infinity", "-Infinity"] {
        let text = format!("{{\n\"rms_norm_eps\": {number}\n}}");
        let why = import(&text).unwrap_err().to_string();
        assert!(
            why.starts_with(
                "not JSON: NaN and Infinity are no JSON, though Python writes them (line 2"
            ),
            "{why}"
        );
    }
    refused(
        "[1, 2]",
        "a list is no configuration; valid: an object of fields such as {\"model_type\": \"llama\", …}",
    );
    refused(
        "7",
        "7 is no configuration; valid: an object of fields such as {\"model_type\": \"llama\", …}",
    );
    // A byte order mark, as some editors leave, is no error.
    assert!(import("\u{feff}{\"model_type\": \"llama\"}").is_ok());
}

#[test]
fn too_long_or_too_deep() {
    let long = format!(
        "{{\"model_type\": \"llama\", \"x\": \"{}\"}}",
        "x".repeat(100_000_000)
    );
    refused(
        &long,
        "100,000,032 bytes are too long for a configuration, which is a config.json of under 1 MiB",
    );
    for open in ["[", "{\"a\":"] {
        let deep = format!("{{\"model_type\": {}", open.repeat(10_000));
        let why = import(&deep).unwrap_err().to_string();
        assert!(
            why.starts_with("not JSON: objects and lists are nested more than 127 deep (line 1"),
            "{why}"
        );
    }
    // An object that was read elsewhere may be as deep as it likes.
    let mut value = json!({ "model_type": "llama" });
    for _ in 0..50 {
        value = json!({ "text_config": value });
    }
    assert!(import_value(&value).is_err());
}

#[test]
fn wrong_types() {
    refused_field(
        "\"hidden_size\": \"4096\"",
        "`hidden_size` is “4096”; valid: a whole number",
    );
    refused_field(
        "\"hidden_size\": 4096.5",
        "`hidden_size` is 4,096.5; valid: a whole number",
    );
    refused_field(
        "\"hidden_size\": -4096",
        "`hidden_size` is −4,096; valid: a whole number",
    );
    refused_field(
        "\"hidden_size\": {}",
        "`hidden_size` is an object; valid: a whole number",
    );
    refused_field("\"hidden_act\": 1", "`hidden_act` is 1; valid: a text");
    refused_field(
        "\"attention_bias\": 1",
        "`attention_bias` is 1; valid: true or false",
    );
    refused_field(
        "\"attention_dropout\": 1.5",
        "`attention_dropout` is 1.5; valid: a number from 0 to 1",
    );
    refused(
        "{\"model_type\": 1}",
        "`model_type` is 1; valid: a text such as “llama”",
    );
    refused(
        "{\"model_type\": \"gemma3\", \"text_config\": []}",
        "`text_config` is a list; valid: an object of fields",
    );
    refused(
        "{\"model_type\": \"gemma3\", \"text_config\": {\"sliding_window\": \"wide\"}}",
        "`text_config.sliding_window` is “wide”; valid: a whole number",
    );
    refused(
        "{\"model_type\": \"dbrx\", \"ffn_config\": {\"moe_top_k\": []}}",
        "`ffn_config.moe_top_k` is a list; valid: a whole number",
    );
    refused(
        "{\"model_type\": \"dbrx\", \"ffn_config\": 5}",
        "`ffn_config` is 5; valid: an object",
    );
    refused(
        "{\"model_type\": \"gemma2\", \"num_hidden_layers\": 2, \"layer_types\": [\"full_attention\", 3]}",
        "`layer_types[1]` is 3; valid: a kind of layer",
    );
    // A whole number is whole however it is written.
    assert!(import("{\"model_type\": \"llama\", \"hidden_size\": 4096.0}").is_ok());
}

#[test]
fn out_of_range() {
    refused_field(
        "\"num_hidden_layers\": 0",
        "`num_hidden_layers` = 0 is out of range; valid: 1 to 1,000",
    );
    refused_field(
        "\"num_hidden_layers\": 1e30",
        "`num_hidden_layers` = 1e30 is out of range; valid: 1 to 1,000",
    );
    refused_field(
        "\"hidden_size\": 1000000",
        "`hidden_size` = 1,000,000 is out of range; valid: 1 to 131,072",
    );
    refused_field(
        "\"vocab_size\": 18446744073709551615",
        "`vocab_size` = 18,446,744,073,709,551,615 is out of range; valid: 1 to 10 M",
    );
    refused(
        "{\"model_type\": \"gpt2\", \"n_embd\": 0}",
        "`n_embd` = 0 is out of range; valid: 1 to 131,072",
    );
    refused(
        "{\"model_type\": \"deepseek_v3\", \"n_shared_experts\": 18446744073709551615}",
        "`Shared experts’ size` = 18,446,744,073,709,551,615 is out of range; valid: 0 to 1,048,576",
    );
    refused(
        "{\"model_type\": \"qwen3_moe\", \"decoder_sparse_step\": 0}",
        "`decoder_sparse_step` = 0 is out of range; valid: 1 or more",
    );
}

#[test]
fn valid_only_together() {
    refused_field(
        "\"num_attention_heads\": 30",
        "`num_attention_heads` = 30 does not divide `hidden_size` = 4,096",
    );
    refused_field(
        "\"num_key_value_heads\": 5",
        "`num_key_value_heads` = 5 does not divide `num_attention_heads` = 32",
    );
    refused_field(
        "\"num_key_value_heads\": 64",
        "`num_key_value_heads` = 64 does not divide `num_attention_heads` = 32",
    );
    refused(
        "{\"model_type\": \"mixtral\", \"num_experts_per_tok\": 9}",
        "`num_experts_per_tok` = 9 is more than `num_experts` = 8",
    );
    refused(
        "{\"model_type\": \"gptj\", \"rotary_dim\": 512}",
        "`rotary_dim` = 512 is more than `head_dim` = 256",
    );
    refused(
        "{\"model_type\": \"gemma2\", \"layer_types\": [\"full_attention\"]}",
        "`layer_types` names 1 layers, but the model has 26",
    );
    refused(
        "{\"model_type\": \"gpt_neo\", \"attention_types\": [[[\"global\", \"local\"], 3]]}",
        "`attention_types` names 6 layers, but the model has 24",
    );
}

#[test]
fn missing_fields() {
    refused(
        "{}",
        "`hidden_size` or `n_embd` or `n_embed` or `d_model` is missing, and so is a known `model_type`",
    );
    refused(
        "{\"model_type\": \"wheel\", \"hidden_size\": 8}",
        "`num_hidden_layers` or `n_layer` or `n_layers` or `num_layers` is missing, and `model_type` “wheel” has no default for it",
    );
    refused(
        "{\"model_type\": \"deepseek_v2\"}",
        "`num_experts_per_tok` or `moe_top_k` or `moe_topk` or `num_experts_per_token` is missing, and `model_type` \
         “deepseek_v2” has no default for it",
    );
    refused(
        "{\"model_type\": \"t5\", \"is_encoder_decoder\": true}",
        "“t5” has an encoder beside its decoder; only decoder-only models can be described",
    );
}

/// Text from a file stays text: quoted, on one line, cut off.
#[test]
fn hostile_texts() {
    refused_field(
        "\"hidden_size\": \"<script>alert(1)</script>\\n\\u202e\\u0000 and so on and on and on\"",
        "`hidden_size` is “<script>alert(1)</script>    and so on a…”; valid: a whole number",
    );
    let name = "🦙".repeat(1_000);
    let read = import(&format!("{{\"model_type\": \"{name}\", \"hidden_size\": 8, \"num_hidden_layers\": 1, \"num_attention_heads\": 2, \"vocab_size\": 8}}")).unwrap();
    assert_eq!(
        read.warnings[0].to_string(),
        format!(
            "`model_type` “{}…” is not known: its fields are read as a Llama-like decoder’s.",
            "🦙".repeat(40)
        )
    );
}

/// Nulls: no value, not even the class's default.
#[test]
fn nulls() {
    let read = |text: &str| import(text).unwrap().architecture;
    let mistral = read("{\"model_type\": \"mistral\"}");
    assert_eq!(mistral.attention.window.unwrap().size, 4_096);
    let mistral = read(
        "{\"model_type\": \"mistral\", \"sliding_window\": null, \"num_key_value_heads\": null}",
    );
    assert_eq!(mistral.attention.window, None);
    assert_eq!(mistral.attention.kv_heads, 32);
    refused_field(
        "\"vocab_size\": null",
        "`vocab_size` is missing, and `model_type` “llama” has no default for it",
    );
}

/// Any JSON value, sizes and their limits more often than others.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..70u64).prop_map(Value::from),
        (0..64u32).prop_map(|power| Value::from(1u64 << power)),
        Just(Value::from(u64::MAX)),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-2.0..2.0).prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        prop::sample::select(vec![
            "silu",
            "gelu",
            "full_attention",
            "sliding_attention",
            "local"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,16}", inner, 0..4)
                .prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

/// Every configuration of the tables of this file: its class, and its fields.
fn every_configuration() -> Vec<(String, Value)> {
    let hub = rows(include_str!("reference/hub_configs.jsonl"));
    let built = rows(include_str!("reference/huggingface.jsonl"));
    hub.map(|row| {
        let config = row["config"].clone();
        let name = config["model_type"].as_str().unwrap().to_owned();
        (name, config)
    })
    .chain(built.map(|row| {
        let name = row["model_type"].as_str().unwrap().to_owned();
        (name, row["config"].clone())
    }))
    .collect()
}

/// Fields of any table here, of any class: a class may get another's as well.
fn every_key() -> Vec<String> {
    let mut keys: Vec<String> = every_configuration()
        .iter()
        .flat_map(|(_, config)| config.as_object().unwrap().keys().cloned())
        .chain(
            [
                "sliding_window_pattern",
                "rope_parameters",
                "rotary_pct",
                "scoring_func",
                "bias",
                "multi_query",
            ]
            .map(str::to_owned),
        )
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

/// What is read is valid, field by field and together.
fn assert_valid(model: &Architecture) {
    for field in ModelField::ALL {
        if field.applies(model) {
            let value = field.get(model);
            assert_eq!(field.kind().admit(value), Some(value), "{}", field.key());
        }
    }
    assert_eq!(model.attention.heads % model.attention.kv_heads, 0);
    assert!(model.attention.rotary_dim <= model.attention.head_dim);
    if let Some(experts) = &model.experts {
        assert!(experts.active <= experts.count);
        assert!(experts.layers.count_below(model.layers) > 0);
    }
    assert!(model.parameters() >= model.active_parameters());
}

proptest! {
    #![proptest_config(support::cases(2_000))]

    /// Any value in any field is read or refused, by every class.
    #[test]
    fn any_value_in_any_field(
        index in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any_value()), 1..4),
        unknown in prop::bool::weighted(0.3),
    ) {
        thread_local! {
            static TABLES: (Vec<(String, Value)>, Vec<String>) = (every_configuration(), every_key());
        }
        TABLES.with(|(configurations, keys)| {
            let (class, config) = index.get(configurations);
            let mut config = config.clone();
            for (key, value) in &changes {
                config[key.get(keys)] = value.clone();
            }
            match import_class(if unknown { "wheel" } else { class }, &config) {
                Ok(read) => {
                    assert_valid(&read.architecture);
                    assert!(read.warnings.iter().all(|warning| warning.to_string().ends_with('.')));
                }
                Err(why) => assert!(why.to_string().len() < 600, "{why}"),
            }
        });
    }

    /// Any bytes.
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = import(&String::from_utf8_lossy(&bytes));
    }

    /// A file with bytes changed, left out and added.
    #[test]
    fn changed_bytes(
        index in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..3, any::<u8>()), 1..6),
    ) {
        thread_local! {
            static TEXTS: Vec<String> =
                every_configuration().iter().map(|(_, config)| config.to_string()).collect();
        }
        TEXTS.with(|texts| {
            let mut bytes = index.get(texts).clone().into_bytes();
            for (place, change, byte) in &changes {
                let place = place.index(bytes.len());
                match change {
                    0 => bytes[place] = *byte,
                    1 => drop(bytes.remove(place)),
                    _ => bytes.insert(place, *byte),
                }
                if bytes.is_empty() {
                    break;
                }
            }
            if let Ok(read) = import(&String::from_utf8_lossy(&bytes)) {
                assert_valid(&read.architecture);
            }
        });
    }
}

/// A text near the limit, with the longest list of layers, without a pattern in it.
#[test]
fn long_files() {
    let mut state = 1u64;
    let kinds: Vec<&str> = (0..1_000)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            ["full_attention", "sliding_attention"][(state >> 63) as usize]
        })
        .collect();
    let text = json!({
        "model_type": "gemma2",
        "num_hidden_layers": 1_000,
        "layer_types": kinds,
        "id2label": vec![7; 400_000],
    })
    .to_string();
    assert!(text.len() < MAX_BYTES);
    assert!(import(&text).is_ok());
}
