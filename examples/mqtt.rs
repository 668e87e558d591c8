//! cargo run --release --example mqtt, then: mosquitto_sub -t 'hello/#' & mosquitto_pub -t hello/en -m hullo
//!
//! An MQTT 3.1.1 broker: QoS 0 and 1 (QoS 2 is taken, and passed on as 1), wildcards, retained messages, wills, keep-alive.
//! Sessions end with their connection. Whoever lets messages pile up loses those of QoS 0, and is cut off at the cap.

#[path = "mqtt/packet.rs"]
mod packet;

use hullo::frames::{Frames, Prefix};
use hullo::{Closed, ConnId, ConnMap, Handler, Limits, Net, Origin, Reactor, TimerId};
use packet::{BODY, Body, Connect, Message, Outcome, Violation};
use packet::{acknowledgement, is_filter, matches, write_packet};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// How long a client may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(10);
const MOST_FILTERS: usize = 256;
const MOST_UNFINISHED: usize = 16 * 1024;
/// What all retained messages together may cost.
const MOST_RETAINED: usize = 1024 * 1024;
/// With so much output waiting for a subscriber, messages of QoS 0 pass it by.
const FULL: usize = 2 * 1024 * 1024;

struct Client {
    /// The first byte of a packet whose body has not come.
    head: Option<u8>,
    bodies: Frames<Prefix>,
    /// Nobody before CONNECT.
    name: Option<String>,
    will: Option<Message>,
    filters: HashMap<String, u8>,
    /// What was sent to it with QoS 1 and is not acknowledged, and the last of the ids.
    unacknowledged: HashSet<u16>,
    last_id: u16,
    /// What it has sent with QoS 2 and not released.
    unreleased: HashSet<u16>,
    /// How long it may be silent.
    silence: Duration,
    heard: Instant,
    timer: TimerId,
}

#[derive(Default)]
struct Broker {
    clients: ConnMap<Client>,
    names: HashMap<String, ConnId>,
    retained: HashMap<String, Message>,
    retained_bytes: usize,
}

impl Broker {
    fn packet(&mut self, net: &mut Net, conn: ConnId, head: u8, mut body: Body<'_>) -> Outcome<()> {
        let client = self.clients.get_mut(conn).ok_or(Violation)?;
        client.heard = net.now();
        match (head >> 4, head & 15) {
            (1, 0) if client.name.is_none() => return self.connect(net, conn, Connect::read(body)?),
            _ if client.name.is_none() => return Err(Violation),
            (3, flags) => return self.publish(net, conn, flags, body),
            (4, 0) => drop(client.unacknowledged.remove(&body.id()?)),
            (6, 2) => {
                let id = body.id()?;
                client.unreleased.remove(&id);
                net.send(conn, acknowledgement(0x70, id));
            }
            (8, 2) if body.0.len() > 2 => return self.subscribe(net, conn, body),
            (10, 2) if body.0.len() > 2 => {
                let id = body.id()?;
                while !body.0.is_empty() {
                    client.filters.remove(&body.string()?);
                }
                net.send(conn, acknowledgement(0xb0, id));
            }
            (12, 0) => drop(net.send(conn, [0xd0, 0])),
            (14, 0) => {
                client.will = None; // it says good bye
                self.leave(net, conn);
            }
            _ => return Err(Violation),
        }
        Ok(())
    }

    fn connect(&mut self, net: &mut Net, conn: ConnId, connect: Connect) -> Outcome<()> {
        net.send(conn, [0x20, 2, 0, connect.code()]);
        if connect.code() != 0 {
            return Err(Violation);
        }
        let name = if connect.name.is_empty() { format!("unnamed {conn:?}") } else { connect.name };
        if let Some(old) = self.names.insert(name.clone(), conn) {
            self.leave(net, old);
        }
        let client = self.clients.get_mut(conn).ok_or(Violation)?;
        (client.name, client.will, client.silence) = (Some(name), connect.will, connect.silence);
        net.cancel_timer(client.timer);
        client.timer = net.set_timer(client.silence, conn.to_bits());
        Ok(())
    }

    fn publish(&mut self, net: &mut Net, conn: ConnId, flags: u8, body: Body<'_>) -> Outcome<()> {
        let (message, id) = Message::read(flags, body)?;
        let (client, qos) = (self.clients.get_mut(conn).ok_or(Violation)?, message.qos);
        if client.unreleased.len() > MOST_UNFINISHED {
            return Err(Violation);
        }
        if qos < 2 || client.unreleased.insert(id) {
            self.deliver(net, message);
        }
        if qos > 0 {
            net.send(conn, acknowledgement(0x30 + 0x10 * qos, id));
        }
        Ok(())
    }

