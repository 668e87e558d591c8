//! When a stream's time is up: its output is stuck, it lingers, it is silent.

use crate::reactor::events::CloseReason;
use crate::reactor::net::{Net, Source};
use crate::reactor::slots::Key;
use crate::reactor::stream::flags::ABOVE_HIGH;
use crate::reactor::stream::state::Phase;
use crate::reactor::timers::{Purpose, Tick, ticks};
use std::time::Duration;

/// Silence is not looked for more often than this.
const LOOK: Duration = Duration::from_millis(1);

impl Net {
    /// The timer of a stream has fired: acts on what is due, or sets the timer to what comes next.
    pub(crate) fn stream_timeout(&mut self, key: Key) {
        let (now, heard) = (self.clock.now(), self.watermark.until);
        let (stall, handshake) = (ticks(self.limits.write_stall), ticks(self.limits.handshake));
        let Some(conn) = self.stream_mut(key) else { return };
        let (mut is_stalled, mut next) = (false, None);
        if let Some(outbox) = conn.outbox.as_mut().filter(|outbox| stall > 0 && outbox.is_stuck()) {
            outbox.look_again(&conn.socket, now);
            is_stalled = outbox.moved + stall <= heard;
            next = Some(next_stall_look(outbox.moved, stall, now));
        }
        let handshake = conn.layered.as_ref().and_then(|layered| layered.deadline(handshake));
        if let Some(deadline) = handshake.filter(|_| conn.state.is_open()) {
            if deadline <= heard {
                return self.layer_timed_out(key);
            }
            next = Some(next.unwrap_or(Tick::MAX).min(deadline));
        }
        let step = conn.state.deadline(is_stalled);
        if !self.perform_stream_step(key, step)
            && let Some(next) = next
        {
            self.set_stream_deadline(key, next);
        }
    }

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
            if conn.on_its_way() > high {
                conn.state.flags.set(ABOVE_HIGH); // at once: what it asks in this turn would be held against it
            }
            if conn.outbox.is_some() {
                self.mark_stream_dirty(key);
            }
            if self.stream(key).is_some_and(|conn| !matches!(conn.state.phase(), Phase::Lingering(_))) {
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
        let (now, heard, idle) = (self.now, self.watermark.until, ticks(self.limits.idle));
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
}

/// When a stream whose output is stuck is looked at again: when it has stalled, and eleven times on the way, since a peer
/// that takes from the kernel is only noticed by looking. The looks of all streams fall together, and so into one turn.
pub(crate) fn next_stall_look(moved: Tick, stall: Tick, now: Tick) -> Tick {
    let step = (stall / 11).max(1);
    ((now / step + 1) * step).min(moved + stall).max(now + 1)
}
