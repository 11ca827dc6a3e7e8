//! The address bar follows the scenario, and the scenario follows back and forward.
//!
//! In a sandboxed frame the history may not be touched: every call may fail and nothing depends on it.

use super::page::Page;
use crate::link;

/// The address without query and fragment.
pub(super) fn base() -> String {
    let address = current();
    address
        .split(['?', '#'])
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// The full page's address for the page's scenario, to share.
pub(super) fn share_link(page: Page) -> String {
    format!("{}?{}", base(), link::query(&page.scenario()))
}

/// The address of the embeddable file for the page's scenario. It must be the single file: other builds
/// fetch their wasm, which a sandboxed frame may not without a header that static hosts do not send.
pub(super) fn embed_link(page: Page) -> String {
    let base = base();
    let directory = base.rsplit_once('/').map_or("", |(directory, _)| directory);
    let file = if is_single_file() {
        base.clone()
    } else {
        format!("{directory}/petaday.html")
    };
    format!("{file}?embed=1&{}", link::query(&page.scenario()))
}

#[cfg(not(target_arch = "wasm32"))]
pub(super) fn current() -> String {
    String::new()
}

#[cfg(not(target_arch = "wasm32"))]
fn is_single_file() -> bool {
    false
}

#[cfg(target_arch = "wasm32")]
use live::is_single_file;
#[cfg(target_arch = "wasm32")]
pub(super) use live::{current, follow, home};

#[cfg(target_arch = "wasm32")]
mod live {
    use super::super::page::{Home, Page};
    use crate::link;
    use leptos::ev;
    use leptos::leptos_dom::helpers::TimeoutHandle;
    use leptos::prelude::*;
    use std::time::Duration;
    use wasm_bindgen::JsValue;

    /// Browsers refuse more than about three changes of the address a second.
    const PAUSE: Duration = Duration::from_millis(350);

    /// The whole address.
    pub fn current() -> String {
        window().location().href().unwrap_or_default()
    }

    /// Where the page finds itself, by its address.
    pub fn home() -> Home {
        Home {
            embed: link::asks_for_embed(&current()),
        }
    }

    /// Whether this is the self-contained file.
    pub fn is_single_file() -> bool {
        document()
            .document_element()
            .is_some_and(|root| root.has_attribute("data-single"))
    }

    /// Keeps address and scenario together: one history entry for each settled change, replaced while it goes on.
    pub fn follow(page: Page) {
        let entered = StoredValue::new(false);
        let waiting = StoredValue::new(None::<TimeoutHandle>);
        Effect::new(move || {
            let scenario = page.scenario();
            cancel(waiting);
            if link::open(&current()).scenario == scenario {
                return;
            }
            if entered.get_value() {
                waiting.set_value(set_timeout_with_handle(move || write(page, false), PAUSE).ok());
            } else {
                entered.set_value(true);
                write(page, true);
            }
        });
        Effect::new(move || {
            page.track_settled();
            cancel(waiting);
            if entered.get_value() {
                write(page, false);
            }
            entered.set_value(false);
        });
        let back = window_event_listener(ev::popstate, move |_| {
            cancel(waiting);
            entered.set_value(false);
            page.reopen(&current());
        });
        let hash = window_event_listener(ev::hashchange, move |_| page.reopen(&current()));
        on_cleanup(move || {
            back.remove();
            hash.remove();
        });
    }

    fn cancel(waiting: StoredValue<Option<TimeoutHandle>>) {
        if let Some(handle) = waiting.get_value() {
            handle.clear();
        }
        waiting.set_value(None);
    }

    fn write(page: Page, new_entry: bool) {
        let embed = if page.home.embed { "embed=1&" } else { "" };
        let address = format!("?{embed}{}", link::query(&untrack(|| page.scenario())));
        let Ok(history) = window().history() else {
            return;
        };
        let _ = if new_entry {
            history.push_state_with_url(&JsValue::NULL, "", Some(&address))
        } else {
            history.replace_state_with_url(&JsValue::NULL, "", Some(&address))
        };
    }
}
