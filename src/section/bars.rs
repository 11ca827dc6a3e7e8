//! Stacked bars as elements with class names; whoever shows them has the same figures in a table.

use crate::chart::timeline;
use crate::estimate::gigabytes;
use crate::html::escaped;
use crate::scenario::Scenario;
use crate::units::{Bytes, decimal};

/// A bar.
pub(super) struct Bar {
    /// What it is of.
    pub name: String,
    /// Its pieces, as many in each bar: the key that colours a piece, and its bytes.
    pub pieces: Vec<(&'static str, Bytes)>,
    /// What marks it; empty where nothing does.
    pub mark: &'static str,
}

impl Bar {
    pub(super) fn total(&self) -> Bytes {
        self.pieces.iter().map(|(_, bytes)| *bytes).sum()
    }
}

/// Bars on one scale, with the GPU's capacity. `twin` says where the same figures stand as text.
pub(super) fn html(title: &str, twin: &str, bars: &[Bar], scenario: &Scenario) -> String {
    let capacity = scenario.usable();
    let pieces: Vec<Vec<Bytes>> = bars
        .iter()
        .map(|bar| bar.pieces.iter().map(|(_, bytes)| *bytes).collect())
        .collect();
    let drawn = timeline(&pieces, capacity);
    let at = percent(drawn.capacity);
    let mut html = format!(
        "<div class=\"bars\" role=\"img\" aria-label=\"{title}; {twin}\">\
         <p class=\"capacity-label\" style=\"--at:{at}\">{}: {} GB</p>",
        escaped(scenario.gpu().short),
        gigabytes(capacity)
    );
    for (bar, shapes) in bars.iter().zip(&drawn.bars) {
        let total = bar.total();
        let past = if total > capacity { " past" } else { "" };
        let mark = if bar.mark.is_empty() {
            String::new()
        } else {
            format!(" <strong>{}</strong>", bar.mark)
        };
        let class = if bar.mark.is_empty() { "" } else { " marked" };
        html.push_str(&format!(
            "<p class=\"bar-name\"><span>{}{mark}</span> <span class=\"amount{past}\">{} GB</span></p><div class=\"track{class}\">",
            bar.name,
            gigabytes(total)
        ));
        for ((key, bytes), shape) in bar.pieces.iter().zip(shapes) {
            if bytes.0 > 0 {
                html.push_str(&format!(
                    "<span class=\"piece\" data-part=\"{key}\" style=\"left:{};width:{}\"></span>",
                    percent(shape.left),
                    percent(shape.width)
                ));
            }
        }
        html.push_str(&format!(
            "<span class=\"limit\" style=\"left:{at}\"></span></div>"
        ));
    }
    html.push_str("<div class=\"axis\">");
    let last = drawn.ticks.len().saturating_sub(1);
    for (index, tick) in drawn.ticks.iter().enumerate() {
        let unit = if index == last { " GB" } else { "" };
        html.push_str(&format!(
            "<span style=\"--at:{}\">{}{unit}</span>",
            percent(tick.at),
            tick.text
        ));
    }
    html + "</div></div>"
}

/// What the colours stand for.
pub(super) fn legend(parts: &[(&str, &str)]) -> String {
    let part = |(key, label): &(&str, &str)| {
        format!("<span data-part=\"{key}\"><span class=\"swatch\"></span>{label}</span> ")
    };
    format!(
        "<p class=\"legend\">{}</p>",
        parts.iter().map(part).collect::<String>()
    )
}

fn percent(value: f64) -> String {
    format!("{}%", decimal(value, 3))
}
