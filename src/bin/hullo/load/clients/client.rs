//! The clients, and what each has under way. Everything is allocated at the start.

use crate::load::clients::queue::Queue;

/// How many overdue requests a client may have behind it on a stream and still send: their replies must be told apart when
/// they come after all.
const OVERDUE: usize = 3;

/// One client.
pub(crate) struct Lane {
    /// Its connection or socket, as the bits of its id.
    pub(crate) id: u64,
    /// Of its next request.
    pub(crate) sequence: u64,
    /// When its connection was begun.
    pub(crate) since: u64,
    /// When it could send again.
    pub(crate) free_since: u64,
    /// When the request that its session is for was planned.
    pub(crate) planned: u64,
    /// The request that was answered last.
    pub(crate) last: u64,
    /// Of datagrams: all requests that were answered are before this one.
    pub(crate) newest: u64,
    /// Its first request that is in the books.
    pub(crate) measured_from: u64,
    pub(crate) correct: u32,
    /// Requests measured.
    pub(crate) asked: u32,
    /// Bytes of the welcome or the reply due that have come, and were right.
    pub(crate) at: u32,
    head: u16,
    len: u16,
    /// In flight and not overdue.
    pub(crate) waiting: u16,
    pub(crate) stage: Stage,
    /// Which of the targets its session goes to.
    pub(crate) target: u16,
    /// What its session is for.
    pub(crate) errand: Kind,
    pub(crate) is_measured: bool,
    /// The line end after the welcome may still come.
    pub(crate) may_skip_newline: bool,
    /// Part of a wrong reply is kept elsewhere.
    pub(crate) has_stash: bool,
    pub(crate) last_was_wrong: bool,
    /// The request that was answered last had timed out by then.
    pub(crate) last_was_late: bool,
    pub(crate) was_alive: bool,
}

/// Where a client stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// Without a connection: not yet, or between two sessions.
    Idle,
    Opening,
    /// Its welcome is due.
    Welcome,
    /// A first reply is to show that somebody is there.
    Proving,
    Alive,
    /// Its session is over.
    Leaving,
    /// A session went wrong; the next one has to wait.
    Resting,
    Gone,
}

/// A request under way.
#[derive(Clone, Copy)]
pub(crate) struct Flight {
    pub(crate) sequence: u64,
    pub(crate) planned: u64,
    pub(crate) sent: u64,
    pub(crate) kind: Kind,
    pub(crate) state: State,
    pub(crate) is_measured: bool,
    /// A reply to a later one has come.
    pub(crate) is_overtaken: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Shows that somebody is there, outside of the books.
    Proof,
    Request,
    Farewell,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Waiting,
    /// On a stream, where its reply is still due. Counted as lost, unless it is answered late.
    Overdue,
    /// The system did not take it.
    Unsent,
    Done,
}

pub(crate) struct Lanes {
    pub(crate) lanes: Vec<Lane>,
    /// Of all of them.
    pub(crate) waiting: usize,
    flights: Vec<Flight>,
    /// Places for flights per lane, a power of two.
    room: usize,
    outstanding: u16,
    /// Replies come in the order of the requests, as on a stream: the flights of a lane are a ring. Otherwise each has its
    /// place by its sequence, or the next that is free.
    is_ordered: bool,
    /// Flights that wait, in the order of their deadlines.
    pub(crate) deadlines: Queue,
    /// Lanes that are coming to life, in the order of their deadlines.
    pub(crate) handshakes: Queue,
}

impl Lanes {
    pub(crate) fn new(clients: usize, outstanding: usize, is_ordered: bool) -> Lanes {
        let overdue = if is_ordered { OVERDUE } else { 0 };
        let room = (outstanding + overdue).next_power_of_two();
        let lane = || Lane {
            id: 0,
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
            head: 0,
            len: 0,
            waiting: 0,
            stage: Stage::Idle,
            target: 0,
            errand: Kind::Proof,
            is_measured: false,
            may_skip_newline: false,
            has_stash: false,
            last_was_wrong: false,
            last_was_late: false,
            was_alive: false,
        };
        let flight = Flight {
            sequence: 0,
            planned: 0,
            sent: 0,
            kind: Kind::Request,
            state: State::Done,
            is_measured: false,
            is_overtaken: false,
        };
        Lanes {
            lanes: (0..clients).map(|_| lane()).collect(),
            waiting: 0,
            flights: vec![flight; clients * room],
            room,
            outstanding: outstanding as u16,
            is_ordered,
            deadlines: Queue::new(clients * room),
            handshakes: Queue::new(clients),
        }
    }

