//! The figures of a run, once it is over.

use crate::load::books::ledger::UnderWay;
use crate::load::books::outcome::{Fairness, Generator, Mode, Outcome};
use crate::load::books::verdict::Verdict;
use crate::load::clients::client::{Kind, Stage, State};
use crate::load::engine::handler::{Driver, nanoseconds};
use crate::load::report::advice::advice;
use crate::load::report::verdict;
use hullo::{DatagramId, Net};
use std::time::Duration;

/// What has waited for less may still be answered, whatever other replies took.
const LONG: Duration = Duration::from_secs(1);

/// Starved clients that are named.
const NAMED: usize = 100;

impl Driver<'_> {
    /// The end before its time: there is nobody left to ask.
    pub(crate) fn end_early(&mut self, net: &mut Net, fault: &str) {
        self.faults.push(fault.to_owned());
        self.ended_early = true;
        self.finish(net);
    }

    /// What is under way at the end was neither answered nor lost. Some of it waits for a server that has gone silent.
    pub(crate) fn count_unfinished(&mut self, net: &Net) {
        let heard = self.heard_until(net);
        let patience = nanoseconds(LONG.max(2 * self.ledger.latencies().slowest()));
        for lane in 0..self.plan.clients as u32 {
            for place in self.lanes.under_way(lane) {
                let flight = self.lanes.peek(place);
                match flight.state {
                    _ if !flight.is_measured => {}
                    State::Waiting => {
                        self.ledger.unfinished(heard.saturating_sub(flight.sent) > patience);
                    }
                    State::Unsent => self.ledger.not_taken(),
                    State::Overdue | State::Done => {}
                }
            }
        }
        let UnderWay { unsent, overdue, .. } = self.measured_under_way();
        self.ledger.never_sent(unsent);
        self.ledger.audit(self.phase, UnderWay { overdue, ..UnderWay::default() });
    }

    /// The books, held against what the clients know of.
    pub(crate) fn audit(&self) {
        self.ledger.audit(self.phase, self.measured_under_way());
    }

    fn measured_under_way(&self) -> UnderWay {
        let mut count = UnderWay { overdue: self.lost.len(), ..UnderWay::default() };
        for (lane, client) in (0u32..).zip(&self.lanes.lanes) {
            let is_unborn = matches!(client.stage, Stage::Opening | Stage::Welcome);
            count.unsent += u64::from(is_unborn && client.is_measured && client.errand == Kind::Request);
            for flight in self.lanes.under_way(lane).map(|place| self.lanes.peek(place)) {
                match flight.state {
                    _ if !flight.is_measured => {}
                    State::Waiting | State::Unsent => count.waiting += 1,
                    State::Overdue => count.overdue += 1,
                    State::Done => {}
                }
            }
        }
        count
    }

    /// What our own receive queues had no room for is shown apart from what others lost.
    pub(crate) fn count_drops(&mut self, net: &Net) {
        if !self.is_datagram {
            return;
        }
        for lane in &self.lanes.lanes {
            let drops =
                net.controls(DatagramId::from_bits(lane.id)).and_then(|controls| controls.receive_drops());
            self.receive_drops += u64::from(drops.unwrap_or(0));
        }
    }

    pub(crate) fn outcome(mut self) -> Outcome {
        let plan = self.plan;
        let measured = Duration::from_nanos(self.measured.1 - self.measured.0);
        let generator = Generator {
            cpu: share(self.seconds.cpu_measured, measured),
            max_loop_lag: self.seconds.longest_measured,
            p99_schedule_lag: self.ledger.latencies().p99_lag(),
            longest_stall: self.heartbeat.longest,
            stalled: self.heartbeat.sum,
            receive_drops: self.receive_drops,
            bytes_per_client: self.bytes_per_client() as u64,
        };
        let (fairness, asked) = (self.fairness(), self.asked());
        let totals = self.ledger.into_totals();
        let mut outcome = Outcome {
            command: plan.command.clone(),
            target: plan.targets[self.target].clone(),
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
            ramp: self.seconds.ramp,
            offered: plan.rate,
            books: totals.books,
            connections: self.connections,
            latency: totals.latency,
            bytes_sent: totals.bytes_sent,
            bytes_received: totals.bytes_received,
            fairness,
            generator,
            evidence: totals.evidence,
            failures: totals.failures,
            never_alive: totals.never_alive,
            intervals: totals.intervals,
            signal: self.signal,
            verdict: Verdict::default(),
        };
        let notes = [self.notes, advice(&outcome, &plan.script)].concat();
        outcome.verdict = verdict::verdict(&outcome, &plan.expectations, self.faults, notes);
        outcome
    }

    /// What one client costs.
    fn bytes_per_client(&self) -> usize {
        self.lanes.bytes_per_client() + self.requests.bytes_per_client() + self.replies.bytes_per_client()
    }

    fn fairness(&self) -> Fairness {
        let alive: Vec<(u32, u32, u32)> = (0u32..)
            .zip(&self.lanes.lanes)
            .filter(|(_, lane)| lane.was_alive)
            .map(|(number, lane)| (number, lane.correct, lane.asked))
            .collect();
        let mut replies: Vec<u64> = alive.iter().map(|&(_, correct, _)| correct.into()).collect();
        replies.sort_unstable();
        let (Some(&worst), Some(&best)) = (replies.first(), replies.last()) else {
            return Fairness::default();
        };
        let at = |percent: usize| replies[(percent * replies.len()).div_ceil(100).max(1) - 1];
        let median = at(50);
        // Who was not asked is not starved; with fewer than ten replies each, chance alone makes such differences.
        let is_starved = |&&(_, correct, asked): &&(u32, u32, u32)| {
            asked > 0 && (correct == 0 || median >= 10 && u64::from(correct) < median / 10)
        };
        let starved = alive.iter().filter(is_starved).map(|&(number, ..)| number).take(NAMED).collect();
        Fairness { worst, median, best, starved, spread: (1..=100).map(at).collect() }
    }
}

fn share(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() { 0.0 } else { part.as_secs_f64() / whole.as_secs_f64() }
}

fn kernel() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}
