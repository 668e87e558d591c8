//! A place for a user's own state beside what lives in a reactor.

use crate::reactor::ids::{ConnId, Id};
use crate::reactor::slots::Key;
use std::marker::PhantomData;

/// A user's own state for each thing that an id names, reached in constant time. For connections there is the shorter
/// name [`ConnMap`].
///
/// It is as large as the highest number of such things alive at once, plus one generation a place. An id that is dead
/// finds nothing, even if its place is used by a newer one.
///
/// ```
/// # use hullo::{DatagramId, IdMap};
/// let mut names = IdMap::new();
/// let socket = DatagramId::from_bits(1 << 24);
/// names.insert(socket, "the loud one");
/// assert_eq!(names.get(socket), Some(&"the loud one"));
/// assert_eq!(names.remove(socket), Some("the loud one"));
/// assert!(names.is_empty());
/// ```
///
/// Ids of one kind are no keys of a map for another, since the same bits may name a connection and a socket of datagrams:
///
/// ```compile_fail,E0308
/// # use hullo::{ConnMap, DatagramId};
/// let mut names = ConnMap::new();
/// names.insert(DatagramId::from_bits(1 << 24), "the loud one");
/// ```
pub struct IdMap<I, T> {
    places: Vec<Option<(Key, T)>>,
    len: usize,
    ids: PhantomData<I>,
}

/// A user's own state for each connection.
///
/// ```
/// # use hullo::{ConnId, ConnMap};
/// let mut names = ConnMap::new();
/// let conn = ConnId::from_bits(1 << 24);
/// names.insert(conn, "Michael");
/// assert_eq!(names.get(conn), Some(&"Michael"));
/// ```
pub type ConnMap<T> = IdMap<ConnId, T>;

impl<I: Id, T> IdMap<I, T> {
    /// An empty map, without an allocation.
    pub const fn new() -> IdMap<I, T> {
        IdMap { places: Vec::new(), len: 0, ids: PhantomData }
    }

    /// Keeps `value` for `id`; gives back what was kept for it before. State left behind by an older id in the same place
    /// is dropped; and so is `value` if the place belongs to a newer one.
    pub fn insert(&mut self, id: I, value: T) -> Option<T> {
        let id = key(id);
        let index = id.index();
        if index >= self.places.len() {
            self.places.resize_with(index + 1, || None);
        }
        match &mut self.places[index] {
            Some((key, kept)) if *key == id => Some(std::mem::replace(kept, value)),
            Some((key, _)) if *key > id => None,
            place => {
                self.len += place.is_none() as usize;
                *place = Some((id, value));
                None
            }
        }
    }

    /// The state of `id`.
    #[inline]
    pub fn get(&self, id: I) -> Option<&T> {
        let id = key(id);
        match self.places.get(id.index()) {
            Some(Some((key, value))) if *key == id => Some(value),
            _ => None,
        }
    }

    /// The state of `id`, to change.
    #[inline]
    pub fn get_mut(&mut self, id: I) -> Option<&mut T> {
        let id = key(id);
        match self.places.get_mut(id.index()) {
            Some(Some((key, value))) if *key == id => Some(value),
            _ => None,
        }
    }

    /// Takes the state of `id` out.
    pub fn remove(&mut self, id: I) -> Option<T> {
        self.get(id)?;
        self.len -= 1;
        self.places[key(id).index()].take().map(|(_, value)| value)
    }

    /// How many ids have state here.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Every id that has state here, in no stated order.
    pub fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        self.places.iter().flatten().map(|(key, value)| (id(*key), value))
    }

    /// The same, with the state to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (I, &mut T)> {
        self.places.iter_mut().flatten().map(|(key, value)| (id(*key), value))
    }

    /// Drops the state of every id for which `keep` says no.
    pub fn retain(&mut self, mut keep: impl FnMut(I, &mut T) -> bool) {
        for place in &mut self.places {
            if place.as_mut().is_some_and(|(key, value)| !keep(id(*key), value)) {
                *place = None;
                self.len -= 1;
            }
        }
    }
}

impl<I: Id, T> Default for IdMap<I, T> {
    fn default() -> IdMap<I, T> {
        IdMap::new()
    }
}

#[inline]
fn key<I: Id>(id: I) -> Key {
    Key(id.to_bits())
}

fn id<I: Id>(key: Key) -> I {
    I::from_bits(key.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactor::ids::{DatagramId, FdId, ListenerId, TimerId};
    use crate::reactor::slots::Slots;
    use crate::reactor::timers::{Purpose, Timers};

    #[test]
    fn state_of_a_dead_connection_is_not_given_to_its_successor() {
        let mut slots = Slots::new();
        let mut map = ConnMap::new();
        let old = ConnId(slots.insert(()).unwrap());
        map.insert(old, "old");
        slots.remove(old.0);
        let new = ConnId(slots.insert(()).unwrap());
        assert_eq!(old.0.index(), new.0.index());
        assert_eq!(map.get(new), None);
        assert_eq!(map.remove(new), None);
        assert_eq!(map.insert(new, "new"), None);
        assert_eq!(map.get(old), None);
        assert_eq!(map.insert(old, "too late"), None);
        assert_eq!(map.insert(new, "new"), Some("new"));
        assert_eq!(map.len(), 1);
        assert_eq!(map.iter().collect::<Vec<_>>(), [(new, &"new")]);
    }

    #[test]
    fn all_state_can_be_looked_through_changed_and_dropped() {
        let mut map: ConnMap<u64> = ConnMap::new();
        let conns = [0, 3, 7].map(|index| ConnId::from_bits(1 << 24 | index));
        conns.iter().zip(1..).for_each(|(conn, number)| assert_eq!(map.insert(*conn, number), None));
        map.iter_mut().for_each(|(_, number)| *number *= 10);
        map.retain(|conn, number| {
            *number += 1;
            conn != conns[1]
        });
        assert_eq!(map.iter().collect::<Vec<_>>(), [(conns[0], &11), (conns[2], &31)]);
        assert_eq!((map.len(), map.get(conns[1])), (2, None));
        map.retain(|_, _| false);
        assert!(map.is_empty());
    }

    #[test]
    fn every_kind_of_id_can_be_the_key_and_comes_back_as_what_it_was() {
        fn assert_kept<I: Id>(id: I) {
            let mut map = IdMap::new();
            map.insert(id, "kept");
            map.retain(|kept, _| kept == id);
            assert_eq!(map.iter().collect::<Vec<_>>(), [(id, &"kept")]);
            assert_eq!(map.get(id), Some(&"kept"));
            assert_eq!(I::from_bits(id.to_bits()), id);
        }
        let timer = Timers::new().set(0, 0, Purpose::Idle).unwrap();
        assert_kept(TimerId(timer));
        assert_kept(ListenerId::from_bits(1 << 24));
        assert_kept(DatagramId::from_bits(1 << 24 | 1));
        assert_kept(FdId::from_bits(1 << 24 | 2));
    }
}
