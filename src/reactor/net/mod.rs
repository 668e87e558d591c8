//! The only door to the network.

pub(crate) mod adopt;
pub(crate) mod open;

use crate::reactor::address::parse::IntoAddress;
use crate::reactor::address::{Address, PeerAddr};
use crate::reactor::datagram::Datagrams;
use crate::reactor::dial::Dial;
use crate::reactor::dial::resolver::Resolver;
use crate::reactor::drain::{Drain, DrainReport};
use crate::reactor::handler::Origin;
use crate::reactor::hearing::Hearing;
use crate::reactor::ids::{ConnId, TimerId};
use crate::reactor::limits::Limits;
use crate::reactor::listener::{Listener, Spare};
use crate::reactor::remote::{Inbox, Remote};
use crate::reactor::slots::{Key, Slots};
use crate::reactor::socket;
use crate::reactor::stats::Stats;
use crate::reactor::stream::send::WrittenThrough;
use crate::reactor::stream::{Connection, READ};
use crate::reactor::sys::{SendBatch, TimerFd};
use crate::reactor::timers::{Clock, Purpose, Tick, Timers, ticks};
use crate::reactor::warnings::Warnings;
use crate::reactor::watch::Watched;
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// What every callback is lent, and what [`Reactor::net`](crate::Reactor::net) lends between turns.
///
/// Every operation is legal from any callback, on any id. On an id that is dead it does nothing, says so in what it
/// returns, and is counted ([`Stats::dead_ids`]). Nothing here calls back: callbacks follow from the loop alone.
pub struct Net {
    pub(crate) poll: mio::Poll,
    pub(crate) timer_fd: TimerFd,
    /// What the timerfd is set to; `Tick::MAX` when to nothing.
    pub(crate) armed: Tick,
    /// Up to when input was taken in.
    pub(crate) hearing: Hearing,
    pub(crate) clock: Clock,
    /// The clock, read once a turn.
    pub(crate) now: Tick,
    pub(crate) limits: Limits,
    /// The most that one read takes from a stream: no more than the budget.
    pub(crate) read_most: usize,
    pub(crate) stats: Stats,
    pub(crate) sources: Slots<Source>,
    pub(crate) timers: Timers,
    /// Of the next look for silent streams, while there are streams.
    pub(crate) idle_timer: Key,
    /// When that look is due.
    pub(crate) idle_look_at: Tick,
    pub(crate) inbox: Inbox,
    pub(crate) commands_wait: bool,
    /// The threads that look names up, once there was one to look up.
    pub(crate) resolver: Option<Resolver>,
    /// Output of the stream being served; see `serve`.
    pub(crate) scratch: Vec<u8>,
    pub(crate) written_through: WrittenThrough,
    /// The stream for which the scratch is open.
    pub(crate) serving: Key,
    /// Sources that stopped before their edge was consumed.
    pub(crate) ready: VecDeque<Key>,
    /// Streams whose outbox or close wants attention in step 6.
    pub(crate) dirty: Vec<Key>,
    /// Streams to report and free in step 7, with what the system said where it ended them.
    pub(crate) dead: Vec<(Key, Option<io::Error>)>,
    pub(crate) stalled_listeners: Vec<Key>,
    pub(crate) outgoing: SendBatch,
    pub(crate) outgoing_on: Key,
    /// What connected datagram sockets could not send, to be told in step 7.
    pub(crate) refusals: Vec<(Key, io::Error)>,
    pub(crate) spare: Spare,
    pub(crate) warnings: Warnings,
    pub(crate) listeners: usize,
    pub(crate) datagram_sockets: usize,
    pub(crate) drain: Option<Drain>,
    /// How the last drain went.
    pub(crate) drained: Option<DrainReport>,
    /// It has come to its end, and `run` has not returned since.
    pub(crate) has_drained: bool,
    /// A drain was asked for and has not been acted on.
    pub(crate) drain_waits: bool,
    pub(crate) is_stopped: bool,
}

/// Whatever the poller tells about.
pub(crate) enum Source {
    Stream(Connection),
    Listener(Box<Listener>),
    Datagrams(Box<Datagrams>),
    Watched(Box<Watched>),
    Dial(Box<Dial>),
}

/// What [`Net::info`] knows of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ConnInfo {
    /// Bytes read from it so far.
    pub bytes_in: u64,
    /// Bytes that the kernel took for it so far.
    pub bytes_out: u64,
    /// Bytes that wait to be taken.
    pub waiting: usize,
    /// How long ago it was opened, as of this turn.
    pub age: Duration,
}

