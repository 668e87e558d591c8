//! cargo run --release --example udp_echo, then type a line into: nc -u 127.0.0.1 7002

use hullo::{Datagram, DatagramId, Handler, Net, Reactor};

struct UdpEcho;

impl Handler for UdpEcho {
    fn datagram(&mut self, net: &mut Net, socket: DatagramId, datagram: &Datagram<'_>) {
        // Two echo services that are pointed at each other would never stop: an echo answers no service port.
        let is_service = datagram.from.as_socket().is_none_or(|from| from.port() < 1024);
        if !is_service && !datagram.truncated {
            net.reply(socket, datagram, datagram.bytes);
        }
    }
}

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("udp://127.0.0.1:7002".to_owned());
    let mut reactor = Reactor::new()?;
    let socket = reactor.bind(address.as_str())?;
    println!("echo on {}", reactor.local_addr(socket)?);
    reactor.run(&mut UdpEcho)?;
    Ok(())
}
