//! What `send` takes, what it says, and what it owes.

use crate::support::*;
use hullo::*;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const ZERO: Duration = Duration::ZERO;

/// Eight times the cap: from the callback about the stream, from another one, and from another thread.
#[test]
fn one_answer_larger_than_the_cap_reaches_a_peer_that_reads() {
    const SIZE: usize = 8 << 20;
    for way in ["data", "data, built in place", "timeout", "another thread"] {
        let mut harness = Harness::new();
        let (_, address) = harness.listen();
        let remote = harness.net().remote();
        let asked = Arc::new(Mutex::new(None));
        harness.on(move |net, event| match event {
            Event::Data(conn, _) => match way {
                "data" => assert!(net.send(*conn, pattern(SIZE)).is_queued()),
                "timeout" => {
                    *asked.lock().unwrap() = Some(*conn);
                    net.set_timer(ZERO, 0);
                }
                "another thread" => remote.send(*conn, pattern(SIZE)).unwrap(),
                _ => assert!(net.send_with(*conn, |out| out.extend(pattern(SIZE))).is_queued()),
            },
            Event::Timeout(..) => {
                let conn = asked.lock().unwrap().unwrap();
                assert!(net.send(conn, pattern(SIZE)).is_queued());
            }
            _ => {}
        });
        let (mut client, _) = harness.client(address);
        client.write_all(b"GET").unwrap();
        let mut got = Vec::new();
        harness.until("all of it has come", |_, _| {
            read_some(&mut client, &mut got).unwrap();
            got.len() >= SIZE
        });
        assert!(got == pattern(SIZE), "{way}");
        assert_eq!(harness.recorder.closed(), []);
    }
}

/// More than the cap is offered to the system before it is held against the peer, and then only by the next send.
#[test]
fn the_next_send_over_the_cap_keeps_nothing_says_so_and_ends_the_stream_once() {
    const CAP: usize = 128 * 1024;
    let mut harness = Harness::with_limits(Limits { outbox_cap: CAP, ..Limits::default() });
    let (_, address) = harness.listen();
    let (mut client, conn) = harness.client(address);
    let net = harness.net();
    // The system takes these, though each is more than the cap, and nothing was flushed in between.
    assert_eq!(net.send(conn, pattern(CAP + 1)), Sent::Queued(CAP + 1));
    assert_eq!(net.send(conn, pattern(CAP + 1)), Sent::Queued(CAP + 1));
    let mut got = vec![0; CAP + 1];
    client.read_exact(&mut got).unwrap();
    assert!(got == pattern(CAP + 1));
    harness.turn(ZERO);
    client.read_exact(&mut got).unwrap();
    assert!(got == pattern(CAP + 1));
    // This one it does not take, and still it is kept.
    let net = harness.net();
    assert_eq!(net.send(conn, pattern(64 << 20)), Sent::Queued(64 << 20));
    harness.turn_for(Duration::from_millis(20));
    assert_eq!(harness.recorder.closed(), []);
    assert_eq!(harness.net().send(conn, b"more"), Sent::Closing);
    assert_eq!(harness.net().send(conn, b"more"), Sent::Closing);
    let closed = harness.until_closed(conn);
    assert_eq!(closed.reason, CloseReason::OverCap);
    let all = 2 * (CAP + 1) + (64 << 20);
    assert_eq!(closed.bytes_out + closed.unsent, all as u64, "nothing more was kept");
    assert_eq!(harness.net().send(conn, b"more"), Sent::Gone);
    harness.turn_for(Duration::from_millis(5));
    assert_eq!(harness.recorder.closed().len(), 1);
}

