//! The verbs of the ledger, held against a second bookkeeper.

use super::*;
use proptest::prelude::*;

/// Where a request is, told by a second bookkeeper who knows each by itself.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Place {
    Unsent,
    NeverSent,
    Waiting,
    Correct,
    Wrong,
    Overdue,
    Forgotten,
    Late,
    WrongLate,
    LostWithConnection,
    Unfinished,
    NotTaken,
}

use Place::*;

/// Takes a request one step on its way, in the ledger as well, where `choice` says.
fn step(ledger: &mut Ledger, place: Place, choice: u8) -> Place {
    match (place, choice) {
        (Unsent, 0) => (ledger.never_sent(1), NeverSent).1,
        (Unsent, _) => (ledger.sent(10), Waiting).1,
        (Waiting, 0) => (ledger.wrong(), Wrong).1,
        (Waiting, 1) => (ledger.lost_with_connection(), LostWithConnection).1,
        (Waiting, 2) => (ledger.unfinished(false), Unfinished).1,
        (Waiting, 3) => (ledger.unfinished(true), Unfinished).1,
        (Waiting, 4) => (ledger.not_taken(), NotTaken).1,
        (Waiting, 5) => (ledger.answered(2000, 1000), Correct).1,
        (Waiting, _) => (ledger.timed_out(2000, 1000), Overdue).1,
        (Overdue, 0) => (ledger.forgotten(1), Forgotten).1,
        (Overdue, 1) => (ledger.late_and_wrong(), WrongLate).1,
        (Overdue, _) => (ledger.late(), Late).1,
        (Wrong, 0) => (ledger.corrected(ClientId::new(0), 0, false), Correct).1,
        (WrongLate, 0) => (ledger.corrected(ClientId::new(0), 0, true), Late).1,
        (place, _) => place,
    }
}

fn frame() -> Frame {
    Frame {
        start: Default::default(),
        length: Default::default(),
        phase: Phase::Measure,
        alive: 1,
        planned: 0,
        cpu: 0.0,
        max_loop_lag: Default::default(),
    }
}

proptest! {
    #[test]
    fn the_books_balance_in_every_state_that_requests_can_come_to(
        steps in prop::collection::vec((0..12usize, 0..8u8), 0..300)
    ) {
        let mut ledger = Ledger::new(false);
        let mut places = Vec::new();
        let mut corrected = 0;
        for (request, choice) in steps {
            match places.get_mut(request) {
                None => {
                    ledger.issued();
                    places.push(Unsent);
                }
                Some(place) => {
                    let before = std::mem::replace(place, step(&mut ledger, *place, choice));
                    let was_wrong = matches!(before, Wrong | WrongLate);
                    corrected += u64::from(was_wrong && before != *place);
                }
            }
            if choice == 7 {
                ledger.end_interval(frame(), &mut |_| {});
            }
            let count = |those: &[Place]| places.iter().filter(|place| those.contains(place)).count() as u64;
            let (unsent, waiting, overdue) = (count(&[Unsent]), count(&[Waiting]), count(&[Overdue]));
            ledger.audit(Phase::Measure, UnderWay { unsent, waiting, overdue });
            prop_assert_eq!(ledger.books(), Books {
                sent: places.len() as u64 - count(&[Unsent, NeverSent, NotTaken]),
                correct: count(&[Correct]),
                wrong: count(&[Wrong, WrongLate]),
                late: count(&[Late]),
                lost: count(&[Overdue, Forgotten, LostWithConnection]),
                unfinished: count(&[Unfinished]),
                not_sent: count(&[NeverSent, NotTaken]),
                foreign: corrected,
                ..Books::default()
            });
        }
        ledger.end_interval(frame(), &mut |_| {});
        let totals = ledger.into_totals();
        let seconds = totals.intervals.iter();
        prop_assert_eq!(seconds.map(|second| second.books.unfinished).sum::<u64>(), totals.books.unfinished);
        let wrong = totals.failures.number(&Cause::WrongReply);
        prop_assert_eq!(wrong, totals.books.wrong, "each that is wrong has its cause, and no other has");
    }
}

#[test]
fn what_timed_out_is_lost_in_its_own_second_and_late_in_the_end() {
    let mut ledger = Ledger::new(true);
    for _ in 0..2 {
        ledger.issued();
        ledger.sent(10);
        ledger.timed_out(2000, 1000);
    }
    ledger.end_interval(frame(), &mut |second| assert_eq!((second.books.lost, second.books.late), (2, 0)));
    ledger.late();
    ledger.late_and_wrong();
    ledger.end_interval(frame(), &mut |second| {
        let Books { lost, late, wrong, .. } = second.books;
        assert_eq!((lost, late, wrong), (0, 1, 1));
    });
    ledger.audit(Phase::Drain, UnderWay::default());
    let totals = ledger.into_totals();
    assert_eq!((totals.books.lost, totals.books.late, totals.books.wrong), (0, 1, 1));
    assert_eq!((totals.latency.response.len(), totals.bytes_sent), (2, 20));
}

#[test]
#[should_panic = "1 sent is not 1 correct + 0 wrong + 0 late + 0 lost + 0 unfinished + 1 under way"]
fn a_request_that_is_in_two_books_is_found() {
    let mut ledger = Ledger::new(false);
    ledger.issued();
    ledger.sent(10);
    ledger.answered(2000, 1000);
    ledger.audit(Phase::Measure, UnderWay { waiting: 1, ..UnderWay::default() });
}

#[test]
#[should_panic = "hold 1 open and 0 overdue requests, and the clients 0 unsent, 0 under way and 0 overdue"]
fn a_request_that_nobody_remembers_is_found() {
    let mut ledger = Ledger::new(false);
    ledger.issued();
    ledger.audit(Phase::Measure, UnderWay::default());
}

#[test]
#[should_panic = "a request has ended twice"]
fn a_request_ends_once() {
    let mut ledger = Ledger::new(false);
    ledger.issued();
    ledger.sent(10);
    ledger.answered(2000, 1000);
    ledger.lost_with_connection();
}
