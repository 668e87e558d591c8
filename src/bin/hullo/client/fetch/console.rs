//! What is shown on stderr: heads, errors, a progress bar for each long body, and one for all pages.

use super::response::Head;
use super::url::Url;
use crate::client::terminal::is_terminal_control;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write;
use std::path::Path;

/// The size from which on a body has a progress bar. A shorter one is there before anybody has read the bar.
const LONG: u64 = 1 << 20;

/// Stderr, as a person sees it.
pub struct Console<'a> {
    err: &'a mut dyn Write,
    /// The progress bars. They draw nothing unless standard error is a terminal. Known cost: a terminal that is stopped (Ctrl-S)
    /// while it shows bars stops us as well.
    bars: MultiProgress,
    has_bars: bool,
    /// Each head is preceded by its URL, since there are several.
    names_urls: bool,
    /// The bar of all pages, if there are several.
    pages: Option<ProgressBar>,
    /// Only errors are shown.
    is_quiet: bool,
}

impl<'a> Console<'a> {
    pub fn new(err: &'a mut dyn Write, has_bars: bool, is_quiet: bool, urls: usize) -> Console<'a> {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let has_bars = has_bars && !is_quiet;
        let pages = (has_bars && urls > 1).then(|| bars.add(bar_of_pages(urls)));
        Console { err, bars, has_bars, names_urls: urls > 1, pages, is_quiet }
    }

    /// Shows the head of a response, in one piece.
    pub fn head(&mut self, url: &Url, head: &Head) {
        if self.is_quiet {
            return;
        }
        let name = if self.names_urls { format!("{url}\n") } else { String::new() };
        self.print(&format!("{name}{}", readable(&head.text)));
    }

    /// Shows an error.
    pub fn error(&mut self, sentence: &str) {
        self.print(&format!("error: {}\n", in_one_line(sentence)));
    }

    /// Shows which file a body was saved as.
    pub fn saved(&mut self, url: &str, path: &Path, bytes: u64) {
        if !self.is_quiet {
            let sentence = format!("{url}: saved as {} ({bytes} bytes)", path.display());
            self.print(&format!("{}\n", in_one_line(&sentence)));
        }
    }

    /// Shows how much of a long body has come. `total` is its length, if that is known.
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

    /// Notes that one more page is over, and how many have failed so far.
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
        // If standard error is closed, nobody is left to be told.
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

/// Makes text of a head: line ends become LF, and what is no text or would steer a terminal is replaced.
fn readable(head: &[u8]) -> String {
    String::from_utf8_lossy(head).replace("\r\n", "\n").chars().map(harmless).collect()
}

/// Makes one harmless line of a text that holds names given by others.
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
