//! Connecting out: one outcome for each id, and what is known of it.

use crate::support::*;
use hullo::*;
use std::io::{self, Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::time::Duration;

const ZERO: Duration = Duration::ZERO;

fn failure(recorder: &Recorder, conn: ConnId) -> Option<(io::ErrorKind, String)> {
    recorder.events.iter().find_map(|event| match event {
        Event::ConnectFailed(id, kind, sentence) if *id == conn => Some((*kind, sentence.clone())),
        _ => None,
    })
}

#[test]
fn a_connection_of_our_own_is_opened_once_the_peer_is_known_and_talks() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut harness = Harness::new();
    harness.on(|net, event| {
        if let Event::Opened(conn, Origin::Connected) = event {
            assert!(net.peer_addr(*conn).unwrap().as_socket().is_some());
            net.send(*conn, b"hello");
        }
    });
    let conn = harness.net().connect(format!("tcp://{address}").as_str()).unwrap();
    assert_eq!(harness.net().send(conn, b"early, "), Sent::Queued(0));
    assert!(harness.recorder.events.is_empty(), "no callback runs inside a call");
    // The welcome may come in the very event that tells of the connection.
    let (mut server, _) = listener.accept().unwrap();
    server.write_all(b"welcome").unwrap();
    harness.until("the welcome", |_, recorder| recorder.data(conn) == b"welcome");
    let mut got = [0; 12];
    server.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"early, hello");
    assert_eq!(harness.net().origin(conn), Some(Origin::Connected));
    let info = harness.net().info(conn).unwrap();
    assert_eq!((info.bytes_in, info.bytes_out, info.waiting), (7, 12, 0));
    drop(server);
    assert_eq!(harness.until_closed(conn).reason, CloseReason::PeerClosed);
}

#[test]
fn a_refused_connection_fails_once_with_its_reason() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut harness = Harness::new();
    let conn = harness.net().connect(format!("tcp://{address}").as_str()).unwrap();
    harness.until("it has failed", |_, recorder| failure(recorder, conn).is_some());
    let (kind, sentence) = failure(&harness.recorder, conn).unwrap();
    assert_eq!(kind, io::ErrorKind::ConnectionRefused);
    assert!(sentence.starts_with(&format!("cannot connect to tcp://{address}: ")), "{sentence}");
    harness.turn(ZERO);
    assert_eq!((harness.recorder.events.len(), harness.stats().connect_failures), (1, 1));
    assert!(!harness.net().close(conn), "it names nothing any more");
}

#[test]
fn each_address_of_a_name_is_tried_and_the_error_names_all_that_failed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut harness = Harness::new();
    let conn = harness.net().connect(format!("tcp://localhost:{port}").as_str()).unwrap();
    harness.until("it is open", |_, recorder| recorder.opened() == [conn]);
    drop(listener);
    let conn = harness.net().connect(format!("tcp://localhost:{port}").as_str()).unwrap();
    harness.until("it has failed", |_, recorder| failure(recorder, conn).is_some());
    let (_, sentence) = failure(&harness.recorder, conn).unwrap();
    let addresses = format!("tcp://localhost:{port}").parse::<Address>().unwrap().resolve().unwrap();
    for address in addresses {
        assert!(sentence.contains(&format!("{address}: ")), "{sentence}");
    }
}

#[test]
fn a_name_without_an_address_fails_without_stopping_the_loop() {
    let mut harness = Harness::new();
    let conn = harness.net().connect("tcp://no-such-host.invalid:1").unwrap();
    let ticks = harness.net().set_interval(Duration::from_millis(1), 7);
    harness.until("it has failed", |_, recorder| failure(recorder, conn).is_some());
    assert!(harness.net().cancel_timer(ticks));
}

/// A listener with a backlog of one, from which nobody accepts: the kernel drops the handshakes of the others.
fn full_listener() -> (socket2::Socket, String) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, format!("tcp://{address}"))
}

