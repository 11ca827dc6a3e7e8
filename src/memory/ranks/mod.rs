//! What each rank of many holds: memory under every parallel layout.

pub mod footprint;
pub mod megatron;
pub mod pipeline;
pub mod tensor;

pub use footprint::{Moment, StageFootprint};
