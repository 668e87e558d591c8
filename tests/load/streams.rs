//! `hullo load` on streams, against `hullo serve`: every reply is right, however they are asked for.

use crate::load_common::{Load, command, end, load, load_with, options};
use crate::support::{Daemon, PATIENCE, Process, TempDir, eventually, raise_descriptor_limit, skip, status};
use nix::sys::resource::{Resource, getrlimit};
use std::time::{Duration, Instant};

/// A daemon of TCP, and its address.
fn daemon(arguments: &[&str]) -> (Daemon, String) {
    let arguments = [&["tcp://127.0.0.1:0"], arguments].concat();
    let daemon = Daemon::start(arguments);
    let url = daemon.listening[0].address.clone();
    (daemon, url)
}

#[test]
fn five_thousand_clients_are_alive_and_right_from_one_thread() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let clients = hard.saturating_sub(200).min(5_000);
    if clients < 5_000 {
        skip(&format!("5,000 clients want more descriptors than {hard}: {clients} instead"));
    }
    if !raise_descriptor_limit(clients) {
        return;
    }
    let (_daemon, url) = daemon(&[]);
    let requests = 6 * clients;
    let process =
        Process::start(&mut command(options(&url, &format!("-c {clients} -n {requests} --warmup 0s"))));
    let mut threads = 0;
    eventually("it is seen with its sockets open", || {
        let sockets = std::fs::read_dir(format!("/proc/{}/fd", process.id())).map_or(0, |fds| fds.count());
        threads = threads.max(status(process.id(), "Threads:").unwrap_or(0));
        sockets as u64 > clients / 2 || !process.said().out.is_empty()
    });
    assert_eq!(threads, 1);
    let load = end(process);
    load.all_correct(clients);
    let books = load.report.books();
    assert_eq!((books.sent, books.correct, books.unfinished), (requests, requests, 0));
    assert_eq!(load.report.at(&["mode"]), "closed");
    assert!(load.report.at(&["offered_rate"]).is_null(), "{:#}", load.report.0);
}

#[test]
fn a_number_of_requests_is_sent_exactly() {
    let (_daemon, url) = daemon(&[]);
    for (clients, requests) in [(1, 1), (7, 3), (3, 1000), (50, 12_345)] {
        let load = load(&url, &format!("-c {clients} -n {requests} --warmup 0s"));
        load.all_correct(clients);
        let books = load.report.books();
        assert_eq!((books.sent, books.correct, books.not_sent), (requests, requests, 0), "-c {clients}");
    }
}

#[test]
fn warm_up_is_outside_the_number_and_the_books() {
    let (daemon, url) = daemon(&[]);
    let load = load(&url, "-c 4 -n 500 --warmup 200ms");
    load.all_correct(4);
    assert_eq!(load.report.books().sent, 500);
    assert_eq!(load.report.count(&["latency_us", "service", "count"]), 500);
    drop(daemon);
}

#[test]
fn a_duration_ends_the_run_and_with_a_number_the_first_of_both() {
    let (_daemon, url) = daemon(&[]);
    let start = Instant::now();
    let load = load(&url, "-c 5 -d 1s --warmup 0s");
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    load.all_correct(5);
    let duration = load.report.number(&["duration_s"]);
    assert!((0.99..2.0).contains(&duration), "{duration}");

    let both = crate::load_common::load(&url, "-c 5 -d 60s -n 200 --warmup 0s");
    both.all_correct(5);
    assert_eq!(both.report.books().correct, 200);
    assert!(both.report.number(&["duration_s"]) < 30.0);

    let both = crate::load_common::load(&url, "-c 5 -d 500ms -n 1M -r 100 --warmup 0s");
    both.all_correct(5);
    let planned = both.report.books().sent + both.report.books().not_sent;
    assert!((49..=51).contains(&planned), "{planned}");
}

#[test]
fn each_framing_is_spoken() {
    let (_auto, auto) = daemon(&[]);
    let (_raw, raw) = daemon(&["--framing", "raw"]);
    let (_line, line) = daemon(&["--framing", "line"]);
    for (url, framing) in [(&auto, "raw"), (&auto, "line"), (&raw, "raw"), (&line, "line")] {
        let load = load(url, &format!("-c 20 -n 2000 --warmup 0s --framing {framing}"));
        load.all_correct(20);
        assert_eq!(load.report.books().correct, 2000, "{framing}");
    }
}

#[test]
fn sixteen_requests_are_under_way_on_each_client() {
    let (_daemon, url) = daemon(&[]);
    let load = load(&url, "-c 8 -n 20000 --outstanding 16 --framing line --warmup 0s");
    load.all_correct(8);
    assert_eq!(load.report.books().correct, 20_000);
}

#[test]
fn messages_have_the_sizes_that_were_asked_for() {
    let (_daemon, url) = daemon(&["--max-message", "8KiB"]);
    let load = load(&url, "-c 10 -n 3000 -s 16..4096 --warmup 0s");
    load.all_correct(10);
    let mean = load.report.count(&["bytes", "sent"]) as f64 / 3000.0;
    assert!((1500.0..2700.0).contains(&mean), "{mean} bytes a message");

    let fixed = crate::load_common::load(&url, "-c 10 -n 1000 -s 1000 --warmup 0s");
    fixed.all_correct(10);
    let sent = fixed.report.count(&["bytes", "sent"]);
    assert_eq!(sent, 1000 * 1001, "a message of 1,000 bytes and its newline each");
    // `Hello, `, `!` and a newline around each; and ten welcomes, where the measure holds them.
    let received = fixed.report.count(&["bytes", "received"]);
    assert!((1000 * 1009..=1000 * 1009 + 90).contains(&received), "{received}");
}

