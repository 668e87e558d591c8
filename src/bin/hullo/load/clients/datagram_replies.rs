//! What comes on a datagram socket. Each message says whose it is: run, client and sequence.

use crate::load::books::causes::Cause;
use crate::load::books::outcome::Phase;
use crate::load::clients::flights::{Flight, FlightId, FlightKind};
use crate::load::clients::replies::{Heard, Replies, ReplyContext};
use crate::load::text::request::{ClientId, RequestId};

impl Replies<'_> {
    /// Judges a datagram that has come to a client. One that `is_cut` was longer than we can take.
    pub fn receive(
        &mut self,
        context: &mut ReplyContext<'_>,
        client: ClientId,
        bytes: &[u8],
        is_cut: bool,
    ) -> Heard {
        if is_cut {
            // What is missing must not make it the right one.
            return self.classify(context, client, &[bytes, b" ... cut"].concat());
        }
        self.classify(context, client, bytes)
    }

    fn classify(&mut self, context: &mut ReplyContext<'_>, client: ClientId, bytes: &[u8]) -> Heard {
        // Most often it answers the newest, and is right in each byte, however closely it is looked at.
        let newest = context.clients[client].sequence.wrapping_sub(1);
        if let Some(id) = context.clients.flights.find(client, newest)
            && *self.due.reply(client, FlightKind::Request, newest) == *bytes
        {
            return self.arrived(context, client, id, true);
        }
        match self.origin_of(bytes) {
            Some(origin) if origin.client == client => {
                self.not_the_newest(context, client, origin.sequence, bytes)
            }
            Some(_) => self.foreign(context, client, bytes),
            None => self.unnamed(context, client, bytes),
        }
    }

    /// It names nobody. Where that is not asked for, it answers the oldest that it fits.
    fn unnamed(&mut self, context: &mut ReplyContext<'_>, client: ClientId, bytes: &[u8]) -> Heard {
        let flights = &context.clients.flights;
        let mut under_way: Vec<FlightId> = flights.under_way(client).collect();
        under_way.sort_by_key(|&id| flights.get(id).sequence);
        for id in under_way {
            self.due.look_at(client, context.clients.flights.get(id));
            if self.due.fits(bytes) {
                return self.arrived(context, client, id, true);
            }
        }
        if let Some(sequence) = self.lost_that_fits(client, bytes) {
            return self.arrived_late(context, client, sequence, bytes);
        }
        match self.garbled(context.clients, client, bytes) {
            Some(sequence) => self.not_the_newest(context, client, sequence, bytes),
            None => self.foreign(context, client, bytes),
        }
    }

    /// It is for this request of this client, by its name or its likeness.
    fn not_the_newest(
        &mut self,
        context: &mut ReplyContext<'_>,
        id: ClientId,
        sequence: u64,
        bytes: &[u8],
    ) -> Heard {
        if let Some(flight_id) = context.clients.flights.find(id, sequence) {
            let flight = *context.clients.flights.get(flight_id);
            self.due.look_at(id, &flight);
            let is_right = self.due.fits(bytes);
            if !is_right {
                self.keep_wrong(context.ledger, id, &flight, bytes);
            }
            return self.arrived(context, id, flight_id, is_right);
        }
        let client = &context.clients[id];
        if sequence >= client.sequence {
            // It was never sent: the datagram names us, and nobody else can know that number.
            return self.foreign(context, id, bytes);
        }
        if sequence < client.measured_from {
            // It is of the warm-up, or the proof that the server is there: in no book.
        } else if self.lost.contains(id, sequence) {
            return self.arrived_late(context, id, sequence, bytes);
        } else {
            context.ledger.duplicate(Cause::DuplicateDatagram, id, sequence, bytes);
        }
        Heard::Nothing
    }

    fn arrived(
        &mut self,
        context: &mut ReplyContext<'_>,
        client: ClientId,
        id: FlightId,
        is_right: bool,
    ) -> Heard {
        let flight = *context.clients.flights.get(id);
        note_order(context, client, flight.sequence);
        self.answered(context, client, id, &flight, is_right)
    }

    /// The first answer to a request that was given up.
    fn arrived_late(
        &mut self,
        context: &mut ReplyContext<'_>,
        client: ClientId,
        sequence: u64,
        bytes: &[u8],
    ) -> Heard {
        note_order(context, client, sequence);
        self.due.look_at_request(client, sequence);
        self.answered_late(context.ledger, client, sequence, bytes);
        Heard::Nothing
    }

    fn foreign(&mut self, context: &mut ReplyContext<'_>, client: ClientId, bytes: &[u8]) -> Heard {
        if context.phase != Phase::WarmUp {
            let oldest = oldest(context, client);
            match &oldest {
                Some(flight) => self.due.look_at(client, flight),
                None => self.due.look_at_nothing(),
            }
            let sequence = oldest.map(|flight| flight.sequence);
            context.ledger.foreign(client, sequence, self.due.text(), bytes);
        }
        Heard::Nothing
    }

    /// Who and which a reply of this run names: `c12-7-` and the mark of the run.
    fn origin_of(&self, bytes: &[u8]) -> Option<RequestId> {
        let end = memchr::memmem::find(bytes, &self.mark)?;
        let (front, sequence) = digits_before(&bytes[..end])?;
        let (front, client) = digits_before(front.strip_suffix(b"-")?)?;
        let client = ClientId::new(u32::try_from(client).ok()?);
        front.ends_with(b"c").then_some(RequestId { client, sequence })
    }
}

/// Enters in the ledger whether an answer came after one to a later request.
fn note_order(context: &mut ReplyContext<'_>, client: ClientId, sequence: u64) {
    let client = &mut context.clients[client];
    let is_reordered = sequence < client.newest && sequence >= client.measured_from;
    client.newest = client.newest.max(sequence + 1);
    if is_reordered {
        context.ledger.reordered();
    }
}

fn oldest(context: &ReplyContext<'_>, client: ClientId) -> Option<Flight> {
    let flights = &context.clients.flights;
    flights.under_way(client).map(|id| *flights.get(id)).min_by_key(|flight| flight.sequence)
}

/// A number at the end, and what stands before it.
fn digits_before(bytes: &[u8]) -> Option<(&[u8], u64)> {
    let digits = bytes.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (front, digits) = bytes.split_at(bytes.len() - digits);
    Some((front, std::str::from_utf8(digits).ok()?.parse().ok()?))
}
