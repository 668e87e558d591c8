//! Every dialect, byte for byte, on every kind of socket.

use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use crate::support::{
    Certificate, Daemon, Peer, Serve, TempDir, has_ipv6, hellos, python, skip, udp, uninterrupted,
};

/// Runs one function of the foreign client against a daemon that speaks `dialect` on `addresses`.
#[track_caller]
fn converse(script: &str, dialect: &str, addresses: &[String]) {
    let mut daemon = Daemon::start(addresses.iter().cloned().chain(["--dialect".into(), dialect.into()]));
    assert!(daemon.listening.iter().all(|listening| listening.dialect == dialect), "{:?}", daemon.listening);
    let bound = daemon.listening.iter().map(|listening| listening.address.clone());
    let arguments: Vec<String> = [dialect.to_owned()].into_iter().chain(bound).collect();
    python(script, &arguments, Duration::from_secs(60));
    assert_eq!(daemon.terminate(), Some(0));
}

/// One socket of each stream family, and one with TLS.
fn streams(dir: &TempDir) -> Vec<String> {
    let (cert, key) = Certificate::new().files(dir);
    let tls = ["--cert".to_owned(), cert, "--key".to_owned(), key, "tls://127.0.0.1:0".to_owned()];
    let mut addresses = vec!["tcp://127.0.0.1:0".to_owned(), dir.unix("stream")];
    addresses.extend(tls);
    if has_ipv6() {
        addresses.push("tcp://[::1]:0".to_owned());
    } else {
        skip("there is no IPv6 here");
    }
    addresses
}

/// One socket of each datagram family.
fn datagrams(dir: &TempDir) -> Vec<String> {
    let mut addresses = vec!["udp://127.0.0.1:0".to_owned(), dir.unixgram("datagram")];
    if has_ipv6() {
        addresses.push("udp://[::1]:0".to_owned());
    } else {
        skip("there is no IPv6 here");
    }
    addresses
}

macro_rules! dialects {
    ($($test:ident: $script:literal $dialect:literal on $sockets:ident;)*) => {
        $(
            #[test]
            fn $test() {
                let dir = TempDir::new();
                converse($script, $dialect, &$sockets(&dir));
            }
        )*
    };
}

dialects! {
    hello_is_spoken_byte_for_byte: "streams.py" "hello" on streams;
    patient_is_spoken_byte_for_byte: "streams.py" "patient" on streams;
    plain_is_spoken_byte_for_byte: "streams.py" "plain" on streams;
    receipt_is_spoken_byte_for_byte: "streams.py" "receipt" on streams;
    indeed_is_spoken_byte_for_byte: "streams.py" "indeed" on streams;
    once_is_spoken_byte_for_byte: "streams.py" "once" on streams;
    hello_datagrams_are_answered_byte_for_byte: "datagrams.py" "hello" on datagrams;
    echo_datagrams_are_answered_byte_for_byte: "datagrams.py" "echo" on datagrams;
    quiet_datagrams_are_answered_byte_for_byte: "datagrams.py" "quiet" on datagrams;
}

#[test]
fn a_dialect_applies_to_the_sockets_whose_kind_has_it_and_the_others_keep_hello() {
    let dir = TempDir::new();
    let addresses = |dialect: &str| {
        ["tcp://127.0.0.1:0", "udp://127.0.0.1:0", &dir.unix("s"), &dir.unixgram("d"), "--dialect", dialect]
            .map(str::to_owned)
    };
    let names = |daemon: &Daemon| daemon.listening.iter().map(|l| l.dialect.clone()).collect::<Vec<_>>();
    let mut daemon = Daemon::start(addresses("indeed"));
    assert_eq!(names(&daemon), ["indeed", "hello", "indeed", "hello"]);
    assert_eq!(daemon.terminate(), Some(0));
    let daemon = Daemon::start(addresses("echo"));
    assert_eq!(names(&daemon), ["hello", "echo", "hello", "echo"]);
    daemon.welcomed().ping("Michael");
    let socket = udp(daemon.listening[1].inet());
    socket.send(b"Michael").unwrap();
    let mut answer = [0; 100];
    let n = uninterrupted(|| socket.recv(&mut answer)).unwrap();
    assert_eq!(answer[..n], *b"Echo: Michael!");
}

