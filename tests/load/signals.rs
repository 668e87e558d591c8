//! A signal in any phase of `hullo load` ends it in time, with the report so far and the signal's exit code.

use crate::load_common::{Lines, Load, command, end, options, until};
use crate::support::Process;
use std::time::{Duration, Instant};

const SIGNALS: [(&str, i32); 2] = [("INT", 130), ("TERM", 143)];

/// Sends both signals, to a run each, once `is_there`; what the reports say is the test's affair.
#[track_caller]
fn interrupt(
    server: impl Fn() -> Lines,
    line: &str,
    is_there: impl Fn(&Lines) -> bool,
    check: impl Fn(&Load),
) {
    for (signal, code) in SIGNALS {
        let server = server();
        let process = Process::start(&mut command(options(&server.url(), line)));
        until("the phase is reached", || is_there(&server));
        let start = Instant::now();
        process.signal(signal);
        let load = end(process);
        // The phases themselves have limits far beyond this.
        assert!(start.elapsed() < Duration::from_secs(15), "{signal}: {:?}", start.elapsed());
        assert_eq!(load.code, Some(code), "{:#}\n{}", load.report.0, load.err);
        check(&load);
    }
}

#[test]
fn in_the_ramp() {
    let silent = || Lines::serve_clients(|client| client.each_line(|_, _| ()));
    let line = "-c 5 -d 60s --warmup 0s --connect-timeout 60s";
    interrupt(
        silent,
        line,
        |server| server.peers().len() == 5,
        |load| {
            assert_eq!(load.report.count(&["connections", "alive"]), 0, "{:#}", load.report.0);
            assert_eq!(load.report.books().sent, 0, "{:#}", load.report.0);
            assert_eq!(load.report.number(&["achieved_rate"]), 0.0);
        },
    );
}

#[test]
fn in_the_warm_up() {
    interrupt(
        Lines::greeting,
        "-c 5 -r 200 -d 60s --warmup 60s",
        |server| server.messages() > 20,
        |load| {
            assert_eq!(load.report.count(&["connections", "alive"]), 5, "{:#}", load.report.0);
            assert_eq!(load.report.books().sent, 0, "what is warm-up is in no book: {:#}", load.report.0);
        },
    );
}

#[test]
fn in_the_measure() {
    interrupt(
        Lines::greeting,
        "-c 5 -r 200 -d 60s --warmup 0s",
        |server| server.messages() > 100,
        |load| {
            let books = load.report.books();
            assert!(books.correct >= 90 && books.sent < 5000, "{:#}", load.report.0);
            assert_eq!(
                (books.wrong, books.late, books.lost, books.foreign),
                (0, 0, 0, 0),
                "{:#}",
                load.report.0
            );
            let duration = load.report.number(&["duration_s"]);
            assert!((0.3..30.0).contains(&duration), "{duration}");
            assert!(load.report.number(&["achieved_rate"]) > 1.0, "{:#}", load.report.0);
        },
    );
}

#[test]
fn in_the_measure_of_a_closed_loop() {
    interrupt(
        Lines::greeting,
        "-c 5 -n 100M --warmup 0s",
        |server| server.messages() > 1000,
        |load| {
            let books = load.report.books();
            assert!(books.correct >= 900, "{:#}", load.report.0);
            assert_eq!((books.wrong, books.late, books.lost), (0, 0, 0), "{:#}", load.report.0);
        },
    );
}

#[test]
fn in_the_drain() {
    let forgetful = || {
        Lines::hello(|client, message| {
            if client.order < 100 {
                client.greet(message);
            }
        })
    };
    let line = "-c 1 -n 100 --warmup 0s --timeout 60s --drain 60s";
    interrupt(
        forgetful,
        line,
        |server| server.messages() == 100,
        |load| {
            let books = load.report.books();
            assert_eq!((books.sent, books.correct, books.unfinished), (100, 99, 1), "{:#}", load.report.0);
        },
    );
}

#[test]
fn in_the_middle_of_churn() {
    interrupt(
        Lines::greeting,
        "-c 5 -r 100 -d 60s --churn --warmup 0s",
        |server| server.messages() > 100, // a request and a farewell each
        |load| {
            let books = load.report.books();
            assert!(books.correct >= 40, "{:#}", load.report.0);
            assert_eq!((books.wrong, books.late, books.lost), (0, 0, 0), "{:#}", load.report.0);
        },
    );
}

#[test]
fn while_nobody_answers() {
    let mute = || Lines::hello(|_, _| ());
    let line = "-c 5 -d 60s --warmup 0s --timeout 60s --drain 60s";
    interrupt(
        mute,
        line,
        |server| server.messages() == 5,
        |load| {
            let books = load.report.books();
            assert_eq!((books.sent, books.unfinished), (5, 5), "{:#}", load.report.0);
        },
    );
}
