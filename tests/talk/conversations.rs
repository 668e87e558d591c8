//! `hullo talk` from outside: against the daemon, and against servers that are none of ours.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::thread::{self, spawn};
use std::time::{Duration, Instant};

use crate::support::{
    Daemon, HULLO, PATIENCE, Process, Serve, Talk, TempDir, eventually, python, python_server, signal, status,
};
use crate::support::{hello, server, talk, talk_from, talk_piped};

/// A daemon that speaks every dialect, each on a socket of its own.
fn all_dialects() -> (TempDir, Daemon) {
    let dir = TempDir::new();
    let streams = ["hello", "patient", "plain", "receipt", "indeed", "once"].map(|name| ("tcp", name));
    let datagrams = ["hello", "echo", "quiet"].map(|name| ("udp", name));
    let table =
        |(kind, name)| format!("[[listen]]\naddress = \"{kind}://127.0.0.1:0\"\ndialect = {name:?}\n");
    let config: String = streams.into_iter().chain(datagrams).map(table).collect();
    let file = dir.write("hullo.toml", &config);
    let daemon = Serve::new(["--config", &file]).sockets(9).start();
    (dir, daemon)
}

#[test]
fn every_dialect_is_spoken_with_whether_it_is_named_or_not() {
    let (_dir, daemon) = all_dialects();
    let conversations: [(&str, &str, &[&str], &str); 9] = [
        ("tcp", "hello", &["Michael", "世界", "exit"], "Welcome!Hello, Michael!Hello, 世界!"),
        ("tcp", "patient", &["a", "exit"], "Welcome!Hello, a!"),
        ("tcp", "plain", &["a", "b"], "Welcome!Hello, aHello, b"),
        ("tcp", "receipt", &["数据", "bye"], "数据[数据]收到了!数据[bye]收到了!"),
        ("tcp", "indeed", &["a", "b"], "Hello WorldAAAa 是的呢b 是的呢"),
        ("tcp", "once", &["a"], "我是Server"),
        ("udp", "hello", &["a", "b"], "Hello, a!Hello, b!"),
        ("udp", "echo", &["a", "世界"], "Echo: a!Echo: 世界!"),
        ("udp", "quiet", &["a", "b", "bye"], "bye"),
    ];
    thread::scope(|scope| {
        for (kind, dialect, messages, shown) in conversations {
            let is_it = |l: &&crate::support::Listening| l.dialect == dialect && l.address.starts_with(kind);
            let address = daemon.listening.iter().find(is_it).unwrap().address.as_str();
            let named = ["--dialect", dialect];
            let unnamed: &[&str] = if dialect == "receipt" { &["--encoding=gbk", "--bye=bye"] } else { &[] };
            scope.spawn(move || talk(&[&[address], messages, &named].concat()).showed(shown));
            if dialect != "quiet" {
                scope.spawn(move || talk(&[&[address], messages, unnamed].concat()).showed(shown));
            }
        }
    });
}

#[test]
fn unix_sockets_are_spoken_with_as_well() {
    let dir = TempDir::new();
    let packets = format!("unixpacket:{}", dir.join("p").display());
    let _daemon = Daemon::start([dir.unix("s"), dir.unixgram("d"), packets.clone()]);
    talk(&[&packets, "a", "b", "exit"]).showed("Welcome!Hello, a!Hello, b!");
    talk(&[&dir.unix("s"), "a", "exit"]).showed("Welcome!Hello, a!");
    talk(&[&dir.unixgram("d"), "a", "b"]).showed("Hello, a!Hello, b!");
    talk(&[&dir.unix("none"), "a"]).failed(1, &[&dir.unix("none"), "there is no such socket"]);
    talk(&[&dir.unixgram("none"), "a"]).failed(1, &[&dir.unixgram("none"), "there is no such socket"]);
}

#[test]
fn threaded_servers_as_the_tutorials_write_them_are_spoken_with() {
    let conversations: [(&str, &[&str], &str); 6] = [
        ("hello", &["a", "b", "exit"], "Welcome!Hello, a!Hello, b!"),
        ("patient", &["a", "b", "--dialect", "patient"], "Welcome!Hello, a!Hello, b!"),
        ("receipt", &["数据", "bye", "--dialect", "receipt"], "数据[数据]收到了!数据[bye]收到了!"),
        ("receipt", &["数据", "x", "--encoding", "gbk"], "数据[数据]收到了!数据[x]收到了!"),
        ("indeed", &["a", "b"], "Hello WorldAAAa 是的呢b 是的呢"),
        ("split", &["a", "b", "--encoding", "gbk"], "数数"),
    ];
    thread::scope(|scope| {
        for (kind, arguments, shown) in conversations {
            scope.spawn(move || {
                let Some((_server, port)) = python_server("greeters.py", &[kind]) else { return };
                talk(&[&[format!("tcp://127.0.0.1:{port}").as_str()], arguments].concat()).showed(shown);
            });
        }
    });
    let Some((_server, port)) = python_server("greeters.py", &["udp"]) else { return };
    talk(&[&format!("udp://127.0.0.1:{port}"), "a", "b"]).showed("Hello, a!Hello, b!");
}

