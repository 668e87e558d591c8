//! cargo run --release --example mini_redis, then: redis-cli -p 7009 set colour blue ex 60
//!
//! Strings with expiry, counters, publish and subscribe, in the Redis protocol. Requests are bounded, a client that asks
//! for more than it reads is served as it reads, and timers remove what has expired.

#[path = "mini_redis/resp.rs"]
mod resp;

use hullo::{Closed, ConnId, ConnMap, Handler, Limits, Net, Origin, Reactor, TimerId};
use resp::{array, bulk, count, integer, number, request};
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

const MOST_CHANNELS: usize = 1024;
const MOST_KEYS: usize = 1_000_000;
/// With so much output waiting for a client, its next request waits as well.
const FULL: usize = 64 * 1024;

#[derive(Default)]
struct Client {
    /// What was read and not answered: half a request, or what waits until the client has read.
    held: Vec<u8>,
    channels: BTreeSet<Vec<u8>>,
}

#[derive(Default)]
struct Redis {
    clients: ConnMap<Client>,
    /// Each with the timer that removes it, if there is one.
    values: HashMap<Vec<u8>, (Vec<u8>, Option<TimerId>)>,
    expiring: HashMap<TimerId, (Vec<u8>, Instant)>,
}

type Answer = Result<Vec<u8>, &'static str>;

const OK: &[u8] = b"+OK\r\n";
const SYNTAX: &str = "ERR syntax error";
const NO_NUMBER: &str = "ERR value is not an integer or out of range";

impl Redis {
    fn serve(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
        let Some(client) = self.clients.get_mut(conn) else { return };
        let mut input = std::mem::take(&mut client.held);
        input.extend_from_slice(bytes);
        let mut rest = &input[..];
        while !rest.is_empty() {
            let answer = match request(&mut rest) {
                Ok(Some(words)) => self.answer(net, conn, &words),
                Ok(None) => break,
                Err(what) => {
                    net.send(conn, format!("-ERR Protocol error: {what}\r\n").as_bytes());
                    net.close(conn);
                    return;
                }
            };
            let answer = answer.unwrap_or_else(|error| format!("-{error}\r\n").into_bytes());
            if !net.send(conn, &answer).is_below(FULL) {
                net.pause_reading(conn);
                break;
            }
        }
        let served = input.len() - rest.len();
        input.drain(..served);
        input.shrink_to(2 * input.len());
        if let Some(client) = self.clients.get_mut(conn)
            && !input.is_empty()
        {
            client.held = input; // the buffer itself, so that a long request is not copied with each read
        }
    }

    fn answer(&mut self, net: &mut Net, conn: ConnId, words: &[&[u8]]) -> Answer {
        let Some((name, words)) = words.split_first() else { return Ok(Vec::new()) };
        let name = name.to_ascii_lowercase();
        let channels = self.clients.get(conn).map_or(0, |client| client.channels.len());
        Ok(match (&name[..], words) {
            (b"subscribe", [_, ..]) if channels < MOST_CHANNELS => self.listen(conn, &name, words),
            (b"unsubscribe", _) => self.listen(conn, &name, words),
            (b"ping", _) if channels > 0 => array(&[Some(b"pong"), Some(b"")]),
            (b"quit", _) => {
                net.send(conn, OK);
                net.close(conn);
                Vec::new()
            }
            _ if channels > 0 => return Err("ERR a subscriber can (UN)SUBSCRIBE, PING and QUIT"),
            (b"set" | b"mset" | b"incr" | b"decr" | b"incrby", _) if self.values.len() >= MOST_KEYS => {
                return Err("OOM the store is full: delete a key first");
            }
            (b"ping", []) => b"+PONG\r\n".to_vec(),
            (b"ping" | b"echo", [word]) => bulk(Some(word)),
            (b"select", [b"0"]) => OK.to_vec(),
            (b"command", _) => array(&[]),
            (b"config", [b"GET" | b"get", name]) => array(&[Some(name), Some(b"")]),
            (b"dbsize", []) => integer(self.values.len() as i64),
            (b"flushall", _) => {
                for (timer, _) in self.expiring.drain() {
                    net.cancel_timer(timer);
                }
                self.values.clear();
                OK.to_vec()
            }
            (b"get", [key]) => bulk(self.value(key)),
            (b"mget", keys @ [_, ..]) => array(&keys.iter().map(|key| self.value(key)).collect::<Vec<_>>()),
            (b"set", [key, value, options @ ..]) => {
                let (mut options, mut wanted, mut life) = (options.iter(), None, None);
                while let Some(option) = options.next() {
                    match &option.to_ascii_lowercase()[..] {
                        option @ (b"nx" | b"xx") if wanted.is_none() => wanted = Some(option == b"xx"),
                        unit @ (b"ex" | b"px") if life.is_none() => {
                            life = Some(lifetime(options.next().ok_or(SYNTAX)?, unit)?);
                        }
                        _ => return Err(SYNTAX),
                    }
                }
                if wanted.is_some_and(|wanted| wanted != self.values.contains_key(*key)) {
                    return Ok(bulk(None));
                } else if life == Some(Duration::ZERO) {
                    return Err("ERR invalid expire time in 'set' command");
                }
                self.set(net, key, value, life)
            }
            (b"mset", pairs @ [_, ..]) if pairs.len() % 2 == 0 => {
                pairs.chunks(2).map(|pair| self.set(net, pair[0], pair[1], None)).last().unwrap_or_default()
            }
            (b"del", keys @ [_, ..]) => count(keys.iter().filter(|key| self.remove(net, key))),
            (b"exists", keys @ [_, ..]) => count(keys.iter().filter_map(|key| self.value(key))),
            (b"incr", [key]) => self.add(key, 1)?,
            (b"decr", [key]) => self.add(key, -1)?,
            (b"incrby", [key, by]) => self.add(key, number(by).ok_or(NO_NUMBER)?)?,
            (b"expire", [key, time]) => integer(match lifetime(time, b"ex")? {
                Duration::ZERO => self.remove(net, key),
                life => self.expire(net, key, Some(life)),
            }),
            (b"ttl", [key]) => integer(match self.values.get(*key) {
                None => -2,
                Some((_, None)) => -1,
                Some((_, Some(timer))) => {
                    let left = self.expiring[timer].1.saturating_duration_since(net.now());
                    (left.as_millis() as i64 + 500) / 1000
                }
            }),
            (b"publish", [channel, message]) => {
                let push = array(&[Some(b"message"), Some(channel), Some(message)]);
                let listeners = self.clients.iter().filter(|(_, client)| client.channels.contains(*channel));
                count(listeners.filter(|(conn, _)| net.send(*conn, &push).is_queued()))
            }
            _ => return Err("ERR unknown command, or a wrong number of arguments for it"),
        })
    }

