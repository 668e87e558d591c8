//! Descriptors that are no sockets of ours: pipes, signals, terminals, timers of others.

use super::guarded;
use super::handler::{Handler, Readiness};
use super::ids::FdId;
use super::net::{Net, Source};
use super::slots::Key;
use mio::event::Source as _;
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

pub(crate) struct Watched {
    pub(crate) fd: OwnedFd,
}

impl Watched {
    pub(crate) fn new(fd: OwnedFd) -> Box<Watched> {
        Box::new(Watched { fd })
    }

    pub(crate) fn register(&self, registry: &Registry, key: Key) -> io::Result<()> {
        SourceFd(&self.fd.as_raw_fd()).register(registry, key.token(), Interest::READABLE)
    }
}

impl Net {
    /// Tells the handler, and asks the poller again. Registering anew makes it look again, so that the handler may
    /// read as little as it likes: a blocking descriptor that is shared with others cannot be read to `WouldBlock`.
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
        let source = &mut SourceFd(&watched.fd.as_raw_fd());
        let registry = self.poll.registry();
        self.stats.registrations += 1;
        // The poll(2) selector drops a source that has hung up; it is taken in again, to be told again.
        if source.reregister(registry, key.token(), Interest::READABLE).is_err() {
            let _ = source.register(registry, key.token(), Interest::READABLE);
        }
    }

    pub(super) fn free_watched(&mut self, key: Key) -> Option<OwnedFd> {
        let Some(Source::Watched(_)) = self.sources.get(key) else { return None };
        let Some(Source::Watched(watched)) = self.sources.remove(key) else { return None };
        let _ = SourceFd(&watched.fd.as_raw_fd()).deregister(self.poll.registry());
        Some(watched.fd)
    }
}
