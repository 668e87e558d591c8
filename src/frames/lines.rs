//! Frames that end in LF or CRLF.

use super::sealed::Cut;
use super::tail::{Tail, shortened};
use super::{FrameError, Frames, PayloadError, within};
use memchr::memchr;
use std::borrow::Cow;

/// The rule of [`Frames::lines`].
///
/// ```
/// use hullo::ConnMap;
/// use hullo::frames::{Frames, Lines};
///
/// #[derive(Default)]
/// struct Chat {
///     clients: ConnMap<Frames<Lines>>,
/// }
/// # let _ = Chat::default();
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Lines;

impl Frames<Lines> {
    /// Lines of at most `limit` bytes without their end, which is LF or CRLF, as each line likes.
    ///
    /// An empty line is a frame. A CR that no LF follows belongs to the line. At the end of the stream
    /// [`finish`](Frames::finish) gives the last line that has no end; a CR at its end stays. Lines are written with
    /// LF; [`Frames::delimited`] writes CRLF.
    ///
    /// ```
    /// use hullo::frames::Frames;
    ///
    /// let mut lines = Frames::lines(4096);
    /// let mut bytes = &b"Ann\r\n\nEmma\nMich"[..];
    /// assert_eq!(lines.next(&mut bytes)?.as_deref(), Some(&b"Ann"[..]));
    /// assert_eq!(lines.next(&mut bytes)?.as_deref(), Some(&b""[..]));
    /// assert_eq!(lines.next(&mut bytes)?.as_deref(), Some(&b"Emma"[..]));
    /// assert_eq!(lines.next(&mut bytes)?, None);
    /// assert_eq!(lines.held(), 4);
    /// # Ok::<(), hullo::frames::FrameError>(())
    /// ```
    pub const fn lines(limit: usize) -> Frames<Lines> {
        Frames { tail: Tail::new(), limit, rule: Lines }
    }
}

impl Cut for Lines {
    #[inline]
    fn next<'a>(
        &self,
        tail: &mut Tail,
        limit: usize,
        bytes: &mut &'a [u8],
    ) -> Result<Option<Cow<'a, [u8]>>, FrameError> {
        let held = tail.bytes();
        // A line within the limit ends here: CR and LF come on top of it.
        let within = bytes.len().min(limit.saturating_add(2).saturating_sub(held.len()));
        let Some(end) = memchr(b'\n', &bytes[..within]) else {
            return keep(tail, limit, bytes).map(|()| None);
        };
        let last = if end > 0 { bytes.get(end - 1) } else { held.last() };
        let size = held.len() + end - (last == Some(&b'\r')) as usize;
        if size > limit {
            return Err(FrameError::TooLong { limit });
        }
        let line = tail.complete(&bytes[..end]);
        *bytes = &bytes[end + 1..];
        Ok(Some(shortened(line, size)))
    }

    fn finish(&self, tail: Vec<u8>, limit: usize, held: usize) -> Result<Option<Vec<u8>>, FrameError> {
        if held > limit { Err(FrameError::TooLong { limit }) } else { Ok(Some(tail)) }
    }

    fn write(&self, out: &mut Vec<u8>, payload: &[u8], limit: usize) -> Result<(), PayloadError> {
        within(limit, payload)?;
        if let Some(at) = memchr(b'\n', payload) {
            return Err(PayloadError::Delimiter { at });
        }
        if let [front @ .., b'\r'] = payload {
            return Err(PayloadError::Delimiter { at: front.len() });
        }
        out.reserve(payload.len().saturating_add(1));
        out.extend_from_slice(payload);
        out.push(b'\n');
        Ok(())
    }
}

