//! What is seen only from inside: tokens, and the order within one batch of events.
//!
//! An event with any token at all is made by registering a pipe under that token: it takes the same way as every
//! other event.

use super::*;
use crate::reactor::slots::Key;
use crate::reactor::sys::ForeignFd;
use std::io::{PipeWriter, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

const ZERO: Duration = Duration::ZERO;
const PATIENCE: Duration = Duration::from_secs(20);

/// Writes down every callback; with `closes`, the first one served ends the other.
#[derive(Default)]
struct Witness {
    opened: Vec<ConnId>,
    data: Vec<(ConnId, Vec<u8>)>,
    closed: Vec<(ConnId, CloseReason)>,
    other_calls: usize,
    pair: Vec<ConnId>,
    aborts: bool,
}

impl Handler for Witness {
    fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
        self.data.push((conn, bytes.to_vec()));
        if self.pair.contains(&conn) {
            for &other in self.pair.iter().filter(|&&other| other != conn) {
                let _ = if self.aborts { net.abort(other) } else { net.close(other) };
            }
        }
    }

    fn opened(&mut self, _: &mut Net, conn: ConnId, _: Origin) {
        self.opened.push(conn);
    }

    fn closed(&mut self, _: &mut Net, conn: ConnId, closed: Closed) {
        self.closed.push((conn, closed.reason));
    }

    fn datagram(&mut self, _: &mut Net, _: DatagramId, _: &Datagram<'_>) {
        self.other_calls += 1;
    }

    fn timeout(&mut self, _: &mut Net, _: TimerId, _: u64) {
        self.other_calls += 1;
    }

    fn ready(&mut self, _: &mut Net, _: FdId, _: Readiness) {
        self.other_calls += 1;
    }
}

fn listening() -> (Reactor, ListenerId, SocketAddr) {
    let mut reactor = Reactor::new().unwrap();
    let listener = reactor.listen("tcp://127.0.0.1:0").unwrap();
    let address = reactor.local_addr(listener).unwrap().to_string();
    (reactor, listener, address.strip_prefix("tcp://").unwrap().parse().unwrap())
}

fn until(reactor: &mut Reactor, witness: &mut Witness, done: impl Fn(&Witness, &Stats) -> bool) {
    let start = Instant::now();
    while !done(witness, &reactor.net().stats()) {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {:?}", reactor.net().stats());
        reactor.turn(witness, Some(Duration::from_millis(10))).unwrap();
    }
}

fn client(reactor: &mut Reactor, witness: &mut Witness, address: SocketAddr) -> (TcpStream, ConnId) {
    let before = witness.opened.len();
    let client = TcpStream::connect(address).unwrap();
    until(reactor, witness, |witness, _| witness.opened.len() > before);
    (client, witness.opened[before])
}

/// An event is due for `key`; it lasts until the pipe is dropped.
fn forge(reactor: &mut Reactor, key: Key) -> (ForeignFd, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"!").unwrap();
    let mut reader = ForeignFd(reader.into());
    reactor.net().poller.register(&mut reader, key.0, Interest::READABLE).unwrap();
    (reader, writer)
}

/// I1.
#[test]
fn a_stale_or_forged_token_reaches_nobody() {
    let (mut reactor, listener, address) = listening();
    let witness = &mut Witness::default();
    let (_first, old) = client(&mut reactor, witness, address);
    reactor.net().abort(old);
    until(&mut reactor, witness, |witness, _| witness.closed.len() == 1);
    let (_second, new) = client(&mut reactor, witness, address);
    assert_eq!(old.0.index(), new.0.index(), "the place is used again");
    let udp = reactor.bind("udp://127.0.0.1:0").unwrap();
    assert!(reactor.net().close_datagrams(udp));
    let far_timer = reactor.net().set_timer(Duration::from_secs(3600), 1);

    let beside = Key(new.0.0 + 1);
    let next_generation = Key(new.0.0 + (1 << 24));
    let forged = [old.0, udp.0, beside, next_generation, Key(u64::MAX), Key(2), Key(1 << 23)];
    for (i, key) in forged.into_iter().enumerate() {
        let before = reactor.net().stats();
        let mut pipe = forge(&mut reactor, key);
        until(&mut reactor, witness, |_, stats| stats.events > before.events);
        let after = reactor.net().stats();
        assert_eq!(after.stale_events - before.stale_events, 1, "{i}: counted");
        assert_eq!(after.reads, before.reads, "{i}: nobody was read");
        reactor.net().poller.deregister(&mut pipe.0);
    }
    assert_eq!((witness.data.len(), witness.closed.len(), witness.other_calls), (0, 1, 0));
    assert_eq!(reactor.net().connections().collect::<Vec<_>>(), [new]);

    // The two reserved tokens are no stale events, and do nothing by themselves.
    for key in [Key(0), Key(1)] {
        let before = reactor.net().stats();
        let mut pipe = forge(&mut reactor, key);
        until(&mut reactor, witness, |_, stats| stats.events > before.events);
        assert_eq!(reactor.net().stats().stale_events, before.stale_events);
        reactor.net().poller.deregister(&mut pipe.0);
    }
    assert_eq!(witness.other_calls, 0);

    // The id of one kind is no id of another, whatever its bits.
    let net = reactor.net();
    let udp = net.bind("udp://127.0.0.1:0").unwrap();
    let fd = net.watch(std::io::pipe().unwrap().0).unwrap();
    let before = net.stats();
    for bits in [listener.to_bits(), udp.to_bits(), fd.to_bits(), far_timer.to_bits()] {
        let conn = ConnId::from_bits(bits);
        assert_eq!(net.send(conn, b"x"), Sent::Gone);
        assert!(!net.close(conn) && !net.abort(conn) && !net.shutdown_write(conn));
        assert!(!net.pause_reading(conn) && !net.limit_reads(conn, 1) && net.origin(conn).is_none());
    }
    assert!(!net.close_listener(ListenerId::from_bits(new.to_bits())));
    assert!(!net.close_datagrams(DatagramId::from_bits(listener.to_bits())));
    assert!(net.unwatch(FdId::from_bits(udp.to_bits())).is_none());
    assert!(net.watched(FdId::from_bits(new.to_bits())).is_none());
    assert_eq!(net.stats().dead_ids - before.dead_ids, 4 * 6 + 2);
    assert!(net.cancel_timer(far_timer));
    reactor.turn(witness, Some(ZERO)).unwrap();
    assert_eq!((witness.closed.len(), reactor.net().connections().count()), (1, 1));
    assert!(reactor.local_addr(listener).is_ok() && reactor.local_addr(udp).is_ok());
}

