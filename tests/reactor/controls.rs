//! Options of sockets, and what is known of them.

use hullo::*;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

struct Nothing;

impl Handler for Nothing {}

/// A reactor with both ends of a TCP connection, opened.
fn connected() -> (Reactor, ListenerId, ConnId, ConnId) {
    let mut reactor = Reactor::new().unwrap();
    let listener = reactor.listen("tcp://127.0.0.1:0").unwrap();
    let address = reactor.local_addr(listener).unwrap();
    let ours = reactor.net().connect(address).unwrap();
    for _ in 0..1000 {
        reactor.turn(&mut Nothing, Some(Duration::from_millis(10))).unwrap();
        let open: Vec<ConnId> = reactor.net().connections().collect();
        let theirs = open.iter().find(|conn| **conn != ours);
        if let (true, Some(theirs)) = (open.contains(&ours), theirs) {
            return (reactor, listener, ours, *theirs);
        }
    }
    panic!("not connected");
}

#[test]
fn what_is_set_is_what_is_there() {
    let (mut reactor, listener, ours, theirs) = connected();
    let net = reactor.net();
    for conn in [ours, theirs] {
        let controls = net.controls(conn).unwrap();
        assert!(controls.nodelay().unwrap(), "from the start, on both sides");
        controls.set_nodelay(false).unwrap();
        assert!(!controls.nodelay().unwrap());
        controls.set_keepalive(Some(Duration::from_secs(30))).unwrap();
        controls.set_user_timeout(Some(Duration::from_secs(7))).unwrap();
        let socket = socket2::SockRef::from(&net.descriptor(conn).unwrap()).try_clone().unwrap();
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(30));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(3));
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(7)));
        controls.set_keepalive(None).unwrap();
        assert!(!socket.keepalive().unwrap());
        controls.set_hops(9).unwrap();
        assert_eq!(controls.hops().unwrap(), 9);
        controls.set_send_buffer(20_000).unwrap();
        controls.set_receive_buffer(30_000).unwrap();
        assert_eq!((controls.send_buffer().unwrap(), controls.receive_buffer().unwrap()), (40_000, 60_000));
    }
    assert_eq!(net.peer_addr(ours).unwrap().as_socket().unwrap().to_string(), {
        let Address::Tcp(host, port) = net.local_addr(theirs).unwrap() else { panic!("TCP") };
        format!("{host}:{port}")
    });
    assert!(net.info(ours).unwrap().age < Duration::from_secs(60));
    assert!(net.abort(ours) && net.close_listener(listener));
    reactor.turn(&mut Nothing, Some(Duration::ZERO)).unwrap();
    let net = reactor.net();
    assert_eq!(net.controls(ours).err().map(|error| error.kind()), Some(io::ErrorKind::NotConnected));
    assert!(net.controls(listener).is_err() && net.info(ours).is_none() && net.descriptor(ours).is_none());
}

#[test]
fn datagrams_to_a_group_reach_who_has_joined_it() {
    let mut reactor = Reactor::new().unwrap();
    let udp = reactor.bind("udp://127.0.0.1:0").unwrap();
    let controls = reactor.net().controls(udp).unwrap();
    controls.set_broadcast(true).unwrap();
    let group: IpAddr = "239.255.7.7".parse().unwrap();
    let loopback = 1; // the index of `lo` in every namespace
    controls.join_multicast(group, loopback).unwrap();
    assert_eq!(controls.join_multicast(group, loopback).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    controls.leave_multicast(group, loopback).unwrap();
    assert!(controls.leave_multicast(group, loopback).is_err(), "it has left");
    assert!(controls.join_multicast("10.0.0.1".parse().unwrap(), loopback).is_err(), "that is no group");
}

#[test]
fn one_port_has_one_owner_unless_all_of_them_agree_to_share() {
    for scheme in ["tcp", "udp"] {
        let (mut one, mut two) = (Reactor::new().unwrap(), Reactor::new().unwrap());
        let open =
            |reactor: &mut Reactor, address: &Address, options: &SocketOptions| -> io::Result<SourceId> {
                match scheme {
                    "tcp" => reactor.net().listen_with(address, options).map(SourceId::from),
                    _ => reactor.net().bind_with(address, options).map(SourceId::from),
                }
            };
        let anywhere: Address = format!("{scheme}://127.0.0.1:0").parse().unwrap();
        for options in [SocketOptions::default(), SocketOptions::default().reuse_port(true)] {
            let first = open(&mut one, &anywhere, &options).unwrap();
            let address = one.local_addr(first).unwrap();
            let second = open(&mut two, &address, &options).map_err(|error| error.kind());
            match options.reuse_port {
                true => assert_eq!(two.local_addr(second.unwrap()).unwrap(), address),
                false => assert_eq!(second.unwrap_err(), io::ErrorKind::AddrInUse, "{address}"),
            }
        }
    }
}
