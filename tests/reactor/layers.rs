//! A layer between wire and handler: one of this test's own, on either side of a connection.

use crate::support::*;
use hullo::{Adopted, CloseReason, ConnId, Layer, LayerError, Limits, Net, Origin, Progress, Sent};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Either side begins with `HI`; from then on letters change their case on the wire, and `.` is the end of a side.
#[derive(Default)]
pub struct Case {
    greeting: Vec<u8>,
    has_greeted: bool,
    has_ended: bool,
}

const END: u8 = b'.';

fn change(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.iter().map(|byte| byte ^ 0x20)
}

impl Layer for Case {
    fn receive(
        &mut self,
        wire: &mut [u8],
        plain: &mut Vec<u8>,
        wire_out: &mut Vec<u8>,
    ) -> Result<Progress, LayerError> {
        if !std::mem::replace(&mut self.has_greeted, true) {
            wire_out.extend_from_slice(b"HI");
        }
        let (greeting, rest) = wire.split_at(wire.len().min(2 - self.greeting.len()));
        self.greeting.extend_from_slice(greeting);
        if self.greeting.len() == 2 && self.greeting != b"HI" {
            wire_out.extend_from_slice(b"WHO?");
            let error = io::Error::new(io::ErrorKind::InvalidData, "no greeting");
            return Err(LayerError { reason: CloseReason::TlsHandshake, error });
        }
        let end = rest.iter().position(|byte| *byte == END);
        plain.extend(change(&rest[..end.unwrap_or(rest.len())]));
        self.has_ended |= end.is_some();
        Ok(match (self.greeting.len(), self.has_ended) {
            (2, true) => Progress::PeerEnded,
            (2, false) => Progress::Open,
            _ => Progress::Handshake,
        })
    }

    fn send(&mut self, plain: &[u8], wire_out: &mut Vec<u8>) -> Result<(), LayerError> {
        wire_out.extend(change(plain));
        Ok(())
    }

    fn finish(&mut self, wire_out: &mut Vec<u8>) {
        wire_out.push(END);
    }

    fn wire_ended(&mut self) -> Result<(), LayerError> {
        if self.has_ended {
            return Ok(());
        }
        let error = io::Error::from(io::ErrorKind::UnexpectedEof);
        Err(LayerError { reason: CloseReason::TlsTruncated, error })
    }
}

pub fn case() -> io::Result<Box<dyn Layer>> {
    Ok(Box::new(Case::default()))
}

/// A listener with layers, and a bare client of it.
pub fn layered(limits: Limits) -> (Harness, TcpStream) {
    let mut harness = Harness::with_limits(limits);
    let (listener, address) = harness.listen();
    assert!(harness.net().put_layers(listener, case));
    (harness, connect(address))
}

pub fn greeted(limits: Limits) -> (Harness, TcpStream, ConnId) {
    let (mut harness, mut client) = layered(limits);
    client.write_all(b"HI").unwrap();
    harness.until("it is opened", |_, recorder| !recorder.opened().is_empty());
    let conn = harness.recorder.opened()[0];
    let mut greeting = [0; 2];
    client.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"HI");
    (harness, client, conn)
}

/// All that the server says, to its end, while it turns.
pub fn rest_of(harness: &mut Harness, client: &mut TcpStream) -> Vec<u8> {
    let mut heard = Vec::new();
    harness.until("the server has ended", |_, _| read_some(client, &mut heard).unwrap());
    heard
}

#[test]
fn opened_is_told_when_the_layer_is_open_and_data_is_plaintext() {
    let (mut harness, mut client) = layered(Limits::default());
    harness.turn_for(Duration::from_millis(20));
    assert!(harness.recorder.events.is_empty(), "connected is not opened");
    harness.echo();
    client.write_all(b"H").unwrap();
    harness.turn_for(Duration::from_millis(20));
    client.write_all(b"Ihello").unwrap();
    harness.until("it is heard", |_, recorder| recorder.events.len() == 2);
    let conn = harness.recorder.opened()[0];
    assert_eq!(harness.recorder.events[1], Event::Data(conn, b"HELLO".to_vec()), "opened came first");
    client.write_all(b"again.").unwrap();
    assert_eq!(rest_of(&mut harness, &mut client), b"HIhelloagain.");
    assert!(harness.recorder.has(&Event::Eof(conn)), "the peer's end is its word, not its FIN");
    assert_eq!(harness.until_closed(conn).reason, CloseReason::PeerClosed);
}

