//! Every call on a socket: what kinds there are, how one is opened, its options, and the file of a Unix socket.
//!
//! **I3** All I/O goes through mio's methods or `try_io`, which re-arm the source on selectors that need it.

macro_rules! either {
    ($socket:expr, $kind:ident, $($one:ident)|+, $inner:ident => $body:expr) => {
        match $socket {
            $($kind::$one($inner) => $body,)+
        }
    };
}

/// Gives a kind of socket what all kinds have in common: the poller takes them, and a descriptor is in them.
macro_rules! socket {
    ($kind:ident, $($one:ident)|+) => {
        impl mio::event::Source for $kind {
            fn register(
                &mut self,
                registry: &mio::Registry,
                token: mio::Token,
                interest: mio::Interest,
            ) -> std::io::Result<()> {
                either!(self, $kind, $($one)|+, socket => socket.register(registry, token, interest))
            }

            fn reregister(
                &mut self,
                registry: &mio::Registry,
                token: mio::Token,
                interest: mio::Interest,
            ) -> std::io::Result<()> {
                either!(self, $kind, $($one)|+, socket => socket.reregister(registry, token, interest))
            }

            fn deregister(&mut self, registry: &mio::Registry) -> std::io::Result<()> {
                either!(self, $kind, $($one)|+, socket => socket.deregister(registry))
            }
        }

        impl std::os::fd::AsFd for $kind {
            #[inline]
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                either!(self, $kind, $($one)|+, socket => socket.as_fd())
            }
        }

        impl $kind {
            pub(crate) fn into_fd(self) -> std::os::fd::OwnedFd {
                either!(self, $kind, $($one)|+, socket => socket.into())
            }
        }
    };
}

mod adopt;
pub(crate) mod controls;
mod datagram;
pub(crate) mod files;
mod listen;
mod local_address;
mod open;
pub(crate) mod options;
mod stream;

pub(crate) use adopt::ForeignSocket;
pub(crate) use datagram::DatagramSocket;
pub(crate) use listen::ListenSocket;
pub(crate) use local_address::local_address;
pub(crate) use open::{ask_for_notes, bind_datagrams, connect, connect_datagrams, listen, without_source};
pub(crate) use stream::{ConnectOutcome, StreamSocket};
