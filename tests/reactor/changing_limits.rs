//! Limits that change while they are in use, as a daemon's do when it reads its file again.

use crate::support::*;
use hullo::*;
use std::io::{Read, Write};
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

const ZERO: Duration = Duration::ZERO;

/// A peer of a stream, with how much it has said, and heard of that.
struct Peer {
    socket: UnixStream, // whatever it is, it is read and written like one
    conn: ConnId,
    is_packets: bool,
    said: usize,
    heard: usize,
}

impl Peer {
    fn say(&mut self, most: usize) {
        let most = if self.is_packets { 1 } else { most };
        self.said += (&self.socket).write(part(self.said, most)).unwrap_or(0);
    }

    fn hear(&mut self) {
        let mut buffer = [0; 5000];
        while let Ok(n @ 1..) = (&self.socket).read(&mut buffer) {
            assert!(buffer[..n] == *part(self.heard, n), "{n} bytes at {}", self.heard);
            self.heard += n;
        }
    }
}

/// What stands in the stream from `start` on.
fn part(start: usize, len: usize) -> &'static [u8] {
    static ALL: LazyLock<Vec<u8>> = LazyLock::new(|| (0..=250).cycle().take(300_000).collect());
    &ALL[start % 251..][..len]
}

/// Each bound anything between nothing and everything, but the times, which end no connection here.
fn any_limits(dice: &mut Dice) -> Limits {
    let mut size = || [0, 1, 7, 100, 4096, 70_000, 1 << 20, usize::MAX][dice.roll(8)];
    let mut limits = Limits { read_budget: size(), accepts: size(), datagrams: size(), ..Limits::default() };
    (limits.commands, limits.command_queue, limits.timers) = (size(), size(), size());
    (limits.outbox_low, limits.outbox_high, limits.outbox_cap) = (size(), size(), size());
    (limits.connections, limits.backlog) = (size(), size().min(u32::MAX as usize) as u32);
    let mut time = || [ZERO, Duration::from_secs(3600), Duration::MAX][dice.roll(3)];
    (limits.idle, limits.write_stall, limits.connect, limits.linger) = (time(), time(), time(), time());
    limits
}

fn peers(harness: &mut Harness) -> Vec<Peer> {
    let (_, address) = harness.listen();
    let mut peers = Vec::new();
    for n in 0..9 {
        let is_packets = n % 3 == 2;
        let (socket, conn): (OwnedFd, ConnId) = if n % 3 == 0 {
            let (client, conn) = harness.client(address);
            (client.into(), conn)
        } else {
            let kind = if is_packets { socket2::Type::SEQPACKET } else { socket2::Type::STREAM };
            let (ours, theirs) = socket2::Socket::pair(socket2::Domain::UNIX, kind, None).unwrap();
            let Adopted::Conn(conn) = harness.net().adopt(theirs).unwrap() else { panic!("a stream") };
            (ours.into(), conn)
        };
        let socket = UnixStream::from(socket);
        socket.set_nonblocking(true).unwrap();
        // So that output waits soon; one of TCP that is smaller than a segment would wait for delayed acknowledgements.
        let buffer = if n % 3 == 0 { 100_000 } else { 5000 };
        harness.net().controls(conn).unwrap().set_send_buffer(buffer).unwrap();
        peers.push(Peer { socket, conn, is_packets, said: 0, heard: 0 });
    }
    harness.until("all are open", |reactor, _| reactor.net().stats().opened == 9);
    peers
}

#[test]
fn limits_may_change_at_any_time_and_no_byte_is_lost_nor_a_budget_exceeded() {
    for seed in 1..=10 {
        let mut harness = Harness::new();
        let mut peers = peers(&mut harness);
        let udp = harness.reactor.bind("udp://127.0.0.1:0").unwrap();
        let (sender, target) = (UdpSocket::bind("127.0.0.1:0").unwrap(), udp_addr(&harness.reactor, udp));
        let remote = harness.net().remote();
        harness.net().set_interval(Duration::from_micros(50), 1);
        let mut inner = Dice::new(seed + 1000);
        harness.on(move |net, event| match event {
            Event::Data(conn, bytes) => {
                assert!(net.send(*conn, bytes).is_queued());
                if inner.roll(10) == 0 {
                    net.set_limits(any_limits(&mut inner));
                }
            }
            Event::Timeout(..) if inner.roll(50) == 0 => net.set_limits(any_limits(&mut inner)),
            _ => {}
        });
        let mut dice = Dice::new(seed);
        for _ in 0..300 {
            harness.net().set_limits(any_limits(&mut dice));
            for peer in &mut peers {
                peer.say([1, 10, 3000, 200_000][dice.roll(4)]);
                if dice.roll(3) == 0 {
                    peer.hear();
                }
            }
            let _ = sender.send_to(b"?", target);
            let _ = remote.message(Box::new(1u64));
            harness.turn(ZERO);
            harness.recorder.events.retain(|event| matches!(event, Event::Opened(..) | Event::Closed(..)));
        }
        harness.on(|net, event| {
            if let Event::Data(conn, bytes) = event {
                assert!(net.send(*conn, bytes).is_queued());
            }
        });
        harness.net().set_limits(Limits::default());
        let start = Instant::now();
        while !peers.iter().all(|peer| peer.heard == peer.said) {
            assert!(start.elapsed() < PATIENCE, "seed {seed}: some have not heard all");
            peers.iter_mut().for_each(Peer::hear);
            harness.turn(Duration::from_millis(1));
            harness.recorder.events.retain(|event| matches!(event, Event::Opened(..) | Event::Closed(..)));
        }
        harness.check();
        assert_eq!(harness.recorder.closed(), [], "seed {seed}");
    }
}

