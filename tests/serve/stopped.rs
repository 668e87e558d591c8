//! A daemon that was stopped for a while, as by Ctrl-Z, a debugger or a busy machine: that is charged to nobody.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Daemon, PATIENCE, Peer, eventually, raise_descriptor_limit};

/// Long enough for as many clients to connect on a busy machine.
const IDLE: Duration = Duration::from_secs(3);

/// Stops the daemon for longer than its clients may be silent.
fn stop_meanwhile(daemon: &Daemon, what: impl FnOnce()) {
    daemon.signal("STOP");
    what();
    thread::sleep(2 * IDLE); // what is tested is a stretch of time
    daemon.signal("CONT");
}

/// More of them than one batch of events holds.
#[test]
fn clients_that_ask_while_the_daemon_is_stopped_are_answered_and_not_idle() {
    const COUNT: usize = 1500;
    if !raise_descriptor_limit(2 * COUNT as u64) {
        return;
    }
    let daemon = Daemon::start(["tcp://127.0.0.1:0", "--idle-timeout", "3s"]);
    let mut clients: Vec<Peer> = (0..COUNT).map(|_| daemon.connect()).collect();
    clients.iter_mut().for_each(|client| client.expect("Welcome!"));
    stop_meanwhile(&daemon, || clients.iter_mut().for_each(|client| client.send("in time")));
    clients.iter_mut().for_each(|client| client.expect("Hello, in time!"));
}

/// Who said nothing before, meanwhile and after is silent all the same.
#[test]
fn a_silent_client_is_shown_out_after_the_stop_as_well() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0", "--idle-timeout", "3s"]);
    let mut silent = daemon.welcomed();
    let mut talking = daemon.welcomed();
    stop_meanwhile(&daemon, || {});
    let start = Instant::now();
    silent.read_within(Duration::from_millis(50));
    eventually("the silent one is shown out", || {
        talking.ping("here");
        match &silent {
            Peer::Tcp(stream) => stream.peek(&mut [0]).is_ok(),
            Peer::Unix(_) => unreachable!("this test is on TCP"),
        }
    });
    silent.expect_last("");
    assert!(start.elapsed() < PATIENCE);
    talking.ping("still here");
}