/// Streams.
impl Net {
    /// Connects to `tcp://`, `unix:` or `unixpacket:`, as text or as an [`Address`]. The id is the connection's from now on; what
    /// became of it is told in a later turn, once: [`opened`](crate::Handler::opened), or
    /// [`connect_failed`](crate::Handler::connect_failed). What is sent before that is sent when it is opened, and what
    /// [`shutdown_write`](Net::shutdown_write), [`pause_reading`](Net::pause_reading) and [`limit_reads`](Net::limit_reads) ask
    /// for is done then.
    ///
    /// A host that is a name is looked up on a thread kept for that, never on the loop, and so many names at a time as
    /// [`Limits::resolvers`] says; its addresses are tried in
    /// turn, the families alternating and the next one starting after 250 ms, as in RFC 8305. The whole may take
    /// [`Limits::connect`]. [`close`](Net::close) and [`abort`](Net::abort) give it up.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for what cannot be connected to. Everything else is told to `connect_failed`.
    pub fn connect(&mut self, address: impl IntoAddress) -> io::Result<ConnId> {
        self.dial(address.into_stream_address()?, None)
    }

    /// [`connect`](Net::connect) from one of this machine's own addresses. Its port stays the system's choice, and is
    /// shared with connections to other targets: each pair of addresses has all ports to itself.
    ///
    /// # Errors
    ///
    /// As [`connect`](Net::connect), and `InvalidInput` for a Unix socket, which has no such address.
    pub fn connect_from(&mut self, source: IpAddr, address: impl IntoAddress) -> io::Result<ConnId> {
        let address = address.into_stream_address()?;
        if let Address::Unix(_) | Address::Unixpacket(_) = address {
            return Err(socket::without_source(&address));
        }
        self.dial(address, Some(source))
    }

    /// Closes in order: flushes what was sent, ends our side, discards input until the peer has ended its own
    /// ([`Limits::linger`] at the most), and closes; at once where nothing is unread and nothing unsent. The handler
    /// hears no more of the connection but `closed`. Returns whether there was an open connection.
    pub fn close(&mut self, conn: ConnId) -> bool {
        self.give_up_dial(conn.0) || self.begin_close(conn.0, crate::reactor::CloseReason::ByUs)
    }

    /// Closes with a reset: what was not yet taken by the peer is lost. Returns whether there was a connection.
    pub fn abort(&mut self, conn: ConnId) -> bool {
        if self.give_up_dial(conn.0) {
            return true;
        }
        let is_live = self.live_stream(conn.0).is_some();
        self.kill(conn.0, crate::reactor::CloseReason::ByUs, true);
        is_live
    }

    /// Ends our side after what was sent is flushed; input is still read. Once the peer has ended its side as well, the
    /// connection is closed. Returns whether our side was open.
    pub fn shutdown_write(&mut self, conn: ConnId) -> bool {
        self.begin_half_close(conn.0)
    }

    /// Stops reading from a connection; what arrives waits in the kernel, and in the end at the peer. Takes effect
    /// with the next read. A reset is heard of all the same, and ends the connection with what was not read. The reactor's
    /// own pause, at the high mark, is another one: reading needs both to be over.
    pub fn pause_reading(&mut self, conn: ConnId) -> bool {
        self.pause(conn.0, true)
    }

    /// Reads again after [`pause_reading`](Net::pause_reading), from the next turn on.
    pub fn resume_reading(&mut self, conn: ConnId) -> bool {
        self.pause(conn.0, false)
    }

    /// Reads at most `bytes` at a time from this connection (at least one; at most
    /// [`Limits::read_budget`] in any case).
    pub fn limit_reads(&mut self, conn: ConnId, bytes: usize) -> bool {
        self.limit_read(conn.0, bytes)
    }

    /// What is known of a connection; `None` when it is gone.
    pub fn info(&self, conn: ConnId) -> Option<ConnInfo> {
        let stream = self.stream(conn.0)?;
        Some(ConnInfo {
            bytes_in: stream.bytes_in,
            bytes_out: stream.bytes_out,
            waiting: self.waiting(conn),
            age: Duration::from_nanos(self.now.saturating_sub(stream.born)),
        })
    }

