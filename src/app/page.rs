//! The page's state: one form, and what follows from it.

use super::engine::{self, Engine};
use crate::advice::{self, Change, Note};
use crate::chart::{MemoryBar, memory_bar};
use crate::estimate::{Estimate, Figure, estimate};
use crate::field::{Slider, Value};
use crate::form::{Entry, Form};
use crate::link::{self, Opened};
use crate::memory::Memory;
use crate::scenario::{Field, Scenario};
use crate::units::Bytes;
use leptos::prelude::*;

/// Where the page finds itself.
#[derive(Clone, Copy, PartialEq)]
pub struct Home {
    /// In another page's frame: compact, without header.
    pub embed: bool,
}

/// What the reader has done.
struct State {
    form: Form,
    /// The figure whose explanation is open.
    explained: Option<Figure>,
    /// What of the link could not be used.
    notices: Vec<String>,
    /// What came of the last configuration file, sentence by sentence.
    imported: String,
    /// A configuration file that waits for the second wasm.
    waiting: Option<String>,
    engine: Engine,
    /// What the page opened on, and its memory as counted when the site was built.
    opening: Option<(Scenario, String)>,
}

impl State {
    fn of(opened: Opened) -> Self {
        Self {
            form: Form::new(opened.scenario),
            explained: None,
            notices: opened.notices.iter().map(ToString::to_string).collect(),
            imported: String::new(),
            waiting: None,
            engine: Engine::default(),
            opening: None,
        }
    }
}

impl State {
    /// What is known of the scenario's memory: see [`crate::section::part::figures`].
    fn count(&self) -> String {
        let scenario = self.form.scenario();
        match &self.opening {
            _ if !scenario.is_detailed() => String::new(),
            _ if self.engine == Engine::Ready => engine::call("held", ["", &link::query(scenario)]),
            Some((opening, counted)) if opening == scenario => counted.clone(),
            _ => String::new(),
        }
    }
}

/// What is shown of a scenario: computed together, once for each change.
pub struct Shown {
    /// The last valid scenario.
    pub scenario: Scenario,
    /// Its estimate.
    pub estimate: Estimate,
    /// Its memory, drawn.
    pub bar: MemoryBar,
    /// What would save memory.
    pub changes: Vec<Change>,
    /// What to be told, a place for each of [`advice::RULES`].
    pub notes: [Option<Note>; advice::RULES.len()],
    /// How memory was found: by rule of thumb, or counted and fullest in some moment.
    pub how: String,
    /// Whether it was counted, which only the second wasm can.
    pub counted: bool,
    engine: bool,
    sliders: [Slider; Field::SLIDERS.len()],
}

impl Shown {
    /// `counted` is what the second wasm says of the scenario's memory, empty where it is not there; then the last count
    /// stands for a moment.
    fn of(scenario: Scenario, engine: bool, counted: &str, last: Option<Self>) -> Self {
        let mut estimate = estimate(&scenario);
        let last = last.filter(|last| last.counted && scenario.is_detailed());
        let read = read_count(counted, &mut estimate.memory);
        let is_counted = read.is_ok() || (counted.is_empty() && last.is_some());
        let how = match (read, last) {
            (Ok(moment), _) => format!("counted; fullest in {moment}"),
            (Err(""), Some(last)) => {
                estimate.memory = last.estimate.memory;
                "counting…".to_owned()
            }
            (Err(""), None) => "rule of thumb".to_owned(),
            (Err(why), _) => format!("rule of thumb: {why}"),
        };
        Self {
            scenario,
            estimate,
            bar: memory_bar(&estimate),
            changes: if is_counted {
                Vec::new()
            } else {
                advice::changes(&scenario)
            },
            notes: advice::notes(&scenario),
            how,
            counted: is_counted,
            engine,
            sliders: Field::SLIDERS.map(|field| field.slider(&scenario)),
        }
    }

    /// The slider of a field.
    pub fn slider(&self, field: Field) -> Slider {
        let place = Field::SLIDERS.iter().position(|other| *other == field);
        place.map_or_else(Slider::default, |place| self.sliders[place])
    }
}

