//! `http[s]://HOST[:PORT]/PATH[?QUERY]`: the URLs that can be fetched, and where a redirect leads.

use hullo::{Address, Host};
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// How a server is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scheme {
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// How it is written, and the port that needs not be.
    fn name_and_port(self) -> (&'static str, u16) {
        match self {
            Scheme::Http => ("http", 80),
            Scheme::Https => ("https", 443),
        }
    }
}

/// The URL of a page. A fragment is dropped, since only a browser uses it, and anything but
/// ASCII is percent-encoded. A space in a URL that the user gives is refused as a slip, as curl does; in a redirect it is
/// encoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Url {
    scheme: Scheme,
    host: Host,
    port: u16,
    /// The path. It begins with a slash, and has no `.` or `..` segments.
    path: String,
    query: Option<String>,
}

impl Url {
    /// The address of its server.
    pub fn address(&self) -> Address {
        match self.scheme {
            Scheme::Http => Address::Tcp(self.host.clone(), self.port),
            Scheme::Https => Address::Tls(self.host.clone(), self.port),
        }
    }

    /// The value of the `Host` field of a request. It has the port, unless that is the default one. It has no network interface,
    /// which means nothing to the server (RFC 6874, section 1).
    pub fn host_field(&self) -> String {
        match self.host {
            Host::Scoped(ip, _) => self.with_port(&Host::Ip(ip.into())),
            _ => self.with_port(&self.host),
        }
    }

    fn with_port(&self, host: &Host) -> String {
        match self.port {
            port if port == self.scheme.name_and_port().1 => host.to_string(),
            port => format!("{host}:{port}"),
        }
    }

    /// The target of a request: path and query.
    pub fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// What follows the last slash of the path, percent-encoded. It may be empty.
    pub fn last_segment(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Whether both are on the same server, so that fields meant for that server alone may be sent.
    pub fn is_beside(&self, other: &Url) -> bool {
        (self.scheme, &self.host, self.port) == (other.scheme, &other.host, other.port)
    }

    /// Resolves the `Location` of a redirect (RFC 3986, section 5.2). Servers write it as they like, so that it is read as browsers
    /// read it: white space around it and tabs within are dropped, and spaces are encoded.
    pub fn join(&self, reference: &[u8]) -> Result<Url, UrlError> {
        let reference: Vec<u8> =
            reference.trim_ascii().iter().copied().filter(|&byte| byte != b'\t').collect();
        let text = in_ascii(&reference);
        let text = without_fragment(&text);
        if let Some((scheme, rest)) = scheme(text) {
            return with_scheme(scheme, rest);
        }
        if let Some(authority_on) = text.strip_prefix("//") {
            return Url::after_slashes(self.scheme, authority_on);
        }
        let (path, query) = path_and_query(text);
        let (path, query) = match path {
            "" => (self.path.clone(), query.map(encoded).or(self.query.clone())),
            _ if path.starts_with('/') => (encoded(&without_dots(path)), query.map(encoded)),
            _ => {
                let folder = self.path.len() - self.last_segment().len();
                let path = without_dots(&format!("{}{path}", &self.path[..folder]));
                (encoded(&path), query.map(encoded))
            }
        };
        Ok(Url { path, query, ..self.clone() })
    }

    /// Parses what follows `http://` or `https://`.
    fn after_slashes(scheme: Scheme, text: &str) -> Result<Url, UrlError> {
        let end = text.find(['/', '?']).unwrap_or(text.len());
        let (authority, rest) = text.split_at(end);
        let (host, port) = host_and_port(authority, scheme.name_and_port().1)?;
        let (path, query) = path_and_query(rest);
        let path = if path.is_empty() { "/".to_owned() } else { encoded(&without_dots(path)) };
        Ok(Url { scheme, host, port, path, query: query.map(encoded) })
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Url, UrlError> {
        let text = in_ascii(text.as_bytes());
        if has_blank(&text) {
            return Err(UrlError(
                "it has a space or a control character in it: write that as %20 or the like",
            ));
        }
        match scheme(without_fragment(&text)) {
            Some((scheme, rest)) => with_scheme(scheme, rest),
            None => Err(UrlError(NOT_HTTP)),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.name_and_port().0, self.with_port(&self.host), self.target())
    }
}

/// Why a text is no [`Url`]. It displays as the end of a sentence that begins with the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UrlError(&'static str);

/// The error for a URL of another scheme, or of none.
const NOT_HTTP: &str = "write it as http://HOST[:PORT]/PATH, or https://; hullo fetches nothing else";

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for UrlError {}

/// Percent-encodes the bytes beyond ASCII, whatever their encoding.
fn in_ascii(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            0x80.. => text += &format!("%{byte:02X}"),
            _ => text.push(char::from(byte)),
        }
    }
    text
}

/// Whether a text has a space or a control character. Neither can stand in a request line: a line end would begin a new field.
fn has_blank(text: &str) -> bool {
    text.contains(|c: char| c == ' ' || c.is_ascii_control())
}

