//! Parameters by tensor group, each with its formula.

use crate::html::{Table, aside, explained, paragraph};
use crate::scenario::Scenario;
use crate::units::{decimal, grouped};

pub fn html(scenario: &Scenario) -> String {
    let architecture = scenario.architecture();
    let (total, active) = (architecture.parameters(), architecture.active_parameters());
    let is_mixture = architecture.experts.is_some();
    let exact = |count: u64| grouped(u128::from(count));
    let mut table = Table::new(
        "Parameters by group",
        &["Group", "Parameters", "Active", "%"][..],
        &[],
    );
    for group in architecture.parameter_list() {
        let share = 100.0 * group.total.parameters as f64 / total.max(1) as f64;
        table.row(
            "",
            &[
                group.group.label().to_owned(),
                explained(
                    &exact(group.total.parameters),
                    &group.total.formula,
                    group.source,
                ),
                exact(group.active.parameters),
                decimal(share, 1),
            ],
        );
    }
    table.row(
        "total",
        &[
            "Total".to_owned(),
            exact(total),
            exact(active),
            "100".to_owned(),
        ],
    );
    let what = if is_mixture {
        format!(
            "<strong>{}</strong> parameters, of which <strong>{}</strong> work on one token.",
            exact(total),
            exact(active)
        )
    } else {
        format!(
            "<strong>{}</strong> parameters, each at work on every token.",
            exact(total)
        )
    };
    let own = if scenario.is_detailed() {
        String::new()
    } else {
        aside(
            "The rule of thumb takes the number of parameters as you give it; this is what its shape comes to.",
        )
    };
    paragraph(&what) + &own + &table.end()
}
