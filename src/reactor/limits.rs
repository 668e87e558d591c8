//! Every bound of the loop, with the reason for its default.

use std::time::Duration;

// **I4** Guards, all in `tests/reactor/fairness.rs`: `the_bounds_of_a_turn_hold_for_datagrams_accepts_timers_and_commands`,
// `a_flooding_client_does_not_starve_a_hundred_others`, `a_udp_flood_leaves_timers_and_tcp_running`.
/// Every loop and every queue of the reactor has a named bound; this is the list of them.
///
/// One fast peer must not own the thread, and no peer decides how much memory we use.
///
/// ```
/// let limits = hullo::Limits { connections: 100, ..hullo::Limits::default() };
/// let reactor = hullo::Reactor::with_limits(limits)?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Streams alive at once. At this number accepting stops and the rest wait in the backlog. Default 10,000:
    /// half of what one process is commonly allowed to open.
    pub connections: usize,
    /// Clients that the kernel completes handshakes with ahead of us, per listener. Default 4096, which is also
    /// Linux's own ceiling (`net.core.somaxconn`) since 5.4.
    pub backlog: u32,
    /// Bytes read from one connection in one turn, and the longest record (1 MiB at the most) that is taken. Default
    /// 64 KiB: what one read takes at the most.
    pub read_budget: usize,
    /// Clients accepted from one listener in one turn. Default 64.
    pub accepts: usize,
    /// Datagrams received from one socket in one turn. Default 256.
    pub datagrams: usize,
    /// Errors of sent datagrams that [`datagram_error`](crate::Handler::datagram_error) tells of in one turn. Further ones are
    /// only counted ([`Stats::datagrams_refused`](crate::Stats::datagrams_refused)). Default 256, like `datagrams`: whoever
    /// cannot be reached must not fill our memory with its errors.
    pub refusals: usize,
    /// Commands taken from other threads in one turn. Default 256.
    pub commands: usize,
    /// Commands from other threads that may wait; past it a [`Remote`](crate::Remote) is told "full". Fixed when
    /// the reactor is made. Default 65,536.
    pub command_queue: usize,
    /// Timers fired in one turn. Default 1024.
    pub timers: usize,
    /// Output waiting for one peer above which we stop reading from it. Default 64 KiB: a peer that does not take
    /// its answers gives up its right to ask. Two ends that both stop at a mark wait for each other: a client that sends
    /// without end before it reads wants a higher one.
    pub outbox_high: usize,
    /// Output waiting for one peer at which we read again, and tell [`output_low`](crate::Handler::output_low). Default 16 KiB: low
    /// enough that the peer is not switched on and off with every write.
    pub outbox_low: usize,
    /// Output waiting for one peer above which the next send is refused, after a flush was tried at once, and the peer cut
    /// off ([`OverCap`](crate::CloseReason::OverCap)). A send is taken whole where no more than this waits before it, so
    /// that one large answer never trips it, and a peer costs at the most this and one send. Default 1 MiB. It is met
    /// only where a handler sends on without regard to what waits; [`Net::send`](crate::Net::send) shows how not to.
    pub outbox_cap: usize,
    /// How long a connection may be silent in both directions before it is closed. Silence is judged only against input
    /// that was looked for, and the clock stands still while the handler has paused reading, and while the loop itself
    /// stood still, stopped or held up by a callback. It may take a sixteenth longer, and a millisecond at the least: one timer looks
    /// after all.
    /// Default 300 s; zero: never.
    pub idle: Duration,
    /// How long output may wait without one byte taken before the peer is cut off; it may take a tenth longer. Default
    /// 10 s; zero: never.
    pub write_stall: Duration,
    /// How long a connection of our own may take to come about, name look-up included. Default 10 s; zero: as long as
    /// the system tries.
    pub connect: Duration,
    /// How long a layer may take until it is open, the TLS handshake for one; of a connection of our own no longer than
    /// [`connect`](Limits::connect) leaves. Default 10 s; zero: for ever.
    pub handshake: Duration,
    /// Steps of handshakes in one turn: each may cost a signature, and so as much as a thousand messages. Default 16.
    pub handshakes: usize,
    /// Names looked up at the same time for connections of our own, each on a thread of its own, since getaddrinfo(3)
    /// blocks: for 10 s and more where a name server is silent. Further names wait for a thread, within the time that their
    /// connection has. A thread costs some 25 KiB of memory and 2 MiB of address space, and a descriptor while a server is
    /// asked; it is started when a name finds none idle, and ends after 10 s without a name. Default 16.
    pub resolvers: usize,
    /// How long a listener or a datagram socket is left alone when the system has no descriptor or no memory for it, or each
    /// call on it fails. Default 100 ms: ten tries a second cost next to nothing, and nobody waits for much longer than the
    /// cause lasts. At least 1 ms.
    pub back_off: Duration,
    /// How long a close waits for the peer's end of file while it discards input. Default 2 s.
    pub linger: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 10_000,
            backlog: 4096,
            read_budget: 64 * 1024,
            accepts: 64,
            datagrams: 256,
            refusals: 256,
            commands: 256,
            command_queue: 65_536,
            timers: 1024,
            outbox_high: 64 * 1024,
            outbox_low: 16 * 1024,
            outbox_cap: 1024 * 1024,
            idle: Duration::from_secs(300),
            write_stall: Duration::from_secs(10),
            connect: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            handshakes: 16,
            resolvers: 16,
            back_off: Duration::from_millis(100),
            linger: Duration::from_secs(2),
        }
    }
}

impl Limits {
    /// Bounds that would make a loop that never ends or never starts are raised to the least that works.
    pub(crate) fn sane(mut self) -> Limits {
        for bound in [
            &mut self.read_budget,
            &mut self.accepts,
            &mut self.datagrams,
            &mut self.commands,
            &mut self.command_queue,
            &mut self.timers,
            &mut self.handshakes,
            &mut self.resolvers,
        ] {
            *bound = (*bound).max(1);
        }
        self.back_off = self.back_off.max(Duration::from_millis(1));
        self.outbox_low = self.outbox_low.min(self.outbox_high);
        self.outbox_cap = self.outbox_cap.max(self.outbox_high);
        self
    }
}