/// I2. The poller may tell of the two in either order: whoever comes first ends the other.
#[test]
fn a_closes_b_while_bs_event_waits() {
    for aborts in [true, false] {
        let (mut reactor, _, address) = listening();
        let witness = &mut Witness { aborts, ..Witness::default() };
        let (mut one, one_id) = client(&mut reactor, witness, address);
        let (mut two, two_id) = client(&mut reactor, witness, address);
        witness.pair = vec![one_id, two_id];
        one.write_all(b"one").unwrap();
        two.write_all(b"two").unwrap();
        let _newer = TcpStream::connect(address).unwrap();
        // On loopback all three have arrived, so that one batch has them.
        let before = reactor.net().stats();
        reactor.turn(witness, Some(ZERO)).unwrap();
        let after = reactor.net().stats();
        assert!(after.events - before.events >= 3, "one batch: {after:?}");
        assert_eq!(witness.data.len(), 1, "the second is not served: {:?}", witness.data);
        assert_eq!(after.stale_events, before.stale_events, "its place was kept until the batch was over");
        assert_eq!(witness.opened.len(), 3);
        let (served, newer) = (witness.data[0].0, witness.opened[2]);
        let ended = if served == one_id { two_id } else { one_id };
        assert_ne!(newer.0.index(), ended.0.index(), "nobody moved in before the batch was over");
        drop((one, two));
        until(&mut reactor, witness, |witness, _| witness.closed.len() == 2);
        let of_ended: Vec<_> = witness.closed.iter().filter(|(conn, _)| *conn == ended).collect();
        assert_eq!(of_ended, [&(ended, CloseReason::ByUs)]);
        assert_eq!(witness.data.len(), 1);
        assert!(witness.closed.iter().all(|(conn, _)| *conn != newer));
    }
}

#[test]
fn accepted_sockets_inherit_tcp_nodelay() {
    let (mut reactor, _, address) = listening();
    let witness = &mut Witness::default();
    let (plain, conn) = client(&mut reactor, witness, address);
    assert!(!plain.nodelay().unwrap(), "it is not the default of the system");
    let socket = &reactor.net().stream_mut(conn.0).unwrap().socket;
    assert!(Controls(socket.as_fd()).nodelay().unwrap());
}

/// I11: what all streams share does not keep the size of the largest answer.
#[test]
fn the_scratch_gives_a_large_answers_memory_back() {
    struct Large;
    impl Handler for Large {
        fn data(&mut self, net: &mut Net, conn: ConnId, _: &[u8]) {
            for _ in 0..32 {
                net.send(conn, [7; 60_000]);
            }
            net.send(conn, vec![7; 16 << 20]);
            net.abort(conn);
        }
    }
    let (mut reactor, _, address) = listening();
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"x").unwrap();
    let start = Instant::now();
    while reactor.net().stats().closed == 0 {
        assert!(start.elapsed() < PATIENCE);
        reactor.turn(&mut Large, Some(Duration::from_millis(10))).unwrap();
    }
    assert!(reactor.net().scratch.capacity() <= 1 << 20, "{}", reactor.net().scratch.capacity());
}

/// I12: what a panic below the handler was for is closed if it is a stream, and served on if it is anything else.
#[test]
fn a_panic_below_the_handler_ends_no_other_source() {
    let (mut reactor, listener, address) = listening();
    let witness = &mut Witness::default();
    let (_client, conn) = client(&mut reactor, witness, address);
    let udp = reactor.bind("udp://127.0.0.1:0").unwrap();
    let udp_address = reactor.local_addr(udp).unwrap().to_string();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let watched = reactor.net().watch(reader).unwrap();
    let dialled = reactor.net().connect(format!("tcp://{address}").as_str()).unwrap();
    let net = reactor.net();
    net.serving = conn.0;
    net.scratch.extend_from_slice(b"what it had not yet written");
    for key in [conn.0, listener.0, udp.0, watched.0, dialled.0] {
        net.contained(key, |_| panic!("this one is meant"));
    }
    assert!(net.scratch.is_empty(), "nobody else is sent it");
    assert_eq!(net.stats().panics, 5);
    until(&mut reactor, witness, |witness, stats| witness.closed.len() == 1 && stats.connect_failures == 1);
    assert_eq!(witness.closed, [(conn, CloseReason::Io)]);

    let (_other, _) = client(&mut reactor, witness, address);
    let asker = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    asker.send_to(b"here?", udp_address.strip_prefix("udp://").unwrap()).unwrap();
    until(&mut reactor, witness, |_, stats| stats.datagrams_in == 1);
    let before = witness.other_calls;
    writer.write_all(b"!").unwrap();
    until(&mut reactor, witness, |witness, _| witness.other_calls > before);
}
