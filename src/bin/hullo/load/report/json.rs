//! The report as one JSON object, for programs.

use crate::load::books::outcome::{Books, Evidence, Mode, Outcome};
use crate::load::books::verdict::{Judged, Judgement, Status};
use crate::load::plan::settings::Setting;
use crate::load::report::figures::{escaped, max, mean, quantile, start_time};
use crate::load::report::verdict::conclusion;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;

/// With fewer samples than these the 99.99th percentile would be the largest of them, and is left out.
const SAMPLES_OF_P99_99: u64 = 10_000;

/// One object on one line, without a newline. Its keys are part of the command line's promise.
pub fn json(outcome: &Outcome) -> String {
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        command: &outcome.command,
        target: outcome.target.to_string(),
        mode: match outcome.mode {
            Mode::Closed => "closed",
            Mode::Open => "open",
        },
        exit_code: conclusion(outcome).exit_code(),
        verdict: Verdict::of(outcome),
        start_time: start_time(outcome.began),
        offered_rate: outcome.offered_rate(),
        achieved_rate: outcome.achieved_rate(),
        duration_s: outcome.rated().as_secs_f64(),
        measured_s: outcome.measured.as_secs_f64(),
        requests: Requests::of(&outcome.books),
        connections: Connections {
            asked: outcome.connections.asked,
            alive: outcome.connections.alive,
            failed: outcome.connections.failed,
            lost: outcome.connections.lost,
        },
        latency_us: Latency {
            response: Percentiles::of(&outcome.latency.response),
            service: Percentiles::of(&outcome.latency.service),
            connect: Percentiles::of(&outcome.latency.connect),
            handshake: outcome.is_tls().then(|| Percentiles::of(&outcome.latency.handshake)),
        },
        bytes: Bytes { sent: outcome.bytes_sent, received: outcome.bytes_received },
        fairness: Fairness {
            worst: outcome.fairness.worst,
            median: outcome.fairness.median,
            best: outcome.fairness.best,
        },
        generator: Generator {
            cpu: outcome.generator.cpu,
            max_loop_lag_us: outcome.generator.max_loop_lag.as_micros() as u64,
            longest_stall_us: outcome.generator.longest_stall.as_micros() as u64,
            stalled_us: outcome.generator.stalled.as_micros() as u64,
            p99_schedule_lag_us: outcome.generator.p99_schedule_lag.as_micros() as u64,
            receive_drops: outcome.generator.receive_drops,
        },
        failures: outcome.failures.named(),
        evidence: outcome.evidence.iter().map(Exhibit::of).collect(),
        settings: outcome.settings.iter().map(|(name, value)| (*name, value)).collect(),
        seed: outcome.seed,
        kernel: &outcome.kernel,
    };
    line(&report)
}

/// Writes a value on one line. A number that is not finite (0/0) becomes null. Characters that some readers take for the end
/// of a line are escaped as well; they can stand in texts alone.
pub fn line(value: &impl Serialize) -> String {
    let line = serde_json::to_string(value).expect("plain structs with text for keys");
    let ends = |c| matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}');
    if !line.contains(ends) {
        return line;
    }
    let mut escaped = String::with_capacity(line.len() + 8);
    for letter in line.chars() {
        match ends(letter) {
            true => escaped += &format!("\\u{:04x}", u32::from(letter)),
            false => escaped.push(letter),
        }
    }
    escaped
}

#[derive(Serialize)]
struct Report<'a> {
    version: &'static str,
    command: &'a str,
    target: String,
    mode: &'static str,
    exit_code: u8,
    verdict: Verdict<'a>,
    start_time: String,
    offered_rate: Option<f64>,
    achieved_rate: f64,
    /// What the achieved rate is over: the time measured, or, where the run ended early, the time asked for.
    duration_s: f64,
    measured_s: f64,
    requests: Requests,
    connections: Connections,
    latency_us: Latency,
    bytes: Bytes,
    fairness: Fairness,
    generator: Generator,
    failures: BTreeMap<String, u64>,
    evidence: Vec<Exhibit>,
    settings: BTreeMap<&'static str, &'a Setting>,
    seed: u64,
    kernel: &'a str,
}

#[derive(Serialize)]
struct Verdict<'a> {
    status: &'static str,
    exit_code: u8,
    trustworthy: bool,
    /// Faults and remarks together.
    reasons: Vec<&'a str>,
    faults: &'a [String],
    remarks: &'a [String],
    expectations: Vec<Expectation<'a>>,
}

