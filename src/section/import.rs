//! A configuration file, read into a scenario.

use crate::link;
use crate::model::huggingface;
use crate::scenario::Scenario;

/// Reads the text of a config.json into this scenario: on the first line the new scenario's query, empty where the text
/// could not be read; then what was wrong or had to be assumed, a sentence each.
pub fn import(text: &str, scenario: &Scenario) -> String {
    let imported = match huggingface::import(text) {
        Ok(imported) => imported,
        Err(why) => return format!("\n{why}"),
    };
    let with = match scenario.with_architecture(imported.architecture) {
        Ok(with) => with,
        Err(why) => return format!("\n{why}"),
    };
    let mut answer = link::query(&with);
    for warning in imported.warnings {
        answer.push('\n');
        answer.push_str(&warning.to_string());
    }
    answer
}
