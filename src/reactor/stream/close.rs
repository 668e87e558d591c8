//! A stream's end: half-close, lingering close, reset, and the deadlines that lead there.

use crate::reactor::events::{CloseReason, Closed};
use crate::reactor::guarded;
use crate::reactor::handler::Handler;
use crate::reactor::ids::ConnId;
use crate::reactor::net::{Net, Source};
use crate::reactor::slots::Key;
use crate::reactor::stream::Phase;
use crate::reactor::stream::flags::{
    EOF, FIN_SENT, FIN_WANTED, FULL, PAUSED, READABLE, RESET, TALKS_ON, TOLD,
};
use crate::reactor::timers::{Purpose, Tick, ticks};
use std::io;
use std::time::Duration;

/// How long a stream is kept on which nothing is unread and nothing unsent, where more may be under way: in a drain, and
/// from a peer that talked on. What comes is taken in, and not answered with a reset.
const GRACE: Duration = Duration::from_millis(100);

/// Silence is not looked for more often than this.
const LOOK: Duration = Duration::from_millis(1);

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

    pub(crate) fn pause_stream(&mut self, key: Key, paused: bool) -> bool {
        if let Some(dial) = self.live_dial(key) {
            dial.wishes.put(PAUSED, paused);
            return true;
        }
        let now = self.clock.now();
        let Some(conn) = self.live_stream(key) else { return false };
        if conn.flags.has(PAUSED) && !paused {
            conn.active = now; // The idle clock stood still.
        }
        conn.flags.put(PAUSED, paused);
        if conn.may_read() {
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
            if conn.flags.has(TOLD) {
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
        let _ = self.poll.registry().deregister(conn.socket.source());
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

/// Deadlines.
impl Net {
    pub(crate) fn set_stream_deadline(&mut self, key: Key, at: Tick) {
        let Some(Source::Stream(conn)) = self.sources.get_mut(key) else { return };
        if self.timers.deadline(conn.timer).is_some() {
            self.timers.reset(conn.timer, at);
        } else {
            conn.timer = self.timers.set(at, 0, Purpose::Stream(key)).unwrap_or(Key::NONE);
        }
    }

    pub(crate) fn advance_stream_deadline(&mut self, key: Key, at: Tick) {
        let timer = self.stream_mut(key).map_or(Key::NONE, |conn| conn.timer);
        if self.timers.deadline(timer).is_none_or(|set| at < set) {
            self.set_stream_deadline(key, at);
        }
    }

    /// The limits have changed: every stream looks anew at what is due, and at what waits.
    pub(crate) fn review_streams(&mut self) {
        let high = self.limits.outbox_high;
        let keys: Vec<Key> = self.connections().map(|conn| conn.0).collect();
        for key in keys {
            let Some(conn) = self.stream_mut(key) else { continue };
            if conn.waiting() > high {
                conn.flags.set(FULL); // at once: what it asks in this turn would be held against it
            }
            if conn.outbox.is_some() {
                self.mark_stream_dirty(key);
            }
            if self.stream(key).is_some_and(|conn| conn.phase != Phase::Lingering) {
                self.set_stream_deadline(key, self.now);
            }
        }
        self.timers.cancel(self.idle_timer);
        self.look_for_silent_streams_at(self.clock.now());
    }

    /// Has silent streams looked for, unless that is due already.
    pub(crate) fn look_for_silent_streams_at(&mut self, at: Tick) {
        let has_streams = self.stats.connections > 0 && !self.limits.idle.is_zero();
        if has_streams && self.timers.deadline(self.idle_timer).is_none() {
            self.idle_timer = self.timers.set(at, 0, Purpose::Idle).unwrap_or(Key::NONE);
            self.idle_look_at = at;
        }
    }

    /// One timer looks after the silence of all streams, and each costs neither memory nor, when bytes move, time. The
    /// next look is when the next stream may have come to its time, but no sooner than a sixteenth of the limit: a
    /// stream is closed late by that much at the most.
    ///
    /// There is a look in each quarter of the limit in any case. One that is late tells that the loop stood still:
    /// nobody could be heard meanwhile, and whoever was answered in the end has had no time to speak. So their clocks
    /// stood still as well.
    pub(crate) fn close_silent_streams(&mut self) {
        let (now, heard, idle) = (self.now, self.hearing.until, ticks(self.limits.idle));
        let stood_still = now - self.idle_look_at;
        if stood_still > idle / 16 {
            self.forgive_silent_streams(stood_still);
        }
        let mut silent = Vec::new();
        let mut next = now + idle / 4;
        for (key, source) in self.sources.iter() {
            match source {
                Source::Stream(conn) if !conn.is_silence_its_own() => {}
                Source::Stream(conn) if heard < conn.active + idle => next = next.min(conn.active + idle),
                Source::Stream(_) => silent.push(key),
                _ => {}
            }
        }
        // As many as timers may fire; the others in the next turn.
        let soonest = now + (idle / 16).max(ticks(LOOK));
        let at = if silent.len() <= self.limits.timers { next.max(soonest) } else { now + 1 };
        self.look_for_silent_streams_at(at);
        for key in silent.into_iter().take(self.limits.timers) {
            self.begin_stream_close(key, CloseReason::Idle);
        }
    }

    fn forgive_silent_streams(&mut self, stood_still: Tick) {
        for source in self.sources.values_mut() {
            if let Source::Stream(conn) = source {
                conn.active = (conn.active + stood_still).min(self.now);
            }
        }
    }

    /// The timer of a stream has fired: acts on what is due, or sets the timer to what comes next.
    pub(crate) fn stream_timeout(&mut self, key: Key) {
        let (now, heard) = (self.clock.now(), self.hearing.until);
        let stall = ticks(self.limits.write_stall);
        let Some(conn) = self.stream_mut(key) else { return };
        match (conn.phase, &mut conn.outbox) {
            (Phase::Lingering, _) => {
                let reason = conn.reason;
                self.kill_stream(key, reason, false);
            }
            (Phase::Open | Phase::Closing, Some(outbox)) if stall > 0 && outbox.is_stuck() => {
                outbox.look_again(&conn.socket, now);
                if outbox.moved + stall <= heard {
                    return self.kill_stream(key, CloseReason::WriteStalled, true);
                }
                let next = next_stall_look(outbox.moved, stall, now);
                self.set_stream_deadline(key, next);
            }
            _ => {}
        }
    }
}

/// When a stream whose output is stuck is looked at again: when it has stalled, and eleven times on the way, since a peer
/// that takes from the kernel is only noticed by looking. The looks of all streams fall together, and so into one turn.
pub(crate) fn next_stall_look(moved: Tick, stall: Tick, now: Tick) -> Tick {
    let step = (stall / 11).max(1);
    ((now / step + 1) * step).min(moved + stall).max(now + 1)
}
