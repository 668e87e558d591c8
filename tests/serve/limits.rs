//! At the limits: of connections, of descriptors, of what may wait for a client that does not read.

use std::io::{ErrorKind, Read, Write};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Daemon, PATIENCE, Peer, Serve, TempDir, eventually, skip, uninterrupted};

/// Less than this part of a stretch of time in which nothing happens goes into the daemon.
const IDLE_SHARE: u32 = 10;

/// Lets `time` pass, pinging `clients` in turn, and asserts that the daemon is next to idle.
#[track_caller]
fn assert_idle_with_pings(daemon: &Daemon, clients: &mut [Peer], time: Duration) {
    let (start, used) = (Instant::now(), daemon.cpu_time());
    let mut round = 0;
    while start.elapsed() < time {
        let turn = round % clients.len();
        clients[turn].ping(format!("round {round}"));
        round += 1;
        thread::sleep(Duration::from_millis(20)); // what is tested is a stretch of time
    }
    let used = daemon.cpu_time() - used;
    assert!(used * IDLE_SHARE < start.elapsed(), "{used:?} of processor time in {:?}", start.elapsed());
}

/// Whether there is something to be read, an end included, before `wait` is over.
fn is_readable(client: &Peer, wait: Duration) -> bool {
    client.read_within(wait);
    let is_readable = match client {
        Peer::Tcp(stream) => uninterrupted(|| stream.peek(&mut [0])).is_ok(),
        Peer::Unix(_) => unreachable!("these tests are on TCP"),
    };
    client.read_within(PATIENCE);
    is_readable
}

/// Divides clients into those who have their welcome, and those who wait; once the log says how many are served, who are
/// those that came first.
fn served_and_waiting(daemon: &Daemon, mut clients: Vec<Peer>) -> (Vec<Peer>, Vec<Peer>) {
    let line = daemon.wait_for_log("as many clients as the limit allows are connected (");
    let count = line.split(['(', ')']).nth(1).unwrap().parse().unwrap();
    let waiting = clients.split_off(count);
    clients.iter_mut().for_each(|client| client.expect("Welcome!"));
    assert!(waiting.iter().all(|client| !is_readable(client, Duration::from_millis(1))), "more are served");
    (clients, waiting)
}

#[test]
fn at_max_connections_the_rest_wait_and_are_served() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0", "--max-connections", "10"]);
    let clients: Vec<_> = (0..50).map(|_| daemon.connect()).collect();
    let (mut served, mut waiting) = served_and_waiting(&daemon, clients);
    assert_eq!(served.len(), 10);
    assert_idle_with_pings(&daemon, &mut served, Duration::from_millis(500));
    // Whoever leaves makes room for the one that waits longest; a few leave at once, the rest one by one.
    for leaving in [3, 7, 1, 1, 1, 1, 1, 5, 10, 10] {
        for client in served.drain(..leaving) {
            client.end();
        }
        for mut client in waiting.drain(..leaving) {
            client.expect("Welcome!");
            client.ping("at last");
            served.push(client);
        }
        let is_waiting = waiting.iter().all(|client| !is_readable(client, Duration::from_millis(1)));
        assert!(is_waiting, "more than ten are served, or one was refused");
    }
    assert!(waiting.is_empty());
    served.iter_mut().for_each(|client| client.ping("still here"));
}

#[test]
fn a_client_that_waits_for_a_place_loses_nothing_it_has_sent() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0", "--max-connections", "1"]);
    let first = daemon.welcomed();
    let mut second = daemon.connect();
    second.send("a\nb\nc");
    second.end();
    second.expect_silence(Duration::from_millis(100));
    drop(first);
    second.expect_last("Welcome!Hello, a!\nHello, b!\nHello, c!\n");
}

