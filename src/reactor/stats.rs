//! Plain counters of what a reactor did.

use std::time::Duration;

/// What happened since the reactor was made; all of them only grow, except the one that says what is alive now.
///
/// Taken with [`Net::stats`](crate::Net::stats) or [`Reactor::stats`](crate::Reactor::stats): a copy, so that two snapshots can be subtracted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Turns of the loop.
    pub turns: u64,
    /// Events that the poller handed out.
    pub events: u64,
    /// Events whose source was already gone; dropped.
    pub stale_events: u64,
    /// Calls on an id that named nothing any more; they did nothing.
    pub dead_ids: u64,
    /// Calls that made a source known to the poller, or changed what it waits for.
    pub registrations: u64,
    /// Streams alive now, closing ones included.
    pub connections: u64,
    /// The most that were alive at once.
    pub connections_peak: u64,
    /// Streams that got their `opened`.
    pub opened: u64,
    /// Streams that got their `closed`.
    pub closed: u64,
    /// Connections of our own that did not come about.
    pub connect_failures: u64,
    /// Calls of accept(2), failed ones included.
    pub accept_calls: u64,
    /// Clients accepted and at once dropped because the process was out of descriptors.
    pub shed: u64,
    /// Accepts that failed otherwise (a client that left the backlog, for one).
    pub accept_errors: u64,
    /// Calls that read from a stream.
    pub reads: u64,
    /// Calls that wrote to a stream.
    pub writes: u64,
    /// Bytes read from streams, discarded ones included.
    pub bytes_in: u64,
    /// Bytes that the kernel took from us on streams.
    pub bytes_out: u64,
    /// Datagrams received.
    pub datagrams_in: u64,
    /// Datagrams that the kernel took from us.
    pub datagrams_out: u64,
    /// Datagrams that the kernel refused, dropped.
    pub datagrams_refused: u64,
    /// Datagrams longer than the receive buffer, handed on with `truncated` set.
    pub datagrams_truncated: u64,
    /// Errors met while receiving datagrams (an earlier answer was refused by its receiver, for one).
    pub datagram_errors: u64,
    /// Timers fired, the handler's own.
    pub timeouts: u64,
    /// Turns whose earliest timer fired 10 ms late or later: the process was stopped, or a callback or the load held the
    /// loop up.
    pub late_turns: u64,
    /// The latest that a turn's earliest timer ever fired.
    pub longest_delay: Duration,
    /// Commands taken from other threads.
    pub commands: u64,
    /// Panics caught, in callbacks and below them.
    pub panics: u64,
}
