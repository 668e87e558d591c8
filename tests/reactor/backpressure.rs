//! Peers that do not take their output.

use crate::support::*;
use hullo::*;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Echoes, and keeps the highest amount that was ever told to wait.
fn echo(harness: &mut Harness) -> Arc<AtomicUsize> {
    let most = Arc::new(AtomicUsize::new(0));
    let seen = most.clone();
    harness.on(move |net, event| {
        if let Event::Data(conn, bytes) = event {
            seen.fetch_max(net.send(*conn, bytes).waiting(), Ordering::Relaxed);
        }
    });
    most
}

/// I4, I6: such a client sends for ever and reads nothing.
#[test]
fn a_client_that_never_reads_is_bounded_and_cut_off() {
    const STALL: Duration = Duration::from_millis(400);
    let limits = Limits { write_stall: STALL, ..Limits::default() };
    let (high, budget) = (limits.outbox_high, limits.read_budget);
    let mut harness = Harness::with_limits(limits);
    let most = echo(&mut harness);
    let (_, address) = harness.listen();
    let (client, conn) = harness.client(address);
    client.set_nonblocking(true).unwrap();
    let chunk = pattern(64 * 1024);
    let (mut taken, mut bytes_out) = (0, 0);
    let (mut quiet_since, mut quiet_turns) = (Instant::now(), 0);
    let start = Instant::now();
    while harness.recorder.reason(conn).is_none() {
        assert!(start.elapsed() < PATIENCE);
        let written = (&client).write(&chunk).unwrap_or(0);
        taken += written;
        let before = Instant::now();
        harness.turn(PATIENCE); // only the stall limit ends the last one
        quiet_turns = if written > 0 { 0 } else { quiet_turns + 1 }; // what arrives is an event, read or not
        if bytes_out != harness.stats().bytes_out {
            bytes_out = harness.stats().bytes_out;
            (quiet_since, quiet_turns) = (before, 0);
        }
        assert!(harness.net().waiting(conn) <= high + budget, "what waits is bounded");
    }
    assert!(quiet_since.elapsed() >= STALL, "it was given its time");
    assert!(quiet_turns < 20, "{quiet_turns} turns meanwhile");
    let closed = harness.until_closed(conn);
    assert_eq!(closed.reason, CloseReason::WriteStalled);
    assert!(closed.unsent > high as u64 && closed.unsent <= (high + budget) as u64, "{closed:?}");
    assert!(most.load(Ordering::Relaxed) > high, "the high mark was passed");
    assert!((closed.bytes_in as usize) < taken, "reading had stopped");
}

/// I6: the same, with nobody but the reactor's own clock to end a turn.
#[test]
fn a_blocked_peer_costs_no_turns_and_no_calls() {
    let limits = Limits { write_stall: Duration::from_millis(500), ..Limits::default() };
    let mut harness = Harness::with_limits(Limits { outbox_cap: 64 << 20, ..limits });
    let (_, address) = harness.listen();
    let (tcp, tcp_id) = harness.client(address);
    let (unix, other) = UnixStream::pair().unwrap();
    let Adopted::Conn(unix_id) = harness.net().adopt(other).unwrap() else { panic!("a stream") };
    harness.turn(Duration::ZERO);
    let start = Instant::now();
    for conn in [tcp_id, unix_id] {
        harness.net().send(conn, pattern(10 << 20));
    }
    harness.turn_for(Duration::from_millis(50));
    let before = harness.stats();
    assert!(before.bytes_out > 0);
    harness.turn_for(Duration::from_millis(250));
    let after = harness.stats();
    assert!(after.turns - before.turns < 8, "{} turns", after.turns - before.turns);
    assert_eq!(after.writes, before.writes, "nothing was tried again");
    for conn in [tcp_id, unix_id] {
        let closed = harness.until_closed(conn);
        assert!(start.elapsed() >= Duration::from_millis(500));
        assert_eq!(closed.reason, CloseReason::WriteStalled);
        assert_eq!(closed.bytes_out + closed.unsent, 10 << 20);
    }
    drop((tcp, unix));
}

#[test]
fn output_low_comes_once_for_each_time_the_output_falls() {
    let limits = Limits { outbox_cap: 64 << 20, ..Limits::default() };
    let low = limits.outbox_low;
    let mut harness = Harness::with_limits(limits);
    let (_, address) = harness.listen();
    let (mut client, conn) = harness.client(address);
    socket2::SockRef::from(&client).set_recv_buffer_size(64 * 1024).unwrap(); // it grows no more
    let at: Arc<Mutex<Vec<usize>>> = Arc::default();
    let told = at.clone();
    harness.on(move |net, event| {
        if let Event::OutputLow(conn) = event {
            told.lock().unwrap().push(net.waiting(*conn));
        }
    });
    let mut got = Vec::new();
    for round in 1..=4 {
        harness.net().send(conn, pattern(8 << 20));
        harness.turn_for(Duration::from_millis(5));
        assert_eq!(at.lock().unwrap().len(), round - 1, "nothing was taken yet");
        harness.until("all is taken", |_, _| {
            read_some(&mut client, &mut got).unwrap();
            got.len() == round * (8 << 20)
        });
        harness.turn_for(Duration::from_millis(5));
        assert_eq!(at.lock().unwrap().len(), round, "once");
    }
    assert!(at.lock().unwrap().iter().all(|&waiting| waiting <= low));
    assert!(harness.recorder.closed().is_empty());
}