#[test]
fn in_a_pipe_it_prints_exactly_what_came() {
    let (_daemon, address) = hello();
    let talked = talk_piped(&[&address], "Michael");
    talked.showed("Welcome!Hello, Michael!");
    assert_eq!(talked.err, format!("talking to {address}\n"));
    talk_piped(&[&address], "a\nb\r\n\nc").showed("Welcome!Hello, a!Hello, b!Hello, c!");
    talk_piped(&[&address], "a\nexit\nnever said\n").showed("Welcome!Hello, a!");
    talk_piped(&[&address, "--framing", "line"], "a\n\nb").showed("Welcome!Hello, a!\nHello, !\nHello, b!\n");
    talk_piped(&[&address, "--bye", "", "--framing", "line"], "exit").showed("Welcome!");
    talk_piped(&[&address], "").showed("Welcome!");
}

#[test]
fn a_regular_file_and_dev_null_are_read_as_always_ready() {
    let (_daemon, address) = hello();
    let dir = TempDir::new();
    talk_from(&[&address], &dir.write("names", "Michael\nAnna\n"))
        .showed("Welcome!Hello, Michael!Hello, Anna!");
    talk_from(&[&address], "/dev/null").showed("Welcome!");
    let (lines, answers): (String, Vec<u8>) = (
        (0..50_000).map(|n| format!("{n}\n")).collect(),
        crate::support::hellos((0..50_000).map(|n| n.to_string())),
    );
    let talked = talk_from(&[&address, "--framing", "line"], &dir.write("many", &lines));
    assert!(talked.out == [b"Welcome!", answers.as_slice()].concat(), "{:?}: {}", talked.code, talked.err);
}

#[test]
fn a_name_leads_to_whichever_of_its_addresses_answers() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0", "udp://127.0.0.1:0"]);
    let port = |at: usize| daemon.listening[at].inet().port();
    let talked = talk(&[&format!("tcp://localhost:{}", port(0)), "a"]);
    talked.showed("Welcome!Hello, a!");
    assert!(talked.err.contains("localhost") && talked.err.contains("127.0.0.1"), "{}", talked.err);
    talk(&[&format!("udp://localhost:{}", port(1)), "a", "b"]).showed("Hello, a!Hello, b!");
}

#[test]
fn what_does_not_decode_is_escaped_and_bytes_pass_as_they_are() {
    for (encoding, shown) in
        [("utf-8", "a\\xff\u{4e16}\\xe4".as_bytes()), ("bytes", b"a\xff\xe4\xb8\x96\xe4")]
    {
        let (address, server) = server(|mut client| {
            for piece in [&b"a\xff\xe4"[..], b"\xb8", b"\x96\xe4"] {
                client.write_all(piece).unwrap();
            }
        });
        talk(&[&address, "--encoding", encoding]).showed(shown);
        server.join().unwrap();
    }
}

#[test]
fn who_cannot_be_reached_is_told_with_the_remedy() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let [tcp, udp] = ["tcp", "udp"].map(|kind| format!("{kind}://127.0.0.1:{closed}"));
    talk(&[&tcp, "a"]).failed(1, &[&tcp, "refused", "start the server"]);
    talk(&[&udp, "a"]).failed(1, &[&udp, "refused", "start the server"]);
    talk(&[&udp, "a", "--dialect", "quiet"]).failed(1, &[&udp, "refused"]);
    for kind in ["tcp", "udp"] {
        let address = format!("{kind}://no-such-host.invalid:1");
        talk(&[&address, "a"]).failed(1, &[&address, "check the name"]);
    }
}

/// unix(7): a receiver holds net.unix.max_dgram_qlen datagrams, ten unless told otherwise.
#[test]
fn who_does_not_read_datagrams_is_told() {
    let dir = TempDir::new();
    let _deaf = std::os::unix::net::UnixDatagram::bind(dir.join("d")).unwrap();
    let address = dir.unixgram("d");
    let messages = vec!["a"; 2000];
    let arguments = [&[address.as_str(), "--every", "1ms"], &messages[..]].concat();
    talk(&arguments).failed(1, &[&address, "does not read"]);
}

