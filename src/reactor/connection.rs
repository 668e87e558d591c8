//! One stream: fill, flush, half-close, close.

use super::handler::{CloseReason, Closed, Handler, Origin, Readiness};
use super::ids::{ConnId, ListenerId};
use super::net::{Net, Source};
use super::outbox::{Flushed, Outbox};
use super::slots::Key;
use super::socket::StreamSocket;
use super::timers::{Purpose, Tick, ticks};
use super::{EDGE_TRIGGERED, guarded};
use std::io;
use std::time::Duration;

/// How long a drain keeps a connection on which nothing is unread and nothing unsent: long enough for a request
/// that is on its way to be taken in, so that it is not answered with a reset.
const DRAIN_GRACE: Duration = Duration::from_millis(100);

/// The state of one stream. An idle one is this and nothing else (I11).
pub(crate) struct Connection {
    pub(crate) socket: StreamSocket,
    outbox: Option<Box<Outbox>>,
    /// Idle, write stall or linger, whichever comes first; looked at when due, so that traffic costs nothing.
    timer: Key,
    /// The listener; `Key::NONE` for an adopted stream.
    origin: Key,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    /// When a byte last moved in either direction.
    active: Tick,
    read_limit: u32,
    phase: Phase,
    /// Why it is closing; meaningful from `Phase::Closing` on.
    reason: CloseReason,
    /// An edge has announced input that was not yet read to its end.
    readable: bool,
    /// That edge also carried read-closed, error or priority: a short read does not end it.
    thorough: bool,
    /// The kernel takes output, as far as we know.
    writable: bool,
    /// Registered for writing; only ever set on a Unix stream.
    awaits_writable: bool,
    /// On the ready list.
    pub(crate) queued: bool,
    /// On the flush list.
    dirty: bool,
    /// Reading is paused by the handler.
    paused: bool,
    /// Reading is paused by the reactor: output above the high mark.
    full: bool,
    /// Output is above the low mark: `drained` is owed.
    above_low: bool,
    /// The peer's FIN was read.
    eof: bool,
    /// Our FIN is to follow the last byte of output.
    fin_wanted: bool,
    fin_sent: bool,
    /// The handler was told `opened`.
    told: bool,
    /// The descriptor is closed with a reset.
    reset: bool,
}

/// **I13** No close throws away what the peer has not read: a stream goes from `Open` through `Closing` (output is
/// flushed while input is discarded) and `Lingering` (our FIN is out, input is discarded until the peer's or for
/// [`Limits::linger`](crate::Limits::linger)) to `Dead`. It skips what is not needed. Guard:
/// `all_output_arrives_although_input_is_unread` in `tests/closing.rs`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Open,
    Closing,
    Lingering,
    Dead,
}

impl Connection {
    fn new(socket: StreamSocket, origin: Key, now: Tick) -> Connection {
        Connection {
            socket,
            outbox: None,
            timer: Key::NONE,
            origin,
            bytes_in: 0,
            bytes_out: 0,
            active: now,
            read_limit: u32::MAX,
            phase: Phase::Open,
            reason: CloseReason::ByUs,
            readable: false,
            thorough: false,
            writable: true,
            awaits_writable: false,
            queued: false,
            dirty: false,
            paused: false,
            full: false,
            above_low: false,
            eof: false,
            fin_wanted: false,
            fin_sent: false,
            told: false,
            reset: false,
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.outbox.as_ref().map_or(0, |outbox| outbox.len())
    }

    pub(crate) fn origin(&self) -> Origin {
        if self.origin == Key::NONE { Origin::Adopted } else { Origin::Listener(ListenerId(self.origin)) }
    }

    /// A connection on its way out reads whatever is paused, since it only discards.
    #[inline]
    fn may_read(&self) -> bool {
        self.readable
            && !self.eof
            && match self.phase {
                Phase::Open => !self.paused && !self.full,
                Phase::Closing | Phase::Lingering => true,
                Phase::Dead => false,
            }
    }

    #[inline]
    fn may_send(&self) -> bool {
        self.phase == Phase::Open && !self.fin_wanted
    }

    /// The scratch serves only a stream without an outbox, or replies would overtake.
    #[inline]
    fn may_use_scratch(&self) -> bool {
        self.outbox.is_none() && self.may_send()
    }
}

/// Serving: events, reading, and the callbacks in between.
impl Net {
    /// Takes a new stream in. It fails, and the stream is closed, when the poller does not take it.
    pub(super) fn insert_stream(&mut self, socket: StreamSocket, origin: Key) -> io::Result<Key> {
        let conn = Connection::new(socket, origin, self.now);
        let key = self.insert(Source::Stream(conn))?;
        self.stats.connections += 1;
        self.stats.connections_peak = self.stats.connections_peak.max(self.stats.connections);
        if !self.limits.idle.is_zero() {
            self.set_stream_deadline(key, self.now + ticks(self.limits.idle));
        }
        Ok(key)
    }