/// A handler that stops at a mark of its own and goes on when it is told `output_low`, as `send` advises. Whether the
/// kernel takes the output sooner or later, and wherever the mark lies, it must be told.
#[test]
fn a_producer_that_waits_for_output_low_comes_to_its_end() {
    const TOTAL: usize = 8 << 20;
    for mark in [0, 1, 16, 20, 100, 256] {
        let mut harness = Harness::new();
        let (_, address) = harness.listen();
        let mut produced = 0;
        harness.on(move |net, event| {
            let (Event::Opened(conn, _) | Event::OutputLow(conn)) = event else { return };
            let all = pattern(9000);
            while produced < TOTAL {
                let part = &all[..all.len().min(TOTAL - produced)];
                produced += part.len();
                if net.send(*conn, part).waiting() > mark * 1024 {
                    return;
                }
            }
            net.close(*conn);
        });
        let (mut client, conn) = harness.client(address);
        let mut got = Vec::new();
        harness.until("all has arrived", |_, _| {
            read_some(&mut client, &mut got).unwrap();
            got.len() >= TOTAL
        });
        assert_eq!(got.len(), TOTAL);
        assert!(got.chunks(9000).all(|part| *part == pattern(9000)[..part.len()]));
        assert!(harness.recorder.count(|event| matches!(event, Event::OutputLow(_))) > 0);
        assert_eq!(harness.until_closed(conn).unsent, 0);
    }
}

/// The high mark stops reading, the low one starts it again, and nothing is lost on the way.
#[test]
fn a_slow_reader_gets_everything_in_order() {
    for is_unix in [false, true] {
        let mut harness = Harness::new();
        let (_, address) = harness.listen();
        let most = echo(&mut harness);
        let (reader, writer, conn): (Box<dyn Read + Send>, Box<dyn Write + Send>, ConnId) = if is_unix {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let Adopted::Conn(conn) = harness.net().adopt(theirs).unwrap() else { panic!("a stream") };
            ours.set_read_timeout(Some(PATIENCE)).unwrap();
            (Box::new(ours.try_clone().unwrap()), Box::new(ours), conn)
        } else {
            let (ours, conn) = harness.client(address);
            (Box::new(ours.try_clone().unwrap()), Box::new(ours), conn)
        };
        const TOTAL: usize = 16 << 20;
        let (mut reader, mut writer) = (reader, writer);
        let writing = std::thread::spawn(move || {
            let bytes = pattern(TOTAL);
            writer.write_all(&bytes).unwrap();
            writer
        });
        // Nobody reads until the pause is seen to hold.
        let limits = harness.net().limits().clone();
        harness.until("the high mark", |reactor, _| reactor.net().waiting(conn) > limits.outbox_high);
        harness.turn_for(Duration::from_millis(20));
        let bytes_in = harness.stats().bytes_in;
        harness.turn_for(Duration::from_millis(50));
        assert_eq!(harness.stats().bytes_in, bytes_in, "reading is paused");
        let reading = std::thread::spawn(move || {
            let mut got = vec![0; TOTAL];
            let mut len = 0;
            while len < TOTAL {
                let upto = (len + 30_000).min(TOTAL);
                len += reader.read(&mut got[len..upto]).unwrap();
            }
            got
        });
        harness.until("all is read", |_, _| reading.is_finished());
        assert!(reading.join().unwrap() == pattern(TOTAL), "unix: {is_unix}");
        drop(writing.join().unwrap());
        assert_eq!(harness.until_closed(conn).bytes_out, TOTAL as u64);
        assert!(most.load(Ordering::Relaxed) <= limits.outbox_high + limits.read_budget);
    }
}

/// The reactor's pause and the handler's are two: reading needs both to be over.
#[test]
fn the_two_pauses_are_independent() {
    let mut harness = Harness::with_limits(Limits { outbox_cap: 64 << 20, ..Limits::default() });
    let (_, address) = harness.listen();
    let (mut client, conn): (TcpStream, ConnId) = harness.client(address);
    harness.net().send(conn, pattern(8 << 20));
    harness.turn(Duration::ZERO);
    harness.net().pause_reading(conn);
    client.write_all(b"question").unwrap();
    harness.turn_for(Duration::from_millis(10));
    harness.net().resume_reading(conn);
    harness.turn_for(Duration::from_millis(20));
    assert_eq!(harness.recorder.data(conn), b"", "the reactor's own pause holds");
    harness.net().pause_reading(conn);
    let mut got = Vec::new();
    harness.until("the output is taken", |_, _| {
        read_some(&mut client, &mut got).unwrap();
        got.len() == 8 << 20
    });
    harness.turn_for(Duration::from_millis(20));
    assert_eq!(harness.recorder.data(conn), b"", "the handler's pause holds");
    harness.net().resume_reading(conn);
    harness.until("it is read", |_, recorder| recorder.data(conn) == b"question");
    client.shutdown(Shutdown::Write).unwrap();
    harness.until_closed(conn);
}
