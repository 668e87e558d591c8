//! The generator as a handler: its phases, its timers, and who is told what.

use crate::load::books::ledger::Ledger;
use crate::load::books::outcome::{Connections, Interval, Phase};
use crate::load::clients::client::{Kind, Lanes, Stage, State};
use crate::load::clients::lost::Lost;
use crate::load::clients::ramp::Ramp;
use crate::load::engine::heartbeat::Heartbeat;
use crate::load::engine::intervals::Seconds;
use crate::load::engine::pace::Pace;
use crate::load::engine::progress::Progress;
use crate::load::plan::Plan;
use crate::load::text::buffer::Buffer;
use crate::load::text::cache::Cache;
use crate::load::text::template::Seed;
use crate::signals::Signals;
use hullo::{Closed, ConnId, ConnMap, ConnectError, Datagram, FdId, Handler, Net, Origin, Readiness};
use hullo::{DatagramId, TimerId};
use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant, SystemTime};

/// Timers. The number of a client may stand above the low byte.
pub(crate) const PUMP: u64 = 1;
pub(crate) const DEADLINE: u64 = 2;
pub(crate) const HANDSHAKE: u64 = 3;
pub(crate) const RAMP: u64 = 4;
pub(crate) const REST: u64 = 5;
pub(crate) const UNSENT: u64 = 6;
pub(crate) const FAREWELL: u64 = 10;
pub(crate) const SECOND: u64 = 7;
pub(crate) const PHASE: u64 = 8;
const PROGRESS: u64 = 9;
const HEARTBEAT: u64 = 11;

pub(crate) struct Driver<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) is_datagram: bool,
    /// Which of the plan's targets new clients go to.
    pub(crate) target: usize,
    /// See [`take_turns`](Driver::take_turns).
    pub(crate) is_windowed: bool,
    pub(crate) lanes: Lanes,
    /// Measured requests that are under way no more.
    pub(crate) lost: Lost,
    /// Which client a connection or socket is of; ids of both are unique together.
    pub(crate) owners: ConnMap<u32>,
    pub(crate) pace: Pace,
    pub(crate) ramp: Ramp,
    pub(crate) ledger: Ledger,
    pub(crate) seconds: Seconds,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) connections: Connections,
    pub(crate) alive_now: u64,
    pub(crate) phase: Phase,
    pub(crate) is_over: bool,
    pub(crate) origin: Instant,
    /// The beginning of this turn, counted from the origin; a callback that takes long moves it.
    pub(crate) now: u64,
    /// A callback has run in this turn.
    has_worked: bool,
    pub(crate) requests: Cache<'a>,
    pub(crate) replies: Cache<'a>,
    /// What was due when something else came.
    pub(crate) expected: Buffer,
    /// What follows `c12-7` in each datagram of this run.
    pub(crate) mark: Vec<u8>,
    /// What has come of wrong replies that are not whole yet.
    pub(crate) stashes: HashMap<u32, Vec<u8>>,
    deadline_is_armed: bool,
    pub(crate) handshake_is_armed: bool,
    /// Names the timer of a phase, so that one of a phase before is told from it.
    pub(crate) generation: u64,
    pub(crate) second: Option<TimerId>,
    pub(crate) phase_began: u64,
    /// What was sent when somebody last looked whether anything moves.
    pub(crate) sent_before: u64,
    signals: Signals,
    pub(crate) signal: Option<i32>,
    pub(crate) progress: &'a mut Progress,
    /// Hears of each second.
    pub(crate) tell: &'a mut dyn FnMut(&Interval),
    pub(crate) began: SystemTime,
    pub(crate) measured: (u64, u64),
    /// Sentences on what went wrong, and on what else a reader must know.
    pub(crate) faults: Vec<String>,
    pub(crate) notes: Vec<String>,
    /// There was nobody left to ask.
    pub(crate) ended_early: bool,
    /// Replies that had come when somebody last looked, and when there was last one more.
    pub(crate) answered: (u64, u64),
    pub(crate) receive_drops: u64,
}