    /// Tells `opened`; once.
    pub(super) fn open_stream<H: Handler + ?Sized>(&mut self, handler: &mut H, key: Key) {
        let Some(conn) = self.stream_mut(key).filter(|conn| !conn.told && conn.phase == Phase::Open) else {
            return;
        };
        conn.told = true;
        let origin = conn.origin();
        self.stats.opened += 1;
        self.serve(key, |net| handler.opened(net, ConnId(key), origin));
        if self.is_draining() {
            self.ask_to_end(handler, key);
        }
    }

    pub(super) fn ask_to_end<H: Handler + ?Sized>(&mut self, handler: &mut H, key: Key) {
        if self.stream_mut(key).is_some_and(|conn| conn.told && conn.phase == Phase::Open) {
            self.serve(key, |net| handler.draining(net, ConnId(key)));
        }
    }

    #[inline]
    pub(super) fn stream_event<H: Handler + ?Sized>(
        &mut self,
        handler: &mut H,
        key: Key,
        readiness: Readiness,
        buffer: &mut [u8],
    ) {
        let Some(conn) = self.stream_mut(key) else { return };
        if readiness.has(Readiness::WRITABLE | Readiness::ERROR) {
            conn.writable = true;
        }
        if readiness.has(Readiness::READABLE | Readiness::READ_CLOSED | Readiness::ERROR) {
            conn.readable = true;
        }
        if readiness.has(Readiness::READ_CLOSED | Readiness::ERROR | Readiness::PRIORITY) {
            conn.thorough = true;
        }
        if conn.outbox.is_some() || !conn.may_read() {
            self.event_out_of_the_ordinary(handler, key, readiness);
        }
        if self.stream_mut(key).is_some_and(|conn| !conn.queued && conn.may_read()) {
            self.fill(handler, key, buffer);
        }
    }

    #[cold]
    #[inline(never)]
    fn event_out_of_the_ordinary<H: Handler + ?Sized>(
        &mut self,
        handler: &mut H,
        key: Key,
        readiness: Readiness,
    ) {
        let Some(conn) = self.stream_mut(key) else { return };
        // A stream that is not being read learns of a reset only here.
        if readiness.has(Readiness::ERROR)
            && !conn.may_read()
            && let Some(error) = conn.socket.take_error()
        {
            return self.fail(key, &error);
        }
        // Write first: a peer that takes its output may be read again, and answers to come need no outbox.
        if conn.outbox.is_some() {
            self.flush_and_tell(handler, key);
        }
    }

