//! What the log looks like: a line is a line, whoever chose the words in it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use crate::support::{PATIENCE, Peer, Serve, TempDir};
use socket2::{Domain, SockAddr, Socket, Type};

/// Where the names of peers would begin a line of their own, colour it, or are no text.
const NAMES: [&[u8]; 4] = [b"a\nb", b"a\r\x1b[31mb", "a\u{85}\u{2028}b".as_bytes(), b"a\xffb"];
const SHOWN: [&str; 4] = [r"a\x0ab", r"a\x0d\x1b[31mb", r"a\xc2\x85\xe2\x80\xa8b", r"a\xffb"];

#[test]
fn the_path_of_a_peer_is_shown_with_what_would_steer_a_terminal_written_out() {
    let dir = TempDir::new();
    let log = dir.join("log");
    let serve = Serve::new([&dir.unix("s"), &dir.unixgram("d"), "--log-level", "trace"]).sockets(2);
    let mut daemon = serve.stderr(File::create(&log).unwrap()).start();
    for (name, number) in NAMES.iter().zip(0..) {
        let path =
            |kind: &str| -> PathBuf { dir.path().join(OsStr::from_bytes(&[kind.as_bytes(), name].concat())) };
        let mut client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.bind(&SockAddr::unix(path("stream ")).unwrap()).unwrap();
        client.connect(&SockAddr::unix(dir.join("s")).unwrap()).unwrap();
        client.write_all(b"exit").unwrap();
        let mut said = Vec::new();
        std::io::Read::read_to_end(&mut client, &mut said).unwrap();

        let sender = UnixDatagram::bind(path("datagram ")).unwrap();
        sender.set_read_timeout(Some(PATIENCE)).unwrap();
        sender.send_to(b"", dir.join("d")).unwrap(); // an empty one is not answered
        sender.send_to(format!("{number}").as_bytes(), dir.join("d")).unwrap();
        sender.recv(&mut [0; 100]).unwrap();
    }
    assert_eq!(daemon.terminate(), Some(0));
    let text = String::from_utf8(fs::read(&log).unwrap()).expect("the log is text");
    for shown in SHOWN {
        assert!(
            text.contains(&format!("opened by {}", dir.join(format!("stream {shown}")).display())),
            "{text}"
        );
        assert!(
            text.contains(&format!("from {} not answered", dir.join(format!("datagram {shown}")).display())),
            "{text}"
        );
    }
    assert!(!text.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{2028}')), "{text}");
    for line in text.lines() {
        assert!(line.starts_with('[') || line.starts_with("hullo: "), "{line}");
    }
}

#[test]
fn the_name_and_the_words_of_a_config_are_shown_in_one_line_as_well() {
    let dir = TempDir::new();
    let file = dir.write("odd\u{1b}[2J\nname", "\"odd\\u001B[2J\\nkey\" = 1\n[dialects.\"a\\u0007b\"]\n");
    for config in [file.as_str(), &format!("{file}.missing")] {
        let (code, _, stderr) = Serve::new(["--config", config]).run();
        assert_eq!(code, Some(2));
        assert!(stderr.contains(r"odd\x1b[2J\x0aname"), "{stderr}");
        assert!(!stderr.chars().any(|c| c != '\n' && c.is_control()), "{stderr:?}");
        assert!(stderr.lines().all(|line| line.contains("odd")), "{stderr}");
    }
    let (code, _, stderr) = Serve::new(["--dialect", "\u{1b}[2J"]).run();
    assert_eq!(code, Some(2));
    assert!(!stderr.contains('\u{1b}'), "{stderr:?}");
    let (code, _, stderr) = Serve::new(["tcp://\u{1b}[2J:0"]).run();
    assert_eq!(code, Some(2));
    assert!(!stderr.contains('\u{1b}'), "{stderr:?}");
}

/// What it logs when `JOURNAL_STREAM` has these words, in which `DEVICE:INODE` is its stderr's own.
fn logged(stream: &str) -> String {
    let dir = TempDir::new();
    let log = dir.join("log");
    let file = File::create(&log).unwrap();
    let own = format!("export JOURNAL_STREAM=\"$(stat -c {stream} {})\"", log.display());
    let serve = Serve::new([&dir.unix("s"), "--log-level", "debug", "--max-connections", "1"]).after(&own);
    let mut daemon = serve.stderr(file).start();
    Peer::connect(&dir.unix("s")).expect("Welcome!");
    daemon.signal("HUP");
    assert_eq!(daemon.terminate(), Some(0));
    fs::read_to_string(&log).unwrap()
}

#[test]
fn where_the_journal_reads_a_line_has_a_priority_and_no_time() {
    let log = logged("%d:%i");
    for line in ["<7>hullo::daemon::greeter: ", "<6>hullo::daemon::greeter: draining", "<4>hullo::reactor"] {
        assert!(log.lines().any(|said| said.starts_with(line)), "{line:?} is not in\n{log}");
    }
    assert!(log.lines().all(|line| line.starts_with('<') || line.starts_with("hullo: ")), "{log}");
}

#[test]
fn an_error_at_the_start_has_its_priority_in_the_journal_too() {
    let dir = TempDir::new();
    let log = dir.join("log");
    let file = File::create(&log).unwrap();
    let own = format!("export JOURNAL_STREAM=\"$(stat -c %d:%i {})\"", log.display());
    let (code, _, _) = Serve::new(["--config", "/no/such/file"]).after(&own).stderr(file).run();
    assert_eq!(code, Some(2));
    let said = fs::read_to_string(&log).unwrap();
    assert!(
        said.starts_with("<3>error: cannot read the config /no/such/file") && said.ends_with('\n'),
        "{said}"
    );
}

#[test]
fn a_stream_that_the_journal_does_not_read_keeps_its_times() {
    for another in ["%i:%d", "0%d:%i", "%d"] {
        let log = logged(another);
        assert!(
            log.lines().all(|line| line.starts_with('[') || line.starts_with("hullo: ")),
            "{another}: {log}"
        );
    }
}
