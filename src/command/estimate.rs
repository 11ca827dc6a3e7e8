//! `petaday estimate`: a link, a file, or standard input in; estimates as JSON out.

use crate::lines::{LONGEST, Line, Lines};
use crate::scenario::{self, Held, Object, Question, Wrong};
use petaday::estimate::estimate;
use petaday::link;
use petaday::report::Report;
use petaday::scenario::Scenario;
use serde::Serialize;
use serde_json::Value as Json;
use serde_json::error::Category;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};

/// An answer to one question.
#[derive(Serialize)]
struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Json>,
    #[serde(flatten)]
    report: Report,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// Why there is no answer: the first error, and all of them.
#[derive(Serialize)]
struct Failure {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Json>,
    error: LocatedError,
    errors: Vec<LocatedError>,
}

#[derive(Clone, Serialize)]
struct LocatedError {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    field: String,
    message: String,
}

type Answered = Result<Box<Answer>, Failure>;

/// Answers an argument: `-` is standard input, what has `=`, `?`, `#` or `://` in it is a link, anything else a path.
/// Says whether every question was answered.
pub fn run(input: &str) -> bool {
    let mut output = io::stdout().lock();
    let done = if input == "-" {
        run_on(io::stdin().lock(), &mut output)
    } else if input.contains(['=', '?', '#']) || input.contains("://") {
        print(&mut output, &of_link(input), true)
    } else {
        match open(input) {
            Ok(file) => run_on(BufReader::new(file), &mut output),
            Err(why) => print(&mut output, &Err(failure(None, None, vec![why])), true),
        }
    };
    // Nobody reads any more: there is nobody to tell.
    done.unwrap_or(false)
}

fn open(path: &str) -> Result<File, Wrong> {
    let wrong = |why: &dyn ToString| {
        let path = scenario::shown(path);
        let why = why.to_string();
        Wrong::new(
            "",
            format!(
                "{path} cannot be read: {why}; valid: a file, - for standard input, or a link, which has a = in it"
            ),
        )
    };
    let file = File::open(path).map_err(|why| wrong(&why))?;
    match file.metadata() {
        Ok(data) if data.is_dir() => Err(wrong(&"it is a folder")),
        _ => Ok(file),
    }
}

/// The estimate of a link. The page falls back where a field is wrong and says so to a reader; a program may not be
/// reading, so here it is an error.
fn of_link(text: &str) -> Answered {
    let opened = link::open(text);
    let notices = opened.notices.iter();
    let wrong: Vec<_> = notices
        .map(|notice| Wrong::new(notice.key(), notice))
        .collect();
    if wrong.is_empty() {
        Ok(Box::new(answer(Question::of(opened.scenario))))
    } else {
        Err(failure(None, None, wrong))
    }
}

impl Question {
    /// A scenario and nothing beside it.
    fn of(scenario: Scenario) -> Self {
        Self {
            id: None,
            scenario,
            warnings: Vec::new(),
            held: None,
        }
    }
}

fn answer(question: Question) -> Answer {
    let report = Report::of(&question.scenario, &estimate(&question.scenario));
    Answer {
        id: question.id,
        report: match question.held {
            Some(Held::Step(step)) => report.with_step(&step),
            Some(Held::Rank(rank)) => report.with_rank(&rank),
            None => report,
        },
        warnings: question.warnings,
    }
}

fn failure(id: Option<Json>, line: Option<usize>, wrong: Vec<Wrong>) -> Failure {
    let errors: Vec<_> = wrong
        .into_iter()
        .map(|Wrong { field, message }| LocatedError {
            line,
            field,
            message,
        })
        .collect();
    let unsaid = LocatedError {
        line,
        field: String::new(),
        message: "something is wrong".to_owned(),
    };
    Failure {
        id,
        error: errors.first().cloned().unwrap_or(unsaid),
        errors,
    }
}

/// Prints an answer or an error: on one line, or over many for a reader.
fn print(output: &mut impl Write, answered: &Answered, pretty: bool) -> io::Result<bool> {
    let text = match (answered, pretty) {
        (Ok(answer), true) => serde_json::to_string_pretty(answer),
        (Ok(answer), false) => serde_json::to_string(answer),
        (Err(failure), true) => serde_json::to_string_pretty(failure),
        (Err(failure), false) => serde_json::to_string(failure),
    };
    writeln!(output, "{}", text?)?;
    Ok(answered.is_ok())
}

/// What a text is.
enum Text {
    /// A whole JSON object.
    Object(Object),
    /// The start of something, which its end may follow.
    Unfinished(Wrong),
    /// Anything else.
    Wrong(Wrong),
}

