//! Signals that end a fetch, as one more descriptor on the loop.

use crate::{FdId, Net};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// Catches what would end the process, so that it takes its unfinished files with it. Only where there are any: a
/// write to standard output may wait for ever, and must stay interruptible.
pub(super) struct Interrupt {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
    pub(super) fd: FdId,
}

impl Interrupt {
    pub(super) fn catch(net: &mut Net) -> io::Result<Interrupt> {
        let (read, write) = UnixStream::pair()?;
        let fd = net.watch(read.as_fd().try_clone_to_owned()?)?;
        let delivery = SignalDelivery::with_pipe(read, write, SignalOnly, [SIGTERM, SIGINT, SIGHUP])?;
        Ok(Interrupt { delivery, fd })
    }

    /// The signal that came, if one did.
    pub(super) fn pending(&mut self) -> Option<i32> {
        self.delivery.pending().next()
    }
}
