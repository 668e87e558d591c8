//! The timer that the poller can wait for.

use super::check;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

/// A timerfd(2) on the monotonic clock: it makes the poller's descriptor readable at a deadline, with the
/// clock's own resolution instead of epoll_wait's milliseconds.
pub(crate) struct PollerTimer(OwnedFd);

impl PollerTimer {
    pub(crate) fn new() -> io::Result<PollerTimer> {
        // SAFETY: no pointers; a descriptor that the call returns is ours alone.
        unsafe {
            let fd =
                check(libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC))?;
            Ok(PollerTimer(OwnedFd::from_raw_fd(fd)))
        }
    }

    /// Makes the descriptor readable after `delay`, and forgets an earlier expiry.
    pub(crate) fn arm(&self, delay: Duration) -> io::Result<()> {
        // SAFETY: plain integers.
        let mut spec: libc::itimerspec = unsafe { mem::zeroed() };
        spec.it_value.tv_sec = delay.as_secs().try_into().unwrap_or(libc::time_t::MAX);
        // All zero would disarm.
        spec.it_value.tv_nsec = if delay.is_zero() { 1 } else { delay.subsec_nanos().into() };
        // SAFETY: `spec` outlives the call; a null pointer says that the old value is not wanted.
        check(unsafe { libc::timerfd_settime(self.0.as_raw_fd(), 0, &raw const spec, ptr::null_mut()) })?;
        Ok(())
    }

    /// Takes the expiries that were counted, so that the descriptor is not readable any more.
    pub(crate) fn clear(&self) {
        let mut expiries = [0u8; 8];
        // SAFETY: eight bytes are what a timerfd gives, into an array of eight.
        unsafe { libc::read(self.0.as_raw_fd(), expiries.as_mut_ptr().cast(), expiries.len()) };
    }

    pub(crate) fn fd(&self) -> libc::c_int {
        self.0.as_raw_fd()
    }
}
