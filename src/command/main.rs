//! The native command. It knows the core and nothing of the page.

use clap::{Parser, Subcommand};
use petaday::estimate::estimate;
use petaday::link;
use petaday::report::Report;
use serde_json::{Value, json};
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
    /// Prints the estimate of a share link as JSON.
    Estimate {
        /// A share link, or what stands after its question mark.
        #[arg(value_name = "QUERY-OR-URL")]
        link: String,
    },
}

fn main() -> ExitCode {
    let Command::Estimate { link } = Arguments::parse().command;
    let (answer, code) = match answer(&link) {
        Ok(answer) => (answer, ExitCode::SUCCESS),
        Err(error) => (error, ExitCode::FAILURE),
    };
    println!("{answer:#}");
    code
}

/// The estimate of a link. The page falls back where a field is wrong and says so to a reader; a program
/// may not be reading, so here it is an error.
fn answer(link: &str) -> Result<Value, Value> {
    let opened = link::open(link);
    if let Some(notice) = opened.notices.first() {
        let all: Vec<_> = opened
            .notices
            .iter()
            .map(|notice| error(notice.key(), &notice.to_string()))
            .collect();
        return Err(json!({ "error": error(notice.key(), &notice.to_string()), "errors": all }));
    }
    let estimate = estimate(&opened.scenario);
    serde_json::to_value(Report::of(&opened.scenario, &estimate))
        .map_err(|why| json!({ "error": error("", &why.to_string()) }))
}

fn error(field: &str, message: &str) -> Value {
    json!({ "field": field, "message": message })
}
