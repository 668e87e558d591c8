//! How a conversation ends.

use super::*;

#[test]
fn eof_with_nothing_unfinished_just_ends() {
    for sent in [&b""[..], b"Ann", b"Ann\n"] {
        let mut client = Client::new(spec("hello"));
        client.sends(sent);
        client.out.clear();
        assert_eq!(client.ends(), Next::Close(Farewell::Eof));
        client.heard(b"");
    }
}

#[test]
fn an_unfinished_last_line_before_eof_is_a_message() {
    let mut client = Client::new(spec("hello"));
    client.sends(b"Ann\nBob");
    assert_eq!(client.ends(), Next::Close(Farewell::Eof));
    client.heard(b"Hello, Ann!\nHello, Bob!\n");
    assert_eq!(client.ends(), Next::Close(Farewell::Eof));
    client.heard(b"");
}

#[test]
fn before_eof_a_carriage_return_is_part_of_the_message() {
    let mut client = Client::new(DialectSpec { max_message: 4, framing: Framing::Line, ..spec("hello") });
    client.sends(b"Ann\r");
    assert_eq!(client.ends(), Next::Close(Farewell::Eof));
    client.heard(b"Hello, Ann\r!\n");

    let mut client = Client::new(DialectSpec { max_message: 4, framing: Framing::Line, ..spec("hello") });
    client.sends(b"Anna\r");
    assert_eq!(client.ends(), Next::Close(Farewell::TooLong));
    client.heard(b"error: message too long (limit 4 bytes)\n");
}

#[test]
fn an_unfinished_farewell_before_eof_is_the_farewell() {
    let mut client = Client::new(DialectSpec { framing: Framing::Line, ..spec("receipt") });
    client.sends(b"bye");
    client.heard(b"");
    assert_eq!(client.ends(), Next::Close(Farewell::Word));
    client.heard(b"\xCA\xFD\xBE\xDD[bye]\xCA\xD5\xB5\xBD\xC1\xCB!\n");
}

#[test]
fn a_drain_ends_at_once_when_nothing_waits_and_takes_an_unfinished_line_for_no_message() {
    let mut client = Client::new(spec("hello"));
    client.sends(b"Ann\nBob");
    client.heard(b"Hello, Ann!\n");
    assert_eq!(client.session.finish(), Next::Close(Farewell::Drained));
    assert_eq!(client.sends(b"by\n"), Next::Close(Farewell::Drained));
    assert_eq!(client.ends(), Next::Close(Farewell::Drained));
    client.heard(b"");
    assert_eq!(client.session.held(), 0);
}

#[test]
fn a_dialect_without_a_reply_listens_until_the_farewell() {
    for framing in [Framing::Raw, Framing::Line] {
        let mut client =
            Client::new(DialectSpec { framing, farewell: text("a\u{e9}"), ..DialectSpec::default() });
        assert_eq!(client.sends(b"Ann"), Next::Read);
        client.sends(b"\n");
        let word = if framing == Framing::Raw { &b"a\xC3\xA9"[..] } else { b"a\xC3\xA9\n" };
        assert_eq!(client.sends(word), Next::Close(Farewell::Word));
        client.heard(b"");
    }
}

#[test]
fn the_quick_path_and_the_usual_one_give_the_same_answers_at_every_length_and_cut() {
    let quick =
        Arc::new(Dialect::new("test", DialectSpec { framing: Framing::Line, ..spec("hello") }).unwrap());
    let usual = Arc::new(Dialect::clone(&quick).without_quick());
    assert!(quick.quick().is_some() && usual.quick().is_none());
    let now = Instant::now();
    for len in 0..80 {
        let name = &[b'e'; 80][..len];
        let stream = [b"Ann\r\n", name, b"\n\n", name, b"\r\nBob\nemit\n", name, b"\nexit\nx\n"].concat();
        for cut in 0..=stream.len() {
            let [mut one, mut other] =
                [&quick, &usual].map(|dialect| (Session::new(dialect.clone()), Vec::new()));
            for read in [&stream[..cut], &stream[cut..]] {
                let next = one.0.receive(read, now, &mut one.1);
                assert_eq!(next, other.0.receive(read, now, &mut other.1));
            }
            assert_eq!(one.1.escape_ascii().to_string(), other.1.escape_ascii().to_string());
            assert_eq!(one.0.peer_eof(now, &mut one.1), Next::Close(Farewell::Word));
        }
    }
}

#[test]
fn the_quick_path_answers_raw_reads_of_every_length_like_the_usual_one() {
    let quick =
        Arc::new(Dialect::new("test", DialectSpec { framing: Framing::Raw, ..spec("hello") }).unwrap());
    let stream: Vec<u8> = (1..=80).collect();
    for len in 0..=80 {
        let mut session = Session::new(quick.clone());
        let mut out = b"before".to_vec();
        assert_eq!(session.receive(&stream[..len], Instant::now(), &mut out), Next::Read);
        let answer = if len == 0 { Vec::new() } else { [b"Hello, ", &stream[..len], b"!"].concat() };
        assert_eq!(out, [&b"before"[..], &answer].concat());
    }
}

#[test]
fn many_pages_of_answers_come_out_whole() {
    let mut client = Client::new(DialectSpec { framing: Framing::Line, ..spec("hello") });
    let (mut stream, mut answers) = (Vec::new(), Vec::new());
    for number in 0..5000 {
        let name = "long ".repeat(number % 40) + &number.to_string();
        stream.extend_from_slice(format!("{name}\n").as_bytes());
        answers.extend_from_slice(format!("Hello, {name}!\n").as_bytes());
    }
    assert_eq!(client.sends(&stream), Next::Read);
    client.heard(&answers);
    assert_eq!(client.sends(&vec![b'\n'; 5000]), Next::Read);
    client.heard(&b"Hello, !\n".repeat(5000));
}
