//! Accelerators by id, for links, and by name, for readers.

use super::{ACCELERATORS, Accelerator};

impl Accelerator {
    /// The catalogue's row of exactly this id.
    pub fn find(id: &str) -> Option<&'static Self> {
        ACCELERATORS.iter().find(|accelerator| accelerator.id == id)
    }

    /// Rows in whose id, name, maker or architecture every word of `text` occurs, in any case and however it is
    /// spaced: "a100 80gb", "rtx4090", "hopper". Those come first of whose name the words are whole words ("h20": the
    /// H20 before the H200), otherwise the catalogue's order stands. Every row if there is no word.
    pub fn search(text: &str) -> impl Iterator<Item = &'static Self> {
        let found = |whole| {
            let matches = move |row: &&Self| row.has_words(text) && row.is_called(text) == whole;
            ACCELERATORS.iter().filter(matches)
        };
        found(true).chain(found(false))
    }

    fn has_words(&self, text: &str) -> bool {
        let fields = [self.id, self.name, self.vendor, self.architecture];
        text.split_whitespace()
            .all(|word| fields.iter().any(|field| occurs(word, field)))
    }

    fn is_called(&self, text: &str) -> bool {
        text.split_whitespace().all(|word| {
            self.name
                .split_whitespace()
                .any(|name| name.eq_ignore_ascii_case(word))
        })
    }
}

/// Whether `word` is in `field`, but for case, spaces and punctuation.
fn occurs(word: &str, field: &str) -> bool {
    (0..=field.len()).any(|start| {
        let mut rest = letters(field).skip(start);
        letters(word).all(|letter| rest.next() == Some(letter))
    })
}

fn letters(text: &str) -> impl Iterator<Item = u8> {
    text.bytes()
        .filter(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
        .map(|byte| byte.to_ascii_lowercase())
}