#[test]
fn a_connect_that_nobody_answers_ends_at_its_deadline_and_not_before() {
    const LIMIT: Duration = Duration::from_millis(200);
    let mut harness = Harness::with_limits(Limits { connect: LIMIT, ..Limits::default() });
    let (_socket, address) = full_listener();
    let start = std::time::Instant::now();
    let conns: Vec<ConnId> = (0..4).map(|_| harness.net().connect(address.as_str()).unwrap()).collect();
    let last = conns[3];
    harness.until("the last has failed", |_, recorder| failure(recorder, last).is_some());
    assert!(start.elapsed() >= LIMIT);
    assert_eq!(failure(&harness.recorder, last).unwrap().0, io::ErrorKind::TimedOut);
}

#[test]
fn a_unix_listener_with_a_full_backlog_is_asked_again_until_it_has_room() {
    let directory = TempDir::new();
    let path = directory.join("socket");
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    socket.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
    socket.listen(0).unwrap();
    let listener = UnixListener::from(socket);
    let mut harness = Harness::new();
    let address = Address::Unix(path);
    let conns: Vec<ConnId> = (0..4).map(|_| harness.net().connect(address.clone()).unwrap()).collect();
    harness.turn_for(Duration::from_millis(30));
    let opened = harness.recorder.opened().len();
    assert!((1..4).contains(&opened), "{opened} of 4 found room");
    for _ in 0..4 {
        let accepted = harness.recorder.opened().len();
        listener.accept().unwrap();
        harness.until("room is used", |_, recorder| accepted == 4 || recorder.opened().len() > accepted);
    }
    assert_eq!(harness.recorder.opened().len(), 4);
    assert!(conns.iter().all(|conn| failure(&harness.recorder, *conn).is_none()));
}

#[test]
fn what_is_given_up_is_told_once_and_is_never_opened() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let mut harness = Harness::new();
    let conn = harness.net().connect(address.as_str()).unwrap();
    assert!(harness.net().close(conn));
    assert!(!harness.net().abort(conn));
    harness.turn_for(Duration::from_millis(20));
    assert_eq!(failure(&harness.recorder, conn).unwrap().0, io::ErrorKind::Interrupted);
    assert_eq!(harness.recorder.events.len(), 1);
}

#[test]
fn a_drain_gives_up_what_is_not_connected_yet() {
    let (_socket, address) = full_listener();
    let mut harness = Harness::new();
    let conns: Vec<ConnId> = (0..4).map(|_| harness.net().connect(address.as_str()).unwrap()).collect();
    harness.net().drain(PATIENCE);
    harness.until("it is drained", |reactor, _| reactor.drained().is_some());
    assert_eq!(failure(&harness.recorder, conns[3]).unwrap().0, io::ErrorKind::Interrupted);
    assert_eq!(harness.net().connections().count(), 0);
}

#[test]
fn what_cannot_be_connected_to_is_refused_at_once() {
    let mut harness = Harness::new();
    for address in ["udp://127.0.0.1:1", "unixgram:/x", "tcp://*:1", "rubbish"] {
        assert_eq!(
            harness.net().connect(address).unwrap_err().kind(),
            io::ErrorKind::InvalidInput,
            "{address}"
        );
    }
    for address in ["tcp://127.0.0.1:1", "unix:/x", "udp://*:1", "udp://localhost:1"] {
        assert_eq!(
            harness.net().connect_datagrams(address).unwrap_err().kind(),
            io::ErrorKind::InvalidInput,
            "{address}"
        );
    }
}

#[test]
fn a_connected_datagram_socket_talks_to_its_peer_and_hears_of_its_absence() {
    let mut harness = Harness::new();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp =
        harness.net().connect_datagrams(format!("udp://{}", peer.local_addr().unwrap()).as_str()).unwrap();
    assert!(harness.net().send_datagram(udp, b"ping"));
    harness.turn(ZERO);
    let mut buffer = [0; 16];
    let (n, from) = peer.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..n], b"ping");
    peer.send_to(b"pong", from).unwrap();
    let is_pong = |event: &Event| matches!(event, Event::Datagram { bytes, .. } if bytes == b"pong");
    harness.until("pong", |_, recorder| recorder.count(is_pong) == 1);
    drop(peer);
    harness.net().send_datagram(udp, b"anybody?");
    harness.until("the refusal is told", |_, recorder| {
        recorder.has(&Event::DatagramError(udp, io::ErrorKind::ConnectionRefused))
    });
    assert!(harness.net().close_datagrams(udp));
}

