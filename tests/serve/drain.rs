//! The orderly end: what a client sees of it is a gap-free prefix of its answers, none cut, then EOF, never a reset.

use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{
    Daemon, PATIENCE, Peer, Serve, TempDir, eventually, raise_descriptor_limit, skip, udp, uninterrupted,
};

/// Asserts that `got` is the welcome and the answers to lines 0, 1, 2 and so on, the last one whole. How many.
#[track_caller]
fn count_answers(got: &[u8], who: &str) -> usize {
    let mut rest = got
        .strip_prefix(b"Welcome!")
        .unwrap_or_else(|| panic!("{who}: {:?}", got.escape_ascii().to_string()));
    let mut count = 0;
    while !rest.is_empty() {
        let expected = format!("Hello, {who} {count}!\n");
        rest = rest.strip_prefix(expected.as_bytes()).unwrap_or_else(|| {
            let rest = &rest[..rest.len().min(100)];
            panic!("{who}: {:?}, not {expected:?}", rest.escape_ascii().to_string())
        });
        count += 1;
    }
    count
}

/// Asks, waits for the answer, asks again, until the daemon ends it. How many answers.
fn ping_pong(mut client: Peer, who: &str, answers: &AtomicUsize) -> usize {
    let mut got = Vec::new();
    let mut buffer = [0; 4096];
    let mut asked = 0;
    loop {
        match client.read(&mut buffer) {
            Ok(0) => return count_answers(&got, who),
            Ok(n) => got.extend_from_slice(&buffer[..n]),
            Err(error) => panic!("{who}: {error} after {} bytes and {asked} questions", got.len()),
        }
        if got.ends_with(b"!") || got.ends_with(b"\n") {
            // Refused or not, the end of what it hears decides.
            let _ = client.write_all(format!("{who} {asked}\n").as_bytes());
            asked += 1;
            answers.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Asks without waiting, until the daemon ends it. How many answers.
fn pipeline(client: Peer, who: &str, answers: &AtomicUsize) -> usize {
    let (mut reader, mut writer) = (client.try_clone(), client);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for chunk in 0..100_000 {
                let lines = (50 * chunk..50 * (chunk + 1)).map(|number| format!("{who} {number}\n"));
                if over.load(Ordering::Relaxed)
                    || writer.write_all(lines.collect::<String>().as_bytes()).is_err()
                {
                    return;
                }
            }
        });
        let mut got = Vec::new();
        let mut buffer = vec![0; 65536];
        let result = loop {
            match reader.read(&mut buffer) {
                Ok(0) => break Ok(()),
                Ok(n) => {
                    got.extend_from_slice(&buffer[..n]);
                    answers.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => break Err(error),
            }
        };
        over.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|error| panic!("{who}: {error} after {} bytes", got.len()));
        count_answers(&got, who)
    })
}

/// Starts a daemon, loads it with ten clients of each kind, ends it after `threshold` reads of theirs.
fn drain_under_load(address: String, signal: &str, threshold: usize) -> usize {
    let mut daemon = Daemon::start([address]);
    let answers = AtomicUsize::new(0);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..20)
            .map(|number| {
                let (client, answers) = (daemon.connect(), &answers);
                scope.spawn(move || match number % 2 {
                    0 => ping_pong(client, &format!("ping {number}"), answers),
                    _ => pipeline(client, &format!("pipe {number}"), answers),
                })
            })
            .collect();
        eventually("the load runs", || answers.load(Ordering::Relaxed) >= threshold);
        let start = Instant::now();
        daemon.signal(signal);
        assert_eq!(daemon.exit_code(PATIENCE), Some(0), "{}", daemon.stderr());
        assert!(start.elapsed() < Duration::from_secs(10), "it took {:?}", start.elapsed());
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    })
}

#[test]
fn under_load_on_tcp_every_client_sees_a_whole_prefix_and_then_the_end_fifty_times() {
    let answers: usize =
        (0..50).map(|run| drain_under_load("tcp://127.0.0.1:0".into(), "TERM", 20 + run * 37 % 400)).sum();
    eprintln!("{answers} answers in 50 runs");
    assert!(answers > 50 * 20, "there was no load");
}

