//! What `hullo load` says of a server that is not the one it was told to expect: the likely cause, and what helps.

use crate::load_common::{Client, Lines, Load, load, load_with, options};
use crate::support::{Daemon, HULLO, TempDir};
use std::net::{TcpListener, UdpSocket};
use std::process::{Command, Stdio};

/// A short run in which nothing is waited for.
const SHORT: &str = "-c 3 -n 30 --connect-timeout 500ms --timeout 500ms --warmup 0s";

/// The run failed, and among what it says of that are these words.
#[track_caller]
fn assert_told(load: &Load, words: &[&str]) {
    let reasons = load.report.reasons();
    let is_told = reasons.iter().any(|reason| words.iter().all(|word| reason.contains(word)));
    assert!(is_told, "{words:?} is not in {reasons:#?}");
    assert_eq!(load.code, Some(1), "{reasons:#?}");
}

fn with_templates(url: &str, request: &str, reply: &str, more: &str) -> Load {
    let templates = ["--request", request, "--reply", reply].map(str::to_owned);
    load_with([options(url, &format!("{SHORT} {more}")), templates.to_vec()].concat())
}

/// Answers each line with what `answer` makes of it, and says nothing first, as Redis and an echo server do.
fn without_welcome(answer: impl Fn(&mut Client, &str) + Send + Sync + 'static) -> Lines {
    Lines::serve("", answer)
}

#[test]
fn a_server_that_says_nothing_first_is_answered_with_request_and_reply_which_then_do() {
    let echo = without_welcome(|client, line| client.say(&format!("{line}\n")));
    let untold = load(&echo.url(), SHORT);
    assert_told(&untold, &["the dialect hello begins with \"Welcome!\"", "--dialect", "for Redis"]);
    let proposed = ["--request '{message}\\n' --reply '{message}\\n' for an echo server"];
    assert_told(&untold, &proposed);
    assert_eq!(with_templates(&echo.url(), "{message}\\n", "{message}\\n", "").code, Some(0));

    let told = with_templates(&echo.url(), "{message}\\n", "{message}\\n", "--welcome hi");
    assert_told(&told, &["--welcome", "leave it out"]);
}

#[test]
fn the_command_line_that_is_proposed_for_a_page_tests_it() {
    let server = without_welcome(|client, line| {
        if line.trim_end().is_empty() {
            client.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        }
    });
    let page = server.url().replace("tcp://", "http://");
    let refused = Command::new(HULLO).args(["load", &page, "-n", "50", "-q"]).output().unwrap();
    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{stderr}");
    let line = stderr.lines().find(|line| line.starts_with("  ")).unwrap();
    let output = Command::new("sh").args(["-c", line]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
}

#[test]
fn a_welcome_of_another_dialect_is_recognised() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0", "--dialect", "indeed"]);
    let url = format!("tcp://{}", daemon.inet());
    assert_told(&load(&url, SHORT), &["use --dialect indeed"]);
    assert_eq!(load(&url, &format!("{SHORT} --dialect indeed")).code, Some(0));
    let other = Lines::serve("220 ready", |client, line| client.say(line));
    assert_told(&load(&other.url(), SHORT), &["something else first", "--welcome"]);
}

#[test]
fn a_message_over_the_limit_of_the_server_is_named_with_the_limit() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0", "udp://127.0.0.1:0", "--max-message", "200"]);
    let url = format!("tcp://{}", daemon.inet());
    for warm_up in ["0s", "1s"] {
        let load = load(&url, &format!("-c 3 -n 30 -s 300 --warmup {warm_up}"));
        assert_told(&load, &["at most 200 bytes", "--size", "--max-message"]);
        assert!(!load.report.evidence().is_empty(), "{warm_up}: what the server said: {:#}", load.report.0);
    }
    assert_eq!(load(&url, &format!("{SHORT} -s 200")).code, Some(0));
    let unchecked = load(&url, "-c 3 -n 30 -s 2000 --check none");
    assert_told(&unchecked, &["may be why it ended connections", "--size"]);
}

#[test]
fn datagrams_over_the_usual_limit_that_nobody_answers_are_told() {
    let daemon = Daemon::start(["udp://127.0.0.1:0"]);
    let url = format!("udp://{}", daemon.inet());
    assert_told(&load(&url, &format!("{SHORT} -s 1500")), &["drop datagrams over their limit", "--size"]);
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let url = format!("udp://{}", silent.local_addr().unwrap());
    assert_told(&load(&url, SHORT), &["no datagram was answered"]);
}

#[test]
fn a_reply_of_more_lines_than_the_template_is_named() {
    let list = without_welcome(|client, _| client.say("*2\r\n$1\r\na\r\n$1\r\nb\r\n"));
    let load = with_templates(&list.url(), "LRANGE\\r\\n", "*2\\r\\n", "");
    assert_told(&load, &["more than the one line of --reply", "put all of their lines into it"]);
    let whole = "*2\\r\\n$1\\r\\na\\r\\n$1\\r\\nb\\r\\n";
    assert_eq!(with_templates(&list.url(), "LRANGE\\r\\n", whole, "").code, Some(0));

    let too_long = with_templates(&list.url(), "LRANGE\\r\\n", &format!("{whole}$1\\r\\n"), "");
    assert_told(&too_long, &["of a reply only a part came", "--reply"]);
    let evidence = &too_long.report.evidence()[0];
    assert_eq!(evidence["kind"], "unfinished");
    assert!(evidence["received"].as_str().unwrap().starts_with("*2"), "{evidence}");

    let two = Lines::hello(|client, message| client.say(&format!("Hello, {message}!\nHow are you?\n")));
    assert_told(&self::load(&two.url(), SHORT), &["more came than the one line", "dialect hello"]);
}

#[test]
fn a_request_that_lacks_its_end_is_suspected() {
    let server = without_welcome(|client, _| client.say("+PONG\r\n"));
    let load = with_templates(&server.url(), "PING", "+PONG\\r\\n", "");
    assert_told(&load, &["end of the request", "\\r\\n"]);
}

#[test]
fn half_a_reply_and_the_end_is_evidence() {
    let server = Lines::hello(|client, message| match client.order {
        ..=20 => client.greet(message),
        _ => {
            client.say("Hello, ");
            client.leave();
        }
    });
    let load = load(&server.url(), "-c 1 -n 100 --warmup 0s");
    let last = load.report.evidence().last().unwrap_or_else(|| panic!("{:#}", load.report.0));
    assert_eq!((last["kind"].as_str(), last["received"].as_str()), (Some("unfinished"), Some("Hello, ")));
}

/// What it says on stderr.
#[track_caller]
fn fails(arguments: &[&str]) -> String {
    let output = Command::new(HULLO).args(arguments).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn where_nobody_listens_is_told_what_starts_a_server() {
    let temp = TempDir::new();
    // Closed again at once: nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for url in [
        format!("tcp://127.0.0.1:{port}"),
        format!("udp://127.0.0.1:{udp}"),
        format!("unix:{}", temp.join("none").display()),
    ] {
        let starter = format!("hullo serve {url} starts one");
        assert_told(&load(&url, SHORT), &["nobody listened at", &starter, "check the address"]);
        let stderr = fails(&["talk", &url, "hi"]);
        assert!(stderr.contains(&starter) && stderr.contains("start the server"), "{stderr}");
    }
    let page = format!("http://127.0.0.1:{port}/");
    let stderr = fails(&["fetch", &page]);
    assert!(stderr.contains("nobody listens there: start the server"), "{stderr}");
}
