//! What is typed and not yet valid: the draft of each field beside the last valid scenario.
//!
//! Text becomes a scenario in one place: it is parsed by its field, then the set as a whole, because some
//! values are valid only together. Until then the text stays as typed and the last good scenario stands.

use crate::compute::{Quantity, Unconvertible, change};
use crate::field::Value;
use crate::scenario::{Field, Scenario};
use crate::units;

/// Something with a text field on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A field of the scenario.
    Field(Field),
    /// A derived quantity of the converter.
    Quantity(Quantity),
}

impl Entry {
    /// The value it has in a scenario, as its text field shows it.
    pub fn display(self, scenario: &Scenario) -> String {
        match self {
            Self::Field(Field::Model) => scenario.model_name(),
            Self::Field(field) => field.display(scenario.value(field)),
            Self::Quantity(quantity) => units::editable(quantity.of(scenario), 6),
        }
    }
}

/// Text in a field that has not settled.
#[derive(Clone, Debug, PartialEq)]
struct Draft {
    entry: Entry,
    text: String,
    error: Option<Unconvertible>,
}

/// The last valid scenario and the drafts typed since.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    scenario: Scenario,
    drafts: Vec<Draft>,
}

impl Form {
    /// A form without drafts.
    pub fn new(scenario: Scenario) -> Self {
        Self {
            scenario,
            drafts: Vec::new(),
        }
    }

    /// The last valid scenario.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Whether something typed is not valid, so that the scenario is the last good one.
    pub fn is_stale(&self) -> bool {
        self.drafts.iter().any(|draft| draft.error.is_some())
    }

    /// What the text field of `entry` shows: its draft, or its value.
    pub fn text(&self, entry: Entry) -> String {
        self.draft(entry)
            .map_or_else(|| entry.display(&self.scenario), |draft| draft.text.clone())
    }

    /// What is wrong with the draft of `entry`.
    pub fn error(&self, entry: Entry) -> Option<String> {
        self.draft(entry)?.error.as_ref().map(ToString::to_string)
    }

    /// All that is wrong, with what it is wrong with.
    pub fn errors(&self) -> Vec<(Entry, String)> {
        let error = |draft: &Draft| Some((draft.entry, self.error(draft.entry)?));
        self.drafts.iter().filter_map(error).collect()
    }

    /// Takes what was typed; where it is valid, the scenario follows.
    pub fn edit(&mut self, entry: Entry, text: &str) {
        let error = self.commit(entry, text).err();
        let is_valid = error.is_none();
        self.drafts.retain(|draft| draft.entry != entry);
        self.drafts.push(Draft {
            entry,
            text: text.to_owned(),
            error,
        });
        if is_valid {
            self.retry(entry);
        }
    }

    /// Sets a field to a value that is not typed: a slider's, an option's. Its draft is dropped.
    pub fn set(&mut self, field: Field, value: Value) {
        let entry = Entry::Field(field);
        match self.changed(field, value) {
            Ok(scenario) => {
                self.scenario = scenario;
                self.drafts.retain(|draft| draft.entry != entry);
                self.retry(entry);
            }
            Err(error) => {
                let text = field.display(value);
                self.drafts.retain(|draft| draft.entry != entry);
                self.drafts.push(Draft {
                    entry,
                    text,
                    error: Some(error),
                });
            }
        }
    }

    /// The reader has left the field: a valid draft gives way to the value, an invalid one stays.
    pub fn settle(&mut self, entry: Entry) {
        self.drafts
            .retain(|draft| draft.entry != entry || draft.error.is_some());
    }

    /// Another scenario altogether: a preset, a link, a held quantity. Drafts are dropped.
    pub fn replace(&mut self, scenario: Scenario) {
        *self = Self::new(scenario);
    }

    fn draft(&self, entry: Entry) -> Option<&Draft> {
        self.drafts.iter().find(|draft| draft.entry == entry)
    }

