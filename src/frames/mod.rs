//! Frames out of a stream, and into one: bytes in, payloads out, whatever the reads they came in. No I/O.
//!
//! TCP carries bytes and keeps no boundaries: one read may end in the middle of a message, the next may bring ten.
//! [`Frames`] finds the boundaries again, by one of four rules:
//!
//! | made by | what ends a frame | a stream may end in |
//! |---|---|---|
//! | [`Frames::lines`] | LF or CRLF | a last line without its end |
//! | [`Frames::delimited`] | any bytes of your choice | a delimiter |
//! | [`Frames::prefixed`] | the length that is sent ahead of it | a whole frame |
//! | [`Frames::fixed`] | its size, always the same | a whole frame |
//!
//! Every rule has a limit, and none has a default: what a peer can make you hold is yours to say.
//!
//! # In a handler
//!
//! Each connection has its own `Frames`, 16 to 32 bytes while it waits between frames. [`Frames::next`] takes one
//! frame off the front of `bytes` and is called until there is none. The loop is yours: it may send, stop early,
//! close the connection, or go on with other rules, since `bytes` is always left where the frame ended.
//!
//! ```
//! use hullo::frames::{FrameError, Frames, Lines};
//! use hullo::{Closed, ConnId, ConnMap, Handler, Net, Origin};
//!
//! #[derive(Default)]
//! struct Greeter {
//!     clients: ConnMap<Frames<Lines>>,
//! }
//!
//! impl Greeter {
//!     fn greet(&mut self, net: &mut Net, conn: ConnId, mut bytes: &[u8]) -> Result<(), FrameError> {
//!         let Some(lines) = self.clients.get_mut(conn) else { return Ok(()) };
//!         while let Some(name) = lines.next(&mut bytes)? {
//!             if *name == *b"exit" {
//!                 net.close(conn);
//!                 break;
//!             }
//!             net.send_with(conn, |out| {
//!                 out.extend_from_slice(b"Hello, ");
//!                 out.extend_from_slice(&name);
//!                 out.push(b'\n');
//!             });
//!         }
//!         Ok(())
//!     }
//! }
//!
//! impl Handler for Greeter {
//!     fn opened(&mut self, _net: &mut Net, conn: ConnId, _origin: Origin) {
//!         self.clients.insert(conn, Frames::lines(4096));
//!     }
//!
//!     fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
//!         if let Err(error) = self.greet(net, conn, bytes) {
//!             net.send(conn, format!("error: {error}\n").as_bytes());
//!             net.close(conn);
//!         }
//!     }
//!
//!     fn peer_eof(&mut self, net: &mut Net, conn: ConnId) {
//!         let last = self.clients.get_mut(conn).and_then(|lines| lines.finish().ok().flatten());
//!         if let Some(name) = last {
//!             net.send(conn, &[b"Hello, ", &name[..], b"\n"].concat());
//!         }
//!         net.close(conn);
//!     }
//!
//!     fn closed(&mut self, _net: &mut Net, conn: ConnId, _closed: Closed) {
//!         self.clients.remove(conn);
//!     }
//! }
//! ```
//!
//! # What it costs
//!
//! A frame that lies whole in a read is a slice of that read: nothing is copied or allocated. Only the frame that is
//! split across reads is collected, in a buffer that grows with what has come (never with what was announced), is at
//! most the frame and its end in size, and is given away with the frame: an idle connection owns no buffer. Bytes
//! are looked at once, however few each read brings.
#![forbid(unsafe_code)]

mod delimiter;
mod error;
mod fixed;
mod lines;
mod prefix;
mod tail;
#[cfg(test)]
mod testing;

pub use delimiter::Delimiter;
pub use error::{FrameError, PayloadError};
pub use fixed::Fixed;
pub use lines::Lines;
pub use prefix::Prefix;

use std::borrow::Cow;
use tail::Tail;

/// Takes frames out of one stream, and writes frames for another.
///
/// It keeps the limit and, between two reads, the front of the frame that is not whole yet. For reading, each stream
/// needs one of its own; for writing alone, one (a `const`, say) serves everybody.
///
/// ```
/// use hullo::frames::Frames;
///
/// let mut lines = Frames::lines(4096);
/// let mut heard = Vec::new();
/// for mut bytes in [&b"Ann\nMich"[..], b"ael\r\nEm"] {
///     while let Some(line) = lines.next(&mut bytes)? {
///         heard.push(line.into_owned());
///     }
/// }
/// assert_eq!(heard, [&b"Ann"[..], b"Michael"]);
/// assert_eq!(lines.finish()?, Some(b"Em".to_vec()));
/// # Ok::<(), hullo::frames::FrameError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Frames<R> {
    tail: Tail,
    limit: usize,
    rule: R,
}

