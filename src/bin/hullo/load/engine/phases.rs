//! The phases of a run: how each begins, and when it is over.

use crate::load::books::outcome::{Mishap, Phase};
use crate::load::engine::alarm::Alarm;
use crate::load::engine::clock::nanoseconds;
use crate::load::engine::{Engine, set_timer};
use crate::load::plan::rate::Schedule;
use hullo::Net;
use std::time::{Duration, SystemTime};

/// After the last reply a reply too many is still seen for so long.
const GRACE: Duration = Duration::from_millis(50);

impl Engine<'_> {
    /// The ramp is over.
    pub(super) fn warm_up(&mut self, net: &mut Net) {
        self.ramp_ended = self.clock.now();
        if self.sessions.alive_now() == 0 && !self.plan.churn {
            return self.end_early(net, Mishap::NobodyAlive);
        }
        if self.plan.warmup.is_zero() {
            return self.measure(net);
        }
        self.enter(net, Phase::WarmUp, self.plan.warmup);
        let schedule = self.plan.rate.map(|rate| Schedule::new(rate.beginning(), Duration::ZERO));
        self.pace.begin(schedule, self.clock.now(), u64::MAX, u64::MAX);
        self.offer_all(net);
    }

    fn measure(&mut self, net: &mut Net) {
        let length = self.asked();
        self.began = SystemTime::now();
        self.enter(net, Phase::Measure, length.unwrap_or(Duration::MAX));
        self.clock.catch_up();
        let now = self.clock.now();
        self.measured = (now, now);
        self.clients.begin_measuring();
        self.heartbeat.begin_measuring(now);
        self.plan_requests(length);
        self.offer_all(net);
    }

    /// The requests of a measuring that begins now.
    fn plan_requests(&mut self, length: Option<Duration>) {
        let (plan, now) = (self.plan, self.clock.now());
        let until = plan.duration.map_or(u64::MAX, |length| now.saturating_add(nanoseconds(length)));
        let schedule = plan.rate.map(|rate| Schedule::new(rate, length.unwrap_or(Duration::MAX)));
        self.pace.begin(schedule, now, until, plan.requests.unwrap_or(u64::MAX));
    }

    fn offer_all(&mut self, net: &mut Net) {
        for client in self.clients.ids() {
            self.offer(net, client);
        }
    }

    /// Ends the measuring as soon as all is done that was asked for.
    #[inline]
    pub(super) fn check_end(&mut self, net: &mut Net) {
        if self.phase != Phase::Measure || self.pace.is_done() {
            self.look_for_end(net);
        }
    }

    #[inline(never)]
    fn look_for_end(&mut self, net: &mut Net) {
        let now = self.clock.now();
        match self.phase {
            Phase::Measure if self.pace.is_done() => {
                // By the clock there is a place for the last one to end, and its reply may come in the drain.
                let [_, by_schedule] = self.ends();
                let due = by_schedule.map(|length| self.pace.start().saturating_add(nanoseconds(length)));
                if due.map_or(self.ledger.open() == 0, |due| now >= due) {
                    self.drain(net);
                }
            }
            Phase::Drain
                if self.ledger.open() == 0
                    && self.ledger.overdue() == 0
                    && now >= self.measured.1 + nanoseconds(self.grace()) =>
            {
                self.finish(net);
            }
            _ => {}
        }
    }

    /// No more requests are sent; replies may still come.
    pub(super) fn drain(&mut self, net: &mut Net) {
        self.send_all_due(net);
        if self.is_over {
            return; // What was sent last has failed at once, as all before it.
        }
        self.stop_measuring();
        self.enter(net, Phase::Drain, self.plan.drain);
        set_timer(net, self.grace(), Alarm::GraceOver);
        self.check_end(net);
    }

    /// How long the drain lasts at least. A server that has answered twice may do so again.
    fn grace(&self) -> Duration {
        let has_doubled = self.is_datagram && self.ledger.books().duplicate > 0;
        if has_doubled { self.plan.drain } else { GRACE.min(self.plan.drain) }
    }

    fn stop_measuring(&mut self) {
        self.clock.catch_up();
        let now = self.clock.now();
        self.measured.1 = now;
        // What was planned for the dead is not forgotten.
        let is_all = self.ended_early && self.signal.is_none();
        let planned = if is_all { self.pace.planned_in_all() } else { self.pace.planned(now) };
        self.ledger.not_issued(planned.saturating_sub(self.pace.issued()));
        self.pace.stop();
    }

    /// The end before its time: there is nobody left to ask.
    pub(super) fn end_early(&mut self, net: &mut Net, mishap: Mishap) {
        self.mishaps.push(mishap);
        self.ended_early = true;
        self.finish(net);
    }

    /// The end, from whatever phase.
    pub(super) fn finish(&mut self, net: &mut Net) {
        if self.is_over {
            return;
        }
        match self.phase {
            Phase::Measure => self.stop_measuring(),
            Phase::Ramp | Phase::WarmUp if self.ended_early => {
                self.plan_requests(self.asked());
                self.ledger.not_issued(self.pace.planned_in_all());
            }
            _ => {}
        }
        self.audit();
        self.close_books(net);
        self.clock.catch_up();
        self.end_interval();
        self.is_over = true;
        self.sessions.forget_all();
        self.clients.dismiss_all();
    }

    fn enter(&mut self, net: &mut Net, phase: Phase, length: Duration) {
        self.audit();
        self.end_interval();
        (self.phase, self.phase_began) = (phase, self.clock.read());
        self.phase_number += 1;
        if length < Duration::MAX {
            set_timer(net, length, Alarm::PhaseOver(self.phase_number));
        }
        self.second_timer.take().map(|timer| net.cancel_timer(timer));
        self.start_seconds(net);
    }

    /// The alarm of a phase has gone off, perhaps of one that is over.
    pub(super) fn end_phase(&mut self, net: &mut Net, number: u64) {
        if number != self.phase_number {
            return;
        }
        match self.phase {
            Phase::Ramp => {}
            Phase::WarmUp => self.measure(net),
            Phase::Measure => self.end_measuring(net),
            Phase::Drain => self.finish(net),
        }
    }

    /// One of the ends of the measuring may have come: that of its time, or that of the schedule.
    fn end_measuring(&mut self, net: &mut Net) {
        let elapsed = Duration::from_nanos(self.clock.now() - self.pace.start());
        if self.plan.duration.is_some_and(|length| elapsed >= length) {
            return self.drain(net);
        }
        self.check_end(net);
        let next = self.ends().into_iter().flatten().filter(|&end| end > elapsed).min();
        if let (Phase::Measure, Some(end)) = (self.phase, next) {
            set_timer(net, end - elapsed, Alarm::PhaseOver(self.phase_number));
        }
    }

    /// How long the measuring is to last, if the clock ends it.
    pub(super) fn asked(&self) -> Option<Duration> {
        self.ends().into_iter().flatten().min()
    }

    /// When the measuring ends by its time, and when its last request has had its place in the schedule.
    fn ends(&self) -> [Option<Duration>; 2] {
        let by_schedule = self.plan.requests.zip(self.plan.rate);
        [self.plan.duration, by_schedule.map(|(requests, rate)| rate.time_for(requests))]
    }
}
