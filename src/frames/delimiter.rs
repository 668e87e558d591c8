//! Frames that end in bytes of one's choice.

use super::sealed::Cut;
use super::tail::{Tail, shortened};
use super::{FrameError, Frames, PayloadError, within};
use memchr::{memchr, memmem};
use std::borrow::Cow;

/// The rule of [`Frames::delimited`], and what ends its frames.
///
/// ```
/// use hullo::ConnMap;
/// use hullo::frames::{Delimiter, Frames};
/// use std::sync::Arc;
///
/// #[derive(Default)]
/// struct Handler {
///     heads: ConnMap<Frames<Delimiter>>,
///     parts: ConnMap<Frames<Delimiter<Arc<[u8]>>>>,
/// }
/// # let _ = Handler::default();
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delimiter<D = &'static [u8]>(D);

impl Frames<Delimiter> {
    /// Frames that end in `delimiter` and have at most `limit` bytes without it.
    ///
    /// The first place where the delimiter fits ends the frame. An empty frame is a frame.
    ///
    /// ```
    /// use hullo::frames::Frames;
    ///
    /// let mut heads = Frames::delimited(b"\r\n\r\n", 8192);
    /// let mut bytes = &b"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody"[..];
    /// assert_eq!(heads.next(&mut bytes)?.as_deref(), Some(&b"GET / HTTP/1.1\r\nHost: a"[..]));
    /// assert_eq!(bytes, b"body");
    /// # Ok::<(), hullo::frames::FrameError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// With an empty delimiter, which would end everything everywhere.
    pub const fn delimited(delimiter: &'static [u8], limit: usize) -> Frames<Delimiter> {
        assert!(!delimiter.is_empty(), "a delimiter has at least one byte");
        Frames { tail: Tail::new(), limit, rule: Delimiter(delimiter) }
    }
}

impl<D: AsRef<[u8]>> Frames<Delimiter<D>> {
    /// As [`Frames::delimited`], with a delimiter that is known only when the program runs: a `Vec<u8>`, or an
    /// `Arc<[u8]>` that connections share.
    ///
    /// ```
    /// use hullo::frames::Frames;
    ///
    /// let boundary = format!("\r\n--{}", "f81d4fae");
    /// let mut parts = Frames::delimited_by(boundary.into_bytes(), 65_536);
    /// let mut bytes = &b"one part\r\n--f81d4fae--"[..];
    /// assert_eq!(parts.next(&mut bytes)?.as_deref(), Some(&b"one part"[..]));
    /// assert_eq!(bytes, b"--");
    /// # Ok::<(), hullo::frames::FrameError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// With an empty delimiter.
    pub fn delimited_by(delimiter: D, limit: usize) -> Frames<Delimiter<D>> {
        assert!(!delimiter.as_ref().is_empty(), "a delimiter has at least one byte");
        Frames { tail: Tail::new(), limit, rule: Delimiter(delimiter) }
    }
}

impl<D: AsRef<[u8]>> Cut for Delimiter<D> {
    #[inline]
    fn next<'a>(
        &self,
        tail: &mut Tail,
        limit: usize,
        bytes: &mut &'a [u8],
    ) -> Result<Option<Cow<'a, [u8]>>, FrameError> {
        let delimiter = self.0.as_ref();
        if !tail.is_empty()
            && let Some(begun) = across(delimiter, tail.bytes(), bytes)
        {
            let size = tail.len() - begun;
            if size > limit {
                return Err(FrameError::TooLong { limit });
            }
            *bytes = &bytes[delimiter.len() - begun..];
            return Ok(Some(shortened(tail.complete(&[]), size)));
        }
        // No delimiter lies in the tail, so that only new bytes need a look; and of those, the ones within the limit.
        let full = limit.saturating_add(delimiter.len());
        let within = bytes.len().min(full.saturating_sub(tail.len()));
        if let Some(end) = find(delimiter, &bytes[..within]) {
            let frame = tail.complete(&bytes[..end]);
            *bytes = &bytes[end + delimiter.len()..];
            return Ok(Some(frame));
        }
        if tail.len() + bytes.len() >= full {
            return Err(FrameError::TooLong { limit });
        }
        tail.keep(bytes, full - 1);
        Ok(None)
    }

    fn write(&self, out: &mut Vec<u8>, payload: &[u8], limit: usize) -> Result<(), PayloadError> {
        within(limit, payload)?;
        let delimiter = self.0.as_ref();
        // With "aa" behind it, "xa" would be read back as "x".
        let early = find(delimiter, payload)
            .or_else(|| across(delimiter, payload, delimiter).map(|begun| payload.len() - begun));
        if let Some(at) = early {
            return Err(PayloadError::Delimiter { at });
        }
        out.reserve(payload.len().saturating_add(delimiter.len()));
        out.extend_from_slice(payload);
        out.extend_from_slice(delimiter);
        Ok(())
    }
}

#[inline]
fn find(delimiter: &[u8], bytes: &[u8]) -> Option<usize> {
    match delimiter {
        // Only an `AsRef` that changes its mind comes here, and then no end is in sight.
        [] => None,
        [byte] => memchr(*byte, bytes),
        _ => memmem::find(bytes, delimiter),
    }
}