/// Reads one text; `first_line` is the number of its first line.
fn parse(text: &str, first_line: usize) -> Text {
    match serde_json::from_str(text) {
        Ok(object) => Text::Object(object),
        Err(why) => {
            let (line, column) = (why.line(), why.column());
            let place = format!(" at line {line} column {column}");
            let full = why.to_string();
            let message = full.strip_suffix(&place).unwrap_or(&full);
            let message = match why.classify() {
                Category::Data => {
                    "not a scenario; valid: an object such as {\"model\": \"Llama 3.1 8B\"}"
                        .to_owned()
                }
                _ if message.contains("recursion limit") => {
                    "not JSON: objects and lists are nested more than 127 deep".to_owned()
                }
                _ => format!("not JSON: {message}"),
            };
            let line = line.max(1) + first_line - 1;
            let wrong = Wrong::new("", format!("{message} (line {line}, column {column})"));
            if why.is_eof() {
                Text::Unfinished(wrong)
            } else {
                Text::Wrong(wrong)
            }
        }
    }
}

/// Answers a text, which is one JSON object over several lines, or one on each line.
fn run_on(reader: impl BufRead, output: &mut impl Write) -> io::Result<bool> {
    let mut lines = Lines::of(reader);
    let first = match lines.next() {
        None => {
            let empty = Wrong::new("", "there is nothing to read; valid: a scenario as JSON");
            return print(output, &Err(failure(None, None, vec![empty])), true);
        }
        Some(line) => line,
    };
    let first = match first {
        Ok(line) => line,
        Err(why) => return print(output, &Err(unreadable(&why)), true),
    };
    let is_unfinished = |line: &Line| {
        let text = line.text.as_ref();
        text.is_ok_and(|text| matches!(parse(text, line.number), Text::Unfinished(_)))
    };
    let mut pending = vec![first];
    if is_unfinished(&pending[0]) {
        let is_whole = match gather(&mut pending, &mut lines) {
            Ok(is_whole) => is_whole,
            Err(why) => return print(output, &Err(unreadable(&why)), true),
        };
        if let Some(answered) = document(&pending, is_whole) {
            return print(output, &answered, true);
        }
    }
    let mut done = true;
    for line in pending.into_iter().map(Ok).chain(lines) {
        done &= match line {
            Ok(line) => print(output, &of_line(&line), false)?,
            Err(why) => {
                print(output, &Err(unreadable(&why)), false)?;
                return Ok(false);
            }
        };
    }
    Ok(done)
}

fn unreadable(why: &io::Error) -> Failure {
    let wrong = Wrong::new("", format!("reading failed: {why}"));
    failure(None, None, vec![wrong])
}

/// Reads on until there is more than a document may have. Says whether that was all.
fn gather<R: BufRead>(pending: &mut Vec<Line>, lines: &mut Lines<R>) -> io::Result<bool> {
    let length = |line: &Line| line.text.as_ref().map_or(LONGEST, String::len);
    let mut bytes = pending.iter().map(length).sum::<usize>();
    while bytes <= LONGEST {
        match lines.next().transpose()? {
            None => return Ok(true),
            Some(line) => {
                bytes += length(&line);
                pending.push(line);
            }
        }
    }
    Ok(false)
}

/// The answer to lines as one object. None where they are several: a later one is an object by itself.
fn document(lines: &[Line], is_whole: bool) -> Option<Answered> {
    let first = lines.first().map_or(1, |line| line.number);
    // Empty lines were passed over: they are put back, so that places are right.
    let mut text = String::new();
    let mut number = first;
    for line in lines {
        while number < line.number {
            text.push('\n');
            number += 1;
        }
        text.push_str(line.text.as_deref().unwrap_or_default());
        number += 1;
    }
    let wrong = match parse(&text, first) {
        Text::Object(object) if is_whole => return Some(of_object(object, None)),
        Text::Object(_) => return None,
        Text::Wrong(wrong) | Text::Unfinished(wrong) => wrong,
    };
    let is_object = |line: &Line| {
        let text = line.text.as_deref().unwrap_or_default();
        text.starts_with('{') && matches!(parse(text, line.number), Text::Object(_))
    };
    if lines.iter().skip(1).any(is_object) {
        return None;
    }
    let too_long = || {
        Wrong::new(
            "",
            "more than 1 MiB are too long for a scenario; valid: a scenario a line, or one over several lines",
        )
    };
    let wrong = if is_whole { wrong } else { too_long() };
    Some(Err(failure(None, None, vec![wrong])))
}

/// The answer to a line of its own.
fn of_line(line: &Line) -> Answered {
    let number = Some(line.number);
    let wrong = match &line.text {
        Err(why) => Wrong::new("", why),
        // Without the line break: what ends early ends in this line.
        Ok(text) => match parse(text.trim_end(), line.number) {
            Text::Object(object) => return of_object(object, number),
            Text::Wrong(wrong) | Text::Unfinished(wrong) => wrong,
        },
    };
    Err(failure(None, number, vec![wrong]))
}

fn of_object(object: Object, line: Option<usize>) -> Answered {
    let id = object.id().cloned();
    match scenario::read(object) {
        Ok(question) => Ok(Box::new(answer(question))),
        Err(wrong) => Err(failure(id, line, wrong)),
    }
}
