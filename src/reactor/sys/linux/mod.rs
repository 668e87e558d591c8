//! Linux, through libc.

mod bundles;
mod control;
mod interface;
mod lock;
mod receive;
mod send;
mod socket;
mod timer_fd;

pub(crate) use control::Arrival;
pub(crate) use interface::{interface_name, interface_number};
pub(crate) use lock::lock;
pub(crate) use receive::ReceiveBatch;
pub(crate) use send::SendBatch;
pub(crate) use socket::{
    accept, ask_for_destination, bind_without_port, has_upper_layer, receive_drops, receive_record,
    sends_bundles, take_bundles, unread, unsent, untaken, waiting,
};
pub(crate) use timer_fd::TimerFd;

use super::{BATCH, DATAGRAM};
use std::io;

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The monotonic clock in nanoseconds. std reads the same clock, but takes its `Instant` apart for nobody.
#[inline]
pub(crate) fn monotonic() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` outlives the call, which does not fail for this clock (clock_gettime(2)).
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
