//! Which request a text belongs to.

use std::fmt;

/// One of the clients of a run, by its number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClientId(u32);

/// A request, and the reply to it: whose it is, and which of that client's requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestId {
    pub client: ClientId,
    pub sequence: u64,
}

impl ClientId {
    #[inline]
    pub const fn new(number: u32) -> ClientId {
        ClientId(number)
    }

    /// All clients of a run that has so many.
    pub fn all(count: usize) -> impl Iterator<Item = ClientId> {
        (0..count as u32).map(ClientId)
    }

    #[inline]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Its place in a table of all clients.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl From<u32> for ClientId {
    #[inline]
    fn from(number: u32) -> ClientId {
        ClientId(number)
    }
}

impl From<ClientId> for u32 {
    #[inline]
    fn from(client: ClientId) -> u32 {
        client.0
    }
}

/// As `{conn}` writes it.
impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
