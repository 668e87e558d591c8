//! The clock.

use super::monotonic;
use crate::reactor::timers::Tick;
use std::time::{Duration, Instant};

/// The only clock of the reactor. It never goes back.
pub(crate) struct Clock {
    /// The same moment twice: as the system counts, and as std does.
    origin: (Tick, Instant),
}

impl Clock {
    pub(crate) fn new() -> Clock {
        Clock { origin: (monotonic(), Instant::now()) }
    }

    #[inline]
    pub(crate) fn now(&self) -> Tick {
        monotonic()
    }

    /// The same moment as [`now`](Clock::now), for a host that reckons in instants.
    pub(crate) fn now_as_instant(&self) -> Instant {
        Instant::now()
    }

    /// Later than the true moment by what passed between the two readings of `new`, never earlier.
    #[inline]
    pub(crate) fn instant(&self, tick: Tick) -> Instant {
        self.origin.1 + Duration::from_nanos(tick.saturating_sub(self.origin.0))
    }
}
