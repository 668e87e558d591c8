//! Sockets that somebody else made.

use crate::support::*;
use hullo::*;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::time::Duration;

fn ask(harness: &mut Harness, mut peer: impl Read + Write) {
    peer.write_all(b"who?").unwrap();
    let heard = |recorder: &Recorder| recorder.bytes.values().sum::<usize>();
    let before = heard(&harness.recorder);
    harness.until("it is heard", |_, recorder| heard(recorder) == before + 4);
    let mut answer = [0; 4];
    peer.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"who?");
}

/// Blocking ones: a reactor that read from them as they are would stand still.
#[test]
fn a_stream_of_either_kind_is_taken_over() {
    let mut harness = Harness::new();
    harness.echo();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = connect(listener.local_addr().unwrap());
    let (theirs, _) = listener.accept().unwrap();
    let Adopted::Conn(tcp) = harness.net().adopt(theirs).unwrap() else { panic!("a stream") };
    let (one, other) = UnixStream::pair().unwrap();
    let Adopted::Conn(unix) = harness.net().adopt(other).unwrap() else { panic!("a stream") };
    assert_eq!(harness.net().origin(tcp), Some(Origin::Adopted));
    assert_eq!(harness.net().peer_addr(tcp).unwrap().as_socket(), Some(ours.local_addr().unwrap()));
    assert!(harness.net().peer_addr(unix).unwrap().is_unnamed());
    ask(&mut harness, &ours);
    ask(&mut harness, &one);
    assert_eq!(harness.recorder.opened(), [tcp, unix]);
    assert!(harness.recorder.has(&Event::Opened(tcp, Origin::Adopted)));
    drop((ours, one));
    assert_eq!(harness.until_closed(tcp).reason, CloseReason::PeerClosed);
    assert_eq!(harness.until_closed(unix).reason, CloseReason::PeerClosed);
}

#[test]
fn a_listener_of_either_kind_is_taken_over_with_its_backlog() {
    let directory = TempDir::new();
    let path = directory.join("socket");
    let mut harness = Harness::new();
    harness.echo();
    let (tcp, unix) = (TcpListener::bind("127.0.0.1:0").unwrap(), UnixListener::bind(&path).unwrap());
    let address = tcp.local_addr().unwrap();
    let clients = (connect(address), UnixStream::connect(&path).unwrap()); // before anybody is there to accept
    let Adopted::Listener(tcp) = harness.net().adopt(tcp).unwrap() else { panic!("a listener") };
    let Adopted::Listener(unix) = harness.net().adopt(unix).unwrap() else { panic!("a listener") };
    assert_eq!(tcp_addr(&harness.reactor, tcp), address);
    ask(&mut harness, &clients.0);
    ask(&mut harness, &clients.1);
    ask(&mut harness, &connect(address));
    assert!(harness.net().close_listener(tcp) && harness.net().close_listener(unix));
    assert!(TcpStream::connect(address).is_err());
    assert!(path.exists(), "the file of an adopted listener is its maker's affair");
}

#[test]
fn a_datagram_socket_of_either_kind_is_taken_over_with_what_it_holds() {
    let directory = TempDir::new();
    let (server, client) = (directory.join("server"), directory.join("client"));
    let mut harness = Harness::new();
    harness.echo();
    let (udp, unix) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UnixDatagram::bind(&server).unwrap());
    let one = UdpSocket::bind("127.0.0.1:0").unwrap();
    let other = UnixDatagram::bind(&client).unwrap();
    one.send_to(b"early", udp.local_addr().unwrap()).unwrap();
    other.send_to(b"early", &server).unwrap();
    let Adopted::Datagrams(_) = harness.net().adopt(udp).unwrap() else { panic!("a datagram socket") };
    let Adopted::Datagrams(_) = harness.net().adopt(unix).unwrap() else { panic!("a datagram socket") };
    let is_datagram = |event: &Event| matches!(event, Event::Datagram { .. });
    harness.until("both have come", |_, recorder| recorder.count(is_datagram) == 2);
    let mut answer = [0; 9];
    one.set_read_timeout(Some(PATIENCE)).unwrap();
    other.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!((one.recv(&mut answer).unwrap(), other.recv(&mut answer).unwrap()), (5, 5));
}