/// Percent-encodes what may not stand in a path or a query.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' ' | '"' | '<' | '>' => encoded += &format!("%{:02X}", u32::from(c)),
            c if c.is_ascii_control() => encoded += &format!("%{:02X}", u32::from(c)),
            c => encoded.push(c),
        }
    }
    encoded
}

fn without_fragment(text: &str) -> &str {
    text.split_once('#').map_or(text, |(text, _)| text)
}

fn scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    is_scheme.then_some((scheme, rest))
}

fn with_scheme(scheme: &str, rest: &str) -> Result<Url, UrlError> {
    match (scheme.to_ascii_lowercase().as_str(), rest.strip_prefix("//")) {
        ("http", Some(rest)) => Url::after_slashes(Scheme::Http, rest),
        ("https", Some(rest)) => Url::after_slashes(Scheme::Https, rest),
        _ => Err(UrlError(NOT_HTTP)),
    }
}

fn host_and_port(authority: &str, default: u16) -> Result<(Host, u16), UrlError> {
    if has_blank(authority) {
        return Err(UrlError("it has a space or a control character in its host"));
    }
    if authority.contains('@') {
        return Err(UrlError("it has a user or a password in it, which hullo does not send: leave them out"));
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(inside) => {
            let (ip, port) =
                inside.split_once(']').ok_or(UrlError("the IPv6 address lacks its closing bracket"))?;
            (ip_literal(ip)?, port)
        }
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            (name_or_ip(host)?, port)
        }
    };
    let not_a_port = UrlError("the port is not a number from 1 to 65535");
    let port = match port.strip_prefix(':') {
        Some("") => default,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            digits.parse().map_err(|_| not_a_port)?
        }
        None if port.is_empty() => default,
        _ => return Err(not_a_port),
    };
    if port == 0 { Err(not_a_port) } else { Ok((host, port)) }
}

/// Parses what stands in brackets. In a URL the % before a network interface is escaped (RFC 6874, section 2). One that is not is
/// taken as well, as curl does.
fn ip_literal(text: &str) -> Result<Host, UrlError> {
    let Some((ip, scope)) = text.split_once('%') else {
        let ip = text.parse().map_err(|_| UrlError("between the brackets is no IPv6 address"))?;
        return Ok(Host::Ip(ip));
    };
    let scope = scope.strip_prefix("25").filter(|rest| !rest.is_empty()).unwrap_or(scope);
    let no_literal = "between the brackets is no IPv6 address, or none of a network interface";
    format!("[{ip}%{scope}]").parse().map_err(|_| UrlError(no_literal))
}

fn name_or_ip(host: &str) -> Result<Host, UrlError> {
    if host.is_empty() {
        return Err(UrlError("the host is missing: write it as http://HOST[:PORT]/PATH"));
    }
    if !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) {
        return Err(UrlError("the host has a character that no host name has (write it in its xn-- form)"));
    }
    let ip = host.parse::<Ipv4Addr>();
    Ok(ip.map_or_else(|_| Host::Name(host.to_ascii_lowercase()), |ip| Host::Ip(ip.into())))
}

fn path_and_query(text: &str) -> (&str, Option<&str>) {
    text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)))
}