#[test]
fn under_load_on_a_unix_socket_every_client_sees_a_whole_prefix_and_then_the_end() {
    let dir = TempDir::new();
    let answers: usize = (0..20).map(|run| drain_under_load(dir.unix("s"), "INT", 20 + run * 37 % 400)).sum();
    assert!(answers > 20 * 20, "there was no load");
    assert!(!dir.join("s").exists(), "the socket's file is left behind");
}

#[test]
fn idle_clients_do_not_hold_the_end_up() {
    for signal in ["TERM", "INT"] {
        let mut daemon = Daemon::start(["tcp://127.0.0.1:0"]);
        let mut clients: Vec<_> = (0..20).map(|_| daemon.welcomed()).collect();
        clients[0].ping("once");
        let start = Instant::now();
        daemon.signal(signal);
        for client in &mut clients {
            client.expect_last("");
        }
        assert_eq!(daemon.exit_code(PATIENCE), Some(0));
        assert!(start.elapsed() < Duration::from_secs(10), "it took {:?}", start.elapsed());
        assert!(Peer::try_connect(&daemon.listening[0].address).is_err(), "somebody still listens");
    }
}

#[test]
fn a_patient_client_still_gets_the_answers_it_waits_for() {
    let mut daemon = Daemon::start(["tcp://127.0.0.1:0", "--dialect", "patient"]);
    let mut raw = daemon.welcomed();
    let mut lines = daemon.welcomed();
    let start = Instant::now();
    raw.send("Michael");
    lines.send("Anna\nBob\nunfini");
    // Served after the other two: what they sent has been read by now.
    let _idle = daemon.welcomed();
    daemon.signal("TERM");
    raw.expect_last("Hello, Michael!");
    assert!(start.elapsed() >= Duration::from_secs(1), "answered after {:?}", start.elapsed());
    lines.expect_last("Hello, Anna!\nHello, Bob!\n");
    assert!(start.elapsed() >= Duration::from_secs(2), "answered after {:?}", start.elapsed());
    assert_eq!(daemon.exit_code(PATIENCE), Some(0));
}

#[test]
fn clients_in_the_backlog_are_still_greeted() {
    let mut daemon = Daemon::start(["tcp://127.0.0.1:0", "--max-connections", "2"]);
    let served = [daemon.welcomed(), daemon.welcomed()];
    let mut waiting: Vec<_> = (0..6).map(|_| daemon.connect()).collect();
    for (number, client) in waiting.iter_mut().enumerate() {
        client.send(format!("w{number} 0\nw{number} 1\n"));
    }
    daemon.signal("TERM");
    for mut client in served {
        client.expect_last("");
    }
    for (number, client) in waiting.iter_mut().enumerate() {
        let mut got = Vec::new();
        client.read_to_end(&mut got).unwrap();
        count_answers(&got, &format!("w{number}"));
    }
    assert_eq!(daemon.exit_code(PATIENCE), Some(0));
}

#[test]
fn more_requests_than_one_look_at_the_poller_brings_are_answered_all_the_same() {
    const CLIENTS: usize = 1500;
    if !raise_descriptor_limit(CLIENTS as u64 + 100) {
        return skip("the descriptor limit is too low here");
    }
    let dir = TempDir::new();
    let mut daemon = Daemon::start([dir.unix("s")]);
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| daemon.welcomed()).collect();
    daemon.signal("STOP");
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(format!("{number}\n"));
    }
    daemon.signal("TERM");
    daemon.signal("CONT");
    for (number, client) in clients.iter_mut().enumerate() {
        client.expect_last(format!("Hello, {number}!\n"));
    }
    assert_eq!(daemon.exit_code(PATIENCE), Some(0), "{}", daemon.stderr());
}