#[test]
fn what_is_no_socket_of_ours_is_given_back() {
    let mut harness = Harness::new();
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"here").unwrap();
    let mut back = std::fs::File::from(harness.net().adopt(reader).unwrap_err().into_fd());
    back.read_exact(&mut [0; 4]).unwrap();
    let raw = socket2::Socket::new(socket2::Domain::PACKET, socket2::Type::RAW, None);
    match raw {
        Err(_) => skip("raw sockets need rights"),
        Ok(raw) => {
            let refused = harness.net().adopt(raw).unwrap_err();
            assert_eq!(refused.kind(), std::io::ErrorKind::Unsupported);
            assert!(!socket2::Socket::from(refused.into_fd()).nonblocking().unwrap(), "it is as it was");
        }
    }
    harness.turn(Duration::ZERO);
    assert_eq!((harness.stats().connections, harness.stats().opened), (0, 0));
}

/// A second descriptor of the same socket keeps it open, and must not keep it on the poller: of a stream however it came about
/// and ended, of a listener, of datagrams.
#[test]
fn what_others_hold_too_is_off_the_poller_when_it_is_closed() {
    let mut harness = Harness::new();
    let (listener, address) = harness.listen();
    let mut kept = Vec::new();
    for aborts in [true, false] {
        let (ours, accepted) = harness.client(address);
        let foreign = TcpListener::bind("127.0.0.1:0").unwrap();
        let target: Address = format!("tcp://{}", foreign.local_addr().unwrap()).parse().unwrap();
        let connected = harness.net().connect(target).unwrap();
        let (theirs, _) = foreign.accept().unwrap();
        harness.until("it is connected", |_, recorder| recorder.opened().contains(&connected));
        let (pair, other) = UnixStream::pair().unwrap();
        let Adopted::Conn(adopted) = harness.net().adopt(other).unwrap() else { panic!("a stream") };
        harness.turn(Duration::ZERO);
        for (conn, peer) in
            [(accepted, OwnedFd::from(ours)), (connected, theirs.into()), (adopted, pair.into())]
        {
            kept.push((peer, harness.net().descriptor(conn).unwrap().try_clone_to_owned().unwrap()));
            let _ = if aborts { harness.net().abort(conn) } else { harness.net().close(conn) };
            harness.until_closed(conn);
        }
    }
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp = harness.net().bind("udp://127.0.0.1:0").unwrap();
    client.connect(udp_addr(&harness.reactor, udp)).unwrap();
    let net = &*harness.net();
    let clones = [net.descriptor(udp), net.descriptor(listener)]
        .map(|descriptor| descriptor.unwrap().try_clone_to_owned().unwrap());
    assert!(harness.net().close_datagrams(udp) && harness.net().close_listener(listener));

    let before = harness.stats();
    for _ in 0..5 {
        for (peer, _) in &kept {
            let _ = socket2::SockRef::from(peer).send_with_flags(b"x", libc::MSG_NOSIGNAL);
        }
        client.send(b"x").unwrap();
        let _caller = TcpStream::connect(address).unwrap();
        harness.turn_for(Duration::from_millis(5));
    }
    let after = harness.stats();
    assert_eq!((after.events, after.stale_events), (before.events, before.stale_events));
    drop((kept, clones));
}

/// What a handler sends at once to a stream that it has just adopted may be taken before `opened` is told.
#[test]
fn a_stream_hears_opened_before_anything_else() {
    let mut harness = Harness::new();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut theirs = Some(theirs);
    harness.on(move |net, event| {
        if let (Event::Timeout(..), Some(theirs)) = (event, theirs.take()) {
            let Adopted::Conn(conn) = net.adopt(theirs).unwrap() else { panic!("a stream") };
            assert!(net.send(conn, pattern(50_000)).waiting() > net.limits().outbox_low);
        }
    });
    ours.write_all(b"early").unwrap();
    harness.net().set_timer(Duration::ZERO, 0);
    harness.until("it is drained", |_, recorder| {
        recorder.count(|event| matches!(event, Event::OutputLow(_))) == 1
    });
    let mut got = vec![0; 50_000];
    ours.read_exact(&mut got).unwrap();
    assert!(got == pattern(50_000));
    let conn = harness.recorder.opened()[0];
    harness.until("it is read", |_, recorder| recorder.data(conn) == b"early");
}