    fn commit(&mut self, entry: Entry, text: &str) -> Result<(), Unconvertible> {
        self.scenario = match entry {
            Entry::Quantity(quantity) => quantity.set(&self.scenario, quantity.parse(text)?)?,
            Entry::Field(field) => self.changed(field, field.parse(text)?)?,
        };
        Ok(())
    }

    /// The scenario with a field's new value, and with what waits for it.
    fn changed(&self, field: Field, value: Value) -> Result<Scenario, Unconvertible> {
        let mut together = self.pending(Entry::Field(field));
        together.extend(self.scenario.followers(field, value));
        together.push((field, value));
        change(&self.scenario, &together).or_else(|_| change(&self.scenario, &[(field, value)]))
    }

    /// Values of other fields that are valid in themselves and wait for a partner.
    fn pending(&self, entry: Entry) -> Vec<(Field, Value)> {
        let waiting = self
            .drafts
            .iter()
            .filter(|draft| draft.entry != entry && draft.error.is_some());
        waiting
            .filter_map(|draft| match draft.entry {
                Entry::Field(field) => Some((field, field.parse(&draft.text).ok()?)),
                Entry::Quantity(_) => None,
            })
            .collect()
    }

    /// After `edited`: drafts that waited may be valid now, and what is valid and not being edited is shown as a value.
    fn retry(&mut self, edited: Entry) {
        let drafts = std::mem::take(&mut self.drafts);
        for draft in drafts {
            if draft.entry == edited {
                self.drafts.push(draft);
            } else if draft.error.is_some()
                && let Err(error) = self.commit_waiting(&draft)
            {
                self.drafts.push(Draft {
                    error: Some(error),
                    ..draft
                });
            }
        }
    }

    fn commit_waiting(&mut self, draft: &Draft) -> Result<(), Unconvertible> {
        if let Entry::Field(field) = draft.entry
            && let Ok(value) = field.parse(&draft.text)
            && self.scenario.value(field) == value
        {
            return Ok(());
        }
        self.commit(draft.entry, &draft.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(form: &mut Form, field: Field, text: &str) {
        form.edit(Entry::Field(field), text);
    }

    #[test]
    fn keeps_what_was_typed_and_the_last_good_answer() {
        let mut form = Form::new(Scenario::default());
        for text in ["0", "-5", "NaN", "1e400", "", "seven", "1e14", "1.5"] {
            typed(&mut form, Field::Parameters, text);
            form.settle(Entry::Field(Field::Parameters));
            assert_eq!(form.text(Entry::Field(Field::Parameters)), text);
            assert!(
                form.error(Entry::Field(Field::Parameters)).is_some(),
                "{text}"
            );
            assert_eq!(form.scenario().parameters(), 7_000_000_000);
        }
        typed(&mut form, Field::Parameters, "70B");
        assert!(!form.is_stale());
        form.settle(Entry::Field(Field::Parameters));
        assert_eq!(form.text(Entry::Field(Field::Parameters)), "70 B");
    }

    #[test]
    fn values_valid_only_together_wait_for_each_other() {
        let mut form = Form::new(Scenario::default());
        typed(&mut form, Field::HIDDEN, "5000");
        let error = form.error(Entry::Field(Field::HIDDEN)).unwrap();
        assert!(
            error.contains("Heads = 16 does not divide hidden size = 5000"),
            "{error}"
        );
        typed(&mut form, Field::HEADS, "40");
        assert!(!form.is_stale());
        assert_eq!(
            (form.scenario().hidden(), form.scenario().heads()),
            (5000, 40)
        );
    }

    #[test]
    fn an_impossible_wait_ends_when_the_other_field_is_mended() {
        let mut form = Form::new(Scenario::default());
        typed(&mut form, Field::HEADS, "30");
        assert!(form.is_stale());
        typed(&mut form, Field::HIDDEN, "3840");
        assert!(!form.is_stale());
        assert_eq!(
            (form.scenario().hidden(), form.scenario().heads()),
            (3840, 30)
        );
    }
}
