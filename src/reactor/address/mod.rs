//! Addresses: `tcp://`, `tls://`, `udp://`, `unix:`, `unixgram:`, `unixpacket:`.

pub(crate) mod parse;
pub(crate) mod printable;

use crate::reactor::address::printable::Printable;
use crate::reactor::sys::{self, SockAddr};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::{Path, PathBuf};

/// Where to listen, or whom to reach.
///
/// ```
/// # use hullo::Address;
/// for text in ["tcp://127.0.0.1:9999", "tls://[::1]:443", "udp://[::1]:0", "tcp://*:80", "tcp://localhost:80", "tcp://[fe80::1%eth0]:80", "unix:/run/hullo.sock", "unixpacket:@hullo"] {
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
    /// `tls://HOST:PORT`, TLS over TCP. To listen there or to connect takes a certificate or somebody to trust, and feature
    /// `tls`: `Net::listen_tls` and `Net::connect_tls`.
    Tls(Host, u16),
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
    /// An IPv6 address on one network interface, which a link-local one cannot do without: `[fe80::1%eth0]`, or
    /// `[fe80::1%2]` with the interface's number.
    Scoped(Ipv6Addr, String),
    /// `*`: one socket for every address, IPv6 and IPv4 alike.
    Any,
    /// A name. [`Net::connect`](crate::Net::connect) looks it up on a thread beside the loop; to listen, bind or send
    /// datagrams, [`resolve`](Address::resolve) it first.
    Name(String),
}

impl Address {
    /// The TCP address of an IP address and port.
    pub fn tcp(socket: impl Into<SocketAddr>) -> Address {
        let socket = socket.into();
        Address::Tcp(Host::of(socket), socket.port())
    }

    /// The address of TLS over TCP of an IP address and port.
    pub fn tls(socket: impl Into<SocketAddr>) -> Address {
        let socket = socket.into();
        Address::Tls(Host::of(socket), socket.port())
    }

    /// The UDP address of an IP address and port.
    pub fn udp(socket: impl Into<SocketAddr>) -> Address {
        let socket = socket.into();
        Address::Udp(Host::of(socket), socket.port())
    }

    /// The host; `None` for a Unix socket.
    pub fn host(&self) -> Option<&Host> {
        self.host_and_port().map(|(host, _)| host)
    }

    /// The port; `None` for a Unix socket.
    pub fn port(&self) -> Option<u16> {
        self.host_and_port().map(|(_, port)| port)
    }

    /// The IP address, where the host is a numeric one; without its interface.
    pub fn ip(&self) -> Option<IpAddr> {
        match self.host()? {
            Host::Ip(ip) => Some(*ip),
            Host::Scoped(ip, _) => Some((*ip).into()),
            Host::Any | Host::Name(_) => None,
        }
    }

    /// The IP address and port, as the system takes them.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a name ([`resolve`](Address::resolve) it first), for `*`, for a Unix socket, and for a link-local
    /// address without its interface; `AddrNotAvailable` where this machine has no such interface.
    pub fn to_socket_addr(&self) -> io::Result<SocketAddr> {
        let not = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        let Some((host, port)) = self.host_and_port() else {
            return not(format!("{self} has no IP address"));
        };
        match host {
            Host::Ip(IpAddr::V6(ip)) if ip.is_unicast_link_local() => not(format!(
                "a link-local address is one of an interface: write it with its name, as in [{ip}%eth0]"
            )),
            Host::Ip(ip) => Ok(SocketAddr::new(*ip, port)),
            Host::Scoped(ip, scope) => Ok(SocketAddrV6::new(*ip, port, 0, interface(scope)?).into()),
            Host::Any => not(format!("{self} is every address of this machine, and not one")),
            Host::Name(name) => {
                not(format!("{name} is a name: resolve it first, the reactor never waits for a resolver"))
            }
        }
    }

