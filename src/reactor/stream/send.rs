//! What a handler sends: into the shared scratch, or behind what waits already.

use crate::reactor::events::CloseReason;
use crate::reactor::guarded;
use crate::reactor::net::streams::Sent;
use crate::reactor::net::{Net, Source};
use crate::reactor::slots::Key;
use crate::reactor::stream::Connection;
use crate::reactor::stream::flags::{ABOVE_HIGH, ABOVE_LOW, WRITABLE};
use crate::reactor::stream::outbox::Outbox;
use std::io;

/// What was written before its callback has ended.
pub(crate) struct WrittenThrough {
    key: Key,
    turn: u64,
    bytes: usize,
}

impl WrittenThrough {
    pub(crate) fn new() -> WrittenThrough {
        WrittenThrough { key: Key::NONE, turn: 0, bytes: 0 }
    }
}

impl Net {
    #[cold]
    #[inline(never)]
    pub(crate) fn send_with_care(&mut self, key: Key, bytes: &[u8]) -> Sent {
        if self.serving != key {
            return self.send_later(key, bytes);
        }
        let waiting = self.scratch.len() + bytes.len();
        if waiting < self.limits.outbox_high {
            self.scratch.extend_from_slice(bytes);
            return Sent::Queued(waiting);
        }
        self.write_through(key, bytes)
    }

    /// Writes the scratch, and `bytes` behind it, before the callback has ended. A handler that sends on and on is told
    /// of what it has sent in this turn even where the system took all of it: its own mark must stop it at some time.
    fn write_through(&mut self, key: Key, bytes: &[u8]) -> Sent {
        let all = self.scratch.len() + bytes.len();
        let mut taken = 0;
        if let Some(Source::Stream(conn)) = self.sources.get_mut(key) {
            self.stats.writes += 1;
            match conn.socket.send_vectored(&self.scratch, bytes) {
                Ok(n) => {
                    conn.bytes_out += n as u64;
                    conn.active = self.clock.now();
                    self.stats.bytes_out += n as u64;
                    taken = n;
                }
                Err(error) => {
                    self.stream_send_refused(key, error, bytes);
                    return Sent::Queued(self.stream(key).map_or(0, Connection::waiting));
                }
            }
        }
        self.keep_unsent(key, taken, bytes);
        Sent::Queued(match self.stream(key).map_or(0, Connection::waiting) {
            0 => self.count_written_through(key, all),
            waiting => waiting,
        })
    }

    fn count_written_through(&mut self, key: Key, bytes: usize) -> usize {
        let turn = self.stats.turns;
        if (self.written_through.key, self.written_through.turn) != (key, turn) {
            self.written_through = WrittenThrough { key, turn, bytes: 0 };
        }
        self.written_through.bytes += bytes;
        self.written_through.bytes
    }

    /// The system took nothing of the scratch and of what is `more`. Blocked, it is not tried again before the poller says so.
    /// Anything else ends the stream in the flush, which would not meet it again, since an error is told once; a read after it
    /// would find what looks like the end of the peer's output. Only a broken pipe is told each time, and after that end.
    #[cold]
    #[inline(never)]
    pub(crate) fn stream_send_refused(&mut self, key: Key, error: io::Error, more: &[u8]) {
        self.keep_unsent(key, 0, more);
        let Some(conn) = self.stream_mut(key) else { return };
        match (error.kind(), &mut conn.outbox) {
            (io::ErrorKind::WouldBlock, _) => conn.state.flags.clear(WRITABLE),
            (io::ErrorKind::BrokenPipe, _) | (_, None) => conn.state.flags.set(WRITABLE),
            (_, Some(outbox)) => {
                conn.state.flags.set(WRITABLE);
                outbox.broken = Some(error);
            }
        }
    }

    /// What was not taken waits: the send buffer is full, or the connection broken, and the flush finds out which.
    /// A handler that was told of more than the low mark may have stopped there, and is owed `output_low`, even if all
    /// was taken in the end.
    #[cold]
    #[inline(never)]
    pub(crate) fn keep_unsent(&mut self, key: Key, taken: usize, more: &[u8]) {
        let (low, high) = (self.limits.outbox_low, self.limits.outbox_high);
        let is_much = self.scratch.len() + more.len() > low;
        let rest = &self.scratch[taken.min(self.scratch.len())..];
        let more = &more[taken.saturating_sub(self.scratch.len())..];
        if let Some(Source::Stream(conn)) = self.sources.get_mut(key) {
            if is_much {
                conn.state.flags.set(ABOVE_LOW);
            }
            if !rest.is_empty() || !more.is_empty() {
                let outbox = conn.outbox.get_or_insert_with(Outbox::new);
                outbox.push(rest);
                outbox.push(more);
                outbox.moved = self.clock.now();
                if outbox.len() > high {
                    conn.state.flags.set(ABOVE_HIGH);
                }
                self.stop_serving_stream(key);
            }
        }
        self.scratch.clear();
        self.scratch.shrink_to(high.saturating_mul(4));
        self.mark_stream_dirty(key);
    }

    /// Sends where the scratch is not open for `key`: to the outbox, which is flushed when the turn ends.
    fn send_later(&mut self, key: Key, bytes: &[u8]) -> Sent {
        let (low, high, cap) = (self.limits.outbox_low, self.limits.outbox_high, self.limits.outbox_cap);
        let is_over_cap = match self.sources.get(key) {
            Some(Source::Stream(conn)) if !conn.state.may_send() => return Sent::Closing,
            Some(Source::Stream(conn)) => conn.waiting() > cap,
            Some(Source::Dial(_)) => return self.send_to_dial(key, bytes),
            _ => {
                self.stats.dead_ids += 1;
                return Sent::Gone;
            }
        };
        if is_over_cap && !self.make_outbox_room(key) {
            return Sent::Closing;
        }
        let Some(conn) = self.stream_mut(key) else { return Sent::Gone };
        if bytes.is_empty() && conn.outbox.is_none() {
            return Sent::Queued(0);
        }
        if conn.layered.is_some() {
            return self.send_to_layer(key, bytes);
        }
        let keeps_records = conn.keeps_records();
        let outbox = conn.outbox.get_or_insert_with(Outbox::new);
        let sent = outbox.take(bytes, keeps_records, low);
        if outbox.len() > high {
            conn.state.flags.set(ABOVE_HIGH);
        }
        if outbox.len() > low {
            conn.state.flags.set(ABOVE_LOW);
        }
        self.mark_stream_dirty(key);
        sent
    }

    /// More than the cap waits: what the system takes of it now makes room for the next send; otherwise the peer is
    /// doomed. It is asked even where it took nothing before, since a callback may have taken long.
    #[cold]
    fn make_outbox_room(&mut self, key: Key) -> bool {
        if let Some(conn) = self.stream_mut(key) {
            conn.state.flags.set(WRITABLE | ABOVE_LOW);
        }
        if !guarded(self, |net| net.seal_output(key)) {
            let error = io::Error::other("its layer panicked");
            self.abort_stream(key, CloseReason::Io, Some(error)); // whoever sends to it is not to blame
        }
        self.write_outbox(key);
        let cap = self.limits.outbox_cap;
        if self.stream(key).is_some_and(|conn| conn.waiting() > cap) {
            self.abort_stream(key, CloseReason::OverCap, None);
        }
        self.stream(key).is_some_and(|conn| conn.state.may_send())
    }
}
