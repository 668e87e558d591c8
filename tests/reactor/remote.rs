//! The way in from other threads.

use crate::support::*;
use hullo::*;
use std::any::Any;
use std::io::{Read, Write};
use std::time::Duration;

#[test]
fn a_remote_sends_closes_and_hands_over_messages_in_order() {
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    let (mut client, conn) = harness.client(address);
    let background = harness.run_in_background();
    for n in 0..100u64 {
        background.remote.send(conn, n.to_be_bytes().to_vec()).unwrap();
        background.remote.message(Box::new(n)).unwrap();
    }
    background.remote.close(conn).unwrap();
    background.remote.send(conn, b"too late".to_vec()).unwrap();
    let mut got = Vec::new();
    client.read_to_end(&mut got).unwrap();
    assert_eq!(got, (0..100u64).flat_map(u64::to_be_bytes).collect::<Vec<u8>>());
    let mut harness = background.finish();
    harness.until_closed(conn);
    let is_message = |event: &&Event| matches!(event, Event::Message(_));
    let messages: Vec<&Event> = harness.recorder.events.iter().filter(is_message).collect();
    assert!(messages.into_iter().eq((0..100).map(Event::Message).collect::<Vec<_>>().iter()));
    assert_eq!(harness.stats().commands, 203, "with the stop that ended it");
    assert!(harness.net().remote().close(conn).is_ok(), "a dead id is found out later");
    let dead = harness.stats().dead_ids;
    harness.until("it is counted", |reactor, _| reactor.net().stats().dead_ids > dead);
}

#[test]
fn a_closed_listener_leaves_its_clients_served() {
    let mut harness = Harness::new();
    let (listener, address) = harness.listen();
    harness.on(|net, event| {
        if let Event::Data(conn, bytes) = event {
            net.send(*conn, bytes);
        }
    });
    let (mut client, _) = harness.client(address);
    let background = harness.run_in_background();
    background.remote.close_listener(listener).unwrap();
    let deadline = std::time::Instant::now() + PATIENCE;
    while std::net::TcpStream::connect(address).is_ok() {
        assert!(std::time::Instant::now() < deadline, "it listens still");
    }
    client.write_all(b"served?").unwrap();
    let mut answer = [0; 7];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"served?");
    let harness = background.finish();
    assert!(harness.reactor.local_addr(listener).is_err());
}

#[test]
fn a_full_queue_hands_back_what_it_was_given() {
    let mut harness = Harness::with_limits(Limits { command_queue: 2, ..Limits::default() });
    let nobody = ConnId::from_bits(77 << 24);
    let remote = harness.net().remote();
    remote.message(Box::new(1u64)).unwrap();
    remote.message(Box::new(2u64)).unwrap();
    let Err(RemoteError::Full(message)) = remote.message(Box::new(3u64)) else { panic!("it is full") };
    assert_eq!(remote.send(nobody, b"bytes".to_vec()), Err(RemoteError::Full(b"bytes".to_vec())));
    assert_eq!(remote.close(nobody), Err(RemoteError::Full(())));
    assert_eq!(remote.stop(), Err(RemoteError::Full(())));
    assert_eq!(remote.drain(Duration::ZERO), Err(RemoteError::Full(())));
    harness.turn(Duration::ZERO);
    remote.message(message).unwrap();
    harness.turn(Duration::ZERO);
    assert_eq!(harness.recorder.events, [1, 2, 3].map(Event::Message));

    drop(harness);
    let Err(RemoteError::Gone(message)) = remote.message(Box::new(4u64)) else { panic!("it is gone") };
    assert_eq!(message.downcast_ref(), Some(&4u64));
    assert_eq!(remote.send(nobody, b"bytes".to_vec()), Err(RemoteError::Gone(b"bytes".to_vec())));
    assert_eq!(remote.close(nobody), Err(RemoteError::Gone(())));
    assert!(remote.stop().unwrap_err().to_string().contains("gone"));
}

