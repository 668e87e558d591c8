//! Every call on a socket: what kinds there are, how one is opened, its options, and the file of a Unix socket.
//!
//! | file | what |
//! |---|---|
//! | `stream.rs`, `listen.rs`, `datagram.rs` | the three kinds, each for TCP or UDP and for Unix |
//! | `open.rs` | connected, listening, bound |
//! | `adopt.rs` | what a socket is that somebody else made |
//! | `options.rs`, `controls.rs` | how one is opened, and what can be turned later |
//! | `local_address.rs` | the address that one is bound to |
//! | `files.rs` | the file of a Unix socket, and the lock beside it |
//!
//! **I3** All I/O goes through mio's methods or `try_io`, which re-arm the source on selectors that need it.

#[macro_use]
mod common;

mod adopt;
pub(crate) mod controls;
mod datagram;
pub(crate) mod files;
mod listen;
mod local_address;
mod open;
pub(crate) mod options;
mod stream;

pub(crate) use adopt::ForeignSocket;
pub(crate) use datagram::DatagramSocket;
pub(crate) use listen::ListenSocket;
pub(crate) use local_address::local_address;
pub(crate) use open::{ask_for_notes, bind_datagrams, connect, connect_datagrams, listen, without_source};
pub(crate) use stream::{ConnectOutcome, StreamSocket};
