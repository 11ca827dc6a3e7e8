//! What would make the best of this compute, by every published fit, and the loss to expect.

use crate::compute::scaling_law::Fit;
use crate::compute::six_p_d;
use crate::field::Choice;
use crate::formula::Expression;
use crate::html::{Table, aside, explained, paragraph, setter, source};
use crate::scenario::{Field, Scenario};
use crate::units::{editable, significant};

pub fn html(scenario: &Scenario) -> String {
    let flop: f64 = six_p_d(scenario);
    let (parameters, tokens) = (scenario.parameters() as f64, scenario.tokens() as f64);
    let mut table = Table::new(
        "Compute-optimal training",
        &[
            "Fit",
            "Parameters",
            "Tokens",
            "Tokens a parameter",
            "Loss there",
            "Loss here",
            "Source",
        ],
        &[6],
    );
    for &fit in Fit::ALL {
        let best = fit.optimum(flop);
        let formula: Expression = fit.best_parameters(flop);
        let loss = |parameters, tokens| {
            fit.loss(parameters, tokens)
                .map_or_else(|| "–".to_owned(), |loss| significant(loss, 4))
        };
        let here = fit
            .loss_formula::<Expression>(parameters, tokens)
            .map_or_else(
                || "–".to_owned(),
                |formula| explained(&loss(parameters, tokens), &formula, fit.source()),
            );
        table.row(
            "",
            &[
                format!("{}<br><small>{}</small>", fit.label(), fit.caution()),
                explained(&significant(best.parameters, 3), &formula, fit.source()),
                significant(best.tokens, 3),
                significant(best.tokens_per_parameter(), 3),
                loss(best.parameters, best.tokens),
                here,
                source(fit.source()),
            ],
        );
    }
    let twenty = 20.0 * parameters;
    paragraph(&format!(
        "You train on {} tokens for each parameter. Of the same 6·N·D = {} FLOP these fits would make:",
        significant(tokens / parameters, 3),
        significant(flop, 3)
    )) + &table.end()
        + &paragraph(&format!(
            "Twenty tokens a parameter, Chinchilla’s rule, would be {} tokens. {}",
            significant(twenty, 3),
            setter(
                &format!("{}={}", Field::Tokens.key(), editable(twenty, 15)),
                "quiet",
                "Take it"
            )
        ))
        + &aside(
            "Losses are in nats a token of each fit’s own text; the fits were made on models below 20 B parameters.",
        )
}
