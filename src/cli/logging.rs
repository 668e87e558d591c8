//! The log: lines on stderr that never hold the loop up.

use env_logger::{Builder, Target, WriteStyle};
use log::LevelFilter;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::borrow::Cow;
use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::panic;

/// Starts the log. The flag counts more than `HULLO_LOG`, and that more than the default, which is `info`.
pub(super) fn start(level: Option<LevelFilter>) {
    let mut builder = Builder::new();
    match (level, env::var("HULLO_LOG")) {
        (Some(level), _) => builder.filter_level(level),
        (None, Ok(filters)) if !filters.is_empty() => builder.parse_filters(&filters),
        (None, _) => builder.filter_level(LevelFilter::Info),
    };
    if let Ok(stderr) = stderr() {
        builder.target(Target::Pipe(Box::new(Patient::new(stderr))));
    }
    builder.write_style(if wants_colour() { WriteStyle::Always } else { WriteStyle::Never }).init();
    // A panicking handler costs one connection; the report that is usual would wait for a reader of stderr.
    panic::set_hook(Box::new(|report| log::error!("{report}")));
}

/// Says something on stderr at any log level, without waiting for a reader.
pub(super) fn last_line(line: &str) {
    if let Ok(stderr) = stderr() {
        Patient::new(stderr).offer(format!("{line}\n").as_bytes());
    }
}

fn wants_colour() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal()
        && !is_set("NO_COLOR")
        && env::var_os("TERM").is_some_and(|term| term != "dumb")
}

/// Stderr, so that a write to it does not wait, as far as the system has a way.
///
/// The descriptor is shared with whoever started us, and must not be made non-blocking. A terminal or a pipe can be
/// opened once more, for ourselves (Linux); a file cannot, since we would write at a place of our own.
pub(super) fn stderr() -> io::Result<File> {
    let shared = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    if !io::stderr().is_terminal() && !shared.metadata()?.file_type().is_fifo() {
        return Ok(shared);
    }
    let reopened = OpenOptions::new()
        .write(true)
        .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits())
        .open("/proc/self/fd/2");
    Ok(reopened.unwrap_or(shared))
}

/// A pipe that is ready takes this much without waiting: PIPE_BUF, of which POSIX promises no more than 512.
pub(super) const AT_ONCE: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };

/// Writes lines, one a call, to something that may have no reader. A line that would have to wait is dropped, and the
/// dropped ones are counted in front of the next that goes through.
///
/// Before each write it asks whether there is room. Known cost: where stderr could not be opened once more, another
/// process that writes to it can still come between, and a terminal that has stopped reading can hold us up.
struct Patient<W> {
    out: W,
    dropped: u64,
    /// The last line went through in part.
    is_torn: bool,
}

impl<W: Write + AsFd> Patient<W> {
    fn new(out: W) -> Patient<W> {
        Patient { out, dropped: 0, is_torn: false }
    }

    /// Whether the line went through. An error is no different from a wait: there is nobody to tell.
    fn offer(&mut self, line: &[u8]) -> bool {
        let mut ask = [PollFd::new(self.out.as_fd(), PollFlags::POLLOUT)];
        if !poll(&mut ask, PollTimeout::ZERO).is_ok_and(|ready| ready > 0) {
            return false;
        }
        let line = cut(line);
        let taken = self.out.write(&line).unwrap_or(0);
        if taken > 0 {
            self.is_torn = taken < line.len();
        }
        taken == line.len()
    }
}

impl<W: Write + AsFd> Write for Patient<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.dropped > 0 {
            let start = if self.is_torn { "\n" } else { "" };
            let report = format!("{start}{} log lines dropped: nobody read stderr\n", self.dropped);
            if self.offer(report.as_bytes()) {
                self.dropped = 0;
            }
        }
        if self.dropped > 0 || !self.offer(line) {
            self.dropped += 1;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The line, or as much of it as goes through at once.
fn cut(line: &[u8]) -> Cow<'_, [u8]> {
    match line.get(..AT_ONCE) {
        Some(front) if line.len() > AT_ONCE => [&front[..AT_ONCE - 4], b"...\n"].concat().into(),
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
        let mut log = Patient::new(writer);
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
        let long = cut(&[b'x'; AT_ONCE + 1]).into_owned();
        assert_eq!(long.len(), AT_ONCE);
        assert!(long.ends_with(b"x...\n"));
    }

    #[test]
    fn a_reader_that_has_left_is_no_error() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut log = Patient::new(writer);
        log.write_all(b"to nobody\n").unwrap();
        assert_eq!(log.dropped, 1);
    }
}
