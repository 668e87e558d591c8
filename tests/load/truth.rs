//! `hullo load` on streams, against servers that lie and count their lies: each is found, and in the right book.

use crate::load_common::{Client, Lines, Load, command, load, load_with, options};
use crate::support::{PATIENCE, Process};
use std::io::Write;
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::Duration;

/// Every `every`th message of all, and the first ones spared.
fn is_due(client: &Client, every: u64) -> bool {
    client.nth >= 3 && client.order.is_multiple_of(every)
}

/// The wrong replies, and only they, are in the books: all that was sent has ended, and no client with it.
#[track_caller]
fn only_wrong(load: &Load, sent: u64, wrong: u64) {
    let books = load.report.books();
    assert_eq!((books.sent, books.correct, books.wrong), (sent, sent - wrong, wrong), "{:#}", load.report.0);
    assert_eq!((books.late, books.lost, books.unfinished), (0, 0, 0), "{:#}", load.report.0);
    assert_eq!((books.duplicate, books.foreign), (0, 0), "{:#}", load.report.0);
    assert_eq!(load.report.count(&["connections", "lost"]), 0, "a wrong reply ends no client");
    load.ended_with(1);
}

#[test]
fn one_wrong_byte_in_a_thousand_replies_is_found() {
    let server = Lines::hello(|client, message| match is_due(client, 1000) {
        true => client.lie(&format!("Hello, {message}?\n")),
        false => client.greet(message),
    });
    let load = load(&server.url(), "-c 10 -n 20000 --warmup 0s");
    assert!(server.lies() > 10, "{}", server.lies());
    only_wrong(&load, 20_000, server.lies());
}

#[test]
fn wrong_replies_of_many_kinds_are_each_one_wrong_reply() {
    let lies: [fn(&str) -> String; 6] = [
        |message| format!("Hello, {message}!!\n"),
        |message| format!("Hello, {message}\n"),
        |_| "\n".to_owned(),
        |message| {
            format!("Hello, {message}! and much more than anybody wanted to know {}\n", "x".repeat(3000))
        },
        |message| format!("hello, {message}!\n"),
        |message| format!("Hello, {message}!\r\n"),
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        let server = Lines::hello(move |client, message| match is_due(client, 50) {
            true => client.lie(&lie(message)),
            false => client.greet(message),
        });
        let load = load(&server.url(), "-c 5 -n 1000 --warmup 0s");
        assert!(server.lies() > 10, "lie {number}: {}", server.lies());
        only_wrong(&load, 1000, server.lies());
    }
}

#[test]
fn a_right_beginning_does_not_hide_a_wrong_end() {
    // In two pieces, so that the first is looked at before the second is there.
    let server = Lines::hello(|client, message| match is_due(client, 50) {
        true => {
            client.lie("Hello, ");
            std::thread::sleep(Duration::from_millis(5));
            client.say("nobody!\n");
        }
        false => client.greet(message),
    });
    let load = load(&server.url(), "-c 5 -n 1000 --warmup 0s");
    assert!(server.lies() > 10, "{}", server.lies());
    only_wrong(&load, 1000, server.lies());
}

