//! Connections that keep records apart (SOCK_SEQPACKET).

use crate::support::*;
use hullo::*;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, Read, Write};
use std::net::Shutdown;

fn pair() -> (Socket, Socket) {
    let (ours, theirs) = Socket::pair(Domain::UNIX, Type::SEQPACKET, None).unwrap();
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    ours.set_write_timeout(Some(PATIENCE)).unwrap();
    (ours, theirs)
}

/// A harness that has adopted one end, and the other end.
fn adopted(limits: Limits) -> (Harness, Socket, ConnId) {
    let mut harness = Harness::with_limits(limits);
    let (ours, theirs) = pair();
    let Adopted::Conn(conn) = harness.net().adopt(theirs).unwrap() else { panic!("a connection") };
    (harness, ours, conn)
}

fn records(recorder: &Recorder) -> Vec<Vec<u8>> {
    recorder
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Data(_, bytes) => Some(bytes.clone()),
            _ => None,
        })
        .collect()
}

fn receive(mut socket: &Socket) -> Vec<u8> {
    let mut buffer = vec![0; 100_000];
    let n = socket.read(&mut buffer).unwrap();
    buffer.truncate(n);
    buffer
}

#[test]
fn a_listener_of_records_is_called_and_both_ends_keep_them_apart() {
    let directory = TempDir::new();
    let path = directory.join("socket");
    let address = Address::Unixpacket(path.clone());
    let mut harness = Harness::new();
    let listener = harness.net().listen(address.clone()).unwrap();
    assert_eq!(harness.net().local_addr(listener).unwrap(), address);
    harness.on(|net, event| {
        if let (Event::Opened(conn, Origin::Connected), 2) = (event, net.connections().count()) {
            for record in ["one", "two", "three"] {
                net.send(*conn, record.as_bytes());
            }
        }
    });
    let caller = harness.net().connect(address.to_string().as_str()).unwrap();
    harness.until("all are heard", |_, recorder| records(recorder).len() == 3);
    assert_eq!(records(&harness.recorder), [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
    assert_eq!(harness.net().local_addr(caller).unwrap(), Address::Unixpacket("".into()));

    let client = Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
    client.connect(&SockAddr::unix(&path).unwrap()).unwrap();
    (&client).write_all(b"four").unwrap();
    harness.until("the foreign client is heard", |_, recorder| records(recorder).len() == 4);
    assert!(harness.net().close_listener(listener));
    assert!(!path.exists());
}

#[test]
fn a_path_where_records_are_taken_is_in_use() {
    let directory = TempDir::new();
    let address = Address::Unixpacket(directory.join("socket"));
    let mut harness = Harness::new();
    harness.net().listen(address.clone()).unwrap();
    assert_eq!(harness.net().listen(address).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}

/// I3, I4: neither a short read nor a limit on reads cuts a record or forgets the ones behind it.
#[test]
fn records_arrive_whole_whatever_the_limits() {
    for read_budget in [1000, 64 * 1024] {
        let (mut harness, ours, conn) = adopted(Limits { read_budget, ..Limits::default() });
        harness.net().limit_reads(conn, 1);
        let sizes: Vec<usize> = (0..100).map(|n| 1 + n * 10 % read_budget).collect();
        for burst in sizes.chunks(50) {
            let before = records(&harness.recorder).len();
            for &size in burst {
                (&ours).write_all(&pattern(size)).unwrap();
            }
            harness.until("all have come", |_, recorder| records(recorder).len() == before + burst.len());
        }
        assert!(records(&harness.recorder).iter().zip(sizes).all(|(record, size)| *record == pattern(size)));
    }
}

#[test]
fn a_budget_is_shared_by_short_records_too() {
    let (mut harness, ours, _) = adopted(Limits { read_budget: 1024, ..Limits::default() });
    for _ in 0..10 {
        (&ours).write_all(b"x").unwrap();
    }
    harness.turn(PATIENCE);
    let first = records(&harness.recorder).len();
    assert!((1..10).contains(&first), "{first} in one turn");
    harness.until("the others follow", |_, recorder| records(recorder).len() == 10);
}

#[test]
fn output_that_waits_for_a_slow_reader_keeps_its_records() {
    let (mut harness, ours, conn) = adopted(Limits { outbox_cap: 64 << 20, ..Limits::default() });
    let sizes: Vec<usize> = (0..2000).map(|n| 1 + n * 37 % 5000).collect();
    for &size in &sizes {
        harness.net().send(conn, pattern(size));
        harness.net().send_with(conn, |out| out.extend_from_slice(b"-"));
        harness.net().send(conn, b""); // an empty record would be an end
    }
    harness.turn_for(std::time::Duration::from_millis(20));
    assert!(harness.net().waiting(conn) > 0, "the reader has not read yet");
    let background = harness.run_in_background();
    for size in sizes {
        assert!(receive(&ours) == pattern(size));
        assert_eq!(receive(&ours), b"-");
    }
    drop(ours);
    background.finish();
}

#[test]
fn a_record_over_the_budget_ends_its_connection_and_no_other() {
    let (mut harness, ours, conn) = adopted(Limits { read_budget: 100, ..Limits::default() });
    (&ours).write_all(&pattern(100)).unwrap();
    (&ours).write_all(&pattern(101)).unwrap();
    let closed = harness.until_closed(conn);
    assert_eq!((closed.reason, closed.error), (CloseReason::Io, Some(io::ErrorKind::InvalidData)));
    assert_eq!(records(&harness.recorder), [pattern(100)]);
    let (other, theirs) = pair();
    harness.net().adopt(theirs).unwrap();
    (&other).write_all(b"next").unwrap();
    harness.until("the other is heard", |_, recorder| records(recorder).len() == 2);
}

#[test]
fn the_end_comes_after_the_last_record() {
    let (mut harness, ours, conn) = adopted(Limits::default());
    harness.on(|net, event| {
        if let Event::Data(conn, bytes) = event {
            net.send(*conn, bytes);
        }
    });
    (&ours).write_all(b"last").unwrap();
    ours.shutdown(Shutdown::Write).unwrap();
    assert_eq!(harness.until_closed(conn).reason, CloseReason::PeerClosed);
    assert_eq!((receive(&ours), receive(&ours)), (b"last".to_vec(), Vec::new()));
}

/// As of a Unix stream; the system tells of a reset before it gives the records, and once.
#[test]
fn what_a_peer_sent_before_it_left_is_read_although_it_left_answers_unread() {
    let (mut harness, peer, conn) = adopted(Limits::default());
    harness.echo();
    peer.send(b"one").unwrap();
    harness.until("it is answered", |reactor, _| reactor.net().info(conn).unwrap().bytes_out == 3);
    peer.send(b"two").unwrap();
    peer.send(b"three").unwrap();
    drop(peer);
    harness.until_closed(conn);
    assert_eq!(records(&harness.recorder), [b"one".as_slice(), b"two", b"three"]);

    let (mut harness, peer, conn) = adopted(Limits::default());
    harness.net().send(conn, b"unread");
    harness.turn(std::time::Duration::ZERO);
    drop(peer);
    let closed = harness.until_closed(conn);
    assert_eq!((closed.reason, closed.error), (CloseReason::Reset, Some(io::ErrorKind::ConnectionReset)));
}