    /// Reads what has arrived, within the budget, and gives it to the handler.
    ///
    /// **I3** Whoever stops before the edge is consumed puts itself on the ready list. On epoll a read shorter
    /// than the buffer has consumed it, unless the event carried more than readiness: an urgent byte, for one,
    /// splits a read in two. Guards:
    /// `a_burst_arrives_whole_and_in_order_whatever_the_budget` in `tests/streams.rs` and
    /// `an_urgent_byte_in_the_middle_of_much_input_hides_none_of_it` in `tests/serve_rubbish.rs`.
    pub(super) fn fill<H: Handler + ?Sized>(&mut self, handler: &mut H, key: Key, buffer: &mut [u8]) {
        let mut budget = self.limits.read_budget;
        while let Some(Source::Stream(conn)) = self.sources.get_mut(key)
            && conn.may_read()
        {
            self.serving = if conn.may_use_scratch() { key } else { Key::NONE };
            let want = buffer.len().min(budget).min(conn.read_limit as usize);
            self.stats.reads += 1;
            match conn.socket.read(&mut buffer[..want]) {
                Ok(0) => {
                    conn.eof = true;
                    self.peer_ended(handler, key);
                    break;
                }
                Ok(n) => {
                    let is_consumed = n < want && EDGE_TRIGGERED && !conn.thorough;
                    conn.readable = !is_consumed;
                    conn.bytes_in += n as u64;
                    conn.active = self.now;
                    self.stats.bytes_in += n as u64;
                    if conn.phase == Phase::Open
                        && !guarded(self, |net| handler.data(net, ConnId(key), &buffer[..n]))
                    {
                        self.kill(key, CloseReason::HandlerPanicked, true);
                    }
                    budget -= n;
                    if is_consumed {
                        break;
                    }
                    if budget == 0 {
                        self.enqueue(key);
                        break;
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    conn.readable = false;
                    conn.thorough = false;
                    break;
                }
                Err(e) => {
                    self.fail(key, &e);
                    break;
                }
            }
        }
        self.end_service(key);
    }

    fn peer_ended<H: Handler + ?Sized>(&mut self, handler: &mut H, key: Key) {
        let Some(conn) = self.stream_mut(key) else { return };
        match conn.phase {
            Phase::Open => {
                guarded(self, |net| handler.peer_eof(net, ConnId(key)));
            }
            Phase::Closing => self.mark_dirty(key),
            Phase::Lingering => {
                let reason = conn.reason;
                self.kill(key, reason, false);
            }
            Phase::Dead => {}
        }
    }

    /// Runs a callback about one stream with the shared scratch buffer open for its output, and writes the scratch
    /// when it is done.
    fn serve(&mut self, key: Key, callback: impl FnOnce(&mut Net)) {
        if self.stream(key).is_some_and(Connection::may_use_scratch) {
            self.serving = key;
        }
        guarded(self, callback);
        self.end_service(key);
    }

    #[inline]
    fn end_service(&mut self, key: Key) {
        self.serving = Key::NONE;
        if !self.scratch.is_empty() {
            self.write_scratch(key);
        }
    }
}

/// Output.
impl Net {
    /// Sends when the scratch is not open for `key`: to the outbox, which is flushed when the turn ends.
    #[cold]
    #[inline(never)]
    pub(super) fn send_later(&mut self, key: Key, bytes: &[u8]) -> usize {
        let (now, low, high) = (self.now, self.limits.outbox_low, self.limits.outbox_high);
        let Some(conn) = self.live_stream(key) else { return 0 };
        if !conn.may_send() || bytes.is_empty() {
            return conn.waiting();
        }
        let outbox = conn.outbox.get_or_insert_with(|| Outbox::new(now));
        outbox.push(bytes);
        let waiting = outbox.len();
        conn.full |= waiting > high;
        conn.above_low |= waiting > low;
        self.mark_dirty(key);
        waiting
    }

    /// Writes the scratch to the stream it was filled for; what the kernel does not take becomes its outbox.
    #[inline]
    pub(super) fn write_scratch(&mut self, key: Key) {
        let mut taken = 0;
        if let Some(Source::Stream(conn)) = self.sources.get_mut(key)
            && conn.phase != Phase::Dead
        {
            self.stats.writes += 1;
            match conn.socket.send(&self.scratch) {
                Ok(n) => {
                    taken = n;
                    conn.bytes_out += n as u64;
                    conn.active = self.now;
                    self.stats.bytes_out += n as u64;
                }
                // Blocked: not tried again before the poller says so. Anything else the flush will meet again.
                Err(error) => conn.writable = error.kind() != io::ErrorKind::WouldBlock,
            }
        }
        if taken < self.scratch.len() || taken > self.limits.outbox_low {
            self.keep_rest(key, taken);
        }
        self.scratch.clear();
    }

    /// What was not taken waits: the send buffer is full, or the connection broken, and the flush finds out which.
    /// A handler that was told of more than the low mark may have stopped there, and is owed `drained`, even if all
    /// was taken in the end.
    #[cold]
    #[inline(never)]
    fn keep_rest(&mut self, key: Key, taken: usize) {
        let (low, high) = (self.limits.outbox_low, self.limits.outbox_high);
        let rest = &self.scratch[taken..];
        if let Some(Source::Stream(conn)) = self.sources.get_mut(key) {
            conn.above_low |= self.scratch.len() > low;
            if !rest.is_empty() {
                let outbox = conn.outbox.get_or_insert_with(|| Outbox::new(self.now));
                outbox.push(rest);
                conn.full |= outbox.len() > high;
                self.stop_serving(key);
            }
        }
        self.scratch.clear();
        self.scratch.shrink_to(high.saturating_mul(4));
        self.mark_dirty(key);
    }

