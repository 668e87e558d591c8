//! A stream's way out: the shared scratch, the outbox, its marks and its cap.

use super::closing::next_stall_look;
use super::connection::Phase;
use super::flags::{ABOVE_LOW, AWAITS_WRITABLE, DIRTY, FULL, PACKETS, READABLE, TOLD, WRITABLE};
use super::handler::{CloseReason, Handler};
use super::ids::ConnId;
use super::net::{Net, Source};
use super::outbox::{Flushed, Outbox};
use super::slots::Key;
use super::timers::ticks;
use std::io;

impl Net {
    /// Sends when the scratch is not open for `key`: to the outbox, which is flushed when the turn ends.
    #[cold]
    #[inline(never)]
    pub(super) fn send_later(&mut self, key: Key, bytes: &[u8]) -> usize {
        let (low, high) = (self.limits.outbox_low, self.limits.outbox_high);
        let Some(conn) = self.live_stream(key) else { return 0 };
        if !conn.may_send() || bytes.is_empty() {
            return conn.waiting();
        }
        let outbox = conn.outbox.get_or_insert_with(Outbox::new);
        if conn.flags.has(PACKETS) {
            outbox.push_record(bytes);
        } else {
            outbox.push(bytes);
        }
        let waiting = outbox.len();
        if waiting > high {
            conn.flags.set(FULL);
        }
        if waiting > low {
            conn.flags.set(ABOVE_LOW);
        }
        self.mark_dirty(key);
        waiting
    }

    /// Writes the scratch to the stream it was filled for; what the kernel does not take becomes its outbox.
    #[inline(always)]
    pub(super) fn write_scratch(&mut self, key: Key) {
        let mut taken = 0;
        if let Some(Source::Stream(conn)) = self.sources.get_mut(key)
            && conn.phase != Phase::Dead
        {
            self.stats.writes += 1;
            match conn.socket.send(&self.scratch) {
                Ok(n) => {
                    conn.bytes_out += n as u64;
                    conn.active = self.now;
                    self.stats.bytes_out += n as u64;
                    if n == self.scratch.len() && n <= self.limits.outbox_low {
                        return self.scratch.clear();
                    }
                    taken = n;
                }
                // Blocked: not tried again before the poller says so. Anything else the flush will meet again.
                Err(error) => conn.flags.put(WRITABLE, error.kind() != io::ErrorKind::WouldBlock),
            }
        }
        self.keep_rest(key, taken);
    }

    /// What was not taken waits: the send buffer is full, or the connection broken, and the flush finds out which.
    /// A handler that was told of more than the low mark may have stopped there, and is owed `output_low`, even if all
    /// was taken in the end.
    #[cold]
    #[inline(never)]
    fn keep_rest(&mut self, key: Key, taken: usize) {
        let (low, high) = (self.limits.outbox_low, self.limits.outbox_high);
        let rest = &self.scratch[taken..];
        if let Some(Source::Stream(conn)) = self.sources.get_mut(key) {
            if self.scratch.len() > low {
                conn.flags.set(ABOVE_LOW);
            }
            if !rest.is_empty() {
                let outbox = conn.outbox.get_or_insert_with(Outbox::new);
                outbox.push(rest);
                if outbox.len() > high {
                    conn.flags.set(FULL);
                }
                self.stop_serving(key);
            }
        }
        self.scratch.clear();
        self.scratch.shrink_to(high.saturating_mul(4));
        self.mark_dirty(key);
    }

    pub(super) fn mark_dirty(&mut self, key: Key) {
        if let Some(conn) = self.stream_mut(key)
            && conn.flags.raise(DIRTY)
        {
            self.dirty.push(key);
        }
    }

    /// Step 6: writes what the turn has left in outboxes.
    pub(super) fn flush<H: Handler + ?Sized>(&mut self, handler: &mut H) {
        self.send_datagrams();
        for key in std::mem::take(&mut self.dirty) {
            self.contained(key, |net| net.flush_and_tell(handler, key));
        }
    }

