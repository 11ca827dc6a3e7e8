//! What is trained: a model of the catalogue found by name, a configuration file, or one's own sizes.

use super::browser;
use super::controls::{ChoiceRow, ErrorText, NumberRow, SelectRow, TextRow};
use super::engine;
use super::live::{flag, text};
use super::page::Page;
use crate::field::Kind;
use crate::form::Entry;
use crate::model::{Model, ModelField};
use crate::scenario::Field;
use leptos::ev::{DragEvent, KeyboardEvent};
use leptos::prelude::*;
use leptos::task::spawn_local;

/// At most so many models are offered at a time.
const OFFERED: usize = 12;

/// What a reader is looking for.
#[derive(Clone, Default)]
struct Search {
    open: bool,
    text: String,
    /// The offer that Enter takes.
    active: usize,
}

impl Search {
    fn offers(&self) -> Vec<&'static Model> {
        Model::search(&self.text).take(OFFERED).collect()
    }
}

/// The model by its name: an editable combobox with a list, as the ARIA Authoring Practices describe it.
#[component]
pub(super) fn ModelPicker(page: Page) -> impl IntoView {
    let search = RwSignal::new(Search::default());
    let shown = text(move || {
        search.with(|search| {
            if search.open {
                search.text.clone()
            } else {
                page.scenario().model_name()
            }
        })
    });
    let open = flag(move || search.with(|search| search.open));
    let take = move |model: &'static Model| {
        search.set(Search::default());
        if let Ok(value) = Field::Model.parse(model.id) {
            page.choose(Field::Model, value);
        }
    };
    let seek = move |event| {
        let text = event_target_value(&event);
        search.set(Search {
            open: true,
            text,
            active: 0,
        });
    };
    let key = move |event: KeyboardEvent| {
        let offers = search.with_untracked(Search::offers);
        let step = |by: usize| {
            event.prevent_default();
            search.update(|search| {
                search.active = if search.open {
                    (search.active + by) % offers.len().max(1)
                } else {
                    0
                };
                search.open = true;
            });
        };
        match event.key().as_str() {
            "ArrowDown" => step(1),
            "ArrowUp" => step(offers.len().saturating_sub(1)),
            "Escape" => search.set(Search::default()),
            "Enter" => {
                event.prevent_default();
                let search = search.get_untracked();
                if let (true, Some(model)) = (search.open, offers.get(search.active)) {
                    take(model);
                }
            }
            _ => {}
        }
    };
    let offers = move || {
        let search = search.get();
        let active = search.active;
        let offer = |(index, model): (usize, &'static Model)| {
            let billions =
                crate::units::significant(model.architecture().parameters() as f64 / 1e9, 3);
            view! {
                <li
                    role="option"
                    id=format!("model-{index}")
                    aria-selected=(index == active).to_string()
                    on:mousedown=move |event| { event.prevent_default(); take(model) }
                >
                    {model.name} <small>{billions} " B"</small>
                </li>
            }
        };
        search.open.then(|| {
            search
                .offers()
                .into_iter()
                .enumerate()
                .map(offer)
                .collect_view()
        })
    };
    view! {
        <div class="row picker">
            <label for="field-model" title=Field::Model.help()>"Model"</label>
            <input
                class="text"
                type="text"
                id="field-model"
                role="combobox"
                autocomplete="off"
                spellcheck="false"
                aria-autocomplete="list"
                aria-controls="models"
                aria-expanded=text(move || open.get())
                aria-activedescendant=text(move || if open.get() { format!("model-{}", search.with(|search| search.active)) } else { String::new() })
                prop:value=shown
                value=untrack(|| shown.get())
                on:focus=move |_| search.set(Search { open: true, ..Search::default() })
                on:blur=move |_| search.set(Search::default())
                on:input=seek
                on:keydown=key
            />
            <ul id="models" role="listbox" aria-label="Models" hidden=flag(move || !open.get())>{offers}</ul>
            <ErrorText page=page entry=Entry::Field(Field::Model) id="error-model"/>
        </div>
    }
}

/// A configuration file, pasted, dropped or chosen.
#[component]
pub(super) fn Importer(page: Page) -> impl IntoView {
    let read = move |file: Option<browser::File>| {
        if let Some(file) = file {
            spawn_local(async move {
                match browser::read(file).await {
                    Ok(text) => import(page, text).await,
                    Err(why) => page.report_import(vec![why]),
                }
            });
        }
    };
    let pasted = move |event| {
        let text = event_target_value(&event);
        if !text.trim().is_empty() {
            spawn_local(import(page, text));
        }
    };
    let drop = move |event: DragEvent| {
        event.prevent_default();
        read(browser::dropped(&event));
    };
    let sentences = move || {
        page.imported()
            .into_iter()
            .map(|sentence| view! { <li>{sentence}</li> })
            .collect_view()
    };
    view! {
        <details class="fold" id="import" on:toggle=move |_| engine::ask(page)>
            <summary>"Import a config.json"</summary>
            <div class="import" on:dragover=|event: DragEvent| event.prevent_default() on:drop=drop>
                <label for="config">"Paste a model’s Hugging Face config.json, or drop the file here."</label>
                <textarea
                    id="config"
                    rows="4"
                    spellcheck="false"
                    placeholder="{ \"model_type\": \"llama\", … }"
                    on:input=pasted
                ></textarea>
                <input type="file" accept=".json,application/json" aria-label="Configuration file" on:change=move |event| read(browser::chosen(&event))/>
                <ul id="imported" role="status">{sentences}</ul>
            </div>
        </details>
    }
}

async fn import(page: Page, text: String) {
    if engine::arrives(page).await {
        page.import(&text);
    } else {
        page.report_import(vec![engine::FAILED.to_owned()]);
    }
}

/// The architecture's sizes and flags, those that the model has.
#[component]
pub(super) fn ArchitectureFold(page: Page) -> impl IntoView {
    let summary = text(move || {
        let architecture = *page.scenario().architecture();
        format!(
            "h {}, L {}, a {}",
            architecture.hidden, architecture.layers, architecture.attention.heads
        )
    });
    // Hidden size, layers and heads have their rows on the page: the rule of thumb has them too.
    let above = |field: &ModelField| {
        matches!(
            field,
            ModelField::Hidden | ModelField::Layers | ModelField::Heads
        )
    };
    let row = move |field: ModelField| {
        let own = Field::Architecture(field);
        let absent = flag(move || !page.scenario().has(own));
        let control = if Field::SLIDERS.contains(&own) {
            view! { <NumberRow page=page field=own/> }.into_any()
        } else {
            match field.kind() {
                Kind::Number(_) | Kind::Layers => {
                    view! { <TextRow page=page field=own/> }.into_any()
                }
                Kind::Choice(options) if options.len() == 2 => {
                    view! { <ChoiceRow page=page field=own few=2/> }.into_any()
                }
                Kind::Choice(_) => view! { <SelectRow page=page field=own/> }.into_any(),
            }
        };
        view! { <div hidden=absent>{control}</div> }
    };
    let open = RwSignal::new(false);
    view! {
        <details class="fold" id="architecture" on:toggle=move |event| open.set(browser::is_open(&event))>
            <summary>"Architecture " <span class="aside">{summary}</span></summary>
            {move || open.get().then(|| ModelField::ALL.into_iter().filter(|field| !above(field)).map(row).collect_view())}
        </details>
    }
}
