//! A listening socket: clients taken out of its backlog.

use crate::reactor::socket::StreamSocket;
use crate::reactor::sys;
use mio::net::{TcpStream, UnixStream};
use std::io;
use std::os::fd::AsFd;

/// A socket that accepts streams. To mio it is a stream as well, since mio's listeners have no `try_io`.
pub(crate) enum ListenSocket {
    Tcp(TcpStream),
    Unix(UnixStream),
    Packets(UnixStream),
}

impl ListenSocket {
    /// Takes the next client out of the backlog. Its address is asked for only when somebody wants to know it.
    pub(crate) fn accept(&self) -> io::Result<StreamSocket> {
        let accept = || sys::accept(self.as_fd());
        let client = either!(self, ListenSocket, Tcp | Unix | Packets, socket => socket.try_io(accept))?;
        Ok(match self {
            ListenSocket::Tcp(_) => StreamSocket::Tcp(client.into()),
            ListenSocket::Unix(_) => StreamSocket::Unix(client.into()),
            ListenSocket::Packets(_) => StreamSocket::Packets(client.into()),
        })
    }

    /// How many clients wait in the backlog; `None` where the system does not tell, as it does not of Unix sockets.
    pub(crate) fn waiting(&self) -> Option<usize> {
        matches!(self, ListenSocket::Tcp(_)).then(|| sys::waiting(self.as_fd()).ok()).flatten()
    }
}

socket!(ListenSocket, Tcp | Unix | Packets);
