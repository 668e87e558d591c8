//! Durations, sizes and counts, as people write them.
//!
//! An error is the end of a sentence that begins with the text, or with the name of the flag.

use std::time::Duration;

/// Longer than anybody means, and far from where adding it to a clock overflows.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Counts end up in 32-bit system calls.
const MOST: u64 = i32::MAX as u64;

/// No buffer of the daemon is meant to be larger.
const LARGEST: u64 = 1 << 30;

const TIMES: [Unit; 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
const SIZES: [Unit; 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
const COUNTS: [Unit; 3] = [("M", 1_000_000), ("k", 1000), ("", 1)];

/// A suffix, and how many of the smallest unit it stands for; the largest come first.
type Unit = (&'static str, u64);

/// `500ms`, `5s`, `1m`, `2h`; `0` needs no unit.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let not = "not a duration: write it as 500ms, 5s, 1m or 2h";
    let milliseconds = if text == "0" { Some(0) } else { amount(text, &TIMES).ok_or(not)? };
    milliseconds
        .map(Duration::from_millis)
        .filter(|&duration| duration <= LONGEST)
        .ok_or("longer than a year: choose a shorter time".to_owned())
}

/// `64KiB`, `1MiB`; a plain number is bytes.
pub(super) fn size(text: &str) -> Result<usize, String> {
    let plain = [SIZES.as_slice(), &[("", 1)]].concat();
    let bytes = amount(text, &plain).ok_or("not a size: write it as 512, 64KiB or 1MiB")?;
    let bytes = bytes.filter(|&bytes| bytes <= LARGEST).ok_or("larger than 1GiB: choose a smaller size")?;
    Ok(bytes as usize)
}

/// `10k`, `2M`, `10000`.
pub(super) fn count(text: &str) -> Result<usize, String> {
    let number = amount(text, &COUNTS).ok_or("not a count: write it as 10000, 10k or 1M")?;
    let number = number.filter(|&number| number <= MOST).ok_or("too large a count: choose at most 2147M")?;
    Ok(number as usize)
}

/// As [`duration`] reads it.
pub(super) fn write_duration(duration: Duration) -> String {
    match u64::try_from(duration.as_millis()) {
        Ok(0) => "0".to_owned(),
        Ok(milliseconds) => write(milliseconds, &TIMES),
        Err(_) => "more than a year".to_owned(),
    }
}

/// As [`size`] reads it.
pub(super) fn write_size(bytes: usize) -> String {
    write(bytes as u64, &SIZES)
}

/// As [`count`] reads it.
pub(super) fn write_count(number: usize) -> String {
    write(number as u64, &COUNTS)
}

/// `None`: not a number with one of these units. `Some(None)`: too large for any use.
fn amount(text: &str, units: &[Unit]) -> Option<Option<u64>> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, suffix) = text.split_at(end);
    let (_, size) = units.iter().find(|(unit, _)| *unit == suffix)?;
    if digits.is_empty() {
        return None;
    }
    Some(digits.parse::<u64>().ok().and_then(|number| number.checked_mul(*size)))
}

/// In the largest unit that leaves no rest.
fn write(amount: u64, units: &[Unit]) -> String {
    let fits = |(_, size): &&Unit| amount >= *size && amount.is_multiple_of(*size);
    match units.iter().find(fits) {
        Some((unit, size)) => format!("{}{unit}", amount / size),
        None => amount.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_with_a_unit() {
        for (text, milliseconds) in
            [("0", 0), ("0s", 0), ("500ms", 500), ("5s", 5000), ("1m", 60_000), ("2h", 7_200_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "5", "s", "1.5s", "-1s", "5 s", "5S", "1d", "5s5", "٥s"] {
            assert!(duration(text).unwrap_err().starts_with("not a duration"), "{text}");
        }
        for text in ["9000h", "99999999999999999999ms", "18446744073709551615h"] {
            assert!(duration(text).unwrap_err().starts_with("longer than a year"), "{text}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_powers_of_1024() {
        for (text, bytes) in
            [("0", 0), ("512", 512), ("512B", 512), ("64KiB", 65_536), ("1MiB", 1 << 20), ("1GiB", 1 << 30)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "KiB", "64k", "64kb", "1 MiB", "+1"] {
            assert!(size(text).unwrap_err().starts_with("not a size"), "{text}");
        }
        assert!(size("2GiB").unwrap_err().starts_with("larger than 1GiB"));
        assert!(size("99999999999999999999").unwrap_err().starts_with("larger than 1GiB"));
    }

    #[test]
    fn counts_may_end_in_k_or_m() {
        for (text, number) in [("0", 0), ("10k", 10_000), ("2M", 2_000_000), ("4096", 4096)] {
            assert_eq!(count(text), Ok(number), "{text}");
        }
        for text in ["", "k", "10K", "1e3", "1_000", "-5"] {
            assert!(count(text).unwrap_err().starts_with("not a count"), "{text}");
        }
        assert!(count("2148M").unwrap_err().starts_with("too large"));
    }

    #[test]
    fn what_is_written_reads_back() {
        for (milliseconds, text) in
            [(0, "0"), (1, "1ms"), (1500, "1500ms"), (10_000, "10s"), (300_000, "5m"), (7_200_000, "2h")]
        {
            let value = Duration::from_millis(milliseconds);
            assert_eq!(write_duration(value), text);
            assert_eq!(duration(text), Ok(value));
        }
        for (bytes, text) in [(0, "0"), (1023, "1023B"), (65_536, "64KiB"), (1 << 20, "1MiB")] {
            assert_eq!(write_size(bytes), text);
            assert_eq!(size(text), Ok(bytes));
        }
        for (number, text) in [(0, "0"), (4096, "4096"), (10_000, "10k"), (3_000_000, "3M")] {
            assert_eq!(write_count(number), text);
            assert_eq!(count(text), Ok(number));
        }
    }
}