#[test]
fn under_a_limit_of_64_descriptors_those_served_stay_served_and_the_rest_wait_for_free() {
    let daemon = Serve::new(["tcp://127.0.0.1:0"]).descriptors(64).start();
    let clients: Vec<_> = (0..200).map(|_| daemon.connect()).collect();
    let (mut served, waiting) = served_and_waiting(&daemon, clients);
    assert!((32..=48).contains(&served.len()), "{} are served: 64 less a reserve of 16", served.len());
    assert_idle_with_pings(&daemon, &mut served, Duration::from_secs(3));
    assert!(waiting.iter().all(|client| !is_readable(client, Duration::from_millis(1))), "one was refused");

    // Room is made, and used soon.
    let room = 20;
    drop(served.drain(..room));
    let start = Instant::now();
    let (mut waiting, still_waiting) = {
        let mut waiting = waiting;
        let rest = waiting.split_off(room);
        (waiting, rest)
    };
    waiting.iter_mut().for_each(|client| client.expect("Welcome!"));
    assert!(start.elapsed() < Duration::from_secs(5), "welcomed {:?} after room was made", start.elapsed());
    served.append(&mut waiting);
    served.iter_mut().for_each(|client| client.ping("still here"));
    drop(still_waiting);
}

#[test]
fn when_others_have_eaten_the_descriptors_it_neither_spins_nor_drops_whom_it_serves() {
    let daemon = Serve::new(["tcp://127.0.0.1:0"]).descriptors(64).start();
    let mut served: Vec<_> = (0..10).map(|_| daemon.welcomed()).collect();
    // The limit falls to what is in use, so that accept fails, which the limit of connections does not foresee.
    let limit = |descriptors: usize| {
        let (pid, limits) = (format!("--pid={}", daemon.id()), format!("--nofile={descriptors}:64"));
        Command::new("prlimit").args([pid, limits]).status()
    };
    match limit(daemon.descriptors()) {
        Ok(status) => assert!(status.success()),
        Err(error) => return skip(&format!("prlimit(1): {error}")),
    }
    let waiting: Vec<_> = (0..60).map(|_| daemon.connect()).collect();
    assert_idle_with_pings(&daemon, &mut served, Duration::from_secs(2));
    let shed = daemon.said().err.iter().filter(|line| line.contains("out of descriptors")).count();
    assert_eq!(shed, 1, "told once in ten seconds: {}", daemon.stderr());
    let rests = daemon.said().err.iter().filter(|line| line.contains("no client can be accepted")).count();
    assert!(rests <= 1, "told once in ten seconds: {}", daemon.stderr());

    // One client was let go for each tenth of a second; the others are served once there is room again.
    assert!(limit(64).unwrap().success());
    let start = Instant::now();
    let mut welcomed: Vec<_> = waiting
        .into_iter()
        .filter(|client| is_readable(client, PATIENCE))
        .filter_map(|mut client| {
            let mut welcome = [0; 8];
            client.read_exact(&mut welcome).ok().map(|()| client)
        })
        .take(20)
        .collect();
    assert!(start.elapsed() < Duration::from_secs(5), "welcomed {:?} after room was made", start.elapsed());
    assert_eq!(welcomed.len(), 20, "too many were let go");
    welcomed.iter_mut().chain(&mut served).for_each(|client| client.ping("still here"));
}

#[test]
fn a_client_that_never_reads_costs_little_memory_and_no_time_and_is_cut_off() {
    let dir = TempDir::new();
    let config = dir.write("hullo.toml", "[limits]\nwrite_stall = \"2s\"\n");
    let arguments = ["tcp://127.0.0.1:0", &dir.unix("s"), "--config", &config];
    let daemon = Serve::new(arguments.map(str::to_owned)).sockets(2).start();
    let mut other = daemon.welcomed();
    other.ping("before");
    for listening in &daemon.listening {
        let memory = daemon.memory();
        let mut stuck = Peer::connect(&listening.address);
        // It pipelines lines until the daemon, whose answers nobody reads, takes no more for a while.
        let lines: Vec<u8> = (0..1_000_000).flat_map(|n| format!("line {n:06}\n").into_bytes()).collect();
        stuck.write_within(Duration::from_millis(200));
        let mut written = 0;
        while let Ok(n) = stuck.write(&lines[written..]) {
            written += n;
            assert!(written < lines.len(), "the daemon has taken a million lines and waits with the answers");
        }
        let grown = daemon.memory().saturating_sub(memory);
        assert!(grown < 4 << 20, "{grown} bytes of memory for one client");

        // Until it is cut off, it costs nothing, and the other is served.
        let (start, used) = (Instant::now(), daemon.cpu_time());
        stuck.write_within(Duration::from_millis(20));
        let mut round = 0;
        let error = loop {
            match stuck.write(b"one more line\n") {
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                Err(e) => break e,
            }
            other.ping(format!("round {round}"));
            round += 1;
            assert!(start.elapsed() < PATIENCE, "it is not cut off");
        };
        let (time, used) = (start.elapsed(), daemon.cpu_time() - used);
        assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
        assert!(time > Duration::from_secs(1), "cut off after {time:?}, not two seconds after its last byte");
        assert!(used * IDLE_SHARE < time, "{used:?} of processor time in {time:?}");
        assert!(round > 10, "{round} rounds in {time:?}");
    }
    assert_eq!(daemon.threads(), 1);
}