/// Adds bytes without an LF to the tail, unless no LF could make a line of it any more.
#[cold]
fn keep(tail: &mut Tail, limit: usize, bytes: &mut &[u8]) -> Result<(), FrameError> {
    let full = limit.saturating_add(1);
    let size = tail.len() + bytes.len();
    let last = bytes.last().or(tail.bytes().last());
    if size > full || size == full && last != Some(&b'\r') {
        return Err(FrameError::TooLong { limit });
    }
    tail.keep(bytes, full);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Outcome, read_all};
    use super::*;

    fn read(limit: usize, reads: &[&[u8]]) -> Outcome {
        read_all(Frames::lines(limit), limit + 1, reads)
    }

    #[test]
    fn lf_and_crlf_both_end_a_line() {
        let (found, end) = read(80, &[b"Ann\nEmma\r\n\r\n\n"]);
        assert_eq!(found, [&b"Ann"[..], b"Emma", b"", b""]);
        assert_eq!(end, Ok(None));
    }

    #[test]
    fn a_line_whole_in_a_read_is_a_slice_of_it() {
        let read = &b"Ann\r\nEmma\n"[..];
        let (mut lines, mut bytes) = (Frames::lines(80), read);
        let first = lines.next(&mut bytes).unwrap().unwrap();
        assert!(matches!(first, Cow::Borrowed(line) if std::ptr::eq(line, &read[..3])));
        let second = lines.next(&mut bytes).unwrap().unwrap();
        assert!(matches!(second, Cow::Borrowed(line) if std::ptr::eq(line, &read[5..9])));
    }

    #[test]
    fn a_split_line_is_collected() {
        let (found, end) = read(80, &[b"Mi", b"", b"cha", b"el\nEm", b"ma", b"\n"]);
        assert_eq!((found, end), (vec![b"Michael".to_vec(), b"Emma".to_vec()], Ok(None)));
    }

    #[test]
    fn a_split_crlf_is_one_end() {
        let (found, end) = read(80, &[b"Ann\r", b"\nEmma", b"\r", b"\n\r", b"\n"]);
        assert_eq!((found, end), (vec![b"Ann".to_vec(), b"Emma".to_vec(), b"".to_vec()], Ok(None)));
    }

    #[test]
    fn a_cr_alone_belongs_to_the_line() {
        let (found, end) = read(80, &[b"a\rb\n\rc\r\r\nd\r"]);
        assert_eq!(found, [&b"a\rb"[..], b"\rc\r"]);
        assert_eq!(end, Ok(Some(b"d\r".to_vec())));
    }

    #[test]
    fn a_last_line_needs_no_end() {
        assert_eq!(read(80, &[b"Ann\nEm", b"ma"]), (vec![b"Ann".to_vec()], Ok(Some(b"Emma".to_vec()))));
        assert_eq!(read(80, &[]), (vec![], Ok(None)));
    }

    #[test]
    fn the_limit_counts_neither_lf_nor_crlf() {
        let reads: [&[&[u8]]; 5] =
            [&[b"Emma\n"], &[b"Emma\r\n"], &[b"Emma", b"\r\n"], &[b"Emma\r", b"\n"], &[b"Em", b"ma\r\n"]];
        for reads in reads {
            assert_eq!(read(4, reads), (vec![b"Emma".to_vec()], Ok(None)), "{reads:?}");
        }
    }

    #[test]
    fn a_line_over_the_limit_is_an_error_after_the_lines_before_it() {
        let reads: [&[&[u8]]; 7] = [
            &[b"Ann\nEmmaX\n"],
            &[b"Ann\nEmmaX\r\n"],
            &[b"Ann\nEmma", b"X"],
            &[b"Ann\nEmmaX"],
            &[b"Ann\nEmma\r", b"X"],
            &[b"Ann\nEmma\r", b"\r\n"],
            &[b"Ann\nEmma\r"],
        ];
        for reads in reads {
            let expected = (vec![b"Ann".to_vec()], Err(FrameError::TooLong { limit: 4 }));
            assert_eq!(read(4, reads), expected, "{reads:?}");
        }
    }

    #[test]
    fn a_line_that_no_end_could_save_is_refused_at_once() {
        for reads in [&[&b"EmmaX"[..]][..], &[b"Emma", b"X"], &[b"Emma\r", b"\r"]] {
            let mut lines = Frames::lines(4);
            let (last, front) = reads.split_last().unwrap();
            front.iter().for_each(|read| assert_eq!(lines.next(&mut &read[..]), Ok(None)));
            assert_eq!(lines.next(&mut &last[..]), Err(FrameError::TooLong { limit: 4 }), "{reads:?}");
        }
    }

    #[test]
    fn a_limit_of_nothing_lets_empty_lines_through() {
        assert_eq!(read(0, &[b"\n\r", b"\n"]), (vec![vec![], vec![]], Ok(None)));
        assert_eq!(read(0, &[b"x\n"]), (vec![], Err(FrameError::TooLong { limit: 0 })));
    }

    #[test]
    fn the_highest_limit_does_not_overflow() {
        let (found, end) = read(usize::MAX - 1, &[b"Ann\nEm", b"ma\nX"]);
        assert_eq!((found, end), (vec![b"Ann".to_vec(), b"Emma".to_vec()], Ok(Some(b"X".to_vec()))));
        let mut lines = Frames::lines(usize::MAX);
        assert_eq!(lines.next(&mut &b"Em"[..]), Ok(None));
        assert_eq!(lines.next(&mut &b"ma\n"[..]).unwrap().as_deref(), Some(&b"Emma"[..]));
    }

    #[test]
    fn a_line_is_written_with_lf() {
        let mut out = Vec::new();
        Frames::lines(80).write_frame(&mut out, b"a\rb").unwrap();
        Frames::lines(80).write_frame(&mut out, b"").unwrap();
        assert_eq!(out, b"a\rb\n\n");
    }

    #[test]
    fn what_would_be_read_back_otherwise_is_not_written() {
        for (payload, at) in [(&b"\n"[..], 0), (b"ab\nc", 2), (b"ab\r", 2), (b"\r", 0), (b"ab\r\n", 3)] {
            let mut out = Vec::new();
            let refused = Frames::lines(80).write_frame(&mut out, payload);
            assert_eq!((refused, out), (Err(PayloadError::Delimiter { at }), vec![]), "{payload:?}");
        }
    }
}
