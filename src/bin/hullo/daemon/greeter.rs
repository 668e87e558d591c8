//! The daemon as a handler: one greeting session per connection, one responder per datagram socket.

use super::counters::Counters;
use super::plan::{ServePlan, Summary, counted};
use super::reload::{Reloaded, Reloader};
use super::sockets::Sockets;
use super::workers::Workers;
use crate::signals::Signals;
use hullo::greeting::{Dialect, Next, Session, Silence, Source, Verdict};
use hullo::{Closed, ConnId, ConnMap, Datagram, DrainReport, FdId, Handler, Net, Origin, Readiness, Stats};
use hullo::{DatagramId, TimerId};
use signal_hook::consts::{SIGHUP, SIGUSR1};
use std::any::Any;
use std::io;
use std::time::{Duration, Instant};

/// Signals that come within this time mean the same end: a shell sends SIGINT where a supervisor sends SIGTERM, to one
/// process at one moment.
const SIGNAL_GRACE: Duration = Duration::from_millis(25);

pub struct Greeter {
    pub plan: ServePlan,
    pub sockets: Sockets,
    sessions: ConnMap<Session>,
    /// The delays that run.
    delay_timers: ConnMap<TimerId>,
    reporter: Reporter,
    /// Of the first reactor.
    coordinator: Option<Coordinator>,
    /// Answers to datagrams are written here first.
    answer_buffer: Vec<u8>,
    /// Datagrams that were not answered, by reason.
    unanswered: [u64; Silence::ALL.len()],
    started: Instant,
    is_draining: bool,
    is_forced: bool,
}

/// What only the first reactor has: it hears the signals, and tells the others.
pub struct Coordinator {
    pub signals: Signals,
    pub reload: Reloader,
    pub workers: Workers,
    /// Runs from the first signal to end until it is acted on.
    pub grace: Option<TimerId>,
}

/// Where a reactor says what it is asked for, and as which of several.
#[derive(Clone, Copy)]
pub struct Reporter {
    pub print: fn(&str),
    pub number: Option<usize>,
}

/// The message that has a reactor say its counters.
pub struct PrintCounters;

impl Greeter {
    pub fn new(
        plan: ServePlan,
        sockets: Sockets,
        reporter: Reporter,
        coordinator: Option<Coordinator>,
    ) -> Greeter {
        Greeter {
            plan,
            sockets,
            sessions: ConnMap::new(),
            delay_timers: ConnMap::new(),
            reporter,
            coordinator,
            answer_buffer: Vec::new(),
            unanswered: [0; Silence::ALL.len()],
            started: Instant::now(),
            is_draining: false,
            is_forced: false,
        }
    }

    pub fn summary(&self, drained: Option<DrainReport>, stats: Stats) -> Summary {
        for (silence, count) in Silence::ALL.iter().zip(self.unanswered).filter(|(_, count)| *count > 0) {
            log::info!("datagrams not answered: {count} {silence}");
        }
        Summary {
            clients: stats.opened,
            datagrams: stats.datagrams_in,
            answered: stats.datagrams_out,
            peak: stats.connections_peak,
            uptime: self.started.elapsed(),
            drain: drained.map_or(Duration::ZERO, |report| report.took),
            // What a forced stop leaves open is cut as well.
            cut: drained.map_or(stats.connections, |report| report.cut),
            is_forced: self.is_forced,
        }
    }

    /// Waits for the other reactors, which end as this one has; at once where it has failed.
    pub fn join_workers(&mut self, has_failed: bool) -> io::Result<Vec<Summary>> {
        let Some(coordinator) = &mut self.coordinator else { return Ok(Vec::new()) };
        if has_failed {
            coordinator.workers.stop();
        }
        coordinator.workers.join()
    }

    /// Lets the session of `conn` speak, and does what it says next.
    #[inline(never)]
    fn run_session(
        &mut self,
        net: &mut Net,
        conn: ConnId,
        speak: impl FnOnce(&mut Session, Instant, &mut Vec<u8>) -> Next,
    ) {
        let Some(session) = self.sessions.get_mut(conn) else { return };
        let now = net.now();
        let mut next = Next::Read;
        net.send_with(conn, |out| next = speak(session, now, out));
        if next != Next::Read || self.delay_timers.get(conn).is_some() {
            self.apply(net, conn, next);
        }
    }

