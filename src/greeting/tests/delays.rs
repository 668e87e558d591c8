//! Answers that wait for their time.

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const NEARLY: Duration = Duration::from_millis(999);

#[test]
fn a_timeout_that_is_early_or_not_asked_for_changes_nothing() {
    let mut client = Client::new(spec("patient"));
    assert_eq!(client.waits(SECOND), Next::Read);
    let due = client.now + SECOND;
    client.sends(b"Ann");
    assert_eq!(client.waits(Duration::ZERO), Next::Wait(due));
    assert_eq!(client.waits(NEARLY), Next::Wait(due));
    client.heard(b"");
    assert_eq!(client.waits(SECOND - NEARLY), Next::Read);
    client.heard(b"Hello, Ann!");
    assert_eq!(client.waits(SECOND), Next::Read);
    client.heard(b"");
}

#[test]
fn several_lines_of_one_read_are_answered_one_a_second() {
    let mut client = Client::new(spec("patient"));
    let due = client.now + SECOND;
    assert_eq!(client.sends(b"Ann\nBob\nexit\nCarl\n"), Next::Wait(due));
    assert_eq!(client.session.held(), "AnnBobexitCarl".len());
    assert_eq!(client.waits(SECOND), Next::Wait(due + SECOND));
    client.heard(b"Hello, Ann!\n");
    // A late caller delays the rest: each message waits in full.
    assert_eq!(client.waits(3 * SECOND), Next::Wait(due + 4 * SECOND));
    client.heard(b"Hello, Bob!\n");
    assert_eq!(client.waits(SECOND), Next::Close(Farewell::Word));
    assert_eq!(client.session.held(), 0);
    assert_eq!(client.waits(SECOND), Next::Close(Farewell::Word));
    client.heard(b"");
}

#[test]
fn each_raw_read_is_a_message_of_its_own_even_while_one_waits() {
    let mut client = Client::new(DialectSpec { max_message: 4, ..spec("patient") });
    let due = client.now + SECOND;
    assert_eq!(client.sends(b"abcdef"), Next::Wait(due));
    client.now += NEARLY;
    assert_eq!(client.sends(b"g"), Next::Wait(due), "a message that waits does not begin to wait anew");
    for (answer, more) in [("Hello, abcd!", true), ("Hello, ef!", true), ("Hello, g!", false)] {
        let next = client.waits(SECOND);
        client.heard(answer.as_bytes());
        assert_eq!(next, if more { Next::Wait(client.now + SECOND) } else { Next::Read });
    }
    assert_eq!(client.session.held(), 0);
}

#[test]
fn after_eof_all_that_waits_is_answered_and_then_the_unfinished_line() {
    let mut client = Client::new(spec("patient"));
    client.sends(b"Ann\nBob");
    assert_eq!(client.ends(), Next::Wait(client.now + SECOND));
    assert_eq!(client.sends(b"Carl\n"), Next::Wait(client.now + SECOND), "nothing comes after EOF");
    assert_eq!(client.waits(SECOND), Next::Wait(client.now + SECOND));
    client.heard(b"Hello, Ann!\n");
    assert_eq!(client.waits(SECOND), Next::Close(Farewell::Eof));
    client.heard(b"Hello, Bob!\n");
}

#[test]
fn an_unfinished_line_before_eof_waits_its_second_too() {
    let mut client = Client::new(DialectSpec { framing: Framing::Line, ..spec("patient") });
    assert_eq!(client.sends(b"exit"), Next::Read);
    assert_eq!(client.ends(), Next::Wait(client.now + SECOND));
    assert_eq!(client.waits(SECOND), Next::Close(Farewell::Word));
    client.heard(b"");
}

#[test]
fn a_farewell_that_waits_ends_what_eof_began_to_end() {
    let mut client = Client::new(spec("patient"));
    client.sends(b"exit\nAnn\n");
    client.ends();
    assert_eq!(client.waits(SECOND), Next::Close(Farewell::Word));
    client.heard(b"");
}

#[test]
fn an_error_comes_after_the_answers_that_wait_and_not_before() {
    let mut client = Client::new(DialectSpec { max_message: 4, ..spec("patient") });
    assert_eq!(client.sends(b"Ann\nabcde"), Next::Wait(client.now + SECOND));
    client.sends(b"Bob\n");
    client.heard(b"");
    assert_eq!(client.waits(SECOND), Next::Close(Farewell::TooLong));
    client.heard(b"Hello, Ann!\nerror: message too long (limit 4 bytes)\n");
}

#[test]
fn a_drain_answers_what_waits_and_drops_what_is_unfinished() {
    let mut client = Client::new(spec("patient"));
    client.sends(b"Ann\nBob\nCarl");
    let due = client.now + SECOND;
    assert_eq!(client.session.finish(), Next::Wait(due));
    assert_eq!(client.session.held(), "AnnBob".len());
    assert_eq!(client.ends(), Next::Wait(due));
    assert_eq!(client.waits(SECOND), Next::Wait(due + SECOND));
    assert_eq!(client.waits(SECOND), Next::Close(Farewell::Drained));
    client.heard(b"Hello, Ann!\nHello, Bob!\n");
}

#[test]
fn a_patient_farewell_reply_and_a_patient_single_answer_come_after_their_delay() {
    let mut client = Client::new(DialectSpec { farewell_reply: text("{message}!"), ..spec("patient") });
    client.sends(b"exit");
    client.heard(b"");
    assert_eq!(client.waits(SECOND), Next::Close(Farewell::Word));
    client.heard(b"exit!");

    let mut client = Client::new(DialectSpec { delay: SECOND, ..spec("once") });
    client.sends(b"a\nb\n");
    assert_eq!(client.waits(SECOND), Next::Close(Farewell::AfterReply));
    client.heard("我是Server\n".as_bytes());
}
