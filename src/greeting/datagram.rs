//! One datagram in, at most one answer out; and the guard that keeps two daemons from a loop.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::dialect::Dialect;
use super::lru::Lru;
use super::template::Template;

/// Answers datagrams in one dialect, on one socket.
///
/// A datagram is answered only if no chain of automatic answers can come of it without end:
///
/// - What has the form of our own answer is never answered, so two of us fall silent at once. Answers
///   that are longer than their messages cannot go round for ever either: they reach `max_message`.
/// - A reply that is neither (a constant, or `{message}` alone) could go round with another server's
///   answers. Its rate is therefore always limited: on loopback too, and by the default rate if the
///   guard has none. For `{message}` alone, whose form everything has, the form is not asked.
/// - A farewell is answered at most once per source address and port in five seconds.
/// - Ports of services that answer anything are never answered.
///
/// The `welcome`, `delay`, `framing` and `close_after_reply` of a dialect speak of connections and
/// mean nothing here. With `strict`, what is not text is dropped in silence.
#[derive(Debug)]
pub struct Responder {
    dialect: Arc<Dialect>,
    buckets: Buckets,
    /// When each source was last answered its farewell.
    farewells: Lru<(Host, u16), Option<Instant>>,
    hasher: RandomState,
}

/// How much the loop guard allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Guard {
    /// The most answers to one IP address (or one Unix socket). None: no limit.
    pub rate: Option<Rate>,
    /// Whether the rate counts on loopback and Unix sockets as well.
    pub on_loopback: bool,
    /// How many sources are remembered; the least recently seen is forgotten first. At least 1.
    pub sources: usize,
}

impl Default for Guard {
    fn default() -> Self {
        Guard { rate: Some(Rate::default()), on_loopback: false, sources: 4096 }
    }
}

/// A token bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Answers a second in the long run. At least 1.
    pub per_second: u32,
    /// Answers at once, after a silence. At least 1.
    pub burst: u32,
}

impl Default for Rate {
    fn default() -> Self {
        Rate { per_second: 100, burst: 200 }
    }
}

/// Where a datagram came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sender<'a> {
    /// An IP address and port.
    Inet(SocketAddr),
    /// The name of a Unix socket.
    Local(&'a [u8]),
    /// A Unix socket without a name; there is nowhere to send an answer.
    Unnamed,
}

/// What to do about a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Send what was appended.
    Answer,
    /// Send what was appended, then close the socket.
    AnswerAndStop,
    /// Close the socket.
    Stop,
    /// Send nothing.
    Silent(Silence),
}

/// Why a datagram is not answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum Silence {
    /// It was over `max_message`, or cut by the kernel.
    TooLong,
    /// It had no bytes.
    Empty,
    /// Its sender has no name to send to.
    Unnamed,
    /// It came from the port of a service that answers anything.
    Port,
    /// It had the form of our own answer.
    OwnForm,
    /// A strict dialect got bytes that are not text.
    NotText,
    /// The dialect has no answer to it.
    ByDialect,
    /// This source's farewell was answered less than five seconds ago.
    RecentFarewell,
    /// This source is over its rate.
    Rate,
}

impl Silence {
    /// Every reason, at the place of its number (`silence as usize`), for tables of counters.
    pub const ALL: [Silence; 9] = [
        Silence::TooLong,
        Silence::Empty,
        Silence::Unnamed,
        Silence::Port,
        Silence::OwnForm,
        Silence::NotText,
        Silence::ByDialect,
        Silence::RecentFarewell,
        Silence::Rate,
    ];
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Silence::TooLong => "too long",
            Silence::Empty => "empty",
            Silence::Unnamed => "unnamed sender",
            Silence::Port => "port of an automatic service",
            Silence::OwnForm => "form of our own answer",
            Silence::NotText => "not valid text",
            Silence::ByDialect => "no answer in the dialect",
            Silence::RecentFarewell => "farewell answered just before",
            Silence::Rate => "over the rate",
        })
    }
}

/// A source without its port, so that changing ports evades no limit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Host {
    Ip(IpAddr),
    /// The hash of a Unix socket's name, which bounds the memory of a long one.
    Local(u64),
}

/// A source answers its farewell at most once in this time.
const FAREWELL_PAUSE: Duration = Duration::from_secs(5);

/// Services that answer whatever they get, or are abused to: echo, daytime, quotes, chargen, time, DNS,
/// TFTP, portmapper, NTP, NetBIOS, SNMP, LDAP, SSDP, mDNS, memcached. Nobody sends from port 0.
const AUTOMATIC_PORTS: [u16; 16] = [0, 7, 13, 17, 19, 37, 53, 69, 111, 123, 137, 161, 389, 1900, 5353, 11211];

