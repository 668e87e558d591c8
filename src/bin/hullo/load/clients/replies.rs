//! Replies, judged: which request each is to, and whether it is right. The ledger hears of it here; what else follows, the
//! engine does.

use crate::load::books::ledger::Ledger;
use crate::load::books::outcome::EvidenceKind;
use crate::load::books::outcome::Phase;
use crate::load::clients::client::Clients;
use crate::load::clients::due::Due;
use crate::load::clients::flights::{Flight, FlightId, FlightKind, FlightState};
use crate::load::clients::lost::Lost;
use crate::load::plan::script::Script;
use crate::load::text::request::ClientId;
use crate::load::text::template::Seed;
use std::collections::HashMap;

/// What all clients wait for, and what has come of it.
pub struct Replies<'a> {
    pub(super) script: &'a Script,
    pub(super) due: Due<'a>,
    /// Measured requests that are under way no more, and may be answered after all.
    pub(super) lost: Lost,
    /// What has come of wrong replies that are not whole yet.
    pub(super) fragments: HashMap<ClientId, Vec<u8>>,
    /// What follows `c12-7` in each datagram of this run.
    pub(super) mark: Vec<u8>,
}

/// What a judgement goes by and changes besides.
pub struct ReplyContext<'c> {
    pub clients: &'c mut Clients,
    pub ledger: &'c mut Ledger,
    pub phase: Phase,
    pub now: u64,
}

/// What some bytes have come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// Nothing that the session of the client depends on: part of a reply, or one that no request waits for.
    Nothing,
    /// The welcome has come, and was right.
    Welcome,
    /// The reply to what the client has sent is whole.
    Reply { kind: FlightKind, is_right: bool },
    /// Something else than the welcome has come: the session cannot go on.
    WrongWelcome,
}

impl<'a> Replies<'a> {
    pub fn new(script: &'a Script, seed: Seed, clients: usize) -> Replies<'a> {
        Replies {
            script,
            due: Due::new(script, seed, clients),
            lost: Lost::new(),
            fragments: HashMap::new(),
            mark: format!("-{:08x}", seed.mark()).into_bytes(),
        }
    }

    /// Memory that one client takes, in bytes.
    pub fn bytes_per_client(&self) -> usize {
        self.due.bytes_per_client()
    }

    /// The requests that may be answered after all.
    pub fn lost(&self) -> &Lost {
        &self.lost
    }

    /// A new session begins: nothing of it has come.
    pub fn begin_session(&mut self, client: ClientId) {
        self.fragments.remove(&client);
    }

    /// A measured or other request has run out of time.
    pub fn time_out(&mut self, context: &mut ReplyContext<'_>, client: ClientId, id: FlightId) {
        let flight = *context.clients.flights.get(id);
        let is_ordered = context.clients.flights.is_ordered();
        if is_ordered {
            context.clients.flights.set_overdue(client, id);
        } else {
            context.clients.flights.finish(client, id);
        }
        if flight.is_measured {
            context.ledger.timed_out(context.now - flight.planned, context.now - flight.sent);
            if !is_ordered {
                self.remember_lost(context.ledger, client, flight.sequence);
            }
        }
        context.clients[client].free_since = context.now;
        self.give_up_overtaken(context, client);
    }

    /// What was under way on a connection, and what could still be answered late, is lost with it.
    pub fn lose_flights(&mut self, context: &mut ReplyContext<'_>, client: ClientId) {
        context.ledger.forgotten(self.lost.remove_all(client));
        let ids: Vec<FlightId> = context.clients.flights.under_way(client).collect();
        for id in ids {
            let flight = *context.clients.flights.get(id);
            context.clients.flights.finish(client, id);
            match flight.state {
                _ if !flight.is_measured => {}
                FlightState::Waiting | FlightState::Unsent => context.ledger.lost_with_connection(),
                FlightState::Overdue => context.ledger.forgotten(1),
                FlightState::Done => {}
            }
        }
    }

    /// The reply to a flight is whole.
    #[inline(always)]
    pub(super) fn answered(
        &mut self,
        context: &mut ReplyContext<'_>,
        id: ClientId,
        flight_id: FlightId,
        flight: &Flight,
        is_right: bool,
    ) -> Heard {
        context.clients.flights.finish(id, flight_id);
        let client = &mut context.clients[id];
        (client.last, client.free_since) = (flight.sequence, context.now);
        client.last_was_wrong = !is_right && flight.is_measured;
        client.last_was_late = flight.state == FlightState::Overdue;
        if flight.is_measured {
            match (flight.state, is_right) {
                (FlightState::Overdue, true) => context.ledger.late(),
                (FlightState::Overdue, false) => context.ledger.late_and_wrong(),
                (_, true) => {
                    client.correct += 1;
                    let now = context.now;
                    context
                        .ledger
                        .answered(now.saturating_sub(flight.planned), now.saturating_sub(flight.sent));
                }
                (_, false) => context.ledger.wrong(),
            }
        }
        Heard::Reply { kind: flight.kind, is_right }
    }

    /// The first answer to a request that was lost so far, which [`Due`] looks at.
    pub(super) fn answered_late(
        &mut self,
        ledger: &mut Ledger,
        client: ClientId,
        sequence: u64,
        bytes: &[u8],
    ) {
        self.lost.remove(client, sequence);
        if self.due.fits(bytes) {
            ledger.late();
        } else {
            ledger.late_and_wrong();
            ledger.exhibits().keep(EvidenceKind::Wrong, client, Some(sequence), self.due.text(), bytes);
        }
    }

    /// The lost request of a client that an answer without a name is to: the oldest that it fits. [`Due`] looks at it.
    pub(super) fn lost_that_fits(&mut self, client: ClientId, bytes: &[u8]) -> Option<u64> {
        let due = &mut self.due;
        self.lost.oldest(client).find(|&sequence| {
            due.look_at_request(client, sequence);
            due.fits(bytes)
        })
    }

    /// A reply on a stream that the server has left out is not waited for once its request takes the room of the next.
    pub(super) fn give_up_overtaken(&mut self, context: &mut ReplyContext<'_>, client: ClientId) {
        let given_up = context.clients.flights.forget_overtaken(client);
        if let Some(flight) = given_up.filter(|flight| flight.is_measured) {
            self.remember_lost(context.ledger, client, flight.sequence);
        }
    }

    /// Keeps a wrong reply as evidence against what [`Due`] looks at, unless its request was of the warm-up.
    pub(super) fn keep_wrong(&self, ledger: &mut Ledger, client: ClientId, flight: &Flight, reply: &[u8]) {
        let (exhibits, due) = (ledger.exhibits(), self.due.text());
        if flight.is_measured || flight.kind == FlightKind::Proof {
            exhibits.keep(EvidenceKind::Wrong, client, Some(flight.sequence), due, reply);
        } else {
            exhibits.remember(client, flight.sequence, due, reply);
        }
    }

    /// It will perhaps be answered after all.
    fn remember_lost(&mut self, ledger: &mut Ledger, client: ClientId, sequence: u64) {
        ledger.forgotten(self.lost.insert(client, sequence));
    }
}
