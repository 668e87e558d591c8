//! A stream with a layer between its wire and its handler.

use crate::reactor::address::Address;
use crate::reactor::dial::given_up;
use crate::reactor::events::{CloseReason, ConnectError};
use crate::reactor::guarded;
use crate::reactor::handler::Handler;
use crate::reactor::ids::ConnId;
use crate::reactor::net::streams::Sent;
use crate::reactor::net::{Net, Source};
use crate::reactor::slots::Key;
use crate::reactor::stream::flags::{ABOVE_HIGH, ABOVE_LOW, NO_SCRATCH, PAUSED, READABLE};
use crate::reactor::stream::layer::{Layer, LayerError, Progress};
use crate::reactor::stream::outbox::Outbox;
use crate::reactor::stream::receive::READ;
use crate::reactor::timers::{Tick, ticks};
use std::io;

/// What is kept of a stream for its layer. Its outbox holds what is on its way to the wire.
pub(crate) struct Layered {
    layer: Box<dyn Layer>,
    progress: Progress,
    /// What the handler has sent: until the turn is flushed, or the layer open.
    plain: Vec<u8>,
    /// What the peer has said, from here on, while the handler takes no more.
    held: Vec<u8>,
    held_from: usize,
    /// Why it can go on no longer, which is told behind what is held.
    ends_with: Option<LayerError>,
    /// The handler has paused reading; that counts once the layer is open.
    is_paused: bool,
    /// The handler was told that something waits, and will be told when nothing does.
    owes_low: bool,
    /// The layer was told that we say nothing more.
    is_finished: bool,
    /// When its handshake began.
    began: Tick,
    /// By when a call of ours has to be open in any case.
    call_ends: Tick,
    /// Why it has ended.
    failure: Option<io::Error>,
    /// Whom we have called, until that has come about.
    called: Option<Box<Called>>,
}

impl Layered {
    pub(crate) fn waiting(&self) -> usize {
        self.plain.len()
    }

    /// What only the peer keeps from leaving, and not the handshake.
    pub(crate) fn on_its_way(&self) -> usize {
        if self.is_in_handshake() { 0 } else { self.plain.len() }
    }

    /// Whether there may be something to be told once the handler reads again.
    pub(crate) fn may_have_more_to_tell(&self) -> bool {
        !self.held.is_empty() || self.has_peer_ended()
    }

    /// Takes down what the handler wants of reading, where that does not count yet: the handshake has to be read.
    pub(crate) fn pause_later(&mut self, paused: bool) -> bool {
        self.is_paused = paused;
        self.is_in_handshake()
    }

    pub(crate) fn is_in_handshake(&self) -> bool {
        self.progress == Progress::Handshake
    }

    pub(crate) fn has_peer_ended(&self) -> bool {
        self.progress == Progress::PeerEnded
    }

    pub(crate) fn layer(&self) -> &dyn Layer {
        &*self.layer
    }

    /// When its time for the handshake, of so many ticks or without end (0), is over, as long as that lasts.
    pub(crate) fn deadline(&self, limit: Tick) -> Option<Tick> {
        let end = if limit == 0 { Tick::MAX } else { self.began + limit };
        Some(end.min(self.call_ends)).filter(|end| self.is_in_handshake() && *end < Tick::MAX)
    }

    pub(crate) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// What `connect_failed` is to tell, of a call that has not come about.
    pub(crate) fn connect_error(
        &mut self,
        reason: CloseReason,
        error: Option<io::Error>,
    ) -> Option<ConnectError> {
        let Called { target, mut failures, reached, .. } = *self.called.take()?;
        let error = error.or(self.failure.take()).unwrap_or_else(|| match reason {
            CloseReason::ByUs | CloseReason::Drained => given_up(),
            CloseReason::Idle | CloseReason::WriteStalled => {
                io::Error::new(io::ErrorKind::TimedOut, reason.to_string())
            }
            _ => io::Error::other(reason.to_string()),
        });
        failures.push((reached, error));
        Some(ConnectError { target, failures })
    }
}

