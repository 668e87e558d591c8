//! The time series: one JSON line for each interval, written when it has ended.

use crate::load::books::outcome::{Interval, Phase};
use crate::load::report::json::{Percentiles, Requests, line};
use serde::Serialize;
use std::collections::BTreeMap;

/// A line of a time series: one JSON object for an interval. What it shares with the report has the report's names.
pub fn timeseries_line(interval: &Interval) -> String {
    line(&Second::of(interval)) + "\n"
}

#[derive(Serialize)]
struct Second {
    start_s: f64,
    length_s: f64,
    phase: &'static str,
    alive: u64,
    planned: u64,
    requests: Requests,
    latency_us: Latency,
    failures: BTreeMap<String, u64>,
    generator: Generator,
}

#[derive(Serialize)]
struct Latency {
    response: Percentiles,
    service: Percentiles,
}

#[derive(Serialize)]
struct Generator {
    cpu: f64,
    max_loop_lag_us: u64,
}

impl Second {
    fn of(interval: &Interval) -> Second {
        Second {
            start_s: interval.start.as_secs_f64(),
            length_s: interval.length.as_secs_f64(),
            phase: name(interval.phase),
            alive: interval.alive,
            planned: interval.planned,
            requests: Requests::of(&interval.books),
            latency_us: Latency {
                response: Percentiles::of(&interval.response),
                service: Percentiles::of(&interval.service),
            },
            failures: interval.failures.named(),
            generator: Generator {
                cpu: interval.cpu,
                max_loop_lag_us: interval.max_loop_lag.as_micros() as u64,
            },
        }
    }
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Ramp => "ramp",
        Phase::WarmUp => "warm-up",
        Phase::Measure => "measure",
        Phase::Drain => "drain",
    }
}
