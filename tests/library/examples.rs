//! Every example, run as a process and used.

use crate::support::{Daemon, Example, PATIENCE, Peer, Process, TempDir, example, skip, udp, uninterrupted};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const HERE: &str = "tcp://127.0.0.1:0";

/// Those that have a test below, or in `services`.
const TESTED: &[&str] = &[
    "blocking_greeter",
    "chat",
    "dns_forwarder",
    "echo",
    "http_hello",
    "in_tokio",
    "kv",
    "mini_redis",
    "mqtt",
    "ping",
    "remote",
    "socks5",
    "tcp_proxy",
    "ticker",
    "tls_echo",
    "udp_echo",
];

/// Those that are a whole service.
const SERVICES: &[&str] = &["dns_forwarder", "mini_redis", "mqtt", "socks5"];

#[test]
fn every_example_has_a_test_and_says_how_to_run_it_and_is_short() {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path.file_name().unwrap().to_str().unwrap().strip_suffix(".rs") else { continue };
        let text = std::fs::read_to_string(&path).unwrap();
        let command = format!("//! cargo run --release --example {name}");
        assert!(text.starts_with(&command), "{name} begins with: {:?}", text.lines().next());
        let most = if SERVICES.contains(&name) { 250 } else { 115 };
        assert!(text.lines().count() <= most, "{name} has {} lines", text.lines().count());
        names.insert(name.to_owned());
    }
    assert_eq!(names, TESTED.iter().map(|name| name.to_string()).collect());
}

#[test]
fn echo_answers_with_what_it_gets() {
    // The first program of the docs takes no argument: its port is the one that people are told.
    if let Err(error) = std::net::TcpListener::bind("127.0.0.1:7000") {
        return skip(&format!("echo cannot have port 7000: {error}"));
    }
    let example = Example::start("echo", &[]);
    echoes(&mut example.connect());
}

#[test]
fn chat_says_to_all_others_what_one_says() {
    let example = Example::start("chat", &[HERE]);
    let mut ann = example.connect();
    let mut michael = example.connect();
    ann.expect("* somebody came\n");
    michael.send("hello\r\nI am ");
    ann.expect("hello\n");
    michael.send("Michael\n");
    ann.expect("I am Michael\n");
    ann.send("hello, Michael\n");
    michael.expect("hello, Michael\n");
    michael.end();
    michael.expect_last("");
    ann.expect("* somebody left: closed by the peer\n");
    ann.send([b'x'; 5000]);
    let mut farewell = String::new();
    ann.read_to_string(&mut farewell).unwrap();
    assert!(farewell.starts_with("* good bye: "), "{farewell}");
}

#[test]
fn tcp_proxy_passes_on_bytes_and_ends_and_pressure_in_both_directions() {
    let echo = Daemon::start([HERE, "--dialect", "indeed", "--framing", "line"]);
    let proxy = Example::start("tcp_proxy", &[HERE, &echo.listening[0].address]);
    let mut client = proxy.connect();
    client.expect("Hello WorldAAA\n");
    // More than all buffers on the way hold, and not read until all is written: with the reader blocked, the writer is.
    let lines = 400_000;
    let mut writer = client.try_clone();
    let writing = std::thread::spawn(move || {
        for line in 0..lines / 1000 {
            writer.send((0..1000).map(|n| format!("{line}-{n}\n")).collect::<String>());
        }
        writer.end();
    });
    let mut answers = String::new();
    client.read_to_string(&mut answers).unwrap();
    writing.join().unwrap();
    assert_eq!(answers.lines().count(), lines);
    assert!(answers.lines().enumerate().all(|(n, line)| line == format!("{}-{} 是的呢", n / 1000, n % 1000)));
    // Nobody behind it: the client is let go.
    drop(echo);
    proxy.connect().expect_last("");
}

#[test]
fn tcp_proxy_passes_on_what_a_client_says_that_does_not_read() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("tcp://{}", listener.local_addr().unwrap());
    // More than all buffers on the way hold, in both directions.
    let much = vec![b'x'; 32_000_000];
    let sent = much.clone();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = uninterrupted(|| listener.accept()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut writer = stream.try_clone().unwrap();
        let writing = std::thread::spawn(move || writer.write_all(&sent));
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        writing.join().unwrap().unwrap();
        heard.len()
    });
    let proxy = Example::start("tcp_proxy", &[HERE, &target]);
    let mut client = proxy.connect();
    client.send(&much);
    client.end();
    client.expect_last(&much);
    assert_eq!(server.join().unwrap(), much.len());
}

#[test]
fn ping_counts_the_answers_of_this_machine() {
    let mut ping = Process::start(Command::new(example("ping")).args(["127.0.0.1", "2"]));
    let status = ping.wait(PATIENCE).expect("it ends by itself");
    if !status.success() {
        return skip(&format!("no ICMP socket is to be had here: {}", ping.stderr()));
    }
    assert_eq!(ping.said().out.last().map(String::as_str), Some("2 of 2 answered"));
}

