//! `--expect 'p99<5ms'`: what must hold at the end.

use std::fmt;

/// A comparison of one of the figures with a bound.
#[derive(Clone, PartialEq, Debug)]
pub struct Expectation {
    /// As typed.
    text: String,
    pub quantity: Quantity,
    pub relation: Relation,
    /// In the unit of the quantity.
    pub bound: f64,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Quantity {
    /// A percentile of the response time, in microseconds; 100 is the greatest.
    Percentile(f64),
    /// Correct replies a second.
    Rate,
    /// A fraction.
    Errors,
    Lost,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    Less,
    AtMost,
    More,
    AtLeast,
    Equal,
}

use Quantity::{Errors, Lost, Percentile, Rate};

const QUANTITIES: [(&str, Quantity); 8] = [
    ("p50", Percentile(50.0)),
    ("p90", Percentile(90.0)),
    ("p99", Percentile(99.0)),
    ("p99.9", Percentile(99.9)),
    ("max", Percentile(100.0)),
    ("rate", Rate),
    ("errors", Errors),
    ("lost", Lost),
];

/// The longer ones come first: `<=` begins with `<`.
const RELATIONS: [(&str, Relation); 5] = [
    ("<=", Relation::AtMost),
    (">=", Relation::AtLeast),
    ("==", Relation::Equal),
    ("<", Relation::Less),
    (">", Relation::More),
];

impl Expectation {
    /// The error is a sentence that names the text.
    pub fn parse(text: &str) -> Result<Expectation, String> {
        let how = "write it as p99<5ms, rate>=1000, errors<=0.1% or lost==0";
        let at = text.find(['<', '>', '=']).ok_or_else(|| format!("compares nothing: {how}"))?;
        let (name, rest) = (text[..at].trim(), &text[at..]);
        let (sign, relation) = RELATIONS
            .into_iter()
            .find(|(sign, _)| rest.starts_with(sign))
            .ok_or_else(|| format!("has no comparison that is known: use < <= > >= or ==; {how}"))?;
        let names = QUANTITIES.map(|(name, _)| name).join(", ");
        let (_, quantity) = QUANTITIES
            .into_iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| format!("compares {name:?}, which is none of {names}"))?;
        let value = rest[sign.len()..].trim();
        let bound = quantity
            .bound(value)
            .ok_or_else(|| format!("has the bound {value:?}, which is not {}: {how}", quantity.unit()))?;
        Ok(Expectation { text: text.to_owned(), quantity, relation, bound })
    }

    /// As typed: `p99<5ms`.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn holds(&self, value: f64) -> bool {
        let bound = self.bound;
        match self.relation {
            Relation::Less => value < bound,
            Relation::AtMost => value <= bound,
            Relation::More => value > bound,
            Relation::AtLeast => value >= bound,
            Relation::Equal => (value - bound).abs() < 1e-9,
        }
    }

    /// Whether it leaves room for errors: `errors<=1%` does, `errors<=0` and `errors>=0` do not.
    pub fn allows_errors(&self) -> bool {
        let is_above = matches!(self.relation, Relation::Less | Relation::AtMost);
        self.quantity == Errors && is_above && self.bound > 0.0
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Quantity {
    /// How many samples show with a confidence of 95 % where a percentile is: were it beyond the bound, at least one of them
    /// would be. (It is the least n with q^n < 0.05, which is 299 for a p99.)
    pub fn samples(self) -> u64 {
        match self {
            Percentile(percentile) if percentile < 100.0 => {
                (0.05f64.ln() / (percentile / 100.0).ln()).ceil() as u64
            }
            _ => 0,
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Percentile(_) => "a time like 500us, 5ms or 1s",
            Rate => "a number",
            Errors => "a share like 0.1%",
            Lost => "a count",
        }
    }

    fn bound(self, text: &str) -> Option<f64> {
        let scaled = |units: &[(&str, f64)]| {
            units.iter().find_map(|(unit, factor)| {
                let digits = text.strip_suffix(unit)?.trim_end();
                number(digits).map(|number| number * factor)
            })
        };
        match self {
            Percentile(_) => scaled(&[("us", 1.0), ("µs", 1.0), ("ms", 1e3), ("s", 1e6), ("m", 6e7)]),
            Rate => scaled(&[("/s", 1.0), ("k", 1e3), ("K", 1e3), ("M", 1e6), ("", 1.0)]),
            Errors => scaled(&[("%", 0.01), ("", 1.0)]),
            Lost => text.parse::<u64>().ok().map(|count| count as f64),
        }
    }
}

/// Reads a decimal like `0.5` or `1e4`; a sign, `inf` and `nan` are refused.
fn number(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'e');
    text.parse().ok().filter(|_| is_plain && text.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expectations_are_read_in_their_units() {
        for (text, quantity, relation, bound) in [
            ("p99<5ms", Percentile(99.0), Relation::Less, 5000.0),
            ("p99.9 <= 1.5s", Percentile(99.9), Relation::AtMost, 1.5e6),
            ("max<500us", Percentile(100.0), Relation::Less, 500.0),
            ("rate>=1000", Rate, Relation::AtLeast, 1000.0),
            ("rate>10k", Rate, Relation::More, 10_000.0),
            ("rate>10K", Rate, Relation::More, 10_000.0),
            ("rate>1e4", Rate, Relation::More, 10_000.0),
            ("p99<5 ms", Percentile(99.0), Relation::Less, 5000.0),
            ("errors<=0.1%", Errors, Relation::AtMost, 0.001),
            ("errors==0", Errors, Relation::Equal, 0.0),
            ("lost==0", Lost, Relation::Equal, 0.0),
        ] {
            let read = Expectation::parse(text).unwrap();
            assert_eq!((read.quantity, read.relation), (quantity, relation), "{text}");
            assert!((read.bound - bound).abs() < 1e-9, "{text}: {}", read.bound);
            assert_eq!(read.to_string(), text);
        }
    }

    #[test]
    fn a_percentile_wants_as_many_samples_as_show_it() {
        let wanted = |text: &str| Expectation::parse(text).unwrap().quantity.samples();
        let samples = ["p50<1s", "p90<1s", "p99<1s", "p99.9<1s", "max<1s", "rate>1", "lost==0"].map(wanted);
        assert_eq!(samples, [5, 29, 299, 2995, 0, 0, 0]);
    }

    #[test]
    fn what_cannot_be_judged_is_refused_with_what_can() {
        for (text, part) in [
            ("p98<5ms", "compares \"p98\", which is none of p50, p90, p99, p99.9, max, rate, errors, lost"),
            ("p99", "compares nothing"),
            ("p99=5ms", "no comparison that is known"),
            ("p99<5", "which is not a time like"),
            ("p99<-5ms", "which is not a time like"),
            ("p99<infs", "which is not a time like"),
            ("errors<=few", "a share like 0.1%"),
            ("lost==0.5", "which is not a count"),
            ("", "compares nothing"),
        ] {
            let error = Expectation::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
