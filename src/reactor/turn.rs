//! The reactor: one turn after another.

use super::EDGE_TRIGGERED;
use super::address::{Address, AddressError};
use super::drain::DrainReport;
use super::guarded;
use super::handler::{Handler, Readiness};
use super::ids::{ListenerId, SourceId, TimerId, UdpId};
use super::limits::Limits;
use super::listener::Spare;
use super::net::{Net, Source};
use super::remote::{Command, Inbox};
use super::slots::{Key, Slots};
use super::stats::Stats;
use super::sys::{ReceiveBatch, SendBatch, TimerFd};
use super::timers::{Clock, Purpose, Tick, Timers};
use mio::event::Source as _;
use mio::unix::SourceFd;
use mio::{Interest, Token};
use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

/// Events taken from the poller in one turn.
const EVENTS: usize = 1024;
/// These fit no slot: generations start at one.
const WAKER: Token = Token(0);
const TIMER: Token = Token(1);

/// An event loop. It belongs to one thread at a time, and may be moved to another.
///
/// Each turn takes seven steps:
///
/// 1. wait for events, at the longest until the next deadline;
/// 2. read the clock, once;
/// 3. hand each event to its source, which works within its budget;
/// 4. serve the sources that stopped early in the turn before;
/// 5. fire the timers that are due, and take the commands of other threads;
/// 6. flush every outbox that was touched;
/// 7. report and free what closed.
///
/// What the callbacks of 6 and 7 send is written in a last pass that calls nobody.
pub struct Reactor {
    net: Net,
    events: mio::Events,
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
        let (limits, clock) = (limits.sane(), Clock::new());
        let poll = mio::Poll::new()?;
        let timer_fd = TimerFd::new()?;
        poll.registry().register(&mut SourceFd(&timer_fd.fd()), TIMER, Interest::READABLE)?;
        let inbox = Inbox::new(mio::Waker::new(poll.registry(), WAKER)?, limits.command_queue);
        let buffers =
            Buffers { stream: vec![0; limits.read_budget.min(64 * 1024)], datagrams: ReceiveBatch::new() };
        let net = Net {
            poll,
            timer_fd,
            armed: Tick::MAX,
            now: clock.now(),
            clock,
            limits,
            stats: Stats::default(),
            sources: Slots::new(),
            timers: Timers::new(),
            idle_timer: Key::NONE,
            inbox,
            commands_wait: false,
            resolver: None,
            scratch: Vec::new(),
            serving: Key::NONE,
            ready: VecDeque::new(),
            dirty: Vec::new(),
            dead: Vec::new(),
            stalled_listeners: Vec::new(),
            outgoing: SendBatch::new(),
            outgoing_on: Key::NONE,
            refusals: Vec::new(),
            spare: Spare::new(),
            listeners: 0,
            datagram_sockets: 0,
            drain: None,
            drain_waits: false,
            is_stopped: false,
        };
        Ok(Reactor { net, events: mio::Events::with_capacity(EVENTS), buffers, batch_was_full: false })
    }

    /// Turns until [`Net::stop`] (then the answer is `None`) or until a [`Net::drain`] has nothing left (then it is
    /// the report).
    ///
    /// # Errors
    ///
    /// Only those of the poller itself. What happens to a connection, a datagram or an accept ends no loop (I8).
    pub fn run<H: Handler + ?Sized>(&mut self, handler: &mut H) -> io::Result<Option<DrainReport>> {
        let mut is_quiet = false;
        while !self.net.is_stopped {
            // After a quiet turn there is nothing to ask: only callbacks have had the network.
            let timeout = if is_quiet { None } else { self.net.timeout(None)? };
            is_quiet = self.take_turn(handler, timeout)?;
            if let Some(report) = self.drained() {
                return Ok(Some(report));
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
        let timeout = self.net.timeout(max_wait)?;
        self.take_turn(handler, timeout).map(|_| ())
    }

    /// Whether it left nothing to do, so that the next turn may wait without limit.
    #[inline(always)]
    fn take_turn<H: Handler + ?Sized>(
        &mut self,
        handler: &mut H,
        timeout: Option<Duration>,
    ) -> io::Result<bool> {
        let Reactor { net, events, buffers, batch_was_full } = self;
        net.wait(events, timeout)?; // 1
        net.now = net.clock.now(); // 2
        net.stats.turns += 1;
        let (mut batch, mut count) = (events.iter(), 0);
        let mut stopped_early = net.ready.len();
        loop {
            let (key, readiness) = if let Some(event) = batch.next() {
                count += 1;
                (Key(event.token().0 as u64), Readiness::of(event)) // 3
            } else if let Some(key) = net.next_again(&mut stopped_early) {
                (key, Readiness::AGAIN) // 4
            } else {
                break;
            };
            net.contained(key, |net| net.dispatch(handler, key, readiness, buffers));
        }
        net.stats.events += count as u64;
        *batch_was_full = count == EVENTS;
        if net.timers.next() > net.now && !net.work_waits() {
            return net.arm_timer().map(|()| EDGE_TRIGGERED); // As most turns end: the lists are empty, and no timer is due.
        }
        if net.timers.next() <= net.now {
            net.fire_timers(handler); // 5
        }
        if net.commands_wait {
            net.take_commands(handler);
        }
        if net.drain_waits {
            net.start_drain(handler);
        }
        if net.output_waits() {
            net.flush(handler); // 6
        }
        if !net.dead.is_empty() {
            net.report_closed(handler); // 7
        }
        if !net.refusals.is_empty() {
            net.report_refusals(handler);
        }
        if net.output_waits() {
            net.flush_quietly();
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
    pub fn listen<A>(&mut self, address: A) -> io::Result<ListenerId>
    where
        A: TryInto<Address>,
        AddressError: From<A::Error>,
    {
        self.net.listen(address)
    }

    /// [`Net::bind`], for the first line of a program.
    ///
    /// # Errors
    ///
    /// As [`Net::bind`].
    pub fn bind<A>(&mut self, address: A) -> io::Result<UdpId>
    where
        A: TryInto<Address>,
        AddressError: From<A::Error>,
    {
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

    /// When a turn has something to do even if the poller's descriptor stays silent: *now* while work is left from
    /// the last turn, else the next timer's deadline. A host that waits on the descriptor needs only the *now*,
    /// since the timer makes the descriptor readable.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.batch_was_full || self.net.work_waits() || !self.net.inbox.is_empty() {
            return Some(Instant::now());
        }
        Some(self.net.timers.next()).filter(|tick| *tick < Tick::MAX).map(|tick| self.net.clock.instant(tick))
    }

    /// The report of a drain that has nothing left; `None` before.
    pub fn drained(&self) -> Option<DrainReport> {
        self.net.drained()
    }
}

/// The poller's descriptor, for a host's own loop: it is readable when `turn(handler, Some(Duration::ZERO))` has
/// something to do, timers included.
#[cfg(not(mio_unsupported_force_poll_poll))]
impl std::os::fd::AsFd for Reactor {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.net.poll.registry().as_fd()
    }
}

#[cfg(not(mio_unsupported_force_poll_poll))]
impl std::os::fd::AsRawFd for Reactor {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.net.poll.as_raw_fd()
    }
}