/// A connection of our own that a layer is put under: what has been asked of it so far.
pub(crate) struct Called {
    pub(crate) target: Address,
    /// What became of the addresses before the one that was reached.
    pub(crate) failures: Vec<(Address, io::Error)>,
    pub(crate) reached: Address,
    pub(crate) deadline: Tick,
}

/// Beginning.
impl Net {
    /// Puts a layer under a stream that is not opened yet, and lets it speak first if it wants to.
    pub(crate) fn put_layer_under(&mut self, key: Key, layer: Box<dyn Layer>, called: Option<Called>) {
        let (now, limit) = (self.clock.now(), ticks(self.limits.handshake));
        let Some(conn) = self.stream_mut(key) else { return };
        let outbox = conn.outbox.take();
        let (plain, owes_low) = outbox.map_or((Vec::new(), false), |outbox| outbox.into_bytes());
        let layered = conn.layered.insert(Box::new(Layered {
            layer,
            progress: Progress::Handshake,
            plain,
            held: Vec::new(),
            held_from: 0,
            ends_with: None,
            is_paused: conn.state.flags.has(PAUSED),
            owes_low,
            is_finished: false,
            began: now,
            call_ends: called.as_ref().map_or(Tick::MAX, |called| called.deadline),
            failure: None,
            called: called.map(Box::new),
        }));
        let deadline = layered.deadline(limit);
        conn.state.flags.set(NO_SCRATCH);
        conn.state.flags.clear(PAUSED | ABOVE_HIGH | ABOVE_LOW); // or the handshake could not be read
        if let Some(deadline) = deadline {
            self.set_stream_deadline(key, deadline);
        }
        if let Some(error) = self.receive_by_layer(key, &mut [], &mut Vec::new()) {
            self.fail_layer(key, error);
        }
    }

    /// The time for the handshake is over.
    pub(crate) fn layer_timed_out(&mut self, key: Key) {
        let error = io::Error::new(io::ErrorKind::TimedOut, "the handshake has taken too long");
        self.fail_layer(key, LayerError { reason: CloseReason::TlsHandshake, error });
    }

    /// Whether a stream has to wait for its next handshake step until the next turn: each may cost a signature.
    pub(crate) fn is_over_handshake_budget(&mut self, key: Key) -> bool {
        let is_step = self.layered_mut(key).is_some_and(|layered| layered.is_in_handshake());
        if !is_step {
            return false;
        }
        let turn = self.stats.turns;
        if self.handshakes.0 != turn {
            self.handshakes = (turn, 0);
        }
        self.handshakes.1 += 1;
        self.handshakes.1 > self.limits.handshakes
    }
}

/// The way in.
impl Net {
    /// Wire bytes have come: what they mean is told to the handler.
    pub(crate) fn hear_through_layer<H: Handler + ?Sized>(
        &mut self,
        handler: &mut H,
        key: Key,
        wire: &mut [u8],
    ) {
        let Some(conn) = self.stream_mut(key) else { return };
        if !conn.state.heard() {
            return;
        }
        let mut plain = std::mem::take(&mut self.plain_in);
        let failed = self.receive_by_layer(key, wire, &mut plain);
        if self.layered_mut(key).is_some_and(|layered| !layered.is_in_handshake()) {
            self.open_stream(handler, key);
        }
        let told = self.tell_plaintext(handler, key, &plain);
        if told < plain.len() {
            self.hold(key, plain[told..].to_vec(), 0);
        }
        plain.clear();
        plain.shrink_to(2 * READ);
        self.plain_in = plain;
        if let Some(layered) = self.layered_mut(key) {
            layered.ends_with = failed;
        }
        self.tell_end(handler, key);
    }

