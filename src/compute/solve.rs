//! Choose what is not known, give the rest, and have it solved; with what stands in the way of more.
//!
//! Closed forms throughout: compute is FLOP per token × tokens, done at GPUs × peak × utilisation, paid by GPU-hour.

use super::training_flop;
use crate::scenario::{Scenario, Unknown};
use crate::units::{FlopPerSecond, SECONDS_PER_DAY, SECONDS_PER_HOUR, significant};
use std::fmt;

/// What is known, and what is asked for. The value at the unknown's own place is not read, but for `parameters` and
/// `flop_per_token`, which together say how compute grows with the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Problem {
    /// What is to be found.
    pub unknown: Unknown,
    /// FLOP of training on one token, forward and backward, for a model of `parameters`. A model of another size is
    /// taken to need as many for each parameter, which is exact for 6·P; in FLOP, above 0.
    pub flop_per_token: f64,
    /// Parameters; above 0.
    pub parameters: f64,
    /// Training tokens; above 0.
    pub tokens: f64,
    /// GPUs; above 0.
    pub gpus: f64,
    /// Dense peak of one GPU; above 0.
    pub peak: FlopPerSecond,
    /// Share of the peak that is reached; above 0, at most 1.
    pub mfu: f64,
    /// Dollars for a GPU-hour; above 0.
    pub price_per_gpu_hour: Option<f64>,
    /// Days that it may take; above 0.
    pub deadline_days: Option<f64>,
    /// Dollars that it may cost; above 0.
    pub budget: Option<f64>,
}

/// What keeps a solution from being better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// There is no more time.
    Deadline,
    /// There is no more money.
    Budget,
    /// Nothing: the unknown follows from the others.
    Nothing,
}

/// A solved problem.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Solution {
    /// What was asked for.
    pub unknown: Unknown,
    /// Its value: whole for parameters and tokens (rounded down) and GPUs (up), a share for MFU, dollars for the budget.
    pub value: f64,
    /// What keeps it from being better.
    pub binding: Binding,
    /// Days that the run takes with it.
    pub days: f64,
    /// GPU-hours that the run takes with it.
    pub gpu_hours: f64,
    /// Dollars that the run costs with it, where a price is known.
    pub cost: Option<f64>,
}

/// Why a problem has no solution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Impossible {
    /// A given value is not above zero, or not finite.
    NotPositive(&'static str, f64),
    /// More utilisation than 1 was given.
    MfuAboveOne(f64),
    /// Nothing limits the unknown: a deadline, or a budget too, would.
    Unlimited(Unknown),
    /// Money was asked about without a price.
    NoPrice,
    /// The run costs more than the budget, and nothing that is asked for changes that.
    OverBudget {
        /// Dollars that it costs.
        cost: f64,
        /// Dollars that there are.
        budget: f64,
    },
    /// The run takes longer than the deadline, and money does not change that.
    TooLate {
        /// Days that it takes.
        days: f64,
        /// Days that there are.
        deadline: f64,
    },
    /// More than the whole peak would be needed.
    AbovePeak {
        /// Share of the peak that would be needed.
        mfu: f64,
        /// Whether the deadline or the budget asks for it.
        binding: Binding,
    },
    /// Time or money is not enough for a single token, or parameter.
    NotEvenOne(Unknown, Binding),
}

/// Solves a problem.
///
/// # Errors
/// Where the given values are not valid, or leave no solution.
pub fn solve(problem: &Problem) -> Result<Solution, Impossible> {
    check(problem)?;
    match problem.unknown {
        Unknown::Parameters => most(
            problem,
            problem.flop_per_token / problem.parameters * problem.tokens,
        ),
        Unknown::Tokens => most(problem, problem.flop_per_token),
        Unknown::Gpus => fewest_gpus(problem),
        Unknown::Days => {
            within_budget(problem)?;
            let days = solution(problem, 0.0, Binding::Nothing).days;
            Ok(solution(problem, days, Binding::Nothing))
        }
        Unknown::Mfu => least_mfu(problem),
        Unknown::Budget => {
            let cost = problem.cost().ok_or(Impossible::NoPrice)?;
            let solved = solution(problem, cost, Binding::Nothing);
            match problem.deadline_days {
                Some(deadline) if exceeds(solved.days, deadline) => Err(Impossible::TooLate {
                    days: solved.days,
                    deadline,
                }),
                _ => Ok(solved),
            }
        }
    }
}

