//! Datagrams that arrive and leave several in one message (udp(7): UDP_GRO, UDP_SEGMENT), and are datagrams all the same.

use crate::support::*;
use hullo::*;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, sendmsg, setsockopt, sockopt,
};
use nix::{setsockopt_impl, sockopt_impl};
use std::io::{IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

sockopt_impl!(
    /// Without checksums, which the system then refuses to combine with UDP_SEGMENT.
    NoChecksums,
    SetOnly,
    nix::libc::SOL_SOCKET,
    nix::libc::SO_NO_CHECK,
    bool
);

/// A client that sends in bundles and receives them; none where the system does not know of them.
fn client() -> Option<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    if let Err(error) = setsockopt(&socket, sockopt::UdpGroSegment, &true) {
        skip(&format!("the system bundles no datagrams: {error}"));
        return None;
    }
    Some(socket)
}

fn send_bundle(client: &UdpSocket, to: SocketAddr, datagrams: &[Vec<u8>]) {
    let SocketAddr::V4(to) = to else { panic!("IPv4") };
    let bytes = datagrams.concat();
    let size = datagrams[0].len() as u16;
    let control = [ControlMessage::UdpGsoSegments(&size)];
    let parts = [IoSlice::new(&bytes)];
    sendmsg(client.as_raw_fd(), &parts, &control, MsgFlags::empty(), Some(&SockaddrIn::from(to))).unwrap();
}

/// The datagrams of one message.
fn receive_bundle(client: &UdpSocket) -> Vec<Vec<u8>> {
    let mut buffer = vec![0; 65536];
    let mut control = nix::cmsg_space!(i32);
    let mut parts = [IoSliceMut::new(&mut buffer)];
    let message =
        recvmsg::<SockaddrIn>(client.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty()).unwrap();
    let size = message.cmsgs().unwrap().find_map(|note| match note {
        ControlMessageOwned::UdpGroSegments(size) => Some(size as usize),
        _ => None,
    });
    let length = message.bytes;
    buffer[..length].chunks(size.unwrap_or(length)).map(<[u8]>::to_vec).collect()
}

/// `count` of them, each in its place, the last one shorter.
fn numbered(count: usize) -> Vec<Vec<u8>> {
    let mut datagrams: Vec<Vec<u8>> = (0..count).map(|n| format!("number {n:06}").into_bytes()).collect();
    datagrams[count - 1].truncate(5);
    datagrams
}

fn echo(address: &str) -> (Harness, SocketAddr, DatagramId) {
    let mut harness = Harness::new();
    harness.recorder.on_datagram =
        Box::new(|net, udp, datagram| assert!(net.reply(udp, datagram, datagram.bytes)));
    let udp = harness.net().bind(address).unwrap();
    let address = udp_addr(&harness.reactor, udp);
    (harness, address, udp)
}

fn heard(recorder: &Recorder) -> Vec<Vec<u8>> {
    let bytes =
        |event: &Event| if let Event::Datagram { bytes, .. } = event { Some(bytes.clone()) } else { None };
    recorder.events.iter().filter_map(bytes).collect()
}

#[test]
fn a_bundle_is_heard_as_its_datagrams_and_answered_in_one() {
    let Some(client) = client() else { return };
    let (mut harness, address, _) = echo("udp://127.0.0.1:0");
    let datagrams = numbered(40);
    send_bundle(&client, address, &datagrams);
    harness.until("all are heard", |_, recorder| heard(recorder).len() == 40);
    assert_eq!(heard(&harness.recorder), datagrams);
    assert_eq!(receive_bundle(&client), datagrams);
    let stats = harness.stats();
    assert_eq!((stats.datagrams_in, stats.datagrams_out, stats.datagrams_truncated), (40, 40, 0));
}

