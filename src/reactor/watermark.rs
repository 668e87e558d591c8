//! Input before deadlines: when a timer may fire.
//!
//! A process is stopped and continued, a callback takes long, more sources are ready than one batch holds: the turn after
//! that finds deadlines that have passed beside input that came in time. A pause of our own must not be charged to a peer,
//! so that every deadline, the handler's own included, is judged against the watermark: the moment up to which all input
//! was taken in. Guards: `tests/reactor/held_up.rs`.

use crate::reactor::guarded;
use crate::reactor::handler::Handler;
use crate::reactor::ids::TimerId;
use crate::reactor::net::Net;
use crate::reactor::timers::{Purpose, Tick};
use crate::reactor::turn::EVENTS;
use std::io;
use std::time::Duration;

/// From when on a timer counts as late, and not just as fired a little later ([`Stats::late_turns`](crate::Stats::late_turns)).
pub(super) const LATE: Tick = 10_000_000;

/// Up to which moment all input was taken in, and what is known on the way to a later one.
#[derive(Default)]
pub(crate) struct Watermark {
    /// All that had arrived by then was taken in.
    pub(super) until: Tick,
    /// The poller's timer has rung for this moment, so that the poller has looked later than that.
    rang: Tick,
    /// What the timer was set for: the deadline, or the moment of setting where the deadline had passed.
    rings_at: Tick,
    look: Look,
}

/// The way to the end of the input that had arrived when a deadline was found to be due.
#[derive(Default)]
struct Look {
    began: Tick,
    /// Events to be served until it is over in any case: no source that was ready when it began is told of later than
    /// that, since the poller tells of them in the order in which they became so.
    events_left: usize,
    /// Until when it goes on for sources that have more to read than one turn takes: as long again as the loop was late.
    patience: Tick,
    /// What had arrived by then was told of, and has been read but for those that have more.
    told: Tick,
}

impl Net {
    /// Moves the watermark on; whether it has come to the earliest deadline, which is due, so that timers may fire.
    /// `before` is the clock of the turn before, and so earlier than this turn's look at the poller.
    ///
    /// A batch that was not full has brought what there was. The look ends as well after as many events as there are
    /// sources, and does not wait for ever for those that are never read to their end: no flood stops the timers. Without
    /// them the watermark goes no further than to where the look began, since the loop may have stood still meanwhile.
    #[cold]
    #[inline(never)]
    pub(super) fn timers_may_fire(&mut self, before: Tick, batch_was_full: bool) -> bool {
        let (now, due, sources) = (self.now, self.timers.next(), self.sources.len());
        let has_more_to_read = !self.ready_list.is_empty() || self.commands_wait;
        let Watermark { until, rang, look, .. } = &mut self.watermark;
        let is_new = look.began < due;
        if is_new {
            let told = look.told;
            *look = Look { began: now, events_left: sources, patience: now + (now - due), told };
        }
        let began = look.began;
        if !batch_was_full {
            look.told = before.max(*rang).max(look.told);
        } else if !is_new {
            look.events_left = look.events_left.saturating_sub(EVENTS);
            if look.events_left == 0 {
                look.told = look.began.max(look.told);
                (look.began, look.events_left) = (now, sources);
            }
        }
        if !has_more_to_read {
            *until = look.told.max(*until);
        } else if now >= look.patience {
            *until = look.told.min(began).max(*until);
        }
        *until >= due
    }

    pub(super) fn fire_timers<H: Handler + ?Sized>(&mut self, handler: &mut H) {
        let delay = self.now - self.timers.next();
        self.stats.late_turns += (delay >= LATE) as u64;
        self.stats.longest_delay = self.stats.longest_delay.max(Duration::from_nanos(delay));
        for _ in 0..self.limits.timers {
            let Some((key, purpose)) = self.timers.due(self.watermark.until, self.now) else { return };
            match purpose {
                Purpose::User(user_key) => {
                    self.stats.timeouts += 1;
                    guarded(self, |net| handler.timeout(net, TimerId(key), user_key));
                }
                Purpose::Stream(stream) => self.contained(stream, |net| net.stream_timeout(stream)),
                Purpose::Idle => self.close_silent_streams(),
                Purpose::Dial(dial) => self.contained(dial, |net| net.dial_timeout(dial)),
                Purpose::Serve(source) => self.enqueue_source(source),
                Purpose::Drain => self.drain_timeout(),
            }
        }
    }

    /// Sets the poller's timer to the next deadline. That is done at the end of a turn as well, since a host does not wait
    /// here, but on the descriptor.
    #[inline]
    pub(super) fn arm_timer(&mut self) -> io::Result<()> {
        let next = self.timers.next();
        if next < self.armed { self.set_poller_timer(next) } else { Ok(()) }
    }

    #[cold]
    #[inline(never)]
    fn set_poller_timer(&mut self, next: Tick) -> io::Result<()> {
        let now = self.clock.now();
        self.armed = next;
        self.watermark.rings_at = next.max(now);
        self.poller.set_timer(Duration::from_nanos(next.saturating_sub(now)))
    }

    /// Takes down that the deadline has come that the poller's timer was set to; `arm_timer` sets the next one.
    pub(super) fn timer_event(&mut self) {
        self.armed = Tick::MAX;
        self.watermark.rang = self.watermark.rings_at.min(self.now);
        self.poller.timer_has_rung();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reactor;

    #[test]
    fn a_pause_in_the_middle_of_a_look_is_no_silence_of_who_has_more_to_say() {
        let mut reactor = Reactor::new().unwrap();
        let net = reactor.net();
        net.set_timer(Duration::from_millis(1), 0);
        let due = net.timers.next();
        net.commands_wait = true;
        net.now = due + 10;
        assert!(!net.timers_may_fire(due + 5, false), "it is heard first what there is");

        (net.now, net.watermark.rang) = (due + 1_000_000, due + 999_000);
        assert!(net.timers_may_fire(due + 999_999, false), "the timer has waited for long enough");
        assert_eq!(net.watermark.until, due + 10, "others that came due in the pause have not");
        net.commands_wait = false;
        assert!(net.timers_may_fire(due + 999_999, false));
        assert_eq!(net.watermark.until, due + 999_999);
    }
}
