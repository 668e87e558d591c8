//! The quick path: short messages to dialects whose answers are the message and something around it.
//!
//! It does what `Dialect::answer` does for them in a fraction of the instructions, with two means.
//! Copies have a size the compiler knows, so they are a few moves and no call; what they copy too much
//! is overwritten by the next one. And what stands after a message, the line end, and what stands
//! before the next message are one copy.

use memchr::memchr;

use super::spec::DialectSpec;
use super::template::Template;

/// The size of every copy that a longer message does not force to another. Longer texts go the usual path.
const SHORT: usize = 32;

/// A reply laid out for quick copies.
#[derive(Clone, Debug)]
pub(super) struct Quick {
    /// What stands before the message.
    before: Piece,
    /// What stands after it, in raw framing.
    after: Piece,
    /// The same in line framing, with the LF.
    after_line: Piece,
    /// The same, with what stands before the next message.
    between: Piece,
    /// The length and the first byte of the farewell; no message is as long if there is none.
    farewell_len: usize,
    farewell_first: u8,
    /// The longest message.
    limit: usize,
}

/// A short text with padding, to be copied at a constant size.
#[derive(Clone, Debug)]
struct Piece {
    padded: [u8; SHORT],
    len: usize,
}

impl Quick {
    /// The layout of a dialect's reply, if there is no more than that to answering.
    pub(super) fn new(spec: &DialectSpec, reply: &Template, farewell: Option<&[u8]>) -> Option<Quick> {
        let (before, after) = reply.around()?;
        let careful = spec.strict || spec.close_after_reply || !spec.delay.is_zero();
        if careful || spec.max_message < SHORT {
            return None;
        }
        Some(Quick {
            before: Piece::new(before)?,
            after: Piece::new(after)?,
            after_line: Piece::new(&[after, b"\n"].concat())?,
            between: Piece::new(&[after, b"\n", before].concat())?,
            farewell_len: farewell.map_or(usize::MAX, <[u8]>::len),
            farewell_first: farewell.and_then(|word| word.first()).copied().unwrap_or_default(),
            limit: spec.max_message,
        })
    }

    /// Answers a read that is one message, or one line, if that is quick.
    #[inline(always)]
    pub(super) fn answer_one(&self, bytes: &[u8], is_line: bool, out: &mut Vec<u8>) -> bool {
        if bytes.len() > SHORT {
            return self.answer_long(bytes, is_line, out);
        }
        let mut message = [0; SHORT];
        copy_short(bytes, &mut message);
        let (len, after) = if is_line {
            (only_line(&message, bytes.len()), &self.after_line)
        } else {
            (bytes.len(), &self.after)
        };
        if len == 0 || self.may_be_farewell(message[0], len) {
            return false;
        }
        out.reserve(3 * SHORT);
        append_short(&self.before.padded, self.before.len, out);
        append_short(&message, len, out);
        append_short(&after.padded, after.len, out);
        true
    }

    /// The same for a longer message, which is copied by a call.
    #[inline(never)]
    fn answer_long(&self, bytes: &[u8], is_line: bool, out: &mut Vec<u8>) -> bool {
        let (message, after) = if !is_line {
            (bytes, &self.after)
        } else if let Some(line) = bytes.strip_suffix(b"\n")
            && memchr(b'\n', line).is_none()
        {
            (line.strip_suffix(b"\r").unwrap_or(line), &self.after_line)
        } else {
            return false;
        };
        if message.len() > self.limit || self.may_be_farewell(message[0], message.len()) {
            return false;
        }
        out.reserve(message.len() + 2 * SHORT);
        append_short(&self.before.padded, self.before.len, out);
        out.extend_from_slice(message);
        append_short(&after.padded, after.len, out);
        true
    }

    /// Answers line after line, up to the first that is not quick. Returns the rest, which begins with
    /// that line.
    pub(super) fn answer_lines<'a>(&self, bytes: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let mut page = Page { end: out.len(), size: 3 * SHORT + bytes.len().min(8 * SHORT), out };
        page.extend();
        page.out[page.end..][..SHORT].copy_from_slice(&self.before.padded);
        page.end += self.before.len;