    /// What one client costs.
    pub(crate) fn bytes_per_client(&self) -> usize {
        let link = 8;
        size_of::<Lane>() + link + self.room * (size_of::<Flight>() + link)
    }

    #[inline]
    pub(crate) fn lane(&mut self, lane: u32) -> &mut Lane {
        &mut self.lanes[lane as usize]
    }

    #[inline]
    pub(crate) fn peek(&self, place: u32) -> &Flight {
        &self.flights[place as usize]
    }

    #[inline]
    pub(crate) fn flight(&mut self, place: u32) -> &mut Flight {
        &mut self.flights[place as usize]
    }

    /// What is sent from now on is in the books.
    pub(crate) fn begin_measuring(&mut self) {
        for lane in &mut self.lanes {
            lane.measured_from = lane.sequence;
        }
    }

    /// Whether it may have one more in flight.
    #[inline]
    pub(crate) fn has_room(&self, lane: u32) -> bool {
        let lane = &self.lanes[lane as usize];
        lane.waiting < self.outstanding && (!self.is_ordered || usize::from(lane.len) < self.room)
    }

    pub(crate) fn lane_of(&self, place: u32) -> u32 {
        place / self.room as u32
    }

    #[inline(always)]
    fn place(&self, lane: u32, nth: u16) -> u32 {
        let head = self.lanes[lane as usize].head;
        (lane as usize * self.room + (usize::from(head.wrapping_add(nth)) & (self.room - 1))) as u32
    }

    /// Takes a flight in, which is the newest of its lane now.
    #[inline(always)]
    pub(crate) fn push(&mut self, lane: u32, flight: Flight) -> u32 {
        let place = if self.is_ordered {
            self.place(lane, self.lanes[lane as usize].len)
        } else {
            self.free_place(lane, flight.sequence)
        };
        self.flights[place as usize] = flight;
        let lane = &mut self.lanes[lane as usize];
        lane.len += 1;
        lane.waiting += 1;
        self.waiting += 1;
        self.deadlines.push(place);
        place
    }

    /// Without an order there is room for what may be in flight.
    fn free_place(&self, lane: u32, sequence: u64) -> u32 {
        let is_free = |place: &u32| self.peek(*place).state == State::Done;
        self.places_from(lane, sequence).find(is_free).expect("there is room for what may be in flight")
    }

    /// The flight of that sequence, where there is no order.
    pub(crate) fn find(&self, lane: u32, sequence: u64) -> Option<u32> {
        self.places_from(lane, sequence).find(|&place| {
            let flight = self.peek(place);
            flight.sequence == sequence && flight.state != State::Done
        })
    }

