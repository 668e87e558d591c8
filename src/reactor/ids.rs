//! Names for what lives in a reactor.

use crate::reactor::slots::Key;
use std::fmt;
use std::hash::Hash;

/// A name of something that lives in a reactor: [`ConnId`], [`ListenerId`], [`DatagramId`], [`FdId`] or [`TimerId`]. It is
/// there to be generic over them, as [`IdMap`](crate::IdMap) is; there are no others.
///
/// ```
/// use hullo::{ConnId, Id, TimerId};
///
/// fn label<I: Id>(id: I) -> String {
///     format!("{id}/{:?}", id.to_bits())
/// }
///
/// assert_eq!(label(ConnId::from_bits(26)), "1a/26");
/// assert_eq!(label(TimerId::from_bits(27)), "1b/27");
/// ```
pub trait Id: sealed::Sealed + Copy + Ord + Hash + fmt::Debug + fmt::Display {
    /// The id as 64 bits.
    fn to_bits(self) -> u64;

    /// The id that [`to_bits`](Id::to_bits) gave. Any other bits name nothing.
    fn from_bits(bits: u64) -> Self;
}

/// What keeps other types from being an [`Id`].
mod sealed {
    pub trait Sealed {}
}

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

        impl sealed::Sealed for $name {}

        impl Id for $name {
            #[inline]
            fn to_bits(self) -> u64 {
                self.0.0
            }

            #[inline]
            fn from_bits(bits: u64) -> Self {
                $name::from_bits(bits)
            }
        }

        /// The bits in hexadecimal digits, for a log.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::LowerHex::fmt(&self.0.0, f)
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
