//! Values that follow the state, in few types.
//!
//! A closure in a view has a type of its own, and the framework's code is compiled anew for each. Boxed in a
//! signal they share it: a fifth of the page's bytes.

use leptos::prelude::*;

/// Text that follows the state.
pub(super) fn text<T: ToString>(value: impl Fn() -> T + Send + Sync + 'static) -> Signal<String> {
    Signal::derive(move || value().to_string())
}

/// Text that comes and goes.
pub(super) fn maybe<T: ToString>(
    value: impl Fn() -> Option<T> + Send + Sync + 'static,
) -> Signal<Option<String>> {
    Signal::derive(move || value().map(|text| text.to_string()))
}

/// Something that holds or does not.
pub(super) fn flag(value: impl Fn() -> bool + Send + Sync + 'static) -> Signal<bool> {
    Signal::derive(value)
}

/// What to do on an event.
pub(super) fn act<E: 'static>(act: impl FnMut(E) + 'static) -> Box<dyn FnMut(E)> {
    Box::new(act)
}
