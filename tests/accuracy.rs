//! `petaday check` on the project's own copies of published tables, held to limits. Built with the feature `command`.
#![cfg(feature = "command")]

use petaday::compute::published_runs::PUBLISHED_RUNS;
use serde_json::Value;
use std::process::Command;

/// What `petaday check` said of one table.
struct Checked {
    /// Each row of the table, and the line about it.
    rows: Vec<(Value, String)>,
    /// The object after the rows.
    summary: Value,
}

impl Checked {
    /// Runs the command on a table of tests/reference; `list` is the key of its rows.
    #[track_caller]
    fn table(file: &str, list: &str) -> Self {
        let path = format!("{}/tests/reference/{file}", env!("CARGO_MANIFEST_DIR"));
        let output = Command::new(env!("CARGO_BIN_EXE_petaday"))
            .args(["check", &path])
            .output()
            .unwrap();
        assert!(output.status.success(), "{file}");
        let text = String::from_utf8(output.stdout).unwrap();
        let (lines, summary) = text.trim_end().rsplit_once('\n').unwrap();
        let table: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let rows = table[list].as_array().unwrap().iter().cloned();
        let checked = Self {
            rows: rows.zip(lines.lines().map(str::to_owned)).collect(),
            summary: serde_json::from_str(summary).unwrap(),
        };
        assert_eq!(checked.rows.len() as u64, checked.count("rows"));
        assert_eq!(
            checked.count("compared") + checked.count("left_out"),
            checked.count("rows")
        );
        checked
    }

    #[track_caller]
    fn count(&self, key: &str) -> u64 {
        self.summary[key].as_u64().unwrap()
    }

    /// The rows of which `what` was compared, with ours and theirs.
    fn compared(&self, what: &str) -> Vec<(&Value, f64, f64)> {
        let figures = |line: &str| {
            let (_, figures) = line.split_once(&format!(": {what}: ours "))?;
            let (ours, rest) = figures.split_once(", theirs ")?;
            let (theirs, _) = rest.split_once(',')?;
            Some((ours.parse().unwrap(), theirs.parse().unwrap()))
        };
        let rows = self.rows.iter();
        rows.filter_map(|(row, line)| figures(line).map(|(ours, theirs)| (row, ours, theirs)))
            .collect()
    }

    /// How many rows were left out by this rule.
    fn left_out(&self, rule: &str) -> usize {
        // A step time may stand beside it.
        let line = format!(": left out: {rule}");
        self.rows
            .iter()
            .filter(|(_, text)| text.contains(&line))
            .count()
    }
}

/// The least magnitude that half of the errors do not exceed, and the largest.
fn median_and_worst<'a>(rows: impl Iterator<Item = &'a (&'a Value, f64, f64)>) -> (f64, f64) {
    let mut errors: Vec<f64> = rows
        .map(|(_, ours, theirs)| (ours / theirs - 1.0).abs())
        .collect();
    errors.sort_by(f64::total_cmp);
    (errors[errors.len() / 2], *errors.last().unwrap())
}

fn is_of(row: &Value, table: &str) -> bool {
    row["source_table"].as_str().unwrap().starts_with(table)
}

/// mosaicml/llm-foundry, scripts/train/benchmarking/README.md: its printed MFU, to the rounding of the percentage and to
/// the tokens per second, of which it cuts the fraction off.
#[test]
fn llm_foundry() {
    let table = Checked::table("runs_throughput.json", "rows");
    let compared = table.compared("MFU, %");
    assert_eq!(compared.len(), 84);
    for (row, ours, theirs) in compared {
        assert!(is_of(row, "llm-foundry"));
        let one_more = 1.0 + 1.0 / row["tokens_per_s"].as_f64().unwrap();
        let from_to = ours - 0.005..=ours * one_more + 0.005;
        assert!(from_to.contains(&theirs), "{row}: {ours}");
    }
}

