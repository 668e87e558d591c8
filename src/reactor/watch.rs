//! Descriptors that are no sockets of ours: pipes, signals, terminals, timers of others.

use crate::reactor::events::Readiness;
use crate::reactor::guarded;
use crate::reactor::handler::Handler;
use crate::reactor::ids::FdId;
use crate::reactor::net::{Net, Source};
use crate::reactor::slots::Key;
use crate::reactor::sys::{ForeignFd, Interest};
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;

/// A descriptor that was not taken over, and why; displays as the reason.
#[derive(Debug)]
pub struct Refused {
    pub(crate) fd: OwnedFd,
    pub(crate) error: io::Error,
}

impl Refused {
    /// Why it was not taken over.
    pub fn error(&self) -> &io::Error {
        &self.error
    }

    /// The kind of the error.
    pub fn kind(&self) -> io::ErrorKind {
        self.error.kind()
    }

    /// The descriptor, which is the caller's again.
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Refused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl From<(Source, io::Error)> for Refused {
    fn from((source, error): (Source, io::Error)) -> Refused {
        Refused { fd: source.into_fd(), error }
    }
}

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> io::Error {
        refused.error
    }
}

/// A watched descriptor, and what it is watched for.
pub(crate) struct Watched {
    pub(crate) fd: ForeignFd,
    pub(crate) interest: Interest,
}

/// Descriptors that are watched.
impl Net {
    /// Tells the handler, and asks the poller again, so that the handler may read as little as it likes: a blocking
    /// descriptor that is shared with others cannot be read to `WouldBlock`.
    pub(super) fn watched_event<H: Handler + ?Sized>(
        &mut self,
        handler: &mut H,
        key: Key,
        readiness: Readiness,
    ) {
        guarded(self, |net| handler.ready(net, FdId(key), readiness));
        self.watch_again(key);
    }

    pub(super) fn watch_again(&mut self, key: Key) {
        let Some(Source::Watched(watched)) = self.sources.get_mut(key) else { return };
        self.stats.registrations += 1;
        let _ = self.poller.reregister(&mut watched.fd, key.0, watched.interest);
    }
}
