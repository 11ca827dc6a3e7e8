//! Every layout that fits, ranked by the time of a step.
//!
//! [`step_time`] predicts how long one layout takes; its constants stand in one table, [`Constants`]. Nothing here knows
//! a row that it is checked against, a clock or a browser, and nothing allocates while layouts are counted.

mod answer;
mod constants;
mod formulas;
mod layer;
mod machine;
mod memory;
mod question;
mod remedy;
mod search;
mod software;
mod stages;
mod step_time;
mod sweep;
mod traffic;

pub use answer::{Comparison, Difference, Miss, Rejection};
pub use constants::Constants;
pub use layer::{Layer, Recomputed, Shape};
pub use machine::{Machine, operand_bytes};
pub use memory::{StateBytes, fullest_rank};
pub use question::Question;
pub use remedy::{Remedy, least_gpus, remedies};
pub use search::{Candidate, Progress, Reason, Search, Space};
pub use software::{AttentionForm, Graphs, Launches, Software};
pub use step_time::{Costs, Place, StepTime, Task, step_time};
pub use sweep::{Crossing, Point, Swept, crossing, sweep};