/// NVIDIA-NeMo/Megatron-Bridge, docs/performance-summary.md and its archive, and NVIDIA/Megatron-LM,
/// examples/llama/README.md: their printed TFLOP/s.
#[test]
fn megatron() {
    let table = Checked::table("runs_throughput.json", "rows");
    let compared = table.compared("TFLOP/s per GPU");
    let is_dense = |row: &Value| row["model"].as_str().unwrap().starts_with("LLAMA");
    let of = |table: &'static str, dense: bool| {
        let rows = compared.iter();
        rows.filter(move |(row, ..)| is_of(row, table) && is_dense(row) == dense)
    };
    let (median, worst) = median_and_worst(of("Megatron-Bridge", true));
    assert!(
        median <= 0.005 && worst <= 0.025,
        "dense: {median}, {worst}"
    );
    let (median, worst) = median_and_worst(of("Megatron-Bridge", false));
    assert!(
        median <= 0.02 && worst <= 0.05,
        "experts: {median}, {worst}"
    );
    let (_, worst) = median_and_worst(of("Megatron-LM", true));
    assert!(worst <= 0.01, "Megatron-LM: {worst}");

    // LoRA credits 0.642 to 0.644 of what full fine-tuning does.
    let lora = |(row, ..): &&(&Value, f64, f64)| {
        row["section"].as_str().unwrap_or_default().contains("LoRA")
    };
    assert!(of("Megatron-Bridge", true).filter(lora).count() >= 2);

    assert_eq!(compared.len(), 94);
    assert_eq!(table.left_out("no throughput printed"), 27); // MaxText
    assert_eq!(table.left_out("architecture not known"), 23); // hybrids, DeepSeek-V4
}

/// Narayanan et al. 2021 (SC21, arXiv:2104.04473), Table 1: parameters by eq. 2, in billions to one decimal.
#[test]
fn sc21_table_1() {
    let table = Checked::table("runs.json", "runs");
    let compared = table.compared("parameters");
    assert_eq!(compared.len(), 8);
    let tenths = |parameters: f64| (parameters / 1e8).round();
    for (row, ours, theirs) in compared {
        assert_eq!(tenths(ours), tenths(theirs), "{row}");
    }
}

/// The same paper, Table 2: days for 300 billion tokens.
#[test]
fn sc21_table_2() {
    let table = Checked::table("runs.json", "runs");
    let compared = table.compared("days");
    assert_eq!(compared.len(), 7);
    let (_, worst) = median_and_worst(compared.iter());
    assert!(worst <= 0.03, "{worst}");
}

/// Korthikanti et al. 2022 (arXiv:2205.05198), Table 5: MFU by eq. 7 from the iteration time, within half a point.
#[test]
fn korthikanti_table_5() {
    let table = Checked::table("runs.json", "runs");
    let compared = table.compared("MFU, %");
    assert_eq!(compared.len(), 1);
    for (row, ours, theirs) in compared {
        assert!((ours - theirs).abs() <= 0.5, "{row}: {ours}");
    }
}

/// Totals that papers report: GPT-3's (Brown et al. 2020, arXiv:2005.14165, Table D.1) to the printed three digits, the
/// others within 5% of 6·P·D or with the reason.
#[test]
fn reported_totals() {
    let table = Checked::table("runs.json", "runs");
    let mut gpt3 = 0;
    for (row, ours, theirs) in table.compared("FLOP") {
        let error = (ours / theirs - 1.0).abs();
        let line = table.rows.iter().find(|(other, _)| other == row);
        let explained = line.unwrap().1.ends_with(')');
        assert_eq!(error > 0.05, explained, "{row}");
        if row["family"].as_str().unwrap().starts_with("GPT-3") {
            let unit = 10f64.powf(theirs.log10().floor() - 2.0);
            assert!((ours - theirs).abs() <= 0.5 * unit * (1.0 + 1e-9), "{row}");
            gpt3 += 1;
        }
    }
    assert_eq!(gpt3, 7);
}

