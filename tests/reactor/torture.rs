//! Everything at once, at random: any operation from any callback on any id, dead ones included. What must hold is
//! the contract alone: one `closed` for each `opened`, nothing after a close but `closed`, no callback inside of a
//! call, books that agree, and nothing left at the end.

use crate::support::*;
use hullo::*;
use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the callbacks share with the test.
struct Chaos {
    dice: Dice,
    conns: Vec<ConnId>,
    timers: Vec<TimerId>,
    listeners: Vec<ListenerId>,
    sockets: Vec<DatagramId>,
    /// Closed or aborted by us: nothing but `closed` may follow.
    ended: HashSet<ConnId>,
    peers: Vec<UnixStream>,
    is_inside: bool,
    wrong: Vec<String>,
    calls: usize,
    remote: Remote,
    is_over: bool,
}

impl Chaos {
    fn conn(&mut self) -> ConnId {
        match self.dice.roll(20) {
            0 => ConnId::from_bits(self.dice.roll(1 << 30) as u64 * 7919),
            _ if self.conns.is_empty() => ConnId::from_bits(1 << 24),
            _ => self.conns[self.dice.roll(self.conns.len())],
        }
    }

    fn told(&mut self, net: &mut Net, event: &Event) {
        if std::mem::replace(&mut self.is_inside, true) {
            self.wrong.push(format!("{event:?} inside of a call"));
        }
        match event {
            Event::Opened(conn, _) => self.conns.push(*conn),
            Event::Data(conn, _) | Event::Eof(conn) | Event::OutputLow(conn) | Event::Draining(conn)
                if self.ended.contains(conn) =>
            {
                self.wrong.push(format!("{event:?} after its close"));
            }
            _ => {}
        }
        for _ in 0..if self.is_over { 0 } else { self.dice.roll(4) } {
            self.act(net);
        }
        self.is_inside = false;
    }

    fn act(&mut self, net: &mut Net) {
        self.calls += 1;
        let conn = self.conn();
        match self.dice.roll(28) {
            0..5 => drop(net.send(conn, pattern(self.dice.roll(300)))),
            5 => drop(net.send(conn, pattern(self.dice.roll(200_000)))),
            6 => drop(net.send_with(conn, |out| out.extend_from_slice(b"with"))),
            7 | 8 if net.close(conn) => drop(self.ended.insert(conn)),
            9 if net.abort(conn) => drop(self.ended.insert(conn)),
            10 => drop(net.shutdown_write(conn)),
            11 => drop(net.pause_reading(conn)),
            12..15 => drop(net.resume_reading(conn)),
            15 => drop(net.limit_reads(conn, 1 + self.dice.roll(5000))),
            16 | 17 => self.timers.push(net.set_timer(Duration::from_micros(self.dice.roll(3000) as u64), 0)),
            18 if !self.timers.is_empty() => {
                let timer = self.timers[self.dice.roll(self.timers.len())];
                net.cancel_timer(timer);
            }
            19 if self.peers.len() < 30 => {
                let (ours, theirs) = UnixStream::pair().unwrap();
                ours.set_nonblocking(true).unwrap();
                let Ok(Adopted::Conn(conn)) = net.adopt(theirs) else { return };
                self.conns.push(conn);
                self.peers.push(ours);
            }
            20 if self.listeners.len() < 60 => self.listeners.push(net.listen("tcp://127.0.0.1:0").unwrap()),
            21 if self.listeners.len() > 1 => {
                let listener = self.listeners[1 + self.dice.roll(self.listeners.len() - 1)];
                net.close_listener(listener);
            }
            22 if self.sockets.len() < 40 => self.sockets.push(net.bind("udp://127.0.0.1:0").unwrap()),
            23 => {
                let socket = self.sockets[self.dice.roll(self.sockets.len())];
                let to = PeerAddr::from(SocketAddr::from(([127, 0, 0, 1], 9)));
                net.send_to(socket, &to, b"x");
                if self.dice.roll(8) == 0 {
                    net.close_datagrams(socket);
                }
            }
            25 | 26 if net.connections().count() < 100 => {
                // To ourselves, to nobody, or to a name that has no address.
                let listener = self.listeners[self.dice.roll(self.listeners.len())];
                let address = net.local_addr(listener).unwrap_or("tcp://127.0.0.1:9".parse().unwrap());
                let address =
                    if self.dice.roll(9) == 0 { "tcp://nowhere.invalid:1".parse().unwrap() } else { address };
                self.conns.push(net.connect(address).unwrap());
            }
            24 => {
                let _ = self.remote.close(conn);

                let _ = self.remote.send(conn, b"remote".to_vec());
                let _ = self.remote.message(Box::new(1u64));
            }
            _ => {
                let _ = (net.waiting(conn), net.origin(conn), net.peer_addr(conn), net.local_addr(conn));
            }
        }
    }
}

