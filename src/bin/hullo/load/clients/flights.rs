//! What is under way: the requests that were sent, each in its place.

use crate::load::books::ledger::UnderWay;
use crate::load::clients::queue::Queue;
use crate::load::text::request::ClientId;

/// How many overdue requests a client may have behind it on a stream and still send: their replies must be told apart when
/// they come after all.
const OVERDUE: usize = 3;

/// A request under way.
#[derive(Clone, Copy)]
pub struct Flight {
    pub sequence: u64,
    pub planned: u64,
    pub sent: u64,
    pub kind: FlightKind,
    pub state: FlightState,
    pub is_measured: bool,
    /// A reply to a later one has come.
    pub is_overtaken: bool,
}

/// The place of a flight among those of all clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlightId(u32);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlightKind {
    /// Shows that somebody is there, outside of the books.
    Proof,
    Request,
    Farewell,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlightState {
    Waiting,
    /// On a stream, where its reply is still due. It counts as lost, unless it is answered late.
    Overdue,
    /// The system did not take it.
    Unsent,
    Done,
}

/// The flights of all clients, each client with as many places as any other.
pub struct Flights {
    places: Vec<Flight>,
    rings: Vec<Ring>,
    /// Flights of all clients that wait.
    waiting: usize,
    /// Places for each client, a power of two.
    room: usize,
    outstanding: u32,
    /// Replies come in the order of the requests, as on a stream: the flights of a client are a ring. Otherwise each has its
    /// place by its sequence, or the next that is free.
    is_ordered: bool,
    /// Flights that wait, in the order of their deadlines.
    pub deadlines: Queue<FlightId>,
}

/// Which places of a client are in use.
#[derive(Clone, Copy, Default)]
struct Ring {
    /// Those that wait: in flight, and not overdue.
    waiting: u32,
    head: u16,
    len: u16,
}

impl Flights {
    pub fn new(clients: usize, outstanding: usize, is_ordered: bool) -> Flights {
        let overdue = if is_ordered { OVERDUE } else { 0 };
        let room = (outstanding + overdue).next_power_of_two();
        let nothing = Flight {
            sequence: 0,
            planned: 0,
            sent: 0,
            kind: FlightKind::Request,
            state: FlightState::Done,
            is_measured: false,
            is_overtaken: false,
        };
        Flights {
            places: vec![nothing; clients * room],
            rings: vec![Ring::default(); clients],
            waiting: 0,
            room,
            outstanding: outstanding as u32,
            is_ordered,
            deadlines: Queue::new(clients * room),
        }
    }

    /// Memory that one client takes, in bytes.
    pub fn bytes_per_client(&self) -> usize {
        size_of::<Ring>() + self.room * (size_of::<Flight>() + Queue::<FlightId>::BYTES_EACH)
    }

    #[inline]
    pub fn get(&self, flight: FlightId) -> &Flight {
        &self.places[flight.0 as usize]
    }

    #[inline]
    pub fn get_mut(&mut self, flight: FlightId) -> &mut Flight {
        &mut self.places[flight.0 as usize]
    }

    /// Whether replies come in the order of the requests, as on a stream.
    pub fn is_ordered(&self) -> bool {
        self.is_ordered
    }

    /// How many flights of all clients wait.
    #[inline]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many flights of a client wait.
    #[inline]
    pub fn waiting_of(&self, client: ClientId) -> u32 {
        self.rings[client.index()].waiting
    }

    /// Whether a client may have one more in flight.
    #[inline]
    pub fn has_room(&self, client: ClientId) -> bool {
        let ring = &self.rings[client.index()];
        ring.waiting < self.outstanding && (!self.is_ordered || usize::from(ring.len) < self.room)
    }

    pub fn client_of(&self, flight: FlightId) -> ClientId {
        ClientId::new(flight.0 / self.room as u32)
    }

