//! How clients come to life, and how their sessions end.

use crate::load::books::causes::{Cause, SessionEnd};
use crate::load::books::outcome::{Mishap, Phase};
use crate::load::clients::client::Stage;
use crate::load::clients::flights::FlightKind;
use crate::load::clients::ramp::RampStep;
use crate::load::engine::alarm::Alarm;
use crate::load::engine::clock::nanoseconds;
use crate::load::engine::{Engine, set_timer};
use crate::load::text::request::ClientId;
use hullo::{CloseReason, Net};
use std::time::Duration;

/// How long a client waits after a session that went wrong, so that a dead server is not hammered.
const BACK_OFF: Duration = Duration::from_millis(10);

/// How long the server may take to close after the farewell. Whoever closes first keeps the port for a minute, and it is
/// better that the server does.
const PATIENCE: Duration = Duration::from_millis(100);

impl Engine<'_> {
    /// Begins as many clients as may be.
    pub(super) fn continue_ramp(&mut self, net: &mut Net) {
        if !self.ramp.start() {
            return;
        }
        while self.phase == Phase::Ramp {
            match self.ramp.next(self.clock.read()) {
                RampStep::Begin(client) => self.open_session(net, client, FlightKind::Proof),
                RampStep::Wait(time) => set_timer(net, Duration::from_nanos(time), Alarm::ClientDue),
                RampStep::Rest => break,
            }
        }
        self.ramp.stop();
    }

    pub(super) fn begin_client_due(&mut self, net: &mut Net) {
        self.ramp.stop_waiting();
        self.continue_ramp(net);
    }

    /// One client more has come to life or failed in the ramp.
    fn settle(&mut self, net: &mut Net) {
        if self.phase != Phase::Ramp {
            return;
        }
        if self.ramp.settle() {
            self.warm_up(net);
        } else {
            self.continue_ramp(net);
        }
    }

    /// Where nobody has come to life for as long as one client may take, more of the same is not waited for.
    pub(super) fn give_up_ramp(&mut self, net: &mut Net) {
        let limit = nanoseconds(self.plan.connect_timeout);
        let is_over = self.phase != Phase::Ramp || self.ramp.has_begun_all();
        if is_over || !self.ramp.is_stuck(self.clock.now(), limit) {
            return;
        }
        let rest = self.ramp.give_up();
        self.mishaps.push(Mishap::NotBegun(rest.into(), self.plan.connect_timeout));
        for _ in 0..rest {
            self.sessions.failed();
            self.ledger.fail_to_live(Cause::NotBegun);
            self.settle(net);
        }
    }

    pub(super) fn open_session(&mut self, net: &mut Net, client: ClientId, errand: FlightKind) {
        let connected = self.sessions.connect(net, client);
        let since = self.clock.read();
        self.sessions.begin(&mut self.clients[client], errand, since);
        self.replies.begin_session(client);
        match connected {
            Ok(socket) => {
                self.sessions.assign(&mut self.clients, client, socket);
                self.clients.handshakes.push(client);
                self.arm_handshake(net);
                if self.is_datagram {
                    self.clients[client].stage = Stage::Proving;
                    self.send(net, client, FlightKind::Proof, since, false);
                }
            }
            Err(error) => self.session_failed(net, client, Cause::of_connect(Some(&error))),
        }
    }

    pub(super) fn connected(&mut self, net: &mut Net, id: ClientId) {
        let client = &mut self.clients[id];
        if client.stage != Stage::Opening {
            return;
        }
        if self.plan.tls.is_some() {
            let since = client.since;
            self.ledger.latencies().record_handshake(self.clock.now().saturating_sub(since));
        }
        if self.plan.script.welcome.is_some() {
            client.stage = Stage::Welcome;
        } else {
            client.stage = Stage::Proving;
            self.send_errand(net, id);
        }
    }

    /// The welcome or the first reply has come, and was right.
    pub(super) fn come_alive(&mut self, net: &mut Net, id: ClientId) {
        self.clients.handshakes.remove(id);
        let now = self.clock.now();
        let client = &mut self.clients[id];
        let is_first = !client.was_alive;
        let had_welcome = client.stage == Stage::Welcome;
        (client.stage, client.was_alive, client.free_since) = (Stage::Alive, true, now);
        self.ledger.latencies().record_connect(now.saturating_sub(client.since));
        self.sessions.came_alive();
        self.ramp.be_patient_since(now);
        if self.plan.churn && had_welcome {
            self.send_errand(net, id);
        }
        if is_first && !self.plan.churn {
            self.settle(net);
        }
    }

    /// Sends what the session is for: in a ramp what shows a reply, later a request.
    fn send_errand(&mut self, net: &mut Net, id: ClientId) {
        let client = &self.clients[id];
        let is_measured = client.is_measured && client.errand == FlightKind::Request;
        self.send(net, id, client.errand, client.planned, is_measured);
    }

    /// The one request of a session is answered.
    pub(super) fn leave(&mut self, net: &mut Net, id: ClientId) {
        let script = &self.plan.script;
        let client = &mut self.clients[id];
        client.stage = Stage::Leaving;
        if !script.ends_after_reply && script.farewell.is_none() {
            net.close(client.socket.conn());
            return;
        }
        // The server closes; without a farewell nothing is sent.
        let now = self.clock.now();
        client.free_since = now;
        self.send(net, id, FlightKind::Farewell, now, false);
        set_timer(net, PATIENCE, Alarm::FarewellOverdue(id));
    }

    /// A server that has not closed by now does not know the farewell.
    pub(super) fn close_ourselves(&mut self, net: &mut Net, id: ClientId) {
        let client = &self.clients[id];
        let is_due = client.free_since + nanoseconds(PATIENCE) <= self.clock.now();
        if client.stage == Stage::Leaving && is_due {
            net.close(client.socket.conn());
        }
    }

    /// Ends a session that did not come to life.
    pub(super) fn fail_handshake(&mut self, net: &mut Net, client: ClientId, cause: Cause) {
        self.sessions.give_up(net, self.clients[client].socket);
        self.session_failed(net, client, cause);
    }

    /// A session did not come to life.
    pub(super) fn session_failed(&mut self, net: &mut Net, id: ClientId, cause: Cause) {
        self.clients.handshakes.remove(id);
        let is_reached = matches!(cause, Cause::Handshake(_) | Cause::NoHandshakeInTime);
        if !is_reached && self.sessions.try_next_target(&self.clients[id]) {
            self.lose_flights(id);
            self.ramp.be_patient_since(self.clock.now());
            return self.open_session(net, id, self.clients[id].errand);
        }
        self.sessions.failed();
        self.ledger.fail_to_live(cause);
        self.lose_flights(id);
        let client = &mut self.clients[id];
        if !self.plan.churn {
            client.stage = Stage::Gone;
            self.settle(net);
            return self.check_end(net);
        }
        if client.is_measured && client.stage != Stage::Proving {
            self.ledger.never_sent(1);
        }
        self.back_off(net, id);
        let counts = self.sessions.counts();
        if counts.alive == 0 && counts.failed >= counts.asked {
            return self.end_early(net, Mishap::NothingConnects(None));
        }
        // Without an end by the clock a dead server is not asked for ever.
        let patience = self.plan.connect_timeout;
        let is_given_up = self.ramp.is_stuck(self.clock.now(), nanoseconds(patience));
        if self.phase == Phase::Measure && self.asked().is_none() && is_given_up {
            return self.end_early(net, Mishap::NothingConnects(Some(patience)));
        }
        self.check_end(net);
    }

    /// A connection has ended.
    pub(super) fn session_over(&mut self, net: &mut Net, id: ClientId, reason: CloseReason) {
        let end = match reason {
            CloseReason::PeerClosed => SessionEnd::Closed,
            CloseReason::Reset => SessionEnd::Reset,
            CloseReason::TlsAlert => SessionEnd::Alert,
            CloseReason::TlsTruncated => SessionEnd::Truncated,
            _ => SessionEnd::Broken,
        };
        let stage = self.clients[id].stage;
        if let Stage::Alive | Stage::Welcome | Stage::Proving = stage {
            self.replies.keep_last_words(&self.clients, &mut self.ledger, id);
        }
        match stage {
            Stage::Leaving => self.session_left(net, id),
            Stage::Alive => self.session_lost(net, id, Cause::Ended(end)),
            Stage::Welcome => self.session_failed(net, id, Cause::EndedBeforeWelcome(end)),
            Stage::Proving => self.session_failed(net, id, Cause::EndedBeforeFirstReply(end)),
            Stage::Idle | Stage::Opening | Stage::Resting | Stage::Gone => {}
        }
    }

    fn session_left(&mut self, net: &mut Net, client: ClientId) {
        self.sessions.left();
        self.lose_flights(client);
        self.be_idle(net, client);
        self.check_end(net);
    }

    fn session_lost(&mut self, net: &mut Net, client: ClientId, cause: Cause) {
        self.sessions.lost();
        self.ledger.fail(cause);
        self.clients[client].stage = Stage::Gone;
        self.lose_flights(client);
        if self.plan.churn {
            self.back_off(net, client);
        } else if self.sessions.alive_now() == 0 && self.phase != Phase::Ramp {
            if self.phase == Phase::Drain {
                return self.finish(net);
            }
            return self.end_early(net, Mishap::EveryClientLost);
        }
        self.check_end(net);
    }

    /// A request with a connection of its own was not answered in time: a new session begins anew.
    pub(super) fn give_up_session(&mut self, net: &mut Net, id: ClientId) {
        let was_proving = self.clients[id].stage == Stage::Proving;
        self.sessions.give_up(net, self.clients[id].socket);
        self.clients.handshakes.remove(id);
        if was_proving {
            self.sessions.failed();
            self.ledger.fail_to_live(Cause::NoFirstReplyInTime);
        } else {
            self.sessions.lost();
        }
        self.lose_flights(id);
        self.back_off(net, id);
    }

    /// What was under way on a connection is lost with it.
    fn lose_flights(&mut self, client: ClientId) {
        let (replies, mut context) = self.judge();
        replies.lose_flights(&mut context, client);
    }

    fn back_off(&mut self, net: &mut Net, client: ClientId) {
        self.clients[client].stage = Stage::Resting;
        set_timer(net, BACK_OFF, Alarm::BackOffOver(client));
    }

    pub(super) fn back_off_over(&mut self, net: &mut Net, client: ClientId) {
        if self.clients[client].stage == Stage::Resting {
            self.be_idle(net, client);
        }
    }

    /// A client is free for its next session.
    fn be_idle(&mut self, net: &mut Net, id: ClientId) {
        let client = &mut self.clients[id];
        (client.stage, client.free_since) = (Stage::Idle, self.clock.now());
        self.offer(net, id);
    }
}
