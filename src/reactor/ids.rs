//! Names for what lives in a reactor, and a place for a user's own state beside them.

use crate::reactor::slots::Key;
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Opaque and `Copy`. It carries a generation: once what it names is gone, the id names nothing ever
        /// again, and an operation on it does nothing (counted in [`Stats::dead_ids`](crate::Stats::dead_ids)).
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(crate) Key);

        impl $name {
            /// The id as 64 bits, for a C or Python caller, a log, or another thread's table.
            pub fn to_bits(self) -> u64 {
                self.0.0
            }

            /// The id that [`to_bits`](Self::to_bits) gave. Any other bits name nothing.
            pub const fn from_bits(bits: u64) -> Self {
                // No bits are the reactor's own word for "nobody", which nobody else can say.
                $name(if bits == Key::NONE.0 { Key::UNKNOWN } else { Key(bits) })
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:x})"), self.0.0)
            }
        }
    };
}

id! {
    /// Names a stream: an accepted client, a connection of our own, an adopted socket.
    ConnId
}
id! {
    /// Names a listening socket.
    ListenerId
}
id! {
    /// Names a datagram socket, UDP or Unix.
    DatagramId
}
id! {
    /// Names a watched descriptor.
    FdId
}
id! {
    /// Names a timer.
    TimerId
}

/// Anything with a local address: see [`Net::local_addr`](crate::Net::local_addr).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum SourceId {
    /// A stream.
    Conn(ConnId),
    /// A listening socket.
    Listener(ListenerId),
    /// A datagram socket.
    Datagrams(DatagramId),
}

impl SourceId {
    pub(crate) fn key(self) -> Key {
        let (SourceId::Conn(ConnId(key))
        | SourceId::Listener(ListenerId(key))
        | SourceId::Datagrams(DatagramId(key))) = self;
        key
    }
}

impl From<ConnId> for SourceId {
    fn from(id: ConnId) -> SourceId {
        SourceId::Conn(id)
    }
}

impl From<ListenerId> for SourceId {
    fn from(id: ListenerId) -> SourceId {
        SourceId::Listener(id)
    }
}

impl From<DatagramId> for SourceId {
    fn from(id: DatagramId) -> SourceId {
        SourceId::Datagrams(id)
    }
}

/// A user's own state for each connection, reached in constant time.
///
/// It is as large as the highest number of connections alive at once, plus one generation a place. A `ConnId`
/// that is dead finds nothing, even if its place is used by a newer connection.
///
/// ```
/// # use hullo::{ConnId, ConnMap};
/// let mut names = ConnMap::new();
/// let conn = ConnId::from_bits(1 << 24);
/// names.insert(conn, "Michael");
/// assert_eq!(names.get(conn), Some(&"Michael"));
/// assert_eq!(names.remove(conn), Some("Michael"));
/// assert!(names.is_empty());
/// ```
pub struct ConnMap<T> {
    places: Vec<Option<(Key, T)>>,
    len: usize,
}

impl<T> ConnMap<T> {
    /// An empty map, without an allocation.
    pub fn new() -> ConnMap<T> {
        ConnMap { places: Vec::new(), len: 0 }
    }

    /// Keeps `value` for `conn`; gives back what was kept for it before. State left behind by an older connection
    /// in the same place is dropped; and so is `value` if the place belongs to a newer one.
    pub fn insert(&mut self, conn: ConnId, value: T) -> Option<T> {
        let index = conn.0.index();
        if index >= self.places.len() {
            self.places.resize_with(index + 1, || None);
        }
        match &mut self.places[index] {
            Some((key, kept)) if *key == conn.0 => Some(std::mem::replace(kept, value)),
            Some((key, _)) if *key > conn.0 => None,
            place => {
                self.len += place.is_none() as usize;
                *place = Some((conn.0, value));
                None
            }
        }
    }

    /// The state of `conn`.
    #[inline]
    pub fn get(&self, conn: ConnId) -> Option<&T> {
        match self.places.get(conn.0.index()) {
            Some(Some((key, value))) if *key == conn.0 => Some(value),
            _ => None,
        }
    }

    /// The state of `conn`, to change.
    #[inline]
    pub fn get_mut(&mut self, conn: ConnId) -> Option<&mut T> {
        match self.places.get_mut(conn.0.index()) {
            Some(Some((key, value))) if *key == conn.0 => Some(value),
            _ => None,
        }
    }

    /// Takes the state of `conn` out.
    pub fn remove(&mut self, conn: ConnId) -> Option<T> {
        self.get(conn)?;
        self.len -= 1;
        self.places[conn.0.index()].take().map(|(_, value)| value)
    }

    /// How many connections have state here.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Every connection that has state here, in no stated order.
    pub fn iter(&self) -> impl Iterator<Item = (ConnId, &T)> {
        self.places.iter().flatten().map(|(key, value)| (ConnId(*key), value))
    }

    /// The same, with the state to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (ConnId, &mut T)> {
        self.places.iter_mut().flatten().map(|(key, value)| (ConnId(*key), value))
    }

    /// Drops the state of every connection for which `keep` says no.
    pub fn retain(&mut self, mut keep: impl FnMut(ConnId, &mut T) -> bool) {
        for place in &mut self.places {
            if place.as_mut().is_some_and(|(key, value)| !keep(ConnId(*key), value)) {
                *place = None;
                self.len -= 1;
            }
        }
    }
}

impl<T> Default for ConnMap<T> {
    fn default() -> ConnMap<T> {
        ConnMap::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactor::slots::Slots;

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
}