    /// The last pass of a turn: what `output_low` and `closed` callbacks have sent goes out, and nobody is called.
    pub(super) fn flush_quietly(&mut self) {
        self.send_datagrams();
        for key in std::mem::take(&mut self.dirty) {
            self.contained(key, |net| {
                if net.flush_stream(key) {
                    if let Some(conn) = net.stream_mut(key) {
                        conn.flags.set(ABOVE_LOW); // `output_low` is still owed, in the next turn
                    }
                    net.mark_dirty(key);
                }
            });
        }
    }

    pub(super) fn flush_and_tell<H: Handler + ?Sized>(&mut self, handler: &mut H, key: Key) {
        if self.flush_stream(key)
            && let Some(conn) = self.stream_mut(key).filter(|conn| conn.phase == Phase::Open)
        {
            if conn.flags.has(TOLD) {
                self.serve(key, |net| handler.output_low(net, ConnId(key)));
            } else {
                conn.flags.set(ABOVE_LOW); // `opened` comes first, in the next turn.
                self.mark_dirty(key);
            }
        }
    }

    /// Writes the outbox of one stream as far as the kernel takes it, judges the marks and the cap, and takes the
    /// next step of a close. Whether the output fell to the low mark.
    ///
    /// **I6** After `WouldBlock` nothing is written until the poller says writable. Guard:
    /// `a_blocked_peer_costs_no_turns_and_no_calls` in `tests/backpressure.rs`.
    fn flush_stream(&mut self, key: Key) -> bool {
        let (now, stats) = (self.now, &mut self.stats);
        let Some(Source::Stream(conn)) = self.sources.get_mut(key) else { return false };
        conn.flags.clear(DIRTY);
        if conn.phase == Phase::Dead {
            return false;
        }
        let mut broken = None;
        if let Some(outbox) = conn.outbox.as_mut().filter(|_| conn.flags.has(WRITABLE)) {
            let (taken, calls, flushed) = outbox.flush(&conn.socket);
            stats.writes += calls;
            stats.bytes_out += taken as u64;
            conn.bytes_out += taken as u64;
            if taken > 0 {
                conn.active = now;
            }
            match flushed {
                Flushed::All => conn.outbox = None,
                Flushed::Blocked => conn.flags.clear(WRITABLE),
                Flushed::Broken(error) => broken = Some(error),
            }
        }
        if let Some(error) = broken {
            self.fail(key, error);
            return false;
        }
        self.judge(key)
    }

    /// What follows from the amount of output that still waits.
    fn judge(&mut self, key: Key) -> bool {
        let limits = &self.limits;
        let (high, low, cap) = (limits.outbox_high, limits.outbox_low, limits.outbox_cap);
        let stall = ticks(limits.write_stall);
        let Some(Source::Stream(conn)) = self.sources.get_mut(key) else { return false };
        let waiting = conn.waiting();
        if waiting > cap {
            self.kill(key, CloseReason::OverCap, true);
            return false;
        }
        let was_full = conn.flags.has(FULL);
        conn.flags.put(FULL, waiting > high || (was_full && waiting > low));
        let reads_again = was_full && !conn.flags.has(FULL) && conn.flags.has(READABLE);
        let fell = conn.flags.has(ABOVE_LOW) && waiting <= low;
        conn.flags.put(ABOVE_LOW, waiting > low);
        let awaits = waiting > 0 && !conn.flags.has(WRITABLE) && !conn.socket.is_tcp();
        if awaits != conn.flags.has(AWAITS_WRITABLE) {
            conn.flags.put(AWAITS_WRITABLE, awaits);
            self.stats.registrations += 1;
            let interest = conn.socket.interest(awaits);
            let _ = self.poll.registry().reregister(conn.socket.source(), key.token(), interest);
        }
        let look_at = conn.outbox.as_mut().filter(|_| stall > 0).map(|outbox| {
            let now = self.clock.now(); // A callback may have taken long.
            if outbox.moved == 0 {
                outbox.moved = now;
            }
            next_stall_look(outbox.moved, stall, now)
        });
        if reads_again {
            self.enqueue(key);
        }
        if let Some(at) = look_at {
            self.advance_stream_deadline(key, at);
        } else if waiting == 0 {
            self.after_last_byte(key);
        }
        fell
    }
}