    /// Every numeric address that this one stands for: itself, unless its host is a name.
    ///
    /// Blocks while the system's resolver works, so never call it from a handler.
    ///
    /// # Errors
    ///
    /// The resolver's, or `NotFound` when the name has no address.
    pub fn resolve(&self) -> io::Result<Vec<Address>> {
        let Some((Host::Name(name), port)) = self.host_and_port() else {
            return Ok(vec![self.clone()]);
        };
        let mut found: Vec<Address> = Vec::new();
        for socket in sys::look_up(name, port)? {
            let address = match self {
                Address::Tcp(..) => Address::tcp(socket),
                Address::Tls(..) => Address::tls(socket),
                _ => Address::udp(socket),
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

    /// The file that this address is in the file system: of a Unix socket, unless its name is an abstract one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Address::Unix(path) | Address::Unixgram(path) | Address::Unixpacket(path) => {
                Some(path.as_path()).filter(|path| sys::abstract_name(path).is_none())
            }
            Address::Tcp(..) | Address::Tls(..) | Address::Udp(..) => None,
        }
    }

    fn host_and_port(&self) -> Option<(&Host, u16)> {
        match self {
            Address::Tcp(host, port) | Address::Tls(host, port) | Address::Udp(host, port) => {
                Some((host, *port))
            }
            Address::Unix(_) | Address::Unixgram(_) | Address::Unixpacket(_) => None,
        }
    }
}

impl Host {
    fn of(socket: SocketAddr) -> Host {
        match socket {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => {
                let scope = v6.scope_id();
                Host::Scoped(*v6.ip(), sys::interface_name(scope).unwrap_or_else(|| scope.to_string()))
            }
            _ => Host::Ip(socket.ip()),
        }
    }

    /// Whether it is an IPv6 address.
    pub(crate) fn is_v6(&self) -> bool {
        matches!(self, Host::Ip(IpAddr::V6(_)) | Host::Scoped(..))
    }
}

/// The number of an interface, which is given by that or by its name.
fn interface(scope: &str) -> io::Result<u32> {
    scope.parse().or_else(|_| sys::interface_number(scope)).map_err(|_| {
        let what = format!("{scope} is no network interface of this machine");
        io::Error::new(io::ErrorKind::AddrNotAvailable, what)
    })
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(host, port) => write!(f, "tcp://{host}:{port}"),
            Address::Tls(host, port) => write!(f, "tls://{host}:{port}"),
            Address::Udp(host, port) => write!(f, "udp://{host}:{port}"),
            Address::Unix(path) => write!(f, "unix:{}", printable(path)),
            Address::Unixgram(path) => write!(f, "unixgram:{}", printable(path)),
            Address::Unixpacket(path) => write!(f, "unixpacket:{}", printable(path)),
        }
    }
}

/// Shows a path, which is mostly somebody else's choice, so that it steers no terminal.
fn printable(path: &Path) -> Printable<'_> {
    Printable(path.as_os_str().as_encoded_bytes())
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Host::Scoped(ip, scope) => write!(f, "[{ip}%{scope}]"),
            Host::Any => f.write_str("*"),
            Host::Name(name) => f.write_str(name),
        }
    }
}

/// The other end of a socket: where a datagram came from, who a stream's peer is.
///
/// Equal and hashed by the address itself.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PeerAddr(pub(crate) SockAddr);

impl PeerAddr {
    /// The IP address and port; `None` for a Unix socket.
    #[inline]
    pub fn as_socket(&self) -> Option<SocketAddr> {
        self.0.as_socket()
    }

    /// The path of a Unix socket; `None` for an unnamed one, and for IP.
    #[inline]
    pub fn as_path(&self) -> Option<&Path> {
        self.0.as_pathname()
    }

    /// Whether this is a Unix socket without a name, which nobody can send to.
    pub fn is_unnamed(&self) -> bool {
        self.0.is_unnamed()
    }

    /// The name of a Unix socket as bytes: its path, or its name in the abstract namespace of unix(7).
    #[inline]
    pub fn unix_name(&self) -> Option<&[u8]> {
        sys::unix_name(&self.0)
    }
}