    /// Subscribes, or leaves what is named, or everything.
    fn listen(&mut self, conn: ConnId, command: &[u8], names: &[&[u8]]) -> Vec<u8> {
        let Some(Client { channels, .. }) = self.clients.get_mut(conn) else { return Vec::new() };
        let mut names: Vec<_> = names.iter().map(|name| Some(name.to_vec())).collect();
        if names.is_empty() {
            names.extend(channels.iter().cloned().map(Some));
            names.resize(names.len().max(1), None);
        }
        let mut told = Vec::new();
        for name in names {
            told.extend([b"*3\r\n", &bulk(Some(command))[..], &bulk(name.as_deref())].concat());
            match name {
                Some(name) if command == b"subscribe" => channels.insert(name),
                Some(name) => channels.remove(&name),
                None => false,
            };
            told.extend(integer(channels.len() as i64));
        }
        told
    }

    fn value(&self, key: &[u8]) -> Option<&[u8]> {
        self.values.get(key).map(|(value, _)| &value[..])
    }

    fn set(&mut self, net: &mut Net, key: &[u8], value: &[u8], life: Option<Duration>) -> Vec<u8> {
        self.remove(net, key);
        self.values.insert(key.to_vec(), (value.to_vec(), None));
        self.expire(net, key, life);
        OK.to_vec()
    }

    fn add(&mut self, key: &[u8], by: i64) -> Answer {
        let value = number(self.value(key).unwrap_or(b"0")).ok_or(NO_NUMBER)?;
        let sum = value.checked_add(by).ok_or("ERR increment or decrement would overflow")?;
        self.values.entry(key.to_vec()).or_default().0 = sum.to_string().into_bytes();
        Ok(integer(sum))
    }

    fn remove(&mut self, net: &mut Net, key: &[u8]) -> bool {
        self.expire(net, key, None) && self.values.remove(key).is_some()
    }

    /// Sets, or takes back, when a key is removed; whether there is one.
    fn expire(&mut self, net: &mut Net, key: &[u8], life: Option<Duration>) -> bool {
        let Some((_, timer)) = self.values.get_mut(key) else { return false };
        if let Some(timer) = timer.take() {
            net.cancel_timer(timer);
            self.expiring.remove(&timer);
        }
        *timer = life.map(|life| net.set_timer(life, 0));
        let expiring = timer.map(|timer| (timer, (key.to_vec(), net.now() + life.unwrap_or_default())));
        self.expiring.extend(expiring);
        true
    }
}

/// At most some hundred years; zero as well for a time that is over.
fn lifetime(time: &[u8], unit: &[u8]) -> Result<Duration, &'static str> {
    let millis = number(time).and_then(|n| n.checked_mul(if unit == b"ex" { 1000 } else { 1 }));
    millis.filter(|n| *n < 1 << 42).map(|n| Duration::from_millis(n.max(0) as u64)).ok_or(NO_NUMBER)
}

impl Handler for Redis {
    fn opened(&mut self, _net: &mut Net, conn: ConnId, _origin: Origin) {
        self.clients.insert(conn, Client::default());
    }

    fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
        self.serve(net, conn, bytes);
    }

    fn output_low(&mut self, net: &mut Net, conn: ConnId) {
        net.resume_reading(conn);
        self.serve(net, conn, &[]);
    }

    fn timeout(&mut self, net: &mut Net, timer: TimerId, _key: u64) {
        let Some((key, _)) = self.expiring.remove(&timer) else { return };
        self.remove(net, &key);
    }

    fn closed(&mut self, _net: &mut Net, conn: ConnId, _closed: Closed) {
        self.clients.remove(conn);
    }
}

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("tcp://127.0.0.1:7009".to_owned());
    // Who has subscribed may be silent for ever.
    let mut reactor = Reactor::with_limits(Limits { idle: Duration::ZERO, ..Limits::default() })?;
    let listener = reactor.listen(address.as_str())?;
    println!("listening on {}", reactor.local_addr(listener)?);
    reactor.run(&mut Redis::default())?;
    Ok(())
}
