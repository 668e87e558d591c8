//! What went wrong, by cause, and how often.

use crate::load::books::handshakes::HandshakeFault;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::ops::AddAssign;

/// Why something went wrong, as the report counts it. Its words do not change with the client or the address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cause {
    WrongReply,
    TimedOut,
    NoAnswerByTheEnd,
    DuplicateReply,
    DuplicateDatagram,
    ReplyOutOfOrder,
    UnexpectedReply,
    ForeignDatagram,
    /// Word came back that a datagram was refused.
    Refused,
    /// The system did not take a datagram, for the reason that it gave.
    NotTaken(String),
    ConnectRefused,
    ConnectTimedOut,
    NoPortLeft,
    /// A connection failed, and nobody said why.
    NotConnected,
    /// A connection failed for another reason, in the system's words.
    Connect(ErrorKind, String),
    Handshake(HandshakeFault),
    MessageTooLong,
    NotBegun,
    NotConnectedInTime,
    NoHandshakeInTime,
    NoWelcomeInTime,
    NoFirstReplyInTime,
    WrongWelcome,
    WrongFirstReply,
    Ended(SessionEnd),
    EndedBeforeWelcome(SessionEnd),
    EndedBeforeFirstReply(SessionEnd),
}

/// How a connection ended that should have gone on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SessionEnd {
    Closed,
    Reset,
    Broken,
    /// With an alert of TLS.
    Alert,
    /// Without a word of it in TLS: something may be missing.
    Truncated,
}

/// How often each cause was met.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Causes(BTreeMap<Cause, u64>);

impl Cause {
    /// Why a connection failed.
    pub fn of_connect(error: Option<&io::Error>) -> Cause {
        let Some(error) = error else { return Cause::NotConnected };
        match error.kind() {
            ErrorKind::ConnectionRefused => Cause::ConnectRefused,
            ErrorKind::TimedOut => Cause::ConnectTimedOut,
            ErrorKind::AddrNotAvailable => Cause::NoPortLeft,
            kind => Cause::Connect(kind, error.to_string()),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::WrongReply => f.write_str("wrong reply"),
            Cause::TimedOut => f.write_str("timed out"),
            Cause::NoAnswerByTheEnd => f.write_str("no answer by the end"),
            Cause::DuplicateReply => f.write_str("duplicate reply"),
            Cause::DuplicateDatagram => f.write_str("duplicate datagram"),
            Cause::ReplyOutOfOrder => f.write_str("reply out of order"),
            Cause::UnexpectedReply => f.write_str("unexpected reply"),
            Cause::ForeignDatagram => f.write_str("foreign datagram"),
            Cause::Refused => f.write_str("refused"),
            Cause::NotTaken(reason) => write!(f, "not taken by the system: {reason}"),
            Cause::ConnectRefused => f.write_str("connect refused"),
            Cause::ConnectTimedOut => f.write_str("connect timed out"),
            Cause::NoPortLeft => f.write_str("no port left"),
            Cause::NotConnected => f.write_str("not connected"),
            Cause::Connect(_, reason) => write!(f, "connect: {reason}"),
            Cause::Handshake(fault) => fault.fmt(f),
            Cause::MessageTooLong => f.write_str("message longer than the system takes"),
            Cause::NotBegun => f.write_str("not begun"),
            Cause::NotConnectedInTime => f.write_str("not connected in time"),
            Cause::NoHandshakeInTime => f.write_str("no TLS handshake in time"),
            Cause::NoWelcomeInTime => f.write_str("no welcome in time"),
            Cause::NoFirstReplyInTime => f.write_str("no first reply in time"),
            Cause::WrongWelcome => f.write_str("wrong welcome"),
            Cause::WrongFirstReply => f.write_str("wrong first reply"),
            Cause::Ended(end) => end.fmt(f),
            Cause::EndedBeforeWelcome(end) => write!(f, "{end} before the welcome"),
            Cause::EndedBeforeFirstReply(end) => write!(f, "{end} before the first reply"),
        }
    }
}

impl fmt::Display for SessionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SessionEnd::Closed => "closed by the server",
            SessionEnd::Reset => "reset by the server",
            SessionEnd::Broken => "connection broken",
            SessionEnd::Alert => "ended by a TLS alert",
            SessionEnd::Truncated => "ended without a TLS close_notify",
        })
    }
}

impl Causes {
    pub fn count(&mut self, cause: Cause) {
        *self.0.entry(cause).or_default() += 1;
    }

    /// One of them turns out to have had another cause.
    pub fn recount(&mut self, from: &Cause, to: Cause) {
        if let Some(count) = self.0.get_mut(from) {
            *count -= 1;
        }
        self.0.retain(|_, count| *count > 0);
        self.count(to);
    }

    /// How often a cause was met.
    pub fn number(&self, cause: &Cause) -> u64 {
        self.0.get(cause).copied().unwrap_or(0)
    }

    /// Whether any of the causes is such a one.
    pub fn any(&self, is_such: impl FnMut(&Cause) -> bool) -> bool {
        self.0.keys().any(is_such)
    }

    /// What was counted after `before`. A cause that a recount has made rarer is left out.
    pub fn since(&self, before: &Causes) -> Causes {
        let more = self.0.iter().map(|(cause, count)| (cause, count.saturating_sub(before.number(cause))));
        Causes(more.filter(|(_, more)| *more > 0).map(|(cause, more)| (cause.clone(), more)).collect())
    }

    /// The causes in their words, in the order of the alphabet.
    pub fn named(&self) -> BTreeMap<String, u64> {
        self.0.iter().map(|(cause, count)| (cause.to_string(), *count)).collect()
    }
}

impl AddAssign<&Causes> for Causes {
    fn add_assign(&mut self, more: &Causes) {
        for (cause, count) in &more.0 {
            *self.0.entry(cause.clone()).or_default() += count;
        }
    }
}

#[cfg(test)]
impl<const N: usize> From<[(Cause, u64); N]> for Causes {
    fn from(causes: [(Cause, u64); N]) -> Causes {
        Causes(BTreeMap::from(causes))
    }
}
