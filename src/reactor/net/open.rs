//! Sockets and descriptors: opened, taken over, given back.

use crate::reactor::address::parse::IntoAddress;
use crate::reactor::address::{Address, Host, PeerAddr, unix_path};
use crate::reactor::datagram::Datagrams;
use crate::reactor::handler::{Datagram, ReturnPath};
use crate::reactor::ids::{DatagramId, ListenerId, SourceId};
use crate::reactor::listener::Listener;
use crate::reactor::net::{Net, Source};
use crate::reactor::socket;
use crate::reactor::socket::files::SocketFile;
use socket2::Type;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How [`Net::listen_with`] and [`Net::bind_with`] open a socket.
///
/// ```
/// # use hullo::SocketOptions;
/// let options = SocketOptions::default().mode(0o660).nodelay(false);
/// assert_eq!(options, SocketOptions { mode: Some(0o660), nodelay: false, ..SocketOptions::default() });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// Permission bits of a Unix socket's file, which it has before anybody can reach it; absent: as the umask leaves
    /// them. `InvalidInput` for an address that has no file.
    pub mode: Option<u32>,
    /// TCP_NODELAY on every accepted stream: an answer leaves at once. Default on.
    pub nodelay: bool,
    /// SO_REUSEADDR on a TCP listener: it can be bound again while connections of its predecessor are in TIME_WAIT.
    /// Default on.
    pub reuse_address: bool,
    /// SO_REUSEPORT: others that have it as well, and the same user, may bind the same port; the kernel spreads clients
    /// and datagrams over them (socket(7)). Default off.
    pub reuse_port: bool,
}

impl Default for SocketOptions {
    fn default() -> SocketOptions {
        SocketOptions { mode: None, nodelay: true, reuse_address: true, reuse_port: false }
    }
}

impl SocketOptions {
    /// With these permission bits of a Unix socket's file.
    pub fn mode(mut self, mode: u32) -> SocketOptions {
        self.mode = Some(mode);
        self
    }

    /// With or without TCP_NODELAY.
    pub fn nodelay(mut self, on: bool) -> SocketOptions {
        self.nodelay = on;
        self
    }

    /// With or without SO_REUSEADDR.
    pub fn reuse_address(mut self, on: bool) -> SocketOptions {
        self.reuse_address = on;
        self
    }

    /// With or without SO_REUSEPORT.
    pub fn reuse_port(mut self, on: bool) -> SocketOptions {
        self.reuse_port = on;
        self
    }
}

impl Net {
    /// Listens on `tcp://`, `unix:` or `unixpacket:`, as text or as an [`Address`], with default [`SocketOptions`]. A stale
    /// Unix socket file is replaced, and the file is removed when the listener closes.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for text that is no such address, or a host that is a name ([`Address::resolve`] it first);
    /// otherwise the operating system's, `AddrInUse` for one.
    pub fn listen(&mut self, address: impl IntoAddress) -> io::Result<ListenerId> {
        self.listen_with(&address.into_stream_address()?, &SocketOptions::default())
    }

    /// [`listen`](Net::listen) with options.
    ///
    /// # Errors
    ///
    /// As [`listen`](Net::listen).
    pub fn listen_with(&mut self, address: &Address, options: &SocketOptions) -> io::Result<ListenerId> {
        check_mode(address, options)?;
        let (socket, file) = socket::listen(address, self.limits.backlog, options)?;
        let listener = Listener::new(socket, is_dual(address), file);
        self.insert(Source::Listener(listener)).map(ListenerId)
    }

    /// Binds a datagram socket: `udp://` or `unixgram:`, as text or as an [`Address`].
    ///
    /// # Errors
    ///
    /// As [`listen`](Net::listen).
    pub fn bind(&mut self, address: impl IntoAddress) -> io::Result<DatagramId> {
        self.bind_with(&address.into_datagram_address()?, &SocketOptions::default())
    }

    /// [`bind`](Net::bind) with options.
    ///
    /// # Errors
    ///
    /// As [`listen`](Net::listen).
    pub fn bind_with(&mut self, address: &Address, options: &SocketOptions) -> io::Result<DatagramId> {
        check_mode(address, options)?;
        let (socket, file) = socket::bind_datagrams(address, options)?;
        self.insert(Source::Datagrams(Datagrams::new(socket, is_dual(address), file))).map(DatagramId)
    }

