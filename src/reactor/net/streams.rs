//! What users ask of streams: to be connected, sent to, paused, closed.

use crate::reactor::address::parse::IntoAddress;
use crate::reactor::address::{Address, PeerAddr};
use crate::reactor::events::{CloseReason, Origin};
use crate::reactor::ids::ConnId;
use crate::reactor::net::{Net, Source, tls};
use crate::reactor::socket;
use crate::reactor::stream::Connection;
use crate::reactor::stream::layer::Layer;
use std::any::Any;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

/// What [`Net::info`] knows of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ConnInfo {
    /// Bytes read from it so far.
    pub bytes_in: u64,
    /// Bytes that the kernel took for it so far.
    pub bytes_out: u64,
    /// Bytes that wait to be taken.
    pub waiting: usize,
    /// How long ago it was opened, as of this turn.
    pub age: Duration,
}

/// What became of bytes that were given to [`Net::send`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Sent {
    /// All of it was taken, and so many bytes wait for the peer. Zero: the peer keeps up, as far as is known; what was
    /// sent leaves when the callback or the turn ends. More: it is behind, or this turn has sent it more than
    /// [`Limits::outbox_low`](crate::Limits::outbox_low), and [`output_low`](crate::Handler::output_low) will tell when
    /// that is over.
    Queued(usize),
    /// Nothing was kept: the connection takes no more, after `close`, `abort` or `shutdown_write`, or because more than
    /// [`Limits::outbox_cap`](crate::Limits::outbox_cap) waits for a peer that does not take it.
    Closing,
    /// Nothing was kept: there is no such connection any more.
    Gone,
}

impl Sent {
    /// How many bytes wait for the peer; zero as well where nothing was kept.
    #[inline]
    pub fn waiting(self) -> usize {
        match self {
            Sent::Queued(waiting) => waiting,
            Sent::Closing | Sent::Gone => 0,
        }
    }

    /// Whether the bytes were taken and less than `mark` waits: a handler that produces by itself goes on.
    #[inline]
    pub fn is_below(self, mark: usize) -> bool {
        matches!(self, Sent::Queued(waiting) if waiting < mark)
    }

    /// Whether the bytes were taken.
    #[inline]
    pub fn is_queued(self) -> bool {
        matches!(self, Sent::Queued(_))
    }
}

impl Net {
    /// Connects to `tcp://`, `unix:` or `unixpacket:`, as text or as an [`Address`]; to `tls://` by `connect_tls` of feature
    /// `tls`, which says whom to trust. The id is the connection's from now on; what
    /// became of it is told in a later turn, once: [`opened`](crate::Handler::opened), or
    /// [`connect_failed`](crate::Handler::connect_failed). What is sent before that is sent when it is opened, and what
    /// [`shutdown_write`](Net::shutdown_write), [`pause_reading`](Net::pause_reading) and [`limit_reads`](Net::limit_reads) ask
    /// for is done then.
    ///
    /// A host that is a name is looked up on a thread kept for that, never on the loop, and so many names at a time as
    /// [`Limits::resolvers`](crate::Limits::resolvers) says; its addresses are tried in turn, the families alternating and
    /// the next one starting after 250 ms, as in RFC 8305. The whole may take
    /// [`Limits::connect`](crate::Limits::connect). [`close`](Net::close) and [`abort`](Net::abort) give it up.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for what cannot be connected to, `Unsupported` for `tls://` without the feature. Everything else is told
    /// to `connect_failed`.
    pub fn connect(&mut self, address: impl IntoAddress) -> io::Result<ConnId> {
        let address = address.into_stream_address()?;
        tls::refuse_bare(&address, "say whom to trust with connect_tls")?;
        self.dial(address, None)
    }

    /// [`connect`](Net::connect) from one of this machine's own addresses. Its port stays the system's choice, and is
    /// shared with connections to other targets: each pair of addresses has all ports to itself.
    ///
    /// # Errors
    ///
    /// As [`connect`](Net::connect), and `InvalidInput` for a Unix socket, which has no such address.
    pub fn connect_from(&mut self, source: IpAddr, address: impl IntoAddress) -> io::Result<ConnId> {
        let address = address.into_stream_address()?;
        if let Address::Unix(_) | Address::Unixpacket(_) = address {
            return Err(socket::without_source(&address));
        }
        tls::refuse_bare(&address, "connect_from its tcp:// address, and put_layer")?;
        self.dial(address, Some(source))
    }

