//! One stream for many bodies: they come whole, one after the other, in the order they were asked for.

use std::fs::File;
use std::io::{self, Write};

/// How much of a body is held that has to wait for its turn. Past that its connection is not read, and the server waits.
const HELD: usize = 64 * 1024;

/// Who may write. The first body that is not over streams, the others are held.
pub(super) struct Turns {
    stream: File,
    current: usize,
}

/// What a body that waits for its turn has brought so far.
#[derive(Default)]
pub(super) struct Held(Vec<u8>);

impl Turns {
    pub(super) fn new(stream: File) -> Turns {
        Turns { stream, current: 0 }
    }

    pub(super) fn current(&self) -> usize {
        self.current
    }

    /// Writes a piece of the body of `number`, or holds it. Whether no more should come until its turn.
    pub(super) fn write(&mut self, number: usize, held: &mut Held, piece: &[u8]) -> io::Result<bool> {
        if number == self.current {
            self.stream.write_all(piece)?;
            return Ok(false);
        }
        held.0.extend_from_slice(piece);
        Ok(held.0.len() > HELD)
    }

    /// The current body is over: it is the turn of the next, which has brought this.
    pub(super) fn pass_on(&mut self, held: Option<&mut Held>) -> io::Result<()> {
        self.current += 1;
        match held {
            Some(held) => self.stream.write_all(&std::mem::take(&mut held.0)),
            None => Ok(()),
        }
    }
}

impl Held {
    /// The body broke off before its turn came: none of it is worth a place between whole ones.
    pub(super) fn discard(&mut self) {
        self.0 = Vec::new();
    }
}
