//! No close throws away what the client has not read: what was queued before it arrives, then EOF, never a reset.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Daemon, Peer, Serve, TempDir, eventually, hellos};

/// A daemon on TCP and on a Unix socket, and the two addresses.
fn daemon(dir: &TempDir, flags: &[&str]) -> (Daemon, Vec<String>) {
    let mut arguments = vec!["tcp://127.0.0.1:0".to_owned(), dir.unix("s")];
    arguments.extend(flags.iter().map(|&flag| flag.to_owned()));
    let daemon = Serve::new(arguments).start();
    let addresses = daemon.listening.iter().map(|listening| listening.address.clone()).collect();
    (daemon, addresses)
}

/// Writes all of `input` from another thread, for as long as the daemon takes it, ends it, and meanwhile reads to
/// the end.
#[track_caller]
fn pour(client: Peer, input: Vec<u8>, expected: &[u8]) {
    let mut reader = client.try_clone();
    let mut writer = client;
    thread::scope(|scope| {
        scope.spawn(move || {
            // A daemon that is done with us may well take no more.
            if writer.write_all(&input).is_ok() {
                let _ = writer.socket().shutdown(std::net::Shutdown::Write);
            }
        });
        reader.expect_last(expected);
    });
}

fn lines(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| format!("line {number:07}")).collect()
}

fn joined(lines: &[String]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect()
}

#[test]
fn a_half_closed_client_gets_every_answer_and_then_the_end_two_thousand_times() {
    let dir = TempDir::new();
    let (daemon, addresses) = daemon(&dir, &[]);
    let expected = [&b"Welcome!"[..], &hellos(["a", "b", "c"])].concat();
    for (address, times) in addresses.iter().zip([2000, 500]) {
        for _ in 0..times {
            let mut client = Peer::connect(address);
            client.send("a\nb\nc");
            client.end();
            client.expect_last(&expected);
        }
    }
    assert_eq!(daemon.threads(), 1);
}

#[test]
fn a_half_closed_client_that_has_sent_much_gets_every_answer() {
    let dir = TempDir::new();
    let (_daemon, addresses) = daemon(&dir, &[]);
    let all = lines(0..100_000);
    let expected = [&b"Welcome!"[..], &hellos(&all)].concat();
    for address in &addresses {
        pour(Peer::connect(address), joined(&all), &expected);
    }
}

#[test]
fn exit_in_the_middle_of_four_megabytes_of_lines_loses_no_answer_before_it() {
    let dir = TempDir::new();
    let (daemon, addresses) = daemon(&dir, &[]);
    let (before, after) = (lines(0..160_000), lines(0..160_000));
    let input = [joined(&before), b"exit\n".to_vec(), joined(&after)].concat();
    assert!(input.len() > 4_000_000);
    let expected = [&b"Welcome!"[..], &hellos(&before)].concat();
    for address in &addresses {
        for _ in 0..2 {
            pour(Peer::connect(address), input.clone(), &expected);
        }
        Peer::connect(address).expect("Welcome!");
    }
    assert_eq!(daemon.threads(), 1);
}

#[test]
fn exit_is_the_end_though_the_client_keeps_its_side_open() {
    let dir = TempDir::new();
    let (_daemon, addresses) = daemon(&dir, &[]);
    for address in &addresses {
        for input in ["exit", "exit\n", "exit\r\nmore\nand more\n"] {
            let mut client = Peer::connect(address);
            client.expect("Welcome!");
            client.send(input);
            client.expect_last("");
        }
    }
}

#[test]
fn a_client_that_never_stops_sending_after_exit_is_listened_to_for_two_seconds_only() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    let descriptors = daemon.descriptors();
    let mut client = daemon.welcomed();
    let more = b"more\n".repeat(20_000);
    let start = Instant::now();
    client.send([b"exit\n", &more[..]].concat());
    while client.write(&more).is_ok() {
        assert!(start.elapsed() < Duration::from_secs(15), "still there after {:?}", start.elapsed());
    }
    assert!(start.elapsed() >= Duration::from_secs(2), "cut after {:?}", start.elapsed());
    assert!(daemon.descriptors() <= descriptors);
    daemon.welcomed().ping("next");
}

