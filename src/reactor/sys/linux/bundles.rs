//! Which datagrams of a batch can leave as one message, for the system to cut apart again (udp(7): UDP_SEGMENT).

/// The most datagrams in one message: every system that has the option takes as many.
const MOST: u32 = 64;
/// The largest datagram that is bundled. A bundle leaves whole or not at all, and is refused where one of its parts does
/// not fit the path; this fits every path that carries IPv6 (RFC 8200, section 5: 1,280 bytes, less the headers).
const LARGEST: usize = 1232;
/// The most bytes in one message; UDP itself takes 65,507.
const CAPACITY: usize = 64_000;
/// How many places there are to remember the last bundle of a peer in. Two peers in one place cost a bundle, and nothing else.
const PLACES: usize = 64;

/// The datagrams of a batch, in bundles. Those for one peer stay in their order.
pub(crate) struct Bundles {
    bundles: Vec<Bundle>,
    /// For each datagram the next one of its bundle, or `NONE`.
    next: Vec<u32>,
    /// One more than the last bundle that a peer with this hash had; 0 for none.
    places: [u32; PLACES],
}

const NONE: u32 = u32::MAX;

#[derive(Clone, Copy)]
pub(crate) struct Bundle {
    first: u32,
    last: u32,
    pub(crate) count: u32,
    /// What the system cuts it into; only the last part may be shorter.
    pub(crate) size: usize,
    bytes: usize,
    is_open: bool,
}

impl Bundles {
    pub(crate) fn new() -> Bundles {
        Bundles { bundles: Vec::new(), next: Vec::new(), places: [0; PLACES] }
    }

    pub(crate) fn clear(&mut self) {
        self.bundles.clear();
        self.next.clear();
        self.places = [0; PLACES];
    }

    /// Adds a datagram of `size` bytes. `hash` stands for its peer, and `is_same` says whether another datagram of the
    /// batch, by its number, goes the same way.
    pub(crate) fn push(&mut self, size: usize, hash: u64, is_same: impl FnOnce(usize) -> bool) {
        let number = self.next.len() as u32;
        self.next.push(NONE);
        let place = &mut self.places[(hash % PLACES as u64) as usize];
        if let Some(bundle) = place.checked_sub(1).map(|last| &mut self.bundles[last as usize])
            && bundle.takes(size)
            && is_same(bundle.first())
        {
            self.next[bundle.last as usize] = number;
            bundle.last = number;
            bundle.count += 1;
            bundle.bytes += size;
            bundle.is_open = size == bundle.size;
            return;
        }
        let is_open = (1..=LARGEST).contains(&size);
        self.bundles.push(Bundle { first: number, last: number, count: 1, size, bytes: size, is_open });
        *place = self.bundles.len() as u32;
    }

    pub(crate) fn as_slice(&self) -> &[Bundle] {
        &self.bundles
    }

    /// The numbers of the datagrams in a bundle.
    pub(crate) fn members(&self, bundle: Bundle) -> impl Iterator<Item = usize> {
        let one = |number: u32| Some(number).filter(|&number| number != NONE);
        std::iter::successors(Some(bundle.first), move |&number| one(self.next[number as usize]))
            .map(|number| number as usize)
    }
}

impl Bundle {
    /// The number of its first datagram.
    pub(crate) fn first(&self) -> usize {
        self.first as usize
    }

    fn takes(&self, size: usize) -> bool {
        self.is_open && (1..=self.size).contains(&size) && self.count < MOST && self.bytes + size <= CAPACITY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bundles of datagrams, each a peer and a size: the members of each.
    fn bundle(datagrams: &[(u64, usize)]) -> Vec<Vec<usize>> {
        let mut bundles = Bundles::new();
        for &(peer, size) in datagrams {
            bundles.push(size, peer % 3, |other| datagrams[other].0 == peer);
        }
        bundles.as_slice().iter().map(|&bundle| bundles.members(bundle).collect()).collect()
    }

    #[test]
    fn datagrams_of_one_size_for_one_peer_leave_together() {
        assert_eq!(bundle(&[(1, 9), (2, 9), (1, 9), (2, 9), (1, 9)]), [vec![0, 2, 4], vec![1, 3]]);
    }

    #[test]
    fn a_shorter_one_ends_a_bundle_and_a_longer_one_begins_the_next() {
        assert_eq!(bundle(&[(1, 9), (1, 8), (1, 8)]), [vec![0, 1], vec![2]]);
        assert_eq!(bundle(&[(1, 9), (1, 10)]), [vec![0], vec![1]]);
    }

    #[test]
    fn the_empty_and_the_large_go_alone() {
        assert_eq!(bundle(&[(1, 0), (1, 0)]), [vec![0], vec![1]]);
        assert_eq!(bundle(&[(1, LARGEST + 1), (1, LARGEST + 1)]), [vec![0], vec![1]]);
        assert_eq!(bundle(&[(1, LARGEST), (1, 0)]), [vec![0], vec![1]]);
    }

    proptest! {
        /// Peers 1 and 4 share a place.
        #[test]
        fn each_datagram_leaves_once_within_the_bounds_and_in_its_peers_order(
            datagrams in prop::collection::vec((1_u64..5, prop_oneof![Just(9_usize), 0..1500_usize]), 0..300)
        ) {
            let bundles = bundle(&datagrams);
            for members in &bundles {
                let sizes: Vec<usize> = members.iter().map(|&number| datagrams[number].1).collect();
                prop_assert!(members.iter().all(|&number| datagrams[number].0 == datagrams[members[0]].0));
                prop_assert!(members.len() == 1 || (sizes.len() <= 64 && sizes.iter().sum::<usize>() <= CAPACITY));
                let (last, others) = sizes.split_last().unwrap();
                prop_assert!(others.iter().all(|size| *size == sizes[0]) && *last <= sizes[0]);
            }
            for peer in 1..5 {
                let sent: Vec<usize> =
                    bundles.iter().flatten().copied().filter(|&number| datagrams[number].0 == peer).collect();
                let asked: Vec<usize> = (0..datagrams.len()).filter(|&number| datagrams[number].0 == peer).collect();
                prop_assert_eq!(sent, asked);
            }
        }
    }
}
