//! The ends of `hullo load`: servers that are not there, say nothing, die or talk rubbish. It ends in time, with sane
//! numbers and the right exit code.

use crate::load_common::{Lines, Load, command, load, options, under_way};
use crate::support::{PATIENCE, Process, status};
use std::io::Write;
use std::net::TcpListener;
use std::time::{Duration, Instant};

/// Nobody came to life, nothing was sent, and the exit code says so.
#[track_caller]
fn nobody(load: &Load, asked: u64) {
    let connections =
        ["asked", "alive", "failed", "lost"].map(|key| load.report.count(&["connections", key]));
    assert_eq!(connections, [asked, 0, asked, 0], "{:#}\n{}", load.report.0, load.err);
    let books = load.report.books();
    assert_eq!((books.sent, books.correct), (0, 0), "{:#}", load.report.0);
    assert_eq!(load.report.number(&["achieved_rate"]), 0.0);
    assert_eq!(load.code, Some(1), "{}", load.err);
    assert!(!load.report.reasons().is_empty(), "it says why: {:#}", load.report.0);
}

#[test]
fn a_server_that_is_absent() {
    let absent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", absent.local_addr().unwrap());
    drop(absent);
    for line in ["-d 500ms", "-d 500ms -r 100", "-n 100", "-d 300ms --churn"] {
        let load = load(&url, &format!("-c 3 --warmup 0s {line}"));
        if !line.contains("churn") {
            nobody(&load, 3);
        }
        assert_eq!((load.code, load.report.books().correct), (Some(1), 0), "{line}: {:#}", load.report.0);
        let said = format!("{:?} {}", load.report.reasons(), load.err);
        assert!(said.contains("refused"), "{line}: {said}");
    }
}

#[test]
fn a_unix_socket_that_is_absent() {
    let temp = crate::support::TempDir::new();
    for url in [temp.unix("nobody"), temp.unixgram("nobody")] {
        let load = load(&url, "-c 3 -d 500ms --warmup 0s --connect-timeout 500ms --timeout 300ms");
        load.nobody_is_alive();
    }
}

#[test]
fn a_server_that_accepts_and_says_nothing() {
    let server = Lines::serve_clients(|client| client.each_line(|_, _| ()));
    let start = Instant::now();
    let load = load(&server.url(), "-c 5 -d 1s --warmup 0s --connect-timeout 400ms");
    assert!(start.elapsed() >= Duration::from_millis(400) && start.elapsed() < PATIENCE);
    nobody(&load, 5);
    assert_eq!(server.messages(), 0);
}

#[test]
fn a_server_that_never_accepts() {
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    listener.listen(1).unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap().as_socket().unwrap());
    // Some are taken in by the kernel and never welcomed, the rest are not even connected.
    let load = load(&url, "-c 10 -d 1s --warmup 0s --connect-timeout 500ms");
    nobody(&load, 10);
}

#[test]
fn a_server_that_welcomes_and_never_answers() {
    let server = Lines::hello(|_, _| ());
    let load = load(&server.url(), "-c 5 -d 1s --warmup 0s --timeout 300ms --drain 500ms");
    let books = load.report.books();
    assert_eq!((books.correct, load.report.count(&["connections", "alive"])), (0, 5), "{:#}", load.report.0);
    assert!(
        books.sent >= 5 && books.lost + books.unfinished == books.sent && books.lost >= 5,
        "{:#}",
        load.report.0
    );
    assert!(load.report.service("max") >= 299_000.0, "the tail has the timeout: {:#}", load.report.0);
    assert_eq!(load.report.number(&["achieved_rate"]), 0.0);
    assert_eq!(load.code, Some(1));
}

