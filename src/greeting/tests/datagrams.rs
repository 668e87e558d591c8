//! One datagram in, at most one out.

use std::net::{IpAddr, SocketAddr};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const OUTSIDE: &str = "192.0.2.7:40000";
const LOOPBACK: &str = "127.0.0.1:40000";

/// A responder, its clock, and its last answer.
struct Server {
    responder: Responder,
    now: Instant,
    out: Vec<u8>,
}

impl Server {
    fn new(spec: DialectSpec, guard: Guard) -> Server {
        let dialect = Arc::new(Dialect::new("test", spec).unwrap());
        Server { responder: Responder::new(dialect, guard), now: Instant::now(), out: Vec::new() }
    }

    fn of(name: &str) -> Server {
        Server::new(datagrams(name), Guard::default())
    }

    fn gets(&mut self, bytes: &[u8], from: &str) -> Verdict {
        self.gets_from(bytes, Sender::Inet(from.parse().unwrap()))
    }

    fn gets_from(&mut self, bytes: &[u8], from: Sender<'_>) -> Verdict {
        self.out.clear();
        let verdict = self.responder.respond(bytes, false, from, self.now, &mut self.out);
        let silent = matches!(verdict, Verdict::Silent(_) | Verdict::Stop);
        assert_eq!(self.out.is_empty(), silent, "{verdict:?} with {:?}", self.out);
        verdict
    }

    /// How many of so many datagrams are answered.
    fn answers(&mut self, datagrams: usize, from: &str) -> usize {
        (0..datagrams).filter(|_| self.gets(b"Ann", from) == Verdict::Answer).count()
    }
}

fn datagrams(name: &str) -> DialectSpec {
    Dialect::builtin(name, Transport::Datagram).unwrap().spec().clone()
}

fn silent(why: Silence) -> Verdict {
    Verdict::Silent(why)
}

#[test]
fn an_answer_is_appended_to_what_is_there() {
    let mut server = Server::of("hello");
    let mut out = b"before".to_vec();
    let from = Sender::Inet(OUTSIDE.parse().unwrap());
    assert_eq!(server.responder.respond(b"Ann", false, from, server.now, &mut out), Verdict::Answer);
    assert_eq!(out, b"beforeHello, Ann!");
}

#[test]
fn what_is_too_long_or_truncated_or_empty_is_not_answered() {
    let mut server = Server::of("hello");
    assert_eq!(server.gets(&[b'x'; 1024], LOOPBACK), Verdict::Answer);
    assert_eq!(server.out, [b"Hello, ", &[b'x'; 1024][..], b"!"].concat());
    assert_eq!(server.gets(&[b'x'; 1025], LOOPBACK), silent(Silence::TooLong));
    assert_eq!(server.gets(b"", LOOPBACK), silent(Silence::Empty));
    let from = Sender::Inet(LOOPBACK.parse().unwrap());
    let verdict = server.responder.respond(b"Ann", true, from, server.now, &mut Vec::new());
    assert_eq!(verdict, silent(Silence::TooLong));
}

#[test]
fn the_form_of_our_own_answer_is_not_answered() {
    for (name, own) in [("hello", "Hello, Ann!"), ("hello", "Hello, !"), ("echo", "Echo: \u{0}!")] {
        assert_eq!(Server::of(name).gets(own.as_bytes(), LOOPBACK), silent(Silence::OwnForm));
    }
    for foreign in ["Hello, Ann", "hello, Ann!", " Hello, Ann!", "Hello,!"] {
        assert_eq!(Server::of("hello").gets(foreign.as_bytes(), LOOPBACK), Verdict::Answer);
    }
}

#[test]
fn two_servers_of_one_dialect_fall_silent_at_the_first_answer() {
    for name in ["hello", "echo"] {
        let (mut one, mut other) = (Server::of(name), Server::of(name));
        one.gets(b"spark", LOOPBACK);
        assert_eq!(other.gets(&one.out, LOOPBACK), silent(Silence::OwnForm));
    }
}