impl From<SocketAddr> for PeerAddr {
    fn from(address: SocketAddr) -> PeerAddr {
        PeerAddr(address.into())
    }
}

impl fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.as_socket(), self.as_path(), self.unix_name()) {
            (Some(socket), _, _) => socket.fmt(f),
            (_, Some(path), _) => printable(path).fmt(f),
            (_, _, Some(name)) => write!(f, "@{}", Printable(name)),
            _ => f.write_str("unnamed"),
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
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn what_would_steer_a_terminal_is_escaped_in_a_path_and_in_an_abstract_name() {
        let shown = |address: SockAddr| PeerAddr(address).to_string();
        let path = |bytes: &[u8]| SockAddr::unix(OsStr::from_bytes(bytes)).unwrap();
        assert_eq!(shown(path(b"/tmp/\n\x1b[31m\xffx")), r"/tmp/\x0a\x1b[31m\xffx");
        assert_eq!(shown(path("\0数据\u{2028}".as_bytes())), r"@数据\xe2\x80\xa8");
        for kind in ["unix", "unixgram", "unixpacket"] {
            let address: Address = format!("{kind}:/tmp/a\r\u{85}b").parse().unwrap();
            assert_eq!(address.to_string(), format!(r"{kind}:/tmp/a\x0d\xc2\x85b"));
        }
    }

    #[test]
    fn a_name_resolves_to_each_of_its_addresses_once() {
        let found = "tcp://localhost:7".parse::<Address>().unwrap().resolve().unwrap();
        assert!(found.contains(&"tcp://127.0.0.1:7".parse().unwrap()), "{found:?}");
        let found = "tls://localhost:7".parse::<Address>().unwrap().resolve().unwrap();
        assert!(found.contains(&"tls://127.0.0.1:7".parse().unwrap()), "{found:?}");
        let literal: Address = "udp://[::1]:7".parse().unwrap();
        assert_eq!(literal.resolve().unwrap(), [literal]);
    }

    #[test]
    fn an_interface_is_given_by_its_name_or_its_number_and_shown_by_its_name() {
        let number = sys::interface_number("lo").unwrap();
        let socket = |text: &str| text.parse::<Address>().unwrap().to_socket_addr();
        let wanted = SocketAddr::from(SocketAddrV6::new("fe80::1".parse().unwrap(), 7, 0, number));
        assert_eq!(socket("tcp://[fe80::1%lo]:7").unwrap(), wanted);
        assert_eq!(socket(&format!("udp://[fe80::1%{number}]:7")).unwrap(), wanted);
        assert_eq!(Address::tls(wanted), "tls://[fe80::1%lo]:7".parse().unwrap());
        assert_eq!(Address::tcp(wanted).to_string(), "tcp://[fe80::1%lo]:7");
        assert_eq!(
            Address::udp(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 7, 0, 0)).to_string(),
            "udp://[::1]:7"
        );
        let gone = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 7, 0, 4_000_000_000);
        assert_eq!(Address::udp(gone).to_string(), "udp://[::1%4000000000]:7");
        let peer = PeerAddr::from(wanted).to_string();
        assert_eq!(peer, format!("[fe80::1%{number}]:7"));
        assert_eq!(socket(&format!("tcp://{peer}")).unwrap(), wanted);
    }

    #[test]
    fn what_is_no_one_address_of_ours_is_refused_with_a_sentence() {
        for (text, part) in [
            ("tcp://[fe80::1]:7", "[fe80::1%eth0]"),
            ("tcp://[fe80::1%no-such]:7", "no-such is no network interface"),
            ("tcp://localhost:7", "resolve it first"),
            ("udp://*:7", "every address"),
            ("tls://*:7", "every address"),
            ("unix:/tmp/s", "no IP address"),
        ] {
            let error = text.parse::<Address>().unwrap().to_socket_addr().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
