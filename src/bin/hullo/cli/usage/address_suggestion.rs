//! What a text that is no address may have been meant to be.

use crate::client::fetch::Url;
use hullo::Address;
use std::net::Ipv6Addr;

/// The port on which `hullo serve` listens by default.
const OUR_PORT: u16 = 9999;

/// The address that a text was probably meant to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddressSuggestion {
    /// The address as it should have been written.
    pub address: String,
    /// The page, if the text was the address of one.
    pub web: Option<WebPage>,
}

/// The parts of the address of a web page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebPage {
    pub host: String,
    /// The target of a request: path and query.
    pub target: String,
    pub has_tls: bool,
}

/// Suggests the address of a socket.
pub fn for_socket(text: &str) -> Option<AddressSuggestion> {
    let socket = |address: String| AddressSuggestion { address, web: None };
    let suggestion = match scheme(text) {
        Some((scheme @ ("tcp" | "tls" | "udp"), rest)) => {
            socket(format!("{scheme}://{}", host_and_port(rest.trim_start_matches('/'), None)?))
        }
        Some((scheme @ ("unix" | "unixgram" | "unixpacket"), path)) => {
            socket(format!("{scheme}:{}", path.strip_prefix("//").unwrap_or(path)))
        }
        Some((scheme @ ("http" | "https" | "ws" | "wss"), rest)) => {
            let has_tls = matches!(scheme, "https" | "wss");
            let (authority, target) = authority_and_target(rest.strip_prefix("//")?);
            let there = host_and_port(authority, Some(if has_tls { 443 } else { 80 }))?;
            let host = authority.to_owned();
            AddressSuggestion {
                address: format!("{}://{there}", if has_tls { "tls" } else { "tcp" }),
                web: Some(WebPage { host, target, has_tls }),
            }
        }
        Some((_, rest)) => {
            let (authority, _) = authority_and_target(rest.strip_prefix("//")?);
            socket(format!("tcp://{}", host_and_port(authority, None)?))
        }
        None if is_path(text) => socket(format!("unix:{text}")),
        None => socket(format!("tcp://{}", host_and_port(text, Some(OUR_PORT))?)),
    };
    suggestion.address.parse::<Address>().is_ok().then_some(suggestion)
}

/// Suggests the URL of a page.
pub fn for_page(text: &str) -> Option<String> {
    let (scheme, rest) = match scheme(text) {
        Some(("tcp" | "http", rest)) => ("http", rest.trim_start_matches('/')),
        Some(("tls" | "https", rest)) => ("https", rest.trim_start_matches('/')),
        Some(_) => return None,
        None if text.starts_with(['/', '.']) => return None,
        None => ("http", text),
    };
    let (authority, target) = authority_and_target(rest);
    let there = host_and_port(authority, None).unwrap_or_else(|| authority.to_owned());
    let url = format!("{scheme}://{there}{target}");
    url.parse::<Url>().is_ok().then_some(url)
}

/// The scheme in small letters, and what follows its colon. A host in front of a port is no scheme.
fn scheme(text: &str) -> Option<(&'static str, &str)> {
    const SCHEMES: [&str; 10] =
        ["tcp", "tls", "udp", "unix", "unixgram", "unixpacket", "http", "https", "ws", "wss"];
    let (scheme, rest) = text.split_once(':')?;
    let known = SCHEMES.into_iter().find(|known| known.eq_ignore_ascii_case(scheme));
    known.or(rest.starts_with("//").then_some("another")).map(|scheme| (scheme, rest))
}

/// Splits `HOST:PORT/PATH` into authority and target. The target is at least a slash.
fn authority_and_target(text: &str) -> (&str, String) {
    let (authority, path) = text.split_at(text.find(['/', '?', '#']).unwrap_or(text.len()));
    let path = path.split('#').next().unwrap_or_default();
    (authority, if path.starts_with('/') { path.to_owned() } else { format!("/{path}") })
}

fn is_path(text: &str) -> bool {
    text.starts_with(['/', '.', '~', '@']) || text.contains('/') || text.ends_with(".sock")
}

