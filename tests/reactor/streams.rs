//! Streams: what arrives, in what order, and when reading stops.

use crate::support::*;
use hullo::*;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const ZERO: Duration = Duration::ZERO;

/// I3, I4: the ready list carries on where a budget has ended.
#[test]
fn a_burst_arrives_whole_and_in_order_whatever_the_budget() {
    for (read_budget, size) in [(64 * 1024, 10 << 20), (1, 3000), (3, 20_000), (7, 50_000)] {
        let mut harness = Harness::with_limits(Limits { read_budget, ..Limits::default() });
        let (_, address) = harness.listen();
        let (mut client, conn) = harness.client(address);
        let bytes = pattern(size);
        let sent = bytes.clone();
        let writer = std::thread::spawn(move || {
            client.write_all(&sent).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            client.read_to_end(&mut Vec::new()).unwrap();
        });
        let mut last = (0, 0);
        while harness.recorder.reason(conn).is_none() {
            harness.turn(Duration::from_millis(10));
            let (events, stats) = (&harness.recorder.events[last.0..], harness.reactor.net().stats());
            let lens =
                events.iter().map(|event| if let Event::Data(_, bytes) = event { bytes.len() } else { 0 });
            assert!(lens.sum::<usize>() <= read_budget, "more than the budget in one turn");
            assert!(stats.turns < 1_000_000);
            last.0 = harness.recorder.events.len();
        }
        writer.join().unwrap();
        assert!(harness.recorder.data(conn) == bytes, "budget {read_budget}");
        harness.check();
    }
}

/// I6, I7.
#[test]
fn a_paused_stream_loses_nothing_and_costs_no_turns() {
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    harness.on(|net, event| {
        if let Event::Opened(conn, _) = event {
            net.pause_reading(*conn);
        }
    });
    let (mut client, conn) = harness.client(address);
    client.write_all(&pattern(300_000)[..200_000]).unwrap();
    client.write_all(&pattern(300_000)[200_000..]).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    harness.turn_for(Duration::from_millis(30));
    let before = harness.stats();
    harness.turn_for(Duration::from_millis(200));
    let after = harness.stats();
    assert!(after.turns - before.turns < 10, "{} turns while paused", after.turns - before.turns);
    assert_eq!(after.reads, 0, "nothing was read");
    assert_eq!(harness.recorder.events.len(), 1);
    assert!(harness.net().resume_reading(conn));
    let closed = harness.until_closed(conn);
    assert_eq!((closed.reason, closed.bytes_in), (CloseReason::PeerClosed, 300_000));
    assert!(harness.recorder.data(conn) == pattern(300_000));
}

#[test]
fn pausing_in_the_middle_of_a_burst_takes_effect_with_the_next_read() {
    let mut harness = Harness::with_limits(Limits { read_budget: 1000, ..Limits::default() });
    let (_, address) = harness.listen();
    harness.on(|net, event| {
        if let Event::Data(conn, _) = event {
            net.pause_reading(*conn);
        }
    });
    let (mut client, conn) = harness.client(address);
    client.write_all(&pattern(10_500)).unwrap();
    for part in 1..=11 {
        harness.until("one read", |_, recorder| recorder.data(conn).len() >= (part * 1000).min(10_500));
        harness.turn_for(Duration::from_millis(2));
        assert_eq!(harness.recorder.data(conn).len(), (part * 1000).min(10_500));
        harness.net().resume_reading(conn);
    }
    client.shutdown(Shutdown::Write).unwrap();
    harness.until_closed(conn);
    assert!(harness.recorder.data(conn) == pattern(10_500));
}

