//! Every event in every state, without a socket.

use super::*;
use crate::reactor::stream::flags::WRITABLE;
use std::collections::HashSet;

/// What each event does in each state: the event, the state that it meets (phase, our side, the peer's), the step, and the
/// state after it. `*` is any, `=` is as before; of several lines that fit, the first one counts. What fits no line asks for
/// nothing and changes nothing. `REASON` is why a stream is closing; `!` is a reset.
const TABLE: &str = "
close                    Open             *         Ended   | flush       Closing:PeerClosed    =         =
close                    Open             *         *       | flush       Closing:ByUs          =         =
close-in-drain           Open             *         Ended   | flush       Closing:PeerClosed    =         =
close-in-drain           Open             *         *       | flush       Closing:Drained       =         =
close-for-silence        Open             *         *       | flush       Closing:Idle          =         =
half-close               Open             Open      *       | flush       =                     FinWanted =

heard                    Open             *         *       | tell        =                     =         =
heard                    *                *         Ended   | nothing     =                     =         =
heard                    *                *         *       | nothing     =                     =         TalksOn
peer-ended               Open             *         *       | tell        =                     =         Ended
peer-ended               *                *         *       | nothing     =                     =         Ended
sides-ended              Open             FinSent   Ended   | report      Dead:PeerClosed       =         =
sides-ended              Closing:REASON   *         Ended   | flush       =                     =         =
sides-ended              Lingering:REASON *         Ended   | report      Dead:REASON           =         =

last-byte-settled        Open             FinWanted *       | fin         =                     FinSent   =
last-byte-settled        Closing:REASON   *         Ended   | report      Dead:REASON           =         =
last-byte-settled        Closing:REASON   *         Open    | report      Dead:REASON           =         =
last-byte-settled        Closing:REASON   FinSent   TalksOn | linger-100      Lingering:REASON  =         =
last-byte-settled        Closing:REASON   *         TalksOn | fin+linger-100  Lingering:REASON  FinSent   =
last-byte-settled-drain  Open             FinWanted *       | fin         =                     FinSent   =
last-byte-settled-drain  Closing:REASON   *         Ended   | report      Dead:REASON           =         =
last-byte-settled-drain  Closing:REASON   FinSent   *       | linger-100      Lingering:REASON  =         =
last-byte-settled-drain  Closing:REASON   *         *       | fin+linger-100  Lingering:REASON  FinSent   =
last-byte-unsettled      Open             FinWanted *       | fin         =                     FinSent   =
last-byte-unsettled      Closing:REASON   *         Ended   | report      Dead:REASON           =         =
last-byte-unsettled      Closing:REASON   FinSent   *       | linger-2000     Lingering:REASON  =         =
last-byte-unsettled      Closing:REASON   *         *       | fin+linger-2000 Lingering:REASON  FinSent   =

deadline                 Lingering:REASON *         *       | report      Dead:REASON           =         =
deadline-stalled         Open             *         *       | report      Dead:WriteStalled!    =         =
deadline-stalled         Closing:REASON   *         *       | report      Dead:WriteStalled!    =         =
deadline-stalled         Lingering:REASON *         *       | report      Dead:REASON           =         =

failed                   Open             *         *       | report      Dead:Reset            =         =
failed                   Closing:REASON   *         *       | report      Dead:Reset            =         =
failed                   Lingering:REASON *         *       | report      Dead:REASON           =         =
abort                    Open             *         *       | report      Dead:ByUs!            =         =
abort                    Closing:REASON   *         *       | report      Dead:ByUs!            =         =
abort                    Lingering:REASON *         *       | report      Dead:ByUs!            =         =
panicked                 Open             *         *       | report      Dead:HandlerPanicked! =         =
panicked                 Closing:REASON   *         *       | report      Dead:HandlerPanicked! =         =
panicked                 Lingering:REASON *         *       | report      Dead:HandlerPanicked! =         =
cut                      Open             *         *       | report      Dead:Drained!         =         =
cut                      Closing:REASON   *         *       | report      Dead:Drained!         =         =
cut                      Lingering:REASON *         *       | report      Dead:Drained          =         =
";

/// Each with what it is called in the table.
const EVENTS: [(&str, Event); 17] = [
    ("close", |state| step(state.close(CloseReason::ByUs, false))),
    ("close-in-drain", |state| step(state.close(CloseReason::ByUs, true))),
    ("close-for-silence", |state| step(state.close(CloseReason::Idle, true))),
    ("half-close", |state| step(state.half_close())),
    ("heard", |state| told(state.heard())),
    ("peer-ended", |state| told(state.peer_ended())),
    ("sides-ended", |state| step(state.sides_ended())),
    ("last-byte-settled", |state| step(state.last_byte_left(last_byte(true, false)))),
    ("last-byte-settled-drain", |state| step(state.last_byte_left(last_byte(true, true)))),
    ("last-byte-unsettled", |state| step(state.last_byte_left(last_byte(false, false)))),
    ("deadline", |state| step(state.deadline(false))),
    ("deadline-stalled", |state| step(state.deadline(true))),
    ("failed", |state| step(state.failed(CloseReason::Reset))),
    ("abort", |state| step(state.abort(CloseReason::ByUs))),
    ("panicked", |state| step(state.abort(CloseReason::HandlerPanicked))),
    ("cut", |state| step(state.cut())),
    ("opened", |state| told(state.opened())),
];

