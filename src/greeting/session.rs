//! One stream client's state machine.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::Instant;

use memchr::memchr;

use super::dialect::Dialect;
use super::framing::Flow;
use super::held::{Front, Held};
use super::spec::Framing;

/// One stream client's side of the conversation.
///
/// Bytes, ends and the time go in; answers go to `out`, which the caller sends, and [`Next`] says
/// what the caller does with the connection. A session reads no clock and owns no buffer while the
/// client owes it nothing: see [`held`](Session::held).
///
/// ```
/// use std::{sync::Arc, time::Instant};
/// use hullo::greeting::{Dialect, Next, Session, Transport};
///
/// let hello = Arc::new(Dialect::builtin("hello", Transport::Stream).unwrap());
/// let mut session = Session::new(hello);
/// let mut out = Vec::new();
/// session.open(&mut out);
/// assert_eq!(session.receive(b"Michael", Instant::now(), &mut out), Next::Read);
/// assert_eq!(out, b"Welcome!Hello, Michael!");
/// ```
#[derive(Debug)]
pub struct Session {
    dialect: Arc<Dialect>,
    /// Absent unless bytes wait: for the rest of their message, or for the delay.
    held: Option<Box<Held>>,
    /// `Auto` until the first read has decided.
    framing: Framing,
    state: SessionState,
}

/// What the owner of a connection does after a call on its session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Carry on reading.
    Read,
    /// Pause reading, and call [`Session::timeout`] at that instant.
    Wait(Instant),
    /// Flush, then close. The session ignores whatever comes after.
    Close(Farewell),
}

/// Why a conversation ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum Farewell {
    /// The client said the farewell word.
    Word,
    /// The dialect closes after its first answer.
    AfterReply,
    /// The client ended its side; all it had sent is answered.
    Eof,
    /// A line was over the limit.
    TooLong,
    /// A strict dialect got bytes that are not text.
    NotText,
    /// The server is going away; what had arrived whole is answered.
    Drained,
}

impl fmt::Display for Farewell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Farewell::Word => "said farewell",
            Farewell::AfterReply => "answered once",
            Farewell::Eof => "end of input",
            Farewell::TooLong => "message too long",
            Farewell::NotText => "message not valid text",
            Farewell::Drained => "drained",
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SessionState {
    Open,
    /// No more input counts; the conversation ends when the messages that wait are answered.
    Ending(Farewell),
    Closed(Farewell),
}

impl Session {
    /// A session for a client that just connected. Call [`open`](Session::open) next.
    #[inline]
    pub fn new(dialect: Arc<Dialect>) -> Session {
        let framing = dialect.spec().framing;
        Session { dialect, held: None, framing, state: SessionState::Open }
    }

    /// Says the welcome. Framing `auto` has not decided yet, so its welcome has no line end.
    #[inline]
    pub fn open(&mut self, out: &mut Vec<u8>) {
        if let Some(welcome) = self.dialect.welcome() {
            out.extend_from_slice(welcome);
            out.extend_from_slice(line_end(self.framing));
        }
    }

    /// Takes what one read returned.
    ///
    /// While a delay runs (after [`Next::Wait`]) the caller does not read; bytes handed over all the
    /// same are kept in full, however many.
    #[inline]
    pub fn receive(&mut self, bytes: &[u8], now: Instant, out: &mut Vec<u8>) -> Next {
        if self.answer_at_once(bytes, out) { Next::Read } else { self.receive_with_care(bytes, now, out) }
    }

    /// [`receive`](Session::receive) where a read is one short message, asks for no clock and leads to nothing but its
    /// answer. Otherwise false, and nothing has happened. An owner of many sessions asks here first: an [`Instant`]
    /// can cost more than the answer.
    #[inline]
    pub fn answer_at_once(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        let is_ready =
            self.state == SessionState::Open && self.framing != Framing::Auto && self.held.is_none();
        let Some(quick) = self.dialect.quick().filter(|_| is_ready) else { return false };
        quick.answer_one(bytes, self.framing == Framing::Line, out)
    }

