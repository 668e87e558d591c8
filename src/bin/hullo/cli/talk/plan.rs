//! What `hullo talk` is to do: its flags, checked.

use super::flags::Talk;
use crate::cli::config::known_dialects::KnownDialects;
use crate::cli::config::listen_table::transport;
use crate::client::talk::{Charset, Conversation, TalkFraming};
use hullo::Host;
use hullo::greeting::{Dialect, DialectSpec};
use std::os::unix::ffi::OsStringExt;

/// Checks the flags, and makes the conversation that they ask for. The error is a sentence.
pub fn conversation(talk: Talk) -> Result<Conversation, String> {
    if talk.address.host() == Some(&Host::Any) {
        return Err(format!("{} is where to listen, not whom to talk to: name a host", talk.address));
    }
    let name = talk.dialect.as_deref().unwrap_or("hello");
    let dialect = KnownDialects::default().require(name, transport(&talk.address))?;
    let label = talk.encoding.as_deref().unwrap_or(&dialect.spec().encoding);
    let charset = Charset::for_label(label).map_err(|problem| format!("the encoding {problem}"))?;
    let spec = DialectSpec { encoding: label.to_owned(), ..dialect.spec().clone() };
    let dialect = Dialect::new(name, spec).map_err(|error| error.to_string())?;
    let framing = match (talk.framing, talk.crlf) {
        (Some(TalkFraming::Raw), true) => {
            return Err("--crlf ends lines: leave --framing raw out".to_owned());
        }
        (_, true) => TalkFraming::Crlf,
        (framing, false) => framing.unwrap_or(TalkFraming::Raw),
    };
    let messages: Vec<Vec<u8>> = talk.messages.into_iter().map(OsStringExt::into_vec).collect();
    for message in &messages {
        charset
            .encode(message)
            .map_err(|problem| format!("the message {:?} {problem}", String::from_utf8_lossy(message)))?;
    }
    let farewell = match talk.bye {
        Some(word) => Some(word.into_vec()).filter(|word| !word.is_empty()),
        None => dialect.spec().farewell.clone().map(String::into_bytes),
    };
    let tls = talk.trust.client_for(&talk.address)?;
    Ok(Conversation {
        address: talk.address,
        tls,
        messages: Some(messages).filter(|messages| !messages.is_empty()),
        every: talk.every,
        charset,
        framing,
        dialect,
        is_dialect_given: talk.dialect.is_some(),
        farewell,
        timeout: talk.timeout,
    })
}
