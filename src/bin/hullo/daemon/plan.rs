//! What the daemon is to do, validated, and how it went.

use hullo::greeting::{Dialect, Guard};
use hullo::{Address, Limits, SocketOptions};
use log::LevelFilter;
use nix::errno::Errno;
use std::fmt;
use std::io;
use std::path::{self, Path};
use std::sync::Arc;
use std::time::Duration;

/// Everything that a daemon needs to know.
#[derive(Clone)]
pub struct ServePlan {
    /// The sockets, in the order in which they are bound and announced.
    pub sockets: Vec<SocketPlan>,
    /// The bounds of the reactor.
    pub limits: Limits,
    /// How long a drain may take.
    pub drain: Duration,
    /// The loop guard of datagram sockets.
    pub guard: Guard,
    /// How many reactors serve, at least one. They share the sockets that are opened with `reuse_port`, and the first
    /// one serves the others.
    pub reactors: usize,
    /// How much to log from the moment at which a reload takes effect; `None`: as before.
    pub log_level: Option<LevelFilter>,
}

/// One socket. Its address has no name left in it.
#[derive(Clone)]
pub struct SocketPlan {
    /// Where to bind.
    pub address: Address,
    /// The name that this is an address of, if one was asked for. Of its addresses this machine may lack some.
    pub name: Option<Address>,
    /// What to speak there.
    pub dialect: Arc<Dialect>,
    /// How to open it.
    pub options: SocketOptions,
}

impl ServePlan {
    /// The bounds of one reactor among its equals.
    pub fn limits_per_reactor(&self) -> Limits {
        Limits { connections: self.limits.connections.div_ceil(self.reactors), ..self.limits.clone() }
    }
}

impl SocketPlan {
    /// Whether the socket of one plan serves the other as well, whatever it speaks. Its options are of the moment at
    /// which it was opened: a second one could not be bound beside it.
    pub fn is_same_socket(&self, other: &SocketPlan) -> bool {
        match (&self.address, &other.address) {
            (Address::Unix(one), Address::Unix(other))
            | (Address::Unixgram(one), Address::Unixgram(other))
            | (Address::Unixpacket(one), Address::Unixpacket(other)) => is_same_path(one, other),
            (one, other) => one == other,
        }
    }
}

/// However it is written; but an abstract name is no path.
fn is_same_path(one: &Path, other: &Path) -> bool {
    let is_abstract = |path: &Path| path.as_os_str().as_encoded_bytes().starts_with(b"@");
    let absolute = |path: &Path| path::absolute(path).ok();
    one == other || !is_abstract(one) && !is_abstract(other) && absolute(one) == absolute(other)
}

/// How a daemon ended; displays as the one line that ends its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Stream clients served.
    pub clients: u64,
    /// The most stream clients at once; of several reactors, the sum of what each had.
    pub peak: u64,
    /// Datagrams received.
    pub datagrams: u64,
    /// Datagrams answered.
    pub answered: u64,
    /// From the first socket to the last.
    pub uptime: Duration,
    /// How long the drain took, the longest of several reactors'.
    pub drain: Duration,
    /// Clients that were cut: by the end of the drain, or by the second signal.
    pub cut: u64,
    /// A second signal stopped it at once.
    pub is_forced: bool,
}

impl Summary {
    /// Adds what another reactor has to tell.
    pub fn add(&mut self, other: &Summary) {
        self.clients += other.clients;
        self.peak += other.peak;
        self.datagrams += other.datagrams;
        self.answered += other.answered;
        self.cut += other.cut;
        self.drain = self.drain.max(other.drain);
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { clients, peak, datagrams, answered, uptime, drain, cut, is_forced } = self;
        match is_forced {
            true => write!(f, "hullo: stopped at once")?,
            false => write!(f, "hullo: drained after {:.2} s", drain.as_secs_f64())?,
        }
        write!(
            f,
            ", up {:.1} s: {} ({peak} at once, {cut} cut), {} ({answered} answered)",
            uptime.as_secs_f64(),
            counted(*clients, "client"),
            counted(*datagrams, "datagram")
        )
    }
}