/// From large to small while much input waits, and back.
#[test]
fn a_read_budget_that_changes_holds_from_the_next_turn_on() {
    let mut harness = Harness::new();
    let mut peers = peers(&mut harness);
    harness.recorder.keeps_data = false;
    for budget in [64 * 1024, 16, 1000, 300_000, 1] {
        harness.net().set_limits(Limits { read_budget: budget, ..Limits::default() });
        for _ in 0..20 {
            peers.iter_mut().for_each(|peer| peer.say(100_000));
            let before: Vec<u64> =
                peers.iter().map(|peer| harness.net().info(peer.conn).unwrap().bytes_in).collect();
            harness.turn(ZERO);
            for (peer, before) in peers.iter().zip(before) {
                let read = harness.net().info(peer.conn).unwrap().bytes_in - before;
                assert!(read <= budget as u64, "{read} bytes of {budget}");
            }
        }
    }
}

/// As long as the budget allows, whatever it was when the reactor was made.
#[test]
fn the_longest_record_goes_with_the_read_budget() {
    let mut harness = Harness::with_limits(Limits { read_budget: 10, ..Limits::default() });
    let kind = socket2::Type::SEQPACKET;
    let (ours, theirs) = socket2::Socket::pair(socket2::Domain::UNIX, kind, None).unwrap();
    let Adopted::Conn(conn) = harness.net().adopt(theirs).unwrap() else { panic!("a stream") };
    harness.net().set_limits(Limits { read_budget: 200_000, ..Limits::default() });
    ours.send(&pattern(120_000)).unwrap();
    harness.until("it is read", |_, recorder| recorder.data(conn) == pattern(120_000));
    harness.net().set_limits(Limits { read_budget: 10, ..Limits::default() });
    ours.send(b"12345678901").unwrap();
    assert_eq!(harness.until_closed(conn).error, Some(std::io::ErrorKind::InvalidData));
}

#[test]
fn what_cannot_change_is_told_as_it_is() {
    let mut reactor = Reactor::with_limits(Limits { command_queue: 5, ..Limits::default() }).unwrap();
    reactor.net().set_limits(Limits { command_queue: 7, timers: 0, ..Limits::default() });
    assert_eq!((reactor.net().limits().command_queue, reactor.net().limits().timers), (5, 1));
}

/// Whoever was told that something waits is told when that is over, by whichever mark it was said.
#[test]
fn output_low_is_owed_although_the_low_mark_rose_meanwhile() {
    let raised = || Limits { outbox_low: 32 * 1024, ..Limits::default() };
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    harness.on(move |net, event| {
        if let Event::Data(conn, _) = event {
            assert_eq!(net.send(*conn, [1; 20_000]), Sent::Queued(20_000));
            net.set_limits(raised());
            assert_eq!(net.send(*conn, [2; 10_000]), Sent::Queued(0), "of another mark");
        }
    });
    let (mut client, conn) = harness.client(address);
    client.write_all(b"?").unwrap();
    let mut got = vec![0; 30_000];
    harness.until("it is told", |_, recorder| recorder.has(&Event::OutputLow(conn)));
    harness.turn_for(Duration::from_millis(5));
    client.read_exact(&mut got).unwrap();
    assert!(got == [[1; 20_000].as_slice(), &[2; 10_000]].concat(), "in order");

    harness.net().set_limits(Limits::default());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let early = harness.net().connect(address.as_str()).unwrap();
    assert_eq!(harness.net().send(early, [1; 20_000]), Sent::Queued(20_000));
    harness.net().set_limits(raised());
    harness.until("it is told", |_, recorder| recorder.has(&Event::OutputLow(early)));
    harness.turn_for(Duration::from_millis(5));
    assert_eq!(harness.recorder.count(|event| matches!(event, Event::OutputLow(_))), 2, "once each");
}

/// A limit that is over before the loop has turned.
#[test]
fn silence_of_nearly_no_length_is_no_reason_to_spin() {
    for idle in [Duration::from_nanos(1), Duration::from_micros(100)] {
        let mut harness = Harness::new();
        let (_, address) = harness.listen();
        let (_client, conn) = harness.client(address);
        harness.net().pause_reading(conn); // so that it is no silence of the peer's
        harness.net().set_limits(Limits { idle, ..Limits::default() });
        let before = harness.stats().turns;
        harness.turn_for(Duration::from_millis(50));
        let turns = harness.stats().turns - before;
        assert!(turns < 200, "{turns} turns in 50 ms");
        harness.net().resume_reading(conn);
        assert_eq!(harness.until_closed(conn).reason, CloseReason::Idle);
    }
}
