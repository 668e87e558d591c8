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
//! Streams, listeners, datagram sockets, timers and watched descriptors are named by ids ([`ConnId`] and its kin);
//! your own state for each connection lives in a [`ConnMap`], for anything else in an [`IdMap`]. Other threads come in
//! through a [`Remote`]. Every bound of the loop is a field of [`Limits`]; what happened is counted in [`Stats`].
//!
//! [`docs`] maps the calls that every tutorial on sockets teaches to what does their job here.
//!
//! # State for each connection
//!
//! ```
//! use hullo::{Closed, ConnId, ConnMap, Handler, Net, Origin};
//!
//! #[derive(Default)]
//! struct Counters {
//!     counts: ConnMap<u64>,
//! }
//!
//! impl Handler for Counters {
//!     fn opened(&mut self, _net: &mut Net, conn: ConnId, _origin: Origin) {
//!         self.counts.insert(conn, 0);
//!     }
//!
//!     fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
//!         let Some(count) = self.counts.get_mut(conn) else { return };
//!         *count += bytes.len() as u64;
//!         net.send(conn, format!("{count}\n"));
//!     }
//!
//!     fn closed(&mut self, _net: &mut Net, conn: ConnId, _closed: Closed) {
//!         self.counts.remove(conn);
//!     }
//! }
//! ```
//!
//! Bytes come as the reads found them; [`frames`] finds lines and records in them.
//!
//! # Timers
//!
//! [`Net::set_timer`] and [`Net::set_interval`] take a key, and [`Handler::timeout`] is told it. A connection's id makes a
//! good key: it names nothing once the connection is gone. Timers never fire early.
//!
//! ```
//! # use hullo::{ConnId, Handler, Net, Origin, TimerId};
//! # use std::time::Duration;
//! struct Impatient;
//!
//! impl Handler for Impatient {
//!     fn opened(&mut self, net: &mut Net, conn: ConnId, _origin: Origin) {
//!         net.set_timer(Duration::from_secs(5), conn.to_bits());
//!     }
//!
//!     fn timeout(&mut self, net: &mut Net, _timer: TimerId, key: u64) {
//!         net.close(ConnId::from_bits(key));
//!     }
//! }
//! ```
//!
//! # Back-pressure
//!
//! [`Net::send`] never waits, and returns how much waits for the peer ([`Sent`]). Above [`Limits::outbox_high`] the reactor
//! reads no more from that peer, so that a handler which only answers needs to do nothing, unless its answers are much
//! larger than the questions: more than [`Limits::outbox_cap`] must not wait for one peer before the next send. One that
//! produces by itself, or has so much to answer, stops at a mark of its own and goes on in [`Handler::output_low`]:
//!
//! ```
//! # use hullo::{ConnId, Handler, Net, Origin};
//! struct Zeros;
//!
//! impl Zeros {
//!     fn produce(&mut self, net: &mut Net, conn: ConnId) {
//!         while net.send(conn, &[0; 4096]).is_below(64 * 1024) {}
//!     }
//! }
//!
//! impl Handler for Zeros {
//!     fn opened(&mut self, net: &mut Net, conn: ConnId, _origin: Origin) {
//!         self.produce(net, conn);
//!     }
//!
//!     fn output_low(&mut self, net: &mut Net, conn: ConnId) {
//!         self.produce(net, conn);
//!     }
//! }
//! ```
//!
//! One that passes on what it reads pauses the source with [`Net::pause_reading`]; `examples/tcp_proxy.rs` does both.
//!
//! # Connecting out
//!
//! [`Net::connect`] takes an address or a name and gives the id at once. Its outcome comes later, and comes once: `opened`
//! with [`Origin::Connected`], or [`Handler::connect_failed`].
//!
//! # TLS
//!
//! What a connection says may go through a [`Layer`] on its way: bytes in and bytes out, without I/O. Feature `tls` has the one
//! that most ask for, on rustls: `Net::listen_tls` takes an address `tls://HOST:PORT` and a `TlsServer`, `Net::connect_tls` one
//! and a `TlsClient`; [`Net::put_layers`] and [`Net::put_layer`] put it anywhere else. The handler stays as it is: `opened` comes
//! after the handshake, bytes are plaintext, an end is one that the peer has announced, and one that it has not is a
//! [`CloseReason`] of its own. `examples/tls_echo.rs` is a whole program.
//!
//! # Other threads
//!
//! A [`Remote`] is the reactor's one `Send + Clone` piece:
//!
//! ```
//! # use hullo::{ConnId, Handler, Net, Reactor};
//! # use std::any::Any;
//! struct Sum(u64);
//!
//! impl Handler for Sum {
//!     fn message(&mut self, net: &mut Net, message: Box<dyn Any + Send>) {
//!         self.0 += *message.downcast::<u64>().unwrap();
//!         net.stop();
//!     }
//! }
//!
//! let mut reactor = Reactor::new()?;
//! let remote = reactor.net().remote();
//! let worker = std::thread::spawn(move || remote.message(Box::new(42u64)));
//! let mut sum = Sum(0);
//! reactor.run(&mut sum)?;
//! worker.join().unwrap().unwrap();
//! assert_eq!(sum.0, 42);
//! # std::io::Result::Ok(())
//! ```
//!
//! # In a loop of your own
//!
//! Wait until the reactor's descriptor is readable (its `AsFd`; timers make it so as well), or until
//! [`Reactor::next_deadline`], then take a turn that does not wait. With `next_deadline` in the past there is more to do at
//! once. `examples/in_tokio.rs` is a whole program.
//!
//! ```no_run
//! # use hullo::{Handler, Reactor};
//! # fn wait_for(fd: &Reactor, deadline: Option<std::time::Instant>) {}
//! # fn host(reactor: &mut Reactor, handler: &mut dyn Handler) -> std::io::Result<()> {
//! loop {
//!     wait_for(reactor, reactor.next_deadline());
//!     reactor.turn(handler, Some(std::time::Duration::ZERO))?;
//! }
//! # }
//! ```
//!
//! # The end
//!
//! [`Net::drain`] accepts what waits, has [`Handler::draining`] called for each connection, flushes, closes, and lets
//! [`Reactor::run`] return a [`DrainReport`]. [`Net::stop`] lets it return at once.
//!
//! # Limits
//!
//! Every loop and queue has a bound, and [`Limits`] is the list. The library raises no limit of the process, installs no
//! logger, signal handler or allocator, prints nothing, and looks up no name on the loop.
//!
//! # The house
//!
//! ```text
//! reactor    the event loop; knows of no protocol
//! frames     lines, delimiters, length prefixes, without any I/O
//! greeting   the greeting protocol without any I/O (feature `greeting`)
//! bin/hullo  the program: the command line, `hullo serve`, `talk`, `fetch` and `load`
//! ```
//!
//! Imports point down only: the program uses the library as any other does, and the library's rooms do not meet, except
//! that greeting takes its lines from frames.
//!
//! # Features
//!
//! `default = ["cli"]` is for the program. A library takes `default-features = false` and gets the reactor with six
//! external packages; `greeting` adds the protocol as a sans-IO state machine, `tls` TLS on rustls.
#![deny(unsafe_code, missing_docs)]
#![warn(unreachable_pub, rust_2018_idioms)]

pub mod docs;
pub mod frames;
#[cfg(feature = "greeting")]
pub mod greeting;
mod reactor;

pub use reactor::*;
