//! Locks on files.

use super::check;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Locks a file against all others who ask, until its last descriptor is closed (flock(2)); `WouldBlock` while another
/// has it. std has it since Rust 1.89.
pub(crate) fn lock(file: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the call takes no memory, and the descriptor is open.
    check(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) })?;
    Ok(())
}