    pub(super) fn mark_dirty(&mut self, key: Key) {
        if let Some(conn) = self.stream_mut(key)
            && !std::mem::replace(&mut conn.dirty, true)
        {
            self.dirty.push(key);
        }
    }

    /// Step 6: writes what the turn has left in outboxes.
    pub(super) fn flush<H: Handler + ?Sized>(&mut self, handler: &mut H) {
        self.send_datagrams();
        for key in std::mem::take(&mut self.dirty) {
            self.flush_and_tell(handler, key);
        }
    }

    /// The last pass of a turn: what `drained` and `closed` callbacks have sent goes out, and nobody is called.
    pub(super) fn flush_quietly(&mut self) {
        self.send_datagrams();
        for key in std::mem::take(&mut self.dirty) {
            if self.flush_stream(key) {
                if let Some(conn) = self.stream_mut(key) {
                    conn.above_low = true; // `drained` is still owed, in the next turn
                }
                self.mark_dirty(key);
            }
        }
    }

    fn flush_and_tell<H: Handler + ?Sized>(&mut self, handler: &mut H, key: Key) {
        if self.flush_stream(key)
            && let Some(conn) = self.stream_mut(key).filter(|conn| conn.phase == Phase::Open)
        {
            if conn.told {
                self.serve(key, |net| handler.drained(net, ConnId(key)));
            } else {
                conn.above_low = true; // `opened` comes first, in the next turn.
                self.mark_dirty(key);
            }
        }
    }

    /// Writes the outbox of one stream as far as the kernel takes it, judges the marks and the cap, and takes the
    /// next step of a close. Whether the output fell to the low mark.
    ///
    /// **I6** After `WouldBlock` nothing is written until the poller says writable. Guard:
    /// `a_blocked_peer_costs_no_turns_and_no_calls` in `tests/backpressure.rs`.
    fn flush_stream(&mut self, key: Key) -> bool {
        let (now, stats) = (self.now, &mut self.stats);
        let Some(Source::Stream(conn)) = self.sources.get_mut(key) else { return false };
        conn.dirty = false;
        if conn.phase == Phase::Dead {
            return false;
        }
        let mut broken = None;
        if let Some(outbox) = conn.outbox.as_mut().filter(|_| conn.writable) {
            let (taken, calls, flushed) = outbox.flush(&conn.socket, now);
            stats.writes += calls;
            stats.bytes_out += taken as u64;
            conn.bytes_out += taken as u64;
            if taken > 0 {
                conn.active = now;
            }
            match flushed {
                Flushed::All => conn.outbox = None,
                Flushed::Blocked => conn.writable = false,
                Flushed::Broken(error) => broken = Some(error),
            }
        }
        if let Some(error) = broken {
            self.fail(key, &error);
            return false;
        }
        self.judge(key)
    }

    /// What follows from the amount of output that still waits.
    fn judge(&mut self, key: Key) -> bool {
        let limits = &self.limits;
        let (high, low, cap) = (limits.outbox_high, limits.outbox_low, limits.outbox_cap);
        let stall = ticks(limits.write_stall);
        let Some(Source::Stream(conn)) = self.sources.get_mut(key) else { return false };
        let waiting = conn.waiting();
        if waiting > cap {
            self.kill(key, CloseReason::OverCap, true);
            return false;
        }
        let was_full = conn.full;
        conn.full = waiting > high || (was_full && waiting > low);
        let reads_again = was_full && !conn.full && conn.readable;
        let fell = conn.above_low && waiting <= low;
        conn.above_low = waiting > low;
        let awaits = waiting > 0 && !conn.writable && !conn.socket.is_tcp();
        if awaits != conn.awaits_writable {
            conn.awaits_writable = awaits;
            self.stats.registrations += 1;
            let interest = conn.socket.interest(awaits);
            let _ = self.poll.registry().reregister(conn.socket.source(), key.token(), interest);
        }
        let stalls_at = conn.outbox.as_ref().filter(|_| stall > 0).map(|outbox| outbox.moved + stall);
        if reads_again {
            self.enqueue(key);
        }
        if let Some(at) = stalls_at {
            self.advance_stream_deadline(key, at);
        } else if waiting == 0 {
            self.after_last_byte(key);
        }
        fell
    }

