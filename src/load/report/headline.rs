use super::figures::{by_number, count, counted, duration, latency, percent, quantile, rate, signal_name};
use crate::load::{Judged, Mode, Outcome};

/// What a reader takes home who reads no further.
pub(super) struct Headline {
    pub(super) tone: Tone,
    /// One or two words.
    pub(super) word: &'static str,
    /// The key figures, or what went wrong.
    pub(super) sentence: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tone {
    Good,
    Doubtful,
    Bad,
}

impl Headline {
    /// The first that applies, in the order of the exit codes.
    pub(super) fn of(outcome: &Outcome) -> Headline {
        let broken = outcome.verdict.expectations.iter().filter(|judged| !judged.pass).count() as u64;
        let faults = faults(outcome);
        if outcome.signal.is_none() && outcome.books.correct == 0 {
            return Headline { tone: Tone::Bad, word: "failed", sentence: nothing_completed(outcome) };
        }
        let (tone, word, what) = if let Some(signal) = outcome.signal {
            let after = duration(outcome.measured);
            let what = format!("by {} after {after} of measuring", signal_name(signal));
            (Tone::Doubtful, "stopped", Some(what))
        } else if !outcome.verdict.trustworthy && is_trust_needed(outcome) {
            (Tone::Doubtful, "not trustworthy", Some("the generator did not keep up".to_owned()))
        } else if broken > 0 {
            let what = counted(broken, "expectation is broken", "expectations are broken");
            (Tone::Bad, "failed", Some(what))
        } else if !faults.is_empty() && !are_errors_allowed(outcome) {
            (Tone::Bad, "failed", None)
        } else if !faults.is_empty() {
            (Tone::Good, "passed", Some("with errors, as allowed".to_owned()))
        } else if outcome.books.not_sent > 0 {
            let unsent = counted(outcome.books.not_sent, "request was", "requests were");
            (Tone::Doubtful, "fell short", Some(format!("{unsent} not sent, every reply was right")))
        } else {
            (Tone::Good, "passed", Some("every reply was right".to_owned()))
        };
        let are_shown = !faults.is_empty() && outcome.books.correct > 0;
        let faults = are_shown.then(|| faults.join(", "));
        let parts = [what, faults, Some(key_figures(outcome))];
        let sentence = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
        Headline { tone, word, sentence }
    }
}

/// In a closed loop without expectations a busy generator only makes the rate a lower bound.
pub(super) fn is_lower_bound(outcome: &Outcome) -> bool {
    !outcome.verdict.trustworthy && !is_trust_needed(outcome)
}

/// What an expectation was judged by, in the unit of its quantity.
pub(super) fn measured(judged: &Judged) -> String {
    match judged.value.filter(|value| value.is_finite()) {
        None => "nothing to measure".to_owned(),
        Some(value) => match quantity(judged) {
            "rate" => rate(value),
            "errors" => percent(value, 1.0),
            "lost" => count(value as u64),
            _ => latency(value),
        },
    }
}

/// Somebody relies on the clockwork that sends: in an open loop, or by an expectation of time.
fn is_trust_needed(outcome: &Outcome) -> bool {
    let mut expectations = outcome.verdict.expectations.iter();
    outcome.mode == Mode::Open || expectations.any(|judged| !matches!(quantity(judged), "errors" | "lost"))
}

fn are_errors_allowed(outcome: &Outcome) -> bool {
    outcome.verdict.expectations.iter().any(Judged::allows_errors)
}

fn quantity(judged: &Judged) -> &str {
    judged.expression.split(['<', '>', '=']).next().unwrap_or_default().trim()
}

fn key_figures(outcome: &Outcome) -> String {
    if outcome.books.correct == 0 {
        return nothing_completed(outcome);
    }
    let achieved = rate(outcome.achieved_rate());
    let at_least = if is_lower_bound(outcome) { "at least " } else { "" };
    let rates = match outcome.offered_rate {
        Some(offered) => {
            format!("{achieved} of {} ({})", rate(offered), percent(outcome.achieved_rate(), offered))
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
    match by_number(&outcome.failures).first() {
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
        (books.foreign, "foreign"),
        (books.duplicate, "duplicate"),
        (outcome.misordered(), "reordered"),
    ];
    let mut faults: Vec<String> = numbers
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, name)| counted(*number, &format!("{name} reply"), &format!("{name} replies")))
        .collect();
    for (number, what) in [(outcome.connections.failed, "never alive"), (outcome.connections.lost, "lost")] {
        if number > 0 {
            faults.push(format!("{} {what}", counted(number, "client", "clients")));
        }
    }
    faults
}
