//! Standard input, as one more descriptor on the loop.

use hullo::{FdId, Net, TimerId};
use memchr::memchr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::Duration;

/// Most that one read takes, and most that is kept of a line that does not end.
const CHUNK: usize = 64 * 1024;

/// Lines typed, or piped. They are read one read(2) at a time and only while they are wanted: the descriptor is shared
/// with the shell and stays blocking, and what we do not read waits in front of whoever writes it.
pub struct Input {
    file: File,
    watch: Option<FdId>,
    /// A regular file or /dev/null, which epoll refuses: never a wait, so that each step has a turn of its own.
    is_always_ready: bool,
    step: Option<TimerId>,
    step_key: u64,
    lines: Lines,
    is_ended: bool,
}

/// What there is to send.
#[derive(PartialEq, Debug)]
pub enum Line {
    /// A line without its end, or what is left before the end of the input.
    Whole(Vec<u8>),
    /// A piece of a line that is longer than we keep.
    Part(Vec<u8>),
    /// The rest of such a line; may be empty.
    Tail(Vec<u8>),
}

impl Input {
    /// Where reading never waits, a timer with this key asks for each step.
    pub fn standard(step_key: u64) -> io::Result<Input> {
        let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        Ok(Input {
            file,
            watch: None,
            is_always_ready: false,
            step: None,
            step_key,
            lines: Lines::default(),
            is_ended: false,
        })
    }

    /// Asks for input, or no longer.
    pub fn want(&mut self, net: &mut Net, is_wanted: bool) -> io::Result<()> {
        if !is_wanted || self.is_ended {
            if let Some(watch) = self.watch.take() {
                net.unwatch(watch);
            }
            if let Some(step) = self.step.take() {
                net.cancel_timer(step);
            }
            return Ok(());
        }
        if self.watch.is_none() && !self.is_always_ready {
            match net.watch(self.file.try_clone()?) {
                Ok(watch) => self.watch = Some(watch),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => self.is_always_ready = true,
                Err(error) => return Err(error.into()),
            }
        }
        if self.is_always_ready && self.step.is_none() {
            self.step = Some(net.set_timer(Duration::ZERO, self.step_key));
        }
        Ok(())
    }

    pub fn is(&self, fd: FdId) -> bool {
        self.watch == Some(fd)
    }

    /// Reads once.
    pub fn read(&mut self) -> io::Result<()> {
        self.step = None;
        match self.lines.fill(&mut self.file) {
            Ok(0) => self.is_ended = true,
            Ok(_) => {}
            // Somebody else was faster, or a signal came: it is told again while there is input.
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    pub fn next(&mut self) -> Option<Line> {
        self.lines.next(self.is_ended)
    }

    /// Whether `next` has something to give.
    pub fn has_line(&mut self) -> bool {
        self.lines.end(self.is_ended).is_some()
    }

    pub fn is_ended(&self) -> bool {
        self.is_ended
    }
}

/// Bytes, taken out by lines.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    start: usize,
    /// There is no line end before this place.
    searched: usize,
    /// The front of this line was taken already.
    is_cut: bool,
}

/// Where a line ends, or what is to be taken of it.
enum End {
    Newline(usize),
    Limit,
    Input,
}

impl Lines {
    /// Only when there is no line to take, so that at most two chunks are kept.
    fn fill(&mut self, source: &mut impl Read) -> io::Result<usize> {
        self.bytes.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        let before = self.bytes.len();
        self.bytes.resize(before + CHUNK, 0);
        let result = source.read(&mut self.bytes[before..]);
        self.bytes.truncate(before + *result.as_ref().unwrap_or(&0));
        result
    }

    fn end(&mut self, is_last: bool) -> Option<End> {
        if let Some(at) = memchr(b'\n', &self.bytes[self.searched..]) {
            self.searched += at;
            return Some(End::Newline(self.searched));
        }
        self.searched = self.bytes.len();
        match self.bytes.len() - self.start {
            0 if !(is_last && self.is_cut) => None,
            _ if is_last => Some(End::Input),
            CHUNK.. => Some(End::Limit),
            _ => None,
        }
    }

