//! Standard output: what the server says, as it comes.

use crate::client::charset::{Charset, TextDecoder};
use crate::client::terminal::TerminalSanitizer;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

/// Where answers are shown. In a pipe it is exactly what came; a terminal is given nothing that it would obey, and left on
/// a line of its own.
///
/// Known cost: a write may wait for whoever reads us, and the loop with it. That is how back-pressure reaches the server,
/// which has nobody else to serve here.
pub struct Screen {
    out: File,
    decoder: Rendering,
    text: Vec<u8>,
    last_byte: u8,
}

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

    /// The terminal has shown a line end of its own, that of the line.
    pub fn line_was_typed(&mut self) {
        self.last_byte = b'\n';
    }

    /// The terminal has shown the key that stopped us.
    pub fn key_was_typed(&mut self) {
        self.last_byte = b'C';
    }

    /// What comes next on a terminal, be it ours or typed, begins a line.
    pub fn end_line(&mut self) -> io::Result<()> {
        let last_byte = *self.text.last().unwrap_or(&self.last_byte);
        if matches!(self.decoder, Rendering::OnTerminal(_)) && last_byte != b'\n' {
            self.text.push(b'\n');
        }
        self.write()
    }

    /// The end of what is shown: an unfinished character, and the end of the line.
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
                // Another program has made the terminal or pipe that we share non-blocking.
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
