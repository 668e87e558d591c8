//! Input that nobody means well: after each kind of it the daemon serves as before.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Daemon, Peer, Serve, TempDir, eventually, hellos, udp, uninterrupted};

/// Streams of both families and datagrams of both; and a look at it from before any rubbish came.
struct Target {
    daemon: Daemon,
    dir: TempDir,
    descriptors: usize,
}

impl Target {
    fn start() -> Target {
        let dir = TempDir::new();
        let arguments = ["tcp://127.0.0.1:0", &dir.unix("s"), "udp://127.0.0.1:0", &dir.unixgram("d")];
        let daemon = Daemon::start(arguments.map(str::to_owned));
        let descriptors = daemon.descriptors();
        Target { daemon, dir, descriptors }
    }

    fn streams(&self) -> impl Iterator<Item = Peer> {
        self.daemon.listening[..2].iter().map(|listening| Peer::connect(&listening.address))
    }

    /// It serves, in one thread, holds nothing of what came before, and rests when nothing comes.
    #[track_caller]
    fn assert_unharmed(&self) {
        for mut client in self.streams() {
            client.expect("Welcome!");
            client.ping("as ever");
        }
        let socket = udp(self.daemon.listening[2].inet());
        socket.send(b"as ever").unwrap();
        let mut answer = [0; 100];
        let n = uninterrupted(|| socket.recv(&mut answer)).unwrap();
        assert_eq!(answer[..n], *b"Hello, as ever!");

        assert_eq!(self.daemon.threads(), 1);
        eventually("every descriptor is closed again", || self.daemon.descriptors() <= self.descriptors);
        let (start, used) = (Instant::now(), self.daemon.cpu_time());
        thread::sleep(Duration::from_millis(300)); // what is tested is a stretch of time
        let used = self.daemon.cpu_time() - used;
        assert!(used * 5 < start.elapsed(), "{used:?} of processor time in {:?} of rest", start.elapsed());
    }
}

#[test]
fn an_urgent_byte_is_dropped_and_the_bytes_around_it_are_intact() {
    let target = Target::start();
    let mut client = target.daemon.welcomed();
    client.ping("this is a line");
    for round in 0..50 {
        // In one piece with the line, and in pieces.
        client.send(format!("be{round}fore "));
        assert_eq!(client.socket().send_out_of_band(b"U").unwrap(), 1);
        client.send("and after\n");
        client.expect(format!("Hello, be{round}fore and after!\n"));
    }
    // Nothing but an urgent byte, and then the end.
    assert_eq!(client.socket().send_out_of_band(b"U").unwrap(), 1);
    client.end();
    client.expect_last("");
    target.assert_unharmed();
}

#[test]
fn an_urgent_byte_in_the_middle_of_much_input_hides_none_of_it() {
    let target = Target::start();
    for ahead in [0, 100, 100_000] {
        let mut client = target.daemon.welcomed();
        client.ping("this is a line");
        let lines: Vec<String> = (0..20_000).map(|number| format!("line {number}")).collect();
        let mut writer = client.try_clone();
        let input = lines.join("\n") + "\n";
        thread::scope(|scope| {
            scope.spawn(move || {
                // One at a time: an urgent byte that another overtakes becomes an ordinary one.
                let (first, second) = input.as_bytes().split_at(ahead);
                writer.write_all(first).unwrap();
                writer.socket().send_out_of_band(b"U").unwrap();
                writer.write_all(second).unwrap();
                writer.end();
            });
            client.expect_last(hellos(&lines));
        });
    }
    target.assert_unharmed();
}

#[test]
fn bytes_that_are_no_text_come_back_untouched() {
    let target = Target::start();
    for bytes in [&b"\0"[..], b"\0\0\0\0", b"\xff\xfe", b"\xc3", b"\x80abc", b"\x1b[31m\x07", b"\xed\xa0\x80"]
    {
        for mut client in target.streams() {
            client.expect("Welcome!");
            client.send(bytes);
            client.expect([b"Hello, ", bytes, b"!"].concat());
            client.send([bytes, b"\n"].concat());
            client.end();
            client.expect_last([b"Hello, ", bytes, b"\n!"].concat());
        }
    }
    target.assert_unharmed();
}