impl Problem {
    /// The scenario as a problem. The price of a GPU-hour is the reader's, else the middle of the catalogue's.
    pub fn of(scenario: &Scenario) -> Self {
        let catalogue = scenario
            .gpu()
            .price
            .map(|price| (price.low + price.high) / 2.0);
        Self {
            unknown: scenario.unknown(),
            flop_per_token: training_flop::<f64>(scenario) / scenario.tokens() as f64,
            parameters: scenario.parameters() as f64,
            tokens: scenario.tokens() as f64,
            gpus: scenario.gpus() as f64,
            peak: scenario.peak(),
            mfu: scenario.mfu_percent() / 100.0,
            price_per_gpu_hour: scenario.price_per_gpu_hour().or(catalogue),
            deadline_days: scenario.deadline_days(),
            budget: scenario.budget_dollars(),
        }
    }

    fn flop(&self) -> f64 {
        self.flop_per_token * self.tokens
    }

    /// FLOP that one GPU does in a second.
    fn rate(&self) -> f64 {
        self.peak.0 * self.mfu
    }

    fn gpu_hours(&self) -> f64 {
        self.flop() / (self.rate() * SECONDS_PER_HOUR)
    }

    fn cost(&self) -> Option<f64> {
        self.price_per_gpu_hour
            .map(|price| self.gpu_hours() * price)
    }

    /// GPU-hours that the budget pays for, where there is one.
    fn paid_gpu_hours(&self) -> Result<Option<f64>, Impossible> {
        match (self.budget, self.price_per_gpu_hour) {
            (None, _) => Ok(None),
            (Some(_), None) => Err(Impossible::NoPrice),
            (Some(budget), Some(price)) => Ok(Some(budget / price)),
        }
    }
}

/// Every value that is read is a number above zero.
fn check(problem: &Problem) -> Result<(), Impossible> {
    let unknown = problem.unknown;
    let given = |of: Unknown, value: f64| (unknown != of).then_some(value);
    let values = [
        ("FLOP per token", Some(problem.flop_per_token)),
        ("parameters", Some(problem.parameters)),
        ("tokens", given(Unknown::Tokens, problem.tokens)),
        ("GPUs", given(Unknown::Gpus, problem.gpus)),
        ("peak", Some(problem.peak.0)),
        ("MFU", given(Unknown::Mfu, problem.mfu)),
        ("price per GPU-hour", problem.price_per_gpu_hour),
        (
            "days",
            problem.deadline_days.filter(|_| unknown != Unknown::Days),
        ),
        (
            "budget",
            problem.budget.filter(|_| unknown != Unknown::Budget),
        ),
    ];
    for (name, value) in values {
        if let Some(value) = value.filter(|value| !(*value > 0.0 && value.is_finite())) {
            return Err(Impossible::NotPositive(name, value));
        }
    }
    if unknown != Unknown::Mfu && problem.mfu > 1.0 {
        return Err(Impossible::MfuAboveOne(problem.mfu));
    }
    Ok(())
}

/// The most of an unknown of which each takes `flop_each`, by time and by money.
fn most(problem: &Problem, flop_each: f64) -> Result<Solution, Impossible> {
    let by_time = problem
        .deadline_days
        .map(|days| problem.gpus * problem.rate() * days * SECONDS_PER_DAY);
    let by_money = problem
        .paid_gpu_hours()?
        .map(|hours| hours * problem.rate() * SECONDS_PER_HOUR);
    let (flop, binding) = match (by_time, by_money) {
        (None, None) => return Err(Impossible::Unlimited(problem.unknown)),
        (Some(time), Some(money)) if money < time => (money, Binding::Budget),
        (Some(time), _) => (time, Binding::Deadline),
        (None, Some(money)) => (money, Binding::Budget),
    };
    let value = down(flop / flop_each);
    if value < 1.0 {
        return Err(Impossible::NotEvenOne(problem.unknown, binding));
    }
    let solved = match problem.unknown {
        Unknown::Parameters => Problem {
            parameters: value,
            flop_per_token: problem.flop_per_token / problem.parameters * value,
            ..*problem
        },
        _ => Problem {
            tokens: value,
            ..*problem
        },
    };
    Ok(solution(&solved, value, binding))
}

