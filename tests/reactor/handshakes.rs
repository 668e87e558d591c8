//! What may happen before a layer is open, and what dies in the middle of it.

use crate::layers::*;
use crate::support::*;
use hullo::{CloseReason, ConnId, Layer, LayerError, Limits, Progress};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// A call of ours through a layer, connected, with its peer, which has said nothing yet.
fn called(harness: &mut Harness, ask: impl FnOnce(&mut hullo::Net, ConnId)) -> (ConnId, TcpStream) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let conn = harness.net().connect(server.local_addr().unwrap()).unwrap();
    assert!(harness.net().put_layer(conn, Box::new(Case::default())));
    ask(harness.net(), conn);
    let (mut peer, _) = server.accept().unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut greeting = Vec::new();
    harness.until("it greets", |_, _| {
        let _ = read_some(&mut peer, &mut greeting);
        greeting == b"HI"
    });
    (conn, peer)
}

fn is_idle(harness: &mut Harness) {
    let before = harness.stats().turns;
    harness.turn_for(Duration::from_millis(100));
    let turns = harness.stats().turns - before;
    assert!(turns < 20, "{turns} turns in a tenth of a second in which nothing happens");
}

#[test]
fn much_that_waits_for_a_handshake_does_not_keep_it_from_its_end() {
    for much in [10_000, 15_999, 16_384, 16_385, 65_536, 65_537, 500_000] {
        let mut harness = Harness::new();
        let (conn, mut peer) =
            called(&mut harness, |net, conn| assert!(net.send(conn, vec![b'a'; much]).is_queued()));
        is_idle(&mut harness);
        harness.net().set_limits(Limits::default());
        is_idle(&mut harness);
        peer.write_all(b"HI").unwrap();
        let mut heard = Vec::new();
        harness.until("all has come", |_, _| {
            assert!(!read_some(&mut peer, &mut heard).unwrap());
            heard.len() == much
        });
        if much > 16_384 {
            harness.until("it is told", |_, recorder| recorder.has(&Event::OutputLow(conn)));
        }
        is_idle(&mut harness);
    }
}

#[test]
fn much_that_waits_on_an_adopted_stream_does_not_spin() {
    for much in [100, 16_000, 16_380, 16_384, 17_000, 70_000] {
        let (server, mut harness) = (TcpListener::bind("127.0.0.1:0").unwrap(), Harness::new());
        let ours = connect(server.local_addr().unwrap());
        let (mut peer, _) = server.accept().unwrap();
        let hullo::Adopted::Conn(conn) = harness.net().adopt(ours).unwrap() else { panic!() };
        assert!(harness.net().put_layer(conn, Box::new(Case::default())));
        harness.net().send(conn, vec![b'a'; much]);
        is_idle(&mut harness);
        assert_eq!(harness.recorder.events, []);
        peer.write_all(b"HI").unwrap();
        let mut heard = Vec::new();
        harness.until("all has come", |_, _| {
            assert!(!read_some(&mut peer, &mut heard).unwrap());
            heard.len() == much + 2
        });
        is_idle(&mut harness);
    }
}

#[test]
fn what_was_sent_before_a_layer_is_put_under_an_adopted_stream_goes_through_it() {
    let (server, mut harness) = (TcpListener::bind("127.0.0.1:0").unwrap(), Harness::new());
    let ours = connect(server.local_addr().unwrap());
    let (mut peer, _) = server.accept().unwrap();
    let hullo::Adopted::Conn(conn) = harness.net().adopt(ours).unwrap() else { panic!() };
    harness.net().send(conn, b"secret");
    assert!(harness.net().put_layer(conn, Box::new(Case::default())));
    peer.write_all(b"HI").unwrap();
    let mut heard = Vec::new();
    harness.until("all has come", |_, _| {
        assert!(!read_some(&mut peer, &mut heard).unwrap());
        heard.len() >= 8
    });
    assert_eq!(heard, b"HISECRET");
}

#[test]
fn a_pause_that_is_asked_for_before_a_call_is_open_begins_when_it_is() {
    let limits = Limits { handshake: Duration::from_secs(3), ..Limits::default() };
    let mut harness = Harness::with_limits(limits);
    let (conn, mut peer) = called(&mut harness, |net, conn| assert!(net.pause_reading(conn)));
    peer.write_all(b"HIbehind.").unwrap();
    harness.until("it is told", |_, recorder| !recorder.events.is_empty());
    is_idle(&mut harness);
    assert_eq!(harness.recorder.events.len(), 1, "{:?}", harness.recorder.events);
    assert_eq!(harness.recorder.opened(), [conn]);
    assert!(harness.net().resume_reading(conn));
    harness.until_closed(conn);
    assert_eq!(harness.recorder.data(conn), b"BEHIND");
    assert!(harness.recorder.has(&Event::Eof(conn)));
}

