//! Nobody owns the thread: a client that floods, datagrams that flood, or clients that come and go by the thousand.

use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Daemon, PATIENCE, Peer, TempDir, eventually, udp, uninterrupted};
use socket2::{Domain, Socket, Type};

/// Says that the test is over, even when it fails, to threads that run as long as it does.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_flooding_client_does_not_starve_a_hundred_others() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    let mut clients: Vec<_> = (0..100).map(|_| daemon.welcomed()).collect();
    let (over, taken) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut flood = daemon.welcomed();
    let mut reader = flood.try_clone();
    thread::scope(|scope| {
        let _over = Over(&over);
        scope.spawn(|| {
            let lines = b"flood\n".repeat(10_000);
            while !over.load(Ordering::Relaxed) {
                flood.write_all(&lines).unwrap();
            }
            flood.end();
        });
        scope.spawn(|| {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(n) = reader.read(&mut buffer)
                && n > 0
            {
                taken.fetch_add(n as u64, Ordering::Relaxed);
            }
        });
        eventually("the flood runs", || taken.load(Ordering::Relaxed) > 1 << 20);

        let mut slowest = Duration::ZERO;
        for round in 0..20 {
            let before = taken.load(Ordering::Relaxed);
            let start = Instant::now();
            for (number, client) in clients.iter_mut().enumerate() {
                client.send(format!("{number} {round}\n"));
            }
            for (number, client) in clients.iter_mut().enumerate() {
                client.expect(format!("Hello, {number} {round}!\n"));
                slowest = slowest.max(start.elapsed());
            }
            // And the other way round.
            eventually("the flood goes on", || taken.load(Ordering::Relaxed) > before);
        }
        eprintln!("the slowest of 20 rounds of 100 clients took {slowest:?}");
        assert!(slowest < Duration::from_secs(5), "a round took {slowest:?}");
    });
}

#[test]
fn a_flood_of_datagrams_leaves_streams_and_delays_running() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0", "udp://127.0.0.1:0", "--dialect", "patient"]);
    let hello = Daemon::start(["tcp://127.0.0.1:0", "udp://127.0.0.1:0"]);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _over = Over(&over);
        for target in [&daemon, &hello] {
            let socket = udp(target.listening[1].inet());
            scope.spawn(|| flood(socket, &over));
        }
        let mut patient = daemon.welcomed();
        let start = Instant::now();
        patient.send("Michael");
        let mut other = hello.welcomed();
        for round in 0..200 {
            other.ping(round);
        }
        patient.expect("Hello, Michael!");
        let waited = start.elapsed();
        assert!(waited >= Duration::from_secs(1), "answered after {waited:?}");
        assert!(waited < Duration::from_secs(6), "answered after {waited:?}");
    });
    // What is left of the flood is worked off, and datagrams are answered again.
    let socket = udp(hello.listening[1].inet());
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    eventually("a datagram is answered after the flood", || {
        socket.send(b"after").unwrap();
        let mut answer = [0; 100];
        uninterrupted(|| socket.recv(&mut answer)).is_ok_and(|n| answer[..n] == *b"Hello, after!")
    });
    assert_eq!([daemon.threads(), hello.threads()], [1, 1]);
}

/// Sends without reading a single answer: refused or dropped ones are the daemon's and the kernel's affair.
fn flood(socket: UdpSocket, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        for _ in 0..100 {
            let _ = socket.send(b"flood");
        }
    }
}

/// Connects and resets, from a blocking socket.
fn connect_and_reset(address: SocketAddr) -> std::io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_linger(Some(Duration::ZERO))?;
    socket.connect(&address.into())
}

#[test]
fn a_hundred_thousand_clients_that_connect_and_reset_leave_nothing_behind() {
    const CYCLES: u64 = 100_000;
    let daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    let address = daemon.inet();
    let mut clients: Vec<_> = (0..10).map(|_| daemon.welcomed()).collect();
    let descriptors = daemon.descriptors();
    // Once warm, its memory is what it will be.
    for _ in 0..1_000 {
        connect_and_reset(address).unwrap();
    }
    clients[0].ping("warm");
    let memory = daemon.memory();

    let done = AtomicU64::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while done.fetch_add(1, Ordering::Relaxed) < CYCLES && start.elapsed() < 3 * PATIENCE {
                    connect_and_reset(address).unwrap();
                }
            });
        }
        let mut round = 0;
        while done.load(Ordering::Relaxed) < CYCLES {
            for (number, client) in clients.iter_mut().enumerate() {
                client.ping(format!("client {number}, round {round}, {:?}", start.elapsed()));
            }
            round += 1;
            assert!(start.elapsed() < 3 * PATIENCE, "{done:?} cycles in {:?}", start.elapsed());
        }
        eprintln!("{CYCLES} cycles in {:?}, beside {round} rounds of live clients", start.elapsed());
        assert!(round > 10);
    });
    clients.iter_mut().for_each(|client| client.ping("after"));
    eventually("every descriptor is closed again", || daemon.descriptors() <= descriptors);
    let grown = daemon.memory().saturating_sub(memory);
    assert!(grown < 8 << 20, "its memory has grown by {grown} bytes");
    assert_eq!(daemon.threads(), 1);
    daemon.welcomed().ping("next");
}

#[test]
fn clients_whose_numbers_are_used_again_never_get_each_others_answers() {
    // Each is closed by the daemon itself, in the very turn in which others come and ask.
    let daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    thread::scope(|scope| {
        for thread in 0..4 {
            let daemon = &daemon;
            scope.spawn(move || {
                for cycle in 0..1_000 {
                    let mut client = Peer::connect(&daemon.listening[0].address);
                    client.send(format!("thread {thread}, cycle {cycle}\nexit\n"));
                    client.expect_last(format!("Welcome!Hello, thread {thread}, cycle {cycle}!\n"));
                }
            });
        }
    });
    assert_eq!(daemon.threads(), 1);
}

#[test]
fn datagram_clients_that_never_read_hold_nobody_up() {
    let dir = TempDir::new();
    let daemon = Daemon::start([dir.unixgram("d"), "udp://127.0.0.1:0".into(), "tcp://127.0.0.1:0".into()]);
    let (path, address) = (daemon.listening[0].path(), daemon.listening[1].inet());
    let (deaf, other) = (udp(address), udp(address));
    // Not connected: of a connected one Linux lets as much wait as the daemon's whole send buffer holds.
    let [deaf_unix, other_unix] = ["deaf", "other"].map(|name| {
        let socket = UnixDatagram::bind(dir.join(name)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket
    });
    let mut stream = Peer::connect(&daemon.listening[2].address);
    stream.expect("Welcome!");
    for round in 0..2_000 {
        let question = format!("unheard {round}");
        deaf.send(question.as_bytes()).unwrap();
        deaf_unix.send_to(question.as_bytes(), path).unwrap();
        if round % 10 == 0 {
            let (question, expected) = (format!("{round}"), format!("Hello, {round}!"));
            let mut answer = [0; 100];
            other.send(question.as_bytes()).unwrap();
            let n = uninterrupted(|| other.recv(&mut answer)).unwrap();
            assert_eq!(answer[..n], *expected.as_bytes());
            other_unix.send_to(question.as_bytes(), path).unwrap();
            let n = uninterrupted(|| other_unix.recv(&mut answer)).unwrap();
            assert_eq!(answer[..n], *expected.as_bytes());
            stream.ping(round);
        }
    }
}
