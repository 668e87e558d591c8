//! TLS on a stream, with peers that owe us nothing: rustls' own blocking client, OpenSSL and Python.

use crate::counting::counted;
use crate::support::*;
use hullo::{CloseReason, ConnId, Limits, Net, Roots, TlsClient, TlsIdentity, TlsServer, TlsSession};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

fn server(made: &Certificate) -> TlsServer {
    TlsServer::new(TlsIdentity::from_pem(made.chain.as_bytes(), made.key.as_bytes()).unwrap())
}

pub fn client(made: &Certificate) -> TlsClient {
    TlsClient::new(&Roots::Pem(made.chain.clone().into_bytes())).unwrap()
}

pub fn echo(limits: Limits, made: &Certificate) -> (Harness, SocketAddr) {
    let mut harness = Harness::with_limits(limits);
    let (listener, address) = harness.listen();
    let tls = server(made);
    assert!(harness.net().put_layers(listener, move || Ok(Box::new(tls.session()?))));
    harness.echo();
    (harness, address)
}

#[test]
fn plaintext_goes_both_ways_and_the_end_is_announced() {
    let made = Certificate::new();
    let (harness, address) = echo(Limits::default(), &made);
    let background = harness.run_in_background();
    let sent = pattern(300_000);
    let mut client = made.connect(address);
    let reader = client.sock.try_clone().unwrap();
    reader.set_read_timeout(Some(PATIENCE)).unwrap();
    for piece in sent.chunks(7_000) {
        client.write_all(piece).unwrap();
        let mut heard = vec![0; piece.len()];
        client.read_exact(&mut heard).unwrap();
        assert!(heard == piece);
    }
    client.conn.send_close_notify();
    client.flush().unwrap();
    assert_eq!(client.read(&mut [0; 100]).unwrap(), 0, "close_notify, and not only a FIN");
    drop(client);
    let mut harness = background.finish();
    let conn = harness.recorder.opened()[0];
    assert_eq!(harness.until_closed(conn).reason, CloseReason::PeerClosed);
    assert!(harness.recorder.data(conn) == sent);
}

#[test]
fn a_record_that_comes_a_byte_at_a_time_is_heard_once() {
    let made = Certificate::new();
    let (harness, address) = echo(Limits::default(), &made);
    let background = harness.run_in_background();
    let mut client = made.connect(address);
    client.sock.set_nodelay(true).unwrap();
    client.conn.writer().write_all(b"piecemeal").unwrap();
    let mut wire = Vec::new();
    client.conn.write_tls(&mut wire).unwrap();
    for byte in &wire {
        client.sock.write_all(std::slice::from_ref(byte)).unwrap();
    }
    let mut heard = [0; 9];
    client.read_exact(&mut heard).unwrap();
    let harness = background.finish();
    let conn = harness.recorder.opened()[0];
    assert_eq!(harness.recorder.events[1], Event::Data(conn, b"piecemeal".to_vec()));
}

#[test]
fn a_connection_that_is_cut_is_no_end() {
    let made = Certificate::new();
    let (mut harness, address) = echo(Limits::default(), &made);
    let foreign = std::thread::spawn(move || {
        let client = made.connect(address);
        client.sock.shutdown(Shutdown::Write).unwrap();
        client
    });
    harness.until("it is closed", |_, recorder| recorder.closed().len() == 1);
    let (conn, end) = harness.recorder.closed()[0];
    assert_eq!((end.reason, end.error), (CloseReason::TlsTruncated, Some(io::ErrorKind::UnexpectedEof)));
    assert!(!harness.recorder.has(&Event::Eof(conn)));
    foreign.join().unwrap();
}

#[test]
fn whoever_does_not_speak_tls_is_told_so_and_costs_nobody() {
    let made = Certificate::new();
    let limits = Limits { handshake: Duration::from_secs(1), ..Limits::default() };
    let (harness, address) = echo(limits, &made);
    let background = harness.run_in_background();
    let mut served = made.connect(address);
    let mut heard = Vec::new();
    for rubbish in [
        &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
        b"\x16\x03\x01\xff\xff",
        b"",
        b"\x15\x03\x03\x00\x02\x01\x00",
    ] {
        let mut client = connect(address);
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(rubbish).unwrap();
        heard.clear();
        let _ = client.read_to_end(&mut heard);
        assert!(heard.is_empty() || heard[0] == 21, "an alert or nothing: {heard:?}");
    }
    served.write_all(b"still here").unwrap();
    let mut heard = [0; 10];
    served.read_exact(&mut heard).unwrap();
    let harness = background.finish();
    assert_eq!(harness.recorder.opened().len(), 1);
    assert_eq!(harness.recorder.closed(), []);
}

#[test]
fn ours_calls_ours() {
    let made = Certificate::new();
    let (mut harness, address) = echo(Limits::default(), &made);
    let client = client(&made);
    let call = |net: &mut Net, name: &str| {
        let conn = net.connect(address).unwrap();
        assert!(net.put_layer(conn, Box::new(client.session(name).unwrap())));
        conn
    };
    let first = call(harness.net(), "localhost");
    harness.net().send(first, b"round and round");
    harness.until("it has gone round", |_, recorder| recorder.data(first).starts_with(b"round and round"));
    let is_resumed = |net: &Net, conn| net.layer::<TlsSession>(conn).unwrap().is_resumed();
    assert!(!is_resumed(harness.net(), first));
    let second = call(harness.net(), "localhost");
    harness.until("it is opened", |_, recorder| recorder.opened().contains(&second));
    assert!(is_resumed(harness.net(), second), "the second call goes on from the first");

    let other = call(harness.net(), "elsewhere");
    harness.until("it has failed", |_, recorder| {
        recorder.events.iter().any(|event| matches!(event, Event::ConnectFailed(conn, ..) if *conn == other))
    });
    let told = harness.recorder.events.iter().find_map(|event| match event {
        Event::ConnectFailed(_, kind, text) => Some((*kind, text.clone())),
        _ => None,
    });
    let (kind, text) = told.unwrap();
    assert_eq!(kind, io::ErrorKind::InvalidData);
    assert!(text.contains("elsewhere"), "{text}");
}

