//! What is trained: a model of the catalogue found by name, a configuration file, or one's own sizes.

use super::browser;
use super::controls::{ErrorText, SelectRow, TextRow, hint};
use super::engine;
use super::live::{act, maybe, text};
use super::page::Page;
use crate::field::Kind;
use crate::form::Entry;
use crate::model::{MODELS, Model};
use crate::scenario::Field;
use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use web_sys::HtmlInputElement;

const ENTRY: Entry = Entry::Field(Field::Model);

/// The model by its name: a field that the browser completes from the catalogue. Enter takes the best match.
#[component]
pub(super) fn ModelPicker(page: Page) -> impl IntoView {
    let shown = text(move || page.text(ENTRY));
    let take = move |id: &str| {
        let found = Field::Model.parse(id);
        if let Ok(value) = found {
            page.choose(Field::Model, value);
        }
        found.is_ok()
    };
    let seek = move |event| {
        if let Some(model) = Model::named(&event_target_value(&event)) {
            take(model.id);
        }
    };
    let settle = move |event| {
        let text = event_target_value(&event);
        if text == untrack(|| page.scenario()).model_name() {
            page.leave(ENTRY);
        } else if Model::named(&text).is_none() {
            page.edit(ENTRY, &text);
        }
    };
    let key = move |event: KeyboardEvent| {
        let field: HtmlInputElement = event_target(&event);
        match event.key().as_str() {
            "Enter" => {
                let text = field.value();
                if !take(&engine::call("search", [&text, ""])) {
                    page.edit(ENTRY, &text);
                }
            }
            "Escape" => field.set_value(&untrack(|| page.scenario()).model_name()),
            _ => {}
        }
    };
    // The first paint needs what is chosen, not all that could be.
    let options: String = if cfg!(target_arch = "wasm32") {
        let option = |model: &Model| format!("<option>{}</option>", model.name);
        MODELS.iter().map(option).collect()
    } else {
        String::new()
    };
    view! {
        <div class="row picker">
            <label for="field-model" title=hint(Field::Model)>"Model"</label>
            <input
                class="text"
                type="text"
                id="field-model"
                list="models"
                autocomplete="off"
                spellcheck="false"
                onfocus="this.select()"
                aria-invalid=maybe(move || page.error(ENTRY).map(|_| true))
                aria-describedby=maybe(move || page.error(ENTRY).map(|_| "error-model"))
                prop:value=shown
                value=untrack(|| shown.get())
                on:input=act(seek)
                on:change=act(settle)
                on:keydown=act(key)
            />
            <datalist id="models" inner_html=options></datalist>
            <ErrorText page=page entry=ENTRY id="error-model"/>
        </div>
    }
}

/// A configuration file, pasted, dropped or chosen: `engine.js` puts a file's text into the field.
#[component]
pub(super) fn Importer(page: Page) -> impl IntoView {
    view! {
        <details class="fold" id="import" on:toggle=act(move |_| engine::ask(page))>
            <summary>"Import a config.json"</summary>
            <div class="import">
                <label for="config">"Paste a model’s Hugging Face config.json, or drop the file here."</label>
                <textarea
                    id="config"
                    rows="4"
                    spellcheck="false"
                    placeholder="{ \"model_type\": \"llama\", … }"
                    on:input=act(move |event| page.import(event_target_value(&event)))
                ></textarea>
                <input type="file" accept=".json,application/json" aria-label="Configuration file"/>
                <p id="imported" role="status">{text(move || page.imported())}</p>
            </div>
        </details>
    }
}

/// Rows of fields that are made when a reader opens them: choices first, then sizes; those that the model has.
#[component]
pub(super) fn FieldFold(
    page: Page,
    id: &'static str,
    title: &'static str,
    fields: &'static [Field],
) -> impl IntoView {
    let rows = move || {
        // Hidden size, layers and heads have rows on the page, because the rule of thumb has them too.
        let mine = fields
            .iter()
            .copied()
            .filter(|field| ![Field::HIDDEN, Field::LAYERS, Field::HEADS].contains(field));
        let (choices, sizes): (Vec<_>, Vec<_>) =
            mine.partition(|field| matches!(field.kind(), Kind::Choice(_)));
        let size = move |field| view! { <TextRow page=page field=field/> };
        let choice = move |field| view! { <SelectRow page=page field=field/> };
        (
            choices.into_iter().map(choice).collect_view(),
            sizes.into_iter().map(size).collect_view(),
        )
    };
    let open = RwSignal::new(false);
    view! {
        <details class="fold" id=id on:toggle=act(move |event| open.set(browser::is_open(&event)))>
            <summary>{title}</summary>
            {move || open.get().then(rows)}
        </details>
    }
}
