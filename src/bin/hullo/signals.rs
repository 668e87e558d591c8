//! Signals, as one more descriptor on the loop: for the daemon and for the clients, which may not meet.

use crate::process::is_ignored;
use hullo::{FdId, Net};
use nix::sys::signal::{SigSet, Signal};
use signal_hook::flag;
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Signals that come with one another are one.
const TOGETHER: Duration = Duration::from_millis(100);

/// The caught signals. A handler may do next to nothing, so it writes a byte into a socket pair of which the
/// reactor watches the other end.
pub struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
    pub fd: FdId,
    /// Those that were asked for, without what stays ignored.
    pub caught: Vec<i32>,
}

impl Signals {
    /// Catches these, and those of them that were held back until now; but what is ignored, as nohup(1) and a shell's
    /// background jobs have it, stays ignored.
    pub fn catch(net: &mut Net, signals: &[i32]) -> io::Result<Signals> {
        let (read, write) = UnixStream::pair()?;
        let fd = net.watch(read.as_fd().try_clone_to_owned()?)?;
        let caught: Vec<i32> = signals.iter().copied().filter(|&signal| !is_ignored(signal)).collect();
        let delivery = SignalDelivery::with_pipe(read, write, SignalOnly, &caught)?;
        let held_back: SigSet = caught.iter().filter_map(|&signal| Signal::try_from(signal).ok()).collect();
        held_back.thread_unblock()?;
        Ok(Signals { delivery, fd, caught })
    }

    /// The signals that came since the last call, each once.
    pub fn pending(&mut self) -> Vec<i32> {
        self.delivery.pending().collect()
    }
}

/// From now on each of the signals ends the process with the code 128 + signal, also where it waits for somebody to read what it
/// writes. A moment later, that is: what follows the signal that was heard last, as from timeout(1), which sends it twice,
/// ends nothing.
pub fn end_the_process_on(signals: &[i32]) -> io::Result<()> {
    let is_meant = Arc::new(AtomicBool::new(false));
    for &signal in signals.iter().filter(|&&signal| !is_ignored(signal)) {
        flag::register_conditional_shutdown(signal, 128 + signal, is_meant.clone())?;
    }
    thread::spawn(move || {
        thread::sleep(TOGETHER);
        is_meant.store(true, Ordering::SeqCst);
    });
    Ok(())
}
