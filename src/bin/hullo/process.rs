//! What the process was given when it began: its stdout, and the signals it ignores.
//!
//! The program's only unsafe code is here. No safe interface tells either of the two.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether stdout was closed when the process began, as by `>&-` in a shell.
///
/// Before `main` std opens `/dev/null` in its place, so that no socket takes its number. What is written there from then on
/// is lost without an error.
pub fn stdout_was_closed() -> bool {
    STDOUT_WAS_CLOSED.load(Ordering::Relaxed)
}

static STDOUT_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

// SAFETY: the loader calls each pointer of this section once, before `main` and so before std looks. What it is called with
// is ignored, and there is no other thread.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

extern "C" fn look() {
    // SAFETY: it takes no pointer, and of a number that is no descriptor it says so.
    let is_closed = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) } < 0;
    STDOUT_WAS_CLOSED.store(is_closed, Ordering::Relaxed);
}

/// Whether the process ignores this signal. What it ignores from its start on, whoever started it has wished so:
/// execve(2) sets caught signals back to their default, and leaves ignored ones alone.
pub fn is_ignored(signal: libc::c_int) -> bool {
    // SAFETY: all zeroes is a valid sigaction; without a new one, sigaction(2) only writes the present one to it.
    let (result, present) = unsafe {
        let mut present: libc::sigaction = std::mem::zeroed();
        (libc::sigaction(signal, std::ptr::null(), &raw mut present), present)
    };
    result == 0 && present.sa_sigaction == libc::SIG_IGN
}
