//! A reactor with a handler that writes down what it is told, and watches over the order of it: one `opened`, one
//! `closed`, nothing outside of the two.

use hullo::{ConnId, DatagramId, Limits, ListenerId, Net, Reactor, Remote, Stats};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{End, Event, PATIENCE, Recorder};

/// mio's poll(2) selector instead of epoll.
pub const POLL: bool = cfg!(mio_unsupported_force_poll_poll);

pub struct Harness {
    pub reactor: Reactor,
    pub recorder: Recorder,
}

impl Harness {
    pub fn new() -> Harness {
        Harness::with_limits(Limits::default())
    }

    pub fn with_limits(limits: Limits) -> Harness {
        Harness { reactor: Reactor::with_limits(limits).unwrap(), recorder: Recorder::new() }
    }

    /// What to do in each callback, once the event is written down.
    pub fn on(&mut self, on: impl FnMut(&mut Net, &Event) + Send + 'static) {
        self.recorder.on = Box::new(on);
    }

    /// Has whatever arrives sent back.
    pub fn echo(&mut self) {
        self.on(|net, event| {
            if let Event::Data(conn, bytes) = event {
                net.send(*conn, bytes);
            }
        });
        self.recorder.on_datagram =
            Box::new(|net, udp, datagram| assert!(net.reply(udp, datagram, datagram.bytes)));
    }

    pub fn listen(&mut self) -> (ListenerId, SocketAddr) {
        let listener = self.reactor.listen("tcp://127.0.0.1:0").unwrap();
        (listener, tcp_addr(&self.reactor, listener))
    }

    /// A client of `address` that the reactor has accepted.
    pub fn client(&mut self, address: SocketAddr) -> (TcpStream, ConnId) {
        let before = self.recorder.opened().len();
        let client = connect(address);
        self.until("the client is accepted", |_, recorder| recorder.opened().len() > before);
        (client, *self.recorder.opened().last().unwrap())
    }

    pub fn net(&mut self) -> &mut Net {
        self.reactor.net()
    }

    pub fn stats(&mut self) -> Stats {
        self.reactor.net().stats()
    }

    pub fn turn(&mut self, max_wait: Duration) {
        self.reactor.turn(&mut self.recorder, Some(max_wait)).unwrap();
    }

    /// Turns until `done`, at most [`PATIENCE`] long.
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&mut Reactor, &Recorder) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(&mut self.reactor, &self.recorder) {
            assert!(Instant::now() < deadline, "waited in vain until {what}; {:?}", self.stats());
            self.turn(Duration::from_millis(10));
        }
        self.check();
    }

    pub fn until_closed(&mut self, conn: ConnId) -> End {
        self.until("it is closed", |_, recorder| recorder.reason(conn).is_some());
        self.recorder.closed().iter().find(|(id, _)| *id == conn).unwrap().1
    }

    /// Turns for `time`; what a turn waits for is up to the reactor.
    pub fn turn_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.turn(left);
        }
        self.check();
    }

    pub fn check(&mut self) {
        assert_eq!(self.recorder.violations, [""; 0]);
        let stats = self.stats();
        assert!(stats.panics == 0 || self.recorder.panics_wanted, "a callback has panicked");
        let (opened, closed) = (self.recorder.opened().len() as u64, self.recorder.closed().len() as u64);
        assert_eq!((stats.opened, stats.closed), (opened, closed), "the books agree");
    }

    pub fn run_in_background(mut self) -> Background {
        let remote = self.reactor.net().remote();
        let thread = std::thread::spawn(move || {
            self.reactor.run(&mut self.recorder).unwrap();
            self
        });
        Background { remote, thread: Some(thread) }
    }
}

/// A harness that runs on a thread of its own, until it is called back.
pub struct Background {
    pub remote: Remote,
    thread: Option<JoinHandle<Harness>>,
}

impl Background {
    /// Stops the loop and gives the harness back, what it has heard of checked.
    pub fn finish(mut self) -> Harness {
        let _ = self.remote.stop();
        let mut harness = self.thread.take().unwrap().join().unwrap();
        harness.check();
        harness
    }

    /// Waits for the loop to end by itself.
    pub fn join(mut self) -> Harness {
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = self.remote.stop();
            let _ = thread.join();
        }
    }
}

pub fn tcp_addr(reactor: &Reactor, listener: ListenerId) -> SocketAddr {
    let text = reactor.local_addr(listener).unwrap().to_string();
    text.strip_prefix("tcp://").unwrap().parse().unwrap()
}

pub fn udp_addr(reactor: &Reactor, udp: DatagramId) -> SocketAddr {
    let text = reactor.local_addr(udp).unwrap().to_string();
    text.strip_prefix("udp://").unwrap().parse().unwrap()
}

/// A blocking client that does not block for ever.
pub fn connect(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.set_write_timeout(Some(PATIENCE)).unwrap();
    client
}

/// Reads what is there without waiting; whether the stream has ended. A reset is an error.
pub fn read_some(client: &mut TcpStream, into: &mut Vec<u8>) -> io::Result<bool> {
    client.set_nonblocking(true)?;
    let result = client.read_to_end(into);
    client.set_nonblocking(false)?;
    match result {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(e) => Err(e),
    }
}

/// Bytes in which every place is recognisable.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 251 * 13) as u8).collect()
}

/// Small numbers without a pattern, the same in every run.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides.max(1)
    }
}