#[test]
fn send_says_what_became_of_it() {
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    let said: Arc<Mutex<Vec<Sent>>> = Arc::default();
    let noted = said.clone();
    harness.on(move |net, event| {
        let mut said = noted.lock().unwrap();
        match event {
            Event::Data(conn, bytes) if bytes == b"half" => {
                said.push(net.send(*conn, b"an answer"));
                net.shutdown_write(*conn);
                said.push(net.send(*conn, b"too late"));
            }
            Event::Data(conn, _) => {
                said.push(net.send(*conn, pattern(20_000)));
                net.close(*conn);
                said.push(net.send_with(*conn, |out| out.push(b'!')));
            }
            Event::Closed(conn, _) => said.push(net.send(*conn, b"too late")),
            _ => {}
        }
    });
    for (question, first) in [("half", Sent::Queued(0)), ("all", Sent::Queued(20_000))] {
        said.lock().unwrap().clear();
        let (mut client, conn) = harness.client(address);
        client.write_all(question.as_bytes()).unwrap();
        let mut got = Vec::new();
        harness.until("the end", |_, _| read_some(&mut client, &mut got).unwrap());
        drop(client);
        harness.until_closed(conn);
        assert_eq!(*said.lock().unwrap(), [first, Sent::Closing, Sent::Closing], "{question}");
        assert_eq!(harness.net().send(conn, b""), Sent::Gone);
    }
}

/// A handler whose mark lies far above what the system takes at once is stopped by it all the same, and so is not the only
/// one that is served.
#[test]
fn a_producer_for_a_quick_reader_comes_to_an_end_in_each_callback() {
    const MARK: usize = 200 * 1024;
    const TOTAL: usize = 32 << 20;
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    let rounds: Arc<Mutex<Vec<usize>>> = Arc::default();
    let told = rounds.clone();
    let mut produced = 0;
    harness.on(move |net, event| {
        let (Event::Opened(conn, _) | Event::OutputLow(conn)) = event else { return };
        let before = produced;
        while produced < TOTAL {
            produced += 4096;
            if !net.send(*conn, [7; 4096]).is_below(MARK) {
                break;
            }
        }
        told.lock().unwrap().push(produced - before);
    });
    let mut client = connect(address);
    let reading = std::thread::spawn(move || {
        let (mut got, mut buffer) = (0, vec![0; 1 << 20]);
        while got < TOTAL {
            got += client.read(&mut buffer).unwrap();
        }
    });
    harness.until("all is read", |_, _| reading.is_finished());
    reading.join().unwrap();
    let most = *rounds.lock().unwrap().iter().max().unwrap();
    // As much again may wait behind what was written on the way.
    assert!(most <= 2 * MARK + 2 * harness.net().limits().outbox_high, "{most} bytes in one callback");
}

/// Each message is taken as it is sent: nobody is told that it is low who was never told that it is high.
#[test]
fn a_peer_that_keeps_up_causes_no_output_low() {
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    harness.on(|net, event| {
        if let Event::Data(conn, bytes) = event {
            assert_eq!(net.send(*conn, bytes), Sent::Queued(0));
        }
    });
    let (mut client, conn) = harness.client(address);
    let mut got = [0; 5];
    for _ in 0..50 {
        client.write_all(b"hello").unwrap();
        harness.until("the echo", |_, _| {
            client.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
            client.read_exact(&mut got).is_ok()
        });
        assert_eq!(harness.net().send(conn, b"*"), Sent::Queued(0));
        harness.turn(ZERO);
        client.read_exact(&mut got[..1]).unwrap();
    }
    assert_eq!(harness.recorder.count(|event| matches!(event, Event::OutputLow(_))), 0);
}

/// A little waits behind much that is stuck: that, too, is told of when it is over.
#[test]
fn whoever_was_told_of_little_is_told_when_nothing_waits() {
    let mut harness = Harness::new();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let Adopted::Conn(conn) = harness.net().adopt(theirs).unwrap() else { panic!("a stream") };
    harness.turn(ZERO);
    // Fills the kernel, and leaves less than the low mark behind.
    let mut sent = 0;
    while harness.net().waiting(conn) == 0 {
        sent += 4096;
        harness.net().send(conn, [7; 4096]);
        harness.turn(ZERO);
    }
    let waiting = harness.net().waiting(conn);
    assert!(waiting <= 4096, "{waiting}");
    assert_eq!(harness.net().send(conn, b"!"), Sent::Queued(waiting + 1));
    harness.turn_for(Duration::from_millis(5));
    assert_eq!(harness.recorder.count(|event| matches!(event, Event::OutputLow(_))), 0, "it waits");
    let mut got = vec![0; sent + 1];
    let reading = std::thread::spawn(move || (&ours).read_exact(&mut got).map(|()| ours));
    harness.until("it is told", |_, recorder| recorder.has(&Event::OutputLow(conn)));
    let _peer = reading.join().unwrap().unwrap();
    harness.turn_for(Duration::from_millis(5));
    assert_eq!(harness.recorder.count(|event| matches!(event, Event::OutputLow(_))), 1, "once");
}

