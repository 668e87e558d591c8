//! What users ask of time and of the loop itself.

use crate::reactor::ids::TimerId;
use crate::reactor::limits::Limits;
use crate::reactor::net::Net;
use crate::reactor::remote::Remote;
use crate::reactor::slots::Key;
use crate::reactor::stats::Stats;
use crate::reactor::stream::receive::READ;
use crate::reactor::timers::{Purpose, Tick, ticks};
use std::time::{Duration, Instant};

impl Net {
    /// Has `timeout` called with `key` once, `after` from now or later, never earlier. The clock is read here, so
    /// that a callback that took long does not shorten the wait. Input that arrived before the time was up is handed on
    /// before the timer fires, even where the loop was held up or the process stopped.
    ///
    /// # Panics
    ///
    /// With more than 16.7 million timers pending.
    pub fn set_timer(&mut self, after: Duration, key: u64) -> TimerId {
        self.add_timer(after, 0, key)
    }

    /// Has `timeout` called with `key` every `period` (at least 1 us), from one period on. Ticks that were missed
    /// are skipped, and the phase is kept.
    ///
    /// # Panics
    ///
    /// With more than 16.7 million timers pending.
    pub fn set_interval(&mut self, period: Duration, key: u64) -> TimerId {
        let period = period.max(Duration::from_micros(1));
        self.add_timer(period, ticks(period), key)
    }

    fn add_timer(&mut self, after: Duration, period: Tick, key: u64) -> TimerId {
        let timer = self.timers.set(self.deadline_after(after), period, Purpose::User(key));
        TimerId(timer.expect("fewer than 16.7 million timers"))
    }

    /// Later than the turn's own reading of the clock in any case: a turn fires only what was set before it.
    fn deadline_after(&self, after: Duration) -> Tick {
        self.clock.now().max(self.now + 1).saturating_add(ticks(after))
    }

    /// Lets a pending timer fire `after` from now instead, under the same id: the watchdog of a peer that has been heard, for
    /// one. An interval goes on from there. Returns whether the timer was pending.
    pub fn reset_timer(&mut self, timer: TimerId, after: Duration) -> bool {
        let is_pending = self.timers.deadline(timer.0).is_some();
        self.timers.reset(timer.0, self.deadline_after(after));
        is_pending
    }

    /// How long it is until a timer is due, by the clock of this turn; `None` when it is not pending.
    pub fn timer_left(&self, timer: TimerId) -> Option<Duration> {
        let deadline = self.timers.deadline(timer.0)?;
        Some(Duration::from_nanos(deadline.saturating_sub(self.now)))
    }

    /// Cancels a timer and frees it. Returns whether it was pending.
    pub fn cancel_timer(&mut self, timer: TimerId) -> bool {
        self.timers.cancel(timer.0)
    }

    /// The time, as this turn read it.
    #[inline]
    pub fn now(&self) -> Instant {
        self.clock.instant(self.now)
    }

    /// Up to when input has been taken in, as far as reading is not paused: what a handler has not heard of by then had
    /// not arrived by then. In [`timeout`](crate::Handler::timeout), judge deadlines of your own by it and not by
    /// [`now`](Net::now), where the difference matters: what came after it may still wait to be read.
    pub fn heard_until(&self) -> Instant {
        self.clock.instant(self.watermark.until)
    }

    /// A handle on this reactor for other threads.
    pub fn remote(&self) -> Remote {
        self.inbox.remote()
    }

    /// Ends in order, from the end of this turn on: every listener accepts what waits in its backlog and closes,
    /// every connection and datagram socket is read once more; then connections are asked to come to their end
    /// ([`draining`](crate::Handler::draining)), and datagram sockets close. What is left after `timeout` is cut, and what is
    /// opened meanwhile closes as well. At [`Limits::connections`](crate::Limits::connections) those who waited in the backlog
    /// when it began are served as places become free, and who comes later is not waited for. A second call can only shorten
    /// the time. Timers and watched descriptors stay. Once nothing is left, and [`run`](crate::Reactor::run) has returned the
    /// report, the reactor can be used anew.
    pub fn drain(&mut self, timeout: Duration) {
        self.begin_drain(timeout);
    }

    /// Has [`run`](crate::Reactor::run) return after this turn, whatever is still open.
    pub fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// What happened so far.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// The bounds in force.
    #[inline]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Changes the bounds from now on, for the connections there are as well. The size of the command queue stays as it
    /// was when the reactor was made, and an open listener keeps its backlog.
    pub fn set_limits(&mut self, limits: Limits) {
        if self.serving != Key::NONE {
            self.end_stream_service(self.serving); // what was said of its output went by the old marks
        }
        let command_queue = self.limits.command_queue;
        self.limits = Limits { command_queue, ..limits.sane() };
        self.read_most = self.limits.read_budget.min(READ);
        self.resume_listeners();
        self.review_streams();
    }
}
