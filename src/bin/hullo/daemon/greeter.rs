//! The daemon as a handler: one greeting session per connection, one responder per datagram socket.

use super::counters::{Counters, Reporter};
use super::message::DaemonMessage;
use super::plan::ServePlan;
use super::reload::Reloader;
use super::sockets::Sockets;
use super::summary::{Summary, counted};
use super::workers::Workers;
use crate::signals::Signals;
use hullo::greeting::{Dialect, Next, Sender, Session, Silence, Verdict};
use hullo::{Closed, ConnId, ConnMap, Datagram, DrainReport, FdId, Handler, Net, Origin, Readiness, Stats};
use hullo::{DatagramId, TimerId};
use signal_hook::consts::{SIGHUP, SIGUSR1};
use std::any::Any;
use std::io;
use std::time::{Duration, Instant};

/// Signals that come within this time of each other count as one: a shell may send SIGINT and a supervisor SIGTERM to the same
/// process at the same moment.
const SIGNAL_GRACE: Duration = Duration::from_millis(25);

/// One reactor of the daemon.
pub struct Greeter {
    plan: ServePlan,
    sockets: Sockets,
    sessions: ConnMap<Session>,
    /// The timers of the clients whose dialect makes them wait.
    delay_timers: ConnMap<TimerId>,
    reporter: Reporter,
    /// Only the first reactor has it.
    coordinator: Option<Coordinator>,
    /// The buffer in which the answer to a datagram is written before it is sent.
    answer_buffer: Vec<u8>,
    /// Datagrams that were not answered, by reason.
    unanswered: [u64; Silence::ALL.len()],
    started: Instant,
    is_draining: bool,
    is_forced: bool,
}

/// What the first reactor has beside the others: it catches the signals, reads the config again, and tells the workers.
pub struct Coordinator {
    pub signals: Signals,
    pub reloader: Reloader,
    pub workers: Workers,
    /// The timer that the first termination signal starts. When it fires, the drain begins.
    pub grace_timer: Option<TimerId>,
}

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
            // The clients that a forced stop leaves open are cut as well.
            cut: drained.map_or(stats.connections, |report| report.cut),
            is_forced: self.is_forced,
        }
    }

    /// Waits for the workers to end. They end as this reactor has ended; where it has failed, they are stopped at once.
    pub fn join_workers(&mut self, has_failed: bool) -> io::Result<Vec<Summary>> {
        let Some(coordinator) = &mut self.coordinator else { return Ok(Vec::new()) };
        if has_failed {
            coordinator.workers.stop();
        }
        coordinator.workers.join()
    }

    /// Lets the session of `conn` write its output, and does what the session wants done next.
    #[inline(never)]
    fn run_session(
        &mut self,
        net: &mut Net,
        conn: ConnId,
        step: impl FnOnce(&mut Session, Instant, &mut Vec<u8>) -> Next,
    ) {
        let Some(session) = self.sessions.get_mut(conn) else { return };
        let now = net.now();
        let mut next = Next::Read;
        net.send_with(conn, |out| next = step(session, now, out));
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
                // The timer reads the clock itself. So it may be late by what this turn has taken so far, and is never early.
                let wait = until.saturating_duration_since(net.now());
                self.delay_timers.insert(conn, net.set_timer(wait, conn.to_bits()));
            }
            Next::Close(why) => {
                log::debug!("{conn:?}: closing: {why}");
                net.close(conn);
            }
        }
    }

    /// SIGTERM or SIGINT has come. The first one begins the drain, and one that comes during the drain ends it at once.
    fn on_termination_signal(&mut self, net: &mut Net) {
        let Some(coordinator) = &mut self.coordinator else { return };
        // A farewell may have begun the drain. This is then the first signal all the same.
        if coordinator.grace_timer.is_none() {
            coordinator.grace_timer = Some(net.set_timer(SIGNAL_GRACE, 0));
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
        let timeout = self.plan.drain_timeout;
        let clients = counted(net.stats().connections, "client");
        log::info!("draining {clients}, at most {timeout:?}");
        net.drain(timeout);
        self.tell_workers(|workers| workers.drain(timeout));
    }

    fn tell_workers(&self, command: impl FnOnce(&Workers)) {
        if let Some(coordinator) = &self.coordinator {
            command(&coordinator.workers);
        }
    }

    fn request_reload(&mut self, net: &mut Net) {
        if self.is_draining {
            return log::warn!("reload ignored: draining");
        }
        let Some(coordinator) = &mut self.coordinator else { return };
        if let Err(error) = coordinator.reloader.request(net.remote()) {
            log::error!("reload failed, nothing has changed: {error}");
        }
    }

    fn on_reloaded(&mut self, net: &mut Net, reloaded: Result<ServePlan, String>) {
        let is_requested_again =
            self.coordinator.as_mut().is_some_and(|coordinator| coordinator.reloader.finish());
        if self.is_draining {
            return log::warn!("reload ignored: draining");
        }
        match reloaded.and_then(|plan| self.switch_to(net, plan)) {
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
            datagrams_unanswered: self.unanswered.iter().sum(),
        };
        (self.reporter.print)(&counters.to_string());
    }
}

