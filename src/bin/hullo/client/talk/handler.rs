//! What happens on the network, on standard input, in time: each handed to the conversation.

use super::Ending;
use super::failure::TalkError;
use super::outgoing::STEP;
use super::talker::{PATIENCE, Partner, Phase, SETTLED, TICK, Talker, WELCOME};
use hullo::{Closed, ConnId, ConnectError, Datagram, FdId, Handler, Net, Origin, Readiness};
use hullo::{DatagramId, TimerId};
use std::io;

impl Handler for Talker<'_> {
    fn opened(&mut self, net: &mut Net, _: ConnId, _: Origin) {
        self.announce(net);
        match self.foresight.welcome() {
            // Lines do not merge, whatever is said in between, and who sends by the clock does not listen.
            Some(welcome) if !self.plan.framing.is_lines() && self.plan.every.is_none() => {
                let patience = if welcome.is_sure { self.bounded(self.plan.timeout) } else { Some(WELCOME) };
                self.enter(net, Phase::Welcome(welcome), patience);
                self.listen_to_input(net);
            }
            _ => self.go_on(net),
        }
    }

    fn connect_failed(&mut self, net: &mut Net, _: ConnId, error: &ConnectError) {
        self.fail(net, TalkError::connection(error));
    }

    fn data(&mut self, net: &mut Net, _: ConnId, bytes: &[u8]) {
        if self.show(net, bytes) {
            self.hear(net, bytes);
        }
    }

    fn peer_eof(&mut self, net: &mut Net, _: ConnId) {
        self.server_ended(net);
    }

    fn output_low(&mut self, net: &mut Net, _: ConnId) {
        self.speak(net);
    }

    fn closed(&mut self, net: &mut Net, conn: ConnId, closed: Closed) {
        self.gone(net, conn, closed);
    }

    fn datagram(&mut self, net: &mut Net, _: DatagramId, datagram: &Datagram<'_>) {
        if !self.show(net, datagram.bytes) {
            return;
        }
        self.end_line(net); // It came whole.
        let Partner::Datagrams(letters) = &mut self.partner else { return };
        letters.hear();
        match self.phase {
            Phase::Answer(_) => self.go_on(net),
            Phase::Ending if letters.owed == 0 => self.over(net, Ok(Ending::Done)),
            _ => {}
        }
    }

    fn datagram_error(&mut self, net: &mut Net, _: DatagramId, error: &io::Error) {
        let Partner::Datagrams(letters) = &mut self.partner else { return };
        if let Err(error) = letters.refused(net, error) {
            self.fail(net, error);
        }
    }

    fn timeout(&mut self, net: &mut Net, _: TimerId, key: u64) {
        match key {
            STEP => self.read_input(net),
            PATIENCE => self.out_of_patience(net),
            SETTLED => self.settled(net),
            TICK => self.tick(net),
            _ => {}
        }
    }

    fn ready(&mut self, net: &mut Net, fd: FdId, _: Readiness) {
        if fd != self.signals.fd {
            if self.speech.input().is_some_and(|input| input.is(fd)) {
                self.read_input(net);
            }
        } else if let Some(&signal) = self.signals.pending().first() {
            self.over(net, Ok(Ending::Stopped(signal)));
        }
    }
}