#[test]
fn a_right_reply_in_pieces_is_right() {
    let server = Lines::hello(|client, message| {
        for piece in format!("Hello, {message}!\n").as_bytes().chunks(3) {
            client.say(std::str::from_utf8(piece).unwrap());
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let load = load(&server.url(), "-c 5 -n 100 --warmup 0s");
    load.all_correct(5);
    assert_eq!(load.report.books().correct, 100);
}

#[test]
fn wrong_replies_without_terminators_are_found_one_by_one() {
    let server = Lines::serve_clients(|client| {
        client.say("Welcome!");
        let mut stream = client.stream().try_clone().unwrap();
        let mut buffer = [0; 1024];
        while let Ok(n @ 1..) = std::io::Read::read(&mut stream, &mut buffer) {
            let message = String::from_utf8_lossy(&buffer[..n]).into_owned();
            client.nth += 1;
            match client.nth.is_multiple_of(20) {
                true => client.lie(&format!("Hello, {message}?")),
                false => client.say(&format!("Hello, {message}!")),
            }
        }
    });
    let load = load(&server.url(), "-c 5 -n 1000 --warmup 0s --framing raw");
    assert!(server.lies() > 10, "{}", server.lies());
    only_wrong(&load, 1000, server.lies());
}

#[test]
fn replies_swapped_between_two_clients_are_both_wrong() {
    let held: Mutex<Option<(usize, TcpStream, String)>> = Mutex::default();
    let server = Lines::hello(move |client, message| {
        let mut held = held.lock().unwrap();
        match held.take_if(|(whose, _, _)| *whose != client.number) {
            Some((_, mut other, theirs)) => {
                client.lie(&format!("Hello, {theirs}!\n"));
                client.count_lies(1);
                let _ = other.write_all(format!("Hello, {message}!\n").as_bytes());
            }
            None if held.is_none() && client.nth.is_multiple_of(50) && (3..300).contains(&client.nth) => {
                *held = Some((client.number, client.stream().try_clone().unwrap(), message.to_owned()));
            }
            None => client.greet(message),
        }
    });
    let load = load(&server.url(), "-c 4 -n 3000 --warmup 0s");
    assert!(server.lies() >= 10, "{}", server.lies());
    only_wrong(&load, 3000, server.lies());
    let evidence = load.report.evidence();
    assert_eq!(evidence.len() as u64, server.lies().min(10), "{evidence:?}");
    let first = evidence[0].to_string();
    assert!(first.matches("Hello, c").count() == 2, "what was expected, and what came: {first}");
}

#[test]
fn a_reply_too_many_is_no_answer_to_the_next_request() {
    // With the right one, in one piece; and by itself, when nobody waits for anything.
    for pause in [None, Some(Duration::from_millis(15))] {
        let server = Lines::hello(move |client, message| {
            let answer = format!("Hello, {message}!\n");
            if !is_due(client, 50) {
                return client.say(&answer);
            }
            client.count_lies(1);
            match pause {
                None => client.say(&answer.repeat(2)),
                Some(pause) => {
                    client.say(&answer);
                    std::thread::sleep(pause);
                    client.say(&answer);
                }
            }
        });
        let pace = if pause.is_some() { "-r 100" } else { "" };
        let load = load(&server.url(), &format!("-c 5 -n 300 --warmup 0s {pace}"));
        let books = load.report.books();
        assert!(server.lies() >= 5, "{}", server.lies());
        assert_eq!((books.sent, books.correct, books.wrong), (300, 300, 0), "{:#}", load.report.0);
        assert_eq!(books.foreign + books.duplicate, server.lies(), "{:#}", load.report.0);
        assert_eq!((books.late, books.lost, books.unfinished), (0, 0, 0), "{:#}", load.report.0);
        load.ended_with(1);
    }
}

#[test]
fn replies_in_the_wrong_order_are_found() {
    let held: Mutex<Vec<(usize, String)>> = Mutex::default();
    let server = Lines::hello(move |client, message| {
        let mut held = held.lock().unwrap();
        if let Some(at) = held.iter().position(|(whose, _)| *whose == client.number) {
            let (_, before) = held.remove(at);
            client.lie(&format!("Hello, {message}!\nHello, {before}!\n"));
        } else if client.nth % 40 == 20 && client.nth < 300 {
            held.push((client.number, message.to_owned()));
        } else {
            client.greet(message);
        }
    });
    let load = load(&server.url(), "-c 2 -n 2000 --outstanding 8 --warmup 0s");
    assert!(server.lies() >= 10, "{}", server.lies());
    let books = load.report.books();
    // On a stream the place in the order is all that a client goes by: one of two is out of it, or both are wrong.
    let is_known =
        [books.reordered, books.wrong].contains(&server.lies()) || books.wrong == 2 * server.lies();
    assert!(is_known, "{} swaps: {:#}", server.lies(), load.report.0);
    assert_eq!(load.report.evidence().len(), 10, "{:#}", load.report.0);
    assert_eq!(
        (books.lost, books.late, books.unfinished, books.foreign),
        (0, 0, 0, 0),
        "{:#}",
        load.report.0
    );
    load.ended_with(1);
}

#[test]
fn a_late_reply_is_counted_late_and_kills_nothing() {
    let server = Lines::hello(|client, message| {
        if client.nth >= 3 && client.nth.is_multiple_of(20) {
            client.count_lies(1);
            std::thread::sleep(Duration::from_millis(500));
        }
        client.greet(message);
    });
    let load = load(&server.url(), "-c 5 -n 500 --warmup 0s --timeout 200ms --drain 5s");
    let books = load.report.books();
    assert!(server.lies() >= 5, "{}", server.lies());
    assert_eq!(load.report.count(&["connections", "lost"]), 0, "{:#}", load.report.0);
    assert!(books.late >= server.lies(), "{} and {:#}", server.lies(), load.report.0);
    assert_eq!(
        (books.wrong, books.lost, books.foreign, books.duplicate),
        (0, 0, 0, 0),
        "{:#}",
        load.report.0
    );
    assert_eq!((books.sent, books.correct), (500, 500 - books.late), "{:#}", load.report.0);
    assert!(load.report.service("max") >= 199_000.0, "{:#}", load.report.0);
    load.ended_with(1);
}

#[test]
fn a_reply_that_is_late_and_wrong_is_wrong() {
    // Lost in one second of the run, and heard of in the next.
    let server = Lines::hello(|client, message| match client.order % 100 == 50 {
        true => {
            std::thread::sleep(Duration::from_millis(1100));
            client.lie(&format!("Hullo, {message}!\n"));
        }
        false => client.greet(message),
    });
    let load = load(&server.url(), "-c 50 -r 100 -n 200 --warmup 0s --timeout 1s --drain 5s");
    let books = load.report.books();
    assert_eq!(server.lies(), 2);
    assert_eq!((books.wrong, books.late, books.lost, books.correct), (2, 0, 0, 198), "{:#}", load.report.0);
    assert_eq!(load.report.evidence().len(), 2, "{:#}", load.report.0);
    load.ended_with(1);
}

#[test]
fn by_the_clock_exactly_the_late_replies_are_late() {
    let server = Lines::hello(|client, message| {
        if client.order % 100 == 50 {
            client.count_lies(1);
            std::thread::sleep(Duration::from_millis(400));
        }
        client.greet(message);
    });
    let load = load(&server.url(), "-c 50 -r 200 -n 400 --warmup 0s --timeout 300ms --drain 5s");
    let books = load.report.books();
    assert_eq!(server.lies(), 4);
    assert_eq!((books.late, books.wrong, books.lost), (4, 0, 0), "{:#}", load.report.0);
    assert_eq!(books.correct, 396, "{:#}", load.report.0);
    load.ended_with(1);
}

#[test]
fn the_first_ten_lies_are_kept_as_evidence() {
    let server = Lines::hello(|client, message| match is_due(client, 20) {
        true => client.lie(&format!("Hello, {message}\x07?\n")),
        false => client.greet(message),
    });
    let load = load(&server.url(), "-c 3 -n 1000 --warmup 0s");
    let evidence = load.report.evidence();
    assert_eq!(evidence.len(), 10);
    for lie in evidence {
        let text = lie.to_string();
        for part in ["\"client\":", "\"sequence\":", "\"expected\":", "\"received\":", "Hello, c", "x07"] {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
    }
    load.ended_with(1);
}

#[test]
fn a_check_of_the_length_or_none_sees_less() {
    let server = Lines::hello(|client, message| client.lie(&format!("Hallo, {message}?\n")));
    let full = load(&server.url(), "-c 2 -n 100 --warmup 0s --check full");
    assert_eq!((full.report.books().wrong, full.report.books().correct), (100, 0), "{:#}", full.report.0);
    assert_eq!(full.code, Some(1));
    for check in ["length", "none"] {
        load(&server.url(), &format!("-c 2 -n 100 --warmup 0s --check {check}")).all_correct(2);
    }

    let server = Lines::hello(|client, message| client.lie(&format!("{message}{message}\n")));
    let length = load(&server.url(), "-c 2 -n 100 --warmup 0s --check length");
    assert_eq!(length.report.books().correct, 0, "{:#}", length.report.0);
    load(&server.url(), "-c 2 -n 100 --warmup 0s --check none").all_correct(2);
}

#[test]
fn a_client_that_nobody_answers_is_named_as_starved() {
    let starving = |client: &mut Client, message: &str| {
        if client.number != 2 {
            client.greet(message);
        }
    };
    let server = Lines::hello(starving);
    let load = load(&server.url(), "-c 5 -d 1s --warmup 0s --timeout 500ms --drain 500ms");
    assert_eq!(load.report.count(&["fairness", "worst"]), 0, "{:#}", load.report.0);
    assert!(load.report.count(&["fairness", "median"]) > 0, "{:#}", load.report.0);
    let books = load.report.books();
    assert!(books.lost + books.unfinished >= 1 && books.wrong == 0, "{:#}", load.report.0);
    assert_eq!(load.code, Some(1));

    // Their numbers are for people.
    let text = "-c 5 -d 500ms --warmup 0s --timeout 200ms --drain 300ms -q";
    let server = Lines::hello(starving);
    let url = server.url();
    let mut process = Process::start(&mut command([url.as_str()].into_iter().chain(text.split(' '))));
    assert_eq!(process.wait(PATIENCE).expect("it ends").code(), Some(1));
    let said = process.said().out.join("\n");
    assert!(said.contains("starved: client "), "{said}");
}

#[test]
fn replies_that_are_left_out_are_lost_and_stop_no_client() {
    for outstanding in [1, 4] {
        let server = Lines::hello(|client, message| match is_due(client, 50) {
            true => client.count_lies(1),
            false => client.greet(message),
        });
        let line =
            format!("-c 3 -n 500 --outstanding {outstanding} --warmup 0s --timeout 100ms --drain 200ms");
        let load = load(&server.url(), &line);
        let books = load.report.books();
        assert!(server.lies() >= 8, "{}", server.lies());
        assert_eq!((books.sent, books.lost), (500, server.lies()), "{:#}", load.report.0);
        assert_eq!(books.correct, 500 - server.lies(), "{:#}", load.report.0);
        assert_eq!(load.report.count(&["connections", "lost"]), 0, "{:#}", load.report.0);
        load.ended_with(1);
    }
}

#[test]
fn a_line_too_many_is_called_that_in_the_evidence_as_well() {
    let server = Lines::hello(|client, message| {
        client.greet(message);
        if is_due(client, 50) {
            client.lie("and another thing\n");
        }
    });
    let load = load(&server.url(), "-c 3 -n 1000 --warmup 0s");
    let books = load.report.books();
    assert_eq!((books.correct, books.wrong, books.foreign), (1000, 0, server.lies()), "{:#}", load.report.0);
    for evidence in load.report.evidence() {
        assert_eq!(evidence["kind"], "unexpected", "{evidence}");
    }
    load.ended_with(1);
}

#[test]
fn a_line_too_many_before_a_late_reply_leaves_it_late() {
    let server = Lines::hello(|client, message| {
        if client.nth == 5 {
            std::thread::sleep(Duration::from_millis(700));
            client.lie("and another thing\n");
        }
        client.greet(message);
    });
    let load = load(&server.url(), "-c 1 -n 10 --warmup 0s --timeout 600ms --drain 5s");
    let books = load.report.books();
    assert_eq!(server.lies(), 1);
    assert_eq!((books.sent, books.correct, books.late), (10, 9, 1), "{:#}", load.report.0);
    assert_eq!((books.wrong, books.lost, books.foreign), (0, 0, 1), "{:#}", load.report.0);
    assert_eq!(load.report.evidence()[0]["kind"], "unexpected", "{:#}", load.report.0);
    load.ended_with(1);
}

/// With templates: a request that is a line, and any reply to it.
#[track_caller]
fn templates(server: &Lines, line: &str, templates: &[&str]) -> Load {
    load_with(options(&server.url(), line).into_iter().chain(templates.iter().map(|&text| text.to_owned())))
}

#[test]
fn a_reply_of_several_lines_is_one_reply_where_nothing_is_checked() {
    let server = Lines::serve("", |client, _| client.say("$5\r\nround\r\n"));
    let texts = ["--request", r"GET\r\n", "--reply", r"$3\r\nfoo\r\n"];
    templates(&server, "-c 2 -n 100 --warmup 0s --check none", &texts).all_correct(2);
}

#[test]
fn a_reply_without_a_line_end_is_right_or_wrong_as_it_comes() {
    let server = Lines::serve("", |client, _| match is_due(client, 20) {
        true => client.lie("PUNG"),
        false => client.say("PONG"),
    });
    let texts = ["--request", r"PING\n", "--reply", "PONG"];
    let line = "-c 2 -n 200 --warmup 0s --timeout 1s --connect-timeout 2s";
    let load = templates(&server, line, &texts);
    assert!(server.lies() >= 5, "{}", server.lies());
    only_wrong(&load, 200, server.lies());
    templates(&server, &format!("{line} --check none"), &texts).all_correct(2);
}

#[test]
fn a_welcome_of_templates_comes_with_or_without_its_line_end() {
    for said in ["Hi", "Hi\n"] {
        for welcome in ["Hi", r"Hi\n"] {
            let server = Lines::serve_clients(move |client| {
                client.say(said);
                client.each_line(|client, message| client.say(&format!("{message}\n")));
            });
            let texts = ["--request", r"{message}\n", "--reply", r"{message}\n", "--welcome", welcome];
            templates(&server, "-c 2 -n 20 --warmup 0s --connect-timeout 1s", &texts).all_correct(2);
        }
    }
}

#[test]
fn the_warm_up_leaves_no_evidence() {
    let server = Lines::hello(|client, message| match (1..20).contains(&client.nth) {
        true => client.lie("no\n"),
        false => client.greet(message),
    });
    let load = load(&server.url(), "-c 2 -n 100 --warmup 300ms");
    assert_eq!(server.lies(), 38);
    assert!(load.report.evidence().is_empty(), "{:#}", load.report.0);
    load.all_correct(2);
}
