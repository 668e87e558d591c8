//! The clients: where the session of each stands, what it has under way, and what the bytes that come to it mean.

pub mod client;
pub mod datagram_replies;
pub mod due;
pub mod flights;
pub mod garbled;
pub mod last_words;
pub mod lost;
pub mod matcher;
pub mod queue;
pub mod ramp;
pub mod replies;
pub mod sessions;
pub mod stream_replies;
#[cfg(test)]
mod tests;
