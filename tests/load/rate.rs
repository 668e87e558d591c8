//! `hullo load` by the clock: the rate is kept, the schedule never slips, and a server that freezes cannot hide it.

use crate::load_common::{Lines, Load, command, end, load, options};
use crate::support::{Daemon, PATIENCE, Process, skip};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// As many requests were planned as the schedule has, give or take the one at its very end.
#[track_caller]
fn planned(load: &Load, number: u64) {
    let books = load.report.books();
    assert!((books.sent + books.not_sent).abs_diff(number) <= 1, "not {number}: {:#}", load.report.0);
    assert_eq!(load.report.at(&["mode"]), "open");
}

/// Why this machine, as it is now, does not carry this rate: as fast as it can, it is not twice as fast.
fn too_busy_for(url: &str, rate: f64) -> Option<String> {
    let fastest = load(url, "-c 20 -d 300ms --warmup 100ms").report.number(&["achieved_rate"]);
    (fastest < 2.0 * rate).then(|| format!("{fastest:.0}/s is all that this machine has to give at present"))
}

#[test]
fn the_rate_is_kept_from_one_in_two_seconds_to_twenty_thousand_a_second() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    let url = &daemon.listening[0].address;
    for (rate, clients, seconds) in [(0.5, 2, 4), (10.0, 5, 2), (1000.0, 50, 2), (20_000.0, 200, 2)] {
        if let Some(reason) = too_busy_for(url, rate) {
            skip(&format!("at {rate}/s: {reason}"));
            continue;
        }
        let load = load(url, &format!("-c {clients} -r {rate} -d {seconds}s --warmup 300ms"));
        planned(&load, (rate * seconds as f64) as u64);
        let offered = load.report.number(&["offered_rate"]);
        assert!((offered - rate).abs() <= rate / 100.0, "{offered} offered, not {rate}");
        let books = load.report.books();
        assert_eq!((books.wrong, books.lost, books.foreign), (0, 0, 0), "{:#}", load.report.0);
        let achieved = load.report.number(&["achieved_rate"]);
        if !load.report.trustworthy() {
            skip(&format!("at {rate}/s the run does not trust itself: {:?}", load.report.reasons()));
            assert_eq!(load.code, Some(4));
            continue;
        }
        assert!((achieved - rate).abs() <= rate / 100.0, "{achieved} of {rate}: {:#}", load.report.0);
        load.all_correct(clients);
    }
}

#[test]
fn requests_leave_at_their_instants() {
    let instants: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let seen = instants.clone();
    let server = Lines::hello(move |client, message| {
        seen.lock().unwrap().push(Instant::now());
        client.greet(message);
    });
    let load = load(&server.url(), "-c 4 -r 50 -d 2s --warmup 0s");
    planned(&load, 100);
    let instants = instants.lock().unwrap();
    let span = *instants.last().unwrap() - instants[0];
    // 99 pauses of 20 ms between the first and the last, however late the machine was with any of them.
    assert!(span >= Duration::from_millis(1900), "{span:?}");
    if load.report.trustworthy() {
        assert!(span <= Duration::from_millis(2100), "{span:?}");
    }
}

#[test]
fn a_ramp_of_the_rate_has_the_area_under_its_line() {
    let halves: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let seen = halves.clone();
    let server = Lines::hello(move |client, message| {
        seen.lock().unwrap().push(Instant::now());
        client.greet(message);
    });
    let load = load(&server.url(), "-c 8 -r 100:300 -d 2s --warmup 0s");
    let books = load.report.books();
    assert!((books.sent + books.not_sent).abs_diff(400) <= 2, "{:#}", load.report.0);
    let instants = halves.lock().unwrap();
    let early = instants.iter().filter(|at| **at - instants[0] < Duration::from_secs(1)).count();
    if load.report.trustworthy() {
        assert!((140..=160).contains(&early), "{early} in the first half, not 150");
    } else {
        skip(&format!("the run does not trust itself: {:?}", load.report.reasons()));
    }
    load.ended_with(0);
}

#[test]
fn what_a_busy_server_makes_wait_stays_on_the_schedule() {
    let server = Lines::hello(|client, message| {
        std::thread::sleep(Duration::from_millis(40));
        client.greet(message);
    });
    let load = load(&server.url(), "-c 1 -r 100 -d 1s --warmup 0s");
    planned(&load, 100);
    let offered = load.report.number(&["offered_rate"]);
    assert!((offered - 100.0).abs() <= 1.0, "{offered}");
    let books = load.report.books();
    assert_eq!(books.wrong + books.foreign, 0, "{:#}", load.report.0);
    assert!(load.report.number(&["achieved_rate"]) < 30.0, "one at a time, 40 ms each: {:#}", load.report.0);
    assert!(load.report.response("p90") > 5.0 * load.report.service("p90"), "{:#}", load.report.0);
    assert!(load.report.response("p90") > 400_000.0, "{:#}", load.report.0);
    // The client was waiting for the server: the generator was not late by itself.
    let lag = load.report.number(&["generator", "p99_schedule_lag_us"]);
    assert!(lag < 300_000.0, "{lag}");
}

