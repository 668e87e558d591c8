//! cargo run --release --example dns_forwarder -- udp://127.0.0.1:5300 udp://9.9.9.9:53, then: dig -p 5300 @127.0.0.1 a.de
//!
//! Asks another name server what it is asked, from ports and under ids that nobody can guess, asks again when no answer
//! comes, and keeps answers for as long as their records live. Who asks what is being asked for already waits for the same
//! answer. Queries and answers pass as they are, EDNS and truncation (TC) included.

use hullo::{Datagram, DatagramId, Handler, Net, Reactor, ReturnPath, TimerId};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// To the upstream: a forged answer has to hit the right port and the right id.
const SOCKETS: u64 = 16;
const TRIES: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(1);
const MOST_PENDING: usize = 4096;
const MOST_WAITING: usize = 64;
const MOST_KEPT: usize = 4096;
const LONGEST_QUERY: usize = 1232;
const LONGEST_LIFE: u32 = 3600;

const FORMAT_ERROR: u8 = 1;
const SERVER_FAILURE: u8 = 2;
const NO_SUCH_NAME: u8 = 3;
const NOT_IMPLEMENTED: u8 = 4;
const SOA: u16 = 6;
const OPT: u16 = 41;

struct Forwarder {
    listener: DatagramId,
    upstreams: Vec<DatagramId>,
    /// What is being asked, by place: a socket to the upstream, and an id on it.
    pending: HashMap<u64, Pending>,
    asked: HashMap<Vec<u8>, u64>,
    kept: HashMap<Vec<u8>, Kept>,
}

struct Pending {
    key: Vec<u8>,
    query: Vec<u8>,
    /// Who waits for the answer, and the query of each.
    waiting: Vec<(ReturnPath, Vec<u8>)>,
    tries: u32,
    timer: TimerId,
}

struct Kept {
    answer: Vec<u8>,
    /// Where in it the lifetimes of its records are.
    lifetimes: Vec<usize>,
    since: Instant,
    life: u32,
}

impl Forwarder {
    fn query(&mut self, net: &mut Net, datagram: &Datagram<'_>) {
        let query = datagram.bytes;
        if query.len() < 12 || query.len() > LONGEST_QUERY || query[2] & 0x80 != 0 {
            return; // an answer, which is not answered, or rubbish
        }
        let (Some(end), 0, [0, 1]) = (question_end(query), query[2] & 0x78, &query[4..6]) else {
            let code = if query[2] & 0x78 == 0 { FORMAT_ERROR } else { NOT_IMPLEMENTED };
            net.reply(self.listener, datagram, refusal(query, code));
            return;
        };
        let mut key = query[2..].to_vec();
        key[10..end - 6].make_ascii_lowercase(); // the name
        if let Some(answer) = self.kept.get(&key).and_then(|kept| kept.at(net.now())) {
            net.reply(self.listener, datagram, addressed(&answer, query));
            return;
        }
        let waiter = (datagram.return_path(), query.to_vec());
        if let Some(pending) = self.asked.get(&key).and_then(|place| self.pending.get_mut(place)) {
            if pending.waiting.len() < MOST_WAITING && !pending.waiting.contains(&waiter) {
                pending.waiting.push(waiter);
            }
            return;
        }
        if self.pending.len() >= MOST_PENDING {
            net.reply(self.listener, datagram, refusal(query, SERVER_FAILURE));
            return;
        }
        let place = self.draw();
        let query = [&(place as u16).to_be_bytes(), &query[2..]].concat();
        net.send_datagram(self.upstreams[(place >> 16) as usize], &query);
        let timer = net.set_timer(PATIENCE, place);
        self.asked.insert(key.clone(), place);
        self.pending.insert(place, Pending { key, query, waiting: vec![waiter], tries: 1, timer });
    }

    /// A free place that nobody else can foretell.
    fn draw(&self) -> u64 {
        let mut places = (0u64..).map(|n| RandomState::new().hash_one(n) % (SOCKETS << 16));
        places.find(|place| !self.pending.contains_key(place)).expect("far fewer are taken than there are")
    }

    fn answer(&mut self, net: &mut Net, socket: DatagramId, answer: &[u8]) {
        // The system has looked at the source: the socket is connected.
        let Some(index) = self.upstreams.iter().position(|upstream| *upstream == socket) else { return };
        let Some([high, low, flags, ..]) = answer.first_chunk::<12>() else { return };
        let place = (index as u64) << 16 | u64::from(u16::from_be_bytes([*high, *low]));
        let Some(Pending { query, .. }) = self.pending.get(&place) else { return };
        let end = question_end(query).unwrap_or(query.len());
        if flags & 0xf8 != 0x80 || answer[4..6] != [0, 1] || answer.get(12..end) != Some(&query[12..end]) {
            return;
        }
        let Some(pending) = self.settle(place) else { return };
        net.cancel_timer(pending.timer);
        for (path, query) in &pending.waiting {
            net.send_back(self.listener, path, addressed(answer, query));
        }
        if let Some((lifetimes, life)) = lifetimes(answer) {
            let kept = Kept { answer: answer.to_vec(), lifetimes, since: net.now(), life };
            if self.kept.len() >= MOST_KEPT {
                self.kept.clear(); // it begins anew: simple, and bounded
            }
            self.kept.insert(pending.key, kept);
        }
    }

