//! One client, where its session stands, and the table of all clients. Everything is allocated at the start.

use crate::load::books::ledger::UnderWay;
use crate::load::books::outcome::Fairness;
use crate::load::clients::flights::{FlightKind, Flights};
use crate::load::clients::queue::Queue;
use crate::load::text::request::ClientId;
use hullo::{ConnId, DatagramId};
use std::ops::{Index, IndexMut};

/// Starved clients that are named.
const NAMED: usize = 100;

/// One client.
pub struct Client {
    pub socket: SocketId,
    /// The sequence of its next request.
    pub sequence: u64,
    /// When its connection was begun.
    pub since: u64,
    /// When it could send again.
    pub free_since: u64,
    /// When the request that its session is for was planned.
    pub planned: u64,
    /// The sequence of the request that was answered last, or `u64::MAX`.
    pub last: u64,
    /// On a datagram socket: every request that was answered is before this one.
    pub newest: u64,
    /// The sequence of its first request that is in the books.
    pub measured_from: u64,
    /// Right replies to measured requests, and measured requests in all.
    pub correct: u32,
    pub asked: u32,
    /// How much of the welcome or of the reply due has come and was right, in what
    /// [`Match::Partial`](super::matcher::Match::Partial) counts.
    pub at: u32,
    /// Which of the plan's targets its session goes to.
    pub target: u16,
    pub stage: Stage,
    /// What its session is for.
    pub errand: FlightKind,
    /// The request that its session is for is in the books.
    pub is_measured: bool,
    /// The line end after the welcome may still come.
    pub may_skip_newline: bool,
    /// Part of a wrong reply is kept, see [`Replies`](super::replies::Replies).
    pub has_fragment: bool,
    pub last_was_wrong: bool,
    /// The request that was answered last had timed out by then.
    pub last_was_late: bool,
    pub was_alive: bool,
}

/// Where the session of a client stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// It has no connection: not yet, or not between two sessions.
    Idle,
    Opening,
    /// Its welcome is due.
    Welcome,
    /// A first reply is to show that somebody is there.
    Proving,
    Alive,
    /// Its session is over, and the connection about to close.
    Leaving,
    /// Its session went wrong; the next one has to wait.
    Resting,
    /// It did not come to life, or was lost, and is not tried again.
    Gone,
}

/// The connection or the datagram socket of a client, as the bits of its id: which of the two it is, the plan says for all.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SocketId(u64);

/// All clients, with their flights.
pub struct Clients {
    all: Vec<Client>,
    pub flights: Flights,
    /// Clients whose sessions are coming to life, in the order of their deadlines.
    pub handshakes: Queue<ClientId>,
}

impl Clients {
    /// `outstanding` is how many requests each may have waiting, `is_ordered` whether replies come in the order of requests.
    pub fn new(clients: usize, outstanding: usize, is_ordered: bool) -> Clients {
        Clients {
            all: (0..clients).map(|_| Client::new()).collect(),
            flights: Flights::new(clients, outstanding, is_ordered),
            handshakes: Queue::new(clients),
        }
    }

    /// Memory that one client takes, in bytes.
    pub fn bytes_per_client(&self) -> usize {
        size_of::<Client>() + Queue::<ClientId>::BYTES_EACH + self.flights.bytes_per_client()
    }

    pub fn ids(&self) -> impl Iterator<Item = ClientId> + use<> {
        ClientId::all(self.all.len())
    }

    /// What is sent from now on is in the books.
    pub fn begin_measuring(&mut self) {
        for client in &mut self.all {
            client.measured_from = client.sequence;
        }
    }

    /// The run is over, perhaps in the middle of a loop over clients: nobody asks any more, and nobody is waited for.
    pub fn dismiss_all(&mut self) {
        for client in &mut self.all {
            client.stage = Stage::Gone;
        }
        self.handshakes.clear();
        self.flights.deadlines.clear();
    }

