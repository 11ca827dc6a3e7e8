//! Browser features that may be missing or forbidden, as in a sandboxed frame. Nothing here fails loudly.

use leptos::ev::{Event, MouseEvent};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlDialogElement, HtmlDocument, HtmlElement, HtmlInputElement};

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

/// Opens the dialog with this id.
pub(super) fn open_dialog(id: &str) {
    if let Some(dialog) = element::<HtmlDialogElement>(id) {
        let _ = dialog.show_modal();
    }
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

/// What the button that was clicked wants set, `tokens=2T`.
pub(super) fn wanted(event: &MouseEvent) -> Option<String> {
    let target: Element = event.target()?.dyn_into().ok()?;
    target
        .closest("[data-set]")
        .ok()??
        .get_attribute("data-set")
}

#[cfg(target_arch = "wasm32")]
pub(super) use files::{File, chosen, dropped, read};

#[cfg(not(target_arch = "wasm32"))]
pub(super) use no_files::{File, chosen, dropped, read};

/// Whether the `<details>` that this event is about is open.
pub(super) fn is_open(event: &Event) -> bool {
    let details: Option<web_sys::HtmlDetailsElement> =
        event.target().and_then(|target| target.dyn_into().ok());
    details.is_some_and(|details| details.open())
}

#[cfg(target_arch = "wasm32")]
mod files {
    //! Files that a reader gives: nothing leaves the browser.

    use crate::model::huggingface::MAX_BYTES;
    use leptos::ev::{DragEvent, Event};
    use wasm_bindgen::JsCast;
    pub use web_sys::File;
    use web_sys::HtmlInputElement;

    /// The first file dropped.
    pub fn dropped(event: &DragEvent) -> Option<File> {
        event.data_transfer()?.files()?.get(0)
    }

    /// The first file chosen.
    pub fn chosen(event: &Event) -> Option<File> {
        let input: HtmlInputElement = event.target()?.dyn_into().ok()?;
        input.files()?.get(0)
    }

    /// The text of a file.
    ///
    /// # Errors
    /// Where it is far too large for a configuration, before reading it, or cannot be read.
    pub async fn read(file: File) -> Result<String, String> {
        if file.size() > MAX_BYTES as f64 {
            let size = crate::units::significant(file.size(), 3);
            return Err(format!(
                "{} has {size} bytes; a config.json has some thousand, and up to {MAX_BYTES} are read",
                file.name()
            ));
        }
        let text = wasm_bindgen_futures::JsFuture::from(file.text()).await;
        text.ok()
            .and_then(|text| text.as_string())
            .ok_or_else(|| format!("{} could not be read", file.name()))
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod no_files {
    //! The first paint reads no files.

    use leptos::ev::{DragEvent, Event};

    /// A file.
    pub struct File;

    /// None.
    pub fn dropped(_: &DragEvent) -> Option<File> {
        None
    }

    /// None.
    pub fn chosen(_: &Event) -> Option<File> {
        None
    }

    /// None.
    pub async fn read(_: File) -> Result<String, String> {
        Err(String::new())
    }
}