/// Reads what the second wasm says of memory: the moment in which it is fullest, or why it is not counted.
fn read_count<'a>(answer: &'a str, memory: &mut Memory) -> Result<&'a str, &'a str> {
    let (bytes, words) = answer.split_once('\n').unwrap_or_default();
    if bytes.is_empty() {
        return Err(words);
    }
    let digits = |text: &str| {
        text.bytes()
            .fold(0, |sum, digit| 10 * sum + u128::from(digit - b'0'))
    };
    for (part, bytes) in memory.parts.iter_mut().zip(bytes.split(' ')) {
        *part = Bytes(digits(bytes));
    }
    Ok(words)
}

/// The page's state. Copied freely: it is a handful of handles.
///
/// Few signals of few types, because each type is the framework's code once more.
#[derive(Clone, Copy)]
pub struct Page {
    /// Where the page finds itself.
    pub home: Home,
    state: RwSignal<State>,
    shown: Memo<Shown>,
    /// Apart from the state, which changes at every step of a drag, because every field shows whether it has one.
    errors: Memo<Vec<(Entry, String)>>,
    settled: Trigger,
}

impl Page {
    /// The page of a link.
    pub fn open(address: &str, home: Home) -> Self {
        let mut state = State::of(link::open(address));
        state.opening = engine::counted_before().map(|counted| (link::open("").scenario, counted));
        if cfg!(not(target_arch = "wasm32")) {
            state.engine = Engine::Ready;
        }
        let state = RwSignal::new(state);
        Self {
            home,
            state,
            shown: Memo::new_owning(move |last: Option<Shown>| {
                state.with(|state| {
                    let (scenario, engine) =
                        (*state.form.scenario(), state.engine == Engine::Ready);
                    match last {
                        Some(last) if last.scenario == scenario && last.engine == engine => {
                            (last, false)
                        }
                        last => (Shown::of(scenario, engine, &state.count(), last), true),
                    }
                })
            }),
            errors: Memo::new(move |_| state.with(|state| state.form.errors())),
            settled: Trigger::new(),
        }
    }

    /// The last valid scenario.
    pub fn scenario(&self) -> Scenario {
        self.shown.with(|shown| shown.scenario)
    }

    /// Its estimate.
    pub fn estimate(&self) -> Estimate {
        self.shown.with(|shown| shown.estimate)
    }

    /// Whether it is estimated in detail: other inputs, more answers.
    pub fn is_detailed(&self) -> bool {
        self.shown.with(|shown| shown.scenario.is_detailed())
    }

    /// Reads what is shown of it.
    pub fn read<T>(&self, read: impl FnOnce(&Shown) -> T) -> T {
        self.shown.with(read)
    }

    /// Whether a figure's explanation is open.
    pub fn explains(&self, figure: Figure) -> bool {
        self.state.with(|state| state.explained == Some(figure))
    }

    /// What of the link could not be used.
    pub fn notices(&self) -> Vec<String> {
        self.state.with(|state| state.notices.clone())
    }

    /// The reader has read the notices.
    pub fn dismiss_notices(&self) {
        self.state.update(|state| state.notices.clear());
    }

    /// To be told when a change is complete: a finished drag, a field left, a choice made.
    pub fn track_settled(&self) {
        self.settled.track();
    }

    /// What the text field of `entry` shows.
    pub fn text(&self, entry: Entry) -> String {
        self.state.with(|state| state.form.text(entry))
    }

    /// What is wrong with what was typed there.
    pub fn error(&self, entry: Entry) -> Option<String> {
        self.errors.with(|errors| {
            let found = errors.iter().find(|(wrong, _)| *wrong == entry);
            found.map(|(_, error)| error.clone())
        })
    }

    /// Whether something typed is not valid, so that the answer is the last good one.
    pub fn is_stale(&self) -> bool {
        self.errors.with(|errors| !errors.is_empty())
    }

    /// Takes what is being typed.
    pub fn edit(&self, entry: Entry, text: &str) {
        self.state.update(|state| state.form.edit(entry, text));
    }

