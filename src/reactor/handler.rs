//! What a user writes: the handler.

use crate::reactor::events::{Closed, ConnectError, Datagram, Origin, Readiness};
use crate::reactor::ids::{ConnId, DatagramId, FdId, TimerId};
use crate::reactor::net::Net;
use std::any::Any;
use std::io;

/// The behaviour of a program on the reactor. It is owned by the caller and lent to
/// [`Reactor::run`](crate::Reactor::run). Every callback has a default, so that only what a program is about is written: `data`
/// for one of streams, `datagram` for one of datagrams.
///
/// Every callback is lent the [`Net`], on which every operation is legal, on any id. No callback ever runs inside a
/// call on `Net`.
///
/// A panic in `data` resets that connection, with
/// [`CloseReason::HandlerPanicked`](crate::CloseReason::HandlerPanicked); a panic in any other callback is counted in
/// [`Stats::panics`](crate::Stats::panics). Either way the others are served on. This needs a build that unwinds.
// **I12** Guard: `a_panic_costs_one_connection` in `tests/reactor/turns.rs`.
#[allow(unused_variables)]
pub trait Handler {
    /// Bytes have arrived. `bytes` is what one read returned: the stream has no message boundaries. By default they are
    /// forgotten.
    fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {}

    /// A stream is ready for use.
    fn opened(&mut self, net: &mut Net, conn: ConnId, origin: Origin) {}

    /// A connection of our own did not come about. This comes instead of `opened` and `closed`.
    fn connect_failed(&mut self, net: &mut Net, conn: ConnId, error: &ConnectError) {}

    /// The peer will send nothing more (its FIN arrived); it may still be reading. Everything it sent has been
    /// given to `data`. By default the connection is closed, once its output is flushed: end of file is not close.
    // **I7** Guard: `every_answer_arrives_after_half_close` in `tests/reactor/stream_ends.rs`.
    fn peer_eof(&mut self, net: &mut Net, conn: ConnId) {
        net.close(conn);
    }

    /// The output waiting for `conn` fell to [`Limits::outbox_low`](crate::Limits::outbox_low), having been above it; or
    /// nothing waits any more, where a [`send`](Net::send) had said that less than that does. It comes once for each time
    /// that it fell: whoever was told that something waits may stop there, and goes on here.
    fn output_low(&mut self, net: &mut Net, conn: ConnId) {}

    /// A drain has begun and asks this connection to come to its end. By default it is closed, once its output is
    /// flushed. A handler that still owes an answer may close later, when it has given it; the drain's timeout
    /// bounds its patience.
    fn draining(&mut self, net: &mut Net, conn: ConnId) {
        net.close(conn);
    }

    /// A stream is gone. This comes exactly once for each `opened`, and nothing about that id comes after it.
    fn closed(&mut self, net: &mut Net, conn: ConnId, closed: Closed) {}

    /// A datagram has arrived.
    fn datagram(&mut self, net: &mut Net, socket: DatagramId, datagram: &Datagram<'_>) {}

    /// The system has reported an error on a datagram socket: a datagram was refused by its receiver, for one, or not
    /// taken by the system. Only a connected socket hears of what it has sent; on others that is counted
    /// ([`Stats::datagrams_refused`](crate::Stats::datagrams_refused)). The socket stays open.
    fn datagram_error(&mut self, net: &mut Net, socket: DatagramId, error: &io::Error) {}

    /// A timer has fired; `key` is what it was set with. What arrived before its time was up has been handed on.
    fn timeout(&mut self, net: &mut Net, timer: TimerId, key: u64) {}

    /// A watched descriptor is ready. It is told again in a later turn for as long as it is.
    fn ready(&mut self, net: &mut Net, fd: FdId, readiness: Readiness) {}

    /// A message has come from another thread, through a [`Remote`](crate::Remote).
    fn message(&mut self, net: &mut Net, message: Box<dyn Any + Send>) {}
}
