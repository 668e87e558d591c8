//! What a run comes to: in a word, in an exit code, and in the reports.

use super::{absent, judged, rich, small};
use crate::load::books::outcome::Connections;
use crate::load::books::outcome::{Mode, Outcome};
use crate::load::books::verdict::Judgement;
use crate::load::plan::rate::Rate;
use crate::load::report::verdict::conclusion;
use crate::load::report::{json, text};
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn the_verdict_names_the_first_thing_that_applies() {
    let with = |change: &dyn Fn(&mut Outcome)| {
        let mut outcome = rich();
        change(&mut outcome);
        text(&outcome).lines().next().unwrap().split(';').next().unwrap().to_owned()
    };
    let doubtful = |outcome: &mut Outcome| {
        without_errors(outcome);
        outcome.verdict.trustworthy = false;
        outcome.verdict.expectations[0].judgement = Judgement::Doubtful;
    };
    assert_eq!(with(&|outcome| outcome.signal = Some(2)), "STOPPED: by SIGINT after 10.0 s of measuring");
    assert_eq!(with(&doubtful), "NOT TRUSTWORTHY: requests were sent late", "99.94 % came");
    let slow = |outcome: &mut Outcome| {
        doubtful(outcome);
        outcome.offered = Rate::parse("2000").ok();
    };
    assert_eq!(with(&slow), "NOT TRUSTWORTHY: the generator did not keep up");
    let few = |outcome: &mut Outcome| outcome.verdict.expectations[0].judgement = Judgement::TooFew(299);
    assert_eq!(with(&few), "NOT TRUSTWORTHY: too few samples to judge a percentile by");
    assert_eq!(
        with(&|outcome| outcome.verdict.expectations.clear()),
        "FAILED: 4 wrong replies, 1 late reply, 1 lost reply, 1 client never alive, 1 client lost"
    );
    assert_eq!(
        with(&|outcome| {
            outcome.verdict.expectations.remove(0);
        }),
        "PASSED: with errors, as allowed"
    );
}

fn without_errors(outcome: &mut Outcome) {
    let books = &mut outcome.books;
    (books.wrong, books.late, books.lost, books.duplicate, books.foreign) = (0, 0, 0, 0, 0);
    (outcome.connections.failed, outcome.connections.lost) = (0, 0);
}

#[test]
fn a_run_that_ended_early_has_failed_and_its_rate_is_over_the_time_asked_for() {
    let mut outcome = rich();
    outcome.verdict.expectations.remove(0);
    (outcome.ended_early, outcome.measured) = (true, Duration::from_secs(3));
    (outcome.books.sent, outcome.books.correct, outcome.books.not_sent) = (3000, 3000, 7000);
    outcome.connections = Connections { asked: 50, alive: 50, failed: 0, lost: 50 };
    assert_eq!(conclusion(&outcome).exit_code(), 1);
    assert_eq!(outcome.errors(), Some(0.705), "7,000 requests and 50 clients of 10,000");
    let report = text(&outcome);
    let first = "FAILED: it ended after 3.00 s of 10.0 s; 4 wrong replies";
    assert!(report.starts_with(&first[..first.len() - 17]), "{report}");
    assert!(report.contains("; 300.0/s of 1,000/s (30.00 %), p99 "), "{report}");
    assert!(report.contains("3.00 s measured of 10.0 s, which the rate is over; "), "{report}");
    let value: Value = serde_json::from_str(&json(&outcome)).unwrap();
    assert_eq!((&value["achieved_rate"], &value["duration_s"]), (&json!(300.0), &json!(10.0)));
    assert_eq!((&value["measured_s"], &value["verdict"]["status"]), (&json!(3.0), &json!("failed")));
}

