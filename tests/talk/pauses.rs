//! A pause of our own (Ctrl-Z, a suspended machine) is not the server's: what has arrived by its end counts.

use crate::support::{HULLO, PATIENCE, Process, Talk, TempDir, eventually, signal, state};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What the client may wait for an answer, and what it is made to stand still for.
const TIMEOUT: &str = "1s";
const PAUSE: Duration = Duration::from_millis(1300);

/// Stops a process while `during` runs, and for longer than its timeout.
fn paused<T>(id: u32, during: impl FnOnce() -> T) -> T {
    signal(id, "STOP");
    eventually("it has stopped", || state(id) == "T");
    let begun = Instant::now();
    let result = during();
    thread::sleep(PAUSE.saturating_sub(begun.elapsed())); // that time passes is what is tested
    signal(id, "CONT");
    result
}

/// A socket of this kind that waits for clients or for datagrams, and its address.
fn bound(kind: &str, dir: &TempDir) -> (Socket, String) {
    let shape = match kind {
        "tcp" | "unix" => Type::STREAM,
        "unixpacket" => Type::SEQPACKET,
        _ => Type::DGRAM,
    };
    let is_inet = ["tcp", "udp"].contains(&kind);
    let socket = Socket::new(if is_inet { Domain::IPV4 } else { Domain::UNIX }, shape, None).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = if is_inet {
        socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        format!("{kind}://{}", socket.local_addr().unwrap().as_socket().unwrap())
    } else {
        socket.bind(&SockAddr::unix(dir.join(kind)).unwrap()).unwrap();
        format!("{kind}:{}", dir.join(kind).display())
    };
    if shape != Type::DGRAM {
        socket.listen(8).unwrap();
    }
    (socket, address)
}

#[test]
fn talk_takes_an_answer_that_came_while_it_was_stopped() {
    thread::scope(|scope| {
        for kind in ["tcp", "unix", "unixpacket", "udp", "unixgram"] {
            scope.spawn(move || {
                let dir = TempDir::new();
                let (socket, address) = bound(kind, &dir);
                let talk = Talk::start([&address, "a", "b", "--timeout", TIMEOUT], Stdio::null());
                if kind.starts_with("ud") || kind == "unixgram" {
                    for expected in [b"a", b"b"] {
                        let mut buffer = [MaybeUninit::uninit(); 16];
                        let (length, from) = socket.recv_from(&mut buffer).unwrap();
                        assert_eq!(length, expected.len());
                        paused(talk.id(), || socket.send_to(b"heard.", &from).unwrap());
                    }
                } else {
                    let (mut client, _) = socket.accept().unwrap();
                    client.set_read_timeout(Some(PATIENCE)).unwrap();
                    // The answer to the last message is waited for in another way, as is the end.
                    for expected in [&b"a"[..], b"b", b""] {
                        let mut buffer = [0; 16];
                        let length = client.read(&mut buffer).unwrap();
                        assert_eq!(&buffer[..length], expected, "{kind}");
                        paused(talk.id(), || match expected {
                            b"" => drop(client.shutdown(std::net::Shutdown::Write)),
                            _ => client.write_all(b"heard.").unwrap(),
                        });
                    }
                }
                talk.end().showed("heard.heard.");
            });
        }
    });
}

/// A SYN that finds no room in the backlog is sent again by the kernel, whether its process runs or not.
#[test]
fn talk_takes_a_connection_that_came_about_while_it_was_stopped() {
    let dir = TempDir::new();
    let (listener, address) = bound("tcp", &dir);
    listener.listen(0).unwrap();
    let at = listener.local_addr().unwrap().as_socket().unwrap();
    let inside: Vec<TcpStream> =
        (0..4).map_while(|_| TcpStream::connect_timeout(&at, Duration::from_millis(200)).ok()).collect();
    let talk = Talk::start([address.as_str(), "a", "--timeout", TIMEOUT], Stdio::null());
    let remote = format!("0100007F:{:04X} 02 ", at.port());
    eventually("it connects", || {
        let own = std::fs::read_to_string(format!("/proc/{}/net/tcp", talk.id())).unwrap();
        own.lines().any(|line| line.contains(&remote))
    });
    let mut client = paused(talk.id(), || {
        inside.iter().for_each(|_| drop(listener.accept().unwrap()));
        listener.accept().unwrap().0
    });
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = [0; 16];
    assert_eq!(client.read(&mut buffer).unwrap(), 1);
    client.write_all(b"heard.").unwrap();
    drop(client);
    talk.end().showed("heard.");
}

#[test]
fn fetch_takes_pages_that_came_while_it_was_stopped() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    let dir = TempDir::new();
    let mut command = Command::new(HULLO);
    command.args(["fetch", "-q", "--timeout", TIMEOUT, "--output-dir"]).arg(dir.path());
    let mut fetch = Process::start(command.args((0..3).map(|n| format!("{root}/{n}"))));
    let mut clients: Vec<TcpStream> = (0..3).map(|_| listener.accept().unwrap().0).collect();
    for client in &mut clients {
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut head = [0; 4096];
        assert!(client.read(&mut head).unwrap() > 0);
    }
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf";
    paused(fetch.id(), || clients.iter_mut().for_each(|client| client.write_all(half).unwrap()));
    // It has read that before it is stopped again.
    eventually("the files are there", || crate::support::names(dir.path()).len() == 3);
    paused(fetch.id(), || clients.iter_mut().for_each(|client| client.write_all(b"half").unwrap()));
    assert_eq!(fetch.wait(PATIENCE).unwrap().code(), Some(0), "{}", fetch.stderr());
    assert_eq!(crate::support::names(dir.path()), ["0", "1", "2"]);
    assert_eq!(std::fs::read(dir.join("2")).unwrap(), b"halfhalf");
}
