//! The page: Leptos components, one module per section. The only place that knows a browser.
//!
//! Nothing reads the DOM to know the state: it is the [`Page`]'s form. Components show memos of the core
//! and call the page back; no effect writes a signal that feeds an estimate.

mod address;
mod answer;
mod browser;
mod controls;
mod converter;
mod explanation;
mod live;
mod memory;
mod page;
mod question;
mod share;

use crate::scenario::{Field, PRESETS};
use leptos::prelude::*;
pub use page::{Home, Page};

use answer::{Answer, Foot, Notices};
use controls::{ChoiceRow, NumberRow, PresetPicker, SelectRow};
use converter::Converter;
use live::{flag, maybe, text};
use memory::{MemorySection, Notes};
use question::Question;
use share::{EmbedFoot, Header};

/// Opens the address's scenario and puts the page where its first paint stands.
#[cfg(target_arch = "wasm32")]
pub fn mount() {
    use wasm_bindgen::JsCast;
    let document = document();
    let Some(place) = document
        .get_element_by_id("app")
        .and_then(|found| found.dyn_into().ok())
    else {
        return;
    };
    let place: web_sys::HtmlElement = place;
    place.set_inner_html("");
    let handle = leptos::mount::mount_to(place, || {
        let page = Page::open(&address::current(), address::home());
        address::follow(page);
        view! { <App page=page/> }
    });
    handle.forget();
    if let Some(root) = document.document_element() {
        let _ = root.set_attribute("data-ready", "");
        let _ = root.remove_attribute("data-pending");
    }
}

/// The whole page.
#[component]
pub fn App(
    /// The page's state.
    page: Page,
) -> impl IntoView {
    view! {
        {(!page.home.embed).then(|| view! { <Header page=page/> })}
        <main id="main" tabindex="-1">
            <Question page=page/>
            <Notices page=page/>
            <div class="columns">
                <section class="controls first" aria-labelledby="size-heading">
                    <div class="group-head">
                        <h2 id="size-heading">"Size and data"</h2>
                        <PresetPicker page=page/>
                    </div>
                    {[Field::Parameters, Field::Tokens, Field::Gpus]
                        .map(|field| view! { <NumberRow page=page field=field/> })}
                </section>
                <div id="answer" class="answer" class:stale=flag(move || page.is_stale())>
                    <Answer page=page/>
                    <MemorySection page=page/>
                </div>
                {(!page.home.embed).then(|| view! { <MoreControls page=page/> })}
                <Notes page=page/>
                {(!page.home.embed).then(|| view! { <Converter page=page/> })}
            </div>
        </main>
        {page.home.embed.then(|| view! { <EmbedFoot page=page/> })}
        {(!page.home.embed).then(|| view! { <Foot page=page/> })}
    }
}

/// The controls after the first three.
#[component]
fn MoreControls(page: Page) -> impl IntoView {
    let numbers = |fields: &[Field]| {
        fields
            .iter()
            .map(|field| view! { <NumberRow page=page field=*field/> })
            .collect_view()
    };
    view! {
        <div class="controls more">
            <section aria-labelledby="hardware-heading">
                <h2 id="hardware-heading">"Hardware"</h2>
                <SelectRow page=page field=Field::Gpu/>
                {numbers(&[Field::Tflops])}
            </section>
            <section aria-labelledby="training-heading">
                <h2 id="training-heading">"Training"</h2>
                {[Field::Precision, Field::Optimizer, Field::Recomputation]
                    .map(|field| view! { <ChoiceRow page=page field=field/> })}
            </section>
            <section aria-labelledby="shape-heading">
                <h2 id="shape-heading">"Shape"</h2>
                {numbers(&[Field::Sequence, Field::MicroBatch, Field::HIDDEN, Field::LAYERS, Field::HEADS])}
            </section>
            <details class="fold">
                <summary>
                    "Parallelism"
                    <span class="aside">
                        {text(move || format!("tensor parallel {}", page.scenario().tensor_parallel()))}
                    </span>
                </summary>
                {numbers(&[Field::TensorParallel])}
            </details>
            <details class="fold">
                <summary>
                    "Gradients"
                    <span class="aside">
                        {text(move || {
                            let scenario = page.scenario();
                            format!("{} bytes each", scenario.gradients().bytes(scenario.precision()))
                        })}
                    </span>
                </summary>
                <ChoiceRow page=page field=Field::Gradients/>
            </details>
            <p class="aside source">
                {maybe(move || {
                    let id = page.scenario().preset();
                    let preset = PRESETS.iter().find(|preset| preset.id == id);
                    preset.map(|preset| format!("Preset: {}.", preset.source))
                })}
            </p>
        </div>
    }
}
