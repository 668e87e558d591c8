//! `mini_redis`, asked by redis-cli, redis-benchmark and bare sockets.

use super::{peak_kib, port, run};
use crate::support::{Example, Peer, eventually};
use std::io::Read;
use std::time::{Duration, Instant};

fn redis() -> Example {
    Example::start("mini_redis", &["tcp://127.0.0.1:0"])
}

/// A request as clients send it.
fn request(words: &[&[u8]]) -> Vec<u8> {
    let mut request = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        request.extend([format!("${}\r\n", word.len()).as_bytes(), word, b"\r\n"].concat());
    }
    request
}

#[track_caller]
fn ask(client: &mut Peer, line: &str, answer: &str) {
    client.send(format!("{line}\r\n"));
    client.expect(answer.replace('\n', "\r\n"));
}

#[test]
fn redis_cli_sets_and_gets() {
    let redis = redis();
    let cli = |line: &str| {
        let words = line.split(' ');
        run("redis-cli", &["-p", port(&redis.address)].into_iter().chain(words).collect::<Vec<_>>())
    };
    for (line, answer) in [
        ("PING", "PONG"),
        ("SET colour blue EX 60", "OK"),
        ("GET colour", "blue"),
        ("TTL colour", "60"),
        ("SET colour red NX", ""),
        ("INCRBY n 41", "41"),
        ("INCR n", "42"),
        ("MSET a 1 b 2", "OK"),
        ("MGET a b c", "1\n2\n"),
        ("EXISTS a b c", "2"),
        ("DEL a b c", "2"),
        ("CONFIG GET save", "save\n"),
        ("SELECT 0", "OK"),
        ("DBSIZE", "2"),
        ("FLUSHALL", "OK"),
        ("DBSIZE", "0"),
    ] {
        let Some(said) = cli(line) else { return };
        assert_eq!(said, answer, "{line}");
    }
}

#[test]
fn redis_cli_hears_what_another_publishes() {
    let redis = redis();
    let port = port(&redis.address);
    let Some(listener) = super::start("redis-cli", &["-p", port, "SUBSCRIBE", "news"]) else { return };
    // Nobody hears what was published before it has subscribed.
    eventually("somebody listens", || {
        run("redis-cli", &["-p", port, "PUBLISH", "news", "hullo"]).unwrap() == "1"
    });
    let heard = listener
        .wait_for(crate::support::PATIENCE, |said| said.out.contains(&"hullo".to_owned()).then_some(()));
    assert!(heard.is_some(), "{:?}", listener.said());
}

#[test]
fn redis_benchmark_gets_all_its_answers() {
    let redis = redis();
    let arguments = "-n 20000 -c 50 -P 16 -q -t set,get,incr,ping,mset -p";
    let arguments: Vec<&str> = arguments.split(' ').chain([port(&redis.address)]).collect();
    let Some(said) = run("redis-benchmark", &arguments) else { return };
    assert_eq!(said.matches("requests per second").count(), 6, "{said}");
}

#[test]
fn requests_are_answered_however_they_are_cut_and_joined() {
    let redis = redis();
    let mut client = redis.connect();
    let long = vec![b'\n'; 200_000];
    let requests = [
        request(&[b"SET", b"key", b"a\r\nb"]),
        b"get key\r\n\r\nPING\n".to_vec(),
        request(&[b"SET", b"long", &long]),
        request(&[b"GET", b"long"]),
        request(&[b"ECHO", b""]),
    ]
    .concat();
    let mut answers = b"+OK\r\n$4\r\na\r\nb\r\n+PONG\r\n+OK\r\n$200000\r\n".to_vec();
    answers.extend([&long[..], b"\r\n$0\r\n\r\n"].concat());
    client.send(&requests);
    client.expect(&answers);
    let (start, end) = requests.split_at(64);
    for byte in start {
        client.send([*byte]);
    }
    for part in end.chunks(997) {
        client.send(part);
    }
    client.end();
    client.expect_last(&answers);
}

#[test]
fn keys_are_gone_when_their_time_is_up_and_not_before() {
    let redis = redis();
    let mut client = redis.connect();
    let start = Instant::now();
    ask(&mut client, "SET short 1 PX 200", "+OK\n");
    ask(&mut client, "SET long 1 EX 100", "+OK\n");
    ask(&mut client, "SET kept 1 PX 200", "+OK\n");
    ask(&mut client, "SET kept 2", "+OK\n");
    ask(&mut client, "INCR short", ":2\n");
    ask(&mut client, "TTL kept", ":-1\n");
    ask(&mut client, "TTL none", ":-2\n");
    ask(&mut client, "TTL long", ":100\n");
    let mut is_gone = || {
        client.send("EXISTS short\r\n");
        let mut answer = [0; 4];
        client.read_exact(&mut answer).unwrap();
        answer == *b":0\r\n"
    };
    eventually("the key is gone", &mut is_gone);
    assert!(start.elapsed() >= Duration::from_millis(200));
    ask(&mut client, "EXPIRE long 0", ":1\n");
    ask(&mut client, "EXPIRE long 10", ":0\n");
    ask(&mut client, "MGET short long kept", "*3\n$-1\n$-1\n$1\n2\n");
    ask(&mut client, "FLUSHALL", "+OK\n");
    ask(&mut client, "DBSIZE", ":0\n");
}

