//! `hullo load tls://`: whole handshakes, told apart from welcomes, and what is said of those that fail.

use crate::load_common::{Client, Lines, Load, command, load, refused};
use crate::support::{Certificate, Daemon, PATIENCE, Process, TempDir, python_server};
use std::io::Read;
use std::net::TcpListener;

/// A short run in which nothing is waited for.
const SHORT: &str = "-c 3 -n 30 --connect-timeout 500ms --timeout 500ms --warmup 0s";

/// A daemon over TLS with a certificate of its own, and the files of that.
struct Server {
    dir: TempDir,
    cert: String,
    daemon: Daemon,
}

impl Server {
    fn start() -> Server {
        let dir = TempDir::new();
        let (cert, key) = Certificate::new().files(&dir);
        let daemon = Daemon::start(["tls://127.0.0.1:0", "--cert", &cert, "--key", &key]);
        Server { dir, cert, daemon }
    }

    fn url(&self) -> String {
        format!("tls://{}", self.daemon.inet())
    }

    /// A run by somebody who trusts it.
    #[track_caller]
    fn load(&self, line: &str) -> Load {
        load(&self.url(), &format!("{line} --cacert {}", self.cert))
    }
}

/// How many handshakes there were, and how many welcomes.
#[track_caller]
fn handshakes(load: &Load) -> (u64, u64) {
    let count = |key| load.report.count(&["latency_us", key, "count"]);
    (count("handshake"), count("connect"))
}

/// Nobody came to life for that cause, and it is said what helps.
#[track_caller]
fn assert_failed(load: &Load, cause: &str, advice: &[&str]) {
    load.nobody_is_alive();
    let asked = load.report.count(&["connections", "asked"]);
    assert_eq!(load.report.count(&["failures", cause]), asked, "{:#}", load.report.0);
    let reasons = load.report.reasons();
    let is_told = reasons.iter().any(|reason| advice.iter().all(|word| reason.contains(word)));
    assert!(is_told, "{advice:?} is not in {reasons:#?}");
}

#[test]
fn fifty_clients_are_answered_in_both_loops_and_their_handshakes_are_counted_apart() {
    let server = Server::start();
    for line in ["-c 50 -n 2000 --warmup 0s", "-c 50 -d 1s -r 500 --warmup 0s"] {
        let load = server.load(line);
        load.all_correct(50);
        assert_eq!(handshakes(&load), (50, 50), "{:#}", load.report.0);
        let at = |kind: &str, key: &str| load.report.number(&["latency_us", kind, key]);
        for key in ["p50", "p90", "p99", "p99_9", "max"] {
            assert!(at("handshake", key) <= at("connect", key), "{key}: {:#}", load.report.0);
        }
        assert_eq!(load.report.at(&["settings", "cacert"]), &server.cert);
        assert!(load.report.at(&["target"]).as_str().unwrap().starts_with("tls://127.0.0.1:"));
    }
}

#[test]
fn the_text_tells_of_handshakes_over_tls_alone() {
    let server = Server::start();
    let plain = Daemon::start(["tcp://127.0.0.1:0"]);
    let said = |url: &str, more: &[&str]| {
        let arguments = [&[url, "-q", "-c", "2", "-n", "20", "--warmup", "0s"], more].concat();
        let mut process = Process::start(&mut command(arguments));
        assert!(process.wait(PATIENCE).is_some(), "{:?}", process.said());
        process.said().out.join("\n")
    };
    let over_tls = said(&server.url(), &["--insecure"]);
    let line = over_tls.lines().find(|line| line.contains("connect and TLS handshake: p50 ")).unwrap();
    assert!(line.contains(", p99 ") && line.ends_with("(2 handshakes)"), "{line}");
    assert!(over_tls.contains("connect to welcome: p50 ") && over_tls.contains("insecure yes"), "{over_tls}");
    let plain = said(&format!("tcp://{}", plain.inet()), &[]);
    for word in ["handshake", "insecure", "cacert"] {
        assert!(!plain.contains(word), "{word}: {plain}");
    }
}

#[test]
fn a_report_without_tls_has_no_key_of_it() {
    let plain = Daemon::start(["tcp://127.0.0.1:0"]);
    let load = load(&format!("tcp://{}", plain.inet()), "-c 2 -n 20 --warmup 0s");
    load.all_correct(2);
    let keys: Vec<_> = load.report.at(&["latency_us"]).as_object().unwrap().keys().collect();
    assert_eq!(keys, ["connect", "response", "service"]);
}

