//! `hullo talk`: a client for a person or a script.
//!
//! A [`Conversation`] says with whom and what; [`run`](Conversation::run) holds it on a reactor of its own and ends when
//! there is nothing more to say or to hear.

mod datagrams;
mod ending;
mod expected_reply;
mod failure;
mod handler;
mod input;
mod lines;
mod outgoing;
mod screen;
mod talker;

pub use crate::client::charset::Charset;
pub use failure::TalkError;

use crate::signals::Signals;
use datagrams::DatagramExchange;
use expected_reply::Predictor;
use hullo::greeting::Dialect;
use hullo::{Address, Limits, Reactor};
use outgoing::Outgoing;
use screen::Screen;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use talker::{Peer, Talker};

/// A conversation to be held.
#[derive(Debug)]
pub struct Conversation {
    /// Whom to talk to.
    pub address: Address,
    /// What to say, before any encoding; `None`: what is typed on standard input, a message a line.
    pub messages: Option<Vec<Vec<u8>>>,
    /// The clock that messages go by; `None`: each waits until the one before it is answered.
    pub every: Option<Duration>,
    /// The server's encoding.
    pub charset: Charset,
    /// How it tells messages apart.
    pub framing: TalkFraming,
    /// What it is expected to say.
    pub dialect: Dialect,
    /// Whether somebody said that it speaks this dialect. If not, nothing depends on it.
    pub is_dialect_given: bool,
    /// The message that ends the conversation.
    pub farewell: Option<Vec<u8>>,
    /// How long the connection, an answer or the end may take; zero: for ever.
    pub timeout: Duration,
}

/// How a server tells messages apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TalkFraming {
    /// By the pauses between them: each waits for the answer to the one before it.
    Raw,
    /// By line ends.
    Line,
    /// By line ends, which are a carriage return and a line feed.
    Crlf,
}

impl TalkFraming {
    fn is_lines(self) -> bool {
        self != TalkFraming::Raw
    }

    /// What ends a message.
    fn end(self) -> &'static [u8] {
        match self {
            TalkFraming::Raw => b"",
            TalkFraming::Line => b"\n",
            TalkFraming::Crlf => b"\r\n",
        }
    }
}

/// How a conversation ended that did not fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TalkOutcome {
    /// All was said, or nobody reads what is answered.
    Done,
    /// A signal came.
    Stopped(i32),
}

impl Conversation {
    /// Holds the conversation: answers go to standard output, `notice` is told whom it is held with, and that the server
    /// ended it.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, does not answer, or cuts us off, and when standard input or output fails.
    pub fn run(self, notice: &mut dyn FnMut(&str)) -> Result<TalkOutcome, TalkError> {
        let mut reactor = Reactor::with_limits(self.limits()).map_err(TalkError::start)?;
        let signals = catch(&mut reactor).map_err(TalkError::start)?;
        let screen = Screen::standard(&self.charset).map_err(TalkError::output)?;
        let outgoing =
            Outgoing::new(self.messages.clone(), self.farewell.clone()).map_err(TalkError::input)?;
        let predictor = Predictor::new(&self.dialect, self.is_dialect_given);
        let peer = if self.address.is_datagram() {
            Peer::Datagrams(DatagramExchange::begin(reactor.net(), &self.address)?)
        } else {
            let conn = reactor.net().connect(self.address.clone());
            Peer::Stream(conn.map_err(|error| TalkError::address(&self.address, &error))?)
        };
        let mut talker = Talker::new(&self, peer, outgoing, predictor, screen, signals, notice);
        talker.begin(reactor.net());
        reactor.run(&mut talker).map_err(TalkError::start)?;
        talker.end()
    }

    /// The server is trusted and the only one. It may be silent, and take its input as slowly as it likes: the waits
    /// that end are ours. And we read whatever waits to be sent, or two that wait for each other to read would wait for
    /// ever; so it is the talker that stops at a mark, far below the reactor's.
    fn limits(&self) -> Limits {
        Limits {
            idle: Duration::ZERO,
            write_stall: Duration::ZERO,
            connect: self.timeout,
            outbox_high: 16 * talker::OUTPUT_HIGH,
            outbox_cap: 32 * talker::OUTPUT_HIGH,
            ..Limits::default()
        }
    }
}

/// The first signal is told to the loop. A second one ends the process where it stands: the first may wait behind an
/// output that nobody reads. The loop is told first, so that one that comes meanwhile is not lost.
fn catch(reactor: &mut Reactor) -> io::Result<Signals> {
    let signals = Signals::catch(reactor.net(), &[SIGINT, SIGTERM])?;
    let is_second = Arc::new(AtomicBool::new(false));
    for &signal in &signals.caught {
        flag::register_conditional_shutdown(signal, 128 + signal, is_second.clone())?;
        flag::register(signal, is_second.clone())?;
    }
    Ok(signals)
}
