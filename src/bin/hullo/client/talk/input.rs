//! Standard input, as one more descriptor on the loop.

use super::lines::{Line, Lines};
use hullo::{FdId, Net, TimerId};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// Lines that are typed or piped. They are read with one read(2) at a time, and only while they are wanted: the descriptor is
/// shared with the shell and stays blocking, and what we do not read is left to whoever reads it next.
pub struct Input {
    file: File,
    watch: Option<FdId>,
    /// The input is a regular file or /dev/null, which epoll refuses. Reading it never waits, so that a timer asks for each read.
    is_always_ready: bool,
    step: Option<TimerId>,
    step_key: u64,
    lines: Lines,
    is_ended: bool,
}

impl Input {
    /// Opens standard input. Where reading never waits, a timer with this key asks for each read.
    pub fn standard(step_key: u64) -> io::Result<Input> {
        let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        Ok(Input {
            file,
            watch: None,
            is_always_ready: false,
            step: None,
            step_key,
            lines: Lines::new(),
            is_ended: false,
        })
    }

    /// Begins to wait for input, or stops waiting.
    pub fn want(&mut self, net: &mut Net, is_wanted: bool) -> io::Result<()> {
        if !is_wanted || self.is_ended {
            if let Some(watch) = self.watch.take() {
                net.unwatch(watch);
            }
            if let Some(step) = self.step.take() {
                net.cancel_timer(step);
            }
            return Ok(());
        }
        if self.watch.is_none() && !self.is_always_ready {
            match net.watch(self.file.try_clone()?) {
                Ok(watch) => self.watch = Some(watch),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => self.is_always_ready = true,
                Err(error) => return Err(error.into()),
            }
        }
        if self.is_always_ready && self.step.is_none() {
            self.step = Some(net.set_timer(Duration::ZERO, self.step_key));
        }
        Ok(())
    }

    pub fn is(&self, fd: FdId) -> bool {
        self.watch == Some(fd)
    }

    /// Reads once. It is called when there is something to read.
    pub fn read(&mut self) -> io::Result<()> {
        self.step = None;
        match self.lines.fill(&mut self.file) {
            Ok(0) => self.is_ended = true,
            Ok(_) => {}
            // Another process was faster, or a signal came. The loop tells us again while there is input.
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    pub fn next(&mut self) -> Option<Line> {
        self.lines.next(self.is_ended)
    }

    /// Whether `next` has something to give.
    pub fn has_line(&mut self) -> bool {
        self.lines.has_next(self.is_ended)
    }

    pub fn is_ended(&self) -> bool {
        self.is_ended
    }
}
