//! What the daemon is to do, once everything is checked.

use hullo::greeting::{Dialect, Guard};
use hullo::{Address, Limits, SocketOptions, TlsServer};
use log::LevelFilter;
use std::path::{self, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Everything that a daemon needs to know before it begins.
#[derive(Clone)]
pub struct ServePlan {
    /// The sockets, in the order in which they are bound and announced.
    pub sockets: Vec<SocketPlan>,
    /// The bounds of all reactors together.
    pub limits: Limits,
    /// How long a drain may take.
    pub drain_timeout: Duration,
    /// The loop guard of datagram sockets.
    pub guard: Guard,
    /// How many reactors serve; at least one. They share the sockets that are opened with `reuse_port`. The first reactor
    /// alone serves the other sockets.
    pub reactors: usize,
    /// The log level from the moment at which a reload takes effect; `None` leaves the level as it is.
    pub log_level: Option<LevelFilter>,
}

/// One socket. Its address is numeric: names were looked up before.
#[derive(Clone)]
pub struct SocketPlan {
    /// Where to bind.
    pub address: Address,
    /// The name that led to this address, if a name was asked for. This machine may lack some of the addresses of a name.
    pub name: Option<Address>,
    /// What is spoken there.
    pub dialect: Arc<Dialect>,
    /// The options with which it is opened.
    pub options: SocketOptions,
    /// What its clients are shown, if it is one of TLS.
    pub tls: Option<TlsPlan>,
}

/// The server's side of TLS, and the files that it was made from.
#[derive(Clone)]
pub struct TlsPlan {
    pub cert: PathBuf,
    pub key: PathBuf,
    pub server: TlsServer,
}

impl ServePlan {
    /// The bounds of each reactor: an equal share of the clients.
    pub fn limits_per_reactor(&self) -> Limits {
        Limits { connections: self.limits.connections.div_ceil(self.reactors), ..self.limits.clone() }
    }
}

impl SocketPlan {
    /// Whether a socket that is open for one plan can go on for the other. Dialect and options do not matter: they can be
    /// changed or were settled when it was opened, and a second socket could not be bound beside it.
    pub fn is_same_socket(&self, other: &SocketPlan) -> bool {
        match (&self.address, &other.address) {
            (Address::Unix(one), Address::Unix(other))
            | (Address::Unixgram(one), Address::Unixgram(other))
            | (Address::Unixpacket(one), Address::Unixpacket(other)) => is_same_path(one, other),
            (one, other) => one == other,
        }
    }
}

/// Compares paths however they are written. An abstract name is no path, and is the same only as it is written.
fn is_same_path(one: &Path, other: &Path) -> bool {
    let is_abstract = |path: &Path| path.as_os_str().as_encoded_bytes().starts_with(b"@");
    let absolute = |path: &Path| path::absolute(path).ok();
    one == other || !is_abstract(one) && !is_abstract(other) && absolute(one) == absolute(other)
}
