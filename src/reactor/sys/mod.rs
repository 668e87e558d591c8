//! The one room with `unsafe`: what neither std, mio nor socket2 offers.
#![allow(unsafe_code)]

mod linux;
mod poller;

pub(crate) use linux::*;
pub use poller::Interest;
pub(crate) use poller::{EDGE_TRIGGERED, Events, ForeignFd, Poller, Waker};

#[cfg(not(any(target_os = "linux", target_os = "android")))]
compile_error!("hullo runs on Linux; a port to another system begins in src/reactor/sys");

#[cfg(not(target_pointer_width = "64"))]
compile_error!("hullo needs a 64-bit target: ids carry 64 bits through the poller's token");

/// Datagrams handed over by one recvmmsg(2) or taken by one sendmmsg(2).
pub(crate) const BATCH: usize = 32;
/// Larger than any UDP payload (65,507 bytes).
pub(crate) const DATAGRAM: usize = 64 * 1024;