#[test]
fn each_session_of_a_churn_has_a_whole_handshake() {
    let (dir, certificate) = (TempDir::new(), Certificate::new());
    let (cert, key) = certificate.files(&dir);
    // It says another welcome to whoever comes with a ticket.
    let Some((_server, port)) = python_server("tls_greeter.py", &["greets", &cert, &key]) else { return };
    let url = format!("tls://127.0.0.1:{port}");
    let load = load(&url, &format!("-c 4 -n 60 --churn --warmup 0s --cacert {cert}"));
    let books = load.report.books();
    assert_eq!((books.sent, books.correct), (60, 60), "{:#}", load.report.0);
    let (shaken, welcomed) = handshakes(&load);
    assert!(shaken >= 60 && welcomed >= 60, "{:#}", load.report.0);
    assert_eq!(load.report.count(&["connections", "failed"]), 0, "{:#}", load.report.0);
    load.ended_with(0);
}

#[test]
fn a_foreign_server_is_tested_by_its_name_from_addresses_of_ours() {
    let (dir, certificate) = (TempDir::new(), Certificate::new());
    let (cert, key) = certificate.files(&dir);
    let Some((_server, port)) = python_server("tls_greeter.py", &["greets", &cert, &key]) else { return };
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("tls://{host}:{port}");
        load(&url, &format!("-c 6 -n 300 --warmup 0s --source 127.0.0.2/30 --cacert {cert}")).all_correct(6);
    }
}

#[test]
fn source_addresses_are_used_over_tls_too() {
    let server = Server::start();
    server.load("-c 6 -n 60 --warmup 0s --source 127.0.0.2/30").all_correct(6);
    let leaving = Lines::serve_clients(read_and_leave);
    load(&over_tls(&leaving), &format!("{SHORT} --insecure --source 127.0.0.5")).nobody_is_alive();
    let sources: Vec<_> = leaving.peers().iter().map(|(peer, _)| peer.ip().to_string()).collect();
    assert_eq!(sources, ["127.0.0.5"; 3]);
}

#[test]
fn a_certificate_that_is_not_trusted_is_told_with_both_remedies() {
    let server = Server::start();
    let other = server.dir.write("other.pem", &Certificate::new().chain);
    for rate in ["", "-r 100"] {
        let load = load(&server.url(), &format!("{SHORT} --cacert {other} {rate}"));
        let advice = ["signed the server's certificate", "--cacert FILE", "--insecure"];
        assert_failed(&load, "certificate not signed by anybody who is trusted", &advice);
        assert_eq!(handshakes(&load), (0, 0), "{:#}", load.report.0);
    }
    let insecure = load(&server.url(), &format!("{SHORT} --insecure"));
    insecure.all_correct(3);
    assert_eq!(insecure.report.at(&["settings", "insecure"]), true);
}

#[test]
fn a_certificate_for_another_name_is_told() {
    let dir = TempDir::new();
    let made = rcgen::generate_simple_self_signed(["elsewhere.example".to_owned()]).unwrap();
    let (cert, key) =
        (dir.write("chain.pem", made.cert.pem()), dir.write("key.pem", made.signing_key.serialize_pem()));
    let daemon = Daemon::start(["tls://127.0.0.1:0", "--cert", &cert, "--key", &key]);
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("tls://{host}:{}", daemon.inet().port());
        let load = load(&url, &format!("{SHORT} --cacert {cert}"));
        assert_failed(
            &load,
            "certificate for another name",
            &["not for the host of the address", "--insecure"],
        );
    }
}

#[test]
fn a_server_without_tls_is_told_with_its_address() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    let plain = load(&format!("tls://{}", daemon.inet()), &format!("{SHORT} --insecure"));
    assert_failed(&plain, "answered without TLS", &[&format!("use tcp://{}", daemon.inet())]);
}

