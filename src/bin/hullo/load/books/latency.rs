//! A histogram that is written to with every reply.

use hdrhistogram::Histogram;

/// Values that have a place of their own: so many a histogram of three digits tells apart, and from there on half as
/// many for each doubling.
const SINGLE: usize = 2048;
const HALF: usize = SINGLE / 2;
/// Up to 131 ms, in microseconds.
const SHORT: usize = SINGLE + 6 * HALF;

/// A histogram looks after much else when it takes a value, which costs more than the rest of a reply's bookkeeping. Short
/// times are counted apart, as finely, and go over into it when somebody looks: it is the same in the end.
pub(crate) struct Recorder {
    times: Histogram<u64>,
    short: Box<[u64; SHORT]>,
}

impl Recorder {
    pub(crate) fn new(times: Histogram<u64>) -> Recorder {
        Recorder { times, short: Box::new([0; SHORT]) }
    }

    #[inline]
    pub(crate) fn record(&mut self, microseconds: u64) {
        match self.short.get_mut(place(microseconds)) {
            Some(count) => *count += 1,
            None => self.times.saturating_record(microseconds),
        }
    }

    /// All that was recorded.
    pub(crate) fn times(&mut self) -> &Histogram<u64> {
        for (place, count) in self.short.iter_mut().enumerate().filter(|(_, count)| **count > 0) {
            self.times.saturating_record_n(value(place), std::mem::take(count));
        }
        &self.times
    }

    pub(crate) fn reset(&mut self) {
        self.short.fill(0);
        self.times.reset();
    }
}

#[inline]
fn place(value: u64) -> usize {
    let doublings = (SINGLE as u64).leading_zeros() + 1 - (value | (SINGLE as u64 - 1)).leading_zeros();
    (value >> doublings) as usize + doublings as usize * HALF
}

/// The least that has that place.
fn value(place: usize) -> u64 {
    let doublings = (place / HALF).saturating_sub(1);
    ((place - doublings * HALF) as u64) << doublings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_histogram_that_would_be_without_it() {
        let mut plain = Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 3).unwrap();
        let mut recorder = Recorder::new(plain.clone());
        for _ in 0..2 {
            for time in (1..300_000).chain([1_000_000, u64::MAX]) {
                plain.saturating_record(time);
                recorder.record(time);
            }
            assert_eq!(*recorder.times(), plain);
            assert_eq!((recorder.times().max(), recorder.times().min()), (plain.max(), plain.min()));
        }
        recorder.reset();
        recorder.record(130_999);
        assert_eq!(recorder.times().max(), 131_007, "the greatest of its place");
        recorder.reset();
        assert!(recorder.times().is_empty());
    }
}
