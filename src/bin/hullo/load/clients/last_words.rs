//! What a server said last on a connection that did not go on: it may be the reason.

use crate::load::clients::client::Stage;
use crate::load::engine::handler::Driver;

impl Driver<'_> {
    /// Keeps as evidence what was not judged: of a reply that never was whole, or of the warm-up.
    #[cold]
    pub(crate) fn keep_last_words(&mut self, lane: u32) {
        let client = self.lanes.lane(lane);
        let (at, has_stash, stage) = (client.at as usize, client.has_stash, client.stage);
        let head = self.lanes.head(lane).map(|place| *self.lanes.flight(place));
        let kind = match (stage, head) {
            (Stage::Welcome, _) => {
                self.expected.clear();
                self.expected.push(self.plan.script.welcome.as_deref().unwrap_or_default());
                "unfinished welcome"
            }
            (_, Some(flight)) => {
                self.expect(lane, flight.kind, flight.sequence);
                "unfinished"
            }
            (_, None) => return self.ledger.exhibits().keep_remembered(lane),
        };
        let received = match self.stashes.get(&lane).filter(|_| has_stash) {
            Some(stash) => stash.as_slice(),
            None => &self.expected[..at.min(self.expected.len())],
        };
        if received.is_empty() {
            return self.ledger.exhibits().keep_remembered(lane);
        }
        let sequence = head.map(|flight| flight.sequence);
        self.ledger.exhibits().keep(kind, lane, sequence, &self.expected, received);
    }
}
