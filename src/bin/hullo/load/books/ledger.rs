//! The ledger of a run: nobody writes a number of the report but here, and each verb moves what belongs together.
//!
//! A request that is measured is issued once and comes to one end:
//!
//! ```text
//! issued ─ never_sent                                        not sent
//!        └ sent ─┬ answered                                  correct
//!                ├ wrong ──────────────┬                     wrong
//!                │                     └ corrected           correct, and one reply more that is foreign
//!                ├ lost_with_connection                      lost
//!                ├ unfinished                                unfinished
//!                ├ not_taken                                 not sent
//!                └ timed_out ─┬ forgotten                    lost
//!                             ├ late                         late
//!                             └ late_and_wrong ┬             wrong
//!                                              └ corrected   late, and one reply more that is foreign
//! ```

use crate::load::books::causes::{Cause, Causes};
use crate::load::books::evidence::Exhibits;
use crate::load::books::intervals::{Frame, Intervals};
use crate::load::books::latency::Latencies;
use crate::load::books::outcome::{Books, Evidence, EvidenceKind, Interval, Latency, Phase};
use crate::load::text::request::ClientId;
use hdrhistogram::Histogram;

pub struct Ledger {
    /// As it was taken down at the time: what timed out stays in `lost`, even where it was answered after all.
    taken_down: Books,
    /// Of the lost ones those that were answered after all: they are in `late` or in `wrong` as well.
    answered_after_all: u64,
    /// Issued, sent or not, and neither answered nor given up.
    open: u64,
    /// Timed out, and a late answer to them would be known.
    overdue: u64,
    unanswered: u64,
    bytes_sent: u64,
    bytes_received: u64,
    failures: Causes,
    never_alive: Causes,
    exhibits: Exhibits,
    latencies: Latencies,
    intervals: Intervals,
}

/// The measured requests that the clients themselves know of, counted one by one. The ledger is held against them.
#[derive(Clone, Copy, Default, Debug)]
pub struct UnderWay {
    /// Issued, while the connection that they are for is in the making.
    pub unsent: u64,
    /// Sent, and neither answered nor given up.
    pub waiting: u64,
    /// Given up, and remembered for a late answer.
    pub overdue: u64,
}

/// All that the outcome takes from the ledger.
pub struct Totals {
    pub books: Books,
    pub unanswered: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub latency: Latency,
    pub failures: Causes,
    pub never_alive: Causes,
    pub evidence: Vec<Evidence>,
    pub intervals: Vec<Interval>,
}

impl Ledger {
    /// `is_same_time`: a request is planned at the instant of sending.
    pub fn new(is_same_time: bool) -> Ledger {
        Ledger {
            taken_down: Books::default(),
            answered_after_all: 0,
            open: 0,
            overdue: 0,
            unanswered: 0,
            bytes_sent: 0,
            bytes_received: 0,
            failures: Causes::default(),
            never_alive: Causes::default(),
            exhibits: Exhibits::default(),
            latencies: Latencies::new(is_same_time),
            intervals: Intervals::default(),
        }
    }

    /// The life of a request. It is to be sent at once, or as soon as its connection lives.
    #[inline]
    pub fn issued(&mut self) {
        self.open += 1;
    }

    #[inline]
    pub fn sent(&mut self, bytes: u64) {
        self.taken_down.sent += 1;
        self.bytes_sent += bytes;
    }

    /// The connections that so many were for did not come to life.
    pub fn never_sent(&mut self, requests: u64) {
        take(&mut self.open, requests);
        self.taken_down.not_sent += requests;
    }

    /// The right reply came in time; so many nanoseconds after its request was planned, and after it was sent.
    #[inline]
    pub fn answered(&mut self, response: u64, service: u64) {
        take(&mut self.open, 1);
        self.taken_down.correct += 1;
        self.latencies.record(response, service);
    }

    /// A wrong reply came in time.
    pub fn wrong(&mut self) {
        take(&mut self.open, 1);
        self.taken_down.wrong += 1;
        self.failures.count(Cause::WrongReply);
    }

    /// No reply came in time; so many nanoseconds after its request was planned, and after it was sent. It is lost, unless
    /// one comes after all.
    pub fn timed_out(&mut self, response: u64, service: u64) {
        take(&mut self.open, 1);
        self.overdue += 1;
        self.taken_down.lost += 1;
        self.failures.count(Cause::TimedOut);
        self.latencies.record(response, service);
    }

    /// The right reply came to one that had timed out.
    pub fn late(&mut self) {
        take(&mut self.overdue, 1);
        self.answered_after_all += 1;
        self.taken_down.late += 1;
    }

    /// A wrong reply came to one that had timed out.
    pub fn late_and_wrong(&mut self) {
        take(&mut self.overdue, 1);
        self.answered_after_all += 1;
        self.taken_down.wrong += 1;
        self.failures.count(Cause::WrongReply);
    }

    /// A reply to so many that had timed out cannot come any more, or would not be known.
    pub fn forgotten(&mut self, requests: u64) {
        take(&mut self.overdue, requests);
    }

    /// Its connection ended while it waited.
    pub fn lost_with_connection(&mut self) {
        take(&mut self.open, 1);
        self.taken_down.lost += 1;
    }

    /// It still waited when the run was over; `is_unanswered`: for so long that no answer was to be expected.
    pub fn unfinished(&mut self, is_unanswered: bool) {
        take(&mut self.open, 1);
        self.taken_down.unfinished += 1;
        if is_unanswered {
            self.unanswered += 1;
            self.failures.count(Cause::NoAnswerByTheEnd);
        }
    }

    /// It was sent, and the system has never taken it.
    pub fn not_taken(&mut self) {
        take(&mut self.open, 1);
        take(&mut self.taken_down.sent, 1);
        self.taken_down.not_sent += 1;
    }

