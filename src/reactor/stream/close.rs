//! A stream's end: half-close, lingering close, reset.

use crate::reactor::events::{CloseReason, Closed};
use crate::reactor::guarded;
use crate::reactor::handler::Handler;
use crate::reactor::ids::ConnId;
use crate::reactor::net::{Net, Source};
use crate::reactor::slots::Key;
use crate::reactor::stream::Phase;
use crate::reactor::stream::flags::{EOF, FIN_SENT, FIN_WANTED, OPENED_TOLD, READABLE, RESET, TALKS_ON};
use crate::reactor::timers::ticks;
use std::io;
use std::time::Duration;

/// How long a stream is kept on which nothing is unread and nothing unsent, where more may be under way: in a drain, and
/// from a peer that talked on. What comes is taken in, and not answered with a reset.
const GRACE: Duration = Duration::from_millis(100);

impl Net {
    /// Nothing waits any more: the FIN that was asked for follows, or the close goes on.
    pub(crate) fn after_streams_last_byte(&mut self, key: Key) {
        let (is_draining, linger) = (self.is_draining(), self.limits.linger);
        let Some(conn) = self.stream_mut(key) else { return };
        let is_closing = conn.phase == Phase::Closing;
        let reason = conn.reason;
        if is_closing {
            let is_settled = conn.flags.has(EOF) || conn.socket.is_settled();
            let more_may_come = is_draining || conn.flags.has(TALKS_ON);
            if conn.flags.has(EOF) || is_settled && !more_may_come {
                return self.kill_stream(key, reason, false);
            }
            conn.phase = Phase::Lingering;
            let wait = if is_settled { linger.min(GRACE) } else { linger };
            if conn.flags.has(READABLE) {
                self.enqueue_source(key);
            }
            self.set_stream_deadline(key, self.clock.now() + ticks(wait)); // a callback may have taken long
        }
        let Some(conn) = self.stream_mut(key) else { return };
        if (is_closing || conn.flags.has(FIN_WANTED)) && conn.flags.raise(FIN_SENT) {
            match conn.socket.shutdown_write() {
                Ok(()) => self.end_stream_if_both_have(key),
                Err(error) => self.fail_stream(key, error),
            }
        }
    }

    /// Both sides have ended theirs: nothing can come any more.
    pub(crate) fn end_stream_if_both_have(&mut self, key: Key) {
        if self
            .stream(key)
            .is_some_and(|conn| conn.phase == Phase::Open && conn.flags.has(EOF) && conn.flags.has(FIN_SENT))
        {
            self.kill_stream(key, CloseReason::PeerClosed, false);
        }
    }

    /// Starts a close: flush, FIN, discard, gone. Whether there was anything to close.
    pub(crate) fn begin_stream_close(&mut self, key: Key, reason: CloseReason) -> bool {
        let is_draining = self.is_draining();
        let Some(conn) = self.live_stream(key).filter(|conn| conn.phase == Phase::Open) else { return false };
        conn.phase = Phase::Closing;
        conn.reason = match reason {
            CloseReason::ByUs if conn.flags.has(EOF) => CloseReason::PeerClosed,
            CloseReason::ByUs if is_draining => CloseReason::Drained,
            other => other,
        };
        let is_readable = conn.flags.has(READABLE);
        self.stop_serving_stream(key);
        self.mark_stream_dirty(key);
        if is_readable {
            self.enqueue_source(key);
        }
        true
    }

    pub(crate) fn begin_stream_half_close(&mut self, key: Key) -> bool {
        if let Some(dial) = self.live_dial(key) {
            return dial.wishes.raise(FIN_WANTED);
        }
        let Some(conn) = self.live_stream(key).filter(|conn| conn.may_send()) else { return false };
        conn.flags.set(FIN_WANTED);
        self.stop_serving_stream(key);
        self.mark_stream_dirty(key);
        true
    }

    /// The scratch stays with the stream it was filled for; it only takes no more.
    pub(crate) fn stop_serving_stream(&mut self, key: Key) {
        if self.serving == key {
            self.serving = Key::NONE;
        }
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn fail_stream(&mut self, key: Key, error: io::Error) {
        log::debug!("{:?}: {error}", ConnId(key));
        let Some(conn) = self.stream_mut(key) else { return };
        if conn.phase == Phase::Lingering {
            // Nothing was lost any more: it ended as it was meant to.
            let reason = conn.reason;
            return self.kill_stream(key, reason, false);
        }
        self.kill_stream_for(key, CloseReason::of(&error), false, Some(error));
    }

    /// The end, as far as the network goes; the handler hears of it in the report.
    ///
    /// **I2** Slot and descriptor are freed only after the batch, so that an event of the same batch still finds
    /// a dead connection in its place, and not a newer one. Guard: `a_closes_b_while_bs_event_waits` in
    /// `reactor::tests`.
    pub(crate) fn kill_stream(&mut self, key: Key, reason: CloseReason, reset: bool) {
        self.kill_stream_for(key, reason, reset, None);
    }

    pub(crate) fn kill_stream_for(
        &mut self,
        key: Key,
        reason: CloseReason,
        reset: bool,
        error: Option<io::Error>,
    ) {
        let Some(conn) = self.stream_mut(key).filter(|conn| conn.phase != Phase::Dead) else { return };
        conn.phase = Phase::Dead;
        conn.reason = reason;
        conn.flags.put(RESET, reset);
        self.stop_serving_stream(key);
        self.closed_list.push((key, error));
    }

    /// The drain's time is up: what still owes or reads is cut, and counted.
    pub(crate) fn cut_stream(&mut self, key: Key) -> bool {
        let Some(phase) = self.stream_mut(key).map(|conn| conn.phase) else { return false };
        let is_cut = matches!(phase, Phase::Open | Phase::Closing);
        self.kill_stream(key, CloseReason::Drained, is_cut);
        is_cut
    }

    /// The report of a turn: tells of what closed, and frees it.
    pub(crate) fn report_closed<H: Handler + ?Sized>(&mut self, handler: &mut H) {
        for (key, error) in std::mem::take(&mut self.closed_list) {
            self.report_dial(handler, key);
            let Some(conn) = self.stream_mut(key) else { continue };
            let closed = Closed {
                reason: conn.reason,
                bytes_in: conn.bytes_in,
                bytes_out: conn.bytes_out,
                unsent: conn.waiting() as u64,
                error,
            };
            if conn.flags.has(OPENED_TOLD) {
                self.stats.closed += 1;
                guarded(self, |net| handler.closed(net, ConnId(key), closed));
            }
            self.contained(key, |net| net.free_stream(key));
        }
    }

    fn free_stream(&mut self, key: Key) {
        let Some(Source::Stream(mut conn)) = self.sources.remove(key) else { return };
        if conn.flags.has(RESET) {
            conn.socket.reset_on_close();
        }
        // Closing takes a socket off epoll only with the last descriptor that it has, and others may have been made: a clone,
        // or those of a process that was forked.
        self.poller.deregister(&mut conn.socket);
        self.timers.cancel(conn.timer);
        self.stats.connections -= 1;
        if self.stats.connections == 0 {
            self.timers.cancel(self.idle_timer);
        }
        drop(conn);
        self.resume_listeners();
        self.look_for_end_of_drain();
    }
}