#[test]
fn ticker_ticks_until_a_line_comes() {
    let example = Example::start("ticker", &[HERE]);
    let mut client = example.connect();
    client.expect("tick 1\n");
    client.send("stop\n");
    client.expect_last("stopped\n");
}

#[test]
fn udp_echo_answers_datagrams_with_themselves() {
    let example = Example::start("udp_echo", &["udp://127.0.0.1:0"]);
    let socket = udp(example.inet());
    let mut answer = [0; 100];
    for message in [&b"Michael"[..], b"", b"\xff\0"] {
        socket.send(message).unwrap();
        let len = uninterrupted(|| socket.recv(&mut answer)).unwrap();
        assert_eq!(&answer[..len], message);
    }
}

#[test]
fn kv_keeps_what_is_set_for_everybody() {
    let example = Example::start("kv", &[HERE]);
    let (mut ann, mut michael) = (example.connect(), example.connect());
    ann.send("SET colour deep blue\nGET colour\n");
    ann.expect("OK\nVALUE deep blue\n");
    michael.send("get colour\r\nCOUNT\r\nGET color\r\nSET empty \r\nGET emp");
    michael.expect("VALUE deep blue\nVALUE 1\nNONE\nOK\n");
    michael.send("ty\n");
    michael.expect("VALUE \n");
    michael.send("DEL colour\nDEL colour\nGET colour\n");
    michael.expect("OK\nNONE\nNONE\n");
    for nonsense in ["", "SET", "SET colour", "GET", "GET a b", "COUNT 1", "HELLO"] {
        ann.send(format!("{nonsense}\n"));
        ann.expect("ERROR say SET key value, GET key, DEL key, COUNT or QUIT\n");
    }
    ann.send("QUIT\nGET empty\n");
    ann.expect_last("");
    michael.send(vec![b'x'; 70_000]);
    let mut last = String::new();
    michael.read_to_string(&mut last).unwrap();
    assert!(last.starts_with("ERROR ") && last.ends_with('\n'), "{last}");
}

#[test]
fn remote_answers_from_its_worker_and_closes_behind_the_last_answer() {
    let example = Example::start("remote", &[HERE]);
    let mut client = example.connect();
    client.send("100\n");
    client.expect("25 primes up to 100\n");
    client.send("many\n10000001\n");
    client.expect("that is no number up to 10000000\n".repeat(2));
    client.send("0\n10\n1000000\n2\n");
    client.end();
    client.expect_last("0 primes up to 0\n4 primes up to 10\n78498 primes up to 1000000\n1 primes up to 2\n");
}

#[test]
fn remote_tells_who_asks_too_much_and_waits_for_no_worker() {
    let example = Example::start("remote", &[HERE]);
    let mut client = example.connect();
    client.send("3000000\n".repeat(150));
    client.end();
    let mut answers = String::new();
    client.read_to_string(&mut answers).unwrap();
    let refused = answers.matches("too many questions: ask again later\n").count();
    let answered = answers.matches("216816 primes up to 3000000\n").count();
    assert!(refused > 0 && answered >= 128 && refused + answered == 150, "{refused} and {answered}");
}

const WORLD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\nConnection: keep-alive\r\n\r\n";

#[test]
fn http_hello_keeps_a_connection_and_answers_what_is_pipelined() {
    let example = Example::start("http_hello", &[HERE]);
    let mut client = example.connect();
    client.send("GET / HTTP/1.1\r\nHost: here\r\n\r\n");
    client.expect(format!("{WORLD}Hello, world!\n"));
    // Two and a half at once, and the rest byte by byte.
    let get = "GET /?q=1 HTTP/1.1\r\nhost: here\r\n\r\n";
    let last = "GET /Ann HTTP/1.1\r\nHost: here\r\nConnection: upgrade, Close\r\n\r\n";
    client.send(format!("HEAD / HTTP/1.1\r\nHost: here\r\n\r\n{get}{}", &last[..12]));
    client.expect(format!("{WORLD}{WORLD}Hello, world!\n"));
    for byte in last[12..].bytes() {
        client.send([byte]);
    }
    client.expect_last(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\nConnection: close\r\n\r\nHello, Ann!\n",
    );
    let mut old = example.connect();
    old.send("HEAD / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n");
    old.expect_last(WORLD.replace("keep-alive", "close"));
}

