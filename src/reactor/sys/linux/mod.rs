//! Linux, through libc.

mod bundles;
mod control;
mod errors;
mod file;
mod interface;
mod receive;
mod send;
mod socket;
mod timer;
mod unix_name;

pub(crate) use errors::{
    forbid_permissions, is_no_plain_file, is_under_way, lacks_addresses, lacks_descriptors, lacks_memory,
};
pub(crate) use file::{lock, open_lock_file, pin, set_mode, set_socket_mode, spare_descriptor};
pub(crate) use interface::{interface_name, interface_number};
pub(crate) use receive::ReceiveBatch;
pub(crate) use send::SendBatch;
pub(crate) use socket::{
    accept, ask_for_destination, bind_without_port, has_upper_layer, receive_drops, receive_record, send,
    send_vectored, sends_bundles, take_bundles, unread, unsent, untaken, waiting,
};
pub(crate) use timer::PollerTimer;
pub(crate) use unix_name::{abstract_name, any_unix_name, unix_address, unix_name, unix_path};

use std::io;

/// The monotonic clock in nanoseconds. std reads the same clock, but takes its `Instant` apart for nobody.
#[inline]
pub(crate) fn monotonic() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` outlives the call, which does not fail for this clock (clock_gettime(2)).
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
