//! Memory on each GPU as one stacked bar against the GPU's capacity.

use super::scene::{SceneBackend, Shape};
use crate::estimate::Estimate;
use crate::memory::Part;
use crate::units;
use plotters::coord::ranged1d::Ranged;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

/// The bar is drawn this wide; geometry is handed out in percent of it, so that it fits any page.
pub(super) const WIDTH: i32 = 100_000;
const HEIGHT: i32 = 100;
/// At most this many labels on the axis.
pub(super) const TICKS: usize = 5;

/// The bar's geometry, in percent of its width.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryBar {
    /// The parts, from left to right.
    pub segments: Vec<Segment>,
    /// Where the GPU's usable memory ends.
    pub capacity: f64,
    /// The axis, in GB.
    pub ticks: Vec<Tick>,
}

/// A part of the bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// Which part of memory.
    pub part: Part,
    /// Its left edge.
    pub left: f64,
    /// Its width.
    pub width: f64,
    /// How much of it, from its right edge, lies past the capacity: percent of the segment.
    pub overflow: f64,
}

/// A label of the axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where it stands.
    pub at: f64,
    /// What it says.
    pub text: String,
}

/// Draws an estimate's memory.
pub fn memory_bar(estimate: &Estimate) -> MemoryBar {
    let (total, capacity) = (estimate.memory.total().gb(), estimate.capacity.gb());
    // Both ends are always in view: what overflows is shown, and so is what is free.
    let gb = RangedCoordf64::from(0.0..total.max(capacity));
    let values = gb.key_points(TICKS);
    let (area, shapes) = SceneBackend::area((WIDTH as u32, HEIGHT as u32));
    let area = area.apply_coord_spec(Cartesian2d::<RangedCoordf64, RangedCoordf64>::new(
        gb,
        0.0..1.0,
        (0..WIDTH, 0..HEIGHT),
    ));

    let mut edge = 0.0;
    let bars = Part::ALL.map(|part| {
        let from = edge;
        edge += estimate.memory.of(part).gb();
        Rectangle::new([(from, 0.0), (edge, 1.0)], BLACK.filled())
    });
    let marks = std::iter::once(&capacity)
        .chain(&values)
        .map(|at| PathElement::new([(*at, 0.0), (*at, 1.0)], BLACK));
    // The backend cannot fail: what is drawn arrives, in order.
    for bar in &bars {
        let _ = area.draw(bar);
    }
    for mark in marks {
        let _ = area.draw(&mark);
    }

    let shapes = shapes.borrow();
    let mut lines = shapes.iter().filter_map(|shape| match shape {
        Shape::Line { from, .. } => Some(percent(from.0)),
        Shape::Rectangle { .. } => None,
    });
    let capacity = lines.next().unwrap_or_default();
    let ticks = lines.zip(values).map(|(at, gb)| Tick {
        at,
        text: units::editable(gb, 4),
    });
    let rectangles = shapes.iter().filter_map(|shape| match shape {
        Shape::Rectangle { left, right } => Some((percent(*left), percent(*right))),
        Shape::Line { .. } => None,
    });
    let segments = Part::ALL.into_iter().zip(rectangles);
    MemoryBar {
        segments: segments
            .map(|(part, (left, right))| segment(part, left, right, capacity))
            .collect(),
        capacity,
        ticks: ticks.collect(),
    }
}

fn segment(part: Part, left: f64, right: f64, capacity: f64) -> Segment {
    let width = right - left;
    let past = (right - capacity.max(left)).max(0.0);
    Segment {
        part,
        left,
        width,
        overflow: if width > 0.0 {
            100.0 * past / width
        } else {
            0.0
        },
    }
}

pub(super) fn percent(x: i32) -> f64 {
    f64::from(x) * 100.0 / f64::from(WIDTH - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::estimate;
    use crate::scenario::Scenario;

    #[test]
    fn case_study_overflows_in_its_optimizer() {
        let bar = memory_bar(&estimate(&Scenario::default()));
        let near = |left: f64, right: f64| assert!((left - right).abs() < 0.01, "{left} {right}");
        // 28, 28, 84 and 235.149 of 375.149 GB; capacity 81,559 MiB.
        for (segment, share) in bar.segments.iter().zip([28.0, 28.0, 84.0, 235.149]) {
            near(segment.width, 100.0 * share / 375.149);
        }
        near(bar.capacity, 100.0 * 85.5208 / 375.149);
        near(bar.segments[2].overflow, 100.0 * (140.0 - 85.5208) / 84.0);
        let overflow: Vec<_> = bar
            .segments
            .iter()
            .map(|segment| segment.overflow > 0.0)
            .collect();
        // The rule of thumb knows four parts: the others are empty.
        assert_eq!(overflow, [false, false, true, true, false, false, false]);
        let ticks: Vec<_> = bar.ticks.iter().map(|tick| tick.text.as_str()).collect();
        assert_eq!(ticks, ["0", "100", "200", "300"]);
    }
}
