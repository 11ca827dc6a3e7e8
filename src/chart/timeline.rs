//! Stacked bars on one scale against a GPU's capacity: moments of a step, or stages of a pipeline.

use super::memory_bar::{TICKS, Tick, WIDTH, percent};
use super::scene::{SceneBackend, Shape};
use crate::units::{self, Bytes};
use plotters::coord::ranged1d::Ranged;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

/// The bars' geometry, in percent of their width.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// The pieces of each bar, as many as were given, from left to right.
    pub bars: Vec<Vec<Piece>>,
    /// Where the GPU's usable memory ends.
    pub capacity: f64,
    /// The axis, in GB.
    pub ticks: Vec<Tick>,
}

/// A piece of a bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    /// Its left edge.
    pub left: f64,
    /// Its width.
    pub width: f64,
}

/// Draws bars of these pieces, one below the other.
pub fn timeline(bars: &[Vec<Bytes>], capacity: Bytes) -> Timeline {
    let totals = bars.iter().map(|bar| bar.iter().copied().sum::<Bytes>());
    let longest = totals.max().unwrap_or_default().max(capacity);
    let gb = RangedCoordf64::from(0.0..longest.gb());
    let values = gb.key_points(TICKS);
    let height = i32::try_from(bars.len()).unwrap_or(i32::MAX).max(1);
    let (area, shapes) = SceneBackend::area((WIDTH as u32, height as u32));
    let area = area.apply_coord_spec(Cartesian2d::<RangedCoordf64, RangedCoordf64>::new(
        gb,
        0.0..f64::from(height),
        (0..WIDTH, 0..height),
    ));

    // The backend cannot fail: what is drawn arrives, in order.
    for (row, bar) in bars.iter().enumerate() {
        let mut edge = 0.0;
        for bytes in bar {
            let from = edge;
            edge += bytes.gb();
            let corners = [(from, row as f64), (edge, row as f64 + 1.0)];
            let _ = area.draw(&Rectangle::new(corners, BLACK.filled()));
        }
    }
    for at in std::iter::once(capacity.gb()).chain(values.iter().copied()) {
        let ends = [(at, 0.0), (at, f64::from(height))];
        let _ = area.draw(&PathElement::new(ends, BLACK));
    }

    let shapes = shapes.borrow();
    let mut pieces = shapes.iter().filter_map(|shape| match shape {
        Shape::Rectangle { left, right } => Some(Piece {
            left: percent(*left),
            width: percent(*right) - percent(*left),
        }),
        Shape::Line { .. } => None,
    });
    let mut lines = shapes.iter().filter_map(|shape| match shape {
        Shape::Line { from, .. } => Some(percent(from.0)),
        Shape::Rectangle { .. } => None,
    });
    let drawn = |bar: &Vec<Bytes>| pieces.by_ref().take(bar.len()).collect();
    Timeline {
        bars: bars.iter().map(drawn).collect(),
        capacity: lines.next().unwrap_or_default(),
        ticks: lines
            .zip(values)
            .map(|(at, gb)| Tick {
                at,
                text: units::editable(gb, 4),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_share_a_scale() {
        let gb = |gb: u128| Bytes(gb * 1_000_000_000);
        let drawn = timeline(&[vec![gb(20), gb(60)], vec![gb(100), gb(0)]], gb(50));
        let near = |left: f64, right: f64| assert!((left - right).abs() < 0.01, "{left} {right}");
        near(drawn.bars[0][1].left, 20.0);
        near(drawn.bars[0][1].width, 60.0);
        near(drawn.bars[1][0].width, 100.0);
        near(drawn.bars[1][1].width, 0.0);
        near(drawn.capacity, 50.0);
        assert_eq!(drawn.bars.len(), 2);
        assert_eq!(
            drawn.ticks.first().map(|tick| tick.text.as_str()),
            Some("0")
        );
    }
}
