//! What a server said last on a connection that did not go on: it may be the reason.

use crate::load::books::ledger::Ledger;
use crate::load::books::outcome::EvidenceKind;
use crate::load::clients::client::{Clients, Stage};
use crate::load::clients::replies::Replies;
use crate::load::text::request::ClientId;

impl Replies<'_> {
    /// Keeps as evidence what was not judged: the beginning of a reply that never was whole, or a reply of the warm-up.
    #[cold]
    pub fn keep_last_words(&mut self, clients: &Clients, ledger: &mut Ledger, id: ClientId) {
        let client = &clients[id];
        let head = clients.flights.head(id).map(|head| clients.flights.get(head));
        let kind = match (client.stage, head) {
            (Stage::Welcome, _) => {
                self.due.look_at_welcome();
                EvidenceKind::UnfinishedWelcome
            }
            (_, Some(flight)) => {
                self.due.look_at(id, flight);
                EvidenceKind::Unfinished
            }
            (_, None) => return ledger.exhibits().keep_remembered(id),
        };
        let due = self.due.text();
        let received = match self.fragments.get(&id).filter(|_| client.has_fragment) {
            Some(fragment) => fragment.as_slice(),
            None => &due[..due.len().min(client.at as usize)],
        };
        if received.is_empty() {
            return ledger.exhibits().keep_remembered(id);
        }
        ledger.exhibits().keep(kind, id, head.map(|flight| flight.sequence), due, received);
    }
}
