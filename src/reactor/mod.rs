//! The event loop. It knows nothing of greetings, commands or files.

mod address;
mod contain;
mod datagram;
mod dial;
mod drain;
mod events;
mod handler;
mod id_map;
mod ids;
mod limits;
mod listener;
mod net;
mod remote;
mod slots;
mod socket;
mod sources;
mod stats;
mod stream;
mod sys;
#[cfg(test)]
mod tests;
mod timers;
mod turn;
mod warnings;
mod watch;
mod watermark;

pub use address::parse::{AddressError, IntoAddress};
pub use address::printable::Printable;
pub use address::{Address, Host, PeerAddr};
pub use drain::DrainReport;
pub use events::{CloseReason, Closed, ConnectError, Datagram, Origin, Readiness, ReturnPath};
pub use handler::Handler;
pub use id_map::{ConnMap, IdMap};
pub use ids::{ConnId, DatagramId, FdId, Id, ListenerId, SourceId, TimerId};
pub use limits::Limits;
pub use net::Net;
pub use net::sockets::Adopted;
pub use net::streams::{ConnInfo, Sent};
pub use remote::{Remote, RemoteError};
pub use socket::controls::Controls;
pub use socket::options::SocketOptions;
pub use stats::Stats;
pub use stream::layer::{Layer, LayerError, Progress};
#[cfg(feature = "tls")]
pub use stream::tls::{
    Roots, TlsClient, TlsError, TlsIdentity, TlsServer, TlsServerOptions, TlsSession, TlsTickets,
};
pub use sys::Interest;
pub use turn::Reactor;
pub use watch::Refused;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls the handler; whether it came back. A panic is counted and goes no further (I12): the handler's own state
/// is its own affair, and `Net` calls nothing of the user's while it is changing itself.
#[inline]
fn guarded(net: &mut Net, callback: impl FnOnce(&mut Net)) -> bool {
    match catch_unwind(AssertUnwindSafe(|| callback(net))) {
        Ok(()) => true,
        Err(payload) => {
            // It is never dropped, since its drop may panic as well.
            std::mem::forget(payload);
            net.stats.panics += 1;
            false
        }
    }
}
