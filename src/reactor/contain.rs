//! A panic below the handler: of a library that we stand on, of the host's logger, of our own.

use crate::reactor::events::CloseReason;
use crate::reactor::guarded;
use crate::reactor::net::{Net, Source};
use crate::reactor::slots::Key;
use std::io;

impl Net {
    /// Does some work for one source. **I12** A panic costs its peer, and nobody else. Guard:
    /// `a_panic_below_the_handler_costs_one_client` in `tests/reactor/contained.rs`.
    #[inline(always)]
    pub(super) fn contained(&mut self, key: Key, work: impl FnOnce(&mut Net)) {
        if !guarded(self, work) {
            self.contain_panic(key);
        }
    }

    #[cold]
    #[inline(never)]
    fn contain_panic(&mut self, key: Key) {
        // Output that it had not yet written is nobody else's.
        self.serving = Key::NONE;
        self.scratch.clear();
        match self.sources.get(key) {
            Some(Source::Stream(_)) => {
                let error = io::Error::other("a call on its behalf panicked");
                self.abort_stream(key, CloseReason::Io, Some(error));
            }
            Some(Source::Dial(_)) => drop(self.give_up_dial(key)),
            // What waits there is still to be taken, and whatever panics again must not cost a core.
            Some(Source::Listener(_)) => self.back_off_listener(key),
            Some(Source::Datagrams(_)) => {
                if self.datagram_batch_on == key {
                    self.datagram_batch.forget(); // or the next flush would meet it again
                }
                self.back_off_datagrams(key);
            }
            Some(Source::Watched(_)) => self.watch_again(key),
            None => {}
        }
    }
}
