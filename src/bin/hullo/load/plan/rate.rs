//! When each request of an open loop is due. Pure: no clock, and no state that could drift.

use std::fmt;
use std::time::Duration;

/// A rate in millionths of a request a second.
const ONE: u64 = 1_000_000;
const SECOND: u128 = 1_000_000_000;

/// How many requests a second: constant, or from one rate to another in a straight line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    from: u64,
    to: u64,
}

/// The instants of the requests, in nanoseconds since the first.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    rate: Rate,
    /// From the first rate to the last, in nanoseconds.
    ramp: u64,
}

impl Rate {
    /// `1000`, `0.5` or `100:2000`; the error ends a sentence that begins with the text.
    pub fn parse(text: &str) -> Result<Rate, String> {
        let (from, to) = text.split_once(':').unwrap_or((text, text));
        Ok(Rate { from: millionths(from)?, to: millionths(to)? })
    }

    /// Requests a second, in the mean of both ends.
    pub fn mean(self) -> f64 {
        let [from, to] = self.ends();
        (from + to) / 2.0
    }

    /// Requests a second at the beginning and at the end.
    pub fn ends(self) -> [f64; 2] {
        [self.from, self.to].map(|millionths| millionths as f64 / ONE as f64)
    }

    /// Whether it stays the same.
    pub fn is_steady(self) -> bool {
        self.from == self.to
    }

    /// The rate that it begins with.
    pub fn beginning(self) -> Rate {
        Rate { to: self.from, ..self }
    }

    /// How long `requests` take.
    pub fn time_for(self, requests: u64) -> Duration {
        let nanoseconds = u128::from(requests) * 2 * SECOND * u128::from(ONE)
            / (u128::from(self.from) + u128::from(self.to)).max(1);
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [from, to] = self.ends();
        write!(f, "{from}")?;
        if self.is_steady() { Ok(()) } else { write!(f, ":{to}") }
    }
}

impl Schedule {
    /// A rate that grows reaches its end after `length`, and keeps it.
    pub fn new(rate: Rate, length: Duration) -> Schedule {
        Schedule { rate, ramp: length.as_nanos().clamp(1, u64::MAX.into()) as u64 }
    }

    /// When request `k` is due. It follows from `k` alone, so that no error adds up.
    pub fn due(&self, k: u64) -> u64 {
        let Rate { from, to } = self.rate;
        if from == to {
            let nanoseconds = u128::from(k) * SECOND * u128::from(ONE) / u128::from(from);
            return u64::try_from(nanoseconds).unwrap_or(u64::MAX);
        }
        // k = from t + (to - from) t^2 / 2 ramp, solved for t in the form that does not cancel; in seconds.
        let (from, to) = (from as f64 / ONE as f64, to as f64 / ONE as f64);
        let (ramp, k) = (self.ramp as f64 / SECOND as f64, k as f64);
        let reached = (from + to) / 2.0 * ramp;
        let seconds = if k <= reached {
            2.0 * k / (from + (from * from + 2.0 * (to - from) * k / ramp).max(0.0).sqrt())
        } else {
            ramp + (k - reached) / to
        };
        (seconds * SECOND as f64) as u64
    }

    /// How many are due before `instant`.
    pub fn due_before(&self, instant: u64) -> u64 {
        let (mut low, mut high) = (0u64, 1u64);
        while self.due(high) < instant {
            low = high;
            high = high.saturating_mul(2);
        }
        // All requests before `low` are due, and `high` is not.
        while low < high {
            let middle = low + (high - low) / 2;
            if self.due(middle) < instant { low = middle + 1 } else { high = middle }
        }
        low
    }
}

fn millionths(text: &str) -> Result<u64, String> {
    let not = || "not a rate: write it as 1000, 0.5, or 100:2000 for one that grows".to_owned();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(part) || part.len() > 6 {
        return Err(not());
    }
    let whole: u64 = whole
        .parse()
        .ok()
        .filter(|&rate| rate <= 10_000_000)
        .ok_or_else(|| "more than ten million requests a second: choose a lower rate".to_owned())?;
    let part: u64 = format!("{part:0<6}").parse().map_err(|_| not())?;
    match whole * ONE + part {
        0 => Err("no rate at all: choose more than 0".to_owned()),
        rate => Ok(rate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(rate: &str, seconds: u64) -> Schedule {
        Schedule::new(Rate::parse(rate).unwrap(), Duration::from_secs(seconds))
    }

    #[test]
    fn a_constant_schedule_never_drifts() {
        let thirds = schedule("3", 10);
        for k in [0, 1, 2, 3, 1_000_000, 3_000_000_000] {
            assert_eq!(u128::from(thirds.due(k)), u128::from(k) * SECOND / 3);
        }
        assert_eq!(schedule("0.5", 10).due(3), 6_000_000_000);
        assert_eq!(schedule("20000", 10).due(20_000 * 86_400), 86_400 * 1_000_000_000);
    }

    #[test]
    fn a_ramp_holds_its_rates_at_both_ends_and_its_sum() {
        for (rate, from, to) in [("100:300", 100.0, 300.0), ("300:100", 300.0, 100.0)] {
            let ramp = schedule(rate, 10);
            let gap = |k: u64| 1e9 / (ramp.due(k + 1) - ramp.due(k)) as f64;
            assert!((gap(0) / from - 1.0).abs() < 0.02, "{}", gap(0));
            assert!((gap(1998) / to - 1.0).abs() < 0.02, "{}", gap(1998));
            assert_eq!(ramp.due_before(10_000_000_000), 2000, "the mean rate for the whole time");
            assert!((0..5000).all(|k| ramp.due(k) < ramp.due(k + 1)));
        }
        assert_eq!(Rate::parse("100:300").unwrap().time_for(2000), Duration::from_secs(10));
    }

    #[test]
    fn what_is_due_before_an_instant_is_counted_without_its_end() {
        let tens = schedule("10", 10);
        assert_eq!(tens.due_before(0), 0);
        assert_eq!(tens.due_before(1), 1);
        assert_eq!(tens.due_before(100_000_000), 1);
        assert_eq!(tens.due_before(100_000_001), 2);
        assert_eq!(tens.due_before(3_000_000_000), 30);
        assert_eq!(schedule("0.5", 10).due_before(4_000_000_000), 2);
    }

    #[test]
    fn a_rate_is_a_number_or_two() {
        assert_eq!(Rate::parse("0.5"), Ok(Rate { from: 500_000, to: 500_000 }));
        assert_eq!(Rate::parse("10:20"), Ok(Rate { from: 10 * ONE, to: 20 * ONE }));
        for text in ["", "x", "-1", "1e3", "1:", ":1", ".5", "1.0000001", "1:2:3"] {
            assert!(Rate::parse(text).unwrap_err().starts_with("not a rate"), "{text}");
        }
        assert!(Rate::parse("0").unwrap_err().starts_with("no rate"));
        assert!(Rate::parse("10000001").unwrap_err().starts_with("more than ten million"));
    }
}
