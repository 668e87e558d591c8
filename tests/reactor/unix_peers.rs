//! What a local peer can do that a remote one cannot: the longest name, descriptors, credentials, an urgent byte.

use crate::support::*;
use hullo::*;
use nix::sys::socket::{ControlMessage, MsgFlags, UnixCredentials, sendmsg, setsockopt, sockopt};
use socket2::{Domain, SockAddr, SockAddrStorage, Socket, Type};
use std::io::{IoSlice, PipeReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a name takes that fills a socket address to its last byte, where no NUL ends it (unix(7)).
const LONGEST: usize = 108;

fn unix(kind: Type) -> Socket {
    let socket = Socket::new(Domain::UNIX, kind, None).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// A path of the greatest length.
fn longest(directory: &TempDir, letter: &str) -> PathBuf {
    let base = directory.join("").as_os_str().len();
    directory.join(letter.repeat(LONGEST - base))
}

/// std and socket2 take none that is so long, in a path or (with a NUL before it) abstract.
fn address(name: &[u8]) -> SockAddr {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: a `sockaddr_un` is what the family says, and no more of it counts than is written here.
    unsafe {
        let unix = storage.view_as::<libc::sockaddr_un>();
        unix.sun_family = libc::AF_UNIX as libc::sa_family_t;
        for (to, from) in unix.sun_path.iter_mut().zip(name) {
            *to = *from as libc::c_char;
        }
        let length = std::mem::offset_of!(libc::sockaddr_un, sun_path) + name.len();
        SockAddr::new(storage, length as libc::socklen_t)
    }
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

fn heard(recorder: &Recorder) -> Vec<u8> {
    let bytes = |event: &Event| match event {
        Event::Data(_, bytes) | Event::Datagram { bytes, .. } => bytes.clone(),
        _ => Vec::new(),
    };
    recorder.events.iter().flat_map(bytes).collect()
}

/// Sends `question`, and expects it back.
fn ask(harness: &mut Harness, mut socket: &Socket, question: &[u8]) {
    let before = heard(&harness.recorder).len();
    socket.write_all(question).unwrap();
    harness.until("it is heard", |_, recorder| heard(recorder).len() == before + question.len());
    let mut answer = vec![0; question.len() + 1];
    let length = socket.read(&mut answer).unwrap();
    assert_eq!(&answer[..length], question);
}

#[test]
fn a_client_with_the_longest_name_is_a_client_like_any_other() {
    for (kind, scheme) in [(Type::STREAM, "unix"), (Type::SEQPACKET, "unixpacket")] {
        for is_adopted in [false, true] {
            let directory = TempDir::new();
            let (server, name) = (directory.join("server"), longest(&directory, "c"));
            let mut harness = Harness::new();
            harness.echo();
            if is_adopted {
                let listener = unix(kind);
                listener.bind(&SockAddr::unix(&server).unwrap()).unwrap();
                listener.listen(9).unwrap();
                harness.net().adopt(listener).unwrap();
            } else {
                harness.net().listen(format!("{scheme}:{}", server.display()).as_str()).unwrap();
            }
            let names: [&[u8]; 4] =
                [bytes(&name), b"", &[b"\0".as_slice(), &[0xff; LONGEST - 1]].concat(), b"\0x"];
            for name in names {
                let client = unix(kind);
                if !name.is_empty() {
                    client.bind(&address(name)).unwrap();
                }
                client.connect(&SockAddr::unix(&server).unwrap()).unwrap();
                ask(&mut harness, &client, b"here?");
                let conn = *harness.recorder.opened().last().unwrap();
                let peer = harness.net().peer_addr(conn).unwrap();
                let plain = name.strip_prefix(b"\0").unwrap_or(name);
                assert_eq!(peer.unix_name(), Some(plain).filter(|name| !name.is_empty()));
                assert_eq!(peer.as_path().is_some(), name.starts_with(b"/"));
                assert!(!peer.to_string().is_empty());
            }
        }
    }
}

#[test]
fn a_socket_with_the_longest_name_is_taken_over_and_tells_it() {
    let directory = TempDir::new();
    let mut harness = Harness::new();
    harness.echo();
    for (letter, kind) in [("s", Type::STREAM), ("p", Type::SEQPACKET)] {
        let name = longest(&directory, letter);
        let listener = unix(kind);
        listener.bind(&address(bytes(&name))).unwrap();
        listener.listen(9).unwrap();
        let Adopted::Listener(listener) = harness.net().adopt(listener).unwrap() else {
            panic!("a listener")
        };
        let local = harness.net().local_addr(listener).unwrap().to_string();
        assert!(local.ends_with(name.to_str().unwrap()), "{local}");

        let client = unix(kind);
        client.connect(&address(bytes(&name))).unwrap();
        ask(&mut harness, &client, b"the server's name is the longest");
        let theirs = unix(kind);
        theirs.connect(&address(bytes(&name))).unwrap();
        let Adopted::Conn(conn) = harness.net().adopt(theirs).unwrap() else { panic!("a stream") };
        assert_eq!(harness.net().peer_addr(conn).unwrap().as_path(), Some(name.as_path()));
        harness.net().abort(conn);
    }
}

#[test]
fn a_datagram_from_the_longest_name_is_answered() {
    let directory = TempDir::new();
    let (server, theirs) = (directory.join("server"), longest(&directory, "a"));
    let mut harness = Harness::new();
    harness.echo();
    harness.net().bind(Address::Unixgram(server.clone())).unwrap();
    let adopted = unix(Type::DGRAM);
    adopted.bind(&address(bytes(&theirs))).unwrap();
    let Adopted::Datagrams(adopted) = harness.net().adopt(adopted).unwrap() else { panic!("datagrams") };
    assert_eq!(harness.net().local_addr(adopted).unwrap(), Address::Unixgram(theirs.clone()));
    for (letter, to) in [("b", SockAddr::unix(&server).unwrap()), ("c", address(bytes(&theirs)))] {
        let name = longest(&directory, letter);
        let client = unix(Type::DGRAM);
        client.bind(&address(bytes(&name))).unwrap();
        client.connect(&to).unwrap();
        for _ in 0..2 {
            ask(&mut harness, &client, b"here?");
        }
        let Some(Event::Datagram { from, .. }) = harness.recorder.events.last() else { panic!() };
        assert_eq!((from.as_path(), from.to_string()), (Some(name.as_path()), name.display().to_string()));
    }
    assert_eq!(harness.stats().datagrams_refused, 0);
}

/// One of our ends, and the other, for each way in which a stream of ours comes about.
fn streams(harness: &mut Harness, directory: &TempDir, kind: Type) -> Vec<(&'static str, Socket)> {
    let scheme = if kind == Type::STREAM { "unix" } else { "unixpacket" };
    let path = directory.join(scheme);
    let text = format!("{scheme}:{}", path.display());
    let listener = harness.net().listen(text.as_str()).unwrap();
    let accepted = unix(kind);
    accepted.connect(&SockAddr::unix(&path).unwrap()).unwrap();
    harness.until("it is accepted", |_, recorder| recorder.opened().len() == 1);
    harness.net().close_listener(listener);

    let foreign = unix(kind);
    foreign.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    foreign.listen(1).unwrap();
    harness.net().connect(text.as_str()).unwrap();
    let (connected, _) = foreign.accept().unwrap();
    harness.until("it is connected", |_, recorder| recorder.opened().len() == 2);

    let (adopted, ours) = Socket::pair(Domain::UNIX, kind, None).unwrap();
    harness.net().adopt(ours).unwrap();
    harness.until("it is taken over", |_, recorder| recorder.opened().len() == 3);
    vec![("accepted", accepted), ("connected", connected), ("adopted", adopted)]
}

fn send_with(socket: &Socket, bytes: &[u8], notes: &[ControlMessage<'_>], flags: MsgFlags) {
    let parts = [IoSlice::new(bytes)];
    assert_eq!(sendmsg::<()>(socket.as_raw_fd(), &parts, notes, flags, None).unwrap(), bytes.len());
}

/// Sends bytes with twenty descriptors: the write end of a pipe, of which the other end hears when it is closed.
fn send_with_descriptors(socket: &Socket, bytes: &[u8]) -> PipeReader {
    let (reader, writer) = std::io::pipe().unwrap();
    let rights: Vec<RawFd> = vec![writer.as_raw_fd(); 20];
    send_with(socket, bytes, &[ControlMessage::ScmRights(&rights)], MsgFlags::empty());
    reader
}

/// Nobody holds the other end any more.
fn expect_closed(mut reader: PipeReader) {
    let mut polled = [nix::poll::PollFd::new(reader.as_fd(), nix::poll::PollFlags::POLLIN)];
    assert_eq!(
        nix::poll::poll(&mut polled, PATIENCE.as_millis() as u16),
        Ok(1),
        "somebody keeps a descriptor"
    );
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
}

/// I3: everything has arrived before the reactor looks, so that one edge announces all of it.
#[test]
fn what_stands_behind_a_short_read_is_read_as_well() {
    let directory = TempDir::new();
    let mut harness = Harness::new();
    harness.echo();
    for (how, peer) in streams(&mut harness, &directory, Type::STREAM) {
        let expect = |harness: &mut Harness, what: &str, sent: &[u8]| {
            let before = heard(&harness.recorder).len();
            harness.until(&format!("{what} is read, {how}"), |_, recorder| {
                heard(recorder).len() == before + sent.len()
            });
            assert_eq!(&heard(&harness.recorder)[before..], sent, "{what}, {how}");
        };
        for _ in 0..2 {
            let pipes: Vec<PipeReader> = ["one\n", "two\n", "three\n"]
                .map(|line| send_with_descriptors(&peer, line.as_bytes()))
                .into();
            (&peer).write_all(b"four\n").unwrap();
            expect(&mut harness, "what came with descriptors", b"one\ntwo\nthree\nfour\n");
            pipes.into_iter().for_each(expect_closed);

            (&peer).write_all(b"before").unwrap();
            match peer.send_out_of_band(b"!") {
                Ok(_) => {
                    (&peer).write_all(b"behind").unwrap();
                    expect(&mut harness, "what surrounds an urgent byte", b"beforebehind");
                }
                Err(error) => {
                    skip(&format!("Unix streams have no urgent byte here: {error}"));
                    expect(&mut harness, "the rest", b"before");
                }
            }
        }
    }
}

#[test]
fn what_another_sender_has_written_behind_is_read_as_well() {
    let mut harness = Harness::new();
    let (ours, theirs) = Socket::pair(Domain::UNIX, Type::STREAM, None).unwrap();
    setsockopt(&ours, sockopt::PassCred, &true).unwrap();
    harness.net().adopt(ours).unwrap();
    harness.turn(Duration::ZERO);
    let me = UnixCredentials::new();
    let somebody = libc::ucred { pid: me.pid(), uid: 65_534, gid: 65_534 }.into();
    let parts = [IoSlice::new(b"mine ")];
    let as_somebody = [ControlMessage::ScmCredentials(&somebody)];
    if let Err(error) = sendmsg::<()>(theirs.as_raw_fd(), &parts, &as_somebody, MsgFlags::empty(), None) {
        return skip(&format!("nobody may speak for another here: {error}"));
    }
    for (credentials, bytes) in [(&me, "yours "), (&somebody, "his "), (&me, "hers")] {
        let note = [ControlMessage::ScmCredentials(credentials)];
        send_with(&theirs, bytes.as_bytes(), &note, MsgFlags::empty());
    }
    harness.until("all is read", |_, recorder| heard(recorder).len() == 19);
    assert_eq!(heard(&harness.recorder), b"mine yours his hers");
}

#[test]
fn a_packet_leaves_no_descriptor_open() {
    let directory = TempDir::new();
    let mut harness = Harness::new();
    for (how, peer) in streams(&mut harness, &directory, Type::SEQPACKET) {
        let before = heard(&harness.recorder).len();
        let pipes = [send_with_descriptors(&peer, b"one"), send_with_descriptors(&peer, b"two")];
        harness.until(&format!("both are read, {how}"), |_, recorder| heard(recorder).len() == before + 6);
        pipes.into_iter().for_each(expect_closed);
    }
}

#[test]
fn a_datagram_leaves_no_descriptor_open() {
    let directory = TempDir::new();
    let mut harness = Harness::new();
    harness.echo();
    let bound = directory.join("bound");
    harness.net().bind(Address::Unixgram(bound.clone())).unwrap();
    let to_bound = unix(Type::DGRAM);
    to_bound.bind(&SockAddr::unix(directory.join("client")).unwrap()).unwrap();
    to_bound.connect(&SockAddr::unix(&bound).unwrap()).unwrap();

    let (to_adopted, ours) = Socket::pair(Domain::UNIX, Type::DGRAM, None).unwrap();
    for option in [libc::SO_PASSCRED, libc::SO_TIMESTAMP] {
        switch_on(&ours, option);
    }
    harness.net().adopt(ours).unwrap();

    let to_connected = unix(Type::DGRAM);
    let path = directory.join("server");
    to_connected.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    let udp = harness.net().connect_datagrams(Address::Unixgram(path)).unwrap();
    assert!(harness.net().send_datagram(udp, b"hello"));
    harness.turn(Duration::ZERO);
    let mut hello = [std::mem::MaybeUninit::uninit(); 9];
    let (_, caller) = to_connected.recv_from(&mut hello).unwrap();
    to_connected.connect(&caller).unwrap();

    // UDP in between, whose datagrams come with notes that must not make room for others.
    let inet = harness.net().bind("udp://0.0.0.0:0").unwrap();
    let port = udp_addr(&harness.reactor, inet).port();
    let other = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for (how, peer) in [("bound", to_bound), ("adopted", to_adopted), ("connected", to_connected)] {
        for round in 0..3 {
            let before = heard(&harness.recorder).len();
            other.send_to(b"x", ("127.0.0.1", port)).unwrap();
            let pipes: Vec<PipeReader> = (0..4).map(|_| send_with_descriptors(&peer, b"four")).collect();
            harness.until(&format!("they are heard, {how}, {round}"), |_, recorder| {
                heard(recorder).len() == before + 17
            });
            pipes.into_iter().for_each(expect_closed);
        }
    }
}

fn switch_on(socket: &Socket, option: libc::c_int) {
    let on: libc::c_int = 1;
    let size = size_of_val(&on) as libc::socklen_t;
    // SAFETY: the option is an int, passed with its size.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, (&raw const on).cast(), size)
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}
