//! What is trained: a decoder transformer as its configuration describes it.

mod architecture;
mod layer_set;

pub use architecture::{
    Activation, Architecture, Attention, Dropout, Experts, Family, FeedForward, Latent, NormKind,
    NormPlaces, Norms, QkNorm, Router, RouterBias, Window,
};
pub use layer_set::{InvalidLayerSet, LayerSet, MAX_LAYERS};
