//! A table's figures over its step times.

use super::super::quantile;
use super::{Kind, Timed};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What a table's summary says of step times beside its other figures; nothing where no row states one.
///
/// `rank_correlation_median` and `regret_median` are over groups of at least three layouts of one model, batch and number
/// of GPUs: Spearman's correlation of predicted and measured times, and how much slower the layout predicted fastest is
/// than the fastest.
pub fn figures(rows: &[Value]) -> Map<String, Value> {
    let timed: Vec<(Timed, &Value)> = rows
        .iter()
        .filter_map(|row| Some((super::read(row).ok()?, row)))
        .collect();
    let mut figures = Map::new();
    if timed.is_empty() {
        return figures;
    }
    let mut of = |name: &str, kinds: &[Kind]| {
        let among = |row: &&(Timed, &Value)| kinds.contains(&row.0.kind);
        let mut errors: Vec<f64> = timed
            .iter()
            .filter(among)
            .map(|(row, _)| row.error().abs())
            .collect();
        errors.sort_by(f64::total_cmp);
        figures.insert(format!("{name}_rows"), json!(errors.len()));
        for (figure, share) in [("median_error", 0.5), ("p90_error", 0.9)] {
            figures.insert(format!("{name}_{figure}"), json!(quantile(&errors, share)));
        }
    };
    of("time", &[Kind::Layouts, Kind::Dense, Kind::Experts]);
    if timed.iter().any(|(row, _)| row.kind == Kind::Experts) {
        of("time_dense", &[Kind::Dense]);
        of("time_experts", &[Kind::Experts]);
    }
    let mut groups: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for (row, value) in &timed {
        if let Some(group) = value["group"].as_str() {
            let times = (row.predicted().total(), row.seconds);
            groups.entry(group).or_default().push(times);
        }
    }
    let groups: Vec<_> = groups
        .into_values()
        .filter(|group| group.len() >= 3)
        .collect();
    if !groups.is_empty() {
        let median = |figure: fn(&[(f64, f64)]) -> f64| {
            let mut all: Vec<f64> = groups.iter().map(|group| figure(group)).collect();
            all.sort_by(f64::total_cmp);
            quantile(&all, 0.5)
        };
        figures.insert("groups".to_owned(), json!(groups.len()));
        figures.insert(
            "rank_correlation_median".to_owned(),
            json!(median(spearman)),
        );
        figures.insert("regret_median".to_owned(), json!(median(regret)));
    }
    figures
}

/// How much slower the layout with the least predicted time is than the fastest, as a fraction.
fn regret(group: &[(f64, f64)]) -> f64 {
    let chosen = group.iter().min_by(|a, b| a.0.total_cmp(&b.0));
    let fastest = group
        .iter()
        .map(|(_, measured)| *measured)
        .fold(f64::INFINITY, f64::min);
    chosen.map_or(0.0, |(_, measured)| measured / fastest - 1.0)
}

/// Spearman's rank correlation; ties share their mean rank.
fn spearman(group: &[(f64, f64)]) -> f64 {
    let ranks = |of: fn(&(f64, f64)) -> f64| -> Vec<f64> {
        let rank = |one: f64| {
            let below = group.iter().filter(|other| of(other) < one).count();
            let equal = group.iter().filter(|other| of(other) == one).count();
            below as f64 + (equal as f64 - 1.0) / 2.0
        };
        group.iter().map(|pair| rank(of(pair))).collect()
    };
    let (predicted, measured) = (ranks(|pair| pair.0), ranks(|pair| pair.1));
    let mean = (group.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).map(|(x, y)| (x - mean) * (y - mean)).sum()
    };
    let spread = (product(&predicted, &predicted) * product(&measured, &measured)).sqrt();
    if spread > 0.0 {
        product(&predicted, &measured) / spread
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_and_regret() {
        let same = [(1.0, 10.0), (2.0, 20.0), (3.0, 30.0)];
        let reverse = [(1.0, 30.0), (2.0, 20.0), (3.0, 10.0)];
        assert_eq!((spearman(&same), regret(&same)), (1.0, 0.0));
        assert_eq!((spearman(&reverse), regret(&reverse)), (-1.0, 2.0));
        // A textbook's with a tie: d² = 0.25 + 0.25 + 0 among ranks 0.5, 0.5, 2 and 0, 1, 2.
        let tie = [(1.0, 1.0), (1.0, 2.0), (2.0, 3.0)];
        assert!((spearman(&tie) - 0.75f64.sqrt()).abs() < 1e-12);
    }
}
