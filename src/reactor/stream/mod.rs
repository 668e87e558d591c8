//! One stream: its state, its events, and reading.

pub(crate) mod close;
pub(crate) mod flags;
pub(crate) mod flush;
pub(crate) mod outbox;
pub(crate) mod send;

use crate::reactor::events::{CloseReason, Origin, Readiness};
use crate::reactor::handler::Handler;
use crate::reactor::ids::{ConnId, ListenerId};
use crate::reactor::net::{Net, Source};
use crate::reactor::slots::Key;
use crate::reactor::socket::StreamSocket;
use crate::reactor::stream::flags::{
    EOF, FIN_WANTED, FULL, Flags, PACKETS, PAUSED, QUEUED, READABLE, TALKS_ON, THOROUGH, TOLD, WRITABLE,
};
use crate::reactor::stream::outbox::Outbox;
use crate::reactor::timers::{Tick, ticks};
use crate::reactor::{EDGE_TRIGGERED, guarded};
use std::io;

/// The state of one stream. An idle one is this and nothing else (I11).
pub(crate) struct Connection {
    pub(crate) socket: StreamSocket,
    pub(crate) outbox: Option<Box<Outbox>>,
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
    pub(crate) phase: Phase,
    /// Why it is closing; meaningful from `Phase::Closing` on.
    pub(crate) reason: CloseReason,
    pub(crate) flags: Flags,
}

/// **I13** No close throws away what the peer has not read: a stream goes from `Open` through `Closing` (output is
/// flushed while input is discarded) and `Lingering` (our FIN is out, input is discarded until the peer's or for
/// [`Limits::linger`](crate::Limits::linger)) to `Dead`. It skips what is not needed. Guard:
/// `all_output_arrives_although_input_is_unread` in `tests/closing.rs`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Open,
    Closing,
    Lingering,
    Dead,
}

/// What a short read counts for in the read budget at the least, where another one follows: each costs a call.
const SHORT_READ_COST: usize = 256;

/// The most that one read takes from a stream.
pub(crate) const READ: usize = 64 * 1024;
/// The longest record there is room for.
pub(crate) const RECORD: usize = 1024 * 1024;

/// Keys of no source, for streams that no listener has accepted.
pub(crate) const ADOPTED: Key = Key(0);
pub(crate) const CONNECTED: Key = Key(1);

impl Connection {
    pub(crate) fn new(socket: StreamSocket, origin: Key, now: Tick) -> Connection {
        let flags = match &socket {
            StreamSocket::Tcp(_) => WRITABLE,
            StreamSocket::Unix(_) => WRITABLE | THOROUGH,
            StreamSocket::Packets(_) => WRITABLE | THOROUGH | PACKETS,
        };
        Connection {
            socket,
            outbox: None,
            timer: Key::NONE,
            origin,
            bytes_in: 0,
            bytes_out: 0,
            born: now,
            active: now,
            read_limit: u32::MAX,
            phase: Phase::Open,
            reason: CloseReason::ByUs,
            flags,
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.outbox.as_ref().map_or(0, |outbox| outbox.len())
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
            self.flags.set(WRITABLE);
        }
        if readiness.has(Readiness::READABLE | Readiness::READ_CLOSED | Readiness::ERROR) {
            self.flags.set(READABLE);
        }
        if readiness.has(Readiness::READ_CLOSED | Readiness::ERROR | Readiness::PRIORITY) {
            self.flags.set(THOROUGH);
        }
    }

    /// A connection on its way out reads whatever is paused, since it only discards.
    #[inline]
    pub(crate) fn may_read(&self) -> bool {
        if self.phase == Phase::Open {
            self.flags.are(READABLE, READABLE | EOF | PAUSED | FULL)
        } else {
            self.phase != Phase::Dead && self.flags.are(READABLE, READABLE | EOF)
        }
    }

    /// As nearly all do when an event comes: it is open, may be sent to by way of the scratch, and has input.
    #[inline]
    pub(crate) fn wants_no_more_than_reading(&self) -> bool {
        self.outbox.is_none()
            && self.phase == Phase::Open
            && self.flags.are(READABLE, READABLE | EOF | PAUSED | FULL | QUEUED | FIN_WANTED | PACKETS)
    }

