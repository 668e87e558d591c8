//! What a person sees: heads, sentences, a progress bar for each long body, and one for the pages there are.

use super::response::Head;
use super::url::Url;
use crate::client::terminal::is_terminal_control;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write;
use std::path::Path;

/// Bodies from this size on have a bar: what is shorter is there before anybody has read it.
const LONG: u64 = 1 << 20;

pub struct Console<'a> {
    err: &'a mut dyn Write,
    /// Draws nothing unless standard error is a terminal. Known cost: a terminal that is stopped (Ctrl-S) while it has
    /// bars stops us as well.
    bars: MultiProgress,
    has_bars: bool,
    /// With several URLs each head says which it belongs to.
    names_urls: bool,
    /// Of all pages, where there are several.
    pages: Option<ProgressBar>,
    /// Nothing is said but what went wrong.
    is_quiet: bool,
}

impl<'a> Console<'a> {
    pub fn new(err: &'a mut dyn Write, has_bars: bool, is_quiet: bool, urls: usize) -> Console<'a> {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let has_bars = has_bars && !is_quiet;
        let pages = (has_bars && urls > 1).then(|| bars.add(bar_of_pages(urls)));
        Console { err, bars, has_bars, names_urls: urls > 1, pages, is_quiet }
    }

    /// The head of a response, as a block that nothing comes between.
    pub fn head(&mut self, url: &Url, head: &Head) {
        if self.is_quiet {
            return;
        }
        let name = if self.names_urls { format!("{url}\n") } else { String::new() };
        self.print(&format!("{name}{}", readable(&head.text)));
    }

    /// What went wrong.
    pub fn sentence(&mut self, sentence: &str) {
        self.print(&format!("error: {}\n", in_one_line(sentence)));
    }

    /// Which file a body has become.
    pub fn saved(&mut self, url: &str, path: &Path, bytes: u64) {
        if !self.is_quiet {
            let sentence = format!("{url}: saved as {} ({bytes} bytes)", path.display());
            self.print(&format!("{}\n", in_one_line(&sentence)));
        }
    }

    /// Shows how far a body is, once it is long; `total` where it is known.
    pub fn progress(&self, bar: &mut Option<ProgressBar>, url: &Url, received: u64, total: Option<u64>) {
        if !self.has_bars || total.unwrap_or(received) < LONG {
            return;
        }
        bar.get_or_insert_with(|| {
            let bar = bar_of_body(url, total);
            match &self.pages {
                Some(pages) => self.bars.insert_before(pages, bar),
                None => self.bars.add(bar),
            }
        })
        .set_position(received);
    }

    pub fn end_of_progress(&self, bar: Option<ProgressBar>) {
        if let Some(bar) = bar {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }

    /// One more page is over, and so many of them have failed.
    pub fn end_of_page(&self, failed: usize) {
        let Some(pages) = &self.pages else { return };
        if failed > 0 {
            pages.set_message(format!("{failed} failed"));
        }
        pages.inc(1);
        if Some(pages.position()) == pages.length() {
            pages.finish_and_clear();
        }
    }

    fn print(&mut self, text: &str) {
        // Where standard error is closed there is nobody left to tell.
        let _ = self.bars.suspend(|| self.err.write_all(text.as_bytes()));
    }
}

fn bar_of_body(url: &Url, total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => {
            (ProgressBar::new(total), "[{bar:24}] {bytes}/{total_bytes} {bytes_per_sec} {eta} {msg}")
        }
        None => (ProgressBar::no_length(), "{bytes} {bytes_per_sec} {msg}"),
    };
    bar.with_style(style(template)).with_message(url.to_string())
}

fn bar_of_pages(urls: usize) -> ProgressBar {
    ProgressBar::new(urls as u64).with_style(style("[{bar:24}] {pos}/{len} pages {elapsed} {msg}"))
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

/// A head as text: line ends are LF, what is no text is replaced, and what a terminal would obey is disarmed.
fn readable(head: &[u8]) -> String {
    String::from_utf8_lossy(head).replace("\r\n", "\n").chars().map(harmless).collect()
}

/// What somebody else may have named, as part of a line of ours.
fn in_one_line(text: &str) -> String {
    text.replace('\n', " ").chars().map(harmless).collect()
}

fn harmless(c: char) -> char {
    if is_terminal_control(c) { char::REPLACEMENT_CHARACTER } else { c }
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
