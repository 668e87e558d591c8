//! The events of the network, of standard input and of the timers, each handed to the talker.

use super::TalkOutcome;
use super::error::TalkError;
use super::outgoing::INPUT_TIMER;
use super::talker::{INTERVAL_TIMER, PAUSE_TIMER, PHASE_TIMER, Peer, TalkPhase, Talker, WELCOME_WAIT};
use hullo::{Closed, ConnId, ConnectError, Datagram, FdId, Handler, Net, Origin, Readiness};
use hullo::{DatagramId, TimerId};
use std::io;

impl Handler for Talker<'_> {
    fn opened(&mut self, net: &mut Net, _: ConnId, _: Origin) {
        self.announce(net);
        match self.predictor.welcome() {
            // The server tells lines apart without a pause, and whoever sends by the clock does not wait for a welcome.
            Some(welcome) if !self.plan.framing.is_lines() && self.plan.every.is_none() => {
                let patience =
                    if welcome.is_certain { self.unless_zero(self.plan.timeout) } else { Some(WELCOME_WAIT) };
                self.enter(net, TalkPhase::AwaitingWelcome(welcome), patience);
                self.update_input_watch(net);
            }
            _ => self.continue_sending(net),
        }
    }

    fn connect_failed(&mut self, net: &mut Net, _: ConnId, error: &ConnectError) {
        self.fail(net, TalkError::connection(error));
    }

    fn data(&mut self, net: &mut Net, _: ConnId, bytes: &[u8]) {
        if self.show(net, bytes) {
            self.check_reply(net, bytes);
        }
    }

    fn peer_eof(&mut self, net: &mut Net, _: ConnId) {
        self.on_server_end(net);
    }

    fn output_low(&mut self, net: &mut Net, _: ConnId) {
        self.send_messages(net);
    }

    fn closed(&mut self, net: &mut Net, conn: ConnId, closed: Closed) {
        self.on_closed(net, conn, closed);
    }

    fn datagram(&mut self, net: &mut Net, _: DatagramId, datagram: &Datagram<'_>) {
        if !self.show(net, datagram.bytes) {
            return;
        }
        self.end_line(net); // A datagram is a whole reply.
        let Peer::Datagrams(exchange) = &mut self.peer else { return };
        exchange.count_answer();
        match self.phase {
            TalkPhase::AwaitingAnswer(_) => self.continue_sending(net),
            TalkPhase::AwaitingEnd if exchange.unanswered == 0 => self.stop_with(net, Ok(TalkOutcome::Done)),
            _ => {}
        }
    }

    fn datagram_error(&mut self, net: &mut Net, _: DatagramId, error: &io::Error) {
        let Peer::Datagrams(exchange) = &mut self.peer else { return };
        if let Err(error) = exchange.on_refusal(net, error) {
            self.fail(net, error);
        }
    }

    fn timeout(&mut self, net: &mut Net, _: TimerId, key: u64) {
        match key {
            INPUT_TIMER => self.read_input(net),
            PHASE_TIMER => self.on_phase_timeout(net),
            PAUSE_TIMER => self.on_reply_complete(net),
            INTERVAL_TIMER => self.on_interval(net),
            _ => {}
        }
    }

    fn ready(&mut self, net: &mut Net, fd: FdId, _: Readiness) {
        if fd != self.signals.fd {
            if self.outgoing.input().is_some_and(|input| input.is(fd)) {
                self.read_input(net);
            }
        } else if let Some(&signal) = self.signals.pending().first() {
            self.stop_with(net, Ok(TalkOutcome::Stopped(signal)));
        }
    }
}
