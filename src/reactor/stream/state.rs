//! The life of one stream, decided without a socket: an event comes in, with what the system had to say to it, and a [`Step`]
//! comes out, which `Net` performs.

use crate::reactor::events::CloseReason;
use crate::reactor::stream::flags::{ABOVE_HIGH, Flags, NO_SCRATCH, PAUSED, QUEUED, READABLE};
use std::time::Duration;

/// How long a stream is kept on which nothing is unread and nothing unsent, where more may be under way: in a drain, and
/// from a peer that talked on. What comes is taken in, and not answered with a reset.
const GRACE: Duration = Duration::from_millis(100);

/// Where a stream stands. Only the events below change it, each of them in one place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct State {
    phase: Phase,
    pub(crate) flags: Flags,
}

/// **I13** No close throws away what the peer has not read: a stream goes from `Open` through `Closing` (output is
/// flushed while input is discarded) and `Lingering` (our FIN is out, input is discarded until the peer's or for
/// [`Limits::linger`](crate::Limits::linger)) to `Dead`. It skips what is not needed. Guard:
/// `all_output_arrives_although_input_is_unread` in `tests/reactor/closing.rs`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Phase {
    Open,
    Closing(CloseReason),
    Lingering(CloseReason),
    /// Reported and freed at the end of the turn; with a reset where what the peer was sent must not seem whole.
    Dead {
        reason: CloseReason,
        reset: bool,
    },
}

/// What we send.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum OurSide {
    Open,
    /// Our FIN is to follow the last byte of output.
    FinWanted,
    FinSent,
}

/// What the peer sends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum PeerSide {
    Open,
    /// Input came after the close had begun: more is to be expected.
    TalksOn,
    /// Its FIN was read.
    Ended,
}

/// What is to be done about an event.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Nothing,
    /// No more output is taken, and what waits is flushed at the end of the turn. Input that is there is discarded.
    Flush {
        discard: bool,
    },
    /// shutdown(2) for writing; then follows `sides_ended`, or `failed`.
    SendFin,
    /// The peer's end is waited for so long; our FIN is sent if it was not, and input that is there is discarded.
    Linger {
        wait: Duration,
        send_fin: bool,
        discard: bool,
    },
    /// It is dead: what the handler is told of in the report of this turn.
    Report,
}

/// What has to be known where the last byte of output is gone.
#[derive(Clone, Copy)]
pub(crate) struct LastByte {
    /// Nothing is unread and nothing unsent; asked for only where it [matters](State::asks_whether_settled).
    pub(crate) is_settled: bool,
    pub(crate) is_draining: bool,
    pub(crate) linger: Duration,
}

// Life as bits, beside the other flags, so that one comparison asks for everything that an event must not meet on its short way
// through the reactor. Nobody else names them.

/// The handler was told `opened`.
const OPENED_TOLD: Flags = Flags::of_state(0);
/// The phase is another one than `Open`.
const IS_ENDING: Flags = Flags::of_state(1);
/// Our side is another one than `Open`.
const NO_MORE_OUTPUT: Flags = Flags::of_state(2);
const FIN_SENT: Flags = Flags::of_state(3);
const PEER_TALKS_ON: Flags = Flags::of_state(4);
const PEER_ENDED: Flags = Flags::of_state(5);

/// The events.
impl State {
    pub(crate) fn new(flags: Flags) -> State {
        State { phase: Phase::Open, flags }
    }

    /// It is to be served for the first time. Whether `opened` is to be told: once, and not of what has ended already.
    pub(crate) fn opened(&mut self) -> bool {
        self.is_open() && self.flags.raise(OPENED_TOLD)
    }

    /// Input was read. Whether the handler is to be told of it; if not, it is discarded.
    #[inline]
    pub(crate) fn heard(&mut self) -> bool {
        let is_open = self.is_open();
        if !is_open {
            self.flags.set(PEER_TALKS_ON);
        }
        is_open
    }

    /// Whether the handler is told of what was read without another question, as of nearly all.
    #[inline]
    pub(crate) fn hears_what_is_read(&self) -> bool {
        !self.flags.has(IS_ENDING | NO_SCRATCH)
    }

