//! What comes on a datagram socket. Each message says whose it is: run, flow and sequence.

use crate::load::books::outcome::Phase;
use crate::load::clients::client::{Flight, Kind, Stage, State};
use crate::load::engine::handler::{Driver, UNSENT};
use crate::load::plan::Check;
use crate::load::text::request::{ClientId, RequestId};
use hullo::{DatagramId, Net};
use std::io;
use std::time::Duration;

/// How soon a datagram is offered again that the system did not take.
const AGAIN: Duration = Duration::from_millis(1);

impl Driver<'_> {
    pub(crate) fn receive(&mut self, net: &mut Net, lane: u32, bytes: &[u8], is_cut: bool) {
        if is_cut {
            // What is missing must not make it the right one.
            let longer = [bytes, b" ... cut"].concat();
            return self.receive(net, lane, &longer, false);
        }
        if matches!(self.phase, Phase::Measure | Phase::Drain) {
            self.ledger.received(bytes.len());
        }
        self.classify(net, lane, bytes);
        self.offer(net, lane);
        self.check_end(net);
    }

    fn classify(&mut self, net: &mut Net, lane: u32, bytes: &[u8]) {
        // Most often it answers the newest, and is right in each byte, however closely it is looked at.
        let newest = self.lanes.lane(lane).sequence.wrapping_sub(1);
        if let Some(place) = self.lanes.find(lane, newest) {
            let sequence = self.lanes.peek(place).sequence;
            if *self.replies.text(RequestId { client: ClientId::new(lane), sequence }) == *bytes {
                return self.arrived(net, lane, place, true);
            }
        }
        match self.origin_of(bytes) {
            Some(turn) if turn.client.number() == lane => {
                self.not_the_newest(net, lane, turn.sequence, bytes)
            }
            Some(_) => self.foreign(lane, bytes),
            None => self.unnamed(net, lane, bytes),
        }
    }

    /// It names nobody. Where that is not asked for, it answers the oldest that it fits.
    fn unnamed(&mut self, net: &mut Net, lane: u32, bytes: &[u8]) {
        let mut places: Vec<u32> = self.lanes.under_way(lane).collect();
        places.sort_by_key(|&place| self.lanes.peek(place).sequence);
        for place in places {
            let Flight { kind, sequence, .. } = *self.lanes.peek(place);
            self.expect(lane, kind, sequence);
            if self.fits(bytes) {
                return self.arrived(net, lane, place, true);
            }
        }
        if let Some(sequence) = self.lost_that_fits(lane, bytes) {
            return self.arrived_late(lane, sequence, bytes);
        }
        match self.spoiled(lane, bytes) {
            Some(sequence) => self.not_the_newest(net, lane, sequence, bytes),
            None => self.foreign(lane, bytes),
        }
    }

    /// Whether it is what is expected, as closely as that is looked at.
    pub(crate) fn fits(&self, bytes: &[u8]) -> bool {
        match self.plan.script.check {
            Check::Full => *self.expected == *bytes,
            Check::Length => self.expected.len() == bytes.len(),
            Check::None => true,
        }
    }

    /// It is for this request of this flow, by its name or its likeness.
    fn not_the_newest(&mut self, net: &mut Net, lane: u32, sequence: u64, bytes: &[u8]) {
        if let Some(place) = self.lanes.find(lane, sequence) {
            let flight = *self.lanes.peek(place);
            self.expect(lane, flight.kind, sequence);
            let is_right = self.fits(bytes);
            if !is_right {
                self.keep_wrong(lane, &flight, bytes);
            }
            return self.arrived(net, lane, place, is_right);
        }
        let client = self.lanes.lane(lane);
        if sequence >= client.sequence {
            // Never sent: it names us, and nobody else can know that number.
            self.foreign(lane, bytes);
        } else if sequence < client.measured_from {
            // Of the warm-up, or the proof that the server is there: in no book.
        } else if self.lost.contains(lane, sequence) {
            self.arrived_late(lane, sequence, bytes);
        } else {
            self.ledger.duplicate("duplicate datagram", lane, sequence, bytes);
        }
    }

    fn arrived(&mut self, net: &mut Net, lane: u32, place: u32, is_right: bool) {
        let flight = *self.lanes.flight(place);
        self.note_order(lane, flight.sequence);
        self.answered(net, lane, place, &flight, is_right);
    }

    /// The first answer to a request that was given up.
    fn arrived_late(&mut self, lane: u32, sequence: u64, bytes: &[u8]) {
        self.note_order(lane, sequence);
        self.expect(lane, Kind::Request, sequence);
        self.answered_late(lane, sequence, bytes);
    }

    /// Whether it came after an answer to a later one.
    fn note_order(&mut self, lane: u32, sequence: u64) {
        let client = self.lanes.lane(lane);
        let is_reordered = sequence < client.newest && sequence >= client.measured_from;
        client.newest = client.newest.max(sequence + 1);
        if is_reordered {
            self.ledger.reordered();
        }
    }

    fn foreign(&mut self, lane: u32, bytes: &[u8]) {
        if self.phase == Phase::WarmUp {
            return;
        }
        let due = self.oldest(lane).map(|place| *self.lanes.peek(place));
        match due {
            Some(flight) => self.expect(lane, flight.kind, flight.sequence),
            None => self.expected.clear(),
        }
        self.ledger.foreign(lane, due.map(|flight| flight.sequence), &self.expected, bytes);
    }

    fn oldest(&self, lane: u32) -> Option<u32> {
        self.lanes.under_way(lane).min_by_key(|&place| self.lanes.peek(place).sequence)
    }

    /// Who and which a reply of this run names: `c12-7-` and the mark of the run.
    fn origin_of(&self, bytes: &[u8]) -> Option<RequestId> {
        let end = memchr::memmem::find(bytes, &self.mark)?;
        let (front, sequence) = digits_before(&bytes[..end])?;
        let (front, client) = digits_before(front.strip_suffix(b"-")?)?;
        front
            .ends_with(b"c")
            .then_some(RequestId { client: ClientId::new(u32::try_from(client).ok()?), sequence })
    }

    /// The system has refused a datagram, or brought word that an earlier one was refused.
    pub(crate) fn refused(&mut self, net: &mut Net, lane: u32, error: &io::Error) {
        use io::ErrorKind::{
            ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable, NotConnected,
        };
        let has_left = matches!(
            error.kind(),
            ConnectionRefused | ConnectionReset | HostUnreachable | NetworkUnreachable | NotConnected
        );
        if has_left {
            if self.lanes.lane(lane).stage == Stage::Proving {
                return self.fail_handshake(net, lane, "connect refused");
            }
            // The request counts as lost when its time is over: an answer may come all the same.
            return self.ledger.fail("refused");
        }
        // No message of this length is taken, now or later.
        let is_hopeless = error.raw_os_error() == Some(libc::EMSGSIZE);
        if is_hopeless && self.lanes.lane(lane).stage == Stage::Proving {
            return self.fail_handshake(net, lane, "message longer than the system takes");
        }
        // Which of several sent at once the system did not take it does not say: the newest stands for it.
        let newest = self.lanes.under_way(lane).max_by_key(|&place| self.lanes.peek(place).sequence);
        if let Some(place) = newest.filter(|&place| self.lanes.peek(place).state == State::Waiting) {
            self.ledger.fail(&format!("not taken by the system: {error}"));
            self.lanes.set_unsent(place);
            if !is_hopeless {
                net.set_timer(AGAIN, UNSENT | u64::from(lane) << 8);
            }
        }
    }

    /// Offers again what the system did not take.
    pub(crate) fn send_again(&mut self, net: &mut Net, lane: u32) {
        let unsent = self.lanes.under_way(lane).find(|&place| self.lanes.peek(place).state == State::Unsent);
        let Some(place) = unsent else { return };
        let flight = *self.lanes.flight(place);
        let id = self.lanes.lane(lane).id;
        let turn = RequestId { client: ClientId::new(lane), sequence: flight.sequence };
        let sent = self.clock();
        let again = self.lanes.flight(place);
        (again.sent, again.state) = (sent, State::Waiting);
        self.lanes.deadlines.push(place);
        net.send_datagram(DatagramId::from_bits(id), self.requests.text(turn));
        self.arm_deadline(net);
    }
}

/// A number at the end, and what stands before it.
fn digits_before(bytes: &[u8]) -> Option<(&[u8], u64)> {
    let digits = bytes.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (front, digits) = bytes.split_at(bytes.len() - digits);
    Some((front, std::str::from_utf8(digits).ok()?.parse().ok()?))
}