#[test]
fn two_servers_of_different_dialects_grow_out_of_their_loop() {
    let (mut hello, mut echo) = (Server::of("hello"), Server::of("echo"));
    let mut datagram = b"spark".to_vec();
    let mut rounds = 0;
    while hello.gets(&datagram, LOOPBACK) == Verdict::Answer
        && echo.gets(&hello.out, LOOPBACK) == Verdict::Answer
    {
        datagram.clone_from(&echo.out);
        rounds += 1;
        assert!(rounds < 100);
    }
}

#[test]
fn a_constant_reply_cannot_loop_faster_than_the_rate_even_on_loopback() {
    for guard in [Guard::default(), Guard { rate: None, ..Guard::default() }] {
        let mut server = Server::new(DialectSpec { reply: text("got it"), ..DialectSpec::default() }, guard);
        assert_eq!(server.gets(b"got it", LOOPBACK), silent(Silence::OwnForm));
        assert_eq!(server.answers(300, LOOPBACK), 200);
    }
}

#[test]
fn a_reply_that_is_the_message_itself_is_bounded_by_rate_and_not_by_form() {
    let mut server =
        Server::new(DialectSpec { reply: text("{message}"), ..DialectSpec::default() }, Guard::default());
    assert_eq!(server.gets(b"Ann", LOOPBACK), Verdict::Answer);
    assert_eq!(server.out, b"Ann");
    assert_eq!(server.answers(300, LOOPBACK), 199);
}

#[test]
fn an_empty_reply_is_no_answer() {
    let mut server = Server::new(DialectSpec { reply: text(""), ..DialectSpec::default() }, Guard::default());
    assert_eq!(server.gets(b"Ann", LOOPBACK), silent(Silence::ByDialect));
}

#[test]
fn the_ports_of_automatic_services_are_not_answered_on_any_address() {
    let mut server = Server::of("hello");
    for port in [0, 7, 13, 17, 19, 37, 53, 69, 111, 123, 137, 161, 389, 1900, 5353, 11211] {
        for host in ["127.0.0.1", "192.0.2.7", "[2001:db8::1]"] {
            assert_eq!(server.gets(b"Ann", &format!("{host}:{port}")), silent(Silence::Port));
        }
    }
    for port in [1, 8, 54, 1901, 65535] {
        assert_eq!(server.gets(b"Ann", &format!("127.0.0.1:{port}")), Verdict::Answer);
    }
}

#[test]
fn a_unix_sender_is_answered_and_one_without_a_name_is_not() {
    let mut server = Server::of("hello");
    assert_eq!(server.gets_from(b"Ann", Sender::Local(b"/run/ann.sock")), Verdict::Answer);
    assert_eq!(server.gets_from(b"Ann", Sender::Unnamed), silent(Silence::Unnamed));
}

#[test]
fn strict_drops_what_is_not_text_in_silence() {
    let mut server = Server::new(DialectSpec { strict: true, ..datagrams("hello") }, Guard::default());
    assert_eq!(server.gets(b"Zo\xC3\xAB", LOOPBACK), Verdict::Answer);
    assert_eq!(server.gets(b"Zo\xC3", LOOPBACK), silent(Silence::NotText));
}

#[test]
fn a_source_gets_its_burst_and_then_its_rate_whatever_its_port() {
    let mut server = Server::of("hello");
    assert_eq!(server.answers(199, OUTSIDE), 199);
    assert_eq!(server.answers(100, "192.0.2.7:40001"), 1);
    assert_eq!(server.gets(b"Ann", OUTSIDE), silent(Silence::Rate));
    assert_eq!(server.gets(b"Ann", "192.0.2.8:40000"), Verdict::Answer);
    server.now += SECOND;
    assert_eq!(server.answers(300, OUTSIDE), 100);
    server.now += Duration::from_millis(9);
    assert_eq!(server.answers(1, OUTSIDE), 0);
    server.now += Duration::from_millis(1);
    assert_eq!(server.answers(2, OUTSIDE), 1);
    server.now += 100 * SECOND;
    assert_eq!(server.answers(300, OUTSIDE), 200);
}

