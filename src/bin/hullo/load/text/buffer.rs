//! Bytes that are written again and again, without an allocation and, for short texts, without a call.

use std::ops::Deref;

/// Short texts are copied as so many bytes: a constant number needs no call of memcpy, which costs more than the copy. What
/// is copied too much is overwritten by what follows.
const BLOCK: usize = 16;

/// What was written last; its memory stays for what comes next.
#[derive(Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    len: usize,
}

/// Text that never changes. A short one has room behind it, so that it can be copied as a whole block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Literal {
    block: [u8; BLOCK],
    text: Box<[u8]>,
}

impl Buffer {
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
    }

    pub fn push(&mut self, text: &[u8]) {
        self.make_room(text.len());
        self.bytes[self.len..][..text.len()].copy_from_slice(text);
        self.len += text.len();
    }

    #[inline(always)]
    pub fn push_literal(&mut self, literal: &Literal) {
        let len = literal.text.len();
        if len > BLOCK {
            return self.push(&literal.text);
        }
        self.make_room(BLOCK);
        if let Some(room) = self.bytes.get_mut(self.len..self.len + BLOCK) {
            room.copy_from_slice(&literal.block);
        }
        self.len += len;
    }

    #[inline(always)]
    pub fn push_decimal(&mut self, value: u64) {
        match u32::try_from(value) {
            Ok(value @ 0..10) => self.take(1)[0] = b'0' + value as u8,
            Ok(value @ 10..10_000) => self.up_to_four_digits(value),
            _ => self.many_digits(value),
        }
    }

    /// Without a loop: the digits are packed into one word, the first in its lowest byte, and written at once.
    #[inline(always)]
    fn up_to_four_digits(&mut self, value: u32) {
        let (high, low) = (value / 100, value % 100);
        let digits = (high / 10) | (high % 10) << 8 | (low / 10) << 16 | (low % 10) << 24;
        let zeros = if value >= 1000 { 0 } else { 1 + u32::from(value < 100) };
        let word = (digits | 0x3030_3030) >> (8 * zeros);
        self.make_room(4);
        if let Some(room) = self.bytes.get_mut(self.len..self.len + 4) {
            room.copy_from_slice(&word.to_le_bytes());
        }
        self.len += 4 - zeros as usize;
    }

    #[inline(never)]
    fn many_digits(&mut self, mut value: u64) {
        let mut digits = [0; 20];
        let mut first = digits.len();
        while value > 0 {
            first -= 1;
            digits[first] = b'0' + (value % 10) as u8;
            value /= 10;
        }
        self.push(&digits[first..]);
    }

    pub fn push_hexadecimal(&mut self, mut value: u64, width: usize) {
        for byte in self.take(width).iter_mut().rev() {
            *byte = b"0123456789abcdef"[value as usize & 15];
            value >>= 4;
        }
    }

    /// Makes what stands from `start` on exactly so long: it is cut or filled up.
    #[cold]
    #[inline(never)]
    pub fn fill(&mut self, start: usize, size: usize) {
        const FILLER: &[u8; 26] = b"abcdefghijklmnopqrstuvwxyz";
        self.len = self.len.min(start + size);
        while self.len < start + size {
            let missing = start + size - self.len;
            self.push(&FILLER[..missing.min(FILLER.len())]);
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

impl Deref for Buffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Literal {
    pub fn new(text: &[u8]) -> Literal {
        let mut block = [0; BLOCK];
        let front = text.len().min(BLOCK);
        block[..front].copy_from_slice(&text[..front]);
        Literal { block, text: text.into() }
    }
}

impl Deref for Literal {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_stands_there_and_nothing_else() {
        let mut buffer = Buffer::default();
        for length in 0..70 {
            let text: Vec<u8> = (0..length).map(|n| n as u8 + 1).collect();
            let literal = Literal::new(&text);
            buffer.clear();
            buffer.push_literal(&literal);
            buffer.push_decimal(length);
            buffer.push_literal(&literal);
            buffer.push(b".");
            assert_eq!(*buffer, [&text, length.to_string().as_bytes(), &text, b"."].concat());
        }
    }

    #[test]
    fn numbers_are_written_as_they_are_read() {
        let mut buffer = Buffer::default();
        let large = [10_000, 12_345, u32::MAX.into(), u64::from(u32::MAX) + 1, u64::MAX];
        for value in (0..10_001).chain(large) {
            buffer.clear();
            buffer.push_decimal(value);
            assert_eq!(*buffer, *value.to_string().as_bytes());
        }
        buffer.clear();
        buffer.push_hexadecimal(0xbeef, 8);
        assert_eq!(*buffer, *b"0000beef");
    }
}
