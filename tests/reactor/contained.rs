//! A panic that no handler has made: here of the host's own logger, which the reactor calls on behalf of a peer.

use crate::support::*;
use hullo::*;
use std::cell::Cell;
use std::io::{Read, Write};

struct Fragile;

thread_local! {
    /// A program has one logger. It breaks on the thread of this test alone; the others in this room go on.
    static IS_FRAGILE: Cell<bool> = const { Cell::new(false) };
}

impl log::Log for Fragile {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }

    fn log(&self, record: &log::Record) {
        let text = record.args().to_string();
        assert!(!IS_FRAGILE.get() || !text.contains("reset"), "the logger breaks at this: {text}");
    }

    fn flush(&self) {}
}

#[test]
fn a_panic_below_the_handler_costs_one_client() {
    log::set_logger(&Fragile).unwrap();
    log::set_max_level(log::LevelFilter::Debug);
    let mut harness = Harness::new();
    harness.recorder.panics_wanted = true;
    harness.on(|net, event| {
        if let Event::Data(conn, bytes) = event {
            net.send(*conn, bytes);
        }
    });
    let (_, address) = harness.listen();
    let (mut other, _) = harness.client(address);
    IS_FRAGILE.set(true);
    for round in 1..=3 {
        let (client, conn) = harness.client(address);
        socket2::SockRef::from(&client).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        drop(client);
        let closed = harness.until_closed(conn);
        assert_eq!((closed.reason, closed.error), (CloseReason::Io, Some(std::io::ErrorKind::Other)));
        assert_eq!(harness.stats().panics, round);

        let before = harness.recorder.bytes.values().sum::<usize>();
        other.write_all(b"here?").unwrap();
        harness.until("it is heard", |_, recorder| recorder.bytes.values().sum::<usize>() == before + 5);
        let mut answer = [0; 5];
        other.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"here?");
    }
    assert_eq!(harness.stats().connections, 1);
    what_another_thread_has_sent_breaks_nothing_either(&mut harness, address);
}

/// A client that resets its connection in the same turn in which output of another thread meets that it is over the cap.
fn what_another_thread_has_sent_breaks_nothing_either(harness: &mut Harness, address: std::net::SocketAddr) {
    harness.net().set_limits(Limits { outbox_low: 0, outbox_high: 0, outbox_cap: 0, ..Limits::default() });
    let (client, conn) = harness.client(address);
    let mut client = Some(client);
    harness.on(move |net, event| {
        if let Event::Message(1) = event {
            assert!(net.send(conn, b"waits").is_queued());
            let client = client.take().unwrap();
            socket2::SockRef::from(&client).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        }
    });
    let panics = harness.stats().panics;
    let remote = harness.net().remote();
    remote.message(Box::new(1u64)).unwrap();
    remote.send(conn, b"more".to_vec()).unwrap();
    remote.message(Box::new(2u64)).unwrap();
    harness.turn(std::time::Duration::from_millis(10));
    assert_eq!(harness.stats().panics, panics + 1);
    assert!(harness.recorder.has(&Event::Message(2)), "what stands behind it is taken as well");
    assert_eq!(harness.until_closed(conn).reason, CloseReason::Io);
}
