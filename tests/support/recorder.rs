//! A handler that writes down what it is told.

use hullo::{
    CloseReason, Closed, ConnId, ConnectError, Datagram, DatagramId, FdId, Handler, Net, Origin, PeerAddr,
    Readiness, TimerId,
};
use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::IpAddr;

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Opened(ConnId, Origin),
    Data(ConnId, Vec<u8>),
    Eof(ConnId),
    OutputLow(ConnId),
    Draining(ConnId),
    Closed(ConnId, End),
    Datagram { udp: DatagramId, bytes: Vec<u8>, from: PeerAddr, to: Option<IpAddr>, truncated: bool },
    Timeout(TimerId, u64),
    Ready(FdId),
    Message(u64),
    ConnectFailed(ConnId, io::ErrorKind, String),
    DatagramError(DatagramId, io::ErrorKind),
}

/// A [`Closed`] that can be kept and compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct End {
    pub reason: CloseReason,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub unsent: u64,
    pub error: Option<io::ErrorKind>,
}

impl From<Closed> for End {
    fn from(closed: Closed) -> End {
        let Closed { reason, bytes_in, bytes_out, unsent, error, .. } = closed;
        End { reason, bytes_in, bytes_out, unsent, error: error.map(|error| error.kind()) }
    }
}

type On = Box<dyn FnMut(&mut Net, &Event) + Send>;
type OnDatagram = Box<dyn FnMut(&mut Net, DatagramId, &Datagram<'_>) + Send>;

pub struct Recorder {
    pub events: Vec<Event>,
    pub violations: Vec<String>,
    pub on: On,
    pub on_datagram: OnDatagram,
    /// Whether the defaults of `peer_eof` and `draining` apply.
    pub closes_at_eof: bool,
    pub closes_at_drain: bool,
    /// Off for floods: data is then neither kept nor shown to `on`.
    pub keeps_data: bool,
    pub bytes: HashMap<ConnId, usize>,
    /// A failed assertion in a callback is a panic too: it shows in the books.
    pub panics_wanted: bool,
    alive: HashSet<ConnId>,
    ever: HashSet<ConnId>,
}

impl Recorder {
    pub fn new() -> Recorder {
        Recorder {
            events: Vec::new(),
            violations: Vec::new(),
            on: Box::new(|_, _| {}),
            on_datagram: Box::new(|_, _, _| {}),
            closes_at_eof: true,
            closes_at_drain: true,
            keeps_data: true,
            bytes: HashMap::new(),
            panics_wanted: false,
            alive: HashSet::new(),
            ever: HashSet::new(),
        }
    }

    fn note(&mut self, net: &mut Net, event: Event) {
        self.events.push(event);
        let Recorder { on, events, .. } = self;
        on(net, &events[events.len() - 1]);
    }

    fn must_live(&mut self, conn: ConnId, what: &str) {
        if !self.alive.contains(&conn) {
            self.violations.push(format!("{what} of {conn:?}, which is not open"));
        }
    }

    pub fn opened(&self) -> Vec<ConnId> {
        let opened = |event: &Event| match event {
            Event::Opened(conn, _) => Some(*conn),
            _ => None,
        };
        self.events.iter().filter_map(opened).collect()
    }

    pub fn closed(&self) -> Vec<(ConnId, End)> {
        let closed = |event: &Event| match event {
            Event::Closed(conn, closed) => Some((*conn, *closed)),
            _ => None,
        };
        self.events.iter().filter_map(closed).collect()
    }

    pub fn reason(&self, conn: ConnId) -> Option<CloseReason> {
        self.closed().iter().find(|(id, _)| *id == conn).map(|(_, closed)| closed.reason)
    }

    /// Everything that was read from `conn`.
    pub fn data(&self, conn: ConnId) -> Vec<u8> {
        let mut all = Vec::new();
        for event in &self.events {
            if let Event::Data(id, bytes) = event
                && *id == conn
            {
                all.extend_from_slice(bytes);
            }
        }
        all
    }

    pub fn has(&self, wanted: &Event) -> bool {
        self.events.contains(wanted)
    }

    pub fn count(&self, which: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| which(event)).count()
    }
}

impl Handler for Recorder {
    fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
        self.must_live(conn, "data");
        *self.bytes.entry(conn).or_default() += bytes.len();
        if bytes.is_empty() {
            self.violations.push(format!("no bytes for {conn:?}"));
        }
        if self.keeps_data {
            self.note(net, Event::Data(conn, bytes.to_vec()));
        }
    }

    fn opened(&mut self, net: &mut Net, conn: ConnId, origin: Origin) {
        if !self.ever.insert(conn) {
            self.violations.push(format!("{conn:?} was opened twice"));
        }
        self.alive.insert(conn);
        self.note(net, Event::Opened(conn, origin));
    }

    fn peer_eof(&mut self, net: &mut Net, conn: ConnId) {
        self.must_live(conn, "end of file");
        self.note(net, Event::Eof(conn));
        if self.closes_at_eof {
            net.close(conn);
        }
    }

    fn output_low(&mut self, net: &mut Net, conn: ConnId) {
        self.must_live(conn, "output_low");
        self.note(net, Event::OutputLow(conn));
    }

    fn draining(&mut self, net: &mut Net, conn: ConnId) {
        self.must_live(conn, "draining");
        self.note(net, Event::Draining(conn));
        if self.closes_at_drain {
            net.close(conn);
        }
    }

    fn closed(&mut self, net: &mut Net, conn: ConnId, closed: Closed) {
        self.must_live(conn, "closed");
        self.alive.remove(&conn);
        self.note(net, Event::Closed(conn, closed.into()));
    }

    fn datagram(&mut self, net: &mut Net, udp: DatagramId, datagram: &Datagram<'_>) {
        (self.on_datagram)(net, udp, datagram);
        if self.keeps_data {
            let (from, to, truncated) = (datagram.from.clone(), datagram.to, datagram.truncated);
            self.note(net, Event::Datagram { udp, bytes: datagram.bytes.to_vec(), from, to, truncated });
        }
    }

    fn timeout(&mut self, net: &mut Net, timer: TimerId, key: u64) {
        self.note(net, Event::Timeout(timer, key));
    }

    fn ready(&mut self, net: &mut Net, fd: FdId, _: Readiness) {
        self.note(net, Event::Ready(fd));
    }

    fn connect_failed(&mut self, net: &mut Net, conn: ConnId, error: &ConnectError) {
        if !self.ever.insert(conn) {
            self.violations.push(format!("{conn:?} failed, and was told of before"));
        }
        self.note(net, Event::ConnectFailed(conn, error.kind(), error.to_string()));
    }

    fn datagram_error(&mut self, net: &mut Net, udp: DatagramId, error: &io::Error) {
        self.note(net, Event::DatagramError(udp, error.kind()));
    }

    fn message(&mut self, net: &mut Net, message: Box<dyn Any + Send>) {
        let number = message.downcast::<u64>().map_or(u64::MAX, |number| *number);
        self.note(net, Event::Message(number));
    }
}
