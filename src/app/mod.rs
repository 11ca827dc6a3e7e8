//! The page: Leptos components, one module per section. The only place that knows a browser.
//!
//! Nothing reads the DOM to know the state: it is the [`Page`]'s form. Components show memos of the core
//! and call the page back; no effect writes a signal that feeds an estimate.

mod address;
mod answer;
mod browser;
mod controls;
mod converter;
mod engine;
mod explanation;
mod live;
mod memory;
mod model;
mod page;
mod question;
mod sections;
mod share;

use crate::scenario::{Field, PRESETS};
use leptos::either::Either;
use leptos::prelude::*;
pub use page::{Home, Page};

use answer::{Answer, Foot, Notices};
use controls::{ChoiceRow, NumberRow, PresetPicker, SelectRow, TextRow};
use converter::Converter;
use live::{flag, maybe, text};
use memory::{MemorySection, Notes};
use model::{FieldFold, Importer, ModelPicker};
use question::Question;
use sections::Sections;
use share::{EmbedFoot, Header};

/// A part of the page: it fills the element of index.html that has its id.
pub struct Section {
    /// Id of the element.
    pub id: &'static str,
    /// Whether an embed has it.
    #[cfg(target_arch = "wasm32")]
    embedded: bool,
    /// Puts it there.
    #[cfg(target_arch = "wasm32")]
    mount: fn(web_sys::HtmlElement, Page),
    /// Its first paint.
    #[cfg(not(target_arch = "wasm32"))]
    pub text: fn(Page) -> String,
}

/// A macro, because the sections' views are of different types: boxed into one they would cost a reader 17 kB.
macro_rules! sections {
    ($($id:literal $embedded:literal $view:path;)+) => {
        &[$(Section {
            id: $id,
            #[cfg(target_arch = "wasm32")]
            embedded: $embedded,
            #[cfg(target_arch = "wasm32")]
            mount: |place, page| leptos::mount::mount_to(place, move || $view(page)).forget(),
            #[cfg(not(target_arch = "wasm32"))]
            text: |page| $view(page).to_html(),
        }),+]
    };
}

/// Every section, those first that a reader looks at first. An embed has those marked true.
pub const SECTIONS: &[Section] = sections! {
    "question" true question_and_notices;
    "size" true size_controls;
    "result" true result;
    "more" false more_controls;
    "notes" true notes;
    "convert" false converter;
    "sections" false sections_below;
    "header" false header;
    "end" true end;
};

/// Opens the address's scenario and puts the sections where their first paint stands: one in a task, so that a slow
/// machine goes on scrolling.
#[cfg(target_arch = "wasm32")]
pub fn mount() {
    use std::time::Duration;
    use wasm_bindgen::JsCast;
    let owner = Owner::new();
    let page = owner.with(|| Page::open(&address::current(), address::home()));
    for section in SECTIONS {
        let fill = move || {
            let Some(place) = document().get_element_by_id(section.id) else {
                return;
            };
            if page.home.embed && !section.embedded {
                place.remove();
            } else {
                place.set_inner_html("");
                (section.mount)(place.unchecked_into(), page);
            }
        };
        set_timeout(fill, Duration::ZERO);
    }
    let ready = move || {
        owner.with(|| {
            address::follow(page);
            engine::follow(page);
        });
        std::mem::forget(owner); // as long-lived as the page
        if let Some(root) = document().document_element() {
            let _ = root.set_attribute("data-ready", "");
            let _ = root.remove_attribute("data-pending");
        }
    };
    set_timeout(ready, Duration::ZERO);
}

fn question_and_notices(page: Page) -> impl IntoView {
    view! {
        <Question page=page/>
        <Notices page=page/>
    }
}

fn size_controls(page: Page) -> impl IntoView {
    view! {
        <div class="group-head">
            <h2 id="size-heading">"Size and data"</h2>
            <PresetPicker page=page/>
        </div>
        <ChoiceRow page=page field=Field::Estimator few=2/>
        <NumberRow page=page field=Field::Parameters/>
        <div hidden=flag(move || !page.is_detailed())>
            <ModelPicker page=page/>
        </div>
        {[Field::Tokens, Field::Gpus]
            .map(|field| view! { <NumberRow page=page field=field/> })}
    }
}