    /// Opens a datagram socket with one peer: `udp://` (no name) or `unixgram:`. [`send_datagram`](Net::send_datagram)
    /// reaches it, and only its datagrams are received.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for what is no such address; otherwise the operating system's.
    pub fn connect_datagrams(&mut self, address: impl IntoAddress) -> io::Result<DatagramId> {
        self.open_correspondence(&address.into_datagram_address()?, None)
    }

    /// [`connect_datagrams`](Net::connect_datagrams) from one of this machine's own addresses, on a port of the system's choice.
    ///
    /// # Errors
    ///
    /// As [`connect_datagrams`](Net::connect_datagrams), and `InvalidInput` for a Unix socket, which has no such address.
    pub fn connect_datagrams_from(
        &mut self,
        source: IpAddr,
        address: impl IntoAddress,
    ) -> io::Result<DatagramId> {
        self.open_correspondence(&address.into_datagram_address()?, Some(source))
    }

    fn open_correspondence(&mut self, address: &Address, source: Option<IpAddr>) -> io::Result<DatagramId> {
        let socket = socket::connect_datagrams(address, source)?;
        self.insert(Source::Datagrams(Datagrams::new(socket, false, None))).map(DatagramId)
    }

    /// Sends a datagram to the peer of a connected socket, as [`send_to`](Net::send_to). Returns whether the socket is
    /// open.
    pub fn send_datagram(&mut self, udp: DatagramId, bytes: &[u8]) -> bool {
        self.queue_datagram(udp.0, None, None, bytes)
    }

    /// Stops listening. Accepted clients live on; whoever waits in the backlog is reset by the kernel. Returns
    /// whether it was listening.
    pub fn close_listener(&mut self, listener: ListenerId) -> bool {
        let is_live = self.free_listener(listener.0);
        self.count_dead(is_live)
    }

    /// Closes a datagram socket, after what was sent on it. Returns whether it was open.
    pub fn close_datagrams(&mut self, udp: DatagramId) -> bool {
        let is_live = self.free_datagrams(udp.0);
        self.count_dead(is_live)
    }

    /// Gives a listening socket back as it is: bound, listening, non-blocking, its backlog waiting. Accepted clients live
    /// on. The file of a Unix socket stays, and is the affair of whoever has the socket from now on:
    /// [`adopt`](Net::adopt) in another reactor, or another process.
    ///
    /// Where a clone of the [`descriptor`](Net::descriptor) was handed over instead, closing the listener leaves the file
    /// as well, as long as anybody has the socket.
    pub fn release_listener(&mut self, listener: ListenerId) -> Option<OwnedFd> {
        let listener = self.take_listener(listener.0);
        self.count_dead(listener.is_some());
        let Listener { socket, file, .. } = *listener?;
        file.into_iter().for_each(SocketFile::leave);
        Some(socket.into_fd())
    }

    /// Gives a datagram socket back as it is, after what was sent on it; what has arrived waits. The file of a Unix
    /// socket stays, as with [`release_listener`](Net::release_listener).
    ///
    /// To lose nothing, call it from anywhere but its own [`datagram`](crate::Handler::datagram): what one read has brought
    /// beside that datagram, some 32 messages at the most, would have to be told of a socket that is gone.
    pub fn release_datagrams(&mut self, udp: DatagramId) -> Option<OwnedFd> {
        let datagrams = self.take_datagrams(udp.0);
        self.count_dead(datagrams.is_some());
        let Datagrams { socket, file, .. } = *datagrams?;
        file.into_iter().for_each(SocketFile::leave);
        Some(socket.into_fd())
    }

    /// Sends a datagram, with the batch that is being served or at the end of the turn. What the kernel refuses is
    /// dropped and counted ([`Stats::datagrams_refused`](crate::Stats::datagrams_refused)). Returns whether the socket is open.
    ///
    /// UDP takes 65,507 bytes at the most (65,527 over IPv6), a Unix socket what its send buffer holds; a reactor receives
    /// [`Datagram::LONGEST`](crate::Datagram::LONGEST).
    pub fn send_to(&mut self, udp: DatagramId, to: &PeerAddr, bytes: &[u8]) -> bool {
        self.queue_datagram(udp.0, Some(to), None, bytes)
    }

