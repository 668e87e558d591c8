//! From values to places on an axis, and the values worth a tick.

/// Steps that people count time in.
const TIME_STEPS: [f64; 18] = [
    0.001, 0.01, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0,
    7200.0,
];

#[derive(Clone, Debug)]
pub struct Scale {
    low: f64,
    high: f64,
    is_log: bool,
    ticks: Vec<f64>,
}

impl Scale {
    /// A scale from zero to a round number at or over `high`.
    pub fn from_zero(high: f64) -> Scale {
        let high = if high > 0.0 { high } else { 1.0 };
        Scale::in_steps(high, round_step(high / 5.0))
    }

    /// As [`Scale::from_zero`], for whole numbers.
    pub fn counts(high: f64) -> Scale {
        let high = high.max(1.0);
        Scale::in_steps(high, round_step(high / 5.0).max(1.0))
    }

    fn in_steps(high: f64, step: f64) -> Scale {
        let ticks: Vec<f64> = (0..=(high / step).ceil() as u32).map(|at| f64::from(at) * step).collect();
        Scale { low: 0.0, high: ticks[ticks.len() - 1], is_log: false, ticks }
    }

    /// A scale from zero to `end` seconds, which is the end of the axis.
    pub fn time(end: f64) -> Scale {
        let end = if end > 0.0 { end } else { 1.0 };
        let fits = |step: &&f64| end / **step <= 9.0;
        let step = TIME_STEPS.iter().find(fits).copied().unwrap_or_else(|| round_step(end / 8.0));
        let ticks = (0..=(end / step) as u32).map(|at| f64::from(at) * step).collect();
        Scale { low: 0.0, high: end, is_log: false, ticks }
    }

    /// A logarithmic scale around `low` to `high`, both over zero, with a tick a decade, or more where decades are few.
    pub fn decades(low: f64, high: f64) -> Scale {
        let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32 + 1);
        let rounds = |digits: &'static [f64]| {
            (first..=last).flat_map(move |decade| digits.iter().map(move |digit| digit * 10f64.powi(decade)))
        };
        // Where the ends are far apart only decades are labelled, and the axis begins at one.
        let digits: &'static [f64] = if high / low > 100.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let low = rounds(digits).rfind(|round| *round <= low).unwrap_or(low);
        let high = rounds(&[1.0, 2.0, 5.0]).find(|round| *round > low && *round >= high).unwrap_or(high);
        let ticks = rounds(digits).filter(|round| *round >= low && *round <= high).collect();
        Scale { low, high, is_log: true, ticks }
    }

    /// A scale for shares of a whole, with ticks at none, half and all.
    pub fn share() -> Scale {
        Scale::in_steps(1.0, 0.5)
    }

    /// A logarithmic scale from 1 to `high`, with the ticks that fit.
    pub fn log_with(high: f64, ticks: &[f64]) -> Scale {
        let ticks = ticks.iter().copied().filter(|tick| *tick <= high).collect();
        Scale { low: 1.0, high, is_log: true, ticks }
    }

    /// Where a value is: 0 at the low end and 1 at the high one. What lies beyond stays at the end.
    pub fn place(&self, value: f64) -> f64 {
        let place = match self.is_log {
            true => (value.max(self.low) / self.low).log10() / (self.high / self.low).log10(),
            false => (value - self.low) / (self.high - self.low),
        };
        if place.is_finite() { place.clamp(0.0, 1.0) } else { 0.0 }
    }

    pub fn ticks(&self) -> &[f64] {
        &self.ticks
    }
}

/// 1, 2 or 5 of a power of ten: the first that is at least `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    [1.0, 2.0, 5.0]
        .map(|digit| digit * power)
        .into_iter()
        .find(|round| *round >= step * 0.999)
        .unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_over_the_highest_value() {
        assert_eq!(Scale::counts(1.0).ticks(), [0.0, 1.0]);
        assert_eq!(Scale::counts(4.0).ticks(), [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(Scale::from_zero(100.0).ticks(), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(Scale::from_zero(1951.0).ticks(), [0.0, 500.0, 1000.0, 1500.0, 2000.0]);
        assert_eq!(Scale::from_zero(0.0).ticks(), Scale::from_zero(1.0).ticks());
        assert_eq!(Scale::time(11.6).ticks(), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(Scale::time(500.0).ticks(), [0.0, 60.0, 120.0, 180.0, 240.0, 300.0, 360.0, 420.0, 480.0]);
        assert_eq!(
            Scale::decades(380.0, 1_000_000.0).ticks(),
            [100.0, 1000.0, 10_000.0, 100_000.0, 1_000_000.0]
        );
        assert_eq!(Scale::decades(400.0, 409.0).ticks(), [200.0, 500.0]);
        assert_eq!(Scale::decades(1.0, 1.0).ticks(), [1.0, 2.0]);
        assert_eq!(Scale::decades(100.0, 1000.0).ticks(), [100.0, 200.0, 500.0, 1000.0]);
    }

    #[test]
    fn a_value_has_its_place_between_the_ends() {
        let places = |scale: Scale, values: [f64; 4]| values.map(|value| scale.place(value));
        assert_eq!(places(Scale::from_zero(100.0), [-1.0, 0.0, 50.0, 101.0]), [0.0, 0.0, 0.5, 1.0]);
        assert_eq!(places(Scale::decades(1.0, 100.0), [0.0, 1.0, 10.0, 1000.0]), [0.0, 0.0, 0.5, 1.0]);
        assert_eq!(places(Scale::log_with(1.0, &[1.0]), [0.0, 1.0, 2.0, f64::NAN]), [0.0; 4]);
    }
}
