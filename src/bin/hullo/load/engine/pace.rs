//! Who sends the next request, and when.

use crate::load::books::outcome::Phase;
use crate::load::clients::client::{Flight, Kind, Stage, State};
use crate::load::clients::queue::Queue;
use crate::load::engine::handler::{Driver, PUMP};
use crate::load::plan::rate::Schedule;
use crate::load::text::request::{ClientId, RequestId};
use hullo::{ConnId, DatagramId, Net};
use std::time::Duration;

/// Requests that one timer may send before the loop looks at replies again. They are written together when the turn
/// ends, so that this bounds as well how much later than `sent` says the last of them leaves: by 64 writes.
const BATCH: usize = 64;

/// Datagrams in flight at once, of all flows together, in a closed loop. A receive queue of Linux's default size holds some
/// 270 small ones, and what finds no room is lost: that would measure our own burst.
pub(crate) const WINDOW: usize = 128;
/// Later than this is late.
const LATE: u64 = 1_000_000;

/// The requests of a phase: how many there are to be, and how many there were.
pub(crate) struct Pace {
    /// In an open loop.
    pub(crate) schedule: Option<Schedule>,
    /// When the phase began, and when it ends at the latest.
    pub(crate) start: u64,
    pub(crate) until: u64,
    pub(crate) limit: u64,
    pub(crate) issued: u64,
    /// When the next one is due, in an open loop.
    next_due: u64,
    /// Clients that could send, the one that has waited longest first.
    free: Queue,
    /// Whether the timer for the next one is set.
    is_armed: bool,
    /// What was planned up to here was late because the loop was: a client stood ready, and nobody sent.
    late_until: u64,
}

impl Pace {
    pub(crate) fn new(clients: usize) -> Pace {
        Pace {
            schedule: None,
            start: 0,
            until: 0,
            limit: 0,
            issued: 0,
            next_due: 0,
            free: Queue::new(clients),
            is_armed: false,
            late_until: 0,
        }
    }

    /// Begins a phase of requests.
    pub(crate) fn begin(&mut self, schedule: Option<Schedule>, start: u64, until: u64, limit: u64) {
        (self.schedule, self.start, self.until, self.limit) = (schedule, start, until, limit);
        (self.issued, self.next_due) = (0, start);
    }

    /// No more requests.
    pub(crate) fn stop(&mut self) {
        self.limit = self.issued;
    }

    /// Requests that were asked for in all: those of the schedule up to its end, or a number of them.
    pub(crate) fn planned_in_all(&self) -> u64 {
        match &self.schedule {
            Some(_) if self.until < u64::MAX => self.planned(self.until),
            _ if self.limit < u64::MAX => self.limit,
            _ => self.issued,
        }
    }

    /// Requests that the schedule has for the time before `now`.
    pub(crate) fn planned(&self, now: u64) -> u64 {
        match &self.schedule {
            Some(schedule) => {
                schedule.due_before(now.min(self.until).saturating_sub(self.start)).min(self.limit)
            }
            None => self.issued,
        }
    }

    /// When the next request is planned, if it is not later than `now`.
    #[inline]
    fn due(&self, now: u64) -> Option<u64> {
        if self.issued >= self.limit {
            return None;
        }
        match self.schedule {
            None => Some(now),
            Some(_) => Some(self.next_due).filter(|&due| due <= now && due < self.until),
        }
    }

    #[inline]
    fn count(&mut self) {
        self.issued += 1;
        if let Some(schedule) = &self.schedule {
            self.next_due = self.start.saturating_add(schedule.due(self.issued));
        }
    }
}

