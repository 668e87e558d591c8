//! The report as text, for a person at a terminal.

use crate::load::books::outcome::{Evidence, Latency, Mode, Outcome};
use crate::load::report::figures::{
    by_number, bytes, count, counted, differing, duration, exhibit_name, latency, max, maybe_latency, mean,
    percent, quantile, rate, starved, visible,
};
use crate::load::report::headline::{Headline, measured, offered, verb};
use crate::load::report::verdict::is_lower_bound;
use hdrhistogram::Histogram;
use std::fmt::Write;

/// The column at which figures begin, behind the name of their block.
const INDENT: usize = 12;

/// A column of latencies with two blanks before it; a longer figure makes them all wider.
const NARROWEST: usize = 9;

/// Lines of the settings are broken here.
const WIDTH: usize = 80;

/// The report in lines of text; it ends with a newline.
pub fn text(outcome: &Outcome) -> String {
    let blocks = [
        verdict(outcome),
        rates(outcome),
        latencies(outcome),
        requests(outcome),
        clients(outcome),
        causes(outcome),
        evidence(outcome),
        generator(outcome),
        settings(outcome),
    ];
    let blocks: Vec<_> = blocks.into_iter().filter(|block| !block.is_empty()).collect();
    blocks.join("\n")
}

fn verdict(outcome: &Outcome) -> String {
    let headline = Headline::of(outcome);
    let mut block = format!("{}: {}\n", headline.word.to_uppercase(), headline.sentence);
    for sentence in outcome.verdict.faults.iter().chain(&outcome.verdict.remarks) {
        let _ = writeln!(block, "  {}", visible(sentence));
    }
    let expectations = &outcome.verdict.expectations;
    let width = expectations.iter().map(|judged| visible(judged.expectation.text()).len()).max().unwrap_or(0);
    let verbs = expectations.iter().map(|judged| verb(judged.judgement).len()).max().unwrap_or(0);
    for judged in expectations {
        let (verb, value) = (verb(judged.judgement), measured(judged));
        let _ = writeln!(block, "  {:width$}  {verb:verbs$}  {value}", visible(judged.expectation.text()));
    }
    block
}

fn rates(outcome: &Outcome) -> String {
    let achieved = match outcome.books.correct {
        0 => "achieved none: no reply was right".to_owned(),
        _ if is_lower_bound(outcome) => {
            format!("achieved at least {}: the generator was the limit", rate(outcome.achieved_rate()))
        }
        _ => format!("achieved {}", rate(outcome.achieved_rate())),
    };
    let mode = match outcome.mode {
        Mode::Open => "open loop: requests were sent by the clock",
        Mode::Closed => "closed loop: a client sent when it was answered, so nothing was offered",
    };
    let ratio = match outcome.offered {
        Some(offer) if outcome.books.correct == 0 => format!("offered {}, {achieved}", offered(offer)),
        Some(offer) => {
            let share = percent(outcome.achieved_rate(), offer.mean());
            format!("offered {}, {achieved} ({share})", offered(offer))
        }
        None => achieved,
    };
    let bytes = format!("{} sent, {} received", bytes(outcome.bytes_sent), bytes(outcome.bytes_received));
    let measured = match outcome.measured.is_zero() {
        true => "nothing".to_owned(),
        false => duration(outcome.measured),
    };
    let of = match outcome.asked {
        Some(asked) if outcome.ended_early => format!(" of {}, which the rate is over", duration(asked)),
        _ => String::new(),
    };
    block("rate", &[ratio, mode.to_owned(), format!("{measured} measured{of}; {bytes}")])
}

fn latencies(outcome: &Outcome) -> String {
    let latency = &outcome.latency;
    if latency.response.is_empty() && latency.service.is_empty() {
        return block("latency", &["no reply came, so there is none".to_owned()]);
    }
    let whence = match outcome.mode {
        Mode::Open => "from the planned instant",
        Mode::Closed => "from when the client was free",
    };
    let names = ["p50", "p90", "p99", "p99.9", "max", "mean", "samples"].map(str::to_owned);
    let [response, service] = [&latency.response, &latency.service].map(row);
    let rows = [
        ("latency", names, ""),
        ("  response", response, whence),
        ("  service", service, "from the instant of sending"),
    ];
    let longest = rows.iter().flat_map(|(_, cells, _)| cells).map(String::len).max().unwrap_or(0);
    let width = NARROWEST.max(longest + 2);
    let mut block = String::new();
    for (name, cells, whence) in &rows {
        let cells: String = cells.iter().map(|cell| format!("{cell:>width$}")).collect();
        let _ = writeln!(block, "{}", format!("{name:INDENT$}{cells}  {whence}").trim_end());
    }
    block
}

fn row(histogram: &Histogram<u64>) -> [String; 7] {
    let [p50, p90, p99, p99_9] = [0.5, 0.9, 0.99, 0.999].map(|at| maybe_latency(quantile(histogram, at)));
    let mean = mean(histogram).map_or("-".to_owned(), latency);
    [p50, p90, p99, p99_9, maybe_latency(max(histogram)), mean, count(histogram.len())]
}

