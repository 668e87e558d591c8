//! `hullo load` on datagrams, against servers that lose, double, delay and mix them up and count it: each is told from the
//! others, and is in the right book.

use crate::load_common::{Datagrams, command, end, load, options, until};
use crate::support::Process;
use std::net::SocketAddr;
use std::time::Duration;

/// Every `N`th message of a flow, the first ones spared: they prove it alive.
fn is_due(nth: u64, every: u64) -> bool {
    nth >= 3 && nth.is_multiple_of(every)
}

#[test]
fn dropped_datagrams_are_lost_and_nothing_else() {
    let server = Datagrams::serve(|client, message| match is_due(client.nth, 50) {
        true => client.count_lies(1),
        false => client.greet(message),
    });
    let load = load(&server.url(), "-c 5 -n 2000 --warmup 0s --timeout 300ms");
    let books = load.report.books();
    assert!(server.lies() > 20, "{}", server.lies());
    assert_eq!(books.lost, server.lies(), "{:#}", load.report.0);
    assert_eq!((books.sent, books.correct), (2000, 2000 - server.lies()), "{:#}", load.report.0);
    assert_eq!((books.wrong, books.late, books.duplicate, books.reordered, books.foreign), (0, 0, 0, 0, 0));
    // A request that timed out is in the tail as at least its timeout.
    assert!(load.report.service("max") >= 299_000.0, "{:#}", load.report.0);
    assert!(load.report.service("p99") >= 299_000.0, "{:#}", load.report.0);
    load.ended_with(1);
}

#[test]
fn doubled_datagrams_are_duplicates_and_nothing_else() {
    let server = Datagrams::serve(|client, message| {
        client.greet(message);
        if is_due(client.nth, 20) {
            client.count_lies(1);
            client.greet(message);
        }
    });
    let load = load(&server.url(), "-c 5 -n 2000 --warmup 0s --timeout 1s");
    let books = load.report.books();
    assert!(server.lies() > 50, "{}", server.lies());
    assert_eq!(
        (books.sent, books.correct, books.duplicate),
        (2000, 2000, server.lies()),
        "{:#}",
        load.report.0
    );
    assert_eq!((books.wrong, books.late, books.lost, books.reordered, books.foreign), (0, 0, 0, 0, 0));
}

#[test]
fn swapped_datagrams_are_reordered_and_nothing_else() {
    let mut held: Option<(SocketAddr, String)> = None;
    let server = Datagrams::serve(move |client, message| {
        if let Some((whose, first)) = held.take_if(|(whose, _)| *whose == client.from) {
            client.greet(message);
            client.say_to(whose, &format!("Hello, {first}!"));
            client.count_lies(1);
        } else if is_due(client.nth, 20) && held.is_none() && client.nth < 500 {
            held = Some((client.from, message.to_owned()));
        } else {
            client.greet(message);
        }
    });
    let load = load(&server.url(), "-c 2 -n 2000 --outstanding 8 --warmup 0s --timeout 1s");
    let books = load.report.books();
    assert!(server.lies() > 20, "{}", server.lies());
    assert_eq!(
        (books.sent, books.correct, books.reordered),
        (2000, 2000, server.lies()),
        "{:#}",
        load.report.0
    );
    assert_eq!((books.wrong, books.late, books.lost, books.duplicate, books.foreign), (0, 0, 0, 0, 0));
}

#[test]
fn datagrams_of_another_flow_are_never_taken_for_an_answer() {
    let mut held: Option<(SocketAddr, String)> = None;
    let server = Datagrams::serve(move |client, message| {
        if client.nth < 3 {
            return client.greet(message);
        }
        match held.take_if(|(whose, _)| *whose != client.from) {
            Some((whose, theirs)) => {
                client.count_lies(2);
                client.greet(&theirs);
                client.say_to(whose, &format!("Hello, {message}!"));
            }
            None if held.is_none() && client.nth.is_multiple_of(20) && client.nth < 150 => {
                held = Some((client.from, message.to_owned()));
            }
            None => client.greet(message),
        }
    });
    let load = load(&server.url(), "-c 2 -n 400 --warmup 0s --timeout 200ms");
    let books = load.report.books();
    assert!(server.lies() >= 6, "{}", server.lies());
    // Each went to a flow that had not asked for it, and so two requests have no answer of their own.
    assert_eq!(books.foreign + books.wrong, server.lies(), "{:#}", load.report.0);
    assert_eq!(books.wrong + books.lost, server.lies(), "{:#}", load.report.0);
    assert_eq!(books.correct, 400 - server.lies(), "{:#}", load.report.0);
    load.ended_with(1);
}

