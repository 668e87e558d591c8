//! The time of a run, in nanoseconds since its beginning.

use hullo::Net;
use std::time::{Duration, Instant};

/// When the run began, and where its time stands.
pub struct Clock {
    origin: Instant,
    now: u64,
    /// A callback has run in this turn.
    has_worked: bool,
}

impl Clock {
    pub fn start() -> Clock {
        Clock { origin: Instant::now(), now: 0, has_worked: false }
    }

    /// The beginning of this turn; a callback that takes long moves it. Replies are dated with it: by then they had arrived.
    #[inline]
    pub fn now(&self) -> u64 {
        self.now
    }

    /// The time at this very moment.
    #[inline]
    pub fn read(&self) -> u64 {
        nanoseconds(self.origin.elapsed())
    }

    /// What follows is dated with this very moment.
    pub fn catch_up(&mut self) {
        self.now = self.read();
    }

    /// Every callback begins with this.
    #[inline]
    pub fn begin_callback(&mut self, net: &Net) {
        if !std::mem::replace(&mut self.has_worked, true) {
            self.now = self.now.max(self.of(net.now()));
        }
    }

    /// How long the turn took that ends now; none where no callback ran in it.
    pub fn end_turn(&mut self) -> Option<u64> {
        std::mem::take(&mut self.has_worked).then(|| self.read().saturating_sub(self.now))
    }

    /// What had come by then has been read. A deadline is judged by no later time, or a pause of our own would be charged
    /// to the server.
    pub fn heard_until(&self, net: &Net) -> u64 {
        self.of(net.heard_until())
    }

    #[inline]
    fn of(&self, instant: Instant) -> u64 {
        nanoseconds(instant.saturating_duration_since(self.origin))
    }
}

#[inline]
pub fn nanoseconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos().into())
}
