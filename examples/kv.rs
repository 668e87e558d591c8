//! cargo run --release --example kv, then type into: nc 127.0.0.1 7004
//!
//!     SET colour deep blue
//!     GET colour
//!
//! One thread owns the map, so that there is no lock: what a client reads is what was last written, by whomever.

use hullo::frames::{FrameError, Frames, Lines};
use hullo::{Closed, ConnId, ConnMap, Handler, Net, Origin, Reactor};
use std::collections::HashMap;

const LONGEST_LINE: usize = 64 * 1024;
const MOST_KEYS: usize = 1_000_000;

#[derive(Default)]
struct Store {
    values: HashMap<Vec<u8>, Vec<u8>>,
    clients: ConnMap<Frames<Lines>>,
}

impl Store {
    /// Answers every whole line, in one write.
    fn serve(&mut self, net: &mut Net, conn: ConnId, mut bytes: &[u8]) -> Result<(), FrameError> {
        let Some(lines) = self.clients.get_mut(conn) else { return Ok(()) };
        while let Some(line) = lines.next(&mut bytes)? {
            if line.eq_ignore_ascii_case(b"QUIT") {
                net.close(conn);
                break;
            }
            net.send_with(conn, |out| {
                answer(&mut self.values, &line, out);
                out.push(b'\n');
            });
        }
        Ok(())
    }
}

fn answer(values: &mut HashMap<Vec<u8>, Vec<u8>>, line: &[u8], out: &mut Vec<u8>) {
    let mut words = line.splitn(3, |byte| *byte == b' ');
    let command = words.next().unwrap_or_default().to_ascii_uppercase();
    let (key, value) = (words.next().filter(|key| !key.is_empty()), words.next());
    match (&command[..], key, value) {
        (b"SET", Some(key), Some(_)) if values.len() >= MOST_KEYS && !values.contains_key(key) => {
            out.extend_from_slice(b"ERROR the store is full: DEL a key");
        }
        (b"SET", Some(key), Some(value)) => {
            values.insert(key.to_vec(), value.to_vec());
            out.extend_from_slice(b"OK");
        }
        (b"GET", Some(key), None) => match values.get(key) {
            Some(value) => {
                out.extend_from_slice(b"VALUE ");
                out.extend_from_slice(value);
            }
            None => out.extend_from_slice(b"NONE"),
        },
        (b"DEL", Some(key), None) => {
            let answer: &[u8] = if values.remove(key).is_some() { b"OK" } else { b"NONE" };
            out.extend_from_slice(answer);
        }
        (b"COUNT", None, None) => out.extend_from_slice(format!("VALUE {}", values.len()).as_bytes()),
        _ => out.extend_from_slice(b"ERROR say SET key value, GET key, DEL key, COUNT or QUIT"),
    }
}

impl Handler for Store {
    fn opened(&mut self, _net: &mut Net, conn: ConnId, _origin: Origin) {
        self.clients.insert(conn, Frames::lines(LONGEST_LINE));
    }

    fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
        if let Err(error) = self.serve(net, conn, bytes) {
            net.send(conn, format!("ERROR {error}\n").as_bytes());
            net.close(conn);
        }
    }

    fn closed(&mut self, _net: &mut Net, conn: ConnId, _closed: Closed) {
        self.clients.remove(conn);
    }
}

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("tcp://127.0.0.1:7004".to_owned());
    let mut reactor = Reactor::new()?;
    let listener = reactor.listen(address.as_str())?;
    println!("keys and values on {}", reactor.local_addr(listener)?);
    reactor.run(&mut Store::default())?;
    Ok(())
}