#[test]
fn a_pause_in_opened_holds_back_what_came_with_the_handshake() {
    let (mut harness, mut client) = layered(Limits::default());
    harness.on(|net, event| {
        if let Event::Opened(conn, _) = event {
            net.pause_reading(*conn);
        }
    });
    client.write_all(b"HIbehind.").unwrap();
    harness.until("it is opened", |_, recorder| !recorder.events.is_empty());
    is_idle(&mut harness);
    assert_eq!(harness.recorder.events.len(), 1, "{:?}", harness.recorder.events);
    let conn = harness.recorder.opened()[0];
    assert!(harness.net().resume_reading(conn));
    harness.until_closed(conn);
    assert_eq!(harness.recorder.data(conn), b"BEHIND");
    assert!(harness.recorder.has(&Event::Eof(conn)));
}

#[test]
fn how_a_call_ended_in_its_handshake_is_told_as_it_was() {
    type End = fn(&mut Harness, ConnId, TcpStream) -> Option<TcpStream>;
    let ends: [(End, io::ErrorKind); 5] = [
        (|harness, conn, peer| harness.net().close(conn).then_some(peer), io::ErrorKind::Interrupted),
        (|harness, conn, peer| harness.net().abort(conn).then_some(peer), io::ErrorKind::Interrupted),
        (
            |_, _, peer| {
                socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
                None
            },
            io::ErrorKind::ConnectionReset,
        ),
        (
            |harness, _, peer| {
                harness.net().drain(Duration::from_millis(50));
                Some(peer)
            },
            io::ErrorKind::Interrupted,
        ),
        (|_, _, _| None, io::ErrorKind::UnexpectedEof),
    ];
    for (number, (end, kind)) in ends.into_iter().enumerate() {
        let mut harness = Harness::new();
        let (conn, peer) = called(&mut harness, |_, _| {});
        let _peer = end(&mut harness, conn, peer);
        harness.until("it is told", |_, recorder| !recorder.events.is_empty());
        let [Event::ConnectFailed(failed, told, text)] = &harness.recorder.events[..] else {
            panic!("{number}: {:?}", harness.recorder.events)
        };
        assert_eq!((*failed, *told), (conn, kind), "{number}: {text}");
        harness.until("it is freed", |reactor, _| reactor.stats().connections == 0);
        assert_eq!(harness.recorder.events.len(), 1);
    }
}

#[test]
fn a_drain_counts_only_what_it_has_told_of() {
    let (mut harness, _client) = layered(Limits::default());
    harness.until("it is accepted", |reactor, _| reactor.stats().connections == 1);
    harness.net().drain(Duration::from_millis(50));
    harness.until("it has drained", |reactor, _| reactor.drained().is_some());
    let report = harness.reactor.drained().unwrap();
    assert!(report.cut <= report.closed, "{report:?}");
}

/// Panics where it is told to, with a word on its lips.
struct Fragile(Case, char);

impl Layer for Fragile {
    fn receive(
        &mut self,
        wire: &mut [u8],
        plain: &mut Vec<u8>,
        wire_out: &mut Vec<u8>,
    ) -> Result<Progress, LayerError> {
        let result = self.0.receive(wire, plain, wire_out);
        if self.1 == 'r' && plain.ends_with(b"BOOM") || self.1 == 'b' {
            wire_out.extend_from_slice(b"somebody's secret");
            panic!("receive");
        }
        result
    }

    fn send(&mut self, plain: &[u8], wire_out: &mut Vec<u8>) -> Result<(), LayerError> {
        let result = self.0.send(plain, wire_out);
        assert!(self.1 != 's' || !plain.ends_with(b"BOOM"));
        result
    }

    fn finish(&mut self, wire_out: &mut Vec<u8>) {
        self.0.finish(wire_out);
        assert!(self.1 != 'f');
    }

    fn wire_ended(&mut self) -> Result<(), LayerError> {
        assert!(self.1 != 'e');
        self.0.wire_ended()
    }
}

fn greet(address: SocketAddr) -> TcpStream {
    let mut client = connect(address);
    let _ = client.write_all(b"HI"); // it may meet a reset already, where the layer of the client panics at once
    client
}

#[test]
fn a_layer_that_panics_costs_its_own_stream() {
    for place in ['b', 'r', 's', 'f', 'e'] {
        let mut harness = Harness::new();
        harness.recorder.panics_wanted = true;
        let (listener, address) = harness.listen();
        let mut number = 0;
        harness.net().put_layers(listener, move || {
            number += 1;
            let place = if number == 2 { place } else { '-' };
            Ok(Box::new(Fragile(Case::default(), place)))
        });
        harness.echo();
        let background = harness.run_in_background();
        let mut served = greet(address);
        served.read_exact(&mut [0; 2]).unwrap();
        let mut fragile = greet(address);
        let _ = fragile.write_all(if matches!(place, 'f' | 'e') { b"fine" } else { b"boom" });
        if place == 'f' {
            let _ = fragile.write_all(b".");
        }
        if place == 'e' {
            fragile.shutdown(std::net::Shutdown::Write).unwrap();
        }
        let _ = fragile.read_to_end(&mut Vec::new());
        served.write_all(b"still").unwrap();
        let mut heard = [0; 5];
        served.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"still", "{place}: {}", String::from_utf8_lossy(&heard));
        drop(background.finish());
    }
}

