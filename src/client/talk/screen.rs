//! Standard output: what the server says, as it comes.

use super::charset::{Charset, Reader};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

/// Where answers are shown. In a pipe it is exactly what came; a terminal is left on a line of its own.
///
/// Known cost: a write may wait for whoever reads us, and the loop with it. That is how back-pressure reaches the server,
/// which has nobody else to serve here.
pub(super) struct Screen {
    out: File,
    is_terminal: bool,
    reader: Reader,
    text: Vec<u8>,
    last_byte: u8,
}

impl Screen {
    pub(super) fn standard(charset: &Charset) -> io::Result<Screen> {
        let stdout = io::stdout();
        let out = File::from(stdout.as_fd().try_clone_to_owned()?);
        let is_terminal = stdout.is_terminal();
        Ok(Screen { out, is_terminal, reader: charset.reader(), text: Vec::new(), last_byte: b'\n' })
    }

    pub(super) fn show(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.read(bytes, false, &mut self.text);
        self.write()
    }

    /// The terminal has shown a line end of its own, that of the line.
    pub(super) fn line_was_typed(&mut self) {
        self.last_byte = b'\n';
    }

    /// The end of what is shown: an unfinished character, and the end of the line.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.reader.read(b"", true, &mut self.text);
        let last_byte = *self.text.last().unwrap_or(&self.last_byte);
        if self.is_terminal && last_byte != b'\n' {
            self.text.push(b'\n');
        }
        self.write()
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