type Event = fn(&mut State) -> Answer;

/// What an event is answered with: the step as the table writes it, and whether input is discarded from now on.
type Answer = (String, bool);

#[test]
fn every_event_does_in_every_state_what_the_table_says() {
    let lines: Vec<Line> = TABLE.lines().filter(|line| !line.is_empty()).map(Line::parse).collect();
    let mut used = HashSet::new();
    for before in all_states() {
        for (event, apply) in EVENTS.iter().filter(|(event, _)| *event != "opened") {
            let mut after = before;
            let (answer, _) = apply(&mut after);
            let fitting = lines.iter().position(|line| line.event == *event && line.fits(&words(&before)));
            let (expected, state) = match fitting {
                Some(n) => {
                    used.insert(n);
                    (lines[n].step, lines[n].after(&words(&before)))
                }
                None => ("nothing", words(&before)),
            };
            assert_eq!(answer, expected, "{event} in {:?}", words(&before));
            assert_eq!(words(&after), state, "{event} in {:?}", words(&before));
            assert_eq!(after.is_opened(), before.is_opened(), "{event}");
        }
    }
    let unused: Vec<_> = (0..lines.len()).filter(|n| !used.contains(n)).map(|n| lines[n].event).collect();
    assert_eq!(unused, [""; 0], "a line that fits no state says nothing");
}

#[test]
fn opened_is_told_once_and_of_nothing_that_has_ended() {
    for before in all_states() {
        let mut state = before;
        assert_eq!(state.opened(), before.phase() == Phase::Open && !before.is_opened());
        assert!(!state.opened());
        assert_eq!(words(&state), words(&before));
        assert_eq!(state.is_heard_of(), before.phase() == Phase::Open);
    }
}

/// So that the flags asked for on the hot path never tell another story than the types.
#[test]
fn what_may_be_done_follows_from_phase_and_sides() {
    for mut state in all_states() {
        let (phase, ours, peer) = (state.phase(), state.our_side(), state.peer_side());
        let (is_open, is_dead) = (phase == Phase::Open, matches!(phase, Phase::Dead { .. }));
        assert_eq!((state.is_open(), state.is_dead()), (is_open, is_dead));
        assert_eq!(state.may_send(), is_open && ours == OurSide::Open);
        assert_eq!(state.may_use_scratch(), state.may_send());
        let asks = matches!(phase, Phase::Closing(_)) && peer != PeerSide::Ended;
        assert_eq!(state.asks_whether_settled(), asks);
        assert!(!state.may_read() && !state.wants_no_more_than_reading(), "there is nothing to read");
        state.flags.set(READABLE);
        assert_eq!(state.may_read(), !is_dead && peer != PeerSide::Ended);
        assert_eq!(state.wants_no_more_than_reading(), state.may_send() && peer != PeerSide::Ended);
        for pause in [PAUSED, ABOVE_HIGH, PAUSED | ABOVE_HIGH] {
            let mut paused = state;
            paused.flags.set(pause);
            assert_eq!(paused.may_read(), !is_open && state.may_read(), "what is discarded is not paused");
            assert!(!paused.wants_no_more_than_reading());
        }
        for obstacle in [QUEUED, NO_SCRATCH] {
            let mut obstructed = state;
            obstructed.flags.set(obstacle);
            assert!(!obstructed.wants_no_more_than_reading());
            assert_eq!(obstructed.may_read(), state.may_read());
        }
        state.flags.set(NO_SCRATCH);
        assert!(!state.may_use_scratch(), "the scratch knows of no records");
    }
}

#[test]
fn a_close_discards_what_is_there_to_be_read_and_nothing_else_does() {
    for before in all_states() {
        for (event, apply) in EVENTS {
            let (mut without, mut with) = (before, before);
            with.flags.set(READABLE | PAUSED);
            let (answer, discards) = apply(&mut without);
            assert!(!discards, "{event}: there is nothing");
            let (same, discards) = apply(&mut with);
            assert_eq!((same, words(&with)), (answer, words(&without)), "{event}: readable or not");
            let has_closed = without.phase() != before.phase() && !without.is_dead();
            assert_eq!(discards, has_closed && with.may_read(), "{event} in {:?}", words(&before));
        }
    }
}

