//! The clients, what each has under way, and what comes back.

pub mod client;
pub mod datagram_replies;
pub mod garbled;
pub mod last_words;
pub mod lost;
pub mod matcher;
pub mod queue;
pub mod ramp;
pub mod stream_replies;
