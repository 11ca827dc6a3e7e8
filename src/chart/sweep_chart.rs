//! One figure against one input as a line of points, with what it must not pass.

use super::scene::{SceneBackend, Shape};
use plotters::coord::ranged1d::Ranged;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

/// Drawn this wide and high; geometry is handed out in these units.
pub const SWEEP_WIDTH: u32 = 400;
/// See [`SWEEP_WIDTH`].
pub const SWEEP_HEIGHT: u32 = 120;
/// At most this many labels on the axis of the figure.
const TICKS: usize = 4;

/// The chart's geometry: x from the left, y from the top.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepChart {
    /// A point for each value that has a figure, from left to right; none where it has not.
    pub points: Vec<Option<(i32, i32)>>,
    /// Where each value stands.
    pub places: Vec<i32>,
    /// The height of what must not be passed.
    pub limit: Option<i32>,
    /// Labels of the figure's axis: height and figure.
    pub ticks: Vec<(i32, f64)>,
}

/// Draws figures against values, these on a logarithmic axis; the figure's axis begins at 0. Values are from 1 on and
/// ascend; figures that are not finite are left out.
pub fn sweep_chart(values: &[u64], figures: &[Option<f64>], limit: Option<f64>) -> SweepChart {
    let place = |value: u64| (value.max(1) as f64).ln();
    let first = values.first().copied().map_or(0.0, place);
    let last = values.last().copied().map_or(1.0, place);
    let figures: Vec<Option<f64>> = figures
        .iter()
        .map(|figure| figure.filter(|figure| figure.is_finite() && *figure >= 0.0))
        .collect();
    let limit = limit.filter(|limit| limit.is_finite() && *limit > 0.0);
    let most = figures
        .iter()
        .flatten()
        .copied()
        .chain(limit)
        .fold(0.0, f64::max);
    let most = if most > 0.0 { most } else { 1.0 };
    // Room for the points at both ends.
    let (width, height) = (SWEEP_WIDTH as i32, SWEEP_HEIGHT as i32);
    let margin = (last - first).max(1e-9) * 0.03;
    let across = RangedCoordf64::from(first - margin..last + margin);
    let up = RangedCoordf64::from(0.0..1.05 * most);
    let heights: Vec<f64> = up.key_points(TICKS);
    let (area, shapes) = SceneBackend::area((SWEEP_WIDTH, SWEEP_HEIGHT));
    let area = area.apply_coord_spec(Cartesian2d::<RangedCoordf64, RangedCoordf64>::new(
        across,
        up,
        (0..width, height..0),
    ));
    // One short line for each thing that has a place; the backend cannot fail: what is drawn arrives, in order.
    let mark = |x: f64, y: f64| {
        let _ = area.draw(&PathElement::new([(x, y), (x, y)], BLACK));
    };
    let pairs = values.iter().zip(&figures);
    for (value, figure) in pairs.clone() {
        mark(place(*value), figure.unwrap_or(0.0));
    }
    for height in heights.iter().copied().chain(limit) {
        mark(first, height);
    }
    let shapes = shapes.borrow();
    let mut drawn = shapes.iter().filter_map(|shape| match shape {
        Shape::Line { from, .. } => Some(*from),
        Shape::Rectangle { .. } => None,
    });
    let (mut points, mut places) = (Vec::new(), Vec::new());
    for ((_, figure), (x, y)) in pairs.zip(drawn.by_ref()) {
        places.push(x);
        points.push(figure.map(|_| (x, y)));
    }
    let mut ticks = Vec::new();
    for (figure, (_, y)) in heights.into_iter().zip(drawn.by_ref()) {
        ticks.push((y, figure));
    }
    SweepChart {
        points,
        places,
        limit: limit.and_then(|_| drawn.next().map(|(_, y)| y)),
        ticks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doublings_are_evenly_spaced_and_heights_proportional() {
        let chart = sweep_chart(
            &[8, 16, 32, 64],
            &[Some(100.0), Some(50.0), None, Some(f64::NAN)],
            Some(75.0),
        );
        let gaps: Vec<i32> = chart.places.windows(2).map(|two| two[1] - two[0]).collect();
        assert!(
            gaps.iter().all(|gap| (gap - gaps[0]).abs() <= 1),
            "{gaps:?}"
        );
        let height = |point: Option<(i32, i32)>| point.map(|(_, y)| SWEEP_HEIGHT as i32 - y);
        let (whole, half) = (height(chart.points[0]), height(chart.points[1]));
        let (Some(whole), Some(half)) = (whole, half) else {
            panic!("{chart:?}");
        };
        assert!((whole - 2 * half).abs() <= 2, "{whole} {half}");
        assert_eq!(&chart.points[2..], [None, None]);
        let limit = chart.limit.map(|y| SWEEP_HEIGHT as i32 - y);
        assert!(limit.is_some_and(|limit| limit > half && limit < whole));
        assert!(!chart.ticks.is_empty());
    }

    #[test]
    fn nothing_and_one_value_are_drawn() {
        assert_eq!(sweep_chart(&[], &[], None).points, []);
        assert_eq!(sweep_chart(&[8], &[Some(0.0)], None).points.len(), 1);
    }
}
