//! What the server is expected to say, and whether it has.

use hullo::greeting::{Dialect, DialectSpec, Framing, Next, Session};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Foretells a server by its dialect: the same session that would serve us, without its delay.
pub struct Foresight {
    dialect: Arc<Dialect>,
    /// The dialect was named. If not, it is a guess that saves time where it is right, and nothing depends on it.
    is_sure: bool,
}

impl Foresight {
    /// `dialect` is one that was checked, and so is its variant.
    pub fn new(dialect: &Dialect, is_sure: bool) -> Foresight {
        let spec = DialectSpec { framing: Framing::Raw, delay: Duration::ZERO, ..dialect.spec().clone() };
        let plain = Dialect::new(dialect.name(), spec).unwrap_or_else(|_| dialect.clone());
        Foresight { dialect: Arc::new(plain), is_sure }
    }

    /// What comes before the first message; `None` if nothing will.
    pub fn welcome(&self) -> Option<Awaited> {
        let mut expected = Vec::new();
        Session::new(self.dialect.clone()).open(&mut expected);
        (!self.is_sure || !expected.is_empty()).then(|| Awaited::new(expected, self.is_sure))
    }

    /// What comes of a message: an answer, or the end of the connection; `None` if nothing will.
    pub fn answer(&self, message: &[u8]) -> Option<Awaited> {
        let mut expected = Vec::new();
        let next = Session::new(self.dialect.clone()).receive(message, Instant::now(), &mut expected);
        let is_silent = self.is_sure && expected.is_empty() && !matches!(next, Next::Close(_));
        (!is_silent).then(|| Awaited::new(expected, self.is_sure))
    }
}

/// Something the server is waited for, and what has come since.
pub struct Awaited {
    /// Empty if that is not known.
    expected: Vec<u8>,
    pub is_sure: bool,
    /// As many bytes of what has come as there are expected ones.
    got: Vec<u8>,
    is_other: bool,
}

/// How much of it has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// Nothing, or the front of what is known to come.
    TooLittle,
    /// Exactly what was expected.
    All,
    /// Something; a pause must tell that it is the whole.
    Something,
}

impl Awaited {
    fn new(expected: Vec<u8>, is_sure: bool) -> Awaited {
        Awaited { expected, is_sure, got: Vec::new(), is_other: false }
    }

    /// Something that nobody can foretell.
    pub fn anything() -> Awaited {
        Awaited::new(Vec::new(), false)
    }

    /// Something has come of which only a pause can tell that it is the whole.
    pub fn is_begun(&self) -> bool {
        self.is_other || !self.is_sure && !self.got.is_empty()
    }

    pub fn hear(&mut self, bytes: &[u8]) -> Heard {
        let wanted = self.expected.len() - self.got.len();
        self.got.extend_from_slice(&bytes[..wanted.min(bytes.len())]);
        let is_more = bytes.len() > wanted;
        let is_foretold = self.is_sure && !self.expected.is_empty();
        self.is_other |= !self.expected.starts_with(&self.got) || (is_more && !is_foretold);
        if self.is_other {
            Heard::Something
        } else if self.got.len() == self.expected.len() {
            Heard::All
        } else if self.is_sure {
            Heard::TooLittle
        } else {
            Heard::Something
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hullo::greeting::Transport;

    fn foresight(name: &str, is_sure: bool) -> Foresight {
        Foresight::new(&Dialect::builtin(name, Transport::Stream).unwrap(), is_sure)
    }

    #[test]
    fn a_named_dialect_is_waited_for_to_its_last_byte() {
        let mut answer = foresight("plain", true).answer(b"Ann").unwrap();
        assert_eq!(answer.hear(b"Hello, "), Heard::TooLittle);
        assert_eq!(answer.hear(b"Ann"), Heard::All);
        let mut welcome = foresight("indeed", true).welcome().unwrap();
        assert_eq!(welcome.hear(b"Hello World"), Heard::TooLittle);
        assert_eq!(welcome.hear(b"AAA"), Heard::All);
    }

    #[test]
    fn a_server_that_says_something_else_is_judged_by_its_pauses() {
        let mut answer = foresight("hello", true).answer(b"Ann").unwrap();
        assert_eq!(answer.hear(b"Good day"), Heard::Something);
        assert_eq!(answer.hear(b", Ann"), Heard::Something);
    }

    #[test]
    fn a_guess_saves_time_where_it_is_right_and_is_nothing_to_wait_for() {
        let mut answer = foresight("hello", false).answer(b"Ann").unwrap();
        assert_eq!(answer.hear(b"Hello, "), Heard::Something);
        assert_eq!(answer.hear(b"Ann!"), Heard::All);
        let mut more = foresight("hello", false).welcome().unwrap();
        assert_eq!(more.hear(b"Welcome! And more"), Heard::Something);
    }

    #[test]
    fn where_nothing_will_come_nothing_is_waited_for() {
        assert!(foresight("receipt", true).welcome().is_none());
        assert!(foresight("receipt", false).welcome().is_some());
        assert!(foresight("hello", true).answer(b"exit").is_some(), "the end of the connection will come");
        let quiet = Foresight::new(&Dialect::builtin("quiet", Transport::Datagram).unwrap(), true);
        assert!(quiet.answer(b"Ann").is_none());
        assert!(quiet.answer(b"bye").is_some());
    }
}