#[test]
fn what_makes_no_sense_is_an_error_and_changes_nothing() {
    let redis = redis();
    let mut client = redis.connect();
    ask(&mut client, "SET n 9223372036854775807", "+OK\n");
    ask(&mut client, "INCR n", "-ERR increment or decrement would overflow\n");
    ask(&mut client, "SET word x", "+OK\n");
    for line in ["INCR word", "INCRBY n 1.5", "EXPIRE n soon", "SET n 1 EX 9223372036854775807"] {
        ask(&mut client, line, "-ERR value is not an integer or out of range\n");
    }
    ask(&mut client, "SET n 1 EX 0", "-ERR invalid expire time in 'set' command\n");
    ask(&mut client, "SET n 1 NX XX", "-ERR syntax error\n");
    ask(&mut client, "SET n 1 EX", "-ERR syntax error\n");
    ask(&mut client, "SET m 1 XX", "$-1\n");
    for line in ["GET", "MSET a", "MSET a 1 b", "SUBSCRIBE", "SELECT 1", "HELLO 3", "DEL"] {
        ask(&mut client, line, "-ERR unknown command, or a wrong number of arguments for it\n");
    }
    ask(&mut client, "GET n", "$19\n9223372036854775807\n");
}

#[test]
fn a_subscriber_hears_its_channels_and_may_leave_them() {
    let redis = redis();
    let (mut ann, mut michael) = (redis.connect(), redis.connect());
    ask(&mut ann, "UNSUBSCRIBE", "*3\n$11\nunsubscribe\n$-1\n:0\n");
    ask(&mut ann, "SUBSCRIBE a b", "*3\n$9\nsubscribe\n$1\na\n:1\n*3\n$9\nsubscribe\n$1\nb\n:2\n");
    ask(&mut ann, "GET a", "-ERR a subscriber can (UN)SUBSCRIBE, PING and QUIT\n");
    ask(&mut ann, "PING", "*2\n$4\npong\n$0\n\n");
    ask(&mut michael, "PUBLISH a hullo", ":1\n");
    ann.expect("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\nhullo\r\n");
    ask(&mut ann, "UNSUBSCRIBE", "*3\n$11\nunsubscribe\n$1\na\n:1\n*3\n$11\nunsubscribe\n$1\nb\n:0\n");
    ask(&mut michael, "PUBLISH a hullo", ":0\n");
    ask(&mut ann, "GET a", "$-1\n");
    ask(&mut ann, "QUIT", "+OK\n");
    ann.expect_last("");
}

#[test]
fn hostile_requests_end_in_an_error_and_nobody_else_notices() {
    let redis = redis();
    let endless = [b"*2\r\n$3\r\nGET\r\n".to_vec(), vec![b'x'; 20_000]].concat();
    let split =
        [b"*100\r\n".to_vec(), [b"$500000\r\n", &vec![b'x'; 500_000][..], b"\r\n"].concat().repeat(3)]
            .concat();
    for hostile in [
        &b"*9999999999999999999\r\n"[..],
        b"*-1\r\n",
        b"*129\r\n",
        b"*1\r\n$99999999999\r\n",
        b"*1\r\n$524289\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n+PING\r\n",
        b"*1\r\n$4\r\nPINGPING\r\n",
        &[b'x'; 20_000],
        &endless,
        &split,
    ] {
        let mut client = redis.connect();
        client.send([b"PING\r\n", hostile].concat());
        let mut answers = String::new();
        client.read_to_string(&mut answers).unwrap();
        let error = answers.strip_prefix("+PONG\r\n-ERR Protocol error: ");
        assert!(error.is_some_and(|error| error.ends_with("\r\n")), "{answers}");
    }
    ask(&mut redis.connect(), "PING", "+PONG\n");
}

#[test]
fn a_client_that_reads_late_costs_little_and_loses_nothing() {
    let redis = redis();
    let mut client = redis.connect();
    let value = vec![b'x'; 100_000];
    client.send(request(&[b"SET", b"key", &value]));
    client.expect("+OK\r\n");
    // 200 MB of answers to a few kilobytes of questions.
    client.send("GET key\r\n".repeat(2000));
    ask(&mut redis.connect(), "PING", "+PONG\n");
    let peak = peak_kib(&redis.process);
    assert!(peak < 64 * 1024, "{peak} KiB");
    client.end();
    let answer = [b"$100000\r\n", &value[..], b"\r\n"].concat();
    for _ in 0..2000 {
        client.expect(&answer);
    }
    client.expect_last("");
}
