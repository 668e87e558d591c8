//! Sending: who has the next request, and how it leaves.

use crate::load::books::outcome::Phase;
use crate::load::clients::client::Stage;
use crate::load::clients::flights::{Flight, FlightKind, FlightState};
use crate::load::engine::alarm::Alarm;
use crate::load::engine::{Engine, WINDOW, set_timer};
use crate::load::text::request::{ClientId, RequestId};
use hullo::Net;
use std::time::Duration;

/// Requests that one alarm may send before the loop looks at replies again. They are written together when the turn
/// ends, so that this bounds as well how much later than `sent` says the last of them leaves: by 64 writes.
const BATCH: usize = 64;

impl Engine<'_> {
    /// A client may be free: it sends what is due, or waits for its turn.
    #[inline]
    pub(super) fn offer(&mut self, net: &mut Net, client: ClientId) {
        if self.is_windowed {
            return self.offer_in_turn(net, client);
        }
        // One reading of the clock: what is sent here leaves in one write.
        let mut sent = None;
        while self.can_send(client) {
            let Some(planned) = self.pace.due(self.clock.now()) else {
                self.pace.add_free(client);
                return self.arm_request(net);
            };
            let sent = *sent.get_or_insert_with(|| self.clock.read());
            self.issue(net, client, planned, sent);
        }
    }

    /// In a closed loop of datagrams not all clients may have one in flight at once, since no queue would hold them. They
    /// take turns.
    fn offer_in_turn(&mut self, net: &mut Net, client: ClientId) {
        if self.can_send(client) {
            self.pace.add_free(client);
        }
        while self.clients.flights.waiting() < WINDOW && self.send_one_due(net, self.clock.now()) {}
    }

    /// Sends what the schedule has due, from the clients that have waited longest.
    pub(super) fn send_what_is_due(&mut self, net: &mut Net) {
        let now = self.clock.read();
        if let Some(late) = self.pace.disarm(now) {
            self.interval.note_turn(Duration::from_nanos(late));
        }
        for _ in 0..BATCH {
            if !self.send_one_due(net, now) {
                break;
            }
        }
        self.arm_request(net);
    }

    /// At the end of an open loop nothing that was due may be forgotten for the loop's own lateness.
    pub(super) fn send_all_due(&mut self, net: &mut Net) {
        let now = self.clock.read();
        while self.pace.is_open_loop() && self.send_one_due(net, now) {}
    }

    fn send_one_due(&mut self, net: &mut Net, now: u64) -> bool {
        let Some(planned) = self.pace.due(now) else { return false };
        while let Some(client) = self.pace.take_free() {
            if self.can_send(client) {
                let sent = self.clock.read();
                self.issue(net, client, planned, sent);
                if self.can_send(client) {
                    self.pace.add_free(client);
                }
                return true;
            }
        }
        false
    }

    #[inline]
    fn arm_request(&mut self, net: &mut Net) {
        if let Some(due) = self.pace.arm() {
            let wait = due.saturating_sub(self.clock.read());
            set_timer(net, Duration::from_nanos(wait), Alarm::RequestDue);
        }
    }

    #[inline]
    fn can_send(&self, client: ClientId) -> bool {
        let stage = self.clients[client].stage;
        if self.plan.churn {
            stage == Stage::Idle
        } else {
            stage == Stage::Alive && self.clients.flights.has_room(client)
        }
    }

    #[inline(always)]
    fn issue(&mut self, net: &mut Net, id: ClientId, planned: u64, sent: u64) {
        let is_measured = self.phase == Phase::Measure;
        self.pace.issue();
        if is_measured {
            self.ledger.issued();
            self.clients[id].asked += 1;
        }
        if self.plan.churn {
            let client = &mut self.clients[id];
            (client.planned, client.is_measured) = (planned, is_measured);
            self.open_session(net, id, FlightKind::Request);
        } else {
            self.send_at(net, id, FlightKind::Request, planned, sent, is_measured);
        }
    }

    /// Sends a request, or what else the kind says.
    ///
    /// The clock is read for it and not once a turn. On a stream that is being served the bytes leave when its callback
    /// ends, a microsecond later; what an alarm sends leaves with the turn's flush, see [`BATCH`].
    pub(super) fn send(
        &mut self,
        net: &mut Net,
        client: ClientId,
        kind: FlightKind,
        planned: u64,
        is_measured: bool,
    ) {
        let sent = self.clock.read();
        self.send_at(net, client, kind, planned, sent, is_measured);
    }

    #[inline(always)]
    fn send_at(
        &mut self,
        net: &mut Net,
        id: ClientId,
        kind: FlightKind,
        planned: u64,
        sent: u64,
        is_measured: bool,
    ) {
        let client = &mut self.clients[id];
        let (socket, sequence, free_since) = (client.socket, client.sequence, client.free_since);
        if kind != FlightKind::Farewell {
            client.sequence += 1;
        }
        let is_open_loop = self.pace.is_open_loop();
        // In a closed loop a request is planned when it is sent; with a connection of its own, when that was begun.
        let planned = if is_open_loop || self.plan.churn { planned } else { sent };
        let request = match kind {
            FlightKind::Farewell => self.plan.script.farewell.as_deref().unwrap_or_default(),
            FlightKind::Proof | FlightKind::Request => self.requests.text(RequestId { client: id, sequence }),
        };
        let size = request.len() as u64;
        if self.is_datagram {
            net.send_datagram(socket.datagrams(), request);
        } else if size > 0 {
            net.send(socket.conn(), request);
        }
        let state = FlightState::Waiting;
        let flight = Flight { sequence, planned, sent, kind, state, is_measured, is_overtaken: false };
        self.clients.flights.push(id, flight);
        self.arm_deadline(net);
        if is_measured {
            self.ledger.sent(size);
            if is_open_loop {
                let lag = self.pace.lag(planned, free_since, sent);
                self.ledger.latencies().record_lag(lag);
            }
        }
    }
}