/// `1 client`, `2 clients`.
pub fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Why a daemon did not start; displays as a sentence with the address and the remedy.
#[derive(Debug)]
pub struct StartError {
    /// The socket that could not be opened, if it was one.
    pub address: Option<Address>,
    /// A socket of the daemon's own that is in the way.
    pub own: Option<Address>,
    /// What the operating system said.
    pub error: io::Error,
}

impl StartError {
    /// What is wrong with no socket in particular.
    pub fn system(error: io::Error) -> StartError {
        StartError { address: None, own: None, error }
    }

    /// Whether this machine has no such address, or none of its family.
    pub fn is_missing(&self) -> bool {
        self.error.kind() == io::ErrorKind::AddrNotAvailable
            || self.error.raw_os_error() == Some(Errno::EAFNOSUPPORT as i32)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(address) = &self.address else {
            return write!(f, "cannot start: {}", self.error);
        };
        if let Some(own) = &self.own {
            let other = if address.path().is_some() { "path" } else { "port" };
            return write!(
                f,
                "{address} is in use by {own}, which is ours as well: choose another {other}, or have only one of \
                 them; to go over from one to the other, restart"
            );
        }
        match problem(address, &self.error) {
            Some((problem, remedy)) => write!(f, "{address} {problem}: {remedy}"),
            None => write!(f, "cannot bind {address}: {}", self.error),
        }
    }
}

impl std::error::Error for StartError {}

