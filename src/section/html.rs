//! The few shapes that sections are made of.

use crate::formula::{Expression, Source};

/// Text that cannot be taken for markup.
pub fn escaped(text: &str) -> String {
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

pub fn paragraph(html: &str) -> String {
    format!("<p>{html}</p>")
}

pub fn aside(html: &str) -> String {
    format!("<p class=\"aside\">{html}</p>")
}

/// A link to a source, or its citation where it has no address.
pub fn source(source: &Source) -> String {
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

/// What a formula comes to, opening to the formula and its symbols.
pub fn explained(result: &str, formula: &Expression, source_of: &Source) -> String {
    let symbols: String = formula
        .symbols()
        .into_iter()
        .map(|(symbol, value)| {
            format!(
                "<div><dt>{}</dt><dd>{}, {} {}</dd></div>",
                symbol.sign,
                symbol.meaning,
                crate::units::number(value),
                symbol.unit
            )
        })
        .collect();
    format!(
        "<details class=\"how\"><summary>{result}</summary><div class=\"explanation\"><div class=\"formula\" tabindex=\"0\" \
         role=\"group\" aria-label=\"Formula\">{}</div><dl>{symbols}</dl><p class=\"aside\">Source: {}</p></div></details>",
        formula.mathml(),
        source(source_of)
    )
}

/// A button that sets fields.
pub fn setter(set: &str, label: &str) -> String {
    format!(
        "<button type=\"button\" class=\"quiet\" data-set=\"{}\">{label}</button>",
        escaped(set)
    )
}

/// A table; cells are HTML. The first column names the row, the rest are figures unless `left` says words.
pub struct Table {
    html: String,
    words: &'static [usize],
}

impl Table {
    /// A table called `caption` with these columns; `words` are the columns that hold words, not figures.
    pub fn new(caption: &str, columns: &[&str], words: &'static [usize]) -> Self {
        let mut table = Self {
            html: format!(
                "<div class=\"wide\"><table class=\"figures-table\"><caption class=\"hidden\">{caption}</caption><thead><tr>"
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
    pub fn row(&mut self, class: &str, cells: &[String]) {
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

    pub fn end(mut self) -> String {
        self.html.push_str("</tbody></table></div>");
        self.html
    }
}
