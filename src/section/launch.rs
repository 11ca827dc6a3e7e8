//! The scenario's layout as the options of the tools that launch such runs.

use super::plan::{cannot_be, place, question, recomputed, refused};
use crate::html::{aside, escaped, paragraph};
use crate::launch::{Launch, accelerate, deepspeed, megatron, torchtitan, training_arguments};
use crate::memory::counted::batch;
use crate::scenario::{Detail, Scenario};

/// A tool, its version, and what writes its settings.
struct Tool {
    key: &'static str,
    name: &'static str,
    settings: fn(&Launch) -> String,
}

/// With the versions that the settings were checked against.
const TOOLS: [Tool; 5] = [
    Tool {
        key: "megatron",
        name: "Megatron-LM core_v0.14.0, flags",
        settings: megatron,
    },
    Tool {
        key: "torchtitan",
        name: "torchtitan v0.2.2, TOML",
        settings: torchtitan,
    },
    Tool {
        key: "deepspeed",
        name: "DeepSpeed 0.19.5, JSON",
        settings: deepspeed,
    },
    Tool {
        key: "transformers",
        name: "transformers 5.23.0, TrainingArguments",
        settings: training_arguments,
    },
    Tool {
        key: "accelerate",
        name: "accelerate 1.14.0, YAML",
        settings: accelerate,
    },
];

/// The settings of each tool for the layout in the fields.
pub fn launch_html(scenario: &Scenario) -> String {
    if !scenario.is_detailed() {
        return refused(
            scenario,
            "The rule of thumb knows no architecture to launch",
        );
    }
    let misfits = cannot_be(scenario);
    if !misfits.is_empty() {
        let mut html = paragraph("The layout in the fields cannot be launched:");
        for misfit in misfits {
            html.push_str(&aside(&escaped(&(misfit.to_string() + "."))));
        }
        return html;
    }
    let mut html = paragraph(
        "The layout in the fields as each tool’s own options; what a tool has no option for is said in its comments.",
    );
    let launch = launch(scenario);
    for tool in &TOOLS {
        html.push_str(&format!(
            "<details class=\"launch\" id=\"launch-{}\"><summary>{}</summary><pre tabindex=\"0\">{}</pre></details>",
            tool.key,
            tool.name,
            escaped(&(tool.settings)(&launch))
        ));
    }
    html
}

/// What the scenario launches.
fn launch(scenario: &Scenario) -> Launch {
    let details = scenario.details();
    let layout = scenario.layout();
    let (recomputed, recomputed_layers) = recomputed(scenario);
    let batch = batch(scenario);
    Launch {
        architecture: *scenario.architecture(),
        layout,
        last: question(scenario)
            .ok()
            .and_then(|question| place(scenario, &question.task()).1.last),
        server: SERVER,
        sequence: scenario.sequence(),
        micro_batch: scenario.micro_batch(),
        global_batch: batch.global_batch,
        stack: details.choice(Detail::Stack),
        precision: scenario.precision(),
        gradients: scenario.gradients(),
        narrow: None,
        optimizer: scenario.optimizer(),
        optimizer_step: details.choice(Detail::OptimizerStep),
        attention: details.choice(Detail::Attention),
        recomputed,
        recomputed_layers,
    }
}

/// GPUs of a server, as in DGX and HGX servers.
const SERVER: u64 = 8;
