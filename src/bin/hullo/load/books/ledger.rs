//! The books as they are kept: counts, histograms, one record a second.

use crate::load::books::latency::Recorder;
use crate::load::books::outcome::{Books, Evidence, Interval, Latency, Phase};
use crate::load::books::packed::Kept;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest time that a histogram holds, in microseconds: an hour. What took longer is counted as that.
const LONGEST: u64 = 3_600_000_000;
/// Replies kept as evidence.
const EVIDENCE: usize = 10;
/// Bytes kept of each.
const EVIDENCE_BYTES: usize = 512;

pub(crate) struct Tally {
    /// `lost` is what was lost or timed out; what came late after that is in `late` or in `wrong` as well.
    gross: Books,
    /// Of the wrong ones.
    wrong_late: u64,
    latency: Latency,
    /// Response and service of this interval.
    response: Recorder,
    service: Recorder,
    /// How late requests left, in microseconds.
    pub(crate) lag: Histogram<u64>,
    failures: BTreeMap<String, u64>,
    /// Of them, why clients did not come to life.
    never_alive: BTreeMap<String, u64>,
    evidence: Vec<Evidence>,
    /// See [`remember`](Tally::remember).
    remembered: Option<Evidence>,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    intervals: Kept,
    /// What the totals were when this interval began.
    before: (Books, BTreeMap<String, u64>),
    /// A request is planned when it is sent: both times are the same.
    is_closed: bool,
}

/// What an interval is besides its counts.
pub(crate) struct Frame {
    pub(crate) start: Duration,
    pub(crate) length: Duration,
    pub(crate) phase: Phase,
    pub(crate) alive: u64,
    pub(crate) planned: u64,
    pub(crate) cpu: f64,
    pub(crate) max_loop_lag: Duration,
}

impl Tally {
    pub(crate) fn new(is_closed: bool) -> Tally {
        let latency = Latency { response: histogram(), service: histogram(), connect: histogram() };
        Tally {
            gross: Books::default(),
            wrong_late: 0,
            latency,
            response: Recorder::new(histogram()),
            service: Recorder::new(histogram()),
            lag: histogram(),
            failures: BTreeMap::new(),
            never_alive: BTreeMap::new(),
            evidence: Vec::new(),
            remembered: None,
            bytes_sent: 0,
            bytes_received: 0,
            intervals: Kept::default(),
            before: Default::default(),
            is_closed,
        }
    }

    /// The counts, for changing; `late` takes nothing from `lost` here.
    #[inline]
    pub(crate) fn books(&mut self) -> &mut Books {
        &mut self.gross
    }

    /// One of those that were lost has come after all, and was wrong.
    pub(crate) fn count_wrong_late(&mut self) {
        self.gross.wrong += 1;
        self.wrong_late += 1;
        self.fail("wrong reply");
    }

    pub(crate) fn count_out_of_order(
        &mut self,
        client: u32,
        sequence: u64,
        expected: &[u8],
        received: &[u8],
    ) {
        self.gross.reordered += 1;
        self.fail("reply out of order");
        self.keep("out of order", client, Some(sequence), expected, received);
    }

    /// The counts as they balance: what came late was not lost.
    pub(crate) fn balance(&self) -> Books {
        Books { lost: self.gross.lost - self.gross.late - self.wrong_late, ..self.gross }
    }

    /// How long the slowest reply took from its sending.
    pub(crate) fn slowest(&mut self) -> Duration {
        Duration::from_micros(self.latency.service.max().max(self.service.times().max()))
    }

    /// A time in nanoseconds since planned, and since sent.
    #[inline]
    pub(crate) fn record(&mut self, response: u64, service: u64) {
        self.service.record(micros(service));
        if !self.is_closed {
            self.response.record(micros(response));
        }
    }

    pub(crate) fn record_connect(&mut self, nanoseconds: u64) {
        self.latency.connect.saturating_record(micros(nanoseconds));
    }

    #[inline]
    pub(crate) fn record_lag(&mut self, nanoseconds: u64) {
        self.lag.saturating_record(micros(nanoseconds));
    }

