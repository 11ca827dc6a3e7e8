//! The question as a sentence, its main inputs edited in place.

use super::controls::{Select, TextField};
use super::live::{flag, maybe, text};
use super::page::Page;
use crate::estimate::Estimate;
use crate::form::Entry;
use crate::scenario::Field;
use crate::units;
use leptos::prelude::*;

/// The title: a sentence for reading aloud, and the same one to edit.
#[component]
pub(super) fn Question(page: Page) -> impl IntoView {
    let part = move |field: Field| {
        view! {
            <TextField
                page=page
                entry=Entry::Field(field)
                id=format!("sentence-{}", field.key())
                name=format!("{} in the question", field.label())
                error_id=format!("error-{}", field.key())
            />
        }
    };
    let share = text(move || {
        let scenario = page.scenario();
        let peak = scenario.gpu().peak_name(scenario.precision().arithmetic());
        let mfu = scenario.mfu_percent();
        let impossible = if mfu > 100.0 { "impossible: " } else { "" };
        format!(
            "{impossible}{}% of the {peak} peak",
            units::significant(mfu, 2)
        )
    });
    let impossible = flag(move || page.scenario().mfu_percent() > 100.0);
    view! {
        <h1 class="hidden">{text(move || Estimate::question(&page.scenario()))}</h1>
        <div class="sentence" id="sentence" role="group" aria-label="The question, editable">
            "Train "
            <span hidden=flag(move || page.is_detailed())>{part(Field::Parameters)} " parameters"</span>
            <strong>{maybe(move || page.is_detailed().then(|| page.scenario().model_name()))}</strong>
            " on " {part(Field::Tokens)} " tokens with "
            <span class="together">
                {part(Field::Gpus)} " × "
                <Select page=page field=Field::Gpu id="sentence-gpu" name="GPU in the question"/>
            </span>
            " at " <span class="together">{part(Field::Tflops)} " TFLOP/s"</span> " each. "
            <small id="mfu-share" class:impossible=impossible>{share}</small>
        </div>
    }
}
