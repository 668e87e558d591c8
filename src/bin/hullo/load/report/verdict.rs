//! What to think of a run: whether its figures are the server's or our own, and how it exits.

use crate::load::books::causes::Cause;
use crate::load::books::outcome::{Mishap, Mode, Outcome};
use crate::load::books::verdict::{Conclusion, Judged, Judgement, Promise, Status, Verdict};
use crate::load::plan::{Check, Plan};
use crate::load::report::advice::advice;
use crate::load::report::judgement::judge;
use crate::load::report::{counted, shown};
use std::collections::BTreeMap;
use std::time::Duration;

/// A thread that uses so much of a processor has no time left to be punctual.
const BUSY: f64 = 0.95;
/// The system's clock of CPU time is too coarse for a shorter run.
const LONG_ENOUGH: Duration = Duration::from_millis(100);
/// A pause that is so long stands out among response times.
const STALL: Duration = Duration::from_millis(100);
/// Requests may leave so late without a word of it.
const LAG: Duration = Duration::from_millis(1);

/// The verdict on a run of that plan.
pub fn verdict(outcome: &Outcome, plan: &Plan) -> Verdict {
    let limits = limits(outcome);
    let is_trusted = limits.is_empty();
    let judged = plan.expectations.iter().map(|expectation| judge(expectation, outcome, is_trusted));
    let expectations: Vec<Judged> = judged.collect();
    let mishaps = outcome.mishaps.iter().map(mishap).collect();
    let faults = [limits, mishaps, shortfall(outcome)].concat();
    let advice = advice(outcome, &plan.script);
    let remarks = [forgotten(outcome), advice, remarks(outcome, is_trusted, &expectations)].concat();
    // Where nothing was completed there is nothing to trust.
    let trustworthy = is_trusted && outcome.books.correct > 0;
    let verdict = Verdict { trustworthy, faults, remarks, expectations };
    let is_doubtful = concluded(outcome, &verdict).status() == Status::NotTrustworthy;
    Verdict { trustworthy: trustworthy && !is_doubtful, ..verdict }
}

/// What the run comes to.
pub fn conclusion(outcome: &Outcome) -> Conclusion {
    concluded(outcome, &outcome.verdict)
}

/// In a closed loop a busy generator only makes the rate a lower bound.
pub fn is_lower_bound(outcome: &Outcome) -> bool {
    outcome.mode == Mode::Closed && outcome.books.correct > 0 && !limits(outcome).is_empty()
}

/// The first that applies: stopped by a signal; nothing was completed; an expectation is broken; it ended early; there were
/// errors, which no expectation allows; the figures are not to be trusted and somebody relies on them; what went wrong may
/// be due to datagrams that we dropped ourselves; not all was sent; there were too few samples. What is proved comes
/// before what could not be judged.
fn concluded(outcome: &Outcome, verdict: &Verdict) -> Conclusion {
    let Verdict { trustworthy, expectations, .. } = verdict;
    let is_any = |judgement: fn(&Judgement) -> bool| expectations.iter().any(|it| judgement(&it.judgement));
    let relies = outcome.mode == Mode::Open && expectations.is_empty();
    let allows_errors = expectations
        .iter()
        .any(|judged| judged.judgement == Judgement::Held && judged.expectation.allows_errors());
    let errors = errors(outcome);
    // Wrong bytes are nobody's but the server's, whatever our own queues have dropped.
    let proved = if outcome.generator.receive_drops > 0 { outcome.books.wrong } else { errors };
    if let Some(signal) = outcome.signal {
        Conclusion::Stopped(signal)
    } else if outcome.books.correct == 0 {
        Conclusion::NothingCompleted
    } else if is_any(|judgement| matches!(judgement, Judgement::Broken)) {
        Conclusion::ExpectationBroken
    } else if outcome.ended_early {
        Conclusion::EndedEarly
    } else if proved > 0 && !allows_errors {
        Conclusion::HadErrors
    } else if is_any(|judgement| matches!(judgement, Judgement::Doubtful)) || relies && !trustworthy {
        Conclusion::NotTrustworthy
    } else if errors > 0 && !allows_errors {
        Conclusion::HadErrors
    } else if outcome.books.not_sent > 0 && !allows_errors {
        Conclusion::FellShort(match outcome.mode {
            _ if !expectations.is_empty() => Promise::Expectations,
            Mode::Open => Promise::Rate,
            Mode::Closed => Promise::Nothing,
        })
    } else if is_any(|judgement| matches!(judgement, Judgement::TooFew(_))) {
        Conclusion::TooFewSamples
    } else {
        Conclusion::Passed
    }
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
    // Where no reply was right there is nothing that it could have made longer.
    if lag > LAG && lag > p99 / 10 && !response.is_empty() {
        limits.push(format!(
            "requests left late: the p99 of the schedule lag is {}, that of the response {}",
            shown(lag),
            shown(p99)
        ));
    }
    let stall = generator.longest_stall;
    if stall > STALL && stall > p99 / 10 {
        limits.push(format!(
            "the generator stood still for {}: replies that came meanwhile were read late, and the largest \
             response times are its own",
            shown(stall)
        ));
    }
    if generator.receive_drops > 0 {
        let drops = counted(generator.receive_drops, "datagram", "datagrams");
        limits.push(format!("our own receive queues dropped {drops}"));
    }
    limits
}

