//! Why a daemon did not start.

use hullo::Address;
use nix::errno::Errno;
use std::fmt;
use std::io;
use std::path::Path;

/// Why a daemon did not start. It displays as a sentence with the address and the remedy.
#[derive(Debug)]
pub struct StartError {
    /// The socket that could not be opened, if it was one.
    pub address: Option<Address>,
    /// The socket of the daemon's own that is in the way, if one is.
    pub own_socket: Option<Address>,
    /// What the operating system said.
    pub error: io::Error,
}

impl StartError {
    /// An error of the system that concerns no socket in particular.
    pub fn system(error: io::Error) -> StartError {
        StartError { address: None, own_socket: None, error }
    }

    /// Whether this machine lacks the address, or the whole family of addresses.
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
        if let Some(own) = &self.own_socket {
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

/// What is wrong with an address, and the remedy; `None` where the words of the system say it best.
fn problem(address: &Address, error: &io::Error) -> Option<(&'static str, String)> {
    use io::ErrorKind;

    let (path, port) = match address {
        Address::Unix(path) | Address::Unixgram(path) | Address::Unixpacket(path) => (Some(path), 0),
        Address::Tcp(_, port) | Address::Tls(_, port) | Address::Udp(_, port) => (None, *port),
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
        StartError { address: Some(address.parse().unwrap()), own_socket: None, error: error.into() }
            .to_string()
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
            own_socket: Some("tcp://127.0.0.1:9999".parse().unwrap()),
            error: io::ErrorKind::AddrInUse.into(),
        };
        assert_eq!(
            error.to_string(),
            "tcp://*:9999 is in use by tcp://127.0.0.1:9999, which is ours as well: choose another port, or have \
             only one of them; to go over from one to the other, restart"
        );
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