/// What is wrong with an address, and what helps; `None` where only the system's own words do.
fn problem(address: &Address, error: &io::Error) -> Option<(&'static str, String)> {
    use io::ErrorKind;

    let (path, port) = match address {
        Address::Unix(path) | Address::Unixgram(path) | Address::Unixpacket(path) => (Some(path), 0),
        Address::Tcp(_, port) | Address::Udp(_, port) => (None, *port),
    };
    let other = if path.is_some() { "path" } else { "port" };
    let directory = path.and_then(|path| path.parent()).filter(|parent| *parent != Path::new(""));
    let directory = directory.unwrap_or(Path::new(".")).display();
    Some(match error.kind() {
        ErrorKind::AddrInUse => ("is in use", format!("stop the other program, or choose another {other}")),
        ErrorKind::PermissionDenied if path.is_some() => {
            ("is not allowed", format!("make {directory} writable for this user, or choose another path"))
        }
        ErrorKind::PermissionDenied if (1..1024).contains(&port) => {
            ("is not allowed", "take a port from 1024 up, or give hullo CAP_NET_BIND_SERVICE".to_owned())
        }
        ErrorKind::PermissionDenied => {
            ("is not allowed", "see what confines this process, or choose another address".to_owned())
        }
        ErrorKind::AddrNotAvailable => (
            "is no address of this machine",
            "choose one that an interface has, or * for every interface".to_owned(),
        ),
        ErrorKind::NotFound if path.is_some() => {
            ("has no directory to be in", format!("make {directory} first, or choose another path"))
        }
        ErrorKind::NotADirectory if path.is_some() => {
            ("has no directory to be in", format!("{directory} is something else, choose another path"))
        }
        ErrorKind::AlreadyExists if path.is_some() => {
            ("exists and is no socket", "remove it if nobody needs it, or choose another path".to_owned())
        }
        ErrorKind::ReadOnlyFilesystem if path.is_some() => {
            ("is on a read-only file system", "choose another path".to_owned())
        }
        _ if error.raw_os_error() == Some(Errno::EAFNOSUPPORT as i32) => {
            ("is of a kind that this system does not have", "choose another address".to_owned())
        }
        _ if matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::EMFILE | Errno::ENFILE)) => {
            ("finds no free descriptor", "raise the limit (ulimit -n), or listen on fewer sockets".to_owned())
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(address: &str, error: impl Into<io::Error>) -> String {
        StartError { address: Some(address.parse().unwrap()), own: None, error: error.into() }.to_string()
    }

    #[test]
    fn a_taken_address_is_named_with_what_else_to_choose() {
        assert_eq!(
            sentence("tcp://127.0.0.1:9999", io::ErrorKind::AddrInUse),
            "tcp://127.0.0.1:9999 is in use: stop the other program, or choose another port"
        );
        assert_eq!(
            sentence("unix:/run/hullo.sock", io::ErrorKind::AddrInUse),
            "unix:/run/hullo.sock is in use: stop the other program, or choose another path"
        );
    }

    #[test]
    fn a_socket_of_our_own_in_the_way_is_no_other_program() {
        let error = StartError {
            address: Some("tcp://*:9999".parse().unwrap()),
            own: Some("tcp://127.0.0.1:9999".parse().unwrap()),
            error: io::ErrorKind::AddrInUse.into(),
        };
        assert_eq!(
            error.to_string(),
            "tcp://*:9999 is in use by tcp://127.0.0.1:9999, which is ours as well: choose another port, or have \
             only one of them; to go over from one to the other, restart"
        );
    }

    #[test]
    fn the_last_line_tells_the_drain_from_the_time_before_it() {
        let mut summary = Summary {
            clients: 1,
            peak: 1,
            datagrams: 0,
            answered: 0,
            uptime: Duration::from_millis(4_640),
            drain: Duration::from_millis(120),
            cut: 0,
            is_forced: false,
        };
        let books = "up 4.6 s: 1 client (1 at once, 0 cut), 0 datagrams (0 answered)";
        assert_eq!(summary.to_string(), format!("hullo: drained after 0.12 s, {books}"));
        let slower = Summary { clients: 2, drain: Duration::from_secs(2), is_forced: true, ..summary };
        summary.add(&slower);
        assert!(
            summary.to_string().starts_with("hullo: drained after 2.00 s, up 4.6 s: 3 clients (2 at once")
        );
        assert!(slower.to_string().starts_with("hullo: stopped at once, up 4.6 s: 2 clients "), "{slower}");
    }

    #[test]
    fn a_refusal_says_who_could_allow_it() {
        assert_eq!(
            sentence("udp://*:53", io::ErrorKind::PermissionDenied),
            "udp://*:53 is not allowed: take a port from 1024 up, or give hullo CAP_NET_BIND_SERVICE"
        );
        assert_eq!(
            sentence("unix:/run/hullo.sock", io::ErrorKind::PermissionDenied),
            "unix:/run/hullo.sock is not allowed: make /run writable for this user, or choose another path"
        );
        assert!(sentence("tcp://127.0.0.1:9999", io::ErrorKind::PermissionDenied).contains("confines"));
    }

    #[test]
    fn an_address_of_another_machine_is_told_apart() {
        assert_eq!(
            sentence("tcp://192.0.2.1:80", io::ErrorKind::AddrNotAvailable),
            "tcp://192.0.2.1:80 is no address of this machine: choose one that an interface has, or * for every interface"
        );
    }

    #[test]
    fn a_path_that_cannot_be_is_told_with_its_directory() {
        assert_eq!(
            sentence("unix:/nowhere/hullo.sock", io::ErrorKind::NotFound),
            "unix:/nowhere/hullo.sock has no directory to be in: make /nowhere first, or choose another path"
        );
        assert!(sentence("unixgram:x.sock", io::ErrorKind::PermissionDenied).contains("make . writable"));
        assert_eq!(
            sentence("unixgram:/etc/passwd", io::ErrorKind::AlreadyExists),
            "unixgram:/etc/passwd exists and is no socket: remove it if nobody needs it, or choose another path"
        );
    }

    #[test]
    fn a_full_descriptor_table_and_a_missing_protocol_have_their_remedies() {
        assert!(sentence("tcp://[::1]:80", Errno::EAFNOSUPPORT).ends_with("choose another address"));
        assert!(sentence("tcp://[::1]:80", Errno::EMFILE).contains("ulimit -n"));
    }

    #[test]
    fn any_other_error_keeps_the_words_of_the_system() {
        let error = StartError::system(io::Error::other("no timers left"));
        assert_eq!(error.to_string(), "cannot start: no timers left");
        assert_eq!(
            sentence("tcp://127.0.0.1:80", io::Error::other("odd")),
            "cannot bind tcp://127.0.0.1:80: odd"
        );
    }
}
