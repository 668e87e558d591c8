//! The first line of a report: what the run comes to, and its key figures.

use crate::load::books::outcome::{Mode, Outcome};
use crate::load::books::verdict::{Conclusion, Judged, Judgement, Status};
use crate::load::plan::Check;
use crate::load::plan::expectations::Quantity;
use crate::load::plan::rate::Rate;
use crate::load::report::figures::{
    by_number, count, counted, duration, latency, percent, quantile, rate, signal_name,
};
use crate::load::report::verdict::{self, is_lower_bound};

/// What a reader takes home who reads no further.
pub struct Headline {
    pub tone: Tone,
    /// One or two words.
    pub word: &'static str,
    /// The key figures, or what went wrong.
    pub sentence: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    Good,
    Doubtful,
    Bad,
}

impl Headline {
    pub fn of(outcome: &Outcome) -> Headline {
        let conclusion = verdict::conclusion(outcome);
        let status = conclusion.status();
        let what = match conclusion {
            Conclusion::Stopped(signal) => {
                let after = duration(outcome.measured);
                Some(format!("by {} after {after} of measuring", signal_name(signal)))
            }
            Conclusion::NothingCompleted | Conclusion::HadErrors => None,
            Conclusion::ExpectationBroken => Some(broken(outcome)),
            Conclusion::EndedEarly => Some(ended_early(outcome)),
            Conclusion::NotTrustworthy => Some(doubt(outcome).to_owned()),
            Conclusion::TooFewSamples => Some("too few samples to judge a percentile by".to_owned()),
            Conclusion::FellShort(_) => Some(format!("{}, {}", unsent(outcome), praise(outcome.check))),
            Conclusion::Passed if has_faults(outcome) => Some("with errors, as allowed".to_owned()),
            Conclusion::Passed => Some(praise(outcome.check).to_owned()),
        };
        let faults = faults(outcome);
        let are_shown = !faults.is_empty() && outcome.books.correct > 0;
        let faults = are_shown.then(|| faults.join(", "));
        let parts = [what, faults, Some(key_figures(outcome))];
        let sentence = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
        let tone = match status {
            Status::Passed => Tone::Good,
            Status::Failed => Tone::Bad,
            Status::FellShort | Status::NotTrustworthy | Status::Stopped => Tone::Doubtful,
        };
        Headline { tone, word: word(status), sentence }
    }
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Passed => "passed",
        Status::Failed => "failed",
        Status::FellShort => "fell short",
        Status::NotTrustworthy => "not trustworthy",
        Status::Stopped => "stopped",
    }
}

fn broken(outcome: &Outcome) -> String {
    let judged = outcome.verdict.expectations.iter();
    let broken = judged.filter(|judged| judged.judgement == Judgement::Broken).count() as u64;
    counted(broken, "expectation is broken", "expectations are broken")
}

fn ended_early(outcome: &Outcome) -> String {
    match outcome.asked {
        Some(asked) => format!("it ended after {} of {}", duration(outcome.measured), duration(asked)),
        None => format!("it ended after {}, before all was done", duration(outcome.measured)),
    }
}

/// Why the figures are not to be trusted.
fn doubt(outcome: &Outcome) -> &'static str {
    match outcome.mode {
        Mode::Closed => "the generator was the limit",
        Mode::Open if outcome.generator.receive_drops > 0 => "its own receive queues dropped datagrams",
        Mode::Open if !outcome.kept_up() => "the generator did not keep up",
        Mode::Open => "requests were sent late",
    }
}

fn unsent(outcome: &Outcome) -> String {
    let unsent = counted(outcome.books.not_sent, "request was", "requests were");
    format!("{unsent} not sent")
}

/// What is said where nothing went wrong.
fn praise(check: Check) -> &'static str {
    match check {
        Check::Full => "every reply was right",
        Check::Length => "every reply had the right length",
        Check::None => "the replies were not looked at",
    }
}

fn has_faults(outcome: &Outcome) -> bool {
    outcome.books.not_sent > 0 || !faults(outcome).is_empty()
}

/// The rate that was asked for, with both its ends where it grows.
pub fn offered(offered: Rate) -> String {
    let [from, to] = offered.ends();
    match offered.is_steady() {
        true => rate(from),
        false => format!("{} to {} ({} in the mean)", rate(from), rate(to), rate(offered.mean())),
    }
}

/// What an expectation came to.
pub fn verb(judgement: Judgement) -> &'static str {
    match judgement {
        Judgement::Held => "held",
        Judgement::Broken => "broken",
        Judgement::Doubtful => "in doubt",
        Judgement::TooFew(_) => "not judged",
    }
}

/// What an expectation was judged by, in the unit of its quantity.
pub fn measured(judged: &Judged) -> String {
    match judged.value.filter(|value| value.is_finite()) {
        None => "nothing to measure".to_owned(),
        Some(value) => match judged.expectation.quantity {
            Quantity::Rate => rate(value),
            Quantity::Errors => percent(value, 1.0),
            Quantity::Lost => count(value as u64),
            Quantity::Percentile(_) => latency(value),
        },
    }
}

fn key_figures(outcome: &Outcome) -> String {
    if outcome.books.correct == 0 {
        return nothing_completed(outcome);
    }
    let achieved = rate(outcome.achieved_rate());
    let at_least = if is_lower_bound(outcome) { "at least " } else { "" };
    let rates = match outcome.offered {
        Some(offer) => {
            let share = percent(outcome.achieved_rate(), offer.mean());
            format!("{achieved} of {} ({share})", offered(offer))
        }
        None => format!("{at_least}{achieved} in a closed loop"),
    };
    match quantile(&outcome.latency.response, 0.99) {
        Some(p99) => format!("{rates}, p99 {}", latency(p99 as f64)),
        None => rates,
    }
}

fn nothing_completed(outcome: &Outcome) -> String {
    let alive = outcome.connections.alive;
    let what = match outcome.books.sent {
        0 if alive == 0 => {
            format!("none of {} came to life", counted(outcome.connections.asked, "client", "clients"))
        }
        0 => format!("{} came to life and sent nothing", counted(alive, "client", "clients")),
        sent => format!("no right reply to {}", counted(sent, "request", "requests")),
    };
    match by_number(&outcome.failures.named()).first() {
        Some((cause, number)) => format!("nothing completed: {what} ({cause}: {})", count(*number)),
        None => format!("nothing completed: {what}"),
    }
}

/// What should not have been, each with its number.
fn faults(outcome: &Outcome) -> Vec<String> {
    let books = &outcome.books;
    let numbers = [
        (books.wrong, "wrong"),
        (books.late, "late"),
        (books.lost, "lost"),
        (outcome.unanswered, "missing"),
        (books.foreign, "foreign"),
        (books.duplicate, "duplicate"),
        (outcome.misordered(), "reordered"),
    ];
    let mut faults: Vec<String> = numbers
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, name)| counted(*number, &format!("{name} reply"), &format!("{name} replies")))
        .collect();
    let (one, many) = if outcome.churn { ("session", "sessions") } else { ("client", "clients") };
    for (number, what) in [(outcome.connections.failed, "never alive"), (outcome.connections.lost, "lost")] {
        if number > 0 {
            faults.push(format!("{} {what}", counted(number, one, many)));
        }
    }
    faults
}
