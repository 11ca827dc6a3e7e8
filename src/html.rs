//! The few shapes that text on the page is made of, as HTML. What is not ours is escaped.

use crate::formula::{Expression, Source};

/// Text that cannot be taken for markup.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

pub(crate) fn paragraph(html: &str) -> String {
    format!("<p>{html}</p>")
}

pub(crate) fn aside(html: &str) -> String {
    format!("<p class=\"aside\">{html}</p>")
}

/// A link to a source, or its citation where it has no address.
pub(crate) fn source(source: &Source) -> String {
    let citation = escaped(source.citation);
    if source.url.is_empty() {
        citation
    } else {
        format!(
            "<a href=\"{}\" target=\"_blank\" rel=\"noopener\">{citation}</a>",
            source.url
        )
    }
}

/// How a figure arises: its formula, what is said beside it, its symbols, its source.
pub(crate) fn explanation(formula: &Expression, beside: &str, source_of: &Source) -> String {
    let symbols: String = formula
        .symbols()
        .into_iter()
        .map(|(symbol, value)| {
            let value = crate::units::number(value);
            let space = if symbol.unit.is_empty() { "" } else { " " };
            format!(
                "<div><dt>{}</dt><dd>{}, {value}{space}{}</dd></div>",
                symbol.sign, symbol.meaning, symbol.unit
            )
        })
        .collect();
    format!(
        "<div class=\"explanation\"><div class=\"formula\" tabindex=\"0\" role=\"group\" aria-label=\"Formula\">{}</div>\
         {beside}<dl>{symbols}</dl><p class=\"aside\">Source: {}</p></div>",
        formula.mathml(),
        source(source_of)
    )
}

/// What a formula comes to, opening to the formula.
pub(crate) fn explained(result: &str, formula: &Expression, source_of: &Source) -> String {
    format!(
        "<details class=\"derived\"><summary>{result}</summary>{}</details>",
        explanation(formula, "", source_of)
    )
}

/// A button that sets fields as a link does: `tokens=2T`.
pub(crate) fn setter(set: &str, class: &str, label: &str) -> String {
    format!(
        "<button type=\"button\" class=\"{class}\" data-set=\"{}\">{label}</button>",
        escaped(set)
    )
}

/// A table; cells are HTML. The first column names the row, the rest are figures unless `left` says words.
pub(crate) struct Table {
    html: String,
    words: &'static [usize],
}

impl Table {
    /// A table called `caption` with these columns; `words` are the columns that hold words, not figures.
    pub(crate) fn new(caption: &str, columns: &[&str], words: &'static [usize]) -> Self {
        let mut table = Self {
            html: format!(
                "<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"{caption}\"><table class=\"figures-table\"><caption class=\"hidden\">{caption}</caption><thead><tr>"
            ),
            words,
        };
        for (index, column) in columns.iter().enumerate() {
            let class = table.class(index);
            table
                .html
                .push_str(&format!("<th scope=\"col\"{class}>{column}</th>"));
        }
        table.html.push_str("</tr></thead><tbody>");
        table
    }

    fn class(&self, index: usize) -> &'static str {
        if index == 0 || self.words.contains(&index) {
            " class=\"words\""
        } else {
            ""
        }
    }

    /// Adds a row; `class` is empty, or says what is special of it.
    pub(crate) fn row(&mut self, class: &str, cells: &[String]) {
        self.html.push_str(&format!("<tr class=\"{class}\">"));
        for (index, cell) in cells.iter().enumerate() {
            let cell = if index == 0 {
                format!("<th scope=\"row\" class=\"words\">{cell}</th>")
            } else {
                format!("<td{}>{cell}</td>", self.class(index))
            };
            self.html.push_str(&cell);
        }
        self.html.push_str("</tr>");
    }

    pub(crate) fn end(mut self) -> String {
        self.html.push_str("</tbody></table></div>");
        self.html
    }
}