    /// Puts a layer between a connection and the handler, TLS for one; to be called before the connection is `opened`, as after
    /// [`connect`](Net::connect) or [`adopt`](Net::adopt). `opened` is told once the layer is open, within
    /// [`Limits::handshake`](crate::Limits::handshake). Of a connection of our own
    /// [`connect_failed`](crate::Handler::connect_failed) tells as well where the layer came to nothing.
    ///
    /// Returns whether it was put there: the connection is alive, not opened, has no layer yet, has written nothing, and keeps
    /// no records apart. What was sent before goes through the layer as well.
    ///
    /// ```no_run
    /// # #[cfg(feature = "tls")] {
    /// # use hullo::{ConnId, Net, Roots, TlsClient};
    /// fn fetch(net: &mut Net, tls: &TlsClient) -> Result<ConnId, Box<dyn std::error::Error>> {
    ///     let conn = net.connect("tcp://localhost:443")?;
    ///     net.put_layer(conn, Box::new(tls.session("localhost")?));
    ///     net.send(conn, b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"); // leaves when the handshake is over
    ///     Ok(conn)
    /// }
    /// # }
    /// ```
    pub fn put_layer(&mut self, conn: ConnId, layer: Box<dyn Layer>) -> bool {
        if let Some(dial) = self.live_dial(conn.0) {
            let takes = dial.layer.is_none() && !dial.keeps_records();
            if takes {
                dial.layer = Some(layer);
            }
            return takes;
        }
        let Some(stream) = self.live_stream(conn.0) else { return false };
        let is_free = !stream.state.is_opened() && stream.state.is_open() && stream.layered.is_none();
        if !is_free || stream.bytes_out > 0 || stream.keeps_records() {
            return false;
        }
        self.put_layer_under(conn.0, layer, None);
        true
    }

    /// The layer under a connection, if there is one and it is an `L`.
    pub fn layer<L: Layer>(&self, conn: ConnId) -> Option<&L> {
        let layer = self.stream(conn.0)?.layered.as_ref()?.layer();
        (layer as &dyn Any).downcast_ref()
    }

    /// Sends bytes, or a text. They are written when the callback that is being served ends, or in this turn's flush; what the
    /// peer does not take waits. To a connection that is not `opened` yet they are sent when it is.
    ///
    /// A send is taken whole, however large, where no more than [`Limits::outbox_cap`](crate::Limits::outbox_cap) waits
    /// before it. Where more waits, it is offered to the system at once; if that takes too little, this send keeps nothing,
    /// returns [`Sent::Closing`], and the connection ends with [`OverCap`](CloseReason::OverCap). So a peer costs at the
    /// most the cap and one send, whatever it asks for in one go. A handler with answers much larger than the questions
    /// stops at a mark of its own, and goes on in [`output_low`](crate::Handler::output_low): that follows, once, whenever
    /// more than zero was said to wait.
    ///
    /// ```
    /// # use hullo::{ConnId, ConnMap, Handler, Net, Origin};
    /// /// Answers each byte with a large page.
    /// struct Pages {
    ///     page: Vec<u8>,
    ///     owed: ConnMap<usize>,
    /// }
    ///
    /// impl Pages {
    ///     fn answer(&mut self, net: &mut Net, conn: ConnId) {
    ///         let Some(owed) = self.owed.get_mut(conn) else { return };
    ///         while *owed > 0 {
    ///             *owed -= 1;
    ///             if !net.send(conn, &self.page).is_below(64 * 1024) {
    ///                 return; // the rest in `output_low`
    ///             }
    ///         }
    ///     }
    /// }
    ///
    /// impl Handler for Pages {
    ///     fn opened(&mut self, _net: &mut Net, conn: ConnId, _origin: Origin) {
    ///         self.owed.insert(conn, 0);
    ///     }
    ///
    ///     fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
    ///         let Some(owed) = self.owed.get_mut(conn) else { return };
    ///         *owed += bytes.len();
    ///         self.answer(net, conn);
    ///     }
    ///
    ///     fn output_low(&mut self, net: &mut Net, conn: ConnId) {
    ///         self.answer(net, conn);
    ///     }
    /// }
    /// ```
    #[inline]
    pub fn send(&mut self, conn: ConnId, bytes: impl AsRef<[u8]>) -> Sent {
        let bytes = bytes.as_ref();
        if self.serving != conn.0 || self.scratch.len() + bytes.len() > self.limits.outbox_low {
            return self.send_with_care(conn.0, bytes);
        }
        self.scratch.extend_from_slice(bytes);
        Sent::Queued(0)
    }