fn mishap(mishap: &Mishap) -> String {
    match *mishap {
        Mishap::NobodyAlive => "no client was alive when the ramp was over".to_owned(),
        Mishap::NotBegun(clients, patience) => {
            let clients = counted(clients, "client was", "clients were");
            format!("{clients} not begun: nobody came to life for {}", shown(patience))
        }
        Mishap::NothingConnects(None) => "no connection came to life, and no more were tried".to_owned(),
        Mishap::NothingConnects(Some(patience)) => {
            format!("no connection came to life for {}, and no more were tried", shown(patience))
        }
        Mishap::EveryClientLost => "every client was lost before the end".to_owned(),
        Mishap::Silence(patience) => {
            format!("no reply came for {}, and no more were asked for", shown(patience))
        }
        Mishap::Stuck { issued, wanted } => {
            format!(
                "stopped after {issued} of {wanted} requests: every client waits for replies that are overdue"
            )
        }
    }
}

fn forgotten(outcome: &Outcome) -> Vec<String> {
    let sentence = || {
        format!(
            "{} lost requests were forgotten for want of memory: a late answer to one of them counts as duplicate",
            outcome.forgotten
        )
    };
    (outcome.forgotten > 0).then(sentence).into_iter().collect()
}

/// What fell short of what was asked.
fn shortfall(outcome: &Outcome) -> Vec<String> {
    let mut faults = Vec::new();
    let connections = &outcome.connections;
    if connections.failed > 0 {
        let (tried, one, many) = match outcome.churn {
            true => (connections.alive + connections.failed, "session", "sessions"),
            false => (connections.asked, "client", "clients"),
        };
        let tried = counted(tried, one, many);
        faults.push(format!(
            "{} of {tried} did not come to life{}",
            connections.failed,
            causes(&outcome.never_alive.named())
        ));
    }
    if connections.lost > 0 {
        let lost = match outcome.churn {
            true => counted(connections.lost, "session was", "sessions were"),
            false => counted(connections.lost, "client was", "clients were"),
        };
        faults.push(format!("{lost} lost"));
    }
    if outcome.unanswered > 0 {
        let unanswered = counted(outcome.unanswered, "request was", "requests were");
        faults.push(format!(
            "{unanswered} not answered by the end, after more than a second and than twice the time of any reply: see \
             whether the server still runs"
        ));
    }
    if !outcome.fairness.starved.is_empty() {
        let starved: Vec<String> = outcome.fairness.starved.iter().map(u32::to_string).collect();
        faults.push(format!("starved clients: {}", starved.join(", ")));
    }
    if outcome.books.not_sent > 0 {
        let not_sent = counted(outcome.books.not_sent, "request was", "requests were");
        faults.push(format!("{not_sent} planned and could not be sent, since {}", hindrance(outcome)));
    }
    if outcome.books.correct == 0 {
        faults.push("nothing was completed: there are no figures to trust".to_owned());
    }
    faults
}

