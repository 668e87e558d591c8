//! The greeting protocol as a sans-IO state machine: bytes and `now` in, bytes, a deadline and an end out.
//!
//! A [`Dialect`] is what a server says. A [`Session`] speaks it to one stream client, a [`Responder`]
//! to all senders of one datagram socket. Nothing here knows a socket, reads a clock or writes a log.
//!
//! # The states of a session
//!
//! A message is *looked at* when its turn has come: at once, or when its delay is over. Then it is the
//! farewell, or it is refused, or it is answered.
//!
//! | state | `receive` | `timeout`, when due | `peer_eof` | `finish` |
//! |---|---|---|---|---|
//! | Reading: no message waits | without a delay, looks at each whole message: Reading or Closed. With one, keeps them: Waiting | nothing | looks at an unfinished line or keeps it: Closed (`Eof`) or Ending (`Eof`) | drops what is unfinished: Closed (`Drained`) |
//! | Waiting: messages wait for the delay | keeps whole messages behind the others | looks at the oldest: Waiting while there are more, else Reading; or Closed | keeps an unfinished line as a message: Ending (`Eof`) | drops what is unfinished: Ending (`Drained`) |
//! | Ending: messages wait, no input counts | nothing | looks at the oldest: Ending while there are more, else Closed as it had to end | nothing | nothing |
//! | Closed | nothing | nothing | nothing | nothing |
//!
//! Looking at a message closes with [`Farewell::Word`], [`Farewell::AfterReply`] or [`Farewell::NotText`],
//! and what waits behind it is forgotten. An over-long line is no message and waits for no delay of its
//! own: it closes with [`Farewell::TooLong`], at once or, by way of Ending, after the last answer before it.
//! Reading and Waiting are told apart in [`Next`]: `Read`, and `Wait` with the instant of the next
//! `timeout`. Ending is `Wait` too, Closed is `Close`, after every call.
//!
//! `Auto` framing is decided by the first bytes in Reading, and never again.
#![forbid(unsafe_code)]

mod builtin;
mod datagram;
mod dialect;
mod framing;
mod held;
mod lru;
mod quick;
mod session;
mod spec;
mod template;
#[cfg(test)]
mod tests;
mod text;

pub use datagram::{Guard, Rate, Responder, Sender, Silence, Verdict};
pub use dialect::Dialect;
pub use session::{Farewell, Next, Session};
pub use spec::{DialectError, DialectSpec, Framing, Transport, UnknownFraming};
pub use text::TextEncoding;
