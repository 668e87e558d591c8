//! One record a second, and what the generator itself costs.

use crate::load::books::intervals::Frame;
use crate::load::books::outcome::Phase;
use crate::load::engine::handler::Driver;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;

#[derive(Default)]
pub(crate) struct Seconds {
    /// How long the ramp took.
    pub(crate) ramp: Duration,
    /// When the record under way began, and what was planned and used by then.
    start: u64,
    planned: u64,
    cpu: Duration,
    /// The longest turn in it, the next tick of its timer, and the longest turn in all that was measured.
    longest: Duration,
    next_tick: u64,
    pub(crate) longest_measured: Duration,
    pub(crate) cpu_measured: Duration,
}

impl Seconds {
    /// A turn that took so long, or a timer that came so late: nothing else was served meanwhile.
    pub(crate) fn note_turn(&mut self, length: Duration) {
        self.longest = self.longest.max(length);
    }

    /// The timer of the seconds begins now.
    pub(crate) fn expect_ticks(&mut self, now: u64) {
        self.next_tick = now + SECOND;
    }

    /// It came, a whole number of seconds after it began, or late.
    pub(crate) fn note_tick(&mut self, now: u64) {
        self.note_turn(Duration::from_nanos(now.saturating_sub(self.next_tick)));
        while self.next_tick <= now {
            self.next_tick += SECOND;
        }
    }
}

impl Driver<'_> {
    /// Ends the record under way and begins the next.
    pub(crate) fn close_interval(&mut self) {
        let now = self.clock();
        let length = Duration::from_nanos(now - self.seconds.start);
        let cpu = cpu_time();
        let used = cpu.saturating_sub(self.seconds.cpu);
        let is_measured = self.phase == Phase::Measure;
        let all_planned = if is_measured { self.pace.planned(now) } else { 0 };
        let planned = all_planned.saturating_sub(self.seconds.planned);
        let longest = std::mem::take(&mut self.seconds.longest);
        if is_measured {
            self.seconds.longest_measured = self.seconds.longest_measured.max(longest);
            self.seconds.cpu_measured += used;
        }
        // What was used before the first record belongs to nobody.
        let has_begun = !self.seconds.cpu.is_zero();
        if length > Duration::ZERO {
            self.progress.note(self.ledger.current_times());
            let frame = Frame {
                start: Duration::from_nanos(self.seconds.start),
                length,
                phase: self.phase,
                alive: self.alive_now,
                planned,
                cpu: if has_begun { used.as_secs_f64() / length.as_secs_f64() } else { 0.0 },
                max_loop_lag: longest,
            };
            self.ledger.end_interval(frame, self.tell);
        }
        self.seconds.start = now;
        self.seconds.planned = all_planned;
        self.seconds.cpu = cpu;
    }

    /// Before the first turn.
    pub(crate) fn start_seconds(&mut self) {
        self.seconds.cpu = cpu_time();
        self.seconds.start = self.clock();
    }
}

/// Of this thread: there is no other while requests are sent (a name is looked up before).
fn cpu_time() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_THREAD) else { return Duration::ZERO };
    let total = usage.user_time() + usage.system_time();
    Duration::from_micros(total.num_microseconds().try_into().unwrap_or(0))
}
