//! What a person sees meanwhile, on stderr: a bar on a terminal, a line now and then elsewhere.

use super::driver::Driver;
use super::outcome::Phase;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// How often the bar is drawn.
const REDRAW: Duration = Duration::from_millis(200);

/// Where progress goes.
pub enum Progress {
    None,
    /// A line an interval.
    Lines(Box<dyn FnMut(&str)>, Duration),
    Bar(ProgressBar),
}

impl Progress {
    /// For a terminal.
    pub fn bar() -> Progress {
        let bar = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {msg}");
        Progress::Bar(style.map(|style| bar.clone().with_style(style)).unwrap_or(bar))
    }

    pub(super) fn interval(&self) -> Option<Duration> {
        match self {
            Progress::None => None,
            Progress::Lines(_, every) => Some(*every).filter(|every| !every.is_zero()),
            Progress::Bar(_) => Some(REDRAW),
        }
    }

    fn show(&mut self, text: &str) {
        match self {
            Progress::None => {}
            Progress::Lines(say, _) => say(text),
            Progress::Bar(bar) => {
                bar.set_message(text.to_owned());
                bar.tick();
            }
        }
    }

    /// Leaves the terminal as it was.
    pub(super) fn end(&mut self) {
        if let Progress::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

impl Driver<'_> {
    pub(super) fn show_progress(&mut self) {
        let phase = match self.phase {
            Phase::Ramp => "ramp",
            Phase::WarmUp => "warm-up",
            Phase::Measure => "measure",
            Phase::Drain => "drain",
        };
        let (alive, asked) = (self.alive_now, self.plan.clients);
        let books = self.tally.balance();
        let mut text = format!(
            "{phase} {:.0?}: {alive} of {asked} clients alive",
            Duration::from_millis(self.now / 100_000_000 * 100)
        );
        if matches!(self.phase, Phase::Measure | Phase::Drain) {
            let seconds = (self.now.max(self.measured.0) - self.measured.0) as f64 / 1e9;
            let rate = if seconds > 0.0 { books.correct as f64 / seconds } else { 0.0 };
            let (_, latest) = self.tally.current();
            let p99 = if latest.is_empty() { 0 } else { latest.value_at_quantile(0.99) };
            let errors = books.wrong + books.late + books.lost;
            text += &format!(", {rate:.0}/s, p99 {:?}, {errors} errors", Duration::from_micros(p99));
        }
        self.progress.show(&text);
    }
}