    /// Takes a flight in, which is the newest of its client now.
    #[inline(always)]
    pub fn push(&mut self, client: ClientId, flight: Flight) -> FlightId {
        let id = if self.is_ordered {
            self.nth(client, self.rings[client.index()].len)
        } else {
            self.free_place(client, flight.sequence)
        };
        self.places[id.0 as usize] = flight;
        let ring = &mut self.rings[client.index()];
        ring.len += 1;
        ring.waiting += 1;
        self.waiting += 1;
        self.deadlines.push(id);
        id
    }

    /// The oldest flight of a client, where there is an order.
    #[inline]
    pub fn head(&self, client: ClientId) -> Option<FlightId> {
        (self.rings[client.index()].len > 0).then(|| self.nth(client, 0))
    }

    /// The flight of that sequence, where there is no order.
    pub fn find(&self, client: ClientId, sequence: u64) -> Option<FlightId> {
        self.places_from(client, sequence).find(|&id| {
            let flight = self.get(id);
            flight.sequence == sequence && flight.state != FlightState::Done
        })
    }

    /// All flights of a client that are not done; where there is an order, the oldest comes first.
    pub fn under_way(&self, client: ClientId) -> impl Iterator<Item = FlightId> + '_ {
        let count = if self.is_ordered { self.rings[client.index()].len } else { self.room as u16 };
        (0..count).map(move |nth| self.nth(client, nth)).filter(|&id| self.get(id).state != FlightState::Done)
    }

    /// A flight is answered, or given up.
    #[inline(always)]
    pub fn finish(&mut self, client: ClientId, flight: FlightId) {
        self.stop_waiting(client, flight, FlightState::Done);
        let (first, last) = (client.index() * self.room, self.room - 1);
        let ring = &mut self.rings[client.index()];
        if !self.is_ordered {
            ring.len -= 1;
            return;
        }
        let is_done = |head: u16| self.places[first + (usize::from(head) & last)].state == FlightState::Done;
        while ring.len > 0 && is_done(ring.head) {
            ring.len -= 1;
            // From the first place on when there is none left, so that it stays in the processor's cache.
            ring.head = if ring.len == 0 { 0 } else { ring.head.wrapping_add(1) };
        }
    }

    /// A flight has run out of time, and its reply is still due.
    pub fn set_overdue(&mut self, client: ClientId, flight: FlightId) {
        self.stop_waiting(client, flight, FlightState::Overdue);
    }

    /// The system did not take it: its client is not free before it has, and no reply is due.
    pub fn set_unsent(&mut self, flight: FlightId) {
        self.deadlines.remove(flight);
        self.get_mut(flight).state = FlightState::Unsent;
    }

    /// It is sent once more, now.
    pub fn send_again(&mut self, flight: FlightId, now: u64) {
        let again = self.get_mut(flight);
        (again.sent, again.state) = (now, FlightState::Waiting);
        self.deadlines.push(flight);
    }

    /// What was sent since `began` left only `now`. It is the end of the queue.
    pub fn date_anew(&mut self, began: u64, now: u64) {
        let ids: Vec<FlightId> = self.deadlines.backwards().collect();
        for id in ids {
            let flight = self.get_mut(id);
            if flight.sent < began {
                return;
            }
            flight.sent = now;
        }
    }

    /// Makes room on a stream, where a request that was passed over is overdue: later ones were answered, and its reply
    /// may never come.
    pub fn forget_overtaken(&mut self, client: ClientId) -> Option<Flight> {
        let is_full = self.is_ordered && usize::from(self.rings[client.index()].len) >= self.room;
        let head = self.head(client).filter(|_| is_full)?;
        let flight = *self.get(head);
        if flight.state != FlightState::Overdue || !flight.is_overtaken {
            return None;
        }
        self.finish(client, head);
        Some(flight)
    }

    /// Those that are in the books, counted one by one.
    pub fn measured(&self) -> UnderWay {
        let mut count = UnderWay::default();
        for flight in self.places.iter().filter(|flight| flight.is_measured) {
            match flight.state {
                FlightState::Waiting | FlightState::Unsent => count.waiting += 1,
                FlightState::Overdue => count.overdue += 1,
                FlightState::Done => {}
            }
        }
        count
    }

    #[inline(always)]
    fn stop_waiting(&mut self, client: ClientId, flight: FlightId, state: FlightState) {
        let place = &mut self.places[flight.0 as usize];
        if matches!(place.state, FlightState::Waiting | FlightState::Unsent) {
            self.rings[client.index()].waiting -= 1;
            self.waiting -= 1;
            self.deadlines.remove(flight);
        }
        place.state = state;
    }

    /// The place behind so many others of that client.
    #[inline(always)]
    fn nth(&self, client: ClientId, nth: u16) -> FlightId {
        let head = self.rings[client.index()].head;
        let place = usize::from(head.wrapping_add(nth)) & (self.room - 1);
        FlightId((client.index() * self.room + place) as u32)
    }

    /// Without an order there is room for what may be in flight.
    fn free_place(&self, client: ClientId, sequence: u64) -> FlightId {
        let is_free = |id: &FlightId| self.get(*id).state == FlightState::Done;
        self.places_from(client, sequence).find(is_free).expect("there is room for what may be in flight")
    }

    fn places_from(&self, client: ClientId, sequence: u64) -> impl Iterator<Item = FlightId> + '_ {
        let (first, last) = (client.index() * self.room, self.room - 1);
        (0..self.room).map(move |nth| FlightId((first + ((sequence as usize + nth) & last)) as u32))
    }
}