    /// Nothing waits any more: the FIN that was asked for follows, or the close goes on.
    fn after_last_byte(&mut self, key: Key) {
        let (is_draining, linger) = (self.is_draining(), self.limits.linger);
        let Some(conn) = self.stream_mut(key) else { return };
        let is_closing = conn.phase == Phase::Closing;
        let reason = conn.reason;
        if is_closing {
            let is_settled = conn.eof || conn.socket.is_settled();
            if conn.eof || is_settled && !is_draining {
                return self.kill(key, reason, false);
            }
            conn.phase = Phase::Lingering;
            let wait = if is_settled { linger.min(DRAIN_GRACE) } else { linger };
            if conn.readable {
                self.enqueue(key);
            }
            self.set_stream_deadline(key, self.now + ticks(wait));
        }
        let Some(conn) = self.stream_mut(key) else { return };
        if (is_closing || conn.fin_wanted)
            && !std::mem::replace(&mut conn.fin_sent, true)
            && let Err(error) = conn.socket.shutdown_write()
        {
            self.fail(key, &error);
        }
    }
}

/// Endings.
impl Net {
    /// Starts a close: flush, FIN, discard, gone. Whether there was anything to close.
    pub(super) fn begin_close(&mut self, key: Key, reason: CloseReason) -> bool {
        let is_draining = self.is_draining();
        let Some(conn) = self.live_stream(key).filter(|conn| conn.phase == Phase::Open) else { return false };
        conn.phase = Phase::Closing;
        conn.reason = match reason {
            CloseReason::ByUs if conn.eof => CloseReason::PeerClosed,
            CloseReason::ByUs if is_draining => CloseReason::Drained,
            other => other,
        };
        let is_readable = conn.readable;
        self.stop_serving(key);
        self.mark_dirty(key);
        if is_readable {
            self.enqueue(key);
        }
        true
    }

    pub(super) fn begin_half_close(&mut self, key: Key) -> bool {
        let Some(conn) = self.live_stream(key).filter(|conn| conn.may_send()) else { return false };
        conn.fin_wanted = true;
        self.stop_serving(key);
        self.mark_dirty(key);
        true
    }

    /// The scratch stays with the stream it was filled for; it only takes no more.
    fn stop_serving(&mut self, key: Key) {
        if self.serving == key {
            self.serving = Key::NONE;
        }
    }

    pub(super) fn pause(&mut self, key: Key, paused: bool) -> bool {
        let now = self.now;
        let Some(conn) = self.live_stream(key) else { return false };
        if conn.paused && !paused {
            conn.active = now; // The idle clock stood still.
        }
        conn.paused = paused;
        if conn.may_read() {
            self.enqueue(key);
        }
        true
    }

    pub(super) fn limit_read(&mut self, key: Key, most: usize) -> bool {
        let Some(conn) = self.live_stream(key) else { return false };
        conn.read_limit = most.clamp(1, u32::MAX as usize) as u32;
        true
    }

    #[cold]
    #[inline(never)]
    pub(super) fn fail(&mut self, key: Key, error: &io::Error) {
        log::debug!("{:?}: {error}", ConnId(key));
        let Some(conn) = self.stream_mut(key) else { return };
        // Nothing was lost any more: it ended as it was meant to.
        let reason = if conn.phase == Phase::Lingering { conn.reason } else { CloseReason::of(error) };
        self.kill(key, reason, false);
    }

    /// The end, as far as the network goes; the handler hears of it in step 7.
    ///
    /// **I2** Slot and descriptor are freed only after the batch, so that an event of the same batch still finds
    /// a dead connection in its place, and not a newer one. Guard: `a_closes_b_while_bs_event_waits` in
    /// `reactor::tests`.
    pub(super) fn kill(&mut self, key: Key, reason: CloseReason, reset: bool) {
        let Some(conn) = self.stream_mut(key).filter(|conn| conn.phase != Phase::Dead) else { return };
        conn.phase = Phase::Dead;
        conn.reason = reason;
        conn.reset = reset;
        self.stop_serving(key);
        self.dead.push(key);
    }