    /// The reader has left a text field.
    pub fn leave(&self, entry: Entry) {
        self.state.update(|state| state.form.settle(entry));
        self.settle();
    }

    /// Sets a field to a value, while a slider is dragged.
    pub fn drag(&self, field: Field, value: Value) {
        self.state.update(|state| state.form.set(field, value));
    }

    /// Sets a field to a value, for good.
    pub fn choose(&self, field: Field, value: Value) {
        self.drag(field, value);
        self.settle();
    }

    /// Goes to another scenario: a preset, or the same one holding other things.
    pub fn replace(&self, scenario: Scenario) {
        self.state.update(|state| {
            state.form.replace(scenario);
            state.notices.clear();
        });
        self.settle();
    }

    /// What came of the last configuration file, a sentence a line.
    pub fn imported(&self) -> String {
        self.state.with(|state| state.imported.clone())
    }

    /// Reads a configuration file, once the second wasm is there; where it describes an architecture, goes to it.
    pub fn import(&self, text: String) {
        if text.trim().is_empty() {
            return;
        }
        if self.engine_now() != Engine::Ready {
            self.state.update(|state| state.waiting = Some(text));
            return engine::ask(*self);
        }
        let query = link::query(&untrack(|| self.scenario()));
        let answer = engine::call("read_config", [&text, &query]);
        let (read, mut sentences) = answer.split_once('\n').map_or_else(
            || (answer.as_str(), String::new()),
            |(read, sentences)| (read, sentences.to_owned()),
        );
        if !read.is_empty() {
            let scenario = link::open(read).scenario;
            self.replace(scenario);
            sentences = format!("Read: {}.\n{sentences}", scenario.model_name());
        }
        self.state.update(|state| state.imported = sentences);
    }

    /// Sets fields as a link writes them, `tokens=2T&gpus=8`; what is not valid shows at its field.
    pub fn take(&self, changes: &str) {
        self.state.update(|state| {
            for (key, text) in changes.split('&').filter_map(|pair| pair.split_once('=')) {
                let field = Field::ALL.into_iter().find(|field| field.key() == key);
                if let Some((field, value)) =
                    field.and_then(|field| Some((field, field.parse(text).ok()?)))
                {
                    state.form.set(field, value);
                }
            }
        });
        self.settle();
    }

    /// Where the second wasm stands.
    pub fn engine(&self) -> Engine {
        self.state.with(|state| state.engine)
    }

    /// The same, without following it.
    pub fn engine_now(&self) -> Engine {
        self.state.with_untracked(|state| state.engine)
    }

    /// The second wasm stands elsewhere now; what waited for it goes on.
    pub fn engine_becomes(&self, engine: Engine) {
        let waiting = self.state.try_update(|state| {
            state.engine = engine;
            if engine == Engine::Failed {
                state.imported = engine::FAILED.to_owned();
            }
            state.waiting.take_if(|_| engine == Engine::Ready)
        });
        if let Some(Some(text)) = waiting {
            self.import(text);
        }
    }

    /// Opens an address that the browser has gone to.
    pub fn reopen(&self, address: &str) {
        let opened = link::open(address);
        self.state.update(|state| {
            *state = State {
                explained: state.explained,
                engine: state.engine,
                opening: state.opening.take(),
                ..State::of(opened)
            };
        });
    }

    /// A change is complete.
    pub fn settle(&self) {
        self.settled.notify();
    }

    /// Whether the page still shows what it opened on, of which memory was counted before.
    pub fn is_opening(&self) -> bool {
        self.state.with(|state| {
            let scenario = state.form.scenario();
            state
                .opening
                .as_ref()
                .is_some_and(|(opening, _)| opening == scenario)
        })
    }

    /// Opens a figure's explanation, or closes it.
    pub fn toggle(&self, figure: Figure) {
        self.state.update(|state| {
            state.explained = match state.explained {
                Some(open) if open == figure => None,
                _ => Some(figure),
            };
        });
    }
}
