//! Browser features that may be missing or forbidden, as in a sandboxed frame. Nothing here fails loudly.

use leptos::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::HtmlInputElement;

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

/// Copies text; where that is forbidden, selects the field that shows it, for the reader to copy.
pub(super) fn copy(text: String, shown_in: Option<HtmlInputElement>, copied: WriteSignal<bool>) {
    let navigator = window().navigator();
    let clipboard = js_sys::Reflect::get(&navigator, &"clipboard".into());
    let allowed = clipboard.is_ok_and(|clipboard| !clipboard.is_undefined());
    leptos::task::spawn_local(async move {
        let written = allowed
            && JsFuture::from(navigator.clipboard().write_text(&text))
                .await
                .is_ok();
        if written {
            copied.set(true);
        } else if let Some(field) = shown_in {
            field.select();
        }
    });
}
