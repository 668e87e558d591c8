//! The orderly end: accept what waits, answer what was read, flush, close.

use crate::reactor::handler::Handler;
use crate::reactor::ids::ConnId;
use crate::reactor::net::{Net, Source};
use crate::reactor::slots::Key;
use crate::reactor::stream::flags::READABLE;
use crate::reactor::timers::{Purpose, Tick, ticks};
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

/// How soon after the time is up what was opened since is cut as well.
const CUT_AGAIN: Duration = Duration::from_millis(100);

pub(crate) struct Drain {
    started: Tick,
    closed_before: u64,
    cut: u64,
    has_begun: bool,
    timer: Key,
    deadline: Tick,
    /// Streams that have yet to be read once more.
    to_read: Vec<Key>,
    /// Streams that will have been read once more by the end of this turn, and are to be asked to come to their end.
    to_ask: Vec<Key>,
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
                self.drain = Some(Drain {
                    started: now,
                    closed_before,
                    cut: 0,
                    has_begun: false,
                    timer,
                    deadline,
                    to_read: Vec::new(),
                    to_ask: Vec::new(),
                });
                self.drain_waits = true;
                self.drained = None;
            }
        }
    }

    #[inline]
    pub(super) fn is_draining(&self) -> bool {
        self.drain.as_ref().is_some_and(|drain| drain.has_begun)
    }

    /// The drain phase of a turn. When a drain begins, every stream, listener and datagram socket is served once more.
    /// Listeners and datagram sockets close when nothing waits in them; streams are asked to come to their end a turn later.
    pub(super) fn go_on_with_drain<H: Handler + ?Sized>(&mut self, handler: &mut H) {
        self.drain_waits = false; // The drain may also have ended before its streams could be asked.
        let Some(drain) = self.drain.as_mut() else { return };
        if !std::mem::replace(&mut drain.has_begun, true) {
            let keys: Vec<Key> = self.sources.iter().map(|(key, _)| key).collect();
            for key in keys {
                match self.sources.get_mut(key) {
                    Some(Source::Stream(_)) => self.ask_stream_to_end_soon(key),
                    Some(Source::Listener(listener)) => {
                        // A backlog is a queue: behind so many there is nobody who waits already.
                        listener.waiting =
                            listener.socket.waiting().unwrap_or(self.limits.backlog as usize + 1);
                        self.enqueue_source(key);
                    }
                    Some(Source::Datagrams(_)) => self.enqueue_source(key),
                    Some(Source::Dial(_)) => drop(self.give_up_dial(key)),
                    Some(Source::Watched(_)) | None => {}
                }
            }
        }
        let Some(drain) = self.drain.as_mut() else { return };
        let was_read = std::mem::replace(&mut drain.to_ask, std::mem::take(&mut drain.to_read));
        self.drain_waits = !drain.to_ask.is_empty();
        for key in was_read {
            self.contained(key, |net| net.ask_stream_to_end(handler, key));
        }
        self.look_for_end_of_drain();
    }

    /// Has a stream read in the next turn, event or not, and asked to come to its end after that: what its peer sent
    /// in time lies in the socket already, and is answered.
    pub(super) fn ask_stream_to_end_soon(&mut self, key: Key) {
        let (Some(Source::Stream(conn)), Some(drain)) = (self.sources.get_mut(key), &mut self.drain) else {
            return;
        };
        if !conn.state.is_opened() {
            return; // It is asked as soon as its `opened` is told.
        }
        conn.state.flags.set(READABLE);
        drain.to_read.push(key);
        self.drain_waits = true;
        self.enqueue_source(key);
    }

    fn ask_stream_to_end<H: Handler + ?Sized>(&mut self, handler: &mut H, key: Key) {
        if self.stream(key).is_some_and(|conn| conn.state.is_heard_of()) {
            self.call_for_stream(key, |net| handler.draining(net, ConnId(key)));
        }
    }

    /// The time is up; and whatever a handler opens from now on has no time left either.
    pub(super) fn drain_timeout(&mut self) {
        let again = self.timers.set(self.clock.now() + ticks(CUT_AGAIN), 0, Purpose::Drain);
        let keys: Vec<Key> = self.sources.iter().map(|(key, _)| key).collect();
        let mut cut = 0;
        for &key in &keys {
            cut += self.cut_stream(key) as u64;
            self.give_up_dial(key);
        }
        if let Some(drain) = &mut self.drain {
            drain.cut += cut;
            drain.timer = again.unwrap_or(Key::NONE);
        }
        for key in keys {
            self.free_listener(key);
            self.free_datagrams(key);
        }
    }

    /// Ends a drain that has nothing left: its report is made, and the reactor is as it was, so that what is opened from
    /// then on lives. This is called whenever something was freed.
    #[inline]
    pub(super) fn look_for_end_of_drain(&mut self) {
        if self.drain.is_some() {
            self.end_drain_if_done();
        }
    }

    #[cold]
    fn end_drain_if_done(&mut self) {
        let is_done = self.stats.connections == 0 && self.listeners == 0 && self.datagram_sockets == 0;
        let Some(drain) = self.drain.take_if(|drain| drain.has_begun && is_done) else { return };
        self.timers.cancel(drain.timer);
        self.drained = Some(DrainReport {
            closed: self.stats.closed - drain.closed_before,
            cut: drain.cut,
            took: Duration::from_nanos(self.clock.now().saturating_sub(drain.started)),
        });
        self.has_drained = true;
        self.drain_waits = false;
    }
}
