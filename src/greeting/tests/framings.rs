//! Where a message ends.

use super::*;

fn lines(max_message: usize) -> Client {
    Client::new(DialectSpec { framing: Framing::Line, max_message, ..spec("hello") })
}

fn raw(max_message: usize) -> Client {
    Client::new(DialectSpec { framing: Framing::Raw, max_message, ..spec("hello") })
}

#[test]
fn the_welcome_ends_in_a_line_end_only_where_lines_are_configured() {
    for (framing, welcome) in
        [(Framing::Line, &b"Welcome!\n"[..]), (Framing::Raw, b"Welcome!"), (Framing::Auto, b"Welcome!")]
    {
        let mut client = Client::new(DialectSpec { framing, ..spec("hello") });
        client.session.open(&mut client.out);
        client.heard(welcome);
    }
    let mut client = Client::new(DialectSpec { welcome: None, framing: Framing::Line, ..spec("hello") });
    client.session.open(&mut client.out);
    client.heard(b"");
}

#[test]
fn auto_is_decided_by_the_first_read_and_never_again() {
    let mut client = Client::new(spec("hello"));
    client.sends(b"");
    client.sends(b"Ann");
    client.sends(b"Bob\n");
    client.heard(b"Hello, Ann!Hello, Bob\n!");

    let mut client = Client::new(spec("hello"));
    client.sends(b"Ann\nBo");
    client.sends(b"b");
    client.heard(b"Hello, Ann!\n");
    client.sends(b"\n");
    client.heard(b"Hello, Bob!\n");
}

#[test]
fn a_raw_read_over_the_limit_is_several_messages() {
    let mut client = raw(4);
    assert_eq!(client.sends(b"abcdefghi"), Next::Read);
    client.heard(b"Hello, abcd!Hello, efgh!Hello, i!");
    assert_eq!(client.sends(b"abcdexitfghi"), Next::Close(Farewell::Word));
    client.heard(b"Hello, abcd!");
    assert_eq!(client.session.held(), 0);
}

#[test]
fn in_raw_the_farewell_is_a_whole_read_and_nothing_else() {
    let mut client = raw(1024);
    for not_quite in [&b"exit\n"[..], b"exit\0", b" exit", b"Exit", b"exi", b"emit"] {
        assert_eq!(client.sends(not_quite), Next::Read);
        client.heard(&[b"Hello, ", not_quite, b"!"].concat());
    }
    assert_eq!(client.sends(b"exit"), Next::Close(Farewell::Word));
    client.heard(b"");
}

#[test]
fn each_line_is_answered_with_a_line_the_empty_one_too() {
    let mut client = lines(1024);
    assert_eq!(client.sends(b"\nAnn\n\r\nBob\r\n\n"), Next::Read);
    client.heard(b"Hello, !\nHello, Ann!\nHello, !\nHello, Bob!\nHello, !\n");
}

#[test]
fn only_one_carriage_return_belongs_to_the_line_end() {
    let mut client = lines(1024);
    client.sends(b"Ann\r\r\n\rBob\n\r\r\n");
    client.heard(b"Hello, Ann\r!\nHello, \rBob!\nHello, \r!\n");
}

#[test]
fn a_line_end_split_between_reads_is_one_line_end() {
    let mut client = lines(1024);
    client.sends(b"Ann\r");
    client.heard(b"");
    client.sends(b"\nexit\r");
    client.heard(b"Hello, Ann!\n");
    assert_eq!(client.sends(b"\n"), Next::Close(Farewell::Word));
    client.heard(b"");
}

#[test]
fn nul_bytes_and_broken_text_come_back_untouched() {
    let mut client = lines(1024);
    client.sends(b"\0\n\xFF\xFE\0\n");
    client.heard(b"Hello, \0!\nHello, \xFF\xFE\0!\n");
    let mut client = raw(1024);
    client.sends(b"\0\0\xC3");
    client.heard(b"Hello, \0\0\xC3!");
}