#[test]
fn a_layer_that_speaks_after_our_end_ends_nothing() {
    struct Chatty(Case);
    impl Layer for Chatty {
        fn receive(
            &mut self,
            wire: &mut [u8],
            plain: &mut Vec<u8>,
            wire_out: &mut Vec<u8>,
        ) -> Result<Progress, LayerError> {
            let result = self.0.receive(wire, plain, wire_out);
            if !wire.is_empty() {
                wire_out.extend_from_slice(b"I heard that");
            }
            result
        }
        fn send(&mut self, plain: &[u8], wire_out: &mut Vec<u8>) -> Result<(), LayerError> {
            self.0.send(plain, wire_out)
        }
        fn finish(&mut self, wire_out: &mut Vec<u8>) {
            self.0.finish(wire_out);
        }
        fn wire_ended(&mut self) -> Result<(), LayerError> {
            self.0.wire_ended()
        }
    }
    let mut harness = Harness::new();
    let (listener, address) = harness.listen();
    harness.net().put_layers(listener, || Ok(Box::new(Chatty(Case::default()))));
    let mut client = greet(address);
    harness.until("it is opened", |_, recorder| !recorder.opened().is_empty());
    let conn = harness.recorder.opened()[0];
    harness.net().shutdown_write(conn);
    assert_eq!(rest_of(&mut harness, &mut client), b"HII heard that.");
    for _ in 0..3 {
        let before = harness.recorder.events.len();
        client.write_all(b"go on").unwrap();
        harness.until("it is heard", |_, recorder| recorder.events.len() > before);
        harness.turn_for(Duration::from_millis(20));
    }
    client.write_all(b".").unwrap();
    let end = harness.until_closed(conn);
    assert_eq!((end.reason, end.error), (CloseReason::PeerClosed, None));
}

#[test]
fn a_changed_limit_counts_for_handshakes_under_way() {
    let short = Limits { handshake: Duration::from_millis(500), ..Limits::default() };
    let (mut harness, mut client) = layered(Limits::default());
    harness.until("it is accepted", |reactor, _| reactor.stats().connections == 1);
    harness.net().set_limits(short.clone());
    assert_eq!(rest_of(&mut harness, &mut client), b"HI", "in time");

    let (mut harness, mut client) = layered(short);
    harness.until("it is accepted", |reactor, _| reactor.stats().connections == 1);
    harness.net().set_limits(Limits { handshake: Duration::ZERO, ..Limits::default() });
    harness.turn_for(Duration::from_millis(600));
    client.write_all(b"HI").unwrap();
    harness.until("it is opened", |_, recorder| !recorder.opened().is_empty());
}

#[test]
fn whoever_has_answered_in_time_is_let_in_though_we_slept() {
    let (mut harness, mut client) =
        layered(Limits { handshake: Duration::from_millis(500), ..Limits::default() });
    harness.until("it is accepted", |reactor, _| reactor.stats().connections == 1);
    client.write_all(b"HI").unwrap();
    std::thread::sleep(Duration::from_millis(700)); // the loop is held up
    harness.turn_for(Duration::from_millis(30));
    assert_eq!(harness.recorder.opened().len(), 1);
    assert_eq!(harness.recorder.closed(), []);
}

#[test]
fn a_layer_that_panics_when_it_is_dropped_takes_nothing_with_it() {
    struct Bad(Case);
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    impl Layer for Bad {
        fn receive(
            &mut self,
            wire: &mut [u8],
            plain: &mut Vec<u8>,
            wire_out: &mut Vec<u8>,
        ) -> Result<Progress, LayerError> {
            self.0.receive(wire, plain, wire_out)
        }
        fn send(&mut self, plain: &[u8], wire_out: &mut Vec<u8>) -> Result<(), LayerError> {
            self.0.send(plain, wire_out)
        }
        fn finish(&mut self, wire_out: &mut Vec<u8>) {
            self.0.finish(wire_out);
        }
        fn wire_ended(&mut self) -> Result<(), LayerError> {
            self.0.wire_ended()
        }
    }
    let mut harness = Harness::with_limits(Limits { connections: 1, ..Limits::default() });
    harness.recorder.panics_wanted = true;
    let (listener, address) = harness.listen();
    harness.net().put_layers(listener, || Ok(Box::new(Bad(Case::default()))));
    for count in 1..3 {
        let mut client = greet(address);
        client.write_all(b".").unwrap();
        harness.until("there is room for the next", |_, recorder| recorder.closed().len() == count);
    }
    harness.net().close_listener(listener);
    let conn = harness.net().connect(address).unwrap();
    assert!(harness.net().put_layer(conn, Box::new(Bad(Case::default()))));
    harness.until("it is refused", |_, recorder| {
        recorder.count(|event| matches!(event, Event::ConnectFailed(failed, ..) if *failed == conn)) == 1
    });
    harness.net().drain(Duration::from_secs(1));
    harness.until("it has drained", |reactor, _| reactor.drained().is_some());
    assert_eq!(harness.stats().panics, 3);
}
