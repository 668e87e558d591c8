//! Listeners: bounded accept, and what happens at the two limits, ours and the system's.

use crate::reactor::handler::Handler;
use crate::reactor::net::{Net, Source};
use crate::reactor::slots::Key;
use crate::reactor::socket::ListenSocket;
use crate::reactor::socket::files::SocketFile;
use crate::reactor::stream::layer::Layer;
use crate::reactor::sys;
use crate::reactor::timers::{Purpose, Tick, ticks};
use crate::reactor::warnings;
use std::io;
use std::os::fd::OwnedFd;

/// Makes a layer for a client.
pub(crate) type Layers = Box<dyn FnMut() -> io::Result<Box<dyn Layer>> + Send>;

pub(crate) struct Listener {
    pub(crate) socket: ListenSocket,
    /// It is bound to IPv6 and IPv4 at once, as `*`.
    pub(crate) is_dual: bool,
    /// It was opened as `tls://`.
    pub(crate) is_tls: bool,
    /// It is on the ready list.
    pub(crate) queued: bool,
    /// Clients may wait in it that came before its options were set, and so have not inherited them.
    pub(crate) has_early_clients: bool,
    /// How many more clients may wait in it who were there when a drain began.
    pub(crate) waiting: usize,
    /// It has stopped at a limit; the next close, or the timer, lets it try again.
    is_stalled: bool,
    /// It is pending while the listener backs off: events are ignored until it fires, and then accept is called.
    pub(crate) timer: Key,
    /// It makes what each client goes through.
    pub(crate) layers: Option<Layers>,
    /// It is dropped after the socket.
    pub(crate) file: Option<SocketFile>,
}

impl Listener {
    pub(crate) fn new(socket: ListenSocket, is_dual: bool, file: Option<SocketFile>) -> Box<Listener> {
        Box::new(Listener {
            socket,
            is_dual,
            is_tls: false,
            queued: false,
            has_early_clients: false,
            waiting: 0,
            is_stalled: false,
            timer: Key::NONE,
            layers: None,
            file,
        })
    }
}

/// One descriptor is held back, so that at the descriptor limit a client can still be accepted and dropped, which tells it
/// more than an unanswered handshake does.
pub(crate) struct Spare {
    descriptor: Option<OwnedFd>,
    last_shed: Option<Tick>,
}

impl Spare {
    pub(crate) fn new() -> Spare {
        let mut spare = Spare { descriptor: None, last_shed: None };
        spare.refill();
        spare
    }

    /// This fails when others were quicker to take the descriptor; the next back-off tries again.
    fn refill(&mut self) {
        if self.descriptor.is_none() {
            self.descriptor = sys::spare_descriptor().ok();
        }
    }
}