#[test]
fn a_grace_is_never_longer_than_the_linger() {
    for (linger, expected) in
        [(2000, 100), (100, 100), (30, 30), (0, 0)].map(|(a, b)| (milliseconds(a), milliseconds(b)))
    {
        let mut state = State::new(WRITABLE);
        let _ = state.close(CloseReason::ByUs, false);
        let about = LastByte { is_settled: true, is_draining: true, linger };
        let Step::Linger { wait, .. } = state.last_byte_left(about) else { panic!("in a drain it lingers") };
        assert_eq!(wait, expected);
    }
}

/// Whatever happens in whatever order: the dead stay as they are, a close is final, and a FIN is sent at most once.
#[test]
fn no_life_goes_backwards() {
    for before in all_states() {
        for (event, apply) in EVENTS {
            let mut after = before;
            let (answer, _) = apply(&mut after);
            let rank = |state: &State| match state.phase() {
                Phase::Open => 0,
                Phase::Closing(_) => 1,
                Phase::Lingering(_) => 2,
                Phase::Dead { .. } => 3,
            };
            assert!(rank(&after) >= rank(&before), "{event}");
            assert!(after.our_side() as u8 >= before.our_side() as u8, "{event}");
            assert!(after.peer_side() as u8 >= before.peer_side() as u8, "{event}");
            assert_eq!(answer == "report", after.is_dead() && !before.is_dead(), "{event}: reported once");
            let sends_fin = answer.starts_with("fin");
            let is_sent = after.our_side() == OurSide::FinSent && before.our_side() != OurSide::FinSent;
            assert_eq!(sends_fin, is_sent, "{event}: as often as the state says so");
            if before.is_dead() {
                assert_eq!(after.phase(), before.phase(), "{event}: why it ended is said for good");
            }
        }
    }
}

/// Memory is what limits the number of clients, and each of them has one.
#[test]
fn a_state_takes_four_bytes() {
    assert_eq!(size_of::<State>(), 4);
}

/// Every state that any sequence of events leads to.
fn all_states() -> HashSet<State> {
    let mut seen = HashSet::new();
    let mut to_go = vec![State::new(WRITABLE)];
    while let Some(state) = to_go.pop() {
        if seen.insert(state) {
            to_go.extend(EVENTS.iter().map(|(_, apply)| {
                let mut next = state;
                apply(&mut next);
                next
            }));
        }
    }
    assert!(seen.len() > 200, "only {} states", seen.len());
    seen
}

/// A state as the table writes it.
fn words(state: &State) -> [String; 3] {
    let phase = match state.phase() {
        Phase::Dead { reason, reset } => format!("Dead:{reason:?}{}", if reset { "!" } else { "" }),
        Phase::Closing(reason) => format!("Closing:{reason:?}"),
        Phase::Lingering(reason) => format!("Lingering:{reason:?}"),
        Phase::Open => "Open".to_string(),
    };
    [phase, format!("{:?}", state.our_side()), format!("{:?}", state.peer_side())]
}

struct Line {
    event: &'static str,
    before: [&'static str; 3],
    step: &'static str,
    after: [&'static str; 3],
}

impl Line {
    fn parse(line: &'static str) -> Line {
        let words: Vec<_> = line.split_whitespace().collect();
        let &[event, phase, ours, peer, "|", step, new_phase, new_ours, new_peer] = &words[..] else {
            panic!("{line}")
        };
        assert!(EVENTS.iter().any(|(name, _)| *name == event), "{line}");
        Line { event, before: [phase, ours, peer], step, after: [new_phase, new_ours, new_peer] }
    }

    fn fits(&self, state: &[String; 3]) -> bool {
        self.before.iter().zip(state).all(|(pattern, word)| match pattern.strip_suffix("REASON") {
            Some(phase) => word.starts_with(phase),
            None => *pattern == "*" || pattern == word,
        })
    }

    fn after(&self, before: &[String; 3]) -> [String; 3] {
        let reason = before[0].split(':').nth(1).unwrap_or_default();
        std::array::from_fn(|n| match self.after[n] {
            "=" => before[n].clone(),
            word => word.replace("REASON", reason),
        })
    }
}

fn step(step: Step) -> Answer {
    match step {
        Step::Nothing => ("nothing".to_string(), false),
        Step::Flush { discard } => ("flush".to_string(), discard),
        Step::SendFin => ("fin".to_string(), false),
        Step::Linger { wait, send_fin, discard } => {
            (format!("{}linger-{}", if send_fin { "fin+" } else { "" }, wait.as_millis()), discard)
        }
        Step::Report => ("report".to_string(), false),
    }
}

fn told(is_told: bool) -> Answer {
    (if is_told { "tell" } else { "nothing" }.to_string(), false)
}

fn last_byte(is_settled: bool, is_draining: bool) -> LastByte {
    LastByte { is_settled, is_draining, linger: milliseconds(2000) }
}

fn milliseconds(n: u64) -> Duration {
    Duration::from_millis(n)
}
