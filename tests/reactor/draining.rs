//! The orderly end.

use crate::support::*;
use hullo::*;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, Instant};

const ZERO: Duration = Duration::ZERO;

fn until_drained(harness: &mut Harness) -> DrainReport {
    harness.until("it is drained", |reactor, _| reactor.drained().is_some());
    harness.reactor.drained().unwrap()
}

#[test]
fn a_drain_accepts_the_backlog_first_and_answers_it() {
    let mut harness = Harness::with_limits(Limits { accepts: 3, ..Limits::default() });
    let (_, address) = harness.listen();
    // It closes when it is asked to, and no sooner is it asked than what has come is answered.
    harness.on(|net, event| {
        if let Event::Data(conn, bytes) = event {
            net.send(*conn, bytes);
        }
    });
    let mut clients: Vec<TcpStream> = (0..20).map(|_| connect(address)).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.write_all(&[n as u8; 9]).unwrap();
    }
    harness.net().drain(PATIENCE);
    assert_eq!(harness.reactor.drained(), None);
    let background = harness.run_in_background();
    for (n, client) in clients.iter_mut().enumerate() {
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, [n as u8; 9]);
    }
    drop(clients);
    let harness = background.join();
    let report = harness.reactor.drained().unwrap();
    assert_eq!((report.closed, report.cut), (20, 0));
    assert_eq!(harness.recorder.count(|event| matches!(event, Event::Draining(_))), 20);
    assert!(harness.recorder.closed().iter().all(|(_, closed)| closed.reason == CloseReason::Drained));
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}

#[test]
fn a_drain_asks_everyone_once_and_cuts_who_does_not_end() {
    const TIME: Duration = Duration::from_millis(250);
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    let (mut one, one_id) = harness.client(address);
    let (_two, two_id) = harness.client(address);
    harness.recorder.closes_at_drain = false;
    harness.on(move |net, event| {
        if *event == Event::Draining(one_id) {
            net.send(one_id, b"goodbye");
            net.close(one_id);
        }
    });
    let start = Instant::now();
    harness.net().drain(TIME);
    harness.net().drain(10 * TIME); // cannot lengthen it
    let report = until_drained(&mut harness);
    assert!(start.elapsed() >= TIME && report.took >= TIME && report.took < 10 * TIME, "{report:?}");
    assert_eq!((report.closed, report.cut), (2, 1));
    assert_eq!(harness.recorder.reason(two_id), Some(CloseReason::Drained));
    assert_eq!(harness.recorder.count(|event| matches!(event, Event::Draining(_))), 2);
    let mut got = Vec::new();
    one.read_to_end(&mut got).unwrap();
    assert_eq!(got, b"goodbye");
}

#[test]
fn a_second_drain_shortens_the_first() {
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    let _client = harness.client(address);
    harness.recorder.closes_at_drain = false;
    harness.net().drain(100 * PATIENCE);
    harness.turn(ZERO);
    harness.turn(ZERO);
    assert_eq!(harness.reactor.drained(), None);
    harness.net().drain(Duration::from_millis(10));
    assert_eq!(until_drained(&mut harness).cut, 1);
}

#[test]
fn a_drain_without_time_cuts_at_once() {
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    let (_client, conn) = harness.client(address);
    harness.reactor.bind("udp://127.0.0.1:0").unwrap();
    harness.net().drain(ZERO);
    let report = until_drained(&mut harness);
    assert_eq!((report.closed, report.cut), (1, 1));
    assert_eq!(harness.recorder.reason(conn), Some(CloseReason::Drained));
}

/// Section 5 of the contract: a gap-free prefix of the answers, none cut, then the end, never a reset.
#[test]
fn who_is_asking_when_a_drain_begins_gets_whole_answers_and_an_end() {
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    harness.on(|net, event| {
        if let Event::Data(conn, bytes) = event {
            net.send_with(*conn, |out| bytes.iter().for_each(|&byte| out.extend_from_slice(&[byte; 10])));
        }
    });
    let mut clients: Vec<TcpStream> = (0..8).map(|_| harness.client(address).0).collect();
    let background = harness.run_in_background();
    let remote = background.remote.clone();
    let (in_the_middle, is_in_the_middle) = std::sync::mpsc::channel();
    let clients: Vec<_> = clients
        .drain(..)
        .map(|client| {
            let in_the_middle = in_the_middle.clone();
            std::thread::spawn(move || {
                let (mut reader, mut writer) = (client.try_clone().unwrap(), client);
                let writing = std::thread::spawn(move || {
                    let mut asked = 0;
                    while asked < 200_000 && writer.write_all(&[asked as u8]).is_ok() {
                        asked += 1;
                    }
                    let _ = writer.shutdown(std::net::Shutdown::Write);
                });
                let mut got = vec![0; 5000];
                reader.read_exact(&mut got).unwrap();
                in_the_middle.send(()).unwrap();
                let mut rest = Vec::new();
                let end = reader.read_to_end(&mut rest).map(|_| ());
                got.extend_from_slice(&rest);
                writing.join().unwrap();
                (got, end.map_err(|e| e.kind()))
            })
        })
        .collect();
    for _ in 0..8 {
        is_in_the_middle.recv_timeout(PATIENCE).unwrap();
    }
    remote.drain(PATIENCE).unwrap();
    for client in clients {
        let (got, end) = client.join().unwrap();
        assert_eq!(end, Ok(()), "an end, and no reset");
        assert_eq!(got.len() % 10, 0, "no answer is cut");
        assert!(got.chunks(10).enumerate().all(|(n, answer)| answer == [n as u8; 10]), "no gap");
    }
    let report = background.join().reactor.drained().unwrap();
    assert_eq!((report.closed, report.cut), (8, 0));
}

