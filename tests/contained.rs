//! A panic that no handler has made: here of the host's own logger, which the reactor calls on behalf of a peer.

mod reactor_common;

use hullo::*;
use reactor_common::*;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};

struct Fragile;

static IS_FRAGILE: AtomicBool = AtomicBool::new(false);

impl log::Log for Fragile {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }

    fn log(&self, record: &log::Record) {
        let text = record.args().to_string();
        assert!(
            !IS_FRAGILE.load(Ordering::Relaxed) || !text.contains("reset"),
            "the logger breaks at this: {text}"
        );
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
    IS_FRAGILE.store(true, Ordering::Relaxed);
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
}
