//! How long replies took: the histograms of a run and of the interval under way.

use crate::load::books::outcome::Latency;
use hdrhistogram::Histogram;
use std::time::Duration;

/// The longest time that a histogram holds, in microseconds: an hour. What took longer is counted as that.
const LONGEST: u64 = 3_600_000_000;

/// Values that have a place of their own: so many a histogram of three digits tells apart, and from there on half as
/// many for each doubling.
const SINGLE: usize = 2048;
const HALF: usize = SINGLE / 2;
/// Up to 131 ms, in microseconds.
const SHORT: usize = SINGLE + 6 * HALF;

/// The times of all replies. Whoever records gives nanoseconds; the histograms hold microseconds.
pub struct Latencies {
    /// Of the intervals that have ended, and of all connections.
    ended: Latency,
    /// Of the interval under way.
    response: Recorder,
    service: Recorder,
    /// How late requests left, of the whole run.
    lag: Histogram<u64>,
    /// A request is planned at the instant of sending, so that service times are response times as well.
    is_same_time: bool,
}

impl Latencies {
    pub fn new(is_same_time: bool) -> Latencies {
        Latencies {
            ended: Latency {
                response: histogram(),
                service: histogram(),
                connect: histogram(),
                handshake: histogram(),
            },
            response: Recorder::new(histogram()),
            service: Recorder::new(histogram()),
            lag: histogram(),
            is_same_time,
        }
    }

    /// Records a reply, or that none came in time: the time since its request was planned, and since it was sent.
    #[inline]
    pub fn record(&mut self, response: u64, service: u64) {
        self.service.record(micros(service));
        if !self.is_same_time {
            self.response.record(micros(response));
        }
    }

    pub fn record_connect(&mut self, nanoseconds: u64) {
        self.ended.connect.saturating_record(micros(nanoseconds));
    }

    pub fn record_handshake(&mut self, nanoseconds: u64) {
        self.ended.handshake.saturating_record(micros(nanoseconds));
    }

    #[inline]
    pub fn record_lag(&mut self, nanoseconds: u64) {
        self.lag.saturating_record(micros(nanoseconds));
    }

    /// The 99th percentile of how late requests left; zero where none was sent by a schedule.
    pub fn p99_lag(&self) -> Duration {
        match self.lag.is_empty() {
            true => Duration::ZERO,
            false => Duration::from_micros(self.lag.value_at_quantile(0.99)),
        }
    }

    /// How long the slowest reply took from its sending.
    pub fn slowest(&mut self) -> Duration {
        Duration::from_micros(self.ended.service.max().max(self.service.times().max()))
    }

    /// Response times of the interval under way.
    pub fn current(&mut self) -> &Histogram<u64> {
        if self.is_same_time { self.service.times() } else { self.response.times() }
    }

    /// Ends the interval under way, and gives its response and service times.
    pub fn end_interval(&mut self) -> (Histogram<u64>, Histogram<u64>) {
        let service = compact(self.service.times());
        let response = if self.is_same_time { service.clone() } else { compact(self.response.times()) };
        merge(&mut self.ended.service, self.service.times());
        merge(&mut self.ended.response, self.response.times());
        self.service.reset();
        self.response.reset();
        (response, service)
    }

    /// The times of the whole run. The last interval must have ended.
    pub fn into_latency(mut self) -> Latency {
        if self.is_same_time {
            self.ended.response = self.ended.service.clone();
        }
        self.ended
    }
}

/// A histogram looks after much else when it takes a value, which costs more than the rest of a reply's bookkeeping. Short
/// times are counted apart, as finely, and go over into it when somebody looks: it is the same in the end.
struct Recorder {
    times: Histogram<u64>,
    short: Box<[u64; SHORT]>,
}

impl Recorder {
    fn new(times: Histogram<u64>) -> Recorder {
        Recorder { times, short: Box::new([0; SHORT]) }
    }

    #[inline]
    fn record(&mut self, microseconds: u64) {
        match self.short.get_mut(place(microseconds)) {
            Some(count) => *count += 1,
            None => self.times.saturating_record(microseconds),
        }
    }

    /// All that was recorded.
    fn times(&mut self) -> &Histogram<u64> {
        for (place, count) in self.short.iter_mut().enumerate().filter(|(_, count)| **count > 0) {
            self.times.saturating_record_n(value(place), std::mem::take(count));
        }
        &self.times
    }

    fn reset(&mut self) {
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

pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3).expect("these bounds are valid")
}

/// A copy no larger than its greatest value needs.
pub fn compact(full: &Histogram<u64>) -> Histogram<u64> {
    let mut copy =
        Histogram::new_with_bounds(1, full.max().clamp(2, LONGEST), 3).expect("these bounds are valid");
    merge(&mut copy, full);
    copy
}

pub fn merge(into: &mut Histogram<u64>, from: &Histogram<u64>) {
    into.add(from).expect("the receiver holds all values that the other has");
}

#[inline]
fn micros(nanoseconds: u64) -> u64 {
    (nanoseconds / 1000).max(1)
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