/// The fewest GPUs that meet the deadline. What they cost together does not depend on how many they are.
fn fewest_gpus(problem: &Problem) -> Result<Solution, Impossible> {
    within_budget(problem)?;
    let days = problem
        .deadline_days
        .ok_or(Impossible::Unlimited(Unknown::Gpus))?;
    let gpus = up(problem.flop() / (problem.rate() * days * SECONDS_PER_DAY)).max(1.0);
    Ok(solution(
        &Problem { gpus, ..*problem },
        gpus,
        Binding::Deadline,
    ))
}

/// The least utilisation that keeps to the deadline and the budget.
fn least_mfu(problem: &Problem) -> Result<Solution, Impossible> {
    let all_peak = Problem {
        mfu: 1.0,
        ..*problem
    };
    let gpu_hours = all_peak.gpu_hours();
    let by_time = problem
        .deadline_days
        .map(|days| gpu_hours * SECONDS_PER_HOUR / (problem.gpus * days * SECONDS_PER_DAY));
    let by_money = problem.paid_gpu_hours()?.map(|paid| gpu_hours / paid);
    let (mfu, binding) = match (by_time, by_money) {
        (None, None) => return Err(Impossible::Unlimited(Unknown::Mfu)),
        (Some(time), Some(money)) if money > time => (money, Binding::Budget),
        (Some(time), _) => (time, Binding::Deadline),
        (None, Some(money)) => (money, Binding::Budget),
    };
    if exceeds(mfu, 1.0) {
        return Err(Impossible::AbovePeak { mfu, binding });
    }
    Ok(solution(&Problem { mfu, ..*problem }, mfu, binding))
}

fn within_budget(problem: &Problem) -> Result<(), Impossible> {
    let Some(budget) = problem.budget else {
        return Ok(());
    };
    let cost = problem.cost().ok_or(Impossible::NoPrice)?;
    if exceeds(cost, budget) {
        return Err(Impossible::OverBudget { cost, budget });
    }
    Ok(())
}

/// The solution when `solved` has the unknown's value in its place.
fn solution(solved: &Problem, value: f64, binding: Binding) -> Solution {
    let gpu_hours = solved.gpu_hours();
    Solution {
        unknown: solved.unknown,
        value,
        binding,
        days: gpu_hours * SECONDS_PER_HOUR / (solved.gpus * SECONDS_PER_DAY),
        gpu_hours,
        cost: solved.cost(),
    }
}

/// What rounding errors add to a number.
const ROUNDING: f64 = 1e-9;

fn exceeds(value: f64, limit: f64) -> bool {
    value > limit * (1.0 + ROUNDING)
}

fn up(value: f64) -> f64 {
    (value * (1.0 - ROUNDING)).ceil()
}

fn down(value: f64) -> f64 {
    // Beyond 2^50 there is nothing to round.
    if value < 1e15 {
        (value * (1.0 + ROUNDING)).floor().min(value.ceil())
    } else {
        value
    }
}

impl Binding {
    /// What binds, as a reader says it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Deadline => "the deadline",
            Self::Budget => "the budget",
            Self::Nothing => "nothing",
        }
    }
}

impl fmt::Display for Solution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = significant(self.value, 3);
        match self.unknown {
            Unknown::Parameters => write!(f, "At most {value} parameters")?,
            Unknown::Tokens => write!(f, "At most {value} tokens")?,
            Unknown::Gpus => write!(f, "At least {value} GPUs")?,
            Unknown::Mfu => {
                let percent = significant(100.0 * self.value, 3);
                write!(f, "At least {percent}% MFU")?;
            }
            Unknown::Days => return write!(f, "{value} days: nothing else is free."),
            Unknown::Budget => return write!(f, "${value}, however many GPUs share the work."),
        }
        write!(f, ": {} binds.", self.binding.label())
    }
}

