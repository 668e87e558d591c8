//! The poller, on mio: it tells which sources are ready, that the timer has rung, and that another thread calls.

use super::Timer;
use crate::reactor::events::Readiness;
use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Registry, Token};
use std::io;
use std::ops::BitOr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// Whether the poller tells of each change once. mio's poll(2) selector tells of a state, and only after an
/// operation that would have blocked does it tell again.
pub(crate) const EDGE_TRIGGERED: bool = !cfg!(mio_unsupported_force_poll_poll);

/// Waits for whatever is registered with it, and for one timer of its own.
pub(crate) struct Poller {
    poll: mio::Poll,
    timer: Timer,
}

impl Poller {
    /// What the waker's events come with. No slot has this key, since generations start at one.
    pub(crate) const WAKER: u64 = 0;
    /// What the timer's events come with. No slot has this key either.
    pub(crate) const TIMER: u64 = 1;

    pub(crate) fn new() -> io::Result<Poller> {
        let poller = Poller { poll: mio::Poll::new()?, timer: Timer::new()? };
        poller.register(&mut SourceFd(&poller.timer.fd()), Poller::TIMER, Interest::READABLE)?;
        Ok(poller)
    }

    /// What wakes a waiting poller from another thread. There is one for each poller.
    pub(crate) fn waker(&self) -> io::Result<Waker> {
        mio::Waker::new(self.poll.registry(), Token(Poller::WAKER as usize)).map(Waker)
    }

    /// Waits until something is ready, at the longest for `timeout`. A signal ends the wait without an event.
    #[inline]
    pub(crate) fn wait(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut events.0, timeout) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {
                events.0.clear();
                Ok(())
            }
            result => result,
        }
    }

    /// Begins to tell of a source; each of its events comes with `key`.
    #[inline]
    pub(crate) fn register(&self, source: &mut impl Source, key: u64, interest: Interest) -> io::Result<()> {
        source.register(self.registry(), Token(key as usize), interest.0)
    }

    /// Changes what a source is told of, and looks again at what it is ready for.
    pub(crate) fn reregister(
        &self,
        source: &mut impl Source,
        key: u64,
        interest: Interest,
    ) -> io::Result<()> {
        source.reregister(self.registry(), Token(key as usize), interest.0).or_else(|_| {
            // The poll(2) selector drops a source that has hung up or is in error; here it is taken in again.
            self.deregister(source);
            self.register(source, key, interest)
        })
    }

    /// Tells no more of a source.
    pub(crate) fn deregister(&self, source: &mut impl Source) {
        // It fails only where the poller has dropped the source by itself.
        let _ = source.deregister(self.registry());
    }

    /// Sets the timer to ring after `delay`. A ring that was due earlier is forgotten.
    pub(crate) fn set_timer(&self, delay: Duration) -> io::Result<()> {
        self.timer.arm(delay)
    }

    /// Takes note that the timer has rung, or a level-triggered poller would tell of it for ever.
    pub(crate) fn timer_has_rung(&self) {
        if !EDGE_TRIGGERED {
            self.timer.clear();
            let _ = self.reregister(&mut SourceFd(&self.timer.fd()), Poller::TIMER, Interest::READABLE);
        }
    }

    #[inline]
    fn registry(&self) -> &Registry {
        self.poll.registry()
    }
}

/// The poller's own descriptor, which a host's loop can wait on. poll(2) has none.
#[cfg(not(mio_unsupported_force_poll_poll))]
impl std::os::fd::AsFd for Poller {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.registry().as_fd()
    }
}

/// What the poller is asked to tell of a descriptor; both is `Interest::READABLE | Interest::WRITABLE`. That the other
/// end has hung up and that the descriptor is in error is told in any case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interest(mio::Interest);

impl Interest {
    /// That a read will not block.
    pub const READABLE: Interest = Interest(mio::Interest::READABLE);
    /// That a write will not block.
    pub const WRITABLE: Interest = Interest(mio::Interest::WRITABLE);
    /// That an urgent byte has come.
    pub(crate) const PRIORITY: Interest = Interest(mio::Interest::PRIORITY);
}

impl BitOr for Interest {
    type Output = Interest;

    #[inline]
    fn bitor(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }
}

/// The events of one wait.
pub(crate) struct Events(mio::Events);

impl Events {
    pub(crate) fn with_capacity(most: usize) -> Events {
        Events(mio::Events::with_capacity(most))
    }

    /// Each event as the key that its source was registered under, and what the source is ready for.
    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, Readiness)> {
        self.0.iter().map(|event| (event.token().0 as u64, readiness(event)))
    }
}

#[inline]
fn readiness(event: &mio::event::Event) -> Readiness {
    let bit = |on: bool, readiness: Readiness| if on { readiness } else { Readiness::default() };
    bit(event.is_readable(), Readiness::READABLE)
        | bit(event.is_writable(), Readiness::WRITABLE)
        | bit(event.is_read_closed(), Readiness::READ_CLOSED)
        | bit(event.is_error(), Readiness::ERROR)
        | bit(event.is_priority(), Readiness::PRIORITY)
}

/// Ends the wait of a poller, from any thread.
pub(crate) struct Waker(mio::Waker);

impl Waker {
    pub(crate) fn wake(&self) -> io::Result<()> {
        self.0.wake()
    }
}

/// A descriptor that is no socket of ours, as the poller takes it.
pub(crate) struct ForeignFd(pub(crate) OwnedFd);

impl Source for ForeignFd {
    fn register(&mut self, registry: &Registry, token: Token, interest: mio::Interest) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).register(registry, token, interest)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interest: mio::Interest) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).reregister(registry, token, interest)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).deregister(registry)
    }
}