#[derive(Serialize)]
struct Expectation<'a> {
    expression: &'a str,
    pass: bool,
    judgement: &'static str,
    value: Option<f64>,
}

#[derive(Serialize)]
pub struct Requests {
    sent: u64,
    correct: u64,
    wrong: u64,
    late: u64,
    lost: u64,
    unfinished: u64,
    not_sent: u64,
    duplicate: u64,
    reordered: u64,
    foreign: u64,
}

#[derive(Serialize)]
struct Connections {
    asked: u64,
    alive: u64,
    failed: u64,
    lost: u64,
}

#[derive(Serialize)]
struct Latency {
    response: Percentiles,
    service: Percentiles,
    connect: Percentiles,
    /// From the connect call to the end of the TLS handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    handshake: Option<Percentiles>,
}

#[derive(Serialize)]
pub struct Percentiles {
    p50: Option<u64>,
    p90: Option<u64>,
    p99: Option<u64>,
    p99_9: Option<u64>,
    p99_99: Option<u64>,
    max: Option<u64>,
    mean: Option<f64>,
    count: u64,
}

#[derive(Serialize)]
struct Bytes {
    sent: u64,
    received: u64,
}

#[derive(Serialize)]
struct Fairness {
    worst: u64,
    median: u64,
    best: u64,
}

#[derive(Serialize)]
struct Generator {
    cpu: f64,
    max_loop_lag_us: u64,
    longest_stall_us: u64,
    stalled_us: u64,
    p99_schedule_lag_us: u64,
    receive_drops: u64,
}

#[derive(Serialize)]
struct Exhibit {
    kind: &'static str,
    client: u32,
    sequence: Option<u64>,
    expected: String,
    received: String,
}

impl<'a> Verdict<'a> {
    fn of(outcome: &'a Outcome) -> Verdict<'a> {
        let verdict = &outcome.verdict;
        Verdict {
            status: match conclusion(outcome).status() {
                Status::Passed => "passed",
                Status::Failed => "failed",
                Status::FellShort => "fell_short",
                Status::NotTrustworthy => "not_trustworthy",
                Status::Stopped => "stopped",
            },
            exit_code: conclusion(outcome).exit_code(),
            trustworthy: verdict.trustworthy,
            reasons: verdict.faults.iter().chain(&verdict.remarks).map(String::as_str).collect(),
            faults: &verdict.faults,
            remarks: &verdict.remarks,
            expectations: verdict.expectations.iter().map(Expectation::of).collect(),
        }
    }
}

impl<'a> Expectation<'a> {
    fn of(judged: &'a Judged) -> Expectation<'a> {
        let judgement = match judged.judgement {
            Judgement::Held => "held",
            Judgement::Broken => "broken",
            Judgement::Doubtful => "doubtful",
            Judgement::TooFew(_) => "too_few_samples",
        };
        let pass = judged.judgement == Judgement::Held;
        Expectation { expression: judged.expectation.text(), pass, judgement, value: judged.value }
    }
}

impl Requests {
    pub fn of(books: &Books) -> Requests {
        Requests {
            sent: books.sent,
            correct: books.correct,
            wrong: books.wrong,
            late: books.late,
            lost: books.lost,
            unfinished: books.unfinished,
            not_sent: books.not_sent,
            duplicate: books.duplicate,
            reordered: books.reordered,
            foreign: books.foreign,
        }
    }
}

impl Percentiles {
    pub fn of(histogram: &Histogram<u64>) -> Percentiles {
        let count = histogram.len();
        Percentiles {
            p50: quantile(histogram, 0.5),
            p90: quantile(histogram, 0.9),
            p99: quantile(histogram, 0.99),
            p99_9: quantile(histogram, 0.999),
            p99_99: quantile(histogram, 0.9999).filter(|_| count >= SAMPLES_OF_P99_99),
            max: max(histogram),
            mean: mean(histogram),
            count,
        }
    }
}

impl Exhibit {
    fn of(evidence: &Evidence) -> Exhibit {
        Exhibit {
            kind: evidence.kind.name(),
            client: evidence.client,
            sequence: evidence.sequence,
            expected: escaped(&evidence.expected),
            received: escaped(&evidence.received),
        }
    }
}
