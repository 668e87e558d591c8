//! Bytes to messages, whatever the reads they came in.
//!
//! Each function hands every whole message to `each` and leaves in `tail` what begins another one.
//! `each` ends the conversation by breaking; the bytes after that message are then forgotten.

use std::ops::ControlFlow;

use memchr::memchr;

use super::Farewell;
use super::text::{Check, TextEncoding};

/// Goes on, or ends the conversation.
pub(super) type Flow = ControlFlow<Farewell>;

/// Lines that end in LF or CRLF, at most `limit` bytes long without their end.
///
/// The tail holds at most `limit + 1` bytes: a full line, and the CR that may belong to its end.
pub(super) fn lines(
    tail: &mut Vec<u8>,
    mut bytes: &[u8],
    limit: usize,
    mut each: impl FnMut(&[u8]) -> Flow,
) -> Flow {
    if !tail.is_empty() {
        let Some(end) = memchr(b'\n', bytes) else { return keep(tail, bytes, limit) };
        let line = complete(tail, &bytes[..end], limit)?;
        each(&line)?;
        bytes = &bytes[end + 1..];
    }
    while let Some(end) = memchr(b'\n', bytes) {
        let line = without_cr(&bytes[..end]);
        if line.len() > limit {
            return Flow::Break(Farewell::TooLong);
        }
        each(line)?;
        bytes = &bytes[end + 1..];
    }
    if bytes.is_empty() { Flow::Continue(()) } else { keep(tail, bytes, limit) }
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

/// The line whose front is the tail and whose last bytes are `end`, without its CR.
fn complete(tail: &mut Vec<u8>, end: &[u8], limit: usize) -> ControlFlow<Farewell, Vec<u8>> {
    // Compared before it is copied, so that the tail keeps its bound.
    if tail.len() + end.len() <= limit + 1 {
        let mut line = std::mem::take(tail);
        line.extend_from_slice(end);
        line.truncate(without_cr(&line).len());
        if line.len() <= limit {
            return ControlFlow::Continue(line);
        }
    }
    ControlFlow::Break(Farewell::TooLong)
}

/// Adds bytes without an LF to the tail, unless no LF could make a message of it any more.
fn keep(tail: &mut Vec<u8>, bytes: &[u8], limit: usize) -> Flow {
    let full = limit + 1;
    let size = tail.len() + bytes.len();
    if size > full || size == full && bytes.last() != Some(&b'\r') {
        return Flow::Break(Farewell::TooLong);
    }
    tail.extend_from_slice(bytes);
    Flow::Continue(())
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
