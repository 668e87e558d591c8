//! Frames that come after their length.

use super::sealed::Cut;
use super::tail::Tail;
use super::{FrameError, Frames, PayloadError, within};
use std::borrow::Cow;

/// The rule of [`Frames::prefixed`]: how the length is written. It counts the payload, not itself.
///
/// A varint is LEB128: seven bits a byte, the low ones first, the high bit of each byte but the last set. Written
/// ones are as short as can be. Read ones may be padded (`81 80 00` is 1 as well), as programs write them that fill
/// the length in afterwards; more bytes than the type has room for, or bits that it has not, are
/// [`FrameError::BadPrefix`].
///
/// ```
/// use hullo::frames::{Frames, PayloadError, Prefix};
///
/// let written = |prefix| {
///     let mut out = Vec::new();
///     Frames::prefixed(prefix, 300).write_frame(&mut out, &[b'x'; 200])?;
///     out.truncate(out.len() - 200);
///     Ok::<_, PayloadError>(out)
/// };
/// assert_eq!(written(Prefix::U8)?, [200]);
/// assert_eq!(written(Prefix::U16Be)?, [0, 200]);
/// assert_eq!(written(Prefix::U32Le)?, [200, 0, 0, 0]);
/// assert_eq!(written(Prefix::Varint32)?, [0b1100_1000, 0b0000_0001]);
/// # Ok::<(), PayloadError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Prefix {
    /// One byte: payloads of at most 255 bytes.
    U8,
    /// Two bytes, the high one first (network order): at most 65,535 bytes.
    U16Be,
    /// Two bytes, the low one first: at most 65,535 bytes.
    U16Le,
    /// Four bytes, the high one first (network order): at most 4 GiB less one byte.
    U32Be,
    /// Four bytes, the low one first: at most 4 GiB less one byte.
    U32Le,
    /// One to five bytes, for 32 bits: at most 4 GiB less one byte.
    Varint32,
    /// One to ten bytes, for 64 bits.
    Varint64,
}

impl Frames<Prefix> {
    /// Frames whose length is sent ahead of them, with payloads of at most `limit` bytes; or as many as the prefix
    /// can say, if that is less.
    ///
    /// A length over the limit is an error as soon as it is read, and nothing is reserved on the word of a peer.
    ///
    /// ```
    /// use hullo::frames::{FrameError, Frames, Prefix};
    ///
    /// let mut frames = Frames::prefixed(Prefix::U32Be, 1 << 20);
    /// let mut bytes = &b"\0\0\0\x03Ann\0\0\0\0\xFF\xFF\xFF\xFF"[..];
    /// assert_eq!(frames.next(&mut bytes)?.as_deref(), Some(&b"Ann"[..]));
    /// assert_eq!(frames.next(&mut bytes)?.as_deref(), Some(&b""[..]));
    /// assert_eq!(frames.next(&mut bytes), Err(FrameError::TooLong { limit: 1 << 20 }));
    /// # Ok::<(), FrameError>(())
    /// ```
    pub const fn prefixed(prefix: Prefix, limit: usize) -> Frames<Prefix> {
        let most = prefix.most();
        Frames { tail: Tail::new(), limit: if limit < most { limit } else { most }, rule: prefix }
    }
}

/// No prefix is longer.
const LONGEST: usize = 10;

impl Cut for Prefix {
    #[inline]
    fn next<'a>(
        &self,
        tail: &mut Tail,
        limit: usize,
        bytes: &mut &'a [u8],
    ) -> Result<Option<Cow<'a, [u8]>>, FrameError> {
        if !tail.is_empty() {
            return self.resume(tail, limit, bytes);
        }
        let Some((prefix, len)) = self.read(bytes, limit)? else {
            tail.keep(bytes, LONGEST);
            return Ok(None);
        };
        let body = &bytes[prefix..];
        if let Some((frame, rest)) = body.split_at_checked(len) {
            *bytes = rest;
            return Ok(Some(Cow::Borrowed(frame)));
        }
        *bytes = body;
        tail.begin_body(prefix, len);
        Ok(tail.complete_to(len, bytes))
    }

    fn write(&self, out: &mut Vec<u8>, payload: &[u8], limit: usize) -> Result<(), PayloadError> {
        within(limit, payload)?;
        let len = payload.len();
        out.reserve(len.saturating_add(LONGEST));
        // The limit is within what the prefix can say, so that no cast cuts anything off.
        match self {
            Prefix::U8 => out.push(len as u8),
            Prefix::U16Be => out.extend_from_slice(&(len as u16).to_be_bytes()),
            Prefix::U16Le => out.extend_from_slice(&(len as u16).to_le_bytes()),
            Prefix::U32Be => out.extend_from_slice(&(len as u32).to_be_bytes()),
            Prefix::U32Le => out.extend_from_slice(&(len as u32).to_le_bytes()),
            Prefix::Varint32 | Prefix::Varint64 => {
                let mut left = len;
                while left > 0x7F {
                    out.push(left as u8 | 0x80);
                    left >>= 7;
                }
                out.push(left as u8);
            }
        }
        out.extend_from_slice(payload);
        Ok(())
    }
}

