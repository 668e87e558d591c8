//! The intervals of a run as the page plots them: as many as a screen has room for.

use crate::load::books::causes::Causes;
use crate::load::books::outcome::{Interval, Outcome, Phase};
use crate::load::report::figures::{max, quantile};
use hdrhistogram::Histogram;
use std::collections::BTreeMap;

/// The slices of a page at most: a screen does not show more, so that the seconds of a long run are put together.
const MOST: usize = 240;

/// A stretch of a run within one phase: an interval, or a few.
pub struct Slice {
    pub start: f64,
    pub end: f64,
    pub phase: Phase,
    pub alive: u64,
    pub planned: u64,
    pub correct: u64,
    pub p50: Option<u64>,
    pub p99: Option<u64>,
    pub max: Option<u64>,
    pub service_p99: Option<u64>,
    pub failures: BTreeMap<String, u64>,
    pub cpu: f64,
    /// In microseconds.
    pub loop_lag: u64,
}

impl Slice {
    pub fn all(outcome: &Outcome) -> Vec<Slice> {
        let together = outcome.intervals.len().div_ceil(MOST).max(1);
        let phases = outcome.intervals.chunk_by(|one, next| one.phase == next.phase);
        phases.flat_map(|phase| phase.chunks(together)).map(Slice::of).collect()
    }

    fn of(intervals: &[Interval]) -> Slice {
        let (first, last) = (&intervals[0], &intervals[intervals.len() - 1]);
        let end = last.start + last.length;
        let sum = |figure: fn(&Interval) -> u64| intervals.iter().map(figure).sum();
        let response = sum_of(intervals, |interval| &interval.response);
        let service = sum_of(intervals, |interval| &interval.service);
        let mut failures = Causes::default();
        intervals.iter().for_each(|interval| failures += &interval.failures);
        Slice {
            start: first.start.as_secs_f64(),
            end: end.as_secs_f64(),
            phase: first.phase,
            alive: last.alive,
            planned: sum(|interval| interval.planned),
            correct: sum(|interval| interval.books.correct),
            p50: quantile(&response, 0.5),
            p99: quantile(&response, 0.99),
            max: max(&response),
            service_p99: quantile(&service, 0.99),
            failures: failures.named(),
            cpu: intervals.iter().map(|interval| interval.cpu).sum::<f64>() / intervals.len() as f64,
            loop_lag: longest_turn(intervals),
        }
    }

    pub fn length(&self) -> f64 {
        (self.end - self.start).max(0.0)
    }

    pub fn middle(&self) -> f64 {
        (self.start + self.end) / 2.0
    }

    /// How many a second a number counted in this slice is. There is no rate in the drain, where nothing is sent, nor before
    /// anything is sent, nor of a slice that is too short to tell.
    pub fn rate(&self, number: u64) -> Option<f64> {
        let is_under_way = self.phase == Phase::Measure || self.planned > 0;
        let says_something = self.length() >= 0.2 && self.phase != Phase::Drain && is_under_way;
        says_something.then(|| number as f64 / self.length())
    }
}

fn longest_turn(intervals: &[Interval]) -> u64 {
    intervals.iter().map(|interval| interval.max_loop_lag.as_micros() as u64).max().unwrap_or(0)
}

fn sum_of(intervals: &[Interval], of: fn(&Interval) -> &Histogram<u64>) -> Histogram<u64> {
    let mut sum = of(&intervals[0]).clone();
    for interval in &intervals[1..] {
        sum.add(of(interval)).expect("histograms of one run have one range");
    }
    sum
}
