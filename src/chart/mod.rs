//! An estimate as rectangles, lines and labels, drawn by plotters on a backend that keeps shapes.
//! Knows no DOM: whoever shows a [`Scene`] decides how.

mod memory_bar;
mod scene;
mod sweep_chart;
mod timeline;

pub use memory_bar::{MemoryBar, Segment, Tick, memory_bar};
pub use sweep_chart::{SWEEP_HEIGHT, SWEEP_WIDTH, SweepChart, sweep_chart};
pub use timeline::{Piece, Timeline, timeline};
