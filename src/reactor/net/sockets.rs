//! What users ask of sockets and descriptors: to be opened, taken over, watched, turned, given back.

use crate::reactor::address::parse::IntoAddress;
use crate::reactor::address::{Address, Host};
use crate::reactor::datagram::Datagrams;
use crate::reactor::ids::{ConnId, DatagramId, FdId, ListenerId, SourceId};
use crate::reactor::listener::Listener;
use crate::reactor::net::{Net, Source, tls};
use crate::reactor::socket::controls::Controls;
use crate::reactor::socket::files::SocketFile;
use crate::reactor::socket::options::SocketOptions;
use crate::reactor::socket::{self, ForeignSocket, ListenSocket};
use crate::reactor::stream::layer::Layer;
use crate::reactor::stream::{ADOPTED, Connection};
use crate::reactor::sys::{ForeignFd, Interest};
use crate::reactor::watch::{Refused, Watched};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What [`Net::adopt`] found a descriptor to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Adopted {
    /// A stream; its `opened` follows in the next turn.
    Conn(ConnId),
    /// A listening socket.
    Listener(ListenerId),
    /// A datagram socket.
    Datagrams(DatagramId),
}

impl Net {
    /// Listens on `tcp://`, `unix:` or `unixpacket:`, as text or as an [`Address`], with default [`SocketOptions`]. A stale
    /// Unix socket file is replaced, and the file is removed when the listener closes. `tls://` takes a certificate:
    /// `listen_tls` of feature `tls`.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for text that is no such address, or a host that is a name ([`Address::resolve`] it first);
    /// `Unsupported` for `tls://` without the feature; otherwise the operating system's, `AddrInUse` for one.
    pub fn listen(&mut self, address: impl IntoAddress) -> io::Result<ListenerId> {
        self.listen_with(&address.into_stream_address()?, &SocketOptions::default())
    }

    /// [`listen`](Net::listen) with options.
    ///
    /// # Errors
    ///
    /// As [`listen`](Net::listen).
    pub fn listen_with(&mut self, address: &Address, options: &SocketOptions) -> io::Result<ListenerId> {
        tls::refuse_bare(address, "give its certificate and key to listen_tls")?;
        self.listen_on(address, options)
    }

    pub(super) fn listen_on(&mut self, address: &Address, options: &SocketOptions) -> io::Result<ListenerId> {
        check_mode(address, options)?;
        let (socket, file) = socket::listen(address, self.limits.backlog, options)?;
        let listener = Listener::new(socket, is_dual(address), file);
        self.insert_source(Source::Listener(listener)).map(ListenerId)
    }