    /// Answers a datagram, as [`send_to`](Net::send_to), from the address that it was sent to; the answer to one that went to
    /// many (broadcast, multicast) leaves from an address of our own. For an answer that comes later see
    /// [`send_back`](Net::send_back).
    pub fn reply(&mut self, udp: DatagramId, datagram: &Datagram<'_>, bytes: &[u8]) -> bool {
        self.queue_datagram(udp.0, Some(&datagram.from), datagram.arrival, bytes)
    }

    /// Answers a datagram that was heard earlier, as [`reply`](Net::reply) does at once. `udp` is the socket that it came to.
    pub fn send_back(&mut self, udp: DatagramId, path: &ReturnPath, bytes: &[u8]) -> bool {
        self.queue_datagram(udp.0, Some(&path.to), path.from, bytes)
    }

    /// The descriptor of a socket, for what [`controls`](Net::controls) lacks. Reading from it or writing to it would take
    /// from the reactor what it waits for. A clone of it keeps the socket open when it is closed here, and a reset waits
    /// until the clone is closed as well; nothing more is told about it.
    pub fn descriptor(&self, id: impl Into<SourceId>) -> Option<BorrowedFd<'_>> {
        match self.sources.get(id.into().key())? {
            Source::Stream(conn) => Some(conn.socket.as_fd()),
            Source::Listener(listener) => Some(listener.socket.as_fd()),
            Source::Datagrams(datagrams) => Some(datagrams.socket.as_fd()),
            Source::Watched(_) | Source::Dial(_) => None,
        }
    }

    /// Changes the permission bits of the file of a Unix socket that was bound here; of this file alone, whatever
    /// somebody may have put in its place.
    ///
    /// # Errors
    ///
    /// `NotConnected` when the socket is gone, `InvalidInput` where it has no file of ours (it has an abstract name, is no
    /// Unix socket or was adopted), `NotFound` where its file is gone, `Other` where another one is in its place;
    /// otherwise the operating system's.
    pub fn set_mode(&mut self, id: impl Into<SourceId>, mode: u32) -> io::Result<()> {
        let file = match self.sources.get(id.into().key()).ok_or(io::ErrorKind::NotConnected)? {
            Source::Listener(listener) => listener.file.as_ref(),
            Source::Datagrams(datagrams) => datagrams.file.as_ref(),
            Source::Stream(_) | Source::Watched(_) | Source::Dial(_) => None,
        };
        let no_file = || io::Error::new(io::ErrorKind::InvalidInput, "the socket has no file of ours");
        file.ok_or_else(no_file)?.set_mode(mode)
    }

    /// The address that a socket is bound to, with its real port.
    ///
    /// # Errors
    ///
    /// `NotConnected` when it is gone.
    pub fn local_addr(&self, id: impl Into<SourceId>) -> io::Result<Address> {
        let id = id.into();
        let fd = self.descriptor(id).ok_or(io::ErrorKind::NotConnected)?;
        let (is_dual, is_datagram) = match self.sources.get(id.key()) {
            Some(Source::Listener(listener)) => (listener.is_dual, false),
            Some(Source::Datagrams(datagrams)) => (datagrams.is_dual, true),
            _ => (false, false),
        };
        let name = socket2::SockRef::from(&fd).local_addr()?;
        let path = unix_path(&name);
        Ok(match (name.as_socket(), is_datagram) {
            (Some(local), false) if is_dual => Address::Tcp(Host::Any, local.port()),
            (Some(local), true) if is_dual => Address::Udp(Host::Any, local.port()),
            (Some(local), false) => Address::tcp(local),
            (Some(local), true) => Address::udp(local),
            (None, false) if socket2::SockRef::from(&fd).r#type()? == Type::SEQPACKET => {
                Address::Unixpacket(path)
            }
            (None, false) => Address::Unix(path),
            (None, true) => Address::Unixgram(path),
        })
    }
}

fn check_mode(address: &Address, options: &SocketOptions) -> io::Result<()> {
    if options.mode.is_some() && !address.has_file() {
        let what = format!("{address} has no file that could have a mode: leave the mode out");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    Ok(())
}

fn is_dual(address: &Address) -> bool {
    matches!(address, Address::Tcp(Host::Any, _) | Address::Udp(Host::Any, _))
}
