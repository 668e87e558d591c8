//! Why a conversation failed, as one sentence with the remedy.

use super::datagrams::LARGEST_DATAGRAM;
use crate::client::{describe, remedy, remedy_of};
use hullo::{Address, CloseReason, Closed, ConnectError, Host};
use std::fmt;
use std::io;
use std::time::Duration;

/// Why a conversation failed. It displays as a sentence that names the address and the remedy.
#[derive(Debug)]
pub struct TalkError(String);

impl TalkError {
    pub fn start(error: io::Error) -> TalkError {
        TalkError(format!("the event loop cannot work: {}", describe(&error)))
    }

    pub fn input(error: io::Error) -> TalkError {
        TalkError(format!("cannot read standard input: {}", describe(&error)))
    }

    pub fn output(error: io::Error) -> TalkError {
        TalkError(format!("cannot write to standard output: {}", describe(&error)))
    }

    pub fn address(address: &Address, error: &io::Error) -> TalkError {
        TalkError(format!("cannot talk to {address}: {error}"))
    }

    pub fn look_up(address: &Address, error: &io::Error) -> TalkError {
        TalkError(format!("{address}: the name cannot be looked up: {error}; check the name"))
    }

    pub fn connect(address: &Address, error: &io::Error) -> TalkError {
        let starter = starter(address, error.kind());
        TalkError(format!("cannot talk to {address}: {error}; {}{starter}", remedy_of(error)))
    }

    pub fn connection(error: &ConnectError) -> TalkError {
        let target = error.target();
        let is_name = matches!(target.host(), Some(Host::Name(_)));
        match error.failures().last() {
            Some((at, error)) if is_name && at == target && error.kind() != io::ErrorKind::TimedOut => {
                TalkError::look_up(target, error)
            }
            _ => TalkError(format!("{error}; {}{}", remedy(error), starter(target, error.kind()))),
        }
    }

    /// The connection was ended by TLS, and not as it ends in order.
    pub fn tls(address: &Address, closed: &Closed) -> TalkError {
        let (what, remedy) = match &closed.error {
            Some(error) if closed.reason == CloseReason::TlsAlert => {
                (format!(" ({error})"), remedy_of(error))
            }
            _ => (String::new(), "something may be missing: try again, or see why the server ends so"),
        };
        TalkError(format!("{address}: cut off: the connection was {}{what}; {remedy}", closed.reason))
    }

    /// With `is_unsent`, some of our messages were not taken.
    pub fn cut_off(address: &Address, reason: CloseReason, is_unsent: bool) -> TalkError {
        TalkError(if is_unsent {
            format!(
                "{address}: cut off before all was said: the connection was {reason}, and the rest is lost"
            )
        } else {
            format!(
                "{address}: cut off: the connection was {reason}; what it had not answered is lost: try again"
            )
        })
    }

    pub fn unanswered(address: &Address) -> TalkError {
        TalkError(format!(
            "{address} ended the connection without an answer to the last message: if it reads lines, use --framing \
             line; if that was its farewell word, name it with --bye"
        ))
    }

    pub fn no_welcome(address: &Address, dialect: &str, timeout: Duration) -> TalkError {
        TalkError(format!(
            "{address} has not greeted within {timeout:?}, as {dialect} does: check --dialect, or leave it out"
        ))
    }

    pub fn no_answer(address: &Address, unanswered: u64, timeout: Duration) -> TalkError {
        let messages =
            if unanswered == 1 { "a message".to_owned() } else { format!("{unanswered} messages") };
        let lines = if address.is_datagram() { "" } else { " use --framing line if it reads lines," };
        TalkError(format!(
            "{address} has not answered {messages} within {timeout:?}: give it longer with --timeout,{lines} or send \
             without waiting for each answer with --every"
        ))
    }

    /// With `is_answer_due`, the last message has no answer.
    pub fn no_end(address: &Address, timeout: Duration, is_answer_due: bool) -> TalkError {
        let hint = if is_answer_due { ", or use --framing line if it reads lines" } else { "" };
        TalkError(format!(
            "{address} has neither said anything nor ended the connection for {timeout:?}: give it longer with \
             --timeout{hint}"
        ))
    }

    pub fn not_read(address: &Address, timeout: Duration) -> TalkError {
        TalkError(format!(
            "{address} ended its side of the connection and has not read for {timeout:?} what was said: give it longer \
             with --timeout"
        ))
    }

    pub fn not_taken(address: &Address) -> TalkError {
        TalkError(format!(
            "{address}: the system did not take the datagram: its receiver does not read what it has"
        ))
    }

    pub fn too_long(address: &Address, length: usize) -> TalkError {
        let unit = if address.is_datagram() { "datagram" } else { "packet" };
        TalkError(format!(
            "{address}: a message of {length} bytes does not go into a {unit}, which takes {LARGEST_DATAGRAM}: make it shorter"
        ))
    }

    pub fn message(message: &[u8], problem: &str) -> TalkError {
        let start = String::from_utf8_lossy(message).chars().take(20).collect::<String>();
        TalkError(format!("the message {start:?} {problem}"))
    }
}

/// A hint how to start a server, where nobody listens.
fn starter(address: &Address, kind: io::ErrorKind) -> String {
    match kind {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => {
            let identity = if let Address::Tls(..) = address { " --cert FILE --key FILE" } else { "" };
            format!(" (hullo serve {address}{identity} starts one)")
        }
        _ => String::new(),
    }
}

impl fmt::Display for TalkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TalkError {}
