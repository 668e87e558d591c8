//! `tls://` sockets: who is greeted there, what they are shown, and what becomes of it in a reload.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::{ClientConfig, HandshakeKind};

use crate::support::{
    Certificate, Daemon, PATIENCE, Peer, Serve, TempDir, eventually, hear, hear_last, python, say,
    shake_hands, skip, text,
};

/// A daemon with one `tls://` socket, whose certificate is in `dir`.
fn start(dir: &TempDir, certificate: &Certificate, more: &[&str]) -> Daemon {
    let (cert, key) = certificate.files(dir);
    Daemon::start([&["tls://127.0.0.1:0", "--cert", &cert, "--key", &key], more].concat())
}

/// How one client shakes hands; `None` if it does not trust what it is shown.
fn handshake(daemon: &Daemon, trust: &Arc<ClientConfig>) -> Option<HandshakeKind> {
    let mut client = shake_hands(trust.clone(), daemon.inet()).ok()?;
    hear(&mut client, "Welcome!"); // and whatever tickets stand before it
    client.conn.handshake_kind()
}

#[test]
fn a_client_is_greeted_after_the_handshake_and_its_end_is_announced() {
    let (dir, certificate) = (TempDir::new(), Certificate::new());
    let mut daemon = start(&dir, &certificate, &["tcp://127.0.0.1:0"]);
    let port = daemon.inet().port();
    assert_eq!(daemon.said().out[0], format!("listening on tls://127.0.0.1:{port} (hello)"));
    let mut client = certificate.connect(daemon.inet());
    hear(&mut client, "Welcome!");
    say(&mut client, "Michael\n");
    hear(&mut client, "Hello, Michael!\n");
    say(&mut client, "exit\n");
    hear_last(&mut client, "");
    // The other socket is what it was.
    Peer::connect(&daemon.listening[1].address).expect("Welcome!");
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn a_drain_announces_the_end_to_every_client() {
    let (dir, certificate) = (TempDir::new(), Certificate::new());
    let mut daemon = start(&dir, &certificate, &[]);
    let mut clients: Vec<_> = (0..3).map(|_| certificate.connect(daemon.inet())).collect();
    for client in &mut clients {
        hear(client, "Welcome!");
    }
    daemon.signal("TERM");
    for client in &mut clients {
        hear_last(client, "");
    }
    drop(clients);
    assert_eq!(daemon.exit_code(PATIENCE), Some(0), "{}", daemon.stderr());
}

#[test]
fn plain_text_is_told_that_it_is_wrong_and_is_not_greeted() {
    let (dir, certificate) = (TempDir::new(), Certificate::new());
    let mut daemon = start(&dir, &certificate, &[]);
    let mut served = certificate.connect(daemon.inet());
    hear(&mut served, "Welcome!");
    for rubbish in ["Michael\n", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"] {
        let mut client = TcpStream::connect(daemon.inet()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(rubbish.as_bytes()).unwrap();
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).unwrap();
        // A record of alerts, fatal (RFC 8446, section 6).
        assert!(heard.len() == 7 && heard[0] == 21 && heard[5] == 2, "{heard:?}");
    }
    say(&mut served, "x");
    hear(&mut served, "Hello, x!");
    drop(served);
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn openssl_and_python_are_greeted_and_hear_the_end() {
    let (dir, certificate) = (TempDir::new(), Certificate::new());
    let daemon = start(&dir, &certificate, &[]);
    let (port, chain) = (daemon.inet().port().to_string(), dir.join("chain.pem").display().to_string());
    python("tls.py", &[port, chain.clone()], PATIENCE);
    if !Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success()) {
        return skip("there is no openssl here");
    }
    for version in ["-tls1_2", "-tls1_3"] {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-quiet", "-verify_return_error", "-CAfile", &chain, version]);
        command.args(["-servername", "localhost", "-connect", &daemon.inet().to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut client = command.spawn().unwrap();
        let mut stdin = client.stdin.take().unwrap();
        stdin.write_all(b"Michael\nexit\n").unwrap();
        let output = client.wait_with_output().unwrap();
        drop(stdin); // it has ended although its input has not
        let said = text(&output.stderr);
        assert_eq!(text(&output.stdout), "Welcome!Hello, Michael!\n", "{version}: {said}");
        assert!(!said.contains("unexpected eof"), "{version}: {said}");
    }
}

#[test]
fn a_reload_shows_a_new_certificate_to_new_clients_and_keeps_the_old_ones() {
    let (dir, old, new) = (TempDir::new(), Certificate::new(), Certificate::new());
    let mut daemon = start(&dir, &old, &["--reactors", "2"]);
    let mut client = old.connect(daemon.inet());
    hear(&mut client, "Welcome!");

    dir.write("key.pem", &new.key); // and not the certificate
    daemon.signal("HUP");
    let said = daemon.wait_for_log("nothing has changed");
    assert!(said.contains("key.pem is not the key of the certificate in"), "{said}");
    assert!(handshake(&daemon, &old.trust()).is_some());

    new.files(&dir);
    daemon.signal("HUP");
    daemon.wait_for_log("reloaded: listening on tls://");
    // The kernel spreads clients over the reactors, and the second one may follow a little later.
    eventually("both reactors show the new certificate", || {
        (0..16).all(|_| handshake(&daemon, &new.trust()).is_some())
    });
    assert_eq!(handshake(&daemon, &old.trust()), None);
    say(&mut client, "Michael\n");
    hear(&mut client, "Hello, Michael!\n");
    drop(client);

    std::fs::remove_file(dir.join("chain.pem")).unwrap();
    daemon.signal("HUP");
    let said = daemon.wait_for_log("cannot read");
    assert!(said.contains("nothing has changed") && said.contains("chain.pem"), "{said}");
    assert!(handshake(&daemon, &new.trust()).is_some());
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn tickets_count_at_every_reactor_and_after_a_reload() {
    let (dir, certificate) = (TempDir::new(), Certificate::new());
    let mut daemon = start(&dir, &certificate, &["--reactors", "3"]);
    let trust = certificate.trust();
    assert_eq!(handshake(&daemon, &trust), Some(HandshakeKind::Full));
    let is_resumed = || handshake(&daemon, &trust) == Some(HandshakeKind::Resumed);
    assert!((0..16).all(|_| is_resumed()));
    daemon.signal("HUP");
    daemon.wait_for_log("reloaded: listening on tls://");
    assert!((0..16).all(|_| is_resumed()));
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn a_certificate_from_a_pipe_serves_until_it_is_to_be_read_again() {
    let (dir, certificate) = (TempDir::new(), Certificate::new());
    let (cert, key) = certificate.files(&dir);
    let pipe = dir.join("pipe").display().to_string();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let serve = Serve::new(["tls://127.0.0.1:0", "--cert", &pipe, "--key", &key]);
    let mut daemon = serve.after(&format!("cat '{cert}' >'{pipe}' &")).start();
    assert!(handshake(&daemon, &certificate.trust()).is_some());
    daemon.signal("HUP");
    daemon.wait_for_log("pipe is no regular file, and only that can be read again");
    assert!(handshake(&daemon, &certificate.trust()).is_some());
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn files_that_are_of_no_use_are_named_at_the_start() {
    let (dir, certificate) = (TempDir::new(), Certificate::new());
    let (cert, key) = certificate.files(&dir);
    let other = dir.write("other.pem", &Certificate::new().key);
    let none = dir.join("none").display().to_string();
    let cases: [(&[&str], &str); 9] = [
        (&["tls://127.0.0.1:0"], "tls://127.0.0.1:0 needs a certificate and its key: add --cert FILE"),
        (&["tls://127.0.0.1:0", "--cert", &cert], "--key <FILE>"),
        (&["tls://127.0.0.1:0", "--key", &key], "--cert <FILE>"),
        (&["tcp://127.0.0.1:0", "--cert", &cert, "--key", &key], "--cert and --key are for tls:// addresses"),
        (&["tls://127.0.0.1:0", "--cert", &none, "--key", &key], "none: No such file"),
        (&["tls://127.0.0.1:0", "--cert", &cert, "--key", &other], "other.pem is not the key of the"),
        (&["tls://127.0.0.1:0", "--cert", &key, "--key", &key], "key.pem holds no certificate in PEM"),
        (&["tls://127.0.0.1:0", "--cert", &cert, "--key", &cert], "chain.pem holds no private key in PEM"),
        (&["tls://127.0.0.1:0", "--cert", "/dev/zero", "--key", &key], "longer than 16 MiB"),
    ];
    for (arguments, part) in cases {
        let (code, out, err) = Serve::new(arguments.iter().copied()).run();
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {err}");
        assert!(err.contains(part), "{arguments:?}: {err}");
    }
}

#[test]
fn each_socket_of_a_config_has_its_own_certificate_and_a_check_shows_it() {
    let (first, second) = (TempDir::new(), TempDir::new());
    let certificates = [Certificate::new(), Certificate::new()];
    let table = |files: &(String, String)| {
        let (cert, key) = files;
        format!("[[listen]]\naddress = \"tls://127.0.0.1:0\"\ncert = {cert:?}\nkey = {key:?}\n")
    };
    let tables = [table(&certificates[0].files(&first)), table(&certificates[1].files(&second))];
    let config = first.write("hullo.toml", tables.concat());
    let (code, checked, _) = Serve::new(["--config", &config, "--check-config"]).run();
    assert_eq!(code, Some(0));
    assert!(checked.contains(&format!("cert = \"{}\"", first.join("chain.pem").display())), "{checked}");
    // What a check prints is a config.
    let config = first.write("hullo.toml", checked);
    let mut daemon = Serve::new(["--config", &config]).sockets(2).start();
    for (listening, certificate) in daemon.listening.iter().zip(&certificates) {
        hear(&mut certificate.connect(listening.inet()), "Welcome!");
    }
    assert_eq!(daemon.terminate(), Some(0));

    for (text, part) in [
        (
            "address = \"tls://127.0.0.1:0\"\n",
            "hullo.toml:2: tls://127.0.0.1:0 needs a certificate and its key",
        ),
        (
            "address = \"tls://127.0.0.1:0\"\ncert = \"x\"\n",
            "hullo.toml:3: [[listen]]: cert is given without",
        ),
        ("address = \"tls://127.0.0.1:0\"\nkey = \"x\"\n", "hullo.toml:3: [[listen]]: key is given without"),
        (
            "address = \"tcp://127.0.0.1:0\"\ncert = \"x\"\nkey = \"x\"\n",
            "hullo.toml:3: [[listen]]: only a tls://",
        ),
        (
            "address = \"tls://127.0.0.1:0\"\ncert = \"/x\"\nkey = \"/x\"\n",
            "hullo.toml:2: tls://127.0.0.1:0: cannot",
        ),
    ] {
        let config = first.write("hullo.toml", format!("[[listen]]\n{text}"));
        let (code, _, err) = Serve::new(["--config", &config]).run();
        assert_eq!(code, Some(2), "{text}: {err}");
        assert!(err.contains(part), "{text}: {err}");
    }
}
