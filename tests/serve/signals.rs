//! Signals at odd moments, and the one that asks how things stand.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::support::{Daemon, HULLO, PATIENCE, Peer, Process, Serve, TempDir, eventually, udp};

#[test]
fn a_hangup_before_the_start_is_over_ends_nothing() {
    let dir = TempDir::new();
    let fifo = dir.join("fifo").display().to_string();
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let mut daemon = Serve::new(["--config", &fifo]).begin();
    // Opened for writing once it is opened for reading: the start has begun, and waits.
    let mut config = fs::File::options().write(true).open(&fifo).unwrap();
    for signal in ["HUP", "USR1", "HUP"] {
        daemon.signal(signal);
    }
    std::io::Write::write_all(&mut config, format!("[[listen]]\naddress = {:?}\n", dir.unix("s")).as_bytes())
        .unwrap();
    drop(config);
    // Nothing of it is lost.
    daemon.wait_for_log("cannot read the config");
    daemon.wait_for_log("hullo: counters:");
    Peer::connect(&dir.unix("s")).expect("Welcome!");
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn what_is_ignored_at_the_start_stays_ignored() {
    let dir = TempDir::new();
    let listen = |name: &str| format!("[[listen]]\naddress = {:?}\n", dir.unix(name));
    let config = dir.write("hullo.toml", listen("s"));
    // As nohup(1) and a shell's background jobs have it.
    let mut daemon = Serve::new(["--config", &config]).after("trap '' HUP INT").sockets(1).start();
    let mut client = Peer::connect(&dir.unix("s"));
    client.expect("Welcome!");
    dir.write("hullo.toml", listen("other"));
    for signal in ["HUP", "INT", "INT"] {
        daemon.signal(signal);
    }
    // The one signal that is heard tells that the others were not.
    daemon.signal("USR1");
    daemon.wait_for_log("hullo: counters:");
    client.ping("still here");
    assert!(!dir.join("other").exists());
    assert_eq!(daemon.terminate(), Some(0));
    assert!(!daemon.stderr().contains("reload"), "{}", daemon.stderr());
}

#[test]
fn two_signals_of_one_instant_are_one() {
    for (first, second) in [("INT", "TERM"), ("TERM", "INT"), ("TERM", "TERM")] {
        let mut daemon = Daemon::start(["tcp://127.0.0.1:0", "--dialect", "patient"]);
        let mut client = daemon.welcomed();
        client.send("Anna\n");
        let _other = daemon.welcomed(); // served later, so that Anna has been read
        // What is sent to a process that is stopped waits for it, and meets it in one instant.
        for name in ["STOP", first, second, "CONT"] {
            daemon.signal(name);
        }
        client.expect_last("Hello, Anna!\n");
        assert_eq!(daemon.exit_code(PATIENCE), Some(0), "{}", daemon.stderr());
    }
}

#[test]
fn counters_are_told_at_any_log_level_and_end_nothing() {
    let mut daemon = Daemon::start(["tcp://127.0.0.1:0", "udp://127.0.0.1:0", "--log-level", "off"]);
    let mut clients: Vec<Peer> = (0..3).map(|_| daemon.welcomed()).collect();
    clients.iter_mut().enumerate().for_each(|(number, client)| client.ping(number));
    let flow = udp(daemon.listening[1].inet());
    flow.send(b"Anna").unwrap();
    flow.recv(&mut [0; 100]).unwrap();
    daemon.signal("USR1");
    let line = daemon.wait_for_log("hullo: counters: uptime=");
    for part in [" connections=3 ", " connections_max=", " opened=3 ", " closed=0 ", " datagrams_in=1 "] {
        assert!(line.contains(part), "{part:?} is not in {line}");
    }
    clients.iter_mut().for_each(|client| client.ping("still here"));
    assert_eq!(daemon.terminate(), Some(0));
    assert_eq!(daemon.said().err.len(), 2, "counters and summary: {}", daemon.stderr());
}

#[test]
fn every_reactor_tells_its_counters() {
    let mut daemon = Daemon::start(["tcp://127.0.0.1:0", "--reactors", "3"]);
    daemon.signal("USR1");
    for number in 1..=3 {
        daemon.wait_for_log(&format!("hullo: counters: reactor={number} uptime="));
    }
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn a_client_that_has_no_counters_is_not_ended_by_the_question() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    let url = &daemon.listening[0].address;
    let mut load =
        Process::start(Command::new(HULLO).args(["load", url, "-c", "2", "-d", "1s", "--json", "-q"]));
    // Its clients are there, and so is whatever it does to signals.
    daemon.signal("USR1");
    eventually("its clients are there", || {
        daemon.signal("USR1");
        daemon.wait_for(Duration::from_millis(100), |said| {
            said.err.iter().any(|line| line.contains(" connections=2 ")).then_some(())
        });
        daemon.stderr().contains(" connections=2 ")
    });
    load.signal("USR1");
    let status = load.wait(PATIENCE).unwrap();
    assert_eq!(status.code(), Some(0), "{status}: {}", load.stderr());
}