impl Handler for Greeter {
    // The reactor calls it in two places, and of these the one without a layer is worth a copy.
    #[inline(always)]
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
        if let Some(most) = read_limit(&dialect, net) {
            net.limit_reads(conn, most);
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
        if self.coordinator.as_ref().is_some_and(|coordinator| coordinator.grace_timer == Some(timer)) {
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

    fn datagram(&mut self, net: &mut Net, socket: DatagramId, datagram: &Datagram<'_>) {
        let Some(responder) = self.sockets.responder(socket) else { return };
        let from = match (datagram.from.as_socket(), datagram.from.unix_name()) {
            (Some(address), _) => Sender::Inet(address),
            (None, Some(name)) => Sender::Local(name),
            (None, None) => Sender::Unnamed,
        };
        self.answer_buffer.clear();
        let verdict =
            responder.respond(datagram.bytes, datagram.truncated, from, net.now(), &mut self.answer_buffer);
        match verdict {
            Verdict::Answer | Verdict::AnswerAndStop => {
                net.reply(socket, datagram, &self.answer_buffer);
            }
            Verdict::Silent(silence) => {
                self.unanswered[silence as usize] += 1;
                log::trace!("datagram from {} not answered: {silence}", datagram.from);
            }
            Verdict::Stop => {}
        }
        if matches!(verdict, Verdict::AnswerAndStop | Verdict::Stop) {
            if let Some(address) = self.sockets.forget(net, socket) {
                log::info!("{address} closed by a farewell from {}", datagram.from);
            }
            net.close_datagrams(socket);
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

    /// Every message of the daemon is a [`DaemonMessage`].
    fn message(&mut self, net: &mut Net, message: Box<dyn Any + Send>) {
        let Ok(message) = message.downcast::<DaemonMessage>() else { return };
        match *message {
            DaemonMessage::Reloaded(reloaded) => self.on_reloaded(net, reloaded),
            DaemonMessage::SwitchTo(plan) => {
                if let Err(error) = self.switch_to(net, plan) {
                    log::error!("one of the reactors keeps its old sockets: {error}");
                }
            }
            DaemonMessage::PrintCounters => self.print_counters(net),
        }
    }
}

/// How much may be read from a client at a time, where the budget of the reactor is too much for its dialect; `None` where it
/// is not. A delayed dialect takes one message at a time, and a long template must not turn one read into more output
/// than may wait in the outbox.
fn read_limit(dialect: &Dialect, net: &Net) -> Option<usize> {
    if dialect.has_delay() {
        return Some(dialect.max_message());
    }
    let limits = net.limits();
    let most = (limits.outbox_cap - limits.outbox_high) / dialect.growth().max(1);
    (most < limits.read_budget).then_some(most)
}