/// The steps.
impl Net {
    /// Something is left to do that no event will announce.
    #[inline]
    fn work_waits(&self) -> bool {
        // One branch for all of them: no turn goes by without asking.
        !self.ready.is_empty()
            | !self.dead.is_empty()
            | !self.refusals.is_empty()
            | self.output_waits()
            | self.commands_wait
            | self.drain_waits
    }

    #[inline]
    fn output_waits(&self) -> bool {
        !self.dirty.is_empty() | (self.outgoing.len() > 0)
    }

    /// How long the turn may wait, with regard to what was asked for between turns.
    #[inline]
    fn timeout(&mut self, max_wait: Option<Duration>) -> io::Result<Option<Duration>> {
        if !EDGE_TRIGGERED && !self.inbox.is_empty() {
            self.commands_wait = true; // mio's poll(2) selector loses a wake-up when a source is registered after it.
        }
        self.arm_timer()?;
        Ok(if self.work_waits() { Some(Duration::ZERO) } else { max_wait })
    }

    #[inline]
    fn wait(&mut self, events: &mut mio::Events, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(events, timeout) {
            // A signal handler of the host's ran: an empty batch.
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            result => result,
        }
    }

    /// Sets the timerfd to the next deadline. At the end of a turn as well: a host does not wait here, but on the
    /// descriptor.
    #[inline]
    fn arm_timer(&mut self) -> io::Result<()> {
        let next = self.timers.next();
        if next < self.armed { self.arm(next) } else { Ok(()) }
    }

