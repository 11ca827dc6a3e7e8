//! The answer: verdict, figures, and what a link got wrong.

use super::explanation::ExplanationPanel;
use super::live::{act, flag, maybe, text};
use super::page::Page;
use crate::estimate::{Figure, gigabytes};
use crate::html::escaped;
use crate::units::significant;
use leptos::prelude::*;

/// Fits or does not, and four figures.
#[component]
pub(super) fn Answer(page: Page) -> impl IntoView {
    let figure = |figure: Figure,
                  id: &'static str,
                  label: &'static str,
                  unit: &'static str,
                  value: fn(Page) -> String| {
        let open = move || page.explains(figure);
        view! {
            <button
                type="button"
                class="figure"
                aria-expanded=text(open)
                title="Show how this arises"
                on:click=act(move |_| page.toggle(figure))
            >
                <span class="label">{label}</span>
                <span class="value" id=id>{text(move || value(page))} <small>" " {unit}</small></span>
            </button>
        }
    };
    view! {
        <Verdict page=page/>
        <div class="figures">
            {figure(Figure::PfDays, "figure-compute", "Compute", "PF-days", |page| significant(page.estimate().compute.pf_days, 3))}
            {figure(Figure::GpuHours, "figure-gpu-hours", "GPU-hours", "", |page| significant(page.estimate().compute.gpu_hours, 3))}
            {figure(Figure::Days, "figure-days", "Wall clock", "days", |page| significant(page.estimate().compute.time.days(), 3))}
            <div class="figure">
                <span class="label">"Memory per GPU"</span>
                <span class="value" id="figure-memory">
                    {text(move || gigabytes(page.estimate().memory.total()))} <small>" GB"</small>
                </span>
            </div>
        </div>
        {[Figure::PfDays, Figure::GpuHours, Figure::Days].map(|figure| view! { <ExplanationPanel page=page figure=figure/> })}
    }
}

#[component]
fn Verdict(page: Page) -> impl IntoView {
    let fits = flag(move || page.estimate().fits());
    let word = text(move || if fits.get() { "Fits." } else { "Does not fit." });
    let reason = text(move || page.estimate().reason(&page.scenario()));
    // Spoken when a change is complete, not at every step of a drag.
    let spoken = text(move || {
        page.track_settled();
        untrack(|| format!("{} {}", word.get(), reason.get()))
    });
    view! {
        <p class="verdict" id="verdict" class:fits=fits>
            <strong>{word}</strong> " " {reason}
            <span class="last-good">{maybe(move || page.is_stale().then_some(" Last good answer: an input is not valid."))}</span>
        </p>
        <p class="hidden" role="status">{spoken}</p>
    }
}

/// The verdict again, at the foot of a small screen.
#[component]
pub(super) fn Foot(page: Page) -> impl IntoView {
    let fits = flag(move || page.estimate().fits());
    view! {
        <div class="foot" class:fits=fits aria-hidden="true">
            <strong>{text(move || if fits.get() { "Fits" } else { "Does not fit" })}</strong>
            <span>
                {text(move || {
                    let estimate = page.estimate();
                    format!("{} of {} GB", gigabytes(estimate.memory.total()), gigabytes(estimate.capacity))
                })}
            </span>
            <span class="aside">{text(move || significant(page.estimate().compute.pf_days, 3))} " PF-days"</span>
        </div>
    }
}

/// What the link held that could not be used.
#[component]
pub(super) fn Notices(page: Page) -> impl IntoView {
    let items = text(move || {
        let item = |notice: &String| format!("<li>{}</li>", escaped(notice));
        page.notices().iter().map(item).collect::<String>()
    });
    view! {
        <div class="notices" id="notices" role="status" hidden=flag(move || page.notices().is_empty())>
            <p>"Not everything in this link could be used; for these the preset’s value stands:"</p>
            <ul inner_html=items></ul>
            <button type="button" class="quiet" on:click=act(move |_| page.dismiss_notices())>"Dismiss"</button>
        </div>
    }
}
