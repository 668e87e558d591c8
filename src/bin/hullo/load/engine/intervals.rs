//! The interval under way, and what the generator itself costs in it. One ends each second, and with each phase.

use crate::load::books::intervals::Frame;
use crate::load::books::outcome::Phase;
use crate::load::engine::alarm::Alarm;
use crate::load::engine::{Engine, set_interval};
use hullo::Net;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// What is known of the interval under way, and of those that were measured.
#[derive(Default)]
pub struct CurrentInterval {
    /// When it began, and what was planned and used by then.
    start: u64,
    planned: u64,
    cpu: Duration,
    /// The longest turn in it.
    longest: Duration,
    /// When the timer of the seconds is due.
    next_second: u64,
    /// The longest turn in all that was measured, and what was used by it.
    longest_measured: Duration,
    cpu_measured: Duration,
}

impl CurrentInterval {
    /// The first interval begins now.
    pub fn begin(&mut self, now: u64) {
        self.cpu = cpu_time();
        self.start = now;
    }

    /// A turn took so long, or a timer came so late: nothing else was served meanwhile.
    pub fn note_turn(&mut self, length: Duration) {
        self.longest = self.longest.max(length);
    }

    /// The timer of the seconds begins now.
    fn expect_seconds(&mut self, now: u64) {
        self.next_second = now + SECOND.as_nanos() as u64;
    }

    /// The timer came, a whole number of seconds after it began, or late.
    fn note_second(&mut self, now: u64) {
        self.note_turn(Duration::from_nanos(now.saturating_sub(self.next_second)));
        while self.next_second <= now {
            self.next_second += SECOND.as_nanos() as u64;
        }
    }

    /// Ends the interval, by which `planned` requests were planned, and begins the next.
    fn end(&mut self, now: u64, phase: Phase, planned: u64, alive: u64) -> Frame {
        let length = Duration::from_nanos(now - self.start);
        let cpu = cpu_time();
        let used = cpu.saturating_sub(self.cpu);
        let longest = std::mem::take(&mut self.longest);
        if phase == Phase::Measure {
            self.longest_measured = self.longest_measured.max(longest);
            self.cpu_measured += used;
        }
        // What was used before the first interval belongs to nobody.
        let is_counted = !self.cpu.is_zero() && !length.is_zero();
        let frame = Frame {
            start: Duration::from_nanos(self.start),
            length,
            phase,
            alive,
            planned: planned.saturating_sub(self.planned),
            cpu: if is_counted { used.as_secs_f64() / length.as_secs_f64() } else { 0.0 },
            max_loop_lag: longest,
        };
        (self.start, self.planned, self.cpu) = (now, planned, cpu);
        frame
    }

    /// The longest turn in all that was measured.
    pub fn longest_measured(&self) -> Duration {
        self.longest_measured
    }

    /// The processor time of all that was measured.
    pub fn cpu_measured(&self) -> Duration {
        self.cpu_measured
    }
}

impl Engine<'_> {
    pub(super) fn start_seconds(&mut self, net: &mut Net) {
        self.second_timer = Some(set_interval(net, SECOND, Alarm::Second));
        self.interval.expect_seconds(self.clock.read());
    }

    pub(super) fn end_second(&mut self, net: &mut Net) {
        self.interval.note_second(self.clock.now());
        self.end_interval();
        self.check_silence(net);
    }

    /// Ends the interval under way and begins the next.
    pub(super) fn end_interval(&mut self) {
        let now = self.clock.read();
        let planned = if self.phase == Phase::Measure { self.pace.planned(now) } else { 0 };
        let frame = self.interval.end(now, self.phase, planned, self.sessions.alive_now());
        if !frame.length.is_zero() {
            self.progress.note(self.ledger.current_times());
            self.ledger.end_interval(frame, self.tell);
        }
    }
}

/// The processor time of this thread: there is no other while requests are sent (a name is looked up before).
fn cpu_time() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_THREAD) else { return Duration::ZERO };
    let total = usage.user_time() + usage.system_time();
    Duration::from_micros(total.num_microseconds().try_into().unwrap_or(0))
}
