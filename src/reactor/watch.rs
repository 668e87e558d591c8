//! Descriptors that are no sockets of ours: pipes, signals, terminals, timers of others.

use crate::reactor::events::Readiness;
use crate::reactor::guarded;
use crate::reactor::handler::Handler;
use crate::reactor::ids::FdId;
use crate::reactor::net::{Net, Source};
use crate::reactor::slots::Key;
use mio::Registry;
use mio::event::Source as _;
use mio::unix::SourceFd;
use std::fmt;
use std::io;
use std::ops::BitOr;
use std::os::fd::{AsRawFd, OwnedFd};

/// What a descriptor is watched for; both is `Interest::READABLE | Interest::WRITABLE`. That the other end has hung up
/// and that the descriptor is in error is told in any case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interest(mio::Interest);

impl Interest {
    /// That a read will not block.
    pub const READABLE: Interest = Interest(mio::Interest::READABLE);
    /// That a write will not block.
    pub const WRITABLE: Interest = Interest(mio::Interest::WRITABLE);
}

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }
}

/// A descriptor that was not taken over, and why; displays as the reason.
#[derive(Debug)]
pub struct Refused {
    pub(crate) fd: OwnedFd,
    pub(crate) error: io::Error,
}

impl Refused {
    /// Why.
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

pub(crate) struct Watched {
    pub(crate) fd: OwnedFd,
    pub(crate) interest: Interest,
}

impl Watched {
    pub(crate) fn register(&self, registry: &Registry, key: Key) -> io::Result<()> {
        self.source(|source| source.register(registry, key.token(), self.interest.0))
    }

    /// Registering anew makes the poller look again.
    pub(crate) fn reregister(&self, registry: &Registry, key: Key) -> io::Result<()> {
        // The poll(2) selector drops a source that has hung up; it is taken in again, to be told again.
        self.source(|source| source.reregister(registry, key.token(), self.interest.0))
            .or_else(|_| self.register(registry, key))
    }

    pub(crate) fn source<T>(&self, call: impl FnOnce(&mut SourceFd<'_>) -> T) -> T {
        call(&mut SourceFd(&self.fd.as_raw_fd()))
    }
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
        let Some(Source::Watched(watched)) = self.sources.get(key) else { return };
        self.stats.registrations += 1;
        let _ = watched.reregister(self.poll.registry(), key);
    }
}
