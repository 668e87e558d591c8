//! Sockets that somebody else made.

use super::connection::ADOPTED;
use super::datagram::Datagrams;
use super::ids::{ConnId, ListenerId, UdpId};
use super::listener::Listener;
use super::net::{Net, Source};
use super::socket::{DatagramSocket, ListenSocket, StreamSocket, ask_for_notes};
use socket2::{Domain, Socket, Type};
use std::io;
use std::os::fd::OwnedFd;

/// What [`Net::adopt`] found a descriptor to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Adopted {
    /// A stream; its `opened` follows in the next turn.
    Conn(ConnId),
    /// A listening socket.
    Listener(ListenerId),
    /// A datagram socket.
    Udp(UdpId),
}

impl Net {
    /// Takes over a connected, listening or datagram socket made elsewhere, makes it non-blocking, and treats it as one of
    /// its own: TCP_NODELAY is on for a TCP stream and for what a TCP listener accepts
    /// ([`controls`](Net::controls) turn it off again), a UDP socket that is bound to all addresses tells which of them a
    /// datagram was sent to, and one socket for IPv6 and IPv4 is `*` in [`local_addr`](Net::local_addr). Every other option is
    /// left as its maker wanted it; so is the file of a Unix socket.
    ///
    /// # Errors
    ///
    /// `Unsupported` for another type of socket, or the operating system's.
    pub fn adopt(&mut self, socket: impl Into<OwnedFd>) -> io::Result<Adopted> {
        let socket = Socket::from(socket.into());
        let (domain, kind) = (socket.domain()?, socket.r#type()?);
        let (is_unix, is_inet) = (domain == Domain::UNIX, matches!(domain, Domain::IPV4 | Domain::IPV6));
        let listens = kind != Type::DGRAM && socket.is_listener()?;
        let is_dual = is_dual(&socket, domain)?;
        socket.set_nonblocking(true)?;
        match kind {
            // Accepted streams inherit it. Other protocols with streams may not have it.
            Type::STREAM if is_inet => drop(socket.set_tcp_nodelay(true)),
            Type::DGRAM if is_inet => ask_for_notes(&socket)?,
            _ => {}
        }
        let fd = OwnedFd::from(socket);
        match kind {
            Type::STREAM if listens && is_unix => self.adopt_listener(ListenSocket::Unix(fd.into()), false),
            Type::STREAM if listens => self.adopt_listener(ListenSocket::Tcp(fd.into()), is_dual),
            Type::STREAM if is_unix => self.adopt_stream(StreamSocket::Unix(fd.into())),
            Type::STREAM => self.adopt_stream(StreamSocket::Tcp(fd.into())),
            Type::SEQPACKET if listens && is_unix => {
                self.adopt_listener(ListenSocket::Packets(fd.into()), false)
            }
            Type::SEQPACKET if is_unix => self.adopt_stream(StreamSocket::Packets(fd.into())),
            Type::DGRAM if is_unix => self.adopt_datagrams(DatagramSocket::Unix(fd.into()), false),
            Type::DGRAM => {
                let socket = mio::net::UdpSocket::from_std(fd.into());
                self.adopt_datagrams(DatagramSocket::Udp(socket), is_dual)
            }
            _ => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "adopt takes stream, datagram and Unix packet sockets only",
            )),
        }
    }

    fn adopt_stream(&mut self, socket: StreamSocket) -> io::Result<Adopted> {
        let key = self.insert_stream(socket, ADOPTED)?;
        self.enqueue(key);
        Ok(Adopted::Conn(ConnId(key)))
    }

    fn adopt_listener(&mut self, socket: ListenSocket, is_dual: bool) -> io::Result<Adopted> {
        let is_tcp = matches!(socket, ListenSocket::Tcp(_));
        let mut listener = Listener::new(socket, is_dual, None);
        listener.has_early_clients = is_tcp;
        self.insert(Source::Listener(listener)).map(|key| Adopted::Listener(ListenerId(key)))
    }

    fn adopt_datagrams(&mut self, socket: DatagramSocket, is_dual: bool) -> io::Result<Adopted> {
        let datagrams = Datagrams::new(socket, is_dual, None);
        self.insert(Source::Datagrams(datagrams)).map(|key| Adopted::Udp(UdpId(key)))
    }
}

/// Whether it is bound to every address of both families.
fn is_dual(socket: &Socket, domain: Domain) -> io::Result<bool> {
    let local = socket.local_addr()?.as_socket();
    Ok(domain == Domain::IPV6
        && local.is_some_and(|local| local.ip().is_unspecified())
        && !socket.only_v6()?)
}
