//! What a run looked like second by second; all plots share the axis of time.

use super::figure::{Figure, Table};
use super::plot::{Axis, Limit, Plot, Series, Shade, Shape, Tip};
use super::scale::Scale;
use super::slices::Slice;
use super::{lasted, maybe_lasted, phase_name};
use crate::load::books::outcome::{Mode, Outcome, Phase};
use crate::load::report::figures::{by_number, count, counted, rate};

/// Causes beyond these share the last colour.
const FAILURE_CLASSES: [&str; 6] = ["f1", "f2", "f3", "f4", "f5", "f6"];

/// What is said where there are fewer than two intervals.
const MOMENT: &str = "Too short a run to have a course in time.";

type Point = Option<(f64, f64)>;

pub fn rates(outcome: &Outcome, slices: &[Slice]) -> Figure {
    let offered: Vec<Point> = steps(slices, |slice| slice.rate(slice.planned));
    let achieved: Vec<Point> = steps(slices, |slice| slice.rate(slice.correct));
    let is_open = outcome.mode == Mode::Open;
    let title = if is_open { "Rate offered and achieved" } else { "Rate achieved" };
    if is_moment(slices) {
        return nothing(title, MOMENT);
    }
    if achieved.iter().all(Option::is_none) {
        return nothing(title, "Nothing was measured for long enough to have a rate.");
    }
    let lead = match is_open {
        true => "Right replies a second, beside the requests that the schedule had.",
        false => "Right replies a second. A closed loop offers nothing: the server sets the pace.",
    };
    let highest = offered.iter().chain(&achieved).flatten().map(|(_, y)| *y).fold(0.0, f64::max);
    let mut series = vec![line("achieved", "a", achieved)];
    if is_open {
        series.insert(0, line("offered", "b dashed", offered));
    }
    let mut table = Table::new(&["from", "phase", "planned", "right", "right a second"]);
    let mut tips = Vec::new();
    for slice in slices {
        let achieved = slice.rate(slice.correct).map_or("-".to_owned(), rate);
        let [planned, correct] = [slice.planned, slice.correct].map(count);
        tips.push(tip(
            slice,
            vec![format!("planned {planned}"), format!("right {correct}"), achieved.clone()],
        ));
        table.rows.push(row(slice, [planned, correct, achieved]));
    }
    let plot = Plot {
        name: "Requests a second over time",
        height: 220.0,
        x: time(slices),
        y: Axis { scale: Scale::from_zero(highest), tick: rate_tick },
        shades: shades(slices),
        limits: Vec::new(),
        series,
        tips,
    };
    Figure { title, lead: lead.to_owned(), legend: Vec::new(), plot: Some(plot), table }
}

/// The drain is left out: its few replies are the slowest of the last second, and no second of their own.
pub fn latencies(slices: &[Slice]) -> Figure {
    let title = "Latency over time";
    let figures = |slice: &&Slice| slice.phase != Phase::Drain;
    let low = slices.iter().filter(figures).filter_map(|slice| slice.p50).min().unwrap_or(0).max(1);
    let Some(high) = slices.iter().filter(figures).filter_map(|slice| slice.max).max() else {
        return nothing(title, "No reply came, so there is no latency to show.");
    };
    if is_moment(slices) {
        return nothing(title, MOMENT);
    }
    let of = |name, class, figure: fn(&Slice) -> Option<u64>| {
        let point = |slice: &Slice| figure(slice).map(|value| (slice.middle(), value as f64));
        line(name, class, slices.iter().filter(figures).map(point).collect())
    };
    let mut table = Table::new(&["from", "phase", "p50", "p99", "max", "p99 service"]);
    let mut tips = Vec::new();
    for slice in slices.iter().filter(figures) {
        let [p50, p99, max, service] = [slice.p50, slice.p99, slice.max, slice.service_p99].map(maybe_lasted);
        let lines = vec![
            format!("p50 {p50}"),
            format!("p99 {p99}"),
            format!("max {max}"),
            format!("service p99 {service}"),
        ];
        tips.push(tip(slice, lines));
        table.rows.push(row(slice, [p50, p99, max, service]));
    }
    let scale = Scale::decades(low as f64, high as f64);
    let is_silent =
        |slice: &&Slice| slice.phase == Phase::Measure && slice.planned > 0 && slice.max.is_none();
    let silent: Vec<_> =
        slices.iter().filter(is_silent).map(|slice| [slice.start, slice.end, 0.0, f64::MAX]).collect();
    let mut legend = Vec::new();
    let mut series = Vec::new();
    if !silent.is_empty() {
        legend.push(("m", "no reply ended here".to_owned()));
        series.push(Series { name: String::new(), class: "m", shape: Shape::Bars(silent) });
    }
    series.extend([
        of("slowest", "c dotted", |slice| slice.max),
        of("p99", "a", |slice| slice.p99),
        of("p50", "d", |slice| slice.p50),
    ]);
    let plot = Plot {
        name: "Response time over time: p50, p99 and the slowest",
        height: 240.0,
        x: time(slices),
        y: Axis { scale, tick: |value| lasted(value, true) },
        shades: shades(slices),
        limits: Vec::new(),
        series,
        tips,
    };
    let lead = "Response time of the requests that ended in each second.".to_owned();
    Figure { title, lead, legend, plot: Some(plot), table }
}

