//! What to think of a run: whether its figures are the server's or our own, and how it exits.

use super::expect::Expectation;
use super::outcome::{Judged, Mode, Outcome, Verdict};
use std::time::Duration;

/// A thread that is this busy has no time left to be punctual.
const BUSY: f64 = 0.95;
/// Of a shorter time the system's clock of the CPU knows too little.
const LONG_ENOUGH: Duration = Duration::from_millis(100);
/// Requests may leave this late.
const LAG: Duration = Duration::from_millis(1);

/// The verdict; `notes` are what else a reader must know.
pub(super) fn verdict(outcome: &Outcome, expectations: &[Expectation], notes: Vec<String>) -> Verdict {
    let limits = limits(outcome);
    let trustworthy = limits.is_empty();
    let mut reasons: Vec<String> = limits;
    if !trustworthy && outcome.mode == Mode::Closed {
        reasons.push("the generator was the limit: the rate is a lower bound".to_owned());
    }
    reasons.extend(notes);
    reasons.extend(shortfall(outcome));
    let expectations = expectations.iter().map(|expectation| expectation.judge(outcome)).collect();
    Verdict { trustworthy, reasons, expectations }
}

/// As the first of these that applies: 128 + signal; 1 where nothing was completed; 4 where the figures are not to be
/// trusted and somebody relies on them; 3 for a broken expectation; 1 for an error that no expectation allows.
pub fn exit_code(outcome: &Outcome, expectations: &[Expectation]) -> u8 {
    let verdict = &outcome.verdict;
    if let Some(signal) = outcome.signal {
        return 128 + u8::try_from(signal).unwrap_or(0);
    }
    if outcome.books.correct == 0 {
        return 1;
    }
    let relies = outcome.mode == Mode::Open || expectations.iter().any(Expectation::rests_on_the_generator);
    if !verdict.trustworthy && relies {
        return 4;
    }
    if verdict.expectations.iter().any(|judged| !judged.pass) {
        return 3;
    }
    u8::from(has_errors(outcome) && !verdict.expectations.iter().any(Judged::allows_errors))
}

/// Why the figures are the generator's own.
fn limits(outcome: &Outcome) -> Vec<String> {
    let generator = &outcome.generator;
    let mut limits = Vec::new();
    if generator.cpu > BUSY && outcome.measured >= LONG_ENOUGH {
        limits.push(format!("the generator used {:.0} % of its CPU", generator.cpu * 100.0));
    }
    let response = &outcome.latency.response;
    let p99 = Duration::from_micros(if response.is_empty() { 0 } else { response.value_at_quantile(0.99) });
    let lag = generator.p99_schedule_lag;
    if lag > LAG && lag > p99 / 10 {
        limits.push(format!(
            "requests left late: the p99 of the schedule lag is {lag:?}, that of the response {p99:?}"
        ));
    }
    if generator.receive_drops > 0 {
        limits.push(format!("our own receive queues dropped {} datagrams", generator.receive_drops));
    }
    limits
}

/// What fell short of what was asked.
fn shortfall(outcome: &Outcome) -> Vec<String> {
    let mut reasons = Vec::new();
    let connections = &outcome.connections;
    if connections.failed > 0 {
        let causes = causes(outcome);
        let failed = connections.failed;
        // With a connection for each request there are more of them than clients.
        let tried = connections.alive + failed;
        let (tried, what) =
            if tried > connections.asked { (tried, "sessions") } else { (connections.asked, "clients") };
        reasons.push(format!("{failed} of {tried} {what} did not come to life{causes}"));
    }
    match connections.lost {
        0 => {}
        1 => reasons.push("1 client was lost".to_owned()),
        lost => reasons.push(format!("{lost} clients were lost")),
    }
    if !outcome.fairness.starved.is_empty() {
        let starved: Vec<String> = outcome.fairness.starved.iter().map(u32::to_string).collect();
        reasons.push(format!("starved clients: {}", starved.join(", ")));
    }
    if outcome.books.not_sent > 0 {
        let why = match connections.alive {
            0 => "no connection came to life",
            _ => "every client waited for a reply: ask for more clients, or for a lower rate",
        };
        let not_sent = outcome.books.not_sent;
        reasons.push(format!("{not_sent} requests were planned and could not be sent, since {why}"));
    }
    if outcome.books.correct == 0 {
        reasons.push("nothing was completed".to_owned());
    }
    if outcome.mode == Mode::Closed {
        reasons.push(
            "closed loop: a slow reply delays the next request, so that response times are service times"
                .to_owned(),
        );
    }
    reasons
}

fn causes(outcome: &Outcome) -> String {
    let mut causes: Vec<(&String, &u64)> = outcome.failures.iter().collect();
    causes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let text: Vec<String> = causes.iter().take(3).map(|(cause, count)| format!("{cause}: {count}")).collect();
    if text.is_empty() { String::new() } else { format!(" ({})", text.join(", ")) }
}

fn has_errors(outcome: &Outcome) -> bool {
    let (books, connections) = (&outcome.books, &outcome.connections);
    books.wrong + books.late + books.lost + books.foreign + books.duplicate + outcome.misordered() > 0
        || connections.failed + connections.lost > 0
}
