//! Latency over the share of the requests that were at least so fast.

use super::figure::{Figure, Table};
use super::plot::{Axis, Plot, Series, Shape, Tip};
use super::scale::Scale;
use super::{lasted, maybe_lasted};
use crate::load::books::outcome::{Mode, Outcome};
use crate::load::report::figures::{count, quantile};
use hdrhistogram::Histogram;

/// The quantiles of the table, in percent, as they are written.
const QUANTILES: [&str; 13] = [
    "50", "75", "90", "95", "99", "99.5", "99.9", "99.95", "99.99", "99.995", "99.999", "99.9995", "99.9999",
];

pub fn spectrum(outcome: &Outcome) -> Figure {
    let (response, service) = (&outcome.latency.response, &outcome.latency.service);
    let samples = response.len().max(service.len());
    if samples == 0 {
        let lead = "No reply came, so there is no latency to show.".to_owned();
        return Figure { title: "Latency", lead, legend: Vec::new(), plot: None, table: Table::default() };
    }
    let lead = match outcome.mode {
        Mode::Open => {
            "Response time counts from the instant a request was planned for, service time from when it was \
             sent. What lies between is the wait for their turn."
        }
        Mode::Closed => {
            "A closed loop: a client sends when it has its answer, so what a slow server kept from being sent \
             is not in these figures."
        }
    };
    Figure {
        title: "Latency",
        lead: lead.to_owned(),
        legend: Vec::new(),
        plot: Some(plot(outcome, samples)),
        table: table(response, service, samples),
    }
}

fn plot(outcome: &Outcome, samples: u64) -> Plot {
    let (response, service) = (&outcome.latency.response, &outcome.latency.service);
    let both = [response, service];
    let low = both.iter().filter_map(|histogram| quantile(histogram, 0.0)).min().unwrap_or(1).max(1);
    let high = both.iter().map(|histogram| histogram.max()).max().unwrap_or(1).max(low);
    let line = |name: &str, class, histogram| Series {
        name: name.to_owned(),
        class,
        shape: Shape::Line(points(histogram)),
    };
    let mut series = vec![line("service", "b dashed", service), line("response", "a", response)];
    if outcome.mode == Mode::Open {
        series.insert(0, waited(response, service));
    }
    let ticks: Vec<f64> = [1.0, 2.0].into_iter().chain((1..12).map(|decade| 10f64.powi(decade))).collect();
    Plot {
        name: "Latency by percentile, response and service time",
        height: 330.0,
        x: Axis { scale: Scale::log_with((samples as f64).max(10.0), &ticks), tick: percentile },
        y: Axis { scale: Scale::decades(low as f64, high as f64), tick: |value| lasted(value, true) },
        shades: Vec::new(),
        limits: Vec::new(),
        series,
        tips: tips(response, service, samples),
    }
}

/// The area between the two curves: the time from the plan to the sending.
fn waited(response: &Histogram<u64>, service: &Histogram<u64>) -> Series {
    let same = |point: &Option<(f64, f64)>| {
        let (x, above) = (*point)?;
        let below = quantile(service, 1.0 - 1.0 / x)?;
        Some([x, above, above.min(below as f64)])
    };
    let band = points(response).iter().filter_map(same).collect();
    Series { name: String::new(), class: "a", shape: Shape::Band(band) }
}

/// The curve of a histogram: at `1 / share` stands the time that this share of the samples exceeds, and the slowest of all
/// stands at the number of samples.
fn points(histogram: &Histogram<u64>) -> Vec<Option<(f64, f64)>> {
    let samples = histogram.len() as f64;
    let steps = histogram.iter_quantiles(8);
    steps
        .map(|step| {
            let slower = (1.0 - step.quantile_iterated_to()).max(1.0 / samples);
            Some((1.0 / slower, step.value_iterated_to().min(histogram.max()) as f64))
        })
        .collect()
}

fn percentile(one_over_slower: f64) -> String {
    match one_over_slower {
        x if x < 1.5 => "0 %".to_owned(),
        x if x < 5.0 => "50 %".to_owned(),
        x => {
            let nines = x.log10().round() as usize;
            format!("{:.*} %", nines.saturating_sub(2), 100.0 - 100.0 / x)
        }
    }
}

/// The quantiles that so many samples have, with `1 / share` of the slower ones.
fn quantiles(samples: u64) -> impl Iterator<Item = (&'static str, f64, f64)> {
    let all = QUANTILES.into_iter().map(|name| {
        let quantile = name.parse::<f64>().expect("a number") / 100.0;
        (name, quantile, 1.0 / (1.0 - quantile))
    });
    all.filter(move |(_, _, x)| *x <= samples as f64 * 1.001)
}

fn tips(response: &Histogram<u64>, service: &Histogram<u64>, samples: u64) -> Vec<Tip> {
    let shown: Vec<_> = quantiles(samples).collect();
    let between = |one: f64, other: f64| (one * other).sqrt();
    (0..shown.len())
        .map(|at| {
            let (name, share, x) = shown[at];
            let from = if at > 0 { between(shown[at - 1].2, x) } else { 1.0 };
            let to = shown.get(at + 1).map_or(f64::INFINITY, |next| between(x, next.2));
            let [response, service] =
                [response, service].map(|histogram| maybe_lasted(quantile(histogram, share)));
            let lines = vec![
                format!("{name} % were at least so fast:"),
                format!("response {response}"),
                format!("service {service}"),
            ];
            Tip { from, to, at: x, lines }
        })
        .collect()
}

fn table(response: &Histogram<u64>, service: &Histogram<u64>, samples: u64) -> Table {
    let mut table = Table::new(&["percentile", "response", "service", "slower requests"]);
    let shown = quantiles(samples).map(|(name, share, _)| (name, share));
    for (name, share) in shown.chain([("100 (max)", 1.0)]) {
        let slower = (response.len() as f64 * (1.0 - share)).round() as u64;
        let [response, service] =
            [response, service].map(|histogram| maybe_lasted(quantile(histogram, share)));
        table.rows.push(vec![name.to_owned(), response, service, count(slower)]);
    }
    table
}
