//! Searches that go on while the page is used: in slices of a few milliseconds, a task each, so that no frame waits. A
//! search writes what it found where its section stands; another question cancels it.

use petaday::field::Choice;
use petaday::link;
use petaday::section::plan::Planner;
use petaday::section::sweep::{Input, Sweeper};
use std::cell::RefCell;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{Element, Event, Window};

/// Layouts counted in a slice: about 4 ms.
const SLICE: u64 = 8_000;

/// What is searched for the page.
#[derive(Default)]
struct Searches {
    planner: Option<Planner>,
    /// Whether the planner has more to count, and the sweeper.
    goes_on: [bool; 2],
    sort: String,
    /// Keys of the filters that are on.
    filters: Vec<String>,
    sweeper: Option<Sweeper>,
    query: String,
    input: usize,
    listens: bool,
}

thread_local! {
    /// The page's searches: it has one thread.
    static SEARCHES: RefCell<Searches> = RefCell::default();
}

fn window() -> Option<Window> {
    js_sys::global().dyn_into().ok()
}

/// Searches for the section of this key and a scenario; what to show until it is found. None for other sections.
pub fn begin(key: &str, query: &str) -> Option<String> {
    let scenario = link::open(query).scenario;
    let html = SEARCHES.with_borrow_mut(|searches| match key {
        "plan" => {
            let planner = Planner::new(&scenario);
            let html = planner.html(&searches.sort, &searches.filters.join(","));
            searches.planner = Some(planner);
            searches.goes_on[0] = true;
            Some(html)
        }
        "sweep" => {
            query.clone_into(&mut searches.query);
            let input = Input::ALL[searches.input.min(Input::ALL.len() - 1)];
            let sweeper = Sweeper::new(&scenario, input);
            let html = sweeper.html();
            searches.sweeper = Some(sweeper);
            searches.goes_on[1] = true;
            Some(html)
        }
        _ => None,
    })?;
    listen();
    later();
    Some(html)
}

/// Goes on in a task of its own.
fn later() {
    let slice = Closure::once_into_js(slice);
    if let Some(window) = window() {
        let _ = window.set_timeout_with_callback(slice.unchecked_ref());
    }
}

fn slice() {
    let more = SEARCHES.with_borrow_mut(|searches| {
        if let Some(planner) = &mut searches.planner
            && searches.goes_on[0]
        {
            if planner.step(SLICE) {
                searches.goes_on[0] = false;
                write(
                    "plan",
                    &planner.html(&searches.sort, &searches.filters.join(",")),
                );
            }
            return true;
        }
        if let Some(sweeper) = &mut searches.sweeper
            && searches.goes_on[1]
        {
            if sweeper.step(SLICE) {
                searches.goes_on[1] = false;
                write("sweep", &sweeper.html());
            }
            return true;
        }
        false
    });
    if more {
        later();
    }
}

/// Puts a section's text where it stands, as long as it is open.
fn write(key: &str, html: &str) {
    let place = window()
        .and_then(|window| window.document())
        .and_then(|document| document.get_element_by_id(&format!("section-{key}")));
    if let Some(place) = place
        && place.has_child_nodes()
    {
        place.set_inner_html(html);
    }
}

/// Hears, once for all, of clicks on what sorts, filters and sweeps.
fn listen() {
    let first =
        SEARCHES.with_borrow_mut(|searches| !std::mem::replace(&mut searches.listens, true));
    if !first {
        return;
    }
    let clicked = Closure::<dyn FnMut(Event)>::new(|event: Event| {
        let target: Option<Element> = event.target().and_then(|target| target.dyn_into().ok());
        let asks = |name: &str| {
            let button = target.as_ref()?.closest(&format!("[{name}]")).ok()??;
            button.get_attribute(name)
        };
        if let Some(input) = asks("data-sweep") {
            sweep(&input);
        } else if let Some(sort) = asks("data-sort") {
            planned(|searches| searches.sort = sort);
        } else if let Some(filter) = asks("data-filter") {
            planned(|searches| {
                let place = searches.filters.iter().position(|on| *on == filter);
                match place {
                    Some(place) => drop(searches.filters.remove(place)),
                    None => searches.filters.push(filter),
                }
            });
        } else if asks("data-remedy").is_some() {
            planned(|searches| {
                if let Some(planner) = &mut searches.planner {
                    planner.remedy();
                }
            });
        }
    });
    if let Some(window) = window() {
        let _ = window.add_event_listener_with_callback("click", clicked.as_ref().unchecked_ref());
    }
    clicked.forget(); // as long-lived as the page
}

/// Changes how the plan is shown, and shows it.
fn planned(change: impl FnOnce(&mut Searches)) {
    SEARCHES.with_borrow_mut(|searches| {
        change(searches);
        if let Some(planner) = &searches.planner {
            write(
                "plan",
                &planner.html(&searches.sort, &searches.filters.join(",")),
            );
        }
    });
}

/// Sweeps over another input.
fn sweep(input: &str) {
    let query = SEARCHES.with_borrow_mut(|searches| {
        let found = Input::ALL.iter().position(|known| known.key() == input);
        searches.input = found.unwrap_or(searches.input);
        searches.query.clone()
    });
    if let Some(html) = begin("sweep", &query) {
        write("sweep", &html);
    }
}
