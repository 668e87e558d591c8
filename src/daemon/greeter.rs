//! The daemon as a handler: one greeting session per connection, one responder per datagram socket.

use super::crew::Crew;
use super::plan::{Plan, Summary};
use super::sockets::Sockets;
use crate::greeting::{Dialect, Next, Session, Silence, Source, Verdict};
use crate::signals::Signals;
use crate::{Closed, ConnId, ConnMap, Datagram, DrainReport, FdId, Handler, Net, Origin, Readiness, Stats};
use crate::{TimerId, UdpId};
use signal_hook::consts::SIGHUP;
use std::any::Any;
use std::io;
use std::time::Instant;

pub(super) struct Greeter<'a> {
    pub(super) plan: Plan,
    pub(super) sockets: Sockets,
    clients: ConnMap<Session>,
    /// The delays that run.
    delays: ConnMap<TimerId>,
    /// Of the first reactor.
    lead: Option<Lead<'a>>,
    /// Answers to datagrams are written here first.
    answer: Vec<u8>,
    /// Datagrams that were not answered, by reason.
    silences: [u64; Silence::ALL.len()],
    started: Instant,
    is_draining: bool,
    is_forced: bool,
}

/// What only the first reactor has: it hears the signals, and tells the others.
pub(super) struct Lead<'a> {
    pub(super) signals: Signals,
    pub(super) reload: &'a mut dyn FnMut() -> Result<Plan, String>,
    pub(super) crew: Crew,
}