/// Removes the `.` and `..` segments of a path that begins with a slash (RFC 3986, section 5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut ends_in_dots = false;
    for segment in path.split('/').skip(1) {
        ends_in_dots = segment == "." || segment == "..";
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    if ends_in_dots && !kept.is_empty() {
        kept.push("");
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_url_is_written_as_it_is_asked_for() {
        for (text, written, host, target) in [
            ("http://example.com", "http://example.com/", "example.com", "/"),
            ("HTTP://Example.COM:80/A?b=c#d", "http://example.com/A?b=c", "example.com", "/A?b=c"),
            ("http://127.0.0.1:8000/x", "http://127.0.0.1:8000/x", "127.0.0.1:8000", "/x"),
            ("http://[::1]:8000", "http://[::1]:8000/", "[::1]:8000", "/"),
            ("http://[fe80::1%25eth0]:8000/x", "http://[fe80::1%eth0]:8000/x", "[fe80::1]:8000", "/x"),
            ("http://[fe80::1%2]/x", "http://[fe80::1%2]/x", "[fe80::1]", "/x"),
            ("http://[0:0::1]?q", "http://[::1]/?q", "[::1]", "/?q"),
            ("http://h:/a/./b/../c/", "http://h/a/c/", "h", "/a/c/"),
            ("http://h/ä", "http://h/%C3%A4", "h", "/%C3%A4"),
            ("http://h?a/../b", "http://h/?a/../b", "h", "/?a/../b"),
            ("HTTPS://h:443/x", "https://h/x", "h", "/x"),
            ("https://h:80", "https://h:80/", "h:80", "/"),
            ("http://h:443", "http://h:443/", "h:443", "/"),
            ("https://h:", "https://h/", "h", "/"),
        ] {
            let url = url(text);
            assert_eq!(
                (url.to_string(), url.host_field(), url.target()),
                (written.into(), host.into(), target.into())
            );
        }
        assert_eq!(url("http://[::1]:8000/").address().to_string(), "tcp://[::1]:8000");
        assert_eq!(url("https://h/").address().to_string(), "tls://h:443");
    }

    #[test]
    fn what_cannot_be_fetched_is_told_with_its_remedy() {
        for (text, part) in [
            ("HTTPS:x", "https://"),
            ("https://", "host is missing"),
            ("ftp://h/", "http://HOST"),
            ("example.com/x", "http://HOST"),
            ("localhost:80", "http://HOST"),
            ("http:/h/", "http://HOST"),
            ("", "http://HOST"),
            ("http://", "host is missing"),
            ("http://:80/", "host is missing"),
            ("http://u:p@h/", "password"),
            ("http://h:0/", "1 to 65535"),
            ("http://h:65536/", "1 to 65535"),
            ("http://h:+1/", "1 to 65535"),
            ("http://[::1/", "closing bracket"),
            ("http://[127.0.0.1%25lo]/", "no IPv6 address"),
            ("http://[fe80::1%25no-such-long-name]/", "network interface"),
            ("http://[::1]x/", "1 to 65535"),
            ("http://*/", "no host name"),
            ("http://münchen.de/", "xn--"),
            ("http://h/a b", "%20"),
            ("http://h/a\r\nX: y", "%20"),
        ] {
            let error = text.parse::<Url>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    /// The examples of RFC 3986, section 5.4, as far as they stay with http.
    #[test]
    fn a_reference_is_resolved_as_the_standard_has_it() {
        let base = url("http://a/b/c/d;p?q");
        for (reference, target) in [
            ("g", "/b/c/g"),
            ("./g", "/b/c/g"),
            ("g/", "/b/c/g/"),
            ("/g", "/g"),
            ("?y", "/b/c/d;p?y"),
            ("g?y", "/b/c/g?y"),
            ("#s", "/b/c/d;p?q"),
            ("g#s", "/b/c/g"),
            ("g?y#s", "/b/c/g?y"),
            (";x", "/b/c/;x"),
            ("", "/b/c/d;p?q"),
            (".", "/b/c/"),
            ("./", "/b/c/"),
            ("..", "/b/"),
            ("../g", "/b/g"),
            ("../..", "/"),
            ("../../../../g", "/g"),
            ("/./g", "/g"),
            ("/../g", "/g"),
            ("g.", "/b/c/g."),
            ("..g", "/b/c/..g"),
            ("./g/.", "/b/c/g/"),
            ("g/../h", "/b/c/h"),
            ("g?y/../x", "/b/c/g?y/../x"),
        ] {
            assert_eq!(base.join(reference.as_bytes()), Ok(url(&format!("http://a{target}"))), "{reference}");
        }
        assert_eq!(base.join(b"//g:81"), Ok(url("http://g:81/")));
        assert_eq!(base.join(b"http://g/x"), Ok(url("http://g/x")));
        assert_eq!(base.join(b"\xe4").unwrap().target(), "/b/c/%E4");
        assert_eq!(base.join(b"https://g/x"), Ok(url("https://g/x")));
        let secret = url("https://a/b?q");
        assert_eq!(secret.join(b"//g/x"), Ok(url("https://g/x")));
        assert_eq!(secret.join(b"c"), Ok(url("https://a/c")));
        assert_eq!(secret.join(b"http://a/c"), Ok(url("http://a/c")));
        assert!(!secret.is_beside(&url("http://a:443/")) && secret.is_beside(&url("https://a:443/z")));
        assert!(base.join(b"mailto:x@y").is_err());
    }

    #[test]
    fn a_location_is_read_as_browsers_read_it() {
        let base = url("http://a/b/c/d;p?q");
        for (reference, written) in [
            (&b"a b"[..], "http://a/b/c/a%20b"),
            (b"  /x y?q r#s t ", "http://a/x%20y?q%20r"),
            (b"?q r", "http://a/b/c/d;p?q%20r"),
            ("/数 据?é".as_bytes(), "http://a/%E6%95%B0%20%E6%8D%AE?%C3%A9"),
            (b"/\xe4 \x01\x7f", "http://a/%E4%20%01%7F"),
            (b"/a\tb<\">", "http://a/ab%3C%22%3E"),
            (b"/already%20encoded%2F+", "http://a/already%20encoded%2F+"),
            (b"http://g:81/a b", "http://g:81/a%20b"),
            (b"//g/a b/../c d", "http://g/c%20d"),
            (b"http://[::1]:81/a b#c", "http://[::1]:81/a%20b"),
        ] {
            assert_eq!(base.join(reference).unwrap().to_string(), written, "{}", reference.escape_ascii());
        }
        for (reference, part) in [
            (&b"http://a b/"[..], "it has a space"),
            (b"//a\x01b/", "it has a space or a control character in its host"),
            (b"http://u:p@g/", "password"),
            ("http://münchen.de/".as_bytes(), "xn--"),
        ] {
            let error = base.join(reference).unwrap_err().to_string();
            assert!(error.contains(part), "{}: {error}", reference.escape_ascii());
        }
    }
}