// **I9** At `connections` clients accepting stops and the rest stay in the backlog, until a close makes room: the
// listener then calls accept itself, since the backlog is not announced again. At the descriptor limit the spare
// descriptor sheds one client for each [`Limits::back_off`]. Guards, in `tests/reactor/descriptors.rs`:
// `at_the_limit_the_rest_wait_and_are_accepted_when_one_leaves` and
// `without_descriptors_the_served_stay_served_and_accept_rests`.
impl Net {
    pub(super) fn accept_clients<H: Handler + ?Sized>(&mut self, handler: &mut H, key: Key) {
        let errors_before = self.stats.accept_errors;
        for _ in 0..self.limits.accepts {
            let is_full = self.stats.connections >= self.limits.connections as u64;
            let Some(Source::Listener(listener)) = self.sources.get_mut(key) else { return };
            if is_full {
                return self.wait_for_room_for_clients(key);
            }
            listener.waiting = listener.waiting.saturating_sub(1);
            self.stats.accept_calls += 1;
            match listener.socket.accept() {
                Ok(socket) => {
                    if listener.has_early_clients {
                        socket.inherit(&listener.socket);
                    }
                    let has_layers = listener.layers.is_some();
                    match self.insert_stream(socket, key) {
                        Ok(conn) => self.contained(conn, |net| {
                            if has_layers {
                                net.put_listeners_layer_under(key, conn);
                            }
                            net.open_stream(handler, conn);
                        }),
                        Err(error) => {
                            log::warn!("a client was dropped: the poller does not take it: {error}");
                            self.stats.accept_errors += 1;
                        }
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return self.backlog_is_empty(key),
                Err(e) if sys::lacks_descriptors(&e) => return self.out_of_descriptors(key, &e),
                Err(e) if sys::lacks_memory(&e) => return self.back_off_listener_after(key, &e),
                // accept(2): errors already pending on the new socket are to be treated like EAGAIN by
                // trying again; the loop is bounded.
                Err(e) => {
                    log::debug!("accept: {e}");
                    self.stats.accept_errors += 1;
                }
            }
        }
        let errors = self.stats.accept_errors - errors_before;
        if errors < self.limits.accepts as u64 {
            self.enqueue_source(key);
        } else {
            self.back_off_listener_after(key, &io::Error::other("each try has failed"));
        }
    }

    /// A client of a listener with layers goes through one of its own.
    fn put_listeners_layer_under(&mut self, listener: Key, client: Key) {
        let Some(Source::Listener(listener)) = self.sources.get_mut(listener) else { return };
        let Some(layers) = &mut listener.layers else { return };
        match layers() {
            Ok(layer) => self.put_layer_under(client, layer, None),
            Err(error) => self.fail_stream(client, error),
        }
    }

    /// A drain closes a listener only here, so that whoever waited in the backlog is served before.
    #[inline]
    fn backlog_is_empty(&mut self, key: Key) {
        if let Some(Source::Listener(listener)) = self.sources.get_mut(key) {
            listener.has_early_clients = false;
        }
        if self.is_draining() {
            self.free_listener(key);
        } else {
            warnings::of_room(self);
        }
    }

    /// Those who come while a drain lasts are let in as long as there is room, and hold it up no longer.
    fn wait_for_room_for_clients(&mut self, key: Key) {
        if self.is_draining()
            && matches!(self.sources.get(key), Some(Source::Listener(listener)) if listener.waiting == 0)
        {
            self.free_listener(key);
            return;
        }
        self.stall_listener(key);
        if let Some(at) = warnings::of_the_limit(self)
            && let Some(Source::Listener(listener)) = self.sources.get_mut(key)
            && self.timers.deadline(listener.timer).is_none()
        {
            listener.timer = self.timers.set(at, 0, Purpose::Serve(key)).unwrap_or(Key::NONE);
        }
    }

    fn stall_listener(&mut self, key: Key) {
        if let Some(Source::Listener(listener)) = self.sources.get_mut(key)
            && !std::mem::replace(&mut listener.is_stalled, true)
        {
            self.stalled_listeners.push(key);
        }
    }

    fn out_of_descriptors(&mut self, key: Key, error: &io::Error) {
        let now = self.clock.now();
        let may_shed = self.spare.last_shed.is_none_or(|last| now >= last + ticks(self.limits.back_off));
        if may_shed
            && self.spare.descriptor.take().is_some()
            && let Some(Source::Listener(listener)) = self.sources.get_mut(key)
        {
            self.stats.accept_calls += 1;
            if let Ok(client) = listener.socket.accept() {
                drop(client);
                self.stats.shed += 1;
                self.spare.last_shed = Some(now);
                warnings::of_descriptors(self);
            }
            return self.back_off_listener(key);
        }
        self.back_off_listener_after(key, error);
    }

    fn back_off_listener_after(&mut self, key: Key, error: &io::Error) {
        warnings::of_back_off(self, error);
        self.back_off_listener(key);
    }

    pub(super) fn back_off_listener(&mut self, key: Key) {
        let at = self.clock.now() + ticks(self.limits.back_off);
        self.spare.refill();
        self.stall_listener(key);
        if let Some(Source::Listener(listener)) = self.sources.get_mut(key) {
            self.timers.cancel(listener.timer);
            listener.timer = self.timers.set(at, 0, Purpose::Serve(key)).unwrap_or(Key::NONE);
        }
    }

    /// Lets listeners that have stopped at a limit try again, since there is room.
    pub(super) fn resume_listeners(&mut self) {
        let mut stalled = std::mem::take(&mut self.stalled_listeners);
        if !stalled.is_empty() {
            stalled.rotate_left(1); // whoever took the last place is the last to try for the next
        }
        for key in stalled {
            if let Some(Source::Listener(listener)) = self.sources.get_mut(key) {
                listener.is_stalled = false;
                self.timers.cancel(listener.timer);
                self.enqueue_source(key);
            }
        }
    }

    /// Closes a listener; whether there was one. Its accepted clients live on.
    pub(super) fn free_listener(&mut self, key: Key) -> bool {
        self.take_listener(key).is_some()
    }

    /// Takes a listener off the loop.
    pub(super) fn take_listener(&mut self, key: Key) -> Option<Box<Listener>> {
        let Some(Source::Listener(_)) = self.sources.get(key) else { return None };
        let Some(Source::Listener(mut listener)) = self.sources.remove(key) else { return None };
        self.poller.deregister(&mut listener.socket);
        self.timers.cancel(listener.timer);
        self.listeners -= 1;
        self.look_for_end_of_drain();
        Some(listener)
    }
}