pub fn failures(outcome: &Outcome, slices: &[Slice]) -> Figure {
    let title = "Failures by cause";
    let named = outcome.failures.named();
    let causes = by_number(&named);
    let class = |at: usize| FAILURE_CLASSES[at.min(FAILURE_CLASSES.len() - 1)];
    if causes.is_empty() {
        return nothing(title, "Nothing failed.");
    }
    let total = causes.iter().map(|(_, number)| number).sum();
    let total = counted(total, "failure", "failures");
    let legend = causes.iter().enumerate();
    let legend =
        legend.map(|(at, (cause, number))| (class(at), format!("{cause}: {}", count(*number)))).collect();
    if is_moment(slices) {
        return Figure { legend, ..nothing(title, &format!("{total} in all.")) };
    }
    let number = |slice: &Slice, cause: &str| slice.failures.get(cause).copied().unwrap_or(0);
    let mut bars = vec![Vec::new(); causes.len()];
    let mut highest = 0.0f64;
    for slice in slices {
        let mut lower = 0.0;
        for (bars, (cause, _)) in bars.iter_mut().zip(&causes) {
            let upper = lower + number(slice, cause) as f64;
            if upper > lower {
                bars.push([slice.start, slice.end, lower, upper]);
            }
            lower = upper;
        }
        highest = highest.max(lower);
    }
    let series = bars.into_iter().enumerate().filter(|(_, bars)| !bars.is_empty());
    let series = series
        .map(|(at, bars)| Series { name: String::new(), class: class(at), shape: Shape::Bars(bars) })
        .collect();
    let mut head = vec!["from", "phase"];
    head.extend(causes.iter().map(|(cause, _)| *cause));
    let mut table = Table::new(&head);
    let mut tips = Vec::new();
    for slice in slices {
        let lines = by_number(&slice.failures)
            .into_iter()
            .map(|(cause, number)| format!("{cause} {}", count(number)));
        tips.push(tip(slice, lines.collect()));
        let numbers: Vec<_> = causes.iter().map(|(cause, _)| count(number(slice, cause))).collect();
        table.rows.push(row(slice, numbers));
    }
    let plot = Plot {
        name: "Failures over time, stacked by cause",
        height: 190.0,
        x: time(slices),
        y: Axis { scale: Scale::counts(highest), tick: number_tick },
        shades: shades(slices),
        limits: Vec::new(),
        series,
        tips,
    };
    let lead = format!("{total} in all, in the second in which they were noticed.");
    Figure { title, lead, legend, plot: Some(plot), table }
}

pub fn ramp(outcome: &Outcome, slices: &[Slice]) -> Figure {
    let title = "Clients alive";
    let connections = &outcome.connections;
    let asked = counted(connections.asked, "client", "clients");
    let [alive, failed, lost] = [connections.alive, connections.failed, connections.lost].map(count);
    let lead = match outcome.churn {
        true => {
            format!(
                "{asked} at a time; of their sessions {alive} came alive, {failed} failed, {lost} were lost."
            )
        }
        false => {
            let ramp = lasted(outcome.ramp.as_secs_f64() * 1e6, false);
            format!("{asked} asked for: {alive} alive after {ramp}, {failed} never, {lost} lost later.")
        }
    };
    if is_moment(slices) {
        return nothing(title, &lead);
    }
    let mut points = vec![Some((0.0, 0.0))];
    points.extend(slices.iter().map(|slice| Some((slice.end, slice.alive as f64))));
    let highest = slices.iter().map(|slice| slice.alive).max().unwrap_or(0).max(connections.asked);
    let mut table = Table::new(&["from", "phase", "alive at the end"]);
    for slice in slices {
        table.rows.push(row(slice, [count(slice.alive)]));
    }
    let plot = Plot {
        name: "Clients alive over time",
        height: 170.0,
        x: time(slices),
        y: Axis { scale: Scale::counts(highest as f64), tick: number_tick },
        shades: shades(slices),
        limits: vec![Limit {
            at: connections.asked as f64,
            name: format!("asked {}", count(connections.asked)),
        }],
        series: vec![line("alive", "a", points)],
        tips: slices.iter().map(|slice| tip(slice, vec![format!("alive {}", count(slice.alive))])).collect(),
    };
    Figure { title, lead, legend: Vec::new(), plot: Some(plot), table }
}

