//! hullo is a network reactor: an event loop on [mio](https://docs.rs/mio) that gives what raw mio leaves to
//! everybody. Ids that cannot reach the wrong connection, bounded work for each peer, back-pressure, timers that are
//! never early, orderly closes and drains, datagrams done right; on one thread, without an async runtime.
//!
//! ```no_run
//! use hullo::{ConnId, Handler, Net, Reactor};
//!
//! struct Echo;
//!
//! impl Handler for Echo {
//!     fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
//!         net.send(conn, bytes);
//!     }
//! }
//!
//! fn main() -> std::io::Result<()> {
//!     let mut reactor = Reactor::new()?;
//!     let listener = reactor.listen("tcp://127.0.0.1:7000")?;
//!     println!("echo on {}", reactor.local_addr(listener)?);
//!     reactor.run(&mut Echo)?;
//!     Ok(())
//! }
//! ```
//!
//! # How it hangs together
//!
//! A [`Reactor`] waits for events and lends a [`Handler`], which you write, the [`Net`]: the one door to the network.
//! Streams, listeners, datagram sockets, timers and watched descriptors are named by ids ([`ConnId`] and its kin),
//! and your own state per connection lives in a [`ConnMap`]. Other threads come in through a [`Remote`]. Every bound
//! of the loop is a field of [`Limits`]; what happened is counted in [`Stats`].
//!
//! # The house
//!
//! ```text
//! cli        the command line: flags and files into plain structs (binary only)
//! daemon     `hullo serve`: a Handler that keeps a greeting session for each connection
//! client     `hullo talk` and `hullo fetch`
//! greeting   the greeting protocol without any I/O
//! frames     lines, delimiters, length prefixes, without any I/O
//! reactor    the event loop; knows of no protocol
//! ```
//!
//! The last three are the ground floor. Imports point down only; what stands on one floor does not meet.
//!
//! # Features
//!
//! `default = ["cli"]` is for the binary. A library takes `default-features = false` and gets the reactor with six
//! external packages; `greeting` adds the protocol as a sans-IO state machine.
#![deny(unsafe_code, missing_docs)]
#![warn(unreachable_pub, rust_2018_idioms)]

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod client;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod daemon;
pub mod frames;
#[cfg(feature = "greeting")]
pub mod greeting;
mod reactor;
#[cfg(feature = "cli")]
mod signals;

pub use reactor::*;