#[test]
fn http_hello_refuses_what_it_does_not_understand_and_closes() {
    let example = Example::start("http_hello", &[HERE]);
    let longest = |size: usize| format!("GET / HTTP/1.1\r\nHost: here\r\nX: {}\r\n\r\n", "x".repeat(size));
    for (request, status, header) in [
        ("hullo?\r\n\r\n".to_owned(), "400 Bad Request", ""),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "400 Bad Request", ""),
        ("GET / HTTP/1.1\r\nHost here\r\n\r\n".to_owned(), "400 Bad Request", ""),
        (longest(9000), "431 Request Header Fields Too Large", ""),
        (longest(9000)[..9000].to_owned(), "431 Request Header Fields Too Large", ""),
        (
            format!("GET / HTTP/1.1\r\nHost: here\r\n{}\r\n", "X: x\r\n".repeat(64)),
            "431 Request Header Fields Too Large",
            "",
        ),
        (
            "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 1\r\n\r\nx".to_owned(),
            "405 Method Not Allowed",
            "Allow: GET, HEAD\r\n",
        ),
        (
            "GET / HTTP/1.1\r\nHost: here\r\nContent-Length: 1\r\n\r\nx".to_owned(),
            "413 Content Too Large",
            "",
        ),
    ] {
        let mut client = example.connect();
        client.send(&request);
        client.expect_last(format!(
            "HTTP/1.1 {status}\r\n{header}Content-Length: 0\r\nConnection: close\r\n\r\n"
        ));
    }
    let mut client = example.connect();
    client.send(longest(8000));
    client.expect(format!("{WORLD}Hello, world!\n"));
}

#[test]
fn tls_echo_echoes_behind_tls_and_says_good_bye() {
    let dir = TempDir::new();
    let file = dir.join("certificate.der");
    let example = Example::start("tls_echo", &[HERE, file.to_str().unwrap()]);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(std::fs::read(&file).unwrap().into()).unwrap();
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();

    let name = "localhost".try_into().unwrap();
    let session = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut client = rustls::StreamOwned::new(session, example.connect());
    let mut answer = vec![0; 8];
    client.write_all(b"Michael\n").unwrap();
    client.read_exact(&mut answer).unwrap();
    assert_eq!(answer, b"Michael\n");
    // Many records, more than any buffer in between holds.
    let long: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    let mut got = Vec::new();
    for part in long.chunks(60_000) {
        client.write_all(part).unwrap();
        let mut answer = vec![0; part.len()];
        client.read_exact(&mut answer).unwrap();
        got.extend(answer);
    }
    assert!(got == long);
    client.conn.send_close_notify();
    client.flush().unwrap();
    // Without its own good bye this would be an error.
    assert_eq!(client.read_to_end(&mut answer).unwrap(), 0);
}

#[test]
fn tls_echo_tells_a_client_without_tls_by_an_alert() {
    let example = Example::start("tls_echo", &[HERE]);
    let mut client = example.connect();
    client.send("GET / HTTP/1.1\r\n\r\n");
    let mut alert = Vec::new();
    client.read_to_end(&mut alert).unwrap();
    assert!(alert.starts_with(b"\x15\x03") && alert.len() == 7, "{}", alert.escape_ascii());
}

#[cfg(not(mio_unsupported_force_poll_poll))]
#[test]
fn in_tokio_echoes_and_hears_of_tokio_tasks() {
    let example = Example::start("in_tokio", &[HERE]);
    let mut client = example.connect();
    client.send("Michael\n");
    let mut said = Vec::new();
    let said = loop {
        let mut bytes = [0; 1024];
        let len = client.read(&mut bytes).unwrap();
        assert_ne!(len, 0);
        said.extend_from_slice(&bytes[..len]);
        let text = String::from_utf8_lossy(&said);
        if text.contains("Michael\n") && text.matches(" s\n").count() >= 2 {
            break text.into_owned();
        }
    };
    assert!(said.contains("* tokio is up for 1 s\n"), "{said}");
    drop(client);
    // More than one turn reads of a peer: work is left that no event announces.
    let mut client = example.connect();
    let long = vec![b'x'; 4 << 20];
    let mut writer = client.try_clone();
    let thread = std::thread::spawn(move || {
        writer.send(&long);
        writer.end();
    });
    let mut got = Vec::new();
    client.read_to_end(&mut got).unwrap();
    thread.join().unwrap();
    assert_eq!(got.iter().filter(|byte| **byte == b'x').count(), 4 << 20);
}

#[test]
fn blocking_greeter_greets_without_a_reactor() {
    let example = Example::start("blocking_greeter", &[HERE]);
    let mut client = example.connect();
    client.expect("Welcome!");
    client.send("Michael");
    client.expect("Hello, Michael!");
    let mut other = example.connect();
    other.expect("Welcome!");
    other.send("Ann\nEm");
    other.expect("Hello, Ann!\n");
    other.send("ma");
    other.end();
    other.expect_last("Hello, Emma!\n");
    client.send("exit");
    client.expect_last("");
    assert!(
        example
            .process
            .wait_for(PATIENCE, |said| said.err.contains(&left("said farewell")).then_some(()))
            .is_some()
    );

    let patient = Example::start("blocking_greeter", &[HERE, "patient"]);
    let mut client = patient.connect();
    client.expect("Welcome!");
    let start = std::time::Instant::now();
    client.send("Michael");
    client.expect("Hello, Michael!");
    assert!(start.elapsed() >= Duration::from_secs(1));
}

fn left(why: &str) -> String {
    format!("a client left: {why}")
}

#[track_caller]
fn echoes(client: &mut Peer) {
    client.send("Michael\n");
    client.expect("Michael\n");
    client.send("exit\n");
    client.end();
    client.expect_last("exit\n");
}