#[test]
fn a_line_of_a_mebibyte_without_its_end_is_refused() {
    let target = Target::start();
    for mut client in target.streams() {
        client.expect("Welcome!");
        client.ping("this is a line");
        // What it does not want to hear, it does not always take: a client that takes long over it meets a reset.
        let said = client.write_all(&vec![b'x'; 1 << 20]);
        let ended = said.and_then(|()| client.socket().shutdown(Shutdown::Write));
        let is_cut = |error: &Error| {
            matches!(
                error.kind(),
                ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::NotConnected
            )
        };
        assert!(ended.as_ref().err().is_none_or(is_cut), "{ended:?}");
        let mut last = String::new();
        let read = client.read_to_string(&mut last);
        assert!(read.is_ok() || ended.is_err() && read.as_ref().err().is_none_or(is_cut), "{read:?}");
        assert_eq!(last, "error: message too long (limit 1024 bytes)\n");
    }
    target.assert_unharmed();
}

#[test]
fn a_line_of_the_limit_is_a_message_and_one_byte_more_is_not() {
    let target = Target::start();
    let full = "f".repeat(1024);
    for mut client in target.streams() {
        client.expect("Welcome!");
        client.send(format!("{full}\n{full}\r\n"));
        client.expect(hellos([&full, &full]));
        client.send(format!("{full}f\n"));
        client.expect_last("error: message too long (limit 1024 bytes)\n");
    }
    target.assert_unharmed();
}

#[test]
fn random_bytes_are_answered_with_what_they_are() {
    let target = Target::start();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..20 {
        for mut client in target.streams() {
            client.expect("Welcome!");
            client.ping("this is a line");
            let mut bytes: Vec<u8> = Vec::new();
            for _ in 0..50_000 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                bytes.push((random >> 32) as u8);
            }
            // A line end comes every 256 bytes on average, far below the limit of a line: mostly.
            let mut expected = Vec::new();
            let mut lines = bytes.split(|&byte| byte == b'\n').peekable();
            while let Some(line) = lines.next() {
                let is_last = lines.peek().is_none();
                let line = if is_last { line } else { line.strip_suffix(b"\r").unwrap_or(line) };
                if line.len() > 1024 {
                    expected.extend_from_slice(b"error: message too long (limit 1024 bytes)\n");
                    break;
                }
                if line.is_empty() && is_last {
                    break;
                }
                expected.extend_from_slice(&[b"Hello, ", line, b"!\n"].concat());
            }
            let mut writer = client.try_clone();
            thread::scope(|scope| {
                scope.spawn(move || {
                    if writer.write_all(&bytes).is_ok() {
                        let _ = writer.socket().shutdown(std::net::Shutdown::Write);
                    }
                });
                client.expect_last(&expected);
            });
        }
    }
    target.assert_unharmed();
}

#[test]
fn datagrams_that_are_empty_or_over_the_limit_are_dropped_and_counted() {
    let target = Target::start();
    let inet = udp(target.daemon.listening[2].inet());
    let unix = std::os::unix::net::UnixDatagram::bind(target.dir.join("client")).unwrap();
    unix.connect(target.daemon.listening[3].path()).unwrap();
    unix.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    let nameless = std::os::unix::net::UnixDatagram::unbound().unwrap();
    nameless.connect(target.daemon.listening[3].path()).unwrap();

    let (over, far_over, full) = (vec![b'x'; 1025], vec![b'x'; 60_000], vec![b'x'; 1024]);
    for round in 0..20 {
        for rubbish in [&b""[..], &over, &far_over, b"Hello, yourself!"] {
            inet.send(rubbish).unwrap();
            unix.send(rubbish).unwrap();
        }
        // It has no name that could be answered.
        nameless.send(b"Michael").unwrap();
        for question in [full.clone(), format!("round {round}").into_bytes(), b"\xff\0".to_vec()] {
            let expected = [b"Hello, ", &question[..], b"!"].concat();
            let mut answer = [0; 2000];
            inet.send(&question).unwrap();
            let n = uninterrupted(|| inet.recv(&mut answer)).unwrap();
            assert_eq!(answer[..n], expected);
            unix.send(&question).unwrap();
            let n = uninterrupted(|| unix.recv(&mut answer)).unwrap();
            assert_eq!(answer[..n], expected);
        }
    }
    target.assert_unharmed();
    // Dropped and counted: by each of the two sockets, in each round.
    target.daemon.signal("TERM");
    for count in ["80 too long", "40 empty", "40 form of our own answer", "20 unnamed sender"] {
        target.daemon.wait_for_log(&format!("datagrams not answered: {count}"));
    }
}