    fn next(&mut self, is_last: bool) -> Option<Line> {
        let end = self.end(is_last)?;
        let rest = &self.bytes[self.start..];
        let (line, taken) = match end {
            End::Newline(at) => {
                let line = &rest[..at - self.start];
                (line.strip_suffix(b"\r").unwrap_or(line), line.len() + 1)
            }
            End::Input => (rest, rest.len()),
            End::Limit => {
                let piece = &rest[..whole_characters(rest)];
                // It may belong to the end of the line.
                let piece = piece.strip_suffix(b"\r").unwrap_or(piece);
                (piece, piece.len())
            }
        };
        let line = line.to_vec();
        self.start += taken;
        self.searched = self.searched.max(self.start);
        Some(match (std::mem::replace(&mut self.is_cut, matches!(end, End::Limit)), end) {
            (_, End::Limit) => Line::Part(line),
            (true, _) => Line::Tail(line),
            (false, _) => Line::Whole(line),
        })
    }
}

/// How much of it to take so that no character of UTF-8 is cut; all of it where it is none.
fn whole_characters(bytes: &[u8]) -> usize {
    let is_inside = |byte: &u8| byte & 0b1100_0000 == 0b1000_0000;
    let tail = bytes.iter().rev().take(3).take_while(|byte| is_inside(byte)).count();
    match bytes.len().checked_sub(tail + 1) {
        Some(lead) if bytes[lead] >= 0b1100_0000 && lead > 0 => lead,
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Option<Line> {
        Some(Line::Whole(text.into()))
    }

    #[test]
    fn lines_end_in_lf_or_crlf_or_with_the_input() {
        let mut lines = Lines::default();
        lines.fill(&mut &b"a\r\n\nb"[..]).unwrap();
        assert_eq!([lines.next(false), lines.next(false), lines.next(false)], [whole("a"), whole(""), None]);
        lines.fill(&mut &b"c\nd"[..]).unwrap();
        assert_eq!([lines.next(false), lines.next(false)], [whole("bc"), None]);
        assert_eq!([lines.next(true), lines.next(true)], [whole("d"), None]);
    }

    #[test]
    fn a_line_without_end_is_taken_in_pieces_that_cut_no_character() {
        let long = format!("a{}", "是".repeat(CHUNK));
        let (mut source, mut lines, mut seen) = (long.as_bytes(), Lines::default(), Vec::new());
        while lines.fill(&mut source).unwrap() > 0 {
            while let Some(line) = lines.next(false) {
                let Line::Part(piece) = line else { panic!("{line:?}") };
                seen.extend(std::str::from_utf8(&piece).unwrap().chars());
                assert!(lines.bytes.len() <= 2 * CHUNK);
            }
        }
        let Some(Line::Tail(rest)) = lines.next(true) else { panic!("no rest") };
        seen.extend(String::from_utf8(rest).unwrap().chars());
        assert!(seen.into_iter().eq(long.chars()));
        assert_eq!(lines.next(true), None);
    }

    #[test]
    fn the_tail_of_a_long_line_is_no_line_of_its_own() {
        let long = "x".repeat(CHUNK);
        for (end, tail) in [("exit\nnext", "exit"), ("\nnext", ""), ("\r\nnext", ""), ("\r", "\r"), ("", "")]
        {
            let mut lines = Lines::default();
            lines.fill(&mut long.as_bytes()).unwrap();
            assert_eq!(lines.next(false), Some(Line::Part(long.clone().into())));
            lines.fill(&mut end.as_bytes()).unwrap();
            assert_eq!(lines.next(true), Some(Line::Tail(tail.into())), "{end:?}");
            assert_eq!(lines.next(true), end.ends_with("next").then(|| whole("next").unwrap()));
            assert_eq!(lines.next(true), None);
        }
    }

    #[test]
    fn a_line_end_that_is_cut_in_two_is_one() {
        let mut lines = Lines::default();
        lines.fill(&mut [&[b'x'; CHUNK - 1][..], b"\r"].concat().as_slice()).unwrap();
        assert_eq!(lines.next(false), Some(Line::Part(vec![b'x'; CHUNK - 1])));
        lines.fill(&mut &b"\n"[..]).unwrap();
        assert_eq!(lines.next(false), Some(Line::Tail(Vec::new())));
    }

    #[test]
    fn bytes_that_are_no_text_are_taken_all_the_same() {
        assert_eq!(whole_characters(b"ab\x80\x80\x80\x80"), 6);
        assert_eq!(whole_characters(b"\xE6"), 1);
        assert_eq!(whole_characters(b"a\xE6\x95"), 1);
    }
}