    fn places_from(&self, lane: u32, sequence: u64) -> impl Iterator<Item = u32> + '_ {
        let (first, last) = (lane as usize * self.room, self.room - 1);
        (0..self.room).map(move |nth| (first + ((sequence as usize + nth) & last)) as u32)
    }

    /// The oldest that is not done, where there is an order.
    #[inline]
    pub(crate) fn head(&self, lane: u32) -> Option<u32> {
        (self.lanes[lane as usize].len > 0).then(|| self.place(lane, 0))
    }

    /// All that are not done, the oldest first.
    pub(crate) fn under_way(&self, lane: u32) -> impl Iterator<Item = u32> + '_ {
        let count = if self.is_ordered { self.lanes[lane as usize].len } else { self.room as u16 };
        (0..count)
            .map(move |nth| self.place(lane, nth))
            .filter(|&place| self.flights[place as usize].state != State::Done)
    }

    /// It is answered, or given up.
    #[inline(always)]
    pub(crate) fn finish(&mut self, lane: u32, place: u32) {
        self.stop_waiting(lane, place, State::Done);
        if !self.is_ordered {
            self.lanes[lane as usize].len -= 1;
            return;
        }
        let (first, last) = (lane as usize * self.room, self.room - 1);
        let lane = &mut self.lanes[lane as usize];
        while lane.len > 0 && self.flights[first + (usize::from(lane.head) & last)].state == State::Done {
            lane.len -= 1;
            // From the first place on when there is none left, so that it stays in the cache.
            lane.head = if lane.len == 0 { 0 } else { lane.head.wrapping_add(1) };
        }
    }

    /// It does not count as waiting any more.
    #[inline(always)]
    pub(crate) fn stop_waiting(&mut self, lane: u32, place: u32, state: State) {
        let flight = &mut self.flights[place as usize];
        if matches!(flight.state, State::Waiting | State::Unsent) {
            self.lanes[lane as usize].waiting -= 1;
            self.waiting -= 1;
            self.deadlines.remove(place);
        }
        flight.state = state;
    }

    /// The system did not take it: its client is not free before it has, and no reply is due.
    pub(crate) fn set_unsent(&mut self, place: u32) {
        self.deadlines.remove(place);
        self.flights[place as usize].state = State::Unsent;
    }

    /// Makes room on a stream, where a request that was passed over is overdue: later ones were answered, and its reply
    /// may never come.
    pub(crate) fn forget_overtaken(&mut self, lane: u32) -> Option<Flight> {
        let head = self
            .head(lane)
            .filter(|_| self.is_ordered && usize::from(self.lanes[lane as usize].len) >= self.room)?;
        let flight = *self.peek(head);
        if flight.state != State::Overdue || !flight.is_overtaken {
            return None;
        }
        self.finish(lane, head);
        Some(flight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flight(sequence: u64) -> Flight {
        Flight {
            sequence,
            planned: 0,
            sent: 0,
            kind: Kind::Request,
            state: State::Waiting,
            is_measured: true,
            is_overtaken: false,
        }
    }

    #[test]
    fn flights_leave_in_any_order_and_the_oldest_is_the_head() {
        let mut lanes = Lanes::new(2, 4, true);
        let places: Vec<u32> = (0..4).map(|sequence| lanes.push(1, flight(sequence))).collect();
        assert!(!lanes.has_room(1) && lanes.has_room(0));
        lanes.finish(1, places[1]);
        assert_eq!(lanes.head(1), Some(places[0]));
        assert_eq!(lanes.under_way(1).collect::<Vec<_>>(), [places[0], places[2], places[3]]);
        lanes.finish(1, places[0]);
        assert_eq!(lanes.head(1), Some(places[2]), "what is done is passed over");
        assert_eq!(lanes.lane_of(places[2]), 1);
        lanes.finish(1, places[2]);
        lanes.finish(1, places[3]);
        assert_eq!((lanes.head(1), lanes.lane(1).waiting), (None, 0));
        assert!(lanes.deadlines.is_empty());
    }

    #[test]
    fn without_an_order_each_is_found_by_its_sequence() {
        let mut lanes = Lanes::new(2, 3, false);
        let held = lanes.push(1, flight(5));
        for sequence in 6..100 {
            assert!(lanes.has_room(1));
            let place = lanes.push(1, flight(sequence));
            assert_eq!((lanes.find(1, sequence), lanes.find(1, 5)), (Some(place), Some(held)));
            lanes.finish(1, place);
            assert_eq!(lanes.find(1, sequence), None);
        }
        assert_eq!(lanes.lane(1).waiting, 1);
    }

    #[test]
    fn overdue_requests_make_room_until_there_is_none() {
        let mut lanes = Lanes::new(1, 1, true);
        let mut sent = 0;
        while lanes.has_room(0) {
            let place = lanes.push(0, flight(sent));
            assert!(!lanes.has_room(0));
            lanes.stop_waiting(0, place, State::Overdue);
            sent += 1;
        }
        assert_eq!(sent as usize, 1 + OVERDUE);
        let head = lanes.head(0).unwrap();
        lanes.finish(0, head);
        assert!(lanes.has_room(0));
    }
}
