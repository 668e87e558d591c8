//! `hullo talk`: flags, made into one conversation.

use crate::cli::config;
use crate::cli::config::known_dialects::KnownDialects;
use crate::cli::output::failure::{Failure, Place};
use crate::cli::output::nonblocking;
use crate::cli::output::stdout;
use crate::cli::units;
use crate::client::talk::{Charset, Conversation, TalkFraming, TalkOutcome};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use hullo::greeting::{Dialect, DialectSpec};
use hullo::{Address, Host};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;
use std::time::Duration;

const HELP: &str = "\
Examples:
  hullo talk tcp://127.0.0.1:9999
      sends each line that is typed; `exit` or Ctrl-D ends it
  hullo talk tcp://127.0.0.1:9999 Michael Anna exit
      sends each message once the one before it is answered
  hullo talk tcp://127.0.0.1:9000 --dialect receipt 数据 bye
      talks to a server whose text is GBK and whose farewell is `bye`
  printf 'Michael' | hullo talk tcp://127.0.0.1:9999
      prints Welcome!Hello, Michael!
  hullo talk udp://127.0.0.1:9999 Michael
      sends a datagram and waits for the answer

Exit status:
  0    done
  1    not reached, not answered, or cut off
  2    usage
  130  stopped by Ctrl-C
  143  stopped by SIGTERM";

/// Talk to a server over TCP, UDP and Unix sockets
///
/// Prints what the server says on stdout, as it comes. Without a MESSAGE, each line of standard input is one. When all is
/// said, our side of the connection is ended and the rest is read to its end; after the farewell word, the conversation
/// is over with its answer. An empty message is not sent, except as an empty line in `line` framing.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub struct Talk {
    /// Whom to talk to: tcp://HOST:PORT, udp://HOST:PORT, unix:PATH, unixgram:PATH or unixpacket:PATH
    #[arg(value_name = "URL")]
    address: Address,

    /// What to say, one message after the other; none: each line typed
    #[arg(value_name = "MESSAGE")]
    messages: Vec<OsString>,

    /// Send a message every so often, like 1s, and do not wait for answers in between
    ///
    /// It goes by the clock: the times are planned from the first message on. Where one was missed, its message waits for the
    /// next.
    #[arg(long, value_name = "D", value_parser = units::duration)]
    every: Option<Duration>,

    /// The server's encoding: utf-8, gbk, another label, or bytes [default: utf-8]
    ///
    /// Here everything is UTF-8. What does not decode is shown as \xNN; with `bytes` nothing is decoded and every byte
    /// passes as it is. On a terminal nothing is shown that it would obey: control characters become \xNN or \u{N}.
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,

    /// How the server tells messages apart: raw or line [default: raw]
    ///
    /// raw: a message is sent without a line end, and the next one only when it is answered (something has come, and then
    /// a pause), or the two would merge into one. line: each message is sent with a newline, and none waits. Once the server
    /// has ended its side it answers no more, and messages go out one after the other.
    #[arg(long, value_name = "F", hide_possible_values = true, value_parser = framing())]
    framing: Option<TalkFraming>,

    /// End each line with CR LF, as SMTP, HTTP and Redis have it; means --framing line
    #[arg(long)]
    crlf: bool,

    /// Take encoding, framing and farewell from a dialect of `hullo dialects`
    ///
    /// Its welcome and its answers are then known, and waited for to the last byte. Without, the farewell is that of
    /// hello, and an answer is whatever comes.
    #[arg(long, value_name = "NAME")]
    dialect: Option<String>,

    /// The farewell word, which ends the conversation; empty for none [default: exit on streams]
    #[arg(long, value_name = "WORD")]
    bye: Option<OsString>,

    /// How long to wait for the connection, an answer or the end, like 500ms; 0: for ever
    ///
    /// So long is input waited for, too, once the server has ended its side.
    #[arg(long, value_name = "D", value_parser = units::duration, default_value = "10s")]
    timeout: Duration,
}

impl Talk {
    pub fn run(self) -> Result<ExitCode, Failure> {
        let conversation = self
            .conversation()
            .map_err(|problem| Failure::usage(vec![Place::default().complaint(problem)]))?;
        stdout::require()?;
        match conversation.run(&mut |notice| nonblocking::print_line(notice)) {
            Ok(TalkOutcome::Done) => Ok(ExitCode::SUCCESS),
            Ok(TalkOutcome::Stopped(signal)) => Ok(ExitCode::from(128 + signal as u8)),
            Err(error) => Err(Failure::failed(&Place::default(), error.to_string())),
        }
    }

    fn conversation(self) -> Result<Conversation, String> {
        if let Address::Tcp(Host::Any, _) | Address::Udp(Host::Any, _) = self.address {
            return Err(format!("{} is where to listen, not whom to talk to: name a host", self.address));
        }
        let name = self.dialect.as_deref().unwrap_or("hello");
        let dialect = KnownDialects::default().require(name, config::transport(&self.address))?;
        let label = self.encoding.as_deref().unwrap_or(&dialect.spec().encoding);
        let charset = Charset::for_label(label).map_err(|problem| format!("the encoding {problem}"))?;
        let spec = DialectSpec { encoding: label.to_owned(), ..dialect.spec().clone() };
        let dialect = Dialect::new(name, spec).map_err(|error| error.to_string())?;
        let framing = match (self.framing, self.crlf) {
            (Some(TalkFraming::Raw), true) => {
                return Err("--crlf ends lines: leave --framing raw out".to_owned());
            }
            (_, true) => TalkFraming::Crlf,
            (framing, false) => framing.unwrap_or(TalkFraming::Raw),
        };
        let messages: Vec<Vec<u8>> = self.messages.into_iter().map(OsStringExt::into_vec).collect();
        for message in &messages {
            charset
                .encode(message)
                .map_err(|problem| format!("the message {:?} {problem}", String::from_utf8_lossy(message)))?;
        }
        let farewell = match self.bye {
            Some(word) => Some(word.into_vec()).filter(|word| !word.is_empty()),
            None => dialect.spec().farewell.clone().map(String::into_bytes),
        };
        Ok(Conversation {
            address: self.address,
            messages: Some(messages).filter(|messages| !messages.is_empty()),
            every: self.every,
            charset,
            framing,
            dialect,
            is_dialect_given: self.dialect.is_some(),
            farewell,
            timeout: self.timeout,
        })
    }
}

fn framing() -> impl TypedValueParser<Value = TalkFraming> {
    PossibleValuesParser::new(["raw", "line"]).map(|name| match name.as_str() {
        "line" => TalkFraming::Line,
        _ => TalkFraming::Raw,
    })
}