/// As `connect` has it on its streams, and `listen` on those that it accepts.
#[test]
fn nodelay_is_on_for_what_is_taken_over_and_can_be_turned_off() {
    let mut harness = Harness::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let _early = connect(address);
    let Adopted::Listener(listener) = harness.net().adopt(listener).unwrap() else { panic!("a listener") };
    let nodelay = |harness: &mut Harness, conn| harness.net().controls(conn).unwrap().nodelay().unwrap();
    let _client = harness.client(address);
    harness.until("both are accepted", |_, recorder| recorder.opened().len() == 2);
    for conn in harness.recorder.opened() {
        assert!(nodelay(&mut harness, conn), "on a client of the listener");
    }
    harness.net().controls(listener).unwrap().set_nodelay(false).unwrap();
    let (_client, late) = harness.client(address);
    assert!(!nodelay(&mut harness, late), "as the listener was told");

    let (listener, address) = harness.listen();
    let theirs = TcpStream::connect(address).unwrap();
    assert!(!theirs.nodelay().unwrap(), "it is not the system's default");
    let Adopted::Conn(stream) = harness.net().adopt(theirs).unwrap() else { panic!("a stream") };
    assert!(nodelay(&mut harness, stream));
    harness.net().close_listener(listener);
}

#[test]
fn a_listener_for_both_families_is_told_as_one() {
    let mut harness = Harness::new();
    for (only_v6, host) in [(false, "*"), (true, "[::]")] {
        let socket = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None).unwrap();
        socket.set_only_v6(only_v6).unwrap();
        let any: std::net::SocketAddr = "[::]:0".parse().unwrap();
        if let Err(error) = socket.bind(&any.into()) {
            return skip(&format!("no IPv6 on this machine: {error}"));
        }
        socket.listen(9).unwrap();
        let port = socket.local_addr().unwrap().as_socket().unwrap().port();
        let Adopted::Listener(listener) = harness.net().adopt(socket).unwrap() else { panic!("a listener") };
        assert_eq!(harness.net().local_addr(listener).unwrap().to_string(), format!("tcp://{host}:{port}"));
    }
}

/// MPTCP, which Go and systemd may listen with, is asked for its options and its bytes like TCP.
#[test]
fn a_listener_of_another_protocol_is_taken_over() {
    let protocol = Some(socket2::Protocol::MPTCP);
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    let socket = |kind| socket2::Socket::new(socket2::Domain::IPV4, kind, protocol);
    let listener = match socket(socket2::Type::STREAM) {
        Ok(listener) => listener,
        Err(error) => return skip(&format!("no MPTCP on this machine: {error}")),
    };
    listener.bind(&any.into()).unwrap();
    listener.listen(9).unwrap();
    let address = listener.local_addr().unwrap();
    let mut harness = Harness::new();
    harness.echo();
    let Adopted::Listener(id) = harness.net().adopt(listener).unwrap() else { panic!("a listener") };
    assert_eq!(Some(tcp_addr(&harness.reactor, id)), address.as_socket());
    let plain = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    for peer in [socket(socket2::Type::STREAM).unwrap(), plain] {
        peer.connect(&address).unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        let sent = pattern(300_000);
        let mut writer = peer.try_clone().unwrap();
        let to_send = sent.clone();
        let writing = std::thread::spawn(move || writer.write_all(&to_send).unwrap());
        let (mut reader, mut got) = (peer, vec![0; sent.len()]);
        let reading = std::thread::spawn(move || {
            reader.read_exact(&mut got).unwrap();
            (reader, got)
        });
        let before = harness.recorder.bytes.values().sum::<usize>();
        harness.until("all is answered", |reactor, recorder| {
            let net = &*reactor.net();
            recorder.bytes.values().sum::<usize>() == before + sent.len()
                && net.connections().all(|conn| net.waiting(conn) == 0)
        });
        writing.join().unwrap();
        let (reader, got) = reading.join().unwrap();
        assert!(got == sent);
        let conn = *harness.recorder.opened().last().unwrap();
        assert!(harness.net().controls(conn).unwrap().nodelay().unwrap());
        drop(reader);
        assert_eq!(harness.until_closed(conn).reason, CloseReason::PeerClosed);
    }
}