#[test]
fn a_connected_unix_datagram_socket_has_a_name_to_be_answered_at() {
    let directory = TempDir::new();
    let path = directory.join("socket");
    let peer = UnixDatagram::bind(&path).unwrap();
    let mut harness = Harness::new();
    let udp = harness.net().connect_datagrams(Address::Unixgram(path)).unwrap();
    harness.net().send_datagram(udp, b"ping");
    harness.turn(ZERO);
    let mut buffer = [0; 16];
    let (n, from) = peer.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..n], b"ping");
    peer.send_to_addr(b"pong", &from).unwrap();
    let is_pong = |event: &Event| matches!(event, Event::Datagram { bytes, .. } if bytes == b"pong");
    harness.until("pong", |_, recorder| recorder.count(is_pong) == 1);
}

#[test]
fn a_thousand_connections_of_which_half_are_refused_each_have_one_end() {
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    harness.on(|net, event| {
        if let Event::Opened(conn, Origin::Connected) = event {
            net.close(*conn);
        }
    });
    let conns: Vec<ConnId> = (0..1000)
        .map(|n| if n % 2 == 0 { address } else { nobody })
        .map(|address| harness.net().connect(format!("tcp://{address}").as_str()).unwrap())
        .collect();
    // The harness itself complains of a second end, and of anything outside of the two.
    harness.until("each has its end", |_, recorder| recorder.closed().len() == 1000);
    harness.until("all is over", |reactor, _| reactor.net().stats().connections == 0);
    for (n, conn) in conns.iter().enumerate() {
        let (closed, failed) = (harness.recorder.reason(*conn), failure(&harness.recorder, *conn));
        assert_eq!((closed.is_some(), failed.is_some()), (n % 2 == 0, n % 2 == 1));
    }
    let stats = harness.stats();
    assert_eq!((stats.opened, stats.connect_failures), (1000, 500), "both ends of five hundred");
}

#[test]
fn a_datagram_that_is_refused_when_sent_is_told_as_well() {
    let directory = TempDir::new();
    let path = directory.join("socket");
    let peer = UnixDatagram::bind(&path).unwrap();
    let mut harness = Harness::new();
    let udp = harness.net().connect_datagrams(Address::Unixgram(path)).unwrap();
    drop(peer);
    harness.net().send_datagram(udp, b"anybody?");
    harness.until("the refusal is told", |_, recorder| {
        recorder.has(&Event::DatagramError(udp, io::ErrorKind::ConnectionRefused))
    });
    assert_eq!(harness.stats().datagrams_refused, 1);
    // Closed before it is told: nothing more about it.
    harness.net().send_datagram(udp, b"anybody?");
    assert!(harness.net().close_datagrams(udp));
    harness.turn(ZERO);
    assert_eq!(harness.recorder.events.len(), 1);
}

/// Each change from one socket to another sends what was collected, so that each datagram is refused by itself.
#[test]
fn no_more_refusals_are_told_in_a_turn_than_the_limit_says() {
    let directory = TempDir::new();
    let path = directory.join("socket");
    let peer = UnixDatagram::bind(&path).unwrap();
    let mut harness = Harness::with_limits(Limits { refusals: 3, ..Limits::default() });
    let sockets = [(); 2].map(|()| harness.net().connect_datagrams(Address::Unixgram(path.clone())).unwrap());
    drop(peer);
    for round in 1..=2 {
        for n in 0..20 {
            assert!(harness.net().send_datagram(sockets[n % 2], b"anybody?"));
        }
        harness.turn(ZERO);
        assert_eq!(harness.stats().datagrams_refused, 20 * round, "each is counted");
        assert_eq!(harness.recorder.events.len() as u64, 3 * round, "{:?}", harness.recorder.events);
    }
}

