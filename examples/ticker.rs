//! cargo run --release --example ticker, then watch the ticks come, and type a line to stop them: nc 127.0.0.1 7003

use hullo::{Closed, ConnId, ConnMap, Handler, Net, Origin, Reactor, TimerId};
use std::time::Duration;

#[derive(Default)]
struct Ticker {
    clients: ConnMap<Ticks>,
}

struct Ticks {
    timer: TimerId,
    count: u64,
}

impl Handler for Ticker {
    fn opened(&mut self, net: &mut Net, conn: ConnId, _origin: Origin) {
        // The key says whose timer it is when it fires.
        let timer = net.set_interval(Duration::from_secs(1), conn.to_bits());
        self.clients.insert(conn, Ticks { timer, count: 0 });
    }

    fn timeout(&mut self, net: &mut Net, _timer: TimerId, key: u64) {
        let conn = ConnId::from_bits(key);
        let Some(ticks) = self.clients.get_mut(conn) else { return };
        ticks.count += 1;
        net.send(conn, format!("tick {}\n", ticks.count).as_bytes());
    }

    fn data(&mut self, net: &mut Net, conn: ConnId, _bytes: &[u8]) {
        net.send(conn, b"stopped\n");
        net.close(conn);
    }

    fn closed(&mut self, net: &mut Net, conn: ConnId, _closed: Closed) {
        if let Some(ticks) = self.clients.remove(conn) {
            net.cancel_timer(ticks.timer);
        }
    }
}

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("tcp://127.0.0.1:7003".to_owned());
    let mut reactor = Reactor::new()?;
    let listener = reactor.listen(address.as_str())?;
    println!("ticks on {}", reactor.local_addr(listener)?);
    reactor.run(&mut Ticker::default())?;
    Ok(())
}
