//! A record holds more than a handler may want at a time: limited reads, pauses and back-pressure count for plaintext.

use crate::support::*;
use hullo::{CloseReason, ConnId, Roots, SocketOptions, TlsClient, TlsIdentity, TlsServer};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// A listener with TLS whose connections are read so many bytes at a time and, where that is asked for, are paused with each.
fn listening(certificate: &Certificate, most: usize, pauses: bool) -> (Harness, SocketAddr) {
    let identity = TlsIdentity::from_pem(certificate.chain.as_bytes(), certificate.key.as_bytes()).unwrap();
    let mut harness = Harness::new();
    let tls = TlsServer::new(identity);
    let listener = harness.net().listen_tls("tls://127.0.0.1:0", &SocketOptions::default(), &tls).unwrap();
    let address = harness.net().local_addr(listener).unwrap().to_socket_addr().unwrap();
    harness.on(move |net, event| match event {
        Event::Opened(conn, _) => {
            net.limit_reads(*conn, most);
        }
        Event::Data(conn, _) if pauses => {
            net.pause_reading(*conn);
        }
        _ => {}
    });
    (harness, address)
}

fn pieces(recorder: &Recorder) -> Vec<usize> {
    let length = |event: &Event| match event {
        Event::Data(_, bytes) => Some(bytes.len()),
        _ => None,
    };
    recorder.events.iter().filter_map(length).collect()
}

/// Shakes hands on a thread, since the harness turns on this one, and has `say` say the rest.
fn foreign(
    certificate: &Certificate,
    address: SocketAddr,
    say: impl FnOnce(&mut TlsPeer) + Send + 'static,
) -> std::thread::JoinHandle<TlsPeer> {
    let trust = certificate.trust();
    std::thread::spawn(move || {
        let mut peer = shake_hands(trust, address).unwrap();
        say(&mut peer);
        peer
    })
}

#[test]
fn a_record_is_told_in_pieces_no_longer_than_the_handler_wants() {
    let certificate = Certificate::new();
    let (mut harness, address) = listening(&certificate, 100, false);
    let sent = pattern(5_050);
    let said = sent.clone();
    let peer = foreign(&certificate, address, move |peer| peer.write_all(&said).unwrap());
    harness.until("all is heard", |_, recorder| pieces(recorder).iter().sum::<usize>() == 5_050);
    assert!(pieces(&harness.recorder).iter().all(|length| *length <= 100), "{:?}", pieces(&harness.recorder));
    let conn = harness.recorder.opened()[0];
    assert!(harness.recorder.data(conn) == sent);
    drop(peer.join().unwrap());
}

#[test]
fn a_pause_holds_the_rest_of_a_record_and_the_end_behind_it() {
    let certificate = Certificate::new();
    let (mut harness, address) = listening(&certificate, 100, true);
    let sent = pattern(1_000);
    let said = sent.clone();
    let peer = foreign(&certificate, address, move |peer| {
        peer.conn.writer().write_all(&said).unwrap();
        peer.conn.send_close_notify();
        let mut wire = Vec::new();
        while peer.conn.wants_write() {
            peer.conn.write_tls(&mut wire).unwrap();
        }
        peer.sock.write_all(&wire).unwrap(); // in one go
    });
    harness.until("the first piece", |_, recorder| !pieces(recorder).is_empty());
    let peer = peer.join().unwrap();
    let conn = harness.recorder.opened()[0];
    for count in 1..=10 {
        harness.turn_for(Duration::from_millis(5));
        assert_eq!(pieces(&harness.recorder), vec![100; count], "a pause is a pause");
        assert!(!harness.recorder.has(&Event::Eof(conn)), "neither is the end told");
        let turns = harness.stats().turns;
        harness.turn(Duration::from_millis(5));
        assert_eq!(harness.stats().turns, turns + 1, "and costs nothing");
        harness.net().resume_reading(conn);
    }
    harness.until("its end", |_, recorder| recorder.has(&Event::Eof(conn)));
    assert!(harness.recorder.data(conn) == sent);
    harness.net().close(conn);
    assert_eq!(harness.until_closed(conn).reason, CloseReason::PeerClosed);
    drop(peer);
}

