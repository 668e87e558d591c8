//! How long the generator stood still: a timer that beats tells by its lateness what nobody else would. Stopped, or without
//! a processor, we read replies late that had come in time, and every response time of then holds our own pause.

use crate::load::engine::alarm::Alarm;
use crate::load::engine::clock::nanoseconds;
use crate::load::engine::{Engine, set_interval};
use hullo::Net;
use std::time::Duration;

/// A pause is seen but for so much at the most.
const BEAT: Duration = Duration::from_millis(10);
/// A timer is as late as this without any pause.
const SLACK: Duration = Duration::from_millis(1);

/// The pauses since measuring began, those of the drain included.
#[derive(Default)]
pub struct Heartbeat {
    /// When the next beat is due.
    next: u64,
    longest: Duration,
    sum: Duration,
}

impl Heartbeat {
    /// The beats begin now.
    fn begin(&mut self, now: u64) {
        self.next = now + nanoseconds(BEAT);
    }

    /// Measuring begins: what was before does not count.
    pub fn begin_measuring(&mut self, now: u64) {
        (self.longest, self.sum) = (Duration::ZERO, Duration::ZERO);
        self.pass(now);
    }

    /// A beat has come, in time or late; says how late. Those that were missed meanwhile do not come any more.
    fn beat(&mut self, now: u64) -> Duration {
        let late = Duration::from_nanos(now.saturating_sub(self.next));
        if late >= SLACK {
            self.longest = self.longest.max(late);
            self.sum += late;
        }
        self.pass(now);
        late
    }

    /// The longest pause.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// All pauses together.
    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// The next beat is the first after `now`.
    fn pass(&mut self, now: u64) {
        if let Some(late) = now.checked_sub(self.next) {
            let beat = nanoseconds(BEAT);
            self.next += (late / beat + 1) * beat;
        }
    }
}

impl Engine<'_> {
    pub(super) fn start_heartbeat(&mut self, net: &mut Net) {
        self.heartbeat.begin(self.clock.read());
        set_interval(net, BEAT, Alarm::Heartbeat);
    }

    pub(super) fn beat(&mut self) {
        let late = self.heartbeat.beat(self.clock.now());
        self.interval.note_turn(late);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_beat_that_comes_late_tells_of_a_pause_and_the_missed_ones_do_not() {
        let mut heartbeat = Heartbeat::default();
        heartbeat.begin(0);
        assert_eq!(heartbeat.beat(10 * MS), Duration::ZERO);
        assert_eq!(heartbeat.beat(55 * MS), Duration::from_millis(35));
        assert_eq!(heartbeat.beat(60 * MS), Duration::ZERO, "the next that is due");
        assert_eq!(heartbeat.beat(70 * MS + 500), Duration::from_nanos(500));
        assert_eq!(
            (heartbeat.longest(), heartbeat.sum()),
            (Duration::from_millis(35), Duration::from_millis(35))
        );
        heartbeat.begin_measuring(75 * MS);
        assert_eq!(
            (heartbeat.longest(), heartbeat.beat(82 * MS)),
            (Duration::ZERO, Duration::from_millis(2))
        );
    }
}