#[test]
fn a_server_that_dies_in_the_middle() {
    let server = Lines::hello(|client, message| {
        client.greet(message);
        if client.order >= 2000 {
            client.leave();
        }
    });
    let start = Instant::now();
    let load = load(&server.url(), "-c 10 -d 15s --warmup 0s --timeout 500ms");
    let books = load.report.books();
    assert!(books.correct >= 1990 && books.wrong == 0, "{:#}", load.report.0);
    assert_eq!(load.report.count(&["connections", "lost"]), 10, "{:#}", load.report.0);
    assert_eq!(load.report.count(&["connections", "alive"]), 10, "{:#}", load.report.0);
    assert_eq!(load.code, Some(1));
    assert!(start.elapsed() < PATIENCE, "nobody is left: {:?}", start.elapsed());
}

#[test]
fn a_server_that_is_killed_under_load() {
    let mut daemon = crate::support::Daemon::start(["tcp://127.0.0.1:0"]);
    let line = "-c 20 -r 500 -d 3s --warmup 0s --timeout 500ms";
    let process = under_way(&daemon.listening[0].address, line);
    daemon.signal("KILL");
    daemon.wait(PATIENCE);
    let load = crate::load_common::end(process);
    let books = load.report.books();
    assert!(books.correct > 0 && books.wrong == 0 && books.foreign == 0, "{:#}", load.report.0);
    assert_eq!(load.report.count(&["connections", "lost"]), 20, "{:#}", load.report.0);
    // What was planned for the dead is not forgotten.
    assert!((1499..=1501).contains(&(books.sent + books.not_sent)), "{:#}", load.report.0);
    assert!(load.code == Some(1) || (load.code == Some(4) && !load.report.trustworthy()), "{:?}", load.code);
}

#[test]
fn a_server_that_resets() {
    let server = Lines::hello(|client, message| match client.nth == 10 {
        true => client.reset(),
        false => client.greet(message),
    });
    let load = load(&server.url(), "-c 5 -n 1000 --warmup 0s --timeout 500ms");
    let books = load.report.books();
    assert_eq!((books.correct, books.lost, books.wrong), (50, 5, 0), "{:#}", load.report.0);
    assert_eq!(load.report.count(&["connections", "lost"]), 5, "{:#}", load.report.0);
    assert_eq!(load.code, Some(1));
}

#[test]
fn a_server_that_closes_after_the_welcome() {
    let server = Lines::serve_clients(|client| client.say("Welcome!\n"));
    let load = load(&server.url(), "-c 5 -d 1s --warmup 0s --timeout 500ms");
    let connections = ["asked", "alive", "failed"].map(|key| load.report.count(&["connections", key]));
    assert_eq!(connections[1] + connections[2], 5, "{:#}", load.report.0);
    assert_eq!(load.report.count(&["connections", "lost"]), connections[1], "{:#}", load.report.0);
    assert_eq!((load.report.books().correct, load.code), (0, Some(1)));
}

#[test]
fn a_server_that_closes_without_a_word() {
    let server = Lines::serve_clients(|_| ());
    let load = load(&server.url(), "-c 5 -d 1s --warmup 0s --connect-timeout 2s");
    nobody(&load, 5);
}

#[test]
fn a_server_that_welcomes_with_rubbish() {
    let server = Lines::serve_clients(|client| {
        client.say("\u{0}\u{1}HTTP/1.1 400 Bad Request\r\n\r\n");
        client.each_line(|_, _| ());
    });
    let load = load(&server.url(), "-c 5 -d 1s --warmup 0s --connect-timeout 2s");
    nobody(&load, 5);
    assert_eq!(server.messages(), 0, "what is not the server meant is not loaded");
}

