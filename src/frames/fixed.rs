//! Frames that are all of one size.

use super::sealed::Cut;
use super::tail::Tail;
use super::{FrameError, Frames, PayloadError};
use std::borrow::Cow;

/// The rule of [`Frames::fixed`].
///
/// ```
/// use hullo::ConnMap;
/// use hullo::frames::{Fixed, Frames};
///
/// #[derive(Default)]
/// struct Recorder {
///     samples: ConnMap<Frames<Fixed>>,
/// }
/// # let _ = Recorder::default();
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Fixed;

impl Frames<Fixed> {
    /// Frames of `size` bytes each, which is the limit as well.
    ///
    /// ```
    /// use hullo::frames::Frames;
    ///
    /// let mut samples = Frames::fixed(4);
    /// let mut bytes = &b"\x00\x00\x00\x07\x00\x00\x01\x00\x00"[..];
    /// let mut sum = 0;
    /// while let Some(sample) = samples.next(&mut bytes)? {
    ///     sum += u32::from_be_bytes(sample[..].try_into().unwrap());
    /// }
    /// assert_eq!(sum, 7 + 256);
    /// assert_eq!(samples.held(), 1);
    /// # Ok::<(), hullo::frames::FrameError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// With a size of 0: any stream would be full of them.
    pub const fn fixed(size: usize) -> Frames<Fixed> {
        assert!(size > 0, "a frame has at least one byte");
        Frames { tail: Tail::new(), limit: size, rule: Fixed }
    }
}

impl Cut for Fixed {
    #[inline]
    fn next<'a>(
        &self,
        tail: &mut Tail,
        size: usize,
        bytes: &mut &'a [u8],
    ) -> Result<Option<Cow<'a, [u8]>>, FrameError> {
        Ok(tail.complete_to(size, bytes))
    }

    fn write(&self, out: &mut Vec<u8>, payload: &[u8], size: usize) -> Result<(), PayloadError> {
        if payload.len() != size {
            return Err(PayloadError::WrongSize { len: payload.len(), size });
        }
        out.extend_from_slice(payload);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::read_all;
    use super::*;

    #[test]
    fn frames_of_one_size_are_cut_whatever_the_reads() {
        let stream = b"AnnaEmmaKimo";
        for size in 1..=stream.len() {
            let reads: Vec<&[u8]> = stream.chunks(size).collect();
            let (found, end) = read_all(Frames::fixed(4), 3, &reads);
            assert_eq!(found, [b"Anna", b"Emma", b"Kimo"]);
            assert_eq!(end, Ok(None));
        }
    }

    #[test]
    fn a_frame_whole_in_a_read_is_a_slice_of_it() {
        let read = &b"AnnaEm"[..];
        let (mut frames, mut bytes) = (Frames::fixed(4), read);
        let first = frames.next(&mut bytes).unwrap().unwrap();
        assert!(matches!(first, Cow::Borrowed(frame) if std::ptr::eq(frame, &read[..4])));
    }

    #[test]
    fn half_a_frame_is_no_frame() {
        let mut frames = Frames::fixed(4);
        assert_eq!(frames.next(&mut &b"Ann"[..]), Ok(None));
        assert_eq!(frames.finish(), Err(FrameError::Unfinished { held: 3 }));
    }

    #[test]
    fn a_payload_of_another_size_is_not_written() {
        let mut out = Vec::new();
        let frames = Frames::fixed(4);
        assert_eq!(frames.write_frame(&mut out, b"Ann"), Err(PayloadError::WrongSize { len: 3, size: 4 }));
        assert_eq!(frames.write_frame(&mut out, b"Annas"), Err(PayloadError::WrongSize { len: 5, size: 4 }));
        frames.write_frame(&mut out, b"Anna").unwrap();
        assert_eq!(out, b"Anna");
    }

    #[test]
    #[should_panic = "at least one byte"]
    fn a_size_of_nothing_is_refused() {
        let _ = Frames::fixed(0);
    }
}
