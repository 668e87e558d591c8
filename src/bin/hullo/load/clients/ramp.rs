//! The ramp: clients are begun one after the other, not too many at once and not faster than the plan says.

use crate::load::plan::rate::{Rate, Schedule};
use crate::load::text::request::ClientId;
use std::time::Duration;

/// How far the ramp has come.
pub struct Ramp {
    clients: u32,
    /// Clients that may be coming to life at a time.
    at_once: u32,
    schedule: Option<Schedule>,
    /// Clients begun, and those of them that came to life or failed.
    begun: u32,
    settled: u32,
    /// When a client last came to life, or there was another address to try.
    patient_since: u64,
    /// A timer for the next client is set.
    is_waiting: bool,
    /// Clients are being begun: one that fails at once need not begin the next.
    is_running: bool,
}

/// What the ramp does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RampStep {
    Begin(ClientId),
    /// The next client is due in so many nanoseconds, and no timer is set for it.
    Wait(u64),
    /// Nothing is to be done before something happens.
    Rest,
}

impl Ramp {
    /// `rate` is how many clients may be begun a second.
    pub fn new(clients: usize, at_once: usize, rate: Option<Rate>) -> Ramp {
        Ramp {
            clients: clients as u32,
            at_once: at_once as u32,
            schedule: rate.map(|rate| Schedule::new(rate, Duration::ZERO)),
            begun: 0,
            settled: 0,
            patient_since: 0,
            is_waiting: false,
            is_running: false,
        }
    }

    /// Whether nobody is beginning clients already; whoever is told so does it, and [stops](Ramp::stop) in the end.
    pub fn start(&mut self) -> bool {
        !std::mem::replace(&mut self.is_running, true)
    }

    pub fn stop(&mut self) {
        self.is_running = false;
    }

    pub fn next(&mut self, now: u64) -> RampStep {
        if self.begun >= self.clients || self.begun - self.settled >= self.at_once {
            return RampStep::Rest;
        }
        let due = self.schedule.map_or(0, |schedule| schedule.due(self.begun.into()));
        if due > now {
            let is_set = std::mem::replace(&mut self.is_waiting, true);
            return if is_set { RampStep::Rest } else { RampStep::Wait(due - now) };
        }
        self.begun += 1;
        RampStep::Begin(ClientId::new(self.begun - 1))
    }

    /// The timer for the next client has fired.
    pub fn stop_waiting(&mut self) {
        self.is_waiting = false;
    }

    /// A client has come to life, or there is another address to try: what comes next may take its time.
    pub fn be_patient_since(&mut self, now: u64) {
        self.patient_since = now;
    }

    /// One client more has come to life or failed. Says whether it was the last.
    pub fn settle(&mut self) -> bool {
        self.settled += 1;
        self.settled == self.clients
    }

    /// Whether patience has been in vain for so long.
    pub fn is_stuck(&self, now: u64, patience: u64) -> bool {
        now >= self.patient_since + patience
    }

    /// No more clients are begun. Says how many there would have been.
    pub fn give_up(&mut self) -> u32 {
        let rest = self.clients - self.begun;
        self.begun = self.clients;
        rest
    }

    pub fn has_begun_all(&self) -> bool {
        self.begun == self.clients
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(number: u32) -> RampStep {
        RampStep::Begin(ClientId::new(number))
    }

    #[test]
    fn so_many_come_to_life_at_once_and_the_last_one_ends_the_ramp() {
        let mut ramp = Ramp::new(3, 2, None);
        assert_eq!([ramp.next(0), ramp.next(0), ramp.next(0)], [begin(0), begin(1), RampStep::Rest]);
        assert!(!ramp.settle());
        assert_eq!([ramp.next(0), ramp.next(0)], [begin(2), RampStep::Rest]);
        assert!(ramp.has_begun_all() && !ramp.settle() && ramp.settle());
        assert_eq!(ramp.next(0), RampStep::Rest);
    }

    #[test]
    fn clients_are_begun_when_they_are_due_and_one_timer_waits_for_the_next() {
        let mut ramp = Ramp::new(9, 9, Some(Rate::parse("10").unwrap()));
        assert_eq!([ramp.next(0), ramp.next(40_000_000)], [begin(0), RampStep::Wait(60_000_000)]);
        assert_eq!(ramp.next(50_000_000), RampStep::Rest, "the timer is set");
        ramp.stop_waiting();
        assert_eq!([ramp.next(100_000_000), ramp.next(100_000_000)], [begin(1), RampStep::Wait(100_000_000)]);
    }

    #[test]
    fn a_ramp_in_which_nobody_comes_to_life_is_given_up_and_its_rest_counted() {
        let mut ramp = Ramp::new(5, 1, None);
        assert_eq!(ramp.next(0), begin(0));
        ramp.be_patient_since(10);
        assert!(!ramp.is_stuck(19, 10) && ramp.is_stuck(20, 10));
        assert_eq!((ramp.give_up(), ramp.give_up()), (4, 0));
        assert_eq!(ramp.next(0), RampStep::Rest);
    }

    #[test]
    fn who_begins_clients_is_not_told_to_once_more() {
        let mut ramp = Ramp::new(1, 1, None);
        assert!(ramp.start() && !ramp.start());
        ramp.stop();
        assert!(ramp.start());
    }
}
