//! What each rank of many holds: memory under every parallel layout.

pub mod cluster;
pub mod ddp;
pub mod device;
pub mod dtensor;
pub mod footprint;
pub mod frozen;
pub mod fsdp;
pub mod megatron;
pub mod pipeline;
pub mod reserved;
pub mod shards;
mod standing;
pub mod tensor;
mod walk;
pub mod zero;

pub use footprint::{Line, Moment, Part, StageFootprint};
