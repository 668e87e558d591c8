//! What a run has shown: plain figures, from which every form of the report is made. No I/O, no clock.
//!
//! This file explains every number of the report: what it counts, and where it comes from. The counts of requests, bytes
//! and failures, the latencies, the evidence and the intervals are the ledger's (`books/ledger.rs`, by the verb that is
//! named here); connections and fairness are what the clients know; the generator's figures are the engine's.

use crate::load::books::causes::Causes;
use crate::load::books::verdict::Verdict;
use crate::load::plan::Check;
use crate::load::plan::rate::Rate;
use crate::load::plan::settings::Setting;
use hdrhistogram::Histogram;
use hullo::Address;
use std::ops::{AddAssign, Sub};
use std::time::{Duration, SystemTime};

/// Everything that is known at the end of a run, whole or cut short.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The command as it was typed.
    pub command: String,
    /// The server's address.
    pub target: Address,
    pub mode: Mode,
    /// What was in force, defaults included, as name and value, in the order of the help.
    pub settings: Vec<(&'static str, Setting)>,
    /// How closely replies were looked at.
    pub check: Check,
    /// A connection for each request.
    pub churn: bool,
    /// The release, `6.1.0`, as uname has it.
    pub kernel: String,
    /// What `{rand}` and the run's mark were drawn from.
    pub seed: u64,
    /// When measuring began (the ramp, for a run that never came so far).
    pub began: SystemTime,
    /// How long was measured: from the end of the warm-up until the drain began.
    pub measured: Duration,
    /// How long the measuring was to last; none where only a number of requests ends it.
    pub asked: Option<Duration>,
    /// It ended before what was asked for was done, and by no signal: there was nobody left to ask.
    pub ended_early: bool,
    /// Of the unfinished requests those that a server which goes on answering would have answered: they had waited for a
    /// second, and for twice as long as any reply took. `Ledger::unfinished` is told of each.
    pub unanswered: u64,
    /// How long the ramp took: from the first connect call until every client had come to life or failed.
    pub ramp: Duration,
    /// Requests a second that were asked for; none in a closed loop.
    pub offered: Option<Rate>,
    pub books: Books,
    pub connections: Connections,
    pub latency: Latency,
    /// Bytes of the measured requests (`Ledger::sent`).
    pub bytes_sent: u64,
    /// Bytes of all that came while it was measured or drained, asked for or not (`Ledger::received`).
    pub bytes_received: u64,
    pub fairness: Fairness,
    pub generator: Generator,
    /// The first wrong, foreign or unexpected replies.
    pub evidence: Vec<Evidence>,
    /// What went wrong, by cause (`connect refused`, `reset by the server`, `timed out`, `wrong reply`...), and how
    /// often. Ramp and warm-up are in it. A verb of the ledger that puts a request into the book of an error counts its
    /// cause as well; what is in no book is counted by `Ledger::fail`.
    pub failures: Causes,
    /// Of these, why clients did not come to life (`Ledger::fail_to_live`).
    pub never_alive: Causes,
    /// One entry a second, from the first connection to the end of the drain.
    pub intervals: Vec<Interval>,
    /// What kept the run from going as it was asked for, in the order in which it happened.
    pub mishaps: Vec<Mishap>,
    /// Lost requests that were forgotten for want of memory: a late answer to one of them counts as duplicate.
    pub forgotten: u64,
    /// The signal that ended the run before its end.
    pub signal: Option<i32>,
    pub verdict: Verdict,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// A client sends its next request when the one before it is answered.
    Closed,
    /// Requests are sent by the clock, whatever the answers do.
    Open,
}

/// The books of the measured requests. Each request that was sent is in one of five books:
/// `sent = correct + wrong + late + lost + unfinished`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Books {
    /// Handed to the system while it was measured, and taken by it (`Ledger::sent`, less `Ledger::not_taken`).
    pub sent: u64,
    /// Answered in time with what was due, as closely as `--check` looks (`Ledger::answered`).
    pub correct: u64,
    /// Answered with anything else, in time or late (`Ledger::wrong`, `Ledger::late_and_wrong`).
    pub wrong: u64,
    /// Answered rightly, but after the timeout (`Ledger::late`).
    pub late: u64,
    /// Not answered within the timeout and not afterwards (`Ledger::timed_out`), or under way when their connection ended
    /// (`Ledger::lost_with_connection`).
    pub lost: u64,
    /// Under way when the drain was over, or when the run was cut short (`Ledger::unfinished`).
    pub unfinished: u64,
    /// Planned, and never sent: the schedule had them, and nobody was free (`Ledger::not_issued`); their connection did not
    /// come to life (`Ledger::never_sent`); or the system did not take them (`Ledger::not_taken`).
    pub not_sent: u64,
    /// Replies to a request that had been answered before (`Ledger::duplicate`).
    pub duplicate: u64,
    /// Replies that came after one to a later request of the same client (`Ledger::reordered`, `Ledger::out_of_order`); each
    /// is in the book of its request as well.
    pub reordered: u64,
    /// Replies that belong to no request of this run (`Ledger::unexpected`, `Ledger::foreign`).
    pub foreign: u64,
}

