//! Input in lines, and in pieces where a line is longer than we keep.

use hullo::frames::{self, Frames};
use std::io::{self, Read};

/// Most that one read takes, and most that is kept of a line that does not end.
const CHUNK: usize = 64 * 1024;

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

/// Bytes, taken out by lines.
pub struct Lines {
    /// Without a limit, since a line that gets long is taken in pieces; so it tells of no error.
    frames: Frames<frames::Lines>,
    /// What was read last.
    bytes: Vec<u8>,
    /// How much of that is in lines already.
    start: usize,
    /// The front of this line was taken already.
    is_cut: bool,
    /// What was looked for, and is not taken yet.
    found: Option<Line>,
}

impl Lines {
    pub fn new() -> Lines {
        let frames = Frames::lines(usize::MAX);
        Lines { frames, bytes: Vec::new(), start: 0, is_cut: false, found: None }
    }

    /// Reads once. Only when there is no line to take, so that at most two chunks are kept, and what was read.
    pub fn fill(&mut self, source: &mut impl Read) -> io::Result<usize> {
        self.bytes.drain(..self.start);
        self.start = 0;
        let before = self.bytes.len();
        self.bytes.resize(before + CHUNK, 0);
        let result = source.read(&mut self.bytes[before..]);
        self.bytes.truncate(before + *result.as_ref().unwrap_or(&0));
        result
    }

    pub fn has_next(&mut self, is_last: bool) -> bool {
        self.found = self.next(is_last);
        self.found.is_some()
    }

    pub fn next(&mut self, is_last: bool) -> Option<Line> {
        if self.found.is_some() {
            return self.found.take();
        }
        let mut rest = &self.bytes[self.start..];
        if let Ok(Some(line)) = self.frames.next(&mut rest) {
            let line = line.into_owned();
            self.start = self.bytes.len() - rest.len();
            return Some(self.end_of_line(line));
        }
        self.start = self.bytes.len();
        if is_last && (self.frames.held() > 0 || self.is_cut) {
            let line = self.take_held();
            return Some(self.end_of_line(line));
        }
        (self.frames.held() >= CHUNK).then(|| self.piece())
    }

    fn end_of_line(&mut self, line: Vec<u8>) -> Line {
        if std::mem::take(&mut self.is_cut) { Line::Tail(line) } else { Line::Whole(line) }
    }

    /// What has come of a long line, except what belongs to the next piece: half a character, or a CR that may belong to
    /// the end of the line.
    fn piece(&mut self) -> Line {
        let mut piece = self.take_held();
        let end = whole_characters(&piece);
        let rest = piece.split_off(end - usize::from(piece[..end].ends_with(b"\r")));
        let _ = self.frames.next(&mut &rest[..]); // there is no line end in it
        self.is_cut = true;
        Line::Part(piece)
    }

    fn take_held(&mut self) -> Vec<u8> {
        self.frames.finish().ok().flatten().unwrap_or_default()
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
        let mut lines = Lines::new();
        lines.fill(&mut &b"a\r\n\nb"[..]).unwrap();
        assert_eq!([lines.next(false), lines.next(false), lines.next(false)], [whole("a"), whole(""), None]);
        lines.fill(&mut &b"c\nd"[..]).unwrap();
        assert_eq!([lines.next(false), lines.next(false)], [whole("bc"), None]);
        assert_eq!([lines.next(true), lines.next(true)], [whole("d"), None]);
    }

    #[test]
    fn a_line_without_end_is_taken_in_pieces_that_cut_no_character() {
        let long = format!("a{}", "是".repeat(CHUNK));
        let (mut source, mut lines, mut seen) = (long.as_bytes(), Lines::new(), Vec::new());
        while lines.fill(&mut source).unwrap() > 0 {
            while let Some(line) = lines.next(false) {
                let Line::Part(piece) = line else { panic!("{line:?}") };
                seen.extend(std::str::from_utf8(&piece).unwrap().chars());
                assert!(lines.frames.held() <= 2 * CHUNK);
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
            let mut lines = Lines::new();
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
        let mut lines = Lines::new();
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
