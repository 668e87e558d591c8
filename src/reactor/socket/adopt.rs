//! Sockets that somebody else made.

use crate::reactor::socket::{DatagramSocket, ListenSocket, StreamSocket, ask_for_notes};
use crate::reactor::sys;
use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// A socket that somebody else made, as what it turned out to be.
pub(crate) enum ForeignSocket {
    Stream(StreamSocket),
    Listener { socket: ListenSocket, is_dual: bool },
    Datagrams { socket: DatagramSocket, is_dual: bool },
}

impl ForeignSocket {
    /// Finds out what it is, and makes it like one of ours. One that is refused for what it is stays as it was.
    pub(crate) fn recognize(fd: OwnedFd) -> Result<ForeignSocket, (OwnedFd, io::Error)> {
        let socket = Socket::from(fd);
        match Nature::of(&socket) {
            Ok(nature) => Ok(nature.of_kind(socket.into())),
            Err(error) => Err((socket.into(), error)),
        }
    }
}

/// What a socket was found to be.
struct Nature {
    kind: Type,
    is_unix: bool,
    /// TCP itself, with nothing between it and its reader.
    is_tcp: bool,
    listens: bool,
    is_dual: bool,
}

impl Nature {
    fn of(socket: &Socket) -> io::Result<Nature> {
        let (domain, kind) = (socket.domain()?, socket.r#type()?);
        let (is_unix, is_inet) = (domain == Domain::UNIX, matches!(domain, Domain::IPV4 | Domain::IPV6));
        if !(matches!(kind, Type::STREAM | Type::DGRAM) || kind == Type::SEQPACKET && is_unix) {
            let what = "adopt takes stream, datagram and Unix packet sockets only";
            return Err(io::Error::new(io::ErrorKind::Unsupported, what));
        }
        let is_tcp =
            is_inet && socket.protocol()? == Some(Protocol::TCP) && !sys::has_upper_layer(socket.as_fd());
        let listens = kind != Type::DGRAM && socket.is_listener()?;
        let is_dual = is_dual(socket, domain)?;
        socket.set_nonblocking(true)?;
        match kind {
            // Accepted streams inherit it. Other protocols with streams may not have it.
            Type::STREAM if is_inet => drop(socket.set_tcp_nodelay(true)),
            Type::DGRAM if is_inet => ask_for_notes(socket)?,
            _ => {}
        }
        Ok(Nature { kind, is_unix, is_tcp, listens, is_dual })
    }

    fn of_kind(self, fd: OwnedFd) -> ForeignSocket {
        let is_dual = self.is_dual;
        let datagrams = |socket| ForeignSocket::Datagrams { socket, is_dual };
        let listener = |socket| ForeignSocket::Listener { socket, is_dual };
        match self.kind {
            Type::STREAM if self.listens && self.is_tcp => listener(ListenSocket::Tcp(fd.into())),
            Type::STREAM if self.listens => listener(ListenSocket::Unix(fd.into())),
            Type::STREAM if self.is_tcp => ForeignSocket::Stream(StreamSocket::Tcp(fd.into())),
            Type::STREAM => ForeignSocket::Stream(StreamSocket::Unix(fd.into())),
            Type::DGRAM if self.is_unix => datagrams(DatagramSocket::Unix(fd.into())),
            Type::DGRAM => datagrams(DatagramSocket::Udp(UdpSocket::from_std(fd.into()))),
            _ if self.listens => listener(ListenSocket::Packets(fd.into())),
            _ => ForeignSocket::Stream(StreamSocket::Packets(fd.into())),
        }
    }
}

/// Whether it is bound to every address of both families.
fn is_dual(socket: &Socket, domain: Domain) -> io::Result<bool> {
    let local = socket.local_addr()?.as_socket();
    Ok(domain == Domain::IPV6
        && local.is_some_and(|local| local.ip().is_unspecified())
        && !socket.only_v6()?)
}
