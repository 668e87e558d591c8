//! The phases of a run: how each begins, and when it is over.

use crate::load::books::outcome::{Books, Phase};
use crate::load::engine::handler::{Driver, PHASE, SECOND, nanoseconds};
use crate::load::plan::rate::Schedule;
use crate::load::report::shown;
use hullo::{ConnMap, Net};
use std::time::{Duration, SystemTime};

/// After the last reply a reply too many is still seen for so long.
const GRACE: Duration = Duration::from_millis(50);

impl Driver<'_> {
    /// The ramp is over.
    pub(crate) fn warm_up(&mut self, net: &mut Net) {
        self.seconds.ramp = Duration::from_nanos(self.now);
        if self.alive_now == 0 && !self.plan.churn {
            return self.end_early(net, "no client was alive when the ramp was over");
        }
        if self.plan.warmup.is_zero() {
            return self.measure(net);
        }
        self.enter(net, Phase::WarmUp, self.plan.warmup);
        let schedule = self.plan.rate.map(|rate| Schedule::new(rate.beginning(), Duration::ZERO));
        self.pace.begin(schedule, self.now, u64::MAX, u64::MAX);
        self.offer_all(net);
    }

    fn measure(&mut self, net: &mut Net) {
        let length = self.asked();
        self.began = SystemTime::now();
        self.enter(net, Phase::Measure, length.unwrap_or(Duration::MAX));
        self.now = self.clock();
        self.measured = (self.now, self.now);
        self.lanes.begin_measuring();
        self.heartbeat.begin_measuring(self.now);
        self.plan_requests(length);
        self.offer_all(net);
    }

    /// The requests of a measuring that begins now.
    fn plan_requests(&mut self, length: Option<Duration>) {
        let plan = self.plan;
        let until = plan.duration.map_or(u64::MAX, |length| self.now.saturating_add(nanoseconds(length)));
        let schedule = plan.rate.map(|rate| Schedule::new(rate, length.unwrap_or(Duration::MAX)));
        self.pace.begin(schedule, self.now, until, plan.requests.unwrap_or(u64::MAX));
    }

    fn offer_all(&mut self, net: &mut Net) {
        for lane in 0..self.plan.clients as u32 {
            self.offer(net, lane);
        }
    }

    /// Ends the measuring as soon as all is done that was asked for.
    #[inline]
    pub(crate) fn check_end(&mut self, net: &mut Net) {
        if self.phase != Phase::Measure || self.pace.issued >= self.pace.limit {
            self.look_for_end(net);
        }
    }

    #[inline(never)]
    fn look_for_end(&mut self, net: &mut Net) {
        let is_issued = self.pace.issued >= self.pace.limit;
        match self.phase {
            Phase::Measure if is_issued => {
                // By the clock there is a place for the last one to end, and its reply may come in the drain.
                let [_, by_schedule] = self.ends();
                let due = by_schedule.map(|length| self.pace.start.saturating_add(nanoseconds(length)));
                if due.map_or(self.ledger.open() == 0, |due| self.now >= due) {
                    self.drain(net);
                }
            }
            Phase::Drain
                if self.ledger.open() == 0
                    && self.ledger.overdue() == 0
                    && self.now >= self.measured.1 + nanoseconds(self.grace()) =>
            {
                self.finish(net);
            }
            _ => {}
        }
    }

    /// No more requests; replies may still come.
    pub(crate) fn drain(&mut self, net: &mut Net) {
        self.pump_all(net);
        self.stop_measuring();
        self.enter(net, Phase::Drain, self.plan.drain);
        // Once more when the shortest drain is over.
        net.set_timer(self.grace(), PHASE);
        self.check_end(net);
    }

    /// How long the drain lasts at least. A server that has answered twice may do so again.
    fn grace(&self) -> Duration {
        let has_doubled = self.is_datagram && self.ledger.books().duplicate > 0;
        if has_doubled { self.plan.drain } else { GRACE.min(self.plan.drain) }
    }

    fn stop_measuring(&mut self) {
        self.now = self.clock();
        self.measured.1 = self.now;
        // What was planned for the dead is not forgotten.
        let is_all = self.ended_early && self.signal.is_none();
        let planned = if is_all { self.pace.planned_in_all() } else { self.pace.planned(self.now) };
        self.ledger.not_issued(planned.saturating_sub(self.pace.issued));
        self.pace.stop();
    }

    /// The end, from whatever phase.
    pub(crate) fn finish(&mut self, net: &mut Net) {
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
        self.count_unfinished(net);
        if self.lost.forgotten > 0 {
            self.notes.push(format!(
                "{} lost requests were forgotten for want of memory: a late answer to one of them counts as duplicate",
                self.lost.forgotten
            ));
        }
        self.count_drops(net);
        self.now = self.clock();
        self.close_interval();
        self.is_over = true;
        // What this turn still brings belongs to nobody.
        self.owners = ConnMap::new();
    }

    fn enter(&mut self, net: &mut Net, phase: Phase, length: Duration) {
        self.audit();
        self.close_interval();
        (self.phase, self.phase_began) = (phase, self.clock());
        self.generation += 1;
        if length < Duration::MAX {
            net.set_timer(length, PHASE | self.generation << 8);
        }
        self.second.take().map(|timer| net.cancel_timer(timer));
        self.second = Some(net.set_interval(Duration::from_secs(1), SECOND));
        self.seconds.expect_ticks(self.clock());
    }

    pub(crate) fn phase_timer(&mut self, net: &mut Net, generation: u64) {
        if generation == 0 {
            return self.check_end(net);
        }
        if generation != self.generation {
            return;
        }
        match self.phase {
            Phase::Ramp => {}
            Phase::WarmUp => self.measure(net),
            Phase::Measure => self.measure_timer(net),
            Phase::Drain => self.finish(net),
        }
    }

    /// One of the ends of the measuring may have come: that of its time, or that of the schedule.
    fn measure_timer(&mut self, net: &mut Net) {
        let elapsed = Duration::from_nanos(self.now - self.pace.start);
        if self.plan.duration.is_some_and(|length| elapsed >= length) {
            return self.drain(net);
        }
        self.check_end(net);
        let next = self.ends().into_iter().flatten().filter(|&end| end > elapsed).min();
        if let (Phase::Measure, Some(end)) = (self.phase, next) {
            net.set_timer(end - elapsed, PHASE | self.generation << 8);
        }
    }

    /// How long the measuring is to last, if the clock ends it.
    pub(crate) fn asked(&self) -> Option<Duration> {
        self.ends().into_iter().flatten().min()
    }

    /// When the measuring ends by its time, and when its last request has had its place in the schedule.
    fn ends(&self) -> [Option<Duration>; 2] {
        let by_schedule = self.plan.requests.zip(self.plan.rate);
        [self.plan.duration, by_schedule.map(|(requests, rate)| rate.time_for(requests))]
    }

    /// Once a second.
    pub(crate) fn second(&mut self, net: &mut Net) {
        self.seconds.note_tick(self.now);
        self.close_interval();
        let sent = self.ledger.books().sent;
        let is_still =
            sent == self.sent_before && self.lanes.deadlines.is_empty() && self.lanes.handshakes.is_empty();
        self.sent_before = sent;
        // Without an end by the clock, nothing may wait for ever: all clients are behind with their overdue requests.
        let is_endless = self.plan.duration.is_none() && self.phase == Phase::Measure;
        if self.is_silent(net) {
            let patience = shown(self.silence());
            return self.end_early(net, &format!("no reply came for {patience}, and no more were asked for"));
        }
        let has_more = self.pace.planned(self.now) > self.pace.issued || self.plan.rate.is_none();
        if is_endless && is_still && has_more {
            let (issued, wanted) = (self.pace.issued, self.plan.requests.unwrap_or(0));
            self.faults.push(format!(
                "stopped after {issued} of {wanted} requests: every client waits for replies that are overdue"
            ));
            self.ended_early = true;
            self.drain(net);
        }
    }

    /// Whether a run without an end by the clock asks a server that answers no more.
    fn is_silent(&mut self, net: &Net) -> bool {
        let (heard, Books { correct, wrong, late, .. }) = (self.heard_until(net), self.ledger.books());
        let answered = correct + wrong + late;
        if self.phase != Phase::Measure || answered != self.answered.0 {
            self.answered = (answered, heard);
        }
        self.asked().is_none() && heard >= self.answered.1.saturating_add(nanoseconds(self.silence()))
    }

    /// So long a server may take to answer anything at all.
    fn silence(&self) -> Duration {
        self.plan.connect_timeout.saturating_add(self.plan.timeout)
    }
}
