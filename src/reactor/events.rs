//! What a handler is told.

use crate::reactor::address::{Address, PeerAddr};
use crate::reactor::ids::ListenerId;
use crate::reactor::sys::Arrival;
use std::fmt;
use std::io;
use std::net::IpAddr;

/// How a stream came to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Origin {
    /// Accepted by this listener.
    Listener(ListenerId),
    /// Asked for with [`Net::connect`](crate::Net::connect).
    Connected,
    /// Handed over with [`Net::adopt`](crate::Net::adopt).
    Adopted,
}

/// Why a connection did not come about; displays as a sentence that names every address that was tried.
#[derive(Debug)]
pub struct ConnectError {
    pub(crate) target: Address,
    pub(crate) failures: Vec<(Address, io::Error)>,
}

impl ConnectError {
    /// What was asked for.
    pub fn target(&self) -> &Address {
        &self.target
    }

    /// Each address that was tried, in that order, with its error. A name that could not be looked up stands for
    /// itself.
    pub fn failures(&self) -> impl Iterator<Item = (&Address, &io::Error)> {
        self.failures.iter().map(|(address, error)| (address, error))
    }

    /// The kind of the last error: `TimedOut` when the time was up, `Interrupted` when it was given up by us.
    pub fn kind(&self) -> io::ErrorKind {
        self.failures.last().map_or(io::ErrorKind::Other, |(_, error)| error.kind())
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot connect to {}", self.target)?;
        for (n, (address, error)) in self.failures.iter().enumerate() {
            f.write_str(if n == 0 { ": " } else { "; " })?;
            if *address != self.target {
                write!(f, "{address}: ")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConnectError {}

/// The end of a stream, and its books; displays as why it ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct Closed {
    /// Why it ended.
    pub reason: CloseReason,
    /// Bytes read from it, discarded ones included.
    pub bytes_in: u64,
    /// Bytes that the kernel took for it.
    pub bytes_out: u64,
    /// Bytes that were sent and that the kernel never took.
    pub unsent: u64,
    /// What the system said: always with [`Io`](CloseReason::Io), and with [`Reset`](CloseReason::Reset) where it said
    /// something.
    pub error: Option<io::Error>,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) if self.reason == CloseReason::Io => write!(f, "{}: {error}", self.reason),
            _ => self.reason.fmt(f),
        }
    }
}

/// Why a stream ended. The numbers are stable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
#[repr(u8)]
pub enum CloseReason {
    /// The peer ended its side, and so did we.
    PeerClosed = 1,
    /// The peer reset the connection, or is gone.
    Reset = 2,
    /// Silent for longer than [`Limits::idle`](crate::Limits::idle).
    Idle = 3,
    /// Its output waited for longer than [`Limits::write_stall`](crate::Limits::write_stall).
    WriteStalled = 4,
    /// The handler went on sending while more than [`Limits::outbox_cap`](crate::Limits::outbox_cap) waited.
    OverCap = 5,
    /// The reactor was drained.
    Drained = 6,
    /// The handler called `close` or `abort`.
    ByUs = 7,
    /// The handler panicked in `data`.
    HandlerPanicked = 8,
    /// The operating system reported another error, which is in [`Closed::error`].
    Io = 9,
    /// The TLS handshake came to nothing; [`Closed::error`] says why.
    TlsHandshake = 10,
    /// A TLS connection was ended by an alert, the peer's or ours; [`Closed::error`] has it.
    TlsAlert = 11,
    /// The peer ended a TLS connection without saying so in TLS: what it sent may have been cut short.
    TlsTruncated = 12,
}

impl CloseReason {
    pub(crate) fn of(error: &io::Error) -> CloseReason {
        match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected => CloseReason::Reset,
            _ => CloseReason::Io,
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CloseReason::PeerClosed => "closed by the peer",
            CloseReason::Reset => "reset by the peer",
            CloseReason::Idle => "idle for too long",
            CloseReason::WriteStalled => "did not take its output",
            CloseReason::OverCap => "let too much output pile up",
            CloseReason::Drained => "drained",
            CloseReason::ByUs => "closed by us",
            CloseReason::HandlerPanicked => "handler panicked",
            CloseReason::Io => "input/output error",
            CloseReason::TlsHandshake => "TLS handshake failed",
            CloseReason::TlsAlert => "ended by a TLS alert",
            CloseReason::TlsTruncated => "ended without a TLS close_notify",
        })
    }
}

