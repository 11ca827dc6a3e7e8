//! Memory on each GPU: the chart, its table twin, what would help, and where the rule misleads.

use super::browser;
use super::explanation::ExplanationPanel;
use super::live::{act, flag, maybe, text};
use super::page::Page;
use crate::advice::{Change, Note, RULES, Rule};
use crate::chart::{MemoryBar, Tick};
use crate::estimate::{Figure, gigabytes};
use crate::formula::Expression;
use crate::html::setter;
use crate::memory::{Part, rule_of_thumb};
use crate::units::{Bytes, decimal, hundredths};
use leptos::prelude::*;

/// Chart, table, changes and notes.
#[component]
pub(super) fn MemorySection(page: Page) -> impl IntoView {
    view! {
        <section class="memory" aria-labelledby="memory-heading">
            <h2 id="memory-heading">"Memory on each GPU " <small>{text(move || page.read(|shown| shown.how.clone()))}</small></h2>
            <Bar page=page/>
            <Table page=page/>
            <Changes page=page/>
        </section>
    }
}

/// The stacked bar, its geometry drawn by plotters in percent, shown as buttons that a reader can choose.
#[component]
fn Bar(page: Page) -> impl IntoView {
    let segment = move |part: Part| {
        let at = move |side: fn(&crate::chart::Segment) -> f64| {
            page.read(|shown| shown.bar.segments.get(part as usize).map_or(0.0, side))
        };
        let bytes = move || page.estimate().memory.of(part);
        let pressed = move || page.explains(Figure::Memory(part));
        let name = move || {
            let past = if at(|segment| segment.overflow) > 0.0 {
                ", past what the GPU has"
            } else {
                ""
            };
            format!("{}: {} GB{past}", part.label(), gigabytes(bytes()))
        };
        view! {
            <button
                type="button"
                class="segment"
                data-part=part.key()
                hidden=absent(page, part)
                aria-label=text(name)
                aria-pressed=text(pressed)
                style:left=text(move || percent(at(|segment| segment.left)))
                style:width=text(move || percent(at(|segment| segment.width)))
                on:click=act(move |_| page.toggle(Figure::Memory(part)))
            >
                <span class="over" style:width=text(move || percent(at(|segment| segment.overflow)))></span>
                <span class="text"><span class="name">{part.label()} " "</span>{text(move || gigabytes(bytes()))}</span>
            </button>
        }
    };
    let capacity = text(move || percent(page.read(|shown| shown.bar.capacity)));
    let label = text(move || {
        let scenario = page.scenario();
        format!(
            "{}: {} GB {}",
            scenario.gpu().short,
            gigabytes(scenario.gpu().usable),
            // What a program can use is known where the driver's report is; else only the size on the box.
            if scenario.gpu().usable_is_measured {
                "usable"
            } else {
                "on the box"
            }
        )
    });
    view! {
        <div class="bar" id="memory-chart" role="group" aria-label="Memory by part; the table below has the same figures">
            <p class="capacity-label" style:--at=capacity>{label}</p>
            <div class="segments">
                {Part::ALL.map(segment)}
                <div class="capacity" style:left=capacity></div>
            </div>
            <div class="axis" aria-hidden="true" inner_html=text(move || page.read(|shown| ticks(&shown.bar)))></div>
        </div>
    }
}

fn ticks(bar: &MemoryBar) -> String {
    let last = bar.ticks.len().saturating_sub(1);
    let tick = |(index, tick): (usize, &Tick)| {
        let unit = if index == last { " GB" } else { "" };
        format!(
            "<span style=\"--at:{}\">{}{unit}</span>",
            percent(tick.at),
            tick.text
        )
    };
    bar.ticks.iter().enumerate().map(tick).collect()
}

fn percent(value: f64) -> String {
    format!("{}%", decimal(value, 3))
}

