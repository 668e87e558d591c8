//! A server that dies under `hullo load`: no expectation makes a run pass that nobody was left to answer.

use crate::load_common::{Lines, Load, command, end, load_with, options, until};
use crate::support::{Daemon, PATIENCE, Process, TempDir};
use serde_json::Value;
use std::time::Duration;

/// A run with expectations that a server which dies must not meet, and the server killed a second into its measuring.
#[track_caller]
fn killed(address: &str, line: &str, expectations: &[&str]) -> Load {
    under("KILL", address, line, expectations)
}

/// The same with a server that gets some signal then.
#[track_caller]
fn under(signal: &str, address: &str, line: &str, expectations: &[&str]) -> Load {
    let mut daemon = Daemon::start([address]);
    let url = daemon.listening[0].address.clone();
    let more = expectations.iter().flat_map(|text| ["--expect", text]);
    let arguments = [&url, "--json", "-i", "100ms"].into_iter().chain(line.split_whitespace()).chain(more);
    let process = Process::start(&mut command(arguments));
    let measures = |line: &String| line.starts_with("measure 1.");
    let begun = process.wait_for(PATIENCE, |said| said.err.iter().any(measures).then_some(()));
    assert!(begun.is_some(), "{:?}", process.said());
    daemon.signal(signal);
    if signal == "KILL" {
        daemon.wait(PATIENCE);
    }
    end(process)
}

#[track_caller]
fn failed(load: &Load, code: i32) {
    let verdict = load.report.at(&["verdict"]);
    let said = format!("{:#}\n{}", load.report.0, load.err);
    assert_eq!((verdict["status"].as_str(), load.code), (Some("failed"), Some(code)), "{said}");
    assert_eq!(load.report.count(&["exit_code"]), code as u64, "{said}");
}

#[test]
fn neither_its_rate_nor_its_errors_hold() {
    let temp = TempDir::new();
    let expectations = ["errors<1%", "rate>180"];
    for address in ["tcp://127.0.0.1:0", &temp.unix("killed")] {
        let load = killed(address, "-c 10 -r 200 -d 4s --warmup 0s", &expectations);
        failed(&load, 3);
        let judged = load.report.at(&["verdict", "expectations"]).as_array().unwrap();
        assert!(judged.iter().all(|one| one["pass"] == Value::Bool(false)), "{judged:?}");
        let books = load.report.books();
        assert!((799..=801).contains(&(books.sent + books.not_sent)), "{:#}", load.report.0);
        // Of 800 requests some 200 were answered, in 4 seconds.
        assert!(judged[0]["value"].as_f64().unwrap() > 0.2, "{judged:?}");
        let rate = load.report.number(&["achieved_rate"]);
        assert!((rate - books.correct as f64 / 4.0).abs() < 1.0, "{rate}: {:#}", load.report.0);
        let measured = load.report.number(&["measured_s"]);
        assert!((0.9..3.9).contains(&measured), "{measured}");
        let said = load.report.reasons().join("; ");
        assert!(said.contains("every client was gone") && !said.contains("more clients"), "{said}");
    }
}

#[test]
fn expectations_that_hold_do_not_save_a_run_that_ended_early() {
    let address = "tcp://127.0.0.1:0";
    for line in ["-c 4 -r 200 -d 4s", "-c 4 -d 4s", "-c 4 -n 100M", "-c 4 -r 200 -n 800"] {
        let load = killed(address, &format!("{line} --warmup 0s"), &["errors<=100%", "max<1m"]);
        failed(&load, 1);
        let judged = load.report.at(&["verdict", "expectations"]).as_array().unwrap();
        assert!(judged.iter().all(|one| one["pass"] == Value::Bool(true)), "{line}: {judged:?}");
        if line.contains("-n 100M") {
            let books = load.report.books();
            assert_eq!(books.sent + books.not_sent, 100_000_000, "{:#}", load.report.0);
        }
    }
    failed(&killed(address, "-c 4 -d 4s --warmup 0s", &[]), 1);
}

#[test]
fn requests_that_found_no_connection_are_errors_in_churn() {
    let line = "-c 4 -r 100 -d 3s --churn --warmup 0s";
    failed(&killed("tcp://127.0.0.1:0", line, &["errors<5%"]), 3);
    let load = killed("tcp://127.0.0.1:0", line, &[]);
    failed(&load, 1);
    let said = load.report.reasons().join("; ");
    assert!(said.contains("their connections did not come to life"), "{said}");
}

#[test]
fn datagrams_that_nobody_takes_are_errors() {
    let temp = TempDir::new();
    for address in ["udp://127.0.0.1:0", &temp.unixgram("killed")] {
        let line = "-c 4 -r 100 -d 3s --warmup 0s --timeout 500ms --drain 500ms";
        let load = killed(address, line, &["errors<5%"]);
        failed(&load, 3);
        let said = load.report.reasons().join("; ");
        assert!(load.report.books().not_sent == 0 || said.contains("server runs"), "{said}");
    }
}