#[test]
fn who_does_not_answer_is_told_in_time() {
    // A full backlog: the kernel answers no more SYNs.
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    listener.listen(0).unwrap();
    let at = listener.local_addr().unwrap().as_socket().unwrap();
    let _inside: Vec<_> =
        (0..4).map_while(|_| TcpStream::connect_timeout(&at, Duration::from_millis(200)).ok()).collect();
    let full = format!("tcp://{at}");
    talk(&[&full, "a", "--timeout", "200ms"]).failed(1, &[&full, "timed out", "--timeout"]);
}

#[test]
fn an_answer_that_does_not_come_is_told_in_time() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp = format!("udp://{}", socket.local_addr().unwrap());
    talk(&[&udp, "a", "--timeout", "100ms"]).failed(1, &[&udp, "has not answered", "--timeout"]);
    talk(&[&udp, "a", "b", "--every", "10ms", "--timeout", "100ms"]).failed(1, &[&udp, "2 messages"]);
    talk(&[&udp, "a", "b", "--dialect", "quiet"]).showed("");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap(); // completes handshakes, and nothing else
    let tcp = format!("tcp://{}", listener.local_addr().unwrap());
    talk(&[&tcp, "a", "b", "--timeout", "300ms"]).failed(1, &[&tcp, "has not answered", "--every"]);
    talk(&[&tcp, "a", "--timeout", "100ms"]).failed(1, &[&tcp, "nor ended the connection"]);
    talk(&[&tcp, "a", "--timeout", "100ms", "--dialect", "hello"]).failed(1, &[&tcp, "greeted", "--dialect"]);
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    for (arguments, part) in [
        (&["localhost:1"][..], "tcp://HOST:PORT"),
        (&["tcp://*:1"], "name a host"),
        (&["tcp://127.0.0.1:1", "--dialect", "helo"], "did you mean \"hello\"?"),
        (&["udp://127.0.0.1:1", "--dialect", "once"], "choose one of hello, echo, quiet"),
        (&["tcp://127.0.0.1:1", "--encoding", "utf-9"], "use \"utf-8\", \"gbk\""),
        (&["tcp://127.0.0.1:1", "--encoding", "gbk", "😀"], "use --encoding utf-8"),
        (&["tcp://127.0.0.1:1", "--framing", "auto"], "raw, line"),
        (&["tcp://127.0.0.1:1", "--every", "soon"], "500ms, 5s"),
    ] {
        let talked = talk(arguments);
        assert_eq!(talked.code, Some(2), "{arguments:?}: {}", talked.err);
        assert!(
            talked.err.starts_with("error: ") && talked.err.contains(part),
            "{arguments:?}: {}",
            talked.err
        );
    }
}

#[test]
fn a_message_too_long_for_a_datagram_is_told() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp = format!("udp://{}", socket.local_addr().unwrap());
    talk_piped(&[&udp], vec![b'x'; 65_508]).failed(1, &["65508 bytes", "make it shorter"]);
    talk_piped(&[&udp], vec![b'x'; 200_000]).failed(1, &["make it shorter"]);
}

#[test]
fn a_large_pipe_goes_through_a_slow_echo_in_bounded_memory() {
    // It neither reads while it writes nor hurries, as a blocking server does: a client that stopped reading because its
    // own output waits would never end.
    let (address, server) = server(|mut client| {
        let mut buffer = [0; 4096];
        loop {
            match client.read(&mut buffer).unwrap() {
                0 => break,
                length => client.write_all(&buffer[..length]).unwrap(),
            }
        }
    });
    let line = "The quick brown fox jumps over the lazy dog, and on. 数据\n";
    let input = line.repeat((10 << 20) / line.len());
    let mut talk = Talk::start([&address, "--framing", "line"], Stdio::piped());
    let (mut stdin, id, sent) = (talk.stdin(), talk.id(), input.clone());
    let writer = spawn(move || {
        stdin.write_all(sent.as_bytes()).unwrap();
        peak_memory(id) // while it still runs: its input is open
    });
    let talked = talk.end();
    let peak = writer.join().unwrap();
    assert!(talked.code == Some(0) && talked.out == input.as_bytes(), "{:?}: {}", talked.code, talked.err);
    assert!(peak < 24 << 20, "{peak} bytes resident");
    server.join().unwrap();
}

fn peak_memory(id: u32) -> u64 {
    status(id, "VmHWM:").unwrap() * 1024
}

