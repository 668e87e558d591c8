//! How streams end: half, in order, with a reset.

use crate::support::*;
use hullo::*;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::time::Duration;

const ZERO: Duration = Duration::ZERO;

/// Answers every complete line, and what is left at the peer's end of file.
fn answer_lines(harness: &mut Harness) {
    let mut rest: ConnMap<Vec<u8>> = ConnMap::new();
    harness.on(move |net, event| match event {
        Event::Opened(conn, _) => drop(rest.insert(*conn, Vec::new())),
        Event::Data(conn, bytes) => {
            let rest = rest.get_mut(*conn).unwrap();
            rest.extend_from_slice(bytes);
            while let Some(end) = rest.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                net.send(*conn, [b"<", &line[..end], b">"].concat());
            }
        }
        Event::Eof(conn) => {
            let rest = rest.remove(*conn).unwrap();
            net.send(*conn, [b"[", &rest[..], b"]"].concat());
        }
        _ => {}
    });
}

/// I7.
#[test]
fn every_answer_arrives_after_half_close() {
    for read_budget in [64 * 1024, 5] {
        let mut harness = Harness::with_limits(Limits { read_budget, ..Limits::default() });
        answer_lines(&mut harness);
        let (_, address) = harness.listen();
        let background = harness.run_in_background();
        let mut dice = Dice::new(7);
        for round in 0..150 {
            let lines = dice.roll(40);
            let mut question: Vec<u8> =
                (0..lines).flat_map(|n| format!("{round}.{n}\n").into_bytes()).collect();
            let mut answer: Vec<u8> =
                (0..lines).flat_map(|n| format!("<{round}.{n}>").into_bytes()).collect();
            question.extend_from_slice(b"last");
            answer.extend_from_slice(b"[last]");
            let mut client = connect(address);
            client.set_nodelay(true).unwrap();
            let mut from = 0;
            while from < question.len() {
                let upto = (from + 1 + dice.roll(60)).min(question.len());
                client.write_all(&question[from..upto]).unwrap();
                from = upto;
            }
            client.shutdown(Shutdown::Write).unwrap();
            let mut got = Vec::new();
            client.read_to_end(&mut got).unwrap();
            assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(&answer));
        }
        let harness = background.finish();
        let closed = harness.recorder.closed();
        assert_eq!(closed.len(), 150);
        assert!(
            closed.iter().all(|(_, closed)| closed.reason == CloseReason::PeerClosed && closed.unsent == 0)
        );
    }
}

/// I3: bytes and FIN in one event.
#[test]
fn data_and_end_of_file_in_one_batch_are_both_told() {
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    for len in [1, 100, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1] {
        let (mut client, conn) = harness.client(address);
        client.write_all(&pattern(len)).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        harness.until("the end is told", |_, recorder| recorder.has(&Event::Eof(conn)));
        assert!(harness.recorder.data(conn) == pattern(len));
        assert_eq!(harness.until_closed(conn).reason, CloseReason::PeerClosed);
    }
}

/// I6, I7.
#[test]
fn a_reset_while_paused_is_told_at_once() {
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    let (client, conn) = harness.client(address);
    harness.net().pause_reading(conn);
    harness.turn(ZERO);
    socket2::SockRef::from(&client).set_linger(Some(ZERO)).unwrap();
    drop(client);
    let closed = harness.until_closed(conn);
    assert_eq!(
        (closed.reason, closed.error),
        (CloseReason::Reset, Some(std::io::ErrorKind::ConnectionReset))
    );
}

#[test]
fn after_shutdown_write_input_is_still_read() {
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    harness.on(|net, event| {
        if let Event::Opened(conn, _) = event {
            net.send(*conn, pattern(1 << 20));
            assert!(net.shutdown_write(*conn));
            assert!(!net.shutdown_write(*conn), "it is ended already");
            net.send(*conn, b"too late");
        }
    });
    let (mut client, conn) = harness.client(address);
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        (client, all)
    });
    harness.until("our end is sent", |_, _| reader.is_finished());
    let (mut client, all) = reader.join().unwrap();
    assert!(all == pattern(1 << 20), "all of it, and nothing after: {}", all.len());
    client.write_all(b"and now me").unwrap();
    harness.until("it is read", |_, recorder| recorder.data(conn) == b"and now me");
    assert!(harness.recorder.closed().is_empty());
    drop(client);
    assert_eq!(harness.until_closed(conn).bytes_out, 1 << 20);
}

#[test]
fn a_stream_that_both_sides_have_ended_is_closed() {
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    harness.recorder.closes_at_eof = false;
    for ours_first in [true, false] {
        let (mut client, conn) = harness.client(address);
        if ours_first {
            harness.net().shutdown_write(conn);
            harness.turn(ZERO);
            assert_eq!(harness.recorder.reason(conn), None, "half a close is none");
        }
        client.shutdown(Shutdown::Write).unwrap();
        harness.until("the end of file", |_, recorder| recorder.has(&Event::Eof(conn)));
        if !ours_first {
            assert_eq!(harness.recorder.reason(conn), None, "half a close is none");
            harness.net().shutdown_write(conn);
        }
        assert_eq!(harness.until_closed(conn).reason, CloseReason::PeerClosed);
        assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    }
}

/// The system tells of a reset once, and a read after that finds an end of file. Here a send is told, while the handler is
/// called, and then input is looked for.
#[test]
fn a_reset_that_a_send_meets_is_no_end_of_file() {
    for size in [1, 20_000, 100_000] {
        let mut harness = Harness::new();
        harness.on(move |net, event| {
            if let Event::Opened(conn, _) | Event::Data(conn, _) = event {
                assert!(net.send(*conn, pattern(size)).is_queued());
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let adopted = {
            let client = connect(listener.local_addr().unwrap());
            socket2::SockRef::from(&client).set_linger(Some(ZERO)).unwrap();
            listener.accept().unwrap().0
        };
        let Adopted::Conn(adopted) = harness.net().adopt(adopted).unwrap() else { panic!("a stream") };
        let (_, address) = harness.listen();
        let (mut client, accepted) = harness.client(address);
        client.write_all(b"half a message").unwrap();
        socket2::SockRef::from(&client).set_linger(Some(ZERO)).unwrap();
        drop(client);
        for conn in [adopted, accepted] {
            let closed = harness.until_closed(conn);
            let reset = (CloseReason::Reset, Some(io::ErrorKind::ConnectionReset));
            assert_eq!((closed.reason, closed.error), reset, "{size} bytes");
            assert!(!harness.recorder.has(&Event::Eof(conn)), "{size} bytes");
        }
    }
}
