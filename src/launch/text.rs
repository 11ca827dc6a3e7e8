//! Lines of settings and of comments.

/// Lines under way: settings, and before them what is said about them.
pub(super) struct Text {
    notes: String,
    settings: String,
}

impl Text {
    /// Begins with what the settings are for.
    pub fn new(first: &str) -> Self {
        let mut text = Self {
            notes: String::new(),
            settings: String::new(),
        };
        text.note(first);
        text
    }

    /// A comment.
    pub fn note(&mut self, note: &str) {
        self.notes.push_str("# ");
        self.notes.push_str(note);
        self.notes.push('\n');
    }

    /// A comment on what the tool has no option for.
    pub fn missing(&mut self, what: &str) {
        self.notes.push_str("# No option for ");
        self.notes.push_str(what);
        self.notes.push_str(".\n");
    }

    /// A line of settings.
    pub fn line(&mut self, parts: &[&str]) {
        for part in parts {
            self.settings.push_str(part);
        }
        self.settings.push('\n');
    }

    /// All of it, comments first.
    pub fn finish(self) -> String {
        let mut text = self.notes;
        text.push_str(&self.settings);
        text
    }
}