impl<'a> Greeter<'a> {
    pub(super) fn new(plan: Plan, sockets: Sockets, lead: Option<Lead<'a>>) -> Greeter<'a> {
        Greeter {
            plan,
            sockets,
            clients: ConnMap::new(),
            delays: ConnMap::new(),
            lead,
            answer: Vec::new(),
            silences: [0; Silence::ALL.len()],
            started: Instant::now(),
            is_draining: false,
            is_forced: false,
        }
    }

    pub(super) fn summary(&self, drained: Option<DrainReport>, stats: Stats) -> Summary {
        for (silence, count) in Silence::ALL.iter().zip(self.silences).filter(|(_, count)| *count > 0) {
            log::info!("datagrams not answered: {count} {silence}");
        }
        Summary {
            clients: stats.opened,
            datagrams: stats.datagrams_in,
            answered: stats.datagrams_out,
            peak: stats.connections_peak,
            uptime: self.started.elapsed(),
            // What a forced stop leaves open is cut as well.
            cut: drained.map_or(stats.connections, |report| report.cut),
            is_forced: self.is_forced,
        }
    }

    /// Waits for the other reactors, which end as this one has; at once where it has failed.
    pub(super) fn dismiss(&mut self, has_failed: bool) -> io::Result<Vec<Summary>> {
        let Some(lead) = &mut self.lead else { return Ok(Vec::new()) };
        if has_failed {
            lead.crew.stop();
        }
        lead.crew.join()
    }

    /// Lets the session of `conn` speak, and does what it says next.
    #[inline(never)]
    fn converse(
        &mut self,
        net: &mut Net,
        conn: ConnId,
        speak: impl FnOnce(&mut Session, Instant, &mut Vec<u8>) -> Next,
    ) {
        let Some(session) = self.clients.get_mut(conn) else { return };
        let now = net.now();
        let mut next = Next::Read;
        net.send_with(conn, |out| next = speak(session, now, out));
        if next != Next::Read || self.delays.get(conn).is_some() {
            self.follow(net, conn, next);
        }
    }

    #[cold]
    fn follow(&mut self, net: &mut Net, conn: ConnId, next: Next) {
        if let Some(delay) = self.delays.remove(conn) {
            net.cancel_timer(delay);
        }
        match next {
            Next::Read => {
                net.resume_reading(conn);
            }
            Next::Wait(until) => {
                net.pause_reading(conn);
                // The timer reads the clock itself: it may be late by what this turn took so far, never early.
                let wait = until.saturating_duration_since(net.now());
                self.delays.insert(conn, net.set_timer(wait, conn.to_bits()));
            }
            Next::Close(why) => {
                log::debug!("{conn:?}: closing: {why}");
                net.close(conn);
            }
        }
    }

    fn on_terminate(&mut self, net: &mut Net) {
        if self.is_draining {
            log::warn!("second signal: stopping at once");
            self.is_forced = true;
            self.tell(Crew::stop);
            return net.stop();
        }
        log::info!("draining {} clients, at most {:?}", net.stats().connections, self.plan.drain);
        self.is_draining = true;
        net.drain(self.plan.drain);
        let timeout = self.plan.drain;
        self.tell(|crew| crew.drain(timeout));
    }

    fn tell(&self, what: impl FnOnce(&Crew)) {
        if let Some(lead) = &self.lead {
            what(&lead.crew);
        }
    }

    fn on_hangup(&mut self, net: &mut Net) {
        if self.is_draining {
            return log::warn!("reload ignored: draining");
        }
        let Some(lead) = &mut self.lead else { return };
        let result = (lead.reload)().and_then(|plan| self.turn_to(net, plan));
        match result {
            Ok(()) => {
                let shared = self.sockets.shared(net, &self.plan);
                self.tell(|crew| crew.turn_to(&shared));
                let lines = self.sockets.announcements(net);
                lines.iter().for_each(|line| log::info!("reloaded: {line}"));
            }
            Err(error) => log::error!("reload failed, nothing has changed: {error}"),
        }
    }

    fn turn_to(&mut self, net: &mut Net, plan: Plan) -> Result<(), String> {
        self.sockets.exchange(net, &plan).map_err(|error| error.to_string())?;
        net.set_limits(plan.limits_of_one());
        self.plan = plan;
        Ok(())
    }
}

impl Handler for Greeter<'_> {
    #[inline]
    fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
        let Some(session) = self.clients.get_mut(conn) else { return };
        let mut is_answered = false;
        net.send_with(conn, |out| is_answered = session.answer_at_once(bytes, out));
        if !is_answered {
            self.converse(net, conn, |session, now, out| session.receive(bytes, now, out));
        }
    }

    fn opened(&mut self, net: &mut Net, conn: ConnId, origin: Origin) {
        let Origin::Listener(listener) = origin else { return };
        let Some(dialect) = self.sockets.dialect(listener).cloned() else { return };
        if log::log_enabled!(log::Level::Debug) {
            let peer = net.peer_addr(conn).map_or_else(|error| error.to_string(), |peer| peer.to_string());
            log::debug!("{conn:?}: opened by {peer} ({})", dialect.name());
        }
        if let Some(most) = read_limit(&dialect, net) {
            net.limit_reads(conn, most);
        }
        let mut session = Session::new(dialect);
        net.send_with(conn, |out| session.open(out));
        self.clients.insert(conn, session);
    }

    fn peer_eof(&mut self, net: &mut Net, conn: ConnId) {
        self.converse(net, conn, |session, now, out| session.peer_eof(now, out));
    }

    fn draining(&mut self, net: &mut Net, conn: ConnId) {
        self.converse(net, conn, |session, _, _| session.finish());
    }

    fn timeout(&mut self, net: &mut Net, timer: TimerId, key: u64) {
        let conn = ConnId::from_bits(key);
        if self.delays.get(conn) == Some(&timer) {
            self.converse(net, conn, |session, now, out| session.timeout(now, out));
        }
    }

    fn closed(&mut self, net: &mut Net, conn: ConnId, closed: Closed) {
        self.clients.remove(conn);
        if let Some(delay) = self.delays.remove(conn) {
            net.cancel_timer(delay);
        }
        log::debug!("{conn:?}: {} ({} bytes in, {} out)", closed.reason, closed.bytes_in, closed.bytes_out);
    }

    fn datagram(&mut self, net: &mut Net, udp: UdpId, datagram: &Datagram<'_>) {
        let Some(responder) = self.sockets.responder(udp) else { return };
        let from = match (datagram.from.as_socket(), datagram.from.unix_name()) {
            (Some(address), _) => Source::Inet(address),
            (None, Some(name)) => Source::Local(name),
            (None, None) => Source::Unnamed,
        };
        self.answer.clear();
        let verdict =
            responder.respond(datagram.bytes, datagram.truncated, from, net.now(), &mut self.answer);
        match verdict {
            Verdict::Answer | Verdict::AnswerAndStop => {
                net.reply(udp, datagram, &self.answer);
            }
            Verdict::Silent(silence) => {
                self.silences[silence as usize] += 1;
                log::trace!("datagram from {} not answered: {silence}", datagram.from);
            }
            Verdict::Stop => {}
        }
        if matches!(verdict, Verdict::AnswerAndStop | Verdict::Stop) {
            if let Some(address) = self.sockets.forget(net, udp) {
                log::info!("{address} closed by a farewell from {}", datagram.from);
            }
            net.close_udp(udp);
            if self.sockets.is_empty() {
                self.on_terminate(net);
            }
        }
    }

    fn ready(&mut self, net: &mut Net, fd: FdId, _readiness: Readiness) {
        let Some(lead) = self.lead.as_mut().filter(|lead| lead.signals.fd == fd) else { return };
        for signal in lead.signals.pending() {
            match signal {
                SIGHUP => self.on_hangup(net),
                _ => self.on_terminate(net),
            }
        }
    }

    /// The first reactor has gone over to another plan.
    fn message(&mut self, net: &mut Net, message: Box<dyn Any + Send>) {
        let Ok(plan) = message.downcast::<Plan>() else { return };
        if let Err(error) = self.turn_to(net, *plan) {
            log::error!("one of the reactors keeps its old sockets: {error}");
        }
    }
}

/// How much may be read at a time, where the reactor's own budget is too much: a delayed dialect looks at one
/// message at a time, and a long template must not turn one read into more output than may wait.
fn read_limit(dialect: &Dialect, net: &Net) -> Option<usize> {
    if dialect.has_delay() {
        return Some(dialect.max_message());
    }
    let limits = net.limits();
    let most = (limits.outbox_cap - limits.outbox_high) / dialect.growth().max(1);
    (most < limits.read_budget).then_some(most)
}
