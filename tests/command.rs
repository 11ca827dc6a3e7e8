//! The native command, run as a program. Built with the feature `command`.
#![cfg(feature = "command")]

use serde_json::Value;
use std::process::Command;

/// Runs `petaday estimate LINK`: whether it succeeded, and the JSON it printed.
#[track_caller]
fn estimate(link: &str) -> (bool, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_petaday"))
        .args(["estimate", link])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (
        output.status.success(),
        serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text}")),
    )
}

/// The article's case study, its bytes as integers.
#[test]
fn case_study() {
    let (success, answer) = estimate("https://example.org/petaday/?v=1&preset=article");
    assert!(success);
    let memory = &answer["memory"];
    for (key, bytes) in [
        ("weights_bytes", 28_000_000_000u64),
        ("gradients_bytes", 28_000_000_000),
        ("optimizer_bytes", 84_000_000_000),
        ("activations_bytes", 235_149_459_456),
        ("total_bytes", 375_149_459_456),
    ] {
        assert_eq!(memory[key], bytes, "{key}");
    }
    assert_eq!(memory["fits"], false);
    assert_eq!(answer["scenario"]["gpu"], "h100-sxm");
    assert!((answer["compute"]["pf_days"].as_f64().unwrap() - 68.0556).abs() < 1e-4);
}

/// Integers beyond 2^53 are decimal strings: 6 × 7e9 × 140e9 FLOP.
#[test]
fn large_integers_stay_exact() {
    let (_, answer) = estimate("v=1&preset=article");
    assert_eq!(answer["compute"]["flop"], "5880000000000000000000");
    let (_, small) = estimate("params=1M&tokens=1M");
    assert_eq!(small["compute"]["flop"], 6_000_000_000_000u64);
}

#[test]
fn errors_name_the_field() {
    for (link, field) in [
        ("params=0", "params"),
        ("v=1&preset=article&heads=30", "heads"),
        ("gpu=h300", "gpu"),
        ("colour=red", "colour"),
    ] {
        let (success, answer) = estimate(link);
        assert!(!success, "{link}");
        assert_eq!(answer["error"]["field"], field, "{link}");
        assert!(!answer["error"]["message"].as_str().unwrap().is_empty());
    }
}