#[test]
fn messages_are_as_they_were_written() {
    let (_daemon, url) = daemon(&[]);
    let with = |message: &str| {
        let arguments = ["-c", "3", "-n", "300", "--warmup", "0s", "-m", message].map(str::to_owned);
        load_with([options(&url, ""), arguments.to_vec()].concat())
    };
    for message in ["Michael", "client {conn} says {seq}", "{rand}", "数据 {seq}", "{other} {}"] {
        let load = with(message);
        load.all_correct(3);
        assert_eq!(load.report.books().correct, 300, "{message}");
    }
}

#[test]
fn every_dialect_of_streams_is_spoken() {
    let unhurried = "-c 20 -n 1000 --warmup 0s";
    let each: [(&str, &str); 6] = [
        ("hello", unhurried),
        ("indeed", unhurried),
        ("receipt", unhurried),
        ("once", "-c 4 -n 50 --churn --warmup 0s"),
        ("patient", "-c 30 -n 30 --warmup 0s"),
        ("plain", "-c 30 -n 30 --warmup 0s"),
    ];
    let runs: Vec<_> = each
        .map(|(dialect, line)| {
            std::thread::spawn(move || {
                let (_daemon, url) = daemon(&["--dialect", dialect]);
                (dialect, load(&url, &format!("{line} --dialect {dialect}")))
            })
        })
        .into_iter()
        .map(|run| run.join().unwrap())
        .collect();
    for (dialect, load) in runs {
        let books = load.report.books();
        assert_eq!((books.correct, books.sent), (books.sent, books.sent), "{dialect}: {:#}", load.report.0);
        assert_eq!(load.code, Some(0), "{dialect}: {}", load.err);
        assert!(books.sent >= 30, "{dialect}");
    }
}

#[test]
fn the_wrong_dialect_brings_nobody_to_life() {
    let (_daemon, url) = daemon(&["--dialect", "indeed"]);
    let load = load(&url, "-c 5 -d 1s --warmup 0s --connect-timeout 500ms --timeout 500ms");
    load.nobody_is_alive();
    assert_eq!(load.report.books().correct, 0);
}

#[test]
fn churn_makes_a_connection_for_each_request() {
    let (mut daemon, url) = daemon(&[]);
    let load = load(&url, "-c 10 -n 2000 --churn --warmup 0s");
    let books = load.report.books();
    assert_eq!((books.sent, books.correct), (2000, 2000), "{:#}\n{}", load.report.0, load.err);
    assert_eq!(load.report.count(&["connections", "lost"]), 0);
    assert!(load.report.count(&["latency_us", "connect", "count"]) >= 2000, "{:#}", load.report.0);
    load.ended_with(0);
    assert_eq!(daemon.terminate(), Some(0));
    let summary = daemon.stderr();
    // Ten more where each client's first session proves that somebody is there.
    assert!(["2000 clients", "2010 clients"].iter().any(|count| summary.contains(count)), "{summary}");
}

#[test]
fn churn_by_the_clock_is_right_too() {
    let (_daemon, url) = daemon(&[]);
    let load = load(&url, "-c 20 -r 300 -d 1s --churn --warmup 0s");
    let books = load.report.books();
    assert_eq!(books.sent, books.correct + books.unfinished, "{:#}", load.report.0);
    assert!((299..=301).contains(&(books.sent + books.not_sent)), "{:#}", load.report.0);
    load.ended_with(0);
}

#[test]
fn unix_sockets_are_tested_as_tcp_is() {
    let temp = TempDir::new();
    let url = temp.unix("s");
    let _daemon = Daemon::start([url.as_str()]);
    let runs: Vec<Load> = ["", "--framing raw", "--outstanding 16"]
        .map(|more| load(&url, &format!("-c 100 -n 5000 --warmup 0s {more}")))
        .into();
    for load in runs {
        load.all_correct(100);
        assert_eq!(load.report.books().correct, 5000);
    }
    let churned = load(&url, "-c 10 -n 500 --churn --warmup 0s");
    assert_eq!(churned.report.books().correct, 500, "{:#}\n{}", churned.report.0, churned.err);
    churned.ended_with(0);
}

#[test]
fn names_and_ipv6_are_looked_up() {
    if !crate::support::has_ipv6() {
        return skip("there is no IPv6 here");
    }
    let six = Daemon::start(["tcp://[::1]:0"]);
    load(&six.listening[0].address, "-c 5 -n 100 --warmup 0s").all_correct(5);
    let (four, _) = daemon(&[]);
    let named = format!("tcp://localhost:{}", four.inet().port());
    load(&named, "-c 5 -n 100 --warmup 0s").all_correct(5);
}

#[test]
fn memory_does_not_grow_with_the_number_of_requests() {
    let (daemon, url) = daemon(&[]);
    let process = Process::start(&mut command(options(&url, "-c 50 -d 5s --outstanding 16 --warmup 0s")));
    // Time of the generator's own processor use says how far it is, whatever else the machine does.
    let resident = |after: Duration| {
        let start = Instant::now();
        eventually("it works", || daemon.cpu_time() >= after || start.elapsed() > PATIENCE / 2);
        status(process.id(), "VmRSS:")
    };
    let early = resident(Duration::from_millis(200));
    let later = resident(Duration::from_millis(800));
    let load = end(process);
    load.all_correct(50);
    let (Some(early), Some(later)) = (early, later) else {
        return skip("it was over before it was looked at twice");
    };
    eprintln!("{early} KiB after a while, {later} KiB later, {} requests", load.report.books().sent);
    assert!(later < early + 2048, "{early} KiB have grown to {later} KiB");
}
