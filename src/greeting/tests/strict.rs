//! Text that must decode.

use super::*;

fn strict(name: &str, framing: Framing, max_message: usize) -> Client {
    Client::new(DialectSpec { strict: true, framing, max_message, ..spec(name) })
}

#[test]
fn a_line_that_is_not_text_is_refused_after_the_answers_before_it() {
    let mut client = strict("hello", Framing::Line, 1024);
    assert_eq!(client.sends(b"Zo\xC3\xAB\nZo\xEB\nAnn\n"), Next::Close(Farewell::NotText));
    client.heard(b"Hello, Zo\xC3\xAB!\nerror: message is not valid UTF-8\n");
}

#[test]
fn a_refusal_names_the_encoding_and_ends_in_no_line_end_in_raw() {
    let mut client = strict("receipt", Framing::Raw, 1024);
    assert_eq!(client.sends(b"\xC4\xE3\xFF\xFF"), Next::Close(Farewell::NotText));
    client.heard(b"error: message is not valid GBK");
}

#[test]
fn an_unfinished_character_at_a_line_end_is_not_text() {
    let mut client = strict("receipt", Framing::Line, 1024);
    assert_eq!(client.sends(b"\xC4\n"), Next::Close(Farewell::NotText));
    client.heard(b"error: message is not valid GBK\n");
}

#[test]
fn in_lines_a_character_split_between_reads_is_one_character() {
    let mut client = strict("hello", Framing::Line, 1024);
    client.sends(b"Zo\xC3");
    assert_eq!(client.sends(b"\xAB\n"), Next::Read);
    client.heard(b"Hello, Zo\xC3\xAB!\n");
}

#[test]
fn in_raw_a_character_split_between_reads_waits_for_its_rest() {
    let mut client = strict("receipt", Framing::Raw, 1024);
    assert_eq!(client.sends(b"\xC4\xE3\xBA"), Next::Read);
    client.heard(b"\xCA\xFD\xBE\xDD[\xC4\xE3]\xCA\xD5\xB5\xBD\xC1\xCB!");
    assert_eq!(client.session.held(), 1);
    assert_eq!(client.sends(b"\xC3"), Next::Read);
    client.heard(b"\xCA\xFD\xBE\xDD[\xBA\xC3]\xCA\xD5\xB5\xBD\xC1\xCB!");
    assert_eq!(client.session.held(), 0);
}

#[test]
fn in_raw_a_character_may_come_one_byte_a_read() {
    let mut client = strict("hello", Framing::Raw, 1024);
    for byte in "😀".as_bytes() {
        client.heard(b"");
        assert_eq!(client.sends(&[*byte]), Next::Read);
    }
    client.heard("Hello, 😀!".as_bytes());
}

#[test]
fn in_raw_a_long_read_is_cut_between_characters() {
    let mut client = strict("hello", Framing::Raw, 4);
    assert_eq!(client.sends("ab是的ë\u{1F600}x".as_bytes()), Next::Read);
    client.heard("Hello, ab!Hello, 是!Hello, 的!Hello, ë!Hello, 😀!Hello, x!".as_bytes());
}

#[test]
fn an_unfinished_character_before_eof_is_not_text() {
    let mut client = strict("hello", Framing::Raw, 1024);
    client.sends(b"Ann\xE6\x98");
    client.heard(b"Hello, Ann!");
    assert_eq!(client.ends(), Next::Close(Farewell::NotText));
    client.heard(b"error: message is not valid UTF-8");
}

#[test]
fn an_unfinished_character_is_no_message_to_a_drain() {
    let mut client = strict("hello", Framing::Raw, 1024);
    client.sends(b"\xE6\x98");
    assert_eq!(client.session.finish(), Next::Close(Farewell::Drained));
    client.heard(b"");
}

#[test]
fn the_farewell_and_the_delay_hold_in_strict_dialects_too() {
    let mut client = strict("patient", Framing::Raw, 1024);
    let second = Duration::from_secs(1);
    client.sends(b"Zo\xC3");
    client.now += second / 2;
    client.sends(b"\xAB");
    client.sends(b"exit");
    client.heard(b"");
    assert_eq!(client.waits(second / 2), Next::Wait(client.now + second));
    client.heard(b"Hello, Zo!");
    assert_eq!(client.waits(second), Next::Wait(client.now + second));
    client.heard("Hello, ë!".as_bytes());
    assert_eq!(client.waits(second), Next::Close(Farewell::Word));
    client.heard(b"");
}

#[test]
fn without_strict_anything_passes_as_it_comes() {
    let mut client = Client::new(spec("receipt"));
    assert_eq!(client.sends(b"\xFF"), Next::Read);
    client.heard(b"\xCA\xFD\xBE\xDD[\xFF]\xCA\xD5\xB5\xBD\xC1\xCB!");
}
