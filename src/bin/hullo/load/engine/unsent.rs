//! Datagrams that the system refuses: some never leave, and are offered again.

use crate::load::books::causes::Cause;
use crate::load::clients::client::Stage;
use crate::load::clients::flights::FlightState;
use crate::load::engine::alarm::Alarm;
use crate::load::engine::{Engine, set_timer};
use crate::load::text::request::{ClientId, RequestId};
use hullo::Net;
use std::io::{self, ErrorKind};
use std::time::Duration;

/// How soon a datagram is offered again that the system did not take.
const AGAIN: Duration = Duration::from_millis(1);

impl Engine<'_> {
    /// The system has refused a datagram, or brought word that an earlier one was refused.
    pub(super) fn refused(&mut self, net: &mut Net, client: ClientId, error: &io::Error) {
        let is_proving = self.clients[client].stage == Stage::Proving;
        if has_left(error) {
            if is_proving {
                return self.fail_handshake(net, client, Cause::ConnectRefused);
            }
            // The request counts as lost when its time is over: an answer may come all the same.
            return self.ledger.fail(Cause::Refused);
        }
        // No message of this length is taken, now or later.
        let is_hopeless = error.raw_os_error() == Some(libc::EMSGSIZE);
        if is_hopeless && is_proving {
            return self.fail_handshake(net, client, Cause::MessageTooLong);
        }
        // Which of several sent at once the system did not take it does not say: the newest stands for it.
        let flights = &mut self.clients.flights;
        let newest = flights.under_way(client).max_by_key(|&id| flights.get(id).sequence);
        if let Some(id) = newest.filter(|&id| flights.get(id).state == FlightState::Waiting) {
            self.ledger.fail(Cause::NotTaken(error.to_string()));
            flights.set_unsent(id);
            if !is_hopeless {
                set_timer(net, AGAIN, Alarm::SendAgain(client));
            }
        }
    }

    /// Offers again what the system did not take.
    pub(super) fn send_again(&mut self, net: &mut Net, client: ClientId) {
        let flights = &mut self.clients.flights;
        let unsent = flights.under_way(client).find(|&id| flights.get(id).state == FlightState::Unsent);
        let Some(id) = unsent else { return };
        flights.send_again(id, self.clock.read());
        let request = RequestId { client, sequence: flights.get(id).sequence };
        net.send_datagram(self.clients[client].socket.datagrams(), self.requests.text(request));
        self.arm_deadline(net);
    }
}

/// Whether the datagram has left, and the error is what came back.
fn has_left(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NotConnected
    )
}