/// In the order in which it was sent, whatever the kind; and what is too much for a peer that is not there yet is refused.
#[test]
fn what_is_sent_before_opened_is_sent_when_it_is() {
    let directory = TempDir::new();
    let path = directory.join("s");
    for kind in ["tcp", "unix", "unixpacket"] {
        let mut harness = Harness::new();
        let wanted = match kind {
            "tcp" => "tcp://127.0.0.1:0".to_owned(),
            _ => format!("{kind}:{}", path.display()),
        };
        let listener = harness.reactor.listen(wanted.as_str()).unwrap();
        let address = harness.reactor.local_addr(listener).unwrap().to_string();
        harness.on(|net, event| {
            if let Event::Opened(conn, Origin::Connected) = event {
                net.send(*conn, b"then");
            }
        });
        let conn = harness.net().connect(address.as_str()).unwrap();
        assert_eq!(harness.net().send(conn, b"first"), Sent::Queued(0));
        assert_eq!(harness.net().send_with(conn, |out| out.extend(pattern(30_000))), Sent::Queued(30_005));
        assert_eq!(harness.net().waiting(conn), 30_005);
        harness.until("all has come", |_, recorder| recorder.bytes.values().sum::<usize>() == 30_009);
        let records: Vec<Vec<u8>> = harness
            .recorder
            .events
            .iter()
            .filter_map(|event| if let Event::Data(_, bytes) = event { Some(bytes.clone()) } else { None })
            .collect();
        assert!(records.concat() == [&b"first"[..], &pattern(30_000), b"then"].concat(), "{kind}");
        assert!(kind != "unixpacket" || records.len() == 3, "each send is a record");
        harness.until("it is told that it fell", |_, recorder| recorder.has(&Event::OutputLow(conn)));
    }
}

#[test]
fn more_than_the_cap_before_opened_ends_the_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let mut harness = Harness::new();
    let cap = harness.net().limits().outbox_cap;
    let conn = harness.net().connect(address.as_str()).unwrap();
    assert_eq!(harness.net().send(conn, pattern(cap + 1)), Sent::Queued(cap + 1));
    assert_eq!(harness.net().send(conn, b"!"), Sent::Closing);
    harness.until("it is told", |_, recorder| {
        recorder.count(|event| matches!(event, Event::ConnectFailed(id, ..) if *id == conn)) == 1
    });
    assert_eq!(harness.net().send(conn, b"!"), Sent::Gone);
}

/// Neither an id that is no id nor one of something else: what was sent to it would lead the output of whoever is next.
#[test]
fn bits_that_name_nothing_reach_nobody() {
    let mut harness = Harness::new();
    let (listener, address) = harness.listen();
    let others = [0, 1, 2, listener.to_bits(), u64::MAX];
    harness.on(move |net, event| match event {
        Event::Timeout(timer, _) => {
            for bits in others.into_iter().chain([timer.to_bits()]) {
                let nobody = ConnId::from_bits(bits);
                assert_eq!(net.send(nobody, b"a secret"), Sent::Gone, "{bits}");
                assert_eq!(net.send_with(nobody, |out| out.extend(b"a secret")), Sent::Gone, "{bits}");
                assert_eq!(net.waiting(nobody), 0);
                assert!(!net.close(nobody) && !net.abort(nobody) && !net.shutdown_write(nobody));
            }
        }
        Event::Data(conn, bytes) => drop(net.send(*conn, bytes).is_queued()),
        _ => {}
    });
    let (mut client, _) = harness.client(address);
    harness.net().set_timer(ZERO, 0);
    harness.until("the timer has fired", |_, recorder| recorder.events.len() > 1);
    client.write_all(b"hello").unwrap();
    let mut got = Vec::new();
    harness.until("the echo", |_, _| {
        read_some(&mut client, &mut got).unwrap();
        !got.is_empty()
    });
    assert_eq!(got, b"hello");
}
