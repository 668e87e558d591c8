//! Whether an expectation holds, and what the generator itself may have had to do with it.

use crate::load::books::outcome::Outcome;
use crate::load::books::verdict::{Judged, Judgement};
use crate::load::plan::expectations::Quantity::{self, Errors, Lost, Percentile, Rate};
use crate::load::plan::expectations::{Expectation, Relation};

/// Judges whether an expectation holds. Where the generator itself was too slow (`is_trusted` is false), it judges only what
/// that cannot have changed: a slow generator makes times longer and the rate lower, never the other way round.
pub fn judge(expectation: &Expectation, outcome: &Outcome, is_trusted: bool) -> Judged {
    let response = &outcome.latency.response;
    let value = match expectation.quantity {
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
    let judgement = match (value, expectation.quantity.samples()) {
        (None, _) => Judgement::Broken,
        (Some(_), wanted) if response.len() < wanted => Judgement::TooFew(wanted),
        (Some(value), _) if is_in_doubt(expectation, value, &generator) => Judgement::Doubtful,
        (Some(value), _) if expectation.holds(value) => Judgement::Held,
        _ => Judgement::Broken,
    };
    Judged { expectation: expectation.clone(), judgement, value }
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

/// Whether a faster generator might have made the difference.
fn is_in_doubt(expectation: &Expectation, value: f64, generator: &Health) -> bool {
    let holds = expectation.holds(value);
    let grows = expectation.quantity != Rate;
    // A value between this one and what a faster generator would have shown is judged alike.
    let is_safe = match expectation.relation {
        Relation::Less | Relation::AtMost => holds == grows,
        Relation::More | Relation::AtLeast => holds != grows,
        Relation::Equal if holds => grows && value <= 0.0,
        Relation::Equal => (value < expectation.bound) == grows,
    };
    match expectation.quantity {
        Percentile(_) | Rate => {
            let is_ours = expectation.holds(generator.without_pauses(expectation.quantity, value)) != holds;
            !is_safe && (!generator.is_trusted || is_ours)
        }
        // What our own queues dropped was not lost by others.
        Errors | Lost if generator.has_dropped => !is_safe,
        // A server that was asked less had less to get wrong.
        Errors | Lost => !generator.is_trusted && !generator.has_kept_up && is_safe,
    }
}

impl Health {
    /// What the figure might have been without the generator's own pauses. They move a percentile only where they were long
    /// enough, and always move the greatest time.
    fn without_pauses(&self, quantity: Quantity, value: f64) -> f64 {
        match quantity {
            Percentile(percentile) if self.paused >= 1.0 - percentile / 100.0 => value - self.longest_pause,
            Rate => value / (1.0 - self.paused.min(0.99)),
            _ => value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_faster_generator_might_have_changed_is_in_doubt() {
        let in_doubt = |text: &str, value: f64, generator: &Health| {
            is_in_doubt(&Expectation::parse(text).unwrap(), value, generator)
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
        for (text, value, is_doubtful) in [
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
            assert_eq!(is_in_doubt(&expectation, value, &paused), is_doubtful, "{text} {value}");
        }
    }
}