#[test]
fn an_end_of_the_wire_that_was_not_announced_is_told_as_such() {
    let (mut harness, mut client, conn) = greeted(Limits::default());
    client.write_all(b"cut").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let end = harness.until_closed(conn);
    assert_eq!((end.reason, end.error), (CloseReason::TlsTruncated, Some(io::ErrorKind::UnexpectedEof)));
    assert_eq!(harness.recorder.data(conn), b"CUT");
    assert!(!harness.recorder.has(&Event::Eof(conn)));
    assert_eq!(rest_of(&mut harness, &mut client), b"", "after an error nothing is promised");
}

#[test]
fn a_layer_that_fails_has_its_last_word_and_the_handler_never_hears_of_the_client() {
    let (mut harness, mut client) = layered(Limits::default());
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(rest_of(&mut harness, &mut client), b"HIWHO?");
    harness.until("it is freed", |reactor, _| reactor.stats().connections == 0);
    assert!(harness.recorder.events.is_empty(), "{:?}", harness.recorder.events);
}

#[test]
fn who_never_greets_is_closed_in_time() {
    let limits = Limits { handshake: Duration::from_millis(100), ..Limits::default() };
    let (mut harness, mut client) = layered(limits);
    let begin = std::time::Instant::now();
    assert_eq!(rest_of(&mut harness, &mut client), b"HI");
    assert!(begin.elapsed() >= Duration::from_millis(90), "{:?}", begin.elapsed());
    drop(client);
    harness.until("it is freed", |reactor, _| reactor.stats().connections == 0);

    let (mut harness, _client, conn) =
        greeted(Limits { handshake: Duration::from_millis(500), ..Limits::default() });
    harness.turn_for(Duration::from_millis(600));
    assert_eq!(harness.recorder.reason(conn), None, "an open one has all the time there is");
}

#[test]
fn every_close_announces_our_end() {
    for close in [
        (|net: &mut Net, conn| assert!(net.close(conn))) as fn(&mut Net, ConnId),
        |net, conn| assert!(net.shutdown_write(conn)),
        |net, _| net.drain(Duration::from_secs(5)),
    ] {
        let (mut harness, mut client, conn) = greeted(Limits::default());
        harness.net().send(conn, b"last");
        close(harness.net(), conn);
        assert_eq!(rest_of(&mut harness, &mut client), b"LAST.");
        client.write_all(b".").unwrap();
        drop(client);
        harness.until_closed(conn);
    }
    let limits = Limits { idle: Duration::from_millis(300), ..Limits::default() };
    let (mut harness, mut client, conn) = greeted(limits);
    assert_eq!(rest_of(&mut harness, &mut client), b".");
    assert_eq!(harness.until_closed(conn).reason, CloseReason::Idle);
}

#[test]
fn what_is_sent_before_a_call_is_open_goes_out_when_it_is() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for asks_early in [false, true] {
        let mut harness = Harness::new();
        let net = harness.net();
        let conn = net.connect(server.local_addr().unwrap()).unwrap();
        if asks_early {
            net.send(conn, b"early ");
        }
        assert!(net.put_layer(conn, Box::new(Case::default())));
        assert!(!net.put_layer(conn, Box::new(Case::default())), "one is enough");
        net.send(conn, b"bird");
        assert!(net.shutdown_write(conn));
        let (mut peer, _) = server.accept().unwrap();
        harness.turn_for(Duration::from_millis(20));
        assert!(harness.recorder.events.is_empty());
        peer.write_all(b"HI").unwrap();
        harness.until("it is opened", |_, recorder| !recorder.opened().is_empty());
        assert_eq!(harness.recorder.events[0], Event::Opened(conn, Origin::Connected));
        assert!(harness.net().layer::<Case>(conn).is_some_and(|case| case.has_greeted));
        let heard = rest_of(&mut harness, &mut peer);
        let wanted: &[u8] = if asks_early { b"HIEARLY\0BIRD." } else { b"HIBIRD." };
        assert_eq!(heard, wanted, "{}", String::from_utf8_lossy(&heard));
        peer.write_all(b"bye.").unwrap();
        assert_eq!(harness.until_closed(conn).reason, CloseReason::PeerClosed);
        assert_eq!(harness.recorder.data(conn), b"BYE");
    }
}

