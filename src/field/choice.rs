//! Choices of a few options, each declared once with its docs, its key and its label.

use super::Kind;

/// One of a few options, each with the key that links use and the label the page shows.
pub trait Choice: Copy + PartialEq + Sized + 'static {
    /// Every option, in the order shown. Keys are only ever added: links name them.
    const ALL: &'static [Self];

    /// What links call it.
    fn key(self) -> &'static str;

    /// What the page calls it.
    fn label(self) -> &'static str;

    /// Its place in [`Choice::ALL`].
    fn index(self) -> usize {
        Self::ALL
            .iter()
            .position(|option| *option == self)
            .unwrap_or(0)
    }

    /// The option of this key.
    fn find(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|option| option.key() == key)
    }
}

/// The kind of a field that takes one of these options.
pub fn options<C: Choice>() -> Kind {
    Kind::Choice(
        C::ALL
            .iter()
            .map(|option| (option.key(), option.label()))
            .collect(),
    )
}

/// Declares a choice once: its options with docs, keys and labels.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$option_doc:meta])* $option:ident $key:literal $label:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$option_doc])* $option,)+ }

        impl $crate::field::Choice for $name {
            const ALL: &'static [Self] = &[$(Self::$option,)+];
            fn key(self) -> &'static str {
                match self { $(Self::$option => $key,)+ }
            }
            fn label(self) -> &'static str {
                match self { $(Self::$option => $label,)+ }
            }
        }
    };
}
pub(crate) use choice;