impl Driver<'_> {
    /// A client may be free: it sends what is due, or waits for its turn.
    #[inline]
    pub(crate) fn offer(&mut self, net: &mut Net, lane: u32) {
        if self.is_windowed {
            return self.take_turns(net, lane);
        }
        // One reading of the clock: what is sent here leaves in one write.
        let mut sent = None;
        while self.can_send(lane) {
            let Some(planned) = self.pace.due(self.now) else {
                self.pace.free.push(lane);
                return self.arm_pump(net);
            };
            let sent = *sent.get_or_insert_with(|| self.clock());
            self.issue(net, lane, planned, sent);
        }
    }

    /// In a closed loop of datagrams not all clients may have one in flight at once, since no queue would hold them. They
    /// take turns.
    fn take_turns(&mut self, net: &mut Net, lane: u32) {
        if self.can_send(lane) {
            self.pace.free.push(lane);
        }
        while self.lanes.waiting < WINDOW && self.send_due(net, self.now) {}
    }

    /// Sends what the schedule has due, from the clients that have waited longest.
    pub(crate) fn pump(&mut self, net: &mut Net) {
        self.pace.is_armed = false;
        let now = self.clock();
        if self.pace.due(now).is_some() && self.pace.schedule.is_some() {
            self.seconds.note_turn(Duration::from_nanos(now - self.pace.next_due));
        }
        for _ in 0..BATCH {
            if !self.send_due(net, now) {
                break;
            }
        }
        self.arm_pump(net);
    }

    /// At the end of an open loop nothing that was due may be forgotten for the loop's own lateness.
    pub(crate) fn pump_all(&mut self, net: &mut Net) {
        if self.pace.schedule.is_none() {
            return;
        }
        let now = self.clock();
        while self.send_due(net, now) {}
    }

    fn send_due(&mut self, net: &mut Net, now: u64) -> bool {
        let Some(planned) = self.pace.due(now) else { return false };
        while let Some(lane) = self.pace.free.first() {
            self.pace.free.remove(lane);
            if self.can_send(lane) {
                let sent = self.clock();
                self.issue(net, lane, planned, sent);
                if self.can_send(lane) {
                    self.pace.free.push(lane);
                }
                return true;
            }
        }
        false
    }

    #[inline]
    fn arm_pump(&mut self, net: &mut Net) {
        let pace = &mut self.pace;
        let is_due = pace.schedule.is_some() && pace.issued < pace.limit && pace.next_due < pace.until;
        if is_due && !pace.is_armed && !pace.free.is_empty() {
            pace.is_armed = true;
            let wait = pace.next_due.saturating_sub(self.clock());
            net.set_timer(Duration::from_nanos(wait), PUMP);
        }
    }

    #[inline]
    fn can_send(&self, lane: u32) -> bool {
        let stage = self.lanes.lanes[lane as usize].stage;
        if self.plan.churn {
            stage == Stage::Idle
        } else {
            stage == Stage::Alive && self.lanes.has_room(lane)
        }
    }

    #[inline(always)]
    fn issue(&mut self, net: &mut Net, lane: u32, planned: u64, sent: u64) {
        let is_measured = self.phase == Phase::Measure;
        self.pace.count();
        if is_measured {
            self.ledger.issued();
            self.lanes.lane(lane).asked += 1;
        }
        if self.plan.churn {
            let client = self.lanes.lane(lane);
            (client.planned, client.is_measured) = (planned, is_measured);
            self.open_session(net, lane, Kind::Request);
        } else {
            self.send_at(net, lane, Kind::Request, planned, sent, is_measured);
        }
    }

    /// Sends a request, or what else the kind says.
    ///
    /// The clock is read for it and not once a turn. On a stream that is being served the bytes leave when its callback
    /// ends, a microsecond later; what a timer sends leaves with the turn's flush, see [`BATCH`].
    pub(crate) fn send(&mut self, net: &mut Net, lane: u32, kind: Kind, planned: u64, is_measured: bool) {
        let sent = self.clock();
        self.send_at(net, lane, kind, planned, sent, is_measured);
    }

    #[inline(always)]
    fn send_at(&mut self, net: &mut Net, lane: u32, kind: Kind, planned: u64, sent: u64, is_measured: bool) {
        let client = &mut self.lanes.lanes[lane as usize];
        let sequence = client.sequence;
        if kind != Kind::Farewell {
            client.sequence += 1;
        }
        let (id, free_since) = (client.id, client.free_since);
        let is_open_loop = self.pace.schedule.is_some();
        // In a closed loop a request is planned when it is sent; with a connection of its own, when that was begun.
        let planned = if is_open_loop || self.plan.churn { planned } else { sent };
        let request = match kind {
            Kind::Farewell => self.plan.script.farewell.as_deref().unwrap_or_default(),
            Kind::Proof | Kind::Request => {
                self.requests.text(RequestId { client: ClientId::new(lane), sequence })
            }
        };
        let size = request.len() as u64;
        if self.is_datagram {
            net.send_datagram(DatagramId::from_bits(id), request);
        } else if size > 0 {
            net.send(ConnId::from_bits(id), request);
        }
        let state = State::Waiting;
        let flight = Flight { sequence, planned, sent, kind, state, is_measured, is_overtaken: false };
        self.lanes.push(lane, flight);
        self.arm_deadline(net);
        if is_measured && kind == Kind::Request {
            self.ledger.sent(size);
            if is_open_loop {
                self.record_lag(planned, free_since, sent);
            }
        }
    }

    /// How late a request left that could have left: from its plan, or from when its client was free. But what was
    /// planned while the loop stood still is late for that reason, even if its client has become free since.
    fn record_lag(&mut self, planned: u64, free_since: u64, sent: u64) {
        if free_since <= planned && sent - planned > LATE {
            self.pace.late_until = self.pace.late_until.max(sent);
        }
        let could = if planned <= self.pace.late_until { planned } else { planned.max(free_since) };
        self.ledger.latencies().record_lag(sent.saturating_sub(could));
    }
}
