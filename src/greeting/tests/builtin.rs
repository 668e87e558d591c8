//! The dialects that are built in.

use super::*;

#[test]
fn hello_answers_in_raw_and_ends_at_exit() {
    let mut client = Client::of("hello", b"Welcome!");
    assert_eq!(client.sends(b"Michael"), Next::Read);
    client.heard(b"Hello, Michael!");
    assert_eq!(client.sends(b"exit"), Next::Close(Farewell::Word));
    client.heard(b"");
}

#[test]
fn hello_answers_lines_to_who_begins_with_a_line() {
    let mut client = Client::of("hello", b"Welcome!");
    assert_eq!(client.sends(b"Michael\n"), Next::Read);
    client.heard(b"Hello, Michael!\n");
    assert_eq!(client.sends(b"exit\n"), Next::Close(Farewell::Word));
    client.heard(b"");
}

#[test]
fn patient_looks_at_each_message_after_a_second() {
    let mut client = Client::of("patient", b"Welcome!");
    let due = client.now + Duration::from_secs(1);
    assert_eq!(client.sends(b"Michael"), Next::Wait(due));
    client.heard(b"");
    assert_eq!(client.waits(Duration::from_secs(1)), Next::Read);
    client.heard(b"Hello, Michael!");
    assert_eq!(client.sends(b"exit"), Next::Wait(due + Duration::from_secs(1)));
    assert_eq!(client.waits(Duration::from_secs(1)), Next::Close(Farewell::Word));
    client.heard(b"");
}

#[test]
fn plain_answers_without_an_exclamation_mark_after_a_second() {
    let mut client = Client::of("plain", b"Welcome!");
    assert_eq!(client.sends(b"Tracy"), Next::Wait(client.now + Duration::from_secs(1)));
    assert_eq!(client.waits(Duration::from_secs(1)), Next::Read);
    client.heard(b"Hello, Tracy");
    client.sends(b"exit");
    assert_eq!(client.waits(Duration::from_secs(1)), Next::Close(Farewell::Word));
    client.heard(b"");
}

#[test]
fn receipt_answers_in_gbk_and_answers_bye_too() {
    let mut client = Client::of("receipt", b"");
    assert_eq!(client.sends(b"\xC4\xE3\xBA\xC3"), Next::Read);
    client.heard(b"\xCA\xFD\xBE\xDD[\xC4\xE3\xBA\xC3]\xCA\xD5\xB5\xBD\xC1\xCB!");
    assert_eq!(client.sends(b"bye"), Next::Close(Farewell::Word));
    client.heard(b"\xCA\xFD\xBE\xDD[bye]\xCA\xD5\xB5\xBD\xC1\xCB!");
}

#[test]
fn indeed_agrees_with_everything_and_knows_no_farewell() {
    let mut client = Client::of("indeed", b"Hello WorldAAA");
    assert_eq!(client.sends(b"exit"), Next::Read);
    client.heard(b"exit \xE6\x98\xAF\xE7\x9A\x84\xE5\x91\xA2");
    assert_eq!(client.sends(b"bye"), Next::Read);
    client.heard(b"bye \xE6\x98\xAF\xE7\x9A\x84\xE5\x91\xA2");
}

#[test]
fn once_says_who_it_is_and_closes() {
    let mut client = Client::of("once", b"");
    assert_eq!(client.sends(b"anything"), Next::Close(Farewell::AfterReply));
    client.heard(b"\xE6\x88\x91\xE6\x98\xAFServer");

    let mut client = Client::of("once", b"");
    assert_eq!(client.sends(b"two\nlines\n"), Next::Close(Farewell::AfterReply));
    client.heard(b"\xE6\x88\x91\xE6\x98\xAFServer\n");
}

fn datagram(name: &str, bytes: &[u8]) -> (Verdict, Vec<u8>) {
    let dialect = Arc::new(Dialect::builtin(name, Transport::Datagram).unwrap());
    let mut out = Vec::new();
    let from = Sender::Inet("127.0.0.1:40000".parse().unwrap());
    let verdict =
        Responder::new(dialect, Guard::default()).respond(bytes, false, from, Instant::now(), &mut out);
    (verdict, out)
}

#[test]
fn hello_answers_a_datagram_and_knows_no_farewell_there() {
    assert_eq!(datagram("hello", b"Tracy"), (Verdict::Answer, b"Hello, Tracy!".to_vec()));
    assert_eq!(datagram("hello", b"exit"), (Verdict::Answer, b"Hello, exit!".to_vec()));
    assert_eq!(datagram("hello", b"line\n"), (Verdict::Answer, b"Hello, line\n!".to_vec()));
}

#[test]
fn echo_repeats_any_bytes_of_a_datagram() {
    assert_eq!(datagram("echo", b"\x00\xFF\r\n"), (Verdict::Answer, b"Echo: \x00\xFF\r\n!".to_vec()));
}

#[test]
fn quiet_answers_only_bye() {
    assert_eq!(datagram("quiet", b"hello"), (Verdict::Silent(Silence::ByDialect), Vec::new()));
    assert_eq!(datagram("quiet", b"bye"), (Verdict::Answer, b"bye".to_vec()));
    assert_eq!(datagram("quiet", b"bye\n"), (Verdict::Silent(Silence::ByDialect), Vec::new()));
}
