//! JSON, as configurations need it.
//!
//! Ours, because a general parser's code and tables are ten kilobytes more for each reader of the page; a test holds it
//! to serde_json.

use crate::field::real;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// A number written without sign, fraction and exponent.
    Whole(u64),
    /// Any other number.
    Real(f64),
    Text(String),
    List(Vec<Json>),
    Object(Fields),
}

/// The fields of an object, as they stand in the text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fields(Vec<(String, Json)>);

impl Fields {
    /// The value of a field; the last, where it is there twice.
    pub(super) fn get(&self, name: &str) -> Option<&Json> {
        let field = self.0.iter().rev().find(|(key, _)| key == name);
        field.map(|(_, value)| value)
    }
}

impl Json {
    /// The fields, of an object.
    pub(super) fn fields(&self) -> Option<&Fields> {
        match self {
            Self::Object(fields) => Some(fields),
            _ => None,
        }
    }

    /// The items, of a list.
    pub(super) fn items(&self) -> Option<&[Json]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The text, of a text.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// True or false, of these.
    pub(super) fn flag(&self) -> Option<bool> {
        match self {
            Self::Bool(holds) => Some(*holds),
            _ => None,
        }
    }

    /// The number, of a number.
    pub(super) fn real(&self) -> Option<f64> {
        match self {
            Self::Whole(count) => Some(*count as f64),
            Self::Real(real) => Some(*real),
            _ => None,
        }
    }

    /// A number without fraction, at least 0; 4096.0 is one, as in files that passed through other languages.
    pub(super) fn whole(&self) -> Option<u64> {
        match self {
            Self::Whole(count) => Some(*count),
            Self::Real(real) if *real >= 0.0 && real.fract() == 0.0 => Some(*real as u64),
            _ => None,
        }
    }
}

/// What is wrong with a text, and at which of its bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Malformed {
    pub(super) at: usize,
    pub(super) why: &'static str,
}

/// Objects and lists may be nested this deep.
const DEEPEST: u32 = 127;

const ENDS: &str = "the text ends inside a value";
const TOO_DEEP: &str = "objects and lists are nested more than 127 deep";
const NOT_FINITE: &str = "NaN and Infinity are no JSON, though Python writes them";

/// Reads a text that is one value.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn parse(text: &str) -> Result<Json, Malformed> {
    let mut parser = Parser { text, at: 0 };
    let value = parser.value(DEEPEST).and_then(|value| {
        parser.skip_space();
        match parser.peek() {
            None => Ok(value),
            Some(_) => Err("something follows the value"),
        }
    });
    value.map_err(|why| Malformed { at: parser.at, why })
}

