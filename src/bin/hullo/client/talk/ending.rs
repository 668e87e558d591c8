//! How a conversation comes to its end: all is sent, the server ends its side, or time runs out.

use super::TalkOutcome;
use super::error::TalkError;
use super::talker::{Activity, Peer, REPLY_PAUSE, TalkPhase, Talker};
use hullo::{CloseReason, Closed, ConnId, Net};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::SockRef;
use std::time::Duration;

/// How often we look whether the server's system has acknowledged the rest of our output. No event tells of that.
const FLUSH_CHECK: Duration = Duration::from_millis(5);

impl Talker<'_> {
    /// Nothing more is to be sent: ends our side of the conversation.
    pub fn end_our_side(&mut self, net: &mut Net) {
        if let Some(clock) = self.interval_timer.take() {
            net.cancel_timer(clock);
        }
        self.activity.at = net.now();
        let patience = self.unless_zero(self.plan.timeout);
        match &self.peer {
            Peer::Stream(_) if self.has_server_ended => {
                self.enter(net, TalkPhase::Flushing, None);
                self.flush_then_close(net);
            }
            Peer::Stream(conn) if self.outgoing.farewell_sent && !self.plan.framing.is_lines() => {
                net.close(*conn); // The farewell has its answer.
                self.enter(net, TalkPhase::Closing, patience);
            }
            Peer::Stream(conn) => {
                let conn = *conn;
                net.shutdown_write(conn);
                self.activity.output_mark = net.info(conn).map_or(0, |info| info.bytes_out);
                self.enter(net, TalkPhase::AwaitingEnd, self.check_interval());
            }
            // No answer is missing, but it is worth waiting a moment for a refusal.
            Peer::Datagrams(exchange) if exchange.unanswered == 0 => {
                let moment = if exchange.has_answered { Duration::ZERO } else { REPLY_PAUSE };
                self.enter(net, TalkPhase::AwaitingEnd, Some(moment));
            }
            Peer::Datagrams(_) => self.enter(net, TalkPhase::AwaitingEnd, patience),
        }
    }

    /// The server has ended its side, and will say nothing more. It may still be reading: only sending shows whether it is.
    pub fn on_server_end(&mut self, net: &mut Net) {
        self.activity.at = net.now();
        if let TalkPhase::AwaitingEnd | TalkPhase::Closing = self.phase {
            return; // We have ended ours as well, so that the connection closes.
        }
        self.has_server_ended = true;
        self.server_ended_unasked = !self.outgoing.farewell_sent;
        match self.phase {
            TalkPhase::AwaitingInterval => self.await_input(net),
            _ => self.continue_sending(net),
        }
    }

    /// There is nothing to send yet.
    pub fn await_input(&mut self, net: &mut Net) {
        if self.interval_timer.is_some() {
            self.phase = TalkPhase::AwaitingInterval;
        }
        let Peer::Stream(conn) = self.peer else { return };
        if self.has_server_ended {
            let patience = match self.outgoing.is_interactive || has_hung_up(net, conn) {
                true => Some(REPLY_PAUSE), // Whoever types sees that it is over, or nobody is there to read it.
                false => self.unless_zero(self.plan.timeout),
            };
            self.set_phase_timer(net, patience);
        }
    }

    /// Waits until the server's system has acknowledged everything, and closes then. A server that ended its side may have closed
    /// altogether, and would answer what we send with a reset.
    fn flush_then_close(&mut self, net: &mut Net) {
        let Peer::Stream(conn) = self.peer else { return };
        let untaken = net.controls(conn).and_then(|controls| controls.untaken()).unwrap_or(0);
        let left = (net.waiting(conn) + untaken) as u64;
        if left == 0 {
            if net.close(conn) {
                self.enter(net, TalkPhase::Closing, self.unless_zero(self.plan.timeout));
            }
            return; // If the connection has failed in this turn, `closed` is called in this turn as well.
        }
        match self.remaining_time(net, left) {
            Some(rest) => self.set_phase_timer(net, Some(rest.min(FLUSH_CHECK))),
            None => self.fail(net, TalkError::not_read(&self.plan.address, self.plan.timeout)),
        }
    }

    /// The connection has closed: decides whether that is the end or a failure.
    pub fn on_closed(&mut self, net: &mut Net, conn: ConnId, closed: Closed) {
        let address = &self.plan.address;
        let is_expected = matches!(self.phase, TalkPhase::Closing) && closed.unsent == 0;
        let is_orderly = matches!(closed.reason, CloseReason::PeerClosed | CloseReason::ByUs);
        if !is_expected && matches!(closed.reason, CloseReason::TlsAlert | CloseReason::TlsTruncated) {
            return self.fail(net, TalkError::tls(address, &closed));
        }
        if !is_expected && (!is_orderly || has_failed(net, conn)) {
            let reason = if is_orderly { CloseReason::Reset } else { closed.reason };
            let is_unsent = self.has_server_ended || closed.unsent > 0 || self.outgoing.has_message();
            return self.fail(net, TalkError::cut_off(address, reason, is_unsent));
        }
        if self.is_answer_due {
            return self.fail(net, TalkError::unanswered(address));
        }
        self.stop_with(net, Ok(TalkOutcome::Done));
    }

    /// The phase has lasted as long as it may.
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

    /// Fails if the end of the conversation has not come in time. As long as bytes move, there is time.
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

    /// How much of the timeout is left since a byte last moved; `None` if none is left. A new output mark means that our output
    /// has moved.
    fn remaining_time(&mut self, net: &Net, mark: u64) -> Option<Duration> {
        if mark != self.activity.output_mark {
            self.activity = Activity { at: net.now(), output_mark: mark };
        }
        let Some(timeout) = self.unless_zero(self.plan.timeout) else { return Some(Duration::MAX) };
        let since = net.now().saturating_duration_since(self.activity.at);
        timeout.checked_sub(since).filter(|rest| !rest.is_zero())
    }

    /// How often we look whether our bytes still leave. No event tells of that.
    fn check_interval(&self) -> Option<Duration> {
        self.unless_zero(self.plan.timeout / 8)
    }
}

/// Whether the server has closed, and not only ended its side. A Unix socket shows that; TCP does not before something is sent.
fn has_hung_up(net: &Net, conn: ConnId) -> bool {
    let Some(fd) = net.descriptor(conn) else { return true };
    let mut ask = [PollFd::new(fd, PollFlags::POLLIN)];
    poll(&mut ask, PollTimeout::ZERO).is_ok()
        && ask[0].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP))
}

/// Whether a reset came after the end of the server's side. read(2) tells of that end alone.
fn has_failed(net: &Net, conn: ConnId) -> bool {
    net.descriptor(conn).is_some_and(|fd| SockRef::from(&fd).take_error().is_ok_and(|error| error.is_some()))
}
