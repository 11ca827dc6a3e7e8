//! What is trained: a decoder transformer as its configuration describes it.

mod architecture;
mod catalogue;
mod family;
mod field;
mod follow;
pub mod huggingface;
mod implementation;
mod parameter_list;
pub mod parameters;
pub mod symbols;

pub use architecture::{
    Activation, Architecture, Attention, Dropout, Experts, FeedForward, Latent, NormKind,
    NormPlaces, Norms, QkNorm, Router, RouterBias, Window,
};
pub use catalogue::{MODELS, Model};
pub use family::Family;
pub use field::ModelField;
pub use implementation::Piece;
pub use parameter_list::{Count, GroupParameters};
