//! A drain where as many clients as the limit allows are connected, and more wait or go on coming.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::support::{Daemon, PATIENCE, Peer, Serve, TempDir, udp};

#[test]
fn clients_who_wait_at_the_limit_with_their_requests_sent_are_answered_like_the_others() {
    let dir = TempDir::new();
    for address in ["tcp://127.0.0.1:0".to_owned(), dir.unix("s")] {
        let mut daemon = Daemon::start([address, "--max-connections".to_owned(), "2".to_owned()]);
        let served = [daemon.welcomed(), daemon.welcomed()];
        let mut waiting: Vec<_> = (0..12).map(|_| daemon.connect()).collect();
        for (number, client) in waiting.iter_mut().enumerate() {
            client.send(format!("w{number}\n"));
        }
        daemon.signal("TERM");
        for mut client in served {
            client.expect_last("");
        }
        for (number, mut client) in waiting.into_iter().enumerate() {
            client.expect_last(format!("Welcome!Hello, w{number}!\n"));
        }
        assert_eq!(daemon.exit_code(PATIENCE), Some(0), "{}", daemon.stderr());
        assert!(!daemon.stderr().contains("let in again"), "nobody is: {}", daemon.stderr());
    }
}

#[test]
fn clients_who_go_on_coming_do_not_hold_the_end_up() {
    let dir = TempDir::new();
    for address in ["tcp://127.0.0.1:0".to_owned(), dir.unix("s")] {
        let listen = format!("[[listen]]\naddress = {address:?}\n");
        let limits = "[limits]\nconnections = 2\nbacklog = 16\ndrain = \"10m\"\n";
        let config = dir.write("hullo.toml", format!("{listen}{limits}"));
        let mut daemon = Serve::new(["--config", &config]).sockets(1).start();
        let address = daemon.listening[0].address.clone();
        let (over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
        let status = thread::scope(|scope| {
            for _ in 0..6 {
                // Until it comes too late, and is refused or reset with the rest of the backlog.
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) && is_answered(&address) {
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            daemon.wait_for_log("as many clients as the limit allows");
            daemon.signal("TERM");
            let status = daemon.wait(PATIENCE);
            over.store(true, Ordering::Relaxed);
            status
        });
        assert_eq!(status.and_then(|status| status.code()), Some(0), "{}", daemon.stderr());
        assert!(answered.into_inner() > 0, "nobody was answered");
    }
}

fn is_answered(address: &str) -> bool {
    let Ok(mut client) = Peer::try_connect(address) else { return false };
    client.write_all(b"in time\n").and_then(|()| client.read(&mut [0; 100])).is_ok_and(|length| length > 0)
}

/// A stream that is left over from before a reload, with a client who does not end it, keeps the drain waiting.
#[test]
fn the_first_signal_is_no_second_one_where_a_farewell_has_begun_the_drain() {
    let dir = TempDir::new();
    let datagrams = "[[listen]]\naddress = \"udp://127.0.0.1:0\"\ndialect = \"stopping\"\n\
                     [dialects.stopping]\nfarewell = \"bye\"\nstop_on_farewell = true\n";
    let stream = format!("[[listen]]\naddress = {:?}\n", dir.unix("s"));
    let config = dir.write("hullo.toml", format!("{datagrams}{stream}"));
    let mut daemon = Serve::new(["--config", &config]).sockets(2).start();
    let mut client = Peer::connect(&dir.unix("s"));
    client.expect("Welcome!");
    dir.write("hullo.toml", datagrams);
    daemon.signal("HUP");
    daemon.wait_for_log("reloaded: closed unix:");
    let sender = udp(daemon.listening[0].inet());
    sender.send(b"bye").unwrap();
    daemon.wait_for_log("draining 1 client");
    daemon.signal("TERM");
    client.expect_last("");
    assert_eq!(daemon.exit_code(PATIENCE), Some(0), "{}", daemon.stderr());
}