    /// The peer's FIN was read. Whether the handler is to be told of it before `sides_ended`.
    pub(crate) fn peer_ended(&mut self) -> bool {
        self.flags.set(PEER_ENDED);
        self.is_open()
    }

    /// The peer has only said that it has ended, and the close has begun: what comes behind that is read, as before any close.
    pub(crate) fn wire_goes_on(&mut self) {
        self.flags.clear(PEER_ENDED);
    }

    /// The handler knows of the peer's end, or our FIN is out: once both sides have ended theirs, nothing can come any more.
    pub(crate) fn sides_ended(&mut self) -> Step {
        match (self.phase, self.peer_side(), self.our_side()) {
            (Phase::Open, PeerSide::Ended, OurSide::FinSent) => self.die(CloseReason::PeerClosed, false),
            (Phase::Closing(_), PeerSide::Ended, _) => Step::Flush { discard: false },
            (Phase::Lingering(reason), PeerSide::Ended, _) => self.die(reason, false),
            _ => Step::Nothing,
        }
    }

    /// A close is asked for.
    pub(crate) fn close(&mut self, reason: CloseReason, is_draining: bool) -> Step {
        if !self.is_open() {
            return Step::Nothing;
        }
        self.enter(Phase::Closing(match (reason, self.peer_side()) {
            (CloseReason::ByUs, PeerSide::Ended) => CloseReason::PeerClosed,
            (CloseReason::ByUs, _) if is_draining => CloseReason::Drained,
            _ => reason,
        }));
        Step::Flush { discard: self.may_read() }
    }

    /// The end of our side alone is asked for.
    pub(crate) fn half_close(&mut self) -> Step {
        if !self.may_send() {
            return Step::Nothing;
        }
        self.end_our_side(OurSide::FinWanted);
        Step::Flush { discard: false }
    }

    /// Nothing waits to be sent any more: the FIN that was asked for follows, or the close goes on.
    pub(crate) fn last_byte_left(&mut self, about: LastByte) -> Step {
        match (self.phase, self.peer_side()) {
            (Phase::Open, _) if self.our_side() == OurSide::FinWanted => {
                self.end_our_side(OurSide::FinSent);
                Step::SendFin
            }
            (Phase::Closing(reason), PeerSide::Ended) => self.die(reason, false),
            (Phase::Closing(reason), PeerSide::Open) if about.is_settled && !about.is_draining => {
                self.die(reason, false)
            }
            (Phase::Closing(reason), _) => {
                let send_fin = self.our_side() != OurSide::FinSent;
                self.end_our_side(OurSide::FinSent);
                self.enter(Phase::Lingering(reason));
                let wait = if about.is_settled { about.linger.min(GRACE) } else { about.linger };
                Step::Linger { wait, send_fin, discard: self.may_read() }
            }
            _ => Step::Nothing,
        }
    }

    /// The deadline that was set for it has come. `is_stalled`: its output has not moved for too long.
    pub(crate) fn deadline(&mut self, is_stalled: bool) -> Step {
        match self.phase {
            Phase::Lingering(reason) => self.die(reason, false),
            Phase::Open | Phase::Closing(_) if is_stalled => self.die(CloseReason::WriteStalled, true),
            _ => Step::Nothing,
        }
    }

    /// The system says that the connection is broken, `reason`. One that lingers has lost nothing by that: it ended as it was
    /// meant to.
    pub(crate) fn failed(&mut self, reason: CloseReason) -> Step {
        match self.phase {
            Phase::Open | Phase::Closing(_) => self.die(reason, false),
            Phase::Lingering(meant) => self.die(meant, false),
            Phase::Dead { .. } => Step::Nothing,
        }
    }

    /// It is not to be kept for a moment longer: an abort that was asked for, a panic, too much output.
    pub(crate) fn abort(&mut self, reason: CloseReason) -> Step {
        if self.is_dead() { Step::Nothing } else { self.die(reason, true) }
    }

