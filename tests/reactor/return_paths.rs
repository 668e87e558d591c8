//! From which of our addresses an answer leaves, whatever was asked, at once or late, and whoever made the socket.

use crate::support::*;
use hullo::*;
use socket2::{Domain, SockRef, Socket, Type};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::sync::{Arc, Mutex};

/// An interface with an address and a broadcast address (its other end, which is here too, hears nothing of it), and two
/// prefixes that are ours as a whole (AnyIP).
///
/// The system has the IPv6 address at once and the route to it a moment later. What is sent to it before that is lost on
/// the link.
const LINK: &str = "ip link add d0 type veth peer name d1 && echo 1 > /proc/sys/net/ipv6/conf/d1/disable_ipv6 && \
    ip link set d1 up && ip addr add 192.0.2.1/24 brd + dev d0 && ip -6 addr add 2001:db8::1/64 dev d0 nodad && \
    ip link set d0 up && \
    for _ in $(seq 1000); do ip -6 route get 2001:db8::1 | grep -q ^local && break; done && \
    ip route add 239.0.0.0/8 dev d0 && ip route add local 10.77.0.0/16 dev lo && \
    ip -6 route add local fd77::/64 dev lo";

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);

/// A socket that others have made, bound to every address of IPv6, and of IPv4 as well.
fn foreign(only_v6: bool) -> Socket {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, None).unwrap();
    socket.set_only_v6(only_v6).unwrap();
    socket.bind(&"[::]:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    socket
}

fn adopt(harness: &mut Harness, socket: Socket) -> DatagramId {
    let Adopted::Datagrams(udp) = harness.net().adopt(socket).unwrap() else { panic!("a datagram socket") };
    udp
}

fn port(harness: &Harness, udp: DatagramId) -> u16 {
    let text = harness.reactor.local_addr(udp).unwrap().to_string();
    text.rsplit_once(':').unwrap().1.parse().unwrap()
}

/// Sends a question from `from` to `to`; it is answered twice, at once and late. Where both answers came from.
fn ask(harness: &mut Harness, from: &str, to: SocketAddr) -> [SocketAddr; 2] {
    let client = UdpSocket::bind((from.parse::<IpAddr>().unwrap(), 0)).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.set_broadcast(true).unwrap();
    client.send_to(b"whence?", to).unwrap();
    let paths: Arc<Mutex<Vec<(DatagramId, ReturnPath)>>> = Arc::default();
    let kept = paths.clone();
    harness.recorder.on_datagram = Box::new(move |net, udp, datagram| {
        net.reply(udp, datagram, b"at once");
        kept.lock().unwrap().push((udp, datagram.return_path()));
    });
    harness.until(&format!("{to} is heard"), |_, _| !paths.lock().unwrap().is_empty());
    let receive = |answer: &[u8]| {
        let mut buffer = [0; 16];
        let (length, whence) = client.recv_from(&mut buffer).unwrap_or_else(|e| panic!("asked {to}: {e}"));
        assert_eq!(&buffer[..length], answer);
        whence
    };
    let at_once = receive(b"at once");
    // A path is kept and sent like any value, here through another thread.
    let (udp, path) = std::thread::spawn(move || paths.lock().unwrap()[0].clone()).join().unwrap();
    assert_eq!(path.peer().as_socket().unwrap().ip().to_canonical(), from.parse::<IpAddr>().unwrap());
    assert!(harness.net().send_back(udp, &path, b"late"));
    harness.turn(std::time::Duration::ZERO);
    [at_once, receive(b"late")]
}

