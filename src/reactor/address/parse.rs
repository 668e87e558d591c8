//! Addresses from text, and from whatever else stands for one.

use crate::reactor::address::{Address, Host};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// What can be given for an address: an [`Address`], text, or an IP address and port.
///
/// Text says itself which kind of socket it means. A [`SocketAddr`] is TCP where a stream is asked for, and UDP where
/// datagrams are.
///
/// ```
/// # let mut reactor = hullo::Reactor::new()?;
/// let any_port = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
/// reactor.listen(any_port)?;
/// reactor.bind(any_port)?;
/// reactor.listen(format!("tcp://{any_port}"))?;
/// # std::io::Result::Ok(())
/// ```
pub trait IntoAddress {
    /// The address of a stream or of who listens for them.
    ///
    /// # Errors
    ///
    /// For text that is no address.
    fn into_stream_address(self) -> Result<Address, AddressError>;

    /// The address of a datagram socket.
    ///
    /// # Errors
    ///
    /// As [`into_stream_address`](IntoAddress::into_stream_address).
    fn into_datagram_address(self) -> Result<Address, AddressError>;
}

macro_rules! says_itself {
    ($($from:ty: $given:ident => $address:expr),+ $(,)?) => {$(
        impl IntoAddress for $from {
            fn into_stream_address(self) -> Result<Address, AddressError> {
                let $given = self;
                $address
            }

            fn into_datagram_address(self) -> Result<Address, AddressError> {
                self.into_stream_address()
            }
        }
    )+};
}

says_itself! {
    Address: address => Ok(address),
    &Address: address => Ok(address.clone()),
    &str: text => text.parse(),
    String: text => text.parse(),
    &String: text => text.parse(),
}

impl IntoAddress for SocketAddr {
    fn into_stream_address(self) -> Result<Address, AddressError> {
        Ok(Address::tcp(self))
    }

    fn into_datagram_address(self) -> Result<Address, AddressError> {
        Ok(Address::udp(self))
    }
}

impl TryFrom<&str> for Address {
    type Error = AddressError;

    fn try_from(text: &str) -> Result<Address, AddressError> {
        text.parse()
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Address, AddressError> {
        text.parse()
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        let wrong = |what| AddressError { text: text.to_string(), what };
        if let Some(rest) = text.strip_prefix("tcp://") {
            let (host, port) = host_and_port(rest).map_err(wrong)?;
            Ok(Address::Tcp(host, port))
        } else if let Some(rest) = text.strip_prefix("tls://") {
            let (host, port) = host_and_port(rest).map_err(wrong)?;
            Ok(Address::Tls(host, port))
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
                "write it as tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT, unix:PATH, unixgram:PATH or unixpacket:PATH",
            ))
        }
    }
}

impl FromStr for Host {
    type Err = AddressError;

    /// Reads a host as it stands in an address, before the port.
    fn from_str(text: &str) -> Result<Host, AddressError> {
        host_alone(text).map_err(|what| AddressError { text: text.to_string(), what })
    }
}

fn host_and_port(text: &str) -> Result<(Host, u16), &'static str> {
    const NO_PORT: &str = "the port is missing: write HOST:PORT";
    let (host, port) = text.rsplit_once(':').filter(|_| !text.ends_with(']')).ok_or(NO_PORT)?;
    let host = host_alone(host)?;
    if port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err("the port is not a number from 0 to 65535");
    }
    Ok((host, port.parse().map_err(|_| "the port is not a number from 0 to 65535")?))
}

fn host_alone(text: &str) -> Result<Host, &'static str> {
    if let Some(inside) = text.strip_prefix('[') {
        v6(inside.strip_suffix(']').ok_or("the IPv6 address lacks its closing bracket")?)
    } else if text == "*" {
        Ok(Host::Any)
    } else if text.is_empty() {
        Err("the host is missing: write HOST:PORT, or * for every address")
    } else if text.contains(':') {
        Err("an IPv6 address stands in brackets: [::1]:PORT")
    } else if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
        Err("the host has a character that no host name has")
    } else {
        Ok(text.parse().map_or_else(|_| Host::Name(text.to_string()), |ip| Host::Ip(IpAddr::V4(ip))))
    }
}

/// An IPv6 address as it stands in brackets, maybe with the interface that it is meant for (RFC 4007, section 11).
fn v6(text: &str) -> Result<Host, &'static str> {
    let (ip, scope) = text.split_once('%').map_or((text, None), |(ip, scope)| (ip, Some(scope)));
    let ip = ip.parse().map_err(|_| "between the brackets is no IPv6 address")?;
    let Some(scope) = scope else { return Ok(Host::Ip(IpAddr::V6(ip))) };
    // Linux keeps the name of an interface in 16 bytes with a NUL.
    let is_name = matches!(scope.len(), 1..=15)
        && !scope.contains(|c: char| c.is_whitespace() || c.is_control() || "/:%[]".contains(c));
    if is_name {
        Ok(Host::Scoped(ip, scope.to_string()))
    } else {
        Err("behind the % stands no network interface: write its name, as in [fe80::1%eth0]")
    }
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

impl From<AddressError> for io::Error {
    fn from(error: AddressError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, error)
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
            ("tcp://fe80::1%eth0:80", "brackets"),
            ("tcp://[::1:80", "closing bracket"),
            ("udp://[127.0.0.1]:80", "no IPv6"),
            ("udp://[127.0.0.1%eth0]:80", "no IPv6"),
            ("udp://[eth0]:80", "no IPv6"),
            ("udp://[]:80", "no IPv6"),
            ("udp://[fe80::1%]:80", "no network interface"),
            ("udp://[fe80::1%a/b]:80", "no network interface"),
            ("udp://[fe80::1%a b]:80", "no network interface"),
            ("udp://[fe80::1%eth0%eth1]:80", "no network interface"),
            ("udp://[fe80::1%a-name-of-16-byt]:80", "no network interface"),
            ("tcp://:80", "host is missing"),
            ("tls://127.0.0.1", "port is missing"),
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
    fn a_host_is_read_as_it_is_shown() {
        for text in ["[::1]", "[fe80::1%eth0]", "127.0.0.1", "*", "localhost"] {
            assert_eq!(text.parse::<Host>().unwrap().to_string(), text);
        }
        assert!("::1".parse::<Host>().unwrap_err().to_string().contains("brackets"));
    }

    #[test]
    fn an_ip_address_and_port_are_of_the_kind_that_is_asked_for() {
        let socket = SocketAddr::from(([127, 0, 0, 1], 7));
        assert_eq!(socket.into_stream_address().unwrap().to_string(), "tcp://127.0.0.1:7");
        assert_eq!(socket.into_datagram_address().unwrap().to_string(), "udp://127.0.0.1:7");
        let text = "udp://127.0.0.1:7".to_owned();
        assert_eq!((&text).into_stream_address().unwrap().to_string(), text);
        assert!("127.0.0.1:7".into_stream_address().is_err());
    }
}
