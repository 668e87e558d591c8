//! Made-up outcomes of runs, good and poor, in each form of the report.

mod forms;
#[allow(dead_code)] // other tests use the rest of it
#[path = "../../../../../../tests/support/histogram_log.rs"]
mod histogram_log;
mod page;
#[allow(dead_code)] // other tests use the rest of it
#[path = "../../../../../../tests/support/process.rs"]
mod process;
#[allow(dead_code)] // other tests use the rest of it
#[path = "../../../../../../tests/support/skip.rs"]
mod skip;
#[allow(dead_code)] // other tests use the rest of it
#[path = "../../../../../../tests/support/temp.rs"]
mod temp;
mod verdict;

use crate::load::books::causes::{Cause, Causes, SessionEnd};
use crate::load::books::outcome::*;
use crate::load::books::verdict::*;
use crate::load::plan::Check;
use crate::load::plan::expectations::Expectation;
use crate::load::plan::rate::Rate;
use crate::load::plan::settings::Setting;
use hdrhistogram::Histogram;
use std::time::{Duration, SystemTime};

/// Ten seconds at 1,000 a second against a server that froze for one, told four lies and lost a client.
fn rich() -> Outcome {
    let mut outcome = empty();
    outcome.command =
        "hullo load tcp://127.0.0.1:9999 -c 50 -r 1000 -d 10s --expect 'p99<5ms' --expect 'errors<=0.1%'"
            .into();
    outcome.offered = Rate::parse("1000").ok();
    outcome.measured = Duration::from_secs(10);
    outcome.ramp = Duration::from_millis(640);
    outcome.bytes_sent = 123_456;
    outcome.bytes_received = 234_567;
    outcome.connections = Connections { asked: 50, alive: 49, failed: 1, lost: 1 };
    outcome.generator = Generator {
        cpu: 0.31,
        max_loop_lag: Duration::from_micros(1234),
        p99_schedule_lag: Duration::from_micros(85),
        longest_stall: Duration::from_micros(1200),
        stalled: Duration::from_micros(3400),
        receive_drops: 0,
        bytes_per_client: 4096,
    };
    for client in 0..49 {
        outcome.latency.connect.record(300 + 20 * client).unwrap();
    }
    let mut interval = quiet(0, 640, Phase::Ramp);
    interval.alive = 49;
    interval.failures = Causes::from([(Cause::ConnectRefused, 1)]);
    outcome.intervals.push(interval);
    let mut interval = quiet(640, 1000, Phase::WarmUp);
    interval.alive = 49;
    outcome.intervals.push(interval);
    for second in 0..10 {
        outcome.intervals.push(measured(second));
    }
    let mut interval = quiet(11_640, 15, Phase::Drain);
    interval.alive = 48;
    outcome.intervals.push(interval);
    for interval in &outcome.intervals {
        outcome.latency.response.add(&interval.response).unwrap();
        outcome.latency.service.add(&interval.service).unwrap();
        let (sum, books) = (&mut outcome.books, &interval.books);
        sum.sent += books.sent;
        sum.correct += books.correct;
        sum.wrong += books.wrong;
        sum.late += books.late;
        sum.lost += books.lost;
        outcome.failures += &interval.failures;
    }
    outcome.fairness = Fairness {
        worst: 0,
        median: 203,
        best: 210,
        starved: vec![7],
        spread: (0..100).map(|at| if at < 2 { 0 } else { 190 + at / 5 }).collect(),
    };
    outcome.evidence = vec![
        Evidence {
            kind: EvidenceKind::Wrong,
            client: 12,
            sequence: Some(34),
            expected: b"Hello, c12-34!\n".to_vec(),
            received: b"Hello, <b>c12</b>-35!\n\x00\xff\"".to_vec(),
        },
        Evidence {
            kind: EvidenceKind::Unexpected,
            client: 3,
            sequence: None,
            expected: Vec::new(),
            received: b"Hello, nobody & all!\n".to_vec(),
        },
    ];
    let p99 = outcome.latency.response.value_at_quantile(0.99) as f64;
    outcome.verdict = Verdict {
        trustworthy: true,
        faults: vec!["1 of 50 clients did not come to life (connect refused: 1)".into()],
        remarks: vec!["the weather was fine".into()],
        expectations: vec![
            judged("p99<5ms", Judgement::Broken, p99),
            judged("errors<=0.1%", Judgement::Held, 0.0008),
        ],
    };
    outcome
}

