//! cargo run --release --example echo, then type a line into: nc 127.0.0.1 7000

use hullo::{ConnId, Handler, Net, Reactor};

struct Echo;

impl Handler for Echo {
    fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
        net.send(conn, bytes);
    }
}

fn main() -> std::io::Result<()> {
    let mut reactor = Reactor::new()?;
    let listener = reactor.listen("tcp://127.0.0.1:7000")?;
    println!("echo on {}", reactor.local_addr(listener)?);
    reactor.run(&mut Echo)?;
    Ok(())
}
