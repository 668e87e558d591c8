//! `hullo load` against servers that are other people's work: Redis, and greeters in Python, with threads and with
//! asyncio.

use crate::load_common::{Load, load, load_with, options};
use crate::support::{PATIENCE, Process, TempDir, python_server, skip};
use std::net::TcpListener;
use std::process::Command;

/// A Redis on a port of its own and on a socket in `temp`; `None`, and why is printed, without one.
fn redis(temp: &TempDir) -> Option<(Process, [String; 2])> {
    let version = Command::new("redis-server").arg("--version").output();
    if !version.is_ok_and(|output| output.status.success()) {
        skip("there is no redis-server here");
        return None;
    }
    // It takes no port 0, so that the port may be taken by another before it is there.
    for _ in 0..5 {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let path = temp.join("redis").display().to_string();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port, "--bind", "127.0.0.1", "--unixsocket", &path]);
        command.args(["--save", "", "--appendonly", "no", "--daemonize", "no", "--logfile", ""]);
        let process = Process::start(command.current_dir(temp.path()));
        let ready = process.wait_for(PATIENCE, |said| {
            said.out.iter().any(|line| line.contains("eady to accept connections")).then_some(())
        });
        if ready.is_some() {
            return Some((process, [format!("tcp://127.0.0.1:{port}"), format!("unix:{path}")]));
        }
    }
    panic!("redis-server does not start");
}

fn templates(url: &str, line: &str, request: &str, reply: &str) -> Load {
    let templates = ["--request", request, "--reply", reply].map(str::to_owned);
    load_with([options(url, line), templates.to_vec()].concat())
}

#[test]
fn redis_is_tested_by_templates() {
    let temp = TempDir::new();
    let Some((_redis, urls)) = redis(&temp) else { return };
    for url in &urls {
        let load = templates(url, "-c 20 -n 4000 --warmup 0s", r"PING\r\n", r"+PONG\r\n");
        load.all_correct(20);
        assert_eq!(load.report.books().correct, 4000);
    }
    let load = templates(&urls[0], "-c 4 -n 4000 --outstanding 16 --warmup 0s", r"PING\r\n", r"+PONG\r\n");
    load.all_correct(4);
    let load = templates(&urls[0], "-c 4 -r 500 -d 1s --warmup 100ms", r"PING\r\n", r"+PONG\r\n");
    load.all_correct(4);
}

#[test]
fn replies_of_several_lines_that_hold_the_message_are_compared_whole() {
    let temp = TempDir::new();
    let Some((_redis, [url, _])) = redis(&temp) else { return };
    let echo = r"*2\r\n$4\r\nECHO\r\n$32\r\n{message}\r\n";
    let load = templates(&url, "-c 10 -n 2000 -s 32 --warmup 0s", echo, r"$32\r\n{message}\r\n");
    load.all_correct(10);
    assert_eq!(load.report.books().correct, 2000);
    let wrong = templates(&url, "-c 2 -n 100 -s 32 --warmup 0s --timeout 1s", echo, r"$32\r\n{message}!\r");
    assert_eq!((wrong.code, wrong.report.books().correct), (Some(1), 0), "{:#}", wrong.report.0);
}

#[test]
fn an_error_of_redis_is_a_wrong_reply_and_evidence() {
    let temp = TempDir::new();
    let Some((_redis, [url, _])) = redis(&temp) else { return };
    let load = templates(&url, "-c 2 -n 100 --warmup 0s", r"PINK\r\n", r"+PONG\r\n");
    let books = load.report.books();
    assert_eq!(books.correct, 0, "{:#}", load.report.0);
    let said = format!("{:#}", load.report.0);
    assert!(said.contains("unknown command"), "{said}");
    assert_eq!(load.code, Some(1));
}

#[test]
fn greeters_with_a_thread_for_each_client_are_right() {
    for dialect in ["hello", "indeed", "receipt"] {
        let Some((_server, port)) = python_server("greeters.py", &[dialect]) else { return };
        let url = format!("tcp://127.0.0.1:{port}");
        let load = load(&url, &format!("-c 20 -n 1000 --framing raw --warmup 0s --dialect {dialect}"));
        load.all_correct(20);
        assert_eq!(load.report.books().correct, 1000, "{dialect}");
    }
}

#[test]
fn a_greeter_with_threads_is_right_by_the_clock_and_in_churn() {
    let Some((_server, port)) = python_server("greeters.py", &["hello"]) else { return };
    let url = format!("tcp://127.0.0.1:{port}");
    load(&url, "-c 10 -r 300 -d 1s --framing raw --warmup 100ms").all_correct(10);
    let churned = load(&url, "-c 5 -n 300 --churn --framing raw --warmup 0s");
    assert_eq!(churned.report.books().correct, 300, "{:#}", churned.report.0);
    churned.ended_with(0);
}

#[test]
fn a_server_with_a_short_backlog_gets_all_its_clients_in_the_end() {
    let temp = TempDir::new();
    let path = temp.join("s").display().to_string();
    let Some((_server, _)) = python_server("unix_greeter.py", &[&path]) else { return };
    let load = load(&format!("unix:{path}"), "-c 100 -n 500 --framing raw --warmup 0s");
    load.all_correct(100);
    assert_eq!(load.report.books().correct, 500);
}

#[test]
fn a_greeter_of_datagrams_is_right() {
    let Some((_server, port)) = python_server("greeters.py", &["udp"]) else { return };
    let load = load(&format!("udp://127.0.0.1:{port}"), "-c 20 -n 1000 --warmup 0s");
    load.all_correct(20);
    assert_eq!(load.report.books().correct, 1000);
}

#[test]
fn asyncio_is_right_in_lines() {
    let Some((_server, port)) = python_server("asyncio_greeter.py", &[]) else { return };
    let url = format!("tcp://127.0.0.1:{port}");
    for more in ["", "--outstanding 16"] {
        let load = load(&url, &format!("-c 50 -n 3000 --framing line --warmup 0s {more}"));
        load.all_correct(50);
        assert_eq!(load.report.books().correct, 3000);
    }
}
