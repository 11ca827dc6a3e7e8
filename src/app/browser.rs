//! Browser features that may be missing or forbidden, as in a sandboxed frame. Nothing here fails loudly.

use super::page::Page;
use leptos::ev::{Event, MouseEvent};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlDocument, HtmlElement, HtmlInputElement};

const THEME: &str = "petaday-theme";

/// Whether the page is dark now: as the reader chose, else as the system is.
pub(super) fn is_dark() -> bool {
    match root_attribute("data-theme").as_deref() {
        Some("dark") => true,
        Some(_) => false,
        None => window()
            .match_media("(prefers-color-scheme: dark)")
            .ok()
            .flatten()
            .is_some_and(|query| query.matches()),
    }
}

/// Chooses dark or light, and remembers it where there is storage.
pub(super) fn choose_theme(dark: bool) {
    let theme = if dark { "dark" } else { "light" };
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("data-theme", theme);
    }
    if let Ok(Some(storage)) = window().local_storage() {
        let _ = storage.set_item(THEME, theme);
    }
}

fn root_attribute(name: &str) -> Option<String> {
    document().document_element()?.get_attribute(name)
}

/// Copies what the field with this id shows, and selects it. Says whether that was allowed.
///
/// By the old command, not the Clipboard API: that is missing from disk and forbidden, with an error in the
/// console, in a frame.
pub(super) fn copy(id: &str) -> bool {
    let Some(field) = element::<HtmlInputElement>(id) else {
        return false;
    };
    field.select();
    let document: Option<HtmlDocument> = document().dyn_into().ok();
    document.is_some_and(|document| document.exec_command("copy").unwrap_or(false))
}

/// Moves the reader to the element with this id, which keeps the address: its fragment may be the scenario.
pub(super) fn go_to(id: &str) {
    if let Some(element) = element::<HtmlElement>(id) {
        let _ = element.focus();
        element.scroll_into_view();
    }
}

fn element<T: JsCast>(id: &str) -> Option<T> {
    document().get_element_by_id(id)?.dyn_into().ok()
}

/// Puts HTML of ours into the element with this id. What was open in it stays open, and what had the focus keeps it.
pub(super) fn write(id: &str, html: &str) {
    let Some(place) = element::<Element>(id) else {
        return;
    };
    let open: Vec<_> = details(&place)
        .map(|details| details.has_attribute("open"))
        .collect();
    place.set_inner_html(html);
    for (details, open) in details(&place).zip(open) {
        if open {
            let _ = details.set_attribute("open", "");
        }
    }
}

fn details(place: &Element) -> impl Iterator<Item = Element> {
    let found = place.query_selector_all("details").ok();
    let count = found.as_ref().map_or(0, web_sys::NodeList::length);
    (0..count).filter_map(move |index| found.as_ref()?.item(index)?.dyn_into().ok())
}

/// Sets what the button that was clicked asks for in its `data-set`.
pub(super) fn take(page: Page, event: &MouseEvent) {
    let target: Option<Element> = event.target().and_then(|target| target.dyn_into().ok());
    let button = target.and_then(|target| target.closest("[data-set]").ok().flatten());
    if let Some(changes) = button.and_then(|button| button.get_attribute("data-set")) {
        page.take(&changes);
    }
}

/// Whether the `<details>` that this event is about is open.
pub(super) fn is_open(event: &Event) -> bool {
    let details: Option<Element> = event.target().and_then(|target| target.dyn_into().ok());
    details.is_some_and(|details| details.has_attribute("open"))
}
