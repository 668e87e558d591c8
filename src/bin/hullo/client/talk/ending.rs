//! How a conversation comes to its end: all is said, the server ends its side, time runs out.

use super::Ending;
use super::failure::TalkError;
use super::talker::{PAUSE, Partner, Phase, Talker};
use hullo::{CloseReason, Closed, ConnId, Net};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::SockRef;
use std::time::Duration;

/// How often it is looked whether the rest of our output was taken, of which no event tells.
const LOOK: Duration = Duration::from_millis(5);

impl Talker<'_> {
    /// Nothing more will be said.
    pub fn finish(&mut self, net: &mut Net) {
        if let Some(clock) = self.clock.take() {
            net.cancel_timer(clock);
        }
        self.moved.0 = net.now();
        let patience = self.bounded(self.plan.timeout);
        match &self.partner {
            Partner::Stream(_) if self.has_server_ended => {
                self.enter(net, Phase::Settling, None);
                self.settle(net);
            }
            Partner::Stream(conn) if self.speech.said_bye && !self.plan.framing.is_lines() => {
                net.close(*conn); // It is answered.
                self.enter(net, Phase::Leaving, patience);
            }
            Partner::Stream(conn) => {
                let conn = *conn;
                net.shutdown_write(conn);
                self.moved.1 = net.info(conn).map_or(0, |info| info.bytes_out);
                self.enter(net, Phase::Ending, self.glance());
            }
            // Nobody need answer, but a refusal is worth a moment.
            Partner::Datagrams(letters) if letters.owed == 0 => {
                let moment = if letters.is_heard { Duration::ZERO } else { PAUSE };
                self.enter(net, Phase::Ending, Some(moment));
            }
            Partner::Datagrams(_) => self.enter(net, Phase::Ending, patience),
        }
    }

    /// The server will say nothing more. That says nothing about us: it may be reading on, and only what we send tells.
    pub fn server_ended(&mut self, net: &mut Net) {
        self.moved.0 = net.now();
        if let Phase::Ending | Phase::Leaving = self.phase {
            return; // So did we, and the connection closes.
        }
        self.has_server_ended = true;
        self.ended_unasked = !self.speech.said_bye;
        match self.phase {
            Phase::Interval => self.await_input(net),
            _ => self.go_on(net),
        }
    }

    /// There is nothing to say yet.
    pub fn await_input(&mut self, net: &mut Net) {
        if self.clock.is_some() {
            self.phase = Phase::Interval;
        }
        let Partner::Stream(conn) = self.partner else { return };
        if self.has_server_ended {
            let patience = match self.speech.is_live || has_hung_up(net, conn) {
                true => Some(PAUSE), // Whoever types sees that it is over; and nobody is there to be told.
                false => self.bounded(self.plan.timeout),
            };
            self.wait(net, patience);
        }
    }

    /// Waits until the server has taken all: one that ended its side may have closed, and would answer with a reset.
    fn settle(&mut self, net: &mut Net) {
        let Partner::Stream(conn) = self.partner else { return };
        let untaken = net.controls(conn).and_then(|controls| controls.untaken()).unwrap_or(0);
        let left = (net.waiting(conn) + untaken) as u64;
        if left == 0 {
            if net.close(conn) {
                self.enter(net, Phase::Leaving, self.bounded(self.plan.timeout));
            }
            return; // What failed in this very turn is told in it, too.
        }
        match self.rest_of_patience(net, left) {
            Some(rest) => self.wait(net, Some(rest.min(LOOK))),
            None => self.fail(net, TalkError::not_read(&self.plan.address, self.plan.timeout)),
        }
    }

    /// The connection is gone.
    pub fn gone(&mut self, net: &mut Net, conn: ConnId, closed: Closed) {
        let address = &self.plan.address;
        let is_done_with = matches!(self.phase, Phase::Leaving) && closed.unsent == 0;
        let is_orderly = matches!(closed.reason, CloseReason::PeerClosed | CloseReason::ByUs);
        if !is_done_with && (!is_orderly || has_failed(net, conn)) {
            let reason = if is_orderly { CloseReason::Reset } else { closed.reason };
            let is_unsaid = self.has_server_ended || closed.unsent > 0 || self.speech.is_ready();
            return self.fail(net, TalkError::cut_off(address, reason, is_unsaid));
        }
        if self.is_owed {
            return self.fail(net, TalkError::unanswered(address));
        }
        self.over(net, Ok(Ending::Done));
    }

    /// The phase has taken as long as it may.
    pub fn out_of_patience(&mut self, net: &mut Net) {
        let (address, timeout) = (&self.plan.address, self.plan.timeout);
        let may_go_on = self.may_stay_unanswered();
        match &self.phase {
            Phase::Welcome(welcome) if welcome.is_sure && !welcome.is_begun() => {
                self.fail(net, TalkError::no_welcome(address, self.plan.dialect.name(), timeout));
            }
            Phase::Answer(answer) if !may_go_on && !answer.is_begun() => self.fail(net, self.no_answer()),
            Phase::Welcome(_) | Phase::Answer(_) => self.go_on(net),
            Phase::Interval if self.speech.is_ready() => {}
            Phase::Free | Phase::Interval => self.finish(net),
            Phase::Settling => self.settle(net),
            Phase::Ending => self.end_is_due(net),
            Phase::Leaving => self.over(net, Ok(Ending::Done)),
            Phase::Connecting => {}
        }
    }

    /// The end has not come in time, unless something has moved since.
    fn end_is_due(&mut self, net: &mut Net) {
        let conn = match &self.partner {
            Partner::Stream(conn) => *conn,
            Partner::Datagrams(letters) if letters.owed == 0 => return self.over(net, Ok(Ending::Done)),
            Partner::Datagrams(_) => return self.fail(net, self.no_answer()),
        };
        let left = net.info(conn).map_or(0, |info| info.bytes_out);
        match self.rest_of_patience(net, left) {
            Some(rest) => self.wait(net, self.glance().map(|glance| glance.min(rest))),
            None => self.fail(net, TalkError::no_end(&self.plan.address, self.plan.timeout, self.is_owed)),
        }
    }

    /// How much of the timeout is left since something moved last, our output by its mark included; `None` if nothing is.
    fn rest_of_patience(&mut self, net: &Net, mark: u64) -> Option<Duration> {
        if mark != self.moved.1 {
            self.moved = (net.now(), mark);
        }
        let Some(timeout) = self.bounded(self.plan.timeout) else { return Some(Duration::MAX) };
        let since = net.now().saturating_duration_since(self.moved.0);
        timeout.checked_sub(since).filter(|rest| !rest.is_zero())
    }

    /// How often it is looked whether our bytes still leave, of which nothing else tells.
    fn glance(&self) -> Option<Duration> {
        self.bounded(self.plan.timeout / 8)
    }
}

/// Whether the peer has closed and not only ended its side. Unix sockets tell; TCP does not, before something is sent.
fn has_hung_up(net: &Net, conn: ConnId) -> bool {
    let Some(fd) = net.descriptor(conn) else { return true };
    let mut ask = [PollFd::new(fd, PollFlags::POLLIN)];
    poll(&mut ask, PollTimeout::ZERO).is_ok()
        && ask[0].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP))
}

/// Whether a reset came behind the end of the server's side: read(2) tells of that end alone.
fn has_failed(net: &Net, conn: ConnId) -> bool {
    net.descriptor(conn).is_some_and(|fd| SockRef::from(&fd).take_error().is_ok_and(|error| error.is_some()))
}
