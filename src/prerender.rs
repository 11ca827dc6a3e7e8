//! Writes the page's first paint into a built index.html: the default answer, before the wasm arrives and
//! where there is no script at all. The same components as the page, rendered to text.

use leptos::prelude::*;
use petaday::app::{Home, Page, SECTIONS};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: petaday-prerender dist/index.html");
        return ExitCode::FAILURE;
    };
    match write(&path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{path}: {why}");
            ExitCode::FAILURE
        }
    }
}

fn write(path: &str) -> Result<(), String> {
    let mut html = std::fs::read_to_string(path).map_err(|why| why.to_string())?;
    Owner::new().with(|| {
        let page = Page::open("", Home { embed: false });
        SECTIONS
            .iter()
            .try_for_each(|section| fill(&mut html, section.id, &(section.text)(page)))
    })?;
    // What the second wasm would say of the opening scenario's memory, so that a first view does without it.
    let held = petaday::section::part::figures(&petaday::link::open("").scenario);
    let app = place(&html, "app")?;
    html.insert_str(app, &format!(" data-held=\"{held}\""));
    std::fs::write(path, html).map_err(|why| why.to_string())
}

/// Where the attributes of the element with this id end. Trunk's minifier may have left them without quotes.
fn place(html: &str, id: &str) -> Result<usize, String> {
    let at = [
        format!(" id={id}>"),
        format!(" id={id} "),
        format!(" id=\"{id}\""),
    ]
    .iter()
    .find_map(|attribute| html.find(attribute))
    .ok_or_else(|| format!("no element with id {id} to fill"))?;
    Ok(at + html[at..].find('>').unwrap_or(0))
}

/// Puts `content` into the element with this id.
fn fill(html: &mut String, id: &str, content: &str) -> Result<(), String> {
    let start = place(html, id)? + 1;
    let end = start + html[start..].find('<').unwrap_or(0);
    html.replace_range(start..end, content);
    Ok(())
}