#[test]
fn peers_that_ask_at_once_get_bundles_from_the_address_they_asked() {
    let (mut harness, address, _) = echo("udp://0.0.0.0:0");
    let asked: SocketAddr = format!("127.0.0.5:{}", address.port()).parse().unwrap();
    // One time in 64 the two are remembered in one place, and a busy system hands datagrams over one by one: then each is
    // answered by itself.
    let is_bundled = (0..20).any(|_| {
        let (Some(one), Some(other)) = (client(), client()) else { return true };
        for client in [&one, &other] {
            client.connect(asked).unwrap(); // hears that address alone
        }
        harness.recorder.events.clear();
        for n in 0..10 {
            one.send(format!("a{n}").as_bytes()).unwrap();
            other.send(format!("b{n}").as_bytes()).unwrap();
        }
        harness.until("all are heard", |_, recorder| heard(recorder).len() == 20);
        let answered = [(&one, "a0a1a2a3a4a5a6a7a8a9"), (&other, "b0b1b2b3b4b5b6b7b8b9")];
        answered.map(|(client, answers)| messages(client, answers)).iter().all(|messages| *messages <= 5)
    });
    assert!(is_bundled, "ten answers never came in five messages or fewer");
}

/// In how many messages the answers came, which are these.
fn messages(client: &UdpSocket, answers: &str) -> usize {
    let mut bundles: Vec<Vec<u8>> = Vec::new();
    while bundles.concat().len() < answers.len() {
        bundles.push(receive_bundle(client).concat());
    }
    assert_eq!(bundles.concat(), answers.as_bytes());
    bundles.len()
}

/// Who does not ask for bundles gets datagrams.
#[test]
fn a_peer_that_knows_of_no_bundles_gets_datagrams() {
    let (mut harness, address, _) = echo("udp://127.0.0.1:0");
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    for n in 0..30 {
        client.send_to(format!("number {n:02}").as_bytes(), address).unwrap();
    }
    harness.until("all are heard", |_, recorder| heard(recorder).len() == 30);
    let mut buffer = [0; 100];
    for n in 0..30 {
        let length = client.recv(&mut buffer).unwrap();
        assert_eq!(buffer[..length], *format!("number {n:02}").as_bytes());
    }
}

#[test]
fn where_the_system_takes_no_bundles_the_datagrams_leave_one_by_one() {
    let Some(client) = client() else { return };
    let (mut harness, address, udp) = echo("udp://127.0.0.1:0");
    setsockopt(&harness.net().descriptor(udp).unwrap(), NoChecksums, &true).unwrap();
    for _ in 0..2 {
        let before = heard(&harness.recorder).len();
        send_bundle(&client, address, &numbered(20));
        harness.until("all are heard", |_, recorder| heard(recorder).len() == before + 20);
        for datagram in numbered(20) {
            assert_eq!(receive_bundle(&client), [datagram]);
        }
    }
    let stats = harness.stats();
    assert_eq!((stats.datagrams_out, stats.datagrams_refused, stats.datagram_errors), (40, 0, 0));
}

/// I4: the first bundles may surprise, the next do not.
#[test]
fn a_turn_is_bounded_in_datagrams_although_they_come_in_bundles() {
    let Some(client) = client() else { return };
    let mut harness = Harness::with_limits(Limits { datagrams: 64, ..Limits::default() });
    let udp = harness.net().bind("udp://127.0.0.1:0").unwrap();
    let address = udp_addr(&harness.reactor, udp);
    send_bundle(&client, address, &numbered(50));
    harness.until("the first is heard", |_, recorder| heard(recorder).len() == 50);
    for _ in 0..20 {
        send_bundle(&client, address, &numbered(50));
    }
    let mut all = 50;
    while all < 21 * 50 {
        harness.turn(PATIENCE);
        let now = heard(&harness.recorder).len();
        assert!(now - all <= 64 + 50, "{} in one turn", now - all);
        assert!(now > all || harness.stats().turns < 200);
        all = now;
    }
    harness.turn_for(Duration::from_millis(10));
    assert_eq!(heard(&harness.recorder).len(), 21 * 50);
}

#[test]
fn a_socket_that_is_closed_within_a_bundle_hears_no_more() {
    let Some(client) = client() else { return };
    let (mut harness, address, _) = echo("udp://127.0.0.1:0");
    harness.recorder.on_datagram = Box::new(|net, udp, datagram| {
        net.reply(udp, datagram, datagram.bytes);
        if datagram.bytes.ends_with(b"2") {
            net.close_datagrams(udp);
        }
    });
    send_bundle(&client, address, &numbered(10));
    harness.until("three are heard", |_, recorder| heard(recorder).len() == 3);
    assert_eq!(receive_bundle(&client), numbered(4)[..3]);
    harness.turn_for(Duration::from_millis(10));
    assert_eq!(heard(&harness.recorder).len(), 3);
}