    fn deliver(&mut self, net: &mut Net, mut message: Message) {
        if message.is_retained {
            self.retained_bytes -= self.retained.remove(&message.topic).map_or(0, |old| old.cost());
            if !message.payload.is_empty() && self.retained_bytes + message.cost() <= MOST_RETAINED {
                self.retained_bytes += message.cost();
                self.retained.insert(message.topic.clone(), message.clone());
            }
        }
        message.is_retained = false;
        for (conn, client) in self.clients.iter_mut() {
            let granted = client.filters.iter().filter(|(filter, _)| matches(filter, &message.topic));
            if let Some(granted) = granted.map(|(_, qos)| *qos).max() {
                client.send(net, conn, &message, granted);
            }
        }
    }

    fn subscribe(&mut self, net: &mut Net, conn: ConnId, mut body: Body<'_>) -> Outcome<()> {
        let client = self.clients.get_mut(conn).ok_or(Violation)?;
        let mut answer = body.id()?.to_be_bytes().to_vec();
        let mut new = Vec::new();
        while !body.0.is_empty() {
            let (filter, granted) = (body.string()?, body.qos()?.min(1));
            if !is_filter(&filter) || client.filters.len() >= MOST_FILTERS {
                answer.push(0x80);
                continue;
            }
            answer.push(granted);
            client.filters.insert(filter.clone(), granted);
            new.push((filter, granted));
        }
        net.send_with(conn, |out| write_packet(out, 0x90, &answer));
        for (filter, granted) in new {
            let kept = self.retained.values().filter(|message| matches(&filter, &message.topic));
            kept.for_each(|message| client.send(net, conn, message, granted));
        }
        Ok(())
    }

    /// Lets a client go, with its will, if it still has one.
    fn leave(&mut self, net: &mut Net, conn: ConnId) {
        let Some(client) = self.clients.remove(conn) else { return };
        net.close(conn);
        net.cancel_timer(client.timer);
        if let Some(name) = client.name.filter(|name| self.names.get(name) == Some(&conn)) {
            self.names.remove(&name);
        }
        if let Some(will) = client.will {
            self.deliver(net, will);
        }
    }
}

impl Client {
    fn send(&mut self, net: &mut Net, conn: ConnId, message: &Message, granted: u8) {
        if message.qos.min(granted) == 0 {
            if net.waiting(conn) < FULL {
                net.send_with(conn, |out| message.write(out, None));
            }
        } else if self.unacknowledged.len() > MOST_UNFINISHED {
            net.close(conn);
        } else {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            while !self.unacknowledged.insert(self.last_id) {
                self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            }
            net.send_with(conn, |out| message.write(out, Some(self.last_id)));
        }
    }
}

impl Handler for Broker {
    fn opened(&mut self, net: &mut Net, conn: ConnId, _origin: Origin) {
        let client = Client {
            head: None,
            bodies: BODY,
            name: None,
            will: None,
            filters: HashMap::new(),
            unacknowledged: HashSet::new(),
            last_id: 0,
            unreleased: HashSet::new(),
            silence: PATIENCE,
            heard: net.now(),
            timer: net.set_timer(PATIENCE, conn.to_bits()),
        };
        self.clients.insert(conn, client);
    }

    fn data(&mut self, net: &mut Net, conn: ConnId, mut bytes: &[u8]) {
        while let (Some(client), Some(first)) = (self.clients.get_mut(conn), bytes.first()) {
            let head = *client.head.get_or_insert_with(|| {
                bytes = &bytes[1..];
                *first
            });
            let outcome = match client.bodies.next(&mut bytes) {
                Ok(None) => return,
                Ok(Some(body)) => {
                    client.head = None;
                    self.packet(net, conn, head, Body(&body))
                }
                Err(_) => Err(Violation),
            };
            if outcome.is_err() {
                self.leave(net, conn);
            }
        }
    }

    fn timeout(&mut self, net: &mut Net, _timer: TimerId, key: u64) {
        let conn = ConnId::from_bits(key);
        let Some(client) = self.clients.get_mut(conn) else { return };
        let left = (client.heard + client.silence).saturating_duration_since(net.heard_until());
        if left.is_zero() {
            self.leave(net, conn);
        } else {
            client.timer = net.set_timer(left, key);
        }
    }

    fn closed(&mut self, net: &mut Net, conn: ConnId, _closed: Closed) {
        self.leave(net, conn);
    }
}

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("tcp://127.0.0.1:1883".to_owned());
    // Silence is judged by what each client has promised.
    let limits =
        Limits { idle: Duration::ZERO, outbox_high: FULL, outbox_cap: 2 * FULL, ..Limits::default() };
    let mut reactor = Reactor::with_limits(limits)?;
    let listener = reactor.listen(address.as_str())?;
    println!("listening on {}", reactor.local_addr(listener)?);
    reactor.run(&mut Broker::default())?;
    Ok(())
}
