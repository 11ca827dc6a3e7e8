//! The second wasm, downloaded when a reader first asks for something it answers.
//!
//! index.html defines `petaday.load()`, which fetches it (or, in the single file, unpacks it) and then keeps it as
//! `petaday.engine`. Everything here may fail, and then says so.

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

#[cfg(not(target_arch = "wasm32"))]
pub(super) fn ask(_: Page) {}

#[cfg(not(target_arch = "wasm32"))]
pub(super) async fn arrives(_: Page) -> bool {
    false
}

#[cfg(not(target_arch = "wasm32"))]
pub(super) fn call(_: &str, _: [&str; 2]) -> String {
    String::new()
}

#[cfg(target_arch = "wasm32")]
pub(super) use live::{arrives, ask, call};

#[cfg(target_arch = "wasm32")]
mod live {
    use super::{Engine, Page};
    use js_sys::{Function, Promise, Reflect};
    use leptos::prelude::window;
    use wasm_bindgen::{JsCast, JsValue};

    fn member(of: &JsValue, name: &str) -> Option<JsValue> {
        Reflect::get(of, &JsValue::from_str(name)).ok()
    }

    fn function(of: &JsValue, name: &str) -> Option<Function> {
        member(of, name)?.dyn_into().ok()
    }

    /// Fetches the engine; the page hears when it is there.
    pub fn ask(page: Page) {
        if page.engine_is(Engine::Absent) {
            leptos::task::spawn_local(async move {
                arrives(page).await;
            });
        }
    }

    /// Fetches the engine, and says whether it came.
    pub async fn arrives(page: Page) -> bool {
        if page.engine_is(Engine::Ready) {
            return true;
        }
        page.engine_becomes(Engine::Coming);
        let promise = member(&window(), "petaday")
            .and_then(|petaday| function(&petaday, "load")?.call0(&petaday).ok())
            .and_then(|answer| answer.dyn_into::<Promise>().ok());
        let came = match promise {
            Some(promise) => wasm_bindgen_futures::JsFuture::from(promise).await.is_ok(),
            None => false,
        };
        page.engine_becomes(if came { Engine::Ready } else { Engine::Failed });
        came
    }

    /// What a function of the engine answers; empty where it is not there.
    pub fn call(name: &str, [first, second]: [&str; 2]) -> String {
        member(&window(), "petaday")
            .and_then(|petaday| member(&petaday, "engine"))
            .and_then(|engine| {
                let function = function(&engine, name)?;
                function.call2(&engine, &first.into(), &second.into()).ok()
            })
            .and_then(|answer| answer.as_string())
            .unwrap_or_default()
    }
}
