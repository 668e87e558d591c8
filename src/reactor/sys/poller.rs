//! The poller, on mio: it tells which sources are ready, that the timer has rung, and that another thread calls.

use super::PollerTimer;
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
    timer: PollerTimer,
}

impl Poller {
    /// What the waker's events come with. No slot has this key, since generations start at one.
    pub(crate) const WAKER: u64 = 0;
    /// What the timer's events come with. No slot has this key either.
    pub(crate) const TIMER: u64 = 1;

    pub(crate) fn new() -> io::Result<Poller> {
        let poller = Poller { poll: mio::Poll::new()?, timer: PollerTimer::new()? };
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// Waits until events have come, and tells them.
    fn told(poller: &mut Poller) -> Vec<(u64, Readiness)> {
        let mut events = Events::with_capacity(8);
        let deadline = Instant::now() + PATIENCE;
        loop {
            poller.wait(&mut events, Some(PATIENCE)).unwrap();
            let told: Vec<_> = events.iter().collect();
            if !told.is_empty() {
                return told;
            }
            assert!(Instant::now() < deadline, "nothing was told");
        }
    }

    fn told_nothing(poller: &mut Poller) -> bool {
        let mut events = Events::with_capacity(8);
        poller.wait(&mut events, Some(Duration::ZERO)).unwrap();
        events.iter().next().is_none()
    }

    #[test]
    fn the_timer_rings_once_under_its_key_and_not_before_its_time() {
        let mut poller = Poller::new().unwrap();
        for delay in [Duration::ZERO, Duration::from_millis(20)] {
            let start = Instant::now();
            poller.set_timer(delay).unwrap();
            let [(Poller::TIMER, readiness)] = told(&mut poller)[..] else { panic!("another key") };
            assert!(readiness.is_readable() && start.elapsed() >= delay);
            poller.timer_has_rung();
            assert!(told_nothing(&mut poller));
        }
    }

    #[test]
    fn a_wake_from_another_thread_is_told_under_its_key() {
        let mut poller = Poller::new().unwrap();
        let waker = poller.waker().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| waker.wake().unwrap());
            assert_eq!(told(&mut poller)[0].0, Poller::WAKER);
        });
    }

    #[test]
    fn a_source_is_told_of_under_its_key_until_it_is_deregistered() {
        let mut poller = Poller::new().unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        let (mut reader, key) = (ForeignFd(reader.into()), 7 << 40 | 3);
        poller.register(&mut reader, key, Interest::READABLE).unwrap();
        assert!(told_nothing(&mut poller));
        drop(writer);
        let [(told_key, readiness)] = told(&mut poller)[..] else { panic!("one event") };
        assert!(told_key == key && readiness.is_read_closed());

        // A poller that has dropped it at its hang-up takes it in again, and one that has not looks again.
        poller.reregister(&mut reader, key, Interest::READABLE).unwrap();
        assert_eq!(told(&mut poller)[0].0, key);
        poller.reregister(&mut reader, key, Interest::READABLE).unwrap();
        poller.deregister(&mut reader);
        assert!(told_nothing(&mut poller));
    }
}