    /// Where a connection came from; `None` when it is gone.
    pub fn origin(&self, conn: ConnId) -> Option<Origin> {
        self.stream(conn.0).map(Connection::origin)
    }

    /// The address of the peer.
    ///
    /// # Errors
    ///
    /// `NotConnected` when the connection is gone or was reset.
    pub fn peer_addr(&self, conn: ConnId) -> io::Result<PeerAddr> {
        self.stream(conn.0).ok_or(io::ErrorKind::NotConnected)?.socket.peer()
    }

    /// Every stream that is alive, closing ones included, in no stated order.
    pub fn connections(&self) -> impl Iterator<Item = ConnId> {
        self.sources
            .iter()
            .filter(|(_, source)| matches!(source, Source::Stream(_)))
            .map(|(key, _)| ConnId(key))
    }
}

/// Time, other threads, the loop itself.
impl Net {
    /// Has `timeout` called with `key` once, `after` from now or later, never earlier. The clock is read here, so
    /// that a callback that took long does not shorten the wait. Input that arrived before the time was up is handed on
    /// before the timer fires, even where the loop was held up or the process stopped.
    ///
    /// # Panics
    ///
    /// With more than 16.7 million timers pending.
    pub fn set_timer(&mut self, after: Duration, key: u64) -> TimerId {
        self.add_timer(after, 0, key)
    }

    /// Has `timeout` called with `key` every `period` (at least 1 us), from one period on. Ticks that were missed
    /// are skipped, and the phase is kept.
    ///
    /// # Panics
    ///
    /// With more than 16.7 million timers pending.
    pub fn set_interval(&mut self, period: Duration, key: u64) -> TimerId {
        let period = period.max(Duration::from_micros(1));
        self.add_timer(period, ticks(period), key)
    }

    fn add_timer(&mut self, after: Duration, period: Tick, key: u64) -> TimerId {
        // Later than the turn's own reading in any case: step 5 fires only what was set before the turn.
        let now = self.clock.now().max(self.now + 1);
        let timer = self.timers.set(now.saturating_add(ticks(after)), period, Purpose::User(key));
        TimerId(timer.expect("fewer than 16.7 million timers"))
    }

    /// Cancels a timer and frees it. Returns whether it was pending.
    pub fn cancel_timer(&mut self, timer: TimerId) -> bool {
        self.timers.cancel(timer.0)
    }

    /// The time, as this turn read it.
    #[inline]
    pub fn now(&self) -> Instant {
        self.clock.instant(self.now)
    }

    /// Up to when input has been taken in, as far as reading is not paused: what a handler has not heard of by then had
    /// not arrived by then. In [`timeout`](crate::Handler::timeout), judge deadlines of your own by it and not by
    /// [`now`](Net::now), where the difference matters: what came after it may still wait to be read.
    pub fn heard_until(&self) -> Instant {
        self.clock.instant(self.hearing.until)
    }

    /// A handle on this reactor for other threads.
    pub fn remote(&self) -> Remote {
        self.inbox.remote()
    }

    /// Ends in order, from the end of this turn on: every listener accepts what waits in its backlog and closes,
    /// every connection and datagram socket is read once more; then connections are asked to come to their end
    /// ([`draining`](crate::Handler::draining)), and datagram sockets close. What is left after `timeout` is cut, and what is
    /// opened meanwhile closes as well. At [`Limits::connections`](crate::Limits::connections) those who waited in the backlog
    /// when it began are served as places become free, and who comes later is not waited for. A second call can only shorten
    /// the time. Timers and watched descriptors stay. Once nothing is left, and [`run`](crate::Reactor::run) has returned the
    /// report, the reactor can be used anew.
    pub fn drain(&mut self, timeout: Duration) {
        self.begin_drain(timeout);
    }

    /// Has [`run`](crate::Reactor::run) return after this turn, whatever is still open.
    pub fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// What happened so far.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// The bounds in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Changes the bounds from now on, for the connections there are as well. The size of the command queue stays as it
    /// was when the reactor was made, and an open listener keeps its backlog.
    pub fn set_limits(&mut self, limits: Limits) {
        if self.serving != Key::NONE {
            self.end_service(self.serving); // what was said of its output went by the old marks
        }
        let command_queue = self.limits.command_queue;
        self.limits = Limits { command_queue, ..limits.sane() };
        self.read_most = self.limits.read_budget.min(READ);
        self.resume_listeners();
        self.review_streams();
    }
}
