//! Requests that were given up and may be answered after all, however late.

use crate::load::clients::client::Kind;
use crate::load::engine::handler::Driver;
use std::collections::BTreeMap;

/// Of a client's lost requests so many, the oldest, are looked at for one that an answer without a name may be to.
const LOOKED_AT: usize = 64;

/// Runs of 64 requests that are remembered if one of them was lost: some 40 MB. What is older is forgotten.
const MOST: usize = 1 << 20;

/// Which requests of which client were lost. All others that were sent have been answered or are under way, so that an
/// answer of any age finds its book. Its memory grows with what is lost, up to a bound, and not with what is sent.
pub(crate) struct Lost {
    /// By client and run, one bit for each request.
    runs: BTreeMap<(u32, u64), u64>,
    most: usize,
    /// Requests that were lost and found no room: an answer to one of them looks like a second one.
    pub(crate) forgotten: u64,
}

impl Lost {
    pub(crate) fn new() -> Lost {
        Lost { runs: BTreeMap::new(), most: MOST, forgotten: 0 }
    }

    /// How many were forgotten for it: the oldest of this client, or those of another where this one has no more.
    #[cold]
    pub(crate) fn insert(&mut self, lane: u32, sequence: u64) -> u64 {
        let run = (lane, sequence / 64);
        let mut forgotten = 0;
        if self.runs.len() >= self.most && !self.runs.contains_key(&run) {
            let own = self.runs.range((lane, 0)..run).next().map(|(&oldest, _)| oldest);
            let oldest = own.and_then(|oldest| self.runs.remove(&oldest));
            let bits = oldest.or_else(|| self.runs.pop_first().map(|(_, bits)| bits));
            forgotten = bits.map_or(0, |bits| bits.count_ones().into());
        }
        *self.runs.entry(run).or_default() |= 1 << (sequence % 64);
        self.forgotten += forgotten;
        forgotten
    }

    pub(crate) fn len(&self) -> u64 {
        self.runs.values().map(|bits| u64::from(bits.count_ones())).sum()
    }

    pub(crate) fn contains(&self, lane: u32, sequence: u64) -> bool {
        self.runs.get(&(lane, sequence / 64)).is_some_and(|bits| bits >> (sequence % 64) & 1 == 1)
    }

    fn remove(&mut self, lane: u32, sequence: u64) {
        let run = (lane, sequence / 64);
        let Some(bits) = self.runs.get_mut(&run) else { return };
        *bits &= !(1 << (sequence % 64));
        if *bits == 0 {
            self.runs.remove(&run);
        }
    }

    /// Of a client, those that are looked at for one that an answer without a name is to.
    pub(crate) fn oldest(&self, lane: u32) -> impl Iterator<Item = u64> + '_ {
        self.of(lane).take(LOOKED_AT)
    }

    /// Those of a client, the oldest first.
    fn of(&self, lane: u32) -> impl Iterator<Item = u64> + '_ {
        let runs = self.runs.range((lane, 0)..=(lane, u64::MAX));
        runs.flat_map(|(&(_, run), &bits)| {
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| run * 64 + bit)
        })
    }
}

impl Driver<'_> {
    /// It will perhaps be answered after all.
    pub(crate) fn remember_lost(&mut self, lane: u32, sequence: u64) {
        let forgotten = self.lost.insert(lane, sequence);
        self.ledger.forgotten(forgotten);
    }

    /// Nothing of this client can come any more.
    pub(crate) fn forget_lost(&mut self, lane: u32) {
        let lost: Vec<u64> = self.lost.of(lane).collect();
        for sequence in lost {
            self.lost.remove(lane, sequence);
            self.ledger.forgotten(1);
        }
    }

    /// The one of its lost requests that this answers, where it does not name it: the oldest that it fits.
    pub(crate) fn lost_that_fits(&mut self, lane: u32, bytes: &[u8]) -> Option<u64> {
        let lost: Vec<u64> = self.lost.oldest(lane).collect();
        let fits = |sequence: &u64| {
            self.expect(lane, Kind::Request, *sequence);
            self.fits(bytes)
        };
        lost.into_iter().find(fits)
    }

    /// The first answer to a request that was lost so far, and whether it is the right one. `expected` holds what was due.
    pub(crate) fn answered_late(&mut self, lane: u32, sequence: u64, bytes: &[u8]) {
        self.lost.remove(lane, sequence);
        if self.fits(bytes) {
            self.ledger.late();
        } else {
            self.ledger.late_and_wrong();
            self.ledger.exhibits().keep("wrong", lane, Some(sequence), &self.expected, bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_is_found_once_however_old_it_is() {
        let mut lost = Lost::new();
        for sequence in (0..10_000).filter(|sequence| sequence % 3 == 0) {
            assert_eq!(lost.insert(7, sequence), 0);
        }
        lost.insert(8, u64::MAX);
        assert_eq!(lost.of(7).take(3).collect::<Vec<_>>(), [0, 3, 6]);
        for sequence in 0..10_000 {
            assert!(!lost.contains(6, sequence));
            assert_eq!(lost.contains(7, sequence), sequence % 3 == 0, "{sequence}");
            lost.remove(7, sequence);
            assert!(!lost.contains(7, sequence));
        }
        assert_eq!((lost.of(7).next(), lost.of(8).next()), (None, Some(u64::MAX)));
        assert_eq!(lost.runs.len(), 1, "what is empty costs nothing");
    }

    #[test]
    fn memory_is_bounded_and_what_is_forgotten_is_counted() {
        let mut lost = Lost { most: 10, ..Lost::new() };
        for sequence in 0..6400 {
            lost.insert(1, sequence);
        }
        assert_eq!((lost.runs.len(), lost.forgotten), (10, 90 * 64));
        assert_eq!(lost.of(1).next(), Some(90 * 64), "the newest are remembered");
        assert_eq!(lost.insert(2, 5), 64, "of another client, where this one has none");
        assert_eq!(lost.runs.len(), 10);
        assert!(lost.contains(2, 5));
    }
}