#[test]
fn what_waits_in_the_queue_is_dropped_with_the_reactor() {
    struct Calls(Remote, std::sync::mpsc::Sender<bool>);
    impl Drop for Calls {
        fn drop(&mut self) {
            let _ = self.1.send(self.0.stop() == Err(RemoteError::Gone(())));
        }
    }
    let mut harness = Harness::new();
    let remote = harness.net().remote();
    let (sender, receiver) = std::sync::mpsc::channel();
    remote.message(Box::new(Calls(remote.clone(), sender))).unwrap();
    drop(harness);
    assert_eq!(receiver.recv_timeout(PATIENCE), Ok(true), "its drop may call the remote, which says gone");
}

#[test]
fn a_stop_ends_run_and_nothing_else() {
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    let (mut client, conn) = harness.client(address);
    let mut harness = harness.run_in_background().finish();
    assert_eq!(harness.recorder.closed(), []);
    client.write_all(b"later").unwrap();
    harness.until("it is read by the next turns", |_, recorder| recorder.data(conn) == b"later");
    // A stop that was asked for between two runs is not lost.
    harness.net().stop();
    let Harness { reactor, recorder } = &mut harness;
    assert_eq!(reactor.run(recorder).unwrap(), None);
    // And it does not make later turns spin.
    let start = std::time::Instant::now();
    harness.net().stop();
    harness.turn(Duration::ZERO);
    harness.turn(Duration::ZERO);
    harness.turn(Duration::from_millis(30));
    assert!(start.elapsed() >= Duration::from_millis(30));
}

/// Four threads, as fast as the queue takes it: what is handed back is given again.
#[test]
fn a_million_messages_are_neither_lost_nor_reordered() {
    const EACH: u64 = 250_000;
    struct Counting {
        next: [u64; 4],
        wrong: u64,
        total: u64,
    }
    impl Handler for Counting {
        fn data(&mut self, _: &mut Net, _: ConnId, _: &[u8]) {}
        fn message(&mut self, net: &mut Net, message: Box<dyn Any + Send>) {
            let number = *message.downcast::<u64>().unwrap();
            let (thread, n) = ((number >> 32) as usize, number & 0xffff_ffff);
            self.wrong += (self.next[thread] != n) as u64;
            self.next[thread] = n + 1;
            self.total += 1;
            if self.total == 4 * EACH {
                net.stop();
            }
        }
    }
    let mut reactor = Reactor::with_limits(Limits { command_queue: 1000, ..Limits::default() }).unwrap();
    let remote = reactor.net().remote();
    let threads: Vec<_> = (0..4u64)
        .map(|thread| {
            let remote = remote.clone();
            std::thread::spawn(move || {
                let mut handed_back = 0u64;
                for n in 0..EACH {
                    let mut message: Box<dyn Any + Send> = Box::new(thread << 32 | n);
                    loop {
                        match remote.message(message) {
                            Ok(()) => break,
                            Err(RemoteError::Full(back)) => message = back,
                            Err(RemoteError::Gone(_)) => panic!("the reactor is gone"),
                        }
                        handed_back += 1;
                        std::thread::yield_now();
                    }
                }
                handed_back
            })
        })
        .collect();
    let mut counting = Counting { next: [0; 4], wrong: 0, total: 0 };
    let start = std::time::Instant::now();
    reactor.net().set_timer(Duration::from_secs(60), 0); // not a hang, but a failure
    while counting.total < 4 * EACH && start.elapsed() < 3 * PATIENCE {
        reactor.turn(&mut counting, Some(Duration::from_millis(100))).unwrap();
    }
    assert_eq!((counting.total, counting.wrong, counting.next), (4 * EACH, 0, [EACH; 4]));
    assert_eq!(reactor.net().stats().commands, 4 * EACH);
    for thread in threads {
        thread.join().unwrap();
    }
}

/// The poller's own wake-up is not lost among registrations of the same turn, whatever the selector.
#[test]
fn a_command_is_taken_whatever_is_registered_after_it() {
    let mut harness = Harness::new();
    harness.turn(Duration::ZERO);
    for n in 0..20 {
        harness.net().remote().message(Box::new(n)).unwrap();
        let udp = harness.reactor.bind("udp://127.0.0.1:0").unwrap();
        harness.turn(Duration::from_millis(500)); // it ends at once, since a command waits
        assert!(harness.recorder.has(&Event::Message(n)), "{n} was not taken");
        harness.net().close_datagrams(udp);
    }
}