/// A run of `seconds` at 1,000 a second, of which the server freezes for the tenth part.
fn freeze(seconds: u64) -> Load {
    let pause = Duration::from_millis(100 * seconds);
    let frozen: OnceLock<Instant> = OnceLock::new();
    let server = Lines::hello(move |client, message| {
        if client.order >= 400 * seconds {
            let until = *frozen.get_or_init(|| Instant::now() + pause);
            std::thread::sleep(until.saturating_duration_since(Instant::now()));
        }
        client.greet(message);
    });
    load(&server.url(), &format!("-c 20 -r 1000 -d {seconds}s --warmup 0s"))
}

#[test]
fn a_server_that_freezes_for_a_second_cannot_hide_it() {
    let load = freeze(10);
    planned(&load, 10_000);
    let report = &load.report;
    assert_eq!(report.books().correct, report.books().sent, "{:#}", report.0);
    // A tenth of all requests were due while nobody answered: evenly spread from none to all of the second.
    assert!((850_000.0..1_300_000.0).contains(&report.response("p99")), "{:#}", report.0);
    assert!((980_000.0..1_400_000.0).contains(&report.response("max")), "{:#}", report.0);
    assert!(report.response("mean") > 40_000.0, "a tenth waits half a second: {:#}", report.0);
    assert!(report.response("p50") < 100_000.0, "{:#}", report.0);
    // Only the twenty under way felt it from their sending on.
    assert!(report.service("p99") < 200_000.0, "{:#}", report.0);
    assert!(report.service("max") > 900_000.0, "{:#}", report.0);
    assert!(report.service("mean") < 15_000.0, "{:#}", report.0);
    let lag = report.number(&["generator", "p99_schedule_lag_us"]);
    assert!(lag < 500_000.0, "it is not the generator that was late: {lag}");
    load.ended_with(0);
}

#[test]
fn a_generator_that_was_held_up_says_that_it_is_not_to_be_trusted() {
    let server = Lines::greeting();
    let process = Process::start(&mut command(options(&server.url(), "-c 10 -r 500 -d 2s --warmup 0s")));
    crate::load_common::until("it is under way", || server.messages() >= 200);
    process.signal("STOP");
    std::thread::sleep(Duration::from_millis(500)); // what it is held up for
    process.signal("CONT");
    let load = end(process);
    planned(&load, 1000);
    assert!(!load.report.trustworthy(), "{:#}", load.report.0);
    assert_eq!(load.code, Some(4), "{:#}", load.report.0);
    assert!(!load.report.reasons().is_empty(), "{:#}", load.report.0);
    assert!(load.report.number(&["generator", "max_loop_lag_us"]) >= 400_000.0, "{:#}", load.report.0);
    assert!(load.report.number(&["generator", "p99_schedule_lag_us"]) >= 100_000.0, "{:#}", load.report.0);
    assert!(load.report.response("max") >= 400_000.0, "{:#}", load.report.0);
}

#[test]
fn in_a_closed_loop_the_planned_instant_is_that_of_sending() {
    let server = Lines::hello(|client, message| {
        std::thread::sleep(Duration::from_millis(10));
        client.greet(message);
    });
    let load = load(&server.url(), "-c 2 -n 100 --warmup 0s");
    load.all_correct(2);
    assert_eq!(load.report.at(&["mode"]), "closed");
    assert!(load.report.service("p50") >= 10_000.0 * 0.999, "{:#}", load.report.0);
    let rate = load.report.number(&["achieved_rate"]);
    assert!(rate <= 200.0, "two at a time, 10 ms each: {rate}");
}

#[test]
fn connections_are_made_at_the_pace_that_was_asked_for() {
    let server = Lines::greeting();
    // Before the first can have come: a busy machine may see that one late, and none early.
    let begun = Instant::now();
    let load = load(&server.url(), "-c 20 -n 100 --connect-rate 40 --warmup 0s");
    load.all_correct(20);
    let span = server.peers().iter().map(|(_, at)| *at).max().unwrap() - begun;
    assert!(span >= Duration::from_millis(470), "19 pauses of 25 ms, and not {span:?}");
    assert!(span < PATIENCE);
}
