//! How a figure arises: its formula, its symbols, its source.

use super::page::Page;
use crate::estimate::{Explanation, Figure, explain};
use crate::units;
use leptos::prelude::*;

/// The explanation of one figure while it is open, following the scenario.
#[component]
pub(super) fn ExplanationPanel(page: Page, figure: Figure) -> impl IntoView {
    move || {
        page.explains(figure)
            .then(|| panel(&explain(&page.scenario(), figure)))
    }
}

fn panel(explanation: &Explanation) -> impl IntoView + use<> {
    let symbols = explanation.formula.symbols().into_iter().map(|(symbol, value)| {
        let unit = if symbol.unit.is_empty() { String::new() } else { format!(" {}", symbol.unit) };
        let value = units::number(value);
        view! { <div><dt>{symbol.sign}</dt><dd>{format!("{}, {value}{unit}", symbol.meaning)}</dd></div> }
    });
    let source = explanation.source;
    let citation = if source.url.is_empty() {
        view! { <span>{source.citation}</span> }.into_any()
    } else {
        view! { <a href=source.url target="_blank" rel="noopener">{source.citation}</a> }.into_any()
    };
    view! {
        <div class="explanation">
        <div class="formula" tabindex="0" role="group" aria-label="Formula" inner_html=explanation.formula.mathml()></div>
        <p class="result">"= " {explanation.result.clone()}</p>
        {(!explanation.detail.is_empty()).then(|| view! { <p>"Bytes per parameter: " {explanation.detail} "."</p> })}
        <dl>{symbols.collect_view()}</dl>
        <p class="aside">"Source: " {citation}</p>
        </div>
    }
}
