//! `hullo load`: whom it reaches by a name of several addresses, from where, and what it sees beforehand cannot be sent.

use crate::load_common::{Client, Lines, Load, end, load, load_with, options, refused};
use crate::support::{HULLO, Process, TempDir, etc, has_ipv6, has_mounts, in_mounts, skip};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// A run in which the name `twice` stands for `::1` and `127.0.0.1`: in a mount namespace with a hosts file of its own.
/// None where there is no such thing.
fn load_twice(url: &str, arguments: &str) -> Option<Load> {
    let temp = TempDir::new();
    std::fs::write(temp.join("hosts"), "::1 twice\n127.0.0.1 twice localhost\n").unwrap();
    if !has_ipv6() {
        skip("there is no IPv6 here");
        return None;
    }
    if !has_mounts() {
        return None;
    }
    let line = format!("{} || exit 99; exec \"$0\" load \"$@\"", etc("hosts", temp.join("hosts")));
    let mut command = in_mounts(&line);
    command.arg(HULLO).args(options(url, arguments)).env("NO_COLOR", "1");
    Some(end(Process::start(&mut command)))
}

/// Greets like `hello` on a datagram socket until the test ends.
fn greet(socket: UdpSocket) {
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let _ = socket.send_to(format!("Hello, {text}!").as_bytes(), from);
        }
    });
}

/// Takes one client, and nobody after it. Says how many came.
fn take_one(listener: TcpListener) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        drop(listener);
        stream.write_all(b"Welcome!").unwrap();
        for line in BufReader::new(stream.try_clone().unwrap()).lines() {
            let Ok(line) = line else { return };
            let _ = stream.write_all(format!("Hello, {line}!\n").as_bytes());
        }
    })
}

#[test]
fn a_name_of_two_families_finds_the_one_where_the_server_of_datagrams_is() {
    for host in ["127.0.0.1", "::1"] {
        let Ok(socket) = UdpSocket::bind((host, 0)) else { return skip("there is no IPv6 here") };
        let port = socket.local_addr().unwrap().port();
        greet(socket);
        for line in ["-c 300 -r 300 -d 1s --warmup 0s", "-c 1 -n 50 --warmup 0s"] {
            let Some(load) = load_twice(&format!("udp://twice:{port}"), line) else { return };
            load.all_correct(if line.starts_with("-c 300") { 300 } else { 1 });
            let target = load.report.at(&["target"]).as_str().unwrap();
            assert!(target.contains(host), "{target}");
        }
    }
}

#[test]
fn a_name_of_two_families_finds_the_one_where_the_server_of_streams_is() {
    let server = Lines::greeting();
    let port = server.url().rsplit(':').next().unwrap().to_owned();
    for line in ["-c 400 -n 400 --warmup 0s", "-c 10 -n 100 --warmup 0s --churn"] {
        let Some(load) = load_twice(&format!("tcp://twice:{port}"), line) else { return };
        let books = load.report.books();
        assert_eq!((books.correct, books.sent), (books.sent, if line.contains("400") { 400 } else { 100 }));
        assert_eq!(load.report.count(&["connections", "failed"]), 0, "{:#}", load.report.0);
        assert_eq!(load.code, Some(0), "{:#}", load.report.0);
    }
}

#[test]
fn a_name_where_nobody_is_fails_for_the_reason_that_it_has() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for scheme in ["tcp", "udp"] {
        let Some(load) = load_twice(&format!("{scheme}://twice:{nobody}"), "-c 5 -d 1s --warmup 0s") else {
            return;
        };
        let connections = ["asked", "alive", "failed"].map(|key| load.report.count(&["connections", key]));
        assert_eq!((connections, load.code), ([5, 0, 5], Some(1)), "{:#}", load.report.0);
        let reasons = load.report.reasons().join("\n");
        assert!(reasons.contains("connect refused: 5"), "{reasons}");
    }
}

#[test]
fn a_server_that_takes_one_client_is_not_spent_on_a_look() {
    let four = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = four.local_addr().unwrap().port();
    let server = take_one(four);
    let Some(load) = load_twice(&format!("tcp://twice:{port}"), "-c 1 -n 100 --warmup 0s") else { return };
    load.all_correct(1);
    server.join().unwrap();
}

