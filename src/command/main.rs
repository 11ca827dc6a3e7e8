//! The native command. It knows the core and nothing of the page.

mod check;
mod estimate;
mod fit;
mod lines;
mod plan;
mod row;
mod scenario;
mod schema;

use clap::{Parser, Subcommand};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What it takes to train a transformer.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints estimates as JSON: of a share link, or of scenarios as JSON in a file or on standard input.
    Estimate {
        /// A share link, which has `=`, `?`, `#` or `://` in it; `-` for standard input; else a path. A file holds a
        /// scenario, a config.json, or one of them a line.
        #[arg(value_name = "LINK-OR-PATH")]
        input: String,
    },
    /// Prints the JSON schema of what `estimate` reads.
    Schema,
    /// Prints every layout of a scenario that fits, the fastest first, as JSON lines; the last line sums up.
    Plan {
        /// A scenario in JSON, `-` for standard input.
        #[arg(value_name = "FILE", default_value = "-")]
        file: PathBuf,
        #[command(flatten)]
        choices: plan::Choices,
    },
    /// Holds petaday to tables of outside facts: a line a row, then one JSON object a file.
    Check {
        /// Tables as JSON or JSON lines.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Fits the constants of the step-time model on tables with step times, and prints them.
    #[command(hide = true)]
    Fit {
        /// Tables as JSON or JSON lines.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Estimate { input } => estimate::run(&input),
        Command::Schema => schema::print(),
        Command::Plan { file, choices } => plan_file(&file, &choices),
        Command::Check { files } => files.iter().all(|file| check_file(file)),
        Command::Fit { files } => fit_files(&files),
    };
    if done {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Plans a scenario; says whether it could be read.
fn plan_file(file: &Path, choices: &plan::Choices) -> bool {
    let read = if file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(file)
    };
    match read {
        Ok(text) => plan::plan(&text, choices),
        Err(why) => {
            let name = file.display().to_string();
            println!("{}", json!({ "error": error(&name, &why.to_string()) }));
            false
        }
    }
}

/// Fits the step-time model on tables; says whether they could be read.
fn fit_files(files: &[PathBuf]) -> bool {
    let mut rows = Vec::new();
    for file in files {
        let read = std::fs::read_to_string(file).map_err(|why| why.to_string());
        match read.and_then(|text| check::rows(&text)) {
            Ok(more) => rows.extend(more),
            Err(why) => {
                println!(
                    "{}",
                    json!({ "error": error(&file.display().to_string(), &why) })
                );
                return false;
            }
        }
    }
    fit::fit(&rows);
    true
}

/// Checks one table; says whether it could be read.
fn check_file(file: &Path) -> bool {
    let name = file.display().to_string();
    let read = std::fs::read_to_string(file).map_err(|why| why.to_string());
    let rows = match read.and_then(|text| check::rows(&text)) {
        Ok(rows) => rows,
        Err(why) => {
            println!("{}", json!({ "error": error(&name, &why) }));
            return false;
        }
    };
    let outcomes: Vec<_> = rows.iter().map(check::outcome).collect();
    for (row, outcome) in rows.iter().zip(&outcomes) {
        let name = ["id", "name", "model"]
            .iter()
            .find_map(|key| row[*key].as_str());
        match check::time::beside(row) {
            Some(time) => println!("{}: {outcome}; {time}", name.unwrap_or("row")),
            None => println!("{}: {outcome}", name.unwrap_or("row")),
        }
    }
    println!("{}", check::summary(&name, &rows, &outcomes));
    true
}

fn error(field: &str, message: &str) -> Value {
    json!({ "field": field, "message": message })
}
