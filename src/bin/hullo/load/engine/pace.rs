//! When the next request is sent, and which client sends it.

use crate::load::clients::queue::Queue;
use crate::load::plan::rate::Schedule;
use crate::load::text::request::ClientId;

/// Later than this is late.
const LATE: u64 = 1_000_000;

/// The requests of a phase: how many there are to be, and how many there were.
pub struct Pace {
    /// In an open loop.
    schedule: Option<Schedule>,
    /// When the phase began, and when it ends at the latest.
    start: u64,
    until: u64,
    limit: u64,
    issued: u64,
    /// When the next one is due, in an open loop.
    next_due: u64,
    /// Clients that could send, the one that has waited longest first.
    free: Queue<ClientId>,
    /// The alarm for the next one is set.
    is_armed: bool,
    /// What was planned up to here was late because the loop was: a client stood ready, and nobody sent.
    late_until: u64,
}

impl Pace {
    pub fn new(clients: usize) -> Pace {
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
    pub fn begin(&mut self, schedule: Option<Schedule>, start: u64, until: u64, limit: u64) {
        (self.schedule, self.start, self.until, self.limit) = (schedule, start, until, limit);
        (self.issued, self.next_due) = (0, start);
    }

    /// No more requests.
    pub fn stop(&mut self) {
        self.limit = self.issued;
    }

    /// When the phase began.
    pub fn start(&self) -> u64 {
        self.start
    }

    pub fn issued(&self) -> u64 {
        self.issued
    }

    /// Whether all requests that there are to be have been issued.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.issued >= self.limit
    }

    /// Whether requests are sent by a schedule, whatever the replies do.
    #[inline]
    pub fn is_open_loop(&self) -> bool {
        self.schedule.is_some()
    }

    /// Requests that were asked for in all: those of the schedule up to its end, or a number of them.
    pub fn planned_in_all(&self) -> u64 {
        match &self.schedule {
            Some(_) if self.until < u64::MAX => self.planned(self.until),
            _ if self.limit < u64::MAX => self.limit,
            _ => self.issued,
        }
    }

    /// Requests that the schedule has for the time before `now`.
    pub fn planned(&self, now: u64) -> u64 {
        match &self.schedule {
            Some(schedule) => {
                schedule.due_before(now.min(self.until).saturating_sub(self.start)).min(self.limit)
            }
            None => self.issued,
        }
    }

    /// When the next request is planned, if it is not later than `now`.
    #[inline]
    pub fn due(&self, now: u64) -> Option<u64> {
        if self.is_done() {
            return None;
        }
        match self.schedule {
            None => Some(now),
            Some(_) => Some(self.next_due).filter(|&due| due <= now && due < self.until),
        }
    }

    /// The request that was due is issued.
    #[inline]
    pub fn issue(&mut self) {
        self.issued += 1;
        if let Some(schedule) = &self.schedule {
            self.next_due = self.start.saturating_add(schedule.due(self.issued));
        }
    }

    /// A client could send, and waits for its turn.
    #[inline]
    pub fn add_free(&mut self, client: ClientId) {
        self.free.push(client);
    }

    /// The client that could send for the longest time; it waits no more.
    #[inline]
    pub fn take_free(&mut self) -> Option<ClientId> {
        let client = self.free.first()?;
        self.free.remove(client);
        Some(client)
    }

    /// When the alarm for the next request is due, if one has to be set; whoever asks sets it.
    #[inline]
    pub fn arm(&mut self) -> Option<u64> {
        let is_due = self.is_open_loop() && !self.is_done() && self.next_due < self.until;
        let is_wanted = is_due && !self.is_armed && !self.free.is_empty();
        self.is_armed |= is_wanted;
        is_wanted.then_some(self.next_due)
    }

    /// The alarm for the next request has gone off. Says how late that is, in an open loop that has a request due.
    pub fn disarm(&mut self, now: u64) -> Option<u64> {
        self.is_armed = false;
        self.due(now).filter(|_| self.is_open_loop()).map(|due| now - due)
    }

    /// How late a request left that could have left: from its plan, or from when its client was free. But what was planned
    /// while the loop stood still is late for that reason, even if its client has become free since.
    pub fn lag(&mut self, planned: u64, free_since: u64, sent: u64) -> u64 {
        if free_since <= planned && sent - planned > LATE {
            self.late_until = self.late_until.max(sent);
        }
        let could = if planned <= self.late_until { planned } else { planned.max(free_since) };
        sent.saturating_sub(could)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::plan::rate::Rate;
    use std::time::Duration;

    const MS: u64 = 1_000_000;

    fn open_loop(limit: u64) -> Pace {
        let schedule = Schedule::new(Rate::parse("1000").unwrap(), Duration::ZERO);
        let mut pace = Pace::new(2);
        pace.begin(Some(schedule), 10 * MS, 15 * MS, limit);
        pace
    }

    #[test]
    fn a_schedule_has_requests_due_one_after_the_other_up_to_its_end() {
        let mut pace = open_loop(u64::MAX);
        assert_eq!((pace.due(9 * MS), pace.due(30 * MS)), (None, Some(10 * MS)));
        for request in 0..5 {
            assert_eq!(pace.due(30 * MS), Some((10 + request) * MS));
            pace.issue();
        }
        assert_eq!(pace.due(30 * MS), None, "the end is not part of the phase");
        assert_eq!((pace.planned(12 * MS), pace.planned_in_all(), pace.issued()), (2, 5, 5));
    }

    #[test]
    fn one_alarm_is_set_where_a_client_waits_for_a_request_to_come() {
        let mut pace = open_loop(2);
        assert_eq!(pace.arm(), None, "nobody could send");
        pace.add_free(ClientId::new(1));
        assert_eq!((pace.arm(), pace.arm()), (Some(10 * MS), None));
        assert_eq!((pace.disarm(11 * MS), pace.arm()), (Some(MS), Some(10 * MS)));
        assert_eq!((pace.take_free(), pace.take_free()), (Some(ClientId::new(1)), None));
        pace.issue();
        pace.issue();
        pace.add_free(ClientId::new(0));
        assert_eq!((pace.disarm(30 * MS), pace.arm()), (None, None), "there are no more");
        assert!(pace.is_done());
    }

    #[test]
    fn a_request_is_late_since_its_client_was_free_unless_the_loop_stood_still() {
        let mut pace = open_loop(u64::MAX);
        assert_eq!(pace.lag(10 * MS, 12 * MS, 13 * MS), MS, "its client was not free before");
        assert_eq!(pace.lag(10 * MS, 5 * MS, 20 * MS), 10 * MS, "it was, and nobody sent");
        assert_eq!(pace.lag(11 * MS, 19 * MS, 20 * MS), 9 * MS, "planned while nobody sent");
        assert_eq!(pace.lag(21 * MS, 22 * MS, 22 * MS), 0);
    }

    #[test]
    fn a_closed_loop_has_a_request_due_until_all_are_issued() {
        let mut pace = Pace::new(1);
        pace.begin(None, 0, u64::MAX, 2);
        assert_eq!((pace.due(7), pace.planned_in_all()), (Some(7), 2));
        pace.add_free(ClientId::new(0));
        assert_eq!(pace.arm(), None, "no alarm is wanted");
        pace.stop();
        assert_eq!(pace.due(7), None);
    }
}
