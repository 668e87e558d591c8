//! Every call on a socket, in one room: TCP and Unix behind one type each.
//!
//! **I3** All I/O goes through mio's methods or `try_io`, which re-arm the source on selectors that need it.

pub(crate) mod controls;
pub(crate) mod files;
pub(crate) mod options;

use crate::reactor::address::{Address, Host, PeerAddr, unix_address};
use crate::reactor::socket::files::SocketFile;
use crate::reactor::socket::options::SocketOptions;
use crate::reactor::sys;
use mio::Interest;
use mio::event::Source;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use std::io::{self, IoSlice, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// A connected stream.
pub(crate) enum StreamSocket {
    Tcp(mio::net::TcpStream),
    /// A Unix stream, and whatever else with streams was adopted (MPTCP, for one): nothing is taken for granted of it that
    /// holds of TCP alone.
    Unix(mio::net::UnixStream),
    /// A connection of records (SOCK_SEQPACKET): to mio a Unix stream like any other.
    Packets(mio::net::UnixStream),
}

/// A socket that accepts streams. To mio it is a stream as well, for the sake of `try_io`, which its listeners do not have.
pub(crate) enum ListenSocket {
    Tcp(mio::net::TcpStream),
    Unix(mio::net::UnixStream),
    Packets(mio::net::UnixStream),
}

/// A socket of datagrams.
pub(crate) enum DatagramSocket {
    Udp(mio::net::UdpSocket),
    Unix(mio::net::UnixDatagram),
}

macro_rules! either {
    ($socket:expr, $kind:ident, $($one:ident)|+, $inner:ident => $body:expr) => {
        match $socket {
            $($kind::$one($inner) => $body,)+
        }
    };
}

impl StreamSocket {
    /// **I5** TCP is registered once, for everything; its writable edge comes only after a full send buffer, and
    /// priority tells of an urgent byte, at which a read stops short. A Unix stream becomes writable whenever
    /// its peer reads, so that it registers for writing only while output waits. Guard:
    /// `a_stream_is_registered_once_whatever_is_said_on_it` in `tests/reactor/streams.rs`.
    pub(crate) fn interest(&self, output_waits: bool) -> Interest {
        match self {
            StreamSocket::Tcp(_) => Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY,
            _ if output_waits => Interest::READABLE | Interest::WRITABLE,
            _ => Interest::READABLE,
        }
    }

    /// Takes on the options that it would have inherited from its listener had they been set when it came.
    #[cold]
    pub(crate) fn inherit(&self, listener: &ListenSocket) {
        if let Ok(nodelay) = SockRef::from(listener).tcp_nodelay() {
            let _ = SockRef::from(self).set_tcp_nodelay(nodelay);
        }
    }

    pub(crate) fn is_tcp(&self) -> bool {
        matches!(self, StreamSocket::Tcp(_))
    }

    #[inline(always)]
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let result = match self {
                StreamSocket::Tcp(socket) => socket.read(buffer),
                StreamSocket::Unix(socket) => socket.read(buffer),
                StreamSocket::Packets(socket) => {
                    socket.try_io(|| sys::receive_record(socket.as_fd(), buffer))
                }
            };
            match result {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// send(2) and not write(2), so that a host that has not ignored SIGPIPE lives on.
    #[inline(always)]
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let send = || SockRef::from(self).send_with_flags(bytes, libc::MSG_NOSIGNAL);
        loop {
            let result = match self {
                StreamSocket::Tcp(socket) => socket.try_io(send),
                StreamSocket::Unix(socket) | StreamSocket::Packets(socket) => socket.try_io(send),
            };
            match result {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    pub(crate) fn send_vectored(&self, front: &[u8], back: &[u8]) -> io::Result<usize> {
        if back.is_empty() {
            return self.send(front);
        }
        let parts = [IoSlice::new(front), IoSlice::new(back)];
        let send = || loop {
            match SockRef::from(self).send_vectored_with_flags(&parts, libc::MSG_NOSIGNAL) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        };
        either!(self, StreamSocket, Tcp | Unix | Packets, socket => socket.try_io(send))
    }

    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        either!(self, StreamSocket, Tcp | Unix | Packets, socket => socket.shutdown(Shutdown::Write))
    }

    /// Whether close(2) now would throw nothing away: no input unread (closing over it resets), no output that
    /// has not left.
    pub(crate) fn is_settled(&self) -> bool {
        // A Unix socket knows nothing of unsent bytes, and has none.
        let unsent = sys::unsent(self.as_fd());
        matches!(sys::unread(self.as_fd()), Ok(0))
            && (matches!(unsent, Ok(0)) || unsent.is_err() && !self.is_tcp())
    }

    /// What was written and the peer has not taken yet, where the system tells.
    pub(crate) fn untaken(&self) -> Option<usize> {
        sys::untaken(self.as_fd()).ok()
    }

    /// Makes the coming close a reset.
    pub(crate) fn reset_on_close(&self) {
        let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
    }

    pub(crate) fn take_error(&self) -> Option<io::Error> {
        either!(self, StreamSocket, Tcp | Unix | Packets, socket => socket.take_error()).ok().flatten()
    }

    /// What has become of a connect that was begun.
    pub(crate) fn outcome(&self) -> Outcome {
        match (self.take_error(), self.peer()) {
            (Some(error), _) => Outcome::Failed(error),
            (None, Ok(_)) => Outcome::Connected,
            (None, Err(error)) if error.kind() == io::ErrorKind::NotConnected => Outcome::Pending,
            (None, Err(error)) => Outcome::Failed(error),
        }
    }

    pub(crate) fn peer(&self) -> io::Result<PeerAddr> {
        SockRef::from(self).peer_addr().map(PeerAddr)
    }

    pub(crate) fn source(&mut self) -> &mut dyn Source {
        either!(self, StreamSocket, Tcp | Unix | Packets, socket => socket)
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        either!(self, StreamSocket, Tcp | Unix | Packets, socket => socket.into())
    }
}

impl ListenSocket {
    /// The next client of the backlog. Its address is asked for only when somebody wants to know it.
    pub(crate) fn accept(&self) -> io::Result<StreamSocket> {
        let accept = || sys::accept(self.as_fd());
        let client = either!(self, ListenSocket, Tcp | Unix | Packets, socket => socket.try_io(accept))?;
        Ok(match self {
            ListenSocket::Tcp(_) => StreamSocket::Tcp(client.into()),
            ListenSocket::Unix(_) => StreamSocket::Unix(client.into()),
            ListenSocket::Packets(_) => StreamSocket::Packets(client.into()),
        })
    }

    /// How many clients wait in the backlog; `None` where the system does not tell, as of Unix sockets.
    pub(crate) fn waiting(&self) -> Option<usize> {
        matches!(self, ListenSocket::Tcp(_)).then(|| sys::waiting(self.as_fd()).ok()).flatten()
    }

    pub(crate) fn source(&mut self) -> &mut dyn Source {
        either!(self, ListenSocket, Tcp | Unix | Packets, socket => socket)
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        either!(self, ListenSocket, Tcp | Unix | Packets, socket => socket.into())
    }
}

impl DatagramSocket {
    #[inline(always)]
    pub(crate) fn receive(&self, batch: &mut sys::ReceiveBatch, most: usize) -> io::Result<usize> {
        let receive = || batch.receive(self.as_fd(), most, matches!(self, DatagramSocket::Udp(_)));
        either!(self, DatagramSocket, Udp | Unix, socket => socket.try_io(receive))
    }

    pub(crate) fn sends_bundles(&self) -> bool {
        matches!(self, DatagramSocket::Udp(_)) && sys::sends_bundles(self.as_fd())
    }

    pub(crate) fn source(&mut self) -> &mut dyn Source {
        either!(self, DatagramSocket, Udp | Unix, socket => socket)
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        either!(self, DatagramSocket, Udp | Unix, socket => socket.into())
    }
}

macro_rules! as_fd {
    ($kind:ident, $($one:ident)|+) => {
        impl AsFd for $kind {
            #[inline]
            fn as_fd(&self) -> BorrowedFd<'_> {
                either!(self, $kind, $($one)|+, socket => socket.as_fd())
            }
        }
    };
}

as_fd!(StreamSocket, Tcp | Unix | Packets);
as_fd!(ListenSocket, Tcp | Unix | Packets);
as_fd!(DatagramSocket, Udp | Unix);

/// How far a connect has come.
pub(crate) enum Outcome {
    Pending,
    Connected,
    Failed(io::Error),
}

/// Begins to connect; whether it is connected already, as a Unix stream always is. One whose listener has a full
/// backlog would block (EAGAIN), and no event follows.
pub(crate) fn connect(address: &Address, source: Option<IpAddr>) -> io::Result<(StreamSocket, bool)> {
    match address {
        Address::Tcp(..) => {
            let peer = address.to_socket_addr()?;
            let socket =
                Socket::new(Domain::for_address(peer), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
            socket.set_tcp_nodelay(true)?;
            come_from(&socket, source, peer)?;
            let is_connected = match socket.connect(&peer.into()) {
                Ok(()) => true,
                Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => false,
                Err(error) => return Err(error),
            };
            Ok((StreamSocket::Tcp(OwnedFd::from(socket).into()), is_connected))
        }
        Address::Unix(path) => {
            let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
            socket.connect(&unix_address(path)?)?;
            Ok((StreamSocket::Unix(OwnedFd::from(socket).into()), true))
        }
        Address::Unixpacket(path) => {
            let socket = Socket::new(Domain::UNIX, Type::SEQPACKET.nonblocking(), None)?;
            socket.connect(&unix_address(path)?)?;
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
        // Of the interface behind which the peer is.
        (IpAddr::V6(ip), SocketAddr::V6(peer)) => SocketAddrV6::new(ip, 0, 0, peer.scope_id()).into(),
        (ip, _) => SocketAddr::new(ip, 0),
    };
    socket.bind(&source.into())
}

pub(crate) fn without_source(address: &Address) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{address} has no source address to choose"))
}

/// Binds and listens; a Unix path has a file.
pub(crate) fn listen(
    address: &Address,
    backlog: u32,
    options: &SocketOptions,
) -> io::Result<(ListenSocket, Option<SocketFile>)> {
    let backlog = backlog.min(i32::MAX as u32) as i32;
    match address {
        Address::Tcp(..) => {
            let socket = bind_ip(address, Type::STREAM, options)?;
            // Linux hands it down to accepted sockets, which saves a call for each client.
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
            Ok(DatagramSocket::Udp(mio::net::UdpSocket::from_std(socket.into())))
        }
        Address::Unixgram(path) => {
            let socket = Socket::new(Domain::UNIX, Type::DGRAM.nonblocking(), None)?;
            socket.bind(&SockAddr::unix("")?)?;
            socket.connect(&unix_address(path)?)?;
            Ok(DatagramSocket::Unix(OwnedFd::from(socket).into()))
        }
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{address} is nobody to send datagrams to"),
        )),
    }
}

/// Binds a datagram socket; a Unix path has a file.
pub(crate) fn bind_datagrams(
    address: &Address,
    options: &SocketOptions,
) -> io::Result<(DatagramSocket, Option<SocketFile>)> {
    match address {
        Address::Udp(..) => {
            let socket = bind_ip(address, Type::DGRAM, options)?;
            ask_for_notes(&socket)?;
            Ok((DatagramSocket::Udp(mio::net::UdpSocket::from_std(socket.into())), None))
        }
        Address::Unixgram(path) => {
            let bound = files::bind(address, path, options.mode)?;
            Ok((DatagramSocket::Unix(OwnedFd::from(bound.socket).into()), bound.file))
        }
        Address::Tcp(..) | Address::Unix(_) | Address::Unixpacket(_) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{address} takes streams: listen on it instead"),
        )),
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
    let (Address::Tcp(Host::Any, port) | Address::Udp(Host::Any, port)) = address else {
        return bind_socket(address.to_socket_addr()?, true, kind, options);
    };
    match bind_socket((Ipv6Addr::UNSPECIFIED, *port).into(), false, kind, options) {
        // A host without IPv6 (EAFNOSUPPORT, EADDRNOTAVAIL) still has every IPv4 address.
        Err(e) if is_without_v6(&e) => {
            bind_socket((Ipv4Addr::UNSPECIFIED, *port).into(), false, kind, options)
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

fn is_without_v6(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL))
}
