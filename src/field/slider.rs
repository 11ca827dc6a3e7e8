//! Where the slider of a number stops, and where its thumb stands.

use super::{NumberField, Scale, Value};

/// Where a slider stands: at stop `position` of 0 to `last`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slider {
    /// The stop nearest to the value.
    pub position: usize,
    /// The last stop.
    pub last: usize,
}

impl Slider {
    /// A slider of these stops, its thumb at the one nearest to a value; its text field shows the value itself.
    pub fn at(stops: &[Value], value: Value) -> Self {
        let last = stops.len().saturating_sub(1);
        let size = |value: &Value| match *value {
            Value::Count(count) => count as f64,
            Value::Real(real) => real,
            Value::Choice(index) => index as f64,
            Value::Layers(_) | Value::Unset => 0.0,
        };
        let target = size(&value);
        let above = stops.partition_point(|stop| size(stop) < target).min(last);
        let position = match above.checked_sub(1) {
            // Nearer by ratio: most sliders are logarithmic.
            Some(below) if target * target < size(&stops[below]) * size(&stops[above]) => below,
            _ => above,
        };
        Self { position, last }
    }

    /// The part of the track before the thumb, in percent.
    pub fn filled_percent(self) -> f64 {
        100.0 * self.position as f64 / self.last.max(1) as f64
    }
}

impl NumberField {
    /// Every stop of the slider, in order.
    pub fn stops(&self) -> Vec<Value> {
        let values: Vec<f64> = match self.scale {
            Scale::Decades => decades(self.min, self.max),
            Scale::Doublings => (0..=40)
                .flat_map(|power| halves(2f64.powi(power)))
                .collect(),
            Scale::Whole | Scale::Even => (1..=self.max as u32).map(f64::from).collect(),
        };
        let within = values
            .into_iter()
            .filter(|value| (self.min..=self.max).contains(value));
        if self.whole {
            within.map(|value| Value::Count(value as u64)).collect()
        } else {
            within.map(Value::Real).collect()
        }
    }
}

/// A power of two and the point halfway to the next, where that is whole.
fn halves(power: f64) -> impl Iterator<Item = f64> {
    [Some(power), (power > 1.0).then_some(power * 1.5)]
        .into_iter()
        .flatten()
}

/// Twenty round values in each decade, nearly even on a log scale.
fn decades(min: f64, max: f64) -> Vec<f64> {
    const TENTHS: [u32; 20] = [
        10, 11, 12, 14, 16, 18, 20, 22, 25, 28, 30, 35, 40, 45, 50, 55, 60, 70, 80, 90,
    ];
    let (from, to) = (min.log10().floor() as i32, max.log10().ceil() as i32);
    (from..=to)
        .flat_map(|decade| {
            TENTHS.map(|tenths| {
                // Divided where the decade is below one: 4.5 / 100 is the nearest float to 0.045.
                let power = 10f64.powi((decade - 1).abs());
                if decade >= 1 {
                    f64::from(tenths) * power
                } else {
                    f64::from(tenths) / power
                }
            })
        })
        .collect()
}
