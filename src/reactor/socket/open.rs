//! How a socket is opened: connected, listening, bound.

use crate::reactor::address::{Address, Host};
use crate::reactor::socket::files::{self, SocketFile};
use crate::reactor::socket::options::SocketOptions;
use crate::reactor::socket::{DatagramSocket, ListenSocket, StreamSocket};
use crate::reactor::sys;
use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, OwnedFd};

/// Begins to connect, and says whether the stream is connected already, as a Unix stream always is. Where a Unix
/// listener's backlog is full it would block (EAGAIN), and no event follows.
pub(crate) fn connect(address: &Address, source: Option<IpAddr>) -> io::Result<(StreamSocket, bool)> {
    match address {
        Address::Tcp(..) | Address::Tls(..) => {
            let peer = address.to_socket_addr()?;
            let socket =
                Socket::new(Domain::for_address(peer), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
            socket.set_tcp_nodelay(true)?;
            come_from(&socket, source, peer)?;
            let is_connected = match socket.connect(&peer.into()) {
                Ok(()) => true,
                Err(error) if sys::is_under_way(&error) => false,
                Err(error) => return Err(error),
            };
            Ok((StreamSocket::Tcp(OwnedFd::from(socket).into()), is_connected))
        }
        Address::Unix(path) => {
            let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
            socket.connect(&sys::unix_address(path)?)?;
            Ok((StreamSocket::Unix(OwnedFd::from(socket).into()), true))
        }
        Address::Unixpacket(path) => {
            let socket = Socket::new(Domain::UNIX, Type::SEQPACKET.nonblocking(), None)?;
            socket.connect(&sys::unix_address(path)?)?;
            Ok((StreamSocket::Packets(OwnedFd::from(socket).into()), true))
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{address} is nothing to connect to"))),
    }
}

/// Binds to one of our addresses, and leaves the port to connect(2), which knows the target and so can take one that is
/// in use towards another.
fn come_from(socket: &Socket, source: Option<IpAddr>, peer: SocketAddr) -> io::Result<()> {
    let Some(source) = source else { return Ok(()) };
    sys::bind_without_port(socket.as_fd())?;
    let source = match (source, peer) {
        // A link-local source needs the interface behind which the peer is.
        (IpAddr::V6(ip), SocketAddr::V6(peer)) => SocketAddrV6::new(ip, 0, 0, peer.scope_id()).into(),
        (ip, _) => SocketAddr::new(ip, 0),
    };
    socket.bind(&source.into())
}

pub(crate) fn without_source(address: &Address) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{address} has no source address to choose"))
}

/// Binds and listens. The socket of a Unix path comes with its file.
pub(crate) fn listen(
    address: &Address,
    backlog: u32,
    options: &SocketOptions,
) -> io::Result<(ListenSocket, Option<SocketFile>)> {
    let backlog = backlog.min(i32::MAX as u32) as i32;
    match address {
        Address::Tcp(..) | Address::Tls(..) => {
            let socket = bind_ip(address, Type::STREAM, options)?;
            // Accepted sockets inherit it on Linux, which saves a call for each client.
            socket.set_tcp_nodelay(options.nodelay)?;
            socket.listen(backlog)?;
            Ok((ListenSocket::Tcp(OwnedFd::from(socket).into()), None))
        }
        Address::Unix(path) => {
            let bound = files::bind(address, path, options.mode)?;
            bound.socket.listen(backlog)?;
            Ok((ListenSocket::Unix(OwnedFd::from(bound.socket).into()), bound.file))
        }
        Address::Unixpacket(path) => {
            let bound = files::bind(address, path, options.mode)?;
            bound.socket.listen(backlog)?;
            Ok((ListenSocket::Packets(OwnedFd::from(bound.socket).into()), bound.file))
        }
        Address::Udp(..) | Address::Unixgram(_) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{address} takes datagrams: bind it instead"),
        )),
    }
}

/// A datagram socket with one peer. A Unix one gets a name of its own (unix(7): autobind), or nobody could answer it.
pub(crate) fn connect_datagrams(address: &Address, source: Option<IpAddr>) -> io::Result<DatagramSocket> {
    match address {
        Address::Unixgram(_) if source.is_some() => Err(without_source(address)),
        Address::Udp(..) => {
            let peer = address.to_socket_addr()?;
            let socket =
                Socket::new(Domain::for_address(peer), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
            come_from(&socket, source, peer)?;
            socket.connect(&peer.into())?;
            sys::take_bundles(socket.as_fd());
            Ok(DatagramSocket::Udp(UdpSocket::from_std(socket.into())))
        }
        Address::Unixgram(path) => {
            let socket = Socket::new(Domain::UNIX, Type::DGRAM.nonblocking(), None)?;
            socket.bind(&sys::any_unix_name()?)?;
            socket.connect(&sys::unix_address(path)?)?;
            Ok(DatagramSocket::Unix(OwnedFd::from(socket).into()))
        }
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{address} is nobody to send datagrams to"),
        )),
    }
}

/// Binds a datagram socket. That of a Unix path comes with its file.
pub(crate) fn bind_datagrams(
    address: &Address,
    options: &SocketOptions,
) -> io::Result<(DatagramSocket, Option<SocketFile>)> {
    match address {
        Address::Udp(..) => {
            let socket = bind_ip(address, Type::DGRAM, options)?;
            ask_for_notes(&socket)?;
            Ok((DatagramSocket::Udp(UdpSocket::from_std(socket.into())), None))
        }
        Address::Unixgram(path) => {
            let bound = files::bind(address, path, options.mode)?;
            Ok((DatagramSocket::Unix(OwnedFd::from(bound.socket).into()), bound.file))
        }
        Address::Tcp(..) | Address::Tls(..) | Address::Unix(_) | Address::Unixpacket(_) => {
            Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{address} takes streams: listen on it instead"),
            ))
        }
    }
}

/// Asks for what the datagrams of a bound UDP socket are to come with.
pub(crate) fn ask_for_notes(socket: &Socket) -> io::Result<()> {
    let local = socket.local_addr()?.as_socket();
    if local.is_some_and(|local| local.ip().is_unspecified()) {
        sys::ask_for_destination(socket.as_fd(), socket.domain()? == Domain::IPV6)?;
    }
    sys::take_bundles(socket.as_fd());
    Ok(())
}

fn bind_ip(address: &Address, kind: Type, options: &SocketOptions) -> io::Result<Socket> {
    let (Some(Host::Any), Some(port)) = (address.host(), address.port()) else {
        return bind_socket(address.to_socket_addr()?, true, kind, options);
    };
    match bind_socket((Ipv6Addr::UNSPECIFIED, port).into(), false, kind, options) {
        // A host without IPv6 still has every IPv4 address.
        Err(e) if sys::lacks_addresses(&e) => {
            bind_socket((Ipv4Addr::UNSPECIFIED, port).into(), false, kind, options)
        }
        result => result,
    }
}

fn bind_socket(
    address: SocketAddr,
    is_only_v6: bool,
    kind: Type,
    options: &SocketOptions,
) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind.nonblocking(), None)?;
    if let SocketAddr::V6(v6) = address {
        if let Some(ip) = v6.ip().to_ipv4_mapped() {
            let what = format!("this is an IPv4 address, written as IPv6: write {ip} instead");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        socket.set_only_v6(is_only_v6)?;
    }
    // On a datagram socket the same option would let a second process share the port and take its datagrams.
    if kind == Type::STREAM {
        socket.set_reuse_address(options.reuse_address)?;
    }
    if options.reuse_port {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}
