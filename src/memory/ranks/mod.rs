//! What each rank of many holds: memory under every parallel layout.

pub mod ddp;
pub mod dtensor;
pub mod footprint;
pub mod frozen;
pub mod fsdp;
pub mod megatron;
pub mod pipeline;
pub mod reserved;
pub mod shards;
pub mod tensor;

pub use footprint::{Line, Moment, Part, StageFootprint};
