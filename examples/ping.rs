//! cargo run --release --example ping -- 127.0.0.1 4, and watch the answers come
//!
//! A socket that the reactor does not know (ICMP) is watched like any other descriptor. It takes a group that is in
//! net.ipv4.ping_group_range (icmp(7)), or else the right to open a raw socket.

use hullo::{FdId, Handler, Net, Reactor, Readiness, TimerId};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

struct Ping {
    socket: Socket,
    target: SocketAddr,
    sent: Vec<Instant>,
    count: usize,
    answers: usize,
}

impl Handler for Ping {
    fn timeout(&mut self, net: &mut Net, _timer: TimerId, _key: u64) {
        if self.sent.len() == self.count {
            return net.stop(); // The last one had a second to come back.
        }
        // Echo request: type 8, code 0, checksum, identifier (the kernel's, on such a socket), sequence.
        let mut request = [8, 0, 0, 0, 0, 0, 0, self.sent.len() as u8];
        let sum =
            request.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum::<u32>();
        request[2..4].copy_from_slice(&(!(sum as u16)).to_be_bytes());
        self.sent.push(Instant::now());
        if let Err(error) = self.socket.send_to(&request, &self.target.into()) {
            println!("cannot send: {error}");
        }
    }

    fn ready(&mut self, net: &mut Net, _fd: FdId, _readiness: Readiness) {
        let mut answer = [0; 64];
        let Ok(length) = self.socket.read(&mut answer) else { return };
        // Only a raw socket gives the IP header (version 4, and its length in words). Echo reply: type 0; its
        // sequence says which question it answers.
        let header = if answer[0] >> 4 == 4 { 4 * (answer[0] & 15) as usize } else { 0 };
        let Some([0, .., sequence]) = answer[..length].get(header..header + 8) else { return };
        if let Some(sent) = self.sent.get(*sequence as usize) {
            self.answers += 1;
            println!("answer {sequence} from {} after {:?}", self.target.ip(), sent.elapsed());
        }
        if self.answers == self.count {
            net.stop();
        }
    }
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let target: Ipv4Addr =
        arguments.next().unwrap_or("127.0.0.1".into()).parse().map_err(io::Error::other)?;
    let count = arguments.next().unwrap_or("4".into()).parse().map_err(io::Error::other)?;
    let open = |kind: Type| Socket::new(Domain::IPV4, kind.nonblocking(), Some(Protocol::ICMPV4));
    let socket = open(Type::DGRAM).or_else(|_| open(Type::RAW))?;
    let mut reactor = Reactor::new()?;
    reactor.net().watch(socket.try_clone()?)?;
    reactor.net().set_timer(Duration::ZERO, 0);
    reactor.net().set_interval(Duration::from_secs(1), 0);
    let mut ping =
        Ping { socket, target: SocketAddr::from((target, 0)), sent: Vec::new(), count, answers: 0 };
    reactor.run(&mut ping)?;
    println!("{} of {count} answered", ping.answers);
    Ok(())
}