/// Reads from left to right; at an error, it stands where the error is.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// What is wrong where this was expected.
    fn expected<T>(&self, what: &'static str) -> Result<T, &'static str> {
        Err(if self.at < self.text.len() {
            what
        } else {
            ENDS
        })
    }

    /// A value that holds others at most `depth` deep.
    fn value(&mut self, depth: u32) -> Result<Json, &'static str> {
        self.skip_space();
        match self.peek() {
            Some(b'{' | b'[') if depth == 0 => Err(TOO_DEEP),
            Some(b'{') => self.object(depth - 1),
            Some(b'[') => self.list(depth - 1),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'N' | b'I') => Err(NOT_FINITE),
            _ => {
                let words = [
                    ("null", Json::Null),
                    ("true", Json::Bool(true)),
                    ("false", Json::Bool(false)),
                ];
                let rest = self.text.get(self.at..).unwrap_or("");
                for (word, value) in words {
                    if rest.starts_with(word) {
                        self.at += word.len();
                        return Ok(value);
                    }
                }
                self.expected("a value is expected")
            }
        }
    }

    fn object(&mut self, depth: u32) -> Result<Json, &'static str> {
        let mut fields = Vec::new();
        self.at += 1;
        self.skip_space();
        if self.eat(b'}') {
            return Ok(Json::Object(Fields(fields)));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return self.expected("a name in quotes is expected");
            }
            let name = self.string()?;
            self.skip_space();
            if !self.eat(b':') {
                return self.expected("`:` is expected");
            }
            fields.push((name, self.value(depth)?));
            self.skip_space();
            if self.eat(b'}') {
                return Ok(Json::Object(Fields(fields)));
            }
            if !self.eat(b',') {
                return self.expected("`,` or `}` is expected");
            }
        }
    }

    fn list(&mut self, depth: u32) -> Result<Json, &'static str> {
        let mut items = Vec::new();
        self.at += 1;
        self.skip_space();
        if self.eat(b']') {
            return Ok(Json::List(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.skip_space();
            if self.eat(b']') {
                return Ok(Json::List(items));
            }
            if !self.eat(b',') {
                return self.expected("`,` or `]` is expected");
            }
        }
    }

    /// Passes digits; whether there were any.
    fn digits(&mut self) -> bool {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at > start
    }

    fn number(&mut self) -> Result<Json, &'static str> {
        const DIGIT: &str = "a digit is expected";
        let negative = self.eat(b'-');
        let start = self.at;
        if self.peek() == Some(b'I') {
            return Err(NOT_FINITE);
        }
        // A leading 0 stands alone.
        if !self.eat(b'0') && !self.digits() {
            return self.expected(DIGIT);
        }
        let mut whole = !negative;
        if self.eat(b'.') {
            whole = false;
            if !self.digits() {
                return self.expected(DIGIT);
            }
        }
        if self.eat(b'e') || self.eat(b'E') {
            whole = false;
            let _sign = self.eat(b'+') || self.eat(b'-');
            if !self.digits() {
                return self.expected(DIGIT);
            }
        }
        let digits = self.text.get(start..self.at).unwrap_or("");
        if let (true, Ok(count)) = (whole, digits.parse()) {
            return Ok(Json::Whole(count));
        }
        match real(digits, "") {
            Ok(real) => Ok(Json::Real(if negative { -real } else { real })),
            Err(_) => Err("a number is too large"),
        }
    }

    fn string(&mut self) -> Result<String, &'static str> {
        let mut string = String::new();
        self.at += 1;
        let mut start = self.at;
        loop {
            let byte = self.peek();
            if !matches!(byte, None | Some(b'"' | b'\\' | 0..=0x1f)) {
                self.at += 1;
                continue;
            }
            string.push_str(self.text.get(start..self.at).unwrap_or(""));
            match byte {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => string.push(self.escape()?),
                _ => return self.expected("a text has a line break or a control character in it"),
            }
            start = self.at;
        }
    }

    fn escape(&mut self) -> Result<char, &'static str> {
        self.at += 1;
        let escaped = match self.peek() {
            Some(letter @ (b'"' | b'\\' | b'/')) => letter,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => return self.unicode(),
            _ => return self.expected("no such escape"),
        };
        self.at += 1;
        Ok(char::from(escaped))
    }

    /// A character by its number, or two that make up one; one of two alone is replaced, as it stands for nothing.
    fn unicode(&mut self) -> Result<char, &'static str> {
        let first = self.hexadecimal()?;
        let mut code = first;
        let rest = self.text.get(self.at..).unwrap_or("");
        if (0xd800..0xdc00).contains(&first) && rest.starts_with("\\u") {
            let before = self.at;
            self.at += 1;
            let second = self.hexadecimal()?;
            if (0xdc00..0xe000).contains(&second) {
                code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            } else {
                self.at = before;
            }
        }
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// `u` and four hexadecimal digits.
    fn hexadecimal(&mut self) -> Result<u32, &'static str> {
        let mut code = 0;
        for _ in 0..4 {
            self.at += 1;
            match self.peek().and_then(|byte| char::from(byte).to_digit(16)) {
                Some(digit) => code = code * 16 + digit,
                None => return self.expected("four hexadecimal digits are expected"),
            }
        }
        self.at += 1;
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// Whether it is the value that serde_json reads: numbers to the fifteen digits that fields keep.
    fn same(ours: &Json, theirs: &Value) -> bool {
        match (ours, theirs) {
            (Json::Null, Value::Null) => true,
            (Json::Bool(ours), Value::Bool(theirs)) => ours == theirs,
            (Json::Text(ours), Value::String(theirs)) => ours == theirs,
            (Json::Whole(ours), Value::Number(theirs)) => Some(*ours) == theirs.as_u64(),
            (Json::Real(ours), Value::Number(theirs)) => {
                let theirs = theirs.as_f64().unwrap();
                (ours - theirs).abs() <= theirs.abs() * 1e-14 || theirs.abs() < 1e-290
            }
            (Json::List(ours), Value::Array(theirs)) => {
                ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| same(a, b))
            }
            (Json::Object(ours), Value::Object(theirs)) => theirs
                .iter()
                .all(|(name, value)| ours.get(name).is_some_and(|ours| same(ours, value))),
            _ => false,
        }
    }

    /// Both read the same, or both refuse; halves of surrogate pairs and the very largest exponents aside.
    #[track_caller]
    fn assert_same(text: &str) {
        match (parse(text), serde_json::from_str::<Value>(text)) {
            (Ok(ours), Ok(theirs)) => assert!(same(&ours, &theirs), "{text}: {ours:?} {theirs}"),
            (Err(_), Err(_)) => {}
            (Ok(_), Err(why)) => assert!(why.to_string().contains("escape"), "{text}: {why}"),
            (Err(why), Ok(_)) => assert_eq!(why.why, "a number is too large", "{text}"),
        }
    }

    #[test]
    fn as_serde_json_reads_it() {
        for text in [
            "",
            " ",
            "null",
            " true ",
            "false",
            "nul",
            "truee",
            "0",
            "-0",
            "00",
            "01",
            "-",
            "-a",
            "1.",
            ".5",
            "1e",
            "1e+",
            "1E-05",
            "-1.5e+3",
            "1e400",
            "-1e400",
            "1e-400",
            "18446744073709551615",
            "18446744073709551616",
            "-7",
            "1 2",
            "\"\"",
            "\"a",
            "\"\\n\\t\\b\\f\\r\\/\\\\\\\"\"",
            "\"\\x\"",
            "\"\\u00e9\"",
            "\"\\ud83e\\udd99\"",
            "\"\\ud83e\"",
            "\"\\ud83e\\u0041\"",
            "\"\\u12\"",
            "\"\\u12é9\"",
            "\"a\nb\"",
            "\"🦙\"",
            "[]",
            "[ ]",
            "[1]",
            "[1,]",
            "[1 2]",
            "[,]",
            "[[[]]]",
            "{}",
            "{ }",
            "{\"a\":1}",
            "{\"a\" : [1, {\"b\": null}] , \"c\":\"d\"}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\"}",
            "{\"a\":1,\"a\":2}",
            "]",
            "}",
            "{\"a\":1]",
            "NaN",
            "[Infinity]",
            "[-Infinity]",
            "\u{feff}1",
            "'a'",
            "// x",
            "[1]]",
        ] {
            assert_same(text);
        }
    }

    #[test]
    fn as_deep() {
        for (depth, deep_enough) in [(127, true), (128, false), (10_000, false)] {
            let text = "[".repeat(depth) + &"]".repeat(depth);
            assert_eq!(parse(&text).is_ok(), deep_enough, "{depth}");
            assert_same(&text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 4_000,
            failure_persistence: None,
            rng_seed: proptest::test_runner::RngSeed::Fixed(1),
            ..ProptestConfig::default()
        })]

        /// Anything made of what JSON is made of.
        #[test]
        fn any_pieces(pieces in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\\", "u", "d83e", "\\udd99", "0", "1", "-", ".", "e", "E+5", " ", "\n", "null",
            "true", "fals", "NaN", "é", "\"a\":", "\"b\"", "12.5", "[1,", "{\"c\":",
        ]), 0..12)) {
            assert_same(&pieces.concat());
        }

        /// Anything.
        #[test]
        fn any_text(text in "\\PC{0,24}") {
            assert_same(&text);
        }

        /// Any number.
        #[test]
        fn any_number(number in any::<f64>(), count in any::<i64>()) {
            assert_same(&format!("[{number:e}, {count}, {number}]"));
        }
    }
}
