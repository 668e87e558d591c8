//! cargo run --release --example chat, then type a line into each of two: nc 127.0.0.1 7001
//!
//! A line typed by one client reaches all others. Nobody waits for a slow reader: whoever lets more than 256 KiB of
//! other people's lines pile up is dropped.

use hullo::frames::{Frames, Lines};
use hullo::{Closed, ConnId, ConnMap, Handler, Limits, Net, Origin, Reactor};

const LONGEST_LINE: usize = 4096;

#[derive(Default)]
struct Chat {
    clients: ConnMap<Frames<Lines>>,
}

impl Chat {
    fn say(&self, net: &mut Net, speaker: ConnId, line: &[u8]) {
        for (listener, _) in self.clients.iter().filter(|(conn, _)| *conn != speaker) {
            net.send_with(listener, |out| {
                out.extend_from_slice(line);
                out.push(b'\n');
            });
        }
    }
}

impl Handler for Chat {
    fn opened(&mut self, net: &mut Net, conn: ConnId, _origin: Origin) {
        self.clients.insert(conn, Frames::lines(LONGEST_LINE));
        self.say(net, conn, b"* somebody came");
    }

    fn data(&mut self, net: &mut Net, conn: ConnId, mut bytes: &[u8]) {
        loop {
            let Some(lines) = self.clients.get_mut(conn) else { return };
            match lines.next(&mut bytes) {
                Ok(Some(line)) => self.say(net, conn, &line),
                Ok(None) => return,
                Err(error) => {
                    net.send(conn, format!("* good bye: {error}\n").as_bytes());
                    net.close(conn);
                    return;
                }
            }
        }
    }

    fn closed(&mut self, net: &mut Net, conn: ConnId, closed: Closed) {
        self.clients.remove(conn);
        self.say(net, conn, format!("* somebody left: {closed}").as_bytes());
    }
}

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("tcp://127.0.0.1:7001".to_owned());
    // The high mark stops reading from a client; what others say to it is bounded by the cap.
    let mut reactor = Reactor::with_limits(Limits { outbox_cap: 256 * 1024, ..Limits::default() })?;
    let listener = reactor.listen(address.as_str())?;
    println!("chat on {}", reactor.local_addr(listener)?);
    reactor.run(&mut Chat::default())?;
    Ok(())
}
