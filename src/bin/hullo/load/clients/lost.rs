//! Requests that were given up and may be answered after all, however late.

use crate::load::text::request::ClientId;
use std::collections::BTreeMap;

/// How many of a client's lost requests are looked at for the one that an answer without a name may be to: the oldest.
const LOOKED_AT: usize = 64;

/// Runs of 64 requests that are remembered if one of them was lost: some 40 MB. What is older is forgotten.
const MOST: usize = 1 << 20;

/// Which requests of which client were lost. All others that were sent have been answered or are under way, so that an
/// answer of any age finds its book. Its memory grows with what is lost, up to a bound, and not with what is sent.
pub struct Lost {
    /// By client and run, one bit for each request.
    runs: BTreeMap<(ClientId, u64), u64>,
    most: usize,
    /// Requests that were lost and found no room: an answer to one of them looks like a second one.
    forgotten: u64,
}

impl Lost {
    pub fn new() -> Lost {
        Lost { runs: BTreeMap::new(), most: MOST, forgotten: 0 }
    }

    /// Remembers a request, and says how many were forgotten for it: the oldest of this client, or those of another where
    /// this one has no more.
    #[cold]
    pub fn insert(&mut self, client: ClientId, sequence: u64) -> u64 {
        let run = (client, sequence / 64);
        let mut forgotten = 0;
        if self.runs.len() >= self.most && !self.runs.contains_key(&run) {
            let own = self.runs.range((client, 0)..run).next().map(|(&oldest, _)| oldest);
            let oldest = own.and_then(|oldest| self.runs.remove(&oldest));
            let bits = oldest.or_else(|| self.runs.pop_first().map(|(_, bits)| bits));
            forgotten = bits.map_or(0, |bits| bits.count_ones().into());
        }
        *self.runs.entry(run).or_default() |= 1 << (sequence % 64);
        self.forgotten += forgotten;
        forgotten
    }

    /// How many were forgotten so far.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub fn contains(&self, client: ClientId, sequence: u64) -> bool {
        self.runs.get(&(client, sequence / 64)).is_some_and(|bits| bits >> (sequence % 64) & 1 == 1)
    }

    /// The number of requests that are remembered.
    pub fn len(&self) -> u64 {
        self.runs.values().map(|bits| u64::from(bits.count_ones())).sum()
    }

    pub fn remove(&mut self, client: ClientId, sequence: u64) {
        let run = (client, sequence / 64);
        let Some(bits) = self.runs.get_mut(&run) else { return };
        *bits &= !(1 << (sequence % 64));
        if *bits == 0 {
            self.runs.remove(&run);
        }
    }

    /// Forgets all requests of a client, and says how many there were.
    pub fn remove_all(&mut self, client: ClientId) -> u64 {
        let mut count = 0;
        while let Some((&run, bits)) = self.runs.range((client, 0)..=(client, u64::MAX)).next() {
            count += u64::from(bits.count_ones());
            self.runs.remove(&run);
        }
        count
    }

    /// The requests of a client that are looked at for the one that an answer without a name is to.
    pub fn oldest(&self, client: ClientId) -> impl Iterator<Item = u64> + '_ {
        self.of(client).take(LOOKED_AT)
    }

    /// The requests of a client, the oldest first.
    fn of(&self, client: ClientId) -> impl Iterator<Item = u64> + '_ {
        let runs = self.runs.range((client, 0)..=(client, u64::MAX));
        runs.flat_map(|(&(_, run), &bits)| {
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| run * 64 + bit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_is_found_once_however_old_it_is() {
        let mut lost = Lost::new();
        for sequence in (0..10_000).filter(|sequence| sequence % 3 == 0) {
            assert_eq!(lost.insert(ClientId::new(7), sequence), 0);
        }
        lost.insert(ClientId::new(8), u64::MAX);
        assert_eq!(lost.of(ClientId::new(7)).take(3).collect::<Vec<_>>(), [0, 3, 6]);
        for sequence in 0..10_000 {
            assert!(!lost.contains(ClientId::new(6), sequence));
            assert_eq!(lost.contains(ClientId::new(7), sequence), sequence % 3 == 0, "{sequence}");
            lost.remove(ClientId::new(7), sequence);
            assert!(!lost.contains(ClientId::new(7), sequence));
        }
        assert_eq!(
            (lost.of(ClientId::new(7)).next(), lost.of(ClientId::new(8)).next()),
            (None, Some(u64::MAX))
        );
        assert_eq!(lost.runs.len(), 1, "what is empty costs nothing");
    }

    #[test]
    fn memory_is_bounded_and_what_is_forgotten_is_counted() {
        let mut lost = Lost { most: 10, ..Lost::new() };
        for sequence in 0..6400 {
            lost.insert(ClientId::new(1), sequence);
        }
        assert_eq!((lost.runs.len(), lost.forgotten), (10, 90 * 64));
        assert_eq!(lost.of(ClientId::new(1)).next(), Some(90 * 64), "the newest are remembered");
        assert_eq!(lost.insert(ClientId::new(2), 5), 64, "of another client, where this one has none");
        assert_eq!(lost.runs.len(), 10);
        assert!(lost.contains(ClientId::new(2), 5));
    }
}