    pub(crate) fn fail(&mut self, cause: &str) {
        count(&mut self.failures, cause);
    }

    /// A client did not come to life.
    pub(crate) fn fail_to_live(&mut self, cause: &str) {
        self.fail(cause);
        count(&mut self.never_alive, cause);
    }

    pub(crate) fn keep(
        &mut self,
        kind: &'static str,
        client: u32,
        sequence: Option<u64>,
        expected: &[u8],
        received: &[u8],
    ) {
        if self.evidence.len() < EVIDENCE {
            let [expected, received] = [expected, received].map(|bytes| cut(bytes).to_vec());
            self.evidence.push(Evidence { kind, client, sequence, expected, received });
        }
    }

    /// A wrong reply of the warm-up, which counts only where the connection ends with it.
    pub(crate) fn remember(&mut self, client: u32, sequence: u64, expected: &[u8], received: &[u8]) {
        let [expected, received] = [expected, received].map(|bytes| cut(bytes).to_vec());
        self.remembered =
            Some(Evidence { kind: "wrong", client, sequence: Some(sequence), expected, received });
    }

    /// The connection has ended.
    pub(crate) fn keep_remembered(&mut self, client: u32) {
        if let Some(last) = self.remembered.take_if(|last| last.client == client)
            && self.evidence.len() < EVIDENCE
        {
            self.evidence.push(last);
        }
    }

    /// What was called the wrong reply to that request was none to it.
    pub(crate) fn call_unexpected(&mut self, client: u32, sequence: u64) {
        if let Some(count) = self.failures.get_mut("wrong reply") {
            *count -= 1;
        }
        self.failures.retain(|_, count| *count > 0);
        self.fail("unexpected reply");
        let is_it = |kept: &&mut Evidence| kept.client == client && kept.sequence == Some(sequence);
        if let Some(kept) = self.evidence.iter_mut().find(is_it).filter(|kept| kept.kind == "wrong") {
            (kept.kind, kept.sequence) = ("unexpected", None);
            kept.expected.clear();
        }
    }

    /// The counts of the interval that is under way, for whoever watches.
    pub(crate) fn current(&mut self) -> (Books, &Histogram<u64>) {
        let times = if self.is_closed { &mut self.service } else { &mut self.response };
        (difference(self.gross, self.before.0), times.times())
    }

    /// Ends an interval, and tells of it.
    pub(crate) fn close(&mut self, frame: Frame, tell: &mut dyn FnMut(&Interval)) {
        let failures = self.failures.iter().filter_map(|(cause, count)| {
            let more = count.saturating_sub(*self.before.1.get(cause).unwrap_or(&0));
            (more > 0).then(|| (cause.clone(), more))
        });
        let service = compact(self.service.times());
        let response = if self.is_closed { service.clone() } else { compact(self.response.times()) };
        let interval = Interval {
            start: frame.start,
            length: frame.length,
            phase: frame.phase,
            alive: frame.alive,
            planned: frame.planned,
            books: difference(self.gross, self.before.0),
            response,
            service,
            failures: failures.collect(),
            cpu: frame.cpu,
            max_loop_lag: frame.max_loop_lag,
        };
        merge(&mut self.latency.service, self.service.times());
        merge(&mut self.latency.response, self.response.times());
        self.service.reset();
        self.response.reset();
        self.before = (self.gross, self.failures.clone());
        tell(&interval);
        self.intervals.push(interval);
    }

    /// All that is for the report. The last interval must be closed.
    pub(crate) fn into_parts(self) -> Parts {
        let books = self.balance();
        let mut latency = self.latency;
        if self.is_closed {
            latency.response = latency.service.clone();
        }
        let intervals = self.intervals.into_intervals();
        let (failures, never_alive, evidence) = (self.failures, self.never_alive, self.evidence);
        Parts { books, latency, failures, never_alive, evidence, intervals }
    }
}

