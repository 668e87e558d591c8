//! What a configuration says about a dialect, before anything is encoded.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What an operator writes about a dialect: plain text, not yet checked or encoded.
///
/// The default is a dialect with every key absent: it says nothing, answers nothing and ends nothing.
/// [`Dialect::new`](super::Dialect::new) checks it and makes it ready to serve.
#[derive(Clone, Debug, PartialEq)]
pub struct DialectSpec {
    /// Said to a client as it connects. Absent: nothing, not even a line end.
    pub welcome: Option<String>,
    /// The answer to a message; each `{message}` stands for the message. Absent: no answer.
    pub reply: Option<String>,
    /// The message that ends the conversation, compared byte for byte.
    pub farewell: Option<String>,
    /// The answer to the farewell, a template like `reply`. Absent: the farewell is not answered.
    pub farewell_reply: Option<String>,
    /// Close after the first answer.
    pub close_after_reply: bool,
    /// A farewell datagram closes the server's socket. Streams do not look at it.
    pub stop_on_farewell: bool,
    /// How long a stream waits before it looks at each message. Datagrams do not look at it.
    pub delay: Duration,
    /// `utf-8`, `gbk`, any other label of the WHATWG Encoding Standard whose ASCII is ASCII, or `bytes`.
    ///
    /// With `bytes` no message is ever decoded; the dialect's own texts go out as UTF-8.
    pub encoding: String,
    /// How a stream is cut into messages. Datagrams do not look at it.
    pub framing: Framing,
    /// The longest message in bytes, without its line end.
    pub max_message: usize,
    /// Refuse messages that are not valid text in `encoding`.
    pub strict: bool,
}

impl Default for DialectSpec {
    fn default() -> Self {
        DialectSpec {
            welcome: None,
            reply: None,
            farewell: None,
            farewell_reply: None,
            close_after_reply: false,
            stop_on_farewell: false,
            delay: Duration::ZERO,
            encoding: "utf-8".to_owned(),
            framing: Framing::Auto,
            max_message: 1024,
            strict: false,
        }
    }
}

/// The kind of socket a dialect is spoken on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Transport {
    /// Connected byte streams: TCP and Unix stream sockets.
    Stream,
    /// Single packets: UDP and Unix datagram sockets.
    Datagram,
}

/// How a byte stream is cut into messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Framing {
    /// A message is what one read returned; nothing is added to answers.
    Raw,
    /// A message ends in LF or CRLF; the welcome and the answers end in LF.
    Line,
    /// The first read decides, once: `Line` if it holds an LF, `Raw` if not.
    Auto,
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Framing::Raw => "raw",
            Framing::Line => "line",
            Framing::Auto => "auto",
        })
    }
}

impl FromStr for Framing {
    type Err = UnknownFraming;

    fn from_str(name: &str) -> Result<Self, UnknownFraming> {
        match name {
            "raw" => Ok(Framing::Raw),
            "line" => Ok(Framing::Line),
            "auto" => Ok(Framing::Auto),
            _ => Err(UnknownFraming(name.to_owned())),
        }
    }
}

/// A name that is no [`Framing`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFraming(String);

impl fmt::Display for UnknownFraming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no framing {:?}: use raw, line or auto", self.0)
    }
}

impl std::error::Error for UnknownFraming {}

/// Why a [`DialectSpec`] cannot be served: a sentence that names the key and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialectError {
    pub(super) dialect: String,
    pub(super) key: &'static str,
    pub(super) problem: String,
}

impl DialectError {
    /// The key at fault, so that a configuration's reader can point at its line.
    pub fn key(&self) -> &'static str {
        self.key
    }
}

impl fmt::Display for DialectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dialect {:?}: {} {}", self.dialect, self.key, self.problem)
    }
}

impl std::error::Error for DialectError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_framing_reads_back_from_its_own_name() {
        for (framing, name) in [(Framing::Raw, "raw"), (Framing::Line, "line"), (Framing::Auto, "auto")] {
            assert_eq!(framing.to_string(), name);
            assert_eq!(name.parse(), Ok(framing));
        }
    }

    #[test]
    fn an_unknown_framing_is_told_the_names_there_are() {
        let error = "Lines".parse::<Framing>().unwrap_err();
        assert_eq!(error.to_string(), r#"there is no framing "Lines": use raw, line or auto"#);
    }

    #[test]
    fn a_spec_with_no_keys_says_nothing_and_has_the_documented_defaults() {
        let spec = DialectSpec::default();
        assert_eq!((spec.welcome, spec.reply, spec.farewell, spec.farewell_reply), (None, None, None, None));
        assert!(!spec.close_after_reply && !spec.stop_on_farewell && !spec.strict);
        assert_eq!((spec.delay, spec.max_message), (Duration::ZERO, 1024));
        assert_eq!((spec.encoding.as_str(), spec.framing), ("utf-8", Framing::Auto));
    }
}