impl fmt::Display for Impossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |value: &f64| significant(*value, 3);
        match self {
            Self::NotPositive(name, value) => {
                write!(f, "{name} = {} is not above 0", short(value))
            }
            Self::MfuAboveOne(mfu) => {
                let percent = short(&(100.0 * mfu));
                write!(
                    f,
                    "MFU = {percent}% is more than all of the peak; valid: up to 100%"
                )
            }
            Self::Unlimited(Unknown::Gpus) => {
                f.write_str("Any number of GPUs will do: give the days it may take")
            }
            Self::Unlimited(Unknown::Parameters) => {
                f.write_str("Nothing limits the model: give the days it may take, or a budget")
            }
            Self::Unlimited(Unknown::Tokens) => {
                f.write_str("Nothing limits the tokens: give the days it may take, or a budget")
            }
            Self::Unlimited(_) => {
                f.write_str("Any MFU will do: give the days it may take, or a budget")
            }
            Self::NoPrice => f.write_str("Money needs a price: give the price of a GPU-hour"),
            Self::OverBudget { cost, budget } => write!(
                f,
                "It costs ${}, more than the budget of ${}, and as much with more or fewer GPUs: fewer tokens, a smaller \
                 model, a higher MFU or a lower price would help",
                short(cost),
                short(budget)
            ),
            Self::TooLate { days, deadline } => write!(
                f,
                "It takes {} days, more than the {} there are, whatever is spent: more GPUs would help",
                short(days),
                short(deadline)
            ),
            Self::AbovePeak { mfu, binding } => write!(
                f,
                "It would take {}% of the peak to keep to {}, and there is only 100%",
                short(&(100.0 * mfu)),
                binding.label()
            ),
            Self::NotEvenOne(unknown, binding) => {
                let one = match unknown {
                    Unknown::Parameters => "parameter",
                    _ => "token",
                };
                write!(f, "Not even one {one}: {} binds", binding.label())
            }
        }
    }
}

impl std::error::Error for Impossible {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Choice;
    use proptest::prelude::*;

    /// Llama-2-7B's run on A100s (Touvron et al. 2023, arXiv:2307.09288, Table 2: 184,320 GPU-hours), at 2 dollars.
    fn llama() -> Problem {
        Problem {
            unknown: Unknown::Days,
            flop_per_token: 6.0 * 6.738e9,
            parameters: 6.738e9,
            tokens: 2e12,
            gpus: 1024.0,
            peak: FlopPerSecond::from_tflops(312.0),
            mfu: 0.4,
            price_per_gpu_hour: Some(2.0),
            deadline_days: None,
            budget: None,
        }
    }

    fn asking(unknown: Unknown, deadline_days: Option<f64>, budget: Option<f64>) -> Problem {
        Problem {
            unknown,
            deadline_days,
            budget,
            ..llama()
        }
    }

    /// By hand: 8.0856e22 FLOP at 124.8 TFLOP/s are 179,968 GPU-hours, on 1,024 GPUs 7.32 days, $359,936.
    #[test]
    fn by_hand() {
        for (unknown, days, budget, value, binding) in [
            (Unknown::Days, None, None, 7.3229, Binding::Nothing),
            (Unknown::Budget, None, None, 359_935.9, Binding::Nothing),
            (Unknown::Gpus, Some(7.0), None, 1_072.0, Binding::Deadline),
            (
                Unknown::Gpus,
                Some(7.0),
                Some(4e5),
                1_072.0,
                Binding::Deadline,
            ),
            (
                Unknown::Tokens,
                Some(3.66145),
                None,
                1e12,
                Binding::Deadline,
            ),
            (
                Unknown::Tokens,
                Some(100.0),
                Some(179_967.95),
                1e12,
                Binding::Budget,
            ),
            (
                Unknown::Tokens,
                None,
                Some(179_967.95),
                1e12,
                Binding::Budget,
            ),
            (
                Unknown::Parameters,
                Some(3.66145),
                Some(1e9),
                3.369e9,
                Binding::Deadline,
            ),
            (Unknown::Mfu, Some(3.66145), None, 0.8, Binding::Deadline),
            (
                Unknown::Mfu,
                Some(100.0),
                Some(179_967.95),
                0.8,
                Binding::Budget,
            ),
        ] {
            let solved = solve(&asking(unknown, days, budget)).unwrap();
            assert!((solved.value / value - 1.0).abs() < 1e-4, "{solved:?}");
            assert_eq!(solved.binding, binding, "{solved:?}");
        }
    }

