//! cargo run --release --example socks5, then: curl --socks5-hostname 127.0.0.1:1080 http://example.org/
//!
//! A SOCKS 5 proxy (RFC 1928) for CONNECT, to addresses and names; with a second argument USER:PASSWORD (RFC 1929) for
//! those alone who know it. Whoever reads slowly slows down the other side's writer, and an end of one direction is
//! passed on while the other goes on.

use hullo::{Address, CloseReason, Closed, ConnId, ConnMap, ConnectError, Handler, Host};
use hullo::{Limits, Net, Origin, Reactor, TimerId};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Above this much output waiting for one side, the other side is not read.
const FULL: usize = 64 * 1024;
/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

const NO_METHOD: u8 = 0xff;
const FAILURE: u8 = 1;
const REFUSED: u8 = 5;
const NO_NETWORK: u8 = 3;
const NO_HOST: u8 = 4;
const NO_COMMAND: u8 = 7;
const NO_ADDRESS_TYPE: u8 = 8;

struct Socks {
    /// User and password, as a client sends them: each behind its length.
    credentials: Option<Vec<u8>>,
    talks: ConnMap<Talk>,
    /// Each linked connection with the other one of its pair.
    others: ConnMap<ConnId>,
}

/// A client that has not said yet what it wants.
struct Talk {
    stage: Stage,
    held: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Stage {
    Methods,
    Credentials,
    Request,
}

enum Step {
    Wait,
    Say { answer: [u8; 2], next: Stage, len: usize },
    Connect { target: Address, len: usize },
    Refuse(Vec<u8>),
}

impl Socks {
    /// What to do about the front of `input`.
    fn step(&self, stage: Stage, input: &[u8]) -> Step {
        match (stage, input) {
            (Stage::Methods, [5, count, rest @ ..]) => {
                let (wanted, next) = match self.credentials {
                    Some(_) => (2, Stage::Credentials),
                    None => (0, Stage::Request),
                };
                match rest.get(..usize::from(*count)) {
                    Some(methods) if methods.contains(&wanted) => {
                        Step::Say { answer: [5, wanted], next, len: 2 + methods.len() }
                    }
                    Some(_) => Step::Refuse(vec![5, NO_METHOD]),
                    None => Step::Wait,
                }
            }
            (Stage::Credentials, [1, rest @ ..]) => {
                let Some(user) = rest.first().map(|len| usize::from(*len)) else { return Step::Wait };
                let Some(password) = rest.get(1 + user).map(|len| usize::from(*len)) else {
                    return Step::Wait;
                };
                let len = 2 + user + password;
                match rest.get(..len) {
                    Some(given) if Some(given) == self.credentials.as_deref() => {
                        Step::Say { answer: [1, 0], next: Stage::Request, len: 1 + len }
                    }
                    Some(_) => Step::Refuse(vec![1, 1]),
                    None => Step::Wait,
                }
            }
            (Stage::Request, [5, command, _, kind, rest @ ..]) => match (destination(*kind, rest), command) {
                (Err(code), _) => Step::Refuse(reply(code, None)),
                (Ok(None), _) => Step::Wait,
                (Ok(Some((target, len))), 1) => Step::Connect { target, len: 4 + len },
                (Ok(Some(_)), _) => Step::Refuse(reply(NO_COMMAND, None)),
            },
            (Stage::Methods | Stage::Request, [5, ..] | []) | (Stage::Credentials, []) => Step::Wait,
            _ => Step::Refuse(Vec::new()), // it does not speak SOCKS 5
        }
    }

    fn serve(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
        let Some(Talk { mut stage, mut held }) = self.talks.remove(conn) else { return };
        held.extend_from_slice(bytes);
        let mut rest = &held[..];
        loop {
            match self.step(stage, rest) {
                Step::Wait => break,
                Step::Say { answer, next, len } => {
                    net.send(conn, answer);
                    (stage, rest) = (next, &rest[len..]);
                }
                Step::Refuse(answer) => {
                    net.send(conn, &answer);
                    net.close(conn);
                    return;
                }
                Step::Connect { target, len } => return self.connect(net, conn, &target, &rest[len..]),
            }
        }
        let held = rest.to_vec();
        self.talks.insert(conn, Talk { stage, held });
    }