#[test]
fn what_came_before_rubbish_is_heard_to_its_end_before_the_end_is_told() {
    let certificate = Certificate::new();
    let (mut harness, address) = listening(&certificate, 100, true);
    let peer = foreign(&certificate, address, |peer| {
        peer.conn.writer().write_all(&pattern(300)).unwrap();
        let mut wire = Vec::new();
        peer.conn.write_tls(&mut wire).unwrap();
        wire.extend_from_slice(b"no record at all");
        peer.sock.write_all(&wire).unwrap();
    });
    for count in 1..=3 {
        harness.until("the next piece", |_, recorder| pieces(recorder).len() == count);
        let conn = harness.recorder.opened()[0];
        assert!(count == 3 || harness.recorder.closed().is_empty());
        harness.net().resume_reading(conn);
    }
    let conn = harness.recorder.opened()[0];
    harness.until_closed(conn);
    assert!(harness.recorder.data(conn) == pattern(300));
    let mut heard = Vec::new();
    let mut peer = peer.join().unwrap();
    assert!(peer.read_to_end(&mut heard).is_err(), "it was told of its fault by an alert");
}

#[test]
fn a_peer_that_asks_much_in_one_record_and_reads_nothing_is_held_at_the_mark() {
    const ANSWER: usize = 50_000;
    let certificate = Certificate::new();
    let (mut harness, address) = listening(&certificate, 1, false);
    harness.on(|net, event| match event {
        Event::Opened(conn, _) => {
            net.limit_reads(*conn, 1);
        }
        Event::Data(conn, _) => {
            net.send(*conn, vec![7; ANSWER]);
        }
        _ => {}
    });
    let peer = foreign(&certificate, address, |peer| peer.write_all(&[1; 1_000]).unwrap());
    harness.until("the first question", |_, recorder| !pieces(recorder).is_empty());
    let conn = harness.recorder.opened()[0];
    let mut peer = peer.join().unwrap();
    let mut most = 0;
    for _ in 0..200 {
        harness.turn(Duration::from_millis(1));
        most = most.max(harness.net().waiting(conn));
    }
    let high = harness.net().limits().outbox_high;
    assert!(most < high + 2 * ANSWER, "{most} bytes wait");
    let asked = pieces(&harness.recorder).len();
    assert!(asked < 1_000, "{asked} questions were heard although no answer was read");
    // Once it reads, it is owed all of it.
    let reader = std::thread::spawn(move || {
        let mut heard = vec![0; 1_000 * ANSWER];
        peer.read_exact(&mut heard).unwrap();
        heard.iter().all(|byte| *byte == 7)
    });
    harness.until("it has read all", |_, _| reader.is_finished());
    assert!(reader.join().unwrap());
}

#[test]
fn who_is_paused_before_the_handshake_shakes_hands_and_is_heard_when_resumed() {
    let certificate = Certificate::new();
    let (mut harness, address) = listening(&certificate, 100, false);
    harness.on(|net, event| {
        if let Event::Opened(conn, hullo::Origin::Listener(_)) = event {
            net.send(*conn, b"Welcome!");
        }
    });
    let tls = TlsClient::new(&Roots::Pem(certificate.chain.clone().into_bytes())).unwrap();
    let call = |harness: &mut Harness| -> ConnId {
        let conn = harness.net().connect_tls(address, &tls).unwrap();
        assert!(harness.net().pause_reading(conn));
        harness.until("it is opened", |_, recorder| recorder.opened().contains(&conn));
        harness.turn_for(Duration::from_millis(20));
        assert_eq!(harness.recorder.data(conn), b"", "it has paused");
        conn
    };
    let conn = call(&mut harness);
    harness.net().resume_reading(conn);
    harness.until("the welcome", |_, recorder| recorder.data(conn) == b"Welcome!");
    // Or given up: what was held is nobody's then.
    let other = call(&mut harness);
    harness.net().close(other);
    harness.until_closed(other);
    assert_eq!(harness.recorder.data(other), b"");
}
