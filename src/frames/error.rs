//! What a peer may do wrong, and what we may.

use std::fmt;

/// What a peer did that ends its frames. Everything before it was delivered.
///
/// ```
/// use hullo::frames::{FrameError, Frames};
///
/// let mut bytes = &b"Ann\nMichael\n"[..];
/// let mut lines = Frames::lines(4);
/// assert_eq!(lines.next(&mut bytes)?.as_deref(), Some(&b"Ann"[..]));
/// let error = lines.next(&mut bytes).unwrap_err();
/// assert_eq!(error, FrameError::TooLong { limit: 4 });
/// assert_eq!(error.to_string(), "frame too long (limit 4 bytes)");
/// # Ok::<(), FrameError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FrameError {
    /// A frame was, or announced itself, longer than the limit.
    TooLong {
        /// The longest payload allowed, in bytes: [`Frames::limit`](super::Frames::limit).
        limit: usize,
    },
    /// A length that is no length: a varint that goes on for too long, or does not fit.
    BadPrefix {
        /// The most bytes that such a prefix may have.
        max: usize,
    },
    /// The stream ended within a frame.
    Unfinished {
        /// How many bytes of the frame had come, its prefix included.
        held: usize,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::TooLong { limit } => write!(f, "frame too long (limit {limit} bytes)"),
            FrameError::BadPrefix { max } => write!(f, "length prefix is no varint of at most {max} bytes"),
            FrameError::Unfinished { held } => {
                write!(f, "the stream ended within a frame, {held} bytes into it")
            }
        }
    }
}

impl std::error::Error for FrameError {}

/// Why a payload cannot be framed. Nothing of it was written.
///
/// ```
/// use hullo::frames::{Frames, PayloadError};
///
/// let error = Frames::fixed(4).write_frame(&mut Vec::new(), b"Ann").unwrap_err();
/// assert_eq!(error, PayloadError::WrongSize { len: 3, size: 4 });
/// assert_eq!(error.to_string(), "payload is 3 bytes, every frame is 4: pad it");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PayloadError {
    /// It is longer than the limit, which is never more than the prefix can say.
    TooLong {
        /// The payload's length in bytes.
        len: usize,
        /// The longest payload allowed, in bytes: [`Frames::limit`](super::Frames::limit).
        limit: usize,
    },
    /// It would end early: it has the delimiter in it, or ends in what would become one (a CR before our LF).
    Delimiter {
        /// Where the delimiter begins in the payload, in bytes.
        at: usize,
    },
    /// It has not the size that every frame has.
    WrongSize {
        /// The payload's length in bytes.
        len: usize,
        /// The length that it must have.
        size: usize,
    },
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PayloadError::TooLong { len, limit } => {
                write!(f, "payload is {len} bytes, the limit is {limit}: split it or raise the limit")
            }
            PayloadError::Delimiter { at } => {
                write!(f, "payload has what ends a frame at byte {at}: escape it or send its length ahead")
            }
            PayloadError::WrongSize { len, size } => {
                let remedy = if len < size { "pad it" } else { "split it" };
                write!(f, "payload is {len} bytes, every frame is {size}: {remedy}")
            }
        }
    }
}

impl std::error::Error for PayloadError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_one_sentence_that_names_its_numbers() {
        let said = [
            FrameError::TooLong { limit: 80 }.to_string(),
            FrameError::BadPrefix { max: 5 }.to_string(),
            FrameError::Unfinished { held: 7 }.to_string(),
            PayloadError::TooLong { len: 81, limit: 80 }.to_string(),
            PayloadError::Delimiter { at: 3 }.to_string(),
            PayloadError::WrongSize { len: 5, size: 4 }.to_string(),
        ];
        assert_eq!(
            said,
            [
                "frame too long (limit 80 bytes)",
                "length prefix is no varint of at most 5 bytes",
                "the stream ended within a frame, 7 bytes into it",
                "payload is 81 bytes, the limit is 80: split it or raise the limit",
                "payload has what ends a frame at byte 3: escape it or send its length ahead",
                "payload is 5 bytes, every frame is 4: split it",
            ]
        );
    }
}