    /// The drain's time is up: what still owes or reads is cut, and counted.
    pub(super) fn cut(&mut self, key: Key) -> bool {
        let Some(phase) = self.stream_mut(key).map(|conn| conn.phase) else { return false };
        let is_cut = matches!(phase, Phase::Open | Phase::Closing);
        self.kill(key, CloseReason::Drained, is_cut);
        is_cut
    }

    /// Step 7: reports and frees what closed.
    pub(super) fn report_closed<H: Handler + ?Sized>(&mut self, handler: &mut H) {
        for key in std::mem::take(&mut self.dead) {
            let Some(conn) = self.stream_mut(key) else { continue };
            let closed = Closed {
                reason: conn.reason,
                bytes_in: conn.bytes_in,
                bytes_out: conn.bytes_out,
                unsent: conn.waiting() as u64,
            };
            if conn.told {
                self.stats.closed += 1;
                guarded(self, |net| handler.closed(net, ConnId(key), closed));
            }
            self.free_stream(key);
        }
    }

    fn free_stream(&mut self, key: Key) {
        let Some(Source::Stream(mut conn)) = self.sources.remove(key) else { return };
        if conn.reset {
            conn.socket.reset_on_close();
        }
        // Closing the last descriptor of a socket takes it off epoll; an adopted one may have others.
        if !EDGE_TRIGGERED || conn.origin == Key::NONE {
            let _ = self.poll.registry().deregister(conn.socket.source());
        }
        self.timers.cancel(conn.timer);
        self.stats.connections -= 1;
        drop(conn);
        self.resume_listeners();
    }
}

/// Deadlines.
impl Net {
    fn set_stream_deadline(&mut self, key: Key, at: Tick) {
        let Some(Source::Stream(conn)) = self.sources.get_mut(key) else { return };
        if self.timers.deadline(conn.timer).is_some() {
            self.timers.reset(conn.timer, at);
        } else {
            conn.timer = self.timers.set(at, 0, Purpose::Stream(key)).unwrap_or(Key::NONE);
        }
    }

    fn advance_stream_deadline(&mut self, key: Key, at: Tick) {
        let timer = self.stream_mut(key).map_or(Key::NONE, |conn| conn.timer);
        if self.timers.deadline(timer).is_none_or(|set| at < set) {
            self.set_stream_deadline(key, at);
        }
    }

    /// The limits have changed: every stream looks anew at what is due.
    pub(super) fn review_deadlines(&mut self) {
        let keys: Vec<Key> = self.connections().map(|conn| conn.0).collect();
        for key in keys {
            if self.stream(key).is_some_and(|conn| conn.phase != Phase::Lingering) {
                self.set_stream_deadline(key, self.now);
            }
        }
    }

    /// The timer of a stream has fired: acts on what is due, or sets the timer to what comes next.
    pub(super) fn stream_timeout(&mut self, key: Key) {
        let now = self.now;
        let (idle, stall) = (ticks(self.limits.idle), ticks(self.limits.write_stall));
        let Some(conn) = self.stream_mut(key) else { return };
        if let Some(outbox) = conn.outbox.as_mut().filter(|outbox| stall > 0 && now >= outbox.moved + stall) {
            outbox.look_again(&conn.socket, now);
        }
        let next = match (conn.phase, &conn.outbox) {
            (Phase::Dead, _) => return,
            (Phase::Lingering, _) => {
                let reason = conn.reason;
                return self.kill(key, reason, false);
            }
            (_, Some(outbox)) if stall > 0 && now >= outbox.moved + stall => {
                return self.kill(key, CloseReason::WriteStalled, true);
            }
            (_, Some(outbox)) if stall > 0 => outbox.moved + stall,
            // The silence is ours: the handler has paused reading, or output may wait for ever.
            (_, outbox) if idle > 0 && (conn.paused || outbox.is_some()) => now + idle,
            (_, None) if idle > 0 && now >= conn.active + idle => {
                self.begin_close(key, CloseReason::Idle);
                return;
            }
            (_, None) if idle > 0 => conn.active + idle,
            _ => return,
        };
        self.set_stream_deadline(key, next);
    }
}