    /// The time of a drain is up: what still owes or reads is cut.
    pub(crate) fn cut(&mut self) -> Step {
        match self.phase {
            Phase::Open | Phase::Closing(_) => self.die(CloseReason::Drained, true),
            Phase::Lingering(_) => self.die(CloseReason::Drained, false),
            Phase::Dead { .. } => Step::Nothing,
        }
    }

    fn die(&mut self, reason: CloseReason, reset: bool) -> Step {
        self.enter(Phase::Dead { reason, reset });
        Step::Report
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.flags.put(IS_ENDING, phase != Phase::Open);
    }

    fn end_our_side(&mut self, side: OurSide) {
        self.flags.put(NO_MORE_OUTPUT, side != OurSide::Open);
        self.flags.put(FIN_SENT, side == OurSide::FinSent);
    }
}

/// What follows from it.
impl State {
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    fn our_side(&self) -> OurSide {
        match (self.flags.has(NO_MORE_OUTPUT), self.flags.has(FIN_SENT)) {
            (_, true) => OurSide::FinSent,
            (true, false) => OurSide::FinWanted,
            (false, false) => OurSide::Open,
        }
    }

    fn peer_side(&self) -> PeerSide {
        match (self.flags.has(PEER_ENDED), self.flags.has(PEER_TALKS_ON)) {
            (true, _) => PeerSide::Ended,
            (false, true) => PeerSide::TalksOn,
            (false, false) => PeerSide::Open,
        }
    }

    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        !self.flags.has(IS_ENDING)
    }

    #[inline]
    pub(crate) fn is_dead(&self) -> bool {
        matches!(self.phase, Phase::Dead { .. })
    }

    pub(crate) fn is_opened(&self) -> bool {
        self.flags.has(OPENED_TOLD)
    }

    pub(crate) fn has_peer_ended(&self) -> bool {
        self.flags.has(PEER_ENDED)
    }

    /// Whether it is open, and yet nothing more is to come from either side.
    pub(crate) fn have_both_ended(&self) -> bool {
        self.is_open() && self.flags.are(PEER_ENDED | FIN_SENT, PEER_ENDED | FIN_SENT)
    }

    /// Whether the handler hears of it: `opened` came first, and no close.
    pub(crate) fn is_heard_of(&self) -> bool {
        self.is_opened() && self.is_open()
    }

    /// Whether the handler takes what a layer has made of its input.
    pub(crate) fn may_be_told(&self) -> bool {
        self.is_heard_of() && !self.flags.has(PAUSED | ABOVE_HIGH)
    }

    /// Whether the system must be asked if anything is unread or unsent, before `last_byte_left`.
    pub(crate) fn asks_whether_settled(&self) -> bool {
        matches!(self.phase, Phase::Closing(_)) && self.peer_side() != PeerSide::Ended
    }

    /// As nearly all do when an event comes: it is open, may be sent to by way of the scratch, and has input.
    #[inline]
    pub(crate) fn wants_no_more_than_reading(&self) -> bool {
        let obstacles = PAUSED | ABOVE_HIGH | QUEUED | NO_SCRATCH | IS_ENDING | NO_MORE_OUTPUT | PEER_ENDED;
        self.flags.are(READABLE, READABLE | obstacles)
    }

    /// A connection on its way out reads whatever is paused, since it only discards.
    #[inline]
    pub(crate) fn may_read(&self) -> bool {
        let reads = self.flags.are(READABLE, READABLE | PEER_ENDED);
        reads && if self.is_open() { !self.flags.has(PAUSED | ABOVE_HIGH) } else { !self.is_dead() }
    }

    #[inline]
    pub(crate) fn may_send(&self) -> bool {
        !self.flags.has(IS_ENDING | NO_MORE_OUTPUT)
    }

    /// The scratch knows of no records, and of no layers.
    #[inline]
    pub(crate) fn may_use_scratch(&self) -> bool {
        !self.flags.has(IS_ENDING | NO_MORE_OUTPUT | NO_SCRATCH)
    }
}

#[cfg(test)]
mod tests;