#[test]
fn a_call_whose_layer_comes_to_nothing_has_failed_once() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let limits = Limits { handshake: Duration::from_millis(500), ..Limits::default() };
    let answers: [(&[u8], _); 3] = [
        (b"NO", io::ErrorKind::InvalidData),
        (b"", io::ErrorKind::TimedOut),
        (b"H", io::ErrorKind::UnexpectedEof),
    ];
    for (answer, kind) in answers {
        let mut harness = Harness::with_limits(limits.clone());
        let conn = harness.net().connect(server.local_addr().unwrap()).unwrap();
        harness.net().put_layer(conn, Box::new(Case::default()));
        harness.net().send(conn, b"never heard");
        let (mut peer, _) = server.accept().unwrap();
        peer.write_all(answer).unwrap();
        if kind == io::ErrorKind::UnexpectedEof {
            peer.shutdown(std::net::Shutdown::Write).unwrap();
        }
        let mut heard = Vec::new();
        harness.until("it has failed", |_, recorder| {
            let _ = read_some(&mut peer, &mut heard);
            !recorder.events.is_empty()
        });
        let [Event::ConnectFailed(failed, told, _)] = &harness.recorder.events[..] else {
            panic!("{:?}", harness.recorder.events)
        };
        assert_eq!((*failed, *told), (conn, kind), "{answer:?}");
        assert_eq!(harness.stats().connect_failures, 1);
        harness.turn_for(Duration::from_millis(10));
        assert_eq!(harness.recorder.events.len(), 1);
    }
}

#[test]
fn a_peer_that_never_reads_costs_the_cap_and_one_send() {
    let (mut harness, client, conn) = greeted(Limits::default());
    let piece = vec![b'a'; 100_000];
    let mut most = 0;
    while let Sent::Queued(waiting) = harness.net().send(conn, &piece) {
        most = most.max(waiting);
        harness.turn(Duration::ZERO);
    }
    assert!(most <= Limits::default().outbox_cap + piece.len(), "{most}");
    assert_eq!(harness.until_closed(conn).reason, CloseReason::OverCap);
    drop(client);
}

#[test]
fn output_low_follows_what_was_said_to_wait() {
    let (mut harness, mut client, conn) = greeted(Limits::default());
    let waiting = harness.net().send(conn, vec![b'a'; 900_000]).waiting();
    assert!(waiting >= 900_000, "{waiting}");
    let mut heard = Vec::new();
    harness.until("all has come", |_, _| {
        assert!(!read_some(&mut client, &mut heard).unwrap());
        heard.len() == 900_000
    });
    harness.until("it is told", |_, recorder| recorder.has(&Event::OutputLow(conn)));
    assert!(heard.iter().all(|byte| *byte == b'A'));
    assert_eq!(harness.net().waiting(conn), 0);
}

#[test]
fn handshakes_take_their_turns() {
    let mut harness = Harness::with_limits(Limits { handshakes: 4, ..Limits::default() });
    let (listener, address) = harness.listen();
    harness.net().put_layers(listener, case);
    let mut clients: Vec<_> = (0..40).map(|_| connect(address)).collect();
    harness.until("all are accepted", |reactor, _| reactor.stats().connections == 40);
    clients.iter_mut().for_each(|client| client.write_all(b"HI").unwrap());
    let mut opened = 0;
    while opened < 40 {
        harness.turn(Duration::from_secs(5));
        let now = harness.recorder.opened().len();
        assert!(now - opened <= 4, "{} in one turn", now - opened);
        opened = now;
    }
    harness.check();
}