/// One client, one second, ten requests, one interval; nothing was offered.
fn small() -> Outcome {
    let mut outcome = empty();
    outcome.mode = Mode::Closed;
    outcome.measured = Duration::from_secs(1);
    outcome.connections = Connections { asked: 1, alive: 1, failed: 0, lost: 0 };
    outcome.books = Books { sent: 10, correct: 10, ..Books::default() };
    let mut interval = quiet(0, 1000, Phase::Measure);
    (interval.alive, interval.planned, interval.books) = (1, 10, outcome.books);
    for latency in 400..410 {
        interval.response.record(latency).unwrap();
        interval.service.record(latency - 100).unwrap();
    }
    outcome.latency.connect.record(350).unwrap();
    outcome.latency.response.add(&interval.response).unwrap();
    outcome.latency.service.add(&interval.service).unwrap();
    outcome.fairness = Fairness { worst: 10, median: 10, best: 10, starved: vec![], spread: vec![10; 100] };
    outcome.intervals.push(interval);
    outcome
}

/// No server was there.
fn absent() -> Outcome {
    let mut outcome = empty();
    outcome.offered = Rate::parse("1000").ok();
    outcome.connections = Connections { asked: 50, alive: 0, failed: 50, lost: 0 };
    outcome.failures = Causes::from([(Cause::ConnectRefused, 50)]);
    let mut interval = quiet(0, 10, Phase::Ramp);
    interval.failures = outcome.failures.clone();
    outcome.intervals.push(interval);
    outcome
}

/// Nothing at all, not even an interval.
fn empty() -> Outcome {
    Outcome {
        command: "hullo load tcp://127.0.0.1:9999".into(),
        target: "tcp://127.0.0.1:9999".parse().unwrap(),
        mode: Mode::Open,
        settings: vec![
            ("connections", Setting::Count(50)),
            ("duration", "10s".into()),
            ("rate", "1000".into()),
            ("timeout", "5s".into()),
            ("message", "<c{conn}-{seq}>".into()),
        ],
        check: Check::Full,
        churn: false,
        kernel: "6.1.0".into(),
        seed: 4711,
        began: SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
        measured: Duration::ZERO,
        asked: Some(Duration::from_secs(10)),
        ended_early: false,
        unanswered: 0,
        ramp: Duration::ZERO,
        offered: None,
        books: Books::default(),
        connections: Connections::default(),
        latency: Latency {
            response: histogram(),
            service: histogram(),
            connect: histogram(),
            handshake: histogram(),
        },
        bytes_sent: 0,
        bytes_received: 0,
        fairness: Fairness::default(),
        generator: Generator::default(),
        evidence: Vec::new(),
        failures: Causes::default(),
        never_alive: Causes::default(),
        intervals: Vec::new(),
        mishaps: Vec::new(),
        forgotten: 0,
        signal: None,
        verdict: Verdict { trustworthy: true, ..Verdict::default() },
    }
}

fn judged(expression: &str, judgement: Judgement, value: f64) -> Judged {
    Judged { expectation: Expectation::parse(expression).unwrap(), judgement, value: Some(value) }
}

fn quiet(start: u64, length: u64, phase: Phase) -> Interval {
    Interval {
        start: Duration::from_millis(start),
        length: Duration::from_millis(length),
        phase,
        alive: 0,
        planned: 0,
        books: Books::default(),
        response: histogram(),
        service: histogram(),
        failures: Causes::default(),
        cpu: 0.1,
        max_loop_lag: Duration::from_micros(200),
    }
}

/// A second of the rich run. In the fifth the server froze, and answered all that had waited in the sixth.
fn measured(second: u64) -> Interval {
    let mut interval = quiet(1640 + 1000 * second, 1000, Phase::Measure);
    interval.alive = if second < 7 { 49 } else { 48 };
    interval.planned = 1000;
    interval.cpu = 0.25 + 0.0625 * (second % 3) as f64;
    interval.max_loop_lag = Duration::from_micros(300 + 311 * (second % 4));
    let (sent, answered) = match second {
        4 => (49, 0),
        5 => (1951, 2000),
        _ => (1000, 1000),
    };
    let mut books = Books { sent, correct: answered, ..Books::default() };
    for request in 0..answered {
        let usual = 380 + (request * 7919) % 250 + if request % 97 == 0 { 1200 } else { 0 };
        let waited = if second == 5 && request < 1000 { 1_000_000 - 1000 * request } else { 0 };
        interval.response.record(usual + waited).unwrap();
        interval.service.record(usual + if request < 49 { waited } else { 0 }).unwrap();
    }
    if second == 2 {
        (books.correct, books.wrong) = (answered - 4, 4);
        interval.failures = Causes::from([(Cause::WrongReply, 4)]);
    }
    if second == 7 {
        (books.correct, books.lost) = (answered - 1, 1);
        interval.failures = Causes::from([(Cause::Ended(SessionEnd::Reset), 1)]);
    }
    if second == 5 {
        (books.correct, books.late) = (answered - 1, 1);
        interval.failures = Causes::from([(Cause::TimedOut, 1)]);
    }
    interval.books = books;
    interval
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000, 3).unwrap()
}
