//! The replies that are expected of the server, and how much of them has come.

use hullo::greeting::{Dialect, DialectSpec, Framing, Next, Session};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Predicts what the server will say: it runs the session that a server of the same dialect would run, without its delay.
pub struct Predictor {
    dialect: Arc<Dialect>,
    /// The user named the dialect. If not, it is a guess, which saves time where it is right; nothing depends on it.
    is_certain: bool,
}

impl Predictor {
    /// `dialect` was checked before, so that its variant without delay is valid as well.
    pub fn new(dialect: &Dialect, is_certain: bool) -> Predictor {
        let spec = DialectSpec { framing: Framing::Raw, delay: Duration::ZERO, ..dialect.spec().clone() };
        let plain = Dialect::new(dialect.name(), spec).unwrap_or_else(|_| dialect.clone());
        Predictor { dialect: Arc::new(plain), is_certain }
    }

    /// What comes before the first message; `None` if nothing will come.
    pub fn welcome(&self) -> Option<ExpectedReply> {
        let mut expected = Vec::new();
        Session::new(self.dialect.clone()).open(&mut expected);
        (!self.is_certain || !expected.is_empty()).then(|| ExpectedReply::new(expected, self.is_certain))
    }

    /// What comes in return for a message: an answer, or the end of the connection; `None` if nothing will come.
    pub fn answer(&self, message: &[u8]) -> Option<ExpectedReply> {
        let mut expected = Vec::new();
        let next = Session::new(self.dialect.clone()).receive(message, Instant::now(), &mut expected);
        let is_silent = self.is_certain && expected.is_empty() && !matches!(next, Next::Close(_));
        (!is_silent).then(|| ExpectedReply::new(expected, self.is_certain))
    }
}

/// A reply that is waited for, and what of it has come.
pub struct ExpectedReply {
    /// The bytes of the reply; empty if they are not known.
    expected: Vec<u8>,
    pub is_certain: bool,
    /// What has come, up to the length of what is expected.
    got: Vec<u8>,
    /// Something else has come than what is expected.
    is_unexpected: bool,
}

/// How much of a reply has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplyStatus {
    /// Nothing has come, or only the front of what is sure to come.
    Incomplete,
    /// Exactly what was expected has come.
    Complete,
    /// Something has come. Only a pause can show that it is the whole reply.
    Uncertain,
}

impl ExpectedReply {
    fn new(expected: Vec<u8>, is_certain: bool) -> ExpectedReply {
        ExpectedReply { expected, is_certain, got: Vec::new(), is_unexpected: false }
    }

    /// A reply that cannot be predicted.
    pub fn anything() -> ExpectedReply {
        ExpectedReply::new(Vec::new(), false)
    }

    /// Whether something has come of which only a pause can show that it is the whole reply.
    pub fn is_open_ended(&self) -> bool {
        self.is_unexpected || !self.is_certain && !self.got.is_empty()
    }

    pub fn receive(&mut self, bytes: &[u8]) -> ReplyStatus {
        let wanted = self.expected.len() - self.got.len();
        self.got.extend_from_slice(&bytes[..wanted.min(bytes.len())]);
        let is_more = bytes.len() > wanted;
        let is_foretold = self.is_certain && !self.expected.is_empty();
        self.is_unexpected |= !self.expected.starts_with(&self.got) || (is_more && !is_foretold);
        if self.is_unexpected {
            ReplyStatus::Uncertain
        } else if self.got.len() == self.expected.len() {
            ReplyStatus::Complete
        } else if self.is_certain {
            ReplyStatus::Incomplete
        } else {
            ReplyStatus::Uncertain
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hullo::greeting::Transport;

    fn predictor(name: &str, is_certain: bool) -> Predictor {
        Predictor::new(&Dialect::builtin(name, Transport::Stream).unwrap(), is_certain)
    }

    #[test]
    fn a_named_dialect_is_waited_for_to_its_last_byte() {
        let mut answer = predictor("plain", true).answer(b"Ann").unwrap();
        assert_eq!(answer.receive(b"Hello, "), ReplyStatus::Incomplete);
        assert_eq!(answer.receive(b"Ann"), ReplyStatus::Complete);
        let mut welcome = predictor("indeed", true).welcome().unwrap();
        assert_eq!(welcome.receive(b"Hello World"), ReplyStatus::Incomplete);
        assert_eq!(welcome.receive(b"AAA"), ReplyStatus::Complete);
    }

    #[test]
    fn a_server_that_says_something_else_is_judged_by_its_pauses() {
        let mut answer = predictor("hello", true).answer(b"Ann").unwrap();
        assert_eq!(answer.receive(b"Good day"), ReplyStatus::Uncertain);
        assert_eq!(answer.receive(b", Ann"), ReplyStatus::Uncertain);
    }

    #[test]
    fn a_guess_saves_time_where_it_is_right_and_is_nothing_to_wait_for() {
        let mut answer = predictor("hello", false).answer(b"Ann").unwrap();
        assert_eq!(answer.receive(b"Hello, "), ReplyStatus::Uncertain);
        assert_eq!(answer.receive(b"Ann!"), ReplyStatus::Complete);
        let mut more = predictor("hello", false).welcome().unwrap();
        assert_eq!(more.receive(b"Welcome! And more"), ReplyStatus::Uncertain);
    }

    #[test]
    fn where_nothing_will_come_nothing_is_waited_for() {
        assert!(predictor("receipt", true).welcome().is_none());
        assert!(predictor("receipt", false).welcome().is_some());
        assert!(predictor("hello", true).answer(b"exit").is_some(), "the end of the connection will come");
        let quiet = Predictor::new(&Dialect::builtin("quiet", Transport::Datagram).unwrap(), true);
        assert!(quiet.answer(b"Ann").is_none());
        assert!(quiet.answer(b"bye").is_some());
    }
}
