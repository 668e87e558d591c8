//! `hullo talk`: a client for a person or a script.
//!
//! A [`Conversation`] describes whom to talk to and what to say. [`run`](Conversation::run) holds it on a reactor of its own, and
//! ends when nothing is left to be sent or received.

mod datagrams;
mod ending;
mod error;
mod expected_reply;
mod handler;
mod input;
mod lines;
mod outgoing;
mod receiving;
mod screen;
mod talker;

pub use crate::client::charset::Charset;
pub use error::TalkError;

use crate::signals::Signals;
use datagrams::DatagramExchange;
use expected_reply::Predictor;
use hullo::greeting::Dialect;
use hullo::{Address, Limits, Reactor, TlsClient};
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
    /// What speaks TLS with a `tls://` address.
    pub tls: Option<TlsClient>,
    /// The messages, before any encoding; `None` takes each line of standard input as a message.
    pub messages: Option<Vec<Vec<u8>>>,
    /// The time between two messages; with `None` each message waits until the one before it is answered.
    pub every: Option<Duration>,
    /// The server's encoding.
    pub charset: Charset,
    /// How the server tells messages apart.
    pub framing: TalkFraming,
    /// The dialect that the server is expected to speak.
    pub dialect: Dialect,
    /// Whether the user named this dialect. If not, nothing depends on it.
    pub is_dialect_given: bool,
    /// The message that ends the conversation, if there is one.
    pub farewell: Option<Vec<u8>>,
    /// How long the connection, an answer or the end may take; zero means for ever.
    pub timeout: Duration,
}

/// How a server tells messages apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TalkFraming {
    /// By the pauses between them: each message waits for the answer to the one before it.
    Raw,
    /// By line feeds.
    Line,
    /// By carriage returns with line feeds.
    Crlf,
}

impl TalkFraming {
    fn is_lines(self) -> bool {
        self != TalkFraming::Raw
    }

    /// What is sent behind a message.
    fn end(self) -> &'static [u8] {
        match self {
            TalkFraming::Raw => b"",
            TalkFraming::Line => b"\n",
            TalkFraming::Crlf => b"\r\n",
        }
    }
}

/// How a conversation ended, if it did not fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TalkOutcome {
    /// All messages were sent and answered, or nobody reads the answers any more.
    Done,
    /// This signal ended it.
    Stopped(i32),
}

impl Conversation {
    /// Holds the conversation. Answers go to standard output. `notice` is given a line when the server is reached, and one when
    /// the server has ended the conversation.
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
            let conn = match &self.tls {
                Some(tls) => reactor.net().connect_tls(self.address.clone(), tls),
                None => reactor.net().connect(self.address.clone()),
            };
            Peer::Stream(conn.map_err(|error| TalkError::address(&self.address, &error))?)
        };
        let mut talker = Talker::new(&self, peer, outgoing, predictor, screen, signals, notice);
        talker.begin(reactor.net());
        reactor.run(&mut talker).map_err(TalkError::start)?;
        talker.end()
    }

    /// The server is the only peer, and it is trusted: it may be silent and read slowly, and the talker has timeouts of its own.
    /// The reactor must read even while much output waits, or two programs that wait for each other to read would wait for
    /// ever. So the talker itself stops sending at a mark, which is far below the one of the reactor.
    fn limits(&self) -> Limits {
        Limits {
            idle: Duration::ZERO,
            write_stall: Duration::ZERO,
            connect: self.timeout,
            handshake: Duration::ZERO, // which is part of the connection's time
            outbox_high: 16 * talker::OUTPUT_HIGH,
            outbox_cap: 32 * talker::OUTPUT_HIGH,
            ..Limits::default()
        }
    }
}

/// Catches the signals that end a conversation. The loop is told of the first signal. A second one ends the process at once,
/// since the first one may be waiting behind output that nobody reads. The loop is registered first, so that no signal is
/// lost meanwhile.
fn catch(reactor: &mut Reactor) -> io::Result<Signals> {
    let signals = Signals::catch(reactor.net(), &[SIGINT, SIGTERM])?;
    let is_second = Arc::new(AtomicBool::new(false));
    for &signal in &signals.caught {
        flag::register_conditional_shutdown(signal, 128 + signal, is_second.clone())?;
        flag::register(signal, is_second.clone())?;
    }
    Ok(signals)
}
