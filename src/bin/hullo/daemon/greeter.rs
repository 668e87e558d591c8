//! The daemon as a handler: one greeting session per connection, one responder per datagram socket.

use super::counters::Counters;
use super::plan::{Plan, Summary, counted};
use super::reload::{Reload, Reread};
use super::sockets::Sockets;
use super::workers::Crew;
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
const GRACE: Duration = Duration::from_millis(25);

pub struct Greeter {
    pub plan: Plan,
    pub sockets: Sockets,
    clients: ConnMap<Session>,
    /// The delays that run.
    delays: ConnMap<TimerId>,
    voice: Voice,
    /// Of the first reactor.
    lead: Option<Lead>,
    /// Answers to datagrams are written here first.
    answer: Vec<u8>,
    /// Datagrams that were not answered, by reason.
    silences: [u64; Silence::ALL.len()],
    started: Instant,
    is_draining: bool,
    is_forced: bool,
}

/// What only the first reactor has: it hears the signals, and tells the others.
pub struct Lead {
    pub signals: Signals,
    pub reload: Reload,
    pub crew: Crew,
    /// Runs from the first signal to end until it is acted on.
    pub grace: Option<TimerId>,
}

/// Where a reactor says what it is asked for, and as which of several.
#[derive(Clone, Copy)]
pub struct Voice {
    pub say: fn(&str),
    pub number: Option<usize>,
}

/// The message that has a reactor say its counters.
pub struct SayCounters;

impl Greeter {
    pub fn new(plan: Plan, sockets: Sockets, voice: Voice, lead: Option<Lead>) -> Greeter {
        Greeter {
            plan,
            sockets,
            clients: ConnMap::new(),
            delays: ConnMap::new(),
            voice,
            lead,
            answer: Vec::new(),
            silences: [0; Silence::ALL.len()],
            started: Instant::now(),
            is_draining: false,
            is_forced: false,
        }
    }

    pub fn summary(&self, drained: Option<DrainReport>, stats: Stats) -> Summary {
        for (silence, count) in Silence::ALL.iter().zip(self.silences).filter(|(_, count)| *count > 0) {
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
    pub fn dismiss(&mut self, has_failed: bool) -> io::Result<Vec<Summary>> {
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

    /// The first signal to end, or one that comes after it.
    fn on_terminate(&mut self, net: &mut Net) {
        let Some(lead) = &mut self.lead else { return };
        // A farewell may have begun the drain: then this is the first signal all the same.
        if lead.grace.is_none() {
            lead.grace = Some(net.set_timer(GRACE, 0));
        } else if self.is_draining {
            log::warn!("second signal: stopping at once");
            self.is_forced = true;
            self.tell(Crew::stop);
            net.stop();
        }
    }

    fn drain(&mut self, net: &mut Net) {
        if std::mem::replace(&mut self.is_draining, true) {
            return;
        }
        let timeout = self.plan.drain;
        let clients = counted(net.stats().connections, "client");
        log::info!("draining {clients}, at most {timeout:?}");
        net.drain(timeout);
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
        if let Err(error) = lead.reload.begin(net.remote()) {
            log::error!("reload failed, nothing has changed: {error}");
        }
    }

    fn on_reread(&mut self, net: &mut Net, reread: Reread) {
        let is_asked_again = self.lead.as_mut().is_some_and(|lead| lead.reload.end());
        if self.is_draining {
            return log::warn!("reload ignored: draining");
        }
        match reread.0.and_then(|plan| self.turn_to(net, plan)) {
            Ok(changes) => {
                let shared = self.sockets.shared(net, &self.plan);
                self.tell(|crew| crew.turn_to(&shared));
                for line in changes.iter().chain(&self.sockets.announcements(net)) {
                    log::info!("reloaded: {line}");
                }
            }
            Err(error) => log::error!("reload failed, nothing has changed: {error}"),
        }
        if is_asked_again {
            self.on_hangup(net);
        }
    }

    fn turn_to(&mut self, net: &mut Net, plan: Plan) -> Result<Vec<String>, String> {
        let changes = self.sockets.exchange(net, &plan).map_err(|error| error.to_string())?;
        net.set_limits(plan.limits_of_one());
        if let Some(level) = plan.log_level {
            log::set_max_level(level);
        }
        self.plan = plan;
        Ok(changes)
    }

    fn say_counters(&self, net: &Net) {
        let counters = Counters {
            reactor: self.voice.number,
            uptime: self.started.elapsed(),
            most: net.limits().connections,
            stats: &net.stats(),
            silent: self.silences.iter().sum(),
        };
        (self.voice.say)(&counters.to_string());
    }
}

impl Handler for Greeter {
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
        if self.lead.as_ref().is_some_and(|lead| lead.grace == Some(timer)) {
            return self.drain(net);
        }
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
        log::debug!("{conn:?}: {closed} ({} bytes in, {} out)", closed.bytes_in, closed.bytes_out);
    }

    fn datagram(&mut self, net: &mut Net, udp: DatagramId, datagram: &Datagram<'_>) {
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
            net.close_datagrams(udp);
            if self.sockets.is_empty() {
                self.drain(net);
            }
        }
    }

    fn ready(&mut self, net: &mut Net, fd: FdId, _readiness: Readiness) {
        let Some(lead) = self.lead.as_mut().filter(|lead| lead.signals.fd == fd) else { return };
        for signal in lead.signals.pending() {
            match signal {
                SIGHUP => self.on_hangup(net),
                SIGUSR1 => {
                    self.say_counters(net);
                    self.tell(Crew::say_counters);
                }
                _ => self.on_terminate(net),
            }
        }
    }

    /// From the thread that has read the config again, and from the first reactor.
    fn message(&mut self, net: &mut Net, message: Box<dyn Any + Send>) {
        let message = match message.downcast::<Reread>() {
            Ok(reread) => return self.on_reread(net, *reread),
            Err(message) => message,
        };
        match message.downcast::<Plan>() {
            Ok(plan) => {
                if let Err(error) = self.turn_to(net, *plan) {
                    log::error!("one of the reactors keeps its old sockets: {error}");
                }
            }
            Err(_) => self.say_counters(net), // SayCounters is the only other one.
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
