//! How clients come to life, and how their sessions end.

use crate::load::books::outcome::Phase;
use crate::load::clients::client::{Kind, Stage, State};
use crate::load::engine::handler::{Driver, FAREWELL, HANDSHAKE, RAMP, REST, nanoseconds};
use crate::load::engine::pace::WINDOW;
use crate::load::plan::rate::Schedule;
use crate::load::report::{counted, shown};
use hullo::{CloseReason, ConnId, DatagramId, Net};
use std::time::Duration;

/// Handshakes in flight at once.
const HANDSHAKES: u32 = 256;
/// How long a client waits after a session that went wrong, so that a dead server is not hammered.
const PAUSE: Duration = Duration::from_millis(10);

/// How long the server may take to close after the farewell. Whoever closes first keeps the port for a minute, and it is
/// better that the server does.
const PATIENCE: Duration = Duration::from_millis(100);

#[derive(Default)]
pub(crate) struct Ramp {
    /// Clients begun, and those of them that came to life or failed.
    begun: u32,
    settled: u32,
    /// When a client last came to life.
    last: u64,
    is_armed: bool,
    /// Clients are being begun: one that fails at once need not begin the next.
    is_running: bool,
}

impl Driver<'_> {
    /// Begins as many clients as may be.
    pub(crate) fn ramp_on(&mut self, net: &mut Net) {
        if !std::mem::replace(&mut self.ramp.is_running, true) {
            self.begin_clients(net);
            self.ramp.is_running = false;
        }
    }

    fn begin_clients(&mut self, net: &mut Net) {
        let clients = self.plan.clients as u32;
        let most = if self.is_datagram { WINDOW as u32 } else { HANDSHAKES };
        let rate = self.plan.connect_rate.map(|rate| Schedule::new(rate, Duration::ZERO));
        while self.phase == Phase::Ramp
            && self.ramp.begun < clients
            && self.ramp.begun - self.ramp.settled < most
        {
            let due = rate.map_or(0, |schedule| schedule.due(self.ramp.begun.into()));
            let now = self.clock();
            if due > now {
                if !std::mem::replace(&mut self.ramp.is_armed, true) {
                    net.set_timer(Duration::from_nanos(due - now), RAMP);
                }
                return;
            }
            let lane = self.ramp.begun;
            self.ramp.begun += 1;
            self.open_session(net, lane, Kind::Proof);
        }
    }

    pub(crate) fn ramp_timer(&mut self, net: &mut Net) {
        self.ramp.is_armed = false;
        self.ramp_on(net);
    }

    /// One client more has come to life or failed in the ramp.
    pub(crate) fn settle(&mut self, net: &mut Net) {
        if self.phase != Phase::Ramp {
            return;
        }
        self.ramp.settled += 1;
        if self.ramp.settled as usize == self.plan.clients {
            self.warm_up(net);
        } else {
            self.ramp_on(net);
        }
    }

    pub(crate) fn open_session(&mut self, net: &mut Net, lane: u32, errand: Kind) {
        let target = self.plan.targets[self.target].clone();
        let source = self.plan.sources.map(|sources| sources.of(lane.into()));
        let id = match (self.is_datagram, source) {
            (false, None) => net.connect(target).map(ConnId::to_bits),
            (false, Some(source)) => net.connect_from(source, target).map(ConnId::to_bits),
            (true, None) => net.connect_datagrams(target).map(DatagramId::to_bits),
            (true, Some(source)) => net.connect_datagrams_from(source, target).map(DatagramId::to_bits),
        };
        let since = self.clock();
        let client = self.lanes.lane(lane);
        (client.stage, client.errand, client.at, client.since) = (Stage::Opening, errand, 0, since);
        client.target = self.target as u16;
        (client.may_skip_newline, client.has_stash) = (false, false);
        self.stashes.remove(&lane);
        match id {
            Ok(id) => {
                self.lanes.lane(lane).id = id;
                self.owners.insert(ConnId::from_bits(id), lane);
                self.lanes.handshakes.push(lane);
                self.arm_handshake(net);
                if self.is_datagram {
                    self.lanes.lane(lane).stage = Stage::Proving;
                    self.send(net, lane, Kind::Proof, since, false);
                }
            }
            Err(error) => {
                let cause = crate::load::engine::handler::cause(Some(&error));
                self.session_failed(net, lane, &cause);
            }
        }
    }

    fn arm_handshake(&mut self, net: &mut Net) {
        if !self.handshake_is_armed
            && let Some(first) = self.lanes.handshakes.first()
        {
            self.handshake_is_armed = true;
            let due = self.lanes.lane(first).since + nanoseconds(self.plan.connect_timeout);
            net.set_timer(Duration::from_nanos(due.saturating_sub(self.clock())), HANDSHAKE);
        }
    }

    /// Some clients may have taken too long.
    pub(crate) fn handshakes(&mut self, net: &mut Net) {
        self.handshake_is_armed = false;
        let (limit, heard) = (nanoseconds(self.plan.connect_timeout), self.heard_until(net));
        while let Some(lane) = self.lanes.handshakes.first() {
            let client = self.lanes.lane(lane);
            if client.since + limit > heard {
                break;
            }
            let cause = match client.stage {
                Stage::Opening => "not connected in time",
                Stage::Welcome => "no welcome in time",
                _ => "no first reply in time",
            };
            let id = ConnId::from_bits(client.id);
            self.keep_last_words(lane);
            self.drop_session(net, id);
            self.session_failed(net, lane, cause);
            self.give_up_ramp(net, limit);
        }
        self.arm_handshake(net);
    }

    /// Where nobody has come to life for as long as one client may take, more of the same is not waited for.
    fn give_up_ramp(&mut self, net: &mut Net, limit: u64) {
        let rest = self.plan.clients as u32 - self.ramp.begun;
        if self.phase != Phase::Ramp || rest == 0 || self.now < self.ramp.last + limit {
            return;
        }
        self.faults.push(format!(
            "{} not begun: nobody came to life for {}",
            counted(rest.into(), "client was", "clients were"),
            shown(self.plan.connect_timeout)
        ));
        self.ramp.begun += rest;
        for _ in 0..rest {
            self.connections.failed += 1;
            self.ledger.fail_to_live("not begun");
            self.settle(net);
        }
    }

    pub(crate) fn connected(&mut self, net: &mut Net, lane: u32) {
        if self.lanes.lane(lane).stage != Stage::Opening {
            return;
        }
        if self.plan.script.welcome.is_some() {
            self.lanes.lane(lane).stage = Stage::Welcome;
        } else {
            self.lanes.lane(lane).stage = Stage::Proving;
            self.send_errand(net, lane);
        }
    }

    /// Its welcome or its first reply has come, and was right.
    pub(crate) fn come_alive(&mut self, net: &mut Net, lane: u32) {
        self.lanes.handshakes.remove(lane);
        let client = self.lanes.lane(lane);
        let (since, is_first) = (client.since, !client.was_alive);
        let had_welcome = client.stage == Stage::Welcome;
        (client.stage, client.was_alive) = (Stage::Alive, true);
        client.free_since = self.now;
        self.ledger.latencies().record_connect(self.now.saturating_sub(since));
        self.connections.alive += 1;
        self.alive_now += 1;
        self.ramp.last = self.now;
        if self.plan.churn && had_welcome {
            self.send_errand(net, lane);
        }
        if is_first && !self.plan.churn {
            self.settle(net);
        }
    }

    /// What the session is for: in a ramp to see a reply, later for a request.
    fn send_errand(&mut self, net: &mut Net, lane: u32) {
        let client = self.lanes.lane(lane);
        let (errand, planned, is_measured) = (client.errand, client.planned, client.is_measured);
        self.send(net, lane, errand, planned, is_measured && errand == Kind::Request);
    }

    /// The one request of a session is answered.
    pub(crate) fn leave(&mut self, net: &mut Net, lane: u32) {
        let client = self.lanes.lane(lane);
        client.stage = Stage::Leaving;
        let id = ConnId::from_bits(client.id);
        let script = &self.plan.script;
        if script.ends_after_reply || script.farewell.is_some() {
            // The server closes; without a farewell nothing is sent.
            self.send(net, lane, Kind::Farewell, self.now, false);
        } else {
            net.close(id);
            return;
        }
        self.lanes.lane(lane).free_since = self.now;
        net.set_timer(PATIENCE, FAREWELL | u64::from(lane) << 8);
    }

    /// A server that has not closed by now does not know the word.
    pub(crate) fn close_by_ourselves(&mut self, net: &mut Net, lane: u32) {
        let client = self.lanes.lane(lane);
        if client.stage == Stage::Leaving && client.free_since + nanoseconds(PATIENCE) <= self.now {
            net.close(ConnId::from_bits(client.id));
        }
    }

    /// Of a name that has several addresses the server may have one. Where nobody has come to life yet, the client that
    /// found none goes on to the next, and those after it begin there: nobody connects only to see who is there, since
    /// that may be the one connection that a server takes.
    fn try_next_target(&mut self, net: &mut Net, lane: u32) -> bool {
        let client = self.lanes.lane(lane);
        let is_unreached = match client.stage {
            Stage::Opening => true,
            Stage::Proving => self.is_datagram,
            _ => false,
        };
        let (errand, next) = (client.errand, usize::from(client.target) + 1);
        if !is_unreached || next >= self.plan.targets.len() || self.connections.alive > 0 {
            return false;
        }
        self.forget_flights(lane);
        self.target = self.target.max(next);
        self.ramp.last = self.now;
        self.open_session(net, lane, errand);
        true
    }

    /// It did not come to life.
    pub(crate) fn session_failed(&mut self, net: &mut Net, lane: u32, cause: &str) {
        self.lanes.handshakes.remove(lane);
        if self.try_next_target(net, lane) {
            return;
        }
        self.connections.failed += 1;
        self.ledger.fail_to_live(cause);
        self.forget_flights(lane);
        let client = self.lanes.lane(lane);
        if self.plan.churn {
            if client.is_measured && client.stage != Stage::Proving {
                self.ledger.never_sent(1);
            }
            self.rest(net, lane);
            if self.connections.alive == 0 && self.connections.failed >= self.connections.asked {
                return self.end_early(net, "no connection came to life, and no more were tried");
            }
            // Without an end by the clock a dead server is not asked for ever.
            let patience = self.plan.connect_timeout;
            let is_given_up = self.now >= self.ramp.last + nanoseconds(patience);
            if self.phase == Phase::Measure && self.asked().is_none() && is_given_up {
                let fault =
                    format!("no connection came to life for {}, and no more were tried", shown(patience));
                return self.end_early(net, &fault);
            }
        } else {
            client.stage = Stage::Gone;
            self.settle(net);
        }
        self.check_end(net);
    }

    /// A connection has ended.
    pub(crate) fn session_over(&mut self, net: &mut Net, lane: u32, reason: CloseReason) {
        let cause = match reason {
            CloseReason::PeerClosed => "closed by the server",
            CloseReason::Reset => "reset by the server",
            _ => "connection broken",
        };
        if let Stage::Alive | Stage::Welcome | Stage::Proving = self.lanes.lane(lane).stage {
            self.keep_last_words(lane);
        }
        match self.lanes.lane(lane).stage {
            Stage::Leaving => {
                self.alive_now = self.alive_now.saturating_sub(1);
                self.forget_flights(lane);
                let client = self.lanes.lane(lane);
                (client.stage, client.free_since) = (Stage::Idle, self.now);
                self.offer(net, lane);
                self.check_end(net);
            }
            Stage::Alive => {
                self.connections.lost += 1;
                self.alive_now -= 1;
                self.ledger.fail(cause);
                self.lanes.lane(lane).stage = Stage::Gone;
                self.forget_flights(lane);
                if self.plan.churn {
                    self.rest(net, lane);
                } else if self.alive_now == 0 && self.phase != Phase::Ramp {
                    if self.phase == Phase::Drain {
                        return self.finish(net);
                    }
                    return self.end_early(net, "every client was lost before the end");
                }
                self.check_end(net);
            }
            Stage::Welcome => self.session_failed(net, lane, &format!("{cause} before the welcome")),
            Stage::Proving => self.session_failed(net, lane, &format!("{cause} before the first reply")),
            _ => {}
        }
    }

    /// A request with a connection of its own was not answered in time: a new one begins anew.
    pub(crate) fn give_up_session(&mut self, net: &mut Net, lane: u32) {
        let client = self.lanes.lane(lane);
        let (id, was_proving) = (ConnId::from_bits(client.id), client.stage == Stage::Proving);
        self.drop_session(net, id);
        self.lanes.handshakes.remove(lane);
        if was_proving {
            self.connections.failed += 1;
            self.ledger.fail_to_live("no first reply in time");
        } else {
            self.connections.lost += 1;
            self.alive_now = self.alive_now.saturating_sub(1);
        }
        self.forget_flights(lane);
        self.rest(net, lane);
    }

    /// Ends it on our side; nothing more is heard of it.
    pub(crate) fn drop_session(&mut self, net: &mut Net, id: ConnId) {
        self.owners.remove(id);
        if self.is_datagram {
            net.close_datagrams(DatagramId::from_bits(id.to_bits()));
        } else {
            net.abort(id);
        }
    }

    /// What was under way on a connection is lost with it.
    fn forget_flights(&mut self, lane: u32) {
        self.forget_lost(lane);
        let places: Vec<u32> = self.lanes.under_way(lane).collect();
        for place in places {
            let flight = *self.lanes.flight(place);
            self.lanes.finish(lane, place);
            if !flight.is_measured {
                continue;
            }
            match flight.state {
                State::Waiting | State::Unsent => self.ledger.lost_with_connection(),
                State::Overdue => self.ledger.forgotten(1),
                State::Done => {}
            }
        }
    }

    fn rest(&mut self, net: &mut Net, lane: u32) {
        self.lanes.lane(lane).stage = Stage::Resting;
        net.set_timer(PAUSE, REST | u64::from(lane) << 8);
    }

    pub(crate) fn rested(&mut self, net: &mut Net, lane: u32) {
        let client = self.lanes.lane(lane);
        if client.stage == Stage::Resting {
            (client.stage, client.free_since) = (Stage::Idle, self.now);
            self.offer(net, lane);
        }
    }
}