impl Responder {
    /// A responder that has heard nobody yet.
    pub fn new(dialect: Arc<Dialect>, guard: Guard) -> Responder {
        let endless = dialect.reply().is_some_and(|reply| !reply.grows());
        let guard = match guard.rate {
            _ if !endless => guard,
            rate => Guard { rate: rate.or(Some(Rate::default())), on_loopback: true, ..guard },
        };
        let farewells = Lru::new(guard.sources);
        Responder { dialect, buckets: Buckets::new(guard), farewells, hasher: RandomState::new() }
    }

    /// Judges one datagram and appends its answer to `out`, if it gets one.
    ///
    /// `truncated` says that the kernel cut it to the receive buffer.
    #[inline]
    pub fn respond(
        &mut self,
        bytes: &[u8],
        truncated: bool,
        from: Sender<'_>,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Verdict {
        if truncated || bytes.len() > self.dialect.max_message() {
            return Verdict::Silent(Silence::TooLong);
        }
        if bytes.is_empty() {
            return Verdict::Silent(Silence::Empty);
        }
        let (host, port) = match from {
            Sender::Inet(address) if AUTOMATIC_PORTS.contains(&address.port()) => {
                return Verdict::Silent(Silence::Port);
            }
            // An IPv4 client of a dual-stack socket is the same client.
            Sender::Inet(address) => (Host::Ip(address.ip().to_canonical()), address.port()),
            Sender::Local(name) => (Host::Local(self.hasher.hash_one(name)), 0),
            Sender::Unnamed => return Verdict::Silent(Silence::Unnamed),
        };
        if !self.dialect.is_farewell(bytes) {
            return self.reply(bytes, host, now, out).map_or(Verdict::Answer, Verdict::Silent);
        }
        match (self.farewell(bytes, host, port, now, out), self.dialect.spec().stop_on_farewell) {
            (None, false) => Verdict::Answer,
            (None, true) => Verdict::AnswerAndStop,
            (Some(_), true) => Verdict::Stop,
            (Some(silence), false) => Verdict::Silent(silence),
        }
    }

    /// The dialect it speaks.
    pub fn dialect(&self) -> &Arc<Dialect> {
        &self.dialect
    }

    fn reply(&mut self, bytes: &[u8], host: Host, now: Instant, out: &mut Vec<u8>) -> Option<Silence> {
        let own_form = |template: &Template| template.has_form() && template.could_have_written(bytes);
        if self.dialect.reply().is_some_and(own_form) || self.dialect.farewell_reply().is_some_and(own_form) {
            return Some(Silence::OwnForm);
        }
        if self.dialect.refuses(bytes) {
            return Some(Silence::NotText);
        }
        let Some(reply) = self.dialect.reply().filter(|reply| !reply.is_empty()) else {
            return Some(Silence::ByDialect);
        };
        if !self.buckets.allow(host, now) {
            return Some(Silence::Rate);
        }
        reply.write(bytes, out);
        None
    }

    fn farewell(
        &mut self,
        bytes: &[u8],
        host: Host,
        port: u16,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Option<Silence> {
        let Some(reply) = self.dialect.farewell_reply().filter(|reply| !reply.is_empty()) else {
            return Some(Silence::ByDialect);
        };
        let answered = self.farewells.entry((host, port), None);
        if answered.is_some_and(|before| now.saturating_duration_since(before) < FAREWELL_PAUSE) {
            return Some(Silence::RecentFarewell);
        }
        if !self.buckets.allow(host, now) {
            return Some(Silence::Rate);
        }
        *answered = Some(now);
        reply.write(bytes, out);
        None
    }
}

/// The token buckets of all hosts.
#[derive(Debug)]
struct Buckets {
    rate: Option<Rate>,
    on_loopback: bool,
    /// When each host's bucket is full again, if nothing more is taken from it. One instant says it all:
    /// each answer moves it on by the time one token takes, and it may not be more than a burst ahead.
    full_again: Lru<Host, Instant>,
}

impl Buckets {
    fn new(guard: Guard) -> Buckets {
        Buckets { rate: guard.rate, on_loopback: guard.on_loopback, full_again: Lru::new(guard.sources) }
    }

    /// Takes a token, if there is one.
    fn allow(&mut self, host: Host, now: Instant) -> bool {
        let Some(rate) = self.rate.filter(|_| self.on_loopback || !host.is_loopback()) else { return true };
        let token = Duration::from_secs(1) / rate.per_second.max(1);
        let full_again = self.full_again.entry(host, now);
        let from = now.max(*full_again);
        if from - now > token * (rate.burst.max(1) - 1) {
            return false;
        }
        *full_again = from + token;
        true
    }
}

impl Host {
    fn is_loopback(self) -> bool {
        match self {
            Host::Ip(ip) => ip.is_loopback(),
            Host::Local(_) => true,
        }
    }
}
