//! How much computation a training run takes, and how long that lasts.

mod converter;
pub mod published_runs;
pub mod scaling_law;
pub mod solve;

pub use converter::{Quantity, Unconvertible, change};

use crate::formula::{Number, Source, Symbol};
use crate::scenario::Scenario;
use crate::units::{
    FLOP_PER_PF_DAY, Flop, FlopPerSecond, SECONDS_PER_DAY, SECONDS_PER_HOUR, Seconds,
};

static P: Symbol = Symbol {
    sign: "P",
    meaning: "parameters",
    unit: "",
};
static D: Symbol = Symbol {
    sign: "D",
    meaning: "training tokens",
    unit: "",
};
static C: Symbol = Symbol {
    sign: "C",
    meaning: "compute",
    unit: "FLOP",
};
static EACH: Symbol = Symbol {
    sign: "f",
    meaning: "FLOP of training on one token, counted from the architecture: see FLOP, part by part",
    unit: "FLOP",
};
static N: Symbol = Symbol {
    sign: "n",
    meaning: "number of GPUs",
    unit: "",
};
static R: Symbol = Symbol {
    sign: "r",
    meaning: "achieved rate of one GPU",
    unit: "FLOP/s",
};
static PF_DAY: Symbol = Symbol {
    sign: "PF-day",
    meaning: "a PetaFLOP-day, 10¹⁵ FLOP/s for 86,400 s",
    unit: "FLOP",
};
static HOUR: Symbol = Symbol {
    sign: "hour",
    meaning: "3,600 seconds",
    unit: "s",
};
static DAY: Symbol = Symbol {
    sign: "day",
    meaning: "86,400 seconds",
    unit: "s",
};

/// Six FLOP per parameter and token.
pub static SIX_P_D: Source = Source {
    citation: "Kaplan et al. 2020, §2.1: C ≈ 6·N·D",
    url: "https://arxiv.org/abs/2001.08361",
};
/// What a PetaFLOP-day is.
pub static PETAFLOP_DAY: Source = Source {
    citation: "Brown et al. 2020, Table D.1: 1 PF-day = 8.64e19 FLOP",
    url: "https://arxiv.org/abs/2005.14165",
};
/// Compute is throughput times time.
pub static THROUGHPUT_TIME: Source = Source {
    citation: "C = τ·T with τ = n·r, solved for the time",
    url: "",
};

/// Compute of a training run, in FLOP: C = 6·P·D. Two for the forward pass (a multiply and an add per
/// parameter and token), four for the backward pass. Attention scores are not counted.
/// Kaplan et al. 2020 (arXiv:2001.08361), §2.1. P and D from 1 on; exact in `u128`.
pub fn six_p_d<T: Number>(scenario: &Scenario) -> T {
    T::constant(6)
        * T::symbol(&P, scenario.parameters() as f64)
        * T::symbol(&D, scenario.tokens() as f64)
}

/// Compute of a training run, in FLOP: [`six_p_d`] under the rule of thumb; counted from the architecture, in the
/// scenario's [`crate::flop::Convention`], times D under the detailed estimator.
pub fn training_flop<T: Number>(scenario: &Scenario) -> T {
    if scenario.is_detailed() {
        let each = scenario
            .convention()
            .flop_per_token(scenario.architecture(), scenario.sequence());
        T::symbol(&EACH, each) * T::symbol(&D, scenario.tokens() as f64)
    } else {
        six_p_d(scenario)
    }
}

/// Where [`training_flop`] was published.
pub fn training_flop_source(scenario: &Scenario) -> &'static Source {
    if scenario.is_detailed() {
        scenario.convention().source()
    } else {
        &SIX_P_D
    }
}

/// PetaFLOP-days: C / 8.64e19. Brown et al. 2020 (arXiv:2005.14165), Table D.1.
pub fn pf_days<T: Number>(scenario: &Scenario) -> T {
    training_flop::<T>(scenario) / T::symbol(&PF_DAY, FLOP_PER_PF_DAY)
}

/// GPU-hours: C / (r · 3600), the time it would take one GPU. The article's C = τ·T with n = 1.
pub fn gpu_hours<T: Number>(scenario: &Scenario) -> T {
    compute_symbol::<T>(scenario)
        / (T::symbol(&R, scenario.achieved().0) * T::symbol(&HOUR, SECONDS_PER_HOUR))
}

/// Days on the wall: C / (n · r · 86400). The article's C = τ·T, solved for T.
pub fn days<T: Number>(scenario: &Scenario) -> T {
    let throughput = T::symbol(&N, scenario.gpus() as f64) * T::symbol(&R, scenario.achieved().0);
    compute_symbol::<T>(scenario) / (throughput * T::symbol(&DAY, SECONDS_PER_DAY))
}

fn compute_symbol<T: Number>(scenario: &Scenario) -> T {
    T::symbol(&C, training_flop::<f64>(scenario))
}

/// Compute of a throughput kept up for a time: C = τ·T, in FLOP.
pub fn flop_of(throughput: FlopPerSecond, time: Seconds) -> f64 {
    throughput.0 * time.0
}

/// The time a throughput needs for a compute: T = C / τ.
pub fn time_of(flop: f64, throughput: FlopPerSecond) -> Seconds {
    Seconds(flop / throughput.0)
}

/// GPU-hours of so many GPUs for a time.
pub fn gpu_hours_of(gpus: f64, time: Seconds) -> f64 {
    gpus * time.hours()
}

/// A FLOP count in PetaFLOP-days.
pub fn flop_to_pf_days(flop: f64) -> f64 {
    flop / FLOP_PER_PF_DAY
}

/// PetaFLOP-days as FLOP.
pub fn pf_days_to_flop(pf_days: f64) -> f64 {
    pf_days * FLOP_PER_PF_DAY
}

/// Compute and time of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compute {
    /// C: exact where it is 6·P·D, else to fifteen digits.
    pub flop: Flop,
    /// The same in PetaFLOP-days.
    pub pf_days: f64,
    /// GPUs × hours.
    pub gpu_hours: f64,
    /// Wall clock.
    pub time: Seconds,
    /// Throughput of the cluster, τ = n·r.
    pub throughput: FlopPerSecond,
    /// Percent of the dense peak; over 100 where the rate is impossible.
    pub mfu_percent: f64,
}

impl Compute {
    /// Compute and time of this scenario.
    pub fn of(scenario: &Scenario) -> Self {
        Self {
            flop: Flop(if scenario.is_detailed() {
                training_flop::<f64>(scenario) as u128
            } else {
                six_p_d(scenario)
            }),
            pf_days: pf_days(scenario),
            gpu_hours: gpu_hours(scenario),
            time: Seconds(days::<f64>(scenario) * SECONDS_PER_DAY),
            throughput: FlopPerSecond(scenario.gpus() as f64 * scenario.achieved().0),
            mfu_percent: scenario.mfu_percent(),
        }
    }
}
