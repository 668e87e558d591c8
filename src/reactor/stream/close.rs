//! A stream's end: half-close, lingering close, reset.

use crate::reactor::events::{CloseReason, Closed};
use crate::reactor::guarded;
use crate::reactor::handler::Handler;
use crate::reactor::ids::ConnId;
use crate::reactor::net::{Net, Source};
use crate::reactor::slots::Key;
use crate::reactor::stream::state::{LastByte, Phase, Step};
use crate::reactor::timers::ticks;
use std::io;
use std::time::Duration;

/// What asks for an end, or brings one.
impl Net {
    /// Starts a close: flush, FIN, discard, gone. Whether there was anything to close.
    pub(crate) fn begin_stream_close(&mut self, key: Key, reason: CloseReason) -> bool {
        let is_draining = self.is_draining();
        let Some(conn) = self.live_stream(key) else { return false };
        let step = conn.state.close(reason, is_draining);
        if step != Step::Nothing && conn.has_peer_announced_its_end() {
            conn.state.wire_goes_on();
        }
        self.perform_stream_step(key, step)
    }

    /// Starts the end of our side. Whether it was open.
    pub(crate) fn begin_stream_half_close(&mut self, key: Key) -> bool {
        if let Some(dial) = self.live_dial(key) {
            return !std::mem::replace(&mut dial.is_half_closed, true);
        }
        let Some(conn) = self.live_stream(key) else { return false };
        let step = conn.state.half_close();
        self.perform_stream_step(key, step)
    }

    /// Ends a stream with a reset, at once. `error`: what the system said.
    pub(crate) fn abort_stream(&mut self, key: Key, reason: CloseReason, error: Option<io::Error>) {
        let Some(conn) = self.stream_mut(key) else { return };
        if conn.state.abort(reason) == Step::Report {
            self.end_stream(key, error);
        }
    }

    /// The drain's time is up. Whether something was cut.
    pub(crate) fn cut_stream(&mut self, key: Key) -> bool {
        let Some(conn) = self.stream_mut(key) else { return false };
        let step = conn.state.cut();
        let is_cut = conn.state.is_opened() && matches!(conn.state.phase(), Phase::Dead { reset: true, .. });
        self.perform_stream_step(key, step) && is_cut
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn fail_stream(&mut self, key: Key, error: io::Error) {
        log::debug!("{:?}: {error}", ConnId(key));
        let Some(conn) = self.stream_mut(key) else { return };
        let reason = CloseReason::of(&error);
        if conn.state.failed(reason) == Step::Report {
            let is_why = conn.state.phase() == Phase::Dead { reason, reset: false };
            self.end_stream(key, is_why.then_some(error));
        }
    }

    /// Nothing waits in the outbox any more.
    pub(crate) fn after_streams_last_byte(&mut self, key: Key) {
        let (is_draining, linger) = (self.is_draining(), self.limits.linger);
        let Some(conn) = self.stream_mut(key) else { return };
        // What is to be sent cannot be said yet, nor that it is all.
        if conn.state.is_open() && conn.is_in_handshake() {
            return;
        }
        let is_settled = conn.state.asks_whether_settled() && conn.socket.is_settled();
        let step = conn.state.last_byte_left(LastByte { is_settled, is_draining, linger });
        self.perform_stream_step(key, step);
    }

    /// The handler was told of the peer's end, or our FIN is out.
    pub(crate) fn stream_sides_ended(&mut self, key: Key) {
        let Some(conn) = self.stream_mut(key) else { return };
        if conn.has_peer_announced_its_end() && conn.state.have_both_ended() {
            self.begin_stream_close(key, CloseReason::PeerClosed);
            return;
        }
        let step = conn.state.sides_ended();
        self.perform_stream_step(key, step);
    }
}

/// What is done about it.
impl Net {
    /// Performs what the state of a stream has decided. Whether that was anything.
    #[inline(always)] // each event knows what few steps may follow
    pub(crate) fn perform_stream_step(&mut self, key: Key, step: Step) -> bool {
        match step {
            Step::Nothing => return false,
            Step::Flush { discard } => {
                self.stop_serving_stream(key);
                self.mark_stream_dirty(key);
                if discard {
                    self.enqueue_source(key);
                }
            }
            Step::SendFin => self.send_streams_fin(key),
            Step::Linger { wait, send_fin, discard } => self.linger_stream(key, wait, send_fin, discard),
            Step::Report => self.end_stream(key, None),
        }
        true
    }

