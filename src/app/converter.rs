//! The converter: every quantity can be edited, what is held is marked and can be chosen.

use super::controls::{ErrorText, TextField};
use super::live::{act, flag, text};
use super::page::Page;
use crate::compute::Quantity;
use crate::form::Entry;
use crate::link::HOLDS;
use crate::scenario::Field;
use crate::units;
use leptos::prelude::*;

/// FLOP, PF-days, GPU-hours, days, GPUs and the rate of each: two equations, one row of fields.
#[component]
pub(super) fn Converter(page: Page) -> impl IntoView {
    let quantity = |quantity: Quantity, hold: Option<&'static str>| {
        let id = quantity.key();
        view! { <Cell page=page entry=Entry::Quantity(quantity) id=id label=text(move || quantity.label()) hold=hold/> }
    };
    let mfu = text(move || {
        let scenario = page.scenario();
        let arithmetic = scenario.precision().arithmetic();
        format!(
            "MFU, % of {} {}",
            units::editable(scenario.peak().tflops(), 5),
            scenario.gpu().peak_name(arithmetic)
        )
    });
    view! {
        <section aria-labelledby="convert-heading">
            <h2 id="convert-heading">"Convert " <small>"edit any; the dashed ones are held, the rest follows"</small></h2>
            <div class="cells">
                {quantity(Quantity::Flop, Some("compute"))}
                {quantity(Quantity::PfDays, None)}
                {quantity(Quantity::GpuHours, None)}
                {quantity(Quantity::Days, Some("days"))}
                <Cell page=page entry=Entry::Field(Field::Tokens) id="tokens" label=text(|| "Tokens") hold=Some("tokens")/>
                <Cell page=page entry=Entry::Field(Field::Gpus) id="gpus" label=text(|| "GPUs") hold=Some("gpus")/>
                <Cell page=page entry=Entry::Field(Field::Tflops) id="tflops" label=text(|| "TFLOP/s each") hold=Some("tflops")/>
                <Cell page=page entry=Entry::Field(Field::Mfu) id="mfu" label=mfu hold=None/>
            </div>
        </section>
    }
}

/// One quantity: label, text field, and whether it is held.
#[component]
fn Cell(
    page: Page,
    entry: Entry,
    id: &'static str,
    label: Signal<String>,
    hold: Option<&'static str>,
) -> impl IntoView {
    let held = flag(move || hold.is_some_and(|name| is_held(page, name)));
    view! {
        <div class="cell" class:wide=entry == Entry::Field(Field::Mfu) class:held=held>
            <label for=format!("convert-{id}")>{label}</label>
            <TextField page=page entry=entry id=format!("convert-{id}") error_id=format!("error-convert-{id}")/>
            {hold.map(|name| view! { <Hold page=page name=name/> })}
            <ErrorText page=page entry=entry id=format!("error-convert-{id}")/>
        </div>
    }
}

/// Holds a quantity, or lets it follow.
#[component]
fn Hold(page: Page, name: &'static str) -> impl IntoView {
    let held = flag(move || is_held(page, name));
    let toggle = move |_| {
        let scenario = untrack(|| page.scenario());
        let mut held = scenario.held();
        if let Some((_, hold)) = HOLDS.iter().find(|(known, _)| *known == name) {
            let held = hold(&mut held);
            *held = !*held;
        }
        page.replace(scenario.holding(held));
    };
    view! {
        <label class="hold">
            <input type="checkbox" id=format!("hold-{name}") checked=held.get_untracked() prop:checked=held on:change=act(toggle)/>
            " hold" <span class="hidden">{format!(" {name}")}</span>
        </label>
    }
}

fn is_held(page: Page, name: &str) -> bool {
    let mut held = page.scenario().held();
    HOLDS
        .iter()
        .find(|(known, _)| *known == name)
        .is_some_and(|(_, hold)| *hold(&mut held))
}
