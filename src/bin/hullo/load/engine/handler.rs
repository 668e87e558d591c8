//! The engine as a handler: who is told what.

use crate::load::books::causes::Cause;
use crate::load::books::handshakes::HandshakeFault;
use crate::load::engine::Engine;
use crate::load::engine::alarm::Alarm;
use hullo::{
    Closed, ConnId, ConnectError, Datagram, DatagramId, FdId, Handler, Net, Origin, Readiness, TimerId,
};
use std::io;

impl Handler for Engine<'_> {
    #[inline]
    fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
        self.clock.begin_callback(net);
        if let Some(client) = self.sessions.of_stream(conn) {
            self.hear(net, client, bytes);
        }
    }

    fn opened(&mut self, net: &mut Net, conn: ConnId, _origin: Origin) {
        self.clock.begin_callback(net);
        if let Some(client) = self.sessions.of_stream(conn) {
            self.connected(net, client);
        }
    }

    fn connect_failed(&mut self, net: &mut Net, conn: ConnId, error: &ConnectError) {
        self.clock.begin_callback(net);
        if let Some(client) = self.sessions.remove(conn) {
            let error = error.failures().last().map(|(_, error)| error);
            let fault = error.filter(|_| self.plan.tls.is_some()).and_then(HandshakeFault::of);
            self.session_failed(net, client, fault.map_or_else(|| Cause::of_connect(error), Cause::from));
        }
    }

    fn closed(&mut self, net: &mut Net, conn: ConnId, closed: Closed) {
        self.clock.begin_callback(net);
        if let Some(client) = self.sessions.remove(conn) {
            self.session_over(net, client, closed.reason);
        }
    }

    fn datagram(&mut self, net: &mut Net, id: DatagramId, datagram: &Datagram<'_>) {
        self.clock.begin_callback(net);
        if let Some(client) = self.sessions.of_datagrams(id) {
            self.receive(net, client, datagram.bytes, datagram.truncated);
        }
    }

    fn datagram_error(&mut self, net: &mut Net, id: DatagramId, error: &io::Error) {
        self.clock.begin_callback(net);
        if let Some(client) = self.sessions.of_datagrams(id) {
            self.refused(net, client, error);
        }
    }

    fn timeout(&mut self, net: &mut Net, _timer: TimerId, key: u64) {
        self.clock.begin_callback(net);
        if self.is_over {
            return;
        }
        match Alarm::from_bits(key) {
            Some(Alarm::RequestDue) => self.send_what_is_due(net),
            Some(Alarm::Deadline) => self.check_deadlines(net),
            Some(Alarm::Handshake) => self.check_handshakes(net),
            Some(Alarm::ClientDue) => self.begin_client_due(net),
            Some(Alarm::BackOffOver(client)) => self.back_off_over(net, client),
            Some(Alarm::SendAgain(client)) => self.send_again(net, client),
            Some(Alarm::FarewellOverdue(client)) => self.close_ourselves(net, client),
            Some(Alarm::Second) => self.end_second(net),
            Some(Alarm::PhaseOver(number)) => self.end_phase(net, number),
            Some(Alarm::GraceOver) => self.check_end(net),
            Some(Alarm::Progress) => self.show_progress(),
            Some(Alarm::Heartbeat) => self.beat(),
            None => {}
        }
    }

    fn ready(&mut self, net: &mut Net, fd: FdId, _readiness: Readiness) {
        self.clock.begin_callback(net);
        if fd == self.signals.fd {
            for signal in self.signals.pending() {
                self.signal.get_or_insert(signal);
                self.finish(net);
            }
        }
    }
}