#[test]
fn a_limit_on_reads_holds_for_every_read() {
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    harness.on(|net, event| match event {
        Event::Opened(conn, _) => drop(net.limit_reads(*conn, 10)),
        Event::Data(_, bytes) => assert!(bytes.len() <= 10),
        _ => {}
    });
    let (mut client, conn) = harness.client(address);
    client.write_all(&pattern(995)).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    harness.until_closed(conn);
    assert!(harness.recorder.data(conn) == pattern(995));
    assert_eq!(harness.recorder.count(|event| matches!(event, Event::Data(..))), 100);
}

/// Small sends go through the shared scratch, large ones through the outbox, and those of other callbacks straight
/// to the outbox: numbers tell whether any has overtaken.
#[test]
fn replies_never_overtake_each_other() {
    let mut harness = Harness::with_limits(Limits { outbox_cap: 1 << 30, ..Limits::default() });
    let (_, address) = harness.listen();
    let next: Arc<Mutex<(u32, Option<ConnId>)>> = Arc::default();
    let state = next.clone();
    let mut dice = Dice::new(3);
    harness.on(move |net, event| {
        let mut state = state.lock().unwrap();
        let conn = match event {
            Event::Opened(conn, _) => *state.1.get_or_insert(*conn),
            Event::Data(..) | Event::OutputLow(_) | Event::Timeout(..) | Event::Message(_) => {
                state.1.unwrap()
            }
            _ => return,
        };
        for _ in 0..dice.roll(4) {
            let mut bytes = Vec::new();
            for _ in 0..1 + if dice.roll(8) == 0 { dice.roll(60_000) } else { dice.roll(20) } {
                bytes.extend_from_slice(&state.0.to_be_bytes());
                state.0 += 1;
            }
            if dice.roll(2) == 0 {
                net.send(conn, &bytes);
            } else {
                net.send_with(conn, |out| out.extend_from_slice(&bytes));
            }
        }
        if matches!(event, Event::Timeout(..)) {
            net.set_timer(Duration::from_micros(200), 0);
        }
    });
    let (mut client, _) = harness.client(address);
    let (mut other, _) = harness.client(address); // its callbacks send to the first
    harness.net().set_timer(ZERO, 0);
    let mut got = Vec::new();
    for round in 0..300 {
        client.write_all(b"a").unwrap();
        other.write_all(b"b").unwrap();
        harness.net().remote().message(Box::new(0u64)).unwrap();
        harness.turn(Duration::from_millis(1));
        if round % 7 == 0 {
            read_some(&mut client, &mut got).unwrap();
        }
    }
    let total = next.lock().unwrap().0;
    assert!(total > 50_000);
    harness.on(|_, _| {});
    harness.until("all has arrived", |_, _| {
        read_some(&mut client, &mut got).unwrap();
        got.len() >= 4 * total as usize
    });
    let numbers = got.chunks_exact(4).map(|four| u32::from_be_bytes(four.try_into().unwrap()));
    assert!(numbers.eq(0..total));
}

