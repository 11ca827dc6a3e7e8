//! Writes the page's first paint into a built index.html: the default answer, before the wasm arrives and
//! where there is no script at all. The same components as the page, rendered to text.

use leptos::prelude::*;
use petaday::app::{App, Home, Page};
use std::process::ExitCode;

/// What index.html holds where the app will stand.
const PLACE: &str = "Loading petaday…";

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
    let html = std::fs::read_to_string(path).map_err(|why| why.to_string())?;
    if !html.contains(PLACE) {
        return Err(format!("no {PLACE} to replace"));
    }
    let paint = Owner::new().with(|| {
        let page = Page::open("", Home { embed: false });
        view! { <App page=page/> }.to_html()
    });
    std::fs::write(path, html.replace(PLACE, &paint)).map_err(|why| why.to_string())
}
