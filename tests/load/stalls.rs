//! `hullo load` that stands still itself: no answer that came meanwhile is charged to the server, and the report says whose
//! the long response times are.

use crate::load_common::{Datagrams, Lines, Load, command, end, load, options, under_way, until};
use crate::support::{Daemon, Process};
use std::time::Duration;

/// Longer than the timeouts of the runs.
const STALL: Duration = Duration::from_secs(2);

/// Stops it for so long, and waits for its end.
fn stop_for_a_while(process: Process) -> Load {
    stop_for(&process, STALL);
    end(process)
}

fn stop_for(process: &Process, pause: Duration) {
    process.signal("STOP");
    std::thread::sleep(pause); // The pause itself: nothing is waited for.
    process.signal("CONT");
}

#[track_caller]
fn assert_is_our_own_fault(load: &Load) {
    let (report, books) = (&load.report, load.report.books());
    assert_eq!((books.late, books.lost, books.wrong), (0, 0, 0), "{:#}", report.0);
    assert_eq!(books.correct + books.unfinished, books.sent, "{:#}", report.0);
    assert!(report.count(&["generator", "longest_stall_us"]) > 1_800_000, "{:#}", report.0);
    assert!(report.count(&["generator", "max_loop_lag_us"]) > 1_800_000, "{:#}", report.0);
    let reasons = report.reasons();
    assert!(reasons.iter().any(|reason| reason.contains("the generator stood still for ")), "{reasons:?}");
    assert!(!report.trustworthy(), "{:#}", report.0);
    // The expectation is broken, and by whom is not known.
    assert_eq!(load.code, Some(4), "{:#}", report.0);
}

#[test]
fn replies_that_lay_there_while_the_generator_was_stopped_are_not_late() {
    // Each is answered after a second: what is under way when it is stopped is answered before it goes on.
    let daemon = Daemon::start(["tcp://127.0.0.1:0", "--dialect", "patient"]);
    let url = daemon.listening[0].address.clone();
    let line = "-c 200 -r 100 -d 4s --warmup 0s --timeout 1500ms --dialect patient --expect max<1500ms";
    let load = stop_for_a_while(under_way(&url, line));
    assert_is_our_own_fault(&load);
    assert_eq!(load.report.books().unfinished, 0, "{:#}", load.report.0);
}

#[test]
fn however_many_clients_they_are_for() {
    // More than the poller brings in one turn.
    let daemon = Daemon::start(["tcp://127.0.0.1:0", "--dialect", "patient"]);
    let url = daemon.listening[0].address.clone();
    let line = "-c 3000 -d 4s --warmup 0s --timeout 1500ms --dialect patient --expect max<1500ms";
    let load = stop_for_a_while(under_way(&url, line));
    assert_is_our_own_fault(&load);
    assert!(load.report.books().correct >= 3000, "{:#}", load.report.0);
}

#[test]
fn datagrams_that_lay_there_while_the_generator_was_stopped_are_not_late() {
    let server = Datagrams::serve(|client, message| {
        if client.nth == 0 {
            return client.greet(message); // Proves the flow alive.
        }
        let (socket, to, answer) = (client.socket(), client.from, format!("Hello, {message}!"));
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(700));
            let _ = socket.send_to(answer.as_bytes(), to);
        });
    });
    let line = "-c 100 -r 100 -d 4s --warmup 0s --timeout 1s --expect max<1s";
    let load = stop_for_a_while(under_way(&server.url(), line));
    assert_is_our_own_fault(&load);
}

#[test]
fn a_welcome_that_lay_there_while_the_generator_was_stopped_came_in_time() {
    let server = Lines::serve_clients(|client| {
        std::thread::sleep(Duration::from_millis(300));
        client.say("Welcome!");
        client.each_line(|client, message| client.greet(message));
    });
    let line = "--json -q -c 100 -n 200 --warmup 0s --connect-timeout 1s";
    let arguments: Vec<_> = std::iter::once(server.url()).chain(line.split(' ').map(str::to_owned)).collect();
    let process = Process::start(&mut command(arguments));
    until("they come", || server.peers().len() == 100);
    let load = stop_for_a_while(process);
    let connections = ["alive", "failed"].map(|key| load.report.count(&["connections", key]));
    assert_eq!(connections, [100, 0], "{:#}", load.report.0);
    assert_eq!(load.report.books().correct, 200, "{:#}", load.report.0);
}

#[test]
fn sessions_that_are_all_out_of_time_when_it_goes_on_end_the_run_once() {
    let silent = Lines::serve_clients(|client| client.each_line(|_, _| ()));
    let line = "-c 50 -n 1000 --churn --warmup 0s --connect-timeout 1s";
    let process = Process::start(&mut command(options(&silent.url(), line)));
    until("they come", || silent.peers().len() == 50);
    let load = stop_for_a_while(process);
    let books = load.report.books();
    assert_eq!((books.sent, books.not_sent, load.code), (0, 1000, Some(1)), "{:#}", load.report.0);
    let reasons = load.report.reasons();
    let ends = reasons.iter().filter(|reason| reason.contains("no more were tried")).count();
    assert_eq!(ends, 1, "{reasons:?}");
}

#[test]
fn a_generator_that_is_stopped_in_the_midst_of_sending_calls_nothing_late() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0", "udp://127.0.0.1:0"]);
    for socket in &daemon.listening {
        // As busy as it can be, so that it is stopped between the reading of the clock and the write.
        let line = "-c 5 -d 7s --outstanding 16 --warmup 0s --timeout 500ms";
        let process = under_way(&socket.address, line);
        for _ in 0..5 {
            stop_for(&process, Duration::from_millis(600));
            std::thread::sleep(Duration::from_millis(150)); // Between two pauses.
        }
        let load = end(process);
        let books = load.report.books();
        assert_eq!((books.late, books.lost, books.correct), (0, 0, books.sent), "{:#}", load.report.0);
    }
}

#[test]
fn a_generator_that_never_stood_still_says_so() {
    let server = Lines::greeting();
    let load = load(&server.url(), "-c 2 -r 50 -d 1s --warmup 0s");
    let stall = load.report.count(&["generator", "longest_stall_us"]);
    let reasons = load.report.reasons();
    let is_said = reasons.iter().any(|reason| reason.contains("stood still"));
    assert!(!is_said || stall > 100_000, "{reasons:?}");
}
