//! The flags of `hullo talk`, as they are typed.

use crate::cli::trust::Trust;
use crate::cli::units;
use crate::client::talk::TalkFraming;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use hullo::Address;
use std::ffi::OsString;
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
  hullo talk tls://localhost:9443 --cacert chain.pem Michael
      talks over TLS, with a server whose certificate is in that file

Exit status:
  0    done
  1    not reached, not answered, or cut off
  2    usage
  130  stopped by Ctrl-C
  143  stopped by SIGTERM";

/// Talk to a server over TCP, TLS, UDP and Unix sockets
///
/// Prints what the server says on stdout, as it comes. Without a MESSAGE, each line of standard input is one. When all is
/// said, our side of the connection is ended and the rest is read to its end; after the farewell word, the conversation
/// is over with its answer. An empty message is not sent, except as an empty line in `line` framing.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub struct Talk {
    /// Whom to talk to: tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT, unix:PATH, unixgram:PATH or unixpacket:PATH
    #[arg(value_name = "URL")]
    pub address: Address,

    /// What to say, one message after the other; none: each line typed
    #[arg(value_name = "MESSAGE")]
    pub messages: Vec<OsString>,

    /// Send a message every so often, like 1s, and do not wait for answers in between
    ///
    /// It goes by the clock: the times are planned from the first message on. Where one was missed, its message waits for the
    /// next.
    #[arg(long, value_name = "D", value_parser = units::duration)]
    pub every: Option<Duration>,

    /// The server's encoding: utf-8, gbk, another label, or bytes [default: utf-8]
    ///
    /// Here everything is UTF-8. What does not decode is shown as \xNN; with `bytes` nothing is decoded and every byte
    /// passes as it is. On a terminal nothing is shown that it would obey: control characters become \xNN or \u{N}.
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<String>,

    /// How the server tells messages apart: raw or line [default: raw]
    ///
    /// raw: a message is sent without a line end, and the next one only when it is answered (something has come, and then
    /// a pause), or the two would merge into one. line: each message is sent with a newline, and none waits. Once the server
    /// has ended its side it answers no more, and messages go out one after the other.
    #[arg(long, value_name = "F", hide_possible_values = true, value_parser = framing())]
    pub framing: Option<TalkFraming>,

    /// End each line with CR LF, as SMTP, HTTP and Redis have it; means --framing line
    #[arg(long)]
    pub crlf: bool,

    /// Take encoding, framing and farewell from a dialect of `hullo dialects`
    ///
    /// Its welcome and its answers are then known, and waited for to the last byte. Without, the farewell is that of
    /// hello, and an answer is whatever comes.
    #[arg(long, value_name = "NAME")]
    pub dialect: Option<String>,

    /// The farewell word, which ends the conversation; empty for none [default: exit on streams]
    #[arg(long, value_name = "WORD")]
    pub bye: Option<OsString>,

    /// How long to wait for the connection, an answer or the end, like 500ms; 0: for ever
    ///
    /// So long is input waited for, too, once the server has ended its side.
    #[arg(long, value_name = "D", value_parser = units::duration, default_value = "10s")]
    pub timeout: Duration,

    #[command(flatten)]
    pub trust: Trust,
}

fn framing() -> impl TypedValueParser<Value = TalkFraming> {
    PossibleValuesParser::new(["raw", "line"]).map(|name| match name.as_str() {
        "line" => TalkFraming::Line,
        _ => TalkFraming::Raw,
    })
}