    #[cold]
    fn apply(&mut self, net: &mut Net, conn: ConnId, next: Next) {
        if let Some(delay) = self.delay_timers.remove(conn) {
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
                self.delay_timers.insert(conn, net.set_timer(wait, conn.to_bits()));
            }
            Next::Close(why) => {
                log::debug!("{conn:?}: closing: {why}");
                net.close(conn);
            }
        }
    }

    /// The first signal to end, or one that comes after it.
    fn on_termination_signal(&mut self, net: &mut Net) {
        let Some(coordinator) = &mut self.coordinator else { return };
        // A farewell may have begun the drain: then this is the first signal all the same.
        if coordinator.grace.is_none() {
            coordinator.grace = Some(net.set_timer(SIGNAL_GRACE, 0));
        } else if self.is_draining {
            log::warn!("second signal: stopping at once");
            self.is_forced = true;
            self.tell_workers(Workers::stop);
            net.stop();
        }
    }

    fn drain(&mut self, net: &mut Net) {
        if std::mem::replace(&mut self.is_draining, true) {
            return;
        }
        let timeout = self.plan.drain;
        let sessions = counted(net.stats().connections, "client");
        log::info!("draining {sessions}, at most {timeout:?}");
        net.drain(timeout);
        self.tell_workers(|workers| workers.drain(timeout));
    }

    fn tell_workers(&self, what: impl FnOnce(&Workers)) {
        if let Some(coordinator) = &self.coordinator {
            what(&coordinator.workers);
        }
    }

    fn request_reload(&mut self, net: &mut Net) {
        if self.is_draining {
            return log::warn!("reload ignored: draining");
        }
        let Some(coordinator) = &mut self.coordinator else { return };
        if let Err(error) = coordinator.reload.request(net.remote()) {
            log::error!("reload failed, nothing has changed: {error}");
        }
    }

    fn on_reloaded(&mut self, net: &mut Net, reloaded: Reloaded) {
        let is_requested_again =
            self.coordinator.as_mut().is_some_and(|coordinator| coordinator.reload.finish());
        if self.is_draining {
            return log::warn!("reload ignored: draining");
        }
        match reloaded.0.and_then(|plan| self.switch_to(net, plan)) {
            Ok(changes) => {
                let shared = self.sockets.shared(net, &self.plan);
                self.tell_workers(|workers| workers.switch_to(&shared));
                for line in changes.iter().chain(&self.sockets.announcements(net)) {
                    log::info!("reloaded: {line}");
                }
            }
            Err(error) => log::error!("reload failed, nothing has changed: {error}"),
        }
        if is_requested_again {
            self.request_reload(net);
        }
    }

    fn switch_to(&mut self, net: &mut Net, plan: ServePlan) -> Result<Vec<String>, String> {
        let changes = self.sockets.switch_to(net, &plan).map_err(|error| error.to_string())?;
        net.set_limits(plan.limits_per_reactor());
        if let Some(level) = plan.log_level {
            log::set_max_level(level);
        }
        self.plan = plan;
        Ok(changes)
    }

    fn print_counters(&self, net: &Net) {
        let counters = Counters {
            reactor: self.reporter.number,
            uptime: self.started.elapsed(),
            connections_max: net.limits().connections,
            stats: &net.stats(),
            unanswered: self.unanswered.iter().sum(),
        };
        (self.reporter.print)(&counters.to_string());
    }
}

