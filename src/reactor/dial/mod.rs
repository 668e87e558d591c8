//! Connecting out: one id, one or several addresses tried for it, one outcome.

pub(crate) mod resolver;

use crate::reactor::address::{Address, Host};
use crate::reactor::events::ConnectError;
use crate::reactor::guarded;
use crate::reactor::handler::Handler;
use crate::reactor::ids::ConnId;
use crate::reactor::net::streams::Sent;
use crate::reactor::net::{Net, Source};
use crate::reactor::slots::Key;
use crate::reactor::socket::{self, ConnectOutcome, StreamSocket};
use crate::reactor::stream::flags::{ABOVE_HIGH, ABOVE_LOW, PAUSED, READ_UNTIL_BLOCKED, READABLE};
use crate::reactor::stream::layer::Layer;
use crate::reactor::stream::layered::Called;
use crate::reactor::stream::outbox::Outbox;
use crate::reactor::stream::{CONNECTED, Connection};
use crate::reactor::timers::{Purpose, Tick, ticks};
use crate::reactor::watermark::LATE;
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

/// How long one address may keep the next one waiting (RFC 8305, section 5: "Connection Attempt Delay").
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// How soon a Unix listener with a full backlog is asked again: it refuses with EAGAIN, and no event follows.
const FULL_BACKLOG_DELAY: Duration = Duration::from_millis(10);

/// A connection in the making. All its sockets are registered under the one key, which becomes the connection's.
pub(crate) struct Dial {
    target: Address,
    /// Which of our addresses to come from; without one the system chooses.
    source: Option<IpAddr>,
    /// A name that is being looked up.
    is_resolving: bool,
    /// Addresses not yet tried.
    candidates: VecDeque<Address>,
    attempts: Vec<(Address, StreamSocket)>,
    failures: Vec<(Address, io::Error)>,
    /// What was sent before it is opened.
    outbox: Option<Box<Outbox>>,
    /// What it is to go through.
    pub(crate) layer: Option<Box<dyn Layer>>,
    /// What else was asked for before that.
    pub(crate) is_paused: bool,
    pub(crate) is_half_closed: bool,
    pub(crate) read_limit: u32,
    deadline: Tick,
    was_forgiven: bool,
    timer: Key,
    is_over: bool,
    /// It is on the ready list.
    pub(crate) queued: bool,
}

impl Dial {
    /// Its time ran out while the loop stood still and not every address was tried: it gets as much again, once.
    fn forgive_delay(&mut self, now: Tick) -> bool {
        let delay = now.saturating_sub(self.deadline);
        let is_forgiven = delay >= LATE && !self.candidates.is_empty() && !self.was_forgiven;
        if is_forgiven {
            self.was_forgiven = true;
            self.deadline = now + delay;
        }
        is_forgiven
    }

    pub(crate) fn keeps_records(&self) -> bool {
        matches!(self.target, Address::Unixpacket(_))
    }

    pub(crate) fn waiting(&self) -> usize {
        self.outbox.as_ref().map_or(0, |outbox| outbox.len())
    }
}

