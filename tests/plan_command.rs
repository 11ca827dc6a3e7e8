//! `petaday plan`, run as a program.
#![cfg(feature = "command")]

use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

/// Runs it on a scenario, as text on standard input: whether it succeeded, and what it printed.
#[track_caller]
fn run(text: &str, arguments: &[&str]) -> (bool, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_petaday"))
        .arg("plan")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Wrong arguments are refused before anything is read: then nobody takes it.
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    let output = child.wait_with_output().unwrap();
    (
        output.status.success(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

/// The lines of a plan.
#[track_caller]
fn plan(scenario: &Value) -> Vec<Value> {
    let (success, text) = run(&scenario.to_string(), &["-"]);
    assert!(success, "{text}");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn layouts_come_ranked() {
    let scenario = json!({ "model": "Llama 3 70B", "gpus": 64, "gpu": "h100-sxm", "global_batch": 512, "sequence": 8192 });
    let lines = plan(&scenario);
    let (last, layouts) = lines.split_last().unwrap();
    assert_eq!(layouts.len() as u64, last["printed"].as_u64().unwrap());
    assert!(last["fitting"].as_u64() >= last["printed"].as_u64());
    let mut before = 0.0;
    for (index, line) in layouts.iter().enumerate() {
        let count = |key: &str| {
            line[key]
                .as_u64()
                .unwrap_or_else(|| panic!("{key}: {line}"))
        };
        assert_eq!(count("rank"), index as u64 + 1);
        let seconds = line["step_seconds"].as_f64().unwrap();
        assert!(seconds >= before);
        before = seconds;
        assert_eq!(
            count("tensor") * count("context") * count("pipeline") * count("data"),
            64
        );
        assert_eq!(
            count("data") * count("micro_batch") * count("micro_batches"),
            512
        );
        assert!(line["margin_bytes"].as_i64().unwrap() >= 0);
        // 85.5e9 bytes are what the driver reports of an H100's 80 GiB.
        assert!(count("bytes") < 85_600_000_000);
        let parts: f64 = line["seconds"]
            .as_object()
            .unwrap()
            .values()
            .filter_map(Value::as_f64)
            .sum();
        assert!((parts / seconds - 1.0).abs() < 1e-9);
        let mfu = line["mfu"].as_f64().unwrap();
        assert!(mfu > 0.0 && mfu < 0.7, "{mfu}");
    }
    let sentences = last["sentences"].as_array().unwrap();
    assert!(
        sentences
            .iter()
            .any(|one| one.as_str().unwrap().contains(" beats "))
    );
    assert!(!last["front"].as_array().unwrap().is_empty());
    let few = plan(
        &json!({ "model": "Llama 3 70B", "gpus": 64, "global_batch": 512, "sequence": 8192, "layouts": 3 }),
    );
    assert_eq!(few.len(), 4);
    assert_eq!(few[..3], lines[..3]);
}

#[test]
fn what_does_not_fit_is_answered() {
    let lines =
        plan(&json!({ "model": "llama-3-70b", "gpus": 8, "global_batch": 512, "sequence": 8192 }));
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["fitting"], 0);
    assert!(lines[0]["nearest_miss"]["margin_bytes"].as_i64().unwrap() < 0);
    assert!(
        lines[0]["remedies"][0]["remedy"]
            .as_str()
            .unwrap()
            .starts_with("on ")
    );
}

/// A scenario is read as `petaday estimate` reads it: by a model's name, an architecture's fields or a whole config.
#[test]
fn an_architecture_is_described() {
    let with = |key: &str, value: Value| {
        let mut scenario = json!({ "gpus": 8, "global_batch": 64, "sequence": 4096, "layouts": 1 });
        scenario[key] = value;
        plan(&scenario).remove(0)
    };
    let named = with("model", json!("llama-3-8b"));
    let fields = json!({
        "family": "llama", "layers": 32, "hidden": 4096, "heads": 32, "kv": 8, "head-dim": 128,
        "ffn": 14336, "vocab": 128256, "tied": false,
    });
    assert_eq!(with("architecture", fields), named);
    let config = json!({
        "model_type": "llama", "num_hidden_layers": 32, "hidden_size": 4096, "num_attention_heads": 32,
        "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256,
        "tie_word_embeddings": false, "max_position_embeddings": 8192,
    });
    assert_eq!(with("config", config), named);
}

/// A preset says what a link's does, and a scenario's own batch is planned for.
#[test]
fn a_scenario_of_the_page_is_planned() {
    let lines =
        plan(&json!({ "preset": "llama2-7b", "model": "llama-2-7b", "accum": 4, "layouts": 1 }));
    let best = &lines[0];
    let count = |key: &str| best[key].as_u64().unwrap();
    // 64 GPUs, micro-batch 1, accumulated 4 times.
    assert_eq!(
        count("data") * count("micro_batch") * count("micro_batches"),
        256
    );
    let keys = json!({ "model": "llama-2-7b", "gpus": 8, "seq": 4096, "batch": 2, "accum": 4, "grads": "fp32" });
    let longer = json!({ "model": "llama-2-7b", "gpus": 8, "sequence": 4096, "global_batch": 64, "gradients": "fp32" });
    assert_eq!(plan(&keys), plan(&longer));
}

#[test]
fn errors_name_the_field() {
    let good = json!({ "model": "llama-3-8b", "gpus": 8, "global_batch": 64, "sequence": 4096 });
    for (key, value) in [
        ("model", json!("llama-9")),
        ("model", json!(7)),
        ("model", Value::Null),
        ("gpus", json!(0)),
        ("gpus", json!(8.5)),
        ("gpus", Value::Null),
        ("gpu", json!("h300")),
        ("global_batch", json!(-1)),
        ("global_batch", Value::Null),
        ("sequence", json!(1u64 << 40)),
        ("sequence", Value::Null),
        ("seq", json!(4096)),
        ("precision", json!("fp7")),
        ("optimizer", json!("adam")),
        ("gradients", json!("fp7")),
        ("attention", json!("none")),
        ("products", json!("fp6")),
        ("most_chunks", json!(99)),
        ("reserve_gb", json!(-1.0)),
        ("tensor_beyond_links", json!("yes")),
        ("layouts", json!(501)),
        ("architecture", json!("layers=4")),
        ("architecture", json!({ "layers": 4 })),
        ("inputs", json!({})),
        ("colour", json!("red")),
    ] {
        let mut scenario = good.clone();
        if value.is_null() {
            scenario.as_object_mut().unwrap().remove(key);
        } else {
            scenario[key] = value.clone();
        }
        let (success, text) = run(&scenario.to_string(), &["-"]);
        assert!(!success, "{key} {value}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        let fields: Vec<&str> = answer["errors"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|error| error["field"].as_str())
            .collect();
        println!("{key} {value}: {}", answer["error"]);
        assert!(!answer["error"]["message"].as_str().unwrap().is_empty());
        let expected = match key {
            "seq" => "sequence",
            key => key,
        };
        // What stands beside an architecture is at fault with it.
        let named = fields.iter().any(|field| {
            field.starts_with(expected) || (expected == "architecture" && *field == "model")
        });
        assert!(named || key == "inputs", "{key}: {answer}");
    }
    for text in ["", "[]", "{", "7"] {
        let (success, text) = run(text, &[]);
        assert!(!success);
        assert!(serde_json::from_str::<Value>(&text).unwrap()["error"]["message"].is_string());
    }
    // The rule of thumb has no layouts, adapters no plan.
    for scenario in [
        json!({ "preset": "article" }),
        json!({ "preset": "llama2-7b", "model": "llama-2-7b", "lora": 16 }),
    ] {
        let (success, text) = run(&scenario.to_string(), &[]);
        assert!(!success && text.contains("\"message\""), "{text}");
    }
    let (success, _) = run("", &["/no/such/file.json"]);
    assert!(!success);
}

#[test]
fn launch_settings_are_printed() {
    let good = json!({ "model": "llama-3-8b", "gpus": 8, "global_batch": 64, "sequence": 4096 });
    for (tool, words) in [
        ("megatron", "--num-layers 32"),
        ("deepspeed", "\"train_batch_size\": 64"),
        ("torchtitan", "flavor = \"8B\""),
        ("transformers", "TrainingArguments("),
        ("accelerate", "num_processes: 8"),
    ] {
        let (success, text) = run(&good.to_string(), &["-", "--launch", tool]);
        assert!(success && text.contains(words), "{text}");
    }
}

#[test]
fn inputs_are_swept() {
    let scenario =
        json!({ "model": "llama-3-8b", "gpus": 8, "global_batch": 256, "sequence": 8192 });
    let sweep = |values: &str| {
        let (success, text) = run(&scenario.to_string(), &["-", "--sweep", values]);
        assert!(success, "{text}");
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        lines
    };
    let lines = sweep("gpus=1,2,8,16");
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[0]["fits"], false);
    assert_eq!(
        lines[4]["crossing"],
        json!({ "input": "gpus", "fits": 2, "does_not_fit": 1 })
    );
    let real = |line: &Value, key: &str| line[key].as_f64().unwrap();
    let (two, sixteen) = (&lines[1], &lines[3]);
    assert_eq!(real(two, "efficiency"), 1.0);
    let expected = 2.0 * real(two, "step_seconds") / (16.0 * real(sixteen, "step_seconds"));
    assert!((real(sixteen, "efficiency") / expected - 1.0).abs() < 1e-9);
    // The point is the plan's own first line.
    let plan = plan(
        &json!({ "model": "llama-3-8b", "gpus": 16, "global_batch": 256, "sequence": 8192, "layouts": 1 }),
    );
    for key in ["step_seconds", "tensor", "pipeline", "data", "bytes", "mfu"] {
        assert_eq!(plan[0][key], sixteen[key], "{key}");
    }
    let hours = real(sixteen, "gpu_hours_per_billion_tokens");
    assert!((hours - 1e9 / real(sixteen, "tokens_per_second") * 16.0 / 3_600.0).abs() < 1e-6);
    let lines = sweep("sequence=8192,1048576,4194304");
    let crossing = &lines[3]["crossing"];
    assert_eq!(
        crossing["does_not_fit"].as_u64().unwrap() - crossing["fits"].as_u64().unwrap(),
        8_192
    );
    for wrong in ["gpus", "gpus=", "gpus=0", "wheels=4", "layers=9999"] {
        let (success, _) = run(&scenario.to_string(), &["-", "--sweep", wrong]);
        assert!(!success, "{wrong}");
    }
}
