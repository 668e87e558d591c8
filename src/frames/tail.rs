//! The front of a frame whose end has not come.

use super::FrameError;
use std::borrow::Cow;

/// Bytes kept between two reads; a null pointer while there are none. The second allocation (the box, beside its
/// buffer) is paid by split frames only, and saves each idle connection 16 bytes.
#[derive(Clone, Debug, Default)]
pub struct Tail(Option<Box<Held>>);

#[derive(Clone, Debug)]
struct Held {
    bytes: Vec<u8>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// Where the frame ends is not known, or is the same for all.
    Open,
    /// A prefix of so many bytes was read, and dropped: so long a payload follows.
    Body { prefix: usize, len: usize },
    /// There are no frames any more.
    Broken(FrameError),
}

/// The first buffer, unless a frame is never that long.
const FIRST: usize = 32;

impl Tail {
    pub(super) const fn new() -> Tail {
        Tail(None)
    }

    /// Whether the stream still has frames.
    #[inline]
    pub(super) fn check(&self) -> Result<(), FrameError> {
        match self.0.as_deref() {
            Some(Held { state: State::Broken(error), .. }) => Err(*error),
            _ => Ok(()),
        }
    }

    #[cold]
    pub(super) fn break_with(&mut self, error: FrameError) {
        self.0 = Some(Box::new(Held { bytes: Vec::new(), state: State::Broken(error) }));
    }

    /// Whether the stream is between two frames.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_deref().map_or(&[], |held| &held.bytes)
    }

    /// What has come of the frame, its prefix included.
    pub(super) fn len(&self) -> usize {
        match self.0.as_deref() {
            Some(Held { bytes, state: State::Body { prefix, .. } }) => prefix + bytes.len(),
            _ => self.bytes().len(),
        }
    }

    /// The length of the payload whose prefix was read.
    pub(super) fn body(&self) -> Option<usize> {
        match self.0.as_deref() {
            Some(Held { state: State::Body { len, .. }, .. }) => Some(*len),
            _ => None,
        }
    }

    /// What came was a whole prefix: it is dropped, and the payload waited for.
    pub(super) fn begin_body(&mut self, prefix: usize, len: usize) {
        self.0 = Some(Box::new(Held { bytes: Vec::new(), state: State::Body { prefix, len } }));
    }

    /// Moves all of `bytes` into the tail, which will never hold more than `bound`. The buffer grows in steps that
    /// double, so that single bytes cost no copy each, and never past the bound.
    #[cold]
    pub(super) fn keep(&mut self, bytes: &mut &[u8], bound: usize) {
        let new = std::mem::take(bytes);
        if new.is_empty() {
            return;
        }
        let held = self.0.get_or_insert_with(|| Box::new(Held { bytes: Vec::new(), state: State::Open }));
        let kept = &mut held.bytes;
        let size = kept.len() + new.len();
        if size > kept.capacity() {
            let step = (kept.capacity() * 2).max(FIRST).min(bound).max(size);
            kept.reserve_exact(step - kept.len());
        }
        kept.extend_from_slice(new);
    }

    /// The tail and then `end`: a frame. The buffer goes with it.
    #[inline]
    pub(super) fn complete<'a>(&mut self, end: &'a [u8]) -> Cow<'a, [u8]> {
        if self.0.is_none() {
            return Cow::Borrowed(end);
        }
        let mut whole = self.take();
        whole.reserve_exact(end.len());
        whole.extend_from_slice(end);
        Cow::Owned(whole)
    }

    /// Completes the tail to a frame of `size` bytes, or keeps what there is.
    #[inline]
    pub(super) fn complete_to<'a>(&mut self, size: usize, bytes: &mut &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let missing = size.saturating_sub(self.bytes().len());
        match bytes.split_at_checked(missing) {
            Some((end, rest)) => {
                *bytes = rest;
                Some(self.complete(end))
            }
            None => {
                self.keep(bytes, size);
                None
            }
        }
    }

    /// What was kept; nothing is, from now on.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.0.take().map(|held| held.bytes).unwrap_or_default()
    }
}

/// The first `len` bytes.
#[inline]
pub(super) fn shortened(bytes: Cow<'_, [u8]>, len: usize) -> Cow<'_, [u8]> {
    match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(..len).unwrap_or(bytes)),
        Cow::Owned(mut bytes) => {
            bytes.truncate(len);
            Cow::Owned(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_doubles_up_to_its_bound_and_not_beyond() {
        let mut tail = Tail::new();
        let mut capacities = Vec::new();
        for _ in 0..100 {
            tail.keep(&mut &b"x"[..], 100);
            capacities.push(tail.0.as_ref().unwrap().bytes.capacity());
        }
        capacities.dedup();
        assert_eq!(capacities, [32, 64, 100]);
    }

    #[test]
    fn a_small_bound_is_a_small_buffer() {
        let mut tail = Tail::new();
        tail.keep(&mut &b"x"[..], 3);
        assert_eq!(tail.0.unwrap().bytes.capacity(), 3);
    }

    #[test]
    fn a_frame_takes_the_buffer_along() {
        let mut tail = Tail::new();
        tail.keep(&mut &b"Mich"[..], 100);
        let frame = tail.complete(b"ael");
        assert_eq!(*frame, *b"Michael");
        assert!(tail.is_empty());
    }

    #[test]
    fn nothing_is_kept_of_nothing() {
        let mut tail = Tail::new();
        tail.keep(&mut &b""[..], 100);
        assert!(tail.is_empty());
    }

    #[test]
    fn a_boundless_frame_does_not_overflow() {
        let mut tail = Tail::new();
        let mut bytes = &b"Ann"[..];
        assert_eq!(tail.complete_to(usize::MAX, &mut bytes), None);
        assert_eq!((bytes, tail.len()), (&b""[..], 3));
        assert_eq!(tail.complete_to(usize::MAX, &mut &b"Emma"[..]), None);
        assert_eq!(tail.bytes(), b"AnnEmma");
    }
}