impl Net {
    pub(crate) fn dial(&mut self, target: Address, source: Option<IpAddr>) -> io::Result<ConnId> {
        if target.is_datagram() {
            let what = format!("{target} takes datagrams: use connect_datagrams");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        if target.host() == Some(&Host::Any) {
            let what = format!("{target} is where to listen, not whom to reach: give an address or a name");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let now = self.clock.now();
        let deadline =
            if self.limits.connect.is_zero() { Tick::MAX / 2 } else { now + ticks(self.limits.connect) };
        let is_resolving = matches!(target.host(), Some(Host::Name(_)));
        let candidates = if is_resolving { VecDeque::new() } else { VecDeque::from([target.clone()]) };
        let dial = Dial {
            target: target.clone(),
            source,
            is_resolving,
            candidates,
            attempts: Vec::new(),
            failures: Vec::new(),
            outbox: None,
            layer: None,
            is_paused: false,
            is_half_closed: false,
            read_limit: u32::MAX,
            deadline,
            was_forgiven: false,
            timer: Key::NONE,
            is_over: false,
            queued: false,
        };
        let key = self.insert_source(Source::Dial(Box::new(dial)))?;
        if is_resolving {
            self.set_dial_timer(key, deadline);
            let resolver = self.resolver.get_or_insert_with(|| self.inbox.resolver());
            if let Err(error) = resolver.look_up(key, target, self.limits.resolvers) {
                self.dial_resolved(key, Err(error));
            }
        } else {
            self.try_next_address(key);
        }
        Ok(ConnId(key))
    }

    /// Goes on with what the resolver has answered.
    pub(crate) fn dial_resolved(&mut self, key: Key, result: io::Result<Vec<Address>>) {
        let now = self.clock.now();
        let Some(dial) = self.live_dial(key) else { return };
        dial.is_resolving = false;
        match result {
            Ok(addresses) => {
                dial.candidates = alternate(addresses);
                dial.forgive_delay(now);
            }
            Err(error) => {
                let target = dial.target.clone();
                dial.failures.push((target, error));
            }
        }
        self.try_next_address(key);
    }

    /// Begins with the next address; a dial with none left and none under way is over.
    fn try_next_address(&mut self, key: Key) {
        let now = self.clock.now();
        loop {
            let Some(dial) = self.live_dial(key) else { return };
            let Some(address) = dial.candidates.pop_front() else {
                if dial.attempts.is_empty() {
                    return self.end_dial(key);
                }
                let deadline = dial.deadline;
                return self.set_dial_timer(key, deadline);
            };
            let source = dial.source;
            let attempt = self.begin_dial_attempt(key, &address, source);
            let Some(dial) = self.live_dial(key) else { return };
            match attempt {
                Ok(socket) => {
                    dial.attempts.push((address, socket));
                    let next =
                        if dial.candidates.is_empty() { Tick::MAX } else { now + ticks(ATTEMPT_DELAY) };
                    let at = next.min(dial.deadline);
                    return self.set_dial_timer(key, at);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    dial.candidates.push_front(address);
                    return self.set_dial_timer(key, now + ticks(FULL_BACKLOG_DELAY));
                }
                Err(error) => dial.failures.push((address, error)),
            }
        }
    }

    fn begin_dial_attempt(
        &mut self,
        key: Key,
        address: &Address,
        source: Option<IpAddr>,
    ) -> io::Result<StreamSocket> {
        let (mut socket, is_connected) = socket::connect(address, source)?;
        let interest = socket.interest(false);
        self.stats.registrations += 1;
        self.poller.register(&mut socket, key.0, interest)?;
        if is_connected {
            self.enqueue_source(key); // A Unix stream connects at once, and no event tells.
        }
        Ok(socket)
    }

    /// Looks what has become of the attempts. A connection counts only once the system knows of no error
    /// and knows the peer (connect(2): EINPROGRESS).
    pub(crate) fn dial_event<H: Handler + ?Sized>(&mut self, handler: &mut H, key: Key) {
        let Some(Source::Dial(dial)) = self.sources.get_mut(key) else { return };
        let mut is_next_due = false;
        let mut i = 0;
        while i < dial.attempts.len() && !dial.is_over {
            match dial.attempts[i].1.outcome() {
                ConnectOutcome::Pending => i += 1,
                ConnectOutcome::Connected => {
                    let (address, socket) = dial.attempts.swap_remove(i);
                    return self.dial_connected(handler, key, address, socket);
                }
                ConnectOutcome::Failed(error) => {
                    let (address, mut socket) = dial.attempts.swap_remove(i);
                    self.poller.deregister(&mut socket);
                    dial.failures.push((address, error));
                    is_next_due = true;
                }
            }
        }
        if is_next_due {
            self.try_next_address(key);
        }
    }

    /// One attempt has won: its socket takes the place of the dial, under the same key.
    fn dial_connected<H: Handler + ?Sized>(
        &mut self,
        handler: &mut H,
        key: Key,
        address: Address,
        socket: StreamSocket,
    ) {
        self.drop_dial_attempts(key);
        let (low, high) = (self.limits.outbox_low, self.limits.outbox_high);
        let now = self.clock.now();
        let mut conn = Connection::new(socket, CONNECTED, now);
        // The edge that told of the connection may have told of its first bytes as well.
        conn.state.flags.set(READABLE | READ_UNTIL_BLOCKED);
        let (mut is_half_closed, mut layer) = (false, None);
        let Some(place) = self.sources.get_mut(key) else { return };
        if let Source::Dial(dial) = place {
            let (target, failures) = (dial.target.clone(), std::mem::take(&mut dial.failures));
            let called = Called { target, failures, reached: address, deadline: dial.deadline };
            layer = dial.layer.take().map(|layer| (layer, called));
            conn.outbox = dial.outbox.take();
            conn.state.flags.put(PAUSED, dial.is_paused);
            is_half_closed = dial.is_half_closed;
            conn.read_limit = dial.read_limit;
        }
        conn.state.flags.put(ABOVE_LOW, conn.waiting() > low);
        conn.state.flags.put(ABOVE_HIGH, conn.waiting() > high);
        let has_output = conn.outbox.is_some();
        *place = Source::Stream(conn);
        if let Some((layer, called)) = layer {
            self.put_layer_under(key, layer, Some(called));
        }
        if is_half_closed {
            self.begin_stream_half_close(key);
        } else if has_output {
            self.mark_stream_dirty(key);
        }
        self.take_in_stream(now);
        self.open_stream(handler, key);
        self.enqueue_source(key);
    }

    /// Keeps what is sent before the connection has come about. Nobody can take it yet, so that more than the cap is the
    /// end of it.
    pub(crate) fn send_to_dial(&mut self, key: Key, bytes: &[u8]) -> Sent {
        let (low, cap) = (self.limits.outbox_low, self.limits.outbox_cap);
        let Some(dial) = self.live_dial(key).filter(|dial| !dial.is_half_closed) else {
            return Sent::Closing;
        };
        if dial.waiting() > cap {
            let what = format!("more than {cap} bytes were sent before it was connected");
            dial.failures.push((dial.target.clone(), io::Error::other(what)));
            self.end_dial(key);
            return Sent::Closing;
        }
        if bytes.is_empty() && dial.outbox.is_none() {
            return Sent::Queued(0);
        }
        let keeps_records = dial.keeps_records();
        dial.outbox.get_or_insert_with(Outbox::new).take(bytes, keeps_records, low)
    }

    /// Acts on the timer of a dial: either its whole time is over, or the next address has waited long enough.
    pub(crate) fn dial_timeout(&mut self, key: Key) {
        let (now, heard) = (self.clock.now(), self.watermark.until);
        let Some(Source::Dial(dial)) = self.sources.get_mut(key) else { return };
        if heard < dial.deadline || dial.forgive_delay(now) {
            return self.try_next_address(key);
        }
        let timed_out = |address| (address, io::Error::from(io::ErrorKind::TimedOut));
        if dial.is_resolving {
            dial.failures.push(timed_out(dial.target.clone()));
        }
        let unfinished =
            dial.attempts.iter().map(|(address, _)| address.clone()).chain(dial.candidates.drain(..));
        dial.failures.extend(unfinished.map(timed_out));
        self.end_dial(key);
    }

    /// Gives a dial up, and has the handler told; whether there was one.
    #[inline]
    pub(crate) fn give_up_dial(&mut self, key: Key) -> bool {
        matches!(self.sources.get(key), Some(Source::Dial(_))) && self.give_up_live_dial(key)
    }

    #[cold]
    fn give_up_live_dial(&mut self, key: Key) -> bool {
        let Some(dial) = self.live_dial(key) else { return false };
        dial.failures.push((dial.target.clone(), given_up()));
        self.end_dial(key);
        true
    }

    /// Ends a dial that has failed; the handler hears of it in the report.
    fn end_dial(&mut self, key: Key) {
        self.drop_dial_attempts(key);
        if let Some(Source::Dial(dial)) = self.sources.get_mut(key) {
            dial.is_over = true;
            self.closed_list.push((key, None));
            if let Some(resolver) = self.resolver.as_ref().filter(|_| dial.is_resolving) {
                resolver.forget(key);
            }
        }
    }

    /// The report of a dial that failed.
    pub(crate) fn report_dial<H: Handler + ?Sized>(&mut self, handler: &mut H, key: Key) {
        let Some(Source::Dial(_)) = self.sources.get(key) else { return };
        let Some(Source::Dial(dial)) = self.sources.remove(key) else { return };
        let error = ConnectError { target: dial.target, failures: dial.failures };
        self.tell_connect_failed(handler, key, &error);
        if let Some(layer) = dial.layer {
            guarded(self, |_| drop(layer)); // it is the user's, and may panic
        }
    }

    pub(crate) fn tell_connect_failed<H: Handler + ?Sized>(
        &mut self,
        handler: &mut H,
        key: Key,
        error: &ConnectError,
    ) {
        self.stats.connect_failures += 1;
        guarded(self, |net| handler.connect_failed(net, ConnId(key), error));
    }

    fn drop_dial_attempts(&mut self, key: Key) {
        let Some(Source::Dial(dial)) = self.sources.get_mut(key) else { return };
        for (_, mut socket) in dial.attempts.drain(..) {
            self.poller.deregister(&mut socket);
        }
        self.timers.cancel(dial.timer);
    }

    pub(crate) fn live_dial(&mut self, key: Key) -> Option<&mut Dial> {
        match self.sources.get_mut(key) {
            Some(Source::Dial(dial)) if !dial.is_over => Some(dial),
            _ => None,
        }
    }

    fn set_dial_timer(&mut self, key: Key, at: Tick) {
        let Some(Source::Dial(dial)) = self.sources.get_mut(key) else { return };
        self.timers.cancel(dial.timer);
        dial.timer = self.timers.set(at.min(dial.deadline), 0, Purpose::Dial(key)).unwrap_or(Key::NONE);
    }
}

/// What `connect_failed` tells of a call that we have given up.
pub(crate) fn given_up() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, "given up by us")
}