    /// `early` is what the client has said already to whom it is not linked yet.
    fn connect(&mut self, net: &mut Net, client: ConnId, target: &Address, early: &[u8]) {
        let Ok(server) = net.connect(target) else {
            net.send(client, reply(FAILURE, None));
            net.close(client);
            return;
        };
        net.pause_reading(client);
        net.send(server, early);
        self.others.insert(client, server);
        self.others.insert(server, client);
    }
}

/// Where a client wants to go, and how many bytes say so; `None` if not all have come, or the code of a refusal.
fn destination(kind: u8, input: &[u8]) -> Result<Option<(Address, usize)>, u8> {
    let (host, rest) = match (kind, input) {
        (1, [a, b, c, d, rest @ ..]) => (Host::Ip(Ipv4Addr::new(*a, *b, *c, *d).into()), rest),
        (3, [0, ..]) => return Err(FAILURE),
        (3, [len, rest @ ..]) => match rest.split_at_checked(usize::from(*len)) {
            Some((name, rest)) => (Host::Name(str::from_utf8(name).map_err(|_| FAILURE)?.to_owned()), rest),
            None => return Ok(None),
        },
        (4, input) => match input.split_first_chunk::<16>() {
            Some((ip, rest)) => (Host::Ip(Ipv6Addr::from(*ip).into()), rest),
            None => return Ok(None),
        },
        (1 | 3, _) => return Ok(None),
        _ => return Err(NO_ADDRESS_TYPE),
    };
    let Some(port) = rest.first_chunk::<2>() else { return Ok(None) };
    Ok(Some((Address::Tcp(host, u16::from_be_bytes(*port)), input.len() - rest.len() + 2)))
}

fn reply(code: u8, bound: Option<SocketAddr>) -> Vec<u8> {
    let bound = bound.unwrap_or((Ipv4Addr::UNSPECIFIED, 0).into());
    let mut reply = vec![5, code, 0];
    match bound.ip() {
        IpAddr::V4(ip) => reply.extend([&[1][..], &ip.octets()].concat()),
        IpAddr::V6(ip) => reply.extend([&[4][..], &ip.octets()].concat()),
    }
    reply.extend(bound.port().to_be_bytes());
    reply
}

impl Handler for Socks {
    fn opened(&mut self, net: &mut Net, conn: ConnId, origin: Origin) {
        if origin == Origin::Connected {
            let Some(client) = self.others.get(conn).copied() else { return };
            let bound = net.local_addr(conn).and_then(|address| address.to_socket_addr()).ok();
            net.send(client, reply(0, bound));
            net.resume_reading(client);
        } else {
            self.talks.insert(conn, Talk { stage: Stage::Methods, held: Vec::new() });
            net.set_timer(PATIENCE, conn.to_bits());
        }
    }

    fn timeout(&mut self, net: &mut Net, _timer: TimerId, key: u64) {
        let conn = ConnId::from_bits(key);
        if self.talks.remove(conn).is_some() {
            net.close(conn);
        }
    }

    fn connect_failed(&mut self, net: &mut Net, conn: ConnId, error: &ConnectError) {
        let Some(client) = self.others.remove(conn) else { return };
        let is_unknown =
            error.failures().any(|(address, _)| matches!(address, Address::Tcp(Host::Name(_), _)));
        let code = match error.kind() {
            ErrorKind::ConnectionRefused => REFUSED,
            ErrorKind::NetworkUnreachable => NO_NETWORK,
            ErrorKind::HostUnreachable | ErrorKind::TimedOut => NO_HOST,
            _ if is_unknown => NO_HOST,
            _ => FAILURE,
        };
        self.others.remove(client);
        net.send(client, reply(code, None));
        net.close(client);
    }

    fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
        match self.others.get(conn) {
            Some(other) if net.send(*other, bytes).waiting() > FULL => drop(net.pause_reading(conn)),
            Some(_) => {}
            None => self.serve(net, conn, bytes),
        }
    }

    fn output_low(&mut self, net: &mut Net, conn: ConnId) {
        self.others.get(conn).map(|other| net.resume_reading(*other));
    }

    fn peer_eof(&mut self, net: &mut Net, conn: ConnId) {
        match self.others.get(conn) {
            // Without a close: the other direction may still have much to say.
            Some(other) => net.shutdown_write(*other),
            None => net.close(conn),
        };
    }

    fn closed(&mut self, net: &mut Net, conn: ConnId, closed: Closed) {
        self.talks.remove(conn);
        match self.others.remove(conn) {
            // A reset is no end of file, and is passed on as what it is.
            Some(other) if closed.reason == CloseReason::Reset => net.abort(other),
            Some(other) => net.close(other),
            None => false,
        };
    }
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("tcp://127.0.0.1:1080".to_owned());
    let credentials = arguments.next().map(|both| {
        let (user, password) = both.split_once(':').unwrap_or((&both, ""));
        [user, password].map(|word| [&[word.len().min(255) as u8], word.as_bytes()].concat()).concat()
    });
    // Who reads nothing may still speak: we stop at a mark of our own, well below the one at which the reactor stops
    // reading from it. And a download may be paused for as long as a connection may be silent.
    let (outbox_high, write_stall) = (4 * FULL, Duration::from_secs(300));
    let limits = Limits { outbox_high, write_stall, ..Limits::default() };
    let mut reactor = Reactor::with_limits(limits)?;
    let listener = reactor.listen(address.as_str())?;
    println!("listening on {}", reactor.local_addr(listener)?);
    reactor.run(&mut Socks { credentials, talks: ConnMap::new(), others: ConnMap::new() })?;
    Ok(())
}
