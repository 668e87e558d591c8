//! What comes on a stream, and which book it belongs in.

use crate::load::books::outcome::Phase;
use crate::load::clients::client::{Flight, Kind, Stage, State};
use crate::load::clients::matcher::{Match, end_of_wrong, hold};
use crate::load::engine::handler::Driver;
use crate::load::plan::{Check, Framing};
use crate::load::text::request::{ClientId, RequestId};
use hullo::{ConnId, Net};

/// Bytes kept of a wrong reply that does not end.
const LONGEST_WRONG: usize = 64 * 1024;

impl Driver<'_> {
    #[inline]
    pub(crate) fn hear(&mut self, net: &mut Net, lane: u32, mut bytes: &[u8]) {
        if matches!(self.phase, Phase::Measure | Phase::Drain) {
            self.ledger.received(bytes.len());
        }
        while !bytes.is_empty() {
            let used = match self.lanes.lane(lane).stage {
                Stage::Alive | Stage::Proving | Stage::Leaving => self.hear_reply(net, lane, bytes),
                Stage::Welcome => self.hear_welcome(net, lane, bytes),
                // What comes on a connection that was given up.
                Stage::Idle | Stage::Opening | Stage::Resting | Stage::Gone => return,
            };
            bytes = &bytes[used..];
        }
        self.offer(net, lane);
        self.check_end(net);
    }

    /// How many of the bytes were used.
    #[inline(always)]
    fn hear_reply(&mut self, net: &mut Net, lane: u32, bytes: &[u8]) -> usize {
        let client = &mut self.lanes.lanes[lane as usize];
        if std::mem::take(&mut client.may_skip_newline) && bytes[0] == b'\n' {
            return 1;
        }
        let at = client.at as usize;
        let head = if client.has_stash { None } else { self.lanes.head(lane) };
        let Some(place) = head else { return self.hear_wrong(net, lane, bytes) };
        let flight = *self.lanes.flight(place);
        let script = &self.plan.script;
        let due = match flight.kind {
            Kind::Farewell => script.farewell_reply.as_deref().unwrap_or_default(),
            Kind::Request | Kind::Proof => {
                self.replies.text(RequestId { client: ClientId::new(lane), sequence: flight.sequence })
            }
        };
        match hold(script.check, script.framing, due, at, bytes) {
            // After a farewell that is not answered nothing is due.
            Match::Right(used) if used > 0 => {
                self.lanes.lane(lane).at = 0;
                if flight.is_overtaken {
                    self.expect(lane, flight.kind, flight.sequence);
                    self.out_of_order(lane, &flight, b"");
                }
                self.answered(net, lane, place, &flight, true);
                used
            }
            Match::Partial(more) => {
                self.lanes.lane(lane).at += more as u32;
                bytes.len()
            }
            _ => self.hear_wrong(net, lane, bytes),
        }
    }

    fn hear_welcome(&mut self, net: &mut Net, lane: u32, bytes: &[u8]) -> usize {
        let script = &self.plan.script;
        let welcome = script.welcome.as_deref().unwrap_or_default();
        let at = self.lanes.lane(lane).at as usize;
        match hold(Check::Full, Framing::Raw, welcome, at, bytes) {
            Match::Right(used) => {
                let client = self.lanes.lane(lane);
                (client.at, client.may_skip_newline) = (0, script.has_loose_welcome);
                self.come_alive(net, lane);
                used
            }
            Match::Partial(more) => {
                self.lanes.lane(lane).at += more as u32;
                bytes.len()
            }
            Match::Wrong => {
                let received = [&welcome[..at], bytes].concat();
                self.ledger.exhibits().keep("wrong welcome", lane, None, welcome, &received);
                self.fail_handshake(net, lane, "wrong welcome");
                bytes.len()
            }
        }
    }

    pub(crate) fn fail_handshake(&mut self, net: &mut Net, lane: u32, cause: &str) {
        let id = ConnId::from_bits(self.lanes.lane(lane).id);
        self.drop_session(net, id);
        self.session_failed(net, lane, cause);
    }

    /// What is due, into `expected`.
    #[cold]
    pub(crate) fn expect(&mut self, lane: u32, kind: Kind, sequence: u64) {
        self.expected.clear();
        let script = &self.plan.script;
        match kind {
            Kind::Farewell => {
                self.expected.push(script.farewell_reply.as_deref().unwrap_or_default());
            }
            Kind::Request | Kind::Proof => {
                self.expected.push(self.replies.text(RequestId { client: ClientId::new(lane), sequence }));
            }
        }
    }

    /// A request is answered, rightly or wrongly.
    #[inline(always)]
    pub(crate) fn answered(&mut self, net: &mut Net, lane: u32, place: u32, flight: &Flight, is_right: bool) {
        self.lanes.finish(lane, place);
        let now = self.now;
        let client = self.lanes.lane(lane);
        (client.last, client.free_since) = (flight.sequence, now);
        client.last_was_wrong = !is_right && flight.is_measured;
        client.last_was_late = flight.state == State::Overdue;
        match flight.kind {
            Kind::Request => {
                if flight.is_measured {
                    self.book(lane, flight, is_right);
                }
                if self.lanes.lane(lane).stage == Stage::Proving {
                    self.come_alive(net, lane);
                }
                if self.plan.churn {
                    self.leave(net, lane);
                }
            }
            Kind::Proof => self.proved(net, lane, is_right),
            Kind::Farewell => {}
        }
    }

    fn proved(&mut self, net: &mut Net, lane: u32, is_right: bool) {
        if self.lanes.lane(lane).stage == Stage::Proving {
            if !is_right {
                return self.fail_handshake(net, lane, "wrong first reply");
            }
            self.come_alive(net, lane);
        }
    }

    #[inline(always)]
    fn book(&mut self, lane: u32, flight: &Flight, is_right: bool) {
        match (flight.state, is_right) {
            (State::Overdue, true) => self.ledger.late(),
            (State::Overdue, false) => self.ledger.late_and_wrong(),
            (_, true) => {
                self.lanes.lane(lane).correct += 1;
                let received = self.now;
                self.ledger
                    .answered(received.saturating_sub(flight.planned), received.saturating_sub(flight.sent));
            }
            (_, false) => self.ledger.wrong(),
        }
    }

    /// Collects a wrong reply until it is whole, and judges it.
    #[cold]
    #[inline(never)]
    fn hear_wrong(&mut self, net: &mut Net, lane: u32, bytes: &[u8]) -> usize {
        let head = self.lanes.head(lane).map(|place| *self.lanes.flight(place));
        match head {
            Some(flight) => self.expect(lane, flight.kind, flight.sequence),
            None => self.expected.clear(),
        }
        let client = self.lanes.lane(lane);
        let (at, is_single) = (client.at as usize, client.waiting <= 1);
        let stash = self.stashes.entry(lane).or_default();
        if !std::mem::replace(&mut client.has_stash, true) {
            stash.clear();
            // What came before was right so far.
            stash.extend_from_slice(&self.expected[..at.min(self.expected.len())]);
        }
        let count = |bytes: &[u8]| memchr::memchr_iter(b'\n', bytes).count();
        let lines = count(&self.expected).saturating_sub(count(stash));
        // Where nothing else is under way, all that came belongs to it.
        let is_whole = is_single && lines > 1 && bytes.ends_with(b"\n");
        let has_line_end = self.expected.is_empty() || self.expected.contains(&b'\n');
        let framing = if has_line_end { self.plan.script.framing } else { Framing::Raw };
        // Replies without line ends that run together are told apart by their length.
        let longest =
            if is_single { usize::MAX } else { self.expected.len().saturating_sub(stash.len()).max(1) };
        let end = end_of_wrong(framing, lines, bytes)
            .map(|end| if has_line_end { end } else { end.min(longest) })
            .or_else(|| Some(bytes.len()).filter(|len| is_whole || stash.len() + len > LONGEST_WRONG));
        let Some(end) = end else {
            stash.extend_from_slice(bytes);
            return bytes.len();
        };
        let mut wrong = std::mem::take(stash);
        wrong.extend_from_slice(&bytes[..end]);
        (client.has_stash, client.at) = (false, 0);
        self.judge(net, lane, &wrong);
        end
    }

    /// A reply that is not the one that was due.
    fn judge(&mut self, net: &mut Net, lane: u32, reply: &[u8]) {
        let under_way: Vec<u32> = self.lanes.under_way(lane).collect();
        if self.plan.script.check == Check::Full && self.is_known(net, lane, reply, &under_way) {
            return;
        }
        let due = under_way.first().map(|&place| (place, *self.lanes.flight(place)));
        match due {
            Some((place, flight)) if flight.kind != Kind::Farewell => {
                self.expect(lane, flight.kind, flight.sequence);
                self.keep_wrong(lane, &flight, reply);
                self.answered(net, lane, place, &flight, false);
            }
            _ if self.phase != Phase::WarmUp => {
                self.ledger.unexpected(lane, reply);
            }
            _ => {}
        }
    }

    /// Evidence against what is expected, unless the request was of the warm-up.
    pub(crate) fn keep_wrong(&mut self, lane: u32, flight: &Flight, reply: &[u8]) {
        if flight.is_measured || flight.kind == Kind::Proof {
            self.ledger.exhibits().keep("wrong", lane, Some(flight.sequence), &self.expected, reply);
        } else {
            self.ledger.exhibits().remember(lane, flight.sequence, &self.expected, reply);
        }
    }

    /// A reply that came after that to a later request: on a stream the server's own doing.
    #[cold]
    fn out_of_order(&mut self, lane: u32, flight: &Flight, reply: &[u8]) {
        if flight.is_measured {
            self.ledger.out_of_order(lane, flight.sequence, &self.expected, reply);
        }
    }

    /// Whether it answers another request of this client: a later one, so that one before it was passed over; one that was
    /// passed over and given up; or one that was answered already.
    fn is_known(&mut self, net: &mut Net, lane: u32, reply: &[u8], under_way: &[u32]) -> bool {
        for (nth, &place) in under_way.iter().enumerate() {
            let flight = *self.lanes.flight(place);
            self.expect(lane, flight.kind, flight.sequence);
            if *self.expected == *reply {
                for &before in &under_way[..nth] {
                    self.lanes.flight(before).is_overtaken = true;
                }
                if flight.is_overtaken {
                    self.out_of_order(lane, &flight, reply);
                }
                self.answered(net, lane, place, &flight, true);
                self.give_up_overtaken(lane);
                return true;
            }
        }
        if let Some(lost) = self.lost_that_fits(lane, reply) {
            self.ledger.out_of_order(lane, lost, &self.expected, reply);
            self.answered_late(lane, lost, reply);
            return true;
        }
        let client = self.lanes.lane(lane);
        let (last, was_wrong) = (client.last, client.last_was_wrong);
        if last == u64::MAX {
            return false;
        }
        self.expect(lane, Kind::Request, last);
        if *self.expected != *reply {
            return false;
        }
        self.once_more(lane, last, was_wrong, reply);
        true
    }

    /// A reply that the server has left out is not waited for once its request takes the room of the next.
    pub(crate) fn give_up_overtaken(&mut self, lane: u32) {
        if let Some(forgotten) = self.lanes.forget_overtaken(lane).filter(|flight| flight.is_measured) {
            self.remember_lost(lane, forgotten.sequence);
        }
    }

    /// The reply to the request before comes once more. Where that one was answered wrongly, the wrong reply was one too
    /// many and this is the right one.
    fn once_more(&mut self, lane: u32, last: u64, was_wrong: bool, reply: &[u8]) {
        self.lanes.lane(lane).last_was_wrong = false;
        if self.phase == Phase::WarmUp {
            return;
        }
        if was_wrong {
            let client = self.lanes.lane(lane);
            let is_late = client.last_was_late;
            client.correct += u32::from(!is_late);
            self.ledger.corrected(lane, last, is_late);
        } else {
            self.ledger.duplicate("duplicate reply", lane, last, reply);
        }
    }
}