    /// The handler reads again: it is told what has come since it took no more.
    pub(crate) fn tell_what_was_held<H: Handler + ?Sized>(&mut self, handler: &mut H, key: Key) {
        let Some(layered) = self.layered_mut(key) else { return };
        let (held, from) = (std::mem::take(&mut layered.held), std::mem::take(&mut layered.held_from));
        let told = from + self.tell_plaintext(handler, key, &held[from..]);
        if told < held.len() {
            self.hold(key, held, told);
        }
        self.tell_end(handler, key);
    }

    /// Tells of plaintext, so much at a time as the handler wants to read, until it has paused or the peer owes it to take
    /// output. How much it was told.
    fn tell_plaintext<H: Handler + ?Sized>(&mut self, handler: &mut H, key: Key, plain: &[u8]) -> usize {
        let mut told = 0;
        while told < plain.len()
            && let Some(conn) = self.stream(key)
            && conn.state.may_be_told()
        {
            let most = self.read_most.min(conn.read_limit as usize);
            let end = plain.len().min(told + most);
            if !guarded(self, |net| handler.data(net, ConnId(key), &plain[told..end])) {
                self.abort_stream(key, CloseReason::HandlerPanicked, None);
            }
            told = end;
        }
        told
    }

    /// What the handler does not take now waits until it does; what nobody will hear of any more is dropped.
    fn hold(&mut self, key: Key, held: Vec<u8>, from: usize) {
        let Some(conn) = self.stream_mut(key).filter(|conn| conn.state.is_heard_of()) else { return };
        conn.state.flags.set(READABLE); // so that it is served again when it may be read
        if let Some(layered) = &mut conn.layered {
            (layered.held, layered.held_from) = (held, from);
        }
    }

    /// The peer's word that it has ended, or what is wrong with what it says, is told behind all that it has said, once.
    fn tell_end<H: Handler + ?Sized>(&mut self, handler: &mut H, key: Key) {
        let Some(conn) = self.stream_mut(key) else { return };
        let Some(layered) = conn.layered.as_mut().filter(|layered| layered.held.is_empty()) else { return };
        if let Some(error) = layered.ends_with.take() {
            return self.fail_layer(key, error);
        }
        let is_new = layered.has_peer_ended() && !conn.state.has_peer_ended() && conn.state.is_heard_of();
        if is_new && conn.state.flags.has(PAUSED | ABOVE_HIGH) {
            return conn.state.flags.set(READABLE);
        }
        if is_new && conn.state.peer_ended() {
            guarded(self, |net| handler.peer_eof(net, ConnId(key)));
            self.stream_sides_ended(key);
        }
    }

    /// The wire has come to its end. Whether the peer had announced it, or we do not listen any more.
    pub(crate) fn layer_takes_end_of_wire(&mut self, key: Key) -> bool {
        let Some(conn) = self.stream_mut(key) else { return true };
        if !conn.state.is_open() {
            return true;
        }
        let Some(layered) = &mut conn.layered else { return true };
        let Err(error) = layered.layer.wire_ended() else { return true };
        let _ = conn.state.peer_ended(); // the handler hears of the error in its place
        self.fail_layer(key, error);
        false
    }

    /// Has the layer take wire bytes; why it cannot go on, if so.
    fn receive_by_layer(&mut self, key: Key, wire: &mut [u8], plain: &mut Vec<u8>) -> Option<LayerError> {
        let Some(Source::Stream(conn)) = self.sources.get_mut(key) else { return None };
        let layered = conn.layered.as_mut()?;
        let mut wire_out = std::mem::take(&mut self.wire_out); // lost in a panic, and nobody else's
        let was_in_handshake = layered.is_in_handshake();
        let result = layered.layer.receive(wire, plain, &mut wire_out);
        if let Ok(progress) = result {
            layered.progress = progress;
        }
        if layered.is_finished {
            wire_out.clear(); // behind our end nobody listens
        }
        let is_new = was_in_handshake && !layered.is_in_handshake();
        if is_new {
            conn.state.flags.put(PAUSED, layered.is_paused);
        }
        if self.keep_wire_out(key, wire_out) || is_new {
            self.mark_stream_dirty(key);
        }
        result.err()
    }

