//! A reader of histogram logs that is none of ours.

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use std::time::Duration;

/// Start, tag and histogram of every line of an interval log.
pub fn logged(log: &[u8]) -> Vec<(Duration, String, Histogram<u64>)> {
    let intervals = IntervalLogIterator::new(log).filter_map(|entry| match entry.unwrap() {
        LogEntry::Interval(interval) => Some(interval),
        LogEntry::StartTime(_) | LogEntry::BaseTime(_) => None,
    });
    let read = intervals.map(|interval| {
        let bytes = unbase64(interval.encoded_histogram());
        let histogram = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
        (interval.start_timestamp(), interval.tag().unwrap().as_str().to_owned(), histogram)
    });
    read.collect()
}

/// The encoding that the log's histograms are in.
fn unbase64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0u32, 0);
    for digit in text.bytes().filter(|&digit| digit != b'=') {
        let value = DIGITS.iter().position(|&known| known == digit).unwrap();
        bits = bits << 6 | value as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}