#[test]
fn what_came_before_the_signal_is_served_though_the_daemon_sees_all_at_once() {
    for _ in 0..5 {
        let mut daemon = Daemon::start(["tcp://127.0.0.1:0", "udp://127.0.0.1:0"]);
        let mut known = daemon.welcomed();
        known.ping("known");
        // While it is stopped, everything gathers in the kernel.
        daemon.signal("STOP");
        known.send("in time\n");
        let mut unknown: Vec<_> = (0..100).map(|_| daemon.connect()).collect();
        let socket = udp(daemon.listening[1].inet());
        socket.send(b"in time").unwrap();
        daemon.signal("TERM");
        daemon.signal("CONT");
        known.expect_last("Hello, in time!\n");
        for client in &mut unknown {
            client.expect_last("Welcome!");
        }
        let mut answer = [0; 100];
        let n = uninterrupted(|| socket.recv(&mut answer)).unwrap();
        assert_eq!(answer[..n], *b"Hello, in time!");
        assert_eq!(daemon.exit_code(PATIENCE), Some(0));
    }
}

/// A client that pipelines until the daemon, whose answers it does not read, takes no more.
fn stuck(daemon: &Daemon) -> Peer {
    let mut client = daemon.welcomed();
    let lines = b"a line that is answered, and nobody reads the answer\n".repeat(10_000);
    client.write_within(Duration::from_millis(200));
    let start = Instant::now();
    loop {
        match client.write(&lines) {
            Ok(_) => assert!(start.elapsed() < PATIENCE, "it takes everything"),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return client,
            Err(e) => panic!("{e}"),
        }
    }
}

#[test]
fn a_client_that_never_reads_is_cut_when_the_time_is_up_and_the_exit_code_says_so() {
    let mut daemon = Daemon::start(["tcp://127.0.0.1:0", "--drain-timeout", "1s"]);
    let mut other = daemon.welcomed();
    let _stuck = stuck(&daemon);
    let start = Instant::now();
    daemon.signal("TERM");
    other.expect_last("");
    assert_eq!(daemon.exit_code(PATIENCE), Some(1), "{}", daemon.stderr());
    assert!(start.elapsed() >= Duration::from_secs(1), "cut after {:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(8), "cut after {:?}", start.elapsed());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (first, second) in [("TERM", "TERM"), ("INT", "TERM"), ("TERM", "INT")] {
        let dir = TempDir::new();
        let mut daemon = Daemon::start(["tcp://127.0.0.1:0".to_owned(), dir.unix("s")]);
        let mut other = daemon.welcomed();
        let _stuck = stuck(&daemon);
        daemon.signal(first);
        other.expect_last("");
        let start = Instant::now();
        daemon.signal(second);
        assert_eq!(daemon.exit_code(PATIENCE), Some(1), "{}", daemon.stderr());
        // By itself it would have taken the ten seconds of a stalled write.
        assert!(start.elapsed() < Duration::from_secs(5), "it took {:?}", start.elapsed());
        assert!(!dir.join("s").exists(), "the socket's file is left behind");
    }
}

#[test]
fn one_line_on_stderr_sums_it_up_at_any_log_level() {
    for level in ["off", "error", "warn"] {
        let mut daemon = Daemon::start(["tcp://127.0.0.1:0", "--log-level", level]);
        for _ in 0..3 {
            daemon.welcomed().ping("here");
        }
        assert_eq!(daemon.terminate(), Some(0));
        let stderr = daemon.stderr();
        assert_eq!(stderr.lines().count(), 1, "at {level}: {stderr}");
        assert!(stderr.contains("3 clients"), "at {level}: {stderr}");
    }
    for level in ["info", "debug", "trace"] {
        let mut daemon = Daemon::start(["tcp://127.0.0.1:0", "--log-level", level]);
        for _ in 0..3 {
            daemon.welcomed().ping("here");
        }
        assert_eq!(daemon.terminate(), Some(0));
        let stderr = daemon.stderr();
        let sums = stderr.lines().filter(|line| line.contains("3 clients")).count();
        assert_eq!(sums, 1, "at {level}: {stderr}");
        assert!(stderr.lines().last().unwrap().contains("3 clients"), "at {level}: {stderr}");
    }
    // And nothing but the announcement on stdout.
    let mut daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    daemon.welcomed().ping("here");
    assert_eq!(daemon.terminate(), Some(0));
    assert_eq!(daemon.said().out.len(), 1);
}

