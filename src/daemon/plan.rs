//! What the daemon is to do, validated, and how it went.

use crate::greeting::{Dialect, Guard};
use crate::{Address, Limits, SocketOptions};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Everything that a daemon needs to know.
#[derive(Clone)]
pub struct Plan {
    /// The sockets, in the order in which they are bound and announced.
    pub sockets: Vec<SocketPlan>,
    /// The bounds of the reactor.
    pub limits: Limits,
    /// How long a drain may take.
    pub drain: Duration,
    /// The loop guard of datagram sockets.
    pub guard: Guard,
}

/// One socket. Its address has no name left in it.
#[derive(Clone)]
pub struct SocketPlan {
    /// Where to bind.
    pub address: Address,
    /// What to speak there.
    pub dialect: Arc<Dialect>,
    /// How to open it.
    pub options: SocketOptions,
}

impl SocketPlan {
    /// Whether the socket of one plan serves the other as well, whatever it speaks.
    pub(super) fn is_same_socket(&self, other: &SocketPlan) -> bool {
        self.address == other.address && self.options == other.options
    }
}

/// How a daemon ended; displays as the one line that ends its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Stream clients served.
    pub clients: u64,
    /// The most stream clients at once.
    pub peak: u64,
    /// Datagrams received.
    pub datagrams: u64,
    /// Datagrams answered.
    pub answered: u64,
    /// From the first socket to the last.
    pub uptime: Duration,
    /// Clients that were cut: by the end of the drain, or by the second signal.
    pub cut: u64,
    /// A second signal stopped it at once.
    pub is_forced: bool,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { clients, peak, datagrams, answered, uptime, cut, is_forced } = self;
        let how = if *is_forced { "stopped at once" } else { "drained" };
        write!(
            f,
            "hullo: {how} after {:.1} s: {clients} clients ({peak} at once, {cut} cut), \
             {datagrams} datagrams ({answered} answered)",
            uptime.as_secs_f64()
        )
    }
}

/// Why a daemon did not start; displays as a sentence with the address and the remedy.
#[derive(Debug)]
pub struct StartError {
    /// The socket that could not be opened, if it was one.
    pub address: Option<Address>,
    /// What the operating system said.
    pub error: io::Error,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Some(address) => write!(f, "cannot bind {address}: {}", self.error),
            None => write!(f, "cannot start: {}", self.error),
        }
    }
}

impl std::error::Error for StartError {}