#[test]
fn tcp_and_udp_share_a_port_number() {
    for attempt in 0..20 {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let Ok(free) = UdpSocket::bind(address) else { continue };
        drop((tcp, free));
        let both = [format!("tcp://{address}"), format!("udp://{address}")];
        let Ok(daemon) = Serve::new(both.clone()).try_start() else {
            eprintln!("attempt {attempt}: somebody else has taken {address}");
            continue;
        };
        assert_eq!([&daemon.listening[0].address, &daemon.listening[1].address], [&both[0], &both[1]]);
        daemon.welcomed().ping("stream");
        let socket = udp(address);
        socket.send(b"datagram").unwrap();
        let mut answer = [0; 100];
        let n = uninterrupted(|| socket.recv(&mut answer)).unwrap();
        assert_eq!(answer[..n], *b"Hello, datagram!");
        return;
    }
    panic!("no port number was free for both in 20 attempts");
}

#[test]
fn a_port_of_ipv6_alone_takes_no_ipv4_client() {
    if !has_ipv6() {
        return skip("there is no IPv6 here");
    }
    let daemon = Daemon::start(["tcp://[::1]:0"]);
    daemon.welcomed().ping("six");
    let four = format!("tcp://127.0.0.1:{}", daemon.inet().port());
    assert!(Peer::try_connect(&four).is_err(), "{four} is served");
}

#[test]
fn the_first_read_decides_between_raw_and_line() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0"]);

    let mut raw = daemon.welcomed();
    raw.send("Michael");
    raw.expect("Hello, Michael!");
    // Decided once: from now on a newline is part of the message.
    raw.send("Anna\n");
    raw.end();
    raw.expect_last("Hello, Anna\n!");

    let mut line = daemon.welcomed();
    line.send("Michael\n");
    line.expect("Hello, Michael!\n");
    // And here what has no newline is the front of a line.
    line.send("An");
    line.expect_silence(Duration::from_millis(50));
    line.send("na\nBob\r\n\n\r\nlast");
    line.end();
    line.expect_last(hellos(["Anna", "Bob", "", "", "last"]));
}

#[test]
fn framing_can_be_fixed() {
    let mut raw = Daemon::start(["tcp://127.0.0.1:0", "--framing", "raw"]);
    let mut client = raw.welcomed();
    client.send("Michael\n");
    client.end();
    client.expect_last("Hello, Michael\n!");
    assert_eq!(raw.terminate(), Some(0));

    let line = Daemon::start(["tcp://127.0.0.1:0", "--framing", "line"]);
    let mut client = line.connect();
    client.expect("Welcome!\n");
    client.send("Michael");
    client.expect_silence(Duration::from_millis(50));
    client.end();
    client.expect_last("Hello, Michael!\n");
}

#[test]
fn every_byte_value_comes_back_untouched() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    let all: Vec<u8> = (0..=255).collect();
    // As one raw message, which holds no newline first: that would make it a line.
    let mut raw = daemon.welcomed();
    raw.send("x");
    raw.expect("Hello, x!");
    raw.send(&all);
    raw.end();
    raw.expect_last([&b"Hello, "[..], &all, b"!"].concat());
    // As a line, where 10 is the end, and 13 only before it.
    let inside: Vec<u8> = all.iter().copied().filter(|&byte| byte != b'\n').collect();
    let mut line = daemon.welcomed();
    line.send([&inside[..], b"\n"].concat());
    line.end();
    line.expect_last([&b"Hello, "[..], &inside, b"!\n"].concat());
}

#[test]
fn the_byte_after_the_limit_begins_another_raw_message() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0", "--framing", "raw"]);
    let mut client = daemon.welcomed();
    let full = "f".repeat(1024);
    client.send(&full);
    client.expect(format!("Hello, {full}!"));
    // One write, which arrives as one read: over loopback it is one segment.
    client.send(format!("{full}rest"));
    client.end();
    client.expect_last(format!("Hello, {full}!Hello, rest!"));
}

#[test]
fn long_lines_are_answered_whole_where_they_are_allowed() {
    let dir = TempDir::new();
    let addresses = ["tcp://127.0.0.1:0", &dir.unix("s"), "--max-message", "256KiB"].map(str::to_owned);
    let daemon = Daemon::start(addresses);
    for listening in &daemon.listening {
        let mut client = Peer::connect(&listening.address);
        client.expect("Welcome!");
        client.ping("a line");
        for length in [1025, 65_536, 262_144] {
            client.ping("l".repeat(length));
        }
        // The sentence has the limit in it that was set.
        client.send("l".repeat(262_145) + "\n");
        client.expect_last("error: message too long (limit 262144 bytes)\n");
    }
}
