//! A sheet that is written on again and again: what is said or expected, without an allocation and, for short texts,
//! without a call.

use std::ops::Deref;

/// Short texts are copied so many bytes at a time: a constant number needs no call of memcpy, which costs more than the
/// copy. What is copied too much is overwritten by what follows.
const BLOCK: usize = 16;

#[derive(Default)]
pub(super) struct Paper {
    bytes: Vec<u8>,
    len: usize,
}

/// Text with room behind it, to be copied in blocks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Words {
    padded: Box<[u8]>,
    len: usize,
}

impl Paper {
    #[inline]
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    pub(super) fn text(&mut self, text: &[u8]) {
        self.make_room(text.len());
        self.bytes[self.len..][..text.len()].copy_from_slice(text);
        self.len += text.len();
    }

    #[inline]
    pub(super) fn words(&mut self, words: &Words) {
        self.make_room(words.padded.len());
        let room = self.bytes[self.len..].as_chunks_mut::<BLOCK>().0;
        for (to, from) in room.iter_mut().zip(words.padded.as_chunks().0) {
            *to = *from;
        }
        self.len += words.len;
    }

    #[inline]
    pub(super) fn decimal(&mut self, value: u64) {
        match u32::try_from(value) {
            Ok(mut value) => {
                for byte in self.take(value.checked_ilog10().unwrap_or(0) as usize + 1).iter_mut().rev() {
                    *byte = b'0' + (value % 10) as u8;
                    value /= 10;
                }
            }
            Err(_) => self.text(value.to_string().as_bytes()),
        }
    }

    pub(super) fn hexadecimal(&mut self, mut value: u64, width: usize) {
        for byte in self.take(width).iter_mut().rev() {
            *byte = b"0123456789abcdef"[value as usize & 15];
            value >>= 4;
        }
    }

    /// Makes what stands from `start` on exactly so long: it is cut or filled up.
    #[cold]
    #[inline(never)]
    pub(super) fn fill(&mut self, start: usize, size: usize) {
        const FILLER: &[u8; 26] = b"abcdefghijklmnopqrstuvwxyz";
        self.len = self.len.min(start + size);
        while self.len < start + size {
            let missing = start + size - self.len;
            self.text(&FILLER[..missing.min(FILLER.len())]);
        }
    }

    #[inline]
    fn take(&mut self, count: usize) -> &mut [u8] {
        self.make_room(count);
        let at = self.len;
        self.len += count;
        &mut self.bytes[at..at + count]
    }

    #[inline]
    fn make_room(&mut self, count: usize) {
        if self.bytes.len() < self.len + count {
            self.grow(count);
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, count: usize) {
        self.bytes.resize((self.len + count).next_power_of_two().max(256), 0);
    }
}

impl Deref for Paper {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Words {
    pub(super) fn new(text: &[u8]) -> Words {
        let mut padded = text.to_vec();
        padded.resize(text.len().next_multiple_of(BLOCK), 0);
        Words { padded: padded.into(), len: text.len() }
    }
}

impl Deref for Words {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.padded[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_stands_there_and_nothing_else() {
        let mut paper = Paper::default();
        for length in 0..70 {
            let text: Vec<u8> = (0..length).map(|n| n as u8 + 1).collect();
            let words = Words::new(&text);
            paper.clear();
            paper.words(&words);
            paper.decimal(length);
            paper.words(&words);
            paper.text(b".");
            assert_eq!(*paper, [&text, length.to_string().as_bytes(), &text, b"."].concat());
        }
    }

    #[test]
    fn numbers_are_written_as_they_are_read() {
        let mut paper = Paper::default();
        for value in [0, 9, 10, 99, 100, 12_345, u32::MAX.into(), u64::from(u32::MAX) + 1, u64::MAX] {
            paper.clear();
            paper.decimal(value);
            assert_eq!(*paper, *value.to_string().as_bytes());
        }
        paper.clear();
        paper.hexadecimal(0xbeef, 8);
        assert_eq!(*paper, *b"0000beef");
    }
}
