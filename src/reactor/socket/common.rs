//! What all kinds of sockets have in common, written once.

/// Does the same with whatever socket of a kind it is.
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