    /// Has every client that is accepted from now on go through a layer of its own, TLS for one, which `make` makes; where that
    /// fails, the client is closed. See [`put_layer`](Net::put_layer). Returns whether there is such a listener of streams
    /// that keep no records apart.
    ///
    /// ```no_run
    /// # #[cfg(feature = "tls")] {
    /// # use hullo::{Layer, Reactor, TlsIdentity, TlsServer};
    /// let tls = TlsServer::new(TlsIdentity::from_files("chain.pem", "key.pem")?);
    /// let mut reactor = Reactor::new()?;
    /// let listener = reactor.listen("tcp://127.0.0.1:4433")?;
    /// reactor.net().put_layers(listener, move || Ok(Box::new(tls.session()?)));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn put_layers(
        &mut self,
        listener: ListenerId,
        make: impl FnMut() -> io::Result<Box<dyn Layer>> + Send + 'static,
    ) -> bool {
        let found = match self.sources.get_mut(listener.0) {
            Some(Source::Listener(found)) => found,
            _ => return self.count_dead_id(false),
        };
        let takes = !matches!(found.socket, ListenSocket::Packets(_));
        if takes {
            found.layers = Some(Box::new(make));
        }
        takes
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
        self.insert_source(Source::Datagrams(Datagrams::new(socket, is_dual(address), file))).map(DatagramId)
    }

    /// Stops listening. Accepted clients live on; whoever waits in the backlog is reset by the kernel. Returns
    /// whether it was listening.
    pub fn close_listener(&mut self, listener: ListenerId) -> bool {
        let is_live = self.free_listener(listener.0);
        self.count_dead_id(is_live)
    }

    /// Closes a datagram socket, after what was sent on it. Returns whether it was open.
    pub fn close_datagrams(&mut self, socket: DatagramId) -> bool {
        let is_live = self.free_datagrams(socket.0);
        self.count_dead_id(is_live)
    }

    /// Gives a listening socket back as it is: bound, listening, non-blocking, its backlog waiting. Accepted clients live
    /// on. The file of a Unix socket stays, and is the affair of whoever has the socket from now on:
    /// [`adopt`](Net::adopt) in another reactor, or another process.
    ///
    /// Where a clone of the [`descriptor`](Net::descriptor) was handed over instead, closing the listener leaves the file
    /// as well, as long as anybody has the socket.
    pub fn release_listener(&mut self, listener: ListenerId) -> Option<OwnedFd> {
        let listener = self.take_listener(listener.0);
        self.count_dead_id(listener.is_some());
        let Listener { socket, file, .. } = *listener?;
        file.into_iter().for_each(SocketFile::leave);
        Some(socket.into_fd())
    }

    /// Gives a datagram socket back as it is, after what was sent on it; what has arrived waits. The file of a Unix
    /// socket stays, as with [`release_listener`](Net::release_listener).
    ///
    /// To lose nothing, call it from anywhere but its own [`datagram`](crate::Handler::datagram): what one read has brought
    /// beside that datagram, some 32 messages at the most, would have to be told of a socket that is gone.
    pub fn release_datagrams(&mut self, socket: DatagramId) -> Option<OwnedFd> {
        let datagrams = self.take_datagrams(socket.0);
        self.count_dead_id(datagrams.is_some());
        let Datagrams { socket, file, .. } = *datagrams?;
        file.into_iter().for_each(SocketFile::leave);
        Some(socket.into_fd())
    }

    /// Takes over a connected, listening or datagram socket made elsewhere, makes it non-blocking, and treats it as one of
    /// its own: TCP_NODELAY is on for a TCP stream and for what a TCP listener accepts
    /// ([`controls`](Net::controls) turn it off again), a UDP socket that is bound to all addresses tells which of them a
    /// datagram was sent to, and one socket for IPv6 and IPv4 is `*` in [`local_addr`](Net::local_addr). Every other option is
    /// left as its maker wanted it; so is the file of a Unix socket.
    ///
    /// # Errors
    ///
    /// `Unsupported` for another type of socket, or the operating system's, with the descriptor.
    pub fn adopt(&mut self, socket: impl Into<OwnedFd>) -> Result<Adopted, Refused> {
        let now = self.clock.now();
        let source = match ForeignSocket::recognize(socket.into()) {
            Ok(ForeignSocket::Stream(socket)) => Source::Stream(Connection::new(socket, ADOPTED, now)),
            Ok(ForeignSocket::Listener { socket, is_dual }) => {
                let mut listener = Listener::new(socket, is_dual, None);
                listener.has_early_clients = true;
                Source::Listener(listener)
            }
            Ok(ForeignSocket::Datagrams { socket, is_dual }) => {
                Source::Datagrams(Datagrams::new(socket, is_dual, None))
            }
            Err((fd, error)) => return Err(Refused { fd, error }),
        };
        let key = self.try_insert_source(source)?;
        Ok(match self.sources.get(key) {
            Some(Source::Listener(_)) => Adopted::Listener(ListenerId(key)),
            Some(Source::Datagrams(_)) => Adopted::Datagrams(DatagramId(key)),
            _ => {
                self.take_in_stream(now);
                self.enqueue_source(key);
                Adopted::Conn(ConnId(key))
            }
        })
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

    /// The address that a socket is bound to, with its real port. Of a listener that was opened as `tls://` it says so.
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
        let address = socket::local_address(fd, is_datagram, is_dual)?;
        Ok(match (self.sources.get(id.key()), address) {
            (Some(Source::Listener(listener)), Address::Tcp(host, port)) if listener.is_tls => {
                Address::Tls(host, port)
            }
            (_, address) => address,
        })
    }

    /// The options of a connection, a listener or a datagram socket.
    ///
    /// # Errors
    ///
    /// `NotConnected` when it is gone.
    pub fn controls(&self, id: impl Into<SourceId>) -> io::Result<Controls<'_>> {
        self.descriptor(id).map(Controls).ok_or(io::ErrorKind::NotConnected.into())
    }

    /// Has `ready` called while a descriptor is readable, for as long as it is (level-triggered). The descriptor is
    /// left as it is, blocking or not. To keep one of your own, pass a clone (`try_clone`).
    ///
    /// # Errors
    ///
    /// The operating system's, with the descriptor: `PermissionDenied` where epoll has nothing to tell, as for a regular
    /// file.
    pub fn watch(&mut self, fd: impl Into<OwnedFd>) -> Result<FdId, Refused> {
        self.watch_for(fd, Interest::READABLE)
    }

    /// [`watch`](Net::watch), while a descriptor is readable, writable, or one of both. One that is writable most of the
    /// time is told of in each turn; [`rewatch`](Net::rewatch) stops that.
    ///
    /// # Errors
    ///
    /// As [`watch`](Net::watch).
    pub fn watch_for(&mut self, fd: impl Into<OwnedFd>, interest: Interest) -> Result<FdId, Refused> {
        let watched = Box::new(Watched { fd: ForeignFd(fd.into()), interest });
        Ok(FdId(self.try_insert_source(Source::Watched(watched))?))
    }

    /// Changes what a descriptor is watched for.
    ///
    /// # Errors
    ///
    /// `NotConnected` when it is not watched any more; otherwise the operating system's.
    pub fn rewatch(&mut self, fd: FdId, interest: Interest) -> io::Result<()> {
        let Some(Source::Watched(watched)) = self.sources.get_mut(fd.0) else {
            self.stats.dead_ids += 1;
            return Err(io::ErrorKind::NotConnected.into());
        };
        watched.interest = interest;
        self.stats.registrations += 1;
        self.poller.reregister(&mut watched.fd, fd.0.0, interest)
    }

    /// The watched descriptor, to read from.
    pub fn watched(&self, fd: FdId) -> Option<BorrowedFd<'_>> {
        match self.sources.get(fd.0) {
            Some(Source::Watched(watched)) => Some(watched.fd.0.as_fd()),
            _ => None,
        }
    }

    /// Stops watching and gives the descriptor back.
    pub fn unwatch(&mut self, fd: FdId) -> Option<OwnedFd> {
        let Some(Source::Watched(_)) = self.sources.get(fd.0) else { return None };
        let Some(Source::Watched(mut watched)) = self.sources.remove(fd.0) else { return None };
        self.poller.deregister(&mut watched.fd);
        Some(watched.fd.0)
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
    address.host() == Some(&Host::Any)
}