    /// The layer can go on no longer: what it still has to say is flushed, and the stream closes.
    fn fail_layer(&mut self, key: Key, error: LayerError) {
        log::debug!("{:?}: {error}", ConnId(key));
        let Some(layered) = self.layered_mut(key) else { return };
        layered.failure = Some(error.error);
        layered.is_finished = true;
        self.begin_stream_close(key, error.reason);
    }
}

/// The way out.
impl Net {
    /// Sends through the layer: what is sent in one turn becomes as few records as it may.
    pub(crate) fn send_to_layer(&mut self, key: Key, bytes: &[u8]) -> Sent {
        let (low, high) = (self.limits.outbox_low, self.limits.outbox_high);
        let Some(conn) = self.stream_mut(key) else { return Sent::Gone };
        let is_stuck = conn.outbox.as_ref().is_some_and(|outbox| outbox.is_stuck());
        let Some(layered) = &mut conn.layered else { return Sent::Gone };
        layered.plain.extend_from_slice(bytes);
        let (waiting, on_its_way) = (conn.waiting(), conn.on_its_way());
        if on_its_way > high {
            conn.state.flags.set(ABOVE_HIGH);
        }
        if on_its_way > low {
            conn.state.flags.set(ABOVE_LOW);
        }
        let is_behind = waiting > low || is_stuck;
        if let Some(layered) = &mut conn.layered {
            layered.owes_low |= is_behind;
        }
        self.mark_stream_dirty(key);
        Sent::Queued(if is_behind { waiting } else { 0 })
    }

    /// What the handler has sent goes through the layer into the outbox, and behind it, where our side ends, the word that it
    /// does.
    pub(crate) fn seal_output(&mut self, key: Key) {
        let Some(Source::Stream(conn)) = self.sources.get_mut(key) else { return };
        let (ends, is_dead) = (!conn.state.may_send(), conn.state.is_dead());
        let Some(layered) = conn.layered.as_mut().filter(|layered| !layered.is_in_handshake()) else {
            return;
        };
        if is_dead {
            return;
        }
        let (mut sealed, mut wire_out) = (Ok(()), std::mem::take(&mut self.wire_out));
        if !layered.plain.is_empty() && layered.failure.is_none() {
            sealed = layered.layer.send(&layered.plain, &mut wire_out);
            if sealed.is_ok() {
                layered.plain = Vec::new();
            }
        }
        if ends && sealed.is_ok() && !std::mem::replace(&mut layered.is_finished, true) {
            layered.layer.finish(&mut wire_out);
        }
        self.keep_wire_out(key, wire_out);
        if let Err(error) = sealed {
            self.fail_layer(key, error);
        }
    }

    /// What the layer has to say goes into the outbox. Whether that was anything.
    fn keep_wire_out(&mut self, key: Key, mut wire_out: Vec<u8>) -> bool {
        let is_something = !wire_out.is_empty();
        if is_something
            && let Some(Source::Stream(conn)) = self.sources.get_mut(key)
            && !conn.state.is_dead()
        {
            let outbox = conn.outbox.get_or_insert_with(Outbox::new);
            outbox.push(&wire_out);
            if let Some(layered) = conn.layered.as_mut().filter(|layered| !layered.is_in_handshake()) {
                outbox.owes_low |= std::mem::take(&mut layered.owes_low);
            }
        }
        wire_out.clear();
        wire_out.shrink_to(self.limits.outbox_high.saturating_mul(4));
        self.wire_out = wire_out;
        is_something
    }

    fn layered_mut(&mut self, key: Key) -> Option<&mut Layered> {
        self.stream_mut(key)?.layered.as_deref_mut()
    }
}