impl Books {
    /// Each count of the one with the same of the other.
    fn with(self, other: Books, of: fn(u64, u64) -> u64) -> Books {
        Books {
            sent: of(self.sent, other.sent),
            correct: of(self.correct, other.correct),
            wrong: of(self.wrong, other.wrong),
            late: of(self.late, other.late),
            lost: of(self.lost, other.lost),
            unfinished: of(self.unfinished, other.unfinished),
            not_sent: of(self.not_sent, other.not_sent),
            duplicate: of(self.duplicate, other.duplicate),
            reordered: of(self.reordered, other.reordered),
            foreign: of(self.foreign, other.foreign),
        }
    }
}

/// What has come to the books since. A count that a correction has made smaller has brought nothing.
impl Sub for Books {
    type Output = Books;

    fn sub(self, before: Books) -> Books {
        self.with(before, u64::saturating_sub)
    }
}

impl AddAssign for Books {
    fn add_assign(&mut self, more: Books) {
        *self = self.with(more, |ours, theirs| ours + theirs);
    }
}

/// What became of the clients; with `--churn`, of their sessions.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Connections {
    /// Clients, in all.
    pub asked: u64,
    /// Whose welcome, or first reply, came and was right. With `--churn`: sessions that came so far.
    pub alive: u64,
    /// Never came to life.
    pub failed: u64,
    /// Were alive, and ended before we ended them.
    pub lost: u64,
}

/// How long replies took, in microseconds, from 1 us to 1 h, with three significant digits. The right replies that came in
/// time are in it, and each request that timed out, with the time at which it was given up.
#[derive(Clone, Debug)]
pub struct Latency {
    /// From the planned instant. In a closed loop a request is planned when its client is free to send it.
    pub response: Histogram<u64>,
    /// From the instant of sending.
    pub service: Histogram<u64>,
    /// From the connect call to the welcome or the first right reply, of ramp and warm-up as well.
    pub connect: Histogram<u64>,
    /// From the connect call to the end of the TLS handshake, of ramp and warm-up as well; empty without TLS.
    pub handshake: Histogram<u64>,
}

/// Correct replies of single clients, of those that ever came to life.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Fairness {
    /// Of the client that got the fewest.
    pub worst: u64,
    /// So many or more got half of the clients.
    pub median: u64,
    /// Of the client that got the most.
    pub best: u64,
    /// Clients that were alive and got nothing right, or far less than their share: their numbers, the first hundred.
    pub starved: Vec<u32>,
    /// Replies of every 1st, 2nd, ... 100th percentile of the clients, from the worst to the best; empty without
    /// clients.
    pub spread: Vec<u64>,
}

/// How the generator itself fared.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Generator {
    /// CPU time of the thread by time measured: 1.0 is a whole core.
    pub cpu: f64,
    /// The longest turn of the loop while it was measured, or the longest that a timer of ours came late.
    pub max_loop_lag: Duration,
    /// The longest time that the generator stood still: stopped, without a processor, or held up in what it does itself.
    pub longest_stall: Duration,
    /// All such times together, but for those of less than a millisecond.
    pub stalled: Duration,
    /// The 99th percentile of how late requests left that could have left: behind their plan, or behind the moment at which
    /// their client was free.
    pub p99_schedule_lag: Duration,
    /// Datagrams that our own receive queues dropped (SO_RXQ_OVFL).
    pub receive_drops: u64,
    /// What one client costs in memory here, in bytes; fixed at the start.
    pub bytes_per_client: u64,
}

/// A reply that should not have been.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    pub kind: EvidenceKind,
    pub client: u32,
    /// Of the request that it answered, where that is known.
    pub sequence: Option<u64>,
    pub expected: Vec<u8>,
    pub received: Vec<u8>,
}

/// What a reply that should not have been is evidence of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EvidenceKind {
    Wrong,
    WrongWelcome,
    /// On a stream, where none was due.
    Unexpected,
    /// A datagram that answers no request of its flow.
    Foreign,
    Duplicate,
    OutOfOrder,
    /// A reply that was never whole when its connection ended.
    Unfinished,
    UnfinishedWelcome,
}