/// The resolver's order with the families in turn (RFC 8305, section 4), so that a network on which one family is
/// broken costs one delay and not one for each address.
fn alternate(addresses: Vec<Address>) -> VecDeque<Address> {
    let is_v6 = |address: &Address| address.host().is_some_and(Host::is_v6);
    let first_is_v6 = addresses.first().is_some_and(is_v6);
    let (mut preferred, mut others): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| is_v6(address) == first_is_v6);
    let mut order = VecDeque::new();
    while !preferred.is_empty() || !others.is_empty() {
        order.extend(preferred.pop_front());
        order.extend(others.pop_front());
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_in_the_resolvers_order() {
        let addresses = |hosts: &[&str]| -> VecDeque<Address> {
            hosts.iter().map(|host| format!("tcp://{host}:1").parse().unwrap()).collect()
        };
        let order = alternate(addresses(&["[::1]", "[::2]", "[::3]", "10.0.0.1", "10.0.0.2"]).into());
        assert_eq!(order, addresses(&["[::1]", "10.0.0.1", "[::2]", "10.0.0.2", "[::3]"]));
        let order = alternate(addresses(&["10.0.0.1", "10.0.0.2", "[::1]"]).into());
        assert_eq!(order, addresses(&["10.0.0.1", "[::1]", "10.0.0.2"]));
    }
}