#[test]
fn foreign_datagrams_are_foreign_and_nothing_else() {
    let server = Datagrams::serve(|client, message| {
        if is_due(client.nth, 25) {
            client.count_lies(1);
            client.say("I know nothing of your run");
        }
        client.greet(message);
    });
    let load = load(&server.url(), "-c 5 -n 2000 --warmup 0s --timeout 1s");
    let books = load.report.books();
    assert!(server.lies() > 50, "{}", server.lies());
    assert_eq!(
        (books.sent, books.correct, books.foreign),
        (2000, 2000, server.lies()),
        "{:#}",
        load.report.0
    );
    assert_eq!((books.wrong, books.late, books.lost, books.duplicate, books.reordered), (0, 0, 0, 0, 0));
    let evidence = load.report.evidence();
    assert_eq!(evidence.len(), 10);
    assert!(evidence[0].to_string().contains("I know nothing of your run"), "{}", evidence[0]);
    load.ended_with(1);
}

#[test]
fn datagrams_with_wrong_bytes_are_wrong_and_nothing_else() {
    let server = Datagrams::serve(|client, message| match is_due(client.nth, 25) {
        true => {
            client.count_lies(1);
            client.say(&format!("Hallo, {message}!"));
        }
        false => client.greet(message),
    });
    let load = load(&server.url(), "-c 5 -n 2000 --warmup 0s --timeout 1s");
    let books = load.report.books();
    assert!(server.lies() > 50, "{}", server.lies());
    assert_eq!((books.wrong, books.correct), (server.lies(), 2000 - server.lies()), "{:#}", load.report.0);
    assert_eq!((books.late, books.lost, books.duplicate, books.reordered, books.foreign), (0, 0, 0, 0, 0));
    load.ended_with(1);
}

#[test]
fn late_datagrams_are_late_and_nothing_else() {
    let server = Datagrams::serve(|client, message| {
        if !is_due(client.nth, 40) {
            return client.greet(message);
        }
        client.count_lies(1);
        let (socket, to, answer) = (client.socket(), client.from, format!("Hello, {message}!"));
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(600));
            let _ = socket.send_to(answer.as_bytes(), to);
        });
    });
    let load = load(&server.url(), "-c 5 -n 1000 --warmup 0s --timeout 200ms --drain 3s");
    let books = load.report.books();
    assert!(server.lies() > 10, "{}", server.lies());
    assert_eq!((books.late, books.correct), (server.lies(), 1000 - server.lies()), "{:#}", load.report.0);
    assert_eq!(
        (books.wrong, books.lost, books.duplicate, books.foreign),
        (0, 0, 0, 0),
        "{:#}",
        load.report.0
    );
    assert!(load.report.service("max") >= 199_000.0, "{:#}", load.report.0);
    load.ended_with(1);
}

#[test]
fn what_our_own_queue_has_no_room_for_is_told_apart() {
    const MANY: u64 = 5_000;
    let server = Datagrams::serve(|client, message| client.greet(message));
    let line = "-c 1 -r 200 -d 2s --warmup 0s --timeout 1s";
    let process = Process::start(&mut command(options(&server.url(), line)));
    until("it is under way", || server.messages() >= 100);
    process.signal("STOP");
    let client = server.peers()[0];
    for _ in 0..MANY {
        server.say_to(client, "nobody has asked for this");
    }
    process.signal("CONT");
    let load = end(process);
    let drops = load.report.count(&["generator", "receive_drops"]);
    assert!(drops > 0, "{:#}", load.report.0);
    // One reply may have been on its way.
    let seen = load.report.books().foreign + drops;
    assert!((MANY..=MANY + 2).contains(&seen), "{seen}: {:#}", load.report.0);
    assert!(!load.report.trustworthy(), "{:#}", load.report.0);
    assert_eq!(load.code, Some(4));
}

#[test]
fn a_check_of_the_length_or_none_tells_flights_apart_as_well() {
    for check in ["length", "none"] {
        let server = Datagrams::serve(|client, message| client.say(&format!("Hallo, {message}?")));
        let line = format!("-c 4 -n 2000 --outstanding 8 --warmup 0s --timeout 500ms --check {check}");
        let load = load(&server.url(), &line);
        assert_eq!(load.report.books().duplicate, 0, "{:#}", load.report.0);
        load.all_correct(4);
    }
}

#[test]
fn replies_that_name_nobody_answer_the_oldest_where_nothing_is_checked() {
    let server = Datagrams::serve(|client, _| client.say("yes"));
    let load = load(&server.url(), "-c 2 -n 400 --outstanding 8 --warmup 0s --timeout 500ms --check none");
    load.all_correct(2);
}

#[test]
fn a_datagram_of_another_length_is_wrong_where_lengths_are_checked() {
    let server = Datagrams::serve(|client, message| match is_due(client.nth, 25) {
        true => {
            client.count_lies(1);
            client.say(&format!("Hello, {message}!!"));
        }
        false => client.greet(message),
    });
    let load = load(&server.url(), "-c 2 -n 400 --warmup 0s --timeout 1s --check length");
    let books = load.report.books();
    assert!(server.lies() > 5, "{}", server.lies());
    assert_eq!((books.wrong, books.correct), (server.lies(), 400 - server.lies()), "{:#}", load.report.0);
    load.ended_with(1);
}
