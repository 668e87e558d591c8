//! Descriptors that are no sockets of the reactor's.

use crate::support::*;
use hullo::*;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

fn times_told(harness: &Harness, fd: FdId) -> usize {
    harness.recorder.count(|event| *event == Event::Ready(fd))
}

/// Writes until nothing more goes in.
fn fill(harness: &mut Harness, fd: FdId) {
    let mut pipe = File::from(harness.net().watched(fd).unwrap().try_clone_to_owned().unwrap());
    while pipe.write(&[b'x'; 4096]).is_ok() {}
}

fn pipe() -> (io::PipeReader, OwnedFd) {
    let (reader, writer) = io::pipe().unwrap();
    let writer = socket2::Socket::from(OwnedFd::from(writer));
    writer.set_nonblocking(true).unwrap();
    (reader, writer.into())
}

#[test]
fn a_descriptor_is_watched_for_writing_while_there_is_room() {
    let mut harness = Harness::new();
    let (mut reader, writer) = pipe();
    let fd = harness.net().watch_for(writer, Interest::WRITABLE).unwrap();
    harness.until("there is room", |_, recorder| recorder.has(&Event::Ready(fd)));
    fill(&mut harness, fd);
    harness.turn_for(Duration::from_millis(20));
    let told = times_told(&harness, fd);
    harness.turn_for(Duration::from_millis(20));
    assert_eq!(times_told(&harness, fd), told, "a full pipe is not told");
    reader.read_exact(&mut [0; 65536]).unwrap();
    harness.until("there is room again", |_, recorder| {
        recorder.count(|event| *event == Event::Ready(fd)) > told
    });
}

/// A pair of sockets of somebody else's, of which one is written to and read from.
#[test]
fn what_a_descriptor_is_watched_for_can_be_changed() {
    let mut harness = Harness::new();
    let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let both = Interest::READABLE | Interest::WRITABLE;
    let fd = harness.net().watch_for(theirs, both).unwrap();
    harness.until("it is writable", |_, recorder| recorder.has(&Event::Ready(fd)));
    harness.net().rewatch(fd, Interest::READABLE).unwrap();
    harness.turn(Duration::ZERO);
    let told = times_told(&harness, fd);
    harness.turn_for(Duration::from_millis(20));
    assert_eq!(times_told(&harness, fd), told, "nobody asks whether it is writable");
    ours.write_all(b"x").unwrap();
    harness.until("it is readable", |_, recorder| recorder.count(|event| *event == Event::Ready(fd)) > told);
    harness.net().rewatch(fd, both).unwrap();
    drop(harness.net().unwatch(fd).unwrap());
    let before = harness.stats().dead_ids;
    assert_eq!(harness.net().rewatch(fd, both).unwrap_err().kind(), io::ErrorKind::NotConnected);
    assert_eq!(harness.reactor.stats().dead_ids, before + 1);
}

#[test]
fn the_handler_is_told_what_a_descriptor_is_ready_for() {
    struct Witness(Vec<Readiness>);
    impl Handler for Witness {
        fn data(&mut self, _: &mut Net, _: ConnId, _: &[u8]) {}
        fn ready(&mut self, _: &mut Net, _: FdId, readiness: Readiness) {
            self.0.push(readiness);
        }
    }
    let mut reactor = Reactor::new().unwrap();
    let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    ours.write_all(b"x").unwrap();
    let fd = reactor.net().watch_for(theirs, Interest::WRITABLE).unwrap();
    let mut witness = Witness(Vec::new());
    let mut turn = |reactor: &mut Reactor| {
        witness.0.clear();
        reactor.turn(&mut witness, Some(PATIENCE)).unwrap();
        *witness.0.first().expect("it is ready")
    };
    let readiness = turn(&mut reactor);
    assert!(readiness.is_writable() && !readiness.is_readable(), "{readiness:?}");
    reactor.net().rewatch(fd, Interest::READABLE).unwrap();
    let readiness = turn(&mut reactor);
    assert!(readiness.is_readable() && !readiness.is_writable(), "{readiness:?}");
    reactor.net().rewatch(fd, Interest::READABLE | Interest::WRITABLE).unwrap();
    let readiness = turn(&mut reactor);
    assert!(readiness.is_readable() && readiness.is_writable(), "{readiness:?}");
}

#[test]
fn what_is_refused_comes_back() {
    fn watch_it(net: &mut Net, file: File) -> io::Result<FdId> {
        Ok(net.watch(file)?)
    }
    if POLL {
        return skip("poll(2) takes a regular file, which epoll refuses");
    }
    let mut harness = Harness::new();
    let file = File::open("Cargo.toml").unwrap();
    let number = file.as_raw_fd();
    for interest in [Interest::READABLE, Interest::WRITABLE] {
        let refused = harness.net().watch_for(file.try_clone().unwrap(), interest).unwrap_err();
        assert_eq!(refused.error().kind(), io::ErrorKind::PermissionDenied);
    }
    let refused = harness.net().watch(file).unwrap_err();
    assert_eq!(
        (refused.kind(), refused.to_string()),
        (io::ErrorKind::PermissionDenied, refused.error().to_string())
    );
    let mut file = File::from(refused.into_fd());
    assert_eq!(file.as_raw_fd(), number);
    file.read_exact(&mut [0; 10]).unwrap();
    assert_eq!(watch_it(harness.net(), file).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    assert_eq!(harness.stats().registrations, 0);
}

#[test]
fn whatever_stands_for_an_address_is_taken_for_one() {
    let mut harness = Harness::new();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = server.local_addr().unwrap();
    let text = format!("tcp://{socket}");
    let address: Address = text.parse().unwrap();
    let net = harness.net();
    for conn in [
        net.connect(socket),
        net.connect(&text),
        net.connect(text.as_str()),
        net.connect(&address),
        net.connect(address.clone()),
        net.connect_from(socket.ip(), socket),
        net.connect(text),
    ] {
        conn.unwrap();
    }
    harness.until("all are there", |_, recorder| recorder.opened().len() == 7);
    let net = harness.net();
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    net.listen(any).unwrap();
    net.listen(format!("tcp://{any}")).unwrap();
    let udp = net.bind(any).unwrap();
    net.bind(format!("udp://{any}")).unwrap();
    let Address::Udp(_, port) = net.local_addr(udp).unwrap() else { panic!("a datagram socket") };
    let peer = std::net::SocketAddr::new(any.ip(), port);
    let client = net.connect_datagrams(peer).unwrap();
    net.connect_datagrams_from(any.ip(), peer).unwrap();
    assert!(net.send_datagram(client, b"here"));
    harness.until("it is heard", |_, recorder| {
        recorder.count(|event| matches!(event, Event::Datagram { bytes, .. } if bytes == b"here")) == 1
    });
}
