//! Bytes to messages, whatever the reads they came in.
//!
//! Each function hands every whole message to `each` and keeps what begins another one.
//! `each` ends the conversation by breaking; the bytes after that message are then forgotten.

use std::ops::ControlFlow;

use super::Farewell;
use super::text::{Check, TextEncoding};
use crate::frames::{Frames, Lines};

/// Goes on, or ends the conversation.
pub(super) type Flow = ControlFlow<Farewell>;

/// Lines that end in LF or CRLF. What begins another one waits in `lines`, which also knows how long one may be.
pub(super) fn lines(
    lines: &mut Frames<Lines>,
    mut bytes: &[u8],
    mut each: impl FnMut(&[u8]) -> Flow,
) -> Flow {
    loop {
        match lines.next(&mut bytes) {
            Ok(Some(line)) => each(&line)?,
            Ok(None) => return Flow::Continue(()),
            Err(_) => return Flow::Break(Farewell::TooLong),
        }
    }
}

/// Pieces of at most `limit` bytes, wherever that cuts.
pub(super) fn chunks(bytes: &[u8], limit: usize, each: impl FnMut(&[u8]) -> Flow) -> Flow {
    bytes.chunks(limit).try_for_each(each)
}

/// Pieces of at most `limit` bytes that cut no character. Bytes that are not text are pieces as well:
/// it is for `each` to refuse them. The tail holds the front of one character, `limit` at least one.
pub(super) fn characters(
    tail: &mut Vec<u8>,
    bytes: &[u8],
    limit: usize,
    text: TextEncoding,
    mut each: impl FnMut(&[u8]) -> Flow,
) -> Flow {
    let joined;
    let mut rest = bytes;
    if !tail.is_empty() {
        tail.extend_from_slice(bytes);
        joined = std::mem::take(tail);
        rest = &joined;
    }
    while !rest.is_empty() {
        let piece = &rest[..limit.min(rest.len())];
        let end = match text.check(piece) {
            Check::Cut(0) => {
                tail.extend_from_slice(piece);
                break;
            }
            Check::Cut(end) => end,
            Check::Whole | Check::Broken => piece.len(),
        };
        each(&rest[..end])?;
        rest = &rest[end..];
    }
    Flow::Continue(())
}
