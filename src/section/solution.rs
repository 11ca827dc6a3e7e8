//! The unknown, under a deadline and a budget.

use crate::compute::solve::{Impossible, Problem, Solution, solve};
use crate::field::Choice;
use crate::html::{aside, escaped, paragraph, setter};
use crate::scenario::{Field, Scenario, Unknown};
use crate::units::{editable, significant};

pub fn html(scenario: &Scenario) -> String {
    match solve(&Problem::of(scenario)) {
        Ok(solution) => found(scenario, &solution),
        Err(why) => {
            paragraph(&format!(
                "{}.",
                escaped(&why.to_string()).trim_end_matches('.')
            )) + &hint(&why)
        }
    }
}

fn found(scenario: &Scenario, solution: &Solution) -> String {
    let take = match solution.unknown {
        Unknown::Tokens => Some((Field::Tokens, editable(solution.value, 15))),
        Unknown::Gpus => Some((Field::Gpus, editable(solution.value, 15))),
        Unknown::Mfu => Some((Field::Mfu, editable(100.0 * solution.value, 6))),
        Unknown::Parameters if !scenario.is_detailed() => {
            Some((Field::Parameters, editable(solution.value, 15)))
        }
        Unknown::Parameters | Unknown::Days | Unknown::Budget => None,
    };
    let take = take.map_or_else(String::new, |(field, value)| {
        setter(&format!("{}={value}", field.key()), "quiet", "Take it")
    });
    let money = solution
        .cost
        .map_or_else(String::new, |cost| format!(", ${}", significant(cost, 3)));
    let own = if solution.unknown == Unknown::Parameters && scenario.is_detailed() {
        aside(
            "A model of another size is taken to need as many FLOP for each parameter as this one.",
        )
    } else {
        String::new()
    };
    paragraph(&format!(
        "<strong>{}</strong> {take}",
        escaped(&solution.to_string())
    )) + &paragraph(&format!(
        "That is {} days and {} GPU-hours{money}.",
        significant(solution.days, 3),
        significant(solution.gpu_hours, 3)
    )) + &own
}

/// What to give, where something is missing.
fn hint(why: &Impossible) -> String {
    match why {
        Impossible::Unlimited(unknown) => aside(&format!(
            "{} is what is asked for; fill in a deadline or a budget above.",
            unknown.label()
        )),
        _ => String::new(),
    }
}
