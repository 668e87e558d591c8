//! Names whose server is silent, in a network namespace that the test makes for itself.

use crate::support::*;
use hullo::*;
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::time::{Duration, Instant};

/// Whether this test runs inside, with a hosts file that knows of one name and a name server that is this machine.
fn is_inside(test: &str) -> bool {
    let directory = TempDir::new();
    let files = [
        (
            "hosts",
            "127.0.0.1 quick.example
",
        ),
        (
            "nsswitch.conf",
            "hosts: files dns
",
        ),
        (
            "resolv.conf",
            "nameserver 127.0.0.1
options timeout:2 attempts:1
",
        ),
    ];
    let mounts = files.map(|(name, text)| etc(name, directory.write(name, text)));
    is_in_network(test, &mounts.join(" && "))
}

/// A name server that answers nothing. It hears everything.
fn silent_server() -> UdpSocket {
    let server = UdpSocket::bind("127.0.0.1:53").unwrap();
    server.set_nonblocking(true).unwrap();
    server
}

/// What it was asked since the last time, in one piece.
fn queries(server: &UdpSocket) -> Vec<u8> {
    let mut query = [0; 512];
    std::iter::from_fn(|| server.recv(&mut query).ok().map(|n| query[..n].to_vec())).flatten().collect()
}

fn name(queries: &[u8], name: &str) -> bool {
    queries.windows(name.len()).any(|part| part == name.as_bytes())
}

#[test]
fn slow_names_do_not_keep_a_quick_one_waiting() {
    if !is_inside("slow_names::slow_names_do_not_keep_a_quick_one_waiting") {
        return;
    }
    let server = silent_server();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut harness = Harness::new();
    let slow: Vec<ConnId> = (1..=9)
        .map(|n| harness.net().connect(format!("tcp://slow-{n}.example:9").as_str()).unwrap())
        .collect();
    harness.until("a slow name is asked for", |_, _| name(&queries(&server), "slow-"));
    let port = listener.local_addr().unwrap().port();
    let quick = harness.net().connect(format!("tcp://quick.example:{port}").as_str()).unwrap();
    harness.until("it is there", |_, recorder| recorder.opened() == [quick]);
    let gave_up = |event: &Event| matches!(event, Event::ConnectFailed(..));
    assert_eq!(harness.recorder.count(gave_up), 0, "it has waited for the others");
    for conn in slow {
        assert!(harness.net().abort(conn));
    }
    // The look-ups still run, and nobody waits for them.
    let start = Instant::now();
    drop(harness);
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_name_that_nobody_waits_for_any_more_is_not_looked_up() {
    if !is_inside("slow_names::a_name_that_nobody_waits_for_any_more_is_not_looked_up") {
        return;
    }
    let server = silent_server();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let limits = |connect| Limits { resolvers: 1, connect, ..Limits::default() };
    let mut harness = Harness::with_limits(limits(Duration::from_millis(200)));
    let slow = ["first", "expires", "given-up"]
        .map(|name| harness.net().connect(format!("tcp://{name}.example:9").as_str()).unwrap());
    assert!(harness.net().abort(slow[2]));
    let failed = |conn: ConnId, kind| move |event: &Event| matches!(event, Event::ConnectFailed(id, is, _) if *id == conn && *is == kind);
    harness.until("the time is up", |_, recorder| {
        slow[..2].iter().all(|conn| recorder.count(failed(*conn, io::ErrorKind::TimedOut)) == 1)
    });
    assert_eq!(harness.recorder.count(failed(slow[2], io::ErrorKind::Interrupted)), 1);
    harness.net().set_limits(limits(PATIENCE));
    let port = listener.local_addr().unwrap().port();
    let quick = harness.net().connect(format!("tcp://quick.example:{port}").as_str()).unwrap();
    harness.until("it is there", |_, recorder| recorder.opened() == [quick]);
    let queries = queries(&server);
    assert!(name(&queries, "first") && !name(&queries, "expires") && !name(&queries, "given-up"));
}