/// One client's side of it.
fn act_as_client(dice: &mut Dice, clients: &mut Vec<TcpStream>, addresses: &[SocketAddr]) {
    if (clients.len() < 25 && dice.roll(4) == 0) || clients.is_empty() {
        if let Ok(client) = TcpStream::connect(addresses[dice.roll(addresses.len())]) {
            client.set_nonblocking(true).unwrap();
            clients.push(client);
        }
        return;
    }
    let at = dice.roll(clients.len());
    let client = &mut clients[at];
    match dice.roll(12) {
        0..5 => drop(client.write(&pattern(dice.roll(50_000)))),
        5..9 => drop(client.read(&mut vec![0; 1 + dice.roll(200_000)])),
        9 => drop(client.shutdown(std::net::Shutdown::Write)),
        10 => {
            socket2::SockRef::from(&*client).set_linger(Some(Duration::ZERO)).unwrap();
            drop(clients.swap_remove(at));
        }
        _ => drop(clients.swap_remove(at)),
    }
}

#[test]
fn whatever_is_called_from_wherever_the_contract_holds() {
    for seed in 1..=6 {
        let limits = Limits {
            connections: 30,
            read_budget: if seed % 2 == 0 { 64 * 1024 } else { 900 },
            outbox_cap: if seed % 3 == 0 { 100_000 } else { 1 << 20 },
            idle: Duration::from_millis(if seed % 3 == 1 { 40 } else { 0 }),
            write_stall: Duration::from_millis(30),
            linger: Duration::from_millis(20),
            connect: Duration::from_millis(50),
            ..Limits::default()
        };
        let mut harness = Harness::with_limits(limits);
        harness.recorder.closes_at_eof = seed % 2 == 0;
        let (listener, address) = harness.listen();
        let udp = harness.reactor.bind("udp://127.0.0.1:0").unwrap();
        let target = udp_addr(&harness.reactor, udp);
        let chaos = Arc::new(Mutex::new(Chaos {
            dice: Dice::new(seed),
            conns: Vec::new(),
            timers: Vec::new(),
            listeners: vec![listener],
            sockets: vec![udp],
            ended: HashSet::new(),
            peers: Vec::new(),
            is_inside: false,
            wrong: Vec::new(),
            calls: 0,
            remote: harness.net().remote(),
            is_over: false,
        }));
        let shared = chaos.clone();
        harness.on(move |net, event| shared.lock().unwrap().told(net, event));
        let mut dice = Dice::new(seed + 100);
        let mut clients = Vec::new();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for step in 0..1500 {
            act_as_client(&mut dice, &mut clients, &[address]);
            if step % 5 == 0 {
                let _ = sender.send_to(b"x", target);
                chaos.lock().unwrap().act(harness.net()); // between turns, too
            }
            for peer in &mut chaos.lock().unwrap().peers {
                if dice.roll(3) == 0 {
                    let _ = (peer.write(b"peer"), peer.read(&mut [0; 4096]));
                }
            }
            harness.turn(Duration::from_micros(dice.roll(500) as u64));
        }
        harness.check();
        chaos.lock().unwrap().is_over = true;
        harness.on(|_, _| {});
        let alive: Vec<ConnId> = harness.net().connections().collect();
        for conn in alive {
            assert!(harness.net().abort(conn));
        }
        let chaos = chaos.lock().unwrap();
        for &listener in &chaos.listeners {
            harness.net().close_listener(listener);
        }
        for &socket in &chaos.sockets {
            harness.net().close_datagrams(socket);
        }
        for &timer in &chaos.timers {
            harness.net().cancel_timer(timer);
        }
        harness.turn(Duration::ZERO);
        harness.turn(Duration::ZERO);
        harness.check();
        assert_eq!(chaos.wrong, [""; 0], "seed {seed}");
        let stats = harness.stats();
        assert_eq!((stats.connections, stats.opened), (0, stats.closed), "seed {seed}");
        assert_eq!(harness.net().connections().count(), 0);
        assert!(stats.opened > 10 && stats.dead_ids > 10 && chaos.calls > 500, "seed {seed}: {stats:?}");
        harness.until("the queue is empty", |reactor, _| reactor.next_deadline().is_none());
    }
}
