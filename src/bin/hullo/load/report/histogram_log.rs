//! The report as an HdrHistogram interval log, for tools that read one.

use crate::load::books::outcome::{Interval, Outcome, Phase};
use crate::load::report::figures::visible;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

/// An interval log as HdrHistogram's own tools read it, in microseconds: the measured requests, answered in the
/// drain or before, so that all lines of a tag add up to the report.
pub fn hdr_log(outcome: &Outcome) -> Vec<u8> {
    let measured = || outcome.intervals.iter().filter(|interval| is_measured(interval));
    let zero = measured().next().map_or_else(Default::default, |interval| interval.start);
    let mut log = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut header = IntervalLogWriterBuilder::new();
    header
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(&format!("[hullo {}: {}]", env!("CARGO_PKG_VERSION"), visible(&outcome.command)))
        .add_comment(
            "[Values are in microseconds; tag response: from the planned instant, service: from the send]",
        )
        // Readers take intervals from before the start for none of theirs: both are the instant of the first one.
        .with_start_time(outcome.began)
        .with_base_time(outcome.began);
    let mut writer = header.begin_log_with(&mut log, &mut serializer).expect("memory takes every write");
    for interval in measured() {
        for (tag, histogram) in [("response", &interval.response), ("service", &interval.service)] {
            let start = interval.start.saturating_sub(zero);
            writer
                .write_histogram(histogram, start, interval.length, Tag::new(tag))
                .expect("memory takes every write, and the format every count");
        }
    }
    log
}

fn is_measured(interval: &Interval) -> bool {
    matches!(interval.phase, Phase::Measure | Phase::Drain)
}