impl<'a> Driver<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        signals: Signals,
        progress: &'a mut Progress,
        tell: &'a mut dyn FnMut(&Interval),
    ) -> Driver<'a> {
        // Of a request with a connection of its own both times are known in a closed loop as well.
        let is_same_time = plan.rate.is_none() && !plan.churn;
        let is_datagram = plan.is_datagram();
        Driver {
            plan,
            is_datagram,
            target: 0,
            lanes: Lanes::new(plan.clients, plan.outstanding, !is_datagram),
            lost: Lost::new(),
            is_windowed: is_datagram && plan.rate.is_none(),
            owners: ConnMap::new(),
            pace: Pace::new(plan.clients),
            ramp: Ramp::default(),
            ledger: Ledger::new(is_same_time),
            seconds: Seconds::default(),
            heartbeat: Heartbeat::default(),
            connections: Connections { asked: plan.clients as u64, ..Connections::default() },
            alive_now: 0,
            phase: Phase::Ramp,
            is_over: false,
            origin: Instant::now(),
            now: 0,
            has_worked: false,
            requests: Cache::new(&plan.script.request, Seed(plan.seed), plan.clients),
            replies: Cache::new(&plan.script.reply, Seed(plan.seed), plan.clients),
            expected: Buffer::default(),
            mark: format!("-{:08x}", Seed(plan.seed).mark()).into_bytes(),
            stashes: HashMap::new(),
            deadline_is_armed: false,
            handshake_is_armed: false,
            generation: 0,
            second: None,
            phase_began: 0,
            sent_before: 0,
            signals,
            signal: None,
            progress,
            tell,
            began: SystemTime::now(),
            measured: (0, 0),
            faults: Vec::new(),
            notes: Vec::new(),
            ended_early: false,
            answered: (0, 0),
            receive_drops: 0,
        }
    }

    pub(crate) fn begin(&mut self, net: &mut Net) {
        self.second = Some(net.set_interval(Duration::from_secs(1), SECOND));
        self.seconds.expect_ticks(self.clock());
        self.start_heartbeat(net, HEARTBEAT);
        if let Some(every) = self.progress.interval() {
            net.set_interval(every, PROGRESS);
        }
        if self.plan.churn {
            return self.warm_up(net); // Every request brings its own connection.
        }
        self.ramp_on(net);
    }

    pub(crate) fn clock(&self) -> u64 {
        nanoseconds(self.origin.elapsed())
    }

    /// After each turn, for the longest of them.
    pub(crate) fn end_of_turn(&mut self) {
        if std::mem::take(&mut self.has_worked) {
            let length = self.clock().saturating_sub(self.now);
            self.seconds.note_turn(Duration::from_nanos(length));
            if length > nanoseconds(self.plan.timeout) / 2 {
                self.date_anew(self.now);
            }
        }
    }

    /// We stood still in the middle of a turn, and what it sends may have left at its end only: the time that a server has
    /// for an answer begins then.
    #[cold]
    fn date_anew(&mut self, began: u64) {
        let now = self.clock();
        let places: Vec<u32> = self.lanes.deadlines.backwards().collect();
        for place in places {
            let flight = self.lanes.flight(place);
            if flight.sent < began {
                return;
            }
            flight.sent = now;
        }
    }

    /// Every callback begins with this. Replies are dated with the beginning of the turn: by then they had arrived.
    #[inline]
    fn wake(&mut self, net: &Net) {
        if !std::mem::replace(&mut self.has_worked, true) {
            self.now = self.now.max(nanoseconds(net.now().saturating_duration_since(self.origin)));
        }
    }

    #[inline]
    pub(crate) fn arm_deadline(&mut self, net: &mut Net) {
        if !self.deadline_is_armed {
            self.deadline_is_armed = true;
            net.set_timer(self.plan.timeout, DEADLINE);
        }
    }

    /// What had come by then has been read. A deadline is judged by no later time, or a pause of our own would be charged
    /// to the server.
    pub(crate) fn heard_until(&self, net: &Net) -> u64 {
        nanoseconds(net.heard_until().saturating_duration_since(self.origin))
    }

    /// Some requests may have waited for too long. They all wait equally long, so that one timer does.
    fn deadlines(&mut self, net: &mut Net) {
        self.deadline_is_armed = false;
        let (timeout, heard) = (nanoseconds(self.plan.timeout), self.heard_until(net));
        while let Some(place) = self.lanes.deadlines.first() {
            let sent = self.lanes.flight(place).sent;
            if sent + timeout > heard {
                self.deadline_is_armed = true;
                let wait = Duration::from_nanos((sent + timeout).saturating_sub(self.clock()));
                net.set_timer(wait, DEADLINE);
                return;
            }
            self.overdue(net, place);
        }
    }

    fn overdue(&mut self, net: &mut Net, place: u32) {
        let lane = self.lanes.lane_of(place);
        let flight = *self.lanes.flight(place);
        match flight.kind {
            Kind::Proof if self.is_datagram => {
                self.lanes.finish(lane, place);
                if self.lanes.lane(lane).stage == Stage::Proving {
                    self.send(net, lane, Kind::Proof, self.now, false);
                }
            }
            Kind::Proof => self.lanes.stop_waiting(lane, place, State::Overdue),
            Kind::Farewell => {
                self.lanes.finish(lane, place);
                net.abort(ConnId::from_bits(self.lanes.lane(lane).id));
            }
            Kind::Request => {
                if self.is_datagram {
                    self.lanes.finish(lane, place);
                } else {
                    self.lanes.stop_waiting(lane, place, State::Overdue);
                }
                if flight.is_measured {
                    self.ledger.timed_out(self.now - flight.planned, self.now - flight.sent);
                    if self.is_datagram {
                        self.remember_lost(lane, flight.sequence);
                    }
                }
                self.lanes.lane(lane).free_since = self.now;
                self.give_up_overtaken(lane);
                if self.plan.churn {
                    self.give_up_session(net, lane);
                } else {
                    self.offer(net, lane);
                }
                self.check_end(net);
            }
        }
    }

    fn stop_by(&mut self, net: &mut Net, signal: i32) {
        self.signal.get_or_insert(signal);
        self.finish(net);
    }
}

pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos().into())
}

impl Handler for Driver<'_> {
    #[inline]
    fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
        self.wake(net);
        if let Some(&lane) = self.owners.get(conn) {
            self.hear(net, lane, bytes);
        }
    }

    fn opened(&mut self, net: &mut Net, conn: ConnId, _origin: Origin) {
        self.wake(net);
        if let Some(&lane) = self.owners.get(conn) {
            self.connected(net, lane);
        }
    }

    fn connect_failed(&mut self, net: &mut Net, conn: ConnId, error: &ConnectError) {
        self.wake(net);
        if let Some(lane) = self.owners.remove(conn) {
            self.session_failed(net, lane, &cause(error.failures().last().map(|(_, error)| error)));
        }
    }

    fn closed(&mut self, net: &mut Net, conn: ConnId, closed: Closed) {
        self.wake(net);
        if let Some(lane) = self.owners.remove(conn) {
            self.session_over(net, lane, closed.reason);
        }
    }

    fn datagram(&mut self, net: &mut Net, udp: DatagramId, datagram: &Datagram<'_>) {
        self.wake(net);
        if let Some(&lane) = self.owners.get(ConnId::from_bits(udp.to_bits())) {
            self.receive(net, lane, datagram.bytes, datagram.truncated);
        }
    }

    fn datagram_error(&mut self, net: &mut Net, udp: DatagramId, error: &io::Error) {
        self.wake(net);
        if let Some(&lane) = self.owners.get(ConnId::from_bits(udp.to_bits())) {
            self.refused(net, lane, error);
        }
    }

    fn timeout(&mut self, net: &mut Net, _timer: TimerId, key: u64) {
        self.wake(net);
        if self.is_over {
            return;
        }
        let number = key >> 8;
        match key & 0xff {
            PUMP => self.pump(net),
            DEADLINE => self.deadlines(net),
            HANDSHAKE => self.handshakes(net),
            RAMP => self.ramp_timer(net),
            REST => self.rested(net, number as u32),
            UNSENT => self.send_again(net, number as u32),
            FAREWELL => self.close_by_ourselves(net, number as u32),
            SECOND => self.second(net),
            PHASE => self.phase_timer(net, number),
            HEARTBEAT => self.beat(),
            _ => self.show_progress(),
        }
    }

    fn ready(&mut self, net: &mut Net, fd: FdId, _readiness: Readiness) {
        self.wake(net);
        if fd == self.signals.fd {
            for signal in self.signals.pending() {
                self.stop_by(net, signal);
            }
        }
    }
}

/// What the system says of a failure, in words that do not change with the address.
pub(crate) fn cause(error: Option<&io::Error>) -> String {
    match error.map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "connect refused".to_owned(),
        Some(io::ErrorKind::TimedOut) => "connect timed out".to_owned(),
        Some(io::ErrorKind::AddrNotAvailable) => "no port left".to_owned(),
        _ => error.map_or_else(|| "not connected".to_owned(), |error| format!("connect: {error}")),
    }
}
