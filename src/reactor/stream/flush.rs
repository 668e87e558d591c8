//! A stream's way out: the scratch is written, the outbox flushed, the marks judged.

use crate::reactor::guarded;
use crate::reactor::handler::Handler;
use crate::reactor::ids::ConnId;
use crate::reactor::net::{Net, Source};
use crate::reactor::slots::Key;
use crate::reactor::stream::Connection;
use crate::reactor::stream::deadlines::next_stall_look;
use crate::reactor::stream::flags::{ABOVE_HIGH, ABOVE_LOW, AWAITS_WRITABLE, DIRTY, READABLE, WRITABLE};
use crate::reactor::stream::outbox::Flushed;
use crate::reactor::timers::ticks;

impl Net {
    /// Runs a callback about one stream with the shared scratch buffer open for its output, and writes the scratch
    /// when it is done.
    pub(crate) fn call_for_stream(&mut self, key: Key, callback: impl FnOnce(&mut Net)) {
        if self.stream(key).is_some_and(Connection::may_use_scratch) {
            self.serving = key;
        }
        guarded(self, callback);
        self.end_stream_service(key);
    }

    #[inline(always)]
    pub(crate) fn end_stream_service(&mut self, key: Key) {
        self.serving = Key::NONE;
        if !self.scratch.is_empty() {
            self.write_scratch(key);
        }
    }

    /// Writes the scratch to the stream it was filled for; what the kernel does not take becomes its outbox.
    #[inline(always)]
    pub(crate) fn write_scratch(&mut self, key: Key) {
        let mut taken = 0;
        if let Some(Source::Stream(conn)) = self.sources.get_mut(key)
            && !conn.state.is_dead()
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
                Err(error) => return self.stream_send_refused(key, error, &[]),
            }
        }
        self.keep_unsent(key, taken, &[]);
    }

    pub(crate) fn mark_stream_dirty(&mut self, key: Key) {
        if let Some(conn) = self.stream_mut(key)
            && conn.state.flags.raise(DIRTY)
        {
            self.flush_list.push(key);
        }
    }

    /// The flush of a turn: writes what the turn has left in outboxes.
    pub(crate) fn flush<H: Handler + ?Sized>(&mut self, handler: &mut H) {
        self.contained(self.datagram_batch_on, Net::send_datagrams);
        for key in std::mem::take(&mut self.flush_list) {
            self.contained(key, |net| net.flush_stream_and_tell(handler, key));
        }
    }

    /// The last pass of a turn: what `output_low` and `closed` callbacks have sent goes out, and nobody is called.
    pub(crate) fn last_pass(&mut self) {
        self.contained(self.datagram_batch_on, Net::send_datagrams);
        for key in std::mem::take(&mut self.flush_list) {
            self.contained(key, |net| {
                if net.flush_stream(key) {
                    if let Some(conn) = net.stream_mut(key) {
                        conn.state.flags.set(ABOVE_LOW); // `output_low` is still owed, in the next turn
                    }
                    net.mark_stream_dirty(key);
                }
            });
        }
    }

    pub(crate) fn flush_stream_and_tell<H: Handler + ?Sized>(&mut self, handler: &mut H, key: Key) {
        if self.flush_stream(key)
            && let Some(conn) = self.stream_mut(key).filter(|conn| conn.state.is_open())
        {
            if conn.state.is_opened() {
                self.call_for_stream(key, |net| handler.output_low(net, ConnId(key)));
            } else {
                conn.state.flags.set(ABOVE_LOW); // `opened` comes first: in the next turn, or behind a handshake
                if !conn.is_in_handshake() {
                    self.mark_stream_dirty(key);
                }
            }
        }
    }

    /// Writes the outbox of one stream as far as the kernel takes it, judges the marks, and takes the next step of a
    /// close. Whether `output_low` is to be told.
    ///
    /// **I6** After `WouldBlock` nothing is written until the poller says writable. Guard:
    /// `a_blocked_peer_costs_no_turns_and_no_calls` in `tests/reactor/backpressure.rs`.
    fn flush_stream(&mut self, key: Key) -> bool {
        let Some(mut conn) = self.stream_mut(key) else { return false };
        if conn.layered.is_some() {
            self.seal_output(key);
            let Some(sealed) = self.stream_mut(key) else { return false };
            conn = sealed;
        }
        conn.state.flags.clear(DIRTY);
        let Some(outbox) = &conn.outbox else { return self.judge_stream_output(key, false) };
        let owes_low = outbox.owes_low;
        if conn.state.flags.has(WRITABLE) {
            self.write_outbox(key);
        }
        self.judge_stream_output(key, owes_low)
    }

    pub(crate) fn write_outbox(&mut self, key: Key) {
        let (now, stats) = (self.clock.now(), &mut self.stats);
        let Some(Source::Stream(conn)) = self.sources.get_mut(key) else { return };
        let Some(outbox) = conn.outbox.as_mut().filter(|_| !conn.state.is_dead()) else { return };
        let (taken, calls, flushed) = outbox.flush(&conn.socket);
        stats.writes += calls;
        stats.bytes_out += taken as u64;
        conn.bytes_out += taken as u64;
        if taken > 0 {
            conn.active = now;
        }
        match flushed {
            Flushed::All => conn.outbox = None,
            Flushed::Blocked => conn.state.flags.clear(WRITABLE),
            Flushed::Broken(error) => self.fail_stream(key, error),
        }
    }

    /// What follows from the amount of output that still waits.
    fn judge_stream_output(&mut self, key: Key, owes_low: bool) -> bool {
        let (high, low) = (self.limits.outbox_high, self.limits.outbox_low);
        let stall = ticks(self.limits.write_stall);
        let Some(Source::Stream(conn)) = self.sources.get_mut(key) else { return false };
        if conn.state.is_dead() {
            return false;
        }
        let waiting = conn.on_its_way();
        let was_full = conn.state.flags.has(ABOVE_HIGH);
        conn.state.flags.put(ABOVE_HIGH, waiting > high || (was_full && waiting > low));
        let reads_again = was_full && !conn.state.flags.has(ABOVE_HIGH) && conn.state.flags.has(READABLE);
        // Who was told of less than the low mark is told when nothing waits any more.
        let fell = waiting <= low && conn.state.flags.has(ABOVE_LOW) || waiting == 0 && owes_low;
        conn.state.flags.put(ABOVE_LOW, waiting > low);
        let awaits = waiting > 0 && !conn.state.flags.has(WRITABLE) && !conn.socket.is_tcp();
        if awaits != conn.state.flags.has(AWAITS_WRITABLE) {
            conn.state.flags.put(AWAITS_WRITABLE, awaits);
            self.stats.registrations += 1;
            let interest = conn.socket.interest(awaits);
            let _ = self.poller.reregister(&mut conn.socket, key.0, interest);
        }
        let look_at = conn.outbox.as_mut().map(|outbox| {
            let now = self.clock.now(); // A callback may have taken long.
            outbox.moved = if outbox.is_stuck() { outbox.moved } else { now };
            outbox.owes_low &= !fell;
            next_stall_look(outbox.moved, stall, now)
        });
        if reads_again {
            self.enqueue_source(key);
        }
        match look_at {
            Some(at) if stall > 0 => self.advance_stream_deadline(key, at),
            Some(_) => {}
            None => self.after_streams_last_byte(key),
        }
        fell
    }
}