    #[cold]
    fn linger_stream(&mut self, key: Key, wait: Duration, send_fin: bool, discard: bool) {
        if discard {
            self.enqueue_source(key);
        }
        self.set_stream_deadline(key, self.clock.now() + ticks(wait)); // a callback may have taken long
        if send_fin {
            self.send_streams_fin(key);
        }
    }

    #[cold]
    fn send_streams_fin(&mut self, key: Key) {
        let Some(conn) = self.stream_mut(key) else { return };
        match conn.socket.shutdown_write() {
            Ok(()) => self.stream_sides_ended(key),
            Err(error) => self.fail_stream(key, error),
        }
    }

    /// The scratch stays with the stream it was filled for; it only takes no more.
    pub(crate) fn stop_serving_stream(&mut self, key: Key) {
        if self.serving == key {
            self.serving = Key::NONE;
        }
    }

    /// The end, as far as the network goes; the handler hears of it in the report.
    ///
    /// **I2** Slot and descriptor are freed only after the batch, so that an event of the same batch still finds
    /// a dead connection in its place, and not a newer one. Guard: `a_closes_b_while_bs_event_waits` in
    /// `reactor::tests`.
    fn end_stream(&mut self, key: Key, error: Option<io::Error>) {
        self.stop_serving_stream(key);
        self.closed_list.push((key, error));
    }

    /// The report of a turn: tells of what closed, and frees it.
    pub(crate) fn report_closed<H: Handler + ?Sized>(&mut self, handler: &mut H) {
        for (key, error) in std::mem::take(&mut self.closed_list) {
            self.report_dial(handler, key);
            let Some(conn) = self.stream_mut(key) else { continue };
            let Phase::Dead { reason, .. } = conn.state.phase() else { continue };
            if !conn.state.is_opened() {
                let layered = conn.layered.as_mut();
                if let Some(error) = layered.and_then(|layered| layered.connect_error(reason, error)) {
                    self.tell_connect_failed(handler, key, &error);
                }
                self.contained(key, |net| net.free_stream(key));
                continue;
            }
            let failure = conn.layered.as_mut().and_then(|layered| layered.take_failure());
            let closed = Closed {
                reason,
                bytes_in: conn.bytes_in,
                bytes_out: conn.bytes_out,
                unsent: conn.waiting() as u64,
                error: error.or(failure),
            };
            self.stats.closed += 1;
            guarded(self, |net| handler.closed(net, ConnId(key), closed));
            self.contained(key, |net| net.free_stream(key));
        }
    }

    fn free_stream(&mut self, key: Key) {
        let Some(Source::Stream(mut conn)) = self.sources.remove(key) else { return };
        if let Phase::Dead { reset: true, .. } = conn.state.phase() {
            conn.socket.reset_on_close();
        }
        // Closing takes a socket off epoll only with the last descriptor that it has, and others may have been made: a clone,
        // or those of a process that was forked.
        self.poller.deregister(&mut conn.socket);
        self.timers.cancel(conn.timer);
        self.stats.connections -= 1;
        if self.stats.connections == 0 {
            self.timers.cancel(self.idle_timer);
        }
        if let Some(layered) = conn.layered.take() {
            guarded(self, |_| drop(layered)); // it is the user's, and may panic
        }
        drop(conn);
        self.resume_listeners();
        self.look_for_end_of_drain();
    }
}
