//! The reactor: one turn after another.

use crate::reactor::address::Address;
use crate::reactor::address::parse::IntoAddress;
use crate::reactor::drain::DrainReport;
use crate::reactor::events::Readiness;
use crate::reactor::guarded;
use crate::reactor::handler::Handler;
use crate::reactor::ids::{DatagramId, ListenerId, SourceId};
use crate::reactor::limits::Limits;
use crate::reactor::net::{Net, Source};
use crate::reactor::remote::Command;
use crate::reactor::slots::Key;
use crate::reactor::stats::Stats;
use crate::reactor::stream::receive::RECORD;
use crate::reactor::sys::{EDGE_TRIGGERED, Events, Poller, ReceiveBatch};
use crate::reactor::timers::Tick;
use std::io;
#[cfg(not(mio_unsupported_force_poll_poll))]
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

/// Events taken from the poller in one turn.
pub(super) const EVENTS: usize = 1024;

/// An event loop. It belongs to one thread at a time, and may be moved to another.
///
/// Each turn goes through these phases:
///
/// - *wait* for events, at the longest until the next deadline, and then read the *clock*, once;
/// - *dispatch*: hand each event to its source, which works within its budget;
/// - *ready list*: serve the sources that stopped early in the turn before;
/// - *commands*: do what other threads have asked for;
/// - *timers*: fire those that are due;
/// - *drain*: go on with a drain that was asked for;
/// - *flush* every outbox that was touched;
/// - *report* what closed, and free it;
/// - *last pass*: write what the callbacks of flush and report have sent, and call nobody.
///
/// Input comes before deadlines: a timer fires, and silence, a stall or a connect is judged, only once whatever had arrived
/// by its deadline has been handed on. So a process that was stopped, or held up in a callback, hears what came in time
/// before it is told that time is up; it may take several turns, where more than one batch of events is due. What a flood
/// can gain by it is bounded: by as many events as there are sources, and by as long again as the loop was late.
pub struct Reactor {
    net: Net,
    events: Events,
    buffers: Buffers,
    batch_was_full: bool,
}

/// Where input is read to; shared by all sources, since only one is served at a time.
pub(super) struct Buffers {
    stream: Vec<u8>,
    datagrams: ReceiveBatch,
}

impl Reactor {
    /// A reactor with the default [`Limits`].
    ///
    /// # Errors
    ///
    /// The operating system's, when it has no descriptor left for the poller, its waker or its timer.
    pub fn new() -> io::Result<Reactor> {
        Reactor::with_limits(Limits::default())
    }

    /// A reactor with limits of your own.
    ///
    /// # Errors
    ///
    /// As [`new`](Reactor::new).
    pub fn with_limits(limits: Limits) -> io::Result<Reactor> {
        let net = Net::new(limits.sane())?;
        // The system gives memory only to the part that is used.
        let buffers = Buffers { stream: vec![0; RECORD], datagrams: ReceiveBatch::new() };
        Ok(Reactor { net, events: Events::with_capacity(EVENTS), buffers, batch_was_full: false })
    }

    /// Turns until [`Net::stop`] (then the answer is `None`) or until a [`Net::drain`] has nothing left (then it is
    /// the report). Either way it can be called again, with what is still open or is opened then.
    ///
    /// # Errors
    ///
    /// Only those of the poller itself. What happens to a connection, a datagram or an accept ends no loop.
    pub fn run<H: Handler + ?Sized>(&mut self, handler: &mut H) -> io::Result<Option<DrainReport>> {
        let mut is_quiet = false;
        self.net.has_drained = false;
        while !self.net.is_stopped {
            // After a quiet turn there is nothing to ask: only callbacks have had the network.
            let timeout = if is_quiet { None } else { self.net.wait_limit(None)? };
            is_quiet = self.take_turn(handler, timeout)?;
            if self.net.has_drained {
                self.net.is_stopped = false;
                return Ok(self.drained());
            }
        }
        self.net.is_stopped = false;
        Ok(None)
    }

    /// Takes one turn. It waits at most `max_wait` for something to do; `None`: for as long as it takes;
    /// `Some(Duration::ZERO)`: not at all.
    ///
    /// # Errors
    ///
    /// As [`run`](Reactor::run).
    pub fn turn<H: Handler + ?Sized>(
        &mut self,
        handler: &mut H,
        max_wait: Option<Duration>,
    ) -> io::Result<()> {
        self.net.now = self.net.clock.now(); // What is due now is to fire now: this turn's look at the poller is later.
        let timeout = self.net.wait_limit(max_wait)?;
        self.take_turn(handler, timeout).map(|_| ())
    }