impl<R: Rule> Frames<R> {
    /// Takes the next frame off the front of `bytes`; its payload, without delimiter or prefix. `None` when there is
    /// no whole frame left: what there is of one is kept for the next read, and `bytes` is empty.
    ///
    /// After a frame, `bytes` begins right behind it. So a loop may stop at any frame and read on by other rules.
    ///
    /// A frame that came in one read is borrowed from `bytes`. One that was split comes with the buffer in which it
    /// was collected, so that keeping it (`into_owned`) is free; nothing is borrowed from `self` either way.
    ///
    /// ```
    /// use hullo::frames::{Frames, Prefix};
    ///
    /// // A line says what follows.
    /// let mut bytes = &b"binary\n\x05Emma!\x03Ann"[..];
    /// let first = Frames::lines(80).next(&mut bytes)?.unwrap();
    /// assert_eq!(*first, *b"binary");
    ///
    /// let mut frames = Frames::prefixed(Prefix::U8, 80);
    /// assert_eq!(frames.next(&mut bytes)?.as_deref(), Some(&b"Emma!"[..]));
    /// assert_eq!(frames.next(&mut bytes)?.as_deref(), Some(&b"Ann"[..]));
    /// assert_eq!(frames.next(&mut bytes)?, None);
    /// # Ok::<(), hullo::frames::FrameError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`FrameError::TooLong`] for a frame over the limit, [`FrameError::BadPrefix`] for a prefix that says nothing.
    /// All frames before it have been delivered. Where the next one begins nobody knows, so that the error stays:
    /// whatever comes later, every call ends in it. `bytes` is left as it was.
    #[inline]
    pub fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Option<Cow<'a, [u8]>>, FrameError> {
        self.tail.check()?;
        let found = self.rule.next(&mut self.tail, self.limit, bytes);
        if let Err(error) = found {
            self.tail.break_with(error);
        }
        found
    }

    /// Ends the stream: what was left without an end. For [`lines`](Frames::lines) it is a last line, and a frame;
    /// for all others it is an error. Nothing is held afterwards.
    ///
    /// ```
    /// use hullo::frames::{FrameError, Frames};
    ///
    /// let mut lines = Frames::lines(80);
    /// assert_eq!(lines.next(&mut &b"Emma"[..])?, None);
    /// assert_eq!(lines.finish()?, Some(b"Emma".to_vec()));
    /// assert_eq!(lines.finish()?, None);
    ///
    /// let mut blocks = Frames::fixed(8);
    /// assert_eq!(blocks.next(&mut &b"Emma"[..])?, None);
    /// assert_eq!(blocks.finish(), Err(FrameError::Unfinished { held: 4 }));
    /// # Ok::<(), FrameError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`FrameError::Unfinished`] as said; the error of [`next`](Frames::next) again, where that has ended in one.
    pub fn finish(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        self.tail.check()?;
        match self.tail.len() {
            0 => Ok(None),
            held => self.rule.finish(self.tail.take(), self.limit, held),
        }
    }

    /// Appends one frame to `out`: the payload, with the delimiter or prefix that belongs to it. Who reads by the
    /// same rule and limit gets exactly `payload` back.
    ///
    /// ```
    /// use hullo::frames::{Frames, Lines, PayloadError};
    ///
    /// const ANSWER: Frames<Lines> = Frames::lines(16);
    ///
    /// let mut out = Vec::new();
    /// ANSWER.write_frame(&mut out, b"Hello, Ann!")?;
    /// assert_eq!(out, b"Hello, Ann!\n");
    ///
    /// let refused = ANSWER.write_frame(&mut out, b"two\nlines");
    /// assert_eq!(refused, Err(PayloadError::Delimiter { at: 3 }));
    /// assert_eq!(out, b"Hello, Ann!\n");
    /// # Ok::<(), PayloadError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`PayloadError`] when the payload cannot be framed; `out` is then as it was.
    pub fn write_frame(&self, out: &mut Vec<u8>, payload: &[u8]) -> Result<(), PayloadError> {
        self.rule.write(out, payload, self.limit)
    }

    /// The longest payload that is let through, in bytes.
    ///
    /// ```
    /// # use hullo::frames::{Frames, Prefix};
    /// assert_eq!(Frames::lines(4096).limit(), 4096);
    /// // A byte cannot announce more.
    /// assert_eq!(Frames::prefixed(Prefix::U8, 4096).limit(), 255);
    /// ```
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// How many bytes of a frame have come whose end has not, its prefix included. Zero means that the stream is
    /// between two frames: the moment to close it without cutting one.
    ///
    /// It never is more than the limit and the delimiter or prefix together.
    ///
    /// ```
    /// # use hullo::frames::{Frames, Prefix};
    /// let mut frames = Frames::prefixed(Prefix::U16Be, 4096);
    /// frames.next(&mut &b"\x00\x04Em"[..])?;
    /// assert_eq!(frames.held(), 4);
    /// frames.next(&mut &b"ma"[..])?;
    /// assert_eq!(frames.held(), 0);
    /// # Ok::<(), hullo::frames::FrameError>(())
    /// ```
    pub fn held(&self) -> usize {
        self.tail.len()
    }
}

