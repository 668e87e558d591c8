//! `--expect 'p99<5ms'`: what must hold at the end.

use crate::load::books::outcome::{Judged, Judgement, Outcome};
use std::fmt;

/// A comparison of one of the figures with a bound.
#[derive(Clone, PartialEq, Debug)]
pub struct Expectation {
    text: String,
    pub(crate) quantity: Quantity,
    relation: Relation,
    bound: f64,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Quantity {
    /// A percentile of the response time, in microseconds; 100 is the greatest.
    Percentile(f64),
    /// Correct replies a second.
    Rate,
    /// A fraction.
    Errors,
    Lost,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Relation {
    Less,
    AtMost,
    More,
    AtLeast,
    Equal,
}

/// What an expectation must know of the generator.
struct Health {
    is_trusted: bool,
    has_dropped: bool,
    has_kept_up: bool,
    /// Its longest pause, in microseconds, and the share of the time in which it stood still.
    longest_pause: f64,
    paused: f64,
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

    /// Whether it holds. Where the generator itself was too slow (`is_trusted` is not), only what that cannot have changed
    /// is judged: it makes times longer and the rate lower, never the other way round.
    pub(crate) fn judge(&self, outcome: &Outcome, is_trusted: bool) -> Judged {
        let response = &outcome.latency.response;
        let value = match self.quantity {
            Percentile(_) if response.is_empty() => None,
            Percentile(100.0) => Some(response.max() as f64),
            Percentile(percentile) => Some(response.value_at_percentile(percentile) as f64),
            Rate => Some(outcome.achieved_rate()),
            Errors => outcome.errors(),
            Lost => Some(outcome.books.lost as f64),
        };
        let generator = Health {
            is_trusted,
            has_dropped: outcome.generator.receive_drops > 0,
            has_kept_up: outcome.kept_up(),
            longest_pause: outcome.generator.longest_stall.as_micros() as f64,
            paused: outcome.stalled_share(),
        };
        let judgement = match (value, self.quantity.samples()) {
            (None, _) => Judgement::Broken,
            (Some(_), wanted) if response.len() < wanted => Judgement::TooFew(wanted),
            (Some(value), _) if self.is_in_doubt(value, &generator) => Judgement::Doubtful,
            (Some(value), _) if self.holds(value) => Judgement::Held,
            _ => Judgement::Broken,
        };
        Judged { expression: self.text.clone(), judgement, value }
    }

    fn holds(&self, value: f64) -> bool {
        let bound = self.bound;
        match self.relation {
            Relation::Less => value < bound,
            Relation::AtMost => value <= bound,
            Relation::More => value > bound,
            Relation::AtLeast => value >= bound,
            Relation::Equal => (value - bound).abs() < 1e-9,
        }
    }

    /// Whether a faster generator might have made the difference.
    fn is_in_doubt(&self, value: f64, generator: &Health) -> bool {
        let holds = self.holds(value);
        let grows = self.quantity != Rate;
        // A value between this one and what a faster generator would have shown is judged alike.
        let is_safe = match self.relation {
            Relation::Less | Relation::AtMost => holds == grows,
            Relation::More | Relation::AtLeast => holds != grows,
            Relation::Equal if holds => grows && value <= 0.0,
            Relation::Equal => (value < self.bound) == grows,
        };
        match self.quantity {
            Percentile(_) | Rate => {
                let is_ours = self.holds(generator.without_pauses(self.quantity, value)) != holds;
                !is_safe && (!generator.is_trusted || is_ours)
            }
            // What our own queues dropped was not lost by others.
            Errors | Lost if generator.has_dropped => !is_safe,
            // A server that was asked less had less to get wrong.
            Errors | Lost => !generator.is_trusted && !generator.has_kept_up && is_safe,
        }
    }
}

impl Health {
    /// What the figure might have been without the generator's own pauses: of a percentile, where they were long enough to
    /// move it, which the greatest time always is.
    fn without_pauses(&self, quantity: Quantity, value: f64) -> f64 {
        match quantity {
            Percentile(percentile) if self.paused >= 1.0 - percentile / 100.0 => value - self.longest_pause,
            Rate => value / (1.0 - self.paused.min(0.99)),
            _ => value,
        }
    }
}

impl Judged {
    /// Whether it holds and leaves room for errors: `errors<=1%` does, `errors<=0` and `errors>=0` do not.
    pub fn allows_errors(&self) -> bool {
        let leaves_room = |expectation: Expectation| {
            let is_above = matches!(expectation.relation, Relation::Less | Relation::AtMost);
            expectation.quantity == Errors && is_above && expectation.bound > 0.0
        };
        self.judgement == Judgement::Held && Expectation::parse(&self.expression).is_ok_and(leaves_room)
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Quantity {
    /// So many samples show with a confidence of 95 % where a percentile is: were it beyond the bound, one of them at least
    /// would be. (n with q^n < 0.05; for a p99 that is 299.)
    fn samples(self) -> u64 {
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

/// A decimal, `1e4` too: no sign, nothing that is no number.
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
    fn only_what_a_faster_generator_might_have_changed_is_in_doubt() {
        let in_doubt = |text: &str, value: f64, generator: &Health| {
            Expectation::parse(text).unwrap().is_in_doubt(value, generator)
        };
        let (longest_pause, paused) = (0.0, 0.0);
        let sound = Health { is_trusted: true, has_dropped: false, has_kept_up: true, longest_pause, paused };
        let late = Health { is_trusted: false, ..sound };
        let behind = Health { has_kept_up: false, ..late };
        let deaf = Health { has_dropped: true, has_kept_up: true, ..late };
        for (text, value, by_late, by_behind, by_deaf) in [
            ("p99<5ms", 3430.0, false, false, false),
            ("p99<5ms", 5430.0, true, true, true),
            ("max<=5ms", 5000.0, false, false, false),
            ("p99>5ms", 5430.0, true, true, true),
            ("p99>5ms", 3430.0, false, false, false),
            ("rate>1000", 1001.0, false, false, false),
            ("rate>=1000", 999.0, true, true, true),
            ("rate<1000", 999.0, true, true, true),
            ("rate<1000", 1001.0, false, false, false),
            ("errors<1%", 0.005, false, true, false),
            ("errors<1%", 0.02, false, false, true),
            ("errors==0", 0.0, false, true, false),
            ("lost==0", 0.0, false, true, false),
            ("lost==0", 3.0, false, false, true),
        ] {
            let found = [&late, &behind, &deaf].map(|generator| in_doubt(text, value, generator));
            assert_eq!(found, [by_late, by_behind, by_deaf], "{text} {value}");
            assert!(!in_doubt(text, value, &sound), "{text} {value}");
        }
    }

    #[test]
    fn what_a_pause_of_the_generator_can_have_made_is_in_doubt() {
        let paused = Health {
            is_trusted: true,
            has_dropped: false,
            has_kept_up: true,
            longest_pause: 80_000.0,
            paused: 0.02,
        };
        for (text, value, is_in_doubt) in [
            ("max<50ms", 90_000.0, true),
            ("max<50ms", 190_000.0, false), // Without it as well.
            ("max<50ms", 40_000.0, false),
            ("p99<50ms", 90_000.0, true),
            ("p90<50ms", 90_000.0, false), // Two of a hundred do not reach it.
            ("p50<50ms", 90_000.0, false),
            ("rate>=100", 99.0, true),
            ("rate>=100", 97.0, false),
            ("rate<100", 99.0, true),
        ] {
            let expectation = Expectation::parse(text).unwrap();
            assert_eq!(expectation.is_in_doubt(value, &paused), is_in_doubt, "{text} {value}");
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