/// The generator's own share of the processor, and its longest turns.
pub fn generator(outcome: &Outcome, slices: &[Slice]) -> [Figure; 2] {
    let generator = &outcome.generator;
    let lead = format!(
        "{:.0} % of one core over the time measured; beyond 95 % it would be the limit.",
        100.0 * generator.cpu
    );
    let lag = format!(
        "The longest turn took {}; requests left behind their plan by {} at p99.",
        lasted(generator.max_loop_lag.as_secs_f64() * 1e6, false),
        lasted(generator.p99_schedule_lag.as_secs_f64() * 1e6, false),
    );
    if is_moment(slices) {
        return [nothing("Generator: processor", &lead), nothing("Generator: turns of the loop", &lag)];
    }
    let bars = |figure: fn(&Slice) -> f64| Series {
        name: String::new(),
        class: "g",
        shape: Shape::Bars(slices.iter().map(|slice| [slice.start, slice.end, 0.0, figure(slice)]).collect()),
    };
    let longest = slices.iter().map(|slice| slice.loop_lag).max().unwrap_or(0);
    let [mut cpus, mut turns] =
        [Table::new(&["from", "phase", "CPU"]), Table::new(&["from", "phase", "longest turn"])];
    let (mut cpu_tips, mut turn_tips) = (Vec::new(), Vec::new());
    for slice in slices {
        let (cpu, turn) = (share(slice.cpu), lasted(slice.loop_lag as f64, false));
        cpu_tips.push(tip(slice, vec![format!("CPU {cpu}")]));
        turn_tips.push(tip(slice, vec![format!("longest turn {turn}")]));
        cpus.rows.push(row(slice, [cpu]));
        turns.rows.push(row(slice, [turn]));
    }
    let plot = |name, scale, tick, limits, series, tips| Plot {
        name,
        height: 150.0,
        x: time(slices),
        y: Axis { scale, tick },
        shades: shades(slices),
        limits,
        series: vec![series],
        tips,
    };
    let limit = Limit { at: 0.95, name: "limit 95 %".to_owned() };
    let cpu = plot(
        "The generator's CPU share",
        Scale::share(),
        share,
        vec![limit],
        bars(|slice| slice.cpu),
        cpu_tips,
    );
    let lag_scale = Scale::from_zero(longest as f64);
    let lag_tick: fn(f64) -> String = |value| lasted(value, true);
    let turn = plot(
        "The generator's longest turns",
        lag_scale,
        lag_tick,
        Vec::new(),
        bars(|slice| slice.loop_lag as f64),
        turn_tips,
    );
    [
        Figure { title: "Generator: processor", lead, legend: Vec::new(), plot: Some(cpu), table: cpus },
        Figure {
            title: "Generator: turns of the loop",
            lead: lag,
            legend: Vec::new(),
            plot: Some(turn),
            table: turns,
        },
    ]
}

/// With one slice there would be one bar as wide as the page, which says less than its number.
fn is_moment(slices: &[Slice]) -> bool {
    slices.len() < 2
}

fn nothing(title: &'static str, lead: &str) -> Figure {
    Figure { title, lead: lead.to_owned(), legend: Vec::new(), plot: None, table: Table::default() }
}

fn line(name: &str, class: &'static str, points: Vec<Point>) -> Series {
    Series { name: name.to_owned(), class, shape: Shape::Line(points) }
}

/// A level from the start of each slice to its end.
fn steps(slices: &[Slice], figure: impl Fn(&Slice) -> Option<f64>) -> Vec<Point> {
    let ends = |slice: &Slice| {
        let level = figure(slice);
        [level.map(|level| (slice.start, level)), level.map(|level| (slice.end, level))]
    };
    slices.iter().flat_map(ends).collect()
}

fn time(slices: &[Slice]) -> Axis {
    Axis { scale: Scale::time(slices.last().map_or(0.0, |slice| slice.end)), tick: seconds }
}

fn shades(slices: &[Slice]) -> Vec<Shade> {
    let phases = slices.chunk_by(|one, next| one.phase == next.phase);
    phases
        .map(|phase| Shade {
            from: phase[0].start,
            to: phase[phase.len() - 1].end,
            name: phase_name(phase[0].phase),
            is_shaded: phase[0].phase != Phase::Measure,
        })
        .collect()
}

fn tip(slice: &Slice, mut lines: Vec<String>) -> Tip {
    lines.insert(
        0,
        format!("{} to {}, {}", seconds(slice.start), seconds(slice.end), phase_name(slice.phase)),
    );
    Tip { from: slice.start, to: slice.end, at: slice.middle(), lines }
}

fn row(slice: &Slice, figures: impl IntoIterator<Item = String>) -> Vec<String> {
    [seconds(slice.start), phase_name(slice.phase).to_owned()].into_iter().chain(figures).collect()
}

/// `0.64 s`, `12 s`, `5:30`.
fn seconds(value: f64) -> String {
    if value < 120.0 {
        let text = format!("{value:.2}");
        return format!("{} s", text.trim_end_matches('0').trim_end_matches('.'));
    }
    let whole = value.round() as u64;
    match whole / 3600 {
        0 => format!("{}:{:02}", whole / 60, whole % 60),
        hours => format!("{hours}:{:02}:{:02}", whole / 60 % 60, whole % 60),
    }
}

fn number_tick(value: f64) -> String {
    if value.fract() == 0.0 { count(value as u64) } else { format!("{value}") }
}

fn rate_tick(value: f64) -> String {
    format!("{}/s", number_tick(value))
}

fn share(value: f64) -> String {
    format!("{:.0} %", 100.0 * value)
}