/// Sends these in one turn to one peer; in how many messages they came.
fn bundles_for(harness: &mut Harness, udp: DatagramId, client: &UdpSocket, datagrams: &[Vec<u8>]) -> usize {
    let to = PeerAddr::from(client.local_addr().unwrap());
    for datagram in datagrams {
        assert!(harness.net().send_to(udp, &to, datagram));
    }
    harness.turn(Duration::ZERO);
    let (mut messages, mut got) = (0, Vec::new());
    while got.len() < datagrams.len() {
        got.extend(receive_bundle(client));
        messages += 1;
    }
    assert!(got == datagrams, "all, each once, in their order");
    messages
}

/// A path on which a part does not fit is one peer's misfortune: EMSGSIZE, and the others get bundles as before.
#[test]
fn a_peer_behind_a_narrow_path_ends_bundles_for_nobody_else() {
    let narrow = "ip route add local 127.0.0.5 dev lo table local mtu lock 600";
    if !is_in_network("datagram_bundles::a_peer_behind_a_narrow_path_ends_bundles_for_nobody_else", narrow) {
        return;
    }
    let Some(client) = client() else { return };
    let behind = UdpSocket::bind("127.0.0.5:0").unwrap();
    behind.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut harness = Harness::new();
    let udp = harness.net().bind("udp://127.0.0.1:0").unwrap();
    let datagrams = vec![pattern(1000); 20];
    for _ in 0..3 {
        assert_eq!(bundles_for(&mut harness, udp, &behind, &datagrams), 20);
        assert_eq!(bundles_for(&mut harness, udp, &client, &datagrams), 1);
    }
    let stats = harness.stats();
    assert_eq!((stats.datagrams_out, stats.datagrams_refused, stats.datagram_errors), (120, 0, 0));
}

/// EINVAL, as a socket without checksums gets.
#[test]
fn a_peer_that_cannot_be_ends_bundles_for_nobody_else() {
    let Some(client) = client() else { return };
    let mut harness = Harness::new();
    let udp = harness.net().bind("udp://127.0.0.1:0").unwrap();
    let nobody = PeerAddr::from(SocketAddr::from(([127, 0, 0, 1], 0)));
    for _ in 0..2 {
        assert!(harness.net().send_to(udp, &nobody, b"to port 0"));
    }
    harness.turn(Duration::ZERO);
    assert_eq!(harness.stats().datagrams_refused, 2);
    assert_eq!(bundles_for(&mut harness, udp, &client, &numbered(20)), 1);
}

/// The notes that its maker has asked for leave room for those that we need.
#[test]
fn a_socket_that_is_taken_over_takes_and_sends_bundles_whatever_else_it_is_told() {
    let Some(client) = client() else { return };
    let ours = UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = ours.local_addr().unwrap().port();
    setsockopt(&ours, sockopt::ReceiveTimestampns, &true).unwrap();
    setsockopt(&ours, sockopt::RxqOvfl, &1).unwrap();
    setsockopt(&ours, sockopt::Ipv4RecvTtl, &true).unwrap();
    setsockopt(&ours, sockopt::IpRecvTos, &true).unwrap();
    let mut harness = Harness::new();
    harness.recorder.on_datagram =
        Box::new(|net, udp, datagram| assert!(net.reply(udp, datagram, datagram.bytes)));
    harness.net().adopt(ours).unwrap();
    let asked = SocketAddr::from(([127, 0, 0, 7], port));
    client.connect(asked).unwrap(); // hears that address alone
    for round in 1..=2 {
        send_bundle(&client, asked, &numbered(40));
        harness.until("all are heard", |_, recorder| heard(recorder).len() == 40 * round);
        assert_eq!(receive_bundle(&client), numbered(40));
    }
    assert_eq!(heard(&harness.recorder)[40..], numbered(40));
}