/// How many bytes of a delimiter end `front`, where the rest of it begins `back`; the most, where several fit. It
/// looks at no more of `front` than could belong to the delimiter, however long that has become.
fn across(delimiter: &[u8], front: &[u8], back: &[u8]) -> Option<usize> {
    let most = front.len().min(delimiter.len().saturating_sub(1));
    let least = delimiter.len().saturating_sub(back.len()).max(1);
    (least..=most)
        .rev()
        .find(|&begun| front.ends_with(&delimiter[..begun]) && back.starts_with(&delimiter[begun..]))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Outcome, read_all};
    use super::*;

    fn read(delimiter: &'static [u8], limit: usize, reads: &[&[u8]]) -> Outcome {
        read_all(Frames::delimited(delimiter, limit), limit + delimiter.len() - 1, reads)
    }

    #[test]
    fn one_byte_ends_a_frame() {
        let (found, end) = read(b"\0", 80, &[b"Ann\0\0Em", b"ma", b"\0"]);
        assert_eq!((found, end), (vec![b"Ann".to_vec(), vec![], b"Emma".to_vec()], Ok(None)));
    }

    #[test]
    fn several_bytes_end_a_frame() {
        let (found, end) = read(b"END", 80, &[b"AnnENDENDEm", b"maEND"]);
        assert_eq!((found, end), (vec![b"Ann".to_vec(), vec![], b"Emma".to_vec()], Ok(None)));
    }

    #[test]
    fn a_delimiter_is_found_wherever_it_is_split() {
        let stream = b"Ann\r\n\r\n\r\n\r\nEm\r\n\rma\r\n\r\n";
        let expected = (vec![b"Ann".to_vec(), vec![], b"Em\r\n\rma".to_vec()], Ok(None));
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let reads = [&stream[..first], &stream[first..second], &stream[second..]];
                assert_eq!(read(b"\r\n\r\n", 80, &reads), expected, "{first} {second}");
            }
        }
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(read(b"\r\n\r\n", 80, &single), expected);
    }

    #[test]
    fn of_overlapping_delimiters_the_first_one_counts_however_it_is_split() {
        for at in 0..=6 {
            let (front, back) = b"xaaaab".split_at(at);
            let expected = (vec![b"x".to_vec(), vec![]], Err(FrameError::Unfinished { held: 1 }));
            assert_eq!(read(b"aa", 80, &[front, back]), expected, "{at}");
        }
    }

    #[test]
    fn a_frame_whole_in_a_read_is_a_slice_of_it() {
        let read = &b"AnnENDEmmaEND"[..];
        let (mut frames, mut bytes) = (Frames::delimited(b"END", 80), read);
        let first = frames.next(&mut bytes).unwrap().unwrap();
        assert!(matches!(first, Cow::Borrowed(frame) if std::ptr::eq(frame, &read[..3])));
    }

    #[test]
    fn the_limit_does_not_count_the_delimiter() {
        for reads in [&[&b"EmmaEND"[..]][..], &[b"Emma", b"END"], &[b"EmmaEN", b"D"], &[b"E", b"mmaE", b"ND"]]
        {
            assert_eq!(read(b"END", 4, reads), (vec![b"Emma".to_vec()], Ok(None)), "{reads:?}");
        }
    }

    #[test]
    fn a_frame_over_the_limit_is_an_error_after_the_frames_before_it() {
        let reads: [&[&[u8]]; 5] = [
            &[b"AnnENDEmmaXEND"],
            &[b"AnnENDEmmaX", b"END"],
            &[b"AnnENDEmmaXE", b"ND"],
            &[b"AnnENDEmmaEN", b"X"],
            &[b"AnnENDEmmaXYZ"],
        ];
        for reads in reads {
            let expected = (vec![b"Ann".to_vec()], Err(FrameError::TooLong { limit: 4 }));
            assert_eq!(read(b"END", 4, reads), expected, "{reads:?}");
        }
    }

    #[test]
    fn the_highest_limit_does_not_overflow() {
        let mut frames = Frames::delimited(b"END", usize::MAX);
        assert_eq!(frames.next(&mut &b"EmmaE"[..]), Ok(None));
        assert_eq!(frames.next(&mut &b"ND"[..]).unwrap().as_deref(), Some(&b"Emma"[..]));
    }

    #[test]
    fn the_end_of_the_stream_is_no_delimiter() {
        let expected = (vec![b"Ann".to_vec()], Err(FrameError::Unfinished { held: 6 }));
        assert_eq!(read(b"END", 80, &[b"AnnENDEmma", b"EN"]), expected);
    }

    #[test]
    fn what_would_be_read_back_otherwise_is_not_written() {
        let cases: [(&'static [u8], &[u8], usize); 5] = [
            (b"\0", b"ab\0c", 2),
            (b"END", b"abENDc", 2),
            (b"aa", b"xa", 1),
            (b"abab", b"xxab", 2),
            (b"aba", b"ab", 0),
        ];
        for (delimiter, payload, at) in cases {
            let mut out = Vec::new();
            let refused = Frames::delimited(delimiter, 80).write_frame(&mut out, payload);
            assert_eq!((refused, out), (Err(PayloadError::Delimiter { at }), vec![]), "{payload:?}");
        }
        let mut out = Vec::new();
        Frames::delimited(b"\r\n", 80).write_frame(&mut out, b"Ann\r").unwrap();
        assert_eq!(out, b"Ann\r\r\n");
        assert_eq!(read(b"\r\n", 80, &[&out]), (vec![b"Ann\r".to_vec()], Ok(None)));
    }

    #[test]
    #[should_panic = "at least one byte"]
    fn an_empty_delimiter_is_refused() {
        let _ = Frames::delimited(b"", 80);
    }

    #[test]
    fn a_delimiter_that_becomes_empty_ends_nothing() {
        struct Fickle(std::cell::Cell<bool>);
        impl AsRef<[u8]> for Fickle {
            fn as_ref(&self) -> &[u8] {
                if self.0.replace(true) { b"" } else { b"x" }
            }
        }
        let mut frames = Frames::delimited_by(Fickle(false.into()), 4);
        assert_eq!(frames.next(&mut &b"Ann"[..]), Ok(None));
        assert_eq!(frames.next(&mut &b"Emma"[..]), Err(FrameError::TooLong { limit: 4 }));
    }
}
