//! How a conversation comes to its end: all is said, the server ends its side, time runs out.

use super::TalkOutcome;
use super::failure::TalkError;
use super::talker::{Peer, Progress, REPLY_PAUSE, TalkPhase, Talker};
use hullo::{CloseReason, Closed, ConnId, Net};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::SockRef;
use std::time::Duration;

/// How often it is looked whether the rest of our output was taken, of which no event tells.
const FLUSH_CHECK: Duration = Duration::from_millis(5);

impl Talker<'_> {
    /// Nothing more will be said.
    pub fn end_our_side(&mut self, net: &mut Net) {
        if let Some(clock) = self.interval_timer.take() {
            net.cancel_timer(clock);
        }
        self.progress.at = net.now();
        let patience = self.unless_zero(self.plan.timeout);
        match &self.peer {
            Peer::Stream(_) if self.has_server_ended => {
                self.enter(net, TalkPhase::Flushing, None);
                self.flush_then_close(net);
            }
            Peer::Stream(conn) if self.outgoing.farewell_sent && !self.plan.framing.is_lines() => {
                net.close(*conn); // It is answered.
                self.enter(net, TalkPhase::Closing, patience);
            }
            Peer::Stream(conn) => {
                let conn = *conn;
                net.shutdown_write(conn);
                self.progress.output_mark = net.info(conn).map_or(0, |info| info.bytes_out);
                self.enter(net, TalkPhase::AwaitingEnd, self.check_interval());
            }
            // Nobody need answer, but a refusal is worth a moment.
            Peer::Datagrams(exchange) if exchange.unanswered == 0 => {
                let moment = if exchange.has_answered { Duration::ZERO } else { REPLY_PAUSE };
                self.enter(net, TalkPhase::AwaitingEnd, Some(moment));
            }
            Peer::Datagrams(_) => self.enter(net, TalkPhase::AwaitingEnd, patience),
        }
    }

    /// The server will say nothing more. That says nothing about us: it may be reading on, and only what we send tells.
    pub fn on_server_end(&mut self, net: &mut Net) {
        self.progress.at = net.now();
        if let TalkPhase::AwaitingEnd | TalkPhase::Closing = self.phase {
            return; // So did we, and the connection closes.
        }
        self.has_server_ended = true;
        self.server_ended_unasked = !self.outgoing.farewell_sent;
        match self.phase {
            TalkPhase::AwaitingInterval => self.await_input(net),
            _ => self.continue_sending(net),
        }
    }

    /// There is nothing to say yet.
    pub fn await_input(&mut self, net: &mut Net) {
        if self.interval_timer.is_some() {
            self.phase = TalkPhase::AwaitingInterval;
        }
        let Peer::Stream(conn) = self.peer else { return };
        if self.has_server_ended {
            let patience = match self.outgoing.is_interactive || has_hung_up(net, conn) {
                true => Some(REPLY_PAUSE), // Whoever types sees that it is over; and nobody is there to be told.
                false => self.unless_zero(self.plan.timeout),
            };
            self.set_phase_timer(net, patience);
        }
    }

    /// Waits until the server has taken all: one that ended its side may have closed, and would answer with a reset.
    fn flush_then_close(&mut self, net: &mut Net) {
        let Peer::Stream(conn) = self.peer else { return };
        let untaken = net.controls(conn).and_then(|controls| controls.untaken()).unwrap_or(0);
        let left = (net.waiting(conn) + untaken) as u64;
        if left == 0 {
            if net.close(conn) {
                self.enter(net, TalkPhase::Closing, self.unless_zero(self.plan.timeout));
            }
            return; // What failed in this very turn is told in it, too.
        }
        match self.remaining_time(net, left) {
            Some(rest) => self.set_phase_timer(net, Some(rest.min(FLUSH_CHECK))),
            None => self.fail(net, TalkError::not_read(&self.plan.address, self.plan.timeout)),
        }
    }

    /// The connection is gone.
    pub fn on_closed(&mut self, net: &mut Net, conn: ConnId, closed: Closed) {
        let address = &self.plan.address;
        let is_done_with = matches!(self.phase, TalkPhase::Closing) && closed.unsent == 0;
        let is_orderly = matches!(closed.reason, CloseReason::PeerClosed | CloseReason::ByUs);
        if !is_done_with && (!is_orderly || has_failed(net, conn)) {
            let reason = if is_orderly { CloseReason::Reset } else { closed.reason };
            let is_unsaid = self.has_server_ended || closed.unsent > 0 || self.outgoing.has_message();
            return self.fail(net, TalkError::cut_off(address, reason, is_unsaid));
        }
        if self.is_answer_due {
            return self.fail(net, TalkError::unanswered(address));
        }
        self.stop_with(net, Ok(TalkOutcome::Done));
    }

    /// The phase has taken as long as it may.
    pub fn on_phase_timeout(&mut self, net: &mut Net) {
        let (address, timeout) = (&self.plan.address, self.plan.timeout);
        let may_go_on = self.may_stay_unanswered();
        match &self.phase {
            TalkPhase::AwaitingWelcome(welcome) if welcome.is_certain && !welcome.is_open_ended() => {
                self.fail(net, TalkError::no_welcome(address, self.plan.dialect.name(), timeout));
            }
            TalkPhase::AwaitingAnswer(answer) if !may_go_on && !answer.is_open_ended() => {
                self.fail(net, self.no_answer())
            }
            TalkPhase::AwaitingWelcome(_) | TalkPhase::AwaitingAnswer(_) => self.continue_sending(net),
            TalkPhase::AwaitingInterval if self.outgoing.has_message() => {}
            TalkPhase::Sending | TalkPhase::AwaitingInterval => self.end_our_side(net),
            TalkPhase::Flushing => self.flush_then_close(net),
            TalkPhase::AwaitingEnd => self.check_progress(net),
            TalkPhase::Closing => self.stop_with(net, Ok(TalkOutcome::Done)),
            TalkPhase::Connecting => {}
        }
    }

    /// The end has not come in time, unless something has moved since.
    fn check_progress(&mut self, net: &mut Net) {
        let conn = match &self.peer {
            Peer::Stream(conn) => *conn,
            Peer::Datagrams(exchange) if exchange.unanswered == 0 => {
                return self.stop_with(net, Ok(TalkOutcome::Done));
            }
            Peer::Datagrams(_) => return self.fail(net, self.no_answer()),
        };
        let left = net.info(conn).map_or(0, |info| info.bytes_out);
        match self.remaining_time(net, left) {
            Some(rest) => self
                .set_phase_timer(net, self.check_interval().map(|check_interval| check_interval.min(rest))),
            None => {
                self.fail(net, TalkError::no_end(&self.plan.address, self.plan.timeout, self.is_answer_due))
            }
        }
    }

    /// How much of the timeout is left since something moved last, our output by its mark included; `None` if nothing is.
    fn remaining_time(&mut self, net: &Net, mark: u64) -> Option<Duration> {
        if mark != self.progress.output_mark {
            self.progress = Progress { at: net.now(), output_mark: mark };
        }
        let Some(timeout) = self.unless_zero(self.plan.timeout) else { return Some(Duration::MAX) };
        let since = net.now().saturating_duration_since(self.progress.at);
        timeout.checked_sub(since).filter(|rest| !rest.is_zero())
    }

    /// How often it is looked whether our bytes still leave, of which nothing else tells.
    fn check_interval(&self) -> Option<Duration> {
        self.unless_zero(self.plan.timeout / 8)
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
