//! The page's state: one form, and what follows from it.

use crate::estimate::{Estimate, Figure, estimate};
use crate::form::{Entry, Form};
use crate::link;
use crate::scenario::{Field, Scenario, Value};
use leptos::prelude::*;

/// Where the page finds itself.
#[derive(Clone, Copy, PartialEq)]
pub struct Home {
    /// In another page's frame: compact, without header.
    pub embed: bool,
}

/// The page's state. Copied freely: it is a handful of handles.
#[derive(Clone, Copy)]
pub struct Page {
    /// Where the page finds itself.
    pub home: Home,
    form: RwSignal<Form>,
    /// The last valid scenario.
    pub scenario: Memo<Scenario>,
    /// Its estimate.
    pub estimate: Memo<Estimate>,
    /// The figure whose explanation is open.
    pub explained: RwSignal<Option<Figure>>,
    /// What of the link could not be used.
    pub notices: RwSignal<Vec<String>>,
    /// Counts settled changes: a finished drag, a field left, a choice made.
    pub settled: RwSignal<u32>,
}

impl Page {
    /// The page of a link.
    pub fn open(address: &str, home: Home) -> Self {
        let opened = link::open(address);
        let form = RwSignal::new(Form::new(opened.scenario));
        let scenario = Memo::new(move |_| form.with(|form| *form.scenario()));
        Self {
            home,
            form,
            scenario,
            estimate: Memo::new(move |_| estimate(&scenario.get())),
            explained: RwSignal::new(None),
            notices: RwSignal::new(opened.notices.iter().map(ToString::to_string).collect()),
            settled: RwSignal::new(0),
        }
    }

    /// What the text field of `entry` shows.
    pub fn text(&self, entry: Entry) -> String {
        self.form.with(|form| form.text(entry))
    }

    /// What is wrong with what was typed there.
    pub fn error(&self, entry: Entry) -> Option<String> {
        self.form.with(|form| form.error(entry))
    }

    /// Whether something typed is not valid, so that the answer is the last good one.
    pub fn is_stale(&self) -> bool {
        self.form.with(Form::is_stale)
    }

    /// Takes what is being typed.
    pub fn edit(&self, entry: Entry, text: &str) {
        self.form.update(|form| form.edit(entry, text));
    }

    /// The reader has left a text field.
    pub fn leave(&self, entry: Entry) {
        self.form.update(|form| form.settle(entry));
        self.settle();
    }

    /// Sets a field to a value, while a slider is dragged.
    pub fn drag(&self, field: Field, value: Value) {
        self.form.update(|form| form.set(field, value));
    }

    /// Sets a field to a value, for good.
    pub fn choose(&self, field: Field, value: Value) {
        self.drag(field, value);
        self.settle();
    }

    /// Goes to another scenario: a preset, or the same one holding other things.
    pub fn replace(&self, scenario: Scenario) {
        self.form.update(|form| form.replace(scenario));
        self.notices.set(Vec::new());
        self.settle();
    }

    /// Opens an address that the browser has gone to.
    pub fn reopen(&self, address: &str) {
        let opened = link::open(address);
        self.form.update(|form| form.replace(opened.scenario));
        self.notices
            .set(opened.notices.iter().map(ToString::to_string).collect());
    }

    /// A change is complete.
    pub fn settle(&self) {
        self.settled.update(|count| *count = count.wrapping_add(1));
    }

    /// Opens a figure's explanation, or closes it.
    pub fn toggle(&self, figure: Figure) {
        self.explained.update(|open| {
            *open = if *open == Some(figure) {
                None
            } else {
                Some(figure)
            }
        });
    }
}