#[test]
fn two_hundred_handshakes_at_once_leave_the_others_served() {
    let made = Certificate::new();
    let (harness, address) = echo(Limits::default(), &made);
    let background = harness.run_in_background();
    let mut served = made.connect(address);
    let server = harness_client(&made);
    let crowd = std::thread::spawn(move || server(address, 200));
    for number in 0..100u32 {
        let mut heard = [0; 4];
        served.write_all(&number.to_be_bytes()).unwrap();
        served.read_exact(&mut heard).unwrap();
        assert_eq!(heard, number.to_be_bytes());
    }
    assert_eq!(crowd.join().unwrap(), 200);
    background.finish();
}

/// Opens so many connections from a reactor of its own, has each greeted, and says how many were.
fn harness_client(made: &Certificate) -> impl FnOnce(SocketAddr, usize) -> usize + Send + 'static {
    let client = client(made);
    move |address, count| {
        let mut harness = Harness::new();
        let conns: Vec<ConnId> = (0..count)
            .map(|_| {
                let conn = harness.net().connect(address).unwrap();
                harness.net().put_layer(conn, Box::new(client.session("localhost").unwrap()));
                harness.net().send(conn, b"me too");
                conn
            })
            .collect();
        harness.until("all are answered", |_, recorder| {
            conns.iter().all(|conn| recorder.bytes.get(conn) == Some(&6))
        });
        conns.len()
    }
}

#[test]
fn a_peer_that_never_reads_is_bounded() {
    let made = Certificate::new();
    let (mut harness, address) = echo(Limits::default(), &made);
    harness.on(|_, _| {});
    let foreign = std::thread::spawn(move || made.connect(address));
    harness.until("it is opened", |_, recorder| recorder.opened().len() == 1);
    let conn = harness.recorder.opened()[0];
    let mut most = 0;
    let piece = pattern(50_000);
    while harness.net().send(conn, &piece).is_below(64 * 1024) {
        most = most.max(harness.net().waiting(conn));
        harness.turn(Duration::ZERO);
    }
    // The mark, this send, and what records add to it.
    assert!(harness.net().waiting(conn) < 64 * 1024 + 51_000, "{}", harness.net().waiting(conn));
    drop(foreign.join().unwrap());
    harness.until_closed(conn);
}

#[test]
fn openssl_is_served_and_serves() {
    let openssl = |arguments: &[&str]| {
        let mut command = Command::new("openssl");
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    };
    if !openssl(&["version"]).status().is_ok_and(|status| status.success()) {
        return skip("there is no openssl here");
    }
    let (made, dir) = (Certificate::new(), TempDir::new());
    let (chain, key) = made.files(&dir);
    for version in ["-tls1_2", "-tls1_3"] {
        let (harness, address) = echo(Limits::default(), &made);
        let background = harness.run_in_background();
        let to = address.to_string();
        let arguments = [
            "s_client",
            "-quiet",
            "-connect",
            &to,
            "-CAfile",
            &chain,
            "-verify_return_error",
            "-servername",
            "localhost",
            version,
        ];
        let mut client = openssl(&arguments).spawn().unwrap();
        client.stdin.as_mut().unwrap().write_all(b"from openssl\n").unwrap();
        let mut heard = [0; 13];
        client.stdout.as_mut().unwrap().read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"from openssl\n");
        client.kill().unwrap();
        client.wait().unwrap();
        background.finish();
    }

    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let accept = format!("127.0.0.1:{port}");
    let mut server =
        openssl(&["s_server", "-rev", "-accept", &accept, "-cert", &chain, "-key", &key]).spawn().unwrap();
    eventually("openssl listens", || TcpStream::connect(&accept).is_ok());
    let mut harness = Harness::new();
    let conn = harness.net().connect(format!("tcp://{accept}")).unwrap();
    harness.net().put_layer(conn, Box::new(client(&made).session("localhost").unwrap()));
    harness.net().send(conn, b"abc\n");
    harness.until("it answers", |_, recorder| recorder.data(conn) == b"cba\n");
    harness.net().close(conn);
    harness.until_closed(conn);
    server.kill().unwrap();
    server.wait().unwrap();
}

/// The keys of TLS 1.3, what rustls keeps of the handshake, and the connection itself.
#[test]
fn an_idle_client_costs_its_keys_and_no_buffer() {
    const CLIENTS: usize = 100;
    let made = Certificate::new();
    let (mut harness, address) = echo(Limits::default(), &made);
    let client = client(&made);
    let crowd = std::thread::spawn(move || {
        let mut harness = Harness::new();
        for _ in 0..CLIENTS {
            let conn = harness.net().connect(address).unwrap();
            harness.net().put_layer(conn, Box::new(client.session("localhost").unwrap()));
            harness.net().send(conn, b"hello");
        }
        harness.until("all are answered", |_, recorder| {
            recorder.bytes.len() == CLIENTS && recorder.bytes.values().all(|bytes| *bytes == 5)
        });
        harness
    });
    let ((), _, bytes) = counted(|| harness.until("all are answered", |_, _| crowd.is_finished()));
    assert_eq!(harness.stats().connections, CLIENTS as u64);
    let each = bytes / CLIENTS as isize;
    println!("{each} bytes for each idle TLS client, the notes of this test included");
    assert!(each < 8 * 1024, "{each} bytes for each idle client");
    drop(crowd.join().unwrap());
}
