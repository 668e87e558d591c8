//! The figure that shows how evenly the clients were served.

use super::figure::{Figure, Table};
use super::plot::{Axis, Limit, Plot, Series, Shape, Tip};
use super::scale::Scale;
use crate::load::books::outcome::Outcome;
use crate::load::report::figures::{count, starved};

/// What the clients got, from the worst off to the best.
pub fn fairness(outcome: &Outcome) -> Figure {
    let title = "Fairness";
    let fairness = &outcome.fairness;
    if fairness.spread.is_empty() || outcome.connections.alive < 2 {
        let lead = "With fewer than two clients alive there is nothing to compare.".to_owned();
        return Figure { title, lead, legend: Vec::new(), plot: None, table: Table::default() };
    }
    let [worst, median, best] = [fairness.worst, fairness.median, fairness.best].map(count);
    let mut lead =
        format!("Right replies to each client, from the worst off ({worst}) to the best ({best}).");
    if !fairness.starved.is_empty() {
        lead += &format!(" {}.", starved(&fairness.starved).replacen('s', "S", 1));
    }
    let share = |at: usize| 100.0 * (at + 1) as f64 / fairness.spread.len() as f64;
    let points = fairness.spread.iter().enumerate().map(|(at, replies)| Some((share(at), *replies as f64)));
    let mut table = Table::new(&["share of the clients", "right replies at most"]);
    let mut tips = Vec::new();
    for (at, replies) in fairness.spread.iter().enumerate() {
        let lines =
            vec![format!("{:.0} % of the clients got", share(at)), format!("{} or fewer", count(*replies))];
        tips.push(Tip { from: share(at) - 1.0, to: share(at), at: share(at), lines });
        if (at + 1).is_multiple_of(10) || at == 0 {
            table.rows.push(vec![format!("{:.0} %", share(at)), count(*replies)]);
        }
    }
    let plot = Plot {
        name: "Right replies to each client, sorted",
        height: 190.0,
        x: Axis { scale: Scale::from_zero(100.0), tick: |value| format!("{value:.0} %") },
        y: Axis { scale: Scale::counts(fairness.best as f64), tick: |value| count(value as u64) },
        shades: Vec::new(),
        limits: vec![Limit { at: fairness.median as f64, name: format!("median {median}") }],
        series: vec![Series {
            name: format!("best {best}"),
            class: "a",
            shape: Shape::Line(points.collect()),
        }],
        tips,
    };
    Figure { title, lead, legend: Vec::new(), plot: Some(plot), table }
}
