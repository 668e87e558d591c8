//! Standard output: what the server says is shown as it comes.

use crate::client::charset::{Charset, TextDecoder};
use crate::client::terminal::TerminalSanitizer;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

/// Standard output. A pipe is given exactly what came. A terminal is given nothing that it would obey, and its cursor is left at
/// the beginning of a line.
///
/// Known cost: a write may wait for whoever reads us, and then the loop waits as well. That is how back-pressure reaches the
/// server, which is the only peer.
pub struct Screen {
    out: File,
    decoder: Rendering,
    text: Vec<u8>,
    last_byte: u8,
}

/// How bytes become text: as they are for a pipe, harmless for a terminal.
enum Rendering {
    InPipe(TextDecoder),
    OnTerminal(Box<TerminalSanitizer>),
}

impl Screen {
    pub fn standard(charset: &Charset) -> io::Result<Screen> {
        let stdout = io::stdout();
        let out = File::from(stdout.as_fd().try_clone_to_owned()?);
        let decoder = if stdout.is_terminal() {
            Rendering::OnTerminal(Box::new(TerminalSanitizer::new(charset.text_decoder())))
        } else {
            Rendering::InPipe(charset.decoder())
        };
        Ok(Screen { out, decoder, text: Vec::new(), last_byte: b'\n' })
    }

    pub fn show(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.read(bytes, false);
        self.write()
    }

    /// The terminal has echoed a line that was typed, with its line end.
    pub fn line_was_typed(&mut self) {
        self.last_byte = b'\n';
    }

    /// The terminal has echoed the key that stopped us (`^C`).
    pub fn key_was_typed(&mut self) {
        self.last_byte = b'C';
    }

    /// Puts the cursor of a terminal at the beginning of a line, for what is printed or typed next.
    pub fn end_line(&mut self) -> io::Result<()> {
        let last_byte = *self.text.last().unwrap_or(&self.last_byte);
        if matches!(self.decoder, Rendering::OnTerminal(_)) && last_byte != b'\n' {
            self.text.push(b'\n');
        }
        self.write()
    }

    /// Shows what is unfinished, and ends the line.
    pub fn end(&mut self) -> io::Result<()> {
        self.read(b"", true);
        self.end_line()
    }

    fn read(&mut self, bytes: &[u8], is_last: bool) {
        match &mut self.decoder {
            Rendering::InPipe(decoder) => decoder.decode(bytes, is_last, &mut self.text),
            Rendering::OnTerminal(sanitizer) => sanitizer.sanitize(bytes, is_last, &mut self.text),
        }
    }

    fn write(&mut self) -> io::Result<()> {
        self.last_byte = *self.text.last().unwrap_or(&self.last_byte);
        let mut rest = self.text.as_slice();
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => rest = &rest[taken..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Another program has made the terminal or pipe non-blocking that we share with it.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let _ = poll(&mut [PollFd::new(self.out.as_fd(), PollFlags::POLLOUT)], PollTimeout::NONE);
                }
                Err(error) => return Err(error),
            }
        }
        self.text.clear();
        Ok(())
    }
}