pub(crate) struct Parts {
    pub(crate) books: Books,
    pub(crate) latency: Latency,
    pub(crate) failures: BTreeMap<String, u64>,
    pub(crate) never_alive: BTreeMap<String, u64>,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) intervals: Vec<Interval>,
}

fn cut(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(EVIDENCE_BYTES)]
}

fn count(causes: &mut BTreeMap<String, u64>, cause: &str) {
    match causes.get_mut(cause) {
        Some(count) => *count += 1,
        None => drop(causes.insert(cause.to_owned(), 1)),
    }
}

pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3).expect("these bounds are valid")
}

#[inline]
fn micros(nanoseconds: u64) -> u64 {
    (nanoseconds / 1000).max(1)
}

/// A copy no larger than its greatest value needs.
pub(crate) fn compact(full: &Histogram<u64>) -> Histogram<u64> {
    let mut copy =
        Histogram::new_with_bounds(1, full.max().clamp(2, LONGEST), 3).expect("these bounds are valid");
    merge(&mut copy, full);
    copy
}

pub(crate) fn merge(into: &mut Histogram<u64>, from: &Histogram<u64>) {
    into.add(from).expect("the receiver holds all values that the other has");
}

fn difference(now: Books, before: Books) -> Books {
    Books {
        sent: now.sent.saturating_sub(before.sent),
        correct: now.correct - before.correct,
        wrong: now.wrong.saturating_sub(before.wrong),
        late: now.late - before.late,
        lost: now.lost - before.lost,
        unfinished: now.unfinished - before.unfinished,
        not_sent: now.not_sent - before.not_sent,
        duplicate: now.duplicate - before.duplicate,
        reordered: now.reordered - before.reordered,
        foreign: now.foreign - before.foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::books::packed::INTERVALS;

    fn frame(second: u64) -> Frame {
        Frame {
            start: Duration::from_secs(second),
            length: Duration::from_secs(1),
            phase: Phase::Measure,
            alive: 1,
            planned: 2,
            cpu: 0.5,
            max_loop_lag: Duration::ZERO,
        }
    }

    #[test]
    fn the_number_of_records_is_bounded_and_nothing_is_lost_from_them() {
        let mut tally = Tally::new(false);
        let seconds = 5 * INTERVALS as u64;
        let mut told = 0;
        for second in 0..seconds {
            tally.books().sent += 1;
            tally.books().correct += 1;
            tally.record(second * 1_000_000, 1000);
            tally.fail("wrong reply");
            tally.close(frame(second), &mut |_| told += 1);
            assert!(tally.intervals.len() <= INTERVALS);
        }
        assert_eq!(told, seconds, "each is told of, whatever is kept");
        let parts = tally.into_parts();
        assert_eq!(parts.intervals.iter().map(|i| i.books.correct).sum::<u64>(), seconds);
        assert_eq!(parts.intervals.iter().map(|i| i.response.len()).sum::<u64>(), seconds);
        assert_eq!(parts.intervals.iter().map(|i| i.failures["wrong reply"]).sum::<u64>(), seconds);
        assert_eq!(parts.intervals.iter().map(|i| i.planned).sum::<u64>(), 2 * seconds);
        assert_eq!(parts.latency.response.len(), seconds);
        let ends = parts.intervals.windows(2).all(|pair| pair[0].start + pair[0].length == pair[1].start);
        assert!(ends, "they follow each other without a gap");
    }

    #[test]
    fn what_came_late_was_not_lost_and_the_books_balance() {
        let mut tally = Tally::new(true);
        *tally.books() = Books { sent: 4, correct: 1, lost: 3, late: 1, ..Books::default() };
        tally.close(frame(0), &mut |_| {});
        tally.count_wrong_late();
        tally
            .close(frame(1), &mut |interval| assert_eq!((interval.books.lost, interval.books.wrong), (0, 1)));
        let books = tally.balance();
        assert_eq!((books.lost, books.late, books.wrong), (1, 1, 1));
        assert_eq!(books.sent, books.correct + books.wrong + books.late + books.lost + books.unfinished);
    }
}