#[test]
fn a_server_that_ends_in_the_handshake_or_never_answers_is_told() {
    let leaving = Lines::serve_clients(read_and_leave);
    let resetting = Lines::serve_clients(|client| {
        let _ = client.stream().read(&mut [0]);
        client.reset();
    });
    let silent = Lines::serve_clients(|client| client.each_line(|_, _| ()));
    for (server, cause) in [
        (&leaving, "closed by the server in the TLS handshake"),
        (&resetting, "reset by the server in the TLS handshake"),
        (&silent, "no TLS handshake in time"),
    ] {
        let load = load(&over_tls(server), &format!("{SHORT} --insecure"));
        assert_failed(&load, cause, &["did not go through with the TLS handshake", &server.url()]);
    }
    // Of a churn every session is one, and its request was never sent.
    let churn = load(&over_tls(&leaving), "-c 2 -n 20 --churn --warmup 0s --insecure");
    assert_eq!((churn.code, churn.report.books().sent), (Some(1), 0), "{:#}", churn.report.0);
    assert!(churn.report.count(&["failures", "closed by the server in the TLS handshake"]) > 0);
}

#[test]
fn nobody_there_is_no_handshake() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("tls://127.0.0.1:{port}");
    assert_failed(
        &load(&url, &format!("{SHORT} --insecure")),
        "connect refused",
        &["nobody listened at", &url],
    );
}

#[test]
fn a_server_that_wants_a_certificate_of_ours_refuses_with_an_alert() {
    let (dir, certificate) = (TempDir::new(), Certificate::new());
    let (cert, key) = certificate.files(&dir);
    // By TLS 1.3 the handshake is over for us before the server has seen that we have none.
    for (kind, cause) in [
        ("wants", "ended by a TLS alert before the welcome"),
        ("wants12", "TLS handshake refused by the server: HandshakeFailure"),
    ] {
        let Some((_server, port)) = python_server("tls_greeter.py", &[kind, &cert, &key]) else { return };
        let load = load(&format!("tls://127.0.0.1:{port}"), &format!("{SHORT} --cacert {cert}"));
        assert_failed(&load, cause, &["certificate of ours"]);
    }
}

#[test]
fn a_server_that_cuts_the_connection_without_a_word_is_told() {
    let (dir, certificate) = (TempDir::new(), Certificate::new());
    let (cert, key) = certificate.files(&dir);
    let Some((_server, port)) = python_server("tls_greeter.py", &["cuts", &cert, &key]) else { return };
    let load = load(&format!("tls://127.0.0.1:{port}"), &format!("-c 5 -n 100 --warmup 0s --cacert {cert}"));
    let connections = ["alive", "failed", "lost"].map(|key| load.report.count(&["connections", key]));
    assert_eq!(connections, [5, 0, 5], "{:#}", load.report.0);
    assert_eq!(
        load.report.count(&["failures", "ended without a TLS close_notify"]),
        5,
        "{:#}",
        load.report.0
    );
    assert_eq!(load.code, Some(1), "{}", load.err);
    assert_eq!(handshakes(&load), (5, 5));
}

#[test]
fn flags_of_trust_are_for_tls_and_files_that_are_of_no_use_are_named() {
    let temp = TempDir::new();
    let empty = temp.write("empty.pem", "");
    let each: [(&[&str], &str); 7] = [
        (&["tcp://127.0.0.1:1", "--insecure"], "--insecure is for tls:// addresses"),
        (&["tcp://127.0.0.1:1", "--cacert", &empty], "--cacert is for tls:// addresses"),
        (&["udp://127.0.0.1:1", "--insecure"], "--insecure is for tls:// addresses"),
        (&["unix:/nowhere", "--insecure"], "--insecure is for tls:// addresses"),
        (&["tls://127.0.0.1:1", "--cacert", &empty, "--insecure"], "cannot be used with"),
        (&["tls://127.0.0.1:1", "--cacert", &empty], "empty.pem"),
        (&["tls://127.0.0.1:1", "--cacert", "/nowhere/x.pem"], "/nowhere/x.pem"),
    ];
    for (arguments, part) in each {
        let (code, sentence) = refused(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {sentence}");
        assert!(sentence.contains("error: ") && sentence.contains(part), "{arguments:?}: {sentence}");
    }
}

/// Reads what a client says first, and leaves.
fn read_and_leave(client: &mut Client) {
    let _ = client.stream().read(&mut [0; 16 * 1024]);
}

fn over_tls(server: &Lines) -> String {
    server.url().replace("tcp://", "tls://")
}