    /// The client ended its side. An unfinished last line is a message, an unfinished character is none;
    /// what waits for the delay is still answered, then comes [`Farewell::Eof`].
    pub fn peer_eof(&mut self, now: Instant, out: &mut Vec<u8>) -> Next {
        if self.state != SessionState::Open {
            return self.next();
        }
        let mut held = self.held.take().map_or_else(Held::default, |held| *held);
        let Ok(tail) = held.front.finish() else {
            return self.settle(held, Flow::Break(Farewell::TooLong), out);
        };
        let mut flow = Flow::Continue(());
        if !tail.is_empty() && self.dialect.has_delay() {
            held.push(&tail, now + self.dialect.spec().delay);
        } else if !tail.is_empty() {
            flow = self.dialect.answer(&tail, line_end(self.framing), out);
        }
        flow = if flow.is_continue() { Flow::Break(Farewell::Eof) } else { flow };
        self.settle(held, flow, out)
    }

    /// The server is going away. What arrived whole is still answered after its delay, then comes
    /// [`Farewell::Drained`]. An unfinished line is dropped: it may be the front of a longer one.
    #[inline]
    pub fn finish(&mut self) -> Next {
        if self.state != SessionState::Open {
            return self.next();
        }
        let held = self.held.take().map_or_else(Held::default, |held| *held);
        let nothing_is_said = &mut Vec::new();
        self.settle(held, Flow::Break(Farewell::Drained), nothing_is_said)
    }

    /// Looks at the message whose delay is over. Too early, or with no delay running, it changes nothing.
    pub fn timeout(&mut self, now: Instant, out: &mut Vec<u8>) -> Next {
        let Some(mut held) = self.held.take_if(|held| held.due.is_some_and(|due| due <= now)) else {
            return self.next();
        };
        let flow = self.dialect.answer(held.pop(), line_end(self.framing), out);
        held.due = (!held.lengths.is_empty()).then(|| now + self.dialect.spec().delay);
        match (flow, self.state) {
            (Flow::Break(why), _) => self.close(why, out),
            (Flow::Continue(()), SessionState::Ending(why)) => self.settle(*held, Flow::Break(why), out),
            (Flow::Continue(()), _) => self.settle(*held, flow, out),
        }
    }

    /// How many received bytes the session still holds: the front of an unfinished message, at most
    /// `max_message` + 1, and the messages that wait for the delay.
    pub fn held(&self) -> usize {
        self.held.as_ref().map_or(0, |held| held.len())
    }

    /// The dialect it speaks.
    pub fn dialect(&self) -> &Arc<Dialect> {
        &self.dialect
    }