    /// Goes through the phases; whether they left nothing to do, so that the next turn may wait without limit.
    #[inline(always)]
    fn take_turn<H: Handler + ?Sized>(
        &mut self,
        handler: &mut H,
        timeout: Option<Duration>,
    ) -> io::Result<bool> {
        let Reactor { net, events, buffers, batch_was_full } = self;
        net.poller.wait(events, timeout)?;
        let before = std::mem::replace(&mut net.now, net.clock.now());
        net.stats.turns += 1;
        // Dispatch and the ready list share a loop, so that `dispatch` has one caller.
        let (mut batch, mut count) = (events.iter(), 0);
        let mut stopped_early = net.ready_list.len();
        loop {
            let (key, readiness) = if let Some((key, readiness)) = batch.next() {
                count += 1;
                (Key(key), readiness)
            } else if let Some(key) = net.next_ready(&mut stopped_early) {
                (key, Readiness::AGAIN)
            } else {
                break;
            };
            net.contained(key, |net| net.dispatch(handler, key, readiness, buffers));
        }
        net.stats.events += count as u64;
        *batch_was_full = count == EVENTS;
        if net.timers.next() > net.now && !net.work_waits() {
            return net.arm_timer().map(|()| EDGE_TRIGGERED); // Most turns end here: nothing waits, and no timer is due.
        }
        if net.commands_wait {
            net.take_commands(handler);
        }
        if net.timers.next() <= net.now && net.timers_may_fire(before, *batch_was_full) {
            net.fire_timers(handler);
        }
        if net.drain_waits {
            net.go_on_with_drain(handler);
        }
        if net.output_waits() {
            net.flush(handler);
        }
        if !net.closed_list.is_empty() {
            net.report_closed(handler);
        }
        if !net.refused_datagrams.is_empty() {
            net.report_refused_datagrams(handler);
        }
        if net.output_waits() {
            net.last_pass();
        }
        net.arm_timer().map(|()| false)
    }

    /// The network, between turns: the same surface that callbacks are lent. What is asked for here is done once
    /// the next `turn` returns.
    pub fn net(&mut self) -> &mut Net {
        self.net.now = self.net.clock.now(); // Much time may have passed since the last turn.
        &mut self.net
    }

    /// [`Net::listen`], for the first line of a program.
    ///
    /// # Errors
    ///
    /// As [`Net::listen`].
    pub fn listen(&mut self, address: impl IntoAddress) -> io::Result<ListenerId> {
        self.net.listen(address)
    }

    /// [`Net::bind`], for the first line of a program.
    ///
    /// # Errors
    ///
    /// As [`Net::bind`].
    pub fn bind(&mut self, address: impl IntoAddress) -> io::Result<DatagramId> {
        self.net.bind(address)
    }

    /// [`Net::local_addr`].
    ///
    /// # Errors
    ///
    /// As [`Net::local_addr`].
    pub fn local_addr(&self, id: impl Into<SourceId>) -> io::Result<Address> {
        self.net.local_addr(id)
    }

    /// What happened so far.
    pub fn stats(&self) -> Stats {
        self.net.stats()
    }

    /// When a turn has something to do even if the poller's descriptor stays silent: *now* while work is left from
    /// the last turn, else the next timer's deadline. A host that waits on the descriptor needs only the *now*,
    /// since the timer makes the descriptor readable: one that was set between turns, from the next turn on.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.batch_was_full || self.net.work_waits() || !self.net.inbox.is_empty() {
            return Some(self.net.clock.now_as_instant());
        }
        Some(self.net.timers.next()).filter(|tick| *tick < Tick::MAX).map(|tick| self.net.clock.instant(tick))
    }

    /// The report of the last drain, once it has nothing left; `None` before, and while another goes on.
    pub fn drained(&self) -> Option<DrainReport> {
        self.net.drained
    }
}

/// The poller's descriptor, for a host's own loop: it is readable when `turn(handler, Some(Duration::ZERO))` has
/// something to do, timers included.
#[cfg(not(mio_unsupported_force_poll_poll))]
impl AsFd for Reactor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.net.poller.as_fd()
    }
}

