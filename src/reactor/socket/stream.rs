//! A connected stream: read from, written to, ended.

use crate::reactor::address::PeerAddr;
use crate::reactor::socket::ListenSocket;
use crate::reactor::sys::{self, Interest};
use mio::net::{TcpStream, UnixStream};
use socket2::SockRef;
use std::io::{self, IoSlice, Read};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::time::Duration;

/// A connected stream.
pub(crate) enum StreamSocket {
    Tcp(TcpStream),
    /// A Unix stream, and whatever else with streams was adopted (MPTCP, for one): nothing is taken for granted of it that
    /// holds of TCP alone.
    Unix(UnixStream),
    /// A connection of records (SOCK_SEQPACKET): to mio a Unix stream like any other.
    Packets(UnixStream),
}

impl StreamSocket {
    /// **I5** TCP is registered once, for everything; its writable edge comes only after a full send buffer, and
    /// priority tells of an urgent byte, at which a read stops short. A Unix stream becomes writable whenever
    /// its peer reads, so that it registers for writing only while output waits. Guard:
    /// `a_stream_is_registered_once_whatever_is_said_on_it` in `tests/reactor/streams.rs`.
    pub(crate) fn interest(&self, output_waits: bool) -> Interest {
        match self {
            StreamSocket::Tcp(_) => Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY,
            _ if output_waits => Interest::READABLE | Interest::WRITABLE,
            _ => Interest::READABLE,
        }
    }

    /// Takes on the options that it would have inherited from its listener had they been set when it came.
    #[cold]
    pub(crate) fn inherit(&self, listener: &ListenSocket) {
        if let Ok(nodelay) = SockRef::from(listener).tcp_nodelay() {
            let _ = SockRef::from(self).set_tcp_nodelay(nodelay);
        }
    }

    pub(crate) fn is_tcp(&self) -> bool {
        matches!(self, StreamSocket::Tcp(_))
    }

    #[inline(always)]
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.read_once(buffer) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => self.read_again(buffer),
            result => result,
        }
    }

    // Apart, since a loop around the first try costs each read some instructions.
    #[cold]
    #[inline(never)]
    fn read_again(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.read_once(buffer) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    #[inline(always)]
    fn read_once(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            StreamSocket::Tcp(socket) => socket.read(buffer),
            StreamSocket::Unix(socket) => socket.read(buffer),
            StreamSocket::Packets(socket) => socket.try_io(|| sys::receive_record(socket.as_fd(), buffer)),
        }
    }

    #[inline(always)]
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let send = || sys::send(self.as_fd(), bytes);
        loop {
            let result = match self {
                StreamSocket::Tcp(socket) => socket.try_io(send),
                StreamSocket::Unix(socket) | StreamSocket::Packets(socket) => socket.try_io(send),
            };
            match result {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    pub(crate) fn send_vectored(&self, front: &[u8], back: &[u8]) -> io::Result<usize> {
        if back.is_empty() {
            return self.send(front);
        }
        let parts = [IoSlice::new(front), IoSlice::new(back)];
        let send = || loop {
            match sys::send_vectored(self.as_fd(), &parts) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        };
        either!(self, StreamSocket, Tcp | Unix | Packets, socket => socket.try_io(send))
    }

    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        either!(self, StreamSocket, Tcp | Unix | Packets, socket => socket.shutdown(Shutdown::Write))
    }

    /// Whether close(2) now would throw nothing away: no input unread (closing over it resets), no output that
    /// has not left.
    pub(crate) fn is_settled(&self) -> bool {
        // A Unix socket knows nothing of unsent bytes, and has none.
        let unsent = sys::unsent(self.as_fd());
        matches!(sys::unread(self.as_fd()), Ok(0))
            && (matches!(unsent, Ok(0)) || unsent.is_err() && !self.is_tcp())
    }

    /// What was written and the peer has not taken yet, where the system tells.
    pub(crate) fn untaken(&self) -> Option<usize> {
        sys::untaken(self.as_fd()).ok()
    }

    /// Makes the coming close a reset.
    pub(crate) fn reset_on_close(&self) {
        let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
    }

    pub(crate) fn take_error(&self) -> Option<io::Error> {
        either!(self, StreamSocket, Tcp | Unix | Packets, socket => socket.take_error()).ok().flatten()
    }

    /// What has become of a connect that was begun.
    pub(crate) fn outcome(&self) -> ConnectOutcome {
        match (self.take_error(), self.peer()) {
            (Some(error), _) => ConnectOutcome::Failed(error),
            (None, Ok(_)) => ConnectOutcome::Connected,
            (None, Err(error)) if error.kind() == io::ErrorKind::NotConnected => ConnectOutcome::Pending,
            (None, Err(error)) => ConnectOutcome::Failed(error),
        }
    }

    pub(crate) fn peer(&self) -> io::Result<PeerAddr> {
        SockRef::from(self).peer_addr().map(PeerAddr)
    }
}

socket!(StreamSocket, Tcp | Unix | Packets);

/// How far a connect has come.
pub(crate) enum ConnectOutcome {
    Pending,
    Connected,
    Failed(io::Error),
}
