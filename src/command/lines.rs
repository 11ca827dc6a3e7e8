//! Lines of a file or of standard input, each of a bounded length, however long the file or its lines are.

use petaday::units::grouped;
use std::io::{self, BufRead};

/// The longest line, or document, that is read, in bytes: 1 MiB, where a config.json has some kilobytes.
pub const LONGEST: usize = petaday::model::huggingface::MAX_BYTES;

/// A line that is not empty.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its number, from 1.
    pub number: usize,
    /// Its text, or why there is none.
    pub text: Result<String, String>,
}

/// Reads lines one by one; those with nothing in them are passed over.
pub struct Lines<R> {
    reader: R,
    number: usize,
}

impl<R: BufRead> Lines<R> {
    /// The lines of a reader.
    pub fn of(reader: R) -> Self {
        Self { reader, number: 0 }
    }

    /// Reads up to the next line break; of a line that is too long, only its length is kept.
    fn line(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        let mut length = 0;
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
                Err(why) => return Err(why),
            };
            if chunk.is_empty() && length == 0 {
                return Ok(None);
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(chunk.len(), |end| end + 1);
            length += taken;
            if length <= LONGEST + 1 {
                bytes.extend_from_slice(&chunk[..taken]);
            }
            let is_last = end.is_some() || chunk.is_empty();
            self.reader.consume(taken);
            if is_last {
                break;
            }
        }
        self.number += 1;
        let text = if length > LONGEST + 1 {
            Err(format!(
                "{} bytes are too long for a scenario, which is under 1 MiB",
                grouped(length as u128)
            ))
        } else {
            String::from_utf8(bytes).map_err(|why| {
                let at = why.utf8_error().valid_up_to() + 1;
                format!("not UTF-8 text (byte {at} of the line)")
            })
        };
        // Some editors write a byte-order mark.
        let text = text.map(|text| match text.strip_prefix('\u{feff}') {
            Some(rest) if self.number == 1 => rest.to_owned(),
            _ => text,
        });
        let number = self.number;
        Ok(Some(Line { number, text }))
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.line().transpose()? {
                Ok(line) if line.text.as_ref().is_ok_and(|text| text.trim().is_empty()) => {}
                line => return Some(line),
            }
        }
    }
}
