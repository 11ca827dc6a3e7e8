//! Rows of controls: a label, a slider or options, and a text field that never disagrees with the slider.

use super::engine;
use super::live::{act, flag, maybe, text};
use super::page::Page;
use crate::field::{Kind, Value};
use crate::form::Entry;
use crate::scenario::{Field, PRESETS, Preset};
use crate::units::decimal;
use leptos::prelude::*;

/// The text field of an entry. Several may show the same entry: they share its draft.
#[component]
pub(super) fn TextField(
    page: Page,
    entry: Entry,
    /// Its id on the page.
    #[prop(into)]
    id: String,
    /// What a screen reader calls it, where no label element points to it.
    #[prop(optional, into)]
    name: Option<String>,
    /// Id of the element that shows its error.
    #[prop(into)]
    error_id: String,
) -> impl IntoView {
    let invalid = move || page.error(entry).is_some();
    let shown = text(move || page.text(entry));
    view! {
        <input
            class="text"
            class:long=flag(move || shown.read().len() > 9)
            type="text"
            inputmode="decimal"
            autocomplete="off"
            spellcheck="false"
            id=id
            aria-label=name
            aria-invalid=maybe(move || invalid().then_some(true))
            aria-describedby=maybe(move || invalid().then(|| error_id.clone()))
            prop:value=shown
            value=page.text(entry)
            on:input=act(move |event| page.edit(entry, &event_target_value(&event)))
            on:change=act(move |_| page.leave(entry))
            on:blur=act(move |_| page.leave(entry))
        />
    }
}

/// The message under a field that was filled in wrong. It is always there, so that a screen reader hears it come.
#[component]
pub(super) fn ErrorText(page: Page, entry: Entry, #[prop(into)] id: String) -> impl IntoView {
    view! { <p class="error" id=id aria-live="polite">{maybe(move || page.error(entry))}</p> }
}

/// A number: label, slider, text field.
#[component]
pub(super) fn NumberRow(page: Page, field: Field) -> impl IntoView {
    let (key, entry) = (field.key(), Entry::Field(field));
    let slider = move || page.read(|shown| shown.slider(field));
    let drag = move |event| {
        let index = event_target_value(&event).parse().unwrap_or(0);
        let stops = untrack(|| field.stops(&page.scenario()));
        if let Some(value) = stops.get::<usize>(index).copied() {
            page.drag(field, value);
        }
    };
    view! {
        <div class="row" hidden=flag(move || !page.scenario().has(field))>
            <label for=format!("field-{key}") title=hint(field)>{field.label()}</label>
            <input
                type="range"
                id=format!("slider-{key}")
                aria-label=format!("{}, slider", field.label())
                aria-valuetext=text(move || format!("{} {}", field.display(page.scenario().value(field)), field.label()))
                min="0"
                step="1"
                max=text(move || slider().last)
                style:--filled=text(move || format!("{}%", decimal(slider().filled_percent(), 1)))
                value=untrack(|| slider().position)
                prop:value=text(move || slider().position) // after `max`, to which the browser clamps it
                on:input=act(drag)
                on:change=act(move |_| page.settle())
            />
            <TextField page=page entry=entry id=format!("field-{key}") error_id=format!("error-{key}")/>
            <ErrorText page=page entry=entry id=format!("error-{key}")/>
        </div>
    }
}

/// What a pointer that rests on the label is told; the first paint does without.
pub(super) fn hint(field: Field) -> String {
    match field.help() {
        _ if !cfg!(target_arch = "wasm32") => String::new(),
        "" => engine::call("help", [field.key(), ""]),
        help => help.to_owned(),
    }
}

/// The options of a choice: (key, label).
fn options(field: Field) -> Vec<(&'static str, &'static str)> {
    match field.kind() {
        Kind::Choice(options) => options,
        Kind::Number(_) | Kind::Layers => Vec::new(),
    }
}

