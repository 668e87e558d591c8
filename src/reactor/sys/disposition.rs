//! What becomes of a signal.

/// Whether the process ignores this signal. What it ignores from its start on, whoever started it has wished so:
/// execve(2) sets caught signals back to their default, and leaves ignored ones alone.
pub(crate) fn is_ignored(signal: libc::c_int) -> bool {
    // SAFETY: all zeroes is a valid sigaction; without a new one, sigaction(2) only writes the present one to it.
    let (result, present) = unsafe {
        let mut present: libc::sigaction = std::mem::zeroed();
        (libc::sigaction(signal, std::ptr::null(), &raw mut present), present)
    };
    result == 0 && present.sa_sigaction == libc::SIG_IGN
}
