//! The only door to the network: what it holds here, and in a file each what users may ask of it.

mod datagrams;
pub(crate) mod sockets;
pub(crate) mod streams;
mod time;
mod tls;

use crate::reactor::datagram::Datagrams;
use crate::reactor::dial::Dial;
use crate::reactor::dial::resolver::Resolver;
use crate::reactor::drain::{Drain, DrainReport};
use crate::reactor::limits::Limits;
use crate::reactor::listener::{Listener, Spare};
use crate::reactor::remote::Inbox;
use crate::reactor::slots::{Key, Slots};
use crate::reactor::stats::Stats;
use crate::reactor::stream::Connection;
use crate::reactor::stream::receive::READ;
use crate::reactor::stream::send::WrittenThrough;
use crate::reactor::sys::{Clock, Poller, SendBatch};
use crate::reactor::timers::{Tick, Timers};
use crate::reactor::warnings::Warnings;
use crate::reactor::watch::Watched;
use crate::reactor::watermark::Watermark;
use std::collections::VecDeque;
use std::io;

/// What every callback is lent, and what [`Reactor::net`](crate::Reactor::net) lends between turns.
///
/// Every operation is legal from any callback, on any id. On an id that is dead it does nothing, says so in what it
/// returns, and is counted ([`Stats::dead_ids`]). Nothing here calls back: callbacks follow from the loop alone.
pub struct Net {
    pub(crate) poller: Poller,
    /// What the poller's timer is set to; `Tick::MAX` when to nothing.
    pub(crate) armed: Tick,
    /// Up to when all input was taken in: what deadlines are judged by.
    pub(crate) watermark: Watermark,
    pub(crate) clock: Clock,
    /// What the clock said when this turn read it.
    pub(crate) now: Tick,
    pub(crate) limits: Limits,
    /// The most that one read takes from a stream: no more than the budget.
    pub(crate) read_most: usize,
    pub(crate) stats: Stats,
    pub(crate) sources: Slots<Source>,
    pub(crate) timers: Timers,
    /// The timer of the next look for silent streams, while there are streams.
    pub(crate) idle_timer: Key,
    /// When that look is due.
    pub(crate) idle_look_at: Tick,
    pub(crate) inbox: Inbox,
    pub(crate) commands_wait: bool,
    /// The threads that look names up, once there was one to look up.
    pub(crate) resolver: Option<Resolver>,
    /// What was sent to the stream that is being served, until its dispatch ends.
    pub(crate) scratch: Vec<u8>,
    pub(crate) written_through: WrittenThrough,
    /// What a layer has made of its wire, for the handler.
    pub(crate) plain_in: Vec<u8>,
    /// What a layer has to say, on its way into an outbox.
    pub(crate) wire_out: Vec<u8>,
    /// Steps of handshakes in the turn of this number.
    pub(crate) handshakes: (u64, usize),
    /// The stream for which the scratch is open.
    pub(crate) serving: Key,
    /// Sources that stopped before their edge was consumed.
    pub(crate) ready_list: VecDeque<Key>,
    /// Streams whose outbox or close the flush is to look at.
    pub(crate) flush_list: Vec<Key>,
    /// Streams and dials that the report tells of and frees, with what the system said where it ended them.
    pub(crate) closed_list: Vec<(Key, Option<io::Error>)>,
    pub(crate) stalled_listeners: Vec<Key>,
    pub(crate) datagram_batch: SendBatch,
    pub(crate) datagram_batch_on: Key,
    /// What connected datagram sockets could not send, which the report tells.
    pub(crate) refused_datagrams: Vec<(Key, io::Error)>,
    pub(crate) spare: Spare,
    pub(crate) warnings: Warnings,
    pub(crate) listeners: usize,
    pub(crate) datagram_sockets: usize,
    pub(crate) drain: Option<Drain>,
    /// How the last drain went.
    pub(crate) drained: Option<DrainReport>,
    /// A drain has come to its end, and `run` has not returned since.
    pub(crate) has_drained: bool,
    /// A drain was asked for and has not been acted on.
    pub(crate) drain_waits: bool,
    pub(crate) is_stopped: bool,
}

impl Net {
    pub(crate) fn new(limits: Limits) -> io::Result<Net> {
        let clock = Clock::new();
        let poller = Poller::new()?;
        let inbox = Inbox::new(poller.waker()?, limits.command_queue);
        Ok(Net {
            poller,
            armed: Tick::MAX,
            watermark: Watermark::default(),
            now: clock.now(),
            clock,
            read_most: limits.read_budget.min(READ),
            limits,
            stats: Stats::default(),
            sources: Slots::new(),
            timers: Timers::new(),
            idle_timer: Key::NONE,
            idle_look_at: 0,
            inbox,
            commands_wait: false,
            resolver: None,
            scratch: Vec::new(),
            written_through: WrittenThrough::new(),
            plain_in: Vec::new(),
            wire_out: Vec::new(),
            handshakes: (0, 0),
            serving: Key::NONE,
            ready_list: VecDeque::new(),
            flush_list: Vec::new(),
            closed_list: Vec::new(),
            stalled_listeners: Vec::new(),
            datagram_batch: SendBatch::new(),
            datagram_batch_on: Key::NONE,
            refused_datagrams: Vec::new(),
            spare: Spare::new(),
            warnings: Warnings::default(),
            listeners: 0,
            datagram_sockets: 0,
            drain: None,
            drained: None,
            has_drained: false,
            drain_waits: false,
            is_stopped: false,
        })
    }
}

/// Whatever the poller tells about.
pub(crate) enum Source {
    Stream(Connection),
    Listener(Box<Listener>),
    Datagrams(Box<Datagrams>),
    Watched(Box<Watched>),
    Dial(Box<Dial>),
}