#[test]
fn records_have_no_layers() {
    let mut harness = Harness::new();
    let listener = harness.reactor.listen("unixpacket:@hullo-layers-of-records").unwrap();
    assert!(!harness.net().put_layers(listener, case));
    let conn = harness.net().connect("unixpacket:@hullo-layers-of-records").unwrap();
    assert!(!harness.net().put_layer(conn, Box::new(Case::default())));
}

#[test]
fn what_comes_behind_the_peers_end_costs_it_nothing_of_ours() {
    for half_closes in [false, true] {
        let (mut harness, mut client, conn) = greeted(Limits::default());
        harness.recorder.closes_at_eof = !half_closes;
        harness.net().send(conn, vec![b'a'; 900_000]);
        if half_closes {
            assert!(harness.net().shutdown_write(conn));
        }
        harness.turn_for(Duration::from_millis(20));
        client.write_all(b"last.").unwrap();
        harness.until("it is told", |_, recorder| recorder.has(&Event::Eof(conn)));
        client.write_all(b"and more than that").unwrap();
        let mut heard = Vec::new();
        client.set_nonblocking(true).unwrap();
        let mut piece = [0; 1000];
        // Slowly, so that much is still to be read when all is sent.
        harness.until("all is sent", |reactor, _| {
            let read = client.read(&mut piece).unwrap_or(0);
            heard.extend_from_slice(&piece[..read]);
            reactor.net().waiting(conn) == 0
        });
        client.set_nonblocking(false).unwrap();
        heard.extend_from_slice(&rest_of(&mut harness, &mut client));
        assert_eq!((heard.len(), heard.last()), (900_001, Some(&END)));
        drop(client);
        assert_eq!(harness.until_closed(conn).reason, CloseReason::PeerClosed);
    }
}

#[test]
fn who_gets_no_layer_is_dropped_and_the_others_are_served() {
    let mut harness = Harness::new();
    harness.recorder.panics_wanted = true;
    let (listener, address) = harness.listen();
    let mut number = 0;
    harness.net().put_layers(listener, move || {
        number += 1;
        match number % 3 {
            0 => case(),
            1 => Err(io::Error::other("no more layers")),
            _ => panic!("no layer"),
        }
    });
    let mut clients: Vec<_> = (0..9).map(|_| connect(address)).collect();
    clients.iter_mut().for_each(|client| drop(client.write_all(b"HI")));
    harness.until("three are served", |reactor, recorder| {
        recorder.opened().len() == 3 && reactor.stats().connections == 3
    });
    assert_eq!((harness.stats().panics, harness.recorder.events.len()), (3, 3));
}

#[test]
fn a_listener_may_go_while_its_clients_shake_hands() {
    for is_released in [false, true] {
        let mut harness = Harness::new();
        let (listener, address) = harness.listen();
        harness.net().put_layers(listener, case);
        let mut first = connect(address);
        harness.until("it is accepted", |reactor, _| reactor.stats().connections == 1);
        let mut second = connect(address);
        second.write_all(b"HItwo").unwrap();
        if is_released {
            let socket = harness.net().release_listener(listener).unwrap();
            let mut other = Harness::new();
            let Adopted::Listener(listener) = other.net().adopt(socket).unwrap() else { panic!() };
            assert!(other.net().put_layers(listener, case), "what makes layers stays behind");
            other.until("the second is heard", |_, recorder| recorder.events.len() == 2);
            let conn = other.recorder.opened()[0];
            assert_eq!(other.recorder.data(conn), b"TWO");
        } else {
            assert!(harness.net().close_listener(listener));
        }
        first.write_all(b"HIone").unwrap();
        harness.until("the first is heard", |_, recorder| recorder.events.len() == 2);
        let conn = harness.recorder.opened()[0];
        assert_eq!(harness.recorder.data(conn), b"ONE");
    }
}