#[test]
fn an_answer_leaves_from_an_address_of_ours_whatever_was_asked() {
    if !is_in_network("return_paths::an_answer_leaves_from_an_address_of_ours_whatever_was_asked", LINK) {
        return;
    }
    let link = nix::net::if_::if_nametoindex("d0").unwrap();
    // Who asks, whom, and who is to answer.
    let v4 = [
        ("127.0.0.1", "127.0.0.9", "127.0.0.9"),
        ("127.0.0.1", "10.77.1.2", "10.77.1.2"),
        ("192.0.2.1", "192.0.2.255", "192.0.2.1"),
        ("192.0.2.1", "255.255.255.255", "192.0.2.1"),
        ("192.0.2.1", "239.1.2.3", "192.0.2.1"),
    ];
    let v6 = [
        ("::1", "::1", "::1"),
        ("::1", "fd77::5", "fd77::5"),
        ("2001:db8::1", "fd77::6", "fd77::6"),
        ("2001:db8::1", "ff02::1", "2001:db8::1"),
    ];
    let all = [v4.as_slice(), v6.as_slice()].concat();
    type Open = fn(&mut Harness) -> DatagramId;
    let sockets: [(&str, Open, &[_]); 6] = [
        ("udp://0.0.0.0", |harness| harness.net().bind("udp://0.0.0.0:0").unwrap(), &v4),
        ("udp://[::]", |harness| harness.net().bind("udp://[::]:0").unwrap(), &v6),
        ("udp://*", |harness| harness.net().bind("udp://*:0").unwrap(), &all),
        ("udp://0.0.0.0", |harness| adopt(harness, UdpSocket::bind("0.0.0.0:0").unwrap().into()), &v4),
        ("udp://[::]", |harness| adopt(harness, foreign(true)), &v6),
        ("udp://*", |harness| adopt(harness, foreign(false)), &all),
    ];
    for (n, (name, open, cases)) in sockets.into_iter().enumerate() {
        let mut harness = Harness::new();
        let udp = open(&mut harness);
        let port = port(&harness, udp);
        assert_eq!(harness.reactor.local_addr(udp).unwrap().to_string(), format!("{name}:{port}"));
        if cases.contains(&v4[0]) {
            harness.net().controls(udp).unwrap().join_multicast(GROUP.into(), link).unwrap();
        }
        for (from, to, answers) in cases {
            let to = match to.parse().unwrap() {
                IpAddr::V6(ip) if ip.is_multicast() => SocketAddrV6::new(ip, port, 0, link).into(),
                ip => SocketAddr::new(ip, port),
            };
            let expected = SocketAddr::new(answers.parse().unwrap(), port);
            assert_eq!(ask(&mut harness, from, to), [expected; 2], "{n}: {name} was asked at {to}");
            let Some(Event::Datagram { to: Some(_), .. }) = harness.recorder.events.last() else {
                panic!("{n}: {name} is not told where it was asked")
            };
        }
        assert_eq!(harness.stats().datagrams_refused, 0, "{n}: {name}");
    }
}

/// A socket with one address answers from it in any case; a connected one, or a Unix one, has one peer or no choice.
#[test]
fn a_late_answer_needs_no_choice_of_addresses() {
    let mut harness = Harness::new();
    let one = harness.net().bind("udp://127.0.0.3:0").unwrap();
    let address = udp_addr(&harness.reactor, one);
    assert_eq!(ask(&mut harness, "127.0.0.1", address), [address; 2]);

    let directory = TempDir::new();
    let path = directory.join("server");
    let unix = harness.net().bind(Address::Unixgram(path.clone())).unwrap();
    let client = std::os::unix::net::UnixDatagram::bind(directory.join("client")).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.send_to(b"whence?", &path).unwrap();
    let kept: Arc<Mutex<Option<ReturnPath>>> = Arc::default();
    let keep = kept.clone();
    harness.recorder.on_datagram =
        Box::new(move |_, _, datagram| *keep.lock().unwrap() = Some(datagram.return_path()));
    harness.until("it is heard", |_, _| kept.lock().unwrap().is_some());
    let way_back = kept.lock().unwrap().take().unwrap();
    assert!(harness.net().send_back(unix, &way_back, b"late"));
    harness.turn(std::time::Duration::ZERO);
    let mut answer = [0; 9];
    let (length, from) = client.recv_from(&mut answer).unwrap();
    assert_eq!((&answer[..length], from.as_pathname()), (&b"late"[..], Some(path.as_path())));
    harness.net().close_datagrams(unix);
    assert!(!harness.net().send_back(unix, &way_back, b"too late"));
    assert_eq!(harness.stats().dead_ids, 1);
}

#[test]
fn a_socket_that_is_taken_over_may_be_bound_to_all_addresses() {
    let mut harness = Harness::new();
    let udp = adopt(&mut harness, UdpSocket::bind("0.0.0.0:0").unwrap().into());
    let port = port(&harness, udp);
    for ip in ["127.0.0.1", "127.0.0.2", "127.1.2.3"] {
        let address = SocketAddr::new(ip.parse().unwrap(), port);
        assert_eq!(ask(&mut harness, "127.0.0.1", address), [address; 2]);
    }
    let bound = SockRef::from(&harness.net().descriptor(udp).unwrap()).local_addr().unwrap();
    assert!(bound.as_socket().unwrap().ip().is_unspecified(), "the socket is as it was");
}
