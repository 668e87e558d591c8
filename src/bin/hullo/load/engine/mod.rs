//! The engine of a run: it owns the parts, hears from the reactor, and does what the parts say. Its files part what it does;
//! what the parts know, they know without it.

pub mod alarm;
pub mod clock;
pub mod deadlines;
pub mod ending;
pub mod handler;
pub mod heartbeat;
pub mod intervals;
pub mod pace;
pub mod phases;
pub mod progress;
pub mod replies;
pub mod sending;
pub mod sessions;
pub mod silence;
pub mod unsent;

use crate::load::books::ledger::Ledger;
use crate::load::books::outcome::{Interval, Mishap, Phase};
use crate::load::clients::client::Clients;
use crate::load::clients::ramp::Ramp;
use crate::load::clients::replies::Replies;
use crate::load::clients::sessions::Sessions;
use crate::load::engine::alarm::Alarm;
use crate::load::engine::clock::{Clock, nanoseconds};
use crate::load::engine::heartbeat::Heartbeat;
use crate::load::engine::intervals::CurrentInterval;
use crate::load::engine::pace::Pace;
use crate::load::engine::progress::Progress;
use crate::load::engine::silence::Silence;
use crate::load::plan::Plan;
use crate::load::text::cache::Cache;
use crate::load::text::template::Seed;
use crate::signals::Signals;
use hullo::{Net, TimerId};
use std::time::{Duration, SystemTime};

/// Connections that may be coming to life at a time.
const HANDSHAKES: usize = 256;
/// Datagrams in flight at once, of all clients together, in a closed loop. A receive queue of Linux's default size holds some
/// 270 small ones, and what finds no room is lost: that would measure our own burst.
const WINDOW: usize = 128;

/// A run.
pub struct Engine<'a> {
    plan: &'a Plan,
    is_datagram: bool,
    /// See [`offer_in_turn`](Engine::offer_in_turn).
    is_windowed: bool,
    clock: Clock,
    clients: Clients,
    sessions: Sessions<'a>,
    ramp: Ramp,
    pace: Pace,
    requests: Cache<'a>,
    replies: Replies<'a>,
    ledger: Ledger,
    interval: CurrentInterval,
    heartbeat: Heartbeat,
    silence: Silence,
    is_deadline_armed: bool,
    is_handshake_armed: bool,
    phase: Phase,
    phase_began: u64,
    /// Names the alarm of a phase, so that one of a phase before is told from it.
    phase_number: u64,
    second_timer: Option<TimerId>,
    /// When the ramp ended, and when measuring began and ended.
    ramp_ended: u64,
    measured: (u64, u64),
    /// When measuring began, by the calendar.
    began: SystemTime,
    is_over: bool,
    /// There was nobody left to ask.
    ended_early: bool,
    signals: Signals,
    signal: Option<i32>,
    progress: &'a mut Progress,
    /// Hears of each second.
    tell: &'a mut dyn FnMut(&Interval),
    /// What kept the run from going as asked.
    mishaps: Vec<Mishap>,
    receive_drops: u64,
}

impl<'a> Engine<'a> {
    pub fn new(
        plan: &'a Plan,
        signals: Signals,
        progress: &'a mut Progress,
        tell: &'a mut dyn FnMut(&Interval),
    ) -> Engine<'a> {
        // Of a request with a connection of its own both times are known in a closed loop as well.
        let is_same_time = plan.rate.is_none() && !plan.churn;
        let is_datagram = plan.is_datagram();
        let at_once = if is_datagram { WINDOW } else { HANDSHAKES };
        let seed = Seed(plan.seed);
        Engine {
            plan,
            is_datagram,
            is_windowed: is_datagram && plan.rate.is_none(),
            clock: Clock::start(),
            clients: Clients::new(plan.clients, plan.outstanding, !is_datagram),
            sessions: Sessions::new(plan),
            ramp: Ramp::new(plan.clients, at_once, plan.connect_rate),
            pace: Pace::new(plan.clients),
            requests: Cache::new(&plan.script.request, seed, plan.clients),
            replies: Replies::new(&plan.script, seed, plan.clients),
            ledger: Ledger::new(is_same_time),
            interval: CurrentInterval::default(),
            heartbeat: Heartbeat::default(),
            silence: Silence::default(),
            is_deadline_armed: false,
            is_handshake_armed: false,
            phase: Phase::Ramp,
            phase_began: 0,
            phase_number: 0,
            second_timer: None,
            ramp_ended: 0,
            measured: (0, 0),
            began: SystemTime::now(),
            is_over: false,
            ended_early: false,
            signals,
            signal: None,
            progress,
            tell,
            mishaps: Vec::new(),
            receive_drops: 0,
        }
    }

    /// Begins the run, before the first turn.
    pub fn begin(&mut self, net: &mut Net) {
        self.interval.begin(self.clock.read());
        self.start_seconds(net);
        self.start_heartbeat(net);
        if let Some(every) = self.progress.interval() {
            set_interval(net, every, Alarm::Progress);
        }
        if self.plan.churn {
            return self.warm_up(net); // Every request brings its own connection.
        }
        self.continue_ramp(net);
    }

    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// After each turn, for the longest of them.
    pub fn end_turn(&mut self) {
        let Some(length) = self.clock.end_turn() else { return };
        self.interval.note_turn(Duration::from_nanos(length));
        if length > nanoseconds(self.plan.timeout) / 2 {
            // We stood still in the middle of a turn, and what it sends may have left at its end only: the time that a
            // server has for an answer begins then.
            self.clients.flights.date_anew(self.clock.now(), self.clock.read());
        }
    }

    /// Leaves the terminal as it was, after the last turn.
    pub fn end_progress(&mut self) {
        self.progress.end();
    }
}

#[inline]
fn set_timer(net: &mut Net, after: Duration, alarm: Alarm) {
    net.set_timer(after, alarm.to_bits());
}

fn set_interval(net: &mut Net, every: Duration, alarm: Alarm) -> TimerId {
    net.set_interval(every, alarm.to_bits())
}
