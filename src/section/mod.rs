//! Parts of the page that are read more than moved: a scenario in, HTML out.
//!
//! They are text, not components, because a reader downloads them only when one is opened (`engine`), and because a test
//! can read them without a browser. A button with `data-set` asks the page to set fields, as a link would:
//! `data-set="tokens=2T"`.

mod bars;
mod checked;
mod flop;
mod import;
pub mod launch;
mod layout;
mod memory;
mod money;
mod optimum;
mod parameters;
pub mod part;
pub mod plan;
mod solution;
pub mod sweep;
mod tensors;

pub use import::import;

use crate::field::choice;
use crate::scenario::Scenario;

choice!(
    /// A part of the page below the answer.
    Section {
        /// The peak of a step, its moments, every tensor of it, and what to change.
        Memory "memory" "Memory, tensor by tensor",
        /// Whether the layout goes together, and what a GPU of each pipeline stage holds.
        Layout "layout" "Layout over the GPUs",
        /// Parameters by tensor group.
        Parameters "parameters" "Parameters, group by group",
        /// FLOP by part, and as others count them.
        Flop "flop" "FLOP, part by part, and as others count them",
        /// Dollars, energy and CO₂.
        Money "money" "Money, energy and CO₂",
        /// The unknown under a deadline and a budget.
        Solution "solution" "Solve for one",
        /// What would make the best of this compute.
        Optimum "optimum" "Compute-optimal size and loss",
        /// Every layout that fits, ranked; the whole search is [`plan::Planner`]'s.
        Plan "plan" "Plan: every layout that fits",
        /// Time, memory and cost against one input.
        Sweep "sweep" "Sweeps",
        /// The layout as the options of the tools that launch it.
        Launch "launch" "Launch settings",
        /// Published figures beside petaday's.
        Checked "checked" "Checked against reality",
    }
);

/// The style of sections, which comes with them.
pub const STYLE: [&str; 2] = [
    include_str!("../../style/sections.css"),
    include_str!("../../style/plan.css"),
];

impl Section {
    /// What it says of a scenario, as HTML. All text in it that is not ours is escaped.
    pub fn html(self, scenario: &Scenario) -> String {
        match self {
            Self::Memory => memory::html(scenario),
            Self::Layout => layout::html(scenario),
            Self::Parameters => parameters::html(scenario),
            Self::Flop => flop::html(scenario),
            Self::Money => money::html(scenario),
            Self::Solution => solution::html(scenario),
            Self::Optimum => optimum::html(scenario),
            Self::Plan => plan::html(scenario),
            Self::Sweep => sweep::html(scenario),
            Self::Launch => launch::launch_html(scenario),
            Self::Checked => checked::html(),
        }
    }
}