#[test]
fn once_answers_and_closes_though_a_megabyte_is_behind_the_message() {
    let dir = TempDir::new();
    let (_daemon, addresses) = daemon(&dir, &["--dialect", "once"]);
    for address in &addresses {
        let line = [b"Michael\n".to_vec(), b"more\n".repeat(200_000)].concat();
        pour(Peer::connect(address), line, "我是Server\n".as_bytes());
        pour(Peer::connect(address), b"x".repeat(1_000_000), "我是Server".as_bytes());
    }
}

#[test]
fn a_message_too_long_is_said_to_be_so_though_a_megabyte_is_behind_it() {
    let dir = TempDir::new();
    let (_daemon, addresses) = daemon(&dir, &[]);
    let sentence = "Welcome!Hello, a!\nerror: message too long (limit 1024 bytes)\n";
    for address in &addresses {
        let ended = [b"a\n".to_vec(), b"x".repeat(1025), b"\n".to_vec(), b"more\n".repeat(200_000)].concat();
        pour(Peer::connect(address), ended, sentence.as_bytes());
        let endless = [b"a\n".to_vec(), b"x".repeat(1 << 20)].concat();
        pour(Peer::connect(address), endless, sentence.as_bytes());
    }
}

#[test]
fn a_client_that_reads_late_still_gets_all_that_was_queued_before_exit() {
    let dir = TempDir::new();
    let (_daemon, addresses) = daemon(&dir, &[]);
    // Little enough that it fits into the buffers in between, so that nobody waits for the reader.
    let before = lines(0..2_000);
    let input = [joined(&before), b"exit\n".to_vec(), b"more\n".repeat(4_000)].concat();
    for address in &addresses {
        let mut client = Peer::connect(address);
        client.send(&input);
        client.end();
        // Another client's answer comes after all that the daemon had to do for this one.
        Peer::connect(address).expect("Welcome!");
        client.expect_last([&b"Welcome!"[..], &hellos(&before)].concat());
    }
}

#[test]
fn a_client_that_resets_is_no_trouble_for_the_next() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    for number in 0..200 {
        let mut client = daemon.connect();
        if number % 2 == 0 {
            client.send(joined(&lines(0..100)));
        }
        if number % 4 == 0 {
            client.expect("Welcome!");
        }
        client.socket().set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
    }
    let mut byte = [0];
    let mut client = daemon.welcomed();
    client.ping("next");
    client.end();
    assert_eq!(client.read(&mut byte).unwrap(), 0);
}

#[test]
fn a_client_that_stops_reading_for_a_while_gets_every_answer_all_the_same() {
    let dir = TempDir::new();
    let (daemon, addresses) = daemon(&dir, &[]);
    let all = lines(0..1_000_000);
    let input = joined(&all);
    let expected = [&b"Welcome!"[..], &hellos(&all)].concat();
    for address in &addresses {
        let mut client = Peer::connect(address);
        let (mut writer, written) = (client.try_clone(), AtomicUsize::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                while let Ok(n) = writer.write(&input[written.load(Relaxed)..])
                    && n > 0
                {
                    written.fetch_add(n, Relaxed);
                }
                writer.end();
            });
            // Nothing moves any more: all buffers are full, and the daemon has stopped reading.
            let mut before = usize::MAX;
            while before != written.load(Relaxed) {
                before = written.load(Relaxed);
                thread::sleep(Duration::from_millis(300));
            }
            assert!(before < input.len(), "the daemon has taken everything and waits with the answers");
            client.expect_last(&expected);
        });
    }
    assert_eq!(daemon.threads(), 1);
}

#[test]
fn a_client_that_resets_while_its_delay_runs_is_forgotten() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0", "--dialect", "patient"]);
    let descriptors = daemon.descriptors();
    for _ in 0..50 {
        let mut client = daemon.welcomed();
        client.send("Michael\nmore\n");
        client.socket().set_linger(Some(Duration::ZERO)).unwrap();
    }
    eventually("every descriptor is closed again", || daemon.descriptors() <= descriptors);
    let mut client = daemon.welcomed();
    client.send("next");
    client.expect("Hello, next!");
}