#[test]
fn a_server_that_never_stops_talking() {
    let babble = |client: &mut crate::load_common::Client| {
        let mut stream = client.stream();
        while stream.write_all(&[b'x'; 65536]).is_ok() {}
    };
    let at_once = Lines::serve_clients(babble);
    let load = load(&at_once.url(), "-c 2 -d 1s --warmup 0s --connect-timeout 1s --drain 500ms");
    nobody(&load, 2);

    let answers = Lines::hello(move |client, _| babble(client));
    let line = "-c 2 -d 3s --warmup 0s --timeout 4s --drain 500ms";
    let process = Process::start(&mut command(options(&answers.url(), line)));
    let mut most = 0;
    crate::load_common::until("it has ended, or enough was seen", || {
        most = most.max(status(process.id(), "VmRSS:").unwrap_or(0));
        !process.said().out.is_empty()
    });
    let load = crate::load_common::end(process);
    assert_eq!((load.report.books().correct, load.code), (0, Some(1)), "{:#}", load.report.0);
    assert!(most < 100 * 1024, "{most} KiB of memory, for a line without an end");
}

#[test]
fn flows_that_answer_rubbish_are_not_alive() {
    let server = crate::load_common::Datagrams::serve(|client, _| client.say("rubbish"));
    let load = load(&server.url(), "-c 3 -d 500ms --warmup 0s --connect-timeout 500ms --timeout 300ms");
    load.nobody_is_alive();
    assert_eq!(load.report.books().correct, 0);
}

#[test]
fn half_of_the_clients_are_refused_and_it_is_said() {
    let server = Lines::serve_clients(|client| {
        if client.number % 2 == 0 {
            client.say("Welcome!\n");
            client.each_line(|client, line| client.greet(line));
        }
    });
    let load = load(&server.url(), "-c 10 -n 100 --warmup 0s --connect-timeout 2s");
    let connections =
        ["asked", "alive", "failed", "lost"].map(|key| load.report.count(&["connections", key]));
    assert_eq!(connections, [10, 5, 5, 0], "{:#}", load.report.0);
    assert_eq!(load.report.books().correct, 100, "{:#}", load.report.0);
    let said = format!("{:?} {}", load.report.reasons(), load.err);
    assert!(said.contains('5') && said.contains("10"), "how many came, of how many: {said}");
    assert_ne!(load.code, Some(0));
}

#[test]
fn a_server_that_falls_silent_ends_a_run_that_counts_requests() {
    for line in ["-n 5000", "-n 5000 --outstanding 4", "-n 300 -r 200"] {
        let server = Lines::hello(|client, message| {
            if client.order <= 200 {
                client.greet(message);
            }
        });
        let start = Instant::now();
        let load = load(&server.url(), &format!("-c 5 --warmup 0s --timeout 300ms --drain 300ms {line}"));
        let books = load.report.books();
        assert_eq!((books.correct, books.wrong, load.code), (200, 0, Some(1)), "{line}: {:#}", load.report.0);
        assert!(start.elapsed() < PATIENCE, "{line}: {:?}", start.elapsed());
    }
}

#[test]
fn a_reply_that_breaks_off_is_lost_with_its_client() {
    let server = Lines::hello(|client, message| match client.nth == 10 {
        true => {
            client.lie("Hello, ");
            client.leave();
        }
        false => client.greet(message),
    });
    let load = load(&server.url(), "-c 4 -n 1000 --warmup 0s --timeout 500ms");
    let books = load.report.books();
    assert_eq!((books.correct, books.lost, books.wrong), (40, 4, 0), "{:#}", load.report.0);
    assert_eq!((load.report.count(&["connections", "lost"]), load.code), (4, Some(1)), "{:#}", load.report.0);
}

#[test]
fn a_server_that_comes_back_is_found_again_in_churn() {
    let mut daemon = crate::support::Daemon::start(["tcp://127.0.0.1:0"]);
    let url = daemon.listening[0].address.clone();
    let line = "-c 5 -r 100 -d 2s --churn --warmup 0s --timeout 500ms";
    let process = under_way(&url, line);
    daemon.signal("KILL");
    daemon.wait(PATIENCE);
    let again = crate::support::Daemon::start([url.as_str()]);
    let load = crate::load_common::end(process);
    drop(again);
    let books = load.report.books();
    assert!(books.correct > 20 && books.wrong == 0, "{:#}", load.report.0);
    assert!((199..=201).contains(&(books.sent + books.not_sent)), "{:#}", load.report.0);
}