/// A rule by which a stream is cut into frames: [`Lines`], [`Delimiter`], [`Prefix`] and [`Fixed`].
///
/// It is there to be generic over them; no others can be written outside this module.
///
/// ```
/// use hullo::frames::{FrameError, Frames, Rule, Prefix};
///
/// fn count<R: Rule>(frames: &mut Frames<R>, mut bytes: &[u8]) -> Result<usize, FrameError> {
///     let mut count = 0;
///     while frames.next(&mut bytes)?.is_some() {
///         count += 1;
///     }
///     Ok(count)
/// }
///
/// assert_eq!(count(&mut Frames::lines(80), b"Ann\nEmma\nMich")?, 2);
/// assert_eq!(count(&mut Frames::prefixed(Prefix::U8, 80), b"\x03Ann\x00\x01x")?, 3);
/// # Ok::<(), FrameError>(())
/// ```
pub trait Rule: sealed::Cut {}

impl<R: sealed::Cut> Rule for R {}

#[inline]
fn within(limit: usize, payload: &[u8]) -> Result<(), PayloadError> {
    let len = payload.len();
    if len > limit { Err(PayloadError::TooLong { len, limit }) } else { Ok(()) }
}

/// What a rule must do, out of reach for others.
mod sealed {
    use super::{FrameError, PayloadError, Tail};
    use std::borrow::Cow;

    pub trait Cut {
        /// Takes a frame off `bytes`, or adds all of them to the tail. `bytes` stays as it is on an error.
        fn next<'a>(
            &self,
            tail: &mut Tail,
            limit: usize,
            bytes: &mut &'a [u8],
        ) -> Result<Option<Cow<'a, [u8]>>, FrameError>;

        /// What the tail is at the end of the stream; `held` bytes, never none.
        fn finish(&self, _tail: Vec<u8>, _limit: usize, held: usize) -> Result<Option<Vec<u8>>, FrameError> {
            Err(FrameError::Unfinished { held })
        }

        /// Appends a frame, or nothing.
        fn write(&self, out: &mut Vec<u8>, payload: &[u8], limit: usize) -> Result<(), PayloadError>;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_between_frames_costs_at_most_thirty_two_bytes() {
        assert_eq!(size_of::<Frames<Lines>>(), 16);
        assert_eq!(size_of::<Frames<Fixed>>(), 16);
        assert_eq!(size_of::<Frames<Prefix>>(), 24);
        assert_eq!(size_of::<Frames<Delimiter>>(), 32);
    }

    #[test]
    fn frames_travel_between_threads() {
        fn assert_send_and_sync<T: Send + Sync>() {}
        assert_send_and_sync::<Frames<Lines>>();
        assert_send_and_sync::<Frames<Delimiter>>();
    }

    #[test]
    fn a_frame_outlives_the_loan_of_its_state() {
        let mut lines = Frames::lines(8);
        let mut bytes = &b"Ann\nEmma\n"[..];
        let first = lines.next(&mut bytes).unwrap().unwrap();
        let second = lines.next(&mut bytes).unwrap().unwrap();
        drop(lines);
        assert_eq!((&*first, &*second), (&b"Ann"[..], &b"Emma"[..]));
    }

    #[test]
    fn an_error_stays() {
        let mut lines = Frames::lines(3);
        let mut bytes = &b"Ann\nEmma\n"[..];
        assert_eq!(lines.next(&mut bytes).unwrap().as_deref(), Some(&b"Ann"[..]));
        let too_long = FrameError::TooLong { limit: 3 };
        assert_eq!(lines.next(&mut bytes), Err(too_long));
        assert_eq!(bytes, b"Emma\n");
        assert_eq!(lines.next(&mut &b"Bob\n"[..]), Err(too_long));
        assert_eq!(lines.next(&mut &b""[..]), Err(too_long));
        assert_eq!(lines.finish(), Err(too_long));
        assert_eq!(lines.finish(), Err(too_long));
        assert_eq!(lines.held(), 0);
    }

    #[test]
    fn a_stream_can_be_read_again_after_its_end() {
        let mut blocks = Frames::fixed(4);
        assert_eq!(blocks.next(&mut &b"Ann"[..]), Ok(None));
        assert_eq!(blocks.finish(), Err(FrameError::Unfinished { held: 3 }));
        assert_eq!(blocks.finish(), Ok(None));
        assert_eq!(blocks.next(&mut &b"Emma"[..]).unwrap().as_deref(), Some(&b"Emma"[..]));
    }

    #[test]
    fn a_payload_over_the_limit_writes_nothing() {
        let mut out = b"before".to_vec();
        let refused = Frames::lines(3).write_frame(&mut out, b"Emma");
        assert_eq!(refused, Err(PayloadError::TooLong { len: 4, limit: 3 }));
        assert_eq!(out, b"before");
    }
}
