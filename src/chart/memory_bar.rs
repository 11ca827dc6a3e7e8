//! Memory on each GPU as one stacked bar against the GPU's capacity.

use super::scene::{SceneBackend, Shape, Shapes, plain_text};
use crate::estimate::Estimate;
use crate::memory::Part;
use plotters::prelude::*;

/// The bar is drawn this wide; geometry is handed out in percent of it, so that it fits any page.
const WIDTH: i32 = 100_000;
const HEIGHT: u32 = 100;

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
    let longest = total.max(capacity);
    let (area, shapes) = SceneBackend::area((WIDTH as u32, HEIGHT));
    // The backend cannot fail, and ranges are positive and finite.
    let drawn = draw(&area, &shapes, estimate, longest, capacity);
    drawn.unwrap_or(MemoryBar {
        segments: Vec::new(),
        capacity: 0.0,
        ticks: Vec::new(),
    })
}

fn draw(
    area: &DrawingArea<SceneBackend, plotters::coord::Shift>,
    shapes: &Shapes,
    estimate: &Estimate,
    longest: f64,
    capacity: f64,
) -> Option<MemoryBar> {
    let mut chart = ChartBuilder::on(area)
        .x_label_area_size(20)
        .build_cartesian_2d(0.0..longest, 0.0..1.0)
        .ok()?;

    let mut edge = 0.0;
    let bars = Part::ALL.map(|part| {
        let from = edge;
        edge += estimate.memory.of(part).gb();
        Rectangle::new([(from, 0.0), (edge, 1.0)], BLACK.filled())
    });
    chart.draw_series(bars).ok()?;
    let rectangles = take(shapes);

    chart
        .draw_series([PathElement::new(
            vec![(capacity, 0.0), (capacity, 1.0)],
            BLACK,
        )])
        .ok()?;
    let line = take(shapes).into_iter().find_map(|shape| match shape {
        Shape::Line { from, .. } => Some(percent(from.0)),
        _ => None,
    })?;

    chart
        .configure_mesh()
        .disable_mesh()
        .disable_y_axis()
        .x_labels(5)
        .x_label_style(plain_text())
        .x_label_formatter(&|gb| crate::units::editable(*gb, 4))
        .draw()
        .ok()?;
    let ticks = take(shapes).into_iter().filter_map(|shape| match shape {
        Shape::Label { at, text } => Some(Tick {
            at: percent(at.0),
            text,
        }),
        _ => None,
    });

    let segments = rectangles
        .into_iter()
        .zip(Part::ALL)
        .filter_map(|(shape, part)| match shape {
            Shape::Rectangle { left, right } => {
                Some(segment(part, percent(left), percent(right), line))
            }
            _ => None,
        });
    Some(MemoryBar {
        segments: segments.collect(),
        capacity: line,
        ticks: ticks.collect(),
    })
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

fn percent(x: i32) -> f64 {
    f64::from(x) * 100.0 / f64::from(WIDTH - 1)
}

fn take(shapes: &Shapes) -> Vec<Shape> {
    std::mem::take(&mut shapes.borrow_mut())
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
        assert_eq!(overflow, [false, false, true, true]);
        let ticks: Vec<_> = bar.ticks.iter().map(|tick| tick.text.as_str()).collect();
        assert_eq!(ticks, ["0", "100", "200", "300"]);
    }
}