    #[cold]
    #[inline(never)]
    fn arm(&mut self, next: Tick) -> io::Result<()> {
        self.armed = next;
        self.timer_fd.arm(Duration::from_nanos(next.saturating_sub(self.clock.now())))
    }

    /// The next of those that were on the ready list when the turn began.
    #[inline]
    fn next_again(&mut self, left: &mut usize) -> Option<Key> {
        *left = left.checked_sub(1)?;
        self.ready.pop_front()
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
            self.serve_other(handler, key, readiness, &mut buffers.datagrams);
        }
    }

    #[inline(never)]
    fn serve_other<H: Handler + ?Sized>(
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
                self.accept(handler, key);
            }
            Some(Source::Listener(listener)) => {
                if !listener.queued && self.timers.deadline(listener.timer).is_none() {
                    self.accept(handler, key);
                }
            }
            Some(Source::Datagrams(datagrams)) if is_again => {
                datagrams.queued = false;
                self.receive(handler, key, batch);
            }
            Some(Source::Datagrams(_)) => self.datagrams_event(handler, key, readiness, batch),
            Some(Source::Watched(_)) => self.watched_event(handler, key, readiness),
            Some(Source::Dial(dial)) => {
                dial.queued &= !is_again;
                self.dial_event(handler, key);
            }
            Some(Source::Stream(_)) => {}
            None if is_again => {} // Closed in the meantime.
            None if key.token() == WAKER => self.commands_wait = true,
            None if key.token() == TIMER => self.timer_fd_event(),
            None => self.stats.stale_events += 1,
        }
    }

    /// The deadline that the timerfd was set to has come; `wait` sets the next one.
    fn timer_fd_event(&mut self) {
        self.armed = Tick::MAX;
        if !EDGE_TRIGGERED {
            self.timer_fd.clear();
            let _ = SourceFd(&self.timer_fd.fd()).reregister(self.poll.registry(), TIMER, Interest::READABLE);
        }
    }

    fn fire_timers<H: Handler + ?Sized>(&mut self, handler: &mut H) {
        for _ in 0..self.limits.timers {
            let Some((key, purpose)) = self.timers.due(self.now) else { return };
            match purpose {
                Purpose::User(user_key) => {
                    self.stats.timeouts += 1;
                    guarded(self, |net| handler.timeout(net, TimerId(key), user_key));
                }
                Purpose::Stream(stream) => self.contained(stream, |net| net.stream_timeout(stream)),
                Purpose::Idle => self.close_silent_streams(),
                Purpose::Dial(dial) => self.contained(dial, |net| net.dial_timeout(dial)),
                Purpose::Serve(source) => self.enqueue(source),
                Purpose::Drain => self.drain_timeout(),
            }
        }
    }

    fn take_commands<H: Handler + ?Sized>(&mut self, handler: &mut H) {
        let (commands, more) = self.inbox.take(self.limits.commands);
        self.commands_wait = more;
        self.stats.commands += commands.len() as u64;
        for command in commands {
            match command {
                Command::Send(conn, bytes) => drop(self.send(conn, &bytes)),
                Command::Message(message) => drop(guarded(self, |net| handler.message(net, message))),
                Command::Close(conn) => drop(self.close(conn)),
                Command::CloseListener(listener) => drop(self.close_listener(listener)),
                Command::Drain(timeout) => self.drain(timeout),
                Command::Stop => self.stop(),
                Command::Resolved(dial, result) => self.contained(dial, |net| net.resolved(dial, result)),
            }
        }
    }
}