        let mut rest = bytes;
        self.answer_chunks(&mut rest, &mut page);
        if !rest.is_empty() && rest.len() < SHORT {
            // The end of a read is padded as well: with zeros, which end no line.
            let mut padded = [0; 2 * SHORT];
            copy_short(rest, padded.first_chunk_mut().expect("it has room for two copies"));
            let mut left = &padded[..];
            self.answer_chunks(&mut left, &mut page);
            rest = &rest[padded.len() - left.len()..];
        }
        page.out.truncate(page.end - self.before.len);
        rest
    }

    /// Answers lines from the front of `bytes`, while `SHORT` bytes are there to be copied.
    fn answer_chunks(&self, bytes: &mut &[u8], page: &mut Page<'_>) {
        loop {
            let (full, room) = self.fill(bytes, &mut page.out[page.end..]);
            page.end = page.out.len() - room;
            if !full {
                return;
            }
            page.extend();
        }
    }

    /// Fills a page with answers. Returns whether it came to the page's end, and what is left of it.
    #[inline(never)]
    fn fill(&self, bytes: &mut &[u8], mut page: &mut [u8]) -> (bool, usize) {
        let mut rest = *bytes;
        let mut full = false;
        while let Some(chunk) = rest.first_chunk::<SHORT>() {
            let Some(room) = page.first_chunk_mut::<{ 2 * SHORT }>() else {
                full = true;
                break;
            };
            let (len, end) = if let Some(newline) = newline(chunk) {
                let len = newline - usize::from(chunk[..newline].ends_with(b"\r"));
                if self.may_be_farewell(chunk[0], len) {
                    break;
                }
                room[..SHORT].copy_from_slice(chunk);
                room[len..len + SHORT].copy_from_slice(&self.between.padded);
                (len, newline)
            } else {
                let Some((len, end)) = self.long_line(rest) else { break };
                let Some(room) = page.get_mut(..len + SHORT) else {
                    full = true;
                    break;
                };
                room[..len].copy_from_slice(&rest[..len]);
                room[len..].copy_from_slice(&self.between.padded);
                (len, end)
            };
            page = &mut page[len + self.between.len.min(SHORT)..];
            rest = &rest[end + 1..];
        }
        *bytes = rest;
        (full, page.len())
    }

    /// The length of a longer message and the place of its LF, if there is nothing wrong with it.
    fn long_line(&self, bytes: &[u8]) -> Option<(usize, usize)> {
        let end = memchr(b'\n', bytes)?;
        let line = &bytes[..end];
        let message = line.strip_suffix(b"\r").unwrap_or(line);
        let quick = message.len() <= self.limit && !self.may_be_farewell(message[0], message.len());
        quick.then_some((message.len(), end))
    }

    /// Rarely true, and then the usual path compares the rest.
    #[inline(always)]
    fn may_be_farewell(&self, first: u8, len: usize) -> bool {
        len == self.farewell_len && first == self.farewell_first
    }
}

impl Piece {
    fn new(text: &[u8]) -> Option<Piece> {
        let mut padded = [0; SHORT];
        padded.get_mut(..text.len())?.copy_from_slice(text);
        Some(Piece { padded, len: text.len() })
    }
}

/// Output that is written over: what lies behind `end` is scrap.
struct Page<'a> {
    out: &'a mut Vec<u8>,
    end: usize,
    /// How much is added next.
    size: usize,
}

impl Page<'_> {
    fn extend(&mut self) {
        self.out.resize(self.end + self.size, 0);
        self.size *= 2;
    }
}

/// Adds the first `len` bytes of a text by a copy of a constant size.
#[inline(always)]
fn append_short(padded: &[u8; SHORT], len: usize, out: &mut Vec<u8>) {
    let end = out.len() + len;
    out.extend_from_slice(padded);
    out.truncate(end);
}

/// Copies at most `SHORT` bytes without a call: two copies of a constant size that overlap.
#[inline(always)]
fn copy_short(from: &[u8], to: &mut [u8; SHORT]) {
    let len = from.len();
    if let (Some(front), Some(back)) = (from.first_chunk::<16>(), from.last_chunk::<16>()) {
        to[..16].copy_from_slice(front);
        to[len - 16..len].copy_from_slice(back);
    } else if let (Some(front), Some(back)) = (from.first_chunk::<8>(), from.last_chunk::<8>()) {
        to[..8].copy_from_slice(front);
        to[len - 8..len].copy_from_slice(back);
    } else if let (Some(front), Some(back)) = (from.first_chunk::<4>(), from.last_chunk::<4>()) {
        to[..4].copy_from_slice(front);
        to[len - 4..len].copy_from_slice(back);
    } else if let (Some(front), Some(back)) = (from.first(), from.last()) {
        to[0] = *front;
        to[len / 2] = from[len / 2];
        to[len - 1] = *back;
    }
}

/// The length of a short read without its line end; 0 if that is not the only one, or all there is.
#[inline(always)]
fn only_line(read: &[u8; SHORT], len: usize) -> usize {
    match newline(read) {
        Some(end) if end + 1 == len => end - usize::from(read[..end].ends_with(b"\r")),
        _ => 0,
    }
}

/// Where the first LF is, word by word: the usual message is over before a call of `memchr` begins.
#[inline(always)]
fn newline(chunk: &[u8; SHORT]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH_BITS: u64 = u64::from_ne_bytes([0x80; 8]);
    const NEWLINES: u64 = u64::from_ne_bytes([b'\n'; 8]);
    for (index, word) in chunk.as_chunks().0.iter().enumerate() {
        // A byte is zero where an LF was; subtracting one borrows into its high bit. Borrows can mark
        // bytes above the first zero too, never below it, and the first is all that counts.
        let word = u64::from_le_bytes(*word) ^ NEWLINES;
        let zeros = word.wrapping_sub(ONES) & !word & HIGH_BITS;
        if zeros != 0 {
            return Some(index * 8 + zeros.trailing_zeros() as usize / 8);
        }
    }
    None
}
