//! How `hullo talk` comes to its end: what it had to say arrives, or it says that it did not.

use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread::{self, JoinHandle, spawn};
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, Talk, TempDir, hello, one_read, server, talk, talk_piped};

/// Serves one client of a stream of this kind (`tcp`, `unix` or `unixpacket`) with `serve`, on a thread.
fn any_server<T: Send + 'static>(
    kind: &str,
    dir: &Path,
    serve: impl FnOnce(Socket) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let (listener, address) = match kind {
        "tcp" => {
            let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            listener.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
            let address = listener.local_addr().unwrap().as_socket().unwrap();
            (listener, format!("tcp://{address}"))
        }
        _ => {
            let shape = if kind == "unix" { Type::STREAM } else { Type::SEQPACKET };
            let listener = Socket::new(Domain::UNIX, shape, None).unwrap();
            listener.bind(&SockAddr::unix(dir.join(kind)).unwrap()).unwrap();
            (listener, format!("{kind}:{}", dir.join(kind).display()))
        }
    };
    listener.listen(1).unwrap();
    let thread = spawn(move || {
        let client = listener.accept().unwrap().0;
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        serve(client)
    });
    (address, thread)
}

/// Ends our side at once, and reads on.
fn only_read(mut client: Socket) -> Vec<u8> {
    client.shutdown(Shutdown::Write).unwrap();
    let (mut all, mut buffer) = (Vec::new(), vec![0; 70_000]);
    loop {
        match client.read(&mut buffer).unwrap() {
            0 => return all,
            length => all.extend_from_slice(&buffer[..length]),
        }
    }
}

/// 140,000 bytes, in lines.
fn lines() -> String {
    (0..14_000).map(|n| format!("line{n:05}\n")).collect()
}

#[test]
fn a_server_that_ends_its_side_at_once_is_told_all_the_same() {
    let dir = TempDir::new();
    let without_ends = lines().replace('\n', "");
    let long = "x".repeat(140_000);
    for kind in ["tcp", "unix", "unixpacket"] {
        for (framing, input, expected) in [
            ("raw", &lines(), &without_ends),
            ("line", &lines(), &lines()),
            ("raw", &long, &long),
            ("line", &long, &(long.clone() + "\n")),
        ] {
            if kind == "unixpacket" && *input == long {
                continue; // No message is sent in pieces there; see below.
            }
            let dir = TempDir::new();
            let (address, server) = any_server(kind, dir.path(), only_read);
            let talked = talk_piped(&[&address, "--framing", framing], input.as_str());
            let got = server.join().unwrap();
            assert!(got == expected.as_bytes(), "{kind} {framing}: {} bytes", got.len());
            talked.showed("");
            // Whether the server's end came before all was said is a race.
            let told = format!("talking to {address}\n{address} ended the connection\n");
            assert!(told.starts_with(&talked.err), "{}", talked.err);
        }
    }
    let (address, _server) = any_server("unixpacket", dir.path(), only_read);
    talk_piped(&[&address], long).failed(1, &["does not go into a packet", "make it shorter"]);
}

#[test]
fn input_that_comes_long_after_the_servers_end_is_sent_as_well() {
    let (told, heard) = mpsc::channel();
    let (address, server) = server(move |mut client| {
        client.shutdown(Shutdown::Write).unwrap();
        for expected in ["a", "b"] {
            assert_eq!(one_read(&mut client), expected.as_bytes());
            told.send(()).unwrap();
        }
        assert_eq!(one_read(&mut client), b"");
    });
    let mut talk = Talk::start([&address], Stdio::piped());
    let mut stdin = talk.stdin();
    for message in ["a\n", "b\n"] {
        stdin.write_all(message.as_bytes()).unwrap();
        heard.recv_timeout(PATIENCE).unwrap();
    }
    drop(stdin);
    talk.end().showed("");
    server.join().unwrap();
}

