//! Replies, judged without a socket: what each says of the session, and what the ledger has of it.

use crate::load::books::ledger::{Ledger, UnderWay};
use crate::load::books::outcome::{Books, Evidence, EvidenceKind, Phase};
use crate::load::clients::client::{Clients, Stage};
use crate::load::clients::flights::{Flight, FlightId, FlightKind, FlightState};
use crate::load::clients::replies::{Heard, Replies, ReplyContext};
use crate::load::plan::script::{Script, Wanted};
use crate::load::plan::{Check, Framing};
use crate::load::text::request::ClientId;
use crate::load::text::template::Seed;
use hullo::greeting::{Dialect, Transport};

const SEED: Seed = Seed(1);
const ME: ClientId = ClientId::new(1);

/// Two clients, of which the second is alive.
struct Run<'a> {
    clients: Clients,
    ledger: Ledger,
    replies: Replies<'a>,
    now: u64,
}

fn script(is_datagram: bool) -> Script {
    let (framing, check) = (Framing::Line, Check::Full);
    let wanted = Wanted { is_datagram, churn: false, framing, check, text: None, size: None };
    let transport = if is_datagram { Transport::Datagram } else { Transport::Stream };
    Script::of_dialect(&Dialect::builtin("hello", transport).unwrap(), &wanted).unwrap()
}

/// The datagram that answers a request of a client in this run.
fn answer(client: u32, sequence: u64) -> Vec<u8> {
    format!("Hello, c{client}-{sequence}-{:08x}!", SEED.mark()).into_bytes()
}

const fn reply(is_right: bool) -> Heard {
    Heard::Reply { kind: FlightKind::Request, is_right }
}

