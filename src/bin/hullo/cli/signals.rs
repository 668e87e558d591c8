//! What signals may do to the process before a command has a say in it.

use nix::sys::signal::{SigSet, Signal};
use std::env;

/// Holds back what would end or stop the process for no good reason. To be called before anything else, so that nothing
/// comes before it.
///
/// A write past RLIMIT_FSIZE is an error like any other then (setrlimit(2)), and who asks us for counters that we do not
/// have gets none. A daemon has yet to read the config that SIGHUP asks it to read again, and goes on when it writes to
/// its terminal from the background (termios(3): TOSTOP).
pub fn hold_back() {
    let mut held = SigSet::from_iter([Signal::SIGXFSZ, Signal::SIGUSR1]);
    if env::args_os().nth(1).is_some_and(|command| command == "serve") {
        held.extend([Signal::SIGHUP, Signal::SIGTTOU]);
    }
    // It fails for no set of signals (pthread_sigmask(3)).
    let _ = held.thread_block();
}
