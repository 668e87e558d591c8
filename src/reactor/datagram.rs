//! Datagram sockets, UDP and Unix: batched receive and send.

use crate::reactor::address::PeerAddr;
use crate::reactor::events::{Datagram, Readiness};
use crate::reactor::guarded;
use crate::reactor::handler::Handler;
use crate::reactor::ids::DatagramId;
use crate::reactor::net::{Net, Source};
use crate::reactor::slots::Key;
use crate::reactor::socket::DatagramSocket;
use crate::reactor::socket::files::SocketFile;
use crate::reactor::sys::{Arrival, BATCH, EDGE_TRIGGERED, Interest, ReceiveBatch};
use crate::reactor::timers::{Purpose, ticks};
use std::io;
use std::os::fd::AsFd;

pub(crate) struct Datagrams {
    pub(crate) socket: DatagramSocket,
    /// It is bound to IPv6 and IPv4 at once, as `*`.
    pub(crate) is_dual: bool,
    /// It is on the ready list.
    pub(crate) queued: bool,
    /// The last event carried an error: a batch that is not full does not end it.
    thorough: bool,
    /// What is sent to one peer at a time leaves in one message.
    sends_bundles: bool,
    /// How many datagrams the last batch had for each message: more than one where they came in bundles.
    per_message: usize,
    /// It is dropped after the socket.
    pub(crate) file: Option<SocketFile>,
}

impl Datagrams {
    pub(crate) fn new(socket: DatagramSocket, is_dual: bool, file: Option<SocketFile>) -> Box<Datagrams> {
        let sends_bundles = socket.sends_bundles();
        let per_message = 1;
        Box::new(Datagrams {
            socket,
            is_dual,
            queued: false,
            thorough: false,
            sends_bundles,
            per_message,
            file,
        })
    }
}

// **I8** An error on one datagram never ends the loop: a refused answer comes back as an error of a later receive,
// is counted, and receiving goes on. Guard: `a_refused_datagram_does_not_end_the_receive_path` in
// `tests/reactor/datagrams.rs`.
impl Net {
    pub(crate) fn datagrams_event<H: Handler + ?Sized>(
        &mut self,
        handler: &mut H,
        key: Key,
        readiness: Readiness,
        batch: &mut ReceiveBatch,
    ) {
        let Some(Source::Datagrams(datagrams)) = self.sources.get_mut(key) else { return };
        datagrams.thorough |= readiness.has(Readiness::ERROR | Readiness::READ_CLOSED);
        if !datagrams.queued {
            self.receive_datagrams(handler, key, batch);
        }
    }