#[test]
fn loopback_and_unix_sockets_have_no_rate_unless_they_are_given_one() {
    let mut server = Server::of("hello");
    for from in [LOOPBACK, "[::1]:40000", "[::ffff:127.0.0.1]:40000"] {
        assert_eq!(server.answers(1000, from), 1000);
    }
    let mut server = Server::new(datagrams("hello"), Guard { on_loopback: true, ..Guard::default() });
    for from in [LOOPBACK, "[::1]:40000"] {
        assert_eq!(server.answers(1000, from), 200);
    }
    let unix = |_: &usize| server.gets_from(b"Ann", Sender::Local(b"/run/ann.sock")) == Verdict::Answer;
    assert_eq!((0..1000).filter(unix).count(), 200);
}

#[test]
fn a_mapped_address_is_the_address_it_maps() {
    let mut server = Server::of("hello");
    assert_eq!(server.answers(200, "[::ffff:192.0.2.7]:40000"), 200);
    assert_eq!(server.gets(b"Ann", OUTSIDE), silent(Silence::Rate));
}

#[test]
fn the_rate_can_be_set_and_taken_away_and_is_never_nothing() {
    let rate = |per_second, burst| Guard { rate: Some(Rate { per_second, burst }), ..Guard::default() };
    let mut server = Server::new(datagrams("hello"), rate(2, 3));
    assert_eq!(server.answers(9, OUTSIDE), 3);
    server.now += SECOND / 2;
    assert_eq!(server.answers(9, OUTSIDE), 1);

    let mut server = Server::new(datagrams("hello"), rate(0, 0));
    assert_eq!(server.answers(9, OUTSIDE), 1);
    server.now += SECOND;
    assert_eq!(server.answers(9, OUTSIDE), 1);

    let mut server = Server::new(datagrams("hello"), Guard { rate: None, ..Guard::default() });
    assert_eq!(server.answers(9999, OUTSIDE), 9999);
}

#[test]
fn the_least_recent_source_is_forgotten_when_too_many_come() {
    let guard = Guard { rate: Some(Rate { per_second: 1, burst: 1 }), sources: 2, ..Guard::default() };
    let mut server = Server::new(datagrams("hello"), guard);
    let mut answered = |host: u8| {
        let from = SocketAddr::new(IpAddr::from([192, 0, 2, host]), 40000);
        server.gets_from(b"Ann", Sender::Inet(from)) == Verdict::Answer
    };
    assert!(answered(1) && answered(2));
    assert!(!answered(1), "asking again makes it the most recent");
    assert!(answered(3), "2 goes");
    assert!(!answered(1) && !answered(3));
    assert!(answered(2), "it is new again");
}

#[test]
fn bye_is_answered_once_in_five_seconds_to_each_address_and_port() {
    let mut server = Server::of("quiet");
    assert_eq!(server.gets(b"bye", LOOPBACK), Verdict::Answer);
    assert_eq!(server.out, b"bye");
    assert_eq!(server.gets(b"bye", LOOPBACK), silent(Silence::RecentFarewell));
    assert_eq!(server.gets(b"bye", "127.0.0.1:40001"), Verdict::Answer);
    assert_eq!(server.gets_from(b"bye", Sender::Local(b"a")), Verdict::Answer);
    assert_eq!(server.gets_from(b"bye", Sender::Local(b"b")), Verdict::Answer);
    assert_eq!(server.gets_from(b"bye", Sender::Local(b"a")), silent(Silence::RecentFarewell));
    server.now += 5 * SECOND - Duration::from_nanos(1);
    assert_eq!(server.gets(b"bye", LOOPBACK), silent(Silence::RecentFarewell));
    server.now += Duration::from_nanos(1);
    assert_eq!(server.gets(b"bye", LOOPBACK), Verdict::Answer);
}