#[test]
fn an_idle_client_is_shown_out_in_order_and_a_busy_one_is_not() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0", "--idle-timeout", "500ms"]);
    let start = Instant::now();
    let mut idle = daemon.welcomed();
    let mut busy = daemon.welcomed();
    while !is_readable(&idle, Duration::from_millis(20)) {
        busy.ping("busy");
        assert!(start.elapsed() < PATIENCE);
    }
    assert!(start.elapsed() >= Duration::from_millis(500), "shown out after {:?}", start.elapsed());
    idle.expect_last("");
    busy.ping("still here");
    eventually("the busy one is shown out too, once it is idle", || {
        is_readable(&busy, Duration::from_millis(20))
    });
    busy.expect_last("");
}

#[test]
fn a_client_that_reads_slowly_but_steadily_is_not_taken_for_one_that_never_reads() {
    let dir = TempDir::new();
    let config = dir.write("hullo.toml", "[limits]\nwrite_stall = \"1s\"\n");
    let arguments = ["tcp://127.0.0.1:0", &dir.unix("s"), "--config", &config];
    let daemon = Serve::new(arguments.map(str::to_owned)).sockets(2).start();
    for (listening, piece) in daemon.listening.iter().zip([16 * 1024, 4 * 1024]) {
        let mut client = Peer::connect(&listening.address);
        let lines = b"a line that is answered, and read when there is time\n".repeat(10_000);
        client.write_within(Duration::from_millis(100));
        while client.write(&lines).is_ok() {}
        // The kernel asks the daemon for more only when much of its buffer is free: in seconds, at this pace.
        let (start, mut buffer) = (Instant::now(), vec![0; piece]);
        while start.elapsed() < Duration::from_secs(4) {
            if let Err(error) = client.read_exact(&mut buffer) {
                panic!("{}: {error} after {:?}", listening.address, start.elapsed());
            }
            thread::sleep(Duration::from_millis(40)); // what is tested is a pace
        }
    }
}

/// What its log says of the limit, line by line.
fn lines_of_the_limit(daemon: &Daemon) -> Vec<String> {
    let is_of_it = |line: &&String| line.contains(" WARN ") && line.contains("are connected");
    daemon.said().err.iter().filter(is_of_it).cloned().collect()
}

#[test]
fn the_log_tells_of_the_limit_and_of_its_end_and_not_of_every_client() {
    let mut daemon = Daemon::start(["tcp://127.0.0.1:0", "--max-connections", "2"]);
    let mut clients = vec![daemon.welcomed(), daemon.welcomed()];
    daemon.wait_for_log("as many clients as the limit allows are connected (2)");
    let waiting = daemon.connect();
    drop(clients.pop());
    clients.push(waiting);
    clients[1].expect("Welcome!");
    drop(clients.pop());
    daemon.wait_for_log("clients are let in again: 1 of 2 are connected");
    // It is reached again and again, and that is said once in ten seconds.
    for _ in 0..20 {
        daemon.welcomed().ping("here");
    }
    clients[0].ping("still here");
    let lines = lines_of_the_limit(&daemon);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    let third = daemon.welcomed();
    let said = daemon.wait_for(Duration::from_secs(30), |said| {
        let lines = said.err.iter().filter(|line| line.contains("as the limit allows"));
        (lines.count() == 2).then_some(())
    });
    assert!(said.is_some(), "the second time is never told of: {}", daemon.stderr());
    drop(third);
    assert_eq!(daemon.terminate(), Some(0));
}