#[test]
fn datagrams_that_have_arrived_are_answered_before_the_socket_closes() {
    let mut harness = Harness::with_limits(Limits { datagrams: 4, ..Limits::default() });
    let udp = harness.reactor.bind("udp://127.0.0.1:0").unwrap();
    let address = udp_addr(&harness.reactor, udp);
    harness.recorder.on_datagram =
        Box::new(|net, udp, datagram| assert!(net.reply(udp, datagram, datagram.bytes)));
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    for n in 0..30 {
        client.send_to(&[n], address).unwrap();
    }
    harness.net().drain(PATIENCE);
    let report = until_drained(&mut harness);
    assert_eq!((report.closed, report.cut), (0, 0));
    for n in 0..30 {
        let mut byte = [0];
        client.recv(&mut byte).unwrap();
        assert_eq!(byte[0], n);
    }
    assert!(harness.reactor.local_addr(udp).is_err());
}

#[test]
fn what_is_opened_during_a_drain_is_drained_too() {
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    let (client, conn) = harness.client(address);
    harness.recorder.closes_at_drain = false;
    harness.net().drain(PATIENCE);
    harness.turn(ZERO);
    harness.reactor.listen("tcp://127.0.0.1:0").unwrap();
    harness.reactor.bind("udp://127.0.0.1:0").unwrap();
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    harness.net().adopt(theirs).unwrap();
    drop((client, ours));
    let report = until_drained(&mut harness);
    assert!(report.took < PATIENCE / 2, "{report:?}");
    assert_eq!((report.closed, report.cut), (2, 0));
    assert_eq!(harness.recorder.reason(conn), Some(CloseReason::PeerClosed));
}

/// Even a handler that opens something new with every end.
#[test]
fn what_is_opened_after_the_drains_time_keeps_nothing_alive() {
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    let _client = harness.client(address);
    harness.recorder.closes_at_drain = false;
    let mut kept = Vec::new();
    harness.on(move |net, event| {
        if let Event::Closed(..) = event
            && kept.is_empty()
        {
            net.listen("tcp://127.0.0.1:0").unwrap();
            let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
            net.adopt(theirs).unwrap();
            kept.push(ours);
        }
    });
    harness.net().drain(Duration::from_millis(30));
    let report = until_drained(&mut harness);
    assert_eq!((report.closed, report.cut), (2, 2));
}

/// The reactor is as it was: what is opened later lives, and can be drained again.
#[test]
fn a_reactor_can_be_used_again_after_a_drain() {
    let mut harness = Harness::new();
    harness.on(|net, event| {
        if let Event::Data(conn, bytes) = event {
            net.send(*conn, bytes);
        }
    });
    for round in 1..=3 {
        let (_, address) = harness.listen();
        let udp = harness.reactor.bind("udp://127.0.0.1:0").unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"datagram", udp_addr(&harness.reactor, udp)).unwrap();
        let background = harness.run_in_background();
        let mut client = connect(address);
        client.write_all(b"again").unwrap();
        let mut got = [0; 5];
        client.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"again", "round {round}");
        background.remote.drain(PATIENCE).unwrap();
        assert_eq!(client.read(&mut got).unwrap(), 0);
        drop(client);
        harness = background.join();
        let report = harness.reactor.drained().unwrap();
        assert_eq!((report.closed, report.cut), (1, 0), "round {round}");
        assert_eq!(harness.reactor.drained(), Some(report), "what is over takes no longer");
        assert_eq!(harness.reactor.next_deadline(), None, "its timer is gone");
    }
    harness.net().drain(PATIENCE);
    assert_eq!(harness.reactor.drained(), None);
    let report = until_drained(&mut harness);
    assert_eq!((report.closed, report.cut), (0, 0), "nothing was open");
}

/// The time is up, and still what a handler opens then is closed, and what it opens later is not.
#[test]
fn a_reactor_can_be_used_again_after_a_drain_that_cut() {
    let mut harness = Harness::new();
    harness.recorder.closes_at_drain = false;
    let (_, address) = harness.listen();
    let (_client, conn) = harness.client(address);
    harness.on(|net, event| {
        if let Event::Closed(..) = event {
            net.listen("tcp://127.0.0.1:0").unwrap();
        }
    });
    harness.net().drain(Duration::from_millis(20));
    assert_eq!(until_drained(&mut harness).cut, 1);
    assert_eq!(harness.recorder.reason(conn), Some(CloseReason::Drained));
    harness.on(|_, _| {});
    let (_, address) = harness.listen();
    let (_other, other_id) = harness.client(address);
    harness.turn_for(Duration::from_millis(150));
    assert_eq!(harness.recorder.reason(other_id), None);
}