impl Handler for Greeter {
    #[inline]
    fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
        let Some(session) = self.sessions.get_mut(conn) else { return };
        let mut is_answered = false;
        net.send_with(conn, |out| is_answered = session.answer_at_once(bytes, out));
        if !is_answered {
            self.run_session(net, conn, |session, now, out| session.receive(bytes, now, out));
        }
    }

    fn opened(&mut self, net: &mut Net, conn: ConnId, origin: Origin) {
        let Origin::Listener(listener) = origin else { return };
        let Some(dialect) = self.sockets.dialect(listener).cloned() else { return };
        if log::log_enabled!(log::Level::Debug) {
            let peer = net.peer_addr(conn).map_or_else(|error| error.to_string(), |peer| peer.to_string());
            log::debug!("{conn:?}: opened by {peer} ({})", dialect.name());
        }
        if let Some(connections_max) = read_limit(&dialect, net) {
            net.limit_reads(conn, connections_max);
        }
        let mut session = Session::new(dialect);
        net.send_with(conn, |out| session.open(out));
        self.sessions.insert(conn, session);
    }

    fn peer_eof(&mut self, net: &mut Net, conn: ConnId) {
        self.run_session(net, conn, |session, now, out| session.peer_eof(now, out));
    }

    fn draining(&mut self, net: &mut Net, conn: ConnId) {
        self.run_session(net, conn, |session, _, _| session.finish());
    }

    fn timeout(&mut self, net: &mut Net, timer: TimerId, key: u64) {
        if self.coordinator.as_ref().is_some_and(|coordinator| coordinator.grace == Some(timer)) {
            return self.drain(net);
        }
        let conn = ConnId::from_bits(key);
        if self.delay_timers.get(conn) == Some(&timer) {
            self.run_session(net, conn, |session, now, out| session.timeout(now, out));
        }
    }

    fn closed(&mut self, net: &mut Net, conn: ConnId, closed: Closed) {
        self.sessions.remove(conn);
        if let Some(delay) = self.delay_timers.remove(conn) {
            net.cancel_timer(delay);
        }
        log::debug!("{conn:?}: {closed} ({} bytes in, {} out)", closed.bytes_in, closed.bytes_out);
    }

    fn datagram(&mut self, net: &mut Net, udp: DatagramId, datagram: &Datagram<'_>) {
        let Some(responder) = self.sockets.responder(udp) else { return };
        let from = match (datagram.from.as_socket(), datagram.from.unix_name()) {
            (Some(address), _) => Source::Inet(address),
            (None, Some(name)) => Source::Local(name),
            (None, None) => Source::Unnamed,
        };
        self.answer_buffer.clear();
        let verdict =
            responder.respond(datagram.bytes, datagram.truncated, from, net.now(), &mut self.answer_buffer);
        match verdict {
            Verdict::Answer | Verdict::AnswerAndStop => {
                net.reply(udp, datagram, &self.answer_buffer);
            }
            Verdict::Silent(silence) => {
                self.unanswered[silence as usize] += 1;
                log::trace!("datagram from {} not answered: {silence}", datagram.from);
            }
            Verdict::Stop => {}
        }
        if matches!(verdict, Verdict::AnswerAndStop | Verdict::Stop) {
            if let Some(address) = self.sockets.forget(net, udp) {
                log::info!("{address} closed by a farewell from {}", datagram.from);
            }
            net.close_datagrams(udp);
            if self.sockets.is_empty() {
                self.drain(net);
            }
        }
    }

    fn ready(&mut self, net: &mut Net, fd: FdId, _readiness: Readiness) {
        let Some(coordinator) = self.coordinator.as_mut().filter(|coordinator| coordinator.signals.fd == fd)
        else {
            return;
        };
        for signal in coordinator.signals.pending() {
            match signal {
                SIGHUP => self.request_reload(net),
                SIGUSR1 => {
                    self.print_counters(net);
                    self.tell_workers(Workers::print_counters);
                }
                _ => self.on_termination_signal(net),
            }
        }
    }

    /// From the thread that has read the config again, and from the first reactor.
    fn message(&mut self, net: &mut Net, message: Box<dyn Any + Send>) {
        let message = match message.downcast::<Reloaded>() {
            Ok(reloaded) => return self.on_reloaded(net, *reloaded),
            Err(message) => message,
        };
        match message.downcast::<ServePlan>() {
            Ok(plan) => {
                if let Err(error) = self.switch_to(net, *plan) {
                    log::error!("one of the reactors keeps its old sockets: {error}");
                }
            }
            Err(_) => self.print_counters(net), // SayCounters is the only other one.
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
    let connections_max = (limits.outbox_cap - limits.outbox_high) / dialect.growth().max(1);
    (connections_max < limits.read_budget).then_some(connections_max)
}