fn requests(outcome: &Outcome) -> String {
    let books = &outcome.books;
    let mut lines = Vec::new();
    for (name, number) in [
        ("sent", books.sent),
        ("correct", books.correct),
        ("wrong", books.wrong),
        ("late", books.late),
        ("lost", books.lost),
        ("unfinished", books.unfinished),
    ] {
        let share = percent(number as f64, books.sent as f64);
        lines.push(format!("{name:10} {:>12} {share:>10}", count(number)));
    }
    if books.sent == 0 {
        lines = vec!["none were sent".to_owned()];
    }
    let [not_sent, duplicate, reordered, foreign] =
        [books.not_sent, books.duplicate, books.reordered, books.foreign].map(count);
    lines.push(format!(
        "besides: {not_sent} not sent, {duplicate} duplicate, {reordered} reordered, {foreign} foreign"
    ));
    block("requests", &lines)
}

fn clients(outcome: &Outcome) -> String {
    let connections = &outcome.connections;
    let [asked, alive, failed, lost] =
        [connections.asked, connections.alive, connections.failed, connections.lost].map(count);
    let mut lines = vec![match outcome.churn {
        true => format!(
            "{asked} at a time; of their sessions {alive} came alive, {failed} failed, {lost} were lost"
        ),
        false => {
            format!(
                "asked {asked}, alive {alive}, failed {failed}, lost {lost}; ramp {}",
                duration(outcome.ramp)
            )
        }
    }];
    let Latency { handshake, connect, .. } = &outcome.latency;
    if let Some(spread) = spread(handshake).filter(|_| outcome.is_tls()) {
        let number = counted(handshake.len(), "handshake", "handshakes");
        lines.push(format!("connect and TLS handshake: {spread} ({number})"));
    }
    if let Some(spread) = spread(connect) {
        lines.push(format!("connect to welcome: {spread}"));
    }
    let fairness = &outcome.fairness;
    if outcome.books.correct > 0 {
        let [worst, median, best] = [fairness.worst, fairness.median, fairness.best].map(count);
        lines.push(format!("right replies to a client: worst {worst}, median {median}, best {best}"));
    }
    if !fairness.starved.is_empty() {
        lines.push(starved(&fairness.starved));
    }
    block("clients", &lines)
}

fn spread(histogram: &Histogram<u64>) -> Option<String> {
    let [p50, p99] = [0.5, 0.99].map(|at| quantile(histogram, at));
    let [p50, p99, max] = [p50?, p99?, max(histogram)?].map(|value| latency(value as f64));
    Some(format!("p50 {p50}, p99 {p99}, max {max}"))
}

fn causes(outcome: &Outcome) -> String {
    let named = outcome.failures.named();
    let causes = by_number(&named);
    let width = causes.iter().map(|(_, number)| count(*number).len()).max().unwrap_or(0);
    let lines: Vec<_> =
        causes.into_iter().map(|(cause, number)| format!("{:>width$}  {cause}", count(number))).collect();
    block("failures", &lines)
}

fn evidence(outcome: &Outcome) -> String {
    let lines: Vec<_> = outcome.evidence.iter().flat_map(exhibit).collect();
    block("evidence", &lines)
}

fn exhibit(evidence: &Evidence) -> [String; 3] {
    let [expected, received] = differing(&evidence.expected, &evidence.received);
    [exhibit_name(evidence), format!("  expected  {expected}"), format!("  received  {received}")]
}

fn generator(outcome: &Outcome) -> String {
    let generator = &outcome.generator;
    let mut lines = vec![format!(
        "CPU {:.0} %, longest turn {}, p99 of the schedule's lag {}",
        100.0 * generator.cpu,
        duration(generator.max_loop_lag),
        duration(generator.p99_schedule_lag),
    )];
    if !generator.stalled.is_zero() {
        let [longest, sum] = [generator.longest_stall, generator.stalled].map(duration);
        lines.push(format!("stood still for {longest} at the longest, {sum} in all"));
    }
    let mut memory = format!("{} a client", bytes(generator.bytes_per_client));
    if generator.receive_drops > 0 {
        let drops = counted(generator.receive_drops, "datagram", "datagrams");
        let _ = write!(memory, "; its own receive queues dropped {drops}");
    }
    lines.push(memory);
    block("generator", &lines)
}

fn settings(outcome: &Outcome) -> String {
    let settings = outcome.settings.iter();
    let settings: Vec<_> = settings.map(|(name, value)| visible(&format!("{name} {value}"))).collect();
    let mut lines = filled(&settings);
    let version = env!("CARGO_PKG_VERSION");
    lines.push(format!("hullo {version}, Linux {}, seed {}", outcome.kernel, outcome.seed));
    lines.push(visible(&outcome.command));
    block("settings", &lines)
}

/// A block of lines behind its name; the text is empty where there are no lines.
fn block(name: &str, lines: &[String]) -> String {
    let mut block = String::new();
    for (at, line) in lines.iter().enumerate() {
        let name = if at == 0 { name } else { "" };
        let _ = writeln!(block, "{name:INDENT$}{line}");
    }
    block
}

/// Puts words on lines, with commas between them, as many as fit.
fn filled(words: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if INDENT + line.len() + 2 + word.len() < WIDTH => {
                line.push_str(", ");
                line.push_str(word);
            }
            Some(line) => {
                line.push(',');
                lines.push(word.clone());
            }
            None => lines.push(word.clone()),
        }
    }
    lines
}