    #[inline]
    pub(crate) fn may_send(&self) -> bool {
        self.phase == Phase::Open && !self.flags.has(FIN_WANTED)
    }

    /// Whether its peer may be blamed for it. Input may wait for us to read, or the handler to resume; and output may wait
    /// for ever.
    pub(crate) fn is_silence_its_own(&self) -> bool {
        self.phase == Phase::Open
            && self.outbox.is_none()
            && !self.flags.has(PAUSED | QUEUED)
            && !self.may_read()
    }

    /// Its own, which is given, where its output may go to the scratch.
    fn key_for_scratch(&self, key: Key) -> Key {
        if self.may_use_scratch() { key } else { Key::NONE }
    }

    /// The scratch serves only a stream without an outbox, or replies would overtake; and it knows of no records.
    #[inline]
    pub(crate) fn may_use_scratch(&self) -> bool {
        self.outbox.is_none() && self.phase == Phase::Open && !self.flags.has(FIN_WANTED | PACKETS)
    }
}

/// Serving: events, reading, and the callbacks in between.
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
        let Some(conn) =
            self.stream_mut(key).filter(|conn| !conn.flags.has(TOLD) && conn.phase == Phase::Open)
        else {
            return;
        };
        conn.flags.set(TOLD);
        let origin = conn.origin();
        self.stats.opened += 1;
        self.call_for_stream(key, |net| handler.opened(net, ConnId(key), origin));
        if self.is_draining() {
            self.ask_stream_to_end_soon(key);
        }
    }

    pub(crate) fn ask_stream_to_end<H: Handler + ?Sized>(&mut self, handler: &mut H, key: Key) {
        if self.stream_mut(key).is_some_and(|conn| conn.flags.has(TOLD) && conn.phase == Phase::Open) {
            self.call_for_stream(key, |net| handler.draining(net, ConnId(key)));
        }
    }

    /// What an event asks for besides reading, or before it. Whether there is something to read.
    #[cold]
    #[inline(never)]
    pub(crate) fn stream_event<H: Handler + ?Sized>(
        &mut self,
        handler: &mut H,
        key: Key,
        readiness: Readiness,
    ) -> bool {
        let Some(conn) = self.stream_mut(key) else { return false };
        if readiness.has(Readiness::AGAIN) {
            conn.flags.clear(QUEUED);
            self.open_stream(handler, key);
        }
        // A stream that is not being read learns of a reset only here.
        else if readiness.has(Readiness::ERROR)
            && !conn.may_read()
            && let Some(error) = conn.socket.take_error()
        {
            self.fail_stream(key, error);
        }
        // Write first: a peer that takes its output may be read again, and answers to come need no outbox.
        else if conn.outbox.is_some() {
            self.flush_stream_and_tell(handler, key);
        }
        self.stream(key).is_some_and(|conn| !conn.flags.has(QUEUED) && conn.may_read())
    }

    /// Reads what has arrived, within the budget, and gives it to the handler. Whether there is such a stream.
    ///
    /// **I3** Whoever stops before the edge is consumed puts itself on the ready list. On epoll a read from TCP that is
    /// shorter than the buffer has consumed it, unless the event carried more than readiness: an urgent byte, for one,
    /// splits a read in two. A Unix stream is read until it would block, since a read stops short for more reasons there:
    /// at descriptors, at an urgent byte, between the credentials of two senders (unix(7)). Guards:
    /// `a_burst_arrives_whole_and_in_order_whatever_the_budget` in `tests/streams.rs`,
    /// `an_urgent_byte_in_the_middle_of_much_input_hides_none_of_it` in `tests/serve/rubbish.rs` and
    /// `what_stands_behind_a_short_read_is_read_as_well` in `tests/unix_peers.rs`.
    #[inline(always)]
    pub(crate) fn serve_stream<H: Handler + ?Sized>(
        &mut self,
        handler: &mut H,
        key: Key,
        readiness: Readiness,
        buffer: &mut [u8],
    ) -> bool {
        let Some(Source::Stream(conn)) = self.sources.get_mut(key) else { return false };
        conn.note(readiness);
        let mut conn = if conn.wants_no_more_than_reading() {
            self.serving = key;
            conn
        } else if self.stream_event(handler, key, readiness)
            && let Some(Source::Stream(conn)) = self.sources.get_mut(key)
        {
            self.serving = conn.key_for_scratch(key);
            conn
        } else {
            return true;
        };
        let mut budget = self.limits.read_budget;
        let mut most = self.read_most;
        loop {
            let is_packets = conn.flags.has(PACKETS);
            let want = if is_packets {
                self.limits.read_budget.min(RECORD) // a record that is read in part is lost in part
            } else {
                most.min(conn.read_limit as usize)
            };
            self.stats.reads += 1;
            let n = match conn.socket.read(&mut buffer[..want]) {
                Ok(n) if n > 0 => n,
                nothing => {
                    self.stream_read_nothing(handler, key, nothing.err());
                    break;
                }
            };
            conn.bytes_in += n as u64;
            conn.active = self.now;
            self.stats.bytes_in += n as u64;
            let is_consumed = n < want && EDGE_TRIGGERED && !conn.flags.has(THOROUGH);
            if is_consumed {
                conn.flags.clear(READABLE);
            }
            if conn.phase != Phase::Open {
                conn.flags.set(TALKS_ON);
            } else if !guarded(self, |net| handler.data(net, ConnId(key), &buffer[..n])) {
                self.kill_stream(key, CloseReason::HandlerPanicked, true);
            }
            if is_consumed {
                break;
            }
            budget = budget.saturating_sub(if n < want { n.max(SHORT_READ_COST) } else { n });
            if budget == 0 {
                self.enqueue_source(key);
                break;
            }
            most = most.min(budget);
            conn = match self.sources.get_mut(key) {
                Some(Source::Stream(conn)) if conn.may_read() => conn,
                _ => break,
            };
            self.serving = conn.key_for_scratch(key);
        }
        self.end_stream_service(key);
        true
    }

    /// A read found nothing for now, an error, or (`None`) the peer's end of file.
    #[cold]
    #[inline(never)]
    fn stream_read_nothing<H: Handler + ?Sized>(
        &mut self,
        handler: &mut H,
        key: Key,
        error: Option<io::Error>,
    ) {
        let Some(conn) = self.stream_mut(key) else { return };
        let broken = conn.outbox.as_mut().and_then(|outbox| outbox.broken.take());
        match error.or(broken) {
            None => {
                conn.flags.set(EOF);
                self.stream_peer_ended(handler, key);
            }
            Some(error) if error.kind() == io::ErrorKind::WouldBlock => {
                conn.flags.clear(READABLE);
                conn.flags.put(THOROUGH, !conn.socket.is_tcp());
            }
            Some(error) => self.fail_stream(key, error),
        }
    }

    fn stream_peer_ended<H: Handler + ?Sized>(&mut self, handler: &mut H, key: Key) {
        let Some(conn) = self.stream_mut(key) else { return };
        match conn.phase {
            Phase::Open => {
                guarded(self, |net| handler.peer_eof(net, ConnId(key)));
                self.end_stream_if_both_have(key);
            }
            Phase::Closing => self.mark_stream_dirty(key),
            Phase::Lingering => {
                let reason = conn.reason;
                self.kill_stream(key, reason, false);
            }
            Phase::Dead => {}
        }
    }

    /// Runs a callback about one stream with the shared scratch buffer open for its output, and writes the scratch
    /// when it is done.
    pub(crate) fn call_for_stream(&mut self, key: Key, callback: impl FnOnce(&mut Net)) {
        if self.stream(key).is_some_and(Connection::may_use_scratch) {
            self.serving = key;
        }
        guarded(self, callback);
        self.end_stream_service(key);
    }

    #[inline(always)]
    pub(crate) fn end_stream_service(&mut self, key: Key) {
        self.serving = Key::NONE;
        if !self.scratch.is_empty() {
            self.write_scratch(key);
        }
    }
}