/// A datagram, lent for the length of the callback.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// What it carries; may be empty.
    pub bytes: &'a [u8],
    /// Who sent it.
    pub from: PeerAddr,
    /// Which of our addresses it was sent to, where the socket is bound to all of them; for IPv6 it may be a multicast group.
    /// An answer leaves from it, or in place of a group from an address of ours.
    pub to: Option<IpAddr>,
    /// Whether it was longer than [`LONGEST`](Datagram::LONGEST); the rest is lost. UDP carries none that is.
    pub truncated: bool,
    pub(crate) arrival: Option<Arrival>,
}

impl Datagram<'_> {
    /// The most bytes that are received of one datagram, 64 KiB. A Unix socket sends longer ones, if its buffer holds them.
    pub const LONGEST: usize = crate::reactor::sys::DATAGRAM;

    /// What an answer needs that comes after the callback, or from another thread: [`Net::send_back`](crate::Net::send_back).
    pub fn return_path(&self) -> ReturnPath {
        ReturnPath { to: self.from.clone(), from: self.arrival }
    }
}

/// The way back of an answer: to whoever sent a datagram, from the address that it was sent to. Kept for as long as it is
/// wanted, and sent with [`Net::send_back`](crate::Net::send_back).
///
/// ```
/// use hullo::{ConnId, Datagram, Handler, Net, ReturnPath, TimerId, DatagramId};
/// use std::time::Duration;
///
/// /// Echoes each datagram a second later.
/// #[derive(Default)]
/// struct LateEcho {
///     owed: Vec<(TimerId, DatagramId, ReturnPath, Vec<u8>)>,
/// }
///
/// impl Handler for LateEcho {
///     fn data(&mut self, _: &mut Net, _: ConnId, _: &[u8]) {}
///
///     fn datagram(&mut self, net: &mut Net, socket: DatagramId, datagram: &Datagram<'_>) {
///         let timer = net.set_timer(Duration::from_secs(1), 0);
///         self.owed.push((timer, socket, datagram.return_path(), datagram.bytes.to_vec()));
///     }
///
///     fn timeout(&mut self, net: &mut Net, timer: TimerId, _: u64) {
///         for (_, socket, path, bytes) in self.owed.extract_if(.., |owed| owed.0 == timer) {
///             net.send_back(socket, &path, &bytes);
///         }
///     }
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ReturnPath {
    pub(crate) to: PeerAddr,
    pub(crate) from: Option<Arrival>,
}

impl ReturnPath {
    /// Who is answered.
    pub fn peer(&self) -> &PeerAddr {
        &self.to
    }
}

/// What a descriptor is ready for.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Readiness(u8);

impl Readiness {
    // They are the bits of epoll(7) of these names, so that the compiler takes most of them over as they are.
    pub(crate) const READABLE: Readiness = Readiness(1);
    pub(crate) const PRIORITY: Readiness = Readiness(2);
    pub(crate) const WRITABLE: Readiness = Readiness(4);
    pub(crate) const ERROR: Readiness = Readiness(8);
    pub(crate) const READ_CLOSED: Readiness = Readiness(16);
    /// No event brought this: the source stopped early in the turn before.
    pub(crate) const AGAIN: Readiness = Readiness(32);

    #[inline]
    pub(crate) fn has(self, any_of: Readiness) -> bool {
        self.0 & any_of.0 != 0
    }

    /// A read will not block.
    pub fn is_readable(self) -> bool {
        self.has(Readiness::READABLE)
    }

    /// A write will not block.
    pub fn is_writable(self) -> bool {
        self.has(Readiness::WRITABLE)
    }

    /// The other end has hung up or stopped writing.
    pub fn is_read_closed(self) -> bool {
        self.has(Readiness::READ_CLOSED)
    }

    /// The descriptor is in error.
    pub fn is_error(self) -> bool {
        self.has(Readiness::ERROR)
    }
}

impl std::ops::BitOr for Readiness {
    type Output = Readiness;

    #[inline]
    fn bitor(self, other: Readiness) -> Readiness {
        Readiness(self.0 | other.0)
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = ["readable", "priority", "writable", "error", "read closed"];
        f.debug_set()
            .entries(names.iter().enumerate().filter(|(i, _)| self.0 & (1 << i) != 0).map(|(_, n)| n))
            .finish()
    }
}