#[test]
fn a_server_that_closes_before_all_was_said_cuts_us_off() {
    for kind in ["tcp", "unix", "unixpacket"] {
        for framing in ["raw", "line"] {
            let dir = TempDir::new();
            let (address, server) = any_server(kind, dir.path(), drop);
            talk_piped(&[&address, "--framing", framing], lines()).failed(1, &[&address, "cut off"]);
            server.join().unwrap();
        }
    }
}

#[test]
fn it_ends_with_the_server_although_its_input_stays_open() {
    for kind in ["tcp", "unix", "unixpacket"] {
        let dir = TempDir::new();
        let (address, server) =
            any_server(kind, dir.path(), |mut client| client.write_all(b"so long").unwrap());
        // A Unix socket tells that the server has closed; on TCP it might be reading on, and input is waited for.
        let timeout = if kind == "tcp" { "200ms" } else { "0" };
        let mut talk = Talk::start([&address, "--timeout", timeout], Stdio::piped());
        let _open = talk.stdin();
        let talked = talk.end();
        talked.showed("so long");
        assert!(talked.err.ends_with(&format!("{address} ended the connection\n")), "{}", talked.err);
        server.join().unwrap();
    }
}

#[test]
fn the_end_of_a_long_line_is_no_farewell() {
    for (length, end) in [(65_536, "exit"), (131_072, "exit"), (65_535, "exit"), (65_536, "")] {
        for framing in ["raw", "line"] {
            let dir = TempDir::new();
            let (address, server) = any_server("tcp", dir.path(), only_read);
            let line = "x".repeat(length) + end;
            let talked =
                talk_piped(&[&address, "--framing", framing], format!("{line}\nnext\nexit\nnever\n"));
            let expected = match framing {
                "raw" => format!("{line}nextexit"),
                _ => format!("{line}\nnext\nexit\n"),
            };
            let got = server.join().unwrap();
            assert!(got == expected.as_bytes(), "{length} {framing}: {} bytes", got.len());
            talked.showed("");
        }
    }
}

#[test]
fn a_long_line_is_one_message_that_is_answered_once() {
    let (address, server) = server(|mut client| {
        let mut got = 0;
        let mut buffer = [0; 4096];
        while got < 100_000 {
            got += client.read(&mut buffer).unwrap();
        }
        client.write_all(b"one").unwrap();
        assert_eq!(one_read(&mut client), b"b");
        client.write_all(b"two").unwrap();
    });
    talk_piped(&[&address], "x".repeat(100_000) + "\nb\n").showed("onetwo");
    server.join().unwrap();
}

#[test]
fn what_was_not_said_when_the_server_closes_is_a_failure() {
    let (address, server) = server(|mut client| {
        one_read(&mut client);
        client.write_all(b"enough").unwrap();
    });
    talk(&[&address, "a", "b", "c"]).failed(1, &[&address, "before all was said"]);
    server.join().unwrap();
}

/// As a server of lines does, which is told a message without its line end.
#[test]
fn a_message_that_nobody_answered_before_the_end_is_a_failure() {
    let (address, joined) = server(|mut client| {
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"A");
    });
    talk(&[&address, "A", "--timeout", "500ms"]).failed(1, &[&address, "answer", "--framing line"]);
    joined.join().unwrap();
    // The end may also be its only answer.
    let (address, server) = server(|mut client| drop(one_read(&mut client)));
    talk(&[&address, "A"]).failed(1, &[&address, "answer", "--framing line", "--bye"]);
    server.join().unwrap();
    // A farewell is answered by the end, lines and messages by the clock by nothing.
    for arguments in [&["A", "--bye", "A"][..], &["A", "--framing", "line"], &["A", "--every", "1ms"]] {
        let (address, server) = crate::support::server(|mut client| drop(one_read(&mut client)));
        talk(&[&[address.as_str()], arguments].concat()).showed("");
        server.join().unwrap();
    }
}

