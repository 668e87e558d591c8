//! What a system's batches of datagrams speak of: the same on all of them.

use crate::reactor::address::PeerAddr;
use std::io;
use std::net::IpAddr;

/// The most datagrams that are received or sent by one call.
pub(crate) const BATCH: usize = 32;
/// Room for one datagram. No payload of UDP is larger (65,507 bytes).
pub(crate) const DATAGRAM: usize = 64 * 1024;

/// Where a datagram arrived: one of our addresses, and the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Arrival {
    pub(crate) ip: IpAddr,
    pub(in crate::reactor::sys) interface: u32,
}

/// One received datagram.
pub(crate) struct Received<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) from: PeerAddr,
    /// `None` where the socket was not asked for it.
    pub(crate) to: Option<Arrival>,
    pub(crate) truncated: bool,
    /// What the bytes are to be cut into: several datagrams of one size came as one, of which the last may be shorter.
    pub(crate) segment: usize,
}

/// What became of the datagrams of a batch that was sent.
#[derive(Default)]
pub(crate) struct SentBatch {
    pub(crate) taken: usize,
    pub(crate) refused: usize,
    /// The error of the last one that was refused, on a connected socket.
    pub(crate) error: Option<io::Error>,
    /// The system does not take bundles on this socket.
    pub(crate) takes_no_bundles: bool,
}
