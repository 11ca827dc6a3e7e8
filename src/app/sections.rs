//! What lies below the answer: sections that the second wasm writes once they are opened.

use super::browser;
use super::controls::{SelectRow, TextRow};
use super::engine::{self, Engine};
use super::live::act;
use super::page::Page;
use crate::field::Choice;
use crate::link;
use crate::scenario::Field;
use crate::section::Section;
use leptos::prelude::*;

/// Every section, folded.
#[component]
pub(super) fn Sections(page: Page) -> impl IntoView {
    // The first paint does without: they are closed, and below everything.
    let all = if cfg!(target_arch = "wasm32") {
        Section::ALL
    } else {
        &[]
    };
    all.iter()
        .map(|section| view! { <Fold page=page section=*section/> })
        .collect_view()
}

/// What of the scenario a section's answer depends on and is asked for beside it.
const fn inputs(section: Section) -> &'static [Field] {
    match section {
        Section::Money => &[Field::Price, Field::Power, Field::Pue, Field::Grid],
        Section::Solution => &[Field::Deadline, Field::Budget],
        _ => &[],
    }
}

#[component]
fn Fold(page: Page, section: Section) -> impl IntoView {
    let open = RwSignal::new(false);
    let id = format!("section-{}", section.key());
    let fold = format!("{id}-fold");
    let toggle = move |event| {
        open.set(browser::is_open(&event));
        engine::ask(page);
    };
    let place = id.clone();
    // Written only where it changed: a text that is written anew under a pressed button takes the click away.
    Effect::new(move |written: Option<String>| {
        let html = if open.get() {
            content(page, section)
        } else {
            String::new()
        };
        if written.as_ref() != Some(&html) {
            browser::write(&place, &html);
        }
        html
    });
    view! {
        <details class="fold" on:toggle=act(toggle) id=fold>
            <summary>{section.label()}</summary>
            {(section == Section::Solution).then(|| view! { <SelectRow page=page field=Field::Unknown/> })}
            {inputs(section).iter().map(|field| view! { <TextRow page=page field=*field/> }).collect_view()}
            <div class="section" id=id on:click=act(move |event| browser::take(page, &event))></div>
        </details>
    }
}

fn content(page: Page, section: Section) -> String {
    match page.engine() {
        Engine::Ready => engine::call("section", [section.key(), &link::query(&page.scenario())]),
        Engine::Failed => format!("<p class=\"error\">{}</p>", engine::FAILED),
        Engine::Absent | Engine::Coming => "<p class=\"aside\">One moment…</p>".to_owned(),
    }
}
