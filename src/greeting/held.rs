//! What a session keeps of what has come.

use std::collections::VecDeque;
use std::mem;
use std::time::Instant;

use super::dialect::Dialect;
use super::framing::{self, Flow};
use super::spec::Framing;
use crate::frames::{FrameError, Frames, Lines};

/// What a session keeps only while it must.
#[derive(Default, Debug)]
pub(super) struct Held {
    /// What begins a message that is not whole yet.
    pub(super) front: Front,
    /// Messages that wait for the delay, one after the other, the oldest at `start`.
    pub(super) waiting: Vec<u8>,
    pub(super) start: usize,
    /// Their lengths, in few bytes: a read of nothing but line ends has one for each byte.
    pub(super) lengths: VecDeque<u32>,
    /// When the oldest is looked at; present exactly while one waits.
    pub(super) due: Option<Instant>,
}

impl Held {
    /// How many bytes it is.
    pub(super) fn len(&self) -> usize {
        self.front.len() + self.waiting.len() - self.start
    }

    pub(super) fn push(&mut self, message: &[u8], due: Instant) {
        self.waiting.extend_from_slice(message);
        self.lengths.push_back(u32::try_from(message.len()).expect("max_message is far less"));
        self.due.get_or_insert(due);
    }

    pub(super) fn pop(&mut self) -> &[u8] {
        let from = self.start;
        self.start += self.lengths.pop_front().map_or(0, |length| length as usize);
        &self.waiting[from..self.start]
    }
}

/// The front of a message that is not whole yet.
#[derive(Default, Debug)]
pub(super) enum Front {
    #[default]
    Nothing,
    /// A line dialect waits for the end of its line.
    Line(Frames<Lines>),
    /// A strict dialect in raw framing waits for the rest of a character.
    Character(Vec<u8>),
}

impl Front {
    pub(super) fn len(&self) -> usize {
        match self {
            Front::Nothing => 0,
            Front::Line(lines) => lines.held(),
            Front::Character(bytes) => bytes.len(),
        }
    }

    /// Cuts a read into messages as the dialect wants it.
    pub(super) fn cut(
        &mut self,
        dialect: &Dialect,
        framing: Framing,
        bytes: &[u8],
        each: impl FnMut(&[u8]) -> Flow,
    ) -> Flow {
        let limit = dialect.max_message();
        if framing == Framing::Line {
            let mut lines = mem::take(self).into_lines(limit);
            let flow = framing::lines(&mut lines, bytes, each);
            *self = Front::Line(lines);
            flow
        } else if dialect.spec().strict {
            let mut tail = self.finish().unwrap_or_default();
            let flow = framing::characters(&mut tail, bytes, limit, dialect.text(), each);
            *self = Front::Character(tail);
            flow
        } else {
            framing::chunks(bytes, limit, each)
        }
    }

    pub(super) fn into_lines(self, limit: usize) -> Frames<Lines> {
        if let Front::Line(lines) = self { lines } else { Frames::lines(limit) }
    }

    /// What the end of the input makes of it: a message of its own, if it is not empty. A full line and a CR, which
    /// turns out not to be part of a line end, is too long.
    pub(super) fn finish(&mut self) -> Result<Vec<u8>, FrameError> {
        match mem::take(self) {
            Front::Nothing => Ok(Vec::new()),
            Front::Line(mut lines) => Ok(lines.finish()?.unwrap_or_default()),
            Front::Character(bytes) => Ok(bytes),
        }
    }
}
