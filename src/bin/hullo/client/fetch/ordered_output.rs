//! One stream for many bodies: they come whole, one after the other, in the order they were asked for.

use crate::client::charset::TextDecoder;
use crate::client::terminal::TerminalSanitizer;
use std::fs::File;
use std::io::{self, IsTerminal, Write};

/// How much of a body is held that has to wait for its turn. Past that its connection is not read, and the server waits.
const HELD: usize = 64 * 1024;

/// Who may write. The first body that is not over streams, the others are held.
pub struct OrderedOutput {
    stream: File,
    /// Where the stream is a terminal, bodies become text that it does not obey.
    terminal: Option<Box<TerminalSanitizer>>,
    current: usize,
}

/// What a body that waits for its turn has brought so far.
#[derive(Default)]
pub struct HeldBody(Vec<u8>);

impl OrderedOutput {
    pub fn new(stream: File) -> OrderedOutput {
        OrderedOutput { terminal: on_terminal(&stream), stream, current: 0 }
    }

    pub fn current(&self) -> usize {
        self.current
    }

    /// Writes a piece of the body of `number`, or holds it. Whether no more should come until its turn.
    pub fn write(&mut self, number: usize, held: &mut HeldBody, piece: &[u8]) -> io::Result<bool> {
        if number == self.current {
            self.show(piece, false)?;
            return Ok(false);
        }
        held.0.extend_from_slice(piece);
        Ok(held.0.len() > HELD)
    }

    /// The current body is over: it is the turn of the next, which has brought this.
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
    /// The body broke off before its turn came: none of it is worth a place between whole ones.
    pub fn discard(&mut self) {
        self.0 = Vec::new();
    }
}