    #[test]
    fn impossible() {
        for (unknown, days, budget, sentence) in [
            (
                Unknown::Gpus,
                Some(7.0),
                Some(3e5),
                "It costs $359,936, more than the budget of $300,000, and as much with more or fewer GPUs: fewer tokens, a \
                 smaller model, a higher MFU or a lower price would help",
            ),
            (
                Unknown::Budget,
                Some(7.0),
                None,
                "It takes 7.32 days, more than the 7.00 there are, whatever is spent: more GPUs would help",
            ),
            (
                Unknown::Mfu,
                Some(1.0),
                None,
                "It would take 293% of the peak to keep to the deadline, and there is only 100%",
            ),
            (
                Unknown::Tokens,
                None,
                None,
                "Nothing limits the tokens: give the days it may take, or a budget",
            ),
            (
                Unknown::Gpus,
                None,
                Some(4e5),
                "Any number of GPUs will do: give the days it may take",
            ),
            (
                Unknown::Days,
                Some(7.0),
                Some(-1.0),
                "budget = −1.00 is not above 0",
            ),
        ] {
            let why = solve(&asking(unknown, days, budget)).unwrap_err();
            assert_eq!(why.to_string(), sentence);
        }
        let priceless = Problem {
            price_per_gpu_hour: None,
            ..asking(Unknown::Tokens, Some(1.0), Some(1.0))
        };
        assert_eq!(solve(&priceless), Err(Impossible::NoPrice));
    }

    proptest! {
        /// Put in its place, a solution meets the deadline and the budget, and a better one would not.
        #[test]
        fn solutions_are_feasible_and_tight(
            log_parameters in 6f64..13.0, log_tokens in 6f64..14.0, log_gpus in 0f64..5.0,
            mfu in 0.01f64..1.0, log_days in -2f64..3.0, log_budget in 0f64..10.0, unknown in 0..Unknown::ALL.len(),
        ) {
            let parameters = 10f64.powf(log_parameters);
            let problem = Problem {
                flop_per_token: 6.0 * parameters,
                parameters,
                tokens: 10f64.powf(log_tokens),
                gpus: 10f64.powf(log_gpus).round(),
                mfu,
                ..asking(Unknown::ALL[unknown], Some(10f64.powf(log_days)), Some(10f64.powf(log_budget)))
            };
            let Ok(solved) = solve(&problem) else { return Ok(()) };
            let over = 1.0 + 1e-6;
            if problem.unknown != Unknown::Days {
                prop_assert!(solved.days <= problem.deadline_days.unwrap() * over, "{:?}", solved);
            }
            if problem.unknown != Unknown::Budget {
                prop_assert!(solved.cost.unwrap() <= problem.budget.unwrap() * over, "{:?}", solved);
            }
            let tight = match solved.binding {
                Binding::Deadline if problem.unknown == Unknown::Gpus => {
                    let one_less = solved.days * solved.value / (solved.value - 1.0);
                    solved.value == 1.0 || one_less * over > problem.deadline_days.unwrap()
                }
                Binding::Deadline => solved.days * 1.001 > problem.deadline_days.unwrap() || solved.value < 1e3,
                Binding::Budget => solved.cost.unwrap() * 1.001 > problem.budget.unwrap() || solved.value < 1e3,
                Binding::Nothing => true,
            };
            prop_assert!(tight, "{:?}", solved);
        }
    }
}
