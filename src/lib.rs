//! petaday: what it takes to train a transformer, computed where the reader is.
//!
//! The modules depend on each other in one direction, in this order:
//!
//! 1. [`units`] quantities and how they are printed
//! 2. [`formula`] one definition of a formula, read as a number or as an explanation
//! 3. [`field`] what can be chosen; [`model`] what is trained, [`hardware`] what it is trained on, [`training`] how,
//!    [`layout`] over how many GPUs; [`flop`] and [`cost`] what each token and each hour comes to
//! 4. [`scenario`] everything a reader chose, valid by construction
//! 5. [`compute`] a run's FLOP and time, the converter between them, scaling laws, solving
//! 6. [`memory`] what each GPU holds
//! 7. [`estimate`] the whole core in one call, [`advice`] beside it; [`plan`] the search over layouts, [`launch`] what it
//!    finds as tools are told it
//! 8. [`link`] a scenario as a URL and back
//! 9. [`form`] what is typed and not yet valid
//! 10. [`report`] and [`chart`] an estimate as text, as rectangles
//!
//! Everything up to here is plain data in, plain data out: no browser, no globals, no I/O.
//! `app` (the page) and `command` (the native command) stand on top and do not know each other.

pub mod advice;
pub mod chart;
pub mod compute;
pub mod cost;
pub mod estimate;
pub mod field;
pub mod flop;
pub mod form;
pub mod formula;
pub mod hardware;
mod html;
pub mod launch;
pub mod layout;
pub mod link;
pub mod memory;
pub mod model;
pub mod plan;
pub mod report;
pub mod scenario;
pub mod section;
pub mod training;
pub mod units;

#[cfg(feature = "page")]
pub mod app;

/// Text of a table that the page does not show: the page's wasm is built without it, the second one and the command with
/// it.
const fn unshown(text: &'static str) -> &'static str {
    if IN_PAGE { "" } else { text }
}

/// Whether this is the page's wasm.
const IN_PAGE: bool = cfg!(all(target_arch = "wasm32", feature = "page"));