#[test]
fn a_server_that_reads_to_the_end_before_it_answers_is_given_the_end() {
    let (address, server) = server(|mut client| {
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        client.write_all(&[b"got ", all.as_slice()].concat()).unwrap();
    });
    let talked = talk_piped(&[&address], "Michael");
    talked.showed("got Michael");
    assert_eq!(talked.err, format!("talking to {address}\n"), "we ended first");
    server.join().unwrap();
}

#[test]
fn a_reset_is_told() {
    let (address, server) = server(|mut client| {
        client.write_all(b"half an ans").unwrap();
        one_read(&mut client);
        socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    });
    let talked = talk(&[&address, "a", "b"]);
    talked.failed(1, &[&address, "cut off", "reset"]);
    assert_eq!(talked.out, b"half an ans");
    server.join().unwrap();
}

/// What left before our side was ended is no movement after it.
#[test]
fn the_end_is_waited_for_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap(); // completes handshakes, and nothing else
    let tcp = format!("tcp://{}", listener.local_addr().unwrap());
    let begun = Instant::now();
    let times = [(&["a", "--timeout", "4s"][..], 9), (&["a", "--timeout", "4s", "--framing", "line"], 7)];
    thread::scope(|scope| {
        for (arguments, seconds) in times {
            let tcp = &tcp;
            scope.spawn(move || {
                talk(&[&[tcp.as_str()], arguments].concat()).failed(1, &[tcp, "nor ended the connection"]);
                assert!(begun.elapsed() >= Duration::from_secs(4));
                assert!(begun.elapsed() < Duration::from_secs(seconds), "{:?}", begun.elapsed());
            });
        }
    });
}

#[test]
fn messages_go_out_by_the_clock_with_every() {
    const MESSAGES: u32 = 60;
    const EVERY: Duration = Duration::from_millis(20);
    // Datagrams, which do not merge where the test is slow to read.
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = format!("udp://{}", socket.local_addr().unwrap());
    let server = spawn(move || {
        let mut buffer = [0; 16];
        let mut receive = || socket.recv(&mut buffer).map(|length| buffer[..length].to_vec()).unwrap();
        (0..MESSAGES).map(|_| (receive(), Instant::now())).collect::<Vec<_>>()
    });
    let begun = Instant::now();
    let messages: Vec<String> = (0..MESSAGES).map(|n| n.to_string()).collect();
    let mut arguments = vec![address.as_str(), "--dialect", "quiet", "--every", "20ms"];
    arguments.extend(messages.iter().map(String::as_str));
    talk(&arguments).showed("");
    // How late each is by its plan. The machine only ever adds to it, and what was missed was left out.
    let arrivals = server.join().unwrap();
    let late = |((message, at), n): (&(Vec<u8>, Instant), u32)| {
        assert_eq!(*message, n.to_string().as_bytes());
        at.duration_since(begun).checked_sub(EVERY * n).expect("none is early")
    };
    let late: Vec<Duration> = arrivals.iter().zip(0..).map(late).collect();
    let least = |part: &[Duration]| *part.iter().min().unwrap();
    let drift = least(&late[40..]).abs_diff(least(&late[..20])).as_nanos() % EVERY.as_nanos();
    let drift = drift.min(EVERY.as_nanos() - drift);
    assert!(drift < 2_000_000, "{drift} ns in 40 messages: {late:?}");
}

#[test]
fn lines_may_end_in_carriage_return_and_line_feed() {
    let (address, server) = server(|mut client| {
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"a\r\nb c\r\n\r\n");
        client.write_all(b"+OK\r\n").unwrap();
    });
    talk_piped(&[&address, "--crlf"], "a\nb c\r\n\n").showed("+OK\r\n");
    server.join().unwrap();
    let (_daemon, address) = hello();
    talk(&[&address, "--crlf", "a", "exit"]).showed("Welcome!Hello, a!\n");
    let talked = talk(&[&address, "--crlf", "--framing", "raw", "a"]);
    assert_eq!(talked.code, Some(2));
    assert!(talked.err.contains("leave --framing raw out"), "{}", talked.err);
}
