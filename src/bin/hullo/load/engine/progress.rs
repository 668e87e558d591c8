//! What a person sees meanwhile, on stderr: a bar on a terminal, a line now and then elsewhere.

use crate::load::books::latency::{histogram, merge};
use crate::load::books::outcome::Phase;
use crate::load::engine::Engine;
use crate::load::engine::clock::nanoseconds;
use crate::load::report::{counted, rate, shown};
use console::Term;
use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fs::File;
use std::io;
use std::time::Duration;

/// How often the bar is drawn.
const REDRAW: Duration = Duration::from_millis(200);
/// How often in a second the terminal is written to at most.
const REDRAWS: u8 = 20;
const SECOND: Duration = Duration::from_secs(1);

/// Where progress goes, and what its next figures are taken over.
pub struct Progress {
    sink: ProgressSink,
    /// When figures were taken last, and how many replies were right by then.
    since: u64,
    correct: u64,
    /// The response times of the seconds that have ended since.
    times: Histogram<u64>,
    /// The figures that were shown last.
    figures: String,
}

enum ProgressSink {
    None,
    /// A line, each time that so much time has passed.
    Lines(Box<dyn FnMut(&str)>, Duration),
    Bar(ProgressBar),
}

impl Progress {
    pub fn none() -> Progress {
        Progress::on(ProgressSink::None)
    }

    /// A line each time that so much time has passed.
    pub fn lines(say: impl FnMut(&str) + 'static, every: Duration) -> Progress {
        Progress::on(ProgressSink::Lines(Box::new(say), every))
    }

    /// For a terminal, which must not be waited for: what does not go through at once is left out.
    pub fn bar(terminal: File) -> io::Result<Progress> {
        let terminal = Term::read_write_pair(terminal.try_clone()?, terminal);
        let target = ProgressDrawTarget::term(terminal, REDRAWS);
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{spinner} {msg}");
        Ok(Progress::on(ProgressSink::Bar(style.map(|style| bar.clone().with_style(style)).unwrap_or(bar))))
    }

    fn on(sink: ProgressSink) -> Progress {
        Progress { sink, since: 0, correct: 0, times: histogram(), figures: String::new() }
    }

    pub fn interval(&self) -> Option<Duration> {
        match &self.sink {
            ProgressSink::None => None,
            ProgressSink::Lines(_, every) => Some(*every).filter(|every| !every.is_zero()),
            ProgressSink::Bar(_) => Some(REDRAW),
        }
    }

    fn show(&mut self, text: &str) {
        match &mut self.sink {
            ProgressSink::None => {}
            ProgressSink::Lines(say, _) => say(text),
            ProgressSink::Bar(bar) => {
                bar.set_message(text.to_owned());
                bar.tick();
            }
        }
    }

    /// Takes the response times of a second that has ended.
    pub fn note(&mut self, times: &Histogram<u64>) {
        if !matches!(self.sink, ProgressSink::None) {
            merge(&mut self.times, times);
        }
    }

    /// Leaves the terminal as it was.
    pub fn end(&mut self) {
        if let ProgressSink::Bar(bar) = &self.sink {
            bar.finish_and_clear();
        }
    }
}

impl Engine<'_> {
    pub(super) fn show_progress(&mut self) {
        let since_phase = Duration::from_nanos(self.clock.now().saturating_sub(self.phase_began));
        let of = |length: Option<Duration>| {
            length.map_or(String::new(), |length| format!(" of {}", shown(length)))
        };
        let (phase, of) = match self.phase {
            Phase::Ramp => ("ramp", String::new()),
            Phase::WarmUp => ("warm-up", of(Some(self.plan.warmup))),
            Phase::Measure => ("measure", of(self.asked())),
            Phase::Drain => ("drain", of(Some(self.plan.drain))),
        };
        let asked = counted(self.plan.clients as u64, "client", "clients");
        let mut text =
            format!("{phase} {}{of}: {} of {asked} alive", shown(since_phase), self.sessions.alive_now());
        match self.phase {
            Phase::Ramp | Phase::WarmUp => {}
            Phase::Measure => text += &self.figures(),
            Phase::Drain => {
                text += &format!(
                    ", {} due",
                    counted(self.ledger.open() + self.ledger.overdue(), "reply is", "replies are")
                );
            }
        }
        if matches!(self.phase, Phase::Measure | Phase::Drain) {
            let books = self.ledger.books();
            let errors = counted(books.wrong + books.late + books.lost, "error", "errors");
            text += &format!(", {errors}");
        }
        self.progress.show(&text);
    }

    /// The rate and the p99 since figures were taken last, and how many requests are done where a number of them is the end.
    fn figures(&mut self) -> String {
        let correct = self.ledger.books().correct;
        let since = self.progress.since.max(self.measured.0);
        let length = Duration::from_nanos(self.clock.now().saturating_sub(since));
        let is_bar = matches!(self.progress.sink, ProgressSink::Bar(_));
        if is_bar && length < SECOND && self.clock.now() >= self.measured.0 + nanoseconds(SECOND) {
            return self.progress.figures.clone();
        }
        let latest = self.ledger.current_times();
        let mut times = self.progress.times.clone();
        merge(&mut times, latest);
        let per_second = (correct - self.progress.correct) as f64 / length.as_secs_f64().max(1e-9);
        let p99 = (!times.is_empty()).then(|| Duration::from_micros(times.value_at_quantile(0.99)));
        let p99 = p99.map_or("-".to_owned(), shown);
        let done = match self.plan.requests {
            Some(wanted) => format!(", {correct} of {}", counted(wanted, "request", "requests")),
            None => String::new(),
        };
        let figures = format!("{done}, {}, p99 {p99}", rate(per_second));
        if !is_bar || length >= SECOND {
            let progress = &mut *self.progress;
            (progress.since, progress.correct) = (self.clock.now(), correct);
            progress.times.reset();
            progress.figures.clone_from(&figures);
        }
        figures
    }
}