#[test]
fn a_connection_comes_from_the_address_that_was_asked_for() {
    let source = "127.0.0.2".parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let mut harness = Harness::new();
    let conn = harness.net().connect_from(source, address.as_str()).unwrap();
    let (_server, peer) = listener.accept().unwrap();
    assert_eq!(peer.ip(), source);
    harness.until("it is open", |_, recorder| recorder.opened() == [conn]);

    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = format!("udp://{}", server.local_addr().unwrap());
    let udp = harness.net().connect_datagrams_from(source, address.as_str()).unwrap();
    harness.net().send_datagram(udp, b"ping");
    harness.turn(ZERO);
    assert_eq!(server.recv_from(&mut [0; 16]).unwrap().1.ip(), source);

    for unix in ["unix:/nowhere", "unixpacket:/nowhere"] {
        let error = harness.net().connect_from(source, unix).unwrap_err();
        assert_eq!(error.to_string(), format!("{unix} has no source address to choose"));
    }
}

#[test]
fn the_datagrams_that_found_no_room_are_counted_by_the_system() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut harness = Harness::new();
    let address = format!("udp://{}", server.local_addr().unwrap());
    let udp = harness.net().connect_datagrams(address.as_str()).unwrap();
    harness.net().controls(udp).unwrap().set_receive_buffer(1).unwrap();
    harness.net().send_datagram(udp, b"where am I?");
    harness.turn(ZERO);
    let (_, client) = server.recv_from(&mut [0; 16]).unwrap();
    for _ in 0..100 {
        server.send_to(&[0; 1000], client).unwrap();
    }
    let drops = u64::from(harness.net().controls(udp).unwrap().receive_drops().unwrap());
    harness.until("the others are here", |reactor, _| reactor.net().stats().datagrams_in == 100 - drops);
    assert!(drops > 0);
}

/// As what is sent before is sent then.
#[test]
fn what_is_asked_of_a_connection_before_it_is_opened_is_done_then() {
    let directory = TempDir::new();
    for kind in ["tcp", "unix", "unixpacket"] {
        for has_output in [true, false] {
            let mut harness = Harness::new();
            // A process that another test forks holds the sockets of the round before until it executes.
            let path = directory.join(format!("{kind}-{has_output}"));
            let wanted = match kind {
                "tcp" => "tcp://127.0.0.1:0".to_owned(),
                _ => format!("{kind}:{}", path.display()),
            };
            let listener = harness.reactor.listen(wanted.as_str()).unwrap();
            let address = harness.reactor.local_addr(listener).unwrap();
            harness.on(|net, event| {
                if let Event::Eof(conn) = event {
                    net.send(*conn, b"an answer");
                }
            });
            let net = harness.net();
            let conn = net.connect(address).unwrap();
            if has_output {
                assert_eq!(net.send(conn, b"a question"), Sent::Queued(0));
            }
            assert!(net.limit_reads(conn, 4) && net.pause_reading(conn) && net.shutdown_write(conn));
            assert!(!net.shutdown_write(conn), "it is ended already");
            assert_eq!(net.send(conn, b"too late"), Sent::Closing);
            assert_eq!(net.stats().dead_ids, 0);
            let eof = |event: &Event| matches!(event, Event::Eof(_));
            harness.until("its end is heard", |_, recorder| recorder.count(eof) == 1);
            harness.turn_for(Duration::from_millis(5));
            assert_eq!(harness.recorder.data(conn), b"", "it is not read");
            assert_eq!(harness.recorder.bytes.values().sum::<usize>(), if has_output { 10 } else { 0 });
            assert!(harness.net().resume_reading(conn));
            harness.until("the answer", |_, recorder| recorder.data(conn) == b"an answer");
            let reads = harness.recorder.count(|event| matches!(event, Event::Data(id, _) if *id == conn));
            assert_eq!(reads, if kind == "unixpacket" { 1 } else { 3 });
        }
    }
}
