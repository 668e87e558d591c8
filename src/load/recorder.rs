//! A histogram that is written to with every reply.

use hdrhistogram::Histogram;

/// Shorter times, in microseconds, are counted in a list.
const SHORT: usize = 2048;

/// Finding the place of a time in a histogram costs more than the rest of a reply's bookkeeping. Short times have theirs in a
/// list, and go over into the histogram when somebody looks: the histogram is the same.
pub(super) struct Recorder {
    times: Histogram<u64>,
    short: Box<[u64; SHORT]>,
}

impl Recorder {
    pub(super) fn new(times: Histogram<u64>) -> Recorder {
        Recorder { times, short: Box::new([0; SHORT]) }
    }

    #[inline]
    pub(super) fn record(&mut self, microseconds: u64) {
        match self.short.get_mut(microseconds as usize) {
            Some(count) => *count += 1,
            None => self.times.saturating_record(microseconds),
        }
    }

    /// All that was recorded.
    pub(super) fn times(&mut self) -> &Histogram<u64> {
        for (time, count) in self.short.iter_mut().enumerate().filter(|(_, count)| **count > 0) {
            self.times.saturating_record_n(time as u64, std::mem::take(count));
        }
        &self.times
    }

    pub(super) fn reset(&mut self) {
        self.short.fill(0);
        self.times.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_histogram_that_would_be_without_it() {
        let mut plain = Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 3).unwrap();
        let mut recorder = Recorder::new(plain.clone());
        for _ in 0..2 {
            for time in (1..5000).chain([SHORT as u64, 1_000_000, u64::MAX]) {
                plain.saturating_record(time);
                recorder.record(time);
            }
            assert_eq!(*recorder.times(), plain);
            assert_eq!((recorder.times().max(), recorder.times().min()), (plain.max(), plain.min()));
        }
        recorder.record(7);
        recorder.reset();
        assert!(recorder.times().is_empty());
    }
}