impl Prefix {
    /// The longest payload that it can say.
    const fn most(self) -> usize {
        match self {
            Prefix::U8 => u8::MAX as usize,
            Prefix::U16Be | Prefix::U16Le => u16::MAX as usize,
            Prefix::U32Be | Prefix::U32Le | Prefix::Varint32 => u32::MAX as usize,
            Prefix::Varint64 => usize::MAX,
        }
    }

    /// Reads on where the last read ended within a frame.
    #[cold]
    fn resume<'a>(
        self,
        tail: &mut Tail,
        limit: usize,
        bytes: &mut &'a [u8],
    ) -> Result<Option<Cow<'a, [u8]>>, FrameError> {
        if let Some(len) = tail.body() {
            return Ok(tail.complete_to(len, bytes));
        }
        // Fewer bytes than a prefix are held, so that its end shows in a few more.
        let mut head = [0; LONGEST];
        let held = tail.len();
        let joined = LONGEST.min(held + bytes.len());
        head[..held].copy_from_slice(tail.bytes());
        head[held..joined].copy_from_slice(&bytes[..joined - held]);
        let Some((prefix, len)) = self.read(&head[..joined], limit)? else {
            tail.keep(bytes, LONGEST);
            return Ok(None);
        };
        *bytes = &bytes[prefix - held..];
        tail.begin_body(prefix, len);
        Ok(tail.complete_to(len, bytes))
    }

    /// How long the prefix is at the front of `bytes`, and the payload that it announces; `None` while it is not whole.
    #[inline]
    fn read(self, bytes: &[u8], limit: usize) -> Result<Option<(usize, usize)>, FrameError> {
        let read = match self {
            Prefix::U8 => bytes.first().map(|&byte| (1, byte.into())),
            Prefix::U16Be => bytes.first_chunk().map(|front| (2, u16::from_be_bytes(*front).into())),
            Prefix::U16Le => bytes.first_chunk().map(|front| (2, u16::from_le_bytes(*front).into())),
            Prefix::U32Be => bytes.first_chunk().map(|front| (4, u32::from_be_bytes(*front).into())),
            Prefix::U32Le => bytes.first_chunk().map(|front| (4, u32::from_le_bytes(*front).into())),
            Prefix::Varint32 => varint(bytes, 5, u32::MAX.into())?,
            Prefix::Varint64 => varint(bytes, LONGEST, u64::MAX)?,
        };
        match read {
            Some((_, len)) if len > limit as u64 => Err(FrameError::TooLong { limit }),
            Some((prefix, len)) => Ok(Some((prefix, len as usize))),
            None => Ok(None),
        }
    }
}

