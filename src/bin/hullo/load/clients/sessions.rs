//! Sessions: which connection or socket is whose, where new ones go, and how many there were.

use crate::load::books::outcome::Connections;
use crate::load::clients::client::{Client, Clients, SocketId, Stage};
use crate::load::clients::flights::FlightKind;
use crate::load::plan::Plan;
use crate::load::text::request::ClientId;
use hullo::{Address, ConnId, ConnMap, DatagramId, IdMap, Net};
use std::io;

/// The sessions of all clients.
pub struct Sessions<'a> {
    plan: &'a Plan,
    is_datagram: bool,
    /// Which of the plan's targets new sessions go to.
    target: usize,
    streams: ConnMap<ClientId>,
    datagrams: IdMap<DatagramId, ClientId>,
    counts: Connections,
    alive_now: u64,
}

impl<'a> Sessions<'a> {
    pub fn new(plan: &'a Plan) -> Sessions<'a> {
        Sessions {
            plan,
            is_datagram: plan.is_datagram(),
            target: 0,
            streams: ConnMap::new(),
            datagrams: IdMap::new(),
            counts: Connections { asked: plan.clients as u64, ..Connections::default() },
            alive_now: 0,
        }
    }

    /// Connects a client to the target.
    pub fn connect(&self, net: &mut Net, client: ClientId) -> io::Result<SocketId> {
        let target = self.target().clone();
        let source = self.plan.sources.map(|sources| sources.of(client.number().into()));
        if let Some(tls) = &self.plan.tls {
            return tls.connect(net, target, source).map(SocketId::from);
        }
        match (self.is_datagram, source) {
            (false, None) => net.connect(target).map(SocketId::from),
            (false, Some(source)) => net.connect_from(source, target).map(SocketId::from),
            (true, None) => net.connect_datagrams(target).map(SocketId::from),
            (true, Some(source)) => net.connect_datagrams_from(source, target).map(SocketId::from),
        }
    }

    /// A session with the target begins at `now`, for that errand.
    pub fn begin(&self, client: &mut Client, errand: FlightKind, now: u64) {
        (client.stage, client.errand, client.at, client.since) = (Stage::Opening, errand, 0, now);
        client.target = self.target as u16;
        (client.may_skip_newline, client.has_fragment) = (false, false);
    }

    /// Whatever comes from that socket is for this client.
    pub fn assign(&mut self, clients: &mut Clients, client: ClientId, socket: SocketId) {
        clients[client].socket = socket;
        if self.is_datagram {
            self.datagrams.insert(socket.datagrams(), client);
        } else {
            self.streams.insert(socket.conn(), client);
        }
    }

    #[inline]
    pub fn of_stream(&self, conn: ConnId) -> Option<ClientId> {
        self.streams.get(conn).copied()
    }

    #[inline]
    pub fn of_datagrams(&self, datagrams: DatagramId) -> Option<ClientId> {
        self.datagrams.get(datagrams).copied()
    }

    /// A connection has ended, or was never made. Says whose it was.
    pub fn remove(&mut self, conn: ConnId) -> Option<ClientId> {
        self.streams.remove(conn)
    }

    /// Ends a session on our side; nothing more is heard of it.
    pub fn give_up(&mut self, net: &mut Net, socket: SocketId) {
        if self.is_datagram {
            self.datagrams.remove(socket.datagrams());
            net.close_datagrams(socket.datagrams());
        } else {
            self.streams.remove(socket.conn());
            net.abort(socket.conn());
        }
    }

    /// The run is over: what still comes belongs to nobody.
    pub fn forget_all(&mut self) {
        (self.streams, self.datagrams) = (ConnMap::new(), IdMap::new());
    }

    /// Of a name that has several addresses the server may have one. Where nobody has come to life yet, new sessions go to
    /// the one after that on which this client found nobody. Nobody connects only to see who is there, since that may be
    /// the one connection that a server takes.
    pub fn try_next_target(&mut self, client: &Client) -> bool {
        let is_unreached = match client.stage {
            Stage::Opening => true,
            Stage::Proving => self.is_datagram,
            _ => false,
        };
        let next = usize::from(client.target) + 1;
        let has_next = is_unreached && next < self.plan.targets.len() && self.counts.alive == 0;
        if has_next {
            self.target = self.target.max(next);
        }
        has_next
    }

    pub fn came_alive(&mut self) {
        self.counts.alive += 1;
        self.alive_now += 1;
    }

    /// A session did not come to life.
    pub fn failed(&mut self) {
        self.counts.failed += 1;
    }

    /// A session that was alive ended before its time.
    pub fn lost(&mut self) {
        self.counts.lost += 1;
        self.left();
    }

    /// A session that was alive has ended in its time.
    pub fn left(&mut self) {
        self.alive_now = self.alive_now.saturating_sub(1);
    }

    pub fn alive_now(&self) -> u64 {
        self.alive_now
    }

    pub fn counts(&self) -> Connections {
        self.counts
    }

    /// The server's address that new sessions go to.
    pub fn target(&self) -> &'a Address {
        &self.plan.targets[self.target]
    }
}
