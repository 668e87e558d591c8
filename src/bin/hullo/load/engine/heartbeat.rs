//! How long the generator stood still: a timer that beats tells by its lateness what nobody else would. Stopped, or without
//! a processor, we read replies late that had come in time, and every response time of then holds our own pause.

use crate::load::engine::handler::{Driver, nanoseconds};
use hullo::Net;
use std::time::Duration;

/// A pause is seen but for so much at the most.
const BEAT: Duration = Duration::from_millis(10);
/// A timer is as late as this without any pause.
const SLACK: Duration = Duration::from_millis(1);

#[derive(Default)]
pub(crate) struct Heartbeat {
    /// When the next beat is due.
    next: u64,
    /// The longest pause since measuring began, that of the drain included.
    pub(crate) longest: Duration,
    /// All of them together.
    pub(crate) sum: Duration,
}

impl Driver<'_> {
    pub(crate) fn start_heartbeat(&mut self, net: &mut Net, key: u64) {
        self.heartbeat.next = self.clock() + nanoseconds(BEAT);
        net.set_interval(BEAT, key);
    }

    /// A beat, which comes in time or late. Those that were missed meanwhile do not come any more.
    pub(crate) fn beat(&mut self) {
        let late = Duration::from_nanos(self.now.saturating_sub(self.heartbeat.next));
        self.seconds.note_turn(late);
        if late >= SLACK {
            self.heartbeat.longest = self.heartbeat.longest.max(late);
            self.heartbeat.sum += late;
        }
        self.heartbeat.pass(self.now);
    }
}

impl Heartbeat {
    /// Measuring begins: what was before does not count.
    pub(crate) fn begin_measuring(&mut self, now: u64) {
        (self.longest, self.sum) = (Duration::ZERO, Duration::ZERO);
        self.pass(now);
    }

    /// The next beat is the first after `now`.
    fn pass(&mut self, now: u64) {
        if let Some(late) = now.checked_sub(self.next) {
            let beat = nanoseconds(BEAT);
            self.next += (late / beat + 1) * beat;
        }
    }
}