#[test]
fn a_flood_of_datagrams_does_not_hold_the_end_up() {
    let mut daemon = Daemon::start(["tcp://127.0.0.1:0", "udp://127.0.0.1:0"]);
    let socket = udp(daemon.listening[1].inet());
    let over = AtomicBool::new(false);
    let (code, time) = thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                // Refused once nobody listens any more.
                let _ = socket.send(b"flood");
            }
        });
        daemon.welcomed().ping("before");
        let start = Instant::now();
        daemon.signal("TERM");
        let code = daemon.wait(PATIENCE).map(|status| status.code());
        over.store(true, Ordering::Relaxed);
        (code, start.elapsed())
    });
    assert_eq!(code, Some(Some(0)), "{}", daemon.stderr());
    assert!(time < Duration::from_secs(10), "it took {time:?}");
}

#[test]
fn a_flood_of_new_clients_does_not_hold_the_end_up() {
    let mut daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    let address = daemon.listening[0].address.clone();
    let (over, welcomed) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (code, time) = thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed)
                    && let Ok(mut client) = Peer::try_connect(&address)
                {
                    // Whom the kernel took in after the last accept is reset: nobody has seen it.
                    let mut welcome = Vec::new();
                    client.end();
                    let _ = client.read_to_end(&mut welcome);
                    assert!(matches!(&*welcome, b"" | b"Welcome!"), "{}", welcome.escape_ascii());
                    welcomed.fetch_add(welcome.len() / 8, Ordering::Relaxed);
                }
            });
        }
        eventually("the flood runs", || welcomed.load(Ordering::Relaxed) > 100);
        let start = Instant::now();
        daemon.signal("TERM");
        let code = daemon.wait(PATIENCE).map(|status| status.code());
        over.store(true, Ordering::Relaxed);
        (code, start.elapsed())
    });
    assert_eq!(code, Some(Some(0)), "{}", daemon.stderr());
    assert!(time < Duration::from_secs(10), "it took {time:?}");
}

#[test]
fn a_hangup_after_the_signal_opens_nothing() {
    let dir = TempDir::new();
    let config = dir.write("hullo.toml", format!("[[listen]]\naddress = {:?}\n", dir.unix("s")));
    let mut daemon = Serve::new(["--config", &config, "--drain-timeout", "2s"]).sockets(1).start();
    let _stuck = stuck(&daemon);
    daemon.signal("TERM");
    eventually("the drain begins", || Peer::try_connect(&dir.unix("s")).is_err());
    dir.write("hullo.toml", format!("[[listen]]\naddress = {:?}\n", dir.unix("other")));
    daemon.signal("HUP");
    assert_eq!(daemon.exit_code(PATIENCE), Some(1));
    assert!(!dir.join("other").exists() && !dir.join("s").exists());
}

#[test]
fn a_farewell_can_stop_a_datagram_socket_and_the_last_one_stops_the_daemon() {
    let dir = TempDir::new();
    let dialect = "[dialects.last]\nreply = \"{message}?\"\nfarewell = \"bye\"\nfarewell_reply = \"bye\"\n\
                   stop_on_farewell = true\n";
    let listen = "[[listen]]\naddress = \"udp://127.0.0.1:0\"\ndialect = \"last\"\n";
    let config = dir.write("hullo.toml", [listen, listen, dialect].concat());
    let mut daemon = Serve::new(["--config", &config]).sockets(2).start();
    for (left, listening) in daemon.listening.clone().iter().enumerate() {
        let socket = udp(listening.inet());
        let mut answer = [0; 100];
        for (question, expected) in [("a", "a?"), ("bye", "bye")] {
            socket.send(question.as_bytes()).unwrap();
            let n = uninterrupted(|| socket.recv(&mut answer)).unwrap();
            assert_eq!(answer[..n], *expected.as_bytes());
        }
        let told = format!("{} closed by a farewell from 127.0.0.1", listening.address);
        eventually("the log tells which socket", || daemon.stderr().contains(&told));
        if left == 0 {
            // Nobody is there any more, which the kernel says to whoever sends twice.
            eventually("the socket closes", || socket.send(b"a").is_err());
            assert!(daemon.wait(Duration::from_millis(100)).is_none(), "the other socket is gone too");
        }
    }
    assert_eq!(daemon.exit_code(PATIENCE), Some(0), "{}", daemon.stderr());
}