    pub(crate) fn receive_datagrams<H: Handler + ?Sized>(
        &mut self,
        handler: &mut H,
        key: Key,
        batch: &mut ReceiveBatch,
    ) {
        let mut budget = self.limits.datagrams;
        let errors_before = self.stats.datagram_errors;
        // The first is answered at once, so that its sender works on while we do; many are taken together.
        let mut step = 1;
        while budget > 0 {
            let Some(Source::Datagrams(datagrams)) = self.sources.get_mut(key) else { return };
            // Bundles count as what is in them: the first that come may go over the budget, the next are foreseen.
            let most = (budget / datagrams.per_message).clamp(1, step);
            step = BATCH.min(2 * step);
            match datagrams.socket.receive(batch, most) {
                Ok(count) => {
                    let is_last = count < most && EDGE_TRIGGERED && !datagrams.thorough;
                    let handed_on = self.hand_on_datagrams(handler, key, batch, count);
                    self.send_datagrams();
                    budget = budget.saturating_sub(handed_on.max(1));
                    if let Some(Source::Datagrams(datagrams)) = self.sources.get_mut(key) {
                        datagrams.per_message = handed_on.div_ceil(count.max(1)).max(1);
                    }
                    if is_last {
                        return self.datagram_queue_is_empty(key);
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    datagrams.thorough = false;
                    return self.datagram_queue_is_empty(key);
                }
                // The poll(2) selector drops a source that was in error, and says so where it would block.
                Err(e) if e.kind() == io::ErrorKind::NotFound && !EDGE_TRIGGERED => {
                    let _ = self.poller.reregister(&mut datagrams.socket, key.0, Interest::READABLE);
                    datagrams.thorough = false;
                    return self.datagram_queue_is_empty(key);
                }
                Err(e) => {
                    self.stats.datagram_errors += 1;
                    budget -= 1;
                    guarded(self, |net| handler.datagram_error(net, DatagramId(key), &e));
                }
            }
        }
        if self.stats.datagram_errors - errors_before < self.limits.datagrams as u64 {
            self.enqueue_source(key);
        } else {
            // There was nothing but errors: whatever they mean, they must not cost a core.
            self.back_off_datagrams(key);
        }
    }

    pub(crate) fn back_off_datagrams(&mut self, key: Key) {
        self.timers.set(self.clock.now() + ticks(self.limits.back_off), 0, Purpose::Serve(key));
    }

    /// Gives the datagrams of a batch to the handler; how many there were in its messages.
    fn hand_on_datagrams<H: Handler + ?Sized>(
        &mut self,
        handler: &mut H,
        key: Key,
        batch: &ReceiveBatch,
        count: usize,
    ) -> usize {
        let mut handed_on = 0;
        for i in 0..count {
            let received = batch.get(i);
            self.stats.datagrams_truncated += received.truncated as u64;
            let mut datagram = Datagram {
                bytes: received.bytes,
                from: received.from,
                to: received.to.map(|arrival| arrival.ip),
                truncated: received.truncated,
                arrival: received.to,
            };
            // An empty datagram is handed on as well, so that the loop begins before it asks.
            let (mut first, mut rest) = received.bytes.split_at(received.segment.min(received.bytes.len()));
            loop {
                datagram.bytes = first;
                handed_on += 1;
                self.stats.datagrams_in += 1;
                guarded(self, |net| handler.datagram(net, DatagramId(key), &datagram));
                if self.sources.get(key).is_none() {
                    return handed_on; // The handler has closed the socket, and hears no more of it.
                }
                if rest.is_empty() {
                    break;
                }
                (first, rest) = rest.split_at(received.segment.min(rest.len()));
            }
        }
        handed_on
    }

    /// A drain closes a datagram socket only here, so that what had arrived is answered before.
    #[inline]
    fn datagram_queue_is_empty(&mut self, key: Key) {
        if self.is_draining() {
            self.free_datagrams(key);
        }
    }

    pub(crate) fn queue_datagram(
        &mut self,
        key: Key,
        to: Option<&PeerAddr>,
        from: Option<Arrival>,
        bytes: &[u8],
    ) -> bool {
        let Some(Source::Datagrams(_)) = self.sources.get(key) else {
            self.stats.dead_ids += 1;
            return false;
        };
        if self.datagram_batch_on != key {
            self.send_datagrams();
            self.datagram_batch_on = key;
        }
        self.datagram_batch.push(bytes, to, from);
        if self.datagram_batch.is_full() {
            self.send_datagrams();
        }
        true
    }

    /// Sends what was collected; what the kernel refuses is dropped and counted, since a datagram that waits is
    /// worth less with every moment, and whoever cannot be reached must not fill our memory.
    pub(crate) fn send_datagrams(&mut self) {
        if self.datagram_batch.len() == 0 {
            return;
        }
        if let Some(Source::Datagrams(datagrams)) = self.sources.get_mut(self.datagram_batch_on) {
            let sent = self.datagram_batch.send(datagrams.socket.as_fd(), datagrams.sends_bundles);
            datagrams.sends_bundles &= !sent.takes_no_bundles;
            self.stats.datagrams_out += sent.taken as u64;
            self.stats.datagrams_refused += sent.refused as u64;
            // The error of an earlier datagram (ICMP) may come back from the next send instead of a receive.
            if let Some(error) = sent.error
                && self.refused_datagrams.len() < self.limits.refusals
            {
                self.refused_datagrams.push((self.datagram_batch_on, error));
            }
        }
    }

    /// The report of what connected datagram sockets could not send.
    pub(crate) fn report_refused_datagrams<H: Handler + ?Sized>(&mut self, handler: &mut H) {
        for (key, error) in std::mem::take(&mut self.refused_datagrams) {
            if self.sources.get(key).is_some() {
                self.stats.datagram_errors += 1;
                guarded(self, |net| handler.datagram_error(net, DatagramId(key), &error));
            }
        }
    }

    /// Closes a datagram socket; whether there was one.
    pub(crate) fn free_datagrams(&mut self, key: Key) -> bool {
        self.take_datagrams(key).is_some()
    }

    /// Takes a datagram socket off the loop. What was collected for it goes out first.
    pub(crate) fn take_datagrams(&mut self, key: Key) -> Option<Box<Datagrams>> {
        let Some(Source::Datagrams(_)) = self.sources.get(key) else { return None };
        if self.datagram_batch_on == key {
            self.send_datagrams();
        }
        let Some(Source::Datagrams(mut datagrams)) = self.sources.remove(key) else { return None };
        self.poller.deregister(&mut datagrams.socket);
        self.datagram_sockets -= 1;
        self.look_for_end_of_drain();
        Some(datagrams)
    }
}