#[test]
fn a_datagram_client_that_is_gone_before_its_answer_hurts_nobody() {
    let target = Target::start();
    let address = target.daemon.listening[2].inet();
    let other = udp(address);
    for round in 0..200 {
        // The answer finds nobody, and the kernel reports it on the daemon's socket.
        let gone = udp(address);
        gone.send(b"gone").unwrap();
        drop(gone);
        let path = target.dir.join(format!("gone{round}"));
        let gone = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
        gone.send_to(b"gone", target.daemon.listening[3].path()).unwrap();
        drop(gone);
        let question = format!("round {round}");
        other.send(question.as_bytes()).unwrap();
        let mut answer = [0; 100];
        let n = uninterrupted(|| other.recv(&mut answer)).unwrap();
        assert_eq!(answer[..n], *format!("Hello, {question}!").as_bytes());
    }
    target.assert_unharmed();
}

/// A daemon with a strict dialect for each encoding.
fn strict() -> (TempDir, Daemon) {
    let dir = TempDir::new();
    let mut config = String::new();
    for encoding in ["utf-8", "gbk"] {
        config += &format!(
            "[[listen]]\naddress = \"tcp://127.0.0.1:0\"\ndialect = \"strict-{encoding}\"\n\
             [dialects.strict-{encoding}]\nreply = \"数据[{{message}}]\"\nencoding = \"{encoding}\"\nstrict = true\n"
        );
    }
    let config = dir.write("hullo.toml", &config);
    let daemon = Serve::new(["--config".to_owned(), config]).sockets(2).start();
    (dir, daemon)
}

#[test]
fn a_strict_dialect_refuses_what_does_not_decode_with_a_sentence() {
    let (_dir, daemon) = strict();
    let [utf8, gbk] = [0, 1].map(|at| daemon.listening[at].address.clone());
    for (address, name, bad) in [
        (&utf8, "UTF-8", [&b"\xff"[..], b"abc\x80", b"\xed\xa0\x80"]),
        (&gbk, "GBK", [&b"\xff"[..], b"abc\xff\xff", b"\x81\x20"]),
    ] {
        for bytes in bad {
            let mut client = Peer::connect(address);
            client.send([bytes, b"\nmore\n"].concat());
            client.read_within(crate::support::PATIENCE);
            let mut sentence = String::new();
            client.read_to_string(&mut sentence).unwrap();
            assert_eq!(
                sentence.to_lowercase(),
                format!("error: message is not valid {name}\n").to_lowercase()
            );
        }
    }
    assert_eq!(daemon.threads(), 1);
}

#[test]
fn a_strict_dialect_takes_a_character_that_comes_in_two_reads_for_one() {
    let (_dir, daemon) = strict();
    let mut client = Peer::connect(&daemon.listening[0].address);
    let word = "世界".as_bytes();
    client.send(&word[..4]);
    client.expect("数据[世]");
    client.send(&word[4..]);
    client.expect("数据[界]");
    client.end();
    client.expect_last("");
    // In GBK: 你好 is C4 E3 BA C3.
    let reply = |inside: &[u8]| [b"\xca\xfd\xbe\xdd[", inside, b"]"].concat();
    let mut client = Peer::connect(&daemon.listening[1].address);
    client.send(b"\xc4\xe3\xba");
    client.expect(reply(b"\xc4\xe3"));
    client.send(b"\xc3");
    client.expect(reply(b"\xba\xc3"));
}
