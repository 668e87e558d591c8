//! Signals: held back from the start, and later caught as one more descriptor on the loop.

use crate::process::is_ignored;
use hullo::{FdId, Net};
use nix::sys::signal::{SigSet, Signal};
use signal_hook::flag;
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use std::env;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Signals that come within this time of each other count as one.
const BURST: Duration = Duration::from_millis(100);

/// Holds back the signals that would end or stop the process before a command has a say in it. It is called before anything
/// else in `main`.
///
/// With SIGXFSZ held back, a write past RLIMIT_FSIZE is an error like any other (setrlimit(2)). SIGUSR1 asks for counters, which
/// only a daemon has. A daemon also holds SIGHUP back until it has a config to read again, and SIGTTOU, so that it goes on
/// when it writes to its terminal from the background (termios(3): TOSTOP).
pub fn hold_back() {
    let mut held = SigSet::from_iter([Signal::SIGXFSZ, Signal::SIGUSR1]);
    if env::args_os().nth(1).is_some_and(|command| command == "serve") {
        held.extend([Signal::SIGHUP, Signal::SIGTTOU]);
    }
    // It fails for no set of signals (pthread_sigmask(3)).
    let _ = held.thread_block();
}

/// The caught signals. A signal handler may do next to nothing: it writes a byte into a socket pair, of which the reactor
/// watches the other end.
pub struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
    pub fd: FdId,
    /// The signals that are caught: those that were asked for, without the ignored ones.
    pub caught: Vec<i32>,
}

impl Signals {
    /// Catches these signals, and lets those through that were held back until now. A signal that the process ignores, as
    /// under nohup(1) or in a background job of a shell, stays ignored.
    pub fn catch(net: &mut Net, signals: &[i32]) -> io::Result<Signals> {
        let (read, write) = UnixStream::pair()?;
        let fd = net.watch(read.as_fd().try_clone_to_owned()?)?;
        let caught: Vec<i32> = signals.iter().copied().filter(|&signal| !is_ignored(signal)).collect();
        let delivery = SignalDelivery::with_pipe(read, write, SignalOnly, &caught)?;
        let held_back: SigSet = caught.iter().filter_map(|&signal| Signal::try_from(signal).ok()).collect();
        held_back.thread_unblock()?;
        Ok(Signals { delivery, fd, caught })
    }

    /// The signals that have come since the last call, each of them once.
    pub fn pending(&mut self) -> Vec<i32> {
        self.delivery.pending().collect()
    }
}

/// Makes each of the signals end the process with the code 128 + signal, even while it waits for somebody to read what it
/// writes. It takes effect after a moment: timeout(1) sends its signal twice, and the second one must not end anything.
pub fn end_the_process_on(signals: &[i32]) -> io::Result<()> {
    let is_meant = Arc::new(AtomicBool::new(false));
    for &signal in signals.iter().filter(|&&signal| !is_ignored(signal)) {
        flag::register_conditional_shutdown(signal, 128 + signal, is_meant.clone())?;
    }
    thread::spawn(move || {
        thread::sleep(BURST);
        is_meant.store(true, Ordering::SeqCst);
    });
    Ok(())
}
