//! `hullo talk tls://`: who is trusted, what is said of who is not, and how both sides end.

use crate::support::*;

/// A daemon with one `tls://` socket, its port, and the file of its certificate, which is in `dir`.
fn hello_over_tls(dir: &TempDir) -> (Daemon, u16, String) {
    let (cert, key) = Certificate::new().files(dir);
    let daemon = Daemon::start(["tls://127.0.0.1:0", "--cert", &cert, "--key", &key]);
    let port = daemon.inet().port();
    (daemon, port, cert)
}

#[test]
fn messages_and_lines_are_answered_as_over_tcp() {
    let dir = TempDir::new();
    let (mut daemon, port, cert) = hello_over_tls(&dir);
    for host in ["localhost", "127.0.0.1"] {
        let address = format!("tls://{host}:{port}");
        for trust in [&["--cacert", &cert][..], &["--insecure"]] {
            let said = talk(&[&[address.as_str()], trust, &["Michael", "数据", "exit"]].concat());
            said.showed("Welcome!Hello, Michael!Hello, 数据!");
            assert!(said.err.starts_with(&format!("talking to {address}")), "{}", said.err);
        }
        // The end of the input is the end of our side, and what is answered to it comes.
        let more = [address.as_str(), "--cacert", &cert];
        talk_piped(&more, "Michael").showed("Welcome!Hello, Michael!");
        let lines = [&more[..], &["--framing", "line", "--dialect", "hello"]].concat();
        talk_piped(&lines, "one\ntwo\n").showed("Welcome!Hello, one!\nHello, two!\n");
    }
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn flags_of_trust_are_for_tls_and_exclude_each_other() {
    let dir = TempDir::new();
    let empty = dir.write("empty.pem", "nothing");
    for (arguments, part) in [
        (
            &["tcp://127.0.0.1:1", "--insecure"][..],
            "--insecure is for tls:// addresses, and tcp://127.0.0.1:1 is",
        ),
        (&["udp://127.0.0.1:1", "--cacert", "x"], "--cacert is for tls:// addresses"),
        (&["unix:/x", "--insecure"], "--insecure is for tls:// addresses"),
        (&["tls://127.0.0.1:1", "--cacert", "x", "--insecure"], "cannot be used with"),
        (&["tls://127.0.0.1:1", "--cacert", "/none"], "--cacert: cannot read /none: No such file"),
        (
            &["tls://127.0.0.1:1", "--cacert", &empty],
            "empty.pem: the text of the trusted certificates holds no",
        ),
        (&["tls://*:1", "--insecure"], "tls://*:1 is where to listen"),
    ] {
        let talked = talk(arguments);
        assert_eq!(talked.code, Some(2), "{arguments:?}: {}", talked.err);
        assert!(talked.err.contains(part), "{arguments:?}: {}", talked.err);
    }
}