    /// So many were planned, and never issued.
    pub fn not_issued(&mut self, requests: u64) {
        self.taken_down.not_sent += requests;
    }

    /// The wrong reply to that request, which came in time or late, was to none; now the right one has come.
    pub fn corrected(&mut self, client: ClientId, sequence: u64, is_late: bool) {
        take(&mut self.taken_down.wrong, 1);
        match is_late {
            true => self.taken_down.late += 1,
            false => self.taken_down.correct += 1,
        }
        self.taken_down.foreign += 1;
        self.failures.recount(&Cause::WrongReply, Cause::UnexpectedReply);
        self.exhibits.call_unexpected(client, sequence);
    }

    /// A second reply to one request; the cause says whether it came as a datagram.
    pub fn duplicate(&mut self, cause: Cause, client: ClientId, sequence: u64, received: &[u8]) {
        self.taken_down.duplicate += 1;
        self.failures.count(cause);
        self.exhibits.keep(EvidenceKind::Duplicate, client, Some(sequence), b"", received);
    }

    /// A datagram that came after one that answers a later request.
    #[inline]
    pub fn reordered(&mut self) {
        self.taken_down.reordered += 1;
    }

    /// A reply on a stream that came after that to a later request.
    pub fn out_of_order(&mut self, client: ClientId, sequence: u64, expected: &[u8], received: &[u8]) {
        self.taken_down.reordered += 1;
        self.failures.count(Cause::ReplyOutOfOrder);
        self.exhibits.keep(EvidenceKind::OutOfOrder, client, Some(sequence), expected, received);
    }

    /// A reply on a stream where none was due.
    pub fn unexpected(&mut self, client: ClientId, received: &[u8]) {
        self.taken_down.foreign += 1;
        self.failures.count(Cause::UnexpectedReply);
        self.exhibits.keep(EvidenceKind::Unexpected, client, None, b"", received);
    }

    /// A datagram that answers no request of its flow; `due` is the oldest that waits, if one does.
    pub fn foreign(&mut self, client: ClientId, due: Option<u64>, expected: &[u8], received: &[u8]) {
        self.taken_down.foreign += 1;
        self.failures.count(Cause::ForeignDatagram);
        self.exhibits.keep(EvidenceKind::Foreign, client, due, expected, received);
    }

    #[inline]
    pub fn received(&mut self, bytes: usize) {
        self.bytes_received += bytes as u64;
    }

    /// Something went wrong that is in no book.
    pub fn fail(&mut self, cause: Cause) {
        self.failures.count(cause);
    }

    /// A client did not come to life.
    pub fn fail_to_live(&mut self, cause: Cause) {
        self.failures.count(cause.clone());
        self.never_alive.count(cause);
    }

    /// For evidence of what is in a book already, or in none.
    pub fn exhibits(&mut self) -> &mut Exhibits {
        &mut self.exhibits
    }
}

/// What is asked of it, and how it ends.
impl Ledger {
    /// The counts as they balance: what was answered after all was not lost.
    pub fn books(&self) -> Books {
        Books { lost: self.taken_down.lost - self.answered_after_all, ..self.taken_down }
    }

    #[inline]
    pub fn open(&self) -> u64 {
        self.open
    }

    #[inline]
    pub fn overdue(&self) -> u64 {
        self.overdue
    }

    pub fn latencies(&mut self) -> &mut Latencies {
        &mut self.latencies
    }

    /// Response times of the interval under way.
    pub fn current_times(&mut self) -> &Histogram<u64> {
        self.latencies.current()
    }

    /// Ends the interval under way, and tells of it.
    pub fn end_interval(&mut self, frame: Frame, tell: &mut dyn FnMut(&Interval)) {
        let times = self.latencies.end_interval();
        self.intervals.end(frame, self.taken_down, &self.failures, times, tell);
    }

    /// Holds the books against what the clients know, in every build: a report is no place for figures that do not add up.
    ///
    /// # Panics
    ///
    /// When a request is in no book, or in two; the message names the figures.
    pub fn audit(&self, phase: Phase, under_way: UnderWay) {
        let Books { sent, correct, wrong, late, lost, unfinished, .. } = self.books();
        let UnderWay { unsent, waiting, overdue } = under_way;
        assert!(
            sent == correct + wrong + late + lost + unfinished + waiting,
            "at the end of {phase:?} the books do not balance: {sent} sent is not {correct} correct + {wrong} wrong + \
             {late} late + {lost} lost + {unfinished} unfinished + {waiting} under way"
        );
        assert!(
            self.open == unsent + waiting && self.overdue == overdue,
            "at the end of {phase:?} the books hold {} open and {} overdue requests, and the clients {unsent} unsent, \
             {waiting} under way and {overdue} overdue",
            self.open,
            self.overdue
        );
    }

    /// All that is for the report. The last interval must have ended.
    pub fn into_totals(self) -> Totals {
        Totals {
            books: self.books(),
            unanswered: self.unanswered,
            bytes_sent: self.bytes_sent,
            bytes_received: self.bytes_received,
            latency: self.latencies.into_latency(),
            failures: self.failures,
            never_alive: self.never_alive,
            evidence: self.exhibits.into_evidence(),
            intervals: self.intervals.into_vec(),
        }
    }
}

/// Takes from a count what must be in it.
#[inline]
fn take(count: &mut u64, less: u64) {
    match count.checked_sub(less) {
        Some(rest) => *count = rest,
        None => overdrawn(*count, less),
    }
}

#[cold]
#[inline(never)]
fn overdrawn(count: u64, less: u64) -> ! {
    panic!("the books have {count} of what {less} more come to an end: a request has ended twice")
}

#[cfg(test)]
mod tests;
