//! Figures as people read them: three digits that count, and the unit that keeps them short.

use crate::load::books::outcome::{Evidence, EvidenceKind};
use hdrhistogram::Histogram;
use hullo::Printable;
use jiff::Timestamp;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// `412 us`, `1.53 ms`, `2.10 s`.
pub fn latency(microseconds: f64) -> String {
    scaled(microseconds, &["us", "ms", "s"], 1000.0)
}

pub fn duration(duration: Duration) -> String {
    latency(duration.as_secs_f64() * 1e6)
}

/// `1.25 MB`.
pub fn bytes(count: u64) -> String {
    scaled(count as f64, &["B", "kB", "MB", "GB", "TB", "PB"], 1000.0)
}

/// `0.50/s`, `999.8/s`, `20,000/s`.
pub fn rate(per_second: f64) -> String {
    let digits = match per_second {
        rate if rate < 9.995 => 2,
        rate if rate < 999.95 => 1,
        rate => return format!("{}/s", count(rate.round() as u64)),
    };
    format!("{per_second:.digits$}/s")
}

/// `2026-05-01T12:00:00.123Z`, as RFC 3339 has it.
pub fn start_time(time: SystemTime) -> String {
    let time = Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{time:.3}")
}

/// `12,345,678`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 client`, `2 clients`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// `12.50 %`. What is not quite nothing, or not quite all, never reads as if it were.
pub fn percent(part: f64, whole: f64) -> String {
    if whole <= 0.0 {
        return "-".to_owned();
    }
    match 100.0 * part / whole {
        share if share > 0.0 && share < 0.01 => "<0.01 %".to_owned(),
        share if share > 99.99 && share < 100.0 => ">99.99 %".to_owned(),
        share => format!("{share:.2} %"),
    }
}

/// Bytes on one line, from which they can be told exactly.
pub fn escaped(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// Text on one line: what would end it, or steer a terminal, is written as a program has it.
pub fn visible(text: &str) -> String {
    Printable(text.as_bytes()).to_string()
}

/// Quotes what was expected and what came; of long texts it quotes only what is around their first difference.
pub fn differing(expected: &[u8], received: &[u8]) -> [String; 2] {
    const SHOWN: usize = 160;
    const BEFORE: usize = 40;
    let same = expected.iter().zip(received).take_while(|(one, other)| one == other).count();
    [expected, received].map(|bytes| {
        let from = if bytes.len() > SHOWN { same.saturating_sub(BEFORE) } else { 0 };
        let to = bytes.len().min(from + SHOWN);
        let before = if from > 0 { "... " } else { "" };
        let after = if to < bytes.len() { " ..." } else { "" };
        let size = match from > 0 || to < bytes.len() {
            true => format!(" (bytes {from} to {to} of {})", bytes.len()),
            false => String::new(),
        };
        format!("{before}\"{}\"{after}{size}", escaped(&bytes[from..to]))
    })
}

/// `wrong reply, client 12, request 34`.
pub fn exhibit_name(evidence: &Evidence) -> String {
    let request = evidence.sequence.map_or(String::new(), |number| format!(", request {number}"));
    let what = match evidence.kind {
        EvidenceKind::WrongWelcome | EvidenceKind::UnfinishedWelcome => "",
        _ => " reply",
    };
    format!("{}{what}, client {}{request}", evidence.kind.name(), evidence.client)
}

/// The causes that happened, the most frequent first.
pub fn by_number(failures: &BTreeMap<String, u64>) -> Vec<(&str, u64)> {
    let mut causes: Vec<_> = failures.iter().map(|(cause, number)| (cause.as_str(), *number)).collect();
    causes.retain(|(_, number)| *number > 0);
    causes.sort_by_key(|(_, number)| Reverse(*number));
    causes
}

/// The numbers of the clients that starved, as many as fit on a line.
pub fn starved(clients: &[u32]) -> String {
    let shown: Vec<_> = clients.iter().take(12).map(u32::to_string).collect();
    let more = match clients.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("starved: {} {}{more}", if clients.len() == 1 { "client" } else { "clients" }, shown.join(", "))
}

pub fn signal_name(number: i32) -> String {
    match number {
        libc::SIGINT => "SIGINT".to_owned(),
        libc::SIGTERM => "SIGTERM".to_owned(),
        number => format!("signal {number}"),
    }
}

/// A quantile in microseconds; `None` where there are no samples.
pub fn quantile(histogram: &Histogram<u64>, quantile: f64) -> Option<u64> {
    (!histogram.is_empty()).then(|| histogram.value_at_quantile(quantile))
}

pub fn max(histogram: &Histogram<u64>) -> Option<u64> {
    (!histogram.is_empty()).then(|| histogram.max())
}

pub fn mean(histogram: &Histogram<u64>) -> Option<f64> {
    (!histogram.is_empty()).then(|| histogram.mean())
}

/// A latency that may not be there.
pub fn maybe_latency(microseconds: Option<u64>) -> String {
    microseconds.map_or("-".to_owned(), |value| latency(value as f64))
}

fn scaled(mut value: f64, units: &[&str], step: f64) -> String {
    let mut at = 0;
    // 999.6 would be written as 1000.
    while value >= step - 0.5 && at + 1 < units.len() {
        value /= step;
        at += 1;
    }
    let digits = match value {
        _ if at == 0 => 0,
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {}", units[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_have_three_digits_and_the_unit_that_fits() {
        for (microseconds, text) in [
            (0.0, "0 us"),
            (412.0, "412 us"),
            (999.0, "999 us"),
            (1000.0, "1.00 ms"),
            (1533.0, "1.53 ms"),
            (9996.0, "10.0 ms"),
            (99_960.0, "100 ms"),
            (999_400.0, "999 ms"),
            (999_600.0, "1.00 s"),
            (2_100_000.0, "2.10 s"),
            (3_600_000_000.0, "3600 s"),
        ] {
            assert_eq!(latency(microseconds), text);
        }
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_735_689_599, "2024-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(start_time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn rates_show_more_digits_when_they_are_low() {
        for (per_second, text) in [
            (0.0, "0.00/s"),
            (0.5, "0.50/s"),
            (9.996, "10.0/s"),
            (999.8, "999.8/s"),
            (999.96, "1,000/s"),
            (20_000.4, "20,000/s"),
        ] {
            assert_eq!(rate(per_second), text);
        }
    }

    #[test]
    fn counts_are_written_in_groups_of_three() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn of_long_replies_the_first_difference_is_shown() {
        let long = [b'a'; 1000];
        let mut other = long;
        other[500] = b'\n';
        let [expected, received] = differing(&long, &other);
        assert!(
            expected.starts_with("... \"aaaa") && expected.ends_with("aaa\" ... (bytes 460 to 620 of 1000)")
        );
        assert!(received.contains("aaa\\naaa"), "{received}");
        assert_eq!(differing(b"", &other[..2]), ["\"\"", "\"aa\""]);
        let [expected, received] = differing(&long[..200], &long[..10]);
        assert!(expected.ends_with("(bytes 0 to 160 of 200)") && received == "\"aaaaaaaaaa\"", "{expected}");
    }

    #[test]
    fn a_share_is_never_rounded_to_none_or_all() {
        for (part, whole, text) in [
            (0.0, 10.0, "0.00 %"),
            (1.0, 1_000_000.0, "<0.01 %"),
            (999_999.0, 1_000_000.0, ">99.99 %"),
            (1.0, 1.0, "100.00 %"),
            (1.0, 8.0, "12.50 %"),
            (0.0, 0.0, "-"),
        ] {
            assert_eq!(percent(part, whole), text);
        }
    }
}
