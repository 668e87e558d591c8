//! The orderly end: accept what waits, answer what was read, flush, close.

use super::handler::Handler;
use super::listener::REST;
use super::net::{Net, Source};
use super::slots::Key;
use super::timers::{Purpose, Tick, ticks};
use std::time::Duration;

/// How a drain went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DrainReport {
    /// Streams that closed while it lasted.
    pub closed: u64,
    /// Of those, streams that were cut because the time was up: they had not been closed or flushed.
    pub cut: u64,
    /// How long it took.
    pub took: Duration,
}

pub(crate) struct Drain {
    started: Tick,
    closed_before: u64,
    cut: u64,
    has_begun: bool,
    timer: Key,
    deadline: Tick,
}

impl Net {
    pub(super) fn begin_drain(&mut self, timeout: Duration) {
        let now = self.clock.now();
        let deadline = now.saturating_add(ticks(timeout));
        match &mut self.drain {
            Some(drain) if deadline < drain.deadline => {
                drain.deadline = deadline;
                self.timers.reset(drain.timer, deadline);
            }
            Some(_) => {}
            None => {
                let timer = self.timers.set(deadline, 0, Purpose::Drain).unwrap_or(Key::NONE);
                let closed_before = self.stats.closed;
                self.drain =
                    Some(Drain { started: now, closed_before, cut: 0, has_begun: false, timer, deadline });
                self.drain_waits = true;
            }
        }
    }

    #[inline]
    pub(super) fn is_draining(&self) -> bool {
        self.drain.as_ref().is_some_and(|drain| drain.has_begun)
    }

    /// Asks every stream to come to its end, and has every listener and datagram socket served once more: they
    /// close when nothing waits in them.
    pub(super) fn start_drain<H: Handler + ?Sized>(&mut self, handler: &mut H) {
        let Some(drain) = self.drain.as_mut().filter(|drain| !drain.has_begun) else { return };
        drain.has_begun = true;
        self.drain_waits = false;
        let keys: Vec<Key> = self.sources.iter().map(|(key, _)| key).collect();
        for key in keys {
            match self.sources.get(key) {
                Some(Source::Stream(_)) => self.contained(key, |net| net.ask_to_end(handler, key)),
                Some(Source::Listener(_) | Source::Datagrams(_)) => self.enqueue(key),
                Some(Source::Dial(_)) => drop(self.give_up_dial(key)),
                Some(Source::Watched(_)) | None => {}
            }
        }
    }

    /// The time is up; and whatever a handler opens from now on has no time left either.
    pub(super) fn drain_timeout(&mut self) {
        if self.drained().is_none() {
            self.timers.set(self.clock.now() + ticks(REST), 0, Purpose::Drain);
        }
        let keys: Vec<Key> = self.sources.iter().map(|(key, _)| key).collect();
        let mut cut = 0;
        for key in keys {
            cut += self.cut(key) as u64;
            self.give_up_dial(key);
            self.free_listener(key);
            self.free_datagrams(key);
        }
        if let Some(drain) = &mut self.drain {
            drain.cut += cut;
        }
    }

    /// The report, once nothing is left to drain.
    pub(super) fn drained(&self) -> Option<DrainReport> {
        let drain = self.drain.as_ref().filter(|drain| drain.has_begun)?;
        let is_done = self.stats.connections == 0 && self.listeners == 0 && self.datagram_sockets == 0;
        is_done.then(|| DrainReport {
            closed: self.stats.closed - drain.closed_before,
            cut: drain.cut,
            took: Duration::from_nanos(self.clock.now().saturating_sub(drain.started)),
        })
    }
}
