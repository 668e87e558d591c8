//! No peer decides how much memory we use: what waits for one that asks for much and reads nothing is bounded while the
//! callback runs as well.

use crate::counting::peak;
use crate::support::*;
use hullo::*;
use std::io::{Read, Write};
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

const QUESTION: usize = 20;
const QUESTIONS: usize = 3000;
const ANSWER: usize = 100_000;

/// What else is allocated meanwhile: the scratch, the growth of the outbox, the harness's notes.
const SLACK: usize = 1 << 20;

/// How a handler comes to answer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Send,
    SendWith,
    /// From a callback about something else.
    Later,
    /// It heeds what waits, and goes on when it is told to.
    Heedful,
}

struct Generous {
    way: Way,
    owed: usize,
    answer: Vec<u8>,
    conn: Option<ConnId>,
    closing: usize,
    closed: Vec<Closed>,
}

impl Generous {
    fn new(way: Way) -> Generous {
        Generous { way, owed: 0, answer: pattern(ANSWER), conn: None, closing: 0, closed: Vec::new() }
    }

    fn give(&mut self, net: &mut Net, conn: ConnId) {
        while self.owed > 0 {
            self.owed -= 1;
            let sent = match self.way {
                Way::SendWith => net.send_with(conn, |out| out.extend_from_slice(&self.answer)),
                _ => net.send(conn, &self.answer),
            };
            self.closing += (sent == Sent::Closing) as usize;
            if self.way == Way::Heedful && !sent.is_below(64 * 1024) {
                return;
            }
        }
    }
}

impl Handler for Generous {
    fn opened(&mut self, _: &mut Net, conn: ConnId, _: Origin) {
        self.conn = Some(conn);
    }

    fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
        self.owed += bytes.len() / QUESTION;
        match self.way {
            Way::Later => drop(net.set_timer(Duration::ZERO, 0)),
            _ => self.give(net, conn),
        }
    }

    fn timeout(&mut self, net: &mut Net, _: TimerId, _: u64) {
        if let Some(conn) = self.conn {
            self.give(net, conn);
        }
    }

    fn output_low(&mut self, net: &mut Net, conn: ConnId) {
        self.give(net, conn);
    }

    fn closed(&mut self, _: &mut Net, _: ConnId, closed: Closed) {
        self.closed.push(closed);
    }
}

fn turn_until(reactor: &mut Reactor, handler: &mut Generous, done: impl Fn(&Generous) -> bool) {
    let start = std::time::Instant::now();
    while !done(handler) {
        assert!(start.elapsed() < PATIENCE);
        reactor.turn(handler, Some(Duration::from_millis(10))).unwrap();
    }
}

fn pair(reactor: &mut Reactor, is_unix: bool) -> OwnedFd {
    if is_unix {
        let (ours, theirs) = UnixStream::pair().unwrap();
        reactor.net().adopt(theirs).unwrap();
        return ours.into();
    }
    let listener = reactor.listen("tcp://127.0.0.1:0").unwrap();
    connect(tcp_addr(reactor, listener)).into()
}

#[test]
fn a_peer_that_asks_for_much_and_reads_nothing_costs_the_cap_and_one_send() {
    for way in [Way::Send, Way::SendWith, Way::Later] {
        for is_unix in [false, true] {
            let mut reactor = Reactor::new().unwrap();
            let most = reactor.net().limits().outbox_cap + ANSWER + SLACK;
            let mut handler = Generous::new(way);
            let peer: UnixStream = pair(&mut reactor, is_unix).into();
            turn_until(&mut reactor, &mut handler, |handler| handler.conn.is_some());
            (&peer).write_all(&[b'?'; QUESTION * QUESTIONS]).unwrap();
            let ((), peak) =
                peak(|| turn_until(&mut reactor, &mut handler, |handler| !handler.closed.is_empty()));
            assert!(peak <= most, "{way:?}, unix: {is_unix}: {peak} bytes");
            assert_eq!(handler.closed.len(), 1);
            let closed = &handler.closed[0];
            assert_eq!(closed.reason, CloseReason::OverCap, "{way:?}, unix: {is_unix}");
            assert!(closed.unsent as usize <= reactor.net().limits().outbox_cap + ANSWER, "{closed:?}");
            assert!(handler.closing > 0, "it was told");
        }
    }
}

/// Its length is kept beside each record, which is little even beside one of a byte.
#[test]
fn the_smallest_records_cost_no_more_than_twice_the_cap() {
    let mut reactor = Reactor::new().unwrap();
    let cap = reactor.net().limits().outbox_cap;
    let (_peer, socket) =
        socket2::Socket::pair(socket2::Domain::UNIX, socket2::Type::SEQPACKET, None).unwrap();
    let Adopted::Conn(conn) = reactor.net().adopt(socket).unwrap() else { panic!("a stream") };
    let (records, peak) = peak(|| (0..).find(|_| !reactor.net().send(conn, b"!").is_queued()).unwrap());
    assert!(records > cap);
    assert!(peak < 2 * cap + SLACK, "{peak} bytes for {records} records");
}

/// The same questions, a handler that stops at its own mark, and a peer that reads: all is answered.
#[test]
fn a_heedful_handler_answers_all_of_it_within_its_own_mark() {
    let mut reactor = Reactor::new().unwrap();
    let mut handler = Generous::new(Way::Heedful);
    let peer: UnixStream = pair(&mut reactor, false).into();
    turn_until(&mut reactor, &mut handler, |handler| handler.conn.is_some());
    (&peer).write_all(&[b'?'; QUESTION * QUESTIONS]).unwrap();
    let reading = std::thread::spawn(move || {
        let (mut got, mut buffer) = (0, vec![0; 1 << 20]);
        while got < ANSWER * QUESTIONS {
            got += (&peer).read(&mut buffer).unwrap();
        }
        got
    });
    let conn = handler.conn.unwrap();
    let ((), peak) = peak(|| {
        while !reading.is_finished() {
            reactor.turn(&mut handler, Some(Duration::from_millis(10))).unwrap();
            assert!(reactor.net().waiting(conn) < 64 * 1024 + ANSWER);
        }
    });
    assert_eq!(reading.join().unwrap(), ANSWER * QUESTIONS);
    assert!(peak < SLACK, "{peak} bytes");
}

/// Datagrams do not wait at all: however many one callback sends, only a batch is kept.
#[test]
fn a_datagram_that_is_answered_with_very_many_costs_one_batch() {
    struct Flooding(usize);
    impl Handler for Flooding {
        fn data(&mut self, _: &mut Net, _: ConnId, _: &[u8]) {}
        fn datagram(&mut self, net: &mut Net, udp: DatagramId, datagram: &Datagram<'_>) {
            let answer = vec![7; 60_000];
            for _ in 0..5000 {
                net.reply(udp, datagram, &answer);
                self.0 += 1;
            }
        }
    }
    let mut reactor = Reactor::new().unwrap();
    let udp = reactor.bind("udp://127.0.0.1:0").unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(b"?", udp_addr(&reactor, udp)).unwrap();
    let mut handler = Flooding(0);
    let ((), peak) = peak(|| {
        let start = std::time::Instant::now();
        while handler.0 == 0 {
            assert!(start.elapsed() < PATIENCE);
            reactor.turn(&mut handler, Some(Duration::from_millis(10))).unwrap();
        }
    });
    assert!(peak < SLACK, "{peak} bytes");
}