/// Every architecture with an exact count, total and active.
#[test]
fn models() {
    let table = Checked::table("models.json", "models");
    assert_eq!(table.count("exact"), table.count("compared"));
    assert_eq!(table.count("compared"), 77);
    assert_eq!(table.left_out("published count is rounded"), 8);
    assert_eq!(table.left_out("no published count"), 3);
}

/// The page's table of published runs says what runs.json says, of the runs that both have.
#[test]
fn published_runs() {
    let text = std::fs::read_to_string("tests/reference/runs.json").unwrap();
    let table: Value = serde_json::from_str(&text).unwrap();
    let mut both = 0;
    for run in PUBLISHED_RUNS {
        assert!(
            (3.0..70.0).contains(&run.implied_mfu_percent()),
            "{}",
            run.model
        );
        if let Some(printed) = run.printed_mfu_percent {
            assert!(run.implied_mfu_percent() < printed, "{}", run.model);
        }
        let rows = table["runs"].as_array().unwrap();
        let Some(row) = rows.iter().find(|row| row["model"] == run.model) else {
            continue;
        };
        let field = |key: &str| row[key].as_f64();
        assert_eq!(
            field("params_active").or(field("params_total")),
            Some(run.parameters),
            "{row}"
        );
        assert_eq!(field("tokens"), Some(run.tokens), "{row}");
        assert_eq!(field("gpu_hours"), Some(run.gpu_hours), "{row}");
        assert_eq!(
            field("peak_flops_per_device"),
            Some(run.peak_tflops * 1e12),
            "{row}"
        );
        if run.model != "Llama-3.1 405B" {
            assert_eq!(field("mfu_pct"), run.printed_mfu_percent, "{row}");
        }
        let implied = row["computed"]["implied_mfu_6pd_pct"].as_f64().unwrap();
        assert!(
            (run.implied_mfu_percent() / implied - 1.0).abs() < 1e-5,
            "{row}"
        );
        both += 1;
    }
    assert_eq!(both, 20);
}

/// Rows of these tables with fields missing, null, of the wrong type or absurd: left out by a rule, or compared.
#[test]
fn rows_with_holes() {
    for (file, list) in [("runs.json", "runs"), ("runs_throughput.json", "rows")] {
        let path = format!("{}/tests/reference/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let table: Value = serde_json::from_str(&text).unwrap();
        let mut holes = Vec::new();
        // One row of each table and shape.
        for row in table[list].as_array().unwrap().iter().step_by(9) {
            for key in row.as_object().unwrap().keys() {
                for put in [
                    Value::Null,
                    "x".into(),
                    (-1).into(),
                    0.into(),
                    1e300.into(),
                    0.5.into(),
                ] {
                    let mut row = row.clone();
                    row[key] = put;
                    holes.push(row.to_string());
                }
            }
        }
        let written =
            std::env::temp_dir().join(format!("petaday-holes-{}-{file}", std::process::id()));
        std::fs::write(&written, holes.join("\n")).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_petaday"))
            .arg("check")
            .arg(&written)
            .output()
            .unwrap();
        std::fs::remove_file(&written).unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().count(), holes.len() + 1);
    }
}

/// What the page says of its accuracy is what the command finds.
#[test]
fn the_page_says_what_check_says() {
    for line in include_str!("../src/section/accuracy.tsv").lines() {
        let cells: Vec<_> = line.split('\t').collect();
        let path = format!(
            "{}/tests/reference/{}",
            env!("CARGO_MANIFEST_DIR"),
            cells[0]
        );
        let output = Command::new(env!("CARGO_BIN_EXE_petaday"))
            .args(["check", &path])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let summary: Value = serde_json::from_str(text.trim_end().lines().last().unwrap()).unwrap();
        let percent = |key: &str| format!("{:.4}", 100.0 * summary[key].as_f64().unwrap());
        let found = [
            summary["rows"].to_string(),
            summary["compared"].to_string(),
            percent("median_error"),
            percent("p95_error"),
            percent("worst_error"),
        ];
        assert_eq!(cells[2..], found, "{}", cells[0]);
    }
}