#[test]
fn the_verdict_and_the_exit_code_say_the_same() {
    use Judgement::{Broken, Doubtful, Held, TooFew};
    let of = |mut outcome: Outcome, judgements: &[(&str, Judgement)], change: &dyn Fn(&mut Outcome)| {
        let judged = judgements.iter().map(|(expression, judgement)| judged(expression, *judgement, 1.0));
        outcome.verdict.expectations = judged.collect();
        change(&mut outcome);
        let value: Value = serde_json::from_str(&json(&outcome)).unwrap();
        let word = text(&outcome).split(':').next().unwrap().to_owned();
        assert_eq!(value["verdict"]["status"], word.to_lowercase().replace(' ', "_"));
        assert_eq!(value["exit_code"], conclusion(&outcome).exit_code());
        assert_eq!(value["verdict"]["exit_code"], conclusion(&outcome).exit_code());
        (word, conclusion(&outcome).exit_code())
    };
    let as_it_is = |_: &mut Outcome| {};
    let doubtful = |outcome: &mut Outcome| outcome.verdict.trustworthy = false;
    let unsent = |outcome: &mut Outcome| outcome.books.not_sent = 1;
    let sent_late = |outcome: &mut Outcome| {
        doubtful(outcome);
        without_errors(outcome);
    };
    let dropped_by_us = |outcome: &mut Outcome| {
        sent_late(outcome);
        (outcome.books.lost, outcome.generator.receive_drops) = (3, 3);
    };
    let wrong_as_well = |outcome: &mut Outcome| {
        dropped_by_us(outcome);
        outcome.books.wrong = 1;
    };
    let silent = |outcome: &mut Outcome| (outcome.books.unfinished, outcome.unanswered) = (1, 1);
    for ((word, code), (expected_word, expected_code)) in [
        (of(rich(), &[], &as_it_is), ("FAILED", 1)),
        (of(rich(), &[("errors<=1%", Held)], &as_it_is), ("PASSED", 0)),
        (of(rich(), &[("errors<=1%", Held), ("max<1s", Broken)], &as_it_is), ("FAILED", 3)),
        (of(rich(), &[("max<1s", Doubtful)], &doubtful), ("FAILED", 1)),
        (of(rich(), &[("max<1s", Doubtful), ("errors<1%", Held)], &doubtful), ("NOT TRUSTWORTHY", 4)),
        (of(rich(), &[("max<1s", Doubtful), ("errors==0", Broken)], &doubtful), ("FAILED", 3)),
        (of(rich(), &[], &doubtful), ("FAILED", 1)),
        (of(rich(), &[], &sent_late), ("NOT TRUSTWORTHY", 4)),
        (of(rich(), &[], &dropped_by_us), ("NOT TRUSTWORTHY", 4)),
        (of(rich(), &[], &wrong_as_well), ("FAILED", 1)),
        (of(small(), &[], &|outcome| outcome.books.unfinished = 1), ("PASSED", 0)),
        (of(small(), &[], &silent), ("FAILED", 1)),
        (of(small(), &[("p99<1s", Held)], &silent), ("FAILED", 1)),
        (of(small(), &[("errors<=10%", Held)], &silent), ("PASSED", 0)),
        (of(rich(), &[("errors<=1%", Held), ("p99<5ms", Held)], &doubtful), ("PASSED", 0)),
        (of(rich(), &[], &|outcome| outcome.signal = Some(15)), ("STOPPED", 143)),
        (of(small(), &[], &as_it_is), ("PASSED", 0)),
        (of(small(), &[], &doubtful), ("PASSED", 0)),
        (of(small(), &[("lost==0", Held), ("errors<1%", Held)], &doubtful), ("PASSED", 0)),
        (of(small(), &[("rate>=1", Doubtful)], &doubtful), ("NOT TRUSTWORTHY", 4)),
        (of(small(), &[("p99<1s", TooFew(299))], &as_it_is), ("NOT TRUSTWORTHY", 4)),
        (of(small(), &[("p99<1s", TooFew(299))], &unsent), ("FELL SHORT", 3)),
        (of(small(), &[], &|outcome| outcome.connections.failed = 1), ("FAILED", 1)),
        (of(small(), &[], &|outcome| outcome.books.foreign = 1), ("FAILED", 1)),
        (of(small(), &[], &|outcome| outcome.books.reordered = 1), ("FAILED", 1)),
        (of(small(), &[("errors<=1%", Held)], &|outcome| outcome.ended_early = true), ("FAILED", 1)),
        (of(small(), &[("rate>1", Broken)], &|outcome| outcome.ended_early = true), ("FAILED", 3)),
        (of(small(), &[], &unsent), ("FELL SHORT", 0)),
        (of(small(), &[("p99<1s", Held)], &unsent), ("FELL SHORT", 3)),
        (of(small(), &[("errors<=10%", Held)], &unsent), ("PASSED", 0)),
        (of(Outcome { mode: Mode::Open, ..small() }, &[], &unsent), ("FELL SHORT", 1)),
        (of(absent(), &[("p99<1s", Broken)], &doubtful), ("FAILED", 1)),
    ] {
        assert_eq!((word.as_str(), code), (expected_word, expected_code));
    }
}