/// Completes a text that lacks the host, the port or the brackets of `HOST:PORT`; `None` where it cannot be known what is
/// missing.
fn host_and_port(text: &str, default: Option<u16>) -> Option<String> {
    let text = text.trim_end_matches('/');
    let is_port = |text: &str| text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok();
    let bare = text.strip_prefix(':').unwrap_or(text);
    if bare.bytes().all(|b| b.is_ascii_digit()) {
        return is_port(bare).then(|| format!("127.0.0.1:{bare}"));
    }
    match text.rsplit_once(':') {
        Some((host, port)) if is_port(port) && host.parse::<Ipv6Addr>().is_ok() => {
            Some(format!("[{host}]:{port}"))
        }
        _ if text.contains('@') => None,
        Some((host, port)) if is_port(port) && (!host.contains(':') || host.ends_with(']')) => {
            Some(text.to_owned())
        }
        _ if text.parse::<Ipv6Addr>().is_ok() => Some(format!("[{text}]:{}", default?)),
        _ if !text.is_empty() => Some(format!("{text}:{}", default?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lacks_its_scheme_its_host_or_its_brackets_is_completed() {
        for (text, suggestion) in [
            ("9000", "tcp://127.0.0.1:9000"),
            (":9000", "tcp://127.0.0.1:9000"),
            ("*:9000", "tcp://*:9000"),
            ("127.0.0.1:80", "tcp://127.0.0.1:80"),
            ("localhost:80", "tcp://localhost:80"),
            ("[::1]:80", "tcp://[::1]:80"),
            ("::1:80", "tcp://[::1]:80"),
            ("localhost", "tcp://localhost:9999"),
            ("[::1]", "tcp://[::1]:9999"),
            ("::1", "tcp://[::1]:9999"),
            ("tcp:127.0.0.1:80", "tcp://127.0.0.1:80"),
            ("TCP://127.0.0.1:80", "tcp://127.0.0.1:80"),
            ("tcp:/127.0.0.1:80", "tcp://127.0.0.1:80"),
            ("tcp://127.0.0.1:80/", "tcp://127.0.0.1:80"),
            ("udp:9000", "udp://127.0.0.1:9000"),
            ("tcp://:9000", "tcp://127.0.0.1:9000"),
            ("UDP://[::1]:7", "udp://[::1]:7"),
            ("/run/x.sock", "unix:/run/x.sock"),
            ("./x", "unix:./x"),
            ("x.sock", "unix:x.sock"),
            ("@name", "unix:@name"),
            ("UNIX:///run/x", "unix:/run/x"),
            ("redis://127.0.0.1:6379/0", "tcp://127.0.0.1:6379"),
        ] {
            let suggestion = AddressSuggestion { address: suggestion.to_owned(), web: None };
            assert_eq!(for_socket(text), Some(suggestion), "{text}");
        }
    }

    #[test]
    fn a_page_has_a_port_a_host_and_a_target() {
        for (text, suggestion, host, target, has_tls) in [
            ("http://127.0.0.1/", "tcp://127.0.0.1:80", "127.0.0.1", "/", false),
            ("HTTP://h:8000/a?b#c", "tcp://h:8000", "h:8000", "/a?b", false),
            ("ws://[::1]?x", "tcp://[::1]:80", "[::1]", "/?x", false),
            ("https://h", "tls://h:443", "h", "/", true),
        ] {
            let suggestion = for_socket(text).filter(|found| found.address == suggestion);
            let web = WebPage { host: host.to_owned(), target: target.to_owned(), has_tls };
            assert_eq!(suggestion.and_then(|suggestion| suggestion.web), Some(web), "{text}");
        }
    }

    #[test]
    fn nothing_is_proposed_that_is_no_address_either() {
        for text in [
            "",
            ":",
            "70000",
            ":70000",
            "a b",
            "tcp://",
            "tcp://h",
            "http://",
            "http://u@h/",
            "ftp:x",
            "unix:",
        ] {
            assert_eq!(for_socket(text), None, "{text}");
        }
        for text in ["", "/x", "https://u@h/", "unix:/x", "a b", "ftp://h/"] {
            assert_eq!(for_page(text), None, "{text}");
        }
    }

    #[test]
    fn a_page_is_found_behind_what_lacks_its_scheme() {
        for (text, url) in [
            ("9000", "http://127.0.0.1:9000/"),
            (":9000/x", "http://127.0.0.1:9000/x"),
            ("127.0.0.1:80", "http://127.0.0.1:80/"),
            ("example.com/x?y", "http://example.com/x?y"),
            ("tcp://127.0.0.1:80", "http://127.0.0.1:80/"),
            ("http:/h/", "http://h/"),
            ("tls://h:4433", "https://h:4433/"),
        ] {
            assert_eq!(for_page(text).as_deref(), Some(url), "{text}");
        }
    }
}