impl<'a> Run<'a> {
    fn new(script: &'a Script, is_datagram: bool) -> Run<'a> {
        let mut clients = Clients::new(2, 4, !is_datagram);
        clients.begin_measuring();
        clients[ME].stage = Stage::Alive;
        Run { clients, ledger: Ledger::new(true), replies: Replies::new(script, SEED, 2), now: 0 }
    }

    /// Sends so many measured requests.
    fn send(&mut self, requests: u64) -> Vec<FlightId> {
        let send_one = |_| {
            let sequence = self.clients[ME].sequence;
            self.clients[ME].sequence += 1;
            self.ledger.issued();
            self.ledger.sent(1);
            let (kind, state) = (FlightKind::Request, FlightState::Waiting);
            let (planned, sent, is_measured, is_overtaken) = (self.now, self.now, true, false);
            let flight = Flight { sequence, planned, sent, kind, state, is_measured, is_overtaken };
            self.clients.flights.push(ME, flight)
        };
        (0..requests).map(send_one).collect()
    }

    fn judge(&mut self) -> (&mut Replies<'a>, ReplyContext<'_>) {
        self.now += 1;
        let (clients, ledger) = (&mut self.clients, &mut self.ledger);
        (&mut self.replies, ReplyContext { clients, ledger, phase: Phase::Measure, now: self.now })
    }

    /// What all of some bytes of a stream are, one after the other. A client comes to life with its welcome.
    fn hear(&mut self, mut bytes: &[u8]) -> Vec<Heard> {
        let mut all = Vec::new();
        while !bytes.is_empty() {
            let (replies, mut context) = self.judge();
            let Some((used, heard)) = replies.hear(&mut context, ME, bytes) else { break };
            bytes = &bytes[used..];
            all.push(heard);
            if heard == Heard::Welcome {
                self.clients[ME].stage = Stage::Alive;
            }
        }
        all
    }

    fn receive(&mut self, datagram: &[u8]) -> Heard {
        let (replies, mut context) = self.judge();
        replies.receive(&mut context, ME, datagram, false)
    }

    fn time_out(&mut self, flight: FlightId) {
        let (replies, mut context) = self.judge();
        replies.time_out(&mut context, ME, flight);
    }

    /// The books, which balance with what is under way.
    fn books(&self) -> Books {
        let under_way = self.clients.measured_under_way();
        let overdue = under_way.overdue + self.replies.lost().len();
        self.ledger.audit(Phase::Measure, UnderWay { overdue, ..under_way });
        self.ledger.books()
    }

    fn evidence(self) -> Vec<Evidence> {
        self.ledger.into_totals().evidence
    }
}

#[test]
fn a_welcome_and_replies_are_whole_however_they_are_split() {
    let script = script(false);
    let bytes = b"Welcome!\nHello, c1-0!\nHello, c1-1!\n";
    for piece in 1..bytes.len() {
        let mut run = Run::new(&script, false);
        run.clients[ME].stage = Stage::Welcome;
        run.send(2);
        let mut all: Vec<Heard> = bytes.chunks(piece).flat_map(|bytes| run.hear(bytes)).collect();
        all.retain(|&heard| heard != Heard::Nothing);
        assert_eq!(all, [Heard::Welcome, reply(true), reply(true)], "in pieces of {piece}");
        assert_eq!((run.books().sent, run.books().correct), (2, 2));
    }
}

#[test]
fn a_wrong_welcome_ends_the_session_and_is_evidence() {
    let script = script(false);
    let mut run = Run::new(&script, false);
    run.clients[ME].stage = Stage::Welcome;
    assert_eq!(run.hear(b"Wel"), [Heard::Nothing]);
    assert_eq!(run.hear(b"lcome!\n"), [Heard::WrongWelcome]);
    let evidence = run.evidence();
    assert_eq!(
        (evidence[0].kind, evidence[0].received.as_slice()),
        (EvidenceKind::WrongWelcome, b"Wellcome!\n".as_slice())
    );
}

#[test]
fn a_client_that_has_given_up_hears_nothing() {
    let script = script(false);
    let mut run = Run::new(&script, false);
    for stage in [Stage::Idle, Stage::Opening, Stage::Resting, Stage::Gone] {
        run.clients[ME].stage = stage;
        assert_eq!(run.hear(b"Hello, c1-0!\n"), []);
    }
    assert_eq!(run.books(), Books::default());
}

#[test]
fn a_wrong_reply_is_one_to_the_oldest_request_and_the_next_is_judged_by_itself() {
    let script = script(false);
    let mut run = Run::new(&script, false);
    run.send(2);
    assert_eq!(run.hear(b"Hello, c9"), [Heard::Nothing]);
    assert_eq!(run.hear(b"-9!\nHello, c1-1!\n"), [reply(false), reply(true)]);
    let books = run.books();
    assert_eq!((books.wrong, books.correct, books.foreign), (1, 1, 0));
    let evidence = run.evidence();
    assert_eq!(
        (evidence[0].kind, evidence[0].client, evidence[0].sequence),
        (EvidenceKind::Wrong, 1, Some(0))
    );
    assert_eq!(evidence[0].received, b"Hello, c9-9!\n");
    assert_eq!(evidence[0].expected, b"Hello, c1-0!\n");
}

#[test]
fn a_reply_that_comes_twice_is_a_duplicate_and_one_that_nobody_asked_for_unexpected() {
    let script = script(false);
    let mut run = Run::new(&script, false);
    run.send(1);
    let twice = run.hear(b"Hello, c1-0!\nHello, c1-0!\n");
    assert_eq!(twice, [reply(true), Heard::Nothing]);
    assert_eq!(run.hear(b"What?\n"), [Heard::Nothing]);
    let books = run.books();
    assert_eq!((books.correct, books.duplicate, books.foreign), (1, 1, 1));
}

#[test]
fn a_right_reply_behind_a_wrong_one_says_that_the_wrong_one_was_too_many() {
    let script = script(false);
    let mut run = Run::new(&script, false);
    run.send(1);
    assert_eq!(run.hear(b"What?\nHello, c1-0!\n"), [reply(false), Heard::Nothing]);
    let books = run.books();
    assert_eq!((books.correct, books.wrong, books.foreign), (1, 0, 1));
    assert_eq!(run.evidence()[0].kind, EvidenceKind::Unexpected);
}

#[test]
fn replies_in_another_order_are_right_and_counted_as_out_of_order() {
    let script = script(false);
    let mut run = Run::new(&script, false);
    run.send(3);
    assert_eq!(run.hear(b"Hello, c1-1!\nHello, c1-2!\nHello, c1-0!\n"), [reply(true); 3]);
    let books = run.books();
    assert_eq!((books.correct, books.reordered, books.wrong), (3, 1, 0));
}

#[test]
fn a_reply_that_is_overdue_comes_late_and_one_whose_connection_ends_is_lost() {
    let script = script(false);
    let mut run = Run::new(&script, false);
    let flights = run.send(3);
    run.time_out(flights[0]);
    assert_eq!((run.books().lost, run.ledger.overdue()), (1, 1));
    assert_eq!(run.hear(b"Hello, c1-0!\nHello, c1-1!\n"), [reply(true); 2]);
    let (replies, mut context) = run.judge();
    replies.lose_flights(&mut context, ME);
    let books = run.books();
    assert_eq!((books.late, books.correct, books.lost), (1, 1, 1));
    assert_eq!((run.ledger.open(), run.ledger.overdue()), (0, 0));
}

#[test]
fn the_beginning_of_a_reply_is_kept_when_the_connection_ends() {
    let script = script(false);
    let mut run = Run::new(&script, false);
    run.send(1);
    run.hear(b"Hello, c");
    run.replies.keep_last_words(&run.clients, &mut run.ledger, ME);
    let evidence = run.evidence();
    assert_eq!(
        (evidence[0].kind, evidence[0].received.as_slice()),
        (EvidenceKind::Unfinished, b"Hello, c".as_slice())
    );
}

#[test]
fn a_datagram_answers_the_request_that_it_names_once() {
    let script = script(true);
    let mut run = Run::new(&script, true);
    run.send(3);
    assert_eq!([2, 0].map(|sequence| run.receive(&answer(1, sequence))), [reply(true); 2]);
    assert_eq!(run.receive(&answer(1, 0)), Heard::Nothing);
    assert_eq!(run.receive(&answer(0, 1)), Heard::Nothing, "another client's");
    assert_eq!(run.receive(&answer(1, 3)), Heard::Nothing, "never sent");
    let books = run.books();
    assert_eq!((books.correct, books.reordered, books.duplicate, books.foreign), (2, 1, 1, 2));
    assert_eq!(run.clients.flights.waiting_of(ME), 1);
}

#[test]
fn a_garbled_or_cut_datagram_is_the_wrong_answer_to_its_request() {
    let script = script(true);
    let mut run = Run::new(&script, true);
    run.send(2);
    let mut garbled = answer(1, 0);
    garbled[0] = b'#';
    assert_eq!(run.receive(&garbled), reply(false));
    garbled = answer(1, 1);
    garbled[8] = b'#'; // Its name.
    assert_eq!(run.receive(&garbled), reply(false));
    run.send(1);
    let (replies, mut context) = run.judge();
    assert_eq!(
        replies.receive(&mut context, ME, &answer(1, 2), true),
        reply(false),
        "though what is left is right"
    );
    assert_eq!((run.books().wrong, run.books().foreign), (3, 0));
}

#[test]
fn a_datagram_that_was_given_up_is_answered_late_once() {
    let script = script(true);
    let mut run = Run::new(&script, true);
    let flights = run.send(2);
    run.time_out(flights[0]);
    run.time_out(flights[1]);
    assert_eq!([1, 1].map(|sequence| run.receive(&answer(1, sequence))), [Heard::Nothing; 2]);
    let books = run.books();
    assert_eq!((books.late, books.lost, books.duplicate, run.ledger.overdue()), (1, 1, 1, 1));
    let (replies, mut context) = run.judge();
    replies.lose_flights(&mut context, ME);
    assert_eq!((run.books().lost, run.ledger.overdue()), (1, 0));
}
