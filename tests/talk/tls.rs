//! `hullo talk tls://`: who is trusted, what is said of who is not, and how both sides end.

use crate::support::*;
use std::io::Write;
use std::process::{Command, Stdio};

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

#[test]
fn a_certificate_that_is_not_trusted_is_told_with_the_remedy() {
    let ours =
        Certificate::with(|params| params.distinguished_name.push(rcgen::DnType::CommonName, "one of ours"));
    let other_name = Certificate::with(|params| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName("elsewhere.example".try_into().unwrap())];
    });
    for (certificate, trusted, parts) in [
        (&ours, &Certificate::new(), &["UnknownIssuer", "--cacert FILE", "--insecure"][..]),
        (&other_name, &other_name, &["elsewhere.example", "--insecure"]),
        (&Certificate::expired(), &Certificate::expired(), &["--insecure"]),
    ] {
        let (dir, trust) = (TempDir::new(), TempDir::new());
        let (cert, key) = certificate.files(&dir);
        let trusted = trusted.files(&trust).0;
        let daemon = Daemon::start(["tls://127.0.0.1:0", "--cert", &cert, "--key", &key]);
        let address = format!("tls://localhost:{}", daemon.inet().port());
        let sentence = format!("cannot connect to {address}: tls://127.0.0.1:");
        let refused = talk(&[&address, "--cacert", &trusted, "Michael", "exit"]);
        refused.failed(1, &[&[sentence.as_str(), "certificate"], parts].concat());
        // Nobody of the system's has signed it either; a system may have nobody, which is told before.
        let refused = talk(&[&address, "Michael", "exit"]);
        let code = if refused.err.contains("this system trusts nobody") { 2 } else { 1 };
        refused.failed(code, &["--"]);
        talk(&[&address, "--insecure", "Michael", "exit"]).showed("Welcome!Hello, Michael!");
    }
}

#[test]
fn a_certificate_that_signs_itself_is_trusted_by_its_file_although_it_may_sign_others() {
    let in_time = Certificate::of_authority();
    let expired = Certificate::with(|params| {
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    for (certificate, host, problem) in [
        (&in_time, "localhost", None),
        (&in_time, "127.0.0.1", Some("not valid for name")),
        (&expired, "localhost", Some("expired")),
    ] {
        let dir = TempDir::new();
        let (cert, key) = certificate.files(&dir);
        let daemon = Daemon::start(["tls://127.0.0.1:0", "--cert", &cert, "--key", &key]);
        let said =
            talk(&[&format!("tls://{host}:{}", daemon.inet().port()), "--cacert", &cert, "Michael", "exit"]);
        match problem {
            None => said.showed("Welcome!Hello, Michael!"),
            Some(problem) => said.failed(1, &[problem, "--insecure"]),
        }
    }
}

#[test]
fn a_server_that_does_not_speak_tls_or_leaves_is_told_with_the_remedy() {
    let (_daemon, plain) = hello();
    let plain = plain.replace("tcp://", "tls://");
    talk(&[&plain, "--insecure", "x"]).failed(1, &[&plain, "does not speak TLS there", "check the port"]);
    let (address, thread) = server(|mut client| {
        one_read(&mut client);
    });
    let address = address.replace("tcp://", "tls://");
    let left = ["has left in the middle of the TLS handshake", "speaks TLS on this port"];
    talk(&[&address, "--insecure", "x"]).failed(1, &left);
    thread.join().unwrap();
    let (address, thread) = server(|client| client); // and not a word
    let silent = address.replace("tcp://", "tls://");
    talk(&[&silent, "--insecure", "--timeout", "300ms", "x"]).failed(1, &[&silent, "--timeout"]);
    drop(thread.join().unwrap());
    let nobody = ["Connection refused", "--cert FILE --key FILE starts one"];
    talk(&["tls://127.0.0.1:1", "--insecure", "x"]).failed(1, &nobody);
}

#[test]
fn an_end_without_a_close_notify_is_a_failure_and_one_with_it_is_none() {
    let dir = TempDir::new();
    let files = Certificate::new().files(&dir);
    let Some(server) = Server::tls(&files, false) else { return };
    let address = server.root.replace("https://", "tls://");
    let ask = |path: &str| {
        let line = format!("GET /{path} HTTP/1.1");
        talk(&[&address, "--cacert", &files.0, "--crlf", "--bye", "", &line, ""])
    };
    ask("whole").showed("HTTP/1.1 200 OK\r\n\r\nall of it");
    let truncated = ask("truncated");
    truncated.failed(1, &[&address, "cut off", "close_notify", "something may be missing"]);
    assert_eq!(truncated.out, b"HTTP/1.1 200 OK\r\n\r\nall of it");
    ask("reset").failed(1, &[&address, "cut off", "reset"]);
    let Some(server) = Server::tls(&files, true) else { return };
    let address = server.root.replace("https://", "tls://");
    talk(&[&address, "--cacert", &files.0, "x"]).failed(1, &["asks for a certificate of ours"]);
}

#[test]
fn openssl_answers_by_either_version() {
    let dir = TempDir::new();
    let (cert, key) = Certificate::of_authority().files(&dir);
    if !Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success()) {
        return skip("there is no openssl here");
    }
    for version in ["-tls1_2", "-tls1_3"] {
        let mut command = Command::new("openssl");
        command.args(["s_server", "-accept", "127.0.0.1:0", "-rev", "-cert", &cert, "-key", &key, version]);
        let server = Process::start(&mut command);
        let port = server.wait_for(PATIENCE, |said| {
            let accepting = said.out.iter().find_map(|line| line.strip_prefix("ACCEPT "))?;
            accepting.rsplit(':').next().map(str::to_owned)
        });
        let port = port.unwrap_or_else(|| panic!("openssl does not serve: {:?}", server.said()));
        let address = format!("tls://localhost:{port}");
        let mut talk = Talk::start([&address, "--cacert", &cert, "--framing", "line"], Stdio::piped());
        let mut stdin = talk.stdin();
        stdin.write_all(b"Michael\nCLOSE\n").unwrap(); // at which openssl ends it
        drop(stdin);
        let talked = talk.end();
        assert_eq!(text(&talked.out), "leahciM\n", "{version}: {}", talked.err);
        assert_eq!(talked.code, Some(0), "{version}: {}", talked.err);
    }
}
