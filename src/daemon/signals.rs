//! Signals, as one more descriptor on the loop.

use crate::{FdId, Net};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// The caught signals. A handler may do next to nothing, so it writes a byte into a socket pair of which the
/// reactor watches the other end.
pub(super) struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
    pub(super) fd: FdId,
}

impl Signals {
    pub(super) fn catch(net: &mut Net) -> io::Result<Signals> {
        let (read, write) = UnixStream::pair()?;
        let fd = net.watch(read.as_fd().try_clone_to_owned()?)?;
        let delivery = SignalDelivery::with_pipe(read, write, SignalOnly, [SIGTERM, SIGINT, SIGHUP])?;
        Ok(Signals { delivery, fd })
    }

    /// The signals that came since the last call, each once.
    pub(super) fn pending(&mut self) -> Vec<i32> {
        self.delivery.pending().collect()
    }
}
