//! A run that no clock ends must not wait for ever: for a server that answers no more, or for clients that cannot ask.

use crate::load::books::outcome::{Books, Mishap, Phase};
use crate::load::engine::Engine;
use crate::load::engine::clock::nanoseconds;
use hullo::Net;

/// What had happened when somebody last looked.
#[derive(Default)]
pub struct Silence {
    /// Requests that were sent.
    sent: u64,
    /// Replies that had come, and when there was last one more.
    answered: u64,
    since: u64,
}

impl Silence {
    /// Whether nothing was sent since the last look.
    fn is_still(&mut self, sent: u64) -> bool {
        std::mem::replace(&mut self.sent, sent) == sent
    }

    /// How long no reply has come; `is_asked`: somebody waits for one.
    fn length(&mut self, answered: u64, is_asked: bool, now: u64) -> u64 {
        if !is_asked || answered != self.answered {
            (self.answered, self.since) = (answered, now);
        }
        now.saturating_sub(self.since)
    }
}

impl Engine<'_> {
    /// Ends the run where nothing moves any more, and nothing else would end it. Looks once a second.
    pub(super) fn check_silence(&mut self, net: &mut Net) {
        let is_measuring = self.phase == Phase::Measure;
        let Books { sent, correct, wrong, late, .. } = self.ledger.books();
        let nothing_waits = self.clients.flights.deadlines.is_empty() && self.clients.handshakes.is_empty();
        let is_still = self.silence.is_still(sent) && nothing_waits;
        let heard = self.clock.heard_until(net);
        let silence = self.silence.length(correct + wrong + late, is_measuring, heard);
        // So long a server may take to answer anything at all.
        let patience = self.plan.connect_timeout.saturating_add(self.plan.timeout);
        if self.asked().is_none() && silence >= nanoseconds(patience) {
            return self.end_early(net, Mishap::Silence(patience));
        }
        // All clients are behind with their overdue requests.
        let has_more = self.pace.planned(self.clock.now()) > self.pace.issued() || self.plan.rate.is_none();
        if self.plan.duration.is_none() && is_measuring && is_still && has_more {
            let (issued, wanted) = (self.pace.issued(), self.plan.requests.unwrap_or(0));
            self.mishaps.push(Mishap::Stuck { issued, wanted });
            self.ended_early = true;
            self.drain(net);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_lasts_from_the_last_reply_while_somebody_waits_for_one() {
        let mut silence = Silence::default();
        assert_eq!(silence.length(0, false, 10), 0, "nobody waits");
        assert_eq!(silence.length(0, true, 15), 5);
        assert_eq!(silence.length(1, true, 20), 0, "a reply has come");
        assert_eq!(silence.length(1, true, 90), 70);
    }

    #[test]
    fn a_run_is_still_when_nothing_more_was_sent() {
        let mut silence = Silence::default();
        assert!(silence.is_still(0) && !silence.is_still(3) && silence.is_still(3) && !silence.is_still(4));
    }
}
