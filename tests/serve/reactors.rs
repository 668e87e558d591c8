//! `--reactors N`: several threads, a reactor each, one daemon.

use std::fs;
use std::io::{Read, Write};
use std::net::UdpSocket;
use std::time::Duration;

use crate::support::{Daemon, PATIENCE, Peer, Serve, TempDir, eventually, udp};

/// Enough that each of three threads gets some: that one gets none has a chance of 3 (2/3)^120.
const CLIENTS: usize = 120;

/// How often each thread has been given the processor.
fn times_run(daemon: &Daemon) -> Vec<u64> {
    let tasks = fs::read_dir(format!("/proc/{}/task", daemon.id())).unwrap();
    let run = |task: fs::DirEntry| {
        let text = fs::read_to_string(task.path().join("schedstat")).unwrap();
        text.split_whitespace().nth(2).unwrap().parse::<u64>().unwrap()
    };
    tasks.map(|task| run(task.unwrap())).collect()
}

#[test]
fn clients_of_one_port_are_spread_over_a_thread_for_each_reactor() {
    let mut daemon = Daemon::start(["tcp://127.0.0.1:0", "--reactors", "3"]);
    assert_eq!((daemon.threads(), daemon.said().out.len()), (3, 1));
    let before = times_run(&daemon);
    let mut clients: Vec<Peer> = (0..CLIENTS).map(|_| daemon.welcomed()).collect();
    clients.iter_mut().enumerate().for_each(|(n, client)| client.ping(n));
    for (after, before) in times_run(&daemon).iter().zip(before) {
        assert!(after - before > 10, "a thread has had nothing to do");
    }
    // One drain for all, and one summary.
    daemon.signal("TERM");
    clients.iter_mut().for_each(|client| client.expect_last(""));
    assert_eq!(daemon.exit_code(PATIENCE), Some(0));
    let summary = daemon.wait_for_log("hullo: drained");
    assert!(summary.contains(&format!("{CLIENTS} clients ({CLIENTS} at once, 0 cut)")), "{summary}");
}

#[test]
fn flows_of_one_port_are_answered_whoever_gets_them() {
    let daemon = Daemon::start(["udp://127.0.0.1:0", "--reactors", "3"]);
    let flows: Vec<UdpSocket> = (0..CLIENTS).map(|_| udp(daemon.inet())).collect();
    for (n, flow) in flows.iter().enumerate() {
        flow.send(format!("flow {n}").as_bytes()).unwrap();
    }
    for (n, flow) in flows.iter().enumerate() {
        let mut answer = [0; 100];
        let length = flow.recv(&mut answer).unwrap();
        assert_eq!(answer[..length], *format!("Hello, flow {n}!").as_bytes());
    }
}

#[test]
fn what_cannot_be_shared_is_served_by_the_first() {
    let dir = TempDir::new();
    let mut daemon =
        Daemon::start(["tcp://127.0.0.1:0".to_owned(), dir.unix("s"), "--reactors".into(), "2".into()]);
    for n in 0..10 {
        let mut client = Peer::connect(&dir.unix("s"));
        client.expect("Welcome!");
        client.ping(n);
    }
    assert_eq!(daemon.terminate(), Some(0));
    assert!(!dir.join("s").exists());
}

/// SO_REUSEPORT alone would let the second share the port.
#[test]
fn a_port_of_another_daemon_is_in_use() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0", "udp://127.0.0.1:0", "--reactors", "2"]);
    for listening in &daemon.listening {
        let (code, out, err) = Serve::new([listening.address.as_str(), "--reactors", "2"]).run();
        assert_eq!((code, out.as_str()), (Some(1), ""));
        assert!(err.contains(&listening.address) && err.contains("is in use"), "{err}");
    }
}

#[test]
fn a_reload_reaches_every_reactor() {
    let dir = TempDir::new();
    let write = |dialect: &str| {
        let listen = format!("[[listen]]\naddress = \"tcp://127.0.0.1:0\"\ndialect = \"{dialect}\"\n");
        dir.write("hullo.toml", &listen)
    };
    let config = write("hello");
    let daemon = Serve::new(["--config", &config, "--reactors", "3"]).sockets(1).start();
    let mut old: Vec<Peer> = (0..CLIENTS).map(|_| daemon.welcomed()).collect();
    write("indeed");
    daemon.signal("HUP");
    daemon.wait_for_log("reloaded");
    // The first has gone over; the others hear of it.
    let is_new = || {
        let mut client = daemon.connect();
        let mut welcome = [0; 8];
        client.read_exact(&mut welcome).unwrap();
        welcome == *b"Hello Wo"
    };
    eventually("a row of clients is greeted in the new way", || (0..CLIENTS).all(|_| is_new()));
    old.iter_mut().for_each(|client| client.ping("as before"));
}

#[test]
fn a_second_signal_stops_them_all_at_once() {
    let mut daemon = Daemon::start(["tcp://127.0.0.1:0", "--reactors", "3"]);
    let mut clients: Vec<Peer> = (0..12).map(|_| daemon.welcomed()).collect();
    // Whoever owes an unread answer keeps the drain waiting.
    for client in &mut clients {
        client.write_within(Duration::from_millis(10));
        while client.write(&[b'x'; 60_000]).is_ok() {}
    }
    daemon.signal("TERM");
    daemon.wait_for_log("draining");
    daemon.signal("TERM");
    assert_eq!(daemon.exit_code(PATIENCE), Some(1));
    daemon.wait_for_log("stopped at once");
}

#[test]
fn no_reactor_at_all_is_a_usage_error() {
    for count in ["0", "257", "many"] {
        assert_eq!(Serve::new(["--reactors", count]).run().0, Some(2));
    }
}