    /// Takes a read of lines: on the quick path what it can, line by line what it cannot.
    #[inline(never)]
    fn receive_lines(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Next {
        let dialect = &*self.dialect;
        let Some(quick) = dialect.quick() else { return self.next() };
        // Where there is a quick path there is no delay, so the front of a line is all that can be held.
        let front = self.held.take().map_or(Front::Nothing, |held| held.front);
        let mut lines = front.into_lines(dialect.max_message());
        let mut flow = Flow::Continue(());
        let mut rest = bytes;
        while !rest.is_empty() && flow.is_continue() {
            if lines.held() == 0 {
                rest = quick.answer_lines(rest, out);
                if rest.is_empty() {
                    break; // as nearly every read ends
                }
            }
            // What is left begins with a line that is not quick.
            flow = match lines.next(&mut rest) {
                Ok(Some(line)) => dialect.answer(&line, b"\n", out),
                Ok(None) => break,
                Err(_) => Flow::Break(Farewell::TooLong),
            };
        }
        if flow.is_continue() && lines.held() == 0 {
            return Next::Read;
        }
        self.settle(Held { front: Front::Line(lines), ..Held::default() }, flow, out)
    }

    /// Takes a read in any state and any dialect.
    #[inline(never)]
    fn receive_with_care(&mut self, bytes: &[u8], now: Instant, out: &mut Vec<u8>) -> Next {
        if self.state != SessionState::Open || bytes.is_empty() {
            return self.next();
        }
        if self.framing == Framing::Auto {
            self.framing = if memchr(b'\n', bytes).is_some() { Framing::Line } else { Framing::Raw };
        }
        if self.framing == Framing::Line && self.dialect.quick().is_some() {
            return self.receive_lines(bytes, out);
        }
        let dialect = &*self.dialect;
        let line_end = line_end(self.framing);
        let mut held = self.held.take().map_or_else(Held::default, |held| *held);
        let mut front = mem::take(&mut held.front);
        let flow = if dialect.has_delay() {
            let due = now + dialect.spec().delay;
            front.cut(dialect, self.framing, bytes, |message| {
                held.push(message, due);
                Flow::Continue(())
            })
        } else {
            front.cut(dialect, self.framing, bytes, |message| dialect.answer(message, line_end, out))
        };
        held.front = front;
        self.settle(held, flow, out)
    }

    /// Keeps what must be kept, and ends the conversation now or after the messages that wait.
    #[inline(never)]
    fn settle(&mut self, mut held: Held, flow: Flow, out: &mut Vec<u8>) -> Next {
        if let Flow::Break(why) = flow {
            if held.due.is_none() {
                return self.close(why, out);
            }
            self.state = SessionState::Ending(why);
            held.front = Front::Nothing;
        }
        if held.due.is_none() {
            // None of them waits any more; a front alone must not keep what was answered.
            held = Held { front: held.front, ..Held::default() };
        }
        if held.due.is_some() || held.front.len() > 0 {
            self.held = Some(Box::new(held));
        }
        self.next()
    }

    #[cold]
    fn close(&mut self, why: Farewell, out: &mut Vec<u8>) -> Next {
        let sentence = match why {
            Farewell::TooLong => {
                format!("error: message too long (limit {} bytes)", self.dialect.max_message())
            }
            Farewell::NotText => format!("error: message is not valid {}", self.dialect.text().name()),
            _ => String::new(),
        };
        if !sentence.is_empty() {
            out.extend_from_slice(sentence.as_bytes());
            out.extend_from_slice(line_end(self.framing));
        }
        self.held = None;
        self.state = SessionState::Closed(why);
        Next::Close(why)
    }

    fn next(&self) -> Next {
        match (self.state, self.held.as_ref().and_then(|held| held.due)) {
            (SessionState::Closed(why), _) => Next::Close(why),
            (_, Some(due)) => Next::Wait(due),
            (_, None) => Next::Read,
        }
    }
}

fn line_end(framing: Framing) -> &'static [u8] {
    if framing == Framing::Line { b"\n" } else { b"" }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{DialectSpec, Transport};
    use super::*;

    fn session(delay: Duration) -> Session {
        let hello = Dialect::builtin("hello", Transport::Stream).unwrap();
        let spec = DialectSpec { framing: Framing::Line, delay, ..hello.spec().clone() };
        Session::new(Arc::new(Dialect::new("test", spec).unwrap()))
    }

    #[test]
    fn an_idle_session_is_small_and_owns_no_buffer() {
        let mut session = session(Duration::ZERO);
        let now = Instant::now();
        session.receive(b"An", now, &mut Vec::new());
        assert!(session.held.is_some());
        session.receive(b"n\n", now, &mut Vec::new());
        assert!(session.held.is_none());
        assert_eq!(size_of::<Session>(), 24);
    }

    #[test]
    fn a_patient_session_with_a_front_at_all_times_does_not_gather_what_it_answered() {
        let second = Duration::from_secs(1);
        let mut session = session(second);
        let (mut now, mut out) = (Instant::now(), Vec::new());
        session.receive(b"An", now, &mut out);
        for _ in 0..10 {
            assert_eq!(session.receive(b"n\nAn", now, &mut out), Next::Wait(now + second));
            now += second;
            assert_eq!(session.timeout(now, &mut out), Next::Read);
            let held = session.held.as_ref().unwrap();
            assert_eq!((held.front.len(), held.waiting.capacity(), held.start), (2, 0, 0));
        }
        assert_eq!(out, b"Hello, Ann!\n".repeat(10));
    }
}
