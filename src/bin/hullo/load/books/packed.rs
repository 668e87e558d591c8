//! One record a second, kept small: a histogram as it is takes tens of kilobytes, packed some hundreds of bytes.

use crate::load::books::latency::{compact, merge};
use crate::load::books::outcome::Interval;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};

/// The most records that are kept. Past it two neighbours become one, so that memory does not grow with the length of a run.
pub const MOST: usize = 256;

/// The records of a run, in their order.
#[derive(Default)]
pub struct PackedIntervals(Vec<Packed>);

struct Packed {
    /// The record, in which the histograms are empty: they are packed beside it.
    interval: Interval,
    response: Vec<u8>,
    service: Vec<u8>,
}

impl PackedIntervals {
    pub fn push(&mut self, interval: Interval) {
        self.0.push(Packed::new(interval));
        if self.0.len() > MOST {
            self.0 = halve(std::mem::take(&mut self.0));
        }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn into_vec(self) -> Vec<Interval> {
        self.0.into_iter().map(Packed::unpack).collect()
    }
}

impl Packed {
    fn new(mut interval: Interval) -> Packed {
        let nothing = || Histogram::new_with_bounds(1, 2, 0).expect("these bounds are valid");
        let response = pack(&std::mem::replace(&mut interval.response, nothing()));
        let service = pack(&std::mem::replace(&mut interval.service, nothing()));
        Packed { interval, response, service }
    }

    fn unpack(self) -> Interval {
        Interval { response: unpack(&self.response), service: unpack(&self.service), ..self.interval }
    }
}

fn pack(histogram: &Histogram<u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    V2Serializer::new().serialize(&compact(histogram), &mut bytes).expect("a vector takes all");
    bytes.shrink_to_fit();
    bytes
}

fn unpack(mut bytes: &[u8]) -> Histogram<u64> {
    Deserializer::new().deserialize(&mut bytes).expect("it was packed here")
}

/// Makes one of each two neighbours of the same phase.
fn halve(intervals: Vec<Packed>) -> Vec<Packed> {
    let mut halved: Vec<Packed> = Vec::with_capacity(MOST + 1);
    // The first of two, while it is not known whether the next is of its phase.
    let mut first: Option<Packed> = None;
    for next in intervals {
        match first.take() {
            Some(before) if before.interval.phase == next.interval.phase => {
                let mut both = before.unpack();
                absorb(&mut both, &next.unpack());
                halved.push(Packed::new(both));
            }
            before => {
                halved.extend(before);
                first = Some(next);
            }
        }
    }
    halved.extend(first);
    halved
}

fn absorb(into: &mut Interval, next: &Interval) {
    let (a, b) = (into.length.as_secs_f64(), next.length.as_secs_f64());
    into.cpu = if a + b > 0.0 { (into.cpu * a + next.cpu * b) / (a + b) } else { 0.0 };
    into.length += next.length;
    into.alive = next.alive;
    into.planned += next.planned;
    into.max_loop_lag = into.max_loop_lag.max(next.max_loop_lag);
    into.failures += &next.failures;
    into.books += next.books;
    for (ours, theirs) in [(&mut into.response, &next.response), (&mut into.service, &next.service)] {
        if theirs.max() > ours.high() {
            let mut wider = compact(theirs);
            merge(&mut wider, ours);
            *ours = wider;
        } else {
            merge(ours, theirs);
        }
    }
}
