//! Durations, sizes and counts, as people write them.
//!
//! Each error is the end of a sentence that begins with the text, or with the name of the flag.

use std::time::Duration;

/// The longest duration: longer than anybody means, and far from where adding it to a clock would overflow.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The largest count, since counts end up in 32-bit system calls.
const LARGEST_COUNT: u64 = i32::MAX as u64;

/// The largest size: no buffer is meant to be larger.
const LARGEST_SIZE: u64 = 1 << 30;

/// The units of durations, in milliseconds.
const TIMES: [Unit; 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
/// The units of sizes, in bytes.
const SIZES: [Unit; 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
/// The units of counts.
const COUNTS: [Unit; 3] = [("M", 1_000_000), ("k", 1000), ("", 1)];

/// Units of durations that are read, but never written.
const OTHER_TIMES: [Unit; 4] = [("", 1000), ("sec", 1000), ("min", 60_000), ("d", 86_400_000)];
/// Units of sizes that are read, but never written.
const OTHER_SIZES: [Unit; 1] = [("", 1)];

/// A suffix, and how many of the smallest unit it stands for. In a list of units the largest comes first.
type Unit = (&'static str, u64);

/// Parses `500ms`, `5s`, `1.5h` or `1m30s`; a plain number is in seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let units = [TIMES.as_slice(), &OTHER_TIMES].concat();
    sum(text, &units)
        .ok_or("not a duration: write it as 500ms, 5s, 1m or 2h".to_owned())
        .map(Duration::from_millis)
        .and_then(|duration| match duration <= LONGEST {
            true => Ok(duration),
            false => Err("longer than a year: choose a shorter time".to_owned()),
        })
}

/// Parses `64KiB` or `1MiB`; a plain number is in bytes. `64k` is refused, since some take it for 64,000.
pub fn size(text: &str) -> Result<usize, String> {
    let units = [SIZES.as_slice(), &OTHER_SIZES].concat();
    match amount(text, &units) {
        None => Err("not a size: write it as 512, 64KiB or 1MiB".to_owned()),
        Some(bytes) if bytes > LARGEST_SIZE => Err("larger than 1GiB: choose a smaller size".to_owned()),
        Some(bytes) => Ok(bytes as usize),
    }
}

/// Parses `10k`, `2M`, `10000` or `1e4`.
pub fn count(text: &str) -> Result<usize, String> {
    match amount(text, &COUNTS) {
        None => Err("not a count: write it as 10000, 10k or 1M".to_owned()),
        Some(number) if number > LARGEST_COUNT => Err("too large a count: choose at most 2147M".to_owned()),
        Some(number) => Ok(number as usize),
    }
}

/// Writes a duration so that [`duration`] reads it back.
pub fn write_duration(duration: Duration) -> String {
    match u64::try_from(duration.as_millis()) {
        Ok(0) => "0".to_owned(),
        Ok(milliseconds) => write(milliseconds, &TIMES),
        Err(_) => "more than a year".to_owned(),
    }
}

/// Writes a size so that [`size`] reads it back.
pub fn write_size(bytes: usize) -> String {
    write(bytes as u64, &SIZES)
}

/// Writes a count so that [`count`] reads it back.
pub fn write_count(number: usize) -> String {
    write(number as u64, &COUNTS)
}

/// Adds several amounts up, each in a smaller unit than the one before it: `1m30s`.
fn sum(text: &str, units: &[Unit]) -> Option<u64> {
    let (mut sum, mut last, mut rest) = (0u64, u64::MAX, text.trim());
    loop {
        let (piece, behind) = Piece::first(rest)?;
        let unit = piece.unit(units)?;
        // A number without a unit stands alone.
        let is_alone = rest.len() == text.trim().len() && behind.is_empty();
        if unit >= last || piece.suffix.is_empty() && !is_alone {
            return None;
        }
        sum = sum.saturating_add(piece.times(unit)?);
        (last, rest) = (unit, behind);
        if rest.is_empty() {
            return Some(sum);
        }
    }
}

/// Parses one amount, and returns it in the smallest of the units.
fn amount(text: &str, units: &[Unit]) -> Option<u64> {
    let (piece, behind) = Piece::first(text.trim())?;
    if behind.is_empty() { piece.times(piece.unit(units)?) } else { None }
}

/// A number without a sign, like `5`, `1.5` or `1e4`, and the letters behind it.
struct Piece<'t> {
    /// All digits as one number, which is to be divided by a power of ten.
    digits: u128,
    scale: i32,
    suffix: &'t str,
}

impl<'t> Piece<'t> {
    /// Splits a text behind the amount that it begins with.
    fn first(text: &'t str) -> Option<(Piece<'t>, &'t str)> {
        let (whole, mut rest) = split_digits(text);
        let mut digits = whole.to_owned();
        let mut scale = 0;
        if let Some(behind) = rest.strip_prefix('.') {
            let (fraction, behind) = split_digits(behind);
            digits += fraction;
            scale = i32::try_from(fraction.len()).ok().filter(|&length| length > 0)?;
            rest = behind;
        }
        if let Some((exponent, behind)) = rest.strip_prefix(['e', 'E']).map(split_digits)
            && !exponent.is_empty()
        {
            scale = scale.saturating_sub(exponent.parse().unwrap_or(i32::MAX));
            rest = behind;
        }
        if whole.is_empty() {
            return None;
        }
        let rest = rest.trim_start();
        let (suffix, rest) =
            rest.split_at(rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len()));
        let piece = Piece { digits: digits.parse().unwrap_or(u128::MAX), scale, suffix };
        Some((piece, rest.trim_start()))
    }

    /// How many of the smallest unit the suffix stands for.
    fn unit(&self, units: &[Unit]) -> Option<u64> {
        units.iter().find(|(name, _)| name.eq_ignore_ascii_case(self.suffix)).map(|(_, size)| *size)
    }

    /// The amount in the smallest unit; `None` if it is no whole number of it. A number that is too large becomes the largest one.
    fn times(&self, unit: u64) -> Option<u64> {
        let amount = self.digits.saturating_mul(unit.into());
        let power = 10u128.saturating_pow(self.scale.unsigned_abs());
        let amount = match self.scale {
            ..=0 => amount.saturating_mul(power),
            _ if amount.is_multiple_of(power) => amount / power,
            _ => return None,
        };
        Some(u64::try_from(amount).unwrap_or(u64::MAX))
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// Writes a number in the largest unit that leaves no remainder.
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
    fn durations_are_written_with_a_unit_or_are_seconds() {
        for (text, milliseconds) in [
            ("0", 0),
            ("0s", 0),
            ("500ms", 500),
            ("5s", 5000),
            ("5", 5000),
            ("1m", 60_000),
            ("2h", 7_200_000),
            ("5 s", 5000),
            (" 5S ", 5000),
            ("1.5s", 1500),
            ("0.25", 250),
            ("1e3ms", 1000),
            ("1m30s", 90_000),
            ("1h 1ms", 3_600_001),
            ("5min", 300_000),
            ("10sec", 10_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        let no_durations = [
            "", " ", "s", "-1s", "+1", "5x", "1.s", ".5s", "0.5ms", "5s5", "5s5s", "1s1m", "1m30", "30 1m",
            "٥s", "1e", "5_000", "1,5s", "m5", "inf",
        ];
        for text in no_durations {
            let error = duration(text).unwrap_err();
            assert!(error.starts_with("not a duration"), "{text:?}: {error}");
        }
        for text in ["9000h", "99999999999999999999ms", "18446744073709551615h", "1e99", "1e9999999999s"] {
            assert!(duration(text).unwrap_err().starts_with("longer than a year"), "{text}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_powers_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("512B", 512),
            ("64KiB", 65_536),
            ("64 kib", 65_536),
            ("0.5MiB", 1 << 19),
            ("1MiB", 1 << 20),
            ("1GiB", 1 << 30),
            ("1e3", 1000),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "KiB", "64k", "64K", "64kb", "1M", "+1", "0.3KiB", "1KiB1B"] {
            assert!(size(text).unwrap_err().starts_with("not a size"), "{text}");
        }
        assert!(size("2GiB").unwrap_err().starts_with("larger than 1GiB"));
        assert!(size("99999999999999999999").unwrap_err().starts_with("larger than 1GiB"));
    }

    #[test]
    fn counts_may_end_in_k_or_m() {
        for (text, number) in [
            ("0", 0),
            ("10k", 10_000),
            ("10K", 10_000),
            ("1.5k", 1500),
            ("1e4", 10_000),
            ("2M", 2_000_000),
            ("4096", 4096),
        ] {
            assert_eq!(count(text), Ok(number), "{text}");
        }
        for text in ["", "k", "1.5", "1_000", "-5", "1e-3", "10kk", "1k1"] {
            assert!(count(text).unwrap_err().starts_with("not a count"), "{text}");
        }
        assert!(count("2148M").unwrap_err().starts_with("too large"));
        assert!(count(&"9".repeat(60)).unwrap_err().starts_with("too large"));
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