#[test]
fn a_source_that_is_no_address_of_this_machine_is_called_that() {
    // TEST-NET-1 and the documentation prefix of IPv6 are nobody's.
    for (url, source) in [
        ("tcp://127.0.0.1:9", "192.0.2.1"),
        ("udp://127.0.0.1:9", "192.0.2.0/30"),
        ("tcp://[::1]:9", "2001:db8::1"),
    ] {
        let (code, sentence) = refused([url, "-c", "2", "--source", source]);
        assert_eq!(code, Some(2), "{sentence}");
        let first = source.replace(".0/30", ".1");
        assert!(sentence.contains(&format!("--source {first} is no address of this machine")), "{sentence}");
    }
}

#[test]
fn what_fits_into_no_datagram_is_refused_before_the_first_packet() {
    let long = "x".repeat(65_500);
    let each: [(&[&str], &str); 8] = [
        (
            &["udp://127.0.0.1:9", "-s", "65508"],
            "message has 65508 bytes, and a UDP datagram holds at most 65507",
        ),
        (&["udp://127.0.0.1:9", "-s", "65500"], "reply that is due has 65508 bytes"),
        (&["udp://[::1]:9", "-s", "65520"], "reply that is due has 65528 bytes"),
        (&["udp://127.0.0.1:9", "-m", &long], "a shorter text"),
        (
            &["udp://127.0.0.1:9", "--request", "{message}", "--reply", "ok {message}", "-s", "65505"],
            "65508 bytes",
        ),
        (&["unixgram:/nowhere", "-s", "65537"], "holds at most 65536 bytes"),
        (&["unixgram:/nowhere", "-s", "65529"], "reply that is due has 65537 bytes"),
        (&["unixpacket:/nowhere", "-s", "65536"], "a record here holds at most 65536 bytes"),
    ];
    for (arguments, part) in each {
        let (code, sentence) = refused(arguments);
        assert_eq!(code, Some(2), "{sentence}");
        assert!(sentence.contains(part), "{part}: {sentence}");
    }
}

#[test]
fn the_longest_datagrams_are_received_whole() {
    let temp = TempDir::new();
    let socket = UnixDatagram::bind(temp.join("s")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let echo = std::thread::spawn(move || {
        let mut buffer = vec![0; 70_000];
        let mut whole = 0;
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            whole += usize::from(length == 65_536);
            // One byte too many for each third: the rest of it is cut, and what is left looks right.
            let more = usize::from(whole % 3 == 0);
            buffer[length] = b'!';
            let _ = socket.send_to_addr(&buffer[..length + more], &from);
            if whole == 31 {
                break;
            }
        }
        whole
    });
    let url = temp.unixgram("s");
    let arguments =
        [&url, "--json", "-q", "-c", "1", "-n", "30", "--warmup", "0s", "-s", "65536", "--request"];
    let load = load_with([&arguments[..], &["{message}", "--reply", "{message}"]].concat());
    assert_eq!(echo.join().unwrap(), 31);
    let books = load.report.books();
    assert_eq!((books.correct, books.wrong, books.lost), (20, 10, 0), "{}", load.err);
}

#[test]
fn why_a_client_did_not_come_to_life_is_told_apart_from_what_else_went_wrong() {
    let server = Lines::serve_clients(|client: &mut Client| {
        client.say(if client.number == 0 { "Go away!" } else { "Welcome!" });
        client.each_line(|client, message| match message.ends_with('7') {
            true => client.lie("nonsense\n"),
            false => client.greet(message),
        });
    });
    let load = load(&server.url(), "-c 3 -n 200 --warmup 0s --connect-rate 20");
    let reasons = load.report.reasons().join("\n");
    assert!(reasons.contains("1 of 3 clients did not come to life (wrong welcome: 1)"), "{reasons}");
    assert_eq!(load.report.evidence()[0]["kind"], "wrong welcome");
    assert!(load.report.books().wrong > 5, "{:#}", load.report.0);
}

#[test]
fn no_unix_socket_has_a_source_address() {
    for scheme in ["unix", "unixgram", "unixpacket"] {
        let url = format!("{scheme}:/nowhere");
        let (code, err) = refused([url.as_str(), "-n", "1", "--source", "127.0.0.1"]);
        let said = err.contains("--source is for TCP and UDP: a Unix socket has no source address");
        assert!(code == Some(2) && said, "{url}: {code:?} {err}");
    }
}
