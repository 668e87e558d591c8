//! One stream for many bodies: each is written whole, in the order in which they were asked for.

use crate::client::charset::TextDecoder;
use crate::client::terminal::TerminalSanitizer;
use std::fs::File;
use std::io::{self, IsTerminal, Write};

/// How much of a body is kept while it waits for its turn. Beyond that its connection is not read, and the server waits.
const HELD: usize = 64 * 1024;

/// The stream. The first body that is not over is written as it comes, and the others are held back.
pub struct OrderedOutput {
    stream: File,
    /// Where the stream is a terminal, bodies become text without control characters.
    terminal: Option<Box<TerminalSanitizer>>,
    /// The number of the body whose turn it is.
    current: usize,
}

/// What has come of a body that waits for its turn.
#[derive(Default)]
pub struct HeldBody(Vec<u8>);

impl OrderedOutput {
    pub fn new(stream: File) -> OrderedOutput {
        OrderedOutput { terminal: on_terminal(&stream), stream, current: 0 }
    }

    pub fn current(&self) -> usize {
        self.current
    }

    /// Writes a piece of a body, or holds it back. Returns whether no more of the body should be read until its turn.
    pub fn write(&mut self, number: usize, held: &mut HeldBody, piece: &[u8]) -> io::Result<bool> {
        if number == self.current {
            self.show(piece, false)?;
            return Ok(false);
        }
        held.0.extend_from_slice(piece);
        Ok(held.0.len() > HELD)
    }

    /// Ends the current body. The next one has its turn, and what was held back of it is written.
    pub fn advance(&mut self, held: Option<&mut HeldBody>) -> io::Result<()> {
        self.current += 1;
        self.show(b"", true)?;
        self.terminal = on_terminal(&self.stream);
        match held {
            Some(held) => self.show(&std::mem::take(&mut held.0), false),
            None => Ok(()),
        }
    }

    fn show(&mut self, piece: &[u8], is_last: bool) -> io::Result<()> {
        let Some(terminal) = &mut self.terminal else { return self.stream.write_all(piece) };
        let mut text = Vec::new();
        terminal.sanitize(piece, is_last, &mut text);
        self.stream.write_all(&text)
    }
}

fn on_terminal(stream: &File) -> Option<Box<TerminalSanitizer>> {
    stream.is_terminal().then(|| Box::new(TerminalSanitizer::new(TextDecoder::utf8())))
}

impl HeldBody {
    /// Throws away what was held back of a body that has failed before its turn.
    pub fn discard(&mut self) {
        self.0 = Vec::new();
    }
}