#[test]
fn in_the_warm_up_all_that_was_planned_is_not_sent() {
    let mut daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    let url = daemon.listening[0].address.clone();
    let arguments = [&url, "--json", "-i", "100ms", "-c", "4", "-r", "100", "-d", "2s", "--warmup", "60s"];
    let process = Process::start(&mut command(arguments));
    until("it warms up", || process.said().err.iter().any(|line| line.starts_with("warm-up")));
    daemon.signal("KILL");
    daemon.wait(PATIENCE);
    let load = end(process);
    failed(&load, 1);
    assert_eq!(load.report.books().not_sent, 200, "{:#}", load.report.0);
    assert!(!load.report.trustworthy(), "there is nothing to trust");
}

#[test]
fn a_server_that_is_absent_leaves_nothing_to_trust() {
    let mut daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    let url = daemon.listening[0].address.clone();
    daemon.signal("KILL");
    daemon.wait(PATIENCE);
    let load = load_with(options(&url, "-c 5 -r 100 -d 2s --expect errors<1%"));
    failed(&load, 1);
    assert_eq!(load.report.at(&["failures"]), &serde_json::json!({"connect refused": 5}));
    assert!(!load.report.trustworthy(), "{:#}", load.report.0);
    let faults = load.report.at(&["verdict", "faults"]).as_array().unwrap();
    assert!(faults.iter().any(|fault| fault.as_str().unwrap().contains("refused")), "{faults:?}");
}

#[test]
fn a_dead_server_is_not_asked_for_ever() {
    let temp = TempDir::new();
    let line = "-c 2 -n 100M --warmup 0s --connect-timeout 500ms --timeout 500ms";
    for (address, more) in
        [("tcp://127.0.0.1:0", "--churn"), ("udp://127.0.0.1:0", ""), (&temp.unixgram("killed"), "")]
    {
        let load = killed(address, &format!("{line} {more}"), &["errors<=100%"]);
        failed(&load, 1);
        let books = load.report.books();
        assert_eq!(books.sent + books.not_sent, 100_000_000, "{:#}", load.report.0);
    }
}

#[test]
fn a_server_that_is_silent_at_the_end_has_failed_though_nothing_timed_out() {
    let temp = TempDir::new();
    let (unix, packets, unixgram) =
        (temp.unix("a"), format!("unixpacket:{}", temp.join("b").display()), temp.unixgram("c"));
    for (signal, address) in [
        ("STOP", "tcp://127.0.0.1:0"),
        ("STOP", &unix),
        ("STOP", &packets),
        ("KILL", "udp://127.0.0.1:0"),
        ("KILL", &unixgram),
    ] {
        let load = under(signal, address, "-c 4 -d 3s --warmup 0s --drain 1s --timeout 1m", &[]);
        failed(&load, 1);
        let (books, missing) = (load.report.books(), &load.report.at(&["failures"])["no answer by the end"]);
        assert_eq!((books.lost, books.unfinished, missing.as_u64()), (0, 4, Some(4)), "{:#}", load.report.0);
        let said = load.report.reasons().join("; ");
        assert!(said.contains("4 requests were not answered by the end"), "{said}");
    }
}

#[test]
fn replies_that_take_longer_than_the_drain_are_no_errors() {
    let server = Lines::hello(|client, message| {
        std::thread::sleep(Duration::from_millis(1100));
        client.greet(message);
    });
    let load = load_with(options(&server.url(), "-c 2 -d 3s --warmup 0s --drain 100ms"));
    assert_eq!((load.code, load.report.books().unfinished), (Some(0), 2), "{:#}", load.report.0);
    assert!(load.report.reasons().join("; ").contains("a longer --drain tells"), "{:#}", load.report.0);
}

#[test]
fn clients_that_were_lost_are_errors_though_the_others_go_on() {
    let server = Lines::hello(|client, message| match client.number < 5 && client.nth == 3 {
        true => client.leave(),
        false => client.greet(message),
    });
    let with = |expectation: &str| {
        let more = ["--expect", expectation].map(str::to_owned);
        load_with(options(&server.url(), "-c 10 -r 100 -d 1s --warmup 0s").into_iter().chain(more))
    };
    let load = with("errors<5%");
    failed(&load, 3);
    let value = load.report.at(&["verdict", "expectations"])[0]["value"].as_f64().unwrap();
    assert!((0.099..0.102).contains(&value), "five requests and five clients of a hundred: {value}");
}

#[test]
fn a_server_that_dies_in_the_ramp_leaves_all_requests_unsent() {
    let mut daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    let url = daemon.listening[0].address.clone();
    let line = ["--json", "-i", "100ms", "-c", "20", "--connect-rate", "10", "-r", "100", "-d", "2s"];
    let process = Process::start(&mut command([url.as_str()].iter().chain(&line)));
    let are_some = |line: &String| (2..15).any(|alive| line.contains(&format!(": {alive} of 20 clients")));
    until("some are alive", || process.said().err.iter().any(are_some));
    daemon.signal("KILL");
    daemon.wait(PATIENCE);
    let load = end(process);
    failed(&load, 1);
    assert_eq!(load.report.books().not_sent, 200, "{:#}", load.report.0);
    let said = load.report.reasons().join("; ");
    assert!(said.contains("no client was alive when the ramp was over"), "{said}");
}
