//! `tcp://`, `udp://`, `unix:`, `unixgram:`, `unixpacket:` as text and as types.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where to listen, or whom to reach.
///
/// ```
/// # use hullo::Address;
/// for text in ["tcp://127.0.0.1:9999", "udp://[::1]:0", "tcp://*:80", "tcp://localhost:80", "unix:/run/hullo.sock", "unixpacket:@hullo"] {
///     let address: Address = text.parse()?;
///     assert_eq!(address.to_string(), text);
/// }
/// assert!("tcp://127.0.0.1".parse::<Address>().is_err());
/// # Ok::<(), hullo::AddressError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Address {
    /// `tcp://HOST:PORT`
    Tcp(Host, u16),
    /// `udp://HOST:PORT`
    Udp(Host, u16),
    /// `unix:PATH`, a stream socket. `@NAME` is in Linux's abstract namespace, which leaves no file (unix(7)).
    Unix(PathBuf),
    /// `unixgram:PATH`, a datagram socket; `@NAME` likewise.
    Unixgram(PathBuf),
    /// `unixpacket:PATH`, a connection that keeps records apart (SOCK_SEQPACKET); `@NAME` likewise.
    ///
    /// Each send is one record, and `data` is given one record at a time, whole whatever [`Net::limit_reads`] says. A
    /// record longer than [`Limits::read_budget`], or than the system sends (EMSGSIZE), ends the connection. An empty
    /// record cannot be told from the end of the connection, and is never sent.
    ///
    /// [`Net::limit_reads`]: crate::Net::limit_reads
    /// [`Limits::read_budget`]: crate::Limits::read_budget
    Unixpacket(PathBuf),
}

/// The host in an [`Address`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Host {
    /// A numeric address; `[::]` alone is IPv6 only.
    Ip(IpAddr),
    /// `*`: one socket for every address, IPv6 and IPv4 alike.
    Any,
    /// A name. The reactor never looks one up: see [`Address::resolve`].
    Name(String),
}

impl Address {
    /// Every numeric address that this one stands for: itself, unless its host is a name.
    ///
    /// Blocks while the system's resolver works, so never call it from a handler.
    ///
    /// # Errors
    ///
    /// The resolver's, or `NotFound` when the name has no address.
    pub fn resolve(&self) -> io::Result<Vec<Address>> {
        let (Address::Tcp(Host::Name(name), port) | Address::Udp(Host::Name(name), port)) = self else {
            return Ok(vec![self.clone()]);
        };
        let mut found: Vec<Address> = Vec::new();
        for socket in (name.as_str(), *port).to_socket_addrs()? {
            let host = Host::Ip(socket.ip());
            let address = match self {
                Address::Tcp(..) => Address::Tcp(host, *port),
                _ => Address::Udp(host, *port),
            };
            if !found.contains(&address) {
                found.push(address);
            }
        }
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("{name} has no address")));
        }
        Ok(found)
    }

    /// Whether sockets of this kind carry datagrams.
    pub fn is_datagram(&self) -> bool {
        matches!(self, Address::Udp(..) | Address::Unixgram(_))
    }

    /// Whether a socket of this kind leaves a file: a Unix socket does, unless its name is an abstract one.
    pub fn has_file(&self) -> bool {
        self.path().is_some()
    }

    /// The file that this address is in the file system, if it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Address::Unix(path) | Address::Unixgram(path) | Address::Unixpacket(path) => {
                Some(path.as_path()).filter(|path| abstract_name(path).is_none())
            }
            Address::Tcp(..) | Address::Udp(..) => None,
        }
    }
}

/// What a path that stands for an abstract name has behind its `@`.
fn abstract_name(path: &Path) -> Option<&[u8]> {
    path.as_os_str().as_bytes().strip_prefix(b"@")
}

/// The socket address of a path, or of an abstract name, which begins with a NUL.
pub(crate) fn unix_address(path: &Path) -> io::Result<socket2::SockAddr> {
    match abstract_name(path) {
        Some(name) => socket2::SockAddr::unix(OsStr::from_bytes(&[b"\0", name].concat())),
        None => socket2::SockAddr::unix(path),
    }
}

