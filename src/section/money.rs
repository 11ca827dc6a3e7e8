//! Dollars, energy and CO₂ of the GPU-hours.

use crate::compute::Compute;
use crate::cost::{self, Power};
use crate::formula::{Expression, Source};
use crate::html::{Table, aside, explained, paragraph};
use crate::scenario::Scenario;
use crate::units::significant;

static PRICE_TIMES_HOURS: Source = Source {
    citation: "GPU-hours × price of one",
    url: "",
};

pub fn html(scenario: &Scenario) -> String {
    let hours = Compute::of(scenario).gpu_hours;
    let dollars = |price: f64| format!("${}", significant(cost::dollars::<f64>(hours, price), 3));
    let gpu = scenario.gpu();
    let spend = match (scenario.price_per_gpu_hour(), gpu.price) {
        (Some(price), _) => {
            let formula: Expression = cost::dollars(hours, price);
            explained(&dollars(price), &formula, &PRICE_TIMES_HOURS)
        }
        (None, Some(price)) => format!(
            "<strong>{} to {}</strong> at ${} to ${} for a GPU-hour, the prices of {} in {}; give your own above.",
            dollars(price.low),
            dollars(price.high),
            significant(price.low, 3),
            significant(price.high, 3),
            gpu.name,
            price.year
        ),
        (None, None) => format!("No price of {} is known: give one above.", gpu.name),
    };
    let spend = format!(
        "<div>{} GPU-hours cost {spend}</div>",
        significant(hours, 3)
    );
    let Some(watts) = scenario.power_watts() else {
        return spend
            + &paragraph(&format!(
                "No rated power of {} is known: give one above.",
                gpu.name
            ));
    };
    let power = Power {
        rated_w: watts,
        load: cost::DEFAULT_LOAD,
        pue: scenario.pue(),
    };
    let grid = scenario.grid_grams_per_kwh();
    let energy: Expression = cost::energy_kwh(hours, power);
    let carbon: Expression = cost::co2_kg(hours, power, grid);
    let mut table = Table::new(
        "Energy and CO₂",
        &["What", "Amount", "Assumption", "Source"],
        &[2, 3],
    );
    table.row(
        "",
        &[
            "Energy".to_owned(),
            explained(
                &format!(
                    "{} MWh",
                    significant(cost::energy_kwh::<f64>(hours, power) / 1e3, 3)
                ),
                &energy,
                &cost::ENERGY_SOURCE,
            ),
            format!(
                "{} W at full load, PUE {}",
                significant(watts, 3),
                significant(scenario.pue(), 3)
            ),
            crate::html::source(&cost::PUE_SOURCE),
        ],
    );
    table.row(
        "",
        &[
            "CO₂".to_owned(),
            explained(
                &format!(
                    "{} t",
                    significant(cost::co2_kg::<f64>(hours, power, grid) / 1e3, 3)
                ),
                &carbon,
                &cost::ENERGY_SOURCE,
            ),
            format!("{} g/kWh", significant(grid, 3)),
            crate::html::source(&cost::GRID_SOURCE),
        ],
    );
    spend
        + &table.end()
        + &aside(
            "GPUs alone, at their rated power: hosts, network and cooling beyond the PUE are not in it.",
        )
}