#[test]
fn input_is_not_read_past_a_server_that_does_not_read() {
    let (release, released) = std::sync::mpsc::channel();
    let (address, server) = server(move |mut client| {
        released.recv().unwrap();
        io::copy(&mut client, &mut io::sink()).unwrap();
    });
    let mut talk = Talk::start([&address, "--framing", "line"], Stdio::piped());
    let (mut stdin, id) = (talk.stdin(), talk.id());
    let chunk = "x".repeat(1023) + "\n";
    let writer = spawn(move || (0..65_536).for_each(|_| stdin.write_all(chunk.as_bytes()).unwrap()));
    // The kernel takes some megabytes; then nothing moves, in us neither.
    let ticks = || std::fs::read_to_string(format!("/proc/{id}/io")).unwrap();
    let mut last = (ticks(), Instant::now());
    eventually("it stops reading its input", || {
        let now = ticks();
        if now != last.0 {
            last = (now, Instant::now());
        }
        last.1.elapsed() > Duration::from_millis(200)
    });
    assert!(!writer.is_finished(), "64 MiB were taken, and nobody has read them");
    assert!(peak_memory(id) < 24 << 20, "{} bytes resident", peak_memory(id));
    release.send(()).unwrap();
    writer.join().unwrap();
    talk.end().showed("");
    server.join().unwrap();
}

#[test]
fn a_signal_ends_it_with_its_own_code() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let (address, server) = server(|mut client| {
            client.write_all(b"Welcome!").unwrap();
            let _ = io::copy(&mut client, &mut io::sink());
        });
        let mut talk = Talk::start([&address], Stdio::piped());
        let _open = talk.stdin();
        let caught = 1u64 << 1 | 1 << 14; // SIGINT and SIGTERM
        eventually("its signals are caught", || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", talk.id())).unwrap();
            let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t")).unwrap();
            u64::from_str_radix(mask, 16).unwrap() & caught == caught
        });
        signal(talk.id(), name);
        assert_eq!(talk.end().code, Some(code));
        drop(server);
    }
}

#[test]
fn a_second_signal_ends_it_though_nobody_reads_its_output() {
    let (address, server) = server(|mut client| while client.write_all(&[b'x'; 65_536]).is_ok() {});
    let (_unread, writer) = io::pipe().unwrap();
    let mut talk = Talk::start_with_stdout([&address], Stdio::piped(), writer);
    let _open = talk.stdin();
    eventually("it waits in a write", || {
        let call = std::fs::read_to_string(format!("/proc/{}/syscall", talk.id())).unwrap();
        call.starts_with(&format!("{} ", nix::libc::SYS_write))
    });
    for _ in 0..2 {
        signal(talk.id(), "INT");
        // Two that are pending at once would be one.
        eventually("the signal is taken", || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", talk.id())).unwrap_or_default();
            status
                .lines()
                .filter(|line| line.starts_with("SigPnd") || line.starts_with("ShdPnd"))
                .all(|line| line.ends_with("0000000000000000"))
        });
    }
    assert_eq!(talk.end().code, Some(130));
    drop(server);
}

/// As nohup(1) and a shell's background jobs have it.
#[test]
fn what_was_ignored_at_the_start_stays_ignored() {
    let (told, heard) = std::sync::mpsc::channel();
    let (address, server) = server(move |mut client| {
        client.write_all(b"Welcome!").unwrap();
        heard.recv().unwrap();
    });
    let line = format!("trap '' INT; exec \"$0\" talk {address} <\"$1\"");
    let dir = TempDir::new();
    let fifo = dir.join("input").display().to_string();
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let mut command = Command::new("sh");
    let mut talk = Process::start(command.args(["-c", &line, HULLO, &fifo]));
    let _open = std::fs::OpenOptions::new().write(true).open(&fifo).unwrap();
    assert!(talk.wait_for(PATIENCE, |said| said.err.first().cloned()).is_some(), "it talks");
    for _ in 0..3 {
        talk.signal("INT");
    }
    talk.signal("TERM");
    assert_eq!(talk.wait(PATIENCE).unwrap().code(), Some(143));
    told.send(()).unwrap();
    server.join().unwrap();
}

#[test]
fn a_closed_stdout_or_stderr_ends_nothing_in_a_panic() {
    let (_daemon, address) = hello();
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let talked = Talk::start_with_stdout([&address, "a", "b"], Stdio::null(), writer).end();
    assert_eq!((talked.code, talked.err), (Some(0), format!("talking to {address}\n")));
    for (redirections, code) in
        [(">&-", 1), ("2>&-", 0), (">&- 2>&- <&-", 1), ("2>/dev/full", 0), (">/dev/full", 1)]
    {
        let line = format!("exec \"$0\" talk {address} a b {redirections}");
        let output = Command::new("sh").args(["-c", &line, HULLO]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{redirections}: {output:?}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panick"), "{redirections}: {output:?}");
    }
}

#[test]
fn a_person_types_at_a_terminal() {
    let (_daemon, address) = hello();
    python("terminal.py", &[HULLO.to_owned(), address], Duration::from_secs(60));
}