/// Why not all was sent that was planned, and what helps.
fn hindrance(outcome: &Outcome) -> String {
    let connections = &outcome.connections;
    let gone = connections.failed + connections.lost;
    let refused = outcome.failures.number(&Cause::Refused);
    if connections.alive == 0 {
        "no connection came to life: see that the server runs and can be reached".to_owned()
    } else if outcome.churn && gone > 0 {
        "their connections did not come to life: see why the server took no more".to_owned()
    } else if outcome.ended_early && connections.lost > 0 {
        "every client was gone: see why the server ended their connections".to_owned()
    } else if refused > 0 {
        let refused = counted(refused, "datagram was", "datagrams were");
        format!("{refused} refused and every client waited for a reply: see that the server runs")
    } else if gone > 0 {
        let asked = counted(connections.asked, "client", "clients");
        format!("{gone} of {asked} were gone and every other one waited for a reply: see why they went")
    } else if outcome.failures.any(|cause| matches!(cause, Cause::NotTaken(_))) {
        "the system did not take them: see that the server reads what it is sent, or ask for a lower rate or for \
         smaller messages"
            .to_owned()
    } else if outcome.books.lost + outcome.books.late + outcome.books.unfinished > 0 {
        "every client waited for a reply, and some never came in time: see why, or ask for more clients or \
         a lower rate"
            .to_owned()
    } else {
        "every client waited for a reply: ask for more clients, or for a lower rate".to_owned()
    }
}

/// What else a reader must know.
fn remarks(outcome: &Outcome, is_trusted: bool, expectations: &[Judged]) -> Vec<String> {
    let mut remarks = Vec::new();
    if !is_trusted && outcome.mode == Mode::Closed {
        remarks.push("the generator was the limit: the rate is a lower bound".to_owned());
    }
    for Judged { expectation, judgement, .. } in expectations {
        match judgement {
            Judgement::TooFew(wanted) => remarks.push(format!(
                "{expectation} is not judged: it wants {wanted} samples at least, and there are {}",
                outcome.latency.response.len()
            )),
            Judgement::Doubtful => remarks.push(format!(
                "{expectation} is not judged: with a generator that kept up it might have come out otherwise"
            )),
            Judgement::Held | Judgement::Broken => {}
        }
    }
    let unfinished = outcome.books.unfinished.saturating_sub(outcome.unanswered);
    if unfinished > 0 && outcome.signal.is_none() && !outcome.ended_early {
        let unfinished = counted(unfinished, "request was", "requests were");
        remarks.push(format!(
            "{unfinished} under way when the drain was over, neither answered nor late: a longer --drain tells"
        ));
    }
    match outcome.check {
        Check::Full => {}
        Check::Length => {
            remarks.push("--check length: of the replies only the length was compared".to_owned())
        }
        Check::None => remarks.push("--check none: the replies were counted, and not looked at".to_owned()),
    }
    if outcome.mode == Mode::Closed {
        remarks.push(
            "closed loop: a slow reply delays the next request, so that response times are service times"
                .to_owned(),
        );
    }
    remarks
}

fn causes(causes: &BTreeMap<String, u64>) -> String {
    let mut causes: Vec<(&String, &u64)> = causes.iter().collect();
    causes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let text: Vec<String> = causes.iter().take(3).map(|(cause, count)| format!("{cause}: {count}")).collect();
    if text.is_empty() { String::new() } else { format!(" ({})", text.join(", ")) }
}

/// What should not have been, in all.
fn errors(outcome: &Outcome) -> u64 {
    let (books, connections) = (&outcome.books, &outcome.connections);
    let replies =
        books.wrong + books.late + books.lost + books.foreign + books.duplicate + outcome.misordered();
    replies + outcome.unanswered + connections.failed + connections.lost
}
