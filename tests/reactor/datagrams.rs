//! Datagrams, UDP and Unix.

use crate::support::*;
use hullo::*;
use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

fn is_datagram(event: &Event) -> bool {
    matches!(event, Event::Datagram { .. })
}

fn payloads(harness: &Harness) -> Vec<Vec<u8>> {
    let bytes =
        |event: &Event| if let Event::Datagram { bytes, .. } = event { Some(bytes.clone()) } else { None };
    harness.recorder.events.iter().filter_map(bytes).collect()
}

fn until_datagrams(harness: &mut Harness, count: usize) {
    harness.until("the datagrams", |_, recorder| recorder.count(is_datagram) >= count);
}

/// Replies with what came.
fn echo(harness: &mut Harness) {
    harness.recorder.on_datagram =
        Box::new(|net, udp, datagram| assert!(net.reply(udp, datagram, datagram.bytes)));
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// I8: the refusal of an answer comes back as an error of a later receive.
#[test]
fn a_refused_datagram_does_not_end_the_receive_path() {
    let mut harness = Harness::new();
    let (ours, theirs) = (socket(), socket());
    let (our_address, their_address) = (ours.local_addr().unwrap(), theirs.local_addr().unwrap());
    ours.connect(their_address).unwrap();
    let Adopted::Datagrams(udp) = harness.net().adopt(ours).unwrap() else { panic!("a datagram socket") };
    for round in 1..=3 {
        theirs.send_to(b"before", our_address).unwrap();
        until_datagrams(&mut harness, round * 2 - 1);
        let nobody = socket().local_addr().unwrap();
        assert!(harness.net().send_to(udp, &PeerAddr::from(nobody), b"refused"));
        harness.turn_for(Duration::from_millis(10));
        theirs.send_to(b"after", our_address).unwrap();
        until_datagrams(&mut harness, round * 2);
    }
    assert_eq!(payloads(&harness).concat(), b"beforeafterbeforeafterbeforeafter");
    let before = harness.stats();
    assert!(before.turns < 200, "{before:?}");

    // The peer itself is gone: each send is refused, and the error is told once and no more.
    drop(theirs);
    for _ in 0..5 {
        assert!(harness.net().send_to(udp, &PeerAddr::from(their_address), b"refused"));
        harness.turn_for(Duration::from_millis(10));
    }
    let after = harness.stats();
    assert!(after.datagram_errors + after.datagrams_refused > before.datagram_errors, "{after:?}");
    assert!(after.turns - before.turns < 100, "no spinning: {after:?}");
    let back = UdpSocket::bind(their_address).unwrap();
    back.send_to(b"back", our_address).unwrap();
    until_datagrams(&mut harness, 7);
    let quiet = harness.stats();
    harness.turn_for(Duration::from_millis(100));
    let later = harness.stats();
    assert!(later.turns - quiet.turns < 10, "no spinning");
    assert!(later.datagram_errors < 20 && later.datagram_errors == quiet.datagram_errors, "{later:?}");
}

#[test]
fn a_unix_peer_that_is_gone_does_not_end_the_receive_path() {
    let directory = TempDir::new();
    let path = directory.join("server");
    let mut harness = Harness::new();
    let udp = harness.reactor.bind(Address::Unixgram(path.clone())).unwrap();
    echo(&mut harness);
    for round in 1..=5 {
        let client_path = directory.join(format!("client-{round}"));
        let client = UnixDatagram::bind(&client_path).unwrap();
        client.send_to(b"and gone", &path).unwrap();
        drop(client);
        std::fs::remove_file(&client_path).unwrap();
        until_datagrams(&mut harness, round);
    }
    let stats = harness.stats();
    assert_eq!((stats.datagrams_in, stats.datagrams_refused, stats.datagrams_out), (5, 5, 0));
    let client = UnixDatagram::bind(directory.join("client")).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.send_to(b"here", &path).unwrap();
    until_datagrams(&mut harness, 6);
    let mut answer = [0; 16];
    let (n, from) = client.recv_from(&mut answer).unwrap();
    assert_eq!((&answer[..n], from.as_pathname()), (&b"here"[..], Some(path.as_path())));
    harness.net().close_datagrams(udp);
    assert!(!path.exists(), "the file goes with the socket");
}

/// I4: past one system call's batch, and past one turn's.
#[test]
fn batches_of_any_size_arrive_in_order_and_are_answered() {
    for count in [1usize, 31, 32, 33, 64, 255, 256, 257, 600] {
        let mut harness = Harness::new();
        let udp = harness.reactor.bind("udp://127.0.0.1:0").unwrap();
        echo(&mut harness);
        let target = udp_addr(&harness.reactor, udp);
        let client = socket();
        // What the receive buffers hold without loss at a time.
        let mut answers = Vec::new();
        let mut sent = 0u32;
        while (sent as usize) < count {
            let upto = (sent + 150).min(count as u32);
            for n in sent..upto {
                client.send_to(&n.to_be_bytes(), target).unwrap();
            }
            sent = upto;
            until_datagrams(&mut harness, sent as usize);
            for _ in answers.len()..sent as usize {
                let mut answer = [0; 8];
                let n = client.recv(&mut answer).unwrap();
                answers.push(answer[..n].to_vec());
            }
        }
        let numbers: Vec<Vec<u8>> = (0..count as u32).map(|n| n.to_be_bytes().to_vec()).collect();
        assert!(payloads(&harness) == numbers && answers == numbers, "{count}");
        let stats = harness.stats();
        assert_eq!((stats.datagrams_in, stats.datagrams_out), (count as u64, count as u64));
    }
}

#[test]
fn an_empty_and_a_largest_datagram_are_datagrams() {
    let mut harness = Harness::new();
    let udp = harness.reactor.bind("udp://127.0.0.1:0").unwrap();
    echo(&mut harness);
    let (client, target) = (socket(), udp_addr(&harness.reactor, udp));
    let mut answer = vec![1; 70_000];
    for (round, size) in [0, 65_507, 1].into_iter().enumerate() {
        client.send_to(&pattern(size), target).unwrap();
        until_datagrams(&mut harness, round + 1);
        let n = client.recv(&mut answer).unwrap();
        assert!(answer[..n] == pattern(size));
    }
    let truncated = |event: &Event| matches!(event, Event::Datagram { truncated: true, .. });
    assert_eq!(harness.recorder.count(truncated), 0);
    // One byte more than fits is refused, and costs nothing else.
    assert!(harness.net().send_to(udp, &PeerAddr::from(client.local_addr().unwrap()), pattern(65_508)));
    assert!(harness.net().send_to(udp, &PeerAddr::from(client.local_addr().unwrap()), b"fits"));
    harness.turn(Duration::ZERO);
    assert_eq!(client.recv(&mut answer).unwrap(), 4);
    assert_eq!(harness.stats().datagrams_refused, 1);
}

#[test]
fn a_unix_datagram_is_told_whole_or_truncated_and_its_sender_may_be_unnamed() {
    let directory = TempDir::new();
    let path = directory.join("server");
    let mut harness = Harness::new();
    harness.reactor.bind(Address::Unixgram(path.clone())).unwrap();
    harness.recorder.on_datagram = Box::new(|net, udp, datagram| {
        net.reply(udp, datagram, b"to nobody");
    });
    let client = UnixDatagram::unbound().unwrap();
    socket2::SockRef::from(&client).set_send_buffer_size(1 << 20).unwrap();
    for size in [65_536, 65_537, 100_000] {
        client.send_to(&pattern(size), &path).unwrap();
        until_datagrams(&mut harness, 1);
        let Some(Event::Datagram { bytes, from, to, truncated, .. }) = harness.recorder.events.pop() else {
            panic!()
        };
        assert_eq!((bytes.len(), truncated), (size.min(65_536), size > 65_536));
        assert!(bytes == pattern(size)[..bytes.len()]);
        assert!(from.is_unnamed() && from.as_path().is_none() && from.unix_name().is_none());
        assert_eq!((to, from.to_string()), (None, "unnamed".to_string()));
    }
    let stats = harness.stats();
    assert_eq!((stats.datagrams_truncated, stats.datagrams_refused), (2, 3));
    // A named one after unnamed ones, in the same buffers.
    let named = UnixDatagram::bind(directory.join("n")).unwrap();
    named.send_to(b"x", &path).unwrap();
    client.send_to(b"y", &path).unwrap();
    until_datagrams(&mut harness, 2);
    let from =
        |event: &Event| if let Event::Datagram { from, .. } = event { Some(from.clone()) } else { None };
    let senders: Vec<PeerAddr> = harness.recorder.events.iter().filter_map(from).collect();
    assert_eq!(senders[0].as_path(), Some(Path::new(&directory.join("n"))));
    assert!(senders[1].is_unnamed());
}

#[test]
fn a_reply_leaves_from_the_address_that_was_asked() {
    let hosts: [(&str, &[&str]); 3] = [
        ("udp://0.0.0.0:0", &["127.0.0.1", "127.0.0.2", "127.1.2.3"]),
        ("udp://*:0", &["127.0.0.1", "127.0.0.2", "::1"]),
        ("udp://[::]:0", &["::1"]),
    ];
    if UdpSocket::bind("[::1]:0").is_err() {
        skip("no IPv6 on this machine");
        return;
    }
    for (address, asked) in hosts {
        let mut harness = Harness::new();
        let udp = harness.reactor.bind(address).unwrap();
        echo(&mut harness);
        let text = harness.reactor.local_addr(udp).unwrap().to_string();
        assert!(text.starts_with(address.trim_end_matches('0')), "{text}");
        let port: u16 = text.rsplit_once(':').unwrap().1.parse().unwrap();
        for (round, ip) in asked.iter().enumerate() {
            let ip: IpAddr = ip.parse().unwrap();
            let client = UdpSocket::bind(if ip.is_ipv6() { "[::1]:0" } else { "127.0.0.1:0" }).unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            client.send_to(b"whence?", (ip, port)).unwrap();
            until_datagrams(&mut harness, round + 1);
            let (n, from) = client.recv_from(&mut [0; 16]).unwrap();
            assert_eq!((n, from), (7, (ip, port).into()), "on {address}");
            let Some(Event::Datagram { to: Some(to), .. }) = harness.recorder.events.last() else { panic!() };
            assert_eq!(to.to_canonical(), ip);
        }
    }
}

#[test]
fn what_cannot_be_sent_is_counted_and_the_rest_of_the_batch_goes_out() {
    let mut harness = Harness::new();
    let udp = harness.reactor.bind("udp://127.0.0.1:0").unwrap();
    let client = socket();
    let here = PeerAddr::from(client.local_addr().unwrap());
    let wrong_family = PeerAddr::from(std::net::SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 9)));
    for n in 0..100u8 {
        let to = if n % 3 == 0 { &wrong_family } else { &here };
        assert!(harness.net().send_to(udp, to, [n]));
    }
    harness.turn(Duration::ZERO);
    let mut got = Vec::new();
    for _ in 0..66 {
        let mut byte = [0];
        client.recv(&mut byte).unwrap();
        got.push(byte[0]);
    }
    assert_eq!(got, (0..100).filter(|n| n % 3 != 0).collect::<Vec<u8>>());
    let stats = harness.stats();
    assert_eq!((stats.datagrams_out, stats.datagrams_refused), (66, 34));
    client.set_nonblocking(true).unwrap();
    assert_eq!(client.recv(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_socket_closed_in_the_middle_of_a_batch_tells_no_more_and_sends_what_it_owed() {
    let mut harness = Harness::new();
    let udp = harness.reactor.bind("udp://127.0.0.1:0").unwrap();
    let target = udp_addr(&harness.reactor, udp);
    let mut told = 0;
    harness.recorder.on_datagram = Box::new(move |net, udp, datagram| {
        told += 1;
        assert!(net.reply(udp, datagram, [told]));
        if told == 3 {
            assert!(net.close_datagrams(udp));
            assert!(!net.close_datagrams(udp));
            assert!(!net.reply(udp, datagram, b"too late"));
        }
    });
    let client = socket();
    for n in 0..20 {
        client.send_to(&[n], target).unwrap();
    }
    until_datagrams(&mut harness, 3);
    harness.turn_for(Duration::from_millis(10));
    assert_eq!(payloads(&harness), [[0], [1], [2]]);
    for n in 1..=3 {
        let mut byte = [0];
        client.recv(&mut byte).unwrap();
        assert_eq!(byte[0], n);
    }
    let stats = harness.stats();
    assert_eq!((stats.datagrams_out, stats.dead_ids), (3, 2));
    drop(UdpSocket::bind(target).unwrap()); // the port is free
}