/// How long the varint is at the front of `bytes`, and its value, at most `most`, in at most `max` bytes.
#[inline]
fn varint(bytes: &[u8], max: usize, most: u64) -> Result<Option<(usize, u64)>, FrameError> {
    let mut value: u64 = 0;
    for (index, &byte) in bytes.iter().take(max).enumerate() {
        let bits = u64::from(byte & 0x7F);
        let shift = 7 * index as u32;
        if bits > most >> shift {
            return Err(FrameError::BadPrefix { max });
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(Some((index + 1, value)));
        }
    }
    if bytes.len() < max { Ok(None) } else { Err(FrameError::BadPrefix { max }) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Outcome, read_all};
    use super::*;

    fn read(prefix: Prefix, limit: usize, reads: &[&[u8]]) -> Outcome {
        read_all(Frames::prefixed(prefix, limit), limit.saturating_add(LONGEST), reads)
    }

    /// The same in one read and in single bytes.
    fn read_both_ways(prefix: Prefix, limit: usize, stream: &[u8]) -> Outcome {
        let whole = read(prefix, limit, &[stream]);
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(read(prefix, limit, &single), whole, "{prefix:?} {stream:?}");
        whole
    }

    #[test]
    fn each_prefix_has_its_bytes() {
        let cases: [(Prefix, &[u8]); 7] = [
            (Prefix::U8, b"\x03Ann\x00"),
            (Prefix::U16Be, b"\x00\x03Ann\x00\x00"),
            (Prefix::U16Le, b"\x03\x00Ann\x00\x00"),
            (Prefix::U32Be, b"\x00\x00\x00\x03Ann\x00\x00\x00\x00"),
            (Prefix::U32Le, b"\x03\x00\x00\x00Ann\x00\x00\x00\x00"),
            (Prefix::Varint32, b"\x03Ann\x00"),
            (Prefix::Varint64, b"\x03Ann\x00"),
        ];
        for (prefix, stream) in cases {
            let mut out = Vec::new();
            let frames = Frames::prefixed(prefix, 80);
            frames.write_frame(&mut out, b"Ann").unwrap();
            frames.write_frame(&mut out, b"").unwrap();
            assert_eq!(out, stream, "{prefix:?}");
            assert_eq!(read_both_ways(prefix, 80, stream), (vec![b"Ann".to_vec(), vec![]], Ok(None)));
        }
    }

    #[test]
    fn the_byte_order_is_the_one_of_its_name() {
        for (prefix, head) in [
            (Prefix::U16Be, &[1, 2][..]),
            (Prefix::U16Le, &[2, 1]),
            (Prefix::U32Be, &[0, 0, 1, 2]),
            (Prefix::U32Le, &[2, 1, 0, 0]),
            (Prefix::Varint32, &[0x82, 0x02]),
        ] {
            let stream = [head, &[b'x'; 258]].concat();
            assert_eq!(read_both_ways(prefix, 300, &stream), (vec![vec![b'x'; 258]], Ok(None)), "{prefix:?}");
        }
    }

    #[test]
    fn a_frame_whole_in_a_read_is_a_slice_of_it() {
        let read = &b"\x03Ann\x04Em"[..];
        let (mut frames, mut bytes) = (Frames::prefixed(Prefix::U8, 80), read);
        let first = frames.next(&mut bytes).unwrap().unwrap();
        assert!(matches!(first, Cow::Borrowed(frame) if std::ptr::eq(frame, &read[1..4])));
    }

    #[test]
    fn a_prefix_alone_is_held_and_its_frame_is_missed() {
        let mut frames = Frames::prefixed(Prefix::U16Be, 80);
        assert_eq!(frames.next(&mut &b"\x00"[..]), Ok(None));
        assert_eq!(frames.held(), 1);
        assert_eq!(frames.next(&mut &b"\x04"[..]), Ok(None));
        assert_eq!(frames.held(), 2);
        assert_eq!(frames.next(&mut &b"Em"[..]), Ok(None));
        assert_eq!(frames.held(), 4);
        assert_eq!(frames.finish(), Err(FrameError::Unfinished { held: 4 }));
        assert_eq!(frames.held(), 0);
    }

    #[test]
    fn a_length_over_the_limit_is_an_error_before_any_of_it_comes() {
        let too_long = |prefix, limit, head: &[u8]| {
            let expected = (vec![], Err(FrameError::TooLong { limit }));
            assert_eq!(read_both_ways(prefix, limit, head), expected, "{prefix:?}");
        };
        too_long(Prefix::U8, 4, b"\x05");
        too_long(Prefix::U16Le, 4, b"\x00\x01");
        too_long(Prefix::U32Be, 4, b"\xFF\xFF\xFF\xFF");
        too_long(Prefix::Varint32, 4, b"\xFF\xFF\xFF\xFF\x0F");
        too_long(Prefix::Varint64, 4, b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01");
    }

    #[test]
    fn the_highest_length_under_the_highest_limit_waits_and_reserves_nothing() {
        let head = b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01Ann";
        let expected = (vec![], Err(FrameError::Unfinished { held: 13 }));
        assert_eq!(read_both_ways(Prefix::Varint64, usize::MAX, head), expected);
    }

    #[test]
    fn a_varint_that_goes_on_or_does_not_fit_is_an_error() {
        let bad = |prefix, max, head: &[u8]| {
            let expected = (vec![], Err(FrameError::BadPrefix { max }));
            assert_eq!(read_both_ways(prefix, 80, head), expected, "{prefix:?}");
        };
        bad(Prefix::Varint32, 5, b"\x80\x80\x80\x80\x80");
        bad(Prefix::Varint32, 5, b"\x80\x80\x80\x80\x80\x00");
        bad(Prefix::Varint32, 5, b"\x80\x80\x80\x80\x10");
        bad(Prefix::Varint64, 10, b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80");
        bad(Prefix::Varint64, 10, b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02");
    }

    #[test]
    fn a_padded_varint_is_read() {
        for (prefix, stream) in [
            (Prefix::Varint32, &b"\x83\x00Ann"[..]),
            (Prefix::Varint32, b"\x83\x80\x80\x80\x00Ann"),
            (Prefix::Varint64, b"\x83\x80\x80\x80\x80\x80\x80\x80\x80\x00Ann"),
        ] {
            assert_eq!(read_both_ways(prefix, 80, stream), (vec![b"Ann".to_vec()], Ok(None)));
        }
    }

    #[test]
    fn the_limit_is_never_more_than_the_prefix_can_say() {
        let frames = Frames::prefixed(Prefix::U8, usize::MAX);
        let mut out = Vec::new();
        frames.write_frame(&mut out, &[b'x'; 255]).unwrap();
        assert_eq!((out[0], out.len()), (255, 256));
        let refused = frames.write_frame(&mut out, &[b'x'; 256]);
        assert_eq!(refused, Err(PayloadError::TooLong { len: 256, limit: 255 }));
        assert_eq!(Frames::prefixed(Prefix::U16Le, usize::MAX).limit(), 0xFFFF);
        assert_eq!(Frames::prefixed(Prefix::Varint32, usize::MAX).limit(), 0xFFFF_FFFF);
        assert_eq!(Frames::prefixed(Prefix::Varint64, usize::MAX).limit(), usize::MAX);
    }
}
