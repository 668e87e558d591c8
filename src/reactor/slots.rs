//! Slots: where every source and every timer of a reactor lives.
//!
//! **I1** A [`Key`] is a slab index and a generation. The generation is drawn from one counter for the whole
//! table, so a key is never given out twice, even though the index is. Whoever presents a key of which the slot
//! has since been freed or reused finds nothing.
//! Guards: `tests::a_key_outlives_its_slot_and_finds_nothing`, and for the events of a whole reactor
//! `reactor::tests::a_stale_or_forged_token_reaches_nobody`.

use slab::Slab;

/// 24 bits of index: 16.7 million sources. 40 bits of generation: at a million new connections a second it
/// takes twelve days until a number returns, and then it must meet the same index to be mistaken.
const INDEX_BITS: u32 = 24;
const INDEX_MASK: u64 = (1 << INDEX_BITS) - 1;

/// Slab index and generation in one word; this is what the events of a source come with, and what public ids wrap.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Key(pub(crate) u64);

impl Key {
    /// It fits no slot: generations start at one.
    pub(crate) const NONE: Key = Key(0);
    /// It fits no slot either. An id that a user makes of the bits of `NONE` becomes this.
    pub(crate) const UNKNOWN: Key = Key(2);

    #[inline]
    pub(crate) fn index(self) -> usize {
        (self.0 & INDEX_MASK) as usize
    }
}

/// A slab whose entries are reached by [`Key`].
pub(crate) struct Slots<T> {
    entries: Slab<Entry<T>>,
    generation: u64,
}

struct Entry<T> {
    key: Key,
    value: T,
}

impl<T> Slots<T> {
    pub(crate) fn new() -> Slots<T> {
        Slots::after(0)
    }

    /// A table whose generations come after `generation`, so that its keys are none of another table's.
    pub(crate) fn after(generation: u64) -> Slots<T> {
        Slots { entries: Slab::new(), generation }
    }

    /// Whether all 16.7 million places are taken.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.entries.vacant_key() as u64 > INDEX_MASK
    }

    /// `None`, and the value is dropped, where it [`is_full`](Slots::is_full).
    #[inline]
    pub(crate) fn insert(&mut self, value: T) -> Option<Key> {
        if self.is_full() {
            return None;
        }
        let vacant = self.entries.vacant_entry();
        self.generation += 1;
        let key = Key(self.generation << INDEX_BITS | vacant.key() as u64);
        vacant.insert(Entry { key, value });
        Some(key)
    }

    #[inline]
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        match self.entries.get(key.index()) {
            Some(entry) if entry.key == key => Some(&entry.value),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.entries.get_mut(key.index()) {
            Some(entry) if entry.key == key => Some(&mut entry.value),
            _ => None,
        }
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        Some(self.entries.remove(key.index()).value)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.entries.iter().map(|(_, entry)| (entry.key, &entry.value))
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut().map(|(_, entry)| &mut entry.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_outlives_its_slot_and_finds_nothing() {
        let mut slots = Slots::new();
        let first = slots.insert("first").unwrap();
        assert_eq!(slots.remove(first), Some("first"));
        let second = slots.insert("second").unwrap();
        assert_eq!(first.index(), second.index(), "the place is used again");
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.get_mut(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second), Some(&"second"));
    }

    #[test]
    fn no_slot_answers_to_the_reserved_keys() {
        let mut slots = Slots::new();
        slots.insert(()).unwrap();
        assert_eq!(slots.get(Key::NONE), None);
        assert_eq!(slots.get(Key::UNKNOWN), None);
        assert_eq!(slots.get(Key(u64::MAX)), None);
    }
}
