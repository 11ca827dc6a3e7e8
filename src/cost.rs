//! What a run costs: time, GPU-hours, money, energy, CO2. Plain numbers with their units in their names.
//!
//! Energy is an upper assumption: GPUs draw their rated power only under the densest work, so the rated power is scaled
//! by a load that can be edited, 1 by default.

use crate::formula::{Number, Source, Symbol};
use crate::units::{FlopPerSecond, SECONDS_PER_HOUR, Seconds};

static GPU_HOURS: Symbol = Symbol {
    sign: "GPU-h",
    meaning: "GPU-hours",
    unit: "h",
};
static POWER: Symbol = Symbol {
    sign: "W",
    meaning: "rated power of one GPU",
    unit: "W",
};
static LOAD: Symbol = Symbol {
    sign: "u",
    meaning: "average power as a share of the rated power",
    unit: "",
};
static PUE: Symbol = Symbol {
    sign: "PUE",
    meaning: "power of the site for each watt of its computers",
    unit: "",
};
static INTENSITY: Symbol = Symbol {
    sign: "g",
    meaning: "CO₂ of the grid",
    unit: "g/kWh",
};
static PRICE: Symbol = Symbol {
    sign: "$/GPU-h",
    meaning: "price of a GPU-hour",
    unit: "$",
};

/// Average power as a share of the rated power: all of it, which overstates.
pub const DEFAULT_LOAD: f64 = 1.0;
/// Power usage effectiveness of a large, recent site.
pub const DEFAULT_PUE: f64 = 1.1;
/// Power usage effectiveness that operators report on average.
pub const SURVEYED_PUE: f64 = 1.54;
/// CO2 equivalent of the world's average kilowatt-hour in 2025, in grams.
pub const DEFAULT_GRID_G_PER_KWH: f64 = 458.0;

/// Where the default PUE comes from, and the average beside it.
pub static PUE_SOURCE: Source = Source {
    citation: "Touvron et al. 2023 (LLaMA), §6: 1.1; Google’s fleet 1.09 in 2025; Uptime Institute survey 2025: 1.54 on average",
    url: "https://arxiv.org/abs/2302.13971",
};
/// Where the default grid intensity comes from.
pub static GRID_SOURCE: Source = Source {
    citation: "Ember, Global Electricity Review 2026: world average of 2025, 458 g CO₂e/kWh",
    url: "https://ember-energy.org/latest-insights/global-electricity-review-2026/",
};
/// How energy and CO2 are counted.
pub static ENERGY_SOURCE: Source = Source {
    citation: "Touvron et al. 2023 (LLaMA), §6: Wh = GPU-h × rated power × PUE, tCO₂eq = MWh × intensity",
    url: "https://arxiv.org/abs/2302.13971",
};

/// How long `flop` take on `gpus` at a share `mfu` of `peak`; every argument above 0, `mfu` at most 1 where it is
/// possible. The PaLM paper's utilisation (Chowdhery et al. 2022, arXiv:2204.02311, App. B), solved for the time.
pub fn time(flop: f64, gpus: f64, peak: FlopPerSecond, mfu: f64) -> Seconds {
    Seconds(flop / (gpus * peak.0 * mfu))
}

/// The share of `peak` that `gpus` reach when `flop` take this time; over 1 where that is impossible. Model FLOP give
/// the MFU, hardware FLOP the HFU (Chowdhery et al. 2022, arXiv:2204.02311, App. B).
pub fn utilisation(flop: f64, gpus: f64, peak: FlopPerSecond, time: Seconds) -> f64 {
    flop / (gpus * peak.0 * time.0)
}

/// GPU-hours that `flop` take at a share `mfu` of `peak`, however many GPUs share them.
pub fn gpu_hours(flop: f64, peak: FlopPerSecond, mfu: f64) -> f64 {
    flop / (peak.0 * mfu * SECONDS_PER_HOUR)
}

/// Dollars: GPU-hours × price of one.
pub fn dollars<N: Number>(gpu_hours: f64, price_per_gpu_hour: f64) -> N {
    N::symbol(&GPU_HOURS, gpu_hours) * N::symbol(&PRICE, price_per_gpu_hour)
}

/// What energy is computed from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Power {
    /// Rated power of one GPU, in watts; above 0.
    pub rated_w: f64,
    /// Average power as a share of it; above 0, usually at most 1.
    pub load: f64,
    /// Power usage effectiveness of the site; from 1 on.
    pub pue: f64,
}

impl Power {
    /// The default load and PUE.
    pub fn rated(rated_w: f64) -> Self {
        Self {
            rated_w,
            load: DEFAULT_LOAD,
            pue: DEFAULT_PUE,
        }
    }
}

/// Kilowatt-hours: GPU-hours × rated power × load × PUE / 1000.
pub fn energy_kwh<N: Number>(gpu_hours: f64, power: Power) -> N {
    N::symbol(&GPU_HOURS, gpu_hours)
        * N::symbol(&POWER, power.rated_w)
        * N::symbol(&LOAD, power.load)
        * N::symbol(&PUE, power.pue)
        / N::constant(1_000)
}

/// Kilograms of CO2 equivalent: kilowatt-hours × grams for each / 1000.
pub fn co2_kg<N: Number>(gpu_hours: f64, power: Power, grid_g_per_kwh: f64) -> N {
    energy_kwh::<N>(gpu_hours, power) * N::symbol(&INTENSITY, grid_g_per_kwh) / N::constant(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formula::Expression;

    /// Touvron et al. 2023 (LLaMA, arXiv:2302.13971), Table 15: A100-80GB at 400 W, PUE 1.1, 0.385 kg CO2eq/kWh.
    #[test]
    fn llama_table_15() {
        for (gpu_hours, mwh, tonnes) in [
            (82_432.0, 36.0, 14.0),      // LLaMA-7B
            (135_168.0, 59.0, 23.0),     // LLaMA-13B
            (530_432.0, 233.0, 90.0),    // LLaMA-33B
            (1_022_362.0, 449.0, 173.0), // LLaMA-65B
        ] {
            let power = Power::rated(400.0);
            let ours = energy_kwh::<f64>(gpu_hours, power) / 1e3;
            assert!((ours - mwh).abs() < 1.0, "{ours} MWh is not {mwh}");
            let ours = co2_kg::<f64>(gpu_hours, power, 385.0) / 1e3;
            assert!((ours - tonnes).abs() < 0.5, "{ours} t is not {tonnes}");
        }
    }

    #[test]
    fn formula_in_letters() {
        let formula: Expression = co2_kg(1.0, Power::rated(700.0), DEFAULT_GRID_G_PER_KWH);
        assert_eq!(formula.in_letters(), "GPU-h·W·u·PUE/1,000·g/1,000");
    }

    #[test]
    fn time_and_utilisation_are_each_others_inverse() {
        let peak = FlopPerSecond::from_tflops(989.5);
        let taken = time(3.8e25, 16_384.0, peak, 0.41);
        assert!((utilisation(3.8e25, 16_384.0, peak, taken) - 0.41).abs() < 1e-12);
        let hours = gpu_hours(3.8e25, peak, 0.41);
        assert!((hours / (16_384.0 * taken.hours()) - 1.0).abs() < 1e-12);
    }
}
