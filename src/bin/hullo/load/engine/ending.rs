//! The end of a run: the books are closed, and its figures become the outcome.

use crate::load::books::ledger::UnderWay;
use crate::load::books::outcome::{Generator, Mode, Outcome};
use crate::load::books::verdict::Verdict;
use crate::load::clients::flights::FlightState;
use crate::load::engine::Engine;
use crate::load::engine::clock::nanoseconds;
use hullo::Net;
use std::time::Duration;

/// What has waited for less may still be answered, whatever other replies took.
const LONG: Duration = Duration::from_secs(1);

impl Engine<'_> {
    /// Holds the books against what the clients know of.
    pub(super) fn audit(&self) {
        self.ledger.audit(self.phase, self.measured_under_way());
    }

    fn measured_under_way(&self) -> UnderWay {
        let under_way = self.clients.measured_under_way();
        UnderWay { overdue: under_way.overdue + self.replies.lost().len(), ..under_way }
    }

    /// Enters in the ledger what has come to no end, and takes note of what else was lost.
    pub(super) fn close_books(&mut self, net: &Net) {
        self.count_unfinished(net);
        let UnderWay { unsent, overdue, .. } = self.measured_under_way();
        self.ledger.never_sent(unsent);
        self.ledger.audit(self.phase, UnderWay { overdue, ..UnderWay::default() });
        self.count_drops(net);
    }

    /// What is under way at the end was neither answered nor lost. Some of it waits for a server that has gone silent.
    fn count_unfinished(&mut self, net: &Net) {
        let heard = self.clock.heard_until(net);
        let patience = nanoseconds(LONG.max(2 * self.ledger.latencies().slowest()));
        let flights = &self.clients.flights;
        for flight in self.clients.ids().flat_map(|client| flights.under_way(client)) {
            let flight = flights.get(flight);
            match flight.state {
                _ if !flight.is_measured => {}
                FlightState::Waiting => {
                    self.ledger.unfinished(heard.saturating_sub(flight.sent) > patience);
                }
                FlightState::Unsent => self.ledger.not_taken(),
                FlightState::Overdue | FlightState::Done => {}
            }
        }
    }

    /// What our own receive queues had no room for is shown apart from what others lost.
    fn count_drops(&mut self, net: &Net) {
        for client in self.clients.ids().filter(|_| self.is_datagram) {
            let controls = net.controls(self.clients[client].socket.datagrams());
            let drops = controls.and_then(|controls| controls.receive_drops());
            self.receive_drops += u64::from(drops.unwrap_or(0));
        }
    }

    /// All figures of the run. What to think of them is for the report to say.
    pub fn outcome(mut self) -> Outcome {
        let plan = self.plan;
        let measured = Duration::from_nanos(self.measured.1 - self.measured.0);
        let generator = Generator {
            cpu: share(self.interval.cpu_measured(), measured),
            max_loop_lag: self.interval.longest_measured(),
            p99_schedule_lag: self.ledger.latencies().p99_lag(),
            longest_stall: self.heartbeat.longest(),
            stalled: self.heartbeat.sum(),
            receive_drops: self.receive_drops,
            bytes_per_client: self.bytes_per_client() as u64,
        };
        let asked = self.asked();
        let totals = self.ledger.into_totals();
        Outcome {
            command: plan.command.clone(),
            target: self.sessions.target().clone(),
            mode: if plan.rate.is_some() { Mode::Open } else { Mode::Closed },
            settings: plan.settings.clone(),
            check: plan.script.check,
            churn: plan.churn,
            kernel: kernel(),
            seed: plan.seed,
            began: self.began,
            measured,
            asked,
            ended_early: self.ended_early && self.signal.is_none(),
            unanswered: totals.unanswered,
            ramp: Duration::from_nanos(self.ramp_ended),
            offered: plan.rate,
            books: totals.books,
            connections: self.sessions.counts(),
            latency: totals.latency,
            bytes_sent: totals.bytes_sent,
            bytes_received: totals.bytes_received,
            fairness: self.clients.fairness(),
            generator,
            evidence: totals.evidence,
            failures: totals.failures,
            never_alive: totals.never_alive,
            intervals: totals.intervals,
            mishaps: self.mishaps,
            forgotten: self.replies.lost().forgotten(),
            signal: self.signal,
            verdict: Verdict::default(),
        }
    }

    /// Memory that one client takes, in bytes.
    fn bytes_per_client(&self) -> usize {
        self.clients.bytes_per_client() + self.requests.bytes_per_client() + self.replies.bytes_per_client()
    }
}

fn share(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() { 0.0 } else { part.as_secs_f64() / whole.as_secs_f64() }
}

fn kernel() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}
