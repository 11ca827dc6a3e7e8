//! The second wasm, downloaded when a reader first asks for something it answers. `engine.js` fetches it and tells the
//! window; it may fail, and then that is said.

use super::page::Page;

/// What to tell a reader where it could not be had.
pub(super) const FAILED: &str = "This part could not be downloaded: reload the page to try again.";

/// Where the second wasm stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// Nobody has asked for it.
    #[default]
    Absent,
    /// On its way.
    Coming,
    /// There.
    Ready,
    /// It could not be had.
    Failed,
}

/// The first paint has no second wasm to ask, but all that it is made of.
#[cfg(not(target_arch = "wasm32"))]
mod live {
    use crate::{link, section};

    pub fn load() {}

    pub fn call(name: &str, [_, query]: [&str; 2]) -> String {
        match name {
            "held" => section::part::figures(&link::open(query).scenario),
            _ => String::new(),
        }
    }

    pub fn counted_before() -> Option<String> {
        None
    }
}

#[cfg(target_arch = "wasm32")]
mod live {
    use super::{Engine, Page};
    use js_sys::{Function, Reflect};
    use leptos::prelude::{
        Effect, document, on_cleanup, untrack, window, window_event_listener_untyped,
    };
    use wasm_bindgen::{JsCast, JsValue};

    fn member(of: &JsValue, name: &str) -> Option<JsValue> {
        Reflect::get(of, &JsValue::from_str(name)).ok()
    }

    fn function(of: &JsValue, name: &str) -> Option<Function> {
        member(of, name)?.dyn_into().ok()
    }

    pub fn load() {
        if let Some(petaday) = member(&window(), "petaday")
            && let Some(load) = function(&petaday, "load")
        {
            let _ = load.call0(&petaday);
        }
    }

    /// Tells the page when the engine has come, or has not.
    pub fn follow(page: Page) {
        let came = window_event_listener_untyped("petaday-engine", move |_| {
            page.engine_becomes(if engine().is_some() {
                Engine::Ready
            } else {
                Engine::Failed
            });
        });
        on_cleanup(move || came.remove());
        Effect::new(move || {
            if page.is_detailed() && !page.is_opening() {
                super::ask(page);
            }
        });
        // Whoever touches the page is about to change something.
        for touch in ["pointerdown", "keydown"] {
            let touched = window_event_listener_untyped(touch, move |_| {
                if untrack(|| page.is_detailed()) {
                    super::ask(page);
                }
            });
            on_cleanup(move || touched.remove());
        }
    }

    /// Memory of what the page opens on, counted when the site was built: prerender.rs leaves it in the page.
    pub fn counted_before() -> Option<String> {
        document()
            .get_element_by_id("app")?
            .get_attribute("data-held")
    }

    fn engine() -> Option<JsValue> {
        let engine = member(&member(&window(), "petaday")?, "engine")?;
        engine.is_truthy().then_some(engine)
    }

    /// What a function of the engine answers; empty where it is not there.
    pub fn call(name: &str, [first, second]: [&str; 2]) -> String {
        let answer = engine().and_then(|engine| {
            let function = function(&engine, name)?;
            function.call2(&engine, &first.into(), &second.into()).ok()
        });
        answer
            .and_then(|answer| answer.as_string())
            .unwrap_or_default()
    }
}

#[cfg(target_arch = "wasm32")]
pub(super) use live::follow;
pub(super) use live::{call, counted_before};

/// Fetches the engine, where nobody has yet; the page hears when it has come.
pub(super) fn ask(page: Page) {
    if matches!(page.engine_now(), Engine::Absent | Engine::Failed) {
        page.engine_becomes(Engine::Coming);
        live::load();
    }
}
