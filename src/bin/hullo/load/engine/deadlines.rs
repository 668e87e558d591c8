//! What is judged by its lateness: requests that are not answered in time, and sessions that do not come to life.

use crate::load::books::causes::Cause;
use crate::load::clients::client::{Client, Stage};
use crate::load::clients::flights::{FlightId, FlightKind};
use crate::load::engine::alarm::Alarm;
use crate::load::engine::clock::nanoseconds;
use crate::load::engine::{Engine, set_timer};
use hullo::{Net, TlsSession};
use std::time::Duration;

impl Engine<'_> {
    /// All requests wait equally long, so that one alarm does for them.
    #[inline]
    pub(super) fn arm_deadline(&mut self, net: &mut Net) {
        if !self.is_deadline_armed {
            self.is_deadline_armed = true;
            set_timer(net, self.plan.timeout, Alarm::Deadline);
        }
    }

    /// Some requests may have waited for too long.
    pub(super) fn check_deadlines(&mut self, net: &mut Net) {
        self.is_deadline_armed = false;
        let (timeout, heard) = (nanoseconds(self.plan.timeout), self.clock.heard_until(net));
        while let Some(flight) = self.clients.flights.deadlines.first() {
            let due = self.clients.flights.get(flight).sent + timeout;
            if due > heard {
                self.is_deadline_armed = true;
                let wait = Duration::from_nanos(due.saturating_sub(self.clock.read()));
                return set_timer(net, wait, Alarm::Deadline);
            }
            self.time_out(net, flight);
        }
    }

    fn time_out(&mut self, net: &mut Net, flight: FlightId) {
        let client = self.clients.flights.client_of(flight);
        match self.clients.flights.get(flight).kind {
            FlightKind::Proof if self.is_datagram => {
                self.clients.flights.finish(client, flight);
                if self.clients[client].stage == Stage::Proving {
                    self.send(net, client, FlightKind::Proof, self.clock.now(), false);
                }
            }
            FlightKind::Proof => self.clients.flights.set_overdue(client, flight),
            FlightKind::Farewell => {
                self.clients.flights.finish(client, flight);
                net.abort(self.clients[client].socket.conn());
            }
            FlightKind::Request => {
                let (replies, mut context) = self.judge();
                replies.time_out(&mut context, client, flight);
                if self.plan.churn {
                    self.give_up_session(net, client);
                } else {
                    self.offer(net, client);
                }
                self.check_end(net);
            }
        }
    }

    /// All sessions may take equally long to come to life, so that one alarm does for them.
    pub(super) fn arm_handshake(&mut self, net: &mut Net) {
        if !self.is_handshake_armed
            && let Some(first) = self.clients.handshakes.first()
        {
            self.is_handshake_armed = true;
            let due = self.clients[first].since + nanoseconds(self.plan.connect_timeout);
            let wait = Duration::from_nanos(due.saturating_sub(self.clock.read()));
            set_timer(net, wait, Alarm::Handshake);
        }
    }

    /// Some sessions may have taken too long to come to life.
    pub(super) fn check_handshakes(&mut self, net: &mut Net) {
        self.is_handshake_armed = false;
        let (limit, heard) = (nanoseconds(self.plan.connect_timeout), self.clock.heard_until(net));
        while let Some(id) = self.clients.handshakes.first() {
            let client = &self.clients[id];
            if client.since + limit > heard {
                break;
            }
            let cause = match client.stage {
                Stage::Opening if is_shaking_hands(net, client) => Cause::NoHandshakeInTime,
                Stage::Opening => Cause::NotConnectedInTime,
                Stage::Welcome => Cause::NoWelcomeInTime,
                _ => Cause::NoFirstReplyInTime,
            };
            self.replies.keep_last_words(&self.clients, &mut self.ledger, id);
            self.fail_handshake(net, id, cause);
            self.give_up_ramp(net);
        }
        self.arm_handshake(net);
    }
}

/// Whether a client that is to be opened has its connection, and TLS is what it waits for.
fn is_shaking_hands(net: &Net, client: &Client) -> bool {
    net.layer::<TlsSession>(client.socket.conn()).is_some()
}
