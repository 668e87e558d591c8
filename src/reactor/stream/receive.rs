//! A stream's way in: events, reading, and the callbacks in between.

use crate::reactor::events::{CloseReason, Readiness};
use crate::reactor::guarded;
use crate::reactor::handler::Handler;
use crate::reactor::ids::ConnId;
use crate::reactor::net::{Net, Source};
use crate::reactor::slots::Key;
use crate::reactor::stream::flags::{NO_SCRATCH, PAUSED, QUEUED, READ_UNTIL_BLOCKED, READABLE};
use crate::reactor::sys::EDGE_TRIGGERED;
use std::io;

/// What a short read counts for in the read budget at the least, where another one follows: each costs a call.
const SHORT_READ_COST: usize = 256;

/// The most that one read takes from a stream.
pub(crate) const READ: usize = 64 * 1024;
/// The longest record there is room for.
pub(crate) const RECORD: usize = 1024 * 1024;

impl Net {
    /// Reads what has arrived, within the budget, and gives it to the handler. Whether there is such a stream.
    ///
    /// **I3** Whoever stops before the edge is consumed puts itself on the ready list. On epoll a read from TCP that is
    /// shorter than the buffer has consumed it, unless the event carried more than readiness: an urgent byte, for one,
    /// splits a read in two. A Unix stream is read until it would block, since a read stops short for more reasons there:
    /// at descriptors, at an urgent byte, between the credentials of two senders (unix(7)). Guards:
    /// `a_burst_arrives_whole_and_in_order_whatever_the_budget` in `tests/reactor/streams.rs`,
    /// `an_urgent_byte_in_the_middle_of_much_input_hides_none_of_it` in `tests/serve/rubbish.rs` and
    /// `what_stands_behind_a_short_read_is_read_as_well` in `tests/reactor/unix_peers.rs`.
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
            let want = if conn.state.flags.has(NO_SCRATCH) && conn.keeps_records() {
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
            let is_consumed = n < want && EDGE_TRIGGERED && !conn.state.flags.has(READ_UNTIL_BLOCKED);
            if is_consumed {
                conn.state.flags.clear(READABLE);
            }
            let is_heard =
                conn.state.hears_what_is_read() || self.stream_hears(handler, key, &mut buffer[..n]);
            if is_heard && !guarded(self, |net| handler.data(net, ConnId(key), &buffer[..n])) {
                self.abort_stream(key, CloseReason::HandlerPanicked, None);
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
                Some(Source::Stream(conn)) if conn.state.may_read() => conn,
                _ => break,
            };
            self.serving = conn.key_for_scratch(key);
        }
        self.end_stream_service(key);
        true
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
            conn.state.flags.clear(QUEUED);
            let is_layered = conn.layered.is_some();
            self.open_stream(handler, key);
            if is_layered {
                self.tell_what_was_held(handler, key);
            }
        }
        // A stream that is not being read learns of a reset only here.
        else if readiness.has(Readiness::ERROR)
            && !conn.state.may_read()
            && let Some(error) = conn.socket.take_error()
        {
            self.fail_stream(key, error);
        }
        // Write first: a peer that takes its output may be read again, and answers to come need no outbox.
        else if conn.outbox.is_some() {
            self.flush_stream_and_tell(handler, key);
        }
        let reads =
            self.stream(key).is_some_and(|conn| !conn.state.flags.has(QUEUED) && conn.state.may_read());
        if reads && self.is_over_handshake_budget(key) {
            self.enqueue_source(key);
            return false;
        }
        reads
    }

    /// Something was read from a stream that has a layer, keeps records apart, or is about to end. Whether the handler is to be
    /// told of it as it is: what came through a layer is told here.
    #[inline(never)]
    fn stream_hears<H: Handler + ?Sized>(&mut self, handler: &mut H, key: Key, bytes: &mut [u8]) -> bool {
        let Some(conn) = self.stream_mut(key) else { return false };
        if conn.layered.is_none() {
            return conn.state.heard();
        }
        self.hear_through_layer(handler, key, bytes);
        false
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
            None if conn.layered.is_some() && !self.layer_takes_end_of_wire(key) => {}
            None => {
                let Some(conn) = self.stream_mut(key) else { return };
                if conn.state.peer_ended() {
                    guarded(self, |net| handler.peer_eof(net, ConnId(key)));
                }
                self.stream_sides_ended(key);
            }
            Some(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let Some(conn) = self.stream_mut(key) else { return };
                conn.state.flags.clear(READABLE);
                conn.state.flags.put(READ_UNTIL_BLOCKED, !conn.socket.is_tcp());
            }
            Some(error) => self.fail_stream(key, error),
        }
    }

    pub(crate) fn pause_stream(&mut self, key: Key, paused: bool) -> bool {
        if let Some(dial) = self.live_dial(key) {
            dial.is_paused = paused;
            return true;
        }
        let now = self.clock.now();
        let Some(conn) = self.live_stream(key) else { return false };
        if conn.layered.as_mut().is_some_and(|layered| layered.pause_later(paused)) {
            return true;
        }
        if conn.state.flags.has(PAUSED) && !paused {
            conn.active = now; // The idle clock stood still.
        }
        conn.state.flags.put(PAUSED, paused);
        let has_more = conn.layered.as_ref().is_some_and(|layered| layered.may_have_more_to_tell());
        if conn.state.may_read() || has_more && !paused {
            self.enqueue_source(key);
        }
        true
    }

    pub(crate) fn limit_stream_reads(&mut self, key: Key, most: usize) -> bool {
        let most = most.clamp(1, u32::MAX as usize) as u32;
        if let Some(dial) = self.live_dial(key) {
            dial.read_limit = most;
            return true;
        }
        let Some(conn) = self.live_stream(key) else { return false };
        conn.read_limit = most;
        true
    }
}
