//! The second wasm: what a reader downloads only when it is asked for. Text in, text out; the page calls it
//! (`app/engine.rs`), and knows what the answers mean.

#[cfg(target_arch = "wasm32")]
mod search;

#[cfg(target_arch = "wasm32")]
mod calls {
    use super::search;
    use petaday::field::Choice;
    use petaday::link;
    use petaday::section::Section;
    use wasm_bindgen::prelude::wasm_bindgen;

    /// A section's HTML for the scenario of a query; empty where there is no such section.
    #[wasm_bindgen]
    pub fn section(key: &str, query: &str) -> String {
        if let Some(html) = search::begin(key, query) {
            return html;
        }
        let section = Section::ALL.iter().find(|section| section.key() == key);
        section.map_or_else(String::new, |section| {
            section.html(&link::open(query).scenario)
        })
    }

    /// What the fullest GPU holds: see [`petaday::section::part::figures`].
    #[wasm_bindgen]
    pub fn held(_: &str, query: &str) -> String {
        petaday::section::part::figures(&link::open(query).scenario)
    }

    /// The tensors of a part of memory.
    #[wasm_bindgen]
    pub fn part(key: &str, query: &str) -> String {
        petaday::section::part::html(key, &link::open(query).scenario)
    }

    /// The style of what the other functions write.
    #[wasm_bindgen]
    pub fn style() -> String {
        petaday::section::STYLE.concat()
    }

    /// Id of the model that a text means best; empty where it means none.
    #[wasm_bindgen]
    pub fn search(text: &str, _: &str) -> String {
        let model = petaday::model::Model::search(text).next();
        model.map_or_else(String::new, |model| model.id.to_owned())
    }

    /// What a field means: the page's wasm is built without these texts of rarer fields.
    #[wasm_bindgen]
    pub fn help(key: &str, _: &str) -> String {
        let field = petaday::scenario::Field::ALL
            .into_iter()
            .find(|field| field.key() == key);
        field.map_or_else(String::new, |field| field.help().to_owned())
    }

    /// Reads a config.json into the scenario of a query: on the first line the new query, empty where it could not be
    /// read; then what was wrong or assumed, a sentence each.
    #[wasm_bindgen]
    pub fn read_config(text: &str, query: &str) -> String {
        petaday::section::import(text, &link::open(query).scenario)
    }
}

fn main() {}
