//! One stream: what is kept of it, and how it is taken in.
//!
//! `state` decides what an event means for its life, without a socket; `flags` are what else is so of it. The others act, as
//! parts of `Net`: `receive` reads and calls the handler, `send` takes what the handler sends, `flush` and the `outbox` bring it
//! on its way, `deadlines` say when time is up, and `close` performs what `state` has decided.

pub(crate) mod close;
pub(crate) mod deadlines;
pub(crate) mod flags;
pub(crate) mod flush;
pub(crate) mod layer;
pub(crate) mod layered;
pub(crate) mod outbox;
pub(crate) mod receive;
pub(crate) mod send;
pub(crate) mod state;
#[cfg(feature = "tls")]
pub(crate) mod tls;

use crate::reactor::events::{Origin, Readiness};
use crate::reactor::handler::Handler;
use crate::reactor::ids::{ConnId, ListenerId};
use crate::reactor::net::{Net, Source};
use crate::reactor::slots::Key;
use crate::reactor::socket::StreamSocket;
use crate::reactor::stream::flags::{NO_SCRATCH, PAUSED, QUEUED, READ_UNTIL_BLOCKED, READABLE, WRITABLE};
use crate::reactor::stream::layered::Layered;
use crate::reactor::stream::outbox::Outbox;
use crate::reactor::stream::state::State;
use crate::reactor::timers::{Tick, ticks};
use std::io;

/// What is kept of one stream. An idle one is this and nothing else (I11).
pub(crate) struct Connection {
    pub(crate) socket: StreamSocket,
    pub(crate) outbox: Option<Box<Outbox>>,
    /// What stands between its wire and the handler.
    pub(crate) layered: Option<Box<Layered>>,
    /// Write stall or linger; looked at when due, so that traffic costs nothing.
    pub(crate) timer: Key,
    /// The listener, or one of the two keys below.
    pub(crate) origin: Key,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) born: Tick,
    /// When a byte last moved in either direction.
    pub(crate) active: Tick,
    pub(crate) read_limit: u32,
    pub(crate) state: State,
}

/// Keys of no source, for streams that no listener has accepted.
pub(crate) const ADOPTED: Key = Key(0);
pub(crate) const CONNECTED: Key = Key(1);

impl Connection {
    pub(crate) fn new(socket: StreamSocket, origin: Key, now: Tick) -> Connection {
        let flags = match &socket {
            StreamSocket::Tcp(_) => WRITABLE,
            StreamSocket::Unix(_) => WRITABLE | READ_UNTIL_BLOCKED,
            StreamSocket::Packets(_) => WRITABLE | READ_UNTIL_BLOCKED | NO_SCRATCH,
        };
        Connection {
            socket,
            outbox: None,
            layered: None,
            timer: Key::NONE,
            origin,
            bytes_in: 0,
            bytes_out: 0,
            born: now,
            active: now,
            read_limit: u32::MAX,
            state: State::new(flags),
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        let plain = self.layered.as_ref().map_or(0, |layered| layered.waiting());
        self.outbox.as_ref().map_or(0, |outbox| outbox.len()) + plain
    }

    /// What of it only the peer keeps from leaving: the marks go by that.
    pub(crate) fn on_its_way(&self) -> usize {
        let plain = self.layered.as_ref().map_or(0, |layered| layered.on_its_way());
        self.outbox.as_ref().map_or(0, |outbox| outbox.len()) + plain
    }

    pub(crate) fn is_in_handshake(&self) -> bool {
        matches!(&self.layered, Some(layered) if layered.is_in_handshake())
    }

    /// Whether the peer has said through the layer that it sends nothing more. Its FIN is another thing.
    pub(crate) fn has_peer_announced_its_end(&self) -> bool {
        matches!(&self.layered, Some(layered) if layered.has_peer_ended())
    }

    /// Whether its socket keeps what is sent at once apart.
    pub(crate) fn keeps_records(&self) -> bool {
        matches!(self.socket, StreamSocket::Packets(_))
    }

    pub(crate) fn origin(&self) -> Origin {
        match self.origin {
            ADOPTED => Origin::Adopted,
            CONNECTED => Origin::Connected,
            listener => Origin::Listener(ListenerId(listener)),
        }
    }

    /// Takes down what an event has announced.
    #[inline]
    pub(crate) fn note(&mut self, readiness: Readiness) {
        if readiness.has(Readiness::WRITABLE | Readiness::ERROR) {
            self.state.flags.set(WRITABLE);
        }
        if readiness.has(Readiness::READABLE | Readiness::READ_CLOSED | Readiness::ERROR) {
            self.state.flags.set(READABLE);
        }
        if readiness.has(Readiness::READ_CLOSED | Readiness::ERROR | Readiness::PRIORITY) {
            self.state.flags.set(READ_UNTIL_BLOCKED);
        }
    }

    /// As nearly all do when an event comes.
    #[inline]
    fn wants_no_more_than_reading(&self) -> bool {
        self.outbox.is_none() && self.state.wants_no_more_than_reading()
    }

    /// Whether its peer may be blamed for it. Input may wait for us to read, or the handler to resume; and output may wait
    /// for ever.
    pub(crate) fn is_silence_its_own(&self) -> bool {
        let state = &self.state;
        self.outbox.is_none() && state.is_open() && !state.flags.has(PAUSED | QUEUED) && !state.may_read()
    }

    /// Its own, which is given, where its output may go to the scratch.
    fn key_for_scratch(&self, key: Key) -> Key {
        if self.may_use_scratch() { key } else { Key::NONE }
    }

    /// The scratch serves only a stream without an outbox, or replies would overtake.
    #[inline]
    pub(crate) fn may_use_scratch(&self) -> bool {
        self.outbox.is_none() && self.state.may_use_scratch()
    }
}

/// How it is taken in.
impl Net {
    /// Takes a new stream in. It fails, and the stream is closed, when the poller does not take it.
    pub(crate) fn insert_stream(&mut self, socket: StreamSocket, origin: Key) -> io::Result<Key> {
        let now = self.clock.now();
        let key = self.insert_source(Source::Stream(Connection::new(socket, origin, now)))?;
        self.take_in_stream(now);
        Ok(key)
    }

    /// Counts a stream, and starts its idle clock.
    pub(crate) fn take_in_stream(&mut self, now: Tick) {
        self.stats.connections += 1;
        self.stats.connections_peak = self.stats.connections_peak.max(self.stats.connections);
        self.look_for_silent_streams_at(now + ticks(self.limits.idle) / 4);
    }

    /// Tells `opened`; once.
    pub(crate) fn open_stream<H: Handler + ?Sized>(&mut self, handler: &mut H, key: Key) {
        let Some(conn) = self.stream_mut(key) else { return };
        if conn.is_in_handshake() || !conn.state.opened() {
            return;
        }
        let origin = conn.origin();
        self.stats.opened += 1;
        self.call_for_stream(key, |net| handler.opened(net, ConnId(key), origin));
        if self.is_draining() {
            self.ask_stream_to_end_soon(key);
        }
    }
}
