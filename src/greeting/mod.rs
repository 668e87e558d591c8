//! The greeting protocol as a sans-IO state machine.
#![forbid(unsafe_code)]

mod builtin;
mod datagram;
mod dialect;
mod framing;
mod lru;
mod quick;
mod session;
mod spec;
mod template;
mod text;

pub use datagram::{Guard, Rate, Responder, Silence, Source, Verdict};
pub use dialect::Dialect;
pub use session::{Farewell, Next, Session};
pub use spec::{DialectError, DialectSpec, Framing, Transport, UnknownFraming};