impl From<u32> for FlightId {
    #[inline]
    fn from(place: u32) -> FlightId {
        FlightId(place)
    }
}

impl From<FlightId> for u32 {
    #[inline]
    fn from(flight: FlightId) -> u32 {
        flight.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ClientId = ClientId::new(0);
    const B: ClientId = ClientId::new(1);

    fn flight(sequence: u64) -> Flight {
        Flight {
            sequence,
            planned: 0,
            sent: 0,
            kind: FlightKind::Request,
            state: FlightState::Waiting,
            is_measured: true,
            is_overtaken: false,
        }
    }

    #[test]
    fn flights_leave_in_any_order_and_the_oldest_is_the_head() {
        let mut flights = Flights::new(2, 4, true);
        let ids: Vec<FlightId> = (0..4).map(|sequence| flights.push(B, flight(sequence))).collect();
        assert!(!flights.has_room(B) && flights.has_room(A));
        flights.finish(B, ids[1]);
        assert_eq!(flights.head(B), Some(ids[0]));
        assert_eq!(flights.under_way(B).collect::<Vec<_>>(), [ids[0], ids[2], ids[3]]);
        flights.finish(B, ids[0]);
        assert_eq!(flights.head(B), Some(ids[2]), "what is done is passed over");
        assert_eq!(flights.client_of(ids[2]), B);
        flights.finish(B, ids[2]);
        flights.finish(B, ids[3]);
        assert_eq!((flights.head(B), flights.waiting_of(B)), (None, 0));
        assert!(flights.deadlines.is_empty());
    }

    #[test]
    fn without_an_order_each_is_found_by_its_sequence() {
        let mut flights = Flights::new(2, 3, false);
        let held = flights.push(B, flight(5));
        for sequence in 6..100 {
            assert!(flights.has_room(B));
            let id = flights.push(B, flight(sequence));
            assert_eq!((flights.find(B, sequence), flights.find(B, 5)), (Some(id), Some(held)));
            flights.finish(B, id);
            assert_eq!(flights.find(B, sequence), None);
        }
        assert_eq!(flights.waiting_of(B), 1);
    }

    #[test]
    fn overdue_requests_make_room_until_there_is_none() {
        let mut flights = Flights::new(1, 1, true);
        let mut sent = 0;
        while flights.has_room(A) {
            let id = flights.push(A, flight(sent));
            assert!(!flights.has_room(A));
            flights.set_overdue(A, id);
            sent += 1;
        }
        assert_eq!(sent as usize, 1 + OVERDUE);
        let head = flights.head(A).unwrap();
        flights.finish(A, head);
        assert!(flights.has_room(A));
    }
}
