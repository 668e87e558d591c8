//! cargo run --release --example tcp_proxy -- tcp://127.0.0.1:7006 tcp://127.0.0.1:9999, beside a `hullo serve`, then
//! type a name into: nc 127.0.0.1 7006
//!
//! Two linked connections for each client. Whoever reads slowly slows down the other side's writer, and an end of one
//! direction is passed on while the other goes on.

use hullo::{Closed, ConnId, ConnMap, ConnectError, Handler, Limits, Net, Origin, Reactor};

/// Above this much output waiting for one side, the other side is not read.
const FULL: usize = 64 * 1024;

struct Proxy {
    target: String,
    /// Each connection with the other one of its pair.
    others: ConnMap<ConnId>,
}

impl Proxy {
    fn other(&self, conn: ConnId) -> Option<ConnId> {
        self.others.get(conn).copied()
    }
}

impl Handler for Proxy {
    fn opened(&mut self, net: &mut Net, conn: ConnId, origin: Origin) {
        if origin == Origin::Connected {
            if let Some(client) = self.other(conn) {
                net.resume_reading(client);
            }
            return;
        }
        // Nothing is read from the client before there is somewhere to send it.
        net.pause_reading(conn);
        match net.connect(self.target.as_str()) {
            Ok(server) => {
                self.others.insert(conn, server);
                self.others.insert(server, conn);
            }
            Err(error) => {
                eprintln!("{error}");
                net.close(conn);
            }
        }
    }

    fn connect_failed(&mut self, net: &mut Net, conn: ConnId, error: &ConnectError) {
        eprintln!("{error}");
        if let Some(client) = self.others.remove(conn) {
            net.close(client);
        }
    }

    fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
        let Some(other) = self.other(conn) else { return };
        if net.send(other, bytes).waiting() > FULL {
            net.pause_reading(conn);
        }
    }

    fn output_low(&mut self, net: &mut Net, conn: ConnId) {
        if let Some(other) = self.other(conn) {
            net.resume_reading(other);
        }
    }

    fn peer_eof(&mut self, net: &mut Net, conn: ConnId) {
        // Without a default close: the other direction may still have much to say.
        if let Some(other) = self.other(conn) {
            net.shutdown_write(other);
        }
    }

    fn closed(&mut self, net: &mut Net, conn: ConnId, _closed: Closed) {
        if let Some(other) = self.others.remove(conn) {
            net.close(other);
        }
    }
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().unwrap_or("tcp://127.0.0.1:7006".into());
    let target = arguments.next().unwrap_or("tcp://127.0.0.1:9999".into());
    // Who reads nothing may still speak: we stop at a mark well below the one at which the reactor stops reading from it.
    let mut reactor = Reactor::with_limits(Limits { outbox_high: 4 * FULL, ..Limits::default() })?;
    let listener = reactor.listen(listen.as_str())?;
    println!("proxy for {target} on {}", reactor.local_addr(listener)?);
    reactor.run(&mut Proxy { target, others: ConnMap::new() })?;
    Ok(())
}
