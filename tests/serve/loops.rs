//! Datagrams that answer each other: whatever is fed back, no exchange goes on by itself.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};

use crate::support::{Daemon, is_root, skip, udp, uninterrupted};

/// A daemon of one datagram dialect, and two sockets that talk to it: one that relays, one that asks whether it has
/// come this far.
struct Side {
    _daemon: Daemon,
    relay: UdpSocket,
    probe: UdpSocket,
    /// What the probe says and hears.
    known: (&'static [u8], &'static [u8]),
}

impl Side {
    fn start(dialect: &str) -> Side {
        let daemon = Daemon::start(["udp://127.0.0.1:0", "--dialect", dialect]);
        let known: (&[u8], &[u8]) = match dialect {
            "hello" => (b"probe", b"Hello, probe!"),
            "echo" => (b"probe", b"Echo: probe!"),
            "quiet" => (b"bye", b"bye"),
            _ => unreachable!(),
        };
        let address = daemon.inet();
        Side { _daemon: daemon, relay: udp(address), probe: udp(address), known }
    }

    /// What the daemon answers to `message`, coming from the relay; `None`: nothing.
    fn answer(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        self.relay.send(message).unwrap();
        // The daemon takes one datagram after the other, so that with the answer to this one the other is settled.
        // A source gets but one `bye`, so that a new one asks each time.
        self.probe = udp(self.probe.peer_addr().unwrap());
        self.probe.send(self.known.0).unwrap();
        let mut answer = [0; 2048];
        let n = uninterrupted(|| self.probe.recv(&mut answer)).unwrap();
        assert_eq!(answer[..n], *self.known.1);
        self.relay.set_nonblocking(true).unwrap();
        let result = uninterrupted(|| self.relay.recv(&mut answer));
        self.relay.set_nonblocking(false).unwrap();
        match result {
            Ok(n) => Some(answer[..n].to_vec()),
            Err(e) if e.kind() == ErrorKind::WouldBlock => None,
            Err(e) => panic!("{e}"),
        }
    }
}

/// How many datagrams two daemons exchange after `first`, at most `most`.
fn exchange(one: &str, other: &str, first: &[u8], most: usize) -> usize {
    let mut sides = [Side::start(one), Side::start(other)];
    let mut message = first.to_vec();
    for count in 0..most {
        match sides[count % 2].answer(&message) {
            Some(answer) => message = answer,
            None => return count,
        }
    }
    panic!("{one} and {other} still talk after {most} datagrams, last of {} bytes", message.len())
}

#[test]
fn two_daemons_of_one_dialect_never_get_past_the_first_answer() {
    assert_eq!(exchange("hello", "hello", b"spoofed", 10), 1);
    assert_eq!(exchange("echo", "echo", b"spoofed", 10), 1);
    // To a form of its own there is no answer at all.
    assert_eq!(exchange("hello", "hello", b"Hello, spoofed!", 10), 0);
    assert_eq!(exchange("echo", "echo", b"Echo: spoofed!", 10), 0);
}

#[test]
fn two_quiet_daemons_say_goodbye_to_each_other_once() {
    assert_eq!(exchange("quiet", "quiet", b"bye", 10), 2);
    assert_eq!(exchange("quiet", "quiet", b"anything", 10), 0);
}

#[test]
fn daemons_of_two_dialects_fall_silent_by_themselves() {
    // Each answer is longer than what it answers, until it is too long to be answered.
    let count = exchange("hello", "echo", b"spoofed", 1024 / 7);
    assert!(count > 1, "{count}");
    assert!(exchange("hello", "quiet", b"bye", 10) <= 1);
    assert!(exchange("quiet", "hello", b"bye", 1024) <= 2);
}

#[test]
fn the_ports_of_services_that_answer_anything_are_not_answered() {
    if !is_root() {
        return skip("only root may send from such a port");
    }
    for dialect in ["hello", "echo", "quiet"] {
        let mut side = Side::start(dialect);
        let to = side.relay.peer_addr().unwrap();
        let question = side.known.0;
        assert_eq!(side.answer(question).as_deref(), Some(side.known.1), "any other port is answered");
        for port in [7, 13, 17, 19, 37, 53, 69, 111, 123, 137, 161, 389, 1900, 5353, 11211] {
            // An address of the test's own, since somebody may serve that port here.
            let local = SocketAddr::from(([127, 0, 77, 1], port));
            let socket = match UdpSocket::bind(local) {
                Ok(socket) => socket,
                Err(error) => {
                    skip(&format!("{local}: {error}"));
                    continue;
                }
            };
            socket.connect(to).unwrap();
            side.relay = socket;
            assert_eq!(side.answer(question), None, "port {port} is answered");
        }
    }
}