#[test]
fn two_quiet_servers_say_bye_to_each_other_twice_at_most() {
    let (mut one, mut other) = (Server::of("quiet"), Server::of("quiet"));
    assert_eq!(one.gets(b"bye", LOOPBACK), Verdict::Answer);
    assert_eq!(other.gets(b"bye", LOOPBACK), Verdict::Answer);
    assert_eq!(one.gets(b"bye", LOOPBACK), silent(Silence::RecentFarewell));
}

#[test]
fn byes_are_rated_and_bounded_like_other_answers() {
    let mut server = Server::of("quiet");
    let answered = (1..=1000)
        .filter(|port| server.gets(b"bye", &format!("192.0.2.7:{}", 40000 + port)) == Verdict::Answer);
    assert_eq!(answered.count(), 200);

    let guard = Guard { sources: 2, ..Guard::default() };
    let mut server = Server::new(datagrams("quiet"), guard);
    for port in [1, 2, 3] {
        assert_eq!(server.gets(b"bye", &format!("127.0.0.1:4000{port}")), Verdict::Answer);
    }
    assert_eq!(server.gets(b"bye", "127.0.0.1:40003"), silent(Silence::RecentFarewell));
    assert_eq!(server.gets(b"bye", "127.0.0.1:40001"), Verdict::Answer, "two others made it forgotten");
}

#[test]
fn with_stop_on_farewell_any_farewell_closes_the_socket() {
    let stopping = DialectSpec { stop_on_farewell: true, ..datagrams("quiet") };
    let mut server = Server::new(stopping.clone(), Guard::default());
    assert_eq!(server.gets(b"Ann", LOOPBACK), silent(Silence::ByDialect));
    assert_eq!(server.gets(b"bye", "127.0.0.1:53"), silent(Silence::Port));
    assert_eq!(server.gets(b"bye", LOOPBACK), Verdict::AnswerAndStop);
    assert_eq!(server.out, b"bye");
    assert_eq!(server.gets(b"bye", LOOPBACK), Verdict::Stop);

    let mut server = Server::new(DialectSpec { farewell_reply: None, ..stopping }, Guard::default());
    assert_eq!(server.gets(b"bye", LOOPBACK), Verdict::Stop);
}

#[test]
fn the_form_of_our_own_farewell_answer_is_not_answered_either() {
    let spec =
        DialectSpec { farewell: text("exit"), farewell_reply: text("{message}, Ann"), ..datagrams("hello") };
    let mut server = Server::new(spec, Guard::default());
    assert_eq!(server.gets(b"exit", LOOPBACK), Verdict::Answer);
    assert_eq!(server.out, b"exit, Ann");
    assert_eq!(server.gets(b"exit, Ann", LOOPBACK), silent(Silence::OwnForm));
    assert_eq!(server.gets(b"Ann", LOOPBACK), Verdict::Answer);
}

#[test]
fn a_clock_that_stands_or_steps_back_is_no_reason_to_panic() {
    let mut server = Server::of("quiet");
    server.now += 10 * SECOND;
    server.gets(b"bye", OUTSIDE);
    server.now -= 9 * SECOND;
    assert_eq!(server.gets(b"bye", OUTSIDE), silent(Silence::RecentFarewell));
    assert_eq!(server.gets(b"bye", "192.0.2.7:1"), silent(Silence::Rate));
    assert_eq!(server.gets(b"bye", "192.0.2.8:1"), Verdict::Answer);
}

#[test]
fn every_silence_has_its_number_and_its_words() {
    for (number, silence) in Silence::ALL.into_iter().enumerate() {
        assert_eq!(silence as usize, number);
    }
    let words: std::collections::HashSet<_> = Silence::ALL.iter().map(Silence::to_string).collect();
    assert_eq!(words.len(), Silence::ALL.len());
}
