//! The replies that are shown as evidence: the first few that were not what was due.

use crate::load::books::outcome::{Evidence, EvidenceKind};
use crate::load::text::request::ClientId;

/// The most replies that are kept.
const MOST: usize = 10;
/// The most bytes that are kept of each.
const BYTES: usize = 512;

/// What is kept as evidence while a run lasts.
#[derive(Default)]
pub struct Exhibits {
    kept: Vec<Evidence>,
    /// A wrong reply of the warm-up: it counts only where its connection ends with it.
    remembered: Option<Evidence>,
}

impl Exhibits {
    pub fn keep(
        &mut self,
        kind: EvidenceKind,
        client: ClientId,
        sequence: Option<u64>,
        expected: &[u8],
        received: &[u8],
    ) {
        if self.kept.len() < MOST {
            self.kept.push(evidence(kind, client, sequence, expected, received));
        }
    }

    /// Takes note of a wrong reply of the warm-up.
    pub fn remember(&mut self, client: ClientId, sequence: u64, expected: &[u8], received: &[u8]) {
        self.remembered = Some(evidence(EvidenceKind::Wrong, client, Some(sequence), expected, received));
    }

    /// The connection of this client has ended: what was remembered of it is evidence now.
    pub fn keep_remembered(&mut self, client: ClientId) {
        if let Some(last) = self.remembered.take_if(|last| last.client == client.number())
            && self.kept.len() < MOST
        {
            self.kept.push(last);
        }
    }

    /// What was kept as the wrong reply to that request turns out to have answered none.
    pub fn call_unexpected(&mut self, client: ClientId, sequence: u64) {
        let is_it = |kept: &&mut Evidence| {
            kept.kind == EvidenceKind::Wrong
                && kept.client == client.number()
                && kept.sequence == Some(sequence)
        };
        if let Some(kept) = self.kept.iter_mut().find(is_it) {
            (kept.kind, kept.sequence) = (EvidenceKind::Unexpected, None);
            kept.expected.clear();
        }
    }

    pub fn into_evidence(self) -> Vec<Evidence> {
        self.kept
    }
}

fn evidence(
    kind: EvidenceKind,
    client: ClientId,
    sequence: Option<u64>,
    expected: &[u8],
    received: &[u8],
) -> Evidence {
    let [expected, received] = [expected, received].map(|bytes| bytes[..bytes.len().min(BYTES)].to_vec());
    Evidence { kind, client: client.number(), sequence, expected, received }
}