/// The path, or `@` and the abstract name, of a bound Unix socket; empty for an unnamed one.
pub(crate) fn unix_path(address: &socket2::SockAddr) -> PathBuf {
    match (address.as_pathname(), address.as_abstract_namespace()) {
        (Some(path), _) => path.to_path_buf(),
        (None, Some(name)) => OsStr::from_bytes(&[b"@", name].concat()).into(),
        (None, None) => PathBuf::new(),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(host, port) => write!(f, "tcp://{host}:{port}"),
            Address::Udp(host, port) => write!(f, "udp://{host}:{port}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Unixgram(path) => write!(f, "unixgram:{}", path.display()),
            Address::Unixpacket(path) => write!(f, "unixpacket:{}", path.display()),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Host::Any => f.write_str("*"),
            Host::Name(name) => f.write_str(name),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        let wrong = |what| AddressError { text: text.to_string(), what };
        if let Some(rest) = text.strip_prefix("tcp://") {
            let (host, port) = host_and_port(rest).map_err(wrong)?;
            Ok(Address::Tcp(host, port))
        } else if let Some(rest) = text.strip_prefix("udp://") {
            let (host, port) = host_and_port(rest).map_err(wrong)?;
            Ok(Address::Udp(host, port))
        } else if let Some(path) = text.strip_prefix("unix:") {
            Ok(Address::Unix(socket_path(path).map_err(wrong)?))
        } else if let Some(path) = text.strip_prefix("unixgram:") {
            Ok(Address::Unixgram(socket_path(path).map_err(wrong)?))
        } else if let Some(path) = text.strip_prefix("unixpacket:") {
            Ok(Address::Unixpacket(socket_path(path).map_err(wrong)?))
        } else {
            Err(wrong(
                "write it as tcp://HOST:PORT, udp://HOST:PORT, unix:PATH, unixgram:PATH or unixpacket:PATH",
            ))
        }
    }
}

fn host_and_port(text: &str) -> Result<(Host, u16), &'static str> {
    const NO_PORT: &str = "the port is missing: write HOST:PORT";
    let (host, port) = text.rsplit_once(':').filter(|_| !text.ends_with(']')).ok_or(NO_PORT)?;
    let host = if let Some(inside) = host.strip_prefix('[') {
        let inside = inside.strip_suffix(']').ok_or("the IPv6 address lacks its closing bracket")?;
        Host::Ip(IpAddr::V6(inside.parse().map_err(|_| "between the brackets is no IPv6 address")?))
    } else if host == "*" {
        Host::Any
    } else if host.is_empty() {
        return Err("the host is missing: write HOST:PORT, or * for every address");
    } else if host.contains(':') {
        return Err("an IPv6 address stands in brackets: [::1]:PORT");
    } else if host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
        return Err("the host has a character that no host name has");
    } else {
        host.parse().map(|ip| Host::Ip(IpAddr::V4(ip))).unwrap_or_else(|_| Host::Name(host.to_string()))
    };
    if port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err("the port is not a number from 0 to 65535");
    }
    Ok((host, port.parse().map_err(|_| "the port is not a number from 0 to 65535")?))
}

fn socket_path(path: &str) -> Result<PathBuf, &'static str> {
    // sockaddr_un holds 108 bytes, the last one a NUL (unix(7)).
    match path.len() {
        0 => Err("the path is missing"),
        1..=107 if !path.contains('\0') => Ok(PathBuf::from(path)),
        1..=107 => Err("the path has a NUL in it"),
        _ => Err("the path is longer than the 107 bytes that a socket address holds"),
    }
}

impl TryFrom<&str> for Address {
    type Error = AddressError;

    fn try_from(text: &str) -> Result<Address, AddressError> {
        text.parse()
    }
}

/// Text that is no [`Address`]; displays as a sentence that names the text and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError {
    text: String,
    what: &'static str,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not an address: {}", self.text, self.what)
    }
}

impl std::error::Error for AddressError {}

impl From<std::convert::Infallible> for AddressError {
    fn from(never: std::convert::Infallible) -> AddressError {
        match never {}
    }
}

impl From<AddressError> for io::Error {
    fn from(error: AddressError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
}

/// The other end of a socket: where a datagram came from, who a stream's peer is.
///
/// Equal and hashed by the address itself.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PeerAddr(pub(crate) socket2::SockAddr);

impl PeerAddr {
    /// The IP address and port; `None` for a Unix socket.
    pub fn as_socket(&self) -> Option<SocketAddr> {
        self.0.as_socket()
    }

    /// The path of a Unix socket; `None` for an unnamed one, and for IP.
    pub fn as_path(&self) -> Option<&Path> {
        self.0.as_pathname()
    }

    /// Whether this is a Unix socket without a name, which nobody can send to.
    pub fn is_unnamed(&self) -> bool {
        self.0.is_unnamed()
    }

    /// The name of a Unix socket as bytes: its path, or its name in the abstract namespace of unix(7).
    pub fn unix_name(&self) -> Option<&[u8]> {
        self.as_path().map(|path| path.as_os_str().as_bytes()).or_else(|| self.0.as_abstract_namespace())
    }
}

impl From<SocketAddr> for PeerAddr {
    fn from(address: SocketAddr) -> PeerAddr {
        PeerAddr(address.into())
    }
}

impl fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.as_socket(), self.as_path()) {
            (Some(socket), _) => socket.fmt(f),
            (_, Some(path)) => path.display().fmt(f),
            _ => match self.unix_name() {
                Some(name) => write!(f, "@{}", name.escape_ascii()),
                None => f.write_str("unnamed"),
            },
        }
    }
}

impl fmt::Debug for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerAddr({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_address_is_named_with_its_remedy() {
        for (text, part) in [
            ("9999", "tcp://HOST:PORT"),
            ("http://127.0.0.1:1", "tcp://HOST:PORT"),
            ("tcp://127.0.0.1", "port is missing"),
            ("tcp://[::1]", "port is missing"),
            ("tcp://127.0.0.1:", "not a number"),
            ("tcp://127.0.0.1:65536", "not a number"),
            ("tcp://127.0.0.1:+1", "not a number"),
            ("tcp://::1:80", "brackets"),
            ("tcp://[::1:80", "closing bracket"),
            ("udp://[127.0.0.1]:80", "no IPv6"),
            ("tcp://:80", "host is missing"),
            ("tcp://a b:80", "no host name"),
            ("unix:", "path is missing"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(part) && error.contains(text), "{text}: {error}");
        }
        let long = format!("unix:/{}", "x".repeat(107));
        assert!(long.parse::<Address>().unwrap_err().to_string().contains("107 bytes"));
    }

    #[test]
    fn a_name_resolves_to_each_of_its_addresses_once() {
        let found = "tcp://localhost:7".parse::<Address>().unwrap().resolve().unwrap();
        assert!(found.contains(&"tcp://127.0.0.1:7".parse().unwrap()), "{found:?}");
        let literal: Address = "udp://[::1]:7".parse().unwrap();
        assert_eq!(literal.resolve().unwrap(), [literal]);
    }
}
