//! Scenarios as JSON, given to the native command. Built with the feature `command`.
#![cfg(feature = "command")]

mod support;

use petaday::estimate::estimate;
use petaday::field::Kind;
use petaday::link;
use petaday::model::ModelField;
use petaday::report::Report;
use petaday::scenario::Field;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs `petaday` with this on its standard input: whether it succeeded, and what it printed. It may not have panicked.
#[track_caller]
fn run(arguments: &[&str], input: Vec<u8>) -> (bool, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_petaday"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        // It may end before it has read everything.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{:?}: {errors}",
        output.status
    );
    assert_eq!(errors, "");
    (
        output.status.success(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

/// Answers to lines, one each.
#[track_caller]
fn answers(lines: &[String]) -> (bool, Vec<Value>) {
    let (success, text) = run(&["estimate", "-"], lines.join("\n").into_bytes());
    let answers: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}")))
        .collect();
    assert_eq!(answers.len(), lines.len());
    let is_error = |answer: &Value| !answer["error"].is_null();
    assert_eq!(success, !answers.iter().any(is_error));
    (success, answers)
}

/// The answer to one text, over as many lines as it has.
#[track_caller]
fn answer(text: &str) -> Value {
    let (success, printed) = run(&["estimate", "-"], text.into());
    let answer: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(success, answer["error"].is_null(), "{printed}");
    answer
}

/// A number of an answer, exact integers beyond 2^53 too.
#[track_caller]
fn number(answer: &Value, pointer: &str) -> f64 {
    let value = answer.pointer(pointer);
    let value = value.unwrap_or_else(|| panic!("no {pointer} in {answer}"));
    value
        .as_f64()
        .or_else(|| value.as_str()?.parse().ok())
        .unwrap_or_else(|| panic!("{pointer} is {value}"))
}

fn reference(file: &str) -> Vec<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    let text = std::fs::read_to_string(path.join(file)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn temporary(name: &str, text: &[u8]) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// The catalogue, an inline architecture and a config.json come to the count that Meta's repository has: 8,030,261,248.
#[test]
fn the_same_model_said_in_four_ways() {
    let config = json!({
        "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32,
        "num_hidden_layers": 32, "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 131072,
    });
    let inline = json!({
        "family": "llama", "layers": 32, "hidden": "4k", "heads": 32, "kv": 8, "ffn": 14336, "vocab": 128256,
        "context": 131072, "tied": false,
    });
    let lines = [
        json!({ "model": "Llama 3.1 8B" }),
        json!({ "architecture": inline }),
        json!({ "config": config }),
        config,
    ]
    .map(|line| line.to_string());
    let (_, all) = answers(&lines);
    for answer in &all {
        assert_eq!(answer["parameters"]["total"], 8_030_261_248_u64);
        assert_eq!(answer["scenario"]["est"], "detailed");
        assert_eq!(answer["flop"]["exact"], all[0]["flop"]["exact"]);
    }
}

/// Sizes that an inline architecture leaves out follow as in its family: GPT-3's come to its 174,604,259,328 parameters.
#[test]
fn an_inline_architecture_follows_its_family() {
    let answer = answer(
        r#"{"architecture": {"family": "gpt2", "layers": 96, "heads": 96, "hidden": 12288, "positions": 2048}}"#,
    );
    let vocabulary = 50_257 * 12_288;
    assert_eq!(
        answer["parameters"]["total"].as_u64().unwrap()
            - answer["parameters"]["groups"]["embedding"]["total"]
                .as_u64()
                .unwrap()
            + vocabulary
            + 2_048 * 12_288,
        174_604_259_328
    );
    assert_eq!(answer["scenario"]["ffn"], 4 * 12_288);
    assert_eq!(answer["scenario"]["head-dim"], 128);
}

/// Every configuration of the hub comes to its repository's count of tensor elements.
#[test]
fn configurations_of_the_hub() {
    let rows = reference("hub_configs.jsonl");
    let rows: Vec<_> = rows
        .iter()
        .filter(|row| row["config"].is_object())
        .collect();
    assert!(rows.len() > 20);
    let lines: Vec<_> = rows
        .iter()
        .map(|row| json!({ "id": row["name"], "config": row["config"] }).to_string())
        .collect();
    let (_, answers) = answers(&lines);
    for (row, answer) in rows.iter().zip(answers) {
        assert_eq!(answer["id"], row["name"]);
        let ours = answer["parameters"]["total"].as_u64().unwrap() as f64;
        let theirs = row["parameters"].as_f64().unwrap();
        // DeepSeek-V3's and Kimi-K2's totals count buffers: tests/huggingface.rs counts them, to the last digit.
        assert!((ours / theirs - 1.0).abs() < 1e-6, "{}", row["name"]);
    }
}

/// What an answer says of its scenario, read again, is the same scenario.
#[test]
fn scenarios_read_back() {
    let mut runner = TestRunner::new(support::cases(300));
    let scenarios: Vec<_> = (0..300)
        .map(|_| support::scenario().new_tree(&mut runner).unwrap().current())
        .collect();
    let lines: Vec<_> = scenarios
        .iter()
        .map(|scenario| {
            let report = Report::of(scenario, &estimate(scenario));
            serde_json::to_value(report).unwrap()["scenario"].to_string()
        })
        .collect();
    let (_, answers) = answers(&lines);
    for (scenario, answer) in scenarios.iter().zip(&answers) {
        assert_eq!(answer["query"], link::query(scenario), "{answer}");
    }
}

/// The run goes on after a wrong line, says which it is, and fails in the end.
#[test]
fn errors_name_line_and_field() {
    let table: &[(&str, &str, &str)] = &[
        (
            r#"{"tokens": 0}"#,
            "tokens",
            "Tokens = 0 is out of range; valid: 1 M to 1,000 T",
        ),
        (r#"{"tokens": -5}"#, "tokens", "out of range"),
        (r#"{"tokens": 1e400}"#, "", "not JSON: number out of range"),
        (r#"{"tokens": 1e300}"#, "tokens", "out of range"),
        (
            r#"{"tokens": 99999999999999999999999999}"#,
            "tokens",
            "out of range",
        ),
        (r#"{"tokens": 1000000.5}"#, "tokens", "not a whole number"),
        (r#"{"tokens": "many"}"#, "tokens", "“many” is not a number"),
        (r#"{"tokens": null}"#, "tokens", "empty; valid: 1 M"),
        (r#"{"tokens": {}}"#, "tokens", "an object; valid: 1 M"),
        (r#"{"tokens": [1]}"#, "tokens", "a list; valid: 1 M"),
        (r#"{"tokens": true}"#, "tokens", "true; valid: 1 M"),
        (
            r#"{"tokens": 1e9, "tokens": 2e9}"#,
            "tokens",
            "stands twice",
        ),
        (r#"{"tflops": 30, "mfu": 40}"#, "mfu", "one of the two"),
        (
            r#"{"gpu": "h300"}"#,
            "gpu",
            "“h300” is unknown; valid: one of",
        ),
        (
            r#"{"precision": 16}"#,
            "precision",
            "Precision is 16; valid: fp32, 16bit",
        ),
        (
            r#"{"model": "Llama 3.1 9B"}"#,
            "model",
            "“Llama 3.1 9B” is unknown",
        ),
        (r#"{"model": 7}"#, "model", "Model is 7; valid: one of"),
        (r#"{"preset": "x"}"#, "preset", "valid: article"),
        (r#"{"preset": 1}"#, "preset", "valid: a text"),
        (r#"{"v": 2}"#, "v", "valid: 1"),
        (r#"{"hold": "x"}"#, "hold", "valid: none or compute"),
        (r#"{"id": {}}"#, "id", "a text or a number"),
        (
            r#"{"hidden_size": 4096}"#,
            "hidden_size",
            "“hidden_size” is not a field; valid: perhaps hidden",
        ),
        (r#"{"colour": 1}"#, "colour", "“colour” is not a field"),
        (
            r#"{"heads": 30}"#,
            "heads",
            "does not divide hidden size = 4096",
        ),
        (
            r#"{"est": "detailed", "params": "7B"}"#,
            "params",
            "does not apply",
        ),
        (r#"{"architecture": 1}"#, "architecture", "valid: an object"),
        (
            r#"{"architecture": {"wheels": 4}}"#,
            "architecture.wheels",
            "not a field",
        ),
        (
            r#"{"architecture": {"layers": 0}}"#,
            "architecture.layers",
            "valid: 1 to 1,000",
        ),
        (
            r#"{"architecture": {"layers": []}}"#,
            "architecture.layers",
            "a list; valid: 1 to 1,000",
        ),
        (
            r#"{"architecture": {"family": "lama"}}"#,
            "architecture.family",
            "“lama” is unknown",
        ),
        (
            r#"{"architecture": {"active": 2}}"#,
            "architecture.active",
            "does not apply",
        ),
        (
            r#"{"architecture": {"heads": 32, "kv": 5}}"#,
            "architecture.kv",
            "does not divide",
        ),
        (
            r#"{"architecture": {}, "layers": 2}"#,
            "layers",
            "beside an architecture",
        ),
        (
            r#"{"architecture": {}, "model": "own"}"#,
            "model",
            "beside an architecture",
        ),
        (
            r#"{"architecture": {}, "config": {}}"#,
            "config",
            "one of the two",
        ),
        (r#"{"architecture": {}, "est": "rule"}"#, "est", "detailed"),
        (
            r#"{"config": {"model_type": "llama", "hidden_size": "x"}}"#,
            "config.hidden_size",
            "a whole number",
        ),
        (r#"{"config": [1]}"#, "config", "a list is no configuration"),
        (
            r#"{"model_type": "t5", "is_encoder_decoder": true}"#,
            "is_encoder_decoder",
            "decoder",
        ),
        (
            r#"{"model_type": "llama", "num_hidden_layers": 0}"#,
            "num_hidden_layers",
            "valid",
        ),
        (r#"{"inputs": 3}"#, "inputs", "valid: an object"),
        (
            r#"{"inputs": {}}"#,
            "inputs.hf_config_class",
            "missing; valid: a class",
        ),
        (
            r#"{"inputs": {"strategy": "x"}}"#,
            "inputs.strategy",
            "valid: fsdp2, ddp, megatron",
        ),
        (
            r#"{"inputs": {"strategy": "megatron", "seq": 0}}"#,
            "inputs.seq",
            "valid: 1 to",
        ),
        (
            r#"{"tokens": 1e9"#,
            "",
            "not JSON: EOF while parsing an object (line ",
        ),
        ("x", "", "not JSON: expected value"),
        ("{,}", "", "not JSON: key must be a string"),
        (r#"{"a": NaN}"#, "", "not JSON"),
        ("[]", "", "not a scenario; valid: an object"),
        ("7", "", "not a scenario; valid: an object"),
        (
            r#"{"gpus": 8} {"gpus": 8}"#,
            "",
            "not JSON: trailing characters",
        ),
    ];
    // Every second line is right.
    let lines: Vec<_> = table
        .iter()
        .flat_map(|(line, ..)| [(*line).to_owned(), r#"{"gpus": 8}"#.to_owned()])
        .collect();
    let (success, answers) = answers(&lines);
    assert!(!success);
    for (index, (line, field, message)) in table.iter().enumerate() {
        let error = &answers[2 * index]["error"];
        assert_eq!(error["line"], 2 * index + 1, "{line}");
        assert_eq!(error["field"], *field, "{line}: {error}");
        let said = error["message"].as_str().unwrap();
        assert!(said.contains(message), "{line}: {said}");
        assert!(said.len() < 500, "{line}: {said}");
        assert_eq!(answers[2 * index + 1]["scenario"]["gpus"], 8, "{line}");
    }
}

/// Empty lines, Windows' line ends, a byte-order mark and a last line without an end.
#[test]
fn lines_as_editors_leave_them() {
    let text = "\u{feff}{\"gpus\": 1}\r\n\r\n\n  {\"gpus\": 2}  \n{\"gpus\": x}\n\n{\"gpus\": 3}";
    let (success, printed) = run(&["estimate", "-"], text.into());
    let answers: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(!success);
    let gpus: Vec<_> = answers
        .iter()
        .map(|answer| &answer["scenario"]["gpus"])
        .collect();
    assert_eq!(gpus, [&json!(1), &json!(2), &Value::Null, &json!(3)]);
    assert_eq!(answers[2]["error"]["line"], 5);
    // What looks like an object over several lines, but is lines of which the first was cut off.
    let (_, printed) = run(&["estimate", "-"], "{\"gpus\": 1\n{\"gpus\": 2}\n".into());
    let answers: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers[0]["error"]["line"], 1);
    assert_eq!(answers[1]["scenario"]["gpus"], 2);
    // An object over several lines; its errors say where.
    let whole = answer("{\n\n  \"gpus\": 8,\n  \"tokens\": \"1T\"\n}\n");
    assert_eq!(whole["scenario"]["tokens"], 1_000_000_000_000_u64);
    let broken = answer("{\n\n  \"gpus\": 8,\n  \"tokens\": ]\n}\n");
    let message = broken["error"]["message"].as_str().unwrap();
    assert!(message.contains("line 4, column 13"), "{message}");
    let (success, printed) = run(&["estimate", "-"], b"{\"gpus\": 8}\n\xff\xfe\n".to_vec());
    assert!(!success && printed.contains("not UTF-8 text (byte 1 of the line)"));
    assert!(!run(&["estimate", "-"], b" \n".to_vec()).0);
}

#[test]
fn paths() {
    let config = r#"{"model_type": "gpt2"}"#;
    for (name, text) in [
        ("config.json", config.to_owned()),
        ("scenario.json", format!("{{\n\"config\": {config}\n}}")),
        (
            "lines.jsonl",
            format!("{{\"config\": {config}}}\n{config}\n"),
        ),
    ] {
        let path = temporary(name, text.as_bytes());
        let (success, printed) = run(&["estimate", &path], Vec::new());
        assert!(success, "{printed}");
        // GPT-2's published count (HF gpt2: 124,439,808).
        assert!(printed.contains("124439808"), "{printed}");
    }
    for (path, why) in [
        ("no-such-file", "“no-such-file” cannot be read"),
        (env!("CARGO_TARGET_TMPDIR"), "it is a folder"),
    ] {
        let (success, printed) = run(&["estimate", path], Vec::new());
        assert!(!success && printed.contains(why), "{printed}");
    }
}

/// Rows of the recorded tables, without what was recorded: the peak, the states and the moment come from the core, as
/// closely as tests/groundtruth.rs and tests/ranks.rs hold it.
#[test]
fn recorded_steps() {
    for (file, most, states) in [
        (
            "groundtruth/cases.jsonl",
            1e-5,
            ["param_bytes", "opt_bytes"],
        ),
        (
            "groundtruth/families.jsonl",
            5e-4,
            ["param_bytes", "opt_bytes"],
        ),
        (
            "ranks/ranks_fsdp.jsonl",
            2e-5,
            ["param_bytes_rank", "opt_bytes_rank"],
        ),
        (
            "ranks/ranks_tp.jsonl",
            0.003,
            ["param_bytes_rank", "opt_bytes_rank"],
        ),
        (
            "ranks/ranks_megatron.jsonl",
            0.0,
            ["param_bytes_rank", "opt_bytes_rank"],
        ),
    ] {
        let rows = reference(file);
        let lines: Vec<_> = rows
            .iter()
            .map(|row| json!({ "id": row["id"], "inputs": row["inputs"] }).to_string())
            .collect();
        let (_, answers) = answers(&lines);
        for (row, answer) in rows.iter().zip(answers) {
            let (id, memory) = (&row["id"], &answer["memory"]);
            assert_eq!(answer["id"], *id);
            let theirs = row["peak_total"].as_f64().unwrap();
            let error = (number(&answer, "/memory/peak_bytes") / theirs - 1.0).abs();
            assert!(error <= most, "{id}: {error}");
            assert!(memory["moment"].is_string(), "{id}");
            // Megatron's recording counts the rotary frequencies, 512 bytes, among the parameters.
            let [weights, optimizer] = states.map(|key| row[key].as_f64().unwrap());
            let ours = number(&answer, "/memory/weights_bytes");
            assert!(weights - ours <= 512.0 && ours <= weights, "{id}: {ours}");
            let ours = number(&answer, "/memory/optimizer_bytes");
            assert!(
                (ours / optimizer.max(1.0) - 1.0).abs() < 1e-3 || ours == optimizer,
                "{id}: {ours}"
            );
            assert_eq!(answer["scenario"]["seq"], row["inputs"]["seq"], "{id}");
            assert_eq!(answer["scenario"]["batch"], row["inputs"]["batch"], "{id}");
            // Adapters' parameters are no part of the model.
            let is_adapted = row["inputs"]["lora"].is_object();
            if let Some(parameters) = row["params_numel"].as_u64().filter(|_| !is_adapted) {
                assert_eq!(answer["parameters"]["total"], parameters, "{id}");
            }
        }
    }
}

/// Recorded steps with one input changed to something else: an answer or an error, quickly.
#[test]
fn changed_steps_do_not_panic() {
    let values = [
        Value::Null,
        json!(0),
        json!(1),
        json!(3),
        json!(1023),
        json!(65_536),
        json!(u64::MAX),
        json!(-1),
        json!(0.5),
        json!(1e300),
        json!("x"),
        json!("none"),
        json!("full"),
        json!(true),
        json!([]),
        json!({}),
        json!({"r": 7, "targets": ["q_proj", "x"]}),
        json!({"r": u64::MAX, "targets": "all-linear"}),
    ];
    let mut lines = Vec::new();
    for file in [
        "groundtruth/cases.jsonl",
        "groundtruth/families.jsonl",
        "ranks/ranks_fsdp.jsonl",
        "ranks/ranks_tp.jsonl",
        "ranks/ranks_megatron.jsonl",
    ] {
        for row in reference(file).iter().step_by(20) {
            let mut keys: Vec<String> =
                row["inputs"].as_object().unwrap().keys().cloned().collect();
            keys.extend(
                ["lora", "tp", "dp", "grad_accum", "reshard", "strategy"].map(str::to_owned),
            );
            for key in keys {
                for value in &values {
                    let mut inputs = row["inputs"].clone();
                    inputs[&key] = value.clone();
                    lines.push(json!({ "inputs": inputs }).to_string());
                }
            }
        }
    }
    let started = Instant::now();
    answers(&lines);
    assert!(started.elapsed() < Duration::from_secs(60));
}

fn schema() -> Value {
    let (success, text) = run(&["schema"], Vec::new());
    assert!(success);
    serde_json::from_str(&text).unwrap()
}

/// A scenario with this field, in which the part that the field describes is there.
fn with_field(field: Field, value: &Value) -> Value {
    let Field::Architecture(field) = field else {
        let est = match field {
            Field::Convention => "detailed",
            _ => "rule",
        };
        let mut scenario = json!({ "est": est });
        scenario[field.key()] = value.clone();
        return scenario;
    };
    let mut own = json!({ "family": "llama", "kv-rank": 512, "window": 128, "experts": 4096 });
    own[field.key()] = value.clone();
    if field == ModelField::Family {
        own = json!({ "family": value });
    }
    json!({ "architecture": own })
}

/// What the schema says of each field is what is enforced: both limits are in, what lies beyond is out, and so is what
/// is no option.
#[test]
fn the_schema_is_enforced() {
    let schema = schema();
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    let scenario = &schema["$defs"]["scenario"]["properties"];
    let mut cases: Vec<(Field, Value, bool)> = Vec::new();
    for field in Field::ALL {
        let mut says = &scenario[field.key()];
        if let Some(reference) = says["$ref"].as_str() {
            says = schema.pointer(reference.trim_start_matches('#')).unwrap();
        }
        assert_eq!(says["title"], field.label());
        let types = says["type"].to_string();
        let mut case = |value: Value, is_valid: bool| cases.push((field, value, is_valid));
        match field.kind() {
            Kind::Number(_) => {
                let limits = ["minimum", "maximum"].map(|limit| says[limit].clone());
                let [least, most] = limits.each_ref().map(|limit| limit.as_f64().unwrap());
                limits.into_iter().for_each(|limit| case(limit, true));
                case(json!(most.to_string()), true);
                case(json!(-1), false);
                if types.contains("integer") {
                    case(json!(most as u64 + 1), false);
                    case(json!(least + 0.5), false);
                    if least > 0.0 {
                        case(json!(least as u64 - 1), false);
                    }
                } else {
                    case(json!(most * 1.001), false);
                    case(json!(least * 0.999), least == 0.0);
                }
                case(Value::Null, types.contains("null"));
                case(json!(true), false);
                case(json!("x"), false);
            }
            Kind::Layers => {
                let examples = says["examples"].as_array().unwrap().clone();
                examples.into_iter().for_each(|example| case(example, true));
                case(json!("x"), false);
                case(json!(3), false);
            }
            Kind::Choice(_) => {
                let options = says["enum"].as_array().or(says["examples"].as_array());
                let options = options.unwrap().clone();
                assert!(!options.is_empty());
                options.into_iter().for_each(|option| case(option, true));
                case(json!("no such option"), false);
                case(json!(7), false);
            }
        }
    }
    let lines: Vec<_> = cases
        .iter()
        .map(|(field, value, _)| with_field(*field, value).to_string())
        .collect();
    let (_, answers) = answers(&lines);
    // A value in its range may still not go with others: that is no error of the value.
    let own = [
        "out of range",
        "not a whole number",
        "is not a number",
        "is unknown",
        "is no set of layers",
        "empty; valid",
        "; valid: ",
    ];
    let apart = ["does not divide", "exceeds"];
    for ((line, (field, value, is_valid)), answer) in lines.iter().zip(&cases).zip(&answers) {
        let empty = Vec::new();
        let errors = answer["errors"].as_array().unwrap_or(&empty);
        let refused = errors.iter().any(|error| {
            let message = error["message"].as_str().unwrap();
            error["field"].as_str().unwrap().ends_with(field.key())
                && own.iter().any(|says| message.contains(says))
                && !apart.iter().any(|says| message.contains(says))
        });
        assert_eq!(refused, !is_valid, "{line}: {value} {errors:?}");
    }
    // Nothing but what the schema names.
    assert_eq!(schema["$defs"]["scenario"]["additionalProperties"], false);
    let named: Vec<_> = scenario.as_object().unwrap().keys().collect();
    assert_eq!(named.len(), Field::ALL.len() + 6, "{named:?}");
}

const DOCUMENT: &str = include_str!("../docs/scenario.md");

/// The fenced blocks of this kind in the documentation.
fn blocks(kind: &str) -> Vec<&'static str> {
    let fence = format!("```json {kind}\n");
    let blocks = DOCUMENT.split(fence.as_str()).skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

/// Whether everything that `part` says, `whole` says too.
#[track_caller]
fn assert_within(part: &Value, whole: &Value, path: &str) {
    match part {
        Value::Object(fields) => {
            for (key, value) in fields {
                assert_within(value, &whole[key], &format!("{path}/{key}"));
            }
        }
        Value::Number(_) => assert_eq!(part.as_f64(), whole.as_f64(), "{path}"),
        _ => assert_eq!(part, whole, "{path}"),
    }
}

/// The documented examples answer as documented, and as published: (example, field, value, error allowed).
#[test]
fn documented_examples() {
    let (scenarios, documented) = (blocks("scenario"), blocks("answer"));
    assert_eq!((scenarios.len(), documented.len()), (3, 3));
    let answers: Vec<_> = scenarios.iter().map(|scenario| answer(scenario)).collect();
    for (answer, documented) in answers.iter().zip(documented) {
        assert_within(&serde_json::from_str(documented).unwrap(), answer, "");
    }
    for (example, field, published, error) in [
        // Brown et al. 2020 (arXiv:2005.14165), Table D.1: 174,600 M, 3.14E+23, 3.64E+03.
        (0, "/parameters/total", 174_600e6, 0.05e9),
        (0, "/compute/flop", 3.14e23, 0.005e23),
        (0, "/compute/pf_days", 3.64e3, 5.0),
        // Touvron et al. 2023 (arXiv:2302.13971), Table 2: 65.2B; §2.4: 380 tokens a second and GPU, about 21 days.
        (1, "/parameters/total", 65.2e9, 0.1e9),
        (1, "/compute/days", 21.0, 0.5),
        // The same, Table 15: 1,022,362 GPU-hours, 449 MWh, 173 t, to the two or three digits of the 380.
        (1, "/compute/gpu_hours", 1_022_362.0, 2_000.0),
        (1, "/energy/kwh", 449e3, 1.5e3),
        (1, "/energy/co2_kg", 173e3, 0.5e3),
        // By hand: 2 dollars for each of these hours; 2,048 · 20.82 / 14.
        (1, "/cost/dollars/low", 2.0 * 1_022_362.0, 4_000.0),
        (1, "/solution/value", 3_046.0, 3.0),
        // Jiang et al. 2024 (arXiv:2401.04088), §1: 47B, 13B active; the repository's index: 46,702,792,704.
        (2, "/parameters/total", 46_702_792_704.0, 0.0),
        (2, "/parameters/active", 13e9, 0.5e9),
    ] {
        let ours = number(&answers[example], field);
        assert!(
            (ours - published).abs() <= error,
            "{example}{field}: {ours}"
        );
    }
    // Full recomputation is one more forward pass of all but the head: 4/3 and a little less.
    let exact = "/flop/exact";
    let of = |key: &str| number(&answers[2], &format!("{exact}/{key}"));
    let ratio = of("training_hardware_flop") / of("training_model_flop");
    assert!((1.32..4.0 / 3.0).contains(&ratio), "{ratio}");
}

/// The documentation lists every field, with what is valid.
#[test]
fn documented_fields() {
    let rows: Vec<_> = Field::ALL
        .into_iter()
        .map(|field| {
            let valid = match field.kind() {
                Kind::Choice(options) if options.len() > 12 => {
                    "`petaday schema` lists them".to_owned()
                }
                Kind::Choice(options) => {
                    let keys: Vec<_> = options.iter().map(|(key, _)| *key).collect();
                    keys.join(", ")
                }
                _ => field.valid(),
            };
            format!("| `{}` | {} | {valid} |", field.key(), field.label())
        })
        .collect();
    let table = format!(
        "| key | what | valid |\n|---|---|---|\n{}\n",
        rows.join("\n")
    );
    assert!(
        DOCUMENT.contains(&table),
        "docs/scenario.md should have:\n{table}"
    );
}

/// A 100 MB line is passed over, and the next one answered; a 100 MB object is not read to its end.
#[test]
fn a_hundred_megabytes() {
    let started = Instant::now();
    let mut line = b"{\"id\": \"".to_vec();
    line.resize(100_000_000, b'x');
    line.extend_from_slice(b"\"}\n{\"gpus\": 8}\n");
    let (success, printed) = run(&["estimate", "-"], line);
    assert!(!success);
    let answers: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let message = answers[0]["error"]["message"].as_str().unwrap();
    assert!(message.contains("bytes are too long"), "{message}");
    assert_eq!(answers[1]["scenario"]["gpus"], 8);

    let object = format!("{{\n{}", "\"a\": 1,\n".repeat(12_000_000));
    let path = temporary("large.json", object.as_bytes());
    let (success, printed) = run(&["estimate", &path], Vec::new());
    assert!(!success && printed.contains("1 MiB"), "{printed}");
    std::fs::remove_file(path).unwrap();
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn deep_nesting() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        for text in [
            deep.clone(),
            open.repeat(10_000),
            format!("{{\"config\": {deep}}}"),
            format!("{{\"model_type\": \"llama\", \"x\": {deep}}}"),
        ] {
            let answer = answer(&text);
            let message = answer["error"]["message"].as_str().unwrap();
            assert!(
                message.contains("127 deep") || message.contains("not a scenario"),
                "{message}"
            );
        }
    }
}

proptest! {
    #![proptest_config(support::cases(24))]

    /// Whatever bytes come, there is an answer or an error for each line that is not empty.
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        run(&["estimate", "-"], bytes);
    }
}

/// Anything under any key: an answer or an error that names it.
#[test]
fn any_values() {
    let values = [
        Value::Null,
        json!(true),
        json!(0),
        json!(1),
        json!(-1),
        json!(0.1),
        json!(7),
        json!(1e18),
        json!(u64::MAX),
        json!(f64::MAX),
        json!(5e-324),
        json!(""),
        json!("7B"),
        json!("1e999999999999"),
        json!("\u{202e}\u{0}\n"),
        json!("x".repeat(10_000)),
        json!([]),
        json!({}),
        json!([[[]]]),
    ];
    let keys = Field::ALL.into_iter().map(Field::key);
    let keys = keys.chain(["id", "v", "preset", "hold", "architecture", "config", "x"]);
    let mut lines: Vec<String> = Vec::new();
    for key in keys {
        for value in &values {
            let one = BTreeMap::from([(key, value)]);
            lines.push(json!(one).to_string());
            lines.push(json!({ "architecture": one }).to_string());
            let mut detailed = json!({ "est": "detailed" });
            detailed[key] = value.clone();
            lines.push(detailed.to_string());
        }
    }
    let (_, answers) = answers(&lines);
    for (line, answer) in lines.iter().zip(answers) {
        if let Some(message) = answer["error"]["message"].as_str() {
            assert!(message.len() < 600, "{line}: {message}");
            assert!(
                !message.contains(['\n', '\0', '\u{202e}']),
                "{line}: {message}"
            );
        }
    }
}