#[cfg(not(mio_unsupported_force_poll_poll))]
impl AsRawFd for Reactor {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// The phases of a turn.
impl Net {
    /// Whether something is left to do that no event will announce.
    #[inline]
    fn work_waits(&self) -> bool {
        // Every turn asks, so that all of them make one branch.
        !self.ready_list.is_empty()
            | !self.closed_list.is_empty()
            | !self.refused_datagrams.is_empty()
            | self.output_waits()
            | self.commands_wait
            | self.drain_waits
    }

    #[inline]
    fn output_waits(&self) -> bool {
        !self.flush_list.is_empty() | (self.datagram_batch.len() > 0)
    }

    /// How long the turn may wait, with regard to what was asked for between turns.
    #[inline]
    fn wait_limit(&mut self, max_wait: Option<Duration>) -> io::Result<Option<Duration>> {
        if !EDGE_TRIGGERED && !self.inbox.is_empty() {
            self.commands_wait = true; // mio's poll(2) selector loses a wake-up when a source is registered after it.
        }
        self.arm_timer()?;
        Ok(if self.work_waits() { Some(Duration::ZERO) } else { max_wait })
    }

    /// The next of those that were on the ready list when the turn began.
    #[inline]
    fn next_ready(&mut self, left: &mut usize) -> Option<Key> {
        *left = left.checked_sub(1)?;
        self.ready_list.pop_front()
    }

    /// Hands one event to its source. **I1** One whose source is gone is counted and dropped.
    ///
    /// What most events want is inlined here, from the look-up to the write; the rest is out of line. It stays so
    /// while this has one caller.
    #[inline(always)]
    pub(super) fn dispatch<H: Handler + ?Sized>(
        &mut self,
        handler: &mut H,
        key: Key,
        readiness: Readiness,
        buffers: &mut Buffers,
    ) {
        if !self.serve_stream(handler, key, readiness, &mut buffers.stream) {
            self.serve_other_source(handler, key, readiness, &mut buffers.datagrams);
        }
    }

    #[inline(never)]
    fn serve_other_source<H: Handler + ?Sized>(
        &mut self,
        handler: &mut H,
        key: Key,
        readiness: Readiness,
        batch: &mut ReceiveBatch,
    ) {
        let is_again = readiness.has(Readiness::AGAIN);
        match self.sources.get_mut(key) {
            Some(Source::Listener(listener)) if is_again => {
                listener.queued = false;
                self.accept_clients(handler, key);
            }
            Some(Source::Listener(listener)) => {
                if !listener.queued && self.timers.deadline(listener.timer).is_none() {
                    self.accept_clients(handler, key);
                }
            }
            Some(Source::Datagrams(datagrams)) if is_again => {
                datagrams.queued = false;
                self.receive_datagrams(handler, key, batch);
            }
            Some(Source::Datagrams(_)) => self.datagrams_event(handler, key, readiness, batch),
            Some(Source::Watched(_)) => self.watched_event(handler, key, readiness),
            Some(Source::Dial(dial)) => {
                dial.queued &= !is_again;
                self.dial_event(handler, key);
            }
            Some(Source::Stream(_)) => {}
            None if is_again => {} // It was closed in the meantime.
            None if key.0 == Poller::WAKER => self.commands_wait = true,
            None if key.0 == Poller::TIMER => self.timer_event(),
            None => self.stats.stale_events += 1,
        }
    }

    fn take_commands<H: Handler + ?Sized>(&mut self, handler: &mut H) {
        let (commands, more) = self.inbox.take(self.limits.commands);
        self.commands_wait = more;
        self.stats.commands += commands.len() as u64;
        for command in commands {
            match command {
                Command::Send(conn, bytes) => self.contained(conn.0, |net| {
                    let _ = net.send(conn, &bytes);
                }),
                Command::Message(message) => drop(guarded(self, |net| handler.message(net, message))),
                Command::Close(conn) => drop(self.close(conn)),
                Command::CloseListener(listener) => drop(self.close_listener(listener)),
                Command::Drain(timeout) => self.drain(timeout),
                Command::Stop => self.stop(),
                Command::Resolved(dial, result) => {
                    self.contained(dial, |net| net.dial_resolved(dial, result))
                }
            }
        }
    }
}
