//! A stream that waits for its reader, but not for ever.

use super::nonblocking::ATOMIC_WRITE;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::Duration;

/// How long a write waits for the reader.
const PATIENCE: Duration = Duration::from_secs(1);

/// A writer that waits for its reader for a second at the most. Once nobody has read for so long, it drops what is written and
/// does not wait again before somebody reads.
pub struct BoundedWait {
    out: File,
    has_given_up: bool,
}

impl BoundedWait {
    pub fn new(out: File) -> BoundedWait {
        BoundedWait { out, has_given_up: false }
    }
}

impl Write for BoundedWait {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let wait = if self.has_given_up {
            PollTimeout::ZERO
        } else {
            PollTimeout::from(PATIENCE.as_millis() as u16)
        };
        let mut ask = [PollFd::new(self.out.as_fd(), PollFlags::POLLOUT)];
        let is_ready = poll(&mut ask, wait).is_ok_and(|ready| ready > 0);
        self.has_given_up = !is_ready;
        if !is_ready {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.out.write(&bytes[..bytes.len().min(ATOMIC_WRITE)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