    fn settle(&mut self, place: u64) -> Option<Pending> {
        let pending = self.pending.remove(&place)?;
        self.asked.remove(&pending.key);
        Some(pending)
    }
}

impl Kept {
    /// The answer with the lifetimes that are left of it.
    fn at(&self, now: Instant) -> Option<Vec<u8>> {
        let age = u32::try_from(now.duration_since(self.since).as_secs()).ok()?;
        let mut answer = self.answer.clone();
        for at in &self.lifetimes {
            let left = u32_at(&answer, *at)?.saturating_sub(age);
            answer[*at..*at + 4].copy_from_slice(&left.to_be_bytes());
        }
        Some(answer).filter(|_| age < self.life)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// Behind the name at `at`, which may end in a pointer.
fn name_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *bytes.get(at)? {
            0 => return Some(at + 1),
            length @ 1..64 => at += 1 + usize::from(length),
            0xc0.. => return Some(at + 2),
            _ => return None,
        }
    }
}

fn question_end(bytes: &[u8]) -> Option<usize> {
    name_end(bytes, 12).map(|end| end + 4).filter(|end| *end <= bytes.len())
}

/// Where the lifetimes of the records are, and the shortest; `None` of an answer that is not to be kept.
fn lifetimes(answer: &[u8]) -> Option<(Vec<usize>, u32)> {
    let (is_cut, code) = (answer[2] & 2 != 0, answer[3] & 15);
    let is_negative = code == NO_SUCH_NAME || u16_at(answer, 6)? == 0;
    if is_cut || code != 0 && code != NO_SUCH_NAME {
        return None;
    }
    let records = (6..12).step_by(2).map(|at| u16_at(answer, at).unwrap_or(0) as usize).sum();
    let (mut places, mut shortest, mut has_soa) = (Vec::new(), LONGEST_LIFE, false);
    let mut at = question_end(answer)?;
    for _ in 0..records {
        at = name_end(answer, at)?;
        let (kind, life) = (u16_at(answer, at)?, u32_at(answer, at + 4)?);
        let end = at + 10 + usize::from(u16_at(answer, at + 8)?);
        if kind != OPT {
            places.push(at + 4);
            // A lifetime over 31 bits is none (RFC 2181).
            shortest = shortest.min(if life >> 31 == 0 { life } else { 0 });
        }
        if kind == SOA && is_negative {
            // The last field of an SOA bounds how long "there is none" is believed (RFC 2308).
            (shortest, has_soa) = (shortest.min(u32_at(answer, end - 4)?), true);
        }
        at = end;
    }
    Some((places, shortest)).filter(|_| shortest > 0 && at <= answer.len() && (has_soa || !is_negative))
}

/// An answer as one to this query: with its id, and its name as it is written there.
fn addressed(answer: &[u8], query: &[u8]) -> Vec<u8> {
    let end = question_end(query).unwrap_or(12);
    [&query[..2], &answer[2..12], &query[12..end], &answer[end..]].concat()
}

fn refusal(query: &[u8], code: u8) -> Vec<u8> {
    let question = question_end(query).map_or(&[][..], |end| &query[12..end]);
    let count = u8::from(!question.is_empty());
    let flags = [0x80 | query[2] & 0x79, 0x80 | code];
    [&query[..2], &flags, &[0, count, 0, 0, 0, 0, 0, 0], question].concat()
}

impl Handler for Forwarder {
    fn datagram(&mut self, net: &mut Net, socket: DatagramId, datagram: &Datagram<'_>) {
        if socket == self.listener {
            self.query(net, datagram);
        } else {
            self.answer(net, socket, datagram.bytes);
        }
    }

    fn timeout(&mut self, net: &mut Net, _timer: TimerId, place: u64) {
        let Some(pending) = self.pending.get_mut(&place) else { return };
        if pending.tries < TRIES {
            pending.tries += 1;
            pending.timer = net.set_timer(PATIENCE, place);
            net.send_datagram(self.upstreams[(place >> 16) as usize], &pending.query);
            return;
        }
        for (path, query) in self.settle(place).into_iter().flat_map(|pending| pending.waiting) {
            net.send_back(self.listener, &path, refusal(&query, SERVER_FAILURE));
        }
    }
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("udp://127.0.0.1:5300".to_owned());
    let upstream = arguments.next().unwrap_or("udp://127.0.0.1:53".to_owned());
    let mut reactor = Reactor::new()?;
    let listener = reactor.bind(address.as_str())?;
    let upstreams =
        (0..SOCKETS).map(|_| reactor.net().connect_datagrams(upstream.as_str())).collect::<Result<_, _>>()?;
    println!("listening on {}", reactor.local_addr(listener)?);
    let (pending, asked, kept) = Default::default();
    reactor.run(&mut Forwarder { listener, upstreams, pending, asked, kept })?;
    Ok(())
}
