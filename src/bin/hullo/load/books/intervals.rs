//! One record for each second of a run, made when the second is over.

use crate::load::books::causes::Causes;
use crate::load::books::outcome::{Books, Interval, Phase};
use crate::load::books::packed::PackedIntervals;
use hdrhistogram::Histogram;
use std::time::Duration;

/// The records so far, and what the totals were when the interval under way began.
#[derive(Default)]
pub struct Intervals {
    ended: PackedIntervals,
    books_before: Books,
    failures_before: Causes,
}

/// What is known of an interval besides the counts and times in the ledger.
pub struct Frame {
    pub start: Duration,
    pub length: Duration,
    pub phase: Phase,
    pub alive: u64,
    pub planned: u64,
    pub cpu: f64,
    pub max_loop_lag: Duration,
}

impl Intervals {
    /// Ends the interval under way, of which the totals and the response and service times are given, and tells of it.
    pub fn end(
        &mut self,
        frame: Frame,
        books: Books,
        failures: &Causes,
        (response, service): (Histogram<u64>, Histogram<u64>),
        tell: &mut dyn FnMut(&Interval),
    ) {
        let interval = Interval {
            start: frame.start,
            length: frame.length,
            phase: frame.phase,
            alive: frame.alive,
            planned: frame.planned,
            books: books - self.books_before,
            response,
            service,
            failures: failures.since(&self.failures_before),
            cpu: frame.cpu,
            max_loop_lag: frame.max_loop_lag,
        };
        (self.books_before, self.failures_before) = (books, failures.clone());
        tell(&interval);
        self.ended.push(interval);
    }

    pub fn into_vec(self) -> Vec<Interval> {
        self.ended.into_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::books::causes::Cause;
    use crate::load::books::latency::histogram;
    use crate::load::books::packed::MOST;

    #[test]
    fn the_number_of_records_is_bounded_and_nothing_is_lost_from_them() {
        let (mut intervals, mut books, mut failures) =
            (Intervals::default(), Books::default(), Causes::default());
        let seconds = 5 * MOST as u64;
        let mut told = 0;
        for second in 0..seconds {
            books += Books { sent: 1, correct: 1, ..Books::default() };
            failures.count(Cause::WrongReply);
            let mut times = histogram();
            times.record(second + 1).unwrap();
            let frame = Frame {
                start: Duration::from_secs(second),
                length: Duration::from_secs(1),
                phase: Phase::Measure,
                alive: 1,
                planned: 2,
                cpu: 0.5,
                max_loop_lag: Duration::ZERO,
            };
            intervals.end(frame, books, &failures, (times.clone(), times), &mut |interval| {
                told += interval.books.sent;
            });
            assert!(intervals.ended.len() <= MOST);
        }
        assert_eq!(told, seconds, "each is told of, whatever is kept");
        let intervals = intervals.into_vec();
        assert_eq!(intervals.iter().map(|interval| interval.books.correct).sum::<u64>(), seconds);
        assert_eq!(intervals.iter().map(|interval| interval.response.len()).sum::<u64>(), seconds);
        assert_eq!(
            intervals.iter().map(|interval| interval.failures.number(&Cause::WrongReply)).sum::<u64>(),
            seconds
        );
        assert_eq!(intervals.iter().map(|interval| interval.planned).sum::<u64>(), 2 * seconds);
        let follow = intervals.windows(2).all(|pair| pair[0].start + pair[0].length == pair[1].start);
        assert!(follow, "they follow each other without a gap");
    }
}