    /// [`send`](Net::send) of what `write` appends to the buffer it is lent. What is in the buffer before is earlier
    /// output and must stay as it is. Where it panics, what it has appended by then may be sent or not.
    // Each caller has a closure of its own, which is to be written into the reactor's loop with the handler.
    #[inline(always)]
    pub fn send_with(&mut self, conn: ConnId, write: impl FnOnce(&mut Vec<u8>)) -> Sent {
        if self.serving != conn.0 {
            let mut bytes = Vec::new();
            write(&mut bytes);
            return self.send_with_care(conn.0, &bytes);
        }
        write(&mut self.scratch);
        if self.scratch.len() > self.limits.outbox_low {
            return self.send_with_care(conn.0, &[]);
        }
        Sent::Queued(0)
    }

    /// Bytes that wait for this peer, those included that the system was not offered yet. For a mark of your own go by
    /// what [`send`](Net::send) returns: only that promises an [`output_low`](crate::Handler::output_low).
    pub fn waiting(&self, conn: ConnId) -> usize {
        let scratch = if self.serving == conn.0 { self.scratch.len() } else { 0 };
        match self.sources.get(conn.0) {
            Some(Source::Stream(stream)) => stream.waiting() + scratch,
            Some(Source::Dial(dial)) => dial.waiting(),
            _ => 0,
        }
    }

    /// Closes in order: flushes what was sent, ends our side, discards input until the peer has ended its own
    /// ([`Limits::linger`](crate::Limits::linger) at the most), and closes; at once where nothing is unread and nothing
    /// unsent. The handler hears no more of the connection but `closed`. Returns whether there was an open connection.
    pub fn close(&mut self, conn: ConnId) -> bool {
        self.give_up_dial(conn.0) || self.begin_stream_close(conn.0, CloseReason::ByUs)
    }

    /// Closes with a reset: what was not yet taken by the peer is lost. Returns whether there was a connection.
    pub fn abort(&mut self, conn: ConnId) -> bool {
        if self.give_up_dial(conn.0) {
            return true;
        }
        let is_live = self.live_stream(conn.0).is_some();
        self.abort_stream(conn.0, CloseReason::ByUs, None);
        is_live
    }

    /// Ends our side after what was sent is flushed; input is still read. Once the peer has ended its side as well, the
    /// connection is closed. Returns whether our side was open.
    pub fn shutdown_write(&mut self, conn: ConnId) -> bool {
        self.begin_stream_half_close(conn.0)
    }

    /// Stops reading from a connection; what arrives waits in the kernel, and in the end at the peer. Takes effect
    /// with the next read. A reset is heard of all the same, and ends the connection with what was not read. The reactor's
    /// own pause, at the high mark, is another one: reading needs both to be over.
    pub fn pause_reading(&mut self, conn: ConnId) -> bool {
        self.pause_stream(conn.0, true)
    }

    /// Reads again after [`pause_reading`](Net::pause_reading), from the next turn on.
    pub fn resume_reading(&mut self, conn: ConnId) -> bool {
        self.pause_stream(conn.0, false)
    }

    /// Reads at most `bytes` at a time from this connection (at least one; at most
    /// [`Limits::read_budget`](crate::Limits::read_budget) in any case).
    pub fn limit_reads(&mut self, conn: ConnId, bytes: usize) -> bool {
        self.limit_stream_reads(conn.0, bytes)
    }

    /// What is known of a connection; `None` when it is gone.
    pub fn info(&self, conn: ConnId) -> Option<ConnInfo> {
        let stream = self.stream(conn.0)?;
        Some(ConnInfo {
            bytes_in: stream.bytes_in,
            bytes_out: stream.bytes_out,
            waiting: self.waiting(conn),
            age: Duration::from_nanos(self.now.saturating_sub(stream.born)),
        })
    }

    /// Where a connection came from; `None` when it is gone.
    pub fn origin(&self, conn: ConnId) -> Option<Origin> {
        self.stream(conn.0).map(Connection::origin)
    }

    /// The address of the peer.
    ///
    /// # Errors
    ///
    /// `NotConnected` when the connection is gone or was reset.
    pub fn peer_addr(&self, conn: ConnId) -> io::Result<PeerAddr> {
        self.stream(conn.0).ok_or(io::ErrorKind::NotConnected)?.socket.peer()
    }

    /// Every stream that is alive, closing ones included, in no stated order.
    pub fn connections(&self) -> impl Iterator<Item = ConnId> {
        self.sources
            .iter()
            .filter(|(_, source)| matches!(source, Source::Stream(_)))
            .map(|(key, _)| ConnId(key))
    }
}