#[test]
fn what_follows_the_farewell_is_forgotten() {
    let mut client = lines(1024);
    assert_eq!(client.sends(b"Ann\nexit\nBob\nCarl"), Next::Close(Farewell::Word));
    client.heard(b"Hello, Ann!\n");
    assert_eq!(client.sends(b"Bob\n"), Next::Close(Farewell::Word));
    assert_eq!(client.ends(), Next::Close(Farewell::Word));
    assert_eq!(client.session.finish(), Next::Close(Farewell::Word));
    client.heard(b"");
    assert_eq!(client.session.held(), 0);
}

#[test]
fn a_farewell_is_a_whole_line_and_nothing_else() {
    let mut client = lines(1024);
    assert_eq!(client.sends(b"emit\nexit \nexits\nexi\neXit\n"), Next::Read);
    client.heard(b"Hello, emit!\nHello, exit !\nHello, exits!\nHello, exi!\nHello, eXit!\n");
}

#[test]
fn a_farewell_reply_ends_as_the_other_answers_do() {
    let mut client = Client::new(DialectSpec { farewell_reply: text("Bye, {message}."), ..spec("hello") });
    assert_eq!(client.sends(b"Ann\nexit\nBob\n"), Next::Close(Farewell::Word));
    client.heard(b"Hello, Ann!\nBye, exit.\n");
}

#[test]
fn a_line_of_the_limit_is_answered_and_one_byte_more_is_an_error_wherever_the_stream_is_cut() {
    const ERROR: &[u8] = b"error: message too long (limit 40 bytes)\n";
    let name = [b'x'; 40];
    let fits = [b"Ann\n", &name[..], b"\r\n", &name[..], b"\n"].concat();
    let answers = [b"Hello, Ann!\nHello, ", &name[..], b"!\nHello, ", &name[..], b"!\n"].concat();
    for (over, end) in [("y\n", "Bob\n"), ("y\r\n", "Bob\n"), ("\r\r\n", "Bob\n"), ("yyy", "")] {
        let stream = [&fits[..], &name, over.as_bytes(), end.as_bytes()].concat();
        for cut in 0..=stream.len() {
            let mut client = lines(40);
            client.sends(&stream[..cut]);
            let next = client.sends(&stream[cut..]);
            assert_eq!(client.sends(b"\n"), Next::Close(Farewell::TooLong), "cut at {cut}");
            assert!(cut == stream.len() || next == Next::Close(Farewell::TooLong), "cut at {cut}");
            client.heard(&[&answers[..], ERROR].concat());
        }
    }
}

#[test]
fn a_line_is_too_long_as_soon_as_no_line_end_can_save_it() {
    let mut client = lines(4);
    assert_eq!(client.sends(b"abcd"), Next::Read);
    assert_eq!(client.sends(b"\r"), Next::Read);
    assert_eq!(client.session.held(), 5);
    assert_eq!(client.sends(b"\n"), Next::Read);
    client.heard(b"Hello, abcd!\n");
    client.sends(b"abcd\r");
    assert_eq!(client.sends(b"\r"), Next::Close(Farewell::TooLong));
    client.heard(b"error: message too long (limit 4 bytes)\n");
    let mut client = lines(4);
    assert_eq!(client.sends(b"abcde"), Next::Close(Farewell::TooLong));
}

#[test]
fn a_mebibyte_without_a_line_end_is_refused_at_the_limit_in_one_read_or_many() {
    let flood = vec![b'x'; 1 << 20];
    for size in [1, 1000, 1025, 1 << 20] {
        let mut client = lines(1024);
        let mut most = 0;
        for read in flood.chunks(size) {
            client.sends(read);
            most = most.max(client.session.held());
        }
        client.heard(b"error: message too long (limit 1024 bytes)\n");
        assert!(most <= 1025, "held {most} bytes");
    }
}
