//! How a figure arises: its formula, its symbols, its source.

use super::engine;
use super::live::text;
use super::page::Page;
use crate::estimate::{Figure, explain};
use crate::html;
use crate::link;
use leptos::prelude::*;

/// The explanation of one figure while it is open, following the scenario.
#[component]
pub(super) fn ExplanationPanel(page: Page, figure: Figure) -> impl IntoView {
    view! { <div inner_html=text(move || panel(page, figure))></div> }
}

fn panel(page: Page, figure: Figure) -> String {
    if !page.explains(figure) {
        return String::new();
    }
    if let Figure::Memory(part) = figure
        && page.read(|shown| shown.counted)
    {
        return engine::call("part", [part.key(), &link::query(&page.scenario())]);
    }
    let explanation = explain(&page.scenario(), figure);
    let mut beside = format!("<p class=\"result\">= {}</p>", explanation.result);
    if !explanation.detail.is_empty() {
        beside.push_str(&format!(
            "<p>Bytes per parameter: {}.</p>",
            explanation.detail
        ));
    }
    html::explanation(&explanation.formula, &beside, explanation.source)
}