    /// The measured requests that are under way, counted one by one.
    pub fn measured_under_way(&self) -> UnderWay {
        let mut count = self.flights.measured();
        let is_for_request = |client: &&Client| {
            let is_unborn = matches!(client.stage, Stage::Opening | Stage::Welcome);
            is_unborn && client.is_measured && client.errand == FlightKind::Request
        };
        count.unsent = self.all.iter().filter(is_for_request).count() as u64;
        count
    }

    /// How many right replies single clients got.
    pub fn fairness(&self) -> Fairness {
        let alive: Vec<(ClientId, &Client)> =
            self.ids().zip(&self.all).filter(|(_, client)| client.was_alive).collect();
        let mut replies: Vec<u64> = alive.iter().map(|(_, client)| client.correct.into()).collect();
        replies.sort_unstable();
        let (Some(&worst), Some(&best)) = (replies.first(), replies.last()) else {
            return Fairness::default();
        };
        let at = |percent: usize| replies[(percent * replies.len()).div_ceil(100).max(1) - 1];
        let median = at(50);
        // Who was not asked is not starved; with fewer than ten replies each, chance alone makes such differences.
        let is_starved = |client: &Client| {
            let is_far_behind = median >= 10 && u64::from(client.correct) < median / 10;
            client.asked > 0 && (client.correct == 0 || is_far_behind)
        };
        let starved = alive.iter().filter(|(_, client)| is_starved(client));
        let starved = starved.map(|(id, _)| id.number()).take(NAMED).collect();
        Fairness { worst, median, best, starved, spread: (1..=100).map(at).collect() }
    }
}

impl Index<ClientId> for Clients {
    type Output = Client;

    #[inline]
    fn index(&self, client: ClientId) -> &Client {
        &self.all[client.index()]
    }
}

impl IndexMut<ClientId> for Clients {
    #[inline]
    fn index_mut(&mut self, client: ClientId) -> &mut Client {
        &mut self.all[client.index()]
    }
}

impl Client {
    fn new() -> Client {
        Client {
            socket: SocketId::default(),
            sequence: 0,
            since: 0,
            free_since: 0,
            planned: 0,
            last: u64::MAX,
            newest: 0,
            measured_from: u64::MAX,
            correct: 0,
            asked: 0,
            at: 0,
            target: 0,
            stage: Stage::Idle,
            errand: FlightKind::Proof,
            is_measured: false,
            may_skip_newline: false,
            has_fragment: false,
            last_was_wrong: false,
            last_was_late: false,
            was_alive: false,
        }
    }
}

impl SocketId {
    #[inline]
    pub fn conn(self) -> ConnId {
        ConnId::from_bits(self.0)
    }

    #[inline]
    pub fn datagrams(self) -> DatagramId {
        DatagramId::from_bits(self.0)
    }
}

impl From<ConnId> for SocketId {
    fn from(conn: ConnId) -> SocketId {
        SocketId(conn.to_bits())
    }
}

impl From<DatagramId> for SocketId {
    fn from(datagrams: DatagramId) -> SocketId {
        SocketId(datagrams.to_bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_asked_and_got_far_less_than_its_share_is_starved() {
        let mut clients = Clients::new(6, 1, true);
        for (id, (correct, asked)) in
            clients.ids().zip([(100, 100), (110, 120), (9, 100), (0, 1), (0, 0), (0, 9)])
        {
            let client = &mut clients[id];
            (client.correct, client.asked, client.was_alive) = (correct, asked, id.number() < 5);
        }
        let fairness = clients.fairness();
        assert_eq!((fairness.worst, fairness.median, fairness.best), (0, 9, 110));
        assert_eq!(fairness.starved, [3], "not who was not asked, or was never alive");
        clients[ClientId::new(3)].correct = 100;
        assert_eq!(clients.fairness().starved, [2], "less than a tenth of what is usual");
        assert_eq!(Clients::new(3, 1, true).fairness(), Fairness::default(), "nobody was alive");
    }
}
