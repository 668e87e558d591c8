//! The ends of a stream. I13: no close throws away what the peer has not read.

use crate::support::*;
use hullo::*;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

const ZERO: Duration = Duration::ZERO;

/// Answers the first byte with `size` bytes and closes, whatever else comes.
fn answer_and_close(harness: &mut Harness, size: usize) {
    let mut is_answered = std::collections::HashSet::new();
    harness.on(move |net, event| {
        if let Event::Data(conn, _) = event {
            assert!(is_answered.insert(*conn), "nothing is told after close");
            net.send(*conn, pattern(size));
            assert!(net.close(*conn));
            assert!(!net.close(*conn), "it closes already");
            net.send(*conn, b"too late");
        }
    });
}

fn roomy() -> Limits {
    Limits { outbox_cap: 64 << 20, ..Limits::default() }
}

/// I13: closing over unread input resets, and the reset overtakes the answer.
#[test]
fn all_output_arrives_although_input_is_unread() {
    for is_unix in [false, true] {
        const SIZE: usize = 3 << 20;
        let mut harness = Harness::with_limits(roomy());
        answer_and_close(&mut harness, SIZE);
        let (_, address) = harness.listen();
        let directory = TempDir::new();
        let path = directory.join("socket");
        harness.reactor.listen(Address::Unix(path.clone())).unwrap();
        let background = harness.run_in_background();
        fn ask<S: Read + Write + Send>(mut stream: S, mut writer: S, end: impl FnOnce(&S) + Send) -> Vec<u8> {
            std::thread::scope(|scope| {
                scope.spawn(move || {
                    // Whoever pauses at the wrong moment finds the close done: input may be refused, output not.
                    if writer.write_all(&pattern(4 << 20)).is_ok() {
                        end(&writer);
                    }
                });
                let mut got = Vec::new();
                stream.read_to_end(&mut got).unwrap(); // a reset would be an error
                got
            })
        }
        let got = if is_unix {
            let client = UnixStream::connect(&path).unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            ask(client.try_clone().unwrap(), client, |c| drop(c.shutdown(Shutdown::Write)))
        } else {
            let client = connect(address);
            ask(client.try_clone().unwrap(), client, |c| drop(c.shutdown(Shutdown::Write)))
        };
        assert!(got == pattern(SIZE), "unix: {is_unix}, {} bytes", got.len());
        let mut harness = background.finish();
        harness.until("it is closed", |_, recorder| recorder.closed().len() == 1);
        let (_, closed) = harness.recorder.closed()[0];
        assert_eq!((closed.reason, closed.unsent), (CloseReason::ByUs, 0));
        assert_eq!(closed.bytes_out, SIZE as u64, "unix: {is_unix}");
    }
}

/// A peer that writes everything before it reads anything: neither may wait for the other.
#[test]
fn a_close_does_not_wait_for_a_peer_that_is_blocked_writing() {
    let mut harness = Harness::with_limits(roomy());
    answer_and_close(&mut harness, 3 << 20);
    let (_, address) = harness.listen();
    let background = harness.run_in_background();
    let mut client = connect(address);
    let _ = client.write_all(&pattern(24 << 20)); // more than all the buffers between us
    let _ = client.shutdown(Shutdown::Write);
    let mut got = Vec::new();
    client.read_to_end(&mut got).unwrap();
    assert!(got == pattern(3 << 20));
    let mut harness = background.finish();
    harness.until("it is closed", |_, recorder| recorder.closed().len() == 1);
}

