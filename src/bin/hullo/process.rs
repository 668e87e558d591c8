//! What the process was given when it started: its stdout, and the signals that it ignores.
//!
//! The only unsafe code of the program is here, since no safe interface tells either of the two.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether stdout was closed when the process began, as by `>&-` in a shell.
///
/// Before `main`, std opens `/dev/null` in its place, so that no socket takes its number. What is written to it is lost without
/// an error.
pub fn stdout_was_closed() -> bool {
    STDOUT_WAS_CLOSED.load(Ordering::Relaxed)
}

static STDOUT_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

// SAFETY: the loader calls each pointer of this section once, before `main` and so before std opens anything. The function
// ignores the arguments that it is called with, and there is no other thread yet.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = note_whether_stdout_is_closed;

extern "C" fn note_whether_stdout_is_closed() {
    // SAFETY: this call takes no pointer, and returns an error for a number that is no descriptor.
    let is_closed = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) } < 0;
    STDOUT_WAS_CLOSED.store(is_closed, Ordering::Relaxed);
}

/// Whether the process ignores this signal. If it does so from its start on, whoever started it wants that: execve(2) leaves
/// ignored signals ignored, and sets caught ones back to their default.
pub fn is_ignored(signal: libc::c_int) -> bool {
    // SAFETY: a sigaction of zeroes is valid. Where it is given no new action, sigaction(2) only writes the present one.
    let (result, present) = unsafe {
        let mut present: libc::sigaction = std::mem::zeroed();
        (libc::sigaction(signal, std::ptr::null(), &raw mut present), present)
    };
    result == 0 && present.sa_sigaction == libc::SIG_IGN
}