/// The same as the chart, as a table; each row opens its formula.
#[component]
fn Table(page: Page) -> impl IntoView {
    let share =
        |part: Bytes, total: Bytes| decimal(100.0 * part.0 as f64 / total.0.max(1) as f64, 0);
    let row = move |part: Part| {
        let figure = Figure::Memory(part);
        let bytes = move || page.estimate().memory.of(part);
        let total = move || page.estimate().memory.total();
        let how = text(move || how(page, part));
        let open = move || page.explains(figure);
        view! {
            <tr data-part=part.key() hidden=absent(page, part)>
                <th scope="row">
                    <button
                        type="button"
                        class="part"
                        aria-expanded=text(open)
                        aria-controls=format!("explain-{}", part.key())
                        on:click=act(move |_| page.toggle(figure))
                    >
                        <span class="swatch"></span>
                        {part.label()}
                    </button>
                </th>
                <td class="how">{how}</td>
                <td>{text(move || hundredths(bytes().gb()))}</td>
                <td>{text(move || hundredths(bytes().gib()))}</td>
                <td>{text(move || share(bytes(), total()))}</td>
            </tr>
            <tr class="explain" id=format!("explain-{}", part.key()) hidden=flag(move || !open())>
                <td colspan="5">
                    <ExplanationPanel page=page figure=figure/>
                </td>
            </tr>
        }
    };
    let total = move || page.estimate().memory.total();
    view! {
        <table id="memory-table">
            <caption class="hidden">"Memory on each GPU by part"</caption>
            <thead>
                <tr>
                    <th scope="col">"Part"</th>
                    <th scope="col" class="how">"How"</th>
                    <th scope="col">"GB"</th>
                    <th scope="col">"GiB"</th>
                    <th scope="col">"%"</th>
                </tr>
            </thead>
            <tbody>{Part::ALL.map(row)}</tbody>
            <tfoot>
                <tr class="total">
                    <th scope="row">"Total"</th>
                    <td class="how"></td>
                    <td>{text(move || hundredths(total().gb()))}</td>
                    <td>{text(move || hundredths(total().gib()))}</td>
                    <td>"100"</td>
                </tr>
            </tfoot>
        </table>
    }
}

/// Whether a part is one that the rule of thumb does not know, and empty.
fn absent(page: Page, part: Part) -> Signal<bool> {
    flag(move || !Part::OF_THE_RULE.contains(&part) && page.estimate().memory.of(part) == Bytes(0))
}

/// The formula in a table's cell: with its values where it is short, in letters where it is long.
fn how(page: Page, part: Part) -> String {
    if page.read(|shown| shown.counted) {
        return String::new();
    }
    let term = rule_of_thumb::term::<Expression>(&page.scenario(), part);
    let formula = match part {
        Part::Activations => term.bytes.in_letters(),
        _ => term.bytes.in_values(),
    };
    if term.detail.is_empty() {
        formula
    } else {
        format!("{formula} ({})", term.detail)
    }
}

/// Choices that would save memory; a click takes one.
#[component]
fn Changes(page: Page) -> impl IntoView {
    let chips = text(move || page.read(|shown| shown.changes.iter().map(chip).collect::<String>()));
    view! {
        <div
            class="changes"
            aria-label="What would save memory"
            role="group"
            inner_html=chips
            on:click=act(move |event| browser::take(page, &event))
        ></div>
    }
}

fn chip(change: &Change) -> String {
    let compute = match change.adds_compute {
        added if added >= 0.005 => format!(", +{}% FLOP", decimal(100.0 * added, 0)),
        added if added <= -0.005 => format!(", −{}% FLOP", decimal(-100.0 * added, 0)),
        _ => String::new(),
    };
    let set = format!(
        "{}={}",
        change.field.key(),
        change.field.key_of(change.value)
    );
    let label = format!("{}: −{} GB{compute}", change.label, gigabytes(change.saves));
    setter(&set, "chip", &label)
}

/// Where the rule misleads. Each note has its place, so that an open one stays open while a slider moves.
#[component]
pub(super) fn Notes(page: Page) -> impl IntoView {
    let note = |(index, rule): (usize, &Rule)| {
        let read = move |text: fn(&Note) -> String| {
            page.read(|shown| shown.notes[index].as_ref().map(text))
        };
        let absent = flag(move || page.read(|shown| shown.notes[index].is_none()));
        view! {
            <aside class="note" data-note=rule.key data-part=part_of(rule.at) hidden=absent>
                <details>
                    <summary>{maybe(move || read(|note| note.text.clone()))} " " <span class="link">"Why"</span></summary>
                    <p>{maybe(move || read(|note| note.why.clone()))}</p>
                </details>
            </aside>
        }
    };
    view! { <section aria-label="Notes">{RULES.iter().enumerate().map(note).collect_view()}</section> }
}

fn part_of(figure: Figure) -> Option<&'static str> {
    match figure {
        Figure::Memory(part) => Some(part.key()),
        Figure::PfDays | Figure::GpuHours | Figure::Days => None,
    }
}
