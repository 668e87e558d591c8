//! Writing to stdout and stderr without waiting for somebody who does not read them.

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::time::{Duration, Instant};

/// Opens stderr for writes that do not wait, as far as the system has a way.
pub fn stderr() -> io::Result<File> {
    reopen_nonblocking(&io::stderr())
}

/// The descriptor is shared with whoever started us, and must not be made non-blocking. On Linux a terminal or a pipe can be
/// opened once more, for ourselves alone. A file is not opened once more, since we would then write at an offset of our own.
fn reopen_nonblocking(stream: &(impl AsFd + AsRawFd + IsTerminal)) -> io::Result<File> {
    let shared = File::from(stream.as_fd().try_clone_to_owned()?);
    if !stream.is_terminal() && !shared.metadata()?.file_type().is_fifo() {
        return Ok(shared);
    }
    let reopened = OpenOptions::new()
        .write(true)
        .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits())
        .open(format!("/proc/self/fd/{}", stream.as_raw_fd()));
    Ok(reopened.unwrap_or(shared))
}

/// Prints a line on stderr, or drops it where nobody reads.
pub fn print_line(line: &str) {
    let line = format!("{line}\n");
    match stderr() {
        Ok(stderr) => LossyWriter::new(stderr).try_write(line.as_bytes()),
        // There is no free descriptor to open it with.
        Err(_) => LossyWriter::new(io::stderr()).try_write(line.as_bytes()),
    };
}

/// How long a line on stdout waits for a reader who has taken the one before it.
const PAUSE: Duration = Duration::from_millis(200);

/// Prints lines on stdout until one of them is not taken, and returns how many were.
pub fn announce(lines: &[String]) -> usize {
    let Ok(stdout) = reopen_nonblocking(&io::stdout()) else { return 0 };
    let mut stdout = LossyWriter::new(stdout);
    let mut is_taken = |line: &&String| {
        let line = format!("{line}\n");
        stdout.try_write(line.as_bytes())
            || !stdout.is_line_torn
                && is_ready(&stdout.out, PAUSE.as_millis() as u16)
                && stdout.try_write(line.as_bytes())
    };
    lines.iter().take_while(|line| is_taken(line)).count()
}

/// How long the error that ends a command waits for a reader.
const FINAL_WAIT: Duration = Duration::from_secs(1);

/// Prints on stderr why a command ends. That is worth a moment of waiting, but there may be nobody left to read it.
pub fn print_final(text: &str) {
    match stderr() {
        Ok(stderr) => write_with_deadline(stderr, text),
        Err(_) => write_with_deadline(io::stderr(), text),
    }
}

fn write_with_deadline(mut stderr: impl Write + AsFd, text: &str) {
    let deadline = Instant::now() + FINAL_WAIT;
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        if !is_ready(&stderr, PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO)) {
            return;
        }
        match stderr.write(&rest[..rest.len().min(ATOMIC_WRITE)]) {
            Ok(taken) if taken > 0 => rest = &rest[taken..],
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
            _ => return,
        }
        if left.is_zero() {
            return;
        }
    }
}

fn is_ready(out: &impl AsFd, wait: impl Into<PollTimeout>) -> bool {
    poll(&mut [PollFd::new(out.as_fd(), PollFlags::POLLOUT)], wait.into()).is_ok_and(|ready| ready > 0)
}

/// How much a pipe that is ready for writing takes at once: PIPE_BUF, which POSIX lets be as small as 512.
pub const ATOMIC_WRITE: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };

/// Writes a line with each call to a stream that may have no reader. A line that would have to wait is dropped. The next line
/// that goes through is preceded by the number of dropped ones.
///
/// Before each write it asks whether there is room. Known cost: where stderr could not be opened once more, another process
/// may fill it between the question and the write, and a terminal that has stopped reading can hold us up.
pub struct LossyWriter<W> {
    out: W,
    dropped: u64,
    /// Only the front of the last line went through.
    is_line_torn: bool,
}

impl<W: Write + AsFd> LossyWriter<W> {
    pub fn new(out: W) -> LossyWriter<W> {
        LossyWriter { out, dropped: 0, is_line_torn: false }
    }

    /// Writes a line if that does not have to wait, and returns whether all of it went through. An error counts as not going
    /// through, since there is nobody to tell.
    fn try_write(&mut self, line: &[u8]) -> bool {
        if !is_ready(&self.out, PollTimeout::ZERO) {
            return false;
        }
        let line = cut(line);
        let taken = self.out.write(&line).unwrap_or(0);
        if taken > 0 {
            self.is_line_torn = taken < line.len();
        }
        taken == line.len()
    }
}

impl<W: Write + AsFd> Write for LossyWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.dropped > 0 {
            let start = if self.is_line_torn { "\n" } else { "" };
            let report = format!("{start}{} log lines dropped: nobody read stderr\n", self.dropped);
            if self.try_write(report.as_bytes()) {
                self.dropped = 0;
            }
        }
        if self.dropped > 0 || !self.try_write(line) {
            self.dropped += 1;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Shortens a line to what goes through at once.
fn cut(line: &[u8]) -> Cow<'_, [u8]> {
    match line.get(..ATOMIC_WRITE) {
        Some(front) if line.len() > ATOMIC_WRITE => [&front[..ATOMIC_WRITE - 4], b"...\n"].concat().into(),
        _ => line.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_log_that_nobody_reads_drops_lines_and_says_so_later() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut log = LossyWriter::new(writer);
        let mut through = 0;
        loop {
            log.write_all(&line(through)).unwrap();
            if log.dropped > 0 {
                break;
            }
            through += 1;
        }
        log.write_all(b"lost as well\n").unwrap();

        let mut text = vec![0; through * 100];
        reader.read_exact(&mut text).unwrap();
        assert_eq!(text[(through - 1) * 100..], line(through - 1));
        log.write_all(b"read again\n").unwrap();
        drop(log);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "2 log lines dropped: nobody read stderr\nread again\n");
    }

    fn line(number: usize) -> Vec<u8> {
        format!("{number:_>99}\n").into_bytes()
    }

    #[test]
    fn a_line_too_long_for_one_write_is_cut_and_still_ends() {
        assert_eq!(cut(b"short\n"), b"short\n".as_slice());
        let long = cut(&[b'x'; ATOMIC_WRITE + 1]).into_owned();
        assert_eq!(long.len(), ATOMIC_WRITE);
        assert!(long.ends_with(b"x...\n"));
    }

    #[test]
    fn a_reader_that_has_left_is_no_error() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut log = LossyWriter::new(writer);
        log.write_all(b"to nobody\n").unwrap();
        assert_eq!(log.dropped, 1);
    }
}