fn result(page: Page) -> impl IntoView {
    view! {
        <div id="answer" class="answer" class:stale=flag(move || page.is_stale())>
            <Answer page=page/>
            <MemorySection page=page/>
        </div>
    }
}

fn notes(page: Page) -> impl IntoView {
    view! { <Notes page=page/> }
}

fn converter(page: Page) -> impl IntoView {
    view! { <Converter page=page/> }
}

fn sections_below(page: Page) -> impl IntoView {
    view! { <Sections page=page/> }
}

fn header(page: Page) -> impl IntoView {
    view! { <Header page=page/> }
}

fn end(page: Page) -> impl IntoView {
    if page.home.embed {
        Either::Left(view! { <EmbedFoot page=page/> })
    } else {
        Either::Right(view! { <Foot page=page/> })
    }
}

/// The controls after the first three.
fn more_controls(page: Page) -> impl IntoView {
    let numbers = |fields: &[Field]| {
        fields
            .iter()
            .map(|field| view! { <NumberRow page=page field=*field/> })
            .collect_view()
    };
    let detailed = flag(move || page.is_detailed());
    let rule = flag(move || !page.is_detailed());
    // The first paint does without what it hides.
    let live = cfg!(target_arch = "wasm32");
    let choice = |field: Field| {
        view! {
            <div hidden=detailed>{live.then(|| view! { <ChoiceRow page=page field=field few=3/> })}</div>
            <div hidden=rule><SelectRow page=page field=field/></div>
        }
    };
    view! {
        <section aria-labelledby="model-heading" hidden=rule>
            <h2 id="model-heading">"Model"</h2>
            <SelectRow page=page field=Field::Convention/>
            <FieldFold page=page id="architecture" title="Architecture" fields=Field::architecture()/>
        </section>
        <Importer page=page/>
        <section aria-labelledby="hardware-heading">
            <h2 id="hardware-heading">"Hardware"</h2>
            <SelectRow page=page field=Field::Gpu/>
            {numbers(&[Field::Tflops])}
            <details class="fold">
                <summary>"Own hardware"</summary>
                {[Field::Memory, Field::Peak].map(|field| view! { <TextRow page=page field=field/> })}
            </details>
        </section>
        <section aria-labelledby="training-heading">
            <h2 id="training-heading">"Training"</h2>
            {[Field::Precision, Field::Optimizer].map(choice)}
            <ChoiceRow page=page field=Field::Recomputation few=3/>
        </section>
        <section aria-labelledby="shape-heading">
            <h2 id="shape-heading">"Shape"</h2>
            {numbers(&[Field::Sequence, Field::MicroBatch, Field::HIDDEN, Field::LAYERS, Field::HEADS])}
        </section>
        <div hidden=rule>
            <FieldFold page=page id="software" title="Software and kernels" fields=Field::software()/>
            <FieldFold page=page id="layout-inputs" title="Layout" fields=Field::layout()/>
        </div>
        <details class="fold">
            <summary>
                "Parallelism"
                <span class="aside">
                    {text(move || format!("tensor parallel {}", page.scenario().tensor_parallel()))}
                </span>
            </summary>
            {numbers(&[Field::TensorParallel])}
        </details>
        <details class="fold" hidden=detailed>
            <summary>
                "Gradients"
                <span class="aside">
                    {text(move || {
                        let scenario = page.scenario();
                        format!("{} bytes each", scenario.gradients().bytes(scenario.precision()))
                    })}
                </span>
            </summary>
            <ChoiceRow page=page field=Field::Gradients few=4/>
        </details>
        <p class="aside source">
            {maybe(move || {
                let id = page.scenario().preset();
                let preset = PRESETS.iter().find(|preset| preset.id == id);
                preset.map(|preset| format!("Preset: {}.", preset.source))
            })}
        </p>
    }
}