#[test]
fn abort_resets() {
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    let (mut client, conn) = harness.client(address);
    client.write_all(b"unread").unwrap();
    harness.net().send(conn, b"unsent");
    assert!(harness.net().abort(conn));
    harness.turn(ZERO);
    let closed = harness.until_closed(conn);
    assert_eq!((closed.reason, closed.unsent, closed.bytes_out), (CloseReason::ByUs, 6, 0));
    assert_eq!(client.read(&mut [0; 9]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_settled_stream_is_closed_in_the_same_turn() {
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    let (mut client, conn) = harness.client(address);
    harness.net().send(conn, b"bye");
    assert!(harness.net().close(conn));
    harness.turn(ZERO);
    assert_eq!(harness.recorder.reason(conn), Some(CloseReason::ByUs));
    assert_eq!(harness.stats().connections, 0);
    let mut got = Vec::new();
    client.read_to_end(&mut got).unwrap();
    assert_eq!(got, b"bye");
}

#[test]
fn a_close_from_opened_sends_what_was_sent_there() {
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    harness.on(|net, event| {
        if let Event::Opened(conn, _) = event {
            net.send(*conn, b"go away");
            net.close(*conn);
        }
    });
    let (mut client, conn) = harness.client(address);
    assert_eq!(harness.until_closed(conn).reason, CloseReason::ByUs);
    let mut got = Vec::new();
    client.read_to_end(&mut got).unwrap();
    assert_eq!(got, b"go away");
}

/// An abort in `opened`, and one before `opened` was told at all.
#[test]
fn an_abort_from_opened_is_told_and_one_before_it_is_not() {
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    harness.on(|net, event| {
        if let Event::Opened(conn, _) = event {
            assert!(net.abort(*conn));
        }
    });
    let (_client, conn) = harness.client(address);
    assert_eq!(harness.until_closed(conn).reason, CloseReason::ByUs);
    let (_ours, theirs) = UnixStream::pair().unwrap();
    let Adopted::Conn(early) = harness.net().adopt(theirs).unwrap() else { panic!("a stream") };
    harness.net().abort(early);
    harness.turn(ZERO);
    harness.turn(ZERO);
    assert_eq!(harness.recorder.reason(early), None, "no opened, no closed");
    assert!(!harness.recorder.has(&Event::Opened(early, Origin::Adopted)));
    assert_eq!(harness.stats().connections, 0);
}

/// A peer that holds its end open gets `linger`, no more and no less.
#[test]
fn a_peer_that_never_closes_is_closed_after_the_linger() {
    const LINGER: Duration = Duration::from_millis(150);
    let mut harness = Harness::with_limits(Limits { linger: LINGER, ..Limits::default() });
    let (_, address) = harness.listen();
    let (mut client, conn) = harness.client(address);
    harness.net().pause_reading(conn);
    client.write_all(&pattern(200_000)).unwrap(); // more than is discarded in one turn
    harness.turn_for(Duration::from_millis(20));
    harness.net().send(conn, b"bye");
    let start = Instant::now();
    harness.net().close(conn);
    harness.turn(ZERO);
    let mut got = Vec::new();
    harness.until("our end is seen", |_, _| read_some(&mut client, &mut got).unwrap());
    assert_eq!(got, b"bye", "the answer, then the end, and no reset");
    assert!(harness.recorder.closed().is_empty() || start.elapsed() >= LINGER);
    client.write_all(b"still talking").unwrap();
    let closed = harness.until_closed(conn);
    assert!(start.elapsed() >= LINGER, "after {:?}", start.elapsed());
    assert!(start.elapsed() < LINGER + Duration::from_secs(5));
    assert_eq!((closed.reason, closed.bytes_in), (CloseReason::ByUs, 200_013), "what came was discarded");
    assert_eq!(harness.recorder.data(conn), b"");
}

#[test]
fn a_peer_that_ends_its_side_ends_the_linger() {
    let mut harness = Harness::with_limits(Limits { linger: 2 * PATIENCE, ..Limits::default() });
    let (_, address) = harness.listen();
    let (mut client, conn) = harness.client(address);
    harness.net().pause_reading(conn);
    client.write_all(&pattern(200_000)).unwrap();
    harness.turn_for(Duration::from_millis(20));
    harness.net().close(conn);
    harness.turn_for(Duration::from_millis(20));
    assert!(harness.recorder.closed().is_empty());
    drop(client);
    assert_eq!(harness.until_closed(conn).reason, CloseReason::ByUs);
}

/// Output waits, the close waits for it, and then the peer is gone.
#[test]
fn a_reset_ends_a_close_that_waits_for_its_output() {
    for is_closing in [true, false] {
        let mut harness = Harness::with_limits(roomy());
        let (_, address) = harness.listen();
        let (client, conn) = harness.client(address);
        harness.net().send(conn, pattern(32 << 20));
        if is_closing {
            harness.net().close(conn);
        }
        harness.turn_for(Duration::from_millis(20));
        assert!(harness.recorder.closed().is_empty(), "the output waits");
        drop(client); // unread input: the kernel resets
        let closed = harness.until_closed(conn);
        assert_eq!(closed.reason, CloseReason::Reset);
        assert_eq!(closed.bytes_out + closed.unsent, 32 << 20);
        harness.turn_for(Duration::from_millis(5));
        assert_eq!((harness.stats().connections, harness.reactor.next_deadline()), (0, None));
    }
}

#[test]
fn a_silent_stream_is_closed_as_idle_and_a_talking_one_is_not() {
    const IDLE: Duration = Duration::from_millis(250);
    let mut harness = Harness::with_limits(Limits { idle: IDLE, ..Limits::default() });
    let (_, address) = harness.listen();
    let start = Instant::now();
    let (mut silent, silent_id) = harness.client(address);
    let (mut talking, talking_id) = harness.client(address);
    let mut last = Instant::now();
    while harness.recorder.reason(silent_id).is_none() {
        assert!(start.elapsed() < PATIENCE);
        if last.elapsed() > IDLE / 10 {
            talking.write_all(b".").unwrap();
            last = Instant::now();
        }
        harness.turn(IDLE / 20);
    }
    assert!(start.elapsed() >= IDLE);
    assert_eq!(harness.recorder.reason(silent_id), Some(CloseReason::Idle));
    assert_eq!(harness.recorder.reason(talking_id), None);
    assert_eq!(silent.read(&mut [0; 9]).unwrap(), 0, "an end in order");
    let quiet_since = Instant::now();
    talking.write_all(b".").unwrap();
    assert_eq!(harness.until_closed(talking_id).reason, CloseReason::Idle);
    assert!(quiet_since.elapsed() >= IDLE);
}

/// One timer looks after all of them, and closes no more of them in a turn than timers may fire.
#[test]
fn silent_streams_are_closed_each_in_its_time_however_many_there_are() {
    const IDLE: Duration = Duration::from_millis(100);
    let mut harness = Harness::with_limits(Limits { idle: IDLE, timers: 2, ..Limits::default() });
    let (_, address) = harness.listen();
    let clients: Vec<_> = (0..25)
        .map(|_| {
            let opened = Instant::now();
            let (stream, conn) = harness.client(address);
            harness.turn_for(IDLE / 25);
            (stream, conn, opened)
        })
        .collect();
    for (_stream, conn, opened) in clients {
        while harness.recorder.reason(conn).is_none() {
            assert!(opened.elapsed() < PATIENCE);
            harness.turn(IDLE);
        }
        assert_eq!(harness.recorder.reason(conn), Some(CloseReason::Idle));
        assert!(opened.elapsed() >= IDLE, "after {:?}", opened.elapsed());
    }
    assert_eq!((harness.stats().connections, harness.reactor.next_deadline()), (0, None));
}

/// While the handler has paused reading, the clock of the silence stands still.
#[test]
fn a_stream_whose_handler_has_paused_is_not_idle() {
    const IDLE: Duration = Duration::from_millis(200);
    let mut harness = Harness::with_limits(Limits { idle: IDLE, ..Limits::default() });
    let (_, address) = harness.listen();
    let (_client, conn) = harness.client(address);
    harness.net().pause_reading(conn);
    harness.turn(ZERO);
    let before = harness.stats().turns;
    harness.turn_for(IDLE * 7 / 4);
    assert!(harness.recorder.closed().is_empty(), "the silence is ours");
    assert!(harness.stats().turns - before < 10);
    let resumed = Instant::now();
    harness.net().resume_reading(conn);
    assert_eq!(harness.until_closed(conn).reason, CloseReason::Idle);
    assert!(resumed.elapsed() >= IDLE / 2, "{:?} after it was resumed", resumed.elapsed());
}

/// Limits may change while streams are open, and much time may pass between two turns.
#[test]
fn the_idle_limit_counts_from_the_right_moment() {
    const IDLE: Duration = Duration::from_millis(100);
    let mut harness = Harness::with_limits(Limits { idle: ZERO, ..Limits::default() });
    let (_, address) = harness.listen();
    let (_client, old) = harness.client(address);
    harness.turn_for(Duration::from_millis(5));
    harness.net().set_limits(Limits { idle: IDLE, ..Limits::default() });
    let changed = Instant::now();
    assert_eq!(harness.until_closed(old).reason, CloseReason::Idle);
    assert!(changed.elapsed() < PATIENCE / 2);
    std::thread::park_timeout(3 * IDLE); // nobody turns
    let start = Instant::now();
    let (_ours, theirs) = UnixStream::pair().unwrap();
    let Adopted::Conn(conn) = harness.net().adopt(theirs).unwrap() else { panic!("a stream") };
    assert_eq!(harness.until_closed(conn).reason, CloseReason::Idle);
    assert!(start.elapsed() >= IDLE, "after {:?}", start.elapsed());
}

/// Zero and the largest values are limits like others: none overflows, and none makes the loop spin.
#[test]
fn extreme_limits_are_limits() {
    const MAX: Duration = Duration::MAX;
    const NO: usize = usize::MAX;
    let default = Limits::default;
    let all_max =
        Limits { read_budget: NO, accepts: NO, datagrams: NO, commands: NO, timers: NO, ..default() };
    let all_zero = Limits { read_budget: 0, accepts: 0, datagrams: 0, commands: 0, timers: 0, ..default() };
    for limits in [
        Limits { idle: MAX, write_stall: MAX, linger: MAX, ..default() },
        Limits { idle: ZERO, write_stall: ZERO, linger: ZERO, ..default() },
        Limits { connections: NO, backlog: u32::MAX, command_queue: NO, ..all_max },
        Limits { backlog: 0, command_queue: 0, ..all_zero },
        Limits { outbox_high: NO, outbox_low: NO, outbox_cap: NO, ..default() },
        Limits { outbox_high: 0, outbox_low: NO, outbox_cap: 0, ..default() },
    ] {
        let size = if limits.outbox_cap == 0 { 1 } else { 1 << 20 };
        let mut harness = Harness::with_limits(limits);
        let (_, address) = harness.listen();
        harness.on(move |net, event| {
            if let Event::Data(conn, bytes) = event
                && bytes == b"x"
            {
                net.send(*conn, pattern(size));
            }
        });
        let timers = [harness.net().set_timer(MAX, 1), harness.net().set_interval(MAX, 1)];
        let (mut client, conn) = harness.client(address);
        client.write_all(b"x").unwrap();
        let mut got = Vec::new();
        harness.until("the answer", |_, _| {
            read_some(&mut client, &mut got).unwrap();
            got.len() == size
        });
        client.write_all(&pattern(20_000)[1..]).unwrap();
        harness.net().pause_reading(conn);
        harness.net().close(conn);
        harness.turn_for(Duration::from_millis(5));
        drop(client);
        harness.until_closed(conn);
        let turns = harness.stats().turns;
        harness.turn_for(Duration::from_millis(20));
        assert!(harness.stats().turns - turns < 10);
        assert_eq!(harness.recorder.count(|event| matches!(event, Event::Timeout(..))), 0);
        assert!(timers.iter().all(|&timer| harness.net().cancel_timer(timer)));
        harness.net().drain(MAX);
        harness.until("it is drained", |reactor, _| reactor.drained().is_some());
    }
}

/// Many short lives: accepted, answered, closed from either side, all accounted for.
#[test]
fn a_thousand_short_sessions_leave_nothing_behind() {
    let mut harness = Harness::new();
    answer_and_close(&mut harness, 5);
    let (_, address) = harness.listen();
    let background = harness.run_in_background();
    for round in 0..1000 {
        let mut client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(if round % 2 == 0 { b"x" } else { b"xyz" }).unwrap();
        let mut got = Vec::new();
        client.read_to_end(&mut got).unwrap();
        assert_eq!(got, pattern(5));
    }
    let mut harness = background.finish();
    harness.until("all are closed", |_, recorder| recorder.closed().len() == 1000);
    let stats = harness.stats();
    assert_eq!((stats.connections, stats.opened, stats.stale_events), (0, 1000, 0));
    assert_eq!(harness.reactor.next_deadline(), None, "no timer is left");
}
