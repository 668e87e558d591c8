//! What a person sees: heads, sentences, and a progress bar for each long body.

use super::response::Head;
use super::url::Url;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write;

/// Bodies from this size on have a bar: what is shorter is there before anybody has read it.
const LONG: u64 = 1 << 20;

pub(super) struct Screen<'a> {
    err: &'a mut dyn Write,
    /// Draws nothing unless standard error is a terminal. Known cost: a terminal that is stopped (Ctrl-S) while it has
    /// bars stops us as well.
    bars: MultiProgress,
    has_bars: bool,
    /// With several URLs each head says which it belongs to.
    names_urls: bool,
}

impl<'a> Screen<'a> {
    pub(super) fn new(err: &'a mut dyn Write, has_bars: bool, names_urls: bool) -> Screen<'a> {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Screen { err, bars, has_bars, names_urls }
    }

    /// The head of a response, as a block that nothing comes between.
    pub(super) fn head(&mut self, url: &Url, head: &Head) {
        let name = if self.names_urls { format!("{url}\n") } else { String::new() };
        self.print(&format!("{name}{}", readable(&head.text)));
    }

    pub(super) fn sentence(&mut self, sentence: &str) {
        let sentence: String = sentence.chars().map(harmless).collect();
        self.print(&format!("error: {sentence}\n"));
    }

    /// Shows how far a body is, once it is long; `total` where it is known.
    pub(super) fn progress(
        &self,
        bar: &mut Option<ProgressBar>,
        url: &Url,
        received: u64,
        total: Option<u64>,
    ) {
        if !self.has_bars || total.unwrap_or(received) < LONG {
            return;
        }
        bar.get_or_insert_with(|| self.bars.add(new_bar(url, total))).set_position(received);
    }

    pub(super) fn end_of_progress(&self, bar: Option<ProgressBar>) {
        if let Some(bar) = bar {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }

    fn print(&mut self, text: &str) {
        // Where standard error is closed there is nobody left to tell.
        let _ = self.bars.suspend(|| self.err.write_all(text.as_bytes()));
    }
}

fn new_bar(url: &Url, total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => {
            (ProgressBar::new(total), "[{bar:24}] {bytes}/{total_bytes} {bytes_per_sec} {eta} {msg}")
        }
        None => (ProgressBar::no_length(), "{bytes} {bytes_per_sec} {msg}"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style.progress_chars("=> ")).with_message(url.to_string())
}

/// A head as text: line ends are LF, what is no text is replaced, and what a terminal would obey is disarmed.
fn readable(head: &[u8]) -> String {
    String::from_utf8_lossy(head).replace("\r\n", "\n").chars().map(harmless).collect()
}

fn harmless(c: char) -> char {
    if c.is_control() && c != '\n' && c != '\t' { char::REPLACEMENT_CHARACTER } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_cannot_drive_the_terminal() {
        let head = b"HTTP/1.1 200 \xc3\xa4\r\nA:\tb\x1b[2J\xff\r\nB: \xc2\x9b\rx\r\n\r\n";
        assert_eq!(readable(head), "HTTP/1.1 200 ä\nA:\tb\u{fffd}[2J\u{fffd}\nB: \u{fffd}\u{fffd}x\n\n");
    }
}
