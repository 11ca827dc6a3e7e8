//! The letters of an architecture's formulas.

use crate::formula::Symbol;

const fn symbol(sign: &'static str, meaning: &'static str) -> Symbol {
    Symbol {
        sign,
        meaning,
        unit: "",
    }
}

/// Layers, L.
pub static L: Symbol = symbol("L", "layers");
/// Layers without experts.
pub static L_DENSE: Symbol = symbol("L_d", "layers without experts");
/// Layers with experts.
pub static L_EXPERTS: Symbol = symbol("L_e", "layers with experts");
/// Hidden size, h.
pub static H: Symbol = symbol("h", "hidden size");
/// Query heads, a.
pub static A: Symbol = symbol("a", "attention heads");
/// Key and value heads, g.
pub static G: Symbol = symbol("g", "key and value heads");
/// Head dimension, d.
pub static D: Symbol = symbol("d", "head dimension");
/// Inner size of the dense feed-forward network, f.
pub static F: Symbol = symbol("f", "feed-forward size");
/// Vocabulary, V.
pub static V: Symbol = symbol("V", "vocabulary");
/// Width of the token embedding where it is not the hidden size.
pub static EMBEDDING: Symbol = symbol("h_e", "embedding size");
/// Rows of the table of learned positions.
pub static POSITIONS: Symbol = symbol("n_pos", "learned positions");
/// Routed experts, E.
pub static E: Symbol = symbol("E", "experts");
/// Experts that each token is sent to, k.
pub static K: Symbol = symbol("k", "active experts");
/// Inner size of one expert.
pub static F_EXPERT: Symbol = symbol("f_e", "expert size");
/// Inner size of all shared experts together.
pub static F_SHARED: Symbol = symbol("f_s", "shared experts’ size");
/// Rank of compressed queries.
pub static R_Q: Symbol = symbol("r_q", "query rank");
/// Rank of compressed keys and values.
pub static R_KV: Symbol = symbol("r_kv", "key and value rank");
/// Width of a head's part without positions.
pub static D_NOPE: Symbol = symbol("d_nope", "head part without positions");
/// Width of a head's rotary part.
pub static D_ROPE: Symbol = symbol("d_rope", "rotary head part");
/// Width of a head's values.
pub static D_V: Symbol = symbol("d_v", "value dimension");