#[test]
fn unix_streams_are_the_equals_of_tcp() {
    let directory = TempDir::new();
    let path = directory.join("socket");
    let mut harness = Harness::with_limits(Limits { outbox_cap: 64 << 20, ..Limits::default() });
    let listener = harness.reactor.listen(format!("unix:{}", path.display()).as_str()).unwrap();
    assert_eq!(harness.reactor.local_addr(listener).unwrap(), Address::Unix(path.clone()));
    harness.on(|net, event| {
        if let Event::Data(conn, bytes) = event {
            net.send(*conn, bytes);
        }
    });
    let background = harness.run_in_background();
    let clients: Vec<_> = (0..8)
        .map(|n| {
            let mut client = UnixStream::connect(&path).unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            std::thread::spawn(move || {
                let bytes = pattern(500_000 + n);
                let mut writer = client.try_clone().unwrap();
                let sent = bytes.clone();
                let writing = std::thread::spawn(move || {
                    writer.write_all(&sent).unwrap();
                    writer.shutdown(Shutdown::Write).unwrap();
                });
                let mut got = Vec::new();
                client.read_to_end(&mut got).unwrap();
                writing.join().unwrap();
                assert!(got == bytes);
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    let mut harness = background.finish();
    assert!(harness.recorder.closed().iter().all(|(_, closed)| closed.reason == CloseReason::PeerClosed));
    assert_eq!(harness.recorder.closed().len(), 8);
    assert!(harness.net().close_listener(listener));
    assert!(!path.exists(), "the file goes with the listener");
}

/// What was sent before a stream is served goes out before what is sent while it is.
#[test]
fn an_answer_does_not_overtake_what_was_sent_before_it() {
    let mut harness = Harness::new();
    harness.on(|net, event| {
        if let Event::Opened(conn, _) | Event::Data(conn, _) = event {
            net.send(*conn, b" second");
        }
    });
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    let Adopted::Conn(conn) = harness.net().adopt(theirs).unwrap() else { panic!("a stream") };
    harness.net().send(conn, b"first");
    harness.turn(ZERO);
    let mut got = [0; 12];
    ours.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"first second");
    harness.net().pause_reading(conn);
    ours.write_all(b"question").unwrap();
    harness.turn(ZERO);
    harness.net().send(conn, b"first");
    harness.net().resume_reading(conn);
    harness.turn(ZERO);
    ours.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"first second");
}

/// I5: the poller is spoken to once for each stream, and again only for a Unix one whose output begins or ends to wait.
#[test]
fn a_stream_is_registered_once_whatever_is_said_on_it() {
    let mut harness = Harness::with_limits(Limits { outbox_cap: 64 << 20, ..Limits::default() });
    let (_, address) = harness.listen();
    harness.on(|net, event| {
        if let Event::Data(conn, bytes) = event {
            net.send(*conn, bytes);
        }
    });
    let before = harness.stats().registrations;
    let (mut client, tcp) = harness.client(address);
    let (mut unix_client, theirs) = UnixStream::pair().unwrap();
    let Adopted::Conn(unix) = harness.net().adopt(theirs).unwrap() else { panic!("a stream") };
    for round in 0..100 {
        for (client, conn) in [(&mut client as &mut dyn ReadWrite, tcp), (&mut unix_client, unix)] {
            client.write_all(b"ping").unwrap();
            harness.until("it is read", |_, recorder| recorder.bytes.get(&conn) == Some(&(4 * (round + 1))));
            client.read_exact(&mut [0; 4]).unwrap();
        }
    }
    assert_eq!(harness.stats().registrations, before + 2);

    // More than the kernel takes: the TCP stream is registered for writing already, the Unix one is not.
    harness.net().send(tcp, pattern(16 << 20));
    harness.turn(Duration::ZERO);
    assert!(harness.net().waiting(tcp) > 0);
    assert_eq!(harness.stats().registrations, before + 2);
    harness.net().send(unix, pattern(16 << 20));
    harness.turn(Duration::ZERO);
    assert_eq!(harness.stats().registrations, before + 3);
    let reading =
        std::thread::spawn(move || unix_client.read_exact(&mut vec![0; 16 << 20]).map(|()| unix_client));
    harness.until("all is taken", |reactor, _| reactor.net().waiting(unix) == 0);
    reading.join().unwrap().unwrap();
    assert_eq!(harness.stats().registrations, before + 4);
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

#[test]
fn an_abstract_name_is_listened_on_and_connected_to_and_leaves_no_file() {
    let mut harness = Harness::new();
    let address: Address = format!("unix:@hullo-test-{}", std::process::id()).parse().unwrap();
    let listener = harness.reactor.listen(address.clone()).unwrap();
    assert_eq!(harness.reactor.local_addr(listener).unwrap(), address);
    let conn = harness.net().connect(address.clone()).unwrap();
    harness.until("both ends are open", |_, recorder| recorder.opened().len() == 2);
    assert!(harness.net().abort(conn));
    assert!(harness.net().listen(address).is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse));
}