impl EvidenceKind {
    /// As the report has it.
    pub fn name(self) -> &'static str {
        match self {
            EvidenceKind::Wrong => "wrong",
            EvidenceKind::WrongWelcome => "wrong welcome",
            EvidenceKind::Unexpected => "unexpected",
            EvidenceKind::Foreign => "foreign",
            EvidenceKind::Duplicate => "duplicate",
            EvidenceKind::OutOfOrder => "out of order",
            EvidenceKind::Unfinished => "unfinished",
            EvidenceKind::UnfinishedWelcome => "unfinished welcome",
        }
    }
}

/// What keeps a run from going as it was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mishap {
    /// When the ramp was over, no client lived.
    NobodyAlive,
    /// So many clients were not begun, since nobody came to life for that time.
    NotBegun(u64, Duration),
    /// No session came to life; that time is given where some had done so before.
    NothingConnects(Option<Duration>),
    /// Every client was lost before the end.
    EveryClientLost,
    /// No reply came for that time.
    Silence(Duration),
    /// After so many of the requests that were wanted, every client waits for replies that are overdue.
    Stuck { issued: u64, wanted: u64 },
}

/// Where a run stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    Ramp,
    WarmUp,
    Measure,
    Drain,
}

/// One second of a run (the last of a phase may be shorter).
#[derive(Clone, Debug)]
pub struct Interval {
    /// Since the first connection.
    pub start: Duration,
    pub length: Duration,
    pub phase: Phase,
    /// Clients that lived at its end.
    pub alive: u64,
    /// Requests that the schedule had for this interval; in a closed loop those sent.
    pub planned: u64,
    /// What came to the books in it. What timed out is `lost` here, even if it is answered late afterwards.
    pub books: Books,
    /// As of [`Outcome::latency`].
    pub response: Histogram<u64>,
    pub service: Histogram<u64>,
    /// As of [`Outcome::failures`].
    pub failures: Causes,
    /// As of [`Generator::cpu`], of this interval.
    pub cpu: f64,
    /// As of [`Generator::max_loop_lag`], of this interval.
    pub max_loop_lag: Duration,
}

impl Outcome {
    pub fn is_tls(&self) -> bool {
        matches!(self.target, Address::Tls(..))
    }

    /// The time that the rate is over, without the drain: the time measured, or the time that was asked for where the run
    /// ended before it.
    pub fn rated(&self) -> Duration {
        match self.asked {
            Some(asked) if self.ended_early => asked.max(self.measured),
            _ => self.measured,
        }
    }

    /// Correct replies a second; 0 where nothing was measured.
    pub fn achieved_rate(&self) -> f64 {
        let seconds = self.rated().as_secs_f64();
        if seconds > 0.0 { self.books.correct as f64 / seconds } else { 0.0 }
    }

    /// Requests a second that were asked for, in the mean.
    pub fn offered_rate(&self) -> Option<f64> {
        self.offered.map(Rate::mean)
    }

    /// Whether while it was measured as many replies came as the schedule had requests, but for one in a hundred.
    pub fn kept_up(&self) -> bool {
        let offered = self.offered_rate().unwrap_or(0.0) * self.measured.as_secs_f64();
        self.books.correct as f64 >= 0.99 * offered
    }

    /// The share of the planned requests that were not answered right, those included that were never sent. A client that
    /// was lost or never came to life is one error more (with a connection for each request it is in its request's book).
    /// None where nothing was planned.
    pub fn errors(&self) -> Option<f64> {
        let (books, connections) = (&self.books, &self.connections);
        let planned = books.sent + books.not_sent;
        let gone = if self.churn { 0 } else { connections.failed + connections.lost };
        let missing = books.sent.saturating_sub(books.correct + books.unfinished) + self.unanswered;
        let failed = missing + books.not_sent + gone;
        (planned > 0).then(|| (failed as f64 / planned as f64).min(1.0))
    }

    /// The share of the time measured in which the generator stood still.
    pub fn stalled_share(&self) -> f64 {
        let measured = self.measured.as_secs_f64();
        if measured > 0.0 { (self.generator.stalled.as_secs_f64() / measured).min(1.0) } else { 0.0 }
    }

    /// Replies out of order where there is one to keep: a network may change that of datagrams.
    pub fn misordered(&self) -> u64 {
        if self.target.is_datagram() { 0 } else { self.books.reordered }
    }
}