/// A choice of a few options, all in view.
#[component]
pub(super) fn ChoiceRow(
    page: Page,
    field: Field,
    /// How many of its options are offered.
    few: usize,
) -> impl IntoView {
    let key = field.key();
    let options =
        options(field)
            .into_iter()
            .take(few)
            .enumerate()
            .map(|(index, (option, label))| {
                let chosen = flag(move || page.scenario().value(field) == Value::Choice(index));
                view! {
                    <label>
                        <input
                            type="radio"
                            name=key
                            value=option
                            checked=chosen.get_untracked()
                            prop:checked=chosen
                            on:change=act(move |_| page.choose(field, Value::Choice(index)))
                        />
                        <span>{label}</span>
                    </label>
                }
            });
    view! {
        <fieldset class="row choice" title=hint(field)>
            <legend>{field.label()}</legend>
            <div class="segmented">{options.collect_view()}</div>
        </fieldset>
    }
}

/// A value without a slider: label and text field.
#[component]
pub(super) fn TextRow(page: Page, field: Field) -> impl IntoView {
    let (key, entry) = (field.key(), Entry::Field(field));
    let unit = match field.kind() {
        Kind::Number(number) => number.unit,
        Kind::Choice(_) | Kind::Layers => "",
    };
    view! {
        <div class="row" hidden=flag(move || !page.scenario().has(field))>
            <label for=format!("field-{key}") title=hint(field)>{field.label()}</label>
            <span class="aside unit">{unit}</span>
            <TextField page=page entry=entry id=format!("field-{key}") error_id=format!("error-{key}")/>
            <ErrorText page=page entry=entry id=format!("error-{key}")/>
        </div>
    }
}

/// A choice among many.
#[component]
pub(super) fn SelectRow(page: Page, field: Field) -> impl IntoView {
    let id = format!("field-{}", field.key());
    view! {
        <div class="row" hidden=flag(move || !page.scenario().has(field))>
            <label for=id.clone() title=hint(field)>{field.label()}</label>
            <Select page=page field=field id=id/>
        </div>
    }
}

/// The select element of a choice among many.
#[component]
pub(super) fn Select(
    page: Page,
    field: Field,
    #[prop(into)] id: String,
    #[prop(optional, into)] name: Option<String>,
) -> impl IntoView {
    let chosen = text(move || field.key_of(page.scenario().value(field)));
    let choose = move |event| {
        if let Ok(value) = field.parse(&event_target_value(&event)) {
            page.choose(field, value);
        }
    };
    // As text, which costs a hundred options no more than one. The first paint needs what is chosen, not all that could be.
    let first = untrack(|| chosen.get());
    let options: String = options(field)
        .into_iter()
        .filter(|(option, _)| cfg!(target_arch = "wasm32") || *option == first)
        .map(|(option, label)| format!("<option value=\"{option}\">{label}</option>"))
        .collect();
    view! { <select id=id aria-label=name on:change=act(choose) inner_html=options prop:value=chosen></select> }
}

/// Scenarios to start from.
#[component]
pub(super) fn PresetPicker(page: Page) -> impl IntoView {
    let chosen = text(move || page.scenario().preset());
    let choose = move |event| {
        if let Some(preset) = Preset::find(&event_target_value(&event)) {
            page.replace(preset.scenario());
        }
    };
    let reset = move |_| {
        if let Some(preset) = Preset::find(untrack(|| page.scenario()).preset()) {
            page.replace(preset.scenario());
        }
    };
    let changed = move || {
        Preset::find(&chosen.read()).is_some_and(|preset| preset.scenario() != page.scenario())
    };
    let options = PRESETS.iter().map(|preset| {
        view! { <option value=preset.id selected=flag(move || *chosen.read() == *preset.id)>{preset.name}</option> }
    });
    view! {
        <select id="preset" class="quiet" aria-label="Preset" on:change=act(choose) prop:value=chosen>
            {options.collect_view()}
        </select>
        <button
            id="reset"
            class="quiet"
            type="button"
            disabled=flag(move || !changed())
            title="Back to the preset"
            on:click=act(reset)
        >
            "Reset"
        </button>
    }
}
